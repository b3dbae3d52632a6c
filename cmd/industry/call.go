package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Call is how one callee answered.
type Call struct {
	Callee string `json:"callee"`
	Status int    `json:"status,omitempty"` // 0 when there was no answer
	Error  string `json:"error,omitempty"`  // as Go says it
	Millis int64  `json:"ms"`

	code    string // Status, or what kind of error it was
	timeout bool
}

// failed says what was wrong with a call; "" for nothing.
func (c Call) failed() string {
	switch {
	case c.Error != "":
		return "callee " + c.Callee + ": " + c.Error
	case c.Status >= 400:
		return fmt.Sprintf("callee %s answered %d %s", c.Callee, c.Status, http.StatusText(c.Status))
	}
	return ""
}

// caller sends requests and measures them. Its methods may be called from several goroutines.
type caller struct {
	client *http.Client
	took   *prometheus.HistogramVec
	// reuse is how long connections are kept. A Service spreads connections and not requests, so one that is kept
	// for ever stays with the replica that it found first, and never asks for a name again.
	reuse time.Duration

	mu     sync.Mutex // guards what follows
	closed time.Time  // when idle connections were closed last
}

func newCaller(timeout, reuse time.Duration, registry *prometheus.Registry) *caller {
	c := &caller{
		client: &http.Client{Timeout: timeout, Transport: &http.Transport{
			DialContext: (&net.Dialer{Timeout: timeout}).DialContext, MaxIdleConnsPerHost: 64, IdleConnTimeout: reuse, DisableKeepAlives: reuse == 0,
		}},
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "http_client_request_duration_seconds", Help: "How long requests to others took, whether or not they were answered.",
			Buckets: prometheus.DefBuckets,
		}, []string{"callee", "code"}),
		reuse: reuse,
	}
	registry.MustRegister(c.took)
	return c
}

// call asks a callee, which is host:port with a path or without. since is when the request was due, which its duration is counted from.
func (c *caller) call(ctx context.Context, callee string, since time.Time) Call {
	c.renew()
	answer := Call{Callee: callee}
	status, err := c.ask(ctx, callee)
	took := time.Since(since)
	answer.Status, answer.code, answer.Millis = status, strconv.Itoa(status), took.Milliseconds()
	if err != nil {
		answer.Error, answer.code, answer.timeout = err.Error(), reason(err), timedOut(err)
	}
	c.took.WithLabelValues(callee, answer.code).Observe(took.Seconds())
	return answer
}

func (c *caller) ask(ctx context.Context, callee string) (status int, err error) {
	host, path, _ := strings.Cut(callee, "/")
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+"/"+path, nil)
	if err != nil {
		return 0, err
	}
	resp, err := c.client.Do(req)
	if err != nil {
		// What is asked of whom is said beside it.
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err
		}
		return 0, err
	}
	defer resp.Body.Close()
	// To the end, so that the connection is used again, and an answer that is cut off is no answer.
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20)); err != nil {
		return 0, err
	}
	return resp.StatusCode, nil
}

// renew closes the idle connections when it is time to.
func (c *caller) renew() {
	c.mu.Lock()
	due := c.reuse > 0 && time.Since(c.closed) > c.reuse
	if due {
		c.closed = time.Now()
	}
	c.mu.Unlock()
	if due {
		c.client.CloseIdleConnections()
	}
}

func timedOut(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

// reason is an error as a label.
func reason(err error) string {
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return "dns"
	}
	switch {
	case errors.Is(err, context.Canceled):
		return "canceled"
	case timedOut(err):
		return "timeout"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	}
	return "error"
}

// parseCallees reads a list of host:port or host:port/path.
func parseCallees(list string) ([]string, error) {
	var callees []string
	for callee := range strings.SplitSeq(list, ",") {
		callee = strings.TrimSpace(callee)
		if callee == "" {
			continue
		}
		address, _, _ := strings.Cut(callee, "/")
		host, port, err := net.SplitHostPort(address)
		if n, bad := strconv.Atoi(port); cmp.Or(err, bad) != nil || host == "" || n < 1 || n > 65535 {
			return nil, fmt.Errorf("callee %q: want host:port or host:port/path, such as cart:8080", callee)
		}
		if _, err := url.Parse("http://" + callee); err != nil {
			return nil, fmt.Errorf("callee %q: %w", callee, err)
		}
		callees = append(callees, callee)
	}
	return callees, nil
}
