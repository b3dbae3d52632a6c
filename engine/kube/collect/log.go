package collect

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/rca"
)

const (
	maxLogLines    = 1000 // that a person can ask for
	readLogLines   = 200  // that a diagnosis reads
	maxLogBytes    = 256 << 10
	hostLines      = 20 // that are searched for hosts
	maxLogs        = 3  // containers whose logs are read for a diagnosis
	defaultExcerpt = 50
)

// tail reads the end of a container's log. lost says that there was more than we take.
func tail(ctx context.Context, client kubernetes.Interface, namespace, pod, container string, previous bool, lines int) (out []rca.LogLine, lost bool, err error) {
	count, size := int64(min(lines, maxLogLines)), int64(maxLogBytes)
	stream, err := client.CoreV1().Pods(namespace).GetLogs(pod, &corev1.PodLogOptions{
		Container: container, Previous: previous, Timestamps: true, TailLines: &count, LimitBytes: &size,
	}).Stream(ctx)
	if err != nil {
		return nil, false, err
	}
	defer stream.Close()
	in := &io.LimitedReader{R: stream, N: maxLogBytes}
	scan := bufio.NewScanner(in)
	scan.Buffer(make([]byte, 0, 4096), maxLogBytes+1)
	var raw []string
	for scan.Scan() {
		raw = append(raw, scan.Text())
	}
	out = readLines(raw)
	if unkept(out) {
		return nil, false, errNotKept
	}
	if err := scan.Err(); err != nil {
		return out, true, err
	}
	return out, in.N <= 0 || int64(len(out)) >= count, nil
}

// errNotKept says that the node no longer has a log.
var errNotKept = errors.New("the node no longer keeps it")

// kubelets are the kubelet's own words for a log that it cannot open. It sends them in place of the log, with the status of a success.
var kubelets = regexp.MustCompile(`^(?:unable to retrieve container logs for [a-z-]+://|failed to (?:try resolving symlinks in path|open log file|watch file) "/)`)

// unkept tells whether what came is nothing but the kubelet's excuse. Lines of a container have a time.
func unkept(lines []rca.LogLine) bool {
	return len(lines) == 1 && lines[0].At.IsZero() && kubelets.MatchString(lines[0].Text)
}

// readLines takes the times off lines, as the kubelet put them there, and cleans the rest.
func readLines(raw []string) []rca.LogLine {
	lines := make([]rca.LogLine, len(raw))
	for k, s := range raw {
		if before, after, ok := strings.Cut(s, " "); ok {
			if at, err := time.Parse(time.RFC3339Nano, before); err == nil {
				lines[k].At, s = at.UTC(), after
			}
		}
		lines[k].Text = strings.TrimRight(s, "\r")
	}
	rca.CleanLines(lines)
	return lines
}

// Tail gives the end of a container's log, redacted: at most lines (0 means 50, never more than 1000). previous asks for the
// run before the last restart. A container of "" is the pod's first. It fails with NotFound, Forbidden, Invalid or Unavailable.
func Tail(ctx context.Context, client kubernetes.Interface, namespace, pod, container string, previous bool, lines int) (engine.LogExcerpt, error) {
	if container == "" {
		p, err := client.CoreV1().Pods(namespace).Get(ctx, pod, metav1.GetOptions{})
		if err != nil {
			return engine.LogExcerpt{}, unread(err, namespace, pod)
		}
		for _, c := range p.Spec.Containers[:min(len(p.Spec.Containers), 1)] {
			container = c.Name
		}
	}
	if lines <= 0 {
		lines = defaultExcerpt
	}
	found, lost, err := tail(ctx, client, namespace, pod, container, previous, lines)
	if err != nil {
		return engine.LogExcerpt{}, unread(err, namespace, pod)
	}
	e := engine.LogExcerpt{Pod: pod, Container: container, Previous: previous, Truncated: lost}
	for _, l := range found {
		e.Lines = append(e.Lines, l.Text)
		e.Redactions += l.Redactions
	}
	return e, nil
}

// TailOf gives the log that tells most about an incident: of the worst container of the most telling pod, and of the run
// that failed. It fails like Tail, and with NotFound when the workload has no pod that ever started.
func TailOf(ctx context.Context, src Source, i engine.Incident, lines int) (engine.LogExcerpt, error) {
	s := read(ctx, src, i)
	targets := s.logTargets()
	if len(targets) == 0 {
		if err := first(s.podsErr, s.objectErr); err != nil {
			return engine.LogExcerpt{}, err
		}
		return engine.LogExcerpt{}, engine.Errorf(engine.NotFound, "%s has no container that ever started, so there is no log", i.Workload)
	}
	t := targets[0]
	e, err := Tail(ctx, src.Client, t.pod.Namespace, t.pod.Name, t.container, t.previous, lines)
	if t.previous && (engine.CodeOf(err) == engine.NotFound || engine.CodeOf(err) == engine.Invalid) {
		// The run before is no longer kept; the present one is better than nothing.
		return Tail(ctx, src.Client, t.pod.Namespace, t.pod.Name, t.container, false, lines)
	}
	return e, err
}

func unread(err error, namespace, pod string) error {
	what := "the log of " + namespace + "/" + pod
	switch {
	case errors.Is(err, errNotKept):
		return engine.Wrap(engine.NotFound, err, what+" is gone: the node no longer keeps it")
	case gone(err):
		return engine.Wrap(engine.NotFound, err, what+" is gone: the pod does not exist any more")
	case apierrors.IsBadRequest(err):
		return engine.Wrap(engine.Invalid, err, what+" cannot be had: the container has not started, or has no earlier run")
	}
	return failed(err, "read "+what)
}

// target is a log to read.
type target struct {
	pod       *corev1.Pod
	container string
	previous  bool
	ended     time.Time // of the run that is meant, to the second, while it is not known to have been restarted
}

// logTargets chooses the logs that tell most: those of containers that failed, then those of containers that are not ready.
func (s *subject) logTargets() []target {
	var failing, waiting, rest []target
	for _, p := range s.focus() {
		for _, n := range statuses(p) {
			t := target{pod: p, container: n.status.Name}
			// A container that waits to be restarted has ended; its log is that of the run before, as is that of one that came back.
			t.previous = n.status.State.Terminated == nil && n.status.LastTerminationState.Terminated != nil
			if e := n.status.State.Terminated; e != nil {
				t.ended = e.FinishedAt.Time
			}
			switch {
			case n.status.State.Running == nil && n.status.State.Terminated == nil && !t.previous:
				continue // it never ran
			case n.init && n.status.Ready:
				continue // it did what it was for
			case t.previous || bad(n.status):
				failing = append(failing, t)
			case !n.status.Ready:
				waiting = append(waiting, t)
			default:
				rest = append(rest, t)
			}
		}
	}
	return append(append(failing, waiting...), rest...)
}

// read gives the log of the run that is meant. The kubelet restarts a container for the first time at once, so that a run which is known to
// have ended may be the one before by now: then there is a line of after its end, or none.
func (t target) read(ctx context.Context, client kubernetes.Interface, lines int) (out []rca.LogLine, previous bool, err error) {
	out, _, err = tail(ctx, client, t.pod.Namespace, t.pod.Name, t.container, t.previous, lines)
	switch {
	case t.previous && (errors.Is(err, errNotKept) || apierrors.IsBadRequest(err)): // it failed again meanwhile, and the run before is gone
		out, _, err = tail(ctx, client, t.pod.Namespace, t.pod.Name, t.container, false, lines)
		return out, true, err
	case err == nil && !t.ended.IsZero() && (len(out) == 0 || !out[len(out)-1].At.Before(t.ended.Truncate(time.Second).Add(time.Second))):
		if before, _, err := tail(ctx, client, t.pod.Namespace, t.pod.Name, t.container, true, lines); err == nil && len(before) > 0 {
			return before, true, nil
		}
	}
	return out, t.previous, err
}

// logs shows the telling lines and the last ones of the logs of containers that failed.
func logs(ctx context.Context, s *subject) ([]engine.Evidence, error) {
	var out []engine.Evidence
	var problem error
	targets := s.logTargets()
	for _, t := range targets[:min(len(targets), maxLogs)] {
		lines, previous, err := t.read(ctx, s.Client, readLogLines)
		if err != nil {
			problem = first(problem, unread(err, t.pod.Namespace, t.pod.Name))
		}
		id := fmt.Sprintf("log/%s/%s/%t", t.pod.Name, t.container, previous)
		out = append(out, rca.LogEvidence(id, refOf("Pod", t.pod), t.container, yes(previous), lines)...)
	}
	return out, first(problem, s.podsErr)
}
