package incident

import (
	"cmp"
	"slices"

	"github.com/eks-autopilot/autopilot/engine"
)

// MostAlike gives the incident of before that is most like another one: of its workload and with its likeliest cause, else of its
// workload and with a class of its, else of another workload of the cluster with the very same cause; of several, the one that was
// resolved last. Their order does not matter. ok is false when none is like it.
func MostAlike(i engine.Incident, before []engine.Incident) (like engine.Incident, ok bool) {
	best := 0
	for _, b := range before {
		n := alike(i, b)
		if n == 0 || n < best {
			continue
		}
		if n > best || cmp.Or(b.ResolvedAt.Compare(like.ResolvedAt), cmp.Compare(b.ID, like.ID)) > 0 {
			best, like, ok = n, b, true
		}
	}
	return like, ok
}

// alike says how much an incident of before is like another; 0 for not at all.
func alike(i, before engine.Incident) int {
	if before.ID == i.ID || before.IsOpen() || before.ResolvedAt.After(i.DetectedAt) || before.Workload.Cluster != i.Workload.Cluster {
		return 0
	}
	same := SameCause(i, before)
	switch shares := slices.ContainsFunc(before.Classes, func(c engine.Class) bool { return slices.Contains(i.Classes, c) }); {
	case before.Workload == i.Workload && same:
		return 3
	case before.Workload == i.Workload && shares:
		return 2
	case same && i.Diagnosis.Causes[0].Title == before.Diagnosis.Causes[0].Title:
		return 1
	}
	return 0
}

// SameCause tells whether the likeliest causes of two incidents are known and of one rule.
func SameCause(a, b engine.Incident) bool {
	x, known := a.Diagnosis.Cause("")
	y, both := b.Diagnosis.Cause("")
	return known && both && x.Rule == y.Rule
}

// Fixes gives what ended an incident, in the order of time: the remedies that were carried out, the pull requests that were merged
// meanwhile, which the caller knows, and how it was resolved. There are none of one that is open.
func Fixes(i engine.Incident, merged []engine.Fix) []engine.Fix {
	if i.IsOpen() {
		return nil
	}
	var fixes []engine.Fix
	var asked engine.Person
	for _, e := range i.Timeline {
		switch e.Kind {
		case engine.EventRemedyAsked:
			asked = e.By
		case engine.EventRemedyDone:
			fixes = append(fixes, engine.Fix{Kind: engine.FixRemedy, At: e.At, By: asked, Text: e.Text})
		}
	}
	for _, m := range merged {
		if !m.At.After(i.ResolvedAt) {
			fixes = append(fixes, m)
		}
	}
	slices.SortStableFunc(fixes, func(a, b engine.Fix) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Text, b.Text)) })
	end := engine.Fix{Kind: engine.FixItself, At: i.ResolvedAt, Text: "Resolved by itself"}
	if !i.ResolvedBy.IsZero() {
		end.Kind, end.By, end.Text = engine.FixPerson, i.ResolvedBy, "Resolved"
	}
	if e, ok := latest(i, EventResolved); ok {
		end.Text = e.Text
	}
	return append(fixes, end)
}
