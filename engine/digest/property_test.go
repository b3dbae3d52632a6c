package digest_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/digest"
)

// amounts are what a bill has: mostly above zero, also credits and refunds, and none that rounds well.
func amounts() *rapid.Generator[engine.MicroUSD] {
	return rapid.Custom(func(t *rapid.T) engine.MicroUSD {
		return engine.MicroUSD(rapid.OneOf(rapid.Int64Range(-9_999_999_999, 99_999_999_999), rapid.Int64Range(-3, 3)).Draw(t, "amount"))
	})
}

// row is a cost row, of which facts are sums.
type row struct {
	day                        time.Time
	payer, cluster, team, kind string
	amount                     engine.MicroUSD
	provisional                bool
}

// someFacts draws rows, and adds them up as the store does.
func someFacts(t *rapid.T) (digest.Facts, []row) {
	kind := rapid.SampledFrom([]engine.PeriodKind{engine.Weekly, engine.Monthly}).Draw(t, "period")
	p := engine.PeriodOf(kind, date("2024-01-01").AddDate(0, 0, rapid.IntRange(0, 1100).Draw(t, "day")))
	f := digest.Facts{Period: p, AsOf: p.To.AddDate(0, 0, 2)}
	history := p.Before().From.AddDate(0, 0, -rapid.IntRange(0, 40).Draw(t, "history"))
	for day := history; day.Before(p.To); day = day.AddDate(0, 0, 1) {
		if rapid.IntRange(0, 9).Draw(t, "lacks") == 0 {
			continue
		}
		f.Known = append(f.Known, digest.KnownDay{
			Day: day, SavedAt: day.AddDate(0, 0, 1).Add(time.Duration(rapid.IntRange(12, 60).Draw(t, "saved")) * time.Hour),
			Estimated: rapid.IntRange(0, 15).Draw(t, "estimated") == 0, Partial: rapid.IntRange(0, 15).Draw(t, "partial") == 0,
		})
	}
	names := func(label string, all ...string) string { return rapid.SampledFrom(all).Draw(t, label) }
	var rows []row
	for range rapid.IntRange(0, 60).Draw(t, "rows") {
		rows = append(rows, row{
			day: history.AddDate(0, 0, rapid.IntRange(0, int(p.To.Sub(history)/(24*time.Hour))-1).Draw(t, "on")), payer: names("payer", "", "1", "2"),
			cluster: names("cluster", "", "eu", "us"), team: names("team", "", "a", "b", "c", "d", "e", "f", "g", "h", "i"),
			kind: names("kind", "workload", "shared", "idle", "outside", "unallocatable", "adjustment"), amount: amounts().Draw(t, "amount"),
			provisional: rapid.Bool().Draw(t, "provisional"),
		})
	}
	same := map[time.Time]bool{}
	for _, day := range digest.Same(p, f.Known) {
		same[day] = true
	}
	parts, days := map[digest.Part]engine.MicroUSD{}, map[time.Time]digest.DaySum{}
	for _, r := range rows {
		d := days[r.day]
		d.Day, d.Amount, d.Provisional = r.day, d.Amount+r.amount, d.Provisional || r.provisional
		if r.kind == "adjustment" {
			d.Adjustment += r.amount
		}
		days[r.day] = d
		if !r.day.Before(p.Before().From) {
			parts[digest.Part{
				Before: r.day.Before(p.From), Same: same[r.day], Payer: r.payer, Cluster: r.cluster, Team: r.team, Kind: r.kind, Provisional: r.provisional,
			}] += r.amount
		}
	}
	for part, amount := range parts {
		part.Amount = amount
		f.Parts = append(f.Parts, part)
	}
	for _, d := range days {
		f.Days = append(f.Days, d)
	}
	return f, rows
}

func TestSumsComeToTheRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, rows := someFacts(t)
		d := digest.Make(f, digest.Rules{})
		var now, before, sameNow, sameBefore engine.MicroUSD
		same := digest.Same(f.Period, f.Known)
		for _, r := range rows {
			comparable := slices.ContainsFunc(same, r.day.Equal)
			switch {
			case !r.day.Before(f.Period.From):
				now += r.amount
				if comparable {
					sameNow += r.amount
				}
			case !r.day.Before(f.Period.Before().From):
				before += r.amount
				if comparable {
					sameBefore += r.amount
				}
			}
		}
		if d.Spend.Total != now || d.Spend.Before != before || d.Spend.SameTotal != sameNow || d.Spend.SameBefore != sameBefore {
			t.Fatalf("rows come to %d and %d (%d and %d comparable); spend is %+v", now, before, sameNow, sameBefore, d.Spend)
		}
		for _, b := range d.Breakdowns {
			var sum, was engine.MicroUSD
			for k, l := range b.Lines {
				sum, was = sum+l.Amount, was+l.Before
				if k > 0 && l.Amount > b.Lines[k-1].Amount {
					t.Fatalf("by %s, %q is dearer than the line above it", b.By, l.Name)
				}
			}
			if sum != now || was != before {
				t.Fatalf("by %s, the lines come to %d and %d, not to %d and %d", b.By, sum, was, now, before)
			}
		}
		if d.Spend.SameDays > 0 {
			var steps engine.MicroUSD
			for _, s := range d.Waterfall {
				steps += s.Amount
			}
			if steps != now-before || len(d.Waterfall) > 8 {
				t.Fatalf("%d steps come to %d, not to %d", len(d.Waterfall), steps, now-before)
			}
		} else if len(d.Waterfall)+len(d.Movers) > 0 {
			t.Fatalf("nothing can be compared, and yet: %+v, %+v", d.Waterfall, d.Movers)
		}
		movers := map[string]engine.MicroUSD{}
		for k, m := range d.Movers {
			movers[m.By] += m.Now - m.Before
			if m.Now == m.Before || k > 0 && abs(m.Now-m.Before) > abs(d.Movers[k-1].Now-d.Movers[k-1].Before) {
				t.Fatalf("mover %d: %+v", k, m)
			}
		}
		if movers["team"]+movers["kind"] != sameNow-sameBefore {
			t.Fatalf("teams and kinds moved by %d, all by %d", movers["team"]+movers["kind"], sameNow-sameBefore)
		}
		var trend engine.MicroUSD
		for k, day := range d.Trend {
			if !day.Day.Before(f.Period.From) {
				trend += day.Amount
			}
			if k > 0 && !d.Trend[k-1].Day.Before(day.Day) {
				t.Fatalf("the trend is not in order at %s", day.Day)
			}
		}
		if trend != now {
			t.Fatalf("the days of the trend come to %d, the period to %d", trend, now)
		}
		if s := d.Spend; s.Allocated < 0 || s.Allocated > 1 || s.SameDays > min(s.DaysKnown, f.Period.Days()) {
			t.Fatalf("spend is %+v", s)
		}
	})
}

func abs(m engine.MicroUSD) engine.MicroUSD { return max(m, -m) }

func TestForecastAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, _ := someFacts(t)
		got := digest.Make(f, digest.Rules{}).Forecast
		if got == nil {
			return
		}
		if got.Low > got.Mid || got.High < got.Mid {
			t.Fatalf("%d is not between %d and %d", got.Mid, got.Low, got.High)
		}
		sum := engine.MicroUSD(0)
		ahead := map[time.Time]bool{}
		for _, d := range got.Days {
			if d.Low > d.Mid || d.High < d.Mid || ahead[d.Day] || !monthStart(d.Day).Equal(got.Month) {
				t.Fatalf("day %+v of %s", d, got.Month)
			}
			sum += d.Mid
			ahead[d.Day] = true
		}
		for _, d := range f.Days {
			if monthStart(d.Day).Equal(got.Month) {
				if ahead[d.Day] {
					sum += d.Adjustment
				} else {
					sum += d.Amount
				}
			}
		}
		if sum != got.Mid {
			t.Fatalf("what is known and the days to come are %d, the middle is %d", sum, got.Mid)
		}
	})
}

func monthStart(day time.Time) time.Time { return engine.PeriodOf(engine.Monthly, day).From }

// TestOrderSaysNothing: rows in any order make the same digest.
func TestOrderSaysNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, _ := someFacts(t)
		rules := digest.Rules{
			Budgets: []digest.BudgetRule{{Name: "all", Monthly: 100 * engine.USD}}, Units: []digest.UnitRule{{Name: "request"}},
			Hours: []digest.HourRule{{PerHour: 7_777_777}},
		}
		for n := range rapid.IntRange(0, 8).Draw(t, "others") {
			day := f.Period.From.AddDate(0, 0, rapid.IntRange(-7, 6).Draw(t, "day"))
			f.Counts = append(f.Counts, digest.UnitDay{Name: "request", Day: f.Period.From.AddDate(0, 0, n-3), Count: float64(n) * 1.1})
			f.Corrections = append(f.Corrections, engine.Correction{Of: "x", Amount: amounts().Draw(t, "correction"), At: day})
			f.Missing = append(f.Missing, engine.Gap{Collector: "c", Reason: string(rune('a' + n%3))})
			f.Payers = append(f.Payers, engine.PayerLine{Payer: string(rune('a' + n)), Amount: 5})
			f.Open.Top = append(f.Open.Top, engine.Opportunity{Group: int64(n), Monthly: engine.MicroUSD(n / 2)})
			f.Open.ByKind = append(f.Open.ByKind, engine.SavingsLine{Kind: engine.FindingKind(rune('a' + n))})
			f.Incidents = append(f.Incidents, engine.IncidentLine{
				ID: int64(n), Severity: engine.Warning, Started: day, Detected: day.Add(time.Minute), Resolved: day.Add(time.Duration(n) * time.Hour),
			})
		}
		want := digest.Make(f, rules)
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		shuffle(r, f.Known)
		shuffle(r, f.Parts)
		shuffle(r, f.Days)
		shuffle(r, f.Counts)
		shuffle(r, f.Corrections)
		shuffle(r, f.Missing)
		shuffle(r, f.Payers)
		shuffle(r, f.Open.Top)
		shuffle(r, f.Open.ByKind)
		shuffle(r, f.Incidents)
		if diff := cmp.Diff(want, digest.Make(f, rules)); diff != "" {
			t.Fatalf("in another order (-want +got):\n%s", diff)
		}
	})
}

func shuffle[T any](r *rand.Rand, list []T) {
	r.Shuffle(len(list), func(a, b int) { list[a], list[b] = list[b], list[a] })
}
