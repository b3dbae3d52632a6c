package rca

import (
	"cmp"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// EnoughVerdicts is how many answers a rule needs before its confidence is measured and no longer stated.
const EnoughVerdicts = 30

// maxCauses is how many causes a diagnosis lists: whoever reads it at night tries two or three.
const maxCauses = 5

// worthSaying is the confidence below which a cause is left out.
const worthSaying = 0.05

// rule recognises one possible cause.
type rule struct {
	name    string         // stable: verdicts are counted by it
	classes []engine.Class // of which the incident must have one; nil is any
	prior   float64        // our belief that the cause is right when all that the rule looks for is there
	match   func(f *facts) (finding, bool)
	// general marks a cause that is a way of looking at the others, such as an exit code: it counts only for what the
	// particular causes leave open.
	general bool
}

// generally makes a rule a general one.
func generally(r rule) rule {
	r.general = true
	return r
}

// finding is a rule's answer about one incident.
type finding struct {
	strength float64 // in (0,1]: how much of what the rule looks for is there
	pro      []string
	contra   []string
	title    string
	text     string
	step     engine.Step
	node     string          // that it is about, of rules of nodes
	root     engine.Workload // that the incident follows from; its cluster is the incident's
}

// follows is what the incident follows from; nil for itself, and when the rule says nothing of it.
func (m finding) follows(of engine.Workload) *engine.Workload {
	root := m.root
	if m.node != "" {
		root = engine.Workload{Kind: engine.KindNode, Name: m.node}
	}
	if root.Cluster = of.Cluster; root.Name == "" || root == of {
		return nil
	}
	return &root
}

// rules is every cause that we know, and the policy: where two are equally likely, the one that stands first comes first. What
// a container or the kubelet says itself stands before what is inferred, and the particular before the general.
var rules = slices.Concat(
	nodeRules, lostRules, oomRules, imageRules, configRules, crashRules, probeRules, scheduleRules, claimRules,
	evictRules, jobRules, quotaRules, eksRules, reachRules, slowRules, nearRules, rolloutRules, exitRules,
)

// Rank gives the diagnosis of an incident: the causes that the evidence speaks for, likeliest first, with all of the evidence
// and the gaps in it. It is deterministic.
//
// A cause's score is base × strength, and that of a general one also what the likeliest particular cause leaves open. The base is the rule's prior until people have judged the rule EnoughVerdicts times; from then on
// it is the mean of the Beta posterior under a uniform prior, (right+1)/(right+wrong+2), which is Laplace's rule of succession
// (Gelman et al., Bayesian Data Analysis, 3rd ed., section 2.4). Where the scores add up to more than 1, those that rest on
// priors give way, so that what is listed never promises more than certainty and a measured share is shown as it was measured.
func Rank(i engine.Incident, evidence []engine.Evidence, gaps []engine.Gap, tallies map[string]Tally, now time.Time) engine.Diagnosis {
	evidence = once(evidence)
	f := newFacts(i, evidence, now)
	var causes, general []engine.Cause
	best := 0.0
	for _, r := range rules {
		c, ok := r.cause(f, tallies[r.name])
		switch {
		case !ok:
		case r.general:
			general = append(general, c)
		default:
			causes = append(causes, c)
			best = max(best, c.Confidence)
		}
	}
	for _, c := range general {
		c.Confidence *= 1 - best
		causes = append(causes, c)
	}
	temper(causes)
	slices.SortStableFunc(causes, func(a, b engine.Cause) int { return cmp.Compare(b.Confidence, a.Confidence) })
	causes = slices.DeleteFunc(causes, func(c engine.Cause) bool { return c.Confidence < worthSaying })
	return engine.Diagnosis{
		IncidentID: i.ID, At: now, Causes: causes[:min(len(causes), maxCauses)], Apart: apart(causes), Evidence: evidence, Gaps: gaps, LastChange: lastChange(f),
	}
}

// cause applies the rule: to incidents of its classes, when its match says so.
func (r rule) cause(f *facts, t Tally) (engine.Cause, bool) {
	if r.classes != nil && !slices.ContainsFunc(r.classes, f.is) {
		return engine.Cause{}, false
	}
	m, ok := r.match(f)
	if !ok {
		return engine.Cause{}, false
	}
	base, basis := r.prior, engine.Prior
	if t.Right+t.Wrong >= EnoughVerdicts {
		base, basis = share(t), engine.Calibrated
	}
	return engine.Cause{
		Rule: r.name, Title: m.title, Text: m.text, Confidence: base * min(max(m.strength, 0), 1), Basis: basis, Verdicts: t.Right + t.Wrong,
		For: unique(m.pro), Against: unique(m.contra), Step: m.step, Root: m.follows(f.i.Workload),
	}, true
}

// share is the posterior mean of how often a rule is right.
func share(t Tally) float64 { return float64(t.Right+1) / float64(t.Right+t.Wrong+2) }

// temper lets the confidences add up to 1 at most.
func temper(causes []engine.Cause) {
	sums := map[engine.Basis]float64{}
	for _, c := range causes {
		sums[c.Basis] += c.Confidence
	}
	measured, stated := sums[engine.Calibrated], sums[engine.Prior]
	if measured+stated <= 1 {
		return
	}
	for k := range causes {
		c := &causes[k]
		switch {
		case c.Basis == engine.Prior && measured < 1:
			c.Confidence *= (1 - measured) / stated
		case c.Basis == engine.Prior:
			c.Confidence = 0
		case measured > 1:
			c.Confidence /= measured
		}
	}
}

// lastChange is the newest change of the workload, with everything that changed at that moment as its details.
func lastChange(f *facts) *engine.Change {
	var last *engine.Change
	for _, e := range f.of(engine.EvidenceChange) {
		// What was changed long after it began is an attempt at repair, or has nothing to do with it.
		if !f.i.StartedAt.IsZero() && e.At.After(f.i.StartedAt.Add(changeAfter)) {
			continue
		}
		text := changeText(e)
		switch {
		case last == nil || e.At.After(last.At):
			last = &engine.Change{New: e.Fields["what"] == "created", At: e.At, By: e.Fields["by"], Revision: e.Fields["revision"], Text: text, Details: []string{text}}
		case e.At.Equal(last.At):
			last.Details = append(last.Details, text)
		}
	}
	return last
}

func unique(ids []string) []string {
	var out []string
	for _, id := range ids {
		if id != "" && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}
