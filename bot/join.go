package bot

import (
	"context"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// joinChannels makes one lane of each channel that messages are routed to by its name and by its id, so that it is told things in
// order and at its pace. It gives how long to wait before that is done again; 0 when the configuration names no channel twice,
// whatever Slack may say.
func (b *Bot) joinChannels(ctx context.Context) time.Duration {
	var names, ids []string
	for _, c := range append(slices.Clone(b.cfg.Channels), b.cfg.Fallback) {
		switch {
		case channelID.MatchString(c):
			ids = append(ids, c)
		case c != "":
			names = append(names, c)
		}
	}
	if len(names) == 0 || len(ids) == 0 {
		return 0
	}
	slices.Sort(names)
	wait := channelsKeep // a name may go to another channel
	for _, name := range slices.Compact(names) {
		id, err := b.ResolveChannel(ctx, name)
		_, joined := b.joined.Load(name)
		if engine.CodeOf(err) == engine.NotFound || err == nil && !joined && !slices.Contains(ids, id) {
			continue
		}
		if err == nil {
			err = b.outbox.SameChannel(ctx, name, id)
		}
		if err != nil {
			// Meanwhile they are two lanes: what is late is worse than what is out of order.
			b.log.WarnContext(ctx, "whether two slack channels are one is not known yet", "channel", name, "error", explain(err), "wait", b.timing.Join)
			wait = b.timing.Join
			continue
		}
		if was, known := b.joined.Swap(name, id); !known || was != id {
			b.log.InfoContext(ctx, "slack channel is routed to by name and by id", "channel", name, "id", id)
		}
	}
	return wait
}

func (b *Bot) keepJoining(ctx context.Context, wait time.Duration) {
	for pause(ctx, wait) {
		wait = b.joinChannels(ctx)
	}
}

// lane is what a channel's lane is called: its id where it is routed to by both, else what the configuration calls it.
func (b *Bot) lane(channel string) string {
	if id, ok := b.joined.Load(channel); ok {
		if id, ok := id.(string); ok {
			return id
		}
	}
	return channel
}
