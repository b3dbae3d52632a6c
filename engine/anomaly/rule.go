package anomaly

import (
	"path"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// Strictness is how far beyond its own past a value must be before a person is told. It is counted in margins (see Score): a margin is
// what makes a score of 0.5, so that n margins are a score of n/(n+1).
type Strictness float64

// The strictnesses. On the labelled series of the Numenta benchmark a third of a margin finds most for what it tells wrongly; those are
// 58 series, where a cluster has 16,000, and each of them sets a record now and then.
const (
	Loose  Strictness = 1  // a value beyond its past by a twentieth of the range that it had
	Normal Strictness = 4  // by a fifth
	Strict Strictness = 16 // by four fifths
)

// Post says which strange series become incidents. The others are kept, and are evidence of the incidents that there are.
type Post string

// The posts.
const (
	PostFelt Post = "felt" // those that users feel: errors, latency, restarts, requests that stay away
	PostAll  Post = "all"
	PostNone Post = "none"
)

// Rule says how strictly some series are watched; every field that is set must match. Cluster, Namespace and Workload are path.Match
// patterns. The first that matches counts.
type Rule struct {
	Cluster, Namespace, Workload string
	Measures                     []engine.Measure // none means all
	Strictness                   Strictness       // 0 means that they are ignored
}

// Rules are the parts of the configuration that a Watch decides by. The zero value of a field means its default.
type Rules struct {
	Interval time.Duration    // between two instants; 5 minutes
	WarmUp   time.Duration    // how long a series is only learned; a day
	Measures []engine.Measure // that are watched; none means all
	Rules    []Rule
	Post     Post // PostFelt
	Most     int  // workloads of a cluster that are newly told at one instant; 10
}

const (
	// relearn is how long the resources of a workload are only learned after its revision changed, and anything that stayed outside for
	// as long: then that is what is usual.
	relearn = 24 * time.Hour
	// week is what a past must be long to know Mondays. Until then, a value must be further beyond it.
	week      = 7 * 24 * time.Hour
	youngness = 3
	// absent is how long a strange series may have no value before it counts as over; after forgotten, any is.
	absent    = 2 * time.Hour
	forgotten = 14 * 24 * time.Hour
	// hitsWanted strange values in a row begin an anomaly, or one that is beyond by sureTimes as many margins.
	hitsWanted = 2
	sureTimes  = 4
	// calmWanted values in a row that are usual end it.
	calmWanted = 3
	// mostSteps is how often people's answers make a series stricter, each time by twice as many margins.
	mostSteps = 3
)

func (r Rules) withDefaults() Rules {
	if r.Interval <= 0 {
		r.Interval = 5 * time.Minute
	}
	if r.WarmUp <= 0 {
		r.WarmUp = 24 * time.Hour
	}
	if len(r.Measures) == 0 {
		r.Measures = engine.Measures
	}
	if r.Post == "" {
		r.Post = PostFelt
	}
	if r.Most <= 0 {
		r.Most = 10
	}
	return r
}

// strictness of a series; watched is false when it is ignored.
func (r Rules) strictness(w engine.Workload, m engine.Measure) (s Strictness, watched bool) {
	for _, l := range r.Rules {
		if like(l.Cluster, w.Cluster) && like(l.Namespace, w.Namespace) && like(l.Workload, w.Name) &&
			(len(l.Measures) == 0 || slices.Contains(l.Measures, m)) {
			return l.Strictness, l.Strictness > 0
		}
	}
	return Normal, true
}

// like matches a path.Match pattern; "" matches everything and a malformed pattern nothing.
func like(pattern, name string) bool {
	if pattern == "" {
		return true
	}
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}

// kind is what a measure is to people.
type kind struct {
	name     string // in a sentence
	felt     bool   // by users, when it rises
	fallFelt bool   // by users, when it falls; else a fall is nothing
	resource bool   // what a workload uses: a new revision may use other amounts
	least    float64
	share    float64 // beyond its past by at least this much, and by this share of the past
	requests float64 // within an interval, that a value of it rests on at least
}

// kinds are the measures. What changes by less than they say is small, however still the series was before.
var kinds = map[engine.Measure]kind{
	engine.MeasureCPU:        {name: "CPU a pod", resource: true, least: 0.1, share: 0.2},
	engine.MeasureMemory:     {name: "memory of a pod", resource: true, least: 64 << 20, share: 0.1},
	engine.MeasureSaturation: {name: "CPU throttled", resource: true, least: 0.1},
	engine.MeasureRestarts:   {name: "restarts", felt: true, least: 2},
	engine.MeasureRequests:   {name: "requests", fallFelt: true, least: 1, share: 0.5},
	engine.MeasureErrors:     {name: "errors", felt: true, least: 0.02, requests: 20},
	engine.MeasureLatency:    {name: "latency", felt: true, least: 0.05, share: 0.5, requests: 20},
	engine.MeasureCost:       {name: "cost", least: 10. / 24, share: 0.2},
	engine.MeasureHourlyCost: {name: "estimated cost", least: 10. / 24, share: 0.5},
}

// far tells whether a value is beyond its past by enough to be worth a word.
func (k kind) far(v, low, high float64, up bool) bool {
	if up {
		return v-high >= max(k.least, k.share*high)
	}
	return k.fallFelt && low-v >= max(k.least, k.share*low)
}
