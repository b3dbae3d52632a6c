package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/eks-autopilot/autopilot/test/cluster"
	"github.com/eks-autopilot/autopilot/test/scenario"
)

// patience is how long a run waits, after all trouble is over, for what must come.
const patience = 2 * time.Minute

// soak plays faults on a real node while the bot is killed and what it stands on fails, and counts what was lost or doubled.
func soak(ctx context.Context, args []string, out io.Writer) error {
	f := flag.NewFlagSet("bench soak", flag.ContinueOnError)
	runs := f.Int("runs", 10, "runs, one after the other")
	seed := f.Uint64("seed", 1, "chooses faults, troubles and moments; run n of seed s is run 0 of seed s+n")
	keep := f.Bool("keep", false, "keep the bot's log and the database when all is over, and tell where")
	if err := parse(f, args); err != nil {
		return err
	}
	r, leave, err := enter(ctx, "bench-soak", cluster.Config{Mode: cluster.Node, CrashLoopMax: 20 * time.Second})
	if err != nil {
		return err
	}
	r.keep = *keep
	return quietly(leave, func() error {
		var sum verdict
		var problems []error
		for n := range *runs {
			own := *seed + uint64(n)
			if err := r.connected(ctx); err != nil {
				return err
			}
			v, err := r.soakRun(ctx, own, n)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				problems = append(problems, fmt.Errorf("seed %d: %w", own, err))
			}
			progress("run %d of %d, seed %d: %+v %v", n+1, *runs, own, v, err)
			sum.add(v)
		}
		violations, err := r.reader.Violations(ctx)
		if err != nil {
			return err
		}
		calls, err := r.reader.Calls(ctx, 0)
		if err != nil {
			return err
		}
		for _, v := range violations {
			switch {
			case v.Kind == "no_ack":
				// A click that could not be stored must not be acknowledged: Slack then tells the person.
			case v.Kind == "early_retry" && couldNotKnow(v, calls, r.kills):
				sum.unknowing++
			default:
				sum.violations++
				problems = append(problems, fmt.Errorf("%w: %s %s at %s", errMissed, v.Kind, v.Detail, v.Time.Format(time.TimeOnly)))
			}
		}
		if err := sum.table(*runs).print(out, fmt.Sprintf("%d runs from seed %d, on %s", *runs, *seed, machine())); err != nil {
			return err
		}
		if bad := sum.bad(); bad > 0 {
			problems = append(problems, fmt.Errorf("%w: %d things lost, doubled or held against the bot", errMissed, bad))
		}
		return errors.Join(problems...)
	})
}

// soakRun is one fault, troubled from its beginning to its resolution, and what came of it.
func (r *room) soakRun(ctx context.Context, seed uint64, n int) (v verdict, err error) {
	rng := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // it repeats with the seed
	name := []string{"crash", "config", "image"}[rng.IntN(3)]
	s, err := scenario.Find(name)
	if err != nil {
		return v, err
	}
	s = in(s, fmt.Sprintf("soak-%03d-%s", n, name))
	if err := r.player.Begin(ctx, s); err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, r.player.End(context.WithoutCancel(ctx), s)) }()

	// While trouble comes, somebody presses buttons until each press is taken.
	pressing := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // as above
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		if err := r.player.Break(gctx, s); err != nil {
			return err
		}
		return r.trouble(gctx, rng, 3+rng.IntN(3), &v)
	})
	var pressed verdict
	g.Go(func() error { return r.press(gctx, pressing, s, &pressed) })
	err = g.Wait()
	v.add(pressed)
	if err := errors.Join(err, r.calm(ctx)); err != nil {
		return v, err
	}
	if _, _, err := r.card(ctx, patience, append([]string{subject(s), causeShown}, s.Expect.Card...)...); err != nil {
		v.cardsLost++
		return v, err
	}

	if err := r.player.Fix(ctx, s); err != nil {
		return v, err
	}
	if err := errors.Join(r.trouble(ctx, rng, 1+rng.IntN(2), &v), r.calm(ctx)); err != nil {
		return v, err
	}
	if _, _, err := r.card(ctx, patience, subject(s), "(resolved)"); err != nil {
		v.unresolved++
		return v, err
	}
	return v, r.judge(ctx, s, &v)
}
