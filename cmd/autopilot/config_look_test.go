package main

import (
	"strings"
	"testing"
)

func TestReadOnly(t *testing.T) {
	c, err := parseConfig("f", []byte(smallest+"read_only: true\n"))
	if err != nil || !c.ReadOnly {
		t.Fatalf("%t, %v", c.ReadOnly, err)
	}
	for section, where := range map[string]string{
		"remedies: {restart: true}\n": "remedies",
		"github: {}\n":                "github",
		"volumes: {remove: true}\n":   "volumes.remove",
		"chaos: {enabled: true}\n":    "chaos.enabled",
		"oncall: {pagerduty: {}}\n":   "oncall.pagerduty",
		"oncall: {opsgenie: {}}\n":    "oncall.opsgenie",
		payerAccount + "      cost_explorer: {}\n      cost_export: {database: cur, table: data_export}\n":                                            "aws.accounts[0].cost_export",
		"audit: {anchor: {bucket: company-audit, region: eu-central-1, account: \"111122223333\"}}\n":                                                 "audit.anchor",
		"reports: {deliveries: [{name: x, period: weekly, channel: \"#x\", s3: {bucket: b-c-d, region: eu-central-1, account: \"111122223333\"}}]}\n": "reports.deliveries[0].s3",
		"reports: {deliveries: [{name: x, period: weekly, channel: \"#x\", email: {to: [a@b.example], from: c@d.example, region: eu-central-1}}]}\n":  "reports.deliveries[0].email",
	} {
		_, err := parseConfig("f", []byte(smallest+"read_only: true\n"+section))
		if err == nil || !strings.Contains(err.Error(), where+": read_only is true") {
			t.Errorf("%s: %v; want it to name %s", section, err, where)
		}
	}
}

func TestShadow(t *testing.T) {
	const rest = `    shadow: "#shadow"
    savings: "#savings"
    namespaces: {payments: "#payments"}
    teams: {shop: "#shop"}
  team_label: team
oncall: {escalation: {critical: {mention: [S01ONCALL], after: 5m, times: 2}}}
waste: {}
anomalies: {costs: {channel: "#finops"}}
reports: {deliveries: [{name: week, period: weekly, channel: "#finops"}]}
`
	c, err := parseConfig("f", []byte(smallest+rest))
	if err != nil {
		t.Fatal(err)
	}
	if all := c.channels(); len(all) != 1 || all[0] != "#shadow" {
		t.Errorf("in the first week it tells in %v", all)
	}
	if len(c.OnCall.Escalation) > 0 {
		t.Errorf("somebody is woken: %+v", c.OnCall)
	}
	open, err := parseConfig("f", []byte(smallest+strings.Replace(rest, `    shadow: "#shadow"`+"\n", "", 1)))
	if err != nil || len(open.channels()) != 5 || len(open.OnCall.Escalation) != 1 {
		t.Errorf("without it: %v, %+v, %v", open.channels(), open.OnCall, err)
	}
	if _, err := parseConfig("f", []byte(smallest+"    shadow: shadow\n")); err == nil || !strings.Contains(err.Error(), `slack.channels.shadow: "shadow" is not a channel`) {
		t.Errorf("a channel without its mark: %v", err)
	}
}
