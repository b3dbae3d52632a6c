package bot

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/eks-autopilot/autopilot/bot/view"
	"github.com/eks-autopilot/autopilot/engine"
)

// renderDigest draws the message of a digest, or one of those in its thread.
func (b *Bot) renderDigest(ctx context.Context, d engine.Delivery) (view.Message, error) {
	x, err := b.content.Digest(ctx, d.Subject)
	if err != nil {
		return view.Message{}, err
	}
	if d.Kind == engine.MessageDetails {
		return view.DigestDetails(x, d.Detail)
	}
	return view.Digest(d.Key, x, b.workspaceURL()), nil
}

// attachReport uploads the files of a digest into its thread, once for each version of it. What could not be made is said beside the
// first. The reader waits for these files, so that a failure is worth another attempt.
func (b *Bot) attachReport(ctx context.Context, d engine.Delivery, channel, ts string) error {
	if b.cfg.Attachments == nil {
		return nil
	}
	x, err := b.content.Digest(ctx, d.Subject)
	if err != nil {
		return err
	}
	making, cancel := context.WithTimeout(ctx, b.timing.Lease/3)
	files, without, err := b.cfg.Attachments(making, x)
	cancel()
	if err != nil {
		return fmt.Errorf("making the files: %w", err)
	}
	comment := view.Without(without)
	for _, f := range files {
		f.Name = versioned(f.Name, d.Version)
		if err := b.attach(ctx, d, channel, ts, f, comment); err != nil {
			return err
		}
		comment = ""
	}
	return nil
}

// versioned is the name of a file of some version of a message: "report.html", "report-v2.html".
func versioned(name string, version int64) string {
	if version <= 1 {
		return name
	}
	ext := path.Ext(name)
	return fmt.Sprintf("%s-v%d%s", strings.TrimSuffix(name, ext), version, ext)
}
