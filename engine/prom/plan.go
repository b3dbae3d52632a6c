package prom

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
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
	return append(slices.Clip(l.base), `container!=""`, `container!="POD"`)
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

// density finds out how many samples of memory a step holds.
func (l *load) density(ctx context.Context) error {
	l.raw = maxRaw
	row := blank(1)
	query := "avg(count_over_time(" + l.cadvisor().oneOf("namespace", l.only).of(memoryMetric) + "[10m]))"
	err := l.ask.insist(ctx, query, grid{l.fine.last(), fineStep, 1}, func(labelSet) []float64 { return row })
	if n := row[0]; n > 0 {
		l.raw = (n-1)/2 + 1 // a range has both of its ends
	}
	return err
}

// choose decides how often memory is looked at within a step: at all samples where there are few and they take no more queries
// than a cluster of so many workloads is worth. Pods of the same workload do the same: the more there are of them, the less is
// missed by looking at each of them less often, as it is the highest of all that counts.
func (l *load) choose() {
	whole := func(r reading) float64 {
		return math.Ceil(l.cost(piece{metric: r, namespaces: l.namespaces, to: fineSteps}) / aimSamples)
	}
	l.ask.mu.Lock()
	asked := float64(l.ask.cost.Queries)
	l.ask.mu.Unlock()
	spare := mostQueries*max(1, float64(len(l.own.tops))/mostWorkloads) - asked - whole(fineCPU) - 1
	for l.probes = 0; l.probes < len(sights)-1; l.probes++ {
		if s := sights[l.probes]; s.every == 0 && l.raw > maxRaw {
			continue
		}
		if whole(fineMemory) <= spare {
			break
		}
	}
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

// query gives what a piece asks for and at which times, and how many samples that reads of each series for each step.
func (l *load) query(p piece) (query string, g grid, each float64) {
	sel := l.cadvisor().oneOf("namespace", p.namespaces)
	base := l.fine
	if p.metric == coarseCPU || p.metric == coarseMemory {
		base = l.coarse
	}
	g = grid{base.at(p.from), base.step, p.to - p.from + 1} // a counter needs the end of the step before
	if p.metric == fineMemory || p.metric == coarseMemory {
		g = grid{base.at(p.from + 1), base.step, p.to - p.from}
	}
	memory := sel.of(memoryMetric)
	switch {
	case p.metric == fineMemory && sights[l.probes].every == 0:
		return "max_over_time(" + memory + "[5m])", g, l.raw
	case p.metric == fineMemory && sights[l.probes].every == fineStep:
		return memory, g, sights[l.probes].each
	case p.metric == fineMemory:
		return "max_over_time(" + memory + sights[l.probes].window + ")", g, sights[l.probes].each
	case p.metric == coarseMemory:
		return "max_over_time(" + memory + "[55m:5m])", g, float64(coarseStep/coarseEach) * 1.2
	}
	return sel.of(cpuMetric), g, held
}

// held is what a sample counts for that is itself in the answer: as text it weighs as much again in the memory of Prometheus.
const held = 1.3

// cost is how many samples a piece reads.
func (l *load) cost(p piece) (sum float64) {
	_, g, each := l.query(p)
	for i := range g.n {
		sum += l.live.count(p.namespaces, g.at(i)) * each
	}
	return sum
}

// cut divides a piece in time into such that can be asked for at once, all of the same cost. One without series is none.
func (l *load) cut(whole piece) (pieces []piece) {
	total := l.cost(whole)
	if total == 0 {
		return nil
	}
	aim := total / math.Ceil(total/aimSamples)
	_, _, each := l.query(whole)
	base := l.fine
	if whole.metric == coarseCPU || whole.metric == coarseMemory {
		base = l.coarse
	}
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

// groups divides the namespaces into such that take about ten queries: with many more, each query would touch series that it
// needs little of; with less, the last piece would be small and the number of queries high.
func (l *load) groups() (all [][]string) {
	var group []string
	sum := 0.0
	for _, ns := range l.namespaces {
		more := l.cost(piece{metric: fineMemory, namespaces: []string{ns}, to: fineSteps})
		if len(group) > 0 && sum+more > 10*aimSamples {
			all, group, sum = append(all, group), nil, 0
		}
		group, sum = append(group, ns), sum+more
	}
	if len(group) > 0 {
		all = append(all, group)
	}
	return all
}

var errSlow = engine.Errorf(engine.Unavailable, "Prometheus stays slow, so that it was left in peace")

// insist asks until Prometheus answers, refuses, or is left in peace. What cannot be made smaller is asked for once more only.
func (a *asker) insist(ctx context.Context, query string, g grid, row func(labelSet) []float64) error {
	for {
		err := a.get(ctx, query, g, row)
		if err == nil && a.tired() {
			return errSlow
		}
		if err == nil || a.tired() || engine.CodeOf(err) != engine.Unavailable && !errors.Is(err, errTooMuch) {
			return err
		}
	}
}

// run reads pieces, two at a time, and smaller ones where those are too large. It fails when one cannot be read.
func (l *load) run(ctx context.Context, pieces []piece) error {
	q := &queue{pieces: pieces}
	slices.Reverse(q.pieces)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				p, ok := q.take()
				if !ok {
					return
				}
				q.done(l.one(ctx, q, p))
			}
		})
	}
	wg.Wait()
	return q.err
}

// one reads a piece, or puts what it is divided into back.
func (l *load) one(ctx context.Context, q *queue, p piece) error {
	if l.cost(p) > l.ask.budget()*1.1 {
		if a, b, ok := p.halves(); ok {
			q.put(b, a)
			return nil
		}
	}
	err := l.fetch(ctx, p)
	switch {
	case err == nil:
	case ctx.Err() != nil || l.ask.tired():
		return err
	case errors.Is(err, errTooMuch):
		a, b, ok := p.halves()
		if !ok {
			return err
		}
		q.put(b, a)
		return nil
	case engine.CodeOf(err) == engine.Unavailable:
		q.put(p)
		return nil
	default:
		return err
	}
	if l.ask.tired() {
		return errSlow
	}
	return nil
}

// queue is pieces that are to be read, the next one last.
type queue struct {
	mu     sync.Mutex
	pieces []piece
	busy   int
	err    error
	wake   chan struct{}
}

// take waits for a piece while another that is being read may still be divided. ok is false when there is none any more.
func (q *queue) take() (p piece, ok bool) {
	for {
		q.mu.Lock()
		if q.err != nil || len(q.pieces) == 0 && q.busy == 0 {
			q.mu.Unlock()
			return p, false
		}
		if n := len(q.pieces); n > 0 {
			p, q.pieces = q.pieces[n-1], q.pieces[:n-1]
			q.busy++
			q.mu.Unlock()
			return p, true
		}
		if q.wake == nil {
			q.wake = make(chan struct{})
		}
		wake := q.wake
		q.mu.Unlock()
		<-wake
	}
}

func (q *queue) put(pieces ...piece) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.pieces = append(q.pieces, pieces...)
}

// done ends the reading of a piece; the first error ends all.
func (q *queue) done(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.busy--
	if q.err == nil {
		q.err = err
	}
	if q.wake != nil {
		close(q.wake)
		q.wake = nil
	}
}
