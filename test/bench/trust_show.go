package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/trust"
)

// showTrust prints the scorecard, what was innocent, and what must not be.
func (r *room) showTrust(ctx context.Context, results []result, from time.Time, out io.Writer) error {
	experiments, err := r.store.Experiments(ctx, engine.ExperimentFilter{Since: from, Limit: 1000})
	if err != nil {
		return err
	}
	all, err := r.store.Incidents(ctx, engine.IncidentFilter{AnyStatus: true, Since: from, Limit: 500})
	if err != nil {
		return err
	}
	to := time.Now()
	wrong, card := unexplained(results, all, to), trust.Score(experiments, from, to)
	wanted := goals(results, experiments, card, wrong)
	return errors.Join(
		scoreTable(card).print(out, "experiments, by fault; shares with the interval that holds 95 of 100 times ("+machine()+")"),
		timesTable(experiments).print(out, "from the fault to the incident, and to the first word of the watch and of an alert"),
		controlTable(results, wrong).print(out, "what is innocent"),
		troubleTable(results, wrong, card.Misses).print(out, "what was missed, and what should not be"),
		goalTable(wanted).print(out, "what is wanted"),
		verdictOf(wanted),
	)
}

func shareText(s engine.Share) string {
	if s.Of == 0 {
		return "-"
	}
	return fmt.Sprintf("%d/%d = %.0f %% [%.0f–%.0f]", s.Hits, s.Of, 100*s.Value(), 100*s.Low, 100*s.High)
}

func scoreTable(c engine.Scorecard) table {
	t := table{{"fault", "noticed", "by watching", "by alert", "cause first", "among three", "step right", "median", "p95", "recovery", "false"}}
	all := c.All
	for _, l := range append(slices.Clone(c.Lines), all) {
		name := string(l.Fault)
		if name == "" {
			name = "all"
		}
		t.add(name, shareText(l.Detected), shareText(l.ByWatch), shareText(l.ByAlert), shareText(l.Top1), shareText(l.Top3), shareText(l.StepRight),
			seconds(l.Median), seconds(l.P95), seconds(l.Recovery), fmt.Sprint(l.False))
	}
	return t
}

// raised is an incident that nothing explains, and the attempt during which it came; nil for none.
type raised struct {
	engine.Incident
	during *result
}

// afterwards is how long after its end a fault explains what comes: rates look back two minutes, and their alerts wait one more.
const afterwards = 4 * time.Minute

// unexplained are the incidents that no fault explains: none was done to their namespace or node at that time.
func unexplained(results []result, all []engine.Incident, now time.Time) (found []raised) {
	about := func(r result, i engine.Incident) bool {
		return slices.Contains(r.spaces, i.Workload.Namespace) || slices.Contains(r.spaces, i.Workload.Name)
	}
	for _, i := range all {
		if slices.ContainsFunc(results, func(r result) bool {
			done := r.control == "" && !r.experiment.StartedAt.IsZero()
			end := r.to
			if end.IsZero() {
				end = now
			}
			return done && about(r, i) && !i.DetectedAt.Before(r.experiment.StartedAt) && i.DetectedAt.Before(end.Add(afterwards))
		}) {
			continue
		}
		one := raised{Incident: i}
		for k, r := range results {
			if r.control != "" && about(r, i) && !i.DetectedAt.Before(r.from) && !i.DetectedAt.After(r.to) {
				one.during = &results[k]
			}
		}
		found = append(found, one)
	}
	return found
}

func controlTable(results []result, wrong []raised) table {
	t := table{{"kind", "done", "raised something"}}
	whole := engine.Share{}
	for _, kind := range controls {
		of, hits := 0, 0
		for _, r := range results {
			if r.control != kind || r.undone != "" {
				continue
			}
			of++
			if slices.ContainsFunc(wrong, func(w raised) bool { return w.during != nil && w.during.control == kind && w.during.seed == r.seed }) {
				hits++
			}
		}
		if of > 0 {
			t.add(kind, fmt.Sprint(of), shareText(trust.Wilson(hits, of)))
			whole.Of, whole.Hits = whole.Of+of, whole.Hits+hits
		}
	}
	t.add("all", fmt.Sprint(whole.Of), shareText(trust.Wilson(whole.Hits, whole.Of)))
	return t
}

func troubleTable(results []result, wrong []raised, misses []engine.Miss) table {
	t := table{{"what", "which", "why"}}
	for _, m := range misses {
		t.add("missed", fmt.Sprintf("experiment %d: %s", m.Experiment, m.Title), m.Text)
	}
	for _, w := range wrong {
		during := "nothing"
		if w.during != nil {
			during = w.during.name()
		}
		t.add("false", fmt.Sprintf("incident %d of %s", w.ID, w.Workload), fmt.Sprintf("%v, during %s, at %s", w.Classes, during, w.DetectedAt.Format(time.TimeOnly)))
	}
	for _, r := range results {
		if len(r.stranded) > 0 {
			t.add("left behind", fmt.Sprintf("experiment %d: %s", r.experiment.ID, r.name()), strings.Join(r.stranded, ", "))
		}
		if r.undone != "" {
			t.add("not done", r.name()+" "+r.command+r.target, r.undone)
		}
	}
	if len(t) == 1 {
		t.add("nothing")
	}
	return t
}
