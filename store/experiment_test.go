package store_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
)

const leaseFor = 10 * time.Second

var prod = []string{"prod"}

// kill is a wish to kill pods of payments/api.
func kill(namespace string) engine.Experiment {
	return engine.Experiment{
		Cluster: "prod", Channel: "#chaos", Command: "kill " + namespace + "/api", Seed: 7,
		Strikes: []engine.Strike{{Fault: engine.FaultKill, Namespace: namespace, Workload: "api", Count: 1}},
	}
}

func (w *world) wish(id string, by engine.Person, e engine.Experiment) engine.Experiment {
	w.t.Helper()
	e, err := w.AskExperiment(w.t.Context(), engine.Decision{ID: id, Action: engine.ActionChaos, By: by, At: w.now(), Allowed: true, Role: "breakers"}, e, time.Time{})
	w.must(err)
	return e
}

// lease takes what needs something next, which must be this experiment.
func (w *world) lease(holder string, want int64) engine.Experiment {
	w.t.Helper()
	e, ok, err := w.LeaseExperiment(w.t.Context(), prod, holder, leaseFor)
	w.must(err)
	if !ok || e.ID != want {
		w.t.Fatalf("%s leased experiment %d (%v), want %d", holder, e.ID, ok, want)
	}
	return e
}

// resting makes sure that nothing waits for a process.
func (w *world) resting() {
	w.t.Helper()
	if e, ok, err := w.LeaseExperiment(w.t.Context(), prod, "idle", leaseFor); ok || err != nil {
		w.t.Fatalf("leased %d (%s) with error %v, want nothing", e.ID, e.Status, err)
	}
}

func victim(namespace, pod string) engine.Victim {
	return engine.Victim{
		Workload: engine.Workload{Cluster: "prod", Namespace: namespace, Kind: "Deployment", Name: "api"}, Node: "n1", Mechanism: engine.ByEviction,
		Object: engine.ObjectRef{Kind: "Pod", Namespace: namespace, Name: pod, UID: "uid-" + pod},
	}
}

// plan is what the process makes of a wish.
func (w *world) plan(e engine.Experiment, holder string) engine.Experiment {
	w.t.Helper()
	e.Title, e.Hash, e.Need, e.Expires = "kill 1 pod of "+e.Strikes[0].Namespace+"/api", fmt.Sprintf("hash-%d", e.ID), engine.ApprovalNeed{People: 1}, w.now().Add(15*time.Minute)
	e.Steady = []engine.Steadiness{{Text: "3 of 3 ready", OK: true}}
	e.Strikes[0].Targets = []engine.Victim{victim(e.Strikes[0].Namespace, "api-1")}
	planned, err := w.PlanExperiment(w.t.Context(), e, holder)
	w.must(err)
	return planned
}

func (w *world) confirm(id string, by engine.Person, e engine.Experiment) (engine.Experiment, error) {
	return w.ConfirmExperiment(w.t.Context(), engine.Decision{
		ID: id, Action: engine.ActionChaos, By: by, At: w.now(), Allowed: true, Hash: e.Hash, ExperimentID: e.ID, Role: "breakers",
	})
}

// running brings an experiment of a namespace to where its faults are.
func (w *world) running(namespace string) engine.Experiment {
	w.t.Helper()
	e := w.wish("ask-"+namespace, ada, kill(namespace))
	e = w.plan(w.lease("p-"+namespace, e.ID), "p-"+namespace)
	_, err := w.confirm("yes-"+namespace, ada, e)
	w.must(err)
	e = w.lease("r-"+namespace, e.ID)
	e.EndsAt = w.now().Add(time.Minute)
	e, err = w.BeginExperiment(w.t.Context(), e, "r-"+namespace, 3)
	w.must(err)
	if e.Status != engine.ExperimentRunning {
		w.t.Fatalf("experiment %d is %s, want running: %v", e.ID, e.Status, e.Refusals)
	}
	return e
}

func (w *world) experiment(id int64) engine.Experiment {
	w.t.Helper()
	e, err := w.Experiment(w.t.Context(), id)
	w.must(err)
	return e
}

func TestExperimentFromWishToGrade(t *testing.T) {
	w := newWorld(t)
	w.resting()
	asked := w.wish("ask", ada, kill("shop"))
	equal(t, "asked", []any{asked.ID, asked.Status, asked.By, asked.AskedAt, asked.Version}, []any{int64(1), engine.ExperimentAsked, ada, w.now().Truncate(time.Microsecond), int64(1)})
	equal(t, "card", w.sql(`SELECT key, kind, subject, channel, wanted FROM messages`), "experiment/1/card experiment 1 #chaos 1")

	planned := w.plan(w.lease("p", 1), "p")
	equal(t, "planned", planned.Status, engine.ExperimentPlanned)
	w.resting() // it waits for a person
	confirmed, err := w.confirm("yes", grace, planned)
	w.must(err)
	equal(t, "confirmed", []any{confirmed.Status, confirmed.Approvals}, []any{
		engine.ExperimentConfirmed, []engine.Approval{{By: grace, At: w.now().Truncate(time.Microsecond), Hash: "hash-1", Role: "breakers"}},
	})

	look := w.lease("r", 1)
	look.EndsAt = w.now().Add(time.Minute)
	e, err := w.BeginExperiment(t.Context(), look, "r", 1)
	w.must(err)
	equal(t, "begun", []any{e.Status, e.StartedAt}, []any{engine.ExperimentRunning, w.now().Truncate(time.Microsecond)})
	blow := engine.Blow{Strike: 0, Target: victim("shop", "api-1"), Handle: "autopilot-1-0"}
	_, err = w.KeepBlow(t.Context(), 1, "r", blow)
	w.must(err)
	blow.Began = w.now().UTC()
	w.pass(time.Second)
	blow.Ended, blow.Clean, blow.Outcome = w.now(), true, "evicted"
	e, err = w.KeepBlow(t.Context(), 1, "r", blow)
	w.must(err)
	equal(t, "one blow", len(e.Blows), 1)
	_, err = w.KeepBlow(t.Context(), 1, "somebody", blow)
	code(t, "who does not hold it", err, engine.Conflict)
	e.Ending = engine.EndedInTime
	e, err = w.EndExperiment(t.Context(), e, "r")
	w.must(err)
	equal(t, "over", []any{e.Status, e.Ending, e.OverAt, e.Blows[0].Clean}, []any{engine.ExperimentOver, engine.EndedInTime, w.now().Truncate(time.Microsecond), true})

	w.lease("g", 1)
	w.must(w.LeaveExperiment(t.Context(), 1, "g", w.now().Add(5*time.Second)))
	w.resting()
	w.pass(5 * time.Second)
	w.lease("g2", 1)
	grade := engine.Grade{At: w.now(), Detected: true, IncidentID: 3, DetectAfter: 4 * time.Second, Counts: true, Text: "noticed"}
	e, err = w.GradeExperiment(t.Context(), 1, "g2", grade)
	w.must(err)
	grade.At = grade.At.Truncate(time.Microsecond)
	equal(t, "grade", e.Grade, &grade)
	w.resting()
	equal(t, "in the thread", w.sql(`SELECT key, kind, thread_key FROM messages ORDER BY key`), "experiment/1/card experiment \nexperiment/1/card/grade grade experiment/1/card")
	equal(t, "audit", w.sql(`SELECT action, subject, by_id, allowed, plan FROM audit_log ORDER BY seq`), "chaos experiment/1 U1 true \nchaos experiment/1 U2 true hash-1\nchaos_begun experiment/1  true hash-1\nchaos_over experiment/1  true hash-1")
	w.must(w.VerifyAudit(t.Context()))
	list, err := w.Experiments(t.Context(), engine.ExperimentFilter{Graded: true, Cluster: "prod", By: ada.ID, Statuses: []engine.ExperimentStatus{engine.ExperimentOver}})
	w.must(err)
	if diff := cmp.Diff([]engine.Experiment{e}, list); diff != "" {
		t.Errorf("graded (-want +got):\n%s", diff)
	}
	_, err = w.Experiment(t.Context(), 9)
	code(t, "unknown", err, engine.NotFound)
}

func TestConfirmTwiceTooLateOrByTheWrongOne(t *testing.T) {
	w := newWorld(t)
	e := w.plan(w.lease("p", w.wish("ask", ada, kill("shop")).ID), "p")
	other := e
	other.Hash = "what it was before"
	_, err := w.confirm("stale", grace, other)
	code(t, "another plan", err, engine.Conflict)
	first, err := w.confirm("yes", grace, e)
	w.must(err)
	before := w.everything()
	again, err := w.confirm("yes", grace, e)
	w.must(err)
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("the same click again (-first +again):\n%s", diff)
	}
	equal(t, "nothing changed", w.everything(), before)
	_, err = w.confirm("yes2", grace, e)
	w.must(err) // clicked twice: they said yes, and it is so
	_, err = w.confirm("yes3", ada, e)
	code(t, "somebody after them", err, engine.Conflict)
	equal(t, "one yes", len(w.experiment(e.ID).Approvals), 1)

	late := w.plan(w.lease("p2", confirmedAway(w, e.ID)), "p2")
	w.pass(24 * time.Hour)
	_, err = w.confirm("a day later", grace, late)
	code(t, "a day later", err, engine.Conflict)
	if !strings.Contains(err.Error(), "expired") {
		t.Errorf("%v does not say that it expired", err)
	}
	equal(t, "it is over", w.experiment(late.ID).Status, engine.ExperimentRefused)
	w.resting()
}

// confirmedAway calls an experiment off and asks for another; it gives that one's id.
func confirmedAway(w *world, id int64) int64 {
	w.t.Helper()
	_, err := w.CancelExperiment(w.t.Context(), engine.Decision{ID: "no", Action: engine.ActionChaosCancel, By: grace, At: w.now(), Allowed: true, ExperimentID: id})
	w.must(err)
	return w.wish("ask again", ada, kill("shop")).ID
}

func TestTwoPeople(t *testing.T) {
	w := newWorld(t)
	e := w.lease("p", w.wish("ask", ada, kill("shop")).ID)
	e.Hash, e.Need, e.Expires = "h", engine.ApprovalNeed{People: 1, NotProposer: true}, w.now().Add(time.Minute)
	e, err := w.PlanExperiment(t.Context(), e, "p")
	w.must(err)
	_, err = w.confirm("own", ada, e)
	code(t, "who asked", err, engine.Forbidden)
	equal(t, "counted as refused", w.sql(`SELECT allowed, experiment_id FROM decisions WHERE id = 'own'`), "false 1")
	e, err = w.confirm("other", grace, e)
	w.must(err)
	equal(t, "another", e.Status, engine.ExperimentConfirmed)
	_, err = w.confirm("bot", engine.Person{}, e)
	code(t, "the bot", err, engine.Forbidden)
}

// TestConfirmedByTwoAtOnce presses the button from many sides at once: one yes counts, and it runs once.
func TestConfirmedByTwoAtOnce(t *testing.T) {
	w := newWorld(t)
	e := w.plan(w.lease("p", w.wish("ask", ada, kill("shop")).ID), "p")
	var all sync.WaitGroup
	var mu sync.Mutex
	worked := 0
	for k := range 6 {
		all.Go(func() {
			_, err := w.confirm(fmt.Sprint("yes", k), engine.Person{ID: fmt.Sprint("U", k)}, e)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				worked++
			} else if engine.CodeOf(err) != engine.Conflict {
				t.Errorf("yes %d: %v", k, err)
			}
		})
	}
	all.Wait()
	equal(t, "that worked", worked, 1)
	equal(t, "approvals", len(w.experiment(e.ID).Approvals), 1)
	leased := 0
	for k := range 6 {
		all.Go(func() {
			_, ok, err := w.LeaseExperiment(t.Context(), prod, fmt.Sprint("w", k), leaseFor)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			if ok {
				leased++
			}
		})
	}
	all.Wait()
	equal(t, "leased", leased, 1)
}

func TestOneExperimentOfANamespace(t *testing.T) {
	w := newWorld(t)
	first := w.plan(w.lease("p", w.wish("a", ada, kill("shop")).ID), "p")
	second := w.plan(w.lease("p", w.wish("b", ada, kill("shop")).ID), "p")
	equal(t, "the second", []any{second.Status, second.Refusals}, []any{engine.ExperimentRefused, []engine.Refusal{
		{Blocker: "one experiment at a time", Text: "Experiment 1 holds the namespace shop: wait until it is over, or stop it."},
	}})
	elsewhere := w.plan(w.lease("p", w.wish("c", ada, kill("other")).ID), "p")
	equal(t, "elsewhere", elsewhere.Status, engine.ExperimentPlanned)
	for k, e := range []engine.Experiment{first, elsewhere} {
		_, err := w.confirm(fmt.Sprint("yes", k), grace, e)
		w.must(err)
	}
	begin := func(id int64) engine.Experiment {
		e, err := w.BeginExperiment(t.Context(), w.lease("r", id), "r", 1)
		w.must(err)
		return e
	}
	equal(t, "begun", begin(first.ID).Status, engine.ExperimentRunning)
	capped := begin(elsewhere.ID)
	equal(t, "above the cap", []any{capped.Status, capped.Refusals[0].Blocker}, []any{engine.ExperimentRefused, "one experiment at a time"})
	w.pass(20 * time.Minute)
	third := w.plan(w.lease("p", w.wish("d", ada, kill("other")).ID), "p")
	equal(t, "what was refused holds nothing", third.Status, engine.ExperimentPlanned)
}

func TestStop(t *testing.T) {
	w := newWorld(t)
	e := w.running("shop")
	planned := w.plan(w.lease("p", w.wish("x", ada, kill("other")).ID), "p")
	_, err := w.confirm("y", ada, planned)
	w.must(err)
	stop := engine.Decision{ID: "stop", Action: engine.ActionChaosStop, By: grace, At: w.now(), Allowed: true}
	stopped, err := w.StopExperiments(t.Context(), stop)
	w.must(err)
	equal(t, "stopped", len(stopped), 2)
	e, err = w.RenewExperiment(t.Context(), e.ID, "r-shop", leaseFor)
	w.must(err)
	equal(t, "its process hears", []any{e.StopBy, e.StopAt, e.Status}, []any{grace, w.now().Truncate(time.Microsecond), engine.ExperimentRunning})
	equal(t, "what had not begun", w.experiment(planned.ID).Status, engine.ExperimentRefused)
	w.resting()
	e.Ending = engine.EndedByHand
	_, err = w.EndExperiment(t.Context(), e, "r-shop")
	w.must(err)
	stop.ID, stop.ExperimentID = "again", e.ID
	_, err = w.StopExperiments(t.Context(), stop)
	code(t, "of what is over", err, engine.Conflict)
	stop.ID, stop.ExperimentID = "unknown", 99
	_, err = w.StopExperiments(t.Context(), stop)
	code(t, "of none", err, engine.NotFound)
}

func TestPauseStopsExperiments(t *testing.T) {
	w := newWorld(t)
	e := w.running("shop")
	w.must(w.SetPause(t.Context(), engine.Decision{ID: "p", Action: engine.ActionPause, By: grace, At: w.now(), Allowed: true}))
	e = w.experiment(e.ID)
	equal(t, "stopped", []any{e.StopBy, e.Text}, []any{grace, "writes are paused by <@U2>"})
}

// TestOrphaned has the process that holds an experiment die: another one gets it, and what the first still writes does not count.
func TestOrphaned(t *testing.T) {
	w := newWorld(t)
	e := w.running("shop")
	w.resting()
	w.sql(`UPDATE experiments SET leased_until = now() - interval '1 second'`)
	left := w.lease("second", e.ID)
	equal(t, "as it was", left.Status, engine.ExperimentRunning)
	_, err := w.RenewExperiment(t.Context(), e.ID, "r-shop", leaseFor)
	code(t, "the first", err, engine.Conflict)
	_, err = w.EndExperiment(t.Context(), e, "r-shop")
	code(t, "the first ends it", err, engine.Conflict)
	left.Ending = engine.EndedByDeath
	left, err = w.EndExperiment(t.Context(), left, "second")
	w.must(err)
	equal(t, "over", left.Ending, engine.EndedByDeath)
}

func TestAlarmIsAudited(t *testing.T) {
	w := newWorld(t)
	e := w.running("shop")
	e.Ending, e.Text = engine.EndedByAlarm, "the alert CheckoutDown fires"
	_, err := w.EndExperiment(t.Context(), e, "r-shop")
	w.must(err)
	equal(t, "audit", w.sql(`SELECT action, subject, reason, by_id FROM audit_log ORDER BY seq DESC LIMIT 1`), "chaos_alarm experiment/1 the alert CheckoutDown fires ")
	w.must(w.VerifyAudit(t.Context()))
}

func TestNobodyPlansOrBegins(t *testing.T) {
	w := newWorld(t)
	asked := w.wish("a", ada, kill("a"))
	confirmed := w.plan(w.lease("p", asked.ID), "p")
	_, err := w.confirm("yes", ada, confirmed)
	w.must(err)
	waiting := w.wish("b", ada, kill("b"))
	w.pass(9 * time.Minute)
	w.must(w.Sweep(t.Context()))
	equal(t, "in time", w.experiment(waiting.ID).Status, engine.ExperimentAsked)
	w.pass(time.Minute)
	w.must(w.Sweep(t.Context()))
	for _, id := range []int64{confirmed.ID, waiting.ID} {
		e := w.experiment(id)
		equal(t, "too late", e.Status, engine.ExperimentRefused)
		if !strings.Contains(e.Text, "autopilot chaos") {
			t.Errorf("%q does not say what must run", e.Text)
		}
	}
	w.resting()
}

func TestPlannedLater(t *testing.T) {
	w := newWorld(t)
	at := w.now().Add(2 * time.Hour)
	e, err := w.AskExperiment(t.Context(), engine.Decision{ID: "later", Action: engine.ActionChaos, By: ada, At: w.now(), Allowed: true}, kill("shop"), at)
	w.must(err)
	w.resting()
	w.pass(time.Hour)
	w.must(w.Sweep(t.Context()))
	w.resting()
	w.pass(time.Hour)
	w.lease("p", e.ID)
}

func TestChaosWorker(t *testing.T) {
	w := newWorld(t)
	at, _, err := w.ChaosWorker(t.Context(), "prod")
	w.must(err)
	equal(t, "never", at, time.Time{})
	w.must(w.SawChaosWorker(t.Context(), []string{"prod", "dev"}, "h"))
	w.must(w.SawChaosWorker(t.Context(), prod, "h"))
	w.sql(`UPDATE chaos_worker SET seen_at = now() - interval '1 hour' WHERE cluster = 'dev'`)
	_, ago, err := w.ChaosWorker(t.Context(), "dev")
	w.must(err)
	if ago < time.Hour || ago > time.Hour+time.Minute {
		t.Errorf("dev was seen %s ago, want an hour", ago)
	}
	if _, ago, _ = w.ChaosWorker(t.Context(), ""); ago > time.Minute {
		t.Errorf("the last of any was seen %s ago", ago)
	}
}
