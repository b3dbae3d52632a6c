package incident

import (
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// Narrated takes in what a model wrote of a diagnosis. Of another one than the incident has now it changes nothing.
func Narrated(i engine.Incident, at time.Time, n engine.Narrative, r Rules, now time.Time) Plan {
	if !sameTime(i.Diagnosis.At, at) || len(n.Sentences) == 0 || i.Diagnosis.Narrative != nil {
		return Plan{}
	}
	d := newDraft(i, r, now)
	d.i.Diagnosis.Narrative, d.changed = &n, true
	d.showDiagnosis()
	return d.finish()
}
