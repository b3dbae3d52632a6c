package store

import (
	"cmp"
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/digest"
)

const (
	// asOfSQL is when the newest row was written of all that a digest rests on.
	asOfSQL = `SELECT greatest((SELECT max(saved_at) FROM cost_day), (SELECT max(closed_at) FROM cost_month), (SELECT max(at) FROM ledger),
		(SELECT max(finished_at) FROM scan), (SELECT max(detected_at) FROM incidents), (SELECT max(resolved_at) FROM incidents WHERE status = 'resolved'),
		(SELECT max(at) FROM unit_count), (SELECT max((body #>> '{grade,at}')::timestamptz) FROM experiments WHERE graded),
		(SELECT at FROM audit_log ORDER BY seq DESC LIMIT 1))`

	// An incident is its team's by the first signal that names one, else the team's that its namespace cost most.
	incidentsSQL = `WITH spent AS (
			SELECT DISTINCT ON (cluster, namespace) cluster, namespace, team FROM (
				SELECT cluster, namespace, team, sum(micro_usd) AS amount FROM cost_row
				WHERE day >= $3 AND day < $4 AND team <> '' AND namespace <> '' GROUP BY cluster, namespace, team) sums
			ORDER BY cluster, namespace, amount DESC, team),
		lines AS (
			SELECT i.id, i.title, i.cluster, i.namespace, i.workload_kind, i.workload, coalesce(named.team, spent.team, '') AS team, i.severity,
				i.started_at, i.detected_at, i.resolved_at, coalesce(m.channel_id, '') AS channel, coalesce(m.ts, '') AS ts
			FROM incidents i LEFT JOIN messages m ON m.key = 'incident/' || i.id || '/card' LEFT JOIN spent USING (cluster, namespace)
			LEFT JOIN LATERAL (SELECT s.body -> 'labels' ->> $5 AS team FROM signals s WHERE s.incident_id = i.id AND s.body -> 'labels' ->> $5 <> ''
				ORDER BY s.starts_at, s.source, s.id LIMIT 1) named ON true
			WHERE i.parent_id IS NULL AND i.detected_at < $7 AND (i.resolved_at IS NULL OR i.resolved_at >= $6 OR i.detected_at >= $6))
		SELECT * FROM lines r WHERE` + ofScope + `ORDER BY id`

	ownSQL = `SELECT (SELECT coalesce(sum(calls), 0)::int FROM cost_call WHERE day >= $1 AND day < $2),
			(SELECT coalesce(sum(micro_usd), 0)::bigint FROM cost_call WHERE day >= $1 AND day < $2),
			count(*)::int, coalesce(sum((report -> 'Cost' ->> 'queries')::bigint), 0)::int, coalesce(sum((report -> 'Cost' ->> 'samples')::bigint), 0)::bigint,
			coalesce(max((report -> 'Cost' ->> 'slowest')::bigint), 0)::bigint
		FROM scan WHERE finished_at >= $3 AND finished_at < $4`
)

// digestReader reads the facts of a digest, part by part, in one transaction.
type digestReader struct {
	tx     pgx.Tx
	label  string // that names an incident's team
	wanted []engine.DigestScope
	facts  *digest.Facts
}

// DigestFacts reads what the digest of a period and a scope rests on, and the days of the scopes that are wanted beside it, all as it
// is at one moment.
func (s *Store) DigestFacts(ctx context.Context, p engine.Period, scope engine.DigestScope, wanted []engine.DigestScope) (digest.Facts, error) {
	var facts digest.Facts
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		facts = digest.Facts{Period: p, Scope: scope}
		// Compiling a query of this kind takes longer than running it.
		if _, err := tx.Exec(ctx, `SET LOCAL jit = off`); err != nil {
			return err
		}
		r := &digestReader{tx: tx, label: cmp.Or(s.rules().Route.TeamLabel, "team"), wanted: wanted, facts: &facts}
		for _, part := range []func(context.Context) error{
			r.costs, r.payers, r.corrections, r.savings, r.opportunities, r.incidents, r.trust, r.own, r.counts, r.freshness,
		} {
			if err := part(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	return facts, err
}

func (r *digestReader) incidents(ctx context.Context) error {
	f := r.facts
	before := f.Period.Before().From
	rows, err := r.tx.Query(ctx, incidentsSQL, f.Scope.Team, f.Scope.Cluster, before, f.Period.To, r.label, before, f.Period.To)
	if err != nil {
		return err
	}
	var i engine.IncidentLine
	_, err = pgx.ForEachRow(rows, []any{
		&i.ID, &i.Title, &i.Workload.Cluster, &i.Workload.Namespace, &i.Workload.Kind, &i.Workload.Name, &i.Team, &i.Severity,
		&i.Started, &i.Detected,
		zeroTime{&i.Resolved},
		&i.Thread.Channel, &i.Thread.TS,
	}, func() error {
		if i.Detected.Before(f.Period.From) && !i.Detected.Before(before) {
			f.Earlier++
		}
		if i.Resolved.IsZero() || !i.Resolved.Before(f.Period.From) {
			f.Incidents = append(f.Incidents, i)
		}
		return nil
	})
	return err
}

func (r *digestReader) own(ctx context.Context) error {
	p, own := r.facts.Period, &r.facts.Own
	return r.tx.QueryRow(ctx, ownSQL, p.From, p.To, p.From, p.To).
		Scan(&own.BilledCalls, &own.BilledAmount, &own.Scans, &own.Queries, &own.Samples, (*int64)(&own.Slowest))
}

func (r *digestReader) counts(ctx context.Context) error {
	rows, err := r.tx.Query(ctx, `SELECT name, day, count FROM unit_count WHERE day >= $1 AND day < $2 ORDER BY name, day`,
		r.facts.Period.Before().From, r.facts.Period.To)
	if err != nil {
		return err
	}
	r.facts.Counts, err = pgx.CollectRows(rows, pgx.RowToStructByPos[digest.UnitDay])
	return err
}

// freshness reads how new all of it is, what is missing, and where the audit log stood.
func (r *digestReader) freshness(ctx context.Context) error {
	f := r.facts
	if err := r.tx.QueryRow(ctx, asOfSQL).Scan(zeroTime{&f.AsOf}); err != nil {
		return err
	}
	scan, err := lastScan(ctx, r.tx)
	if err != nil {
		return err
	}
	f.Scan = scan.Finished
	var head engine.Anchor
	err = r.tx.QueryRow(ctx, `SELECT seq, hash, at FROM audit_log ORDER BY seq DESC LIMIT 1`).Scan(&head.Seq, &head.Hash, &head.At)
	switch {
	case err == nil:
		f.Audit = &head
	case !errors.Is(err, pgx.ErrNoRows):
		return err
	}
	var c engine.Costs
	if err := costDays(ctx, r.tx, engine.CostFilter{From: f.Period.From, To: f.Period.To}, &c); err != nil {
		return err
	}
	f.Missing = append(c.Missing, scan.Missing...)
	return nil
}
