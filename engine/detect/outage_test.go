package detect_test

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine/detect"
)

// away has the API server away from as long ago as from is, until as long ago as until is.
func away(s detect.Scene, from, until time.Duration) detect.Scene {
	s.Outage = detect.Outage{From: now.Add(-from), Until: now.Add(-until)}
	return s
}

// TestWhatAnOutageOfTheAPIServerLooksLike tells what comes of the outage alone from what is wrong besides, and lasts.
func TestWhatAnOutageOfTheAPIServerLooksLike(t *testing.T) {
	silent := func(since time.Duration) detect.Scene { return nodeScene(node("n1", corev1.ConditionUnknown, since)) }
	onSilent := func(since time.Duration) detect.Scene {
		s := healthy(3)
		s.Nodes["n1"] = node("n1", corev1.ConditionUnknown, since)
		unreadyIn(&s, 3, since)
		return s
	}
	starting := func(age time.Duration) detect.Scene {
		s := healthy(3)
		unreadyIn(&s, 1, age)
		s.Pods[0].CreationTimestamp = ago(age)
		return s
	}
	for name, c := range map[string]struct {
		scene detect.Scene
		want  string
	}{
		"a node is silent":                           {silent(5 * time.Second), "node_not_ready"},
		"it fell silent as the API server came back": {away(silent(5*time.Second), 2*time.Minute, 10*time.Second), ""},
		"it fell silent while that was away":         {away(silent(time.Minute), 3*time.Minute, 5*time.Second), "node_not_ready"},
		"it was silent before":                       {away(silent(3*time.Minute), 2*time.Minute, 10*time.Second), "node_not_ready"},
		"it stays silent":                            {away(silent(35*time.Second), 2*time.Minute, 40*time.Second), "node_not_ready"},
		"it falls silent long after":                 {away(silent(5*time.Second), 5*time.Minute, 3*time.Minute), "node_not_ready"},
		"it has failed":                              {away(nodeScene(node("n1", corev1.ConditionFalse, time.Minute)), 2*time.Minute, 10*time.Second), "node_not_ready"},

		"pods of a silent node":                        {onSilent(25 * time.Second), "replicas_missing"},
		"it fell silent after the outage":              {away(onSilent(25*time.Second), 2*time.Minute, 30*time.Second), ""},
		"it has stayed silent":                         {away(onSilent(55*time.Second), 2*time.Minute, time.Minute), "replicas_missing"},
		"a pod starts for too long":                    {starting(150 * time.Second), "replicas_missing"},
		"nobody heard of its start":                    {away(starting(150*time.Second), 2*time.Minute, 5*time.Second), ""},
		"it has had its time before the outage":        {away(starting(10*time.Minute), 2*time.Minute, 5*time.Second), "replicas_missing"},
		"it has had its time since":                    {away(starting(10*time.Minute), 9*time.Minute, 3*time.Minute), "replicas_missing"},
		"it was made after the outage, and its time's": {away(starting(150*time.Second), 9*time.Minute, 3*time.Minute), "replicas_missing"},
	} {
		r := detect.Signals(c.scene)
		if got := classes(r); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if c.want == "" && r.Recheck == 0 {
			t.Errorf("%s: nobody looks again", name)
		}
	}
}

// TestAPodThatStopsBeingReadyAtOnce has a probe say no as soon as its threshold allows, by times in whole seconds.
func TestAPodThatStopsBeingReadyAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		lost time.Duration // after its start, as the kubelet writes it
		want string
	}{
		"after two failures":        {4 * time.Second, "probe_failing"},
		"and the seconds cut off":   {3 * time.Second, "probe_failing"},
		"it was never ready so far": {0, ""},
		"nor since it was restarted, of which the kubelet told a moment later": {time.Second, ""},
	} {
		s := healthy(3)
		p := s.Pods[0]
		p.Spec.Containers[0].ReadinessProbe = &corev1.Probe{PeriodSeconds: 2, FailureThreshold: 2}
		started := 30 * time.Second
		p.Status.ContainerStatuses[0].State.Running.StartedAt = ago(started)
		unreadyIn(&s, 1, started-c.lost)
		p.CreationTimestamp = metav1.NewTime(now.Add(-started))
		s.Events = append(s.Events, event("Pod", p.Name, "Unhealthy", "Readiness probe failed: ", 28*time.Second, 2*time.Second))
		if got := classes(detect.Signals(s)); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
