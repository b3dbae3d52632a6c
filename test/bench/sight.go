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
	// see looks at one object, and says whether it shows the failure.
	see := func(o any) (s sight, ok bool) {
		switch o := o.(type) {
		case *corev1.Pod:
			return sight{at: time.Now(), pod: o}, f.pod != nil && f.pod(o)
		case *corev1.Event:
			return sight{at: time.Now()}, o.Reason == f.event
		}
		return sight{}, false
	}
	there, w, err := listAndWatch(ctx, client, namespace, f.pod == nil)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (sight, error) {
		defer func() { w.Stop() }()
		for {
			for _, o := range there {
				if s, ok := see(o); ok {
					return s, nil
				}
			}
			there = nil
			select {
			case <-ctx.Done():
				return sight{}, fmt.Errorf("the API server did not show the failure: %w", ctx.Err())
			case e, open := <-w.ResultChan():
				if open {
					there = []any{e.Object}
					continue
				}
				// A busy API server drops watches.
				objects, again, err := listAndWatch(ctx, client, namespace, f.pod == nil)
				if err != nil {
					return sight{}, err
				}
				there, w = objects, again
			}
		}
	}, nil
}

// listAndWatch gives the pods, or the events, that are there, and a watch of what changes from then on.
func listAndWatch(ctx context.Context, client kubernetes.Interface, namespace string, events bool) (there []any, w watch.Interface, err error) {
	if events {
		api := client.CoreV1().Events(namespace)
		list, err := api.List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, nil, err
		}
		for _, e := range list.Items {
			there = append(there, &e)
		}
		w, err = api.Watch(ctx, metav1.ListOptions{ResourceVersion: list.ResourceVersion})
		return there, w, err
	}
	api := client.CoreV1().Pods(namespace)
	list, err := api.List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, nil, err
	}
	for _, p := range list.Items {
		there = append(there, &p)
	}
	w, err = api.Watch(ctx, metav1.ListOptions{ResourceVersion: list.ResourceVersion})
	return there, w, err
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
