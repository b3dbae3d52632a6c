package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// What a fault does to the network outlives the process that did it. So there are two: the guard, which is the one that was started, and
// the worker, its child, which holds the fault. Whichever dies, the other ends the fault. If both are killed at once, netem and tbf stay
// until the pod ends or "chaosagent clean" is run in it; packets that go to a queue pass, as nobody takes them from it.

const (
	guardedVariable = "CHAOSAGENT_GUARDED" // tells a worker that it is one
	guardFile       = 3                    // of a worker: ends with the guard
)

// seat is where one agent of a network namespace sits: an abstract socket's name, which the kernel gives free when its holders are gone.
const seat = "@autopilot-chaosagent"

// errTaken says that the seat is.
var errTaken = errors.New("another agent holds a fault in this network namespace; stop it first, or wait until it has ended")

// sit takes the seat. It fails with errTaken.
func sit() (*net.UnixListener, error) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: seat, Net: "unix"})
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, errTaken
	}
	return l, err
}

// guard starts a worker with the same arguments, waits for it, and cleans up when it was killed.
func guard(ctx context.Context, o options, args []string, in io.Reader, out io.Writer) int {
	say := newSpeaker(out)
	defer say.close()
	refuse := func(err error) int {
		say.line(line{State: stateEnded, Clean: true, Reason: endFailed, Text: "not begun: " + err.Error()})
		return codeRefused
	}
	taken, err := sit()
	if err != nil {
		return refuse(err)
	}
	defer shut(taken)
	place, err := taken.File()
	if err != nil {
		return refuse(err)
	}
	defer shut(place)
	theirs, ours, err := os.Pipe()
	if err != nil {
		return refuse(err)
	}
	defer shut(ours)
	worker := exec.Command("/proc/self/exe", args...) //nolint:gosec,noctx // It is this program with its own arguments, and is asked to end rather than killed.
	worker.Env = append(os.Environ(), guardedVariable+"=1")
	worker.Stdin, worker.Stdout, worker.Stderr = in, out, os.Stderr
	worker.ExtraFiles = []*os.File{theirs, place} // the place stays taken while either lives
	err = worker.Start()
	_ = theirs.Close()
	if err != nil {
		return refuse(err)
	}
	done := make(chan error, 1)
	go func() { done <- worker.Wait() }()
	// A worker that is frozen would hold packets for ever.
	frozen := time.NewTimer(o.silence + o.last + overtime)
	defer frozen.Stop()
	select {
	case err = <-done:
	case <-frozen.C:
		err = end(worker.Process, done, 0)
	case <-ctx.Done():
		err = end(worker.Process, done, overtime)
	}
	if code := worker.ProcessState.ExitCode(); code >= 0 {
		return code
	}
	l := line{State: stateEnded, Clean: true, Reason: endFailed, Text: fmt.Sprintf("the agent died (%v), and its guard undid the %s", err, o.fault)}
	code := codeRefused
	if _, err := sweep(); err != nil {
		l.Clean, l.Text = false, fmt.Sprintf("the agent died, and its guard could not undo the %s: %v", o.fault, err)
		code = codeLeft
	}
	say.line(l)
	return code
}

// overtime is how long an end may take; each answer of the kernel is waited for by itself.
const overtime = 20 * time.Second

// end asks a worker to end and, when it does not in time, kills it. It returns how it ended.
func end(worker *os.Process, done <-chan error, within time.Duration) error {
	_ = worker.Signal(syscall.SIGTERM) // one that has ended needs none
	select {
	case err := <-done:
		return err
	case <-time.After(within):
	}
	_ = worker.Kill()
	return <-done
}

// guarded is what a worker has of its guard.
type guarded struct{ pipe *os.File }

// inherited tells whether this process is a worker.
func inherited() (guarded, bool) {
	if os.Getenv(guardedVariable) == "" {
		return guarded{}, false
	}
	return guarded{pipe: os.NewFile(guardFile, "guard")}, true
}

// watch gives a context that ends with the guard.
func (g guarded) watch(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		_, _ = g.pipe.Read(make([]byte, 1)) // nothing is ever written to it
	}()
	return ctx
}
