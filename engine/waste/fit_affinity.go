package waste

import (
	"iter"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// term is one required term of an inter-pod affinity or anti-affinity.
type term struct {
	key        string // topology key
	pods       labels.Selector
	namespaces []string
	spaces     labels.Selector // of namespaces; nil for none
}

// domain is a set of nodes that share the value of a label: a zone, a host.
type domain struct{ key, value string }

// termsOf reads the terms. It fails for a selector that cannot be read.
func termsOf(p *corev1.Pod, terms []corev1.PodAffinityTerm) ([]term, error) {
	var all []term
	for _, t := range terms {
		pods, err := selectorOf(p, t.LabelSelector, t.MatchLabelKeys, t.MismatchLabelKeys)
		if err != nil {
			return nil, err
		}
		one := term{key: t.TopologyKey, pods: pods, namespaces: t.Namespaces}
		if t.NamespaceSelector != nil {
			if one.spaces, err = metav1.LabelSelectorAsSelector(t.NamespaceSelector); err != nil {
				return nil, err
			}
		} else if len(t.Namespaces) == 0 {
			one.namespaces = []string{p.Namespace}
		}
		all = append(all, one)
	}
	return all, nil
}

// picks tells whether a term speaks of a pod.
func (r *room) picks(t term, p *corev1.Pod) bool {
	in := slices.Contains(t.namespaces, p.Namespace) || t.spaces != nil && t.spaces.Matches(r.spaces[p.Namespace])
	return in && t.pods.Matches(labels.Set(p.Labels))
}

// reach is where the pods that a pod wants near stand.
type reach struct {
	domains map[domain]bool
	free    bool // nobody matches and it matches itself, so that it may be the first of them anywhere
}

// near finds where a pod's required affinity would let it stand. Pods that are being driven out count as still standing where they
// were when evicted is false: they leave one after another, and the pod must fit whenever its turn comes. Nobody can rely on a pod that
// has no node yet.
func (r *room) near(t *tenant, evicted bool) reach {
	found, others := reach{domains: map[domain]bool{}}, false
	// Who matches all terms matches the first.
	for other := range r.within(t.near[0]) {
		p := other.at
		if !evicted {
			p = other.standing()
		}
		if other == t || p == nil || !r.all(t.near, other.pod) {
			continue
		}
		if others = true; other.guessed {
			continue
		}
		for _, one := range t.near {
			if value, ok := p.node.Labels[one.key]; ok {
				found.domains[domain{one.key, value}] = true
			}
		}
	}
	found.free = !others && r.all(t.near, t.pod)
	return found
}

func (r *room) all(terms []term, p *corev1.Pod) bool {
	return !slices.ContainsFunc(terms, func(t term) bool { return !r.picks(t, p) })
}

// allows tells whether a node is within reach of all terms.
func (f reach) allows(terms []term, n *corev1.Node) bool {
	for _, t := range terms {
		value, ok := n.Labels[t.key]
		if !ok || !f.free && !f.domains[domain{t.key, value}] {
			return false
		}
	}
	return true
}

// within gives the pods of the namespaces that a term speaks of.
func (r *room) within(t term) iter.Seq[*tenant] {
	if t.spaces != nil {
		return slices.Values(r.tenants)
	}
	return func(yield func(*tenant) bool) {
		for _, namespace := range t.namespaces {
			for _, other := range r.byNamespace[namespace] {
				if !yield(other) {
					return
				}
			}
		}
	}
}

// barred finds the domains that anti-affinity closes to a pod: its own, and that of those who stand there.
func (r *room) barred(t *tenant) map[domain]bool {
	closed := map[domain]bool{}
	shut := func(one term, p *corev1.Pod, at *place) {
		if at == nil || !r.picks(one, p) {
			return
		}
		if value, ok := at.node.Labels[one.key]; ok {
			closed[domain{one.key, value}] = true
		}
	}
	for _, one := range t.apart {
		for other := range r.within(one) {
			if other != t {
				shut(one, other.pod, other.standing())
			}
		}
	}
	for _, shy := range [][]*tenant{r.shy[t.pod.Namespace], r.shy[anyNamespace]} {
		for _, other := range shy {
			if other == t {
				continue
			}
			for _, one := range other.apart {
				shut(one, t.pod, other.standing())
			}
		}
	}
	return closed
}

// anyNamespace is where room.shy keeps the pods of which a term chooses its namespaces by their labels.
const anyNamespace = ""

// noteShy files a pod under every namespace that its anti-affinity speaks of.
func (r *room) noteShy(t *tenant) {
	filed := map[string]bool{}
	file := func(namespace string) {
		if !filed[namespace] {
			filed[namespace] = true
			r.shy[namespace] = append(r.shy[namespace], t)
		}
	}
	for _, one := range t.apart {
		for _, namespace := range one.namespaces {
			file(namespace)
		}
		if one.spaces != nil {
			file(anyNamespace)
		}
	}
}
