package main

import (
	"bufio"
	"compress/gzip"
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

	"github.com/eks-autopilot/autopilot/engine/waste"
)

// history is what a workload used: what a request is made from, and what it is tried on.
type history struct {
	id     string
	series waste.Series // all of it
	at     time.Time    // when the request is made
	before []float64    // known samples until then, ascending
	after  []float64    // and from then on
	used   float64      // the sum of those
}

// split makes a history of a series and a time in it; false when there is nothing on one side.
func split(id string, s waste.Series, at time.Time) (history, bool) {
	h := history{id: id, series: s, at: at, before: s.Until(at).Known(), after: s.Since(at).Known()}
	slices.Sort(h.before)
	slices.Sort(h.after)
	for _, v := range h.after {
		h.used += v
	}
	return h, len(h.before) > 0 && len(h.after) > 0
}

const (
	slot       = 5 * time.Minute
	slotsDaily = int(24 * time.Hour / slot)
	// leastContainer is how many samples a container must have: fewer are the start of something.
	leastContainer = 20
)

// planetlab reads vm,day,values in percent of a core, and puts each machine's days where they were: between them nothing is known.
func planetlab(name string, least int) ([]history, error) {
	days := map[string]map[string]string{}
	err := lines(name, func(line string) error {
		fields := strings.SplitN(line, ",", 3)
		if len(fields) != 3 {
			return errors.New("want vm,day,values")
		}
		if days[fields[0]] == nil {
			days[fields[0]] = map[string]string{}
		}
		days[fields[0]][fields[1]] = fields[2]
		return nil
	})
	if err != nil {
		return nil, err
	}
	var all []history
	for _, id := range sortedKeys(days) {
		if len(days[id]) < least {
			continue
		}
		s, last, err := machineSeries(days[id])
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", name, id, err)
		}
		if h, ok := split(id, s, last); ok {
			all = append(all, h)
		}
	}
	return all, nil
}

// machineSeries gives the series of a machine from its days, and when the last of them begins.
func machineSeries(days map[string]string) (waste.Series, time.Time, error) {
	names := sortedKeys(days)
	var first, at time.Time
	s := waste.Series{Step: slot}
	for i, name := range names {
		var err error
		if at, err = time.Parse("20060102", name); err != nil {
			return s, at, err
		}
		if i == 0 {
			first = at
			s.Start = first
		}
		for int(at.Sub(first)/slot) > len(s.Max) {
			s.Max = append(s.Max, float32(math.NaN()))
		}
		for j, field := range strings.Fields(days[name]) {
			v, err := strconv.ParseFloat(field, 32)
			if err != nil || j >= slotsDaily {
				return s, at, fmt.Errorf("day %s: %q is not one of %d numbers", name, field, slotsDaily)
			}
			s.Max = append(s.Max, float32(v/100))
		}
	}
	return s, at, nil
}

// dayEarlier leaves the last day out, and the machines that have fewer than two days before the one that is last then.
func dayEarlier(machines []history) []history {
	var earlier []history
	for _, h := range machines {
		past := h.series.Until(h.at)
		for past.End().After(past.Start) && past.Since(past.End().Add(-24*time.Hour)).Count() == 0 {
			past = past.Until(past.End().Add(-24 * time.Hour))
		}
		if h, ok := split(h.id, past, past.End().Add(-24*time.Hour)); ok && h.series.Until(h.at).Days() > 1.5 {
			earlier = append(earlier, h)
		}
	}
	return earlier
}

// limitBytes stands for a container's limit, of which only the share is given: 64 GiB, so that no tool's least request or
// bucket is in the way.
const limitBytes = 64 << 30

// alibaba reads container,unix_seconds,share of limit, and puts the first half of each container's samples before the second.
func alibaba(name string) ([]history, error) {
	type sample struct {
		at    int64
		share float64
	}
	samples := map[string][]sample{}
	header := true
	err := lines(name, func(line string) error {
		if header {
			header = false
			return nil
		}
		fields := strings.Split(line, ",")
		if len(fields) != 3 {
			return errors.New("want container,unix_seconds,share")
		}
		at, errAt := strconv.ParseInt(fields[1], 10, 64)
		share, errShare := strconv.ParseFloat(fields[2], 64)
		samples[fields[0]] = append(samples[fields[0]], sample{at, share})
		return errors.Join(errAt, errShare)
	})
	if err != nil {
		return nil, err
	}
	var all []history
	for _, id := range sortedKeys(samples) {
		of := samples[id]
		if len(of) < leastContainer {
			continue
		}
		slices.SortFunc(of, func(a, b sample) int { return int(a.at - b.at) })
		s := waste.Series{Start: time.Unix(of[0].at, 0), Step: time.Minute}
		h := history{id: id, at: s.Start.Add(time.Duration(len(of)/2) * s.Step)}
		for i, one := range of {
			s.Max = append(s.Max, float32(one.share*limitBytes))
			if i < len(of)/2 {
				h.before = append(h.before, one.share)
			} else {
				h.after, h.used = append(h.after, one.share), h.used+one.share
			}
		}
		h.series = s
		slices.Sort(h.before)
		slices.Sort(h.after)
		all = append(all, h)
	}
	return all, nil
}

// nab reads the CPU series of the Numenta Anomaly Benchmark, in percent: a week, and the week after it. A folder that is not
// there has none.
func nab(dir string) ([]history, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*cpu_utilization*.csv"))
	if err != nil {
		return nil, err
	}
	var all []history
	for _, name := range files {
		of, err := readSeries(name, filepath.Base(name))
		if err != nil {
			return nil, err
		}
		if len(of.times) == 0 {
			continue
		}
		s := waste.Series{Start: of.times[0], Step: slot}
		for _, v := range of.values {
			s.Max = append(s.Max, float32(v/100))
		}
		if h, ok := split(of.name, s, s.Start.Add(7*24*time.Hour)); ok {
			all = append(all, h)
		}
	}
	return all, nil
}

// lines gives the lines of a compressed file.
func lines(name string, take func(line string) error) (err error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: -data names the folder above usage", err)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	in := bufio.NewReader(z)
	for n := 1; ; n++ {
		line, err := in.ReadString('\n')
		if line = strings.TrimSpace(line); line != "" {
			if err := take(line); err != nil {
				return fmt.Errorf("%s: line %d: %w", name, n, err)
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("%s: %w", name, err)
		}
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
