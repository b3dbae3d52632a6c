package store

import (
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
)

// unrouted is the lane of a message without a channel. It is delivered too: the deliverer knows the fallback channel.
const unrouted = "unrouted"

const (
	laneSQL = `INSERT INTO lanes (lane) VALUES ($1) ON CONFLICT DO NOTHING`

	// A thread message goes where its parent is, which may not be where the parent was declared. A newer version of a
	// message that waits keeps its place; of one that is shown it goes to the end.
	declareSQL = `
		INSERT INTO messages AS m
			(key, lane, kind, subject, detail, person, channel, thread_key, broadcast, wanted, declared_at, dropped, problem)
		SELECT $1, coalesce(p.lane, $2), $3, $4, $5, $6, coalesce(p.channel, $7), $8, $9, $10, $11,
			coalesce(p.dropped AND p.ts = '', false), CASE WHEN p.dropped AND p.ts = '' THEN 'its thread was given up' ELSE '' END
		FROM (VALUES (1)) one LEFT JOIN messages p ON p.key = $8 AND $8 <> ''
		ON CONFLICT (key) DO UPDATE SET wanted = excluded.wanted,
			place = CASE WHEN m.shown < m.wanted THEN m.place ELSE nextval('message_places') END
		WHERE excluded.wanted > m.wanted`
)

// declare queues the statements that make a message wanted.
func declare(b *pgx.Batch, m engine.Message, now time.Time) {
	lane := laneOf(m)
	b.Queue(laneSQL, lane)
	b.Queue(declareSQL, m.Key, lane, m.Kind, m.Subject, m.Detail, m.Person, m.Channel, m.ThreadKey, m.Broadcast, max(m.Version, 1), now)
}

func laneOf(m engine.Message) string {
	switch {
	case m.Kind == engine.MessageHome:
		return homeKey(m.Person)
	case m.Channel == "":
		return unrouted
	}
	return m.Channel
}
