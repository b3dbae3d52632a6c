package main

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// hand is the handwriting of one file.
type hand struct {
	r                             *rand.Rand
	unit, list                    int     // indentation of mappings, and of lists below their key
	comments, blanks, braces      float64 // how often
	quotes, keyQuotes, wide, tabs float64
	anchors                       float64
	eol, start, end               string
	bom, cut                      bool // cut: no line end at the end
	used                          int  // anchors so far
}

func newHand(r *rand.Rand) *hand {
	unit := one(r, 2, 2, 2, 3, 4, 4, 8)
	often := func(p float64) float64 { return one(r, 0, p, p, 3*p) }
	return &hand{
		r: r, unit: unit, list: one(r, 0, 0, unit, 2, 1), comments: often(0.08), blanks: often(0.05), braces: often(0.12),
		quotes: often(0.15), keyQuotes: often(0.05), wide: often(0.08), tabs: often(0.05), anchors: often(0.04),
		eol:   one(r, "\n", "\n", "\n", "\r\n"),
		start: one(r, "", "", "---\n", "# SPDX: none\n---\n", "%YAML 1.1\n---\n", "# größe: 大\n\n", "--- # first\n"),
		end:   one(r, "", "", "", "...\n", "# the end\n", "\n\n"), bom: r.IntN(8) == 0, cut: r.IntN(5) == 0,
	}
}

func (h *hand) chance(p float64) bool { return h.r.Float64() < p }

// file writes documents.
func (h *hand) file(docs []pairs) string {
	var out strings.Builder
	out.WriteString(h.start)
	for i, d := range docs {
		if i > 0 {
			out.WriteString(one(h.r, "---\n", "---\n", "--- # next\n", "...\n---\n", "\n---\n\n", "# before\n---\n# behind\n"))
		}
		h.used = 0
		h.mapping(&out, d, 0)
	}
	out.WriteString(h.end)
	text := out.String()
	if h.cut {
		text = strings.TrimRight(text, "\n")
	}
	text = strings.ReplaceAll(text, "\n", h.eol)
	if h.bom {
		text = "\uFEFF" + text
	}
	return text
}

// mapping writes pairs in lines. The first one may follow a dash.
func (h *hand) mapping(out *strings.Builder, p pairs, indent int) {
	for i, one := range p {
		if i > 0 {
			h.between(out, indent)
			out.WriteString(strings.Repeat(" ", indent))
		}
		out.WriteString(h.key(one.key) + ":")
		h.value(out, one.value, indent, false)
	}
}

// between writes what may stand between two lines.
func (h *hand) between(out *strings.Builder, indent int) {
	if h.chance(h.blanks) {
		out.WriteString(one(h.r, "\n", "\n\n", "   \n"))
	}
	if h.chance(h.comments) {
		out.WriteString(strings.Repeat(" ", one(h.r, indent, indent, 0, indent+3)) + h.comment() + "\n")
	}
}

func (h *hand) comment() string {
	return "#" + one(h.r, " raised in May", "memory: 2Gi", "\ttab", " größer 大 🎉", " - item", "", " \"quoted\" 'too' {a: b}", "# ----")
}

// value writes what follows a key's colon or an item's dash, to the end of the line.
func (h *hand) value(out *strings.Builder, v any, indent int, item bool) {
	space := " "
	if h.chance(h.wide) {
		space = one(h.r, "  ", "     ")
	}
	switch v := v.(type) {
	case pairs:
		if len(v) == 0 || h.chance(h.braces) {
			out.WriteString(space + h.flow(v) + h.trailer())
			return
		}
		if item {
			out.WriteString(space)
			h.mapping(out, v, indent+1+len(space))
			return
		}
		out.WriteString(h.anchor() + h.trailer())
		h.between(out, indent+h.unit)
		out.WriteString(strings.Repeat(" ", indent+h.unit))
		h.mapping(out, v, indent+h.unit)
	case []any:
		if len(v) == 0 || item || h.chance(h.braces) {
			out.WriteString(space + h.flow(v) + h.trailer())
			return
		}
		out.WriteString(h.trailer())
		for i, x := range v {
			if i > 0 {
				h.between(out, indent+h.list)
			}
			out.WriteString(strings.Repeat(" ", indent+h.list) + "-")
			h.value(out, x, indent+h.list, true)
		}
	case lines:
		h.block(out, string(v), indent)
	case nil:
		out.WriteString(one(h.r, "", " null", " ~") + h.trailer())
	default:
		out.WriteString(space + strings.TrimPrefix(h.anchor()+" ", " ") + h.scalar(v) + h.trailer())
	}
}

func (h *hand) anchor() string {
	if !h.chance(h.anchors) {
		return ""
	}
	h.used++
	return fmt.Sprintf(" &a%d", h.used)
}

// trailer ends a line.
func (h *hand) trailer() string {
	if h.chance(h.comments) {
		gap := one(h.r, " ", "   ")
		if h.chance(h.tabs * 4) {
			gap = "\t"
		}
		return gap + h.comment() + "\n"
	}
	if h.chance(h.tabs) {
		return "  \n"
	}
	return "\n"
}

// block writes text of several lines.
func (h *hand) block(out *strings.Builder, text string, indent int) {
	out.WriteString(" |" + one(h.r, "", "", "-", "+") + one(h.r, "", "", " # a text") + "\n")
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) != "" {
			out.WriteString(strings.Repeat(" ", indent+h.unit))
		}
		out.WriteString(line)
	}
}

// flow writes a value in braces and brackets.
func (h *hand) flow(v any) string {
	pad, comma := one(h.r, "", "", " "), one(h.r, ", ", ", ", " , ", ",  ")
	var parts []string
	switch v := v.(type) {
	case pairs:
		for _, one := range v {
			parts = append(parts, h.key(one.key)+": "+h.flow(one.value))
		}
		return "{" + pad + strings.Join(parts, comma) + pad + "}"
	case []any:
		for _, x := range v {
			parts = append(parts, h.flow(x))
		}
		return "[" + pad + strings.Join(parts, comma) + pad + "]"
	case lines:
		return doubled(string(v))
	case nil:
		return "null"
	}
	return h.scalar(v)
}

func (h *hand) key(k string) string {
	if h.chance(h.keyQuotes) {
		return one(h.r, `"`+k+`"`, "'"+k+"'")
	}
	return k
}

// scalar writes a value, in quotes where it needs them or where the hand likes them.
func (h *hand) scalar(v any) string {
	text, ok := v.(string)
	if !ok {
		return fmt.Sprint(v)
	}
	single := "'" + strings.ReplaceAll(text, "'", "''") + "'"
	switch {
	case strings.ContainsAny(text, "\n\t\\"):
		return doubled(text)
	case h.chance(h.quotes):
		return one(h.r, doubled(text), single)
	case !readsAs(text):
		return one(h.r, doubled(text), single)
	}
	return text
}

// readsAs tells whether text without quotes is that text again, also between braces.
func readsAs(text string) bool {
	var v []any
	return yaml.Unmarshal([]byte("["+text+"]"), &v) == nil && len(v) == 1 && fmt.Sprint(v[0]) == text
}

func doubled(text string) string {
	q := strconv.Quote(text)
	if strings.Contains(q, `\x`) {
		return "'" + strings.ReplaceAll(text, "'", "''") + "'"
	}
	return q
}
