package store

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/ledger"
)

const (
	selectProposal = `SELECT p.id, p.key, p.cluster, p.team, p.title, p.repo, p.base, p.hash, p.monthly, p.status, p.reason, p.need,
			p.proposer_id, p.proposer_name, p.pull, coalesce(p.reverts, 0), coalesce(p.incident_id, 0), p.created_at, p.expires_at,
			p.approved_at, p.merged_at, p.deployed_at, p.verified_at, p.version, coalesce(m.channel_id, ''), coalesce(m.ts, '')
		FROM proposal p LEFT JOIN messages m ON m.key = p.thread_key AND p.thread_key <> '' `

	selectItem = `SELECT i.id, coalesce(i.proposal_id, 0), i.hash, i.made_at, i.body FROM proposal_item i `

	mostProposals = 500
)

// ProposalFilter chooses proposals. Empty fields choose all.
type ProposalFilter struct {
	Statuses []engine.ProposalStatus // none means those that are not over
	Cluster  string
	Team     string
	Repo     string
	Group    int64 // of a finding group, whatever their status unless Statuses says it
	Incident int64 // of an incident, likewise
	Limit    int   // 0 means 100, at most 500
}

// Proposal gives a proposal with its items, approvals and timeline. It fails with engine.NotFound.
func (s *Store) Proposal(ctx context.Context, id int64) (engine.Proposal, error) {
	var p engine.Proposal
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		p, err = loadProposal(ctx, tx, id)
		return err
	})
	return p, err
}

// ProposalByPull gives the newest proposal of a pull request. It fails with engine.NotFound for one that is not ours.
func (s *Store) ProposalByPull(ctx context.Context, repo string, number int) (engine.Proposal, error) {
	var p engine.Proposal
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		list, err := selectProposals(ctx, tx, `WHERE lower(p.repo) = lower($1) AND p.pull_number = $2 AND $2 > 0 ORDER BY p.id DESC LIMIT 1`, repo, number)
		if err == nil && len(list) == 0 {
			return engine.Errorf(engine.NotFound, "pull request %d of %s is none of ours", number, repo)
		}
		if err == nil {
			p = list[0]
		}
		return err
	})
	return p, err
}

// Proposals gives the proposals that a filter chooses, the newest first.
func (s *Store) Proposals(ctx context.Context, f ProposalFilter) ([]engine.Proposal, error) {
	var list []engine.Proposal
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		list, err = findProposals(ctx, tx, f)
		return err
	})
	return list, err
}

func findProposals(ctx context.Context, tx pgx.Tx, f ProposalFilter) ([]engine.Proposal, error) {
	statuses := make([]string, len(f.Statuses))
	for k, s := range f.Statuses {
		statuses[k] = string(s)
	}
	if f.Limit <= 0 {
		f.Limit = 100
	}
	return selectProposals(ctx, tx, `
		WHERE (p.status = ANY ($1) OR cardinality($1) = 0 AND (p.over_at IS NULL OR $5 > 0 OR $6 > 0))
			AND ($2 = '' OR p.cluster = $2) AND ($3 = '' OR p.team = $3) AND ($4 = '' OR p.repo = $4)
			AND ($5 = 0 OR p.id IN (SELECT i.proposal_id FROM proposal_item i WHERE i.group_id = $5)) AND ($6 = 0 OR p.incident_id = $6)
		ORDER BY p.over_at IS NOT NULL, p.id DESC LIMIT $7`,
		statuses, f.Cluster, f.Team, f.Repo, f.Group, f.Incident, min(f.Limit, mostProposals))
}

func loadProposal(ctx context.Context, tx pgx.Tx, id int64) (engine.Proposal, error) {
	list, err := selectProposals(ctx, tx, `WHERE p.id = $1`, id)
	if err != nil {
		return engine.Proposal{}, err
	}
	if len(list) == 0 {
		return engine.Proposal{}, engine.Errorf(engine.NotFound, "there is no proposal %d", id)
	}
	return list[0], nil
}

// selectProposals reads proposals with all that hangs on them.
func selectProposals(ctx context.Context, tx pgx.Tx, rest string, args ...any) ([]engine.Proposal, error) {
	rows, err := tx.Query(ctx, selectProposal+rest, args...)
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, scanProposal)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	ids := make([]int64, len(list))
	at := map[int64]*engine.Proposal{}
	for k := range list {
		ids[k], at[list[k].ID] = list[k].ID, &list[k]
	}
	items, err := selectItems(ctx, tx, `WHERE i.proposal_id = ANY ($1) ORDER BY i.monthly DESC, i.id`, ids)
	if err != nil {
		return nil, err
	}
	for _, i := range items {
		p := at[i.ProposalID]
		p.Items = append(p.Items, i)
	}
	if err := loadApprovals(ctx, tx, ids, at); err != nil {
		return nil, err
	}
	if err := loadProposalEvents(ctx, tx, ids, at); err != nil {
		return nil, err
	}
	return list, loadSaved(ctx, tx, list)
}

// loadSaved fills in what the ledger has of those that were deployed.
func loadSaved(ctx context.Context, tx pgx.Tx, list []engine.Proposal) error {
	var ids []int64
	for _, p := range list {
		if !p.DeployedAt.IsZero() {
			ids = append(ids, p.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	rows, err := ledgerRows(ctx, tx, `WHERE proposal = ANY ($1) ORDER BY id`, ids)
	if err != nil {
		return err
	}
	entries := map[int64][]engine.LedgerEntry{}
	for _, e := range rows {
		entries[e.Proposal] = append(entries[e.Proposal], e)
	}
	for k := range list {
		list[k].Saved = savedOf(entries[list[k].ID])
	}
	return nil
}

// savedOf adds up the verified days of a proposal's entries. Those of several findings are the same days.
func savedOf(entries []engine.LedgerEntry) engine.Saved {
	var saved engine.Saved
	sum := ledger.Sum(entries, engine.LedgerFilter{Limit: len(entries) + 1})
	for _, l := range sum.Lines {
		saved.Days = max(saved.Days, l.Days)
		saved.Verified, saved.Cash = saved.Verified+l.Verified, saved.Cash+l.Cash
		saved.Low, saved.High = saved.Low+l.Low, saved.High+l.High
	}
	for _, c := range sum.Calibration {
		saved.Estimated += c.Estimated
	}
	return saved
}

func scanProposal(row pgx.CollectableRow) (engine.Proposal, error) {
	var p engine.Proposal
	err := row.Scan(&p.ID, &p.Key, &p.Cluster, &p.Team, &p.Title, &p.Repo, &p.Base, &p.Hash, &p.Monthly, &p.Status, &p.Reason, &p.Need,
		&p.Proposer.ID, &p.Proposer.Name, &p.Pull, &p.Reverts, &p.Incident, zeroTime{&p.CreatedAt}, zeroTime{&p.ExpiresAt},
		zeroTime{&p.ApprovedAt}, zeroTime{&p.MergedAt}, zeroTime{&p.DeployedAt}, zeroTime{&p.VerifiedAt}, &p.Version,
		&p.Thread.Channel, &p.Thread.TS)
	return p, err
}

func selectItems(ctx context.Context, tx pgx.Tx, rest string, args ...any) ([]engine.ProposalItem, error) {
	rows, err := tx.Query(ctx, selectItem+rest, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (engine.ProposalItem, error) {
		var own, i engine.ProposalItem
		err := row.Scan(&own.ID, &own.ProposalID, &own.Hash, zeroTime{&own.MadeAt}, &i)
		i.ID, i.ProposalID, i.Hash, i.MadeAt = own.ID, own.ProposalID, own.Hash, own.MadeAt
		return i, err
	})
}

func loadApprovals(ctx context.Context, tx pgx.Tx, ids []int64, at map[int64]*engine.Proposal) error {
	rows, err := tx.Query(ctx, `SELECT proposal_id, by_id, by_name, at, hash, role FROM proposal_approval
		WHERE proposal_id = ANY ($1) ORDER BY at, by_id`, ids)
	if err != nil {
		return err
	}
	var id int64
	var a engine.Approval
	_, err = pgx.ForEachRow(rows, []any{&id, &a.By.ID, &a.By.Name, &a.At, &a.Hash, &a.Role}, func() error {
		at[id].Approved = append(at[id].Approved, a)
		return nil
	})
	return err
}

func loadProposalEvents(ctx context.Context, tx pgx.Tx, ids []int64, at map[int64]*engine.Proposal) error {
	rows, err := tx.Query(ctx, `SELECT proposal_id, n, at, kind, by_id, by_name, text FROM proposal_event
		WHERE proposal_id = ANY ($1) ORDER BY proposal_id, n`, ids)
	if err != nil {
		return err
	}
	var id int64
	var e engine.Event
	_, err = pgx.ForEachRow(rows, []any{&id, &e.ID, &e.At, &e.Kind, &e.By.ID, &e.By.Name, &e.Text}, func() error {
		at[id].Timeline = append(at[id].Timeline, e)
		return nil
	})
	return err
}

// loadPlans fills in what could be approved of a group, and what was: that is the newest few, but all that is on its way.
func loadPlans(ctx context.Context, tx pgx.Tx, g *engine.FindingGroup) error {
	const past = 3
	var err error
	if g.Drafts, err = draftsOf(ctx, tx, g.ID); err != nil {
		return err
	}
	all, err := findProposals(ctx, tx, ProposalFilter{Group: g.ID})
	over := 0
	g.Proposals = slices.DeleteFunc(all, func(p engine.Proposal) bool {
		if p.Status.IsOver() {
			over++
		}
		return over > past && p.Status.IsOver()
	})
	return err
}
