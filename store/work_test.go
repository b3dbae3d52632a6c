package store_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/incident"
	"github.com/eks-autopilot/autopilot/store"
	"github.com/eks-autopilot/autopilot/store/storetest"
)

type handlers = map[engine.TaskKind]store.Handler

// work runs Work until the test ends, or until the returned function is called.
func (w *world) work(s *store.Store, h handlers) (stop func()) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	done := make(chan error, 1)
	go func() { done <- s.Work(ctx, h) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				w.t.Errorf("Work ended with %v", err)
			}
		case <-time.After(2 * time.Minute):
			w.t.Error("Work does not end")
		}
	})
	w.t.Cleanup(stop)
	return stop
}

func (w *world) insert(tasks ...incident.TaskAt) {
	w.t.Helper()
	w.must(store.Insert(w.t.Context(), w.Store, tasks...))
}

func task(kind engine.TaskKind, id int64) incident.TaskAt {
	return incident.TaskAt{Task: engine.Task{Kind: kind, IncidentID: id}}
}

// newWorkingWorld has the real clock, for River has no other.
func newWorkingWorld(t testing.TB) *world {
	w := newWorld(t)
	w.Store = storetest.Open(t, w.url, store.Options{Rules: rules, Log: slog.New(slog.DiscardHandler)})
	return w
}

func TestWorkDoesTasks(t *testing.T) {
	w := newWorkingWorld(t)
	done := make(chan engine.Task, 10)
	do := func(_ context.Context, task engine.Task) error {
		done <- task
		return nil
	}
	w.work(w.Store, handlers{engine.TaskPage: do, engine.TaskSilence: do})
	w.insert(task(engine.TaskSilence, 1)) // until here Work may still be starting
	<-done
	began := time.Now()
	w.insert(incident.TaskAt{Task: engine.Task{Kind: engine.TaskPage, IncidentID: 7, Detail: "trigger"}})
	got := <-done
	t.Logf("started after %s", time.Since(began))
	equal(t, "task", got, engine.Task{Kind: engine.TaskPage, IncidentID: 7, Detail: "trigger", Attempt: 1})

	at := time.Now().Add(300 * time.Millisecond)
	w.insert(incident.TaskAt{Task: engine.Task{Kind: engine.TaskPage, IncidentID: 8}, At: at})
	if got = <-done; got.IncidentID != 8 || time.Now().Before(at) {
		t.Errorf("%+v was started %s before its time", got, time.Until(at))
	}
	code(t, "no handlers", w.Work(t.Context(), nil), engine.Invalid)
}

func TestWorkRetries(t *testing.T) {
	w := newWorkingWorld(t)
	var tries sync.Map
	count := func(id int64) int32 {
		n, _ := tries.LoadOrStore(id, new(atomic.Int32))
		return n.(*atomic.Int32).Load()
	}
	w.work(w.Store, handlers{engine.TaskPage: func(_ context.Context, task engine.Task) error {
		n, _ := tries.LoadOrStore(task.IncidentID, new(atomic.Int32))
		n.(*atomic.Int32).Add(1)
		switch {
		case task.IncidentID == 1 && task.Attempt == 1:
			return engine.Errorf(engine.Unavailable, "the pager does not answer")
		case task.IncidentID == 2:
			return engine.Errorf(engine.Invalid, "the pager's key is wrong")
		case task.IncidentID == 3 && task.Attempt == 1:
			panic("index out of range")
		}
		return nil
	}})
	w.insert(task(engine.TaskPage, 1), task(engine.TaskPage, 2), task(engine.TaskPage, 3))
	await(t, "the unavailable one and the panic to be tried again", func() bool { return count(1) == 2 && count(3) == 2 })
	await(t, "the outcomes", func() bool {
		return w.sql(`SELECT args ->> 'incident_id', state FROM river_job WHERE kind = 'page' ORDER BY 1`) == "1 completed\n2 cancelled\n3 completed"
	})
	equal(t, "tries of the invalid one", count(2), int32(1))
}

func TestWaitingIsNoFailure(t *testing.T) {
	w := newWorkingWorld(t)
	var runs atomic.Int32
	attempts := make(chan int, 100)
	w.work(w.Store, handlers{engine.TaskSilence: func(_ context.Context, task engine.Task) error {
		attempts <- task.Attempt
		switch n := runs.Add(1); {
		case n <= 5: // a back-off would have it wait for 1, 2, 4 and 8 s in between
			return &engine.Waiting{For: 20 * time.Millisecond, Err: engine.Errorf(engine.Unavailable, "writes are paused")}
		case n == 6:
			return &engine.Waiting{For: time.Hour, Err: engine.Errorf(engine.Forbidden, "this code would end it")}
		}
		return nil
	}})
	began := time.Now()
	w.insert(task(engine.TaskSilence, 1))
	await(t, "the long wait", func() bool {
		return w.sql(`SELECT state, attempt, cardinality(errors) IS NULL, scheduled_at > now() + interval '50 minutes' FROM river_job WHERE kind = 'silence'`) ==
			"scheduled 0 true true"
	})
	t.Logf("waited five times in %s", time.Since(began))
	for range 6 {
		equal(t, "attempt", <-attempts, 1)
	}
}

func TestFaultsAreNotTriedForEver(t *testing.T) {
	for attempt, want := range map[int]bool{1: false, 4: false, 5: true} {
		if got := store.Cancels(fmt.Errorf("bug"), attempt); got != want {
			t.Errorf("attempt %d: cancelled %v, want %v", attempt, got, want)
		}
	}
	for c, want := range map[engine.Code]bool{
		engine.Unavailable: false, engine.Invalid: true, engine.NotFound: true, engine.Conflict: true, engine.Forbidden: true,
	} {
		if got := store.Cancels(engine.Errorf(c, "x"), 50); got != want {
			t.Errorf("%s: cancelled %v, want %v", c, got, want)
		}
	}
}

func TestDiagnosesCoalesce(t *testing.T) {
	w := newWorkingWorld(t)
	w.open(api) // asks for one diagnosis now and one later
	var runs, atOnce, most atomic.Int32
	started, goOn := make(chan struct{}, 100), make(chan struct{})
	w.work(w.Store, handlers{engine.TaskDiagnose: func(context.Context, engine.Task) error {
		most.Store(max(most.Load(), atOnce.Add(1)))
		defer atOnce.Add(-1)
		runs.Add(1)
		started <- struct{}{}
		<-goOn
		return nil
	}})
	<-started
	for range 10 { // while it runs
		w.insert(task(engine.TaskDiagnose, 1))
	}
	close(goOn)
	await(t, "all wishes to be done", func() bool {
		return w.sql(`SELECT count(*) FROM river_job WHERE kind = 'diagnose' AND finalized_at IS NULL AND state <> 'scheduled'`) == "0" &&
			w.sql(`SELECT wanted - done FROM diagnosis_requests`) == "0"
	})
	equal(t, "runs: one, and one for all that came meanwhile", runs.Load(), int32(2))
	equal(t, "at once", most.Load(), int32(1))
}

// TestALaterLookIsDone holds that the diagnosis at once does not stand for the one that is due when there is more to be read.
func TestALaterLookIsDone(t *testing.T) {
	w := newWorkingWorld(t)
	w.open(api)
	looked := make(chan string, 100)
	w.work(w.Store, handlers{engine.TaskDiagnose: func(_ context.Context, task engine.Task) error {
		looked <- task.Detail
		return nil
	}})
	equal(t, "at once", <-looked, "")
	w.insert(incident.TaskAt{Task: engine.Task{Kind: engine.TaskDiagnose, IncidentID: 1, Detail: engine.LookAgain}, At: time.Now().Add(300 * time.Millisecond)})
	equal(t, "later", <-looked, engine.LookAgain)
	equal(t, "wishes", w.sql(`SELECT wanted, done FROM diagnosis_requests`), "1 1")
}

func TestFailedDiagnosisIsDoneAgain(t *testing.T) {
	w := newWorkingWorld(t)
	w.open(api)
	var runs atomic.Int32
	w.work(w.Store, handlers{engine.TaskDiagnose: func(context.Context, engine.Task) error {
		if runs.Add(1) == 1 {
			return engine.Errorf(engine.Unavailable, "the API server does not answer")
		}
		return nil
	}})
	await(t, "the second run", func() bool { return w.sql(`SELECT wanted = done FROM diagnosis_requests`) == "true" })
	equal(t, "runs", runs.Load(), int32(2))
}

func TestPeriodicTasksRunOnce(t *testing.T) {
	w := newWorkingWorld(t)
	other := storetest.Open(t, w.url, store.Options{Rules: rules, Log: slog.New(slog.DiscardHandler)})
	polled := make(chan struct{}, 100)
	h := handlers{engine.TaskPollAlerts: func(context.Context, engine.Task) error {
		polled <- struct{}{}
		return nil
	}}
	w.work(w.Store, h)
	w.work(other, h)
	<-polled
	await(t, "the store's own sweep", func() bool { return w.sql(`SELECT state FROM river_job WHERE kind = 'sweep'`) == "completed" })
	equal(t, "jobs of two workers", w.sql(`SELECT count(*) FROM river_job WHERE kind = 'poll_alerts'`), "1")
}

func TestWorkStopsGracefully(t *testing.T) {
	w := newWorkingWorld(t)
	started, ended := make(chan struct{}), make(chan struct{})
	stop := w.work(w.Store, handlers{engine.TaskPage: func(ctx context.Context, _ engine.Task) error {
		close(started)
		select {
		case <-ctx.Done():
			t.Error("the task's context ended with the work")
		case <-time.After(300 * time.Millisecond):
		}
		close(ended)
		return nil
	}})
	w.insert(task(engine.TaskPage, 1))
	<-started
	stop()
	select {
	case <-ended:
	default:
		t.Error("Work did not wait for a running task")
	}
	equal(t, "its outcome", w.sql(`SELECT state FROM river_job WHERE kind = 'page'`), "completed")
}

func TestTasksOfADeadWorkerAreTakenUp(t *testing.T) {
	w := newWorkingWorld(t)
	w.open(api)
	w.sql(`UPDATE river_job SET state = 'running', attempt = 1, attempted_at = now(), attempted_by = '{ghost}' WHERE kind = 'diagnose'`)
	w.sql(`UPDATE diagnosis_requests SET running_job = (SELECT min(id) FROM river_job), running_until = now() + interval '1 hour'`)
	done := make(chan struct{}, 10)
	w.work(w.Store, handlers{engine.TaskDiagnose: func(context.Context, engine.Task) error {
		done <- struct{}{}
		return nil
	}})
	select {
	case <-done:
	case <-time.After(2 * time.Minute):
		t.Fatal("nobody took the task up")
	}
}

func TestTasksOfALivingWorkerAreLeftAlone(t *testing.T) {
	w := newWorkingWorld(t)
	started, goOn := make(chan struct{}), make(chan struct{})
	w.work(w.Store, handlers{engine.TaskPage: func(context.Context, engine.Task) error {
		close(started) // a second run would panic, and be seen in the number of attempts
		<-goOn
		return nil
	}})
	w.insert(task(engine.TaskPage, 1))
	<-started
	var suspects map[string]bool
	for range 3 {
		var err error
		suspects, err = store.Rescue(t.Context(), w.Store, suspects)
		w.must(err)
		equal(t, "suspects", len(suspects), 0)
	}
	equal(t, "task", w.sql(`SELECT state FROM river_job WHERE kind = 'page'`), "running")
	close(goOn)
	await(t, "its end", func() bool { return w.sql(`SELECT state, attempt FROM river_job WHERE kind = 'page'`) == "completed 1" })
}

func TestSweepFindsLostEscalations(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	web := engine.Workload{Cluster: "prod", Namespace: "shop", Kind: "Deployment", Name: "web"}
	job := engine.Workload{Cluster: "prod", Namespace: "shop", Kind: "Job", Name: "nightly"}
	for _, of := range []engine.Workload{api, web} {
		w.open(of)
	}
	mild := w.signal(job, engine.ClassJobFailed)
	mild.Severity = engine.Warning // has no escalation
	w.watch(job, mild)
	w.must(w.decide("ack", engine.ActionAcknowledge, ada, 2))
	lose := func() { w.sql(`DELETE FROM river_job WHERE kind = 'escalate'`) }
	escalations := func() string { return w.sql(`SELECT args ->> 'incident_id' FROM river_job WHERE kind = 'escalate'`) }
	lose()
	w.pass(10 * time.Minute)
	w.must(w.Sweep(ctx))
	equal(t, "too early to call it left behind", escalations(), "")
	w.pass(time.Second)
	w.must(w.Sweep(ctx))
	equal(t, "of those that nobody has acknowledged", escalations(), "1")

	for range 2 { // repeated, then handed over to the pager
		_, err := w.Escalate(ctx, 1)
		w.must(err)
		lose()
		w.pass(10 * time.Minute)
	}
	w.must(w.Sweep(ctx))
	equal(t, "when all was done", escalations(), "")
}

func TestSweep(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.open(api)
	w.must(w.SaveDiagnosis(ctx, diagnosis(w.now(), "r1", 0.5)))
	w.watch(api)
	w.sql(`DELETE FROM river_job`) // every task was lost
	w.pass(5 * time.Minute)
	w.must(w.Sweep(ctx))
	equal(t, "too early to call it left behind", w.tasks(), "")
	w.pass(10 * time.Minute)
	w.must(w.Sweep(ctx))
	equal(t, "what was left behind", w.sql(`SELECT kind FROM river_job ORDER BY kind`), "diagnose\nescalate\nsettle")
	w.must(w.Sweep(ctx))
	equal(t, "once", w.sql(`SELECT count(*) FROM river_job`), "3")

	w.must(w.Settle(ctx, 1))
	_, err := w.Receive(ctx, payload("e1"), time.Minute)
	w.must(err)
	w.pass(71 * time.Hour)
	w.must(w.Sweep(ctx))
	equal(t, "inbox within its retention", w.sql(`SELECT count(*) FROM inbox`), "1")
	w.pass(2 * time.Hour)
	w.must(w.Sweep(ctx))
	equal(t, "inbox after it", w.sql(`SELECT count(*) FROM inbox`), "0")
	w.pass(26 * 24 * time.Hour)
	for cluster, until := range map[string]string{"removed": "25 hours", "lost": "1 hour"} {
		_, err = w.WatchCluster(ctx, cluster, "replica-a", time.Minute)
		w.must(err)
		w.sql(`UPDATE cluster_lease SET until = now() - interval '` + until + `' WHERE cluster = '` + cluster + `'`)
	}
	w.must(w.Sweep(ctx))
	equal(t, "clusters", w.sql(`SELECT cluster FROM cluster_lease`), "lost")
	i := w.incident(1)
	equal(t, "within the retention", []any{len(i.Signals), len(i.Diagnosis.Causes), len(i.Considered)}, []any{1, 1, 1})
	w.pass(2 * 24 * time.Hour)
	w.must(w.Sweep(ctx))
	i = w.incident(1)
	equal(t, "after it", []any{len(i.Signals), len(i.Diagnosis.Causes), len(i.Considered), len(i.Timeline) > 1}, []any{0, 0, 0, true})
}
