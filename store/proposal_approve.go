package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
	"github.com/eks-autopilot/autopilot/engine/policy"
)

// Approving is what an approval is judged by. Need is called within the transaction, maybe more than once, and must do nothing
// but answer.
type Approving struct {
	Refs     []string      // of the drafts that were chosen, for the approval that begins a proposal
	Proposer engine.Person // of a proposal that begins; zero for the bot
	Expires  time.Duration // how long a proposal waits for another approval; 0 means for ever
	Within   time.Duration // how far back Need is told of what the person approved alone

	// Need says who must approve these. An error says why this person may not, or why nobody may now: it is told and audited, and
	// with engine.Forbidden the decision counts as refused.
	// alone is what they approved alone as Alone has it.
	Need func(items []engine.ProposalItem, alone engine.MicroUSD) (engine.ApprovalNeed, error)
}

// Approve keeps that a person approved, or was refused, and carries it out. Both are audited. Drafts become a proposal, or the
// proposal that d names gets one more approval; when there are enough, its pull request is a task, and the ledger has its entries.
// The same decision twice acts once; a person counts once, however often they click; who approves the very plan that another
// approved just before joins that proposal.
//
// It fails with engine.Conflict when the plan is not the one that was shown any more, when something of it is changed by another
// proposal, and when the proposal has moved on; with engine.Forbidden where the proposer does not count; and as Need does. The
// decision is kept even so. A refused decision is no error: nothing happens.
func (s *Store) Approve(ctx context.Context, d engine.Decision, a Approving) (engine.Proposal, error) {
	return s.decideProposal(ctx, d, engine.ActionApprove, func(ctx context.Context, tx pgx.Tx, d *engine.Decision) (outcome, err error) {
		if d.By.IsZero() {
			return engine.Errorf(engine.Forbidden, "the bot approves nothing: a person must"), nil
		}
		if d.ProposalID == 0 {
			return s.begin(ctx, tx, d, a)
		}
		p, err := loadProposal(ctx, tx, d.ProposalID)
		if err != nil {
			return err, nil
		}
		return s.addApproval(ctx, tx, p, d, a)
	})
}

// Deny keeps that a person said no to a proposal, or was refused, and carries it out. Both are audited. It fails with
// engine.Conflict when the proposal has moved on: from its pull request on, that is where it is closed. It fails with engine.Invalid
// without a reason.
func (s *Store) Deny(ctx context.Context, d engine.Decision) (engine.Proposal, error) {
	return s.decideProposal(ctx, d, engine.ActionDeny, func(ctx context.Context, tx pgx.Tx, d *engine.Decision) (outcome, err error) {
		p, err := loadProposal(ctx, tx, d.ProposalID)
		switch {
		case err != nil:
			return err, nil
		case p.Status.IsOver():
			return engine.Errorf(engine.Conflict, "proposal %d is %s already", p.ID, p.Status), nil
		case !change.Leads(p.Status, engine.ProposalDenied):
			return engine.Errorf(engine.Conflict, "proposal %d is %s: close its pull request instead, %s", p.ID, p.Status, p.Pull.URL), nil
		case d.Hash != "" && d.Hash != p.Hash:
			return stalePlan(), nil
		case strings.TrimSpace(d.Reason) == "":
			return engine.Errorf(engine.Invalid, "a reason is wanted: it is shown to whoever asks later"), nil
		}
		if outcome := deletable(ctx, tx, p); outcome != nil {
			return nil, outcome
		}
		d.Hash = p.Hash
		return nil, s.move(ctx, tx, p, step{
			to: engine.ProposalDenied, reason: strings.TrimSpace(d.Reason),
			lines: []engine.Event{{Kind: string(engine.ProposalDenied), By: d.By, Text: "Denied" + because(d.Reason)}},
		})
	})
}

// decideProposal is what all decisions about proposals have in common: kept once, audited once, whatever comes of them.
func (s *Store) decideProposal(ctx context.Context, d engine.Decision, action engine.Action,
	act func(context.Context, pgx.Tx, *engine.Decision) (outcome, err error),
) (engine.Proposal, error) {
	var after engine.Proposal
	var outcome error
	if d.ID == "" || d.Action != action {
		return after, engine.Errorf(engine.Invalid, "a decision to %s needs the id of the click, command or submission, and is not to %q", action, d.Action)
	}
	err := s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		after, outcome = engine.Proposal{}, nil
		d := d
		d.IncidentID = 0
		if err := lockProposals(ctx, tx); err != nil {
			return err
		}
		fresh, err := saveDecision(ctx, tx, d, 0)
		if err != nil {
			return err
		}
		if !fresh {
			if outcome, err = formerOutcome(ctx, tx, d.ID); err != nil {
				return err
			}
			after, err = decided(ctx, tx, d.ID)
			return err
		}
		if d.Allowed {
			if outcome, err = attempt(ctx, tx, &d, act); err != nil {
				return err
			}
			d.Allowed = engine.CodeOf(outcome) != engine.Forbidden
		}
		if err := keepSubject(ctx, tx, d); err != nil {
			return err
		}
		if err := s.conclude(ctx, tx, d, outcome); err != nil {
			return err
		}
		after, err = decided(ctx, tx, d.ID)
		return err
	})
	if err != nil {
		return engine.Proposal{}, err
	}
	return after, outcome
}

// attempt carries a decision out as far as it goes: where something of it is refused half-way, such as by the ledger, all of it is
// undone, and why is the outcome.
func attempt(ctx context.Context, tx pgx.Tx, d *engine.Decision,
	act func(context.Context, pgx.Tx, *engine.Decision) (outcome, err error),
) (outcome, err error) {
	tried := *d
	err = pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) (err error) {
		outcome, err = act(ctx, cleanTx{tx}, &tried)
		return err
	})
	if e, ours := errors.AsType[*engine.Error](err); ours && e.Code != engine.Internal && e.Code != engine.Unavailable {
		tried.ProposalID = d.ProposalID
		outcome, err = e, nil
	}
	*d = tried
	return outcome, err
}

// keepSubject keeps what a decision was about. What is unknown is left out: the decision is kept all the same.
func keepSubject(ctx context.Context, tx pgx.Tx, d engine.Decision) error {
	items := d.Items
	if items == nil {
		items = []int64{}
	}
	_, err := tx.Exec(ctx, `UPDATE decisions SET allowed = $2, items = $3, hash = $4, role = $5,
			proposal_id = (SELECT id FROM proposal WHERE id = $6), group_id = (SELECT id FROM finding_group WHERE id = $7)
		WHERE id = $1`, d.ID, d.Allowed, items, d.Hash, d.Role, d.ProposalID, d.GroupID)
	return err
}

// decided gives the proposal that a decision is about; the zero one where it is about none.
func decided(ctx context.Context, tx pgx.Tx, decision string) (engine.Proposal, error) {
	list, err := selectProposals(ctx, tx, `WHERE p.id = (SELECT proposal_id FROM decisions WHERE id = $1)`, decision)
	if err != nil || len(list) == 0 {
		return engine.Proposal{}, err
	}
	return list[0], nil
}

func stalePlan() error {
	return engine.Errorf(engine.Conflict, "The plan changed since you saw it. Here is how it is now: look at it again before you approve.")
}

// chosen reads the drafts that a person chose. Its error is for that person.
func chosen(ctx context.Context, tx pgx.Tx, refs []string) ([]engine.ProposalItem, error) {
	if len(refs) == 0 {
		return nil, engine.Errorf(engine.Invalid, "nothing is chosen: choose at least one line")
	}
	var ids []int64
	hashes := map[int64]string{}
	for _, ref := range refs {
		id, hash, err := engine.ParseRef(strings.TrimSpace(ref))
		if err != nil {
			return nil, err
		}
		if hashes[id] == "" {
			ids = append(ids, id)
		}
		hashes[id] = hash
	}
	found, err := selectItems(ctx, tx, `WHERE i.id = ANY ($1) ORDER BY array_position($1, i.id)`, ids)
	if err != nil {
		return nil, err
	}
	if len(found) != len(ids) || slices.ContainsFunc(found, func(i engine.ProposalItem) bool {
		return i.Ref() != fmt.Sprintf("%d:%s", i.ID, hashes[i.ID])
	}) {
		return nil, stalePlan()
	}
	return found, nil
}

// begin makes a proposal of drafts, with its first approval.
func (s *Store) begin(ctx context.Context, tx pgx.Tx, d *engine.Decision, a Approving) (outcome, err error) {
	items, err := chosen(ctx, tx, a.Refs)
	if engine.CodeOf(err) == engine.Internal {
		return nil, err
	}
	if err != nil {
		return err, nil
	}
	d.Items, d.GroupID = nil, items[0].GroupID
	for _, i := range items {
		d.Items = append(d.Items, i.ID)
	}
	d.Hash = change.PlanHash(items)
	if joined, outcome, err := s.join(ctx, tx, items, d); joined.ID != 0 || outcome != nil || err != nil {
		if outcome != nil || err != nil {
			return outcome, err
		}
		return s.addApproval(ctx, tx, joined, d, a)
	}
	if outcome := oneChange(items); outcome != nil {
		return outcome, nil
	}
	free, err := selectItems(ctx, tx, draftsSQL+`AND i.id = ANY ($1)`, d.Items)
	if err != nil {
		return nil, err
	}
	if len(free) != len(items) {
		return s.taken(ctx, tx, items)
	}
	p := engine.Proposal{
		Cluster: items[0].Wish.Target.Cluster, Team: items[0].Owner.Team, Title: change.Title(items), Repo: items[0].Repo,
		Base: items[0].Base, Items: items, Hash: d.Hash, Proposer: a.Proposer,
	}
	alone, err := aloneWithin(ctx, tx, d.By, items[0], p.ID, s.now().Add(-a.Within))
	if err != nil {
		return nil, err
	}
	if p.Need, outcome = a.Need(items, alone); outcome != nil {
		return outcome, nil
	}
	if p.Need.NotProposer && !p.Proposer.IsZero() && p.Proposer.ID == d.By.ID {
		return proposerDoesNotCount(), nil
	}
	if p, outcome, err = s.insertProposal(ctx, tx, p, a.Expires); outcome != nil || err != nil {
		return outcome, err
	}
	d.ProposalID = p.ID
	return nil, s.countIn(ctx, tx, p, *d)
}

// join gives the proposal that was begun with the very same plan a moment ago; outcome says why there is none to join, where some
// of the items are of a proposal.
func (s *Store) join(ctx context.Context, tx pgx.Tx, items []engine.ProposalItem, d *engine.Decision) (p engine.Proposal, outcome, err error) {
	at := slices.IndexFunc(items, func(i engine.ProposalItem) bool { return i.ProposalID != 0 })
	if at < 0 {
		return p, nil, nil
	}
	if p, err = loadProposal(ctx, tx, items[at].ProposalID); err != nil {
		return p, nil, err
	}
	if p.Hash == d.Hash && len(p.Items) == len(items) && !p.Status.IsOver() {
		d.ProposalID = p.ID
		return p, nil, nil
	}
	if p.Status.IsOver() {
		return p, stalePlan(), nil
	}
	return p, alreadyIn(items[at], p), nil
}

// taken says why drafts cannot be approved, though they are as they were shown.
func (s *Store) taken(ctx context.Context, tx pgx.Tx, items []engine.ProposalItem) (outcome, err error) {
	if outcome, err = underway(ctx, tx, items); outcome != nil || err != nil {
		return outcome, err
	}
	return engine.Errorf(engine.Conflict, "Something of this plan is not open any more. Here is how it is now."), nil
}

// underway says which proposal changes one of these values already; outcome is nil where none does.
func underway(ctx context.Context, tx pgx.Tx, items []engine.ProposalItem) (outcome, err error) {
	for _, i := range items {
		var id int64
		err := tx.QueryRow(ctx, `SELECT coalesce(max(proposal_id), 0) FROM proposal_item WHERE live AND (what = $1 OR finding_id = $2)`,
			change.ValueKey(i.Wish), i.FindingID).Scan(&id)
		if err != nil {
			return nil, err
		}
		if id != 0 {
			p, err := loadProposal(ctx, tx, id)
			if err != nil {
				return nil, err
			}
			return alreadyIn(i, p), nil
		}
	}
	return nil, nil
}

func alreadyIn(i engine.ProposalItem, p engine.Proposal) error {
	where := ""
	if p.Pull.URL != "" {
		where = ", " + p.Pull.URL
	}
	return engine.Errorf(engine.Conflict, "%s is changed by proposal %d already, which is %s%s.", i.Title, p.ID, p.Status, where)
}

// oneChange fails where items cannot be one pull request, or one plan of steps.
func oneChange(items []engine.ProposalItem) error {
	values := map[string]bool{}
	for _, i := range items {
		switch key := change.ValueKey(i.Wish); {
		case len(i.Edits) == 0 && len(i.Steps) == 0:
			return engine.Errorf(engine.Invalid, "%s can only be changed by hand: %s", i.Title, i.Why)
		case i.Repo != items[0].Repo || i.Base != items[0].Base || i.Owner.Team != items[0].Owner.Team:
			return engine.Errorf(engine.Invalid, "%s and %s are of different repositories or teams: approve them one after the other", items[0].Title, i.Title)
		case (len(i.Edits) == 0) != (len(items[0].Edits) == 0):
			return engine.Errorf(engine.Invalid, "%s is not changed in a file: approve it on its own", i.Title)
		case i.Removal != nil && len(items) > 1:
			return engine.Errorf(engine.Invalid, "%s is done by the bot at once: approve it on its own", i.Title)
		case values[key]:
			return engine.Errorf(engine.Invalid, "two of these lines change the same value as %s: choose one of them", i.Title)
		default:
			values[key] = true
		}
	}
	return nil
}

func proposerDoesNotCount() error {
	return engine.Errorf(engine.Forbidden, "you proposed this yourself: somebody else must approve it")
}

// addApproval adds a person's yes to a proposal that is there.
func (s *Store) addApproval(ctx context.Context, tx pgx.Tx, p engine.Proposal, d *engine.Decision, a Approving) (outcome, err error) {
	if d.Hash != p.Hash {
		return stalePlan(), nil
	}
	if !p.Status.IsOver() && slices.ContainsFunc(p.Approved, func(done engine.Approval) bool { return done.By.ID == d.By.ID }) {
		return nil, nil
	}
	if p.Status == engine.ProposalPending && expired(p, s.now()) {
		if err := s.move(ctx, tx, p, expiry(p)); err != nil {
			return nil, err
		}
		p.Status = engine.ProposalExpired
	}
	switch {
	case p.Status != engine.ProposalPending:
		return engine.Errorf(engine.Conflict, "proposal %d is %s already", p.ID, p.Status), nil
	case p.Need.NotProposer && p.Proposer.ID == d.By.ID:
		return proposerDoesNotCount(), nil
	}
	alone, err := aloneWithin(ctx, tx, d.By, p.Items[0], p.ID, s.now().Add(-a.Within))
	if err != nil {
		return nil, err
	}
	need, outcome := a.Need(p.Items, alone)
	if outcome != nil {
		return outcome, nil
	}
	if need.People > p.Need.People { // who proposed it did not know who would approve it
		p.Need.People, p.Need.Why = need.People, need.Why
		if _, err := tx.Exec(ctx, `UPDATE proposal SET need = $2 WHERE id = $1`, p.ID, p.Need); err != nil {
			return nil, err
		}
	}
	return nil, s.countIn(ctx, tx, p, *d)
}

// countIn keeps an approval, and moves the proposal on when it was the last one wanted.
func (s *Store) countIn(ctx context.Context, tx pgx.Tx, p engine.Proposal, d engine.Decision) error {
	now := s.now()
	if _, err := tx.Exec(ctx, `INSERT INTO proposal_approval (proposal_id, by_id, by_name, at, hash, role, decision) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		p.ID, d.By.ID, d.By.Name, now, p.Hash, d.Role, d.ID); err != nil {
		return err
	}
	p.Approved = append(p.Approved, engine.Approval{By: d.By, At: now, Hash: p.Hash, Role: d.Role})
	have, missing := policy.Counted(p.Need, p.Approved, p.Proposer)
	text := "Approved"
	if p.Need.People > 1 {
		text = fmt.Sprintf("Approved (%d of %d)", have, p.Need.People)
	}
	to := step{lines: []engine.Event{{Kind: string(engine.ActionApprove), By: d.By, Text: text}}}
	if missing == "" {
		to.to, to.entries = engine.ProposalApproved, entriesOf(p, engine.EntryApproved, d.By, p.Hash)
	} else {
		to.reason = missing
	}
	return s.move(ctx, tx, p, to)
}
