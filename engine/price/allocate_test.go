package price

import (
	"fmt"
	"maps"
	"math"
	"math/rand"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
)

const usd = engine.USD

// example is a day of one cluster, "prod", of account 1, and an account 2 without any.
func example() Day {
	return Day{
		Bill: Bill{Payer: "0", Day: day(10), Estimated: true, Lines: []Line{
			{Account: "1", Usage: "EUC1-BoxUsage:m7i.xlarge", Amount: 30 * usd, Quantity: 72}, // three, of which two are nodes
			{Account: "1", Usage: "EUC1-SpotUsage:m7i.xlarge", Amount: 4 * usd, Quantity: 24},
			{Account: "1", Usage: "EUC1-AmazonEKS-Hours:perCluster", Amount: 2_400_000, Quantity: 24},
			{Account: "1", Usage: "EUC1-EBS:VolumeUsage.gp3", Amount: 10 * usd, Quantity: 100},
			{Account: "1", Usage: "EUC1-NatGateway-Hours", Amount: 1_250_000, Quantity: 24},
			{Account: "1", Rest: true, Amount: -3 * usd},
			{Account: "2", Service: "Amazon Simple Storage Service", Amount: 7 * usd},
			{Account: "2", Service: "Tax", Amount: 1_900_000},
			{Account: "2", Usage: "EUC1-BoxUsage:m7i.xlarge", Amount: 5 * usd, Quantity: 24},
		}},
		Nodes: []NodeUse{
			{Cluster: "prod", Name: "a", Account: "1", Region: "eu-central-1", Type: "m7i.xlarge", Hours: 24, CPU: 4, GiB: 16},
			{Cluster: "prod", Name: "b", Account: "1", Region: "eu-central-1", Type: "m7i.xlarge", Hours: 24, CPU: 4, GiB: 16},
			{Cluster: "prod", Name: "s", Account: "1", Region: "eu-central-1", Type: "m7i.xlarge", Spot: true, Hours: 24, CPU: 4, GiB: 16},
		},
		Pods: []PodUse{
			{Cluster: "prod", Node: "a", Namespace: "pay", Team: "red", CPUHours: 48, GiBHours: 96},    // half the CPU, a quarter of the memory
			{Cluster: "prod", Node: "a", Namespace: "kube-system", CPUHours: 9.6, GiBHours: 38.4},      // a tenth
			{Cluster: "prod", Node: "b", Namespace: "shop", Team: "blue", CPUHours: 96, GiBHours: 384}, // all of it
			{Cluster: "prod", Node: "s", Namespace: "pay", Team: "red", CPUHours: 480, GiBHours: 0},    // five times the CPU
		},
		Volumes: []VolumeUse{
			{Cluster: "prod", Namespace: "shop", Team: "blue", Account: "1", Region: "eu-central-1", Type: "gp3", GiB: 1500, Hours: 24}, // 50 GB-months of 100
			{Cluster: "prod", Account: "1", Region: "eu-central-1", Type: "gp3", GiB: 600, Hours: 24},                                   // of a node
		},
		Clusters: []ClusterUse{{Cluster: "prod", Account: "1", Region: "eu-central-1", Hours: 24}},
	}
}

func allocate(t testing.TB, d Day, r Rules) []Row {
	t.Helper()
	rows, err := Allocate(d, r)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestAllocate(t *testing.T) {
	rules := DefaultRules()
	rules.Share = ShareNone
	rows := allocate(t, example(), rules)
	got := map[string]engine.MicroUSD{}
	for _, r := range rows {
		if r.Payer != "0" || !r.Day.Equal(day(10)) || !r.Provisional {
			t.Errorf("row %+v", r)
		}
		got[fmt.Sprintf("%s %s %s/%s %s %s", r.Account, r.Kind, r.Namespace, r.Team, r.Cluster, r.What)] = r.Amount
	}
	// A node costs $10: $6.923077 of CPU and $3.076923 of memory, for 9 × 4 : 16.
	cpu, gib := 10*36.0/52, 10*16.0/52
	spotCPU, spotGiB := 4*36.0/52, 4*16.0/52
	want := map[string]engine.MicroUSD{
		"1 workload pay/red prod nodes":                                   engine.Dollars(cpu/2 + gib/4 + spotCPU),
		"1 workload shop/blue prod nodes":                                 10 * usd,
		"1 shared / prod nodes":                                           1 * usd,
		"1 idle / prod nodes":                                             engine.Dollars(0.4*cpu + 0.65*gib + spotGiB),
		"1 workload shop/blue prod volumes":                               5 * usd,
		"1 shared / prod volumes":                                         2 * usd,
		"1 shared / prod control plane":                                   2_400_000,
		"1 outside /  EC2 instances":                                      10 * usd,
		"1 outside /  EBS":                                                3 * usd,
		"1 outside /  EC2 and EKS, other":                                 1_250_000,
		"1 unallocatable /  commitments, fees and credits of EC2 and EKS": -3 * usd,
		"2 outside /  Amazon Simple Storage Service":                      7 * usd,
		"2 unallocatable /  Tax":                                          1_900_000,
		"2 outside /  EC2 instances":                                      5 * usd,
	}
	for what, amount := range want {
		if off := got[what] - amount; off < -2 || off > 2 {
			t.Errorf("%s: %v; want %v", what, got[what], amount)
		}
		delete(got, what)
	}
	if len(got) > 0 {
		t.Errorf("beyond: %v", got)
	}
}

func total(rows []Row) (sum engine.MicroUSD) {
	for _, r := range rows {
		sum += r.Amount
	}
	return sum
}

func by(rows []Row, of func(Row) string) map[string]engine.MicroUSD {
	out := map[string]engine.MicroUSD{}
	for _, r := range rows {
		out[of(r)] += r.Amount
	}
	return out
}

func TestShare(t *testing.T) {
	shared := func(rows []Row) map[string]engine.MicroUSD {
		return by(slices.DeleteFunc(rows, func(r Row) bool { return r.Kind != RowShared }), func(r Row) string { return r.Namespace + "/" + r.Team })
	}
	const pool = 5_400_000 // nodes, disks of nodes and control plane
	for _, tt := range []struct {
		rules Rules
		want  map[string]engine.MicroUSD
	}{
		{Rules{Share: ShareEven}, map[string]engine.MicroUSD{"pay/red": pool / 2, "shop/blue": pool / 2}},
		{Rules{Share: ShareFixed, Fixed: map[string]float64{"red": 0.25, "green": 0.25}}, map[string]engine.MicroUSD{"/red": pool / 4, "/green": pool / 4, "/": pool / 2}},
		{Rules{Share: ShareNone}, map[string]engine.MicroUSD{"/": pool}},
	} {
		tt.rules.SharedNamespaces = DefaultRules().SharedNamespaces
		if diff := cmp.Diff(tt.want, shared(allocate(t, example(), tt.rules)), near); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.rules.Share, diff)
		}
	}
	rows := allocate(t, example(), DefaultRules())
	direct := by(slices.DeleteFunc(slices.Clone(rows), func(r Row) bool { return r.Kind != RowWorkload }), func(r Row) string { return r.Namespace + "/" + r.Team })
	for who, amount := range shared(rows) {
		want := pool * direct[who].Dollars() / (direct["pay/red"] + direct["shop/blue"]).Dollars()
		if off := float64(amount) - want; math.Abs(off) > 3 {
			t.Errorf("%s shares %v; want %v", who, amount, want)
		}
	}
	empty := example()
	empty.Pods, empty.Volumes = nil, empty.Volumes[1:]
	if diff := cmp.Diff(map[string]engine.MicroUSD{"/": 4_400_000}, shared(allocate(t, empty, DefaultRules())), near); diff != "" {
		t.Errorf("a cluster that nobody uses (-want +got):\n%s", diff)
	}
}

var near = cmp.Comparer(func(x, y engine.MicroUSD) bool { return x-y <= 3 && y-x <= 3 })

func TestRulesThatAreWrong(t *testing.T) {
	for _, r := range []Rules{
		{},
		{Share: "fair"},
		{Share: ShareFixed, Fixed: map[string]float64{"a": 0.6, "b": 0.6}},
		{Share: ShareFixed, Fixed: map[string]float64{"a": -0.1}},
		{Share: ShareFixed, Fixed: map[string]float64{"a": math.NaN()}},
	} {
		if _, err := Allocate(example(), r); engine.CodeOf(err) != engine.Invalid {
			t.Errorf("%+v: %v", r, err)
		}
	}
}

func TestSplitRowsReplaceOurs(t *testing.T) {
	d := example()
	d.Splits = []SplitRow{
		{Day: day(10), Cluster: "prod", Namespace: "pay", Used: 3 * usd, Unused: usd},
		{Day: day(10), Cluster: "prod", Namespace: "ml", Used: 6 * usd},
		{Day: day(9), Cluster: "prod", Namespace: "old", Used: 90 * usd},
		{Day: day(10), Cluster: "other", Namespace: "x", Used: 90 * usd},
	}
	rules := DefaultRules()
	rules.Share = ShareNone
	rows := allocate(t, d, rules)
	got := by(slices.DeleteFunc(slices.Clone(rows), func(r Row) bool { return r.What != ofNodes }), func(r Row) string { return string(r.Kind) + " " + r.Namespace + "/" + r.Team })
	want := map[string]engine.MicroUSD{"workload pay/red": 7_200_000, "workload ml/": 14_400_000, "idle /": 2_400_000} // of $24
	if diff := cmp.Diff(want, got, near); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if total(rows) != d.Bill.Total() {
		t.Errorf("%v of %v", total(rows), d.Bill.Total())
	}
}

func TestMoreUsedThanBilled(t *testing.T) {
	d := Day{
		Bill:  Bill{Day: day(1), Lines: []Line{{Account: "1", Usage: "BoxUsage:m5.large", Amount: 10 * usd, Quantity: 20}}},
		Nodes: []NodeUse{{Cluster: "c", Name: "n", Account: "1", Region: "us-east-1", Type: "m5.large", Hours: 24, CPU: 2, GiB: 8}},
		Pods:  []PodUse{{Cluster: "c", Node: "n", Namespace: "x", CPUHours: 480, GiBHours: 1920}},
	}
	if diff := cmp.Diff([]Row{{Day: day(1), Account: "1", Cluster: "c", Namespace: "x", Kind: RowWorkload, What: ofNodes, Amount: 10 * usd}}, allocate(t, d, DefaultRules())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestExtendedSupportIsOfItsCluster(t *testing.T) {
	d := Day{
		Bill: Bill{Day: day(1), Lines: []Line{
			{Account: "1", Usage: "USE1-AmazonEKS-Hours:perCluster", Amount: 4_800_000, Quantity: 48},
			{Account: "1", Usage: "USE1-AmazonEKS-Hours:extendedSupport", Amount: 12 * usd, Quantity: 24},
		}},
		Clusters: []ClusterUse{
			{Cluster: "old", Account: "1", Region: "us-east-1", Hours: 24, Extended: 24}, {Cluster: "new", Account: "1", Region: "us-east-1", Hours: 24},
		},
	}
	got := by(allocate(t, d, DefaultRules()), func(r Row) string { return r.Cluster })
	if diff := cmp.Diff(map[string]engine.MicroUSD{"old": 14_400_000, "new": 2_400_000}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// drawDay makes a day of any shape, with usage that does and does not match the bill, and numbers that are no numbers.
func drawDay(t *rapid.T, credits bool) (Day, Rules) {
	odd := rapid.SampledFrom([]float64{0, -1, math.NaN(), math.Inf(1), 1e300})
	number := func(name string, most float64) float64 {
		if rapid.IntRange(0, 19).Draw(t, name+" odd") == 0 {
			return odd.Draw(t, name)
		}
		return rapid.Float64Range(0, most).Draw(t, name)
	}
	pick := func(name string, from ...string) string { return rapid.SampledFrom(from).Draw(t, name) }
	account := func() string { return pick("account", "1", "2", "") }
	cluster := func() string { return pick("cluster", "x", "y") }
	instance := func() string { return pick("type", "m5.large", "p3.2xlarge") }
	node := func() string { return pick("node", "a", "b", "c") }
	namespace := func() string { return pick("namespace", "pay", "shop", "kube-system", "") }
	team := func() string { return pick("team", "red", "blue", "") }
	least := int64(0)
	if credits {
		least = -1_000_000_000
	}
	d := Day{Bill: Bill{Payer: "0", Day: day(10)}}
	for range rapid.IntRange(0, 12).Draw(t, "lines") {
		d.Bill.Lines = append(d.Bill.Lines, Line{
			Account: account(), Service: pick("service", "", "Tax", "Amazon S3"),
			Usage: pick("usage", "", "BoxUsage:m5.large", "SpotUsage:m5.large", "BoxUsage:p3.2xlarge", "EBS:VolumeUsage.gp3", "EBS:VolumeP-IOPS.gp3",
				"EBS:VolumeP-Throughput.gp3", "EBS:VolumeUsage", "AmazonEKS-Hours:perCluster", "XX-What:ever", "BoxUsage"),
			Rest:   rapid.Bool().Draw(t, "rest"),
			Amount: engine.MicroUSD(rapid.Int64Range(least, 5_000_000_000).Draw(t, "amount")), Quantity: number("quantity", 500),
		})
	}
	for range rapid.IntRange(0, 5).Draw(t, "nodes") {
		d.Nodes = append(d.Nodes, NodeUse{
			Cluster: cluster(), Name: node(), Account: account(), Region: "us-east-1", Type: instance(), Spot: rapid.Bool().Draw(t, "spot"),
			Hours: number("hours", 24), CPU: number("cpu", 64), GiB: number("gib", 512), GPU: number("gpu", 8),
		})
	}
	for range rapid.IntRange(0, 10).Draw(t, "pods") {
		d.Pods = append(d.Pods, PodUse{
			Cluster: cluster(), Node: node(), Namespace: namespace(), Team: team(),
			CPUHours: number("cpu hours", 1000), GiBHours: number("gib hours", 4000), GPUHours: number("gpu hours", 100),
		})
	}
	for range rapid.IntRange(0, 4).Draw(t, "volumes") {
		d.Volumes = append(d.Volumes, VolumeUse{
			Cluster: cluster(), Namespace: namespace(), Team: team(), Account: account(), Region: "us-east-1", Type: pick("volume", "gp3", "standard"),
			GiB: rapid.Int64Range(-10, 10_000).Draw(t, "size"), IOPS: rapid.Int64Range(0, 9000).Draw(t, "iops"), Throughput: rapid.Int64Range(0, 900).Draw(t, "throughput"),
			Hours: number("volume hours", 24),
		})
	}
	for range rapid.IntRange(0, 2).Draw(t, "clusters") {
		d.Clusters = append(d.Clusters, ClusterUse{Cluster: cluster(), Account: account(), Region: "us-east-1", Hours: number("cluster hours", 24)})
	}
	for range rapid.IntRange(0, 3).Draw(t, "splits") {
		d.Splits = append(d.Splits, SplitRow{
			Day: day(10), Cluster: cluster(), Namespace: namespace(),
			Used: engine.MicroUSD(rapid.Int64Range(-5, 90_000_000).Draw(t, "used")), Unused: engine.MicroUSD(rapid.Int64Range(-5, 9_000_000).Draw(t, "unused")),
		})
	}
	r := DefaultRules()
	r.Share = rapid.SampledFrom([]Share{ShareProportional, ShareEven, ShareFixed, ShareNone}).Draw(t, "share")
	r.Fixed = map[string]float64{"red": 0.3, "": 0.1, "blue": rapid.Float64Range(0, 0.6).Draw(t, "fixed")}
	return d, r
}

func TestRowsAddUpToTheBill(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, r := drawDay(t, true)
		rows, err := Allocate(d, r)
		if err != nil {
			t.Fatal(err)
		}
		if total(rows) != d.Bill.Total() {
			t.Fatalf("the rows come to %d µ$, the bill to %d", total(rows), d.Bill.Total())
		}
		accounts := map[string]engine.MicroUSD{}
		for _, l := range d.Bill.Lines {
			accounts[l.Account] += l.Amount
		}
		maps.DeleteFunc(accounts, func(_ string, m engine.MicroUSD) bool { return m == 0 })
		got := by(rows, func(r Row) string { return r.Account })
		maps.DeleteFunc(got, func(_ string, m engine.MicroUSD) bool { return m == 0 })
		if diff := cmp.Diff(accounts, got); diff != "" {
			t.Fatalf("by account (-bill +rows):\n%s", diff)
		}
	})
}

func TestNoRowIsNegativeWithoutCredits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, r := drawDay(t, false)
		rows, err := Allocate(d, r)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			if row.Amount <= 0 {
				t.Fatalf("row %+v", row)
			}
		}
	})
}

func TestOrderDecidesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, r := drawDay(t, true)
		want, err := Allocate(d, r)
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewSource(rapid.Int64().Draw(t, "seed")))
		mix := func(n int, swap func(i, j int)) { rng.Shuffle(n, swap) }
		o := d
		o.Bill.Lines, o.Nodes, o.Pods = slices.Clone(d.Bill.Lines), slices.Clone(d.Nodes), slices.Clone(d.Pods)
		o.Volumes, o.Clusters, o.Splits = slices.Clone(d.Volumes), slices.Clone(d.Clusters), slices.Clone(d.Splits)
		mix(len(o.Bill.Lines), func(i, j int) { o.Bill.Lines[i], o.Bill.Lines[j] = o.Bill.Lines[j], o.Bill.Lines[i] })
		mix(len(o.Nodes), func(i, j int) { o.Nodes[i], o.Nodes[j] = o.Nodes[j], o.Nodes[i] })
		mix(len(o.Pods), func(i, j int) { o.Pods[i], o.Pods[j] = o.Pods[j], o.Pods[i] })
		mix(len(o.Volumes), func(i, j int) { o.Volumes[i], o.Volumes[j] = o.Volumes[j], o.Volumes[i] })
		mix(len(o.Clusters), func(i, j int) { o.Clusters[i], o.Clusters[j] = o.Clusters[j], o.Clusters[i] })
		mix(len(o.Splits), func(i, j int) { o.Splits[i], o.Splits[j] = o.Splits[j], o.Splits[i] })
		got, err := Allocate(o, r)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("(-in order +out of order):\n%s", diff)
		}
	})
}

func TestApportion(t *testing.T) {
	for _, tt := range []struct {
		amount  engine.MicroUSD
		weights []float64
		want    []engine.MicroUSD
		rest    engine.MicroUSD
	}{
		{10, []float64{1, 1, 1}, []engine.MicroUSD{4, 3, 3}, 0},
		{-10, []float64{1, 1, 1}, []engine.MicroUSD{-4, -3, -3}, 0},
		{10, []float64{1, 2, 1}, []engine.MicroUSD{3, 5, 2}, 0},
		{7, []float64{0, math.NaN(), -3}, []engine.MicroUSD{0, 0, 0}, 7},
		{7, []float64{0, 5, math.Inf(1)}, []engine.MicroUSD{0, 7, 0}, 0},
		{7, nil, []engine.MicroUSD{}, 7},
		{math.MaxInt64, []float64{1, 0, 1}, []engine.MicroUSD{math.MaxInt64/2 + 1, 0, math.MaxInt64 / 2}, 0},
		{5, []float64{1e308, 1e308}, []engine.MicroUSD{0, 0}, 5},
	} {
		got, rest := apportion(tt.amount, tt.weights)
		if diff := cmp.Diff(tt.want, got); diff != "" || rest != tt.rest {
			t.Errorf("%d by %v: rest %d (-want +got):\n%s", tt.amount, tt.weights, rest, diff)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		amount := engine.MicroUSD(rapid.Int64().Draw(t, "amount"))
		weights := rapid.SliceOf(rapid.Float64()).Draw(t, "weights")
		if amount == math.MinInt64 {
			amount++
		}
		parts, sum := apportion(amount, weights)
		for _, p := range parts {
			if sum += p; (p < 0) != (amount < 0) && p != 0 {
				t.Fatalf("%d of %d", p, amount)
			}
		}
		if sum != amount {
			t.Fatalf("%d of %d", sum, amount)
		}
	})
}

func TestReconcile(t *testing.T) {
	november := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	rows := allocate(t, example(), DefaultRules())
	v := Invoice{Payer: "0", Month: november, Final: true, Accounts: map[string]engine.MicroUSD{"1": 50 * usd, "2": 13_900_000, "3": 2 * usd}}
	closed, err := Reconcile(v, rows)
	if err != nil {
		t.Fatal(err)
	}
	if total(closed) != v.Total() {
		t.Errorf("the rows come to %v, the invoice to %v", total(closed), v.Total())
	}
	adjusted := by(slices.DeleteFunc(slices.Clone(closed), func(r Row) bool { return r.Kind != RowAdjustment }), func(r Row) string { return r.Account })
	if diff := cmp.Diff(map[string]engine.MicroUSD{"1": 5_350_000, "3": 2 * usd}, adjusted); diff != "" {
		t.Errorf("adjustments (-want +got):\n%s", diff)
	}
	if slices.ContainsFunc(closed, func(r Row) bool { return r.Provisional }) {
		t.Error("a row of a closed month is provisional")
	}
	again, err := Reconcile(v, closed)
	if diff := cmp.Diff(closed, again); diff != "" || err != nil {
		t.Errorf("again: %v (-once +twice):\n%s", err, diff)
	}
	v.Final = false
	if _, err := Reconcile(v, rows); engine.CodeOf(err) != engine.Conflict {
		t.Errorf("a month that is open: %v", err)
	}
	v.Final, v.Month = true, november.AddDate(0, -1, 0)
	if _, err := Reconcile(v, rows); engine.CodeOf(err) != engine.Invalid {
		t.Errorf("another month: %v", err)
	}
}
