package bot

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/slack-go/slack"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	groupsKeep   = time.Minute // a person taken out of a group loses its rights within this time
	channelsKeep = 10 * time.Minute
	missesKeep   = 30 * time.Second // a channel that was not found is looked for again
	peopleKeep   = 10 * time.Minute // who was made a guest loses its rights within this time
)

// directory remembers for a while who is in which user group, who is a member, and which channel has which name.
type directory struct {
	api *slack.Client
	now func() time.Time

	mu         sync.Mutex
	groups     []slack.UserGroup
	groupsAt   time.Time
	channels   map[string]string // id by name
	channelsAt time.Time
	people     map[string]person // by Slack user
}

// person is whether somebody was a full member of the workspace, and when.
type person struct {
	member bool
	at     time.Time
}

// Groups gives the user groups that a Slack user is in: the id and the handle of each. The answer is at most a minute old.
// It fails with Unavailable while Slack does not tell, and with Forbidden when the app may never know.
func (b *Bot) Groups(ctx context.Context, user string) ([]string, error) {
	groups, err := b.directory.usergroups(ctx)
	switch kind := classify(err).kind; {
	case err == nil:
	case kind == notPermitted || kind == refusedCall:
		return nil, engine.Wrap(engine.Forbidden, err, "Slack does not let the bot read user groups; run `autopilot doctor`")
	default:
		return nil, engine.Wrap(engine.Unavailable, err, "Slack does not say at the moment which user groups you are in")
	}
	var in []string
	for _, g := range groups {
		for _, u := range g.Users {
			if u == user {
				in = append(in, g.ID, g.Handle)
			}
		}
	}
	return in, nil
}

// Member tells whether a Slack user is a full member of the workspace that the bot is in: neither a guest, nor of another workspace that
// shares a channel with it, nor gone. The answer is at most ten minutes old. It fails as Groups does.
func (b *Bot) Member(ctx context.Context, user string) (bool, error) {
	who := b.self.Load()
	var err error
	if who == nil {
		who, err = b.whoAmI(ctx)
	}
	is := false
	if err == nil {
		is, err = b.directory.member(ctx, user, who.team)
	}
	switch kind := classify(err).kind; {
	case err == nil:
		return is, nil
	case kind == notPermitted || kind == refusedCall || kind == refusedToken:
		return false, engine.Wrap(engine.Forbidden, err, "Slack does not let the bot see who is a guest; run `autopilot doctor`")
	}
	return false, engine.Wrap(engine.Unavailable, err, "Slack does not say at the moment whether you are a member of the workspace")
}

func (d *directory) member(ctx context.Context, user, team string) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	if p, known := d.people[user]; known && now.Sub(p.at) < peopleKeep {
		return p.member, nil
	}
	u, err := d.api.GetUserInfoContext(ctx, user)
	if answer, refused := errors.AsType[slack.SlackErrorResponse](err); refused && (answer.Err == "user_not_found" || answer.Err == "user_not_visible") {
		u, err = &slack.User{IsStranger: true}, nil
	}
	if err != nil {
		return false, fmt.Errorf("users.info: %w", err)
	}
	maps.DeleteFunc(d.people, func(_ string, p person) bool { return now.Sub(p.at) >= peopleKeep })
	if d.people == nil {
		d.people = map[string]person{}
	}
	ours := u.TeamID == team || slices.Contains(u.Enterprise.Teams, team) // an organisation's people have a home elsewhere
	is := ours && !u.IsRestricted && !u.IsUltraRestricted && !u.IsStranger && !u.Deleted
	d.people[user] = person{is, now}
	return is, nil
}

func (d *directory) usergroups(ctx context.Context) ([]slack.UserGroup, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.groupsAt.IsZero() && d.now().Sub(d.groupsAt) < groupsKeep {
		return d.groups, nil
	}
	groups, err := d.api.GetUserGroupsContext(ctx, slack.GetUserGroupsOptionIncludeUsers(true))
	if err != nil {
		return nil, fmt.Errorf("usergroups.list: %w", err)
	}
	d.groups, d.groupsAt = groups, d.now()
	return groups, nil
}

var (
	channelID = regexp.MustCompile(`^[CDG][A-Z0-9]{2,}$`)
	groupID   = regexp.MustCompile(`^S[A-Z0-9]{2,}$`)
)

// ResolveChannel gives the id of a channel named "#name", "name" or by its id already. It fails with NotFound when the bot
// sees no such channel; private channels are seen only by members.
func (b *Bot) ResolveChannel(ctx context.Context, name string) (string, error) {
	if channelID.MatchString(name) {
		return name, nil
	}
	return b.directory.channel(ctx, strings.TrimPrefix(name, "#"))
}

func (d *directory) channel(ctx context.Context, name string) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	id, known := d.channels[name]
	age := d.now().Sub(d.channelsAt)
	switch {
	case known && age < channelsKeep:
		return id, nil
	case !known && d.channels != nil && age < missesKeep:
		return "", noChannel(name)
	}
	channels := map[string]string{}
	for cursor := ""; ; {
		page, next, err := d.api.GetConversationsContext(ctx, &slack.GetConversationsParameters{
			Cursor: cursor, Limit: 200, Types: []string{"public_channel", "private_channel"},
		})
		if err != nil {
			return "", fmt.Errorf("conversations.list: %w", err)
		}
		for _, c := range page {
			if _, taken := channels[c.Name]; !taken || !c.IsArchived {
				channels[c.Name] = c.ID
			}
		}
		if next == "" {
			break
		}
		cursor = next
	}
	d.channels, d.channelsAt = channels, d.now()
	if id, ok := channels[name]; ok {
		return id, nil
	}
	return "", noChannel(name)
}

func noChannel(name string) error {
	return engine.Errorf(engine.NotFound, "there is no channel #%s that the bot can see; create it, or invite the bot if it is private", name)
}

// mentions replaces the handles of user groups with ids, which is how Slack wants them named. An unknown handle stays as text.
func (b *Bot) mentions(ctx context.Context, wanted []engine.Mention) []engine.Mention {
	out := make([]engine.Mention, 0, len(wanted))
	for _, m := range wanted {
		if m.Group != "" && !groupID.MatchString(m.Group) {
			m.Group = b.groupByHandle(ctx, strings.TrimPrefix(m.Group, "@"))
		}
		out = append(out, m)
	}
	return out
}

func (b *Bot) groupByHandle(ctx context.Context, handle string) string {
	groups, err := b.directory.usergroups(ctx)
	if err != nil {
		b.log.WarnContext(ctx, "slack user groups could not be read; a mention stays plain text", "group", handle, "error", explain(err))
		return handle
	}
	for _, g := range groups {
		if g.Handle == handle {
			return g.ID
		}
	}
	return handle
}
