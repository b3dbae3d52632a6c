package bot

import (
	"context"
	"fmt"
	"strings"

	"github.com/slack-go/slack"

	"github.com/eks-autopilot/autopilot/engine"
)

// Share posts a text of ours to a channel, and a file into its thread. It is for commands that a person runs and looks at: it is tried as
// they try it, and nothing is kept of it. It fails with NotFound for a channel that is not there.
func (b *Bot) Share(ctx context.Context, channel, text string, f engine.File) error {
	id, err := b.ResolveChannel(ctx, channel)
	if err != nil {
		return err
	}
	_, ts, err := b.api.PostMessageContext(ctx, id, slack.MsgOptionText(text, false), slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl())
	if err != nil {
		return engine.Wrap(engine.Unavailable, fmt.Errorf("chat.postMessage: %s", explain(err)), "Slack did not take the message to "+channel)
	}
	if _, err := b.api.UploadFileContext(ctx, slack.UploadFileParameters{
		Filename: f.Name, Title: f.Title, Reader: strings.NewReader(f.Content), FileSize: len(f.Content), AltTxt: f.Title, Channel: id, ThreadTimestamp: ts,
	}); err != nil {
		return engine.Wrap(engine.Unavailable, fmt.Errorf("uploading: %s", explain(err)), "Slack did not take the file "+f.Name)
	}
	return nil
}
