package waste

import (
	"fmt"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// CPU finds containers that ask for more CPU than they need.
type CPU struct{}

const (
	throttledShare = 0.05 // of periods on any of the last days: the use that was seen is what was allowed, not what was wanted
	throttledDays  = 7
	shakyCPU       = 0.10 // of samples above the request in the backtest
	burstyCPU      = 10   // times the median
	runMargin      = 1.15 // above the peak of the runs of what runs to completion
)

// Name is OverRequestedCPU.
func (CPU) Name() engine.FindingKind { return engine.OverRequestedCPU }

// Detect proposes the CPU requests that the histories ask for. Limits stay.
func (CPU) Detect(s *Snapshot, r Rules) ([]engine.Finding, []Skip) {
	return detect(s, r, method{
		kind:     engine.OverRequestedCPU,
		resource: engine.CPU,
		guards:   []guard{throttleGuard},
		series:   func(u Usage) Series { return u.CPU },
		size:     sizeCPU,
		floor:    func(*candidate) int64 { return 0 },
		shaky:    func(b engine.Backtest) bool { return b.Over > shakyCPU && b.Over > b.OverOld },
		risks:    cpuRisks,
	})
}

// sizeCPU asks the model, with the user's margin above it. What runs to completion is judged by its peak: its idle time says nothing.
func sizeCPU(c *candidate, s Series, at time.Time) (float64, bool) {
	if c.brief() {
		past := s.Until(at)
		return max(past.Peak(), c.peakBefore(at)) * runMargin * (1 + c.rules.Margin), past.Count() > 0
	}
	cores, ok := SizeCPU(s, at)
	return cores * (1 + c.rules.Margin), ok
}

func throttleGuard(c *candidate) (reason, detail string) {
	recent := c.usage.Throttled[max(0, len(c.usage.Throttled)-throttledDays):]
	for _, share := range recent {
		if share > throttledShare {
			return reasonThrottled, fmt.Sprintf("in %s of periods on its worst day: the limit is the question, not the request", percent(share))
		}
	}
	return "", ""
}

func cpuRisks(c *candidate) []risk {
	var risks []risk
	if median := c.history.Quantile(0.5); !c.brief() && c.history.Peak() > burstyCPU*median && c.history.Peak() > 0.1 {
		risks = append(risks, risk{1, "bursty: its peak is more than ten times its median"})
	}
	if guaranteed(c.podSpec()) && c.old%1000 == 0 {
		risks = append(risks, risk{2, "whole cores in a Guaranteed pod: with the static CPU manager they are its own, and would no longer be"})
	}
	if c.java {
		risks = append(risks, risk{1, "a JVM older than 17.0.5 counts its processors by the request where there is no limit"})
	}
	return risks
}
