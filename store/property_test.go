package store_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
)

// step is one thing that happens to a cluster; it gives the error of the store.
type step func(w *world) error

// drawStep draws a step in a cluster of two nodes and three workloads on them.
func drawStep(t *rapid.T, w *world, cluster string, n int) step {
	nodes := []engine.Workload{{Cluster: cluster, Kind: engine.KindNode, Name: "n1"}, {Cluster: cluster, Kind: engine.KindNode, Name: "n2"}}
	of := rapid.SampledFrom(append(nodes,
		engine.Workload{Cluster: cluster, Namespace: "a", Kind: "Deployment", Name: "x"},
		engine.Workload{Cluster: cluster, Namespace: "a", Kind: "Deployment", Name: "y"},
		engine.Workload{Cluster: cluster, Namespace: "b", Kind: "Job", Name: "x"})).Draw(t, "workload")
	classes := rapid.SliceOfNDistinct(rapid.SampledFrom([]engine.Class{engine.ClassCrashLoop, engine.ClassOOMKilled, engine.ClassNodeNotReady}), 0, 3, rapid.ID).Draw(t, "classes")
	on := rapid.SampledFrom(append(nodes, engine.Workload{})).Draw(t, "parent")
	source := rapid.SampledFrom([]engine.Source{engine.SourceWatch, engine.SourceAlert}).Draw(t, "source")
	by := rapid.SampledFrom([]engine.Person{ada, grace}).Draw(t, "by")
	action := rapid.SampledFrom([]engine.Action{
		engine.ActionAcknowledge, engine.ActionAssign, engine.ActionSilence, engine.ActionResolve, engine.ActionDiagnose, engine.ActionVerdict,
	}).Draw(t, "action")

	observe := func(w *world) error {
		o := engine.Observation{Source: source, Workload: of, Complete: source == engine.SourceWatch, At: w.now()}
		for _, c := range classes {
			s := w.signal(of, c)
			s.Source = source
			if of.Kind != engine.KindNode {
				s.Parent, s.Node = on, on.Name
			}
			o.Signals = append(o.Signals, s)
		}
		return w.Observe(w.t.Context(), o)
	}
	newest := func(f func(id int64) error) step {
		return func(w *world) error {
			for _, i := range w.find(engine.IncidentFilter{Cluster: cluster, AnyStatus: true, Workload: of.Name}) {
				return f(i.ID)
			}
			return nil
		}
	}
	return rapid.SampledFrom([]step{
		observe, observe, observe,
		newest(func(id int64) error { return w.decide(fmt.Sprint(cluster, "/", n), action, by, id) }),
		newest(func(id int64) error { return w.Settle(w.t.Context(), id) }),
		newest(func(id int64) error { _, err := w.Escalate(w.t.Context(), id); return err }),
		newest(func(id int64) error {
			d := diagnosis(w.now(), string(action), 0.5)
			d.IncidentID = id
			return w.SaveDiagnosis(w.t.Context(), d)
		}),
		func(w *world) error {
			w.pass(time.Minute)
			return nil
		},
	}).Draw(t, "step")
}

// Whatever happens in whatever order, and at once: a workload has at most one unresolved incident, events are numbered
// without gaps, each card is wanted at its incident's newest version, nothing fires in what resolved by itself, and every
// decision is in an audit chain that holds.
func TestAnyInterleaving(t *testing.T) {
	w := newWorld(t)
	round := 0
	rapid.Check(t, func(rt *rapid.T) {
		round++
		cluster := fmt.Sprint("c", round)
		lanes := rapid.IntRange(1, 4).Draw(rt, "at once")
		var steps []step
		for n := range rapid.IntRange(1, 24).Draw(rt, "steps") {
			steps = append(steps, drawStep(rt, w, cluster, n))
		}
		var all sync.WaitGroup
		for lane := range lanes {
			all.Go(func() {
				for n := lane; n < len(steps); n += lanes {
					switch err := steps[n](w); engine.CodeOf(err) {
					case "", engine.Conflict:
					default:
						t.Errorf("step %d: %v", n, err)
					}
				}
			})
		}
		all.Wait()
		if got := w.sql(invariants); got != "" {
			rt.Error(got)
		}
		if err := w.VerifyAudit(t.Context()); err != nil {
			rt.Error(err)
		}
	})
}

// invariants gives a line for each that is broken, with what breaks it.
const invariants = `
	SELECT 'more than one unresolved incident', string_agg(x, ' ') FROM
		(SELECT fingerprint FROM incidents WHERE status <> 'resolved' GROUP BY 1 HAVING count(*) > 1) q(x) HAVING count(*) > 0
	UNION ALL SELECT 'gaps in the timeline', string_agg(x::text, ' ') FROM
		(SELECT incident_id FROM events GROUP BY 1 HAVING count(*) <> max(n)) q(x) HAVING count(*) > 0
	UNION ALL SELECT 'an old card is wanted', string_agg(i.id::text, ' ') FROM incidents i JOIN messages m ON m.key = 'incident/' || i.id || '/card'
		WHERE m.wanted <> i.version HAVING count(*) > 0
	UNION ALL SELECT 'it resolved by itself and fires', string_agg(i.id::text, ' ') FROM incidents i JOIN signals s ON s.incident_id = i.id
		WHERE s.ends_at IS NULL AND i.status = 'resolved' AND i.resolved_by = '' HAVING count(*) > 0
	UNION ALL SELECT 'an open one without a signal', string_agg(i.id::text, ' ') FROM incidents i WHERE i.status <> 'resolved' AND i.cleared_at IS NULL
		AND NOT EXISTS (SELECT FROM signals s WHERE s.incident_id = i.id AND s.ends_at IS NULL) HAVING count(*) > 0
	UNION ALL SELECT 'a child of a resolved parent', string_agg(c.id::text, ' ') FROM incidents c JOIN incidents p ON p.id = c.parent_id
		WHERE c.status <> 'resolved' AND p.status = 'resolved' AND c.cleared_at IS NULL HAVING count(*) > 0
	UNION ALL SELECT 'gaps in the numbers', count(*)::text FROM incidents HAVING count(*) <> max(id)
	UNION ALL SELECT 'a decision that is not audited', '' WHERE (SELECT count(*) FROM decisions) <> (SELECT count(*) FROM audit_log)`
