package main

import (
	"bytes"
	"context"
	"encoding/gob"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// peer is another tool, and what it would request for each history.
type peer struct {
	name     string
	requests []float64
}

const margin = 1.15 // KRR's for memory, the VPA's and Crane's for both

// cpuPeers are the other tools' formulas at their defaults, but for least requests, which are about 10 millicores.
func cpuPeers(ctx context.Context, histories []history) ([]peer, error) {
	percentiles, err := vpa(ctx, histories, func(h history) vpaQuery {
		q := vpaQuery{HalfLife: 24 * time.Hour, Percentiles: []float64{0.5, 0.9, 0.99}}
		past := h.series.Until(h.at)
		for i, v := range past.Max {
			if !math.IsNaN(float64(v)) {
				q.Seconds = append(q.Seconds, past.Start.Add(time.Duration(i)*past.Step).Unix())
				q.Values = append(q.Values, float64(v))
			}
		}
		return q
	})
	if err != nil {
		return nil, err
	}
	histogram := func(which int) []float64 {
		requests := make([]float64, len(histories))
		for i, h := range histories {
			requests[i] = margin * percentiles[i][which]
			if which == 0 {
				// The lower bound widens by the VPA's confidence: days, or samples a minute each, whichever is less.
				confidence := min(h.series.Until(h.at).Days(), float64(len(h.before))/(24*60))
				requests[i] *= math.Pow(1+0.001/confidence, -2)
			}
		}
		return requests
	}
	return []peer{
		{"Goldilocks burstable", histogram(0)},
		{"VPA target", histogram(1)},
		{"KRR p95", each(histories, func(h history) float64 { return nearest(h.before, 0.95) })},
		{"p95 x1.25", each(histories, func(h history) float64 { return 1.25 * nearest(h.before, 0.95) })},
		{"Crane p99 x1.15", histogram(2)},
		{"Kubecost max/0.65", each(histories, func(h history) float64 { return nearest(h.before, 1) / 0.65 })},
		{"floor, 1.5 cores for all the time", each(histories, func(h history) float64 { return cheapest(h.before, 1.5) })},
		{"floor, 30 cores for all the time", each(histories, func(h history) float64 { return cheapest(h.before, 30) })},
	}, nil
}

// memoryPeers are the other tools' formulas, in shares of the limit.
func memoryPeers(ctx context.Context, containers []history) ([]peer, error) {
	// The VPA sees one peak in each 24 hours, Crane all samples without decay.
	peaks, err := vpa(ctx, containers, func(h history) vpaQuery {
		return vpaQuery{
			Memory: true, HalfLife: 24 * time.Hour, Percentiles: []float64{0.9},
			Seconds: []int64{h.at.Unix()}, Values: []float64{nearest(h.before, 1) * limitBytes},
		}
	})
	if err != nil {
		return nil, err
	}
	all, err := vpa(ctx, containers, func(h history) vpaQuery {
		q := vpaQuery{Memory: true, HalfLife: 1e4 * time.Hour, Percentiles: []float64{0.99}}
		for _, v := range h.before {
			q.Seconds, q.Values = append(q.Seconds, h.at.Unix()), append(q.Values, v*limitBytes)
		}
		return q
	})
	if err != nil {
		return nil, err
	}
	histogram := func(percentiles [][]float64) []float64 {
		requests := make([]float64, len(percentiles))
		for i, p := range percentiles {
			requests[i] = margin * p[0] / limitBytes
		}
		return requests
	}
	peers := []peer{
		{"KRR max x1.15", each(containers, func(h history) float64 { return margin * nearest(h.before, 1) })},
		{"VPA target", histogram(peaks)},
		{"Crane p99 x1.15", histogram(all)},
		{"Kubecost max/0.65", each(containers, func(h history) float64 { return nearest(h.before, 1) / 0.65 })},
	}
	for _, share := range []float64{0.03, 0.05, 0.08, 0.1, 0.12} {
		peers = append(peers, peer{fmt.Sprintf("floor, max + %.0f %% of the limit", 100*share), each(containers, func(h history) float64 {
			return min(nearest(h.before, 1)+share, 1)
		})})
	}
	return peers, nil
}

// vpaQuery is what the program in the folder vpa takes.
type vpaQuery struct {
	Memory      bool
	HalfLife    time.Duration
	Seconds     []int64
	Values      []float64
	Percentiles []float64
}

// vpa asks the Vertical Pod Autoscaler's own histogram code, which is a module of its own; the first build takes a minute or two.
func vpa(ctx context.Context, histories []history, ask func(history) vpaQuery) ([][]float64, error) {
	dir, err := benchDir(ctx)
	if err != nil {
		return nil, err
	}
	var questions, answers, complaints bytes.Buffer
	out := gob.NewEncoder(&questions)
	for _, h := range histories {
		q := ask(h)
		if !slices.IsSorted(q.Seconds) {
			return nil, fmt.Errorf("samples of %s are out of order", h.id)
		}
		if err := out.Encode(q); err != nil {
			return nil, err
		}
	}
	cmd := exec.CommandContext(ctx, "go", "run", ".")
	cmd.Dir = filepath.Join(dir, "vpa")
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=", "CGO_ENABLED=0")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = &questions, &answers, &complaints
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("the VPA's histogram: %w\n%s", err, complaints.String())
	}
	in := gob.NewDecoder(&answers)
	percentiles := make([][]float64, len(histories))
	for i := range percentiles {
		if err := in.Decode(&percentiles[i]); err != nil {
			return nil, fmt.Errorf("answer %d of the VPA's histogram: %w", i, err)
		}
	}
	return percentiles, nil
}

// benchDir is the folder of this file, for the module beside it.
func benchDir(ctx context.Context) (string, error) {
	if _, file, _, ok := runtime.Caller(0); ok && filepath.IsAbs(file) {
		if _, err := os.Stat(file); err == nil {
			return filepath.Dir(file), nil
		}
	}
	out, err := exec.CommandContext(ctx, "go", "list", "-f", "{{.Dir}}", "github.com/eks-autopilot/autopilot/test/bench").Output()
	if err != nil {
		return "", fmt.Errorf("find the source of test/bench: run inside a clone of the repository: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}
