package prom

import (
	"context"
	"math"
	"slices"
	"time"
)

// The metrics that are read.
const (
	cpuMetric    = "container_cpu_usage_seconds_total"
	memoryMetric = "container_memory_working_set_bytes"
)

const maxSkew = time.Minute // between the clock of Prometheus and ours

// reading is what a piece reads.
type reading int

const (
	fineCPU reading = iota
	fineMemory
	coarseCPU
	coarseMemory
)

// piece is a part of a reading: namespaces, and the steps from one up to but not at another.
type piece struct {
	metric     reading
	chunks     bool // and not by queries
	namespaces []string
	from, to   int
}

// halves splits a piece, in time when it has more than one step. ok is false when there is nothing to split.
func (p piece) halves() (a, b piece, ok bool) {
	a, b = p, p
	switch {
	case p.to-p.from > 1:
		a.to = (p.from + p.to) / 2
		b.from = a.to
	case len(p.namespaces) > 1:
		n := len(p.namespaces) / 2
		a.namespaces, b.namespaces = p.namespaces[:n], p.namespaces[n:]
	default:
		return a, b, false
	}
	return a, b, true
}

// living is how many series of containers there were in each namespace, at some times.
type living struct {
	at   []time.Time // ascending
	seen map[string][]float64
}

// count is how many series namespaces had at a time: the more of before and after, for they come and go in between. It is never
// none: a job may have run when nobody looked.
func (v living) count(namespaces []string, at time.Time) (n float64) {
	after, _ := slices.BinarySearchFunc(v.at, at, time.Time.Compare)
	after = min(after, len(v.at)-1)
	for _, ns := range namespaces {
		least := 1.0
		if row := v.seen[ns]; row != nil {
			least = max(least, or0(row[after]), or0(row[max(after-1, 0)]))
		}
		n += least
	}
	return n
}

// before tells whether namespaces had any series before a time.
func (v living) before(namespaces []string, t time.Time) bool {
	for _, ns := range namespaces {
		for i, n := range v.seen[ns] {
			if n > 0 && v.at[i].Before(t) {
				return true
			}
		}
	}
	return false
}

func or0(v float64) float64 {
	if math.IsNaN(v) {
		return 0
	}
	return v
}

// cadvisor is the selectors' part for series of containers: not of pods or of slices above them, and of all cores together. What
// has a container has a pod, and to have Prometheus say so again would make it merge the lists of thousands of pods for each query.
func (l *load) cadvisor() matchers {
	return l.base.with("container", "!=", "").with("container", "!=", "POD")
}

// plan finds out how much there is to read, and reads what is small.
func (l *load) plan(ctx context.Context) error {
	if len(l.namespaces) == 0 {
		return nil
	}
	if err := l.density(ctx); err != nil {
		return err
	}
	if skew := l.ask.clock(); l.wanted.At.IsZero() && skew.Abs() > maxSkew {
		l.gap("its clock is %s %s ours: its history is read by its own clock and put on ours", skew.Abs().Round(time.Second), map[bool]string{true: "ahead of", false: "behind"}[skew > 0])
		l.skew = skew
		l.span(l.ask.now().Add(skew))
		if err := l.density(ctx); err != nil {
			return err
		}
	}
	days, pools := newRows(fineDays+1), newRows(1)
	if err := l.count(ctx, days, pools); err != nil {
		return err
	}
	if err := l.killed(ctx); err != nil {
		return err
	}
	l.counted(days)
	l.heaps(pools)
	l.choose()
	return nil
}

// density finds out how many samples of memory a step holds, and whether chunks are to be had.
func (l *load) density(ctx context.Context) error {
	l.raw = maxRaw
	sel, last, span := l.cadvisor().oneOf("namespace", l.only), l.fine.last(), 10*time.Minute
	perSeries := 0.0
	if l.noChunks == "" {
		series := 0
		n, err := l.ask.chunks(ctx, sel.is("__name__", memoryMetric), grid{last, span, 1}, true, func(labelSet) []float64 { series++; return nil })
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			l.refuse(err)
		}
		perSeries = float64(n) / float64(max(series, 1))
	}
	if l.noChunks != "" {
		row := blank(1)
		if err := l.ask.insist(ctx, "avg(count_over_time("+sel.of(memoryMetric)+"[10m]))", grid{last, fineStep, 1}, func(labelSet) []float64 { return row }); err != nil {
			return err
		}
		perSeries = row[0]
	}
	if perSeries > 0 {
		l.raw = (perSeries-1)/2 + 1 // a range has both of its ends
	}
	return nil
}

// choose decides how large a part of the history each request is for.
//
// Chunks cost Prometheus the same in few large requests as in many small ones, for it sends them as it reads them: a request is for
// as little as the number of requests allows that a cluster of so many containers is worth.
//
// A query makes it decode and hold what it reads: there, memory is looked at within a step at all samples where there are few and
// they take no more queries than a cluster of so many workloads is worth. Pods of the same workload do the same: the more there are
// of them, the less is missed by looking at each of them less often, as it is the highest of all that counts.
func (l *load) choose() {
	whole := func(p piece) float64 {
		p.namespaces, p.to = l.namespaces, fineSteps
		return math.Ceil(l.cost(p) / aimSamples)
	}
	l.ask.mu.Lock()
	asked := float64(l.ask.cost.Queries)
	l.ask.mu.Unlock()
	spare := mostQueries*max(1, float64(len(l.own.tops))/mostWorkloads) - asked - whole(piece{metric: fineCPU}) - 1
	for l.probes = 0; l.probes < len(sights)-1; l.probes++ {
		if s := sights[l.probes]; s.every == 0 && l.raw > maxRaw {
			continue
		}
		if whole(piece{metric: fineMemory}) <= spare {
			break
		}
	}
	l.aim = aimSamples
	if !l.haveChunks() {
		return
	}
	spare = mostQueries*max(1, l.live.count(l.namespaces, l.fine.last())/mostWorkloads) - asked
	for l.aim < maxCarried && l.requests() > spare {
		l.aim = min(l.aim*1.02, maxCarried)
	}
}

// requests is how many requests for chunks it takes.
func (l *load) requests() (n float64) {
	for _, pack := range l.packs(l.namespaces, l.aim) {
		n += 2 * math.Ceil(l.weight(pack)/l.aim)
	}
	return n
}

// weight is how many samples namespaces have of a metric in the fine history, or how many a query reads of memory.
func (l *load) weight(namespaces []string) (sum float64) {
	if l.weights == nil {
		l.weights = map[string]float64{}
		for _, ns := range l.namespaces {
			l.weights[ns] = l.cost(piece{metric: fineMemory, chunks: l.haveChunks(), namespaces: []string{ns}, to: fineSteps})
		}
	}
	for _, ns := range namespaces {
		sum += l.weights[ns]
	}
	return sum
}

// sights are the ways to look at memory within a step, the best first.
var sights = []struct {
	window string
	every  time.Duration // 0 means at every sample
	each   float64       // samples that it holds of a series for a step: those that it looks at, and the one that comes of them
}{
	{"[5m]", 0, 0},
	{"[4m:1m]", time.Minute, 5 + 1},
	{"[2m30s:2m30s]", 150 * time.Second, 2 + 1},
	{"", fineStep, held},
}

// whole is the grid of which a piece is a part.
func (l *load) whole(p piece) grid {
	if p.metric == coarseCPU || p.metric == coarseMemory {
		return l.coarse
	}
	return l.fine
}

// grid is the times of a piece. A counter needs the end of the step before, too.
func (l *load) grid(p piece) grid {
	base := l.whole(p)
	if p.metric == fineMemory || p.metric == coarseMemory {
		return grid{base.at(p.from + 1), base.step, p.to - p.from}
	}
	return grid{base.at(p.from), base.step, p.to - p.from + 1}
}

// query gives what a piece asks for, and how many samples that reads of each series for each step.
func (l *load) query(p piece) (query string, each float64) {
	sel := l.cadvisor().oneOf("namespace", p.namespaces)
	memory := sel.of(memoryMetric)
	switch {
	case p.metric == fineMemory && sights[l.probes].every == 0:
		return "max_over_time(" + memory + "[5m])", l.raw
	case p.metric == fineMemory && sights[l.probes].every == fineStep:
		return memory, sights[l.probes].each
	case p.metric == fineMemory:
		return "max_over_time(" + memory + sights[l.probes].window + ")", sights[l.probes].each
	case p.metric == coarseMemory:
		return "max_over_time(" + memory + "[55m:5m])", float64(coarseStep/coarseEach) * 1.2
	}
	return sel.of(cpuMetric), held
}

// each is how many samples a piece reads of each series for each step.
func (l *load) each(p piece) float64 {
	if p.chunks {
		return l.raw - 0.5 // without the sample that stands at an end, where one does
	}
	_, each := l.query(p)
	return each
}

// held is what a sample counts for that is itself in the answer: as text it weighs as much again in the memory of Prometheus.
const held = 1.3

// cost is how many samples a piece reads.
func (l *load) cost(p piece) (sum float64) {
	g, each := l.grid(p), l.each(p)
	for i := range g.n {
		sum += l.live.count(p.namespaces, g.at(i)) * each
	}
	return sum
}

// allowed is how many samples a piece is planned to read at the most.
func (l *load) allowed(p piece) float64 {
	if p.chunks {
		return l.aim
	}
	return aimSamples
}

// cut divides a piece in time into such that can be asked for at once, all of the same cost. One without series is none.
func (l *load) cut(whole piece) (pieces []piece) {
	total := l.cost(whole)
	if total == 0 {
		return nil
	}
	aim := total / math.Ceil(total/l.allowed(whole))
	base, each := l.whole(whole), l.each(whole)
	sum, p := 0.0, whole
	for i := whole.from; i < whole.to; i++ {
		sum += l.live.count(whole.namespaces, base.at(i+1)) * each
		if sum >= aim && i+1 < whole.to {
			p.to = i + 1
			pieces = append(pieces, p)
			p.from, p.to, sum = i+1, whole.to, 0
		}
	}
	return append(pieces, p)
}

// groups divides the namespaces into such that take about ten requests for memory. With many more, each query would touch series
// that it needs little of; with less, the last piece would be small and the number of requests high.
func (l *load) groups() (all [][]string) {
	if !l.haveChunks() {
		return l.packs(l.namespaces, 10*l.aim)
	}
	for ten := range slices.Chunk(l.packs(l.namespaces, l.aim), 10) {
		all = append(all, slices.Concat(ten...))
	}
	return all
}

// packs divides namespaces into such that hold so many samples of memory, or one of which each holds more.
func (l *load) packs(namespaces []string, most float64) (all [][]string) {
	sum := 0.0
	for _, ns := range namespaces {
		more := l.weight([]string{ns})
		if len(all) == 0 || sum+more > most {
			all, sum = append(all, nil), 0
		}
		last := len(all) - 1
		all[last], sum = append(all[last], ns), sum+more
	}
	return all
}
