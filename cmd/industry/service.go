package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Config is what a service is started with.
type Config struct {
	Name    string
	Callees []string // host:port
	Timeout time.Duration
	Fault   Fault
	Seed    uint64
	Log     *slog.Logger
}

// Service answers requests by calling its callees. Its fault may be changed
// while it serves.
type Service struct {
	cfg      Config
	client   *http.Client
	registry *prometheus.Registry
	duration *prometheus.HistogramVec
	stopping atomic.Bool

	mu    sync.Mutex // guards what follows
	fault Fault
	rng   *rand.Rand
}

// NewService makes a service; Handler serves it.
func NewService(cfg Config) *Service {
	s := &Service{
		cfg:      cfg,
		client:   &http.Client{Timeout: cfg.Timeout},
		registry: prometheus.NewRegistry(),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "http_request_duration_seconds", Help: "How long requests took, those of health checks and metrics left out.",
			Buckets: prometheus.DefBuckets,
		}, []string{"method", "code"}),
		fault: cfg.Fault,
		rng:   rand.New(rand.NewPCG(cfg.Seed, 0)), //nolint:gosec // A seed that gives the same faults again is what is wanted.
	}
	s.registry.MustRegister(s.duration, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return s
}

// Handler serves the work at /, health at /healthz and /readyz, /metrics, and
// the fault at /_fault.
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", s.serveWork)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if s.stopping.Load() {
			http.Error(w, "stopping", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /_fault", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		answer(w, http.StatusOK, s.fault)
	})
	mux.HandleFunc("POST /_fault", s.setFault)
	return mux
}

// Call is how one callee answered.
type Call struct {
	Callee string `json:"callee"`
	Status int    `json:"status,omitempty"` // 0 when there was no answer
	Error  string `json:"error,omitempty"`
	Millis int64  `json:"ms"`
}

// Answer is the body of a request's answer.
type Answer struct {
	Service string `json:"service"`
	Error   string `json:"error,omitempty"`
	Calls   []Call `json:"calls,omitempty"`
}

func (s *Service) serveWork(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	status, body := s.work(r.Context())
	s.duration.WithLabelValues(method(r), strconv.Itoa(status)).Observe(time.Since(began).Seconds())
	if status != http.StatusOK {
		s.cfg.Log.WarnContext(r.Context(), "request failed", "status", status, "error", body.Error, "took", time.Since(began).String())
	}
	answer(w, status, body)
}

// work is delayed, fails or calls all callees side by side.
func (s *Service) work(ctx context.Context) (int, Answer) {
	s.mu.Lock()
	fault, fails := s.fault, s.rng.Float64() < s.fault.ErrorRate
	s.mu.Unlock()
	body := Answer{Service: s.cfg.Name}
	select {
	case <-ctx.Done():
		body.Error = "the caller has gone"
		return 499, body
	case <-time.After(fault.Delay):
	}
	if fails {
		body.Error = "failed as told by its fault"
		return http.StatusInternalServerError, body
	}
	body.Calls = make([]Call, len(s.cfg.Callees))
	var calls sync.WaitGroup
	for i, callee := range s.cfg.Callees {
		calls.Go(func() { body.Calls[i] = s.call(ctx, callee) })
	}
	calls.Wait()
	for _, c := range body.Calls {
		if c.Status != http.StatusOK {
			body.Error = "callee " + c.Callee + " failed"
			return http.StatusBadGateway, body
		}
	}
	return http.StatusOK, body
}

func (s *Service) call(ctx context.Context, callee string) Call {
	began := time.Now()
	c := Call{Callee: callee}
	defer func() { c.Millis = time.Since(began).Milliseconds() }()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+callee+"/", nil)
	if err != nil {
		c.Error = err.Error()
		return c
	}
	resp, err := s.client.Do(req)
	if err != nil {
		c.Error = err.Error()
		return c
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20)) // so that the connection is used again
	c.Status = resp.StatusCode
	return c
}

func (s *Service) setFault(w http.ResponseWriter, r *http.Request) {
	fault, err := readFault(http.MaxBytesReader(w, r.Body, 1<<10))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.fault = fault
	s.mu.Unlock()
	s.cfg.Log.InfoContext(r.Context(), "fault set", "error_rate", fault.ErrorRate, "delay", fault.Delay.String())
	answer(w, http.StatusOK, fault)
}

// method is a request's, or "other": what callers may invent is no label.
func method(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
		return r.Method
	}
	return "other"
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // it fails only when the reader has gone
}
