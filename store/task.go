package store

import (
	"context"
	"log/slog"
	"math"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/incident"
)

const (
	queueQuick    = river.QueueDefault
	queueDiagnose = "diagnose" // collectors wait for others; what wakes people must not wait behind them
	queueScan     = "scan"     // dear, and never urgent: one at a time in a process
	queueChange   = "change"   // asks a forge, or sends a report, which may be slow

	longestRetry = 15 * time.Minute
	maxAttempts  = 105 // with the back-off below, a day
	faults       = 5   // how often a task is tried that fails by our own fault
)

// taskArgs is a task as River keeps it; its kind is River's own.
type taskArgs struct {
	Task       engine.TaskKind `json:"-"`
	IncidentID int64           `json:"incident_id,omitempty"`
	Detail     string          `json:"detail,omitempty"`
}

// Kind implements river.JobArgs.
func (a taskArgs) Kind() string { return string(a.Task) }

func newInserter(pool *pgxpool.Pool, log *slog.Logger) (*river.Client[pgx.Tx], error) {
	c, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
		Logger: quietLog(log),
		// River leaves out notifications that follow each other within this time, and the task would wait for the next poll.
		FetchCooldown: river.FetchCooldownMin,
	})
	return c, engine.Wrap(engine.Internal, err, "the task queue cannot be set up")
}

// insertTasks makes a plan's tasks part of its transaction.
//
// No task is unique: River drops a unique one that is inserted while its like runs, and so the last wish of all. Every handler
// finds out itself whether something is left to do; diagnoses, which are dear, are counted in diagnosis_requests unless they are due later, and of what only
// looks at an incident later, one at a time waits.
func (s *Store) insertTasks(ctx context.Context, tx pgx.Tx, tasks []incident.TaskAt) error {
	if len(tasks) == 0 {
		return nil
	}
	params := make([]river.InsertManyParams, 0, len(tasks))
	for _, t := range tasks {
		if waits, err := s.hasten(ctx, tx, t); err != nil {
			return err
		} else if waits {
			continue
		}
		o := &river.InsertOpts{MaxAttempts: maxAttempts, Queue: queueOf(t.Task.Kind)}
		if t.At.After(s.now()) {
			o.ScheduledAt = t.At
		}
		params = append(params, river.InsertManyParams{
			Args:       taskArgs{Task: t.Task.Kind, IncidentID: t.Task.IncidentID, Detail: clean(t.Task.Detail)},
			InsertOpts: o,
		})
		if t.Task.Kind == engine.TaskDiagnose && t.Task.Detail == "" {
			if err := requestDiagnosis(ctx, tx, t.Task.IncidentID); err != nil {
				return err
			}
		}
	}
	if len(params) == 0 {
		return nil
	}
	_, err := s.tasks.InsertManyTx(ctx, tx, params)
	return err
}

// hasten makes a task of the kind that looks when its incident's time has come, and asks to be called again when it has not,
// wait no longer than t would. It tells whether there is one that waits: a second would only do the same over again, and each that
// comes too early would ask for one more. One that runs does not count: it may have looked before this was written.
func (s *Store) hasten(ctx context.Context, tx pgx.Tx, t incident.TaskAt) (waits bool, err error) {
	if t.Task.Kind != engine.TaskEscalate && t.Task.Kind != engine.TaskSettle && t.Task.Kind != engine.TaskStorm {
		return false, nil
	}
	of := taskArgs{IncidentID: t.Task.IncidentID}
	if t.Task.Kind == engine.TaskStorm {
		of.Detail = t.Task.Detail
	}
	at := t.At
	if now := s.now(); at.Before(now) {
		at = now
	}
	tag, err := tx.Exec(ctx, `
		UPDATE river_job SET scheduled_at = least(scheduled_at, $3)
		WHERE kind = $1 AND args @> $2
			AND state IN ('available', 'pending', 'retryable', 'scheduled')`, t.Task.Kind, of, at)
	return tag.RowsAffected() > 0, err
}

func queueOf(k engine.TaskKind) string {
	switch k {
	case engine.TaskDiagnose:
		return queueDiagnose
	case engine.TaskScan, engine.TaskCosts:
		return queueScan
	case engine.TaskDraft, engine.TaskPropose, engine.TaskFollow, engine.TaskMeasure, engine.TaskMend,
		engine.TaskReportDue, engine.TaskReportSend, engine.TaskCount:
		return queueChange
	default:
		return queueQuick
	}
}

// backOff says when a failed task is tried again: after 1 s, 2 s, 4 s and so on up to 15 min, with a little chance so that
// those that failed together do not come back together.
type backOff struct{}

// NextRetry implements river.ClientRetryPolicy.
func (backOff) NextRetry(job *rivertype.JobRow) time.Time {
	return time.Now().Add(retryDelay(len(job.Errors), rand.Float64())) //nolint:gosec // spreads retries, hides nothing
}

// retryDelay is the delay after a failure that had earlier ones before it; chance is in [0,1).
func retryDelay(earlier int, chance float64) time.Duration {
	delay := min(time.Duration(math.Exp2(float64(min(earlier, 20))))*time.Second, longestRetry)
	return delay + time.Duration(chance*0.2*float64(delay))
}

// verdictOn tells River what becomes of a task that failed: nil error for done, a cancelled job for what would fail again.
func verdictOn(err error, attempt int) error {
	switch engine.CodeOf(err) {
	case "", engine.Unavailable:
		return err
	case engine.Internal:
		if attempt < faults {
			return err
		}
	case engine.Invalid, engine.NotFound, engine.Conflict, engine.Forbidden:
	}
	return river.JobCancel(err)
}

// quietLog lets only River's warnings and errors through.
func quietLog(log *slog.Logger) *slog.Logger { return slog.New(warnings{log.Handler()}) }

type warnings struct{ slog.Handler }

// Enabled implements slog.Handler.
func (w warnings) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && w.Handler.Enabled(ctx, l)
}

// WithAttrs implements slog.Handler.
func (w warnings) WithAttrs(a []slog.Attr) slog.Handler { return warnings{w.Handler.WithAttrs(a)} }

// WithGroup implements slog.Handler.
func (w warnings) WithGroup(name string) slog.Handler { return warnings{w.Handler.WithGroup(name)} }
