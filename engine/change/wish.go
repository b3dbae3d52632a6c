package change

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// The controllers of a node whose size a file can declare, as engine.NodeRemoval names them. Karpenter and the cluster autoscaler
// decide by themselves how many nodes there are: no number in a file would change that.
const (
	managedGroup = "managed node group"
	scalingGroup = "autoscaling group"
)

// WishOf says which value a finding wants to be another. ok is false where no value in a file would bring it about: StepsOf then
// says what does.
func WishOf(f engine.Finding) (w engine.Wish, ok bool) {
	switch {
	case f.Sizing != nil:
		return requestWish(f.Target, f.Sizing)
	case f.Node != nil:
		return groupWish(f.Target, f.Node)
	case f.Volume != nil && f.Target.Provider != "":
		return engine.Wish{Kind: engine.WishVolume, Target: f.Target, Name: f.Target.Provider, Old: f.Volume.Snapshot}, true
	}
	return engine.Wish{}, false
}

func requestWish(t engine.Target, s *engine.Sizing) (engine.Wish, bool) {
	if s.Old <= 0 || s.New <= 0 || s.Old == s.New {
		return engine.Wish{}, false
	}
	w := engine.Wish{
		Kind: engine.WishRequest, Target: t, Field: string(s.Resource),
		Old: Quantity(s.Old, s.Resource), New: Quantity(s.New, s.Resource),
	}
	if a := s.Autoscale; a != nil && a.NewTarget != a.OldTarget {
		w.With = []engine.Wish{{
			Kind: engine.WishTarget, Target: t, Name: a.Name, Field: string(s.Resource),
			Old: strconv.Itoa(int(a.OldTarget)), New: strconv.Itoa(int(a.NewTarget)),
		}}
	}
	return w, true
}

// groupWish makes a group one node smaller. Its minimum goes along where it would hold the node back.
func groupWish(t engine.Target, n *engine.NodeRemoval) (engine.Wish, bool) {
	if n.Controller != managedGroup && n.Controller != scalingGroup || n.Group == "" || n.Desired < 1 {
		return engine.Wish{}, false
	}
	size := func(field string, from int) engine.Wish {
		return engine.Wish{
			Kind: engine.WishGroup, Target: t, Name: n.Group, Field: field, Old: strconv.Itoa(from), New: strconv.Itoa(n.Desired - 1),
		}
	}
	w := size(FieldDesired, n.Desired)
	if n.Min > n.Desired-1 {
		w.With = []engine.Wish{size(FieldMin, n.Min)}
	}
	return w, true
}

// The Fields of a WishGroup.
const (
	FieldMin     = "min"
	FieldDesired = "desired"
	FieldGroup   = "group" // all of it is removed: Old is how many nodes it has, New is empty
)

// Reverse is the wish that takes one back. ok is false for what cannot be: a volume or a group that is gone stays gone.
func Reverse(w engine.Wish) (back engine.Wish, ok bool) {
	if w.Kind == engine.WishVolume || w.Kind == engine.WishRevert || w.Kind == engine.WishGroup && w.Field == FieldGroup || w.Old == "" {
		return engine.Wish{}, false
	}
	back = w
	back.Old, back.New, back.With = w.New, w.Old, nil
	for _, also := range w.With {
		other, ok := Reverse(also)
		if !ok {
			return engine.Wish{}, false
		}
		back.With = append(back.With, other)
	}
	return back, true
}

// StepsOf says what is done for a finding where no file declares it, exactly: commands, in their order; none for what only a file can
// change.
func StepsOf(f engine.Finding) []string {
	if f.Volume == nil {
		return nil
	}
	return f.Volume.Plan
}

// IsSnapshotFirst tells whether the edits of a wish do not bring it about yet: they keep a snapshot of a volume, which a second change
// then removes.
func IsSnapshotFirst(w engine.Wish, edits []engine.FileEdit) bool {
	return w.Kind == engine.WishVolume && w.Old == "" && len(edits) > 0
}

// WhyNone says why a finding has no wish, and what a person can do.
func WhyNone(f engine.Finding) string {
	why := "nothing in a file would change it"
	switch {
	case f.Node != nil && f.Node.Controller == "Karpenter":
		why = "Karpenter decides how many nodes there are; no file says the number"
	case f.Node != nil && f.Node.Controller == "cluster-autoscaler":
		why = "the cluster autoscaler decides how many nodes there are; no file says the number"
	case f.Node != nil && f.Node.Group == "":
		why = "the node belongs to no group, so no file says that there is one node less"
	case f.Node != nil:
		why = "the size of the group is not known; the next scan reads it"
	}
	if f.Lever == "" {
		return why
	}
	return why + ". What can be changed: " + f.Lever
}

// WishTitle says a wish in one line: "payments/api memory 2 → 1.2 GiB".
func WishTitle(w engine.Wish) string {
	switch w.Kind {
	case engine.WishVolume:
		return "volume " + w.Target.Provider + " removed"
	case engine.WishGroup:
		if w.Field == FieldGroup {
			return "node group " + w.Name + " removed"
		}
		parts := make([]string, 0, 1+len(w.With))
		for _, size := range append([]engine.Wish{w}, w.With...) {
			parts = append(parts, fmt.Sprintf("%s %s → %s", size.Field, size.Old, size.New))
		}
		return "node group " + w.Name + " " + strings.Join(parts, ", ")
	case engine.WishRequest, engine.WishLimit:
		what := resourceName(w.Field)
		if w.Kind == engine.WishLimit {
			what += " limit"
		}
		parts := []string{fmt.Sprintf("%s %s %s", w.Target.Workload, what, fromTo(w.Old, w.New, engine.Resource(w.Field)))}
		for _, also := range w.With {
			parts = append(parts, fmt.Sprintf("autoscaler %s → %s %%", also.Old, also.New))
		}
		return strings.Join(parts, ", ")
	case engine.WishTarget:
		return fmt.Sprintf("%s autoscaler %s %s → %s %%", w.Target.Workload, w.Name, w.Old, w.New)
	case engine.WishRevert:
		return revertTitle(w)
	case engine.WishImage, engine.WishProbe:
	}
	return fmt.Sprintf("%s %s %s → %s", w.Target.Workload, orKind(w), w.Old, w.New)
}

func orKind(w engine.Wish) string {
	if w.Field != "" {
		return w.Field
	}
	return string(w.Kind)
}

func resourceName(field string) string {
	if field == string(engine.CPU) {
		return "CPU"
	}
	return field
}

// revertTitle says what is taken back in one line: "payments/api: revert commit 1a2b3c4d5e (env LEVEL=debug → LEVEL=info and 1 more)",
// and without the commit where that is still to be found.
func revertTitle(w engine.Wish) string {
	what, key, _ := strings.Cut(w.Field, " ")
	text := ""
	switch {
	case what == FieldConfigMap:
		text = "ConfigMap " + key
	case w.Old == w.New || what == "template":
		text = w.Field
	case w.New == "":
		text = fmt.Sprintf("%s without %s", what, bounded(w.Old))
	case w.Old == "":
		text = fmt.Sprintf("%s with %s", what, bounded(w.New))
	default:
		text = fmt.Sprintf("%s %s → %s", what, bounded(w.Old), bounded(w.New))
	}
	if more := len(Values(w.With...)); more > 0 && w.With[0].Field != FieldRevision {
		text += fmt.Sprintf(" and %d more", more)
	}
	if w.Name == "" {
		return fmt.Sprintf("%s: %s", w.Target.Workload, text)
	}
	return fmt.Sprintf("%s: revert commit %s (%s)", w.Target.Workload, w.Name[:min(len(w.Name), shortSHA)], text)
}
