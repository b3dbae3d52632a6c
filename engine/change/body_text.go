package change

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/eks-autopilot/autopilot/engine"
)

// What stands in a pull request comes from clusters, files and people, and is read by people who trust the bot. A text from
// outside therefore shows as it is, and does nothing: no link, no mention, no image, no closed issue, no HTML.

// gap is a character without width. GitHub looks for mentions, issues and addresses after it has read the markdown, so that no
// escape but a character in between keeps it from finding them.
const gap = "\u200b"

// oneLine takes out what would break a line or hide the order of letters, and joins blanks.
func oneLine(text string) string {
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == utf8.RuneError, unicode.Is(unicode.C, r):
			return -1
		}
		return r
	}, text)), " ")
}

// plainText is a text for a title or a commit's message, which GitHub searches for mentions and for issues to close.
func plainText(text string) string { return broken(oneLine(text)) }

var finds = regexp.MustCompile(`(?i)@|#|gh-|://|www\.|autopilot-proposal:`)

// broken puts a gap into what GitHub would find in a text.
func broken(text string) string {
	return finds.ReplaceAllStringFunc(text, func(found string) string {
		if len(found) == 1 {
			return found + gap
		}
		return found[:len(found)-1] + gap + found[len(found)-1:]
	})
}

// commentLimit is how much of a text Prose lets through.
const commentLimit = 2000

// Prose is a plain text as markdown on one line that shows it and does nothing else, for a comment.
func Prose(text string) string { return prose(text, commentLimit) }

// prose is a text from outside amid markdown, on one line, of so many letters at most.
func prose(text string, limit int) string {
	var b strings.Builder
	number := true // nothing but digits so far: a dot would begin a list
	for n, r := range broken(cut(oneLine(text), limit)) {
		switch {
		case strings.ContainsRune("<>&|\\`", r):
			fmt.Fprintf(&b, "&#%d;", r)
		case r == '$':
			b.WriteString("<span>$</span>") // two of them would be a formula
		case strings.ContainsRune("*_{}[]()#+!~", r), n == 0 && r == '-', number && r == '.':
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
		number = number && unicode.IsDigit(r)
	}
	return b.String()
}

// htmlText is a text from outside within HTML, where no markdown is read.
func htmlText(text string, limit int) string {
	var b strings.Builder
	for _, r := range broken(cut(oneLine(text), limit)) {
		if strings.ContainsRune("<>&\"'|\\`$*_{}[]()#+!~", r) {
			fmt.Fprintf(&b, "&#%d;", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// code is a name or a value amid markdown, in a code span, in which nothing but its end is read.
func code(text string, limit int) string {
	text = cut(oneLine(text), limit)
	if text == "" {
		return ""
	}
	ticks := strings.Repeat("`", longestRun(text)+1)
	if strings.HasPrefix(text, "`") || strings.HasSuffix(text, "`") {
		text = " " + text + " "
	}
	return ticks + text + ticks
}

// codeCell is code in a table, which is cut into cells before code spans are read.
func codeCell(text string, limit int) string {
	if !strings.ContainsAny(text, `|\`) {
		return code(text, limit)
	}
	var b strings.Builder
	b.WriteString("<code>")
	for _, r := range cut(oneLine(text), limit) {
		if r < utf8.RuneSelf && !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != ' ' {
			fmt.Fprintf(&b, "&#%d;", r)
			continue
		}
		b.WriteRune(r)
	}
	b.WriteString("</code>")
	return b.String()
}

// fenced is a block of text as it is, with an end that is not in it.
func fenced(language, text string) string {
	text = strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && (r == utf8.RuneError || unicode.Is(unicode.C, r)) {
			return -1
		}
		return r
	}, text)
	ticks := strings.Repeat("`", max(3, longestRun(text)+1))
	return ticks + language + "\n" + strings.TrimRight(text, "\n") + "\n" + ticks + "\n"
}

// longestRun counts the backticks of the longest row of them.
func longestRun(text string) int {
	longest, run := 0, 0
	for i := range len(text) {
		if run++; text[i] != '`' {
			run = 0
		}
		longest = max(longest, run)
	}
	return longest
}

// cut shortens a text to so many letters.
func cut(text string, limit int) string {
	if utf8.RuneCountInString(text) <= limit {
		return text
	}
	return strings.TrimSpace(string([]rune(text)[:limit-1])) + "…"
}

// link is an address to follow, or nothing where it is not one of the web.
func link(label, address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || len(address) > 500 {
		return ""
	}
	safe := strings.NewReplacer("(", "%28", ")", "%29", "<", "%3C", ">", "%3E", "\\", "%5C", " ", "%20").Replace(u.String())
	return "[" + label + "](" + safe + ")"
}

var loginForm = regexp.MustCompile(`^[A-Za-z0-9](-?[A-Za-z0-9]){0,38}$`)

// personText names a person of Slack, and mentions them only by a login that the configuration gives them.
func personText(who engine.Person, logins map[string]string) string {
	name := prose(who.Name, 80)
	if name == "" {
		name = code(who.ID, 40)
	}
	if login := logins[who.ID]; loginForm.MatchString(login) {
		return name + " (@" + login + ")"
	}
	return name
}

func timeText(at time.Time) string { return at.UTC().Format("2006-01-02 15:04 UTC") }

// moneyLine says what a change saves or costs a month.
func moneyLine(monthly engine.MicroUSD) string {
	switch {
	case monthly > 0:
		return "saves " + monthly.String() + " a month"
	case monthly < 0:
		return "costs " + (-monthly).String() + " a month more"
	}
	return "saves no money"
}

// riskOf gives the highest risk.
func riskOf(items []engine.ProposalItem) engine.Risk {
	risk := engine.RiskLow
	for _, i := range items {
		if slices.Index(risks, i.Risk) > slices.Index(risks, risk) {
			risk = i.Risk
		}
	}
	return risk
}

// basisText says what a price rests on, and whether it is an estimate.
func basisText(b engine.PriceBasis) string {
	as, note := "", ""
	if !b.AsOf.IsZero() {
		as = " of " + b.AsOf.UTC().Format(time.DateOnly)
	}
	if b.Note != "" {
		note = " (" + prose(b.Note, 160) + ")"
	}
	switch b.Source {
	case engine.PriceEffective:
		return "what is really paid" + as + note
	case engine.PriceSpot:
		return "an estimate at the Spot price" + as + note
	case engine.PriceList:
		return "an estimate at list price" + as + note
	case engine.PriceEmbedded:
		return "an estimate at the list price" + as + " that came with this version of Autopilot" + note
	case engine.PriceUnknown:
	}
	return "no price is known" + note
}

func percent(share float64) string { return fmt.Sprintf("%.1f %%", 100*share) }
