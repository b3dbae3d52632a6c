// Package year makes up a year of rows, the same for the same seed: bills of two payers and of three clusters, credits, a refund, days
// that nobody has a bill of, what became of waste, incidents, budgets and units of work. Tests of the digest, of its message, its page
// and its queries call it, and so does the bench: Facts adds the rows up plainly, as something to compare with.
package year

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/digest"
	"github.com/eks-autopilot/autopilot/engine/price"
)

const oneDay = 24 * time.Hour

// The year goes from a Monday to the Sunday of 2026-W47. AsOf is the Tuesday after it, when the bills of all its days have settled.
var (
	From = time.Date(2025, 11, 24, 0, 0, 0, 0, time.UTC)
	To   = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	AsOf = time.Date(2026, 11, 24, 12, 30, 0, 0, time.UTC)
)

// Week is the last week of the year, and Month the last month that is over and closed. Of each, the period before lacks a day.
// WholeWeek can be compared with the week before as a whole.
var (
	Week      = engine.PeriodOf(engine.Weekly, To.Add(-1))
	WholeWeek = Week.Before().Before()
	Month     = engine.PeriodOf(engine.Monthly, time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC))
)

// Absent are the days without a bill.
var Absent = []time.Time{
	time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC),
	time.Date(2026, 9, 17, 0, 0, 0, 0, time.UTC),
	time.Date(2026, 11, 11, 0, 0, 0, 0, time.UTC),
}

// The payers, and an account of each.
const (
	PayerA = "111111111111"
	PayerB = "222222222222"
)

// Options say how much there is of what. The zero value is three clusters, eight teams and two dozen changes.
type Options struct {
	Seed     uint64
	Teams    int
	Clusters int
	Chains   int  // of the ledger
	Hostile  bool // names are full of markup, formulas, emoji and right-to-left text
}

// Year is a year of rows.
type Year struct {
	Teams, Clusters []string

	Records  []price.Record  // a day's bills and rows, as they were kept while their month was open
	Invoices []price.Invoice // of the months that are closed, in the order in which they came
	Rows     []price.Row     // all rows as they are now, adjustments too, in the order of days
	ClosedAt map[time.Time]time.Time

	Entries     []engine.LedgerEntry
	Incidents   []engine.IncidentLine
	Experiments []engine.Experiment
	Open        engine.Opportunities
	Counts      []digest.UnitDay
	Late        []engine.Correction // of invoices that came again
	Rules       digest.Rules

	r *rand.Rand
}

// New makes the year of a seed.
func New(o Options) *Year {
	if o.Teams == 0 {
		o.Teams = 8
	}
	if o.Clusters == 0 {
		o.Clusters = 3
	}
	if o.Chains == 0 {
		o.Chains = 24
	}
	y := &Year{r: rand.New(rand.NewPCG(o.Seed, 5)), ClosedAt: map[time.Time]time.Time{}} //nolint:gosec // the same for the same seed is wanted
	y.Teams = names(o.Teams, o.Hostile, "payments", "checkout", "search", "platform", "data", "mobile", "identity", "growth")
	y.Clusters = names(o.Clusters, o.Hostile, "prod-eu", "prod-us", "staging")
	y.costs()
	y.close()
	y.savings(o.Chains)
	y.opportunities()
	y.incidents()
	y.rules()
	y.experiments()
	return y
}

// hostile are names as nobody should have them, and somebody will.
var hostile = []string{
	"*bold* _it_ ~no~ `code`", "<!channel> & <@U123>", "<script>alert(1)</script>", "=HYPERLINK(\"http://x\")", "فريق المدفوعات", "a\u202egnp.exe",
	"👩‍🚀🏳️‍🌈 rocket", "line\nbreak\tand \\ \"quotes\"", "'); DROP TABLE cost_row; --", strings.Repeat("long", 80), "</svg><img src=x onerror=alert(1)>", "%s%d{{.}}",
	"idle", "others",
}

// names gives n of them, all different.
func names(n int, evil bool, known ...string) []string {
	out := make([]string, 0, n)
	for k := range n {
		name := fmt.Sprintf("%s-%03d", known[k%len(known)], k)
		switch {
		case evil:
			name = hostile[k%len(hostile)]
			if k >= len(hostile) {
				name = fmt.Sprintf("%03d %s", k, name)
			}
		case k < len(known):
			name = known[k]
		}
		out = append(out, name)
	}
	return out
}

// around gives an amount near another, that does not round well.
func (y *Year) around(m engine.MicroUSD, permille int) engine.MicroUSD {
	return m + m*engine.MicroUSD(y.r.IntN(2*permille+1)-permille)/1000 + engine.MicroUSD(y.r.IntN(997))
}

// costs makes the bills of each day, and divides them.
func (y *Year) costs() {
	base := make([]engine.MicroUSD, len(y.Teams))
	for k := range base {
		base[k] = 41*engine.USD + engine.MicroUSD(y.r.IntN(230_000_003))
	}
	for day := From; day.Before(To); day = day.AddDate(0, 0, 1) {
		if slices.ContainsFunc(Absent, day.Equal) {
			continue
		}
		var rows []price.Row
		for k, team := range y.Teams {
			rows = append(rows, y.teamRows(day, k, team, base[k])...)
		}
		rows = append(rows, y.commonRows(day, base)...)
		open := !day.Before(monthOf(To.Add(-1)))
		record := price.Record{Day: day, Guessed: y.r.IntN(40) == 0}
		totals := map[string]engine.MicroUSD{}
		for k := range rows {
			rows[k].Day, rows[k].Provisional = day, true
			totals[rows[k].Payer] += rows[k].Amount
		}
		for _, payer := range []string{PayerA, PayerB} {
			record.Bills = append(record.Bills, price.Bill{
				Payer: payer, Day: day, Estimated: true, Net: true, Lines: []price.Line{{Account: payer, Service: "all of it", Amount: totals[payer]}},
			})
		}
		record.Rows = rows
		y.Records = append(y.Records, record)
		for _, row := range rows {
			row.Provisional = open
			y.Rows = append(y.Rows, row)
		}
	}
}

// teamRows are what a team uses: in one cluster, every other team in a second one too. At the weekend it is less. The first team's cost
// jumps in the last week, the second's falls from autumn on.
func (y *Year) teamRows(day time.Time, k int, team string, base engine.MicroUSD) (rows []price.Row) {
	weeks := engine.MicroUSD(day.Sub(From) / (7 * oneDay))
	base += base * weeks * engine.MicroUSD(k%5-1) / 400
	if weekend(day) {
		base = base * 71 / 100
	}
	homes := []int{k % len(y.Clusters)}
	if k%2 == 0 && len(y.Teams) <= 50 {
		homes = append(homes, (k+1)%len(y.Clusters))
	}
	for n, home := range homes {
		amount := y.around(base/engine.MicroUSD(n*2+1), 40)
		switch {
		case k == 0 && n == 0 && !day.Before(Week.From):
			amount = amount * 151 / 100
		case k == 1 && day.Month() >= time.September && day.Year() == 2026:
			amount = amount * 83 / 100
		}
		row := price.Row{
			Payer: y.payerOf(home), Account: y.payerOf(home), Cluster: y.Clusters[home], Namespace: fmt.Sprintf("team-%d", k), Team: team,
			Kind: price.RowWorkload, What: "nodes", Amount: amount,
		}
		rows = append(rows, row)
		if len(y.Teams) <= 50 {
			row.Kind, row.What, row.Amount = price.RowShared, "control plane", y.around(amount/11, 5)
			rows = append(rows, row)
		}
	}
	return rows
}

func (y *Year) payerOf(cluster int) string {
	if cluster%2 == 0 {
		return PayerA
	}
	return PayerB
}

// commonRows are what is no team's: idle capacity, what was not divided, what is outside of the clusters, taxes, support, and credits,
// which are below zero. A refund of the summer is larger than its day.
func (y *Year) commonRows(day time.Time, base []engine.MicroUSD) (rows []price.Row) {
	var all engine.MicroUSD
	for _, b := range base {
		all += b
	}
	for k, cluster := range y.Clusters {
		payer := y.payerOf(k)
		rows = append(rows,
			price.Row{Payer: payer, Account: payer, Cluster: cluster, Kind: price.RowIdle, What: "nodes", Amount: y.around(all/engine.MicroUSD(5*len(y.Clusters)), 90)},
			price.Row{Payer: payer, Account: payer, Cluster: cluster, Kind: price.RowShared, What: "volumes", Amount: y.around(all/engine.MicroUSD(17*len(y.Clusters)), 30)},
			price.Row{Payer: payer, Account: payer, Cluster: cluster, Namespace: "legacy", Kind: price.RowWorkload, What: "nodes", Amount: y.around(3_333_337, 100)},
		)
	}
	for _, payer := range []string{PayerA, PayerB} {
		rows = append(rows,
			price.Row{Payer: payer, Account: payer, Kind: price.RowOutside, What: "Amazon Relational Database Service", Amount: y.around(all/9, 25)},
			price.Row{Payer: payer, Kind: price.RowUnallocatable, What: "AWS Support (Business)", Amount: y.around(all/71, 3)},
			price.Row{Payer: payer, Account: payer, Kind: price.RowUnallocatable, What: "commitments, fees and credits of EC2 and EKS", Amount: -y.around(all/53, 50)},
		)
	}
	switch {
	case day.Day() == 1:
		rows = append(rows, price.Row{Payer: PayerA, Kind: price.RowUnallocatable, What: "Tax", Amount: y.around(all/3, 10)})
	case day.Equal(time.Date(2026, 7, 8, 0, 0, 0, 0, time.UTC)):
		rows = append(rows, price.Row{Payer: PayerB, Account: PayerB, Kind: price.RowUnallocatable, What: "Refund", Amount: -2*all - 1_000_003})
	}
	return rows
}

// close sends the invoice of each month that is over, which differs a little from the days, and in October by a large credit.
func (y *Year) close() {
	for month := monthOf(From); month.Before(monthOf(To)); month = month.AddDate(0, 1, 0) {
		for _, payer := range []string{PayerA, PayerB} {
			v := price.Invoice{Payer: payer, Month: month, Accounts: map[string]engine.MicroUSD{}, Final: true}
			var rows []price.Row
			for _, row := range y.Rows {
				if row.Payer == payer && monthOf(row.Day).Equal(month) {
					rows = append(rows, row)
					v.Accounts[row.Account] += row.Amount
				}
			}
			v.Accounts[payer] += engine.MicroUSD(y.r.IntN(9_000_001) - 6_000_000)
			if payer == PayerA && month.Month() == time.October {
				v.Accounts[payer] -= 412_345_678
			}
			y.Invoices = append(y.Invoices, v)
			adjusted, err := price.Reconcile(v, rows)
			if err != nil {
				panic(fmt.Sprintf("year: %v", err)) // of its own rows it never fails
			}
			y.Rows = append(y.Rows, price.Added(rows, adjusted)...)
		}
		y.ClosedAt[month] = month.AddDate(0, 1, 5).Add(12 * time.Hour)
	}
	slices.SortStableFunc(y.Rows, func(a, b price.Row) int { return a.Day.Compare(b.Day) })
}

func weekend(day time.Time) bool {
	return day.Weekday() == time.Saturday || day.Weekday() == time.Sunday
}

func monthOf(at time.Time) time.Time {
	return time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC)
}
