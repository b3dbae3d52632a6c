package price

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
)

var tuesday = time.Date(2026, 11, 10, 0, 0, 0, 0, time.UTC)

func TestRecordCheck(t *testing.T) {
	good := func() Record {
		return Record{
			Day:   tuesday,
			Bills: []Bill{{Payer: "1", Day: tuesday, Lines: []Line{{Amount: 5}, {Amount: -2}}}, {Day: tuesday, Lines: []Line{{Amount: 1}}}},
			Rows:  []Row{{Payer: "1", Day: tuesday, Amount: 3}, {Day: tuesday, Amount: 1}},
		}
	}
	if err := good().Check(); err != nil {
		t.Error(err)
	}
	for want, spoil := range map[string]func(*Record){
		"no day":                func(r *Record) { r.Day = r.Day.Add(time.Hour) },
		"two bills":             func(r *Record) { r.Bills[1].Payer = "1" },
		"is not of 2026-11-10":  func(r *Record) { r.Bills[0].Day = tuesday.AddDate(0, 0, 1) },
		"of none of the bills":  func(r *Record) { r.Rows[0].Payer = "2" },
		"-1 millionths":         func(r *Record) { r.Rows[0].Amount++ },
		"3 millionths":          func(r *Record) { r.Rows = r.Rows[1:] },
		"none of the bills of ": func(r *Record) { r.Rows[1].Day = tuesday.AddDate(0, 0, -1) },
	} {
		r := good()
		spoil(&r)
		if err := r.Check(); engine.CodeOf(err) != engine.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
}

func TestEstimate(t *testing.T) {
	b := New(Prices{Lists: []List{{
		Source: engine.PriceList, AsOf: tuesday,
		Instances: []InstanceRate{{Region: "eu-west-1", Type: "m5.large", OS: "linux", PerHour: 100_000}, {Region: "us-east-1", Type: "m5.large", OS: "linux", PerHour: 90_000}},
		Volumes:   []VolumeRate{{Region: "eu-west-1", Type: "gp3", GiB: 80_000}},
		Clusters:  []ClusterRate{{Standard: 100_000, Extended: 500_000}},
	}}})
	d := Day{
		Bill: Bill{Day: tuesday},
		Nodes: []NodeUse{
			{Cluster: "c", Name: "a", Account: "1", Region: "eu-west-1", Type: "m5.large", Hours: 24, CPU: 2, GiB: 8},
			{Cluster: "c", Name: "b", Account: "1", Region: "eu-west-1", Type: "m5.large", Hours: 12, CPU: 2, GiB: 8},
			{Cluster: "c", Name: "u", Account: "1", Region: "us-east-1", Type: "m5.large", Hours: 1, CPU: 2, GiB: 8},
			{Cluster: "c", Name: "x", Account: "1", Region: "eu-west-1", Hours: 24, CPU: 2, GiB: 8},
		},
		Volumes:  []VolumeUse{{Cluster: "c", Namespace: "n", Account: "1", Region: "eu-west-1", Type: "gp3", GiB: 300, Hours: 24}, {Cluster: "c", Account: "1", Region: "eu-west-1", Type: "gp3", Hours: 24}},
		Clusters: []ClusterUse{{Cluster: "c", Account: "1", Region: "eu-west-1", Hours: 24, Extended: 6}},
	}
	bill, unpriced := Estimate(d, b)
	if diff := cmp.Diff([]string{"nodes of type unknown in eu-west-1"}, unpriced); diff != "" {
		t.Error(diff)
	}
	// 36 and 1 hours of nodes, a thirtieth of a month of 300 GiB, 24 hours of a control plane, 6 of them at six times the price.
	if want := engine.MicroUSD(3_600_000 + 90_000 + 800_000 + 2_400_000 + 3_000_000); bill.Total() != want || !bill.Estimated || bill.Payer != "" {
		t.Errorf("bill %+v comes to %d, want %d", bill, bill.Total(), want)
	}
	d.Bill = bill
	rows, err := Allocate(d, DefaultRules())
	if err != nil {
		t.Fatal(err)
	}
	got := Sum(rows, engine.CostFilter{From: tuesday, To: tuesday.AddDate(0, 0, 1), By: engine.CostByNamespace})
	want := engine.Costs{
		CostFilter: got.CostFilter, Lines: []engine.CostLine{{Name: "n", Own: 800_000, Shared: 5_400_000, Amount: 6_200_000}},
		Idle: 3_690_000, Total: 9_890_000, Provisional: 9_890_000, Estimated: 9_890_000,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("every line finds who used it: %s", diff)
	}
}

func TestUsagePrefixesCanBeReadBack(t *testing.T) {
	for region, prefix := range prefixes {
		if u := parseUsage(prefix + "-BoxUsage:m5.large"); u.region != region || u.kind != nodeUsage || u.of != "m5.large" {
			t.Errorf("%s of %s is read as %+v", prefix, region, u)
		}
	}
}

func TestSumListsEverythingOnce(t *testing.T) {
	row := func(kind RowKind, cluster, namespace, team string, amount engine.MicroUSD) Row {
		return Row{Payer: "1", Day: tuesday, Kind: kind, Cluster: cluster, Namespace: namespace, Team: team, Amount: amount, Provisional: kind == RowIdle}
	}
	rows := []Row{
		row(RowWorkload, "c", "n", "a", 1), row(RowShared, "c", "n", "a", 2), row(RowWorkload, "c", "m", "", 4), row(RowShared, "c", "", "b", 8),
		row(RowShared, "c", "", "", 16), row(RowIdle, "c", "", "", 32), row(RowOutside, "", "", "", 64), row(RowUnallocatable, "", "", "", 128),
		row(RowAdjustment, "", "", "", -256),
		{Day: tuesday.AddDate(0, 0, 1), Amount: 1 << 20},
	}
	f := engine.CostFilter{From: tuesday, To: tuesday.AddDate(0, 0, 1)}
	for by, want := range map[engine.CostBy]engine.Costs{
		engine.CostByTeam: {
			Lines: []engine.CostLine{{Name: "b", Shared: 8, Amount: 8}, {Own: 4, Amount: 4}, {Name: "a", Own: 1, Shared: 2, Amount: 3}}, Idle: 32, Shared: 16,
		},
		engine.CostByNamespace: {
			Lines: []engine.CostLine{{Shared: 8, Amount: 8}, {Name: "m", Own: 4, Amount: 4}, {Name: "n", Own: 1, Shared: 2, Amount: 3}}, Idle: 32, Shared: 16,
		},
		engine.CostByCluster: {Lines: []engine.CostLine{{Name: "c", Own: 5, Shared: 26, Idle: 32, Amount: 63}}},
	} {
		f.By = by
		want.CostFilter, want.Outside, want.Unallocated, want.Adjustment, want.Total, want.Provisional = f, 64, 128, -256, -1, 32
		if diff := cmp.Diff(want, Sum(rows, f)); diff != "" {
			t.Errorf("by %s: %s", by, diff)
		}
	}
}

func TestAdded(t *testing.T) {
	adjust := func(account string, amount engine.MicroUSD) Row {
		return Row{Payer: "1", Day: tuesday, Account: account, Kind: RowAdjustment, What: "invoice less its days", Amount: amount}
	}
	before := []Row{{Account: "1", Amount: 100}, adjust("1", 5), adjust("1", -1), adjust("2", 7), adjust("3", 9)}
	got := Added(before, []Row{{Account: "1", Amount: 100}, adjust("1", 6), adjust("3", 9), adjust("4", 1)})
	if diff := cmp.Diff([]Row{adjust("1", 2), adjust("4", 1), adjust("2", -7)}, got); diff != "" {
		t.Error(diff)
	}
	if got := Added(before, before[:0]); len(got) != 3 {
		t.Errorf("all is taken back: %+v", got)
	}
}
