package main

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/handlers"
	"github.com/eks-autopilot/autopilot/store"
)

// rowsFor is how long what the database said is shown: however many ask for the metrics, it is not asked more often.
const rowsFor = 10 * time.Second

// rows shows what the database says of all replicas: what waits, how well the bot does, what was saved.
type rows struct {
	backlog func(context.Context) (store.Backlog, error)
	vitals  func(context.Context) (store.Vitals, error)
	// experiments, where it is not nil, is all that is asked: the process that does them says nothing of the rest.
	experiments func(context.Context) (store.ExperimentVitals, error)
	clusters    []string                  // of the configuration: one that has no row is not watched
	next        func(time.Time) time.Time // when the scan after one is due; nil where nothing is looked for
	now         func() time.Time
	began       time.Time                   // from when on a scan is expected, where there was none
	descs       map[string]*prometheus.Desc // by name

	mu    sync.Mutex
	at    time.Time           // when the database was asked
	shown []prometheus.Metric // what it said
}

// vitals shows what the database says.
func vitals(st *store.Store, cfg Config, w *handlers.Waste) *rows {
	r := rows{backlog: st.Backlog, vitals: st.Vitals, now: time.Now}
	for _, c := range cfg.Clusters {
		r.clusters = append(r.clusters, c.Name)
	}
	if w != nil {
		r.next = w.Next
	}
	return r.begin()
}

// queue shows what waits for the process that does experiments.
func queue(st *store.Store) *rows {
	r := rows{experiments: st.ExperimentVitals, now: time.Now}
	return r.begin()
}

// begin makes it ready to be registered.
func (r *rows) begin() *rows {
	r.began, r.descs = r.now(), map[string]*prometheus.Desc{}
	for _, d := range []struct {
		name, help string
		labels     []string
	}{
		{"database_up", "Whether the database answered when these metrics were asked for.", nil},
		{"tasks_due", "Background tasks that are due and not begun, of all replicas.", []string{"kind"}},
		{"tasks_due_age_seconds", "For how long the oldest task has been due.", []string{"kind"}},
		{"messages_waiting", "Messages that Slack does not show yet as they should be.", nil},
		{"messages_waiting_age_seconds", "Since when the oldest of them was first wanted.", nil},
		{"messages_failing", "Messages that were tried five times or more, in vain.", nil},
		{"payloads_waiting", "Commands, clicks and events that are kept and not answered.", nil},
		{"payloads_waiting_age_seconds", "For how long the oldest of them has been kept.", nil},
		{"incidents_open", "Incidents that are not resolved.", []string{"severity"}},
		{"incidents_detected_last_hour", "Incidents opened in the last hour.", nil},
		{"detection_delay_median_seconds", "Median time of a step, of the incidents opened in the last hour: incident from the start of the problem, card and cause from the incident.", []string{"step"}},
		{"detection_delay_p95_seconds", "The same, of which 95 in 100 took no longer.", []string{"step"}},
		{"cluster_watched", "Whether a replica watches the cluster, and can.", []string{"cluster"}},
		{"cluster_synced_age_seconds", "Since when what is known of the cluster is not current.", []string{"cluster"}},
		{"watchdog_age_seconds", "For how long the always-firing alert of the cluster has not come.", []string{"cluster"}},
		{"scan_due_timestamp_seconds", "When the scan for waste after the last good one is due.", nil},
		{"scan_failed", "Whether the last scan for waste gave no findings.", nil},
		{"scan_duration_seconds", "How long the last scan for waste took.", nil},
		{"scan_gaps", "What the last scan for waste could not have.", nil},
		{"scan_queries", "Queries of Prometheus that the last scan made.", nil},
		{"scan_samples", "Samples that Prometheus read for the last scan.", nil},
		{"scan_billed_dollars", "What AWS charges for the calls of the last scan.", nil},
		{"experiments_waiting", "Experiments that were asked for and that no process has planned.", nil},
		{"experiments_waiting_age_seconds", "For how long the oldest of them has waited.", nil},
		{"experiments_stranded", "Experiments under way that no process holds, and those of the last hour of which it was not seen that nothing is left.", nil},
		{"findings_open", "Findings of waste that are open.", []string{"kind", "cluster"}},
		{"findings_monthly_dollars", "What they cost a month.", []string{"kind", "cluster"}},
		{"savings_dollars", "What the ledger says: approved and implemented a month, verified in all.", []string{"step", "kind", "cluster"}},
	} {
		r.descs[d.name] = prometheus.NewDesc("autopilot_"+d.name, d.help, d.labels, nil)
	}
	return r
}

// Describe implements prometheus.Collector.
func (r *rows) Describe(out chan<- *prometheus.Desc) {
	for _, d := range r.descs {
		out <- d
	}
}

// Collect implements prometheus.Collector. While the database does not answer, that is all that is shown of it.
func (r *rows) Collect(out chan<- prometheus.Metric) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := r.now(); r.shown == nil || now.Sub(r.at) >= rowsFor {
		r.at, r.shown = now, nil
		r.ask()
	}
	for _, m := range r.shown {
		out <- m
	}
}

func (r *rows) gauge(name string, value float64, labels ...string) {
	r.shown = append(r.shown, prometheus.MustNewConstMetric(r.descs[name], prometheus.GaugeValue, value, labels...))
}

func (r *rows) ask() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if r.experiments != nil {
		r.askExperiments(ctx)
		return
	}
	waits, err := r.backlog(ctx)
	if err != nil {
		r.gauge("database_up", 0)
		return
	}
	does, err := r.vitals(ctx)
	if err != nil {
		r.gauge("database_up", 0)
		return
	}
	r.gauge("database_up", 1)
	r.waiting(waits)
	r.noticing(does)
	if r.next != nil {
		r.scanning(does.Scan)
	}
	for _, f := range does.Findings {
		r.gauge("findings_open", float64(f.Count), f.Kind, f.Cluster)
		r.gauge("findings_monthly_dollars", dollars(f.Monthly), f.Kind, f.Cluster)
	}
	for _, s := range does.Saved {
		r.gauge("savings_dollars", dollars(s.Amount), s.Step, s.Type, s.Cluster)
	}
	r.breaking(does.Experiments)
}

func (r *rows) askExperiments(ctx context.Context) {
	does, err := r.experiments(ctx)
	if err != nil {
		r.gauge("database_up", 0)
		return
	}
	r.gauge("database_up", 1)
	r.breaking(does)
}

// breaking shows what waits for the process that does experiments, and what nobody ended.
func (r *rows) breaking(v store.ExperimentVitals) {
	r.gauge("experiments_waiting", float64(v.Waiting.Count))
	r.gauge("experiments_waiting_age_seconds", v.Waiting.Age.Seconds())
	r.gauge("experiments_stranded", float64(v.Stranded))
}

func (r *rows) waiting(b store.Backlog) {
	for _, k := range b.Tasks {
		r.gauge("tasks_due", float64(k.Count), k.Kind)
		r.gauge("tasks_due_age_seconds", k.Age.Seconds(), k.Kind)
	}
	r.gauge("messages_waiting", float64(b.Messages.Count))
	r.gauge("messages_waiting_age_seconds", b.Messages.Age.Seconds())
	r.gauge("messages_failing", float64(b.Failing.Count))
	r.gauge("payloads_waiting", float64(b.Payloads.Count))
	r.gauge("payloads_waiting_age_seconds", b.Payloads.Age.Seconds())
	for _, s := range []engine.Severity{engine.Critical, engine.Warning, engine.Info} {
		r.gauge("incidents_open", float64(b.Open[string(s)]), string(s))
	}
}

// noticing shows how soon problems are noticed, and whether they can be.
func (r *rows) noticing(v store.Vitals) {
	r.gauge("incidents_detected_last_hour", float64(v.Detected))
	for _, d := range v.Delays {
		r.gauge("detection_delay_median_seconds", d.Median.Seconds(), d.Step)
		r.gauge("detection_delay_p95_seconds", d.P95.Seconds(), d.Step)
	}
	known := map[string]store.ClusterVitals{}
	for _, c := range v.Clusters {
		known[c.Name] = c
	}
	for _, name := range r.clusters {
		c, ok := known[name]
		watched := 0.0
		if c.Watched {
			watched = 1
		}
		r.gauge("cluster_watched", watched, name)
		if ok && c.Synced != store.Unknown {
			r.gauge("cluster_synced_age_seconds", c.Synced.Seconds(), name)
		}
		if ok && c.Watchdog != store.Unknown {
			r.gauge("watchdog_age_seconds", c.Watchdog.Seconds(), name)
		}
	}
}

// scanning shows when a scan is due, and what the last one took.
func (r *rows) scanning(s store.ScanVitals) {
	from := s.Good
	if from.IsZero() {
		from = r.began
	}
	r.gauge("scan_due_timestamp_seconds", float64(r.next(from).Unix()))
	if s.Last.IsZero() {
		return
	}
	failed := 0.0
	if s.Failed {
		failed = 1
	}
	r.gauge("scan_failed", failed)
	r.gauge("scan_duration_seconds", s.Took.Seconds())
	r.gauge("scan_gaps", float64(s.Gaps))
	r.gauge("scan_queries", float64(s.Cost.Queries))
	r.gauge("scan_samples", float64(s.Cost.Samples))
	r.gauge("scan_billed_dollars", dollars(s.Cost.BilledAmount))
}

func dollars(m engine.MicroUSD) float64 { return float64(m) / float64(engine.USD) }
