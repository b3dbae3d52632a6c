package waste

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// The events in a finding's life that a scan brings about.
const (
	EventOpened   = "opened"
	EventUpdated  = "updated"
	EventClosed   = "closed"
	EventReopened = "reopened"
	EventAwoke    = "awoke" // its snooze is over
)

// Gone is why a finding is closed whose target no longer shows, when nothing more is known.
const Gone = "it is no longer there"

// Change is what a scan makes of one finding.
type Change struct {
	Finding engine.Finding // as it is from now on; ID 0 for a new one
	Event   string         // "" when nothing happened that its history should tell
	Reason  string
	Shown   bool // a person who looks at its card would see a difference
	Seen    bool // the scan found it: what Finding says of the waste itself is new
}

// Live moves findings on: known are those that the store has of the scan's identities, and all that are not closed. judged tells
// whether the scan could have seen a finding: one that it could not is neither made nor closed nor changed.
//
// A finding that a person called not waste stays so, whatever is seen. A snoozed one sleeps until its time has come, and is then
// open if it is still there.
func Live(known []engine.Finding, o Outcome, judged func(engine.Finding) bool, now time.Time) []Change {
	byKey := make(map[string]engine.Finding, len(known))
	for _, f := range known {
		byKey[f.Key] = f
	}
	judged = withOverlap(known, o.Findings, judged)
	seen := make(map[string]bool, len(o.Findings))
	var changes []Change
	for _, f := range o.Findings {
		if seen[f.Key] || !judged(f) {
			continue
		}
		seen[f.Key] = true
		if old, ok := byKey[f.Key]; ok {
			changes = append(changes, again(old, f, now))
		} else {
			f.Status, f.FirstSeen, f.LastSeen, f.Prediction = engine.FindingOpen, now, now, f.Monthly
			changes = append(changes, Change{Finding: f, Event: EventOpened, Shown: true, Seen: true})
		}
	}
	reasons := reasonsOf(o.Skips)
	for _, f := range known {
		if seen[f.Key] {
			continue
		}
		if c, ok := unseen(f, judged(f), reasons[f.Key], now); ok {
			changes = append(changes, c)
		}
	}
	slices.SortStableFunc(changes, func(a, b Change) int { return cmp.Compare(a.Finding.Key, b.Finding.Key) })
	return changes
}

// withOverlap holds back what shares dollars with an open finding that the scan could not judge. A node owns its dollars before the
// requests of what runs on it: while one side of a cluster stays as it is, news of the other would count them twice.
func withOverlap(known, found []engine.Finding, judged func(engine.Finding) bool) func(engine.Finding) bool {
	again := make(map[string]bool, len(found))
	for _, f := range found {
		again[f.Key] = true
	}
	requests, nodes := map[string]bool{}, map[string]bool{}
	for _, f := range known {
		switch {
		case f.Status != engine.FindingOpen || judged(f):
		case sizes(f.Kind):
			requests[f.Target.Cluster] = true
		case f.Kind == engine.IdleNode && !again[f.Key]:
			nodes[f.Target.Cluster] = true
		}
	}
	return func(f engine.Finding) bool {
		switch {
		case f.Kind == engine.IdleNode && requests[f.Target.Cluster], sizes(f.Kind) && nodes[f.Target.Cluster]:
			return false
		}
		return judged(f)
	}
}

func sizes(k engine.FindingKind) bool {
	return k == engine.OverRequestedCPU || k == engine.OverRequestedMemory
}

// again is a known finding that was seen once more.
func again(old, f engine.Finding, now time.Time) Change {
	f.ID, f.FirstSeen, f.LastSeen = old.ID, old.FirstSeen, now
	f.Prediction, f.Reopened = old.Prediction, old.Reopened
	f.Status, f.Reason, f.By, f.Until = old.Status, old.Reason, old.By, old.Until
	switch {
	case old.Status == engine.FindingClosed:
		f.Reopened++
		return Change{Finding: opened(f), Event: EventReopened, Shown: true, Seen: true}
	case old.Status == engine.FindingSnoozed && !now.Before(old.Until):
		return Change{Finding: opened(f), Event: EventAwoke, Shown: true, Seen: true}
	case Differs(old, f):
		return Change{Finding: f, Event: EventUpdated, Shown: true, Seen: true}
	}
	return Change{Finding: f, Seen: true}
}

// unseen is a known finding that the scan did not find; ok is false when that changes nothing.
func unseen(f engine.Finding, judged bool, reason string, now time.Time) (c Change, ok bool) {
	awake := f.Status == engine.FindingSnoozed && !now.Before(f.Until)
	switch {
	case f.Status != engine.FindingOpen && !awake:
		return Change{}, false
	case judged:
		f = opened(f)
		f.Status, f.Reason, f.ClosedAt = engine.FindingClosed, cmp.Or(reason, Gone), now
		return Change{Finding: f, Event: EventClosed, Reason: f.Reason, Shown: true}, true
	case awake:
		return Change{Finding: opened(f), Event: EventAwoke, Shown: true}, true
	}
	return Change{}, false
}

// Awaken opens those of known again whose snooze is over, without waiting for a scan to see them.
func Awaken(known []engine.Finding, now time.Time) []Change {
	var changes []Change
	for _, f := range known {
		if f.Status == engine.FindingSnoozed && !now.Before(f.Until) {
			changes = append(changes, Change{Finding: opened(f), Event: EventAwoke, Shown: true})
		}
	}
	return changes
}

func opened(f engine.Finding) engine.Finding {
	f.Status, f.Reason, f.By, f.Until, f.ClosedAt = engine.FindingOpen, "", engine.Person{}, time.Time{}, time.Time{}
	return f
}

func reasonsOf(skips []Skip) map[string]string {
	reasons := make(map[string]string, len(skips))
	for _, s := range skips {
		reason := s.Reason
		if s.Detail != "" {
			reason += ": " + s.Detail
		}
		if reasons[s.Key] == "" {
			reasons[s.Key] = reason
		}
	}
	return reasons
}

// Differs tells whether a person who knows a should be shown b. What moves a little with every scan does not count.
func Differs(a, b engine.Finding) bool {
	if apart(float64(a.Monthly), float64(b.Monthly), float64(engine.USD)) || apart(a.Confidence, b.Confidence, 0.05) ||
		a.Cash != b.Cash || a.Risk != b.Risk || a.Owner != b.Owner || a.Group != b.Group || a.Lever != b.Lever ||
		a.Basis.Source != b.Basis.Source || len(a.Caveats) != len(b.Caveats) || len(a.Risks) != len(b.Risks) {
		return true
	}
	switch {
	case a.Sizing != nil && b.Sizing != nil:
		return a.Sizing.Old != b.Sizing.Old || apart(float64(a.Sizing.New), float64(b.Sizing.New), 1)
	case a.Volume != nil && b.Volume != nil:
		return a.Volume.GiB != b.Volume.GiB || a.Volume.Snapshot != b.Volume.Snapshot || a.Volume.Cause != b.Volume.Cause
	case a.Node != nil && b.Node != nil:
		return a.Node.Group != b.Node.Group || a.Node.Controller != b.Node.Controller
	}
	return true
}

// apart tells whether two amounts differ by more than a twentieth, and by no less than least.
func apart(a, b, least float64) bool {
	d := math.Abs(a - b)
	return d >= least && d > 0.05*math.Max(math.Abs(a), math.Abs(b))
}
