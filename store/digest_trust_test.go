package store_test

import (
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/digest"
)

// tried keeps an experiment that is over.
func (w *world) tried(cluster string, at time.Time, expect engine.Expectation, g *engine.Grade) {
	w.t.Helper()
	e := engine.Experiment{
		Cluster: cluster, Title: "network-lag of shop/api", Status: engine.ExperimentOver, StartedAt: at, OverAt: at.Add(time.Minute), Expect: expect, Grade: g,
		Strikes: []engine.Strike{{Fault: engine.FaultLag, Namespace: "shop"}}, Blows: []engine.Blow{{Began: at, Ended: at.Add(time.Minute), Clean: true}},
	}
	w.sql(`INSERT INTO experiments (cluster, status, namespaces, by_id, asked_at, started_at, over_at, graded, body) VALUES ($1, 'over', '{shop}', 'U1', $2, $2, $3, $4, $5)`,
		cluster, at, e.OverAt, g != nil, e)
}

// TestTrustOfAPeriod: a digest has the experiments that began in its period, and compares them with as long a time before.
func TestTrustOfAPeriod(t *testing.T) {
	w := newWorld(t)
	seen := func(at time.Time, after time.Duration) *engine.Grade {
		return &engine.Grade{At: at.Add(2 * time.Minute), Detected: true, DetectAfter: after, Rank: 1, Clean: true, Counts: true}
	}
	unseen := &engine.Grade{Clean: true, Counts: true}
	tuesday := weekDue.From.Add(30 * time.Hour)
	w.tried("prod", weekDue.From, engine.Expectation{}, seen(weekDue.From, 4*time.Second))
	w.tried("prod", tuesday, engine.Expectation{}, seen(tuesday, 8*time.Second))
	w.tried("prod", tuesday, engine.Expectation{}, unseen)
	w.tried("prod", tuesday, engine.Expectation{Nothing: true}, unseen)
	w.tried("prod", tuesday, engine.Expectation{}, &engine.Grade{Clean: true}) // it was never really done
	w.tried("prod", tuesday, engine.Expectation{}, nil)
	w.tried("prod", weekDue.From.Add(-time.Second), engine.Expectation{}, unseen)
	w.tried("prod", weekDue.Before().From.Add(-time.Second), engine.Expectation{}, unseen)
	w.tried("prod", weekDue.To, engine.Expectation{}, unseen)
	w.tried("other", tuesday, engine.Expectation{}, unseen)
	w.sql(`INSERT INTO lanes (lane) VALUES ('#chaos')`)
	w.sql(`INSERT INTO messages (key, lane, kind, subject, detail, person, channel, thread_key, broadcast, wanted, channel_id, ts, declared_at)
		VALUES ('experiment/3/card', '#chaos', 'experiment', 3, 0, '', '#chaos', '', false, 1, 'C0CHAOS', '17.0001', now())`)

	facts := func(s engine.DigestScope) digest.Facts {
		t.Helper()
		f, err := w.DigestFacts(t.Context(), weekDue, s, nil)
		w.must(err)
		return f
	}
	if made := digest.Make(facts(everybody), digest.Rules{}); made.Trust == nil || !made.AsOf.Equal(tuesday.Add(2*time.Minute)) {
		t.Errorf("the digest as of %s has the scorecard %v", made.AsOf, made.Trust)
	}
	w.clock = tuesday
	w.open(api)
	w.must(w.SaveDiagnosis(t.Context(), diagnosis(w.now(), "r1", 0.5)))
	w.must(w.decide("said in the week", engine.ActionVerdict, ada, 1))
	w.clock = start
	w.must(w.decide("said after it", engine.ActionVerdict, grace, 1))

	all := facts(everybody).Trust
	equal(t, "noticed", []int{all.All.Detected.Hits, all.All.Detected.Of, all.Controls.Hits, all.Controls.Of, all.Stranded.Of}, []int{2, 4, 0, 1, 7})
	equal(t, "before", all.Before.Detected.Of, 1)
	equal(t, "the span", []time.Time{all.From, all.To}, []time.Time{weekDue.From, weekDue.To})
	equal(t, "misses", len(all.Misses), 2)
	equal(t, "the way to one", all.Misses[len(all.Misses)-1].Thread, engine.Thread{Channel: "C0CHAOS", TS: "17.0001"})
	equal(t, "confidences that somebody judged", []int{len(all.Reliable), all.Reliable[0].Right.Of, all.Reliable[0].Right.Hits}, []int{1, 1, 1})
	if one := facts(engine.DigestScope{Cluster: "prod"}).Trust; one.All.Detected.Of != 3 {
		t.Errorf("on prod %d were tried, want 3", one.All.Detected.Of)
	}
	if none := facts(engine.DigestScope{Team: "shop"}).Trust; none != nil {
		t.Errorf("a team has a scorecard: %+v", none)
	}
	if none := facts(engine.DigestScope{Cluster: "empty"}).Trust; none != nil {
		t.Errorf("nothing was tried, and there is a scorecard: %+v", none)
	}
}
