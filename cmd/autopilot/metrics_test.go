package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/store"
)

var (
	waits = store.Backlog{
		Tasks: []store.TaskBacklog{{Kind: "diagnose", Waiting: store.Waiting{Count: 3, Age: 90 * time.Second}}}, Messages: store.Waiting{Count: 2, Age: 4 * time.Second},
		Failing: store.Waiting{Count: 1}, Open: map[string]int{"critical": 1},
	}
	well = store.Vitals{
		Detected: 2, Delays: []store.Delay{{Step: "card", Count: 2, Median: 6 * time.Second, P95: 8 * time.Second}},
		Clusters: []store.ClusterVitals{
			{Name: "former", Synced: time.Hour, Watchdog: time.Hour},
			{Name: "lost", Synced: store.Unknown, Watchdog: store.Unknown},
			{Name: "prod", Watched: true, Synced: 3 * time.Second, Watchdog: 40 * time.Second},
		},
		Scan: store.ScanVitals{
			Good: time.Date(2026, 11, 23, 0, 17, 0, 0, time.UTC), Last: time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC), Failed: true, Took: 40 * time.Second, Gaps: 1,
			Cost: engine.ScanCost{Queries: 9, Samples: 5000, BilledAmount: 10_000},
		},
		Experiments: store.ExperimentVitals{Waiting: store.Waiting{Count: 1, Age: time.Minute}, Stranded: 1},
		Findings:    []store.FindingSum{{Kind: "orphan_volume", Cluster: "prod", Count: 2, Monthly: 16 * engine.USD}},
		Saved:       []store.SavedSum{{Type: "orphan_volume", Cluster: "prod", Step: "verified", Amount: engine.USD / 2}},
	}
)

func TestMetrics(t *testing.T) {
	m := newMetrics()
	var gone error
	clock := time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)
	asked := 0
	from := rows{
		backlog: func(context.Context) (store.Backlog, error) { asked++; return waits, gone }, vitals: func(context.Context) (store.Vitals, error) { return well, gone },
		clusters: []string{"prod", "lost", "new"}, next: func(t time.Time) time.Time { return t.Add(6 * time.Hour) }, now: func() time.Time { return clock },
	}
	m.registry.MustRegister(from.begin())
	m.watchSlack(func() int { return 2 })
	m.delivered("delivery")
	m.rested("chat.update", 1500*time.Millisecond)
	m.asked("postgres", "ok", 2*time.Millisecond)

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
		`autopilot_detection_delay_p95_seconds{step="card"} 8`, `autopilot_detection_delay_median_seconds{step="card"} 6`, `autopilot_database_up 1`,
		`autopilot_client_request_duration_seconds_count{code="ok",edge="postgres"} 1`, `autopilot_slack_sockets 2`, `autopilot_messages_failing 1`,
		`autopilot_slack_deliveries_total{outcome="delivery"} 1`, `autopilot_slack_deliveries_total{outcome="drop"} 0`, `autopilot_slack_rest_seconds_total{method="chat.update"} 1.5`,
		`autopilot_cluster_watched{cluster="prod"} 1`, `autopilot_cluster_watched{cluster="lost"} 0`, `autopilot_cluster_watched{cluster="new"} 0`,
		`autopilot_cluster_synced_age_seconds{cluster="prod"} 3`, `autopilot_watchdog_age_seconds{cluster="prod"} 40`,
		`autopilot_scan_due_timestamp_seconds 1.79541462e+09`, `autopilot_scan_failed 1`, `autopilot_scan_duration_seconds 40`, `autopilot_scan_queries 9`, `autopilot_scan_samples 5000`, `autopilot_scan_billed_dollars 0.01`,
		`autopilot_experiments_waiting_age_seconds 60`, `autopilot_experiments_stranded 1`, `autopilot_findings_monthly_dollars{cluster="prod",kind="orphan_volume"} 16`,
		`autopilot_savings_dollars{cluster="prod",kind="orphan_volume",step="verified"} 0.5`,
		`autopilot_build_info{version="`, `process_resident_memory_bytes`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	for _, no := range []string{`cluster="former"`, `autopilot_watchdog_age_seconds{cluster="lost"}`} {
		if strings.Contains(page, no) {
			t.Errorf("the metrics have %s, of a cluster that is not in the configuration, or that never was so", no)
		}
	}
	if strings.Contains(page, "secret") {
		t.Error("the metrics hold what somebody put into an address")
	}
	if problems, err := testutil.GatherAndLint(m.registry); err != nil || len(problems) > 0 {
		t.Errorf("promlint: %+v, %v", problems, err)
	}

	names := "# Scraped from the bot: go test ./cmd/autopilot -run TestMetrics -update\n"
	for line := range strings.Lines(page) {
		switch f := strings.Fields(line); {
		case len(f) != 4 || f[1] != "TYPE" || !strings.HasPrefix(f[2], "autopilot_") && f[2] != "process_resident_memory_bytes":
		case f[3] == "histogram":
			names += f[2] + "_bucket\n" + f[2] + "_count\n" + f[2] + "_sum\n"
		default:
			names += f[2] + "\n"
		}
	}
	const file = "../../test/query/names/autopilot.txt" // which test/query holds rules and dashboards to
	if *update {
		if err := os.WriteFile(file, []byte(names), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if kept, err := os.ReadFile(file); err != nil || string(kept) != names {
		t.Errorf("%s is not what is scraped (%v):\n%s", file, err, cmp.Diff(string(kept), names))
	}
	ask(http.MethodGet, "/metrics")
	if asked != 1 {
		t.Errorf("the database was asked %d times in an instant", asked)
	}
	clock = clock.Add(rowsFor)
	gone = engine.Errorf(engine.Unavailable, "the database is away")
	page = ask(http.MethodGet, "/metrics")
	if !strings.Contains(page, "autopilot_database_up 0") || strings.Contains(page, "autopilot_tasks_due{") {
		t.Error("without a database the metrics still tell what is in it")
	}
	if (*metrics)(nil).around("x") != nil || (*metrics)(nil).transport("x") != http.DefaultTransport {
		t.Error("nobody measures, yet something is put round requests")
	}
}
