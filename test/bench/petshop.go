package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/rca"
)

// petshop ranks the services behind alarms of PetShop, a web shop on AWS in which faults were injected, beside what plain statistics reach.
func petshop(_ context.Context, args []string, out io.Writer) error {
	f := flag.NewFlagSet("petshop", flag.ContinueOnError)
	data := f.String("data", "", "folder that holds petshop/{low,high}_traffic/…")
	file := f.String("out", "", "file to write the rankings to, one JSON line for each incident")
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
	if *file != "" {
		if err := writeGuesses(*file, all); err != nil {
			return fmt.Errorf("petshop: %w", err)
		}
	}
	whole := func(guess) string { return "PetShop" }
	if err := printGuesses(out, "PetShop: the share of incidents whose cause is among the first k", all,
		[]string{"n-sigma", "n-sigma and walk", "empirical tail"}, []int{1, 3}, func(g guess) string { return g.System + ", " + g.Fault }, whole); err != nil {
		return err
	}
	for _, part := range parts {
		if part.left > 0 {
			if _, err := fmt.Fprintf(out, "Left out: %d incidents of %s, which has no noissue/metrics.csv to compare with.\n", part.left, part.name); err != nil {
				return err
			}
		}
	}
	return nil
}

// calmGap lies between the calm time and an issue. The files are months apart; what is usual at an issue's own time is in its own first lines.
const calmGap = 6 * time.Hour

// before moves points of the calm time to before an issue.
func (p petShop) before(i petIssue, points []engine.Point) []engine.Point {
	move := i.first - int64(calmGap.Seconds()) - p.last
	out := make([]engine.Point, len(points), len(points)+8)
	for k, x := range points {
		out[k] = engine.Point{At: x.At + move, Value: x.Value}
	}
	return out
}

// nodes are the series of all nodes as the bot would have them at an issue: the calm time, moved to before it, and the issue's own.
func (p petShop) nodes(i petIssue) map[string]rca.Series {
	nodes := map[string]rca.Series{}
	for c, points := range i.metrics {
		m, scale := petMeasure(c)
		points := append(p.before(i, p.calm[c]), points...)
		if m == "" || len(points) == 0 {
			continue
		}
		for k := range points {
			points[k].Value = scale(points[k].Value)
		}
		if nodes[c.node] == nil {
			nodes[c.node] = rca.Series{}
		}
		nodes[c.node][m] = points
	}
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

// judgedFor is how long after an alarm an issue's metrics are looked at; they end before.
const judgedFor = time.Hour

func (p petShop) guess(i petIssue) guess {
	measure := engine.MeasureLatency
	if i.kind == "availability" {
		measure = engine.MeasureErrors
	}
	now := i.at.Add(judgedFor)
	suspects := rca.Blame(p.graph, p.nodes(i), rca.Alarm{Node: i.target, Measure: measure, Onset: i.at, Now: now})
	plain := p.columns(i)
	most, mean := scoreNodes(plain, i.at, now, sigmas, false), scoreNodes(plain, i.at, now, sigmas, true)
	rare := scoreNodes(plain, i.at, now, tail, false)
	g := guess{
		Incident: i.name, System: p.name, Fault: i.kind, Cause: i.cause, Ranking: ranked(suspects, i.target),
		floors: [][]string{byScore(most), walked(mean, p.graph, i.target), byScore(rare)},
	}
	for k := range g.floors {
		g.floors[k] = slices.DeleteFunc(g.floors[k], func(name string) bool { return name == i.target })
	}
	return g
}

// columns are the metrics of the alarmed kind, as they stand.
func (p petShop) columns(i petIssue) map[string]columns {
	out := map[string]columns{}
	for c, points := range i.metrics {
		if c.metric != i.kind {
			continue
		}
		if out[c.node] == nil {
			out[c.node] = columns{}
		}
		out[c.node][c.statistic] = append(p.before(i, p.calm[c]), points...)
	}
	return out
}
