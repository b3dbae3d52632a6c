package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/store"
)

func TestMetrics(t *testing.T) {
	m := newMetrics()
	waiting := store.Backlog{
		Tasks: []store.TaskBacklog{{Kind: "diagnose", Waiting: store.Waiting{Count: 3, Age: 90 * time.Second}}}, Messages: store.Waiting{Count: 2, Age: 4 * time.Second},
		Open: map[string]int{"critical": 1}, Detected: 2, DetectMedian: 6 * time.Second, DetectP95: 8 * time.Second,
	}
	var gone error
	m.registry.MustRegister(newBacklog(func(context.Context) (store.Backlog, error) { return waiting, gone }))

	// What comes in: by the route that took it, and the answer that it gave.
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", m.page())
	mux.HandleFunc("POST /webhooks/{cluster}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	server := httptest.NewServer(m.incoming(mux))
	defer server.Close()
	ask := func(method, path string) string {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		// What goes out: by edge, and by the answer, or that there was none.
		response, err := (&http.Client{Transport: m.transport("slack")}).Do(r)
		if err != nil {
			return err.Error()
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	ask(http.MethodPost, "/webhooks/prod?token=secret")
	ask(http.MethodGet, "/secret-path")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:1/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if response, err := m.around("github")(http.DefaultTransport).RoundTrip(r); err == nil {
		response.Body.Close()
		t.Error("a port that nobody listens on answered")
	}

	// What is done in the background.
	tasks := m.measured(map[engine.TaskKind]func(context.Context, engine.Task) error{
		"ok":   func(context.Context, engine.Task) error { return nil },
		"away": func(context.Context, engine.Task) error { return engine.Errorf(engine.Unavailable, "no answer") },
		"wait": func(context.Context, engine.Task) error { return &engine.Waiting{For: time.Minute} },
	})
	for kind, do := range tasks {
		_ = do(t.Context(), engine.Task{Kind: kind})
	}

	page := ask(http.MethodGet, "/metrics")
	for _, want := range []string{
		`autopilot_http_request_duration_seconds_count{code="503",route="POST /webhooks/{cluster}"} 1`,
		`autopilot_http_request_duration_seconds_count{code="404",route="other"} 1`,
		`autopilot_client_request_duration_seconds_count{code="503",edge="slack"} 1`,
		`autopilot_client_request_duration_seconds_count{code="error",edge="github"} 1`,
		`autopilot_task_duration_seconds_count{kind="ok",outcome="done"} 1`,
		`autopilot_task_duration_seconds_count{kind="away",outcome="unavailable"} 1`,
		`autopilot_task_duration_seconds_count{kind="wait",outcome="waits"} 1`,
		`autopilot_tasks_due{kind="diagnose"} 3`, `autopilot_tasks_due_age_seconds{kind="diagnose"} 90`,
		`autopilot_messages_waiting 2`, `autopilot_incidents_open{severity="critical"} 1`, `autopilot_incidents_open{severity="info"} 0`,
		`autopilot_detection_delay_p95_seconds 8`, `autopilot_detection_delay_median_seconds 6`, `autopilot_database_up 1`, `autopilot_build_info{version="`, `process_resident_memory_bytes`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if strings.Contains(page, "secret") {
		t.Error("the metrics hold what somebody put into an address")
	}
	if problems, err := testutil.GatherAndLint(m.registry); err != nil || len(problems) > 0 {
		t.Errorf("promlint: %+v, %v", problems, err)
	}

	gone = engine.Errorf(engine.Unavailable, "the database is away")
	page = ask(http.MethodGet, "/metrics")
	if !strings.Contains(page, "autopilot_database_up 0") || strings.Contains(page, "autopilot_tasks_due{") {
		t.Error("without a database the metrics still tell what is in it")
	}
	if (*metrics)(nil).around("x") != nil || (*metrics)(nil).transport("x") != http.DefaultTransport {
		t.Error("nobody measures, yet something is put round requests")
	}
}
