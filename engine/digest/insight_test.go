package digest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/digest"
)

// quiet are facts of two whole weeks at $1,000 each, in which nothing is worth a word.
func quiet() digest.Facts {
	f := factsUntil(date("2026-11-23"))
	f.Known = known("2026-11-09", "2026-11-23")
	for day := date("2026-11-09"); day.Before(date("2026-11-23")); day = day.AddDate(0, 0, 1) {
		f.Days = append(f.Days, digest.DaySum{Day: day, Amount: 1000 * engine.USD / 7})
	}
	spent(&f, true, "prod", "pay", "workload", 1000)
	spent(&f, false, "prod", "pay", "workload", 1000)
	return f
}

func spent(f *digest.Facts, before bool, cluster, team, kind string, dollars engine.MicroUSD) {
	f.Parts = append(f.Parts, digest.Part{Before: before, Same: true, Payer: "1", Cluster: cluster, Team: team, Kind: kind, Amount: dollars * engine.USD})
}

func TestInsights(t *testing.T) {
	for _, c := range []struct {
		name  string
		facts func(*digest.Facts)
		rules digest.Rules
		want  []string // "rule: text | rows"
	}{
		{"nothing to say", func(*digest.Facts) {}, digest.Rules{}, nil},
		{"too little to say", func(f *digest.Facts) { spent(f, false, "prod", "web", "workload", 19) }, digest.Rules{}, nil},
		{"less than a fiftieth", func(f *digest.Facts) {
			spent(f, true, "prod", "big", "workload", 9000)
			spent(f, false, "prod", "big", "workload", 9190)
		}, digest.Rules{}, nil},
		{"a team, mostly in a cluster", func(f *digest.Facts) {
			spent(f, true, "eu", "web", "workload", 100)
			spent(f, false, "eu", "web", "workload", 250)
			spent(f, true, "us", "web", "workload", 100)
			spent(f, false, "us", "web", "workload", 110)
		}, digest.Rules{}, []string{"mover: The cost of team web rose by $160 (80 %), most of it in cluster eu. | team web"}},
		{"a team, all of it in one of its clusters", func(f *digest.Facts) {
			spent(f, true, "eu", "web", "workload", 300)
			spent(f, false, "eu", "web", "workload", 200)
			spent(f, false, "us", "web", "workload", 5)
		}, digest.Rules{}, []string{"mover: The cost of team web fell by $95.00 (32 %), all of it in cluster eu. | team web"}},
		{"a team, most in the other direction", func(f *digest.Facts) {
			spent(f, true, "eu", "web", "workload", 100)
			spent(f, false, "us", "web", "workload", 90)
			spent(f, false, "ap", "web", "workload", 60)
		}, digest.Rules{}, []string{"mover: The cost of team web rose by $50.00 (50 %). | team web"}},
		{"a team, evenly", func(f *digest.Facts) {
			spent(f, false, "eu", "web", "workload", 50)
			spent(f, false, "us", "web", "workload", 50)
		}, digest.Rules{}, []string{"mover: The cost of team web rose by $100. | team web"}},
		{"idle capacity", func(f *digest.Facts) {
			spent(f, true, "eu", "", "idle", 4)
			spent(f, false, "eu", "", "idle", 104)
		}, digest.Rules{}, []string{"mover: The cost of idle capacity rose by $100 (more than tenfold). | kind idle"}},
		{"credits, which make a cost an income", func(f *digest.Facts) {
			spent(f, true, "", "", "unallocatable", 260)
			spent(f, false, "", "", "unallocatable", -68)
		}, digest.Rules{}, []string{"mover: The cost that cannot be allocated (taxes, support, credits) fell by $328. | kind unallocatable"}},
		{"what has no team", func(f *digest.Facts) {
			spent(f, false, "eu", "", "workload", 100)
		}, digest.Rules{}, []string{"mover: The cost of what has no team rose by $100. | kind workload"}},
		{"a team's own digest", func(f *digest.Facts) {
			f.Scope.Team = "pay"
			spent(f, false, "us", "pay", "workload", 100)
		}, digest.Rules{}, []string{"mover: The cost of cluster us rose by $100. | cluster us"}},
		{"not all days", func(f *digest.Facts) {
			spent(f, false, "us", "web", "workload", 100)
			f.Known = append(f.Known[:3:3], f.Known[4:]...)
		}, digest.Rules{}, []string{"mover: The cost of team web rose by $100, over the 6 days that can be compared. | team web"}},
		{
			"days without a bill", func(f *digest.Facts) { f.Known = f.Known[:12] },
			digest.Rules{},
			[]string{"absent: 2 of the 7 days have no bill yet, so the total is not whole. | days without a bill"},
		},
		{
			"a day without a bill", func(f *digest.Facts) { f.Known = f.Known[:13] },
			digest.Rules{},
			[]string{"absent: 1 of the 7 days has no bill yet, so the total is not whole. | days without a bill"},
		},
		{"no bills at all", func(f *digest.Facts) { f.Known, f.Parts, f.Days = nil, nil, nil }, digest.Rules{}, nil},
		{
			"a budget that is passed", func(*digest.Facts) {},
			digest.Rules{Budgets: []digest.BudgetRule{{Name: "all", Monthly: 1900 * engine.USD}, {Name: "wide", Monthly: 1990 * engine.USD}}},
			[]string{"budget: Budget “all” of $1,900 for November is passed by $100. | budget all"},
		},
		{"verified below the estimate", func(f *digest.Facts) {
			f.Ledger.Calibration = []engine.CalibrationLine{
				{Type: engine.OverRequestedCPU, Estimated: 200 * engine.USD, Verified: 140 * engine.USD}, {Type: engine.IdleNode, Estimated: 100 * engine.USD, Verified: 130 * engine.USD},
			}
		}, digest.Rules{}, []string{"calibration: Savings from lower CPU requests were verified at $140, 30 % below the estimate of $200. | ledger type over_requested_cpu"}},
		{"verified above it", func(f *digest.Facts) {
			f.Ledger.Calibration = []engine.CalibrationLine{{Type: engine.OrphanVolume, Estimated: 200 * engine.USD, Verified: 240 * engine.USD}}
		}, digest.Rules{}, []string{"calibration: Savings from removed volumes were verified at $240, 20 % above the estimate of $200. | ledger type orphan_volume"}},
		{"verified without an estimate", func(f *digest.Facts) {
			f.Ledger.Calibration = []engine.CalibrationLine{{Type: engine.OrphanVolume, Verified: 240 * engine.USD}}
		}, digest.Rules{}, nil},
		{
			"taken back", func(f *digest.Facts) { f.Funnel.Reversed = engine.FunnelStep{Chains: 2, Monthly: 300 * engine.USD} },
			digest.Rules{},
			[]string{"reversed: 2 savings worth $300 a month were taken back. | ledger state reversed"},
		},
		{
			"taken back, once", func(f *digest.Facts) { f.Funnel.Reversed = engine.FunnelStep{Chains: 1, Monthly: 300 * engine.USD} },
			digest.Rules{},
			[]string{"reversed: 1 saving worth $300 a month was taken back. | ledger state reversed"},
		},
		{
			"incidents", func(f *digest.Facts) {
				f.Incidents = []engine.IncidentLine{incident(4, 10, 12, nil), incident(5, 10, 11, nil)}
			},
			digest.Rules{Hours: []digest.HourRule{{PerHour: 100 * engine.USD}}},
			[]string{"incident: 2 incidents cost $300, $200 of it #4 (pay/api). | incident 4"},
		},
		{
			"one incident", func(f *digest.Facts) { f.Incidents = []engine.IncidentLine{incident(4, 10, 12, nil)} },
			digest.Rules{Hours: []digest.HourRule{{PerHour: 100 * engine.USD}}},
			[]string{"incident: 1 incident cost $200. | incident 4"},
		},
		{"incidents without a cost", func(f *digest.Facts) { f.Incidents = []engine.IncidentLine{incident(4, 10, 12, nil)} }, digest.Rules{}, nil},
		{"an opportunity that waits", func(f *digest.Facts) {
			f.Open.Top = []engine.Opportunity{{Group: 9, Title: "pay/api", Monthly: 200 * engine.USD, Since: f.AsOf.Add(-23*24*time.Hour - time.Hour)}}
		}, digest.Rules{}, []string{"waiting: The largest open opportunity, pay/api at $200 a month, has waited for 23 days. | group 9"}},
		{"one that is young", func(f *digest.Facts) {
			f.Open.Top = []engine.Opportunity{{Group: 9, Title: "pay/api", Monthly: 200 * engine.USD, Since: f.AsOf.Add(-6 * 24 * time.Hour)}}
		}, digest.Rules{}, nil},
		{"one of which nobody knows since when", func(f *digest.Facts) {
			f.Open.Top = []engine.Opportunity{{Group: 9, Title: "pay/api", Monthly: 200 * engine.USD}}
		}, digest.Rules{}, nil},
		{"corrections", func(f *digest.Facts) {
			f.Corrections = []engine.Correction{{Of: "invoice of 2026-09", Amount: -50 * engine.USD}, {Of: "savings of 2026-11-02", Amount: 2 * engine.USD}}
		}, digest.Rules{}, []string{"correction: 2 corrections of earlier periods came to -$48.00. | corrections"}},
		{"the three that are about most, the earlier rule first of equals", func(f *digest.Facts) {
			f.Corrections = []engine.Correction{{Of: "x", Amount: -500 * engine.USD}}
			f.Incidents = []engine.IncidentLine{incident(4, 10, 15, nil)}
			f.Open.Top = []engine.Opportunity{{Group: 9, Title: "pay/api", Monthly: 200 * engine.USD, Since: f.AsOf.AddDate(0, -1, 0)}}
			spent(f, false, "us", "web", "workload", 100)
		}, digest.Rules{Hours: []digest.HourRule{{PerHour: 100 * engine.USD}}}, []string{
			"incident: 1 incident cost $500. | incident 4",
			"correction: 1 correction of earlier periods came to -$500. | corrections",
			"mover: The cost of team web rose by $100. | team web",
		}},
	} {
		f := quiet()
		c.facts(&f)
		var got []string
		for _, i := range digest.Make(f, c.rules).Insights {
			got = append(got, fmt.Sprintf("%s: %s | %s", i.Rule, i.Text, i.Rows))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestInsightOfABudgetThatWillBePassed(t *testing.T) {
	f := steady(91, hundred)
	spent(&f, false, "prod", "pay", "workload", 700)
	got := digest.Make(f, digest.Rules{Budgets: []digest.BudgetRule{{Name: "all of it", Monthly: 2880 * engine.USD}}}).Insights
	want := []engine.Insight{{
		Rule: "budget", Text: "June is on its way to pass budget “all of it” of $2,880 by $120.", Amount: 120 * engine.USD, Rows: "budget all of it",
	}}
	if diff := cmp.Diff(want, got[len(got)-1:]); diff != "" {
		t.Errorf("insights (-want +got):\n%s", diff)
	}
}

// TestInsightOfABudgetThatIsPassed: one that is passed is not said to be on its way, however far it will go.
func TestInsightOfABudgetThatIsPassed(t *testing.T) {
	f := steady(91, hundred) // $1,400 so far, $3,000 in the end
	got := digest.Make(f, digest.Rules{Budgets: []digest.BudgetRule{{Name: "a", Monthly: 1200 * engine.USD}, {Name: "b", Monthly: 1390 * engine.USD}}}).Insights
	if len(got) != 1 || got[0].Text != "Budget “a” of $1,200 for June is passed by $200." {
		t.Errorf("%+v", got)
	}
}

// TestInsightsAreShort: a name of any length and kind is one line of a sentence.
func TestInsightsAreShort(t *testing.T) {
	f := quiet()
	name := "a\nb\t\u2028c" + strings.Repeat("x", 500) + "\xff"
	spent(&f, false, name, name, "workload", 300)
	spent(&f, true, "other"+name, name, "workload", 30)
	got := digest.Make(f, digest.Rules{}).Insights
	if len(got) != 1 || len([]rune(got[0].Text)) > 250 || strings.ContainsAny(got[0].Text, "\n\t\u2028") || !utf8.ValidString(got[0].Text) || !strings.Contains(got[0].Text, "a b c") {
		t.Errorf("%+v", got)
	}
}
