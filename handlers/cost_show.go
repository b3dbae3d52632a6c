package handlers

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

const week = 7

// costWords are the times that have a name, and what else may be filtered or listed by.
var (
	costWords = []string{"yesterday", "week", "month"}
	costBys   = []engine.CostBy{engine.CostByTeam, engine.CostByNamespace, engine.CostByCluster}
)

// parseCosts understands what follows costs: a time, whose costs, and what they are listed by.
func parseCosts(args []string, now time.Time) (query, error) {
	q := query{verb: "costs"}
	f := &q.costs
	for _, arg := range args {
		key, value, isPair := strings.Cut(arg, "=")
		if !isPair {
			if !f.From.IsZero() {
				return query{}, engine.Errorf(engine.Invalid, "`%s` is one word too many; a time was named already", plain(arg))
			}
			var err error
			if f.From, f.To, err = costTime(strings.ToLower(arg), now); err != nil {
				return query{}, err
			}
			continue
		}
		if value == "" {
			return query{}, engine.Errorf(engine.Invalid, "`%s=` wants a value behind it", plain(key))
		}
		switch strings.ToLower(key) {
		case "team":
			f.Team = value
		case "cluster":
			f.Cluster = value
		case "namespace", "ns":
			f.Namespace = value
		case "by":
			if f.By = engine.CostBy(strings.ToLower(value)); !slices.Contains(costBys, f.By) {
				return query{}, engine.Errorf(engine.Invalid, "costs are not listed by `%s`; by=team, by=namespace or by=cluster", plain(value))
			}
		default:
			return query{}, engine.Errorf(engine.Invalid, "I do not know the filter `%s`; known: team, cluster, namespace, by", plain(key))
		}
	}
	if f.From.IsZero() {
		today := now.UTC().Truncate(oneDay)
		f.From, f.To = today.AddDate(0, 0, -week), today
	}
	switch {
	case f.By != "":
	case f.Namespace != "":
		f.By = engine.CostByCluster
	case f.Team != "":
		f.By = engine.CostByNamespace
	default:
		f.By = engine.CostByTeam
	}
	return q, nil
}

// costTime gives the days (UTC) that a word means. The month is the running one, on its first day the one before.
func costTime(word string, now time.Time) (from, to time.Time, err error) {
	today := now.UTC().Truncate(oneDay)
	switch word {
	case "yesterday":
		return today.AddDate(0, 0, -1), today, nil
	case "week":
		return today.AddDate(0, 0, -week), today, nil
	case "month":
		yesterday := today.AddDate(0, 0, -1)
		return yesterday.AddDate(0, 0, 1-yesterday.Day()), today, nil
	}
	if month, err := time.Parse("2006-01", word); err == nil {
		if month.After(today) {
			return from, to, engine.Errorf(engine.Invalid, "%s is in the future", month.Format("January 2006"))
		}
		return month, month.AddDate(0, 1, 0), nil
	}
	if near := nearestWord(word, costWords); near != "" {
		return from, to, engine.Errorf(engine.Invalid, "`%s` is not a time; did you mean `/autopilot costs %s`?", plain(word), near)
	}
	return from, to, engine.Errorf(engine.Invalid, "`%s` is not a time; yesterday, week, month, or a month such as 2026-10. A team is `team=%[1]s`", plain(word))
}

// showCosts lists what was paid.
func (h *Handlers) showCosts(ctx context.Context, q query) (engine.Reply, error) {
	if h.Waste == nil || h.Waste.Costs == nil {
		return engine.Reply{}, wasteOff()
	}
	if c := q.costs.Cluster; c != "" {
		if _, ok := h.cluster(c); !ok {
			return engine.Reply{}, engine.Errorf(engine.Invalid, "there is no cluster `%s`; %s", plain(c), h.clusterNames(c))
		}
	}
	costs, err := h.Waste.Costs.Ledger.Costs(ctx, q.costs)
	if err != nil {
		return engine.Reply{}, err
	}
	costs.Filter = describeCosts(q.costs)
	return engine.Reply{Costs: &costs}, nil
}

// describeCosts says in words what a filter chooses.
func describeCosts(f engine.CostFilter) string {
	last := f.To.AddDate(0, 0, -1)
	when := f.From.Format("2 January 2006")
	switch {
	case f.From.Equal(last):
	case f.From.Year() == last.Year():
		when = f.From.Format("2 January") + " to " + last.Format("2 January 2006")
	default:
		when += " to " + last.Format("2 January 2006")
	}
	words := []string{when}
	for _, part := range [][2]string{{"team ", f.Team}, {"namespace ", f.Namespace}, {"cluster ", f.Cluster}} {
		if part[1] != "" {
			words = append(words, part[0]+part[1])
		}
	}
	return strings.Join(words, ", ")
}
