package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	// homeInterest is how long after a person looked at their Home tab it is kept up to date.
	homeInterest = 8 * time.Hour

	homeChangedSQL = `INSERT INTO home_changes SELECT WHERE EXISTS (SELECT FROM home_viewers WHERE seen_at > $1)`

	bumpHomesSQL = `
		WITH changed AS (DELETE FROM home_changes RETURNING id)
		UPDATE messages SET wanted = wanted + 1, place = CASE WHEN shown < wanted THEN place ELSE nextval('message_places') END
		WHERE EXISTS (SELECT FROM changed)
			AND key IN (SELECT 'home/' || person FROM home_viewers WHERE seen_at > $1)`
)

func homeKey(person string) string { return "home/" + person }

// HomeOpened notes that a person looks at their Home tab: it is drawn now, and again with each change of the next 8 hours.
// It fails with engine.Invalid for nobody.
func (s *Store) HomeOpened(ctx context.Context, p engine.Person) error {
	if p.IsZero() {
		return engine.Errorf(engine.Invalid, "a Home tab is a person's")
	}
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		b := &pgx.Batch{}
		b.Queue(`INSERT INTO home_viewers (person, name, seen_at) VALUES ($1, $2, $3)
			ON CONFLICT (person) DO UPDATE SET name = excluded.name, seen_at = excluded.seen_at`, p.ID, p.Name, s.now())
		b.Queue(laneSQL, homeKey(p.ID))
		b.Queue(`INSERT INTO messages AS m (key, lane, kind, subject, detail, person, channel, thread_key, broadcast, wanted, declared_at)
			VALUES ($1, $1, $2, 0, 0, $3, '', '', false, 1, $4)
			ON CONFLICT (key) DO UPDATE SET wanted = m.wanted + 1, dropped = false,
				place = CASE WHEN m.shown < m.wanted THEN m.place ELSE nextval('message_places') END`,
			homeKey(p.ID), engine.MessageHome, p.ID, s.now())
		b.Queue(wakeSQL)
		return tx.SendBatch(ctx, b).Close()
	})
}

// bumpHomes makes the Home tabs that are looked at due when something changed since the last time.
func bumpHomes(ctx context.Context, tx pgx.Tx, now time.Time) error {
	_, err := tx.Exec(ctx, bumpHomesSQL, now.Add(-homeInterest))
	return err
}
