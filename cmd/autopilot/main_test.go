package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/handlers"
)

func call(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(t.Context(), args, &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

func TestCalls(t *testing.T) {
	good := filepath.Join("testdata", "config", "full.yaml")
	bad := filepath.Join("testdata", "config", "unknown.yaml")
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{nil, 0, "Usage:"},
		{[]string{"help"}, 0, "AUTOPILOT_SLACK_BOT_TOKEN[_FILE]"},
		{[]string{"version"}, 0, "autopilot "},
		{[]string{"config", "check", "-config", good}, 0, "2 cluster(s) (prod-eu, dev)"},
		{[]string{"config", "check", "-config", bad}, 1, `unknown key "incluster"; did you mean "in_cluster"?`},
		{[]string{"config", "check", "-config", "absent.yaml"}, 1, "the configuration cannot be read"},
		{[]string{"config"}, 2, "check is the only thing"},
		{[]string{"audit"}, 2, "verify is the only thing to do with it: autopilot audit verify"},
		{[]string{"audit", "verify"}, 1, "AUTOPILOT_DATABASE_URL (or AUTOPILOT_DATABASE_URL_FILE) is missing"},
		{[]string{"sevre"}, 2, `did you mean "serve"?`},
		{[]string{"serve", "now"}, 2, `takes no argument "now"`},
		{[]string{"serve", "-conf", "x"}, 2, "flag provided but not defined"},
		{[]string{"migrate"}, 1, "AUTOPILOT_DATABASE_URL (or AUTOPILOT_DATABASE_URL_FILE) is missing"},
	} {
		code, out, errs := call(t, c.args...)
		if code != c.code || !strings.Contains(out+errs, c.says) {
			t.Errorf("autopilot %v: %d\n%s%s\nwant %d and %q", c.args, code, out, errs, c.code, c.says)
		}
	}
}

func TestServeNeedsItsSecrets(t *testing.T) {
	code, _, errs := call(t, "serve", "-config", filepath.Join("testdata", "config", "full.yaml"))
	for _, want := range []string{"AUTOPILOT_DATABASE_URL", "AUTOPILOT_SLACK_BOT_TOKEN", "AUTOPILOT_SLACK_APP_TOKEN", "AUTOPILOT_WEBHOOK_TOKEN"} {
		if code != 1 || !strings.Contains(errs, want) {
			t.Errorf("%d %s; want all that is missing, %s too", code, errs, want)
		}
	}
}

func TestConfigBecomesRules(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "config", "full.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := parseConfig("full.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	r := c.rules()
	critical := r.Escalation[engine.Critical]
	if len(critical.Mention) != 1 || critical.Mention[0].Group != "S0ONCALL" || critical.Times != 2 || !critical.Page {
		t.Errorf("escalation %+v", critical)
	}
	if r.Route.Channel(engine.Workload{Namespace: "payments"}, nil) != "#payments" || r.Route.TeamLabel != "team" {
		t.Errorf("route %+v", r.Route)
	}
	if len(r.Ignore) != 1 || r.Ignore[0].Class != engine.ClassJobFailed || len(r.Maintenance) != 1 || r.Maintenance[0].Name != "upgrade" {
		t.Errorf("ignore %+v, maintenance %+v", r.Ignore, r.Maintenance)
	}
	if d := cmp.Diff([]string{"#incidents", "#payments", "#platform", "C0123ABCD"}, c.channels()); d != "" {
		t.Error(d)
	}
	ok, _ := c.policy().Allowed(engine.Person{ID: "U0BEN"}, nil, engine.ActionPause, engine.Workload{})
	if !ok {
		t.Error("the admin may not pause")
	}
	if got := mentions([]string{"U0BEN"}); len(got) != 1 || got[0].User != "U0BEN" {
		t.Errorf("a user is mentioned as %+v", got)
	}
}

func TestPrintChecks(t *testing.T) {
	checks := []engine.Check{
		engine.Passed("postgresql", "connect", "answers"),
		engine.Missed("heartbeat-absent", engine.CheckWarn, "on-call", "heartbeat", "not configured", "a dead man's switch", "set AUTOPILOT_HEARTBEAT_URL"),
	}
	var out bytes.Buffer
	if err := printChecks(&out, checks); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"ok    postgresql: connect", "WARN  on-call: heartbeat", "To do:\n  on-call: heartbeat: set AUTOPILOT_HEARTBEAT_URL [heartbeat-absent]\n", "2 checks, 1 warned, none failed"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	checks = append(checks, engine.Missed("slack-scope", engine.CheckFail, "slack", "scope chat:write", "missing", "granted", "reinstall the app"))
	if err := printChecks(&out, checks); engine.CodeOf(err) != engine.Invalid || !strings.Contains(err.Error(), "1 of 3 checks failed") {
		t.Errorf("error %v", err)
	}
}

func TestServerEndsWithItsContext(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- serveHTTP(ctx, newServer(nil), l) }()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestReadinessTellsNoAddresses(t *testing.T) {
	ready := func(context.Context) error {
		return engine.Wrap(engine.Unavailable, errors.New("dial tcp 10.0.0.7:5432: user=autopilot"), "the database does not answer")
	}
	w := httptest.NewRecorder()
	routes(&handlers.Handlers{}, Secrets{}, newMetrics(), ready).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	if w.Code != http.StatusServiceUnavailable || strings.TrimSpace(w.Body.String()) != "the database does not answer" {
		t.Errorf("%d %s; want 503 with the message alone", w.Code, w.Body)
	}
}
