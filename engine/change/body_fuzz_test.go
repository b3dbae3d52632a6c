package change

import (
	"regexp"
	"strings"
	"testing"

	"github.com/eks-autopilot/autopilot/engine"
)

var hostile = []string{
	"<script>alert(1)</script>", "<!-- autopilot:proposal 000000000000 -->", "--> <img src=x>", "@octocat and @shop/team", "fixes #12", "closes GH-12",
	"[a](https://evil.example)", "![a](https://evil.example/x.png)", "https://evil.example www.evil.example", "`code` ``` ````", "a|b\\|c", "\r\n# heading\n- item\n1. item",
	"$x$ and $`y`$", "&lt;b&gt; &#64;octocat", "\u202eevil", "\\", "`", "_a_ *b* ~~c~~", "Autopilot-Proposal: 000000000000", "```\n</details>\n<h1>", "a@b.example", "\\`<b>`", "1. x", "\x00\xff",
}

// TestTextsFromOutside puts each hostile text everywhere where a text comes from outside.
func TestTextsFromOutside(t *testing.T) {
	for _, text := range hostile {
		inert(t, text)
	}
}

func FuzzTextsFromOutside(f *testing.F) {
	for _, text := range hostile {
		f.Add(text)
	}
	f.Fuzz(inert)
}

// inert fails when a text does anything in a pull request but be read.
func inert(t *testing.T, text string) {
	p, o := infected(text)
	d := Compose(p, map[string][]byte{text: nil}, o)
	if len(d.Body) > bodyLimit {
		t.Fatalf("%q: the body has %d bytes", text, len(d.Body))
	}
	if !strings.HasSuffix(d.Body, "\n"+d.Marker+"\n") || !HasMarker(d.Body, d.Marker) {
		t.Fatalf("%q: no marker ends\n%s", text, d.Body)
	}
	for name, line := range map[string]string{"title": d.Title, "message": d.Message} {
		if found := regexp.MustCompile(`(?i)@\w|#\d|gh-\d|://|www\.\w`).FindString(line); found != "" {
			t.Fatalf("%q: %q in the %s %q", text, found, name, line)
		}
	}
	if strings.ContainsAny(d.Title, "\r\n") || d.Title == "" {
		t.Fatalf("%q: the title is %q", text, d.Title)
	}
	if strings.Count(d.Message, "\n"+trailerName) != 1 || !HasTrailer(d.Message, d.Branch) {
		t.Fatalf("%q: the message's trailer is not alone:\n%s", text, d.Message)
	}
	if !regexp.MustCompile(`^autopilot/[a-z0-9]+(-[a-z0-9]+)*-[0-9a-f]{12}$`).MatchString(d.Branch) {
		t.Fatalf("%q: branch %q", text, d.Branch)
	}
	shown := outsideCode(t, strings.TrimSuffix(d.Body, d.Marker+"\n"))
	for what, pattern := range map[string]*regexp.Regexp{
		"HTML": regexp.MustCompile(`<`), "a mention": regexp.MustCompile(`@\w`), "an issue": regexp.MustCompile(`(?i)[^&]#\d|gh-\d`),
		"an address": regexp.MustCompile(`(?i)://|www\.\w`), "a link": regexp.MustCompile(`(^|[^\\])\]\s*[(\[:]`), "an entity": regexp.MustCompile(`&[^#]|&#[^0-9]`),
		"a tick": regexp.MustCompile("`"), "an emphasis": regexp.MustCompile(`(^|[^\\])[*_~]`), "a backslash": regexp.MustCompile(`\\[^*_{}\[\]()#+!~.\-]`), "a formula": regexp.MustCompile(`\$[^0-9]`),
	} {
		if found := pattern.FindString(shown); found != "" {
			t.Fatalf("%q makes %s: %q in\n%s", text, what, found, shown)
		}
	}
	for line := range strings.Lines(d.Body) {
		if strings.HasPrefix(line, "| ") && strings.Count(strings.ReplaceAll(line, `\|`, ""), "|") != 7 {
			t.Fatalf("%q: a row with other cells: %s", text, line)
		}
	}
}

// infected is a proposal that has a text in every place which a person, a file or a cluster fills.
func infected(text string) (engine.Proposal, Options) {
	i := item()
	i.Title, i.Owner.Team, i.Why, i.Wish.Old, i.Wish.New, i.Wish.With[0].New, i.Basis.Note = text, text, text, text, text, text, text
	i.Steps, i.ByHand = []string{text}, []engine.Place{{Path: text, Line: 1, Text: text, Note: text}}
	i.Edits = []engine.FileEdit{{Path: text, Line: 1, Before: text, After: text, Diff: text}}
	other := i
	other.FindingID, other.Wish.Kind, other.Wish.Target.Provider = 13, engine.WishVolume, text
	p := proposal(i, other)
	p.Title, p.Team, p.Cluster, p.Base, p.Hash = text, text, text, text, text
	for n := range p.Approved {
		p.Approved[n].By.Name, p.Approved[n].Role = text, text
	}
	o := evidence()
	o.Logins, o.ThreadURL, o.Reverts, o.Labels = map[string]string{"U1": text}, text, text, []string{text}
	if loginForm.MatchString(text) {
		o.Logins = nil // the configuration may name anybody
	}
	p.Reverts = 1
	o.Incident = &engine.Incident{Title: text, Diagnosis: engine.Diagnosis{Causes: []engine.Cause{{Title: text, Text: text}}}}
	f := o.Findings[11]
	f.Reasons, f.Risks, f.Caveats = []string{text}, []string{text}, []string{text}
	f.Sizing.Chart.Unit, f.Sizing.Chart.Series[0].Name, f.Sizing.Chart.Lines[0].Name = text, text, text
	v := volumeEvidence().Findings[13]
	v.Volume.Type, v.Volume.Snapshot, v.Volume.Searched = text, text, []string{text}
	o.Findings = map[int64]engine.Finding{11: f, 13: v}
	return p, o
}

// outsideCode takes out of markdown, as its standard says, what is code, and what the bot itself writes as HTML, bold, links and
// escapes. What is left is what GitHub reads.
func outsideCode(t *testing.T, body string) string {
	t.Helper()
	var out strings.Builder
	fence := ""
	for line := range strings.Lines(body) {
		ticks := line[:len(line)-len(strings.TrimLeft(line, "`"))]
		switch {
		case fence == "" && len(ticks) >= 3:
			fence = ticks
		case fence != "" && len(ticks) >= len(fence) && strings.TrimSpace(line) == ticks:
			fence = ""
		case fence == "":
			out.WriteString(outsideSpans(line))
		}
	}
	if fence != "" {
		t.Fatalf("a block of code has no end in\n%s", body)
	}
	text := regexp.MustCompile(`<code>(&#\d+;|[^<>&|\\`+"`"+`])*</code>`).ReplaceAllString(out.String(), "")
	for _, own := range []string{"<details>", "</details>", "<summary>", "</summary>", "<br>", "<span>$</span>"} {
		text = strings.ReplaceAll(text, own, "¤")
	}
	text = regexp.MustCompile(`\*\*(Saves|Costs)[^*]*\*\*|\*\*(Revert|All|low|\$[0-9.,]+)\*\*`).ReplaceAllString(text, "")
	return regexp.MustCompile(`(?s)\[(the thread in Slack|the pull request of proposal 1)\]\(https://[^()<>\s\\]*\)`).ReplaceAllString(text, "")
}

// outsideSpans takes code spans out of a line: a row of backticks and the next row as long. A backslash before the first row
// takes away one of it.
func outsideSpans(line string) string {
	var out strings.Builder
	for i := 0; i < len(line); {
		if line[i] != '`' {
			out.WriteByte(line[i])
			i++
			continue
		}
		n := len(line[i:]) - len(strings.TrimLeft(line[i:], "`"))
		end := -1
		for j := i + n; j < len(line); {
			m := len(line[j:]) - len(strings.TrimLeft(line[j:], "`"))
			if m == n {
				end = j + m
				break
			}
			j += max(m, 1)
		}
		if end < 0 {
			out.WriteString(line[i : i+n])
			i += n
			continue
		}
		i = end
	}
	return out.String()
}
