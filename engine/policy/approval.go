package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// Approvals is what the configuration asks of approvals. The zero value asks for one person, whom a role lets approve.
type Approvals struct {
	TwoAbove    engine.MicroUSD // a month: what saves or costs more needs two people; 0 means never
	Within      time.Duration   // what one person approved alone so shortly before is added to it; 0 means nothing is
	NotProposer bool            // who proposed a change does not count
	Expires     time.Duration   // how long a proposal waits for the next approval; 0 means for ever
	Freeze      []Freeze
}

// Need says who must approve these together, as of now. alone is what the person who is asking has approved alone within
// Approvals.Within, of what could have been one plan with these: in parts, nobody gets more through than at once. It fails with engine.Forbidden while a freeze is on for one of them: the
// message says until when.
func (p Policy) Need(items []engine.ProposalItem, alone engine.MicroUSD, now time.Time) (engine.ApprovalNeed, error) {
	need := p.NeedAlways(items, alone)
	for _, i := range items {
		if err := p.frozen(i.Wish.Target.Workload, now); err != nil {
			return need, err
		}
	}
	return need, nil
}

// NeedAlways is Need for what no freeze holds up, such as taking back what did harm.
func (p Policy) NeedAlways(items []engine.ProposalItem, alone engine.MicroUSD) engine.ApprovalNeed {
	n := engine.ApprovalNeed{People: 1, NotProposer: p.Approvals.NotProposer}
	sum := size(items)
	switch above := p.Approvals.TwoAbove; {
	case above <= 0:
	case sum > above:
		n.People = 2
		n.Why = append(n.Why, fmt.Sprintf("two people, for %s/month is above %s", sum, above))
	case add(sum, alone) > above:
		n.People = 2
		n.Why = append(n.Why, fmt.Sprintf("two people, for %s/month and the %s/month that the same person approved alone within %g h are above %s",
			sum, alone, p.Approvals.Within.Hours(), above))
	}
	if slices.ContainsFunc(items, func(i engine.ProposalItem) bool { return len(i.Edits) == 0 && len(i.Steps) > 0 }) {
		if n.People < 2 {
			n.People = 2
		}
		n.Why = append(n.Why, "two people, for it is done at once and no pull request is reviewed")
	}
	for _, r := range p.Roles {
		if slices.Contains(r.May, engine.ActionApprove) && !slices.ContainsFunc(items, func(i engine.ProposalItem) bool { return !r.approves(i) }) &&
			(r.UpTo == 0 || sum <= r.UpTo) {
			n.Roles = append(n.Roles, r.Name)
		}
	}
	return n
}

// frozen fails with engine.Forbidden while a freeze covers a place.
func (p Policy) frozen(w engine.Workload, now time.Time) error {
	for _, f := range p.Approvals.Freeze {
		if !f.covers(w) {
			continue
		}
		if until, on := f.holds(now); on {
			return engine.Errorf(engine.Forbidden, "changes to %s are frozen until %s: %s", place(w), until.Format("Mon 2 Jan 15:04 MST"),
				cmp.Or(f.Reason, "no reason is configured"))
		}
	}
	return nil
}

// MayApprove tells whether a person, who is in the given user groups, may approve this alone. The role is the one that lets them, the
// reason says so, or what would.
func (p Policy) MayApprove(person engine.Person, groups []string, item engine.ProposalItem) (ok bool, role, reason string) {
	return p.MayApproveAll(person, groups, []engine.ProposalItem{item})
}

// MayApproveAll tells whether a person may approve these together: each must be covered by a role of theirs, and the sum of what rests
// on a role may not exceed what it may.
func (p Policy) MayApproveAll(person engine.Person, groups []string, items []engine.ProposalItem) (ok bool, role, reason string) {
	return p.may(engine.ActionApprove, person, groups, items)
}

// MayDeny tells whether a person may say no to these: as MayApproveAll, whatever the sum, by a role that may deny or approve.
func (p Policy) MayDeny(person engine.Person, groups []string, items []engine.ProposalItem) (ok bool, role, reason string) {
	if ok, role, reason = p.may(engine.ActionDeny, person, groups, items); ok {
		return ok, role, reason
	}
	unlimited := p
	unlimited.Roles = slices.Clone(p.Roles)
	for k := range unlimited.Roles {
		unlimited.Roles[k].UpTo = 0
	}
	if ok, role, why := unlimited.may(engine.ActionApprove, person, groups, items); ok {
		return ok, role, why
	}
	return false, "", reason
}

func (p Policy) may(action engine.Action, person engine.Person, groups []string, items []engine.ProposalItem) (ok bool, role, reason string) {
	if len(items) == 0 {
		return false, "", "there is nothing to " + string(action)
	}
	sums, names := map[string]engine.MicroUSD{}, []string{}
	for _, i := range items {
		r, why := p.widest(action, person, groups, i)
		if why != "" {
			return false, "", why
		}
		if sums[r.Name] = add(sums[r.Name], magnitude(i.Monthly)); r.UpTo != 0 && sums[r.Name] > r.UpTo {
			return false, "", fmt.Sprintf("your role %s may %s up to %s/month; this is %s/month", r.Name, action, r.UpTo, size(items))
		}
		names = append(names, r.Name)
	}
	slices.Sort(names)
	role = strings.Join(slices.Compact(names), ", ")
	return true, role, "role " + role
}

// widest gives the role of a person's that covers an item and has the highest limit; why says what is missing when there is none.
func (p Policy) widest(action engine.Action, person engine.Person, groups []string, i engine.ProposalItem) (widest Role, why string) {
	var mine, elsewhere, could []string
	for _, r := range p.Roles {
		if !slices.Contains(r.May, action) {
			continue
		}
		switch has := r.has(person, groups); {
		case has && r.approves(i):
			if len(mine) == 0 || widest.UpTo != 0 && (r.UpTo == 0 || r.UpTo > widest.UpTo) {
				widest = r
			}
			mine = append(mine, r.Name)
		case has:
			elsewhere = append(elsewhere, r.Name)
		case r.approves(i):
			could = append(could, r.Name)
		}
	}
	what := fmt.Sprintf("%s in %s", cmp.Or(string(i.Kind), string(i.Wish.Kind), "a change"), place(i.Wish.Target.Workload))
	switch {
	case len(mine) > 0:
		return widest, ""
	case len(elsewhere) > 0:
		return Role{}, fmt.Sprintf("your role %s does not cover %s", strings.Join(elsewhere, ", "), what)
	case len(could) > 0:
		return Role{}, fmt.Sprintf("to %s %s needs the role %s", action, what, strings.Join(could, " or "))
	}
	return Role{}, fmt.Sprintf("no role may %s %s", action, what)
}

// approves tells whether the role covers an item, whatever the sum.
func (r Role) approves(i engine.ProposalItem) bool {
	kind := len(r.Kinds) == 0 || i.Kind != "" && matchesAny(r.Kinds, string(i.Kind))
	w := i.Wish.Target.Workload
	return kind && !w.IsZero() && r.covers(w)
}

// Counted tells how many of the approvals count towards the need, and what is missing; "" when nothing is. A person counts once, and
// the bot never.
func Counted(need engine.ApprovalNeed, approvals []engine.Approval, proposer engine.Person) (have int, missing string) {
	people := map[string]bool{}
	for _, a := range approvals {
		if !a.By.IsZero() && (!need.NotProposer || a.By.ID != proposer.ID) {
			people[a.By.ID] = true
		}
	}
	have = len(people)
	missing = "one more person"
	switch left := max(need.People, 1) - have; {
	case left <= 0:
		return have, ""
	case left > 1:
		missing = fmt.Sprintf("%d more people", left)
	}
	if need.NotProposer && !proposer.IsZero() {
		missing += " who did not propose it"
	}
	return have, missing + " must approve"
}

// size is how much money is moved, saved or spent.
func size(items []engine.ProposalItem) engine.MicroUSD {
	var sum engine.MicroUSD
	for _, i := range items {
		sum = add(sum, magnitude(i.Monthly))
	}
	return sum
}

func magnitude(m engine.MicroUSD) engine.MicroUSD {
	if m < 0 {
		return -max(m, -most)
	}
	return m
}

// most keeps sums from going over: no change moves as much.
const most = engine.MicroUSD(1) << 62

func add(a, b engine.MicroUSD) engine.MicroUSD {
	if a > most-min(b, most) {
		return most
	}
	return a + b
}
