package handlers

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/ledger"
	"github.com/eks-autopilot/autopilot/engine/price"
	"github.com/eks-autopilot/autopilot/engine/waste"
)

// fakeChains is a SavingsLedger that keeps what ledger.Append lets it keep.
type fakeChains struct {
	findings []engine.Finding
	uses     map[int64]map[time.Time]ledger.Use
	bills    []price.Bill
	entries  []engine.LedgerEntry
	filter   engine.LedgerFilter
	saves    int
	told     []string // "verified 7: …", "reversed 7: …"
	over     bool     // the proposals take nothing more
	away     error
}

func (f *fakeChains) ToMeasure(context.Context) ([]engine.Finding, error) { return f.findings, f.away }

func (f *fakeChains) Uses(_ context.Context, from, to time.Time) (map[int64][]ledger.Use, error) {
	out := map[int64][]ledger.Use{}
	for id, days := range f.uses {
		for day, u := range days {
			if !day.Before(from) && day.Before(to) {
				out[id] = append(out[id], u)
			}
		}
	}
	return out, nil
}

func (f *fakeChains) SaveUses(_ context.Context, uses map[int64][]ledger.Use) error {
	f.saves++
	for id, days := range uses {
		for _, u := range days {
			if f.uses[id] == nil {
				f.uses[id] = map[time.Time]ledger.Use{}
			}
			f.uses[id][u.Day] = u
		}
	}
	return nil
}

func (f *fakeChains) Bills(context.Context, time.Time, time.Time) ([]price.Bill, error) {
	return f.bills, nil
}

func (f *fakeChains) OpenChains(context.Context) ([]engine.LedgerEntry, error) {
	var out []engine.LedgerEntry
	for _, c := range ledger.Chains(f.entries) {
		if s := ledger.State(c); s != engine.EntryReversed && s != engine.EntryDetected {
			out = append(out, c...)
		}
	}
	return out, nil
}

func (f *fakeChains) AppendLedger(_ context.Context, entries []engine.LedgerEntry) error {
	for _, e := range entries {
		var chain []engine.LedgerEntry
		for _, old := range f.entries {
			if old.Chain == e.Chain {
				chain = append(chain, old)
			}
		}
		kept, fresh, err := ledger.Append(chain, e)
		if err != nil {
			return err
		}
		if fresh {
			kept.ID = int64(len(f.entries) + 1)
			f.entries = append(f.entries, kept)
		}
	}
	return nil
}

func (f *fakeChains) Verified(ctx context.Context, proposal int64, entries []engine.LedgerEntry, line string) (engine.Proposal, error) {
	if f.over {
		return engine.Proposal{}, engine.Errorf(engine.Conflict, "proposal %d is over", proposal)
	}
	f.told = append(f.told, fmt.Sprintf("verified %d: %s", proposal, line))
	return engine.Proposal{}, f.AppendLedger(ctx, entries)
}

func (f *fakeChains) Reversed(_ context.Context, proposal int64, _ engine.Person, reason string) (engine.Proposal, error) {
	f.told = append(f.told, fmt.Sprintf("reversed %d: %s", proposal, reason))
	for _, c := range ledger.Chains(f.entries) {
		if ledger.Proposal(c) == proposal {
			if err := f.AppendLedger(context.Background(), []engine.LedgerEntry{{Chain: c[0].Chain, Kind: engine.EntryReversed, At: noon, Ref: reason}}); err != nil {
				return engine.Proposal{}, err
			}
		}
	}
	return engine.Proposal{}, nil
}

func (f *fakeChains) Ledger(_ context.Context, filter engine.LedgerFilter) (engine.Ledger, error) {
	f.filter = filter
	return ledger.Sum(f.entries, filter), f.away
}

func (f *fakeChains) LedgerEntries(_ context.Context, filter engine.LedgerFilter) ([]engine.LedgerEntry, error) {
	f.filter = filter
	return f.entries, f.away
}

// measureWorld has a cluster with a container of 2 cores that could be half a core, a group of four nodes of which one is idle, and
// an account with a volume that nobody wants.
type measureWorld struct {
	*Handlers
	t        *testing.T
	chains   *fakeChains
	clock    time.Time
	request  float64 // cores, as it is
	nodes    []string
	volume   bool
	seen     float64
	asked    []string // days, of Prometheus
	complete bool
}

var today = noon.UTC().Truncate(oneDay)

func newMeasureWorld(t *testing.T) *measureWorld {
	t.Helper()
	h, _ := wasteFixture(t)
	w := &measureWorld{Handlers: h, t: t, clock: noon, request: 2, nodes: []string{"n1", "n2", "n3", "n4"}, volume: true, seen: 1, complete: true}
	h.Now = func() time.Time { return w.clock }
	w.chains = &fakeChains{uses: map[int64]map[time.Time]ledger.Use{}}
	h.Waste.Ledger = w.chains
	list := engine.PriceBasis{Source: engine.PriceList}
	node := engine.Workload{Cluster: "prod", Kind: engine.KindNode, Name: "n1"}
	w.chains.findings = []engine.Finding{
		{
			ID: 1, Kind: engine.OverRequestedCPU, Monthly: 65 * engine.USD, Basis: list, Target: engine.Target{Workload: api, Container: "app"},
			Sizing: &engine.Sizing{Resource: engine.CPU, Old: 2000, New: 500, Replicas: 2, Unit: 30_000},
		},
		{
			ID: 2, Kind: engine.IdleNode, Monthly: 146 * engine.USD, Cash: true, Basis: list, Target: engine.Target{Workload: node},
			Node: &engine.NodeRemoval{Group: "workers", Instance: "m5.large"},
		},
		{
			ID: 3, Kind: engine.OrphanVolume, Monthly: 7_300_000, Cash: true, Basis: list,
			Target: engine.Target{Workload: engine.Workload{Kind: engine.KindVolume, Name: "vol-0aa"}, Provider: "vol-0aa", Account: "1", Region: "eu-central-1"},
			Volume: &engine.VolumeRemoval{GiB: 80},
		},
	}
	h.Waste.Clusters = []WasteCluster{{Name: "prod", Account: "1", Region: "eu-central-1", Inventory: w.inventory, Day: w.day, Replicas: w.replicas}}
	h.Waste.Accounts[0].Inventory = func(context.Context) (waste.Account, []engine.Gap) {
		a := waste.Account{ID: "1", Region: "eu-central-1"}
		if w.volume {
			a.Volumes = []waste.Volume{{ID: "vol-0aa", CreatedAt: noon.AddDate(-1, 0, 0)}}
		}
		return a, nil
	}
	return w
}

func (w *measureWorld) inventory(context.Context) (waste.Cluster, []engine.Gap) {
	c := waste.Cluster{Name: "prod", Complete: w.complete}
	for _, name := range w.nodes {
		c.Nodes = append(c.Nodes, waste.Node{Node: &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"eks.amazonaws.com/nodegroup": "workers"}}}})
	}
	return c, nil
}

func (w *measureWorld) day(_ context.Context, _ *waste.Cluster, day time.Time, _ func(string, string) string) DayUse {
	w.asked = append(w.asked, day.Format(time.DateOnly))
	d := DayUse{Known: w.seen > 0, Seen: w.seen}
	for _, name := range w.nodes {
		d.Nodes = append(d.Nodes, price.NodeUse{Name: name, Hours: 24, CPU: 2, GiB: 8})
	}
	d.Pods = []price.PodUse{{CPUHours: 100, GiBHours: 400}}
	return d
}

func (w *measureWorld) replicas(_ context.Context, _ *waste.Cluster, _ time.Time, of []waste.ContainerKey) ReplicaUse {
	if !slices.Equal(of, []waste.ContainerKey{{Namespace: api.Namespace, Kind: api.Kind, Name: api.Name, Container: "app"}}) {
		w.t.Errorf("asked for %v", of)
	}
	return ReplicaUse{Seen: w.seen, Of: map[waste.ContainerKey]ReplicaHours{of[0]: {Hours: 48, CPUHours: 48 * w.request, GiBHours: 48}}}
}

func (w *measureWorld) tick() {
	w.t.Helper()
	if err := w.Tasks()[engine.TaskMeasure](w.t.Context(), engine.Task{Kind: engine.TaskMeasure}); err != nil {
		w.t.Fatal(err)
	}
}

// implement has all findings approved and implemented at the clock's time, with what is known of the days before.
func (w *measureWorld) implement() {
	w.t.Helper()
	for _, f := range w.chains.findings {
		var days []ledger.Use
		for _, u := range w.chains.uses[f.ID] {
			days = append(days, u)
		}
		b, err := ledger.Freeze(f, days, w.clock)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, kind := range []engine.EntryKind{engine.EntryDetected, engine.EntryApproved, engine.EntryImplemented} {
			e := engine.LedgerEntry{
				Chain: engine.LedgerChain(f.ID, 0), Kind: kind, At: w.clock, Finding: f.ID, Type: f.Kind, Target: f.Target, Team: "pay",
				Amount: f.Monthly, Low: f.Monthly, High: f.Monthly,
			}
			if kind == engine.EntryApproved {
				e.Proposal, e.Baseline = 7, &b
			}
			if err := w.chains.AppendLedger(w.t.Context(), []engine.LedgerEntry{e}); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

// saved gives what a chain saved on each day, oldest first, corrections too.
func (w *measureWorld) saved(finding int64) (all []engine.MicroUSD) {
	for _, e := range w.chains.entries {
		if e.Finding == finding && !e.Day.IsZero() {
			all = append(all, e.Amount)
		}
	}
	return all
}
