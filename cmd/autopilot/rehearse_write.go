package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/waste"
	"github.com/eks-autopilot/autopilot/handlers"
)

const (
	shownIncidents = 200
	shownNoisy     = 15
	shownFindings  = 25
)

// rehearsed is all that a rehearsal found out.
type rehearsed struct {
	handlers.Rehearsal
	from, to     time.Time
	alerts, left int
	instants     int // at which metrics were judged
	watched      int // workloads that had metrics
	strange      int // of them were told of
	noisy        []noisy
	gaps         []engine.Gap
	waste        waste.Report
	looked       bool
}

// noisy is an alert of a cluster.
type noisy struct {
	cluster string
	handlers.NoisyAlert
}

func noisier(a, b noisy) int {
	return cmp.Or(cmp.Compare(b.Fired, a.Fired), cmp.Compare(a.Name, b.Name), cmp.Compare(a.cluster, b.cluster))
}

// headline is the rehearsal in a few lines. There is no text from outside in it.
func (r rehearsed) headline() string {
	text := fmt.Sprintf("Rehearsal of %s to %s: alerts fired %d times.", r.from.Format(time.DateOnly), r.to.Format(time.DateOnly), r.alerts-r.left)
	if r.instants > 0 {
		text += fmt.Sprintf(" Workloads with metrics: %d; that did what they never had: %d.", r.watched, r.strange)
	}
	text += fmt.Sprintf(" The bot would have told %d incidents with %d messages in channels; %d more are lines under another's card.",
		len(r.Incidents)-r.Under-r.Quiet, r.Cards, r.Under)
	if r.looked {
		var sum engine.MicroUSD
		for _, f := range r.waste.Outcome.Findings {
			sum += f.Monthly
		}
		text += fmt.Sprintf(" It would have found %d savings worth %s a month.", len(r.waste.Outcome.Findings), sum)
		if len(r.waste.Outcome.Missing) > 0 {
			text += " What could be saved is not known everywhere."
		}
	}
	return text
}

// write writes the rehearsal as plain text. The same alerts give the same bytes.
func (r rehearsed) write(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }
	line("%s\n", r.headline())
	line("Messages: %d cards (%d of them about a storm), %d lines in threads, %d edits; the on-call is reminded %d times and paged %d times, as nobody acts in a rehearsal.",
		r.Cards, r.Storms, r.Lines, r.Edits, r.Escalated, r.Pages)
	for _, channel := range slices.Sorted(maps.Keys(r.ByChannel)) {
		cards := "cards"
		if r.ByChannel[channel] == 1 {
			cards = "card"
		}
		line("  %d %s in %s", r.ByChannel[channel], cards, safe(channel))
	}
	for _, g := range r.gaps {
		line("Missing: %s: %s", safe(g.Collector), safe(g.Reason))
	}
	if len(r.Incidents) > 0 {
		line("\nIncidents\n\nopened (UTC)\tlasted\tseverity\tsignals\treopened\tcluster\twhat")
	}
	for _, i := range r.Incidents[:min(len(r.Incidents), shownIncidents)] {
		lasted := "still open"
		if !i.IsOpen() {
			lasted = i.ResolvedAt.Sub(i.DetectedAt).Round(time.Minute).String()
		}
		what := safe(i.Title)
		if i.ParentID != 0 {
			what = fmt.Sprintf("  under incident %d: %s", i.ParentID, what)
		}
		line("%s\t%s\t%s\t%d\t%d\t%s\t%d: %s", i.DetectedAt.UTC().Format("2006-01-02 15:04"), strings.TrimSuffix(lasted, "0s"), i.Severity, len(i.Signals), i.Reopened,
			safe(i.Workload.Cluster), i.ID, what)
	}
	if more := len(r.Incidents) - shownIncidents; more > 0 {
		line("and %d more", more)
	}
	if len(r.noisy) > 0 {
		line("\nThe noisiest alerts\n\nalert\tcluster\tfired\tunder 5 min\tworkloads\tincidents\tfiring")
	}
	for _, n := range r.noisy[:min(len(r.noisy), shownNoisy)] {
		line("%s\t%s\t%d\t%d\t%d\t%d\t%s", safe(n.Name), safe(n.cluster), n.Fired, n.Short, n.Workloads, n.Incidents, n.Lasted.Round(time.Minute))
	}
	if r.looked {
		r.writeWaste(line)
	}
	return w.Flush()
}

func (r rehearsed) writeWaste(line func(string, ...any)) {
	findings := r.waste.Outcome.Findings
	line("\nSavings\n")
	for _, g := range r.waste.Outcome.Missing {
		line("Missing: %s: %s", safe(g.Collector), safe(g.Reason))
	}
	if len(findings) > 0 {
		line("a month\tkind\tconfidence\twhere")
	}
	for _, f := range findings[:min(len(findings), shownFindings)] {
		line("%s\t%s\t%.0f %%\t%s", f.Monthly, strings.ReplaceAll(string(f.Kind), "_", " "), 100*f.Confidence, safe(f.Target.String()))
	}
	if more := len(findings) - shownFindings; more > 0 {
		line("and %d more", more)
	}
}

// safe is a text from outside in a line of a terminal: visible characters alone, and not too many.
func safe(s string) string {
	const most = 160
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.In(r, unicode.Cf, unicode.Co), r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	if r := []rune(s); len(r) > most {
		s = string(r[:most-1]) + "…"
	}
	return s
}
