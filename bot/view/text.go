package view

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"

	"github.com/eks-autopilot/autopilot/engine"
)

// size is a text's length as Slack counts it, in UTF-16 units.
func size(s string) int {
	n := 0
	for _, r := range s {
		n += runeSize(r)
	}
	return n
}

func runeSize(r rune) int { return max(1, utf16.RuneLen(r)) }

// cut shortens our own text to n units.
func cut(s string, n int) string {
	if size(s) <= n {
		return s
	}
	var b strings.Builder
	left := n - 1
	for _, r := range s {
		if left -= runeSize(r); left < 0 {
			break
		}
		b.WriteRune(r)
	}
	return strings.TrimRight(b.String(), " ") + "…"
}

// tame makes text from outside one line of visible characters: no control characters, no marks that reverse the line.
func tame(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == unicode.ReplacementChar, unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// clip bounds the work on a text of which n units are shown at most. A character cut in half is dropped by tame.
func clip(s string, n int) string {
	const widest = 8 // bytes a unit, and some space to collapse
	return s[:min(len(s), widest*n)]
}

var escapes = map[rune]string{'&': "&amp;", '<': "&lt;", '>': "&gt;"}

// escape makes s harmless in mrkdwn and at most n units long, entities counted.
func escape(s string, n int) string {
	var b strings.Builder
	left := n
	for i, r := range s {
		piece := string(r)
		if e, ok := escapes[r]; ok {
			piece = e
		}
		need := size(piece)
		// Everything but the last character leaves room for the ellipsis.
		if more := i+len(string(r)) < len(s); need > left || more && need > left-1 {
			b.WriteString("…")
			break
		}
		left -= need
		b.WriteString(piece)
	}
	return b.String()
}

// outside is text from outside within a line of ours, at most n units long. Its formatting marks become look-alikes, so that a
// pod named *x* is not bold.
func outside(s string, n int) string {
	s = breakMarks(tame(clip(s, n)))
	return isolated(func(n int) string { return escape(s, n) }, n)
}

var lookAlikes = map[rune]rune{'*': '∗', '_': 'ˍ', '~': '∼', '`': 'ˋ'}

// breakMarks keeps * _ ~ and ` from pairing up. A mark within a word, as in my_pod, means nothing to Slack and stays.
func breakMarks(s string) string {
	var b strings.Builder
	runes := []rune(s)
	for i, r := range runes {
		edge := i == 0 || i == len(runes)-1 || !wordRune(runes[i-1]) || !wordRune(runes[i+1])
		if other, mark := lookAlikes[r]; mark && (edge || r == '`') {
			r = other
		}
		b.WriteRune(r)
	}
	return b.String()
}

func wordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// code is text from outside as it is, in a code span.
func code(s string, n int) string {
	s = strings.ReplaceAll(tame(clip(s, n)), "`", "ˋ")
	if s = isolated(func(n int) string { return escape(s, n) }, n-2); s == "" {
		return ""
	}
	return "`" + s + "`"
}

// plain is text from outside where Slack formats nothing, at most n units long.
func plain(s string, n int) string {
	s = tame(clip(s, n))
	return isolated(func(n int) string { return cut(s, n) }, n)
}

// fence is text of several lines in a code block, at most n units long; lines that do not fit are left out at the end.
func fence(text string, n int) string {
	var lines []string
	left := n - size("```\n\n```")
	for line := range strings.Lines(clip(text, n)) {
		line = strings.TrimRight(strings.Map(visible, line), " \n")
		line = isolate(escape(strings.ReplaceAll(line, "```", "ˋˋˋ"), left))
		if left -= size(line) + 1; left < 0 {
			break
		}
		lines = append(lines, line)
	}
	return "```\n" + strings.Join(lines, "\n") + "\n```"
}

// visible keeps what a line of a log may hold.
func visible(r rune) rune {
	switch {
	case r == '\t':
		return ' '
	case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r), r == unicode.ReplacementChar:
		return -1
	}
	return r
}

// when is a time in the reader's own zone.
func when(t time.Time) string {
	return fmt.Sprintf("<!date^%d^{date_short_pretty} {time}|%s>", t.Unix(), t.UTC().Format("2006-01-02 15:04 UTC"))
}

// clock is a time to the second, for lines whose order matters; with its day only when that is not now's.
func clock(t, now time.Time) string {
	if now.Sub(t).Abs() < 12*time.Hour {
		return fmt.Sprintf("<!date^%d^{time_secs}|%s>", t.Unix(), t.UTC().Format("15:04:05 UTC"))
	}
	return fmt.Sprintf("<!date^%d^{date_short_pretty} {time_secs}|%s>", t.Unix(), t.UTC().Format("2006-01-02 15:04:05 UTC"))
}

var slackID = regexp.MustCompile(`^[A-Z0-9]{2,32}$`)

// person mentions someone; the zero Person is the bot.
func person(p engine.Person) string {
	switch {
	case p.IsZero() && p.Name == "":
		return "Autopilot"
	case slackID.MatchString(p.ID):
		return "<@" + p.ID + ">"
	case p.Name != "":
		return outside(p.Name, 80)
	}
	return outside(p.ID, 80)
}

func mention(m engine.Mention) string {
	switch {
	case slackID.MatchString(m.Group):
		return "<!subteam^" + m.Group + ">"
	case m.Group != "":
		return "@" + outside(m.Group, 80)
	}
	return person(engine.Person{ID: m.User})
}

// mentions wakes people and groups, ten at most.
func mentions(who []engine.Mention) string {
	var names []string
	for _, m := range who[:min(10, len(who))] {
		names = append(names, mention(m))
	}
	return strings.Join(names, " ")
}

// link shows text that leads to address. Text that is not ours must be escaped already. An address that is not a plain web
// address is left out.
func link(address, text string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || len(address) > 1000 ||
		strings.ContainsAny(address, "|<> \n") {
		return text
	}
	return "<" + strings.ReplaceAll(address, "&", "&amp;") + "|" + text + ">"
}

// Permalink is the address of a message in the workspace at base; "" when it is not known.
func Permalink(base string, t engine.Thread) string {
	if base == "" || t.Channel == "" || t.TS == "" {
		return ""
	}
	return strings.TrimSuffix(base, "/") + "/archives/" + url.PathEscape(t.Channel) + "/p" + strings.ReplaceAll(url.PathEscape(t.TS), ".", "")
}

// lasted is a duration as people say it: "45 s", "12 min", "3 h 5 min", "2 d 4 h".
func lasted(d time.Duration) string {
	switch {
	case d < 0:
		return "0 s"
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 24*time.Hour:
		return two(int(d.Hours()), "h", int(d.Minutes())%60, "min")
	}
	return two(int(d.Hours())/24, "d", int(d.Hours())%24, "h")
}

func two(a int, unitA string, b int, unitB string) string {
	if b == 0 {
		return fmt.Sprintf("%d %s", a, unitA)
	}
	return fmt.Sprintf("%d %s %d %s", a, unitA, b, unitB)
}

// plural is "1 pod" or "3 pods".
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
