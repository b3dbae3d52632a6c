package bot

import (
	"context"
	"fmt"

	"github.com/eks-autopilot/autopilot/bot/view"
	"github.com/eks-autopilot/autopilot/engine"
)

// linked is how many incidents of an experiment are looked up for links to them.
const linked = 10

// renderExperiment draws an experiment's card, or its grade for the thread. What people act on is shown at once: how far it is. That one
// more of its targets was hit is not.
func (b *Bot) renderExperiment(ctx context.Context, d engine.Delivery) (m view.Message, says headline, err error) {
	e, err := b.content.Experiment(ctx, d.Subject)
	if err != nil {
		return m, says, err
	}
	found, err := b.threads(ctx, e)
	if err != nil {
		return m, says, err
	}
	if d.Kind == engine.MessageGrade {
		m, err = view.ExperimentGrade(e, found, b.workspaceURL())
		return m, headline{version: d.Version}, err
	}
	says.title = fmt.Sprint(e.Status, e.Ending, e.StopAt.Unix(), len(e.Approvals), e.Grade != nil)
	return view.Experiment(e, found, b.workspaceURL()), says, nil
}

// threads are those of the incidents that an experiment's grade names, as far as they are there.
func (b *Bot) threads(ctx context.Context, e engine.Experiment) (view.Threads, error) {
	if e.Grade == nil {
		return nil, nil
	}
	found := view.Threads{}
	ids := append([]int64{e.Grade.IncidentID}, e.Grade.False...)
	for _, id := range ids[:min(linked, len(ids))] {
		if id == 0 {
			continue
		}
		i, err := b.content.Incident(ctx, id)
		switch {
		case engine.CodeOf(err) == engine.NotFound:
		case err != nil:
			return nil, err
		default:
			found[id] = i.Thread
		}
	}
	return found, nil
}
