package slack

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// emit sends an event that the app subscribed to under name, and retries it as Slack does until it is acknowledged.
// s.mu is held; the delivery happens later.
func (s *Server) emit(name string, event map[string]any) {
	if !slices.Contains(s.cfg.Events, name) {
		return
	}
	if _, ok := event["event_ts"]; !ok {
		event["event_ts"] = s.nextTS()
	}
	payload := map[string]any{
		"token": s.auth.verification, "team_id": s.ws.team.ID, "context_team_id": s.ws.team.ID,
		"context_enterprise_id": nil, "api_app_id": s.ws.bot.AppID, "event": event, "type": "event_callback",
		"event_id": s.id("Ev"), "event_time": s.cfg.Now().Unix(), "is_ext_shared_channel": false,
		"event_context": "4-" + s.hex(32),
		"authorizations": []any{map[string]any{
			"enterprise_id": nil, "team_id": s.ws.team.ID, "user_id": s.ws.bot.UserID, "is_bot": true,
			"is_enterprise_install": false,
		}},
	}
	// Frozen here, while the lock is held: the message inside may change before the delivery.
	raw, err := json.Marshal(payload)
	if err != nil {
		s.violate("server", "event "+name+": "+err.Error())
		return
	}
	channel, _ := event["channel"].(string)
	p := parcel{kind: "events_api", payload: json.RawMessage(raw), channel: channel}
	s.sent = append(s.sent, p)
	if len(s.sent) > 1000 {
		s.sent = slices.Clone(s.sent[500:])
	}
	s.spawn(func() { s.insist(p) })
}

// insist delivers an event until it is acknowledged or the retries are used up.
func (s *Server) insist(p parcel) {
	if s.deliver(p).err == "" {
		return
	}
	for i, delay := range s.cfg.RetryDelays {
		t := time.NewTimer(delay)
		select {
		case <-t.C:
		case <-s.ctx.Done():
			t.Stop()
			return
		}
		p.attempt, p.reason = i+1, "timeout"
		if s.deliver(p).err == "" {
			return
		}
	}
}

// redeliver repeats the last n events with their old event_id. s.mu is held.
func (s *Server) redeliver(n int) int {
	again := s.sent[max(0, len(s.sent)-max(0, n)):]
	for _, p := range again {
		p.attempt, p.reason = 1, "timeout"
		s.spawn(func() { s.deliver(p) })
	}
	return len(again)
}

// emitMessage tells the app of a message, and that it was mentioned in it.
func (s *Server) emitMessage(c *channel, m *Message) {
	if !c.BotIsMember {
		return
	}
	event := func(kind string) map[string]any {
		e := map[string]any{"type": kind, "channel": c.ID, "event_ts": m.TS}
		raw, err := json.Marshal(m)
		if err != nil {
			return e
		}
		var fields map[string]any
		if json.Unmarshal(raw, &fields) == nil {
			for k, v := range fields {
				if k != "type" {
					e[k] = v
				}
			}
		}
		return e
	}
	e := event("message")
	if c.IsIM {
		e["channel_type"] = "im"
		s.emit("message.im", e)
	} else {
		e["channel_type"] = "channel"
		s.emit("message.channels", e)
	}
	if m.BotID == "" && !c.IsIM && strings.Contains(m.Text, "<@"+s.ws.bot.UserID) {
		s.emit("app_mention", event("app_mention"))
	}
}

// joined announces a new member, to the channel and to the app.
func (s *Server) joined(c *channel, user string) {
	s.feed.publish(Change{Type: "channel_changed", Channel: c.ID})
	if !c.BotIsMember {
		return
	}
	s.emit("member_joined_channel", map[string]any{
		"type": "member_joined_channel", "user": user, "channel": c.ID, "channel_type": "C", "team": s.ws.team.ID,
	})
}
