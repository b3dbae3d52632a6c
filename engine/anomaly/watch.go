package anomaly

import (
	"cmp"
	"hash/fnv"
	"maps"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// Key names a series.
type Key struct {
	Workload engine.Workload
	Measure  engine.Measure
}

// Values are those of one workload at one instant. What is not known has none.
type Values map[engine.Measure]float64

// About is what is known of a workload beside its values.
type About struct {
	Revision string // of its pods' template; "" when nobody knows
	Wanted   int    // replicas that it asks for
	Rolling  bool   // from one revision to another, at the moment
	Node     string // that all of its pods are on; "" for several
	Labels   map[string]string
}

// Instant is what is known at one time of a cluster. Workloads holds all of them, those without values too: what is not there, is gone.
type Instant struct {
	At        time.Time
	Workloads map[engine.Workload]About
	Values    map[engine.Workload]Values
}

// Strange is one workload of which something is strange.
type Strange struct {
	Workload engine.Workload
	Since    time.Time
	Severity engine.Severity
	Told     bool           // in a signal of its own
	Tracks   []engine.Track // strangest first, what users feel before the rest
}

// Watch watches the series of one cluster. It is not safe for use by several goroutines at once.
type Watch struct {
	cluster string
	rules   Rules
	series  map[Key]*series
	steps   map[Key]int              // how much stricter people's answers made a series
	told    map[engine.Workload]bool // of which there is a signal
	stormy  map[engine.Workload]bool // nodes, and the cluster, that stand for their workloads
}

// NewWatch makes the watch of a cluster, which knows no series yet.
func NewWatch(cluster string, r Rules) *Watch {
	return &Watch{
		cluster: cluster, rules: r.withDefaults(), series: map[Key]*series{}, steps: map[Key]int{},
		told: map[engine.Workload]bool{}, stormy: map[engine.Workload]bool{},
	}
}

// Answers says how often people called a series' alarms useless, less how often useful. It is bounded.
func (w *Watch) Answers(useless map[Key]int) {
	w.steps = map[Key]int{}
	for k, n := range useless {
		w.steps[k] = min(max(n, 0), mostSteps)
	}
}

// Told says of which workloads, nodes and clusters there is a signal already, after a restart.
func (w *Watch) Told(all []engine.Workload) {
	for _, t := range all {
		if t.Kind == engine.KindNode || t.Kind == engine.KindCluster {
			w.stormy[t] = true
		} else {
			w.told[t] = true
		}
	}
}

// Len is how many series it knows.
func (w *Watch) Len() int { return len(w.series) }

// Step reads what is known at an instant, and gives all that is strange now, and the signals that hold: one for each workload, or for the
// node or the cluster when so many of its workloads are strange at once that it is not about them. Both are ordered by workload.
func (w *Watch) Step(i Instant) (strange []Strange, signals []engine.Signal) {
	now := i.At.Unix()
	for workload, values := range i.Values {
		about := i.Workloads[workload]
		for _, m := range w.rules.Measures {
			if v, ok := values[m]; ok {
				w.read(now, Key{workload, m}, v, values, about)
			}
		}
	}
	open := map[engine.Workload]map[engine.Measure]*series{}
	gone := want{interval: w.rules.Interval}.slow(absent)
	for k, s := range w.series {
		about, there := i.Workloads[k.Workload]
		switch {
		case !there && now-s.last > gone, now-s.last > int64(forgotten.Seconds()):
			delete(w.series, k)
			continue
		case !there, about.Wanted == 0 && scaled(k.Workload), now-s.last > gone:
			s.end()
		}
		if s.open {
			if open[k.Workload] == nil {
				open[k.Workload] = map[engine.Measure]*series{}
			}
			open[k.Workload][k.Measure] = s
		}
	}
	for _, workload := range slices.SortedFunc(maps.Keys(open), compare) {
		strange = append(strange, w.about(workload, open[workload], now))
	}
	return strange, w.signals(i, strange)
}

// scaled tells whether a workload is one that can be scaled to none.
func scaled(w engine.Workload) bool {
	return w.Kind == "Deployment" || w.Kind == "StatefulSet" || w.Kind == "Rollout"
}

// read gives a value to its series.
func (w *Watch) read(now int64, k Key, v float64, values Values, about About) {
	s := w.series[k]
	if s == nil {
		s = &series{revised: revision(about.Revision)}
		w.series[k] = s
	}
	kind := kinds[k.Measure]
	// People know that a rollout uses more; whether users feel it is another question.
	if r := revision(about.Revision); kind.resource && r != 0 && r != s.revised {
		if s.revised != 0 {
			s.relearnFrom(now, int64(relearn.Seconds()))
		}
		s.revised = r
	}
	if kind.resource && about.Rolling {
		s.relearnFrom(now, int64(relearn.Seconds()))
	}
	s.step(now, v, w.wants(k, kind, values))
}

// wants says how a value is judged. What rests on few requests is not.
func (w *Watch) wants(k Key, kind kind, values Values) want {
	strictness, watched := w.rules.strictness(k.Workload, k.Measure)
	out := want{
		kind: kind, margins: float64(strictness) * float64(int(1)<<w.steps[k]), interval: w.rules.Interval, warmUp: w.rules.WarmUp, judged: watched,
		values: uint32(w.rules.WarmUp / w.rules.Interval / 2), //nolint:gosec // some hundreds
	}
	if requests, ok := values[engine.MeasureRequests]; ok && requests*w.rules.Interval.Seconds() < kind.requests {
		out.judged = false
	}
	return out
}

// revision is a number for a revision, 0 for none.
func revision(r string) uint32 {
	if r == "" {
		return 0
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(r))
	return max(h.Sum32(), 1)
}

// about puts what is strange of a workload together.
func (w *Watch) about(workload engine.Workload, open map[engine.Measure]*series, now int64) Strange {
	out := Strange{Workload: workload, Severity: engine.Info}
	measures := slices.SortedFunc(maps.Keys(open), func(a, b engine.Measure) int {
		felt := func(m engine.Measure) int {
			return map[bool]int{true: 0, false: 1}[kinds[m].felt || kinds[m].fallFelt && !open[m].up]
		}
		return cmp.Or(felt(a)-felt(b), cmp.Compare(open[b].score, open[a].score), cmp.Compare(a, b))
	})
	for _, m := range measures {
		s := open[m]
		if s.up && kinds[m].felt || !s.up && kinds[m].fallFelt {
			out.Severity = engine.Warning
		}
		out.Tracks = append(out.Tracks, s.track(m, now-keptPoints*int64(w.rules.Interval.Seconds())))
		if since := time.Unix(s.since, 0).UTC(); out.Since.IsZero() || since.Before(out.Since) {
			out.Since = since
		}
	}
	return out
}

func compare(a, b engine.Workload) int {
	return cmp.Or(cmp.Compare(a.Cluster, b.Cluster), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
}
