package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/anomaly"
)

const (
	// spendLock is the advisory lock under which rises of costs are told.
	spendLock int64 = 0x6175746f7370656e

	// spendAgain is how long a rise that was told is not told again.
	spendAgain = 14 * 24 * time.Hour

	// Days of which it was not measured who used what are left out, and so are estimates where there are bills, bills where there are none
	// of the newest day, and what an invoice differed by.
	spendsSQL = `WITH known AS (
			SELECT d.day FROM cost_day d WHERE d.day >= $1 AND d.day < $2 GROUP BY d.day HAVING NOT bool_or(d.guessed)
				AND bool_and((d.payer = '') = (SELECT bool_or(n.payer = '') FROM cost_day n WHERE n.day = (SELECT max(day) FROM cost_day WHERE day < $2)))),
		r AS (SELECT r.* FROM cost_row r JOIN known USING (day) WHERE r.kind <> 'adjustment')
		SELECT cluster, '', 'Cluster', cluster, day, sum(micro_usd)::bigint FROM r WHERE cluster <> '' GROUP BY cluster, day
		UNION ALL SELECT cluster, namespace, 'Namespace', namespace, day, sum(micro_usd)::bigint FROM r WHERE namespace <> '' GROUP BY cluster, namespace, day
		UNION ALL SELECT '', '', 'Team', team, day, sum(micro_usd)::bigint FROM r WHERE team <> '' GROUP BY team, day
		UNION ALL SELECT '', '', 'Service', what, day, sum(micro_usd)::bigint FROM r WHERE kind = 'outside' AND what <> '' GROUP BY what, day`
)

// Spends gives what each cluster, namespace, team, and service outside of clusters cost on each day from the first to before the last.
func (s *Store) Spends(ctx context.Context, from, to time.Time) ([]anomaly.Spend, error) {
	var all []anomaly.Spend
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, spendsSQL, from, to)
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (x anomaly.Spend, err error) {
			err = row.Scan(&x.Of.Cluster, &x.Of.Namespace, &x.Of.Kind, &x.Of.Name, &x.Day, &x.Amount)
			return x, err
		})
		return err
	})
	return all, err
}

// SaveSpendAlarm has those of the rises told in a channel that were not told lately, in one message. It gives how many that are.
func (s *Store) SaveSpendAlarm(ctx context.Context, a engine.SpendAlarm, channel string) (told int, err error) {
	err = s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		told = 0
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, spendLock); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `SELECT jsonb_array_elements(rises) -> 'of' FROM spend_alarm WHERE day > $1`, a.Day.Add(-spendAgain))
		if err != nil {
			return err
		}
		before, err := pgx.CollectRows(rows, pgx.RowTo[engine.Workload])
		if err != nil {
			return err
		}
		fresh := slices.DeleteFunc(slices.Clone(a.Rises), func(r engine.SpendRise) bool { return slices.Contains(before, r.Of) })
		if len(fresh) == 0 {
			return nil
		}
		told = len(fresh)
		var id int64
		if err := tx.QueryRow(ctx, `INSERT INTO spend_alarm (day, rises, told_at) VALUES ($1, $2, $3) RETURNING id`, a.Day, fresh, s.now()).Scan(&id); err != nil {
			return err
		}
		b := &pgx.Batch{}
		declare(b, engine.Message{Key: engine.SpendKey(id), Kind: engine.MessageSpend, Subject: id, Channel: s.channel(channel), Version: 1}, s.now())
		b.Queue(wakeSQL)
		return tx.SendBatch(ctx, b).Close()
	})
	return told, err
}

// SpendAlarm fails with engine.NotFound when there is none of that id.
func (s *Store) SpendAlarm(ctx context.Context, id int64) (engine.SpendAlarm, error) {
	a := engine.SpendAlarm{ID: id}
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `SELECT day, rises FROM spend_alarm WHERE id = $1`, id).Scan(&a.Day, &a.Rises)
		if errors.Is(err, pgx.ErrNoRows) {
			return engine.Errorf(engine.NotFound, "there is no alarm %d of costs", id)
		}
		return err
	})
	return a, err
}
