package github

import (
	"fmt"
	"html"
	"regexp"
	"strings"
)

// markdown renders the part of GitHub's Markdown that pull requests are written in: headings, lists, tables, fences, quotes,
// details, emphasis, code and links. All else is shown as it is, escaped.
func markdown(text string) string {
	text = strings.ReplaceAll(hidden.ReplaceAllString(text, ""), "\r\n", "\n")
	m := &marker{lines: strings.Split(text, "\n")}
	for m.at < len(m.lines) {
		m.block()
	}
	return m.out.String()
}

type marker struct {
	lines []string
	at    int
	out   strings.Builder
}

var (
	hidden  = regexp.MustCompile(`(?s)<!--.*?-->`)
	heading = regexp.MustCompile(`^(#{1,6})\s+(.+?)\s*#*$`)
	bullet  = regexp.MustCompile(`^\s*[-*+]\s+(?:\[([ xX])\]\s+)?(.*)$`)
	ordered = regexp.MustCompile(`^\s*\d+[.)]\s+()(.*)$`)
	divider = regexp.MustCompile(`^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$`)
	folded  = regexp.MustCompile(`^\s*(</?details(?: open)?>)?\s*(?:<summary>(.*)</summary>)?\s*$`)
)

func (m *marker) line() string { return m.lines[m.at] }

// while gives the lines from here on for which want holds.
func (m *marker) while(want func(string) bool) []string {
	from := m.at
	for m.at < len(m.lines) && want(m.line()) {
		m.at++
	}
	return m.lines[from:m.at]
}

// block renders one block and goes on behind it.
func (m *marker) block() {
	line := m.line()
	switch {
	case strings.TrimSpace(line) == "":
		m.at++
	case strings.HasPrefix(line, "```"):
		m.fence()
	case heading.MatchString(line):
		f := heading.FindStringSubmatch(line)
		fmt.Fprintf(&m.out, "<h%d>%s</h%[1]d>\n", len(f[1]), inline(f[2]))
		m.at++
	case folded.MatchString(line):
		m.at++
		f := folded.FindStringSubmatch(line)
		m.out.WriteString(f[1] + "\n")
		if f[2] != "" {
			m.out.WriteString("<summary>" + inline(f[2]) + "</summary>\n")
		}
	case m.at+1 < len(m.lines) && strings.Contains(line, "|") && divider.MatchString(m.lines[m.at+1]):
		m.table()
	case divider.MatchString(line) && len(strings.TrimSpace(line)) >= 3:
		m.out.WriteString("<hr>\n")
		m.at++
	case bullet.MatchString(line):
		m.list("ul", bullet)
	case ordered.MatchString(line):
		m.list("ol", ordered)
	case strings.HasPrefix(line, ">"):
		var inner []string
		for _, l := range m.while(func(l string) bool { return strings.HasPrefix(l, ">") }) {
			inner = append(inner, strings.TrimPrefix(strings.TrimPrefix(l, ">"), " "))
		}
		m.out.WriteString("<blockquote>" + markdown(strings.Join(inner, "\n")) + "</blockquote>\n")
	default:
		m.paragraph()
	}
}

func (m *marker) fence() {
	kind := strings.TrimLeft(m.line(), "`")
	fence := m.line()[:len(m.line())-len(kind)]
	m.at++
	inner := m.while(func(l string) bool { return !strings.HasPrefix(l, fence) })
	m.at++ // the closing fence
	m.out.WriteString("<pre><code>")
	for _, l := range inner {
		class := ""
		if strings.TrimSpace(kind) == "diff" && l != "" {
			class = map[byte]string{'+': "add", '-': "del", '@': "hunk"}[l[0]]
		}
		if class != "" {
			m.out.WriteString(`<span class="` + class + `">` + html.EscapeString(l) + "</span>\n")
			continue
		}
		m.out.WriteString(html.EscapeString(l) + "\n")
	}
	m.out.WriteString("</code></pre>\n")
}

func (m *marker) list(tag string, item *regexp.Regexp) {
	m.out.WriteString("<" + tag + ">\n")
	for m.at < len(m.lines) && item.MatchString(m.line()) {
		f := item.FindStringSubmatch(m.line())
		m.at++
		more := m.while(func(l string) bool {
			return strings.HasPrefix(l, "  ") && !item.MatchString(l) && strings.TrimSpace(l) != ""
		})
		box := map[string]string{" ": "☐ ", "x": "☑ ", "X": "☑ "}[f[1]]
		words := strings.Fields(strings.Join(append([]string{f[2]}, more...), " "))
		m.out.WriteString("<li>" + box + inline(strings.Join(words, " ")) + "</li>\n")
	}
	m.out.WriteString("</" + tag + ">\n")
}

func (m *marker) table() {
	head := m.line()
	m.at += 2
	rows := m.while(func(l string) bool { return strings.Contains(l, "|") && strings.TrimSpace(l) != "" })
	m.out.WriteString("<table><thead>" + row(head, "th") + "</thead><tbody>\n")
	for _, r := range rows {
		m.out.WriteString(row(r, "td"))
	}
	m.out.WriteString("</tbody></table>\n")
}

func row(line, tag string) string {
	line = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(line), "|"), "|")
	line = strings.ReplaceAll(line, `\|`, "\x00")
	var b strings.Builder
	b.WriteString("<tr>")
	for cell := range strings.SplitSeq(line, "|") {
		b.WriteString("<" + tag + ">" + inline(strings.TrimSpace(strings.ReplaceAll(cell, "\x00", "|"))) + "</" + tag + ">")
	}
	return b.String() + "</tr>\n"
}

func (m *marker) paragraph() {
	first := m.line()
	m.at++
	text := append([]string{first}, m.while(func(l string) bool {
		return strings.TrimSpace(l) != "" && !strings.HasPrefix(l, "```") && !strings.HasPrefix(l, ">") &&
			!heading.MatchString(l) && !bullet.MatchString(l) && !ordered.MatchString(l) && !folded.MatchString(l)
	})...)
	m.out.WriteString("<p>" + strings.ReplaceAll(inline(strings.Join(text, "\n")), "\n", "<br>\n") + "</p>\n")
}

var marks = []struct {
	find *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`\[([^\[\]]+)\]\(((?:https?://|/|#)[^\s()]*)\)`), `<a href="$2" rel="noopener">$1</a>`},
	{regexp.MustCompile(`\*\*([^*]+)\*\*`), "<strong>$1</strong>"},
	{regexp.MustCompile(`~~([^~]+)~~`), "<del>$1</del>"},
	{regexp.MustCompile(`(^|[\s(])[*_]([^*_\s][^*_]*)[*_]`), "$1<em>$2</em>"},
	{regexp.MustCompile(`(^|[\s(])(https?://[^\s<>()&;]+)`), `$1<a href="$2" rel="noopener">$2</a>`},
}

// spans are the plain ones, which keep GitHub from taking a dollar for a formula.
var spans = strings.NewReplacer("&lt;span&gt;", "", "&lt;/span&gt;", "")

// inline renders what is within a line. Code is taken out first, as nothing in it means anything.
func inline(text string) string {
	parts := strings.Split(text, "`")
	var b strings.Builder
	for n, part := range parts {
		part = html.EscapeString(part)
		switch {
		case n%2 == 1 && n < len(parts)-1:
			b.WriteString("<code>" + part + "</code>")
			continue
		case n%2 == 1:
			b.WriteString("`")
		}
		part = spans.Replace(part)
		for _, m := range marks {
			part = m.find.ReplaceAllString(part, m.with)
		}
		b.WriteString(part)
	}
	return b.String()
}
