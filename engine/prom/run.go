package prom

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/eks-autopilot/autopilot/engine"
)

var errSlow = engine.Errorf(engine.Unavailable, "Prometheus stays slow, so that it was left in peace")

// insist asks until Prometheus answers, refuses, or is left in peace. What cannot be made smaller is asked for once more only.
func (a *asker) insist(ctx context.Context, query string, g grid, row func(labelSet) []float64) error {
	for {
		err := a.get(ctx, query, g, row)
		if err == nil && a.tired() {
			return errSlow
		}
		if err == nil || a.tired() || engine.CodeOf(err) != engine.Unavailable && !errors.Is(err, errTooMuch) {
			return err
		}
	}
}

// run reads pieces, two at a time, and smaller ones where those are too large. It fails when one cannot be read.
func (l *load) run(ctx context.Context, pieces []piece) error {
	q := &queue{pieces: pieces}
	slices.Reverse(q.pieces)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				p, ok := q.take()
				if !ok {
					return
				}
				q.done(l.one(ctx, q, p))
			}
		})
	}
	wg.Wait()
	return q.err
}

// one reads a piece, or puts what it is divided into back.
func (l *load) one(ctx context.Context, q *queue, p piece) error {
	p.chunks = p.chunks && l.haveChunks()
	if l.cost(p) > l.allowed(p)*l.ask.portion()*1.1 {
		if a, b, ok := p.halves(); ok {
			q.put(b, a)
			return nil
		}
	}
	err := l.fetch(ctx, p)
	switch {
	case err == nil:
	case ctx.Err() != nil || l.ask.tired():
		return err
	case errors.Is(err, errNoChunks):
		l.refuse(err)
		q.put(p)
		return nil
	case errors.Is(err, errTooMuch):
		a, b, ok := p.halves()
		if !ok {
			return err
		}
		q.put(b, a)
		return nil
	case engine.CodeOf(err) == engine.Unavailable:
		if p.chunks && l.ask.struck() > 1 {
			l.refuse(err) // it may be what stands before it that breaks off long answers
		}
		q.put(p)
		return nil
	default:
		return err
	}
	if l.ask.tired() {
		return errSlow
	}
	return nil
}

// queue is pieces that are to be read, the next one last.
type queue struct {
	mu     sync.Mutex
	pieces []piece
	busy   int
	err    error
	wake   chan struct{}
}

// take waits for a piece while another that is being read may still be divided. ok is false when there is none any more.
func (q *queue) take() (p piece, ok bool) {
	for {
		q.mu.Lock()
		if q.err != nil || len(q.pieces) == 0 && q.busy == 0 {
			q.mu.Unlock()
			return p, false
		}
		if n := len(q.pieces); n > 0 {
			p, q.pieces = q.pieces[n-1], q.pieces[:n-1]
			q.busy++
			q.mu.Unlock()
			return p, true
		}
		if q.wake == nil {
			q.wake = make(chan struct{})
		}
		wake := q.wake
		q.mu.Unlock()
		<-wake
	}
}

func (q *queue) put(pieces ...piece) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.pieces = append(q.pieces, pieces...)
}

// done ends the reading of a piece; the first error ends all.
func (q *queue) done(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.busy--
	if q.err == nil {
		q.err = err
	}
	if q.wake != nil {
		close(q.wake)
		q.wake = nil
	}
}
