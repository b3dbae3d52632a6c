package waste

import (
	"maps"
	"math"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// Report is what a scan leaves behind, to be kept at once.
type Report struct {
	Scan    engine.Scan // what it looked at and what that took; what it found is counted when it is kept
	Outcome Outcome
	Judged  func(engine.Finding) bool // see Live
	Holding []string                  // keys of the clocks whose conditions hold
	Broken  []string                  // and of those whose conditions do not
}

// CountSkips adds up skips by their kind and reason, the most frequent first.
func CountSkips(skips []Skip) []engine.SkipLine {
	counts := map[engine.SkipLine]int{}
	for _, s := range skips {
		counts[engine.SkipLine{Kind: s.Kind, Reason: s.Reason}]++
	}
	lines := make([]engine.SkipLine, 0, len(counts))
	for l, n := range counts {
		l.Count = n
		lines = append(lines, l)
	}
	slices.SortFunc(lines, func(a, b engine.SkipLine) int {
		if a.Count != b.Count {
			return b.Count - a.Count
		}
		if a.Kind != b.Kind {
			return slices.Index(engine.FindingKinds(), a.Kind) - slices.Index(engine.FindingKinds(), b.Kind)
		}
		if a.Reason < b.Reason {
			return -1
		}
		return 1
	})
	return lines
}

// Clocks gives the keys of the conditions that the snapshot shows to hold, and to be broken. What it does not show is in neither.
func (s *Snapshot) Clocks() (holding, broken []string) {
	for _, a := range s.Accounts {
		for _, v := range a.Volumes {
			if v.State == "available" && len(v.Attachments) == 0 {
				holding = append(holding, v.DetachedKey(a.ID))
			} else {
				broken = append(broken, v.DetachedKey(a.ID))
			}
		}
	}
	return holding, broken
}

// Remember joins the daily peaks that are remembered of a cluster's containers with those that were just read, and gives what is new
// of them. A peak never falls: what was once seen was once needed.
func Remember(remembered, read map[ContainerKey][]Peak) (all, changed map[ContainerKey][]Peak) {
	all, changed = maps.Clone(remembered), map[ContainerKey][]Peak{}
	if all == nil {
		all = map[ContainerKey][]Peak{}
	}
	for key, peaks := range read {
		days := map[time.Time]Peak{}
		for _, p := range all[key] {
			days[p.Day] = p
		}
		for _, p := range peaks {
			old, known := days[p.Day]
			higher := Peak{Day: p.Day, CPU: higher(old.CPU, p.CPU, known), Memory: higher(old.Memory, p.Memory, known)}
			if math.IsNaN(float64(higher.CPU)) && math.IsNaN(float64(higher.Memory)) || known && same(old, higher) {
				continue
			}
			days[p.Day] = higher
			changed[key] = append(changed[key], higher)
		}
		if len(days) > 0 {
			all[key] = slices.SortedFunc(maps.Values(days), func(a, b Peak) int { return a.Day.Compare(b.Day) })
		}
	}
	return all, changed
}

// higher is the higher of two uses; what is no use (NaN, infinite, negative) is not known.
func higher(old, now float32, known bool) float32 {
	nan := float32(math.NaN())
	if !usable(now) {
		now = nan
	}
	switch {
	case !known || math.IsNaN(float64(old)):
		return now
	case math.IsNaN(float64(now)):
		return old
	}
	return max(old, now)
}

func same(a, b Peak) bool {
	equal := func(x, y float32) bool { return x == y || x != x && y != y } //nolint:gocritic // NaN is what differs from itself
	return equal(a.CPU, b.CPU) && equal(a.Memory, b.Memory)
}
