package year

import (
	"fmt"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/digest"
)

// incidents happen about three times a week. One lasts over the beginning of the last week, and one is open at the end.
func (y *Year) incidents() {
	severities := []engine.Severity{engine.Critical, engine.Warning, engine.Warning, engine.Info}
	problems := []string{"crash loop", "out of memory", "image cannot be pulled", "unready", "disk is full"}
	var id int64
	add := func(started time.Time, lasted time.Duration) {
		id++
		team := y.r.IntN(len(y.Teams))
		w := engine.Workload{Cluster: y.Clusters[team%len(y.Clusters)], Namespace: fmt.Sprintf("team-%d", team), Kind: "Deployment", Name: fmt.Sprintf("api-%d", y.r.IntN(9))}
		i := engine.IncidentLine{
			ID: id, Title: problems[y.r.IntN(len(problems))] + " in " + w.String(), Workload: w, Team: y.Teams[team], Severity: severities[y.r.IntN(len(severities))],
			Started: started, Detected: started.Add(time.Duration(4+y.r.IntN(180)) * time.Second),
			Thread: engine.Thread{Channel: "C0000001", TS: fmt.Sprintf("1790000000.%06d", id)},
		}
		if lasted > 0 {
			i.Resolved = started.Add(lasted)
		}
		y.Incidents = append(y.Incidents, i)
	}
	for at := From.Add(7 * time.Hour); at.Before(To.AddDate(0, 0, -1)); at = at.Add(time.Duration(10+y.r.IntN(90)) * time.Hour) {
		add(at, time.Duration(3+y.r.IntN(400))*time.Minute)
	}
	add(Week.From.Add(-5*time.Hour), 11*time.Hour+7*time.Minute)
	add(To.Add(-4*time.Hour), 0)
}

// rules are a budget of all, one of a team that passes it and one of a cluster, three units of work, and what incidents cost.
func (y *Year) rules() {
	all, team, cluster := engine.DigestScope{}, engine.DigestScope{Team: y.Teams[0]}, engine.DigestScope{Cluster: y.Clusters[0]}
	size := engine.MicroUSD(len(y.Teams))
	y.Rules = digest.Rules{
		Budgets: []digest.BudgetRule{
			{Name: "all of it", Scope: all, Monthly: size * 11_000 * engine.USD},
			{Name: "first team", Scope: team, Monthly: 4_000 * engine.USD},
			{Name: "first cluster", Scope: cluster, Monthly: size * 4_100 * engine.USD},
		},
		Units: []digest.UnitRule{{Name: "request", Scope: cluster}, {Name: "customer", Scope: all}, {Name: "search", Scope: team}},
		Hours: []digest.HourRule{
			{Namespace: "team-0", Severity: engine.Critical, PerHour: 1_234_567_891},
			{Cluster: "prod-*", Severity: engine.Critical, PerHour: 400 * engine.USD},
			{Severity: engine.Warning, PerHour: 33_333_333},
		},
	}
	for day := From; day.Before(To); day = day.AddDate(0, 0, 1) {
		weeks := float64(day.Sub(From) / (7 * oneDay))
		requests := 4_000_000 + 31_000*weeks + float64(y.r.IntN(300_000))
		if weekend(day) {
			requests *= 0.6
		}
		y.Counts = append(y.Counts, digest.UnitDay{Name: "customer", Day: day, Count: 120 + weeks})
		if y.r.IntN(30) > 0 { // now and then Prometheus did not answer
			y.Counts = append(y.Counts, digest.UnitDay{Name: "request", Day: day, Count: requests})
		}
	}
	y.Late = []engine.Correction{{
		Of: "invoice of 2026-09", Amount: -17_654_321, At: Week.From.Add(36*time.Hour + 5*time.Minute), Reason: "payer " + PayerA + " was sent invoice 2 of the month",
	}}
}
