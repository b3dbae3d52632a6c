package prom

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/anomaly"
)

const (
	firstSpan = 12  // instants of the first queries; then as many as Prometheus reads within what a query may
	mostSpan  = 288 // a day, five minutes apart
)

// Moment is what the workloads of a cluster did at one instant of the past.
type Moment struct {
	At     time.Time
	Values map[engine.Workload]anomaly.Values
	Pods   map[engine.Workload][]string // by name, that any value is of
}

// Past is what could be had of a time that is over.
type Past struct {
	Instants int
	Gaps     []engine.Gap // measures that could not be had, or that nothing gives
	Cost     engine.ScanCost
}

// Past asks for what Measure would have given at each instant between two times, an interval apart, and hands them over one by one, the
// oldest first. It holds some instants at a time: so many that no query reads more samples than one may, fewer where that is too much for
// Prometheus. Which families of metrics there were is asked once, of the last instant. It fails with Unavailable when Prometheus does not
// answer or stays slow; a measure that it refuses is a gap.
func (m *Meter) Past(ctx context.Context, from, to time.Time, owner func(namespace, pod string) (engine.Workload, bool), each func(Moment)) (Past, error) {
	var out Past
	step := max(m.cfg.Interval, time.Minute).Truncate(time.Second)
	g := grid{from.Truncate(step), step, 0}
	if g.first.Before(from) {
		g.first = g.first.Add(step)
	}
	left := int(to.Sub(g.first)/step) + 1
	spent := m.ask.cost
	if err := m.look(ctx, to); err != nil {
		return out, err
	}
	out.Gaps = append(out.Gaps, m.passed...)
	asked := slices.DeleteFunc(m.queries(), func(q question) bool { return !m.wanted(q.measure) })
	there := map[string]bool{}
	for span := firstSpan; left > 0; {
		g.n = min(span, left)
		answers, read, err := m.stretch(ctx, g, &asked, &out)
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return out, engine.Wrap(engine.Unavailable, ctx.Err(), "measuring was stopped")
		case errors.Is(err, errTooMuch) && g.n > 1 && !m.ask.tired():
			span = g.n / 2
			continue
		default:
			return out, err
		}
		for i := range g.n {
			each(answers.at(g, i, owner, there))
		}
		out.Instants += g.n
		left -= g.n
		g.first = g.at(g.n)
		span = g.n
		if reads := max(read, 1) / int64(g.n); reads > 0 {
			span = int(min(aimSamples/reads, 2*int64(g.n)))
		}
		span = min(max(span, 1), mostSpan)
	}
	for _, q := range asked {
		if !there[q.what] && out.Instants > 0 {
			out.Gaps = append(out.Gaps, m.gap("there is no %s", q.what))
		}
	}
	out.Cost = m.spentSince(spent)
	return out, nil
}

// replies are what came of some questions for the times of a grid.
type replies []struct {
	question
	labels labelSet
	row    []float64
}

// stretch asks all questions for the times of a grid. read is the most samples that one of them took. A question that is refused is asked
// no more.
func (m *Meter) stretch(ctx context.Context, g grid, asked *[]question, out *Past) (all replies, read int64, err error) {
	for _, q := range slices.Clone(*asked) {
		before, from := m.ask.cost.Samples, len(all)
		row := func(s labelSet) []float64 {
			values := blank(g.n)
			all = append(all, replies{{q, s, values}}...)
			return values
		}
		for {
			all = all[:from] // of an answer that broke off
			err = m.ask.get(ctx, q.query, g, row)
			if err == nil || ctx.Err() != nil || errors.Is(err, errTooMuch) && g.n > 1 || m.ask.tired() || engine.CodeOf(err) != engine.Unavailable && !errors.Is(err, errTooMuch) {
				break
			}
		}
		switch {
		case err == nil && m.ask.tired():
			return nil, 0, errSlow
		case err == nil:
			read = max(read, m.ask.cost.Samples-before)
		case engine.CodeOf(err) == engine.Invalid && !errors.Is(err, errTooMuch):
			all = all[:from]
			out.Gaps = append(out.Gaps, m.gap("%s could not be read: %s", q.what, said(err)))
			*asked = slices.DeleteFunc(*asked, func(x question) bool { return x == q })
		default:
			return nil, 0, err
		}
	}
	return all, read, nil
}

// at puts together what came one time. there takes note of what had a value.
func (a replies) at(g grid, i int, owner func(namespace, pod string) (engine.Workload, bool), there map[string]bool) Moment {
	f := newFolding(owner)
	for _, s := range a {
		if v := s.row[i]; !math.IsNaN(v) && f.add(s.question, s.labels, v) {
			there[s.what] = true
		}
	}
	out := Moment{At: g.at(i), Values: f.values(), Pods: map[engine.Workload][]string{}}
	for pod, w := range f.owners {
		if !w.IsZero() {
			out.Pods[w] = append(out.Pods[w], pod.name)
		}
	}
	for _, pods := range out.Pods {
		slices.Sort(pods)
	}
	return out
}
