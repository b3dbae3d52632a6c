package chaos_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/chaos"
)

// over is an experiment that was done: its blows began at noon, and ended with their duration.
func over(t *testing.T, command string) engine.Experiment {
	t.Helper()
	e := mustDraft(t, parsed(t, command), field(), rules())
	e.Status, e.StartedAt = engine.ExperimentRunning, noon.Add(-time.Second)
	for _, w := range chaos.Due(e, noon) {
		e.Blows = append(e.Blows, engine.Blow{Strike: w.Strike, Target: w.Target, Began: noon, Ended: noon.Add(e.Strikes[w.Strike].Duration), Clean: true})
	}
	e.Status, e.Ending = engine.ExperimentOver, engine.EndedInTime
	e.OverAt = noon.Add(e.Strikes[0].Duration)
	return e
}

// incident is one that was detected a while after noon, with causes by their rules.
func incident(id int64, w engine.Workload, after time.Duration, causes ...string) engine.Incident {
	i := engine.Incident{ID: id, Workload: w, Status: engine.Open, DetectedAt: noon.Add(after), StartedAt: noon.Add(after)}
	for k, rule := range causes {
		i.Diagnosis.Causes = append(i.Diagnosis.Causes, engine.Cause{Rule: rule, Confidence: 0.9 - float64(k)/10, Step: engine.Step{Text: "Do it."}})
		i.Diagnosis.At = i.DetectedAt
	}
	return i
}

func rooted(i engine.Incident, root engine.Workload) engine.Incident {
	i.Diagnosis.Causes[0].Root = &root
	return i
}

func TestJudge(t *testing.T) {
	back := noon.Add(70 * time.Second)
	for name, c := range map[string]struct {
		command   string
		change    func(e *engine.Experiment)
		incidents []engine.Incident
		recovered time.Time
		want      engine.Grade // without At, Alerts and what is never 0
		text      string
	}{
		"noticed and understood": {
			command: "kill shop/api", incidents: []engine.Incident{incident(7, api, 4*time.Second, "evict/api", "near/itself")}, recovered: back,
			want: engine.Grade{Detected: true, IncidentID: 7, DetectAfter: 4 * time.Second, Cause: "evict/api", Confidence: 0.9, Rank: 1, StepRight: true, Recovered: true, RecoverAfter: 70 * time.Second},
			text: "noticed after 4s; the cause that was ranked first is right (evict/api)",
		},
		"the second cause": {
			command: "kill shop/api", incidents: []engine.Incident{incident(7, api, 4*time.Second, "oom/limit", "evict/api")},
			want: engine.Grade{Detected: true, IncidentID: 7, DetectAfter: 4 * time.Second, Cause: "oom/limit", Confidence: 0.9, Rank: 2},
			text: "ranked as number 2, after oom/limit; it was not seen to recover",
		},
		"misunderstood": {
			command: "kill shop/api", incidents: []engine.Incident{incident(7, api, 4*time.Second, "oom/limit")},
			want: engine.Grade{Detected: true, IncidentID: 7, DetectAfter: 4 * time.Second, Cause: "oom/limit", Confidence: 0.9}, text: "taken for oom/limit",
		},
		"no cause": {
			command: "kill shop/api", incidents: []engine.Incident{incident(7, api, 4*time.Second)},
			want: engine.Grade{Detected: true, IncidentID: 7, DetectAfter: 4 * time.Second}, text: "no cause was given",
		},
		"not noticed": {command: "kill shop/api", want: engine.Grade{}, text: "not noticed within 1m"},
		"an incident of before": {
			command: "kill shop/api", incidents: []engine.Incident{incident(7, api, -time.Minute, "evict/api")}, want: engine.Grade{}, text: "not noticed",
		},
		"an incident of before that came back": {
			command: "kill shop/api", incidents: []engine.Incident{func() engine.Incident {
				i := incident(7, api, -time.Hour, "evict/api")
				i.Timeline = []engine.Event{{Kind: "opened", At: noon.Add(-time.Hour)}, {Kind: "reopened", At: noon.Add(-time.Minute)}, {Kind: "reopened_quietly", At: noon.Add(6 * time.Second)}}
				return i
			}()},
			want: engine.Grade{Detected: true, IncidentID: 7, DetectAfter: 6 * time.Second, Cause: "evict/api", Confidence: 0.9, Rank: 1, StepRight: true},
		},
		"seen before the blow was known to have begun": {
			command: "kill shop/api", incidents: []engine.Incident{incident(7, api, -time.Second, "evict/api")},
			want: engine.Grade{Detected: true, IncidentID: 7, Cause: "evict/api", Confidence: 0.9, Rank: 1, StepRight: true},
		},
		"too late": {
			command: "kill shop/api", incidents: []engine.Incident{incident(7, api, 61*time.Second, "evict/api")}, want: engine.Grade{},
			text: "noticed too late: incident 7 came after 1m1s, and 1m is the time for it",
		},
		"the soonest counts": {
			command: "network-lag shop/api", incidents: []engine.Incident{incident(9, api, 50*time.Second, "near/network"), rooted(incident(8, web, 40*time.Second, "near/callee"), api)},
			want: engine.Grade{Detected: true, IncidentID: 8, DetectAfter: 40 * time.Second, Cause: "near/callee", Confidence: 0.9, Rank: 1, StepRight: true},
		},
		"the right rule, of the wrong one": {
			command: "network-lag shop/api", incidents: []engine.Incident{rooted(incident(8, web, 40*time.Second, "near/callee"), db)},
			want: engine.Grade{Detected: true, IncidentID: 8, DetectAfter: 40 * time.Second, Cause: "near/callee", Confidence: 0.9}, text: "taken for near/callee",
		},
		"what holds the memory": {
			command: "memory-stress shop/api", incidents: []engine.Incident{incident(8, api, 40*time.Second, "near/memory")},
			want: engine.Grade{Detected: true, IncidentID: 8, DetectAfter: 40 * time.Second, Cause: "near/memory", Confidence: 0.9, Rank: 1, StepRight: true},
		},
		"where the memory is, and not what holds it": {
			command: "memory-stress shop/api", incidents: []engine.Incident{incident(8, api, 40*time.Second, "near/itself")},
			want: engine.Grade{Detected: true, IncidentID: 8, DetectAfter: 40 * time.Second, Cause: "near/itself", Confidence: 0.9, Rank: 1},
		},
		"a network has two ends": {
			command: "network-lag shop/api", incidents: []engine.Incident{rooted(incident(8, api, 40*time.Second, "near/network"), db)},
			want: engine.Grade{Detected: true, IncidentID: 8, DetectAfter: 40 * time.Second, Cause: "near/network", Confidence: 0.9, Rank: 1, StepRight: true},
		},
		"of another network": {
			command: "network-lag shop/api", incidents: []engine.Incident{rooted(incident(8, web, 40*time.Second, "near/network"), db)},
			want: engine.Grade{Detected: true, IncidentID: 8, DetectAfter: 40 * time.Second, Cause: "near/network", Confidence: 0.9},
		},
		"the Service of what is hit": {
			command: "network-lag shop/api", incidents: []engine.Incident{rooted(incident(8, web, 40*time.Second, "near/callee"), workload("shop", engine.KindService, "api"))},
			want: engine.Grade{Detected: true, IncidentID: 8, DetectAfter: 40 * time.Second, Cause: "near/callee", Confidence: 0.9, Rank: 1, StepRight: true},
		},
		"a step that treats a symptom": {
			command: "network-lag shop/api", incidents: []engine.Incident{incident(8, api, 40*time.Second, "probe/timeout")},
			want: engine.Grade{Detected: true, IncidentID: 8, DetectAfter: 40 * time.Second, Cause: "probe/timeout", Confidence: 0.9, Rank: 1},
		},
		"a node's drain": {
			command: "node-drain n1", incidents: []engine.Incident{rooted(incident(8, api, 5*time.Second, "node/drained"), onNode("n1"))}, recovered: noon.Add(90 * time.Second),
			want: engine.Grade{Recovered: true},
		},
		"a node's drain, taken for something else": {
			command: "node-drain n1", incidents: []engine.Incident{incident(8, api, 5*time.Second, "crash/panic")}, recovered: noon.Add(90 * time.Second),
			want: engine.Grade{Recovered: true, False: []int64{8}}, text: "a control: 1 incident was raised, and should not have been",
		},
		"false ones": {
			command: "kill shop/api", incidents: []engine.Incident{
				incident(1, db, 20*time.Second), incident(2, workload("other", "Deployment", "x"), 5*time.Second), // nothing explains these
				incident(3, web, 20*time.Second), incident(4, front, 20*time.Second), // depend on it
				incident(5, db, -time.Minute), incident(6, db, time.Hour), // at another time
				func() engine.Incident { i := incident(10, db, 9*time.Second); i.ParentID = 7; return i }(), // follows from the one that is meant
				incident(7, api, 4*time.Second, "evict/api"), incident(1, db, 20*time.Second),
			},
			want: engine.Grade{Detected: true, IncidentID: 7, DetectAfter: 4 * time.Second, Cause: "evict/api", Confidence: 0.9, Rank: 1, StepRight: true, False: []int64{1, 2}},
			text: "2 incidents were raised that nothing explains",
		},
		"a fault that was left behind": {
			command: "network-lag shop/api", change: func(e *engine.Experiment) { e.Blows[0].Clean = false }, want: engine.Grade{}, text: "the end of a fault was not seen",
		},
		"a control": {command: "nothing shop/api", recovered: noon.Add(time.Minute), want: engine.Grade{Recovered: true}, text: "a control: nothing was raised"},
		"a control that raised something": {
			command: "nothing shop/api", incidents: []engine.Incident{incident(7, api, 10*time.Second, "near/itself")}, want: engine.Grade{False: []int64{7}},
			text: "a control: 1 incident was raised, and should not have been",
		},
		"a rollout as a control": {
			command: "kill shop/api", change: func(e *engine.Experiment) { e.Expect = engine.Expectation{Nothing: true} },
			incidents: []engine.Incident{incident(7, api, 10*time.Second, "evict/api")}, want: engine.Grade{False: []int64{7}},
		},
	} {
		e := over(t, c.command)
		if c.change != nil {
			c.change(&e)
		}
		got := chaos.Judge(e, c.incidents, nil, c.recovered, noon.Add(5*time.Minute))
		c.want.At, c.want.Text, c.want.Counts, c.want.Clean = noon.Add(5*time.Minute), got.Text, true, !strings.Contains(c.text, "the end of a fault")
		if diff := cmp.Diff(c.want, got); diff != "" || !strings.Contains(got.Text, c.text) {
			t.Errorf("%s: text %q, want %q\n%s", name, got.Text, c.text, diff)
		}
	}
}

func TestJudgeOfWhatNeverBegan(t *testing.T) {
	e := over(t, "kill shop/api")
	e.Blows[0].Began = time.Time{}
	e.Blows = append(e.Blows, engine.Blow{Outcome: "429", Clean: true})
	g := chaos.Judge(e, []engine.Incident{incident(7, api, time.Second, "evict/api")}, nil, noon, noon)
	if g.Counts || g.Detected || !g.Clean || g.IncidentID != 0 {
		t.Errorf("grade %+v of one that never began", g)
	}
	if !chaos.GradeDue(e, nil, time.Time{}, e.OverAt) {
		t.Error("what never began is not graded at once")
	}
}

// The watch and the alerts are told apart, by when the bot heard of each.
func TestJudgePaths(t *testing.T) {
	e := over(t, "network-lag shop/api")
	i := incident(7, api, 20*time.Second, "near/network")
	heard := func(s engine.Source, after time.Duration, verdict string) engine.Consideration {
		return engine.Consideration{At: noon.Add(after), Source: s, Verdict: verdict}
	}
	i.Considered = []engine.Consideration{
		heard(engine.SourceWatch, -time.Minute, "opened"), heard(engine.SourceWatch, 5*time.Second, "ignored"), heard(engine.SourceMetrics, 30*time.Second, "joined"),
		heard(engine.SourceWatch, 20*time.Second, "opened"), heard(engine.SourceAlert, 65*time.Second, "joined"),
	}
	high := since(api, 60*time.Second)
	high.Labels = map[string]string{"alertname": "AutopilotHighLatency"}
	old, elsewhere := since(api, -time.Hour), since(workload("other", "Deployment", "x"), time.Second)
	g := chaos.Judge(e, []engine.Incident{i}, []engine.Signal{high, high, old, elsewhere}, noon, noon)
	if g.WatchAfter != 20*time.Second || g.AlertAfter != 65*time.Second || !slices.Equal(g.Alerts, []string{"AutopilotHighLatency"}) {
		t.Errorf("watch %s, alert %s, alerts %v", g.WatchAfter, g.AlertAfter, g.Alerts)
	}
	i.Considered = nil
	i.Signals = []engine.Signal{{Source: engine.SourceWatch, Workload: api, StartsAt: noon}, high}
	g = chaos.Judge(e, []engine.Incident{i}, nil, noon, noon)
	if g.WatchAfter != time.Millisecond || g.AlertAfter != 60*time.Second || !slices.Equal(g.Alerts, []string{"AutopilotHighLatency"}) {
		t.Errorf("of the signals alone: watch %s, alert %s, alerts %v", g.WatchAfter, g.AlertAfter, g.Alerts)
	}
	g = chaos.Judge(e, nil, []engine.Signal{since(api, 4*time.Minute)}, noon, noon)
	if g.AlertAfter != 0 || g.WatchAfter != 0 {
		t.Errorf("an alert that came too late counts: %+v", g)
	}
}

func TestGradeDue(t *testing.T) {
	e := over(t, "network-lag shop/api") // over at 60 s, within 3 min
	seen := []engine.Incident{incident(7, api, 40*time.Second, "near/network")}
	well := noon.Add(65 * time.Second)
	for name, c := range map[string]struct {
		change    func(e *engine.Experiment)
		incidents []engine.Incident
		recovered time.Time
		after     time.Duration
		want      bool
	}{
		"all is seen":              {incidents: seen, recovered: well, after: 90 * time.Second, want: true},
		"false ones may come":      {incidents: seen, recovered: well, after: 89 * time.Second},
		"not well yet":             {incidents: seen, after: 4 * time.Minute},
		"never well":               {incidents: seen, after: 12 * time.Minute, want: true},
		"not noticed yet":          {recovered: well, after: 2 * time.Minute},
		"not noticed in time":      {recovered: well, after: 3 * time.Minute, want: true},
		"noticed, without a cause": {incidents: []engine.Incident{incident(7, api, 40*time.Second)}, recovered: well, after: 2 * time.Minute},
		"still running":            {change: func(e *engine.Experiment) { e.Status = engine.ExperimentRunning }, incidents: seen, recovered: well, after: time.Hour},
		"graded":                   {change: func(e *engine.Experiment) { e.Grade = &engine.Grade{} }, incidents: seen, recovered: well, after: time.Hour},
		"a control":                {change: func(e *engine.Experiment) { e.Expect = engine.Expectation{Nothing: true, Within: time.Minute} }, recovered: well, after: 90 * time.Second, want: true},
	} {
		e := e
		if c.change != nil {
			c.change(&e)
		}
		if got := chaos.GradeDue(e, c.incidents, c.recovered, noon.Add(c.after)); got != c.want {
			t.Errorf("%s: due %t", name, got)
		}
	}
}

func TestExplains(t *testing.T) {
	e, next := over(t, "kill shop/api"), over(t, "kill shop/api")
	again := incident(7, api, time.Second)
	again.Timeline = []engine.Event{{Kind: "reopened", At: noon.Add(85 * time.Second)}}
	for name, c := range map[string]struct {
		i      engine.Incident
		graded time.Duration
		want   bool
	}{
		"of what is hit":                      {incident(7, api, time.Second), 0, true},
		"of what calls it":                    {incident(7, front, time.Second), 0, true},
		"of another":                          {incident(7, db, time.Second), 0, false},
		"of before":                           {incident(7, api, -time.Minute), 0, false},
		"long after":                          {incident(7, api, 5*time.Minute), 0, false},
		"late":                                {incident(7, api, 3*time.Minute), 0, true},
		"after it was graded":                 {incident(7, api, 90*time.Second), time.Minute, false},
		"before it was graded":                {incident(7, api, 59*time.Second), time.Minute, true},
		"its own, reopened by the next one's": {again, time.Minute, false},
	} {
		e := e
		if c.graded > 0 {
			e.Grade = &engine.Grade{At: noon.Add(c.graded)}
		}
		if got := chaos.Explains(e, next, c.i); got != c.want {
			t.Errorf("%s: explained %t", name, got)
		}
	}
	e.Grade = &engine.Grade{At: noon.Add(time.Minute)}
	for name, judged := range map[string]engine.Experiment{"another's, of elsewhere": over(t, "kill shop/web"), "a control of the same": over(t, "nothing shop/api")} {
		if !chaos.Explains(e, judged, incident(7, api, 90*time.Second)) {
			t.Errorf("%s: what a graded experiment left behind is not explained", name)
		}
	}
	control := over(t, "nothing shop/api")
	if chaos.Explains(control, next, incident(7, api, time.Second)) {
		t.Error("a control explains an incident")
	}
}
