package prom

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine/waste"
)

// box is a container of a workload while its history is gathered.
type box struct {
	cpu, memory gathered
	peaks       map[int64]waste.Peak // by day since 1970: of the days before the fine history
	throttled   []float64            // periods a day, oldest first
	periods     []float64
	kills       []time.Time
	restarts    float64
	heap        int64
}

func (l *load) box(top owner, namespace, container string) *box {
	k := waste.ContainerKey{Namespace: namespace, Kind: top.kind, Name: top.name, Container: container}
	b := l.boxes[k]
	if b == nil {
		b = &box{}
		l.boxes[k] = b
	}
	return b
}

// gathered is the use of all pods of a container in each step.
type gathered struct {
	max  []float32
	pods []uint16
}

// add counts one pod's values in, from a step on.
func (a *gathered) add(from int, values []float32) {
	if a.max == nil {
		a.max, a.pods = make([]float32, fineSteps), make([]uint16, fineSteps)
		for i := range a.max {
			a.max[i] = unknown
		}
	}
	for i, v := range values {
		if v != v {
			continue
		}
		at := from + i
		if a.pods[at] == 0 || v > a.max[at] {
			a.max[at] = v
		}
		if a.pods[at] < math.MaxUint16 {
			a.pods[at]++
		}
	}
}

// series gives what was gathered. Counts of pods that are the same share their memory: nothing of it may be changed.
func (a *gathered) series(g grid, s sharing) waste.Series {
	if a.max == nil {
		return waste.Series{}
	}
	return waste.Series{Start: g.first, Step: g.step, Max: a.max, Pods: s.one(a.pods)}
}

// sharing keeps one copy of counts that are equal: most workloads have as many pods all the time.
type sharing map[uint64][][]uint16

func (s sharing) one(counts []uint16) []uint16 {
	sum := uint64(14695981039346656037) // FNV-1a
	for _, n := range counts {
		sum = (sum ^ uint64(n)) * 1099511628211
	}
	for _, same := range s[sum] {
		if slices.Equal(same, counts) {
			return same
		}
	}
	s[sum] = append(s[sum], counts)
	return counts
}

// rows are the values of one answer by pod and container. Series that tell of the same container, such as those of two scrapers,
// or of a container before and after its restart, share a row: the higher value stays.
type rows struct {
	n    int
	by   map[source][]float64
	full bool // there were more than we have room for
}

type source struct{ metric, namespace, pod, container string }

func (s source) compare(o source) int {
	return cmp.Or(cmp.Compare(s.namespace, o.namespace), cmp.Compare(s.pod, o.pod), cmp.Compare(s.container, o.container), cmp.Compare(s.metric, o.metric))
}

func newRows(n int) *rows { return &rows{n: n, by: map[source][]float64{}} }

func (r *rows) of(s labelSet) []float64 {
	k := source{s[labelName], s[labelNamespace], s[labelPod], s[labelContainer]}
	row := r.by[k]
	if row == nil {
		if (len(r.by)+1)*r.n > maxRows {
			r.full = true
			return nil
		}
		row = blank(r.n)
		r.by[k] = row
	}
	return row
}

func blank(n int) []float64 {
	row := make([]float64, n)
	for i := range row {
		row[i] = math.NaN()
	}
	return row
}

// fetch reads a piece into the boxes.
func (l *load) fetch(ctx context.Context, p piece) error {
	g := l.grid(p)
	r := newRows(g.n)
	row := func(s labelSet) []float64 { s[labelName] = ""; return r.of(s) }
	var err error
	if p.chunks {
		metric := map[reading]string{fineCPU: cpuMetric, fineMemory: memoryMetric}[p.metric]
		_, err = l.ask.chunks(ctx, l.cadvisor().oneOf("namespace", p.namespaces).is("__name__", metric), g, p.metric == fineMemory, row)
	} else {
		query, _ := l.query(p)
		err = l.ask.get(ctx, query, g, row)
	}
	if err != nil {
		return err
	}
	if r.full {
		return errTooMuch
	}
	out := make([]float32, p.to-p.from)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.any = l.any || len(r.by) > 0
	l.asked = l.asked || p.metric == fineMemory && !p.chunks
	// In order, for a sum of numbers depends on it: two scans tell the same of the same history.
	for _, k := range slices.SortedFunc(maps.Keys(r.by), source.compare) {
		row := r.by[k]
		top, ok := l.own.of(k.namespace, k.pod)
		if !ok {
			l.strays[object{k.namespace, k.pod}] = true
			continue
		}
		b := l.box(top, k.namespace, k.container)
		switch p.metric {
		case fineCPU:
			l.dropped += rates(row, g.step.Seconds(), l.most.cores, out)
			b.cpu.add(p.from, out)
		case fineMemory:
			l.dropped += gauge(row, l.most.bytes, out)
			b.memory.add(p.from, out)
		case coarseCPU:
			l.dropped += rates(row, g.step.Seconds(), l.most.cores, out)
			b.peak(l.coarse, p.from, out, nil)
		case coarseMemory:
			l.dropped += gauge(row, l.most.bytes, out)
			b.peak(l.coarse, p.from, nil, out)
		}
	}
	return nil
}

// peak notes the highest use of the days that steps of a grid lie in; step i lies before the time i+1.
func (b *box) peak(g grid, from int, cpu, memory []float32) {
	for i := range max(len(cpu), len(memory)) {
		at := g.at(from + i)
		d := at.Unix() / int64(day/time.Second)
		p, ok := b.peaks[d]
		if !ok {
			p = waste.Peak{Day: at.Truncate(day), CPU: unknown, Memory: unknown}
		}
		before := p
		if i < len(cpu) && !(p.CPU >= cpu[i]) {
			p.CPU = cpu[i]
		}
		if i < len(memory) && !(p.Memory >= memory[i]) {
			p.Memory = memory[i]
		}
		if known(p) && (p.CPU != before.CPU || p.Memory != before.Memory) {
			if b.peaks == nil {
				b.peaks = map[int64]waste.Peak{}
			}
			b.peaks[d] = p
		}
	}
}

func known(p waste.Peak) bool { return p.CPU == p.CPU || p.Memory == p.Memory }

// usage is what the box holds, with the times of a clock that is ahead of ours put right. Days stay those that Prometheus gave them.
func (b *box) usage(fine grid, ahead time.Duration, s sharing) waste.Usage {
	u := waste.Usage{CPU: b.cpu.series(fine, s), Memory: b.memory.series(fine, s), OOMKills: b.kills, JVMHeap: b.heap, Restarts: int(math.Round(b.restarts))}
	if ahead != 0 {
		u.CPU.Start, u.Memory.Start = u.CPU.Start.Add(-ahead), u.Memory.Start.Add(-ahead)
	}
	b.peak(fine, 0, u.CPU.Max, u.Memory.Max)
	for _, p := range b.peaks {
		u.Peaks = append(u.Peaks, p)
	}
	slices.SortFunc(u.Peaks, func(a, b waste.Peak) int { return a.Day.Compare(b.Day) })
	for i, n := range b.periods {
		share := 0.0
		if n > 0 {
			share = min(b.throttled[i]/n, 1)
		}
		u.Throttled = append(u.Throttled, share)
	}
	return u
}
