package slack_test

import (
	"strings"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/test/slack"
)

func say(s *slack.Server, channel, text string) (answer, error) {
	return tryPost(s.APIURL()+"chat.postMessage", s.BotToken(), "application/json",
		`{"channel":"`+channel+`","text":"`+text+`"}`)
}

func TestFaults(t *testing.T) {
	s := start(t, slack.Config{})
	arm := func(f slack.Fault) {
		t.Helper()
		if err := s.Control().ClearFaults(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.Control().Fault(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("error, counted, in one channel", func(t *testing.T) {
		arm(slack.Fault{Method: "chat.postMessage", Channel: "incidents", Kind: "error", Error: "fatal_error", Count: 1})
		for i, c := range []struct{ channel, want string }{{"C01FINOPS", ""}, {"C01INCIDENTS", "fatal_error"}, {"C01INCIDENTS", ""}} {
			if a, err := say(s, c.channel, "x"); err != nil || a.err() != c.want {
				t.Errorf("call %d: %v, %v; want %q", i, a.body, err, c.want)
			}
		}
	})
	t.Run("http500", func(t *testing.T) {
		arm(slack.Fault{Kind: "http500", Count: 1})
		if a, err := say(s, "C01ONCALL", "x"); err != nil || a.status != 500 {
			t.Errorf("HTTP %d, %v", a.status, err)
		}
	})
	t.Run("drop after accept", func(t *testing.T) {
		arm(slack.Fault{Method: "chat.postMessage", Kind: "drop_after_accept", Count: 1})
		if a, err := say(s, "C01PLATFORM", "twice?"); err == nil {
			t.Errorf("an answer came: %v", a.body)
		}
		if got := texts(t, s, "platform", ""); len(got) != 1 {
			t.Errorf("messages %q, want the one whose answer was lost", got)
		}
	})
	t.Run("timeout", func(t *testing.T) {
		arm(slack.Fault{Kind: "timeout", DelayMS: 50, Count: 1})
		if a, err := say(s, "C01PAYMENTS", "x"); err == nil {
			t.Errorf("an answer came: %v", a.body)
		}
		if got := texts(t, s, "payments", ""); len(got) != 0 {
			t.Errorf("messages %q, want none", got)
		}
	})
	t.Run("delay", func(t *testing.T) {
		arm(slack.Fault{Kind: "delay", DelayMS: 60, Count: 1})
		before := time.Now()
		if a, err := say(s, "C01PAYMENTS", "x"); err != nil || a.err() != "" || time.Since(before) < 60*time.Millisecond {
			t.Errorf("%v, %v after %s", a.body, err, time.Since(before))
		}
	})
	t.Run("unknown", func(t *testing.T) {
		if s.Control().Fault(t.Context(), slack.Fault{Kind: "gremlin"}) == nil || s.Control().Fault(t.Context(), slack.Fault{Kind: "error"}) == nil {
			t.Error("taken")
		}
	})
	calls, err := s.Control().Calls(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	var log []string
	for _, c := range calls {
		if c.Fault != "" {
			log = append(log, c.Fault)
		}
	}
	if got := strings.Join(log, " "); got != "error http500 drop_after_accept timeout delay" {
		t.Errorf("logged faults %s", got)
	}
}

func TestRateLimits(t *testing.T) {
	clock := newClock()
	s := start(t, slack.Config{Now: clock.now})
	storm := func(channel string) (sent int) {
		for range 10 {
			a, err := say(s, channel, "x")
			if err != nil {
				t.Fatal(err)
			}
			if a.status == 429 {
				if a.header.Get("Retry-After") != "1" || a.err() != "ratelimited" {
					t.Errorf("429 with %v, %v", a.header, a.body)
				}
				return sent
			}
			sent++
		}
		return sent
	}
	if n := storm("C01INCIDENTS"); n != 4 {
		t.Errorf("%d messages passed at once, want the burst of 4", n)
	}
	if n := storm("C01FINOPS"); n != 4 {
		t.Errorf("%d messages passed in another channel, want 4", n)
	}
	clock.add(time.Second)
	if n := storm("C01INCIDENTS"); n != 1 {
		t.Errorf("%d messages passed a second later, want 1", n)
	}
	if got := violations(t, s); len(got) != 0 {
		t.Errorf("violations %v of a caller that waits", got)
	}
	if n := storm("C01INCIDENTS"); n != 0 || strings.Join(violations(t, s), "") != "early_retry" {
		t.Errorf("%d passed without waiting, violations %v", n, violations(t, s))
	}

	if err := s.Control().Fault(t.Context(), slack.Fault{Method: "chat.update", Kind: "ratelimit", RetryAfter: 7, Count: 1}); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		add  time.Duration
		want int
	}{{0, 429}, {6 * time.Second, 429}, {time.Second, 200}} {
		clock.add(step.add)
		if a := call(t, s, "chat.update", params{"channel": "C404"}); a.status != step.want {
			t.Errorf("after %s more: HTTP %d, want %d", step.add, a.status, step.want)
		}
	}
}
