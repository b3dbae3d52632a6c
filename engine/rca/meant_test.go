package rca

import (
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// TestWhatTheNodesLackThatAreMeant holds that what rules out the nodes of others is not taken for the cause. The sentences are those of the
// scheduler of Kubernetes 1.37, in a cluster with groups of nodes that are set apart.
func TestWhatTheNodesLackThatAreMeant(t *testing.T) {
	const outside = "0/8 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 1 node(s) were unschedulable, 6 node(s) had untolerated taint(s). preemption: 0/8 nodes are available: 8 Preemption is not helpful for scheduling."
	for _, tc := range []struct{ says, selected, rule, cordoned string }{
		{"0/8 nodes are available: 1 Insufficient memory, 3 node(s) didn't match Pod's node affinity/selector, 4 node(s) had untolerated taint(s). preemption: 0/8 nodes are available: 1 No preemption victims found for incoming pod, 7 Preemption is not helpful for scheduling.", "true", "schedule/insufficient", ""},
		{"0/10 nodes are available: 2 node(s) didn't match pod anti-affinity rules, 4 node(s) didn't match Pod's node affinity/selector, 4 node(s) had untolerated taint(s). preemption: 0/10 nodes are available: 2 No preemption victims found for incoming pod, 8 Preemption is not helpful for scheduling.", "true", "schedule/spread", ""},
		{"0/6 nodes are available: 1 node(s) were unschedulable, 2 node(s) didn't match Pod's node affinity/selector, 3 node(s) had untolerated taint(s). preemption: 0/6 nodes are available: 6 Preemption is not helpful for scheduling.", "", "schedule/cordoned", ""},
		{"0/6 nodes are available: 1 Too many pods, 2 node(s) didn't match Pod's node affinity/selector, 3 node(s) had untolerated taint(s). preemption: 0/6 nodes are available: 1 No preemption victims found for incoming pod, 5 Preemption is not helpful for scheduling.", "", "schedule/too-many-pods", ""},
		{"0/7 nodes are available: 1 node(s) didn't have free ports for the requested pod ports, 2 node(s) didn't match Pod's node affinity/selector, 4 node(s) had untolerated taint(s). preemption: 0/7 nodes are available: 1 No preemption victims found for incoming pod, 6 Preemption is not helpful for scheduling.", "", "schedule/ports", ""},
		{"0/4 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 3 node(s) didn't match PersistentVolume's node affinity. preemption: 0/4 nodes are available: 4 Preemption is not helpful for scheduling.", "true", "schedule/volume-zone", ""},
		{"0/6 nodes are available: 2 node(s) had untolerated taint {node.kubernetes.io/disk-pressure: }, 4 node(s) didn't match Pod's node affinity/selector. preemption: 0/6 nodes are available: 6 Preemption is not helpful for scheduling.", "true", "schedule/taint", ""},
		// The same words, and two causes: whether any node has the labels that are asked for tells them apart.
		{"0/7 nodes are available: 6 node(s) didn't match Pod's node affinity/selector, 1 node(s) had untolerated taint(s). preemption: 0/7 nodes are available: 7 Preemption is not helpful for scheduling.", "true", "schedule/taint", ""},
		{"0/7 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 6 node(s) had untolerated taint(s). preemption: 0/7 nodes are available: 7 Preemption is not helpful for scheduling.", "false", "schedule/affinity", ""},
		{"0/7 nodes are available: 7 node(s) didn't match Pod's node affinity/selector. preemption: 0/7 nodes are available: 7 Preemption is not helpful for scheduling.", "false", "schedule/affinity", ""},
		// A cordoned node that is not meant is told so all the same; one that is meant may be why.
		{outside, "true", "schedule/taint", "false"},
		{outside, "true", "schedule/cordoned", "true"},
		{outside, "true", "schedule/cordoned", ""},
	} {
		now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
		i := engine.Incident{Workload: engine.Workload{Namespace: "shop", Kind: "Deployment", Name: "web"}, Classes: []engine.Class{engine.ClassUnschedulable}, StartedAt: now}
		pod := engine.Evidence{ID: "pod/web-1", Kind: engine.EvidencePod, Object: engine.ObjectRef{Kind: "Pod", Name: "web-1"}, Fields: map[string]string{
			"reason": "Unschedulable", "message": tc.says, "selected": tc.selected, "selected_cordoned": tc.cordoned,
		}}
		d := Rank(i, []engine.Evidence{pod}, nil, nil, now)
		if c, ok := d.Cause(""); !ok || c.Rule != tc.rule {
			t.Errorf("%s (selected %q)\nfirst %s, want %s; all %+v", tc.says, tc.selected, c.Rule, tc.rule, d.Causes)
		}
	}
}

func TestAnAlertOfSomebodyElsesAfterARelease(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	i := engine.Incident{Workload: engine.Workload{Namespace: "shop", Kind: "Deployment", Name: "web"}, Classes: []engine.Class{engine.ClassAlert}, StartedAt: now}
	release := engine.Evidence{ID: "change/2", Kind: engine.EvidenceChange, At: now.Add(-time.Minute), Fields: map[string]string{"what": "image", "from": "web:1", "to": "web:2", "age": "1m0s"}}
	if c, ok := Rank(i, []engine.Evidence{release}, nil, nil, now).Cause(""); !ok || c.Rule != "rollout/change" {
		t.Errorf("%+v", c)
	}
	release.Fields["age"] = "5h0m0s"
	if d := Rank(i, []engine.Evidence{release}, nil, nil, now); len(d.Causes) > 0 {
		t.Errorf("a release of long ago: %+v", d.Causes)
	}
}

// TestWhatWasMadeSince holds that an object that a component missed, and that is there by now, is not said to be missing.
func TestWhatWasMadeSince(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	i := engine.Incident{Workload: engine.Workload{Namespace: "shop", Kind: "Deployment", Name: "web"}, Classes: []engine.Class{engine.ClassUnschedulable}, StartedAt: now}
	missed := event("FailedScheduling", `0/5 nodes are available: persistentvolumeclaim "data" not found. not found`)
	claim := engine.Evidence{
		ID: "claim/data", Kind: engine.EvidenceClaim, Object: engine.ObjectRef{Kind: "PersistentVolumeClaim", Namespace: "shop", Name: "data"},
		Fields: map[string]string{"phase": "Pending", "storage_class": "fast", "class_exists": "false"},
	}
	for rule, evidence := range map[string][]engine.Evidence{"config/missing-claim": {missed}, "claim/class-missing": {missed, claim}} {
		d := Rank(i, evidence, nil, nil, now)
		if c, ok := d.Cause(""); !ok || c.Rule != rule {
			t.Errorf("first %s, want %s; all %+v", c.Rule, rule, d.Causes)
		}
		if _, still := d.Cause("config/missing-claim"); still != (rule == "config/missing-claim") {
			t.Errorf("%s: %+v", rule, d.Causes)
		}
	}
}
