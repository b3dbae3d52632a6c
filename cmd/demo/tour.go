package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// step is one of the tour: something happens, a person may have to do something about it, and then it is seen in Slack.
type step struct {
	name string
	tell string // what to look at and to click, for people; `code` is set apart
	look string // the address of the workspace page that shows it; "" for the one of the step before
	link string // another page that belongs to it

	begin  func(ctx context.Context) error           // what nobody has to do; nil for nothing
	act    func(ctx context.Context) error           // what a person does; nil where there is only something to look at
	seen   func(ctx context.Context) (string, error) // waits, and gives what was seen; the error says what was seen instead
	within time.Duration                             // for act and seen, when nobody is waited for
}

// tour plays steps: by itself, or with a person who looks at the page.
type tour struct {
	steps []step
	out   io.Writer

	mu      sync.Mutex
	current int
	states  []stepState
	note    string // what the stand is doing
	next    chan struct{}
	over    bool
}

// The states of a step, as the page knows them.
const (
	stepBusy   = "busy"   // something happens
	stepYours  = "yours"  // a person may do it
	stepLook   = "look"   // it is there to be looked at
	stepDone   = "done"   // it was seen
	stepFailed = "failed" // it was not
)

type stepState struct{ status, text string }

func newTour(out io.Writer) *tour { return &tour{out: out, next: make(chan struct{}, 1)} }

// plan gives the tour its steps.
func (t *tour) plan(steps []step) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.steps, t.states = steps, make([]stepState, len(steps))
}

// say tells the page what is being done.
func (t *tour) say(note string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.note = note
}

func (t *tour) is(n int, status, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.current, t.states[n] = n, stepState{status, text}
}

// play does what the steps say one after another, as people would, and prints what was seen. It fails with the step that was not seen.
func (t *tour) play(ctx context.Context) error {
	for n, s := range t.steps {
		t.headline(n)
		saw, err := t.alone(ctx, s)
		if err != nil {
			return fmt.Errorf("step %d of %d, %s: %w", n+1, len(t.steps), s.name, err)
		}
		t.print(saw)
	}
	_, _ = fmt.Fprintf(t.out, "\nAll %d steps were seen in Slack.\n\n", len(t.steps))
	return nil
}

func (t *tour) headline(n int) {
	_, _ = fmt.Fprintf(t.out, "\nStep %d of %d: %s\n", n+1, len(t.steps), t.steps[n].name)
}

// print writes what was seen, set in from the margin.
func (t *tour) print(saw string) {
	_, _ = fmt.Fprintf(t.out, "    %s\n", strings.ReplaceAll(strings.TrimSpace(saw), "\n", "\n    "))
}

func (t *tour) alone(ctx context.Context, s step) (string, error) {
	if s.begin != nil {
		if err := s.begin(ctx); err != nil {
			return "", err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, s.within)
	defer cancel()
	if s.act != nil {
		if err := s.act(ctx); err != nil {
			return "", err
		}
	}
	return s.seen(ctx)
}

// guide goes on when a person did what a step asks for, or asked to go on: then it is done for them. What fails is told, and tried again when
// they ask to go on. It returns when all was seen, or when ctx ends.
func (t *tour) guide(ctx context.Context) error {
	for n := 0; n < len(t.steps); {
		t.headline(n)
		saw, err := t.together(ctx, n)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			t.is(n, stepFailed, err.Error())
			_, _ = fmt.Fprintf(t.out, "    %v\n    Next tries it again\n", err)
			if err := t.pressed(ctx); err != nil {
				return err
			}
			continue
		}
		t.print(saw)
		t.is(n, stepDone, saw)
		n++
	}
	t.mu.Lock()
	t.over = true
	t.mu.Unlock()
	return nil
}

func (t *tour) pressed(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.next:
		return nil
	}
}

// together waits for what is seen and for the person, whoever comes first.
func (t *tour) together(ctx context.Context, n int) (string, error) {
	s := t.steps[n]
	t.is(n, stepBusy, "")
	if s.begin != nil {
		if err := s.begin(ctx); err != nil {
			return "", err
		}
	}
	select { // what was pressed in vain before is not meant for this
	case <-t.next:
	default:
	}
	if s.act == nil {
		waiting, cancel := context.WithTimeout(ctx, s.within)
		defer cancel()
		saw, err := s.seen(waiting)
		if err != nil {
			return "", err
		}
		t.is(n, stepLook, saw)
		return saw, t.pressed(ctx)
	}
	t.is(n, stepYours, "")
	return t.yours(ctx, n)
}

type sight struct {
	saw string
	err error
}

// yours waits as long as the person likes. Once they ask to go on, it is done for them.
func (t *tour) yours(ctx context.Context, n int) (string, error) {
	s := t.steps[n]
	waiting, cancel := context.WithCancel(ctx)
	found := make(chan sight, 1)
	go func() {
		saw, err := s.seen(waiting)
		found <- sight{saw, err}
	}()
	select {
	case f := <-found:
		cancel()
		return f.saw, f.err
	case <-t.next:
	case <-ctx.Done():
	}
	cancel()
	if f := <-found; f.err == nil {
		return f.saw, nil
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	t.is(n, stepBusy, "it is done for you")
	waiting, cancel = context.WithTimeout(ctx, s.within)
	defer cancel()
	if err := s.act(waiting); err != nil {
		return "", err
	}
	return s.seen(waiting)
}

// press asks to go on; what is pressed twice counts once.
func (t *tour) press() {
	select {
	case t.next <- struct{}{}:
	default:
	}
}

// tour shows everything: by itself, or to a person who looks at the page, until Ctrl-C.
func (p *play) tour(ctx context.Context, t *tour, exit bool) error {
	g, err := newGuideTo(ctx, p)
	if err != nil {
		return err
	}
	t.plan(g.steps())
	if exit {
		return t.play(ctx)
	}
	if err := t.guide(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	<-ctx.Done()
	return nil
}

var errNoReal = errors.New("the tour breaks real containers, which takes root on Linux; without, play -scenario crash")
