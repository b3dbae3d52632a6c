package main

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestEveryEndingLeavesNothing ends faults in all the ways that there are, 30 times each: packets in a queue and a queueing discipline in turn. What is
// left of it, and whether the pod answers as before, is looked at every time.
func TestEveryEndingLeavesNothing(t *testing.T) {
	t.Parallel()
	const runs = 30
	for _, e := range []struct {
		name   string
		args   []string
		end    func(a *agent)
		reason string
		code   int
	}{
		{name: "deadline", args: []string{"-for", "200ms"}, end: func(*agent) {}, reason: endDeadline},
		{name: "stop", end: func(a *agent) { a.say("stop") }, reason: endStop},
		{name: "closed stream", end: func(a *agent) { a.in.Close() }, reason: endEOF},
		{name: "silence", args: []string{"-silence", "250ms"}, end: func(*agent) {}, reason: endSilence},
		{name: "SIGTERM", end: func(a *agent) { kill(a.t, a.cmd.Process.Pid, syscall.SIGTERM) }, reason: endSignal},
		{name: "SIGKILL of the worker", end: func(a *agent) { kill(a.t, a.worker(), syscall.SIGKILL) }, reason: endFailed, code: codeRefused},
		{name: "SIGKILL of the guard", end: func(a *agent) { kill(a.t, a.cmd.Process.Pid, syscall.SIGKILL) }, reason: endSignal, code: -1},
	} {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			p := newPod(t)
			address := p.echo(t, podIP)
			for run := range runs {
				args := [][]string{{"lag", "-delay", "300ms"}, {"throttle", "-rate", "8kbit"}}[run%2]
				args = append(args, "-for", "1m", "-silence", "1m")
				a := p.begin(t, append(args, e.args...)...)
				if len(p.residue(t)) == 0 && !strings.Contains(e.name, "silence") && !strings.Contains(e.name, "deadline") {
					t.Fatalf("run %d: %s did nothing", run, args[0])
				}
				e.end(a)
				last, code := a.ended()
				if last.State != stateEnded || !last.Clean || last.Reason != e.reason || code != e.code {
					t.Fatalf("run %d, %s: it ended with code %d and %+v; %s", run, args[0], code, last, &a.heard)
				}
				// The last line is said after the end, whoever is left to say it.
				if left := p.residue(t); len(left) > 0 {
					t.Fatalf("run %d, %s: left: %v", run, args[0], left)
				}
				if took := roundTrips(t, p.peer, address, 3)[0]; took > 150*time.Millisecond {
					t.Fatalf("run %d, %s: the pod answers after %v", run, args[0], took)
				}
			}
		})
	}
}

func TestWhatIsLeftWhenBothAreKilled(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args   []string
		stays  string // until clean
		passes bool
	}{
		{args: []string{"lag", "-delay", "1s"}, passes: true},
		{args: []string{"loss", "-percent", "100"}, passes: true},
		{args: []string{"throttle", "-rate", "8kbit"}, stays: byTBF},
	} {
		t.Run(c.args[0], func(t *testing.T) {
			t.Parallel()
			p := newPod(t)
			address := p.echo(t, podIP)
			a := p.begin(t, append(c.args, "-for", "1m", "-silence", "1m")...)
			worker := a.worker()
			// Stopped first, so that neither sees the other die.
			for _, signal := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGKILL} {
				for _, pid := range []int{a.cmd.Process.Pid, worker} {
					kill(t, pid, signal)
				}
			}
			a.ended()
			if c.passes {
				if took := median(roundTrips(t, p.peer, address, 5)); took > time.Second/2 {
					t.Errorf("packets that nobody takes from the queue need %v", took)
				}
			}
			if c.stays != "" && fmt.Sprint(p.residue(t)) != "["+c.stays+"]" {
				t.Errorf("left: %v, want %s", p.residue(t), c.stays)
			}
			var l line
			var code int
			eventually(t, "clean, when both are gone", func() bool {
				l, code = p.start(t, "clean").ended()
				return code != codeRefused
			})
			if code != codeClean || !l.Clean || !strings.Contains(l.Text, c.stays) {
				t.Errorf("clean: code %d, %+v", code, l)
			}
			if left := p.residue(t); len(left) > 0 {
				t.Errorf("left after clean: %v", left)
			}
			if l, _ := p.start(t, "clean").ended(); l.Text != "nothing was left" {
				t.Errorf("clean again: %+v", l)
			}
		})
	}
}
