package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
)

// sight is the first that the API server showed of a failure.
type sight struct {
	at  time.Time   // when its watch event arrived here
	pod *corev1.Pod // nil when an event showed it
}

// failures say, by scenario, when a pod or an event shows the failure that the scenario plays.
var failures = map[string]struct {
	pod   func(*corev1.Pod) bool
	event string // the reason of an event that shows it
}{
	"crash":  {pod: func(p *corev1.Pod) bool { return exit(p) != nil }},
	"oom":    {pod: func(p *corev1.Pod) bool { e := exit(p); return e != nil && e.Reason == "OOMKilled" }},
	"image":  {pod: func(p *corev1.Pod) bool { return waits(p, "ErrImagePull", "ImagePullBackOff") }},
	"config": {pod: func(p *corev1.Pod) bool { return waits(p, "CreateContainerConfigError") }},
	"probe":  {event: "Unhealthy"},
	"big":    {pod: unschedulable},
}

// exit is how a container of the pod ended with a failure, nil when none did.
func exit(p *corev1.Pod) *corev1.ContainerStateTerminated {
	for _, c := range p.Status.ContainerStatuses {
		for _, t := range []*corev1.ContainerStateTerminated{c.State.Terminated, c.LastTerminationState.Terminated} {
			if t != nil && t.ExitCode != 0 {
				return t
			}
		}
	}
	return nil
}

func waits(p *corev1.Pod, reasons ...string) bool {
	for _, c := range p.Status.ContainerStatuses {
		for _, r := range reasons {
			if c.State.Waiting != nil && c.State.Waiting.Reason == r {
				return true
			}
		}
	}
	return false
}

func unschedulable(p *corev1.Pod) bool {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Reason == corev1.PodReasonUnschedulable {
			return true
		}
	}
	return false
}

// look watches a namespace from before its fault on; await gives the first sight of the scenario's failure. It fails for a
// scenario that is not in failures.
func look(ctx context.Context, client kubernetes.Interface, scenario, namespace string) (await func(context.Context) (sight, error), err error) {
	f, ok := failures[scenario]
	if !ok {
		return nil, fmt.Errorf("scenario %s: what shows its failure is not known here", scenario)
	}
	begin := func() (watch.Interface, error) {
		if f.pod != nil {
			return client.CoreV1().Pods(namespace).Watch(ctx, metav1.ListOptions{})
		}
		return client.CoreV1().Events(namespace).Watch(ctx, metav1.ListOptions{})
	}
	w, err := begin()
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (sight, error) {
		defer func() { w.Stop() }()
		for {
			select {
			case <-ctx.Done():
				return sight{}, fmt.Errorf("the API server did not show the failure: %w", ctx.Err())
			case e, open := <-w.ResultChan():
				if !open {
					// A busy API server drops watches. A new one begins with all that there is.
					again, err := begin()
					if err != nil {
						return sight{}, err
					}
					w = again
					continue
				}
				switch o := e.Object.(type) {
				case *corev1.Pod:
					if f.pod(o) {
						return sight{at: time.Now(), pod: o}, nil
					}
				case *corev1.Event:
					if o.Reason == f.event {
						return sight{at: time.Now()}, nil
					}
				}
			}
		}
	}, nil
}

// exited is when the container of a sight ended. precise says that it is the time of the last line that the container wrote,
// stamped by containerd as it read it; a shell that writes and exits is over within milliseconds. Otherwise it is the
// kubelet's finishedAt, cut to whole seconds. ok is false when nothing ended.
func exited(ctx context.Context, client kubernetes.Interface, s sight) (at time.Time, precise, ok bool) {
	if s.pod == nil || exit(s.pod) == nil {
		return time.Time{}, false, false
	}
	finished := exit(s.pod).FinishedAt.Time
	log, err := client.CoreV1().Pods(s.pod.Namespace).GetLogs(s.pod.Name, &corev1.PodLogOptions{
		Timestamps: true, Previous: s.pod.Status.ContainerStatuses[0].RestartCount > 0,
	}).DoRaw(ctx)
	if err != nil {
		return finished, false, true // the log is gone with the pod
	}
	if at, precise = lastLine(log, finished); precise {
		return at, true, true
	}
	return finished, false, true
}

// lastLine is the time of the last line of a log that was written in the second at finished: later ones are of the container's
// next life.
func lastLine(log []byte, finished time.Time) (at time.Time, ok bool) {
	for line := range strings.Lines(string(log)) {
		stamp, _, _ := strings.Cut(line, " ")
		t, err := time.Parse(time.RFC3339Nano, stamp)
		if err == nil && !t.Before(finished) && t.Before(finished.Add(time.Second)) {
			at, ok = t, true
		}
	}
	return at, ok
}
