package slack

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// who is the user object of an interaction.
func (s *Server) who(u *User) map[string]any {
	return map[string]any{"id": u.ID, "username": u.Name, "name": u.Name, "team_id": s.ws.team.ID}
}

// interaction is what every interactive payload begins with.
func (s *Server) interaction(kind string, u *User) map[string]any {
	return map[string]any{
		"type": kind, "user": s.who(u), "api_app_id": s.ws.bot.AppID, "token": s.auth.verification,
		"team":       map[string]any{"id": s.ws.team.ID, "domain": s.ws.team.Domain},
		"enterprise": nil, "is_enterprise_install": false,
	}
}

// freeze marshals a payload while the lock is held.
func freeze(payload map[string]any) json.RawMessage { return json.RawMessage(encode(payload)) }

// given is a control action as a generic object, so that elements pick the field of their type.
func given(a Action) Block {
	raw, err := json.Marshal(a)
	out := Block{}
	if err == nil {
		err = json.Unmarshal(raw, &out)
	}
	if err != nil {
		return Block{}
	}
	return out
}

// click carries one press or choice to the app.
func (s *Server) click(a Action) (Outcome, int) {
	s.mu.Lock()
	u := s.ws.user(a.User)
	if u == nil {
		s.mu.Unlock()
		return Outcome{Error: "user_not_found"}, http.StatusNotFound
	}
	var p parcel
	var err error
	if a.ViewID != "" {
		p, err = s.clickInView(u, a)
	} else {
		p, err = s.clickInMessage(u, a)
	}
	s.mu.Unlock()
	if err != nil {
		return Outcome{Error: err.Error()}, http.StatusNotFound
	}
	if p.kind == "" { // an input that only remembers
		return Outcome{OK: true}, http.StatusOK
	}
	r := s.deliver(p)
	if r.err != "" {
		s.notice(u.ID, p.channel, "The app did not take the click: "+r.err)
	}
	return outcomeOf(r), http.StatusOK
}

func outcomeOf(r receipt) Outcome {
	return Outcome{OK: r.err == "", Error: r.err, DeliveredTo: r.to, AckedMS: r.ms}
}

// visible finds a message that user can see; the second result says whether it is ephemeral.
func (c *channel) visible(user, ts string) *Message {
	for _, m := range c.ephemeral {
		if m.TS == ts && m.to == user {
			return m
		}
	}
	return c.find(ts)
}

func (s *Server) clickInMessage(u *User, a Action) (parcel, error) {
	c := s.ws.channel(a.Channel)
	if c == nil {
		return parcel{}, refuse("channel_not_found")
	}
	m := c.visible(u.ID, a.MessageTS)
	if m == nil {
		return parcel{}, refuse("message_not_found")
	}
	b, e := element(m.allBlocks(), a.BlockID, a.ActionID)
	if e == nil {
		return parcel{}, refuse("element_not_found")
	}
	value, err := choose(e, given(a))
	if err != nil {
		return parcel{}, err
	}
	key := u.ID + " " + m.TS
	if s.ws.inputs[key] == nil {
		s.ws.inputs[key] = &ViewState{}
	}
	state := s.ws.inputs[key]
	if _, holds := stateful[str(e, "type")]; holds {
		state.set(a.BlockID, a.ActionID, value)
	}
	container := map[string]any{
		"type": "message", "message_ts": m.TS, "channel_id": c.ID, "is_ephemeral": m.IsEphemeral,
	}
	if m.ThreadTS != "" {
		container["thread_ts"] = m.ThreadTS
	}
	h := hook{channel: c.ID, user: u.ID, message: m.TS, ephemeral: m.IsEphemeral, thread: replyThread(m)}
	payload := s.interaction("block_actions", u)
	payload["container"] = container
	payload["trigger_id"] = s.newTrigger(u.ID, "")
	payload["channel"] = map[string]any{"id": c.ID, "name": channelName(c)}
	payload["state"] = initialState(m.allBlocks(), *state)
	payload["response_url"] = s.responseURL("actions", h)
	payload["actions"] = []Block{actionEntry(b, e, value, s.nextTS())}
	if !m.IsEphemeral { // Slack leaves an ephemeral message out
		payload["message"] = m.shown(false)
	}
	return parcel{kind: "interactive", payload: freeze(payload), channel: c.ID}, nil
}

// replyThread is the thread that an answer to m belongs to; empty for a message in the channel itself.
func replyThread(m *Message) string {
	if m.ThreadTS == m.TS {
		return ""
	}
	return m.ThreadTS
}

func channelName(c *channel) string {
	if c.IsIM {
		return "directmessage"
	}
	return c.Name
}

func (s *Server) clickInView(u *User, a Action) (parcel, error) {
	v := s.ws.views[a.ViewID]
	if v == nil || v.owner != u.ID {
		return parcel{}, refuse("view_not_found")
	}
	b, e := element(v.Blocks, a.BlockID, a.ActionID)
	if e == nil {
		return parcel{}, refuse("element_not_found")
	}
	value, err := choose(e, given(a))
	if err != nil {
		return parcel{}, err
	}
	if _, holds := stateful[str(e, "type")]; holds {
		v.State.set(a.BlockID, a.ActionID, value)
	}
	if b["type"] == "input" && b["dispatch_action"] != true {
		return parcel{}, nil
	}
	payload := s.interaction("block_actions", u)
	payload["container"] = map[string]any{"type": "view", "view_id": v.ID}
	payload["trigger_id"] = s.newTrigger(u.ID, v.ID)
	payload["view"] = v
	payload["actions"] = []Block{actionEntry(b, e, value, s.nextTS())}
	return parcel{kind: "interactive", payload: freeze(payload)}, nil
}

// submit presses a modal's submit button and does what the app's answer says.
func (s *Server) submit(user, viewID string, state ViewState) (Outcome, int) {
	s.mu.Lock()
	u := s.ws.user(user)
	v := s.ws.views[viewID]
	if u == nil || v == nil || v.owner != u.ID || v.Type != "modal" {
		s.mu.Unlock()
		return Outcome{Error: "view_not_found"}, http.StatusNotFound
	}
	if stack := s.ws.stacks[u.ID]; stack[len(stack)-1] != v {
		s.mu.Unlock()
		return Outcome{Error: "view_not_on_top"}, http.StatusNotFound
	}
	if errs := fillIn(v, state); len(errs) > 0 {
		s.mu.Unlock()
		return Outcome{Error: "incomplete", Errors: errs}, http.StatusOK
	}
	payload := s.interaction("view_submission", u)
	payload["trigger_id"] = s.newTrigger(u.ID, v.ID)
	payload["view"] = v
	payload["response_urls"] = []any{}
	p := parcel{kind: "interactive", payload: freeze(payload), accepts: true}
	s.mu.Unlock()

	r := s.deliver(p)
	out := outcomeOf(r)
	if r.err != "" {
		s.notice(u.ID, "", "We had some trouble connecting. Try again?")
		return out, http.StatusOK
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.obey(u.ID, v, r.payload, &out)
	return out, http.StatusOK
}

// fillIn puts what was typed into v and returns Slack's own complaints, by block id.
func fillIn(v *View, typed ViewState) map[string]string {
	errs := map[string]string{}
	elementsOf(v.Blocks, func(b, e Block) {
		if _, holds := stateful[str(e, "type")]; !holds {
			return
		}
		block, action := str(b, "block_id"), str(e, "action_id")
		if in, ok := typed.Values[block][action]; ok {
			value, err := choose(e, in)
			if err != nil {
				errs[block] = err.Error()
				return
			}
			v.State.set(block, action, value)
		}
		if b["type"] != "input" || b["optional"] == true {
			return
		}
		switch value := v.State.Values[block][action][stateful[str(e, "type")][0]].(type) {
		case nil:
			errs[block] = "Please complete this required field."
		case []any:
			if len(value) == 0 {
				errs[block] = "Please complete this required field."
			}
		}
	})
	return errs
}

// submitAnswer is the payload of an acknowledged view_submission.
type submitAnswer struct {
	ResponseAction string            `json:"response_action"`
	Errors         map[string]string `json:"errors"`
	View           any               `json:"view"`
}

// obey does what an app answered to a submission. s.mu is held.
func (s *Server) obey(user string, v *View, payload json.RawMessage, out *Outcome) {
	var ans submitAnswer
	if len(bytes.TrimSpace(payload)) > 0 && string(payload) != `""` {
		if err := json.Unmarshal(payload, &ans); err != nil {
			s.violate("bad_ack", "view_submission: "+err.Error())
			out.OK, out.Error = false, "bad_response"
			return
		}
	}
	out.ResponseAction = ans.ResponseAction
	if s.ws.views[v.ID] == nil { // closed while the app was thinking
		return
	}
	switch ans.ResponseAction {
	case "":
		s.closeView(user, false)
	case "clear":
		s.closeView(user, true)
	case "errors":
		known := map[string]bool{}
		for _, b := range v.Blocks {
			known[str(b, "block_id")] = b["type"] == "input"
		}
		bad := slices.Sorted(maps.Keys(ans.Errors))
		bad = slices.DeleteFunc(bad, func(id string) bool { return known[id] })
		if len(ans.Errors) == 0 || len(bad) > 0 {
			s.violate("bad_ack", "view_submission: errors name blocks that are not inputs: "+strings.Join(bad, ", "))
			out.OK, out.Error = false, "bad_response"
			return
		}
		out.OK, out.Error, out.Errors = false, "errors", ans.Errors
	case "update", "push":
		next, err := s.readView(ans.View, "/view")
		if err == nil && ans.ResponseAction == "push" {
			if err = s.pushView(user, next); err == nil {
				s.feed.publish(Change{Type: "view_opened", User: user, ViewID: next.ID})
			}
		} else if err == nil {
			s.replaceView(v, next)
		}
		if err != nil {
			s.violate("bad_ack", "view_submission: "+err.Error())
			out.OK, out.Error = false, "bad_response"
		}
	default:
		s.violate("bad_ack", "view_submission: unknown response_action "+ans.ResponseAction)
		out.OK, out.Error = false, "bad_response"
	}
}

// dismissView is a person closing a modal; the app hears of it when it asked to.
func (s *Server) dismissView(user, viewID string, all bool) (Outcome, int) {
	s.mu.Lock()
	u := s.ws.user(user)
	v := s.ws.views[viewID]
	if u == nil || v == nil || v.owner != u.ID || v.Type != "modal" {
		s.mu.Unlock()
		return Outcome{Error: "view_not_found"}, http.StatusNotFound
	}
	var parcels []parcel
	for _, gone := range slices.Backward(s.closeView(u.ID, all || v.ClearOnClose)) {
		if !gone.NotifyOnClose {
			continue
		}
		payload := s.interaction("view_closed", u)
		payload["view"], payload["is_cleared"] = gone, all || v.ClearOnClose
		parcels = append(parcels, parcel{kind: "interactive", payload: freeze(payload)})
	}
	s.mu.Unlock()
	out := Outcome{OK: true}
	for _, p := range parcels {
		out = outcomeOf(s.deliver(p))
	}
	return out, http.StatusOK
}

// notice tells the page and the log what Slack would show as its own error.
func (s *Server) notice(user, channel, text string) {
	s.feed.publish(Change{Type: "notice", User: user, Channel: channel, Text: text})
}
