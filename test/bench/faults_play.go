package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/eks-autopilot/autopilot/test/scenario"
)

// stage is where scenarios are played, and what came of them.
type stage struct {
	*room
	*lookout
	course

	mu         sync.Mutex
	played     []*performance
	tellings   []telling
	broken     []error // scenarios that could not be played
	namespaces int
	quietSince time.Time // when the quiet began; zero before
}

// try plays everything, judges it and prints what came of it.
func (r *room) try(ctx context.Context, t course, plays []play, out io.Writer) error {
	s := &stage{room: r, lookout: &lookout{list: r.store.Incidents, read: r.store.Incident}, course: t}
	looking, stop := context.WithCancel(ctx)
	defer stop()
	watch, looking := errgroup.WithContext(looking)
	watch.Go(func() error { return s.follow(looking) })
	watch.Go(func() error {
		defer stop()
		return s.playAll(looking, plays)
	})
	if err := watch.Wait(); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if t.out != "" {
		if err := writeTellings(t.out, s.tellings); err != nil {
			return err
		}
	}
	alarms := falseAlarms(s.performances(), s.sightings())
	return errors.Join(showFaults(out, s.tellings, alarms, s.quietSince, s.quiet), errors.Join(s.broken...))
}

// playAll plays all faults, several at a time, then those that must be alone, and in the end, for a while, only what is innocent.
func (s *stage) playAll(ctx context.Context, plays []play) error {
	slots := make(chan struct{}, s.parallel)
	var running sync.WaitGroup
	for k, p := range plays {
		if p.alone() {
			running.Wait()
		}
		slots <- struct{}{}
		running.Go(func() {
			s.perform(ctx, p, s.random(k+1), sync.OnceFunc(func() { <-slots }))
			progress("%s (%d of %d)", p.name, k+1, len(plays))
		})
	}
	running.Wait()
	return s.bePeaceful(ctx, plays)
}

// bePeaceful plays what is innocent over and over.
func (s *stage) bePeaceful(ctx context.Context, plays []play) error {
	plays = slices.DeleteFunc(slices.Clone(plays), func(p play) bool { return !p.innocent() || len(p.parts) > 1 })
	if s.quiet <= 0 || len(plays) == 0 {
		return ctx.Err()
	}
	progress("%s of nothing but what is innocent", s.quiet)
	s.quietSince = time.Now()
	slots := make(chan struct{}, s.parallel)
	var running sync.WaitGroup
	for k := 0; ctx.Err() == nil && time.Since(s.quietSince) < s.quiet; k++ {
		slots <- struct{}{}
		p := plays[k%len(plays)]
		running.Go(func() {
			s.perform(ctx, p, s.random(1000+k), sync.OnceFunc(func() { <-slots }))
		})
	}
	running.Wait()
	return ctx.Err()
}

// perform plays what begins at one moment, from its setup to its end, and judges it. It lets go of its place when only waiting is left
// of what takes long.
func (s *stage) perform(ctx context.Context, p play, random *rand.Rand, leave func()) {
	defer leave()
	jitter(ctx, random, 2*time.Second)
	all := make([]*performance, len(p.parts))
	for k, part := range p.parts {
		cast, err := part.Cast(s.namespace(part, random), s.Cluster.NodeName(), random)
		if err != nil {
			s.fail(p, err)
			return
		}
		all[k] = &performance{Scenario: cast, play: p.name, began: time.Now()}
	}
	s.mu.Lock()
	s.played = append(s.played, all...)
	s.mu.Unlock()
	err := together(all, func(one *performance) error { return s.player.Begin(ctx, one.Scenario) })
	if err == nil {
		jitter(ctx, random, 3*time.Second)
		err = together(all, func(one *performance) error { return s.act(ctx, one) })
	}
	if p.longest() > long {
		leave()
	}
	if err == nil {
		err = together(all, func(one *performance) error { s.await(ctx, one); return nil })
	}
	if err != nil {
		s.fail(p, err)
	} else {
		s.note(all)
	}
	// Nobody waits for the end of what was played, and a play that was cut off is cleared away too.
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if err := together(all, func(one *performance) error { return s.player.End(ending, one.Scenario) }); err != nil {
		s.fail(p, err)
	}
}

// namespace is one that no other play has.
func (s *stage) namespace(of scenario.Scenario, random *rand.Rand) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.namespaces++
	return fmt.Sprintf("%s-%02x%02d", of.Namespace, random.IntN(1<<8), s.namespaces)
}

// act breaks a scenario, with what is innocent beside it.
func (s *stage) act(ctx context.Context, one *performance) error {
	s.mu.Lock()
	one.broke = time.Now()
	s.mu.Unlock()
	var both errgroup.Group
	both.Go(func() error { return s.player.Break(ctx, one.Scenario) })
	both.Go(func() error { return s.player.Beside(ctx, one.Scenario) })
	return both.Wait()
}

// linger is how long after its last step something innocent is looked at.
const linger = 30 * time.Second

// await looks until all is found, or its time is over.
func (s *stage) await(ctx context.Context, one *performance) {
	until := one.deadline()
	if one.Innocent {
		until = time.Now().Add(linger)
	}
	for time.Now().Before(until) && ctx.Err() == nil && (one.Innocent || !one.settled(s.sightings(), time.Now())) {
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// note keeps what came of plays.
func (s *stage) note(all []*performance) {
	seen := s.sightings()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range all {
		for _, e := range one.Expects() {
			s.tellings = append(s.tellings, one.judge(e, seen))
		}
	}
}

func (s *stage) fail(p play, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = append(s.broken, fmt.Errorf("%s could not be played: %w", p.name, err))
}

func (s *stage) performances() []performance {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]performance, len(s.played))
	for k, p := range s.played {
		all[k] = *p
	}
	return all
}

// together does the same for all at once.
func together(all []*performance, do func(*performance) error) error {
	var group errgroup.Group
	for _, one := range all {
		group.Go(func() error { return do(one) })
	}
	return group.Wait()
}

// jitter waits for a while that the seed gives.
func jitter(ctx context.Context, random *rand.Rand, most time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Duration(random.Int64N(int64(most)))):
	}
}

func writeTellings(path string, all []telling) (err error) {
	f, err := os.Create(filepath.Clean(path))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	e := json.NewEncoder(f)
	for _, o := range all {
		if err := e.Encode(o); err != nil {
			return err
		}
	}
	return nil
}
