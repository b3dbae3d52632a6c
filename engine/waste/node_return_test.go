package waste

import (
	"strings"
	"testing"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

// ran is a history of pods, from so many hours before now on for so many steps, and as many as now in all others.
func (w nodeWorld) ran(kind, name string, pods, now uint16, hoursAgo, steps int) {
	if w.cluster().Usage == nil {
		w.cluster().Usage = map[ContainerKey]Usage{}
	}
	h := history(8, int(now), func(time.Time) float64 { return 0.05 })
	h.Start = w.At.Add(-8 * day)
	first := len(h.Pods) - int(time.Duration(hoursAgo)*time.Hour/testStep)
	for i := range steps {
		h.Pods[first+i] = pods
	}
	w.cluster().Usage[ContainerKey{Namespace: "shop", Kind: kind, Name: name, Container: "main"}] = Usage{CPU: h, Memory: h}
}

// The nodes that stay have room for two replicas of web before the headroom is gone.
func TestNodeIsKeptForReplicasThatComeBack(t *testing.T) {
	const rs = "web-5d9f"
	scaled := func(w nodeWorld, most int32) {
		w.cluster().Autoscalers = append(w.cluster().Autoscalers, &autoscalingv2.HorizontalPodAutoscaler{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"},
			Spec:       autoscalingv2.HorizontalPodAutoscalerSpec{MaxReplicas: most, ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{Kind: kindReplicaSet, Name: rs}},
		})
	}
	nightly := func(w nodeWorld, suspend bool) {
		j := &batchv1.CronJob{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "report"}, Spec: batchv1.CronJobSpec{Suspend: &suspend}}
		j.Spec.JobTemplate.Spec.Template.Spec = corev1.PodSpec{RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{{Name: "main"}}}
		asks(&j.Spec.JobTemplate.Spec.Template.Spec.Containers[0], "700m", "1Gi")
		w.cluster().CronJobs = append(w.cluster().CronJobs, j)
	}
	for name, c := range map[string]struct {
		change func(w nodeWorld)
		reason string // "" when n1 can go
	}{
		"as many as ever":                 {func(w nodeWorld) { w.ran(kindReplicaSet, rs, 1, 1, 30, 12) }, ""},
		"two by day":                      {func(w nodeWorld) { w.ran(kindReplicaSet, rs, 2, 1, 30, 12) }, ""},
		"four by day":                     {func(w nodeWorld) { w.ran(kindReplicaSet, rs, 4, 1, 30, 12) }, skipHeadroom},
		"more than there is room for now": {func(w nodeWorld) { w.ran(kindReplicaSet, rs, 40, 1, 30, 12) }, skipReturns},
		"four in the step of a roll-out":  {func(w nodeWorld) { w.ran(kindReplicaSet, rs, 4, 1, 30, 1) }, ""},
		"four, eight days ago":            {func(w nodeWorld) { w.ran(kindReplicaSet, rs, 4, 1, 190, 12) }, ""},
		"four, and two allowed":           {func(w nodeWorld) { w.ran(kindReplicaSet, rs, 4, 1, 30, 12); scaled(w, 2) }, ""},
		"four, and ten allowed":           {func(w nodeWorld) { w.ran(kindReplicaSet, rs, 4, 1, 30, 12); scaled(w, 10) }, skipHeadroom},
		"of a job that is not scheduled":  {func(w nodeWorld) { w.ran(kindJob, "report-1", 4, 0, 30, 12) }, ""},
		"three runs by night":             {func(w nodeWorld) { w.ran(kindCronJob, "report", 3, 0, 30, 12); nightly(w, false) }, skipHeadroom},
		"three runs, suspended":           {func(w nodeWorld) { w.ran(kindCronJob, "report", 3, 0, 30, 12); nightly(w, true) }, ""},
		"more than there is room for, of Karpenter": {func(w nodeWorld) {
			w.ran(kindReplicaSet, rs, 40, 1, 30, 12)
			w.karpenter(NodePool{Name: "p", ConsolidateAfter: "Never"})
		}, skipNoRoom},
	} {
		w := newNodeWorld(t)
		asks(&w.pod("web").Spec.Containers[0], "700m", "1Gi")
		c.change(w)
		found, skipped := w.detect()
		f, ok := found["n1"]
		if ok != (c.reason == "") || skipped["n1"].Reason != c.reason {
			t.Errorf("%s: found %v, skipped for %q (%s), want %q", name, ok, skipped["n1"].Reason, skipped["n1"].Detail, c.reason)
			continue
		}
		if ok && (len(f.Node.Placements) != 1 || f.Node.Placements[0].Pod != "shop/web") {
			t.Errorf("%s: placements of what is not there: %v", name, f.Node.Placements)
		}
		if c.reason == skipReturns && !strings.Contains(skipped["n1"].Detail, "which ran of late") {
			t.Errorf("%s: the detail %q does not say why", name, skipped["n1"].Detail)
		}
	}
}

// Who is not there needs nobody's leave to go: neither a budget nor an annotation of its workload counts it.
func TestReturningReplicasAreNotEvicted(t *testing.T) {
	w := newNodeWorld(t)
	w.pin()
	w.ran(kindReplicaSet, "web-5d9f", 3, 1, 30, 12)
	w.addBudget("web", map[string]string{"app": "web"}, 1)
	if found, skipped := w.detect(); found["n1"].Key == "" || !has(found["n1"].Reasons, "ran within the last 7 days") {
		t.Errorf("n1: %+v, skipped for %+v", found["n1"].Reasons, skipped["n1"])
	}
}

func TestNodesOfATidalClusterAreJudgedByHistory(t *testing.T) {
	for name, c := range map[string]struct {
		change func(c *Cluster)
		want   bool
	}{
		"nothing scales": {func(*Cluster) {}, true},
		"an autoscaler":  {func(c *Cluster) { c.Autoscalers = make([]*autoscalingv2.HorizontalPodAutoscaler, 1) }, false},
		"a schedule":     {func(c *Cluster) { c.CronJobs = make([]*batchv1.CronJob, 1) }, false},
	} {
		s := &Snapshot{Clusters: []Cluster{{Name: "c", Complete: true}, {Name: "d", Complete: true}}}
		c.change(&s.Clusters[0])
		of := engine.Finding{Kind: engine.IdleNode}
		of.Target.Cluster = "c"
		if !s.Judged(of, "") {
			t.Errorf("%s: not judged, though Prometheus answered", name)
		}
		s.Clusters[0].Missing = []Part{PartUsage}
		if got := s.Judged(of, ""); got != c.want {
			t.Errorf("%s, without Prometheus: judged %v, want %v", name, got, c.want)
		}
		of.Target.Cluster = "d"
		if !s.Judged(of, "") {
			t.Errorf("%s: another cluster is not judged", name)
		}
	}
}
