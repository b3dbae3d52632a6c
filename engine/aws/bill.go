package aws

import (
	"context"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/costexplorer"
	"github.com/aws/aws-sdk-go-v2/service/costexplorer/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/price"
)

// Meter stands before what is billed by the call. Spend takes note of calls that are about to be made, or refuses them with an error
// of its own when the day's budget does not allow them. CallPrice is what each costs.
type Meter interface {
	Spend(ctx context.Context, calls int) error
}

// CallPrice is what AWS asks for a call of Cost Explorer; each page of an answer is one.
const CallPrice = engine.USD / 100

// billPages is more pages than an answer of Cost Explorer can sensibly have: each costs money.
const billPages = 100

// Cost Explorer's names.
const (
	byAccount  = "LINKED_ACCOUNT"
	byService  = "SERVICE"
	byUsage    = "USAGE_TYPE"
	byPurchase = "PURCHASE_TYPE"

	amortised    = "AmortizedCost"
	netAmortised = "NetAmortizedCost"
	unblended    = "UnblendedCost"
	quantity     = "UsageQuantity"
)

// clusterServices are the services that clusters run on, which are asked for by usage type.
var clusterServices = []string{
	"Amazon Elastic Compute Cloud - Compute", "EC2 - Other",
	"Amazon Elastic Container Service for Kubernetes", "Amazon Elastic Kubernetes Service",
}

// usageRecords are the kinds of records that are usage, whoever paid for it ahead.
var usageRecords = []string{"Usage", "DiscountedUsage", "SavingsPlanCoveredUsage"}

// Bills gives what the payer was charged on each day from the first to before the last (UTC), for all of its members, amortised, and
// net of private discounts where AWS says them. The days of the current month, and the newest of them above all, may still change.
// The account must be the payer's; a member sees only itself.
//
// Every page is billed: the meter is asked before each, and its refusal is the error. It fails with Invalid for days that are none or
// another currency than US dollars, and with Forbidden or Unavailable. A part of a bill is never returned.
func (a *Account) Bills(ctx context.Context, m Meter, from, to time.Time) ([]price.Bill, error) {
	if !from.Before(to) {
		return nil, engine.Errorf(engine.Invalid, "bills from %s to before %s are none", from.Format(time.DateOnly), to.Format(time.DateOnly))
	}
	who, err := a.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return nil, failed(err, "AWS does not say who we are")
	}
	period := daily(from, to)
	services, err := a.ask(ctx, m, period, nil, []string{amortised, netAmortised}, byAccount, byService)
	if err != nil {
		return nil, err
	}
	usage := &types.Expression{And: []types.Expression{is(types.DimensionService, clusterServices...), is(types.DimensionRecordType, usageRecords...)}}
	lines, err := a.ask(ctx, m, period, usage, []string{amortised, netAmortised, quantity}, byAccount, byUsage)
	if err != nil {
		return nil, err
	}
	compute := &types.Expression{And: []types.Expression{is(types.DimensionService, clusterServices[0]), is(types.DimensionRecordType, usageRecords...)}}
	purchases, err := a.ask(ctx, m, period, compute, []string{quantity}, byPurchase, byUsage)
	if err != nil {
		return nil, err
	}
	return bills(aws.ToString(who.Account), services, lines, purchases), nil
}

// Invoice gives what the payer was asked for a month, by member: not amortised, with taxes, fees and credits. It is final when the month
// is over and AWS calls none of it estimated. One call or a few; it fails as Bills does.
func (a *Account) Invoice(ctx context.Context, m Meter, month time.Time) (price.Invoice, error) {
	month = time.Date(month.Year(), month.Month(), 1, 0, 0, 0, 0, time.UTC)
	who, err := a.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return price.Invoice{}, failed(err, "AWS does not say who we are")
	}
	period := query{from: month, to: month.AddDate(0, 1, 0), each: types.GranularityMonthly}
	rows, err := a.ask(ctx, m, period, nil, []string{unblended}, byAccount)
	if err != nil {
		return price.Invoice{}, err
	}
	v := price.Invoice{
		Payer: aws.ToString(who.Account), Month: month, Accounts: map[string]engine.MicroUSD{},
		Final: len(rows) > 0 && !a.now().Before(period.to) && !slices.ContainsFunc(rows, func(r costRow) bool { return r.estimated }),
	}
	for _, r := range rows {
		v.Accounts[r.keys[0]] += r.metrics[unblended]
	}
	return v, nil
}

// query is a time and its steps.
type query struct {
	from, to time.Time
	each     types.Granularity
}

func daily(from, to time.Time) query { return query{from, to, types.GranularityDaily} }

// costRow is a group of an answer.
type costRow struct {
	day       time.Time
	keys      []string
	metrics   map[string]engine.MicroUSD
	quantity  float64
	estimated bool
}

func is(d types.Dimension, values ...string) types.Expression {
	return types.Expression{Dimensions: &types.DimensionValues{Key: d, Values: values}}
}

// ask asks Cost Explorer one question, page by page.
func (a *Account) ask(ctx context.Context, m Meter, q query, filter *types.Expression, metrics []string, groups ...string) ([]costRow, error) {
	in := &costexplorer.GetCostAndUsageInput{
		Granularity: q.each, Metrics: metrics, Filter: filter,
		TimePeriod: &types.DateInterval{Start: aws.String(q.from.Format(time.DateOnly)), End: aws.String(q.to.Format(time.DateOnly))},
	}
	for _, g := range groups {
		in.GroupBy = append(in.GroupBy, types.GroupDefinition{Type: types.GroupDefinitionTypeDimension, Key: aws.String(g)})
	}
	var rows []costRow
	for range billPages {
		if err := m.Spend(ctx, 1); err != nil {
			return nil, err
		}
		page, err := a.costs.GetCostAndUsage(ctx, in)
		if err != nil {
			return nil, failed(err, "Cost Explorer does not say what is paid")
		}
		for _, step := range page.ResultsByTime {
			if rows, err = readStep(rows, step, len(groups)); err != nil {
				return nil, err
			}
		}
		if aws.ToString(page.NextPageToken) == "" {
			return rows, nil
		}
		in.NextPageToken = page.NextPageToken
	}
	return nil, engine.Errorf(engine.Unavailable, "Cost Explorer gave %d pages and there is no end to them", billPages)
}

// readStep reads a day or month of an answer.
func readStep(rows []costRow, step types.ResultByTime, groups int) ([]costRow, error) {
	if step.TimePeriod == nil {
		return nil, engine.Errorf(engine.Invalid, "Cost Explorer gave costs of no time")
	}
	day, err := time.Parse(time.DateOnly, aws.ToString(step.TimePeriod.Start))
	if err != nil {
		return nil, engine.Wrap(engine.Invalid, err, "Cost Explorer gave a day that is none")
	}
	for _, g := range step.Groups {
		if len(g.Keys) != groups {
			return nil, engine.Errorf(engine.Invalid, "Cost Explorer gave %d keys where %d were asked for", len(g.Keys), groups)
		}
		row := costRow{day: day, keys: g.Keys, metrics: map[string]engine.MicroUSD{}, estimated: step.Estimated}
		for name, value := range g.Metrics {
			amount, err := strconv.ParseFloat(aws.ToString(value.Amount), 64)
			if err != nil || math.IsNaN(amount) || math.Abs(amount) > 1e12 {
				return nil, engine.Errorf(engine.Invalid, "Cost Explorer gave %.40q as %s; a number is expected", aws.ToString(value.Amount), name)
			}
			if name == quantity {
				row.quantity = amount
				continue
			}
			if unit := aws.ToString(value.Unit); unit != "USD" {
				return nil, engine.Errorf(engine.Invalid, "Cost Explorer gave costs in %.10q; only US dollars are understood", unit)
			}
			row.metrics[name] = engine.Dollars(amount)
		}
		rows = append(rows, row)
	}
	return rows, nil
}
