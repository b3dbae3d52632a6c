package main

import (
	"strings"
	"testing"
)

const payerAccount = `aws:
  accounts:
    - id: "111111111111"
      regions: [eu-central-1]
`

func TestCostExport(t *testing.T) {
	c, err := parseConfig("f", []byte(smallest+payerAccount+"      cost_explorer: {}\n      cost_export: {database: cur, table: data_export, output: \"s3://b/p/\"}\n"))
	if err != nil {
		t.Fatal(err)
	}
	c.AWS.Accounts[0].Endpoint = "http://127.0.0.1:1"
	regions, err := connectRegions(t.Context(), c.AWS)
	if err != nil {
		t.Fatal(err)
	}
	if p := pricing(regions, nil, nil).Payers; len(p) != 1 || p[0].Splits == nil || p[0].Invoice == nil {
		t.Errorf("payers %+v; want one with splits and invoices", p)
	}
	if e := c.AWS.Accounts[0].CostExport.export(); e.Database != "cur" || e.Table != "data_export" || e.Output != "s3://b/p/" {
		t.Errorf("export %+v", e)
	}
	for text, want := range map[string]string{
		"      cost_export: {database: cur, table: t}\n":                                         "needs cost_explorer",
		"      cost_explorer: {}\n      cost_export: {database: cur}\n":                          "is no table of Athena",
		"      cost_explorer: {}\n      cost_export: {database: 'a;b', table: t}\n":              "is no database of Athena",
		"      cost_explorer: {}\n      cost_export: {database: a, table: t, region: mars}\n":    "is not an AWS region",
		"      cost_explorer: {}\n      cost_export: {database: a, table: t, output: /tmp/x}\n":  "is not in S3",
		"      cost_explorer: {}\n      cost_export: {database: a, table: t, bucket: nowhere}\n": "bucket",
	} {
		if _, err := parseConfig("f", []byte(smallest+payerAccount+text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", text, err, want)
		}
	}
}
