package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/incident"
	"github.com/eks-autopilot/autopilot/engine/label"
)

// exportPage is how many incidents are read at once.
const exportPage = 50

// ExportWanted chooses the incidents of an export by when they were detected: Since and before Until; zero fields choose all.
type ExportWanted struct {
	Since, Until time.Time
	Cluster      string
}

// Export hands over incidents with all that is known of them, in the order of their ids, page by page. It fails with the first error
// of take.
func (s *Store) Export(ctx context.Context, w ExportWanted, take func(label.Kept) error) error {
	for after := int64(0); ; {
		var page []label.Kept
		err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
			page, err = loadKept(ctx, tx, w, after)
			return err
		})
		if err != nil || len(page) == 0 {
			return err
		}
		for _, k := range page {
			after = k.Incident.ID
			if err := take(k); err != nil {
				return err
			}
		}
	}
}

func loadKept(ctx context.Context, tx pgx.Tx, w ExportWanted, after int64) ([]label.Kept, error) {
	list, err := selectIncidents(ctx, tx, `
		WHERE i.id > $1 AND ($2::timestamptz IS NULL OR i.detected_at >= $2) AND ($3::timestamptz IS NULL OR i.detected_at < $3)
			AND ($4 = '' OR i.cluster = $4) ORDER BY i.id LIMIT $5`, after, orNull(w.Since), orNull(w.Until), w.Cluster, exportPage)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	if err := loadLists(ctx, tx, list); err != nil {
		return nil, err
	}
	page := make([]label.Kept, len(list))
	at := make(map[int64]*label.Kept, len(list))
	ids := make([]int64, len(list))
	for k, i := range list {
		page[k].Incident = i
		at[i.ID], ids[k] = &page[k], i.ID
	}
	merged, err := loadMerged(ctx, tx, ids...)
	if err != nil {
		return nil, err
	}
	for k := range page {
		page[k].Fixes = incident.Fixes(page[k].Incident, merged[page[k].Incident.ID])
	}
	b := &pgx.Batch{}
	var id int64
	var d engine.Decision
	b.Queue(`SELECT incident_id, at, by_id, action, allowed, CASE WHEN outcome_message <> '' THEN outcome_message ELSE reason END
		FROM decisions WHERE incident_id = ANY ($1) ORDER BY incident_id, at, id`, ids).
		Query(each([]any{&id, zeroTime{&d.At}, &d.By.ID, &d.Action, &d.Allowed, &d.Reason}, func() {
			at[id].Decisions = append(at[id].Decisions, d)
		}))
	var g engine.Diagnosis
	b.Queue(`SELECT incident_id, at, causes FROM diagnoses WHERE incident_id = ANY ($1) ORDER BY incident_id, at`, ids).
		Query(each([]any{&id, zeroTime{&g.At}, &g.Causes}, func() {
			at[id].Diagnoses = append(at[id].Diagnoses, g)
			g.Causes = nil // the next is not read into the memory of this one
		}))
	var m label.Remedy
	b.Queue(`SELECT r.incident_id, r.asked_at, d.by_id, r.kind, r.status, coalesce(r.body ->> 'text', ''), coalesce(r.body ->> 'outcome', '')
		FROM remedies r JOIN decisions d ON d.id = r.id WHERE r.incident_id = ANY ($1) ORDER BY r.incident_id, r.asked_at, r.id`, ids).
		Query(each([]any{&id, zeroTime{&m.At}, &m.By, &m.Kind, &m.Status, &m.Text, &m.Outcome}, func() {
			at[id].Remedies = append(at[id].Remedies, m)
		}))
	return page, tx.SendBatch(ctx, b).Close()
}
