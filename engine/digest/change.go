package digest

import (
	"cmp"
	"maps"
	"slices"

	"github.com/eks-autopilot/autopilot/engine"
)

// What a line is by.
const (
	perTeam    = "team"
	perCluster = "cluster"
	perKind    = "kind"
)

const (
	// mostSteps is how many steps of a waterfall have a name; the others are one.
	mostSteps = 6

	stepOthers = "others"
	stepDays   = "days that cannot be compared"
)

// line is what one team, cluster or kind cost.
type line struct {
	by, name                        string
	total, before, same, sameBefore engine.MicroUSD
}

func (l line) change() engine.MicroUSD { return l.same - l.sameBefore }

// group adds up the parts by a name that each has. Those without one are left out.
func group(parts []Part, of func(Part) (by, name string, ok bool)) []line {
	type key struct{ by, name string }
	sums := map[key]line{}
	for _, p := range parts {
		by, name, ok := of(p)
		if !ok {
			continue
		}
		l := sums[key{by, name}]
		l.by, l.name = by, name
		total, same := &l.total, &l.same
		if p.Before {
			total, same = &l.before, &l.sameBefore
		}
		*total += p.Amount
		if p.Same {
			*same += p.Amount
		}
		sums[key{by, name}] = l
	}
	return slices.SortedFunc(maps.Values(sums), func(a, b line) int {
		return cmp.Or(cmp.Compare(b.total, a.total), cmp.Compare(b.before, a.before), cmp.Compare(a.by, b.by), cmp.Compare(a.name, b.name))
	})
}

func byTeam(parts []Part) []line {
	return group(parts, func(p Part) (string, string, bool) { return perTeam, p.Team, true })
}

// breakdowns divide the spend by each dimension. The lines of each come to the whole, for each part is in one of them.
func breakdowns(f Facts) []engine.Breakdown {
	dimensions := []struct {
		by string
		of func(Part) string
	}{
		{perTeam, func(p Part) string { return p.Team }},
		{perCluster, func(p Part) string { return p.Cluster }},
		{perKind, func(p Part) string { return p.Kind }},
	}
	out := make([]engine.Breakdown, 0, len(dimensions))
	for _, dimension := range dimensions {
		b := engine.Breakdown{By: dimension.by}
		for _, l := range group(f.Parts, func(p Part) (string, string, bool) { return dimension.by, dimension.of(p), true }) {
			b.Lines = append(b.Lines, engine.BreakdownLine{Name: l.name, Amount: l.total, Before: l.before})
		}
		out = append(out, b)
	}
	return out
}

// whose says who answers for a part: its team, or else what kind of cost it is. Of a team's own digest it is the cluster.
func whose(scope engine.DigestScope) func(Part) (by, name string, ok bool) {
	return func(p Part) (string, string, bool) {
		switch {
		case scope.Team != "" && p.Cluster != "":
			return perCluster, p.Cluster, true
		case scope.Team == "" && p.Team != "":
			return perTeam, p.Team, true
		}
		return perKind, p.Kind, true
	}
}

// changes are the lines by how much they changed on the days that can be compared.
func changes(lines []line) []line {
	lines = slices.DeleteFunc(lines, func(l line) bool { return l.change() == 0 })
	slices.SortFunc(lines, func(a, b line) int {
		return cmp.Or(cmp.Compare(size(b.change()), size(a.change())), cmp.Compare(b.change(), a.change()), cmp.Compare(a.by, b.by), cmp.Compare(a.name, b.name))
	})
	return lines
}

// size is how far an amount is from 0.
func size(m engine.MicroUSD) engine.MicroUSD { return max(m, -m) }

// waterfall leads from what the period before cost to what this one did: the largest changes by name, then what is left of them, then
// what the days come to that only one of the two has.
func waterfall(f Facts) []engine.SpendStep {
	s := spend(f)
	if s.SameDays == 0 {
		return nil
	}
	lines := changes(group(f.Parts, whose(f.Scope)))
	named := len(lines)
	if named > mostSteps+1 { // one alone is not gathered
		named = mostSteps
	}
	var steps []engine.SpendStep
	for _, l := range lines[:named] {
		steps = append(steps, engine.SpendStep{By: l.by, Name: l.name, Amount: l.change()})
	}
	var others engine.MicroUSD
	for _, l := range lines[named:] {
		others += l.change()
	}
	if others != 0 {
		steps = append(steps, engine.SpendStep{Name: stepOthers, Amount: others})
	}
	if apart := (s.Total - s.SameTotal) - (s.Before - s.SameBefore); apart != 0 {
		steps = append(steps, engine.SpendStep{Name: stepDays, Amount: apart})
	}
	return steps
}

// movers are all whose cost changed: teams and kinds, which come to the whole, and clusters, which hold some of both.
func movers(f Facts) []engine.Mover {
	lines := group(f.Parts, whose(engine.DigestScope{}))
	lines = append(lines, group(f.Parts, func(p Part) (string, string, bool) { return perCluster, p.Cluster, p.Cluster != "" })...)
	var out []engine.Mover
	for _, l := range changes(lines) {
		out = append(out, engine.Mover{By: l.by, Name: l.name, Before: l.sameBefore, Now: l.same})
	}
	return out
}
