package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
)

// profile weighs what a detection is worth.
type profile struct {
	name       string
	tp, fp, fn float64
}

var profiles = []profile{{"standard", 1, 0.11, 1}, {"low FP", 1, 0.22, 1}, {"low FN", 1, 0.11, 2}}

// scored is a detector: its name, and a score for each row of each file.
type scored struct {
	name   string
	scores [][]float64
}

// detected is a row that a detector gave a score to: what it is worth at any threshold that the score reaches.
type detected struct {
	score, worth float64
	file, window int // the window is -1 outside of all
}

// sigmoid is NAB's: early in a window is better, long after one is worse.
func sigmoid(y float64) float64 { return 2/(1+math.Exp(5*y)) - 1 }

// detections are the rows that count, the highest score first.
func detections(files []nabFile, scores [][]float64) []detected {
	var all []detected
	for k, s := range files {
		next := 0
		for i, score := range scores[k] {
			for next < len(s.windows) && i > s.windows[next].last {
				next++
			}
			if i < s.first || score <= 0 {
				continue
			}
			d := detected{score: score, file: k, window: -1, worth: -1}
			if next < len(s.windows) && i >= s.windows[next].first {
				w := s.windows[next]
				d.window, d.worth = next, sigmoid(-float64(w.last-i+1)/float64(w.last-w.first+1))/sigmoid(-1)
			} else if next > 0 {
				w := s.windows[next-1]
				if y := float64(i-w.last) / float64(w.last-w.first); y <= 3 {
					d.worth = sigmoid(y)
				}
			}
			all = append(all, d)
		}
	}
	slices.SortStableFunc(all, func(a, b detected) int { return cmp.Compare(b.score, a.score) })
	return all
}

// tallied adds up what a detector earns as its threshold falls.
type tallied struct {
	p    profile
	raw  float64
	best map[[2]int]float64 // of each window that was met
}

func newTally(p profile, windows int) *tallied {
	return &tallied{p: p, raw: -p.fn * float64(windows), best: map[[2]int]float64{}}
}

func (t *tallied) add(d detected) {
	if d.window < 0 {
		t.raw += t.p.fp * d.worth
		return
	}
	key := [2]int{d.file, d.window}
	before, met := t.best[key]
	if !met {
		t.raw += t.p.fn
	}
	if !met || d.worth > before {
		t.raw += t.p.tp * (d.worth - before)
		t.best[key] = d.worth
	}
}

// earned is the raw score at a threshold, of the files of a choice.
func earned(all []detected, p profile, threshold float64, windows int, chosen func(file int) bool) float64 {
	t := newTally(p, windows)
	for _, d := range all {
		if d.score >= threshold && chosen(d.file) {
			t.add(d)
		}
	}
	return t.raw
}

// optimum is the threshold at which the files of a choice earn most, and what; no alarm at all is a threshold too.
func optimum(all []detected, p profile, windows int, chosen func(file int) bool) (threshold, raw float64) {
	t := newTally(p, windows)
	threshold, raw = math.Inf(1), t.raw
	for i, d := range all {
		if chosen(d.file) {
			t.add(d)
		}
		if (i+1 == len(all) || all[i+1].score != d.score) && t.raw > raw {
			threshold, raw = d.score, t.raw
		}
	}
	return threshold, raw
}

// normalised puts a raw score between 0, no alarm at all, and 100, the best possible.
func normalised(raw float64, p profile, windows int) float64 {
	nothing := -p.fn * float64(windows)
	return 100 * (raw - nothing) / (p.tp*float64(windows) - nothing)
}

func windowsOf(files []nabFile, chosen func(int) bool) (n int) {
	for k, s := range files {
		if chosen(k) {
			n += len(s.windows)
		}
	}
	return n
}

// printScores prints the scores of all files, and those by group.
func printScores(out io.Writer, files []nabFile, detectors []scored) error {
	groups := map[string]bool{}
	for _, s := range files {
		groups[s.group] = true
	}
	names := slices.Sorted(maps.Keys(groups))
	whole := func(int) bool { return true }
	all := windowsOf(files, whole)
	t := table{{"detector", "standard", "low FP", "low FN", "threshold", "standard, threshold from the other groups"}}
	by := table{{"group", "windows"}}
	for _, d := range detectors {
		by[0] = append(by[0], d.name, "threshold from the others")
	}
	for _, g := range names {
		by.add(g, fmt.Sprint(windowsOf(files, func(k int) bool { return files[k].group == g })))
	}
	for _, d := range detectors {
		found := detections(files, d.scores)
		row := []string{d.name}
		standard := profiles[0]
		at, _ := optimum(found, standard, all, whole)
		for _, p := range profiles {
			_, raw := optimum(found, p, all, whole)
			row = append(row, fmt.Sprintf("%.1f", normalised(raw, p, all)))
		}
		var left float64
		for n, g := range names {
			in := func(k int) bool { return files[k].group == g }
			others := func(k int) bool { return files[k].group != g }
			threshold, _ := optimum(found, standard, windowsOf(files, others), others)
			windows := windowsOf(files, in)
			raw := earned(found, standard, threshold, windows, in)
			left += raw
			by[n+1] = append(by[n+1], groupScore(earned(found, standard, at, windows, in), standard, windows), groupScore(raw, standard, windows))
		}
		t.add(append(row, fmt.Sprintf("%.3f", at), fmt.Sprintf("%.1f", normalised(left, standard, all)))...)
	}
	if err := t.print(out, fmt.Sprintf("Numenta Anomaly Benchmark, %d files, %d windows; one threshold for all files, the best one of each profile", len(files), all)); err != nil {
		return err
	}
	return by.print(out, "The standard score by group; without a window, what its alarms cost")
}

func groupScore(raw float64, p profile, windows int) string {
	if windows == 0 {
		return fmt.Sprintf("%.2f", raw)
	}
	return fmt.Sprintf("%.1f", normalised(raw, p, windows))
}
