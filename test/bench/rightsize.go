package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"github.com/eks-autopilot/autopilot/engine/waste"
)

// rightsize compares the requests that the bot proposes with those of other tools, on usage that was measured elsewhere: each is made
// from the earlier days and tried on the last one.
func rightsize(ctx context.Context, args []string, out io.Writer) error {
	f := flag.NewFlagSet("rightsize", flag.ContinueOnError)
	data := f.String("data", "", "folder with usage/planetlab-cpu.csv.gz, usage/alibaba-memory.csv.gz and, if there, nab/data")
	least := f.Int("days", 3, "days that a PlanetLab machine must have been seen on, the last among them")
	seed := f.Uint64("seed", 1, "of the synthetic series")
	requests := f.String("out", "", "file to write the proposed requests to, a line each: id,request (cores, or the share of the limit)")
	if err := parse(f, args); err != nil {
		return err
	}
	if *data == "" {
		_, _ = fmt.Fprintln(f.Output(), "rightsize needs -data, the folder of the measured usage")
		return errUsage
	}
	machines, err := planetlab(filepath.Join(*data, "usage", "planetlab-cpu.csv.gz"), *least)
	if err != nil {
		return err
	}
	containers, err := alibaba(filepath.Join(*data, "usage", "alibaba-memory.csv.gz"))
	if err != nil {
		return err
	}
	cloudwatch, err := nab(filepath.Join(*data, "nab", "data", "realAWSCloudwatch"))
	if err != nil {
		return err
	}
	for _, part := range []func() error{
		func() error {
			return compareCPU(ctx, out, fmt.Sprintf("CPU, %d PlanetLab machines", len(machines)), machines)
		},
		func() error { return spreadCPU(out, machines, *seed) },
		func() error { return foresightCPU(out, machines) },
		func() error {
			return compareCPU(ctx, out, fmt.Sprintf("CPU, %d NAB series", len(cloudwatch)), cloudwatch)
		},
		func() error { return compareMemory(ctx, out, containers) },
		func() error { return compareSynthetic(out, *seed) },
	} {
		if err := part(); err != nil {
			return err
		}
	}
	if *requests == "" {
		return nil
	}
	return writeRequests(*requests, machines, containers)
}

// compareCPU prints every tool's requests, and then each beside the bot's and the floor's at the same share over.
func compareCPU(ctx context.Context, out io.Writer, title string, histories []history) error {
	if len(histories) == 0 {
		return nil
	}
	peers, err := cpuPeers(ctx, histories)
	if err != nil {
		return err
	}
	floor, ours := floorCurve(histories), cpuCurve(histories)
	t := table{{"requests by", "slack", "samples over", "p95 over", "over in the worst tenth"}}
	for _, p := range peers {
		t.add(append([]string{p.name}, rate(histories, p.requests).cells()...)...)
	}
	for _, balance := range []float64{1.5, 5, 15, waste.Balance, 100} {
		name := fmt.Sprintf("Autopilot, a core for %.3g %% of the time", 100/balance)
		if balance == waste.Balance {
			name += " (as shipped)"
		}
		t.add(append([]string{name}, rate(histories, cpuRequests(histories, balance)).cells()...)...)
	}
	if err := t.print(out, title); err != nil {
		return err
	}
	t = table{{"at the share over of", "samples over", "its slack", "floor's", "Autopilot's", "its p95 over", "floor's", "Autopilot's", "its worst tenth", "floor's", "Autopilot's"}}
	for _, p := range peers {
		its := rate(histories, p.requests)
		f, okFloor := floor.at(its.over)
		a, okOurs := ours.at(its.over)
		if !okFloor || !okOurs {
			continue
		}
		t.add(p.name, percent(its.over), percent(its.slack), percent(f.slack), percent(a.slack), percent(its.high), percent(f.high), percent(a.high),
			percent(its.worst), percent(f.worst), percent(a.worst))
	}
	if err := t.print(out, title+", at an equal share of samples over"); err != nil {
		return err
	}
	t = table{{"at the slack of", "slack", "its samples over", "floor's", "Autopilot's", "its p95 over", "floor's", "Autopilot's", "its worst tenth", "floor's", "Autopilot's"}}
	for _, p := range peers {
		its := rate(histories, p.requests)
		f, okFloor := floor.level(its.slack)
		a, okOurs := ours.level(its.slack)
		if !okFloor || !okOurs {
			continue
		}
		t.add(p.name, percent(its.slack), percent(its.over), percent(f.over), percent(a.over), percent(its.high), percent(f.high), percent(a.high),
			percent(its.worst), percent(f.worst), percent(a.worst))
	}
	return t.print(out, title+", at an equal slack")
}

func compareMemory(ctx context.Context, out io.Writer, containers []history) error {
	peers, err := memoryPeers(ctx, containers)
	if err != nil {
		return err
	}
	t := table{{"requests by", "slack", "containers over"}}
	for _, p := range peers {
		s := rate(containers, p.requests)
		t.add(p.name, percent(s.slack), percent(s.breached))
	}
	for _, spread := range []float64{0.1, 0.2, 0.3, waste.Spread, 0.6} {
		name := fmt.Sprintf("Autopilot, %.0f %% of the limit for a full swing", 100*spread)
		if spread == waste.Spread {
			name += " (as shipped)"
		}
		s := rate(containers, memoryRequests(containers, spread))
		t.add(name, percent(s.slack), percent(s.breached))
	}
	return t.print(out, fmt.Sprintf("Memory, %d containers, first half against second (under a day: weak)", len(containers)))
}

func writeRequests(name string, machines, containers []history) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for _, of := range []struct {
		histories []history
		requests  []float64
	}{{machines, cpuRequests(machines, waste.Balance)}, {containers, memoryRequests(containers, waste.Spread)}} {
		for i, h := range of.histories {
			if _, err := fmt.Fprintf(f, "%s,%s\n", h.id, strconv.FormatFloat(of.requests[i], 'g', 6, 64)); err != nil {
				return err
			}
		}
	}
	return nil
}

func percent(share float64) string { return strconv.FormatFloat(100*share, 'f', 2, 64) + " %" }

func cpuRequests(histories []history, balance float64) []float64 {
	return each(histories, func(h history) float64 {
		d, ok := waste.CPUDemand(h.series, h.at)
		if !ok {
			return math.NaN()
		}
		return d.Request(balance)
	})
}

// memoryRequests treats a share of the limit as an amount of bytes; the bot's model knows no unit.
func memoryRequests(histories []history, spread float64) []float64 {
	return each(histories, func(h history) float64 {
		room, ok := waste.MemoryHeadroom(h.series, nil, limitBytes, h.at)
		if !ok {
			return math.NaN()
		}
		return room.Request(spread) / limitBytes
	})
}
