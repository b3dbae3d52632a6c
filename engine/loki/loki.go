// Package loki reads container logs from Grafana Loki: those that a node no longer keeps, as its pod was deleted, the log was rotated, or
// the node is gone.
//
// cmd/autopilot connects it where the configuration has one; the handlers diagnose with its Collector, show its Tail, and doctor asks its
// Check.
package loki

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/rca"
)

// Config says how a Loki is reached and how it names things.
type Config struct {
	URL      string            // with the path prefix, if any, and without /loki/api
	Tenant   string            // sent as X-Scope-OrgID; "" sends none, as a Loki of one tenant wants
	Username string            // with it, Token is the password of basic authentication
	Token    engine.Secret     // without a Username, sent as the bearer token; "" sends none
	Labels   Labels            // of the streams
	Match    map[string]string // what else the streams of this cluster have, such as cluster: prod-eu
	Timeout  time.Duration     // of one request; 0 means 7 s, which leaves a collector the time to say so

	Transport http.RoundTripper // nil means http.DefaultTransport
	Now       func() time.Time  // nil means time.Now
}

// Labels are the names of the labels that say whose log a stream is. Promtail, Alloy and deploy/observability's fluent-bit write the
// defaults; OpenTelemetry's collector writes k8s_namespace_name and the like.
type Labels struct {
	Namespace string // "" means namespace
	Pod       string // "" means pod
	Container string // "" means container
}

const (
	maxBody   = 4 << 20 // bytes of an answer
	maxLines  = 1000    // of an answer; Loki takes up to 5,000 where nobody changed it
	fewLines  = 50      // fewer are not asked for where Loki allows fewer than we want
	askAtOnce = 2       // diagnoses that ask at the same time: a storm of incidents must not be one of queries
)

// Loki is a Grafana Loki, or what speaks its API. Its methods may be called at the same time.
type Loki struct {
	base   string
	cfg    Config
	client *http.Client
	turns  chan struct{}
}

// Connect prepares a Loki. It fails with Invalid for an address that cannot be one; it does not speak to it.
func Connect(cfg Config) (*Loki, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, engine.Errorf(engine.Invalid, "%q is not an address like http://loki:3100", cfg.URL)
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, engine.Errorf(engine.Invalid, "the address of %s must have no password, query or fragment; use a token", u.Host)
	}
	for name, otherwise := range map[*string]string{&cfg.Labels.Namespace: "namespace", &cfg.Labels.Pod: "pod", &cfg.Labels.Container: "container"} {
		if *name == "" {
			*name = otherwise
		}
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 7 * time.Second
	}
	if cfg.Transport == nil {
		cfg.Transport = http.DefaultTransport
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Loki{
		base: strings.TrimSuffix(u.String(), "/"), cfg: cfg, client: &http.Client{Timeout: cfg.Timeout, Transport: cfg.Transport},
		turns: make(chan struct{}, askAtOnce),
	}, nil
}

// Trusting is http.DefaultTransport that trusts, beside what the system does, the certificates of a PEM file. It fails with Invalid for a
// file that has none.
func Trusting(pem []byte) (http.RoundTripper, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, engine.Errorf(engine.Invalid, "the file has no certificate in PEM")
	}
	t := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // net/http documents its type.
	t.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	return t, nil
}

// stream is the log of one container, oldest line first.
type stream struct {
	pod, container string
	lines          []rca.LogLine
}

// answer is what query_range answers a query of logs with. Values are pairs of nanoseconds and a line; newer versions may add a third part.
type answer struct {
	Status string `json:"status"`
	Data   struct {
		ResultType string `json:"resultType"`
		Result     []struct {
			Stream map[string]string   `json:"stream"`
			Values [][]json.RawMessage `json:"values"`
		} `json:"result"`
	} `json:"data"`
}

// read gives the newest lines that a selector finds from a time to, but without, another; and whether there may be more. The logs are
// clean, and ordered by pod and container.
func (l *Loki) read(ctx context.Context, selector string, from, to time.Time, limit int) (streams []stream, more bool, err error) {
	body, status, err := l.ask(ctx, selector, from, to, limit)
	for err == nil && status == http.StatusBadRequest && strings.Contains(string(body), "max entries limit") && limit > fewLines {
		limit = max(fewLines, limit/4)
		body, status, err = l.ask(ctx, selector, from, to, limit)
	}
	switch {
	case err != nil:
		return nil, false, err
	case status != http.StatusOK:
		return nil, false, refused(status, body)
	}
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		return nil, false, engine.Wrap(engine.Unavailable, err, "what answers is not Loki: it sent no JSON of it")
	}
	if a.Status != "success" || a.Data.ResultType != "streams" {
		return nil, false, engine.Errorf(engine.Unavailable, "Loki answered with status %q and a result of type %q; success and streams are wanted", a.Status, a.Data.ResultType)
	}
	streams, count, err := l.fold(&a)
	return streams, count >= limit, err
}

// fold makes one log of the streams of each container: a collector may label what went to stderr, or each level, by itself.
func (l *Loki) fold(a *answer) (streams []stream, count int, err error) {
	at := map[[2]string]int{}
	for _, r := range a.Data.Result {
		key := [2]string{r.Stream[l.cfg.Labels.Pod], r.Stream[l.cfg.Labels.Container]}
		n, ok := at[key]
		if !ok {
			n, at[key] = len(streams), len(streams)
			streams = append(streams, stream{pod: key[0], container: key[1]})
		}
		for _, v := range r.Values {
			line, err := readValue(v)
			if err != nil {
				return nil, 0, engine.Wrap(engine.Unavailable, err, "Loki's answer has a line that is not a time and a text")
			}
			streams[n].lines = append(streams[n].lines, line)
			count++
		}
	}
	for _, s := range streams {
		slices.Reverse(s.lines) // lines of one instant came newest first, too
		slices.SortStableFunc(s.lines, func(a, b rca.LogLine) int { return a.At.Compare(b.At) })
		rca.CleanLines(s.lines)
	}
	slices.SortFunc(streams, func(a, b stream) int { return strings.Compare(a.pod+"\x00"+a.container, b.pod+"\x00"+b.container) })
	return streams, count, nil
}

func readValue(v []json.RawMessage) (rca.LogLine, error) {
	if len(v) < 2 {
		return rca.LogLine{}, errors.New("too short")
	}
	var nanos, text string
	if err := errors.Join(json.Unmarshal(v[0], &nanos), json.Unmarshal(v[1], &text)); err != nil {
		return rca.LogLine{}, err
	}
	ns, err := strconv.ParseInt(nanos, 10, 64)
	if err != nil {
		return rca.LogLine{}, err
	}
	return rca.LogLine{At: time.Unix(0, ns).UTC(), Text: unwrap(text)}, nil
}

// ask sends one query_range and gives the body and the status of the answer.
func (l *Loki) ask(ctx context.Context, selector string, from, to time.Time, limit int) ([]byte, int, error) {
	query := url.Values{
		"query": {selector}, "limit": {strconv.Itoa(limit)}, "direction": {"backward"},
		"start": {strconv.FormatInt(from.UnixNano(), 10)}, "end": {strconv.FormatInt(to.UnixNano(), 10)},
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, l.base+"/loki/api/v1/query_range?"+query.Encode(), nil)
	if err != nil {
		return nil, 0, engine.Wrap(engine.Invalid, err, "the address of Loki cannot be used")
	}
	r.Header.Set("Accept", "application/json")
	if l.cfg.Tenant != "" {
		r.Header.Set("X-Scope-OrgID", l.cfg.Tenant)
	}
	switch {
	case l.cfg.Username != "":
		r.SetBasicAuth(l.cfg.Username, l.cfg.Token.Reveal())
	case !l.cfg.Token.IsZero():
		r.Header.Set("Authorization", "Bearer "+l.cfg.Token.Reveal())
	}
	resp, err := l.client.Do(r)
	if err != nil {
		return nil, 0, silent(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	switch {
	case err != nil:
		return nil, 0, silent(err)
	case len(body) > maxBody:
		return nil, 0, engine.Errorf(engine.Unavailable, "Loki's answer is longer than %d MiB", maxBody>>20)
	}
	return body, resp.StatusCode, nil
}

func silent(err error) error {
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		// Not the deadline's own error: whoever waited for it would say how long it is, and not who was late.
		return engine.Errorf(engine.Unavailable, "Loki does not answer in time")
	}
	return engine.Wrap(engine.Unavailable, err, "Loki does not answer")
}

// refused turns an answer that is not 200 into an error.
func refused(status int, body []byte) error {
	said := "Loki answered " + strconv.Itoa(status)
	if text, _ := rca.Redact(rca.Printable(strings.TrimSpace(string(body[:min(len(body), 300)])))); text != "" {
		said += ": " + strconv.Quote(text)
	}
	switch {
	case status == http.StatusNotFound:
		return engine.Errorf(engine.NotFound, "%s", said)
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return engine.Errorf(engine.Forbidden, "%s", said)
	case status == http.StatusTooManyRequests, status >= 500:
		return engine.Errorf(engine.Unavailable, "%s", said)
	}
	return engine.Errorf(engine.Invalid, "%s", said)
}
