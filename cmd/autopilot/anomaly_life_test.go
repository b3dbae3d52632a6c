package main

import (
	"context"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/anomaly"
	"github.com/eks-autopilot/autopilot/engine/incident"
	"github.com/eks-autopilot/autopilot/engine/prom"
	"github.com/eks-autopilot/autopilot/handlers"
	"github.com/eks-autopilot/autopilot/store"
	"github.com/eks-autopilot/autopilot/store/storetest"
	"github.com/eks-autopilot/autopilot/test/cluster/ports"
	"github.com/eks-autopilot/autopilot/test/stand"
	"github.com/eks-autopilot/autopilot/test/stand/block"
)

// The day on which payments/api is slow and fails for two hours, and batch/report computes more than ever for longer.
var (
	dayBegins = time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)
	trouble   = dayBegins.Add(26 * time.Hour)
	wellAgain = dayBegins.Add(28 * time.Hour)
	dayEnds   = dayBegins.Add(29 * time.Hour)
)

// metricsOf writes the series of a day as a Prometheus would have scraped them.
func metricsOf(t *testing.T, dir string) {
	t.Helper()
	type series struct {
		labels []block.Label
		rate   func(at time.Time) float64 // of a counter
		gauge  float64
	}
	var all []series
	add := func(metric, namespace, pod string, rate func(time.Time) float64, gauge float64, more ...string) {
		s := series{rate: rate, gauge: gauge, labels: []block.Label{{Name: "__name__", Value: metric}, {Name: "namespace", Value: namespace}, {Name: "pod", Value: pod}}}
		for k := 0; k < len(more); k += 2 {
			s.labels = append(s.labels, block.Label{Name: more[k], Value: more[k+1]})
		}
		slices.SortFunc(s.labels, func(a, b block.Label) int { return strings.Compare(a.Name, b.Name) })
		all = append(all, s)
	}
	wave := func(at time.Time) float64 { return 1 + 0.3*float64(at.Minute()%20)/20 }
	during := func(at time.Time, from, to time.Time, now, else_ float64) float64 {
		if at.Before(from) || !at.Before(to) {
			return else_
		}
		return now
	}
	for _, pod := range []string{"payments/api-1", "payments/api-2", "shop/web-1", "shop/cart-1", "batch/report-1"} {
		namespace, name, _ := strings.Cut(pod, "/")
		ill, busy := namespace == "payments", namespace == "batch"
		latency := func(at time.Time) float64 {
			if ill {
				return during(at, trouble, wellAgain, 3.1, 0.04)
			}
			return 0.04
		}
		failing := func(at time.Time) float64 {
			if ill {
				return during(at, trouble, wellAgain, 0.12, 0.001)
			}
			return 0.001
		}
		add("http_requests_total", namespace, name, func(at time.Time) float64 { return 20 * wave(at) * (1 - failing(at)) }, 0, "code", "200")
		add("http_requests_total", namespace, name, func(at time.Time) float64 { return 20 * wave(at) * failing(at) }, 0, "code", "503")
		add("http_request_duration_seconds_count", namespace, name, func(at time.Time) float64 { return 20 * wave(at) }, 0)
		add("http_request_duration_seconds_sum", namespace, name, func(at time.Time) float64 { return 20 * wave(at) * wave(at) * latency(at) }, 0)
		add("container_cpu_usage_seconds_total", namespace, name, func(at time.Time) float64 {
			if busy {
				return 0.3 * wave(at) * during(at, trouble, dayEnds, 5, 1)
			}
			return 0.3 * wave(at)
		}, 0, "container", "app")
		add("container_memory_working_set_bytes", namespace, name, nil, 2e8, "container", "app")
	}
	slices.SortFunc(all, func(a, b series) int { return block.Compare(a.labels, b.labels) })
	err := block.Write(dir, 1, dayBegins, dayEnds, func(yield func([]block.Label, iter.Seq2[int64, float64]) bool) {
		for _, s := range all {
			samples := func(yield func(int64, float64) bool) {
				total := 0.0
				for at := dayBegins; at.Before(dayEnds); at = at.Add(30 * time.Second) {
					v := s.gauge
					if s.rate != nil {
						total += 30 * s.rate(at)
						v = total
					}
					if !yield(at.UnixMilli(), v) {
						return
					}
				}
			}
			if !yield(s.labels, samples) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// clockwork is a clock that goes on when somebody waits, up to a time.
type clockwork struct{ now, until time.Time }

func (c *clockwork) Now() time.Time { return c.now }

func (c *clockwork) Rest(ctx context.Context, d time.Duration) bool {
	c.now = c.now.Add(max(d, 0))
	return ctx.Err() == nil && !c.now.After(c.until)
}

// TestMetricsToIncident has the metrics of a day in a real Prometheus become incidents in a real database: one, of what users felt.
func TestMetricsToIncident(t *testing.T) {
	var held ports.Held
	t.Cleanup(held.Close)
	port, err := held.Take()
	if err != nil {
		t.Fatal(err)
	}
	server := &stand.Prometheus{Dir: t.TempDir(), Port: port, Interval: time.Hour, Retention: 10 * 365 * 24 * time.Hour}
	metricsOf(t, server.Data())
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop(context.WithoutCancel(t.Context())) })
	cfg, err := parseConfig("f", []byte(smallest))
	if err != nil {
		t.Fatal(err)
	}
	p, err := prom.Connect(prom.Config{URL: server.URL()})
	if err != nil {
		t.Fatal(err)
	}

	of := func(namespace, name string) engine.Workload {
		return engine.Workload{Cluster: "prod", Namespace: namespace, Kind: "Deployment", Name: name}
	}
	owner := func(namespace, pod string) (engine.Workload, bool) {
		name, _, ok := strings.Cut(pod, "-")
		return of(namespace, name), ok
	}
	clock := &clockwork{now: dayBegins.Add(10 * time.Minute)}
	url := storetest.URL(t)
	st := storetest.Open(t, url, store.Options{Now: clock.Now, Rules: func() incident.Rules {
		return incident.Rules{HoldDown: time.Minute, Route: incident.Route{Default: "#ops"}}
	}})
	// run has a bot watch until a time; each time it is another one, which knows what was kept.
	run := func(until time.Time) {
		t.Helper()
		meter := p.Meter(cfg.meter("prod"))
		clock.until = until
		m := &handlers.MetricsWatch{
			Cluster: "prod", Rules: cfg.Anomalies.rules(), Store: st, Now: clock.Now, Rest: clock.Rest, Log: slog.New(slog.DiscardHandler),
			Measure: func(ctx context.Context, at time.Time) (anomaly.Instant, []engine.Gap, error) {
				i := anomaly.Instant{Workloads: map[engine.Workload]anomaly.About{}}
				got, err := meter.Measure(ctx, at, owner)
				for w := range got.Values {
					i.Workloads[w] = anomaly.About{Wanted: 1}
				}
				i.Values = got.Values
				return i, got.Gaps, err
			},
		}
		m.Run(t.Context())
		clock.now = until
		if problem := m.Problem(); problem != "" {
			t.Fatal(problem)
		}
	}
	incidents := func() []engine.Incident {
		t.Helper()
		list, err := st.Incidents(t.Context(), engine.IncidentFilter{AnyStatus: true})
		if err != nil {
			t.Fatal(err)
		}
		return list
	}

	run(trouble)
	if list := incidents(); len(list) > 0 {
		t.Fatalf("on a day like others: %+v", list)
	}
	run(trouble.Add(11 * time.Minute))
	list := incidents()
	if len(list) != 1 || list[0].Workload != of("payments", "api") || list[0].Severity != engine.Warning || !strings.HasPrefix(list[0].Title, "payments/api: ") {
		t.Fatalf("%+v", list)
	}
	i, err := st.Incident(t.Context(), list[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	said := i.Signals[0].Summary
	for _, part := range []string{"latency ", "errors ", "in a day never above "} {
		if !strings.Contains(said, part) {
			t.Errorf("%q lacks %q", said, part)
		}
	}
	for _, track := range i.Signals[0].Tracks {
		if n := len(track.Points); n < 40 || n > 120 {
			t.Errorf("%s has %d points", track.Measure, n)
		}
	}
	d, ok, err := st.Lease(t.Context(), "the test", time.Minute)
	if err != nil || !ok || d.Key != engine.CardKey(i.ID) || d.Channel != "#ops" {
		t.Errorf("the card: %+v, %v", d, err)
	}
	// What nobody feels is told nobody, and is evidence.
	e := handlers.StrangeEvidence{Strange: st.Strange, Now: clock.Now}
	lines, err := e.Collect(t.Context(), engine.Incident{Workload: of("batch", "report"), StartedAt: trouble})
	if err != nil || len(lines) != 1 || !strings.HasPrefix(lines[0].Text, "CPU a pod 1.") {
		t.Errorf("evidence: %+v, %v", lines, err)
	}

	run(wellAgain.Add(5 * time.Minute))
	if i, err = st.Incident(t.Context(), i.ID); err != nil || !i.ClearedAt.IsZero() {
		t.Errorf("while it lasts: cleared %s, %v", i.ClearedAt, err)
	}
	run(wellAgain.Add(25 * time.Minute))
	if i, err = st.Incident(t.Context(), i.ID); err != nil || i.ClearedAt.IsZero() || len(incidents()) != 1 {
		t.Errorf("afterwards: cleared %s, %v; %d incidents", i.ClearedAt, err, len(incidents()))
	}
}
