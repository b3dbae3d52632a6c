package main

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/prom"
	"github.com/eks-autopilot/autopilot/store"
	"github.com/eks-autopilot/autopilot/store/storetest"
)

// row gives the check of a name; each one that did not pass says what would be right and how to get there.
func row(t *testing.T, checks []engine.Check, name string) engine.Check {
	t.Helper()
	for _, c := range checks {
		if !c.OK && (c.ID == "" || c.Want == "" || c.Fix == "") {
			t.Errorf("%+v", c)
		}
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("there is no row %q in %+v", name, checks)
	return engine.Check{}
}

// Experiments that are switched off need nothing; those that are on need the agent, a process, and a way to each cluster.
func TestCheckChaos(t *testing.T) {
	off, err := parseConfig("f", []byte(smallest))
	must(t, err)
	if checks := checkChaos(t.Context(), off, Secrets{}, slog.New(slog.DiscardHandler)); len(checks) > 0 {
		t.Errorf("switched off: %+v", checks)
	}
	c, err := parseConfig("f", []byte(strings.Replace(chaosConfig, "agent_image: \"agent:1\"", "", 1)))
	must(t, err)
	url := storetest.URL(t)
	st := storetest.Open(t, url, store.Options{})
	secrets := Secrets{DatabaseURL: engine.Secret(url)}
	checks := checkChaos(t.Context(), c, secrets, slog.New(slog.DiscardHandler))
	if r := row(t, checks, "agent"); r.Level != engine.CheckWarn || !strings.Contains(r.Fix, "chaos.agent_image") {
		t.Errorf("no image: %+v", r)
	}
	if r := row(t, checks, "process"); r.Level != engine.CheckWarn || r.Found != "never seen" || !strings.Contains(r.Fix, "autopilot chaos") {
		t.Errorf("nobody does experiments: %+v", r)
	}
	if r := row(t, checks, "namespaces"); r.Level != engine.CheckFail || !strings.Contains(r.Found, "/etc/chaos") || !strings.Contains(r.Fix, "deploy/rbac/chaos.yaml") {
		t.Errorf("no way to the cluster: %+v", r)
	}
	if r := row(t, checks, "metrics"); r.Level != engine.CheckFail || !strings.Contains(r.Fix, "clusters[].prometheus") {
		t.Errorf("nobody can see: %+v", r)
	}
	must(t, st.SawChaosWorker(t.Context(), []string{"prod"}, "one"))
	c.Chaos.AgentImage = "agent:1"
	checks = checkChaos(t.Context(), c, secrets, slog.New(slog.DiscardHandler))
	if r := row(t, checks, "agent"); !r.OK || r.Found != "agent:1" {
		t.Errorf("with an image: %+v", r)
	}
	if r := row(t, checks, "process"); !r.OK {
		t.Errorf("somebody does experiments: %+v", r)
	}
}

// Who cannot see what an experiment does cannot begin one, and hears it from the doctor first.
func TestCheckSight(t *testing.T) {
	for name, c := range map[string]struct {
		serve http.HandlerFunc
		ok    bool
		fix   string
	}{
		"it answers": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"status":"success","data":{"resultType":"vector","result":[]}}`))
		}, true, ""},
		"it is ill":         {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }, false, "AUTOPILOT_PROMETHEUS_TOKEN"},
		"it is not there":   {nil, false, "clusters[].prometheus"},
		"it is not allowed": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }, false, "AUTOPILOT_PROMETHEUS_TOKEN"},
	} {
		t.Run(name, func(t *testing.T) {
			var to connected
			if c.serve != nil {
				srv := httptest.NewServer(c.serve)
				defer srv.Close()
				var err error
				to.prometheus, err = prom.Connect(prom.Config{URL: srv.URL})
				must(t, err)
			}
			got := checkSight(t.Context(), "prod", to)
			if got.OK != c.ok || got.Area != "experiments prod" || !c.ok && (got.Level != engine.CheckFail || !strings.Contains(got.Fix, c.fix)) {
				t.Errorf("%+v", got)
			}
		})
	}
}

// AWS FIS is tried only where it is configured.
func TestCheckFIS(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "AKID")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Amzn-ErrorType", "AccessDeniedException")
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"message":"no"}`))
	}))
	defer srv.Close()
	t.Setenv("AWS_ENDPOINT_URL", srv.URL)
	without := ClusterConfig{Name: "prod", Chaos: &ClusterChaosConfig{}}
	if checks := checkFIS(t.Context(), without); len(checks) > 0 {
		t.Errorf("not configured: %+v", checks)
	}
	with := ClusterConfig{Name: "prod", Chaos: &ClusterChaosConfig{FIS: &FISConfig{Template: "EXT1", Region: "eu-central-1"}}}
	if r := row(t, checkFIS(t.Context(), with), "AWS FIS EXT1"); r.Level != engine.CheckFail || !strings.Contains(r.Found, "AccessDeniedException") || !strings.Contains(r.Fix, "fault-injector") {
		t.Errorf("denied: %+v", r)
	}
}
