package handlers

import (
	"context"
	"errors"
	"fmt"

	"github.com/eks-autopilot/autopilot/engine"
)

// page tells every configured pager, then records that it was told. Pagers fold what they are told twice into one by its key.
//
// It is tried again while a pager does not answer, whatever another says. A trigger that no pager will ever take is told in the
// thread, for then nobody is woken.
func (h *Handlers) page(ctx context.Context, t engine.Task) error {
	i, err := h.Incidents.Incident(ctx, t.IncidentID)
	if err != nil {
		return err
	}
	what, reopened := engine.ReadPageDetail(t.Detail)
	current := reopened == i.Reopened
	switch {
	case current && !stillSo(what, i):
		return nil
	case !current && what != "resolve": // the call that it is about has another key, and nobody waits for it any more
		return nil
	}
	i.Reopened = reopened
	link := ""
	if h.Thread != nil {
		link = h.Thread(i.Thread)
	}
	told := 0
	var later, never []error
	if len(h.Pagers) == 0 {
		never = append(never, errors.New("no pager is configured"))
	}
	for _, p := range h.Pagers {
		err := p.Send(ctx, what, i, link)
		if err == nil {
			told++
			continue
		}
		h.Log.ErrorContext(ctx, "pager not told", "pager", p.Name(), "incident", i.ID, "what", what, "error", err)
		err = fmt.Errorf("%s: %w", p.Name(), err)
		switch engine.CodeOf(err) {
		case engine.Unavailable, engine.Internal:
			later = append(later, err)
		default:
			never = append(never, err)
		}
	}
	switch {
	case len(later) > 0:
		return engine.Wrap(engine.Unavailable, errors.Join(later...), "a pager could not be told")
	case told > 0 && !current:
		return nil
	case told > 0:
		return h.Progress.Paged(ctx, i.ID, what)
	case what == "trigger":
		if err := h.Progress.Paged(ctx, i.ID, "refused"); err != nil {
			return err
		}
	}
	return engine.Wrap(engine.Invalid, errors.Join(never...), "no pager took it")
}

// stillSo tells whether what a pager is to be told is still true. The task may be an hour late: by then somebody may have
// acknowledged the incident, and nobody needs waking.
func stillSo(what string, i engine.Incident) bool {
	switch what {
	case "trigger":
		return i.Status == engine.Open
	case "acknowledge":
		return i.Status == engine.Acknowledged
	case "resolve":
		return i.Status == engine.Resolved
	}
	return true
}
