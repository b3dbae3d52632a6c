package report

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// kindNames are the detectors as people name what they find.
var kindNames = map[engine.FindingKind]string{
	engine.OverRequestedCPU: "CPU requests", engine.OverRequestedMemory: "Memory requests",
	engine.IdleNode: "Idle nodes", engine.OrphanVolume: "Orphan volumes",
}

func kindName(k engine.FindingKind) string {
	if known, ok := kindNames[k]; ok {
		return known
	}
	return name(string(k), "Other")
}

// sure is a confidence in words: it is a belief until enough findings were followed and verified.
func sure(confidence float64) string {
	switch {
	case confidence >= 0.9:
		return "very likely"
	case confidence >= 0.7:
		return "likely"
	case confidence >= 0.4:
		return "possible"
	}
	return "unlikely"
}

func newOpen(d engine.Digest) section {
	s := section{ID: "open", Title: "Open opportunities"}
	o := d.Open
	if o.Count == 0 {
		s.Empty = "Nothing is open."
		return s
	}
	s.Lead = []string{fmt.Sprintf("%s would save %s a month, estimated; %s of it would come off the bill, the rest is freed capacity.",
		plural(o.Count, "finding that is open", "findings that are open"), money(o.Monthly), money(o.Cash))}
	var kinds [][]cell
	amounts := cents(o.ByKind, o.Monthly, func(l engine.SavingsLine) engine.MicroUSD { return l.Monthly })
	for k, l := range o.ByKind {
		kinds = append(kinds, []cell{say(kindName(l.Kind)), say(whole(int64(l.Count))), say(money(amounts[k]))})
	}
	var top [][]cell
	for _, g := range o.Top {
		off, ready := "in part", "by hand"
		if g.Cash {
			off = "all of it"
		}
		if g.Drafted {
			ready = "can be approved"
		}
		of := scope(engine.DigestScope{Team: g.Team, Cluster: g.Cluster})
		if g.Team == "" {
			of = "no team, " + of
		}
		top = append(top, []cell{
			named(name(g.Title, "Finding"), of),
			{Text: money(g.Monthly), Sub: "off the bill: " + off},
			{Text: sure(g.Confidence), Sub: name(string(g.Risk), "unknown") + " risk"},
			say(ready),
		})
	}
	if len(top) > 0 {
		s.Tables = append(s.Tables, newTable("open-table", "The dearest, a month, estimated", "opportunities",
			[]column{text("What"), figures("A month"), text("Waste?"), text("Next")}, top, nil, nil))
	}
	if len(kinds) > 0 {
		s.Tables = append(s.Tables, &table{
			ID: "open-kinds", Caption: "All that is open, by type, estimated", Rows: kinds,
			Columns: []column{text("Type"), figures("Findings"), figures("A month")},
			Foot:    []cell{say("All"), say(whole(int64(o.Count))), say(money(o.Monthly))},
		})
	}
	return s
}

func newLedger(d engine.Digest) (section, error) {
	s := section{ID: "ledger", Title: "Savings ledger"}
	if len(d.Ledger.Lines) == 0 && len(d.Ledger.Shares) == 0 {
		s.Empty = "No finding took a step in this time."
		return s, nil
	}
	var rows [][]cell
	decided := map[int64]bool{}
	for _, a := range d.Decisions {
		decided[a.Proposal] = true
	}
	for _, l := range d.Ledger.Lines {
		rows = append(rows, ledgerRow(l, decided))
	}
	columns := []column{text("Change"), text("State"), figures("Promised a month"), figures("Verified")}
	lines := newTable("ledger-table", "Changes, the newest first, and what was verified of them in "+inText(d.Period), "ledger", columns, rows, nil, nil)
	if d.Ledger.More > 0 {
		lines.Note = strings.TrimSpace(lines.Note + fmt.Sprintf(" %s more took a step in this time: /autopilot savings export has all of them.", whole(int64(d.Ledger.More))))
	}
	s.Tables = append(s.Tables, lines)
	if len(d.Decisions) > 0 {
		s.Tables = append(s.Tables, decisionTable(d.Decisions))
	}
	for _, by := range []struct {
		head, of string
		shares   []engine.LedgerShare
	}{{"Team", "team", d.Ledger.Shares}, {"Type", "type", d.ByType}, {"Cluster", "cluster", d.ByCluster}} {
		if len(by.shares) > 0 {
			s.Tables = append(s.Tables, shareTable(by.head, by.of, "Savings of "+inText(d.Period)+" by "+by.of, by.shares))
		}
	}
	if len(d.Ledger.Calibration) > 0 {
		t := &table{ID: "calibration", Caption: "Promised and measured, by type", Columns: []column{text("Type"), figures("Changes"), figures("Promised"), figures("Measured"), figures("Ratio")}}
		for _, c := range d.Ledger.Calibration {
			ratio := maybe("")
			if c.Estimated > 0 {
				ratio = say(percent(c.Ratio))
			}
			t.Rows = append(t.Rows, []cell{say(kindName(c.Type)), say(whole(int64(c.Chains))), say(money(c.Estimated)), say(money(c.Verified)), ratio})
		}
		s.Tables = append(s.Tables, t)
	}
	return s, nil
}

func decisionID(proposal int64) string { return "decision-" + strconv.FormatInt(proposal, 10) }

// decisionTable is who said yes to what. Each row is one of the audit log, which anybody can have verified.
func decisionTable(list []engine.DecisionLine) *table {
	t := &table{ID: "decisions", Caption: "Who approved them", Columns: []column{text("Proposal"), text("Approved by"), text("When"), text("Audit log"), text("Plan")}}
	for k, a := range list {
		first := say(strconv.FormatInt(a.Proposal, 10))
		if k == 0 || list[k-1].Proposal != a.Proposal {
			first.ID = decisionID(a.Proposal)
		}
		t.Rows = append(t.Rows, []cell{
			first, named(name(a.By.Name, name(a.By.ID, unknown)), ""), say(moment(a.At)), say("row " + whole(a.Row)), maybe(tame(a.Plan, planLength)),
		})
	}
	t.Folded = len(t.Rows) > topRows+1
	return t
}

// planLength is how much of a plan's hash is shown: enough to find it, and all of it is in the audit log.
const planLength = 12

// ledgerRow is one change as it stands, with its pull request and its decision.
func ledgerRow(l engine.LedgerLine, decided map[int64]bool) []cell {
	what := named(tame(l.Target.String(), nameLength), targetWord(l))
	if l.Team != "" {
		what.Sub += ", team " + name(l.Team, "")
	}
	what.Sub += ", finding " + strconv.FormatInt(l.Finding, 10)
	state := cell{Text: stateWord(l.State), Sub: l.At.UTC().Format("2 Jan 2006")}
	switch proposal := strconv.FormatInt(l.Proposal, 10); {
	case decided[l.Proposal]:
		state.Jump, state.JumpText = decisionID(l.Proposal), "proposal "+proposal
	case l.Proposal != 0:
		state.Sub += ", proposal " + proposal
	}
	if at := web(l.PullURL); at != "" {
		state.Link, state.LinkText = at, "pull request"
	}
	verified := cell{Text: "not measured", Missing: true}
	if l.Days > 0 {
		verified = cell{Text: money(l.Verified), Sub: money(l.Low) + " to " + money(l.High) + ", " + plural(l.Days, "day", "days")}
	}
	if l.Missing > 0 {
		verified.Sub = strings.TrimPrefix(verified.Sub+", "+plural(l.Missing, "day", "days")+" not known", ", ")
	}
	return []cell{what, state, say(money(l.Estimated)), verified}
}

func targetWord(l engine.LedgerLine) string {
	switch l.Type {
	case engine.OverRequestedCPU:
		return "CPU of " + name(l.Target.Container, "a container")
	case engine.OverRequestedMemory:
		return "memory of " + name(l.Target.Container, "a container")
	case engine.IdleNode:
		return "node"
	case engine.OrphanVolume:
		return "volume"
	}
	return name(string(l.Type), "change")
}

func stateWord(s engine.EntryKind) string {
	switch s {
	case engine.EntryDetected:
		return "Identified"
	case engine.EntryApproved:
		return "Approved"
	case engine.EntryImplemented:
		return "Live"
	case engine.EntryVerified, engine.EntryCorrected:
		return "Verified"
	case engine.EntryReversed:
		return "Taken back"
	}
	return name(string(s), unknown)
}

// shareTable divides the ledger's sums by one dimension. Each column adds up.
func shareTable(head, by, caption string, shares []engine.LedgerShare) *table {
	columns := []func(engine.LedgerShare) engine.MicroUSD{
		func(l engine.LedgerShare) engine.MicroUSD { return l.Detected },
		func(l engine.LedgerShare) engine.MicroUSD { return l.Implemented },
		func(l engine.LedgerShare) engine.MicroUSD { return l.Verified },
		func(l engine.LedgerShare) engine.MicroUSD { return l.Cash },
	}
	rounded := make([][]engine.MicroUSD, len(columns))
	foot := []cell{say("All")}
	for c, of := range columns {
		total := sum(shares, of)
		rounded[c] = cents(shares, total, of)
		foot = append(foot, say(money(total)))
	}
	var rows [][]cell
	for k, l := range shares {
		first := named(name(l.Name, "No "+by), "")
		if by == "type" {
			first = say(kindName(engine.FindingKind(l.Name)))
		}
		row := []cell{first}
		for c := range columns {
			row = append(row, say(money(rounded[c][k])))
		}
		rows = append(rows, row)
	}
	others := func(from int) []cell {
		row := []cell{say(whole(int64(len(shares)-from)) + " others")}
		for c := range columns {
			row = append(row, say(money(added(rounded[c][from:]))))
		}
		return row
	}
	return newTable("savings-by-"+by, caption, "savings-by-"+by, []column{
		text(head), figures("Identified a month"), figures("Live a month"), figures("Verified"), figures("Off the bill"),
	}, rows, others, foot)
}
