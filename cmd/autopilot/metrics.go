package main

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	process "github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/store"
)

// metrics are the bot's own: rate, errors and duration of everything that comes in, goes out or is done in the background, and what waits.
type metrics struct {
	registry *prometheus.Registry
	in       *prometheus.HistogramVec
	out      *prometheus.HistogramVec
	tasks    *prometheus.HistogramVec
}

func newMetrics() *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
	histogram := func(name, help string, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "autopilot_" + name, Help: help, Buckets: []float64{.005, .025, .1, .25, .5, 1, 2.5, 5, 10, 30, 120},
		}, labels)
	}
	m.in = histogram("http_request_duration_seconds", "Duration of requests to the bot: webhooks and probes.", "route", "code")
	m.out = histogram("client_request_duration_seconds", "Duration of requests that the bot makes, by whom it asks.", "edge", "code")
	m.tasks = histogram("task_duration_seconds", "Duration of tries of background tasks.", "kind", "outcome")
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "autopilot_build_info", Help: "1, with the version of the program."}, []string{"version"})
	build.WithLabelValues(programVersion()).Set(1)
	m.registry.MustRegister(m.in, m.out, m.tasks, build, process.NewGoCollector(), process.NewProcessCollector(process.ProcessCollectorOpts{}))
	return m
}

// page serves the metrics.
func (m *metrics) page() http.Handler { return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}) }

// incoming measures what a handler is asked.
func (m *metrics) incoming(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began, seen := time.Now(), &statusWriter{ResponseWriter: w, code: http.StatusOK}
		next.ServeHTTP(seen, r)
		route := r.Pattern // which the router has filled in
		if route == "" {
			route = "other"
		}
		m.in.WithLabelValues(route, strconv.Itoa(seen.code)).Observe(time.Since(began).Seconds())
	})
}

type statusWriter struct {
	http.ResponseWriter
	code int
}

func (w *statusWriter) WriteHeader(code int) {
	w.code = code
	w.ResponseWriter.WriteHeader(code)
}

// transport is http.DefaultTransport, measured. Nobody measures for nil.
func (m *metrics) transport(edge string) http.RoundTripper {
	if m == nil {
		return http.DefaultTransport
	}
	return m.around(edge)(http.DefaultTransport)
}

// around measures what is asked of an edge: slack, kubernetes, prometheus, alertmanager, github. The code is "error" where none came.
// Time counts until an answer begins, so that a watch of Kubernetes, which is open for as long as it may be, is no slow request.
func (m *metrics) around(edge string) func(http.RoundTripper) http.RoundTripper {
	if m == nil {
		return nil
	}
	return func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			began := time.Now()
			response, err := next.RoundTrip(r)
			code := "error"
			if err == nil {
				code = strconv.Itoa(response.StatusCode)
			}
			m.out.WithLabelValues(edge, code).Observe(time.Since(began).Seconds())
			return response, err
		})
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// measured measures each try of a task.
func (m *metrics) measured(tasks map[engine.TaskKind]func(context.Context, engine.Task) error) map[engine.TaskKind]func(context.Context, engine.Task) error {
	all := make(map[engine.TaskKind]func(context.Context, engine.Task) error, len(tasks))
	for kind, do := range tasks {
		all[kind] = func(ctx context.Context, t engine.Task) error {
			began := time.Now()
			err := do(ctx, t)
			m.tasks.WithLabelValues(string(kind), outcome(err)).Observe(time.Since(began).Seconds())
			return err
		}
	}
	return all
}

func outcome(err error) string {
	if _, waits := errors.AsType[*engine.Waiting](err); waits {
		return "waits"
	}
	if err != nil {
		return string(engine.CodeOf(err))
	}
	return "done"
}

// backlog shows what waits in the database, asked when somebody looks.
type backlog struct {
	read                                                           func(context.Context) (store.Backlog, error)
	up, tasks, taskAge, messages, messageAge, payloads, payloadAge *prometheus.Desc
	open, median, p95, detected                                    *prometheus.Desc
}

func newBacklog(read func(context.Context) (store.Backlog, error)) *backlog {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("autopilot_"+name, help, labels, nil)
	}
	return &backlog{
		read:       read,
		up:         desc("database_up", "Whether the database answered when these metrics were asked for."),
		tasks:      desc("tasks_due", "Background tasks that are due and not begun, of all replicas.", "kind"),
		taskAge:    desc("tasks_due_age_seconds", "For how long the oldest task has been due.", "kind"),
		messages:   desc("messages_waiting", "Messages that Slack does not show yet as they should be."),
		messageAge: desc("messages_waiting_age_seconds", "Since when the oldest of them was first wanted."),
		payloads:   desc("payloads_waiting", "Commands, clicks and events that are kept and not answered."),
		payloadAge: desc("payloads_waiting_age_seconds", "For how long the oldest of them has been kept."),
		open:       desc("incidents_open", "Incidents that are not resolved.", "severity"),
		median:     desc("detection_delay_median_seconds", "Median time from the start of a problem to its incident, of those opened in the last hour."),
		p95:        desc("detection_delay_p95_seconds", "The same, of which 95 in 100 took no longer."),
		detected:   desc("incidents_detected_last_hour", "Incidents opened in the last hour."),
	}
}

// Describe implements prometheus.Collector.
func (b *backlog) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{b.up, b.tasks, b.taskAge, b.messages, b.messageAge, b.payloads, b.payloadAge, b.open, b.median, b.p95, b.detected} {
		out <- d
	}
}

// Collect implements prometheus.Collector. While the database does not answer, that is all that is shown of it.
func (b *backlog) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	now, err := b.read(ctx)
	if err != nil {
		gauge(b.up, 0)
		return
	}
	gauge(b.up, 1)
	for _, k := range now.Tasks {
		gauge(b.tasks, float64(k.Count), k.Kind)
		gauge(b.taskAge, k.Age.Seconds(), k.Kind)
	}
	gauge(b.messages, float64(now.Messages.Count))
	gauge(b.messageAge, now.Messages.Age.Seconds())
	gauge(b.payloads, float64(now.Payloads.Count))
	gauge(b.payloadAge, now.Payloads.Age.Seconds())
	for _, s := range []engine.Severity{engine.Critical, engine.Warning, engine.Info} {
		gauge(b.open, float64(now.Open[string(s)]), string(s))
	}
	gauge(b.detected, float64(now.Detected))
	if now.Detected > 0 {
		gauge(b.median, now.DetectMedian.Seconds())
		gauge(b.p95, now.DetectP95.Seconds())
	}
}
