package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime"
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
	Routes  []string // paths that are served beside /
	Callees []string // host:port or host:port/path; each request asks them all
	Timeout time.Duration
	Reuse   time.Duration // of connections to callees; 0 for one a request
	Work    Work
	Fault   Fault
	Seed    uint64
	Log     *slog.Logger
}

// Service answers requests by calling its callees. Its fault may be changed
// while it serves.
type Service struct {
	cfg      Config
	caller   *caller
	registry *prometheus.Registry
	duration *prometheus.HistogramVec
	requests *prometheus.CounterVec
	stopping atomic.Bool

	mu    sync.Mutex // guards what follows
	fault Fault
	rng   *rand.Rand
}

// NewService makes a service; Handler serves it.
func NewService(cfg Config) *Service {
	registry := prometheus.NewRegistry()
	labels := []string{"code", "method", "route"}
	s := &Service{
		cfg:      cfg,
		caller:   newCaller(cfg.Timeout, cfg.Reuse, registry),
		registry: registry,
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "http_request_duration_seconds", Help: "How long requests took, those of health checks and metrics left out.",
			Buckets: prometheus.DefBuckets,
		}, labels),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "http_requests_total", Help: "Requests that were answered, those of health checks and metrics left out.",
		}, labels),
		fault: cfg.Fault,
		rng:   rand.New(rand.NewPCG(cfg.Seed, 0)), //nolint:gosec // A seed that gives the same faults again is what is wanted.
	}
	registry.MustRegister(s.duration, s.requests, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return s
}

// Handler serves the work at / and the configured routes, health at /healthz and /readyz, /metrics, and the fault at /_fault. Health says
// nothing of callees: a service that is taken out because another is ill makes the outage larger.
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", s.serveWork("/"))
	for _, route := range s.cfg.Routes {
		mux.HandleFunc(route, s.serveWork(route))
	}
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

// Answer is the body of a request's answer.
type Answer struct {
	Service string `json:"service"`
	Error   string `json:"error,omitempty"`
	Calls   []Call `json:"calls,omitempty"`
}

func (s *Service) serveWork(route string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		status, body := s.work(r.Context())
		took := time.Since(began)
		labels := []string{strconv.Itoa(status), method(r), route}
		s.duration.WithLabelValues(labels...).Observe(took.Seconds())
		s.requests.WithLabelValues(labels...).Inc()
		if status != http.StatusOK {
			s.cfg.Log.WarnContext(r.Context(), "request failed", "route", route, "status", status, "error", body.Error, "took", took.String())
		}
		answer(w, status, body)
	}
}

// work is delayed, fails, or does its own part and calls all callees side by side.
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
	held := s.cfg.Work.do()
	defer runtime.KeepAlive(held)
	body.Calls = make([]Call, len(s.cfg.Callees))
	var calls sync.WaitGroup
	for i, callee := range s.cfg.Callees {
		calls.Go(func() { body.Calls[i] = s.caller.call(ctx, callee, time.Now()) })
	}
	calls.Wait()
	return s.outcome(ctx, body)
}

// outcome is 504 when a callee was too slow, or had one that was, 502 when one failed otherwise. It names the first of them.
func (s *Service) outcome(ctx context.Context, body Answer) (int, Answer) {
	if ctx.Err() != nil {
		body.Error = "the caller has gone"
		return 499, body
	}
	status := http.StatusOK
	for _, c := range body.Calls {
		why := c.failed()
		if why == "" {
			continue
		}
		if body.Error == "" {
			body.Error, status = why, http.StatusBadGateway
		}
		if c.timeout || c.Status == http.StatusGatewayTimeout {
			status = http.StatusGatewayTimeout
		}
	}
	return status, body
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
