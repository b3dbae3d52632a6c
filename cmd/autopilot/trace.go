package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	tracerName   = "github.com/eks-autopilot/autopilot"
	exportWithin = 5 * time.Second // one export, and the last one when the process ends
	complainMost = time.Minute     // between two lines that say that spans cannot be sent
)

// tracing makes spans at the edges: webhooks, observations, tasks, collectors and requests. nil makes none, and costs nothing.
//
// All spans of an incident, or of an experiment, are of one trace, whichever process makes them and however long they are apart: its id follows from the
// incident's, so that nothing has to be kept or handed on. What begins before its incident is known is of a trace of its own that is linked.
// Spans hold names of edges, kinds, hosts, codes and counts: never a path, a name of a person, a text of an error or a line of a log.
type tracing struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
	sampler  sdk.Sampler
	seed     string
}

// newTracing prepares the sending of traces; nil where the configuration wants none. Spans are sent in the background: a collector that is
// away or slow loses some, and keeps nothing waiting. Two installations that send to one place are told apart by the names of their clusters.
func newTracing(ctx context.Context, cfg Config, log *slog.Logger) (*tracing, error) {
	if cfg.Traces.Endpoint == "" {
		return nil, nil
	}
	exporter, err := newExporter(ctx, cfg.Traces)
	if err != nil {
		return nil, engine.Wrap(engine.Invalid, err, "traces.endpoint cannot be used")
	}
	var complained atomic.Int64
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		now, last := time.Now().UnixNano(), complained.Load()
		if now-last > int64(complainMost) && complained.CompareAndSwap(last, now) {
			log.WarnContext(ctx, "spans are lost", "error", err)
		}
	}))
	t := &tracing{sampler: sdk.TraceIDRatioBased(*cfg.Traces.Sample)} // by the trace's id, so that of an incident all is sent or nothing
	for _, cl := range cfg.Clusters {
		t.seed += cl.Name + "\x00"
	}
	t.provider = sdk.NewTracerProvider(
		sdk.WithBatcher(exporter, sdk.WithExportTimeout(exportWithin)), sdk.WithSampler(t.sampler), sdk.WithIDGenerator(t), sdk.WithResource(traced()),
	)
	t.tracer = t.provider.Tracer(tracerName)
	return t, nil
}

func newExporter(ctx context.Context, cfg TracesConfig, more ...otlptracehttp.Option) (sdk.SpanExporter, error) {
	return otlptracehttp.New(ctx, append(more, otlptracehttp.WithEndpointURL(cfg.Endpoint), otlptracehttp.WithTimeout(exportWithin))...)
}

// traced is what all spans are of.
func traced() *resource.Resource {
	return resource.NewSchemaless(attribute.String("service.name", "autopilot"), attribute.String("service.version", programVersion()), attribute.String("service.instance.id", replica()))
}

// close sends what is left, for a bounded time.
func (t *tracing) close(within time.Duration) {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		otel.Handle(err)
	}
}

// own is the trace of the incident or experiment that ctx is about; ok is false when it is about none.
func (t *tracing) own(ctx context.Context) (id trace.TraceID, ok bool) {
	about := engine.ID(ctx)
	if !strings.HasPrefix(about, "incident/") && !strings.HasPrefix(about, "experiment/") {
		return id, false
	}
	sum := sha256.Sum256([]byte(t.seed + about))
	copy(id[:], sum[:])
	return id, true
}

// NewIDs implements sdk.IDGenerator.
func (t *tracing) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	id, ok := t.own(ctx)
	if !ok {
		_, _ = rand.Read(id[:]) // which never fails
	}
	return id, t.NewSpanID(ctx, id)
}

// NewSpanID implements sdk.IDGenerator.
func (*tracing) NewSpanID(context.Context, trace.TraceID) (id trace.SpanID) {
	_, _ = rand.Read(id[:])
	return id
}

// start begins a span: of the trace of the incident or experiment that ctx is about, and else of the trace of what it is done for.
func (t *tracing) start(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	current := trace.SpanContextFromContext(ctx)
	if own, ok := t.own(ctx); ok && current.TraceID() != own {
		options = append(options, trace.WithNewRoot())
		if current.IsValid() {
			options = append(options, trace.WithLinks(trace.Link{SpanContext: current}))
		}
	}
	return t.tracer.Start(ctx, name, options...)
}

// follows tells whether ctx is of a trace. What is about nothing that is traced, such as a watch of Kubernetes, makes no spans.
func (t *tracing) follows(ctx context.Context) bool {
	_, ok := t.own(ctx)
	return ok || trace.SpanContextFromContext(ctx).IsValid()
}

// ended finishes a span. What an error says may hold what is secret or personal, so that only its code is sent.
func ended(span trace.Span, err error) {
	if said := outcome(err); err != nil && said != "waits" {
		span.SetStatus(codes.Error, said)
	}
	span.End()
}

// answered notes the code of an answer. 400 and above is an error of who asked.
func answered(span trace.Span, code, failing int) {
	span.SetAttributes(attribute.Int("http.response.status_code", code))
	if code >= failing {
		span.SetStatus(codes.Error, "")
	}
}

// lines adds the trace to the lines that are about one, where it is sent.
func (t *tracing) lines(log *slog.Logger) *slog.Logger {
	if t == nil {
		return log
	}
	return slog.New(tracedLines{log.Handler(), t})
}

type tracedLines struct {
	slog.Handler
	t *tracing
}

// Handle implements slog.Handler.
func (l tracedLines) Handle(ctx context.Context, r slog.Record) error {
	current := trace.SpanContextFromContext(ctx)
	id, ok := l.t.own(ctx)
	if !ok || id == current.TraceID() {
		id = current.TraceID()
		if current.IsSampled() {
			r.AddAttrs(slog.String("trace_id", id.String()), slog.String("span_id", current.SpanID().String()))
		}
	} else if l.t.sampler.ShouldSample(sdk.SamplingParameters{ParentContext: ctx, TraceID: id}).Decision == sdk.RecordAndSample {
		r.AddAttrs(slog.String("trace_id", id.String()))
	}
	return l.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (l tracedLines) WithAttrs(attrs []slog.Attr) slog.Handler {
	return tracedLines{l.Handler.WithAttrs(attrs), l.t}
}

// WithGroup implements slog.Handler.
func (l tracedLines) WithGroup(name string) slog.Handler {
	return tracedLines{l.Handler.WithGroup(name), l.t}
}
