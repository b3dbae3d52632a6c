package ledger

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// CSV writes the entries of a filter's span, one a row in the order in which they were kept, and says how many. Money is in dollars
// with all six decimals, times are UTC. A text that a spreadsheet would take for a formula begins with an apostrophe.
func CSV(entries []engine.LedgerEntry, f engine.LedgerFilter) (content string, rows int) {
	t := table{header: []string{
		"id", "chain", "step", "written_at", "day", "finding", "proposal", "type", "cluster", "namespace", "workload_kind", "workload", "container",
		"resource_id", "account", "region", "team", "amount_usd", "cash_usd", "low_usd", "high_usd", "work", "unit", "baseline_per_unit_usd", "by",
		"reference", "corrects",
	}}
	units := unitsOf(entries)
	for _, e := range inOrder(entries, f) {
		perUnit := ""
		if e.Baseline != nil {
			perUnit = exact(e.Baseline.PerUnit)
		}
		t.row(
			number(e.ID), text(e.Chain), text(string(e.Kind)), e.At.UTC().Format(time.RFC3339), dayOf(e), number(e.Finding), number(e.Proposal),
			text(string(e.Type)), text(e.Target.Cluster), text(e.Target.Namespace), text(e.Target.Kind), text(e.Target.Name), text(e.Target.Container),
			text(e.Target.Provider), text(e.Target.Account), text(e.Target.Region), text(e.Team), exact(e.Amount), exact(e.Cash), exact(e.Low),
			exact(e.High), quantity(e.Work), text(units[e.Chain]), perUnit, text(e.By.Name), text(e.Ref), number(e.Corrects),
		)
	}
	return t.done()
}

// FOCUS writes the measured days of a filter's span as cost data of FOCUS 1.0, so that they can stand beside a bill: what was saved is
// a negative charge.
//
// BilledCost is the cash, which the bill itself lacks already; EffectiveCost is all that was saved, freed capacity too. ChargeCategory is
// Adjustment, ChargeClass is Correction for a row that corrects another. ConsumedQuantity and ConsumedUnit are the work that was done.
// The columns are those of the standard where it has one for what the ledger knows, and begin with x_ where it has none. What the ledger
// does not know (the payer's account, list and contracted prices, SKUs) has no column.
func FOCUS(entries []engine.LedgerEntry, f engine.LedgerFilter) (content string, rows int) {
	t := table{header: []string{
		"BilledCost", "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart", "ChargeCategory", "ChargeClass", "ChargeDescription",
		"ChargeFrequency", "ChargePeriodEnd", "ChargePeriodStart", "ConsumedQuantity", "ConsumedUnit", "EffectiveCost", "ProviderName",
		"PublisherName", "RegionId", "ResourceId", "ResourceName", "ResourceType", "ServiceCategory", "ServiceName", "SubAccountId", "Tags",
		"x_Chain", "x_EffectiveCostHigh", "x_EffectiveCostLow", "x_EntryId", "x_FindingType", "x_ProposalId",
	}}
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
		t.row(
			exact(-e.Cash), "USD", month.AddDate(0, 1, 0).Format(hour), month.Format(hour), "Adjustment", class, text(what),
			"Usage-Based", e.Day.AddDate(0, 0, 1).Format(hour), e.Day.Format(hour), quantity(work), text(units[e.Chain]), exact(-e.Amount), "AWS",
			"AWS", text(e.Target.Region), text(e.Target.Provider), text(e.Target.String()), text(resource), category, service,
			text(e.Target.Account), tags(e), text(e.Chain), exact(-e.Low), exact(-e.High), number(e.ID), text(string(e.Type)), number(e.Proposal),
		)
	}
	return t.done()
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

// table is a CSV file that is being written.
type table struct {
	header []string
	rows   [][]string
}

func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) done() (content string, rows int) {
	var b strings.Builder
	w := csv.NewWriter(&b)
	w.UseCRLF = true                                        // RFC 4180
	_ = w.WriteAll(append([][]string{t.header}, t.rows...)) // a strings.Builder takes everything
	return b.String(), len(t.rows)
}

// text is a cell of what comes from outside. Spreadsheets take what begins with one of these for a formula, and would run it.
func text(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	if trimmed := strings.TrimLeft(s, " \u00a0\ufeff"); trimmed != "" && strings.ContainsRune("=+-@＝＋－＠", []rune(trimmed)[0]) {
		return "'" + s
	}
	return s
}

func number(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

func quantity(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// exact gives an amount in dollars to the millionth.
func exact(m engine.MicroUSD) string {
	sign, whole := "", uint64(max(m, -m)) //nolint:gosec // entries are bounded
	if m < 0 {
		sign = "-"
	}
	return fmt.Sprintf("%s%d.%06d", sign, whole/uint64(engine.USD), whole%uint64(engine.USD))
}
