package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/digest"
)

func fullReports(t *testing.T) Config {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "config", "report_full.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := parseConfig("f", data)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestReportDefaults(t *testing.T) {
	c := fullReports(t)
	var got []any
	for _, d := range c.Reports.Deliveries {
		got = append(got, d.Schedule, d.TimeZone)
	}
	got = append(got, c.Reports.Units[0].ClusterOfQuery)
	if d := cmp.Diff([]any{"0 15 * * TUE", "UTC", "30 8 * * MON", "Europe/Berlin", "0 9 6 * *", "UTC", "prod"}, got); d != "" {
		t.Error(d)
	}
	c, err := parseConfig("f", []byte(smallest+"reports: {deliveries: [{name: b, period: monthly, s3: {bucket: bbb, prefix: /a/, region: eu-west-1, account: \"123456789012\"}}, {name: c, period: monthly, s3: {bucket: bbb, region: eu-west-1, account: \"123456789012\"}}]}\n"))
	if err != nil || c.Reports.Deliveries[0].S3.Prefix != "a" || c.Reports.Deliveries[1].S3.Prefix != "autopilot" {
		t.Errorf("%+v, %v", c.Reports.Deliveries, err)
	}
}

func TestReportRules(t *testing.T) {
	c := fullReports(t)
	want := digest.Rules{
		Budgets: []digest.BudgetRule{
			{Name: "all", Monthly: 40000 * engine.USD},
			{Name: "payments in prod", Scope: engine.DigestScope{Team: "payments", Cluster: "prod"}, Monthly: 1250_500_000},
		},
		Units: []digest.UnitRule{{Name: "request"}, {Name: "customer", Scope: engine.DigestScope{Team: "payments"}}},
		Hours: []digest.HourRule{{Namespace: "pay*", Severity: engine.Critical, PerHour: 5000 * engine.USD}, {PerHour: 10 * engine.USD}},
	}
	if d := cmp.Diff(want, c.Reports.rules()); d != "" {
		t.Error(d)
	}
	for _, channel := range []string{"#finops", "#finance", "C0123ABCD"} {
		if !slices.Contains(c.channels(), channel) {
			t.Errorf("nobody looks whether the bot is in %s", channel)
		}
	}
	if d := cmp.Diff(digest.Delivery{Name: "board", Kind: engine.Monthly, Channel: "#finance", Email: true, S3: true}, c.Reports.Deliveries[2].delivery()); d != "" {
		t.Error(d)
	}
}
