package ledger

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// CSV writes the entries of a filter's span, one a row in the order in which they were kept, and says how many. Money is in dollars
// with all six decimals, times are UTC. A text that a spreadsheet would take for a formula begins with an apostrophe.
func CSV(entries []engine.LedgerEntry, f engine.LedgerFilter) (content string, rows int) {
	t := engine.NewSheet(
		"id", "chain", "step", "written_at", "day", "finding", "proposal", "type", "cluster", "namespace", "workload_kind", "workload", "container",
		"resource_id", "account", "region", "team", "amount_usd", "cash_usd", "low_usd", "high_usd", "work", "unit", "baseline_per_unit_usd", "by",
		"reference", "corrects",
	)
	units := unitsOf(entries)
	for _, e := range inOrder(entries, f) {
		perUnit := ""
		if e.Baseline != nil {
			perUnit = e.Baseline.PerUnit.Exact()
		}
		t.Row(
			number(e.ID), engine.Cell(e.Chain), engine.Cell(string(e.Kind)), e.At.UTC().Format(time.RFC3339), dayOf(e), number(e.Finding), number(e.Proposal),
			engine.Cell(string(e.Type)), engine.Cell(e.Target.Cluster), engine.Cell(e.Target.Namespace), engine.Cell(e.Target.Kind), engine.Cell(e.Target.Name), engine.Cell(e.Target.Container),
			engine.Cell(e.Target.Provider), engine.Cell(e.Target.Account), engine.Cell(e.Target.Region), engine.Cell(e.Team), e.Amount.Exact(), e.Cash.Exact(), e.Low.Exact(),
			e.High.Exact(), engine.Quantity(e.Work), engine.Cell(units[e.Chain]), perUnit, engine.Cell(e.By.Name), engine.Cell(e.Ref), number(e.Corrects),
		)
	}
	return t.String(), t.Len()
}

// FOCUS writes the measured days of a filter's span as cost data of FOCUS 1.0, so that they can stand beside a bill: what was saved is
// a negative charge.
//
// BilledCost is the cash, which the bill itself lacks already; EffectiveCost is all that was saved, freed capacity too. ChargeCategory is
// Adjustment, ChargeClass is Correction for a row that corrects another. ConsumedQuantity and ConsumedUnit are the work that was done.
// The columns are those of the standard where it has one for what the ledger knows, and begin with x_ where it has none. What the ledger
// does not know (the payer's account, list and contracted prices, SKUs) has no column.
func FOCUS(entries []engine.LedgerEntry, f engine.LedgerFilter) (content string, rows int) {
	t := engine.NewSheet(
		"BilledCost", "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart", "ChargeCategory", "ChargeClass", "ChargeDescription",
		"ChargeFrequency", "ChargePeriodEnd", "ChargePeriodStart", "ConsumedQuantity", "ConsumedUnit", "EffectiveCost", "ProviderName",
		"PublisherName", "RegionId", "ResourceId", "ResourceName", "ResourceType", "ServiceCategory", "ServiceName", "SubAccountId", "Tags",
		"x_Chain", "x_EffectiveCostHigh", "x_EffectiveCostLow", "x_EntryId", "x_FindingType", "x_ProposalId",
	)
	units := unitsOf(entries)
	const hour = "2006-01-02T15:04:05Z"
	for _, e := range inOrder(entries, f) {
		if e.Day.IsZero() {
			continue
		}
		class, what, work := "", "Measured saving of "+e.Target.String(), e.Work
		if e.Kind == engine.EntryCorrected {
			class, what, work = "Correction", "Correction of the measured saving of "+e.Target.String(), 0 // it is counted already
		}
		month := e.Day.AddDate(0, 0, 1-e.Day.Day())
		category, service, resource := "Compute", "Amazon Elastic Compute Cloud", e.Target.Kind
		if e.Type == engine.OrphanVolume {
			category, service = "Storage", "Amazon Elastic Block Store"
		}
		t.Row(
			(-e.Cash).Exact(), "USD", month.AddDate(0, 1, 0).Format(hour), month.Format(hour), "Adjustment", class, engine.Cell(what),
			"Usage-Based", e.Day.AddDate(0, 0, 1).Format(hour), e.Day.Format(hour), engine.Quantity(work), engine.Cell(units[e.Chain]), (-e.Amount).Exact(), "AWS",
			"AWS", engine.Cell(e.Target.Region), engine.Cell(e.Target.Provider), engine.Cell(e.Target.String()), engine.Cell(resource), category, service,
			engine.Cell(e.Target.Account), tags(e), engine.Cell(e.Chain), (-e.Low).Exact(), (-e.High).Exact(), number(e.ID), engine.Cell(string(e.Type)), number(e.Proposal),
		)
	}
	return t.String(), t.Len()
}

// tags gives the team, cluster and namespace as FOCUS has tags: a JSON object.
func tags(e engine.LedgerEntry) string {
	all := map[string]string{}
	for key, value := range map[string]string{"team": e.Team, "cluster": e.Target.Cluster, "namespace": e.Target.Namespace, "container": e.Target.Container} {
		if value != "" {
			all[key] = value
		}
	}
	b, err := json.Marshal(all)
	if err != nil {
		return "{}" // of strings it never fails
	}
	return string(b)
}

// inOrder gives what an export has of a span, each entry once.
func inOrder(entries []engine.LedgerEntry, f engine.LedgerFilter) []engine.LedgerEntry {
	var out []engine.LedgerEntry
	for _, c := range Chains(entries) {
		for _, e := range c {
			if chosen(e, f) && inSpan(e, f) {
				out = append(out, e)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b engine.LedgerEntry) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// unitsOf gives the unit of work of each chain.
func unitsOf(entries []engine.LedgerEntry) map[string]string {
	units := map[string]string{}
	for _, c := range Chains(entries) {
		if e, ok := step(c, engine.EntryApproved); ok && e.Baseline != nil {
			units[e.Chain] = e.Baseline.Unit
		}
	}
	return units
}

func dayOf(e engine.LedgerEntry) string {
	if e.Day.IsZero() {
		return ""
	}
	return e.Day.Format(time.DateOnly)
}

func number(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}
