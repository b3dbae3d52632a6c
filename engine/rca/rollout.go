package rca

import (
	"fmt"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// rolloutRules name the change after which new pods fail, when nothing of the particular is known.
var rolloutRules = []rule{
	{general: true, name: "rollout/change", prior: 0.6, classes: []engine.Class{engine.ClassRolloutStuck, engine.ClassCrashLoop, engine.ClassProbeFailing, engine.ClassReplicasMissing, engine.ClassConfigError, engine.ClassHighCPU, engine.ClassHighMemory, engine.ClassHighLatency}, match: func(f *facts) (finding, bool) {
		e, ok := f.change()
		if !ok {
			return finding{}, false
		}
		age, _ := f.age(e)
		m := finding{strength: 0.6, pro: []string{e.ID}}
		if age <= changeBefore/6 {
			m.strength = 0.8
		}
		if f.is(engine.ClassRolloutStuck) {
			m.strength = 1
			m.pro = append(m.pro, f.ids(engine.EvidenceRollout, func(engine.Evidence) bool { return true })...)
		}
		m.title = "it began after a change: " + quote(changeText(e), 120)
		m.text = fmt.Sprintf("%s. The change came shortly before, and nothing else is known to have changed.", quote(strings.TrimSuffix(e.Text, "."), 240))
		m.step = engine.Step{Text: "Go back to the revision before, and look at the change in peace.", Command: f.undo(), Runbook: runbooks + "replicas-missing.md"}
		return m, true
	}},
	{general: true, name: "rollout/deadline", prior: 0.3, classes: []engine.Class{engine.ClassRolloutStuck}, match: func(f *facts) (finding, bool) {
		e, ok := f.first(engine.EvidenceRollout, func(e engine.Evidence) bool { return e.Fields["reason"] == "ProgressDeadlineExceeded" })
		if !ok {
			return finding{}, false
		}
		return finding{
			strength: 1, pro: []string{e.ID}, title: "the new pods do not become available in time", text: quote(or(e.Fields["message"], e.Text), 200),
			step: engine.Step{Text: "See why the newest pods are not ready.", Command: f.kubectl("rollout status %s/%s --timeout=5s", f.resource(), f.i.Workload.Name)},
		}, true
	}},
}
