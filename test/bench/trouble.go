package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/eks-autopilot/autopilot/test/scenario"
	"github.com/eks-autopilot/autopilot/test/slack"
	"github.com/eks-autopilot/autopilot/test/stand/reader"
)

// troubles are what can happen to the bot and to what it stands on. Each is over when it returns, but for faults of Slack's,
// which calm takes away.
var troubles = []struct {
	name string
	do   func(r *room, ctx context.Context, rng *rand.Rand) error
}{
	{"kill -9", func(r *room, ctx context.Context, rng *rand.Rand) error {
		if err := r.kill(); err != nil {
			return err
		}
		if err := pause(ctx, rng, 2*time.Second); err != nil {
			return err
		}
		return r.Bot.Start(ctx)
	}},
	{"PostgreSQL outage", func(r *room, ctx context.Context, rng *rand.Rand) error {
		if err := r.Postgres.Stop(ctx); err != nil {
			return err
		}
		err := pause(ctx, rng, 20*time.Second)
		return errors.Join(err, r.Postgres.Start(context.WithoutCancel(ctx)))
	}},
	{"PostgreSQL outage and kill -9 in it", func(r *room, ctx context.Context, rng *rand.Rand) error {
		if err := r.Postgres.Stop(ctx); err != nil {
			return err
		}
		err := errors.Join(pause(ctx, rng, 3*time.Second), r.kill())
		if err := errors.Join(err, r.Postgres.Start(context.WithoutCancel(ctx))); err != nil {
			return err
		}
		return r.Bot.Start(ctx)
	}},
	{"sockets dropped", func(r *room, ctx context.Context, _ *rand.Rand) error {
		return r.reader.Drop(ctx, 0)
	}},
	{"sockets refreshed", func(r *room, ctx context.Context, rng *rand.Rand) error {
		return r.reader.Disconnect(ctx, "refresh_requested", 1+rng.IntN(2))
	}},
	{"429 storm", func(r *room, ctx context.Context, rng *rand.Rand) error {
		for _, method := range []string{"chat.postMessage", "chat.update"} {
			f := slack.Fault{Method: method, Kind: "ratelimit", RetryAfter: 1 + rng.IntN(3), ForMS: 3000 + rng.IntN(5000)}
			if err := r.reader.Fault(ctx, f); err != nil {
				return err
			}
		}
		return nil
	}},
	{"posts taken without an answer", func(r *room, ctx context.Context, rng *rand.Rand) error {
		return r.reader.Fault(ctx, slack.Fault{Method: "chat.postMessage", Kind: "drop_after_accept", Count: 1 + rng.IntN(2)})
	}},
	{"Slack answers 500", func(r *room, ctx context.Context, rng *rand.Rand) error {
		return r.reader.Fault(ctx, slack.Fault{Kind: "http500", Count: 1 + rng.IntN(4)})
	}},
}

// kill kills the bot and remembers when.
func (r *room) kill() error {
	err := r.Bot.Kill()
	r.kills = append(r.kills, time.Now())
	return err
}

// trouble has n troubles follow one another at random moments.
func (r *room) trouble(ctx context.Context, rng *rand.Rand, n int, v *verdict) error {
	for range n {
		if err := pause(ctx, rng, 2500*time.Millisecond); err != nil {
			return err
		}
		t := troubles[rng.IntN(len(troubles))]
		progress("  %s", t.name)
		if err := t.do(r, ctx, rng); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		v.troubles++
	}
	return nil
}

// calm ends what is left of all trouble.
func (r *room) calm(ctx context.Context) error {
	if err := r.reader.ClearFaults(ctx); err != nil {
		return err
	}
	return r.until(ctx, patience, "the bot to be ready", func(ctx context.Context) (bool, error) {
		err := r.Bot.Healthy(ctx)
		return err == nil, err
	})
}

// connected waits until both sockets are open. Slack opens one a minute once thirty were opened in short order, which no real day
// brings and a soak soon does.
func (r *room) connected(ctx context.Context) error {
	return r.until(ctx, 2*patience, "both sockets to be open", func(ctx context.Context) (bool, error) {
		state, err := r.reader.State(ctx)
		return state.Sockets == 2, err
	})
}

// presses are buttons, in the order in which somebody presses them, and what each brings onto the card.
var presses = []struct{ label, shows string }{
	{"Acknowledge", "Acknowledged by"},
	{"Assign to me", "Assigned to"},
}

// press presses each button until a press is acknowledged to Slack, and then wants to see what it does: an acknowledged click must
// not be lost. One that is refused is tried again, as a person would; it may have been carried out all the same.
func (r *room) press(ctx context.Context, rng *rand.Rand, s scenario.Scenario, v *verdict) error {
	card, _, err := r.card(ctx, patience, subject(s))
	if err != nil {
		v.cardsLost++
		return err
	}
	for _, p := range presses {
		taken, err := r.pressUntilTaken(ctx, rng, s, card.TS, p.label, p.shows, v)
		if err != nil {
			return err
		}
		if _, _, err := r.card(ctx, patience, subject(s), p.shows); err != nil {
			if taken && ctx.Err() == nil {
				v.clicksLost++
			}
			return err
		}
	}
	return nil
}

// pressUntilTaken gives up, with taken false, when the card shows that a refused press was carried out.
func (r *room) pressUntilTaken(ctx context.Context, rng *rand.Rand, s scenario.Scenario, ts, label, shows string, v *verdict) (taken bool, err error) {
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if err := pause(ctx, rng, 1500*time.Millisecond); err != nil {
			return false, err
		}
		o, err := r.reader.Press(ctx, r.people["ana"], ts, label)
		switch {
		case err == nil && o.OK:
			v.clicks++
			return true, nil
		case err == nil:
			v.refused++
		}
		m, ok, err := r.reader.Card(ctx, subject(s))
		if err != nil {
			return false, err
		}
		if ok && reader.Has(m, shows) {
			return false, nil
		}
	}
	return false, fmt.Errorf("nobody took a press of %q within %s", label, patience)
}

// pause waits for a random part of most.
func pause(ctx context.Context, rng *rand.Rand, most time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Duration(rng.Int64N(int64(most)))):
		return nil
	}
}
