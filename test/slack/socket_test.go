package slack_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/eks-autopilot/autopilot/test/slack"
)

func TestHello(t *testing.T) {
	s := start(t, slack.Config{RefreshAfter: 2 * time.Hour})
	a := dial(t, s)
	f := a.next()
	if f.Type != "hello" || f.NumConnections != 1 || f.ConnectionInfo["app_id"] != "A01AUTOPILOT" ||
		f.DebugInfo["approximate_connection_time"] != 7200.0 {
		t.Errorf("hello = %+v", f)
	}
	if f := dial(t, s).next(); f.NumConnections != 2 {
		t.Errorf("second hello = %+v", f)
	}
}

func TestATicketOpensOnce(t *testing.T) {
	s := start(t, slack.Config{})
	to := must(t, call(t, s, "apps.connections.open", nil)).str("url")
	for i, want := range []int{http.StatusSwitchingProtocols, http.StatusNotFound} {
		conn, res, err := websocket.DefaultDialer.Dial(to, nil)
		if res == nil || res.StatusCode != want {
			t.Fatalf("dial %d: %v, %v; want %d", i+1, res, err, want)
		}
		_ = res.Body.Close()
		if conn != nil {
			defer func() { _ = conn.Close() }()
		}
	}
}

func TestTheEleventhSocketIsTurnedAway(t *testing.T) {
	s := start(t, slack.Config{})
	for range 10 {
		connect(t, s)
	}
	if f := dial(t, s).next(); f.Type != "disconnect" || f.Reason != "too_many_websockets" {
		t.Errorf("eleventh socket got %+v", f)
	}
	if st, err := s.Control().State(t.Context()); err != nil || st.Sockets != 10 {
		t.Errorf("%d sockets, %v", st.Sockets, err)
	}
}

func TestEachEnvelopeGoesToOneSocketAtRandom(t *testing.T) {
	s := start(t, slack.Config{})
	got := make(chan int, 100)
	for i := range 3 {
		a := connect(t, s)
		go func() {
			for f := range a.in {
				a.ack(f, nil)
				got <- i
			}
		}()
	}
	count := map[int]int{}
	for range 60 {
		took(t)(s.Control().Command(t.Context(), "ana", "incidents", "/autopilot status"))
		count[<-got]++
	}
	if len(got) != 0 || len(count) != 3 {
		t.Errorf("envelopes by socket %v, %d too many; want all three to get some of sixty", count, len(got))
	}
}

func TestSlashCommand(t *testing.T) {
	s := start(t, slack.Config{AckTimeout: 200 * time.Millisecond})
	ctl := s.Control()

	out, err := ctl.Command(t.Context(), "ana", "incidents", "/autopilot status")
	if err != nil || out.OK || out.Error != "dispatch_failed" {
		t.Errorf("without a socket: %+v, %v", out, err)
	}
	if got := lastText(t, s, "incidents"); got != "" {
		t.Errorf("others see %q", got)
	}
	mine := texts(t, s, "incidents", "ana")
	if len(mine) != 1 || mine[0] != `/autopilot failed with the error "dispatch_failed"` {
		t.Errorf("ana sees %q", mine)
	}

	a := connect(t, s)
	out, err = ctl.Command(t.Context(), "ana", "incidents", "/autopilot status")
	late := a.next()
	if err != nil || out.OK || out.Error != "no_ack" {
		t.Errorf("without an ack: %+v, %v", out, err)
	}
	a.ack(late, nil)
	mine = texts(t, s, "incidents", "ana")
	if !strings.Contains(mine[len(mine)-1], "the app did not respond") {
		t.Errorf("ana sees %q", mine)
	}

	got := a.answering(map[string]any{"text": "all is well", "blocks": button})
	took(t)(ctl.Command(t.Context(), "ana", "incidents", "/autopilot show <#C01FINOPS> #oncall a & b"))
	f := <-got
	p := f.Payload
	for field, want := range map[string]any{
		"command": "/autopilot", "user_id": "U01ANA", "channel_id": "C01INCIDENTS", "team_id": "T01ACME",
		"text": "show <#C01FINOPS> <#C01ONCALL|oncall> a &amp; b", "api_app_id": "A01AUTOPILOT",
	} {
		if p[field] != want {
			t.Errorf("%s = %v, want %v", field, p[field], want)
		}
	}
	if !f.Accepts || p["trigger_id"] == "" || !strings.HasPrefix(p["response_url"].(string), s.URL()+"/hooks/commands/") {
		t.Errorf("frame %+v", f)
	}
	mine = texts(t, s, "incidents", "ana")
	if mine[len(mine)-1] != "all is well" {
		t.Errorf("ana sees %q, want the ack's text", mine)
	}
	if out, _ := ctl.Command(t.Context(), "ana", "incidents", "/nonsense"); out.OK {
		t.Error("an unknown command was sent")
	}
	got2 := violations(t, s)
	if strings.Join(got2, " ") != "no_ack late_ack" {
		t.Errorf("violations = %v", got2)
	}
}

func TestBadAcks(t *testing.T) {
	s := start(t, slack.Config{AckTimeout: 200 * time.Millisecond})
	a := connect(t, s)
	got := a.answering(map[string]any{"text": strings.Repeat("x", 20_480)})
	if out, err := s.Control().Command(t.Context(), "ana", "incidents", "/autopilot x"); err != nil || out.OK {
		t.Errorf("an oversize ack was taken: %+v, %v", out, err)
	}
	<-got
	a.ack(frame{EnvelopeID: "nobody"}, nil)
	a.ack(frame{}, nil)
	got = a.answering(nil)
	took(t)(s.Control().Command(t.Context(), "ana", "incidents", "/autopilot x"))
	a.ack(<-got, nil)
	got = a.answering(nil) // in order behind the bad ones
	took(t)(s.Control().Command(t.Context(), "ana", "incidents", "/autopilot x"))
	<-got
	want := "oversize_ack no_ack unknown_ack bad_ack unknown_ack"
	if got := strings.Join(violations(t, s), " "); got != want {
		t.Errorf("violations %s, want %s", got, want)
	}
}

func TestEventRetries(t *testing.T) {
	s := start(t, slack.Config{
		AckTimeout: 100 * time.Millisecond, RetryDelays: []time.Duration{0, 50 * time.Millisecond, 50 * time.Millisecond},
	})
	a := connect(t, s)
	took(t)(s.Control().Say(t.Context(), "ana", "incidents", "@autopilot hello", ""))
	ids, envelopes := map[any]bool{}, map[string]bool{}
	for attempt := range 4 {
		f := a.next()
		if f.Type != "events_api" || f.RetryAttempt != attempt || (f.RetryReason == "timeout") != (attempt > 0) {
			t.Fatalf("attempt %d: %+v", attempt, f)
		}
		ids[f.Payload["event_id"]], envelopes[f.EnvelopeID] = true, true
		if attempt == 3 {
			a.ack(f, nil)
			event, _ := f.Payload["event"].(map[string]any)
			if event["type"] != "app_mention" || event["text"] != "<@U01AUTOPILOT> hello" || event["user"] != "U01ANA" ||
				event["channel"] != "C01INCIDENTS" || f.Payload["team_id"] != "T01ACME" || f.Payload["type"] != "event_callback" {
				t.Errorf("payload %v", f.Payload)
			}
		}
	}
	if len(ids) != 1 || len(envelopes) != 4 {
		t.Errorf("%d event ids and %d envelopes, want one and four", len(ids), len(envelopes))
	}
	if err := s.Control().Redeliver(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	f := a.next()
	a.ack(f, nil)
	if !ids[f.Payload["event_id"]] || envelopes[f.EnvelopeID] {
		t.Errorf("redelivered %+v, want the old event in a new envelope", f)
	}
}

func TestAnEventWaitsForASocket(t *testing.T) {
	s := start(t, slack.Config{RetryDelays: []time.Duration{time.Millisecond, 300 * time.Millisecond}})
	took(t)(s.Control().OpenHome(t.Context(), "ana"))
	a := connect(t, s)
	f := a.next()
	a.ack(f, nil)
	event, _ := f.Payload["event"].(map[string]any)
	if event["type"] != "app_home_opened" || event["tab"] != "home" || f.RetryAttempt == 0 {
		t.Errorf("frame %+v", f)
	}
}

func TestSubscriptions(t *testing.T) {
	s := start(t, slack.Config{Events: []string{"message.channels", "member_joined_channel", "reaction_added"}})
	a := connect(t, s)
	kind := func() string {
		f := a.next()
		a.ack(f, nil)
		e, _ := f.Payload["event"].(map[string]any)
		return e["type"].(string)
	}
	said, err := s.Control().Say(t.Context(), "ana", "incidents", "@autopilot hello", "")
	took(t)(said, err)
	if got := kind(); got != "message" {
		t.Errorf("first event %s", got)
	}
	took(t)(s.Control().Say(t.Context(), "ana", "general", "unheard", "")) // the bot is not there
	took(t)(s.Control().React(t.Context(), "ben", "incidents", said.TS, "eyes"))
	if got := kind(); got != "reaction_added" {
		t.Errorf("second event %s", got)
	}
	took(t)(s.Control().Join(t.Context(), "U01AUTOPILOT", "general"))
	if got := kind(); got != "member_joined_channel" {
		t.Errorf("third event %s", got)
	}
}

func TestDirectMessages(t *testing.T) {
	s := start(t, slack.Config{})
	a := connect(t, s)
	im := must(t, call(t, s, "chat.postMessage", params{"channel": "U01ANA", "text": "good morning"})).str("channel")
	f := a.next() // the bot hears itself, as in Slack
	a.ack(f, nil)
	if e, _ := f.Payload["event"].(map[string]any); e["bot_id"] != "B01AUTOPILOT" || e["channel_type"] != "im" {
		t.Errorf("own message %v", f.Payload)
	}
	took(t)(s.Control().Say(t.Context(), "ana", im, "thanks <3", ""))
	f = a.next()
	a.ack(f, nil)
	if e, _ := f.Payload["event"].(map[string]any); e["user"] != "U01ANA" || e["text"] != "thanks &lt;3" || e["channel"] != im {
		t.Errorf("ana's message %v", f.Payload)
	}
}

func TestDisconnects(t *testing.T) {
	s := start(t, slack.Config{RefreshNotice: 50 * time.Millisecond, PingInterval: 20 * time.Millisecond})
	ctl := s.Control()
	t.Run("refresh", func(t *testing.T) {
		a, b := connect(t, s), connect(t, s)
		if err := ctl.Disconnect(t.Context(), "refresh_requested", 1); err != nil {
			t.Fatal(err)
		}
		if f := a.next(); f.Type != "disconnect" || f.Reason != "refresh_requested" {
			t.Fatalf("frame %+v", f)
		}
		got := b.answering(nil) // the socket that stays gets everything
		took(t)(ctl.Command(t.Context(), "ana", "incidents", "/autopilot x"))
		<-got
		if _, open := <-a.in; open {
			t.Error("the dismissed socket stays open")
		}
	})
	t.Run("unknown reason", func(t *testing.T) {
		if err := ctl.Disconnect(t.Context(), "boredom", 0); err == nil {
			t.Error("taken")
		}
	})
	t.Run("drop", func(t *testing.T) {
		a := connect(t, s)
		if err := ctl.Drop(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		if _, open := <-a.in; open {
			t.Error("the dropped socket stays open")
		}
	})
	t.Run("deaf", func(t *testing.T) {
		a := connect(t, s)
		<-a.pings
		if err := ctl.Deafen(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		for began, quiet := time.Now(), false; !quiet; { // some in flight may still land
			select {
			case <-a.pings:
				if time.Since(began) > time.Minute {
					t.Fatal("a deaf socket pings")
				}
			case f, open := <-a.in:
				t.Fatalf("a deaf socket says %+v (open %v)", f, open)
			case <-time.After(100 * time.Millisecond):
				quiet = true
			}
		}
	})
}

func TestPeriodicRefresh(t *testing.T) {
	s := start(t, slack.Config{RefreshAfter: 100 * time.Millisecond, RefreshNotice: 50 * time.Millisecond})
	a := connect(t, s)
	for _, want := range []string{"warning", "refresh_requested"} {
		if f := a.next(); f.Type != "disconnect" || f.Reason != want {
			t.Fatalf("frame %+v, want %s", f, want)
		}
	}
	if _, open := <-a.in; open {
		t.Error("the socket stays open")
	}
}
