package store

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
)

// mostClaims is how often a payload is tried: one that ends its process each time must not do so for ever. With claims of a minute
// it outlasts the ten minutes for which the bot tries a click again.
const mostClaims = 12

// Receive keeps a payload before it is acknowledged and claims it for this process until claim has passed. fresh is false
// when a payload of that ID was already kept. It fails with engine.Invalid for a payload without an ID.
func (s *Store) Receive(ctx context.Context, p engine.Payload, claim time.Duration) (fresh bool, err error) {
	if p.ID == "" {
		return false, engine.Errorf(engine.Invalid, "a payload needs an id, or it cannot be told from its repetition")
	}
	body := p.Body
	if body == nil {
		body = []byte{}
	}
	err = s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			INSERT INTO inbox (id, kind, body, at, received_at, claimed_until) VALUES ($1, $2, $3, $4, $5, now() + $6)
			ON CONFLICT (id) DO NOTHING`, p.ID, p.Kind, body, stamp(p.At), s.now(), claim)
		fresh = tag.RowsAffected() == 1
		return err
	})
	return fresh, err
}

// Abandoned claims payloads that some process kept and never finished, oldest first, at most n. One that was claimed five
// times is given up instead.
func (s *Store) Abandoned(ctx context.Context, n int, claim time.Duration) ([]engine.Payload, error) {
	var list []engine.Payload
	err := s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			UPDATE inbox SET finished_at = $1, problem = 'given up: it was begun ' || claims || ' times and never finished'
			WHERE finished_at IS NULL AND claimed_until <= now() AND claims >= $2`, s.now(), mostClaims)
		if err != nil {
			return err
		}
		if gone := tag.RowsAffected(); gone > 0 {
			s.log.ErrorContext(ctx, "payloads from Slack were given up", "count", gone)
		}
		rows, err := tx.Query(ctx, `
			UPDATE inbox SET claimed_until = now() + $2, claims = claims + 1
			WHERE id IN (SELECT id FROM inbox WHERE finished_at IS NULL AND claimed_until <= now()
				ORDER BY received_at, id LIMIT $1 FOR UPDATE SKIP LOCKED)
			RETURNING id, kind, body, at, received_at`, max(n, 0), claim)
		if err != nil {
			return err
		}
		list, err = scanPayloads(rows)
		return err
	})
	return list, err
}

// scanPayloads gives the payloads in the order in which they were received; RETURNING keeps none.
func scanPayloads(rows pgx.Rows) ([]engine.Payload, error) {
	type received struct {
		engine.Payload
		when time.Time
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (received, error) {
		var r received
		err := row.Scan(&r.ID, &r.Kind, &r.Body, &r.At, &r.when)
		return r, err
	})
	slices.SortFunc(list, func(a, b received) int { return a.when.Compare(b.when) })
	payloads := make([]engine.Payload, len(list))
	for k, r := range list {
		payloads[k] = r.Payload
	}
	return payloads, err
}

// Finish marks a payload as dealt with; problem is "" or why it could not be.
func (s *Store) Finish(ctx context.Context, id, problem string) error {
	return s.exec(ctx, `UPDATE inbox SET finished_at = $2, problem = $3 WHERE id = $1 AND finished_at IS NULL`, id, s.now(), problem)
}
