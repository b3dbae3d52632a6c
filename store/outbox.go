package store

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
)

// lease is a lane that this process was given, and its number: what is freed later must be that very lease, not one that
// another replica took after ours ran out.
type lease struct {
	lane   string
	number int64 // 0 for none
	ends   time.Time
}

const (
	// reclaim is how long after it took a lane a holder that asks for another gets the same again: it was restarted, or could not
	// tell us how its delivery came out. Slack's history, in which it then looks, can lag a little behind Slack's accept.
	reclaim = 3 * time.Second

	// workspace is the lane whose pause stops all.
	workspace = ""

	// due is true of a message m, with p the one whose thread it belongs in, that could be sent at the time $1.
	due = ` m.shown < m.wanted AND NOT m.dropped AND (m.retry_at IS NULL OR m.retry_at <= $1)
		AND (m.thread_key = '' OR p.ts <> '') `

	// A lane is held with NO KEY UPDATE, beside which messages may still be declared in it.
	freeLaneSQL = `
		SELECT l.lane FROM lanes l
		JOIN LATERAL (
			SELECT m.place FROM messages m LEFT JOIN messages p ON p.key = m.thread_key
			WHERE m.lane = l.lane AND ` + due + ` ORDER BY m.place LIMIT 1) first ON true
		WHERE l.lane <> '' AND (l.leased_until IS NULL OR l.leased_until <= now() OR l.holder = $2 AND l.leased_until <= now() + $3)
			AND (l.paused_until IS NULL OR l.paused_until <= $1) AND (l.next_at IS NULL OR l.next_at <= $1)
			AND NOT EXISTS (SELECT FROM lanes w WHERE w.lane = '' AND w.paused_until > $1)
		ORDER BY first.place LIMIT 1 FOR NO KEY UPDATE OF l SKIP LOCKED`

	firstDueSQL = `
		SELECT m.key, m.kind, m.subject, m.detail, m.person, m.channel, m.thread_key, m.broadcast, m.wanted,
			m.channel_id, m.ts, coalesce(p.ts, ''), m.posting, m.attempts, m.declared_at
		FROM messages m LEFT JOIN messages p ON p.key = m.thread_key AND m.thread_key <> ''
		WHERE m.lane = $2 AND ` + due + ` ORDER BY m.place LIMIT 1`

	leaseSQL = `UPDATE lanes SET lease = nextval('lane_leases'), holder = $2, leased_until = now() + $3 WHERE lane = $1 RETURNING lease`

	releaseSQL = `UPDATE lanes SET leased_until = NULL, holder = '', next_at = $3 WHERE lane = $1 AND lease = $2 AND lease > 0`
)

// Lease takes a lane that has a due message and is neither leased nor paused, and gives its first due message. ok is false
// when nothing is due. The lease ends with Delivered, Failed, Later, Drop or Pause, or after ttl.
//
// A holder delivers one message at a time: when it asks again without having ended its lease, it has lost it, and gets the lane
// back at once rather than after ttl.
//
// A message is due when Slack does not show its newest version, its retry's time has come and, in a thread, its parent was
// posted. A lane's messages come in the order in which they were declared; one that waits for its retry holds up only those
// in its thread.
func (s *Store) Lease(ctx context.Context, holder string, ttl time.Duration) (d engine.Delivery, ok bool, err error) {
	if ttl <= 0 {
		return d, false, engine.Errorf(engine.Invalid, "a lease must last, not for %s", ttl)
	}
	var l lease
	err = s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		now := s.now()
		d, ok, l = engine.Delivery{}, false, lease{}
		if err := bumpHomes(ctx, tx, now); err != nil {
			return err
		}
		err := tx.QueryRow(ctx, freeLaneSQL, now, holder, ttl-reclaim).Scan(&l.lane)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		// The lane is ours only now: what was its first message when it was chosen may have been delivered meanwhile.
		err = tx.QueryRow(ctx, firstDueSQL, now, l.lane).Scan(&d.Key, &d.Kind, &d.Subject, &d.Detail, &d.Person, &d.Channel,
			&d.ThreadKey, &d.Broadcast, &d.Version, &d.ChannelID, &d.TS, &d.ThreadTS, &d.Posting, &d.Attempt, &d.Declared)
		if errors.Is(err, pgx.ErrNoRows) {
			s.wakeAt(0) // look for another lane
			return nil
		}
		if err != nil {
			return err
		}
		ok = true
		return tx.QueryRow(ctx, leaseSQL, l.lane, holder, ttl).Scan(&l.number)
	})
	if err != nil || !ok {
		return engine.Delivery{}, false, err
	}
	s.remember(d.Key, l, ttl)
	return d, true, nil
}

// BeginPost records that a new post of the message is about to be sent, so that a crash is followed by a look, not by a
// second post. It fails with engine.Conflict when the lease ran out and another replica delivers the message.
func (s *Store) BeginPost(ctx context.Context, key string) error {
	l := s.leaseOf(key)
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			UPDATE messages m SET posting = true FROM lanes l
			WHERE m.key = $1 AND l.lane = $2 AND l.lease = $3 AND l.leased_until > now()`, key, l.lane, l.number)
		if err == nil && tag.RowsAffected() == 0 {
			err = engine.Errorf(engine.Conflict, "the lease to deliver %s ran out", key)
		}
		return err
	})
}

// Delivered records that Slack shows version of the message at channelID and ts, and frees the lease. pace is how long the
// lane rests before its next message.
func (s *Store) Delivered(ctx context.Context, key string, version int64, channelID, ts string, pace time.Duration) error {
	return s.finishDelivery(ctx, key, pace, func(b *pgx.Batch) {
		b.Queue(`UPDATE messages SET shown = greatest(shown, $2), channel_id = $3, ts = $4,
			posting = false, attempts = 0, retry_at = NULL, problem = '' WHERE key = $1`, key, version, channelID, ts)
	})
}

const failedSQL = `UPDATE messages SET attempts = attempts + 1, problem = $2, retry_at = $3 WHERE key = $1`

// Failed records a failed attempt and frees the lease; the message is due again at retryAt.
func (s *Store) Failed(ctx context.Context, key, problem string, retryAt time.Time) error {
	err := s.finishDelivery(ctx, key, 0, func(b *pgx.Batch) { b.Queue(failedSQL, key, problem, orNull(retryAt)) })
	if err == nil && !retryAt.IsZero() {
		s.wakeAt(retryAt.Sub(s.now()))
	}
	return err
}

// Lost is Failed when what is in Slack is gone: what d shows or, for a reply that was never posted, what its thread hangs on.
// That is posted anew, to fallback when it is not "", where then goes what of its thread was not posted yet. It is not lost when
// it was posted elsewhere since d was leased: whoever found it gone first has seen to it, and may be posting it right now.
func (s *Store) Lost(ctx context.Context, d engine.Delivery, problem string, retryAt time.Time, fallback string) error {
	gone, ts := d.Key, d.TS
	if d.ThreadKey != "" && d.TS == "" {
		gone, ts = d.ThreadKey, d.ThreadTS
	}
	err := s.finishDelivery(ctx, d.Key, 0, func(b *pgx.Batch) {
		b.Queue(`UPDATE messages SET shown = 0, channel_id = '', ts = '', posting = false, problem = $3, retry_at = NULL WHERE key = $1 AND ts = $2`, gone, ts, problem)
		b.Queue(failedSQL, d.Key, problem, retryAt)
		if fallback != "" {
			b.Queue(laneSQL, fallback)
			b.Queue(`UPDATE messages SET channel = $2, lane = $2 WHERE $1 IN (key, thread_key) AND ts = ''
				AND EXISTS (SELECT FROM messages WHERE key = $1 AND ts = '')`, gone, fallback)
		}
	})
	if err == nil {
		s.wakeAt(retryAt.Sub(s.now()))
	}
	return err
}

// Later puts a message off until a time and frees the lease. It is no failure: a newer version of it waits as well, the rest of
// the lane does not.
func (s *Store) Later(ctx context.Context, key string, until time.Time) error {
	err := s.finishDelivery(ctx, key, 0, func(b *pgx.Batch) {
		b.Queue(`UPDATE messages SET retry_at = $2 WHERE key = $1`, key, stamp(until))
	})
	if err == nil {
		s.wakeAt(until.Sub(s.now()))
	}
	return err
}

// Drop gives a message up for good, with the reason, and frees the lease. If it was never posted, its thread is given up too.
func (s *Store) Drop(ctx context.Context, key, problem string) error {
	return s.finishDelivery(ctx, key, 0, func(b *pgx.Batch) {
		b.Queue(`UPDATE messages SET dropped = true, posting = false, problem = $2 WHERE key = $1`, key, problem)
		b.Queue(`UPDATE messages SET dropped = true, problem = 'its thread was given up' WHERE thread_key = $1
			AND EXISTS (SELECT FROM messages WHERE key = $1 AND ts = '')`, key)
	})
}

// Pause stops a channel until a time, as a 429 asks, and frees its lease. It takes the channel as the message names it, or
// its id. "" stops all; the leases of this process then last until that time, for the calls that are still on their way.
func (s *Store) Pause(ctx context.Context, channel string, until time.Time) error {
	err := s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if channel != workspace {
			_, err := tx.Exec(ctx, `
				UPDATE lanes SET paused_until = greatest(paused_until, $2), leased_until = NULL, holder = ''
				WHERE lane = $1 OR lane IN (SELECT lane FROM messages WHERE channel_id = $1 AND channel_id <> '')`, channel, stamp(until))
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE lanes SET paused_until = greatest(paused_until, $2) WHERE lane = $1`, workspace, stamp(until)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE lanes SET leased_until = least(leased_until, now() + $2) WHERE lease = ANY ($1)`,
			s.leaseNumbers(), max(until.Sub(s.now()), 0))
		return err
	})
	if err == nil {
		s.wakeAt(until.Sub(s.now()))
	}
	return err
}

// finishDelivery writes how a delivery came out and frees its lease, if it is still ours.
func (s *Store) finishDelivery(ctx context.Context, key string, pace time.Duration, queue func(*pgx.Batch)) error {
	l := s.leaseOf(key)
	err := s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		b := &pgx.Batch{}
		b.Queue(releaseSQL, l.lane, l.number, s.now().Add(pace))
		queue(b)
		return tx.SendBatch(ctx, b).Close()
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	if s.leases[key] == l {
		delete(s.leases, key)
	}
	s.mu.Unlock()
	s.wakeAt(pace)
	return nil
}

// remember keeps a lease until it is freed, and forgets those that nobody freed.
func (s *Store) remember(key string, l lease, ttl time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	maps.DeleteFunc(s.leases, func(_ string, old lease) bool { return old.ends.Before(now) })
	l.ends = now.Add(ttl + callTimeout)
	s.leases[key] = l
}

func (s *Store) leaseOf(key string) lease {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.leases[key]
}

func (s *Store) leaseNumbers() []int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	numbers := []int64{}
	for _, l := range s.leases {
		numbers = append(numbers, l.number)
	}
	return numbers
}
