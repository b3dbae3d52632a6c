package price

import (
	"math"
	"testing"
)

func TestUncovered(t *testing.T) {
	b := Bill{
		Lines: []Line{{Account: "1"}},
		Purchases: []Purchase{
			{Usage: "EUC1-BoxUsage:m7i.xlarge", Way: "On Demand Instances", Quantity: 30},
			{Usage: "EUC1-BoxUsage:m7i.xlarge", Way: "Savings Plans", Quantity: 100},
			{Usage: "EUC1-BoxUsage:m7i.xlarge", Way: "Convertible Reserved Instances", Quantity: 50},
			{Usage: "EUC1-BoxUsage:m7i.xlarge", Way: "On Demand Instances", Quantity: math.Inf(1)},
			{Usage: "EUC1-BoxUsage:m7i.large", Way: "On Demand Instances", Quantity: 7},
			{Usage: "EUC1-SpotUsage:m7i.xlarge", Way: "Spot Instances", Quantity: 11},
			{Usage: "BoxUsage:m7i.xlarge", Way: "On Demand Instances", Quantity: 13},
		},
	}
	for name, c := range map[string]struct {
		account, region, instance string
		spot                      bool
		hours                     float64
		known                     bool
	}{
		"on demand":       {"1", "eu-central-1", "m7i.xlarge", false, 30, true},
		"spot":            {"1", "eu-central-1", "m7i.xlarge", true, 11, true},
		"another region":  {"1", "us-east-1", "m7i.xlarge", false, 13, true},
		"none of it":      {"1", "eu-central-1", "c7i.large", false, 0, true},
		"another account": {"2", "eu-central-1", "m7i.xlarge", false, 0, false},
	} {
		if hours, known := b.Uncovered(c.account, c.region, c.instance, c.spot); hours != c.hours || known != c.known {
			t.Errorf("%s: %v hours, known %v; want %v, %v", name, hours, known, c.hours, c.known)
		}
	}
	b.Purchases = nil
	if _, known := b.Uncovered("1", "eu-central-1", "m7i.xlarge", false); known {
		t.Error("a bill that says nothing of purchases is known")
	}
}
