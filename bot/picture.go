package bot

import (
	"context"
	"fmt"
	"strings"

	"github.com/eks-autopilot/autopilot/bot/chart"
	"github.com/eks-autopilot/autopilot/bot/view"
	"github.com/eks-autopilot/autopilot/engine"
)

// pictures uploads the charts of a message into its thread, for a workspace that Slack has given no charts. A chart that was not
// drawn or not taken is missing; the message says what it shows. A savings card's chart changes with every scan: a week has one picture.
func (b *Bot) pictures(ctx context.Context, d engine.Delivery, channel, ts string, m view.Message) {
	year, week := b.now().UTC().ISOWeek()
	of := fmt.Sprintf("%d-week%02d", year, week)
	if d.Kind == engine.MessageDigest {
		of = fmt.Sprintf("v%d", d.Version)
	}
	for n, c := range m.Charts {
		data, err := chart.PNG(c.Title, c.Values)
		if engine.CodeOf(err) == engine.Invalid {
			continue // there is too little to draw
		}
		if err == nil {
			name := fmt.Sprintf("%s-%d-%s.png", strings.ReplaceAll(d.Key, "/", "-"), n+1, of)
			err = b.attach(ctx, d, channel, ts, engine.File{Name: name, Title: c.Title, Content: string(data)}, "")
		}
		if err != nil {
			b.log.WarnContext(ctx, "a chart could not be uploaded", "key", d.Key, "chart", c.Title, "error", explain(err))
		}
	}
}
