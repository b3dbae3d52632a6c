package bot

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	sockets = 2 // Slack allows ten an app: so many that one is open while the other is replaced
	workers = 4 // deliverers; each holds one channel at a time
)

// Run receives and delivers until ctx ends. It returns earlier only when the configuration can never work, such as a token
// that Slack does not know; whatever else fails is tried again, and Ready tells.
func (b *Bot) Run(ctx context.Context) error {
	if err := b.identify(ctx); err != nil {
		return err
	}
	b.stopping = ctx.Done()
	wait := b.joinChannels(ctx)
	g, ctx := errgroup.WithContext(ctx)
	for slot := range sockets {
		g.Go(func() error { return b.holdSocket(ctx, slot) })
	}
	for n := range workers {
		g.Go(func() error { b.deliverAll(ctx, n); return nil })
	}
	if wait > 0 {
		g.Go(func() error { b.keepJoining(ctx, wait); return nil })
	}
	g.Go(func() error { b.sweep(ctx); return nil })
	g.Go(func() error { b.watchToken(ctx); return nil })
	err := g.Wait()
	b.inflight.Wait() // each payload has its own deadline
	return err
}

// Ready says why messages do not flow at the moment; nil when they do.
func (b *Bot) Ready() error {
	if b.self.Load() == nil {
		return engine.Errorf(engine.Unavailable, "Slack has not answered yet")
	}
	if why := b.refused.Load(); why != nil {
		return engine.Errorf(engine.Unavailable, "Slack refuses the bot token: %s", *why)
	}
	if b.open.Load() == 0 {
		return engine.Errorf(engine.Unavailable, "no socket to Slack is open")
	}
	return nil
}

// Sockets is how many are open: Slack has said hello, and nothing since that it goes away.
func (b *Bot) Sockets() int { return int(b.open.Load()) }

// identify asks Slack who we are until it answers. It fails when the token can never work.
func (b *Bot) identify(ctx context.Context) error {
	wait := b.timing.Retry
	for {
		who, err := b.whoAmI(ctx)
		if err == nil {
			b.self.Store(who)
			return nil
		}
		if ctx.Err() != nil {
			return nil //nolint:nilerr // An ended context is how Run is told to stop.
		}
		if why := classify(err); why.kind == refusedToken {
			return engine.Errorf(engine.Invalid,
				"Slack refuses the bot token (%s); install the app and give the xoxb- token of OAuth & Permissions: %w", why.code, err)
		}
		b.log.WarnContext(ctx, "slack does not answer auth.test; trying again", "error", err, "wait", wait)
		if !pause(ctx, wait) {
			return nil
		}
		wait = min(2*wait, time.Minute)
	}
}

func (b *Bot) whoAmI(ctx context.Context) (*identity, error) {
	who, _, err := b.authTest(ctx)
	return who, err
}

func (b *Bot) authTest(ctx context.Context) (*identity, http.Header, error) {
	r, err := b.api.AuthTestContext(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("auth.test: %w", err)
	}
	return &identity{url: r.URL, team: r.TeamID, userID: r.UserID, botID: r.BotID}, r.Header, nil
}

// watchToken tries a refused token again from time to time: it may be restored, or the app installed anew.
func (b *Bot) watchToken(ctx context.Context) {
	for pause(ctx, b.timing.Reauth) {
		if b.refused.Load() == nil {
			continue
		}
		who, err := b.whoAmI(ctx)
		if err != nil {
			b.log.ErrorContext(ctx, "slack still refuses the bot token", "error", err)
			continue
		}
		b.self.Store(who)
		b.refused.Store(nil)
		b.log.InfoContext(ctx, "slack accepts the bot token again")
	}
}

// tokenRefused remembers that posting is pointless for now.
func (b *Bot) tokenRefused(ctx context.Context, code string) {
	if b.refused.Swap(&code) == nil {
		b.log.ErrorContext(ctx, "slack refuses the bot token; delivering stops until it is accepted again", "error", code)
	}
}

// pause waits for d. It says false when ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
