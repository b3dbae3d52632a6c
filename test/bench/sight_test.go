package main

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/eks-autopilot/autopilot/test/scenario"
)

func podWith(s corev1.ContainerStatus, conditions ...corev1.PodCondition) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: "p"},
		Status:     corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{s}, Conditions: conditions},
	}
}

func ended(code int32, reason string) corev1.ContainerState {
	return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Reason: reason}}
}

func waiting(reason string) corev1.ContainerState {
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}
}

func TestFailures(t *testing.T) {
	running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	for _, c := range []struct {
		name  string
		pod   *corev1.Pod
		shows []string
	}{
		{"starting", podWith(corev1.ContainerStatus{State: waiting("ContainerCreating")}), nil},
		{"running", podWith(corev1.ContainerStatus{State: running}), nil},
		{"done", podWith(corev1.ContainerStatus{State: ended(0, "Completed")}), nil},
		{"ended", podWith(corev1.ContainerStatus{State: ended(3, "Error")}), []string{"crash"}},
		{"runs again", podWith(corev1.ContainerStatus{State: running, LastTerminationState: ended(3, "Error")}), []string{"crash"}},
		{"out of memory", podWith(corev1.ContainerStatus{State: ended(137, "OOMKilled")}), []string{"crash", "oom"}},
		{"no image", podWith(corev1.ContainerStatus{State: waiting("ErrImagePull")}), []string{"image"}},
		{"still no image", podWith(corev1.ContainerStatus{State: waiting("ImagePullBackOff")}), []string{"image"}},
		{"no ConfigMap", podWith(corev1.ContainerStatus{State: waiting("CreateContainerConfigError")}), []string{"config"}},
		{
			"no room", podWith(corev1.ContainerStatus{}, corev1.PodCondition{Type: corev1.PodScheduled, Reason: corev1.PodReasonUnschedulable}),
			[]string{"big"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := map[string]bool{}
			for _, s := range c.shows {
				want[s] = true
			}
			for s, f := range failures {
				if f.pod != nil && f.pod(c.pod) != want[s] {
					t.Errorf("shows %s: %t, want %t", s, f.pod(c.pod), want[s])
				}
			}
		})
	}
}

func TestFailuresAreOfScenarios(t *testing.T) {
	for name := range failures {
		if _, err := scenario.Find(name); err != nil {
			t.Error(err)
		}
	}
}

func TestLookFindsTheFirstSight(t *testing.T) {
	client := fake.NewClientset()
	await, err := look(t.Context(), client, "crash", "n")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := look(t.Context(), client, "flood", "n"); err == nil {
		t.Error("a scenario that shows nothing known was accepted")
	}
	pods := client.CoreV1().Pods("n")
	if _, err := pods.Create(t.Context(), podWith(corev1.ContainerStatus{State: waiting("ContainerCreating")}), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := pods.Update(t.Context(), podWith(corev1.ContainerStatus{State: ended(3, "Error")}), metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	s, err := await(t.Context())
	if err != nil || s.pod == nil || exit(s.pod).ExitCode != 3 {
		t.Fatalf("%+v, %v", s, err)
	}
}

// TestExited: the fake's log has no time stamps, as a log that is gone has no lines: the kubelet's whole seconds must do.
func TestExited(t *testing.T) {
	finished := time.Unix(1795317125, 0)
	pod := podWith(corev1.ContainerStatus{State: ended(3, "Error")})
	pod.Status.ContainerStatuses[0].State.Terminated.FinishedAt = metav1.NewTime(finished)
	at, precise, ok := exited(t.Context(), fake.NewClientset(), sight{pod: pod})
	if !at.Equal(finished) || precise || !ok {
		t.Errorf("%v, precise %t, ok %t", at, precise, ok)
	}
	if _, _, ok := exited(t.Context(), fake.NewClientset(), sight{}); ok {
		t.Error("something ended although an event showed the failure")
	}
}

func TestLastLine(t *testing.T) {
	finished := time.Unix(1795317125, 0).UTC()
	stamp := func(after time.Duration) string { return finished.Add(after).Format(time.RFC3339Nano) }
	for _, c := range []struct {
		name, log string
		want      time.Duration
		ok        bool
	}{
		{"no lines", "", 0, false},
		{"no times", "starting\nFATAL\n", 0, false},
		{"the last of that second", stamp(100*time.Millisecond) + " starting\n" + stamp(340*time.Millisecond) + " FATAL\n", 340 * time.Millisecond, true},
		{"lines of the next life", stamp(340*time.Millisecond) + " FATAL\n" + stamp(2*time.Second) + " starting\n", 340 * time.Millisecond, true},
		{"lines of long before", stamp(-time.Minute) + " starting\n", 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			at, ok := lastLine([]byte(c.log), finished)
			if ok != c.ok || ok && !at.Equal(finished.Add(c.want)) {
				t.Errorf("%v, %t, want %v, %t", at, ok, finished.Add(c.want), c.ok)
			}
		})
	}
}
