package prom

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/waste"
)

// ReplicasWanted says of which containers and day (midnight UTC) it is wanted how many there were and what they requested.
type ReplicasWanted struct {
	Cluster    *waste.Cluster // its inventory, for its name and for whose pods are whose
	Day        time.Time
	Match      map[string]string // labels that single out the cluster, where one Prometheus holds many
	Containers []waste.ContainerKey
}

// ReplicasReport is what the wanted containers requested on a day. What was not seen of the day is taken to be like the rest.
type ReplicasReport struct {
	Seen       float64 // the share in [0,1] of the day that kube-state-metrics was there for
	Containers map[waste.ContainerKey]Replicas
	Gaps       []engine.Gap
	Cost       engine.ScanCost
}

// Replicas are the replicas of a container over a day.
type Replicas struct {
	Hours    float64 // replicas times hours
	CPUHours float64 // cores that they requested, times hours
	GiBHours float64
}

// Replicas reads what containers requested on a day, in three queries. Pods that wait or run count, for as long as they did. It does
// not fail: where it could not read, Seen is 0 and a gap says why.
func (p *Prometheus) Replicas(ctx context.Context, w ReplicasWanted) ReplicasReport {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r := replicasLoad{
		wanted: w, ask: &asker{url: p.url, client: p.long, now: p.now, slow: slow, share: 1}, grid: grid{w.Day.UTC(), dayFine, int(day / dayFine)},
		there: map[object][]float64{}, requests: map[string]map[containerAt][]float64{"cpu": {}, "memory": {}},
	}
	r.alive = blank(r.grid.n)
	report := ReplicasReport{Containers: map[waste.ContainerKey]Replicas{}}
	if err := r.read(ctx); err != nil {
		report.Gaps = []engine.Gap{{
			Collector: "prometheus " + w.Cluster.Name,
			Reason:    fmt.Sprintf("what was requested on %s could not be read: %s", w.Day.Format("2 January"), said(err)),
		}}
	} else {
		r.sum(&report)
	}
	report.Cost = r.ask.cost
	return report
}

// replicasLoad is one reading. All rows are of the steps' begins.
type replicasLoad struct {
	wanted   ReplicasWanted
	ask      *asker
	grid     grid
	alive    []float64                            // not NaN while kube-state-metrics was there
	there    map[object][]float64                 // by pod: not NaN while it waited or ran
	requests map[string]map[containerAt][]float64 // by resource
}

func (r *replicasLoad) read(ctx context.Context) error {
	var base matchers
	for _, label := range slices.Sorted(maps.Keys(r.wanted.Match)) {
		base = base.is(label, r.wanted.Match[label])
	}
	spaces, names := map[string]bool{}, map[string]bool{}
	for _, c := range r.wanted.Containers {
		spaces[c.Namespace], names[c.Container] = true, true
	}
	of := base.oneOf("namespace", slices.Sorted(maps.Keys(spaces)))
	for _, q := range []struct {
		query string
		row   func(labelSet) []float64
	}{
		{"max(" + base.is("resource", "cpu").of("kube_node_status_capacity") + ")", func(labelSet) []float64 { return r.alive }},
		{
			"max by (namespace, pod) (" + of.with("phase", "=~", "Pending|Running").of("kube_pod_status_phase") + " == 1)",
			func(s labelSet) []float64 { return rowAt(r.there, object{s[labelNamespace], s[labelPod]}, r.grid.n) },
		},
		{
			"max by (namespace, pod, container, resource) (" +
				of.with("resource", "=~", "cpu|memory").oneOf("container", slices.Sorted(maps.Keys(names))).of("kube_pod_container_resource_requests") + ")",
			func(s labelSet) []float64 {
				if rows, ok := r.requests[s[labelResource]]; ok {
					return rowAt(rows, containerAt{s[labelNamespace], s[labelPod], s[labelContainer]}, r.grid.n)
				}
				return nil
			},
		},
	} {
		if err := r.ask.insist(ctx, q.query, r.grid, q.row); err != nil {
			return err
		}
	}
	return nil
}

func rowAt[K comparable](rows map[K][]float64, key K, n int) []float64 {
	if rows[key] == nil {
		rows[key] = blank(n)
	}
	return rows[key]
}

// sum adds up the pods of each workload.
func (r *replicasLoad) sum(report *ReplicasReport) {
	seen := 0
	for _, v := range r.alive {
		if !math.IsNaN(v) {
			seen++
		}
	}
	if seen == 0 {
		report.Gaps = []engine.Gap{{Collector: "prometheus " + r.wanted.Cluster.Name, Reason: "kube-state-metrics has nothing of " + r.wanted.Day.Format("2 January")}}
		return
	}
	report.Seen = float64(seen) / float64(r.grid.n)
	hours := 24 / float64(seen) // that a step stands for
	byOwner := map[object]map[owner][]object{}
	known := newOwners(r.wanted.Cluster)
	for _, pod := range slices.SortedFunc(maps.Keys(r.there), func(a, b object) int {
		return cmp.Or(cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.name, b.name))
	}) {
		if top, ok := known.of(pod.namespace, pod.name); ok {
			at := object{pod.namespace, top.name}
			if byOwner[at] == nil {
				byOwner[at] = map[owner][]object{}
			}
			byOwner[at][top] = append(byOwner[at][top], pod)
		}
	}
	for _, c := range r.wanted.Containers {
		var sum Replicas
		for _, pod := range byOwner[object{c.Namespace, c.Name}][owner{c.Kind, c.Name}] {
			at := containerAt{pod.namespace, pod.name, c.Container}
			for i, v := range r.there[pod] {
				if math.IsNaN(v) || math.IsNaN(r.alive[i]) {
					continue
				}
				sum.Hours += hours
				sum.CPUHours += hours * positive(value(r.requests["cpu"][at], i))
				sum.GiBHours += hours * positive(value(r.requests["memory"][at], i)) / (1 << 30)
			}
		}
		report.Containers[c] = sum
	}
}
