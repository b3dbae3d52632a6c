package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/aws"
	"github.com/eks-autopilot/autopilot/engine/chaos"
	"github.com/eks-autopilot/autopilot/engine/incident"
	"github.com/eks-autopilot/autopilot/engine/kube"
	"github.com/eks-autopilot/autopilot/engine/kube/hurt"
	"github.com/eks-autopilot/autopilot/handlers"
	"github.com/eks-autopilot/autopilot/store"
)

// experiment is the process that does experiments, until ctx ends. It has the accounts that may hurt, and speaks to no Slack: what passes
// between it and the bot are rows.
func experiment(ctx context.Context, file string, _ io.Writer) error {
	log := newLog(os.Stderr, logLevel())
	slog.SetDefault(log)
	kube.LogTo(log)
	cfg, err := readConfig(file)
	if err != nil {
		return err
	}
	if !cfg.Chaos.Enabled {
		return engine.Errorf(engine.Invalid, "experiments are switched off; `chaos: {enabled: true}` in %s switches them on", file)
	}
	secrets, err := readSecrets("DATABASE_URL")
	if err != nil {
		return err
	}
	rules := cfg.rules()
	m := newChaosMetrics()
	if m.traces, err = newTracing(ctx, cfg, log); err != nil {
		return err
	}
	defer m.traces.close(exportWithin)
	log = m.traces.lines(log)
	slog.SetDefault(log)
	aws.MeasureTo(m.askedAWS)
	st, err := store.Open(ctx, secrets.DatabaseURL.Reveal(), store.Options{
		Rules: func() incident.Rules { return rules }, Log: log, MaxConns: 10,
		Asked: func(outcome string, took time.Duration) { m.asked("postgres", outcome, took) },
	})
	if err != nil {
		return err
	}
	defer st.Close()
	if err := st.Check(ctx); err != nil {
		return err
	}
	m.registry.MustRegister(queue(st))
	clusters, err := connectBroken(ctx, cfg, secrets, m, log)
	if err != nil {
		return err
	}
	b := &handlers.Breaking{
		Queue: st, Witness: st, Clusters: clusters, Rules: cfg.chaosRules(), GameDays: cfg.gameDays(),
		Holder: fmt.Sprintf("%s/%d/%08x", replica(), os.Getpid(), rand.Uint32()), Now: time.Now, Log: log, Around: m.step, //nolint:gosec // tells processes apart, hides nothing
	}
	listener, err := net.Listen("tcp", cfg.Chaos.Listen)
	if err != nil {
		return engine.Wrap(engine.Unavailable, err, "chaos.listen: the address cannot be had")
	}
	server := newServer(m.incoming(probed(http.NewServeMux(), m, st.Ping)))
	ctx, stop := context.WithCancel(ctx)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return serveHTTP(ctx, server, listener) })
	g.Go(func() error { defer stop(); b.Run(ctx); return nil })
	log.InfoContext(ctx, "doing experiments", "listen", listener.Addr().String(), "clusters", cfg.chaosClusters(), "holder", b.Holder)
	return g.Wait()
}

// connectBroken prepares the clusters in which experiments are done, by the accounts for it, and speaks to none.
func connectBroken(ctx context.Context, cfg Config, secrets Secrets, m *metrics, log *slog.Logger) ([]handlers.Broken, error) {
	var all []handlers.Broken
	for _, cl := range cfg.Clusters {
		if cl.Chaos == nil {
			continue
		}
		c, err := connectCluster(ctx, cl.broken(), secrets, LogsConfig{}, m, log)
		if err != nil {
			return nil, fmt.Errorf("cluster %s: chaos: %w", cl.Name, err)
		}
		options := cfg.hurt()
		if x := cl.Chaos.FIS; x != nil {
			if options.Cloud, err = x.connect(ctx); err != nil {
				return nil, fmt.Errorf("cluster %s: chaos: fis: %w", cl.Name, err)
			}
		}
		b := handlers.Broken{Name: cl.Name, Injector: c.kube.Hurt(options), Calls: callsOf(c)}
		b.Metrics = sight(c)
		all = append(all, b)
	}
	return all, nil
}

// broken is the cluster as the process that does experiments reaches it.
func (c ClusterConfig) broken() ClusterConfig {
	c.Kubeconfig, c.Context, c.InCluster, c.EKS = c.Chaos.Kubeconfig, c.Chaos.Context, c.Chaos.InCluster, c.Chaos.EKS
	c.Alertmanager = ""
	return c
}

// sight asks Prometheus something trivial; nil where there is none.
func sight(c connected) func(context.Context) error {
	if c.prometheus == nil {
		return nil
	}
	return func(ctx context.Context) error {
		_, err := c.prometheus.Query(ctx, "vector(1)", time.Now())
		return err
	}
}

// connect prepares AWS FIS, and speaks to nobody.
func (x FISConfig) connect(ctx context.Context) (*aws.FIS, error) {
	return aws.NewFIS(ctx, aws.Config{Region: x.Region, Role: x.RoleARN}, x.Template)
}

// hurt says how it is done.
func (c Config) hurt() hurt.Options {
	return hurt.Options{OptIn: c.Chaos.OptIn, Agent: c.Chaos.AgentImage, Deletes: c.Chaos.Deletes}
}

// callsOf asks who depends on whom near a workload. It fails where a part of that cannot be read: nobody knows whether the rest is well.
func callsOf(c connected) func(context.Context, engine.Workload) (map[engine.Workload][]engine.Workload, error) {
	near := c.kube.Neighbors()
	return func(ctx context.Context, w engine.Workload) (map[engine.Workload][]engine.Workload, error) {
		n, err := near.Near(ctx, engine.Incident{Workload: w, StartedAt: time.Now()})
		if err = cmp.Or(err, n.Unread); err != nil {
			return nil, err
		}
		calls := map[engine.Workload][]engine.Workload{}
		for _, from := range slices.Sorted(maps.Keys(n.Graph)) {
			caller, known := n.Workloads[from]
			if !known || caller.Kind == engine.KindNode {
				continue
			}
			for _, to := range n.Graph[from] {
				if callee, known := n.Workloads[to]; known && callee.Kind != engine.KindNode {
					calls[caller] = append(calls[caller], callee)
				}
			}
		}
		return calls, nil
	}
}

// asksForChaos is what the bot needs to take wishes for experiments; nil where they are switched off.
func asksForChaos(cfg Config, st *store.Store) *handlers.Chaos {
	if !cfg.Chaos.Enabled {
		return nil
	}
	return &handlers.Chaos{
		Book: st, Clusters: cfg.chaosClusters(), Channel: cfg.Chaos.Channel,
		Seed: func() uint64 { return uint64(rand.Uint32()) + 1 }, //nolint:gosec // a choice that can be repeated
	}
}

// parseChaos reads what would follow /autopilot chaos.
func parseChaos(text string) (chaos.Request, error) { return chaos.ParseSteps(text) }
