package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Backlog is what waits to be done: what the bot's own metrics show.
type Backlog struct {
	Tasks    []TaskBacklog
	Messages Waiting // wanted, and not yet so in Slack
	Failing  Waiting // those of them that were tried often enough, and in vain, for somebody to look
	Payloads Waiting // of Slack, kept and not yet answered

	Open map[string]int // incidents that are not resolved, by severity
}

// failing is after how many tries in a row a message counts as one that fails: the waits between them add up to half a minute.
const failing = 5

// TaskBacklog is the tasks of one kind that are due.
type TaskBacklog struct {
	Kind string
	Waiting
}

// Waiting is how many there are, and for how long the oldest has been due.
type Waiting struct {
	Count int
	Age   time.Duration
}

// Backlog reads it. It fails with Unavailable while the database does not answer.
func (s *Store) Backlog(ctx context.Context) (b Backlog, err error) {
	b.Open = map[string]int{}
	err = s.read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT kind, count(*), extract(epoch FROM now() - min(scheduled_at))::float8 FROM river_job
			WHERE state IN ('available', 'pending', 'retryable', 'scheduled') AND scheduled_at <= now() GROUP BY kind ORDER BY kind`)
		if err != nil {
			return err
		}
		var kind string
		var n int
		var age float64
		if _, err := pgx.ForEachRow(rows, []any{&kind, &n, &age}, func() error {
			b.Tasks = append(b.Tasks, TaskBacklog{kind, Waiting{n, seconds(age)}})
			return nil
		}); err != nil {
			return err
		}
		for sql, to := range map[string]*Waiting{
			`SELECT count(*), coalesce(extract(epoch FROM now() - min(declared_at)), 0)::float8 FROM messages WHERE shown < wanted AND NOT dropped`: &b.Messages,
			fmt.Sprintf(`SELECT count(*), coalesce(extract(epoch FROM now() - min(declared_at)), 0)::float8 FROM messages
				WHERE shown < wanted AND NOT dropped AND attempts >= %d`, failing): &b.Failing,
			`SELECT count(*), coalesce(extract(epoch FROM now() - min(received_at)), 0)::float8 FROM inbox WHERE finished_at IS NULL`: &b.Payloads,
		} {
			if err := tx.QueryRow(ctx, sql).Scan(&to.Count, &age); err != nil {
				return err
			}
			to.Age = seconds(age)
		}
		if rows, err = tx.Query(ctx, `SELECT severity, count(*) FROM incidents WHERE status <> 'resolved' GROUP BY severity`); err != nil {
			return err
		}
		_, err = pgx.ForEachRow(rows, []any{&kind, &n}, func() error { b.Open[kind] = n; return nil })
		return err
	})
	return b, err
}

func seconds(s float64) time.Duration { return time.Duration(max(s, 0) * float64(time.Second)) }
