package waste

import (
	"math"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// spreadRule is a topology spread constraint that forbids.
type spreadRule struct {
	key        string
	maxSkew    int
	minDomains int
	pods       labels.Selector
	anyNode    bool // nodes count as domains whether or not the pod's node affinity admits them
	clean      bool // nodes that the pod does not tolerate do not count
}

// spreadOf reads the constraints that forbid. It fails for a selector that cannot be read.
func spreadOf(p *corev1.Pod) ([]spreadRule, error) {
	var rules []spreadRule
	for _, c := range p.Spec.TopologySpreadConstraints {
		if c.WhenUnsatisfiable != corev1.DoNotSchedule {
			continue
		}
		pods, err := selectorOf(p, c.LabelSelector, c.MatchLabelKeys, nil)
		if err != nil {
			return nil, err
		}
		rule := spreadRule{key: c.TopologyKey, maxSkew: int(c.MaxSkew), minDomains: 1, pods: pods}
		if c.MinDomains != nil {
			rule.minDomains = int(*c.MinDomains)
		}
		rule.anyNode = c.NodeAffinityPolicy != nil && *c.NodeAffinityPolicy == corev1.NodeInclusionPolicyIgnore
		rule.clean = c.NodeTaintsPolicy != nil && *c.NodeTaintsPolicy == corev1.NodeInclusionPolicyHonor
		rules = append(rules, rule)
	}
	return rules, nil
}

// census counts the pods that a spread constraint speaks of, by domain. A pod that has no node yet fills the domain where it would
// be put, and raises the least of all domains nowhere.
type census struct {
	rule  spreadRule
	self  int
	count map[string]int
	least int
}

// censuses count for each constraint of a pod at the first and at the last moment of the drain of a node: when all but the pod still
// stand on it, and when all have been driven out. Skew is linear in the number that is still to go, so that what holds at both
// moments holds between them. The node stays a domain until it is deleted; then the least of all can only rise. draining is nil when
// no node is drained.
func (r *room) censuses(t *tenant, draining *place) []census {
	if len(t.spread) == 0 {
		return nil
	}
	var all []census
	for _, rule := range t.spread {
		counted := make(map[*place]bool, len(r.places))
		for _, p := range r.places {
			if !p.gone && r.domainFor(t, rule, p.node.Node) {
				counted[p] = true
			}
		}
		var alike []*tenant
		for _, other := range r.byNamespace[t.pod.Namespace] {
			if other != t && counted[other.standing()] && other.pod.DeletionTimestamp == nil && rule.pods.Matches(labels.Set(other.pod.Labels)) {
				alike = append(alike, other)
			}
		}
		all = append(all, take(t, rule, counted, alike, draining, false), take(t, rule, counted, alike, draining, true))
	}
	return all
}

// take counts the pods that are alike on the places that count. A node that is drained is cordoned, which is a taint.
func take(t *tenant, rule spreadRule, counted map[*place]bool, alike []*tenant, draining *place, evicted bool) census {
	c := census{rule: rule, count: map[string]int{}}
	if rule.pods.Matches(labels.Set(t.pod.Labels)) {
		c.self = 1
	}
	left := func(p *place) bool { return p == draining && rule.clean }
	sure := map[string]int{}
	for p := range counted {
		if !left(p) {
			sure[p.node.Labels[rule.key]] += 0
		}
	}
	for _, other := range alike {
		at := other.at
		if !evicted {
			at = other.standing()
		}
		if at == nil || left(at) {
			continue
		}
		c.count[at.node.Labels[rule.key]]++
		if !other.guessed {
			sure[at.node.Labels[rule.key]]++
		}
	}
	c.least = math.MaxInt
	for _, n := range sure {
		c.least = min(c.least, n)
	}
	if len(sure) < rule.minDomains {
		c.least = 0
	}
	return c
}

// domainFor tells whether a node counts as part of a domain: it has the labels of all constraints, and the policies admit it.
func (r *room) domainFor(t *tenant, rule spreadRule, n *corev1.Node) bool {
	for _, other := range t.spread {
		if _, ok := n.Labels[other.key]; !ok {
			return false
		}
	}
	if ok, err := t.nodes.Match(n); !rule.anyNode && (err != nil || !ok) {
		return false
	}
	return !rule.clean || tolerates(t.pod, n) && !n.Spec.Unschedulable
}

// allows tells whether one more pod on a node keeps the skew.
func (c census) allows(n *corev1.Node) bool {
	value, ok := n.Labels[c.rule.key]
	return ok && c.count[value]+c.self-c.least <= c.rule.maxSkew
}
