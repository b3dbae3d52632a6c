package prom

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
)

func TestPrometheus(t *testing.T) {
	p, err := Connect(Config{URL: prometheus(t) + "/"})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	at := time.Unix(1_700_000_000, 0)
	got, err := p.Query(ctx, `label_replace(vector(2.5), "pod", "api", "", "")`, at)
	want := []Sample{{Labels: map[string]string{"pod": "api"}, Value: 2.5, At: at.UTC()}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("vector: %v (-want +got):\n%s", err, diff)
	}
	if got, err = p.Query(ctx, "6 * 7", at); err != nil || len(got) != 1 || got[0].Value != 42 {
		t.Errorf("scalar: %v, %v", got, err)
	}
	if got, err = p.Query(ctx, "vector(1) / 0", at); err != nil || len(got) != 1 || !math.IsInf(got[0].Value, 1) {
		t.Errorf("infinity: %v, %v", got, err)
	}
	if got, err = p.Query(ctx, "absent_metric", at); err != nil || len(got) != 0 {
		t.Errorf("nothing: %v, %v", got, err)
	}
	for _, q := range []string{"rate(", "up[5m]"} {
		if got, err = p.Query(ctx, q, at); engine.CodeOf(err) != engine.Invalid {
			t.Errorf("query %s: %v, %v; want invalid", q, got, err)
		}
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		checks := p.Check(ctx)
		if len(checks) == 1 && checks[0].OK && checks[0].Found == "1 targets are up" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("checks: %+v", checks)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func TestAnswersBecomeErrorsWithACode(t *testing.T) {
	var sent http.Header
	status, body := 0, ""
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent = r.Header
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	defer srv.Close()
	cfg := Config{URL: srv.URL, Bearer: "hunter2", Headers: map[string]engine.Secret{"X-Scope-OrgID": "tenant"}}
	p, err := Connect(cfg)
	if err != nil {
		t.Fatal(err)
	}
	a, err := ConnectAlertmanager(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		status              int
		body                string
		query, alertmanager engine.Code
	}{
		{401, "no", engine.Forbidden, engine.Forbidden},
		{403, "no", engine.Forbidden, engine.Forbidden},
		{429, "slow down", engine.Unavailable, engine.Unavailable},
		{500, "oops", engine.Unavailable, engine.Unavailable},
		{503, `{"status":"error","errorType":"timeout","error":"query timed out"}`, engine.Unavailable, engine.Unavailable},
		{200, "<html>a login page</html>", engine.Unavailable, engine.Unavailable},
		{200, `"` + strings.Repeat("x", maxBody) + `"`, engine.Unavailable, engine.Unavailable},
	} {
		status, body = tt.status, tt.body
		if _, err := p.Query(t.Context(), "up", time.Now()); engine.CodeOf(err) != tt.query {
			t.Errorf("Prometheus answers %d: %v; want %s", status, err, tt.query)
		}
		if _, err := a.Alerts(t.Context()); engine.CodeOf(err) != tt.alertmanager || strings.Contains(fmt.Sprint(err), "hunter2") {
			t.Errorf("Alertmanager answers %d: %v; want %s", status, err, tt.alertmanager)
		}
		if checks := a.Check(t.Context()); len(checks) != 1 || checks[0].Level != engine.CheckFail {
			t.Errorf("Alertmanager answers %d: checks %+v", status, checks)
		}
	}
	if sent.Get("Authorization") != "Bearer hunter2" || sent.Get("X-Scope-OrgID") != "tenant" {
		t.Errorf("headers: %v", sent)
	}
	srv.Close()
	if _, err := p.Query(t.Context(), "up", time.Now()); engine.CodeOf(err) != engine.Unavailable {
		t.Errorf("nobody answers: %v", err)
	}
	if checks := p.Check(t.Context()); len(checks) != 1 || checks[0].Level != engine.CheckFail {
		t.Errorf("nobody answers: checks %+v", checks)
	}
}

func TestAddressesThatCannotBe(t *testing.T) {
	for _, u := range []string{"", "prometheus:9090", "ftp://x", "http://", "http://u:hunter2@x", "http://x?a=b", "://"} {
		if _, err := Connect(Config{URL: u}); engine.CodeOf(err) != engine.Invalid || strings.Contains(fmt.Sprint(err), "hunter2") {
			t.Errorf("%q: %v", u, err)
		}
		if _, err := ConnectAlertmanager(Config{URL: u}); engine.CodeOf(err) != engine.Invalid {
			t.Errorf("%q: %v", u, err)
		}
	}
}

// fire posts alerts to an Alertmanager, as Prometheus does.
func fire(t *testing.T, a *Alertmanager, alerts ...map[string]any) {
	t.Helper()
	if err := a.call(t.Context(), http.MethodPost, "/api/v2/alerts", alerts, nil); err != nil {
		t.Fatal(err)
	}
}

// eventually repeats a look that the servers may need a moment for.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not seen: %s", what)
		}
	}
}

func TestAlertsAndSilences(t *testing.T) {
	a, err := ConnectAlertmanager(Config{URL: alertmanager(t, "autopilot") + "/"})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	labels := map[string]string{"alertname": "KubePodCrashLooping", "namespace": "pay", "note": `a "quoted" \ value`}
	started := time.Now().Add(-time.Minute).UTC().Truncate(time.Millisecond)
	fire(t, a,
		map[string]any{"labels": labels, "annotations": map[string]string{"summary": "s"}, "startsAt": started, "generatorURL": "http://p/graph"},
		map[string]any{"labels": map[string]string{"alertname": "Other", "namespace": "pay"}, "startsAt": started})
	find := func(name string) (engine.Alert, bool) {
		list, err := a.Alerts(ctx)
		if err != nil {
			t.Fatal(err)
		}
		n := slices.IndexFunc(list, func(l engine.Alert) bool { return l.Labels["alertname"] == name })
		if n < 0 {
			return engine.Alert{}, false
		}
		return list[n], true
	}
	got, ok := find("KubePodCrashLooping")
	want := engine.Alert{Fingerprint: got.Fingerprint, Labels: labels, Annotations: map[string]string{"summary": "s"}, StartsAt: started, GeneratorURL: "http://p/graph", Receivers: []string{"autopilot"}}
	if diff := cmp.Diff(want, got); !ok || got.Fingerprint == "" || diff != "" {
		t.Errorf("alert (-want +got):\n%s", diff)
	}

	if up, err := a.Started(ctx); err != nil || time.Since(up) < 0 || time.Since(up) > time.Minute {
		t.Errorf("Started: %v, %v; want a moment ago", up, err)
	}

	s := Silence{IncidentID: 4, Labels: labels, Until: time.Now().Add(time.Hour), By: "ana"}
	id, err := a.Silence(ctx, s)
	if err != nil || id == "" {
		t.Fatalf("Silence: %q, %v", id, err)
	}
	eventually(t, "the alert is silenced", func() bool { l, _ := find("KubePodCrashLooping"); return l.Silenced })
	if l, _ := find("Other"); l.Silenced {
		t.Error("the silence is too wide")
	}
	if again, err := a.Silence(ctx, s); err != nil || again != id {
		t.Errorf("the same again: %q, %v; want %q", again, err, id)
	}
	s.Until = s.Until.Add(time.Hour)
	if longer, err := a.Silence(ctx, s); err != nil || longer != id {
		t.Errorf("longer: %q, %v; want %q", longer, err, id)
	}
	other := s
	other.IncidentID = 42 // whose mark begins like that of incident 4
	second, err := a.Silence(ctx, other)
	if err != nil || second == id {
		t.Errorf("another incident's: %q, %v", second, err)
	}
	var all []silence
	if err := a.call(ctx, http.MethodGet, "/api/v2/silences", nil, &all); err != nil || len(all) != 2 {
		t.Errorf("%d silences, %v; want 2", len(all), err)
	}
	for _, have := range all {
		if have.ID == id && (have.CreatedBy != "ana" || have.Comment != "autopilot incident/4" || have.EndsAt.Sub(s.Until).Abs() > time.Second) {
			t.Errorf("silence: %+v", have)
		}
	}

	wider := s // of the same incident, as when more alerts joined
	wider.Labels = map[string]string{"namespace": labels["namespace"]}
	third, err := a.Silence(ctx, wider)
	if err != nil {
		t.Fatal(err)
	}
	live := func() (ids []string) {
		var all []silence
		if err := a.call(ctx, http.MethodGet, "/api/v2/silences", nil, &all); err != nil {
			t.Fatal(err)
		}
		for _, have := range all {
			if !have.expired() {
				ids = append(ids, have.ID)
			}
		}
		slices.Sort(ids)
		return ids
	}
	neighbour, err := ConnectAlertmanager(Config{URL: a.url, Cluster: "staging"})
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := neighbour.Silence(ctx, s)
	if err != nil || theirs == id {
		t.Errorf("of another cluster's incident of that number: %q, %v", theirs, err)
	}
	for _, step := range []struct {
		by       *Alertmanager
		incident int64
		keep     string
		want     []string
	}{
		{a, 4, third, []string{second, third, theirs}},
		{a, 4, "", []string{second, theirs}},
		{a, 4, "", []string{second, theirs}},
		{a, 42, "", []string{theirs}},
		{a, 1234, "", []string{theirs}},
		{neighbour, 4, "", nil},
	} {
		if err := step.by.Expire(ctx, step.incident, step.keep); err != nil {
			t.Errorf("Expire %d: %v", step.incident, err)
		}
		slices.Sort(step.want)
		if got := live(); !slices.Equal(got, step.want) {
			t.Errorf("after the end of %d's silences but %q there are %q; want %q", step.incident, step.keep, got, step.want)
		}
	}
	eventually(t, "the alert is heard again", func() bool { l, _ := find("KubePodCrashLooping"); return !l.Silenced })
	if renewed, err := a.Silence(ctx, s); err != nil || renewed == id {
		t.Errorf("after its end a silence is made anew: %q, %v", renewed, err)
	}

	pattern := Silence{IncidentID: 5, Patterns: map[string]string{"alertname": "Oth[a-z]+", "namespace": "pa"}, Until: time.Now().Add(time.Hour)}
	if _, err := a.Silence(ctx, pattern); err != nil {
		t.Fatal(err)
	}
	pattern.IncidentID, pattern.Patterns["namespace"] = 6, "p.y"
	time.Sleep(time.Second) // a silence that is too wide would show by now
	if l, _ := find("Other"); l.Silenced {
		t.Error("a pattern matches a part of a value; the whole is wanted")
	}
	if _, err := a.Silence(ctx, pattern); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the pattern silences", func() bool { l, _ := find("Other"); return l.Silenced })

	for name, wrong := range map[string]Silence{
		"without labels": {IncidentID: 1, Until: time.Now().Add(time.Hour)},
		"in the past":    {IncidentID: 1, Labels: labels, Until: time.Now().Add(-time.Second)},
	} {
		if id, err := a.Silence(ctx, wrong); engine.CodeOf(err) != engine.Invalid {
			t.Errorf("%s: %q, %v", name, id, err)
		}
	}
}

func TestCheckOfAnAlertmanager(t *testing.T) {
	alone, err := ConnectAlertmanager(Config{URL: alertmanager(t, "autopilot")})
	if err != nil {
		t.Fatal(err)
	}
	levels := func(a *Alertmanager) string {
		var out []string
		for _, c := range a.Check(t.Context()) {
			out = append(out, c.Name[:5]+" "+string(c.Level))
		}
		return strings.Join(out, ", ")
	}
	if got := levels(alone); got != "reach ok, recei warn, Watch warn" {
		t.Errorf("one receiver and no Watchdog: %s", got)
	}
	guarded, err := ConnectAlertmanager(Config{URL: alertmanager(t, "autopilot", "pager")})
	if err != nil {
		t.Fatal(err)
	}
	fire(t, guarded, map[string]any{"labels": map[string]string{"alertname": "Watchdog"}, "startsAt": time.Now()})
	if got := levels(guarded); got != "reach ok, recei ok, Watch ok" {
		t.Errorf("two receivers and a Watchdog: %s", got)
	}
	both, err := ConnectAlertmanager(Config{URL: alertmanager(t, "autopilot", "autopilot-watchdog")})
	if err != nil {
		t.Fatal(err)
	}
	if got := levels(both); got != "reach ok, recei warn, Watch warn" {
		t.Errorf("both receivers are the bot: %s", got)
	}
	other, err := ConnectAlertmanager(Config{URL: alertmanager(t, "autopilto", "pager"), Receiver: "autopilot"})
	if err != nil {
		t.Fatal(err)
	}
	if got := levels(other); got != "reach ok, recei warn, Watch warn" {
		t.Errorf("the bot is none of the receivers: %s", got)
	}
}
