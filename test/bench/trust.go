package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/test/cluster"
	"github.com/eks-autopilot/autopilot/test/scenario"
	"github.com/eks-autopilot/autopilot/test/stand"
)

// examination is what the command line of trust says.
type examination struct {
	runs, controls, lanes, rate int
	seed                        uint64
	only                        string
	hold, past                  time.Duration
}

// trusted breaks services under load on purpose, as a person does it in Slack, and prints how the bot graded itself; beside that, as often,
// what is innocent, of which nothing may be raised. What experiments left is looked for on the node. It fails when a figure is not what is
// wanted: at once where nothing may be, such as a false incident; of shares and medians when there are enough to say (see goals).
func trusted(ctx context.Context, args []string, out io.Writer) error {
	f := flag.NewFlagSet("bench trust", flag.ContinueOnError)
	var x examination
	f.IntVar(&x.runs, "runs", 60, "experiments with a fault, the faults in turn")
	f.IntVar(&x.controls, "controls", -1, "what is innocent; by default as many as experiments")
	f.Uint64Var(&x.seed, "seed", 1, "of whom is hit, how hard, and in which order")
	f.StringVar(&x.only, "faults", "", "comma-separated `names` of the faults; default all")
	f.IntVar(&x.lanes, "lanes", 6, "shops of services, each with one experiment at a time; what is done to nodes has two lanes beside them")
	f.IntVar(&x.rate, "rate", 10, "requests a second to each shop")
	f.DurationVar(&x.hold, "hold", 150*time.Second, "how long faults that last are held at most; what was noticed and has a cause is stopped, as people do it")
	f.DurationVar(&x.past, "past", 14*time.Minute, "how long all is well before anything is tried: what is unusual is judged by what was usual, up to ten minutes before an alert")
	if err := parse(f, args); err != nil {
		return err
	}
	trials, err := x.trials()
	if err != nil {
		return err
	}
	rules, err := stand.BreakerRules()
	if err != nil {
		return err
	}
	r, leave, err := enter(ctx, "bench-trust", cluster.Config{KWOKNodes: 2, CrashLoopMax: 20 * time.Second, AuditLog: true}, func(c *stand.Config) {
		c.Parts, c.Interval, c.Breaking = stand.AllParts, 5*time.Second, rules
		c.EditBot = func(b *stand.BotConfig) { b.HoldDown = "15s" }
	})
	if err != nil {
		return err
	}
	return quietly(leave, func() error {
		if r.Cluster.Mode() != cluster.Node {
			return errors.New("experiments are done to real containers: run as root on Linux")
		}
		err := r.examine(ctx, x, trials, out)
		r.keep = err != nil
		return err
	})
}

// attempt is one experiment, or one innocent thing, in one shop.
type attempt struct {
	lane    int
	fault   engine.Fault // "" for what is done without an experiment
	control string       // the kind of what is innocent; "" for a fault
	command string       // after "/autopilot chaos"
	target  string       // Kind/name that something innocent is done to
	seed    uint64
}

func (t attempt) name() string { return cmp.Or(t.control, string(t.fault)) }

// breaks are the faults that are tried, in the order in which each comes up.
var breaks = slices.DeleteFunc(slices.Clone(engine.Faults), func(f engine.Fault) bool { return f == engine.FaultNothing })

// The innocent things, by how they are called in the figures.
const (
	controlNothing = "nothing"
	controlRollout = "rollout"
	controlScaling = "scaling"
	controlDrain   = "drain"
	controlSpot    = "spot loss"
)

var controls = []string{controlNothing, controlRollout, controlScaling, controlDrain, controlSpot}

// shop is the namespace of a lane, herd that of simulated pods whose node is drained.
func shop(lane int) string { return fmt.Sprintf("shop-%d", lane+1) }

const herd = "herd"

// trials are all that is tried, in an order that the seed gives.
func (x examination) trials() ([]attempt, error) {
	if x.controls < 0 {
		x.controls = x.runs
	}
	if x.runs < 0 || x.runs+x.controls < 1 || x.lanes < 1 || x.lanes > 6 || x.rate < 1 || x.hold < 5*time.Second || x.past < 0 {
		return nil, fmt.Errorf("runs %d, controls %d, lanes %d, rate %d, hold %s, past %s: want something to do, 1 to 6 lanes, 1 request a second or more, 5s or longer, and no time below 0",
			x.runs, x.controls, x.lanes, x.rate, x.hold, x.past)
	}
	faults := breaks
	if x.only != "" {
		faults = nil
		for name := range strings.SplitSeq(x.only, ",") {
			f := engine.Fault(strings.TrimSpace(name))
			if !slices.Contains(breaks, f) {
				return nil, fmt.Errorf("fault %q: want some of %v", f, breaks)
			}
			faults = append(faults, f)
		}
	}
	random := rand.New(rand.NewPCG(x.seed, 0))
	var all []attempt
	for k := range x.runs {
		all = append(all, x.breaking(faults[k%len(faults)], random))
	}
	for k := range x.controls {
		all = append(all, x.innocent(controls[k%len(controls)], random))
	}
	random.Shuffle(len(all), func(a, b int) { all[a], all[b] = all[b], all[a] })
	dealt := map[string]int{}
	for k := range all {
		all[k].lane = x.lane(all[k], dealt)
		all[k].command = strings.ReplaceAll(all[k].command, "$SHOP", shop(all[k].lane))
	}
	return all, nil
}

// yards are the lanes for what is done to nodes, behind those of the shops. The first has the herd.
const yards = 2

// lane deals out what is tried so that all lanes have as much of what takes long, and of the rest.
func (x examination) lane(t attempt, dealt map[string]int) int {
	next := func(kind string, lanes int) int {
		defer func() { dealt[kind]++ }()
		return dealt[kind] % lanes
	}
	switch {
	case t.fault == engine.FaultDrain:
		return x.lanes
	case t.control == controlDrain || t.control == controlSpot:
		return x.lanes + yards - 1 - next("yard", yards)
	case t.control == "" && t.fault.Lasts():
		return next("long", x.lanes)
	}
	return next("brief", x.lanes)
}

// breaking chooses whom a fault hits, and how hard.
func (x examination) breaking(f engine.Fault, random *rand.Rand) attempt {
	t := attempt{fault: f, seed: 1 + random.Uint64N(1<<31)}
	one := func(of ...string) string { return of[random.IntN(len(of))] }
	victim := one("gateway", "api", "payments", "store")
	held := " -duration " + x.hold.String()
	var rest string
	switch f {
	case engine.FaultKill, engine.FaultContainerKill:
		rest = "$SHOP/" + victim
	case engine.FaultCPU, engine.FaultMemory:
		rest = "$SHOP/" + victim + held
	case engine.FaultLag:
		rest = "$SHOP/" + victim + " -delay " + one("600ms", "800ms", "1s") + held
	case engine.FaultLoss:
		rest = "$SHOP/" + victim + " -loss " + one("40", "50", "60") + held
	case engine.FaultThrottle:
		rest = "$SHOP/" + victim + " -rate " + one("8kbit", "9kbit") + held
	case engine.FaultDNS:
		rest = "$SHOP/" + one("gateway", "api") + held // who asks nobody asks for no name
	case engine.FaultDrain:
		t.command = fmt.Sprintf("%s %s -seed %d", f, one("kwok-000", "kwok-001"), t.seed)
		return t
	case engine.FaultNothing: // a control: see innocent
	}
	t.command = fmt.Sprintf("%s %s -count 1 -seed %d", f, rest, t.seed)
	return t
}

func (x examination) innocent(kind string, random *rand.Rand) attempt {
	t := attempt{control: kind, target: scenario.Served[random.IntN(len(scenario.Served))], seed: 1 + random.Uint64N(1<<31)}
	if kind == controlNothing {
		_, name, _ := strings.Cut(t.target, "/")
		t.fault, t.command = engine.FaultNothing, fmt.Sprintf("%s $SHOP/%s -duration 30s -count 1 -seed %d", engine.FaultNothing, name, t.seed)
	}
	return t
}

// examine opens the shops, tries everything, and prints what came of it.
func (r *room) examine(ctx context.Context, x examination, trials []attempt, out io.Writer) error {
	if err := r.openShops(ctx, x); err != nil {
		return err
	}
	from := time.Now()
	looking, end := context.WithCancel(ctx)
	defer end()
	var taken theft
	go taken.watch(looking)
	results := make([]result, len(trials))
	var lanes errgroup.Group
	for lane := range x.lanes + yards {
		lanes.Go(func() error {
			for k, t := range trials {
				if t.lane != lane {
					continue
				}
				if err := taken.wait(ctx); err != nil {
					return err
				}
				results[k] = r.put(ctx, t, x.hold)
				if ctx.Err() != nil {
					return ctx.Err()
				}
				progress("%d of %d in lane %d: %s: %s", k+1, len(trials), lane+1, t.name(), results[k].line())
			}
			return nil
		})
	}
	if err := lanes.Wait(); err != nil {
		return err
	}
	progress("%s", &taken)
	return r.showTrust(ctx, results, from, out)
}

// openShops has services and their customers run in each lane, and simulated pods beside them, and waits until the bot has nothing to say.
func (r *room) openShops(ctx context.Context, x examination) error {
	if err := stand.ImportProgram(ctx, r.Cluster, "cmd/industry", scenario.IndustryImage); err != nil {
		return err
	}
	var opening errgroup.Group
	for lane := range x.lanes {
		opening.Go(func() error { return r.player.Begin(ctx, scenario.Services(shop(lane), stand.OptIn, x.rate)) })
	}
	opening.Go(func() error { return r.player.Begin(ctx, scenario.Herd(herd, stand.OptIn)) })
	if err := opening.Wait(); err != nil {
		return err
	}
	progress("the shops are open; nothing is tried for %s", x.past)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(x.past):
	}
	return r.peace(ctx, append(shops(x.lanes), herd)...)
}

func shops(lanes int) (all []string) {
	for lane := range lanes {
		all = append(all, shop(lane))
	}
	return all
}
