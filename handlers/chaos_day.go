package handlers

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/chaos"
)

// GameDay is an experiment that is planned again and again.
type GameDay struct {
	Name      string
	Next      func(time.Time) time.Time // of its schedule; zero for never
	Request   chaos.Request
	Channel   string
	Confirmed bool // it begins without a person's yes
}

const (
	// gameDayLate is how long after its time a game day is still begun, by a process that was not there.
	gameDayLate = 10 * time.Minute

	gameDay = "game day "
)

// last is the newest time of a game day that is not too long ago; zero for none.
func (g GameDay) last(now time.Time) time.Time {
	var last time.Time
	for at := g.Next(now.Add(-gameDayLate)); !at.IsZero() && !at.After(now); at = g.Next(at) {
		last = at
	}
	return last
}

// gameDays asks for the experiments whose time has come, once each, whatever replicas do.
func (b *Breaking) gameDays(ctx context.Context, now time.Time) {
	if b.asked == nil {
		b.asked = map[string]time.Time{}
	}
	for _, g := range b.GameDays {
		at := g.last(now)
		if at.IsZero() || !at.After(b.asked[g.Name]) {
			continue
		}
		d := engine.Decision{
			ID: gameDayID(g.Name, at), Action: engine.ActionChaos, At: now, Allowed: true, Role: "the configuration", Reason: gameDay + g.Name,
		}
		q := g.Request
		_, err := b.Queue.AskExperiment(ctx, d, engine.Experiment{
			Cluster: q.Cluster, Command: q.Command, Strikes: q.Strikes, Expect: q.Expect, StopOn: q.StopOn,
			Seed:    cmp.Or(q.Seed, uint64(at.Unix())), //nolint:gosec // a time after 1970
			Channel: g.Channel, Schedule: gameDay + g.Name,
		}, time.Time{})
		if err != nil {
			b.complain(ctx, "game day not asked for yet", err)
			continue
		}
		b.asked[g.Name] = at
	}
}

func gameDayID(name string, at time.Time) string {
	return fmt.Sprintf("game-day/%s/%s", name, at.UTC().Format(time.RFC3339))
}

// confirmGameDay says yes to the plan of a game day that needs nobody's, if nothing keeps it from beginning.
func (b *Breaking) confirmGameDay(ctx context.Context, e engine.Experiment) error {
	if e.Status != engine.ExperimentPlanned || !e.By.IsZero() {
		return nil
	}
	for _, g := range b.GameDays {
		if !g.Confirmed || gameDay+g.Name != e.Schedule {
			continue
		}
		d := engine.Decision{
			ID: fmt.Sprintf("game-day/%s/yes/%d", g.Name, e.ID), Action: engine.ActionChaos, At: b.Now(), Allowed: true, Hash: e.Hash, ExperimentID: e.ID,
			Role: "the configuration", Reason: gameDay + g.Name,
		}
		// The plan is let go by now, and with it the lease that ctx ends with.
		saying, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepFor)
		defer cancel()
		_, err := b.Queue.ConfirmExperiment(saying, d)
		return err
	}
	return nil
}
