package main

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// ranking is what the causes of an incident were from one time on, likeliest first.
type ranking struct {
	at     time.Time
	causes []string
}

// sighting is an incident, and how its causes were ranked over time.
type sighting struct {
	engine.Incident
	rankings []ranking
}

// causes are those of now; none before the first diagnosis.
func (s sighting) causes() []string {
	if len(s.rankings) == 0 {
		return nil
	}
	return s.rankings[len(s.rankings)-1].causes
}

// see adds what an incident is now.
func (s *sighting) see(i engine.Incident, at time.Time) {
	s.Incident = i
	if i.Diagnosis.At.IsZero() {
		return
	}
	causes := make([]string, len(i.Diagnosis.Causes))
	for k, c := range i.Diagnosis.Causes {
		causes[k] = c.Rule
	}
	if len(s.rankings) == 0 || !slices.Equal(s.causes(), causes) {
		s.rankings = append(s.rankings, ranking{at, causes})
	}
}

// lookout follows every incident that the bot keeps, from the moment at which it began to look.
type lookout struct {
	list func(context.Context, engine.IncidentFilter) ([]engine.Incident, error)
	read func(context.Context, int64) (engine.Incident, error)

	mu   sync.Mutex
	seen map[int64]*sighting
}

// follow looks again and again until ctx ends. It fails when the store does not telling.
func (l *lookout) follow(ctx context.Context) error {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		if err := l.look(ctx); err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// window is how long after an incident was found it is looked at: the store lists 500 at most, the newest first.
const window = 20 * time.Minute

func (l *lookout) look(ctx context.Context) error {
	all, err := l.list(ctx, engine.IncidentFilter{AnyStatus: true, Limit: 500, Since: time.Now().Add(-window)})
	if err != nil {
		return err
	}
	for _, i := range all {
		l.mu.Lock()
		known := l.seen[i.ID]
		l.mu.Unlock()
		if known != nil && known.Version == i.Version {
			continue
		}
		if i, err = l.read(ctx, i.ID); err != nil {
			return err
		}
		l.mu.Lock()
		if l.seen == nil {
			l.seen = map[int64]*sighting{}
		}
		if l.seen[i.ID] == nil {
			l.seen[i.ID] = &sighting{}
		}
		l.seen[i.ID].see(i, time.Now())
		l.mu.Unlock()
	}
	return nil
}

// sightings are all incidents so far, oldest first.
func (l *lookout) sightings() []sighting {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]sighting, 0, len(l.seen))
	for _, s := range l.seen {
		all = append(all, sighting{s.Incident, slices.Clone(s.rankings)})
	}
	slices.SortFunc(all, func(a, b sighting) int { return int(a.ID - b.ID) })
	return all
}
