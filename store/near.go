package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	// What an open incident's newest diagnosis says that it follows from.
	ofRootSQL = `SELECT i.id FROM incidents i
		JOIN LATERAL (SELECT causes -> 0 -> 'root' AS root FROM diagnoses WHERE incident_id = i.id ORDER BY at DESC LIMIT 1) d ON true
		WHERE i.status <> 'resolved' AND i.cluster = $1 AND d.root ->> 'namespace' = $2 AND `

	// Those whose cause names the workload, or a Service that it may stand behind: the pure part decides.
	dependentsSQL = ofRootSQL + `(d.root ->> 'kind' = $3 AND d.root ->> 'name' = $4 OR d.root ->> 'kind' = $5 AND starts_with(d.root ->> 'name', $4)) ORDER BY i.id LIMIT $6`

	alikeSQL = ofRootSQL + `d.root ->> 'kind' = $3 AND d.root ->> 'name' = $4 ORDER BY i.detected_at, i.id LIMIT $5`

	mostDependents = 100
)

// loadDependents gives the open incidents whose likeliest cause names a workload.
func loadDependents(ctx context.Context, tx pgx.Tx, w engine.Workload) ([]int64, error) {
	rows, err := tx.Query(ctx, dependentsSQL, w.Cluster, w.Namespace, w.Kind, w.Name, engine.KindService, mostDependents)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[int64])
}

// lockNear locks the incident of a diagnosis and those that may explain it, and reads them with their lists. Whoever opens an incident of a
// workload that the diagnosis names waits, or is seen. It fails with engine.NotFound.
func lockNear(ctx context.Context, tx pgx.Tx, d engine.Diagnosis) (i engine.Incident, near []engine.Incident, err error) {
	first, _ := d.Cause("")
	if first.Root == nil {
		if i, err = lockIncident(ctx, tx, d.IncidentID); err != nil || i.ParentID == 0 {
			return i, nil, err
		}
		near, err = selectIncidents(ctx, tx, `WHERE i.id = $1`, i.ParentID) // locked with it
		if err == nil {
			err = loadLists(ctx, tx, near)
		}
		return i, near, err
	}
	fingerprint, err := fingerprintOf(ctx, tx, d.IncidentID)
	if err != nil {
		return i, nil, err
	}
	root := *first.Root
	if err := lockWorkloads(ctx, tx, fingerprint, []string{root.Fingerprint()}); err != nil {
		return i, nil, err
	}
	var ids []int64
	if err := tx.QueryRow(ctx, `SELECT array(
		SELECT id FROM incidents WHERE status <> 'resolved' AND cluster = $1 AND namespace = $2 AND (workload = $3 AND workload_kind = $4 OR $4 = $5 AND starts_with($3, workload))
		ORDER BY id LIMIT $6)`, root.Cluster, root.Namespace, root.Name, root.Kind, engine.KindService, mostDependents).Scan(&ids); err != nil {
		return i, nil, err
	}
	rows, err := tx.Query(ctx, alikeSQL, root.Cluster, root.Namespace, root.Kind, root.Name, mostDependents)
	if err != nil {
		return i, nil, err
	}
	alike, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return i, nil, err
	}
	ids = append(append(ids, alike...), d.IncidentID)
	if err := lockRelated(ctx, tx, ids); err != nil {
		return i, nil, err
	}
	near, err = selectIncidents(ctx, tx, `WHERE i.id = ANY ($1)
		OR i.id IN (SELECT parent_id FROM incidents WHERE id = ANY ($1) AND parent_id IS NOT NULL) ORDER BY i.id`, ids)
	if err != nil {
		return i, nil, err
	}
	if err := loadLists(ctx, tx, near); err != nil {
		return i, nil, err
	}
	for k := range near {
		if near[k].ID == d.IncidentID {
			i = near[k]
		}
	}
	return i, near, loadLists(ctx, tx, i.Children)
}
