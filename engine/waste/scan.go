package waste

import (
	"cmp"
	"slices"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// Detectors are all detectors. An idle node owns its dollars before the requests of what runs on it do: see overlap.
func Detectors() []Detector {
	return []Detector{CPU{}, Memory{}, Nodes{}, Volumes{}}
}

const reasonIgnored = "left out by the configuration"

// Scan runs all detectors over a snapshot. What a person muted is found like the rest, and owns no dollar; the store keeps it quiet.
func Scan(s *Snapshot, r Rules) Outcome {
	var o Outcome
	for _, d := range Detectors() {
		findings, skips := d.Detect(s, r)
		o.Findings, o.Skips = append(o.Findings, findings...), append(o.Skips, skips...)
	}
	o.leaveUnjudged(s)
	o.leaveOut(r)
	o.leaveSmall(r)
	findings, skips := overlap(s, r, o.Findings)
	o.Findings, o.Skips = findings, append(o.Skips, skips...)
	slices.SortFunc(o.Findings, func(a, b engine.Finding) int {
		return cmp.Or(cmp.Compare(b.Monthly, a.Monthly), cmp.Compare(b.Whole, a.Whole), cmp.Compare(a.Key, b.Key))
	})
	o.Missing = s.gaps()
	return o
}

// leaveUnjudged takes away what rests on parts that are missing: a node that may not be idle must not own the dollars of what runs on it.
func (o *Outcome) leaveUnjudged(s *Snapshot) {
	o.Findings = slices.DeleteFunc(o.Findings, func(f engine.Finding) bool { return !s.Judged(f, "") })
	o.Skips = slices.DeleteFunc(o.Skips, func(k Skip) bool { return !s.Judged(engine.Finding{Kind: k.Kind, Target: k.Target}, "") })
}

// leaveOut takes away what the configuration ignores.
func (o *Outcome) leaveOut(r Rules) {
	o.Findings = slices.DeleteFunc(o.Findings, func(f engine.Finding) bool {
		for _, rule := range r.Ignore {
			if rule.matches(f) {
				o.Skips = append(o.Skips, Skip{Key: f.Key, Kind: f.Kind, Target: f.Target, Reason: reasonIgnored, Detail: rule.Reason})
				return true
			}
		}
		return false
	})
}

// leaveSmall takes away nodes and volumes that are worth too little; requests are left to overlap, which says what they are worth. The volumes of one card are gathered: they are worth what they come
// to together. What has no price stays, for nobody knows that it is little.
func (o *Outcome) leaveSmall(r Rules) {
	sum := map[string]engine.MicroUSD{}
	for _, f := range o.Findings {
		if f.Kind == engine.OrphanVolume {
			sum[f.Group] += f.Monthly
		}
	}
	o.Findings = slices.DeleteFunc(o.Findings, func(f engine.Finding) bool {
		monthly := f.Monthly
		if f.Kind == engine.OrphanVolume {
			monthly = sum[f.Group]
		}
		if sizes(f.Kind) || f.Basis.Source == engine.PriceUnknown || monthly >= r.MinMonthly {
			return false
		}
		o.Skips = append(o.Skips, Skip{Key: f.Key, Kind: f.Kind, Target: f.Target, Reason: worthLess(r), Detail: monthly.String()})
		return true
	})
}

// matches tells whether a rule leaves a finding out. A rule that names nothing leaves nothing out.
func (i Ignore) matches(f engine.Finding) bool {
	t := f.Target
	if i.Cluster == "" && i.Namespace == "" && i.Workload == "" && i.Kind == "" {
		return false
	}
	return like(i.Cluster, t.Cluster) && like(i.Namespace, t.Namespace) && like(i.Workload, t.Name) && (i.Kind == "" || i.Kind == f.Kind)
}

// like matches a name against a pattern in which * stands for anything; the empty pattern matches all names.
func like(pattern, text string) bool {
	if pattern == "" {
		return true
	}
	parts := strings.Split(pattern, "*")
	first, last := parts[0], parts[len(parts)-1]
	if len(parts) == 1 {
		return text == pattern
	}
	if !strings.HasPrefix(text, first) || !strings.HasSuffix(text[len(first):], last) {
		return false
	}
	text = text[len(first) : len(text)-len(last)]
	for _, p := range parts[1 : len(parts)-1] {
		at := strings.Index(text, p)
		if at < 0 {
			return false
		}
		text = text[at+len(p):]
	}
	return true
}
