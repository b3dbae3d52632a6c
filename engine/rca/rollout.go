package rca

import (
	"strconv"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// rolloutRules name the change after which new pods fail, when nothing of the particular is known.
var rolloutRules = []rule{
	{general: true, name: "rollout/change", prior: 0.6, classes: []engine.Class{engine.ClassRolloutStuck, engine.ClassCrashLoop, engine.ClassProbeFailing, engine.ClassReplicasMissing, engine.ClassConfigError, engine.ClassHighCPU, engine.ClassHighMemory, engine.ClassHighLatency, engine.ClassAlert}, match: func(f *facts) (finding, bool) {
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
		m.text = "That was " + timing(age) + "."
		m.step = engine.Step{Runbook: runbooks + "replicas-missing.md"}
		switch who := takesBack(e); {
		case e.Fields["what"] == "configmap":
			m.step.Text, m.step.Command = "Compare the ConfigMap with what it was, and put it back.", f.describe("configmap", e.Fields["from"])
		case who != "":
			m.step.Text = "Revert the change in Git (" + who + " takes back what is done by hand), then look at it in peace."
		case e.Fields["what"] == "replicas":
			m.step.Text, m.step.Command = "Scale it back, then look at the change in peace.", f.scaleBack(e)
		default:
			m.step.Text, m.step.Command = "Bring back the revision before, then look at the change in peace.", f.undo()
		}
		return m, true
	}},
	{general: true, name: "rollout/deadline", prior: 0.3, classes: []engine.Class{engine.ClassRolloutStuck}, match: func(f *facts) (finding, bool) {
		e, ok := f.first(engine.EvidenceRollout, func(e engine.Evidence) bool { return e.Fields["reason"] == "ProgressDeadlineExceeded" })
		if !ok {
			return finding{}, false
		}
		return finding{
			strength: 1, pro: []string{e.ID}, title: "the new pods do not become available in time", text: "The rollout is past its progress deadline.",
			step: engine.Step{Text: "See which of the newest pods are not ready, and why.", Command: f.kubectl("get pods -o wide")},
		}, true
	}},
}

// timing says how long before the onset a change was made.
func timing(age time.Duration) string {
	switch {
	case age < 10*time.Second:
		return "just before it began"
	case age < time.Minute:
		return "less than a minute before it began"
	case age < 2*time.Minute:
		return "a minute before it began"
	}
	return strconv.Itoa(int(age.Minutes())) + " minutes before it began"
}
