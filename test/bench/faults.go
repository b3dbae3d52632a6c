package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/test/cluster"
	"github.com/eks-autopilot/autopilot/test/scenario"
	"github.com/eks-autopilot/autopilot/test/stand"
)

// course is what the command line of faults says.
type course struct {
	dir, only, out string
	seed           uint64
	parallel       int
	quiet          time.Duration
}

// faults plays every scenario on a real node and on simulated ones, several at a time, each in a namespace of its own, and then what is
// innocent alone. It fails when something was told that no scenario expects, or when a fault was never told.
func faults(ctx context.Context, args []string, out io.Writer) error {
	f := flag.NewFlagSet("bench faults", flag.ContinueOnError)
	var t course
	f.StringVar(&t.dir, "scenarios", "", "a `folder` of scenarios to play instead of those that come with the product")
	f.Uint64Var(&t.seed, "seed", 1, "of the order, the names and other variables, and the small waits")
	f.StringVar(&t.only, "only", "", "play the scenarios whose name or class matches a `regexp`")
	f.StringVar(&t.out, "out", "", "a `file` for what was told of each fault, as JSON lines")
	f.IntVar(&t.parallel, "parallel", 8, "how many scenarios are played at a time")
	f.DurationVar(&t.quiet, "quiet", 10*time.Minute, "how long only what is innocent is played after the faults; 0 for not at all")
	if err := parse(f, args); err != nil {
		return err
	}
	plays, err := t.plays()
	if err != nil {
		return err
	}
	r, leave, err := enter(ctx, "bench-faults", cluster.Config{KWOKNodes: 3, CrashLoopMax: 20 * time.Second}, func(c *stand.Config) {
		c.Parts, c.Interval = stand.AllParts, 5*time.Second
		c.EditBot = func(b *stand.BotConfig) { b.HoldDown = "1m" } // the default
	})
	if err != nil {
		return err
	}
	return quietly(leave, func() error {
		r.player.Alertmanager = r.Alertmanager.URL()
		if r.Cluster.Mode() != cluster.Node {
			plays = slices.DeleteFunc(plays, func(p play) bool { return p.real() })
			progress("without a real node, %d simulated scenarios are played", len(plays))
		}
		if err := r.importIndustry(ctx, plays); err != nil {
			return err
		}
		return r.try(ctx, t, plays, out)
	})
}

// play is what begins at one moment: a scenario, or several.
type play struct {
	name  string
	parts []scenario.Scenario
}

func (p play) any(test func(scenario.Scenario) bool) bool { return slices.ContainsFunc(p.parts, test) }

func (p play) real() bool { return p.any(func(s scenario.Scenario) bool { return !s.Simulated() }) }

func (p play) alone() bool { return p.any(func(s scenario.Scenario) bool { return s.Alone }) }

func (p play) innocent() bool { return p.any(func(s scenario.Scenario) bool { return s.Innocent }) }

// longest is how long it may take until all is told.
func (p play) longest() time.Duration {
	var d time.Duration
	for _, s := range p.parts {
		for _, e := range s.Expects() {
			d = max(d, e.Deadline())
		}
	}
	return d
}

// long is what nothing else waits for.
const long = 3 * time.Minute

// plays are what is to be played, in the order that the seed gives: what takes long first, and what must be alone last.
func (t course) plays() ([]play, error) {
	if t.parallel < 1 {
		return nil, fmt.Errorf("-parallel %d: want 1 or more", t.parallel)
	}
	only, err := regexp.Compile(t.only)
	if err != nil {
		return nil, fmt.Errorf("-only: %w", err)
	}
	all, err := scenario.Faults()
	if t.dir != "" {
		all, err = scenario.Load(os.DirFS(t.dir))
	}
	if err != nil {
		return nil, err
	}
	var plays []play
	for _, s := range all {
		p := play{s.Name, []scenario.Scenario{s}}
		if len(s.Together) > 0 {
			p.parts = slices.DeleteFunc(slices.Clone(all), func(o scenario.Scenario) bool { return !slices.Contains(s.Together, o.Name) })
		}
		if only.MatchString(s.Name) || only.MatchString(s.Class()) {
			plays = append(plays, p)
		}
	}
	if len(plays) == 0 {
		return nil, fmt.Errorf("none of %d scenarios matches %q", len(all), t.only)
	}
	random := t.random(0)
	random.Shuffle(len(plays), func(a, b int) { plays[a], plays[b] = plays[b], plays[a] })
	rank := func(p play) int {
		switch {
		case p.alone():
			return 2
		case p.longest() > long:
			return 0
		}
		return 1
	}
	slices.SortStableFunc(plays, func(a, b play) int { return cmp.Compare(rank(a), rank(b)) })
	return plays, nil
}

// random gives the same numbers for the same seed, whichever goroutine comes first.
func (t course) random(stream int) *rand.Rand { return rand.New(rand.NewPCG(t.seed, uint64(stream))) } //nolint:gosec // any number will do

// importIndustry gives the node the image of the demo's service, if a scenario runs it.
func (r *room) importIndustry(ctx context.Context, plays []play) error {
	uses := func(s scenario.Scenario) bool {
		return slices.ContainsFunc(slices.Concat(s.Setup, s.Break, s.Beside), func(step scenario.Step) bool { return strings.Contains(step.Apply, scenario.IndustryImage) })
	}
	if !slices.ContainsFunc(plays, func(p play) bool { return p.any(uses) }) {
		return nil
	}
	return stand.ImportProgram(ctx, r.Cluster, "cmd/industry", scenario.IndustryImage)
}
