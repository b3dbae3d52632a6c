package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	wakeSQL   = `SELECT pg_notify('autopilot_outbox', '')`
	listenSQL = `LISTEN autopilot_outbox`

	wakePoll    = time.Second     // for what a lost notification would have told, and for what became due with time
	listenRetry = 2 * time.Second // after the connection that listens was lost
)

// Wake gives a channel that receives whenever something may have become due in the outbox, and at least once a second.
// It closes with ctx. While the database does not answer, it goes on ticking. However many wait, one connection listens.
func (s *Store) Wake(ctx context.Context) <-chan struct{} {
	out := make(chan struct{}, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wakings[out] = struct{}{}; len(s.wakings) == 1 {
		var listening context.Context
		listening, s.deafen = context.WithCancel(context.WithoutCancel(ctx))
		s.background.Go(func() { s.listen(listening) })
	}
	s.background.Go(func() {
		tick := time.NewTicker(wakePoll)
		defer tick.Stop()
		for ctx.Err() == nil {
			select {
			case <-ctx.Done():
			case <-tick.C:
				knock(out)
			}
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if delete(s.wakings, out); len(s.wakings) == 0 {
			s.deafen()
		}
		close(out)
	})
	return out
}

// listen knocks at everybody at each notification, on a connection of its own that it makes again when it is lost.
func (s *Store) listen(ctx context.Context) {
	for {
		err := s.listenOnce(ctx)
		if ctx.Err() != nil {
			return
		}
		s.log.WarnContext(ctx, "not listening for messages to deliver, polling instead", "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(listenRetry):
		}
	}
}

func (s *Store) listenOnce(ctx context.Context) error {
	c, err := connect(ctx, s.pool.Config().ConnConfig)
	if err != nil {
		return err
	}
	defer closeQuickly(ctx, c)
	if _, err := c.Exec(ctx, listenSQL); err != nil {
		return err
	}
	s.knockAll() // for what was declared while nobody listened
	for {
		if _, err := c.WaitForNotification(ctx); err != nil {
			return err
		}
		s.knockAll()
	}
}

// wakeAt knocks at everybody who waits in this process, when a lane's rest or a retry's delay is over.
func (s *Store) wakeAt(after time.Duration) { time.AfterFunc(after, s.knockAll) }

func (s *Store) knockAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for out := range s.wakings {
		knock(out)
	}
}

// knock never waits: one knock that was not heard yet is enough.
func knock(out chan<- struct{}) {
	select {
	case out <- struct{}{}:
	default:
	}
}

func closeQuickly(ctx context.Context, c *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = c.Close(ctx) // it is gone either way
}
