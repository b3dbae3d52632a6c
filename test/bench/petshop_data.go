package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/rca"
)

// petShop is a part of the benchmark that has one call graph and one time in which nothing was wrong.
type petShop struct {
	name   string // "low_traffic"
	graph  rca.Graph
	calm   petMetrics
	last   int64 // of the calm time, Unix seconds
	issues []petIssue
	left   int // issues that cannot be judged, for there is no calm time
}

// petIssue is a fault that somebody injected.
type petIssue struct {
	name    string // "low_traffic/test/issue_0"
	split   string // "test"
	metrics petMetrics
	first   int64     // of the metrics, Unix seconds
	target  string    // the node whose alarm went off
	kind    string    // "latency" or "availability"
	at      time.Time // when
	cause   string    // the node that was broken
}

// petColumn names a column of a metrics file.
type petColumn struct{ node, metric, statistic string }

// petMetrics are columns of points; an empty cell has none.
type petMetrics map[petColumn][]engine.Point

// readPetShop reads the parts of the benchmark that are there. It fails when a part lacks its graph, its calm time or all issues.
func readPetShop(folder string) ([]petShop, error) {
	for _, inner := range []string{"petshop", "dataset"} {
		if _, err := os.Stat(filepath.Join(folder, inner)); err == nil {
			folder = filepath.Join(folder, inner)
		}
	}
	graphs, err := filepath.Glob(filepath.Join(folder, "*", "graph.csv"))
	if err != nil {
		return nil, fmt.Errorf("petshop: %w", err)
	}
	slices.Sort(graphs)
	var parts []petShop
	found := 0
	for _, path := range graphs {
		part, err := readPetPart(filepath.Dir(path))
		if err != nil {
			return nil, fmt.Errorf("petshop: %w", err)
		}
		found += len(part.issues)
		parts = append(parts, part)
	}
	if found == 0 {
		return nil, fmt.Errorf("petshop: %s has no <traffic>/graph.csv with noissue/metrics.csv and {train,test}/issue_N beside it", folder)
	}
	return parts, nil
}

// readPetPart reads one folder of traffic. Without calm metrics there is nothing to compare with, and the part has no issues.
func readPetPart(folder string) (petShop, error) {
	part := petShop{name: filepath.Base(folder)}
	calm := filepath.Join(folder, "noissue", "metrics.csv")
	if _, err := os.Stat(calm); errors.Is(err, fs.ErrNotExist) {
		left, err := filepath.Glob(filepath.Join(folder, "*", "issue_*", "target.json"))
		part.left = len(left)
		return part, err
	}
	var err error
	if part.graph, err = fromFile(filepath.Join(folder, "graph.csv"), parsePetGraph); err != nil {
		return part, err
	}
	if part.calm, err = fromFile(calm, parsePetMetrics); err != nil {
		return part, err
	}
	_, part.last = part.calm.span()
	for _, split := range []string{"train", "test"} {
		targets, err := filepath.Glob(filepath.Join(folder, split, "issue_*", "target.json"))
		if err != nil {
			return part, err
		}
		slices.Sort(targets)
		for _, path := range targets {
			issue, err := fromFile(path, parsePetTarget)
			if err != nil {
				return part, err
			}
			issue.split, issue.name = split, part.name+"/"+split+"/"+filepath.Base(filepath.Dir(path))
			if issue.metrics, err = fromFile(filepath.Join(filepath.Dir(path), "metrics.csv"), parsePetMetrics); err != nil {
				return part, err
			}
			issue.first, _ = issue.metrics.span()
			part.issues = append(part.issues, issue)
		}
	}
	return part, nil
}

// span is the first and the last time of the points.
func (m petMetrics) span() (first, last int64) {
	first, last = math.MaxInt64, math.MinInt64
	for _, points := range m {
		for _, x := range points {
			first, last = min(first, x.At), max(last, x.At)
		}
	}
	return first, last
}

// fromFile reads a file with a parser, and names the file in its error.
func fromFile[T any](path string, parse func(io.Reader) (T, error)) (T, error) {
	var none T
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return none, err
	}
	defer func() { _ = f.Close() }() // it was only read
	v, err := parse(f)
	if err != nil {
		return none, fmt.Errorf("%s: %w", path, err)
	}
	return v, nil
}

// parsePetGraph reads a matrix: the row's node calls the column's where the cell is not 0.
func parsePetGraph(r io.Reader) (rca.Graph, error) {
	lines, err := csv.NewReader(r).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(lines) < 2 {
		return nil, errors.New("the graph has no rows; a matrix of callers and callees is wanted")
	}
	g := rca.Graph{}
	for _, line := range lines[1:] {
		for k, cell := range line[1:] {
			v, err := strconv.ParseFloat(cell, 64)
			if err != nil {
				return nil, fmt.Errorf("the row of %q: %w", line[0], err)
			}
			if v != 0 {
				g[line[0]] = append(g[line[0]], lines[0][k+1])
			}
		}
	}
	return g, nil
}

// parsePetMetrics reads three lines of headings (node, metric, statistic), a line that names the index, and a line for each time.
func parsePetMetrics(r io.Reader) (petMetrics, error) {
	lines, err := csv.NewReader(r).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(lines) < 4 || lines[3][0] != "unix_timestamp" {
		return nil, errors.New("three lines of headings and one that begins with unix_timestamp are wanted")
	}
	out := petMetrics{}
	for k := range lines[0][1:] {
		out[petColumn{lines[0][k+1], lines[1][k+1], lines[2][k+1]}] = nil
	}
	for n, line := range lines[4:] {
		at, err := strconv.ParseFloat(line[0], 64)
		if err != nil || math.IsNaN(at) || math.Abs(at) > 1<<40 {
			return nil, fmt.Errorf("line %d begins with %q, not with Unix seconds", n+5, line[0])
		}
		for k, cell := range line[1:] {
			if cell == "" || strings.EqualFold(cell, "nan") {
				continue
			}
			v, err := strconv.ParseFloat(cell, 64)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", n+5, err)
			}
			c := petColumn{lines[0][k+1], lines[1][k+1], lines[2][k+1]}
			out[c] = append(out[c], engine.Point{At: int64(at), Value: v})
		}
	}
	return out, nil
}

// parsePetTarget reads what the alarm was, and what had been broken.
func parsePetTarget(r io.Reader) (petIssue, error) {
	var t struct {
		Target struct {
			Node, Metric string
			Timestamp    int64
		}
		Cause struct{ Node string } `json:"root_cause"`
	}
	if err := json.NewDecoder(r).Decode(&t); err != nil {
		return petIssue{}, err
	}
	if t.Target.Node == "" || t.Cause.Node == "" || t.Target.Timestamp == 0 {
		return petIssue{}, errors.New("target.node, target.timestamp and root_cause.node are wanted")
	}
	return petIssue{target: t.Target.Node, kind: t.Target.Metric, at: time.Unix(t.Target.Timestamp, 0), cause: t.Cause.Node}, nil
}
