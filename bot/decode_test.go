package bot

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/slack-go/slack"

	"github.com/eks-autopilot/autopilot/engine"
)

var at = time.Date(2026, 11, 22, 3, 12, 5, 0, time.UTC)

func TestPayloadOf(t *testing.T) {
	tests := []struct {
		name string
		e    envelope
		id   string
		kind engine.PayloadKind
	}{
		{"command", envelope{ID: "e1", Type: "slash_commands", Payload: json.RawMessage(`{}`)}, "e1", engine.PayloadSlash},
		{"interaction", envelope{ID: "e2", Type: "interactive", Payload: json.RawMessage(`{}`)}, "e2", engine.PayloadInteraction},
		{"event", envelope{ID: "e3", Type: "events_api", Payload: json.RawMessage(`{"event_id":"Ev1"}`)}, "Ev1", engine.PayloadEvent},
		{"event without id", envelope{ID: "e4", Type: "events_api", Payload: json.RawMessage(`{}`)}, "e4", engine.PayloadEvent},
	}
	for _, tt := range tests {
		p, err := payloadOf(tt.e)
		if err != nil || p.ID != tt.id || p.Kind != tt.kind {
			t.Errorf("%s: payload %s of kind %s, %v", tt.name, p.ID, p.Kind, err)
		}
	}
	if _, err := payloadOf(envelope{Type: "events_api", Payload: json.RawMessage(`[]`)}); err == nil {
		t.Error("an event that is a list was read")
	}
}

func TestDecode(t *testing.T) {
	ana := engine.Person{ID: "U1", Name: "ana"}
	tests := []struct {
		name string
		kind engine.PayloadKind
		body string
		want inbound
	}{
		{
			"command", engine.PayloadSlash,
			`{"text":" show 42 ","channel_id":"C1","user_id":"U1","user_name":"ana","trigger_id":"t","response_url":"https://x"}`,
			inbound{
				command: &engine.Command{ID: "p", By: ana, Channel: "C1", Text: "show 42", At: at}, trigger: "t",
				answer: address{URL: "https://x", Channel: "C1", User: "U1"},
			},
		},
		{
			"button in a thread", engine.PayloadInteraction,
			`{"type":"block_actions","user":{"id":"U1","username":"ana"},"trigger_id":"t","response_url":"https://x",
				"container":{"channel_id":"C1","message_ts":"2.0","thread_ts":"1.0"},
				"actions":[{"action_id":"verdict:wrong","block_id":"incident/42/card#verdict","value":"42:wrong"}]}`,
			inbound{
				click:   &engine.Click{ID: "p", By: ana, Channel: "C1", MessageKey: "incident/42/card", Action: "verdict", Value: "42:wrong", At: at},
				trigger: "t", answer: address{URL: "https://x", Channel: "C1", Thread: "1.0", User: "U1"},
			},
		},
		{
			"menu on a card with replies", engine.PayloadInteraction,
			`{"type":"block_actions","user":{"id":"U1","name":"ana"},"channel":{"id":"C1"},"container":{"message_ts":"1.0","thread_ts":"1.0"},
				"actions":[{"action_id":"silence","block_id":"incident/42/card#act","selected_option":{"value":"42:4h"}}]}`,
			inbound{
				click:  &engine.Click{ID: "p", By: ana, Channel: "C1", MessageKey: "incident/42/card", Action: "silence", Value: "42:4h", At: at},
				answer: address{Channel: "C1", User: "U1"},
			},
		},
		{
			"submission", engine.PayloadInteraction,
			`{"type":"view_submission","user":{"id":"U1","name":"ana"},"view":{"callback_id":"correction",
				"private_metadata":"{\"s\":\"42\",\"a\":{\"u\":\"https://x\",\"c\":\"C1\"}}","state":{"values":{"cause":{"cause":{"value":"dns"}},"note":{"note":{"value":null}}}}}}`,
			inbound{
				submission: &engine.Submission{ID: "p", By: ana, Form: "correction", Subject: "42", Values: map[string]string{"cause": "dns", "note": ""}, At: at},
				answer:     address{URL: "https://x", Channel: "C1", User: "U1"},
			},
		},
		{"home", engine.PayloadEvent, `{"event":{"type":"app_home_opened","user":"U1","tab":"home"}}`, inbound{home: &engine.Person{ID: "U1"}}},
		{"messages tab", engine.PayloadEvent, `{"event":{"type":"app_home_opened","user":"U1","tab":"messages"}}`, inbound{}},
		{"another event", engine.PayloadEvent, `{"event":{"type":"message","user":"U1"}}`, inbound{}},
		{"closed view", engine.PayloadInteraction, `{"type":"view_closed","user":{"id":"U1"}}`, inbound{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := decode(engine.Payload{ID: "p", Kind: tt.kind, Body: []byte(tt.body), At: at})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(inbound{}, address{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	tests := []struct {
		kind engine.PayloadKind
		body string
	}{
		{engine.PayloadSlash, `{`},
		{engine.PayloadSlash, `{"text":"help"}`},
		{engine.PayloadInteraction, `{"type":"block_actions"}`},
		{engine.PayloadInteraction, `{"type":"block_actions","user":{"id":"U1"},"actions":[]}`},
		{engine.PayloadInteraction, `{"type":"view_submission","user":{"id":"U1"},"view":{"private_metadata":"42"}}`},
		{engine.PayloadEvent, `null[]`},
		{"smoke signal", `{}`},
	}
	for _, tt := range tests {
		if in, err := decode(engine.Payload{Kind: tt.kind, Body: []byte(tt.body)}); err == nil {
			t.Errorf("%s %s was read as %+v", tt.kind, tt.body, in)
		}
	}
}

// FuzzDecode looks for payloads that crash the decoder, or that it makes nobody's.
func FuzzDecode(f *testing.F) {
	f.Add(`{"text":"help","user_id":"U1"}`)
	f.Add(`{"type":"block_actions","user":{"id":"U1"},"actions":[{"action_id":"a","block_id":"k#x","value":"1"}]}`)
	f.Add(`{"type":"view_submission","user":{"id":"U1"},"view":{"private_metadata":"{}","state":{"values":{"a":{"a":{"value":"x"}}}}}}`)
	f.Add(`{"event":{"type":"app_home_opened","user":"U1","tab":"home"}}`)
	f.Fuzz(func(t *testing.T, body string) {
		for _, kind := range []engine.PayloadKind{engine.PayloadSlash, engine.PayloadInteraction, engine.PayloadEvent} {
			in, err := decode(engine.Payload{ID: "p", Kind: kind, Body: []byte(body), At: at})
			if err != nil {
				continue
			}
			switch {
			case in.command != nil && in.command.By.IsZero(), in.click != nil && in.click.By.IsZero(),
				in.submission != nil && in.submission.By.IsZero(), in.home != nil && in.home.IsZero():
				t.Errorf("%s %q was read as nobody's: %+v", kind, body, in)
			}
		}
	})
}

func TestClassify(t *testing.T) {
	answer := func(code string) error { return fmt.Errorf("call: %w", slack.SlackErrorResponse{Err: code}) }
	tests := []struct {
		name    string
		err     error
		want    problemKind
		certain bool
	}{
		{"429", &slack.RateLimitedError{RetryAfter: 3 * time.Second}, slowDown, true},
		{"ratelimited with 200", answer("ratelimited"), slowDown, true},
		{"revoked", answer("token_revoked"), refusedToken, true},
		{"archived", answer("is_archived"), channelGone, true},
		{"deleted", answer("message_not_found"), messageGone, true},
		{"no thread", answer("thread_not_found"), threadGone, true},
		{"blocks", answer("invalid_blocks"), contentRefused, true},
		{"scope", answer("missing_scope"), notPermitted, true},
		{"something new", answer("moon_phase"), refusedCall, true},
		{"Slack is ill", answer("internal_error"), unknownOutcome, false},
		{"500", slack.StatusCodeError{Code: 503}, unknownOutcome, false},
		{"404", slack.StatusCodeError{Code: 404}, refusedCall, true},
		{"no route", &net.OpError{Op: "dial", Err: errors.New("no route to host")}, neverSent, true},
		{"reset", &net.OpError{Op: "read", Err: errors.New("connection reset")}, unknownOutcome, false},
		{"anything else", errors.New("unexpected EOF"), unknownOutcome, false},
	}
	for _, tt := range tests {
		got := classify(tt.err)
		if got.kind != tt.want || got.certain() != tt.certain {
			t.Errorf("%s: kind %d, certain %v; want %d, %v", tt.name, got.kind, got.certain(), tt.want, tt.certain)
		}
	}
	if got := classify(&slack.RateLimitedError{RetryAfter: 7 * time.Second}); got.wait != 7*time.Second {
		t.Errorf("waits %s, want 7s", got.wait)
	}
}

func TestBackoffGrowsToItsBound(t *testing.T) {
	last := time.Duration(0)
	for attempt := range 100 {
		d := backoff(attempt)
		if d < last || d > retryMost || d <= 0 {
			t.Fatalf("attempt %d waits %s after %s", attempt, d, last)
		}
		last = d
	}
	if last != retryMost {
		t.Errorf("the last wait is %s, want %s", last, retryMost)
	}
}
