package ledger_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/ledger"
)

// monday is the day of the approvals; the day after is the first that is measured.
var monday = time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)

func dayAfter(n int) time.Time { return monday.AddDate(0, 0, n) }

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// cpu is a request of 2 cores that could be half a core, at 3 cents for a core an hour.
func cpu(id int64, name string) engine.Finding {
	return engine.Finding{
		ID: id, Kind: engine.OverRequestedCPU, Monthly: 65_700_000, Whole: 65_700_000,
		Target: engine.Target{Workload: engine.Workload{Cluster: "prod", Namespace: "payments", Kind: "Deployment", Name: name}, Container: "app"},
		Owner:  engine.Owner{Team: "pay"}, Basis: engine.PriceBasis{Source: engine.PriceList},
		Sizing: &engine.Sizing{Resource: engine.CPU, Old: 2000, New: 500, Replicas: 2, Unit: 30_000},
	}
}

// memory is a request of 4 GiB that could be 1 GiB, at half a cent for a GiB an hour.
func memory(id int64, name string) engine.Finding {
	f := cpu(id, name)
	f.Kind = engine.OverRequestedMemory
	f.Sizing = &engine.Sizing{Resource: engine.Memory, Old: 4 << 30, New: 1 << 30, Replicas: 2, Unit: 5_000}
	return f
}

// node is a node that costs 20 cents an hour.
func node(id int64, name string) engine.Finding {
	return engine.Finding{
		ID: id, Kind: engine.IdleNode, Monthly: 146 * engine.USD, Whole: 146 * engine.USD, Cash: true,
		Target: engine.Target{Workload: engine.Workload{Cluster: "prod", Kind: engine.KindNode, Name: name}, Account: "1", Region: "eu-central-1"},
		Basis:  engine.PriceBasis{Source: engine.PriceList}, Node: &engine.NodeRemoval{Group: "workers", Instance: "m7i.xlarge"},
	}
}

// volume is a disk that saves $7.30 a month.
func volume(id int64, name string) engine.Finding {
	return engine.Finding{
		ID: id, Kind: engine.OrphanVolume, Monthly: 7_300_000, Cash: true,
		Target: engine.Target{Workload: engine.Workload{Kind: engine.KindVolume, Name: name}, Provider: name, Account: "1", Region: "eu-central-1"},
		Basis:  engine.PriceBasis{Source: engine.PriceList}, Volume: &engine.VolumeRemoval{Type: "gp3", GiB: 80},
	}
}

// book keeps entries as the store does: it gives them ids, and refuses what ledger.Append refuses.
type book struct {
	t interface {
		Helper()
		Fatal(...any)
	}
	entries []engine.LedgerEntry
}

func (b *book) of(chain string) (list []engine.LedgerEntry) {
	for _, e := range b.entries {
		if e.Chain == chain {
			list = append(list, e)
		}
	}
	return list
}

func (b *book) try(e engine.LedgerEntry) (fresh bool, err error) {
	kept, fresh, err := ledger.Append(b.of(e.Chain), e)
	if err == nil && fresh {
		kept.ID = int64(len(b.entries) + 1)
		b.entries = append(b.entries, kept)
	}
	return fresh, err
}

func (b *book) add(entries ...engine.LedgerEntry) {
	b.t.Helper()
	for _, e := range entries {
		if e.At.IsZero() {
			e.At = dayAfter(30)
		}
		if _, err := b.try(e); err != nil {
			b.t.Fatal(err)
		}
	}
}

func entryOf(f engine.Finding, kind engine.EntryKind, at time.Time) engine.LedgerEntry {
	return engine.LedgerEntry{
		Chain: engine.LedgerChain(f.ID, f.Reopened), Kind: kind, At: at, Finding: f.ID, Type: f.Kind, Target: f.Target, Team: f.Owner.Team,
		Amount: f.Monthly, Low: f.Monthly, High: f.Monthly,
	}
}

// implement takes a finding from its detection to its implementation, on a day, with a baseline of the days before.
func (b *book) implement(f engine.Finding, at time.Time, days ...ledger.Use) engine.Baseline {
	b.t.Helper()
	base, err := ledger.Freeze(f, days, at)
	if err != nil {
		b.t.Fatal(err)
	}
	approved := entryOf(f, engine.EntryApproved, at)
	approved.Baseline, approved.Proposal = &base, f.ID
	implemented := entryOf(f, engine.EntryImplemented, at)
	implemented.Ref = "https://github.com/o/r/pull/1"
	b.add(entryOf(f, engine.EntryDetected, at), approved, implemented)
	return base
}

// measure measures a day and keeps what comes of it.
func (b *book) measure(day time.Time, uses map[int64]ledger.Use) ([]engine.LedgerEntry, []engine.Gap) {
	b.t.Helper()
	news, gaps := ledger.MeasureDay(day, b.entries, uses)
	b.add(news...)
	return news, gaps
}

// replicas is a day of a container: replica-hours, and what they requested in core-hours or GiB-hours.
func replicas(day time.Time, hours, units float64) ledger.Use {
	return ledger.Use{Day: day, Work: hours, Units: units, Seen: 1}
}

func nodes(day time.Time, hours float64) ledger.Use {
	return ledger.Use{Day: day, Work: hours, Least: hours, Seen: 1, Cores: 4, GiB: 16}
}
