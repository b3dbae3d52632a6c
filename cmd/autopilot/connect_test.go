package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
)

// TestAClusterThatIsAwayKeepsNoOtherFromBeingWatched connects one whose EKS refuses, one whose kubeconfig is not there and one
// whose API server does not answer: each is watched, and says for itself what is wrong.
func TestAClusterThatIsAwayKeepsNoOtherFromBeingWatched(t *testing.T) {
	refuses := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Amzn-ErrorType", "AccessDeniedException")
		w.WriteHeader(http.StatusForbidden)
	}))
	defer refuses.Close()
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": refuses.URL, "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
	} {
		t.Setenv(name, value)
	}
	absent, silent := filepath.Join(t.TempDir(), "absent"), filepath.Join(t.TempDir(), "silent")
	err := os.WriteFile(silent, []byte(`{apiVersion: v1, kind: Config, current-context: a, contexts: [{name: a, context: {cluster: a, user: u}}],
clusters: [{name: a, cluster: {server: "https://127.0.0.1:1"}}], users: [{name: u, user: {token: t}}]}`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Clusters: []ClusterConfig{
		{Name: "refused", EKS: &EKSConfig{Name: "refused", Region: "eu-central-1"}},
		{Name: "absent", Kubeconfig: absent},
		{Name: "silent", Kubeconfig: silent},
	}}
	clusters, err := connectClusters(t.Context(), cfg, Secrets{}, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatalf("nothing is watched: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	want := map[string]string{"refused": "AccessDenied", "absent": absent, "silent": "connection refused"}
	for _, w := range watched(cfg, clusters, nil, observing{}, slog.New(slog.DiscardHandler)) {
		done := make(chan error)
		go func() { done <- w.Watch(ctx) }()
		defer func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("%s: %v", w.Name, err)
			}
		}()
		for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
			_, problem := w.Status()
			if strings.HasPrefix(problem, "cannot watch anything: ") && strings.Contains(problem, want[w.Name]) {
				delete(want, w.Name)
				break
			}
			if time.Since(began) > 20*time.Second {
				t.Errorf("%s: %q; want the reason %q", w.Name, problem, want[w.Name])
				break
			}
		}
	}
	if diff := cmp.Diff(map[string]string{}, want); diff != "" {
		t.Errorf("not watched: %s", diff)
	}
	if _, err := clusters[0].kube.LogsOf(t.Context(), engine.Incident{Workload: engine.Workload{Kind: "Pod", Namespace: "a", Name: "b"}}); engine.CodeOf(err) != engine.Unavailable {
		t.Errorf("logs of a cluster that is away: %v", err)
	}
}
