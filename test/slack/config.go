package slack

import (
	"cmp"
	"net/http"
	"time"
)

// Config is the workspace to start with and how faithfully time passes in it. The zero value is the default
// workspace at Slack's own pace.
type Config struct {
	Team     Team
	AppName  string // the bot's name; "autopilot" when empty
	Users    []User
	Groups   []Usergroup // members by user name or id
	Channels []Channel   // members by user name or id
	Commands []SlashCommand
	Scopes   []string // granted to the bot token
	Events   []string // subscriptions: app_mention, message.channels, …

	// RateScale multiplies every rate limit: 1 (and 0) is Slack's own, 60 lets through in a second what Slack
	// lets through in a minute. Limits cannot be switched off.
	RateScale float64

	AckTimeout    time.Duration   // for an envelope; 3 s
	TriggerTTL    time.Duration   // life of a trigger_id; 3 s
	ShareDelay    time.Duration   // between completeUploadExternal and the message with the file; 1 s
	PingInterval  time.Duration   // between websocket pings; 10 s
	RefreshAfter  time.Duration   // life of a socket; 1 h
	RefreshNotice time.Duration   // between the warning and the close; 10 s
	RetryDelays   []time.Duration // before each retry of an event; at once, 1 min, 5 min

	Now  func() time.Time // time.Now when nil
	Seed uint64           // of ids, tokens and of the choice of a socket

	NoCharts bool // a workspace that Slack has not given the data visualization block yet

	// Page answers every path that is not Slack's or the control API's. A plain note stands there when nil.
	Page http.Handler
}

// Team names the workspace.
type Team struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Domain string `json:"domain"`
}

// User is a person or the bot. ID, Color and Email are derived from Name when empty.
type User struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	RealName string   `json:"real_name"`
	Title    string   `json:"title"`
	Email    string   `json:"email"`
	Color    string   `json:"color"` // six hex digits
	Groups   []string `json:"groups"`
	IsBot    bool     `json:"is_bot"`
	IsGuest  bool     `json:"is_guest"` // of single or several channels
	Team     string   `json:"team"`     // id of the workspace that it is of; "" for this one. Of another one, it is here by a shared channel
}

// Usergroup is a mentionable group of people.
type Usergroup struct {
	ID     string   `json:"id"`
	Handle string   `json:"handle"`
	Name   string   `json:"name"`
	Users  []string `json:"users"`
}

// Channel is a public channel, or the direct conversation of User with the bot.
type Channel struct {
	ID           string   `json:"id"`
	Name         string   `json:"name"`
	Topic        string   `json:"topic"`
	IsArchived   bool     `json:"is_archived"`
	IsIM         bool     `json:"is_im"`
	User         string   `json:"user,omitempty"`
	BotIsMember  bool     `json:"bot_is_member"`
	Members      []string `json:"members"`
	LastTS       string   `json:"last_ts"`
	MessageCount int      `json:"message_count"`
}

// SlashCommand is one command of the app.
type SlashCommand struct {
	Command     string `json:"command"`
	UsageHint   string `json:"usage_hint"`
	Description string `json:"description"`
}

// DefaultScopes are those a bot with threads, buttons, files, a Home tab and a slash command asks for.
var DefaultScopes = []string{
	"app_mentions:read", "channels:history", "channels:join", "channels:read", "chat:write", "commands",
	"files:read", "files:write", "groups:history", "groups:read", "im:history", "im:read", "im:write", "reactions:read", "reactions:write",
	"team:read", "usergroups:read", "users.profile:read", "users:read", "users:read.email",
}

func (c Config) withDefaults() Config {
	c.Team.ID = cmp.Or(c.Team.ID, "T01ACME")
	c.Team.Name = cmp.Or(c.Team.Name, "Acme Shop")
	c.Team.Domain = cmp.Or(c.Team.Domain, "acme-shop")
	c.AppName = cmp.Or(c.AppName, "autopilot")
	if c.Users == nil {
		c.Users = []User{
			{Name: "ana", RealName: "Ana Silva", Title: "Site reliability engineer, on call", Color: "9f69e7"},
			{Name: "ben", RealName: "Ben Okafor", Title: "Platform team lead", Color: "2b6cb0"},
			{Name: "chi", RealName: "Chi Nguyen", Title: "Payments developer", Color: "e0a729"},
			{Name: "dev", RealName: "Dev Patel", Title: "Finance director", Color: "3c989f"},
			{Name: "eve", RealName: "Eve Larsson", Title: "Support", Color: "d1707d"},
		}
	}
	if c.Groups == nil {
		c.Groups = []Usergroup{
			{Handle: "oncall", Name: "On call", Users: []string{"ana"}},
			{Handle: "platform", Name: "Platform team", Users: []string{"ben", "ana"}},
			{Handle: "finops", Name: "FinOps", Users: []string{"dev"}},
		}
	}
	if c.Channels == nil {
		c.Channels = []Channel{
			{Name: "incidents", Topic: "What is broken now", BotIsMember: true},
			{Name: "oncall", Topic: "Handover and pages", BotIsMember: true},
			{Name: "finops", Topic: "What the clusters cost", BotIsMember: true},
			{Name: "payments", Topic: "Payments team", BotIsMember: true},
			{Name: "platform", Topic: "Platform team", BotIsMember: true},
			{Name: "general", Topic: "Everybody"},
		}
	}
	if c.Commands == nil {
		c.Commands = []SlashCommand{{
			Command: "/autopilot", UsageHint: "help | status | incidents | show <id>",
			Description: "Incidents, causes and cost of your clusters",
		}}
	}
	if c.Scopes == nil {
		c.Scopes = DefaultScopes
	}
	if c.Events == nil {
		c.Events = []string{"app_home_opened", "app_mention", "member_joined_channel", "message.im"}
	}
	c.RateScale = cmp.Or(c.RateScale, 1)
	c.AckTimeout = cmp.Or(c.AckTimeout, 3*time.Second)
	c.TriggerTTL = cmp.Or(c.TriggerTTL, 3*time.Second)
	c.ShareDelay = cmp.Or(c.ShareDelay, time.Second)
	c.PingInterval = cmp.Or(c.PingInterval, 10*time.Second)
	c.RefreshAfter = cmp.Or(c.RefreshAfter, time.Hour)
	c.RefreshNotice = cmp.Or(c.RefreshNotice, 10*time.Second)
	if c.RetryDelays == nil {
		c.RetryDelays = []time.Duration{0, time.Minute, 5 * time.Minute}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	c.Seed = cmp.Or(c.Seed, 1)
	return c
}
