package rca

import (
	"strconv"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// changed are the classes that a change may bring about.
var changed = []engine.Class{
	engine.ClassRolloutStuck, engine.ClassCrashLoop, engine.ClassProbeFailing, engine.ClassReplicasMissing, engine.ClassConfigError, engine.ClassHighCPU,
	engine.ClassHighMemory, engine.ClassHighLatency, engine.ClassAlert,
}

// rolloutRules name the change after which new pods fail, when nothing of the particular is known.
var rolloutRules = []rule{
	{general: true, name: "rollout/change", prior: 0.6, classes: changed, match: func(f *facts) (finding, bool) {
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
		merge, came := f.merge(e)
		if came {
			m.pro = append(m.pro, merge.ID)
			m.text += " It came with " + quote(merge.Fields["ref"], 80) + "."
		}
		m.step = engine.Step{Runbook: runbooks + "replicas-missing.md"}
		switch who := takesBack(e); {
		case e.Fields["what"] == "configmap":
			m.step.Text, m.step.Command = "Compare the ConfigMap with what it was, and put it back.", f.describe("configmap", e.Fields["from"])
		case who != "" && came:
			m.step.Text = "Revert " + quote(merge.Fields["ref"], 80) + " in Git (" + who + " takes back what is done by hand), then look at it in peace."
		case who != "":
			m.step.Text = "Revert the change in Git (" + who + " takes back what is done by hand), then look at it in peace."
		case e.Fields["what"] == "replicas":
			m.step.Text, m.step.Command = "Scale it back, then look at the change in peace.", f.scaleBack(e)
		default:
			m.step.Text, m.step.Command = "Bring back the revision before, then look at the change in peace.", f.undo()
		}
		return m, true
	}},
	{general: true, name: "rollout/merge", prior: 0.35, classes: changed, match: func(f *facts) (finding, bool) {
		if _, seen := f.change(); seen {
			return finding{}, false
		}
		e, ok := f.merge(engine.Evidence{})
		age, known := f.age(e)
		if !ok || !known || age > changeBefore {
			return finding{}, false
		}
		return finding{
			strength: 1, pro: []string{e.ID}, title: "it began after a merge: " + quote(e.Fields["ref"]+", "+e.Fields["subject"], 120),
			text: "That was " + timing(age) + ". It is about what declares the workload, of which no change was seen in the cluster.",
			step: engine.Step{Text: "See whether it is rolled out, and what it did beside the workload; revert it if the trouble ends with that.", Runbook: runbooks + "replicas-missing.md"},
		}, true
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

// merge is what was merged last before a change was seen, or for none, before the incident.
func (f *facts) merge(change engine.Evidence) (last engine.Evidence, ok bool) {
	for _, e := range f.of(engine.EvidenceMerge) {
		age, known := f.age(e)
		if !known || age < 0 || !change.At.IsZero() && e.At.After(change.At) || ok && !e.At.After(last.At) {
			continue
		}
		last, ok = e, true
	}
	return last, ok
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
