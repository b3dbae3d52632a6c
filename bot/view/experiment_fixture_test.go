package view_test

import (
	"time"

	"github.com/eks-autopilot/autopilot/bot/view"
	"github.com/eks-autopilot/autopilot/engine"
)

var shopAPI = engine.Workload{Cluster: "prod-eu", Namespace: "shop", Kind: "Deployment", Name: "api"}

// threads are where the incidents of the experiments are told.
var threads = view.Threads{42: {Channel: "C0OPS", TS: "1763781125.000100"}}

func victim(pod, node string, by engine.Mechanism, why string) engine.Victim {
	return engine.Victim{Workload: shopAPI, Object: engine.ObjectRef{Kind: "Pod", Namespace: "shop", Name: pod, UID: "u-" + pod}, Node: node, Mechanism: by, Why: why}
}

// asked is an experiment that waits for its plan.
func asked() engine.Experiment {
	return engine.Experiment{
		ID: 7, Cluster: "prod-eu", Title: "network-lag 200ms for 1m on 2 pods of shop/api", Command: "network-lag shop/api -delay 200ms -duration 1m -count 2",
		Strikes: []engine.Strike{{
			Fault: engine.FaultLag, Namespace: "shop", Workload: "Deployment/api", Count: 2, Duration: time.Minute,
			Dose: engine.Dose{Delay: 200 * time.Millisecond, Jitter: 20 * time.Millisecond},
		}},
		Seed: 42, Status: engine.ExperimentAsked, By: ana, AskedAt: t0, Channel: "#chaos",
	}
}

// dry is its plan.
func dry() engine.Experiment {
	e := asked()
	e.Status, e.Hash, e.Expires = engine.ExperimentPlanned, "9f86d081884c7d659a2feaa0c55ad015", t0.Add(10*time.Minute)
	const why = "netem by netlink in the pod's own network; the namespace admits NET_ADMIN, and Chaos Mesh is not installed"
	e.Strikes[0].Targets = []engine.Victim{victim("api-7f9c-x2", "ip-10-0-3-7", engine.ByAgent, why), victim("api-7f9c-q8", "ip-10-0-4-1", engine.ByAgent, why)}
	e.Steady = []engine.Steadiness{{Text: "shop/api: 4 of 4 ready", OK: true}, {Text: "no alert of severity warning or above fires on it", OK: true}, {Text: "Prometheus answers", OK: true}}
	e.Expect = engine.Expectation{Workloads: []engine.Workload{shopAPI}, Causes: []string{"latency/*"}, Within: time.Minute}
	e.Need = engine.ApprovalNeed{People: 1, NotProposer: true, Roles: []string{"sre"}}
	e.StopOn = []string{"CheckoutDown"}
	return e
}

// vetoed may not begin.
func vetoed() engine.Experiment {
	e := dry()
	e.Status, e.Text = engine.ExperimentRefused, "3 reasons speak against it"
	e.Refusals = []engine.Refusal{
		{Blocker: "min-ready", Text: "2 of 4 pods of shop/api would be hit and 3 must stay untouched: -count 1 would be right"},
		{Blocker: "firing", Text: "HighLatency fires on shop/api since 3:02: wait until it is resolved"},
	}
	e.Strikes[0].Targets[1].Refused = `pods "api-7f9c-q8" is forbidden: violates PodSecurity "baseline:latest": NET_ADMIN`
	return e
}

// under is one that runs: one pod is hit, one is not yet.
func under() engine.Experiment {
	e := dry()
	e.Status, e.StartedAt, e.EndsAt = engine.ExperimentRunning, t0.Add(2*time.Minute), t0.Add(3*time.Minute+5*time.Second)
	e.Approvals = []engine.Approval{{By: ben, At: t0.Add(2 * time.Minute), Hash: e.Hash, Role: "sre"}}
	e.Blows = []engine.Blow{
		{Target: e.Strikes[0].Targets[0], Handle: "autopilot-1", Began: e.StartedAt.Add(2 * time.Second), Outcome: "netem"},
		{Target: e.Strikes[0].Targets[1], Handle: "autopilot-2"},
	}
	return e
}

// ended is over in time and waits for its grade.
func ended() engine.Experiment {
	e := under()
	e.Status, e.OverAt, e.Ending = engine.ExperimentOver, e.StartedAt.Add(62*time.Second), engine.EndedInTime
	e.Blows[1].Began = e.StartedAt.Add(3 * time.Second)
	for n := range e.Blows {
		e.Blows[n].Ended, e.Blows[n].Clean = e.StartedAt.Add(time.Duration(61+n)*time.Second), true
	}
	return e
}

// noticed is one that the bot did well in.
func noticed() engine.Experiment {
	e := ended()
	e.Grade = &engine.Grade{
		At: e.OverAt.Add(40 * time.Second), Detected: true, IncidentID: 42, DetectAfter: 8 * time.Second, WatchAfter: 8 * time.Second, AlertAfter: 41 * time.Second,
		Cause: "latency/network", Rank: 1, StepRight: true, Alerts: []string{"HighLatency", "CheckoutSlow"}, Recovered: true, RecoverAfter: 71 * time.Second,
		Clean: true, Counts: true, Text: "Detected after 8 s by the watch; the right cause was first; recovered 11 s after the fault ended.",
	}
	return e
}

// missed is one that the bot did badly in, and that left something behind.
func missed() engine.Experiment {
	e := ended()
	e.Ending, e.StopAt, e.StopBy, e.Text = engine.EndedByHand, e.StartedAt.Add(30*time.Second), ben, "stopped by <@U0BEN>"
	e.Blows[1].Clean, e.Blows[1].Outcome = false, "the stream ended without a word"
	e.Grade = &engine.Grade{At: e.OverAt.Add(time.Minute), False: []int64{43}, Counts: true, Text: "Nothing of it was noticed, and one of its faults was not seen to end."}
	return e
}

// control is one that does nothing and rightly raised nothing.
func control() engine.Experiment {
	e := ended()
	e.Title, e.Expect = "nothing for 1m on shop/api", engine.Expectation{Nothing: true}
	e.Strikes[0].Fault, e.Strikes[0].Dose, e.Strikes[0].Targets, e.Blows = engine.FaultNothing, engine.Dose{}, nil, nil
	e.By, e.Schedule = engine.Person{}, "friday game day"
	e.Grade = &engine.Grade{At: e.OverAt.Add(time.Minute), Recovered: true, Clean: true, Counts: true, Text: "Nothing was raised."}
	return e
}

// share is a count with an interval that is near enough to Wilson's for a drawing.
func share(hits, of int, low, high float64) engine.Share {
	return engine.Share{Of: of, Hits: hits, Low: low, High: high}
}

// trusted is a scorecard of many runs.
func trusted() engine.Scorecard {
	line := func(f engine.Fault, found, top1, top3 engine.Share, median, p95 time.Duration) engine.ScoreLine {
		return engine.ScoreLine{Fault: f, Detected: found, ByWatch: found, ByAlert: share(0, found.Of, 0, 0.3), Top1: top1, Top3: top3, StepRight: top1, Median: median, P95: p95, Recovery: 40 * time.Second}
	}
	s := engine.Scorecard{
		From: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC),
		All: engine.ScoreLine{
			Detected: share(41, 43, 0.85, 0.99), ByWatch: share(39, 43, 0.78, 0.96), ByAlert: share(30, 43, 0.55, 0.81), Top1: share(37, 41, 0.78, 0.96),
			Top3: share(40, 41, 0.87, 0.996), StepRight: share(36, 41, 0.74, 0.95), Median: 7 * time.Second, P95: 52 * time.Second, Recovery: 31 * time.Second,
		},
		Lines: []engine.ScoreLine{
			line(engine.FaultKill, share(20, 20, 0.84, 1), share(20, 20, 0.84, 1), share(20, 20, 0.84, 1), 4*time.Second, 9*time.Second),
			line(engine.FaultLag, share(13, 14, 0.69, 0.99), share(11, 13, 0.58, 0.96), share(13, 13, 0.77, 1), 38*time.Second, 55*time.Second),
			line(engine.FaultThrottle, share(8, 9, 0.57, 0.98), share(6, 8, 0.41, 0.93), share(7, 8, 0.53, 0.98), 41*time.Second, 75*time.Second),
		},
		Before:   &engine.ScoreLine{Detected: share(30, 36, 0.68, 0.92), Median: 11 * time.Second},
		Controls: share(0, 40, 0, 0.088), Stranded: share(0, 96, 0, 0.038),
		Misses: []engine.Miss{
			{Experiment: 31, At: t0, Title: "network-lag 30ms for 1m on 1 pod of shop/cart", Text: "not noticed", Thread: deed},
			{Experiment: 35, Incident: 57, At: t0, Title: "network-throttle 1mbit for 1m on 1 pod of shop/api", Text: "cause ranked 4"},
		},
		Reliable: []engine.Reliability{{Low: 0.5, High: 0.7, Said: 0.62, Right: share(5, 8, 0.31, 0.86)}, {Low: 0.7, High: 0.9, Said: 0.81, Right: share(17, 20, 0.64, 0.95)}, {Low: 0.9, High: 1, Said: 0.95, Right: share(13, 13, 0.77, 1)}},
	}
	return s
}
