package incident

import (
	"strconv"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// StormRule says when incidents are too many for a card each. The zero rule never says so.
type StormRule struct {
	More   int           // than so many incidents that are told in one channel, of one cluster
	Within time.Duration // of each other
}

// storm tells a new incident in the message of a storm, when there is one or this makes one; ok is false when it gets its own card. Those
// that were told before keep theirs.
func (d *draft) storm(s State, text string) (ok bool) {
	rule := d.r.Storm
	if rule.More <= 0 || s.Storm == nil && len(s.Recent) < rule.More {
		return false
	}
	var storm engine.Storm
	if s.Storm != nil {
		storm = *s.Storm
	} else {
		storm = engine.Storm{ID: d.i.ID, Cluster: d.i.Workload.Cluster, Channel: d.r.Route.channelOf(d.i), StartedAt: d.now}
		for _, i := range s.Recent {
			d.plan.Members = append(d.plan.Members, i.ID)
			if i.DetectedAt.Before(storm.StartedAt) {
				storm.StartedAt = i.DetectedAt
			}
		}
	}
	storm.LastAt, storm.Incidents = d.now, nil
	storm.Version++
	d.i.StormID, d.i.Held = storm.ID, true
	d.plan.Storm = &storm
	d.note(EventOpenedQuietly, engine.Person{}, "%s; told in the message of storm %d", text, storm.ID)
	d.consider(d.i.Signals[0], "held back", "part of storm %d: more than %d incidents within %s", storm.ID, rule.More, span(rule.Within))
	d.others = append(d.others, stormMessage(storm))
	d.plan.Tasks = append(d.plan.Tasks, stormTask(storm, d.now.Add(rule.Within)))
	d.escalateLater()
	return true
}

func stormMessage(s engine.Storm) engine.Message {
	return engine.Message{Key: engine.StormKey(s.ID), Kind: engine.MessageStorm, Subject: s.ID, Channel: s.Channel, Version: s.Version}
}

func stormTask(s engine.Storm, at time.Time) TaskAt {
	return TaskAt{Task: engine.Task{Kind: engine.TaskStorm, Detail: strconv.FormatInt(s.ID, 10)}, At: at}
}

// Calm looks whether a storm is over: nothing has joined for the time of the rule, and no more of its incidents are open than may have a
// card each. Then it gives those whose cards were held back; see Release. Else the Plan asks to be called again.
func Calm(s engine.Storm, r Rules, now time.Time) (p Plan, held []int64) {
	if !s.EndedAt.IsZero() {
		return Plan{}, nil
	}
	open := 0
	for _, i := range s.Incidents {
		if i.IsOpen() && i.ParentID == 0 {
			open++
		}
		if i.Held {
			held = append(held, i.ID)
		}
	}
	within := max(r.Storm.Within, time.Minute)
	if due := s.LastAt.Add(within); now.Before(due) {
		p.Tasks = append(p.Tasks, stormTask(s, due))
		return p, nil
	}
	if open > r.Storm.More && r.Storm.More > 0 {
		p.Tasks = append(p.Tasks, stormTask(s, now.Add(within)))
		return p, nil
	}
	s.EndedAt, s.Incidents = now, nil
	s.Version++
	p.Storm = &s
	p.Messages = append(p.Messages, stormMessage(s))
	return p, held
}

// Release gives an incident that was held back its own card, when it goes on and nothing else keeps it quiet.
func Release(i engine.Incident, r Rules, now time.Time) Plan {
	if !i.Held {
		return Plan{}
	}
	d := newDraft(i, r, now)
	d.i.Held, d.changed = false, true
	if w, in := r.maintenance(i.Workload, now); in {
		d.at(w.End, engine.TaskSettle, "")
	} else if i.IsOpen() && i.ParentID == 0 && unannounced(i) {
		d.tell(EventAnnounced, engine.Person{}, "The storm is over and it still fires")
		d.showDiagnosis()
		d.escalateLater()
	}
	return d.finish()
}

// held tells whether an incident has no card because of a storm alone.
func held(i engine.Incident) bool { return i.Held && i.ParentID == 0 }
