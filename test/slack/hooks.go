package slack

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"time"
)

const (
	hookUses = 5
	hookLife = 30 * time.Minute
)

// hook is where a response_url leads: the place of a command or of a click.
type hook struct {
	channel, user string
	message       string // ts of the message that was clicked; empty for a command
	ephemeral     bool   // whether that message was
	thread        string
	uses          int
	at            time.Time
}

// responseURL opens a hook. s.mu is held.
func (s *Server) responseURL(kind string, h hook) string {
	h.at = s.cfg.Now()
	id := s.hex(24)
	for old, x := range s.ws.hooks {
		if s.cfg.Now().Sub(x.at) > 2*hookLife {
			delete(s.ws.hooks, old)
		}
	}
	s.ws.hooks[id] = &h
	return s.base + "/hooks/" + kind + "/" + s.ws.team.ID + "/" + id
}

func (s *Server) serveHook(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	body := args{}
	if err == nil {
		err = json.Unmarshal(raw, &body)
	}
	s.mu.Lock()
	call := Call{Method: "hooks", Time: s.cfg.Now(), Status: http.StatusOK, OK: true}
	h := s.ws.hooks[r.PathValue("id")]
	if h != nil {
		call.Channel = h.channel
	}
	fault := s.strike("hooks", call.Channel)
	text := "ok"
	if fault == nil || fault.Kind == "delay" || fault.Kind == "drop_after_accept" {
		if refused := s.respond(h, body, err); refused != nil {
			call.OK, call.Error = false, refused.Error()
			call.Status, text = http.StatusNotFound, refused.Error()
			if h != nil && refused.Error() != "used_url" && refused.Error() != "expired_url" {
				call.Status = http.StatusInternalServerError
			}
		}
	} else {
		call.OK, call.Error, call.Status, text = false, fault.Kind, http.StatusInternalServerError, "error"
		if fault.Kind == "ratelimit" {
			call.Status, call.RetryAfter = http.StatusTooManyRequests, max(1, fault.RetryAfter)
		}
	}
	if fault != nil {
		call.Fault = fault.Kind
	}
	call.MS = time.Since(start).Milliseconds()
	s.log.add(call)
	s.mu.Unlock()
	s.send(w, r, served{call: call, body: []byte(text), fault: fault, kind: "text/html"})
}

// respond does what the body posted to a response_url asks. s.mu is held.
func (s *Server) respond(h *hook, a args, readErr error) error {
	switch {
	case h == nil:
		return refuse("no_service")
	case s.cfg.Now().Sub(h.at) > hookLife:
		return refuse("expired_url")
	case h.uses >= hookUses:
		s.violate("used_url", "a response_url was used a sixth time")
		return refuse("used_url")
	case readErr != nil:
		return refuse("invalid_payload")
	}
	c := s.ws.channel(h.channel)
	if c == nil {
		return refuse("channel_not_found")
	}
	body, err := s.readContent(a)
	if err != nil {
		return err
	}
	remove, replace := a.flag("delete_original"), a.flag("replace_original")
	if !remove && body.empty() {
		return refuse("no_text")
	}
	h.uses++
	if (remove || replace) && h.message != "" {
		return s.revise(c, h, a, body, remove)
	}
	if c.IsArchived {
		return refuse("is_archived")
	}
	m := s.botMessage(body)
	thread := a.str("thread_ts")
	if thread == "" {
		thread = h.thread
	}
	if a.str("response_type") == "in_channel" {
		return s.place(c, m, thread, false)
	}
	s.whisper(c, h.user, m, thread)
	return nil
}

// revise replaces or deletes the message that was clicked.
func (s *Server) revise(c *channel, h *hook, a args, body content, remove bool) error {
	if !h.ephemeral {
		m := c.find(h.message)
		if m == nil {
			return refuse("message_not_found")
		}
		if remove {
			s.remove(c, m)
			return nil
		}
		s.edit(c, m, a, body)
		return nil
	}
	i := slices.IndexFunc(c.ephemeral, func(m *Message) bool { return m.TS == h.message && m.to == h.user })
	if i < 0 {
		return refuse("message_not_found")
	}
	if remove {
		s.feed.publish(Change{Type: "message_deleted", Channel: c.ID, TS: h.message, User: h.user})
		c.ephemeral = slices.Delete(c.ephemeral, i, i+1)
		return nil
	}
	m := s.botMessage(body)
	old := c.ephemeral[i]
	m.TS, m.ThreadTS, m.IsEphemeral, m.to = old.TS, old.ThreadTS, true, old.to
	c.ephemeral[i] = m
	s.feed.publish(Change{Type: "ephemeral", Channel: c.ID, TS: m.TS, ThreadTS: m.ThreadTS, User: m.to})
	return nil
}
