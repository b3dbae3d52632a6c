package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/kube"
	"github.com/eks-autopilot/autopilot/engine/kube/hurt"
	"github.com/eks-autopilot/autopilot/test/cluster"
	"github.com/eks-autopilot/autopilot/test/stand"
)

// The ways in which a fault ends.
const (
	endsInTime = "its deadline"
	endsByHand = "stop"
	endsByKill = "kill -9"
)

var allEndings = []string{endsInTime, endsByHand, endsByKill}

// fallible are the faults that last, by each mechanism that a real node has.
var fallible = []struct {
	fault engine.Fault
	by    engine.Mechanism
	dose  engine.Dose
}{
	{engine.FaultLag, engine.ByAgent, engine.Dose{Delay: 300 * time.Millisecond}},
	{engine.FaultCPU, engine.ByExec, engine.Dose{}},
	{engine.FaultLoss, engine.ByAgent, engine.Dose{Loss: 40}},
	{engine.FaultMemory, engine.ByExec, engine.Dose{Memory: 20 << 20}},
	{engine.FaultThrottle, engine.ByAgent, engine.Dose{Rate: 1_000_000}},
	{engine.FaultCPU, engine.ByAgent, engine.Dose{CPU: 0.1}},
	{engine.FaultDNS, engine.ByAgent, engine.Dose{Names: []string{"db.shop"}}},
	{engine.FaultMemory, engine.ByAgent, engine.Dose{Memory: 20 << 20}},
}

const (
	holdsFor  = 3 * time.Second  // before it is stopped or killed, or over in time
	selfEnds  = 40 * time.Second // in which a fault ends by itself that nobody beats for
	perPod    = 6                // faults in one pod, before it is made anew
	heldUntil = 5 * time.Minute  // the deadline of what shall not end by it
)

// endingRun is one fault and its end.
type endingRun struct {
	what     string
	took     time.Duration // from the deadline, the word or the kill until nothing was left
	stranded string        // what was left; "" for nothing
}

// endings ends faults on a real node in each way in which they can end, and looks what is left.
func endings(ctx context.Context, args []string, out io.Writer) error {
	f := flag.NewFlagSet("bench endings", flag.ContinueOnError)
	runs := f.Int("runs", 30, "`runs` of each ending")
	if err := parse(f, args); err != nil {
		return err
	}
	if *runs < 1 {
		return errors.New("-runs must be at least 1")
	}
	if cluster.Auto.Resolve() != cluster.Node {
		return errors.New("this needs a real node: root on Linux")
	}
	w, err := newEndingWorld(ctx)
	if err != nil {
		return err
	}
	defer w.stop()
	came := make([][]endingRun, len(allEndings))
	lanes, ctx := errgroup.WithContext(ctx)
	for k, ending := range allEndings {
		lanes.Go(func() (err error) {
			came[k], err = w.lane(ctx, ending, *runs)
			return err
		})
	}
	if err := lanes.Wait(); err != nil {
		return err
	}
	rows := table{append([]string{"ending"}, append(spreadHead, "stranded")...)}
	var left []string
	for k, ending := range allEndings {
		var took []time.Duration
		stranded := 0
		for _, r := range came[k] {
			took = append(took, r.took)
			if r.stranded != "" {
				stranded++
				left = append(left, fmt.Sprintf("%s, %s: %s", ending, r.what, r.stranded))
			}
		}
		rows.add(append([]string{ending}, append(spread(took), fmt.Sprint(stranded))...)...)
	}
	if err := rows.print(out, "From the end of a fault until nothing of it was left"); err != nil {
		return err
	}
	for _, l := range left {
		if _, err := fmt.Fprintln(out, "  left:", l); err != nil {
			return err
		}
	}
	if len(left) > 0 {
		return fmt.Errorf("%w: %d faults are stranded", errMissed, len(left))
	}
	return nil
}

// lane runs one ending again and again, each time with the next fault, in a pod that is made anew now and then.
func (w *endingWorld) lane(ctx context.Context, ending string, runs int) ([]endingRun, error) {
	var all []endingRun
	for len(all) < runs {
		p, err := w.pod(ctx)
		if err != nil {
			return all, err
		}
		for range min(perPod, runs-len(all)) {
			n := len(all)
			r, err := w.run(ctx, ending, p, n)
			if err != nil {
				return all, fmt.Errorf("%s, run %d: %w", ending, n+1, err)
			}
			progress("%s %d of %d: %s gone after %s %s", ending, n+1, runs, r.what, r.took.Round(10*time.Millisecond), r.stranded)
			all = append(all, r)
		}
		left, err := w.swept(ctx, p)
		if err != nil {
			return all, err
		}
		all[len(all)-1].stranded += left
		if err := w.remove(ctx, p); err != nil {
			return all, err
		}
	}
	return all, nil
}

// held is what the part of endings that is killed is told.
type held struct {
	Kubeconfig string
	Strike     engine.Strike
	Target     engine.Victim
	Handle     string
}

// injector is that of a kubeconfig.
func (h held) injector() (*hurt.Injector, error) {
	k, err := kube.Connect(kube.Config{Name: "prod", Kubeconfig: h.Kubeconfig, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	return k.Hurt(hurt.Options{OptIn: stand.OptIn, Agent: stand.AgentImage}), nil
}

// run begins a fault, ends it in one of the ways, and waits until nothing of it is left. It fails when the fault did not begin.
func (w *endingWorld) run(ctx context.Context, ending string, p target, n int) (endingRun, error) {
	what := fallible[n%len(fallible)]
	h := held{
		Kubeconfig: w.kubeconfig, Handle: fmt.Sprintf("%s%d-%s", hurt.Prefix, n, p.name), Target: p.victim(what.by),
		Strike: engine.Strike{Fault: what.fault, Namespace: endingSpace, Dose: what.dose, Duration: heldUntil},
	}
	r := endingRun{what: fmt.Sprintf("%s by %s", what.fault, what.by)}
	var ended time.Time
	var err error
	switch ending {
	case endsInTime:
		h.Strike.Duration = holdsFor
		ended, err = h.here(ctx, 0)
	case endsByHand:
		ended, err = h.here(ctx, holdsFor)
	case endsByKill:
		ended, err = h.dies(ctx)
	}
	if err != nil {
		return r, err
	}
	r.stranded, err = w.left(ctx, p, h)
	r.took = time.Since(ended)
	return r, err
}

// here holds a fault in this process: to its deadline, or until it is stopped after a time. It gives when its end began.
func (h held) here(ctx context.Context, stop time.Duration) (ended time.Time, err error) {
	in, err := h.injector()
	if err != nil {
		return ended, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	blow := in.Inject(ctx, h.Strike, h.Target, h.Handle, time.Now().Add(heldUntil), func() {
		ended = time.Now().Add(holdsFor)
		if stop > 0 {
			time.AfterFunc(stop, cancel)
		}
	})
	if blow.Began.IsZero() {
		return ended, fmt.Errorf("%s did not begin: %s", h.Strike.Fault, blow.Outcome)
	}
	return ended, nil
}

// dies holds a fault in a process of its own, which is killed.
func (h held) dies(ctx context.Context) (time.Time, error) {
	self, err := os.Executable()
	if err != nil {
		return time.Time{}, err
	}
	text, err := json.Marshal(h)
	if err != nil {
		return time.Time{}, err
	}
	child := exec.CommandContext(ctx, self, "endings-hold", "-blow", string(text)) //nolint:gosec // it is this program
	child.Stderr = os.Stderr
	said, err := child.StdoutPipe()
	if err != nil {
		return time.Time{}, err
	}
	if err := child.Start(); err != nil {
		return time.Time{}, err
	}
	line, err := bufio.NewReader(said).ReadString('\n')
	if err == nil && line == "begun\n" {
		time.Sleep(holdsFor)
	}
	_ = child.Process.Kill() // it may have ended by itself; Wait tells
	_ = child.Wait()
	if line != "begun\n" {
		return time.Time{}, fmt.Errorf("%s did not begin: %q (%w)", h.Strike.Fault, line, err)
	}
	return time.Now(), nil
}

// endingsHold is the part of endings that is killed.
func endingsHold(ctx context.Context, args []string, out io.Writer) error {
	f := flag.NewFlagSet("bench endings-hold", flag.ContinueOnError)
	text := f.String("blow", "", "what is held, as JSON")
	if err := parse(f, args); err != nil {
		return err
	}
	var h held
	if err := json.Unmarshal([]byte(*text), &h); err != nil {
		return err
	}
	in, err := h.injector()
	if err != nil {
		return err
	}
	blow := in.Inject(ctx, h.Strike, h.Target, h.Handle, time.Now().Add(heldUntil), func() { _, _ = fmt.Fprintln(out, "begun") })
	return fmt.Errorf("nobody killed it: %s", blow.Outcome)
}
