package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/rca"
)

// guess is how several methods ranked the causes of one incident.
type guess struct {
	Incident string      `json:"incident"`
	System   string      `json:"system"`
	Fault    string      `json:"fault"`
	Cause    string      `json:"cause"`   // what had been broken
	Ranking  []suspicion `json:"ranking"` // by the bot

	floors [][]string // by the methods that it is compared with
}

// suspicion is a node of a ranking.
type suspicion struct {
	Node  string    `json:"node"`
	Share float64   `json:"share"`
	Since time.Time `json:"since"`
}

// ranked is the bot's own ranking, without the nodes that are not asked for.
func ranked(suspects []rca.Suspect, without ...string) []suspicion {
	out := []suspicion{}
	for _, s := range suspects {
		if !slices.Contains(without, s.Node) {
			out = append(out, suspicion{s.Node, s.Share, s.Since})
		}
	}
	return out
}

// order is the names of a ranking.
func order(ranking []suspicion) []string {
	names := make([]string, len(ranking))
	for i, s := range ranking {
		names[i] = s.Node
	}
	return names
}

// found tells whether a cause is among the first k of a ranking.
func found(ranking []string, cause string, k int) bool {
	return slices.Contains(ranking[:min(k, len(ranking))], cause)
}

// printGuesses prints, for each method and the bot, in which share of the incidents the cause was among the first k: for each cell, and for
// all of each of the groups.
func printGuesses(out io.Writer, title string, all []guess, floors []string, ks []int, cell, group func(guess) string) error {
	head := []string{"", "incidents"}
	for _, m := range append(slices.Clone(floors), "Autopilot") {
		for _, k := range ks {
			head = append(head, fmt.Sprintf("%s@%d", m, k))
		}
	}
	rows := map[string][]guess{}
	for _, g := range all {
		rows[group(g)+": all"] = append(rows[group(g)+": all"], g)
		rows[group(g)+", "+cell(g)] = append(rows[group(g)+", "+cell(g)], g)
	}
	t := table{head}
	for _, name := range rowNames(rows) {
		of := rows[name]
		line := []string{name, fmt.Sprint(len(of))}
		for m := range len(floors) + 1 {
			for _, k := range ks {
				hits := 0
				for _, g := range of {
					ranking := order(g.Ranking)
					if m < len(floors) {
						ranking = g.floors[m]
					}
					if found(ranking, g.Cause, k) {
						hits++
					}
				}
				line = append(line, fmt.Sprintf("%.3f", float64(hits)/float64(len(of))))
			}
		}
		t.add(line...)
	}
	return t.print(out, title)
}

// rowNames are the names of rows in order, "x: all" behind "x, …".
func rowNames(rows map[string][]guess) []string {
	names := make([]string, 0, len(rows))
	for name := range rows {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		return strings.Compare(strings.ReplaceAll(a, ": all", "~"), strings.ReplaceAll(b, ": all", "~"))
	})
	return names
}

// writeGuesses writes one JSON line for each incident.
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

// columns are the values of a node by the names of their columns: what plain statistics look at.
type columns map[string][]engine.Point
