package waste

import (
	"cmp"
	"math"
	"slices"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	apiresource "k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/component-helpers/resource"

	"github.com/eks-autopilot/autopilot/engine"
)

// index is what the sizing detectors look up of a cluster.
type index struct {
	*Cluster
	workloads  []*workload
	nodes      map[string]*Node
	namespaces map[string]*corev1.Namespace
	scalers    map[identity][]*autoscalingv2.HorizontalPodAutoscaler // by what they scale
	vertical   map[identity][]*VerticalAutoscaler                    // by what they size
	ranges     map[string][]*corev1.LimitRange                       // by namespace
	largest    map[engine.Resource]int64                             // that any node has for its pods
	mixed      map[string]bool                                       // families of instances that run Linux and Windows; see mixedFamilies
}

func newIndex(c *Cluster) *index {
	ix := &index{
		Cluster: c, workloads: workloads(c), nodes: make(map[string]*Node, len(c.Nodes)), namespaces: namespacesOf(c),
		scalers: map[identity][]*autoscalingv2.HorizontalPodAutoscaler{}, vertical: map[identity][]*VerticalAutoscaler{}, ranges: map[string][]*corev1.LimitRange{},
		largest: map[engine.Resource]int64{}, mixed: mixedFamilies(c),
	}
	for i := range c.Nodes {
		n := &c.Nodes[i]
		ix.nodes[n.Name] = n
		for _, r := range []engine.Resource{engine.CPU, engine.Memory} {
			ix.largest[r] = max(ix.largest[r], amount(n.Status.Allocatable, r))
		}
	}
	for _, h := range c.Autoscalers {
		of := identity{h.Namespace, h.Spec.ScaleTargetRef.Kind, h.Spec.ScaleTargetRef.Name}
		ix.scalers[of] = append(ix.scalers[of], h)
	}
	for i := range c.Vertical {
		of := identity{c.Vertical[i].Namespace, c.Vertical[i].TargetKind, c.Vertical[i].TargetName}
		ix.vertical[of] = append(ix.vertical[of], &c.Vertical[i])
	}
	for _, lr := range c.Limits {
		ix.ranges[lr.Namespace] = append(ix.ranges[lr.Namespace], lr)
	}
	return ix
}

// change is one request, lowered.
type change struct {
	container string
	role      role
	to        int64
}

// freed gives by how much the effective request of a pod falls with each of the changes, when they are made one after the other: that
// of a pod is the higher of what its containers ask for together and what starting it takes, with its overhead.
func freed(pod *corev1.PodSpec, r engine.Resource, changes []change) []int64 {
	p := bare(pod, r)
	before := effective(p, r)
	falls := make([]int64, len(changes))
	for i, c := range changes {
		if at := containerOf(&p.Spec, c.container); at != nil {
			at.Resources.Requests[name(r)] = quantityOf(c.to, r)
		}
		after := effective(p, r)
		falls[i], before = before-after, after
	}
	return falls
}

// parts gives each of the changes its part of what they free together. Who comes first matters where one of them starts the pod, so
// each counts half as if made in the order of byRole and half the other way round. alone tells for each whether the order
// does not matter.
func parts(pod *corev1.PodSpec, r engine.Resource, changes []change) (falls []float64, alone []bool) {
	slices.SortFunc(changes, byRole)
	forth := freed(pod, r, changes)
	backwards := slices.Clone(changes)
	slices.Reverse(backwards)
	back := freed(pod, r, backwards)
	slices.Reverse(back)
	for i := range changes {
		falls, alone = append(falls, float64(forth[i]+back[i])/2), append(alone, forth[i] == back[i])
	}
	return falls, alone
}

func byRole(a, b change) int {
	return cmp.Or(cmp.Compare(a.role, b.role), cmp.Compare(a.container, b.container))
}

// bare copies what counts for a pod's effective request of one resource.
func bare(spec *corev1.PodSpec, r engine.Resource) *corev1.Pod {
	only := func(list []corev1.Container) []corev1.Container {
		copies := make([]corev1.Container, len(list))
		for i, c := range list {
			copies[i] = corev1.Container{Name: c.Name, RestartPolicy: c.RestartPolicy, Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{}}}
			if q, ok := c.Resources.Requests[name(r)]; ok {
				copies[i].Resources.Requests[name(r)] = q
			}
		}
		return copies
	}
	return &corev1.Pod{Spec: corev1.PodSpec{
		Containers: only(spec.Containers), InitContainers: only(spec.InitContainers), Overhead: spec.Overhead, Resources: spec.Resources,
	}}
}

func effective(p *corev1.Pod, r engine.Resource) int64 {
	return amount(resource.PodRequests(p, resource.PodResourcesOptions{}), r)
}

func quantityOf(amount int64, r engine.Resource) apiresource.Quantity {
	if r == engine.CPU {
		return *apiresource.NewMilliQuantity(amount, apiresource.DecimalSI)
	}
	return *apiresource.NewQuantity(amount, apiresource.BinarySI)
}

// unit is what a core or a GiB of a node costs for an hour, in dollars. It is false where nobody knows.
func (n *Node) unit(r engine.Resource) (perHour float64, ok bool) {
	price := n.Price.CPUHour
	if r == engine.Memory {
		price = n.Price.GiBHour
	}
	return price.Dollars(), n.Price.Basis.Source != engine.PriceUnknown && price > 0 && n.Price.PerHour > 0
}

// bill is what a node costs in a month, in dollars; 0 where nobody knows.
func (n *Node) bill() float64 {
	if n.Price.Basis.Source == engine.PriceUnknown || n.Price.PerHour <= 0 {
		return 0
	}
	return n.Price.PerHour.Dollars() * engine.HoursPerMonth
}

// seats says where the replicas of a workload are paid for: how many of them, on average over the history, on which node. A run of a job
// that is over has no node of its own, so such a workload is spread over all nodes that have a price.
type seats struct {
	on    map[string]float64 // replicas by node
	lost  float64            // replicas whose node has no price
	basis engine.PriceBasis  // the weakest one of all
	unit  float64            // mean price of a core or GiB for an hour, in dollars
	guess bool               // no pod says which nodes
	mixed string             // a family of theirs whose price is one of Linux and Windows together; "" for none
}

func (ix *index) seats(w *workload, r engine.Resource, replicas float64) seats {
	s := seats{on: map[string]float64{}}
	weights := map[string]float64{}
	for _, p := range w.pods {
		if p.Spec.NodeName != "" {
			weights[p.Spec.NodeName]++
		}
	}
	if len(weights) == 0 {
		s.guess = true
		for at, n := range ix.nodes {
			if _, ok := n.unit(r); ok {
				weights[at] = priced(float64(amount(n.Status.Allocatable, r)), r)
			}
		}
	}
	total, sum, counted := 0.0, 0.0, 0.0
	for _, weight := range weights {
		total += weight
	}
	if total <= 0 {
		s.lost = replicas
		return s
	}
	for _, at := range sorted(weights) {
		share := replicas * weights[at] / total
		n := ix.nodes[at]
		if n == nil {
			s.lost += share
			continue
		}
		unit, ok := n.unit(r)
		if !ok {
			s.lost += share
			continue
		}
		s.on[at] = share
		sum, counted = sum+unit*share, counted+share
		s.basis = weaker(s.basis, n.Price.Basis)
		if n.blurred(ix.mixed) {
			s.mixed = n.family()
		}
	}
	if counted > 0 {
		s.unit = sum / counted
	}
	return s
}

// sources are those of prices, best first.
var sources = []engine.PriceSource{engine.PriceEffective, engine.PriceSpot, engine.PriceList, engine.PriceEmbedded}

// weaker is the one of two bases that a person would trust less; the zero basis is none.
func weaker(a, b engine.PriceBasis) engine.PriceBasis {
	switch {
	case a.Source == engine.PriceUnknown:
		return b
	case slices.Index(sources, a.Source) != slices.Index(sources, b.Source):
		if slices.Index(sources, a.Source) > slices.Index(sources, b.Source) {
			return a
		}
		return b
	case b.AsOf.Before(a.AsOf):
		return b
	}
	return a
}

// monthly gives what a fall of a pod's effective request is worth in a month on each node, in dollars.
func (ix *index) monthly(s seats, r engine.Resource, fall float64) map[string]float64 {
	worth := make(map[string]float64, len(s.on))
	for at, replicas := range s.on {
		unit, _ := ix.nodes[at].unit(r)
		worth[at] = replicas * priced(fall, r) * unit * engine.HoursPerMonth
	}
	return worth
}

// whole adds dollars up and rounds them down: what is not there is never said to be.
func whole(worth map[string]float64) engine.MicroUSD {
	total := 0.0
	for _, at := range sorted(worth) {
		total += worth[at]
	}
	return engine.MicroUSD(math.Floor(total * float64(engine.USD)))
}

// sorted gives the keys in order, so that sums of fractions come out the same each time.
func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
