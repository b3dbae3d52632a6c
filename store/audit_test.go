package store_test

import (
	"context"
	"fmt"
	"strings"
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

// Whatever column of whatever row is changed, by however little, the chain does not hold any more.
func TestTamperingWithAnyColumnIsFound(t *testing.T) {
	w := newSavers(t)
	w.approve("click-1", 1, w.drafted("api")...)
	w.audited(3)
	rows, head, err := w.CheckAudit(t.Context())
	w.must(err)
	seq, newest, err := w.AuditHead(t.Context())
	w.must(err)
	equal(t, "head", []any{seq, newest}, []any{rows, head})
	c, err := pgx.Connect(t.Context(), w.url)
	w.must(err)
	defer func() { _ = c.Close(context.WithoutCancel(t.Context())) }()
	do := func(sql string, args ...any) {
		_, err := c.Exec(t.Context(), sql, args...)
		w.must(err)
	}
	do(`ALTER TABLE audit_log DISABLE TRIGGER ALL`)
	do(`CREATE TABLE good AS SELECT * FROM audit_log`)
	columns := w.sql(`SELECT attname FROM pg_attribute WHERE attrelid = 'audit_log'::regclass AND attnum > 0 AND NOT attisdropped`)
	for column := range strings.FieldsSeq(columns) {
		for n := range rows {
			change := column + ` || 'x'`
			switch column {
			case "seq":
				change = `seq + 100`
			case "at":
				change = `at + interval '1 microsecond'`
			case "allowed":
				change = `NOT allowed`
			}
			do(`UPDATE audit_log SET `+column+` = `+change+` WHERE seq = $1`, n+1)
			hold, _, err := w.CheckAudit(t.Context())
			if engine.CodeOf(err) != engine.Conflict || hold != n {
				t.Errorf("%s of row %d was changed: %d rows hold, %v", column, n+1, hold, err)
			}
			do(`DELETE FROM audit_log`)
			do(`INSERT INTO audit_log SELECT * FROM good`)
		}
	}
	w.must(w.VerifyAudit(t.Context()))
}

// A plan cannot be taken from one row and given to another, though the rows before plans were kept have none.
func TestAPlanIsBoundToItsRow(t *testing.T) {
	w := newSavers(t)
	w.approve("click-1", 1, w.drafted("api")...)
	c, err := pgx.Connect(t.Context(), w.url)
	w.must(err)
	defer func() { _ = c.Close(context.WithoutCancel(t.Context())) }()
	_, err = c.Exec(t.Context(), `ALTER TABLE audit_log DISABLE TRIGGER ALL; UPDATE audit_log SET reason = reason || plan, plan = '' WHERE plan <> ''`)
	w.must(err)
	code(t, "verify", w.VerifyAudit(t.Context()), engine.Conflict)
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

func TestAuditIsAboutASubject(t *testing.T) {
	w := newSavers(t)
	items := w.drafted("api", "web")
	p, other := w.approve("click-1", 2, items[0]), w.approve("click-2", 2, items[1])
	d := w.second("no", grace, p)
	d.Action, d.Reason = engine.ActionDeny, "no"
	_, err := w.Deny(t.Context(), d)
	w.must(err)
	w.snooze(items[0].GroupID)
	w.audited(1)
	for subject, want := range map[string]string{
		fmt.Sprintf("proposal/%d", p.ID):              "deny, approve",
		fmt.Sprintf("proposal/%d", other.ID):          "approve",
		fmt.Sprintf("finding/%d", items[0].FindingID): "snooze, deny, approve",
		fmt.Sprintf("savings/%d", items[0].GroupID):   "snooze, deny, approve",
		"":             "pause, snooze, deny, approve, approve, scan",
		"incident/1":   "",
		"finding/x'":   "",
		"autopilot":    "pause, scan",
		"finding/9999": "",
	} {
		rows, err := w.Audit(t.Context(), subject, 0)
		w.must(err)
		var got []string
		for _, r := range rows {
			got = append(got, string(r.Action))
		}
		equal(t, "about "+subject, strings.Join(got, ", "), want)
	}
}

func TestAuditHashesGiveWhatIsThere(t *testing.T) {
	w := newWorld(t)
	w.audited(3)
	rows, err := w.Audit(t.Context(), "", 0) // newest first
	w.must(err)
	got, err := w.AuditHashes(t.Context(), []int64{1, 3, 3, 4})
	w.must(err)
	equal(t, "hashes", got, map[int64]string{1: rows[2].Hash, 3: rows[0].Hash})
	got, err = w.AuditHashes(t.Context(), nil)
	w.must(err)
	equal(t, "hashes of no row", len(got), 0)
}

func TestAuditSinceGivesEachRowOnce(t *testing.T) {
	w := newWorld(t)
	w.audited(4)
	var got []string
	w.must(w.AuditSince(t.Context(), 2, func(r engine.AuditRow) error {
		got = append(got, fmt.Sprint(r.Seq, " ", r.Action, " ", r.Reason))
		return nil
	}))
	equal(t, "rows", got, []string{"3 pause reason 2", "4 pause reason 3"})
	full := engine.Errorf(engine.Unavailable, "the disk is full")
	if err := w.AuditSince(t.Context(), 0, func(engine.AuditRow) error { return full }); engine.CodeOf(err) != engine.Unavailable {
		t.Errorf("error %v, want that of who takes them", err)
	}
}
