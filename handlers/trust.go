package handlers

import (
	"context"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/trust"
)

// trustSpan is how far back the scorecard looks, unless somebody says it.
const trustSpan = 30 * 24 * time.Hour

// parseTrust understands what follows trust: nothing, or how far back, such as last=90d.
func parseTrust(args []string, now time.Time) (query, error) {
	q := query{verb: "trust"}
	q.filter.Since = now.Add(-trustSpan)
	if len(args) > 1 {
		return q, engine.Errorf(engine.Invalid, "`trust` takes one thing behind it: `/autopilot trust last=90d`")
	}
	for _, arg := range args {
		if err := q.last(strings.TrimPrefix(strings.ToLower(arg), "last="), now); err != nil {
			return q, err
		}
	}
	return q, nil
}

// trust shows how well the bot notices what is broken on purpose. What people answered on cards is counted with it.
func (h *Handlers) trust(ctx context.Context, q query) (engine.Reply, error) {
	if h.Chaos == nil {
		return engine.Reply{}, chaosOff()
	}
	card, err := h.scorecard(ctx, q.filter.Since, h.Now())
	if err != nil {
		return engine.Reply{}, err
	}
	return engine.Reply{Scorecard: &card}, nil
}

// scorecard counts what was graded between two times, and in the span of the same length before.
func (h *Handlers) scorecard(ctx context.Context, from, to time.Time) (engine.Scorecard, error) {
	list, err := h.Chaos.Book.Experiments(ctx, engine.ExperimentFilter{Graded: true, Since: from.Add(-to.Sub(from)), Limit: 1000})
	if err != nil {
		return engine.Scorecard{}, err
	}
	card := trust.Score(list, from, to)
	judged, err := h.Chaos.Book.Judged(ctx, from)
	if err != nil {
		return engine.Scorecard{}, err
	}
	card.Reliable = trust.Reliable(append(trust.OfExperiments(within(list, from, to)), trust.OfPeople(judged)...))
	return card, nil
}

func within(list []engine.Experiment, from, to time.Time) []engine.Experiment {
	var in []engine.Experiment
	for _, e := range list {
		if !e.StartedAt.Before(from) && e.StartedAt.Before(to) {
			in = append(in, e)
		}
	}
	return in
}
