package rca

import (
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// jobRules say why a Job gave up. What its container said stands before them.
var jobRules = []rule{
	{name: "job/deadline", prior: 0.88, classes: []engine.Class{engine.ClassJobFailed}, match: func(f *facts) (finding, bool) {
		e, ok := f.first(engine.EvidenceJob, func(e engine.Evidence) bool { return e.Fields["reason"] == "DeadlineExceeded" })
		if !ok {
			return finding{}, false
		}
		deadline := ""
		if d := e.Fields["deadline"]; d != "" {
			deadline = " of " + d
		}
		return finding{
			strength: 1, pro: []string{e.ID}, title: "the job took longer than its deadline" + deadline, text: "Kubernetes ended it: it was slow, stuck, or could not start at all.",
			step: engine.Step{Text: "Read how far it came, then mend what it waits for or raise the deadline.", Command: f.kubectl("logs job/%s --tail=100", e.Object.Name), Field: f.jobField("activeDeadlineSeconds")},
		}, true
	}},
	{general: true, name: "job/backoff-limit", prior: 0.35, classes: []engine.Class{engine.ClassJobFailed}, match: func(f *facts) (finding, bool) {
		e, ok := f.first(engine.EvidenceJob, func(e engine.Evidence) bool { return strings.HasPrefix(e.Fields["reason"], "BackoffLimitExceeded") })
		if !ok {
			return finding{}, false
		}
		return finding{
			strength: 1, pro: []string{e.ID}, title: "the job gave up: its pods failed too often (" + or(e.Fields["failed"], "more than allowed") + ")", text: "Kubernetes does not try again.",
			step: engine.Step{Text: "Read what the last pod wrote.", Command: f.kubectl("logs job/%s --tail=100", e.Object.Name)},
		}, true
	}},
	{name: "job/pod-policy", prior: 0.85, classes: []engine.Class{engine.ClassJobFailed}, match: func(f *facts) (finding, bool) {
		e, ok := f.first(engine.EvidenceJob, func(e engine.Evidence) bool { return e.Fields["reason"] == "PodFailurePolicy" })
		if !ok {
			return finding{}, false
		}
		return finding{
			strength: 1, pro: []string{e.ID}, title: "the job's failure policy ended it", text: quote(or(e.Fields["message"], e.Text), 200),
			step: engine.Step{Text: "Read what the pod wrote.", Command: f.kubectl("logs job/%s --tail=100", e.Object.Name)},
		}, true
	}},
}

func (f *facts) jobField(name string) string {
	if f.i.Workload.Kind == "CronJob" {
		return "spec.jobTemplate.spec." + name
	}
	return "spec." + name
}
