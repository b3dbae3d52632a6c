package waste

import (
	"math"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

// idle is the finding of a detector of nodes: a node that is not needed, for all that it costs.
func idle(c *Cluster, name string) engine.Finding {
	f := engine.Finding{Kind: engine.IdleNode, Target: engine.Target{Workload: engine.Workload{Cluster: c.Name, Kind: engine.KindNode, Name: name}}, Cash: true}
	for _, n := range c.Nodes {
		if n.Name == name {
			f.Monthly, f.Basis = n.Price.PerHour.Monthly(), n.Price.Basis
		}
	}
	f.Whole, f.Key = f.Monthly, Key(f.Kind, f.Target)
	return f
}

func sizingsOf(s *Snapshot) []engine.Finding {
	cpu, _ := CPU{}.Detect(s, DefaultRules())
	memory, _ := Memory{}.Detect(s, DefaultRules())
	return append(cpu, memory...)
}

// TestANodeOwnsItsDollars: opencost 880 and kubectl-cost 96 add them up twice.
func TestANodeOwnsItsDollars(t *testing.T) {
	s := newApp().build()
	alone, _ := overlap(s, DefaultRules(), sizingsOf(s))
	if len(alone) != 2 {
		t.Fatalf("findings: %+v", alone)
	}
	byKind := map[engine.FindingKind]engine.Finding{}
	beside, _ := overlap(s, DefaultRules(), append(sizingsOf(s), idle(&s.Clusters[0], "n1")))
	for _, f := range beside {
		byKind[f.Kind] = f
	}
	if f := byKind[engine.IdleNode]; f.Monthly != f.Whole || f.Monthly == 0 {
		t.Errorf("the node: %v of %v", f.Monthly, f.Whole)
	}
	for _, was := range alone {
		f := byKind[was.Kind]
		if d := 2*f.Monthly - was.Monthly; d < -2 || d > 2 || f.Whole != was.Monthly {
			t.Errorf("%s: %v of %v, alone it was %v: two of its four replicas are on the node", f.Kind, f.Monthly, f.Whole, was.Monthly)
		}
	}
	none, skips := overlap(s, DefaultRules(), append(sizingsOf(s), idle(&s.Clusters[0], "n1"), idle(&s.Clusters[0], "n2")))
	if len(none) != 2 || len(skips) != 2 || skips[0].Reason != reasonOnIdle {
		t.Errorf("with both nodes gone: %d findings, skips %+v", len(none), skips)
	}
}

// TestAMutedFindingOwnsNothing: who called a node not waste still wants to hear of the requests on it.
func TestAMutedFindingOwnsNothing(t *testing.T) {
	s := newApp().build()
	gone := idle(&s.Clusters[0], "n1")
	s.Muted = map[string]bool{gone.Key: true}
	kept, _ := overlap(s, DefaultRules(), append(sizingsOf(s), gone))
	if len(kept) != 3 {
		t.Fatalf("findings: %+v", kept)
	}
	for _, f := range kept {
		if f.Monthly != f.Whole {
			t.Errorf("%s: %v of %v", f.Kind, f.Monthly, f.Whole)
		}
	}
}

// TestANodeNeverGivesMoreThanItCosts: a history of more replicas than its nodes could hold, or requests above what they have.
func TestANodeNeverGivesMoreThanItCosts(t *testing.T) {
	a := newApp()
	a.box = box("api", "30", "100Gi", "", "")
	a.autoscaler(amountTarget(corev1.ResourceCPU, "1"))
	s := a.build()
	kept, _ := overlap(s, DefaultRules(), sizingsOf(s))
	var sum engine.MicroUSD
	for _, f := range kept {
		if sum += f.Monthly; f.Whole <= f.Monthly {
			t.Errorf("%s: %v of %v: it was not cut down", f.Kind, f.Monthly, f.Whole)
		}
	}
	cost := 2 * s.Clusters[0].Nodes[0].Price.PerHour.Monthly()
	if sum > cost || sum < cost*99/100 {
		t.Errorf("sum %v, the nodes cost %v", sum, cost)
	}
}

// TestPricesThatNobodyKnows: no dollar rather than a wrong one.
func TestPricesThatNobodyKnows(t *testing.T) {
	a := newApp()
	a.alter = func(c *Cluster) { c.Nodes[0].Price, c.Nodes[1].Price = engine.NodePrice{}, engine.NodePrice{} }
	f, reason, _ := verdict(t, a.build(), engine.OverRequestedCPU, "api")
	if f == nil || f.Monthly != 0 || f.Whole != 0 || f.Basis.Source != engine.PriceUnknown || !says(f.Caveats, "no price is known") {
		t.Errorf("no price: %q, %+v", reason, f)
	}
	a.box = box("api", "350m", "2Gi", "", "")
	a.replicas = 1
	if _, reason, _ := verdict(t, a.build(), engine.OverRequestedCPU, "api"); reason != reasonFits {
		t.Errorf("little without a price: %q", reason)
	}

	half := newApp()
	half.alter = func(c *Cluster) { c.Nodes[1].Price = engine.NodePrice{} }
	f, _, _ = verdict(t, half.build(), engine.OverRequestedCPU, "api")
	whole, _, _ := verdict(t, newApp().build(), engine.OverRequestedCPU, "api")
	if d := 2*f.Monthly - whole.Monthly; d < -2 || d > 2 || !says(f.Caveats, "2.0 of 4.0 replicas run on nodes whose price is not known") {
		t.Errorf("half of the nodes priced: %v of %v, %q", f.Monthly, whole.Monthly, f.Caveats)
	}

	mixed := newApp()
	mixed.alter = func(c *Cluster) {
		c.Nodes[0].Price.Basis = engine.PriceBasis{Source: engine.PriceEffective, Covered: 0.7}
		c.Nodes[1].Price.Basis = engine.PriceBasis{Source: engine.PriceEmbedded}
	}
	if f, _, _ = verdict(t, mixed.build(), engine.OverRequestedCPU, "api"); f.Basis.Source != engine.PriceEmbedded {
		t.Errorf("the weakest basis counts, not %q", f.Basis.Source)
	}
	mixed.alter = func(c *Cluster) {
		for i := range c.Nodes {
			c.Nodes[i].Price.Basis = engine.PriceBasis{Source: engine.PriceEffective, Covered: 0.7}
		}
	}
	if f, _, _ = verdict(t, mixed.build(), engine.OverRequestedCPU, "api"); !says(f.Caveats, "cover 70 %") {
		t.Errorf("commitments: %q", f.Caveats)
	}
}

// TestTwoRequestsOnOneTarget: the autoscaler takes a share of all containers together.
func TestTwoRequestsOnOneTarget(t *testing.T) {
	build := func(percent int32) *Snapshot {
		a := newApp()
		a.beside = []corev1.Container{box("side", "1000m", "64Mi", "", "")}
		a.autoscaler(share(corev1.ResourceCPU, percent))
		before := a.alter
		a.alter = func(c *Cluster) {
			before(c)
			c.Usage[a.key("side")] = c.Usage[a.key("api")]
		}
		return a.build()
	}
	o := Scan(build(20), DefaultRules())
	var both []engine.Finding
	for _, f := range o.Findings {
		if f.Kind == engine.OverRequestedCPU {
			both = append(both, f)
		}
	}
	if len(both) != 2 {
		t.Fatalf("findings: %+v, %+v", both, o.Skips)
	}
	left := int64(2000)
	for _, f := range both {
		left += f.Sizing.New - f.Sizing.Old
		alone := float64(2000+f.Sizing.New-f.Sizing.Old) * float64(f.Sizing.Autoscale.NewTarget)
		if math.Abs(alone/(2000*20)-1) > targetError {
			t.Errorf("%s: %d at %d %%", f.Target.Container, f.Sizing.New, f.Sizing.Autoscale.NewTarget)
		}
	}
	together := int64(math.Round(2000 * 20 / float64(left)))
	if !says(both[0].Caveats, "together it is "+quantity(together*1000, engine.CPU)+" %") {
		t.Errorf("caveats %q, want %d %%", both[0].Caveats, together)
	}

	// At half, one may be lowered and not both: that would take a target above all that the pods ask for.
	o = Scan(build(65), DefaultRules())
	seen, dropped := 0, false
	for _, f := range o.Findings {
		if f.Kind == engine.OverRequestedCPU {
			seen++
		}
	}
	for _, k := range o.Skips {
		dropped = dropped || k.Kind == engine.OverRequestedCPU && k.Reason == reasonTarget
	}
	if seen != 1 || !dropped {
		t.Errorf("findings %d, dropped %v: %+v", seen, dropped, o.Skips)
	}
}
