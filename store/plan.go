package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/incident"
)

const (
	takeNumberSQL = `UPDATE incident_number SET next = $1 + 1 WHERE next = $1`

	saveSignalSQL = `INSERT INTO signals (incident_id, source, id, cluster, node, starts_at, ends_at, body)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (incident_id, source, id) DO UPDATE SET
			node = excluded.node, starts_at = excluded.starts_at, ends_at = excluded.ends_at, body = excluded.body`

	considerSQL = `INSERT INTO considerations (incident_id, at, signal, class, source, verdict, reason)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`

	saveEventSQL = `INSERT INTO events (incident_id, n, at, kind, by_id, by_name, text, times) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`

	amendEventSQL = `UPDATE events SET text = $3, times = $4 WHERE incident_id = $1 AND n = $2`

	// Whoever writes an incident's events holds its row, so the next number is free.
	saveLineSQL = `INSERT INTO events (incident_id, n, at, kind, by_id, by_name, text)
		SELECT $1, coalesce(max(n), 0) + 1, $2, $3, $4, $5, $6 FROM events WHERE incident_id = $1`

	putLineSQL = `INSERT INTO events (incident_id, n, at, kind, by_id, by_name, text, times) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (incident_id, n) DO UPDATE SET text = excluded.text, times = excluded.times`

	saveVerdictSQL = `INSERT INTO verdicts (incident_id, at, by_id, by_name, rule, is_right, correction)
		VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (incident_id, by_id, rule) DO UPDATE SET
			at = excluded.at, by_name = excluded.by_name, is_right = excluded.is_right, correction = excluded.correction`

	touchSQL = `WITH touched AS (UPDATE incidents SET version = version + 1 WHERE id = $1 RETURNING version)
		UPDATE messages m SET wanted = touched.version,
			place = CASE WHEN m.shown < m.wanted THEN m.place ELSE nextval('message_places') END
		FROM touched WHERE m.key = $2 AND touched.version > m.wanted`
)

// apply writes a plan. One that changes nothing writes nothing.
func (s *Store) apply(ctx context.Context, tx pgx.Tx, p incident.Plan) error {
	if p.Empty() {
		return nil
	}
	b := &pgx.Batch{}
	if p.Storm != nil {
		saveStorm(b, *p.Storm)
		b.Queue(joinStormSQL, p.Members, p.Storm.ID)
	}
	if p.Incident != nil {
		saveOwn(b, p)
		if p.Storm == nil && p.Incident.StormID != 0 {
			b.Queue(stirStormSQL, p.Incident.StormID, engine.StormKey(p.Incident.StormID))
		}
	} else if len(p.Signals)+len(p.Considered)+len(p.Events)+len(p.Amended) > 0 || p.Verdict != nil {
		return fmt.Errorf("a plan of no incident has signals, events or a verdict: %+v", p)
	}
	if p.Remedy != nil {
		saveRemedy(b, *p.Remedy, s.now())
	}
	for _, other := range p.Others {
		saveIncident(b, other)
	}
	for _, l := range p.Lines {
		e := l.Event
		if e.ID != 0 {
			b.Queue(putLineSQL, l.IncidentID, e.ID, stamp(e.At), e.Kind, e.By.ID, e.By.Name, e.Text, e.Times)
			continue
		}
		b.Queue(saveLineSQL, l.IncidentID, stamp(e.At), e.Kind, e.By.ID, e.By.Name, e.Text)
	}
	for _, m := range p.Messages {
		m.Channel = s.channel(m.Channel)
		declare(b, m, s.now())
	}
	for _, id := range p.Touched {
		b.Queue(touchSQL, id, engine.CardKey(id))
	}
	if p.Incident != nil || len(p.Others)+len(p.Touched) > 0 {
		b.Queue(homeChangedSQL, s.now().Add(-homeInterest))
	}
	if b.Len() > 0 {
		b.Queue(wakeSQL)
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return err
		}
	}
	over, err := mendsOver(ctx, tx, p)
	if err != nil {
		return err
	}
	return s.insertTasks(ctx, tx, slices.Concat(p.Tasks, over))
}

// saveOwn queues the plan's incident and what hangs on it.
func saveOwn(b *pgx.Batch, p incident.Plan) {
	id := p.Incident.ID
	if p.Incident.Version == 1 {
		b.Queue(takeNumberSQL, id)
	}
	saveIncident(b, *p.Incident)
	for _, sig := range p.Signals {
		b.Queue(saveSignalSQL, id, sig.Source, sig.ID, sig.Workload.Cluster, sig.Node, stamp(sig.StartsAt), orNull(sig.EndsAt), sig)
	}
	for _, c := range p.Considered {
		b.Queue(considerSQL, id, stamp(c.At), c.Signal, c.Class, c.Source, c.Verdict, c.Reason)
	}
	for _, e := range p.Events {
		b.Queue(saveEventSQL, id, e.ID, stamp(e.At), e.Kind, e.By.ID, e.By.Name, e.Text, e.Times)
	}
	for _, e := range p.Amended {
		b.Queue(amendEventSQL, id, e.ID, e.Text, e.Times)
	}
	if v := p.Verdict; v != nil {
		b.Queue(saveVerdictSQL, id, stamp(v.At), v.By.ID, v.By.Name, v.Rule, v.Right, v.Correction)
	}
}
