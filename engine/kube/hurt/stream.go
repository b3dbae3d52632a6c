package hurt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/util/exec"

	"github.com/eks-autopilot/autopilot/engine"
)

// The words that what holds a fault understands.
const (
	wordBeat = "beat"
	wordStop = "stop"
)

// session is a program in a container that we speak to, line by line.
type session struct {
	lines  <-chan string // what it says; never closed
	done   <-chan struct{}
	cancel context.CancelFunc
	in     *io.PipeWriter

	err error // why it is over, after done; nil for an end of its own with code 0
}

// open begins a stream to a pod: exec or attach. It does not wait for the answer; what goes wrong is the session's err.
func (h *Injector) open(ctx context.Context, sub string, of engine.ObjectRef, params runtime.Object) *session {
	ctx, cancel := context.WithCancel(ctx)
	in, out := io.Pipe()
	lines, done := make(chan string, 16), make(chan struct{})
	s := &session{lines: lines, done: done, cancel: cancel, in: out}
	go func() {
		defer close(done)
		defer cancel()
		s.err = h.stream(ctx, sub, of, params, remotecommand.StreamOptions{Stdin: in, Stdout: &liner{ctx: ctx, to: lines}, Stderr: io.Discard})
		_ = out.Close() // whoever still says something hears that nobody listens
	}()
	return s
}

// stream does one exec or attach and returns when it is over.
func (h *Injector) stream(ctx context.Context, sub string, of engine.ObjectRef, params runtime.Object, o remotecommand.StreamOptions) error {
	rc, err := h.Reach(ctx)
	if err != nil {
		return err
	}
	rc = rest.CopyConfig(rc)
	rc.UserAgent = manager
	client, err := kubernetes.NewForConfig(rc)
	if err != nil {
		return err
	}
	url := client.CoreV1().RESTClient().Get().Resource("pods").Namespace(of.Namespace).Name(of.Name).SubResource(sub).VersionedParams(params, scheme.ParameterCodec).URL()
	run, err := remotecommand.NewWebSocketExecutor(rc, http.MethodGet, url.String())
	if err != nil {
		return err
	}
	return run.StreamWithContext(ctx, o)
}

// say sends a word. It waits until that is taken, or the session is over.
func (s *session) say(word string) {
	_, _ = io.WriteString(s.in, word+"\n") // a session that is over says why itself
}

// beats says that we are still there, until the session or ctx is over. It begins at once.
func (s *session) beats(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		s.say(wordBeat)
		select {
		case <-ctx.Done():
			return
		case <-s.done:
			return
		case <-tick.C:
		}
	}
}

// liner gives each line that is written to it to a channel. What nobody takes while it is full is dropped: it is only words.
type liner struct {
	ctx  context.Context // a Writer cannot be given one
	to   chan<- string
	rest []byte
}

const longestLine = 4096

// Write takes a part of a line, or several.
func (l *liner) Write(p []byte) (int, error) {
	l.rest = append(l.rest, p...)
	for {
		line, rest, ok := bytes.Cut(l.rest, []byte("\n"))
		if !ok {
			break
		}
		l.rest = rest
		select {
		case l.to <- strings.TrimSpace(string(line)):
		case <-l.ctx.Done():
			return 0, l.ctx.Err()
		default:
		}
	}
	if len(l.rest) > longestLine {
		l.rest = nil
	}
	return len(p), nil
}

// output keeps the first bytes that are written to it.
type output struct {
	mu   sync.Mutex
	kept bytes.Buffer
}

// Write takes everything and keeps some.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if room := longestLine - o.kept.Len(); room > 0 {
		o.kept.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

func (o *output) text() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.TrimSpace(o.kept.String())
}

// run has a container run a short command, and gives what it printed. Where there is no such program, or it ends with another code than 0,
// the error says so and is not Unavailable.
func (h *Injector) run(ctx context.Context, of engine.ObjectRef, container string, command ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, callDeadline)
	defer cancel()
	var out, problems output
	params := &corev1.PodExecOptions{Container: container, Command: command, Stdout: true, Stderr: true}
	err := h.stream(ctx, "exec", of, params, remotecommand.StreamOptions{Stdout: &out, Stderr: &problems})
	if err == nil {
		return out.text(), nil
	}
	if code, ok := exitCode(err); ok {
		return out.text(), engine.Errorf(engine.Invalid, "%s ends with code %d %s", command[0], code, problems.text())
	}
	if strings.Contains(err.Error(), "executable file not found") || strings.Contains(err.Error(), "no such file or directory") {
		return "", engine.Errorf(engine.Invalid, "container %s has no %s", container, command[0])
	}
	return "", h.problem(err, fmt.Sprintf("nothing can be run in container %s of pod %s/%s", container, of.Namespace, of.Name))
}

// exitCode reads the code with which a program in a container ended.
func exitCode(err error) (int, bool) {
	if ended, ok := errors.AsType[exec.CodeExitError](err); ok {
		return ended.Code, true
	}
	return 0, false
}
