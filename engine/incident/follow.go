package incident

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// sure is how likely a cause must be for its incident to be put under another.
const sure = 0.5

// Follow puts an incident under the one that its likeliest cause names: that of another workload (the service that it cannot reach), or,
// where what it names has none (a quota), the earliest of those that name the same. It has no card of its own then. Where the other is told
// in another channel, or is less severe, somebody could miss it: it keeps its card, and a line says what it follows from. An incident that
// was put under another and is no longer explained by it is on its own again.
//
// near is the open incidents that may explain it, in any order: those of the workloads that its cause names, those whose cause names the
// same, the parents of all of these, and its own parent.
func Follow(i engine.Incident, near []engine.Incident, r Rules, now time.Time) Plan {
	if !i.IsOpen() || !i.ClearedAt.IsZero() || i.Workload.Kind == engine.KindNode || i.Diagnosis.At.IsZero() {
		return Plan{}
	}
	under, k := engine.Incident{}, slices.IndexFunc(near, func(p engine.Incident) bool { return p.ID == i.ParentID })
	if i.ParentID != 0 && k >= 0 {
		under = near[k]
	}
	if under.Workload.Kind == engine.KindNode {
		return Plan{} // its signals say where it belongs
	}
	d := newDraft(i, r, now)
	p, ok := explains(i, near, r)
	switch {
	case ok && p.ID == i.ParentID && p.Severity.Rank() >= i.Severity.Rank():
	case ok && r.Route.channelOf(p) == r.Route.channelOf(i) && p.Severity.Rank() >= i.Severity.Rank():
		d.leave()
		d.under(p)
	case ok:
		if i.ParentID != 0 {
			d.leave()
			d.promote()
		}
		text := followsText(p)
		if e, told := latest(i, EventLinked); !told || e.Text != text {
			d.tell(EventLinked, engine.Person{}, "%s", text)
		}
	case i.ParentID != 0 && under.ID != 0:
		d.leave()
		d.promote()
	}
	return d.finish()
}

func followsText(p engine.Incident) string {
	return fmt.Sprintf("Follows from incident %d: %s", p.ID, p.Title)
}

// leave takes the incident from under its parent, which is redrawn.
func (d *draft) leave() {
	if d.i.ParentID != 0 {
		d.plan.Touched = append(d.plan.Touched, d.i.ParentID)
		d.i.ParentID, d.changed = 0, true
	}
}

// under puts the incident under another, and what was under it too, so that each has one root.
func (d *draft) under(p engine.Incident) {
	d.i.ParentID = p.ID
	d.note(EventAdopted, engine.Person{}, "%s", followsText(p))
	for _, c := range d.i.Children {
		if c.IsOpen() && c.ID != p.ID {
			c.ParentID = p.ID
			c.Version++
			d.plan.Others, d.plan.Touched = append(d.plan.Others, c), append(d.plan.Touched, c.ID)
			d.line(c.ID, EventAdopted, "%s", followsText(p))
			p.Children = append(slices.Clip(p.Children), c)
		}
	}
	d.hurts(p)
}

// explains finds the root of the incident that explains another. ok is false when none does.
func explains(i engine.Incident, near []engine.Incident, r Rules) (engine.Incident, bool) {
	root := rootOf(i)
	if root == nil {
		return engine.Incident{}, false
	}
	near = slices.SortedFunc(slices.Values(near), func(a, b engine.Incident) int {
		return cmp.Or(a.DetectedAt.Compare(b.DetectedAt), cmp.Compare(a.ID, b.ID))
	})
	top := func(p engine.Incident) (engine.Incident, bool) {
		for range near {
			if p.ParentID == 0 {
				break
			}
			k := slices.IndexFunc(near, func(o engine.Incident) bool { return o.ID == p.ParentID })
			if k < 0 {
				return p, false
			}
			p = near[k]
		}
		return p, p.ID != i.ID && p.ParentID == 0 && p.IsOpen()
	}
	for _, p := range near {
		if p.ID != i.ID && p.IsOpen() && answersTo(*root, p.Workload) && !precedes(i.Signals, p, r) {
			if t, ok := top(p); ok {
				return t, true
			}
		}
	}
	for _, p := range near {
		if same := rootOf(p); same == nil || *same != *root || !p.IsOpen() || p.ID == i.ID || !older(p, i) {
			continue
		}
		if t, ok := top(p); ok {
			return t, true
		}
	}
	return engine.Incident{}, false
}

// older orders incidents that have the same cause: the one that was there first leads.
func older(a, b engine.Incident) bool {
	return cmp.Or(a.DetectedAt.Compare(b.DetectedAt), cmp.Compare(a.ID, b.ID)) < 0
}

// rootOf is what an incident's likeliest cause says that it follows from; nil where it says nothing, or is not likely.
func rootOf(i engine.Incident) *engine.Workload {
	first, ok := i.Diagnosis.Cause("")
	if !ok || first.Confidence < sure || first.Root == nil || first.Root.Cluster != i.Workload.Cluster {
		return nil
	}
	return first.Root
}

// answersTo tells whether a workload is what a cause names. Of a Service of which nobody knows whose it is, the workload of its name is.
func answersTo(root, w engine.Workload) bool {
	if root.Kind == engine.KindService {
		return root.Cluster == w.Cluster && root.Namespace == w.Namespace && (root.Name == w.Name || strings.HasPrefix(root.Name, w.Name+"-"))
	}
	return root == w
}
