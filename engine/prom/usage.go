package prom

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/waste"
)

// How far back and how finely a scan looks, and what that makes Prometheus read of each container at a scrape every 30 s:
//
//   - The last 8 days, in steps of 5 minutes: the CPU counter at the end of each step, of which the differences are ours, and the
//     highest memory within each step, of all samples. Both come as the chunks that Prometheus stores, 23,040 samples each, which it
//     copies and does not decode. Where chunks are not to be had they are asked for by queries: 1 sample a step of the counter
//     (2,304), and all of memory (23,040), or where they are scraped more often than twice a minute five a step, a minute apart
//     (11,520). Where workloads have several pods, two a step, or one: see choose.
//   - The 27 days before, for the peaks of each day: the CPU counter once an hour (648), and the memory every 5 minutes (7,776).
//     A peak that lasted less may be missed there; what earlier scans saw of those days in full is kept by the store.
//   - Kills in the last 8 days once an hour (193, of containers that were killed), restarts and throttling once a day (27).
//
// The 8 days take at most 60 requests for 2,700 containers, and as many more as there are more containers.
//
// A query reads a part of that: so many namespaces and hours that it stays below 2,000,000 samples, by a count of the series that
// is made first. The chunks of one answer hold more than that in a cluster of over 1,900 containers, some 2,700,000 samples; of
// those Prometheus holds one frame at a time, of 1 MiB.
const (
	fineDays   = 8
	fineStep   = 5 * time.Minute
	fineSteps  = int(fineDays * day / fineStep)
	coarseStep = time.Hour
	coarseEach = 5 * time.Minute // memory is looked at
	peakDays   = 35
	maxRaw     = 11 // samples of memory within a step, up to which all are read

	maxSamples = 2_000_000 // that a query may read
	aimSamples = 1_900_000 // that it is planned to
	maxCarried = 8_000_000 // that the chunks of an answer are planned to hold
	maxRows    = 8_000_000 // values of one answer in our memory

	mostQueries   = 60
	mostWorkloads = 2700 // or containers, that those are for

	patience = 10 * time.Minute // for all queries of a cluster
	slow     = 20 * time.Second // for one, which takes a second or two: it makes us back off

	day = 24 * time.Hour
)

// UsageWanted says of which containers a history is wanted.
type UsageWanted struct {
	Cluster    *waste.Cluster    // its inventory: only what it holds is given a history
	Namespaces []string          // only these; none means all
	Match      map[string]string // labels that single out the cluster, where one Prometheus holds many
	At         time.Time         // where the history ends; zero means now, by the clock of Prometheus
	PeakDays   int               // of daily peaks, 8 to 35; 0 means 35. Those that are kept from earlier scans need not be read again.
}

// UsageReport is what could be read.
type UsageReport struct {
	Usage map[waste.ContainerKey]waste.Usage
	// Unread are the namespaces of which not everything could be read: they have no usage. When there are any, the part
	// waste.PartUsage is missing.
	Unread []string
	Gaps   []engine.Gap // why, and what of the rest is to be taken with care
	Cost   engine.ScanCost
	// Most and Peak are the samples that Prometheus read for one query, and held at once for any request, at most; Peak is 0 when it
	// does not say. Carried are the samples in the chunks of one answer, at most: it reads none of those.
	Most, Peak, Carried int64
	// NoChunks says why the histories were not read, or not all, as the chunks that Prometheus stores, but by queries, which cost it
	// some five times as much; "" when they were.
	NoChunks string
}

// Usage reads the histories of the containers of a cluster. It asks for two parts at a time at most, for smaller parts with
// pauses when Prometheus gets slow or refuses one as too large, and ends with what it has when that does not help. It does not
// fail: what could not be read is Unread, with a gap that says why.
func (p *Prometheus) Usage(ctx context.Context, w UsageWanted) UsageReport {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	l := newLoad(p, w)
	l.load(ctx)
	r := l.report()
	p.log.InfoContext(ctx, "histories read", "cluster", w.Cluster.Name, "containers", len(r.Usage), "requests", r.Cost.Queries, "for_chunks", r.Cost.ChunkReads,
		"samples", r.Cost.Samples, "slowest", r.Cost.Slowest, "no_chunks", r.NoChunks, "unread", len(r.Unread))
	return r
}

// load reads what can be read.
func (l *load) load(ctx context.Context) {
	if err := l.plan(ctx); err != nil {
		l.giveUp(l.namespaces, err)
		return
	}
	groups := l.groups()
	for n, g := range groups {
		if err := l.read(ctx, g); err != nil {
			rest := slices.Concat(groups[n:]...)
			if !l.ask.tired() && ctx.Err() == nil {
				rest = g
			}
			l.giveUp(rest, err)
			if len(rest) != len(g) || l.ask.tired() || ctx.Err() != nil {
				break
			}
		}
	}
}

// load is one reading of a cluster's histories.
type load struct {
	wanted     UsageWanted
	ask        *asker
	base       matchers // of every selector
	only       []string // namespaces, nil for all
	namespaces []string
	own        *owners
	cluster    *waste.Cluster

	fine   grid // the ends of the steps, and the start of the first
	coarse grid // the same of the days before; n is 0 for none
	live   living
	raw    float64       // samples of memory that a step holds
	probes int           // which of sights
	aim    float64       // samples that a reading of chunks is planned to carry
	skew   time.Duration // how far the clock of Prometheus, whose times these are, is ahead of ours

	weights map[string]float64 // see weight, by namespace

	mu       sync.Mutex // over what follows, while pieces are read
	noChunks string     // why chunks are not to be had
	asked    bool       // for memory by a query
	boxes    map[waste.ContainerKey]*box
	most     struct{ cores, bytes float64 } // that a container can use
	any      bool                           // a series of a container was there
	dropped  int                            // values that cannot be
	strays   map[object]bool                // pods of no workload that is known
	unread   []string
	gaps     []engine.Gap
}

func newLoad(p *Prometheus, w UsageWanted) *load {
	l := &load{
		ask:     &asker{url: p.url, client: p.long, now: p.now, slow: slow, share: 1},
		only:    w.Namespaces,
		own:     newOwners(w.Cluster),
		cluster: w.Cluster,
		boxes:   map[waste.ContainerKey]*box{},
		strays:  map[object]bool{},
	}
	for _, label := range slices.Sorted(maps.Keys(w.Match)) {
		l.base = l.base.is(label, w.Match[label])
	}
	l.namespaces = namespacesOf(w.Cluster, w.Namespaces)
	l.most.cores, l.most.bytes = largest(w.Cluster)
	l.wanted = w
	l.span(cmp.Or(w.At, p.now()))
	return l
}

// span lays out the steps before a time.
func (l *load) span(end time.Time) {
	end = end.UTC().Truncate(fineStep)
	l.fine = grid{end.Add(-fineDays * day), fineStep, fineSteps + 1}
	hours := (min(max(cmp.Or(l.wanted.PeakDays, peakDays), fineDays), peakDays) - fineDays) * 24
	l.coarse = grid{l.fine.first.Add(-time.Duration(hours) * coarseStep), coarseStep, hours + 1}
	if hours == 0 {
		l.coarse.n = 0
	}
}

func namespacesOf(c *waste.Cluster, only []string) []string {
	all := map[string]bool{}
	for _, p := range c.Pods {
		all[p.Namespace] = true
	}
	for _, d := range c.Deployments {
		all[d.Namespace] = true
	}
	for _, s := range c.StatefulSets {
		all[s.Namespace] = true
	}
	for _, d := range c.DaemonSets {
		all[d.Namespace] = true
	}
	for _, j := range c.CronJobs {
		all[j.Namespace] = true
	}
	if len(only) > 0 {
		maps.DeleteFunc(all, func(n string, _ bool) bool { return !slices.Contains(only, n) })
	}
	return slices.Sorted(maps.Keys(all))
}

// largest is more than any container can use: what the largest node has, and a twentieth for what rounding adds.
func largest(c *waste.Cluster) (cores, bytes float64) {
	for _, n := range c.Nodes {
		cores = max(cores, n.Status.Capacity.Cpu().AsApproximateFloat64())
		bytes = max(bytes, n.Status.Capacity.Memory().AsApproximateFloat64())
	}
	return cmp.Or(cores, 1024) * 1.05, cmp.Or(bytes, 1<<46) * 1.05
}

// read loads the fine and the coarse history of a group of namespaces.
func (l *load) read(ctx context.Context, group []string) error {
	var pieces []piece
	// A reading of chunks is of few namespaces and all days, for each block of a storage that it touches has its series looked up; a
	// query is of many namespaces and few days.
	chunks, packs := l.haveChunks(), [][]string{group}
	if chunks {
		packs = l.packs(group, l.aim)
	}
	for _, pack := range packs {
		pieces = append(pieces, l.cut(piece{metric: fineCPU, chunks: chunks, namespaces: pack, to: fineSteps})...)
		pieces = append(pieces, l.cut(piece{metric: fineMemory, chunks: chunks, namespaces: pack, to: fineSteps})...)
	}
	if l.coarse.n > 0 && l.live.before(group, l.fine.first) {
		pieces = append(pieces, l.cut(piece{metric: coarseCPU, namespaces: group, to: l.coarse.n - 1})...)
		pieces = append(pieces, l.cut(piece{metric: coarseMemory, namespaces: group, to: l.coarse.n - 1})...)
	}
	return l.run(ctx, pieces)
}

// haveChunks tells whether chunks are to be had, as far as is known.
func (l *load) haveChunks() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.noChunks == ""
}

// refuse notes that chunks are not to be had: the rest of the scan is read by queries.
func (l *load) refuse(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.noChunks = cmp.Or(l.noChunks, said(err))
}

// giveUp leaves namespaces out: half a history would look like little use.
func (l *load) giveUp(namespaces []string, err error) {
	l.unread = append(l.unread, namespaces...)
	maps.DeleteFunc(l.boxes, func(k waste.ContainerKey, _ *box) bool { return slices.Contains(namespaces, k.Namespace) })
	l.gap("the use of %d of %d namespaces could not be read: %s", len(namespaces), len(l.namespaces), said(err))
}

func (l *load) gap(format string, args ...any) {
	l.gaps = append(l.gaps, engine.Gap{Collector: "prometheus " + l.cluster.Name, Reason: fmt.Sprintf(format, args...)})
}

func (l *load) report() UsageReport {
	if l.dropped > 0 {
		l.gap("%d values were left out that no container can use: negative, or more than any node has", l.dropped)
	}
	if len(l.strays) > 0 {
		l.gap("%d pods that are gone could not be told to belong to a workload", len(l.strays))
	}
	if len(l.unread) == 0 && !l.any && len(l.namespaces) > 0 {
		l.unread = l.namespaces
		l.gap("there is no series of a container of this cluster: check that the kubelet's cAdvisor metrics are scraped, and the labels that single out the cluster")
	}
	if every := sights[l.probes].every; l.asked && every > time.Minute && len(l.unread) < len(l.namespaces) {
		l.gap("memory was looked at every %s only, for want of time for its %.0f series: a higher peak in between may be missed", every, l.live.count(l.namespaces, l.fine.last()))
	}
	if l.ask.warned != "" {
		l.gap("it warns: %.200q", l.ask.warned)
	}
	slices.Sort(l.unread)
	r := UsageReport{Usage: make(map[waste.ContainerKey]waste.Usage, len(l.boxes)), Unread: l.unread, Gaps: l.gaps, Cost: l.ask.cost, Most: l.ask.read, Peak: l.ask.held, Carried: l.ask.carried, NoChunks: l.noChunks}
	shared := sharing{}
	for k, b := range l.boxes {
		r.Usage[k] = b.usage(l.fine, l.skew, shared)
	}
	return r
}

// said is what a person may read of an error.
func said(err error) string {
	if e := engine.UserMessage(err, ""); engine.CodeOf(err) != engine.Internal {
		return e
	}
	return err.Error()
}
