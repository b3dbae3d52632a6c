package store

import (
	"context"
	"errors"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
)

// Removal tells how far the removal of a proposal's volume is; its step is engine.RemovalNone where nothing was done.
func (s *Store) Removal(ctx context.Context, proposal int64) (engine.RemovalState, error) {
	var r engine.RemovalState
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		r, err = loadRemoval(ctx, tx, proposal)
		return err
	})
	return r, err
}

func loadRemoval(ctx context.Context, tx pgx.Tx, proposal int64) (engine.RemovalState, error) {
	r := engine.RemovalState{Proposal: proposal}
	err := tx.QueryRow(ctx, `SELECT step, snapshot, at FROM volume_removal WHERE proposal_id = $1`, proposal).Scan(&r.Step, &r.Snapshot, zeroTime{&r.At})
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	return r, err
}

// SaveRemoval takes a removal from one state to the next, before what the next one names is done, and gives the state as it is kept: of
// two who would both go on, one may. line is told in the thread; reason is what is waited for. What changes something in AWS is audited.
// It fails with engine.Conflict when the removal is not as was says, and when its proposal is approved no more.
func (s *Store) SaveRemoval(ctx context.Context, was, is engine.RemovalState, reason, line string) (engine.RemovalState, error) {
	var kept engine.RemovalState
	_, err := s.advance(ctx, was.Proposal, func(ctx context.Context, tx pgx.Tx, p engine.Proposal) error {
		if p.Status != engine.ProposalApproved {
			return movedOn(p)
		}
		now, err := loadRemoval(ctx, tx, p.ID)
		if err != nil {
			return err
		}
		if now.Step != was.Step || now.Snapshot != was.Snapshot || !now.At.Equal(was.At) {
			return engine.Errorf(engine.Conflict, "somebody else goes on with the removal of proposal %d", p.ID)
		}
		kept = engine.RemovalState{Proposal: p.ID, Step: is.Step, Snapshot: is.Snapshot, At: stamp(s.now())}
		if _, err := tx.Exec(ctx, `INSERT INTO volume_removal (proposal_id, step, snapshot, at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (proposal_id) DO UPDATE SET step = excluded.step, snapshot = excluded.snapshot, at = excluded.at`,
			p.ID, kept.Step, kept.Snapshot, kept.At); err != nil {
			return err
		}
		to := step{reason: reason}
		if line != "" {
			to.lines = []engine.Event{{Kind: "removal", Text: line}}
		}
		if err := s.move(ctx, tx, p, to); err != nil {
			return err
		}
		if kept.Step != engine.RemovalSnapshot && kept.Step != engine.RemovalDelete {
			return nil
		}
		return s.appendAudit(ctx, tx, engine.AuditRow{
			At: s.now(), Action: engine.ActionRemove, Subject: "proposal/" + strconv.FormatInt(p.ID, 10), Allowed: true, Reason: line, Plan: p.Hash,
		})
	})
	return kept, err
}

// deletable fails once a proposal's volume is being deleted: from then on nobody can say no.
func deletable(ctx context.Context, tx pgx.Tx, p engine.Proposal) error {
	r, err := loadRemoval(ctx, tx, p.ID)
	if err == nil && (r.Step == engine.RemovalDelete || r.Step == engine.RemovalDone) {
		err = engine.Errorf(engine.Conflict, "it is too late: the volume is being deleted. Snapshot %s has what was on it", r.Snapshot)
	}
	return err
}
