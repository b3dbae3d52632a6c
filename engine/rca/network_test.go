package rca

import (
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// walked is front → api → cart, db, with what each caller says of its wait. What is named in slow takes 0.2 s longer: "api" for all of the
// ways to and from it, "api→cart" for one.
func walked(own map[string]Series, slow map[string]float64) (*Neighborhood, map[string]Series) {
	n := around()
	n.Graph["pay/Deployment/api"] = append(n.Graph["pay/Deployment/api"], "pay/Deployment/db")
	fared := fares(n, own)
	for _, w := range [][2]string{{"front", "api"}, {"api", "cart"}, {"api", "db"}, {"batch", "db"}} {
		after := 0.1 + slow[w[0]+"→"+w[1]]
		fared["pay/Deployment/"+w[1]][SeenBy("pay/Deployment/"+w[0])] = past(0.1, after)
	}
	return n, fared
}

func TestTheNetworkOfAPodIsTheCause(t *testing.T) {
	slow := func(d float64) Series { return Series{engine.MeasureLatency: past(0.1, d)} }
	const api = "pay/Deployment/api"
	for name, tc := range map[string]struct {
		own  map[string]Series
		slow map[string]float64
		of   string // the workload of the incident
		want string // of the first cause
		is   string // whom the evidence names
	}{
		// api's answers to front are late, and so are those that it waits for; nobody else waits for cart or db.
		"in the middle": {map[string]Series{api: slow(0.5)}, map[string]float64{"front→api": 0.6, "api→cart": 0.2, "api→db": 0.2}, "front", "near/network", "api"},
		"itself":        {map[string]Series{api: slow(0.5)}, map[string]float64{"front→api": 0.6, "api→cart": 0.2, "api→db": 0.2}, "api", "near/network", "api"},
		"at the end":    {map[string]Series{api: slow(0.3)}, map[string]float64{"front→api": 0.2, "api→db": 0.2, "batch→db": 0.2}, "api", "near/network", "db"},
		// db is slow by its own word: then it is no network, and who calls it is explained.
		"a slow callee": {
			map[string]Series{api: slow(0.3), "pay/Deployment/db": slow(0.3)}, map[string]float64{"front→api": 0.2, "api→db": 0.2, "batch→db": 0.2}, "api", "near/callee", "",
		},
		// db burns its CPU: what waits for it waits for that.
		"a busy callee": {
			map[string]Series{"pay/Deployment/db": {engine.MeasureCPU: past(0.5, 2)}}, map[string]float64{"api→db": 0.2, "batch→db": 0.2}, "api", "near/callee", "",
		},
		"nothing": {nil, nil, "api", "", ""},
	} {
		n, fared := walked(tc.own, tc.slow)
		n.Of = engine.Workload{Namespace: "pay", Kind: "Deployment", Name: tc.of}
		i := engine.Incident{ID: 1, Workload: n.Of, Classes: []engine.Class{engine.ClassHighLatency}, StartedAt: noon}
		evidence := Testimony(n, fared, Alarm{Node: NodeName(n.Of), Measure: engine.MeasureLatency, Onset: noon, Now: noon.Add(1800e9)})
		d := Rank(i, evidence, nil, nil, noon)
		first, _ := d.Cause("")
		if first.Rule != tc.want {
			t.Errorf("%s: first %s, want %s; of %+v", name, first.Rule, tc.want, d.Evidence)
		}
		for _, e := range evidence {
			if e.Fields["network"] != "" && e.Fields["name"] != tc.is {
				t.Errorf("%s: %s, want %s", name, e.Text, tc.is)
			}
		}
	}
}

// TestAWayThatWasSlowBeforeIsNotTheCause holds that what a way took minutes before the trouble began, and takes no more, is of something else;
// and that a CPU which was busy then does not explain what a way takes now.
func TestAWayThatWasSlowBeforeIsNotTheCause(t *testing.T) {
	const api, cart = "pay/Deployment/api", "pay/Deployment/cart"
	for name, tc := range map[string]struct {
		began time.Duration // after noon; the way is slow, or the CPU busy, for ten minutes from noon on
		way   []engine.Point
		cpu   []engine.Point
		want  bool
	}{
		"slow when it began":       {5 * time.Minute, burst(0.1, 0.3), past(0.5, 0.5), true},
		"well when it began":       {15 * time.Minute, burst(0.1, 0.3), past(0.5, 0.5), false},
		"slow while a CPU is busy": {5 * time.Minute, past(0.1, 0.3), burst(0.5, 2), false},
		"slow after it was busy":   {15 * time.Minute, past(0.1, 0.3), burst(0.5, 2), true},
	} {
		n, fared := walked(nil, nil)
		fared[cart][SeenBy(api)], fared[cart][engine.MeasureCPU] = tc.way, tc.cpu
		_, found := slowNetwork(n, fared, Alarm{Node: api, Onset: noon.Add(-time.Minute), Began: noon.Add(tc.began), Now: noon.Add(tc.began + time.Minute)})
		if found != tc.want {
			t.Errorf("%s: %t", name, found)
		}
	}
}

// TestASeriesThatEndsIsNotWell holds that who ceased to tell how long it takes is judged by its last word.
func TestASeriesThatEndsIsNotWell(t *testing.T) {
	const api, cart = "pay/Deployment/api", "pay/Deployment/cart"
	until := func(points []engine.Point, end time.Duration) []engine.Point {
		return points[:startAt(points, noon.Add(end).Unix())]
	}
	for name, tc := range map[string]struct {
		own, way []engine.Point
		want     bool
	}{
		"the way":                        {past(0.1, 0.1), until(past(0.1, 0.4), 8*time.Minute), true},
		"the callee, slow by its word":   {until(past(0.1, 0.4), 8*time.Minute), past(0.1, 0.4), false},
		"the callee, well by its word":   {until(past(0.1, 0.1), 8*time.Minute), past(0.1, 0.4), true},
		"none; the callee is faster now": {append(until(past(2, 2.5), 8*time.Minute), engine.Point{At: noon.Add(10 * time.Minute).Unix(), Value: 0.1}), past(0.1, 0.4), true},
	} {
		n, fared := walked(nil, nil)
		fared[cart][SeenBy(api)], fared[cart][engine.MeasureLatency] = tc.way, tc.own
		e, found := slowNetwork(n, fared, Alarm{Node: api, Onset: noon.Add(-time.Minute), Began: noon.Add(10 * time.Minute), Now: noon.Add(10 * time.Minute)})
		if found != tc.want || found && e.Fields["name"] != "cart" {
			t.Errorf("%s: %t, %s", name, found, e.Text)
		}
	}
}

// burst is past with the other value for ten minutes alone.
func burst(before, after float64) []engine.Point {
	out := past(before, after)
	for k := range out {
		if at := time.Unix(out[k].At, 0); at.After(noon.Add(10 * time.Minute)) {
			out[k].Value = before
		}
	}
	return out
}

// TestWhoseNetworkIsSlowWhereAnotherExplainsIt holds that who waits for a slow way, and is waited for, may be the one whose network it is, when
// all else of its callee is well.
func TestWhoseNetworkIsSlowWhereAnotherExplainsIt(t *testing.T) {
	const front, api, cart, db = "pay/Deployment/front", "pay/Deployment/api", "pay/Deployment/cart", "pay/Deployment/db"
	for name, tc := range map[string]struct {
		fromCart bool // whether cart says how long it waits for db
		want     string
	}{
		"its callee is well otherwise": {true, "api"},
		"its callee says nothing else": {false, "cart"},
	} {
		n := around()
		fared := fares(n, map[string]Series{api: {engine.MeasureLatency: past(0.1, 0.5)}})
		fared[api][SeenBy(front)] = past(0.1, 0.52)
		fared[cart][SeenBy(api)] = past(0.1, 0.5)
		if tc.fromCart {
			fared[db][SeenBy(cart)] = past(0.1, 0.1)
		}
		e, _ := slowNetwork(n, fared, Alarm{Node: front, Onset: noon, Now: noon.Add(10 * time.Minute)})
		if got := e.Fields["name"]; got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

func TestBehind(t *testing.T) {
	n := around()
	n.Services = map[string][]string{"pay/cart": {"pay/Deployment/cart"}, "pay/many": {"a", "b"}, "far/db": {"far/StatefulSet/db"}}
	for address, want := range map[string]string{
		"cart": "pay/Deployment/cart", "cart:8080": "pay/Deployment/cart", "cart:8080/buy": "pay/Deployment/cart", "db.far": "far/StatefulSet/db", "db.far.svc.cluster.local:5432": "far/StatefulSet/db",
		"many": "", "cart.far": "", "example.com": "", "cart.pay.example": "", "10.0.0.1:80": "", "": "", "/": "",
	} {
		if got, ok := n.Behind("pay", address); got != want || ok != (want != "") {
			t.Errorf("%q: %q, %t; want %q", address, got, ok, want)
		}
	}
}
