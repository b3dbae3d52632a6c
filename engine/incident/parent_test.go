package incident_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/incident"
)

func (w *world) onNode(of engine.Workload, class engine.Class) engine.Signal {
	s := w.signal(of, class)
	s.Node, s.Parent = node.Name, node
	return s
}

func TestChildOpensUnderItsNode(t *testing.T) {
	w := newWorld(t)
	down := w.signal(node, engine.ClassNodeNotReady)
	w.watch(node, down)
	w.pass(time.Minute)
	child := w.onNode(api, engine.ClassReplicasMissing)
	p := w.watch(api, child)
	equal(t, "parent", p.Incident.ParentID, 41)
	equal(t, "no card, but a line in its parent's thread", keys(p), "41/event/2")
	equal(t, "tasks", taskList(p, w.now), "diagnose diagnose:unsure+20s diagnose:unsure+1m0s")
	equal(t, "touched", p.Touched[0], 41)
	equal(t, "line", p.Lines[0].Event.Text, "payments/api is hurt too")
	equal(t, "considered", p.Considered[1].Verdict, "child")

	equal(t, "acknowledging a child", keys(w.must(w.decide(42, ana, engine.ActionAcknowledge))), "")
	equal(t, "redraws the parent", w.last.Touched[0], 41)
	if p := incident.Escalate(w.full(42), w.r, w.now.Add(time.Hour)); !p.Empty() {
		t.Errorf("a child is repeated: %+v", p)
	}

	w.watch(node)
	w.pass(2 * time.Minute)
	p = incident.Settle(w.full(41), w.r, w.now)
	w.apply(p)
	equal(t, "promoted", keys(p), "41/card 41/event/4 41/summary 42/card")
	equal(t, "free", w.incidents[42].ParentID, 0)
	equal(t, "tasks", taskList(p, w.now), "diagnose")
	p = w.must(w.decide(42, ana, engine.ActionResolve))
	equal(t, "a thread of its own", keys(p), "42/card 42/event/4 42/summary")
}

func TestManyChildrenAreOneLineOfTheirParentsThread(t *testing.T) {
	w := newWorld(t)
	w.watch(node, w.signal(node, engine.ClassNodeNotReady))
	hit := func(n int) engine.Workload {
		return engine.Workload{Cluster: "prod", Namespace: "payments", Kind: "Deployment", Name: fmt.Sprint("w", n)}
	}
	for n := range 12 {
		w.pass(time.Second)
		p := w.watch(hit(n), w.onNode(hit(n), engine.ClassReplicasMissing))
		equal(t, "messages", keys(p), "41/event/2")
		equal(t, "in the thread of", p.Messages[0].ThreadKey, "incident/41/card")
	}
	line := w.incidents[41].Timeline[1]
	equal(t, "line", line.Text, "12 workloads are hurt too: payments/w0, payments/w1, payments/w2, payments/w3, payments/w4, payments/w5, payments/w6, payments/w7 and 4 more")
	equal(t, "lines", len(w.incidents[41].Timeline), 2)

	w.watch(hit(0)) // is well again
	w.pass(2 * time.Minute)
	w.apply(incident.Settle(w.full(42), w.r, w.now))
	w.watch(hit(12), w.onNode(hit(12), engine.ClassReplicasMissing))
	equal(t, "of those that are still hurt", w.incidents[41].Timeline[1].Text[:27], "12 workloads are hurt too: ")
}

func TestChildrenOfAQuietParentAreToldWhenItIs(t *testing.T) {
	w := newWorld(t)
	w.r.Maintenance = []incident.Window{{Name: "m", Start: start, End: start.Add(time.Hour)}}
	w.watch(node, w.signal(node, engine.ClassNodeNotReady))
	equal(t, "in maintenance", keys(w.watch(api, w.onNode(api, engine.ClassReplicasMissing))), "")
	w.pass(time.Hour)
	p := incident.Settle(w.full(41), w.r, w.now)
	w.apply(p)
	equal(t, "when it is over", keys(p), "41/card 41/event/3 41/event/2")
}

func TestClearedChildEndsQuietly(t *testing.T) {
	w := newWorld(t)
	w.watch(node, w.signal(node, engine.ClassNodeNotReady))
	w.watch(api, w.onNode(api, engine.ClassReplicasMissing))
	w.watch(node)
	w.watch(api)
	w.pass(2 * time.Minute)
	p := incident.Settle(w.full(41), w.r, w.now)
	w.apply(p)
	equal(t, "the parent", keys(p), "41/card 41/event/4 41/summary")
	p = incident.Settle(w.full(42), w.r, w.now)
	w.apply(p)
	equal(t, "the child", keys(p), "")
	equal(t, "resolved", p.Incident.Status, engine.Resolved)
	equal(t, "on the parent's timeline", p.Lines[0].Event.Kind, "recovered")
}

func TestClearedChildRelapsesAfterItsParentIsResolved(t *testing.T) {
	w := newWorld(t)
	w.watch(node, w.signal(node, engine.ClassNodeNotReady))
	w.watch(api, w.onNode(api, engine.ClassReplicasMissing))
	w.watch(node)
	w.pass(time.Minute)
	w.watch(api)
	w.pass(time.Minute)
	w.apply(incident.Settle(w.full(41), w.r, w.now))
	p := w.watch(api, w.onNode(api, engine.ClassReplicasMissing))
	equal(t, "on its own", p.Incident.ParentID, 0)
	equal(t, "told", keys(p), "42/card 42/event/4")
}

func TestAnAlertDoesNotFreeAChild(t *testing.T) {
	w := newWorld(t)
	w.watch(node, w.signal(node, engine.ClassNodeNotReady))
	w.watch(api, w.onNode(api, engine.ClassReplicasMissing))
	alert := w.signal(api, engine.ClassReplicasMissing)
	alert.ID = "fp"
	equal(t, "parent", w.alert(api, alert).Incident.ParentID, 41)
}

func TestChildGoesOnForAnotherReason(t *testing.T) {
	w := newWorld(t)
	w.watch(node, w.signal(node, engine.ClassNodeNotReady))
	w.watch(api, w.onNode(api, engine.ClassReplicasMissing))
	w.pass(time.Minute)
	p := w.watch(api, w.signal(api, engine.ClassImagePull))
	equal(t, "free", p.Incident.ParentID, 0)
	equal(t, "told", keys(p), "42/card 42/event/2 42/event/3")
	equal(t, "the parent is redrawn", p.Touched[0], 41)
}

func TestNodeAdoptsWhatItHurtFirst(t *testing.T) {
	w := newWorld(t)
	hurt := w.signal(api, engine.ClassProbeFailing)
	hurt.Node = node.Name
	w.watch(api, hurt)
	elsewhere := w.signal(web, engine.ClassCrashLoop)
	elsewhere.Node = node.Name
	other := w.signal(web, engine.ClassOOMKilled)
	other.Node = "node-2"
	w.watch(web, elsewhere, other)
	w.pass(time.Minute)
	p := w.watch(node, w.signal(node, engine.ClassNodeNotReady))
	equal(t, "adopted", len(p.Others), 1)
	equal(t, "which", p.Others[0].ID, 41)
	equal(t, "messages", keys(p), "43/card 43/event/2 41/card")
	equal(t, "events", kinds(p), "opened hurt")
	equal(t, "not the one that is hurt elsewhere too", w.incidents[42].ParentID, 0)

	w.pass(time.Minute)
	w.watch(api)
	equal(t, "its card is kept up", keys(w.last), "41/card")
	p = w.must(w.decide(43, ana, engine.ActionResolve))
	equal(t, "a cleared child is left alone", len(p.Others), 0)
}

func TestAdoptedWhenTheWatchNamesTheParent(t *testing.T) {
	w := newWorld(t)
	alert := w.signal(api, engine.ClassReplicasMissing)
	alert.ID = "fp"
	w.alert(api, alert)
	w.watch(node, w.signal(node, engine.ClassNodeNotReady))
	p := w.watch(api, w.onNode(api, engine.ClassReplicasMissing))
	equal(t, "adopted", p.Incident.ParentID, 42)
	equal(t, "events", kinds(p), "adopted")
	equal(t, "its card is redrawn, its thread is quiet, its parent's is not", keys(p), "41/card 42/event/2")
}

func TestNotAChild(t *testing.T) {
	cases := map[string]func(w *world) []engine.Signal{
		"began long before": func(w *world) []engine.Signal {
			s := w.onNode(api, engine.ClassProbeFailing)
			s.StartsAt = start.Add(-time.Hour)
			return []engine.Signal{s}
		},
		"hurt elsewhere too": func(w *world) []engine.Signal {
			return []engine.Signal{w.onNode(api, engine.ClassProbeFailing), w.signal(api, engine.ClassOOMKilled)}
		},
		"another node": func(w *world) []engine.Signal {
			s := w.onNode(api, engine.ClassProbeFailing)
			s.Parent.Name = "node-9"
			return []engine.Signal{s}
		},
	}
	for name, signals := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.watch(node, w.signal(node, engine.ClassNodeNotReady))
			p := w.watch(api, signals(w)...)
			equal(t, "parent", p.Incident.ParentID, 0)
			equal(t, "messages", keys(p), "42/card")
		})
	}
}

func TestPressureExplainsEvictionsOnly(t *testing.T) {
	for class, want := range map[engine.Class]int64{engine.ClassEvicted: 42, engine.ClassCrashLoop: 0} {
		w := newWorld(t)
		s := w.signal(api, class)
		s.Node = node.Name
		w.watch(api, s)
		w.watch(node, w.signal(node, engine.ClassNodePressure))
		equal(t, string(class), w.incidents[41].ParentID, want)
	}
}
