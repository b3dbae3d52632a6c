package year

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
)

// Keep writes the rows into a database that has the schema of package store and no rows, past the store: a year of calls would take
// too long. What the ledger and the incidents refer to is not there.
func (y *Year) Keep(ctx context.Context, url string) error {
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("year: %w", err)
	}
	defer func() { _ = c.Close(context.WithoutCancel(ctx)) }() // everything was committed
	for _, sql := range []string{`SET session_replication_role = replica`, `SET timezone = 'UTC'`} {
		if _, err := c.Exec(ctx, sql); err != nil {
			return fmt.Errorf("year: %w", err)
		}
	}
	for _, t := range y.tables() {
		if _, err := c.CopyFrom(ctx, pgx.Identifier{t.name}, t.columns, pgx.CopyFromRows(t.rows)); err != nil {
			return fmt.Errorf("year: %s: %w", t.name, err)
		}
	}
	if _, err := c.Exec(ctx, `ANALYZE`); err != nil {
		return fmt.Errorf("year: %w", err)
	}
	return nil
}

type table struct {
	name    string
	columns []string
	rows    [][]any
}

func (y *Year) tables() []table {
	return []table{y.costRows(), y.costDays(), y.costMonths(), y.ledgerRows(), y.auditRows(), y.incidentRows(), y.signalRows(), y.countRows(), y.experimentRows()}
}

func (y *Year) costRows() table {
	t := table{name: "cost_row", columns: []string{"day", "payer", "account", "cluster", "namespace", "team", "kind", "what", "micro_usd", "provisional"}}
	for _, r := range y.Rows {
		t.rows = append(t.rows, []any{r.Day, r.Payer, r.Account, r.Cluster, r.Namespace, r.Team, string(r.Kind), r.What, int64(r.Amount), r.Provisional})
	}
	return t
}

func (y *Year) costDays() table {
	t := table{name: "cost_day", columns: []string{"day", "payer", "total", "guessed", "bill", "missing", "saved_at"}}
	for _, r := range y.Records {
		for _, b := range r.Bills {
			t.rows = append(t.rows, []any{r.Day, b.Payer, int64(b.Total()), r.Guessed, object(b), "[]", SavedAt(r.Day)})
		}
	}
	return t
}

// costMonths are the invoices, and those that came again.
func (y *Year) costMonths() table {
	t := table{name: "cost_month", columns: []string{"payer", "month", "n", "total", "invoice", "closed_at"}}
	for _, v := range y.Invoices {
		t.rows = append(t.rows, []any{v.Payer, v.Month, int32(1), int64(v.Total()), object(v), y.ClosedAt[v.Month]})
		for _, late := range y.Late {
			if late.Of == "invoice of "+v.Month.Format("2006-01") && late.Reason == "payer "+v.Payer+" was sent invoice 2 of the month" {
				t.rows = append(t.rows, []any{v.Payer, v.Month, int32(2), int64(v.Total() + late.Amount), object(v), late.At})
			}
		}
	}
	return t
}

func (y *Year) ledgerRows() table {
	t := table{name: "ledger", columns: []string{
		"chain", "kind", "at", "day", "proposal", "finding_id", "type", "cluster", "namespace", "target", "team", "amount", "cash", "low", "high",
		"baseline", "work", "by_id", "by_name", "ref", "corrects",
	}}
	for _, e := range y.Entries {
		var day *time.Time
		if !e.Day.IsZero() {
			day = &e.Day
		}
		var corrects *int64
		if e.Corrects != 0 {
			corrects = &e.Corrects
		}
		var baseline any
		if e.Baseline != nil {
			baseline = object(e.Baseline)
		}
		t.rows = append(t.rows, []any{
			e.Chain, string(e.Kind), e.At, day, e.Proposal, e.Finding, string(e.Type), e.Target.Cluster, e.Target.Namespace, object(e.Target), e.Team,
			int64(e.Amount), int64(e.Cash), int64(e.Low), int64(e.High), baseline, e.Work, e.By.ID, e.By.Name, e.Ref, corrects,
		})
	}
	return t
}

// auditRows are the approvals as they stand in the audit log, but for their hashes.
func (y *Year) auditRows() table {
	t := table{name: "audit_log", columns: []string{"seq", "at", "by_id", "by_name", "action", "subject", "allowed", "reason", "plan", "prev_hash", "hash"}}
	for _, a := range y.approvals() {
		t.rows = append(t.rows, []any{
			a.Row, a.At, a.By.ID, a.By.Name, string(engine.ActionApprove), fmt.Sprint("proposal/", a.Proposal), true, "", a.Plan, "", fmt.Sprintf("%064x", a.Row),
		})
	}
	return t
}

func (y *Year) incidentRows() table {
	t := table{name: "incidents", columns: []string{
		"id", "cluster", "namespace", "workload_kind", "workload", "fingerprint", "severity", "status", "title", "started_at", "detected_at", "resolved_at", "version",
	}}
	for _, i := range y.Incidents {
		status, resolved := engine.Open, (*time.Time)(nil)
		if !i.Resolved.IsZero() {
			status, resolved = engine.Resolved, &i.Resolved
		}
		t.rows = append(t.rows, []any{
			i.ID, i.Workload.Cluster, i.Workload.Namespace, i.Workload.Kind, i.Workload.Name, fmt.Sprint("incident ", i.ID), string(i.Severity), string(status),
			i.Title, i.Started, i.Detected, resolved, int64(1),
		})
	}
	return t
}

// signalRows name the teams of the incidents.
func (y *Year) signalRows() table {
	t := table{name: "signals", columns: []string{"incident_id", "source", "id", "cluster", "starts_at", "body"}}
	for _, i := range y.Incidents {
		t.rows = append(t.rows, []any{
			i.ID, string(engine.SourceWatch), "pod", i.Workload.Cluster, i.Started, object(engine.Signal{Labels: map[string]string{"team": i.Team}}),
		})
	}
	return t
}

func (y *Year) countRows() table {
	t := table{name: "unit_count", columns: []string{"name", "day", "count", "at"}}
	for _, u := range y.Counts {
		t.rows = append(t.rows, []any{u.Name, u.Day, u.Count, u.Day.AddDate(0, 0, 1).Add(time.Hour)})
	}
	return t
}

// object is a value as JSON.
func object(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("year: %v", err)) // of its own values it never fails
	}
	return string(b)
}
