package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/eks-autopilot/autopilot/test/cluster"
	"github.com/eks-autopilot/autopilot/test/scenario"
	"github.com/eks-autopilot/autopilot/test/slack"
)

// causeShown is on a card from the moment that it names a cause.
const causeShown = "Cause ("

// lapses are the times of one run. What does not apply is missing.
type lapses struct {
	exitToAPI, exitToCard, exitToCause []time.Duration // only of scenarios in which a container ends
	apiToCard, apiToCause              []time.Duration
	precise                            bool // the exit is known to the millisecond, not to the second
	problems                           []string
}

// cards plays faults on a real node, one after the other, each in a namespace of its own.
func cards(ctx context.Context, args []string, out io.Writer) error {
	f := flag.NewFlagSet("bench cards", flag.ContinueOnError)
	runs := f.Int("runs", 30, "runs of each scenario")
	names := f.String("scenarios", "crash", "the faults to play, with commas, or all")
	if err := parse(f, args); err != nil {
		return err
	}
	list, err := chosen(*names)
	if err != nil {
		return err
	}
	r, leave, err := enter(ctx, "bench-cards", cluster.Config{Mode: cluster.Node})
	if err != nil {
		return err
	}
	return quietly(leave, func() error {
		all := make([]lapses, len(list))
		for n := range *runs {
			for k, s := range list {
				if err := r.lapse(ctx, in(s, fmt.Sprintf("%s-%03d", s.Name, n)), &all[k]); err != nil {
					if ctx.Err() != nil {
						return err
					}
					all[k].problems = append(all[k].problems, fmt.Sprintf("run %d: %v", n, err))
				}
			}
			progress("run %d of %d", n+1, *runs)
		}
		return showCards(out, list, all)
	})
}

// chosen are the scenarios of these names for which it is known what shows their failure.
func chosen(names string) ([]scenario.Scenario, error) {
	if names == "all" {
		all, err := scenario.Builtin()
		return slices.DeleteFunc(all, func(s scenario.Scenario) bool { _, ok := failures[s.Name]; return !ok }), err
	}
	var list []scenario.Scenario
	for name := range strings.SplitSeq(names, ",") {
		s, err := scenario.Find(strings.TrimSpace(name))
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

// lapse plays one fault and adds its times. An error is a card or a cause that never came, or a wrong one.
func (r *room) lapse(ctx context.Context, s scenario.Scenario, to *lapses) (err error) {
	if err := r.player.Begin(ctx, s); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.clear(ctx, s)) }()
	await, err := look(ctx, r.Cluster.Client(), s.Name, s.Namespace)
	if err != nil {
		return err
	}
	within := 2 * s.Expect.Deadline()
	var seen sight
	var end time.Time
	var precise, ended bool
	var card slack.Message
	var caused time.Time
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		waiting, cancel := context.WithTimeout(gctx, within)
		defer cancel()
		if seen, err = await(waiting); err == nil {
			end, precise, ended = exited(gctx, r.Cluster.Client(), seen)
		}
		return err
	})
	g.Go(func() (err error) {
		card, caused, err = r.card(gctx, within, append([]string{subject(s), causeShown}, s.Expect.Card...)...)
		return err
	})
	g.Go(func() error { return r.player.Break(gctx, s) })
	if err := g.Wait(); err != nil {
		return err
	}
	if err := r.rightCause(ctx, s); err != nil {
		return err
	}
	shown, err := posted(card)
	if err != nil {
		return err
	}
	to.apiToCard = append(to.apiToCard, shown.Sub(seen.at))
	to.apiToCause = append(to.apiToCause, caused.Sub(seen.at))
	if ended {
		to.precise = precise && (to.precise || len(to.exitToAPI) == 0)
		to.exitToAPI = append(to.exitToAPI, seen.at.Sub(end))
		to.exitToCard = append(to.exitToCard, shown.Sub(end))
		to.exitToCause = append(to.exitToCause, caused.Sub(end))
	}
	return nil
}

// rightCause asks the store whether the first cause is the rule that the scenario wants, in the only incident there is.
func (r *room) rightCause(ctx context.Context, s scenario.Scenario) error {
	list, err := r.incidents(ctx, s.Namespace)
	if err != nil {
		return err
	}
	if len(list) != 1 {
		return fmt.Errorf("%d incidents in %s, want one", len(list), s.Namespace)
	}
	i, err := r.store.Incident(ctx, list[0].ID)
	if err != nil {
		return err
	}
	if len(i.Diagnosis.Causes) == 0 || i.Diagnosis.Causes[0].Rule != s.Expect.Cause {
		return fmt.Errorf("the causes are %v, want %s first", i.Diagnosis.Causes, s.Expect.Cause)
	}
	return nil
}

// clear takes the workload away and waits for its incident's end, so that the next run finds the channel quiet.
func (r *room) clear(ctx context.Context, s scenario.Scenario) error {
	if err := r.player.End(ctx, s); err != nil {
		return err
	}
	if _, _, err := r.card(ctx, 2*time.Minute, subject(s), "(resolved)"); err != nil {
		return err
	}
	// Slack wants a second between posts; the last line of the thread may be on its way.
	select {
	case <-ctx.Done():
	case <-time.After(3 * time.Second):
	}
	return ctx.Err()
}

func showCards(out io.Writer, list []scenario.Scenario, all []lapses) error {
	times := table{append([]string{"scenario", "from", "to"}, spreadHead...)}
	var missed []error
	for k, s := range list {
		l := all[k]
		from := "exit (finishedAt, whole s)"
		if l.precise {
			from = "exit"
		}
		for _, row := range []struct {
			from, to string
			values   []time.Duration
		}{
			{from, "seen at the API", l.exitToAPI},
			{"seen at the API", "card", l.apiToCard},
			{"seen at the API", "right cause", l.apiToCause},
			{from, "card", l.exitToCard},
			{from, "right cause", l.exitToCause},
		} {
			if len(row.values) > 0 {
				times.add(append([]string{s.Name, row.from, row.to}, spread(row.values)...)...)
			}
		}
		for _, p := range l.problems {
			missed = append(missed, fmt.Errorf("%w: %s, %s", errMissed, s.Name, p))
		}
	}
	if err := times.print(out, "From failure to card and right cause, on "+machine()); err != nil {
		return err
	}
	return errors.Join(missed...)
}
