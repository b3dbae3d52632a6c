package anomaly_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/anomaly"
)

const perDay = 288

func workload(n int) engine.Workload {
	return engine.Workload{Cluster: "prod", Namespace: "shop", Kind: "Deployment", Name: fmt.Sprintf("web-%02d", n)}
}

// world is a cluster of workloads, whose values a test bends.
type world struct {
	t       *testing.T
	watch   *anomaly.Watch
	n       int // workloads
	at      int // instants so far
	bend    func(at, n int, v anomaly.Values, a *anomaly.About)
	strange []anomaly.Strange
	signals []engine.Signal
}

func newWorld(t *testing.T, n int, r anomaly.Rules) *world {
	return &world{t: t, watch: anomaly.NewWatch("prod", r), n: n}
}

func (w *world) instant() anomaly.Instant {
	i := anomaly.Instant{At: start.Add(time.Duration(w.at) * step), Workloads: map[engine.Workload]anomaly.About{}, Values: map[engine.Workload]anomaly.Values{}}
	for n := range w.n {
		r := rand.New(rand.NewPCG(uint64(n), uint64(w.at)))
		busy := 100 - 60*math.Cos(2*math.Pi*float64(w.at%perDay)/perDay) + 3*r.NormFloat64()
		v := anomaly.Values{
			engine.MeasureCPU: busy / 100, engine.MeasureMemory: 1e9 + 1e6*busy, engine.MeasureRestarts: 0, engine.MeasureRequests: busy,
			engine.MeasureErrors: max(0, 0.001+0.0005*r.NormFloat64()), engine.MeasureLatency: 0.1 + busy/200, engine.MeasureSaturation: 0.01,
		}
		if n == 2 {
			v[engine.MeasureRequests] = 0.05
		}
		a := anomaly.About{Revision: "1", Wanted: 3, Labels: map[string]string{"team": "shop"}}
		if w.bend != nil {
			w.bend(w.at, n, v, &a)
		}
		if a.Wanted < 0 {
			continue // it is gone
		}
		i.Workloads[workload(n)] = a
		if len(v) > 0 {
			i.Values[workload(n)] = v
		}
	}
	return i
}

// run steps so many instants and gives the most signals that there were at once.
func (w *world) run(steps int) (most int) {
	for range steps {
		w.strange, w.signals = w.watch.Step(w.instant())
		w.at++
		most = max(most, len(w.signals))
	}
	return most
}

// learn is a quiet time, in which nothing is told.
func (w *world) learn(days int) {
	w.t.Helper()
	bend := w.bend
	w.bend = nil
	if most := w.run(days * perDay); most > 0 {
		w.t.Fatalf("%d signals of days like all others: %+v", most, w.signals)
	}
	w.bend = bend
}

func only(t *testing.T, w *world) engine.Signal {
	t.Helper()
	if len(w.signals) != 1 {
		t.Fatalf("%d signals, want 1: %+v", len(w.signals), w.signals)
	}
	return w.signals[0]
}

// TestOneSignal has a workload slow down and fail: one signal, of what users feel, and of nobody else.
func TestOneSignal(t *testing.T) {
	w := newWorld(t, 8, anomaly.Rules{})
	w.learn(9)
	from := w.at
	w.bend = func(_, n int, v anomaly.Values, _ *anomaly.About) {
		if n == 3 {
			v[engine.MeasureLatency], v[engine.MeasureErrors], v[engine.MeasureCPU] = 3.1, 0.12, 6
		}
	}
	w.run(2)
	s := only(t, w)
	if s.Workload != workload(3) || s.Source != engine.SourceMetrics || s.Severity != engine.Warning || !s.Firing() || s.Labels["team"] != "shop" {
		t.Errorf("%+v", s)
	}
	if !s.StartsAt.Equal(start.Add(time.Duration(from) * step)) {
		t.Errorf("it began at %s", s.StartsAt)
	}
	for _, part := range []string{"latency 3.1 s, in 9 days never above 9", "errors 12 %, in 9 days never above 0.", "CPU a pod 6 cores"} {
		if !strings.Contains(s.Summary, part) {
			t.Errorf("%q lacks %q", s.Summary, part)
		}
	}
	if len(s.Tracks) != 3 || len(s.Tracks[0].Points) != 48 || s.Tracks[2].Measure != engine.MeasureCPU {
		t.Errorf("%d tracks: %+v", len(s.Tracks), s.Tracks)
	}
	for _, track := range s.Tracks {
		if last := track.Points[len(track.Points)-1]; last.Value <= track.High || track.Score < 0.8 || track.Since.IsZero() {
			t.Errorf("%s: %v, score %v, never above %v", track.Measure, last, track.Score, track.High)
		}
	}
	w.run(10)
	only(t, w)
	w.bend = nil
	w.run(2)
	only(t, w) // two usual values are not yet its end
	w.run(1)
	if len(w.signals)+len(w.strange) > 0 {
		t.Errorf("an hour later, after a quarter of usual values: %+v", w.strange)
	}
}

// TestTwice has the same trouble a day later again: what users felt was not taken for usual.
func TestTwice(t *testing.T) {
	w := newWorld(t, 2, anomaly.Rules{})
	w.learn(9)
	slow := func(_, n int, v anomaly.Values, _ *anomaly.About) {
		if n == 1 {
			v[engine.MeasureLatency], v[engine.MeasureCPU] = 2, 4
		}
	}
	for time := range 2 {
		w.bend = slow
		w.run(6)
		s := only(t, w)
		if s.Class != engine.ClassHighLatency || strings.Contains(s.Summary, "CPU") == (time == 1) {
			t.Errorf("time %d: %s %s", time, s.Class, s.Summary)
		}
		w.bend = nil
		w.run(perDay)
	}
}

// TestNewUsual holds that what stays for a day is what is usual.
func TestNewUsual(t *testing.T) {
	w := newWorld(t, 2, anomaly.Rules{})
	w.learn(9)
	w.bend = func(_, n int, v anomaly.Values, _ *anomaly.About) {
		if n == 1 {
			v[engine.MeasureLatency] += 2
		}
	}
	w.run(perDay - 1)
	only(t, w)
	w.run(2)
	if most := w.run(5 * perDay); most > 0 {
		t.Errorf("days later: %+v", w.signals)
	}
}

// TestNotTold is what must wake nobody.
func TestNotTold(t *testing.T) {
	const few = "errors of few requests"
	for name, c := range map[string]struct {
		bend    func(at, n int, v anomaly.Values, a *anomaly.About)
		strange bool // it is kept all the same
	}{
		"twice the CPU": {func(_, _ int, v anomaly.Values, _ *anomaly.About) { v[engine.MeasureCPU] += 3 }, true},
		"one slow interval": {func(at, _ int, v anomaly.Values, _ *anomaly.About) {
			v[engine.MeasureLatency] = max(v[engine.MeasureLatency], float64(at%7/6)*1.37)
		}, false},
		"errors of few requests": {func(_, _ int, v anomaly.Values, _ *anomaly.About) {
			v[engine.MeasureErrors], v[engine.MeasureRequests] = 0.5, 0.05
		}, true},
		"fewer errors, and faster": {func(_, _ int, v anomaly.Values, _ *anomaly.About) {
			v[engine.MeasureErrors], v[engine.MeasureLatency] = 0, 0.01
		}, false},
		"a restart":      {func(at, _ int, v anomaly.Values, _ *anomaly.About) { v[engine.MeasureRestarts] = float64(at % 12 / 11) }, false},
		"nothing comes":  {func(_, _ int, v anomaly.Values, _ *anomaly.About) { clear(v) }, false},
		"no number":      {func(_, _ int, v anomaly.Values, _ *anomaly.About) { v[engine.MeasureLatency] = math.NaN() }, false},
		"gone":           {func(_, _ int, v anomaly.Values, a *anomaly.About) { a.Wanted = -1 }, false},
		"scaled to none": {func(_, _ int, v anomaly.Values, a *anomaly.About) { a.Wanted = 0; v[engine.MeasureRequests] = 0 }, false},
		"a rollout that needs more": {func(_, _ int, v anomaly.Values, a *anomaly.About) {
			a.Revision = "2"
			v[engine.MeasureCPU], v[engine.MeasureMemory] = 9, 9e9
		}, false},
		"a rollout that is under way": {func(_, _ int, v anomaly.Values, a *anomaly.About) { a.Rolling = true; v[engine.MeasureCPU] = 9 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 3, anomaly.Rules{})
			w.learn(9)
			w.bend = func(at, n int, v anomaly.Values, a *anomaly.About) {
				if n == 1 && name != few || n == 2 && name == few {
					c.bend(at, n, v, a)
				}
			}
			strange := false
			for range 24 {
				if w.run(1) > 0 {
					t.Fatalf("told: %+v", w.signals)
				}
				strange = strange || len(w.strange) > 0
			}
			if strange && !c.strange || name == "twice the CPU" && !strange {
				t.Errorf("kept: %v, %+v", strange, w.strange)
			}
		})
	}
}

// TestNewRevisionThatFails is told: a rollout excuses what it uses and not what users feel.
func TestNewRevisionThatFails(t *testing.T) {
	w := newWorld(t, 3, anomaly.Rules{})
	w.learn(9)
	w.bend = func(_, n int, v anomaly.Values, a *anomaly.About) {
		if n == 1 {
			a.Revision, a.Rolling, v[engine.MeasureErrors] = "2", true, 0.3
		}
	}
	w.run(1)
	if s := only(t, w); s.Workload != workload(1) || s.Class != engine.ClassAnomaly {
		t.Errorf("%+v", s)
	}
}

// TestNoRequests has the traffic of a workload stay away.
func TestNoRequests(t *testing.T) {
	w := newWorld(t, 3, anomaly.Rules{})
	w.learn(9)
	w.bend = func(_, n int, v anomaly.Values, _ *anomaly.About) {
		if n == 0 {
			v[engine.MeasureRequests] = 0
			delete(v, engine.MeasureErrors)
			delete(v, engine.MeasureLatency)
		}
	}
	w.run(2)
	if s := only(t, w); !strings.Contains(s.Summary, "requests 0/s, in 9 days never below 3") || s.Severity != engine.Warning {
		t.Errorf("%+v", s)
	}
}

// TestStorm has half of a cluster fail at once, then a node's, then too many for one interval.
func TestStorm(t *testing.T) {
	fail := func(which func(n int) bool) func(int, int, anomaly.Values, *anomaly.About) {
		return func(_, n int, v anomaly.Values, a *anomaly.About) {
			if n < 6 {
				a.Node = "node-a"
			}
			if which(n) {
				v[engine.MeasureErrors] = 0.5
			}
		}
	}
	t.Run("cluster", func(t *testing.T) {
		w := newWorld(t, 40, anomaly.Rules{})
		w.learn(2)
		w.bend = fail(func(n int) bool { return n%2 == 0 })
		w.run(3)
		s := only(t, w)
		if s.Workload != (engine.Workload{Cluster: "prod", Kind: engine.KindCluster, Name: "prod"}) || len(s.Tracks) != 6 ||
			!strings.HasPrefix(s.Summary, "19 of 40 workloads") {
			t.Errorf("%+v", s)
		}
		w.bend = fail(func(n int) bool { return n%5 == 0 })
		w.run(3)
		if s := only(t, w); s.Workload.Kind != engine.KindCluster {
			t.Errorf("while a fifth is still strange: %+v", s)
		}
		w.bend = fail(func(n int) bool { return n == 4 })
		w.run(3)
		if s := only(t, w); s.Workload != workload(4) {
			t.Errorf("the rest: %+v", s)
		}
	})
	t.Run("node", func(t *testing.T) {
		w := newWorld(t, 40, anomaly.Rules{})
		w.learn(2)
		w.bend = fail(func(n int) bool { return n < 5 || n == 30 })
		w.run(2)
		if len(w.signals) != 2 || w.signals[0].Workload != (engine.Workload{Cluster: "prod", Kind: engine.KindNode, Name: "node-a"}) || w.signals[1].Workload != workload(30) {
			t.Errorf("%+v", w.signals)
		}
	})
	t.Run("cap", func(t *testing.T) {
		w := newWorld(t, 40, anomaly.Rules{Most: 3})
		w.learn(2)
		w.bend = fail(func(n int) bool { return n > 29 })
		for _, want := range []int{3, 6, 9, 10, 10} {
			if w.run(1); len(w.signals) != want {
				t.Errorf("%d signals, want %d", len(w.signals), want)
			}
		}
	})
}

// TestRules has the configuration decide what is watched and told.
func TestRules(t *testing.T) {
	slow := func(_, n int, v anomaly.Values, _ *anomaly.About) {
		if n == 1 {
			v[engine.MeasureLatency], v[engine.MeasureCPU] = 1.6, 4
		}
	}
	for name, c := range map[string]struct {
		rules  anomaly.Rules
		answer int
		want   string
	}{
		"default":          {anomaly.Rules{}, 0, "high_latency"},
		"all":              {anomaly.Rules{Post: anomaly.PostAll, Measures: []engine.Measure{engine.MeasureCPU}}, 0, "high_cpu"},
		"none":             {anomaly.Rules{Post: anomaly.PostNone}, 0, ""},
		"ignored":          {anomaly.Rules{Rules: []anomaly.Rule{{Namespace: "sh*", Workload: "web-*"}}}, 0, ""},
		"another ignored":  {anomaly.Rules{Rules: []anomaly.Rule{{Namespace: "bank"}}}, 0, "high_latency"},
		"a measure strict": {anomaly.Rules{Rules: []anomaly.Rule{{Measures: []engine.Measure{engine.MeasureLatency}, Strictness: anomaly.Strict}}}, 0, "high_latency"},
		"much stricter":    {anomaly.Rules{Rules: []anomaly.Rule{{Strictness: 200}}}, 0, ""},
		"called useless":   {anomaly.Rules{Rules: []anomaly.Rule{{Strictness: anomaly.Strict}}}, 3, ""},
		"called useful":    {anomaly.Rules{Rules: []anomaly.Rule{{Strictness: anomaly.Strict}}}, -5, "high_latency"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 3, c.rules)
			w.watch.Answers(map[anomaly.Key]int{{Workload: workload(1), Measure: engine.MeasureLatency}: c.answer})
			w.learn(9)
			w.bend = slow
			w.run(3)
			got := ""
			for _, s := range w.signals {
				got += string(s.Class)
			}
			if got != c.want {
				t.Errorf("told %q, want %q; %+v", got, c.want, w.strange)
			}
		})
	}
}

// TestRestart holds that a Watch that was kept and taken up again says what one that went on says, and that a series is 2 KiB at most.
func TestRestart(t *testing.T) {
	slow := func(_, n int, v anomaly.Values, _ *anomaly.About) {
		if n == 1 {
			v[engine.MeasureLatency], v[engine.MeasureMemory] = 2, 9e9
		}
	}
	w := newWorld(t, 3, anomaly.Rules{})
	w.learn(2)
	kept := map[anomaly.Key]anomaly.Kept{}
	keep := func() (n int) {
		for _, k := range w.watch.Keep(start.Add(time.Duration(w.at-1) * step)) {
			if len(k.State) > 2048 {
				t.Fatalf("%d bytes", len(k.State))
			}
			kept[k.Key] = k
			n++
		}
		return n
	}
	for range 8 {
		w.run(1)
		if n := keep(); n == w.watch.Len() {
			t.Fatal("everything is kept at once")
		}
	}
	if len(kept) != w.watch.Len() || len(kept) != 3*7 {
		t.Fatalf("%d of %d series are kept after a round", len(kept), w.watch.Len())
	}
	w.bend = slow
	w.run(3)
	keep()
	before := w.signals
	again := anomaly.NewWatch("prod", anomaly.Rules{})
	var all []anomaly.Kept
	for _, k := range kept {
		all = append(all, k)
	}
	if lost := again.Load(append(all, anomaly.Kept{State: []byte("x")})); lost != 1 {
		t.Fatalf("%d states were lost", lost)
	}
	again.Told([]engine.Workload{workload(1)})
	w.watch = again
	w.run(1)
	s := only(t, w)
	if !s.StartsAt.Equal(before[0].StartsAt) || s.Tracks[0].High != float64(float32(before[0].Tracks[0].High)) || len(s.Tracks) != 2 {
		t.Errorf("after a restart: %s", cmp.Diff(before[0], s))
	}
}

// TestNeverStrangeForLong holds what must hold of any values: scores and bounds are numbers, tracks are bounded, and every anomaly ends.
func TestNeverStrangeForLong(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		watch := anomaly.NewWatch("prod", anomaly.Rules{Post: anomaly.PostAll, WarmUp: time.Hour})
		values := rapid.SliceOfN(rapid.Float64Range(-1e12, 1e12), 20, 100).Draw(t, "values")
		gaps := rapid.SliceOfN(rapid.IntRange(0, 9), len(values), len(values)).Draw(t, "gaps")
		now := start
		var since time.Time
		for n := range 400 {
			k := n % len(values)
			now = now.Add(step)
			v := anomaly.Values{engine.MeasureLatency: values[k]}
			if gaps[k] == 0 {
				v = nil
			}
			strange, signals := watch.Step(anomaly.Instant{
				At: now, Workloads: map[engine.Workload]anomaly.About{workload(0): {Wanted: 1}}, Values: map[engine.Workload]anomaly.Values{workload(0): v},
			})
			if len(strange) != len(signals) {
				t.Fatalf("%d strange, %d signals", len(strange), len(signals))
			}
			for _, s := range strange {
				for _, tr := range s.Tracks {
					if !(tr.Score >= 0 && tr.Score <= 1) || math.IsNaN(tr.Low+tr.High) || tr.Low > tr.High || len(tr.Points) > 120 || tr.Since.IsZero() {
						t.Fatalf("%+v", tr)
					}
				}
				if since = s.Since; now.Sub(since) > 26*time.Hour {
					t.Fatalf("strange since %s at %s", since, now)
				}
			}
		}
	})
}

func FuzzKeptSeries(f *testing.F) {
	w := anomaly.NewWatch("prod", anomaly.Rules{})
	for n := range 600 {
		w.Step(anomaly.Instant{
			At: start.Add(time.Duration(n) * step), Workloads: map[engine.Workload]anomaly.About{workload(0): {Wanted: 1}},
			Values: map[engine.Workload]anomaly.Values{workload(0): {engine.MeasureLatency: float64(n % 97 / 96)}},
		})
	}
	for n := range 8 {
		for _, k := range w.Keep(start.Add((599 - time.Duration(n)) * step)) {
			f.Add(k.State, 1.0)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, v float64) {
		w := anomaly.NewWatch("prod", anomaly.Rules{})
		key := anomaly.Key{Workload: workload(0), Measure: engine.MeasureLatency}
		w.Load([]anomaly.Kept{{Key: key, State: data}})
		for n := range 5 {
			strange, _ := w.Step(anomaly.Instant{
				At: start.Add(time.Duration(600+n) * step), Workloads: map[engine.Workload]anomaly.About{workload(0): {Wanted: 1}},
				Values: map[engine.Workload]anomaly.Values{workload(0): {engine.MeasureLatency: v}},
			})
			for _, s := range strange {
				if len(s.Tracks[0].Points) > 120 {
					t.Fatalf("%+v", s)
				}
			}
		}
	})
}
