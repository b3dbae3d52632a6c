package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
)

// What hangs on an incident, read for several incidents at once. Each statement gives the incident's id first.
const (
	signalsSQL = `SELECT incident_id, body FROM signals WHERE incident_id = ANY ($1)
		ORDER BY ends_at IS NOT NULL, starts_at, source, id`
	consideredSQL = `SELECT incident_id, at, signal, class, source, verdict, reason FROM considerations
		WHERE incident_id = ANY ($1) ORDER BY id`
	eventsSQL   = `SELECT incident_id, n, at, kind, by_id, by_name, text, times FROM events WHERE incident_id = ANY ($1) ORDER BY incident_id, n`
	verdictsSQL = `SELECT incident_id, at, by_id, by_name, rule, is_right, correction FROM verdicts
		WHERE incident_id = ANY ($1) ORDER BY at, by_id`
	diagnosesSQL = `SELECT DISTINCT ON (incident_id) incident_id, at, causes, evidence, gaps, last_change, remedies, no_remedy, narrative FROM diagnoses
		WHERE incident_id = ANY ($1) ORDER BY incident_id, at DESC`
)

// loadLists fills the lists of incidents whose own rows were read.
func loadLists(ctx context.Context, tx pgx.Tx, list []engine.Incident) error {
	if len(list) == 0 {
		return nil
	}
	ids := make([]int64, len(list))
	at := make(map[int64]*engine.Incident, len(list))
	for k := range list {
		ids[k], at[list[k].ID] = list[k].ID, &list[k]
	}
	b := &pgx.Batch{}
	var id int64

	var signal engine.Signal
	b.Queue(signalsSQL, ids).Query(each([]any{&id, &signal}, func() {
		at[id].Signals = append(at[id].Signals, signal)
	}))
	var c engine.Consideration
	b.Queue(consideredSQL, ids).Query(each([]any{&id, &c.At, &c.Signal, &c.Class, &c.Source, &c.Verdict, &c.Reason}, func() {
		at[id].Considered = append(at[id].Considered, c)
	}))
	var e engine.Event
	b.Queue(eventsSQL, ids).Query(each([]any{&id, &e.ID, &e.At, &e.Kind, &e.By.ID, &e.By.Name, &e.Text, &e.Times}, func() {
		at[id].Timeline = append(at[id].Timeline, e)
	}))
	var v engine.Verdict
	b.Queue(verdictsSQL, ids).Query(each([]any{&id, &v.At, &v.By.ID, &v.By.Name, &v.Rule, &v.Right, &v.Correction}, func() {
		at[id].Verdicts = append(at[id].Verdicts, v)
	}))
	var d engine.Diagnosis
	b.Queue(diagnosesSQL, ids).Query(each([]any{&id, &d.At, &d.Causes, &d.Evidence, &d.Gaps, &d.LastChange, &d.Remedies, &d.NoRemedy, &d.Narrative}, func() {
		if d.IncidentID = id; len(d.Remedies) == 0 {
			d.Remedies = nil
		}
		at[id].Diagnosis = d
	}))
	b.Queue(selectIncident+`WHERE i.parent_id = ANY ($1) ORDER BY i.detected_at, i.id`, ids).Query(func(rows pgx.Rows) error {
		children, err := pgx.CollectRows(rows, scanIncident)
		for _, child := range children {
			at[child.ParentID].Children = append(at[child.ParentID].Children, child)
		}
		return err
	})
	return tx.SendBatch(ctx, b).Close()
}

// each scans every row into targets and calls f after each.
func each(targets []any, f func()) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, targets, func() error {
			f()
			return nil
		})
		return err
	}
}
