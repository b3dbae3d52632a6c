package kube

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"

	"github.com/eks-autopilot/autopilot/engine"
)

// whereabouts is what a cluster's finder says; it counts how often it is asked.
type whereabouts struct {
	mu    sync.Mutex
	host  string
	err   error
	asked int
}

func (w *whereabouts) find(context.Context) (*rest.Config, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked++
	return &rest.Config{Host: w.host}, w.err
}

func (w *whereabouts) become(host string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.host, w.err = host, err
}

func TestAClusterIsLookedForWithBackOffAndAgainWhenItIsSilent(t *testing.T) {
	paths := make(chan string, 10)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { paths <- r.URL.RequestURI() }))
	defer srv.Close()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	w := &whereabouts{err: errors.New("AccessDenied")}
	r := newReach("prod", func() time.Time { return now }, w.find)
	defer r.CloseIdleConnections()
	ask := func() error {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://prod.invalid/version?x=1", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := r.RoundTrip(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		return err
	}
	steps := []struct {
		after time.Duration
		what  string
		do    func()
		asked int    // in all
		says  string // "" when the request is answered
	}{
		{0, "it cannot be found", nil, 1, "cluster prod cannot be found: AccessDenied"},
		{500 * time.Millisecond, "its back-off lasts", nil, 1, "AccessDenied"},
		{time.Second, "its back-off is over", nil, 2, "AccessDenied"},
		{time.Second, "and was doubled", nil, 2, "AccessDenied"},
		{time.Second, "it is there", func() { w.become(srv.URL+"/proxy/", nil) }, 3, ""},
		{time.Hour, "it still is", nil, 3, ""},
		{time.Second, "it moved, and the old place is silent", func() { w.become(srv.URL, nil); srv.CloseClientConnections(); r.place.base.Host = "127.0.0.1:1" }, 3, "refused"},
		{time.Second, "so it is found anew", nil, 4, ""},
		{time.Second, "silent a moment later", func() { r.place.base.Host = "127.0.0.1:1" }, 4, "refused"},
		{time.Second, "there was a look just now", nil, 4, "refused"},
		{time.Minute, "and nobody says where else it is", func() { w.become("", errors.New("away")) }, 5, "refused"},
	}
	for _, s := range steps {
		now = now.Add(s.after)
		if s.do != nil {
			s.do()
		}
		err := ask()
		if (err == nil) != (s.says == "") || err != nil && !strings.Contains(err.Error(), s.says) {
			t.Errorf("%s: %v; want %q", s.what, err, s.says)
		}
		if w.asked != s.asked {
			t.Errorf("%s: looked for %d times; want %d", s.what, w.asked, s.asked)
		}
	}
	close(paths)
	var got []string
	for p := range paths {
		got = append(got, p)
	}
	if diff := cmp.Diff([]string{"/proxy/version?x=1", "/proxy/version?x=1", "/version?x=1"}, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestACallerWithoutTimeSaysNothingOfTheCluster(t *testing.T) {
	w := &whereabouts{host: "https://x"}
	slow := func(ctx context.Context) (*rest.Config, error) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		return w.find(ctx)
	}
	r := newReach("prod", time.Now, slow)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.at(over); !errors.Is(err, context.Canceled) {
		t.Errorf("without time: %v", err)
	}
	if p, err := r.at(t.Context()); err != nil || p.base.Host != "x" {
		t.Errorf("with time: %v, %v", p, err)
	}
}

// TestAWatchTakesUpAClusterThatComesBack begins while the cluster cannot be found.
func TestAWatchTakesUpAClusterThatComesBack(t *testing.T) {
	kinds := map[string]string{
		"/api/v1/pods": "Pod", "/api/v1/nodes": "Node", "/api/v1/events": "Event", "/api/v1/persistentvolumeclaims": "PersistentVolumeClaim",
		"/apis/apps/v1/deployments": "Deployment", "/apis/apps/v1/replicasets": "ReplicaSet", "/apis/apps/v1/statefulsets": "StatefulSet",
		"/apis/apps/v1/daemonsets": "DaemonSet", "/apis/batch/v1/jobs": "Job",
	}
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		version := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path[:strings.LastIndex(r.URL.Path, "/")], "/apis/"), "/api/")
		w.Header().Set("Content-Type", "application/json")
		// A cluster without objects says that this was all, and then nothing more.
		fmt.Fprintf(w, `{"type":"BOOKMARK","object":{"kind":%q,"apiVersion":%q,"metadata":{"resourceVersion":"7","annotations":{"k8s.io/initial-events-end":"true"}}}}`,
			kinds[r.URL.Path], version)
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		<-r.Context().Done()
	}))
	defer srv.Close()
	var mu sync.Mutex
	var away error = engine.Errorf(engine.Forbidden, "eks:DescribeCluster is not allowed")
	c, err := Connect(Config{Name: "prod", EKS: &EKS{Token: fixedToken("t"), Find: func(context.Context) (string, []byte, error) {
		mu.Lock()
		defer mu.Unlock()
		return srv.URL, caOf(srv), away
	}}})
	if err != nil {
		t.Fatal(err)
	}
	stop := start(t, c, &sink{})
	defer srv.CloseClientConnections()
	defer stop()
	status := func(want string) {
		t.Helper()
		for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
			synced, problem := c.Status()
			if problem == want && synced.IsZero() == (want != "") {
				return
			}
			if time.Since(began) > 30*time.Second {
				t.Fatalf("status %v, %q; want %q", synced, problem, want)
			}
		}
	}
	status("cannot watch anything: cluster prod cannot be found: eks:DescribeCluster is not allowed")
	mu.Lock()
	away = nil
	mu.Unlock()
	status("")
}
