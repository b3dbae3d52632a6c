package bot_test

import (
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/test/slack"
)

func (r *rig) delivered(key string, version int64) {
	r.t.Helper()
	r.eventually(fmt.Sprintf("%s shows version %d", key, version), func() bool { return r.outbox.get(key).shown == version })
}

// once gives the bot's only message with the key in a channel or its threads, and fails when there is not exactly one.
func (r *rig) once(channel, key string) slack.Message {
	r.t.Helper()
	top := r.messages(channel, "")
	found := ours(top, key)
	for _, m := range top {
		if m.ReplyCount > 0 {
			found = append(found, ours(r.thread(channel, m.TS)[1:], key)...)
		}
	}
	if len(found) != 1 {
		r.t.Fatalf("%d messages %s in %s, want exactly one", len(found), key, channel)
	}
	return found[0]
}

func TestNobodyIsWokenForWhatSomebodyTook(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	r.content.who = []engine.Mention{{Group: "oncall"}}
	i := incident(42)
	i.Status, i.AcknowledgedBy, i.AcknowledgedAt = engine.Acknowledged, engine.Person{ID: r.ids["ana"]}, time.Unix(1, 0)
	r.content.put(i)
	const escalation = "incident/42/escalation/1"
	r.outbox.want(card(42),
		engine.Message{Key: escalation, Kind: engine.MessageEscalation, Subject: 42, Detail: 1, Channel: "#incidents", ThreadKey: engine.CardKey(42), Broadcast: true})
	b, _ := r.start()
	r.delivered(escalation, 1)
	for _, key := range []string{engine.CardKey(42), escalation} {
		if m := ours(r.messages("#incidents", ""), key); len(m) != 1 || strings.Contains(m[0].Text, "<!subteam^") {
			t.Errorf("%s: %+v; want it once, and nobody woken", key, m)
		}
	}
	address := b.ThreadURL(engine.Thread{Channel: "C1", TS: "17.42"})
	if !strings.HasPrefix(address, "http") || !strings.HasSuffix(address, "/archives/C1/p1742") {
		t.Errorf("thread %q", address)
	}
	r.noViolations()
}

func TestCardAndThread(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	r.content.who = []engine.Mention{{Group: "oncall"}}
	r.content.put(incident(42))
	r.outbox.want(card(42), event(42, "incident/42/event/2", 2),
		engine.Message{Key: "incident/42/diagnosis", Kind: engine.MessageDiagnosis, Subject: 42, Channel: "#incidents", ThreadKey: engine.CardKey(42)},
		engine.Message{Key: "incident/42/escalation/1", Kind: engine.MessageEscalation, Subject: 42, Detail: 1, Channel: "#incidents", ThreadKey: engine.CardKey(42), Broadcast: true})
	r.start()
	r.delivered("incident/42/escalation/1", 1)
	m := r.once("#incidents", engine.CardKey(42))
	if !strings.Contains(m.Text, "payments/api is crash-looping") || !strings.Contains(m.Text, "<!subteam^"+r.groups["oncall"]+">") {
		t.Errorf("card %q", m.Text)
	}
	if got := r.once("#incidents", "incident/42/event/2"); got.ThreadTS != m.TS || got.Text != "The alert came too" {
		t.Errorf("event %+v", got)
	}
	broadcast := ours(r.messages("#incidents", ""), "incident/42/escalation/1")
	if len(broadcast) != 1 || broadcast[0].Subtype != "thread_broadcast" {
		t.Errorf("escalation %+v, want it in the channel too", broadcast)
	}

	i := incident(42)
	i.Status, i.AcknowledgedBy, i.AcknowledgedAt, i.Version = engine.Acknowledged, engine.Person{ID: r.ids["ana"]}, time.Unix(1, 0), 2
	r.content.put(i)
	newer := card(42)
	newer.Version = 2
	r.outbox.want(newer)
	r.delivered(engine.CardKey(42), 2)
	again := r.once("#incidents", engine.CardKey(42))
	if again.TS != m.TS || strings.Contains(again.Text, "subteam") || again.Metadata.EventPayload["version"] != "2" {
		t.Errorf("the edited card %+v", again)
	}
	r.noViolations()
}

func TestStormOfEditsIsSpacedAndNewsAreNot(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	now := time.Now()
	r.config.Now = func() time.Time { return now } // no rest ever ends
	i := incident(42)
	bump := func() {
		i.Version++
		r.content.put(i)
		newer := card(42)
		newer.Version = i.Version
		r.outbox.want(newer)
	}
	r.content.put(i)
	r.outbox.want(card(42))
	r.start()
	r.delivered(engine.CardKey(42), 1)
	for range 20 {
		bump()
		time.Sleep(20 * time.Millisecond)
	}
	if n := len(r.calls("chat.update")); n != 0 {
		t.Errorf("%d edits that say nothing new, in the moment of the post", n)
	}
	i.Status = engine.Acknowledged
	bump()
	r.delivered(engine.CardKey(42), i.Version)
	if n := len(r.calls("chat.update")); n != 1 {
		t.Errorf("%d edits, want one", n)
	}
	if got := r.outbox.get(engine.CardKey(42)); got.attempts != 0 || got.problem != "" {
		t.Errorf("resting counts as a failure: %+v", got)
	}
}

func TestHomeTab(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	r.content.overview = engine.Overview{At: time.Unix(1e9, 0), Open: []engine.Incident{incident(42)}, BySev: map[engine.Severity]int{engine.Critical: 1}}
	key := "home/" + r.ids["ana"]
	r.outbox.want(engine.Message{Key: key, Kind: engine.MessageHome, Person: r.ids["ana"]})
	r.start()
	r.delivered(key, 1)
	home, err := r.control.Home(t.Context(), "ana")
	if err != nil || home == nil || !strings.Contains(fmt.Sprint(home.Blocks), "1 open: 1 critical") {
		t.Errorf("home %+v, %v", home, err)
	}
	r.noViolations()
}

func TestIncidentThatIsGoneIsDropped(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	r.content.put(incident(42))
	r.outbox.want(card(7), card(42), event(42, "incident/42/event/9", 9))
	r.start()
	r.delivered(engine.CardKey(42), 1)
	for _, key := range []string{engine.CardKey(7), "incident/42/event/9"} {
		r.eventually(key+" is dropped", func() bool { return r.outbox.get(key).dropped })
	}
	if n := len(r.calls("chat.postMessage")); n != 1 {
		t.Errorf("%d posts", n)
	}
}

// TestAcceptedPostsAreNotRepeated has Slack accept a message whose answer never arrives.
func TestAcceptedPostsAreNotRepeated(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		kind  string
		posts int // messages that Slack was given
	}{{"drop_after_accept", 1}, {"http500", 2}, {"timeout", 2}} {
		t.Run(tt.kind, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, slack.Config{})
			r.must(r.control.Fault(t.Context(), slack.Fault{Method: "chat.postMessage", Kind: tt.kind, DelayMS: 10, Count: 1}))
			r.content.put(incident(42))
			r.outbox.want(card(42), event(42, "incident/42/event/2", 2))
			r.start()
			r.delivered("incident/42/event/2", 1)
			m := r.once("#incidents", engine.CardKey(42))
			if got := r.outbox.get(engine.CardKey(42)); got.ts != m.TS {
				t.Errorf("stored ts %q, posted %q", got.ts, m.TS)
			}
			r.once("#incidents", "incident/42/event/2")
			if n := len(r.calls("conversations.history")); n == 0 {
				t.Error("nobody looked for the message before posting again")
			}
			if n := len(r.calls("chat.postMessage")); n != tt.posts+1 { // and the event
				t.Errorf("%d posts, want %d", n, tt.posts+1)
			}
		})
	}
}

// TestKilledBetweenAcceptAndSave ends the process at each moment of a delivery. The next process has only what was stored.
func TestKilledBetweenAcceptAndSave(t *testing.T) {
	t.Parallel()
	keys := []string{engine.CardKey(42), "incident/42/event/2"}
	for n, key := range keys {
		for _, moment := range []string{"before the post", "after the accept"} {
			t.Run(fmt.Sprint(key, " ", moment), func(t *testing.T) {
				t.Parallel()
				r := newRig(t, slack.Config{})
				r.content.put(incident(42))
				r.outbox.want(card(42))
				if n > 0 {
					_, stop := r.start()
					r.delivered(keys[0], 1)
					stop()
					r.outbox.want(event(42, key, 2))
				}
				if moment == "before the post" {
					r.outbox.set(key, func(row *row) { row.posting = true })
				} else {
					r.outbox.forget = true
					_, stop := r.start()
					r.eventually("slack has accepted it", func() bool { return len(r.calls("chat.postMessage")) == n+1 })
					stop()
					r.outbox.forget = false
					r.outbox.expire()
				}
				r.start()
				r.delivered(key, 1)
				if m := r.once("#incidents", key); m.TS != r.outbox.get(key).ts {
					t.Errorf("stored ts %q, posted %q", r.outbox.get(key).ts, m.TS)
				}
				if posts := len(r.calls("chat.postMessage")); posts != n+1 {
					t.Errorf("%d posts, want %d", posts, n+1)
				}
			})
		}
	}
}

func TestSlowDownIsObeyed(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"chat.postMessage", "chat.update"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, slack.Config{})
			r.must(r.control.Fault(t.Context(), slack.Fault{Method: method, Kind: "ratelimit", RetryAfter: 1, Count: 1}))
			r.content.put(incident(42))
			r.content.put(incident(43))
			r.outbox.want(card(42))
			var shown, rested atomic.Int64
			r.config.Settled = func(outcome string) {
				if outcome == "delivery" {
					shown.Add(1)
				}
			}
			r.config.Rests = func(of string, rest time.Duration) {
				if of == method && rest > 0 {
					rested.Add(1)
				}
			}
			r.start()
			r.delivered(engine.CardKey(42), 1)
			next, other := card(42), card(43)
			next.Version = 2
			r.outbox.want(next, other)
			r.delivered(engine.CardKey(42), 2)
			r.delivered(engine.CardKey(43), 1)
			r.once("#incidents", engine.CardKey(42))
			if n := len(r.calls("conversations.history")); n != 0 {
				t.Errorf("%d looks for a message that Slack surely refused", n)
			}
			calls := r.calls(method)
			for n, c := range calls {
				if c.RetryAfter > 0 && n+1 < len(calls) && calls[n+1].Time.Sub(c.Time) < time.Second {
					t.Errorf("asked to wait a second, called again after %s", calls[n+1].Time.Sub(c.Time))
				}
			}
			if shown.Load() < 3 || rested.Load() == 0 {
				t.Errorf("told of %d deliveries and %d rests, want three and at least one", shown.Load(), rested.Load())
			}
			r.noViolations()
		})
	}
}

// TestManyMessagesKeepThePace posts a burst at Slack's own rate limits.
func TestManyMessagesKeepThePace(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	r.content.put(incident(42))
	r.outbox.want(card(42))
	for n := range 30 {
		r.outbox.want(event(42, fmt.Sprintf("incident/42/event/%d", n+100), 2))
	}
	r.start()
	for n := range 30 {
		key := fmt.Sprintf("incident/42/event/%d", n+100)
		r.delivered(key, 1)
		r.once("#incidents", key)
	}
	for _, c := range r.calls("chat.postMessage") {
		if c.RetryAfter > 0 {
			t.Errorf("post %d was refused with 429", c.N)
		}
	}
	r.noViolations()
}

func TestUnusableChannelUsesTheFallback(t *testing.T) {
	t.Parallel()
	tests := map[string]func(r *rig) error{
		"archived": func(r *rig) error {
			_, err := r.control.Channel(r.t.Context(), "archive", "incidents", "")
			return err
		},
		"not a member": func(r *rig) error {
			_, err := r.control.Channel(r.t.Context(), "kick", "incidents", "")
			return err
		},
		"renamed": func(r *rig) error {
			_, err := r.control.Channel(r.t.Context(), "rename", "incidents", "outages")
			return err
		},
	}
	for name, harm := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, slack.Config{})
			r.must(harm(r))
			r.content.put(incident(42))
			r.outbox.want(card(42), event(42, "incident/42/event/2", 2))
			r.start()
			r.delivered("incident/42/event/2", 1)
			m := r.once("#oncall", engine.CardKey(42))
			if e := r.once("#oncall", "incident/42/event/2"); e.ThreadTS != m.TS {
				t.Errorf("the event is in the thread %q, the card is %q", e.ThreadTS, m.TS)
			}
			r.noViolations()
		})
	}
}

func TestChannelArchivedUnderARunningIncident(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	r.content.put(incident(42))
	r.outbox.want(card(42), event(42, "incident/42/event/2", 2))
	r.start()
	r.delivered("incident/42/event/2", 1)
	_, err := r.control.Channel(t.Context(), "archive", "incidents", "")
	r.must(err)
	next := card(42)
	next.Version = 2
	r.outbox.want(next, event(42, "incident/42/event/1", 1))
	r.delivered(engine.CardKey(42), 2)
	r.delivered("incident/42/event/1", 1)
	m := r.once("#oncall", engine.CardKey(42))
	if e := r.once("#oncall", "incident/42/event/1"); e.ThreadTS != m.TS {
		t.Errorf("the event is in the thread %q, the card is %q", e.ThreadTS, m.TS)
	}
}

func TestLateReplyTakesItsThreadAlong(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	r.content.put(incident(42))
	r.outbox.want(card(42))
	r.start()
	r.delivered(engine.CardKey(42), 1)
	_, err := r.control.Channel(t.Context(), "archive", "incidents", "")
	r.must(err)
	r.outbox.want(event(42, "incident/42/event/2", 2))
	r.delivered("incident/42/event/2", 1)
	m := r.once("#oncall", engine.CardKey(42))
	if e := r.once("#oncall", "incident/42/event/2"); e.ThreadTS != m.TS {
		t.Errorf("the event is in the thread %q, the card is %q", e.ThreadTS, m.TS)
	}
	for _, c := range r.calls("chat.postMessage") {
		if c.Error == "thread_not_found" {
			t.Error("the reply was sent to a thread of another channel")
		}
	}
}

func TestNoChannelLeft(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	r.config.Fallback = "#incidents"
	r.config.Log = slog.New(slog.DiscardHandler)
	_, err := r.control.Channel(t.Context(), "archive", "incidents", "")
	r.must(err)
	r.content.put(incident(42))
	r.outbox.want(card(42))
	r.start()
	r.eventually("the problem is known", func() bool { return strings.Contains(r.outbox.get(engine.CardKey(42)).problem, "is_archived") })
	time.Sleep(200 * time.Millisecond)
	if n := len(r.calls("chat.postMessage")); n != 1 {
		t.Errorf("%d tries in a moment; one a minute is enough", n)
	}
}

func TestDeletedMessageIsPostedAnew(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	r.content.put(incident(42))
	r.outbox.want(card(42))
	r.start()
	r.delivered(engine.CardKey(42), 1)
	r.outbox.set(engine.CardKey(42), func(row *row) { row.ts, row.Version = "1000000000.000100", 2 })
	r.delivered(engine.CardKey(42), 2)
	if n := len(ours(r.messages("#incidents", ""), engine.CardKey(42))); n != 2 { // the first one is still there in this test
		t.Errorf("%d cards, want the lost one replaced", n)
	}
}

func TestDeletedCardIsPostedAgainForItsThread(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	r.content.put(incident(42))
	r.outbox.want(card(42))
	r.outbox.set(engine.CardKey(42), func(row *row) {
		row.ts, row.channelID, row.shown = "1000000000.000100", r.ids["#incidents"], 1
	})
	r.outbox.want(event(42, "incident/42/event/2", 2))
	r.start()
	r.delivered("incident/42/event/2", 1)
	if e, c := r.once("#incidents", "incident/42/event/2"), r.once("#incidents", engine.CardKey(42)); e.ThreadTS != c.TS {
		t.Errorf("the event is in the thread %q, the card is %q", e.ThreadTS, c.TS)
	}
}

func TestRefusedBlocksBecomePlainText(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"invalid_blocks", "msg_blocks_too_long", "msg_too_long"} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, slack.Config{})
			r.must(r.control.Fault(t.Context(), slack.Fault{Method: "chat.postMessage", Kind: "error", Error: code, Count: 1}))
			r.content.put(incident(42))
			r.outbox.want(card(42))
			r.start()
			r.delivered(engine.CardKey(42), 1)
			m := r.once("#incidents", engine.CardKey(42))
			if len(m.Blocks) != 1 || !strings.Contains(m.Text, "crash-looping") {
				t.Errorf("the plain card is %+v", m)
			}
		})
	}
}

func TestWhatSlackAlwaysRefusesIsGivenUp(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	r.config.Log = slog.New(slog.DiscardHandler)
	r.must(r.control.Fault(t.Context(), slack.Fault{Method: "chat.postMessage", Kind: "error", Error: "invalid_arguments"}))
	r.content.put(incident(42))
	r.outbox.want(card(42))
	r.outbox.set(engine.CardKey(42), func(row *row) { row.attempts = 7 })
	r.start()
	r.eventually("it is dropped", func() bool { return r.outbox.get(engine.CardKey(42)).dropped })
	if p := r.outbox.get(engine.CardKey(42)).problem; !strings.Contains(p, "invalid_arguments") {
		t.Errorf("problem %q", p)
	}
}

func TestRevokedToken(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	b, _ := r.start()
	r.must(r.control.Token(t.Context(), "revoke", "bot"))
	r.content.put(incident(42))
	r.outbox.want(card(42))
	r.eventually("readiness tells", func() bool {
		err := b.Ready()
		return err != nil && strings.Contains(err.Error(), "token_revoked")
	})
	tries := len(r.calls("chat.postMessage"))
	time.Sleep(300 * time.Millisecond)
	if n := len(r.calls("chat.postMessage")); n > tries+1 {
		t.Errorf("%d posts with a revoked token", n)
	}
	r.must(r.control.Token(t.Context(), "restore", "bot"))
	r.delivered(engine.CardKey(42), 1)
	if err := b.Ready(); err != nil {
		t.Errorf("with the token restored: %v", err)
	}
}

func TestOversizeTextBecomesAFile(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	i := incident(42)
	for n := range 80 {
		id := fmt.Sprintf("log/%d", n)
		i.Diagnosis.Evidence = append(i.Diagnosis.Evidence, engine.Evidence{ID: id, Text: strings.Repeat("word ", 30) + id})
		i.Diagnosis.Causes[0].For = append(i.Diagnosis.Causes[0].For, id)
	}
	r.content.put(i)
	key := "incident/42/diagnosis"
	diagnosis := engine.Message{Key: key, Kind: engine.MessageDiagnosis, Subject: 42, Channel: "#incidents", ThreadKey: engine.CardKey(42), Version: 1}
	r.outbox.want(card(42), diagnosis)
	r.start()
	r.delivered(key, 1)
	diagnosis.Version = 2 // drawn again with the same evidence
	r.outbox.want(diagnosis)
	r.delivered(key, 2)
	var files []*slack.File
	for _, m := range r.thread("#incidents", r.once("#incidents", engine.CardKey(42)).TS) {
		files = append(files, m.Files...)
	}
	if len(files) != 1 || !strings.HasPrefix(files[0].Name, "incident-42-diagnosis-") {
		t.Fatalf("files %+v, want one", files)
	}
	data, err := r.control.File(t.Context(), files[0].ID)
	if err != nil || !strings.Contains(string(data), "log/79") {
		t.Errorf("file of %d bytes, %v", len(data), err)
	}
	r.noViolations()
}

func TestTwoReplicasShareTheWork(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	for id := range int64(6) {
		r.content.put(incident(id + 1))
		m := card(id + 1)
		m.Channel = []string{"#incidents", "#payments", "#platform"}[id%3]
		r.outbox.want(m)
	}
	r.start()
	r.config.Replica = "second"
	r.start()
	for id := range int64(6) {
		r.delivered(engine.CardKey(id+1), 1)
		r.once([]string{"#incidents", "#payments", "#platform"}[id%3], engine.CardKey(id+1))
	}
	r.noViolations()
}
