package handlers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

const goodToken = engine.Secret("s3cret")

func post(h *Handlers, path, token, body string) *httptest.ResponseRecorder {
	mux := http.NewServeMux()
	mux.Handle("POST /webhooks/alertmanager", h.AlertmanagerWebhook(goodToken))
	mux.Handle("POST /webhooks/alertmanager/{cluster}", h.AlertmanagerWebhook(goodToken))
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	return w
}

func fixtureFile(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestWebhookKeepsEachAlertByItsOwnStatus(t *testing.T) {
	h, s, _ := fixture(t)
	w := post(h, "/webhooks/alertmanager", "s3cret", fixtureFile(t, "group.json"))
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if len(s.observed) != 2 {
		t.Fatalf("%d observations, want one a workload: %+v", len(s.observed), s.observed)
	}
	first := s.observed[0]
	if first.Workload != api || first.Complete || first.Source != engine.SourceAlert || len(first.Signals) != 2 {
		t.Fatalf("first observation %+v", first)
	}
	if !first.Signals[0].Firing() || first.Signals[1].Firing() {
		t.Errorf("the group fires, but its second alert is resolved: %+v", first.Signals)
	}
	if first.Signals[0].Class != engine.ClassCrashLoop {
		t.Errorf("class %s", first.Signals[0].Class)
	}
	if len(s.watchdogs) != 1 || s.watchdogs[0] != "prod" {
		t.Errorf("watchdogs %v", s.watchdogs)
	}
}

func TestWebhookTakesAResolvedAlertForEnded(t *testing.T) {
	const zero = "0001-01-01T00:00:00Z"
	earlier, later := noon.Add(-time.Hour), noon.Add(-time.Minute)
	for _, c := range []struct {
		name, starts, ends string
		want               time.Time
	}{
		{"both times", earlier.Format(time.RFC3339), later.Format(time.RFC3339), later},
		{"no end", earlier.Format(time.RFC3339), zero, noon},
		{"no time at all", zero, zero, noon},
		{"an end that is its start", earlier.Format(time.RFC3339), earlier.Format(time.RFC3339), noon},
	} {
		h, s, _ := fixture(t)
		body := `{"version":"4","alerts":[{"status":"resolved","fingerprint":"f","startsAt":"` + c.starts + `","endsAt":"` + c.ends +
			`","labels":{"alertname":"A","namespace":"payments","deployment":"api"}}]}`
		if w := post(h, "/webhooks/alertmanager/prod", "s3cret", body); w.Code != http.StatusOK || len(s.observed) != 1 {
			t.Fatalf("%s: %d %s, observed %+v", c.name, w.Code, w.Body, s.observed)
		}
		if got := s.observed[0].Signals[0]; !got.EndsAt.Equal(c.want) || got.Firing() {
			t.Errorf("%s: ended at %s, want %s", c.name, got.EndsAt, c.want)
		}
	}
}

func TestWebhookFindsTheCluster(t *testing.T) {
	body := func(label string) string {
		return strings.Replace(fixtureFile(t, "one.json"), `"CLUSTER"`, label, 1)
	}
	for _, c := range []struct {
		path, label string
		status      int
		cluster     string
	}{
		{"/webhooks/alertmanager", `"dev"`, 200, "dev"},
		{"/webhooks/alertmanager/dev", `""`, 200, "dev"},
		{"/webhooks/alertmanager/prod", `"dev"`, 200, "dev"},
		{"/webhooks/alertmanager/prod", `"eks-1234"`, 200, "prod"},
		{"/webhooks/alertmanager", `""`, 400, ""},
		{"/webhooks/alertmanager/prd", `""`, 400, ""},
	} {
		h, s, _ := fixture(t)
		w := post(h, c.path, "s3cret", body(c.label))
		if w.Code != c.status {
			t.Errorf("%s with label %s: %d %s, want %d", c.path, c.label, w.Code, w.Body, c.status)
			continue
		}
		if c.status == 200 && (len(s.observed) != 1 || s.observed[0].Workload.Cluster != c.cluster) {
			t.Errorf("%s with label %s: observed %+v, want cluster %s", c.path, c.label, s.observed, c.cluster)
		}
		if c.status == 400 && !strings.Contains(w.Body.String(), "prod") {
			t.Errorf("%s: the answer names no cluster that would be right: %s", c.path, w.Body)
		}
	}
}

func TestWebhookRefusals(t *testing.T) {
	one := fixtureFile(t, "one.json")
	for _, c := range []struct {
		name, token, body string
		status            int
	}{
		{"no token", "", one, 401},
		{"wrong token", "s3cre", one, 401},
		{"not JSON", "s3cret", "hello", 400},
		{"version 3", "s3cret", `{"version":"3","alerts":[]}`, 400},
		{"no fingerprint", "s3cret", `{"version":"4","alerts":[{"status":"firing","labels":{"alertname":"A"}}]}`, 400},
		{"odd status", "s3cret", `{"version":"4","alerts":[{"status":"maybe","fingerprint":"f","labels":{"alertname":"A"}}]}`, 400},
		{"too large", "s3cret", `{"version":"4","x":"` + strings.Repeat("a", maxWebhook) + `"}`, 413},
	} {
		h, s, _ := fixture(t)
		if w := post(h, "/webhooks/alertmanager/prod", c.token, c.body); w.Code != c.status {
			t.Errorf("%s: %d %s, want %d", c.name, w.Code, w.Body, c.status)
		}
		if len(s.observed) > 0 {
			t.Errorf("%s: kept %+v", c.name, s.observed)
		}
	}
}

func TestWebhookAsksForAnotherTryWhenItCannotKeep(t *testing.T) {
	h, s, _ := fixture(t)
	s.fail = engine.Wrap(engine.Unavailable, errors.New("dial tcp: connection refused"), "PostgreSQL does not answer")
	w := post(h, "/webhooks/alertmanager/prod", "s3cret", fixtureFile(t, "one.json"))
	if w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "dial tcp") {
		t.Errorf("%d %s; want 503 without the inner error", w.Code, w.Body)
	}
}

func TestAlertsOfAnUnknownClusterDoNotLoseTheOthers(t *testing.T) {
	h, s, _ := fixture(t)
	labels := func(cluster string) map[string]string {
		return map[string]string{"alertname": "X", "cluster": cluster, "namespace": "shop", "deployment": "web"}
	}
	err := h.TakeAlerts(t.Context(), "", []engine.Alert{
		{Fingerprint: "a", Labels: labels("nowhere"), StartsAt: noon},
		{Fingerprint: "b", Labels: labels("dev"), StartsAt: noon},
	})
	if engine.CodeOf(err) != engine.Invalid || len(s.observed) != 1 || s.observed[0].Workload.Cluster != "dev" {
		t.Errorf("observed %+v, error %v; want dev's alert kept and the other told", s.observed, err)
	}
}

func TestAnAlertStaysWithItsWorkload(t *testing.T) {
	h, s, _ := fixture(t)
	s.firing = []engine.Signal{{Source: engine.SourceAlert, ID: "f", Workload: api}}
	h.Clusters[0].Owner = func(context.Context, string, string, string) (engine.Workload, error) {
		return engine.Workload{}, engine.Errorf(engine.NotFound, "the pod is gone")
	}
	labels := map[string]string{"alertname": "Crash", "namespace": "payments", "pod": "api-5f7-x"}
	err := h.TakeAlerts(t.Context(), "prod", []engine.Alert{{Fingerprint: "f", Labels: labels, StartsAt: noon.Add(-time.Hour), EndsAt: noon}})
	if err != nil || len(s.observed) != 1 || s.observed[0].Workload != api || s.observed[0].Signals[0].Workload != api {
		t.Errorf("observed %+v, %v; want the end of the signal of %v", s.observed, err, api)
	}
}

func TestWhileTheApiServerIsAwayPodsMeetInTheirWorkloadsIncident(t *testing.T) {
	h, s, _ := fixture(t)
	web := engine.Workload{Cluster: "prod", Namespace: "shop", Kind: "Deployment", Name: "web"}
	var answer error = engine.Errorf(engine.Unavailable, "the API server does not answer")
	h.Clusters[0].Owner = func(context.Context, string, string, string) (engine.Workload, error) {
		if answer != nil {
			return engine.Workload{}, answer
		}
		return web, nil
	}
	alerts := func(n int) (all []engine.Alert) {
		for k := range n {
			pod := fmt.Sprintf("web-7bfc9d8f6d-x2x%c%c", "bcdfghjklmnpqrst"[k/16], "bcdfghjklmnpqrst"[k%16])
			all = append(all, engine.Alert{Fingerprint: pod, Labels: map[string]string{"alertname": "Crash", "namespace": "shop", "pod": pod}, StartsAt: noon})
		}
		return all
	}
	if err := h.TakeAlerts(t.Context(), "prod", alerts(200)); err != nil || len(s.observed) != 1 || s.observed[0].Workload != web || len(s.observed[0].Signals) != 200 {
		t.Fatalf("%v, %d observations; want one of %v", err, len(s.observed), web)
	}
	s.firing, answer = s.observed[0].Signals, nil
	if err := h.TakeAlerts(t.Context(), "prod", alerts(201)[199:]); err != nil || len(s.observed) != 2 || s.observed[1].Workload != web {
		t.Errorf("when it is back: %v, %+v; want it to go on with %v", err, s.observed[1:], web)
	}
	s.observed, answer = nil, engine.Errorf(engine.NotFound, "there is no such pod")
	if err := h.TakeAlerts(t.Context(), "prod", alerts(202)[201:]); err != nil || s.observed[0].Workload.Kind != "Pod" {
		t.Errorf("a pod that is known to be gone: %v, %+v; want no guess", err, s.observed)
	}
}

func TestAnApiServerThatHangsDoesNotKeepAlertsFromBeingTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, s, _ := fixture(t)
		h.Clusters[0].Owner = func(ctx context.Context, _, _, _ string) (engine.Workload, error) {
			<-ctx.Done()
			return engine.Workload{}, ctx.Err()
		}
		var alerts []engine.Alert
		for _, pod := range []string{"a", "b", "c"} {
			alerts = append(alerts, engine.Alert{
				Fingerprint: pod, Labels: map[string]string{"alertname": "Down", "namespace": "shop", "pod": pod}, StartsAt: noon,
			})
		}
		began := time.Now()
		if err := h.TakeAlerts(t.Context(), "prod", alerts); err != nil || len(s.observed) != 3 || time.Since(began) > ownersWithin {
			t.Errorf("%v, %d kept after %s; want 3 within %s", err, len(s.observed), time.Since(began), ownersWithin)
		}
	})
}

func TestAnAlertThatIsNotKeptDoesNotHoldUpTheOthers(t *testing.T) {
	alerts := []engine.Alert{
		{Fingerprint: "a", Labels: map[string]string{"alertname": "A", "namespace": "shop", "deployment": "bad"}, StartsAt: noon},
		{Fingerprint: "b", Labels: map[string]string{"alertname": "B", "namespace": "shop", "deployment": "web"}, StartsAt: noon},
	}
	for code, kept := range map[engine.Code]int{engine.Invalid: 1, engine.Internal: 1, engine.Unavailable: 0} {
		h, s, _ := fixture(t)
		s.failOf = func(o engine.Observation) error {
			if o.Workload.Name == "bad" {
				return engine.Errorf(code, "not kept")
			}
			return nil
		}
		if err := h.TakeAlerts(t.Context(), "prod", alerts); engine.CodeOf(err) != code || len(s.observed) != kept {
			t.Errorf("%s: %v, %d kept; want that code and %d", code, err, len(s.observed), kept)
		}
	}
}

func TestAlertTextsAreRedacted(t *testing.T) {
	h, s, _ := fixture(t)
	a := engine.Alert{
		Fingerprint: "f", Labels: map[string]string{"alertname": "LogErrors", "namespace": "shop", "deployment": "web"},
		Annotations: map[string]string{"summary": "last line: connect postgres://app:hunter2@db/x failed"}, StartsAt: noon,
	}
	if err := h.TakeAlerts(t.Context(), "prod", []engine.Alert{a}); err != nil {
		t.Fatal(err)
	}
	if got := s.observed[0].Signals[0].Summary; strings.Contains(got, "hunter2") {
		t.Errorf("the summary shows a password: %s", got)
	}
}

func TestPagerWebhook(t *testing.T) {
	ack := engine.Decision{ID: "pd-1", Action: engine.ActionAcknowledge, IncidentID: 7, By: engine.Person{ID: "pager:ana", Name: "ana"}, Allowed: true}
	for _, c := range []struct {
		name   string
		decode error
		decide error
		status int
	}{
		{"kept", nil, nil, 200},
		{"done before", nil, engine.Errorf(engine.Conflict, "already acknowledged"), 200},
		{"cannot keep", nil, engine.Errorf(engine.Unavailable, "PostgreSQL does not answer"), 503},
		{"forged", engine.Errorf(engine.Forbidden, "the signature is wrong"), nil, 403},
		{"not theirs", engine.Errorf(engine.Invalid, "not a delivery"), nil, 400},
	} {
		h, s, _ := fixture(t)
		s.decideFail = c.decide
		edge := h.PagerWebhook(func(http.Header, []byte) ([]engine.Decision, error) { return []engine.Decision{ack}, c.decode })
		w := httptest.NewRecorder()
		edge.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", bytes.NewReader([]byte("{}"))))
		if w.Code != c.status {
			t.Errorf("%s: %d, want %d", c.name, w.Code, c.status)
		}
		if kept := len(s.decisions) == 1; kept != (c.status == 200 && c.decide == nil) {
			t.Errorf("%s: decisions %+v", c.name, s.decisions)
		}
		if want := engine.IncidentTrail(7); c.decode == nil && !slices.Equal(s.trails, []string{want}) {
			t.Errorf("%s: what is logged of it is about %q, want %s", c.name, s.trails, want)
		}
	}
}

func FuzzWebhook(f *testing.F) {
	f.Add([]byte(fixtureFile(f, "group.json")))
	f.Add([]byte(fixtureFile(f, "one.json")))
	f.Add([]byte(`{"version":"4","alerts":[{"status":"resolved","fingerprint":"f","labels":{"alertname":"A"},"endsAt":"0001-01-01T00:00:00Z"}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		alerts, _, err := decodeWebhook(body, noon)
		if err != nil {
			if engine.CodeOf(err) != engine.Invalid {
				t.Errorf("code %s, want invalid: %v", engine.CodeOf(err), err)
			}
			return
		}
		for _, a := range alerts {
			if a.Fingerprint == "" || a.Labels["alertname"] == "" {
				t.Errorf("an alert without identity was taken: %+v", a)
			}
		}
	})
}
