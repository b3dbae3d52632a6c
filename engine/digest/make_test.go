package digest_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/digest"
	"github.com/eks-autopilot/autopilot/test/year"
)

var update = flag.Bool("update", false, "write the golden files")

// TestGolden shows what the last week and the last closed month of a rich year come to, and a team's week. What package ledger says is
// taken over as it is.
func TestGolden(t *testing.T) {
	y := year.New(year.Options{Seed: 1})
	for name, got := range map[string]engine.Digest{
		"week": y.Digest(year.Week, engine.DigestScope{}), "month": y.Digest(year.Month, engine.DigestScope{}),
		"team": y.Digest(year.WholeWeek, engine.DigestScope{Team: y.Teams[0]}),
	} {
		if len(got.Ledger.Lines) == 0 || len(got.ByType) == 0 || len(got.ByCluster) == 0 {
			t.Errorf("%s: the ledger is not taken over", name)
		}
		got.Ledger, got.ByType, got.ByCluster = engine.Ledger{}, nil, nil
		file := filepath.Join("testdata", name+".json")
		if *update {
			content, err := json.MarshalIndent(got, "", " ")
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, append(content, '\n'), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		content, err := os.ReadFile(file) //nolint:gosec // a golden file
		if err != nil {
			t.Fatal(err)
		}
		var want engine.Digest
		if err := json.Unmarshal(content, &want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestWholeYear makes each month of a year and each third week, and some of a year with many teams whose names are bad, and adds each
// up again from the year's own rows.
func TestWholeYear(t *testing.T) {
	for _, o := range []year.Options{{Seed: 3}, {Seed: 4, Teams: 60, Clusters: 9, Hostile: true}} {
		y := year.New(o)
		for _, kind := range []engine.PeriodKind{engine.Weekly, engine.Monthly} {
			for p := engine.PeriodOf(kind, year.From); p.From.Before(year.To); p = engine.PeriodOf(kind, p.To) {
				if _, week := p.From.ISOWeek(); kind == engine.Weekly && week%3 != 0 || o.Hostile && p.From.Month() != time.October {
					continue
				}
				d := y.Digest(p, engine.DigestScope{})
				var total engine.MicroUSD
				for _, row := range y.Rows {
					if !row.Day.Before(p.From) && row.Day.Before(p.To) {
						total += row.Amount
					}
				}
				if d.Spend.Total != total || len(d.Waterfall) > 8 || len(d.Insights) > 3 {
					t.Errorf("%s: %s of %s, %d steps, %d insights", p, d.Spend.Total, total, len(d.Waterfall), len(d.Insights))
				}
				for _, b := range d.Breakdowns {
					for _, l := range b.Lines {
						total -= l.Amount
					}
					if total != 0 {
						t.Errorf("%s: by %s, %d are lacking", p, b.By, total)
					}
					total = d.Spend.Total
				}
				var verified engine.MicroUSD
				for _, s := range d.ByType {
					verified += s.Verified
				}
				if verified != d.Ledger.Verified || verified != d.Funnel.Verified {
					t.Errorf("%s: types were verified at %s, the ledger at %s, the funnel at %s", p, verified, d.Ledger.Verified, d.Funnel.Verified)
				}
			}
		}
	}
}

// TestEmptyWeek: without rows there is nothing, and nothing is said of it.
func TestEmptyWeek(t *testing.T) {
	week := engine.PeriodOf(engine.Weekly, date("2020-12-31"))
	if week.String() != "2020-W53" {
		t.Fatalf("the week is %s", week)
	}
	d := digest.Make(digest.Facts{Period: week}, digest.Rules{})
	if len(d.Bills.Absent) != 7 || d.Bills.Source != "" || d.Spend != (engine.Spend{}) || len(d.Trend)+len(d.Movers)+len(d.Waterfall)+len(d.Insights) != 0 || d.Forecast != nil {
		t.Errorf("an empty week is %+v", d)
	}
}

// TestFirstWeek: what has no time before it is not compared with it.
func TestFirstWeek(t *testing.T) {
	f := quiet()
	f.Known, f.Days = f.Known[7:], f.Days[7:]
	f.Parts = f.Parts[1:]
	f.Parts[0].Same = false
	d := digest.Make(f, digest.Rules{})
	if d.Spend.Total != 1000*engine.USD || d.Spend.Before != 0 || d.Spend.SameDays != 0 || len(d.Movers)+len(d.Waterfall)+len(d.Insights) != 0 || d.Forecast != nil {
		t.Errorf("the first week is %+v", d)
	}
}

func TestBillsSayHowFreshTheyAre(t *testing.T) {
	f := quiet()
	f.Known = append(f.Known[:9:9], f.Known[10:]...)
	f.Known[8].Guessed, f.Known[3].Guessed = true, true
	f.Newest, f.Since, f.Scan = date("2026-11-22"), date("2026-01-01"), date("2026-11-20")
	f.Payers = []engine.PayerLine{{Payer: "2", Amount: 3}, {Payer: "1", Amount: 4, Closed: true}}
	want := engine.BillState{
		Newest: f.Newest, Since: f.Since, Scan: f.Scan, Absent: []time.Time{date("2026-11-18")}, Guessed: 1, Source: "Cost Explorer",
		Payers: []engine.PayerLine{{Payer: "1", Amount: 4, Closed: true}, {Payer: "2", Amount: 3}},
	}
	if diff := cmp.Diff(want, digest.Make(f, digest.Rules{}).Bills); diff != "" {
		t.Errorf("bills (-want +got):\n%s", diff)
	}
	for k := range f.Known {
		f.Known[k].Estimated = true
	}
	if got := digest.Make(f, digest.Rules{}).Bills.Source; got != "list prices" {
		t.Errorf("estimates come from %q", got)
	}
}

func TestSpendByWhoAnswersForIt(t *testing.T) {
	f := quiet()
	f.Parts = nil
	for kind, dollars := range map[string]engine.MicroUSD{"idle": 20, "shared": 10, "outside": 40, "unallocatable": -5, "adjustment": -15, "workload": 50} {
		spent(&f, false, "eu", "", kind, dollars)
	}
	spent(&f, false, "eu", "pay", "shared", 25) // was divided: it is the team's
	spent(&f, false, "eu", "pay", "workload", 75)
	f.Parts[0].Provisional = true
	f.Parts = append(f.Parts, digest.Part{Team: "pay", Kind: "workload", Amount: 100 * engine.USD, Provisional: true})
	got := digest.Make(f, digest.Rules{}).Spend
	want := engine.Spend{
		Total: 300 * engine.USD, SameTotal: 200 * engine.USD, SameDays: 7, DaysKnown: 7, DaysBefore: 7, Provisional: 100*engine.USD + f.Parts[0].Amount,
		Estimated: 100 * engine.USD, Idle: 20 * engine.USD, Shared: 10 * engine.USD, Unallocated: -5 * engine.USD, Outside: 40 * engine.USD,
		Adjustment: -15 * engine.USD, Allocated: 2.0 / 3,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("spend (-want +got):\n%s", diff)
	}
}

func TestWaterfallGathersWhatIsSmall(t *testing.T) {
	f := quiet()
	for k, team := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		spent(&f, k%2 == 0, "eu", team, "workload", engine.MicroUSD(10*(k+1)))
	}
	want := []engine.SpendStep{
		{By: "team", Name: "h", Amount: 80 * engine.USD},
		{By: "team", Name: "g", Amount: -70 * engine.USD},
		{By: "team", Name: "f", Amount: 60 * engine.USD},
		{By: "team", Name: "e", Amount: -50 * engine.USD},
		{By: "team", Name: "d", Amount: 40 * engine.USD},
		{By: "team", Name: "c", Amount: -30 * engine.USD},
		{Name: "others", Amount: 10 * engine.USD},
	}
	if diff := cmp.Diff(want, digest.Make(f, digest.Rules{}).Waterfall); diff != "" {
		t.Errorf("waterfall (-want +got):\n%s", diff)
	}
	f.Parts = f.Parts[:len(f.Parts)-1] // seven changes: one alone is not gathered
	if got := digest.Make(f, digest.Rules{}).Waterfall; len(got) != 7 || got[6].Name != "a" {
		t.Errorf("of seven changes: %+v", got)
	}
}

func TestTrendSaysWhatADayIsWorth(t *testing.T) {
	f := factsUntil(date("2026-11-23"))
	f.Known = known("2026-11-16", "2026-11-20")
	f.Known[1].Estimated = true
	f.Known[2].SavedAt = f.Known[2].Day.Add(36 * time.Hour)
	f.Days = []digest.DaySum{
		{Day: date("2026-11-16"), Amount: 5}, {Day: date("2026-11-17"), Amount: 6, Provisional: true}, {Day: date("2026-11-18"), Amount: 7}, {Day: date("2026-11-22"), Amount: 8},
	}
	want := []engine.SpendDay{
		{Day: date("2026-11-16"), Amount: 5},
		{Day: date("2026-11-17"), Amount: 6, Provisional: true, Estimated: true},
		{Day: date("2026-11-18"), Amount: 7, Provisional: true}, // young
		{Day: date("2026-11-19")},                               // known, and nothing was spent
		{Day: date("2026-11-22"), Amount: 8, Provisional: true}, // there are rows and no bill of it
	}
	if diff := cmp.Diff(want, digest.Make(f, digest.Rules{}).Trend); diff != "" {
		t.Errorf("trend (-want +got):\n%s", diff)
	}
}

func TestEmpty(t *testing.T) {
	week := engine.PeriodOf(engine.Weekly, date("2026-11-16"))
	for name, c := range map[string]struct {
		facts digest.Facts
		want  bool
	}{
		"no rows":                       {digest.Facts{AsOf: date("2026-11-24")}, true},
		"a cost":                        {digest.Facts{Parts: []digest.Part{{Kind: "workload", Amount: 1}}}, false},
		"a cost before":                 {digest.Facts{Parts: []digest.Part{{Kind: "workload", Amount: 1, Before: true}}}, false},
		"a chain":                       {digest.Facts{Ledger: engine.Ledger{Lines: []engine.LedgerLine{{Chain: "finding/1/0"}}}}, false},
		"an incident":                   {digest.Facts{Incidents: []engine.IncidentLine{incident(1, 3, 4, nil)}}, false},
		"one that goes on":              {digest.Facts{Incidents: []engine.IncidentLine{incident(1, -30, 0, nil)}}, false},
		"a correction":                  {digest.Facts{Corrections: []engine.Correction{{Of: "invoice of 2026-09", Amount: 1}}}, false},
		"what is open, a day later":     {digest.Facts{AsOf: date("2026-11-24"), Open: engine.Opportunities{Count: 1}}, false},
		"what is open, two weeks later": {digest.Facts{AsOf: date("2026-12-07"), Open: engine.Opportunities{Count: 1}}, true},
	} {
		c.facts.Period = week
		if got := digest.Empty(digest.Make(c.facts, digest.Rules{})); got != c.want {
			t.Errorf("%s: empty is %t", name, got)
		}
	}
}
