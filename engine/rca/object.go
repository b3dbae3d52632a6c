package rca

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// claimRules say why a claim has no volume.
var claimRules = []rule{
	{name: "claim/no-class", classes: []engine.Class{engine.ClassClaimPending, engine.ClassUnschedulable}, prior: 0.88, match: func(f *facts) (finding, bool) {
		e, ok := f.claim(func(e engine.Evidence) bool { return e.Fields["storage_class"] == "" && e.Fields["volume"] == "" })
		if !ok {
			return finding{}, false
		}
		return f.aboutClaim(e, "claim "+e.Object.Name+" names no storage class and there is no default", "So nothing makes a volume for it, and no existing one fits.",
			engine.Step{Text: "Name a storage class, or make one the default.", Command: "kubectl get storageclass", Field: "spec.storageClassName"}), true
	}},
	{name: "claim/class-missing", classes: []engine.Class{engine.ClassClaimPending, engine.ClassUnschedulable}, prior: 0.95, match: func(f *facts) (finding, bool) {
		e, ok := f.claim(func(e engine.Evidence) bool { return e.Fields["class_exists"] == "false" })
		g, ids := f.heard(regexp.MustCompile(`storageclass(?:\.storage\.k8s\.io)? "([^"]+)" not found`))
		if !ok && g == nil {
			return finding{}, false
		}
		class := e.Fields["storage_class"]
		if g != nil {
			class = g[1]
		}
		m := f.aboutClaim(e, "storage class "+quote(class, 80)+" does not exist", "The claim names it, and the cluster has none of that name.",
			engine.Step{Text: "Make the class, or name one that exists.", Command: "kubectl get storageclass", Field: "spec.storageClassName"})
		m.pro = append(m.pro, ids...)
		return m, true
	}},
	{name: "claim/zone", classes: []engine.Class{engine.ClassClaimPending, engine.ClassUnschedulable}, prior: 0.8, match: func(f *facts) (finding, bool) {
		g, ids := f.heard(regexp.MustCompile(`(?i)(no topology key found|topology requirement|availability zone[^.]{0,80}(?:not|invalid)|does not match the zone)`))
		if g == nil {
			return finding{}, false
		}
		e, _ := f.claim(func(engine.Evidence) bool { return true })
		m := f.aboutClaim(e, "no volume can be made in the zone that the pod needs", "The storage says: "+quote(g[1], 120)+".",
			engine.Step{Text: "Use a class that binds at the first consumer (volumeBindingMode: WaitForFirstConsumer).", Command: "kubectl get storageclass -o wide"})
		m.pro = append(m.pro, ids...)
		return m, true
	}},
	{name: "claim/provisioner", classes: []engine.Class{engine.ClassClaimPending, engine.ClassUnschedulable}, prior: 0.82, match: func(f *facts) (finding, bool) {
		e, ok := f.first(engine.EvidenceEvent, func(e engine.Evidence) bool {
			return e.Fields["reason"] == "ProvisioningFailed" && !strings.Contains(e.Fields["message"], "storageclass")
		})
		waits, slow := f.first(engine.EvidenceEvent, func(e engine.Evidence) bool {
			return e.Fields["reason"] == "ExternalProvisioning"
		})
		switch {
		case ok:
			m := f.aboutClaim(e, "the volume cannot be made: "+quote(e.Fields["message"], 100), "These are the provisioner's words.",
				engine.Step{Text: "Mend what it names; on EKS, look at the EBS CSI driver's role and log.", Command: "kubectl -n kube-system logs deployment/ebs-csi-controller -c csi-provisioner --tail=50"})
			return m, true
		case slow:
			m := f.aboutClaim(waits, "nothing makes the volume: its provisioner does not answer", quote(waits.Fields["message"], 200),
				engine.Step{Text: "See whether the CSI driver that the class names is installed and runs.", Command: "kubectl get csidrivers"})
			m.strength = 0.7
			return m, true
		}
		return finding{}, false
	}},
}

func (f *facts) claim(test func(engine.Evidence) bool) (engine.Evidence, bool) {
	return f.first(engine.EvidenceClaim, func(e engine.Evidence) bool { return e.Fields["phase"] == "Pending" && test(e) })
}

func (f *facts) aboutClaim(e engine.Evidence, title, text string, step engine.Step) finding {
	m := finding{strength: 1, title: title, text: text, step: step}
	if e.ID != "" {
		m.pro = []string{e.ID}
	}
	return m
}

// evictRules say what a node was short of when it evicted the pod.
var evictRules = []rule{
	{name: "evict/own-storage", classes: []engine.Class{engine.ClassEvicted}, prior: 0.95, match: func(f *facts) (finding, bool) {
		g, ids := f.heard(regexp.MustCompile(`(?i)((?:Pod|Container \S+) (?:ephemeral local storage usage exceeds|exceeded its local ephemeral storage limit)[^.]*|Usage of EmptyDir volume "[^"]+" exceeds the limit[^.]*)`))
		if g == nil {
			return finding{}, false
		}
		return f.evictedFor(ids, "the pod used more local storage than its limit", quote(g[1], 160)+".",
			engine.Step{Text: "Write less to the container's file system, or raise the limit.", Field: f.path(f.suspect(), "resources.limits.ephemeral-storage"), Runbook: runbooks + "pod-evicted.md"}), true
	}},
	lowOn("evict/memory", "memory", 0.9, "the node ran short of memory", "Pods that use more than they request are evicted first.", "Request what the pod uses, so that the scheduler plans with it.", "resources.requests.memory"),
	lowOn("evict/disk", "(?:ephemeral-storage|nodefs|imagefs|containerfs|inodes)", 0.9, "the node ran short of disk", "Logs, images and what containers write share the node's disk.", "Find what fills the disk, give nodes a larger one, and limit ephemeral storage.", "resources.requests.ephemeral-storage"),
	lowOn("evict/pids", "pids", 0.9, "the node ran short of process ids", "Something makes more processes than the node allows.", "Find what makes them, and limit process ids per pod.", ""),
}

func lowOn(name, resource string, prior float64, title, text, step, field string) rule {
	re := regexp.MustCompile(`(?i)low on resource: (` + resource + `)\S*?[.,]? ?(.*)`)
	return rule{name: name, classes: []engine.Class{engine.ClassEvicted, engine.ClassReplicasMissing}, prior: prior, match: func(f *facts) (finding, bool) {
		g, ids := f.heard(re)
		if g == nil {
			return finding{}, false
		}
		s := engine.Step{Text: step, Runbook: runbooks + "pod-evicted.md"}
		if field != "" {
			s.Field = f.path(f.suspect(), field)
		}
		m := f.evictedFor(ids, title, text+" The kubelet says: "+quote(g[0], 200), s)
		if n, ok := f.first(engine.EvidenceNode, func(e engine.Evidence) bool { return e.Fields["pressure"] != "" }); ok {
			m.pro = append(m.pro, n.ID)
			m.step.Command = f.onNode(n.Object.Name)
		}
		return m, true
	}}
}

func (f *facts) evictedFor(ids []string, title, text string, step engine.Step) finding {
	return finding{strength: 1, pro: ids, title: title, text: text, step: step}
}

// onNode is the command that shows a node.
func (f *facts) onNode(name string) string {
	if !nameRE.MatchString(name) {
		return ""
	}
	return "kubectl describe node " + name
}

// quotaRules say that the namespace has no room left.
var quotaRules = []rule{
	{name: "quota/exceeded", prior: 0.93, classes: []engine.Class{engine.ClassReplicasMissing, engine.ClassRolloutStuck, engine.ClassJobFailed, engine.ClassUnschedulable}, match: func(f *facts) (finding, bool) {
		g, ids := f.heard(regexp.MustCompile(`exceeded quota: ([^,]+), (requested: .*)`))
		if g == nil {
			return finding{}, false
		}
		m := finding{
			strength: 1, pro: ids, title: "the quota " + quote(g[1], 60) + " of namespace " + f.i.Workload.Namespace + " is used up",
			text: "The API server refuses new pods: " + quote(g[2], 200) + ".",
			step: engine.Step{Text: "Raise the quota, or free what uses it.", Command: f.kubectl("describe resourcequota %s", g[1])},
		}
		m.pro = append(m.pro, f.ids(engine.EvidenceQuota, func(e engine.Evidence) bool { return e.Fields["name"] == g[1] })...)
		m.because(f, "resources")
		return m, true
	}},
	{name: "quota/needs-limits", prior: 0.93, classes: []engine.Class{engine.ClassReplicasMissing, engine.ClassRolloutStuck, engine.ClassJobFailed}, match: func(f *facts) (finding, bool) {
		g, ids := f.heard(regexp.MustCompile(`failed quota: ([^:]+): must specify ([^"]+)`))
		if g == nil {
			return finding{}, false
		}
		return finding{
			strength: 1, pro: ids, title: "the quota " + quote(g[1], 60) + " demands that pods say " + quote(g[2], 80), text: "The API server refuses pods without it.",
			step: engine.Step{Text: "Set it.", Field: f.path(f.suspect(), "resources")},
		}, true
	}},
	{name: "quota/admission", prior: 0.85, classes: []engine.Class{engine.ClassReplicasMissing, engine.ClassRolloutStuck, engine.ClassJobFailed}, match: func(f *facts) (finding, bool) {
		g, ids := f.heard(regexp.MustCompile(`(admission webhook "[^"]+" denied the request: .*|violates PodSecurity "[^"]+": .*|(?:minimum|maximum) \S+ usage per (?:Container|Pod) is .*|failed calling webhook "[^"]+".*)`))
		if g == nil {
			return finding{}, false
		}
		m := finding{
			strength: 1, pro: ids, title: "new pods are refused: " + quote(g[1], 100), text: "The API server says: " + quote(g[1], 240) + ".",
			step: engine.Step{Text: "Make the pod conform to what refuses it, or mend the webhook.", Command: f.describe(f.resource(), f.i.Workload.Name)},
		}
		m.because(f)
		return m, true
	}},
}

// rolloutRules name the change after which new pods fail, when nothing of the particular is known.
var rolloutRules = []rule{
	{name: "rollout/change", prior: 0.6, classes: []engine.Class{engine.ClassRolloutStuck, engine.ClassCrashLoop, engine.ClassProbeFailing, engine.ClassReplicasMissing, engine.ClassConfigError, engine.ClassHighCPU, engine.ClassHighMemory, engine.ClassHighLatency}, match: func(f *facts) (finding, bool) {
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
	{name: "rollout/deadline", prior: 0.3, classes: []engine.Class{engine.ClassRolloutStuck}, match: func(f *facts) (finding, bool) {
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
