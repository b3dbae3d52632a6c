package slack_test

import (
	"context"
	"errors"
	"io"
	"log"
	"strings"
	"testing"
	"time"

	slackgo "github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"
	"github.com/slack-go/slack/socketmode"

	"github.com/eks-autopilot/autopilot/test/slack"
)

// TestSlackGoWitness is the second witness: the community's Go client.
func TestSlackGoWitness(t *testing.T) {
	s := start(t, slack.Config{ShareDelay: 50 * time.Millisecond, RefreshNotice: time.Second})
	api := slackgo.New(s.BotToken(), slackgo.OptionAppLevelToken(s.AppToken()), slackgo.OptionAPIURL(s.APIURL()))
	ctx, cancel := context.WithCancel(t.Context())
	client := socketmode.New(api, socketmode.OptionLog(log.New(io.Discard, "", 0)))
	ended := make(chan error, 1)
	go func() { ended <- client.RunContext(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	// want is the next event of a kind; others are passed over.
	want := func(kind socketmode.EventType) socketmode.Event {
		t.Helper()
		limit := time.After(2 * time.Minute)
		for {
			select {
			case e := <-client.Events:
				if e.Type == kind {
					return e
				}
				if e.Type == socketmode.EventTypeErrorBadMessage {
					t.Fatalf("%s: %+v", e.Type, e.Data)
				}
			case <-limit:
				t.Fatalf("no %s within 10 s", kind)
			}
		}
	}
	want(socketmode.EventTypeHello)

	// background runs what a person does while the test plays the app.
	background := func(do func() (slack.Outcome, error)) <-chan slack.Outcome {
		out := make(chan slack.Outcome, 1)
		go func() {
			o, err := do()
			if err != nil {
				o = slack.Outcome{Error: err.Error()}
			}
			out <- o
		}()
		return out
	}
	ctl := s.Control()

	out := background(func() (slack.Outcome, error) { return ctl.Command(ctx, "ana", "incidents", "/autopilot status") })
	e := want(socketmode.EventTypeSlashCommand)
	cmd, ok := e.Data.(slackgo.SlashCommand)
	if !ok || cmd.Text != "status" || cmd.UserName != "ana" || cmd.ChannelName != "incidents" || cmd.TriggerID == "" {
		t.Fatalf("command %+v", e.Data)
	}
	if err := client.Ack(*e.Request, map[string]any{"text": "on it"}); err != nil {
		t.Fatal(err)
	}
	if o := <-out; !o.OK {
		t.Fatalf("command: %+v", o)
	}
	view, err := api.OpenViewContext(ctx, cmd.TriggerID, slackgo.ModalViewRequest{
		Type: slackgo.VTModal, CallbackID: "resolve", PrivateMetadata: "42",
		Title:  slackgo.NewTextBlockObject(slackgo.PlainTextType, "Resolve", false, false),
		Submit: slackgo.NewTextBlockObject(slackgo.PlainTextType, "Go", false, false),
		Blocks: slackgo.Blocks{BlockSet: []slackgo.Block{slackgo.NewInputBlock(
			"why", slackgo.NewTextBlockObject(slackgo.PlainTextType, "Why", false, false), nil,
			slackgo.NewPlainTextInputBlockElement(nil, "text"),
		)}},
	})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	out = background(func() (slack.Outcome, error) {
		return ctl.Submit(ctx, "ana", view.ID, values("why", "text", "the pool was too small"))
	})
	e = want(socketmode.EventTypeInteractive)
	sub, ok := e.Data.(slackgo.InteractionCallback)
	if !ok || sub.Type != slackgo.InteractionTypeViewSubmission || sub.View.PrivateMetadata != "42" ||
		sub.View.State.Values["why"]["text"].Value != "the pool was too small" {
		t.Fatalf("submission %+v", e.Data)
	}
	if err := client.Ack(*e.Request, slackgo.NewErrorsViewSubmissionResponse(map[string]string{"why": "No."})); err != nil {
		t.Fatal(err)
	}
	if o := <-out; o.Errors["why"] != "No." {
		t.Fatalf("submission: %+v", o)
	}

	press := slackgo.NewButtonBlockElement("ack", "42", slackgo.NewTextBlockObject(slackgo.PlainTextType, "Acknowledge", false, false))
	ch, ts, err := api.PostMessageContext(ctx, "C01INCIDENTS",
		slackgo.MsgOptionText("down", false), slackgo.MsgOptionBlocks(slackgo.NewActionBlock("next", press)),
		slackgo.MsgOptionMetadata(slackgo.SlackMetadata{EventType: "incident", EventPayload: map[string]any{"key": "incident/42/card"}}))
	if err != nil {
		t.Fatal(err)
	}
	out = background(func() (slack.Outcome, error) {
		return ctl.Click(ctx, slack.Action{User: "ben", Channel: "incidents", MessageTS: ts, BlockID: "next", ActionID: "ack"})
	})
	e = want(socketmode.EventTypeInteractive)
	click, ok := e.Data.(slackgo.InteractionCallback)
	if !ok || click.ActionCallback.BlockActions[0].Value != "42" || click.Message.Timestamp != ts || click.Channel.ID != ch ||
		click.User.ID != "U01BEN" || click.Container.MessageTs != ts || len(click.Message.Blocks.BlockSet) != 1 {
		t.Fatalf("click %+v", e.Data)
	}
	if err := client.Ack(*e.Request); err != nil {
		t.Fatal(err)
	}
	if o := <-out; !o.OK {
		t.Fatalf("click: %+v", o)
	}

	history, err := api.GetConversationHistoryContext(ctx, &slackgo.GetConversationHistoryParameters{
		ChannelID: ch, Limit: 5, IncludeAllMetadata: true,
	})
	if err != nil || len(history.Messages) != 1 || history.Messages[0].Metadata.EventPayload["key"] != "incident/42/card" {
		t.Fatalf("history %+v, %v", history, err)
	}
	if _, _, _, err := api.UpdateMessageContext(ctx, ch, ts, slackgo.MsgOptionText("acknowledged", false)); err != nil {
		t.Fatal(err)
	}
	if _, err := api.UploadFileContext(ctx, slackgo.UploadFileParameters{
		Filename: "x.log", FileSize: 4, Content: "FATL", Channel: ch, ThreadTimestamp: ts,
	}); err != nil {
		t.Fatal(err)
	}
	eventually(t, s, "the file", func() bool {
		thread, err := ctl.Thread(ctx, ch, ts, "")
		return err == nil && len(thread) == 2
	})

	took(t)(ctl.Say(ctx, "chi", "incidents", "@autopilot hello", ""))
	e = want(socketmode.EventTypeEventsAPI)
	event, ok := e.Data.(slackevents.EventsAPIEvent)
	if mention, isMention := event.InnerEvent.Data.(*slackevents.AppMentionEvent); !ok || !isMention || mention.User != "U01CHI" {
		t.Fatalf("event %+v", e.Data)
	}
	if err := client.Ack(*e.Request); err != nil {
		t.Fatal(err)
	}

	_, _, err = api.PostMessageContext(ctx, ch, slackgo.MsgOptionBlocks(slackgo.NewSectionBlock(
		slackgo.NewTextBlockObject(slackgo.MarkdownType, strings.Repeat("x", 3001), false, false), nil, nil)))
	var refused slackgo.SlackErrorResponse
	if !errors.As(err, &refused) || refused.Err != "invalid_blocks" || len(refused.ResponseMetadata.Messages) == 0 {
		t.Errorf("an oversize section: %#v", err)
	}
	if err := ctl.Fault(ctx, slack.Fault{Method: "chat.postMessage", Kind: "ratelimit", RetryAfter: 3, Count: 1}); err != nil {
		t.Fatal(err)
	}
	var limited *slackgo.RateLimitedError
	if _, _, err := api.PostMessageContext(ctx, ch, slackgo.MsgOptionText("x", false)); !errors.As(err, &limited) || limited.RetryAfter != 3*time.Second {
		t.Errorf("a 429: %v", err)
	}

	if err := ctl.Disconnect(ctx, "refresh_requested", 0); err != nil {
		t.Fatal(err)
	}
	want(socketmode.EventTypeHello)
}
