package page

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
)

const testKey = "0123456789abcdef0123456789abcdef"

func incident() engine.Incident {
	return engine.Incident{
		ID: 42, Title: "pay/api is crash-looping", Severity: engine.Critical, StartedAt: time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC),
		Workload: engine.Workload{Cluster: "prod", Namespace: "pay", Kind: "Deployment", Name: "api"},
		Classes:  []engine.Class{engine.ClassCrashLoop, engine.ClassOOMKilled}, Health: &engine.Health{Desired: 3, Ready: 1},
		AcknowledgedBy: engine.Person{ID: "U1", Name: "Ana"}, ResolvedBy: engine.Person{ID: "U2", Name: "Ben"},
		Diagnosis: engine.Diagnosis{Causes: []engine.Cause{{Title: "cannot reach db:5432", Step: engine.Step{Text: "Check the service db."}}}},
	}
}

// vendor is a pager's API: it refuses what the vendor's documentation forbids, and keeps the alerts that it was told of.
type vendor struct {
	t      *testing.T
	alerts map[string]string // by key: triggered, acknowledged, resolved
	last   map[string]any
	fault  func(w http.ResponseWriter) bool // nil for none
}

func serve(t *testing.T, handle func(v *vendor, w http.ResponseWriter, r *http.Request, body map[string]any)) (*vendor, Config) {
	t.Helper()
	v := &vendor{t: t, alerts: map[string]string{}}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if v.fault != nil && v.fault(w) {
			return
		}
		raw, err := io.ReadAll(r.Body)
		body := map[string]any{}
		if err != nil || json.Unmarshal(raw, &body) != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
			http.Error(w, `{"message":"not JSON"}`, http.StatusBadRequest)
			return
		}
		v.last = body
		handle(v, w, r, body)
	}))
	t.Cleanup(srv.Close)
	return v, Config{URL: srv.URL + "/", Key: testKey}
}

// invalid answers as a vendor does, which may quote what it was sent.
func (v *vendor) invalid(w http.ResponseWriter, format string, args ...any) {
	w.WriteHeader(http.StatusBadRequest)
	fmt.Fprintf(w, `{"status":"invalid event","message":"Event object is invalid","errors":[%q]}`, fmt.Sprintf(format, args...))
}

func text(body map[string]any, key string) string {
	s, _ := body[key].(string)
	return s
}

// pagerDuty follows https://developer.pagerduty.com/docs/send-alert-event.
func pagerDuty(v *vendor, w http.ResponseWriter, r *http.Request, body map[string]any) {
	key, action := text(body, "dedup_key"), text(body, "event_action")
	payload, _ := body["payload"].(map[string]any)
	switch {
	case r.URL.Path != "/v2/enqueue":
		http.NotFound(w, r)
		return
	case len(text(body, "routing_key")) != 32:
		v.invalid(w, "routing_key is not 32 characters: %v", body["routing_key"])
		return
	case key == "" || len(key) > 255:
		v.invalid(w, "dedup_key %q", key)
		return
	case action == "trigger":
		summary := text(payload, "summary")
		if summary == "" || utf8.RuneCountInString(summary) > 1024 || text(payload, "source") == "" ||
			!slices.Contains([]string{"critical", "error", "warning", "info"}, text(payload, "severity")) {
			v.invalid(w, "payload %v", payload)
			return
		}
		if v.alerts[key] != "acknowledged" {
			v.alerts[key] = "triggered"
		}
	case action == "acknowledge" || action == "resolve":
		v.alerts[key] = action + "d"
		if action == "acknowledge" {
			v.alerts[key] = "acknowledged"
		}
	default:
		v.invalid(w, "event_action %q", action)
		return
	}
	w.WriteHeader(http.StatusAccepted)
	fmt.Fprintf(w, `{"status":"success","message":"Event processed","dedup_key":%q}`, key)
}

// opsgenie follows https://docs.opsgenie.com/docs/alert-api.
func opsgenie(v *vendor, w http.ResponseWriter, r *http.Request, body map[string]any) {
	if r.Header.Get("Authorization") != "GenieKey "+testKey {
		http.Error(w, `{"message":"Could not authenticate"}`, http.StatusForbidden)
		return
	}
	alias, verb, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v2/alerts/"), "/")
	switch {
	case r.URL.Path == "/v2/alerts":
		message, alias := text(body, "message"), text(body, "alias")
		if message == "" || utf8.RuneCountInString(message) > 130 || alias == "" || len(alias) > 512 || !slices.Contains([]string{"P1", "P2", "P3", "P4", "P5"}, text(body, "priority")) {
			http.Error(w, `{"message":"Request body is not processable"}`, http.StatusUnprocessableEntity)
			return
		}
		v.alerts[alias] = "triggered"
	case r.URL.Query().Get("identifierType") != "alias":
		http.Error(w, `{"message":"not an alert id"}`, http.StatusUnprocessableEntity)
		return
	case verb == "acknowledge":
		v.alerts[alias] = "acknowledged"
	case verb == "close":
		v.alerts[alias] = "resolved"
	default:
		http.NotFound(w, r)
		return
	}
	w.WriteHeader(http.StatusAccepted)
	fmt.Fprint(w, `{"result":"Request will be processed","took":0.302,"requestId":"43a29c5c"}`)
}

func pagers(t *testing.T) map[string]struct {
	v    *vendor
	send func(what string, i engine.Incident, link string) error
} {
	t.Helper()
	pv, pc := serve(t, pagerDuty)
	pd, err := NewPagerDuty(pc)
	if err != nil {
		t.Fatal(err)
	}
	ov, oc := serve(t, opsgenie)
	og, err := NewOpsgenie(oc)
	if err != nil {
		t.Fatal(err)
	}
	type pager = struct {
		v    *vendor
		send func(what string, i engine.Incident, link string) error
	}
	return map[string]pager{
		pd.Name(): {pv, func(what string, i engine.Incident, link string) error { return pd.Send(t.Context(), what, i, link) }},
		og.Name(): {ov, func(what string, i engine.Incident, link string) error { return og.Send(t.Context(), what, i, link) }},
	}
}

func TestAnIncidentsLifeAtThePagers(t *testing.T) {
	for name, p := range pagers(t) {
		for _, step := range []struct{ what, state string }{
			{Trigger, "triggered"},
			{Trigger, "triggered"}, // sent twice, it is still one
			{Acknowledge, "acknowledged"},
			{Resolve, "resolved"},
			{Resolve, "resolved"},
		} {
			if err := p.send(step.what, incident(), "https://slack/thread"); err != nil {
				t.Errorf("%s: %s: %v", name, step.what, err)
			}
			if diff := cmp.Diff(map[string]string{"autopilot-incident-42": step.state}, p.v.alerts); diff != "" {
				t.Errorf("%s after %s (-want +got):\n%s", name, step.what, diff)
			}
		}
		if err := p.send("shout", incident(), ""); engine.CodeOf(err) != engine.Invalid {
			t.Errorf("%s: an unknown verb: %v", name, err)
		}
	}
}

func TestWhatPagerDutyIsTold(t *testing.T) {
	p := pagers(t)["PagerDuty"]
	if err := p.send(Trigger, incident(), "https://slack/thread"); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"routing_key": testKey, "event_action": "trigger", "dedup_key": "autopilot-incident-42", "client": "Autopilot", "client_url": "https://slack/thread",
		"payload": map[string]any{
			"summary": "pay/api is crash-looping", "source": "prod", "severity": "critical", "timestamp": "2026-11-22T03:00:00Z",
			"component": "api", "group": "pay", "class": "crash_loop",
			"custom_details": map[string]any{
				"cluster": "prod", "workload": "Deployment pay/api", "started_at": "2026-11-22T03:00:00Z", "ready": "1 of 3",
				"likeliest_cause": "cannot reach db:5432", "next_step": "Check the service db.",
			},
		},
		"links": []any{map[string]any{"href": "https://slack/thread", "text": "Thread in Slack"}},
	}
	if diff := cmp.Diff(want, p.v.last); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
	if err := p.send(Resolve, incident(), "https://slack/thread"); err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(maps.Keys(p.v.last)); !slices.Equal(got, []string{"dedup_key", "event_action", "routing_key"}) {
		t.Errorf("a resolve event has %v", got)
	}
}

func TestWhatOpsgenieIsTold(t *testing.T) {
	p := pagers(t)["Opsgenie"]
	if err := p.send(Trigger, incident(), "https://slack/thread"); err != nil {
		t.Fatal(err)
	}
	details, _ := p.v.last["details"].(map[string]any)
	if p.v.last["priority"] != "P1" || p.v.last["entity"] != "pay/api" || p.v.last["source"] != "autopilot" || details["ready"] != "1 of 3" ||
		!strings.Contains(text(p.v.last, "description"), "https://slack/thread") {
		t.Errorf("alert: %v", p.v.last)
	}
	for what, want := range map[string]string{Acknowledge: "Ana", Resolve: "Ben"} {
		if err := p.send(what, incident(), ""); err != nil || p.v.last["user"] != want {
			t.Errorf("%s: %v, %v; want user %s", what, p.v.last, err, want)
		}
	}
}

func TestBoundsOfWhatIsSent(t *testing.T) {
	long := incident()
	long.Title, long.Workload.Name = strings.Repeat("ä", 5000), strings.Repeat("n", 1000)
	bare := engine.Incident{ID: 1, Workload: engine.Workload{Cluster: "prod", Kind: "Node", Name: "n1"}}
	for name, p := range pagers(t) {
		for _, i := range []engine.Incident{long, bare} {
			if err := p.send(Trigger, i, ""); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestFaultsOfAPagerBecomeErrorsWithACode(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		header map[string]string
		body   string
		want   engine.Code
	}{
		{"throttled", 429, map[string]string{"Retry-After": "7"}, "", engine.Unavailable},
		{"broken", 503, nil, "oops", engine.Unavailable},
		{"refused", 401, nil, "no", engine.Forbidden},
		{"not there", 404, nil, "", engine.NotFound},
		{"invalid, and quoting the key", 400, nil, `{"errors":["routing_key ` + testKey + ` is wrong"]}`, engine.Invalid},
		{"invalid, and quoting the key where it is cut", 400, nil, strings.Repeat("x", 290) + testKey, engine.Invalid},
		{"endless", 400, nil, strings.Repeat("x", 10*maxAnswer), engine.Invalid},
		{"elsewhere", 302, map[string]string{"Location": "http://127.0.0.1:1/"}, "", engine.Invalid},
	} {
		for name, p := range pagers(t) {
			p.v.fault = func(w http.ResponseWriter) bool {
				for k, v := range tt.header {
					w.Header().Set(k, v)
				}
				w.WriteHeader(tt.status)
				fmt.Fprint(w, tt.body)
				return true
			}
			err := p.send(Trigger, incident(), "")
			if engine.CodeOf(err) != tt.want {
				t.Errorf("%s, %s: %v; want %s", name, tt.name, err, tt.want)
			}
			if strings.Contains(fmt.Sprint(err), testKey[:8]) || len(fmt.Sprint(err)) > 1000 {
				t.Errorf("%s, %s: the error tells too much: %.2000s", name, tt.name, err)
			}
		}
	}
}

func TestAPagerThatDoesNotAnswer(t *testing.T) {
	p, err := NewPagerDuty(Config{URL: "http://127.0.0.1:1", Key: testKey})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Send(t.Context(), Trigger, incident(), ""); engine.CodeOf(err) != engine.Unavailable {
		t.Errorf("Send: %v", err)
	}
}

func TestConfigurationsThatCannotWork(t *testing.T) {
	for _, cfg := range []Config{{}, {Key: testKey, URL: "events.pagerduty.com"}, {Key: testKey, URL: "ftp://x"}, {Key: testKey, URL: "https://"}} {
		if _, err := NewPagerDuty(cfg); engine.CodeOf(err) != engine.Invalid {
			t.Errorf("PagerDuty %+v: %v", cfg, err)
		}
		if _, err := NewOpsgenie(cfg); engine.CodeOf(err) != engine.Invalid {
			t.Errorf("Opsgenie %+v: %v", cfg, err)
		}
	}
	if _, err := NewOpsgenie(Config{Key: testKey}); err != nil {
		t.Errorf("the vendor's own address: %v", err)
	}
}

func TestKeysAreTheirOwnReverse(t *testing.T) {
	for _, id := range []int64{1, 42, 1 << 60} {
		for _, reopened := range []int{0, 1, 12} {
			k := key(engine.Incident{ID: id, Reopened: reopened})
			if got, again, ok := incidentOf(k); !ok || got != id || again != reopened {
				t.Errorf("incidentOf(%q) = %d, %d, %t", k, got, again, ok)
			}
		}
	}
	if k := key(engine.Incident{ID: 42}); k == key(engine.Incident{ID: 42, Reopened: 1}) {
		t.Errorf("both calls of a reopened incident have the key %q: the second wakes nobody", k)
	}
	for _, k := range []string{
		"", "autopilot-incident-", "autopilot-incident-0", "autopilot-incident--1", "autopilot-incident-042", "autopilot-incident-1x", "other-1",
		"autopilot-incident-42-", "autopilot-incident-42-0", "autopilot-incident-42-01", "autopilot-incident-42--1", "autopilot-incident-42-1-1", "autopilot-incident--",
	} {
		if got, again, ok := incidentOf(k); ok {
			t.Errorf("incidentOf(%q) = %d, %d", k, got, again)
		}
	}
}

func TestSeverities(t *testing.T) {
	for s, want := range map[engine.Severity][2]string{engine.Critical: {"critical", "P1"}, engine.Warning: {"warning", "P3"}, engine.Info: {"info", "P5"}, "": {"error", "P2"}} {
		if got := [2]string{pdSeverity(s), ogPriority(s)}; got != want {
			t.Errorf("%q: %v; want %v", s, got, want)
		}
	}
}
