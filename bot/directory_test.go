package bot_test

import (
	"slices"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/bot"
	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/test/slack"
)

func TestGroupsAreRememberedForAMinute(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	now := time.Unix(1e9, 0)
	r.config.Now = func() time.Time { return now }
	b := bot.New(r.config, r.inbox, r.outbox, r.content, r.handler)
	got, err := b.Groups(t.Context(), r.ids["ana"])
	want := []string{r.groups["oncall"], "oncall", r.groups["platform"], "platform"}
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("groups %v, %v; want %v", got, err, want)
	}
	if got, err := b.Groups(t.Context(), r.ids["eve"]); err != nil || len(got) != 0 {
		t.Errorf("eve is in %v, %v", got, err)
	}
	if n := len(r.calls("usergroups.list")); n != 1 {
		t.Errorf("%d calls within a minute", n)
	}
	now = now.Add(61 * time.Second)
	if _, err := b.Groups(t.Context(), r.ids["ana"]); err != nil {
		t.Fatal(err)
	}
	if n := len(r.calls("usergroups.list")); n != 2 {
		t.Errorf("%d calls after a minute, want a second one", n)
	}
	r.must(r.control.Fault(t.Context(), slack.Fault{Method: "usergroups.list", Kind: "http500"}))
	now = now.Add(61 * time.Second)
	if _, err := b.Groups(t.Context(), r.ids["ana"]); engine.CodeOf(err) != engine.Unavailable {
		t.Errorf("error %v, want unavailable: an old answer must not grant rights", err)
	}
	r.must(r.control.ClearFaults(t.Context()))
	r.must(r.control.Fault(t.Context(), slack.Fault{Method: "usergroups.list", Kind: "error", Error: "missing_scope"}))
	if _, err := b.Groups(t.Context(), r.ids["ana"]); engine.CodeOf(err) != engine.Forbidden {
		t.Errorf("error %v, want forbidden: it does not help to try again", err)
	}
}

func TestWhoIsAMember(t *testing.T) {
	t.Parallel()
	people := []slack.User{{Name: "ana"}, {Name: "gil", IsGuest: true}, {Name: "sam", Team: "T0OTHER"}}
	r := newRig(t, slack.Config{Users: people, Groups: []slack.Usergroup{}})
	now := time.Unix(1e9, 0)
	r.config.Now = func() time.Time { return now }
	b := bot.New(r.config, r.inbox, r.outbox, r.content, r.handler)
	for range 2 {
		for user, want := range map[string]bool{r.ids["ana"]: true, r.ids["gil"]: false, r.ids["sam"]: false, "U404": false} {
			if got, err := b.Member(t.Context(), user); err != nil || got != want {
				t.Errorf("%s is a member: %t, %v", user, got, err)
			}
		}
	}
	if n := len(r.calls("users.info")); n != 4 {
		t.Errorf("%d calls for four people", n)
	}
	now = now.Add(10 * time.Minute)
	for fault, want := range map[slack.Fault]engine.Code{
		{Method: "users.info", Kind: "http500"}:                       engine.Unavailable,
		{Method: "users.info", Kind: "error", Error: "missing_scope"}: engine.Forbidden,
	} {
		r.must(r.control.Fault(t.Context(), fault))
		if is, err := b.Member(t.Context(), r.ids["ana"]); is || engine.CodeOf(err) != want {
			t.Errorf("%s: %t, %v; an old answer must not grant rights", fault.Error, is, err)
		}
		r.must(r.control.ClearFaults(t.Context()))
	}
}

func TestResolveChannel(t *testing.T) {
	t.Parallel()
	var channels []slack.Channel
	for n := range 450 { // three pages
		channels = append(channels, slack.Channel{Name: "team-" + string(rune('a'+n/26%26)) + string(rune('a'+n%26)) + time.Duration(n).String(), BotIsMember: true})
	}
	channels = append(channels, slack.Channel{Name: "last", BotIsMember: true})
	r := newRig(t, slack.Config{Channels: channels})
	now := time.Unix(1e9, 0)
	r.config.Now = func() time.Time { return now }
	b := bot.New(r.config, r.inbox, r.outbox, r.content, r.handler)
	for _, name := range []string{"#last", "last", r.ids["#last"]} {
		if got, err := b.ResolveChannel(t.Context(), name); err != nil || got != r.ids["#last"] {
			t.Errorf("%s is %q, %v; want %q", name, got, err, r.ids["#last"])
		}
	}
	asked := len(r.calls("conversations.list"))
	for range 3 {
		if _, err := b.ResolveChannel(t.Context(), "#nowhere"); engine.CodeOf(err) != engine.NotFound {
			t.Errorf("error %v, want not_found", err)
		}
	}
	if n := len(r.calls("conversations.list")); n != asked {
		t.Errorf("%d more calls for a channel that was just not there", n-asked)
	}
	now = now.Add(time.Minute)
	if _, err := r.control.Channel(t.Context(), "create", "", "nowhere"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.ResolveChannel(t.Context(), "#nowhere"); err != nil {
		t.Errorf("a new channel is not found: %v", err)
	}
}
