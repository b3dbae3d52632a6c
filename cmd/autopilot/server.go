package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/page"
	"github.com/eks-autopilot/autopilot/handlers"
)

// routes are the bot's own HTTP edges: webhooks and health.
func routes(h *handlers.Handlers, s Secrets, m *metrics, ready func(context.Context) error) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /webhooks/alertmanager", h.AlertmanagerWebhook(s.WebhookToken))
	mux.Handle("POST /webhooks/alertmanager/{cluster}", h.AlertmanagerWebhook(s.WebhookToken))
	if !s.PagerDutyWebhook.IsZero() {
		mux.Handle("POST /webhooks/pagerduty", h.PagerWebhook(pagerDecisions(page.PagerDutyWebhook, s.PagerDutyWebhook)))
	}
	if !s.OpsgenieWebhook.IsZero() {
		mux.Handle("POST /webhooks/opsgenie", h.PagerWebhook(pagerDecisions(page.OpsgenieWebhook, s.OpsgenieWebhook)))
	}
	if !s.GitHubWebhook.IsZero() {
		mux.Handle("POST /webhooks/github", h.ForgeWebhook(forgeEvent(s.GitHubWebhook)))
	}
	return probed(mux, m, ready)
}

// probed adds what tells how a process is: its metrics, that it runs, and whether it can do its work.
func probed(mux *http.ServeMux, m *metrics, ready func(context.Context) error) http.Handler {
	mux.Handle("GET /metrics", m.page())
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := ready(r.Context()); err != nil {
			// Whoever asks has shown no token: only the message, not the error behind it with its addresses.
			http.Error(w, engine.UserMessage(err, "-"), http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusOK)
	})
	return mux
}

func newServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    1 << 16,
	}
}

// serveHTTP serves until ctx ends, then lets requests finish for ten seconds.
func serveHTTP(ctx context.Context, s *http.Server, l net.Listener) error {
	failed := make(chan error, 1)
	go func() { failed <- s.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := s.Shutdown(stopping); err != nil {
		return errors.Join(err, s.Close())
	}
	return nil
}
