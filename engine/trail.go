package engine

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
)

// trailKey is where a context keeps the id of what it is about.
type trailKey struct{}

// WithID begins a trail: what is logged under the context carries the id of what it is about, from the signal to the message. A later
// Follow under the same context, such as by the store that finds the signal's incident, gives it another, for who began it too.
func WithID(ctx context.Context, id string) context.Context {
	trail := &atomic.Pointer[string]{}
	trail.Store(&id)
	return context.WithValue(ctx, trailKey{}, trail)
}

// Follow says what a trail is about, now that it is known. Without a trail it does nothing.
func Follow(ctx context.Context, id string) {
	if trail, ok := ctx.Value(trailKey{}).(*atomic.Pointer[string]); ok {
		trail.Store(&id)
	}
}

// ID is what the context is about: "incident/42", and before its incident is known the fingerprint of the signal's workload; "" for
// what is about nothing.
func ID(ctx context.Context) string {
	if trail, ok := ctx.Value(trailKey{}).(*atomic.Pointer[string]); ok {
		return *trail.Load()
	}
	return ""
}

// IncidentTrail is the id of what is about an incident.
func IncidentTrail(incident int64) string { return fmt.Sprintf("incident/%d", incident) }

// MessageTrail is the id of what is about a message, by its key: that of its incident, experiment or whatever it shows.
func MessageTrail(key string) string {
	parts := strings.SplitN(key, "/", 3)
	return strings.Join(parts[:min(len(parts), 2)], "/")
}

// Trail is the id of what a task is about.
func (t Task) Trail() string {
	switch {
	case t.IncidentID != 0:
		return IncidentTrail(t.IncidentID)
	case t.Detail != "":
		return string(t.Kind) + "/" + t.Detail
	}
	return string(t.Kind)
}
