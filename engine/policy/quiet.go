package policy

import (
	"cmp"
	"fmt"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// Quiet gives the reason why nothing may be begun in a place at a time, with its end; "" when none of the freezes holds it up.
func Quiet(freezes []Freeze, w engine.Workload, now time.Time) string {
	for _, f := range freezes {
		if until, on := f.holds(now); on && f.covers(w) {
			return fmt.Sprintf("%s, until %s", cmp.Or(f.Reason, "no reason is configured"), until.Format("Mon 2 Jan 15:04 MST"))
		}
	}
	return ""
}
