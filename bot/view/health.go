package view

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/eks-autopilot/autopilot/engine"
)

// health says how much works, or how much does not.
func health(h engine.Health) string {
	switch {
	case h.Desired <= 0:
		return "nothing should run"
	case h.Ready >= h.Desired:
		return fmt.Sprintf("%d of %s ready", h.Desired, plural(h.Desired, "pod", "pods"))
	}
	return fmt.Sprintf("%d of %s not ready", h.Desired-max(0, h.Ready), plural(h.Desired, "pod", "pods"))
}

// serving says that users are still served by the pods of the revision before, where that is certain.
func serving(i engine.Incident) string {
	if !oldPodsServe(i) {
		return ""
	}
	if i.Health.Ready == 1 {
		return ", the old pod still serves"
	}
	return ", old pods still serve"
}

// oldPodsServe tells whether ready pods are of an older revision: all that should be are ready while pods of the new one cannot
// become so, or more are ready than there are of the new one.
func oldPodsServe(i engine.Incident) bool {
	if i.Health == nil || i.Health.Ready <= 0 || !i.IsOpen() {
		return false
	}
	stuck := slices.Contains(i.Classes, engine.ClassRolloutStuck)
	never := slices.Contains(i.Classes, engine.ClassImagePull) || slices.Contains(i.Classes, engine.ClassConfigError)
	if i.Workload.Kind == "Deployment" && i.Health.Ready >= i.Health.Desired && (stuck || never) {
		return true
	}
	return stuck && slices.ContainsFunc(i.Diagnosis.Evidence, func(e engine.Evidence) bool {
		ready, err1 := strconv.Atoi(e.Fields["ready"])
		updated, err2 := strconv.Atoi(e.Fields["updated"])
		return e.Kind == engine.EvidenceRollout && err1 == nil && err2 == nil && ready > updated
	})
}
