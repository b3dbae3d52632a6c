package prom

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"sync"
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

// batches divides the namespaces into such as make queries of bounded size; samples is what one namespace adds to a query.
func (l *load) batches(samples func(namespace string) float64) (all [][]string) {
	var batch []string
	sum := 0.0
	for _, ns := range l.namespaces {
		more := samples(ns)
		if len(batch) > 0 && sum+more > aimSamples {
			all, batch, sum = append(all, batch), nil, 0
		}
		batch, sum = append(batch, ns), sum+more
	}
	return append(all, batch)
}

// containers is how many containers a namespace had at once.
func (l *load) containers(namespace string) (n float64) {
	for at := l.fine.first; !at.After(l.fine.last()); at = at.Add(day) {
		n = max(n, l.live.count([]string{namespace}, at))
	}
	return n
}

// listed is how many containers the inventory has in a namespace.
func (l *load) listed(namespace string) (n float64) {
	for _, p := range l.cluster.Pods {
		if p.Namespace == namespace {
			n += float64(len(p.Spec.Containers))
		}
	}
	return n
}

// hourly asks for metrics once an hour over the fine history, and less often where a namespace has very many containers. Prometheus
// decodes every sample on the way, so that it is for metrics of which there are few series.
func (l *load) hourly(ctx context.Context, selector func(matchers) string, take func(grid, *rows), passed func(labelSet) bool) error {
	span := l.fine.last().Sub(l.fine.first)
	step := time.Hour
	for _, ns := range l.namespaces {
		for l.containers(ns)*float64(span/step) > aimSamples && step < day {
			step *= 2
		}
	}
	g := grid{n: int(span/step) + 1, step: step}
	g.first = l.fine.last().Add(-time.Duration(g.n-1) * step)
	for _, batch := range l.batches(func(ns string) float64 { return l.containers(ns) * float64(g.n) }) {
		r := newRows(g.n)
		err := l.ask.insist(ctx, selector(l.base.oneOf("namespace", batch)), g, func(s labelSet) []float64 {
			if passed(s) {
				return nil
			}
			return r.of(s)
		})
		switch {
		case err != nil:
			return err
		case r.full:
			return errTooMuch
		}
		take(g, r)
	}
	return nil
}

// count asks once a day how many series of containers there are, how often they were restarted, and by how many periods they
// were held at their limits; and at last for the heaps of JVMs. Each day is a query by itself: Prometheus decodes an hour of
// samples for it, and all of them between for days that are steps of one query. Of the days before, two tell how many there were.
func (l *load) count(ctx context.Context, days, pools *rows) error {
	for d := range fineDays + 1 {
		l.live.at = append(l.live.at, l.fine.first.Add(time.Duration(d)*day))
	}
	var before []time.Time
	if first := l.coarse.first; l.coarse.n > 0 {
		last := l.fine.first.Add(-6 * time.Hour)
		before = []time.Time{first, last}
	}
	l.live = living{append(before, l.live.at...), map[string][]float64{}}
	var tasks []func() error
	for n, at := range before {
		tasks = append(tasks, func() error { return l.ask.insist(ctx, l.alive(l.only), grid{at, fineStep, 1}, l.livingAt(n)) })
	}
	// Four of each container, and of those that came and went as many.
	for _, batch := range l.batches(func(ns string) float64 { return 8 * l.listed(ns) }) {
		query := "max by (__name__, namespace, pod, container) (" + l.cadvisor().oneOf("namespace", batch).oneOf("__name__", []string{restartsMetric, throttledMetric, periodsMetric}).of("") + ") or " + l.alive(batch)
		for d := range fineDays + 1 {
			living := l.livingAt(len(before) + d)
			tasks = append(tasks, func() error {
				return l.ask.insist(ctx, query, grid{l.live.at[len(before)+d], fineStep, 1}, func(s labelSet) []float64 {
					if s[labelName] == "" {
						return living(s)
					}
					l.mu.Lock()
					defer l.mu.Unlock()
					if row := days.of(s); row != nil {
						return row[d : d+1]
					}
					return nil
				})
			})
		}
	}
	tasks = append(tasks, func() error { return l.ask.insist(ctx, l.pools(), grid{l.fine.last(), fineStep, 1}, pools.of) })
	if err := inPairs(tasks); err != nil {
		return err
	}
	if days.full || pools.full {
		return errTooMuch
	}
	return nil
}

// alive counts the series of containers of each namespace.
func (l *load) alive(namespaces []string) string {
	return "count by (namespace) (" + l.cadvisor().oneOf("namespace", namespaces).of(cpuMetric) + ")"
}

// livingAt takes the answer of alive at one of the times.
func (l *load) livingAt(n int) func(labelSet) []float64 {
	return func(s labelSet) []float64 {
		l.mu.Lock()
		defer l.mu.Unlock()
		row := l.live.seen[s[labelNamespace]]
		if row == nil {
			row = blank(len(l.live.at))
			l.live.seen[s[labelNamespace]] = row
		}
		return row[n : n+1]
	}
}

// inPairs runs tasks, two at a time, until one fails.
func inPairs(tasks []func() error) error {
	var mu sync.Mutex
	var failed error
	next := func() func() error {
		mu.Lock()
		defer mu.Unlock()
		if failed != nil || len(tasks) == 0 {
			return nil
		}
		task := tasks[0]
		tasks = tasks[1:]
		return task
	}
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for task := next(); task != nil; task = next() {
				if err := task(); err != nil {
					mu.Lock()
					failed = cmp.Or(failed, err)
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return failed
}

// killed reads when the kernel killed containers for want of memory, and who owned pods whose names do not tell.
func (l *load) killed(ctx context.Context) error {
	selector := func(m matchers) string {
		// Old versions of kube-state-metrics have a series for each reason there is; of pods, those whose name tells the owner are left out.
		return m.oneOf("__name__", []string{reasonMetric, ownerMetric}).with("reason", "=~", "("+killed+")?").with("owner_kind", "!~", "ReplicaSet|StatefulSet|DaemonSet|Job|Node|<none>").of("")
	}
	reasons, pods := map[source][]float64{}, map[string]bool{}
	var g grid
	err := l.hourly(ctx, selector, func(at grid, r *rows) {
		g = at
		for k, row := range r.by {
			if slices.Contains(row, 1) {
				k.metric = restartsMetric
				reasons[k], pods[k.pod] = row, true
			}
		}
	}, func(s labelSet) bool {
		if s[labelName] == ownerMetric {
			l.own.saw(s[labelNamespace], s[labelPod], owner{s[labelOwnerKind], s[labelOwnerName]})
		}
		return s[labelName] == ownerMetric || s[labelReason] != killed
	})
	if err != nil {
		return err
	}
	// One that was killed again has the same reason as before: only its restarts tell.
	restarts := newRows(g.n)
	for names := range slices.Chunk(slices.Sorted(maps.Keys(pods)), maxNames) {
		if err := l.ask.insist(ctx, l.base.oneOf("namespace", l.only).oneOf("pod", names).of(restartsMetric), g, restarts.of); err != nil {
			return err
		}
	}
	kills := map[source][]time.Time{}
	for k, row := range reasons {
		seen := g
		seen.first = g.first.Add(-l.skew) // the cluster's own times are ours
		kills[k] = killsOf(seen, row, restarts.by[k])
	}
	l.exactKills(kills)
	for k, times := range kills {
		if top, ok := l.own.of(k.namespace, k.pod); ok && len(times) > 0 {
			b := l.box(top, k.namespace, k.container)
			b.kills = append(b.kills, times...)
			slices.SortFunc(b.kills, time.Time.Compare)
		}
	}
	return nil
}

const maxNames = 500 // of pods in one query

// exactKills puts what the cluster itself tells to the second, of the last end of each container that is there, in the place of
// what was seen within the two hours after.
func (l *load) exactKills(kills map[source][]time.Time) {
	for _, p := range l.cluster.Pods {
		if !slices.Contains(l.namespaces, p.Namespace) {
			continue
		}
		for _, s := range slices.Concat(p.Status.ContainerStatuses, p.Status.InitContainerStatuses) {
			for _, t := range []*corev1.ContainerStateTerminated{s.LastTerminationState.Terminated, s.State.Terminated} {
				if t == nil || t.Reason != killed {
					continue
				}
				k, at := source{restartsMetric, p.Namespace, p.Name, s.Name}, t.FinishedAt.UTC()
				kills[k] = slices.DeleteFunc(kills[k], func(seen time.Time) bool { return !seen.Before(at) && seen.Sub(at) < 2*time.Hour })
				kills[k] = append(kills[k], at)
			}
		}
	}
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

// counted takes by how much restarts and the scheduler's periods grew from day to day. What a pod counted on the day that it came
// or went is not known.
func (l *load) counted(days *rows) {
	for k, row := range days.by {
		top, ok := l.own.of(k.namespace, k.pod)
		if !ok {
			continue
		}
		b := l.box(top, k.namespace, k.container)
		if k.metric == restartsMetric {
			b.restarts += growth(row)
			continue
		}
		if b.periods == nil {
			b.periods, b.throttled = make([]float64, fineDays), make([]float64, fineDays)
		}
		into := b.periods
		if k.metric == throttledMetric {
			into = b.throttled
		}
		for d := range fineDays {
			into[d] += growth(row[d : d+2])
		}
	}
}

// pools asks for the largest heap that each JVM may have, where its metrics are scraped: the sum of its pools that have a bound.
func (l *load) pools() string {
	m := l.base.oneOf("namespace", l.only).oneOf("__name__", []string{"jvm_memory_max_bytes", "jvm_memory_bytes_max"}).is("area", "heap")
	return "sum by (namespace, pod, container) (max by (namespace, pod, container, id) (" + m.of("") + " > 0))"
}

// heaps takes the heaps.
func (l *load) heaps(pools *rows) {
	containers := map[object][]string{}
	for _, p := range l.cluster.Pods {
		for _, c := range p.Spec.Containers {
			containers[object{p.Namespace, p.Name}] = append(containers[object{p.Namespace, p.Name}], c.Name)
		}
	}
	for k, row := range pools.by {
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
}
