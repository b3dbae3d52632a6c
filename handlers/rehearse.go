package handlers

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/detect"
	"github.com/eks-autopilot/autopilot/engine/incident"
)

// Rehearsal is what the bot would have told of a time that is over.
type Rehearsal struct {
	From, To  time.Time
	Incidents []engine.Incident
	Under     int // of them under another's card
	Quiet     int // of them in a maintenance window, or told in the message of a storm alone
	Storms    int
	Cards     int // new messages in channels, those of storms too
	Lines     int // messages in threads
	Edits     int // of either
	Escalated int // repetitions to the on-call
	Pages     int
	ByChannel map[string]int
}

// NoisyAlert is how often an alert of a name fired.
type NoisyAlert struct {
	Name      string
	Fired     int
	Workloads int           // that it was about
	Incidents int           // that it was in
	Lasted    time.Duration // all times together
	Short     int           // times of less than five minutes
}

// Replay takes observations, as they would have come, through the very functions that decide about incidents, in memory. Nobody acts
// meanwhile: nothing is acknowledged, and no evidence is gathered, since nobody can ask the cluster how it was. Observations may be of any
// source; their order does not matter.
func Replay(all []engine.Observation, r incident.Rules, from, to time.Time) Rehearsal {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b engine.Observation) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Workload.Fingerprint(), b.Workload.Fingerprint()), cmp.Compare(signalID(a), signalID(b)))
	})
	b := &board{rules: r, next: 1, incidents: map[int64]*engine.Incident{}, last: map[string]int64{}, shown: map[string]int64{}, due: map[wait]time.Time{}}
	b.out = Rehearsal{From: from, To: to, ByChannel: map[string]int{}}
	for _, o := range all {
		b.until(o.At)
		b.apply(incident.Correlate(b.state(o), o, r, o.At), o.At)
	}
	b.until(to)
	for _, id := range slices.Sorted(maps.Keys(b.incidents)) {
		i := *b.incidents[id]
		if i.ParentID != 0 {
			b.out.Under++
		} else if !b.carded(id) {
			b.out.Quiet++
		}
		b.out.Incidents = append(b.out.Incidents, i)
	}
	return b.out
}

func signalID(o engine.Observation) string {
	if len(o.Signals) == 0 {
		return ""
	}
	return o.Signals[0].ID
}

// Observations turns the alerts of the past into what the webhook would have told: each when it began, and when it ended. Whose an object
// was is guessed by its name, since it may be gone.
func Observations(cluster string, alerts []engine.Alert) (all []engine.Observation, left int) {
	for _, a := range alerts {
		if !detect.IsSignal(a) {
			left++
			continue
		}
		s := detect.Alert(cluster, a, func(kind, namespace, name string) (engine.Workload, bool) {
			return detect.Guess(kind, namespace, name, a.Labels)
		})
		end := s.EndsAt
		s.EndsAt = time.Time{}
		all = append(all, engine.Observation{Source: engine.SourceAlert, Workload: s.Workload, Signals: []engine.Signal{s}, At: s.StartsAt})
		if !end.IsZero() {
			s.EndsAt = end
			all = append(all, engine.Observation{Source: engine.SourceAlert, Workload: s.Workload, Signals: []engine.Signal{s}, At: end})
		}
	}
	return all, left
}

// Noise counts how often the alerts fired, and in how many of the incidents they are.
func Noise(cluster string, alerts []engine.Alert, incidents []engine.Incident, to time.Time) []NoisyAlert {
	by := map[string]*NoisyAlert{}
	about := map[[2]string]bool{}
	for _, a := range alerts {
		name := cmp.Or(a.Labels["alertname"], "unnamed")
		if !detect.IsSignal(a) {
			continue
		}
		n := by[name]
		if n == nil {
			n = &NoisyAlert{Name: name}
			by[name] = n
		}
		n.Fired++
		end := a.EndsAt
		if end.IsZero() {
			end = to
		}
		n.Lasted += end.Sub(a.StartsAt)
		if end.Sub(a.StartsAt) < 5*time.Minute {
			n.Short++
		}
		s := detect.Alert(cluster, a, func(kind, namespace, object string) (engine.Workload, bool) {
			return detect.Guess(kind, namespace, object, a.Labels)
		})
		if key := [2]string{name, s.Workload.Fingerprint()}; !about[key] {
			about[key] = true
			n.Workloads++
		}
	}
	for _, i := range incidents {
		names := map[string]bool{}
		for _, s := range i.Signals {
			if s.Source != engine.SourceAlert {
				continue
			}
			names[cmp.Or(s.Labels["alertname"], "unnamed")] = true
		}
		for name := range names {
			if n := by[name]; n != nil && i.Workload.Cluster == cluster {
				n.Incidents++
			}
		}
	}
	out := make([]NoisyAlert, 0, len(by))
	for _, n := range by {
		out = append(out, *n)
	}
	slices.SortFunc(out, func(a, b NoisyAlert) int {
		return cmp.Or(cmp.Compare(b.Fired, a.Fired), strings.Compare(a.Name, b.Name))
	})
	return out
}

// board keeps incidents in memory as the store would: it applies plans, and does the tasks whose time has come.
type board struct {
	rules     incident.Rules
	next      int64
	incidents map[int64]*engine.Incident
	last      map[string]int64   // the newest incident of a workload
	shown     map[string]int64   // the version of each message
	due       map[wait]time.Time // one task of a kind and incident waits at a time
	children  map[int64][]int64
	storms    map[int64]engine.Storm // without their lists
	out       Rehearsal
}

type wait struct {
	kind engine.TaskKind
	id   int64
}

// until does the tasks that are due before a time, in order.
func (b *board) until(at time.Time) {
	for {
		var first wait
		for w, due := range b.due {
			if due.Before(at) && (first.id == 0 || due.Before(b.due[first]) || due.Equal(b.due[first]) && (w.id < first.id || w.id == first.id && w.kind < first.kind)) {
				first = w
			}
		}
		if first.id == 0 {
			return
		}
		now := b.due[first]
		delete(b.due, first)
		switch first.kind {
		case engine.TaskSettle:
			b.apply(incident.Settle(b.full(first.id), b.rules, now), now)
		case engine.TaskStorm:
			b.calm(first.id, now)
		default:
			b.apply(incident.Escalate(b.full(first.id), b.rules, now), now)
		}
	}
}

// full is an incident with its children.
func (b *board) full(id int64) engine.Incident {
	i := *b.incidents[id]
	for _, c := range b.children[id] {
		if child := b.incidents[c]; child.ParentID == id {
			i.Children = append(i.Children, *child)
		}
	}
	return i
}

func (b *board) state(o engine.Observation) incident.State {
	s := incident.State{NextID: b.next}
	if id, ok := b.last[o.Workload.Fingerprint()]; ok {
		i := b.full(id)
		if i.IsOpen() {
			s.Current = &i
		} else {
			s.Last = &i
		}
		if p, ok := b.incidents[i.ParentID]; ok && p.IsOpen() {
			s.Parents = append(s.Parents, b.full(i.ParentID))
		}
	}
	for _, n := range o.Signals {
		if id, ok := b.last[n.Parent.Fingerprint()]; ok && !n.Parent.IsZero() && b.incidents[id].IsOpen() {
			s.Parents = append(s.Parents, b.full(id))
		}
	}
	if o.Workload.Kind == engine.KindNode {
		for _, id := range slices.Sorted(maps.Keys(b.incidents)) {
			i := b.incidents[id]
			if i.IsOpen() && i.Workload.Cluster == o.Workload.Cluster && i.Workload != o.Workload &&
				slices.ContainsFunc(i.Signals, func(n engine.Signal) bool { return n.Firing() && n.Node == o.Workload.Name }) {
				s.Candidates = append(s.Candidates, b.full(id))
			}
		}
	}
	b.stormy(&s, o)
	return s
}

// stormy adds to a state what is known of storms where a new incident would be told.
func (b *board) stormy(s *incident.State, o engine.Observation) {
	if s.Current != nil || b.rules.Storm.More <= 0 {
		return
	}
	channel := b.rules.Route.Of(o.Workload, o.Signals)
	for _, id := range slices.Sorted(maps.Keys(b.storms)) {
		if storm := b.storms[id]; storm.EndedAt.IsZero() && storm.Cluster == o.Workload.Cluster && storm.Channel == channel {
			s.Storm = &storm
			return
		}
	}
	for _, id := range slices.Backward(slices.Sorted(maps.Keys(b.incidents))) {
		i := b.incidents[id]
		if o.At.Sub(i.DetectedAt) >= b.rules.Storm.Within {
			break // they are numbered as they were detected
		}
		if i.StormID == 0 && i.Workload.Cluster == o.Workload.Cluster && b.carded(id) && b.rules.Route.Of(i.Workload, i.Signals) == channel {
			s.Recent = append(s.Recent, *i)
		}
	}
}

// calm ends a storm that is over, as the store does.
func (b *board) calm(id int64, now time.Time) {
	storm := b.storms[id]
	for _, one := range slices.Sorted(maps.Keys(b.incidents)) {
		if b.incidents[one].StormID == id {
			storm.Incidents = append(storm.Incidents, *b.incidents[one])
		}
	}
	p, held := incident.Calm(storm, b.rules, now)
	b.apply(p, now)
	for _, one := range held {
		b.apply(incident.Release(b.full(one), b.rules, now), now)
	}
}

func (b *board) apply(p incident.Plan, now time.Time) {
	if p.Storm != nil {
		if b.storms == nil {
			b.storms = map[int64]engine.Storm{}
		}
		if _, had := b.storms[p.Storm.ID]; !had {
			b.out.Storms++
		}
		b.storms[p.Storm.ID] = *p.Storm
		for _, id := range p.Members {
			b.incidents[id].StormID = p.Storm.ID
		}
	}
	if p.Incident != nil {
		i := *p.Incident
		i.Children = nil
		if i.ID == b.next {
			b.next++
		}
		b.incidents[i.ID], b.last[i.Fingerprint] = &i, i.ID
		b.adopted(i.ID, i.ParentID)
	}
	for _, o := range p.Others {
		was := b.incidents[o.ID]
		was.ParentID, was.Version = o.ParentID, o.Version
		b.adopted(o.ID, o.ParentID)
	}
	for _, l := range p.Lines {
		i := b.incidents[l.IncidentID]
		if n := l.Event.ID; n > 0 && n <= int64(len(i.Timeline)) {
			i.Timeline[n-1] = l.Event
			continue
		}
		l.Event.ID = int64(len(i.Timeline)) + 1
		i.Timeline = append(slices.Clip(i.Timeline), l.Event)
	}
	for _, e := range p.Events {
		if e.Kind == incident.EventEscalated {
			b.out.Escalated++
		}
		if e.Kind == incident.EventPaging {
			b.out.Pages++
		}
	}
	for _, id := range p.Touched {
		b.incidents[id].Version++
		b.edited(engine.CardKey(id))
	}
	for _, m := range p.Messages {
		b.tell(m)
	}
	for _, t := range p.Tasks {
		b.wait(t, now)
	}
}

func (b *board) adopted(child, parent int64) {
	if parent == 0 || slices.Contains(b.children[parent], child) {
		return
	}
	if b.children == nil {
		b.children = map[int64][]int64{}
	}
	b.children[parent] = append(b.children[parent], child)
}

// tell counts a message: the first of a key is posted, the others are edits.
func (b *board) tell(m engine.Message) {
	version, posted := b.shown[m.Key]
	switch {
	case posted && m.Version > version:
		b.out.Edits++
	case posted:
		return
	case m.ThreadKey == "":
		b.out.Cards++
		b.out.ByChannel[m.Channel]++
	default:
		b.out.Lines++
	}
	b.shown[m.Key] = m.Version
}

func (b *board) edited(key string) {
	if _, posted := b.shown[key]; posted {
		b.out.Edits++
	}
}

func (b *board) carded(id int64) bool {
	_, ok := b.shown[engine.CardKey(id)]
	return ok
}

// wait keeps what looks later whether an incident's time has come. What gathers evidence or tells a pager is not rehearsed.
func (b *board) wait(t incident.TaskAt, now time.Time) {
	key := wait{t.Task.Kind, t.Task.IncidentID}
	switch t.Task.Kind {
	case engine.TaskSettle, engine.TaskEscalate:
	case engine.TaskStorm:
		id, err := strconv.ParseInt(t.Task.Detail, 10, 64)
		if err != nil {
			return // of no storm
		}
		key.id = id
	default:
		return
	}
	at := t.At
	if at.Before(now) {
		at = now
	}
	if before, waits := b.due[key]; !waits || at.Before(before) {
		b.due[key] = at
	}
}
