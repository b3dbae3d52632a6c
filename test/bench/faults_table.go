package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// showFaults prints what was found, by class, and what was missed. It fails on a false incident and on a fault that was never told.
func showFaults(out io.Writer, all []telling, alarms []falseAlarm, quietSince time.Time, quiet time.Duration) error {
	all = slices.SortedFunc(slices.Values(all), func(a, b telling) int {
		return cmp.Or(cmp.Compare(a.Class, b.Class), cmp.Compare(a.Play, b.Play), cmp.Compare(a.Workload, b.Workload))
	})
	byClass := table{{"class", "n", "simulated", "told", "top-1", "top-3", "told: median", "p95", "right cause: median", "p95"}}
	add := func(name string, of []telling) {
		var told, first, three, simulated int
		var seen, right []time.Duration
		for _, o := range of {
			if o.Nodes == "simulated" {
				simulated++
			}
			if o.Seen > 0 {
				told++
				seen = append(seen, o.Seen)
			}
			if o.Right > 0 {
				right = append(right, o.Right)
			}
			if o.among(1) {
				first++
			}
			if o.among(3) {
				three++
			}
		}
		row := []string{name, fmt.Sprint(len(of)), fmt.Sprint(simulated), fmt.Sprint(told), share(first, len(of)), share(three, len(of))}
		for _, times := range [][]time.Duration{seen, right} {
			s := spread(times)
			row = append(row, s[1], s[2])
		}
		byClass.add(row...)
	}
	for chunk := range chunks(all) {
		add(chunk[0].Class, chunk)
	}
	add("all", all)
	if err := byClass.print(out, "Faults told, and their first causes, on "+machine()); err != nil {
		return err
	}
	var missed []error
	misses := table{{"fault", "workload", "wanted", "said instead"}}
	for _, o := range all {
		said := strings.Join(o.Causes[:min(3, len(o.Causes))], ", ")
		switch {
		case o.Seen == 0:
			said = "nothing was told"
			missed = append(missed, fmt.Errorf("%w: %s, %s was never told", errMissed, o.Play, o.Workload))
		case len(o.Causes) == 0:
			said = "no cause"
		}
		if len(o.Lacks) > 0 {
			said += "; it lacks " + strings.Join(o.Lacks, ", ")
		}
		if !o.among(1) || len(o.Lacks) > 0 {
			misses.add(o.Play, o.Workload, strings.Join(o.Want, " or "), said)
		}
	}
	if err := misses.print(out, fmt.Sprintf("Misses: %d of %d", len(misses)-1, len(all))); err != nil {
		return err
	}
	untrue := table{{"false incidents", "n"}}
	inQuiet := 0
	for _, a := range alarms {
		if !quietSince.IsZero() && !a.at.Before(quietSince) {
			inQuiet++
		}
	}
	untrue.add("while faults were played", fmt.Sprint(len(alarms)-inQuiet))
	if !quietSince.IsZero() {
		untrue.add(fmt.Sprintf("in %s of nothing but what is innocent", quiet), fmt.Sprint(inQuiet))
	}
	for _, a := range alarms {
		untrue.add("  "+a.text, "")
		missed = append(missed, fmt.Errorf("%w: a false incident: %s", errMissed, a.text))
	}
	if err := untrue.print(out, "Told for nothing"); err != nil {
		return err
	}
	return errors.Join(missed...)
}

// chunks are the tellings of each class, which stand together.
func chunks(all []telling) func(func([]telling) bool) {
	return func(yield func([]telling) bool) {
		for from := 0; from < len(all); {
			to := from + 1
			for to < len(all) && all[to].Class == all[from].Class {
				to++
			}
			if !yield(all[from:to]) {
				return
			}
			from = to
		}
	}
}

func share(n, of int) string {
	if of == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", float64(n)/float64(of))
}
