package page

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// Update is what a person did to one of our incidents at the pager.
type Update struct {
	ID         string // of the delivery's event: one that comes twice acts once
	IncidentID int64
	Reopened   int    // how often the incident had been reopened when the pager was called
	What       string // Acknowledge or Resolve
	By         string // the person's name, as the pager knows it
	At         time.Time
}

// PagerDutyWebhook reads a delivery of PagerDuty's webhooks v3 (secret is the subscription's). It gives nothing for what is
// not ours, for events that tell us nothing, and for what we did there ourselves.
// It fails with Forbidden for a wrong signature and with Invalid for a body that is not such a delivery.
func PagerDutyWebhook(secret engine.Secret, header http.Header, body []byte) ([]Update, error) {
	if !signed(secret, header.Values("X-PagerDuty-Signature"), body) {
		return nil, engine.Errorf(engine.Forbidden, "the signature in X-PagerDuty-Signature does not fit")
	}
	var delivery struct {
		Event struct {
			ID         string    `json:"id"`
			Type       string    `json:"event_type"`
			OccurredAt time.Time `json:"occurred_at"`
			Agent      *struct {
				Type    string `json:"type"`
				Summary string `json:"summary"`
			} `json:"agent"`
			Data struct {
				Type        string `json:"type"`
				IncidentKey string `json:"incident_key"`
			} `json:"data"`
		} `json:"event"`
	}
	if err := json.Unmarshal(body, &delivery); err != nil {
		return nil, engine.Wrap(engine.Invalid, err, "the body is not a PagerDuty v3 webhook")
	}
	e := delivery.Event
	if e.Type == "" || e.ID == "" { // without an id, the second event would be taken for the first
		return nil, engine.Errorf(engine.Invalid, "the body is not a PagerDuty v3 webhook: it has no event.event_type or no event.id")
	}
	what, known := map[string]string{"incident.acknowledged": Acknowledge, "incident.resolved": Resolve}[e.Type]
	incident, reopened, ours := incidentOf(e.Data.IncidentKey)
	// An agent that is not a user is an integration, such as the one that we send through.
	if !known || !ours || e.Agent == nil || e.Agent.Type != "user_reference" {
		return nil, nil
	}
	return []Update{{ID: "pagerduty/" + e.ID, IncidentID: incident, Reopened: reopened, What: what, By: e.Agent.Summary, At: e.OccurredAt}}, nil
}

// signed tells whether one of the signatures is ours: a list of "v1=<hex HMAC-SHA256 of the body>", more than one while a
// secret is being changed.
func signed(secret engine.Secret, headers []string, body []byte) bool {
	if secret.IsZero() {
		return false
	}
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	mac.Write(body)
	want := mac.Sum(nil)
	for part := range strings.SplitSeq(strings.Join(headers, ","), ",") {
		digits, ok := strings.CutPrefix(strings.TrimSpace(part), "v1=")
		if !ok {
			continue
		}
		if got, err := hex.DecodeString(digits); err == nil && hmac.Equal(got, want) {
			return true
		}
	}
	return false
}

// OpsgenieWebhook reads a delivery of Opsgenie's webhook integration. Opsgenie signs nothing: the integration must be given
// the custom header "Authorization: Bearer <secret>". It gives nothing for what is not ours, for actions that tell us
// nothing, and for what we did there ourselves. It fails with Forbidden for a wrong header and with Invalid for a wrong body.
func OpsgenieWebhook(secret engine.Secret, header http.Header, body []byte) ([]Update, error) {
	got := sha256.Sum256([]byte(header.Get("Authorization")))
	want := sha256.Sum256([]byte("Bearer " + secret.Reveal()))
	if secret.IsZero() || subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
		return nil, engine.Errorf(engine.Forbidden, "the Authorization header is not the one that was agreed on")
	}
	var delivery struct {
		Action string `json:"action"`
		Alert  struct {
			ID        string          `json:"alertId"`
			Alias     string          `json:"alias"`
			Username  string          `json:"username"`
			UpdatedAt json.RawMessage `json:"updatedAt"` // milliseconds or nanoseconds since 1970, a number or a string of one
		} `json:"alert"`
		Source struct {
			Name string `json:"name"`
			Type string `json:"type"`
		} `json:"source"`
	}
	if err := json.Unmarshal(body, &delivery); err != nil {
		return nil, engine.Wrap(engine.Invalid, err, "the body is not an Opsgenie webhook")
	}
	if delivery.Action == "" {
		return nil, engine.Errorf(engine.Invalid, "the body is not an Opsgenie webhook: it has no action")
	}
	what, known := map[string]string{"Acknowledge": Acknowledge, "Close": Resolve}[delivery.Action]
	incident, reopened, ours := incidentOf(delivery.Alert.Alias)
	if !known || !ours || strings.EqualFold(delivery.Source.Type, "api") || delivery.Source.Name == ourSource {
		return nil, nil
	}
	updated := strings.Trim(string(delivery.Alert.UpdatedAt), `"`)
	return []Update{{
		ID:         fmt.Sprintf("opsgenie/%s/%s/%s", delivery.Alert.ID, what, updated),
		IncidentID: incident, Reopened: reopened, What: what, By: delivery.Alert.Username, At: instant(updated),
	}}, nil
}

// instant reads a time that is in milliseconds in some of Opsgenie's payloads and in nanoseconds in others.
func instant(digits string) time.Time {
	n, err := strconv.ParseInt(digits, 10, 64)
	switch {
	case err != nil || n <= 0:
		return time.Time{}
	case n > 1e16:
		return time.Unix(0, n).UTC()
	}
	return time.UnixMilli(n).UTC()
}
