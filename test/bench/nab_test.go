package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// labelledFile has 100 rows, of which the first 15 do not count, and a window from row 40 to row 49.
func labelledFile() nabFile {
	s := nabFile{name: "g/a.csv", group: "g", first: 15, windows: []rows{{40, 49}}, values: make([]float64, 100)}
	for i := range s.values {
		s.times = append(s.times, time.Date(2026, 11, 2, 0, 5*i, 0, 0, time.UTC))
	}
	return s
}

// TestNABScore holds the scorer to what its description says, worked out by hand: the first row of a window earns all, a row outside of it
// costs 0.11 at the most, what is missed costs 1, and only the best row of a window counts.
func TestNABScore(t *testing.T) {
	at := func(hits ...int) []detected {
		scores := make([]float64, 100)
		for _, i := range hits {
			scores[i] = 0.5
		}
		return detections([]nabFile{labelledFile()}, [][]float64{scores})
	}
	late := sigmoid(-0.1) / sigmoid(-1) // the last of ten rows
	for name, c := range map[string]struct {
		found []detected
		want  float64
	}{
		"nothing":                      {at(), -1},
		"the first row":                {at(40), 1},
		"the last row":                 {at(49), late},
		"all rows of it":               {at(40, 41, 42, 49), 1},
		"before any window":            {at(20), -1 - 0.11},
		"before rows count":            {at(3), -1},
		"right behind the window":      {at(40, 50), 1 + 0.11*sigmoid(1.0/9)},
		"far behind it, and it missed": {at(95), -1 - 0.11},
	} {
		whole := func(int) bool { return true }
		if got := earned(c.found, profiles[0], 0.5, 1, whole); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s earns %v, want %v", name, got, c.want)
		}
		if got := earned(c.found, profiles[0], 0.6, 1, whole); got != -1 {
			t.Errorf("%s earns %v above all its scores, want -1", name, got)
		}
		_, best := optimum(c.found, profiles[0], 1, whole)
		if want := max(-1, c.want); math.Abs(best-want) > 1e-12 {
			t.Errorf("%s earns %v at its best threshold, want %v", name, best, want)
		}
	}
	if a, b := normalised(-1, profiles[0], 1), normalised(1, profiles[0], 1); a != 0 || b != 100 {
		t.Errorf("nothing scores %v and all %v", a, b)
	}
}

// TestNAB runs the figure on a small benchmark, and on one of which a file is missing.
func TestNAB(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var lines strings.Builder
	lines.WriteString("timestamp,value\n")
	for i := range 600 {
		v := math.Sin(float64(i) / 20)
		if i == 500 {
			v = 40
		}
		fmt.Fprintf(&lines, "%s,%v\n", time.Date(2026, 11, 2, 0, 5*i, 0, 0, time.UTC).Format(time.DateTime), v)
	}
	at := func(i int) string {
		return time.Date(2026, 11, 2, 0, 5*i, 0, 0, time.UTC).Format("2006-01-02 15:04:05.000000")
	}
	write("data/g/a.csv", lines.String())
	write("windows.json", fmt.Sprintf(`{"g/a.csv": [["%s", "%s"]]}`, at(500), at(520)))
	var told, errs bytes.Buffer
	if code := run(t.Context(), []string{"nab", "-data", dir, "-out", out}, &told, &errs); code != 0 {
		t.Fatalf("exit %d: %s", code, &errs)
	}
	if !strings.Contains(told.String(), "1 files, 600 values") {
		t.Errorf("it said:\n%s", &told)
	}
	result, err := os.ReadFile(filepath.Join(out, "autopilot", "g", "autopilot_a.csv"))
	if err != nil {
		t.Fatal(err)
	}
	if rows := strings.Split(strings.TrimSpace(string(result)), "\n"); len(rows) != 601 || !strings.HasSuffix(rows[501], ",1") || strings.Contains(rows[501], ",0.000000,") {
		t.Errorf("%d rows, that of the anomaly is %q", len(rows), rows[min(501, len(rows)-1)])
	}
	write("data/g/empty.csv", "timestamp,value\n")
	write("windows.json", `{"g/a.csv": [], "g/empty.csv": []}`)
	if code := run(t.Context(), []string{"nab", "-data", dir}, &told, &errs); code != 1 || !strings.Contains(errs.String(), "g/empty.csv has no row") {
		t.Errorf("a file without rows: exit %d, %s", code, &errs)
	}
	write("windows.json", `{"g/a.csv": [], "g/b.csv": []}`)
	if code := run(t.Context(), []string{"nab", "-data", dir}, &told, &errs); code != 1 || !strings.Contains(errs.String(), "b.csv") {
		t.Errorf("without a file: exit %d, %s", code, &errs)
	}
}
