package slack

import "slices"

// Block is one Block Kit block, or an element of one, as it came.
type Block = map[string]any

// Message is Slack's message object, plus IsEphemeral, which only the control API sets.
type Message struct {
	Type            string      `json:"type"`
	Subtype         string      `json:"subtype,omitempty"`
	TS              string      `json:"ts"`
	ClientMsgID     string      `json:"client_msg_id,omitempty"`
	User            string      `json:"user,omitempty"`
	BotID           string      `json:"bot_id,omitempty"`
	AppID           string      `json:"app_id,omitempty"`
	Team            string      `json:"team,omitempty"`
	BotProfile      *BotProfile `json:"bot_profile,omitempty"`
	Text            string      `json:"text"`
	Blocks          []Block     `json:"blocks,omitempty"`
	Attachments     []Block     `json:"attachments,omitempty"`
	ThreadTS        string      `json:"thread_ts,omitempty"`
	ParentUserID    string      `json:"parent_user_id,omitempty"`
	ReplyCount      int         `json:"reply_count,omitempty"`
	ReplyUsersCount int         `json:"reply_users_count,omitempty"`
	LatestReply     string      `json:"latest_reply,omitempty"`
	ReplyUsers      []string    `json:"reply_users,omitempty"`
	Reactions       []Reaction  `json:"reactions,omitempty"`
	Files           []*File     `json:"files,omitempty"`
	Edited          *Edited     `json:"edited,omitempty"`
	Metadata        *Metadata   `json:"metadata,omitempty"`
	IsEphemeral     bool        `json:"is_ephemeral,omitempty"`
	Hidden          bool        `json:"hidden,omitempty"`
	to              string      // the only reader of an ephemeral message
}

// BotProfile is what Slack adds to a bot's message.
type BotProfile struct {
	ID      string            `json:"id"`
	AppID   string            `json:"app_id"`
	Name    string            `json:"name"`
	TeamID  string            `json:"team_id"`
	Icons   map[string]string `json:"icons"`
	Deleted bool              `json:"deleted"`
	Updated int64             `json:"updated"`
}

// Edited says who changed a message last.
type Edited struct {
	User string `json:"user"`
	TS   string `json:"ts"`
}

// Metadata is what an app hides in its message.
type Metadata struct {
	EventType    string         `json:"event_type"`
	EventPayload map[string]any `json:"event_payload"`
}

// Reaction is one emoji under a message.
type Reaction struct {
	Name  string   `json:"name"`
	Count int      `json:"count"`
	Users []string `json:"users"`
}

// channel is a conversation with its messages, oldest first, replies among them.
type channel struct {
	Channel
	msgs      []*Message
	ephemeral []*Message
}

func (c *channel) find(ts string) *Message {
	i, ok := slices.BinarySearchFunc(c.msgs, ts, func(m *Message, ts string) int { return compareTS(m.TS, ts) })
	if !ok {
		return nil
	}
	return c.msgs[i]
}

func (c *channel) isMember(user string) bool { return slices.Contains(c.Members, user) }

// topLevel says whether m shows in the channel itself, not only in its thread.
func (m *Message) topLevel() bool {
	return m.ThreadTS == "" || m.ThreadTS == m.TS || m.Subtype == "thread_broadcast"
}

// recount brings the reply fields of the parent of a thread up to date.
func (c *channel) recount(parent *Message) {
	parent.ReplyCount, parent.LatestReply, parent.ReplyUsers = 0, "", nil
	for _, m := range c.msgs {
		if m.ThreadTS != parent.TS || m.TS == parent.TS {
			continue
		}
		parent.ReplyCount++
		parent.LatestReply = m.TS
		if !slices.Contains(parent.ReplyUsers, m.User) {
			parent.ReplyUsers = append(parent.ReplyUsers, m.User)
		}
	}
	parent.ReplyUsersCount = len(parent.ReplyUsers)
	parent.ThreadTS = ""
	if parent.ReplyCount > 0 {
		parent.ThreadTS = parent.TS
	}
}

// addReply counts one more reply in the parent of a thread.
func (m *Message) addReply(r *Message) {
	m.ThreadTS, m.LatestReply = m.TS, r.TS
	m.ReplyCount++
	if !slices.Contains(m.ReplyUsers, r.User) {
		m.ReplyUsers = append(slices.Clone(m.ReplyUsers), r.User)
	}
	m.ReplyUsersCount = len(m.ReplyUsers)
}

// shown is a copy of m as conversations.history gives it.
func (m *Message) shown(withMetadata bool) *Message {
	out := *m
	if !withMetadata {
		out.Metadata = nil
	}
	return &out
}

// react adds or removes one person's emoji and says whether anything changed. The slices are replaced, never
// written to, since copies of the message may be on their way out.
func (m *Message) react(user, name string, add bool) bool {
	i := slices.IndexFunc(m.Reactions, func(r Reaction) bool { return r.Name == name })
	has := i >= 0 && slices.Contains(m.Reactions[i].Users, user)
	if has == add {
		return false
	}
	rs := slices.Clone(m.Reactions)
	switch {
	case add && i < 0:
		rs = append(rs, Reaction{Name: name, Count: 1, Users: []string{user}})
	case add:
		rs[i].Users = append(slices.Clone(rs[i].Users), user)
		rs[i].Count++
	default:
		rs[i].Users = slices.DeleteFunc(slices.Clone(rs[i].Users), func(u string) bool { return u == user })
		rs[i].Count--
		rs = slices.DeleteFunc(rs, func(r Reaction) bool { return r.Count == 0 })
	}
	m.Reactions = rs
	return true
}

// remove deletes m; a parent with replies leaves a tombstone so that its thread stays.
func (s *Server) remove(c *channel, m *Message) {
	if m.ReplyCount > 0 {
		*m = Message{
			Type: "message", Subtype: "tombstone", TS: m.TS, ThreadTS: m.TS, User: slackbot, Hidden: true,
			Text: "This message was deleted.", ReplyCount: m.ReplyCount, ReplyUsers: m.ReplyUsers,
			ReplyUsersCount: m.ReplyUsersCount, LatestReply: m.LatestReply,
		}
	} else {
		c.msgs = slices.DeleteFunc(c.msgs, func(x *Message) bool { return x == m })
		if m.ThreadTS != "" {
			if parent := c.find(m.ThreadTS); parent != nil {
				c.recount(parent)
			}
		}
	}
	s.feed.publish(Change{Type: "message_deleted", Channel: c.ID, TS: m.TS, ThreadTS: m.ThreadTS})
}

// thread is the parent of m's thread and its replies, oldest first.
func (c *channel) thread(m *Message) []*Message {
	root := m.TS
	if m.ThreadTS != "" {
		root = m.ThreadTS
	}
	var out []*Message
	for _, x := range c.msgs {
		if x.TS == root || x.ThreadTS == root {
			out = append(out, x)
		}
	}
	return out
}
