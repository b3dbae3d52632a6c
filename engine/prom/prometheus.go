package prom

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/eks-autopilot/autopilot/engine"
)

// Prometheus is a Prometheus, or what speaks its API. Its methods may be called at the same time.
type Prometheus struct {
	url  string
	api  v1.API
	long *http.Client // for answers that are read as they come
	now  func() time.Time
	log  *slog.Logger
}

// Sample is one value of one series.
type Sample struct {
	Labels map[string]string
	Value  float64
	At     time.Time
}

// Connect prepares a Prometheus. It fails with Invalid for an address that cannot be one; it does not speak to it.
func Connect(cfg Config) (*Prometheus, error) {
	base, client, err := cfg.connect()
	if err != nil {
		return nil, err
	}
	c, err := api.NewClient(api.Config{Address: base, Client: client})
	if err != nil {
		return nil, engine.Wrap(engine.Invalid, err, "the address "+base+" cannot be used")
	}
	p := &Prometheus{url: strings.TrimSuffix(base, "/"), api: v1.NewAPI(c), long: patient(client), now: cfg.Now, log: cfg.Log}
	if p.now == nil {
		p.now = time.Now
	}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	return p, nil
}

// Query gives an instant vector; a scalar is a vector of one without labels. It fails with Invalid for a query that
// Prometheus does not understand or that has another type, and with Unavailable when Prometheus does not answer.
func (p *Prometheus) Query(ctx context.Context, q string, at time.Time) ([]Sample, error) {
	value, _, _, err := p.api.Query(ctx, q, at)
	if err != nil {
		return nil, asked(err)
	}
	switch v := value.(type) {
	case model.Vector:
		out := make([]Sample, len(v))
		for i, s := range v {
			out[i] = Sample{Labels: labels(s.Metric), Value: float64(s.Value), At: s.Timestamp.Time().UTC()}
		}
		return out, nil
	case *model.Scalar:
		return []Sample{{Value: float64(v.Value), At: v.Timestamp.Time().UTC()}}, nil
	}
	return nil, engine.Errorf(engine.Invalid, "the query gives a %s, not a vector", value.Type())
}

func labels(m model.Metric) map[string]string {
	out := make(map[string]string, len(m))
	for k, v := range maps.All(m) {
		out[string(k)] = string(v)
	}
	return out
}

func asked(err error) error {
	var e *v1.Error
	if !errors.As(err, &e) {
		return engine.Wrap(engine.Unavailable, err, "Prometheus does not answer")
	}
	switch e.Type {
	case v1.ErrBadData:
		return engine.Wrap(engine.Invalid, err, "Prometheus does not understand the query")
	case v1.ErrClient:
		return engine.Wrap(engine.Forbidden, err, "Prometheus refuses the query")
	}
	return engine.Wrap(engine.Unavailable, err, "Prometheus could not answer the query")
}

// Check tries whether Prometheus answers queries, and whether it scrapes anything.
func (p *Prometheus) Check(ctx context.Context) []engine.Check {
	const area = "prometheus"
	up, err := p.Query(ctx, "count(up == 1)", p.now())
	switch {
	case err != nil:
		return []engine.Check{engine.Missed("prometheus-unreachable", engine.CheckFail, area, "query "+p.url, err.Error(), "an answer", "check the address, the network path and the token")}
	case len(up) == 0:
		return []engine.Check{engine.Missed("prometheus-no-targets", engine.CheckWarn, area, "query "+p.url, "no target is up", "targets that are scraped", "check Prometheus' scrape configuration")}
	}
	return []engine.Check{engine.Passed(area, "query "+p.url, strconv.FormatFloat(up[0].Value, 'f', -1, 64)+" targets are up")}
}
