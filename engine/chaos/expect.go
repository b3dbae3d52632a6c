package chaos

import (
	"cmp"
	"path"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// How soon a fault should be noticed: what is gone at once, and what only the metrics show.
const (
	soon    = time.Minute
	gradual = 3 * time.Minute
)

// causes are the rules of package rca that name each fault rightly, as path.Match patterns. Where one fault looks like another from outside,
// both are right: on what calls a pod whose packets are late, it is the pod that is slow.
var causes = map[engine.Fault][]string{
	engine.FaultKill:          {"evict/api"},
	engine.FaultContainerKill: {"exit/signalled", "exit/terminated", "exit/killed"},
	engine.FaultCPU:           {"near/throttled", "near/itself"},
	engine.FaultMemory:        {"near/memory", "near/itself", "oom/limit"},
	engine.FaultLag:           {"near/network", "near/callee", "probe/timeout", "crash/dependency-timeout"},
	engine.FaultLoss:          {"near/network", "near/callee", "probe/timeout", "crash/dependency-timeout"},
	engine.FaultThrottle:      {"near/network", "near/callee", "probe/timeout", "crash/dependency-timeout"},
	engine.FaultDNS:           {"near/dns", "crash/dns", "near/callee"},
	engine.FaultDrain:         {"node/drained", "evict/api"},
}

// forced is what names a plain delete.
var forced = []string{"evict/deleted"}

// expectation fills in what should be noticed of an experiment, where the request does not say it: an incident of what is hit, or of what
// calls it where the fault is on the network. What depends on it, directly or not, may feel it, and so may what runs on a node that is drained,
// and the nodes themselves. Of a drain by itself nothing should be noticed: it is planned, and budgets see to it that it hurts nobody.
func expectation(x engine.Expectation, e engine.Experiment, f Field) engine.Expectation {
	s := scopeOf(e, f)
	nothing := !slices.ContainsFunc(e.Strikes, func(s engine.Strike) bool { return s.Fault != engine.FaultNothing && s.Fault != engine.FaultDrain })
	x.Nothing = x.Nothing || nothing
	x.MayFeel = nil
	if x.Nothing {
		x.Workloads, x.Causes, x.Within = nil, nil, cmp.Or(x.Within, gradual)
		return x
	}
	within, far := soon, false
	var rules []string
	for _, s := range e.Strikes {
		if s.Fault.Lasts() {
			within = max(within, gradual)
		}
		far = far || network(s.Fault)
		right := causes[s.Fault]
		if s.Dose.Force {
			right = forced
		}
		for _, c := range right {
			if !slices.Contains(rules, c) {
				rules = append(rules, c)
			}
		}
	}
	if len(x.Workloads) == 0 {
		x.Workloads = slices.Concat(s.hit, s.drained)
		if far {
			for from, to := range f.Calls {
				if slices.ContainsFunc(to, func(w engine.Workload) bool { return slices.Contains(s.hit, w) }) {
					x.Workloads = append(x.Workloads, from)
				}
			}
		}
		x.Workloads = sorted(x.Workloads)
	}
	if len(x.Causes) == 0 {
		x.Causes = rules
	}
	x.Within = cmp.Or(x.Within, within)
	feel := slices.Concat(s.above, s.nodes)
	for _, p := range f.Pods {
		if slices.Contains(s.drained, node(e.Cluster, p.Node)) {
			feel = append(feel, p.Workload)
		}
	}
	x.MayFeel = slices.DeleteFunc(sorted(feel), func(w engine.Workload) bool { return slices.Contains(x.Workloads, w) || slices.Contains(s.hit, w) })
	return x
}

// right tells whether a rule is among those that name the fault.
func right(rule string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, err := path.Match(p, rule)
		return err == nil && ok
	})
}
