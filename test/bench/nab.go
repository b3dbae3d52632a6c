package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/eks-autopilot/autopilot/engine/anomaly"
)

// detection scores the bot's anomaly detector on the Numenta Anomaly Benchmark, beside two floors that a few lines reach.
func detection(_ context.Context, args []string, out io.Writer) error {
	f := flag.NewFlagSet("nab", flag.ContinueOnError)
	data := f.String("data", "", "folder with windows.json (or labels/combined_windows.json) and data/<group>/<file>.csv, or one with such a folder nab")
	results := f.String("out", "", "folder to write result files to, as NAB reads them: <out>/autopilot/<group>/autopilot_<file>.csv")
	if err := parse(f, args); err != nil {
		return err
	}
	if *data == "" {
		_, _ = fmt.Fprintln(f.Output(), "nab needs -data, the folder of the benchmark")
		return errUsage
	}
	files, err := readNAB(*data)
	if err != nil {
		return err
	}
	ours, points, took := make([][]float64, len(files)), 0, time.Duration(0)
	for k, s := range files {
		began := time.Now()
		ours[k] = judged(s)
		took += time.Since(began)
		points += len(s.values)
	}
	for k, s := range files {
		if err := causal(s, ours[k]); err != nil {
			return err
		}
	}
	if err := printScores(out, files, []scored{
		{"clock (an alarm every tenth of a file)", scoreEach(files, clockFloor)},
		{"floor (5 % outside of the past range)", scoreEach(files, rangeFloor)},
		{"Autopilot", ours},
	}); err != nil {
		return err
	}
	size, err := stateSize(files)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "\n%d files, %d values, %.0f values a second on one core, %d bytes of state a series at most; the first 60 %% of each file alone give the same scores.\n%s\n",
		len(files), points, float64(points)/took.Seconds(), size, machine())
	if err != nil || *results == "" {
		return err
	}
	return writeResults(*results, files, ours)
}

// judged gives each value of a series its score, before the next one is read.
func judged(s nabFile) []float64 {
	var d anomaly.Detector
	scores := make([]float64, len(s.values))
	for i, v := range s.values {
		scores[i] = d.Add(s.times[i], v).Value
	}
	return scores
}

// causal fails when what comes later changes a score.
func causal(s nabFile, scores []float64) error {
	part := s
	n := len(s.values) * 6 / 10
	part.times, part.values = s.times[:n], s.values[:n]
	for i, score := range judged(part) {
		if score != scores[i] {
			return fmt.Errorf("%w: %s: row %d scores %v alone and %v in the whole file", errMissed, s.name, i, score, scores[i])
		}
	}
	return nil
}

// stateSize is how many bytes the largest detector is kept in.
func stateSize(files []nabFile) (most int, err error) {
	for _, s := range files {
		var d anomaly.Detector
		for i, v := range s.values {
			d.Add(s.times[i], v)
		}
		kept, err := d.MarshalBinary()
		if err != nil {
			return 0, err
		}
		most = max(most, len(kept))
	}
	return most, nil
}

func scoreEach(files []nabFile, score func(nabFile) []float64) [][]float64 {
	all := make([][]float64, len(files))
	for k, s := range files {
		all[k] = score(s)
	}
	return all
}

// clockFloor gives an alarm at ten places of a file, whatever is in it. It knows the file's length, as no detector may.
func clockFloor(s nabFile) []float64 {
	scores := make([]float64, len(s.values))
	for k := 1; k < 10; k++ {
		scores[k*len(scores)/10] = 1
	}
	return scores
}

// rangeFloor gives an alarm for each value that is outside of all before it by a twentieth of their range.
func rangeFloor(s nabFile) []float64 {
	scores := make([]float64, len(s.values))
	lo, hi := math.Inf(1), math.Inf(-1)
	for i, v := range s.values {
		if margin := 0.05 * (hi - lo); i > 1 && hi > lo && (v > hi+margin || v < lo-margin) {
			scores[i] = 1
		}
		lo, hi = min(lo, v), max(hi, v)
	}
	return scores
}

// writeResults writes each file as NAB's own programs read it.
func writeResults(folder string, files []nabFile, scores [][]float64) error {
	for k, s := range files {
		path := filepath.Join(folder, "autopilot", s.group, "autopilot_"+filepath.Base(s.name))
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			return fmt.Errorf("nab: %w", err)
		}
		if err := writeResult(path, s, scores[k]); err != nil {
			return err
		}
	}
	return nil
}

func writeResult(path string, s nabFile, scores []float64) (err error) {
	f, err := os.Create(filepath.Clean(path))
	if err != nil {
		return fmt.Errorf("nab: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriter(f)
	if _, err := w.WriteString("timestamp,value,anomaly_score,label\n"); err != nil {
		return err
	}
	for i, v := range s.values {
		label := 0
		for _, x := range s.windows {
			if i >= x.first && i <= x.last {
				label = 1
			}
		}
		if _, err := fmt.Fprintf(w, "%s,%s,%s,%d\n", s.times[i].Format(time.DateTime), strconv.FormatFloat(v, 'g', -1, 64), strconv.FormatFloat(scores[i], 'f', 6, 64), label); err != nil {
			return err
		}
	}
	return w.Flush()
}
