package e2e_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/test/slack"
	"github.com/eks-autopilot/autopilot/test/stand"
	"github.com/eks-autopilot/autopilot/test/stand/reader"
)

const (
	pagerKey    = "0123456789abcdef0123456789abcdef"
	pagerSecret = "signing-secret"
)

// pagerDuty takes events as PagerDuty's Events API v2 does, and refuses what it would refuse.
type pagerDuty struct {
	*httptest.Server
	mu      sync.Mutex
	events  []pagerEvent
	refused []string
}

type pagerEvent struct {
	RoutingKey string `json:"routing_key"`
	Action     string `json:"event_action"`
	DedupKey   string `json:"dedup_key"`
	Payload    *struct {
		Summary   string `json:"summary"`
		Source    string `json:"source"`
		Severity  string `json:"severity"`
		Timestamp string `json:"timestamp"`
	} `json:"payload"`
}

func newPagerDuty(t *testing.T) *pagerDuty {
	p := &pagerDuty{}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

func (p *pagerDuty) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var e pagerEvent
	reason := ""
	if r.Method != http.MethodPost || r.URL.Path != "/v2/enqueue" {
		reason = r.Method + " " + r.URL.Path
	} else if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
		reason = err.Error()
	} else {
		reason = e.wrong()
	}
	if reason != "" {
		p.refused = append(p.refused, reason)
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]any{"status": "invalid event", "message": "Event object is invalid", "errors": []string{reason}})
		return
	}
	p.events = append(p.events, e)
	w.WriteHeader(http.StatusAccepted)
	_ = json.NewEncoder(w).Encode(map[string]any{"status": "success", "message": "Event processed", "dedup_key": e.DedupKey})
}

// wrong says what PagerDuty would hold against an event.
func (e pagerEvent) wrong() string {
	switch e.Action {
	case "trigger":
		severities := map[string]bool{"critical": true, "error": true, "warning": true, "info": true}
		if e.Payload == nil || e.Payload.Summary == "" || len(e.Payload.Summary) > 1024 || e.Payload.Source == "" || !severities[e.Payload.Severity] {
			return fmt.Sprintf("payload is %+v", e.Payload)
		}
		if _, err := time.Parse(time.RFC3339, e.Payload.Timestamp); err != nil {
			return "timestamp: " + err.Error()
		}
	case "acknowledge", "resolve":
		if e.DedupKey == "" {
			return "dedup_key is missing"
		}
	default:
		return "event_action is " + e.Action
	}
	if len(e.RoutingKey) != 32 || len(e.DedupKey) > 255 {
		return "routing_key or dedup_key has a wrong length"
	}
	return ""
}

// about waits for an event that fits, and gives its key, which is that of its incident.
func (p *pagerDuty) about(w *world, action string, fits func(pagerEvent) bool) string {
	w.t.Helper()
	key := ""
	w.eventually(60*time.Second, "the pager hears "+action, func(context.Context) (bool, error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		k := slices.IndexFunc(p.events, func(e pagerEvent) bool { return e.Action == action && fits(e) })
		if k < 0 {
			return false, fmt.Errorf("it heard %+v and refused %q", p.events, p.refused)
		}
		key = p.events[k].DedupKey
		return true, nil
	})
	return key
}

func of(key string) func(pagerEvent) bool {
	return func(e pagerEvent) bool { return e.DedupKey == key }
}

func naming(subject string) func(pagerEvent) bool {
	return func(e pagerEvent) bool { return strings.Contains(e.Payload.Summary, subject) }
}

// TestEscalation leaves critical incidents alone: each is repeated, and then handed to the pager. One is acknowledged in Slack,
// which the pager hears; the other at the pager, which Slack shows.
func TestEscalation(t *testing.T) {
	t.Parallel()
	pager := newPagerDuty(t)
	w := newWorld(t, only("escalation"), func(cfg *stand.BotConfig) { cfg.EscalateAfter, cfg.Pager = "3s", pager.URL })
	first, second := fault(t, "config", "escalation-a"), fault(t, "config", "escalation-b")

	card := w.neglect(w.breakIt(first))
	key := pager.about(w, "trigger", naming("escalation-a/book"))
	w.thread(30*time.Second, card.TS, "The pager has called the on-call")
	w.press("ana", card.TS, "Acknowledge")
	w.card(20*time.Second, "escalation-a/book", "Acknowledged by <@"+w.people["ana"]+">")
	pager.about(w, "acknowledge", of(key))
	w.show(card, "it knows that it is acknowledged")
	w.must(w.player.Fix(t.Context(), first))
	w.card(90*time.Second, "escalation-a/book", "(resolved)")
	pager.about(w, "resolve", of(key))

	w.neglect(w.breakIt(second))
	other := pager.about(w, "trigger", naming("escalation-b/book"))
	if other == key {
		t.Fatalf("both incidents are told under the key %q", key)
	}
	if status := w.fromPager(other, "not-the-secret"); status != http.StatusForbidden {
		t.Errorf("a forged delivery is answered %d, want 403", status)
	}
	if m, _, err := w.reader.Card(t.Context(), "escalation-b/book"); err != nil || reader.Has(m, "Acknowledged by") {
		t.Errorf("a forged delivery acknowledged the incident (%v)", err)
	}
	if status := w.fromPager(other, pagerSecret); status != http.StatusOK {
		t.Errorf("a signed delivery is answered %d, want 200", status)
	}
	w.card(20*time.Second, "escalation-b/book", "Acknowledged by", "Chi Nguyen (at the pager)")

	pager.mu.Lock()
	defer pager.mu.Unlock()
	for _, e := range pager.events {
		if e.RoutingKey != pagerKey {
			t.Errorf("an event was sent under the key %q", e.RoutingKey)
		}
	}
	if len(pager.refused) > 0 {
		t.Errorf("the pager refused: %q", pager.refused)
	}
}

// neglect waits until nobody has acknowledged the incident for so long that the pager is told.
func (w *world) neglect(card slack.Message) slack.Message {
	w.t.Helper()
	w.thread(30*time.Second, card.TS, "Nobody has acknowledged it since", "<!subteam^", "handed over to the pager")
	return card
}

var cardNumber = regexp.MustCompile(`Incident (\d+) ·`)

// show asks for an incident until its timeline has a text.
func (w *world) show(card slack.Message, text string) {
	w.t.Helper()
	found := cardNumber.FindStringSubmatch(reader.Text(card))
	if found == nil {
		w.t.Fatalf("the card has no number: %s", reader.Text(card))
	}
	w.ask("/autopilot show "+found[1], text)
}

// fromPager delivers, as PagerDuty's webhook does, that Chi acknowledged an incident there, and gives the bot's answer.
func (w *world) fromPager(key, secret string) int {
	w.t.Helper()
	body := fmt.Appendf(nil, `{"event": {"id": "01DEVENT", "event_type": "incident.acknowledged", "resource_type": "incident", "occurred_at": %q,
		"agent": {"type": "user_reference", "summary": "Chi Nguyen"}, "data": {"type": "incident", "incident_key": %q}}}`,
		time.Now().UTC().Format(time.RFC3339), key)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, "http://"+w.listen+"/webhooks/pagerduty", bytes.NewReader(body))
	w.must(err)
	req.Header.Set("X-PagerDuty-Signature", "v1="+hex.EncodeToString(mac.Sum(nil)))
	resp, err := http.DefaultClient.Do(req)
	w.must(err)
	defer func() { _ = resp.Body.Close() }()
	return resp.StatusCode
}
