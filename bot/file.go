package bot

import (
	"context"
	"fmt"
	"strings"

	"github.com/slack-go/slack"

	"github.com/eks-autopilot/autopilot/engine"
)

// sendFile sends a file to the asker: an ephemeral answer cannot carry one, and a channel would show it to everybody. Slack opens the
// direct message with what is posted to a person. It is tried once, as all answers are.
func (b *Bot) sendFile(ctx context.Context, user string, f engine.File) error {
	channel, _, err := b.api.PostMessageContext(ctx, user, slack.MsgOptionText(f.Title, true),
		slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl())
	if err != nil {
		return fmt.Errorf("opening the direct message: %w", err)
	}
	if _, err := b.api.UploadFileContext(ctx, slack.UploadFileParameters{
		Filename: f.Name, Title: f.Title, Reader: strings.NewReader(f.Content), FileSize: len(f.Content), AltTxt: f.Title, Channel: channel,
	}); err != nil {
		return fmt.Errorf("uploading %s: %w", f.Name, err)
	}
	return nil
}
