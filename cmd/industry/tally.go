package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
)

// growth is the width of a tally's buckets: a percentile is at most one in a hundred above the truth.
const growth = 1.01

// Tally counts how requests went and how long they took. The zero value is empty; its methods may be called from several goroutines.
type Tally struct {
	mu      sync.Mutex
	codes   map[string]int
	buckets map[int]int // by the logarithm of the duration
	n       int
	longest time.Duration
}

// Add counts a request.
func (t *Tally) Add(code string, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.codes == nil {
		t.codes, t.buckets = map[string]int{}, map[int]int{}
	}
	t.codes[code]++
	t.buckets[bucket(took)]++
	t.n++
	t.longest = max(t.longest, took)
}

// bucket is the lowest whose upper bound is not below the duration.
func bucket(took time.Duration) int {
	return int(math.Ceil(math.Log(float64(max(took, time.Microsecond))/float64(time.Microsecond)) / math.Log(growth)))
}

// quantile is a duration that the share q of all requests did not exceed; 0 of none. Its caller holds the lock.
func (t *Tally) quantile(q float64) time.Duration {
	rank, below := int(math.Ceil(q*float64(t.n))), 0
	for _, b := range slices.Sorted(maps.Keys(t.buckets)) {
		if below += t.buckets[b]; below >= rank {
			return min(time.Duration(math.Pow(growth, float64(b))*float64(time.Microsecond)), t.longest)
		}
	}
	return 0
}

// shown are the percentiles of a report.
var shown = []float64{0.5, 0.9, 0.95, 0.99, 0.999}

// report writes a table with a line for each target.
func report(w io.Writer, took time.Duration, tallies map[string]*Tally) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	head := []string{"target", "requests", "a second", "answers"}
	for _, q := range shown {
		head = append(head, "p"+strconv.FormatFloat(q*100, 'f', -1, 64))
	}
	_, _ = fmt.Fprintln(t, strings.Join(append(head, "max"), "\t"))
	for _, target := range slices.Sorted(maps.Keys(tallies)) {
		_, _ = fmt.Fprintln(t, strings.Join(append([]string{target}, tallies[target].line(took)...), "\t"))
	}
	return t.Flush() // it has kept what went wrong before
}

func (t *Tally) line(took time.Duration) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var codes []string
	for _, code := range slices.SortedFunc(maps.Keys(t.codes), func(a, b string) int {
		return cmp.Or(cmp.Compare(t.codes[b], t.codes[a]), cmp.Compare(a, b))
	}) {
		codes = append(codes, fmt.Sprintf("%s×%d", code, t.codes[code]))
	}
	line := []string{strconv.Itoa(t.n), strconv.FormatFloat(float64(t.n)/took.Seconds(), 'f', 1, 64), cmp.Or(strings.Join(codes, " "), "none")}
	for _, q := range shown {
		line = append(line, rounded(t.quantile(q)))
	}
	return append(line, rounded(t.longest))
}

func rounded(d time.Duration) string {
	if d >= 100*time.Millisecond {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(10 * time.Microsecond).String()
}
