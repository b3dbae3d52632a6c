package prom

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/anomaly"
)

// What a cluster's workloads do now is asked for in eight queries, whatever their number: CPU, memory, throttling, restarts and resource
// requests of every pod, and requests, failures and latency of the families that were found. Once an hour a ninth asks which families there are.
//
// Prometheus sums up the containers of a pod; the pods of a workload are put together here, since which workload a pod is of the cluster
// itself knows best. Each query is of one instant and reads each series over one interval, so that every sample is read once: of 10,000
// pods with two containers some 200,000 samples for the CPU.
const (
	lookAgain  = time.Hour // for families
	mostFamily = 4         // of them are asked for
	mostSeries = 500_000   // of a family, beyond which it is not asked for
	leastLook  = 2 * time.Minute
	slowLook   = 10 * time.Second // a query that takes longer makes us back off
)

var (
	metricName = regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*$`)
	labelWord  = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)
)

// MeterConfig says what of a cluster is measured.
type MeterConfig struct {
	Cluster  string
	Match    map[string]string // labels that single out the cluster, where one Prometheus holds many
	Interval time.Duration     // between two instants: what rates are taken over, two minutes at least
	Measures []engine.Measure  // none means all
	Families []Family          // none means Families()
	// Price says what the node of a pod costs. ok is false when that is not known; without it, no cost is measured.
	Price func(namespace, pod string) (p engine.NodePrice, ok bool)
}

// Meter measures the workloads of one cluster, time and again. It remembers which families of metrics there are, and how Prometheus took
// the last queries. Its methods are not safe for use by several goroutines at once.
type Meter struct {
	cfg    MeterConfig
	ask    *asker
	base   matchers
	window string

	found  []int // of cfg.Families
	looked time.Time
	passed []engine.Gap // families that are not asked for

	answered map[object]time.Time // the pods that were seen to serve requests, and when last
}

// Meter prepares measuring. It asks for nothing.
func (p *Prometheus) Meter(cfg MeterConfig) *Meter {
	if len(cfg.Families) == 0 {
		cfg.Families = Families()
	}
	if len(cfg.Measures) == 0 {
		cfg.Measures = engine.Measures
	}
	m := &Meter{cfg: cfg, ask: &asker{url: p.url, client: p.long, now: p.now, slow: slowLook, share: 1}, answered: map[object]time.Time{}}
	for _, label := range slices.Sorted(maps.Keys(cfg.Match)) {
		m.base = m.base.is(label, cfg.Match[label])
	}
	m.window = fmt.Sprintf("[%ds]", int(max(cfg.Interval, leastLook).Seconds()))
	return m
}

// Measured is what could be had of an instant.
type Measured struct {
	Values map[engine.Workload]anomaly.Values
	Gaps   []engine.Gap // measures that could not be had, or that nothing gives
	Strays int          // pods of no workload that is known
	Cost   engine.ScanCost
}

// Measure asks for the values of all workloads at a time of our clock. owner says which workload a pod is of. It fails with Unavailable
// when nothing could be had; a measure that alone could not be had is a gap.
func (m *Meter) Measure(ctx context.Context, at time.Time, owner func(namespace, pod string) (engine.Workload, bool)) (Measured, error) {
	f := newFolding(owner)
	if m.wanted(engine.MeasureHourlyCost) {
		f.price = m.cfg.Price
	}
	var out Measured
	spent := m.ask.cost
	if err := m.look(ctx, at); err != nil {
		return out, err
	}
	out.Gaps = append(out.Gaps, m.passed...)
	var failed error
	had := 0
	for _, q := range m.queries() {
		if !m.wanted(q.measure) {
			continue
		}
		n := 0
		g := m.at(at)
		type found struct {
			labels labelSet
			row    []float64
		}
		var all []found
		err := m.ask.insist(ctx, q.query, g, func(s labelSet) []float64 {
			row := blank(1)
			all = append(all, found{s, row})
			return row
		})
		if ctx.Err() != nil {
			return out, engine.Wrap(engine.Unavailable, ctx.Err(), "measuring was stopped")
		}
		if err != nil {
			failed = err
			out.Gaps = append(out.Gaps, m.gap("%s could not be read: %s", q.what, said(err)))
			if m.ask.tired() {
				break
			}
			continue
		}
		had++
		for _, s := range all {
			if f.add(q, s.labels, s.row[0]) {
				n++
			}
		}
		if n == 0 {
			out.Gaps = append(out.Gaps, m.gap("there is no %s", q.what))
		}
	}
	out.Cost = m.spentSince(spent)
	if had == 0 && failed != nil {
		return out, failed
	}
	m.missed(f, at)
	out.Values, out.Strays = f.values(), len(f.strays)
	return out, nil
}

// wanted tells whether a measure is asked for: requests are needed for what rests on them, too, and so are CPU and memory.
func (m *Meter) wanted(x engine.Measure) bool {
	return slices.ContainsFunc(m.cfg.Measures, func(y engine.Measure) bool {
		if y == engine.MeasureHourlyCost {
			return m.cfg.Price != nil && (x == y || x == engine.MeasureCPU || x == engine.MeasureMemory)
		}
		return x == y || x == engine.MeasureRequests && (y == engine.MeasureErrors || y == engine.MeasureLatency)
	})
}

// at is an instant by the clock of Prometheus, as far as that is known.
func (m *Meter) at(t time.Time) grid {
	if skew := m.ask.clock(); skew.Abs() > maxSkew {
		t = t.Add(skew)
	}
	return grid{t.Truncate(time.Second), time.Minute, 1}
}

func (m *Meter) gap(format string, args ...any) engine.Gap {
	return engine.Gap{Collector: "prometheus " + m.cfg.Cluster, Reason: fmt.Sprintf(format, args...)}
}

// spentSince is what was asked for since then.
func (m *Meter) spentSince(before engine.ScanCost) engine.ScanCost {
	c := m.ask.cost
	c.Queries -= before.Queries
	c.Samples -= before.Samples
	return c
}

// look finds out which families there are, when it is time. While there is none that is asked often no more than when there are some.
func (m *Meter) look(ctx context.Context, at time.Time) error {
	if !m.wanted(engine.MeasureRequests) || !m.looked.IsZero() && at.Sub(m.looked) < lookAgain {
		return nil
	}
	names := map[string]bool{}
	for _, f := range m.cfg.Families {
		names[f.Requests] = true
		if f.Latency != "" {
			names[f.Latency+"_count"] = true
		}
	}
	series := map[string][]float64{}
	query := "count by (__name__) (" + m.base.with("__name__", "=~", strings.Join(slices.Sorted(maps.Keys(names)), "|")).of("") + ")"
	err := m.ask.insist(ctx, query, m.at(at), func(s labelSet) []float64 { return rowAt(series, s[labelName], 1) })
	if err != nil {
		if engine.CodeOf(err) == engine.Internal || errors.Is(err, errTooMuch) {
			err = engine.Wrap(engine.Unavailable, err, "Prometheus does not say which metrics there are")
		}
		return err
	}
	m.looked, m.found, m.passed = at, nil, nil
	for n, f := range m.cfg.Families {
		count := series[f.Requests]
		switch {
		case count == nil:
		case count[0] > mostSeries:
			m.passed = append(m.passed, m.gap("%s has %.0f series; no more than %d are asked for: a recording rule may sum them up by pod", f.Requests, count[0], mostSeries))
		case len(m.found) < mostFamily:
			m.found = append(m.found, n)
		}
	}
	for _, n := range m.found { // without a histogram there is no latency
		if l := m.cfg.Families[n].Latency; l != "" && series[l+"_count"] == nil {
			m.cfg.Families = slices.Clone(m.cfg.Families)
			m.cfg.Families[n].Latency = ""
		}
	}
	return nil
}

// question is one query, and what its answer is.
type question struct {
	measure engine.Measure
	what    string // as a gap names it
	query   string
}

func (m *Meter) queries() []question {
	cadvisor := m.base.with("container", "!=", "").with("container", "!=", "POD")
	// Series of a container that was replaced, or that two Prometheus scrape, stand beside each other: the higher counts.
	pods := func(inner string) string {
		return "sum by (namespace, pod) (max by (namespace, pod, container) (" + inner + "))"
	}
	rate := func(metric string) string { return "rate(" + cadvisor.of(metric) + m.window + ")" }
	out := []question{
		{engine.MeasureCPU, "CPU (container_cpu_usage_seconds_total)", pods(rate(cpuMetric))},
		{engine.MeasureMemory, "memory (container_memory_working_set_bytes)", pods(cadvisor.of(memoryMetric))},
		{engine.MeasureSaturation, "throttling (" + periodsMetric + ")", pods(rate(throttledMetric)) + " / " + pods(rate(periodsMetric))},
		{engine.MeasureRestarts, "restarts (" + restartsMetric + ")", pods("increase(" + m.base.of(restartsMetric) + m.window + ")")},
	}
	if m.wanted(engine.MeasureHourlyCost) {
		asks := m.base.with("resource", "=~", "cpu|memory|"+gpuResource).of(resourcesMetric)
		out = append(out, question{
			engine.MeasureHourlyCost, "resource requests (" + resourcesMetric + ")",
			"sum by (namespace, pod, resource) (max by (namespace, pod, container, resource) (" + asks + "))",
		})
	}
	var requests, failures, latencies []string
	for _, n := range m.found {
		f := m.cfg.Families[n]
		requests = append(requests, f.named(n, f.requests(m.base, m.window)))
		if len(f.Errors) > 0 {
			failures = append(failures, f.named(n, f.errors(m.base, m.window)))
		}
		if f.Latency != "" {
			latencies = append(latencies, f.named(n, f.latency(m.base, m.window)))
		}
	}
	for _, q := range []struct {
		measure engine.Measure
		what    string
		parts   []string
	}{
		{engine.MeasureRequests, "requests", requests}, {engine.MeasureErrors, "failures", failures}, {engine.MeasureLatency, "latency", latencies},
	} {
		if len(q.parts) > 0 {
			out = append(out, question{q.measure, q.what, strings.Join(q.parts, " or ")})
		}
	}
	return out
}
