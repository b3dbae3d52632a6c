package report

import (
	"fmt"

	"github.com/eks-autopilot/autopilot/engine"
)

// data is the end of the page: how fresh and how sure the figures are, and what the words mean.
type data struct {
	Lines   []string
	Payers  *table
	Gaps    *table
	Words   []word
	Audit   string
	Hash    string
	NoAudit bool
}

type word struct{ Term, Means string }

func newOwn(d engine.Digest) section {
	o := d.Own
	s := section{ID: "own", Title: "What Autopilot itself cost"}
	t := &table{ID: "own-table", Caption: "Asked of others in this time", Columns: []column{text("What"), figures("Count"), figures("Cost")}}
	t.Rows = [][]cell{
		{say("Requests to Cost Explorer, which AWS bills"), say(whole(int64(o.BilledCalls))), say(money(o.BilledAmount))},
		{say("Scans for waste"), say(whole(int64(o.Scans))), {}},
		{{Text: "Queries of Prometheus", Sub: whole(o.Samples) + " samples read, the slowest took " + slowest(o)}, say(whole(int64(o.Queries))), {}},
	}
	s.Tables = []*table{t}
	return s
}

func slowest(o engine.OwnCost) string {
	if o.Queries == 0 {
		return "no time"
	}
	return fmt.Sprintf("%.1f s", o.Slowest.Seconds())
}

func newCorrections(d engine.Digest) section {
	s := section{ID: "corrections", Title: "Corrections"}
	if len(d.Corrections) == 0 {
		s.Empty = "Nothing of an earlier period was corrected in this one."
		return s
	}
	total := sum(d.Corrections, func(c engine.Correction) engine.MicroUSD { return c.Amount })
	amounts := cents(d.Corrections, total, func(c engine.Correction) engine.MicroUSD { return c.Amount })
	var rows [][]cell
	for k, c := range d.Corrections {
		rows = append(rows, []cell{named(name(c.Of, unknown), sentence(c.Reason)), say(moment(c.At)), say(signed(amounts[k]))})
	}
	s.Lead = []string{"Written in this period, of periods before it. The reports of those are closed and stay as they are."}
	s.Tables = []*table{newTable("corrections-table", "Corrections of earlier periods", "corrections", []column{text("Of what"), text("Written"), figures("Amount")}, rows, nil, nil)}
	return s
}

func newData(d engine.Digest) data {
	b := d.Bills
	out := data{Words: words()}
	source := "Costs: " + name(b.Source, "none are known") + "."
	if !b.Newest.IsZero() {
		source += " The newest day with one is " + day(b.Newest)
		if !b.Since.IsZero() {
			source += ", the first " + day(b.Since)
		}
		source += "."
	}
	out.Lines = append(out.Lines, source)
	switch s := d.Spend; {
	case d.Closed:
		out.Lines = append(out.Lines, "The invoices of all payers are final. This report does not change any more.")
	case s.Provisional != 0:
		out.Lines = append(out.Lines, fmt.Sprintf("Provisional: %s of the spend may still be changed by AWS.", money(s.Provisional)))
	}
	if d.Spend.Estimated != 0 {
		out.Lines = append(out.Lines, fmt.Sprintf("Estimated: %s of the spend is hours at list prices, not a bill.", money(d.Spend.Estimated)))
	}
	if len(b.Absent) > 0 {
		var missing []string
		for _, at := range b.Absent[:min(len(b.Absent), 31)] {
			missing = append(missing, at.UTC().Format("2 January"))
		}
		out.Lines = append(out.Lines, "Missing: "+list(missing)+" without a bill, and so in no sum.")
	}
	if b.Guessed > 0 {
		out.Lines = append(out.Lines, fmt.Sprintf("On %s, usage was only partly measured: the split by team rests on what was.", plural(b.Guessed, "day", "days")))
	}
	if b.Scan.IsZero() {
		out.Lines = append(out.Lines, "No scan for waste has ended yet.")
	} else {
		out.Lines = append(out.Lines, "The newest scan for waste ended "+moment(b.Scan)+".")
	}
	out.Lines = append(out.Lines, "The newest row that this report rests on was written "+moment(d.AsOf)+".")
	if len(b.Payers) > 0 {
		total := sum(b.Payers, func(p engine.PayerLine) engine.MicroUSD { return p.Amount })
		amounts := cents(b.Payers, total, func(p engine.PayerLine) engine.MicroUSD { return p.Amount })
		out.Payers = &table{ID: "payers", Caption: "What each payer's bills came to", Columns: []column{text("Payer"), text("State"), figures("Bills")}, Foot: []cell{say("All"), {}, say(money(total))}}
		for k, p := range b.Payers {
			state := "open"
			if p.Closed {
				state = "closed by its invoice"
			}
			if p.Payer == "" {
				state = "estimated at list prices"
			}
			out.Payers.Rows = append(out.Payers.Rows, []cell{named(name(p.Payer, "No payer"), ""), say(state), say(money(amounts[k]))})
		}
	}
	if len(d.Missing) > 0 {
		out.Gaps = &table{ID: "gaps", Caption: "What could not be had", Columns: []column{text("From where"), text("Why")}}
		for _, g := range d.Missing[:min(len(d.Missing), allRows)] {
			out.Gaps.Rows = append(out.Gaps.Rows, []cell{named(name(g.Collector, unknown), ""), named(sentence(g.Reason), "")})
		}
	}
	if a := d.Audit; a != nil {
		out.Audit, out.Hash = "Head of the audit log: row "+whole(a.Seq)+", written "+moment(a.At)+", with the hash", tame(a.Hash, 128)
	} else {
		out.NoAudit = true
	}
	return out
}

// words are what the report's words mean.
func words() []word {
	return []word{
		{"Day, week, month", "Days are those of bills, from midnight to midnight UTC. A week is that of ISO 8601, from Monday to Sunday."},
		{"Spend", "Amortised cost after discounts, as Cost Explorer has it, of each day that has a bill. A day without one is missing, not 0."},
		{"Provisional", "AWS may still change it: the invoice of its month is not final."},
		{"Estimated", "Not billed or measured: at list prices, or a forecast, or what a finding is expected to save."},
		{"Idle capacity", "What nodes cost that nobody requested or used."},
		{"Shared", "What serves all and was not divided among teams. What was divided is in the teams' own."},
		{noTeam, "Workloads whose team nobody knows."},
		{"Of no team", "That, and idle, shared, outside and unallocated cost."},
		{"Unallocated", "Tax, support, credits, refunds, and commitments that nobody used."},
		{"Outside clusters", "Of the bill, but not of any cluster."},
		{"Invoices less their days", "What the invoices of closed months differ by from the days that they are made of."},
		{"Forecast", "What the month comes to if it goes on as it did. Four of five such months end within the interval."},
		{"Identified, approved, implemented", "Findings that reached the step in this time, and what they were estimated to save in a month. Implemented is what is live, not what is merged."},
		{"Verified", "Measured: what a unit of work cost before, frozen at the approval, less what it costs now, for the work that was done. Nine of ten times the truth is within the interval."},
		{"Off the bill, freed capacity", "Verified savings by which AWS bills less, and those that others may use: they become money when a node goes."},
		{"Promised", "What was estimated for the very days that were measured."},
		{"Time to detect, time to resolve", "From the first sign of an incident to its thread, and to its end."},
		{"Noticed, right cause first", "Of faults that were brought about on purpose: an incident was opened in time for what was hit, and the cause that it ranked first is the true one. What detects and ranks does not know of the experiments. The interval is Wilson's."},
		{"Control", "An experiment that does nothing, or what is no fault, such as a rollout: nothing should be raised."},
		{"Cents", "Amounts are kept in millionths of a dollar. They are rounded once, so that the rows of a table come to its sum."},
		{"All rows", "Each table of this page is a CSV file too, with all its rows and six decimals."},
	}
}
