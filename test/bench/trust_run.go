package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/test/scenario"
	"github.com/eks-autopilot/autopilot/test/slack"
	"github.com/eks-autopilot/autopilot/test/stand"
)

// result is what came of an attempt.
type result struct {
	attempt
	from, to   time.Time // of the attempt; what is raised in it is explained by a fault
	spaces     []string  // namespaces and nodes that it is about
	experiment engine.Experiment
	stranded   []string // what was left on the node
	undone     string   // why it was not really done; "" when it was
}

func (r result) line() string {
	switch g := r.experiment.Grade; {
	case r.undone != "":
		return "not done: " + r.undone
	case len(r.stranded) > 0:
		return "left behind: " + strings.Join(r.stranded, ", ")
	case g != nil:
		return fmt.Sprintf("experiment %d, %s: %s; by watching %s, by alerts %s %v", r.experiment.ID, r.experiment.Title, g.Text, elapsed(g.WatchAfter), elapsed(g.AlertAfter), g.Alerts)
	}
	return "done"
}

// elapsed is how long something took; "-" where it never came.
func elapsed(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return seconds(d)
}

const (
	peaceful   = 10 * time.Minute // until what was broken is over for the bot; alerts look two minutes back and more
	answering  = 90 * time.Second // from a command or a click to what follows it
	graded     = 8 * time.Minute  // from the end of an experiment to its grade
	forgetting = 20 * time.Second // after an experiment, in which what held it must be gone
)

// put tries one thing when all is well, and waits until all is well again.
func (r *room) put(ctx context.Context, t attempt, hold time.Duration) result {
	o := result{attempt: t, spaces: []string{shop(t.lane)}}
	switch {
	case t.fault == engine.FaultDrain:
		o.spaces = []string{herd, "kwok-000", "kwok-001"}
	case t.control == controlDrain || t.control == controlSpot:
		o.spaces = nil // its namespace and nodes are made for it
	}
	err := r.peace(ctx, o.spaces...)
	o.from = time.Now()
	switch {
	case err != nil:
	case t.command == "":
		err = r.beInnocent(ctx, &o)
	default:
		err = r.askFor(ctx, &o, hold)
	}
	o.to = time.Now()
	if err != nil {
		o.undone = err.Error()
	}
	return o
}

// peace waits until the bot holds nothing open about these namespaces and nodes, and everything there works.
func (r *room) peace(ctx context.Context, spaces ...string) error {
	var open string
	err := waitFor(ctx, peaceful, func(ctx context.Context) (bool, error) {
		all, err := r.store.Incidents(ctx, engine.IncidentFilter{Limit: 500})
		open = ""
		for _, i := range all {
			if slices.Contains(spaces, i.Workload.Namespace) || slices.Contains(spaces, i.Workload.Name) {
				open = fmt.Sprintf("incident %d of %s is still open", i.ID, i.Workload)
			}
		}
		return open == "", err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", open, err)
	}
	return nil
}

// waitFor asks each half second.
func waitFor(ctx context.Context, within time.Duration, done func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		if ok, err := done(ctx); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not within %s: %w", within, ctx.Err())
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// errRefused is the answer of a blocker.
var errRefused = errors.New("refused")

// askFor asks for an experiment, says yes to its plan and follows it to its grade. What a blocker refuses because something is not over yet
// is asked for again.
func (r *room) askFor(ctx context.Context, o *result, hold time.Duration) error {
	for deadline := time.Now().Add(peaceful); ; {
		o.from = time.Now()
		err := r.askOnce(ctx, o, hold)
		if !errors.Is(err, errRefused) || time.Now().After(deadline) || !passing(o.experiment) {
			return err
		}
		progress("%s: %v; it is asked for again", o.name(), err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Second):
		}
	}
}

// passing tells whether all that a blocker refused an experiment for will be over by itself.
func passing(e engine.Experiment) bool {
	return len(e.Refusals) > 0 && !slices.ContainsFunc(e.Refusals, func(f engine.Refusal) bool {
		return !slices.Contains([]string{"alarm", "one experiment at a time", "steady state", "disruption budget", "minimum ready", "metrics"}, f.Blocker)
	})
}

func (r *room) askOnce(ctx context.Context, o *result, hold time.Duration) error {
	asked := time.Now()
	outcome, err := r.reader.Command(ctx, r.people["ana"], "incidents", "/autopilot chaos "+o.command)
	if err != nil || !outcome.OK {
		return fmt.Errorf("the command was not taken: %+v, %w", outcome, err)
	}
	if err := r.track(ctx, o, answering, "a plan", func(e engine.Experiment) bool { return e.Status != engine.ExperimentAsked }, asked); err != nil {
		return err
	}
	if err := refusedFor(o.experiment); err != nil {
		return err
	}
	if err := r.confirm(ctx, o); err != nil {
		return err
	}
	whole := hold + answering
	if o.fault == engine.FaultDrain {
		whole += 2 * time.Minute // what a drain takes by itself
	}
	var enough time.Time // when as much was seen as there is to see
	if err := r.track(ctx, o, whole, "its end", func(e engine.Experiment) bool {
		if e.Status == engine.ExperimentRunning && e.StopAt.IsZero() && o.fault.Lasts() {
			switch {
			case enough.IsZero() && r.understood(ctx, e):
				enough = time.Now().Add(lookOn)
			case !enough.IsZero() && time.Now().After(enough):
				_ = r.push(ctx, e, "STOP") // one that was not taken is tried again, and the fault has an end of its own
			}
		}
		return e.Status == engine.ExperimentOver || e.Status == engine.ExperimentRefused
	}, asked); err != nil {
		return err
	}
	if err := refusedFor(o.experiment); err != nil {
		return err
	}
	if err := r.leftBehind(ctx, o); err != nil {
		return err
	}
	return r.track(ctx, o, graded, "its grade", func(e engine.Experiment) bool { return e.Grade != nil }, asked)
}

func refusedFor(e engine.Experiment) error {
	if e.Status != engine.ExperimentRefused && len(e.Refusals) == 0 {
		return nil
	}
	why := []string{}
	if e.Text != "" {
		why = append(why, e.Text)
	}
	for _, f := range e.Refusals {
		why = append(why, f.Blocker+": "+f.Text)
	}
	for _, s := range e.Strikes {
		for _, t := range s.Targets {
			if t.Refused != "" {
				why = append(why, t.Object.Name+": "+t.Refused)
			}
		}
	}
	return fmt.Errorf("experiment %d was %w: %s", e.ID, errRefused, strings.Join(why, "; "))
}

// track waits until the experiment that was asked for is so far. Its command has a seed that no other has.
func (r *room) track(ctx context.Context, o *result, within time.Duration, what string, far func(engine.Experiment) bool, asked time.Time) error {
	found := engine.Experiment{}
	err := waitFor(ctx, within, func(ctx context.Context) (bool, error) {
		all, err := r.store.Experiments(ctx, engine.ExperimentFilter{Since: asked.Add(-time.Second), Limit: 100})
		if err != nil {
			return false, err
		}
		k := slices.IndexFunc(all, func(e engine.Experiment) bool {
			return strings.HasSuffix(e.Command, o.command) && !e.AskedAt.Before(asked)
		})
		if k < 0 {
			return false, nil
		}
		found = all[k]
		o.experiment = found
		return far(found), nil
	})
	if err != nil {
		return fmt.Errorf("experiment %d is %q, and %s is missing: %w", found.ID, found.Status, what, err)
	}
	return nil
}

// lookOn is how long a fault is held after it was noticed and has a cause: other alerts of it may come, and change the ranking.
const lookOn = 15 * time.Second

// understood tells whether an incident of what an experiment hit, or of what feels it, is open and has a cause.
func (r *room) understood(ctx context.Context, e engine.Experiment) bool {
	all, err := r.store.Incidents(ctx, engine.IncidentFilter{Cluster: e.Cluster, Limit: 200})
	return err == nil && slices.ContainsFunc(all, func(i engine.Incident) bool {
		if !slices.Contains(e.Expect.Workloads, i.Workload) {
			return false
		}
		i, err := r.store.Incident(ctx, i.ID)
		return err == nil && i.Diagnosis.At.After(e.StartedAt) && len(i.Diagnosis.Causes) > 0
	})
}

// confirm presses the button on the experiment's card once that shows the plan.
func (r *room) confirm(ctx context.Context, o *result) error {
	var last error
	err := waitFor(ctx, answering, func(ctx context.Context) (bool, error) {
		last = r.push(ctx, o.experiment, "Confirm")
		return last == nil, nil
	})
	if err != nil {
		return fmt.Errorf("experiment %d could not be confirmed: %w: %w", o.experiment.ID, last, err)
	}
	return nil
}

// push presses a button on an experiment's card. It fails while the card does not show it.
func (r *room) push(ctx context.Context, e engine.Experiment, label string) error {
	all, err := r.reader.Messages(ctx, r.reader.Channel, r.reader.User)
	if err != nil {
		return err
	}
	key := engine.ExperimentKey(e.ID)
	k := slices.IndexFunc(all, func(m slack.Message) bool { return m.Metadata != nil && m.Metadata.EventPayload["key"] == key })
	if k < 0 {
		return errors.New("there is no card")
	}
	if outcome, err := r.reader.Press(ctx, r.people["ana"], all[k].TS, label); err != nil || !outcome.OK {
		return fmt.Errorf("%+v, %w", outcome, err)
	}
	return nil
}

// leftBehind looks on the node for what an experiment that is over left in the pods of the shop.
func (r *room) leftBehind(ctx context.Context, o *result) error {
	err := waitFor(ctx, forgetting, func(ctx context.Context) (bool, error) {
		pods, err := r.Cluster.Client().CoreV1().Pods(shop(o.lane)).List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, err
		}
		var uids []string
		for _, p := range pods.Items {
			uids = append(uids, string(p.UID))
		}
		o.stranded, err = stand.Traces(uids, "industry")
		return len(o.stranded) == 0, err
	})
	if len(o.stranded) > 0 {
		return nil // it is told with the figures
	}
	return err
}

// beInnocent does what nothing may be raised of.
func (r *room) beInnocent(ctx context.Context, o *result) error {
	var s scenario.Scenario
	switch o.control {
	case controlRollout:
		s = scenario.Rollout(shop(o.lane), o.target, fmt.Sprint(o.seed))
	case controlScaling:
		s = scenario.Scaling(shop(o.lane), o.target)
	case controlDrain, controlSpot:
		name := map[string]string{controlDrain: "innocent-drain", controlSpot: "innocent-spot"}[o.control]
		all, err := scenario.Faults()
		if err != nil {
			return err
		}
		k := slices.IndexFunc(all, func(s scenario.Scenario) bool { return s.Name == name })
		if k < 0 {
			return fmt.Errorf("there is no scenario %q", name)
		}
		if s, err = all[k].Cast(fmt.Sprintf("%s-%d", strings.TrimPrefix(name, "innocent-"), o.seed), r.Cluster.NodeName(), nil); err != nil {
			return err
		}
		o.spaces = []string{s.Namespace, s.Namespace + "-a", s.Namespace + "-b"}
		if err := r.player.Begin(ctx, s); err != nil {
			return err
		}
		defer func() { _ = r.player.End(context.WithoutCancel(ctx), s) }() // what is not removed is in nobody's way
		o.from = time.Now()
	}
	if err := r.player.Beside(ctx, s); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(linger):
		return nil
	}
}
