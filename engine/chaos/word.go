package chaos

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/eks-autopilot/autopilot/engine"
)

// link is what Slack makes of a word that looks like a channel, a person or an address: <#C024BE91L|shop>, <http://shop.svc|shop.svc>.
var link = regexp.MustCompile(`<([^<>|\s]*)(?:\|([^<>]*))?>`)

// quotes are those that people and their phones put around a word.
const quotes = "`'\"‘’‚“”„«»‹›*"

// clean makes of a word what a person meant to type: without Slack's links, quotes, and the dashes that a phone makes of two hyphens.
func clean(word string) string {
	word = link.ReplaceAllStringFunc(word, func(s string) string {
		m := link.FindStringSubmatch(s)
		if m[2] != "" {
			return m[2]
		}
		_, bare, found := strings.Cut(m[1], "://")
		if !found {
			bare = strings.TrimPrefix(strings.TrimPrefix(m[1], "#"), "@")
		}
		return bare
	})
	word = strings.Map(func(r rune) rune {
		switch {
		case strings.ContainsRune(quotes, r), unicode.IsControl(r), unicode.Is(unicode.Cf, r):
			return -1
		case unicode.Is(unicode.Pd, r), r == '−': // all dashes, and the sign for minus
			return '-'
		case unicode.IsSpace(r):
			return ' '
		}
		return r
	}, word)
	word = strings.TrimSpace(word)
	if strings.HasPrefix(word, "--") {
		word = "-" + strings.TrimLeft(word, "-")
	}
	return word
}

// plain makes somebody's word safe inside a code span.
func plain(word string) string {
	word = strings.Map(func(r rune) rune {
		if r == '`' || unicode.IsControl(r) {
			return -1
		}
		return r
	}, word)
	if r := []rune(word); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return word
}

// nearest gives what somebody may have meant by a word; "" when nothing is near.
func nearest(word string, known []string) string {
	best, least := "", 3
	for _, k := range known {
		d := engine.EditDistance(word, k)
		if len(word) >= 3 && strings.HasPrefix(k, word) {
			d = 0
		}
		if d < least && d < len(k) {
			best, least = k, d
		}
	}
	return best
}
