package change

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// arrows are the ways that a proposal's status goes.
var arrows = map[engine.ProposalStatus][]engine.ProposalStatus{
	engine.ProposalPending: {engine.ProposalApproved, engine.ProposalDenied, engine.ProposalExpired, engine.ProposalStale},
	// Whoever makes the pull request may be killed before it is kept, and find it merged or closed when it looks again. What is done
	// without one is deployed when it is done.
	engine.ProposalApproved: {
		engine.ProposalOpened, engine.ProposalMerged, engine.ProposalClosed, engine.ProposalDenied, engine.ProposalStale, engine.ProposalDeployed,
	},
	engine.ProposalOpened:   {engine.ProposalMerged, engine.ProposalClosed, engine.ProposalStale},
	engine.ProposalMerged:   {engine.ProposalDeployed, engine.ProposalReversed},
	engine.ProposalDeployed: {engine.ProposalVerified, engine.ProposalReversed},
	engine.ProposalVerified: {engine.ProposalReversed},
	engine.ProposalClosed:   {engine.ProposalOpened, engine.ProposalMerged}, // a person opened it again, and may have merged it before anybody looked
}

// Leads tells whether a proposal's status may go from one to the other in one step.
func Leads(from, to engine.ProposalStatus) bool { return slices.Contains(arrows[from], to) }

// Underway tells whether what a proposal changes must be left alone by others: from the first approval until it is measured.
func Underway(s engine.ProposalStatus) bool { return !s.IsOver() && s != engine.ProposalVerified }

// ValueKey names the value that a wish changes, whatever it is changed to: two wishes of one key are about the same place.
func ValueKey(w engine.Wish) string {
	t := w.Target
	if w.Kind == engine.WishGroup {
		t = engine.Target{Workload: engine.Workload{Cluster: t.Cluster}, Account: t.Account, Region: t.Region} // whichever node it is for
	}
	return strings.Join([]string{
		string(w.Kind), t.Cluster, t.Namespace, t.Kind, t.Name, t.Container, t.Provider, t.Account, t.Region, w.Name, w.Field,
	}, "|")
}

// Key names what a proposal changes, and on what account: the same findings in the same opening, the same incident and values, or
// the taking back of the same proposal. At most one proposal of a key is not over.
func Key(p engine.Proposal) string {
	parts := make([]string, 0, len(p.Items))
	for _, i := range p.Items {
		part := i.Chain + "|" + ValueKey(i.Wish)
		if p.IsMend() { // what was raised once may have to be raised again
			part += "|" + i.Wish.Old + "|" + i.Wish.New
		}
		parts = append(parts, part)
	}
	slices.Sort(parts)
	parts = append(parts, p.Repo, p.Base, fmt.Sprint(p.Incident, p.Reverts))
	return fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join(parts, "\n"))))
}

// Title says what a proposal does in one line, readable on a phone: "payments/api memory 2 → 1.2 GiB, −$41.20/month, low risk".
func Title(items []engine.ProposalItem) string {
	if len(items) == 0 {
		return "nothing"
	}
	var sum engine.MicroUSD
	risk := items[0].Risk
	for _, i := range items {
		sum += i.Monthly
		if slices.Index(risks, i.Risk) > slices.Index(risks, risk) {
			risk = i.Risk
		}
	}
	title := items[0].Title
	if len(items) > 1 {
		title = fmt.Sprintf("%d changes in %s", len(items), cmp.Or(items[0].Repo, items[0].Wish.Target.Cluster))
		if w := items[0].Wish.Target.Workload; !w.IsZero() && !slices.ContainsFunc(items, func(i engine.ProposalItem) bool { return i.Wish.Target.Workload != w }) {
			title = fmt.Sprintf("%s: %d changes", w, len(items))
		}
	}
	switch {
	case sum > 0:
		title += ", −" + sum.String() + "/month"
	case sum < 0:
		title += ", +" + (-sum).String() + "/month"
	}
	if risk != "" {
		title += ", " + string(risk) + " risk"
	}
	return title
}

// risks are ordered from the lowest.
var risks = []engine.Risk{engine.RiskLow, engine.RiskMedium, engine.RiskHigh}
