package rca

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
)

// around is api, which calls cart (which calls db), is called by front, and shares node n1 with batch.
func around() *Neighborhood {
	n := &Neighborhood{Of: engine.Workload{Namespace: "pay", Kind: "Deployment", Name: "api"}, Workloads: map[string]engine.Workload{}}
	for _, name := range []string{"api", "cart", "db", "front", "batch"} {
		w := engine.Workload{Namespace: "pay", Kind: "Deployment", Name: name}
		n.Workloads[NodeName(w)] = w
	}
	claim := engine.Workload{Namespace: "pay", Kind: KindClaim, Name: "data"}
	n.Workloads[NodeName(claim)] = claim
	for _, name := range []string{"n1", "n2"} {
		w := engine.Workload{Kind: engine.KindNode, Name: name}
		n.Workloads[NodeName(w)] = w
	}
	n.Graph = Graph{
		"pay/Deployment/front": {"pay/Deployment/api"}, "pay/Deployment/api": {"pay/Deployment/cart", "/Node/n1"},
		"pay/Deployment/cart": {"pay/Deployment/db", "/Node/n2"}, "pay/Deployment/batch": {"/Node/n1", "pay/PersistentVolumeClaim/data"},
		"pay/Deployment/db": {"pay/PersistentVolumeClaim/data"},
	}
	return n
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// past is three hours of a value that trembles a little, and half an hour of another.
func past(before, after float64) []engine.Point {
	var out []engine.Point
	for k := -180; k < 30; k++ {
		v := before
		if k >= 0 {
			v = after
		}
		out = append(out, engine.Point{At: noon.Add(time.Duration(k) * time.Minute).Unix(), Value: v * (1 + 0.01*float64(k&3))})
	}
	return out
}

// fares gives every node usual measures, and some nodes strange ones.
func fares(n *Neighborhood, strange map[string]Series) map[string]Series {
	out := map[string]Series{}
	for name, w := range n.Workloads {
		s := Series{engine.MeasureCPU: past(0.5, 0.5)}
		switch w.Kind {
		case engine.KindNode:
		case KindClaim:
			s = Series{VolumeUsed: past(0.6, 0.6)}
		default:
			s[engine.MeasureRequests], s[engine.MeasureLatency], s[engine.MeasureErrors] = past(50, 50), past(0.1, 0.1), past(0.001, 0.001)
		}
		maps.Copy(s, strange[name])
		out[name] = s
	}
	return out
}

func TestNearRules(t *testing.T) {
	slow := func(d float64) Series { return Series{engine.MeasureLatency: past(0.1, d)} }
	changed := engine.Evidence{
		ID: "neighbor/changed", Kind: engine.EvidenceNeighbor, At: noon.Add(-5 * time.Minute),
		Fields: map[string]string{"relation": "calls", "kind": "Deployment", "namespace": "pay", "name": "cart", "what": "image", "from": "cart:1", "to": "cart:2", "age": "5m0s"},
	}
	long := changed
	long.Fields = map[string]string{"relation": "calls", "kind": "Deployment", "namespace": "pay", "name": "cart", "what": "image", "age": "5h0m0s"}
	for name, tc := range map[string]struct {
		strange  map[string]Series
		also     []engine.Evidence
		rule     string
		title    string
		command  string
		unlikely string // a rule that must not be there
	}{
		"a callee two steps away is slow": {
			map[string]Series{"pay/Deployment/api": slow(3), "pay/Deployment/cart": slow(3), "pay/Deployment/db": slow(2.9)},
			nil,
			"near/callee", "it began in pay/db: latency 2.9 s", "kubectl -n pay describe deployment db", "near/callee-changed",
		},
		"a callee that was changed": {
			map[string]Series{"pay/Deployment/api": slow(3), "pay/Deployment/cart": slow(2.9)},
			[]engine.Evidence{changed},
			"near/callee-changed", "pay/cart was changed: image cart:1 → cart:2", "kubectl -n pay rollout undo deployment/cart", "",
		},
		"a change of long ago": {
			map[string]Series{"pay/Deployment/api": slow(3), "pay/Deployment/cart": slow(2.9)},
			[]engine.Evidence{long},
			"near/callee", "it began in pay/cart: latency 2.9 s", "", "near/callee-changed",
		},
		"a change of one that fares well": {
			map[string]Series{"pay/Deployment/api": slow(3), "pay/Deployment/cart": slow(3), "pay/Deployment/db": slow(2.9)},
			[]engine.Evidence{changed},
			"near/callee", "it began in pay/db: latency 2.9 s", "", "near/callee-changed",
		},
		"itself": {
			map[string]Series{"pay/Deployment/api": slow(3), "pay/Deployment/front": slow(3.1)},
			nil,
			"near/itself", "it began here: latency 3 s", "kubectl -n pay describe deployment api", "near/callee",
		},
		"a neighbour that burns the node": {
			map[string]Series{"pay/Deployment/batch": {engine.MeasureCPU: past(0.5, 7)}, "/Node/n1": {engine.MeasureCPU: past(1, 7.5)}},
			nil,
			"near/neighbor", "pay/batch takes the node's cpu: 7.1 cores", "kubectl -n pay describe deployment batch", "near/node",
		},
		"a node that is busy, with nobody to blame": {
			map[string]Series{"/Node/n1": {engine.MeasureCPU: past(1, 7.5)}},
			nil,
			"near/node", "node n1 is busier than ever: 7.6 cores", "kubectl describe node n1", "",
		},
		"a node that is busy, and a release just before": {
			map[string]Series{"/Node/n1": {engine.MeasureCPU: past(1, 7.5)}},
			[]engine.Evidence{{ID: "change/2", Kind: engine.EvidenceChange, At: noon.Add(-time.Minute), Fields: map[string]string{"what": "image", "from": "api:1", "to": "api:2", "age": "1m0s"}}},
			"rollout/change", "it began after a change: image api:1 → api:2", "", "",
		},
		"itself, and a release just before": {
			map[string]Series{"pay/Deployment/api": slow(3)},
			[]engine.Evidence{{ID: "change/2", Kind: engine.EvidenceChange, At: noon.Add(-time.Minute), Fields: map[string]string{"what": "image", "from": "api:1", "to": "api:2", "age": "1m0s"}}},
			"rollout/change", "it began after a change: image api:1 → api:2", "", "",
		},
		"a volume of a callee fills": {
			map[string]Series{"pay/Deployment/api": slow(3), "pay/Deployment/cart": slow(3), "pay/PersistentVolumeClaim/data": {VolumeUsed: past(0.6, 0.96)}},
			nil,
			"near/volume", "the volume of claim pay/data is 97 % full", "kubectl -n pay describe persistentvolumeclaim data", "",
		},
		"a volume that has room": {
			map[string]Series{"pay/PersistentVolumeClaim/data": {VolumeUsed: past(0.3, 0.6)}}, nil, "", "", "", "near/volume",
		},
		"a node that was idle, and hardly is less so": {
			map[string]Series{"/Node/n1": {engine.MeasureCPU: past(0, 0.02)}}, nil, "", "", "", "near/node",
		},
		"more requests than ever": {
			map[string]Series{"pay/Deployment/api": {engine.MeasureRequests: past(50, 900), engine.MeasureCPU: past(0.5, 4)}},
			nil,
			"near/traffic", "more requests than ever: 909/s", "kubectl -n pay get horizontalpodautoscalers", "",
		},
		"held back by its limit": {
			map[string]Series{"pay/Deployment/api": {engine.MeasureSaturation: past(0.01, 0.9), engine.MeasureLatency: past(0.1, 2)}},
			nil,
			"near/throttled", "its CPU limit holds it back: throttled 91 % of the time", "", "near/callee",
		},
		"a change, and no metrics": {nil, []engine.Evidence{changed}, "near/callee-changed", "pay/cart was changed: image cart:1 → cart:2", "kubectl -n pay rollout undo deployment/cart", "near/itself"},
		"nothing":                  {nil, nil, "", "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			n := around()
			i := engine.Incident{Workload: n.Of, Classes: []engine.Class{engine.ClassHighLatency}, StartedAt: noon}
			a := Alarm{Node: NodeName(n.Of), Measure: engine.MeasureLatency, Onset: noon.Add(-5 * time.Minute), Now: noon.Add(30 * time.Minute)}
			evidence := append(Testimony(n, fares(n, tc.strange), a), tc.also...)
			d := Rank(i, evidence, nil, nil, noon)
			for _, c := range d.Causes {
				if tc.unlikely != "" && c.Rule == tc.unlikely {
					t.Errorf("%s is among the causes", c.Rule)
				}
				for _, id := range c.For {
					if _, ok := d.Find(id); !ok {
						t.Errorf("%s rests on %s, which is not there", c.Rule, id)
					}
				}
			}
			if tc.rule == "" {
				if len(d.Causes) > 0 {
					t.Errorf("causes of nothing: %+v", d.Causes)
				}
				return
			}
			if len(d.Causes) == 0 {
				t.Fatalf("no cause of %+v", evidence)
			}
			c := d.Causes[0]
			if c.Rule != tc.rule || c.Title != tc.title || tc.command != "" && c.Step.Command != tc.command {
				t.Errorf("%s: %q, %q; evidence %+v", c.Rule, c.Title, c.Step.Command, evidence)
			}
		})
	}
}

// TestTooLittleToFeel tells nothing of a workload that is held back more than ever and hardly at all.
func TestTooLittleToFeel(t *testing.T) {
	n := around()
	a := Alarm{Node: NodeName(n.Of), Onset: noon.Add(-5 * time.Minute), Now: noon.Add(30 * time.Minute)}
	for share, want := range map[float64]bool{0.0003: false, 0.4: true} {
		got := Testimony(n, fares(n, map[string]Series{"pay/Deployment/api": {engine.MeasureSaturation: past(0.00001, share)}}), a)
		if _, ok := (engine.Diagnosis{Evidence: got}).Find("series/saturation"); ok != want {
			t.Errorf("throttled %v of the time: told %t", share, ok)
		}
	}
}

// TestIdleMachine has no machine be suspected that does more than ever and is far from busy.
func TestIdleMachine(t *testing.T) {
	n := around()
	a := Alarm{Node: NodeName(n.Of), Onset: noon.Add(-5 * time.Minute), Now: noon.Add(30 * time.Minute)}
	for cores, want := range map[float64]bool{0.9: false, 1.5: true} {
		got := Testimony(n, fares(n, map[string]Series{"/Node/n1": {engine.MeasureCPU: past(0.5, cores)}}), a)
		if _, ok := (engine.Diagnosis{Evidence: got}).Find("neighbor//Node/n1"); ok != want {
			t.Errorf("with %v cores after 0.5 it is suspected: %t", cores, ok)
		}
	}
}

// TestNeighborsOnTheNode suspects who is beside a workload of what both share, and not of troubles of its own.
func TestNeighborsOnTheNode(t *testing.T) {
	n := around()
	a := Alarm{Node: NodeName(n.Of), Measure: engine.MeasureLatency, Onset: noon.Add(-5 * time.Minute), Now: noon.Add(30 * time.Minute)}
	const beside = "neighbor/pay/Deployment/batch"
	for _, tt := range []struct {
		measure engine.Measure
		then    []engine.Point
		want    bool
	}{
		{engine.MeasureCPU, past(0.5, 6), true},
		{engine.MeasureErrors, past(0.001, 0.9), false},
		{engine.MeasureLatency, past(0.1, 30), false},
		{engine.MeasureRestarts, past(0, 5), false},
	} {
		got := engine.Diagnosis{Evidence: Testimony(n, fares(n, map[string]Series{"pay/Deployment/batch": {tt.measure: tt.then}}), a)}
		if e, ok := got.Find(beside); ok != tt.want || ok && e.Fields["rank"] != "1" {
			t.Errorf("%s of who is on the same node: %t, %+v", tt.measure, ok, e.Fields)
		}
	}
	both := Testimony(n, fares(n, map[string]Series{
		"pay/Deployment/batch": {engine.MeasureErrors: past(0.001, 0.9)}, "pay/Deployment/cart": {engine.MeasureLatency: past(0.1, 3)},
	}), a)
	if e, ok := (engine.Diagnosis{Evidence: both}).Find("neighbor/pay/Deployment/cart"); !ok || e.Fields["rank"] != "1" {
		t.Errorf("the callee is not the first suspect beside a neighbour with troubles of its own: %t, %+v", ok, e.Fields)
	}
}

// TestTestimony holds what a person reads.
func TestTestimony(t *testing.T) {
	n := around()
	a := Alarm{Node: NodeName(n.Of), Measure: engine.MeasureLatency, Onset: noon.Add(-5 * time.Minute), Now: noon.Add(30 * time.Minute)}
	late := past(0.1, 3)
	for k := range late {
		late[k].At += 300
	}
	got := Testimony(n, fares(n, map[string]Series{"pay/Deployment/api": {engine.MeasureLatency: late}, "pay/Deployment/cart": {engine.MeasureLatency: past(0.1, 3)}}), a)
	var lines []string
	for _, e := range got {
		lines = append(lines, e.Text)
	}
	text := strings.Join(lines, "\n")
	for _, want := range []string{"pay/api: latency 3 s, up to ", "is usual, since 12:05 UTC", "pay/cart, which api calls: latency 3 s", "since 12:00 UTC", "% of the suspicion, and it moved first"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	again := Testimony(n, fares(n, map[string]Series{"pay/Deployment/api": {engine.MeasureLatency: late}, "pay/Deployment/cart": {engine.MeasureLatency: past(0.1, 3)}}), a)
	if diff := cmp.Diff(got, again); diff != "" {
		t.Errorf("not the same again: %s", diff)
	}
	if e, ok := (engine.Diagnosis{Evidence: got}).Find("series/latency"); !ok || e.Fields["usual"] == "" || e.Fields["now"] != "3 s" || e.At != noon.Add(5*time.Minute) {
		t.Errorf("its own series: %+v", e)
	}
}
