package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime/pprof"
	"strconv"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine/prom"
	"github.com/eks-autopilot/autopilot/engine/waste"
)

// wasteLoad is the part of a scan that is measured: the histories of a fleet, and the detection on them. It runs as a process of
// its own, for its memory to be its own.
func wasteLoad(ctx context.Context, args []string, out io.Writer) error {
	f := flag.NewFlagSet("bench waste-load", flag.ContinueOnError)
	var c fleetFlags
	c.bind(f)
	url := f.String("url", "", "of the Prometheus")
	profile := f.String("profile", "", "file for a profile of the processor time, for go tool pprof")
	if err := parse(f, args); err != nil {
		return err
	}
	if *profile != "" {
		file, err := os.Create(*profile)
		if err != nil {
			return err
		}
		defer file.Close()
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	cfg := prom.Config{URL: *url}
	if c.queries {
		cfg.Transport = noChunks{}
	}
	p, err := prom.Connect(cfg)
	if err != nil {
		return err
	}
	cluster := c.fleet().cluster()
	began := time.Now()
	r := p.Usage(ctx, prom.UsageWanted{Cluster: &cluster, At: fleetEnd})
	cluster.Usage = r.Usage
	if len(r.Unread) > 0 {
		return fmt.Errorf("not everything could be read: %v", r.Gaps)
	}
	took := time.Since(began)
	began = time.Now()
	outcome := waste.Scan(&waste.Snapshot{At: fleetEnd, Clusters: []waste.Cluster{cluster}}, waste.DefaultRules())
	l := loaded{
		Queries: r.Cost.Queries, Chunks: r.Cost.ChunkReads, Carried: r.Carried, Samples: r.Cost.Samples, Most: r.Most, Held: r.Peak, Slowest: r.Cost.Slowest,
		Load: took, Detect: time.Since(began), Findings: len(outcome.Findings),
	}
	if r.NoChunks != "" {
		l.Gaps = append(l.Gaps, "read by queries: "+r.NoChunks)
	}
	for _, u := range r.Usage {
		if u.CPU.Count() > 0 && u.Memory.Count() > 0 {
			l.Containers++
		}
	}
	for _, g := range r.Gaps {
		l.Gaps = append(l.Gaps, g.Reason)
	}
	return l.say(out)
}

// noChunks sends requests to a Prometheus that has no remote read.
type noChunks struct{}

// RoundTrip sends a request.
func (noChunks) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, "/api/v1/read") {
		return &http.Response{StatusCode: http.StatusNotFound, Body: http.NoBody, Request: r}, nil
	}
	return http.DefaultTransport.RoundTrip(r)
}

// say prints the line that the parent process reads.
func (l loaded) say(out io.Writer) error {
	me, err := residentOf(os.Getpid())
	if err != nil {
		return err
	}
	l.Resident = me.peak
	return json.NewEncoder(out).Encode(l)
}

// answers waits until a URL answers 200.
func answers(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// watched samples what a process takes.
type watched struct {
	pid     int
	began   time.Duration
	cost    serverCost
	quit    chan struct{}
	stopped chan struct{}
	err     error
}

// observe begins to sample a process' own memory, ten times a second.
func observe(pid int) (*watched, error) {
	w := &watched{pid: pid, quit: make(chan struct{}), stopped: make(chan struct{})}
	own, err := anonymous(pid)
	if err != nil {
		return nil, err
	}
	if w.began, err = processorTime(pid); err != nil {
		return nil, err
	}
	w.cost.Before, w.cost.Peak = own, own
	go func() {
		defer close(w.stopped)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-w.quit:
				return
			case <-tick.C:
			}
			own, err := anonymous(pid)
			if err != nil {
				w.err = err
				return
			}
			w.cost.Peak = max(w.cost.Peak, own)
		}
	}()
	return w, nil
}

func (w *watched) stop() (serverCost, error) {
	close(w.quit)
	<-w.stopped
	if w.err != nil {
		return w.cost, w.err
	}
	now, err := processorTime(w.pid)
	w.cost.CPU = now - w.began
	return w.cost, err
}

// anonymous is the memory of a process without the files that it maps.
func anonymous(pid int) (int64, error) {
	return procField(fmt.Sprintf("/proc/%d/status", pid), "RssAnon")
}

// processorTime is what a process has used so far, in ticks of 10 ms.
func processorTime(pid int) (time.Duration, error) { return statTime(pid, 2) }

// statTime adds up the first times of /proc/<pid>/stat: user, system, and both again of the children that have ended.
func statTime(pid, times int) (time.Duration, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(data), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 15 {
		return 0, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	var sum time.Duration
	for _, f := range fields[11 : 11+times] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(n) * 10 * time.Millisecond
	}
	return sum, nil
}
