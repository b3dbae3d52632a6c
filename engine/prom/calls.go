package prom

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/rca"
)

// calls is a set of metrics in which it is said who calls whom, and how long callers waited.
type calls struct {
	count string            // counter of requests
	took  string            // histogram or summary, without _sum and _count
	unit  float64           // seconds of a unit of it
	match map[string]string // chooses what the caller's side says
	both  bool              // who answers says who called, too
	by    []string          // labels that name both ends
}

// What callers measure of those that they call: OpenTelemetry names the callee server_address. A mesh does it for all programs.
const (
	clientMetric  = "http_client_request_duration_seconds"
	calleeLabel   = "callee"
	addressLabel  = "server_address"
	leastRequests = 0.02 // a second, of an edge: one in a minute says nothing
	nearCalls     = "[10m]"
	mostCalls     = 500 // edges that are added
)

// callers are those that are asked for, the surest first.
var callers = []calls{
	{
		count: "istio_requests_total", took: "istio_request_duration_milliseconds", unit: 0.001, match: map[string]string{"reporter": "source"}, both: true,
		by: []string{"source_workload", "source_workload_namespace", "destination_workload", "destination_workload_namespace"},
	},
	{
		count: "response_total", took: "response_latency_ms", unit: 0.001, match: map[string]string{"direction": "outbound"},
		by: []string{"namespace", "deployment", "statefulset", "daemonset", "dst_namespace", "dst_deployment", "dst_statefulset", "dst_daemonset"},
	},
	{count: clientMetric + "_count", took: clientMetric, unit: 1, by: []string{"namespace", "pod", calleeLabel, addressLabel}},
}

// asked sums a counter up by its two ends.
func (c calls) asked(base matchers, metric, window string) string {
	for _, label := range slices.Sorted(maps.Keys(c.match)) {
		base = base.is(label, c.match[label])
	}
	return "sum by (" + strings.Join(c.by, ", ") + ") (rate(" + base.of(metric) + window + "))"
}

// called adds to a neighbourhood who calls whom, by what callers measured, or a mesh on both sides: callers of other namespaces are known by this
// alone. Where nobody measures it, or Prometheus does not say, the neighbourhood is what it was. n itself is not changed.
func (s *Suspects) called(ctx context.Context, n rca.Neighborhood, at time.Time) rca.Neighborhood {
	m, err := s.meterOf(ctx, at, nearNamespaces(&n))
	if err != nil {
		return n
	}
	var parts []string
	for _, c := range callers {
		if c.both {
			c.match = nil
		}
		parts = append(parts, "("+c.asked(m.base, c.count, nearCalls)+" > 0)")
	}
	var all []labelSet
	if err := m.ask.insist(ctx, strings.Join(parts, " or "), m.at(at), func(l labelSet) []float64 {
		all = append(all, l)
		return blank(1)
	}); err != nil {
		return n
	}
	n.Graph, n.Workloads = maps.Clone(n.Graph), maps.Clone(n.Workloads)
	b := both{&n, placedOwner(&n)}
	added := 0
	slices.SortFunc(all, func(a, b labelSet) int { return slices.Compare(a[:], b[:]) })
	for _, l := range all {
		from, to, ok := b.ends(l)
		caller, callee := rca.NodeName(from), rca.NodeName(to)
		if !ok || from == to || slices.Contains(n.Graph[caller], callee) || added == mostCalls {
			continue
		}
		added++
		n.Workloads[caller], n.Workloads[callee] = from, to
		n.Graph[caller] = append(slices.Clip(n.Graph[caller]), callee)
	}
	return n
}

// both finds the two ends of a call.
type both struct {
	n     *rca.Neighborhood
	owner func(namespace, pod string) (engine.Workload, bool)
}

func (b both) ends(l labelSet) (from, to engine.Workload, ok bool) {
	if l[labelDestination] != "" {
		from, known := b.named(cmp.Or(l[labelSourceNamespace], l[labelNamespace]), l[labelSource])
		to, also := b.named(l[labelDestinationNamespace], l[labelDestination])
		return from, to, known && also
	}
	from, known := b.owner(l[labelNamespace], l[labelPod])
	callee, also := b.n.Behind(l[labelNamespace], l[labelCallee])
	return from, b.n.Workloads[callee], known && also
}

// named is a workload of which a mesh says the name. Of what kind it is, the neighbourhood may know; else it is taken for a Deployment.
func (b both) named(namespace, name string) (w engine.Workload, ok bool) {
	if namespace == "" || name == "" || namespace == "unknown" || name == "unknown" {
		return w, false
	}
	w = engine.Workload{Cluster: b.n.Of.Cluster, Namespace: namespace, Name: name}
	for _, w.Kind = range []string{kindDeployment, kindStatefulSet, kindDaemonSet, "Rollout"} {
		if known, ok := b.n.Workloads[rca.NodeName(w)]; ok {
			return known, true
		}
	}
	w.Kind = kindDeployment
	return w, true
}

// edges reads how long the workloads of a neighbourhood waited for one another. Where nobody measures that, nothing is missing.
func edges(ctx context.Context, m *Meter, g grid, n *rca.Neighborhood, out map[string]rca.Series) {
	b := both{n, placedOwner(n)}
	for _, c := range callers {
		b.waits(ctx, m, g, c, out)
	}
}

// waits reads those of one set of metrics. An edge that a surer one has is left out.
func (b both) waits(ctx context.Context, m *Meter, g grid, c calls, out map[string]rca.Series) {
	type edge struct{ caller, callee string }
	took, asked := map[edge][]float64{}, map[edge][]float64{}
	for metric, sums := range map[string]map[edge][]float64{c.took + "_sum": took, c.took + "_count": asked} {
		var all []labelSet
		var rows [][]float64
		if err := m.ask.insist(ctx, c.asked(m.base, metric, m.window), g, func(l labelSet) []float64 {
			row := blank(g.n)
			all, rows = append(all, l), append(rows, row)
			return row
		}); err != nil {
			return
		}
		for k, l := range all {
			from, to, ok := b.ends(l)
			if _, near := b.n.Workloads[rca.NodeName(to)]; !ok || !near {
				continue
			}
			at := edge{rca.NodeName(from), rca.NodeName(to)}
			if sums[at] == nil {
				sums[at] = make([]float64, g.n)
			}
			for j, v := range rows[k] {
				if !math.IsNaN(v) {
					sums[at][j] += v
				}
			}
		}
	}
	for at, count := range asked {
		if at.caller == at.callee || took[at] == nil || len(out[at.callee][rca.SeenBy(at.caller)]) > 0 {
			continue
		}
		for k, requests := range count {
			if requests >= leastRequests {
				keepPoint(out, at.callee, rca.SeenBy(at.caller), engine.Point{At: g.at(k).Unix(), Value: c.unit * took[at][k] / requests})
			}
		}
	}
}
