package slack

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// workspace is everything people and apps see.
type workspace struct {
	team     Team
	bot      Bot
	users    []*User
	groups   []*Usergroup
	channels []*channel
	commands []SlashCommand
	views    map[string]*View
	stacks   map[string][]*View // by user: the open modals, topmost last
	homes    map[string]*View
	inputs   map[string]*ViewState // what a person has chosen in a message; by user and ts
	files    map[string]*File
	triggers map[string]*trigger
	hooks    map[string]*hook
	started  time.Time
	lastTS   int64 // microseconds
}

const slackbot = "USLACKBOT"

// derived is a stable id from a name, so that tests and bookmarks can rely on it.
func derived(prefix, name string) string {
	return prefix + "01" + strings.ToUpper(strings.Map(func(r rune) rune {
		if r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			return r
		}
		return -1
	}, name))
}

func seed(cfg Config) *workspace {
	w := &workspace{
		team: cfg.Team, commands: slices.Clone(cfg.Commands), started: cfg.Now(),
		views: map[string]*View{}, stacks: map[string][]*View{}, homes: map[string]*View{},
		inputs: map[string]*ViewState{}, files: map[string]*File{},
		triggers: map[string]*trigger{}, hooks: map[string]*hook{},
	}
	w.bot = Bot{
		UserID: derived("U", cfg.AppName), Name: cfg.AppName,
		AppID: derived("A", cfg.AppName), BotID: derived("B", cfg.AppName),
	}
	for _, u := range cfg.Users {
		u.ID = cmp.Or(u.ID, derived("U", u.Name))
		u.RealName = cmp.Or(u.RealName, u.Name)
		u.Email = cmp.Or(u.Email, u.Name+"@"+cfg.Team.Domain+".example")
		u.Color = cmp.Or(u.Color, "4a5568")
		u.Groups = nil
		w.users = append(w.users, &u)
	}
	w.users = append(w.users, &User{
		ID: w.bot.UserID, Name: w.bot.Name, RealName: w.bot.Name, Color: "1d6b52", IsBot: true,
	})
	for _, g := range cfg.Groups {
		g.ID = cmp.Or(g.ID, derived("S", g.Handle))
		g.Users = w.userIDs(g.Users)
		for _, id := range g.Users {
			u := w.user(id)
			u.Groups = append(u.Groups, g.Handle)
		}
		w.groups = append(w.groups, &g)
	}
	for _, c := range cfg.Channels {
		c.ID = cmp.Or(c.ID, derived("C", c.Name))
		if c.Members == nil {
			for _, u := range w.people() {
				c.Members = append(c.Members, u.ID)
			}
		}
		c.Members = w.userIDs(c.Members)
		if c.BotIsMember {
			c.Members = append(c.Members, w.bot.UserID)
		}
		w.channels = append(w.channels, &channel{Channel: c})
	}
	return w
}

func (w *workspace) people() []*User {
	return slices.DeleteFunc(slices.Clone(w.users), func(u *User) bool { return u.IsBot })
}

// user finds by id or name; nil when there is none.
func (w *workspace) user(ref string) *User {
	ref = strings.TrimPrefix(ref, "@")
	for _, u := range w.users {
		if u.ID == ref || u.Name == ref {
			return u
		}
	}
	return nil
}

func (w *workspace) userIDs(refs []string) []string {
	ids := []string{}
	for _, ref := range refs {
		if u := w.user(ref); u != nil && !slices.Contains(ids, u.ID) {
			ids = append(ids, u.ID)
		}
	}
	return ids
}

func (w *workspace) group(ref string) *Usergroup {
	for _, g := range w.groups {
		if g.ID == ref || g.Handle == strings.TrimPrefix(ref, "@") {
			return g
		}
	}
	return nil
}

// channel finds by id, name or #name; nil when there is none.
func (w *workspace) channel(ref string) *channel {
	name := strings.TrimPrefix(ref, "#")
	for _, c := range w.channels {
		if c.ID == ref || c.Name != "" && c.Name == name {
			return c
		}
	}
	return nil
}

// im is the direct conversation of a person with the bot, opened when needed.
func (w *workspace) im(user string) *channel {
	id := "D" + strings.TrimPrefix(user, "U")
	if c := w.channel(id); c != nil {
		return c
	}
	c := &channel{Channel: Channel{
		ID: id, IsIM: true, User: user, BotIsMember: true, Members: []string{user, w.bot.UserID},
	}}
	w.channels = append(w.channels, c)
	return c
}

// join and leave keep BotIsMember in step; both say whether anything changed.
func (w *workspace) join(c *channel, user string) bool {
	if c.isMember(user) {
		return false
	}
	c.Members = append(slices.Clone(c.Members), user)
	c.BotIsMember = c.isMember(w.bot.UserID)
	return true
}

func (w *workspace) leave(c *channel, user string) bool {
	if !c.isMember(user) {
		return false
	}
	c.Members = slices.DeleteFunc(slices.Clone(c.Members), func(u string) bool { return u == user })
	c.BotIsMember = c.isMember(w.bot.UserID)
	return true
}

// nextTS is a timestamp later than every one before it.
func (s *Server) nextTS() string {
	s.ws.lastTS = max(s.cfg.Now().UnixMicro(), s.ws.lastTS+1)
	return fmt.Sprintf("%d.%06d", s.ws.lastTS/1e6, s.ws.lastTS%1e6)
}

// compareTS orders timestamps by time; a malformed one is before all others.
func compareTS(a, b string) int { return cmp.Compare(microsOf(a), microsOf(b)) }

func microsOf(ts string) int64 {
	sec, frac, _ := strings.Cut(ts, ".")
	n, err := strconv.ParseInt(sec, 10, 64)
	if err != nil {
		return -1
	}
	frac = (frac + "000000")[:6]
	micro, err := strconv.ParseInt(frac, 10, 64)
	if err != nil {
		return -1
	}
	return n*1e6 + micro
}
