package slack

import (
	"net/http"
	"regexp"
)

// channelAct is what a person with the rights does to a channel.
type channelAct struct {
	Action  string `json:"action"`
	Channel string `json:"channel"`
	Name    string `json:"name"`
	Topic   string `json:"topic"`
}

// channelOutcome adds the channel to the outcome.
type channelOutcome struct {
	Outcome
	Channel Channel `json:"channel"`
}

var channelNameRule = regexp.MustCompile(`^[a-z0-9_-]{1,80}$`)

func (s *Server) controlChannel(in channelAct) (channelOutcome, int) {
	refused := func(status int, why string) (channelOutcome, int) {
		return channelOutcome{Outcome: Outcome{Error: why}}, status
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.ws.channel(in.Channel)
	if in.Action == "create" {
		if !channelNameRule.MatchString(in.Name) || s.ws.channel(in.Name) != nil {
			return refused(http.StatusBadRequest, "invalid_name_or_name_taken")
		}
		c = &channel{Channel: Channel{ID: derived("C", in.Name), Name: in.Name, Topic: in.Topic}}
		if s.ws.channel(c.ID) != nil { // names that differ only in - and _
			c.ID = s.id("C")
		}
		for _, u := range s.ws.people() {
			c.Members = append(c.Members, u.ID)
		}
		s.ws.channels = append(s.ws.channels, c)
	}
	if c == nil {
		return refused(http.StatusNotFound, "channel_not_found")
	}
	switch in.Action {
	case "create":
	case "archive", "unarchive":
		c.IsArchived = in.Action == "archive"
		s.emit("channel_"+in.Action, map[string]any{"type": "channel_" + in.Action, "channel": c.ID, "user": slackbot})
	case "rename":
		if !channelNameRule.MatchString(in.Name) || s.ws.channel(in.Name) != nil {
			return refused(http.StatusBadRequest, "invalid_name_or_name_taken")
		}
		c.Name = in.Name
		s.emit("channel_rename", map[string]any{"type": "channel_rename", "channel": map[string]any{
			"id": c.ID, "name": c.Name, "created": s.ws.started.Unix(),
		}})
	case "kick":
		s.ws.leave(c, s.ws.bot.UserID)
		s.emit("channel_left", map[string]any{"type": "channel_left", "channel": c.ID, "actor_id": slackbot})
	case "invite":
		if s.ws.join(c, s.ws.bot.UserID) {
			s.joined(c, s.ws.bot.UserID)
		}
	default:
		return refused(http.StatusBadRequest, "action must be create, archive, unarchive, rename, kick or invite")
	}
	s.feed.publish(Change{Type: "channel_changed", Channel: c.ID})
	return channelOutcome{Outcome{OK: true}, c.summary()}, http.StatusOK
}
