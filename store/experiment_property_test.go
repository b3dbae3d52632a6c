package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
)

const brokenExperiments = `
	SELECT 'two in a namespace', a.id, b.id FROM experiments a JOIN experiments b ON a.id < b.id AND a.namespaces && b.namespaces
		WHERE a.status IN ('confirmed', 'running') AND b.status IN ('confirmed', 'running')
	UNION ALL SELECT 'more than may run', count(*), 2 FROM experiments WHERE status = 'running' HAVING count(*) > 2
	UNION ALL SELECT 'an old card', e.id, m.wanted FROM experiments e LEFT JOIN messages m ON m.key = 'experiment/' || e.id || '/card' WHERE m.wanted IS DISTINCT FROM e.version
	UNION ALL SELECT 'columns that the body does not have', e.id, 0 FROM experiments e
		WHERE e.body ->> 'status' <> e.status OR (e.body ? 'grade') <> e.graded OR (e.body ? 'stop_at') <> (e.stop_at IS NOT NULL)
	UNION ALL SELECT 'begun without a yes', e.id, 0 FROM experiments e WHERE e.started_at IS NOT NULL AND coalesce(jsonb_array_length(e.body -> 'approvals'), 0) <> 1
	UNION ALL SELECT 'a grade that is not told', e.id, 0 FROM experiments e WHERE e.graded AND NOT EXISTS (SELECT FROM messages m WHERE m.key = 'experiment/' || e.id || '/card/grade')
	UNION ALL SELECT 'held though it needs nothing', e.id, 0 FROM experiments e WHERE e.holder <> '' AND (e.status IN ('planned', 'refused') OR e.graded)
	UNION ALL SELECT 'a decision without its one row in the audit log', 0, 0 WHERE (SELECT count(*) FROM decisions) <> (SELECT count(*) FROM audit_log WHERE action NOT IN ('chaos_refused', 'chaos_begun', 'chaos_over', 'chaos_alarm'))`

// ways are the only ones from one status to another.
var ways = map[string]bool{
	"asked planned": true, "asked refused": true, "planned confirmed": true, "planned refused": true, "confirmed running": true, "confirmed refused": true,
	"running over": true,
}

// TestAnyExperiment does anything in any order, by people and by processes that lose their leases: each experiment goes its way.
func TestAnyExperiment(t *testing.T) {
	w := newWorld(t)
	w.sql(`CREATE TABLE moves (old text, new text)`)
	w.sql(`CREATE FUNCTION moved() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO moves VALUES (OLD.status, NEW.status); RETURN NEW; END $$`)
	w.sql(`CREATE TRIGGER moved AFTER UPDATE OF status ON experiments FOR EACH ROW WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION moved()`)
	n := 0
	held := map[int64]string{} // the last holder that a process believes in
	rapid.Check(t, func(rt *rapid.T) {
		for range rapid.IntRange(2, 12).Draw(rt, "steps") {
			n++
			err := w.anyExperimentAct(rt, fmt.Sprint(n), held)
			if c := engine.CodeOf(err); err != nil && c != engine.Conflict && c != engine.NotFound && c != engine.Forbidden {
				rt.Fatalf("step %d: %v", n, err)
			}
		}
		if broken := w.sql(brokenExperiments); broken != "" {
			rt.Fatal(broken)
		}
	})
	for way := range strings.SplitSeq(w.sql(`SELECT DISTINCT old, new FROM moves`), "\n") {
		if !ways[way] {
			t.Errorf("an experiment went from %s", way)
		}
	}
	w.must(w.VerifyAudit(t.Context()))
}

func (w *world) anyExperimentAct(rt *rapid.T, id string, held map[int64]string) error {
	ctx := w.t.Context()
	list, err := w.Experiments(ctx, engine.ExperimentFilter{Limit: 6})
	w.must(err)
	e := engine.Experiment{ID: 1}
	if len(list) > 0 {
		e = list[rapid.IntRange(0, len(list)-1).Draw(rt, "which")]
	}
	by := rapid.SampledFrom([]engine.Person{ada, grace}).Draw(rt, "by")
	d := engine.Decision{ID: id, Action: engine.ActionChaos, By: by, At: w.now(), Allowed: rapid.IntRange(0, 7).Draw(rt, "allowed") > 0, ExperimentID: e.ID, Hash: e.Hash}
	holder := held[e.ID]
	switch rapid.IntRange(0, 12).Draw(rt, "act") {
	case 0, 1:
		d.ExperimentID, d.Hash = 0, ""
		_, err = w.AskExperiment(ctx, d, kill(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "namespace")), time.Time{})
	case 2, 3:
		var leased engine.Experiment
		var ok bool
		if leased, ok, err = w.LeaseExperiment(ctx, prod, "h"+id, leaseFor); ok {
			held[leased.ID] = "h" + id
			if leased.Status == engine.ExperimentAsked {
				leased.Hash, leased.Need, leased.Expires = "hash", engine.ApprovalNeed{People: 1}, w.now().Add(5*time.Minute)
				_, err = w.PlanExperiment(ctx, leased, "h"+id)
			}
		}
	case 4, 5:
		_, err = w.ConfirmExperiment(ctx, d)
	case 6:
		_, err = w.BeginExperiment(ctx, e, holder, 2)
	case 7:
		_, err = w.KeepBlow(ctx, e.ID, holder, engine.Blow{Target: victim("a", "api-1"), Began: w.now()})
	case 8:
		e.Ending = rapid.SampledFrom([]engine.Ending{engine.EndedInTime, engine.EndedByAlarm}).Draw(rt, "ending")
		_, err = w.EndExperiment(ctx, e, holder)
	case 9:
		_, err = w.GradeExperiment(ctx, e.ID, holder, engine.Grade{At: w.now()})
	case 10:
		d.Action = engine.ActionChaosStop
		d.ExperimentID = rapid.SampledFrom([]int64{0, e.ID}).Draw(rt, "stop")
		_, err = w.StopExperiments(ctx, d)
	case 11:
		d.Action = engine.ActionChaosCancel
		_, err = w.CancelExperiment(ctx, d)
	default:
		w.pass(rapid.SampledFrom([]time.Duration{time.Minute, 6 * time.Minute}).Draw(rt, "passes"))
		w.sql(`UPDATE experiments SET leased_until = now() WHERE leased_until IS NOT NULL AND id % 2 = ` + fmt.Sprint(e.ID%2)) // whoever held them is late
		err = w.ExpireExperiments(ctx)
	}
	return err
}
