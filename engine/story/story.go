// Package story writes an incident down as Markdown: what happened, why, who did what, how long it took and what it cost. It is pure:
// the same story gives the same bytes. Package bot/view uploads it into the thread of an incident that is over, and handlers gives it to
// whoever asks.
package story

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	mostCauses   = 5
	mostEvidence = 12 // of a cause, for it and against it
	mostChildren = 50
	mostTimeline = 500
	longest      = 1000 // characters of one text from outside
)

// Name is the name of an incident's file.
func Name(i engine.Incident) string { return fmt.Sprintf("incident-%d.md", i.ID) }

// Markdown writes a story. All that comes from outside is escaped: it is text, whatever it looks like.
func Markdown(s engine.Story) string {
	p := &page{}
	i := s.Incident
	p.line("# Incident %d: %s", i.ID, text(title(i)))
	p.head(s)
	p.causes(i)
	p.fixes(s)
	p.change(i)
	p.signals(i)
	p.children(i)
	p.timeline(i)
	p.people(s)
	p.before(i)
	p.missing(s)
	return p.String()
}

// page is what is written so far.
type page struct{ strings.Builder }

func (p *page) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

func (p *page) section(name string) { p.line("\n## %s\n", name) }

func (p *page) row(name, format string, args ...any) {
	p.line("| %s | %s |", name, fmt.Sprintf(format, args...))
}

func (p *page) head(s engine.Story) {
	i := s.Incident
	p.line("\n| | |\n| --- | --- |")
	p.row("Workload", "%s", text(strings.TrimSpace(i.Workload.Kind+" "+i.Workload.String())))
	p.row("Cluster", "%s", text(i.Workload.Cluster))
	p.row("Severity", "%s", text(string(i.Severity)))
	p.row("Problems", "%s", text(strings.ReplaceAll(join(i.Classes), "_", " ")))
	p.row("Began", "%s", stamp(i.StartedAt))
	detected := stamp(i.DetectedAt)
	if s.Detect.Known {
		detected += ", after " + span(s.Detect.For)
	}
	p.row("Detected", "%s", detected)
	switch {
	case s.Acknowledge.Known:
		p.row("Acknowledged", "after %s", span(s.Acknowledge.For))
	default:
		p.row("Acknowledged", "by nobody")
	}
	if i.IsOpen() {
		p.row("Resolved", "not yet")
	} else {
		p.row("Resolved", "%s, by %s", stamp(i.ResolvedAt), cmp.Or(name(i.ResolvedBy), "itself"))
	}
	p.row("Lasted", "%s", span(s.Lasted))
	if i.Reopened > 0 {
		p.row("Reopened", "%s", times(i.Reopened))
	}
	if s.Costed {
		p.row("Cost", "%s to the business while it lasted", s.Cost)
	} else {
		p.row("Cost", "not known")
	}
}

func (p *page) causes(i engine.Incident) {
	p.section("Cause")
	d := i.Diagnosis
	switch {
	case d.At.IsZero():
		p.line("It was not looked for, or what was found is not kept any more.")
	case len(d.Causes) == 0:
		p.line("Nothing in the evidence fits a known cause.")
	}
	for n, c := range d.Causes[:min(len(d.Causes), mostCauses)] {
		if n > 0 {
			p.line("")
		}
		p.line("%d. **%s** (%s)", n+1, text(c.Title), confidence(c))
		if c.Text != "" {
			p.line("   %s", text(c.Text))
		}
		for _, side := range []struct {
			word string
			ids  []string
		}{{"for", c.For}, {"against", c.Against}} {
			for _, id := range side.ids[:min(len(side.ids), mostEvidence)] {
				if e, ok := d.Find(id); ok {
					p.line("   - %s: %s%s", side.word, code(e.Text), source(e))
				}
			}
		}
		for _, v := range i.Verdicts {
			if v.Rule == c.Rule {
				p.line("   - %s", verdict(v))
			}
		}
	}
	for _, v := range i.Verdicts {
		if _, shown := d.Cause(v.Rule); v.Rule != "" && !shown {
			p.line("- %s: %s", code(v.Rule), verdict(v))
		}
	}
}

func verdict(v engine.Verdict) string {
	said := name(v.By) + " said that it was right"
	if !v.Right {
		said = name(v.By) + " said that it was wrong"
	}
	if v.Correction != "" {
		said += ": " + text(v.Correction)
	}
	return said
}

// confidence says in words what is only our belief. A percentage is a measured frequency.
func confidence(c engine.Cause) string {
	if c.Basis == engine.Calibrated {
		return fmt.Sprintf("%.0f %%, measured on %s", 100*min(1, max(0, c.Confidence)), plural(c.Verdicts, "answer", "answers"))
	}
	return fmt.Sprintf("%.2f, a stated belief", c.Confidence)
}

// source says where a line of evidence comes from.
func source(e engine.Evidence) string {
	out := ""
	if e.Object.Name != "" {
		out += ", " + text(strings.ToLower(e.Object.Kind)+" "+e.Object.Name)
	}
	if e.Container != "" {
		out += ", container " + text(e.Container)
	}
	if !e.At.IsZero() {
		out += ", " + stamp(e.At)
	}
	return out
}

func (p *page) fixes(s engine.Story) {
	if len(s.Fixes) == 0 {
		return
	}
	p.section("What fixed it")
	for _, f := range s.Fixes {
		line := "- " + stamp(f.At) + " " + text(f.Text)
		if who := name(f.By); who != "" {
			line += ", by " + who
		}
		if f.URL != "" {
			line += " (" + code(f.URL) + ")"
		}
		p.line("%s", line)
	}
}

func (p *page) change(i engine.Incident) {
	last := i.Diagnosis.LastChange
	if last == nil {
		return
	}
	p.section("What changed last before it")
	line := stamp(last.At) + " " + text(last.Text)
	if last.By != "" {
		line += ", by " + text(last.By)
	}
	if last.Revision != "" {
		line += ", revision " + text(last.Revision)
	}
	p.line("%s", line)
	if len(last.Details) > 1 {
		p.line("")
		for _, d := range last.Details {
			p.line("- %s", code(d))
		}
	}
}

func (p *page) signals(i engine.Incident) {
	if len(i.Signals) == 0 {
		return
	}
	p.section("Signals")
	list := slices.Clone(i.Signals)
	slices.SortStableFunc(list, func(a, b engine.Signal) int {
		return cmp.Or(a.StartsAt.Compare(b.StartsAt), cmp.Compare(a.Source, b.Source), cmp.Compare(a.ID, b.ID))
	})
	for _, s := range list {
		until := "still firing"
		if !s.Firing() {
			until = "until " + stamp(s.EndsAt)
		}
		p.line("- %s, %s (%s): %s", stamp(s.StartsAt), until, text(string(s.Source)), text(s.Summary))
	}
}

func (p *page) children(i engine.Incident) {
	if len(i.Children) == 0 {
		return
	}
	p.section("Hurt by it")
	for _, c := range i.Children[:min(len(i.Children), mostChildren)] {
		p.line("- incident %d: %s", c.ID, text(title(c)))
	}
	if more := len(i.Children) - mostChildren; more > 0 {
		p.line("- and %d more", more)
	}
}

func (p *page) timeline(i engine.Incident) {
	p.section("Timeline")
	for _, e := range i.Timeline[:min(len(i.Timeline), mostTimeline)] {
		line := "- " + stamp(e.At) + " " + text(cmp.Or(e.Text, strings.ReplaceAll(e.Kind, "_", " ")))
		if who := name(e.By); who != "" {
			line += ", by " + who
		}
		p.line("%s", line)
	}
	if more := len(i.Timeline) - mostTimeline; more > 0 {
		p.line("- and %d more lines", more)
	}
}

func (p *page) people(s engine.Story) {
	if len(s.People) == 0 {
		return
	}
	p.section("People")
	for _, who := range s.People {
		p.line("- %s: %s", name(who.By), text(strings.Join(who.Did, ", ")))
	}
}

func (p *page) before(i engine.Incident) {
	b := i.Before
	if b == nil {
		return
	}
	p.section("Seen before")
	line := fmt.Sprintf("Incident %d, resolved %s: %s", b.ID, stamp(b.ResolvedAt), text(b.Title))
	if b.Cause != "" {
		line += "; its cause: " + text(b.Cause)
	}
	if b.SameCause {
		line += " (the same as here)"
	}
	p.line("%s.", line)
	for n, f := range b.Fixes {
		if n == 0 {
			p.line("")
		}
		who := ""
		if by := name(f.By); by != "" {
			who = ", by " + by
		}
		p.line("- %s%s", text(f.Text), who)
	}
	if b.Times > 1 {
		p.line("\nThe workload had %d incidents in the 30 days before this one.", b.Times)
	}
}

func (p *page) missing(s engine.Story) {
	var lines []string
	for _, g := range s.Incident.Diagnosis.Gaps {
		lines = append(lines, text(g.Collector)+": "+text(g.Reason))
	}
	for _, m := range s.Missing {
		lines = append(lines, text(m))
	}
	if len(lines) == 0 {
		return
	}
	p.section("What is not known")
	for _, l := range lines {
		p.line("- %s", l)
	}
}

func title(i engine.Incident) string { return cmp.Or(i.Title, i.Workload.String()) }

func join(classes []engine.Class) string {
	words := make([]string, len(classes))
	for k, c := range classes {
		words[k] = string(c)
	}
	return strings.Join(words, ", ")
}

// name is how a person is called; "" for the bot. A pager's is not an id that Slack knows.
func name(p engine.Person) string {
	if p.IsZero() && p.Name == "" {
		return ""
	}
	return text(cmp.Or(p.Name, p.ID))
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "at an unknown time"
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

// span is a duration as people say it.
func span(d time.Duration) string {
	d = d.Round(time.Second)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d d %d h", int(d.Hours())/24, int(d.Hours())%24)
}

func times(n int) string { return plural(n, "time", "times") }

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
