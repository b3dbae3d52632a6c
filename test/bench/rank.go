package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/rca"
)

// rank measures how long it takes to rank a large neighbourhood, and how much memory.
func rank(_ context.Context, args []string, out io.Writer) error {
	f := flag.NewFlagSet("rank", flag.ContinueOnError)
	workloads := f.Int("workloads", 2000, "how many workloads")
	series := f.Int("series", 50, "series of each")
	values := f.Int("values", 120, "values of each series, one a minute")
	runs := f.Int("runs", 11, "how often")
	if err := parse(f, args); err != nil {
		return err
	}
	if *workloads < 3 || *series < 3 || *values < 20 || *runs < 1 {
		_, _ = fmt.Fprintln(f.Output(), "rank needs at least 3 workloads, 3 series, 20 values and 1 run")
		return errUsage
	}
	g, nodes, alarm, cause := bigNeighbourhood(*workloads, *series, *values)
	var took []time.Duration
	var allocated uint64
	for range *runs {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		began := time.Now()
		suspects := rca.Blame(g, nodes, alarm)
		took = append(took, time.Since(began))
		runtime.ReadMemStats(&after)
		allocated = after.TotalAlloc - before.TotalAlloc
		if len(suspects) == 0 || suspects[0].Node != cause {
			return fmt.Errorf("%w: the first suspect is not %s", errMissed, cause)
		}
	}
	t := table{append([]string{""}, spreadHead...)}
	for _, row := range [][]string{append([]string{"time to rank"}, millis(took)...)} {
		t.add(row...)
	}
	if err := t.print(out, fmt.Sprintf("%d workloads with %d series of %d values each; one of them is slow, and those that call it wait", *workloads, *series, *values)); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\nThe values are %s; ranking allocates %s. One is first, as it should be: %s.\n%s\n",
		mebibytes(int64(*workloads)*int64(*series)*int64(*values)*16), mebibytes(int64(allocated)), cause, machine())
	return err
}

// bigNeighbourhood has a workload that burns CPU and is slow, callers that wait for it, and noise everywhere.
func bigNeighbourhood(workloads, series, values int) (rca.Graph, map[string]rca.Series, rca.Alarm, string) {
	random := rand.New(rand.NewPCG(6, 2026))
	name := func(k int) string { return fmt.Sprintf("shop/workload-%04d", k) }
	start := time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)
	onset := values - 10
	g, nodes := rca.Graph{}, make(map[string]rca.Series, workloads)
	cause := workloads - 1 - workloads/7
	waits := make([]bool, workloads)
	for k := workloads - 1; k >= 0; k-- {
		if k == cause-1 || k == 0 {
			g[name(k)] = append(g[name(k)], name(cause))
			waits[k] = true
		}
		for range min(3, workloads-1-k) {
			callee := k + 1 + random.IntN(workloads-1-k)
			g[name(k)] = append(g[name(k)], name(callee))
			waits[k] = waits[k] || callee == cause || waits[callee] && callee < cause
		}
	}
	for k := range workloads {
		s := make(rca.Series, series)
		for m := range series {
			measure := engine.Measure(fmt.Sprintf("measure-%02d", m))
			if m < len(engine.Measures) {
				measure = engine.Measures[m]
			}
			points := make([]engine.Point, values)
			for i := range points {
				v := 10 + random.NormFloat64()
				if i >= onset {
					switch {
					case k == cause && measure == engine.MeasureLatency:
						v += 40
					case k == cause && measure == engine.MeasureCPU:
						v += 20
					case waits[k] && measure == engine.MeasureLatency:
						v += 35
					}
				}
				points[i] = engine.Point{At: start.Add(time.Duration(i) * time.Minute).Unix(), Value: v}
			}
			s[measure] = points
		}
		nodes[name(k)] = s
	}
	return g, nodes, rca.Alarm{
		Node: name(0), Measure: engine.MeasureLatency,
		Onset: start.Add(time.Duration(onset) * time.Minute), Now: start.Add(time.Duration(values) * time.Minute),
	}, name(cause)
}

// millis is spread, in milliseconds.
func millis(values []time.Duration) []string {
	row := []string{fmt.Sprint(len(values))}
	for _, q := range []float64{0.5, 0.95, 0, 1} {
		row = append(row, fmt.Sprintf("%.0f ms", float64(quantile(values, q))/float64(time.Millisecond)))
	}
	return row
}
