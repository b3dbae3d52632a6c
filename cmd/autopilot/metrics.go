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
)

// metrics are the bot's own: rate, errors and duration of everything that comes in, goes out or is done in the background, and what waits.
type metrics struct {
	registry *prometheus.Registry
	traces   *tracing // beside what is measured; nil for none
	in       *prometheus.HistogramVec
	out      *prometheus.HistogramVec
	tasks    *prometheus.HistogramVec

	deliveries, rests *prometheus.CounterVec // of the bot alone
	held              *prometheus.GaugeVec   // of the process that does experiments alone
}

// newMetrics are those of the bot.
func newMetrics() *metrics {
	m := measuring("build_info")
	m.deliveries = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "autopilot_slack_deliveries_total", Help: "Tries to show a message, by what came of them."}, []string{"outcome"})
	m.rests = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "autopilot_slack_rest_seconds_total", Help: "For how long methods had to rest, by our own pace or because Slack asked for it.",
	}, []string{"method"})
	for _, o := range []string{"delivery", "failure", "loss", "drop", "pause", "rest"} {
		m.deliveries.WithLabelValues(o) // at 0: the first failure is a change, too
	}
	m.registry.MustRegister(m.deliveries, m.rests)
	return m
}

// newChaosMetrics are those of the process that does experiments. Its build has a name of its own: where the bot's is absent, the bot is down.
func newChaosMetrics() *metrics {
	m := measuring("chaos_build_info")
	m.held = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "autopilot_experiments_held", Help: "Experiments that this process has in hand, by what it does about them."}, []string{"step"})
	for _, step := range []string{"plan", "run", "end", "grade"} {
		m.held.WithLabelValues(step) // at 0, and not absent
	}
	m.registry.MustRegister(m.held)
	return m
}

// measuring is what each process of ours measures.
func measuring(build string) *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
	histogram := func(name, help string, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "autopilot_" + name, Help: help, Buckets: []float64{.005, .025, .1, .25, .5, 1, 2.5, 5, 10, 30, 120},
		}, labels)
	}
	m.in = histogram("http_request_duration_seconds", "Duration of requests to the bot: webhooks and probes.", "route", "code")
	m.out = histogram("client_request_duration_seconds", "Duration of requests that the bot makes, by whom it asks.", "edge", "code")
	m.tasks = histogram("task_duration_seconds", "Duration of tries of background tasks.", "kind", "outcome")
	version := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "autopilot_" + build, Help: "1, with the version of the program."}, []string{"version"})
	version.WithLabelValues(programVersion()).Set(1)
	m.registry.MustRegister(m.in, m.out, m.tasks, version, process.NewGoCollector(), process.NewProcessCollector(process.ProcessCollectorOpts{}))
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

// watchSlack shows how many sockets are open.
func (m *metrics) watchSlack(sockets func() int) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "autopilot_slack_sockets", Help: "Sockets to Slack that are open, of this replica."},
		func() float64 { return float64(sockets()) }))
}

// delivered counts what came of a try to show a message.
func (m *metrics) delivered(outcome string) { m.deliveries.WithLabelValues(outcome).Inc() }

// rested adds up for how long a method of Slack's rests.
func (m *metrics) rested(method string, rest time.Duration) {
	m.rests.WithLabelValues(method).Add(max(rest, 0).Seconds())
}

// asked measures what is asked of an edge otherwise than by HTTP of ours, such as the database.
func (m *metrics) asked(edge, code string, took time.Duration) {
	m.out.WithLabelValues(edge, code).Observe(took.Seconds())
}

// askedAWS measures a try of a call to AWS.
func (m *metrics) askedAWS(ctx context.Context, service, code string, took time.Duration) {
	m.asked("aws/"+service, code, took)
	m.traces.asked(ctx, "aws/"+service, code, took)
}

// around measures what is asked of an edge: slack, kubernetes, prometheus, alertmanager, github, a pager. The code is "error" where none came.
// Time counts until an answer begins, so that a watch of Kubernetes, which is open for as long as it may be, is no slow request.
func (m *metrics) around(edge string) func(http.RoundTripper) http.RoundTripper {
	if m == nil {
		return nil
	}
	return func(next http.RoundTripper) http.RoundTripper {
		next = m.traces.transport(edge, next)
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

// step measures a step of an experiment.
func (m *metrics) step(ctx context.Context, step string, do func(context.Context) error) error {
	m.held.WithLabelValues(step).Inc()
	defer m.held.WithLabelValues(step).Dec()
	began := time.Now()
	err := m.traces.span(ctx, "experiment "+step, do)
	m.tasks.WithLabelValues("experiment_"+step, outcome(err)).Observe(time.Since(began).Seconds())
	return err
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
