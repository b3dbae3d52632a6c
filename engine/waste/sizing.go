package waste

import (
	"fmt"
	"math"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// least is the share of a request by which it must fall for the change to be worth a roll-out.
const least = 0.10

// method is what the two sizing detectors differ in.
type method struct {
	kind     engine.FindingKind
	resource engine.Resource
	guards   []guard
	series   func(Usage) Series
	size     func(c *candidate, s Series, at time.Time) (amount float64, ok bool) // in the unit of the series, before rounding
	floor    func(c *candidate) int64                                             // below which no request is put
	shaky    func(b engine.Backtest) bool                                         // the past did not tell the future
	risks    func(c *candidate) []risk
}

// candidate is a container while it is judged.
type candidate struct {
	container
	*method
	ix    *index
	rules Rules
	at    time.Time
	usage Usage

	all      Series // the whole history
	history  Series // what counts of it
	old      int64
	limit    int64 // 0 for none
	scaling  *scaling
	peak     float64 // the highest use that is known, in the unit of the series
	peakDays float64
	java     bool
	heap     int64 // bytes that a JVM may take for it; 0 when not known
	caveats  []string
}

// detect runs a method over all clusters whose parts are there, on all processors: each container is judged by itself.
func detect(s *Snapshot, r Rules, m method) (findings []engine.Finding, skips []Skip) {
	type judged struct {
		engine.Finding
		reason, detail string
	}
	for i := range s.Clusters {
		c := &s.Clusters[i]
		if !s.whole(c.Name, sizingParts...) {
			continue
		}
		ix := newIndex(c)
		var boxes []container
		for _, w := range ix.workloads {
			boxes = append(boxes, w.containers()...)
		}
		all := make([]judged, len(boxes))
		parallel(len(boxes), func(n int) {
			f, reason, detail := judge(ix, boxes[n], s.At, r, &m)
			all[n] = judged{f, reason, detail}
		})
		for _, j := range all {
			if j.reason != "" {
				skips = append(skips, Skip{Key: j.Key, Kind: m.kind, Target: j.Target, Reason: j.reason, Detail: j.detail})
				continue
			}
			findings = append(findings, j.Finding)
		}
	}
	return findings, skips
}

// sizingParts are what a sizing rests on.
var sizingParts = []Part{PartUsage, PartVertical}

// judge gives the finding about a container, or why there is none; then the finding has its key and target only.
func judge(ix *index, box container, at time.Time, r Rules, m *method) (f engine.Finding, reason, detail string) {
	f.Kind = m.kind
	f.Target = engine.Target{Workload: box.Workload, Container: box.spec.Name, Account: ix.Account, Region: ix.Region}
	f.Key = Key(f.Kind, f.Target)
	f.Group, _ = GroupOf(f)
	c := newCandidate(ix, box, at, r, m)
	for _, guards := range [][]guard{common, m.guards} {
		for _, g := range guards {
			if reason, detail = g(c); reason != "" {
				return f, reason, detail
			}
		}
	}
	lowered, autoscale, reason, detail := c.propose()
	if reason != "" {
		return f, reason, detail
	}
	if days, ok := c.outgrows(lowered); ok {
		return f, reasonGrowing, fmt.Sprintf("as it has been growing it would pass %s within %.0f days", quantity(lowered, c.resource), days)
	}
	backtest, tried := c.try()
	if tried && m.shaky(backtest) {
		return f, reasonShaky, fmt.Sprintf("its last %.0f days would have been above what the days before them asked for in %s of samples", backtest.Days, percent(backtest.Over))
	}
	c.finish(&f, lowered, autoscale, backtest, tried)
	return f, "", ""
}

func newCandidate(ix *index, box container, at time.Time, r Rules, m *method) *candidate {
	c := &candidate{container: box, method: m, ix: ix, rules: r, at: at, usage: ix.Usage[box.key()]}
	c.all = m.series(c.usage).Until(at)
	c.history = c.all
	c.old = amount(box.spec.Resources.Requests, m.resource)
	c.limit = amount(box.spec.Resources.Limits, m.resource)
	c.peak, c.peakDays = c.highest()
	c.java, c.heap = jvm(box.spec, c.usage)
	return c
}

// highest is the highest use that is known, by the histories and the daily peaks, and how many days back that goes.
func (c *candidate) highest() (peak, days float64) {
	peak, days = c.all.Peak(), c.all.Days()
	for _, p := range c.usage.Peaks {
		v := p.CPU
		if c.resource == engine.Memory {
			v = p.Memory
		}
		if usable(v) && !p.Day.After(c.at) {
			peak = max(peak, float64(v))
			days = max(days, c.at.Sub(p.Day).Hours()/24)
		}
	}
	return peak, days
}

// want is the request that the history asks for, in millicores or bytes, no lower than the floors; false where the history is too short.
func (c *candidate) want(s Series, at time.Time) (float64, bool) {
	amount, ok := c.size(c, s, at)
	return max(amount*scale(c.resource), float64(c.rulesFloor())), ok
}

func (c *candidate) rulesFloor() int64 {
	if c.resource == engine.CPU {
		return c.rules.MinCPU
	}
	return c.rules.MinMemory
}

// propose gives the request to put in place of the old one, and the autoscaler's target that goes with it.
func (c *candidate) propose() (lowered int64, autoscale *engine.Autoscale, reason, detail string) {
	wanted, ok := c.want(c.history, c.at)
	if !ok || math.IsNaN(wanted) {
		return 0, nil, reasonShort, c.span()
	}
	lowered = roundUp(max(wanted, float64(c.floor(c))), c.resource)
	if floor := c.ranged(); lowered < floor && floor > 0 {
		if !c.matters(float64(floor)) {
			return 0, nil, reasonRange, "the lowest that a LimitRange of the namespace allows is " + quantity(floor, c.resource)
		}
		lowered = floor
	}
	if !c.matters(float64(lowered)) {
		return 0, nil, reasonFits, fmt.Sprintf("it asks for %s, and %s would be right", quantity(c.old, c.resource), quantity(lowered, c.resource))
	}
	if c.scaling == nil || c.scaling.target == 0 {
		return lowered, nil, "", ""
	}
	return c.keepReplicas(lowered)
}

// matters tells whether a request is enough below that of today.
func (c *candidate) matters(request float64) bool { return request <= (1-least)*float64(c.old) }

// keepReplicas raises a request until a target of the autoscaler goes with it that keeps the replicas.
func (c *candidate) keepReplicas(lowered int64) (int64, *engine.Autoscale, string, string) {
	base, ok := c.scaling.base(c.podSpec(), c.resource)
	if !ok {
		return 0, nil, reasonNoUtilisation, "HorizontalPodAutoscaler " + c.scaling.name
	}
	request, target, ok := c.scaling.retarget(base, c.old, lowered, func(v float64) int64 { return roundUp(v, c.resource) })
	if !ok || !c.matters(float64(request)) {
		return 0, nil, reasonTarget, fmt.Sprintf("HorizontalPodAutoscaler %s keeps it at %d %%: a request of %s would take a target above %d %%",
			c.scaling.name, c.scaling.target, quantity(lowered, c.resource), highestTarget)
	}
	return request, &engine.Autoscale{Name: c.scaling.name, OldTarget: int32(c.scaling.target), NewTarget: int32(target)}, "", "" //nolint:gosec // at most highestTarget
}

// try applies the method to the last days, each sized by what came before it.
func (c *candidate) try() (engine.Backtest, bool) {
	unit := scale(c.resource)
	return Try(c.history, c.at, float64(c.old)/unit, float64(c.limit)/unit, func(s Series, at time.Time) (float64, bool) {
		wanted, ok := c.want(s, at)
		return wanted / unit, ok
	})
}

// finish fills in what a finding says.
func (c *candidate) finish(f *engine.Finding, lowered int64, autoscale *engine.Autoscale, b engine.Backtest, tried bool) {
	replicas := c.replicas()
	at := c.ix.seats(c.workload, c.resource, replicas)
	fall := freed(c.podSpec(), c.resource, []change{{c.spec.Name, c.role, lowered}})[0]
	f.Monthly = whole(c.ix.monthly(at, c.resource, float64(fall)))
	f.Whole, f.Basis = f.Monthly, at.basis
	f.Owner = owner(c.ix.Cluster, c.ix.namespaces, c.rules, c.Namespace, c.labels...)
	f.Sizing = &engine.Sizing{
		Resource: c.resource, Old: c.old, New: lowered, Limit: c.limit, Replicas: replicas, Autoscale: autoscale,
		Peak: int64(math.Ceil(c.peak * scale(c.resource))), PeakDays: c.peakDays, Days: c.history.Days(), Samples: c.history.Count(),
		Backtest: b, Chart: c.chart(lowered), Unit: engine.Dollars(at.unit),
	}
	f.Lever = c.lever(lowered, autoscale)
	f.Confidence, f.Reasons = c.confidence(b, tried)
	f.Risk, f.Risks = weigh(append(c.sharedRisks(autoscale), c.risks(c)...))
	f.Caveats = append(c.caveats, priceCaveats(at, replicas)...)
	if c.scaling != nil && c.scaling.note != "" {
		f.Caveats = append(f.Caveats, c.scaling.note)
	}
	if v, _ := c.ix.sizedBy(c.Workload, c.spec.Name, c.resource); v != nil {
		f.Caveats = append(f.Caveats, fmt.Sprintf("VerticalPodAutoscaler %s watches it and changes nothing (mode Off)", v.Name))
	}
	if c.limit > 0 {
		f.Caveats = append(f.Caveats, fmt.Sprintf("the limit of %s stays", quantity(c.limit, c.resource)))
	}
}

// replicas is how many pods count, on average over the history: a time at zero counts as none. Without an autoscaler no more count than
// there are today, for what was scaled down by hand is not paid for any more.
func (c *candidate) replicas() float64 {
	sum, first, last := 0.0, -1, -1
	for i, n := range c.all.Pods {
		if n == 0 {
			continue
		}
		if first < 0 {
			first = i
		}
		sum, last = sum+float64(n), i
	}
	today := float64(c.placed())
	if first < 0 || c.role == initial && !c.runs { // what starts a pod holds its request as long as the pod lives
		return today
	}
	if c.runs {
		return sum / float64(len(c.all.Pods)) * c.partOf(c.all.Step) // the times between the runs count as none
	}
	mean := sum / float64(last-first+1)
	if c.scaling != nil {
		return min(mean, float64(max(c.scaling.most, 1)))
	}
	return min(mean, today)
}

// partOf is the part of a step that a run takes on average, by those that are over and still listed: a run of a minute is seen in a whole
// step. It is 1 where a run takes longer, or nobody knows.
func (w *workload) partOf(step time.Duration) float64 {
	var took time.Duration
	n := 0
	for _, p := range w.ended {
		var end time.Time
		for _, s := range p.Status.ContainerStatuses {
			if t := s.State.Terminated; t != nil && t.FinishedAt.After(end) {
				end = t.FinishedAt.Time
			}
		}
		if start := p.CreationTimestamp.Time; end.After(start) && !start.IsZero() {
			took, n = took+end.Sub(start), n+1
		}
	}
	if n == 0 || step <= 0 {
		return 1
	}
	return min(1, float64(took)/float64(n)/float64(step))
}

// placed is how many pods have a node: those that wait for one cost nothing.
func (w *workload) placed() int {
	n := 0
	for _, p := range w.pods {
		if p.Spec.NodeName != "" {
			n++
		}
	}
	return n
}

// lever names what to change, as people would look for it.
func (c *candidate) lever(lowered int64, autoscale *engine.Autoscale) string {
	verb := "change"
	if c.written != nil && amount(c.written.Resources.Requests, c.resource) == 0 {
		verb = "set"
	}
	kind := "container"
	if c.role != regular {
		kind = "init container"
	}
	text := fmt.Sprintf("%s requests.%s of %s %s in %s %s from %s to %s", verb, c.resource, kind, c.spec.Name, c.Kind, c.String(),
		quantity(c.old, c.resource), quantity(lowered, c.resource))
	if autoscale != nil {
		text += fmt.Sprintf(", together with the target of HorizontalPodAutoscaler %s from %d %% to %d %%", autoscale.Name, autoscale.OldTarget, autoscale.NewTarget)
		if c.scaling != nil && c.scaling.keeper != "" {
			text += ", in " + c.scaling.keeper + ", which writes it"
		}
	}
	return text
}

func (c *candidate) span() string {
	return fmt.Sprintf("%.1f days of history, %.1f wanted", c.history.Days(), c.rules.MinDays)
}

// priceCaveats says what of a price is not known or not to be had at once.
func priceCaveats(at seats, replicas float64) []string {
	var said []string
	switch {
	case len(at.on) == 0:
		said = append(said, "no price is known of the nodes that it runs on: no amount is said")
	case at.lost > 0:
		said = append(said, fmt.Sprintf("%.1f of %.1f replicas run on nodes whose price is not known, and count as nothing", at.lost, replicas))
	}
	if at.guess && len(at.on) > 0 {
		said = append(said, "no pod of it runs now: priced as the mean of all nodes")
	}
	if at.mixed != "" {
		said = append(said, mixedCaveat(at.mixed))
	}
	if at.basis.Covered > 0 {
		said = append(said, fmt.Sprintf("Savings Plans and reservations cover %s: only what is freed beyond them lowers the bill", percent(at.basis.Covered)))
	}
	return said
}

func percent(share float64) string {
	switch p := share * 100; {
	case p > 0 && p < 0.1:
		return "under 0.1 %"
	case p < 10 && p != math.Trunc(p):
		return fmt.Sprintf("%.1f %%", p)
	default:
		return fmt.Sprintf("%.0f %%", p)
	}
}
