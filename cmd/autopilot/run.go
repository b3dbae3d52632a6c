package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/eks-autopilot/autopilot/bot"
	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/aws"
	"github.com/eks-autopilot/autopilot/engine/incident"
	"github.com/eks-autopilot/autopilot/engine/kube"
	"github.com/eks-autopilot/autopilot/engine/prom"
	"github.com/eks-autopilot/autopilot/engine/rca"
	"github.com/eks-autopilot/autopilot/handlers"
	"github.com/eks-autopilot/autopilot/store"
)

// leaseTTL is how long a replica that died keeps its clusters from another.
const leaseTTL = 15 * time.Second

// serve runs the bot until ctx ends. All wiring of the product is here, in one straight line: what a package needs of another is
// handed over by this function and by nothing else.
func serve(ctx context.Context, file string, _ io.Writer) error {
	log := newLog(os.Stderr, logLevel())
	slog.SetDefault(log)
	kube.LogTo(log)
	cfg, err := readConfig(file)
	if err != nil {
		return err
	}
	secrets, err := readSecrets("DATABASE_URL", "SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "WEBHOOK_TOKEN")
	if err != nil {
		return err
	}
	rules := cfg.rules()

	m := newMetrics()
	if m.traces, err = newTracing(ctx, cfg, log); err != nil {
		return err
	}
	defer m.traces.close(exportWithin)
	log = m.traces.lines(log)
	slog.SetDefault(log)
	aws.MeasureTo(m.askedAWS)
	st, err := store.Open(ctx, secrets.DatabaseURL.Reveal(), store.Options{
		Rules: func() incident.Rules { return rules }, Cards: cfg.cards, Log: log, Retention: cfg.Retention.Evidence, Payloads: cfg.Retention.Payloads,
		Asked: func(outcome string, took time.Duration) { m.asked("postgres", outcome, took) },
	})
	if err != nil {
		return err
	}
	defer st.Close()
	if err := st.Check(ctx); err != nil {
		return err
	}

	clusters, err := connectClusters(ctx, cfg, secrets, m, log)
	if err != nil {
		return err
	}
	lookFor, err := connectWaste(ctx, cfg, clusters, st, log)
	if err != nil {
		return err
	}
	m.registry.MustRegister(vitals(st, cfg, lookFor))
	changes, err := connectChanges(ctx, cfg, secrets, st, m, log)
	if err != nil {
		return err
	}
	anchoring, err := connectAnchoring(ctx, cfg, st)
	if err != nil {
		return err
	}
	reports, err := connectReports(ctx, cfg, clusters, st)
	if err != nil {
		return err
	}
	narrator, err := cfg.narrator(ctx, st)
	if err != nil {
		return err
	}
	pagers, err := connectPagers(cfg, secrets, m)
	if err != nil {
		return err
	}

	h := &handlers.Handlers{
		Incidents: st, Stories: st, Decisions: st, Progress: st, Diagnoses: st, Signals: observing{st, m.traces},
		Pagers: pagers, Clusters: m.traces.clusters(withStrange(cfg, edges(cfg, clusters), st)), Waste: lookFor, Changes: changes, Remedies: handlers.Remedies{Log: st, Allowed: cfg.Remedies.kinds()}, Anchoring: anchoring,
		Chaos: asksForChaos(cfg, st), Reports: reports, Narrator: narrator, Policy: cfg.policy(), ReadOnly: cfg.ReadOnly, Rules: rules, Now: time.Now, Log: log,
	}
	b := bot.New(bot.Config{
		BotToken: secrets.SlackBotToken, AppToken: secrets.SlackAppToken, APIURL: cfg.Slack.APIURL,
		Channels: cfg.channels(), Fallback: cfg.Slack.Channels.Fallback, Replica: replica(), Log: log, Attachments: reports.Files, Transport: m.transport("slack"),
		Settled: m.delivered, Rests: m.rested,
	}, st, st, shown{st, h}, h)
	h.Groups, h.Thread = b, b.ThreadURL
	m.watchSlack(b.Sockets)

	listener, err := net.Listen("tcp", cfg.HTTP.Listen)
	if err != nil {
		return engine.Wrap(engine.Unavailable, err, "http.listen: the address cannot be had")
	}
	ready := func(ctx context.Context) error { return errors.Join(st.Ping(ctx), b.Ready()) }
	server := newServer(m.traces.incoming(m.incoming(routes(h, secrets, m, ready))))

	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return b.Run(ctx) })
	g.Go(func() error { return st.Work(ctx, m.measured(m.traces.tasks(h.Tasks()))) })
	g.Go(func() error { return serveHTTP(ctx, server, listener) })
	g.Go(func() error {
		handlers.Watching{Leases: st, Holder: replica(), TTL: leaseTTL, Log: log}.Run(ctx, watched(cfg, clusters, lookFor, observing{st, m.traces}, log))
		return nil
	})
	if !secrets.HeartbeatURL.IsZero() {
		g.Go(func() error { h.Heartbeat(ctx, secrets.HeartbeatURL, cfg.Heartbeat.Every, ready); return nil })
	}
	log.InfoContext(ctx, "serving", "listen", listener.Addr().String(), "clusters", len(clusters), "replica", replica())
	return g.Wait()
}

// shown is what messages show: the store's rows, and what the configuration adds to some.
type shown struct {
	*store.Store
	handlers *handlers.Handlers
}

// Story implements bot.Content.
func (s shown) Story(ctx context.Context, id int64) (engine.Story, error) {
	return s.handlers.Story(ctx, id)
}

// migrate brings the schema up to this version.
func migrate(ctx context.Context, _ string, w io.Writer) error {
	secrets, err := readSecrets("DATABASE_URL")
	if err != nil {
		return err
	}
	if err := store.Migrate(ctx, secrets.DatabaseURL.Reveal()); err != nil {
		return err
	}
	_, err = io.WriteString(w, "the database is up to date\n")
	return err
}

// replica names this process among its equals. It is the same after a restart, so that a replica takes over what it held.
func replica() string {
	host, err := os.Hostname()
	if err != nil {
		host = "autopilot"
	}
	return cmp.Or(os.Getenv("AUTOPILOT_REPLICA"), os.Getenv("POD_NAME"), host)
}

func logLevel() slog.Level {
	var level slog.Level
	if err := level.UnmarshalText([]byte(os.Getenv("AUTOPILOT_LOG_LEVEL"))); err != nil {
		return slog.LevelInfo
	}
	return level
}

// watched gives each cluster's watch, which tells the store what it sees, and that of its metrics.
func watched(cfg Config, clusters []connected, w *handlers.Waste, st observing, log *slog.Logger) []handlers.Watched {
	var all []handlers.Watched
	for _, c := range clusters {
		all = append(all, alongside(handlers.Watched{
			Name:   c.kube.Name(),
			Watch:  func(ctx context.Context) error { return c.kube.Watch(ctx, st) },
			Status: c.kube.Status,
		}, watchMetrics(cfg, c, w, st, log)))
	}
	return all
}

// edges gives the handlers what they ask of each cluster.
func edges(cfg Config, clusters []connected) []handlers.Cluster {
	var all []handlers.Cluster
	for _, c := range clusters {
		e := handlers.Cluster{
			Name: c.kube.Name(), Owner: c.kube.Owner, Logs: logsOf(c, cfg.Logs.Lines), Collectors: collectors(cfg, c),
			Source: handlers.Source{Hints: hints(c, clusters), Value: c.kube.Value}, Remedy: c.kube,
		}
		if c.alertmanager != nil {
			e.Alertmanager, e.Receiver = c.alertmanager, c.receiver
		}
		all = append(all, e)
	}
	return all
}

// collectors give the evidence of a cluster's incidents: what Kubernetes says, what the numbers say where there is a Prometheus, and what a Loki kept.
func collectors(cfg Config, c connected) []rca.Collector {
	near := c.kube.Neighbors()
	all := append(kube.Collectors(c.kube), near)
	if c.prometheus != nil {
		all = append(all, c.prometheus.Suspects(prom.NearConfig{MeterConfig: cfg.meter(c.kube.Name()), Near: near.Near}))
	}
	if c.loki != nil {
		all = append(all, c.loki)
	}
	return all
}
