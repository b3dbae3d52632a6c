package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/rca"
)

// nezha ranks the services behind faults that were injected into two systems on Kubernetes, from their metrics alone.
func nezha(_ context.Context, args []string, out io.Writer) error {
	f := flag.NewFlagSet("nezha", flag.ContinueOnError)
	data := f.String("data", "", "folder that holds nezha/<day>/{metric/*.csv,<day>-fault_list.json}")
	file := f.String("out", "", "file to write the rankings to, one JSON line for each fault")
	wait := f.Duration("wait", 4*time.Minute, "how much of a fault is seen before it is judged")
	early := f.Duration("early", 0, "how much earlier than it was the fault is taken to have begun")
	if err := parse(f, args); err != nil {
		return err
	}
	if *data == "" {
		_, _ = fmt.Fprintln(f.Output(), "nezha needs -data, the folder that holds nezha/")
		return errUsage
	}
	days, err := readNezha(*data)
	if err != nil {
		return err
	}
	var all []guess
	for _, day := range days {
		for k := range day.faults {
			all = append(all, day.guess(k, *early, *wait))
		}
	}
	if *file != "" {
		if err := writeGuesses(*file, all); err != nil {
			return fmt.Errorf("nezha: %w", err)
		}
	}
	return printGuesses(out, fmt.Sprintf("Nezha: the share of faults whose service is among the first k, from metrics alone, %s into the fault", *wait), all,
		[]string{"n-sigma", "oracle of one column"}, []int{1, 3, 5}, func(g guess) string { return g.Fault }, func(g guess) string { return g.System })
}

// nodes are the series of all services up to a time: what came later is not there, however it is looked for.
func (d nezhaDay) nodes(now time.Time) map[string]rca.Series {
	nodes := map[string]rca.Series{}
	for service, table := range d.tables {
		s := rca.Series{}
		for column, points := range table {
			if m, ok := nezhaMeasures[column]; ok {
				s[m] = until(points, now)
			}
		}
		nodes[service] = s
	}
	for edge, points := range d.edges {
		if caller, callee, ok := strings.Cut(edge, "_"); ok && nodes[callee] != nil {
			nodes[callee][rca.SeenBy(caller)] = until(points, now)
		}
	}
	return nodes
}

// until is the points up to a time.
func until(points []engine.Point, now time.Time) []engine.Point {
	i := slices.IndexFunc(points, func(p engine.Point) bool { return p.At > now.Unix() })
	if i < 0 {
		return points
	}
	return points[:i:i]
}

// nezhaMeasures are the bot's measures of columns. The others are what a pod calls for, which is others' doing, or the machine's.
var nezhaMeasures = map[string]engine.Measure{
	"CpuUsage(m)":            engine.MeasureCPU,
	"MemoryUsage(Mi)":        engine.MeasureMemory,
	"PodServerLatencyP90(s)": engine.MeasureLatency,
	"PodWorkload(Ops)":       engine.MeasureRequests,
}

func (d nezhaDay) guess(k int, early, wait time.Duration) guess {
	fault := d.faults[k]
	now := fault.at.Add(wait)
	return guess{
		Incident: fmt.Sprintf("%s/%d", d.name, k), System: d.system, Fault: fault.kind, Cause: fault.service,
		Ranking: ranked(rca.Blame(d.graph, d.nodes(now), rca.Alarm{Node: d.door(), Onset: fault.at.Add(-early), Now: now})),
		floors:  [][]string{byScore(scoreNodes(d.tables, fault.at, now, sigmas, false)), oracle(d.tables, fault.at, now, fault.service)},
	}
}

// door is the node that people's requests come to, if the graph tells: it has callees and no callers.
func (d nezhaDay) door() string {
	called := map[string]bool{}
	for _, callees := range d.graph {
		for _, c := range callees {
			called[c] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.graph)) {
		if !called[name] && d.tables[name] != nil {
			return name
		}
	}
	return ""
}
