package bot

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/eks-autopilot/autopilot/bot/view"
	"github.com/eks-autopilot/autopilot/engine"
)

// The metadata by which a posted message is known again.
const (
	metadataType    = "autopilot_message"
	metadataKey     = "key"
	metadataVersion = "version"
)

// clockSkew is how far Slack's clock may be behind ours when we look for a message posted after a time of ours.
const clockSkew = 5 * time.Minute

// post sends a new message. Blocks that Slack refuses are replaced by plain text, so that the message is there at all.
func (b *Bot) post(ctx context.Context, d engine.Delivery, channel string, m view.Message) (ts string, err error) {
	send := func(m view.Message) error {
		options := content(d, m)
		if d.ThreadTS != "" {
			options = append(options, slack.MsgOptionTS(d.ThreadTS))
			if d.Broadcast {
				options = append(options, slack.MsgOptionBroadcast())
			}
		}
		_, ts, err = b.api.PostMessageContext(ctx, channel, options...)
		return err
	}
	if err = b.orPlain(ctx, d.Key, m, send); err == nil && ts == "" {
		err = errNoTS
	}
	return ts, err
}

func (b *Bot) update(ctx context.Context, d engine.Delivery, channel, ts string, m view.Message) error {
	return b.orPlain(ctx, d.Key, m, func(m view.Message) error {
		_, _, _, err := b.api.UpdateMessageContext(ctx, channel, ts, content(d, m)...)
		return err
	})
}

// orPlain sends a message as it is drawn, without its charts where Slack takes none, and as text alone where it refuses the rest.
func (b *Bot) orPlain(ctx context.Context, key string, m view.Message, send func(view.Message) error) error {
	if len(m.Charts) > 0 && b.plainCharts.Load() {
		m = view.WithoutCharts(m)
	}
	err := send(m)
	if without := view.WithoutCharts(m); len(without.Blocks) < len(m.Blocks) && classify(err).kind == contentRefused {
		if err = send(without); err == nil {
			b.plainCharts.Store(true)
			b.log.InfoContext(ctx, "slack takes no charts in this workspace; they are uploaded as pictures", "key", key)
		}
		m = without
	}
	if err == nil || classify(err).kind != contentRefused {
		return err
	}
	b.log.ErrorContext(ctx, "slack refuses the drawing of a message; sending plain text", "key", key, "error", explain(err))
	return send(view.Plain(m))
}

func content(d engine.Delivery, m view.Message) []slack.MsgOption {
	return []slack.MsgOption{
		slack.MsgOptionText(m.Text, false),
		slack.MsgOptionBlocks(m.Blocks...),
		slack.MsgOptionDisableLinkUnfurl(),
		slack.MsgOptionDisableMediaUnfurl(),
		slack.MsgOptionMetadata(slack.SlackMetadata{
			EventType: metadataType,
			// The version is text: a JSON number would come back as a float.
			EventPayload: map[string]any{metadataKey: d.Key, metadataVersion: strconv.FormatInt(d.Version, 10)},
		}),
	}
}

// posted is a message of ours as found in Slack; ts is "" when there is none.
type posted struct {
	ts      string
	version int64
}

// find looks for a message whose post may have been accepted.
func (b *Bot) find(ctx context.Context, d engine.Delivery, channel string) (posted, error) {
	var found posted
	err := b.messages(ctx, channel, d.ThreadTS, d.Declared.Add(-clockSkew), func(m slack.Message) bool {
		key, version := keyOf(m)
		if key != d.Key {
			return false
		}
		found = posted{ts: m.Timestamp, version: version}
		return true
	})
	return found, err
}

func keyOf(m slack.Message) (key string, version int64) {
	if m.Metadata.EventType != metadataType {
		return "", 0
	}
	key, _ = m.Metadata.EventPayload[metadataKey].(string)
	text, _ := m.Metadata.EventPayload[metadataVersion].(string)
	version, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return key, 0 // an unreadable version is an old one: it is drawn again
	}
	return key, version
}

// messages shows each message of a channel, or of a thread, since a time to seen, until that says true.
func (b *Bot) messages(ctx context.Context, channel, thread string, since time.Time, seen func(slack.Message) bool) error {
	oldest := fmt.Sprintf("%d.%06d", since.Unix(), since.Nanosecond()/1000)
	for cursor := ""; ; {
		page, next, err := b.page(ctx, channel, thread, oldest, cursor)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(page, seen) {
			return nil
		}
		if next == "" {
			return nil
		}
		cursor = next
	}
}

func (b *Bot) page(ctx context.Context, channel, thread, oldest, cursor string) (page []slack.Message, next string, err error) {
	const perPage = 200
	if thread != "" {
		page, _, next, err = b.api.GetConversationRepliesContext(ctx, &slack.GetConversationRepliesParameters{
			ChannelID: channel, Timestamp: thread, Oldest: oldest, Cursor: cursor, Limit: perPage, IncludeAllMetadata: true,
		})
		return page, next, err
	}
	h, err := b.api.GetConversationHistoryContext(ctx, &slack.GetConversationHistoryParameters{
		ChannelID: channel, Oldest: oldest, Cursor: cursor, Limit: perPage, IncludeAllMetadata: true,
	})
	if err != nil {
		return nil, "", err
	}
	return h.Messages, h.ResponseMetaData.NextCursor, nil
}

// attach puts a file into the thread of a message, once: its name says of which content it is, and a file of that name in the thread is
// it. comment is shown beside it.
func (b *Bot) attach(ctx context.Context, d engine.Delivery, channel, ts string, f engine.File, comment string) error {
	thread := ts
	if d.ThreadTS != "" {
		thread = d.ThreadTS
	}
	there, err := b.hasFile(ctx, d, channel, thread, f.Name)
	if err != nil || there {
		return err
	}
	_, err = b.api.UploadFileContext(ctx, slack.UploadFileParameters{
		Filename: f.Name, Title: f.Title, Reader: strings.NewReader(f.Content), FileSize: len(f.Content), AltTxt: f.Title,
		InitialComment: comment, Channel: channel, ThreadTimestamp: thread,
	})
	if err != nil {
		return fmt.Errorf("uploading %s: %w", f.Name, err)
	}
	// Slack shares an uploaded file a moment after it says so. Until it is seen, a crash would upload it again.
	for range 10 {
		if there, err := b.hasFile(ctx, d, channel, thread, f.Name); err != nil || there {
			return err
		}
		if !pause(ctx, b.timing.Pace) {
			return ctx.Err()
		}
	}
	return fmt.Errorf("%s was uploaded, but Slack does not show it", f.Name)
}

func (b *Bot) hasFile(ctx context.Context, d engine.Delivery, channel, thread, name string) (bool, error) {
	there := false
	err := b.messages(ctx, channel, thread, d.Declared.Add(-clockSkew), func(m slack.Message) bool {
		for _, f := range m.Files {
			there = there || strings.EqualFold(f.Name, name)
		}
		return there
	})
	if err != nil {
		return false, fmt.Errorf("looking for %s: %w", name, err)
	}
	return there, nil
}
