package slack

import (
	"cmp"
	"slices"
	"strings"
)

func (s *Server) authTest(args) (reply, error) {
	return reply{
		"url": "https://" + s.ws.team.Domain + ".slack.com/", "team": s.ws.team.Name, "user": s.ws.bot.Name,
		"team_id": s.ws.team.ID, "user_id": s.ws.bot.UserID, "bot_id": s.ws.bot.BotID, "is_enterprise_install": false,
	}, nil
}

func (s *Server) teamInfo(args) (reply, error) {
	return reply{"team": map[string]any{
		"id": s.ws.team.ID, "name": s.ws.team.Name, "domain": s.ws.team.Domain, "email_domain": "",
		"url": "https://" + s.ws.team.Domain + ".slack.com/", "icon": map[string]any{"image_default": true},
	}}, nil
}

func (s *Server) botsInfo(a args) (reply, error) {
	if id := a.str("bot"); id != "" && id != s.ws.bot.BotID {
		return nil, refuse("bot_not_found")
	}
	p := s.botProfile()
	return reply{"bot": map[string]any{
		"id": p.ID, "deleted": false, "name": p.Name, "updated": p.Updated, "app_id": p.AppID,
		"user_id": s.ws.bot.UserID, "icons": p.Icons,
	}}, nil
}

// profiled is the user object. The e-mail address shows only with its scope.
func (s *Server) profiled(u *User) map[string]any {
	first, last, _ := strings.Cut(u.RealName, " ")
	profile := map[string]any{
		"title": u.Title, "phone": "", "skype": "", "real_name": u.RealName, "real_name_normalized": u.RealName,
		"display_name": u.Name, "display_name_normalized": u.Name, "status_text": "", "status_emoji": "",
		"status_expiration": 0, "avatar_hash": "", "first_name": first, "last_name": last, "team": s.ws.team.ID,
	}
	if s.auth.may("users:read.email") && !u.IsBot {
		profile["email"] = u.Email
	}
	if u.IsBot {
		profile["api_app_id"], profile["bot_id"], profile["always_active"] = s.ws.bot.AppID, s.ws.bot.BotID, true
	}
	team := cmp.Or(u.Team, s.ws.team.ID)
	return map[string]any{
		"id": u.ID, "team_id": team, "is_stranger": team != s.ws.team.ID, "name": u.Name, "deleted": false, "color": u.Color,
		"real_name": u.RealName, "tz": "Etc/UTC", "tz_label": "Coordinated Universal Time", "tz_offset": 0,
		"profile": profile, "is_admin": false, "is_owner": false, "is_primary_owner": false, "is_restricted": u.IsGuest,
		"is_ultra_restricted": false, "is_bot": u.IsBot, "is_app_user": false,
		"updated": s.ws.started.Unix(), "is_email_confirmed": !u.IsBot, "who_can_share_contact_card": "EVERYONE",
	}
}

func (s *Server) usersInfo(a args) (reply, error) {
	u := s.ws.user(a.str("user"))
	if u == nil || u.ID != a.str("user") {
		return nil, refuse("user_not_found")
	}
	return reply{"user": s.profiled(u)}, nil
}

func (s *Server) usersProfileGet(a args) (reply, error) {
	id := a.str("user")
	if id == "" {
		id = s.ws.bot.UserID
	}
	u := s.ws.user(id)
	if u == nil || u.ID != id {
		return nil, refuse("user_not_found")
	}
	return reply{"profile": s.profiled(u)["profile"]}, nil
}

func (s *Server) usersList(a args) (reply, error) {
	all := []map[string]any{}
	for _, u := range s.ws.users {
		all = append(all, s.profiled(u))
	}
	list, meta, err := page(all, a, 1000, 1000)
	return reply{"members": list, "cache_ts": s.cfg.Now().Unix(), "response_metadata": meta}, err
}

func (s *Server) usersLookupByEmail(a args) (reply, error) {
	for _, u := range s.ws.people() {
		if strings.EqualFold(u.Email, a.str("email")) {
			return reply{"user": s.profiled(u)}, nil
		}
	}
	return nil, refuse("users_not_found")
}

func (s *Server) usergroupsList(a args) (reply, error) {
	all := []map[string]any{}
	for _, g := range s.ws.groups {
		item := map[string]any{
			"id": g.ID, "team_id": s.ws.team.ID, "is_usergroup": true, "is_subteam": true, "name": g.Name,
			"description": "", "handle": g.Handle, "is_external": false, "date_create": s.ws.started.Unix(),
			"date_update": s.ws.started.Unix(), "date_delete": 0, "auto_type": nil, "created_by": slackbot,
			"updated_by": slackbot, "deleted_by": nil, "auto_provision": false, "enterprise_subteam_id": "",
			"prefs":      map[string]any{"channels": []string{}, "groups": []string{}},
			"user_count": len(g.Users), "channel_count": 0,
		}
		if a.flag("include_users") {
			item["users"] = g.Users
		}
		all = append(all, item)
	}
	return reply{"usergroups": all}, nil
}

func (s *Server) usergroupsUsersList(a args) (reply, error) {
	i := slices.IndexFunc(s.ws.groups, func(g *Usergroup) bool { return g.ID == a.str("usergroup") })
	if i < 0 {
		return nil, refuse("no_such_subteam")
	}
	return reply{"users": s.ws.groups[i].Users}, nil
}
