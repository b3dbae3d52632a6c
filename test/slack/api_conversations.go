package slack

import (
	"encoding/base64"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// described is the conversation object.
func (s *Server) described(c *channel) map[string]any {
	out := map[string]any{
		"id": c.ID, "created": s.ws.started.Unix(), "is_archived": c.IsArchived, "is_im": c.IsIM,
		"is_org_shared": false, "context_team_id": s.ws.team.ID, "updated": s.ws.started.UnixMilli(),
	}
	if c.IsIM {
		out["user"] = c.User
		out["is_user_deleted"] = false
		return out
	}
	maps.Copy(out, map[string]any{
		"name": c.Name, "name_normalized": c.Name, "is_channel": true, "is_group": false, "is_mpim": false,
		"is_private": false, "is_general": c.Name == "general", "is_shared": false, "is_ext_shared": false,
		"is_pending_ext_shared": false, "is_member": c.BotIsMember, "creator": slackbot, "unlinked": 0,
		"topic":           map[string]any{"value": c.Topic, "creator": "", "last_set": 0},
		"purpose":         map[string]any{"value": "", "creator": "", "last_set": 0},
		"shared_team_ids": []string{s.ws.team.ID}, "previous_names": []string{}, "num_members": len(c.Members),
	})
	return out
}

// page cuts one page out of a list and names the next. It refuses a cursor that it did not give out.
func page[T any](all []T, a args, def, most int) ([]T, map[string]any, error) {
	from := 0
	if cursor := a.str("cursor"); cursor != "" {
		raw, err := base64.StdEncoding.DecodeString(cursor)
		n, numErr := strconv.Atoi(strings.TrimPrefix(string(raw), "at:"))
		if err != nil || numErr != nil || n < 0 || n > len(all) {
			return nil, nil, refuse("invalid_cursor")
		}
		from = n
	}
	to := min(from+a.count("limit", def, most), len(all))
	next := ""
	if to < len(all) {
		next = base64.StdEncoding.EncodeToString([]byte("at:" + strconv.Itoa(to)))
	}
	return all[from:to], map[string]any{"next_cursor": next}, nil
}

func (s *Server) conversationsList(a args) (reply, error) {
	types := a.list("types")
	if len(types) == 0 {
		types = []string{"public_channel"}
	}
	all := []map[string]any{}
	for _, c := range s.ws.channels {
		kind := "public_channel"
		if c.IsIM {
			kind = "im"
		}
		if slices.Contains(types, kind) && (!c.IsArchived || !a.flag("exclude_archived")) {
			all = append(all, s.described(c))
		}
	}
	list, meta, err := page(all, a, 100, 1000)
	return reply{"channels": list, "response_metadata": meta}, err
}

func (s *Server) conversation(a args) (*channel, error) {
	ref := a.str("channel")
	if c := s.ws.channel(ref); c != nil && c.ID == ref { // these methods take ids only
		return c, nil
	}
	return nil, refuse("channel_not_found")
}

func (s *Server) conversationsInfo(a args) (reply, error) {
	c, err := s.conversation(a)
	if err != nil {
		return nil, err
	}
	return reply{"channel": s.described(c)}, nil
}

func (s *Server) conversationsMembers(a args) (reply, error) {
	c, err := s.conversation(a)
	if err != nil {
		return nil, err
	}
	list, meta, err := page(c.Members, a, 100, 1000)
	return reply{"members": list, "response_metadata": meta}, err
}

func (s *Server) conversationsJoin(a args) (reply, error) {
	c, err := s.conversation(a)
	switch {
	case err != nil:
		return nil, err
	case c.IsIM:
		return nil, refuse("method_not_supported_for_channel_type")
	case c.IsArchived:
		return nil, refuse("is_archived")
	}
	out := reply{"channel": s.described(c)}
	if !s.ws.join(c, s.ws.bot.UserID) {
		out["warning"] = "already_in_channel"
		out["response_metadata"] = map[string]any{"warnings": []string{"already_in_channel"}}
		return out, nil
	}
	out["channel"] = s.described(c)
	s.joined(c, s.ws.bot.UserID)
	return out, nil
}

func (s *Server) conversationsOpen(a args) (reply, error) {
	var c *channel
	users := a.list("users")
	switch {
	case a.str("channel") != "":
		if c = s.ws.channel(a.str("channel")); c == nil || !c.IsIM {
			return nil, refuse("channel_not_found")
		}
	case len(users) == 0:
		return nil, refuse("users_list_not_supplied")
	case len(users) > 1:
		return nil, refuse("not_enough_users") // group conversations need other scopes than a bot like this asks for
	default:
		u := s.ws.user(users[0])
		if u == nil || u.ID != users[0] {
			return nil, refuse("user_not_found")
		}
		c = s.ws.im(u.ID)
	}
	if a.flag("return_im") {
		return reply{"channel": s.described(c)}, nil
	}
	return reply{"channel": map[string]any{"id": c.ID}}, nil
}

// readable finds the channel whose messages the bot may read.
func (s *Server) readable(a args) (*channel, error) {
	c, err := s.conversation(a)
	if err != nil {
		return nil, err
	}
	if !c.BotIsMember {
		return nil, refuse("not_in_channel")
	}
	return c, nil
}

// within says whether ts lies in the window that the call asks for; the bounds count only with inclusive.
func within(a args, ts string) bool {
	if old := a.str("oldest"); old != "" && old != "0" {
		if d := compareTS(ts, old); d < 0 || d == 0 && !a.flag("inclusive") {
			return false
		}
	}
	if latest := a.str("latest"); latest != "" {
		if d := compareTS(ts, latest); d > 0 || d == 0 && !a.flag("inclusive") {
			return false
		}
	}
	return true
}

func (s *Server) conversationsHistory(a args) (reply, error) {
	c, err := s.readable(a)
	if err != nil {
		return nil, err
	}
	all := []*Message{}
	for _, m := range c.msgs {
		if m.topLevel() && within(a, m.TS) {
			all = append(all, m.shown(a.flag("include_all_metadata")))
		}
	}
	// Pages run from the newest back; with only oldest given, from there forward. Inside a page the newest is first.
	forward := a.str("oldest") != "" && a.str("oldest") != "0" && a.str("latest") == ""
	if !forward {
		slices.Reverse(all)
	}
	list, meta, err := page(all, a, 100, 999)
	if forward {
		slices.Reverse(list)
	}
	return reply{
		"messages": list, "has_more": meta["next_cursor"] != "", "pin_count": 0,
		"channel_actions_ts": nil, "channel_actions_count": 0, "response_metadata": meta,
	}, err
}

func (s *Server) conversationsReplies(a args) (reply, error) {
	c, err := s.readable(a)
	if err != nil {
		return nil, err
	}
	parent := c.find(a.str("ts"))
	if parent == nil {
		return nil, refuse("thread_not_found")
	}
	all := []*Message{}
	for _, m := range c.thread(parent) {
		if m.TS == parent.TS || within(a, m.TS) {
			all = append(all, m.shown(a.flag("include_all_metadata")))
		}
	}
	list, meta, err := page(all, a, 1000, 1000)
	return reply{"messages": list, "has_more": meta["next_cursor"] != "", "response_metadata": meta}, err
}
