package slack

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
)

func (s *Server) routeControl() {
	on := s.mux.HandleFunc
	on("GET /_control/state", s.locked(func(*http.Request) (any, error) { return s.state(), nil }))
	on("GET /_control/channels/{id}/messages", s.locked(s.listMessages))
	on("GET /_control/channels/{id}/threads/{ts}", s.locked(s.listThread))
	on("GET /_control/home", s.locked(s.showHome))
	on("GET /_control/views", s.locked(s.listViews))
	on("GET /_control/files/{id}", func(w http.ResponseWriter, r *http.Request) { s.serveFile(w, r.PathValue("id")) })
	on("GET /_control/events", s.serveEvents)

	on("POST /_control/act/message", acting(s.actMessage))
	on("POST /_control/act/command", acting(s.actCommand))
	on("POST /_control/act/click", acting(s.click))
	on("POST /_control/act/submit", acting(func(in act) (Outcome, int) { return s.submit(in.User, in.ViewID, in.State) }))
	on("POST /_control/act/close", acting(func(in act) (Outcome, int) { return s.dismissView(in.User, in.ViewID, in.Clear) }))
	on("POST /_control/act/home", acting(s.actHome))
	on("POST /_control/act/join", acting(s.actJoin))
	on("POST /_control/act/react", acting(s.actReact))

	on("GET /_control/faults", s.locked(func(*http.Request) (any, error) {
		return map[string]any{"faults": append([]*Fault{}, s.faults...)}, nil
	}))
	on("POST /_control/faults", acting(s.controlFault))
	on("DELETE /_control/faults", s.locked(func(*http.Request) (any, error) {
		s.faults = nil
		return Outcome{OK: true}, nil
	}))
	on("GET /_control/sockets", s.locked(func(*http.Request) (any, error) {
		list := []SocketInfo{}
		for _, k := range s.sockets {
			list = append(list, k.info())
		}
		return map[string]any{"sockets": list}, nil
	}))
	on("POST /_control/sockets/disconnect", acting(s.controlDisconnect))
	on("POST /_control/sockets/drop", acting(s.controlDrop))
	on("POST /_control/sockets/deaf", acting(s.controlDeaf))
	on("POST /_control/channels", acting(s.controlChannel))
	on("POST /_control/token", acting(s.controlToken))
	on("POST /_control/scopes", acting(s.controlScopes))
	on("POST /_control/usergroups", acting(s.controlUsergroup))
	on("POST /_control/redeliver", acting(func(in struct{ N int }) (Outcome, int) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.redeliver(in.N) == 0 {
			return Outcome{Error: "no_events"}, http.StatusOK
		}
		return Outcome{OK: true}, http.StatusOK
	}))
	on("GET /_control/calls", s.locked(func(r *http.Request) (any, error) {
		since, err := strconv.ParseInt(r.URL.Query().Get("since"), 10, 64)
		if err != nil {
			since = 0
		}
		return map[string]any{"calls": s.log.since(since)}, nil
	}))
	on("GET /_control/violations", s.locked(func(*http.Request) (any, error) {
		return map[string]any{"violations": append([]Violation{}, s.log.violations...)}, nil
	}))
	on("POST /_control/reset", acting(func(struct{}) (Outcome, int) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.resetLocked()
		s.feed.publish(Change{Type: "channel_changed"})
		return Outcome{OK: true}, http.StatusOK
	}))
}

// locked answers with what f returns, marshalled before the lock is let go; an error is a 404.
func (s *Server) locked(f func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		v, err := f(r)
		status := http.StatusOK
		if err != nil {
			v, status = Outcome{Error: err.Error()}, http.StatusNotFound
		}
		status, raw := marshal(status, v)
		s.mu.Unlock()
		writeJSON(w, status, raw)
	}
}

func (s *Server) state() State {
	out := State{
		Team: s.ws.team, Bot: s.ws.bot, Commands: s.ws.commands, Sockets: len(s.sockets),
		Users: []User{}, Usergroups: []Usergroup{}, Channels: []Channel{},
	}
	for _, u := range s.ws.users {
		one := *u
		one.Groups = append([]string{}, u.Groups...)
		out.Users = append(out.Users, one)
	}
	for _, g := range s.ws.groups {
		out.Usergroups = append(out.Usergroups, *g)
	}
	for _, c := range s.ws.channels {
		out.Channels = append(out.Channels, c.summary())
	}
	return out
}

func (c *channel) summary() Channel {
	out := c.Channel
	for _, m := range slices.Backward(c.msgs) {
		if m.topLevel() {
			out.MessageCount++
			out.LastTS = max(out.LastTS, m.TS)
		}
	}
	return out
}

// seen merges what everybody sees with what only user does, oldest first.
func seen(all, ephemeral []*Message, user string, want func(*Message) bool) []*Message {
	out := []*Message{}
	for _, m := range all {
		if want(m) {
			out = append(out, m)
		}
	}
	for _, m := range ephemeral {
		if m.to == user && want(m) {
			out = append(out, m)
		}
	}
	slices.SortStableFunc(out, func(a, b *Message) int { return compareTS(a.TS, b.TS) })
	return out
}

func (s *Server) viewer(r *http.Request) string {
	if u := s.ws.user(r.URL.Query().Get("user")); u != nil {
		return u.ID
	}
	return ""
}

func (s *Server) listMessages(r *http.Request) (any, error) {
	c := s.ws.channel(r.PathValue("id"))
	if c == nil {
		return nil, refuse("channel_not_found")
	}
	return map[string]any{"messages": seen(c.msgs, c.ephemeral, s.viewer(r), (*Message).topLevel)}, nil
}

func (s *Server) listThread(r *http.Request) (any, error) {
	c := s.ws.channel(r.PathValue("id"))
	if c == nil {
		return nil, refuse("channel_not_found")
	}
	root := c.find(r.PathValue("ts"))
	if root == nil {
		return nil, refuse("thread_not_found")
	}
	all := c.thread(root)
	return map[string]any{"messages": seen(all, c.ephemeral, s.viewer(r), func(m *Message) bool {
		return !m.IsEphemeral || m.ThreadTS == all[0].TS
	})}, nil
}

func (s *Server) showHome(r *http.Request) (any, error) {
	return map[string]any{"view": s.ws.homes[s.viewer(r)]}, nil
}

func (s *Server) listViews(r *http.Request) (any, error) {
	return map[string]any{"views": append([]*View{}, s.ws.stacks[s.viewer(r)]...)}, nil
}

func (s *Server) controlFault(f Fault) (Outcome, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.ws.channel(f.Channel); c != nil {
		f.Channel = c.ID
	}
	if err := s.arm(f); err != nil {
		return Outcome{Error: err.Error()}, http.StatusBadRequest
	}
	return Outcome{OK: true}, http.StatusOK
}

// choice says which sockets a control request means.
type choice struct {
	Reason string `json:"reason"`
	Count  int    `json:"count"`
	Socket string `json:"socket"`
	ForMS  int    `json:"for_ms"`
}

func (s *Server) controlDisconnect(in choice) (Outcome, int) {
	reason := in.Reason
	switch reason {
	case "":
		reason = "refresh_requested"
	case "warning", "refresh_requested", "link_disabled":
	default:
		return Outcome{Error: "unknown_reason"}, http.StatusBadRequest
	}
	return s.each(in, func(k *socket) { s.dismiss(k, reason) })
}

func (s *Server) controlDrop(in choice) (Outcome, int) { return s.each(in, s.drop) }

func (s *Server) controlDeaf(in choice) (Outcome, int) {
	return s.each(in, func(k *socket) {
		k.deaf.Store(true)
		if in.ForMS > 0 {
			time.AfterFunc(time.Duration(in.ForMS)*time.Millisecond, func() { k.deaf.Store(false) })
		}
	})
}

func (s *Server) each(in choice, do func(*socket)) (Outcome, int) {
	s.mu.Lock()
	chosen := s.selected(in.Socket, in.Count)
	s.mu.Unlock()
	for _, k := range chosen {
		do(k)
	}
	if len(chosen) == 0 {
		return Outcome{Error: "no_sockets"}, http.StatusOK
	}
	return Outcome{OK: true, DeliveredTo: fmt.Sprintf("%d sockets", len(chosen))}, http.StatusOK
}

func (s *Server) controlToken(in struct{ Action, Token string }) (Outcome, int) {
	if in.Action != "revoke" && in.Action != "restore" {
		return Outcome{Error: "action must be revoke or restore"}, http.StatusBadRequest
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if in.Token != "app" {
		s.auth.botOff = in.Action == "revoke"
	}
	if in.Token != "bot" {
		s.auth.appOff = in.Action == "revoke"
	}
	return Outcome{OK: true}, http.StatusOK
}

func (s *Server) controlScopes(in struct{ Remove, Add []string }) (Outcome, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.auth.scopes = slices.DeleteFunc(slices.Clone(s.auth.scopes), func(x string) bool {
		return slices.Contains(in.Remove, x) || slices.Contains(in.Add, x)
	})
	s.auth.scopes = append(s.auth.scopes, in.Add...)
	return Outcome{OK: true}, http.StatusOK
}

func (s *Server) controlUsergroup(in struct {
	Usergroup, User string
	Leave           bool
},
) (Outcome, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, g := s.ws.user(in.User), s.ws.group(in.Usergroup)
	switch {
	case u == nil:
		return missing("user_not_found")
	case g == nil:
		return missing("no_such_subteam")
	}
	g.Users = slices.DeleteFunc(slices.Clone(g.Users), func(id string) bool { return id == u.ID })
	u.Groups = slices.DeleteFunc(slices.Clone(u.Groups), func(handle string) bool { return handle == g.Handle })
	if !in.Leave {
		g.Users, u.Groups = append(g.Users, u.ID), append(u.Groups, g.Handle)
	}
	return Outcome{OK: true}, http.StatusOK
}
