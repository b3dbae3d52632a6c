package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/digest"
	"github.com/eks-autopilot/autopilot/engine/ledger"
)

// Of a chain the steps are read, what was measured in the span, and of the days before it the two that say where the chain stood:
// the last day, and what was written last. The sums of a span are the same as over all entries.
var digestLedgerSQL = `WITH chosen AS MATERIALIZED (` + chainsOfSpan + `),
	stood AS MATERIALIZED (SELECT last.id FROM chosen, LATERAL (
		(SELECT v.id FROM ledger v WHERE v.chain = chosen.chain AND v.kind = 'verified' AND v.day < $7 ORDER BY v.day DESC LIMIT 1)
		UNION (SELECT v.id FROM ledger v WHERE v.chain = chosen.chain AND v.kind = 'verified' AND v.day < $7 ORDER BY v.id DESC LIMIT 1)) last)
	` + selectLedger + `WHERE chain IN (SELECT chain FROM chosen) AND (day IS NULL OR day >= $7 AND day < $8 OR id IN (SELECT id FROM stood))
	ORDER BY id`

// A group's own numbers are read for those alone that are shown: a finding's body has a chart in it.
const dearestSQL = `SELECT g.id, g.title, g.team, g.cluster, sum(f.monthly)::bigint, bool_and(f.cash), min((f.body ->> 'Confidence')::double precision),
		(ARRAY['low', 'medium', 'high'])[max(array_position(ARRAY['low', 'medium', 'high'], f.body ->> 'Risk'))],
		EXISTS (SELECT FROM proposal_item i JOIN finding f ON f.id = i.finding_id WHERE i.group_id = g.id AND ` + proposable + `
			AND (jsonb_array_length(coalesce(nullif(i.body -> 'Edits', 'null'), '[]')) > 0 OR coalesce(i.body -> 'Removal', 'null') <> 'null')),
		min(f.first_seen), coalesce(m.channel_id, ''), coalesce(m.ts, '')
	FROM finding_group g JOIN finding f ON f.group_id = g.id LEFT JOIN messages m ON m.key = g.card
	WHERE f.status = 'open' AND ($1 = '' OR f.team = $1) AND ($2 = '' OR f.cluster = $2) AND g.id IN (
		SELECT f.group_id FROM finding f WHERE f.status = 'open' AND ($1 = '' OR f.team = $1) AND ($2 = '' OR f.cluster = $2)
		GROUP BY f.group_id ORDER BY sum(f.monthly) DESC, f.group_id LIMIT $3)
	GROUP BY g.id, m.key ORDER BY 5 DESC, g.id`

// savings reads what became of waste: in the period, and in its year.
func (r *digestReader) savings(ctx context.Context) error {
	f := r.facts
	filter := engine.LedgerFilter{From: f.Period.From, To: f.Period.To, Team: f.Scope.Team, Cluster: f.Scope.Cluster, Limit: digest.LedgerLines}
	entries, err := queryLedger(ctx, r.tx, digestLedgerSQL, append(spanOf(filter), filter.From, filter.To)...)
	if err != nil {
		return err
	}
	f.Ledger, f.ByType, f.ByCluster, f.Funnel = ledger.Summary(entries, filter)
	if err := r.decisions(ctx); err != nil {
		return err
	}
	last := f.Period.To.AddDate(0, 0, -1)
	return r.tx.QueryRow(ctx, `SELECT coalesce(sum(r.amount), 0)::bigint FROM ledger r WHERE r.day >= $3 AND r.day < $4 AND`+ofScope,
		f.Scope.Team, f.Scope.Cluster, time.Date(last.Year(), 1, 1, 0, 0, 0, 0, time.UTC), f.Period.To).Scan(&f.Funnel.Year)
}

// decisions reads who approved what the ledger's lines came of.
func (r *digestReader) decisions(ctx context.Context) error {
	var subjects []string
	for _, l := range r.facts.Ledger.Lines {
		if l.Proposal != 0 {
			subjects = append(subjects, fmt.Sprintf("proposal/%d", l.Proposal))
		}
	}
	rows, err := r.tx.Query(ctx, `SELECT seq, split_part(subject, '/', 2)::bigint, at, by_id, by_name, plan FROM audit_log
		WHERE subject = ANY ($1) AND action = $2 AND allowed ORDER BY seq`, subjects, engine.ActionApprove)
	if err != nil {
		return err
	}
	r.facts.Decisions, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (a engine.DecisionLine, err error) {
		err = row.Scan(&a.Row, &a.Proposal, zeroTime{&a.At}, &a.By.ID, &a.By.Name, &a.Plan)
		return a, err
	})
	return err
}

// opportunities reads what could be saved now.
func (r *digestReader) opportunities(ctx context.Context) error {
	f := r.facts
	var sum engine.Savings
	if err := addUp(ctx, r.tx, engine.FindingFilter{Team: f.Scope.Team, Cluster: f.Scope.Cluster}, &sum); err != nil {
		return err
	}
	f.Open = engine.Opportunities{Monthly: sum.Monthly, Cash: sum.Cash, ByKind: sum.ByKind}
	for _, kind := range sum.ByKind {
		f.Open.Count += kind.Count
	}
	rows, err := r.tx.Query(ctx, dearestSQL, f.Scope.Team, f.Scope.Cluster, digest.OpenGroups)
	if err != nil {
		return err
	}
	f.Open.Top, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (o engine.Opportunity, err error) {
		err = row.Scan(&o.Group, &o.Title, &o.Team, &o.Cluster, &o.Monthly, &o.Cash, &o.Confidence, &o.Risk, &o.Drafted, &o.Since, &o.Thread.Channel, &o.Thread.TS)
		return o, err
	})
	return err
}
