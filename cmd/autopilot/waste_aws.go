package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/aws"
	"github.com/eks-autopilot/autopilot/engine/price"
	"github.com/eks-autopilot/autopilot/engine/waste"
	"github.com/eks-autopilot/autopilot/handlers"
)

// region is one region of a configured account.
type region struct {
	of     AWSAccountConfig
	name   string
	aws    *aws.Account
	export *aws.Account // where the account's export is; nil for none
}

// connectRegions prepares every region of every account and speaks to none.
func connectRegions(ctx context.Context, c AWSConfig) ([]region, error) {
	var all []region
	for _, a := range c.Accounts {
		export, err := a.connectExport(ctx)
		if err != nil {
			return nil, err
		}
		for _, r := range a.Regions {
			account, err := aws.Connect(ctx, aws.Config{
				Name: a.label(), Region: r, Role: a.RoleARN, ExternalID: a.ExternalID, Endpoint: a.Endpoint,
			})
			if err != nil {
				return nil, fmt.Errorf("aws account %s: %w", a.ID, err)
			}
			all = append(all, region{of: a, name: r, aws: account, export: export})
		}
	}
	return all, nil
}

// export is where split costs are asked for.
func (e CostExportConfig) export() aws.Export {
	return aws.Export{Workgroup: e.Workgroup, Database: e.Database, Table: e.Table, Output: e.Output}
}

// connectExport prepares the account in the region of its export; nil where none is configured.
func (a AWSAccountConfig) connectExport(ctx context.Context) (*aws.Account, error) {
	if a.CostExport == nil {
		return nil, nil
	}
	account, err := aws.Connect(ctx, aws.Config{
		Name: a.label(), Region: cmp.Or(a.CostExport.Region, a.Regions[0]), Role: a.RoleARN, ExternalID: a.ExternalID, Endpoint: a.Endpoint,
	})
	if err != nil {
		return nil, fmt.Errorf("aws account %s: cost_export: %w", a.ID, err)
	}
	return account, nil
}

// label names the account for people.
func (a AWSAccountConfig) label() string {
	if a.Name != "" {
		return a.Name
	}
	return a.ID
}

func wasteAccounts(c Config, regions []region) []handlers.WasteAccount {
	var all []handlers.WasteAccount
	for _, r := range regions {
		names := c.eksNames(r.of.ID, r.name)
		all = append(all, handlers.WasteAccount{
			ID: r.of.ID, Region: r.name,
			Inventory: func(ctx context.Context) (waste.Account, []engine.Gap) { return r.aws.Inventory(ctx, names) },
		})
	}
	return all
}

// eksNames are the EKS names of the configured clusters that an account and region have.
func (c Config) eksNames(account, region string) []string {
	names := map[string]bool{}
	for _, cl := range c.Clusters {
		if cl.EKS != nil && cl.EKS.Region == region && (cl.AWSAccount == account || cl.AWSAccount == "") {
			names[cl.EKS.Name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// pricing says whom to ask for prices: any account for the public ones, those with cost_explorer for what is paid.
func pricing(regions []region, cache handlers.PriceCache, log *slog.Logger) *handlers.Pricing {
	p := &handlers.Pricing{Cache: cache, Now: time.Now, Log: log}
	payers, markets := map[string]bool{}, map[string]bool{}
	for _, r := range regions {
		if !markets[r.name] {
			markets[r.name] = true
			p.Markets = append(p.Markets, handlers.Market{Region: r.name, Spot: r.aws.SpotPrices})
		}
		if explorer := r.of.CostExplorer; explorer != nil && !payers[r.of.ID] {
			payers[r.of.ID] = true
			payer := handlers.Payer{
				ID: r.of.ID, Budget: explorer.DailyBudgetCalls, Each: aws.CallPrice,
				Bills: func(ctx context.Context, m handlers.Meter, from, to time.Time) ([]price.Bill, error) {
					return r.aws.Bills(ctx, m, from, to)
				},
				Invoice: func(ctx context.Context, m handlers.Meter, month time.Time) (price.Invoice, error) {
					return r.aws.Invoice(ctx, m, month)
				},
			}
			if r.export != nil {
				payer.Splits = func(ctx context.Context, from, to time.Time) ([]price.SplitRow, error) {
					return r.export.Splits(ctx, r.of.CostExport.export(), from, to)
				}
			}
			p.Payers = append(p.Payers, payer)
		}
	}
	if len(regions) == 0 {
		return p
	}
	p.List = func(ctx context.Context, name string) (price.List, []engine.Gap, error) {
		who := regions[max(0, slices.IndexFunc(regions, func(r region) bool { return r.name == name }))]
		return who.aws.ListPrices(ctx, name)
	}
	return p
}

// checkAccounts tries what looking for waste asks of AWS.
func checkAccounts(ctx context.Context, cfg Config) []engine.Check {
	regions, err := connectRegions(ctx, cfg.AWS)
	if err != nil {
		return []engine.Check{engine.Missed("aws-credentials", engine.CheckFail, "aws", "connect", err.Error(), "credentials and a region", "see aws.accounts in the configuration")}
	}
	var checks []engine.Check
	payers := map[string]bool{}
	for _, r := range regions {
		checks = append(checks, r.aws.CheckInventory(ctx, cfg.eksNames(r.of.ID, r.name))...)
		if r.of.CostExplorer != nil && !payers[r.of.ID] {
			payers[r.of.ID] = true
			checks = append(checks, r.aws.CheckBills(ctx, unmetered{})...)
			if r.export != nil {
				checks = append(checks, r.export.CheckSplits(ctx, r.of.CostExport.export())...)
			}
		}
	}
	return append(checks, checkRemovers(ctx, cfg)...)
}

// unmetered lets the doctor make its one billed call of each payer, a cent, when a person asked for it.
type unmetered struct{}

// Spend implements aws.Meter.
func (unmetered) Spend(context.Context, int) error { return nil }

// checkWaste says what keeps waste from being found, or from being seen.
func checkWaste(cfg Config) []engine.Check {
	const area = "waste"
	if cfg.Waste == nil {
		return nil // nobody asked for it
	}
	checks := []engine.Check{engine.Passed(area, "schedule", cfg.Waste.Schedule)}
	if cfg.Slack.Channels.Savings == "" {
		checks = append(checks, engine.Missed("savings-channel", engine.CheckWarn, area, "channel", "none for savings", "a channel",
			"set slack.channels.savings; without it only teams with a channel of their own get cards"))
	}
	if len(cfg.AWS.Accounts) == 0 {
		checks = append(checks, engine.Missed("aws-accounts", engine.CheckWarn, area, "aws", "no account", "the accounts of the clusters",
			"set aws.accounts; without them no volume is judged, and prices are the list prices that came with this version"))
	}
	for _, cl := range cfg.Clusters {
		if cl.Prometheus == "" {
			checks = append(checks, engine.Missed("usage-prometheus", engine.CheckWarn, area, "usage "+cl.Name, "no Prometheus", "a URL",
				"set clusters[].prometheus; without it the requests of the cluster are not judged"))
		}
		if len(cfg.AWS.Accounts) > 0 && cl.AWSAccount == "" {
			checks = append(checks, engine.Missed("cluster-account", engine.CheckWarn, area, "account "+cl.Name, "not configured", "twelve digits",
				"set clusters[].aws_account; without it the cluster's nodes are priced at list price"))
		}
	}
	return checks
}
