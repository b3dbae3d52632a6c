package report

import (
	"strconv"

	"github.com/eks-autopilot/autopilot/engine"
)

func ledgerSheet(d engine.Digest) engine.File {
	s := engine.NewSheet("chain", "finding", "proposal", "type", "cluster", "namespace", "workload_kind", "workload", "container", "team", "state", "at",
		"estimated_monthly_usd", "verified_usd", "cash_usd", "low_usd", "high_usd", "days_measured", "days_not_measured", "pull_request")
	for _, l := range d.Ledger.Lines {
		measured := l.Days > 0
		s.Row(engine.Cell(l.Chain), strconv.FormatInt(l.Finding, 10), when(l.Proposal != 0, strconv.FormatInt(l.Proposal, 10)), engine.Cell(string(l.Type)),
			engine.Cell(l.Target.Cluster), engine.Cell(l.Target.Namespace), engine.Cell(l.Target.Kind), engine.Cell(l.Target.Name), engine.Cell(l.Target.Container),
			engine.Cell(l.Team), engine.Cell(string(l.State)), instant(l.At), l.Estimated.Exact(), when(measured, l.Verified.Exact()),
			when(measured, l.Cash.Exact()), when(measured, l.Low.Exact()), when(measured, l.High.Exact()), strconv.Itoa(l.Days), strconv.Itoa(l.Missing),
			engine.Cell(l.PullURL))
	}
	return file("ledger", "Savings ledger", s)
}

func decisionSheet(d engine.Digest) engine.File {
	s := engine.NewSheet("proposal", "audit_row", "at", "by_id", "by_name", "plan")
	for _, a := range d.Decisions {
		s.Row(strconv.FormatInt(a.Proposal, 10), strconv.FormatInt(a.Row, 10), instant(a.At), engine.Cell(a.By.ID), engine.Cell(a.By.Name), engine.Cell(a.Plan))
	}
	return file("decisions", "Who approved what", s)
}

func calibrationSheet(d engine.Digest) engine.File {
	s := engine.NewSheet("type", "chains", "promised_usd", "verified_usd", "ratio")
	for _, l := range d.Ledger.Calibration {
		s.Row(engine.Cell(string(l.Type)), strconv.Itoa(l.Chains), l.Estimated.Exact(), l.Verified.Exact(), when(l.Ratio != 0, engine.Quantity(l.Ratio)))
	}
	return file("calibration", "Promised and measured", s)
}

func shareSheet(by string, shares []engine.LedgerShare) engine.File {
	s := engine.NewSheet(by, "identified_monthly_usd", "implemented_monthly_usd", "verified_usd", "cash_usd")
	for _, l := range shares {
		s.Row(engine.Cell(l.Name), l.Detected.Exact(), l.Implemented.Exact(), l.Verified.Exact(), l.Cash.Exact())
	}
	return file("savings-by-"+by, "Savings by "+by, s)
}

func incidentSheet(d engine.Digest) engine.File {
	s := engine.NewSheet("incident", "title", "cluster", "namespace", "kind", "name", "team", "severity", "started", "detected", "resolved",
		"lasted_seconds", "cost_usd")
	for _, l := range d.Incidents.Top {
		s.Row(strconv.FormatInt(l.ID, 10), engine.Cell(l.Title), engine.Cell(l.Workload.Cluster), engine.Cell(l.Workload.Namespace), engine.Cell(l.Workload.Kind),
			engine.Cell(l.Workload.Name), engine.Cell(l.Team), engine.Cell(string(l.Severity)), instant(l.Started), instant(l.Detected), instant(l.Resolved),
			seconds(l.Lasted), when(l.Costed, l.Cost.Exact()))
	}
	return file("incidents", "Incidents", s)
}

func correctionSheet(d engine.Digest) engine.File {
	s := engine.NewSheet("of", "amount_usd", "at", "reason")
	for _, c := range d.Corrections {
		s.Row(engine.Cell(c.Of), c.Amount.Exact(), instant(c.At), engine.Cell(c.Reason))
	}
	return file("corrections", "Corrections of earlier periods", s)
}

// stateSheet says how fresh the costs are and what could not be had.
func stateSheet(d engine.Digest) engine.File {
	s := engine.NewSheet("what", "value", "amount_usd")
	b := d.Bills
	s.Row("source", engine.Cell(b.Source), "")
	s.Row("known_since", date(b.Since), "")
	s.Row("newest_day", date(b.Newest), "")
	for _, day := range b.Absent {
		s.Row("day_without_a_bill", date(day), "")
	}
	s.Row("days_guessed", strconv.Itoa(b.Guessed), "")
	s.Row("newest_scan", instant(b.Scan), "")
	for _, p := range b.Payers {
		state := "open"
		if p.Closed {
			state = "closed"
		}
		s.Row("payer_"+state, engine.Cell(p.Payer), p.Amount.Exact())
	}
	for _, g := range d.Missing {
		s.Row("could_not_be_had", engine.Cell(g.Collector+": "+g.Reason), "")
	}
	if a := d.Audit; a != nil {
		s.Row("audit_head", strconv.FormatInt(a.Seq, 10)+" "+engine.Cell(a.Hash), "")
	}
	return file("state", "State of the data", s)
}
