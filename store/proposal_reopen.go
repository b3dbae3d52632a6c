package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
	"github.com/eks-autopilot/autopilot/engine/waste"
)

// Reopened says that somebody opened the pull request again that a person had closed, and what follows from how it stands: the proposal
// is on its way again, and its findings are put off no more, unless somebody put them off otherwise since. It is audited. Doing it again
// changes nothing. Where another proposal changes the same by now, it stays closed, which is told once.
func (s *Store) Reopened(ctx context.Context, id int64, pull engine.Pull, status engine.ProposalStatus, reason string, told []engine.Event) (engine.Proposal, error) {
	return s.advance(ctx, id, func(ctx context.Context, tx pgx.Tx, p engine.Proposal) error {
		if p.Status != engine.ProposalClosed {
			return nil
		}
		other, err := rival(ctx, tx, p)
		if err != nil {
			return err
		}
		if other != 0 {
			line := fmt.Sprintf("Opened again on GitHub, but proposal %d changes the same by now: this one is not followed. Close one of the two.", other)
			if lastText(p) == line {
				return nil
			}
			return s.move(ctx, tx, p, step{reason: p.Reason, lines: []engine.Event{{Kind: change.EventReopened, Text: line}}})
		}
		if err := s.putOn(ctx, tx, p); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE proposal_item SET live = true WHERE proposal_id = $1`, p.ID); err != nil {
			return err
		}
		if err := s.move(ctx, tx, p, step{to: status, reason: reason, pull: &pull, lines: kinded(p, status, told)}); err != nil {
			return err
		}
		return s.appendAudit(ctx, tx, engine.AuditRow{
			At: s.now(), Action: engine.ActionReopen, Subject: "proposal/" + strconv.FormatInt(p.ID, 10), Allowed: true, Plan: p.Hash,
			Reason: "its pull request was opened again, after it had been closed: " + p.Reason,
		})
	}, lockScans)
}

func lastText(p engine.Proposal) string {
	if len(p.Timeline) == 0 {
		return ""
	}
	return p.Timeline[len(p.Timeline)-1].Text
}

// rival gives another proposal on its way that changes what a closed one would, or is about the same; 0 for none.
func rival(ctx context.Context, tx pgx.Tx, p engine.Proposal) (id int64, err error) {
	err = tx.QueryRow(ctx, `SELECT coalesce(max(id), 0) FROM (
			SELECT o.proposal_id AS id FROM proposal_item o JOIN proposal_item i ON i.proposal_id = $1 AND (o.what = i.what OR o.finding_id = i.finding_id)
			WHERE o.live AND o.proposal_id <> $1
			UNION ALL SELECT id FROM proposal WHERE key = $2 AND over_at IS NULL AND id <> $1) others`, p.ID, p.Key).Scan(&id)
	return id, err
}

// putOn opens the findings again that the closing of a proposal's pull request put off.
func (s *Store) putOn(ctx context.Context, tx pgx.Tx, p engine.Proposal) error {
	var changes []waste.Change
	for _, i := range p.Items {
		found, err := selectFindings(ctx, tx, `WHERE f.id = $1 AND f.status = 'snoozed' AND f.reason = $2`, i.FindingID, strings.TrimSpace(p.Reason))
		if err != nil {
			return err
		}
		for _, f := range found {
			g, err := loadGroup(ctx, tx, f.group)
			if err != nil {
				return err
			}
			undone, err := waste.Mute(g, engine.Decision{Action: engine.ActionSnooze, Undo: true, FindingID: f.ID, Reason: "its pull request was opened again"}, s.now())
			if err != nil {
				return err
			}
			changes = append(changes, undone...)
		}
	}
	if err := s.saveChanges(ctx, tx, changes, nil, 0, engine.Person{}); err != nil {
		return err
	}
	return s.scanAgain(ctx, tx, "undo", changes, engine.Person{})
}
