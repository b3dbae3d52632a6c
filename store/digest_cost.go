package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/digest"
)

// ofScope is true of a cost row r of a scope, $1 and $2.
const ofScope = ` ($1 = '' OR r.team = $1) AND ($2 = '' OR r.cluster = $2) `

const (
	// A payer is missed on a day between its first and a week after its last: later, it is one that nobody reads any more.
	knownSQL = `WITH span AS (SELECT payer, min(day) AS first, max(day) AS last FROM cost_day WHERE payer <> '' GROUP BY payer)
		SELECT d.day, min(d.saved_at), bool_and(d.payer = ''),
			EXISTS (SELECT FROM span s WHERE s.first < d.day AND d.day <= s.last + 7
				AND NOT EXISTS (SELECT FROM cost_day o WHERE o.day = d.day AND o.payer = s.payer)),
			bool_or(d.guessed)
		FROM cost_day d WHERE d.day >= $1 AND d.day < $2 GROUP BY d.day ORDER BY d.day`

	partsSQL = `SELECT r.day < $4, r.day = ANY ($6), r.payer, r.cluster, r.team, r.kind, sum(r.micro_usd)::bigint, r.provisional
		FROM cost_row r WHERE r.day >= $3 AND r.day < $5 AND` + ofScope + `
		GROUP BY 1, 2, r.payer, r.cluster, r.team, r.kind, r.provisional ORDER BY 1, 2, 3, 4, 5, 6, 8`

	daysSQL = `SELECT r.day, sum(r.micro_usd)::bigint, coalesce(sum(r.micro_usd) FILTER (WHERE r.kind = 'adjustment'), 0)::bigint, bool_or(r.provisional)
		FROM cost_row r WHERE r.day >= $3 AND r.day < $4 AND` + ofScope + `GROUP BY r.day ORDER BY r.day`

	// Scopes of a team find their rows by its name; those of clusters are added up from the sums of clusters.
	scopesSQL = `WITH s AS (SELECT team, cluster, n FROM unnest($1::text[], $2::text[]) WITH ORDINALITY s (team, cluster, n))
		SELECT s.n - 1, r.day, sum(r.micro_usd)::bigint, coalesce(sum(r.micro_usd) FILTER (WHERE r.kind = 'adjustment'), 0)::bigint, bool_or(r.provisional)
		FROM s JOIN cost_row r ON r.team = s.team AND (s.cluster = '' OR r.cluster = s.cluster)
		WHERE s.team <> '' AND r.day >= $3 AND r.day < $4 GROUP BY s.n, r.day
		UNION ALL
		SELECT s.n - 1, r.day, sum(r.amount)::bigint, sum(r.adjustment)::bigint, bool_or(r.provisional)
		FROM s JOIN (SELECT day, cluster, sum(micro_usd) AS amount, coalesce(sum(micro_usd) FILTER (WHERE kind = 'adjustment'), 0) AS adjustment,
				bool_or(provisional) AS provisional FROM cost_row WHERE day >= $3 AND day < $4 GROUP BY day, cluster) r ON s.cluster = '' OR r.cluster = s.cluster
		WHERE s.team = '' GROUP BY s.n, r.day
		ORDER BY 1, 2`

	// A payer is closed when each month is that the period touches, from the payer's first on.
	payersSQL = `WITH seen AS (SELECT DISTINCT payer FROM cost_day WHERE day >= $3 AND day < $4
				UNION SELECT DISTINCT payer FROM cost_row WHERE day >= $3 AND day < $4),
			touched AS (SELECT m::date AS month FROM generate_series(date_trunc('month', $3::date::timestamp), $4::date - 1, interval '1 month') m)
		SELECT s.payer,
			coalesce((SELECT sum(r.micro_usd) FROM cost_row r WHERE r.payer = s.payer AND r.day >= $3 AND r.day < $4 AND` + ofScope + `), 0)::bigint,
			s.payer <> '' AND NOT EXISTS (SELECT FROM touched t
				WHERE t.month >= (SELECT date_trunc('month', min(d.day)::timestamp) FROM cost_day d WHERE d.payer = s.payer)
				AND NOT EXISTS (SELECT FROM cost_month m WHERE m.payer = s.payer AND m.month = t.month))
		FROM seen s ORDER BY s.payer`

	invoicesSQL = `SELECT 'invoice of ' || to_char(month, 'YYYY-MM'), amount, closed_at, 'payer ' || payer || ' was sent invoice ' || n || ' of the month'
		FROM (SELECT *, (total - lag(total) OVER (PARTITION BY payer, month ORDER BY n))::bigint AS amount FROM cost_month) m
		WHERE n > 1 AND closed_at >= $1 AND closed_at < $2 ORDER BY closed_at, 1, payer`
)

// costs reads what the period and the time before it cost.
func (r *digestReader) costs(ctx context.Context) error {
	f, history := r.facts, digest.HistoryFrom(r.facts.Period)
	rows, err := r.tx.Query(ctx, knownSQL, history, f.Period.To)
	if err != nil {
		return err
	}
	if f.Known, err = pgx.CollectRows(rows, pgx.RowToStructByPos[digest.KnownDay]); err != nil {
		return err
	}
	if err := r.parts(ctx); err != nil {
		return err
	}
	rows, err = r.tx.Query(ctx, daysSQL, f.Scope.Team, f.Scope.Cluster, history, f.Period.To)
	if err != nil {
		return err
	}
	if f.Days, err = pgx.CollectRows(rows, pgx.RowToStructByPos[digest.DaySum]); err != nil {
		return err
	}
	if err := r.scopes(ctx, history); err != nil {
		return err
	}
	return r.tx.QueryRow(ctx, `SELECT min(day)::timestamp AT TIME ZONE 'UTC', max(day)::timestamp AT TIME ZONE 'UTC' FROM cost_day`).
		Scan(zeroTime{&f.Since}, zeroTime{&f.Newest})
}

func (r *digestReader) parts(ctx context.Context) error {
	f := r.facts
	same := append([]time.Time{}, digest.Same(f.Period, f.Known)...) // not NULL
	rows, err := r.tx.Query(ctx, partsSQL, f.Scope.Team, f.Scope.Cluster, f.Period.Before().From, f.Period.From, f.Period.To, same)
	if err != nil {
		return err
	}
	f.Parts, err = pgx.CollectRows(rows, pgx.RowToStructByPos[digest.Part])
	return err
}

// scopes reads the days of the scopes that are wanted beside the digest's own.
func (r *digestReader) scopes(ctx context.Context, history time.Time) error {
	if len(r.wanted) == 0 {
		return nil
	}
	var teams, clusters []string
	for _, s := range r.wanted {
		teams, clusters = append(teams, clean(s.Team)), append(clusters, clean(s.Cluster))
		r.facts.Scopes = append(r.facts.Scopes, digest.ScopeDays{Scope: s})
	}
	rows, err := r.tx.Query(ctx, scopesSQL, teams, clusters, history, r.facts.Period.To)
	if err != nil {
		return err
	}
	var n int64
	var day digest.DaySum
	_, err = pgx.ForEachRow(rows, []any{&n, &day.Day, &day.Amount, &day.Adjustment, &day.Provisional}, func() error {
		r.facts.Scopes[n].Days = append(r.facts.Scopes[n].Days, day)
		return nil
	})
	return err
}

// payers reads what each bill came to, and whether its invoice is final.
func (r *digestReader) payers(ctx context.Context) error {
	f := r.facts
	rows, err := r.tx.Query(ctx, payersSQL, f.Scope.Team, f.Scope.Cluster, f.Period.From, f.Period.To)
	if err != nil {
		return err
	}
	if f.Payers, err = pgx.CollectRows(rows, pgx.RowToStructByPos[engine.PayerLine]); err != nil {
		return err
	}
	for _, p := range f.Payers {
		if p.Payer == "" {
			continue // an estimate waits for no invoice
		}
		if !p.Closed {
			f.Closed = false
			return nil
		}
		f.Closed = true
	}
	return nil
}

// corrections reads what was written in the period about days before it. An invoice is of nobody in particular.
func (r *digestReader) corrections(ctx context.Context) error {
	f := r.facts
	if f.Scope == (engine.DigestScope{}) {
		rows, err := r.tx.Query(ctx, invoicesSQL, f.Period.From, f.Period.To)
		if err != nil {
			return err
		}
		if f.Corrections, err = pgx.CollectRows(rows, pgx.RowToStructByPos[engine.Correction]); err != nil {
			return err
		}
	}
	rows, err := r.tx.Query(ctx, `SELECT 'savings of ' || to_char(r.day, 'YYYY-MM-DD'), sum(r.amount)::bigint, max(r.at), r.ref
		FROM ledger r WHERE r.kind = 'corrected' AND r.at >= $3 AND r.at < $4 AND r.day < $5 AND`+ofScope+`
		GROUP BY r.day, r.ref ORDER BY 3, 1, 4`, f.Scope.Team, f.Scope.Cluster, f.Period.From, f.Period.To, f.Period.From)
	if err != nil {
		return err
	}
	savings, err := pgx.CollectRows(rows, pgx.RowToStructByPos[engine.Correction])
	f.Corrections = append(f.Corrections, savings...)
	return err
}
