package handlers

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// removalOff says how the bot is let remove what only a person can remove now.
const removalOff = "; a person does the steps, unless `volumes: {remove: true}` and the account's remover_role_arn in the configuration let the bot do them"

// removal makes of a draft that no file stands for one that the bot itself carries out, where it may. Where a file may declare the volume,
// or where it cannot be told, it stays with people.
func (h *Handlers) removal(f engine.Finding, absent bool, item *engine.ProposalItem) {
	if f.Volume == nil || len(item.Edits)+len(item.ByHand) > 0 {
		return
	}
	if _, ok := h.remover(f.Target); !ok {
		item.Why += removalOff
		return
	}
	if !absent {
		item.Why += "; the bot removes no volume while a file may declare it"
		return
	}
	v := f.Volume
	item.Removal = &engine.Removal{
		GiB: v.GiB, Type: v.Type, Zone: v.Zone, CreatedAt: v.CreatedAt, DetachedAt: v.DetachedAt, Tags: v.Tags, Snapshot: v.SnapshotMonthly,
	}
	switch {
	case f.Monthly <= 0:
	case v.Snapshot == "":
		item.Removal.Whole = f.Monthly + v.SnapshotMonthly // it is netted
	default:
		item.Removal.Whole, item.Removal.Snapshot = f.Monthly, 0 // the new one holds what changed since: nothing
	}
	item.Steps = engine.RemovalSteps(f.Target.Provider, f.Target.Region)
	for _, step := range v.Plan {
		if strings.HasPrefix(step, "kubectl ") {
			item.Removal.After = append(item.Removal.After, step)
			item.Steps = append(item.Steps, "by a person, afterwards: "+step)
		}
	}
}

// oneVolume leaves of a plan the first volume that the bot itself would remove: each is approved, done and measured on its own.
func oneVolume(plan *engine.Plan) {
	at := slices.IndexFunc(plan.Items, func(i engine.ProposalItem) bool { return i.Removal != nil })
	if at < 0 || len(plan.Items) == 1 {
		return
	}
	more := len(plan.Items) - 1
	plan.Items = plan.Items[at : at+1 : at+1]
	plan.Need.Why = append(plan.Need.Why, fmt.Sprintf("one volume at a time: %d more on this card, each approved on its own", more))
}

func isWaiting(err error) bool {
	_, ok := errors.AsType[*engine.Waiting](err)
	return ok
}
