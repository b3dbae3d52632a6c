package handlers

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// Heartbeat calls a dead man's switch for as long as ready says that the bot does its work. It returns when ctx ends.
// The URL is a secret: whoever has it can keep the switch from noticing.
func (h *Handlers) Heartbeat(ctx context.Context, url engine.Secret, every time.Duration, ready func(context.Context) error) {
	client := &http.Client{Timeout: 10 * time.Second}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := ready(ctx); err != nil {
			h.Log.WarnContext(ctx, "no heartbeat sent: not ready", "error", err)
		} else if err := beat(ctx, client, url); err != nil {
			h.Log.WarnContext(ctx, "heartbeat not taken", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func beat(ctx context.Context, client *http.Client, url engine.Secret) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url.Reveal(), nil)
	if err != nil {
		return engine.Errorf(engine.Invalid, "the heartbeat URL is not one")
	}
	resp, err := client.Do(req)
	if err != nil {
		// The error text of net/http holds the URL.
		return engine.Errorf(engine.Unavailable, "the heartbeat's server does not answer")
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16))
	if resp.StatusCode >= 300 {
		return engine.Errorf(engine.Unavailable, "the heartbeat's server answers %s", resp.Status)
	}
	return nil
}
