package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
)

// SameChannel says that the channel which messages are routed to by name is the one with this id. Both are one lane from then
// on, for what this process declares and for what waits already, in the order in which it was declared. It fails with
// engine.Conflict while a message of the name's lane is being delivered; try again.
func (s *Store) SameChannel(ctx context.Context, name, id string) error {
	if name == "" || id == "" {
		return engine.Errorf(engine.Invalid, "the channel %q cannot be the one with the id %q", name, id)
	}
	s.mu.Lock()
	s.channels[name] = id
	s.mu.Unlock()
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, laneSQL, name); err != nil {
			return err
		}
		// While the row is locked nobody can take the lane.
		var leased bool
		err := tx.QueryRow(ctx, `SELECT coalesce(leased_until > now(), false) FROM lanes WHERE lane = $1 FOR NO KEY UPDATE`, name).Scan(&leased)
		if err != nil {
			return err
		}
		if leased {
			return engine.Errorf(engine.Conflict, "a message to %s is being delivered", name)
		}
		b := &pgx.Batch{}
		b.Queue(laneSQL, id)
		b.Queue(`UPDATE lanes l SET paused_until = greatest(l.paused_until, n.paused_until), next_at = greatest(l.next_at, n.next_at)
			FROM lanes n WHERE l.lane = $2 AND n.lane = $1`, name, id)
		b.Queue(`UPDATE messages SET lane = $2, channel = $2 WHERE lane = $1`, name, id)
		b.Queue(wakeSQL)
		return tx.SendBatch(ctx, b).Close()
	})
}

// channel is what a channel's lane is called: its id where SameChannel told that, else what the configuration calls it.
func (s *Store) channel(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id, ok := s.channels[name]; ok {
		return id
	}
	return name
}
