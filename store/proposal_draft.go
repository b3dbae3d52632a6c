package store

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
)

const (
	// proposalLock is the advisory lock under which drafts and proposals are written. Who takes scanLock too takes that one first.
	proposalLock int64 = 0x70726f706f73616c

	// proposable is true of a draft i whose finding f is open, whose value nobody else is changing, and for whose chain nothing was done:
	// what a scan finds after that is of another one.
	proposable = ` i.proposal_id IS NULL AND f.status = 'open'
		AND NOT EXISTS (SELECT FROM proposal_item l WHERE l.live AND (l.what = i.what OR l.finding_id = i.finding_id))
		AND NOT EXISTS (SELECT FROM proposal_item d JOIN proposal p ON p.id = d.proposal_id
			WHERE d.finding_id = i.finding_id AND p.over_at IS NULL AND d.body ->> 'Chain' = i.body ->> 'Chain') `

	draftsSQL = `JOIN finding f ON f.id = i.finding_id WHERE ` + proposable

	saveDraftSQL = `INSERT INTO proposal_item (finding_id, group_id, what, repo, base, team, monthly, hash, body, made_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`
)

func lockProposals(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, proposalLock)
	return err
}

// SaveDrafts makes these the drafts of a finding group. A draft that is change.Alike the one that stands leaves it as it is; one of a finding
// that the group does not have open any more is left out. The group's card is drawn anew when it would look different. It fails with
// engine.Invalid for a draft of no finding, and for two of one.
func (s *Store) SaveDrafts(ctx context.Context, group int64, items []engine.ProposalItem) error {
	fresh := make([]engine.ProposalItem, 0, len(items))
	seen := map[int64]bool{}
	for _, i := range items {
		if i.FindingID == 0 || seen[i.FindingID] {
			return engine.Errorf(engine.Invalid, "drafts of group %d must be of one finding each, not of %d", group, i.FindingID)
		}
		seen[i.FindingID] = true
		kept, err := keepable(i)
		if err != nil {
			return err
		}
		kept.GroupID = group
		fresh = append(fresh, kept)
	}
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := lockProposals(ctx, tx); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `SELECT id FROM finding WHERE group_id = $1 AND status = 'open'`, group)
		if err != nil {
			return err
		}
		open, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			return err
		}
		// A finding's draft may be of the group that the finding was in before.
		old, err := selectItems(ctx, tx, `WHERE i.proposal_id IS NULL AND (i.group_id = $1 OR i.finding_id = ANY ($2))`, group, open)
		if err != nil {
			return err
		}
		return s.replaceDrafts(ctx, tx, group, old, slices.DeleteFunc(slices.Clone(fresh), func(i engine.ProposalItem) bool {
			return !slices.Contains(open, i.FindingID)
		}))
	})
}

// keepable gives a draft as it will be read back, with the hash of that.
func keepable(i engine.ProposalItem) (engine.ProposalItem, error) {
	i.ID, i.ProposalID, i.MadeAt, i.Hash = 0, 0, stamp(i.MadeAt), ""
	b, err := marshalClean(i)
	if err != nil {
		return i, engine.Wrap(engine.Invalid, err, "the numbers of the draft "+i.Title+" make no sense")
	}
	var kept engine.ProposalItem
	if err := json.Unmarshal(b, &kept); err != nil {
		return i, engine.Wrap(engine.Internal, err, "a draft cannot be read back")
	}
	kept.Hash = change.ItemHash(kept)
	return kept, nil
}

func (s *Store) replaceDrafts(ctx context.Context, tx pgx.Tx, group int64, old, fresh []engine.ProposalItem) error {
	b := &pgx.Batch{}
	looks := map[int64]string{} // what the card shows of a finding's draft
	var gone []int64
	for _, o := range old {
		looks[o.FindingID] = lookOf(o)
		if !slices.ContainsFunc(fresh, func(f engine.ProposalItem) bool { return same(o, f) }) {
			gone = append(gone, o.ID)
		}
	}
	if len(gone) > 0 {
		b.Queue(`DELETE FROM proposal_item WHERE id = ANY ($1) AND proposal_id IS NULL`, gone)
	}
	redraw := len(old) != len(fresh)
	for _, f := range fresh {
		redraw = redraw || looks[f.FindingID] != lookOf(f)
		if slices.ContainsFunc(old, func(o engine.ProposalItem) bool { return same(o, f) }) {
			continue
		}
		saveItem(b, saveDraftSQL, f)
	}
	if redraw {
		b.Queue(bumpGroupsSQL, []int64{group})
		b.Queue(wakeSQL)
	}
	return tx.SendBatch(ctx, b).Close()
}

// same tells whether a draft is the one that is there. One that was made on a newer commit, where nothing that is shown changed but
// numbers by a little, is: it is made again before anything is done, and who has it in a window may still send that in.
func same(old, fresh engine.ProposalItem) bool {
	return old.FindingID == fresh.FindingID && old.GroupID == fresh.GroupID && old.Chain == fresh.Chain && change.Alike(old, fresh)
}

// lookOf is what a card shows of a draft: not what moves a little with every scan.
func lookOf(i engine.ProposalItem) string {
	b, err := json.Marshal([]any{i.Title, i.Repo, i.Base, i.Risk, len(i.Edits) > 0, i.ByHand, i.Why, i.Steps})
	if err != nil {
		return i.Hash
	}
	return string(b)
}

func saveItem(b *pgx.Batch, sql string, i engine.ProposalItem, more ...any) {
	args := []any{
		orNone(i.FindingID), orNone(i.GroupID), change.ValueKey(i.Wish), i.Repo, i.Base, i.Owner.Team, int64(i.Monthly), i.Hash, i, stamp(i.MadeAt),
	}
	b.Queue(sql, append(args, more...)...)
}

// orNone writes the id 0 as NULL.
func orNone(id int64) *int64 {
	if id == 0 {
		return nil
	}
	return &id
}

// Drafts gives what could be approved of a finding group, and what only a person can edit; beside it what others have of the same
// repository and team, which could go into the same pull request. The dearest come first.
func (s *Store) Drafts(ctx context.Context, group int64) (own, others []engine.ProposalItem, err error) {
	err = s.read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if own, err = draftsOf(ctx, tx, group); err != nil {
			return err
		}
		var repos, bases, teams []string
		for _, i := range own {
			if len(i.Edits) > 0 {
				repos, bases, teams = append(repos, i.Repo), append(bases, i.Base), append(teams, i.Owner.Team)
			}
		}
		others, err = selectItems(ctx, tx, draftsSQL+`AND i.group_id <> $1 AND i.repo <> '' AND jsonb_array_length(coalesce(nullif(i.body -> 'Edits', 'null'), '[]')) > 0
			AND (i.repo, i.base, i.team) IN (SELECT * FROM unnest($2::text[], $3::text[], $4::text[]))
			ORDER BY i.monthly DESC, i.id LIMIT 100`, group, repos, bases, teams)
		return err
	})
	return own, others, err
}

func draftsOf(ctx context.Context, tx pgx.Tx, group int64) ([]engine.ProposalItem, error) {
	return selectItems(ctx, tx, draftsSQL+`AND i.group_id = $1 ORDER BY i.monthly DESC, i.id`, group)
}

// DraftsByRef gives the drafts that a person chose, in the order of refs. It fails with engine.Invalid for what is no ref, and with
// engine.Conflict when one of them is not there as it was shown.
func (s *Store) DraftsByRef(ctx context.Context, refs []string) ([]engine.ProposalItem, error) {
	var items []engine.ProposalItem
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var outcome error
		if items, outcome = chosen(ctx, tx, refs); outcome != nil {
			return outcome
		}
		return nil
	})
	return items, err
}
