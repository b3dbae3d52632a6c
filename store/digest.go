package store

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/digest"
	"github.com/eks-autopilot/autopilot/engine/incident"
)

const (
	insertDigestSQL = `INSERT INTO digest (kind, period_from, team, cluster, body, closed, made_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (kind, period_from, team, cluster) DO NOTHING`

	closeDigestSQL = `UPDATE digest SET body = $5, closed = true, version = version + 1, made_at = $6
		WHERE kind = $1 AND period_from = $2 AND team = $3 AND cluster = $4 AND kind = 'monthly' AND NOT closed RETURNING id, version`

	selectDigest = `SELECT id, body FROM digest `

	ofDigest = `WHERE kind = $1 AND period_from = $2 AND team = $3 AND cluster = $4`

	insertSendingSQL = `INSERT INTO digest_sending (digest_id, delivery, via, state, over_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT DO NOTHING RETURNING id`
)

// SaveDigest keeps a digest, unless one of its period and scope is kept already, and has the kept one go to deliveries on each way on
// which it did not yet: for Slack its messages are declared, for the others a task waits. Again, or by several at once, it changes
// nothing more. It gives the kept one, with its ID.
func (s *Store) SaveDigest(ctx context.Context, d engine.Digest, to []digest.Delivery) (engine.Digest, error) {
	var kept engine.Digest
	err := s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		d.ID = 0
		if _, err := tx.Exec(ctx, insertDigestSQL, d.Period.Kind, d.Period.From, d.Scope.Team, d.Scope.Cluster, d, d.Closed, s.now()); err != nil {
			return err
		}
		var err error
		if kept, err = oneDigest(ctx, tx, ofDigest, d.Period.Kind, d.Period.From, d.Scope.Team, d.Scope.Cluster); err != nil {
			return err
		}
		for _, delivery := range to {
			if err := s.send(ctx, tx, kept, delivery); err != nil {
				return err
			}
		}
		return nil
	})
	return kept, err
}

// send has a kept digest go on the ways of a delivery on which it did not yet.
func (s *Store) send(ctx context.Context, tx pgx.Tx, d engine.Digest, to digest.Delivery) error {
	for _, via := range to.Ways() {
		state, over := "waiting", (*time.Time)(nil)
		if via == digest.ViaSlack {
			now := s.now()
			state, over = "sent", &now
		}
		var id int64
		err := tx.QueryRow(ctx, insertSendingSQL, d.ID, to.Name, via, state, over).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			continue
		}
		if err != nil {
			return err
		}
		if via == digest.ViaSlack {
			err = s.declareDigest(ctx, tx, d, to.Name, to.Channel, 1)
		} else {
			err = s.insertTasks(ctx, tx, sendTask(id))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func sendTask(id int64) []incident.TaskAt {
	return []incident.TaskAt{{Task: engine.Task{Kind: engine.TaskReportSend, Detail: strconv.FormatInt(id, 10)}}}
}

// declareDigest has Slack show a version of a digest, and its tables in the thread. A message that is there stays in its channel.
func (s *Store) declareDigest(ctx context.Context, tx pgx.Tx, d engine.Digest, delivery, channel string, version int64) error {
	b := &pgx.Batch{}
	key := engine.DigestKey(d.Period, delivery)
	declare(b, engine.Message{Key: key, Kind: engine.MessageDigest, Subject: d.ID, Channel: channel, Version: version}, s.now())
	for part := 1; part <= engine.DigestParts; part++ {
		declare(b, engine.Message{
			Key: engine.DetailsKey(d.Period, delivery, part), Kind: engine.MessageDetails, Subject: d.ID, Detail: int64(part),
			Channel: channel, ThreadKey: key, Version: version,
		}, s.now())
	}
	b.Queue(wakeSQL)
	return tx.SendBatch(ctx, b).Close()
}

// CloseDigest puts the digest of a month whose invoices are final in place of the one that was told, for good: its messages are edited,
// and what S3 has is replaced; a mail is not sent again. One that is closed stays as it is. It fails with engine.Invalid for a digest
// that is not closed or of no month.
func (s *Store) CloseDigest(ctx context.Context, d engine.Digest) error {
	if !d.Closed || d.Period.Kind != engine.Monthly {
		return engine.Errorf(engine.Invalid, "the digest of %s is not that of a month whose invoices are final", d.Period)
	}
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		d.ID = 0
		var version int64
		err := tx.QueryRow(ctx, closeDigestSQL, d.Period.Kind, d.Period.From, d.Scope.Team, d.Scope.Cluster, d, s.now()).Scan(&d.ID, &version)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `UPDATE digest_sending SET state = CASE via WHEN 's3' THEN 'waiting' ELSE state END,
				over_at = CASE via WHEN 's3' THEN NULL ELSE over_at END
			WHERE digest_id = $1 AND via IN ('slack', 's3') RETURNING id, via, delivery`, d.ID)
		if err != nil {
			return err
		}
		sendings, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (x digest.Sending, err error) {
			err = row.Scan(&x.ID, &x.Via, &x.Delivery)
			return x, err
		})
		if err != nil {
			return err
		}
		for _, x := range sendings {
			if x.Via == digest.ViaSlack {
				err = s.declareDigest(ctx, tx, d, x.Delivery, "", version)
			} else {
				err = s.insertTasks(ctx, tx, sendTask(x.ID))
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Closable gives the kept months that are not closed, and of which the invoice of each payer is final by now.
func (s *Store) Closable(ctx context.Context) ([]engine.Digest, error) {
	var list []engine.Digest
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		list, err = digests(ctx, tx, `g WHERE kind = 'monthly' AND NOT closed
			AND EXISTS (SELECT FROM cost_month m WHERE m.month = g.period_from)
			AND NOT EXISTS (SELECT FROM cost_day d WHERE d.payer <> '' AND d.day >= g.period_from AND d.day < g.period_from + interval '1 month'
				AND NOT EXISTS (SELECT FROM cost_month m WHERE m.payer = d.payer AND m.month = g.period_from))
			ORDER BY id`)
		return err
	})
	return list, err
}

// Digest gives a kept digest. It fails with engine.NotFound when there is none of that id.
func (s *Store) Digest(ctx context.Context, id int64) (engine.Digest, error) {
	var d engine.Digest
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		d, err = oneDigest(ctx, tx, `WHERE id = $1`, id)
		if errors.Is(err, pgx.ErrNoRows) {
			return engine.Errorf(engine.NotFound, "there is no digest %d", id)
		}
		return err
	})
	return d, err
}

// DigestOf gives the kept digest of a period and scope; ok is false when none is kept.
func (s *Store) DigestOf(ctx context.Context, p engine.Period, scope engine.DigestScope) (d engine.Digest, ok bool, err error) {
	err = s.read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		list, err := digests(ctx, tx, ofDigest, p.Kind, p.From, scope.Team, scope.Cluster)
		if ok = len(list) > 0; ok {
			d = list[0]
		}
		return err
	})
	return d, ok, err
}

// Spenders gives the teams and clusters that ever cost something, in order.
func (s *Store) Spenders(ctx context.Context) (teams, clusters []string, err error) {
	err = s.read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, `SELECT coalesce(array_agg(DISTINCT team COLLATE "C" ORDER BY team COLLATE "C") FILTER (WHERE team <> ''), '{}'),
			coalesce(array_agg(DISTINCT cluster COLLATE "C" ORDER BY cluster COLLATE "C") FILTER (WHERE cluster <> ''), '{}') FROM cost_row`).Scan(&teams, &clusters)
	})
	return teams, clusters, err
}

func digests(ctx context.Context, tx pgx.Tx, rest string, args ...any) ([]engine.Digest, error) {
	rows, err := tx.Query(ctx, selectDigest+rest, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanDigest)
}

func oneDigest(ctx context.Context, tx pgx.Tx, rest string, args ...any) (engine.Digest, error) {
	rows, err := tx.Query(ctx, selectDigest+rest, args...)
	if err != nil {
		return engine.Digest{}, err
	}
	return pgx.CollectExactlyOneRow(rows, scanDigest)
}

func scanDigest(row pgx.CollectableRow) (engine.Digest, error) {
	var id int64
	var d engine.Digest
	err := row.Scan(&id, &d)
	d.ID = id
	return d, err
}
