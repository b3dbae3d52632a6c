package view_test

import (
	"strings"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/bot/view"
	"github.com/eks-autopilot/autopilot/engine"
)

// slow is an incident that metrics told.
func slow() engine.Incident {
	i := opened()
	i.Severity, i.Classes, i.Title = engine.Warning, []engine.Class{engine.ClassHighLatency}, "payments/api: latency 3.1 s, in 14 days never above 0.4 s"
	points := func(usual, now float64) (all []engine.Point) {
		for n := range 30 {
			if n == 12 {
				continue // a gap
			}
			v := usual + usual/10*float64(n%3)
			if n > 25 {
				v = now
			}
			all = append(all, engine.Point{At: t0.Add(time.Duration(n-26) * 5 * time.Minute).Unix(), Value: v})
		}
		return all
	}
	i.Signals = []engine.Signal{{
		Source: engine.SourceMetrics, ID: "metrics/api", Workload: i.Workload, Class: engine.ClassHighLatency, Severity: engine.Warning, StartsAt: t0, Summary: "slow",
		Tracks: []engine.Track{
			{Measure: engine.MeasureLatency, Points: points(0.3, 3.1), High: 0.4, Low: 0.1, Score: 0.95, Since: t0, Reason: "latency 3.1 s, in 14 days never above 0.4 s"},
			{Measure: engine.MeasureErrors, Points: points(0.001, 0.12), High: 0.003, Score: 0.99, Since: t0, Reason: "errors 12 %, in 14 days never above 0.3 %"},
			{Measure: engine.MeasureRequests, Points: points(100, 20), High: 150, Low: 90, Score: 0.9, Since: t0, Reason: "requests 20/s, in 14 days never below 90/s"},
		},
	}}
	return i
}

func TestTracks(t *testing.T) {
	golden(t, map[string]any{"card_metrics": view.Card(slow(), nil, workspace)})
	m := view.Card(slow(), nil, workspace)
	if len(m.Charts) != 2 {
		t.Fatalf("%d charts", len(m.Charts))
	}
	latency := m.Charts[0].Values
	row := latency.Series[0].Values
	if latency.Step != 5*time.Minute || len(row) != 30 || row[12] != engine.Missing || row[29] != 3.1 || latency.Lines[0] != (engine.ChartLine{Name: "never above", Value: 0.4}) {
		t.Errorf("%+v", latency)
	}
	if failed := m.Charts[1].Values; failed.Unit != "%" || failed.Series[0].Values[29] != 12 || failed.Lines[0].Value != 0.3 {
		t.Errorf("%+v", failed)
	}
	if without := view.WithoutCharts(m); len(without.Blocks) != len(m.Blocks)-2 {
		t.Error("the charts are not left out where Slack takes none")
	}
	over := slow()
	over.Status = engine.Resolved
	for k := range over.Signals {
		over.Signals[k].EndsAt = t0.Add(time.Hour)
	}
	if m := view.Card(over, nil, workspace); len(m.Charts) > 0 || strings.Contains(said(t, m), "Not as it ever was") {
		t.Error("what is over is drawn")
	}
}

// TestWorthTelling asks only where metrics alone tell something, and once.
func TestWorthTelling(t *testing.T) {
	const question = "Was this worth telling?"
	i := slow()
	if !strings.Contains(said(t, view.Card(i, nil, workspace)), question) {
		t.Error("nobody is asked")
	}
	i.Verdicts = []engine.Verdict{{By: ana, Rule: engine.RuleAlarm}}
	if got := said(t, view.Card(i, nil, workspace)); strings.Contains(got, question) || !strings.Contains(got, "says that this was not worth telling") {
		t.Errorf("after an answer: %s", got)
	}
	i.Verdicts[0].Right = true
	if got := said(t, view.Card(i, nil, workspace)); !strings.Contains(got, "says that this was worth telling") {
		t.Errorf("after a yes: %s", got)
	}
	i = slow()
	i.Signals = append(i.Signals, engine.Signal{Source: engine.SourceWatch, ID: "x", Class: engine.ClassCrashLoop})
	if strings.Contains(said(t, view.Card(i, nil, workspace)), question) {
		t.Error("asked of an incident that Kubernetes tells too")
	}
}

// TestOddTracks draws what there is too little or too much of.
func TestOddTracks(t *testing.T) {
	for name, points := range map[string][]engine.Point{
		"none": nil, "one": {{At: 5}}, "two at once": {{At: 5}, {At: 5}},
		"far apart": {{At: 0, Value: 1}, {At: 1, Value: 2}, {At: 1 << 40, Value: 3}}, "backwards": {{At: 900}, {At: 600}, {At: 300}},
	} {
		i := slow()
		i.Signals[0].Tracks = []engine.Track{{Measure: "queue", Points: points}}
		m := view.Card(i, nil, workspace)
		for _, c := range m.Charts {
			if n := len(c.Values.Series[0].Values); n > 120 {
				t.Errorf("%s: %d values", name, n)
			}
		}
	}
}
