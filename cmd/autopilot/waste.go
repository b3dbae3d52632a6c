package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/price"
	"github.com/eks-autopilot/autopilot/engine/prom"
	"github.com/eks-autopilot/autopilot/engine/waste"
	"github.com/eks-autopilot/autopilot/handlers"
	"github.com/eks-autopilot/autopilot/store"
)

// wasteRules puts the configuration into the terms in which waste is judged.
func (c Config) wasteRules() waste.Rules {
	r := waste.DefaultRules()
	w := c.Waste
	r.MinDays, r.MinMonthly, r.Grace, r.NodeAge, r.TeamLabels = w.MinDays, engine.Dollars(*w.MinMonthly), w.Grace, w.NodeAge, w.TeamLabels
	for _, g := range w.Ignore {
		r.Ignore = append(r.Ignore, waste.Ignore{
			Cluster: g.Cluster, Namespace: g.Namespace, Workload: g.Workload, Kind: engine.FindingKind(g.Kind), Reason: g.Reason,
		})
	}
	for _, g := range w.Reserves {
		r.Reserves = append(r.Reserves, waste.Reserve{Cluster: g.Cluster, Group: g.Group, Nodes: g.Nodes, Reason: g.Reason})
	}
	return r
}

// cards says which findings are told, and where: in the channel of the team, else in that for savings.
func (c Config) cards() waste.Cards {
	if c.Waste == nil {
		return waste.Cards{}
	}
	return waste.Cards{
		Threshold: engine.Dollars(*c.Waste.CardMonthly), PerDay: *c.Waste.CardsPerDay, Channel: c.Slack.Channels.Savings,
		Teams: c.Slack.Channels.Teams, Location: c.Waste.location(),
	}
}

// location is the zone of the configuration, which was checked when it was read.
func (c *WasteConfig) location() *time.Location {
	l, err := zone(c.TimeZone)
	if err != nil {
		return time.UTC
	}
	return l
}

// connectWaste gives the handlers what they need to look for waste; nil where the configuration does not ask for it.
func connectWaste(ctx context.Context, cfg Config, clusters []connected, st *store.Store, log *slog.Logger) (*handlers.Waste, error) {
	if cfg.Waste == nil {
		return nil, nil
	}
	w, prices, err := wasteParts(ctx, cfg, clusters, st, log)
	if err != nil {
		return nil, err
	}
	w.Scans, w.Memory, w.Savings, w.Ledger = st, st, st, st
	schedule, err := parseSchedule(cfg.Waste.Schedule, w.Location)
	if err != nil {
		return nil, engine.Errorf(engine.Invalid, "waste.schedule: %v", err)
	}
	if schedule != nil {
		w.Next = schedule.Next
	}
	w.Costs = &handlers.Costing{Ledger: st, Pricing: prices, Rules: price.DefaultRules()}
	if channel := cfg.spendChannel(); channel != "" {
		w.Costs.Rises = &handlers.SpendWatch{Store: st, Channel: channel, Strictness: strictnesses[cfg.Anomalies.Costs.Strictness]}
	}
	return w, nil
}

// wasteParts prepares what looking for waste asks of clusters, of accounts and for prices, and speaks to none.
func wasteParts(ctx context.Context, cfg Config, clusters []connected, cache handlers.PriceCache, log *slog.Logger) (*handlers.Waste, *handlers.Pricing, error) {
	w := &handlers.Waste{Rules: cfg.wasteRules(), Location: cfg.Waste.location()}
	for k, c := range clusters {
		w.Clusters = append(w.Clusters, wasteCluster(cfg.Clusters[k], c, cfg.Waste.Teams))
	}
	regions, err := connectRegions(ctx, cfg.AWS)
	if err != nil {
		return nil, nil, err
	}
	prices := pricing(regions, cache, log)
	w.Accounts, w.Prices = wasteAccounts(cfg, regions), prices.Book
	return w, prices, nil
}

func wasteCluster(cl ClusterConfig, c connected, teams map[string]string) handlers.WasteCluster {
	w := handlers.WasteCluster{Name: cl.Name, Account: cl.AWSAccount, Team: teams, Inventory: c.kube.Inventory}
	if cl.EKS != nil {
		w.EKSName, w.Region = cl.EKS.Name, cl.EKS.Region
	}
	if c.prometheus == nil {
		return w
	}
	w.Usage = func(ctx context.Context, inventory *waste.Cluster, want handlers.Wanted) handlers.Used {
		wanted := prom.UsageWanted{Cluster: inventory, Match: cl.PrometheusLabels, PeakDays: want.PeakDays}
		if want.Namespace != "" {
			wanted.Namespaces = []string{want.Namespace}
		}
		r := c.prometheus.Usage(ctx, wanted)
		return handlers.Used{Usage: r.Usage, Whole: len(r.Unread) == 0, Gaps: r.Gaps, Cost: r.Cost}
	}
	w.Day = func(ctx context.Context, inventory *waste.Cluster, day time.Time, team func(namespace, pod string) string) handlers.DayUse {
		r := c.prometheus.Day(ctx, prom.DayWanted{Cluster: inventory, Match: cl.PrometheusLabels, Day: day, Team: team})
		return handlers.DayUse{Known: r.Known, Seen: r.Seen, Nodes: r.Nodes, Pods: r.Pods, Gaps: r.Gaps}
	}
	w.Replicas = func(ctx context.Context, inventory *waste.Cluster, day time.Time, of []waste.ContainerKey) handlers.ReplicaUse {
		r := c.prometheus.Replicas(ctx, prom.ReplicasWanted{Cluster: inventory, Match: cl.PrometheusLabels, Day: day, Containers: of})
		use := handlers.ReplicaUse{Seen: r.Seen, Of: make(map[waste.ContainerKey]handlers.ReplicaHours, len(r.Containers)), Gaps: r.Gaps}
		for key, hours := range r.Containers {
			use.Of[key] = handlers.ReplicaHours(hours)
		}
		return use
	}
	return w
}
