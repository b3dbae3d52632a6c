package slack

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
)

// act is the body of the simple acts.
type act struct {
	User     string    `json:"user"`
	Channel  string    `json:"channel"`
	Text     string    `json:"text"`
	TS       string    `json:"ts"`
	ThreadTS string    `json:"thread_ts"`
	Name     string    `json:"name"`
	Remove   bool      `json:"remove"`
	Leave    bool      `json:"leave"`
	ViewID   string    `json:"view_id"`
	Clear    bool      `json:"clear"`
	State    ViewState `json:"state"`
}

// acting decodes the body of an act and answers its outcome.
func acting[T, O any](do func(T) (O, int)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in T
		if err := json.NewDecoder(io.LimitReader(r.Body, maxBody)).Decode(&in); err != nil && err != io.EOF {
			status, raw := marshal(http.StatusBadRequest, Outcome{Error: "not JSON: " + err.Error()})
			writeJSON(w, status, raw)
			return
		}
		out, status := do(in)
		status, raw := marshal(status, out)
		writeJSON(w, status, raw)
	}
}

func marshal(status int, v any) (int, []byte) {
	raw, err := json.Marshal(v)
	if err != nil {
		return http.StatusInternalServerError, []byte(`{"ok":false,"error":"internal_error"}`)
	}
	return status, raw
}

func missing(what string) (Outcome, int) { return Outcome{Error: what}, http.StatusNotFound }

// actMessage is a person writing in a channel or a thread.
func (s *Server) actMessage(in act) (Outcome, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, c := s.ws.user(in.User), s.ws.channel(in.Channel)
	switch {
	case u == nil:
		return missing("user_not_found")
	case c == nil:
		return missing("channel_not_found")
	case c.IsArchived:
		return Outcome{Error: "is_archived"}, http.StatusOK
	case strings.TrimSpace(in.Text) == "":
		return Outcome{Error: "no_text"}, http.StatusOK
	}
	m := &Message{
		Type: "message", User: u.ID, Team: s.ws.team.ID, Text: s.ws.typed(in.Text, false),
		ClientMsgID: fmt.Sprintf("%s-%s-%s-%s-%s", s.hex(8), s.hex(4), s.hex(4), s.hex(4), s.hex(12)),
	}
	if err := s.place(c, m, in.ThreadTS, false); err != nil {
		return Outcome{Error: err.Error()}, http.StatusOK
	}
	return Outcome{OK: true, TS: m.TS}, http.StatusOK
}

var (
	reference = regexp.MustCompile(`<(?:[@#!][^<>]*|https?://[^<>]*)>`)
	mention   = regexp.MustCompile(`(^|\s|\()([@#])([a-z0-9][a-z0-9._-]*)`)
)

// typed is text as Slack passes it on: names become references, and what could be markup is escaped. labelled adds
// the name to the reference, as slash commands have it.
func (w *workspace) typed(text string, labelled bool) string {
	var b strings.Builder
	at := 0
	for _, span := range reference.FindAllStringIndex(text, -1) {
		b.WriteString(w.plainText(text[at:span[0]], labelled))
		b.WriteString(text[span[0]:span[1]])
		at = span[1]
	}
	b.WriteString(w.plainText(text[at:], labelled))
	return b.String()
}

func (w *workspace) plainText(text string, labelled bool) string {
	text = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
	return mention.ReplaceAllStringFunc(text, func(hit string) string {
		parts := mention.FindStringSubmatch(hit)
		name := strings.TrimRight(parts[3], ".")
		ref := w.refer(parts[2], name, labelled)
		if ref == "" {
			return hit
		}
		return parts[1] + ref + strings.TrimPrefix(parts[3], name)
	})
}

func (w *workspace) refer(sign, name string, labelled bool) string {
	label := ""
	if labelled {
		label = "|" + name
	}
	if sign == "#" {
		if c := w.channel(name); c != nil && c.Name == name {
			return "<#" + c.ID + label + ">"
		}
		return ""
	}
	if u := w.user(name); u != nil && u.Name == name {
		return "<@" + u.ID + label + ">"
	}
	if g := w.group(name); g != nil && g.Handle == name {
		return "<!subteam^" + g.ID + "|@" + name + ">"
	}
	return ""
}

// actCommand is a person typing a slash command.
func (s *Server) actCommand(in act) (Outcome, int) {
	s.mu.Lock()
	u, c := s.ws.user(in.User), s.ws.channel(in.Channel)
	name, text, _ := strings.Cut(strings.TrimSpace(in.Text), " ")
	known := false
	for _, cmd := range s.ws.commands {
		known = known || cmd.Command == name
	}
	switch {
	case u == nil, c == nil, !known:
		s.mu.Unlock()
		if u != nil && c != nil {
			return Outcome{Error: name + " is not a valid command"}, http.StatusNotFound
		}
		return missing("user_or_channel_not_found")
	case in.ThreadTS != "": // the client refuses it before anything is sent
		s.mu.Unlock()
		return Outcome{Error: name + " is not supported in threads. Sorry!"}, http.StatusOK
	}
	payload := map[string]any{
		"token": s.auth.verification, "team_id": s.ws.team.ID, "team_domain": s.ws.team.Domain,
		"channel_id": c.ID, "channel_name": channelName(c), "user_id": u.ID, "user_name": u.Name, "command": name,
		"text": s.ws.typed(strings.TrimSpace(text), true), "api_app_id": s.ws.bot.AppID,
		"is_enterprise_install": "false", "trigger_id": s.newTrigger(u.ID, ""),
		"response_url": s.responseURL("commands", hook{channel: c.ID, user: u.ID}),
	}
	p := parcel{kind: "slash_commands", payload: freeze(payload), accepts: true, channel: c.ID}
	s.mu.Unlock()

	r := s.deliver(p)
	out := outcomeOf(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r.err {
	case "no_sockets":
		out.Error = "dispatch_failed"
		s.slackbotSays(c, u, fmt.Sprintf("%s failed with the error \"dispatch_failed\"", name))
	case "no_ack":
		s.slackbotSays(c, u, name+" failed because the app did not respond. Learn more about troubleshooting.")
	default:
		s.answerCommand(c, u, r.payload)
	}
	return out, http.StatusOK
}

// slackbotSays shows Slack's own error to one person.
func (s *Server) slackbotSays(c *channel, u *User, text string) {
	s.whisper(c, u.ID, &Message{Type: "message", User: slackbot, Team: s.ws.team.ID, Text: text}, "")
	s.notice(u.ID, c.ID, text)
}

// answerCommand shows what the app put into its acknowledgement: text, or a message.
func (s *Server) answerCommand(c *channel, u *User, payload json.RawMessage) {
	if len(payload) == 0 || string(payload) == "null" {
		return
	}
	a := args{}
	var text string
	if json.Unmarshal(payload, &text) == nil {
		a["text"] = text
	} else if err := json.Unmarshal(payload, &a); err != nil {
		s.violate("bad_ack", "slash command: "+err.Error())
		return
	}
	body, err := s.readContent(a)
	if err != nil {
		s.violate("bad_ack", "slash command: "+err.Error())
		return
	}
	if body.empty() {
		return
	}
	if a.str("response_type") == "in_channel" {
		_ = s.place(c, s.botMessage(body), "", false) // cannot fail outside a thread
		return
	}
	s.whisper(c, u.ID, s.botMessage(body), "")
}

// actHome is a person looking at the bot's Home tab.
func (s *Server) actHome(in act) (Outcome, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.ws.user(in.User)
	if u == nil {
		return missing("user_not_found")
	}
	event := map[string]any{
		"type": "app_home_opened", "user": u.ID, "channel": s.ws.im(u.ID).ID, "tab": "home",
	}
	if v := s.ws.homes[u.ID]; v != nil {
		event["view"] = v
	}
	s.emit("app_home_opened", event)
	return Outcome{OK: true}, http.StatusOK
}

// actJoin is a person joining or leaving, or taking the bot in or out.
func (s *Server) actJoin(in act) (Outcome, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, c := s.ws.user(in.User), s.ws.channel(in.Channel)
	switch {
	case u == nil, c == nil:
		return missing("user_or_channel_not_found")
	case c.IsArchived:
		return Outcome{Error: "is_archived"}, http.StatusOK
	case in.Leave:
		s.ws.leave(c, u.ID)
		s.feed.publish(Change{Type: "channel_changed", Channel: c.ID})
	case s.ws.join(c, u.ID):
		s.joined(c, u.ID)
	}
	return Outcome{OK: true}, http.StatusOK
}

// actReact is a person's emoji.
func (s *Server) actReact(in act) (Outcome, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, c := s.ws.user(in.User), s.ws.channel(in.Channel)
	if u == nil || c == nil {
		return missing("user_or_channel_not_found")
	}
	m := c.find(in.TS)
	if m == nil {
		return missing("message_not_found")
	}
	name := strings.Trim(in.Name, ":")
	if !emojiName.MatchString(name) {
		return Outcome{Error: "invalid_name"}, http.StatusOK
	}
	if m.react(u.ID, name, !in.Remove) {
		s.feed.publish(Change{Type: "reaction", Channel: c.ID, TS: m.TS, ThreadTS: m.ThreadTS, User: u.ID})
		kind := "reaction_added"
		if in.Remove {
			kind = "reaction_removed"
		}
		s.emit(kind, map[string]any{
			"type": kind, "user": u.ID, "reaction": name, "item_user": m.User,
			"item": map[string]any{"type": "message", "channel": c.ID, "ts": m.TS},
		})
	}
	return Outcome{OK: true}, http.StatusOK
}
