package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// table is figures in rows; the first row is the heading.
type table [][]string

func (t *table) add(cells ...string) { *t = append(*t, cells) }

// print writes the table under its title, columns aligned.
func (t table) print(w io.Writer, title string) error {
	if _, err := fmt.Fprintf(w, "\n%s\n", title); err != nil {
		return err
	}
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range t {
		if _, err := fmt.Fprintln(tab, "  "+strings.Join(row, "\t")); err != nil {
			return err
		}
	}
	return tab.Flush()
}

// quantile is the smallest of the values that at least the share q of them do not exceed (nearest rank); 0 of none.
func quantile(values []time.Duration, q float64) time.Duration {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	rank := int(math.Ceil(q * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// spread is the columns of a row of times: how many, median, 95th percentile, least and most.
func spread(values []time.Duration) []string {
	if len(values) == 0 {
		return []string{"0", "-", "-", "-", "-"}
	}
	return []string{
		fmt.Sprint(len(values)), seconds(quantile(values, 0.5)), seconds(quantile(values, 0.95)),
		seconds(slices.Min(values)), seconds(slices.Max(values)),
	}
}

// spreadHead is the heading of spread.
var spreadHead = []string{"runs", "median", "p95", "least", "most"}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

func mebibytes(bytes int64) string { return fmt.Sprintf("%.0f MiB", float64(bytes)/(1<<20)) }

// machine says what the figures were measured on, and how busy it was.
func machine() string {
	parts := []string{fmt.Sprintf("%d cores", runtime.NumCPU()), runtime.GOOS + "/" + runtime.GOARCH, runtime.Version()}
	if total, err := procField("/proc/meminfo", "MemTotal"); err == nil {
		parts = append(parts, fmt.Sprintf("%.0f GiB", float64(total)/(1<<30)))
	}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		parts = append(parts, "load average "+strings.Join(strings.Fields(string(load))[:3], " "))
	}
	return strings.Join(parts, ", ")
}
