package main

import (
	"context"
	"io"
	"log/slog"

	"github.com/eks-autopilot/autopilot/engine"
)

// newLog writes JSON. A line about an incident, or about something else that is followed, has its id.
func newLog(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(trailing{slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})})
}

// trailing adds to each line what its context is about.
type trailing struct{ slog.Handler }

// Handle implements slog.Handler.
func (t trailing) Handle(ctx context.Context, r slog.Record) error {
	if id := engine.ID(ctx); id != "" {
		r.AddAttrs(slog.String("id", id))
	}
	return t.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (t trailing) WithAttrs(attrs []slog.Attr) slog.Handler {
	return trailing{t.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (t trailing) WithGroup(name string) slog.Handler { return trailing{t.Handler.WithGroup(name)} }
