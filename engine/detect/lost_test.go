package detect_test

import (
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/detect"
)

// evictedBy marks a pod as the API server does before it is deleted.
func evictedBy(p *corev1.Pod, reason string) {
	p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: reason})
}

// killed is a Deployment of three of which a pod was deleted some time ago; what takes its place is not ready yet.
func killed(since time.Duration, edits ...func(s *detect.Scene)) detect.Scene {
	s := healthy(3)
	gone := s.Pods[2]
	s.Pods = s.Pods[:2]
	s.Deployment.Status.ReadyReplicas = 2
	next := pod("api-1-new", 1, since)
	unready(next, since)
	s.Pods = append(s.Pods, next)
	s.Departures = []detect.Departure{{Pod: gone, At: now.Add(-since), Node: s.Nodes["n1"]}}
	for _, e := range edits {
		e(&s)
	}
	return s
}

// replaced makes what takes the place of a lost pod ready, as long ago as is said.
func replaced(back time.Duration) func(s *detect.Scene) {
	return func(s *detect.Scene) {
		s.Deployment.Status.ReadyReplicas = 3
		p := pod("api-1-new", 1, now.Sub(s.Departures[0].At))
		for k := range p.Status.Conditions {
			p.Status.Conditions[k].LastTransitionTime = ago(back)
		}
		s.Pods[2] = p
	}
}

func TestALostPodIsTold(t *testing.T) {
	tests := map[string]struct {
		scene    detect.Scene
		text     string
		severity engine.Severity
		over     bool
	}{
		"deleted":         {killed(3 * time.Second), "lost 1 pod of 3: api-1-2 was deleted, and no rollout", engine.Warning, false},
		"evicted":         {killed(3*time.Second, func(s *detect.Scene) { evictedBy(s.Departures[0].Pod, "EvictionByEvictionAPI") }), "api-1-2 was evicted through the API", engine.Warning, false},
		"replaced":        {killed(8*time.Second, replaced(3*time.Second)), "lost 1 pod of 3", engine.Warning, true},
		"still missing":   {killed(time.Minute), "lost 1 pod of 3", engine.Warning, false},
		"the only one":    {single(time.Minute), "lost 1 pod of 1", engine.Critical, false},
		"only for a bit":  {single(5 * time.Second), "lost 1 pod of 1", engine.Warning, false},
		"seen going":      {terminatingPod(3 * time.Second), "lost 1 pod of 3", engine.Warning, false},
		"of a set":        {statefulSet(3*time.Second, "r1"), "db-2 was deleted", engine.Warning, false},
		"of a daemon set": {daemonSet(3*time.Second, "4"), "agent-n1 was deleted", engine.Warning, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := detect.Signals(tt.scene)
			got := signal(t, r, engine.ClassReplicasMissing)
			if !strings.Contains(got.Summary, tt.text) || got.Severity != tt.severity || got.Firing() == tt.over || got.Labels[engine.LabelLost] == "" {
				t.Errorf("%s, %s, firing %t, labels %v", got.Summary, got.Severity, got.Firing(), got.Labels)
			}
			if tt.over && !got.EndsAt.After(got.StartsAt) {
				t.Errorf("it began at %s and ended at %s", got.StartsAt, got.EndsAt)
			}
			if len(detect.Unexplained(tt.scene)) != 1 {
				t.Error("it is explained")
			}
		})
	}
}

func single(since time.Duration) detect.Scene {
	return killed(since, func(s *detect.Scene) {
		one := int32(1)
		s.Deployment.Spec.Replicas, s.ReplicaSets[0].Spec.Replicas = &one, &one
		s.Deployment.Status.ReadyReplicas, s.Pods = 0, s.Pods[2:]
	})
}

// terminatingPod is what a watch finds that has just begun: it remembers nothing, and the pod is still there.
func terminatingPod(since time.Duration) detect.Scene {
	return killed(since, func(s *detect.Scene) {
		p, grace := s.Departures[0].Pod, int64(30)
		end := metav1.NewTime(now.Add(30*time.Second - since))
		p.DeletionTimestamp, p.DeletionGracePeriodSeconds = &end, &grace
		unready(p, 0) // its containers have ended since
		s.Pods, s.Departures = append(s.Pods, p), nil
	})
}

func statefulSet(since time.Duration, hash string) detect.Scene {
	s := killed(since)
	replicas := int32(3)
	s.Workload = engine.Workload{Cluster: "prod", Namespace: "payments", Kind: "StatefulSet", Name: "db"}
	s.StatefulSet = &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Name: "db", Namespace: "payments", CreationTimestamp: ago(time.Hour)}, Spec: appsv1.StatefulSetSpec{Replicas: &replicas},
		Status: appsv1.StatefulSetStatus{ReadyReplicas: 2, CurrentRevision: "r1", UpdateRevision: "r1"},
	}
	s.Deployment, s.ReplicaSets = nil, nil
	owned := append(s.Pods, s.Departures[0].Pod)
	for k, p := range owned {
		yes := true
		p.OwnerReferences = []metav1.OwnerReference{{Kind: "StatefulSet", Name: "db", Controller: &yes}}
		p.Labels = map[string]string{appsv1.ControllerRevisionHashLabelKey: hash}
		if k >= 2 {
			p.Name = "db-2" // the same name, another pod
		}
	}
	return s
}

func daemonSet(since time.Duration, generation string) detect.Scene {
	s := killed(since)
	s.Workload = engine.Workload{Cluster: "prod", Namespace: "payments", Kind: "DaemonSet", Name: "agent"}
	s.DaemonSet = &appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Name: "agent", Namespace: "payments", CreationTimestamp: ago(time.Hour), Annotations: map[string]string{detect.AnnotationGeneration: "4"}},
		Status:     appsv1.DaemonSetStatus{DesiredNumberScheduled: 3, NumberReady: 2, UpdatedNumberScheduled: 2},
	}
	s.Deployment, s.ReplicaSets = nil, nil
	for _, p := range append(s.Pods, s.Departures[0].Pod) {
		yes := true
		p.OwnerReferences = []metav1.OwnerReference{{Kind: "DaemonSet", Name: "agent", Controller: &yes}}
		p.Labels = map[string]string{"pod-template-generation": generation}
	}
	s.Departures[0].Pod.Name = "agent-n1"
	return s
}

func TestWhatIsMeantIsNotALoss(t *testing.T) {
	first := func(edit func(d *detect.Departure)) func(*detect.Scene) {
		return func(s *detect.Scene) { edit(&s.Departures[0]) }
	}
	tests := map[string]detect.Scene{
		"just now": killed(time.Second),
		"long ago": killed(11*time.Minute, replaced(10*time.Minute)),
		"scaled down": killed(5*time.Second, func(s *detect.Scene) {
			two := int32(2)
			s.Deployment.Spec.Replicas, s.ReplicaSets[0].Spec.Replicas, s.Pods = &two, &two, s.Pods[:2]
		}),
		"scaled down and up again": killed(5*time.Second, func(s *detect.Scene) { s.Lowered = now.Add(-6 * time.Second) }),
		"rolled out": killed(5*time.Second, func(s *detect.Scene) {
			none := int32(0)
			s.ReplicaSets[0].Spec.Replicas = &none
			s.ReplicaSets = append(s.ReplicaSets, replicaSet(2, 3, 5*time.Second))
		}),
		"its ReplicaSet is gone":    killed(5*time.Second, func(s *detect.Scene) { s.ReplicaSets = nil }),
		"its Deployment is deleted": killed(5*time.Second, func(s *detect.Scene) { at := ago(5 * time.Second); s.Deployment.DeletionTimestamp = &at }),
		"its node is cordoned":      killed(5*time.Second, func(s *detect.Scene) { s.Nodes["n1"] = cordoned(node("n1", corev1.ConditionTrue, time.Hour)) }),
		"its node was cordoned":     killed(time.Minute, first(func(d *detect.Departure) { d.Node = cordoned(node("n1", corev1.ConditionTrue, time.Hour)) })),
		"Karpenter takes its node":  killed(5*time.Second, func(s *detect.Scene) { s.Nodes["n1"].Spec.Taints = []corev1.Taint{{Key: "karpenter.sh/disrupted"}} }),
		"EC2 takes its node": killed(5*time.Second, func(s *detect.Scene) {
			s.Events = append(s.Events, event("Node", "n1", "SpotInterrupted", "Spot interruption warning", time.Minute, time.Minute))
		}),
		"its node is gone":           killed(5*time.Second, func(s *detect.Scene) { delete(s.Nodes, "n1") }),
		"its node fails":             killed(5*time.Second, func(s *detect.Scene) { s.Nodes["n1"] = node("n1", corev1.ConditionUnknown, time.Minute) }),
		"preempted":                  killed(5*time.Second, first(func(d *detect.Departure) { evictedBy(d.Pod, "PreemptionByScheduler") })),
		"a taint":                    killed(5*time.Second, first(func(d *detect.Departure) { evictedBy(d.Pod, "DeletionByTaintManager") })),
		"the descheduler":            killed(5*time.Second, first(func(d *detect.Departure) { d.Excuse = "descheduler" })),
		"it was ill":                 killed(5*time.Second, first(func(d *detect.Departure) { unready(d.Pod, time.Minute) })),
		"it had ended":               killed(5*time.Second, first(func(d *detect.Departure) { d.Pod.Status.Phase = corev1.PodFailed })),
		"a set is rolled out":        statefulSet(5*time.Second, "r0"),
		"a daemon set is rolled out": daemonSet(5*time.Second, "3"),
		"a set is rolled out, and only its pods tell so far": func() detect.Scene {
			s := statefulSet(5*time.Second, "r1")
			s.Pods[2].Labels = map[string]string{appsv1.ControllerRevisionHashLabelKey: "r2"}
			return s
		}(),
		"of no controller": killed(5*time.Second, first(func(d *detect.Departure) { d.Pod.OwnerReferences = nil })),
		"a daemon set with fewer hosts": func() detect.Scene {
			s := daemonSet(5*time.Second, "4")
			s.DaemonSet.Status.DesiredNumberScheduled, s.DaemonSet.Status.NumberReady, s.Pods = 2, 2, s.Pods[:2]
			return s
		}(),
	}
	for name, s := range tests {
		t.Run(name, func(t *testing.T) {
			for _, got := range detect.Signals(s).Signals {
				if got.Labels[engine.LabelLost] != "" {
					t.Errorf("told: %s", got.Summary)
				}
			}
			if got := detect.Unexplained(s); len(got) > 0 {
				t.Errorf("unexplained: %v", got)
			}
		})
	}
}

// TestOfManyLostPodsEachCounts holds that two that were killed at the same moment do not explain one another.
func TestOfManyLostPodsEachCounts(t *testing.T) {
	s := killed(5 * time.Second)
	second := pod("api-1-9", 1, time.Hour)
	second.UID = types.UID("nine")
	five := int32(4)
	s.Deployment.Spec.Replicas, s.ReplicaSets[0].Spec.Replicas = &five, &five
	s.Departures = append(s.Departures, detect.Departure{Pod: second, At: now.Add(-4 * time.Second), Node: s.Nodes["n1"]})
	got := signal(t, detect.Signals(s), engine.ClassReplicasMissing)
	if !strings.Contains(got.Summary, "lost 2 pods of 4: api-1-2 and others were deleted") || got.Labels[engine.LabelLost] != "api-1-2,api-1-9" {
		t.Errorf("%s, %v", got.Summary, got.Labels)
	}
}

// TestAShortfallBeginsWhenItBegins holds that a loss of minutes ago, which was made good, is not where the next one begins; and that what took
// the place of a lost pod counts, even after it was lost itself.
func TestAShortfallBeginsWhenItBegins(t *testing.T) {
	again := func(of string, born, readyFor time.Duration) func(s *detect.Scene) {
		return func(s *detect.Scene) {
			gone := pod(of, 1, born)
			gone.UID = types.UID(of)
			for k := range gone.Status.Conditions {
				gone.Status.Conditions[k].LastTransitionTime = ago(born - 2*time.Second)
			}
			s.Departures = append(s.Departures, detect.Departure{Pod: gone, At: now.Add(-5 * time.Second), Node: s.Nodes["n1"]})
			next := pod("api-1-next", 1, 5*time.Second)
			next.UID = "next"
			if unready(next, 5*time.Second); readyFor > 0 {
				next = pod("api-1-next", 1, 5*time.Second)
				next.UID = "next"
				for k := range next.Status.Conditions {
					next.Status.Conditions[k].LastTransitionTime = ago(readyFor)
				}
			}
			s.Pods[1] = next
			s.Deployment.Status.ReadyReplicas = 2
		}
	}
	for name, tt := range map[string]struct {
		scene detect.Scene
		over  bool
	}{
		"another of them":          {killed(4*time.Minute, replaced(230*time.Second), again("api-1-1", time.Hour, 0)), false},
		"its replacement":          {killed(4*time.Minute, again("api-1-new", 239*time.Second, 0), func(s *detect.Scene) { s.Pods[2] = pod("api-1-3", 1, time.Hour) }), false},
		"its replacement, made up": {killed(4*time.Minute, again("api-1-new", 239*time.Second, 2*time.Second), func(s *detect.Scene) { s.Pods[2] = pod("api-1-3", 1, time.Hour) }), true},
	} {
		t.Run(name, func(t *testing.T) {
			got := signal(t, detect.Signals(tt.scene), engine.ClassReplicasMissing)
			if !got.StartsAt.Equal(now.Add(-5*time.Second)) || got.Firing() == tt.over || !strings.Contains(got.Summary, "lost 1 pod") {
				t.Errorf("since %s, firing %t: %s", now.Sub(got.StartsAt), got.Firing(), got.Summary)
			}
		})
	}
}

// TestAReplacementThatFailsLaterIsNoLoss holds that a loss which was made good stays so when the pod that took the place fails for a reason of
// its own later.
func TestAReplacementThatFailsLaterIsNoLoss(t *testing.T) {
	// The pod that took the place of one that was lost a minute ago ran from four seconds later on.
	ran := func(p *corev1.Pod) { p.Status.ContainerStatuses[0].State.Running.StartedAt = ago(56 * time.Second) }
	for name, tt := range map[string]struct {
		ago  time.Duration // the loss
		edit func(p *corev1.Pod)
		want string
	}{
		"it never was ready":                {5 * time.Minute, func(p *corev1.Pod) { unready(p, 5*time.Minute) }, "firing"},
		"it was taken on late":              {5 * time.Minute, func(p *corev1.Pod) { unready(p, 298*time.Second) }, "firing"},
		"its probe fails since":             {5 * time.Minute, func(p *corev1.Pod) { unready(p, 20*time.Second) }, ""},
		"its probe fails, a minute later":   {time.Minute, func(p *corev1.Pod) { ran(p); unready(p, 20*time.Second) }, "over after 4s"},
		"its conditions have no times":      {time.Minute, func(p *corev1.Pod) { p.Status.Conditions[2].LastTransitionTime = metav1.Time{} }, "over after 1s"},
		"it is ready":                       {time.Minute, func(p *corev1.Pod) { p.Status.Conditions[2].LastTransitionTime = ago(50 * time.Second) }, "over after 10s"},
		"it failed, and stays":              {time.Minute, func(p *corev1.Pod) { ran(p); unready(p, 20*time.Second); p.Status.Phase = corev1.PodFailed }, "firing"},
		"it ended and was begun again":      {time.Minute, func(p *corev1.Pod) { again(p, 1); unready(p, 5*time.Second) }, "over after 4s"},
		"it ended, and again":               {time.Minute, func(p *corev1.Pod) { again(p, 3); unready(p, 5*time.Second) }, "over after 1s"},
		"it ended, and is not begun again":  {time.Minute, func(p *corev1.Pod) { ended(p); unready(p, 5*time.Second) }, "over after 4s"},
		"it is begun again after it failed": {time.Minute, func(p *corev1.Pod) { again(p, 1); unready(p, time.Minute) }, "firing"},
	} {
		t.Run(name, func(t *testing.T) {
			s := killed(tt.ago)
			s.Pods[2] = pod("api-1-new", 1, tt.ago)
			tt.edit(s.Pods[2])
			got := ""
			for _, n := range detect.Signals(s).Signals {
				switch {
				case n.Labels[engine.LabelLost] == "":
				case n.Firing():
					got = "firing"
				default:
					got = "over after " + n.EndsAt.Sub(n.StartsAt).String()
				}
			}
			if got != tt.want {
				t.Errorf("the loss is %q, want %q", got, tt.want)
			}
		})
	}
}

// again makes the container of a pod one that ended some seconds ago after 50 seconds, for so many times, and was begun again.
func again(p *corev1.Pod, times int32) {
	runsAgain(p, 0, "Completed", times, 5*time.Second)
	ranFor(p, 50*time.Second)
}

// ended makes it one that ended then, and is not begun again yet.
func ended(p *corev1.Pod) {
	again(p, 0)
	c := &p.Status.ContainerStatuses[0]
	c.State, c.LastTerminationState = c.LastTerminationState, corev1.ContainerState{}
}

// TestYoungPodsThatAreLost holds that a pod which was made seconds before it was deleted is not its own replacement, nor that of its sibling.
func TestYoungPodsThatAreLost(t *testing.T) {
	s := killed(5 * time.Second)
	s.Departures[0].Pod.CreationTimestamp = ago(6 * time.Second)
	second := pod("api-1-9", 1, 5*time.Second)
	second.UID = types.UID("nine")
	four := int32(4)
	s.Deployment.Spec.Replicas, s.ReplicaSets[0].Spec.Replicas = &four, &four
	s.Departures = append(s.Departures, detect.Departure{Pod: second, At: now.Add(-4 * time.Second), Node: s.Nodes["n1"]})
	if got := signal(t, detect.Signals(s), engine.ClassReplicasMissing); !got.Firing() || !strings.Contains(got.Summary, "lost 2 pods") {
		t.Errorf("firing %t: %s", got.Firing(), got.Summary)
	}
}

// TestWhatLastsIsToldBesideWhatIsOver holds that a loss that is healed hides no shortfall that lasts.
func TestWhatLastsIsToldBesideWhatIsOver(t *testing.T) {
	s := killed(30*time.Second, replaced(20*time.Second))
	s.Nodes["n2"] = node("n2", corev1.ConditionUnknown, time.Minute)
	s.Pods[0].Spec.NodeName = "n2"
	unreadyIn(&s, 1, time.Minute)
	if got := signal(t, detect.Signals(s), engine.ClassReplicasMissing); !got.Firing() || got.Parent.Name != "n2" {
		t.Errorf("%+v", got)
	}
}

func TestAContainerThatIsToldToEndIsASurprise(t *testing.T) {
	for name, tt := range map[string]struct {
		edit func(s *detect.Scene)
		want string
	}{
		"ended cleanly after an hour": {func(s *detect.Scene) {
			runsAgain(s.Pods[0], 0, "Completed", 1, 5*time.Second)
			ranFor(s.Pods[0], time.Hour)
		}, "crash_loop"},
		"ended by SIGTERM": {func(s *detect.Scene) {
			runsAgain(s.Pods[0], 143, "Error", 1, 5*time.Second)
			ranFor(s.Pods[0], time.Hour)
		}, "crash_loop"},
		"a task of a second": {func(s *detect.Scene) {
			runsAgain(s.Pods[0], 0, "Completed", 1, 5*time.Second)
			ranFor(s.Pods[0], time.Second)
		}, ""},
		"recovered": {func(s *detect.Scene) {
			runsAgain(s.Pods[0], 0, "Completed", 1, 2*time.Minute)
			ranFor(s.Pods[0], time.Hour)
		}, ""},
		"its node came back": {func(s *detect.Scene) {
			runsAgain(s.Pods[0], 0, "Completed", 1, 5*time.Second)
			ranFor(s.Pods[0], time.Hour)
			s.Nodes["n1"] = node("n1", corev1.ConditionTrue, 10*time.Second)
		}, ""},
	} {
		s := healthy(3)
		tt.edit(&s)
		if got := classes(detect.Signals(s)); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

// ranFor makes the run of a container before its last end so long.
func ranFor(p *corev1.Pod, d time.Duration) {
	t := p.Status.ContainerStatuses[0].LastTerminationState.Terminated
	t.StartedAt = metav1.NewTime(t.FinishedAt.Add(-d))
}
