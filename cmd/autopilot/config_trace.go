package main

import (
	"context"
	"net/url"
	"strings"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdk "go.opentelemetry.io/otel/sdk/trace"

	"github.com/eks-autopilot/autopilot/engine"
)

// TracesConfig sends traces to an OpenTelemetry collector, by OTLP over HTTP.
type TracesConfig struct {
	Endpoint string   `yaml:"endpoint"` // URL of the collector; without a path, /v1/traces; empty: no traces
	Sample   *float64 `yaml:"sample"`   // the share of all incidents that is traced, from webhook to message; default 1
}

func (c TracesConfig) withDefaults() TracesConfig {
	if c.Sample == nil {
		all := 1.0
		c.Sample = &all
	}
	if u, err := url.Parse(c.Endpoint); err == nil && u.Host != "" && strings.Trim(u.Path, "/") == "" {
		c.Endpoint = u.JoinPath("/v1/traces").String()
	}
	return c
}

// traces checks where traces are sent. What an exporter would leave out of an address is refused.
func (v *validator) traces(c TracesConfig) {
	where := at{"traces", "endpoint"}
	u, err := url.Parse(c.Endpoint)
	switch {
	case c.Endpoint == "":
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "":
		v.bad(where, "%q is not a URL; such as http://otel-collector.monitoring:4318", c.Endpoint)
	case u.User != nil:
		v.bad(where, "holds a password; OTEL_EXPORTER_OTLP_HEADERS in the environment has what a collector asks for")
	case u.RawQuery != "" || u.Fragment != "":
		v.bad(where, "%q has more than a host and a path; such as http://otel-collector.monitoring:4318", c.Endpoint)
	case u.Port() == "4317":
		v.bad(where, "4317 is a collector's port for gRPC; that for HTTP is 4318, such as http://otel-collector.monitoring:4318")
	}
	if s := *c.Sample; !(s > 0 && s <= 1) {
		v.bad(at{"traces", "sample"}, "%g is out of range; above 0, to 1 for every incident", s)
	}
}

// checkTraces sends one span, so that a collector that answers and takes none is found too.
func checkTraces(ctx context.Context, cfg TracesConfig) []engine.Check {
	const area = "traces"
	if cfg.Endpoint == "" {
		return nil
	}
	provider := sdk.NewTracerProvider(sdk.WithResource(traced()))
	_, span := provider.Tracer(tracerName).Start(ctx, "doctor")
	span.End()
	exporter, err := newExporter(ctx, cfg, otlptracehttp.WithRetry(otlptracehttp.RetryConfig{}))
	if err == nil {
		err = exporter.ExportSpans(ctx, []sdk.ReadOnlySpan{span.(sdk.ReadOnlySpan)})
	}
	if err != nil {
		return []engine.Check{engine.Missed("traces-unreachable", engine.CheckWarn, area, "send", err.Error(), "a collector that takes OTLP over HTTP", "check traces.endpoint; nothing else waits for it")}
	}
	return []engine.Check{engine.Passed(area, "send", "the collector took a span")}
}
