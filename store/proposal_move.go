package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
	"github.com/eks-autopilot/autopilot/engine/incident"
)

const (
	saveProposalSQL = `INSERT INTO proposal (key, cluster, team, title, repo, base, hash, monthly, status, need, proposer_id, proposer_name,
			reverts, incident_id, thread_key, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'pending', $9, $10, $11, $12, $13, $14, $15, $16) RETURNING id`

	saveOfferedSQL = `INSERT INTO proposal_item (finding_id, group_id, what, repo, base, team, monthly, hash, body, made_at, proposal_id, live)
		VALUES ($1, $2, $12 || $3, $4, $5, $6, $7, $8, $9, $10, $11, true)`

	moveProposalSQL = `UPDATE proposal SET status = $2, reason = $3, pull = $4, pull_number = $5,
			approved_at = CASE WHEN $2 = 'approved' AND status <> 'approved' THEN $6 ELSE approved_at END,
			merged_at = CASE WHEN $2 = 'merged' AND status <> 'merged' THEN $6 ELSE merged_at END,
			deployed_at = CASE WHEN $2 = 'deployed' AND status <> 'deployed' THEN $6 ELSE deployed_at END,
			verified_at = CASE WHEN $2 = 'verified' AND status <> 'verified' THEN $6 ELSE verified_at END,
			over_at = CASE WHEN $7 THEN coalesce(over_at, $6) END, version = version + 1
		WHERE id = $1 RETURNING version, thread_key`

	saveProposalEventSQL = `INSERT INTO proposal_event (proposal_id, n, at, kind, by_id, by_name, text) VALUES ($1, $2, $3, $4, $5, $6, $7)`
)

// step is how a proposal moves on.
type step struct {
	to      engine.ProposalStatus // "" when the status stays
	reason  string
	pull    *engine.Pull   // nil when it stays
	lines   []engine.Event // of the timeline, each told in the thread once; Kind, By and Text alone
	entries []engine.LedgerEntry
}

// insertProposal makes a proposal of its items, to be told under the card of the first; outcome is why it cannot be made.
func (s *Store) insertProposal(ctx context.Context, tx pgx.Tx, p engine.Proposal, expires time.Duration) (made engine.Proposal, outcome, err error) {
	p.Key, p.Status, p.CreatedAt, p.Monthly = change.Key(p), engine.ProposalPending, s.now(), 0
	for _, i := range p.Items {
		p.Monthly += i.Monthly
	}
	if expires > 0 {
		p.ExpiresAt = p.CreatedAt.Add(expires)
	}
	same, err := selectProposals(ctx, tx, `WHERE p.key = $1 AND p.over_at IS NULL`, p.Key)
	if err != nil {
		return p, nil, err
	}
	if len(same) > 0 {
		return p, alreadyIn(p.Items[0], same[0]), nil
	}
	thread, err := s.threadFor(ctx, tx, p)
	if err != nil {
		return p, nil, err
	}
	if p.IsMend() { // its lines were never drafts, which are kept only while nobody else changes the value
		if outcome, err = underway(ctx, tx, p.Items); outcome != nil || err != nil {
			return p, outcome, err
		}
	}
	if err := tx.QueryRow(ctx, saveProposalSQL, p.Key, p.Cluster, p.Team, p.Title, p.Repo, p.Base, p.Hash, int64(p.Monthly), p.Need,
		p.Proposer.ID, p.Proposer.Name, orNone(p.Reverts), orNone(p.Incident), thread, p.CreatedAt, orNull(p.ExpiresAt)).Scan(&p.ID); err != nil {
		return p, nil, err
	}
	b := &pgx.Batch{}
	for k := range p.Items {
		p.Items[k].ProposalID = p.ID
		if id := p.Items[k].ID; id != 0 {
			b.Queue(`UPDATE proposal_item SET proposal_id = $2, live = true WHERE id = $1`, id, p.ID)
			continue
		}
		prefix := ""
		if p.Reverts != 0 {
			prefix = fmt.Sprintf("revert/%d|", p.Reverts) // what it takes back is live as well
		}
		saveItem(b, saveOfferedSQL, p.Items[k], p.ID, prefix)
	}
	return p, nil, tx.SendBatch(ctx, b).Close()
}

// threadFor gives the key of the message under which a proposal is told: its incident's card, or that of the group of its first
// item, which gets one now if it had none. It is "" where no card is to be shown at all.
func (s *Store) threadFor(ctx context.Context, tx pgx.Tx, p engine.Proposal) (string, error) {
	if p.Incident != 0 {
		var id int64
		err := tx.QueryRow(ctx, `SELECT coalesce(max(coalesce(parent_id, id)), 0) FROM incidents WHERE id = $1`, p.Incident).Scan(&id)
		if err == nil && id == 0 {
			err = engine.Errorf(engine.NotFound, "there is no incident %d", p.Incident)
		}
		return engine.CardKey(id), err
	}
	group := p.Items[0].GroupID
	if group == 0 {
		return "", nil
	}
	g, err := loadGroup(ctx, tx, group)
	if err != nil {
		return "", err
	}
	channel := s.cards().ChannelOf(g)
	tag, err := tx.Exec(ctx, `UPDATE finding_group SET carded_at = $2, channel = $3 WHERE id = $1 AND carded_at IS NULL AND $3 <> ''`,
		group, s.now(), channel)
	if err != nil {
		return "", err
	}
	key := engine.SavingsKey(group, g.Round)
	if tag.RowsAffected() == 1 {
		b := &pgx.Batch{}
		s.declareCard(b, g, channel, s.now())
		return key, tx.SendBatch(ctx, b).Close()
	}
	err = tx.QueryRow(ctx, `SELECT coalesce((SELECT key FROM messages WHERE key = $1), '')`, key).Scan(&key)
	return key, err
}

// move takes a proposal a step further and tells it: the state message, a line in the thread for each line of the timeline, and the
// cards of all its groups. The ledger's entries and the task that comes next are part of it. It fails with engine.Conflict where the
// step leads nowhere.
func (s *Store) move(ctx context.Context, tx pgx.Tx, p engine.Proposal, to step) error {
	status := p.Status
	if to.to != "" && to.to != status {
		if !change.Leads(status, to.to) {
			return engine.Errorf(engine.Conflict, "proposal %d is %s and cannot be %s", p.ID, status, to.to)
		}
		status = to.to
	}
	pull := p.Pull
	if to.pull != nil {
		pull = *to.pull
		pull.SeenAt = stamp(pull.SeenAt)
	}
	var version int64
	var thread string
	if err := tx.QueryRow(ctx, moveProposalSQL, p.ID, status, to.reason, pull, pull.Number, s.now(), status.IsOver()).Scan(&version, &thread); err != nil {
		return err
	}
	b := &pgx.Batch{}
	tell(b, p, version, thread, to.lines, s.now())
	if !change.Underway(status) || status == engine.ProposalDeployed && p.Reverts+p.Incident != 0 { // these save nothing that is measured
		b.Queue(`UPDATE proposal_item SET live = false WHERE proposal_id = $1 AND live`, p.ID)
	}
	b.Queue(bumpGroupsSQL, groupsOf(p))
	b.Queue(wakeSQL)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return err
	}
	if err := s.appendLedger(ctx, tx, to.entries); err != nil {
		return err
	}
	if status == p.Status {
		return nil
	}
	return s.insertTasks(ctx, tx, tasksAfter(p, status))
}

// tell queues a proposal's state message, and its new lines.
func tell(b *pgx.Batch, p engine.Proposal, version int64, thread string, lines []engine.Event, now time.Time) {
	declare(b, engine.Message{
		Key: engine.ProposalKey(p.ID), Kind: engine.MessageProposal, Subject: p.ID, ThreadKey: thread, Version: version,
	}, now)
	for k, e := range lines {
		n := int64(len(p.Timeline) + k + 1)
		b.Queue(saveProposalEventSQL, p.ID, n, now, e.Kind, e.By.ID, e.By.Name, e.Text)
		declare(b, engine.Message{
			Key: fmt.Sprintf("proposal/%d/event/%d", p.ID, n), Kind: engine.MessageProposal, Subject: p.ID, Detail: n, ThreadKey: thread, Version: 1,
		}, now)
	}
}

// tasksAfter are what a new status asks for.
func tasksAfter(p engine.Proposal, status engine.ProposalStatus) []incident.TaskAt {
	var tasks []incident.TaskAt
	add := func(kind engine.TaskKind, id int64) {
		tasks = append(tasks, incident.TaskAt{Task: engine.Task{Kind: kind, Detail: strconv.FormatInt(id, 10)}})
	}
	switch status {
	case engine.ProposalApproved:
		add(engine.TaskPropose, p.ID)
	case engine.ProposalOpened, engine.ProposalMerged:
		if p.Status == engine.ProposalApproved { // nobody follows it yet
			add(engine.TaskFollow, p.ID)
		}
	case engine.ProposalDenied, engine.ProposalExpired, engine.ProposalStale, engine.ProposalClosed:
		for _, group := range groupsOf(p) {
			add(engine.TaskDraft, group)
		}
		if status == engine.ProposalClosed && p.Status == engine.ProposalApproved { // nobody follows it yet
			add(engine.TaskFollow, p.ID)
		}
	case engine.ProposalPending, engine.ProposalDeployed, engine.ProposalVerified, engine.ProposalReversed:
	}
	return tasks
}

// groupsOf gives the finding groups that a proposal is about, each once, in the order of their ids.
func groupsOf(p engine.Proposal) []int64 {
	groups := []int64{}
	for _, i := range p.Items {
		if i.GroupID != 0 {
			groups = append(groups, i.GroupID)
		}
	}
	return distinct(groups)
}

// entriesOf are a proposal's entries of one kind in the ledger: one for each finding.
func entriesOf(p engine.Proposal, kind engine.EntryKind, by engine.Person, ref string) []engine.LedgerEntry {
	var entries []engine.LedgerEntry
	for _, i := range p.Items {
		if i.Chain == "" || p.Reverts != 0 {
			continue
		}
		e := engine.LedgerEntry{
			Chain: i.Chain, Kind: kind, Proposal: p.ID, Finding: i.FindingID, Type: i.Kind, Target: i.Wish.Target, Team: i.Owner.Team,
			Amount: i.Monthly, Low: i.Monthly, High: i.Monthly, By: by, Ref: ref,
		}
		if i.Cash {
			e.Cash = i.Monthly
		}
		entries = append(entries, e)
	}
	return entries
}

func because(reason string) string {
	if reason = strings.TrimSpace(reason); reason == "" {
		return ""
	}
	return ": " + reason
}
