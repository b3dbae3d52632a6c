package slack

import (
	"encoding/json"
	"slices"
)

const maxStack = 3 // modals on top of each other

// readView validates and completes the view of a call. prefix is where it stands in the request.
func (s *Server) readView(raw any, prefix string) (*View, error) {
	b, err := json.Marshal(raw)
	if text, ok := raw.(string); ok {
		b, err = []byte(text), nil
	}
	v := &View{}
	var plain map[string]any
	if err != nil || json.Unmarshal(b, &plain) != nil {
		return nil, refuseWith("invalid_arguments", []string{"must be a valid view [json-pointer:" + prefix + "]"})
	}
	if problems := checkView(plain, prefix); len(problems) > 0 {
		return nil, refuseWith("invalid_arguments", problems)
	}
	if err := json.Unmarshal(b, v); err != nil {
		return nil, refuseWith("invalid_arguments", []string{"must be a valid view [json-pointer:" + prefix + "]"})
	}
	s.complete(v.Blocks)
	return v, nil
}

// admit gives a new view its identity.
func (s *Server) admit(v *View, owner string) {
	v.ID, v.owner = s.id("V"), owner
	v.RootViewID = v.ID
	s.stamp(v)
	s.ws.views[v.ID] = v
}

// stamp marks a version of a view.
func (s *Server) stamp(v *View) {
	v.TeamID, v.AppInstalledTeamID, v.AppID, v.BotID = s.ws.team.ID, s.ws.team.ID, s.ws.bot.AppID, s.ws.bot.BotID
	v.Hash = s.nextTS() + "." + s.hex(8)
	v.State = initialState(v.Blocks, v.State)
}

func (s *Server) externalIDTaken(v *View) bool {
	if v.ExternalID == "" {
		return false
	}
	for _, x := range s.ws.views {
		if x.ExternalID == v.ExternalID {
			return true
		}
	}
	return false
}

func (s *Server) viewsOpen(a args) (reply, error) {
	return s.show(a, func(t *trigger, v *View) error {
		for _, old := range s.ws.stacks[t.user] {
			delete(s.ws.views, old.ID)
		}
		s.admit(v, t.user)
		s.ws.stacks[t.user] = []*View{v}
		return nil
	})
}

func (s *Server) viewsPush(a args) (reply, error) {
	return s.show(a, func(t *trigger, v *View) error {
		if t.view == "" || s.ws.views[t.view] == nil || s.ws.views[t.view].Type != "modal" {
			return refuse("not_found")
		}
		return s.pushView(t.user, v)
	})
}

// show opens a modal with a trigger, which is spent only on a valid view.
func (s *Server) show(a args, open func(*trigger, *View) error) (reply, error) {
	if !a.has("view") {
		return nil, refuseWith("invalid_arguments", []string{"missing required field: view"})
	}
	v, err := s.readView(a["view"], "/view")
	if err != nil {
		return nil, err
	}
	if v.Type != "modal" {
		return nil, refuseWith("invalid_arguments", []string{"must be `modal` [json-pointer:/view/type]"})
	}
	if s.externalIDTaken(v) {
		return nil, refuse("duplicate_external_id")
	}
	t, err := s.useTrigger(a)
	if err != nil {
		return nil, err
	}
	if err := open(t, v); err != nil {
		return nil, err
	}
	s.feed.publish(Change{Type: "view_opened", User: t.user, ViewID: v.ID})
	return reply{"view": v}, nil
}

// pushView puts v on top of what user has open.
func (s *Server) pushView(user string, v *View) error {
	stack := s.ws.stacks[user]
	if len(stack) == 0 {
		return refuse("not_found")
	}
	if len(stack) >= maxStack {
		return refuse("push_limit_reached")
	}
	s.admit(v, user)
	below := stack[len(stack)-1].ID
	v.PreviousViewID, v.RootViewID = &below, stack[0].ID
	s.ws.stacks[user] = append(slices.Clone(stack), v)
	return nil
}

func (s *Server) viewsUpdate(a args) (reply, error) {
	v := s.ws.views[a.str("view_id")]
	if ext := a.str("external_id"); v == nil && ext != "" {
		for _, x := range s.ws.views {
			if x.ExternalID == ext {
				v = x
			}
		}
	}
	if v == nil {
		return nil, refuse("not_found")
	}
	if h := a.str("hash"); h != "" && h != v.Hash {
		return nil, refuse("hash_conflict")
	}
	next, err := s.readView(a["view"], "/view")
	if err != nil {
		return nil, err
	}
	if next.Type != v.Type {
		return nil, refuseWith("invalid_arguments", []string{"must match the type of the view [json-pointer:/view/type]"})
	}
	s.replaceView(v, next)
	return reply{"view": v}, nil
}

// replaceView gives v new content. What was typed stays where block and action ids stay.
func (s *Server) replaceView(v, next *View) {
	next.ID, next.owner, next.RootViewID, next.PreviousViewID = v.ID, v.owner, v.RootViewID, v.PreviousViewID
	next.State = v.State
	if next.ExternalID == "" {
		next.ExternalID = v.ExternalID
	}
	*v = *next
	s.stamp(v)
	kind := "view_updated"
	if v.Type == "home" {
		kind = "home_published"
	}
	s.feed.publish(Change{Type: kind, User: v.owner, ViewID: v.ID})
}

func (s *Server) viewsPublish(a args) (reply, error) {
	u := s.ws.user(a.str("user_id"))
	if u == nil || u.ID != a.str("user_id") {
		return nil, refuse("user_not_found")
	}
	next, err := s.readView(a["view"], "/view")
	if err != nil {
		return nil, err
	}
	if next.Type != "home" {
		return nil, refuseWith("invalid_arguments", []string{"must be `home` [json-pointer:/view/type]"})
	}
	v := s.ws.homes[u.ID]
	if v == nil {
		v = next
		s.admit(v, u.ID)
		s.ws.homes[u.ID] = v
		s.feed.publish(Change{Type: "home_published", User: u.ID, ViewID: v.ID})
		return reply{"view": v}, nil
	}
	if h := a.str("hash"); h != "" && h != v.Hash {
		return nil, refuse("hash_conflict")
	}
	s.replaceView(v, next)
	return reply{"view": v}, nil
}

// closeView takes the topmost modal of user away, or all of them, and returns those that went.
func (s *Server) closeView(user string, all bool) []*View {
	stack := s.ws.stacks[user]
	keep := max(0, len(stack)-1)
	if all {
		keep = 0
	}
	gone := slices.Clone(stack[keep:])
	for _, v := range gone {
		delete(s.ws.views, v.ID)
	}
	s.ws.stacks[user] = slices.Clone(stack[:keep])
	if len(gone) > 0 {
		s.feed.publish(Change{Type: "view_closed", User: user, ViewID: gone[len(gone)-1].ID})
	}
	return gone
}
