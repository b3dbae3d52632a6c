package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/digest"
)

// DeliveryStand says where a delivery stands. One that is asked for the first time is known from then on.
func (s *Store) DeliveryStand(ctx context.Context, of digest.Delivery) (digest.Stand, error) {
	const standSQL = `SELECT d.since, (SELECT max(g.period_from)::timestamp AT TIME ZONE 'UTC' FROM digest_sending x JOIN digest g ON g.id = x.digest_id
				WHERE x.delivery = d.name AND g.kind = d.kind),
			least((SELECT min(saved_at) FROM cost_day), (SELECT min(at) FROM ledger), (SELECT min(requested_at) FROM scan), (SELECT min(detected_at) FROM incidents))
		FROM digest_delivery d WHERE d.name = $1 AND d.kind = $2`
	var at digest.Stand
	stand := func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, standSQL, of.Name, of.Kind).Scan(&at.Since, zeroTime{&at.Newest}, zeroTime{&at.First})
	}
	unknown := false
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		err := stand(ctx, tx)
		if unknown = errors.Is(err, pgx.ErrNoRows); unknown {
			return nil
		}
		return err
	})
	if err != nil || !unknown {
		return at, err
	}
	err = s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO digest_delivery (name, kind, since) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, of.Name, of.Kind, s.now()); err != nil {
			return err
		}
		return stand(ctx, tx)
	})
	return at, err
}

// Sending gives a digest on its way. It fails with engine.NotFound when there is none of that id.
func (s *Store) Sending(ctx context.Context, id int64) (digest.Sending, error) {
	var x digest.Sending
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `SELECT id, digest_id, delivery, via, state <> 'waiting' FROM digest_sending WHERE id = $1`, id).
			Scan(&x.ID, &x.Digest, &x.Delivery, &x.Via, &x.Done)
		if errors.Is(err, pgx.ErrNoRows) {
			return engine.Errorf(engine.NotFound, "there is no sending %d", id)
		}
		return err
	})
	return x, err
}

// SaveSent keeps how an attempt to send came out: problem is "" when it was sent; final says that there will be no other.
func (s *Store) SaveSent(ctx context.Context, id int64, problem string, final bool) error {
	state, over := "waiting", (*time.Time)(nil)
	switch now := s.now(); {
	case problem == "":
		state, over = "sent", &now
	case final:
		state, over = "given_up", &now
	}
	return s.exec(ctx, `UPDATE digest_sending SET state = $2, over_at = $3, problem = $4, attempts = attempts + 1 WHERE id = $1 AND state = 'waiting'`,
		id, state, over, problem)
}

// Unsent gives what of the digests of the last 40 days was given up, or failed and is tried again; the newest first.
func (s *Store) Unsent(ctx context.Context) ([]digest.Unsent, error) {
	var list []digest.Unsent
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT x.delivery, x.via, g.body -> 'period', x.problem, x.attempts FROM digest_sending x JOIN digest g ON g.id = x.digest_id
			WHERE x.problem <> '' AND g.made_at > $1 ORDER BY x.id DESC LIMIT 20`, s.now().AddDate(0, 0, -40))
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[digest.Unsent])
		return err
	})
	return list, err
}

// SaveCount keeps how many units of work were done on a day. A day that is counted stays as it is. It fails with engine.Invalid for a
// number that is no count.
func (s *Store) SaveCount(ctx context.Context, u digest.UnitDay) error {
	if !(u.Count >= 0 && u.Count <= 1e18) {
		return engine.Errorf(engine.Invalid, "%v is no count of %s", u.Count, u.Name)
	}
	return s.exec(ctx, `INSERT INTO unit_count (name, day, count, at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`, u.Name, u.Day, u.Count, s.now())
}

// Counted gives the days from the first on of which the units of a name are counted.
func (s *Store) Counted(ctx context.Context, name string, from time.Time) ([]time.Time, error) {
	var days []time.Time
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT day FROM unit_count WHERE name = $1 AND day >= $2 ORDER BY day`, name, from)
		if err != nil {
			return err
		}
		days, err = pgx.CollectRows(rows, pgx.RowTo[time.Time])
		return err
	})
	return days, err
}
