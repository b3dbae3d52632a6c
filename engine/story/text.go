package story

import (
	"strings"
	"unicode"
)

// text is a text from outside within a line of Markdown: one line, without anything that formats, links, mentions or hides.
func text(s string) string {
	var b strings.Builder
	runes := []rune(tame(s))
	for k, r := range runes {
		switch {
		case strings.ContainsRune("\\`*_{}[]#|~&!$", r), r == ':' && k+2 < len(runes) && runes[k+1] == '/' && runes[k+2] == '/',
			r == '.' && k >= 3 && strings.EqualFold(string(runes[k-3:k]), "www"):
			b.WriteRune('\\')
			b.WriteRune(r)
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case r == '@':
			b.WriteString("@\u200b") // where it is pasted, it calls nobody
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// code is a text from outside as it is, in a code span.
func code(s string) string {
	s = strings.ReplaceAll(tame(s), "|", "¦") // a bar would end a table's cell
	if s == "" {
		return "(empty)"
	}
	longest, run := 0, 0
	for _, r := range s {
		if r == '`' {
			run++
			longest = max(longest, run)
		} else {
			run = 0
		}
	}
	fence := strings.Repeat("`", longest+1)
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		s = " " + s + " "
	}
	return fence + s + fence
}

// tame makes a text one bounded line of visible characters.
func tame(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == unicode.ReplacementChar, unicode.IsControl(r), unicode.In(r, unicode.Cf, unicode.Co):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > longest {
		s = string(r[:longest]) + "…"
	}
	return s
}
