package waste

import (
	"fmt"
	"math"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

// Memory finds containers that ask for more memory than they need.
type Memory struct{}

const (
	afterKill     = 14 * day // in which no request of memory is lowered
	shakyMemory   = 0.02     // of samples above the request in the backtest
	wantedHistory = 35       // days, of the peaks of memory
)

// Name is OverRequestedMemory.
func (Memory) Name() engine.FindingKind { return engine.OverRequestedMemory }

// Detect proposes the memory requests that the histories ask for, never below the highest use that is known. Limits stay.
func (Memory) Detect(s *Snapshot, r Rules) ([]engine.Finding, []Skip) {
	return detect(s, r, method{
		kind:     engine.OverRequestedMemory,
		resource: engine.Memory,
		guards:   []guard{killGuard, heapGuard},
		series:   func(u Usage) Series { return u.Memory },
		size:     sizeMemory,
		floor:    func(c *candidate) int64 { return int64(math.Ceil(c.peak)) },
		shaky:    func(b engine.Backtest) bool { return b.Kills > 0 || b.Over > shakyMemory && b.Over > b.OverOld },
		risks:    memoryRisks,
	})
}

// sizeMemory asks the model, and for a JVM what its heap may come to. What runs to completion is judged by the peak of its runs.
func sizeMemory(c *candidate, s Series, at time.Time) (bytes float64, ok bool) {
	if c.brief() {
		past := s.Until(at)
		bytes, ok = max(past.Peak(), c.peakBefore(at))*runMargin, past.Count() > 0
	} else {
		bytes, ok = SizeMemory(s, c.usage.Peaks, c.limit, at)
	}
	if c.heap > 0 {
		bytes = max(bytes, float64(heapFloor(c.heap)))
	}
	return bytes, ok
}

// killGuard leaves alone what was killed for want of memory. An old kill counts as long as the revision is the same: then the
// peak is the limit, whatever the samples say.
func killGuard(c *candidate) (reason, detail string) {
	kills := slices.Clone(c.usage.OOMKills)
	for _, p := range c.pods {
		if s := statusOf(p, c.spec.Name); s != nil {
			for _, t := range []*time.Time{killedAt(s.LastTerminationState.Terminated), killedAt(s.State.Terminated)} {
				if t != nil {
					kills = append(kills, *t)
				}
			}
		}
	}
	if len(kills) == 0 {
		return "", ""
	}
	last := slices.MaxFunc(kills, time.Time.Compare)
	detail = fmt.Sprintf("%d times, the last at %s", len(kills), last.UTC().Format(time.DateTime))
	switch {
	case c.at.Sub(last) < afterKill:
		return reasonKilled, detail
	case c.limit > 0 && !c.changed.After(last):
		return reasonKilled, detail + ", and nothing was changed since: its peak is its limit"
	}
	c.caveats = append(c.caveats, "killed for want of memory at "+last.UTC().Format(time.DateTime)+", before its newest revision or without a limit")
	return "", ""
}

func heapGuard(c *candidate) (reason, detail string) {
	if c.java && c.heap <= 0 {
		return reasonJVM, "no -Xmx, and no -XX:MaxRAMPercentage of a limit, in its command and environment"
	}
	return "", ""
}

func memoryRisks(c *candidate) []risk {
	var risks []risk
	if c.limit == 0 {
		risks = append(risks, risk{1, "no memory limit: above its request it is the first to go when its node runs short"})
	}
	if c.java {
		risks = append(risks, risk{1, "a JVM: the request holds its whole heap, by its options"})
	}
	return risks
}

// killedAt is when a container was killed for want of memory; nil when it was not.
func killedAt(t *corev1.ContainerStateTerminated) *time.Time {
	if t == nil || t.Reason != "OOMKilled" {
		return nil
	}
	return &t.FinishedAt.Time
}
