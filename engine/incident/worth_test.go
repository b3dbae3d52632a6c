package incident_test

import (
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// measured is a signal of the metrics.
func measured(w *world, summary string) engine.Signal {
	return engine.Signal{
		Source: engine.SourceMetrics, ID: "metrics/api", Workload: api, Class: engine.ClassHighLatency, Severity: engine.Warning, StartsAt: w.now, Summary: summary,
		Tracks: []engine.Track{{Measure: engine.MeasureLatency, Points: []engine.Point{{At: w.now.Unix(), Value: 3.1}}, High: 0.4, Score: 0.9, Since: w.now}},
	}
}

func (w *world) measure(signals ...engine.Signal) {
	w.observe(engine.Observation{Source: engine.SourceMetrics, Workload: api, Signals: signals, Complete: true, At: w.now})
}

// TestMetrics has an incident that metrics opened: it says what they say, until Kubernetes says more.
func TestMetrics(t *testing.T) {
	w := newWorld(t)
	w.measure(measured(w, "latency 3.1 s, in 14 days never above 0.4 s"))
	equal(t, "title", w.incidents[41].Title, "payments/api: latency 3.1 s, in 14 days never above 0.4 s")
	equal(t, "severity", w.incidents[41].Severity, engine.Warning)
	w.pass(5 * time.Minute)
	w.measure(measured(w, "latency 4 s, in 14 days never above 0.4 s"))
	equal(t, "title as it goes on", w.incidents[41].Title, "payments/api: latency 4 s, in 14 days never above 0.4 s")
	equal(t, "one signal", len(w.incidents[41].Signals), 1)
	w.watch(api, w.signal(api, engine.ClassOOMKilled))
	equal(t, "title when it is killed too", w.incidents[41].Title, "payments/api is being OOM-killed")
	w.watch(api)
	w.measure()
	equal(t, "cleared", w.incidents[41].ClearedAt.Equal(w.now), true)
}

// TestWorthTelling has people say whether it was.
func TestWorthTelling(t *testing.T) {
	alarm := func(right bool) func(*engine.Decision) {
		return func(d *engine.Decision) { d.Rule, d.Right = engine.RuleAlarm, right }
	}
	w := newWorld(t)
	w.watch(api, w.signal(api, engine.ClassCrashLoop))
	_, err := w.decide(41, ana, engine.ActionVerdict, alarm(false))
	equal(t, "of what metrics did not tell", engine.CodeOf(err), engine.Conflict)
	w.measure(measured(w, "latency 3.1 s"))
	p := w.must(w.decide(41, ana, engine.ActionVerdict, alarm(false)))
	equal(t, "verdict", *p.Verdict, engine.Verdict{At: w.now, By: ana, Rule: engine.RuleAlarm})
	equal(t, "line", p.Events[0].Text, "Not worth telling: these metrics of payments/api must be further from what is usual to be told again")
	if p := w.must(w.decide(41, ana, engine.ActionVerdict, alarm(false))); !p.Empty() {
		t.Errorf("said twice: %+v", p)
	}
	w.must(w.decide(41, ana, engine.ActionVerdict, alarm(true)))
	w.must(w.decide(41, ben, engine.ActionVerdict, alarm(true)))
	equal(t, "one answer of each", len(w.incidents[41].Verdicts), 2)
	equal(t, "the newest", w.incidents[41].Verdicts[0].Right, true)
}
