package main

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/anomaly"
	"github.com/eks-autopilot/autopilot/engine/prom"
	"github.com/eks-autopilot/autopilot/handlers"
	"github.com/eks-autopilot/autopilot/store"
)

// meter prepares the measuring of a cluster.
func (c Config) meter(cluster string) prom.MeterConfig {
	m := prom.MeterConfig{Cluster: cluster, Interval: c.Anomalies.Interval, Measures: measures(c.Anomalies.Measures), Families: c.Anomalies.families()}
	if k := slices.IndexFunc(c.Clusters, func(cl ClusterConfig) bool { return cl.Name == cluster }); k >= 0 {
		m.Match = c.Clusters[k].PrometheusLabels
	}
	return m
}

// watchMetrics gives the watch of a cluster's metrics; nil where it has no Prometheus, or none is wanted.
func watchMetrics(cfg Config, c connected, w *handlers.Waste, st handlers.SeriesStore, log *slog.Logger) *handlers.MetricsWatch {
	if !cfg.Anomalies.on() || c.prometheus == nil {
		return nil
	}
	rates := cfg.rates(c.kube.Name(), w)
	var price func(namespace, pod string) (engine.NodePrice, bool) // at the instant that is measured
	of := cfg.meter(c.kube.Name())
	of.Price = func(namespace, pod string) (engine.NodePrice, bool) { return price(namespace, pod) }
	meter := c.prometheus.Meter(of)
	return &handlers.MetricsWatch{
		Cluster: c.kube.Name(), Rules: cfg.Anomalies.rules(), Store: st, Now: time.Now, Log: log,
		Measure: func(ctx context.Context, at time.Time) (anomaly.Instant, []engine.Gap, error) {
			roster, err := c.kube.Roster(ctx)
			if err != nil {
				return anomaly.Instant{}, nil, err
			}
			prices := rates.Of(ctx, roster.Nodes)
			price = func(namespace, pod string) (engine.NodePrice, bool) {
				p, ok := prices[roster.Place(namespace, pod)]
				return p, ok
			}
			got, err := meter.Measure(ctx, at, roster.Owner)
			return anomaly.Instant{Workloads: roster.Workloads, Values: got.Values}, got.Gaps, err
		},
	}
}

// rates gives what knows the prices of a cluster's nodes.
func (c Config) rates(cluster string, w *handlers.Waste) *handlers.Rates {
	r := &handlers.Rates{Cluster: cluster, Now: time.Now}
	if w != nil {
		r.Prices = w.Prices
	}
	if k := slices.IndexFunc(c.Clusters, func(cl ClusterConfig) bool { return cl.Name == cluster }); k >= 0 {
		r.Account = c.Clusters[k].AWSAccount
		if eks := c.Clusters[k].EKS; eks != nil {
			r.Region = eks.Region
		}
	}
	return r
}

// alongside watches a cluster and its metrics, for as long as this replica is the one that does.
func alongside(w handlers.Watched, m *handlers.MetricsWatch) handlers.Watched {
	if m == nil {
		return w
	}
	watch, status := w.Watch, w.Status
	w.Watch = func(ctx context.Context) error {
		ctx, stop := context.WithCancel(ctx)
		var wg sync.WaitGroup
		defer wg.Wait()
		defer stop()
		wg.Go(func() { m.Run(ctx) })
		return watch(ctx)
	}
	w.Status = func() (time.Time, string) {
		synced, problem := status()
		if problem == "" {
			problem = m.Problem()
		}
		return synced, problem
	}
	return w
}

// checkMetrics says which measures of a cluster have data.
func checkMetrics(ctx context.Context, cfg Config, c connected) []engine.Check {
	if !cfg.Anomalies.on() || c.prometheus == nil {
		return nil
	}
	return c.prometheus.Meter(cfg.meter(c.kube.Name())).Check(ctx, time.Now())
}

// withStrange adds what the metrics watched to the evidence of each cluster's incidents.
func withStrange(cfg Config, all []handlers.Cluster, st *store.Store) []handlers.Cluster {
	if cfg.Anomalies.on() {
		for k := range all {
			all[k].Collectors = append(all[k].Collectors, handlers.StrangeEvidence{Strange: st.Strange, Now: time.Now})
		}
	}
	return all
}
