package hurt

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// blow is one strike on one target, under way.
type blow struct {
	*Injector
	strike   engine.Strike
	target   engine.Victim
	handle   string
	deadline time.Time
	begun    func()
	began    time.Time
}

// begin notes that the fault is in place.
func (b *blow) begin() {
	if b.began.IsZero() {
		b.began = b.Now()
		b.begun()
	}
}

// lasts is how long the fault is to be held, from its begin.
func (b *blow) lasts() time.Duration {
	if d := b.strike.Duration; d > 0 {
		return min(d, b.left())
	}
	return b.left()
}

// left is the time to the deadline, when whatever still holds the fault is told to end it.
func (b *blow) left() time.Duration { return max(b.deadline.Sub(b.Now()), 0).Round(time.Millisecond) }

// A deed begins a fault, holds it, and returns after its end was seen: clean says that it was. A blow that never began says in text why.
type deed func(b *blow, ctx context.Context) (text string, clean bool)

// deedOf gives what brings a fault about by a mechanism; nil for what cannot be done.
func deedOf(f engine.Fault, by engine.Mechanism) deed {
	switch {
	case f == engine.FaultNothing:
		return (*blow).nothing
	case f == engine.FaultDrain:
		return (*blow).drain
	case f == engine.FaultKill && (by == engine.ByEviction || by == engine.ByDelete):
		return (*blow).kill
	case f == engine.FaultContainerKill && by == engine.ByExec:
		return (*blow).signal
	case f == engine.FaultContainerKill && by == engine.ByAgent:
		return (*blow).signalByAgent
	case (f == engine.FaultCPU || f == engine.FaultMemory) && by == engine.ByExec:
		return (*blow).stress
	case f.Lasts() && by == engine.ByAgent:
		return (*blow).agent
	case f.Lasts() && by == engine.ByChaosMesh:
		return (*blow).mesh
	case f.Lasts() && by == engine.ByFIS:
		return (*blow).cloud
	}
	return nil
}

// Inject begins a fault on one target and holds it until the deadline, until ctx ends, or until it fails. It returns after the fault has
// ended, and Clean says whether that was seen. A target that is another pod than was shown is left alone.
func (h *Injector) Inject(ctx context.Context, s engine.Strike, t engine.Victim, handle string, deadline time.Time, begun func()) engine.Blow {
	b := &blow{Injector: h, strike: s, target: t, handle: handle, deadline: deadline, begun: begun}
	out := engine.Blow{Target: t, Handle: handle}
	do := deedOf(s.Fault, t.Mechanism)
	switch {
	case do == nil:
		out.Outcome, out.Clean = fmt.Sprintf("%s cannot be done by %q", s.Fault, t.Mechanism), true
	case !strings.HasPrefix(handle, Prefix):
		out.Outcome, out.Clean = fmt.Sprintf("%q is no handle: it has to begin with %s", handle, Prefix), true
	case !h.Now().Before(deadline) || ctx.Err() != nil:
		out.Outcome, out.Clean = "not begun: the time for it was over", true
	default:
		out.Outcome, out.Clean = do(b, ctx)
	}
	out.Began, out.Ended = b.began, h.Now()
	h.Log.InfoContext(ctx, "blow over", "fault", s.Fault, "by", t.Mechanism, "target", t.Object.Name, "namespace", t.Object.Namespace,
		"handle", handle, "clean", out.Clean, "outcome", out.Outcome)
	return out
}

// nothing is the blow of a negative control.
func (b *blow) nothing(ctx context.Context) (string, bool) {
	b.begin()
	wait(ctx, b.lasts())
	return "nothing was done", true
}

// wait passes a time, or what of it ctx leaves.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// until looks again and again until there is nothing more to wait for. ok is false when the time was over, or ctx, before.
func (h *Injector) until(ctx context.Context, within time.Duration, done func(ctx context.Context) bool) (ok bool) {
	return every(ctx, h.poll, within, done)
}

// every is until, with so much time between two looks.
func every(ctx context.Context, gap, within time.Duration, done func(ctx context.Context) bool) (ok bool) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		if done(ctx) {
			return true
		}
		wait(ctx, gap)
		if ctx.Err() != nil {
			return false
		}
	}
}
