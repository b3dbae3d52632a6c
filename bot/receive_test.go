package bot_test

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/test/slack"
)

// posted runs the bot with the card of incident 42 in #incidents.
func (r *rig) posted() slack.Message {
	r.t.Helper()
	r.content.put(incident(42))
	r.outbox.want(card(42))
	r.eventually("the card is posted", func() bool { return r.outbox.get(engine.CardKey(42)).shown == 1 })
	return ours(r.messages("#incidents", ""), engine.CardKey(42))[0]
}

func (r *rig) press(user string, m slack.Message, action, option string) slack.Outcome {
	r.t.Helper()
	for _, b := range m.Blocks {
		elements, _ := b["elements"].([]any)
		for _, e := range elements {
			element, _ := e.(map[string]any)
			if element["action_id"] != action {
				continue
			}
			a := slack.Action{User: user, Channel: "incidents", MessageTS: m.TS, BlockID: b["block_id"].(string), ActionID: action}
			if option != "" {
				a.SelectedOption = map[string]any{"value": option}
			}
			out, err := r.control.Click(r.t.Context(), a)
			r.must(err)
			return out
		}
	}
	r.t.Fatalf("the message has no %s", action)
	return slack.Outcome{}
}

func TestClicksAreDecoded(t *testing.T) {
	t.Parallel()
	tests := []struct {
		action, option string
		want           engine.Click
	}{
		{"acknowledge", "", engine.Click{Action: "acknowledge", Value: "42"}},
		{"silence", "42:4h", engine.Click{Action: "silence", Value: "42:4h"}},
		{"verdict:right", "", engine.Click{Action: "verdict", Value: "42:right:r"}},
	}
	r := newRig(t, slack.Config{})
	r.start()
	m := r.posted()
	for n, tt := range tests {
		t.Run(tt.action, func(t *testing.T) {
			if out := r.press("ana", m, tt.action, tt.option); !out.OK {
				t.Fatalf("%+v", out)
			}
			r.eventually("it is handled", func() bool { _, clicks, _, _ := r.handler.asked(); return clicks == n+1 })
			r.handler.mu.Lock()
			got := r.handler.clicks[n]
			r.handler.mu.Unlock()
			if got.ID == "" || got.At.IsZero() {
				t.Errorf("click %+v has no id or time", got)
			}
			want := tt.want
			want.ID, want.At = got.ID, got.At
			want.By, want.Channel, want.MessageKey = engine.Person{ID: r.ids["ana"], Name: "ana"}, r.ids["#incidents"], engine.CardKey(42)
			if got != want {
				t.Errorf("click %+v, want %+v", got, want)
			}
		})
	}
	r.noViolations()
}

func TestErrorsAreToldToTheAskerAlone(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		err  error
		want string
		log  string
	}{
		{"ours", engine.Errorf(engine.Forbidden, "acknowledge needs the role responder"), "acknowledge needs the role responder", "level=INFO msg=\"slack payload was refused\""},
		{"too late", engine.Errorf(engine.Conflict, "proposal 1 is denied already"), "proposal 1 is denied already", "level=INFO msg=\"slack payload was refused\""},
		{"internal", errors.New("pq: syntax error"), "internal error, ref ", "level=ERROR msg=\"slack payload could not be handled\""},
		{"a panic", nil, "internal error, ref ", "level=ERROR msg=\"slack payload could not be handled\""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, slack.Config{})
			r.handler.click = func(engine.Click) (engine.Reply, error) {
				if tt.err == nil {
					panic("nil map")
				}
				return engine.Reply{}, tt.err
			}
			logged := make(lines, 100)
			r.config.Log = slog.New(slog.NewTextHandler(logged, nil))
			r.start()
			r.press("ana", r.posted(), "acknowledge", "")
			r.eventually("it is told", func() bool { return len(r.ephemeral("#incidents", "ana")) == 1 })
			if got := r.ephemeral("#incidents", "ana")[0]; !strings.HasPrefix(got, tt.want) || strings.Contains(got, "pq:") {
				t.Errorf("told %q, want %q", got, tt.want)
			}
			if others := r.ephemeral("#incidents", "ben"); len(others) != 0 {
				t.Errorf("ben is told %q", others)
			}
			r.eventually("it is finished", func() bool { return r.inbox.open() == 0 })
			r.eventually("it is logged", func() bool {
				select {
				case line := <-logged:
					return strings.Contains(line, tt.log)
				default:
					return false
				}
			})
		})
	}
}

// lines are those of a log, as far as they are wanted.
type lines chan string

func (l lines) Write(line []byte) (int, error) {
	select {
	case l <- string(line):
	default:
	}
	return len(line), nil
}

func TestClickIsTriedAgainWhileTheStoreIsAway(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	var late atomic.Int64
	r.config.Now = func() time.Time { return time.Now().Add(time.Duration(late.Load())) }
	var tries atomic.Int32
	r.handler.click = func(engine.Click) (engine.Reply, error) {
		n := tries.Add(1)
		if n == 3 { // the claim ends: somebody has to take it up
			late.Add(int64(quick.Claim))
			r.inbox.expire()
		}
		if n < 6 {
			return engine.Reply{}, engine.Errorf(engine.Unavailable, "the database does not answer")
		}
		return engine.Reply{Text: "Done"}, nil
	}
	r.start()
	r.press("ana", r.posted(), "acknowledge", "")
	r.eventually("it is done", func() bool { return slices.Contains(r.ephemeral("#incidents", "ana"), "Done") })
	if told := r.ephemeral("#incidents", "ana"); len(told) != 2 || !strings.Contains(told[0], "will be tried again") {
		t.Errorf("told %q; want one notice and the result", told)
	}
	r.eventually("it is finished", func() bool { return r.inbox.open() == 0 })
}

func TestClickIsTriedAgainWithinSeconds(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	r.config.Timing.Claim, r.config.Timing.Sweep = time.Hour, time.Hour
	tries := make(chan struct{}, 100)
	r.handler.click = func(engine.Click) (engine.Reply, error) {
		tries <- struct{}{}
		if len(tries) < 4 {
			return engine.Reply{}, engine.Errorf(engine.Unavailable, "Slack does not say at the moment which user groups you are in")
		}
		return engine.Reply{Text: "Done"}, nil
	}
	r.start()
	r.press("ana", r.posted(), "acknowledge", "")
	r.eventually("it is done", func() bool { return slices.Contains(r.ephemeral("#incidents", "ana"), "Done") })
	r.eventually("it is finished", func() bool { return r.inbox.open() == 0 })
}

func TestStoppingDoesNotWaitForTriesOfAClick(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	r.config.Timing.Claim, r.config.Timing.Retry = time.Hour, 2*patience
	r.handler.click = func(engine.Click) (engine.Reply, error) {
		return engine.Reply{}, engine.Errorf(engine.Unavailable, "the database does not answer")
	}
	_, stop := r.start()
	r.press("ana", r.posted(), "acknowledge", "")
	r.eventually("it was tried", func() bool { _, clicks, _, _ := r.handler.asked(); return clicks == 1 })
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	r.eventually("the bot has stopped", func() bool {
		select {
		case <-stopped:
			return true
		default:
			return false
		}
	})
	if r.inbox.open() != 1 {
		t.Error("the click is finished; want it left to whoever runs next")
	}
}

// correction is the form of the verdict "wrong".
var correction = engine.Reply{Form: &engine.Form{
	Name: "correction", Subject: "42", Title: "What was it really?", Submit: "Send",
	Fields: []engine.Field{{Name: "cause", Label: "The real cause", Multiline: true, MaxLength: 1000}},
}}

func typed(text string) map[string]map[string]slack.Block {
	return map[string]map[string]slack.Block{"cause": {"cause": {"type": "plain_text_input", "value": text}}}
}

func TestModal(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	r.handler.click = func(engine.Click) (engine.Reply, error) { return correction, nil }
	r.handler.submit = func(s engine.Submission) (engine.Reply, error) {
		if len(s.Values["cause"]) < 3 {
			return engine.Reply{Invalid: map[string]string{"cause": "Say in a few words what it was."}}, nil
		}
		return engine.Reply{Text: "Thank you."}, nil
	}
	r.start()
	r.press("ana", r.posted(), "verdict:wrong", "")
	var open []slack.View
	r.eventually("the modal is open", func() bool {
		var err error
		open, err = r.control.Views(t.Context(), "ana")
		return err == nil && len(open) == 1
	})
	out, err := r.control.Submit(t.Context(), "ana", open[0].ID, typed("x"))
	r.must(err)
	if out.ResponseAction != "errors" || out.Errors["cause"] != "Say in a few words what it was." {
		t.Errorf("a wrong field: %+v", out)
	}
	out, err = r.control.Submit(t.Context(), "ana", open[0].ID, typed("db was renamed"))
	r.must(err)
	if !out.OK || out.ResponseAction != "clear" {
		t.Errorf("a right field: %+v", out)
	}
	got := r.handler.submissions[1]
	if got.Form != "correction" || got.Subject != "42" || got.Values["cause"] != "db was renamed" || got.By.ID != r.ids["ana"] || got.ID == "" {
		t.Errorf("submission %+v", got)
	}
	r.eventually("it is answered where the button was", func() bool { return slices.Contains(r.ephemeral("#incidents", "ana"), "Thank you.") })
	r.eventually("all is finished", func() bool { return r.inbox.open() == 0 })
	r.noViolations()
}

func TestModalWhoseAnswerIsLateIsAcknowledgedInTime(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	var late atomic.Int64
	r.config.Now = func() time.Time { return time.Now().Add(time.Duration(late.Load())) }
	r.handler.click = func(engine.Click) (engine.Reply, error) { return correction, nil }
	release := make(chan struct{})
	r.handler.submit = func(engine.Submission) (engine.Reply, error) {
		<-release
		return engine.Reply{Invalid: map[string]string{"cause": "too vague"}}, nil
	}
	r.start()
	r.press("ana", r.posted(), "verdict:wrong", "")
	var open []slack.View
	r.eventually("the modal is open", func() bool {
		open, _ = r.control.Views(t.Context(), "ana")
		return len(open) == 1
	})
	r.inbox.setTook(func() { late.Store(int64(2300 * time.Millisecond)) }) // a while of the three seconds is over when it is stored
	out, err := r.control.Submit(t.Context(), "ana", open[0].ID, typed("it"))
	close(release)
	r.must(err)
	if !out.OK {
		t.Errorf("outcome %+v", out)
	}
	r.eventually("what was wrong is told beside the button", func() bool {
		return slices.Contains(r.ephemeral("#incidents", "ana"), "cause: too vague")
	})
	r.noViolations()
}

func TestModalAfterTheTriggerIsOver(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{TriggerTTL: time.Millisecond})
	r.handler.click = func(engine.Click) (engine.Reply, error) {
		time.Sleep(20 * time.Millisecond)
		return correction, nil
	}
	r.start()
	r.press("ana", r.posted(), "verdict:wrong", "")
	r.eventually("the person is told", func() bool {
		said := r.ephemeral("#incidents", "ana")
		return len(said) == 1 && strings.Contains(said[0], "press the button again")
	})
}

func TestReplyFallsBackToTheChannel(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	r.start()
	r.must(r.control.Fault(t.Context(), slack.Fault{Method: "hooks", Kind: "http500", Count: 1}))
	r.must(r.control.Fault(t.Context(), slack.Fault{Method: "hooks", Kind: "ratelimit", Count: 1}))
	r.command("status") // a 500 may have been shown: it is not shown twice
	r.eventually("the first is handled", func() bool { return r.inbox.open() == 0 })
	if said := r.ephemeral("#incidents", "ana"); len(said) != 0 {
		t.Errorf("after a 500: %q", said)
	}
	r.command("help")
	r.eventually("the second is shown all the same", func() bool { return slices.Contains(r.ephemeral("#incidents", "ana"), "You said help") })
}

func TestHugeLogsFitIntoAReply(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	lines := make([]string, 2000)
	for n := range lines {
		lines[n] = fmt.Sprintf("%04d %s", n, strings.Repeat("<&>`", 30))
	}
	r.handler.command = func(engine.Command) (engine.Reply, error) {
		return engine.Reply{Logs: &engine.LogExcerpt{Pod: "api-1", Container: "api", Lines: lines}}, nil
	}
	r.start()
	r.command("logs")
	r.eventually("it is shown", func() bool { return len(r.ephemeral("#incidents", "ana")) == 1 })
	r.noViolations()
}
