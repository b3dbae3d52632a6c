package digest

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// mostIncidents is how many incidents a digest lists; its sums are of all.
const mostIncidents = 50

// incidents counts those of the period, and says what they cost and how long they took.
func incidents(f Facts, r Rules) engine.IncidentTally {
	t := engine.IncidentTally{Before: f.Earlier}
	var detect, resolve []time.Duration
	severities := map[engine.Severity]int{}
	for _, i := range f.Incidents {
		i.Lasted = lasted(i, f)
		i.Cost, i.Costed = r.Cost(i)
		if in(f.Period, i.Detected) {
			t.Opened++
			severities[i.Severity]++
			detect = append(detect, max(0, i.Detected.Sub(i.Started)))
		}
		switch {
		case i.Resolved.IsZero() || !i.Resolved.Before(f.Period.To):
			t.StillOpen++
		case in(f.Period, i.Resolved):
			t.Resolved++
			resolve = append(resolve, max(0, i.Resolved.Sub(i.Started)))
		}
		if i.Costed {
			t.Costed++
			t.Cost += i.Cost
		}
		t.Top = append(t.Top, i)
	}
	t.Detect, t.Resolve = spread(detect), spread(resolve)
	for severity, count := range severities {
		t.BySeverity = append(t.BySeverity, engine.SeverityLine{Severity: severity, Count: count})
	}
	slices.SortFunc(t.BySeverity, func(a, b engine.SeverityLine) int {
		return cmp.Or(cmp.Compare(b.Severity.Rank(), a.Severity.Rank()), cmp.Compare(a.Severity, b.Severity))
	})
	slices.SortFunc(t.Top, func(a, b engine.IncidentLine) int {
		return cmp.Or(cmp.Compare(b.Cost, a.Cost), cmp.Compare(b.Lasted, a.Lasted), cmp.Compare(a.ID, b.ID))
	})
	t.Top = t.Top[:min(len(t.Top), mostIncidents)]
	return t
}

// lasted is how long an incident was there within the period. One that is open was there for as long as the rows tell.
func lasted(i engine.IncidentLine, f Facts) time.Duration {
	from, to := i.Started, i.Resolved
	if from.Before(f.Period.From) {
		from = f.Period.From
	}
	if to.IsZero() {
		to = f.AsOf
	}
	if to.After(f.Period.To) {
		to = f.Period.To
	}
	return max(0, to.Sub(from))
}

// Cost is what an incident cost the business while it lasted, by the first rule that is about it; ok is false when none is.
func (r Rules) Cost(i engine.IncidentLine) (amount engine.MicroUSD, ok bool) {
	for _, r := range r.Hours {
		if (r.Severity == "" || r.Severity == i.Severity) && like(r.Cluster, i.Workload.Cluster) &&
			like(r.Namespace, i.Workload.Namespace) && like(r.Team, i.Team) {
			hours, rest := i.Lasted/time.Hour, i.Lasted%time.Hour
			return r.PerHour*engine.MicroUSD(hours) + r.PerHour*engine.MicroUSD(rest/time.Second)/3600, true
		}
	}
	return 0, false
}

// like tells whether a name is what a pattern allows, in which * stands for anything. An empty pattern allows all.
func like(pattern, name string) bool {
	if pattern == "" || pattern == name {
		return true
	}
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 || !strings.HasPrefix(name, parts[0]) {
		return false
	}
	name = name[len(parts[0]):]
	last := parts[len(parts)-1]
	for _, part := range parts[1 : len(parts)-1] {
		_, rest, found := strings.Cut(name, part)
		if !found {
			return false
		}
		name = rest
	}
	return strings.HasSuffix(name, last)
}

// spread gives the median, and the least duration that 95 % are not above.
func spread(list []time.Duration) engine.Spread {
	n := len(list)
	if n == 0 {
		return engine.Spread{}
	}
	slices.Sort(list)
	return engine.Spread{Count: n, Median: (list[(n-1)/2] + list[n/2]) / 2, P95: list[(n*95+99)/100-1]}
}
