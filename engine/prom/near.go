package prom

import (
	"context"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/rca"
)

// What is read when an incident is diagnosed: long enough a past to know what is usual, and a suspicion that begins before the incident
// does, since alerts wait before they fire.
const (
	nearPast  = 3 * time.Hour
	nearStep  = time.Minute
	nearLead  = 10 * time.Minute
	nearAfter = 30 * time.Minute // beyond which later trouble would be taken for this one's
	nearMost  = 12               // namespaces
	nearTurns = 2                // diagnoses that ask at the same time
)

// NearConfig says whose neighbourhoods are looked at.
type NearConfig struct {
	MeterConfig
	Near func(ctx context.Context, i engine.Incident) (rca.Neighborhood, error)
}

// Suspects is a collector: it reads how the workloads and machines near an incident fared, and tells which of them it may have begun with.
type Suspects struct {
	near func(ctx context.Context, i engine.Incident) (rca.Neighborhood, error)
	now  func() time.Time

	turns chan struct{} // to ask: a storm of incidents must not be one of queries

	mu    sync.Mutex // of meter, which remembers the families
	meter *Meter
}

// Suspects prepares the collector. It asks for nothing.
func (p *Prometheus) Suspects(cfg NearConfig) *Suspects {
	cfg.Interval = 0 // rates as short as they can be: what is over must not show
	return &Suspects{near: cfg.Near, now: p.now, turns: make(chan struct{}, nearTurns), meter: p.Meter(cfg.MeterConfig)}
}

// Name is the collector's name, as evidence and gaps carry it.
func (*Suspects) Name() string { return "metrics" }

// Collect gives how the incident's workload left what was usual, and whom the numbers of its neighbourhood suspect.
func (s *Suspects) Collect(ctx context.Context, i engine.Incident) ([]engine.Evidence, error) {
	if !rca.Felt(i) {
		return nil, nil
	}
	select {
	case s.turns <- struct{}{}:
		defer func() { <-s.turns }()
	case <-ctx.Done():
		return nil, engine.Wrap(engine.Unavailable, ctx.Err(), "too many incidents at once for Prometheus to be asked about each")
	}
	n, err := s.near(ctx, i)
	if err != nil {
		return nil, err
	}
	onset := i.StartedAt.Add(-nearLead)
	now := s.now()
	if last := i.StartedAt.Add(nearAfter); now.After(last) {
		now = last
	}
	n = s.called(ctx, n, now)
	series, err := s.series(ctx, &n, onset.Add(-nearPast), now)
	if err != nil {
		return nil, err
	}
	a := rca.Alarm{Node: rca.NodeName(i.Workload), Measure: alarmed(i), Onset: onset, Began: i.StartedAt, Now: now}
	found := rca.Testimony(&n, series, a)
	for k := range found {
		found[k].Collector = s.Name()
	}
	return found, nil
}

// alarmed is the measure that an incident is about; "" when it is about none.
func alarmed(i engine.Incident) engine.Measure {
	for _, s := range i.Signals {
		if len(s.Tracks) > 0 {
			return s.Tracks[0].Measure
		}
	}
	switch {
	case slices.Contains(i.Classes, engine.ClassHighLatency):
		return engine.MeasureLatency
	case slices.Contains(i.Classes, engine.ClassHighCPU):
		return engine.MeasureCPU
	case slices.Contains(i.Classes, engine.ClassHighMemory):
		return engine.MeasureMemory
	}
	return ""
}

// series reads the measures of a neighbourhood, minute by minute. The last one is of now: what began within the last minute is all there is to
// see of what is told at once.
func (s *Suspects) series(ctx context.Context, n *rca.Neighborhood, from, to time.Time) (map[string]rca.Series, error) {
	m, err := s.meterOf(ctx, to, nearNamespaces(n))
	if err != nil {
		return nil, err
	}
	steps := int(to.Sub(from) / nearStep)
	g := grid{m.at(to).first.Add(-time.Duration(steps) * nearStep), nearStep, steps + 1}
	f := foldAll(g.n, placedOwner(n))
	machines := map[string][]float64{}
	var failed error
	had := false
	for _, q := range m.queries() {
		type found struct {
			labels labelSet
			row    []float64
		}
		var all []found
		err := m.ask.insist(ctx, q.query, g, func(l labelSet) []float64 {
			row := blank(g.n)
			all = append(all, found{l, row})
			return row
		})
		if err != nil {
			failed = err
			continue
		}
		had = true
		for _, r := range all {
			for k, v := range r.row {
				f[k].add(q, r.labels, v)
			}
			if q.measure == engine.MeasureCPU {
				onMachine(machines, n, r.labels, r.row)
			}
		}
	}
	if !had {
		return nil, failed
	}
	out := map[string]rca.Series{}
	edges(ctx, m, g, n, out)
	volumes(ctx, m, g, n, out)
	for k := range f {
		at := g.at(k).Unix()
		for w, values := range f[k].values() {
			name := rca.NodeName(w)
			for measure, v := range values {
				keepPoint(out, name, measure, engine.Point{At: at, Value: v})
			}
		}
	}
	for name, row := range machines {
		points := make([]engine.Point, 0, len(row))
		for k, v := range row {
			points = append(points, engine.Point{At: g.at(k).Unix(), Value: v})
		}
		out[name] = rca.Series{engine.MeasureCPU: points}
	}
	return out, nil
}

// volumes reads how full the volumes of a neighbourhood were, as the kubelets say of those that are mounted.
func volumes(ctx context.Context, m *Meter, g grid, n *rca.Neighborhood, out map[string]rca.Series) {
	if !slices.ContainsFunc(slices.Collect(maps.Values(n.Workloads)), func(w engine.Workload) bool { return w.Kind == rca.KindClaim }) {
		return
	}
	of := func(metric string) string {
		return "max by (namespace, persistentvolumeclaim) (" + m.base.of("kubelet_volume_stats_"+metric+"_bytes") + ")"
	}
	rows := map[string][]float64{}
	if err := m.ask.insist(ctx, of("used")+" / "+of("capacity"), g, func(l labelSet) []float64 {
		return rowAt(rows, rca.NodeName(engine.Workload{Namespace: l[labelNamespace], Kind: rca.KindClaim, Name: l[labelClaim]}), g.n)
	}); err != nil {
		return // there is no kubelet that says it, or the rest is more urgent
	}
	for name, row := range rows {
		if _, near := n.Workloads[name]; !near {
			continue
		}
		for k, v := range row {
			if !math.IsNaN(v) {
				keepPoint(out, name, rca.VolumeUsed, engine.Point{At: g.at(k).Unix(), Value: v})
			}
		}
	}
}

func keepPoint(out map[string]rca.Series, name string, m engine.Measure, p engine.Point) {
	if out[name] == nil {
		out[name] = rca.Series{}
	}
	out[name][m] = append(out[name][m], p)
}

// meterOf is a meter of some namespaces, which knows the families that there are.
func (s *Suspects) meterOf(ctx context.Context, at time.Time, namespaces []string) (*Meter, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.meter.look(ctx, at); err != nil {
		return nil, err
	}
	m := *s.meter
	m.base = m.base.oneOf("namespace", namespaces)
	return &m, nil
}

// nearNamespaces are those of a neighbourhood, its own first.
func nearNamespaces(n *rca.Neighborhood) []string {
	seen := map[string]bool{}
	for _, w := range n.Workloads {
		if w.Namespace != "" && w.Namespace != n.Of.Namespace {
			seen[w.Namespace] = true
		}
	}
	out := slices.Sorted(maps.Keys(seen))
	if n.Of.Namespace != "" {
		out = slices.Insert(out, 0, n.Of.Namespace)
	}
	return out[:min(len(out), nearMost)]
}

// foldAll is a folding for each of n instants, which ask only once whose a pod is.
func foldAll(n int, owner func(namespace, pod string) (engine.Workload, bool)) []*folding {
	owners, strays := map[object]engine.Workload{}, map[object]bool{}
	out := make([]*folding, n)
	for k := range out {
		out[k] = newFolding(owner)
		out[k].owners, out[k].strays = owners, strays
	}
	return out
}

// placedOwner tells whose a pod of a neighbourhood is: by what the cluster says, and for one that is gone by its name.
func placedOwner(n *rca.Neighborhood) func(namespace, pod string) (engine.Workload, bool) {
	return func(namespace, pod string) (engine.Workload, bool) {
		if p, ok := n.Pods[rca.PodKey{Namespace: namespace, Name: pod}]; ok {
			return n.Workloads[p.Workload], true
		}
		known := func(kind, name string) (engine.Workload, bool) {
			w, ok := n.Workloads[rca.NodeName(engine.Workload{Namespace: namespace, Kind: kind, Name: name})]
			return w, ok
		}
		if m := ordinal.FindStringSubmatch(pod); m != nil {
			return known(kindStatefulSet, m[1])
		}
		m := randomSuffix.FindStringSubmatch(pod)
		if m == nil {
			return engine.Workload{}, false
		}
		if w, ok := known(kindDaemonSet, m[1]); ok {
			return w, true
		}
		if m = hashSuffix.FindStringSubmatch(m[1]); m == nil {
			return engine.Workload{}, false
		}
		return known(kindDeployment, m[1])
	}
}

// onMachine adds what a pod uses to its machine.
func onMachine(machines map[string][]float64, n *rca.Neighborhood, l labelSet, row []float64) {
	p := n.Pods[rca.PodKey{Namespace: l[labelNamespace], Name: l[labelPod]}]
	if p.Machine == "" {
		return
	}
	sum := machines[p.Machine]
	if sum == nil {
		sum = make([]float64, len(row))
		machines[p.Machine] = sum
	}
	for k, v := range row {
		if !math.IsNaN(v) {
			sum[k] += v
		}
	}
}
