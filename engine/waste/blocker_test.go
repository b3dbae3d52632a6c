package waste

import (
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func jobOf(name string, backoff *int32) *batchv1.Job {
	return &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}, Spec: batchv1.JobSpec{BackoffLimit: backoff}}
}

func volumeOf(name string, source corev1.VolumeSource) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: source}
}

// Each case changes one thing of the one pod of n1. Where a reason is wanted, n1 is removable but for that.
func TestPodThatMayNotBeEvicted(t *testing.T) {
	scratch := volumeOf("scratch", corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}})
	system := func(w nodeWorld, p *corev1.Pod) {
		p.Namespace = "kube-system"
	}
	tests := map[string]struct {
		change func(w nodeWorld, p *corev1.Pod)
		reason string // "" when it is removable all the same
		detail string
	}{
		"nothing":                      {func(nodeWorld, *corev1.Pod) {}, "", ""},
		"not safe to evict":            {func(_ nodeWorld, p *corev1.Pod) { annotate(&p.ObjectMeta, safeToEvict, "false") }, skipPodStays, "safe-to-evict=false"},
		"do not disrupt":               {func(_ nodeWorld, p *corev1.Pod) { annotate(&p.ObjectMeta, doNotDisrupt, "true") }, skipPodStays, doNotDisrupt},
		"do not disrupt for some time": {func(_ nodeWorld, p *corev1.Pod) { annotate(&p.ObjectMeta, doNotDisrupt, "4h") }, skipPodStays, doNotDisrupt},
		"disrupt":                      {func(_ nodeWorld, p *corev1.Pod) { annotate(&p.ObjectMeta, doNotDisrupt, "false") }, "", ""},
		"do not evict":                 {func(_ nodeWorld, p *corev1.Pod) { annotate(&p.ObjectMeta, doNotEvict, "true") }, skipPodStays, doNotEvict},
		"do not disrupt beats safe": {func(_ nodeWorld, p *corev1.Pod) {
			annotate(&p.ObjectMeta, safeToEvict, "true")
			annotate(&p.ObjectMeta, doNotDisrupt, "true")
		}, skipPodStays, doNotDisrupt},
		"ownerless": {func(_ nodeWorld, p *corev1.Pod) { p.OwnerReferences = nil }, skipPodStays, "no owner"},
		"ownerless but safe to evict": {func(_ nodeWorld, p *corev1.Pod) {
			p.OwnerReferences = nil
			annotate(&p.ObjectMeta, safeToEvict, "true")
		}, "", ""},
		"owned but not controlled": {func(_ nodeWorld, p *corev1.Pod) { p.OwnerReferences[0].Controller = nil }, skipPodStays, "no owner"},
		"unknown owner":            {func(_ nodeWorld, p *corev1.Pod) { ownedBy(p, "Workflow", "etl") }, skipPodStays, "a Workflow"},
		"stateful":                 {func(_ nodeWorld, p *corev1.Pod) { ownedBy(p, "StatefulSet", "web") }, "", ""},
		"mirror": {func(_ nodeWorld, p *corev1.Pod) {
			p.OwnerReferences = nil
			annotate(&p.ObjectMeta, corev1.MirrorPodAnnotationKey, "x")
		}, "", ""},
		"of its node": {func(_ nodeWorld, p *corev1.Pod) { ownedBy(p, "Node", "n1") }, "", ""},
		"ended":       {func(_ nodeWorld, p *corev1.Pod) { p.OwnerReferences = nil; p.Status.Phase = corev1.PodSucceeded }, "", ""},
		"DaemonSet": {func(_ nodeWorld, p *corev1.Pod) {
			ownedBy(p, "DaemonSet", "logs")
			asks(&p.Spec.Containers[0], "3900m", "1Gi")
		}, "", ""},
		"job that retries": {func(w nodeWorld, p *corev1.Pod) {
			w.cluster().Jobs = []*batchv1.Job{jobOf("j", nil)}
			ownedBy(p, "Job", "j")
		}, "", ""},
		"job that does not": {func(w nodeWorld, p *corev1.Pod) {
			w.cluster().Jobs = []*batchv1.Job{jobOf("j", new(int32))}
			ownedBy(p, "Job", "j")
		}, skipPodStays, "its Job may not start it again"},
		"job that is not known": {func(_ nodeWorld, p *corev1.Pod) { ownedBy(p, "Job", "j") }, skipPodStays, "its Job may not start it again"},
		"emptyDir":              {func(_ nodeWorld, p *corev1.Pod) { p.Spec.Volumes = []corev1.Volume{scratch} }, skipPodStays, "its volume scratch"},
		"emptyDir that may go": {func(_ nodeWorld, p *corev1.Pod) {
			p.Spec.Volumes = []corev1.Volume{scratch}
			annotate(&p.ObjectMeta, safeToEvict, "true")
		}, "", ""},
		"emptyDir that is named": {func(_ nodeWorld, p *corev1.Pod) {
			p.Spec.Volumes = []corev1.Volume{scratch}
			annotate(&p.ObjectMeta, safeToEvictVolumes, "tmp, scratch")
		}, "", ""},
		"another emptyDir is named": {func(_ nodeWorld, p *corev1.Pod) {
			p.Spec.Volumes = []corev1.Volume{scratch}
			annotate(&p.ObjectMeta, safeToEvictVolumes, "tmp")
		}, skipPodStays, "its volume scratch"},
		"emptyDir in memory": {func(_ nodeWorld, p *corev1.Pod) {
			p.Spec.Volumes = []corev1.Volume{volumeOf("shm", corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory}})}
		}, "", ""},
		"hostPath": {func(_ nodeWorld, p *corev1.Pod) {
			p.Spec.Volumes = []corev1.Volume{volumeOf("data", corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/data"}})}
		}, skipPodStays, "its volume data"},
		"config": {func(_ nodeWorld, p *corev1.Pod) {
			p.Spec.Volumes = []corev1.Volume{volumeOf("c", corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{}})}
		}, "", ""},
		"kube-system without a budget": {system, skipPodStays, "kube-system"},
		"kube-system, safe to evict":   {func(w nodeWorld, p *corev1.Pod) { system(w, p); annotate(&p.ObjectMeta, safeToEvict, "true") }, "", ""},
		"kube-system with a budget": {func(w nodeWorld, p *corev1.Pod) {
			system(w, p)
			w.addBudget("dns", p.Labels, 1).Namespace = "kube-system"
		}, "", ""},
		"another scheduler": {func(_ nodeWorld, p *corev1.Pod) { p.Spec.SchedulerName = "volcano" }, skipPodStays, "volcano"},
		"another scheduler, though safe": {func(_ nodeWorld, p *corev1.Pod) {
			p.Spec.SchedulerName = "volcano"
			annotate(&p.ObjectMeta, safeToEvict, "true")
		}, skipPodStays, "volcano"},
		"claims to devices": {func(_ nodeWorld, p *corev1.Pod) { p.Spec.ResourceClaims = []corev1.PodResourceClaim{{Name: "gpu"}} }, skipPodStays, "devices"},
		"placeholder of an autoscaler": {func(_ nodeWorld, p *corev1.Pod) {
			low := int32(-10)
			p.Spec.Priority = &low
			asks(&p.Spec.Containers[0], "2", "1Gi")
		}, skipNoRoom, "too little cpu"},
		"budget that allows":            {func(w nodeWorld, p *corev1.Pod) { w.addBudget("web", p.Labels, 1) }, "", ""},
		"budget that does not":          {func(w nodeWorld, p *corev1.Pod) { w.addBudget("web", p.Labels, 0) }, skipBudget, "shop/web allows 0 disruptions now, and 1 are needed"},
		"budget of all":                 {func(w nodeWorld, _ *corev1.Pod) { w.addBudget("all", nil, 0) }, skipBudget, "shop/all"},
		"budget of nothing":             {func(w nodeWorld, _ *corev1.Pod) { w.addBudget("none", nil, 0).Spec.Selector = nil }, "", ""},
		"budget of another":             {func(w nodeWorld, _ *corev1.Pod) { w.addBudget("other", map[string]string{"app": "other"}, 0) }, "", ""},
		"budget of another namespace":   {func(w nodeWorld, p *corev1.Pod) { w.addBudget("web", p.Labels, 0).Namespace = "kube-system" }, "", ""},
		"budget that is not up to date": {func(w nodeWorld, p *corev1.Pod) { w.addBudget("web", p.Labels, 1).Generation = 2 }, skipBudget, "not up to date"},
		"budget that cannot be read": {func(w nodeWorld, _ *corev1.Pod) {
			w.addBudget("odd", nil, 0).Spec.Selector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Near"}}}
		}, skipBudget, "shop/odd"},
		"two budgets": {func(w nodeWorld, p *corev1.Pod) { w.addBudget("web", p.Labels, 5); w.addBudget("all", nil, 5) }, skipBudget, "has 2 PodDisruptionBudgets"},
		"budget for one of two pods": {func(w nodeWorld, p *corev1.Pod) {
			w.addPod("web2", "n1", "100m", "64Mi").Labels = p.Labels
			w.addBudget("web", p.Labels, 1)
		}, skipBudget, "allows 1 disruptions now, and 2 are needed"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newNodeWorld(t)
			test.change(w, w.pod("web"))
			found, skipped := w.detect()
			_, ok := found["n1"]
			if got := skipped["n1"]; ok != (test.reason == "") || got.Reason != test.reason || !strings.Contains(got.Detail, test.detail) {
				t.Errorf("found %v, skipped for %q: %q; want %q: %q", ok, got.Reason, got.Detail, test.reason, test.detail)
			}
		})
	}
}

// What belongs to the node is no placement, and what stays behind on the target counts there.
func TestPodsOfTheNodeDoNotMove(t *testing.T) {
	w := newNodeWorld(t)
	ownedBy(w.addPod("logs", "n1", "500m", "1Gi"), "DaemonSet", "logs")
	found, _ := w.detect()
	if f := found["n1"]; f.Node == nil || len(f.Node.Placements) != 1 || f.Node.Placements[0].Pod != "shop/web" {
		t.Errorf("placements %+v, want that of web alone", f.Node)
	}
	for _, n := range w.targets() {
		ownedBy(w.addPod("logs-"+n.Name, n.Name, "1400m", "1Gi"), "DaemonSet", "logs")
	}
	if _, skipped := w.detect(); skipped["n1"].Reason != skipNoRoom {
		t.Errorf("with DaemonSets on the targets: %+v", skipped["n1"])
	}
}

func TestPendingPods(t *testing.T) {
	tests := map[string]struct {
		change func(w nodeWorld, p *corev1.Pod)
		reason string
		detail string
	}{
		"fits elsewhere and leaves room":     {func(_ nodeWorld, p *corev1.Pod) { asks(&p.Spec.Containers[0], "300m", "1Gi") }, "", ""},
		"needs this node":                    {func(_ nodeWorld, p *corev1.Pod) { asks(&p.Spec.Containers[0], "2", "1Gi") }, skipNoRoom, "shop/late"},
		"fits nowhere and wants one like it": {func(_ nodeWorld, p *corev1.Pod) { asks(&p.Spec.Containers[0], "16", "1Gi") }, skipPending, "shop/late"},
		"fits nowhere and wants another": {func(_ nodeWorld, p *corev1.Pod) {
			asks(&p.Spec.Containers[0], "16", "1Gi")
			p.Spec.NodeSelector = map[string]string{"gpu": "yes"}
		}, "", ""},
		"is held back": {func(_ nodeWorld, p *corev1.Pod) {
			asks(&p.Spec.Containers[0], "16", "1Gi")
			p.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "quota"}}
		}, "", ""},
		"is going": {func(w nodeWorld, p *corev1.Pod) {
			asks(&p.Spec.Containers[0], "16", "1Gi")
			p.DeletionTimestamp = &metav1.Time{Time: w.At}
		}, "", ""},
		"DaemonSet pod for a target": {func(_ nodeWorld, p *corev1.Pod) {
			asks(&p.Spec.Containers[0], "1400m", "1Gi")
			ownedBy(p, "DaemonSet", "logs")
			p.Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
				NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchFields: []corev1.NodeSelectorRequirement{
					{Key: "metadata.name", Operator: corev1.NodeSelectorOpIn, Values: []string{"n2"}},
				}}},
			}}}
		}, "", "n3"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newNodeWorld(t)
			test.change(w, w.addPod("late", "", "100m", "64Mi"))
			found, skipped := w.detect()
			f, ok := found["n1"]
			if got := skipped["n1"]; ok != (test.reason == "") || got.Reason != test.reason || ok == false && !strings.Contains(got.Detail, test.detail) {
				t.Fatalf("found %v, skipped for %q: %q; want %q: %q", ok, got.Reason, got.Detail, test.reason, test.detail)
			}
			if ok && test.detail != "" && f.Node.Placements[0].Node != test.detail {
				t.Errorf("web goes to %s, want %s", f.Node.Placements[0].Node, test.detail)
			}
		})
	}
}
