package handlers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
	"github.com/eks-autopilot/autopilot/engine/waste"
)

// live tells whether all that a proposal changes is so by now where it runs, and what is there.
func (h *Handlers) live(ctx context.Context, p engine.Proposal) (done bool, line string, err error) {
	l := living{h: h, accounts: map[string]waste.Account{}}
	var said []string
	for _, i := range p.Items {
		if change.IsSnapshotFirst(i.Wish, i.Edits) {
			kept, err := l.snapshot(ctx, i.Wish.Target, p.ApprovedAt)
			if err != nil || kept == "" {
				return false, "there is no snapshot of volume " + i.Wish.Target.Provider + " yet", err
			}
			said = append(said, "snapshot "+kept+" of volume "+i.Wish.Target.Provider+" is there")
			continue
		}
		for _, w := range change.Values(i.Wish) {
			is, err := l.value(ctx, w)
			if engine.CodeOf(err) == engine.NotFound {
				return false, engine.UserMessage(err, "-"), nil
			}
			if err != nil {
				return false, "", err
			}
			if !reached(w, is) {
				return false, fmt.Sprintf("%s: %s is %s", change.WishTitle(w), place(w), orUnset(is)), nil
			}
			said = append(said, fmt.Sprintf("%s is %s", place(w), orUnset(is)))
		}
	}
	return true, strings.Join(said, ", "), nil
}

// place names what a wish is about, in the fewest words.
func place(w engine.Wish) string {
	switch w.Kind {
	case engine.WishVolume:
		return "volume " + w.Target.Provider
	case engine.WishGroup:
		return w.Field + " of node group " + w.Name
	case engine.WishTarget:
		return "target of autoscaler " + w.Name
	case engine.WishRequest, engine.WishLimit, engine.WishImage, engine.WishProbe, engine.WishRevert:
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s", w.Target.Workload, w.Field))
}

func orUnset(value string) string {
	if value == "" {
		return "not set"
	}
	return value
}

// gone is the value of a volume or a node group that is not there any more.
const gone = "gone"

// reached tells whether a value is as it was wished. A group that somebody made smaller still has it too.
func reached(w engine.Wish, is string) bool {
	switch w.Kind {
	case engine.WishVolume:
		return is == gone
	case engine.WishGroup:
		return is == gone || is != "" && w.New != "" && !change.Exceeds(is, w.New, 1)
	case engine.WishRequest, engine.WishTarget, engine.WishLimit, engine.WishImage, engine.WishProbe, engine.WishRevert:
	}
	return change.Reached(w, is)
}

// living reads what is, each account once.
type living struct {
	h        *Handlers
	accounts map[string]waste.Account
}

func (l *living) value(ctx context.Context, w engine.Wish) (string, error) {
	switch w.Kind {
	case engine.WishVolume:
		a, err := l.account(ctx, w.Target, waste.PartVolumes)
		if err != nil {
			return "", err
		}
		at := slices.IndexFunc(a.Volumes, func(v waste.Volume) bool { return v.ID == w.Target.Provider && v.State != "deleting" })
		if at < 0 {
			return gone, nil
		}
		return a.Volumes[at].State, nil
	case engine.WishGroup:
		a, err := l.account(ctx, w.Target, waste.PartGroups)
		if err != nil {
			return "", err
		}
		g, ok := l.group(a, w)
		if !ok && w.Field == change.FieldGroup {
			return gone, nil
		}
		if !ok {
			return "", engine.Errorf(engine.NotFound, "there is no node group %s any more", w.Name)
		}
		if w.Field == change.FieldMin {
			return fmt.Sprint(g.Min), nil
		}
		return fmt.Sprint(g.Desired), nil
	case engine.WishRequest, engine.WishTarget, engine.WishLimit, engine.WishImage, engine.WishProbe, engine.WishRevert:
	}
	c, ok := l.h.cluster(w.Target.Cluster)
	if !ok || c.Source.Value == nil {
		return "", engine.Errorf(engine.NotFound, "cluster %s is not in the configuration any more", w.Target.Cluster)
	}
	return c.Source.Value(ctx, w)
}

// snapshot gives a whole snapshot of a volume that was taken since; "" when there is none.
func (l *living) snapshot(ctx context.Context, t engine.Target, since time.Time) (string, error) {
	a, err := l.account(ctx, t, waste.PartSnapshots)
	if err != nil {
		return "", err
	}
	for _, s := range a.Snapshots {
		if s.VolumeID == t.Provider && s.State == "completed" && s.At.After(since) {
			return s.ID, nil
		}
	}
	return "", nil
}

// group finds a node group of the wish's cluster by its name.
func (l *living) group(a waste.Account, w engine.Wish) (waste.NodeGroup, bool) {
	eks := ""
	for _, c := range l.h.Waste.Clusters {
		if c.Name == w.Target.Cluster {
			eks = c.EKSName
		}
	}
	at := slices.IndexFunc(a.Groups, func(g waste.NodeGroup) bool {
		return g.Name == w.Name && (g.Cluster == "" || eks == "" || g.Cluster == eks)
	})
	if at < 0 {
		return waste.NodeGroup{}, false
	}
	return a.Groups[at], true
}

// account lists the account of a target. It fails with Unavailable when the part that is asked for could not be had.
func (l *living) account(ctx context.Context, t engine.Target, part waste.Part) (waste.Account, error) {
	key := t.Account + "/" + t.Region
	a, ok := l.accounts[key]
	if !ok {
		at := slices.IndexFunc(l.h.Waste.Accounts, func(w WasteAccount) bool {
			return w.ID == t.Account && (t.Region == "" || w.Region == t.Region)
		})
		if at < 0 {
			return a, engine.Errorf(engine.NotFound, "account %s is not in the configuration any more", t.Account)
		}
		err := l.h.within(ctx, listWithin, func(ctx context.Context) error {
			a, _ = l.h.Waste.Accounts[at].Inventory(ctx)
			return ctx.Err()
		})
		if err != nil {
			return a, engine.Wrap(engine.Unavailable, err, "AWS did not say in time what is there")
		}
		l.accounts[key] = a
	}
	if slices.Contains(a.Missing, part) {
		return a, engine.Errorf(engine.Unavailable, "AWS does not say what %s account %s has", part, t.Account)
	}
	return a, nil
}
