package view

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	ledgerShares = 10 // of teams, namespaces, clusters or types; the smaller ones are one line
	ledgerName   = 14 // characters of a name, so that the table keeps its lines on a phone
	ledgerLines  = 15
)

// ledger is what became of findings: the way from waste to money, what was measured beside what was promised, and the changes.
func ledger(c *canvas, l engine.Ledger) string {
	measured := len(l.Calibration) > 0
	head := "Saved " + l.Verified.String()
	switch {
	case l.Verified < 0:
		head = "Cost " + (-l.Verified).String() + " more"
	case !measured:
		head = "Nothing is measured yet"
	}
	title := "*" + head + "* (" + outside(l.Filter, 300) + ")"
	if len(l.Lines) == 0 {
		c.section(title, "The ledger begins when a scan finds something, and measures from the day after a change is live.")
		return head
	}
	c.section(append([]string{title}, ledgerCash(l, measured)...)...)
	c.section(ledgerWay(l, measured)...)
	if measured {
		if table := ledgerTable(l); len(table) > 0 {
			c.section(fence(strings.Join(columns(table), "\n"), maxSection))
		}
		c.section(append([]string{"*Promised and measured*"}, list(l.Calibration, len(kindNames), calibration)...)...)
	}
	shown := l.Lines[:min(len(l.Lines), ledgerLines)]
	lines := list(shown, ledgerLines, ledgerLine)
	if more := l.More + len(l.Lines) - len(shown); more > 0 {
		lines = append(lines, "and "+plural(more, "more change", "more changes")+"; `/autopilot savings export` has all of them.")
	}
	c.section(lines...)
	if l.Missed > 0 {
		c.context(fmt.Sprintf("Not measured, and in no sum: %s, for what was used then is not known.", plural(l.Missed, "day of a change", "days of changes")))
	}
	return head
}

// ledgerCash says what of the sum is money, and how sure it is.
func ledgerCash(l engine.Ledger, measured bool) []string {
	if !measured {
		return nil
	}
	lines := []string{fmt.Sprintf("%s off the bill, %s freed capacity (90 %% between %s and %s)", l.Cash, l.Freed, l.Low, l.High)}
	if l.Twice > 0 {
		lines = append(lines, mayStandTwice(l.Twice))
	}
	return lines
}

// mayStandTwice says how much of a sum may be the same dollars.
func mayStandTwice(m engine.MicroUSD) string {
	return fmt.Sprintf("Up to %s of the freed capacity let nodes go that were found idle later: that is off the bill as well, and may stand twice.", m)
}

// ledgerWay is the way from waste to money. Each number is of the changes that came that far.
func ledgerWay(l engine.Ledger, measured bool) []string {
	verified := "not yet"
	if measured {
		verified = l.Verified.String() + " so far"
	}
	lines := []string{fmt.Sprintf("Identified %s/month → approved %s/month → implemented %s/month → verified *%s*", l.Detected, l.Approved, l.Implemented, verified)}
	if l.Reversed != 0 {
		lines = append(lines, fmt.Sprintf("Taken back, or wasted again: %s/month", l.Reversed))
	}
	return lines
}

// ledgerTable divides what was measured. Its cents add up.
func ledgerTable(l engine.Ledger) [][4]string {
	table := [][4]string{{ledgerHeading(l.By), "verified", "off bill", "live/month"}}
	var rows []engine.LedgerShare
	for _, s := range l.Shares {
		if s.Verified == 0 && s.Cash == 0 && s.Implemented == 0 {
			continue // what was only found is in the line above
		}
		if len(rows) > ledgerShares {
			last := &rows[ledgerShares]
			last.Verified, last.Cash, last.Implemented = last.Verified+s.Verified, last.Cash+s.Cash, last.Implemented+s.Implemented
			last.Name = "others"
			continue
		}
		s.Name = cmp.Or(shareName(s.Name, l.By), "no "+strings.ToLower(ledgerHeading(l.By)))
		rows = append(rows, s)
	}
	if len(rows) == 0 {
		return nil
	}
	columnsOf := func(of func(engine.LedgerShare) engine.MicroUSD, total engine.MicroUSD) []engine.MicroUSD {
		amounts := make([]engine.MicroUSD, len(rows))
		for k, s := range rows {
			amounts[k] = of(s)
		}
		return engine.ToCents(amounts, total)
	}
	verified := columnsOf(func(s engine.LedgerShare) engine.MicroUSD { return s.Verified }, l.Verified)
	cash := columnsOf(func(s engine.LedgerShare) engine.MicroUSD { return s.Cash }, l.Cash)
	live := columnsOf(func(s engine.LedgerShare) engine.MicroUSD { return s.Implemented }, l.Implemented)
	for k, s := range rows {
		table = append(table, [4]string{s.Name, verified[k].String(), cash[k].String(), live[k].String()})
	}
	return append(table, [4]string{"Sum", l.Verified.String(), l.Cash.String(), l.Implemented.String()})
}

func ledgerHeading(by engine.LedgerBy) string {
	switch by {
	case engine.LedgerByNamespace:
		return "Namespace"
	case engine.LedgerByCluster:
		return "Cluster"
	case engine.LedgerByType:
		return "Type"
	default:
		return "Team"
	}
}

func shareName(name string, by engine.LedgerBy) string {
	if by == engine.LedgerByType {
		if known, ok := kindNames[engine.FindingKind(name)]; ok {
			name = known
		}
	}
	return cut(tame(clip(name, ledgerName)), ledgerName)
}

// calibration says how well a detector's promises hold.
func calibration(l engine.CalibrationLine) string {
	line := fmt.Sprintf("• %s: %s promised, %s measured", kindName(l.Type), l.Estimated, l.Verified)
	if l.Estimated > 0 && l.Verified >= 0 {
		line += ", " + percent(l.Ratio)
	}
	return line + " (" + plural(l.Chains, "change", "changes") + ")"
}

// ledgerLine is one change as it stands.
func ledgerLine(l engine.LedgerLine) string {
	name := outside(l.Target.String(), 120)
	if l.PullURL != "" {
		name = link(l.PullURL, name)
	}
	line := stateMark(l.State) + " " + name + " " + targetWord(l)
	switch {
	case l.Days > 0:
		line += fmt.Sprintf(": *%s* in %s, %s off the bill", l.Verified, plural(l.Days, "day", "days"), l.Cash)
	case l.State == engine.EntryReversed:
		line += ": taken back, or wasted again"
	default:
		line += ": " + stateWord(l.State)
	}
	if l.Missing > 0 {
		line += ", " + plural(l.Missing, "day", "days") + " not measured"
	}
	return line + fmt.Sprintf(" · %s/month expected", l.Estimated)
}

func targetWord(l engine.LedgerLine) string {
	switch l.Type {
	case engine.OverRequestedCPU:
		return "CPU of " + code(l.Target.Container, 60)
	case engine.OverRequestedMemory:
		return "memory of " + code(l.Target.Container, 60)
	case engine.IdleNode:
		return "node"
	case engine.OrphanVolume:
		return "volume"
	}
	return outside(string(l.Type), 60)
}

func stateMark(s engine.EntryKind) string {
	switch s {
	case engine.EntryVerified:
		return ":large_green_circle:"
	case engine.EntryImplemented:
		return ":large_blue_circle:"
	case engine.EntryReversed:
		return ":leftwards_arrow_with_hook:"
	case engine.EntryApproved:
		return ":heavy_check_mark:"
	default:
		return "•"
	}
}

func stateWord(s engine.EntryKind) string {
	switch s {
	case engine.EntryImplemented:
		return "live, not measured yet"
	case engine.EntryApproved:
		return "approved"
	default:
		return "found"
	}
}
