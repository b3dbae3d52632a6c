package slack_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/test/slack"
)

func TestState(t *testing.T) {
	s := start(t, slack.Config{})
	took(t)(s.Control().Say(t.Context(), "ana", "general", "hello", ""))
	st, err := s.Control().State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(st.Channels) != 6 || len(st.Users) != 6 || len(st.Usergroups) != 3 || st.Commands[0].Command != "/autopilot" {
		t.Errorf("state %+v", st)
	}
	for _, c := range st.Channels {
		if (c.MessageCount == 1) != (c.Name == "general") || (c.LastTS != "") != (c.Name == "general") || c.BotIsMember == (c.Name == "general") {
			t.Errorf("channel %+v", c)
		}
	}
	for _, u := range st.Users {
		if u.Name == "ana" && strings.Join(u.Groups, " ") != "oncall platform" || u.Name == "eve" && len(u.Groups) != 0 {
			t.Errorf("user %+v", u)
		}
	}
}

func TestChannelActs(t *testing.T) {
	s := start(t, slack.Config{})
	ctl := s.Control()
	for _, step := range []struct {
		action, channel, name string
		check                 func(slack.Channel) bool
	}{
		{"create", "", "war-room", func(c slack.Channel) bool { return c.ID == "C01WARROOM" && !c.BotIsMember }},
		{"invite", "war-room", "", func(c slack.Channel) bool { return c.BotIsMember }},
		{"rename", "war-room", "calm-room", func(c slack.Channel) bool { return c.Name == "calm-room" }},
		{"archive", "calm-room", "", func(c slack.Channel) bool { return c.IsArchived }},
		{"unarchive", "calm-room", "", func(c slack.Channel) bool { return !c.IsArchived }},
		{"kick", "calm-room", "", func(c slack.Channel) bool { return !c.BotIsMember && len(c.Members) == 5 }},
	} {
		c, err := ctl.Channel(t.Context(), step.action, step.channel, step.name)
		if err != nil || !step.check(c) {
			t.Errorf("%s: %+v, %v", step.action, c, err)
		}
	}
	for _, bad := range [][3]string{{"create", "", "incidents"}, {"create", "", "No Spaces"}, {"archive", "nowhere", ""}, {"paint", "incidents", ""}} {
		if _, err := ctl.Channel(t.Context(), bad[0], bad[1], bad[2]); err == nil {
			t.Errorf("%v was done", bad)
		}
	}
}

func TestActRefusals(t *testing.T) {
	s := start(t, slack.Config{})
	for path, body := range map[string]string{
		"message": `{"user":"zoe","channel":"incidents","text":"x"}`,
		"command": `{"user":"ana","channel":"nowhere","text":"/autopilot x"}`,
		"home":    `{"user":"zoe"}`,
		"join":    `{"user":"ana","channel":"nowhere"}`,
		"react":   `{"user":"ana","channel":"incidents","ts":"1.000000","name":"eyes"}`,
		"close":   `{"user":"ana","view_id":"V404"}`,
	} {
		a := post(t, s.URL()+"/_control/act/"+path, "", "application/json", body)
		if a.status != 404 || a.err() == "" {
			t.Errorf("%s: HTTP %d %v", path, a.status, a.body)
		}
	}
	if a := post(t, s.URL()+"/_control/act/message", "", "application/json", "{"); a.status != 400 {
		t.Errorf("broken JSON: HTTP %d", a.status)
	}
	if out, err := s.Control().Say(t.Context(), "ana", "incidents", " ", ""); err != nil || out.OK {
		t.Errorf("a blank message: %+v, %v", out, err)
	}
}

func TestUsergroupsChange(t *testing.T) {
	s := start(t, slack.Config{})
	ctl := s.Control()
	members := func() (all []string) {
		state, err := ctl.State(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range state.Users {
			if slices.Contains(u.Groups, "finops") {
				all = append(all, u.Name)
			}
		}
		return all
	}
	for _, c := range []struct {
		user  string
		leave bool
		want  []string
	}{{"eve", false, []string{"dev", "eve"}}, {"eve", false, []string{"dev", "eve"}}, {"dev", true, []string{"eve"}}, {"dev", true, []string{"eve"}}} {
		if err := ctl.Usergroup(t.Context(), "finops", c.user, c.leave); err != nil {
			t.Fatal(err)
		}
		if got := members(); !slices.Equal(got, c.want) {
			t.Errorf("%s, leave %v: finops has %q, want %q", c.user, c.leave, got, c.want)
		}
	}
	if ctl.Usergroup(t.Context(), "finops", "zoe", false) == nil || ctl.Usergroup(t.Context(), "nobody", "eve", false) == nil {
		t.Error("a stranger joined, or a group that is not there was joined")
	}
}

func TestReset(t *testing.T) {
	s := start(t, slack.Config{})
	ctl := s.Control()
	took(t)(ctl.Say(t.Context(), "ana", "incidents", "hello", ""))
	for _, err := range []error{
		ctl.Fault(t.Context(), slack.Fault{Kind: "http500"}), ctl.Token(t.Context(), "revoke", ""),
		ctl.Scopes(t.Context(), []string{"chat:write"}, nil), ctl.Reset(t.Context()),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(t, call(t, s, "chat.postMessage", params{"channel": "C01INCIDENTS", "text": "fresh"}))
	if got := texts(t, s, "incidents", ""); len(got) != 1 || got[0] != "fresh" {
		t.Errorf("messages %q", got)
	}
}

func TestWaitForSeesEveryChange(t *testing.T) {
	s := start(t, slack.Config{RateScale: 1000})
	stop := errors.New("stop")
	looked := make(chan int, 100)
	done := make(chan error)
	go func() {
		n := 0
		done <- s.Control().WaitFor(t.Context(), func(context.Context) (bool, error) {
			n++
			looked <- n
			if n == 4 {
				return false, stop
			}
			return false, nil
		})
	}()
	<-looked
	for range 3 {
		must(t, call(t, s, "chat.postMessage", params{"channel": "C01INCIDENTS", "text": "x"}))
		<-looked
	}
	if err := <-done; !errors.Is(err, stop) {
		t.Errorf("WaitFor ended with %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Control().WaitFor(ctx, func(context.Context) (bool, error) { return false, nil }); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("WaitFor without a change ended with %v", err)
	}
}

func TestStopEndsListeners(t *testing.T) {
	s := start(t, slack.Config{})
	connect(t, s)
	done := make(chan error)
	ready := make(chan bool, 1)
	go func() {
		done <- s.Control().WaitFor(t.Context(), func(context.Context) (bool, error) { ready <- true; return false, nil })
	}()
	<-ready
	s.Stop()
	if err := <-done; err == nil {
		t.Error("WaitFor ended well after Stop")
	}
	s.Stop() // a second one does no harm
}

func TestHandlerAndPage(t *testing.T) {
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "the page") })
	for want, cfg := range map[string]slack.Config{"the page": {Page: page}, "Acme Shop": {}} {
		s := slack.New(cfg)
		srv := httptest.NewServer(s.Handler())
		res, err := srv.Client().Get(srv.URL + "/")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || !strings.Contains(string(body), want) || s.URL() != srv.URL {
			t.Errorf("/ = %q, %v at %s; want %q", body, err, s.URL(), want)
		}
		srv.Close()
		s.Stop()
	}
}
