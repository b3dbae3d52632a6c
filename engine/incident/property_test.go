package incident_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/incident"
)

// TestAnySequence drives a world through anything that can happen, in any order, and looks whether it stays sound.
// What the plans themselves must keep is checked where the world applies them.
func TestAnySequence(t *testing.T) {
	workloads := []engine.Workload{api, web, node, service("db")}
	classes := []engine.Class{engine.ClassCrashLoop, engine.ClassOOMKilled, engine.ClassImagePull, engine.ClassNodeNotReady, engine.ClassAlert}
	severities := []engine.Severity{engine.Critical, engine.Warning, engine.Info}
	actions := []engine.Action{
		engine.ActionAcknowledge, engine.ActionAssign, engine.ActionSilence, engine.ActionResolve, engine.ActionDiagnose, engine.ActionVerdict,
	}
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		if rapid.Bool().Draw(t, "maintenance") {
			w.r.Maintenance = []incident.Window{{Name: "m", Namespace: "payments", Start: start, End: start.Add(20 * time.Minute)}}
		}
		signals := func(of engine.Workload) []engine.Signal {
			var out []engine.Signal
			for _, c := range rapid.SliceOfNDistinct(rapid.SampledFrom(classes), 0, 3, rapid.ID).Draw(t, "classes") {
				s := w.signal(of, c)
				s.Severity = rapid.SampledFrom(severities).Draw(t, "severity")
				s.StartsAt = w.now.Add(-time.Duration(rapid.IntRange(0, 600).Draw(t, "age")) * time.Second)
				if of != node && rapid.Bool().Draw(t, "on the node") {
					s.Node, s.Parent = node.Name, node
				}
				out = append(out, s)
			}
			return out
		}
		pick := func() (int64, bool) {
			if len(w.incidents) == 0 {
				return 0, false
			}
			return rapid.SampledFrom(w.ids()).Draw(t, "incident"), true
		}
		t.Repeat(map[string]func(*rapid.T){
			"time": func(t *rapid.T) { w.pass(time.Duration(rapid.IntRange(1, 1200).Draw(t, "seconds")) * time.Second) },
			"watch": func(t *rapid.T) {
				of := rapid.SampledFrom(workloads).Draw(t, "workload")
				s := signals(of)
				before := severityOf(w, of)
				w.watch(of, s...)
				if after := severityOf(w, of); before.Rank() > 0 && after.Rank() > 0 && after.Rank() < before.Rank() {
					t.Fatalf("severity fell from %s to %s while open", before, after)
				}
				if p := w.watch(of, s...); !p.Empty() {
					t.Fatalf("the same observation twice: %+v", p)
				}
			},
			"alert": func(t *rapid.T) {
				of := rapid.SampledFrom(workloads).Draw(t, "workload")
				s := signals(of)
				for k := range s {
					s[k].ID = "fp-" + s[k].ID
					if rapid.Bool().Draw(t, "over") {
						s[k].EndsAt = w.now
					}
				}
				w.alert(of, s...)
				if p := w.alert(of, s...); !p.Empty() {
					t.Fatalf("the same alerts twice: %+v", p)
				}
			},
			"decide": func(t *rapid.T) {
				id, ok := pick()
				if !ok {
					return
				}
				a := rapid.SampledFrom(actions).Draw(t, "action")
				by := rapid.SampledFrom([]engine.Person{ana, ben}).Draw(t, "by")
				if _, err := w.decide(id, by, a); err != nil && engine.CodeOf(err) != engine.Conflict {
					t.Fatalf("%s: %v", a, err)
				}
			},
			"settle": func(*rapid.T) {
				if id, ok := pick(); ok {
					w.apply(incident.Settle(w.full(id), w.r, w.now))
					if p := incident.Settle(w.full(id), w.r, w.now); p.Incident != nil {
						t.Fatalf("settled twice: %+v", p)
					}
				}
			},
			"escalate": func(*rapid.T) {
				if id, ok := pick(); ok {
					w.apply(incident.Escalate(w.full(id), w.r, w.now))
					if p := incident.Escalate(w.full(id), w.r, w.now); p.Incident != nil {
						t.Fatalf("repeated twice at one moment: %+v", p)
					}
				}
			},
			"diagnosed": func(t *rapid.T) {
				if id, ok := pick(); ok {
					g := diagnosis(w.now, rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 0, 2).Draw(t, "rules")...)
					g.IncidentID = id
					if len(g.Causes) > 0 && rapid.Bool().Draw(t, "names another") {
						root := rapid.SampledFrom(workloads).Draw(t, "root")
						g.Causes[0].Root, g.Causes[0].Confidence = &root, 0.9
					}
					w.apply(incident.Diagnosed(w.full(id), g, w.r, w.now))
					w.follow(id)
					if p := w.follow(id); !p.Empty() {
						t.Fatalf("followed twice: %+v", p)
					}
					if p := incident.Diagnosed(w.full(id), g, w.r, w.now); !p.Empty() {
						t.Fatalf("diagnosed twice: %+v", p)
					}
				}
			},
			"paged": func(*rapid.T) {
				if id, ok := pick(); ok {
					w.apply(incident.Paged(w.full(id), "trigger", w.now))
					w.apply(incident.Silenced(w.full(id), "am", w.now))
				}
			},
			"": func(t *rapid.T) { sound(t, w) },
		})
	})
}

func severityOf(w *world, of engine.Workload) engine.Severity {
	for _, i := range w.incidents {
		if i.Workload == of && i.IsOpen() {
			return i.Severity
		}
	}
	return ""
}

// sound checks what must hold of every incident at any time.
func sound(t *rapid.T, w *world) {
	open := map[string]int64{}
	for _, id := range w.ids() {
		i := w.incidents[id]
		fail := func(what string) { t.Fatalf("incident %d: %s\n%+v", id, what, *i) }
		if i.IsOpen() {
			if open[i.Fingerprint] != 0 {
				fail(fmt.Sprintf("incident %d of the same workload is open too", open[i.Fingerprint]))
			}
			open[i.Fingerprint] = id
		}
		firing := slices.ContainsFunc(i.Signals, engine.Signal.Firing)
		if i.IsOpen() && firing != i.ClearedAt.IsZero() {
			fail("cleared and firing, or neither")
		}
		if i.IsOpen() != i.ResolvedAt.IsZero() {
			fail("resolved without a time, or open with one")
		}
		if (i.Status == engine.Acknowledged) != (!i.AcknowledgedAt.IsZero() && i.IsOpen()) {
			fail("acknowledged without a time, or open with one")
		}
		for k, e := range i.Timeline {
			if e.ID != int64(k)+1 {
				fail("event numbers are not dense")
			}
		}
		if i.IsOpen() && i.ClearedAt.IsZero() {
			for _, s := range i.Signals {
				if s.Firing() && (s.Severity.Rank() > i.Severity.Rank() || !slices.Contains(i.Classes, s.Class) || s.StartsAt.Before(i.StartedAt)) {
					fail("a firing signal is not in its head")
				}
			}
		}
		if i.Title == "" || i.Fingerprint != i.Workload.Fingerprint() || i.StartedAt.IsZero() {
			fail("incomplete")
		}
		p := w.incidents[i.ParentID]
		switch {
		case i.ParentID == 0:
		case p == nil || i.IsOpen() && p.ParentID != 0:
			fail("its parent is none, or is under another")
		case p.Workload.Kind == engine.KindNode, !i.IsOpen(), !i.ClearedAt.IsZero():
		case i.Severity.Rank() > p.Severity.Rank() && p.IsOpen():
			fail("it is worse than what it is under, and nobody is woken")
		}
		if i.IsOpen() && i.ClearedAt.IsZero() && p != nil && !p.IsOpen() {
			fail("it fires under a parent that is resolved, where nobody sees it")
		}
		card := w.messages[engine.CardKey(id)]
		if card.Key != "" && card.Version != i.Version {
			fail("its card is out of date")
		}
	}
}
