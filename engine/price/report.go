package price

import (
	"cmp"
	"maps"
	"slices"

	"github.com/eks-autopilot/autopilot/engine"
)

// Sum lists rows as a person asked for them: Lines, the kinds that are nobody's, and what they come to. What stands beside the rows
// (days, gaps, what asking cost) is the caller's. Rows that the filter does not choose are left out.
func Sum(rows []Row, f engine.CostFilter) engine.Costs {
	c := engine.Costs{CostFilter: f}
	lines := map[string]engine.CostLine{}
	for _, row := range rows {
		if !chosen(row, f) {
			continue
		}
		c.Total += row.Amount
		if row.Provisional {
			c.Provisional += row.Amount
		}
		if row.Payer == "" {
			c.Estimated += row.Amount
		}
		name, named := nameOf(row, f.By)
		if !named {
			switch row.Kind {
			case RowIdle:
				c.Idle += row.Amount
			case RowShared:
				c.Shared += row.Amount
			case RowUnallocatable:
				c.Unallocated += row.Amount
			case RowAdjustment:
				c.Adjustment += row.Amount
			default:
				c.Outside += row.Amount
			}
			continue
		}
		l := lines[name]
		l.Name, l.Amount = name, l.Amount+row.Amount
		switch row.Kind {
		case RowShared:
			l.Shared += row.Amount
		case RowIdle:
			l.Idle += row.Amount
		default:
			l.Own += row.Amount
		}
		lines[name] = l
	}
	c.Lines = slices.SortedFunc(maps.Values(lines), func(a, b engine.CostLine) int {
		return cmp.Or(cmp.Compare(b.Amount, a.Amount), cmp.Compare(a.Name, b.Name))
	})
	return c
}

func chosen(row Row, f engine.CostFilter) bool {
	return !row.Day.Before(f.From) && row.Day.Before(f.To) && (f.Team == "" || row.Team == f.Team) &&
		(f.Cluster == "" || row.Cluster == f.Cluster) && (f.Namespace == "" || row.Namespace == f.Namespace)
}

// nameOf says in which line a row belongs; named is false for what is nobody's.
func nameOf(row Row, by engine.CostBy) (name string, named bool) {
	owned := row.Namespace != "" || row.Team != ""
	switch by {
	case engine.CostByCluster:
		return row.Cluster, row.Cluster != ""
	case engine.CostByNamespace:
		if row.Namespace == "" {
			return "", owned // a fixed share of a team
		}
		return row.Namespace, true
	default:
		return row.Team, owned
	}
}
