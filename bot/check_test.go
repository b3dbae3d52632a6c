package bot_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/eks-autopilot/autopilot/bot"
	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/test/slack"
)

// check gives the rows of the doctor by name.
func (r *rig) check() map[string]engine.Check {
	r.t.Helper()
	rows := map[string]engine.Check{}
	for _, c := range bot.New(r.config, r.inbox, r.outbox, r.content, r.handler).Check(r.t.Context()) {
		if c.OK != (c.Level == engine.CheckOK) || !c.OK && (c.Fix == "" || c.Want == "") {
			r.t.Errorf("row %+v is not whole", c)
		}
		rows[c.Name] = c
	}
	return rows
}

func TestCheckOfASoundInstallation(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	r.config.Channels = []string{"#incidents", "#payments", r.ids["#platform"], "#incidents"}
	rows := r.check()
	for name, c := range rows {
		if !c.OK {
			t.Errorf("%s: %+v", name, c)
		}
	}
	for _, want := range []string{"bot token", "app token", "scope chat:write", "channel #incidents", "channel #oncall", "channel " + r.ids["#platform"], "user groups"} {
		if _, ok := rows[want]; !ok {
			t.Errorf("%s was not tried", want)
		}
	}
}

func TestCheckWaitsWhereSlackAsksForIt(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	r.config.Channels = []string{"#incidents"}
	for _, method := range []string{"auth.test", "apps.connections.open", "conversations.list", "conversations.info", "usergroups.list"} {
		r.must(r.control.Fault(t.Context(), slack.Fault{Method: method, Kind: "ratelimit", RetryAfter: 1, Count: 1}))
	}
	for name, c := range r.check() {
		if !c.OK {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

func TestCheckFindsWhatIsMissing(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		harm  func(r *rig) error
		row   string
		level engine.CheckLevel
		found string
	}{
		{
			"scope", func(r *rig) error { return r.control.Scopes(r.t.Context(), []string{"files:write"}, nil) },
			"scope files:write", engine.CheckFail, "not granted",
		},
		{
			"user groups", func(r *rig) error { return r.control.Scopes(r.t.Context(), []string{"usergroups:read"}, nil) },
			"user groups", engine.CheckWarn, "missing_scope",
		},
		{
			"guests", func(r *rig) error { return r.control.Scopes(r.t.Context(), []string{"users:read"}, nil) },
			"guests", engine.CheckWarn, "missing_scope",
		},
		{
			"bot token", func(r *rig) error { return r.control.Token(r.t.Context(), "revoke", "bot") },
			"bot token", engine.CheckFail, "token_revoked",
		},
		{
			"app token", func(r *rig) error { return r.control.Token(r.t.Context(), "revoke", "app") },
			"app token", engine.CheckFail, "token_revoked",
		},
		{"archived channel", func(r *rig) error {
			_, err := r.control.Channel(r.t.Context(), "archive", "incidents", "")
			return err
		}, "channel #incidents", engine.CheckWarn, "archived"},
		{"archived fallback", func(r *rig) error {
			_, err := r.control.Channel(r.t.Context(), "archive", "oncall", "")
			return err
		}, "channel #oncall", engine.CheckFail, "archived"},
		{"not a member", func(r *rig) error {
			_, err := r.control.Channel(r.t.Context(), "kick", "incidents", "")
			return err
		}, "channel #incidents", engine.CheckWarn, "not a member"},
		{"no such channel", func(r *rig) error {
			_, err := r.control.Channel(r.t.Context(), "rename", "incidents", "outages")
			return err
		}, "channel #incidents", engine.CheckWarn, "no channel #incidents"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, slack.Config{})
			r.config.Channels = []string{"#incidents"}
			r.must(tt.harm(r))
			got := r.check()[tt.row]
			if got.OK || got.Level != tt.level || !strings.Contains(got.Found, tt.found) {
				t.Errorf("row %+v, want level %s and %q found", got, tt.level, tt.found)
			}
		})
	}
}

// manifest is the part of deploy/slack/manifest.yaml that the bot depends on.
type manifest struct {
	Features struct {
		AppHome struct {
			Home     bool `yaml:"home_tab_enabled"`
			Messages bool `yaml:"messages_tab_enabled"` // or chat.postMessage to a person answers messages_tab_disabled
			ReadOnly bool `yaml:"messages_tab_read_only_enabled"`
		} `yaml:"app_home"`
		Commands []struct {
			Command string `yaml:"command"`
		} `yaml:"slash_commands"`
	} `yaml:"features"`
	OAuth struct {
		Scopes struct {
			Bot []string `yaml:"bot"`
		} `yaml:"scopes"`
	} `yaml:"oauth_config"`
	Settings struct {
		Events struct {
			Bot []string `yaml:"bot_events"`
		} `yaml:"event_subscriptions"`
		Interactivity struct {
			Enabled bool `yaml:"is_enabled"`
		} `yaml:"interactivity"`
		SocketMode bool `yaml:"socket_mode_enabled"`
	} `yaml:"settings"`
}

func TestManifestAsksForExactlyWhatIsUsed(t *testing.T) {
	data, err := os.ReadFile("../deploy/slack/manifest.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var m manifest
	if err := yaml.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	if got, want := m.OAuth.Scopes.Bot, scopes(); !slices.Equal(got, want) {
		t.Errorf("the manifest asks for the scopes %v, the bot for %v", got, want)
	}
	if got := m.Settings.Events.Bot; !slices.Equal(got, []string{"app_home_opened"}) {
		t.Errorf("the manifest subscribes to %v", got)
	}
	if !m.Settings.SocketMode || !m.Settings.Interactivity.Enabled || !m.Features.AppHome.Home {
		t.Errorf("Socket Mode, interactivity or the Home tab is off: %+v", m)
	}
	if !m.Features.AppHome.Messages || !m.Features.AppHome.ReadOnly {
		t.Errorf("files cannot be sent to a person, or people may write to who does not listen: %+v", m.Features.AppHome)
	}
	if len(m.Features.Commands) != 1 || m.Features.Commands[0].Command != "/autopilot" {
		t.Errorf("slash commands %+v", m.Features.Commands)
	}
}

// TestScopesAreEnough runs the whole of what the bot does with nothing but the scopes that it asks for: a call that needs
// another one would be refused. Every test of this package runs so; this one looks for the refusals.
func TestScopesAreEnough(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	r.config.Channels = []string{"#incidents"}
	r.start()
	r.posted()
	r.check()
	for _, c := range []string{"usergroups.list", "conversations.list", "conversations.info", "chat.postMessage"} {
		calls := r.calls(c)
		if len(calls) == 0 {
			t.Errorf("%s was not called", c)
		}
		for _, call := range calls {
			if call.Error == "missing_scope" {
				t.Errorf("%s needs a scope that the bot does not ask for", c)
			}
		}
	}
}
