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

const auditColumns = `seq, at, by_id, by_name, action, subject, allowed, reason, plan, prev_hash, hash`

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
	r.Subject, r.Reason, r.Plan = clean(r.Subject), clean(r.Reason), clean(r.Plan)
	r.Hash = auditHash(r)
	_, err = tx.Exec(ctx, `INSERT INTO audit_log (`+auditColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		r.Seq, r.At, r.By.ID, r.By.Name, r.Action, r.Subject, r.Allowed, r.Reason, r.Plan, r.PrevHash, r.Hash)
	return err
}

// auditHash is the hex SHA-256 over each field of the row, its length before it, and the hash of the row before. A row without a
// plan has one field less: so were all before plans were kept, and their hashes stand.
func auditHash(r engine.AuditRow) string {
	h := sha256.New()
	fields := []string{
		r.PrevHash, strconv.FormatInt(r.Seq, 10), r.At.UTC().Format(time.RFC3339Nano), r.By.ID, r.By.Name,
		string(r.Action), r.Subject, strconv.FormatBool(r.Allowed), r.Reason,
	}
	if r.Plan != "" {
		fields = append(fields, r.Plan)
	}
	for _, field := range fields {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(field)))
		h.Write(length[:])
		h.Write([]byte(field))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// aboutSQL is true of the audit rows about a subject $2: its own, those of a finding's group, and those of the proposals that came of
// it.
const aboutSQL = `subject = ANY (ARRAY(SELECT $2::text
	UNION SELECT 'savings/' || f.group_id FROM finding f WHERE $2 = 'finding/' || f.id
	UNION SELECT 'proposal/' || i.proposal_id FROM proposal_item i WHERE i.proposal_id IS NOT NULL
		AND ($2 = 'finding/' || i.finding_id OR $2 = 'savings/' || i.group_id)
	UNION SELECT 'proposal/' || p.id FROM proposal p WHERE $2 = 'incident/' || p.incident_id OR $2 = 'proposal/' || p.reverts))`

// Audit gives the newest rows of the audit log about a subject such as "proposal/7", "finding/12", "savings/3" or "incident/42",
// newest first, at most limit (0 means 100, never more than 1000). The proposals that came of it count as about it. The subject ""
// is everything.
func (s *Store) Audit(ctx context.Context, subject string, limit int) ([]engine.AuditRow, error) {
	if limit <= 0 {
		limit = 100
	}
	var list []engine.AuditRow
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		about, args := `true`, []any{min(limit, 1000)}
		if subject != "" {
			about, args = aboutSQL, append(args, subject)
		}
		rows, err := tx.Query(ctx, `SELECT `+auditColumns+` FROM audit_log WHERE `+about+` ORDER BY seq DESC LIMIT $1`, args...)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, scanAudit)
		return err
	})
	return list, err
}

// AuditHead gives the number of the newest row of the audit log and its hash; 0 and "" while there is none. Who keeps it elsewhere
// can notice later that rows were cut off at the end.
func (s *Store) AuditHead(ctx context.Context) (seq int64, hash string, err error) {
	err = s.read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `SELECT seq, hash FROM audit_log ORDER BY seq DESC LIMIT 1`).Scan(&seq, &hash)
		if errors.Is(err, pgx.ErrNoRows) {
			seq, hash, err = 0, "", nil
		}
		return err
	})
	return seq, hash, err
}

// AuditHashes gives the hashes of rows of the audit log by their numbers; what is not there is left out.
func (s *Store) AuditHashes(ctx context.Context, seqs []int64) (map[int64]string, error) {
	hashes := map[int64]string{}
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT seq, hash FROM audit_log WHERE seq = ANY ($1)`, seqs)
		if err != nil {
			return err
		}
		var seq int64
		var hash string
		_, err = pgx.ForEachRow(rows, []any{&seq, &hash}, func() error {
			hashes[seq] = hash
			return nil
		})
		return err
	})
	return hashes, err
}

// AuditSince gives the rows of the audit log after a number, oldest first, a page at a time and each once. It ends with the first error of
// give. Rows that come meanwhile are given too.
func (s *Store) AuditSince(ctx context.Context, after int64, give func(engine.AuditRow) error) error {
	const page = 1000
	for {
		var list []engine.AuditRow
		err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) error {
			r, err := tx.Query(ctx, `SELECT `+auditColumns+` FROM audit_log WHERE seq > $1 ORDER BY seq LIMIT $2`, after, page)
			if err != nil {
				return err
			}
			list, err = pgx.CollectRows(r, scanAudit)
			return err
		})
		if err != nil || len(list) == 0 {
			return err
		}
		for _, r := range list {
			if err := give(r); err != nil {
				return err
			}
			after = r.Seq
		}
	}
}

// VerifyAudit is CheckAudit for who wants to know no more than whether it holds.
func (s *Store) VerifyAudit(ctx context.Context) error {
	_, _, err := s.CheckAudit(ctx)
	return err
}

// CheckAudit reads the whole audit log and gives how many rows hold, and the hash of the last one that does. It fails with
// engine.Conflict at the first row that was changed, or before which one was removed. Rows cut off at the end cannot be noticed:
// keep the newest hash elsewhere.
func (s *Store) CheckAudit(ctx context.Context) (rows int64, head string, err error) {
	var last engine.AuditRow
	err = s.AuditSince(ctx, 0, func(r engine.AuditRow) error {
		switch {
		case r.Seq != last.Seq+1:
			return engine.Errorf(engine.Conflict, "audit row %d is missing", last.Seq+1)
		case r.PrevHash != last.Hash || r.Hash != auditHash(r):
			return engine.Errorf(engine.Conflict, "audit row %d was changed", r.Seq)
		}
		last = r
		return nil
	})
	return last.Seq, last.Hash, err
}

func scanAudit(row pgx.CollectableRow) (engine.AuditRow, error) {
	var r engine.AuditRow
	err := row.Scan(&r.Seq, &r.At, &r.By.ID, &r.By.Name, &r.Action, &r.Subject, &r.Allowed, &r.Reason, &r.Plan, &r.PrevHash, &r.Hash)
	return r, err
}
