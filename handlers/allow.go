package handlers

import (
	"context"
	"slices"
	"sync"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/policy"
)

// notEveryone is added to a refusal that a full member of the workspace would not have got.
const notEveryone = " (guests and people of other workspaces do not count as everyone)"

// allowed asks the policy. It fails with Unavailable while nobody can tell: a refusal that is kept for good must not come of a
// Slack that did not answer just then. Whose groups Slack will never give counts as in none, and the refusal says so.
func (h *Handlers) allowed(ctx context.Context, p engine.Person, a engine.Action, w engine.Workload) (ok bool, reason string, err error) {
	return h.ask(ctx, p, func(groups []string) (bool, string) { return h.Policy.Allowed(p, groups, a, w) })
}

// ask puts a question to the policy in a person's name, as one in their groups and, where that decides it, as one of everyone. Slack is
// asked no more than is needed: who is named by id needs none of it.
func (h *Handlers) ask(ctx context.Context, p engine.Person, may func(groups []string) (bool, string)) (ok bool, reason string, err error) {
	member := sync.OnceValues(func() (bool, error) { return h.Groups.Member(ctx, p.ID) })
	as := func(groups []string) (bool, string, error) {
		ok, reason := may(groups)
		if ok {
			return true, reason, nil
		}
		open := append(slices.Clip(groups), policy.Everyone)
		if ok, _ := may(open); !ok {
			return false, reason, nil
		}
		switch is, err := member(); {
		case err != nil:
			return false, reason, err
		case !is:
			return false, reason + notEveryone, nil
		}
		_, reason = may(open)
		return true, reason, nil
	}
	if ok, reason, err = as(nil); ok {
		return true, reason, nil
	}
	groups, failed := h.Groups.Groups(ctx, p.ID)
	if failed == nil {
		ok, reason, err = as(groups)
	}
	if ok {
		return true, reason, nil
	}
	for _, e := range []error{failed, err} {
		if engine.CodeOf(e) == engine.Unavailable {
			return false, "", e
		}
		if e != nil {
			h.Log.WarnContext(ctx, "cannot ask Slack who somebody is", "user", p.ID, "error", e)
			reason += " (" + engine.UserMessage(e, p.ID) + ")"
		}
	}
	return false, reason, nil
}
