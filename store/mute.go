package store

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/waste"
)

// Mute keeps what a person decided about a finding group (to snooze it, to call it not waste, to take that back), or was refused,
// and carries it out. Both are audited. The same decision twice acts once: the second call gives the group as it is, or the first
// call's error.
//
// It fails as waste.Mute does, and with engine.NotFound for an unknown group. The decision is kept even so. A refused decision is no
// error: nothing happens.
func (s *Store) Mute(ctx context.Context, d engine.Decision) (engine.FindingGroup, error) {
	var after engine.FindingGroup
	var outcome error
	if d.ID == "" || d.GroupID == 0 {
		return after, engine.Errorf(engine.Invalid, "a decision about savings needs its own id and that of the group")
	}
	d.IncidentID = 0
	err := s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		after, outcome = engine.FindingGroup{}, nil
		if err := lockScans(ctx, tx); err != nil {
			return err
		}
		g, err := loadGroup(ctx, tx, d.GroupID)
		if outcome = err; err != nil && engine.CodeOf(err) != engine.NotFound {
			return err
		}
		fresh, err := saveDecision(ctx, tx, d, 0)
		if err != nil {
			return err
		}
		if !fresh {
			after = g
			outcome, err = formerOutcome(ctx, tx, d.ID)
			return err
		}
		if outcome == nil {
			if outcome, err = s.mute(ctx, tx, g, d); err != nil {
				return err
			}
		}
		if err := s.conclude(ctx, tx, d, outcome); err != nil {
			return err
		}
		if g.ID != 0 {
			after, err = loadGroup(ctx, tx, g.ID)
		}
		return err
	})
	if err != nil {
		return engine.FindingGroup{}, err
	}
	return after, outcome
}

// mute applies a decision about a group that is there. The outcome is what the person is told; err ends the transaction.
func (s *Store) mute(ctx context.Context, tx pgx.Tx, g engine.FindingGroup, d engine.Decision) (outcome, err error) {
	var changes []waste.Change
	if d.Allowed {
		if changes, outcome = waste.Mute(g, d, s.now()); outcome != nil {
			return outcome, nil
		}
	}
	var finding *int64
	for _, f := range g.Findings {
		if f.ID == d.FindingID {
			finding = &f.ID
		}
	}
	if _, err := tx.Exec(ctx, `UPDATE decisions SET group_id = $2, finding_id = $3, until = $4, undo = $5 WHERE id = $1`,
		d.ID, g.ID, finding, orNull(d.Until), d.Undo); err != nil {
		return nil, err
	}
	if err := s.saveChanges(ctx, tx, changes, nil, 0, d.By); err != nil || !d.Undo {
		return nil, err
	}
	return nil, s.scanAgain(ctx, tx, "undo", changes, d.By)
}

// Awaken opens the findings whose snooze is over, on the day that was promised and not only when the next scan comes. Their cards
// show it, those that may have one get one, and their clusters are looked at. It may be called as often as one likes.
func (s *Store) Awaken(ctx context.Context) error {
	const due = `WHERE f.status = 'snoozed' AND f.until <= $1`
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var any bool
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM finding f `+due+`)`, s.now()).Scan(&any); err != nil || !any {
			return err
		}
		if err := lockScans(ctx, tx); err != nil {
			return err
		}
		known, err := collectFindings(ctx, tx, selectPlain+due, s.now())
		if err != nil {
			return err
		}
		findings, groups := make([]engine.Finding, len(known)), map[string]string{}
		for k, f := range known {
			findings[k], groups[f.Key] = f.Finding, f.Group
		}
		changes := waste.Awaken(findings, s.now())
		if err := s.saveChanges(ctx, tx, changes, groups, 0, engine.Person{}); err != nil {
			return err
		}
		if err := s.giveCards(ctx, tx, s.now()); err != nil {
			return err
		}
		return s.scanAgain(ctx, tx, "awake", changes, engine.Person{})
	})
}

// scanAgain has the clusters of findings looked at that are open again: others own their dollars meanwhile.
func (s *Store) scanAgain(ctx context.Context, tx pgx.Tx, trigger string, changes []waste.Change, by engine.Person) error {
	clusters := map[string]bool{}
	for _, c := range changes {
		if c.Finding.Kind != engine.OrphanVolume {
			clusters[c.Finding.Target.Cluster] = true
		}
	}
	for _, cluster := range slices.Sorted(maps.Keys(clusters)) {
		var id int64
		err := tx.QueryRow(ctx, `INSERT INTO scan (trigger, by_id, by_name, cluster, requested_at)
			SELECT $6, $2, $3, $1::text, $4 WHERE NOT EXISTS
				(SELECT FROM scan WHERE finished_at IS NULL AND started_at IS NULL AND cluster IN ('', $1) AND namespace = '' AND requested_at > $5)
			RETURNING id`, cluster, by.ID, by.Name, s.now(), s.now().Add(-staleScan), trigger).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			continue // one waits, and will see it
		}
		if err != nil {
			return err
		}
		if err := s.insertTasks(ctx, tx, scanTask(id)); err != nil {
			return err
		}
	}
	return nil
}

// Muted gives the keys of the findings that a person called not waste, or snoozed until later than now.
func (s *Store) Muted(ctx context.Context) (map[string]bool, error) {
	muted := map[string]bool{}
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT key FROM finding WHERE status = 'not_waste' OR status = 'snoozed' AND until > $1`, s.now())
		if err != nil {
			return err
		}
		var key string
		_, err = pgx.ForEachRow(rows, []any{&key}, func() error {
			muted[key] = true
			return nil
		})
		return err
	})
	return muted, err
}

// Kept counts the nodes of each node group, by the group's key, that a person called not waste, or snoozed until later than now. The
// instances themselves may be long gone.
func (s *Store) Kept(ctx context.Context) (map[string]int, error) {
	kept := map[string]int{}
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT g.key, count(*) FROM finding f JOIN finding_group g ON g.id = f.group_id
			WHERE f.kind = $2 AND (f.status = 'not_waste' OR f.status = 'snoozed' AND f.until > $1) GROUP BY g.key`, s.now(), engine.IdleNode)
		if err != nil {
			return err
		}
		var key string
		var n int
		_, err = pgx.ForEachRow(rows, []any{&key, &n}, func() error {
			kept[key] = n
			return nil
		})
		return err
	})
	return kept, err
}
