package handlers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/chaos"
)

// handlePrefix begins the name of what an experiment puts into a cluster.
const handlePrefix = "autopilot-chaos-"

// handleOf names what holds a blow: a second process finds it again by this.
func handleOf(e engine.Experiment, w chaos.Wish) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d/%d/%s/%s", e.ID, w.Strike, w.Target.Object.UID, w.Target.Object.Name))
	return fmt.Sprintf("%s%d-%d-%s", handlePrefix, e.ID, w.Strike, hex.EncodeToString(sum[:4]))
}

// begin looks at the world once more, and does what was confirmed if nothing speaks against it by now. held ends with the lease, or when
// somebody wants it stopped; ctx with the process.
func (b *Breaking) begin(ctx, held context.Context, c Broken, e engine.Experiment, holder string) error {
	looking, cancel := context.WithTimeout(held, planFor)
	defer cancel()
	pause, err := b.Queue.Paused(looking)
	if err != nil {
		return err
	}
	f, err := b.field(looking, c, e)
	if err != nil {
		return err
	}
	look := e
	if f.Calls, err = b.calls(looking, c, e); err == nil {
		look, err = c.Injector.Rehearse(looking, e)
	}
	switch code := engine.CodeOf(err); {
	case err == nil:
		look.Steady, look.Refusals, look.Text = chaos.Steady(look, f), chaos.Refusals(look, f, b.Rules), chaos.Changed(e, look)
	case code == engine.Unavailable || code == engine.Internal:
		return err
	default:
		look = e
		look.Text = engine.UserMessage(err, fmt.Sprint(e.ID))
	}
	if pause.On {
		look.Text = fmt.Sprintf("writes are paused by <@%s>", pause.By.ID)
	}
	look.EndsAt = chaos.EndsAt(look, b.Now())
	if e, err = b.Queue.BeginExperiment(looking, look, holder, b.Rules.MaxActive); err != nil || e.Status != engine.ExperimentRunning {
		return err
	}
	return b.run(ctx, held, c, f, e, holder)
}

// run does an experiment that began, and keeps how it ended after all of its faults have.
func (b *Breaking) run(ctx, held context.Context, c Broken, f chaos.Field, e engine.Experiment, holder string) error {
	acting, end := context.WithCancelCause(held)
	defer end(nil)
	var watching, hitting sync.WaitGroup
	watching.Go(func() { b.watchAlarm(acting, c, f, e, end) })
	r := &round{Breaking: b, c: c, holder: holder, e: e}
	for acting.Err() == nil {
		now := b.Now()
		for _, w := range chaos.Due(r.e, now) {
			blow := engine.Blow{Strike: w.Strike, Target: w.Target, Handle: handleOf(e, w)}
			r.e.Blows = append(r.e.Blows, blow)
			hitting.Go(func() { r.hit(acting, w, blow) })
		}
		next := chaos.Next(r.e, now)
		if next.IsZero() {
			break
		}
		sleep(acting, next.Sub(now))
	}
	hitting.Wait()
	why := context.Cause(acting)
	end(nil)
	watching.Wait()
	if errors.Is(why, errLost) {
		return engine.Wrap(engine.Conflict, why, "the experiment is another process's by now")
	}
	r.e.Blows = r.blows
	r.e.Ending, r.e.Text = ended(why, r.blows)
	return b.end(ctx, r.e, holder)
}

// round is one run of an experiment. Its blows are what came of those that were begun.
type round struct {
	*Breaking
	c      Broken
	holder string
	e      engine.Experiment

	mu    sync.Mutex
	blows []engine.Blow
}

// hit strikes one target. The wish is kept first: nothing is begun that no other process would find.
func (r *round) hit(ctx context.Context, w chaos.Wish, blow engine.Blow) {
	_, err := r.Queue.KeepBlow(ctx, r.e.ID, r.holder, blow)
	if err == nil && ctx.Err() == nil {
		begun := func() {
			began := blow
			began.Began = r.Now()
			_, err := r.Queue.KeepBlow(ctx, r.e.ID, r.holder, began)
			r.complain(ctx, "begin of a blow not kept", err)
		}
		done := r.c.Injector.Inject(ctx, r.e.Strikes[w.Strike], w.Target, blow.Handle, w.Deadline, begun)
		done.Strike, done.Target, done.Handle = blow.Strike, blow.Target, blow.Handle
		blow = done
	} else {
		blow.Ended, blow.Clean, blow.Outcome = r.Now(), true, "not begun"
		if err != nil {
			blow.Outcome += ": " + engine.UserMessage(err, blow.Handle)
		}
	}
	r.mu.Lock()
	r.blows = append(r.blows, blow)
	r.mu.Unlock()
	keeping, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepFor)
	defer cancel()
	if _, err := r.Queue.KeepBlow(keeping, r.e.ID, r.holder, blow); err != nil {
		r.Log.WarnContext(ctx, "end of a blow not kept yet", "experiment", r.e.ID, "handle", blow.Handle, "error", err)
	}
}

// watchAlarm ends a run when something fires that it did not expect, or that it is to stop on. That the store or the API server
// does not answer for a moment is no alarm; when for too long nobody could say whether all is well, it is.
func (b *Breaking) watchAlarm(ctx context.Context, c Broken, f chaos.Field, e engine.Experiment, end context.CancelCauseFunc) {
	seen := time.Now()
	for {
		sleep(ctx, b.Patience.Gap)
		if ctx.Err() != nil {
			return
		}
		now, err := b.watched(ctx, c, e)
		if err != nil && time.Since(seen) >= b.Patience.Dark {
			end(alarmed{"for " + b.Patience.Dark.String() + " nobody could see whether something is wrong: " + engine.UserMessage(err, "-")})
			return
		}
		if err != nil {
			continue
		}
		seen, now.Calls = time.Now(), f.Calls
		if why, stop := chaos.Interrupt(e, now, b.Rules, b.Now()); stop && ctx.Err() == nil {
			end(alarmed{why})
			return
		}
	}
}

// watched is how the cluster is now, and whether the bot watches it. It is over in time.
func (b *Breaking) watched(ctx context.Context, c Broken, e engine.Experiment) (chaos.Field, error) {
	ctx, cancel := context.WithTimeout(ctx, b.Patience.Dark/2)
	defer cancel()
	f, err := b.look(ctx, c, e)
	if err != nil {
		return f, err
	}
	f.Unwatched, err = b.unwatched(ctx, c.Name)
	return f, err
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// ended says how a run ended.
func ended(why error, blows []engine.Blow) (engine.Ending, string) {
	var alarm alarmed
	switch {
	case errors.Is(why, errStopped):
		return engine.EndedByHand, ""
	case errors.As(why, &alarm):
		return engine.EndedByAlarm, alarm.why
	case errors.Is(why, errBlind):
		return engine.EndedByFault, errBlind.Error()
	case errors.Is(why, context.Canceled):
		return engine.EndedByFault, "the process that did it was told to end"
	}
	var failed []string
	for _, b := range blows {
		if b.Began.IsZero() {
			failed = append(failed, fmt.Sprintf("%s: %s", b.Target.Object.Name, b.Outcome))
		}
	}
	if len(failed) > 0 {
		return engine.EndedByFault, strings.Join(failed, "; ")
	}
	return engine.EndedInTime, ""
}

// end keeps how an experiment ended. While the database does not answer it tries again; when the process has to end before that, another
// one finds out what there is to find out.
func (b *Breaking) end(ctx context.Context, e engine.Experiment, holder string) error {
	for {
		keeping, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepFor)
		now, err := b.Queue.Experiment(keeping, e.ID)
		if err == nil && e.Text == "" {
			e.Text = now.Text // who stopped it
		}
		if err == nil {
			_, err = b.Queue.EndExperiment(keeping, e, holder)
		}
		cancel()
		if engine.CodeOf(err) != engine.Unavailable || ctx.Err() != nil {
			return err
		}
		b.complain(ctx, "end of an experiment not kept yet", err)
		sleep(ctx, b.Patience.Gap)
	}
}

// adopt ends an experiment whose process died. Its faults end themselves, for nobody sends them beats; it is seen to, and told, that nothing
// is left of them. What cannot be seen by then is told too, and is looked for again by the sweeps.
func (b *Breaking) adopt(ctx context.Context, c Broken, e engine.Experiment, holder string) error {
	until := b.Now().Add(b.Patience.Left)
	if e.EndsAt.After(b.Now()) {
		until = e.EndsAt.Add(b.Patience.Left)
	}
	var left []string
	var unseen error
	for {
		left, unseen = c.Injector.Left(ctx, e)
		if unseen == nil && len(left) == 0 || !b.Now().Before(until) {
			break
		}
		b.Log.InfoContext(ctx, "faults are left of a process that died", "experiment", e.ID, "left", left, "error", unseen)
		if sleep(ctx, b.Patience.Gap); ctx.Err() != nil {
			return engine.Wrap(engine.Unavailable, context.Cause(ctx), "what is left could not be seen to")
		}
	}
	e.Ending, e.Text = engine.EndedByDeath, "the process that held it died; nothing is left of its faults"
	switch {
	case len(left) > 0:
		e.Text = "the process that held it died, and this is left: " + strings.Join(left, "; ")
	case unseen != nil:
		e.Text = "the process that held it died, and what is left of its faults could not be seen: " + engine.UserMessage(unseen, fmt.Sprint(e.ID))
	}
	for k := range e.Blows {
		blow := &e.Blows[k]
		if blow.Ended.IsZero() {
			blow.Ended, blow.Clean = b.Now(), len(left) == 0 && unseen == nil
			blow.Outcome = "its process died; it ended by itself"
			if !blow.Clean {
				blow.Outcome = "its process died; its end was not seen"
			}
		}
	}
	return b.end(ctx, e, holder)
}
