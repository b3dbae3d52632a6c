package slack_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/test/slack"
)

var button = []any{map[string]any{
	"type": "actions", "block_id": "next", "elements": []any{map[string]any{
		"type": "button", "action_id": "ack", "text": map[string]any{"type": "plain_text", "text": "Acknowledge"}, "value": "42",
	}},
}}

func TestPostAndRead(t *testing.T) {
	s := start(t, slack.Config{})
	meta := map[string]any{"event_type": "incident", "event_payload": map[string]any{"key": "incident/42/card"}}
	for name, speak := range map[string]func(*testing.T, *slack.Server, string, params) answer{"json": call, "form": form} {
		a := must(t, speak(t, s, "chat.postMessage", params{
			"channel": "C01INCIDENTS", "text": "down: " + name, "blocks": button, "metadata": meta,
		}))
		if a.str("message", "text") != "down: "+name || a.str("message", "bot_id") != "B01AUTOPILOT" || a.str("ts") == "" {
			t.Errorf("%s: answer %v", name, a.body)
		}
	}
	bare := must(t, call(t, s, "conversations.history", params{"channel": "C01INCIDENTS", "limit": 1}))
	if bare.at("messages", 0, "metadata") != nil {
		t.Error("history shows metadata without include_all_metadata")
	}
	if bare.at("has_more") != true || bare.str("response_metadata", "next_cursor") == "" {
		t.Errorf("one of two messages: %v", bare.body)
	}
	next := must(t, call(t, s, "conversations.history", params{
		"channel": "C01INCIDENTS", "limit": 1, "cursor": bare.str("response_metadata", "next_cursor"), "include_all_metadata": true,
	}))
	if diff := cmp.Diff(meta, next.at("messages", 0, "metadata")); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
	first, second := next.str("messages", 0, "ts"), bare.str("messages", 0, "ts")
	if first >= second {
		t.Errorf("ts %s then %s, want them to grow", first, second)
	}
}

func TestHistoryWindows(t *testing.T) {
	clock := newClock()
	s := start(t, slack.Config{Now: clock.now})
	var ts []string
	for range 5 {
		clock.add(time.Minute)
		ts = append(ts, must(t, call(t, s, "chat.postMessage", params{"channel": "C01INCIDENTS", "text": "x"})).str("ts"))
	}
	for name, c := range map[string]struct {
		p    params
		want []int
	}{
		"everything":                {nil, []int{4, 3, 2, 1, 0}},
		"newest first":              {params{"limit": 2}, []int{4, 3}},
		"forward from oldest":       {params{"oldest": ts[0], "limit": 2}, []int{2, 1}},
		"back from latest":          {params{"latest": ts[4], "limit": 2}, []int{3, 2}},
		"between":                   {params{"oldest": ts[0], "latest": ts[4]}, []int{3, 2, 1}},
		"between, bounds included":  {params{"oldest": ts[0], "latest": ts[4], "inclusive": true}, []int{4, 3, 2, 1, 0}},
		"one message by its ts":     {params{"latest": ts[2], "inclusive": true, "limit": 1}, []int{2}},
		"from the beginning":        {params{"oldest": "0", "limit": 1}, []int{4}},
		"a bound that is no number": {params{"oldest": "yesterday"}, []int{4, 3, 2, 1, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			p := params{"channel": "C01INCIDENTS"}
			maps.Copy(p, c.p)
			h := must(t, call(t, s, "conversations.history", p))
			var got, want []string
			for i := range h.list("messages") {
				got = append(got, h.str("messages", i, "ts"))
			}
			for _, i := range c.want {
				want = append(want, ts[i])
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestThreads(t *testing.T) {
	s := start(t, slack.Config{RateScale: 100})
	post := func(p params) string {
		p["channel"] = "C01INCIDENTS"
		return must(t, call(t, s, "chat.postMessage", p)).str("ts")
	}
	parent := post(params{"text": "card"})
	reply := post(params{"text": "evidence", "thread_ts": parent})
	loud := post(params{"text": "resolved", "thread_ts": parent, "reply_broadcast": true})
	nested := post(params{"text": "more", "thread_ts": reply}) // a reply's ts stands for its thread

	h := must(t, call(t, s, "conversations.history", params{"channel": "C01INCIDENTS"}))
	if got := h.list("messages"); len(got) != 2 || h.str("messages", 0, "ts") != loud || h.str("messages", 1, "ts") != parent {
		t.Errorf("history = %v, want the broadcast and the parent", got)
	}
	if h.at("messages", 1, "reply_count") != 3.0 || h.str("messages", 1, "latest_reply") != nested {
		t.Errorf("parent = %v", h.at("messages", 1))
	}
	r := must(t, call(t, s, "conversations.replies", params{"channel": "C01INCIDENTS", "ts": parent}))
	var got []string
	for i := range r.list("messages") {
		got = append(got, r.str("messages", i, "ts"))
	}
	if diff := cmp.Diff([]string{parent, reply, loud, nested}, got); diff != "" {
		t.Errorf("replies (-want +got):\n%s", diff)
	}

	must(t, call(t, s, "chat.delete", params{"channel": "C01INCIDENTS", "ts": parent}))
	h = must(t, call(t, s, "conversations.history", params{"channel": "C01INCIDENTS"}))
	if h.str("messages", 1, "subtype") != "tombstone" {
		t.Errorf("a deleted parent = %v, want a tombstone", h.at("messages", 1))
	}
	must(t, call(t, s, "chat.delete", params{"channel": "C01INCIDENTS", "ts": nested}))
	r = must(t, call(t, s, "conversations.replies", params{"channel": "C01INCIDENTS", "ts": parent}))
	if n := len(r.list("messages")); n != 3 {
		t.Errorf("%d messages in the thread after a delete, want 3", n)
	}
}

func TestUpdateKeepsWhatIsNotNamed(t *testing.T) {
	s := start(t, slack.Config{})
	ts := must(t, call(t, s, "chat.postMessage", params{
		"channel": "C01INCIDENTS", "text": "open", "blocks": button,
		"metadata": map[string]any{"event_type": "k", "event_payload": map[string]any{"a": "b"}},
	})).str("ts")
	update := func(p params) answer {
		p["channel"], p["ts"] = "C01INCIDENTS", ts
		return must(t, call(t, s, "chat.update", p))
	}
	a := update(params{"text": "acknowledged"})
	if a.str("ts") != ts || a.str("message", "text") != "acknowledged" || len(a.list("message", "blocks")) != 1 ||
		a.str("message", "metadata", "event_type") != "k" || a.str("message", "edited", "user") != "U01AUTOPILOT" {
		t.Errorf("text alone: %v", a.body)
	}
	a = update(params{"blocks": []any{}, "metadata": map[string]any{}})
	if a.str("message", "text") != "acknowledged" || a.at("message", "blocks") != nil || a.at("message", "metadata") != nil {
		t.Errorf("emptied: %v", a.body)
	}
}

func TestRefusals(t *testing.T) {
	s := start(t, slack.Config{RateScale: 100})
	ctl := s.Control()
	if _, err := ctl.Channel(t.Context(), "create", "", "attic"); err != nil {
		t.Fatal(err)
	}
	for _, act := range []string{"invite", "archive"} {
		if _, err := ctl.Channel(t.Context(), act, "attic", ""); err != nil {
			t.Fatal(err)
		}
	}
	said, err := ctl.Say(t.Context(), "ana", "incidents", "mine", "")
	took(t)(said, err)
	gone := must(t, call(t, s, "chat.postMessage", params{"channel": "C01INCIDENTS", "text": "x"})).str("ts")
	must(t, call(t, s, "chat.delete", params{"channel": "C01INCIDENTS", "ts": gone}))
	in := func(extra params) params {
		p := params{"channel": "C01INCIDENTS", "text": "x"}
		maps.Copy(p, extra)
		return p
	}
	for name, c := range map[string]struct {
		method string
		p      params
		want   string
	}{
		"no text":             {"chat.postMessage", params{"channel": "C01INCIDENTS"}, "no_text"},
		"blank text":          {"chat.postMessage", in(params{"text": " \n"}), "no_text"},
		"no such channel":     {"chat.postMessage", in(params{"channel": "C404"}), "channel_not_found"},
		"not a member":        {"chat.postMessage", in(params{"channel": "C01GENERAL"}), "not_in_channel"},
		"archived":            {"chat.postMessage", in(params{"channel": "C01ATTIC"}), "is_archived"},
		"no such thread":      {"chat.postMessage", in(params{"thread_ts": "1.000000"}), "thread_not_found"},
		"blocks not a list":   {"chat.postMessage", in(params{"blocks": "{"}), "invalid_blocks_format"},
		"metadata halved":     {"chat.postMessage", in(params{"metadata": `{"event_type":"x"}`}), "invalid_metadata_schema"},
		"update: not ours":    {"chat.update", in(params{"ts": said.TS}), "cant_update_message"},
		"update: gone":        {"chat.update", in(params{"ts": gone}), "message_not_found"},
		"update: too long":    {"chat.update", in(params{"ts": said.TS, "text": strings.Repeat("x", 4001)}), "cant_update_message"},
		"delete: not ours":    {"chat.delete", in(params{"ts": said.TS}), "cant_delete_message"},
		"ephemeral: stranger": {"chat.postEphemeral", in(params{"user": "U404"}), "user_not_in_channel"},
		"history: stranger":   {"conversations.history", params{"channel": "C01GENERAL"}, "not_in_channel"},
		"history by name":     {"conversations.history", params{"channel": "incidents"}, "channel_not_found"},
		"history: cursor":     {"conversations.history", params{"channel": "C01INCIDENTS", "cursor": "x"}, "invalid_cursor"},
		"join: archived":      {"conversations.join", params{"channel": "C01ATTIC"}, "is_archived"},
		"open: stranger":      {"conversations.open", params{"users": "U404"}, "user_not_found"},
		"user":                {"users.info", params{"user": "U404"}, "user_not_found"},
		"user by e-mail":      {"users.lookupByEmail", params{"email": "a@b"}, "users_not_found"},
		"group":               {"usergroups.users.list", params{"usergroup": "S404"}, "no_such_subteam"},
		"reaction twice":      {"reactions.remove", params{"channel": "C01INCIDENTS", "timestamp": said.TS, "name": "eyes"}, "no_reaction"},
		"reaction name":       {"reactions.add", params{"channel": "C01INCIDENTS", "timestamp": said.TS, "name": "No Emoji"}, "invalid_name"},
		"file":                {"files.info", params{"file": "F404"}, "file_not_found"},
		"view":                {"views.update", params{"view_id": "V404"}, "not_found"},
		"trigger": {"views.open", params{"trigger_id": "1.2.3", "view": map[string]any{
			"type": "modal", "title": map[string]any{"type": "plain_text", "text": "T"}, "blocks": []any{},
		}}, "invalid_trigger_id"},
		"method": {"chat.explode", nil, "unknown_method"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := call(t, s, c.method, c.p); got.err() != c.want || got.status != 200 {
				t.Errorf("HTTP %d %v, want %s", got.status, got.body, c.want)
			}
		})
	}
	ours := must(t, call(t, s, "chat.postMessage", in(nil))).str("ts")
	if got := call(t, s, "chat.update", in(params{"ts": ours, "text": strings.Repeat("x", 4001)})).err(); got != "msg_too_long" {
		t.Errorf("an update of 4,001 characters: %q", got)
	}
	long := must(t, call(t, s, "chat.postMessage", in(params{"text": strings.Repeat("é", 40_001)})))
	if n := len([]rune(long.str("message", "text"))); n != 40_000 {
		t.Errorf("a post of 40,001 characters kept %d, want 40,000", n)
	}
}

func TestTokensAndScopes(t *testing.T) {
	s := start(t, slack.Config{})
	ctl := s.Control()
	test := func(token string) string {
		return post(t, s.APIURL()+"auth.test", token, "application/json", "{}").err()
	}
	for token, want := range map[string]string{
		"": "not_authed", "xoxb-other": "invalid_auth", s.AppToken(): "not_allowed_token_type", s.BotToken(): "",
	} {
		if got := test(token); got != want {
			t.Errorf("auth.test with %.8q: %q, want %q", token, got, want)
		}
	}
	if got := post(t, s.APIURL()+"apps.connections.open", s.BotToken(), "application/json", "").err(); got != "not_allowed_token_type" {
		t.Errorf("connections.open with the bot token: %q", got)
	}
	for _, step := range []struct{ action, want string }{{"revoke", "token_revoked"}, {"restore", ""}} {
		if err := ctl.Token(t.Context(), step.action, "bot"); err != nil {
			t.Fatal(err)
		}
		if got := test(s.BotToken()); got != step.want {
			t.Errorf("after %s: %q, want %q", step.action, got, step.want)
		}
	}
	if err := ctl.Scopes(t.Context(), []string{"chat:write"}, nil); err != nil {
		t.Fatal(err)
	}
	a := call(t, s, "chat.postMessage", params{"channel": "C01INCIDENTS", "text": "x"})
	if a.err() != "missing_scope" || a.str("needed") != "chat:write" || strings.Contains(a.str("provided"), "chat:write") {
		t.Errorf("without chat:write: %v", a.body)
	}
	if got := a.header.Get("X-OAuth-Scopes"); got != a.str("provided") || got == "" {
		t.Errorf("X-OAuth-Scopes = %q, want what is provided", got)
	}
}

func TestPeopleAndChannels(t *testing.T) {
	s := start(t, slack.Config{})
	if a := must(t, call(t, s, "users.lookupByEmail", params{"email": "ANA@acme-shop.example"})); a.str("user", "id") != "U01ANA" {
		t.Errorf("lookup = %v", a.body)
	}
	if a := must(t, call(t, s, "users.profile.get", params{"user": "U01DEV"})); a.str("profile", "title") != "Finance director" {
		t.Errorf("profile = %v", a.body)
	}
	if n := len(must(t, call(t, s, "users.list", nil)).list("members")); n != 6 {
		t.Errorf("%d users, want five people and the bot", n)
	}
	groups := must(t, call(t, s, "usergroups.list", params{"include_users": true}))
	if diff := cmp.Diff([]any{"U01ANA"}, groups.at("usergroups", 0, "users")); diff != "" {
		t.Errorf("oncall (-want +got):\n%s", diff)
	}
	if a := must(t, call(t, s, "conversations.list", params{"limit": 2})); len(a.list("channels")) != 2 || a.str("response_metadata", "next_cursor") == "" {
		t.Errorf("page = %v", a.body)
	}
	must(t, call(t, s, "conversations.join", params{"channel": "C01GENERAL"}))
	if a := must(t, call(t, s, "conversations.join", params{"channel": "C01GENERAL"})); a.str("warning") != "already_in_channel" {
		t.Errorf("joined twice = %v", a.body)
	}
	if a := must(t, call(t, s, "conversations.info", params{"channel": "C01GENERAL"})); a.at("channel", "is_member") != true {
		t.Errorf("info = %v", a.body)
	}
	if a := must(t, call(t, s, "conversations.members", params{"channel": "C01GENERAL"})); len(a.list("members")) != 6 {
		t.Errorf("members = %v", a.body)
	}
	im := must(t, call(t, s, "conversations.open", params{"users": "U01DEV"})).str("channel", "id")
	direct := must(t, call(t, s, "chat.postMessage", params{"channel": "U01DEV", "text": "your report"}))
	if direct.str("channel") != im {
		t.Errorf("a message to a person went to %s, want %s", direct.str("channel"), im)
	}
	link := must(t, call(t, s, "chat.getPermalink", params{"channel": im, "message_ts": direct.str("ts")}))
	if want := "/archives/" + im + "/p" + strings.ReplaceAll(direct.str("ts"), ".", ""); !strings.HasSuffix(link.str("permalink"), want) {
		t.Errorf("permalink = %s", link.str("permalink"))
	}
	must(t, call(t, s, "reactions.add", params{"channel": im, "timestamp": direct.str("ts"), "name": "eyes"}))
	if a := must(t, call(t, s, "reactions.get", params{"channel": im, "timestamp": direct.str("ts")})); a.at("message", "reactions", 0, "count") != 1.0 {
		t.Errorf("reactions = %v", a.body)
	}
	for _, method := range []string{"team.info", "bots.info"} {
		must(t, call(t, s, method, nil))
	}
}
