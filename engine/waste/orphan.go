package waste

import (
	"slices"

	"github.com/eks-autopilot/autopilot/engine"
)

// Orphan judges one volume anew, before anything is done to it: why is "" when it is still the orphan that a finding says. known is
// false when not everyone who could want it was asked: why names who, and nothing is proved then.
func Orphan(s *Snapshot, r Rules, t engine.Target) (why string, known bool) {
	same := func(o engine.Target) bool {
		return o.Provider == t.Provider && o.Account == t.Account && o.Region == t.Region
	}
	if blind := s.unasked(); blind != "" {
		return blind, false
	}
	if !s.Judged(engine.Finding{Kind: engine.OrphanVolume, Target: t}, "") {
		return "account " + t.Account, false
	}
	findings, skips := Volumes{}.Detect(s, r)
	if at := slices.IndexFunc(findings, func(f engine.Finding) bool { return same(f.Target) }); at >= 0 {
		o := Outcome{Findings: findings[at : at+1 : at+1]}
		if o.leaveOut(r); len(o.Findings) > 0 {
			return "", true
		}
		skips = o.Skips
	}
	at := slices.IndexFunc(skips, func(k Skip) bool { return same(k.Target) })
	switch {
	case at < 0:
		return "it is not there any more", true
	case skips[at].Reason == skipBlind:
		return skips[at].Detail, false
	case skips[at].Detail == "":
		return skips[at].Reason, true
	}
	return skips[at].Reason + ": " + skips[at].Detail, true
}
