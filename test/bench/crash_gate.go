package main

import (
	"context"
	"errors"
	"net/http"
	"sync"
)

// gate stands between a process and everything outside it: it counts the steps by which the process reaches out, and cuts it off for
// good at one of them. What is cut off cannot be told, from outside, from what was killed: nothing that it still does takes effect, and
// no answer reaches it.
type gate struct {
	at    int  // the step at which it is cut off, from 1; 0 for never
	after bool // once the step took effect, rather than before
	off   func()

	mu    sync.Mutex
	doing string // what the process is at, for whoever reads the list of steps
	steps []string
	gone  bool
}

// passage is how a step goes on.
type passage int

const (
	open       passage = iota
	shut               // it does not take effect: the process is gone
	unanswered         // it takes effect, and then the process is gone: the caller calls cut
)

// step asks for passage.
func (g *gate) step(what string) passage {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.gone {
		return shut
	}
	g.steps = append(g.steps, g.doing+": "+what)
	switch {
	case len(g.steps) != g.at:
		return open
	case g.after:
		return unanswered
	}
	g.end()
	return shut
}

// cut ends the process.
func (g *gate) cut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.end()
}

func (g *gate) end() {
	if !g.gone {
		g.gone = true
		g.off()
	}
}

func (g *gate) isGone() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.gone
}

func (g *gate) begin(doing string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.doing = doing
}

// errGone is what a process that was cut off gets of everything.
var errGone = errors.New("the process is gone")

// through takes a step that is no more than a call.
func (g *gate) through(ctx context.Context, what string, do func(context.Context) error) error {
	switch g.step(what) {
	case shut:
		return errGone
	case unanswered:
		err := do(context.WithoutCancel(ctx))
		g.cut()
		return errors.Join(errGone, err)
	case open:
	}
	return do(ctx)
}

// line is the way of a process to GitHub: each request is a step.
type line struct {
	gate *gate
	next *http.Transport
}

// RoundTrip implements http.RoundTripper.
func (l line) RoundTrip(req *http.Request) (resp *http.Response, err error) {
	gone := l.gate.through(req.Context(), req.Method+" "+req.URL.Path, func(ctx context.Context) error {
		resp, err = l.next.RoundTrip(req.WithContext(ctx)) //nolint:bodyclose // whoever asked closes it
		return nil
	})
	if gone == nil {
		return resp, err
	}
	if resp != nil {
		_ = resp.Body.Close() // nobody reads it any more
	}
	return nil, gone
}
