package year

import (
	"fmt"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/digest"
	"github.com/eks-autopilot/autopilot/engine/trust"
)

// experiments are a game day each Wednesday from the last quarter on: each fault twice, and as many controls.
func (y *Year) experiments() {
	rules := map[engine.Fault]string{engine.FaultKill: "pod/deleted", engine.FaultCPU: "cpu/throttled", engine.FaultMemory: "memory/oom", engine.FaultLag: "latency/network", engine.FaultDNS: "dns/failing"}
	for day := To.AddDate(0, 0, -13*7+2); day.Before(To); day = day.AddDate(0, 0, 7) {
		at := day.Add(9 * time.Hour)
		for range 2 {
			for _, f := range engine.Faults {
				if cause, tried := rules[f]; tried {
					at = at.Add(5 * time.Minute)
					y.experiment(f, at, cause)
					at = at.Add(5 * time.Minute)
					y.experiment(engine.FaultNothing, at, "")
				}
			}
		}
	}
}

// experiment is one that is over and graded: most are noticed and understood, a few are not. cause is "" for a control.
func (y *Year) experiment(f engine.Fault, at time.Time, cause string) {
	team := y.r.IntN(len(y.Teams))
	id := int64(len(y.Experiments) + 1)
	victim := engine.Victim{Object: engine.ObjectRef{Kind: "Pod", Namespace: fmt.Sprintf("team-%d", team), Name: "api-0"}, Mechanism: engine.ByAgent}
	e := engine.Experiment{
		ID: id, Cluster: y.Clusters[team%len(y.Clusters)], Title: string(f) + " on 1 pod of " + y.Teams[team], Seed: uint64(id), Status: engine.ExperimentOver, Schedule: "game day", //nolint:gosec // small
		Strikes: []engine.Strike{{Fault: f, Namespace: victim.Object.Namespace, Duration: time.Minute, Targets: []engine.Victim{victim}}},
		AskedAt: at.Add(-time.Minute), StartedAt: at, EndsAt: at.Add(time.Minute), OverAt: at.Add(time.Minute), Ending: engine.EndedInTime, Version: 1,
		Expect: engine.Expectation{Nothing: cause == ""}, Blows: []engine.Blow{{Target: victim, Began: at, Ended: at.Add(time.Minute), Clean: true}},
	}
	g := &engine.Grade{At: at.Add(3 * time.Minute), Clean: true, Counts: true, Recovered: true, RecoverAfter: time.Duration(61+y.r.IntN(60)) * time.Second}
	chance := y.r.IntN(100)
	after := time.Duration(3+y.r.IntN(40)) * time.Second
	switch {
	case cause == "" && chance == 0:
		g.False, g.Text = []int64{id}, "it raised an incident"
	case cause == "" || chance < 5:
	default:
		g.Detected, g.IncidentID, g.DetectAfter, g.WatchAfter, g.Rank, g.Cause, g.Confidence, g.StepRight = true, id, after, after, 1, cause, 0.5+float64(chance)/210, true
		if chance < 12 {
			g.Rank, g.Cause, g.StepRight = 2, "pod/evicted", false
		}
		if chance%2 == 0 {
			g.AlertAfter, g.Alerts = after+30*time.Second, []string{"HighLatency"}
		}
	}
	e.Grade = g
	y.Experiments = append(y.Experiments, e)
}

// score is the scorecard of a period, as plainly as the other sums.
func (y *Year) score(f *digest.Facts) {
	var list []engine.Experiment
	for _, e := range y.Experiments {
		if f.Scope.Team == "" && ofScope(f.Scope, "", e.Cluster) {
			list = append(list, e)
		}
	}
	if s := trust.Score(list, f.Period.From, f.Period.To); s.All.Detected.Of > 0 {
		f.Trust = &s
	}
}

func (y *Year) experimentRows() table {
	t := table{name: "experiments", columns: []string{"id", "cluster", "status", "namespaces", "by_id", "asked_at", "started_at", "over_at", "graded", "body"}}
	for _, e := range y.Experiments {
		t.rows = append(t.rows, []any{e.ID, e.Cluster, string(e.Status), e.Namespaces(), "", e.AskedAt, e.StartedAt, e.OverAt, true, object(e)})
	}
	return t
}
