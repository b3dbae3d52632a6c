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
	maxLineBytes   = 1000 // of a line that is shown
	maxLogs        = 3    // containers whose logs are read for a diagnosis
	maxTelling     = 10   // lines with a known signature, of one log
	maxLast        = 20   // the last lines of a log are shown whatever they say
	defaultExcerpt = 50
)

// line is one line of a log.
type line struct {
	at         time.Time
	text       string // redacted
	redactions int
}

// tail reads the end of a container's log. lost says that there was more than we take.
func tail(ctx context.Context, client kubernetes.Interface, namespace, pod, container string, previous bool, lines int) (out []line, lost bool, err error) {
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
func unkept(lines []line) bool {
	return len(lines) == 1 && lines[0].at.IsZero() && kubelets.MatchString(lines[0].text)
}

// readLines takes the times off lines, as the kubelet put them there, and redacts the rest: a key runs over many of them.
func readLines(raw []string) []line {
	lines, texts := make([]line, len(raw)), make([]string, len(raw))
	for k, s := range raw {
		if before, after, ok := strings.Cut(s, " "); ok {
			if at, err := time.Parse(time.RFC3339Nano, before); err == nil {
				lines[k].at, s = at.UTC(), after
			}
		}
		texts[k] = printable(strings.TrimRight(s, "\r"))
	}
	texts, counts := rca.RedactLines(texts)
	for k := range lines {
		lines[k].text, lines[k].redactions = cut(texts[k], maxLineBytes), counts[k]
	}
	return lines
}

// printable drops colour codes and other control characters.
func printable(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == 0x1b && i+1 < len(s) && s[i+1] == '[' { // an ANSI sequence ends with a byte from @ to ~
			for i += 2; i < len(s) && (s[i] < 0x40 || s[i] > 0x7e); i++ {
			}
			continue
		}
		if s[i] >= 0x20 || s[i] == '\t' {
			b.WriteByte(s[i])
		}
	}
	return strings.ToValidUTF8(b.String(), "�")
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
		e.Lines = append(e.Lines, l.text)
		e.Redactions += l.redactions
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
}

// logTargets chooses the logs that tell most: those of containers that failed, then those of containers that are not ready.
func (s *subject) logTargets() []target {
	var failing, waiting, rest []target
	for _, p := range s.focus() {
		for _, n := range statuses(p) {
			t := target{pod: p, container: n.status.Name}
			// A container that waits to be restarted has ended; its log is that of the run before, as is that of one that came back.
			t.previous = n.status.State.Terminated == nil && n.status.LastTerminationState.Terminated != nil
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

// logs shows the telling lines and the last ones of the logs of containers that failed.
func logs(ctx context.Context, s *subject) ([]engine.Evidence, error) {
	var out []engine.Evidence
	var problem error
	targets := s.logTargets()
	for _, t := range targets[:min(len(targets), maxLogs)] {
		lines, _, err := tail(ctx, s.Client, t.pod.Namespace, t.pod.Name, t.container, t.previous, readLogLines)
		if t.previous && (errors.Is(err, errNotKept) || apierrors.IsBadRequest(err)) { // it failed again meanwhile, and the run before is gone
			lines, _, err = tail(ctx, s.Client, t.pod.Namespace, t.pod.Name, t.container, false, readLogLines)
		}
		if err != nil {
			problem = first(problem, unread(err, t.pod.Namespace, t.pod.Name))
		}
		out = append(out, excerpt(t, lines)...)
	}
	return out, first(problem, s.podsErr)
}

// excerpt chooses what to show of a log, in its order: the last line of each known signature, and the end.
func excerpt(t target, lines []line) []engine.Evidence {
	chosen := map[int]string{} // line number to signature
	for n := max(0, len(lines)-maxLast); n < len(lines); n++ {
		chosen[n] = ""
	}
	seen := map[string]bool{}
	for n := len(lines) - 1; n >= 0 && len(seen) < maxTelling; n-- {
		sig := rca.Signature(lines[n].text)
		if sig == "" {
			continue
		}
		if _, last := chosen[n]; last || !seen[sig] {
			chosen[n] = sig
		}
		seen[sig] = true
	}
	var out []engine.Evidence
	for n, l := range lines {
		sig, ok := chosen[n]
		if !ok || l.text == "" {
			continue
		}
		out = append(out, engine.Evidence{
			ID:   fmt.Sprintf("log/%s/%s/%t/%d", t.pod.Name, t.container, t.previous, n),
			Kind: engine.EvidenceLog, Object: refOf("Pod", t.pod), Container: t.container, At: l.at, Text: l.text,
			Fields: map[string]string{"line": l.text, "signature": sig, "previous": yes(t.previous)},
		})
	}
	return out
}
