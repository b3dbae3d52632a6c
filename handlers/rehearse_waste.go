package handlers

import (
	"context"
	"log/slog"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/waste"
)

// Findings looks for waste once, by what can be seen now: it remembers nothing, keeps nothing and spends nothing.
func Findings(ctx context.Context, w *Waste, cluster string, now time.Time, log *slog.Logger) (waste.Report, error) {
	once := &Waste{
		Memory: forgetful{}, Clusters: w.Clusters, Accounts: w.Accounts, Prices: w.Prices, Rules: w.Rules, Location: w.Location,
	}
	h := &Handlers{Waste: once, Now: func() time.Time { return now }, Log: log}
	return h.look(ctx, engine.Scan{Cluster: cluster, Started: now})
}

// forgetful is a Memory of somebody who never looked before.
type forgetful struct{}

// Since implements Memory.
func (forgetful) Since(context.Context) (map[string]time.Time, error) { return nil, nil }

// Muted implements Memory.
func (forgetful) Muted(context.Context) (map[string]bool, error) { return nil, nil }

// Kept implements Memory.
func (forgetful) Kept(context.Context) (map[string]int, error) { return nil, nil }

// Peaks implements Memory.
func (forgetful) Peaks(context.Context, string) (map[waste.ContainerKey][]waste.Peak, error) {
	return nil, nil
}

// SavePeaks implements Memory.
func (forgetful) SavePeaks(context.Context, string, map[waste.ContainerKey][]waste.Peak) error {
	return nil
}

// Thrifty is a PriceCache that keeps nothing and lets nobody make calls that are billed.
type Thrifty struct{}

// CachedPrice implements PriceCache.
func (Thrifty) CachedPrice(context.Context, string) (body []byte, at time.Time, ok bool, err error) {
	return nil, time.Time{}, false, nil
}

// CachePrice implements PriceCache.
func (Thrifty) CachePrice(context.Context, string, []byte, time.Time) error { return nil }

// SpendBilled implements PriceCache.
func (Thrifty) SpendBilled(context.Context, int, int, engine.MicroUSD) error {
	return engine.Errorf(engine.Forbidden, "a rehearsal makes no call that is billed")
}
