package detect_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/detect"
)

func refused(s *detect.Scene, since time.Duration) {
	p := pod("big", 1, since)
	p.Spec.NodeName, p.Status.Phase, p.Status.ContainerStatuses = "", corev1.PodPending, nil
	p.Status.Conditions = []corev1.PodCondition{{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable,
		Message: "0/3 nodes are available: 3 Insufficient cpu.", LastTransitionTime: ago(since),
	}}
	s.Pods = append(s.Pods, p)
}

func creatingPod(s *detect.Scene, age time.Duration, e *corev1.Event) {
	p := pod("slow", 1, age)
	p.Status.Phase = corev1.PodPending
	unready(p, age)
	waits(p, "ContainerCreating", "")
	s.Pods, s.Events = append(s.Pods, p), append(s.Events, e)
}

func evict(s *detect.Scene, since time.Duration, message string) {
	p := pod("gone", 1, since+time.Hour)
	p.Status.Phase, p.Status.Reason, p.Status.Message = corev1.PodFailed, "Evicted", message
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, LastTransitionTime: ago(since)}}
	s.Pods = append(s.Pods, p)
}

func claim(class string, age time.Duration) *corev1.PersistentVolumeClaim {
	c := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: "data", Namespace: "payments", CreationTimestamp: ago(age)},
		Status:     corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimPending},
	}
	if class != "" {
		c.Spec.StorageClassName = &class
	}
	return c
}

func claimIn(s *detect.Scene, c *corev1.PersistentVolumeClaim) { s.Claims = append(s.Claims, c) }

func newNode() *corev1.Node {
	n := node("n9", corev1.ConditionFalse, time.Minute)
	n.CreationTimestamp = ago(time.Minute)
	return n
}

func cordoned(n *corev1.Node) *corev1.Node {
	n.Spec.Unschedulable = true
	return n
}

func pressed(t corev1.NodeConditionType) *corev1.Node {
	n := node("n1", corev1.ConditionTrue, time.Hour)
	n.Status.Conditions = append(n.Status.Conditions, corev1.NodeCondition{Type: t, Status: corev1.ConditionTrue, LastTransitionTime: ago(time.Minute)})
	return n
}

func TestTwoHundredPodsAreOneSignal(t *testing.T) {
	s := healthy(200)
	unreadyIn(&s, 200, time.Minute)
	for _, p := range s.Pods {
		crashed(p, 1, "Error", 6, time.Minute)
	}
	r := detect.Signals(s)
	if len(r.Signals) != 1 {
		t.Fatalf("%d signals", len(r.Signals))
	}
	got := r.Signals[0]
	if got.Summary != "container api of pod api-1-0 and 199 others is crash-looping (exit code 1)" || got.Labels["objects"] != "200" {
		t.Errorf("%q, labels %v", got.Summary, got.Labels)
	}
	if got.ID != s.Workload.Fingerprint()+"/crash_loop/api" {
		t.Errorf("id %q", got.ID)
	}
	if got.Labels["team"] != "pay" || got.Labels["pod-template-hash"] != "" {
		t.Errorf("labels %v", got.Labels)
	}
	for _, p := range s.Pods { // replaced by others: still the same signal
		p.Name, p.UID = "x"+p.Name, "x"+p.UID
	}
	if again := detect.Signals(s).Signals[0]; again.ID != got.ID {
		t.Errorf("id %q became %q", got.ID, again.ID)
	}
}

func TestSeverityIsCriticalWhenNothingServes(t *testing.T) {
	for down, want := range map[int]engine.Severity{1: engine.Warning, 3: engine.Critical} {
		s := healthy(3)
		unreadyIn(&s, down, time.Minute)
		for _, p := range s.Pods[:down] {
			crashed(p, 1, "Error", 3, time.Second)
		}
		r := detect.Signals(s)
		if got := signal(t, r, engine.ClassCrashLoop).Severity; got != want || r.Health.Ready != 3-down || r.Health.Desired != 3 {
			t.Errorf("%d of 3 down: %s, %+v", down, got, r.Health)
		}
	}
}

func TestPodsOfADeadNodeFollowIt(t *testing.T) {
	s := healthy(3)
	s.Nodes["n2"] = node("n2", corev1.ConditionUnknown, time.Minute)
	s.Pods[0].Spec.NodeName = "n2"
	unreadyIn(&s, 1, 30*time.Second)
	got := signal(t, detect.Signals(s), engine.ClassReplicasMissing)
	want := engine.Workload{Cluster: "prod", Kind: engine.KindNode, Name: "n2"}
	if got.Parent != want || got.Node != "n2" {
		t.Errorf("parent %v, node %q", got.Parent, got.Node)
	}
	s.Deployment.CreationTimestamp = ago(45 * time.Second)
	if got := signal(t, detect.Signals(s), engine.ClassReplicasMissing); got.Parent != want {
		t.Errorf("of a workload that is new: parent %v", got.Parent)
	}
	s.Deployment.CreationTimestamp = ago(time.Hour)
	unreadyIn(&s, 2, 30*time.Second) // the second is on a node that is well
	if got := signal(t, detect.Signals(s), engine.ClassReplicasMissing); !got.Parent.IsZero() {
		t.Errorf("parent %v although another node's pod is hurt too", got.Parent)
	}

	s = healthy(1)
	s.Nodes["n1"] = node("n1", corev1.ConditionUnknown, time.Minute)
	crashed(s.Pods[0], 1, "Error", 3, time.Second)
	if got := signal(t, detect.Signals(s), engine.ClassCrashLoop); got.Parent.Name != "n1" {
		t.Errorf("parent %v", got.Parent)
	}
}

func TestEvictionsFollowTheirNode(t *testing.T) {
	for message, want := range map[string]string{
		"The node was low on resource: memory. Threshold quantity: 100Mi, available: 80Mi.": "n1",
		"Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. ":     "",
	} {
		s := healthy(3)
		evict(&s, time.Minute, message)
		if got := signal(t, detect.Signals(s), engine.ClassEvicted).Parent.Name; got != want {
			t.Errorf("%s: parent %q, want %q", message, got, want)
		}
	}
}

// TestRecheck moves the clock to when a scene asked to be looked at again, and expects another answer there.
func TestRecheck(t *testing.T) {
	cases := []struct {
		name          string
		scene         detect.Scene
		before, after string
		looks         int // how many looks it may take
	}{
		{"a pod that fits nowhere", edit(func(s *detect.Scene) { refused(s, 5*time.Second) }), "", "unschedulable", 1},
		{"a failure that was survived", edit(func(s *detect.Scene) { runsAgain(s.Pods[0], 1, "Error", 1, 2*time.Second) }), "crash_loop", "", 1},
		{"a loop that ended", edit(func(s *detect.Scene) { runsAgain(s.Pods[0], 1, "Error", 4, 2*time.Second) }), "crash_loop", "", 1},
		{"an old OOM kill", edit(func(s *detect.Scene) { runsAgain(s.Pods[0], 137, "OOMKilled", 1, time.Minute) }), "oom_killed", "", 1},
		{"a kubelet that does not come back", nodeScene(node("n1", corev1.ConditionFalse, 10*time.Second)), "", "node_not_ready", 1},
		{"a new node that does not come up", nodeScene(newNode()), "", "node_not_ready", 1},
		{"a volume that does not come", edit(func(s *detect.Scene) {
			creatingPod(s, 10*time.Second, event("Pod", "slow", "FailedMount", "x", 9*time.Second, 2*time.Second))
		}), "", "config_error", 1},
		{"a new pod that does not get ready", edit(func(s *detect.Scene) {
			unreadyIn(s, 1, 30*time.Second)
			s.Pods[0].CreationTimestamp = ago(30 * time.Second)
		}), "", "replicas_missing", 1},
		{"a claim", edit(func(s *detect.Scene) { claimIn(s, claim("", 10*time.Second)) }), "", "claim_pending", 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := detect.Signals(c.scene)
			if got := classes(r); got != c.before {
				t.Fatalf("now %q, want %q", got, c.before)
			}
			if r.Recheck <= 0 {
				t.Fatal("it does not ask to be looked at again")
			}
			c.scene.Now = c.scene.Now.Add(r.Recheck)
			if got := classes(detect.Signals(c.scene)); got != c.after {
				t.Errorf("%s later %q, want %q", r.Recheck, got, c.after)
			}
		})
	}
	if r := detect.Signals(healthy(3)); r.Recheck != 0 {
		t.Errorf("a healthy workload asks to be looked at again in %s", r.Recheck)
	}
}

func TestHealth(t *testing.T) {
	three, at := int32(3), ago(time.Hour)
	pods := func(ready, unreadyOnes int) (out []*corev1.Pod) {
		for k := range ready + unreadyOnes {
			p := pod(fmt.Sprint(k), 1, time.Hour)
			if k >= ready {
				unready(p, time.Hour)
			}
			out = append(out, p)
		}
		return out
	}
	cases := map[string]struct {
		scene detect.Scene
		want  *engine.Health
	}{
		"Deployment in a surge": {detect.Scene{Deployment: &appsv1.Deployment{Spec: appsv1.DeploymentSpec{Replicas: &three}, Status: appsv1.DeploymentStatus{ReadyReplicas: 4}}}, &engine.Health{Desired: 3, Ready: 3}},
		"Deployment by default": {detect.Scene{Deployment: &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: at}}}, &engine.Health{Desired: 1}},
		"StatefulSet":           {detect.Scene{StatefulSet: &appsv1.StatefulSet{Spec: appsv1.StatefulSetSpec{Replicas: &three}, Status: appsv1.StatefulSetStatus{ReadyReplicas: 2}}}, &engine.Health{Desired: 3, Ready: 2}},
		"DaemonSet":             {detect.Scene{DaemonSet: &appsv1.DaemonSet{Status: appsv1.DaemonSetStatus{DesiredNumberScheduled: 5, NumberReady: 4}}}, &engine.Health{Desired: 5, Ready: 4}},
		"ReplicaSet":            {detect.Scene{Workload: engine.Workload{Kind: "ReplicaSet"}, ReplicaSets: []*appsv1.ReplicaSet{replicaSet(1, 2, time.Hour)}}, &engine.Health{Desired: 2, Ready: 2}},
		"Pod":                   {detect.Scene{Workload: engine.Workload{Kind: "Pod"}, Pods: pods(0, 1)}, &engine.Health{Desired: 1}},
		"an Argo Rollout":       {detect.Scene{Workload: engine.Workload{Kind: "Rollout"}, Pods: pods(2, 1)}, &engine.Health{Desired: 3, Ready: 2}},
		"Job":                   {jobScene("", "", 0), nil},
		"Node":                  {nodeScene(node("n", corev1.ConditionTrue, 0)), nil},
		"nothing":               {detect.Scene{}, nil},
	}
	for name, c := range cases {
		c.scene.Now = now
		got := detect.Signals(c.scene).Health
		if (got == nil) != (c.want == nil) || got != nil && *got != *c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestWhenAPodWasEvicted(t *testing.T) {
	cases := map[string]struct {
		f    func(s *detect.Scene, p *corev1.Pod)
		want time.Duration
	}{
		"its event says": {func(s *detect.Scene, _ *corev1.Pod) {
			s.Events = append(s.Events, event("Pod", "gone", "Evicted", "The node was low on resource: memory.", 2*time.Minute, time.Minute))
		}, 2 * time.Minute},
		"its last change says": {func(_ *detect.Scene, p *corev1.Pod) {
			p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse, LastTransitionTime: ago(3 * time.Minute)}}
		}, 3 * time.Minute},
		"its start, if it never ran": {func(_ *detect.Scene, p *corev1.Pod) { start := ago(4 * time.Minute); p.Status.StartTime = &start }, 4 * time.Minute},
	}
	for name, c := range cases {
		s := healthy(3)
		evict(&s, time.Minute, "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. ")
		p := s.Pods[3]
		p.Status.Conditions = nil
		c.f(&s, p)
		if got := now.Sub(signal(t, detect.Signals(s), engine.ClassEvicted).StartsAt); got != c.want {
			t.Errorf("%s: %s ago, want %s", name, got, c.want)
		}
	}
}

func TestAProbesPatience(t *testing.T) {
	s := healthy(3)
	p := s.Pods[0]
	p.Spec.Containers[0].ReadinessProbe = &corev1.Probe{InitialDelaySeconds: 240, PeriodSeconds: 20, FailureThreshold: 3}
	start := ago(4 * time.Minute)
	p.CreationTimestamp, p.Status.StartTime = start, &start
	p.Status.ContainerStatuses[0].State.Running.StartedAt = start
	unreadyIn(&s, 1, 4*time.Minute)
	s.Events = append(s.Events, event("Pod", p.Name, "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503", time.Minute, 10*time.Second))
	if got := classes(detect.Signals(s)); got == "probe_failing" {
		t.Error("a container is not ready before its probe has lost patience")
	}
	s.Now = s.Now.Add(time.Minute)
	if got := classes(detect.Signals(s)); got != "probe_failing" {
		t.Errorf("after its patience: %q", got)
	}

	no := false
	p.Status.ContainerStatuses[0].Started = &no
	if got := classes(detect.Signals(s)); got == "probe_failing" {
		t.Error("readiness counts although the startup probe has not passed")
	}
}

func TestClaimsOnTheirOwn(t *testing.T) {
	alone := func(class string, pods ...*corev1.Pod) detect.Scene {
		return detect.Scene{
			Workload: engine.Workload{Namespace: "payments", Kind: "PersistentVolumeClaim", Name: "data"}, Now: now,
			Claims: []*corev1.PersistentVolumeClaim{claim(class, time.Hour)}, Pods: pods,
		}
	}
	if got := classes(detect.Signals(alone(""))); got != "claim_pending" {
		t.Errorf("without a class: %q", got)
	}
	s := alone("gone")
	s.Events = append(s.Events, event("PersistentVolumeClaim", "data", "ProvisioningFailed", `storageclass.storage.k8s.io "gone" not found`, time.Hour, time.Minute))
	if got := classes(detect.Signals(s)); got != "claim_pending" {
		t.Errorf("with a warning: %q", got)
	}
	if got := classes(detect.Signals(alone("", pod("p", 1, time.Hour)))); got != "" {
		t.Errorf("one that a pod uses is the pod's workload's: %q", got)
	}
	waits := pod("p", 0, time.Hour)
	waits.Status.Phase, waits.Status.ContainerStatuses = corev1.PodPending, nil
	waits.Status.Conditions = []corev1.PodCondition{{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, LastTransitionTime: metav1.NewTime(now.Add(-time.Minute)),
		Message: "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims.",
	}}
	if got := classes(detect.Signals(alone("", waits))); got != "" {
		t.Errorf("a pod that waits for it is told a second time, of the claim: %q", got)
	}
}

// rolling is a DaemonSet of three pods: the last of them updated, five minutes ago, and the last of them failing.
func rolling(updated, failing int) detect.Scene {
	s := edit(func(*detect.Scene) {})
	s.Deployment, s.ReplicaSets, s.Workload.Kind = nil, nil, "DaemonSet"
	s.DaemonSet = &appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Name: "api", CreationTimestamp: ago(time.Hour)},
		Status:     appsv1.DaemonSetStatus{DesiredNumberScheduled: 3, UpdatedNumberScheduled: int32(updated), NumberReady: int32(3 - failing)},
	}
	for k, p := range s.Pods {
		p.Labels = map[string]string{appsv1.ControllerRevisionHashLabelKey: "old"}
		if k >= len(s.Pods)-updated {
			p.Labels[appsv1.ControllerRevisionHashLabelKey], p.CreationTimestamp = "new", ago(5*time.Minute)
		}
		if k >= len(s.Pods)-failing {
			crashed(p, 1, "Error", 3, time.Second)
			unready(p, time.Minute)
		}
	}
	return s
}

func TestDaemonSetsThatAreNotStuck(t *testing.T) {
	old := rolling(1, 0)
	crashed(old.Pods[0], 1, "Error", 3, time.Second)
	for name, s := range map[string]detect.Scene{
		"no rollout":                     rolling(0, 1),
		"the rollout is over":            rolling(3, 1),
		"an old pod fails, the new runs": old,
		"nothing old serves":             rolling(2, 3),
	} {
		if name == "no rollout" {
			s.DaemonSet.Status.UpdatedNumberScheduled = 3
		}
		if got := classes(detect.Signals(s)); strings.Contains(got, "rollout_stuck") {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestClaimsThatWaitForTheirConsumer(t *testing.T) {
	late := map[string]storagev1.VolumeBindingMode{"gp3": storagev1.VolumeBindingWaitForFirstConsumer}
	warning := event("PersistentVolumeClaim", "data", "ProvisioningFailed", "could not create volume", time.Hour, time.Minute)
	mounted := func(name string) corev1.Volume {
		return corev1.Volume{Name: "v", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name}}}
	}
	waiting := func(claimed, message string) detect.Scene {
		return edit(func(s *detect.Scene) {
			claimIn(s, claim("gp3", time.Minute))
			refused(s, time.Minute)
			s.Pods[3].Spec.Volumes, s.Pods[3].Status.Conditions[0].Message = []corev1.Volume{mounted(claimed)}, message
		})
	}
	alone := detect.Scene{
		Workload: engine.Workload{Namespace: "payments", Kind: "PersistentVolumeClaim", Name: "data"}, Now: now,
		Claims: []*corev1.PersistentVolumeClaim{claim("gp3", time.Hour)}, Events: []*corev1.Event{warning},
	}
	failing := waiting("data", "0/3 nodes are available")
	failing.Events = append(failing.Events, warning)
	ephemeral := waiting("", "0/3 nodes are available")
	ephemeral.Pods[3].Spec.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{}}}}
	ephemeral.Claims[0].Name = ephemeral.Pods[3].Name + "-v"
	ephemeral.Events = append(ephemeral.Events, event("PersistentVolumeClaim", ephemeral.Claims[0].Name, "ProvisioningFailed", "could not create volume", time.Hour, time.Minute))
	for _, c := range []struct {
		name          string
		scene         detect.Scene
		known, unseen bool // whether it is a problem when the class is known, and when it is not
	}{
		{"nobody uses it; an old warning is no sign", alone, false, true},
		{"its pod fits on no node", waiting("data", "0/3 nodes are available: 3 Insufficient cpu."), false, false},
		{"its pod waits for another claim", waiting("data", "pod has unbound immediate PersistentVolumeClaims."), false, true},
		{"another claim has no volume", waiting("other", "node(s) didn't find available persistent volumes to bind."), false, true},
		{"no volume for its pod", waiting("data", "node(s) didn't find available persistent volumes to bind."), true, true},
		{"its volume cannot be made", failing, true, true},
		{"the volume of its pod's own claim cannot be made", ephemeral, true, true},
	} {
		got := strings.Contains(classes(detect.Signals(c.scene)), "claim_pending")
		c.scene.BindingModes = late
		if known := strings.Contains(classes(detect.Signals(c.scene)), "claim_pending"); known != c.known || got != c.unseen {
			t.Errorf("%s: a problem %t, and %t when the class is not known; want %t, %t", c.name, known, got, c.known, c.unseen)
		}
	}
}

func TestSidecarsAreRestarted(t *testing.T) {
	s := healthy(1)
	p, always := s.Pods[0], corev1.ContainerRestartPolicyAlways
	p.Spec.RestartPolicy = corev1.RestartPolicyNever
	p.Spec.InitContainers = []corev1.Container{{Name: "proxy", RestartPolicy: &always}}
	p.Status.InitContainerStatuses = []corev1.ContainerStatus{{
		Name: "proxy", RestartCount: 3, State: corev1.ContainerState{Terminated: died(1, "Error", time.Second)},
	}}
	if got := signal(t, detect.Signals(s), engine.ClassCrashLoop).Container; got != "proxy" {
		t.Errorf("container %q", got)
	}
}
