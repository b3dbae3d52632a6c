package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// nabFile is a file of the benchmark.
type nabFile struct {
	name, group string // "realTweets/Twitter_volume_IBM.csv", "realTweets"
	times       []time.Time
	values      []float64
	windows     []rows
	first       int // rows before it do not count
}

// rows are those of a window, both ends in it.
type rows struct{ first, last int }

// readNAB reads the benchmark. It fails when a file that has windows, or is said to have none, is missing: a score of a part is no score.
func readNAB(folder string) ([]nabFile, error) {
	var data []byte
	err := fs.ErrNotExist
	for _, path := range []string{"windows.json", "labels/combined_windows.json", "nab/windows.json", "nab/labels/combined_windows.json"} {
		if data, err = os.ReadFile(filepath.Join(folder, filepath.FromSlash(path))); err == nil {
			if strings.HasPrefix(path, "nab/") {
				folder = filepath.Join(folder, "nab")
			}
			break
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("nab: %w", err)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("nab: %s has neither windows.json nor labels/combined_windows.json", folder)
	}
	var windows map[string][][2]string
	if err := json.Unmarshal(data, &windows); err != nil {
		return nil, fmt.Errorf("nab: the windows are not file → [[start, end], …]: %w", err)
	}
	var files []nabFile
	for _, name := range slices.Sorted(maps.Keys(windows)) {
		s, err := readSeries(filepath.Join(folder, "data", filepath.FromSlash(name)), name)
		if err != nil {
			return nil, err
		}
		for _, w := range windows[name] {
			r, err := s.rowsOf(w)
			if err != nil {
				return nil, err
			}
			s.windows = append(s.windows, r)
		}
		files = append(files, s)
	}
	if len(files) == 0 {
		return nil, errors.New("nab: no file is labelled")
	}
	return files, nil
}

func readSeries(path, name string) (s nabFile, err error) {
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return s, fmt.Errorf("nab: a file of the windows is missing, and without it there is no score: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return s, fmt.Errorf("nab: %s: %w", name, err)
	}
	s.name, s.group = name, filepath.ToSlash(filepath.Dir(name))
	for i, line := range lines {
		if i == 0 {
			continue
		}
		if len(line) < 2 {
			return s, fmt.Errorf("nab: %s has %d columns; timestamp,value are wanted", name, len(line))
		}
		at, err := time.Parse(time.DateTime, line[0])
		if err != nil {
			return s, fmt.Errorf("nab: %s, line %d: %w", name, i+1, err)
		}
		v, err := strconv.ParseFloat(line[1], 64)
		if err != nil {
			return s, fmt.Errorf("nab: %s, line %d: %w", name, i+1, err)
		}
		s.times, s.values = append(s.times, at), append(s.values, v)
	}
	if len(s.values) == 0 {
		return s, fmt.Errorf("nab: %s has no row; timestamp,value are wanted", name)
	}
	s.first = min(len(s.values)*15/100, 750)
	return s, nil
}

// rowsOf finds a window's rows.
func (s *nabFile) rowsOf(window [2]string) (rows, error) {
	var ends [2]time.Time
	for k, text := range window {
		at, err := time.Parse("2006-01-02 15:04:05.999999", text)
		if err != nil {
			return rows{}, fmt.Errorf("nab: a window of %s: %w", s.name, err)
		}
		ends[k] = at
	}
	r := rows{first: -1}
	for i, at := range s.times {
		if at.Before(ends[0]) || at.After(ends[1]) {
			continue
		}
		if r.first < 0 {
			r.first = i
		}
		r.last = i
	}
	if r.first < 0 {
		return rows{}, fmt.Errorf("nab: no row of %s is in its window from %s to %s", s.name, window[0], window[1])
	}
	return r, nil
}
