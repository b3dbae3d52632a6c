package main

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/rca"
	"github.com/eks-autopilot/autopilot/handlers"
	"github.com/eks-autopilot/autopilot/store"
)

// arrival is a webhook that is being handled.
type arrival struct {
	at      time.Time
	request *http.Request
}

type arrivalKey struct{}

// incoming makes a span of each webhook, of a trace of its own.
func (t *tracing) incoming(next http.Handler) http.Handler {
	if t == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			next.ServeHTTP(w, r)
			return
		}
		came := &arrival{at: time.Now()}
		ctx, span := t.start(context.WithValue(r.Context(), arrivalKey{}, came), "webhook", trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(came.at))
		seen := &statusWriter{ResponseWriter: w, code: http.StatusOK}
		came.request = r.WithContext(ctx)
		defer func() {
			span.SetAttributes(attribute.String("http.route", came.request.Pattern)) // which the router has filled in
			answered(span, seen.code, http.StatusInternalServerError)
			span.End()
		}()
		next.ServeHTTP(seen, came.request)
	})
}

// observe makes a span of an observation that concerns an incident, in the incident's trace. Only afterwards is it known which that is. Where
// a webhook told of it, that is where the trace begins: with the time at which it came.
func (t *tracing) observe(ctx context.Context, seen engine.Observation, keep func(context.Context, engine.Observation) error) error {
	if t == nil {
		return keep(ctx, seen)
	}
	began := time.Now()
	err := keep(ctx, seen)
	if _, ok := t.own(ctx); !ok {
		return err
	}
	if came, ok := ctx.Value(arrivalKey{}).(*arrival); ok {
		var span trace.Span
		ctx, span = t.start(ctx, "webhook", trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(came.at), trace.WithAttributes(attribute.String("http.route", came.request.Pattern)))
		defer span.End()
	}
	_, span := t.start(ctx, "observe", trace.WithTimestamp(began), trace.WithAttributes(attribute.String("source", string(seen.Source)), attribute.Int("signals", len(seen.Signals))))
	ended(span, err)
	return err
}

// observing is the store, with a span of each observation.
type observing struct {
	*store.Store
	t *tracing
}

// Observe implements kube.Sink, handlers.Signals and handlers.SeriesStore.
func (o observing) Observe(ctx context.Context, seen engine.Observation) error {
	return o.t.observe(ctx, seen, o.Store.Observe)
}

// tasks makes a span of each try of a task.
func (t *tracing) tasks(tasks map[engine.TaskKind]func(context.Context, engine.Task) error) map[engine.TaskKind]func(context.Context, engine.Task) error {
	if t == nil {
		return tasks
	}
	all := make(map[engine.TaskKind]func(context.Context, engine.Task) error, len(tasks))
	for kind, do := range tasks {
		all[kind] = func(ctx context.Context, task engine.Task) error {
			ctx, span := t.start(ctx, "task "+string(kind), trace.WithAttributes(attribute.Int("attempt", task.Attempt)))
			err := do(ctx, task)
			ended(span, err)
			return err
		}
	}
	return all
}

// span makes one of what is done.
func (t *tracing) span(ctx context.Context, name string, do func(context.Context) error) error {
	if t == nil {
		return do(ctx)
	}
	ctx, span := t.start(ctx, name)
	err := do(ctx)
	ended(span, err)
	return err
}

// collectors makes a span of each collector's work.
func (t *tracing) collectors(all []rca.Collector) []rca.Collector {
	if t == nil {
		return all
	}
	traced := make([]rca.Collector, len(all))
	for n, c := range all {
		traced[n] = tracedCollector{c, t}
	}
	return traced
}

// clusters has the collectors of each make spans.
func (t *tracing) clusters(all []handlers.Cluster) []handlers.Cluster {
	for k := range all {
		all[k].Collectors = t.collectors(all[k].Collectors)
	}
	return all
}

type tracedCollector struct {
	rca.Collector
	t *tracing
}

// Collect implements rca.Collector.
func (c tracedCollector) Collect(ctx context.Context, i engine.Incident) ([]engine.Evidence, error) {
	ctx, span := c.t.start(ctx, "collect "+c.Name())
	found, err := c.Collector.Collect(ctx, i)
	span.SetAttributes(attribute.Int("evidence", len(found)))
	ended(span, err)
	return found, err
}

// slackMethodRE is a method of Slack's Web API at the end of a path. Other paths of Slack's, of files and of answers, hold what is secret.
var slackMethodRE = regexp.MustCompile(`/api/([a-z]+(?:\.[a-zA-Z]+)+)$`)

// transport makes a span of each request that is made for something that is traced. Time counts until an answer begins. Whom it asks is told
// nothing of the trace.
func (t *tracing) transport(edge string, next http.RoundTripper) http.RoundTripper {
	if t == nil {
		return next
	}
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if !t.follows(r.Context()) {
			return next.RoundTrip(r)
		}
		name := edge
		if m := slackMethodRE.FindStringSubmatch(r.URL.Path); edge == "slack" && m != nil {
			name += " " + m[1]
		}
		ctx, span := t.start(r.Context(), name, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
			attribute.String("http.request.method", r.Method), attribute.String("server.address", r.URL.Hostname())))
		response, err := next.RoundTrip(r.WithContext(ctx))
		if err == nil {
			answered(span, response.StatusCode, http.StatusBadRequest)
		}
		ended(span, err)
		return response, err
	})
}

// asked makes a span of what was asked otherwise than by HTTP of ours, such as AWS, for something that is traced.
func (t *tracing) asked(ctx context.Context, edge, code string, took time.Duration) {
	if t == nil || !t.follows(ctx) {
		return
	}
	now := time.Now()
	_, span := t.start(ctx, edge, trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(now.Add(-took)), trace.WithAttributes(attribute.String("code", code)))
	if !strings.HasPrefix(code, "2") {
		span.SetStatus(codes.Error, code)
	}
	span.End(trace.WithTimestamp(now))
}
