package slack

import (
	"strings"
	"unicode/utf8"
)

const (
	maxText       = 40_000 // of a posted message; more is cut off
	maxUpdateText = 4_000  // of chat.update; more is refused
)

// content is what chat.* and response_url put into a message.
type content struct {
	text        string
	blocks      []Block
	attachments []Block
	metadata    *Metadata
}

// readContent validates and normalises the text, blocks, attachments and metadata of a call.
func (s *Server) readContent(a args) (content, error) {
	c := content{text: truncate(a.str("text"), maxText)}
	if a.has("markdown_text") && c.text == "" {
		c.text = truncate(a.str("markdown_text"), maxMarkdown)
	}
	if err := a.decode("blocks", &c.blocks); err != nil {
		return c, refuse("invalid_blocks_format")
	}
	if err := a.decode("attachments", &c.attachments); err != nil {
		return c, refuse("invalid_attachments")
	}
	if err := s.acceptBlocks(c.blocks, onMessage, "/blocks", "invalid_blocks"); err != nil {
		return c, err
	}
	for _, at := range c.attachments {
		blocks, err := blocksOf(at)
		if err != nil {
			return c, refuse("invalid_attachments")
		}
		if err := s.acceptBlocks(blocks, onMessage, "/attachments/blocks", "invalid_attachments"); err != nil {
			return c, err
		}
		if len(blocks) > 0 {
			at["blocks"] = blocks
		}
	}
	if a.has("metadata") {
		c.metadata = &Metadata{}
		if err := a.decode("metadata", c.metadata); err != nil {
			return c, refuse("invalid_metadata_format")
		}
		if (c.metadata.EventType == "") != (c.metadata.EventPayload == nil) {
			return c, refuse("invalid_metadata_schema")
		}
		if c.metadata.EventType == "" { // an empty object removes what was there
			c.metadata = nil
		}
	}
	return c, nil
}

func (c content) empty() bool {
	return strings.TrimSpace(c.text) == "" && len(c.blocks) == 0 && len(c.attachments) == 0
}

func truncate(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most])
}

// writable finds the channel of a call and says why the bot may not post to it.
func (s *Server) writable(a args) (*channel, error) {
	ref := a.str("channel")
	c := s.ws.channel(ref)
	if c == nil && strings.HasPrefix(ref, "U") && s.ws.user(ref) != nil {
		c = s.ws.im(ref)
	}
	switch {
	case c == nil:
		return nil, refuse("channel_not_found")
	case c.IsArchived:
		return nil, refuse("is_archived")
	case !c.BotIsMember && !s.auth.may("chat:write.public"):
		return nil, refuse("not_in_channel")
	}
	return c, nil
}

// botMessage is an unplaced message of the app.
func (s *Server) botMessage(c content) *Message {
	return &Message{
		Type: "message", User: s.ws.bot.UserID, BotID: s.ws.bot.BotID, AppID: s.ws.bot.AppID, Team: s.ws.team.ID,
		BotProfile: s.botProfile(), Text: c.text, Blocks: c.blocks, Attachments: c.attachments, Metadata: c.metadata,
	}
}

func (s *Server) botProfile() *BotProfile {
	return &BotProfile{
		ID: s.ws.bot.BotID, AppID: s.ws.bot.AppID, Name: s.ws.bot.Name, TeamID: s.ws.team.ID,
		Updated: s.ws.started.Unix(),
		Icons: map[string]string{
			"image_36": "https://a.slack-edge.com/80588/img/plugins/app/bot_36.png",
			"image_48": "https://a.slack-edge.com/80588/img/plugins/app/bot_48.png",
			"image_72": "https://a.slack-edge.com/80588/img/plugins/app/service_72.png",
		},
	}
}

// place gives m its ts, puts it into c and its thread, and tells everybody. thread may be empty; a reply's own ts
// stands for the thread it is in.
func (s *Server) place(c *channel, m *Message, thread string, broadcast bool) error {
	if thread != "" {
		parent := c.find(thread)
		if parent == nil {
			return refuse("thread_not_found")
		}
		if parent.ThreadTS != "" {
			parent = c.find(parent.ThreadTS)
		}
		m.TS, m.ThreadTS, m.ParentUserID = s.nextTS(), parent.TS, parent.User
		if broadcast {
			m.Subtype = "thread_broadcast"
		}
		c.msgs = append(c.msgs, m)
		parent.addReply(m)
	} else {
		m.TS = s.nextTS()
		c.msgs = append(c.msgs, m)
	}
	s.feed.publish(Change{Type: "message", Channel: c.ID, TS: m.TS, ThreadTS: m.ThreadTS, User: m.User})
	s.emitMessage(c, m)
	return nil
}

func (s *Server) chatPostMessage(a args) (reply, error) {
	c, err := s.writable(a)
	if err != nil {
		return nil, err
	}
	body, err := s.readContent(a)
	if err != nil {
		return nil, err
	}
	if body.empty() {
		return nil, refuse("no_text")
	}
	m := s.botMessage(body)
	if err := s.place(c, m, a.str("thread_ts"), a.flag("reply_broadcast")); err != nil {
		return nil, err
	}
	return reply{"channel": c.ID, "ts": m.TS, "message": m.shown(true)}, nil
}

func (s *Server) chatPostEphemeral(a args) (reply, error) {
	c, err := s.writable(a)
	if err != nil {
		return nil, err
	}
	u := s.ws.user(a.str("user"))
	if u == nil || !c.isMember(u.ID) {
		return nil, refuse("user_not_in_channel")
	}
	body, err := s.readContent(a)
	if err != nil {
		return nil, err
	}
	if body.empty() {
		return nil, refuse("no_text")
	}
	m := s.whisper(c, u.ID, s.botMessage(body), a.str("thread_ts"))
	return reply{"message_ts": m.TS}, nil
}

// whisper shows m to one person only.
func (s *Server) whisper(c *channel, user string, m *Message, thread string) *Message {
	m.TS, m.ThreadTS, m.IsEphemeral, m.to = s.nextTS(), thread, true, user
	c.ephemeral = append(c.ephemeral, m)
	s.feed.publish(Change{Type: "ephemeral", Channel: c.ID, TS: m.TS, ThreadTS: thread, User: user})
	return m
}

func (s *Server) chatUpdate(a args) (reply, error) {
	c := s.ws.channel(a.str("channel"))
	if c == nil {
		return nil, refuse("channel_not_found")
	}
	m := c.find(a.str("ts"))
	switch {
	case m == nil, m.Subtype == "tombstone":
		return nil, refuse("message_not_found")
	case m.BotID != s.ws.bot.BotID:
		return nil, refuse("cant_update_message")
	case c.IsArchived:
		return nil, refuse("is_archived")
	case utf8.RuneCountInString(a.str("text")) > maxUpdateText:
		return nil, refuse("msg_too_long")
	}
	body, err := s.readContent(a)
	if err != nil {
		return nil, err
	}
	if !a.has("text") && !a.has("blocks") && !a.has("attachments") && !a.has("metadata") {
		return nil, refuse("no_text")
	}
	s.edit(c, m, a, body)
	return reply{"channel": c.ID, "ts": m.TS, "text": m.Text, "message": m.shown(true)}, nil
}

// edit changes what the call names and keeps the rest, as Slack does.
func (s *Server) edit(c *channel, m *Message, a args, body content) {
	if a.has("text") {
		m.Text = body.text
	}
	if a.has("blocks") {
		m.Blocks = body.blocks
	}
	if a.has("attachments") {
		m.Attachments = body.attachments
	}
	if a.has("metadata") {
		m.Metadata = body.metadata
	}
	m.Edited = &Edited{User: s.ws.bot.UserID, TS: s.nextTS()}
	s.feed.publish(Change{Type: "message_changed", Channel: c.ID, TS: m.TS, ThreadTS: m.ThreadTS})
}

func (s *Server) chatDelete(a args) (reply, error) {
	c := s.ws.channel(a.str("channel"))
	if c == nil {
		return nil, refuse("channel_not_found")
	}
	m := c.find(a.str("ts"))
	if m == nil || m.Subtype == "tombstone" {
		return nil, refuse("message_not_found")
	}
	if m.BotID != s.ws.bot.BotID {
		return nil, refuse("cant_delete_message")
	}
	s.remove(c, m)
	return reply{"channel": c.ID, "ts": m.TS}, nil
}

func (s *Server) chatGetPermalink(a args) (reply, error) {
	c := s.ws.channel(a.str("channel"))
	if c == nil {
		return nil, refuse("channel_not_found")
	}
	m := c.find(a.str("message_ts"))
	if m == nil {
		return nil, refuse("message_not_found")
	}
	link := "https://" + s.ws.team.Domain + ".slack.com/archives/" + c.ID + "/p" + strings.ReplaceAll(m.TS, ".", "")
	if m.ThreadTS != "" && m.ThreadTS != m.TS {
		link += "?thread_ts=" + m.ThreadTS + "&cid=" + c.ID
	}
	return reply{"channel": c.ID, "permalink": link}, nil
}
