package slack_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/test/slack"
)

// obj is a plain_text object.
func obj(text string) map[string]any { return map[string]any{"type": "plain_text", "text": text} }

// card has a button, a menu and an overflow.
var card = []any{
	map[string]any{"type": "section", "text": obj("down"), "block_id": "head", "accessory": map[string]any{
		"type": "overflow", "action_id": "more", "options": []any{map[string]any{"text": obj("Logs"), "value": "logs"}},
	}},
	map[string]any{"type": "actions", "block_id": "next", "elements": []any{
		map[string]any{"type": "button", "action_id": "ack", "text": obj("Acknowledge"), "value": "42", "style": "primary"},
		map[string]any{"type": "static_select", "action_id": "silence", "options": []any{
			map[string]any{"text": obj("1 h"), "value": "1h"}, map[string]any{"text": obj("4 h"), "value": "4h"},
		}},
	}},
}

func TestClick(t *testing.T) {
	s := start(t, slack.Config{})
	ctl, a := s.Control(), connect(t, s)
	parent := must(t, call(t, s, "chat.postMessage", params{"channel": "C01INCIDENTS", "text": "x"})).str("ts")
	ts := must(t, call(t, s, "chat.postMessage", params{
		"channel": "C01INCIDENTS", "text": "down", "blocks": card, "thread_ts": parent,
	})).str("ts")
	at := slack.Action{User: "ben", Channel: "incidents", MessageTS: ts}
	click := func(block, action string, option any) answer {
		t.Helper()
		at.BlockID, at.ActionID, at.SelectedOption = block, action, option
		got := a.answering(nil)
		took(t)(ctl.Click(t.Context(), at))
		f := <-got
		if f.Type != "interactive" || f.Accepts {
			t.Errorf("frame %+v", f)
		}
		return answer{body: f.Payload}
	}

	p := click("next", "ack", nil)
	for want, got := range map[string]string{
		"block_actions": p.str("type"), "U01BEN": p.str("user", "id"), "T01ACME": p.str("team", "id"),
		"C01INCIDENTS": p.str("channel", "id"), ts: p.str("message", "ts"), "message": p.str("container", "type"),
		parent: p.str("container", "thread_ts"), "ack": p.str("actions", 0, "action_id"), "42": p.str("actions", 0, "value"),
		"button": p.str("actions", 0, "type"), "next": p.str("actions", 0, "block_id"), "ben": p.str("user", "username"),
		"A01AUTOPILOT": p.str("api_app_id"), "down": p.str("message", "text"),
	} {
		if got != want {
			t.Errorf("payload has %q for %q in %v", got, want, p.body)
		}
	}
	if p.str("actions", 0, "action_ts") == "" || p.str("trigger_id") == "" || !strings.Contains(p.str("response_url"), "/hooks/actions/") {
		t.Errorf("payload %v", p.body)
	}

	p = click("next", "silence", "4h")
	option := map[string]any{"text": map[string]any{"type": "plain_text", "text": "4 h", "emoji": true}, "value": "4h"}
	if diff := cmp.Diff(option, p.at("actions", 0, "selected_option")); diff != "" {
		t.Errorf("selected (-want +got):\n%s", diff)
	}
	p = click("next", "ack", nil) // the choice stays in the state of later clicks
	if diff := cmp.Diff(option, p.at("state", "values", "next", "silence", "selected_option")); diff != "" {
		t.Errorf("state (-want +got):\n%s", diff)
	}
	p = click("head", "more", map[string]any{"value": "logs"})
	if p.str("actions", 0, "selected_option", "value") != "logs" {
		t.Errorf("overflow %v", p.at("actions", 0))
	}

	must(t, call(t, s, "chat.update", params{"channel": "C01INCIDENTS", "ts": ts, "blocks": button}))
	for name, stale := range map[string]slack.Action{
		"element gone": {User: "ben", Channel: "incidents", MessageTS: ts, BlockID: "next", ActionID: "silence"},
		"message gone": {User: "ben", Channel: "incidents", MessageTS: "1.000000", BlockID: "next", ActionID: "ack"},
		"nobody":       {User: "zoe", Channel: "incidents", MessageTS: ts, BlockID: "next", ActionID: "ack"},
		"view gone":    {User: "ben", ViewID: "V404", BlockID: "next", ActionID: "ack"},
	} {
		if out, err := ctl.Click(t.Context(), stale); err != nil || out.OK || !strings.HasSuffix(out.Error, "not_found") {
			t.Errorf("%s: %+v, %v", name, out, err)
		}
	}
}

func TestClickInAnAttachment(t *testing.T) {
	s := start(t, slack.Config{})
	a := connect(t, s)
	bare := []any{map[string]any{"type": "actions", "elements": []any{map[string]any{"type": "button", "text": obj("Go")}}}}
	m := must(t, call(t, s, "chat.postMessage", params{
		"channel": "C01INCIDENTS", "attachments": []any{map[string]any{"color": "#d00", "blocks": bare}},
	}))
	block, action := m.str("message", "attachments", 0, "blocks", 0, "block_id"),
		m.str("message", "attachments", 0, "blocks", 0, "elements", 0, "action_id")
	got := a.answering(nil)
	took(t)(s.Control().Click(t.Context(), slack.Action{
		User: "ben", Channel: "incidents", MessageTS: m.str("ts"), BlockID: block, ActionID: action,
	}))
	if p := (answer{body: (<-got).Payload}); p.str("actions", 0, "block_id") != block || block == "" || action == "" {
		t.Errorf("payload %v", p.body)
	}
	broken := []any{map[string]any{"blocks": []any{map[string]any{"type": "none"}}}}
	if got := call(t, s, "chat.postMessage", params{"channel": "C01INCIDENTS", "attachments": broken}).err(); got != "invalid_attachments" {
		t.Errorf("broken blocks in an attachment: %q", got)
	}
}

func TestExternalID(t *testing.T) {
	s := start(t, slack.Config{})
	a := connect(t, s)
	open := func(id string) answer {
		v := modal("Resolve")
		v["external_id"] = id
		return call(t, s, "views.open", params{"trigger_id": trigger(t, s, a), "view": v})
	}
	first := must(t, open("resolve/42"))
	if got := open("resolve/42").err(); got != "duplicate_external_id" {
		t.Errorf("the same external_id: %q", got)
	}
	got := must(t, call(t, s, "views.update", params{"external_id": "resolve/42", "view": modal("New")}))
	if got.str("view", "id") != first.str("view", "id") || got.str("view", "external_id") != "resolve/42" {
		t.Errorf("update by external_id: %v", got.body)
	}
}

func TestEphemeralClickAndResponseURL(t *testing.T) {
	s := start(t, slack.Config{})
	ctl, a := s.Control(), connect(t, s)
	ts := must(t, call(t, s, "chat.postEphemeral", params{
		"channel": "C01INCIDENTS", "user": "U01ANA", "text": "logs?", "blocks": button,
	})).str("message_ts")
	if got := texts(t, s, "incidents", "ben"); len(got) != 0 {
		t.Errorf("ben sees %q", got)
	}
	if msgs, err := ctl.Messages(t.Context(), "incidents", "ana"); err != nil || len(msgs) != 1 || !msgs[0].IsEphemeral {
		t.Errorf("ana sees %+v, %v", msgs, err)
	}
	got := a.answering(nil)
	took(t)(ctl.Click(t.Context(), slack.Action{User: "ana", Channel: "incidents", MessageTS: ts, BlockID: "next", ActionID: "ack"}))
	p := answer{body: (<-got).Payload}
	if p.at("message") != nil || p.at("container", "is_ephemeral") != true {
		t.Errorf("payload %v", p.body)
	}
	url := p.str("response_url")
	respond := func(body string, want int) {
		t.Helper()
		if got := post(t, url, "", "application/json", body); got.status != want {
			t.Errorf("%s: HTTP %d, want %d", body, got.status, want)
		}
	}
	respond(`{"replace_original":true,"text":"replaced"}`, 200)
	if got := texts(t, s, "incidents", "ana"); len(got) != 1 || got[0] != "replaced" {
		t.Errorf("ana sees %q", got)
	}
	respond(`{"delete_original":true}`, 200)
	respond(`{"text":"again"}`, 200)
	respond(`{"blocks":[{"type":"none"}]}`, 500)
	respond(`nonsense`, 500)
	respond(`{"response_type":"in_channel","text":"for all"}`, 200)
	respond(`{"text":"fifth"}`, 200)
	respond(`{"text":"sixth"}`, 404)
	if got := texts(t, s, "incidents", "ana"); strings.Join(got, ",") != "again,for all,fifth" {
		t.Errorf("ana sees %q", got)
	}
	if got := texts(t, s, "incidents", "ben"); strings.Join(got, ",") != "for all" {
		t.Errorf("ben sees %q", got)
	}
}

func TestResponseURLExpires(t *testing.T) {
	clock := newClock()
	s := start(t, slack.Config{Now: clock.now})
	a := connect(t, s)
	got := a.answering(nil)
	took(t)(s.Control().Command(t.Context(), "ana", "incidents", "/autopilot x"))
	url := answer{body: (<-got).Payload}.str("response_url")
	clock.add(29 * time.Minute)
	if a := post(t, url, "", "application/json", `{"text":"in time"}`); a.status != 200 {
		t.Errorf("after 29 min: HTTP %d", a.status)
	}
	clock.add(2 * time.Minute)
	if a := post(t, url, "", "application/json", `{"text":"late"}`); a.status != 404 {
		t.Errorf("after 31 min: HTTP %d", a.status)
	}
}

func modal(title string, blocks ...any) map[string]any {
	return map[string]any{
		"type": "modal", "callback_id": "c", "private_metadata": "incident/42", "title": obj(title), "submit": obj("Go"),
		"blocks": append([]any{}, blocks...),
	}
}

func input(block, action string, optional bool) map[string]any {
	return map[string]any{
		"type": "input", "block_id": block, "label": obj("Why"), "optional": optional,
		"element": map[string]any{"type": "plain_text_input", "action_id": action},
	}
}

// trigger is a fresh trigger_id from a command of ana's.
func trigger(t *testing.T, s *slack.Server, a *app) string {
	t.Helper()
	got := a.answering(nil)
	took(t)(s.Control().Command(t.Context(), "ana", "incidents", "/autopilot x"))
	return answer{body: (<-got).Payload}.str("trigger_id")
}

func TestTriggers(t *testing.T) {
	clock := newClock()
	s := start(t, slack.Config{Now: clock.now})
	a := connect(t, s)
	open := func(id string, view any) answer {
		return call(t, s, "views.open", params{"trigger_id": id, "view": view})
	}
	id := trigger(t, s, a)
	if got := open(id, modal(strings.Repeat("x", 25))); got.err() != "invalid_arguments" ||
		got.str("response_metadata", "messages", 0) != "[ERROR] must be less than 25 characters [json-pointer:/view/title/text]" {
		t.Errorf("a bad view: %v", got.body)
	}
	v := must(t, open(id, modal("First")))
	if v.str("view", "root_view_id") != v.str("view", "id") || v.at("view", "previous_view_id") != nil || v.str("view", "hash") == "" {
		t.Errorf("view %v", v.body)
	}
	if got := open(id, modal("Twice")).err(); got != "exchanged_trigger_id" {
		t.Errorf("a used trigger: %q", got)
	}
	id = trigger(t, s, a)
	clock.add(4 * time.Second)
	if got := open(id, modal("Late")).err(); got != "expired_trigger_id" {
		t.Errorf("a late trigger: %q", got)
	}
	update := func(hash string) string {
		return call(t, s, "views.update", params{"view_id": v.str("view", "id"), "hash": hash, "view": modal("New")}).err()
	}
	if got := update(v.str("view", "hash")); got != "" {
		t.Errorf("update: %q", got)
	}
	if got := update(v.str("view", "hash")); got != "hash_conflict" {
		t.Errorf("update with the old hash: %q", got)
	}
}

func TestSubmission(t *testing.T) {
	s := start(t, slack.Config{AckTimeout: 300 * time.Millisecond})
	ctl, a := s.Control(), connect(t, s)
	id := must(t, call(t, s, "views.open", params{
		"trigger_id": trigger(t, s, a), "view": modal("Resolve", input("why", "text", false), input("note", "n", true)),
	})).str("view", "id")
	submit := func(value string, ack any) (slack.Outcome, answer) {
		t.Helper()
		got := a.answering(ack)
		out, err := ctl.Submit(t.Context(), "ana", id, values("why", "text", value))
		if err != nil {
			t.Fatal(err)
		}
		return out, answer{body: (<-got).Payload}
	}
	titles := func() string {
		t.Helper()
		views, err := ctl.Views(t.Context(), "ana")
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, v := range views {
			all = append(all, fmt.Sprint(v.Title["text"]))
		}
		return strings.Join(all, ",")
	}

	if out, err := ctl.Submit(t.Context(), "ana", id, nil); err != nil || out.OK || out.Errors["why"] == "" || out.Errors["note"] != "" {
		t.Errorf("an empty required field: %+v, %v", out, err)
	}
	if out, err := ctl.Submit(t.Context(), "ben", id, nil); err != nil || out.Error != "view_not_found" {
		t.Errorf("somebody else's modal: %+v, %v", out, err)
	}
	out, p := submit("x", map[string]any{"response_action": "errors", "errors": map[string]any{"why": "Too short."}})
	if out.OK || out.ResponseAction != "errors" || out.Errors["why"] != "Too short." || titles() != "Resolve" {
		t.Errorf("errors: %+v", out)
	}
	if p.str("type") != "view_submission" || p.str("view", "state", "values", "why", "text", "value") != "x" ||
		p.str("view", "private_metadata") != "incident/42" || p.str("view", "id") != id || p.str("trigger_id") == "" {
		t.Errorf("payload %v", p.body)
	}
	if v, ok := p.at("view", "state", "values", "note", "n").(map[string]any); !ok || v["value"] != nil {
		t.Errorf("an empty optional field: %v, want null", v)
	}
	if out, _ = submit("x", map[string]any{"response_action": "errors", "errors": map[string]any{"nowhere": "x"}}); out.Error != "bad_response" {
		t.Errorf("errors for a block that is not there: %+v", out)
	}
	submit("x", map[string]any{"response_action": "update", "view": modal("Sure?", input("why", "text", false))})
	if titles() != "Sure?" {
		t.Errorf("after update: %s", titles())
	}
	submit("x", map[string]any{"response_action": "push", "view": modal("Really?")})
	if titles() != "Sure?,Really?" {
		t.Errorf("after push: %s", titles())
	}
	if out, err := ctl.Submit(t.Context(), "ana", id, nil); err != nil || out.Error != "view_not_on_top" {
		t.Errorf("a covered modal: %+v, %v", out, err)
	}
	views, err := ctl.Views(t.Context(), "ana")
	if err != nil {
		t.Fatal(err)
	}
	took(t)(ctl.CloseView(t.Context(), "ana", views[1].ID, false))
	if out, err = ctl.Submit(t.Context(), "ana", id, values("why", "text", "x")); err != nil || out.OK || titles() != "Sure?" {
		t.Errorf("no ack: %+v, %v with %s open; want a failure and the modal still there", out, err, titles())
	}
	a.next() // the unanswered one
	submit("x", map[string]any{"response_action": "clear"})
	if titles() != "" {
		t.Errorf("after clear: %s", titles())
	}
}

func TestPushAndClose(t *testing.T) {
	s := start(t, slack.Config{})
	ctl, a := s.Control(), connect(t, s)
	view := func(title string) map[string]any {
		v := modal(title, card[1])
		v["notify_on_close"] = true
		return v
	}
	ids := []string{must(t, call(t, s, "views.open", params{"trigger_id": trigger(t, s, a), "view": view("1")})).str("view", "id")}
	for i, want := range []string{"", "", "push_limit_reached"} {
		got := a.answering(nil)
		took(t)(ctl.Click(t.Context(), slack.Action{User: "ana", ViewID: ids[len(ids)-1], BlockID: "next", ActionID: "ack"}))
		p := answer{body: (<-got).Payload}
		if p.str("container", "type") != "view" || p.str("view", "id") != ids[len(ids)-1] {
			t.Errorf("payload %v", p.body)
		}
		pushed := call(t, s, "views.push", params{"trigger_id": p.str("trigger_id"), "view": view(fmt.Sprint(i + 2))})
		if pushed.err() != want {
			t.Errorf("push %d: %v, want %q", i+1, pushed.body, want)
		}
		if want == "" {
			if pushed.str("view", "previous_view_id") != ids[len(ids)-1] || pushed.str("view", "root_view_id") != ids[0] {
				t.Errorf("pushed %v", pushed.body)
			}
			ids = append(ids, pushed.str("view", "id"))
		}
	}
	closed := make(chan frame, 3)
	go func() {
		for range 3 {
			closed <- <-a.answering(nil)
		}
	}()
	took(t)(ctl.CloseView(t.Context(), "ana", ids[2], true))
	for range 3 {
		if p := (answer{body: (<-closed).Payload}); p.str("type") != "view_closed" || p.at("is_cleared") != true {
			t.Errorf("payload %v", p.body)
		}
	}
	if views, err := ctl.Views(t.Context(), "ana"); err != nil || len(views) != 0 {
		t.Errorf("views %v, %v", views, err)
	}
}

func TestHome(t *testing.T) {
	s := start(t, slack.Config{})
	publish := func(text, hash string) answer {
		return call(t, s, "views.publish", params{"user_id": "U01ANA", "hash": hash, "view": map[string]any{
			"type": "home", "blocks": []any{map[string]any{"type": "section", "text": obj(text)}},
		}})
	}
	v := must(t, publish("one", ""))
	if got := must(t, publish("two", v.str("view", "hash"))); got.str("view", "id") != v.str("view", "id") {
		t.Error("the second publication made another view")
	}
	if got := publish("three", v.str("view", "hash")).err(); got != "hash_conflict" {
		t.Errorf("an old hash: %q", got)
	}
	home, err := s.Control().Home(t.Context(), "ana")
	if err != nil || fmt.Sprint(home.Blocks[0]["text"]) != "map[emoji:true text:two type:plain_text]" {
		t.Errorf("home %+v, %v", home, err)
	}
	if home, err := s.Control().Home(t.Context(), "ben"); err != nil || home != nil {
		t.Errorf("ben's home %+v, %v", home, err)
	}
}
