package waste

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
)

// TestScanOrder: the dearest first, and the same snapshot gives the same outcome.
func TestScanOrder(t *testing.T) {
	s := town()
	o := Scan(s, DefaultRules())
	if len(o.Findings) < 6 {
		t.Fatalf("findings: %d, skips %+v", len(o.Findings), o.Skips)
	}
	if !slices.IsSortedFunc(o.Findings, func(a, b engine.Finding) int { return int(b.Monthly - a.Monthly) }) {
		t.Error("not the dearest first")
	}
	keys := map[string]bool{}
	for _, f := range o.Findings {
		if keys[f.Key] {
			t.Errorf("%s twice", f.Key)
		}
		keys[f.Key] = true
		if f.Group == "" || f.Lever == "" || len(f.Reasons) == 0 {
			t.Errorf("%s: group %q, lever %q, reasons %q", f.Key, f.Group, f.Lever, f.Reasons)
		}
	}
	for _, k := range o.Skips {
		if keys[k.Key] || k.Reason == "" {
			t.Errorf("%s is skipped for %q, and found: %v", k.Key, k.Reason, keys[k.Key])
		}
	}
	for range 5 {
		if d := cmp.Diff(o, Scan(town(), DefaultRules())); d != "" {
			t.Fatalf("another outcome: %s", d)
		}
	}
}

// town has several workloads on two nodes.
func town() *Snapshot {
	a := newApp()
	s := a.build()
	c := &s.Clusters[0]
	for _, name := range []string{"web", "search", "mail"} {
		b := newApp()
		b.name, b.replicas = name, len(name)/2
		b.put(c)
		c.Usage[b.key("api")] = c.Usage[a.key("api")]
	}
	return s
}

func TestIgnoreRules(t *testing.T) {
	cases := []struct {
		name string
		rule Ignore
		want int // findings of town that are left of eight
	}{
		{"a workload", Ignore{Workload: "api"}, 6},
		{"a pattern", Ignore{Workload: "*a*"}, 2},
		{"a kind", Ignore{Kind: engine.OverRequestedMemory}, 4},
		{"a workload's kind", Ignore{Workload: "web", Kind: engine.OverRequestedMemory}, 7},
		{"a namespace", Ignore{Namespace: "sh*p"}, 0},
		{"another cluster", Ignore{Cluster: "staging", Workload: "*"}, 8},
		{"nothing", Ignore{Reason: "forgotten"}, 8},
	}
	r := DefaultRules()
	r.MinMonthly = 0
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			with := r
			c.rule.Reason = "agreed"
			with.Ignore = []Ignore{c.rule}
			o := Scan(town(), with)
			if len(o.Findings) != c.want {
				t.Errorf("%d findings, want %d", len(o.Findings), c.want)
			}
			left := 0
			for _, k := range o.Skips {
				if k.Reason == reasonIgnored && k.Detail == "agreed" {
					left++
				}
			}
			if left != 8-c.want {
				t.Errorf("%d said to be left out, want %d", left, 8-c.want)
			}
		})
	}
}

func TestLike(t *testing.T) {
	cases := []struct {
		pattern, text string
		want          bool
	}{
		{"", "x", true},
		{"x", "x", true},
		{"x", "xy", false},
		{"*", "", true},
		{"x*", "xy", true},
		{"*y", "xy", true},
		{"x*y", "xy", true},
		{"x*x", "x", false},
		{"a*b*c", "a-b-c", true},
		{"a*b*c", "a-c", false},
		{"*b*", "abc", true},
		{"*bb*b", "bbb", true},
		{"*bb*bb", "bbb", false},
		{"payments-*", "payment", false},
	}
	for _, c := range cases {
		if got := like(c.pattern, c.text); got != c.want {
			t.Errorf("%q like %q: %v", c.text, c.pattern, got)
		}
	}
}

// TestMissingParts: what could not be had is said, and nothing is found or skipped without it.
func TestMissingParts(t *testing.T) {
	for _, lack := range []func(*Cluster){
		func(c *Cluster) { c.Complete = false },
		func(c *Cluster) { c.Missing = []Part{PartUsage} },
		func(c *Cluster) { c.Missing = []Part{PartVertical} },
	} {
		s := newApp().build()
		s.Missing = []engine.Gap{{Collector: "prod", Reason: "Prometheus did not answer"}}
		lack(&s.Clusters[0])
		for _, d := range []Detector{CPU{}, Memory{}} {
			if findings, skips := d.Detect(s, DefaultRules()); len(findings)+len(skips) != 0 {
				t.Errorf("%s: %d findings, %d skips", d.Name(), len(findings), len(skips))
			}
		}
		if o := Scan(s, DefaultRules()); len(o.Missing) == 0 || o.Missing[0].Collector != "prod" {
			t.Errorf("gaps: %+v", o.Missing)
		}
	}
	s := &Snapshot{Accounts: []Account{{ID: "1", Region: "eu-west-1", Missing: []Part{PartVolumes}}}}
	if o := Scan(s, DefaultRules()); len(o.Missing) != 1 || o.Missing[0].Collector != "1 eu-west-1" {
		t.Errorf("gaps: %+v", o.Missing)
	}
}

// TestAnUnjudgedNodeOwnsNothing: a node that may not be idle takes no dollar from what runs on it.
func TestAnUnjudgedNodeOwnsNothing(t *testing.T) {
	s := newApp().build()
	node := idle(&s.Clusters[0], "n1")
	skip := Skip{Key: "k", Kind: engine.IdleNode, Target: node.Target}
	for missing, want := range map[Part]int{PartNodePools: 2, PartBackups: 3} {
		s.Clusters[0].Missing = []Part{missing}
		o := Outcome{Findings: append(sizingsOf(s), node), Skips: []Skip{skip}}
		o.leaveUnjudged(s)
		if len(o.Findings) != want || len(o.Skips) != want-2 {
			t.Errorf("without %s: %d findings, %d skips, want %d and %d", missing, len(o.Findings), len(o.Skips), want, want-2)
		}
	}
}

// TestSmallVolumesAreGathered: each is worth too little, and all of one owner are not.
func TestSmallVolumesAreGathered(t *testing.T) {
	volume := func(id, group string, monthly engine.MicroUSD) engine.Finding {
		return engine.Finding{Key: id, Group: group, Kind: engine.OrphanVolume, Monthly: monthly, Basis: engine.PriceBasis{Source: engine.PriceList}}
	}
	o := Outcome{Findings: []engine.Finding{
		volume("a", "db", 2*engine.USD), volume("b", "db", 4*engine.USD), volume("c", "web", 4*engine.USD),
		{Key: "d", Kind: engine.OrphanVolume, Group: "unpriced"},
		{Key: "e", Kind: engine.IdleNode, Monthly: engine.USD, Basis: engine.PriceBasis{Source: engine.PriceSpot}},
	}}
	o.leaveSmall(DefaultRules())
	var left []string
	for _, f := range o.Findings {
		left = append(left, f.Key)
	}
	if d := cmp.Diff([]string{"a", "b", "d"}, left); d != "" {
		t.Error(d)
	}
	if len(o.Skips) != 2 || o.Skips[0].Reason != "worth less than $5 a month" {
		t.Errorf("skips: %+v", o.Skips)
	}
}
