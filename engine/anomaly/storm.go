package anomaly

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	stormCluster = 6 // workloads that must be strange at least, before it is about the cluster
	stormNode    = 4 // the same of a node
	stormShare   = 3 // one in so many of them
	stormTracks  = 6 // tracks that the one signal shows, of as many workloads
)

// signals decides what is told. When a third of the workloads of a cluster or a node are strange at once, it is one thing, told once;
// until no more than a sixth are. Of the rest, so many are newly told at an instant, the strangest first; the others may be next time.
func (w *Watch) signals(i Instant, strange []Strange) []engine.Signal {
	var out []engine.Signal
	var wanted []*Strange
	for k := range strange {
		if w.posted(strange[k]) {
			wanted = append(wanted, &strange[k])
		}
	}
	if s, yes := w.storm(w.whole(), len(i.Values), wanted, stormCluster); yes {
		out, wanted = append(out, s), nil
	}
	wanted, nodes := w.nodes(i, wanted)
	out = append(out, nodes...)
	slices.SortStableFunc(wanted, func(a, b *Strange) int {
		old := func(s *Strange) int { return map[bool]int{true: 0, false: 1}[w.told[s.Workload]] }
		return cmp.Or(old(a)-old(b), b.Severity.Rank()-a.Severity.Rank(), cmp.Compare(b.Tracks[0].Score, a.Tracks[0].Score))
	})
	told, fresh := map[engine.Workload]bool{}, 0
	for _, s := range wanted {
		if !w.told[s.Workload] {
			if fresh++; fresh > w.rules.Most {
				break
			}
		}
		told[s.Workload], s.Told = true, true
		out = append(out, signal(*s, i.Workloads[s.Workload]))
	}
	w.told = told
	slices.SortFunc(out, func(a, b engine.Signal) int { return compare(a.Workload, b.Workload) })
	return out
}

// posted tells whether the configuration wants a workload's strangeness to be an incident.
func (w *Watch) posted(s Strange) bool {
	return w.rules.Post == PostAll || w.rules.Post == PostFelt && s.Severity.Rank() > engine.Info.Rank()
}

// whole stands for all of the cluster.
func (w *Watch) whole() engine.Workload {
	return engine.Workload{Cluster: w.cluster, Kind: engine.KindCluster, Name: w.cluster}
}

// nodes takes out the workloads of nodes that are strange as a whole.
func (w *Watch) nodes(i Instant, wanted []*Strange) (rest []*Strange, signals []engine.Signal) {
	there, here := map[string]int{}, map[string][]*Strange{}
	for workload := range i.Values {
		there[i.Workloads[workload].Node]++
	}
	for _, s := range wanted {
		node := i.Workloads[s.Workload].Node
		here[node] = append(here[node], s)
	}
	for node, all := range here {
		s, yes := engine.Signal{}, false
		if node != "" {
			s, yes = w.storm(engine.Workload{Cluster: w.cluster, Kind: engine.KindNode, Name: node}, there[node], all, stormNode)
		}
		if yes {
			signals = append(signals, s)
		} else {
			rest = append(rest, all...)
		}
	}
	for at := range w.stormy {
		if at.Kind == engine.KindNode && len(here[at.Name]) == 0 {
			delete(w.stormy, at)
		}
	}
	slices.SortFunc(rest, func(a, b *Strange) int { return compare(a.Workload, b.Workload) })
	return rest, signals
}

// storm gives the one signal of what stands for many workloads, if so many of them are strange.
func (w *Watch) storm(at engine.Workload, watched int, strange []*Strange, least int) (engine.Signal, bool) {
	n := len(strange)
	begins := n >= least && n*stormShare >= watched
	goesOn := w.stormy[at] && n >= least/2 && 2*n*stormShare >= watched
	if !begins && !goesOn {
		delete(w.stormy, at)
		return engine.Signal{}, false
	}
	w.stormy[at] = true
	all := slices.Clone(strange)
	slices.SortStableFunc(all, func(a, b *Strange) int {
		return cmp.Or(b.Severity.Rank()-a.Severity.Rank(), cmp.Compare(b.Tracks[0].Score, a.Tracks[0].Score))
	})
	one := Strange{Workload: at, Severity: all[0].Severity, Since: all[0].Since}
	for _, s := range all {
		if s.Since.Before(one.Since) {
			one.Since = s.Since
		}
		if len(one.Tracks) < stormTracks {
			t := s.Tracks[0]
			t.Reason = s.Workload.String() + ": " + t.Reason
			one.Tracks = append(one.Tracks, t)
		}
	}
	s := signal(one, About{})
	s.Class = engine.ClassAnomaly
	s.Summary = fmt.Sprintf("%d of %d workloads are not as they ever were, all at once, such as %s", n, watched, one.Tracks[0].Reason)
	return s, true
}

// signal is what a workload's strangeness is to the rest of the bot.
func signal(s Strange, a About) engine.Signal {
	out := engine.Signal{
		Source: engine.SourceMetrics, ID: "metrics/" + s.Workload.Kind + "/" + s.Workload.String(), Workload: s.Workload,
		Class: engine.ClassAnomaly, Severity: s.Severity, Node: a.Node, Labels: a.Labels, StartsAt: s.Since, Tracks: s.Tracks,
		Object:  engine.ObjectRef{Kind: s.Workload.Kind, Namespace: s.Workload.Namespace, Name: s.Workload.Name},
		Summary: summary(s.Tracks),
	}
	switch s.Tracks[0].Measure {
	case engine.MeasureCPU:
		out.Class = engine.ClassHighCPU
	case engine.MeasureMemory:
		out.Class = engine.ClassHighMemory
	case engine.MeasureLatency:
		out.Class = engine.ClassHighLatency
	case engine.MeasureRestarts, engine.MeasureRequests, engine.MeasureErrors, engine.MeasureSaturation, engine.MeasureCost, engine.MeasureHourlyCost:
	}
	return out
}
