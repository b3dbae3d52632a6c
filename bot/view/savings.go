package view

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	cardFindings = 4 // in full; the rest is counted, and in Details
	cardCaveats  = 3

	cardProposals = 3
)

// SavingsCard draws a group's card: what is wasted, where and how much, the proof, how sure we are, and the buttons that apply.
func SavingsCard(g engine.FindingGroup) Message {
	key := engine.SavingsKey(g.ID, g.Round)
	open := g.Open()
	c := newCanvas(savingsButtons(g, key)...)
	c.header(savingsHeading(g, open))
	c.section(savingsPlace(g, open))
	for _, f := range open[:min(cardFindings, len(open))] {
		c.section(findingLines(f)...)
	}
	if more := len(open) - cardFindings; more > 0 {
		c.section("and " + plural(more, "more", "more") + ", in Details")
	}
	charts := savingsCharts(open)
	for n, chart := range charts {
		if block, ok := chartBlock(blockID(key, fmt.Sprintf("chart%d", n)), chart); ok {
			c.add(block)
		}
	}
	for _, p := range g.Proposals[:min(cardProposals, len(g.Proposals))] {
		c.section(proposalLine(p))
	}
	for _, f := range g.Findings {
		if f.Status != engine.FindingOpen {
			c.context(settledLine(f))
		}
	}
	c.context(savingsFooter(g))
	return Message{Blocks: c.done(), Text: savingsNotice(g, open), Charts: charts}
}

func savingsHeading(g engine.FindingGroup, open []engine.Finding) string {
	where := cut(tame(clip(g.Title, 100)), 100)
	if len(open) == 0 {
		if m := realised(g); m > 0 {
			return ":white_check_mark: " + where + ": " + m.String() + " a month saved and verified"
		}
		return ":white_check_mark: " + where + " (nothing left to save)"
	}
	if g.Monthly == 0 && open[0].Basis.Source == engine.PriceUnknown {
		return ":moneybag: " + where + ": price not known"
	}
	return ":moneybag: " + where + ": save " + g.Monthly.String() + " a month"
}

// realised is what the group's verified proposals save in a month, going by the days that were measured.
func realised(g engine.FindingGroup) engine.MicroUSD {
	const days = engine.HoursPerMonth / 24.0
	var sum engine.MicroUSD
	for _, p := range g.Proposals {
		if p.Status == engine.ProposalVerified && p.Saved.Days > 0 {
			sum += p.Saved.Verified.Times(days / float64(p.Saved.Days))
		}
	}
	return sum
}

// savingsPlace is where it is, and whether the bill falls.
func savingsPlace(g engine.FindingGroup, open []engine.Finding) string {
	parts := []string{"cluster " + code(g.Cluster, 80)}
	if g.Cluster == "" {
		parts = []string{"no cluster"}
	}
	if g.Owner.Team != "" {
		parts = append(parts, "team *"+outside(g.Owner.Team, 80)+"*")
	}
	if len(open) > 0 {
		parts = append(parts, priced(open[0].Basis))
		parts = append(parts, cashed(open))
	}
	return strings.Join(parts, " · ")
}

// cashed says whether the bill falls by what is saved. A node or volume that is not cash is paid for by a commitment all the same.
func cashed(open []engine.Finding) string {
	var cash int
	for _, f := range open {
		if f.Cash {
			cash++
		}
	}
	switch {
	case cash == len(open):
		return "the bill falls by it"
	case cash > 0:
		return fmt.Sprintf("the bill falls by %d of %d", cash, len(open))
	case open[0].Sizing == nil:
		return "commitments pay for it: the bill falls once less is committed"
	}
	return "frees capacity; the bill falls when a node goes"
}

// findingLines is one finding: what and how much, the proof in a sentence, how sure, how risky.
func findingLines(f engine.Finding) []string {
	lines := []string{"*" + findingTitle(f) + "* · " + monthly(f.Monthly, f.Basis)}
	lines = append(lines, proof(f)...)
	judged := "Waste: *" + sure(f.Confidence) + "*"
	if len(f.Reasons) > 0 {
		judged += " (" + outside(f.Reasons[0], 160) + ")"
	}
	judged += ". Risk: *" + outside(string(f.Risk), 20) + "*"
	if len(f.Risks) > 0 {
		judged += " (" + outside(f.Risks[0], 160) + ")"
	}
	lines = append(lines, judged)
	if f.Lever != "" {
		lines = append(lines, "Change: "+outside(f.Lever, 300))
	}
	for _, caveat := range list(f.Caveats, cardCaveats, func(s string) string { return outside(s, 200) }) {
		lines = append(lines, "_"+caveat+"_")
	}
	return lines
}

// findingTitle is what is wasted, in one line.
func findingTitle(f engine.Finding) string {
	switch {
	case f.Sizing != nil:
		s := *f.Sizing
		what := "CPU"
		if s.Resource == engine.Memory {
			what = "Memory"
		}
		return fmt.Sprintf("%s of container %s: %s → %s", what, code(f.Target.Container, 80), amount(s.Resource, s.Old), amount(s.Resource, s.New))
	case f.Node != nil:
		kind := f.Node.Instance
		if f.Node.Spot {
			kind += ", Spot"
		}
		return fmt.Sprintf("Node %s is not needed (%s)", code(f.Target.Name, 120), outside(kind+", "+f.Node.Zone, 80))
	case f.Volume != nil:
		return fmt.Sprintf("Volume %s belongs to nothing (%s, %d GiB)", code(f.Target.Name, 60), outside(f.Volume.Type, 20), f.Volume.GiB)
	}
	return outside(string(f.Kind), 60) + " " + outside(f.Target.String(), 120)
}

// proof is why the finding is true.
func proof(f engine.Finding) []string {
	switch {
	case f.Sizing != nil:
		return sizingProof(*f.Sizing)
	case f.Node != nil:
		n := *f.Node
		moved := plural(len(n.Placements), "pod fits", "pods fit") + " elsewhere"
		if len(n.Placements) == 0 {
			moved = "nothing on it has to move"
		}
		line := fmt.Sprintf("Requested %s of its CPU and %s of its memory; %s, in Details.", percent(n.CPUShare), percent(n.MemoryShare), moved)
		if n.Group != "" {
			line += " Kept by " + outside(n.Controller, 60) + " " + code(n.Group, 120) + "."
		}
		return []string{line}
	case f.Volume != nil:
		return volumeProof(*f.Volume)
	}
	return nil
}

// noBacktest is said where nothing was tried: that is not the same as that nothing happened.
const noBacktest = "No backtest: the history is too short"

func sizingProof(s engine.Sizing) []string {
	days := fmt.Sprintf("%.0f", s.Backtest.Days)
	line := fmt.Sprintf("Sized from what came before and applied over your last %s days: above the request in *%s* of samples", days, percent(s.Backtest.Over))
	switch {
	case s.Resource != engine.Memory:
	case s.Limit > 0:
		line += fmt.Sprintf(", *%s*", plural(s.Backtest.Kills, "OOM kill", "OOM kills"))
	default:
		line += ", no limit to be killed at"
	}
	if s.Backtest.Samples == 0 {
		line = noBacktest
	}
	line += "."
	peak := "peak not known"
	if s.PeakDays > 0 {
		peak = fmt.Sprintf("peak %s in %.0f days", amount(s.Resource, s.Peak), s.PeakDays)
	}
	data := fmt.Sprintf("%d samples over %.1f days, %s; %s; %s.", s.Samples, s.Days,
		strings.TrimSuffix(fmt.Sprintf("%.1f", s.Replicas), ".0")+" replicas", peak, limitText(s))
	lines := []string{line, data}
	if a := s.Autoscale; a != nil {
		lines = append(lines, fmt.Sprintf("Together with it: target of autoscaler %s %d %% → %d %%, so that the number of replicas stays.", code(a.Name, 80), a.OldTarget, a.NewTarget))
	}
	return lines
}

func limitText(s engine.Sizing) string {
	if s.Limit == 0 {
		return "no limit"
	}
	return "the limit stays at " + amount(s.Resource, s.Limit)
}

func volumeProof(v engine.VolumeRemoval) []string {
	line := "Attached to nothing since " + day(v.DetachedAt)
	if v.Claim != "" {
		line += "; made for claim " + code(v.Claim, 160)
	}
	if v.PV != "" && v.Cause == "released" { // else it is the name of one that is gone
		line += "; " + code(v.PV, 120) + " still names it"
	}
	lines := []string{line + "."}
	if len(v.Searched) > 0 {
		lines = append(lines, "Nobody wants it in "+strings.Join(list(v.Searched, 6, func(s string) string { return code(s, 60) }), ", ")+".")
	}
	if v.Snapshot != "" {
		return append(lines, "Snapshot "+code(v.Snapshot, 60)+" of "+day(v.SnapshotAt)+" is there.")
	}
	return append(lines, "A snapshot is made first; its price is taken off.")
}

func day(t time.Time) string {
	if t.IsZero() {
		return "an unknown day"
	}
	return t.UTC().Format("2006-01-02")
}

// settledLine is a finding that is not open any more, and why.
func settledLine(f engine.Finding) string {
	what := findingTitle(f)
	reason := ""
	if f.Reason != "" {
		reason = ": " + outside(f.Reason, 300)
	}
	switch f.Status {
	case engine.FindingSnoozed:
		return fmt.Sprintf("Snoozed until %s by %s%s. %s", day(f.Until), person(f.By), reason, what)
	case engine.FindingNotWaste:
		return fmt.Sprintf("Not waste, says %s%s. %s", person(f.By), reason, what)
	case engine.FindingClosed:
		return "Closed" + reason + ". " + what
	case engine.FindingOpen:
	}
	return what
}

// savingsCharts are the charts of the dearest findings that have one.
func savingsCharts(open []engine.Finding) []Chart {
	const most = 2 // Slack takes no more in a message
	var out []Chart
	for _, f := range open {
		if f.Sizing == nil || len(out) == most {
			continue
		}
		what := "CPU"
		if f.Sizing.Resource == engine.Memory {
			what = "Memory"
		}
		out = append(out, Chart{Title: what + " of " + f.Target.Container, Values: f.Sizing.Chart})
	}
	return out
}

func savingsFooter(g engine.FindingGroup) string {
	text := fmt.Sprintf("Savings %d", g.ID)
	if g.Owner.By != "" {
		text += " · owner by " + outside(g.Owner.By, 80)
	}
	first := time.Time{}
	for _, f := range g.Findings {
		if first.IsZero() || !f.FirstSeen.IsZero() && f.FirstSeen.Before(first) {
			first = f.FirstSeen
		}
	}
	if !first.IsZero() {
		text += " · found " + day(first)
	}
	return text
}

// savingsNotice is the card in one line, for a phone's lock screen.
func savingsNotice(g engine.FindingGroup, open []engine.Finding) string {
	where := outside(g.Title, 200)
	if g.Cluster != "" {
		where += " (" + outside(g.Cluster, 80) + ")"
	}
	if len(open) == 0 {
		return "Nothing left to save: " + where
	}
	return "Save " + monthly(g.Monthly, open[0].Basis) + ": " + where + ", " + findingTitle(open[0])
}

func savingsButtons(g engine.FindingGroup, key string) []slack.Block {
	if len(g.Findings) == 0 {
		return nil
	}
	act := func(a engine.Action, choice, text string) *slack.ButtonBlockElement {
		return slack.NewButtonBlockElement(string(a)+actionEnd+choice, engine.GroupButton{Group: g.ID, Choice: choice}.Value(), plainText(text, 75))
	}
	var elements []slack.BlockElement
	if n := slices.IndexFunc(g.Proposals, func(p engine.Proposal) bool { return p.Status == engine.ProposalPending }); n >= 0 {
		elements = approveButtons(g.Proposals[n])
	} else if slices.ContainsFunc(g.Drafts, func(i engine.ProposalItem) bool { return len(i.Edits) > 0 || i.Removal != nil }) {
		elements = append(elements, act(engine.ActionApprove, "", "Approve").WithStyle(slack.StylePrimary))
	}
	elements = append(elements, act(engine.ActionView, "", "Details"))
	if len(g.Open()) > 0 {
		elements = append(elements, act(engine.ActionSnooze, "", "Snooze"), act(engine.ActionNotWaste, "", "Not waste"))
	}
	for _, s := range []struct {
		status engine.FindingStatus
		action engine.Action
		text   string
	}{{engine.FindingSnoozed, engine.ActionSnooze, "Wake now"}, {engine.FindingNotWaste, engine.ActionNotWaste, "It is waste after all"}} {
		if slices.ContainsFunc(g.Findings, func(f engine.Finding) bool { return f.Status == s.status }) {
			elements = append(elements, act(s.action, engine.ChoiceUndo, s.text))
		}
	}
	return []slack.Block{slack.NewActionBlock(blockID(key, "act"), elements...)}
}
