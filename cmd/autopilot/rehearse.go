package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/bot"
	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/prom"
	"github.com/eks-autopilot/autopilot/handlers"
)

const rehearseUsage = `autopilot rehearse takes the alerts and the metrics that Prometheus still holds through the rules by which the bot decides, and looks for waste
once. It says which incidents and findings the bot would have told, where, in how many messages, and which alerts are the noisiest.

It needs the configuration and the way to Prometheus. It writes to no database, asks nothing that is billed, and speaks to Slack with -post alone.
Nobody acts in a rehearsal: nothing is acknowledged, and no cause is looked for, since nobody can ask a cluster how it was.

`

// rehearseOrder is what one call of autopilot rehearse asks for.
type rehearseOrder struct {
	config, cluster, out string
	days                 int
	post, noWaste        bool
	noMetrics            bool
	now                  time.Time
}

// rehearseCommand is autopilot rehearse: it gives the exit code, 2 for a call that cannot be understood.
func rehearseCommand(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o := rehearseOrder{now: time.Now()}
	flags := flag.NewFlagSet("rehearse", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		_, _ = io.WriteString(stderr, rehearseUsage)
		flags.PrintDefaults()
	}
	flags.StringVar(&o.config, "config", configFile(), "the configuration file")
	flags.IntVar(&o.days, "days", 14, "how many days back, 1 to 90")
	flags.StringVar(&o.cluster, "cluster", "", "this cluster alone")
	flags.StringVar(&o.out, "o", "", "the file; the standard output when there is none")
	flags.BoolVar(&o.post, "post", false, "tell it in the channel of rehearsal.channel too")
	flags.BoolVar(&o.noMetrics, "no-metrics", false, "leave metrics out: they take Prometheus and this program minutes for thousands of workloads")
	flags.BoolVar(&o.noWaste, "no-waste", false, "do not look for waste")
	if code, ok := parsed(flags, args, stderr); !ok {
		return code
	}
	if o.days < 1 || o.days > 90 {
		_, _ = fmt.Fprintf(stderr, "autopilot rehearse: -days %d is not 1 to 90\n", o.days)
		return 2
	}
	if err := rehearse(ctx, o, stdout, stderr); err != nil {
		_, _ = fmt.Fprintf(stderr, "autopilot rehearse: %v\n", err)
		return 1
	}
	return 0
}

func rehearse(ctx context.Context, o rehearseOrder, stdout, notes io.Writer) error {
	cfg, err := readConfig(o.config)
	if err != nil {
		return err
	}
	var clusters []ClusterConfig
	for _, cl := range cfg.Clusters {
		if o.cluster == "" || cl.Name == o.cluster {
			clusters = append(clusters, cl)
		}
	}
	if len(clusters) == 0 {
		return engine.Errorf(engine.Invalid, "there is no cluster %q in the configuration", o.cluster)
	}
	if o.post && cfg.Rehearsal.Channel == "" {
		return engine.Errorf(engine.Invalid, "-post needs a channel: set rehearsal.channel in the configuration")
	}
	var needed []string
	if o.post {
		needed = []string{"SLACK_BOT_TOKEN"}
	}
	secrets, err := readSecrets(needed...)
	if err != nil {
		return err
	}
	r, err := replayed(ctx, cfg, clusters, secrets, o, notes)
	if err != nil {
		return err
	}
	if !o.noWaste && cfg.Waste != nil {
		r.look(ctx, cfg, clusters, secrets, o)
	}
	var page bytes.Buffer
	if err := r.write(&page); err != nil {
		return err
	}
	if err := into(o.out, stdout, func(w io.Writer) error { _, err := w.Write(page.Bytes()); return err }); err != nil {
		return err
	}
	if !o.post {
		return nil
	}
	b := bot.New(bot.Config{BotToken: secrets.SlackBotToken, APIURL: cfg.Slack.APIURL, Log: slog.New(slog.DiscardHandler)}, nil, nil, nil, nil)
	return b.Share(ctx, cfg.Rehearsal.Channel, r.headline(), engine.File{Name: "rehearsal.txt", Title: "Rehearsal", Content: page.String()})
}

// replayed reads the alerts and the metrics of the clusters and takes them through the rules. A cluster whose Prometheus does not answer is a gap, unless it
// is the only one.
func replayed(ctx context.Context, cfg Config, clusters []ClusterConfig, secrets Secrets, o rehearseOrder, notes io.Writer) (rehearsed, error) {
	to := o.now.UTC().Truncate(time.Minute)
	r := rehearsed{from: to.AddDate(0, 0, -o.days), to: to}
	var all []engine.Observation
	var failed error
	read := 0
	alerts := map[string][]engine.Alert{}
	for _, cl := range clusters {
		if cl.Prometheus == "" {
			r.gaps = append(r.gaps, engine.Gap{Collector: cl.Name, Reason: "no Prometheus is configured"})
			continue
		}
		p, err := prom.Connect(prom.Config{URL: cl.Prometheus, Bearer: secrets.PrometheusToken, Timeout: time.Minute})
		if err == nil {
			_, _ = fmt.Fprintf(notes, "reading %d days of alerts of %s\n", o.days, cl.Name)
			alerts[cl.Name], err = p.AlertHistory(ctx, cl.PrometheusLabels, r.from, to)
		}
		if err != nil {
			failed = fmt.Errorf("cluster %s: %w", cl.Name, err)
			r.gaps = append(r.gaps, engine.Gap{Collector: cl.Name, Reason: err.Error()})
			continue
		}
		read++
		observed, left := handlers.Observations(cl.Name, alerts[cl.Name])
		all = append(all, observed...)
		r.alerts, r.left = r.alerts+len(alerts[cl.Name]), r.left+left
		if !o.noMetrics && cfg.Anomalies.on() {
			_, _ = fmt.Fprintf(notes, "reading %d days of metrics of %s\n", o.days, cl.Name)
			all = append(all, r.recall(ctx, cfg, cl.Name, p)...)
		}
	}
	if read == 0 && failed != nil {
		return r, failed
	}
	r.Rehearsal = handlers.Replay(all, cfg.rules(), r.from, to)
	for name, list := range alerts {
		for _, n := range handlers.Noise(name, list, r.Incidents, to) {
			r.noisy = append(r.noisy, noisy{name, n})
		}
	}
	slices.SortFunc(r.noisy, noisier)
	return r, nil
}

// recall takes the metrics of a cluster through the watch. What of them cannot be had is a gap.
func (r *rehearsed) recall(ctx context.Context, cfg Config, cluster string, p *prom.Prometheus) []engine.Observation {
	w := handlers.NewRecall(cluster, cfg.Anomalies.rules())
	past, err := p.Meter(cfg.meter(cluster)).Past(ctx, r.from, r.to, w.Owner, func(m prom.Moment) { w.At(m.At, m.Values, m.Pods) })
	r.gaps = append(r.gaps, past.Gaps...)
	if err != nil {
		r.gaps = append(r.gaps, engine.Gap{Collector: "metrics of " + cluster, Reason: fmt.Sprintf("%d instants were read, then: %v", past.Instants, err)})
	}
	r.instants, r.watched, r.strange = r.instants+past.Instants, r.watched+w.Workloads(), r.strange+w.Strange()
	return w.Observations()
}

// look looks for waste as the bot does, and keeps nothing.
func (r *rehearsed) look(ctx context.Context, cfg Config, clusters []ClusterConfig, secrets Secrets, o rehearseOrder) {
	log := slog.New(slog.DiscardHandler)
	cfg.Clusters = clusters
	connections, err := connectClusters(ctx, cfg, secrets, nil, log)
	if err == nil {
		var w *handlers.Waste
		if w, _, err = wasteParts(ctx, cfg, connections, handlers.Thrifty{}, log); err == nil {
			r.waste, err = handlers.Findings(ctx, w, o.cluster, o.now, log)
			r.looked = err == nil
		}
	}
	if err != nil {
		r.gaps = append(r.gaps, engine.Gap{Collector: "waste", Reason: err.Error()})
	}
}
