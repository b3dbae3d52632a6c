package price

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
)

func day(d int) time.Time { return time.Date(2026, 11, d, 0, 0, 0, 0, time.UTC) }

// Prices as AWS published them: the table must give every one of them to within the rounding of AWS.
func TestEmbeddedListGivesPublishedPrices(t *testing.T) {
	b := New(Prices{Lists: []List{Embedded()}})
	for _, tt := range []struct {
		region, instance string
		perHour          float64
	}{
		{"us-east-1", "m5.large", 0.096},
		{"us-east-1", "m5.24xlarge", 4.608},
		{"us-east-1", "m7i.48xlarge", 9.6768},
		{"us-east-1", "m7i-flex.large", 0.09576},
		{"us-east-1", "c7g.medium", 0.0363},
		{"us-east-1", "c6g.metal", 2.3066},
		{"us-east-1", "c5.18xlarge", 3.06},
		{"us-east-1", "c8i.96xlarge", 17.99232},
		{"us-east-1", "r8g.medium", 0.05891},
		{"us-east-1", "r7gd.16xlarge", 4.3546},
		{"us-east-1", "t3.nano", 0.0052},
		{"us-east-1", "t4g.2xlarge", 0.2688},
		{"us-east-1", "x2iedn.32xlarge", 26.676},
		{"us-east-1", "i4i.32xlarge", 10.9824},
		{"us-east-1", "g5.12xlarge", 5.672},
		{"us-east-1", "g4dn.xlarge", 0.526},
		{"us-east-1", "p5.48xlarge", 55.04},
		{"us-east-1", "r8a.48xlarge", 15.33696},
		{"us-east-1", "m6idn.32xlarge", 10.18368},
		{"eu-central-1", "m5.2xlarge", 0.46},
		{"eu-central-1", "m6i.32xlarge", 7.36},
		{"eu-central-1", "t3.medium", 0.048},
		{"eu-central-1", "c6in.24xlarge", 6.1992},
		{"eu-west-1", "c6i.8xlarge", 1.4592},
		{"eu-west-1", "c5.metal", 0},
		{"eu-west-1", "m7g.metal", 0},
		{"eu-west-1", "r7a.48xlarge", 16.34496},
		{"ap-south-1", "m7g.medium", 0.0292},
		{"ap-south-1", "c5a.24xlarge", 2.256},
		{"us-west-1", "t4g.micro", 0.01},
		{"ap-southeast-2", "m7i.xlarge", 0.252},
	} {
		got := b.Node(NodeFacts{Region: tt.region, Type: tt.instance, CPU: 2, GiB: 8})
		if tt.perHour == 0 {
			if got.Basis.Source != engine.PriceUnknown || got.PerHour != 0 {
				t.Errorf("%s in %s is not in the table, and costs %v", tt.instance, tt.region, got)
			}
			continue
		}
		if off := math.Abs(got.PerHour.Dollars()/tt.perHour - 1); off > 0.002 || got.Basis.Source != engine.PriceEmbedded {
			t.Errorf("%s in %s: %v (%s); published is %v", tt.instance, tt.region, got.PerHour.Dollars(), got.Basis.Source, tt.perHour)
		}
	}
	l := Embedded()
	if l.AsOf.IsZero() || l.AsOf.After(time.Date(2026, 1, 19, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("the table is dated %v", l.AsOf)
	}
	if len(l.Instances) < 2000 {
		t.Errorf("%d instance types and regions", len(l.Instances))
	}
	for _, r := range l.Instances {
		if r.PerHour <= 0 || r.PerHour > 100*engine.USD {
			t.Errorf("%+v", r)
		}
	}
}

func TestTableThatIsWrongIsRefused(t *testing.T) {
	for _, bad := range []string{
		`{`, `{"origins":[{"as_of":"soon"}]}`, `{"families":{"r":{"m5":1}}}`,
		`{"sizes":{"m5":"huge"},"families":{"r":{"m5":1}}}`, `{"sizes":{"m5":"-2xlarge"},"families":{"r":{"m5":1}}}`,
	} {
		if _, err := expand([]byte(bad)); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}

func TestUnknownIsNeverGuessed(t *testing.T) {
	b := New(Prices{Lists: []List{Embedded()}, Spot: []SpotRate{{Zone: "us-east-1a", Region: "us-east-1", Type: "m5.large", PerHour: 40000, At: day(1)}}})
	for _, f := range []NodeFacts{
		{Region: "us-east-1", Type: "m99.large"},
		{Region: "us-east-1", Type: "m5.7xlarge"},
		{Region: "mars-1", Type: "m5.large"},
		{},
		{Region: "us-east-1", Type: "m5.large", OS: "windows"},
		{Region: "us-east-1", Zone: "us-east-1b", Type: "m5.large", Spot: true},
		{Region: "us-east-1", Zone: "us-east-1a", Type: "m5.large", Spot: true, OS: "windows"},
	} {
		f.CPU, f.GiB = 2, 8
		got := b.Node(f)
		if got.PerHour != 0 || got.CPUHour != 0 || got.GiBHour != 0 || got.Basis.Source != engine.PriceUnknown || got.Basis.Note == "" {
			t.Errorf("%+v costs %+v", f, got)
		}
	}
	for _, f := range []VolumeFacts{
		{Region: "us-east-1", Type: "gp9", GiB: 1},
		{Region: "mars-1", Type: "gp3", GiB: 1},
		{Region: "us-east-1", Type: "gp3"},
		{Region: "us-east-1", Type: "gp3", GiB: -1},
		{Region: "us-east-1", Type: "gp3", GiB: 1, IOPS: -1},
		{Region: "us-east-1", Type: "gp3", GiB: math.MaxInt64},
		{Region: "us-east-1", Type: "io2", GiB: 1, IOPS: math.MaxInt64},
	} {
		if got := b.Volume(f); got.PerMonth != 0 || got.SnapshotPerMonth != 0 || got.Basis.Source != engine.PriceUnknown {
			t.Errorf("%+v costs %+v", f, got)
		}
	}
	if _, basis := New(Prices{}).Cluster("us-east-1", false); basis.Source != engine.PriceUnknown {
		t.Errorf("a control plane in an empty book: %+v", basis)
	}
}

func TestNode(t *testing.T) {
	api := List{Source: engine.PriceList, AsOf: day(20), Instances: []InstanceRate{
		{"eu-central-1", "m7i.xlarge", "linux", 250_000}, {"eu-central-1", "m5.xlarge", "linux", -1}, {"eu-central-1", "m7i.xlarge", "windows", 434_000},
	}}
	b := New(Prices{
		Lists: []List{api, Embedded()},
		Spot: []SpotRate{
			{Zone: "eu-central-1a", Region: "eu-central-1", Type: "m7i.xlarge", PerHour: 90_000, At: day(20)},
			{Zone: "eu-central-1a", Region: "eu-central-1", Type: "m7i.xlarge", PerHour: 100_000, At: day(21)},
			{Zone: "eu-central-1a", Region: "eu-central-1", Type: "m7i.xlarge", PerHour: 0, At: day(22)},
			{Account: "1", Region: "eu-central-1", Type: "m5.xlarge", PerHour: 70_000, At: day(19)},
		},
		Ratios: []Ratio{
			{Account: "1", Region: "eu-central-1", Family: "m7i", Paid: 0.6, Covered: 0.7, AsOf: day(21)},
			{Account: "1", Region: "eu-central-1", Family: "m7i", Paid: 0.5, AsOf: day(21)},
			{Account: "1", Region: "eu-central-1", Family: "m5", Paid: 1.9, AsOf: day(21)},
		},
	})
	facts := NodeFacts{Account: "1", Region: "eu-central-1", Zone: "eu-central-1a", Type: "m7i.xlarge", CPU: 4, GiB: 16}
	for _, tt := range []struct {
		name   string
		change func(*NodeFacts)
		want   engine.MicroUSD
		source engine.PriceSource
	}{
		{"paid", func(*NodeFacts) {}, 150_000, engine.PriceEffective},
		{"the list price of another account", func(f *NodeFacts) { f.Account = "2" }, 250_000, engine.PriceList},
		{"a Spot node is never scaled", func(f *NodeFacts) { f.Spot = true }, 100_000, engine.PriceSpot},
		{"what was paid for Spot, where the zone has no price", func(f *NodeFacts) { f.Spot, f.Type, f.Zone = true, "m5.xlarge", "eu-central-1c" }, 70_000, engine.PriceSpot},
		{"a ratio that cannot be true, and a negative price", func(f *NodeFacts) { f.Type = "m5.xlarge" }, 230_000, engine.PriceEmbedded},
		{"windows", func(f *NodeFacts) { f.OS, f.Account = "windows", "2" }, 434_000, engine.PriceList},
	} {
		f := facts
		tt.change(&f)
		if got := b.Node(f); got.PerHour != tt.want || got.Basis.Source != tt.source || got.Basis.AsOf.IsZero() {
			t.Errorf("%s: %+v; want %d, %s", tt.name, got, tt.want, tt.source)
		}
	}
	if got := b.Node(facts).Basis; got.Ratio != 0.6 || got.Covered != 0.7 || !strings.Contains(got.Note, "cover 70 % of m7i") {
		t.Errorf("basis: %+v", got)
	}
}

func TestGPUsThatAreNotCountedAreNotCPU(t *testing.T) {
	b := New(Prices{Lists: []List{Embedded()}})
	for _, name := range []string{"g4dn.xlarge", "p5.48xlarge", "inf2.xlarge", "trn1n.32xlarge", "gr6.4xlarge", "g5g.metal"} {
		got := b.Node(NodeFacts{Region: "us-east-1", Type: name, CPU: 4, GiB: 16})
		if got.PerHour == 0 || got.CPUHour != 0 || got.GiBHour != 0 || !strings.Contains(got.Basis.Note, "GPUs") {
			t.Errorf("%s: %+v", name, got)
		}
		if got := b.Node(NodeFacts{Region: "us-east-1", Type: name, CPU: 4, GiB: 16, GPUs: 1}); got.CPUHour == 0 || got.GPUHour == 0 || got.Basis.Note != "" {
			t.Errorf("%s with one: %+v", name, got)
		}
	}
	for _, name := range []string{"m5.large", "c7gd.medium", "r7i.large", "i4i.large", "t4g.nano", "x1.16xlarge"} {
		if got := b.Node(NodeFacts{Region: "us-east-1", Type: name, CPU: 4, GiB: 16}); got.CPUHour == 0 || got.Basis.Note != "" {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// The examples of the AWS documentation: an m5.xlarge for $1, and a p3.16xlarge for $10.
func TestSplitAsAWSDoes(t *testing.T) {
	cpu, gib, gpu := Split(engine.USD, 4, 16, 0)
	if diff := cmp.Diff([]engine.MicroUSD{173_077, 19_231, 0}, []engine.MicroUSD{cpu, gib, gpu}); diff != "" {
		t.Errorf("m5.xlarge (-want +got):\n%s", diff)
	}
	cpu, gib, gpu = Split(10*engine.USD, 64, 488, 8)
	if diff := cmp.Diff([]engine.MicroUSD{50_448, 5_605, 504_484}, []engine.MicroUSD{cpu, gib, gpu}); diff != "" {
		t.Errorf("p3.16xlarge (-want +got):\n%s", diff)
	}
	for _, bad := range [][2]float64{{0, 0}, {-4, 16}, {4, -1}, {math.NaN(), 1}} {
		if cpu, gib, _ := Split(engine.USD, bad[0], bad[1], 0); cpu != 0 || gib != 0 {
			t.Errorf("%v: %v, %v", bad, cpu, gib)
		}
	}
}

func TestSplitComesToThePrice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		per := engine.MicroUSD(rapid.Int64Range(1, 200_000_000).Draw(t, "price"))
		cpu, gib := rapid.Float64Range(0.25, 448).Draw(t, "cpu"), rapid.Float64Range(0.5, 24_000).Draw(t, "gib")
		gpus := rapid.IntRange(0, 16).Draw(t, "gpus")
		c, g, u := Split(per, cpu, gib, gpus)
		sum := float64(c)*cpu + float64(g)*gib + float64(u)*float64(gpus)
		if off := math.Abs(sum - float64(per)); off > 0.5*(cpu+gib+float64(gpus))+1 {
			t.Fatalf("%d split into %d × %v + %d × %v + %d × %d = %v", per, c, cpu, g, gib, u, gpus, sum)
		}
	})
}

func TestVolume(t *testing.T) {
	b := New(Prices{Lists: []List{Embedded()}, Ratios: []Ratio{{Account: "9", Region: "us-east-1", Family: "EBS:gp3", Paid: 0.9, AsOf: day(1)}}})
	const usd = engine.USD
	for _, tt := range []struct {
		name            string
		f               VolumeFacts
		month, snapshot engine.MicroUSD
		note            string
	}{
		{"gp2", VolumeFacts{Region: "us-east-1", Type: "gp2", GiB: 100, IOPS: 300}, 10 * usd, 5 * usd, ""},
		{"gp3 as it comes", VolumeFacts{Region: "us-east-1", Type: "gp3", GiB: 100, IOPS: 3000, Throughput: 125}, 8 * usd, 5 * usd, ""},
		{"gp3 with more", VolumeFacts{Region: "us-west-2", Type: "gp3", GiB: 100, IOPS: 4000, Throughput: 225}, 17 * usd, 5 * usd, ""},
		{"io1", VolumeFacts{Region: "us-east-1", Type: "io1", GiB: 100, IOPS: 1000}, 77_500_000, 5 * usd, ""},
		{"io2 in three tiers", VolumeFacts{Region: "us-east-1", Type: "io2", GiB: 100, IOPS: 70_000}, 12_500_000 + 2080*usd + 1472*usd + 192*usd, 5 * usd, ""},
		{"st1", VolumeFacts{Region: "us-east-1", Type: "st1", GiB: 500}, 22_500_000, 25 * usd, ""},
		{"standard", VolumeFacts{Region: "us-east-1", Type: "standard", GiB: 10}, 500_000, 500_000, ""},
		{"paid", VolumeFacts{Account: "9", Region: "us-east-1", Type: "gp3", GiB: 100}, 7_200_000, 5 * usd, "90 % of the list price"},
		{"throughput without a price", VolumeFacts{Region: "eu-central-1", Type: "gp3", GiB: 100, Throughput: 500}, 9_520_000, 5_400_000, "without its throughput"},
		{"snapshots without a price", VolumeFacts{Region: "ap-south-1", Type: "gp2", GiB: 100}, 11_400_000, 11_400_000, "snapshots in ap-south-1 is not known"},
	} {
		got := b.Volume(tt.f)
		if got.PerMonth != tt.month || got.SnapshotPerMonth != tt.snapshot || (tt.note == "") != (got.Basis.Note == "") || !strings.Contains(got.Basis.Note, tt.note) {
			t.Errorf("%s: %+v; want %d and %d", tt.name, got, tt.month, tt.snapshot)
		}
	}
}

func TestCluster(t *testing.T) {
	b := New(Prices{Lists: []List{{Source: engine.PriceList, AsOf: day(1), Clusters: []ClusterRate{{Region: "us-east-1", Standard: 110_000}}}, Embedded()}})
	if got, basis := b.Cluster("us-east-1", false); got != 110_000 || basis.Source != engine.PriceList {
		t.Errorf("us-east-1: %v, %v", got, basis)
	}
	if got, basis := b.Cluster("us-east-1", true); got != 0 || basis.Source != engine.PriceUnknown {
		t.Errorf("extended support without a price: %v, %v", got, basis)
	}
	if got, _ := b.Cluster("eu-west-3", true); got != 600_000 {
		t.Errorf("extended support: %v", got)
	}
}

func TestAmount(t *testing.T) {
	for s, want := range map[string]float64{"0.0960000000": 0.096, " 1 ": 1, "0": 0} {
		if got, err := Amount(s); err != nil || got != want {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "-1", "NaN", "Inf", "+Inf", "1e300", "0.1 USD", "0x", strings.Repeat("9", 400)} {
		if got, err := Amount(s); engine.CodeOf(err) != engine.Invalid {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
}

func TestAdd(t *testing.T) {
	var l List
	for _, tt := range []struct {
		usage, unit string
		dollars     float64
	}{
		{"EUC1-BoxUsage:m7i.xlarge", "Hrs", 0.2415},
		{"EUC1-EBS:VolumeUsage.gp3", "GB-Mo", 0.0952},
		{"EUC1-EBS:VolumeP-IOPS.gp3", "IOPS-Mo", 0.006},
		{"EUC1-EBS:VolumeP-Throughput.gp3", "GiBps-mo", 49.152},
		{"EUC1-EBS:VolumeP-IOPS.io2", "IOPS-Mo", 0.078},
		{"EUC1-EBS:VolumeP-IOPS.io2.tier2", "IOPS-Mo", 0.0546},
		{"EUC1-EBS:VolumeP-IOPS.io2.tier3", "IOPS-Mo", 0.03822},
		{"EUC1-EBS:VolumeUsage.io2", "GB-Mo", 0.149},
		{"EUC1-EBS:SnapshotUsage", "GB-Mo", 0.054},
		{"EUC1-AmazonEKS-Hours:perCluster", "hours", 0.1},
		{"EUC1-AmazonEKS-Hours:extendedSupport", "Hours", 0.5},
		{"EUC1-NatGateway-Hours", "Hrs", 0.052},
		{"EUC1-SpotUsage:m7i.xlarge", "Hrs", 0.1},
		{"EUC1-BoxUsage:m5.large", "Hrs", 0},
	} {
		if err := l.Add("eu-central-1", tt.usage, "Linux", tt.unit, tt.dollars); err != nil {
			t.Errorf("%s: %v", tt.usage, err)
		}
	}
	want := List{
		Instances: []InstanceRate{{"eu-central-1", "m7i.xlarge", "linux", 241_500}},
		Volumes: []VolumeRate{
			{Region: "eu-central-1", Type: "gp3", GiB: 95_200, IOPS: 6000, MiBps: 48_000},
			{Region: "eu-central-1", Type: "io2", GiB: 149_000, IOPS: 78_000, IOPS2: 54_600, IOPS3: 38_220},
		},
		Snapshots: []SnapshotRate{{"eu-central-1", 54_000}},
		Clusters:  []ClusterRate{{"eu-central-1", 100_000, 500_000}},
	}
	if diff := cmp.Diff(want, l); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	l.Source = engine.PriceList
	if got, _ := New(Prices{Lists: []List{l}}).Cluster("eu-central-1", true); got != 600_000 {
		t.Errorf("extended support on top: %v", got)
	}
	for _, bad := range []struct {
		region, usage, unit string
		dollars             float64
	}{
		{"eu-central-1", "EUC1-BoxUsage:m5.large", "Quantity", 1},
		{"eu-central-1", "EUC1-BoxUsage:m5.large", "Hrs", -1},
		{"", "BoxUsage:m5.large", "Hrs", 1},
		{"eu-central-1", "EUC1-BoxUsage:m5.large", "Hrs", math.NaN()},
		{"eu-central-1", "EUC1-EBS:VolumeUsage.gp3", "Hrs", math.Inf(1)},
		{"eu-central-1", "EUC1-EBS:VolumeP-Throughput.gp3", "MiBps-mo", 0.04},
	} {
		if err := l.Add(bad.region, bad.usage, "Linux", bad.unit, bad.dollars); engine.CodeOf(err) != engine.Invalid {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}
