package rca

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
)

var blameOnset = time.Date(2026, 11, 2, 14, 0, 0, 0, time.UTC)

const (
	pastMinutes  = 180
	afterMinutes = 10
)

// curve is a value a minute, with a little noise: usual before a minute, and then what follows it. Minute 0 is the onset.
func curve(seed uint64, usual, then float64, from, to int) []engine.Point {
	random := rand.New(rand.NewPCG(seed, 1))
	var out []engine.Point
	for i := -pastMinutes; i < afterMinutes; i++ {
		v := usual
		if i >= from && i < to {
			v = then
		}
		out = append(out, engine.Point{At: blameOnset.Add(time.Duration(i) * time.Minute).Unix(), Value: v * (1 + 0.02*random.NormFloat64())})
	}
	return out
}

func calm(usual float64) []engine.Point { return curve(uint64(usual*1e6), usual, usual, 0, 0) }

func risen(usual, then float64) []engine.Point {
	return curve(uint64(then*1e6), usual, then, 0, afterMinutes)
}

func alarm(node string, m engine.Measure) Alarm {
	return Alarm{Node: node, Measure: m, Onset: blameOnset, Now: blameOnset.Add(afterMinutes * time.Minute)}
}

// slowDatabase is a database behind two services behind a shop: it is slow, and all wait.
func slowDatabase() (Graph, map[string]Series) {
	return Graph{"shop": {"cart", "search", "mail"}, "cart": {"db"}, "search": {"db", "cache"}}, map[string]Series{
		"shop":   {engine.MeasureLatency: risen(0.2, 0.75), engine.MeasureRequests: calm(100), engine.MeasureCPU: calm(1)},
		"cart":   {engine.MeasureLatency: risen(0.05, 0.85), engine.MeasureRequests: calm(30), engine.MeasureCPU: calm(0.5)},
		"search": {engine.MeasureLatency: risen(0.08, 0.5), engine.MeasureRequests: calm(70), engine.MeasureCPU: calm(0.7)},
		"db":     {engine.MeasureLatency: risen(0.01, 0.4), engine.MeasureRequests: calm(150), engine.MeasureCPU: calm(2)},
		"cache":  {engine.MeasureLatency: calm(0.001), engine.MeasureRequests: calm(70), engine.MeasureCPU: calm(0.1)},
		"mail":   {engine.MeasureLatency: calm(0.3), engine.MeasureRequests: calm(2), engine.MeasureCPU: calm(0.1)},
	}
}

func TestBlame(t *testing.T) {
	cases := map[string]struct {
		change func(g Graph, nodes map[string]Series) Alarm
		first  string // of the suspects; "" for none
		above  [2]string
	}{
		"a slow database behind two services": {
			func(Graph, map[string]Series) Alarm { return alarm("shop", engine.MeasureLatency) }, "db", [2]string{},
		},
		"the same, alarmed in between": {
			func(Graph, map[string]Series) Alarm { return alarm("cart", engine.MeasureLatency) }, "db", [2]string{},
		},
		"the same, nobody knows where": {
			func(Graph, map[string]Series) Alarm { return alarm("", "") }, "db", [2]string{},
		},
		"the database has no metrics: the one that waits longest in all": {
			func(_ Graph, nodes map[string]Series) Alarm {
				delete(nodes, "db")
				return alarm("shop", engine.MeasureLatency)
			}, "search", [2]string{"search", "shop"},
		},
		"no metrics of requests anywhere": {
			func(_ Graph, nodes map[string]Series) Alarm {
				for _, s := range nodes {
					delete(s, engine.MeasureRequests)
				}
				nodes["search"][engine.MeasureLatency], nodes["cart"][engine.MeasureLatency] = risen(0.08, 0.45), risen(0.05, 0.42)
				return alarm("shop", engine.MeasureLatency)
			}, "db", [2]string{},
		},
		"the alarmed node itself": {
			func(_ Graph, nodes map[string]Series) Alarm {
				for _, name := range []string{"cart", "search", "db"} {
					nodes[name][engine.MeasureLatency] = calm(0.05)
				}
				return alarm("shop", engine.MeasureLatency)
			}, "shop", [2]string{},
		},
		"nothing at all": {
			func(_ Graph, nodes map[string]Series) Alarm {
				for name := range nodes {
					nodes[name][engine.MeasureLatency] = calm(0.05)
				}
				return alarm("shop", engine.MeasureLatency)
			}, "", [2]string{},
		},
		"late detection: the past has the first 20 minutes of it": {
			func(_ Graph, nodes map[string]Series) Alarm {
				for name, then := range map[string]float64{"shop": 0.75, "cart": 0.85, "search": 0.5, "db": 0.4} {
					nodes[name][engine.MeasureLatency] = curve(3, then/20, then, -20, afterMinutes)
				}
				return alarm("shop", engine.MeasureLatency)
			}, "db", [2]string{},
		},
		"gaps, and a callee that tells nothing since": {
			func(_ Graph, nodes map[string]Series) Alarm {
				for name, s := range nodes {
					for m, points := range s {
						nodes[name][m] = slices.DeleteFunc(points, func(p engine.Point) bool { return p.At/60%3 == 0 })
					}
				}
				nodes["cache"][engine.MeasureLatency] = nodes["cache"][engine.MeasureLatency][:50]
				return alarm("shop", engine.MeasureLatency)
			}, "db", [2]string{},
		},
		"an innocent burst far away": {
			func(_ Graph, nodes map[string]Series) Alarm {
				nodes["batch"] = Series{engine.MeasureCPU: risen(0.1, 8), engine.MeasureMemory: risen(1, 9), engine.MeasureRequests: risen(1, 900)}
				return alarm("shop", engine.MeasureLatency)
			}, "db", [2]string{"db", "batch"},
		},
		"a callee that fails few requests does not explain a caller that fails many": {
			func(_ Graph, nodes map[string]Series) Alarm {
				for name := range nodes {
					nodes[name] = Series{engine.MeasureErrors: risen(0, 0), engine.MeasureRequests: calm(100)}
				}
				nodes["shop"][engine.MeasureErrors], nodes["search"][engine.MeasureErrors] = risen(0, 0.1), risen(0, 0.1)
				nodes["mail"] = Series{engine.MeasureErrors: risen(0, 0.9), engine.MeasureRequests: calm(1)}
				return alarm("shop", engine.MeasureErrors)
			}, "search", [2]string{"search", "mail"},
		},
		"a network that only callers feel": {
			func(_ Graph, nodes map[string]Series) Alarm {
				nodes["db"][engine.MeasureLatency] = calm(0.01)
				nodes["db"][SeenBy("cart")], nodes["db"][SeenBy("search")] = risen(0.02, 0.9), risen(0.02, 0.9)
				return alarm("shop", engine.MeasureLatency)
			}, "db", [2]string{},
		},
		"what stood all through the last hour is usual": {
			func(_ Graph, nodes map[string]Series) Alarm {
				nodes["mail"][engine.MeasureRequests] = calm(5000)
				nodes["mail"][engine.MeasureLatency] = curve(5, 0.3, 0.9, -65, afterMinutes)
				return alarm("shop", engine.MeasureLatency)
			}, "db", [2]string{},
		},
		"two that call each other: the one with more of it": {
			func(g Graph, nodes map[string]Series) Alarm {
				g["db"] = []string{"cart"}
				return alarm("shop", engine.MeasureLatency)
			}, "db", [2]string{"db", "cart"},
		},
		"CPU that more requests explain is none's fault": {
			func(_ Graph, nodes map[string]Series) Alarm {
				nodes["cache"][engine.MeasureRequests], nodes["cache"][engine.MeasureCPU] = risen(70, 280), risen(0.1, 0.4)
				nodes["mail"][engine.MeasureCPU] = risen(0.1, 0.4)
				return alarm("shop", engine.MeasureLatency)
			}, "db", [2]string{"mail", "cache"},
		},
		"one that moved after the alarm is less likely": {
			func(_ Graph, nodes map[string]Series) Alarm {
				nodes["cache"][engine.MeasureMemory] = curve(7, 1, 9, 2, afterMinutes)
				nodes["mail"][engine.MeasureMemory] = curve(7, 1, 9, 0, afterMinutes)
				return alarm("shop", engine.MeasureLatency)
			}, "db", [2]string{"mail", "cache"},
		},
		"a counter that goes on as ever": {
			func(_ Graph, nodes map[string]Series) Alarm {
				for name := range nodes {
					nodes[name] = Series{"bytes_total": counter(func(int) float64 { return 1000 })}
				}
				return alarm("shop", "")
			}, "", [2]string{},
		},
		"a counter that grows faster": {
			func(_ Graph, nodes map[string]Series) Alarm {
				for name := range nodes {
					nodes[name] = Series{"bytes_total": counter(func(int) float64 { return 1000 })}
				}
				nodes["mail"]["bytes_total"] = counter(func(minute int) float64 {
					if minute >= 0 {
						return 9000
					}
					return 1000
				})
				return alarm("shop", "")
			}, "mail", [2]string{},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			g, nodes := slowDatabase()
			suspects := Blame(g, nodes, c.change(g, nodes))
			if c.first == "" {
				if len(suspects) > 0 {
					t.Fatalf("suspects %v, want none", nodesOf(suspects))
				}
				return
			}
			if len(suspects) == 0 || suspects[0].Node != c.first {
				t.Fatalf("suspects %v, want %s first", nodesOf(suspects), c.first)
			}
			if c.above[0] != "" && shareOf(suspects, c.above[0]) <= shareOf(suspects, c.above[1]) {
				t.Errorf("%s has %.3f of the suspicion and %s %.3f, want more", c.above[0], shareOf(suspects, c.above[0]), c.above[1], shareOf(suspects, c.above[1]))
			}
		})
	}
}

// counter is one that grows by so much in a minute.
func counter(by func(minute int) float64) []engine.Point {
	var out []engine.Point
	var sum float64
	for i := -pastMinutes; i < afterMinutes; i++ {
		sum += by(i)
		out = append(out, engine.Point{At: blameOnset.Add(time.Duration(i) * time.Minute).Unix(), Value: sum})
	}
	return out
}

func nodesOf(suspects []Suspect) (names []string) {
	for _, s := range suspects {
		names = append(names, fmt.Sprintf("%s %.2f", s.Node, s.Share))
	}
	return names
}

func shareOf(suspects []Suspect, node string) float64 {
	for _, s := range suspects {
		if s.Node == node {
			return s.Share
		}
	}
	return 0
}

// TestBlameMachine has a neighbour that burns the CPU of a machine, so that others on it wait: the neighbour is behind it, not the machine.
func TestBlameMachine(t *testing.T) {
	g := Graph{"api": {"node/a"}, "batch": {"node/a"}, "web": {"node/b"}}
	nodes := map[string]Series{
		"api":    {engine.MeasureLatency: risen(0.1, 0.3), engine.MeasureRequests: calm(10), engine.MeasureCPU: calm(1)},
		"batch":  {engine.MeasureCPU: risen(0.2, 3)},
		"web":    {engine.MeasureCPU: calm(0.5)},
		"node/a": {engine.MeasureCPU: risen(1.2, 4)},
		"node/b": {engine.MeasureCPU: calm(0.5)},
	}
	suspects := Blame(g, nodes, alarm("api", engine.MeasureCPU))
	if batch, machine := shareOf(suspects, "batch"), shareOf(suspects, "node/a"); batch == 0 || machine > 0.1*batch {
		t.Errorf("%v: the machine's CPU is that of its workloads", nodesOf(suspects))
	}
	nodes["batch"][engine.MeasureCPU] = calm(0.2)
	if s := Blame(g, nodes, alarm("api", engine.MeasureCPU)); shareOf(s, "node/a") == 0 {
		t.Errorf("%v: nobody on the machine explains its CPU", nodesOf(s))
	}
}

// TestBlameFlood has a caller that floods a database on which others depend too.
func TestBlameFlood(t *testing.T) {
	g := Graph{"api": {"db"}, "batch": {"db"}}
	nodes := map[string]Series{
		"api":   {engine.MeasureLatency: risen(0.1, 0.6), engine.MeasureRequests: calm(10)},
		"batch": {engine.MeasureRequests: risen(1, 500)},
		"db":    {engine.MeasureLatency: risen(0.01, 0.5), engine.MeasureRequests: risen(11, 510)},
	}
	suspects := Blame(g, nodes, alarm("api", engine.MeasureLatency))
	if shareOf(suspects, "batch") == 0 {
		t.Errorf("%v: the flood has a source", nodesOf(suspects))
	}
	nodes["db"][engine.MeasureLatency] = calm(0.01)
	if s := Blame(g, nodes, alarm("api", engine.MeasureLatency)); shareOf(s, "batch") > 0 {
		t.Errorf("%v: more requests that nobody suffers from are no fault", nodesOf(s))
	}
}

// TestBlameTracks holds what a suspect shows: since when, from what to what, and strangest first.
func TestBlameTracks(t *testing.T) {
	g, nodes := slowDatabase()
	nodes["db"][engine.MeasureLatency] = curve(9, 0.01, 0.4, -4, afterMinutes)
	nodes["db"][engine.MeasureMemory] = risen(1, 1.3)
	s := Blame(g, nodes, alarm("shop", engine.MeasureLatency))[0]
	if want := blameOnset.Add(-4 * time.Minute); s.Node != "db" || !s.Since.Equal(want) {
		t.Fatalf("%s since %v, want db since %v: it moved before anybody noticed", s.Node, s.Since, want)
	}
	if len(s.Tracks) != 2 || s.Tracks[0].Measure != engine.MeasureLatency || s.Tracks[1].Measure != engine.MeasureMemory {
		t.Fatalf("tracks %+v", s.Tracks)
	}
	l := s.Tracks[0]
	if l.Low < 0 || l.Low > 0.01 || l.High < 0.01 || l.High > 0.02 || l.Score <= s.Tracks[1].Score || l.Score > 1 || l.Reason == "" || len(l.Points) != pastMinutes+afterMinutes {
		t.Errorf("%d points from %v to %v, score %v: %s", len(l.Points), l.Low, l.High, l.Score, l.Reason)
	}
	a := alarm("shop", engine.MeasureLatency)
	a.Now = blameOnset.Add(3 * time.Minute)
	points := Blame(g, nodes, a)[0].Tracks[0].Points
	if last := points[len(points)-1].At; last > a.Now.Unix() {
		t.Errorf("the last point is at %d, which is after now, %d", last, a.Now.Unix())
	}
}

// TestBlameBare asks with almost nothing, or with nonsense.
func TestBlameBare(t *testing.T) {
	odd := []engine.Point{{At: blameOnset.Unix() - 60, Value: math.NaN()}, {At: blameOnset.Unix(), Value: math.Inf(1)}}
	flat := make([]engine.Point, 30)
	for i := range flat {
		flat[i] = engine.Point{At: blameOnset.Unix() + int64(i-20)*60}
	}
	step := slices.Clone(flat)
	for i := 20; i < 30; i++ {
		step[i].Value = 1
	}
	for name, c := range map[string]struct {
		points []engine.Point
		some   bool
	}{
		"no points":         {nil, false},
		"nonsense":          {odd, false},
		"a flat line":       {flat, false},
		"a past of two":     {step[18:], false},
		"a past of three":   {step[17:], true},
		"from nothing to 1": {step, true},
		"only a past":       {step[:20], false},
		"only since":        {step[20:], false},
	} {
		got := Blame(nil, map[string]Series{"api": {engine.MeasureRestarts: c.points}}, alarm("api", ""))
		if len(got) > 0 != c.some {
			t.Errorf("%s: %v", name, nodesOf(got))
		}
	}
	if got := Blame(nil, nil, Alarm{}); got != nil {
		t.Errorf("of nothing: %v", got)
	}
}

// TestBlameLaws holds, for neighbourhoods of any kind: shares add up to 1, the same answer in whatever order the input comes, and the same
// order whatever unit a measure has.
func TestBlameLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := []string{"a", "b", "c", "d", "e", "f"}
		g, nodes := Graph{}, map[string]Series{}
		for _, n := range names {
			g[n] = rapid.SliceOfN(rapid.SampledFrom(names), 0, 4).Draw(t, "callees of "+n)
			s := Series{}
			for _, m := range []engine.Measure{engine.MeasureLatency, engine.MeasureErrors, engine.MeasureRequests, engine.MeasureCPU, "free"} {
				if rapid.Bool().Draw(t, "has") {
					usual := rapid.SampledFrom([]float64{0.01, 0.3, 1, 100}).Draw(t, "usual")
					if m == engine.MeasureErrors {
						usual = 0
					}
					s[m] = curve(uint64(len(s)), usual, rapid.Float64Range(0.01, 400).Draw(t, "then"), rapid.IntRange(-30, 9).Draw(t, "from"), afterMinutes)
				}
			}
			nodes[n] = s
		}
		a := alarm(rapid.SampledFrom(append(names, "")).Draw(t, "alarmed"), rapid.SampledFrom([]engine.Measure{"", engine.MeasureLatency, engine.MeasureErrors}).Draw(t, "measure"))
		suspects := Blame(g, nodes, a)
		var sum float64
		for i, s := range suspects {
			sum += s.Share
			if s.Share <= 0 || i > 0 && s.Share > suspects[i-1].Share || len(s.Tracks) == 0 || s.Since.After(a.Now) {
				t.Fatalf("suspect %d: %+v", i, s)
			}
		}
		if len(suspects) > 0 && math.Abs(sum-1) > 1e-9 {
			t.Fatalf("the shares add up to %v", sum)
		}
		other := Graph{}
		for n, callees := range g {
			other[n] = slices.Clone(callees)
			slices.Reverse(other[n])
		}
		if diff := cmp.Diff(suspects, Blame(other, nodes, a)); diff != "" {
			t.Fatalf("callees in another order:\n%s", diff)
		}
		scaled := map[string]Series{}
		for n, s := range nodes {
			scaled[n] = Series{}
			for m, points := range s {
				scaled[n][m] = slices.Clone(points)
				if m == engine.MeasureCPU || m == engine.MeasureLatency {
					for i := range points {
						scaled[n][m][i].Value *= 1024
					}
				}
			}
		}
		if diff := cmp.Diff(shares(suspects), shares(Blame(g, scaled, a)), cmpopts.EquateApprox(0, 1e-6)); diff != "" {
			t.Fatalf("in other units:\n%s", diff)
		}
	})
}

func shares(suspects []Suspect) map[string]float64 {
	of := map[string]float64{}
	for _, s := range suspects {
		of[s.Node] = s.Share
	}
	return of
}

func TestSelectRank(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64Range(-5, 5), 1, 60).Draw(t, "values")
		k := rapid.IntRange(0, len(values)-1).Draw(t, "k")
		sorted := slices.Sorted(slices.Values(values))
		if got := selectRank(slices.Clone(values), k); got != sorted[k] {
			t.Fatalf("rank %d of %v is %v, want %v", k, values, got, sorted[k])
		}
	})
}
