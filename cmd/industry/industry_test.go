package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func service(cfg Config) *Service {
	cfg.Log = slog.New(slog.DiscardHandler)
	if cfg.Timeout == 0 {
		cfg.Timeout = 5 * time.Second
	}
	return NewService(cfg)
}

func do(s *Service, method, path, body string) (int, string) {
	rec := httptest.NewRecorder()
	s.Handler().ServeHTTP(rec, httptest.NewRequest(method, path, strings.NewReader(body)))
	return rec.Code, rec.Body.String()
}

// listen serves a service as a callee and gives its host:port.
func listen(t *testing.T, s *Service) string {
	t.Helper()
	server := httptest.NewServer(s.Handler())
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func TestItCallsItsCallees(t *testing.T) {
	well := listen(t, service(Config{Name: "well", Routes: []string{"/orders"}}))
	ill := listen(t, service(Config{Name: "ill", Fault: Fault{ErrorRate: 1}}))
	gone := httptest.NewServer(nil)
	gone.Close()
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGatewayTimeout) }))
	defer slow.Close()
	late := slow.Listener.Addr().String()
	tests := []struct {
		name    string
		callees []string
		status  int
		error   string
	}{
		{"none", nil, 200, ""},
		{"one that is well", []string{well}, 200, ""},
		{"one of two fails", []string{well, ill}, 502, "callee " + ill + " answered 500 Internal Server Error"},
		{"one that is gone", []string{gone.Listener.Addr().String()}, 502, "callee GONE: dial tcp GONE: connect: connection refused"},
		{"a route that it has", []string{well + "/orders"}, 200, ""},
		{"a route that it has not", []string{well + "/nowhere"}, 502, "callee " + well + "/nowhere answered 404 Not Found"},
		{"one whose callee is too slow", []string{late}, 504, "callee " + late + " answered 504 Gateway Timeout"},
	}
	for _, tt := range tests {
		status, body := do(service(Config{Name: "front", Callees: tt.callees}), http.MethodGet, "/", "")
		var got Answer
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatalf("%s: %v in %s", tt.name, err, body)
		}
		if want := strings.ReplaceAll(tt.error, "GONE", gone.Listener.Addr().String()); status != tt.status || got.Error != want || got.Service != "front" || len(got.Calls) != len(tt.callees) {
			t.Errorf("%s: %d %s, want %d with error %q", tt.name, status, body, tt.status, tt.error)
		}
	}
}

func TestFaultsAreSetShownAndEnded(t *testing.T) {
	s := service(Config{})
	if status, body := do(s, http.MethodPost, "/_fault", `{"error_rate": 1}`); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	if status, _ := do(s, http.MethodGet, "/", ""); status != 500 {
		t.Errorf("with error rate 1: %d", status)
	}
	if _, body := do(s, http.MethodGet, "/_fault", ""); body != `{"error_rate":1,"delay":"0s"}`+"\n" {
		t.Errorf("shown: %s", body)
	}
	// What is shown can be set again; an empty object heals.
	if status, body := do(s, http.MethodPost, "/_fault", `{}`); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	if status, _ := do(s, http.MethodGet, "/", ""); status != 200 {
		t.Errorf("healed: %d", status)
	}
}

func TestBadFaultsAreRefusedAndChangeNothing(t *testing.T) {
	s := service(Config{Fault: Fault{Delay: time.Millisecond}})
	for body, want := range map[string]string{
		`{"error_rate": 1.5}`:  "want 0 to 1",
		`{"error_rate": -0.1}`: "want 0 to 1",
		`{"delay": "soon"}`:    "such as 300ms",
		`{"delay": "2h"}`:      "want 0s to 1m0s",
		`{"delay": "-1s"}`:     "want 0s to 1m0s",
		`{"latency": "1s"}`:    "latency",
		`slow`:                 "want JSON",
		"":                     "want JSON",
		`{"delay": "` + strings.Repeat("9", 2000): "too large",
	} {
		if status, got := do(s, http.MethodPost, "/_fault", body); status != 400 || !strings.Contains(got, want) {
			t.Errorf("%.40s: %d %q, want 400 with %q", body, status, got, want)
		}
	}
	if _, body := do(s, http.MethodGet, "/_fault", ""); body != `{"error_rate":0,"delay":"1ms"}`+"\n" {
		t.Errorf("the fault is now %s", body)
	}
}

func TestErrorRateIsAShareAndRepeatsWithItsSeed(t *testing.T) {
	outcomes := func(seed uint64) (failed int, all string) {
		s := service(Config{Seed: seed, Fault: Fault{ErrorRate: 0.3}})
		for range 1000 {
			status, _ := do(s, http.MethodGet, "/", "")
			if status == 500 {
				failed++
			}
			all += fmt.Sprint(status)
		}
		return failed, all
	}
	failed, first := outcomes(1)
	if failed < 250 || failed > 350 {
		t.Errorf("%d of 1000 failed at rate 0.3", failed)
	}
	if _, again := outcomes(1); again != first {
		t.Error("the same seed chose other requests")
	}
	if _, other := outcomes(2); other == first {
		t.Error("another seed chose the same requests")
	}
}

func TestDelayEndsWithTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := service(Config{Fault: Fault{Delay: 3 * time.Second}})
		began := time.Now()
		if status, _ := s.work(t.Context()); status != 200 || time.Since(began) != 3*time.Second {
			t.Errorf("%d after %s, want 200 after 3s", status, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began = time.Now()
		if status, _ := s.work(ctx); status != 499 || time.Since(began) != time.Second {
			t.Errorf("%d after %s, want 499 after 1s", status, time.Since(began))
		}
	})
}

func TestMetricsCountWorkAlone(t *testing.T) {
	s := service(Config{Routes: []string{"/orders"}})
	do(s, http.MethodGet, "/", "")
	do(s, "BREW", "/orders", "")
	do(s, http.MethodGet, "/healthz", "")
	do(s, http.MethodGet, "/nowhere", "")
	s.fault.ErrorRate = 1
	do(s, http.MethodPost, "/", "")
	_, metrics := do(s, http.MethodGet, "/metrics", "")
	var got []string
	for line := range strings.Lines(metrics) {
		if strings.HasPrefix(line, "http_request_duration_seconds_count") || strings.HasPrefix(line, "http_requests_total") {
			got = append(got, strings.TrimSpace(line))
		}
	}
	want := []string{
		`http_request_duration_seconds_count{code="200",method="GET",route="/"} 1`,
		`http_request_duration_seconds_count{code="200",method="other",route="/orders"} 1`,
		`http_request_duration_seconds_count{code="500",method="POST",route="/"} 1`,
		`http_requests_total{code="200",method="GET",route="/"} 1`,
		`http_requests_total{code="200",method="other",route="/orders"} 1`,
		`http_requests_total{code="500",method="POST",route="/"} 1`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	caller := service(Config{Callees: []string{listen(t, s)}})
	do(caller, http.MethodGet, "/", "")
	_, ofCaller := do(caller, http.MethodGet, "/metrics", "")
	names := map[string]bool{}
	for line := range strings.Lines(ofCaller) {
		if name := line[:strings.IndexAny(line, "{ ")]; strings.HasPrefix(name, "http_") {
			names[name] = true
		}
	}
	kept, err := os.ReadFile("../../test/query/names/industry.txt") // which test/query holds rules and dashboards to
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Fields(string(kept)), slices.Sorted(maps.Keys(names))); diff != "" {
		t.Errorf("test/query/names/industry.txt is not what is scraped (-kept +scraped):\n%s", diff)
	}
	// The thresholds of the shipped alert must be bucket bounds, or they are guessed at.
	for _, bound := range []string{`le="0.5"`, `le="1"`} {
		if !strings.Contains(metrics, bound) {
			t.Errorf("no bucket %s", bound)
		}
	}
}

func TestBadFlagsAreRefused(t *testing.T) {
	for args, want := range map[string]string{
		"-callees=cart":   "want host:port",
		"-callees=:8080":  "want host:port",
		"-callees=a:http": "want host:port",
		"-routes=orders":  "want a path",
		"-routes=/readyz": "none that is there anyway",
		"-routes=/{id}":   "want a path",
		"-cpu=1m":         "want 0s to 10s",
		"-alloc=-1":       "want 0 to",
		"-timeout=0":      "want a timeout above 0s",
		"-log=xml":        "want json or text",
		"-error-rate=2":   "want 0 to 1",
		"-error-rate=NaN": "want 0 to 1",
		"-delay=1":        "such as 300ms",
		"-delay=5m":       "want 0s to 1m0s",
		"-port=80":        "not defined",
		"serve":           "unexpected argument",
		"-listen=nowhere": "missing port",

		"load":                               "no targets",
		"load -targets a:1 -rate 0":          "want above 0",
		"load -targets a:1 -rate NaN":        "want above 0",
		"load -targets a:1 -pattern waves":   "want one of [steady day burst]",
		"load -targets a:1 -period -1s":      "want above 0s",
		"load -targets a:1 -pending 0":       "want 1 or more",
		"load -targets a:1 -duration -1s":    "none of the others below",
		"load -targets a:1 -listen nowhere":  "missing port",
		"load -targets gateway":              "want host:port",
		"load -targets a:1 -rate 5 for-ever": "unexpected argument",
	} {
		if err := run(t.Context(), strings.Fields(args), io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %q", args, err, want)
		}
	}
}

func TestItStopsGracefully(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var log bytes.Buffer
	called, answers := make(chan struct{}), make(chan struct{})
	callee := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(called)
		<-answers
	}))
	defer callee.Close()
	s := NewService(Config{Name: "cart", Callees: []string{callee.Listener.Addr().String()}, Timeout: time.Minute, Log: slog.New(slog.NewJSONHandler(&log, nil))})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	base := "http://" + ln.Addr().String()
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, ln, s, 2*time.Second, s.cfg.Log) }()

	get := func(path string) int {
		resp, err := http.Get(base + path)
		if err != nil {
			return 0
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	if got := get("/readyz"); got != 200 {
		t.Fatalf("ready: %d", got)
	}
	slow := make(chan int, 1)
	go func() { slow <- get("/") }()
	<-called
	cancel()
	for !s.stopping.Load() {
		time.Sleep(time.Millisecond)
	}
	if ready, healthy := get("/readyz"), get("/healthz"); ready != 503 || healthy != 200 {
		t.Errorf("while it drains: ready %d, healthy %d; want 503 and 200", ready, healthy)
	}
	close(answers)
	if got := <-slow; got != 200 {
		t.Errorf("the request under way: %d, want 200", got)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if got := get("/healthz"); got != 0 {
		t.Errorf("it answers after its end: %d", got)
	}
	for line := range strings.Lines(log.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("log line is no JSON: %s", line)
		}
	}
	if !strings.Contains(log.String(), `"msg":"stopped"`) {
		t.Errorf("log: %s", &log)
	}
}

func FuzzReadFault(f *testing.F) {
	f.Add(`{"error_rate": 0.3, "delay": "300ms"}`)
	f.Add(`{"delay": "1h"}`)
	f.Add(`{}`)
	f.Fuzz(func(t *testing.T, body string) {
		fault, err := readFault(strings.NewReader(body))
		if err != nil {
			return
		}
		if err := fault.check(); err != nil {
			t.Fatalf("%q gave %+v: %v", body, fault, err)
		}
		wire, err := json.Marshal(fault)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := readFault(bytes.NewReader(wire)); err != nil || again != fault {
			t.Fatalf("%q became %s, which reads as %+v, %v", body, wire, again, err)
		}
	})
}
