package prom

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/price"
	"github.com/eks-autopilot/autopilot/engine/waste"
)

// DayWanted says of which cluster and day (midnight UTC) it is wanted who used what.
type DayWanted struct {
	Cluster *waste.Cluster // its inventory, for its name and its size
	Day     time.Time
	Match   map[string]string                  // labels that single out the cluster, where one Prometheus holds many
	Team    func(namespace, pod string) string // of a pod, also of one that is gone
}

// DayReport is who used what of a day. It is nothing, and Known is false, where kube-state-metrics did not see at least half of it.
type DayReport struct {
	Known bool
	Seen  float64         // the share in (0,1] of the day that was seen, which stands for the rest
	Nodes []price.NodeUse // without an account; Type and Region are "" where kube-state-metrics does not tell the labels of nodes
	Pods  []price.PodUse
	Gaps  []engine.Gap
	Cost  engine.ScanCost
}

// The steps of a day. A pod that lives for less than one may be missed; its part of the node is idle then.
const (
	dayFine   = 15 * time.Minute
	dayCoarse = time.Hour // in a cluster in which the fine step would make a query read too much
	dayReads  = 4         // samples for each container and step that the greediest of the queries reads
)

// Day reads who used what of a cluster on a day, in six queries: where the pods were, what they requested and used, and what the
// nodes had. Of each pod and step, the larger of the request and the use counts. It does not fail: what it could not read is a gap.
func (p *Prometheus) Day(ctx context.Context, w DayWanted) DayReport {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	d := newDayLoad(p, w)
	report := DayReport{}
	if err := d.read(ctx); err != nil {
		d.gap("who used what on %s could not be read: %s", w.Day.Format("2 January"), said(err))
	} else {
		report.Known = d.divide(&report)
	}
	report.Gaps, report.Cost = d.gaps, d.ask.cost
	return report
}

// dayLoad is one reading of a day. All rows are of the steps' begins, and of the end of the last.
type dayLoad struct {
	wanted DayWanted
	ask    *asker
	base   matchers
	grid   grid
	steps  int
	gaps   []engine.Gap

	places   map[object]map[string][]float64 // by pod and node: not NaN while it was there and not yet finished
	requests map[string]map[object][]float64 // by resource and pod
	cpu      map[containerAt][]float64       // seconds, a counter
	memory   map[containerAt][]float64       // bytes
	capacity map[string]map[string][]float64 // by node and resource
	facts    map[string]labelSet             // by node
}

type containerAt struct{ namespace, pod, container string }

func newDayLoad(p *Prometheus, w DayWanted) *dayLoad {
	d := &dayLoad{
		wanted: w, ask: &asker{url: p.url, client: p.long, now: p.now, slow: slow, share: 1},
		places: map[object]map[string][]float64{}, requests: map[string]map[object][]float64{},
		cpu: map[containerAt][]float64{}, memory: map[containerAt][]float64{},
		capacity: map[string]map[string][]float64{}, facts: map[string]labelSet{},
	}
	for _, label := range slices.Sorted(maps.Keys(w.Match)) {
		d.base = d.base.is(label, w.Match[label])
	}
	containers := 0
	for _, pod := range w.Cluster.Pods {
		containers += len(pod.Spec.Containers)
	}
	step := dayFine
	if containers*dayReads*int(day/dayFine) > aimSamples {
		step = dayCoarse
	}
	d.steps = int(day / step)
	d.grid = grid{w.Day.UTC(), step, d.steps + 1}
	return d
}

func (d *dayLoad) gap(format string, args ...any) {
	d.gaps = append(d.gaps, engine.Gap{Collector: "prometheus " + d.wanted.Cluster.Name, Reason: fmt.Sprintf(format, args...)})
}

// read asks the queries. The pods of a Job stay in the requests after they finished: only where a pod was Pending or Running counts.
func (d *dayLoad) read(ctx context.Context) error {
	cadvisor := d.base.with("container", "!=", "").with("container", "!=", "POD").with("pod", "!=", "")
	resources := d.base.with("resource", "=~", "cpu|memory|nvidia_com_gpu")
	labels := d.base.of("kube_node_labels")
	for _, q := range []struct {
		query string
		row   func(labelSet) []float64
	}{
		{
			"max by (namespace, pod, node) (" + d.base.with("node", "!=", "").of("kube_pod_info") + ") and on (namespace, pod) (" +
				d.base.with("phase", "=~", "Pending|Running").of("kube_pod_status_phase") + " == 1)", d.place,
		},
		{"max by (node, resource) (" + resources.of("kube_node_status_capacity") + ")", d.capacityOf},
		{
			"sum by (namespace, pod, resource) (max by (namespace, pod, container, resource) (" +
				resources.of("kube_pod_container_resource_requests") + "))", d.request,
		},
		{"max by (namespace, pod, container) (" + cadvisor.of(cpuMetric) + ")", func(s labelSet) []float64 { return d.used(d.cpu, s) }},
		{"max by (namespace, pod, container) (" + cadvisor.of(memoryMetric) + ")", func(s labelSet) []float64 { return d.used(d.memory, s) }},
		{
			// How a node is bought stands in one of two labels.
			"max by (node, label_node_kubernetes_io_instance_type, label_topology_kubernetes_io_region, capacity) (" +
				`label_replace(label_replace(` + labels + `, "capacity", "$1", "label_karpenter_sh_capacity_type", "(.+)"), ` +
				`"capacity", "$1", "label_eks_amazonaws_com_capacityType", "(.+)"))`, d.factsOf,
		},
	} {
		if err := d.ask.insist(ctx, q.query, d.grid, q.row); err != nil {
			return err
		}
	}
	return nil
}

func (d *dayLoad) place(s labelSet) []float64 {
	at := object{s[labelNamespace], s[labelPod]}
	if d.places[at] == nil {
		d.places[at] = map[string][]float64{}
	}
	return d.rowOf(d.places[at], s[labelNode])
}

func (d *dayLoad) capacityOf(s labelSet) []float64 {
	if d.capacity[s[labelNode]] == nil {
		d.capacity[s[labelNode]] = map[string][]float64{}
	}
	return d.rowOf(d.capacity[s[labelNode]], s[labelResource])
}

func (d *dayLoad) rowOf(rows map[string][]float64, key string) []float64 {
	if rows[key] == nil {
		rows[key] = blank(d.grid.n)
	}
	return rows[key]
}

func (d *dayLoad) request(s labelSet) []float64 {
	of := d.requests[s[labelResource]]
	if of == nil {
		of = map[object][]float64{}
		d.requests[s[labelResource]] = of
	}
	row := blank(d.grid.n)
	of[object{s[labelNamespace], s[labelPod]}] = row
	return row
}

func (d *dayLoad) used(rows map[containerAt][]float64, s labelSet) []float64 {
	row := blank(d.grid.n)
	rows[containerAt{s[labelNamespace], s[labelPod], s[labelContainer]}] = row
	return row
}

func (d *dayLoad) factsOf(s labelSet) []float64 {
	if s[labelType] != "" {
		d.facts[s[labelNode]] = s
	}
	return nil
}

// divide puts together who used what. It gives false when too little of the day was seen.
func (d *dayLoad) divide(r *DayReport) bool {
	seen := 0
	for i := range d.steps {
		for _, of := range d.capacity {
			if !math.IsNaN(value(of["cpu"], i)) {
				seen++
				break
			}
		}
	}
	switch {
	case len(d.capacity) == 0 || len(d.places) == 0:
		d.gap("kube-state-metrics has nothing of %s: kube_pod_info and kube_node_status_capacity are needed to divide what nodes cost", d.wanted.Day.Format("2 January"))
		return false
	case 2*seen < d.steps:
		d.gap("kube-state-metrics was there for %.0f %% of %s, which is too little", 100*float64(seen)/float64(d.steps), d.wanted.Day.Format("2 January"))
		return false
	case seen < d.steps:
		d.gap("kube-state-metrics was there for %.0f %% of %s, which stand for the rest", 100*float64(seen)/float64(d.steps), d.wanted.Day.Format("2 January"))
	}
	if len(d.cpu) == 0 || len(d.memory) == 0 {
		d.gap("no use of containers is known of %s: their requests alone count", d.wanted.Day.Format("2 January"))
	}
	r.Seen = float64(seen) / float64(d.steps)
	hours := 24 / float64(seen) // that a step stands for
	d.nodes(r, hours)
	d.pods(r, hours)
	return true
}

// nodes gives the nodes, for as long as each was there.
func (d *dayLoad) nodes(r *DayReport, hours float64) {
	for _, name := range slices.Sorted(maps.Keys(d.capacity)) {
		of := d.capacity[name]
		facts := d.facts[name]
		n := price.NodeUse{
			Cluster: d.wanted.Cluster.Name, Name: name, Type: facts[labelType], Region: facts[labelRegion],
			Spot: strings.EqualFold(facts[labelCapacity], "spot"),
			CPU:  highest(of["cpu"]), GiB: highest(of["memory"]) / (1 << 30), GPU: highest(of["nvidia_com_gpu"]),
		}
		for i := range d.steps {
			if !math.IsNaN(value(of["cpu"], i)) {
				n.Hours += hours
			}
		}
		if n.Hours > 0 {
			r.Nodes = append(r.Nodes, n)
		}
	}
}

// pods gives what the pods took, by node, namespace and team.
func (d *dayLoad) pods(r *DayReport, hours float64) {
	cpu, memory, dropped := d.use()
	if dropped > 0 {
		d.gap("%d values of %s were left out that no container can use: negative, or more than any node has", dropped, d.wanted.Day.Format("2 January"))
	}
	type taker struct{ node, namespace, team string }
	sums := map[taker]price.PodUse{}
	for _, at := range slices.SortedFunc(maps.Keys(d.places), func(a, b object) int {
		return strings.Compare(a.namespace+"/"+a.name, b.namespace+"/"+b.name)
	}) {
		team := d.wanted.Team(at.namespace, at.name)
		for _, node := range slices.Sorted(maps.Keys(d.places[at])) {
			row := d.places[at][node]
			key := taker{node, at.namespace, team}
			sum := sums[key]
			for i := range d.steps {
				if math.IsNaN(row[i]) {
					continue
				}
				sum.CPUHours += hours * larger(d.requests["cpu"][at], cpu[at], i)
				sum.GiBHours += hours * larger(d.requests["memory"][at], memory[at], i) / (1 << 30)
				sum.GPUHours += hours * larger(d.requests["nvidia_com_gpu"][at], nil, i)
			}
			sums[key] = sum
		}
	}
	for key, sum := range sums {
		sum.Cluster, sum.Node, sum.Namespace, sum.Team = d.wanted.Cluster.Name, key.node, key.namespace, key.team
		if sum.CPUHours+sum.GiBHours+sum.GPUHours > 0 {
			r.Pods = append(r.Pods, sum)
		}
	}
	slices.SortFunc(r.Pods, func(a, b price.PodUse) int {
		return strings.Compare(a.Node+"/"+a.Namespace+"/"+a.Team, b.Node+"/"+b.Namespace+"/"+b.Team)
	})
}

// use adds up the containers of each pod: cores and bytes at each step. What no container can use is dropped and counted.
func (d *dayLoad) use() (cpu, memory map[object][]float64, dropped int) {
	cpu, memory = map[object][]float64{}, map[object][]float64{}
	cores, bytes := largest(d.wanted.Cluster)
	for _, of := range d.capacity { // also of nodes that are gone
		cores, bytes = max(cores, 1.05*highest(of["cpu"])), max(bytes, 1.05*highest(of["memory"]))
	}
	step := make([]float32, d.steps)
	add := func(sums map[object][]float64, at containerAt) {
		of := object{at.namespace, at.pod}
		if sums[of] == nil {
			sums[of] = make([]float64, d.steps)
		}
		for i, v := range step {
			if v == v { // not unknown
				sums[of][i] += float64(v)
			}
		}
	}
	for at, row := range d.cpu {
		dropped += rates(row, d.grid.step.Seconds(), cores, step)
		add(cpu, at)
	}
	for at, row := range d.memory {
		dropped += gauge(row[:d.steps], bytes, step)
		add(memory, at)
	}
	return cpu, memory, dropped
}

// larger is the larger of two values at a step; what is not known, or cannot be, is 0.
func larger(a, b []float64, i int) float64 { return max(positive(value(a, i)), positive(value(b, i))) }

func positive(v float64) float64 {
	if v > 0 && !math.IsInf(v, 0) {
		return v
	}
	return 0
}

func value(row []float64, i int) float64 {
	if i >= len(row) {
		return math.NaN()
	}
	return row[i]
}

func highest(row []float64) (top float64) {
	for _, v := range row {
		top = max(top, positive(v))
	}
	return top
}
