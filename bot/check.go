package bot

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/eks-autopilot/autopilot/engine"
)

const area = "slack"

// Scope is one permission of the bot token, and what would not work without it.
type Scope struct {
	Name string
	For  string
}

// Scopes are the permissions that the bot token needs; deploy/slack/manifest.yaml asks for exactly these.
func Scopes() []Scope {
	return []Scope{
		{"channels:history", "finding a message again after a crash instead of posting it twice"},
		{"channels:read", "finding channels by name"},
		{"chat:write", "posting incidents"},
		{"commands", "/autopilot"},
		{"files:read", "finding an uploaded file again"},
		{"files:write", "texts that are too long for a message"},
		{"groups:history", "the same as channels:history, in private channels"},
		{"groups:read", "finding private channels that the bot is in"},
		{"usergroups:read", "roles and mentions by user group"},
		{"users:read", "telling members from guests and people of other workspaces, who are not `everyone`"},
	}
}

// Check tries everything that the bot needs of Slack: both tokens, each scope, and each configured channel.
func (b *Bot) Check(ctx context.Context) []engine.Check {
	checks := b.checkBotToken(ctx)
	checks = append(checks, b.checkAppToken(ctx))
	if !checks[0].OK {
		return checks // nothing below can say more
	}
	channels := slices.Clone(b.cfg.Channels)
	if b.cfg.Fallback != "" {
		channels = append(channels, b.cfg.Fallback)
	}
	slices.Sort(channels)
	for _, name := range slices.Compact(channels) {
		checks = append(checks, b.checkChannel(ctx, name))
	}
	if err := patiently(ctx, func() error { _, err := b.Groups(ctx, "U0"); return err }); err != nil {
		checks = append(checks, engine.Missed("slack-user-groups", engine.CheckWarn, area, "user groups", explain(err), "a list of user groups",
			"add the scope usergroups:read and reinstall the app; until then only roles by person work"))
	} else {
		checks = append(checks, engine.Passed(area, "user groups", "can be read"))
	}
	if err := patiently(ctx, func() error { _, err := b.Member(ctx, "U0"); return err }); err != nil {
		checks = append(checks, engine.Missed("slack-guests", engine.CheckWarn, area, "guests", explain(err), "to see who is one",
			"add the scope users:read and reinstall the app; until then nobody counts as everyone"))
	} else {
		checks = append(checks, engine.Passed(area, "guests", "can be told from members"))
	}
	return checks
}

func (b *Bot) checkBotToken(ctx context.Context) []engine.Check {
	var who *identity
	var header http.Header
	err := patiently(ctx, func() (err error) { who, header, err = b.authTest(ctx); return err })
	if err != nil {
		return []engine.Check{engine.Missed("slack-bot-token", engine.CheckFail, area, "bot token", explain(err), "a token that Slack accepts",
			"install the app and copy the xoxb- token from OAuth & Permissions")}
	}
	b.self.CompareAndSwap(nil, who)
	checks := []engine.Check{engine.Passed(area, "bot token", "accepted by "+who.url)}
	var granted []string
	for s := range strings.SplitSeq(header.Get("X-OAuth-Scopes"), ",") {
		granted = append(granted, strings.TrimSpace(s))
	}
	for _, s := range Scopes() {
		name := "scope " + s.Name
		if slices.Contains(granted, s.Name) {
			checks = append(checks, engine.Passed(area, name, "granted"))
			continue
		}
		checks = append(checks, engine.Missed("slack-scope", engine.CheckFail, area, name, "not granted", "needed for "+s.For,
			"paste deploy/slack/manifest.yaml into App Manifest and reinstall the app"))
	}
	return checks
}

func (b *Bot) checkAppToken(ctx context.Context) engine.Check {
	if err := patiently(ctx, func() error { _, _, err := b.api.StartSocketModeContext(ctx); return err }); err != nil {
		return engine.Missed("slack-app-token", engine.CheckFail, area, "app token", explain(err), "a token that opens sockets",
			"make an xapp- token with connections:write in Basic Information, and switch Socket Mode on")
	}
	return engine.Passed(area, "app token", "opens sockets")
}

func (b *Bot) checkChannel(ctx context.Context, name string) engine.Check {
	row := "channel " + name
	miss := func(found, fix string) engine.Check {
		level := engine.CheckWarn
		fix += "; until then its incidents are told in " + b.cfg.Fallback
		if b.cfg.Fallback == "" || b.cfg.Fallback == name {
			level = engine.CheckFail
			fix, _, _ = strings.Cut(fix, ";")
		}
		return engine.Missed("slack-channel", level, area, row, found, "a channel that the bot is a member of", fix)
	}
	var id string
	err := patiently(ctx, func() (err error) { id, err = b.ResolveChannel(ctx, name); return err })
	if err != nil {
		return miss(explain(err), "create it, or invite the bot if it is private")
	}
	var c *slack.Channel
	err = patiently(ctx, func() (err error) {
		c, err = b.api.GetConversationInfoContext(ctx, &slack.GetConversationInfoInput{ChannelID: id})
		return err
	})
	switch {
	case err != nil:
		return miss(explain(err), "invite the bot: /invite @autopilot in "+name)
	case c.IsArchived:
		return miss("archived", "unarchive it or route to another channel")
	case !c.IsMember:
		return miss("the bot is not a member", "invite the bot: /invite @autopilot in "+name)
	}
	return engine.Passed(area, row, fmt.Sprintf("member of %s", id))
}

// patiently asks, and asks again as long as Slack says only that it is asked too often: a busy workspace is no fault to be found.
// It gives up when the wait would be longer than the context lasts.
func patiently(ctx context.Context, ask func() error) error {
	for {
		err := ask()
		if err == nil {
			return nil
		}
		p := classify(err)
		if p.kind != slowDown {
			return err
		}
		if until, limited := ctx.Deadline(); limited && time.Until(until) < p.wait {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(p.wait):
		}
	}
}
