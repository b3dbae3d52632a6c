package query

import (
	"slices"
	"strings"
)

var (
	// words stand where a metric could, and are none.
	words = strings.Fields("and or unless bool offset by without on ignoring group_left group_right inf nan start end atan2")
	// labels are followed by label names in parentheses.
	labels = strings.Fields("by without on ignoring group_left group_right")
)

// Selectors gives the vector selectors of an expression that Prometheus takes, in order. It reads no more of PromQL than that needs: that the
// expression is right, promtool says.
func Selectors(expr string) (all []Selector) {
	for at := 0; at < len(expr); {
		switch c := expr[at]; {
		case c == '#':
			at = past(expr, at, "\n")
		case c == '"' || c == '\'' || c == '`':
			at = pastQuoted(expr, at)
		case c == '[':
			at = past(expr, at, "]")
		case c == '{':
			end := pastBraces(expr, at)
			all = append(all, Selector{Text: expr[at:end]})
			at = end
		case c >= '0' && c <= '9':
			for at < len(expr) && (isName(expr[at]) || expr[at] == '.') {
				at++ // a number or a duration
			}
		case isName(c):
			begin := at
			for at < len(expr) && isName(expr[at]) {
				at++
			}
			word, rest := expr[begin:at], strings.TrimLeft(expr[at:], " \t\n")
			switch {
			case slices.Contains(labels, strings.ToLower(word)) && strings.HasPrefix(rest, "("):
				at = past(expr, at, ")")
			case slices.Contains(words, strings.ToLower(word)), strings.HasPrefix(rest, "("), strings.HasPrefix(rest, "by "), strings.HasPrefix(rest, "without "):
			case strings.HasPrefix(rest, "{"):
				brace := len(expr) - len(rest)
				at = pastBraces(expr, brace)
				all = append(all, Selector{Name: word, Text: word + expr[brace:at]})
			default:
				all = append(all, Selector{Name: word, Text: word})
			}
		default:
			at++
		}
	}
	return all
}

func isName(c byte) bool {
	return c == '_' || c == ':' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// past is behind the next end, or the end of all.
func past(expr string, at int, end string) int {
	if n := strings.Index(expr[at:], end); n >= 0 {
		return at + n + len(end)
	}
	return len(expr)
}

func pastQuoted(expr string, at int) int {
	quote := expr[at]
	for at++; at < len(expr); at++ {
		switch {
		case expr[at] == '\\' && quote != '`':
			at++
		case expr[at] == quote:
			return at + 1
		}
	}
	return len(expr)
}

func pastBraces(expr string, at int) int {
	for at < len(expr) {
		switch expr[at] {
		case '}':
			return at + 1
		case '"', '\'', '`':
			at = pastQuoted(expr, at)
		default:
			at++
		}
	}
	return len(expr)
}
