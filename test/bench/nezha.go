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
			all = append(all, day.guess(k, *wait))
		}
	}
	if *file != "" {
		if err := writeGuesses(*file, all); err != nil {
			return fmt.Errorf("nezha: %w", err)
		}
	}
	return printGuesses(out, fmt.Sprintf("Nezha: the share of faults whose service is among the first k, from metrics alone, %s into the fault", *wait), all,
		[]string{"n-sigma"}, []int{1, 3, 5}, func(g guess) string { return g.Fault }, func(g guess) string { return g.System })
}

// nodes are the series of all services up to a time.
func (d nezhaDay) nodes() map[string]rca.Series {
	nodes := map[string]rca.Series{}
	for service, columns := range d.tables {
		s := rca.Series{}
		for column, points := range columns {
			if m, ok := nezhaMeasures[column]; ok {
				s[m] = points
			}
		}
		nodes[service] = s
	}
	for edge, points := range d.edges {
		if caller, callee, ok := strings.Cut(edge, "_"); ok && nodes[callee] != nil {
			nodes[callee][rca.SeenBy(caller)] = points
		}
	}
	return nodes
}

var nezhaMeasures = map[string]engine.Measure{
	"CpuUsage(m)":            engine.MeasureCPU,
	"MemoryUsage(Mi)":        engine.MeasureMemory,
	"PodServerLatencyP90(s)": engine.MeasureLatency,
	"PodWorkload(Ops)":       engine.MeasureRequests,
}

func (d nezhaDay) guess(k int, wait time.Duration) guess {
	fault := d.faults[k]
	now := fault.at.Add(wait)
	plain := map[string]columns{}
	for service, table := range d.tables {
		plain[service] = columns(table)
	}
	return guess{
		Incident: fmt.Sprintf("%s/%d", d.name, k), System: d.system, Fault: fault.kind, Cause: fault.service,
		Ranking: ranked(rca.Blame(d.graph, d.nodes(), rca.Alarm{Node: d.door(), Onset: fault.at, Now: now})),
		floors:  [][]string{byScore(scoreNodes(plain, fault.at, now, sigmas, false))},
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
