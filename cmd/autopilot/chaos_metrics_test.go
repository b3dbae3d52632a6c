package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/store"
	"github.com/eks-autopilot/autopilot/store/storetest"
)

// pageOf is what is scraped.
func pageOf(m *metrics) string {
	w := httptest.NewRecorder()
	m.page().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return w.Body.String()
}

// TestChaosMetrics: the process that does experiments tells what it has in hand and what waits for it, and nothing that only the bot knows:
// were its own build the bot's, nobody would hear that the bot is down.
func TestChaosMetrics(t *testing.T) {
	m := newChaosMetrics()
	var gone error
	clock := time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)
	from := rows{
		experiments: func(context.Context) (store.ExperimentVitals, error) { return well.Experiments, gone },
		now:         func() time.Time { return clock },
	}
	m.registry.MustRegister(from.begin())
	err := m.step(t.Context(), "run", func(context.Context) error {
		if page := pageOf(m); !strings.Contains(page, `autopilot_experiments_held{step="run"} 1`) {
			t.Error("what runs is not held")
		}
		return engine.Errorf(engine.Unavailable, "no answer")
	})
	if engine.CodeOf(err) != engine.Unavailable {
		t.Errorf("the error of a step: %v", err)
	}
	m.askedAWS(t.Context(), "fis", "200", time.Second)
	page := pageOf(m)
	for _, want := range []string{
		`autopilot_experiments_held{step="plan"} 0`, `autopilot_experiments_held{step="run"} 0`, `autopilot_task_duration_seconds_count{kind="experiment_run",outcome="unavailable"} 1`,
		`autopilot_client_request_duration_seconds_count{code="200",edge="aws/fis"} 1`, `autopilot_chaos_build_info{version="`, `process_resident_memory_bytes`,
		`autopilot_database_up 1`, `autopilot_experiments_waiting 1`, `autopilot_experiments_waiting_age_seconds 60`, `autopilot_experiments_stranded 1`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	for _, no := range []string{"autopilot_build_info", "autopilot_slack", "autopilot_incidents_open", "autopilot_scan", "autopilot_messages"} {
		if strings.Contains(page, no) {
			t.Errorf("the metrics have %s, which is the bot's", no)
		}
	}
	if problems, err := testutil.GatherAndLint(m.registry); err != nil || len(problems) > 0 {
		t.Errorf("promlint: %+v, %v", problems, err)
	}
	gone, clock = engine.Errorf(engine.Unavailable, "the database is away"), clock.Add(rowsFor)
	if page = pageOf(m); !strings.Contains(page, "autopilot_database_up 0") || strings.Contains(page, "autopilot_experiments_waiting") {
		t.Error("without a database the metrics still tell what is in it")
	}
}

// TestTheProcessOfExperimentsIsProbed starts it as it is started in production, over a real database.
func TestTheProcessOfExperimentsIsProbed(t *testing.T) {
	former := slog.Default()
	t.Cleanup(func() { slog.SetDefault(former) })
	t.Setenv("AUTOPILOT_DATABASE_URL", storetest.URL(t))
	dir := t.TempDir()
	kubeconfig := filepath.Join(dir, "kubeconfig")
	must(t, os.WriteFile(kubeconfig, []byte(`{apiVersion: v1, kind: Config, current-context: a, contexts: [{name: a, context: {cluster: a, user: u}}],
clusters: [{name: a, cluster: {server: "https://127.0.0.1:1"}}], users: [{name: u, user: {token: t}}]}`), 0o600))
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	address := taken.Addr().String()
	file := filepath.Join(dir, "autopilot.yaml")
	must(t, os.WriteFile(file, fmt.Appendf(nil, "%s  listen: %q\n", strings.Replace(chaosConfig, "/etc/chaos", kubeconfig, 1), address), 0o600))
	if err := experiment(t.Context(), file, io.Discard); engine.CodeOf(err) != engine.Unavailable || !strings.Contains(err.Error(), "chaos.listen") {
		t.Fatalf("where somebody else listens: %v", err)
	}
	must(t, taken.Close())

	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- experiment(ctx, file, io.Discard) }()
	get := func(path string) (int, string) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
		must(t, err)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			return 0, err.Error()
		}
		defer func() { _ = response.Body.Close() }()
		body, err := io.ReadAll(response.Body)
		must(t, err)
		return response.StatusCode, string(body)
	}
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if code, said := get("/readyz"); code == http.StatusOK {
			break
		} else if time.Now().After(end) {
			t.Fatalf("it is not ready: %d %s", code, said)
		}
	}
	for path, want := range map[string]string{"/healthz": "", "/metrics": `autopilot_client_request_duration_seconds_count{code="ok",edge="postgres"}`} {
		if code, said := get(path); code != http.StatusOK || !strings.Contains(said, want) {
			t.Errorf("%s: %d %s", path, code, said)
		}
	}
	if code, _ := get("/webhooks/alertmanager"); code != http.StatusNotFound {
		t.Errorf("it takes webhooks: %d", code)
	}
	stop()
	select {
	case err := <-ended:
		must(t, err)
	case <-time.After(patience):
		t.Fatal("it does not end")
	}
}
