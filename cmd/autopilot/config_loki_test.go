package main

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// TestALokiIsAsked connects a cluster whose Loki has a certificate of its own and asks for a password: its collector, its Show logs and its
// rows in doctor are those of that Loki.
func TestALokiIsAsked(t *testing.T) {
	var asked []string
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		asked = append(asked, user+":"+password+"@"+r.Header.Get("X-Scope-OrgID")+" "+r.URL.Query().Get("query"))
		at := strconv.FormatInt(time.Now().UnixNano(), 10)
		_, _ = io.WriteString(w, `{"status":"success","data":{"resultType":"streams","result":[{"stream":{"pod":"db-0","container":"db"},"values":[["`+at+`","FATAL: token=hunter2"]]}]}}`)
	}))
	defer srv.Close()
	dir := t.TempDir()
	ca, kubeconfig := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "absent")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	cl := ClusterConfig{Name: "prod", Kubeconfig: kubeconfig, Loki: &LokiConfig{URL: srv.URL, Tenant: "team-a", Username: "reader", CAFile: ca, Match: map[string]string{"cluster": "prod"}}}
	m := newMetrics()
	c, err := connectCluster(t.Context(), cl, Secrets{LokiToken: "pa55"}, LogsConfig{Lines: 10}, m, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Clusters: []ClusterConfig{cl}, Logs: LogsConfig{Lines: 10}}
	i := engine.Incident{Workload: engine.Workload{Cluster: "prod", Namespace: "pay", Kind: "StatefulSet", Name: "db"}, StartedAt: time.Now()}
	collected := false
	for _, collector := range collectors(cfg, c) {
		if collector.Name() != "loki" {
			continue
		}
		found, err := collector.Collect(t.Context(), i)
		collected = err == nil && len(found) == 1 && found[0].Text == "FATAL: token=***"
		if !collected {
			t.Errorf("collected %+v, %v", found, err)
		}
	}
	if !collected {
		t.Error("nothing was collected")
	}
	if excerpt, err := edges(cfg, []connected{c})[0].Logs(t.Context(), i); err != nil || excerpt.Store != "Loki" || len(excerpt.Lines) != 1 {
		t.Errorf("Show logs, where the cluster does not answer: %+v, %v", excerpt, err)
	}
	if len(asked) != 2 || !strings.HasPrefix(asked[0], "reader:pa55@team-a ") || !strings.Contains(asked[0], `cluster="prod"`) {
		t.Errorf("asked %q", asked)
	}
	rows := checkCluster(t.Context(), cfg, cl, Secrets{LokiToken: "pa55"}, slog.New(slog.DiscardHandler))
	passed := false
	for _, row := range rows {
		passed = passed || row.Area == "loki" && row.OK
	}
	if !passed {
		t.Errorf("doctor has no row of Loki: %+v", rows)
	}

	for _, file := range []string{kubeconfig, os.Args[0]} { // absent, and no certificate
		bad := cl
		bad.Loki = &LokiConfig{URL: srv.URL, CAFile: file}
		if _, err := connectCluster(t.Context(), bad, Secrets{}, LogsConfig{}, nil, slog.New(slog.DiscardHandler)); engine.CodeOf(err) != engine.Invalid {
			t.Errorf("certificates of %s: %v; want invalid", file, err)
		}
	}
}

func TestShowLogsAsksWhatIsKept(t *testing.T) {
	answers := func(store string, err error) func(context.Context, engine.Incident) (engine.LogExcerpt, error) {
		return func(context.Context, engine.Incident) (engine.LogExcerpt, error) {
			return engine.LogExcerpt{Store: store}, err
		}
	}
	gone, away, not := engine.Errorf(engine.NotFound, "gone"), engine.Errorf(engine.Unavailable, "away"), engine.Errorf(engine.Forbidden, "not allowed")
	for _, tt := range []struct {
		name       string
		node, kept error
		wantStore  string
		wantErr    error
	}{
		{"the node has it", nil, away, "node", nil},
		{"the node lost it", gone, nil, "Loki", nil},
		{"the node is away", away, nil, "Loki", nil},
		{"nobody has it", gone, away, "node", gone},
		{"the node may not be asked", not, nil, "node", not},
	} {
		got, err := orKept(answers("node", tt.node), answers("Loki", tt.kept))(t.Context(), engine.Incident{})
		if got.Store != tt.wantStore || !errors.Is(err, tt.wantErr) {
			t.Errorf("%s: %q, %v; want %q, %v", tt.name, got.Store, err, tt.wantStore, tt.wantErr)
		}
	}
}
