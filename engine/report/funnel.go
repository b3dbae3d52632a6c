package report

import (
	"fmt"

	"github.com/eks-autopilot/autopilot/engine"
)

// funnel is the way from waste to money.
type funnel struct {
	Steps  []step
	Lines  []string
	Figure *figure
}

type step struct {
	Name, Value, Unit, Count string
	Missing                  bool
}

func newFunnel(d engine.Digest) (funnel, error) {
	f := d.Funnel
	planned := func(title string, s engine.FunnelStep) step {
		return step{Name: title, Value: money(s.Monthly), Unit: "a month, estimated", Count: plural(s.Chains, "change", "changes")}
	}
	way := funnel{Steps: []step{planned("Identified", f.Identified), planned("Approved", f.Approved), planned("Implemented", f.Implemented)}}
	if f.Reversed.Chains > 0 {
		way.Lines = append(way.Lines, fmt.Sprintf("Taken back, or wasted again: %s, %s a month.", plural(f.Reversed.Chains, "change", "changes"), money(f.Reversed.Monthly)))
	}
	missed := ""
	if f.Missed > 0 {
		missed = fmt.Sprintf("Not measured, and in no sum: %s, for what was used then is not known.", plural(f.Missed, "day of a change", "days of changes"))
	}
	if f.Chains == 0 {
		way.Steps = append(way.Steps, step{Name: "Verified", Value: "none measured", Unit: "in this time", Count: plural(0, "", "changes"), Missing: true})
		if missed != "" {
			way.Lines = append(way.Lines, missed)
		}
		return way, nil
	}
	way.Steps = append(way.Steps, step{Name: "Verified", Value: money(f.Verified), Unit: "measured in this time", Count: plural(f.Chains, "change", "changes")})
	line := fmt.Sprintf("For the days that were measured, %s were promised and %s came of it", money(f.Promised), money(f.Verified))
	if f.Promised > 0 {
		line += " (" + percent(float64(f.Verified)/float64(f.Promised)) + ")"
	}
	way.Lines = append(way.Lines, line+fmt.Sprintf("; %s came off the bill, %s is freed capacity.", money(f.Cash), money(round(f.Verified)-round(f.Cash))))
	if twice := d.Ledger.Twice; twice > 0 {
		way.Lines = append(way.Lines, fmt.Sprintf("Up to %s of the freed capacity let nodes go that were found idle later: that is off the bill as well, and may stand twice.", money(twice)))
	}
	if missed != "" {
		way.Lines = append(way.Lines, missed)
	}
	rows := []bar{
		{name: "Promised", to: f.Promised.Dollars(), ink: inkLess, label: short(f.Promised)},
		{name: "Verified", to: f.Verified.Dollars(), ink: inkWhole, label: short(f.Verified)},
		{name: "90 % range", from: f.Low.Dollars(), to: f.High.Dollars(), ink: inkProvisional, label: short(f.Low) + " to " + short(f.High)},
	}
	var err error
	way.Figure, err = newFigure(wideWidth, "promised", "Promised and verified", fmt.Sprintf("Promised %s, verified %s, 90 %% between %s and %s.",
		money(f.Promised), money(f.Verified), money(f.Low), money(f.High)), func(c canvas) error { return bars(c, rows, 0) }, barsHeight(3), barsHeight(3))
	return way, err
}
