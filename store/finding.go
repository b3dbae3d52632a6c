package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	// selectFinding reads a finding: what the last scan that saw it said, and its life beside it.
	selectFinding = `SELECT f.id, f.key, f.group_id, g.key, f.body` + findingLife
	// selectPlain leaves out the chart, which is most of it.
	selectPlain = `SELECT f.id, f.key, f.group_id, g.key, f.body #- '{Sizing,chart}'` + findingLife

	findingLife = `, f.status, f.reason, f.by_id, f.by_name, f.until, f.first_seen, f.last_seen, f.closed_at, f.reopened, f.predicted
		FROM finding f JOIN finding_group g ON g.id = f.group_id `

	// matching is the condition of a FindingFilter without its status, with $1 to $4.
	matching = `($1 = '' OR f.cluster = $1) AND ($2 = '' OR f.namespace = $2) AND ($3 = '' OR f.team = $3) AND ($4 = '' OR f.kind = $4)`

	// openFirst is the order of findings within a group.
	openFirst = `ORDER BY f.status <> 'open', f.status = 'closed', f.monthly DESC, f.key`

	selectGroup = `SELECT g.id, g.key, g.cluster, g.title, g.team, g.team_by, g.version, g.round, coalesce(m.channel_id, ''), coalesce(m.ts, '')
		FROM finding_group g LEFT JOIN messages m ON m.key = g.card `
)

// findingRow is a finding and the group that it is in.
type findingRow struct {
	engine.Finding
	group int64
}

func scanFinding(row pgx.CollectableRow) (findingRow, error) {
	var r findingRow
	var life engine.Finding
	err := row.Scan(&life.ID, &life.Key, &r.group, &life.Group, &r.Finding, &life.Status, &life.Reason, &life.By.ID, &life.By.Name,
		zeroTime{&life.Until}, zeroTime{&life.FirstSeen}, zeroTime{&life.LastSeen}, zeroTime{&life.ClosedAt}, &life.Reopened,
		&life.Prediction)
	r.Finding = withLife(r.Finding, life)
	return r, err
}

// withLife gives f with all that scans do not say of a finding.
func withLife(f, life engine.Finding) engine.Finding {
	f.ID, f.Key, f.Group = life.ID, life.Key, life.Group
	f.Status, f.Reason, f.By, f.Until = life.Status, life.Reason, life.By, life.Until
	f.FirstSeen, f.LastSeen, f.ClosedAt = life.FirstSeen, life.LastSeen, life.ClosedAt
	f.Reopened, f.Prediction = life.Reopened, life.Prediction
	return f
}

func selectFindings(ctx context.Context, tx pgx.Tx, rest string, args ...any) ([]findingRow, error) {
	return collectFindings(ctx, tx, selectFinding+rest, args...)
}

func collectFindings(ctx context.Context, tx pgx.Tx, sql string, args ...any) ([]findingRow, error) {
	rows, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanFinding)
}

func scanGroup(row pgx.CollectableRow) (engine.FindingGroup, error) {
	var g engine.FindingGroup
	err := row.Scan(&g.ID, &g.Key, &g.Cluster, &g.Title, &g.Owner.Team, &g.Owner.By, &g.Version, &g.Round, &g.Thread.Channel, &g.Thread.TS)
	return g, err
}

// FindingGroup gives a group with all its findings, those that were closed too. It fails with engine.NotFound when there is none
// of that id.
func (s *Store) FindingGroup(ctx context.Context, id int64) (engine.FindingGroup, error) {
	var g engine.FindingGroup
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		g, err = loadGroup(ctx, tx, id)
		return err
	})
	return g, err
}

func loadGroup(ctx context.Context, tx pgx.Tx, id int64) (engine.FindingGroup, error) {
	rows, err := tx.Query(ctx, selectGroup+`WHERE g.id = $1`, id)
	if err != nil {
		return engine.FindingGroup{}, err
	}
	g, err := pgx.CollectExactlyOneRow(rows, scanGroup)
	if errors.Is(err, pgx.ErrNoRows) {
		return g, engine.Errorf(engine.NotFound, "there are no savings %d", id)
	}
	if err != nil {
		return g, err
	}
	found, err := selectFindings(ctx, tx, `WHERE f.group_id = $1 `+openFirst, id)
	if err != nil {
		return g, err
	}
	fill(&g, found)
	return g, loadPlans(ctx, tx, &g)
}

// fill puts findings into their group and adds up those that are open.
func fill(g *engine.FindingGroup, found []findingRow) {
	for _, f := range found {
		if f.group != g.ID {
			continue
		}
		g.Findings = append(g.Findings, f.Finding)
		if f.Status == engine.FindingOpen {
			g.Monthly += f.Monthly
		}
	}
}

// Findings gives the findings that a filter chooses, the dearest first.
func (s *Store) Findings(ctx context.Context, f engine.FindingFilter) ([]engine.Finding, error) {
	var list []engine.Finding
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		found, err := selectFindings(ctx, tx, `WHERE `+matching+` AND f.status = $5 ORDER BY f.monthly DESC, f.key LIMIT $6`,
			f.Cluster, f.Namespace, f.Team, f.Kind, statusOf(f), limitOf(f))
		list = nil
		for _, r := range found {
			list = append(list, r.Finding)
		}
		return err
	})
	return list, err
}

func statusOf(f engine.FindingFilter) engine.FindingStatus {
	if f.Status == "" {
		return engine.FindingOpen
	}
	return f.Status
}

func limitOf(f engine.FindingFilter) int {
	const most = 500
	if f.Limit <= 0 {
		f.Limit = 50
	}
	return min(f.Limit, most)
}

// Savings adds up the findings that a filter chooses, and lists their groups, the dearest first. The sums are over all that match,
// listed or not; a listed group has only what matches.
func (s *Store) Savings(ctx context.Context, f engine.FindingFilter) (engine.Savings, error) {
	var sum engine.Savings
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		sum = engine.Savings{}
		if err := addUp(ctx, tx, f, &sum); err != nil {
			return err
		}
		var err error
		if sum.Groups, sum.More, err = listGroups(ctx, tx, f); err != nil {
			return err
		}
		sum.Scan, err = lastScan(ctx, tx)
		return err
	})
	return sum, err
}

// addUp fills in the sums, with the kinds in the order in which they are shown.
func addUp(ctx context.Context, tx pgx.Tx, f engine.FindingFilter, sum *engine.Savings) error {
	rows, err := tx.Query(ctx, `SELECT f.kind, count(*), sum(f.monthly)::bigint, coalesce(sum(f.monthly) FILTER (WHERE f.cash), 0)::bigint
		FROM finding f WHERE `+matching+` AND f.status = $5 GROUP BY f.kind`, f.Cluster, f.Namespace, f.Team, f.Kind, statusOf(f))
	if err != nil {
		return err
	}
	lines := map[engine.FindingKind]engine.SavingsLine{}
	var l engine.SavingsLine
	var cash engine.MicroUSD
	if _, err = pgx.ForEachRow(rows, []any{&l.Kind, &l.Count, &l.Monthly, &cash}, func() error {
		lines[l.Kind] = l
		sum.Monthly += l.Monthly
		sum.Cash += cash
		return nil
	}); err != nil {
		return err
	}
	for _, kind := range engine.FindingKinds() {
		if l, ok := lines[kind]; ok {
			sum.ByKind = append(sum.ByKind, l)
		}
	}
	return tx.QueryRow(ctx, `SELECT count(*) FILTER (WHERE f.status = 'snoozed'), count(*) FILTER (WHERE f.status = 'not_waste')
		FROM finding f WHERE `+matching, f.Cluster, f.Namespace, f.Team, f.Kind).Scan(&sum.Snoozed, &sum.NotWaste)
}

// listGroups gives the dearest groups with what matches of them, and how many more there are.
func listGroups(ctx context.Context, tx pgx.Tx, f engine.FindingFilter) (groups []engine.FindingGroup, more int, err error) {
	rows, err := tx.Query(ctx, selectGroup+`JOIN (
			SELECT f.group_id, sum(f.monthly) AS monthly FROM finding f WHERE `+matching+` AND f.status = $5 GROUP BY f.group_id
		) matched ON matched.group_id = g.id ORDER BY matched.monthly DESC, g.key`, f.Cluster, f.Namespace, f.Team, f.Kind, statusOf(f))
	if err != nil {
		return nil, 0, err
	}
	if groups, err = pgx.CollectRows(rows, scanGroup); err != nil {
		return nil, 0, err
	}
	more = max(0, len(groups)-limitOf(f))
	groups = groups[:len(groups)-more]
	ids := make([]int64, len(groups))
	for k, g := range groups {
		ids[k] = g.ID
	}
	found, err := selectFindings(ctx, tx, `WHERE `+matching+` AND f.status = $5 AND f.group_id = ANY ($6) `+openFirst,
		f.Cluster, f.Namespace, f.Team, f.Kind, statusOf(f), ids)
	for k := range groups {
		fill(&groups[k], found)
	}
	return groups, more, err
}
