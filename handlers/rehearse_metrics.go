package handlers

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/anomaly"
	"github.com/eks-autopilot/autopilot/engine/detect"
)

// Recall takes the metrics of one cluster at times that are over through the very watch that judges them as they come, and keeps in memory
// what it would have told the store. Nobody answers on cards meanwhile.
type Recall struct {
	cluster string
	watched *watched
	told    *recalled
	known   map[engine.Workload]anomaly.About
	owners  map[engine.ObjectRef]engine.Workload
}

// NewRecall begins with a watch that knows no series.
func NewRecall(cluster string, r anomaly.Rules) *Recall {
	told := &recalled{}
	m := &MetricsWatch{Cluster: cluster, Rules: r, Store: told, Log: slog.New(slog.DiscardHandler)}
	return &Recall{
		cluster: cluster, told: told, known: map[engine.Workload]anomaly.About{}, owners: map[engine.ObjectRef]engine.Workload{},
		watched: &watched{m: m, watch: anomaly.NewWatch(cluster, r), said: map[engine.Workload]said{}, owed: map[engine.Workload]engine.Observation{}},
	}
}

// Owner guesses whose a pod was by its name, since it may be gone.
func (r *Recall) Owner(namespace, pod string) (engine.Workload, bool) {
	at := engine.ObjectRef{Namespace: namespace, Name: pod}
	w, known := r.owners[at]
	if !known {
		if guess, ok := detect.Guess("Pod", namespace, pod, nil); ok {
			w = guess
			w.Cluster = r.cluster
		}
		r.owners[at] = w
	}
	return w, !w.IsZero()
}

// At reads what was known at one instant; they come in order. pods are the names of each workload's pods: from those of a Deployment it
// is known which revisions there were.
func (r *Recall) At(at time.Time, values map[engine.Workload]anomaly.Values, pods map[engine.Workload][]string) {
	for w, about := range r.known {
		about.Wanted, about.Rolling = len(pods[w]), false
		r.known[w] = about
	}
	for w, names := range pods {
		about := anomaly.About{Wanted: len(names), Revision: r.known[w].Revision}
		if revisions := templates(w, names); len(revisions) > 1 {
			about.Rolling = true
		} else if len(revisions) == 1 {
			about.Revision = revisions[0]
		}
		r.known[w] = about
	}
	_, signals := r.watched.watch.Step(anomaly.Instant{At: at, Workloads: r.known, Values: values})
	r.watched.tell(at, signals)
	r.watched.settle(context.Background()) // memory takes it at once
}

// templates are the hashes of the pod templates that a Deployment's pods are of, by their names.
func templates(w engine.Workload, pods []string) []string {
	if w.Kind != "Deployment" {
		return nil
	}
	found := map[string]bool{}
	for _, pod := range pods {
		if rest, ok := strings.CutPrefix(pod, w.Name+"-"); ok {
			if hash, _, ok := strings.Cut(rest, "-"); ok {
				found[hash] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// Observations are what the store would have been told, in order.
func (r *Recall) Observations() []engine.Observation { return r.told.observations }

// Workloads are how many there were, and Strange of how many of them, or of their cluster, something would have been told.
func (r *Recall) Workloads() int { return len(r.known) }

// Strange is of how many workloads something would have been told, the whole cluster counted as one.
func (r *Recall) Strange() int {
	of := map[engine.Workload]bool{}
	for _, o := range r.told.observations {
		of[o.Workload] = true
	}
	return len(of)
}

// recalled is a SeriesStore of somebody who was never here: nothing is kept for later, and nobody answered.
type recalled struct{ observations []engine.Observation }

// Series implements SeriesStore.
func (*recalled) Series(context.Context, string) ([]anomaly.Kept, error) { return nil, nil }

// SaveInstant implements SeriesStore.
func (*recalled) SaveInstant(context.Context, string, time.Time, []anomaly.Kept, []anomaly.Strange) error {
	return nil
}

// Useless implements SeriesStore.
func (*recalled) Useless(context.Context, string) (map[anomaly.Key]int, error) { return nil, nil }

// Watching implements SeriesStore.
func (*recalled) Watching(context.Context, string, engine.Source) ([]engine.Workload, error) {
	return nil, nil
}

// Observe implements SeriesStore.
func (r *recalled) Observe(_ context.Context, o engine.Observation) error {
	r.observations = append(r.observations, o)
	return nil
}
