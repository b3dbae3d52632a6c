package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/incident"
)

// Observe takes in what a source knows of a workload: it opens, joins, reopens or clears the workload's incident. The same
// observation twice changes nothing the second time. It fails with engine.Invalid for an observation of no workload, and
// with engine.Unavailable when the caller should observe again later.
func (s *Store) Observe(ctx context.Context, o engine.Observation) error {
	if o.Workload.Kind == "" || o.Workload.Name == "" {
		return engine.Errorf(engine.Invalid, "an observation must name the workload's kind and name, not %+v", o.Workload)
	}
	o = stamped(o)
	var plan incident.Plan
	err := s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		state, err := s.loadState(ctx, tx, o)
		if err != nil {
			return err
		}
		plan = incident.Correlate(state, o, s.rules(), s.now())
		return s.apply(ctx, tx, plan)
	})
	if err == nil && plan.Incident != nil {
		engine.Follow(ctx, engine.IncidentTrail(plan.Incident.ID))
		for _, e := range plan.Events {
			s.log.InfoContext(ctx, "an incident was observed", "event", e.Kind, "incident", plan.Incident.ID, "workload", o.Workload.String(), "cluster", o.Workload.Cluster, "source", o.Source)
		}
	}
	return err
}

// stamped cuts an observation's times to the database's precision: what is compared with stored signals must have lost as much.
func stamped(o engine.Observation) engine.Observation {
	signals := make([]engine.Signal, len(o.Signals))
	for k, sig := range o.Signals {
		sig.StartsAt, sig.EndsAt = stamp(sig.StartsAt), stamp(sig.EndsAt)
		signals[k] = sig
	}
	o.Signals, o.At = signals, stamp(o.At)
	return o
}

// loadState locks and reads all that an observation may change.
//
// Whoever writes a workload's incident holds the exclusive advisory lock on its fingerprint, and shared locks on the workloads
// that it may follow from, so that a cause and its effect which appear at once see each other. Only then are rows locked, in
// the order of their ids.
func (s *Store) loadState(ctx context.Context, tx pgx.Tx, o engine.Observation) (incident.State, error) {
	var st incident.State
	parents, nodes := causes(o)
	if err := lockWorkloads(ctx, tx, o.Workload.Fingerprint(), nodes); err != nil {
		return st, err
	}
	var own []int64 // the unresolved incident and the newest resolved one
	var related []int64
	if err := tx.QueryRow(ctx, `
		SELECT array(
			(SELECT id FROM incidents WHERE fingerprint = $1 AND status <> 'resolved')
			UNION ALL
			(SELECT id FROM incidents WHERE fingerprint = $1 AND status = 'resolved' ORDER BY resolved_at DESC, id DESC LIMIT 1)),
		array(
			SELECT id FROM incidents WHERE fingerprint = ANY ($2) AND status <> 'resolved'
			UNION
			SELECT s.incident_id FROM signals s JOIN incidents i ON i.id = s.incident_id
			WHERE $3 <> '' AND s.cluster = $4 AND s.node = $3 AND s.ends_at IS NULL AND i.status <> 'resolved' AND i.fingerprint <> $1)`,
		o.Workload.Fingerprint(), parents, nodeName(o.Workload), o.Workload.Cluster).Scan(&own, &related); err != nil {
		return st, err
	}
	if err := lockRelated(ctx, tx, append(related, own...)); err != nil {
		return st, err
	}
	list, err := selectIncidents(ctx, tx, `
		WHERE i.id = ANY ($1) OR i.id = ANY ($2)
			OR i.id IN (SELECT parent_id FROM incidents WHERE id = ANY ($1) AND parent_id IS NOT NULL) ORDER BY i.id`, own, related)
	if err != nil {
		return st, err
	}
	if err := loadLists(ctx, tx, list); err != nil {
		return st, err
	}
	place(&st, list, o.Workload)
	if st.Current == nil && incident.Opens(o.Signals) {
		if st.Dependents, err = loadDependents(ctx, tx, o.Workload); err != nil {
			return st, err
		}
		// The row is held until commit, so incidents are numbered without gaps.
		if err = tx.QueryRow(ctx, `SELECT next FROM incident_number FOR UPDATE`).Scan(&st.NextID); err != nil {
			return st, err
		}
		err = s.loadStorm(ctx, tx, &st, o)
	}
	return st, err
}

// place puts each incident where the state has it. When the workload is a node, the others are its candidates; otherwise
// they are what it follows from, the parent that it has already included.
func place(st *incident.State, list []engine.Incident, w engine.Workload) {
	for k := range list {
		i := &list[k]
		switch {
		case i.Fingerprint == w.Fingerprint() && i.IsOpen():
			st.Current = i
		case i.Fingerprint == w.Fingerprint():
			st.Last = i
		case !i.IsOpen():
		case nodeName(w) != "":
			st.Candidates = append(st.Candidates, *i)
		default:
			st.Parents = append(st.Parents, *i)
		}
	}
}

// causes gives the fingerprints of the workloads that the signals name as their parents, and of those and of the nodes that
// they are on.
func causes(o engine.Observation) (parents, all []string) {
	parents, all = []string{}, []string{}
	for _, sig := range o.Signals {
		if !sig.Parent.IsZero() {
			parents = append(parents, sig.Parent.Fingerprint())
		}
		if sig.Node != "" {
			all = append(all, engine.Workload{Cluster: o.Workload.Cluster, Kind: engine.KindNode, Name: sig.Node}.Fingerprint())
		}
	}
	return parents, append(all, parents...)
}

func nodeName(w engine.Workload) string {
	if w.Kind == engine.KindNode {
		return w.Name
	}
	return ""
}

// Watching gives the workloads of which a source still holds a signal firing, be it in an incident that a person resolved
// meanwhile. After a restart, the source observes those that it no longer finds anything wrong with.
func (s *Store) Watching(ctx context.Context, cluster string, source engine.Source) ([]engine.Workload, error) {
	var list []engine.Workload
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT i.cluster, i.namespace, i.workload_kind, i.workload FROM incidents i
			WHERE i.id IN (SELECT incident_id FROM signals WHERE cluster = $1 AND source = $2 AND ends_at IS NULL)
			ORDER BY i.id`, cluster, source)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[engine.Workload])
		return err
	})
	return list, err
}

// FiringAlerts gives the alert-born signals of a cluster that still fire, for the poller to compare.
func (s *Store) FiringAlerts(ctx context.Context, cluster string) ([]engine.Signal, error) {
	var list []engine.Signal
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT body FROM signals WHERE cluster = $1 AND source = $2 AND ends_at IS NULL ORDER BY starts_at, id`, cluster, engine.SourceAlert)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, pgx.RowTo[engine.Signal])
		return err
	})
	return list, err
}
