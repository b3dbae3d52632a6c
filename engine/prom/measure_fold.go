package prom

import (
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/anomaly"
)

// folding puts the pods of each workload together:
//
//   - CPU and throttling are the mean of the pods, and memory is that of the highest: they say how a pod fares, and do not change when a
//     workload is scaled.
//   - Restarts and requests are the sum. The latency is the mean over requests, the errors the share of them.
//   - Requests, errors and latency are of one family, the first that has requests. Who answers and never failed has no series of failures:
//     then there are none.
type folding struct {
	owner  func(namespace, pod string) (engine.Workload, bool)
	owners map[object]engine.Workload // zero for a stray
	pods   map[engine.Workload]*folded
	strays map[object]bool
	price  func(namespace, pod string) (engine.NodePrice, bool) // nil where nothing is priced
}

// folded are the pods of a workload.
type folded struct {
	cpu, memory, saturation, restarts pile
	families                          map[int]*served
	held                              map[object]*taken
	partial                           bool // of some pod it is not known what it serves
}

// pile is some values.
type pile struct {
	n         int
	sum, most float64
}

func (p *pile) add(v float64) {
	p.n++
	p.sum += v
	p.most = max(p.most, v)
}

// served is what a family says of a workload's requests.
type served struct {
	requests, failures float64
	answered           map[object]float64 // requests by pod
	latency            map[object]float64
	some               bool
}

func newFolding(owner func(namespace, pod string) (engine.Workload, bool)) *folding {
	return &folding{owner: owner, owners: map[object]engine.Workload{}, pods: map[engine.Workload]*folded{}, strays: map[object]bool{}}
}

// add takes a value of a pod. It tells whether it is one.
func (f *folding) add(q question, s labelSet, v float64) bool {
	at := object{s[labelNamespace], s[labelPod]}
	if at.name == "" || math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
		return false
	}
	w, known := f.owners[at]
	if !known {
		w, _ = f.owner(at.namespace, at.name)
		f.owners[at] = w
	}
	if w.IsZero() {
		f.strays[at] = true
		return true
	}
	p := f.pods[w]
	if p == nil {
		p = &folded{families: map[int]*served{}}
		f.pods[w] = p
	}
	switch q.measure {
	case engine.MeasureCPU:
		p.cpu.add(v)
		f.hold(p, at, v, 0, 0)
	case engine.MeasureMemory:
		p.memory.add(v)
		f.hold(p, at, 0, v, 0)
	case engine.MeasureSaturation:
		p.saturation.add(min(v, 1))
	case engine.MeasureRestarts:
		p.restarts.add(math.Round(v)) // increase reckons with parts of a restart
	case engine.MeasureRequests, engine.MeasureErrors, engine.MeasureLatency:
		p.serve(q.measure, s[labelFamily], at, v)
	case engine.MeasureHourlyCost:
		switch s[labelResource] {
		case "cpu":
			f.hold(p, at, v, 0, 0)
		case "memory":
			f.hold(p, at, 0, v, 0)
		case gpuResource:
			f.hold(p, at, 0, 0, v)
		}
	case engine.MeasureCost:
	}
	return true
}

func (p *folded) serve(m engine.Measure, family string, at object, v float64) {
	n, err := strconv.Atoi(family)
	if err != nil {
		return
	}
	s := p.families[n]
	if s == nil {
		s = &served{answered: map[object]float64{}, latency: map[object]float64{}}
		p.families[n] = s
	}
	switch m {
	case engine.MeasureRequests:
		s.requests += v
		s.answered[at] = v
		s.some = true
	case engine.MeasureErrors:
		s.failures += v
	default:
		s.latency[at] = v
	}
}

// values gives what is known of each workload.
func (f *folding) values() map[engine.Workload]anomaly.Values {
	out := make(map[engine.Workload]anomaly.Values, len(f.pods))
	for w, p := range f.pods {
		v := anomaly.Values{}
		if p.cpu.n > 0 {
			v[engine.MeasureCPU] = p.cpu.sum / float64(p.cpu.n)
		}
		if p.memory.n > 0 {
			v[engine.MeasureMemory] = p.memory.most
		}
		if p.saturation.n > 0 {
			v[engine.MeasureSaturation] = p.saturation.sum / float64(p.saturation.n)
		}
		if p.restarts.n > 0 {
			v[engine.MeasureRestarts] = p.restarts.sum
		}
		p.served(v)
		if cost, ok := f.cost(p); ok {
			v[engine.MeasureHourlyCost] = cost
		}
		if len(v) > 0 {
			out[w] = v
		}
	}
	return out
}

// served adds what the first family says that has requests; one that has none yet knows nothing of failures or latency.
func (p *folded) served(v anomaly.Values) {
	var first *served
	for _, n := range slices.Sorted(maps.Keys(p.families)) {
		if s := p.families[n]; s.some && (first == nil || first.requests == 0 && s.requests > 0) {
			first = s
		}
	}
	if first == nil {
		return
	}
	if !p.partial {
		v[engine.MeasureRequests] = first.requests
	}
	if first.requests > 0 {
		v[engine.MeasureErrors] = min(first.failures/first.requests, 1)
	}
	var weight, sum float64
	for at, latency := range first.latency {
		weight += first.answered[at]
		sum += first.answered[at] * latency
	}
	if weight > 0 {
		v[engine.MeasureLatency] = sum / weight
	}
}
