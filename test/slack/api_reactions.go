package slack

import (
	"regexp"
	"strings"
)

var emojiName = regexp.MustCompile(`^[a-z0-9_+'-]+(::skin-tone-[2-6])?$`)

// reacted finds the message that a reactions call names.
func (s *Server) reacted(a args) (*channel, *Message, error) {
	c, err := s.conversation(a)
	if err != nil {
		return nil, nil, err
	}
	m := c.find(a.str("timestamp"))
	if m == nil {
		return nil, nil, refuse("message_not_found")
	}
	return c, m, nil
}

func (s *Server) reactionsAdd(a args) (reply, error) {
	return s.toggle(a, true, "already_reacted")
}

func (s *Server) reactionsRemove(a args) (reply, error) {
	return s.toggle(a, false, "no_reaction")
}

func (s *Server) toggle(a args, add bool, unchanged string) (reply, error) {
	c, m, err := s.reacted(a)
	if err != nil {
		return nil, err
	}
	name := strings.Trim(a.str("name"), ":")
	switch {
	case !emojiName.MatchString(name):
		return nil, refuse("invalid_name")
	case c.IsArchived:
		return nil, refuse("is_archived")
	case !c.BotIsMember:
		return nil, refuse("not_in_channel")
	case !m.react(s.ws.bot.UserID, name, add):
		return nil, refuse(unchanged)
	}
	s.feed.publish(Change{Type: "reaction", Channel: c.ID, TS: m.TS, ThreadTS: m.ThreadTS, User: s.ws.bot.UserID})
	return nil, nil
}

func (s *Server) reactionsGet(a args) (reply, error) {
	c, m, err := s.reacted(a)
	if err != nil {
		return nil, err
	}
	return reply{"type": "message", "channel": c.ID, "message": m.shown(false)}, nil
}
