package slack_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/eks-autopilot/autopilot/test/slack"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs a workspace until the test ends.
func start(t *testing.T, cfg slack.Config) *slack.Server {
	t.Helper()
	s := slack.New(cfg)
	if err := s.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Stop()
		http.DefaultClient.CloseIdleConnections()
	})
	return s
}

// took fails the test when something a person did was not taken by the app.
func took(t *testing.T) func(slack.Outcome, error) {
	t.Helper()
	return func(out slack.Outcome, err error) {
		t.Helper()
		if err != nil || !out.OK {
			t.Fatalf("outcome %+v, %v", out, err)
		}
	}
}

func values(block, action, value string) map[string]map[string]slack.Block {
	return map[string]map[string]slack.Block{block: {action: {"value": value}}}
}

// texts are what user reads in a channel, oldest first.
func texts(t *testing.T, s *slack.Server, channel, user string) []string {
	t.Helper()
	msgs, err := s.Control().Messages(t.Context(), channel, user)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range msgs {
		out = append(out, m.Text)
	}
	return out
}

func lastText(t *testing.T, s *slack.Server, channel string) string {
	t.Helper()
	all := texts(t, s, channel, "")
	if len(all) == 0 {
		return ""
	}
	return all[len(all)-1]
}

// eventually waits on the server's own feed until done holds.
func eventually(t *testing.T, s *slack.Server, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	err := s.Control().WaitFor(ctx, func(context.Context) (bool, error) { return done(), nil })
	if err != nil {
		t.Fatalf("waiting for %s: %v", what, err)
	}
}

// clock is a time that the test moves.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Unix(1_790_000_000, 0)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}
