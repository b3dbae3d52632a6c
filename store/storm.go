package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/incident"
)

const (
	selectStorm = `SELECT id, cluster, channel, started_at, last_at, ended_at, version FROM storms `

	saveStormSQL = `INSERT INTO storms (id, cluster, channel, started_at, last_at, ended_at, version) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (id) DO UPDATE SET last_at = greatest(storms.last_at, excluded.last_at), ended_at = excluded.ended_at, version = greatest(storms.version, excluded.version)`

	joinStormSQL = `UPDATE incidents SET storm_id = $2 WHERE id = ANY ($1) AND storm_id IS NULL`

	// What is new of an incident is new of the message that tells it.
	stirStormSQL = `WITH stirred AS (UPDATE storms SET version = version + 1 WHERE id = $1 RETURNING version)
		UPDATE messages m SET wanted = stirred.version,
			place = CASE WHEN m.shown < m.wanted THEN m.place ELSE nextval('message_places') END
		FROM stirred WHERE m.key = $2 AND stirred.version > m.wanted`
)

func scanStorm(row pgx.CollectableRow) (engine.Storm, error) {
	var s engine.Storm
	err := row.Scan(&s.ID, &s.Cluster, &s.Channel, zeroTime{&s.StartedAt}, zeroTime{&s.LastAt}, zeroTime{&s.EndedAt}, &s.Version)
	return s, err
}

func saveStorm(b *pgx.Batch, s engine.Storm) {
	b.Queue(saveStormSQL, s.ID, s.Cluster, s.Channel, stamp(s.StartedAt), stamp(s.LastAt), orNull(s.EndedAt), s.Version)
}

// loadStorm reads what an incident that opens must know of storms: whoever numbers incidents does it alone.
func (s *Store) loadStorm(ctx context.Context, tx pgx.Tx, st *incident.State, o engine.Observation) error {
	r := s.rules()
	if r.Storm.More <= 0 {
		return nil
	}
	channel := r.Route.Of(o.Workload, o.Signals)
	rows, err := tx.Query(ctx, selectStorm+`WHERE cluster = $1 AND channel = $2 AND ended_at IS NULL FOR UPDATE`, o.Workload.Cluster, channel)
	if err != nil {
		return err
	}
	storm, err := pgx.CollectExactlyOneRow(rows, scanStorm)
	if err == nil {
		st.Storm = &storm
		return nil
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	st.Recent, err = selectIncidents(ctx, tx, `WHERE i.cluster = $1 AND i.detected_at > $2 AND i.storm_id IS NULL AND m.channel = $3 ORDER BY i.id`,
		o.Workload.Cluster, s.now().Add(-r.Storm.Within), s.channel(channel))
	return err
}

// Storm gives a storm with its incidents. It fails with engine.NotFound.
func (s *Store) Storm(ctx context.Context, id int64) (engine.Storm, error) {
	var storm engine.Storm
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		storm, err = loadStormOf(ctx, tx, id, "")
		return err
	})
	return storm, err
}

func loadStormOf(ctx context.Context, tx pgx.Tx, id int64, lock string) (engine.Storm, error) {
	rows, err := tx.Query(ctx, selectStorm+`WHERE id = $1`+lock, id)
	if err != nil {
		return engine.Storm{}, err
	}
	storm, err := pgx.CollectExactlyOneRow(rows, scanStorm)
	if errors.Is(err, pgx.ErrNoRows) {
		return storm, engine.Errorf(engine.NotFound, "there is no storm %d", id)
	}
	if err != nil {
		return storm, err
	}
	if storm.Incidents, err = selectIncidents(ctx, tx, `WHERE i.storm_id = $1 ORDER BY i.detected_at, i.id`, id); err != nil {
		return storm, err
	}
	return storm, loadLists(ctx, tx, storm.Incidents)
}

// Calm ends a storm that is over, and gives the incidents that go on a card each. It may be asked as often as one likes. It fails with
// engine.NotFound.
func (s *Store) Calm(ctx context.Context, id int64) error {
	var held []int64
	err := s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		storm, err := loadStormOf(ctx, tx, id, ` FOR UPDATE`)
		if err != nil {
			return err
		}
		plan, release := incident.Calm(storm, s.rules(), s.now())
		if held = release; !storm.EndedAt.IsZero() { // it ended, and not all of them were released
			for _, i := range storm.Incidents {
				if i.Held {
					held = append(held, i.ID)
				}
			}
		}
		return s.apply(ctx, tx, plan)
	})
	if err != nil {
		return err
	}
	slices.Sort(held)
	for _, one := range held { // one after the other: each locks its workload
		if _, err := s.follow(ctx, one, func(i engine.Incident) incident.Plan { return incident.Release(i, s.rules(), s.now()) }); err != nil {
			return err
		}
	}
	return nil
}

// stormy gives the tasks that storms lack whose time has come.
func stormy(ctx context.Context, tx pgx.Tx, now time.Time) ([]incident.TaskAt, error) {
	rows, err := tx.Query(ctx, `SELECT s.id::text FROM storms s WHERE s.last_at < $2
		AND (s.ended_at IS NULL OR EXISTS (SELECT FROM incidents i WHERE i.storm_id = s.id AND i.held))
		AND NOT EXISTS (SELECT FROM river_job j WHERE j.kind = $1 AND j.finalized_at IS NULL AND j.args ->> 'detail' = s.id::text) ORDER BY s.id`,
		engine.TaskStorm, now.Add(-leftBehind))
	if err != nil {
		return nil, err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	var tasks []incident.TaskAt
	for _, id := range ids {
		tasks = append(tasks, incident.TaskAt{Task: engine.Task{Kind: engine.TaskStorm, Detail: id}})
	}
	return tasks, err
}
