package block

import (
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestPromtoolReadsWhatIsWritten dumps a block with promtool: series of one sample and of several chunks, steady times and odd ones,
// values whose bits share much and none.
func TestPromtoolReadsWhatIsWritten(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Fatal("promtool is not installed: apt-get install prometheus")
	}
	start := time.UnixMilli(1_780_000_000_000)
	end := start.Add(24 * time.Hour)
	rng := rand.New(rand.NewPCG(1, 2))
	type sample struct {
		at    int64
		value float64
	}
	histories := map[string][]sample{}
	add := func(name string, n int, gap func(i int) int64, value func(i int) float64) {
		at := start.UnixMilli()
		for i := 0; i < n && at < end.UnixMilli(); i++ {
			histories[name] = append(histories[name], sample{at, value(i)})
			at += gap(i)
		}
	}
	steady := func(int) int64 { return 30_000 }
	add("one", 1, steady, func(int) float64 { return -1.5 })
	add("steady", 1000, steady, func(i int) float64 { return float64(i / 7) })
	add("noise", 500, steady, func(int) float64 { return math.Float64frombits(rng.Uint64() &^ (1 << 62)) })
	add("flips", 300, steady, func(i int) float64 { return math.Float64frombits([]uint64{1, 1 << 63}[i%2]) })
	add("odd", 400, func(i int) int64 {
		return []int64{1, 8192 + 1, 1 << 16, 1 << 19, 1 << 21, 5, 5}[i%7] + rng.Int64N(100)
	}, func(i int) float64 { return 1 / float64(i+1) })
	dir := t.TempDir()
	err = Write(dir, 3, start, end, func(yield func([]Label, iter.Seq2[int64, float64]) bool) {
		for _, name := range []string{"flips", "noise", "none", "odd", "one", "steady"} {
			samples := func(yield func(int64, float64) bool) {
				for _, s := range histories[name] {
					if !yield(s.at, s.value) {
						return
					}
				}
			}
			if !yield([]Label{{"__name__", name}, {"pod", "pod-" + name}}, samples) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "wal"), 0o755); err != nil { // promtool wants a whole storage
		t.Fatal(err)
	}
	out, err := exec.Command(promtool, "tsdb", "dump", dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	line := func(name string, value float64, at int64) string {
		return fmt.Sprintf("%s %s %d", name, strconv.FormatFloat(value, 'g', -1, 64), at)
	}
	var got, want []string
	for name, all := range histories {
		for _, s := range all {
			want = append(want, line(fmt.Sprintf("{__name__=%q, pod=%q}", name, "pod-"+name), s.value, s.at))
		}
	}
	for text := range strings.Lines(string(out)) {
		labels, rest, _ := strings.Cut(strings.TrimSpace(text), "} ")
		var value float64
		var at int64
		if _, err := fmt.Sscan(rest, &value, &at); err != nil {
			t.Fatalf("promtool says %q: %v", text, err)
		}
		got = append(got, line(labels+"}", value, at))
	}
	slices.Sort(got)
	slices.Sort(want)
	if len(got) != len(want) {
		t.Errorf("promtool reads %d samples, %d were written", len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("promtool reads %q, want %q", got[i], want[i])
		}
	}
}

func TestCompare(t *testing.T) {
	a, b := []Label{{"a", "1"}}, []Label{{"a", "1"}, {"b", "1"}}
	if Compare(a, b) >= 0 || Compare(b, a) <= 0 || Compare(a, a) != 0 || Compare([]Label{{"a", "2"}}, b) <= 0 || Compare([]Label{{"b", "0"}}, b) <= 0 {
		t.Error("labels are not in Prometheus' order")
	}
}
