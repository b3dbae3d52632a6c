package incident_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/incident"
)

// sky keeps storms for a world, as the store does.
type sky struct {
	*world
	storms map[int64]engine.Storm
}

func newSky(t failer) *sky {
	s := &sky{newWorld(t), map[int64]engine.Storm{}}
	s.r.Storm = incident.StormRule{More: 3, Within: 5 * time.Minute}
	return s
}

// begin opens an incident of a workload, or has it go on.
func (s *sky) begin(of engine.Workload, severity engine.Severity) incident.Plan {
	s.t.Helper()
	n := s.signal(of, engine.ClassCrashLoop)
	n.Severity = severity
	o := engine.Observation{Source: engine.SourceWatch, Workload: of, Signals: []engine.Signal{n}, Complete: true, At: s.now}
	st := s.state(o)
	channel := s.r.Route.Of(of, o.Signals)
	for _, storm := range s.storms {
		if storm.EndedAt.IsZero() && storm.Channel == channel {
			st.Storm = &storm
		}
	}
	for _, id := range s.ids() {
		i := s.full(id)
		if _, told := s.messages[engine.CardKey(id)]; st.Storm == nil && told && i.StormID == 0 && s.now.Sub(i.DetectedAt) < s.r.Storm.Within && s.r.Route.Of(i.Workload, i.Signals) == channel {
			st.Recent = append(st.Recent, i)
		}
	}
	p := incident.Correlate(st, o, s.r, s.now)
	if p.Incident != nil && p.Incident.ID == s.nextID {
		s.nextID++
	}
	s.keep(p)
	return p
}

// keep applies a plan, the storm's part first.
func (s *sky) keep(p incident.Plan) {
	s.t.Helper()
	messages := p.Messages
	p.Messages = nil
	for _, m := range messages {
		if m.Kind == engine.MessageStorm {
			if m.Version <= s.messages[m.Key].Version {
				s.t.Fatalf("the storm's message goes back from version %d to %d", s.messages[m.Key].Version, m.Version)
			}
			s.messages[m.Key] = m
			continue
		}
		p.Messages = append(p.Messages, m)
	}
	if p.Storm != nil {
		s.storms[p.Storm.ID] = *p.Storm
		for _, id := range p.Members {
			s.incidents[id].StormID = p.Storm.ID
		}
	}
	s.apply(p)
}

func (s *sky) calm(id int64) (held []int64) {
	s.t.Helper()
	storm := s.storms[id]
	for _, one := range s.ids() {
		if s.incidents[one].StormID == id {
			storm.Incidents = append(storm.Incidents, s.full(one))
		}
	}
	p, held := incident.Calm(storm, s.r, s.now)
	if p.Storm == nil {
		s.tasks = append(s.tasks, p.Tasks...)
		return nil
	}
	s.keep(p)
	for _, one := range held {
		s.keep(incident.Release(s.full(one), s.r, s.now))
	}
	return held
}

func TestStorm(t *testing.T) {
	s := newSky(t)
	for n := range 3 {
		p := s.begin(service(fmt.Sprint("w", n)), engine.Critical)
		equal(t, "a card each", keys(p), fmt.Sprintf("%d/card", 41+n))
	}
	s.pass(time.Minute)
	p := s.begin(service("w3"), engine.Critical)
	equal(t, "the fourth makes it a storm", keys(p), "storm/44")
	equal(t, "of those before it too", fmt.Sprint(p.Members), "[41 42 43]")
	equal(t, "since the first", p.Storm.StartedAt, start)
	equal(t, "events", kinds(p), "opened_quietly")
	equal(t, "the pager is not forgotten", taskList(p, s.now), "diagnose diagnose:unsure+20s diagnose:unsure+1m0s storm:44+5m0s escalate+5m0s")
	equal(t, "another channel has none", keys(s.begin(api, engine.Critical)), "45/card")
	equal(t, "a fifth", keys(s.begin(service("w5"), engine.Warning)), "storm/44")
	equal(t, "version", s.storms[44].Version, 2)

	// Nobody takes it: no reminder in a thread that is not there, but the pager is called when the reminders would be over.
	equal(t, "too early", incident.Escalate(s.full(44), s.r, s.now.Add(14*time.Minute)).Incident == nil, true)
	late := incident.Escalate(s.full(44), s.r, s.now.Add(16*time.Minute))
	equal(t, "paged", kinds(late), "paging")
	equal(t, "by the pager alone", keys(late), "")

	// While more than three are open it goes on, however long.
	s.pass(6 * time.Minute)
	equal(t, "goes on", len(s.calm(44)), 0)
	equal(t, "lasts", s.storms[44].EndedAt.IsZero(), true)
	for n := range 3 {
		s.watch(service(fmt.Sprint("w", n)))
	}
	s.pass(2 * time.Minute)
	for id := int64(41); id < 44; id++ {
		s.apply(incident.Settle(s.full(id), s.r, s.now))
	}
	held := s.calm(44)
	equal(t, "released", fmt.Sprint(held), "[44 46]")
	for _, id := range held {
		equal(t, "has a card now", s.messages[engine.CardKey(id)].Key, engine.CardKey(id))
		equal(t, "held", s.incidents[id].Held, false)
	}
	equal(t, "ends once", len(s.calm(44)), 0)
	equal(t, "the next has a card", keys(s.begin(service("w9"), engine.Warning)), "47/card")
}

func TestStormInMaintenanceIsQuiet(t *testing.T) {
	s := newSky(t)
	s.r.Maintenance = []incident.Window{{Name: "m", Start: start, End: start.Add(time.Hour)}}
	for n := range 6 {
		equal(t, "messages", keys(s.begin(service(fmt.Sprint("w", n)), engine.Critical)), "")
	}
	equal(t, "storms", len(s.storms), 0)
}

// TestStormsLoseNobody opens, clears and ends at random: whoever is open is told, by a card, by a storm that lasts, or under a parent; when all
// storms are over everybody who goes on has a card; and no storm has ended while more than its number were held back.
func TestStormsLoseNobody(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newSky(t)
		t.Repeat(map[string]func(*rapid.T){
			"begin": func(t *rapid.T) {
				of := service(fmt.Sprint("w", rapid.IntRange(0, 9).Draw(t, "workload")))
				s.begin(of, rapid.SampledFrom([]engine.Severity{engine.Critical, engine.Warning}).Draw(t, "severity"))
			},
			"end":  func(t *rapid.T) { s.watch(service(fmt.Sprint("w", rapid.IntRange(0, 9).Draw(t, "workload")))) },
			"time": func(t *rapid.T) { s.pass(time.Duration(rapid.IntRange(1, 200).Draw(t, "seconds")) * time.Second) },
			"settle": func(*rapid.T) {
				for _, id := range s.ids() {
					s.keep(incident.Settle(s.full(id), s.r, s.now))
				}
			},
			"calm": func(*rapid.T) {
				for id := range s.storms {
					s.calm(id)
				}
			},
			"": func(t *rapid.T) {
				for _, id := range s.ids() {
					i := s.incidents[id]
					_, card := s.messages[engine.CardKey(id)]
					storm, in := s.storms[i.StormID]
					if told := card || i.Held && in && storm.EndedAt.IsZero(); i.IsOpen() && !told {
						t.Fatalf("nobody hears of incident %d: %+v", id, *i)
					}
					if i.Held && in && !storm.EndedAt.IsZero() {
						t.Fatalf("incident %d is held back by a storm that is over", id)
					}
				}
				lasting := 0
				for _, storm := range s.storms {
					if storm.EndedAt.IsZero() {
						lasting++
					}
				}
				if lasting > 1 {
					t.Fatalf("%d storms in one channel", lasting)
				}
			},
		})
	})
}
