package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	taskTimeout   = time.Minute
	changeTimeout = 5 * time.Minute  // of what reads repositories
	stopGrace     = 10 * time.Second // for running tasks when the work ends; past it their contexts end

	pollAlertsEvery = 15 * time.Second
	sweepEvery      = time.Hour
	scanDueEvery    = time.Minute
	costsEvery      = time.Hour
	measureEvery    = time.Hour
	anchorEvery     = 10 * time.Minute
	reportDueEvery  = time.Minute
	countEvery      = time.Hour
)

// Handler does one kind of task. An engine.Unavailable error has it tried again for up to a day; Invalid, NotFound, Conflict
// and Forbidden end it; anything else, a panic too, is tried a few times. An engine.Waiting error is no failure: the task is done
// again when it says, as if for the first time.
type Handler = func(context.Context, engine.Task) error

// Work does tasks until ctx ends, then waits a bounded time for those that run. Any number of processes may work at once; one
// of them, elected, starts the periodic tasks. A missing handler of TaskSweep is the store's own Sweep. While the database
// does not answer, Work waits for it. It fails with engine.Invalid without handlers.
func (s *Store) Work(ctx context.Context, handlers map[engine.TaskKind]Handler) error {
	if len(handlers) == 0 {
		return engine.Errorf(engine.Invalid, "there is no handler of any task")
	}
	name := workerName()
	attending, leave := context.WithCancel(context.WithoutCancel(ctx)) // for as long as tasks may run
	present := make(chan struct{})
	var presence sync.WaitGroup
	presence.Go(func() { s.present(attending, name, sync.OnceFunc(func() { close(present) })) })
	defer presence.Wait()
	defer leave()
	select {
	case <-present: // before the first task, or another worker would take it up
	case <-ctx.Done():
		return nil
	}
	for {
		client, err := s.newWorker(name, handlers)
		if err != nil {
			return err
		}
		if err = client.Start(ctx); err == nil {
			<-client.Stopped()
			return nil
		}
		if ctx.Err() != nil {
			return nil
		}
		s.log.WarnContext(ctx, "cannot start to work, trying again", "error", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
	}
}

func (s *Store) newWorker(name string, handlers map[engine.TaskKind]Handler) (*river.Client[pgx.Tx], error) {
	workers := river.NewWorkers()
	for kind, h := range handlers {
		river.AddWorkerArgs(workers, taskArgs{Task: kind}, &worker{store: s, handle: h})
	}
	if handlers[engine.TaskSweep] == nil {
		sweep := func(ctx context.Context, _ engine.Task) error { return s.Sweep(ctx) }
		river.AddWorkerArgs(workers, taskArgs{Task: engine.TaskSweep}, &worker{store: s, handle: sweep})
	}
	periodic := []*river.PeriodicJob{every(sweepEvery, engine.TaskSweep)}
	if handlers[engine.TaskPollAlerts] != nil {
		periodic = append(periodic, every(pollAlertsEvery, engine.TaskPollAlerts))
	}
	if handlers[engine.TaskScanDue] != nil {
		periodic = append(periodic, every(scanDueEvery, engine.TaskScanDue))
	}
	if handlers[engine.TaskCosts] != nil {
		periodic = append(periodic, every(costsEvery, engine.TaskCosts))
	}
	if handlers[engine.TaskMeasure] != nil {
		periodic = append(periodic, every(measureEvery, engine.TaskMeasure))
	}
	if handlers[engine.TaskAnchor] != nil {
		periodic = append(periodic, every(anchorEvery, engine.TaskAnchor))
	}
	if handlers[engine.TaskReportDue] != nil {
		periodic = append(periodic, every(reportDueEvery, engine.TaskReportDue))
	}
	if handlers[engine.TaskCount] != nil {
		periodic = append(periodic, every(countEvery, engine.TaskCount))
	}
	c, err := river.NewClient(riverpgxv5.New(s.pool), &river.Config{
		ID: name,
		Queues: map[string]river.QueueConfig{
			queueQuick:    {MaxWorkers: 10},
			queueDiagnose: {MaxWorkers: 6},
			queueScan:     {MaxWorkers: 1},
			queueChange:   {MaxWorkers: 4},
		},
		Workers:      workers,
		PeriodicJobs: periodic,
		// Another version of this program may know kinds that this one does not: they are left to it.
		FetchOnlyKnownKinds:         true,
		FetchCooldown:               20 * time.Millisecond,
		FetchPollInterval:           250 * time.Millisecond,
		JobTimeout:                  taskTimeout,
		RescueStuckJobsAfter:        taskTimeout + 15*time.Second,
		SoftStopTimeout:             stopGrace,
		CompletedJobRetentionPeriod: 6 * time.Hour,
		RetryPolicy:                 backOff{},
		Logger:                      quietLog(s.log),
	})
	return c, engine.Wrap(engine.Internal, err, "the task queue cannot be set up")
}

// every starts a task on a schedule, unless the last one still waits or runs.
func every(interval time.Duration, kind engine.TaskKind) *river.PeriodicJob {
	return river.NewPeriodicJob(river.PeriodicInterval(interval), func() (river.JobArgs, *river.InsertOpts) {
		return taskArgs{Task: kind}, &river.InsertOpts{
			MaxAttempts: 1, // the next tick is the retry
			Queue:       queueOf(kind),
			UniqueOpts: river.UniqueOpts{ByState: []rivertype.JobState{
				rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning, rivertype.JobStateScheduled,
			}},
		}
	}, &river.PeriodicJobOpts{RunOnStart: true})
}

// worker does the tasks of one kind.
type worker struct {
	river.WorkerDefaults[taskArgs]
	store  *Store
	handle Handler
}

// Timeout implements river.Worker.
func (w *worker) Timeout(job *river.Job[taskArgs]) time.Duration {
	switch queueOf(engine.TaskKind(job.Kind)) {
	case queueScan:
		return ScanTimeout
	case queueChange:
		return changeTimeout
	}
	return 0 // as all
}

// Work implements river.Worker.
func (w *worker) Work(ctx context.Context, job *river.Job[taskArgs]) error {
	t := engine.Task{Kind: engine.TaskKind(job.Kind), IncidentID: job.Args.IncidentID, Detail: job.Args.Detail, Attempt: job.Attempt}
	ctx = engine.WithID(ctx, t.Trail())
	var err error
	if t.Kind == engine.TaskDiagnose {
		err = w.diagnose(ctx, job.ID, t)
	} else {
		err = w.safely(ctx, t)
	}
	return w.judge(ctx, t, err)
}

// judge logs a failure and tells River what to do about it.
func (w *worker) judge(ctx context.Context, t engine.Task, err error) error {
	var busy *river.JobSnoozeError
	if err == nil || errors.As(err, &busy) {
		return err
	}
	if wait, ok := errors.AsType[*engine.Waiting](err); ok {
		w.store.log.InfoContext(ctx, "a task waits", "task", t.Kind, "incident", t.IncidentID, "for", wait.For, "reason", wait.Error())
		return river.JobSnooze(max(wait.For, 0))
	}
	verdict := verdictOn(err, t.Attempt)
	level := slog.LevelWarn
	if engine.CodeOf(err) == engine.Internal {
		level = slog.LevelError
	}
	w.store.log.Log(ctx, level, "a task failed", "task", t.Kind, "incident", t.IncidentID, "attempt", t.Attempt, "error", err)
	return verdict
}

// safely runs the handler and makes a panic an error.
func (w *worker) safely(ctx context.Context, t engine.Task) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = engine.Wrap(engine.Internal, fmt.Errorf("%v\n%s", p, debug.Stack()), "the handler of "+string(t.Kind)+" panicked")
		}
	}()
	return w.handle(ctx, t)
}
