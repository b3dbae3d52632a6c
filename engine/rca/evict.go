package rca

import (
	"regexp"

	"github.com/eks-autopilot/autopilot/engine"
)

// What the kubelet, the scheduler, the storage and the API server write.
var (
	ownStorage = regexp.MustCompile(`(?i)((?:Pod|Container \S+) (?:ephemeral local storage usage exceeds|exceeded its local ephemeral storage limit)[^.]*|Usage of EmptyDir volume "[^"]+" exceeds the limit[^.]*)`)
)

// evictRules say what a node was short of when it evicted the pod.
var evictRules = []rule{
	{name: "evict/own-storage", classes: []engine.Class{engine.ClassEvicted}, prior: 0.95, match: func(f *facts) (finding, bool) {
		g, ids := f.heard(ownStorage)
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
		m := f.evictedFor(ids, title, text, s)
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
