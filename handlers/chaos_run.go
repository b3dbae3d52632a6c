package handlers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/chaos"
)

// ExperimentQueue gives the process that does experiments the next that needs something, and keeps what comes of it. What is kept must
// come from the holder of the lease: it fails with Conflict otherwise.
type ExperimentQueue interface {
	ExperimentBook
	LeaseExperiment(ctx context.Context, clusters []string, holder string, ttl time.Duration) (e engine.Experiment, ok bool, err error)
	RenewExperiment(ctx context.Context, id int64, holder string, ttl time.Duration) (engine.Experiment, error)
	PlanExperiment(ctx context.Context, plan engine.Experiment, holder string) (engine.Experiment, error)
	BeginExperiment(ctx context.Context, look engine.Experiment, holder string, atMost int) (engine.Experiment, error)
	KeepBlow(ctx context.Context, id int64, holder string, b engine.Blow) (engine.Experiment, error)
	EndExperiment(ctx context.Context, over engine.Experiment, holder string) (engine.Experiment, error)
	GradeExperiment(ctx context.Context, id int64, holder string, g engine.Grade) (engine.Experiment, error)
	LeaveExperiment(ctx context.Context, id int64, holder string, until time.Time) error
	ExpireExperiments(ctx context.Context) error
	SawChaosWorker(ctx context.Context, clusters []string, holder string) error
	Paused(ctx context.Context) (engine.Pause, error)
	Wake(ctx context.Context) <-chan struct{}
}

// Witness tells what the bot noticed.
type Witness interface {
	Incident(ctx context.Context, id int64) (engine.Incident, error)
	Incidents(ctx context.Context, f engine.IncidentFilter) ([]engine.Incident, error)
	FiringAlerts(ctx context.Context, cluster string) ([]engine.Signal, error)
	Overview(ctx context.Context) (engine.Overview, error)
}

// Broken is a cluster in which experiments are done.
type Broken struct {
	Name     string
	Injector chaos.Injector
	Metrics  func(ctx context.Context) error // asks Prometheus something trivial; nil where there is none
	// Calls tells whom the neighbours of a workload depend on, as far as is known.
	Calls func(ctx context.Context, w engine.Workload) (map[engine.Workload][]engine.Workload, error)
}

// Breaking does experiments: it plans what is asked for, does what is confirmed, ends what another process left, and grades what is over.
// Only the process with the account for it runs one.
type Breaking struct {
	Queue    ExperimentQueue
	Witness  Witness
	Clusters []Broken
	Rules    chaos.Rules
	GameDays []GameDay
	Holder   string // this process's name
	Patience Patience
	Now      func() time.Time
	Log      *slog.Logger
	// Around does a step of an experiment (plan, run, end, grade), and measures it; nil: nobody does.
	Around func(ctx context.Context, step string, do func(context.Context) error) error

	leases int // that were taken; each has a holder of its own
	asked  map[string]time.Time
}

const (
	chaosSeen   = 5 * time.Second // between two signs of life
	chaosExpire = 30 * time.Second
	chaosAtOnce = 24 // experiments that this process holds

	planFor  = time.Minute
	keepFor  = 5 * time.Second  // for keeping what came of a blow, before it is left to the end of the experiment
	gradeFor = 10 * time.Minute // after which an experiment is graded though nobody can say whether all is well
)

// Patience is how long things are waited for; zero fields mean what is written beside them.
type Patience struct {
	Hold  time.Duration // 20 s: how long an experiment is held without a word of its process; longer than Blind
	Blind time.Duration // 10 s: without an answer of the database, after which faults end: nobody could stop them
	Dark  time.Duration // 30 s: without a whole look at what fires, after which faults end: nobody could see what they do
	Gap   time.Duration // 2 s: between two looks at what fires, and at whether all is well again
	Left  time.Duration // 90 s: for the faults of a process that died to end
	Again time.Duration // 15 s: before what failed is tried again
	Sweep time.Duration // 1 m: between two looks at what is left
}

func (p Patience) withDefaults() Patience {
	return Patience{
		Hold: cmp.Or(p.Hold, 20*time.Second), Blind: cmp.Or(p.Blind, 10*time.Second), Dark: cmp.Or(p.Dark, 30*time.Second), Gap: cmp.Or(p.Gap, 2*time.Second),
		Left: cmp.Or(p.Left, 90*time.Second), Again: cmp.Or(p.Again, 15*time.Second), Sweep: cmp.Or(p.Sweep, time.Minute),
	}
}

// Why a run ends before its time.
var (
	errStopped = errors.New("stopped")
	errLost    = errors.New("another process holds it")
	errBlind   = errors.New("the database did not answer for so long that nobody could have stopped it")
)

// alarmed is that something fired which ends an experiment.
type alarmed struct{ why string }

func (a alarmed) Error() string { return a.why }

// Run does experiments until ctx ends; then what runs is ended first.
func (b *Breaking) Run(ctx context.Context) {
	b.Patience = b.Patience.withDefaults()
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { b.sweeps(ctx) })
	slots := make(chan struct{}, chaosAtOnce)
	wake := b.Queue.Wake(ctx)
	var seen, expired time.Time
	for ctx.Err() == nil {
		now := b.Now()
		if now.Sub(seen) >= chaosSeen {
			seen = now
			b.complain(ctx, "sign of life not kept", b.Queue.SawChaosWorker(ctx, b.names(), b.Holder))
		}
		if now.Sub(expired) >= chaosExpire {
			expired = now
			b.complain(ctx, "plans not expired", b.Queue.ExpireExperiments(ctx))
		}
		b.gameDays(ctx, now)
		for ctx.Err() == nil && b.next(ctx, slots, &all) {
		}
		select {
		case <-ctx.Done():
		case _, open := <-wake:
			if !open {
				return
			}
		}
	}
}

// next takes an experiment that needs something, if there is one and a slot is free for it.
func (b *Breaking) next(ctx context.Context, slots chan struct{}, all *sync.WaitGroup) bool {
	select {
	case slots <- struct{}{}:
	default:
		return false
	}
	b.leases++
	holder := fmt.Sprintf("%s/%d", b.Holder, b.leases)
	e, ok, err := b.Queue.LeaseExperiment(ctx, b.names(), holder, b.Patience.Hold)
	if err != nil || !ok {
		<-slots
		b.complain(ctx, "no experiment leased", err)
		return false
	}
	all.Go(func() {
		defer func() { <-slots }()
		b.take(ctx, e, holder)
	})
	return true
}

func (b *Breaking) names() []string {
	var names []string
	for _, c := range b.Clusters {
		names = append(names, c.Name)
	}
	return names
}

func (b *Breaking) cluster(name string) Broken {
	return b.Clusters[slices.IndexFunc(b.Clusters, func(c Broken) bool { return c.Name == name })]
}

func (b *Breaking) complain(ctx context.Context, what string, err error) {
	if err != nil && ctx.Err() == nil {
		b.Log.WarnContext(ctx, what, "error", err)
	}
}

// take does what an experiment needs next. What failed because something did not answer is tried again.
func (b *Breaking) take(ctx context.Context, e engine.Experiment, holder string) {
	ctx = engine.WithID(ctx, engine.MessageTrail(engine.ExperimentKey(e.ID)))
	log := b.Log.With("experiment", e.ID, "status", e.Status)
	log.InfoContext(ctx, "experiment taken")
	around := b.Around
	if around == nil {
		around = func(ctx context.Context, _ string, do func(context.Context) error) error { return do(ctx) }
	}
	step, do := b.step(e, holder)
	err := around(ctx, step, func(ctx context.Context) error { return b.holding(ctx, e, holder, do) })
	if err == nil {
		return
	}
	if engine.CodeOf(err) == engine.Conflict {
		log.InfoContext(ctx, "experiment went on without this process", "error", err)
		return
	}
	log.WarnContext(ctx, "experiment put off", "error", err)
	left, stop := context.WithTimeout(context.WithoutCancel(ctx), keepFor)
	defer stop()
	b.complain(ctx, "experiment not left", b.Queue.LeaveExperiment(left, e.ID, holder, b.Now().Add(b.Patience.Again)))
}

// step is what an experiment needs next, and its name. What it does ends with held, but for what must be brought to its end.
func (b *Breaking) step(e engine.Experiment, holder string) (name string, do func(ctx, held context.Context) error) {
	c := b.cluster(e.Cluster)
	switch e.Status {
	case engine.ExperimentAsked:
		return "plan", func(_, held context.Context) error { return b.plan(held, c, e, holder) }
	case engine.ExperimentConfirmed:
		return "run", func(ctx, held context.Context) error { return b.begin(ctx, held, c, e, holder) }
	case engine.ExperimentRunning:
		return "end", func(_, held context.Context) error { return b.adopt(held, c, e, holder) }
	case engine.ExperimentOver:
		return "grade", func(_, held context.Context) error { return b.grade(held, c, e, holder) }
	case engine.ExperimentPlanned, engine.ExperimentRefused: // nothing is to be done about these
	}
	return "nothing", func(context.Context, context.Context) error { return nil }
}

// holding renews the lease for as long as something is done.
func (b *Breaking) holding(ctx context.Context, e engine.Experiment, holder string, do func(ctx, held context.Context) error) error {
	held, cancel := context.WithCancelCause(ctx)
	var renewing sync.WaitGroup
	defer renewing.Wait()
	defer cancel(nil)
	renewing.Go(func() { b.hold(held, e, holder, cancel) })
	return do(ctx, held)
}

// hold renews a lease each second, sooner when something was written, and ends the work when somebody wants it stopped, when
// another process has it, and when for too long nobody could say so. What ends already is not stopped again.
func (b *Breaking) hold(ctx context.Context, taken engine.Experiment, holder string, end context.CancelCauseFunc) {
	wake := b.Queue.Wake(ctx)
	heard := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case _, open := <-wake:
			if !open {
				return
			}
		}
		asking, cancel := context.WithTimeout(ctx, max(b.Patience.Blind-time.Since(heard), time.Millisecond))
		e, err := b.Queue.RenewExperiment(asking, taken.ID, holder, b.Patience.Hold)
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case engine.CodeOf(err) == engine.Conflict:
			end(errLost)
			return
		case err != nil && time.Since(heard) >= b.Patience.Blind:
			end(errBlind)
			return
		case err == nil:
			heard = time.Now()
			if !e.StopAt.IsZero() && taken.Status == engine.ExperimentConfirmed {
				end(errStopped)
			}
		}
	}
}

// field is what is known of the cluster now that matters to whether an experiment may begin, but for whom its targets depend on.
func (b *Breaking) field(ctx context.Context, c Broken, e engine.Experiment) (chaos.Field, error) {
	f, err := b.look(ctx, c, e)
	if err != nil {
		return f, err
	}
	if f.Experiments, err = b.Queue.Experiments(ctx, engine.ExperimentFilter{Cluster: c.Name, Since: b.Now().Add(-24 * time.Hour), Limit: 1000}); err != nil {
		return f, err
	}
	f.Experiments = slices.DeleteFunc(f.Experiments, func(o engine.Experiment) bool { return o.ID == e.ID })
	f.Unwatched, err = b.unwatched(ctx, c.Name)
	return f, err
}

// watchGone is how long ago the bot may have looked at a cluster, whose alerts and incidents are then still known.
const watchGone = time.Minute

// unwatched says why the bot knows nothing of a cluster now; "" when it watches.
func (b *Breaking) unwatched(ctx context.Context, cluster string) (string, error) {
	o, err := b.Witness.Overview(ctx)
	if err != nil {
		return "", err
	}
	k := slices.IndexFunc(o.Clusters, func(c engine.ClusterState) bool { return c.Name == cluster })
	if k < 0 || o.Clusters[k].SyncedAt.IsZero() {
		return "it never did; `autopilot serve` must run, with " + cluster + " in its configuration", nil
	}
	if ago := b.Now().Sub(o.Clusters[k].SyncedAt); ago > watchGone {
		return strings.TrimSuffix(fmt.Sprintf("what it knows is %s old: %s", ago.Round(time.Second), o.Clusters[k].Error), ": "), nil
	}
	return "", nil
}

// look is how the cluster is now, as far as an experiment that runs must know.
func (b *Breaking) look(ctx context.Context, c Broken, e engine.Experiment) (chaos.Field, error) {
	var namespaces []string
	node, everywhere := "", false
	for _, s := range e.Strikes {
		switch {
		case s.Node != "":
			node = s.Node
		case s.Namespace == "":
			everywhere = true
		}
	}
	if !everywhere {
		namespaces = e.Namespaces()
	}
	f, err := c.Injector.Field(ctx, namespaces, node)
	if err != nil {
		return f, err
	}
	if err := b.hear(ctx, c, &f); err != nil {
		return f, err
	}
	f.NoMetrics = "none is configured for this cluster"
	if c.Metrics != nil {
		f.NoMetrics = ""
		if err := c.Metrics(ctx); err != nil {
			f.NoMetrics = engine.UserMessage(err, "-")
		}
	}
	return f, nil
}

// hear fills in what is wrong now.
func (b *Breaking) hear(ctx context.Context, c Broken, f *chaos.Field) (err error) {
	if f.Alerts, err = b.Witness.FiringAlerts(ctx, c.Name); err != nil {
		return err
	}
	f.Incidents, err = b.Witness.Incidents(ctx, engine.IncidentFilter{Cluster: c.Name, Limit: 500})
	return err
}

// calls puts together whom the workloads that are hit depend on. It fails when that cannot be read, for then nobody knows whether they are
// well; that a workload is gone is no reason not to plan.
func (b *Breaking) calls(ctx context.Context, c Broken, e engine.Experiment) (map[engine.Workload][]engine.Workload, error) {
	calls := map[engine.Workload][]engine.Workload{}
	if c.Calls == nil {
		return calls, nil
	}
	for _, hit := range hitBy(e) {
		found, err := c.Calls(ctx, hit)
		if engine.CodeOf(err) == engine.NotFound {
			b.complain(ctx, "callees are not known", err)
			continue
		}
		if err != nil {
			return nil, err
		}
		for from, to := range found {
			for _, w := range to {
				if !slices.Contains(calls[from], w) {
					calls[from] = append(calls[from], w)
				}
			}
		}
	}
	return calls, nil
}

// hitBy lists the workloads of an experiment's targets, each once.
func hitBy(e engine.Experiment) []engine.Workload {
	var all []engine.Workload
	for _, s := range e.Strikes {
		for _, t := range s.Targets {
			if t.Workload.Kind != engine.KindNode && !slices.Contains(all, t.Workload) {
				all = append(all, t.Workload)
			}
		}
	}
	return all
}

// plan makes a plan of a wish, has the API server try it, and shows it. What cannot be planned is refused with the reason.
func (b *Breaking) plan(ctx context.Context, c Broken, e engine.Experiment, holder string) error {
	ctx, cancel := context.WithTimeout(ctx, planFor)
	defer cancel()
	f, err := b.field(ctx, c, e)
	if err != nil {
		return err
	}
	drafted, err := chaos.Draft(requestOf(e), f, b.Rules, e.ID)
	if err == nil {
		// Whom the targets depend on changes no target, but what is expected, and what keeps it from beginning.
		if f.Calls, err = b.calls(ctx, c, drafted); err == nil {
			drafted, err = chaos.Draft(requestOf(e), f, b.Rules, e.ID)
		}
	}
	if err == nil {
		drafted = inherit(drafted, e)
	}
	if err == nil && !chaos.Untouched(drafted, f, b.Rules) {
		drafted, err = c.Injector.Rehearse(ctx, drafted)
	}
	if err == nil {
		e = chaos.Seal(drafted, f, b.Rules)
	} else if code := engine.CodeOf(err); code == engine.Unavailable || code == engine.Internal {
		return err
	} else {
		e.Text, e.Refusals = engine.UserMessage(err, fmt.Sprint(e.ID)), nil
	}
	planned, err := b.Queue.PlanExperiment(ctx, e, holder)
	if err != nil {
		return err
	}
	return b.confirmGameDay(ctx, planned)
}

// requestOf is the wish of an experiment that was asked for. A strike that names no place is one in all of them.
func requestOf(e engine.Experiment) chaos.Request {
	q := chaos.Request{Cluster: e.Cluster, Strikes: e.Strikes, Expect: e.Expect, StopOn: e.StopOn, Seed: e.Seed, Command: e.Command}
	q.Everywhere = slices.ContainsFunc(e.Strikes, func(s engine.Strike) bool { return s.Namespace == "" && s.Node == "" })
	return q
}

// inherit gives a plan what was known of its experiment before.
func inherit(plan, e engine.Experiment) engine.Experiment {
	plan.ID, plan.By, plan.AskedAt, plan.Channel, plan.Schedule, plan.Version = e.ID, e.By, e.AskedAt, e.Channel, e.Schedule, e.Version
	if e.Title != "" { // by the one who asked
		plan.Title = e.Title
	}
	return plan
}
