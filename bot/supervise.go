package bot

import (
	"context"
	"log/slog"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// openMethod gives the address of a socket. Slack limits it for the app, whichever of the sockets asks.
const openMethod = "apps.connections.open"

// farewell is how long a socket whose end was announced is read on; Slack closes it within seconds.
const farewell = time.Minute

// holdSocket keeps one of the sockets open until ctx ends. When Slack announces a refresh, the next socket is opened while
// the old one is still read; when a socket breaks or goes deaf, the other one carries on meanwhile. It fails only when the
// app token can never work.
func (b *Bot) holdSocket(ctx context.Context, slot int) error {
	log := b.log.With("socket", slot)
	if slot > 0 && !pause(ctx, time.Duration(slot)*b.timing.Stagger) {
		return nil
	}
	wait, ever := b.timing.Retry, false
	for ctx.Err() == nil {
		s, err := b.openSocket(ctx)
		if err != nil {
			why := classify(err)
			if appTokenIsWrong(why) && !ever {
				return engine.Errorf(engine.Invalid, "Slack refuses the app token (%s); give an xapp- token with connections:write, "+
					"from Basic Information of the app, and switch Socket Mode on: %w", why.code, err)
			}
			delay := max(wait, why.wait)
			log.WarnContext(ctx, "slack socket could not be opened; trying again", "error", err, "wait", delay)
			pause(ctx, delay)
			wait = min(2*wait, time.Minute)
			continue
		}
		wait, ever = b.timing.Retry, true
		log.InfoContext(ctx, "slack socket is open")
		leaving := make(chan struct{})
		b.inflight.Go(func() { b.readSocket(ctx, s, log, leaving) })
		<-leaving
	}
	return nil
}

func appTokenIsWrong(p problem) bool {
	return p.kind == refusedToken || p.code == "missing_scope" || p.code == "no_permission" || p.code == "socket_mode_disabled"
}

// readSocket reads until the socket ends. It closes leaving as soon as another one is needed: when Slack announces that it
// will close this one, or when it ended.
func (b *Bot) readSocket(ctx context.Context, s *socket, log *slog.Logger, leaving chan struct{}) {
	b.open.Add(1)
	left := false
	leave := func() {
		if !left {
			left = true
			close(leaving)
		}
	}
	defer leave()
	defer b.open.Add(-1)
	stop := context.AfterFunc(ctx, s.close)
	defer func() {
		if stop() {
			s.close()
		}
	}()
	for {
		e, err := s.read()
		if err != nil {
			if ctx.Err() == nil {
				log.WarnContext(ctx, "slack socket ended", "error", err, "replaced", left)
			}
			return
		}
		switch e.Type {
		case "hello":
		case "disconnect":
			// The announced socket goes on being read: Slack may still send on it until it closes it.
			log.InfoContext(ctx, "slack will close this socket", "reason", e.Reason)
			leave()
			retired := time.AfterFunc(farewell, s.close)
			defer retired.Stop()
		case "events_api", "slash_commands", "interactive":
			if !s.begin() {
				continue // not acknowledged: whoever runs next gets it, or the person sees Slack's error
			}
			b.inflight.Go(func() { b.receive(context.WithoutCancel(ctx), s, e) })
		default:
			log.WarnContext(ctx, "slack sent an unknown kind of envelope", "type", e.Type)
		}
	}
}
