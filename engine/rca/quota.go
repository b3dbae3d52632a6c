package rca

import (
	"regexp"

	"github.com/eks-autopilot/autopilot/engine"
)

// What the kubelet, the scheduler, the storage and the API server write.
var (
	overQuota   = regexp.MustCompile(`exceeded quota: ([^,]+), (requested: .*)`)
	unspecified = regexp.MustCompile(`failed quota: ([^:]+): must specify ([^"]+)`)
	denied      = regexp.MustCompile(`(admission webhook "[^"]+" denied the request: .*|violates PodSecurity "[^"]+": .*|(?:minimum|maximum) \S+ usage per (?:Container|Pod) is .*)`)
)

// quotaRules say that the namespace has no room left.
var quotaRules = []rule{
	{name: "quota/exceeded", prior: 0.93, classes: []engine.Class{engine.ClassReplicasMissing, engine.ClassRolloutStuck, engine.ClassJobFailed, engine.ClassUnschedulable, engine.ClassScheduleMissed}, match: func(f *facts) (finding, bool) {
		g, ids := f.heard(overQuota)
		if g == nil {
			return finding{}, false
		}
		m := finding{
			strength: 1, pro: ids, title: "the quota " + quote(g[1], 60) + " of namespace " + f.i.Workload.Namespace + " is used up",
			text: "The API server refuses new pods: " + quote(g[2], 160) + ".",
			step: engine.Step{Text: "Raise the quota, or free what uses it.", Command: f.kubectl("describe resourcequota %s", g[1])},
		}
		m.pro = append(m.pro, f.ids(engine.EvidenceQuota, func(e engine.Evidence) bool { return e.Fields["name"] == g[1] })...)
		m.root = engine.Workload{Namespace: f.i.Workload.Namespace, Kind: "ResourceQuota", Name: g[1]}
		m.because(f, "resources", "replicas")
		return m, true
	}},
	{name: "quota/needs-limits", prior: 0.93, classes: []engine.Class{engine.ClassReplicasMissing, engine.ClassRolloutStuck, engine.ClassJobFailed, engine.ClassScheduleMissed}, match: func(f *facts) (finding, bool) {
		g, ids := f.heard(unspecified)
		if g == nil {
			return finding{}, false
		}
		return finding{
			strength: 1, pro: ids, title: "the quota " + quote(g[1], 60) + " demands " + quote(g[2], 80), text: "The API server refuses pods that do not say it.",
			step: engine.Step{Text: "Set it in every container.", Command: f.kubectl("describe resourcequota %s", g[1]), Field: f.path(f.suspect(), "resources")},
		}, true
	}},
	{name: "quota/admission", prior: 0.85, classes: []engine.Class{engine.ClassReplicasMissing, engine.ClassRolloutStuck, engine.ClassJobFailed, engine.ClassScheduleMissed}, match: func(f *facts) (finding, bool) {
		g, ids := f.heard(denied)
		if g == nil {
			return finding{}, false
		}
		m := finding{
			strength: 1, pro: ids, title: "new pods are refused: " + quote(g[1], 100), text: "Pods that run stay; none is added or replaced.",
			step: engine.Step{Text: "Change the pod so that it passes, or the policy that refuses it.", Command: f.describe(f.resource(), f.i.Workload.Name)},
		}
		m.because(f)
		return m, true
	}},
}
