package page

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
)

const hookSecret engine.Secret = "a-signing-secret"

func signature(secret engine.Secret, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return "v1=" + hex.EncodeToString(mac.Sum(nil))
}

// delivery is a webhook of PagerDuty as its documentation shows it.
func delivery(event, agent, key string) string {
	return fmt.Sprintf(`{"event":{"id":"01BS","event_type":%q,"resource_type":"incident","occurred_at":"2026-11-22T03:05:00.123Z","agent":%s,"client":null,
"data":{"id":"PGR0VU2","type":"incident","self":"https://api.pagerduty.com/incidents/PGR0VU2","number":2,"status":"acknowledged","incident_key":%q,"title":"t","a_new_field":[1]}}}`, event, agent, key)
}

const person = `{"html_url":"https://x","id":"PL","self":"https://x","summary":"Tenex Engineer","type":"user_reference"}`

func TestPagerDutyWebhook(t *testing.T) {
	at := time.Date(2026, 11, 22, 3, 5, 0, 123e6, time.UTC)
	for name, tt := range map[string]struct {
		body string
		want []Update
		code engine.Code
	}{
		"acknowledged": {delivery("incident.acknowledged", person, "autopilot-incident-42"), []Update{{"pagerduty/01BS", 42, 0, Acknowledge, "Tenex Engineer", at}}, ""},
		"resolved":     {delivery("incident.resolved", person, "autopilot-incident-42"), []Update{{"pagerduty/01BS", 42, 0, Resolve, "Tenex Engineer", at}}, ""},
		"reopened":     {delivery("incident.resolved", person, "autopilot-incident-42-3"), []Update{{"pagerduty/01BS", 42, 3, Resolve, "Tenex Engineer", at}}, ""},
		"by ourselves": {delivery("incident.resolved", `{"id":"P1","summary":"Events API V2","type":"inbound_integration_reference"}`, "autopilot-incident-42"), nil, ""},
		"by a timeout": {delivery("incident.resolved", "null", "autopilot-incident-42"), nil, ""},
		"not ours":     {delivery("incident.resolved", person, "d3640fbd41094207a1c11e58e46b1662"), nil, ""},
		"other event":  {delivery("incident.annotated", person, "autopilot-incident-42"), nil, ""},
		"a ping":       {`{"event":{"id":"1","event_type":"pagey.ping","data":{"message":"Hello from your friend Pagey!","type":"ping"}}}`, nil, ""},
		"not JSON":     {"<html>", nil, engine.Invalid},
		"no event":     {"{}", nil, engine.Invalid},
		"no id":        {strings.Replace(delivery("incident.resolved", person, "autopilot-incident-42"), `"01BS"`, `""`, 1), nil, engine.Invalid},
	} {
		got, err := PagerDutyWebhook(hookSecret, http.Header{"X-Pagerduty-Signature": {signature(hookSecret, tt.body)}}, []byte(tt.body))
		if engine.CodeOf(err) != tt.code {
			t.Errorf("%s: %v; want code %q", name, err, tt.code)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestPagerDutySignatures(t *testing.T) {
	body := delivery("incident.resolved", person, "autopilot-incident-42")
	right, other := signature(hookSecret, body), signature("another", body)
	for name, tt := range map[string]struct {
		secret  engine.Secret
		headers []string
		ok      bool
	}{
		"right":                       {hookSecret, []string{right}, true},
		"while the secret is changed": {hookSecret, []string{other + "," + right}, true},
		"in two headers":              {hookSecret, []string{other, " " + right}, true},
		"of another secret":           {hookSecret, []string{other}, false},
		"missing":                     {hookSecret, nil, false},
		"of another version":          {hookSecret, []string{"v2=" + strings.TrimPrefix(right, "v1=")}, false},
		"cut":                         {hookSecret, []string{right[:20]}, false},
		"not hex":                     {hookSecret, []string{"v1=zz"}, false},
		"empty secret":                {"", []string{signature("", body)}, false},
	} {
		_, err := PagerDutyWebhook(tt.secret, http.Header{"X-Pagerduty-Signature": tt.headers}, []byte(body))
		if (err == nil) != tt.ok || (!tt.ok && engine.CodeOf(err) != engine.Forbidden) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := PagerDutyWebhook(hookSecret, http.Header{"X-Pagerduty-Signature": {right}}, []byte(body+" ")); engine.CodeOf(err) != engine.Forbidden {
		t.Errorf("a changed body: %v", err)
	}
}

func ogDelivery(action, alias, source, updated string) string {
	return fmt.Sprintf(`{"action":%q,"alert":{"alertId":"7ec3-1","message":"m","tags":[],"tinyId":"8","alias":%q,"createdAt":1593475564295,"updatedAt":%s,"username":"ana@example.com","userId":"e76"},
"source":%s,"integrationName":"w","integrationId":"c","integrationType":"Webhook"}`, action, alias, updated, source)
}

func TestOpsgenieWebhook(t *testing.T) {
	const web, nanos = `{"name":"","type":"web"}`, "1593475564636000000"
	at := time.UnixMilli(1593475564636).UTC()
	update := func(what, when string) []Update {
		return []Update{{"opsgenie/7ec3-1/" + what + "/" + when, 42, 0, what, "ana@example.com", at}}
	}
	for name, tt := range map[string]struct {
		body string
		want []Update
		code engine.Code
	}{
		"acknowledged":        {ogDelivery("Acknowledge", "autopilot-incident-42", web, nanos), update(Acknowledge, nanos), ""},
		"closed":              {ogDelivery("Close", "autopilot-incident-42", web, nanos), update(Resolve, nanos), ""},
		"reopened":            {ogDelivery("Close", "autopilot-incident-42-3", web, nanos), []Update{{"opsgenie/7ec3-1/resolve/" + nanos, 42, 3, Resolve, "ana@example.com", at}}, ""},
		"in milliseconds":     {ogDelivery("Close", "autopilot-incident-42", web, "1593475564636"), update(Resolve, "1593475564636"), ""},
		"in a string":         {ogDelivery("Close", "autopilot-incident-42", web, `"1593475564636000000"`), update(Resolve, nanos), ""},
		"by ourselves":        {ogDelivery("Close", "autopilot-incident-42", `{"name":"autopilot","type":"API"}`, nanos), nil, ""},
		"by our name":         {ogDelivery("Close", "autopilot-incident-42", `{"name":"autopilot","type":"other"}`, nanos), nil, ""},
		"not ours":            {ogDelivery("Close", "7ec3-1", web, nanos), nil, ""},
		"another action":      {ogDelivery("AddNote", "autopilot-incident-42", web, nanos), nil, ""},
		"not JSON":            {"<html>", nil, engine.Invalid},
		"without an action":   {"{}", nil, engine.Invalid},
		"of the wrong shapes": {`{"action":7}`, nil, engine.Invalid},
	} {
		got, err := OpsgenieWebhook(hookSecret, http.Header{"Authorization": {"Bearer a-signing-secret"}}, []byte(tt.body))
		if engine.CodeOf(err) != tt.code {
			t.Errorf("%s: %v; want code %q", name, err, tt.code)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	body := []byte(ogDelivery("Close", "autopilot-incident-42", web, nanos))
	for _, tt := range []struct {
		secret engine.Secret
		header string
	}{{hookSecret, ""}, {hookSecret, "Bearer wrong"}, {hookSecret, "a-signing-secret"}, {"", "Bearer "}} {
		if got, err := OpsgenieWebhook(tt.secret, http.Header{"Authorization": {tt.header}}, body); engine.CodeOf(err) != engine.Forbidden {
			t.Errorf("header %q: %v, %v", tt.header, got, err)
		}
	}
}

func FuzzPagerDutyWebhook(f *testing.F) {
	f.Add([]byte(delivery("incident.resolved", person, "autopilot-incident-42")))
	f.Add([]byte(`{"event":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := PagerDutyWebhook(hookSecret, http.Header{"X-Pagerduty-Signature": {signature(hookSecret, string(body))}}, body)
		check(t, got, err)
	})
}

func FuzzOpsgenieWebhook(f *testing.F) {
	f.Add([]byte(ogDelivery("Close", "autopilot-incident-42", `{"name":"","type":"web"}`, "1593475564636")))
	f.Add([]byte(`{"action":"Close","alert":{"updatedAt":-1}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := OpsgenieWebhook(hookSecret, http.Header{"Authorization": {"Bearer a-signing-secret"}}, body)
		check(t, got, err)
	})
}

// check holds what is true of every body that is signed as it should be.
func check(t *testing.T, got []Update, err error) {
	t.Helper()
	if err != nil && engine.CodeOf(err) != engine.Invalid {
		t.Errorf("error %v", err)
	}
	for _, u := range got {
		if u.IncidentID <= 0 || u.Reopened < 0 || (u.What != Acknowledge && u.What != Resolve) || err != nil {
			t.Errorf("update %+v, %v", u, err)
		}
	}
}
