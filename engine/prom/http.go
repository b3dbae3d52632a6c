// Package prom asks Prometheus and Alertmanager, and makes silences there. It is the only importer of client_golang/api.
//
// cmd/autopilot connects them by the configuration; the handlers poll alerts, make silences and expire them.
package prom

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// Config says how a Prometheus or an Alertmanager is reached. Mimir and Thanos want a header that names the tenant.
type Config struct {
	URL     string                   // with the path prefix, if any
	Bearer  engine.Secret            // sent as the bearer token; "" sends none
	Headers map[string]engine.Secret // sent as they are
	Timeout time.Duration            // of one request; 0 means 10 s

	Cluster  string // that an Alertmanager is asked about; part of what its silences are known by, as several may share one
	Receiver string // of an Alertmanager: the name of the one that is the bot, for Check; "" means autopilot

	Log       *slog.Logger      // of a Prometheus: what each reading of histories took; nil drops it
	Transport http.RoundTripper // nil means http.DefaultTransport
	Now       func() time.Time  // nil means time.Now
}

const (
	maxBody        = 16 << 20  // bytes of one answer
	maxHistoryBody = 256 << 20 // of one that is read as it comes: 2,000,000 samples are some 65 MiB
)

// connect checks the address and gives a client that adds the headers and bounds the answers.
func (cfg Config) connect() (base string, client *http.Client, err error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return "", nil, engine.Errorf(engine.Invalid, "%q is not an address like http://prometheus:9090", cfg.URL)
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", nil, engine.Errorf(engine.Invalid, "the address of %s must have no password, query or fragment; use a bearer token or headers", u.Host)
	}
	transport := cfg.Transport
	if transport == nil {
		transport = http.DefaultTransport
	}
	timeout := cfg.Timeout
	if timeout <= 0 {
		timeout = 10 * time.Second
	}
	return u.String(), &http.Client{Timeout: timeout, Transport: &gate{cfg: cfg, next: transport, most: maxBody}}, nil
}

// gate adds what the configuration says to every request, and ends an answer that is too long.
type gate struct {
	cfg  Config
	next http.RoundTripper
	most int // bytes of an answer
}

// RoundTrip sends the request.
func (g *gate) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if !g.cfg.Bearer.IsZero() {
		r.Header.Set("Authorization", "Bearer "+g.cfg.Bearer.Reveal())
	}
	for k, v := range g.cfg.Headers {
		r.Header.Set(k, v.Reveal())
	}
	resp, err := g.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusTooManyRequests { // client_golang would take it for a refusal for good
		_ = resp.Body.Close()
		return nil, engine.Errorf(engine.Unavailable, "%s asks us to slow down", r.URL.Host)
	}
	resp.Body = &bounded{ReadCloser: resp.Body, left: g.most, most: g.most}
	return resp, nil
}

type bounded struct {
	io.ReadCloser
	left, most int
}

// Read fails when the answer is longer than we take.
func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= n; b.left < 0 {
		return 0, engine.Errorf(engine.Unavailable, "the answer is longer than %d MiB", b.most>>20)
	}
	return n, err
}

// refused turns an answer that is not 2xx into an error. who is "Alertmanager" or "Prometheus".
func refused(who string, resp *http.Response, body []byte) error {
	said := fmt.Sprintf("%s answered %d", who, resp.StatusCode)
	if len(body) > 0 {
		said += ": " + strconv.Quote(string(body[:min(len(body), 300)]))
	}
	switch {
	case resp.StatusCode == http.StatusNotFound:
		return engine.Errorf(engine.NotFound, "%s", said)
	case resp.StatusCode == http.StatusUnauthorized, resp.StatusCode == http.StatusForbidden:
		return engine.Errorf(engine.Forbidden, "%s", said)
	case resp.StatusCode >= 500:
		return engine.Errorf(engine.Unavailable, "%s", said)
	}
	return engine.Errorf(engine.Invalid, "%s", said)
}
