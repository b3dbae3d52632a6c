package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/rca"
)

// petshop ranks the services behind alarms of PetShop, a web shop on AWS in which faults were injected, beside what plain statistics reach.
func petshop(_ context.Context, args []string, out io.Writer) error {
	f := flag.NewFlagSet("petshop", flag.ContinueOnError)
	data := f.String("data", "", "folder that holds petshop/{low,high}_traffic/…")
	ranked := f.String("out", "", "file to write the rankings to, one JSON line for each incident")
	if err := parse(f, args); err != nil {
		return err
	}
	if *data == "" {
		_, _ = fmt.Fprintln(f.Output(), "petshop needs -data, the folder that holds petshop/")
		return errUsage
	}
	parts, err := readPetShop(*data)
	if err != nil {
		return err
	}
	var all []guess
	for _, part := range parts {
		for _, issue := range part.issues {
			all = append(all, part.guess(issue))
		}
	}
	if *ranked != "" {
		if err := writeGuesses(*ranked, all); err != nil {
			return err
		}
	}
	return printGuesses(out, "PetShop", all, []int{1, 3})
}

// calmGap lies between the calm time and an issue. The files are months apart; what is usual at an issue's own time is in its own first lines.
const calmGap = 6 * time.Hour

// nodes are the series of all nodes as the bot would have them at an issue: the calm time, moved to before it, and the issue's own.
func (p petShop) nodes(i petIssue) map[string]rca.Series {
	first, last := int64(1<<62), int64(0)
	for _, points := range i.metrics {
		for _, x := range points {
			first = min(first, x.At)
		}
	}
	for _, points := range p.calm {
		for _, x := range points {
			last = max(last, x.At)
		}
	}
	move := first - int64(calmGap.Seconds()) - last
	nodes := map[string]rca.Series{}
	add := func(metrics petMetrics, move int64) {
		for c, points := range metrics {
			m, scale := petMeasure(c)
			if m == "" || len(points) == 0 {
				continue
			}
			if nodes[c.node] == nil {
				nodes[c.node] = rca.Series{}
			}
			for _, x := range points {
				nodes[c.node][m] = append(nodes[c.node][m], engine.Point{At: x.At + move, Value: scale(x.Value)})
			}
		}
	}
	add(p.calm, move)
	add(i.metrics, 0)
	return nodes
}

// petMeasure is the bot's measure of a column, "" for those that it does not have.
func petMeasure(c petColumn) (engine.Measure, func(float64) float64) {
	switch {
	case c.metric == "latency" && c.statistic == "Average":
		return engine.MeasureLatency, func(v float64) float64 { return v }
	case c.metric == "availability":
		return engine.MeasureErrors, func(v float64) float64 { return 1 - v/100 }
	case c.metric == "requests":
		return engine.MeasureRequests, func(v float64) float64 { return v / 300 }
	}
	return "", nil
}

func (p petShop) guess(i petIssue) guess {
	measure := engine.MeasureLatency
	if i.kind == "availability" {
		measure = engine.MeasureErrors
	}
	nodes := p.nodes(i)
	g := guess{Incident: i.name, Cell: p.name + ", " + i.kind, Group: p.name + "/" + i.split, Cause: i.cause, Ranks: map[string][]string{}}
	for _, s := range rca.Blame(p.graph, nodes, rca.Alarm{Node: i.target, Measure: measure, Onset: i.at, Now: i.at.Add(time.Hour)}) {
		if s.Node != i.target {
			g.Ranking = append(g.Ranking, ranked{s.Node, s.Share})
			g.Ranks[ours] = append(g.Ranks[ours], s.Node)
		}
	}
	return g
}

const ours = "Autopilot"

// guess is how an incident's causes were ranked.
type guess struct {
	Incident string              `json:"incident"`
	Cell     string              `json:"cell"`
	Group    string              `json:"group"`
	Cause    string              `json:"cause"`
	Ranking  []ranked            `json:"ranking"`
	Ranks    map[string][]string `json:"-"` // by method
}

type ranked struct {
	Node  string  `json:"node"`
	Share float64 `json:"share"`
}

// within tells whether a method has the cause among its first k.
func (g guess) within(method string, k int) bool {
	r := g.Ranks[method]
	return slices.Contains(r[:min(k, len(r))], g.Cause)
}

func printGuesses(out io.Writer, title string, all []guess, ks []int) error {
	cells := map[string]bool{}
	methods := map[string]bool{}
	for _, g := range all {
		cells[g.Cell] = true
		for m := range g.Ranks {
			methods[m] = true
		}
	}
	for _, method := range slices.Sorted(maps.Keys(methods)) {
		t := table{{"cell", "incidents"}}
		for _, k := range ks {
			t[0] = append(t[0], fmt.Sprintf("top-%d", k))
		}
		for _, cell := range append(slices.Sorted(maps.Keys(cells)), "all") {
			n, hits := 0, make([]int, len(ks))
			for _, g := range all {
				if cell != "all" && g.Cell != cell {
					continue
				}
				n++
				for i, k := range ks {
					if g.within(method, k) {
						hits[i]++
					}
				}
			}
			row := []string{cell, fmt.Sprint(n)}
			for _, h := range hits {
				row = append(row, fmt.Sprintf("%.2f", float64(h)/float64(n)))
			}
			t.add(row...)
		}
		if err := t.print(out, title+": "+method); err != nil {
			return err
		}
	}
	return nil
}

func writeGuesses(path string, all []guess) (err error) {
	f, err := os.Create(filepath.Clean(path))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	e := json.NewEncoder(f)
	for _, g := range all {
		if err := e.Encode(g); err != nil {
			return err
		}
	}
	return nil
}
