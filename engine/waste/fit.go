package waste

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	schedule "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/klog/v2"
)

// room is a cluster as its scheduler sees it: who stands where, and what each node has left. Only what the scheduler requires
// counts, not what it prefers.
type room struct {
	places      []*place // by name
	byName      map[string]*place
	tenants     []*tenant // by name; finished pods are none
	byNamespace map[string][]*tenant
	byClaim     map[string][]*tenant
	shy         map[string][]*tenant // those with required anti-affinity, by the namespaces that it speaks of
	spaces      map[string]labels.Set
}

// place is a node, with its tenants and what they leave of it.
type place struct {
	node     *Node
	open     bool // takes pods: it is ready, and neither cordoned nor about to go
	gone     bool // was removed
	received bool // holds pods of a node that was removed
	total    amounts
	left     amounts
	full     float64 // share of CPU or memory that is asked for, whichever is more
	tenants  []*tenant
}

// newRoom reads a cluster. Pods that have no node, and pods of nodes that are not listed, stand nowhere.
func newRoom(c *Cluster) *room {
	r := &room{
		byName: make(map[string]*place, len(c.Nodes)), byNamespace: map[string][]*tenant{}, byClaim: map[string][]*tenant{},
		shy: map[string][]*tenant{}, spaces: make(map[string]labels.Set, len(c.Namespaces)),
	}
	for _, n := range c.Namespaces {
		r.spaces[n.Name] = n.Labels
	}
	for i := range c.Nodes {
		n := &c.Nodes[i]
		p := &place{node: n, open: takesPods(n.Node), total: amountsOf(n.Status.Allocatable), left: amountsOf(n.Status.Allocatable)}
		r.places = append(r.places, p)
		r.byName[n.Name] = p
	}
	slices.SortFunc(r.places, func(a, b *place) int { return cmp.Compare(a.node.Name, b.node.Name) })
	disks := newDiskBook(c)
	for _, p := range c.Pods {
		if over(p) {
			continue
		}
		t := newTenant(p, disks)
		r.tenants = append(r.tenants, t)
		r.byNamespace[p.Namespace] = append(r.byNamespace[p.Namespace], t)
		for _, d := range t.disks {
			r.byClaim[d.claim] = append(r.byClaim[d.claim], t)
		}
		r.noteShy(t)
		if at := r.byName[p.Spec.NodeName]; at != nil {
			r.enter(t, at)
		}
	}
	slices.SortFunc(r.tenants, byPod)
	return r
}

func byPod(a, b *tenant) int {
	return cmp.Or(cmp.Compare(a.pod.Namespace, b.pod.Namespace), cmp.Compare(a.pod.Name, b.pod.Name))
}

func (r *room) enter(t *tenant, p *place) {
	t.at = p
	p.tenants = append(p.tenants, t)
	for name, q := range t.request {
		p.left[name] -= q
	}
	p.full = p.fullness()
}

func (r *room) leave(t *tenant) {
	p := t.at
	t.at = nil
	p.tenants = slices.DeleteFunc(p.tenants, func(o *tenant) bool { return o == t })
	for name, q := range t.request {
		p.left[name] += q
	}
	p.full = p.fullness()
}

// movers are the pods of a place that must go elsewhere when it goes.
func (p *place) movers() []*tenant {
	var all []*tenant
	for _, t := range p.tenants {
		if !t.fixed {
			all = append(all, t)
		}
	}
	slices.SortFunc(all, byPod)
	return all
}

// largest is the most that a pod of the place asks for, of those that could be elsewhere.
func (p *place) largest(name corev1.ResourceName) int64 {
	var most int64
	for _, t := range p.tenants {
		if !t.fixed {
			most = max(most, t.request[name])
		}
	}
	return most
}

// share is how much of a resource the place's pods ask for.
func (p *place) share(name corev1.ResourceName) float64 {
	if p.total[name] <= 0 {
		return 0
	}
	return float64(p.total[name]-p.left[name]) / float64(p.total[name])
}

// fullness is the share of the resource that is asked for most.
func (p *place) fullness() float64 {
	return max(p.share(corev1.ResourceCPU), p.share(corev1.ResourceMemory))
}

// demand is what one pod asks, with all that depends on where others stand worked out once.
type demand struct {
	t      *tenant
	near   []reach
	barred map[domain]bool
	counts []census
}

func (r *room) demand(t *tenant) demand {
	d := demand{t: t, barred: r.barred(t), counts: r.censuses(t, t.from)}
	if len(t.near) > 0 {
		d.near = []reach{r.near(t, false), r.near(t, true)}
	}
	return d
}

// refusal says why a pod cannot stand on a place, in the words that follow "no other node fits: 3 have"; "" when it can.
func (r *room) refusal(d demand, p *place) string {
	t := d.t
	for _, name := range t.names {
		if q := t.request[name]; q > 0 && p.left[name] < q {
			return "too little " + string(name)
		}
	}
	if len(t.ports) > 0 && slices.ContainsFunc(p.tenants, func(o *tenant) bool { return clash(o.ports, t.ports) }) {
		return "its host port taken"
	}
	if why := fixedRefusal(t, p.node.Node); why != "" {
		return why
	}
	if why := r.diskRefusal(t, p); why != "" {
		return why
	}
	for key := range d.barred {
		if value, ok := p.node.Labels[key.key]; ok && value == key.value {
			return "a pod that anti-affinity keeps apart"
		}
	}
	for _, n := range d.near {
		if !n.allows(t.near, p.node.Node) {
			return "no pod that affinity wants near"
		}
	}
	for _, c := range d.counts {
		if !c.allows(p.node.Node) {
			return "too many of its kind for topology spread"
		}
	}
	return ""
}

// fixedRefusal says what of a node itself refuses a pod, whoever else stands there.
func fixedRefusal(t *tenant, n *corev1.Node) string {
	if !tolerates(t.pod, n) {
		return "a taint"
	}
	if ok, err := t.nodes.Match(n); err != nil || !ok {
		return "other labels than its node selector or affinity wants"
	}
	return ""
}

// tolerates tells whether a pod bears all taints of a node that keep pods away.
func tolerates(p *corev1.Pod, n *corev1.Node) bool {
	_, found := schedule.FindMatchingUntoleratedTaint(klog.Logger{}, n.Spec.Taints, p.Spec.Tolerations, repels, false)
	return !found
}

func repels(t *corev1.Taint) bool {
	return t.Effect == corev1.TaintEffectNoSchedule || t.Effect == corev1.TaintEffectNoExecute
}

// manner is how pods are given places: who goes first, and which of the places that fit is taken. It must be a total order.
type manner struct {
	first  func(a, b *tenant) int
	prefer func(a, b *place) int
}

// seat gives a place to every pod, or to none: then it says which pod found none, and why. Pods that wait for another one, such as
// by affinity, are tried again after it.
func (r *room) seat(pods []*tenant, m manner) (stuck *tenant, why string) {
	waiting := slices.SortedFunc(slices.Values(pods), m.first)
	var seated []*tenant
	for len(waiting) > 0 {
		var still []*tenant
		stuck = nil
		for _, t := range waiting {
			p, refused := r.choose(t, m)
			if p == nil {
				still = append(still, t)
				if stuck == nil {
					stuck, why = t, refused
				}
				continue
			}
			r.enter(t, p)
			seated = append(seated, t)
		}
		if len(still) == len(waiting) {
			for _, t := range seated {
				r.leave(t)
			}
			return stuck, why
		}
		waiting = still
	}
	return nil, ""
}

// choose finds the best place for a pod; nil, and why none, when it fits nowhere.
func (r *room) choose(t *tenant, m manner) (*place, string) {
	if t.problem != "" {
		return nil, t.problem
	}
	d := r.demand(t)
	var best *place
	refused := map[string]int{}
	for _, p := range r.places {
		switch {
		case p.gone || p == t.from:
		case !p.open:
			refused["no leave to take pods"]++
		default:
			if why := r.refusal(d, p); why != "" {
				refused[why]++
			} else if best == nil || m.prefer(p, best) < 0 {
				best = p
			}
		}
	}
	return best, sayRefused(refused)
}

// sayRefused lists why nodes refused a pod, the commonest reason first.
func sayRefused(refused map[string]int) string {
	if len(refused) == 0 {
		return "there is no other node"
	}
	reasons := slices.SortedFunc(maps.Keys(refused), func(a, b string) int {
		return cmp.Or(cmp.Compare(refused[b], refused[a]), cmp.Compare(a, b))
	})
	for i, reason := range reasons {
		verb := "have"
		if refused[reason] == 1 {
			verb = "has"
		}
		reasons[i] = fmt.Sprintf("%d %s %s", refused[reason], verb, reason)
	}
	return "of the other nodes " + strings.Join(reasons, ", ")
}

// drain moves the pods of a place elsewhere, in one manner. When one of them fits nowhere, all stay, and it says which and why.
func (r *room) drain(p *place, m manner) (moved []*tenant, stuck *tenant, why string) {
	moved = p.movers()
	for _, t := range moved {
		t.from = p
		r.leave(t)
	}
	stuck, why = r.seat(moved, m)
	if stuck != nil {
		r.restore(moved, p)
		return nil, stuck, why
	}
	return moved, nil, ""
}

// restore brings pods back to the place that they were drained from.
func (r *room) restore(moved []*tenant, p *place) {
	for _, t := range moved {
		if t.at != nil {
			r.leave(t)
		}
		t.from = nil
		r.enter(t, p)
	}
}

// remove takes a drained place away, with what never leaves it.
func (r *room) remove(p *place, moved []*tenant) {
	p.gone = true
	for _, t := range moved {
		t.from = nil
		t.at.received = true
	}
	for _, t := range slices.Clone(p.tenants) {
		r.leave(t)
	}
}
