package year

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/digest"
	"github.com/eks-autopilot/autopilot/engine/ledger"
	"github.com/eks-autopilot/autopilot/engine/price"
)

// Digest is that of a period and a scope, as of the end of the year.
func (y *Year) Digest(p engine.Period, scope engine.DigestScope) engine.Digest {
	return digest.Make(y.Facts(p, scope), y.Rules)
}

// Facts adds up the rows.
func (y *Year) Facts(p engine.Period, scope engine.DigestScope) digest.Facts {
	f := digest.Facts{
		Period: p, Scope: scope, AsOf: AsOf, Known: y.known(p), Since: From, Newest: To.AddDate(0, 0, -1), Scan: AsOf.Add(-9 * time.Hour),
		Missing: []engine.Gap{{Collector: "Prometheus of " + y.Clusters[len(y.Clusters)-1], Reason: "no answer within 20 s"}},
		Audit:   &engine.Anchor{Seq: 4711, Hash: "9f2c4e1b7a60d8359f2c4e1b7a60d8359f2c4e1b7a60d8359f2c4e1b7a60d835", At: AsOf},
		Own: engine.OwnCost{
			BilledCalls: 3 * p.Days(), BilledAmount: engine.MicroUSD(3*p.Days()) * engine.USD / 100, Scans: 4 * p.Days(), Queries: 88 * p.Days(),
			Samples: 1_234_567 * int64(p.Days()), Slowest: 1843 * time.Millisecond,
		},
	}
	y.sumRows(&f)
	for _, s := range y.Rules.Scopes() {
		f.Scopes = append(f.Scopes, digest.ScopeDays{Scope: s, Days: y.days(p, s)})
	}
	y.sumLedger(&f)
	y.chooseOpen(&f)
	y.score(&f)
	for _, i := range y.Incidents {
		if !ofScope(scope, i.Team, i.Workload.Cluster) || !i.Detected.Before(p.To) {
			continue
		}
		if i.Resolved.IsZero() || !i.Resolved.Before(p.From) {
			f.Incidents = append(f.Incidents, i)
		}
		if !i.Detected.Before(p.Before().From) && i.Detected.Before(p.From) {
			f.Earlier++
		}
	}
	for _, c := range y.Counts {
		if !c.Day.Before(p.Before().From) && c.Day.Before(p.To) {
			f.Counts = append(f.Counts, c)
		}
	}
	return f
}

func ofScope(scope engine.DigestScope, team, cluster string) bool {
	return (scope.Team == "" || scope.Team == team) && (scope.Cluster == "" || scope.Cluster == cluster)
}

// SavedAt is when a day's bill was kept last: three days in a row, at noon.
func SavedAt(day time.Time) time.Time {
	at := day.AddDate(0, 0, 3).Add(12*time.Hour + 30*time.Minute)
	if at.After(AsOf) {
		return AsOf
	}
	return at
}

func (y *Year) known(p engine.Period) (list []digest.KnownDay) {
	for _, r := range y.Records {
		if !r.Day.Before(digest.HistoryFrom(p)) && r.Day.Before(p.To) {
			list = append(list, digest.KnownDay{Day: r.Day, SavedAt: SavedAt(r.Day), Guessed: r.Guessed})
		}
	}
	return list
}

// between gives the rows from a day to before another.
func (y *Year) between(from, to time.Time) []price.Row {
	first := func(day time.Time) int {
		k, _ := slices.BinarySearchFunc(y.Rows, day, func(row price.Row, day time.Time) int { return row.Day.Compare(day) })
		return k
	}
	return y.Rows[first(from):first(to)]
}

func (y *Year) days(p engine.Period, scope engine.DigestScope) []digest.DaySum {
	sums := map[time.Time]digest.DaySum{}
	for _, row := range y.between(digest.HistoryFrom(p), p.To) {
		if !ofScope(scope, row.Team, row.Cluster) {
			continue
		}
		s := sums[row.Day]
		s.Day, s.Amount, s.Provisional = row.Day, s.Amount+row.Amount, s.Provisional || row.Provisional
		if row.Kind == price.RowAdjustment {
			s.Adjustment += row.Amount
		}
		sums[row.Day] = s
	}
	return slices.SortedFunc(maps.Values(sums), func(a, b digest.DaySum) int { return a.Day.Compare(b.Day) })
}

func (y *Year) sumRows(f *digest.Facts) {
	p := f.Period
	f.Days = y.days(p, f.Scope)
	same := map[time.Time]bool{}
	for _, day := range digest.Same(p, f.Known) {
		same[day] = true
	}
	parts, payers := map[digest.Part]engine.MicroUSD{}, map[string]engine.MicroUSD{}
	for _, row := range y.between(p.Before().From, p.To) {
		if !ofScope(f.Scope, row.Team, row.Cluster) {
			continue
		}
		part := digest.Part{
			Before: row.Day.Before(p.From), Same: same[row.Day], Payer: row.Payer, Cluster: row.Cluster, Team: row.Team,
			Kind: string(row.Kind), Provisional: row.Provisional,
		}
		parts[part] += row.Amount
		if !part.Before {
			payers[row.Payer] += row.Amount
		}
	}
	for part, amount := range parts {
		part.Amount = amount
		f.Parts = append(f.Parts, part)
	}
	slices.SortFunc(f.Parts, func(a, b digest.Part) int { return cmp.Compare(fmt.Sprintf("%+v", a), fmt.Sprintf("%+v", b)) })
	f.Closed = len(payers) > 0
	for _, payer := range slices.Sorted(maps.Keys(payers)) {
		line := engine.PayerLine{Payer: payer, Amount: payers[payer], Closed: true}
		for month := monthOf(p.From); month.Before(p.To); month = month.AddDate(0, 1, 0) {
			_, closed := y.ClosedAt[month]
			line.Closed = line.Closed && closed
		}
		f.Closed = f.Closed && line.Closed
		f.Payers = append(f.Payers, line)
	}
}

func (y *Year) sumLedger(f *digest.Facts) {
	p := f.Period
	names := map[string]bool{} // of chains that have an entry in the period
	january := time.Date(p.To.Add(-1).Year(), 1, 1, 0, 0, 0, 0, time.UTC)
	var year engine.MicroUSD
	late := map[string]engine.Correction{}
	for _, e := range y.Entries {
		if !ofScope(f.Scope, e.Team, e.Target.Cluster) {
			continue
		}
		about := e.At
		if !e.Day.IsZero() {
			about = e.Day
			if !e.Day.Before(january) && e.Day.Before(p.To) {
				year += e.Amount
			}
		}
		if !about.Before(p.From) && about.Before(p.To) {
			names[e.Chain] = true
		}
		if e.Kind == engine.EntryCorrected && !e.At.Before(p.From) && e.At.Before(p.To) && e.Day.Before(p.From) {
			c := late[e.Day.String()+e.Ref]
			c.Of, c.Amount, c.Reason = "savings of "+e.Day.Format(time.DateOnly), c.Amount+e.Amount, e.Ref
			if e.At.After(c.At) {
				c.At = e.At
			}
			late[e.Day.String()+e.Ref] = c
		}
	}
	var entries []engine.LedgerEntry
	for _, e := range y.Entries {
		if names[e.Chain] {
			entries = append(entries, e)
		}
	}
	f.Ledger, f.ByType, f.ByCluster, f.Funnel = ledger.Summary(entries, engine.LedgerFilter{
		From: p.From, To: p.To, Team: f.Scope.Team, Cluster: f.Scope.Cluster, Limit: digest.LedgerLines,
	})
	f.Funnel.Year = year
	for _, a := range y.approvals() {
		if slices.ContainsFunc(f.Ledger.Lines, func(l engine.LedgerLine) bool { return l.Proposal == a.Proposal }) {
			f.Decisions = append(f.Decisions, a)
		}
	}
	f.Corrections = slices.Collect(maps.Values(late))
	if f.Scope == (engine.DigestScope{}) {
		for _, c := range y.Late {
			if !c.At.Before(p.From) && c.At.Before(p.To) {
				f.Corrections = append(f.Corrections, c)
			}
		}
	}
}

// chooseOpen gives the opportunities of the scope; their kinds are known of all alone.
func (y *Year) chooseOpen(f *digest.Facts) {
	if f.Scope == (engine.DigestScope{}) {
		f.Open = y.Open
	} else {
		for _, o := range y.Open.Top {
			if ofScope(f.Scope, o.Team, o.Cluster) {
				f.Open.Count, f.Open.Monthly = f.Open.Count+1, f.Open.Monthly+o.Monthly
				if o.Cash {
					f.Open.Cash += o.Monthly
				}
				f.Open.Top = append(f.Open.Top, o)
			}
		}
	}
	f.Open.Top = slices.SortedFunc(slices.Values(f.Open.Top), func(a, b engine.Opportunity) int {
		return cmp.Or(cmp.Compare(b.Monthly, a.Monthly), cmp.Compare(a.Group, b.Group))
	})
	f.Open.Top = f.Open.Top[:min(len(f.Open.Top), digest.OpenGroups)]
}
