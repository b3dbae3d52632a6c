package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
)

// incidentColumns are read by scanIncident and written by saveIncident, in this order.
const incidentColumns = `i.id, i.cluster, i.namespace, i.workload_kind, i.workload, i.fingerprint, i.severity, i.status,
	i.confidence, i.title, i.classes, i.health_desired, i.health_ready, i.parent_id, i.started_at, i.detected_at, i.cleared_at,
	i.acknowledged_at, i.acknowledged_by, i.acknowledged_by_name, i.assignee, i.assignee_name,
	i.resolved_at, i.resolved_by, i.resolved_by_name, i.reopened,
	i.silence_until, i.silence_by, i.silence_by_name, i.silence_id, i.escalations, i.version, i.storm_id, i.held`

// selectIncident reads an incident's own row and where its card is.
const selectIncident = `SELECT ` + incidentColumns + `, coalesce(m.channel_id, ''), coalesce(m.ts, '')
	FROM incidents i LEFT JOIN messages m ON m.key = 'incident/' || i.id || '/card' `

func scanIncident(row pgx.CollectableRow) (engine.Incident, error) {
	var i engine.Incident
	var desired, ready *int
	var parent, storm *int64
	err := row.Scan(&i.ID, &i.Workload.Cluster, &i.Workload.Namespace, &i.Workload.Kind, &i.Workload.Name, &i.Fingerprint,
		&i.Severity, &i.Status, &i.Confidence, &i.Title, &i.Classes, &desired, &ready, &parent,
		zeroTime{&i.StartedAt}, zeroTime{&i.DetectedAt}, zeroTime{&i.ClearedAt},
		zeroTime{&i.AcknowledgedAt}, &i.AcknowledgedBy.ID, &i.AcknowledgedBy.Name, &i.Assignee.ID, &i.Assignee.Name,
		zeroTime{&i.ResolvedAt}, &i.ResolvedBy.ID, &i.ResolvedBy.Name, &i.Reopened,
		zeroTime{&i.Silence.Until}, &i.Silence.By.ID, &i.Silence.By.Name, &i.Silence.AlertmanagerID, &i.Escalations, &i.Version, &storm, &i.Held,
		&i.Thread.Channel, &i.Thread.TS)
	if desired != nil && ready != nil {
		i.Health = &engine.Health{Desired: *desired, Ready: *ready}
	}
	if parent != nil {
		i.ParentID = *parent
	}
	if storm != nil {
		i.StormID = *storm
	}
	if len(i.Classes) == 0 {
		i.Classes = nil
	}
	return i, err
}

const saveIncidentSQL = `
	INSERT INTO incidents (id, cluster, namespace, workload_kind, workload, fingerprint, severity, status,
		confidence, title, classes, health_desired, health_ready, parent_id, started_at, detected_at, cleared_at,
		acknowledged_at, acknowledged_by, acknowledged_by_name, assignee, assignee_name,
		resolved_at, resolved_by, resolved_by_name, reopened,
		silence_until, silence_by, silence_by_name, silence_id, escalations, version, storm_id, held)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25,
		$26, $27, $28, $29, $30, $31, $32, $33, $34)
	ON CONFLICT (id) DO UPDATE SET
		severity = excluded.severity, status = excluded.status, confidence = excluded.confidence, title = excluded.title,
		classes = excluded.classes, health_desired = excluded.health_desired, health_ready = excluded.health_ready,
		parent_id = excluded.parent_id, started_at = excluded.started_at, detected_at = excluded.detected_at,
		cleared_at = excluded.cleared_at, acknowledged_at = excluded.acknowledged_at,
		acknowledged_by = excluded.acknowledged_by, acknowledged_by_name = excluded.acknowledged_by_name,
		assignee = excluded.assignee, assignee_name = excluded.assignee_name, resolved_at = excluded.resolved_at,
		resolved_by = excluded.resolved_by, resolved_by_name = excluded.resolved_by_name, reopened = excluded.reopened,
		silence_until = excluded.silence_until, silence_by = excluded.silence_by,
		silence_by_name = excluded.silence_by_name, silence_id = excluded.silence_id,
		escalations = excluded.escalations, version = excluded.version,
		storm_id = coalesce(excluded.storm_id, incidents.storm_id), held = excluded.held`

func saveIncident(b *pgx.Batch, i engine.Incident) {
	var desired, ready *int
	if i.Health != nil {
		desired, ready = &i.Health.Desired, &i.Health.Ready
	}
	var parent, storm *int64
	if i.ParentID != 0 {
		parent = &i.ParentID
	}
	if i.StormID != 0 {
		storm = &i.StormID
	}
	classes := i.Classes
	if classes == nil {
		classes = []engine.Class{}
	}
	w := i.Workload
	b.Queue(saveIncidentSQL, i.ID, w.Cluster, w.Namespace, w.Kind, w.Name, i.Fingerprint, i.Severity, i.Status,
		i.Confidence, i.Title, classes, desired, ready, parent, orNull(i.StartedAt), orNull(i.DetectedAt), orNull(i.ClearedAt),
		orNull(i.AcknowledgedAt), i.AcknowledgedBy.ID, i.AcknowledgedBy.Name, i.Assignee.ID, i.Assignee.Name,
		orNull(i.ResolvedAt), i.ResolvedBy.ID, i.ResolvedBy.Name, i.Reopened,
		orNull(i.Silence.Until), i.Silence.By.ID, i.Silence.By.Name, i.Silence.AlertmanagerID, i.Escalations, i.Version, storm, i.Held)
}

// Incident gives an incident with all its lists, and the one of before that is most like it. It fails with engine.NotFound when there
// is none of that id.
func (s *Store) Incident(ctx context.Context, id int64) (engine.Incident, error) {
	var i engine.Incident
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		if i, err = loadIncident(ctx, tx, id); err != nil {
			return err
		}
		i.Before, err = loadFormer(ctx, tx, i)
		return err
	})
	return i, err
}

// Incidents gives the incidents that a filter chooses, newest first and without their lists.
func (s *Store) Incidents(ctx context.Context, f engine.IncidentFilter) ([]engine.Incident, error) {
	const most = 500
	if f.Limit <= 0 {
		f.Limit = 20
	}
	var list []engine.Incident
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		list, err = selectIncidents(ctx, tx, `
			WHERE ($1 = '' OR i.cluster = $1) AND ($2 = '' OR i.namespace = $2) AND ($3 = '' OR i.workload = $3)
				AND ($4 = '' OR i.severity = $4) AND ($5 OR ($6 = '' AND i.status <> 'resolved') OR i.status = $6)
				AND ($7 = '' OR $7 = ANY (i.classes)) AND ($8 = '' OR i.assignee = $8)
				AND ($9::timestamptz IS NULL OR i.detected_at >= $9)
			ORDER BY i.detected_at DESC, i.id DESC LIMIT $10`,
			f.Cluster, f.Namespace, f.Workload, f.Severity, f.AnyStatus, f.Status, f.Class, f.Assignee, orNull(f.Since), min(f.Limit, most))
		return err
	})
	return list, err
}

func selectIncidents(ctx context.Context, tx pgx.Tx, rest string, args ...any) ([]engine.Incident, error) {
	rows, err := tx.Query(ctx, selectIncident+rest, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanIncident)
}

// loadIncident reads one incident with its lists.
func loadIncident(ctx context.Context, tx pgx.Tx, id int64) (engine.Incident, error) {
	rows, err := tx.Query(ctx, selectIncident+`WHERE i.id = $1`, id)
	if err != nil {
		return engine.Incident{}, err
	}
	i, err := pgx.CollectExactlyOneRow(rows, scanIncident)
	if errors.Is(err, pgx.ErrNoRows) {
		return i, engine.Errorf(engine.NotFound, "there is no incident %d", id)
	}
	if err != nil {
		return i, err
	}
	list := []engine.Incident{i}
	err = loadLists(ctx, tx, list)
	return list[0], err
}
