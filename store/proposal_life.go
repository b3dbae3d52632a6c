package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
	"github.com/eks-autopilot/autopilot/engine/incident"
	"github.com/eks-autopilot/autopilot/engine/waste"
)

// Offer makes a proposal of the bot's own that nobody approved yet: the taking back of another one (Reverts), or what mends an
// incident (Incident). Items, Need and one of these must be set; Title and Hash are made here. The same offer twice is one: while it
// is not over, and when a person said no to it, it comes back as it is. It is offered again after it went stale. What takes a proposal
// back is one offer, too, for whichever of the incidents that followed. It fails with engine.Conflict where another proposal changes
// what would mend an incident.
func (s *Store) Offer(ctx context.Context, p engine.Proposal, expires time.Duration) (engine.Proposal, error) {
	if len(p.Items) == 0 || p.Reverts == 0 && p.Incident == 0 {
		return engine.Proposal{}, engine.Errorf(engine.Invalid, "an offer needs items, and what it takes back or mends")
	}
	items := make([]engine.ProposalItem, len(p.Items))
	for k, i := range p.Items {
		var err error
		if items[k], err = keepable(i); err != nil {
			return engine.Proposal{}, err
		}
	}
	if outcome := oneChange(items); outcome != nil {
		return engine.Proposal{}, outcome
	}
	p.Items, p.Hash, p.Title = items, change.PlanHash(items), titleOr(p.Title, items)
	p.Repo, p.Base, p.Cluster, p.Team = items[0].Repo, items[0].Base, items[0].Wish.Target.Cluster, items[0].Owner.Team
	var after engine.Proposal
	err := s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := lockProposals(ctx, tx); err != nil {
			return err
		}
		p := p
		p.Items = slices.Clone(p.Items)
		before, err := selectProposals(ctx, tx, `WHERE p.key = $1 AND p.status <> 'stale' OR p.reverts = $2 AND p.over_at IS NULL
			ORDER BY p.over_at IS NOT NULL, p.id DESC LIMIT 1`, change.Key(p), orNone(p.Reverts))
		if err != nil {
			return err
		}
		if len(before) > 0 {
			after = before[0]
			return nil
		}
		made, outcome, err := s.insertProposal(ctx, tx, p, expires)
		if outcome != nil || err != nil {
			return orElse(outcome, err)
		}
		if err := s.move(ctx, tx, made, step{lines: []engine.Event{{Kind: "offered", By: p.Proposer, Text: "Proposed: " + made.Title}}}); err != nil {
			return err
		}
		after, err = loadProposal(ctx, tx, made.ID)
		return err
	})
	return after, err
}

// SavePull keeps a pull request as it was just seen, and with it the status that follows of it ("" when that stays) and the reason for
// that, or what it waits for; each of told is a line of the timeline and of the thread, its Kind by default that of the status. version
// is that of the proposal on which all this rests: when it has moved on since, it fails with engine.Conflict, unless what is to be kept
// is there already, which changes nothing. Seeing the same again writes no more than when that was.
func (s *Store) SavePull(ctx context.Context, id, version int64, pull engine.Pull, status engine.ProposalStatus, reason string,
	told []engine.Event,
) (engine.Proposal, error) {
	return s.advance(ctx, id, func(ctx context.Context, tx pgx.Tx, p engine.Proposal) error {
		same := samePull(p.Pull, pull) && (status == "" || status == p.Status) && reason == p.Reason
		if same && (p.Version != version || len(told) == 0) {
			_, err := tx.Exec(ctx, `UPDATE proposal SET pull = $2 WHERE id = $1 AND version = $3`, id, pull, version)
			return err
		}
		if p.Version != version {
			return movedOn(p)
		}
		return s.move(ctx, tx, p, step{to: status, reason: reason, pull: &pull, lines: kinded(p, status, told)})
	})
}

// samePull tells whether two sights of a pull request differ in nothing but when that was.
func samePull(a, b engine.Pull) bool {
	a.SeenAt, b.SeenAt = time.Time{}, time.Time{}
	failing := slices.Equal(a.Failing, b.Failing)
	a.Failing, b.Failing = nil, nil
	return failing && fmt.Sprint(a) == fmt.Sprint(b)
}

// linesOf makes events of what is told.
func linesOf(p engine.Proposal, status engine.ProposalStatus, told []string) []engine.Event {
	lines := make([]engine.Event, len(told))
	for k, text := range told {
		lines[k].Text = text
	}
	return kinded(p, status, lines)
}

// kinded gives events that have no kind that of the status, or of a pull request where the status stays.
func kinded(p engine.Proposal, status engine.ProposalStatus, told []engine.Event) []engine.Event {
	kind := "pull"
	if status != "" && status != p.Status {
		kind = string(status)
	}
	lines := slices.Clone(told)
	for k := range lines {
		lines[k].Kind = cmp.Or(lines[k].Kind, kind)
	}
	return lines
}

func movedOn(p engine.Proposal) error {
	return engine.Errorf(engine.Conflict, "proposal %d has moved on: it is %s now", p.ID, p.Status)
}

// Hold keeps what keeps a proposal from going on, which is told once; "" when nothing does any more.
func (s *Store) Hold(ctx context.Context, id int64, reason string) (engine.Proposal, error) {
	return s.advance(ctx, id, func(ctx context.Context, tx pgx.Tx, p engine.Proposal) error {
		if p.Reason == reason || p.Status.IsOver() {
			return nil
		}
		to := step{reason: reason}
		if reason != "" {
			to.lines = []engine.Event{{Kind: "held", Text: reason}}
		}
		return s.move(ctx, tx, p, to)
	})
}

// Stale ends a proposal because what was approved is no longer what would be done. Doing it again changes nothing; it fails with
// engine.Conflict from the merge on.
func (s *Store) Stale(ctx context.Context, id int64, reason string) (engine.Proposal, error) {
	return s.advance(ctx, id, func(ctx context.Context, tx pgx.Tx, p engine.Proposal) error {
		if p.Status == engine.ProposalStale {
			return nil
		}
		text := "Not done, for the plan changed"
		if p.IsMend() && p.Status == engine.ProposalPending {
			text = "Withdrawn"
		}
		return s.move(ctx, tx, p, step{to: engine.ProposalStale, reason: reason, lines: []engine.Event{
			{Kind: string(engine.ProposalStale), Text: text + because(reason)},
		}})
	})
}

// Deployed says that the live objects have the new values, and enters it in the ledger. Doing it again changes nothing.
func (s *Store) Deployed(ctx context.Context, id int64, line string) (engine.Proposal, error) {
	return s.advance(ctx, id, func(ctx context.Context, tx pgx.Tx, p engine.Proposal) error {
		if p.Status == engine.ProposalDeployed || p.Status == engine.ProposalVerified {
			return nil
		}
		return s.move(ctx, tx, p, step{
			to: engine.ProposalDeployed, lines: linesOf(p, engine.ProposalDeployed, []string{line}),
			entries: entriesOf(p, engine.EntryImplemented, engine.Person{}, p.Pull.URL),
		})
	})
}

// Verified enters measured days in the ledger, and says that a proposal is verified, if it was not. A day that is there already
// changes nothing.
func (s *Store) Verified(ctx context.Context, id int64, entries []engine.LedgerEntry, line string) (engine.Proposal, error) {
	return s.advance(ctx, id, func(ctx context.Context, tx pgx.Tx, p engine.Proposal) error {
		if p.Status == engine.ProposalVerified {
			return s.measured(ctx, tx, p, entries)
		}
		return s.move(ctx, tx, p, step{
			to: engine.ProposalVerified, entries: entries, lines: linesOf(p, engine.ProposalVerified, []string{line}),
		})
	})
}

// measured enters days in the ledger and, if there are more than before, draws what shows the sum anew. No line is told of it.
func (s *Store) measured(ctx context.Context, tx pgx.Tx, p engine.Proposal, entries []engine.LedgerEntry) error {
	count := func() (n int, err error) {
		err = tx.QueryRow(ctx, `SELECT count(*) FROM ledger WHERE proposal = $1`, p.ID).Scan(&n)
		return n, err
	}
	before, err := count()
	if err != nil {
		return err
	}
	if err := s.appendLedger(ctx, tx, entries); err != nil {
		return err
	}
	after, err := count()
	if err != nil || after == before {
		return err
	}
	return s.move(ctx, tx, p, step{reason: p.Reason})
}

// Reversed says that what a proposal did was taken back, by whom or by what, and ends its chains in the ledger. Those of its findings
// that are open all the while begin anew: what is done about them next is another chain. Doing it again changes nothing.
func (s *Store) Reversed(ctx context.Context, id int64, by engine.Person, reason string) (engine.Proposal, error) {
	return s.advance(ctx, id, func(ctx context.Context, tx pgx.Tx, p engine.Proposal) error {
		if p.Status == engine.ProposalReversed {
			return nil
		}
		if err := s.move(ctx, tx, p, step{
			to: engine.ProposalReversed, reason: reason, entries: entriesOf(p, engine.EntryReversed, by, reason),
			lines: []engine.Event{{Kind: string(engine.ProposalReversed), By: by, Text: "Taken back" + because(reason)}},
		}); err != nil {
			return err
		}
		return s.beginAnew(ctx, tx, p, by)
	}, lockScans)
}

// Closed says that a person closed the pull request, and puts its findings off until then with that reason. Doing it again changes
// nothing. by is who in Slack that is, or has no id but the name that the forge knows.
func (s *Store) Closed(ctx context.Context, id int64, pull engine.Pull, by engine.Person, reason string, until time.Time) (engine.Proposal, error) {
	return s.advance(ctx, id, func(ctx context.Context, tx pgx.Tx, p engine.Proposal) error {
		if p.Status == engine.ProposalClosed {
			return nil
		}
		if err := s.putOff(ctx, tx, p, by, reason, until); err != nil {
			return err
		}
		return s.move(ctx, tx, p, step{to: engine.ProposalClosed, pull: &pull, reason: reason, lines: []engine.Event{
			{Kind: string(engine.ProposalClosed), By: by, Text: "The pull request was closed without a merge" + because(reason)},
		}})
	}, lockScans)
}

// putOff snoozes the findings of a proposal that are open.
func (s *Store) putOff(ctx context.Context, tx pgx.Tx, p engine.Proposal, by engine.Person, reason string, until time.Time) error {
	var changes []waste.Change
	for _, i := range p.Items {
		if i.FindingID == 0 || i.GroupID == 0 {
			continue
		}
		var group int64
		if err := tx.QueryRow(ctx, `SELECT group_id FROM finding WHERE id = $1`, i.FindingID).Scan(&group); err != nil {
			return err
		}
		g, err := loadGroup(ctx, tx, group)
		if err != nil {
			return err
		}
		muted, err := waste.Mute(g, engine.Decision{
			Action: engine.ActionSnooze, By: by, Reason: reason, FindingID: i.FindingID, Until: until,
		}, s.now())
		switch engine.CodeOf(err) {
		case "":
			changes = append(changes, muted...)
		case engine.Conflict: // it is not open any more
		default:
			return err
		}
	}
	return s.saveChanges(ctx, tx, changes, nil, 0, by)
}

// advance loads a proposal, has it moved, and gives it as it is then. What it takes of locks before that of the proposals, it says.
func (s *Store) advance(ctx context.Context, id int64, f func(context.Context, pgx.Tx, engine.Proposal) error,
	locks ...func(context.Context, pgx.Tx) error,
) (engine.Proposal, error) {
	var after engine.Proposal
	err := s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		for _, lock := range append(locks, lockProposals) {
			if err := lock(ctx, tx); err != nil {
				return err
			}
		}
		p, err := loadProposal(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := f(ctx, tx, p); err != nil {
			return err
		}
		after, err = loadProposal(ctx, tx, id)
		return err
	})
	if err != nil {
		return engine.Proposal{}, err
	}
	return after, nil
}

func expired(p engine.Proposal, now time.Time) bool {
	return !p.ExpiresAt.IsZero() && !now.Before(p.ExpiresAt)
}

func expiry(engine.Proposal) step {
	return step{to: engine.ProposalExpired, lines: []engine.Event{{Kind: string(engine.ProposalExpired), Text: "Expired: nobody decided in time"}}}
}

// ExpireProposals ends the proposals that wait for an approval whose time is over.
func (s *Store) ExpireProposals(ctx context.Context) error {
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := lockProposals(ctx, tx); err != nil {
			return err
		}
		late, err := selectProposals(ctx, tx, `WHERE p.status = 'pending' AND p.expires_at <= $1 ORDER BY p.id LIMIT 200`, s.now())
		for _, p := range late {
			if err := s.move(ctx, tx, p, expiry(p)); err != nil {
				return err
			}
		}
		return err
	})
}

// Follow has a proposal looked at now: by the task that waits to do so, else by a new one. While that task runs, and so may have looked
// before, another looks once: were it to wait as well, there would be one more for each time that this happens.
func (s *Store) Follow(ctx context.Context, id int64) error {
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE river_job SET scheduled_at = least(scheduled_at, $4)
			WHERE kind = $1 AND args ->> 'detail' IN ($2, $3) AND state IN ('available', 'pending', 'retryable', 'scheduled')`,
			engine.TaskFollow, engine.FollowDetail(id, false), engine.FollowDetail(id, true), s.now())
		if err != nil || tag.RowsAffected() > 0 {
			return err
		}
		var runs bool
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM river_job WHERE kind = $1 AND args ->> 'detail' = $2 AND state = 'running')`,
			engine.TaskFollow, engine.FollowDetail(id, false)).Scan(&runs); err != nil {
			return err
		}
		return s.insertTasks(ctx, tx, []incident.TaskAt{{Task: engine.Task{Kind: engine.TaskFollow, Detail: engine.FollowDetail(id, runs)}}})
	})
}

// harmWatch is how long a change is looked after once it is live: what goes wrong later is hardly its doing.
const harmWatch = 7 * 24 * time.Hour

// strayed gives the tasks that proposals lack which are on their way, or whose pull request may be opened again.
func strayed(ctx context.Context, tx pgx.Tx, now time.Time) ([]incident.TaskAt, error) {
	rows, err := tx.Query(ctx, `SELECT w.kind, p.id::text FROM proposal p
			JOIN (VALUES ('approved', $1), ('opened', $2), ('merged', $2), ('deployed', $2), ('verified', $2), ('closed', $2)) w (status, kind) ON w.status = p.status
		WHERE (p.deployed_at IS NULL OR p.deployed_at > $3) AND (p.over_at IS NULL OR p.over_at > $4 AND p.pull_number > 0) AND NOT EXISTS (SELECT FROM river_job j WHERE j.kind = w.kind AND j.finalized_at IS NULL AND j.args ->> 'detail' = p.id::text)
		ORDER BY p.id LIMIT `+strconv.Itoa(mostOrphans), engine.TaskPropose, engine.TaskFollow, now.Add(-harmWatch), now.Add(-change.ClosedFor))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (incident.TaskAt, error) {
		var t incident.TaskAt
		err := row.Scan(&t.Task.Kind, &t.Task.Detail)
		return t, err
	})
}

func titleOr(title string, items []engine.ProposalItem) string {
	if strings.TrimSpace(title) != "" {
		return title
	}
	return change.Title(items)
}

func orElse(outcome, err error) error {
	if err != nil {
		return err
	}
	return outcome
}

func distinct(ids []int64) []int64 {
	slices.Sort(ids)
	return slices.Compact(ids)
}
