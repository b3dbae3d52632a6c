package digest_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/digest"
)

// incident of the week of 16 November 2026, in hours from its Monday; it is open where until is 0.
func incident(id int64, from, until float64, edit func(*engine.IncidentLine)) engine.IncidentLine {
	monday := date("2026-11-16")
	hours := func(h float64) time.Time { return monday.Add(time.Duration(h * float64(time.Hour))) }
	i := engine.IncidentLine{
		ID: id, Title: "crash loop", Workload: engine.Workload{Cluster: "prod-eu", Namespace: "pay", Kind: "Deployment", Name: "api"}, Team: "payments",
		Severity: engine.Critical, Started: hours(from), Detected: hours(from).Add(time.Minute * time.Duration(id)),
	}
	if until != 0 {
		i.Resolved = hours(until)
	}
	if edit != nil {
		edit(&i)
	}
	return i
}

func tally(hours []digest.HourRule, list ...engine.IncidentLine) engine.IncidentTally {
	f := factsUntil(date("2026-11-23"))
	f.Incidents, f.Earlier = list, 3
	return digest.Make(f, digest.Rules{Hours: hours}).Incidents
}

func TestIncidentsOfAPeriod(t *testing.T) {
	warning := func(i *engine.IncidentLine) { i.Severity = engine.Warning }
	got := tally(nil,
		incident(1, -5, 2, nil),      // began before, ended in it
		incident(2, 10, 14, warning), // in it
		incident(3, 20, 21, nil),     // in it
		incident(4, 160, 200, nil),   // ends after it
		incident(5, 100, 0, warning), // goes on
		incident(6, -30, 400, nil),   // all of it
		incident(7, -0.05, 1, nil),   // began before, was found in it
		incident(8, 50, 50.25, func(i *engine.IncidentLine) { i.Detected = i.Started.Add(-time.Second); i.Severity = engine.Info }),
	)
	got.Top = nil
	want := engine.IncidentTally{
		Opened: 6, Resolved: 5, StillOpen: 3, Before: 3,
		BySeverity: []engine.SeverityLine{{Severity: engine.Critical, Count: 3}, {Severity: engine.Warning, Count: 2}, {Severity: engine.Info, Count: 1}},
		Detect:     engine.Spread{Count: 6, Median: (3*time.Minute + 4*time.Minute) / 2, P95: 7 * time.Minute},
		Resolve:    engine.Spread{Count: 5, Median: 63 * time.Minute, P95: 7 * time.Hour},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tally (-want +got):\n%s", diff)
	}
}

func TestIncidentsLastWithinThePeriod(t *testing.T) {
	for _, c := range []struct {
		name        string
		from, until float64
		want        time.Duration
	}{
		{"within", 10, 14, 4 * time.Hour},
		{"from before", -5, 2, 2 * time.Hour},
		{"until after", 160, 200, 8 * time.Hour},
		{"all of it", -30, 400, 168 * time.Hour},
		{"still open, and the period is over", 100, 0, 68 * time.Hour},
		{"over before", -10, -2, 0},
	} {
		if got := tally(nil, incident(1, c.from, c.until, nil)).Top[0].Lasted; got != c.want {
			t.Errorf("%s: it lasted %s; want %s", c.name, got, c.want)
		}
	}
	// Of a week that goes on, an open incident has lasted as long as the rows tell.
	f := factsUntil(date("2026-11-23"))
	f.AsOf = date("2026-11-18")
	f.Incidents = []engine.IncidentLine{incident(1, 24, 0, nil)}
	if got := digest.Make(f, digest.Rules{}).Incidents.Top[0].Lasted; got != 24*time.Hour {
		t.Errorf("until the newest row it lasted %s", got)
	}
}

func TestIncidentsCostWhatTheFirstRuleSays(t *testing.T) {
	const dollars = engine.USD
	rules := []digest.HourRule{
		{Cluster: "prod-*", Namespace: "pay", Severity: engine.Critical, PerHour: 1000 * dollars},
		{Team: "pay*s", PerHour: 100 * dollars},
		{Cluster: "*stag*", PerHour: 0},
		{Cluster: "exact", Severity: engine.Warning, PerHour: 3_333_333},
		{Cluster: "a*b*c", PerHour: 1},
	}
	for _, c := range []struct {
		name string
		edit func(*engine.IncidentLine)
		want engine.MicroUSD
		ok   bool
	}{
		{"the first of two that match", nil, 1500 * dollars, true},
		{"another namespace", func(i *engine.IncidentLine) { i.Workload.Namespace = "payx" }, 150 * dollars, true},
		{"another severity", func(i *engine.IncidentLine) { i.Severity = engine.Warning }, 150 * dollars, true},
		{"another cluster", func(i *engine.IncidentLine) { i.Workload.Cluster = "xprod-eu" }, 150 * dollars, true},
		{"for nothing is a cost too", func(i *engine.IncidentLine) { i.Workload.Cluster, i.Team = "eu-staging-1", "" }, 0, true},
		{"no rule", func(i *engine.IncidentLine) { i.Workload.Cluster, i.Team = "other", "" }, 0, false},
		{"seconds of an hour", func(i *engine.IncidentLine) {
			i.Workload.Cluster, i.Team, i.Severity = "exact", "", engine.Warning
			i.Resolved = i.Started.Add(time.Hour + time.Second)
		}, 3_333_333 + 925, true},
		{"a name without an order of stars", func(i *engine.IncidentLine) { i.Workload.Cluster, i.Team = "acb", "" }, 0, false},
		{"stars", func(i *engine.IncidentLine) {
			i.Workload.Cluster, i.Team = "a--b--c", ""
			i.Resolved = i.Started.Add(48 * time.Hour)
		}, 48, true},
		{"nothing where the star is", func(i *engine.IncidentLine) { i.Team, i.Workload.Cluster = "pays", "x" }, 150 * dollars, true},
		{"no room for both ends", func(i *engine.IncidentLine) { i.Team, i.Workload.Cluster = "pay", "x" }, 0, false},
	} {
		got := tally(rules, incident(1, 10, 11.5, c.edit))
		if got.Top[0].Cost != c.want || got.Top[0].Costed != c.ok || got.Cost != c.want || (got.Costed == 1) != c.ok {
			t.Errorf("%s: %s (%t); want %s", c.name, got.Top[0].Cost, got.Top[0].Costed, c.want)
		}
	}
}

func TestDearestIncidentsFirst(t *testing.T) {
	var list []engine.IncidentLine
	for n := range int64(60) {
		list = append(list, incident(n+1, 1, 2+float64(n%7), func(i *engine.IncidentLine) {
			if n == 30 {
				i.Workload.Cluster = "dear"
			}
		}))
	}
	got := tally([]digest.HourRule{{Cluster: "dear", PerHour: engine.USD}}, list...)
	if len(got.Top) != 50 || got.Opened != 60 {
		t.Fatalf("%d of %d are listed", len(got.Top), got.Opened)
	}
	if got.Top[0].ID != 31 || got.Top[1].ID != 7 || got.Top[2].ID != 14 || got.Top[49].Lasted != 2*time.Hour {
		t.Errorf("the order is %d, %d, %d", got.Top[0].ID, got.Top[1].ID, got.Top[2].ID)
	}
}

func TestSpreadOfManyIncidents(t *testing.T) {
	for n, want := range map[int64]engine.Spread{
		1:  {Count: 1, Median: time.Minute, P95: time.Minute},
		2:  {Count: 2, Median: 90 * time.Second, P95: 2 * time.Minute},
		20: {Count: 20, Median: 10*time.Minute + 30*time.Second, P95: 19 * time.Minute},
		21: {Count: 21, Median: 11 * time.Minute, P95: 20 * time.Minute},
	} {
		var list []engine.IncidentLine
		for k := n; k > 0; k-- {
			list = append(list, incident(k, 1, 2, nil)) // found after k minutes
		}
		if got := tally(nil, list...).Detect; got != want {
			t.Errorf("of %d: %+v; want %+v", n, got, want)
		}
	}
}
