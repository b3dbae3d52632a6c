package chaos

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// chooser chooses targets. It remembers across the strikes of an experiment whom it took.
type chooser struct {
	f      Field
	r      Rules
	random *rand.Rand
	taken  map[string]bool         // by the pod's UID
	struck map[engine.Workload]int // how many of it were taken
}

// kinds are the short words for kinds that kubectl knows.
var kinds = map[string]string{"deploy": "deployment", "sts": "statefulset", "ds": "daemonset", "rs": "replicaset", "po": "pod"}

// aim chooses the targets of one strike.
func (c *chooser) aim(s *engine.Strike) error {
	if s.Fault == engine.FaultDrain {
		return c.drain(s)
	}
	if _, ok := c.f.namespace(s.Namespace); !ok {
		return c.noNamespace(s.Namespace)
	}
	pool, err := c.pool(s)
	if err != nil {
		return err
	}
	want := s.Count
	if want == 0 {
		want = (len(pool)*s.Percent + 99) / 100
	}
	s.Targets = c.take(pool, want)
	return nil
}

func (c *chooser) noNamespace(name string) error {
	var in []string
	for _, n := range c.f.Namespaces {
		if n.OptedIn {
			in = append(in, n.Name)
		}
	}
	slices.Sort(in)
	switch near := nearest(name, in); {
	case near != "":
		return engine.Errorf(engine.NotFound, "cluster %s has no namespace `%s`; did you mean `%s`?", c.f.Cluster, plain(name), near)
	case len(in) > 0:
		return engine.Errorf(engine.NotFound, "cluster %s has no namespace `%s`; opted in are: %s", c.f.Cluster, plain(name), listed(in))
	}
	return engine.Errorf(engine.NotFound, "cluster %s has no namespace `%s`, and none has opted in: label one with %s", c.f.Cluster, plain(name), c.r.OptIn)
}

// pool lists the pods that a strike may hit, in an order that does not depend on how they were listed.
func (c *chooser) pool(s *engine.Strike) ([]Pod, error) {
	var of *engine.Workload
	if s.Workload != "" {
		w, err := c.resolve(s.Namespace, s.Workload)
		if err != nil {
			return nil, err
		}
		of = &w
		s.Workload = w.Kind + "/" + w.Name
	}
	var by []requirement
	if s.Selector != "" {
		var err error
		if by, err = parseSelector(s.Selector); err != nil {
			return nil, err
		}
	}
	var fit, pool []Pod
	for _, p := range c.f.Pods {
		if p.Ref.Namespace != s.Namespace || of != nil && p.Workload != *of || !chosen(p.Labels, by) {
			continue
		}
		fit = append(fit, p)
		if p.Ready && !p.Leaving {
			pool = append(pool, p)
		}
	}
	switch {
	case len(fit) == 0 && s.Selector != "":
		return nil, engine.Errorf(engine.Invalid, "no pod of %s has the labels `%s`; `kubectl get pods -n %s --show-labels` shows those that there are", place(engine.Strike{Namespace: s.Namespace, Workload: s.Workload}), plain(s.Selector), s.Namespace)
	case len(fit) == 0:
		return nil, engine.Errorf(engine.Invalid, "%s has no pods; there is nothing to hit", place(*s))
	}
	slices.SortFunc(pool, func(a, b Pod) int {
		return cmp.Or(cmp.Compare(a.Ref.Namespace, b.Ref.Namespace), cmp.Compare(a.Ref.Name, b.Ref.Name), cmp.Compare(a.Ref.UID, b.Ref.UID))
	})
	return pool, nil
}

// resolve finds the workload that a name means.
func (c *chooser) resolve(namespace, name string) (engine.Workload, error) {
	kind, bare, typed := strings.Cut(name, "/")
	if !typed {
		kind, bare = "", name
	}
	if long, ok := kinds[strings.ToLower(kind)]; ok {
		kind = long
	}
	kind = strings.TrimSuffix(strings.ToLower(kind), "s")
	var there, fit []engine.Workload
	for _, w := range c.workloads() {
		if w.Namespace != namespace {
			continue
		}
		there = append(there, w)
		if w.Name == bare && (kind == "" || strings.TrimSuffix(strings.ToLower(w.Kind), "s") == kind) {
			fit = append(fit, w)
		}
	}
	switch {
	case len(fit) == 1:
		return fit[0], nil
	case len(fit) > 1:
		var names []string
		for _, w := range fit {
			names = append(names, "`"+namespace+"/"+w.Kind+"/"+w.Name+"`")
		}
		return engine.Workload{}, engine.Errorf(engine.Invalid, "`%s/%s` is the name of several workloads; say which: %s", namespace, plain(name), strings.Join(names, ", "))
	}
	var names []string
	for _, w := range there {
		names = append(names, w.Name)
	}
	names = slices.Compact(names)
	switch near := nearest(bare, names); {
	case near != "" && near != bare:
		return engine.Workload{}, engine.Errorf(engine.Invalid, "namespace %s has no workload `%s`; did you mean `%s/%s`?", namespace, plain(name), namespace, near)
	case len(names) > 0:
		return engine.Workload{}, engine.Errorf(engine.Invalid, "namespace %s has no workload `%s`; it has: %s", namespace, plain(name), listed(names))
	}
	return engine.Workload{}, engine.Errorf(engine.Invalid, "namespace %s has no workloads; there is nothing to hit", namespace)
}

// workloads lists those that are known by themselves or by their pods, sorted.
func (c *chooser) workloads() []engine.Workload {
	var all []engine.Workload
	for _, u := range c.f.Units {
		all = append(all, u.Workload)
	}
	for _, p := range c.f.Pods {
		all = append(all, p.Workload)
	}
	return sorted(all)
}

// listed joins names, the first ten of them.
func listed(names []string) string {
	if n := len(names) - 10; n > 0 {
		return strings.Join(names[:10], ", ") + fmt.Sprintf(" and %d more", n)
	}
	return strings.Join(names, ", ")
}

// take takes so many pods out of a pool, without replacement, as far as each workload's share and its minimum allow.
func (c *chooser) take(pool []Pod, want int) []engine.Victim {
	var all []engine.Victim
	for _, k := range c.random.Perm(len(pool)) {
		if len(all) == want {
			break
		}
		if p := pool[k]; !c.taken[p.Ref.UID] && c.struck[p.Workload] < allowed(p.Workload, c.f, c.r) {
			c.taken[p.Ref.UID] = true
			c.struck[p.Workload]++
			all = append(all, engine.Victim{Workload: p.Workload, Object: p.Ref, Node: p.Node})
		}
	}
	return all
}

// allowed is how many pods of a workload may be hit at once: no more than the share, but one of a small workload, and never one of those
// that have to stay.
func allowed(w engine.Workload, f Field, r Rules) int {
	share := max(f.size(w)*r.MaxPercent/100, 1)
	if r.MaxPercent <= 0 {
		share = 0
	}
	ready := 0
	for _, p := range f.Pods {
		if p.Workload == w && p.Ready && !p.Leaving {
			ready++
		}
	}
	return max(min(share, ready-r.MinReady), 0)
}

// drain aims at a node and at all of its pods which an eviction would move.
func (c *chooser) drain(s *engine.Strike) error {
	if !slices.ContainsFunc(c.f.Nodes, func(n Node) bool { return n.Name == s.Node }) {
		var names []string
		for _, n := range c.f.Nodes {
			names = append(names, n.Name)
		}
		slices.Sort(names)
		if near := nearest(s.Node, names); near != "" {
			return engine.Errorf(engine.NotFound, "cluster %s has no node `%s`; did you mean `%s`?", c.f.Cluster, plain(s.Node), near)
		}
		return engine.Errorf(engine.NotFound, "cluster %s has no node `%s`; `kubectl get nodes` lists them", c.f.Cluster, plain(s.Node))
	}
	s.Targets = []engine.Victim{{
		Workload: node(c.f.Cluster, s.Node), Object: engine.ObjectRef{Kind: engine.KindNode, Name: s.Node}, Node: s.Node,
	}}
	var pods []engine.Victim
	for _, p := range c.f.Pods {
		if p.Node == s.Node && !p.Daemon && !p.Leaving && !c.taken[p.Ref.UID] {
			c.taken[p.Ref.UID] = true
			c.struck[p.Workload]++
			pods = append(pods, engine.Victim{Workload: p.Workload, Object: p.Ref, Node: p.Node})
		}
	}
	slices.SortFunc(pods, func(a, b engine.Victim) int {
		return cmp.Or(cmp.Compare(a.Object.Namespace, b.Object.Namespace), cmp.Compare(a.Object.Name, b.Object.Name), cmp.Compare(a.Object.UID, b.Object.UID))
	})
	s.Targets = append(s.Targets, pods...)
	return nil
}

// everywhere makes one strike for each namespace that has opted in and has pods to hit: one pod of each, or as many in all as were asked
// for, in turn, or so many percent of each.
func (c *chooser) everywhere(s engine.Strike) ([]engine.Strike, error) {
	type place struct {
		strike engine.Strike
		pool   []Pod
	}
	var places []place
	for _, n := range c.f.Namespaces {
		if !n.OptedIn || isProtected(n.Name, c.r) != "" {
			continue
		}
		one := s
		one.Namespace = n.Name
		pool, err := c.pool(&one)
		if engine.CodeOf(err) == engine.Invalid && len(pool) == 0 {
			continue // nothing of it fits
		}
		pool = slices.DeleteFunc(pool, func(p Pod) bool { return allowed(p.Workload, c.f, c.r) == 0 })
		if len(pool) > 0 {
			places = append(places, place{one, pool})
		}
	}
	if len(places) == 0 {
		return nil, engine.Errorf(engine.Invalid, "no namespace that has opted in (%s) has a pod that may be hit", c.r.OptIn)
	}
	slices.SortFunc(places, func(a, b place) int { return cmp.Compare(a.strike.Namespace, b.strike.Namespace) })
	c.random.Shuffle(len(places), func(i, j int) { places[i], places[j] = places[j], places[i] })
	total := s.Count
	if total == 0 {
		total = min(len(places), c.r.MaxPods)
	}
	for taken, more := 0, true; more && s.Percent == 0; {
		more = false
		for k := range places {
			if taken == total {
				break
			}
			if got := c.take(places[k].pool, 1); len(got) > 0 {
				places[k].strike.Targets = append(places[k].strike.Targets, got...)
				taken++
				more = true
			}
		}
	}
	var strikes []engine.Strike
	for _, p := range places {
		if s.Percent > 0 {
			p.strike.Targets = c.take(p.pool, (len(p.pool)*s.Percent+99)/100)
		} else {
			p.strike.Count = len(p.strike.Targets)
		}
		if len(p.strike.Targets) > 0 {
			strikes = append(strikes, p.strike)
		}
	}
	slices.SortFunc(strikes, func(a, b engine.Strike) int { return cmp.Compare(a.Namespace, b.Namespace) })
	return strikes, nil
}

// arm gives each target the mechanism that is to be tried first. One without any keeps none: a blocker says why.
func (c *chooser) arm(s *engine.Strike) {
	for k := range s.Targets {
		t := &s.Targets[k]
		if t.Workload.Kind == engine.KindNode {
			t.Mechanism, t.Why = engine.ByEviction, "the node is cordoned, and its pods are evicted"
			continue
		}
		p, _ := c.f.pod(t.Object.UID)
		if first, _, ok := First(Ladder(*s, p, c.f, c.r)); ok {
			t.Mechanism, t.Why, t.Container = first.Mechanism, first.Why, first.Container
		}
	}
}
