package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/incident"
)

const (
	formerDays = 30  // that an incident's workload is counted over
	likeDays   = 180 // that an incident of another workload may lie back
	mostBefore = 20  // that are compared, of its own workload and of others

	// What is like an incident: of its workload, or with the very same cause elsewhere in its cluster.
	beforeSQL = `(SELECT i.id FROM incidents i WHERE i.fingerprint = $1 AND i.status = 'resolved' AND i.id <> $2 AND i.resolved_at <= $3
			ORDER BY i.resolved_at DESC, i.id DESC LIMIT $4)
		UNION
		(SELECT i.id FROM diagnoses d JOIN incidents i ON i.id = d.incident_id
			WHERE $5 <> '' AND d.causes -> 0 ->> 'rule' = $5 AND d.causes -> 0 ->> 'title' = $6 AND d.at <= $3 AND d.at > $7
				AND i.cluster = $8 AND i.status = 'resolved' AND i.id <> $2 AND i.resolved_at <= $3
			ORDER BY d.at DESC LIMIT $4)`

	// A pull request that undoes a change of ours counts as one that mends.
	mergedSQL = `SELECT p.incident_id, p.merged_at, p.title, p.pull ->> 'url',
			coalesce((SELECT a.by_id FROM proposal_approval a WHERE a.proposal_id = p.id ORDER BY a.at LIMIT 1), ''),
			coalesce((SELECT a.by_name FROM proposal_approval a WHERE a.proposal_id = p.id ORDER BY a.at LIMIT 1), '')
		FROM proposal p WHERE p.incident_id = ANY ($1) AND p.merged_at IS NOT NULL ORDER BY p.merged_at, p.id`
)

// Story tells an incident, without what it cost. It fails with engine.NotFound.
func (s *Store) Story(ctx context.Context, id int64) (engine.Story, error) {
	var story engine.Story
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		i, err := loadIncident(ctx, tx, id)
		if err != nil {
			return err
		}
		if i.Before, err = loadFormer(ctx, tx, i); err != nil {
			return err
		}
		merged, err := loadMerged(ctx, tx, i.ID)
		if err != nil {
			return err
		}
		story = incident.Story(i, merged[i.ID], s.now())
		return nil
	})
	return story, err
}

// loadFormer gives the incident of before that is most like i, and what fixed it; nil for none.
func loadFormer(ctx context.Context, tx pgx.Tx, i engine.Incident) (*engine.Former, error) {
	first, _ := i.Diagnosis.Cause("")
	rows, err := tx.Query(ctx, beforeSQL, i.Fingerprint, i.ID, i.DetectedAt, mostBefore, first.Rule, first.Title,
		i.DetectedAt.AddDate(0, 0, -likeDays), i.Workload.Cluster)
	if err != nil {
		return nil, err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	list, err := selectIncidents(ctx, tx, `WHERE i.id = ANY ($1) ORDER BY i.id`, ids)
	if err != nil {
		return nil, err
	}
	if err := loadLists(ctx, tx, list); err != nil {
		return nil, err
	}
	like, ok := incident.MostAlike(i, list)
	if !ok {
		return nil, nil
	}
	merged, err := loadMerged(ctx, tx, like.ID)
	if err != nil {
		return nil, err
	}
	cause, _ := like.Diagnosis.Cause("")
	f := &engine.Former{
		ID: like.ID, Workload: like.Workload, Title: like.Title, Cause: cause.Title, SameCause: incident.SameCause(i, like),
		ResolvedAt: like.ResolvedAt, Fixes: incident.Fixes(like, merged[like.ID]), Thread: like.Thread,
	}
	err = tx.QueryRow(ctx, `SELECT count(*)::int FROM incidents WHERE fingerprint = $1 AND id <> $2 AND detected_at <= $3 AND detected_at > $4`,
		i.Fingerprint, i.ID, i.DetectedAt, i.DetectedAt.Add(-formerDays*24*time.Hour)).Scan(&f.Times)
	return f, err
}

// loadMerged gives the pull requests that mend incidents and are merged.
func loadMerged(ctx context.Context, tx pgx.Tx, ids ...int64) (map[int64][]engine.Fix, error) {
	rows, err := tx.Query(ctx, mergedSQL, ids)
	if err != nil {
		return nil, err
	}
	merged := map[int64][]engine.Fix{}
	var id int64
	f := engine.Fix{Kind: engine.FixChange}
	_, err = pgx.ForEachRow(rows, []any{&id, zeroTime{&f.At}, &f.Text, &f.URL, &f.By.ID, &f.By.Name}, func() error {
		of := f
		of.Text = "Merged: " + f.Text
		merged[id] = append(merged[id], of)
		return nil
	})
	return merged, err
}
