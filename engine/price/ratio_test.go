package price

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestEffective(t *testing.T) {
	b := New(Prices{Lists: []List{Embedded()}})
	bill := Bill{Payer: "0", Day: day(3), Lines: []Line{
		// 48 h of m5.large and 24 h of m5.xlarge at list are $9.216 in us-east-1.
		{Account: "1", Usage: "BoxUsage:m5.large", Amount: 2_304_000, Quantity: 48},
		{Account: "1", Usage: "BoxUsage:m5.xlarge", Amount: 4_608_000, Quantity: 24},
		{Account: "1", Usage: "EU-BoxUsage:m5.large", Amount: 2_568_000, Quantity: 24},
		{Account: "1", Usage: "BoxUsage:c5.large", Amount: 99 * usd, Quantity: 24},     // cannot be true: Windows, or a licence
		{Account: "1", Usage: "BoxUsage:m99.large", Amount: usd, Quantity: 24},         // no list price
		{Account: "1", Usage: "BoxUsage:t3.nano", Amount: 1000, Quantity: 1},           // too little to tell
		{Account: "1", Usage: "BoxUsage:r5.large", Amount: -5 * usd, Quantity: 24},     // a credit
		{Account: "1", Usage: "BoxUsage:r5.large", Amount: usd, Quantity: math.Inf(1)}, // absurd
		{Account: "1", Usage: "EBS:VolumeUsage.gp3", Amount: 7_200_000, Quantity: 100},
		{Account: "1", Usage: "EBS:SnapshotUsage", Amount: 4 * usd, Quantity: 100},
		{Account: "2", Usage: "EUC1-SpotUsage:m7i.xlarge", Amount: 2_400_000, Quantity: 24},
		{Account: "2", Service: "Amazon S3", Amount: 5 * usd, Quantity: 24},
	}, Purchases: []Purchase{
		{Usage: "BoxUsage:m5.large", Way: "Savings Plans", Quantity: 30},
		{Usage: "BoxUsage:m5.xlarge", Way: "Standard Reserved Instances", Quantity: 24},
		{Usage: "BoxUsage:m5.large", Way: "On Demand Instances", Quantity: 18},
		{Usage: "SpotUsage:m5.large", Way: "Spot Instances", Quantity: 500},
	}}
	ratios, spot := b.Effective([]Bill{bill, {Payer: "0", Day: day(2)}})
	want := []Ratio{
		{Account: "1", Region: "eu-west-1", Family: "m5", Paid: 1, Listed: 2_568_000, AsOf: day(3)},
		{Account: "1", Region: "us-east-1", Family: "EBS:gp3", Paid: 0.9, Listed: 8 * usd, AsOf: day(3)},
		{Account: "1", Region: "us-east-1", Family: "EBS:snapshot", Paid: 0.8, Listed: 5 * usd, AsOf: day(3)},
		{Account: "1", Region: "us-east-1", Family: "m5", Paid: 0.75, Covered: 0.75, Listed: 9_216_000, AsOf: day(3)},
	}
	if diff := cmp.Diff(want, ratios, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
		t.Errorf("ratios (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]SpotRate{{Account: "2", Region: "eu-central-1", Type: "m7i.xlarge", PerHour: 100_000, At: day(3)}}, spot); diff != "" {
		t.Errorf("spot (-want +got):\n%s", diff)
	}
	paid := New(Prices{Lists: []List{Embedded()}, Ratios: ratios, Spot: spot})
	if got := paid.Node(NodeFacts{Account: "1", Region: "us-east-1", Type: "m5.4xlarge", CPU: 16, GiB: 64}); got.PerHour != 576_000 || got.Basis.Covered != 0.75 {
		t.Errorf("an m5.4xlarge of account 1: %+v", got)
	}
	if got := paid.Volume(VolumeFacts{Account: "1", Region: "us-east-1", Type: "gp3", GiB: 10}); got.PerMonth != 720_000 || got.SnapshotPerMonth != 400_000 {
		t.Errorf("a volume of account 1: %+v", got)
	}
}

// What one payer has committed to covers nothing of another.
func TestEffectiveCoverIsOfOnePayer(t *testing.T) {
	of := func(payer, account, way string) Bill {
		return Bill{
			Payer: payer, Day: day(3), Lines: []Line{{Account: account, Usage: "BoxUsage:m5.large", Amount: 2_304_000, Quantity: 24}},
			Purchases: []Purchase{{Usage: "BoxUsage:m5.large", Way: way, Quantity: 24}},
		}
	}
	ratios, _ := New(Prices{Lists: []List{Embedded()}}).Effective([]Bill{of("0", "1", "Savings Plans"), of("9", "2", "On Demand Instances")})
	if len(ratios) != 2 || ratios[0].Covered != 1 || ratios[1].Covered != 0 {
		t.Errorf("accounts of two payers: %+v; want all of the first covered and nothing of the second", ratios)
	}
}

func TestParseUsage(t *testing.T) {
	for s, want := range map[string]usage{
		"BoxUsage:m5.large":                    {"us-east-1", nodeUsage, "m5.large", 0},
		"USE1-BoxUsage:m5.large":               {"us-east-1", nodeUsage, "m5.large", 0},
		"EUC1-SpotUsage:m7i-flex.large":        {"eu-central-1", spotUsage, "m7i-flex.large", 0},
		"EU-EBS:VolumeUsage.gp3":               {"eu-west-1", storageUsage, "gp3", 0},
		"EBS:VolumeUsage":                      {"us-east-1", storageUsage, "standard", 0},
		"APS3-EBS:VolumeUsage.piops":           {"ap-south-1", storageUsage, "io1", 0},
		"APS1-EBS:VolumeP-IOPS.piops":          {"ap-southeast-1", iopsUsage, "io1", 0},
		"EBS:VolumeP-IOPS.io2.tier2":           {"us-east-1", iopsUsage, "io2", 2},
		"EBS:VolumeP-Throughput.gp3":           {"us-east-1", throughputUsage, "gp3", 0},
		"SAE1-EBS:SnapshotUsage":               {"sa-east-1", snapshotUsage, "", 0},
		"USW2-AmazonEKS-Hours:perCluster":      {"us-west-2", clusterUsage, "", 0},
		"USW2-AmazonEKS-Hours:extendedSupport": {"us-west-2", extendedUsage, "", 0},
		"MARS1-BoxUsage:m5.large":              {"us-east-1", otherUsage, "", 0},
		"EUC1-NatGateway-Hours":                {"eu-central-1", otherUsage, "", 0},
		"":                                     {"us-east-1", otherUsage, "", 0},
	} {
		if got := parseUsage(s); got.kind != want.kind || got.of != want.of || got.tier != want.tier || (want.kind != otherUsage && got.region != want.region) {
			t.Errorf("%q: %+v; want %+v", s, got, want)
		}
	}
}

func FuzzParseUsage(f *testing.F) {
	for _, s := range []string{"EUC1-BoxUsage:m7i.xlarge", "EBS:VolumeP-IOPS.io2.tier2", "USE1-AmazonEKS-Hours:perCluster", "-:.", "EU-EBS:", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u := parseUsage(s)
		volume := u.kind == storageUsage || u.kind == iopsUsage || u.kind == throughputUsage
		if u.region == "" || volume && u.of == "" || u.kind == otherUsage && u.of != "" || len(u.of) > len(s)+len("standard") {
			t.Fatalf("%q: %+v", s, u)
		}
	})
}
