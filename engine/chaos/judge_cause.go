package chaos

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// helps are the rules whose step leads out of a fault: it names who did it, removes what is wrong, or leads to where it is. Those which name
// the fault but whose step treats a symptom, such as a longer timeout for a slow network, are not among them.
var helps = map[engine.Fault][]string{
	engine.FaultKill:          {"evict/*"},
	engine.FaultContainerKill: {"exit/signalled"},
	engine.FaultCPU:           {"near/throttled"},
	engine.FaultMemory:        {"near/memory", "oom/limit"},
	engine.FaultLag:           {"near/network", "near/callee"},
	engine.FaultLoss:          {"near/network", "near/callee"},
	engine.FaultThrottle:      {"near/network", "near/callee"},
	engine.FaultDNS:           {"near/dns", "crash/dns", "near/callee"},
	engine.FaultDrain:         {"node/drained", "evict/api"},
}

// rank compares the causes of the incident that was opened first with those that are right.
func rank(g *engine.Grade, e engine.Experiment, i engine.Incident) {
	causes := i.Diagnosis.Causes
	if len(causes) == 0 {
		return
	}
	g.Cause, g.Confidence = causes[0].Rule, causes[0].Confidence
	for k, c := range causes {
		if right(c.Rule, e.Expect.Causes) && points(e, i, c) {
			g.Rank = k + 1
			break
		}
	}
	g.StepRight = g.Rank == 1 && causes[0].Step.Text != "" && slices.ContainsFunc(e.Strikes, func(s engine.Strike) bool {
		return right(causes[0].Rule, helps[s.Fault])
	})
}

// points tells whether a cause leads to where the fault is: to something that is hit, or its node. One that names nobody is about the
// incident's own workload. Of the network, both ends are right.
func points(e engine.Experiment, i engine.Incident, c engine.Cause) bool {
	if c.Root == nil {
		return true
	}
	hit := func(w engine.Workload) bool {
		for _, s := range e.Strikes {
			for _, t := range s.Targets {
				behind := w.Kind == engine.KindService && w.Namespace == t.Workload.Namespace && w.Name == t.Workload.Name
				if t.Workload == w || behind || w == node(e.Cluster, t.Node) {
					return true
				}
			}
		}
		return false
	}
	return hit(*c.Root) || c.Rule == "near/network" && hit(i.Workload)
}

// paths says when the watch and when the alerts noticed, each by itself, and which alerts fired on what is meant. A row of what was
// considered tells when the bot heard of a signal; where there is none, what the signal itself says has to do.
func paths(g *engine.Grade, e engine.Experiment, noticed []notice, alerts []engine.Signal, first time.Time) {
	heard := func(of *time.Duration, at time.Time) {
		after := max(at.Sub(first), time.Millisecond) // 0 means never
		if !at.Before(first.Add(-slack)) && after <= e.Expect.Within && (*of == 0 || after < *of) {
			*of = after
		}
	}
	path := func(s engine.Source) *time.Duration {
		if s == engine.SourceAlert {
			return &g.AlertAfter
		}
		return &g.WatchAfter
	}
	for _, n := range noticed {
		for _, c := range n.incident.Considered {
			if c.Verdict != "ignored" && c.Verdict != "suppressed" {
				heard(path(c.Source), c.At)
			}
		}
	}
	var watch, alert time.Duration
	alerts = slices.Clone(alerts)
	for _, n := range noticed {
		for _, s := range n.incident.Signals {
			if s.Source == engine.SourceAlert {
				alerts = append(alerts, s)
			} else {
				heard(&watch, s.StartsAt)
			}
		}
	}
	for _, s := range alerts {
		if s.Source != engine.SourceAlert || s.StartsAt.Before(first.Add(-slack)) || !excused(e, s.Workload) {
			continue
		}
		heard(&alert, s.StartsAt)
		if name := alertName(s); !slices.Contains(g.Alerts, name) {
			g.Alerts = append(g.Alerts, name)
		}
	}
	slices.Sort(g.Alerts)
	if g.WatchAfter == 0 {
		g.WatchAfter = watch
	}
	if g.AlertAfter == 0 {
		g.AlertAfter = alert
	}
}

// summary is a grade in a sentence or two.
func summary(e engine.Experiment, g engine.Grade, noticed []notice) string {
	var text []string
	first, _ := span(e)
	switch {
	case g.Detected:
		text = append(text, fmt.Sprintf("noticed after %s", g.DetectAfter.Round(100*time.Millisecond)))
	case len(noticed) > 0:
		text = append(text, fmt.Sprintf("noticed too late: incident %d came after %s, and %s is the time for it", noticed[0].incident.ID, noticed[0].at.Sub(first).Round(time.Second), short(e.Expect.Within)))
	default:
		text = append(text, "not noticed within "+short(e.Expect.Within))
	}
	switch {
	case !g.Detected:
	case g.Rank == 1:
		text = append(text, "the cause that was ranked first is right ("+g.Cause+")")
	case g.Rank > 1:
		text = append(text, fmt.Sprintf("the right cause was ranked as number %d, after %s", g.Rank, g.Cause))
	case g.Cause == "":
		text = append(text, "no cause was given")
	default:
		text = append(text, "taken for "+g.Cause)
	}
	if n := len(g.False); n > 0 {
		text = append(text, were(n)+" raised that nothing explains")
	}
	if !g.Recovered {
		text = append(text, "it was not seen to recover")
	}
	if !g.Clean {
		text = append(text, "the end of a fault was not seen")
	}
	return strings.Join(text, "; ")
}

func were(n int) string {
	if n == 1 {
		return "1 incident was"
	}
	return fmt.Sprintf("%d incidents were", n)
}
