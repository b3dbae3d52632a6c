package hurt

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/chaos"
)

const (
	cloudBegins = 3 * time.Minute // in which AWS FIS has to bring a fault about: it makes a pod for that first
	cloudEnds   = 2 * time.Minute // in which it has to undo it
)

// tryCloud says whether AWS FIS could bring a fault to a pod, as far as that can be told beforehand.
func (h *Injector) tryCloud(ctx context.Context, p *corev1.Pod, s engine.Strike, t engine.Victim) error {
	if h.Cloud == nil {
		return engine.Errorf(engine.Invalid, "AWS FIS is not configured for this cluster")
	}
	c, err := container(p, t)
	if err != nil {
		return err
	}
	if sc := c.SecurityContext; sc != nil && sc.ReadOnlyRootFilesystem != nil && *sc.ReadOnlyRootFilesystem {
		return engine.Errorf(engine.Invalid, "AWS FIS needs a container that may write its root filesystem, and %s may not", c.Name)
	}
	ctx, cancel := context.WithTimeout(ctx, callDeadline)
	defer cancel()
	return h.Cloud.Try(ctx, s, t)
}

// cloud holds a fault by AWS FIS, and has it stop at the end. FIS ends it by itself after its duration, whatever becomes of us.
func (b *blow) cloud(ctx context.Context) (string, bool) {
	if b.Cloud == nil {
		return "not begun: AWS FIS is not configured for this cluster", true
	}
	if _, err := b.pod(ctx, b.target); err != nil {
		return "not begun: " + message(err), true
	}
	keep := context.WithoutCancel(ctx)
	// Who gives up while it is asked for does not know whether it came, and could end what is not listed yet.
	asking, cancel := context.WithTimeout(keep, 2*callDeadline)
	defer cancel()
	var text string
	asked := b.Cloud.Begin(asking, b.strike, b.target, b.handle, b.lasts())
	if asked != nil {
		text = "not begun: " + message(asked)
		if engine.CodeOf(asked) != engine.Unavailable {
			return text, true
		}
	}
	var now chaos.CloudState
	look := func(ctx context.Context) bool {
		if s, err := b.Cloud.Look(ctx, b.handle); err == nil {
			now = s
		}
		return now.Over
	}
	if every(ctx, b.far, min(cloudBegins, b.left()), func(ctx context.Context) bool { return look(ctx) || now.Holds }) && now.Holds {
		b.begin()
		every(ctx, b.far, b.lasts(), look)
		text = "AWS FIS held it"
	}
	if now.Over && now.Text != "" {
		text = fmt.Sprintf("AWS FIS says: %s", now.Text)
	}
	if text == "" {
		text = "AWS FIS did not bring it about in time"
	}
	if err := b.endCloud(keep, b.handle); err != nil {
		return text + "; " + message(err), false
	}
	if asked != nil && b.began.IsZero() && !now.Over {
		return text + "; whether it came nobody knows: it is looked for again", false
	}
	return text + ", and it has ended", true
}

// endCloud has AWS FIS end a fault, and waits until it has.
func (h *Injector) endCloud(ctx context.Context, handle string) error {
	if h.Cloud == nil {
		return engine.Errorf(engine.Unavailable, "it is not configured for this cluster any more, so that nobody can look; it ends its faults by itself")
	}
	var last error
	if !every(ctx, h.far, cloudEnds, func(ctx context.Context) bool {
		last = h.Cloud.End(ctx, handle)
		return last == nil
	}) {
		return last
	}
	return nil
}
