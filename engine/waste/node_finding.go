package waste

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

// findings tells of the nodes that can go. They are made once all is decided, so that each knows what goes with it.
func (v *survey) findings() []engine.Finding {
	goes, fragile, bought := map[string]int{}, v.oneMore(), v.boughtOnDemand()
	for _, c := range v.removed {
		if c.aside == 0 {
			goes[c.member.key()]++
		}
	}
	var all []engine.Finding
	for _, c := range v.removed {
		f := v.finding(c, max(goes[c.member.key()], 1), fragile)
		if covered := f.Basis.Covered; covered > 0 && !f.Node.Spot && !bought[c.family()].uncovered(covered) {
			f.Cash = false
			f.Caveats = append(f.Caveats, fmt.Sprintf("Commitments cover %s of what is paid for %s: without this node some of that would be paid for nothing.",
				percent(covered), c.family()))
		}
		all = append(all, f)
	}
	return all
}

func (v *survey) finding(c *prospect, goes int, fragile string) engine.Finding {
	t := c.why.Target
	f := engine.Finding{
		Key: c.why.Key, Kind: engine.IdleNode, Target: t, Owner: v.teamOf(c.node), Cash: true, Basis: c.node.Price.Basis, Risk: engine.RiskLow,
		Lever: c.member.lever(goes, c.node.Name, len(c.moved) == 0),
		Node: &engine.NodeRemoval{
			Group: c.member.name, Controller: c.member.controller, Zone: c.member.zone, Spot: c.spot(),
			Instance: c.instanceType(),
			CPUShare: c.cpu, MemoryShare: c.mem, Placements: []engine.Placement{},
		},
	}
	if g := c.member.group; g != nil {
		f.Node.Min, f.Node.Desired = g.Min, g.Desired
	}
	for _, m := range c.moved {
		f.Node.Placements = append(f.Node.Placements, engine.Placement{Pod: m.name(), Node: m.at.node.Name})
	}
	v.price(c, &f)
	v.confide(c, goes, &f)
	v.warn(c, fragile, &f)
	f.Group, _ = GroupOf(f)
	return f
}

// onDemand counts the nodes of a family that are not Spot, and those of them that go.
type onDemand struct{ nodes, going int }

// uncovered tells whether commitments for a share of the nodes would all still be used without those that go.
func (b onDemand) uncovered(covered float64) bool {
	return float64(b.going) <= (1-covered)*float64(b.nodes)
}

func (v *survey) boughtOnDemand() map[string]onDemand {
	bought := map[string]onDemand{}
	for _, c := range v.prospects {
		if c.spot() {
			continue
		}
		b := bought[c.family()]
		b.nodes++
		if c.moved != nil && c.aside == 0 {
			b.going++
		}
		bought[c.family()] = b
	}
	return bought
}

// family is what a commitment or its price is for: "m7i" of "m7i.xlarge".
func (c *prospect) family() string {
	family, _, _ := strings.Cut(c.instanceType(), ".")
	return family
}

func (c *prospect) instanceType() string {
	if named := cmp.Or(c.node.Labels[corev1.LabelInstanceTypeStable], c.node.Labels[corev1.LabelInstanceType]); named != "" || c.member.instance == nil {
		return named
	}
	return c.member.instance.Type
}

func (c *prospect) spot() bool {
	if c.member.instance != nil {
		return c.member.instance.Spot
	}
	l := c.node.Labels
	return l["karpenter.sh/capacity-type"] == "spot" || l["eks.amazonaws.com/capacityType"] == "SPOT"
}

func (v *survey) price(c *prospect, f *engine.Finding) {
	if f.Basis.Source == engine.PriceUnknown || c.node.Price.PerHour <= 0 {
		f.Basis = engine.PriceBasis{}
		f.Caveats = append(f.Caveats, "The price of "+cmp.Or(f.Node.Instance, "the node")+" is not known, so that no dollar is counted.")
		return
	}
	f.Monthly = c.node.Price.PerHour.Monthly()
	f.Whole = f.Monthly
	if c.node.blurred(mixedFamilies(v.c)) {
		f.Caveats = append(f.Caveats, mixedCaveat(c.node.family()))
	}
	if !f.Node.Spot {
		f.Caveats = append(f.Caveats, "Under a commitment (Savings Plan, reserved instance) it is cash only once uncovered spend falls.")
	}
}

// confide says how sure it is that nobody needs the node.
func (v *survey) confide(c *prospect, goes int, f *engine.Finding) {
	f.Confidence = 0.95
	if n := len(c.moved); n == 0 {
		f.Reasons = append(f.Reasons, "No pod would have to move.")
	} else {
		f.Reasons = append(f.Reasons, fmt.Sprintf("All %d pods that would have to move fit on other nodes by everything that the scheduler requires, "+
			"in the placements shown and as the scheduler spreads them.", n))
	}
	f.Reasons = append(f.Reasons,
		fmt.Sprintf("Its pods ask for %.0f %% of its CPU and %.0f %% of its memory.", 100*c.cpu, 100*c.mem),
		fmt.Sprintf("At least %.0f %% of the CPU and memory of the other nodes stays free, and room for the largest pod.", 100*headroom))
	if len(v.removed) > 1 {
		f.Reasons = append(f.Reasons, fmt.Sprintf("It is proven together with the other %d nodes of the cluster that can go.", len(v.removed)-1))
	}
	if age := v.s.At.Sub(c.node.CreationTimestamp.Time); age < 3*day {
		f.Confidence -= 0.15
		f.Reasons = append(f.Reasons, fmt.Sprintf("It is %.0f hours old: it may have been made for a load that comes back.", age.Hours()))
	}
	if g := c.member.group; g != nil && g.Desired-goes < g.Min {
		f.Confidence -= 0.2
		f.Reasons = append(f.Reasons, fmt.Sprintf("Somebody set the minimum of %s to %d: it may be wanted as a reserve.", g.Name, g.Min))
	}
	if len(v.c.Usage) > 0 {
		f.Reasons = append(f.Reasons, fmt.Sprintf("There is room as well for all replicas that ran within the last %d days and do not now.", returnDays))
	}
	if slices.Contains(v.c.Missing, PartUsage) {
		f.Confidence -= 0.1
		f.Caveats = append(f.Caveats, "Without Prometheus it rests on what pods ask for, not on what they use.")
	}
	if c.spot() {
		f.Confidence -= 0.05
		f.Reasons = append(f.Reasons, "It is a Spot instance: its price and its life are not ours to keep.")
	}
}

// warn says what could go wrong.
func (v *survey) warn(c *prospect, fragile string, f *engine.Finding) {
	risk := func(level engine.Risk, format string, args ...any) {
		f.Risks = append(f.Risks, fmt.Sprintf(format, args...))
		if level == engine.RiskHigh || f.Risk == engine.RiskLow {
			f.Risk = level
		}
	}
	var jobs, alone, onSpot []string
	for _, t := range c.moved {
		owner := controllerOf(t.pod)
		if owner != nil && owner.Kind == kindJob {
			jobs = append(jobs, t.name())
		}
		if owner != nil && owner.Kind != kindJob && len(v.budgets.of(t.pod)) == 0 && v.replicas(t) == 1 {
			alone = append(alone, t.name())
		}
		if target := v.prospectOf(t.at); !c.spot() && target.spot() {
			onSpot = append(onSpot, t.name())
		}
	}
	if len(jobs) > 0 {
		risk(engine.RiskMedium, "Jobs begin again from the start: %s.", few(jobs))
	}
	if len(alone) > 0 {
		risk(engine.RiskMedium, "The only replica is away while it moves: %s.", few(alone))
	}
	if len(onSpot) > 0 {
		risk(engine.RiskMedium, "Pods of an On-Demand node would fit on Spot: %s.", few(onSpot))
	}
	v.warnPeaks(c, risk)
	if fragile != "" {
		risk(engine.RiskMedium, "%s", fragile)
	}
	if g := c.member.group; g != nil {
		if slices.Contains(g.Suspended, "Terminate") {
			risk(engine.RiskMedium, "%s has its process Terminate suspended: it gives up no instance until that is resumed.", g.Name)
		}
		f.Caveats = append(f.Caveats, fmt.Sprintf("A smaller size lets %s choose what goes. To remove this node, drain it, then call "+
			"terminate-instance-in-auto-scaling-group with --should-decrement-desired-capacity.", g.Name))
	}
}

// few names the first ones.
func few(names []string) string {
	const most = 3
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// replicas counts the pods of the same controller that stand somewhere.
func (v *survey) replicas(t *tenant) int {
	owner, n := controllerOf(t.pod), 0
	for _, o := range v.proof.byNamespace[t.pod.Namespace] {
		if other := controllerOf(o.pod); !o.guessed && other != nil && other.UID == owner.UID && other.Kind == owner.Kind && other.Name == owner.Name {
			n++
		}
	}
	return n
}

func (v *survey) prospectOf(p *place) *prospect {
	if i := slices.IndexFunc(v.prospects, func(c *prospect) bool { return c.place == p }); i >= 0 {
		return v.prospects[i]
	}
	return &prospect{node: p.node, member: v.memberOf(p.node)}
}

// oneMore says what would happen if the fullest of the remaining nodes failed as well; "" when its pods would find room by amount.
func (v *survey) oneMore() string {
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		var free, most, its int64
		var worst *place
		for _, p := range v.proof.places {
			if p.gone || !p.open {
				continue
			}
			var held int64
			for _, t := range p.movers() {
				held += t.request[name]
			}
			free += max(p.left[name], 0)
			if held > most {
				most, its, worst = held, max(p.left[name], 0), p
			}
		}
		if worst != nil && most > free-its {
			return fmt.Sprintf("If %s failed as well, its pods would not all find room: too little %s.", worst.node.Name, name)
		}
	}
	return ""
}

// teamOf is the team that a node's labels name.
func (v *survey) teamOf(n *Node) engine.Owner {
	return owner(v.c, nil, v.r, "", n.Labels)
}
