package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/chaos"
	"github.com/eks-autopilot/autopilot/engine/incident"
	"github.com/eks-autopilot/autopilot/handlers"
	"github.com/eks-autopilot/autopilot/store"
	"github.com/eks-autopilot/autopilot/store/storetest"
)

const chaosConfig = `clusters: [{name: prod, in_cluster: true, chaos: {kubeconfig: /etc/chaos}}]
slack: {channels: {incidents: "#incidents"}}
roles:
  - {name: breakers, members: [U0ANA, U0BEN], may: [view, chaos, chaos_stop], namespaces: [shop]}
  - {name: admin, members: [U0ANA], may: [pause, resume]}
chaos:
  enabled: true
  channel: "#chaos"
  agent_image: "agent:1"
`

var shopAPI = engine.Workload{Cluster: "prod", Namespace: "shop", Kind: "Deployment", Name: "api"}

// shop is a cluster with three pods of shop/api, which makes those anew that are taken away. Faults that last end like real ones do: at
// their deadline, on a word, and some time after nobody sends them beats.
type shop struct {
	mu      sync.Mutex
	pods    []chaos.Pod
	made    int
	faults  map[string]bool // by handle, those that are on
	hit     []string        // "kill api-1"
	away    error           // what the API server answers
	silence time.Duration
	wide    bool             // there is an edge too, which opted in, and a vault, which did not
	dead    bool             // whoever holds faults was killed: nobody ends what they began
	out     bool             // shop has opted out
	idle    int              // workloads of shop without pods
	by      engine.Mechanism // by which the API server would let it be done; "" for the first that is planned
	tried   []string         // namespaces of which a plan was rehearsed
	stuck   int              // so many looks at what is left find it, before it can be ended; nobody sees an end before that
}

func newShop() *shop {
	s := &shop{faults: map[string]bool{}, silence: 100 * time.Millisecond}
	for range 3 {
		s.make()
	}
	return s
}

func (s *shop) make() {
	s.made++
	name := fmt.Sprintf("api-%d", s.made)
	s.pods = append(s.pods, chaos.Pod{
		Workload: shopAPI, Ref: engine.ObjectRef{Kind: "Pod", Namespace: "shop", Name: name, UID: "uid-" + name}, Node: "n1", Ready: true,
		Containers: []chaos.Container{{Name: "app", CPU: 1, Memory: 1 << 28, Running: true}},
	})
}

func (s *shop) Field(context.Context, []string, string) (chaos.Field, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := chaos.Field{
		Cluster: "prod", At: time.Now(), Namespaces: []chaos.Namespace{{Name: "shop", OptedIn: !s.out}},
		Units: []chaos.Unit{{Workload: shopAPI, Desired: 3, Ready: len(s.pods)}}, Pods: slices.Clone(s.pods), Nodes: []chaos.Node{{Name: "n1", Ready: true}},
	}
	for k := range s.idle {
		w := engine.Workload{Cluster: "prod", Namespace: "shop", Kind: "Deployment", Name: fmt.Sprint("idle-", k)}
		f.Units = append([]chaos.Unit{{Workload: w}}, f.Units...)
	}
	if s.wide {
		for _, n := range []chaos.Namespace{{Name: "edge", OptedIn: true}, {Name: "vault"}} {
			w := engine.Workload{Cluster: "prod", Namespace: n.Name, Kind: "Deployment", Name: "web"}
			f.Namespaces, f.Units = append(f.Namespaces, n), append(f.Units, chaos.Unit{Workload: w, Desired: 2, Ready: 2})
			for k := range 2 {
				p := s.pods[0]
				p.Workload, p.Ref = w, engine.ObjectRef{Kind: "Pod", Namespace: n.Name, Name: fmt.Sprintf("%s-web-%d", n.Name, k), UID: fmt.Sprintf("uid-%s-%d", n.Name, k)}
				f.Pods = append(f.Pods, p)
			}
		}
	}
	return f, s.away
}

func (s *shop) Rehearse(_ context.Context, e engine.Experiment) (engine.Experiment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tried = append(s.tried, e.Namespaces()...)
	if s.by != "" {
		e.Strikes = slices.Clone(e.Strikes)
		for k := range e.Strikes {
			e.Strikes[k].Targets = slices.Clone(e.Strikes[k].Targets)
			for n := range e.Strikes[k].Targets {
				e.Strikes[k].Targets[n].Mechanism = s.by
			}
		}
	}
	return e, s.away
}

func (s *shop) Inject(ctx context.Context, strike engine.Strike, t engine.Victim, handle string, deadline time.Time, begun func()) engine.Blow {
	s.mu.Lock()
	s.hit = append(s.hit, string(strike.Fault)+" "+t.Object.Name)
	if strike.Fault == engine.FaultKill {
		s.pods = slices.DeleteFunc(s.pods, func(p chaos.Pod) bool { return p.Ref == t.Object })
		s.make()
		s.mu.Unlock()
		b := engine.Blow{Target: t, Handle: handle, Began: time.Now(), Clean: true, Outcome: "evicted"}
		begun()
		b.Ended = time.Now()
		return b
	}
	s.faults[handle] = true
	s.mu.Unlock()
	b := engine.Blow{Target: t, Handle: handle, Began: time.Now(), Clean: true}
	begun()
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		b.Outcome = "stopped"
	case <-timer.C:
		b.Outcome = "in time"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stuck > 0:
		b.Clean, b.Outcome = false, "its end could not be seen"
	case s.dead:
		time.AfterFunc(s.silence, func() { s.end(handle) })
	default:
		delete(s.faults, handle)
	}
	b.Ended = time.Now()
	return b
}

func (s *shop) end(handle string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.faults, handle)
}

func (s *shop) Left(_ context.Context, e engine.Experiment) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var left []string
	for _, b := range e.Blows {
		if s.faults[b.Handle] {
			left = append(left, b.Handle)
		}
	}
	if s.stuck > 0 && len(left) > 0 {
		if s.stuck--; s.stuck == 0 {
			clear(s.faults)
		}
	}
	return left, s.away
}

func (s *shop) Sweep(context.Context) error { return nil }

func (s *shop) hits() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.hit)
}

func (s *shop) on() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.faults)
}

func (s *shop) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// game is the bot without Slack, and the process that does experiments, on one database.
type game struct {
	t    *testing.T
	cfg  Config
	st   *store.Store
	h    *handlers.Handlers
	shop *shop
	m    *metrics
	out  written
	dead atomic.Bool   // the process: nothing of it reaches the database
	skew atomic.Int64  // of the clock, in nanoseconds
	dark time.Duration // how long a process holds a fault without seeing whether something is wrong; 0 for longer than any test
	n    int
}

func (g *game) now() time.Time { return time.Now().Add(time.Duration(g.skew.Load())) }

// mortal is the store to a process that can be killed.
type mortal struct {
	*store.Store
	dead *atomic.Bool
}

var errDead = engine.Errorf(engine.Unavailable, "the process is dead")

func (m mortal) RenewExperiment(ctx context.Context, id int64, holder string, ttl time.Duration) (engine.Experiment, error) {
	if m.dead.Load() {
		return engine.Experiment{}, errDead
	}
	return m.Store.RenewExperiment(ctx, id, holder, ttl)
}

func (m mortal) KeepBlow(ctx context.Context, id int64, holder string, b engine.Blow) (engine.Experiment, error) {
	if m.dead.Load() {
		return engine.Experiment{}, errDead
	}
	return m.Store.KeepBlow(ctx, id, holder, b)
}

func (m mortal) EndExperiment(ctx context.Context, e engine.Experiment, holder string) (engine.Experiment, error) {
	if m.dead.Load() {
		return engine.Experiment{}, errDead
	}
	return m.Store.EndExperiment(ctx, e, holder)
}

func (m mortal) LeaveExperiment(ctx context.Context, id int64, holder string, until time.Time) error {
	if m.dead.Load() {
		return errDead
	}
	return m.Store.LeaveExperiment(ctx, id, holder, until)
}

func (*game) Member(context.Context, string) (bool, error)     { return true, nil }
func (*game) Groups(context.Context, string) ([]string, error) { return nil, nil }

func newGame(t *testing.T, url, text string) *game {
	t.Helper()
	cfg, err := parseConfig("f", []byte(text))
	must(t, err)
	g := &game{t: t, cfg: cfg, shop: newShop(), m: newChaosMetrics()}
	log := slog.New(slog.DiscardHandler)
	rules := cfg.rules()
	o := store.Options{Rules: func() incident.Rules { return rules }, Now: g.now, Log: log}
	if url == "" {
		url = storetest.URL(t)
	}
	g.st = storetest.Open(t, url, o)
	must(t, g.st.ClusterStatus(t.Context(), "prod", time.Now().Add(24*time.Hour), "")) // the bot watches, whatever the skew
	g.h = &handlers.Handlers{
		Incidents: g.st, Decisions: g.st, Progress: g.st, Diagnoses: g.st, Signals: g.st, Groups: g,
		Chaos: asksForChaos(cfg, g.st), Policy: cfg.policy(), Rules: rules, Now: time.Now, Log: log,
	}
	return g
}

// process runs one that does experiments. stop has it end as a signal does, and waits.
func (g *game) process(name string, days ...handlers.GameDay) (stop func()) {
	b := &handlers.Breaking{
		Queue: mortal{g.st, &g.dead}, Witness: g.st, Rules: g.cfg.chaosRules(), GameDays: days, Holder: name, Now: g.now, Log: newLog(&g.out, slog.LevelInfo), Around: g.m.step,
		Clusters: []handlers.Broken{{Name: "prod", Injector: g.shop, Metrics: func(context.Context) error { return nil }, Calls: g.calls}},
		Patience: handlers.Patience{Hold: 2 * time.Second, Blind: time.Second, Dark: cmp.Or(g.dark, 5*time.Second), Gap: 50 * time.Millisecond, Left: 5 * time.Second, Again: 200 * time.Millisecond, Sweep: 50 * time.Millisecond},
	}
	ctx, cancel := context.WithCancel(g.t.Context())
	var done sync.WaitGroup
	done.Go(func() { b.Run(ctx) })
	stop = func() { cancel(); done.Wait() }
	g.t.Cleanup(stop)
	return stop
}

// shopDB is in another namespace, and called by shop/api alone.
var shopDB = engine.Workload{Cluster: "prod", Namespace: "data", Kind: "StatefulSet", Name: "db"}

func (*game) calls(_ context.Context, w engine.Workload) (map[engine.Workload][]engine.Workload, error) {
	if w == shopAPI {
		return map[engine.Workload][]engine.Workload{shopAPI: {shopDB}}, nil
	}
	return nil, nil
}

func (g *game) say(by, text string) (engine.Reply, error) {
	g.n++
	return g.h.Command(g.t.Context(), engine.Command{ID: fmt.Sprint("c", g.n), By: engine.Person{ID: by}, Text: text})
}

func (g *game) press(by string, a engine.Action, e engine.Experiment) error {
	g.n++
	_, err := g.h.Click(g.t.Context(), engine.Click{
		ID: fmt.Sprint("k", g.n), By: engine.Person{ID: by}, Action: string(a), Value: engine.ExperimentButton{Experiment: e.ID, Hash: e.Hash}.Value(),
	})
	return err
}

// wait waits until an experiment is as it should be.
func (g *game) wait(id int64, what string, ok func(engine.Experiment) bool) engine.Experiment {
	g.t.Helper()
	var e engine.Experiment
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		var err error
		if e, err = g.st.Experiment(g.t.Context(), id); err == nil && ok(e) {
			return e
		}
	}
	g.t.Fatalf("experiment %d is not %s: %s %s %s %q %+v", id, what, e.Status, e.Ending, e.Text, e.Refusals, e.Blows)
	return e
}

func is(s engine.ExperimentStatus) func(engine.Experiment) bool {
	return func(e engine.Experiment) bool { return e.Status == s }
}

// graded waits until an experiment is over, and on until it is graded, for which the clock goes on by itself.
func (g *game) graded(id int64) engine.Experiment {
	g.t.Helper()
	g.wait(id, "over", is(engine.ExperimentOver))
	g.skew.Add(int64(5 * time.Minute))
	return g.wait(id, "graded", func(e engine.Experiment) bool { return e.Grade != nil })
}

// plan asks for an experiment and gives its plan.
func (g *game) plan(id int64, text string) engine.Experiment {
	g.t.Helper()
	r, err := g.say("U0ANA", text)
	must(g.t, err)
	if !strings.Contains(r.Text, "is being planned") {
		g.t.Fatalf("%s: %q", text, r.Text)
	}
	e := g.wait(id, "planned", func(e engine.Experiment) bool { return e.Status != engine.ExperimentAsked })
	if e.Status != engine.ExperimentPlanned {
		g.t.Fatalf("%s is %s: %s %+v", text, e.Status, e.Text, e.Refusals)
	}
	return e
}

// began asks for a fault that lasts, confirms it, and waits until it is on.
func (g *game) began(id int64, text string) engine.Experiment {
	g.t.Helper()
	must(g.t, g.press("U0ANA", engine.ActionChaos, g.plan(id, text)))
	return g.wait(id, "begun", func(e engine.Experiment) bool {
		return len(e.Blows) > 0 && !slices.ContainsFunc(e.Blows, func(b engine.Blow) bool { return b.Began.IsZero() })
	})
}

func TestKillFromCommandToGrade(t *testing.T) {
	g := newGame(t, "", chaosConfig)
	stop := g.process("one")
	e := g.plan(1, "chaos kill shop/api -count 1")
	target := e.Strikes[0].Targets[0]
	if len(e.Strikes[0].Targets) != 1 || target.Mechanism != engine.ByEviction || len(e.Steady) == 0 || e.Hash == "" {
		t.Fatalf("plan %+v", e)
	}
	if hits := g.shop.hits(); len(hits) > 0 {
		t.Fatalf("hit before anybody confirmed: %v", hits)
	}
	must(t, g.press("U0BEN", engine.ActionChaos, e))
	e = g.graded(1)
	if hits := g.shop.hits(); len(hits) != 1 || hits[0] != "kill "+target.Object.Name {
		t.Errorf("hit %v, want %s alone", hits, target.Object.Name)
	}
	if e.Ending != engine.EndedInTime || len(e.Blows) != 1 || !e.Blows[0].Clean || !e.Grade.Recovered {
		t.Errorf("%s %q %+v %+v", e.Ending, e.Text, e.Blows, e.Grade)
	}
	if err := g.press("U0ANA", engine.ActionChaos, e); engine.CodeOf(err) != engine.Conflict {
		t.Errorf("confirmed when it is over: %v", err)
	}
	rows, err := g.st.Audit(t.Context(), "experiment/1", 0)
	must(t, err)
	var did []string
	for _, r := range rows {
		did = append(did, string(r.Action))
	}
	if want := []string{"chaos", "chaos_over", "chaos_begun", "chaos", "chaos"}; !slices.Equal(did, want) { // newest first; the first is the late yes
		t.Errorf("the audit log says %v, want %v", did, want)
	}
	must(t, g.st.VerifyAudit(t.Context()))

	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) { // that a step is done is in the store before it is counted
		page := pageOf(g.m)
		lacks := slices.DeleteFunc([]string{
			`autopilot_task_duration_seconds_count{kind="experiment_plan",outcome="done"} 1`, `autopilot_task_duration_seconds_count{kind="experiment_run",outcome="done"} 1`,
			`autopilot_task_duration_seconds_count{kind="experiment_grade",outcome="done"}`, `autopilot_experiments_held{step="run"} 0`,
		}, func(want string) bool { return strings.Contains(page, want) })
		if len(lacks) == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the metrics lack %s", lacks)
		}
	}
	stop()
	if line := g.out.lines(t)["experiment taken"]; line["id"] != "experiment/1" {
		t.Errorf("the line is about %v", line)
	}
}

func TestStopEndsWhatLasts(t *testing.T) {
	g := newGame(t, "", chaosConfig)
	g.process("one")
	e := g.began(1, "chaos network-lag shop/api -delay 200ms -duration 5m")
	if g.shop.on() != 1 {
		t.Fatalf("%d faults are on, want 1", g.shop.on())
	}
	began := time.Now()
	must(t, g.press("U0BEN", engine.ActionChaosStop, engine.Experiment{ID: e.ID}))
	e = g.wait(1, "over", is(engine.ExperimentOver))
	if e.Ending != engine.EndedByHand || e.StopBy.ID != "U0BEN" || g.shop.on() != 0 || !e.Blows[0].Clean {
		t.Errorf("after %s: %s by %s, %d on, %+v", time.Since(began), e.Ending, e.StopBy.ID, g.shop.on(), e.Blows)
	}

	e = g.began(2, "chaos network-lag shop/api -duration 5m")
	_, err := g.say("U0ANA", "pause for a while")
	must(t, err)
	e = g.wait(e.ID, "over", is(engine.ExperimentOver))
	if !strings.Contains(e.Text, "paused") || g.shop.on() != 0 {
		t.Errorf("paused: %q, %d on", e.Text, g.shop.on())
	}
}

// TestTheProcessDies has the one that holds a fault be killed: another takes the experiment, waits for the fault to end, and it is graded.
func TestTheProcessDies(t *testing.T) {
	g := newGame(t, "", chaosConfig)
	killed := g.process("killed")
	e := g.began(1, "chaos network-lag shop/api -duration 5m")
	g.shop.set(func() { g.shop.dead = true })
	// A killed process keeps nothing of what it still comes to know.
	g.dead.Store(true)
	killed()
	g.dead.Store(false)
	g.process("next")
	e = g.graded(e.ID)
	if e.Ending != engine.EndedByDeath || g.shop.on() != 0 || !e.Blows[0].Clean {
		t.Errorf("%s %q, %d on, %+v", e.Ending, e.Text, g.shop.on(), e.Blows)
	}
}

// TestTheProcessDiesAndNobodyCanSee has the rights taken away before anybody looked for what a dead process left: it is over by then, and not
// called clean, and what is left is looked for again.
func TestTheProcessDiesAndNobodyCanSee(t *testing.T) {
	g := newGame(t, "", chaosConfig)
	killed := g.process("killed")
	e := g.began(1, "chaos network-lag shop/api -duration 5s")
	g.shop.set(func() { g.shop.dead, g.shop.away = true, engine.Errorf(engine.Forbidden, "we may not exec") })
	g.dead.Store(true)
	killed()
	g.dead.Store(false)
	g.process("next")
	if e = g.wait(e.ID, "over", is(engine.ExperimentOver)); e.Ending != engine.EndedByDeath || e.Blows[0].Clean || !strings.Contains(e.Text, "could not be seen: we may not exec") {
		t.Errorf("%s %q, %+v", e.Ending, e.Text, e.Blows)
	}
}

// TestNobodySees ends a fault when it cannot be told any more whether something is wrong, and when the namespace has opted out.
func TestNobodySees(t *testing.T) {
	for name, c := range map[string]struct {
		change func(s *shop)
		want   string
	}{
		"the API server does not answer": {func(s *shop) { s.away = engine.Errorf(engine.Unavailable, "connection refused") }, "nobody could see whether something is wrong: connection refused"},
		"opted out":                      {func(s *shop) { s.out = true }, "shop has opted out"},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGame(t, "", chaosConfig)
			g.dark = 300 * time.Millisecond
			g.process("one")
			e := g.began(1, "chaos network-lag shop/api -duration 5m")
			g.shop.set(func() { c.change(g.shop) })
			if e = g.wait(e.ID, "over", is(engine.ExperimentOver)); e.Ending != engine.EndedByAlarm || !strings.Contains(e.Text, c.want) || g.shop.on() != 0 {
				t.Errorf("%s %q, %d on", e.Ending, e.Text, g.shop.on())
			}
		})
	}
}

// TestWhatIsLeftIsEnded has a fault whose end could not be seen when its time was over: it is looked for until it is gone, also by a process
// that starts later.
func TestWhatIsLeftIsEnded(t *testing.T) {
	g := newGame(t, "", chaosConfig)
	g.shop.set(func() { g.shop.stuck = 3 })
	stop := g.process("one")
	e := g.began(1, "chaos network-lag shop/api -duration 5s")
	stop() // before that, the fault is on and nobody sees its end
	if e = g.wait(e.ID, "over", is(engine.ExperimentOver)); e.Blows[0].Clean || g.shop.on() != 1 {
		t.Fatalf("%+v, %d on", e.Blows, g.shop.on())
	}
	g.process("two")
	for deadline := time.Now().Add(time.Minute); g.shop.on() > 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the fault is still on, and nobody looks for it")
		}
	}
}

// TestTheWorldChangedSinceTheYes confirms a plan whose pods are gone by now: it is looked at again, and nothing is hit.
func TestTheWorldChangedSinceTheYes(t *testing.T) {
	g := newGame(t, "", chaosConfig)
	stop := g.process("one")
	e := g.plan(1, "chaos kill shop/api")
	stop()
	must(t, g.press("U0BEN", engine.ActionChaos, e))
	g.shop.set(func() {
		g.shop.pods = g.shop.pods[:1] // and nothing makes them anew
	})
	g.process("two")
	e = g.wait(1, "refused", is(engine.ExperimentRefused))
	if len(e.Refusals) == 0 || len(g.shop.hits()) > 0 {
		t.Errorf("%+v, hit %v", e.Refusals, g.shop.hits())
	}
}

// TestAnotherMechanismThanWasShown confirms an eviction that would be a deletion by now: nobody said yes to that.
func TestAnotherMechanismThanWasShown(t *testing.T) {
	g := newGame(t, "", chaosConfig)
	g.process("one")
	e := g.plan(1, "chaos kill shop/api")
	g.shop.set(func() { g.shop.by = engine.ByExec })
	must(t, g.press("U0BEN", engine.ActionChaos, e))
	e = g.wait(1, "refused", is(engine.ExperimentRefused))
	if !strings.Contains(e.Text, "was shown as by eviction, and would be by exec now") || len(g.shop.hits()) > 0 {
		t.Errorf("%q, hit %v", e.Text, g.shop.hits())
	}
}

// TestNobodyWatches asks for an experiment where the bot does not look, and where what is called is not well: neither is planned.
func TestNobodyWatches(t *testing.T) {
	g := newGame(t, "", chaosConfig)
	g.shop.set(func() { g.shop.idle = 30 })
	g.process("one")
	refused := func(id int64, what string) {
		t.Helper()
		_, err := g.say("U0ANA", "chaos kill shop")
		must(t, err)
		e := g.wait(id, "refused", is(engine.ExperimentRefused))
		if !strings.Contains(fmt.Sprint(e.Refusals), what) {
			t.Errorf("experiment %d: %+v, want %q", id, e.Refusals, what)
		}
	}
	must(t, g.st.Observe(t.Context(), engine.Observation{
		Workload: shopDB, Source: engine.SourceWatch, Complete: true, At: time.Now(),
		Signals: []engine.Signal{{Workload: shopDB, Source: engine.SourceWatch, Class: engine.ClassCrashLoop, Severity: engine.Critical, StartsAt: time.Now(), Summary: "crashes"}},
	}))
	refused(1, "is open")
	g.skew.Store(int64(25 * time.Hour))
	refused(2, "the bot does not look at the cluster")
}

// TestGameDay comes once each time, whatever runs, and begins by itself only where the configuration says so.
func TestGameDay(t *testing.T) {
	g := newGame(t, "", chaosConfig+`  game_days: [{name: often, schedule: "* * * * *", cluster: prod, command: "kill shop/api", confirmed: true}]`)
	days := g.cfg.gameDays()
	if len(days) != 1 {
		t.Fatalf("game days %+v", days)
	}
	at := time.Now().Add(-time.Minute)
	days[0].Next = func(after time.Time) time.Time { // once
		if after.Before(at) {
			return at
		}
		return time.Time{}
	}
	g.process("one", days...)
	g.process("two", days...)
	e := g.graded(1)
	if e.Schedule != "game day often" || !e.By.IsZero() || len(g.shop.hits()) != 1 {
		t.Errorf("%q by %v, hit %v", e.Schedule, e.By, g.shop.hits())
	}
	list, err := g.st.Experiments(t.Context(), engine.ExperimentFilter{})
	must(t, err)
	if len(list) != 1 {
		t.Errorf("%d experiments, want one", len(list))
	}
}

// TestTheDatabaseIsGone has what cannot renew its hold end its faults, and be told how it ended when the database is back.
func TestTheDatabaseIsGone(t *testing.T) {
	server, err := storetest.StartServer(t.Context(), t.TempDir())
	must(t, err)
	t.Cleanup(func() { _ = server.Stop(context.Background()) })
	must(t, server.CreateDatabase(t.Context(), "chaos"))
	url := server.URL("chaos")
	must(t, store.Migrate(t.Context(), url))
	g := newGame(t, url, chaosConfig)
	g.process("one")
	e := g.began(1, "chaos network-lag shop/api -duration 5m")
	must(t, server.Stop(t.Context()))
	for deadline := time.Now().Add(time.Minute); g.shop.on() > 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the fault is still on, and nobody could stop it")
		}
	}
	must(t, server.Start(t.Context()))
	e = g.wait(e.ID, "over", is(engine.ExperimentOver))
	if e.Ending != engine.EndedByFault && e.Ending != engine.EndedByDeath {
		t.Errorf("%s %q", e.Ending, e.Text)
	}
}
