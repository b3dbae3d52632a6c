package main

import (
	"strings"
	"testing"

	"github.com/eks-autopilot/autopilot/engine"
)

func TestEKSNames(t *testing.T) {
	c := Config{Clusters: []ClusterConfig{
		{Name: "a", AWSAccount: "1", EKS: &EKSConfig{Name: "one", Region: "r"}},
		{Name: "b", EKS: &EKSConfig{Name: "two", Region: "r"}},
		{Name: "c", AWSAccount: "2", EKS: &EKSConfig{Name: "three", Region: "r"}},
		{Name: "d", AWSAccount: "1", EKS: &EKSConfig{Name: "four", Region: "q"}},
		{Name: "e", AWSAccount: "1", InCluster: true},
	}}
	if got := strings.Join(c.eksNames("1", "r"), " "); got != "one two" {
		t.Errorf("clusters of account 1 in r: %s", got)
	}
}

func TestRegionsAndPricing(t *testing.T) {
	c := AWSConfig{Accounts: []AWSAccountConfig{
		{ID: "111111111111", Regions: []string{"eu-central-1", "eu-west-1"}, CostExplorer: &CostExplorerConfig{DailyBudgetCalls: 7}, Endpoint: "http://127.0.0.1:1"},
		{ID: "222222222222", Name: "dev", Regions: []string{"eu-west-1"}, Endpoint: "http://127.0.0.1:1"},
	}}
	regions, err := connectRegions(t.Context(), c)
	if err != nil || len(regions) != 3 || regions[2].of.label() != "dev" || regions[0].of.label() != "111111111111" {
		t.Fatalf("regions %+v, %v", regions, err)
	}
	p := pricing(regions, nil, nil)
	if len(p.Payers) != 1 || p.Payers[0].ID != "111111111111" || p.Payers[0].Budget != 7 || p.Payers[0].Each != engine.USD/100 || len(p.Markets) != 2 || p.List == nil {
		t.Errorf("pricing %+v; want one payer and a market in each of two regions", p)
	}
	if p := pricing(nil, nil, nil); p.List != nil || len(p.Payers) != 0 {
		t.Errorf("without an account: %+v", p)
	}
	accounts := wasteAccounts(Config{}, regions)
	if len(accounts) != 3 || accounts[1].ID != "111111111111" || accounts[1].Region != "eu-west-1" {
		t.Errorf("accounts %+v", accounts)
	}
}

func TestCheckWaste(t *testing.T) {
	names := func(c Config) string {
		var all []string
		for _, check := range checkWaste(c) {
			all = append(all, check.Name+" "+string(check.Level))
		}
		return strings.Join(all, ", ")
	}
	if got := names(Config{}); got != "" {
		t.Errorf("switched off: %s", got)
	}
	c := Config{Waste: (&WasteConfig{}).withDefaults(), Clusters: []ClusterConfig{{Name: "a"}}}
	if got := names(c); got != "schedule ok, channel warn, aws warn, usage a warn" {
		t.Errorf("bare: %s", got)
	}
	c.AWS.Accounts = []AWSAccountConfig{{ID: "1"}}
	c.Slack.Channels.Savings, c.Clusters[0].Prometheus = "#savings", "http://p"
	if got := names(c); got != "schedule ok, account a warn" {
		t.Errorf("almost: %s", got)
	}
}
