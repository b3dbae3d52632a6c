package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/eks-autopilot/autopilot/engine"
)

// crash cuts the bot off at every step between the first click on a savings card and the third verified day of the ledger, and between
// the click on a remedy and what came of it.
func crash(ctx context.Context, args []string, out io.Writer) error {
	f := flag.NewFlagSet("bench crash", flag.ContinueOnError)
	every := f.Int("every", 1, "cut at each nth step only")
	from := f.Int("from", 1, "the first step to cut at")
	again := f.Int("again", 100, "how often each task is done again when all is over")
	clicks := f.Int("clicks", 50, "double clicks of each of two people at once")
	atOnce := f.Int("at-once", 2, "worlds at the same time")
	kills := f.Int("kills", 10, "how often the bot, a process of its own, is killed at a random moment")
	seed := f.Uint64("seed", 1, "chooses those moments")
	only := f.String("only", "", "the trips alone whose name has this, such as \"on undo\"")
	list := f.Bool("list", false, "print the steps, and cut at none")
	if err := parse(f, args); err != nil {
		return err
	}
	if *every < 1 || *from < 1 || *atOnce < 1 || *again < 0 || *clicks < 0 || *kills < 0 {
		return fmt.Errorf("%w: -every, -from and -at-once are 1 or more, -again, -clicks and -kills 0 or more", errUsage)
	}
	dir, err := os.MkdirTemp("", "autopilot-bench-")
	if err != nil {
		return err
	}
	// PostgreSQL runs as a user of its own, who must be able to enter.
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ws, err := newWorlds(ctx, dir)
	if err != nil {
		return err
	}
	return quietly(func() error { return ws.close(ctx) }, func() error {
		return ws.matrix(ctx, matrix{every: *every, from: *from, atOnce: *atOnce, again: *again, clicks: *clicks, kills: *kills, seed: *seed, dir: dir, only: *only, list: *list}, out)
	})
}

// trip is a way from a click to what came of it, and how to tell whether all is as it must be at its end.
type trip struct {
	name           string // for people
	begin          string // the database that it begins with
	way            func(*world, context.Context) error
	rows           []query                                              // what of the database is the same however it was gone
	once           []query                                              // what of it must be so, whatever it is compared with
	tasks          func(context.Context, *world) ([]engine.Task, error) // that may be done again at its end
	outside, wrong func(*world) []string                                // the same of what is not in the database
}

// trips are the approval, whose matrix is the long one, and the remedies.
func trips() []*trip {
	all := []*trip{&approval}
	for k := range remedyTrips {
		all = append(all, &remedyTrips[k])
	}
	return all
}

// matrix is what of the matrix is done.
type matrix struct {
	every, from, atOnce, again, clicks, kills int

	seed      uint64
	dir, only string
	list      bool
}

// crashed counts what came of the matrix.
type crashed struct {
	mu sync.Mutex // guards all below

	cuts, restarts, retried, killed, violations int

	problems []string          // each once
	first    map[string]string // where it was seen first
	seen     map[string]int    // how often it was seen
}

func (c *crashed) add(where string, wrong ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, line := range wrong {
		if c.violations++; c.seen[line] == 0 {
			c.problems, c.first[line] = append(c.problems, line), where
		}
		c.seen[line]++
	}
}

// count adds what a world with a cut went through.
func (c *crashed) count(w *world) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cuts, c.restarts, c.retried = c.cuts+1, c.restarts+w.restarts, c.retried+w.retried
}

// longestProblem bounds how much of a problem is printed: some hold a whole pull request.
const longestProblem = 600

// err is what was found, the same in many places once; nil where nothing was.
func (c *crashed) err() error {
	var problems []error
	for _, line := range c.problems {
		problems = append(problems, fmt.Errorf("%w: %d times, first at %s: %.*s", errMissed, c.seen[line], c.first[line], longestProblem, line))
	}
	return errors.Join(problems...)
}

func (ws *worlds) matrix(ctx context.Context, m matrix, out io.Writer) error {
	began := time.Now()
	c := crashed{first: map[string]string{}, seen: map[string]int{}}
	all := 0
	for _, t := range trips() {
		if !strings.Contains(t.name, m.only) {
			continue
		}
		progress("%s", t.name)
		steps, want, err := ws.uncut(ctx, t, m, &c)
		if err != nil {
			return err
		}
		if m.list {
			_, _ = fmt.Fprintf(out, "%s\n", t.name)
			for n, step := range steps {
				_, _ = fmt.Fprintf(out, "%4d  %s\n", n+1, step)
			}
			continue
		}
		if err := ws.cutAll(ctx, t, m, steps, want, &c); err != nil {
			return err
		}
		all += len(steps)
		kinds := table{{"steps by kind", "steps"}}
		for _, k := range byKind(steps) {
			kinds.add(k.name, fmt.Sprint(k.n))
		}
		if err := kinds.print(out, t.name); err != nil {
			return err
		}
	}
	if m.list {
		return nil
	}
	took := time.Since(began)
	if m.clicks > 0 {
		if err := errors.Join(ws.doubleClicks(ctx, m.clicks, &c), ws.doubleRemedies(ctx, m.clicks, &c)); err != nil {
			return err
		}
	}
	if m.kills > 0 {
		progress("the bot is killed %d times", m.kills)
		if err := ws.killed(ctx, m.kills, m.seed, m.dir, &c); err != nil {
			return err
		}
	}
	t := table{{"what", "figure"}}
	t.add("steps", fmt.Sprint(all))
	t.add("cuts, before and after a step", fmt.Sprint(c.cuts))
	t.add("restarts", fmt.Sprint(c.restarts))
	t.add("tasks that failed for now otherwise, and were done again", fmt.Sprint(c.retried))
	t.add("each task done again at the end", fmt.Sprintf("%d times", m.again))
	t.add("double clicks at once, on an approval and on each remedy", fmt.Sprintf("%d of each of two people", m.clicks))
	t.add("kills of a process at random moments of one way", fmt.Sprint(c.killed))
	t.add("violations (wanted: 0)", fmt.Sprint(c.violations))
	t.add("time of the cuts", seconds(took))
	if err := t.print(out, "On "+machine()); err != nil {
		return err
	}
	return c.err()
}

// uncut goes the way once without a cut, to learn its steps and where it leads, and does every task again there.
func (ws *worlds) uncut(ctx context.Context, t *trip, m matrix, c *crashed) (steps []string, want outcome, err error) {
	where := t.name + ", without a cut"
	err = ws.in(ctx, t.begin, 0, false, func(w *world) error {
		if err := t.way(w, ctx); err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
		steps = slices.Clone(w.first.steps)
		wrong, err := w.judge(ctx, t)
		if err != nil {
			return err
		}
		c.add(where, wrong...)
		if want, err = w.look(ctx, t); err != nil {
			return err
		}
		return w.again(ctx, t, m.again, where, c)
	})
	return steps, want, err
}

// cutAll goes the way with a cut before and after each of the steps.
func (ws *worlds) cutAll(ctx context.Context, t *trip, m matrix, steps []string, want outcome, c *crashed) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(m.atOnce)
	for at := m.from; at <= len(steps) && ctx.Err() == nil; at += m.every {
		for _, after := range []bool{false, true} {
			where := fmt.Sprintf("%s, step %d, %s (%s)", t.name, at, steps[at-1], map[bool]string{false: "before", true: "after"}[after])
			g.Go(func() error { return ws.cutAt(ctx, t, at, after, want, where, c) })
		}
		if at%20 == 0 {
			progress("step %d of %d", at, len(steps))
		}
	}
	return g.Wait()
}

// cutAt goes the way with a cut.
func (ws *worlds) cutAt(ctx context.Context, t *trip, at int, after bool, want outcome, where string, c *crashed) error {
	return ws.in(ctx, t.begin, at, after, func(w *world) error {
		err := t.way(w, ctx)
		c.count(w)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			c.add(where, err.Error())
			return nil
		}
		if w.restarts != 1 {
			c.add(where, fmt.Sprintf("%d restarts, want one: the way is not the same twice", w.restarts))
		}
		wrong, err := w.judge(ctx, t)
		if err != nil {
			return err
		}
		got, err := w.look(ctx, t)
		if err != nil {
			return err
		}
		c.add(where, append(wrong, got.different(want)...)...)
		return w.again(ctx, t, 1, where, c)
	})
}

// again does every task again, as River does one whose worker died at its very end, and says what that changed.
func (w *world) again(ctx context.Context, way *trip, times int, where string, c *crashed) error {
	before, err := w.state(ctx)
	if err != nil {
		return err
	}
	tasks, err := way.tasks(ctx, w)
	if err != nil {
		return err
	}
	for range times {
		for _, t := range tasks {
			err := w.p.tasks[t.Kind](ctx, t)
			if _, waits := errors.AsType[*engine.Waiting](err); err != nil && !waits {
				c.add(where, fmt.Sprintf("%s done again: %v", t.Kind, err))
			}
		}
		if err := w.p.st.Sweep(ctx); err != nil {
			c.add(where, "sweep done again: "+err.Error())
		}
	}
	now, err := w.state(ctx)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if now[name] != before[name] {
			c.add(where, fmt.Sprintf("tasks done again changed %s: %s, then %s", name, before[name], now[name]))
		}
	}
	return nil
}

// doubleClicks has two people approve the same plan at the same moment, each many times and each time twice over, and every task done
// many times at once from then on.
func (ws *worlds) doubleClicks(ctx context.Context, clicks int, c *crashed) error {
	const where = "double clicks"
	return ws.in(ctx, foundWorld, 0, false, func(w *world) error {
		drafts, _, err := w.p.st.Drafts(ctx, 1)
		if err != nil {
			return err
		}
		var refs []string
		for _, i := range drafts {
			refs = append(refs, i.Ref())
		}
		var all sync.WaitGroup
		for n := range 2 * 2 * clicks {
			all.Go(func() {
				who := []string{"U0ANA", "U0BEN"}[n%2]
				_, err := w.p.Submit(ctx, engine.Submission{
					ID: fmt.Sprintf("%s-%d", who, n/4), By: engine.Person{ID: who, Name: who}, Form: engine.FormApprove,
					Subject: engine.GroupButton{Group: 1}.Value(), Values: map[string]string{engine.FieldItems: strings.Join(refs, ",")},
				})
				if err != nil && !isRefusal(err) {
					c.add(where, err.Error())
				}
			})
		}
		all.Wait()
		var proposal int64
		if err := w.db.QueryRow(ctx, `SELECT max(id) FROM proposal`).Scan(&proposal); err != nil {
			return err
		}
		for range 8 { // as many replicas, each of which believes that the task is its own
			all.Go(func() {
				_ = w.p.tasks[engine.TaskPropose](ctx, engine.Task{Kind: engine.TaskPropose, Detail: engine.FollowDetail(proposal, false)})
			})
		}
		all.Wait()
		if err := w.until(ctx, proposalIs(`status = 'opened'`)); err != nil {
			c.add(where, err.Error())
			return nil
		}
		for _, q := range approvalOnce[:1] {
			var so bool
			if err := w.db.QueryRow(ctx, q.sql).Scan(&so); err != nil {
				return err
			}
			if !so {
				c.add(where, "not so: "+q.name)
			}
		}
		if pulls := w.github.Pulls(crashRepo); len(pulls) != 1 || pulls[0].Commits != 1 || len(w.github.Branches(crashRepo)) != 2 {
			c.add(where, fmt.Sprintf("not so: one pull request of one commit: %+v", pulls))
		}
		return nil
	})
}

type kindOfStep struct {
	name string
	n    int
}

// byKind counts steps by what they are, in the order in which they first come.
func byKind(steps []string) (all []kindOfStep) {
	for _, step := range steps {
		_, what, _ := strings.Cut(step, ": ")
		name := what
		switch {
		case what == "commit":
			name = "transaction committed"
		case what == "River":
			name = "task begun or ended"
		case strings.HasPrefix(what, askCluster):
			method, _, _ := strings.Cut(strings.TrimPrefix(what, askCluster), " ")
			name = method + " to the API server"
		case strings.Contains(what, " /"):
			method, _, _ := strings.Cut(what, " ")
			name = method + " to GitHub"
		default:
			name = "reading of the cluster, Prometheus or Slack"
		}
		at := slices.IndexFunc(all, func(k kindOfStep) bool { return k.name == name })
		if at < 0 {
			all, at = append(all, kindOfStep{name: name}), len(all)
		}
		all[at].n++
	}
	return all
}
