package store_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
)

func (w *world) audited(n int) {
	w.t.Helper()
	for k := range n {
		w.must(w.SetPause(w.t.Context(), engine.Decision{
			ID: fmt.Sprint("d", k), Action: engine.ActionPause, By: ada, At: w.now(), Allowed: true, Reason: fmt.Sprint("reason ", k),
		}))
	}
}

func TestAuditIsAppendOnly(t *testing.T) {
	w := newWorld(t)
	w.audited(2)
	c, err := pgx.Connect(t.Context(), w.url)
	w.must(err)
	defer func() { _ = c.Close(context.WithoutCancel(t.Context())) }()
	for _, sql := range []string{`UPDATE audit_log SET reason = 'x'`, `DELETE FROM audit_log`, `TRUNCATE audit_log`} {
		if _, err := c.Exec(t.Context(), sql); err == nil {
			t.Errorf("%s was allowed", sql)
		}
	}
	w.must(w.VerifyAudit(t.Context()))
}

func TestTamperingIsFound(t *testing.T) {
	for name, sql := range map[string]string{
		"a changed reason":          `UPDATE audit_log SET reason = 'none' WHERE seq = 2`,
		"a changed time":            `UPDATE audit_log SET at = at + interval '1 microsecond' WHERE seq = 2`,
		"a changed person":          `UPDATE audit_log SET by_id = 'U9' WHERE seq = 2`,
		"a refusal made a leave":    `UPDATE audit_log SET allowed = NOT allowed WHERE seq = 2`,
		"text moved between fields": `UPDATE audit_log SET by_name = by_name || 'p', action = 'ause' WHERE seq = 2`,
		"a removed row":             `DELETE FROM audit_log WHERE seq = 2`,
		"the first row removed":     `DELETE FROM audit_log WHERE seq = 1`,
		"rows swapped":              `UPDATE audit_log SET seq = CASE seq WHEN 2 THEN 30 ELSE seq END; UPDATE audit_log SET seq = 2 WHERE seq = 3; UPDATE audit_log SET seq = 3 WHERE seq = 30`,
		"a forged row":              `INSERT INTO audit_log SELECT 5, at, by_id, by_name, action, subject, allowed, reason, hash, 'forged' FROM audit_log WHERE seq = 4`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.audited(4)
			w.must(w.VerifyAudit(t.Context()))
			c, err := pgx.Connect(t.Context(), w.url)
			w.must(err)
			defer func() { _ = c.Close(context.WithoutCancel(t.Context())) }()
			_, err = c.Exec(t.Context(), `ALTER TABLE audit_log DISABLE TRIGGER ALL; `+sql)
			w.must(err)
			code(t, "verify", w.VerifyAudit(t.Context()), engine.Conflict)
		})
	}
}

func TestAuditIsReadNewestFirst(t *testing.T) {
	w := newWorld(t)
	w.audited(5)
	rows, err := w.Audit(t.Context(), "", 2)
	w.must(err)
	equal(t, "rows", []any{len(rows), rows[0].Seq, rows[1].Seq, rows[0].PrevHash == rows[1].Hash}, []any{2, int64(5), int64(4), true})
}
