package handlers

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/price"
	"github.com/eks-autopilot/autopilot/engine/waste"
)

const (
	listAge  = 24 * time.Hour // of list prices, before they are asked for again
	billAge  = 24 * time.Hour // of bills: AWS changes them once or twice a day, and asking is billed
	billDays = 14             // from which it is taken what is really paid
	billLag  = 24 * time.Hour // before a day's bill says much
)

// PriceCache keeps answers about prices, for they are slow to come or cost money, and counts what they cost.
type PriceCache interface {
	CachedPrice(ctx context.Context, key string) (body []byte, at time.Time, ok bool, err error)
	CachePrice(ctx context.Context, key string, body []byte, at time.Time) error
	SpendBilled(ctx context.Context, calls, budget int, each engine.MicroUSD) error
}

// Pricing finds out what things cost: public list prices, what Spot instances cost now and what is really paid. What cannot be had
// is replaced by what was known before or by the list that came with this version, and said.
type Pricing struct {
	Cache   PriceCache
	List    func(ctx context.Context, region string) (price.List, []engine.Gap, error) // nil when nobody can be asked
	Markets []Market
	Payers  []Payer
	Now     func() time.Time
	Log     *slog.Logger
}

// Market is where Spot instances are bought.
type Market struct {
	Region string
	Spot   func(ctx context.Context, types []string) ([]price.SpotRate, error)
}

// Meter is asked before calls that are billed.
type Meter interface {
	Spend(ctx context.Context, calls int) error
}

// Payer is an account that bills come to.
type Payer struct {
	ID     string
	Budget int             // calls that are billed, a day
	Each   engine.MicroUSD // what one costs
	Bills  func(ctx context.Context, m Meter, from, to time.Time) ([]price.Bill, error)
	// Invoice is what it was asked to pay for a month; nil when that cannot be asked for.
	Invoice func(ctx context.Context, m Meter, month time.Time) (price.Invoice, error)
	// Splits is what split cost allocation gave each namespace; nil where no export is configured.
	Splits func(ctx context.Context, from, to time.Time) ([]price.SplitRow, error)
}

// Book gives the prices of what is in a snapshot.
func (p *Pricing) Book(ctx context.Context, s *waste.Snapshot) (*price.Book, engine.ScanCost, []engine.Gap) {
	var cost engine.ScanCost
	var gaps []engine.Gap
	prices := price.Prices{}
	for _, region := range regionsOf(s) {
		if p.List == nil {
			break
		}
		list, problem, err := remembered(ctx, p, "list/"+region, listAge, func(ctx context.Context) (price.List, error) {
			list, more, err := p.List(ctx, region)
			gaps = append(gaps, more...)
			return list, err
		})
		gaps = append(gaps, gapOf("list prices of "+region, problem)...)
		if err == nil {
			prices.Lists = append(prices.Lists, list)
		}
	}
	prices.Lists = append(prices.Lists, price.Embedded())
	for _, m := range p.Markets {
		types := spotTypes(s, m.Region)
		if len(types) == 0 || m.Spot == nil {
			continue
		}
		rates, err := m.Spot(ctx, types)
		gaps = append(gaps, gapOf("Spot prices of "+m.Region, err)...)
		prices.Spot = append(prices.Spot, rates...)
	}
	bills, spent, missing := p.bills(ctx)
	cost.BilledCalls, cost.BilledAmount = spent.BilledCalls, spent.BilledAmount
	ratios, average := price.New(prices).Effective(bills)
	prices.Ratios, prices.Spot = ratios, append(prices.Spot, average...)
	return price.New(prices), cost, append(gaps, missing...)
}

// bills reads what was charged lately, of all payers.
func (p *Pricing) bills(ctx context.Context) (all []price.Bill, cost engine.ScanCost, gaps []engine.Gap) {
	to := p.Now().UTC().Add(-billLag).Truncate(24 * time.Hour)
	for _, payer := range p.Payers {
		m := &meter{pricing: p, payer: payer}
		bills, problem, err := remembered(ctx, p, "bills/"+payer.ID, billAge, func(ctx context.Context) ([]price.Bill, error) {
			return payer.Bills(ctx, m, to.AddDate(0, 0, -billDays), to)
		})
		gaps = append(gaps, gapOf("bills of "+payer.ID, problem)...)
		if err == nil {
			all = append(all, bills...)
		}
		cost.BilledCalls += m.calls
		cost.BilledAmount += engine.MicroUSD(m.calls) * payer.Each
	}
	return all, cost, gaps
}

// meter counts a payer's billed calls, as far as its budget lets them be made.
type meter struct {
	pricing *Pricing
	payer   Payer
	calls   int
}

// Spend implements Meter.
func (m *meter) Spend(ctx context.Context, calls int) error {
	err := m.pricing.Cache.SpendBilled(ctx, calls, m.payer.Budget, m.payer.Each)
	if err == nil {
		m.calls += calls
	}
	return err
}

// remembered gives what is kept under a key while it is young enough, else what fetch gives, which is kept then. When fetch fails,
// what is kept is given however old it is; problem says so, and err is set only when there is nothing at all.
func remembered[T any](ctx context.Context, p *Pricing, key string, age time.Duration, fetch func(context.Context) (T, error)) (value T, problem, err error) {
	var kept T
	body, at, ok, err := p.Cache.CachedPrice(ctx, key)
	if err == nil && ok {
		if err = json.Unmarshal(body, &kept); err == nil && p.Now().Sub(at) < age {
			return kept, nil, nil
		}
	}
	if err != nil {
		p.Log.WarnContext(ctx, "kept prices cannot be read", "key", key, "error", err)
		ok = false
	}
	value, err = fetch(ctx)
	switch {
	case err == nil:
	case ok:
		reason := why(err, pricesWithin)
		return kept, engine.Errorf(engine.Unavailable, "%s; those of %s are used", reason, at.UTC().Format("2 January 15:04 UTC")), nil
	default:
		return value, err, err
	}
	if body, err = json.Marshal(value); err == nil {
		err = p.Cache.CachePrice(ctx, key, body, p.Now())
	}
	if err != nil {
		p.Log.WarnContext(ctx, "prices cannot be kept", "key", key, "error", err)
	}
	return value, nil, nil
}

func gapOf(what string, err error) []engine.Gap {
	if err == nil {
		return nil
	}
	return []engine.Gap{{Collector: "prices", Reason: fmt.Sprintf("%s: %s", what, why(err, pricesWithin))}}
}

func regionsOf(s *waste.Snapshot) []string {
	regions := map[string]bool{}
	for _, c := range s.Clusters {
		regions[c.Region] = true
	}
	for _, a := range s.Accounts {
		regions[a.Region] = true
	}
	delete(regions, "")
	return slices.Sorted(maps.Keys(regions))
}

// spotTypes are the types of instance that the clusters of a region run as Spot.
func spotTypes(s *waste.Snapshot, region string) []string {
	types := map[string]bool{}
	for _, c := range s.Clusters {
		for _, n := range c.Nodes {
			f := factsOf(c, n, waste.Instance{})
			if f.Spot && f.Region == region && f.Type != "" {
				types[f.Type] = true
			}
		}
	}
	for _, a := range s.Accounts {
		for _, i := range a.Instances {
			if i.Spot && a.Region == region && i.Type != "" {
				types[i.Type] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(types))
}
