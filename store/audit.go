package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
)

// auditLock is the advisory lock that orders the audit log. It is the last lock that a transaction takes.
const auditLock int64 = 0x61756469746c6f67

const auditColumns = `seq, at, by_id, by_name, action, subject, allowed, reason, prev_hash, hash`

// appendAudit adds a row to the chain.
func (s *Store) appendAudit(ctx context.Context, tx pgx.Tx, r engine.AuditRow) error {
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, auditLock); err != nil {
		return err
	}
	err := tx.QueryRow(ctx, `SELECT seq, hash FROM audit_log ORDER BY seq DESC LIMIT 1`).Scan(&r.Seq, &r.PrevHash)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	r.Seq++
	r.At, r.By.ID, r.By.Name = stamp(r.At), clean(r.By.ID), clean(r.By.Name)
	r.Subject, r.Reason = clean(r.Subject), clean(r.Reason)
	r.Hash = auditHash(r)
	_, err = tx.Exec(ctx, `INSERT INTO audit_log (`+auditColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		r.Seq, r.At, r.By.ID, r.By.Name, r.Action, r.Subject, r.Allowed, r.Reason, r.PrevHash, r.Hash)
	return err
}

// auditHash is the hex SHA-256 over each field of the row, its length before it, and the hash of the row before.
func auditHash(r engine.AuditRow) string {
	h := sha256.New()
	for _, field := range []string{
		r.PrevHash, strconv.FormatInt(r.Seq, 10), r.At.UTC().Format(time.RFC3339Nano), r.By.ID, r.By.Name,
		string(r.Action), r.Subject, strconv.FormatBool(r.Allowed), r.Reason,
	} {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(field)))
		h.Write(length[:])
		h.Write([]byte(field))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Audit gives the newest rows of the audit log, newest first, at most limit (0 means 100, never more than 1000).
func (s *Store) Audit(ctx context.Context, limit int) ([]engine.AuditRow, error) {
	if limit <= 0 {
		limit = 100
	}
	var list []engine.AuditRow
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+auditColumns+` FROM audit_log ORDER BY seq DESC LIMIT $1`, min(limit, 1000))
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, scanAudit)
		return err
	})
	return list, err
}

// VerifyAudit reads the whole audit log and fails with engine.Conflict at the first row that was changed, or before which
// one was removed. Rows cut off at the end cannot be noticed: keep the newest hash elsewhere.
func (s *Store) VerifyAudit(ctx context.Context) error {
	const page = 1000
	var last engine.AuditRow
	for {
		var rows []engine.AuditRow
		err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) error {
			r, err := tx.Query(ctx, `SELECT `+auditColumns+` FROM audit_log WHERE seq > $1 ORDER BY seq LIMIT $2`, last.Seq, page)
			if err != nil {
				return err
			}
			rows, err = pgx.CollectRows(r, scanAudit)
			return err
		})
		if err != nil || len(rows) == 0 {
			return err
		}
		for _, r := range rows {
			switch {
			case r.Seq != last.Seq+1:
				return engine.Errorf(engine.Conflict, "audit row %d is missing", last.Seq+1)
			case r.PrevHash != last.Hash || r.Hash != auditHash(r):
				return engine.Errorf(engine.Conflict, "audit row %d was changed", r.Seq)
			}
			last = r
		}
	}
}

func scanAudit(row pgx.CollectableRow) (engine.AuditRow, error) {
	var r engine.AuditRow
	err := row.Scan(&r.Seq, &r.At, &r.By.ID, &r.By.Name, &r.Action, &r.Subject, &r.Allowed, &r.Reason, &r.PrevHash, &r.Hash)
	return r, err
}
