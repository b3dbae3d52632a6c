package store

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/waste"
)

const (
	saveTimeout = time.Minute // of a scan with thousands of findings

	saveGroupsSQL = `INSERT INTO finding_group AS g (key, cluster, title, team, team_by)
		SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
		ON CONFLICT (key) DO UPDATE SET title = excluded.title, team = excluded.team, team_by = excluded.team_by
		WHERE (g.title, g.team, g.team_by) IS DISTINCT FROM (excluded.title, excluded.team, excluded.team_by)`

	saveFindingSQL = `INSERT INTO finding (key, group_id, kind, cluster, namespace, workload_kind, workload, team, monthly, cash, body,
			status, reason, by_id, by_name, until, first_seen, last_seen, closed_at, reopened, predicted)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
		ON CONFLICT (key) DO UPDATE SET group_id = excluded.group_id, team = excluded.team, monthly = excluded.monthly,
			cash = excluded.cash, body = CASE WHEN $22 THEN excluded.body ELSE finding.body END, status = excluded.status, reason = excluded.reason, by_id = excluded.by_id,
			by_name = excluded.by_name, until = excluded.until, last_seen = excluded.last_seen, closed_at = excluded.closed_at,
			reopened = excluded.reopened`

	saveFindingEventSQL = `INSERT INTO finding_event (finding_id, n, at, kind, by_id, by_name, reason, monthly, scan_id)
		SELECT f.id, coalesce((SELECT max(n) FROM finding_event e WHERE e.finding_id = f.id), 0) + 1, $2, $3, $4, $5, $6, f.monthly, $7
		FROM finding f WHERE f.key = $1`

	bumpGroupsSQL = `WITH bumped AS (UPDATE finding_group SET version = version + 1 WHERE id = ANY ($1) RETURNING card, version)
		UPDATE messages m SET wanted = bumped.version,
			place = CASE WHEN m.shown < m.wanted THEN m.place ELSE nextval('message_places') END
		FROM bumped WHERE m.key = bumped.card AND bumped.version > m.wanted`
)

// SaveScan keeps what a scan found, all at once: findings made, seen, closed and opened again by waste.Live, their groups, their
// history, the cards that show them, the clocks, and the scan's own report, which it gives. The same scan saved again changes
// nothing. It fails with engine.NotFound for a scan that was never begun.
func (s *Store) SaveScan(ctx context.Context, r waste.Report) (engine.Scan, error) {
	var scan engine.Scan
	err := s.writeWithin(ctx, saveTimeout, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SET LOCAL statement_timeout = '45s'`); err != nil {
			return err
		}
		if err := lockScans(ctx, tx); err != nil {
			return err
		}
		var err error
		if scan, err = oneScan(ctx, tx, `WHERE id = $1`, r.Scan.ID); errors.Is(err, pgx.ErrNoRows) {
			return engine.Errorf(engine.NotFound, "there is no scan %d", r.Scan.ID)
		}
		if err != nil || !scan.Finished.IsZero() {
			return err
		}
		r := r // a second try begins with what the caller gave
		scan, err = s.keep(ctx, tx, r)
		return err
	})
	return scan, err
}

func (s *Store) keep(ctx context.Context, tx pgx.Tx, r waste.Report) (engine.Scan, error) {
	now := s.now()
	scan := r.Scan
	scan.Finished = now
	scan.Missing = slices.Clone(scan.Missing)
	keys := make([]string, 0, len(r.Outcome.Findings))
	storable := make([]engine.Finding, 0, len(r.Outcome.Findings))
	for _, f := range r.Outcome.Findings {
		if _, err := json.Marshal(f); err != nil {
			scan.Missing = append(scan.Missing, engine.Gap{Collector: string(f.Kind) + " " + f.Target.String(), Reason: "its numbers make no sense and were not kept"})
			continue
		}
		if f.Group == "" {
			f.Group, _ = waste.GroupOf(f)
		}
		f.Key, f.Group = clean(f.Key), clean(f.Group)
		storable, keys = append(storable, f), append(keys, f.Key)
	}
	r.Outcome.Findings = storable
	known, err := collectFindings(ctx, tx, selectPlain+`WHERE f.status <> 'closed' OR f.key = ANY ($1)`, keys)
	if err != nil {
		return scan, err
	}
	before := make([]engine.Finding, len(known))
	groups := map[string]string{} // of the findings before, by key
	for k, f := range known {
		before[k], groups[f.Key] = f.Finding, f.Group
	}
	changes := waste.Live(before, r.Outcome, r.Judged, scan.Started) // as of when it looked
	if err := s.saveChanges(ctx, tx, changes, groups, scan.ID, engine.Person{}); err != nil {
		return scan, err
	}
	if err := s.leftOver(ctx, tx, scan); err != nil {
		return scan, err
	}
	if err := s.giveCards(ctx, tx, now); err != nil {
		return scan, err
	}
	if err := saveClocks(ctx, tx, r.Holding, r.Broken, now); err != nil {
		return scan, err
	}
	count(&scan, changes)
	if err := tx.QueryRow(ctx, `SELECT coalesce(sum(monthly), 0)::bigint FROM finding f WHERE f.status = 'open'
		AND ($1 = '' OR f.cluster = $1) AND ($2 = '' OR f.namespace = $2)`, scan.Cluster, scan.Namespace).Scan(&scan.Monthly); err != nil {
		return scan, err
	}
	b := &pgx.Batch{}
	b.Queue(`UPDATE scan SET finished_at = $2, problem = $3, report = $4 WHERE id = $1`, scan.ID, now, scan.Problem, scan)
	b.Queue(wakeSQL)
	return scan, tx.SendBatch(ctx, b).Close()
}

func count(scan *engine.Scan, changes []waste.Change) {
	scan.New, scan.Seen, scan.Closed = 0, 0, 0
	for _, c := range changes {
		switch {
		case c.Event == waste.EventOpened:
			scan.New++
		case c.Finding.Status == engine.FindingClosed:
			scan.Closed++
		default:
			scan.Seen++
		}
	}
}

// saveChanges writes findings, their groups and their history, and has the cards of the groups redrawn of which a person would see
// a difference. before is the group's key that a finding had, by its own.
func (s *Store) saveChanges(ctx context.Context, tx pgx.Tx, changes []waste.Change, before map[string]string, scan int64, by engine.Person) error {
	if len(changes) == 0 {
		return nil
	}
	groups, err := saveGroups(ctx, tx, changes, before)
	if err != nil {
		return err
	}
	back, err := s.backAgain(ctx, tx, changes, groups)
	if err != nil {
		return err
	}
	b := &pgx.Batch{}
	if len(back) > 0 {
		b.Queue(`UPDATE finding_group SET round = round + 1, carded_at = NULL WHERE id = ANY ($1)`, back)
	}
	shown := map[int64]bool{}
	var scanID *int64
	if scan != 0 {
		scanID = &scan
	}
	for _, c := range changes {
		f := c.Finding
		group := groups[f.Group]
		saveFinding(b, c, group)
		if c.Event != "" {
			b.Queue(saveFindingEventSQL, f.Key, s.now(), c.Event, by.ID, by.Name, c.Reason, scanID)
		}
		if c.Shown {
			shown[group] = true
			if old, ok := groups[before[f.Key]]; ok {
				shown[old] = true
			}
		}
	}
	if len(shown) > 0 {
		b.Queue(bumpGroupsSQL, slices.Sorted(maps.Keys(shown)))
		b.Queue(wakeSQL)
	}
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return err
	}
	return s.detected(ctx, tx, changes)
}

// saveFinding queues a finding. What no scan has just seen keeps its evidence as it is.
func saveFinding(b *pgx.Batch, c waste.Change, group int64) {
	f, t := c.Finding, c.Finding.Target
	b.Queue(saveFindingSQL, f.Key, group, f.Kind, t.Cluster, t.Namespace, t.Kind, t.Name, f.Owner.Team, int64(f.Monthly), f.Cash,
		withLife(f, engine.Finding{}), f.Status, f.Reason, f.By.ID, f.By.Name, orNull(f.Until), stamp(f.FirstSeen), stamp(f.LastSeen),
		orNull(f.ClosedAt), f.Reopened, int64(f.Prediction), c.Seen)
}

// saveGroups makes the groups of changed findings what the findings say, and gives the ids of these and of the groups before by key.
func saveGroups(ctx context.Context, tx pgx.Tx, changes []waste.Change, before map[string]string) (map[string]int64, error) {
	var keys, clusters, titles, teams, teamBy, all []string
	done := map[string]bool{}
	for _, c := range changes {
		f := c.Finding
		if old := before[f.Key]; old != "" {
			all = append(all, old)
		}
		if done[f.Group] {
			continue
		}
		done[f.Group] = true
		_, title := waste.GroupOf(f)
		keys, clusters, titles = append(keys, f.Group), append(clusters, clean(f.Target.Cluster)), append(titles, clean(title))
		teams, teamBy = append(teams, clean(f.Owner.Team)), append(teamBy, clean(f.Owner.By))
	}
	if _, err := tx.Exec(ctx, saveGroupsSQL, keys, clusters, titles, teams, teamBy); err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, `SELECT key, id FROM finding_group WHERE key = ANY ($1)`, append(all, keys...))
	if err != nil {
		return nil, err
	}
	ids := map[string]int64{}
	var key string
	var id int64
	_, err = pgx.ForEachRow(rows, []any{&key, &id}, func() error {
		ids[key] = id
		return nil
	})
	return ids, err
}
