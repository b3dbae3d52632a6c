package waste

import (
	"cmp"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

// Nodes finds nodes that nobody needs: every pod of theirs that has to move provably fits elsewhere, after all other removals that
// are proposed with it. It proves this twice: once with the placements that it shows, and once as the scheduler would do it, which
// spreads pods and does not know what is drained next. A node is removed by people or by its autoscaler, never by this package.
type Nodes struct{}

// Name is the kind of its findings.
func (Nodes) Name() engine.FindingKind { return engine.IdleNode }

// Detect looks at the nodes of every cluster that is complete.
func (Nodes) Detect(s *Snapshot, r Rules) ([]engine.Finding, []Skip) {
	var findings []engine.Finding
	var skips []Skip
	for i := range s.Clusters {
		if c := &s.Clusters[i]; c.Complete {
			v := newSurvey(s, c, r)
			v.judge()
			findings = append(findings, v.findings()...)
			skips = append(skips, v.skips...)
		}
	}
	return findings, skips
}

// headroom is the share of what nodes can hold that is left free, whatever goes.
const headroom = 0.1

// survey is the judgement of one cluster's nodes.
type survey struct {
	s          *Snapshot
	c          *Cluster
	r          Rules
	account    *Account // nil when it is not in the snapshot
	autoscaler bool     // cluster-autoscaler runs here
	jobs       map[string]bool
	budgets    budgets
	climb      climber

	proof *room // as the cards propose it
	drill *room // the same nodes, drained one after the other while the scheduler spreads their pods
	fleet *fleet
	large amounts       // the most that any one pod asks for
	wait  []*tenant     // of proof: pods that have no node, and fit on none
	later []*corev1.Pod // that are not there now, and come back

	prospects []*prospect
	removed   []*prospect
	skips     []Skip
}

// prospect is a node that may turn out to be removable.
type prospect struct {
	node     *Node
	place    *place // in proof
	member   membership
	moved    []*tenant
	fullness float64 // before anything moved
	cpu, mem float64
	aside    int // 1 when people do not want to hear of it: then it is judged after all others, so that it stands in nobody's way
	weight   int // what would have to move, in twentieths of the node
	why      Skip
}

func newSurvey(s *Snapshot, c *Cluster, r Rules) *survey {
	with := withReturning(c, s.At)
	v := &survey{
		s: s, c: c, r: r, jobs: retrying(c), budgets: newBudgets(c.Budgets), climb: newClimber(c), autoscaler: runsAutoscaler(c),
		proof: newRoom(with), drill: newRoom(with), fleet: &fleet{usable: map[string]map[string]int{}, removed: map[string]int{}}, large: amounts{},
		later: with.Pods[len(c.Pods):],
	}
	for i := range s.Accounts {
		if a := &s.Accounts[i]; c.Account != "" && a.ID == c.Account && (c.Region == "" || a.Region == c.Region) {
			v.account = a
		}
	}
	return v
}

// judge decides about every node: those that weigh least go first, the dearest of them before the others.
func (v *survey) judge() {
	v.admit()
	v.receive()
	for again := true; again; {
		again = false
		for _, c := range v.prospects {
			if c.why.Reason != "" && c.why.Reason != skipZoneBalance || c.moved != nil {
				continue
			}
			c.why.Reason, c.why.Detail = v.try(c)
			if c.why.Reason == "" {
				v.removed = append(v.removed, c)
				again = true
			}
		}
	}
	for _, c := range v.prospects {
		if c.why.Reason != "" {
			v.skips = append(v.skips, c.why)
		}
	}
	v.reserve()
}

// admit sorts out the nodes that are not judged, and ranks the others.
func (v *survey) admit() {
	for _, p := range v.proof.places {
		m := v.memberOf(p.node)
		if p.open {
			zones := v.fleet.usable[m.key()]
			if zones == nil {
				zones = map[string]int{}
				v.fleet.usable[m.key()] = zones
			}
			zones[m.zone]++
		}
		c := &prospect{node: p.node, place: p, member: m, fullness: p.full}
		c.cpu, c.mem = p.share(corev1.ResourceCPU), p.share(corev1.ResourceMemory)
		t := v.target(p.node)
		c.why = Skip{Key: Key(engine.IdleNode, t), Kind: engine.IdleNode, Target: t}
		c.why.Reason, c.why.Detail = gate(p.node, v.s, v.r)
		if c.why.Reason != "" {
			v.skips = append(v.skips, c.why)
			continue
		}
		load := 0.0
		for _, t := range p.movers() {
			for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
				if p.total[name] > 0 {
					load += float64(t.request[name]) / float64(p.total[name]) / 2
				}
			}
		}
		c.weight = int(20 * load)
		if v.unwanted(c) {
			c.aside = 1
		}
		v.prospects = append(v.prospects, c)
	}
	slices.SortFunc(v.prospects, func(a, b *prospect) int {
		return cmp.Or(cmp.Compare(a.aside, b.aside), cmp.Compare(a.weight, b.weight), cmp.Compare(b.node.Price.PerHour, a.node.Price.PerHour), cmp.Compare(a.node.Name, b.node.Name))
	})
	for _, t := range v.proof.tenants {
		if !t.fixed {
			for name, q := range t.request {
				v.large[name] = max(v.large[name], q)
			}
		}
	}
}

// unwanted tells whether a person or the configuration said that the node is no waste.
func (v *survey) unwanted(c *prospect) bool {
	f := engine.Finding{Kind: engine.IdleNode, Target: c.why.Target}
	return v.s.Muted[c.why.Key] || slices.ContainsFunc(v.r.Ignore, func(i Ignore) bool { return i.matches(f) })
}

// receive gives room to the pods that wait for it, before any node is judged: the room is theirs.
func (v *survey) receive() {
	for _, r := range []*room{v.proof, v.drill} {
		for _, t := range r.tenants {
			if t.at != nil || t.pod.Spec.NodeName != "" || t.pod.DeletionTimestamp != nil || len(t.pod.Spec.SchedulingGates) > 0 {
				continue
			}
			t.guessed = true
			if stuck, _ := r.seat([]*tenant{t}, v.manner(r)); stuck != nil && r == v.proof {
				v.wait = append(v.wait, t)
			}
		}
	}
}

// manner is how pods are placed in a room. In the proof, onto what is fullest and stays anyway, the largest pods first. In the
// drill as by the default scheduler, onto what is emptiest, the smallest first, which is what leaves the worst of gaps.
func (v *survey) manner(r *room) manner {
	largest := func(a, b *tenant) int {
		return cmp.Or(cmp.Compare(v.size(b), v.size(a)), byPod(a, b))
	}
	byNode := func(a, b *place) int { return cmp.Compare(a.node.Name, b.node.Name) }
	if r == v.drill {
		return manner{
			first:  func(a, b *tenant) int { return largest(b, a) },
			prefer: func(a, b *place) int { return cmp.Or(cmp.Compare(a.full, b.full), byNode(a, b)) },
		}
	}
	stays := map[*place]bool{}
	for _, p := range r.places {
		stays[p] = true
	}
	for _, c := range v.prospects {
		stays[c.place] = c.place.received || c.why.Reason != "" && c.why.Reason != skipZoneBalance
	}
	rank := func(p *place) int {
		if stays[p] {
			return 0
		}
		return 1
	}
	return manner{
		first: largest,
		prefer: func(a, b *place) int {
			return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(b.full, a.full), byNode(a, b))
		},
	}
}

// size is how much of the largest pod a pod is, by the resource of which it takes most.
func (v *survey) size(t *tenant) float64 {
	most := 0.0
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		if v.large[name] > 0 {
			most = max(most, float64(t.request[name])/float64(v.large[name]))
		}
	}
	return most
}

// try removes a node in both rooms, or says why it cannot be.
func (v *survey) try(c *prospect) (reason, detail string) {
	if c.place.received {
		return skipReceives, ""
	}
	if reason, detail = v.fleet.refuse(c.member, c.node.InstanceID); reason != "" {
		return reason, detail
	}
	movers := slices.DeleteFunc(c.place.movers(), func(t *tenant) bool { return t.guessed }) // who is not there needs no leave to go
	if why := c.member.selfManaged(c.fullness, len(movers) == 0); why != "" {
		return skipSelfManaged, why
	}
	for _, t := range v.wait {
		switch {
		case fixedRefusal(t, c.node.Node) != "":
		case !slices.Contains(v.later, t.pod):
			return skipPending, t.name()
		case !c.member.elastic():
			return skipReturns, t.name()
		}
	}
	for _, t := range movers {
		if why := v.blocked(t); why != "" {
			return skipPodStays, t.name() + ": " + why
		}
	}
	if why := v.budgets.refuse(movers); why != "" {
		return skipBudget, why
	}
	moved, stuck, why := v.proof.drain(c.place, v.manner(v.proof))
	if stuck != nil {
		return skipNoRoom, stuck.name() + ": " + why
	}
	if why = v.tight(c.place); why != "" {
		v.proof.restore(moved, c.place)
		return skipHeadroom, why
	}
	twin := v.drill.byName[c.node.Name]
	spread, stuck, why := v.drill.drain(twin, v.manner(v.drill))
	if stuck != nil {
		v.proof.restore(moved, c.place)
		return skipTight, stuck.name() + ": " + why
	}
	v.proof.remove(c.place, moved)
	v.drill.remove(twin, spread)
	v.fleet.take(c.member)
	c.moved = slices.DeleteFunc(append([]*tenant{}, moved...), func(t *tenant) bool { return t.guessed })
	return "", ""
}

// tight says of what too little would be left without a drained place, on the nodes that keep away no pod that it took: a tenth
// of what they hold, or what the largest of their pods asks for.
func (v *survey) tight(drained *place) string {
	var peers []*place
	for _, p := range v.proof.places {
		if p != drained && !p.gone && p.open && noMoreTaints(p.node.Node, drained.node.Node) {
			peers = append(peers, p)
		}
	}
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		var total, left int64
		for _, p := range peers {
			total += p.total[name]
			left += max(p.left[name], 0)
		}
		want := int64(headroom * float64(total))
		if left < v.large[name] {
			for _, p := range peers {
				want = max(want, p.largest(name))
			}
		}
		if left < want {
			r := engine.Resource(name)
			return fmt.Sprintf("%s of %s is left, and %s is wanted", name, quantity(left, r), quantity(want, r))
		}
	}
	return ""
}

// noMoreTaints tells whether a node keeps away no pod that another one takes.
func noMoreTaints(n, than *corev1.Node) bool {
	return !slices.ContainsFunc(n.Spec.Taints, func(t corev1.Taint) bool {
		return repels(&t) && !slices.ContainsFunc(than.Spec.Taints, func(o corev1.Taint) bool { return o.MatchTaint(&t) && o.Value == t.Value })
	})
}

func (v *survey) target(n *Node) engine.Target {
	return engine.Target{
		Workload: engine.Workload{Cluster: v.c.Name, Kind: engine.KindNode, Name: n.Name},
		Provider: n.InstanceID, Account: v.c.Account, Region: v.c.Region,
	}
}
