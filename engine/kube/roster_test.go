package kube

import (
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/anomaly"
)

func TestRoster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		on := func(p *corev1.Pod, node string) *corev1.Pod { p.Spec.NodeName = node; return p }
		api := deployment("api", 2)
		api.Annotations, api.Labels = map[string]string{"deployment.kubernetes.io/revision": "7"}, map[string]string{"team": "pay"}
		api.Status.Replicas = 3 // one of the old revision is still there
		three, zero := int32(3), int32(0)
		db := &appsv1.StatefulSet{ObjectMeta: meta("db"), Spec: appsv1.StatefulSetSpec{Replicas: &three}, Status: appsv1.StatefulSetStatus{UpdateRevision: "db-2", CurrentRevision: "db-2"}}
		off := &appsv1.StatefulSet{ObjectMeta: meta("off"), Spec: appsv1.StatefulSetSpec{Replicas: &zero}, Status: appsv1.StatefulSetStatus{UpdateRevision: "off-2", CurrentRevision: "off-1"}}
		agent := &appsv1.DaemonSet{ObjectMeta: meta("agent"), Status: appsv1.DaemonSetStatus{DesiredNumberScheduled: 2, UpdatedNumberScheduled: 2, ObservedGeneration: 4}}
		agent.Generation = 4
		c, _ := watching(t, &sink{}, api, db, off, agent, replicaSet("api-1", "api"), job("once", 0, ""),
			on(pod("api-1-x", by("ReplicaSet", "api-1")), "n1"), on(pod("api-1-y", by("ReplicaSet", "api-1")), "n2"),
			on(pod("db-0", by("StatefulSet", "db")), "n1"), on(pod("db-1", by("StatefulSet", "db")), "n1"), on(pod("db-2", by("StatefulSet", "db")), ""),
			pod("agent-x", by("DaemonSet", "agent")), pod("once-x", by("Job", "once")), pod("kubelet-n1", by(engine.KindNode, "n1")), pod("lone"),
			pod("roll-1", by("Rollout", "roll")), pod("roll-2", by("Rollout", "roll")), pod("orphan", by("ReplicaSet", "gone")),
		)
		if _, err := c.Roster(t.Context()); engine.CodeOf(err) != engine.Unavailable {
			t.Errorf("before it is read: %v", err)
		}
		settle()
		r, err := c.Roster(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want := map[engine.Workload]anomaly.About{
			workload("Deployment", "api"):  {Revision: "7", Wanted: 2, Rolling: true, Labels: map[string]string{"team": "pay"}},
			workload("StatefulSet", "db"):  {Revision: "db-2", Wanted: 3, Node: "n1"},
			workload("StatefulSet", "off"): {Revision: "off-2", Rolling: true},
			workload("DaemonSet", "agent"): {Revision: "4", Wanted: 2, Node: "n1"},
			workload("Pod", "lone"):        {Wanted: 1, Node: "n1"},
			workload("Rollout", "roll"):    {Wanted: 2, Node: "n1"},
		}
		if d := cmp.Diff(want, r.Workloads); d != "" {
			t.Error(d)
		}
		for pod, want := range map[string]string{"api-1-x": "n1", "api-1-y": "n2", "db-2": "", "nobody": ""} {
			if got := r.Place("pay", pod); got != want {
				t.Errorf("%s is on %q, want %q", pod, got, want)
			}
		}
		for pod, want := range map[string]string{"api-1-x": "pay/api", "db-1": "pay/db", "lone": "pay/lone", "once-x": "", "orphan": "", "nobody": "", "kubelet-n1": ""} {
			if w, ok := r.Owner("pay", pod); ok != (want != "") || ok && w.String() != want {
				t.Errorf("%s belongs to %q, %v", pod, w, ok)
			}
		}
	})
}
