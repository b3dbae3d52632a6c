package handlers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/waste"
)

// gathered collects what several goroutines find.
type gathered struct {
	clusters []waste.Cluster
	accounts []waste.Account

	mu   sync.Mutex
	gaps []engine.Gap
	cost engine.ScanCost
	err  error
}

func (g *gathered) missing(gaps ...engine.Gap) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.gaps = append(g.gaps, gaps...)
}

func (g *gathered) spent(c engine.ScanCost) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.cost.Queries += c.Queries
	g.cost.ChunkReads += c.ChunkReads
	g.cost.Samples += c.Samples
	g.cost.Slowest = max(g.cost.Slowest, c.Slowest)
	g.cost.BilledCalls += c.BilledCalls
	g.cost.BilledAmount += c.BilledAmount
}

func (g *gathered) fail(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.err = errors.Join(g.err, err)
}

// gatherCluster lists a cluster and reads what its containers used.
func (h *Handlers) gatherCluster(ctx context.Context, g *gathered, w WasteCluster, scan engine.Scan) waste.Cluster {
	var c waste.Cluster
	err := h.within(ctx, listWithin, func(ctx context.Context) error {
		var gaps []engine.Gap
		c, gaps = w.Inventory(ctx)
		g.missing(gaps...)
		return ctx.Err()
	})
	if err != nil {
		g.missing(engine.Gap{Collector: w.Name, Reason: "the cluster was not listed: " + why(err, listWithin)})
		c.Complete = false
	}
	c.Name, c.Team = w.Name, w.Team
	c.EKSName, c.Account, c.Region = cmp.Or(w.EKSName, c.EKSName), cmp.Or(w.Account, c.Account), cmp.Or(w.Region, c.Region, regionOf(c))
	if !c.Complete {
		return c // nothing is said of it
	}
	if w.Usage == nil {
		c.Missing = append(c.Missing, waste.PartUsage)
		g.missing(engine.Gap{Collector: w.Name, Reason: noPrometheus})
		return c
	}
	peaks, err := h.Waste.Memory.Peaks(ctx, w.Name)
	if err != nil {
		g.fail(err)
		return c
	}
	err = h.within(ctx, usageWithin, func(ctx context.Context) error {
		used := w.Usage(ctx, &c, Wanted{Namespace: scan.Namespace, PeakDays: peakDays(peaks, scan.Started)})
		c.Usage = used.Usage
		if !used.Whole {
			c.Missing = append(c.Missing, waste.PartUsage)
		}
		g.spent(used.Cost)
		g.missing(used.Gaps...)
		return nil
	})
	if err != nil {
		c.Usage, c.Missing = nil, append(c.Missing, waste.PartUsage)
		g.missing(engine.Gap{Collector: w.Name, Reason: "Prometheus: " + why(err, usageWithin)})
		return c
	}
	changed := join(&c, peaks)
	if scan.Namespace != "" || lacking(c, waste.PartUsage) {
		return c // days that only some were seen on would pass for seen
	}
	if err := h.Waste.Memory.SavePeaks(ctx, c.Name, changed); err != nil {
		g.fail(err)
	}
	return c
}

const noPrometheus = "no Prometheus is configured"

func lacking(c waste.Cluster, p waste.Part) bool { return slices.Contains(c.Missing, p) }

// How far back Prometheus is asked for daily peaks. Of the newest days it is asked in any case, for the histories themselves.
const (
	allPeaks = 35
	newPeaks = 8
)

// peakDays tells how far back the peaks of a cluster must be read: all the way unless earlier scans saw all that came before.
func peakDays(remembered map[waste.ContainerKey][]waste.Peak, now time.Time) int {
	seen := map[time.Time]bool{}
	for _, peaks := range remembered {
		for _, p := range peaks {
			seen[p.Day] = true
		}
	}
	today := now.UTC().Truncate(24 * time.Hour)
	for back := newPeaks; back < allPeaks; back++ {
		if !seen[today.AddDate(0, 0, -back)] {
			return allPeaks
		}
	}
	return newPeaks
}

// join adds to the peaks of a cluster's containers those of earlier scans, and gives what is new.
func join(c *waste.Cluster, remembered map[waste.ContainerKey][]waste.Peak) (changed map[waste.ContainerKey][]waste.Peak) {
	read := make(map[waste.ContainerKey][]waste.Peak, len(c.Usage))
	for key, u := range c.Usage {
		read[key] = u.Peaks
	}
	all, changed := waste.Remember(remembered, read)
	for key, u := range c.Usage {
		u.Peaks = all[key]
		c.Usage[key] = u
	}
	return changed
}

// gatherAccount lists an account. Volumes are left out unless everyone who could want them is asked in the same scan.
func (h *Handlers) gatherAccount(ctx context.Context, g *gathered, w WasteAccount, scan engine.Scan) waste.Account {
	var a waste.Account
	err := h.within(ctx, listWithin, func(ctx context.Context) error {
		var gaps []engine.Gap
		a, gaps = w.Inventory(ctx)
		g.missing(gaps...)
		return ctx.Err()
	})
	if err == nil && a.ID != "" && a.ID != w.ID {
		err = engine.Errorf(engine.Invalid, "its role is one of account %s", a.ID)
	}
	if err != nil {
		a = waste.Account{}
	}
	a.ID, a.Region = w.ID, w.Region
	parts := []waste.Part{waste.PartVolumes, waste.PartSnapshots}
	if err != nil {
		parts = append(parts, waste.PartInstances, waste.PartGroups)
		g.missing(engine.Gap{Collector: w.ID + " " + w.Region, Reason: "the account was not listed: " + why(err, listWithin)})
	}
	if err != nil || scan.Cluster != "" || scan.Namespace != "" {
		a.Volumes, a.Snapshots = nil, nil
		for _, p := range parts {
			if !slices.Contains(a.Missing, p) {
				a.Missing = append(a.Missing, p)
			}
		}
	}
	return a
}

// within runs f with a deadline, and makes a panic an error.
func (h *Handlers) within(ctx context.Context, d time.Duration, f func(context.Context) error) (err error) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panicked: %v", p)
			h.Log.ErrorContext(ctx, "a part of a scan panicked", "error", err)
		}
	}()
	return f(ctx)
}

// why says in a few words why something could not be had.
func why(err error, limit time.Duration) string {
	switch e, ok := errors.AsType[*engine.Error](err); {
	case ok && e.Code != engine.Internal:
		return e.Message
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer within " + strings.TrimSuffix(limit.String(), "0s")
	}
	return "failed; the log has the reason"
}
