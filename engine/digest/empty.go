package digest

import "github.com/eks-autopilot/autopilot/engine"

// Empty tells whether there is no row behind a digest. What is open now counts only for a period that has just ended, or goes on.
func Empty(d engine.Digest) bool {
	for _, b := range d.Breakdowns {
		if len(b.Lines) > 0 {
			return false
		}
	}
	recent := !d.AsOf.After(d.Period.To.AddDate(0, 0, d.Period.Days()))
	i := d.Incidents
	return len(d.Ledger.Lines) == 0 && i.Opened+i.Resolved+i.StillOpen == 0 && len(d.Corrections) == 0 && (!recent || d.Open.Count == 0)
}
