package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
)

// CachedPrice gives what CachePrice kept under a key, and when; ok is false when there is nothing.
func (s *Store) CachedPrice(ctx context.Context, key string) (body []byte, at time.Time, ok bool, err error) {
	err = s.read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `SELECT body, at FROM price_cache WHERE key = $1`, key).Scan(&body, zeroTime{&at})
		if ok = err == nil; errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	return body, at, ok, err
}

// CachePrice keeps prices or a bill as they were answered, in place of what was there.
func (s *Store) CachePrice(ctx context.Context, key string, body []byte, at time.Time) error {
	return s.exec(ctx, `INSERT INTO price_cache AS c (key, body, at) VALUES ($1, $2, $3)
		ON CONFLICT (key) DO UPDATE SET body = excluded.body, at = excluded.at WHERE excluded.at >= c.at`, key, body, stamp(at))
}

// SpendBilled takes calls that are billed from the day's budget, before they are made: who dies in between has spent them. It fails
// with engine.Unavailable, and takes none, when they are more than the budget has left until midnight UTC. A budget of 0 has none.
func (s *Store) SpendBilled(ctx context.Context, calls, budget int, each engine.MicroUSD) error {
	if calls <= 0 {
		return nil
	}
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		day := s.now().Truncate(24 * time.Hour)
		if _, err := tx.Exec(ctx, `INSERT INTO cost_call (day) VALUES ($1) ON CONFLICT DO NOTHING`, day); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `UPDATE cost_call SET calls = calls + $2, micro_usd = micro_usd + $2::bigint * $4::bigint
			WHERE day = $1 AND calls + $2 <= $3`, day, calls, budget, int64(each))
		if err == nil && tag.RowsAffected() == 0 {
			return engine.Errorf(engine.Unavailable, "the day's budget of %d billed calls is spent", budget)
		}
		return err
	})
}

// Billed gives how many billed calls were made on the day of a time, in UTC, and what they cost.
func (s *Store) Billed(ctx context.Context, at time.Time) (calls int, cost engine.MicroUSD, err error) {
	err = s.read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, `SELECT coalesce(sum(calls), 0)::int, coalesce(sum(micro_usd), 0)::bigint FROM cost_call WHERE day = $1`,
			stamp(at).Truncate(24*time.Hour)).Scan(&calls, &cost)
	})
	return calls, cost, err
}
