package prom

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// The metrics of kube-state-metrics and of cAdvisor that tell how containers fare. Where one is not there, nothing is known.
const (
	restartsMetric  = "kube_pod_container_status_restarts_total"
	reasonMetric    = "kube_pod_container_status_last_terminated_reason"
	ownerMetric     = "kube_pod_owner"
	throttledMetric = "container_cpu_cfs_throttled_periods_total"
	periodsMetric   = "container_cpu_cfs_periods_total"
	killed          = "OOMKilled"
)

// hourly asks for metrics once an hour over the fine history, for so many namespaces at a time as keep the query small, and less
// often where a single namespace would not. perContainer is how many series a container has of them.
func (l *load) hourly(ctx context.Context, perContainer float64, selector func(matchers) string, take func(grid, *rows), saw func(labelSet) bool) error {
	span := l.fine.last().Sub(l.fine.first)
	size := func(ns string) float64 {
		n := 0.0
		for at := l.fine.first; !at.After(l.fine.last()); at = at.Add(l.live.at.step) {
			n = max(n, l.live.count([]string{ns}, at))
		}
		return n * perContainer
	}
	step := time.Hour
	for _, ns := range l.namespaces {
		for size(ns)*float64(span/step) > aimSamples && step < day {
			step *= 2
		}
	}
	g := grid{l.fine.first, step, int(span/step) + 1}
	g.first = l.fine.last().Add(-time.Duration(g.n-1) * step)
	ask := func(group []string) error {
		r := newRows(g.n)
		var full bool
		err := l.ask.insist(ctx, selector(l.base.oneOf("namespace", group)), g, func(s labelSet) []float64 {
			if saw != nil && saw(s) {
				return nil
			}
			row := r.of(s)
			full = full || r.full
			return row
		})
		if err == nil && full {
			err = errTooMuch
		}
		if err == nil {
			take(g, r)
		}
		return err
	}
	var group []string
	sum := 0.0
	for _, ns := range l.namespaces {
		more := size(ns) * float64(g.n)
		if len(group) > 0 && sum+more > aimSamples {
			if err := ask(group); err != nil {
				return err
			}
			group, sum = nil, 0
		}
		group, sum = append(group, ns), sum+more
	}
	return ask(group)
}

// states reads who owned pods that are gone, how often containers were restarted, and when the kernel killed them.
func (l *load) states(ctx context.Context) error {
	selector := func(m matchers) string {
		// Old versions of kube-state-metrics have a series for each reason there is.
		return append(m, `__name__=~"`+strings.Join([]string{restartsMetric, reasonMetric, ownerMetric}, "|")+`"`, `reason=~"(`+killed+`)?"`).of("")
	}
	saw := func(s labelSet) bool {
		if s[labelName] == ownerMetric {
			l.own.saw(s[labelNamespace], s[labelPod], owner{s[labelOwnerKind], s[labelOwnerName]})
			return true
		}
		return false
	}
	type container struct {
		at        object
		container string
	}
	kills := map[container][]time.Time{}
	err := l.hourly(ctx, 2.2, selector, func(g grid, r *rows) {
		for k, row := range r.by {
			restarts := r.by[source{restartsMetric, k.namespace, k.pod, k.container}]
			if k.metric == reasonMetric {
				at := container{object{k.namespace, k.pod}, k.container}
				kills[at] = append(kills[at], killsOf(g, row, restarts)...)
			}
			if top, ok := l.own.of(k.namespace, k.pod); ok && k.metric == restartsMetric {
				if n := growth(row); n > 0 {
					l.box(top, k.namespace, k.container).restarts += n
				}
			}
		}
	}, saw)
	if err != nil {
		return err
	}
	// The cluster tells the last kill of each container that is there to the second.
	for _, p := range l.cluster.Pods {
		for _, s := range slices.Concat(p.Status.ContainerStatuses, p.Status.InitContainerStatuses) {
			for _, t := range []*corev1.ContainerStateTerminated{s.LastTerminationState.Terminated, s.State.Terminated} {
				if t == nil || t.Reason != killed || !slices.Contains(l.namespaces, p.Namespace) {
					continue
				}
				at := container{object{p.Namespace, p.Name}, s.Name}
				exact := t.FinishedAt.Time.UTC()
				kills[at] = slices.DeleteFunc(kills[at], func(seen time.Time) bool { return !seen.Before(exact) && seen.Sub(exact) < 2*time.Hour })
				kills[at] = append(kills[at], exact)
			}
		}
	}
	for at, times := range kills {
		if top, ok := l.own.of(at.at.namespace, at.at.name); ok && len(times) > 0 {
			b := l.box(top, at.at.namespace, at.container)
			b.kills = append(b.kills, times...)
			slices.SortFunc(b.kills, time.Time.Compare)
		}
	}
	return nil
}

// killsOf tells when a container was killed: when that became the reason of its last end, or was it while it was restarted.
func killsOf(g grid, reason, restarts []float64) (times []time.Time) {
	for i, v := range reason {
		if v != 1 {
			continue
		}
		fresh := i > 0 && reason[i-1] != 1
		if i > 0 && restarts != nil && restarts[i] > restarts[i-1] {
			fresh = true
		}
		if fresh {
			times = append(times, g.at(i))
		}
	}
	return times
}

// throttling reads in which share of the scheduler's periods containers were held at their limit, day by day.
func (l *load) throttling(ctx context.Context) error {
	selector := func(m matchers) string {
		return append(m, `__name__=~"`+throttledMetric+"|"+periodsMetric+`"`, `container!=""`, `container!="POD"`).of("")
	}
	return l.hourly(ctx, 2, selector, func(g grid, r *rows) {
		perDay := int(day / g.step)
		for k, row := range r.by {
			top, ok := l.own.of(k.namespace, k.pod)
			if !ok {
				continue
			}
			b := l.box(top, k.namespace, k.container)
			if b.periods == nil {
				b.periods, b.throttled = make([]float64, fineDays), make([]float64, fineDays)
			}
			into := b.periods
			if k.metric == throttledMetric {
				into = b.throttled
			}
			for d := range fineDays {
				into[d] += growth(row[d*perDay : (d+1)*perDay+1])
			}
		}
	}, nil)
}

// heaps reads the largest heap that each JVM may have, where its metrics are scraped: the sum of its pools that have a bound.
func (l *load) heaps(ctx context.Context) error {
	m := append(slices.Clip(l.base.oneOf("namespace", l.only)), `__name__=~"jvm_memory_max_bytes|jvm_memory_bytes_max"`, `area="heap"`)
	query := "sum by (namespace, pod, container) (max by (namespace, pod, container, id) (" + m.of("") + " > 0))"
	r := newRows(1)
	if err := l.ask.insist(ctx, query, grid{l.fine.last(), fineStep, 1}, r.of); err != nil {
		return err
	}
	containers := map[object][]string{}
	for _, p := range l.cluster.Pods {
		for _, c := range p.Spec.Containers {
			containers[object{p.Namespace, p.Name}] = append(containers[object{p.Namespace, p.Name}], c.Name)
		}
	}
	for k, row := range r.by {
		top, ok := l.own.of(k.namespace, k.pod)
		if !ok || math.IsNaN(row[0]) || row[0] > l.most.bytes {
			continue
		}
		names := containers[object{k.namespace, k.pod}]
		if slices.Contains(names, k.container) {
			names = []string{k.container}
		}
		// A scrape that names the pod only leaves open which of its containers it is: none of them is put below that heap.
		for _, name := range names {
			b := l.box(top, k.namespace, name)
			b.heap = max(b.heap, int64(row[0]))
		}
	}
	return nil
}
