package bot_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/bot"
	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/test/slack"
)

// watchReady fails the test when the bot is ever not ready until the returned function is called.
func watchReady(t *testing.T, b *bot.Bot) (end func()) {
	t.Helper()
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				if err := b.Ready(); err != nil {
					t.Errorf("not ready: %v", err)
					return
				}
			}
		}
	}()
	return func() { close(stop); <-done }
}

// TestBothSocketsObeyOneRefusal: Slack limits the method for the app, whichever socket asks.
func TestBothSocketsObeyOneRefusal(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	r.start()
	r.must(r.control.Fault(t.Context(), slack.Fault{Method: "apps.connections.open", Kind: "ratelimit", RetryAfter: 1, Count: 1}))
	r.must(r.control.Drop(t.Context(), 0))
	r.eventually("both sockets are open again", func() bool { return r.sockets() == 2 })
	refused := 0
	for _, c := range r.calls("apps.connections.open") {
		if c.Status == 429 {
			refused++
		}
	}
	if refused != 1 {
		t.Errorf("%d calls were refused, want one", refused)
	}
	r.noViolations()
}

func (r *rig) command(text string) slack.Outcome {
	r.t.Helper()
	out, err := r.control.Command(r.t.Context(), "ana", "incidents", "/autopilot "+text)
	r.must(err)
	return out
}

func TestRefreshLeavesNoGap(t *testing.T) {
	t.Parallel()
	for _, reason := range []string{"warning", "refresh_requested"} {
		for count := range 3 { // 0 means all at once
			t.Run(fmt.Sprint(reason, count), func(t *testing.T) {
				t.Parallel()
				r := newRig(t, slack.Config{RefreshNotice: 2 * time.Second, AckTimeout: patience})
				b, _ := r.start()
				end := watchReady(t, b)
				r.must(r.control.Disconnect(t.Context(), reason, count))
				// When every socket is on its way out, Slack itself has nowhere to send a payload until the next one is open.
				taken := reason == "warning" || count == 1
				told, n := 2, 0
				if count == 1 {
					told = 1
				}
				r.eventually("there are two new sockets, and a command is taken", func() bool {
					n++
					out := r.command(fmt.Sprint("status ", n))
					if !out.OK && taken {
						t.Errorf("command %d: %+v", n, out)
					}
					taken = taken || out.OK
					return taken && len(r.calls("apps.connections.open")) == 2+told && r.sockets() == 2
				})
				end()
				r.noViolations()
			})
		}
	}
}

func TestBrokenAndDeafSocketsAreReplaced(t *testing.T) {
	t.Parallel()
	tests := map[string]func(r *rig) error{
		"dropped": func(r *rig) error { return r.control.Drop(r.t.Context(), 1) },
		"deaf":    func(r *rig) error { return r.control.Deafen(r.t.Context(), 1) },
	}
	for name, harm := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, slack.Config{AckTimeout: time.Second})
			r.config.Timing.Deaf = 3 * time.Second // thirty pings
			b, _ := r.start()
			end := watchReady(t, b)
			defer end()
			r.must(harm(r))
			// Each payload goes to a random socket: many in a row arrive only when none is broken.
			r.eventually("payloads arrive again", func() bool {
				for range 20 {
					if !r.command("status").OK {
						return false
					}
				}
				return true
			})
		})
	}
}

func TestIdleSocketsStay(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	r.config.Timing.Deaf = 3 * time.Second // thirty pings
	b, _ := r.start()
	end := watchReady(t, b)
	time.Sleep(4 * time.Second)
	end()
	if n := len(r.calls("apps.connections.open")); n != 2 {
		t.Errorf("%d sockets were opened; a ping is a sign of life", n)
	}
}

func TestAllSocketsBreak(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	b, _ := r.start()
	r.must(r.control.Drop(t.Context(), 0))
	r.eventually("the bot is ready again", func() bool { return b.Ready() == nil && r.sockets() == 2 && b.Sockets() == 2 })
	if out := r.command("status"); !out.OK {
		t.Errorf("after the break: %+v", out)
	}
}

// TestSocketsShareTheirLimit: what Slack tells one socket's opening holds for the other's.
func TestSocketsShareTheirLimit(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	r.must(r.control.Fault(t.Context(), slack.Fault{Method: "apps.connections.open", Kind: "ratelimit", RetryAfter: 1, Count: 1}))
	r.start()
	r.eventually("both sockets are open", func() bool { return r.sockets() == 2 })
	r.noViolations()
}

func TestWhatCannotBeStoredIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{AckTimeout: 2 * time.Second})
	r.start()
	r.inbox.setDown(true)
	if out := r.command("status"); out.OK || out.Error == "" {
		t.Errorf("a command that was not stored: %+v, want Slack's own error", out)
	}
	if commands, _, _, _ := r.handler.asked(); commands != 0 {
		t.Errorf("%d commands were handled without being stored", commands)
	}
	r.inbox.setDown(false)
	if out := r.command("status"); !out.OK {
		t.Errorf("once the store is back: %+v", out)
	}
	r.noViolations("no_ack")
}

func TestEventRetriesAreHandledOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	r.start()
	if out, err := r.control.OpenHome(t.Context(), "ana"); err != nil || !out.OK {
		t.Fatalf("%+v, %v", out, err)
	}
	r.eventually("the Home tab is told", func() bool { _, _, _, homes := r.handler.asked(); return homes == 1 })
	r.must(r.control.Redeliver(t.Context(), 1))
	r.eventually("the retry was delivered", func() bool { return len(r.calls("socket:events_api")) == 2 })
	r.command("status") // the retry came before it
	r.eventually("nothing is left", func() bool { return r.inbox.open() == 0 })
	if _, _, _, homes := r.handler.asked(); homes != 1 {
		t.Errorf("the Home tab was told %d times", homes)
	}
	if p := r.handler.homes[0]; p.ID != r.ids["ana"] {
		t.Errorf("the Home tab of %+v", p)
	}
	r.noViolations()
}

func TestAbandonedPayloadIsHandled(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	body := fmt.Sprintf(`{"command":"/autopilot","text":" show 42 ","user_id":%q,"user_name":"ana","channel_id":%q,"trigger_id":"1.2.3"}`,
		r.ids["ana"], r.ids["#incidents"])
	// A process stored and acknowledged it, and was killed.
	left := engine.Payload{ID: "env-1", Kind: engine.PayloadSlash, Body: []byte(body), At: time.Now().Add(-time.Minute)}
	if _, err := r.inbox.Receive(t.Context(), left, -time.Second); err != nil {
		t.Fatal(err)
	}
	r.handler.command = func(c engine.Command) (engine.Reply, error) {
		if c.Text == "show 42" {
			return engine.Reply{Text: "Here is 42"}, nil
		}
		return engine.Reply{Form: &engine.Form{Name: "f", Title: "t"}}, nil
	}
	r.start()
	r.eventually("it is answered", func() bool {
		said := r.ephemeral("#incidents", "ana")
		return len(said) == 1 && said[0] == "Here is 42"
	})
	r.eventually("it is finished", func() bool { return r.inbox.open() == 0 })
	if got := r.handler.commands[0]; got.ID != "env-1" || got.By.Name != "ana" || got.Channel != r.ids["#incidents"] {
		t.Errorf("command %+v", got)
	}
}
