package rca

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// felt are the classes of which the numbers of the neighbourhood say something: users wait, or programs fail because others do.
var felt = []engine.Class{
	engine.ClassHighLatency, engine.ClassAnomaly, engine.ClassAlert, engine.ClassHighCPU, engine.ClassHighMemory, engine.ClassProbeFailing,
	engine.ClassCrashLoop, engine.ClassReplicasMissing, engine.ClassRolloutStuck,
}

// slowed are those of them that a busy machine may bring about. A program that ends by itself does so on an idle one, too.
var slowed = slices.DeleteFunc(slices.Clone(waiting), func(c engine.Class) bool { return c == engine.ClassCrashLoop })

// waiting are those in which something waits. What a pod uses of its own memory or CPU does not grow by a slow way or a busy machine.
var waiting = slices.DeleteFunc(slices.Clone(felt), func(c engine.Class) bool { return c == engine.ClassHighCPU || c == engine.ClassHighMemory })

// held are those in which a CPU limit that holds a program back may show. Memory is not held by being slow.
var held = slices.DeleteFunc(slices.Clone(felt), func(c engine.Class) bool { return c == engine.ClassHighMemory })

// Felt tells whether the numbers near an incident may say something of its cause. Where a program never began, they do not.
func Felt(i engine.Incident) bool {
	return slices.ContainsFunc(i.Classes, func(c engine.Class) bool { return slices.Contains(felt, c) })
}

// nearRules are the causes that the numbers of the neighbourhood speak for. Their priors are what Blame is right in, on incidents that
// others recorded (docs/benchmarks.md): about six times of ten for the first suspect.
var nearRules = []rule{
	{name: "near/network", classes: waiting, prior: 0.85, match: func(f *facts) (finding, bool) {
		e, ok := f.first(engine.EvidenceNeighbor, func(e engine.Evidence) bool { return e.Fields["network"] != "" })
		if !ok {
			return finding{}, false
		}
		m := finding{
			strength: 0.9, pro: []string{e.ID}, title: fmt.Sprintf("the network of %s is slow: up to %s more for each request", neighbor(e), e.Fields["network"]),
			text: "Who answers does not take longer, and no CPU is busier: packets between them are delayed, lost or held up for want of bandwidth.",
			step: engine.Step{Text: "Look at the network of its pods and their nodes; a new pod begins with a new one.", Command: onNeighbor(e, "describe %s %s"), Runbook: runbooks + "slow-dependency.md"},
			root: rootOf(e),
		}
		if e.Fields["ways"] != "1" {
			m.strength = 1
		}
		return m, true
	}},
	{name: "near/dns", classes: felt, prior: 0.88, match: func(f *facts) (finding, bool) {
		var callees []string
		ids := f.ids(engine.EvidenceAlert, func(e engine.Evidence) bool { return e.Fields["code"] == "dns" })
		for _, e := range f.of(engine.EvidenceAlert) {
			if c := e.Fields["callee"]; e.Fields["code"] == "dns" && c != "" {
				callees = append(callees, quote(c, 60))
			}
		}
		if len(ids) == 0 {
			return finding{}, false
		}
		m := finding{
			strength: 0.95, pro: ids, title: "names do not resolve for it: " + or(strings.Join(callees, ", "), "those that it calls"),
			text: "Its requests fail before they are sent. Where its siblings and others resolve the same names, it is its own way to DNS, and not CoreDNS.",
			step: engine.Step{Text: "Look at the cluster's DNS, and whether the pod reaches it.", Command: dnsPods, Runbook: runbooks + "dependency-errors.md"},
		}
		if l, ok := f.spoken("dns"); ok {
			m.strength = 1
			m.pro = append(m.pro, l.ids...)
		}
		return m, true
	}},
	{name: "near/callee-changed", classes: felt, prior: 0.8, match: func(f *facts) (finding, bool) {
		e, suspected := f.suspected(RelationCalls)
		c, ok := f.first(engine.EvidenceNeighbor, func(c engine.Evidence) bool {
			return c.Fields["what"] != "" && f.recent(c) && (!suspected || neighbor(c) == neighbor(e) && c.Fields["kind"] == e.Fields["kind"])
		})
		switch {
		case !ok, !suspected && len(f.of(engine.EvidenceSeries)) > 0: // the numbers are there, and do not speak for it
			return finding{}, false
		case !suspected:
			return finding{
				strength: 0.4, pro: []string{c.ID}, title: neighbor(c) + " was changed: " + quote(changeText(c), 80),
				text: "It is called from here, and was changed shortly before. No metrics tell whether it fares worse since.", step: undoOf(c), root: rootOf(c),
			}, true
		}
		return finding{
			strength: certain(e), pro: []string{e.ID, c.ID}, title: neighbor(e) + " was changed: " + quote(changeText(c), 80),
			text: fmt.Sprintf("It is called from here, was changed shortly before, and its %s is beyond what was usual.", e.Fields["measure"]), step: undoOf(e), root: rootOf(e),
		}, true
	}},
	{name: "near/callee", classes: waiting, prior: 0.6, match: func(f *facts) (finding, bool) {
		e, ok := f.suspected(RelationCalls)
		if !ok {
			return f.calleeFails()
		}
		m := finding{
			strength: certain(e), pro: []string{e.ID}, title: fmt.Sprintf("it began in %s: %s %s", neighbor(e), e.Fields["measure"], e.Fields["now"]),
			text: fmt.Sprintf("It is called from here, and left what is usual for it (%s) further than what calls it explains.", e.Fields["usual"]),
			step: engine.Step{Text: "Look at " + neighbor(e) + " first.", Command: describeNeighbor(e)}, root: rootOf(e),
		}
		if e.Fields["first"] != "true" {
			m.strength *= 0.8
		}
		return m, true
	}},
	generally(rule{name: "near/node", classes: slowed, prior: 0.55, match: func(f *facts) (finding, bool) {
		e, ok := f.suspected(RelationOn, RelationUnder)
		if !ok {
			return finding{}, false
		}
		m := finding{
			strength: certain(e), pro: []string{e.ID}, title: "node " + e.Fields["name"] + " is busier than ever: " + e.Fields["now"],
			text: "No single workload on it explains the rise.", node: e.Fields["name"],
			step: engine.Step{Text: "See what runs on the node, and move some of it.", Command: "kubectl describe node " + e.Fields["name"]},
		}
		if c, changed := f.change(); changed {
			m.strength *= 0.5 // what was changed here, just before, is nearer
			m.contra = []string{c.ID}
		}
		return m, true
	}}),
	{name: "near/volume", classes: felt, prior: 0.75, match: func(f *facts) (finding, bool) {
		// A volume fills beside what it makes slow, so that it need not be the first suspect.
		e, ok := f.first(engine.EvidenceNeighbor, func(e engine.Evidence) bool { return Relation(e.Fields["relation"]) == RelationHas })
		if !ok {
			return finding{}, false
		}
		return finding{
			strength: 0.9, pro: []string{e.ID}, title: "the volume of claim " + neighbor(e) + " is " + e.Fields["now"] + " full", text: "Up to " + e.Fields["usual"] + " is usual. Who writes to it waits or fails when nothing is left.",
			step: engine.Step{Text: "See what fills it; ask for more in the claim where its storage class lets it grow.", Command: describeNeighbor(e)}, root: rootOf(e),
		}, true
	}},
	{name: "near/neighbor", classes: waiting, prior: 0.6, match: func(f *facts) (finding, bool) {
		e, ok := f.suspected(RelationSameNode)
		if !ok {
			return finding{}, false
		}
		return finding{
			strength: certain(e), pro: []string{e.ID}, title: neighbor(e) + " takes the node's " + e.Fields["measure"] + ": " + e.Fields["now"],
			text: "It is on the same node, and uses more than ever; what is here has to wait for it.",
			step: engine.Step{Text: "Set a limit for " + neighbor(e) + ", or keep the two apart.", Command: describeNeighbor(e), Runbook: runbooks + "high-cpu.md"}, root: rootOf(e),
		}, true
	}},
	{name: "near/traffic", classes: felt, prior: 0.6, match: func(f *facts) (finding, bool) {
		requests, ok := f.rose(engine.MeasureRequests)
		if !ok {
			return finding{}, false
		}
		m := finding{
			strength: 0.7, pro: []string{requests.ID}, title: "more requests than ever: " + requests.Fields["now"], text: "Up to " + requests.Fields["usual"] + " is usual.",
			step: engine.Step{Text: "Add replicas, or let an autoscaler do it; see who sends the requests.", Command: f.kubectl("get horizontalpodautoscalers")},
		}
		if busy, ok := f.rose(engine.MeasureSaturation, engine.MeasureCPU); ok {
			m.strength = 1
			m.pro = append(m.pro, busy.ID)
		}
		return m, true
	}},
	{name: "near/throttled", classes: held, prior: 0.7, match: func(f *facts) (finding, bool) {
		step := engine.Step{Text: "See what runs in the pod beside the program; raise the CPU limit, or add replicas, if it is the program.", Command: f.kubectl("top pods --containers"), Field: f.path(f.suspect(), "resources.limits.cpu"), Runbook: runbooks + "cpu-throttled.md"}
		full, told := f.alerted("AutopilotHighCPU", "AutopilotCPUThrottled")
		e, ok := f.rose(engine.MeasureSaturation)
		switch {
		case told:
			m := finding{strength: 1, pro: []string{full.ID, e.ID}, title: "the CPU that it may use is used up: " + quote(full.Text, 120), text: "What runs in the pod shares one limit, and the kernel stops it until the next period.", step: step}
			if more, rising := f.rose(engine.MeasureRequests); rising {
				m.strength = 0.6 // it has more to do
				m.contra = []string{more.ID}
			}
			return m, true
		case ok:
			return finding{
				strength: 0.77, pro: []string{e.ID}, title: "its CPU limit holds it back: throttled " + e.Fields["now"] + " of the time", text: "Up to " + e.Fields["usual"] + " is usual.", step: step,
			}, true
		}
		return finding{}, false
	}},
	generally(rule{name: "near/memory", classes: []engine.Class{engine.ClassHighMemory}, prior: 0.5, match: func(f *facts) (finding, bool) {
		full, told := f.alerted("AutopilotHighMemory")
		if !told {
			return finding{}, false
		}
		m := finding{
			strength: 1, pro: []string{full.ID}, title: "it began here: " + quote(full.Text, 120), text: "What its pods hold themselves; the kernel ends a container that wants more than the limit.",
			step: engine.Step{Text: "See what in the pod holds it, and whether it grows; a new pod begins with nothing.", Command: f.kubectl("top pods --containers"), Field: f.path(f.suspect(), "resources.limits.memory"), Runbook: runbooks + "high-memory.md"},
		}
		if e, ok := f.suspected(RelationSelf); ok {
			m.pro = append(m.pro, e.ID)
		}
		if _, changed := f.change(); changed {
			m.strength *= 0.5 // the change says more than where it began
		}
		return m, true
	}}),
	generally(rule{name: "near/itself", classes: felt, prior: 0.5, match: func(f *facts) (finding, bool) {
		e, ok := f.suspected(RelationSelf)
		if _, memory := f.alerted("AutopilotHighMemory"); !ok || memory {
			return finding{}, false
		}
		m := finding{
			strength: certain(e), pro: []string{e.ID}, title: "it began here: " + e.Fields["measure"] + " " + e.Fields["now"],
			text: "Nothing that it calls or runs on left what is usual as far.",
			step: engine.Step{Text: "Look at its own log and at what was changed of it last.", Command: f.describe(strings.ToLower(f.i.Workload.Kind), f.i.Workload.Name)},
		}
		if _, changed := f.change(); changed {
			m.strength *= 0.5 // the change says more than where it began
		}
		return m, true
	}}),
}

// served is an address with the name of a Service and perhaps its namespace: "cart:8080", "cart.shop", "cart.shop.svc.cluster.local:80".
var served = regexp.MustCompile(`^([a-z0-9][a-z0-9-]*)(?:\.([a-z0-9][a-z0-9-]*)(?:\.svc(?:\.[a-z0-9.-]+)?)?)?(?::\d+)?$`)

// failed is a status by which who answers says that it is its own failure.
var failed = regexp.MustCompile(`^5\d\d$`)

// calleeFails is what an alert alone says, as long as the numbers suspect nobody: a callee that answers, and says that it fails, is where it
// began or nearer to it.
func (f *facts) calleeFails() (finding, bool) {
	e, ok := f.first(engine.EvidenceAlert, func(e engine.Evidence) bool {
		return failed.MatchString(e.Fields["code"]) && served.MatchString(e.Fields["callee"])
	})
	if !ok {
		return finding{}, false
	}
	g := served.FindStringSubmatch(e.Fields["callee"])
	root := engine.Workload{Namespace: or(g[2], f.i.Workload.Namespace), Kind: engine.KindService, Name: g[1]}
	return finding{
		strength: 0.9, pro: []string{e.ID}, title: fmt.Sprintf("it began in %s, which answers with %s", root, e.Fields["code"]),
		text: "Who answers says so itself: it fails, or one whom it asks does.",
		step: engine.Step{Text: "Look at " + root.String() + " first.", Command: "kubectl -n " + root.Namespace + " describe service " + root.Name, Runbook: runbooks + "dependency-errors.md"}, root: root,
	}, true
}

// suspected is the first suspect of the numbers, when it stands in one of the relations to the workload.
func (f *facts) suspected(relations ...Relation) (engine.Evidence, bool) {
	return f.first(engine.EvidenceNeighbor, func(e engine.Evidence) bool {
		if e.Fields["rank"] != "1" {
			return false
		}
		return slices.Contains(relations, Relation(e.Fields["relation"]))
	})
}

// alerted is the evidence of one of some alerts.
func (f *facts) alerted(names ...string) (engine.Evidence, bool) {
	return f.first(engine.EvidenceAlert, func(e engine.Evidence) bool { return slices.Contains(names, e.Fields["alertname"]) })
}

// rose is a measure of the workload itself that is higher than usual.
func (f *facts) rose(measures ...engine.Measure) (engine.Evidence, bool) {
	return f.first(engine.EvidenceSeries, func(e engine.Evidence) bool {
		return e.Fields["direction"] == "up" && slices.Contains(measures, engine.Measure(e.Fields["measure"]))
	})
}

// recent tells whether a change is of the time in which changes are suspected.
func (f *facts) recent(e engine.Evidence) bool {
	age, ok := f.age(e)
	return ok && age <= changeBefore && age >= -changeAfter
}

// certain grows with the suspect's share: half of the suspicion and more is all that can be asked for.
func certain(e engine.Evidence) float64 {
	share, err := strconv.ParseFloat(e.Fields["share"], 64)
	if err != nil {
		return 0.5
	}
	return min(1, 0.4+1.2*share)
}

func neighbor(e engine.Evidence) string {
	return engine.Workload{Namespace: e.Fields["namespace"], Name: e.Fields["name"]}.String()
}

func rootOf(e engine.Evidence) engine.Workload {
	return engine.Workload{Namespace: e.Fields["namespace"], Kind: e.Fields["kind"], Name: e.Fields["name"]}
}

func describeNeighbor(e engine.Evidence) string { return onNeighbor(e, "describe %s %s") }

func undoOf(e engine.Evidence) engine.Step {
	return engine.Step{Text: "Undo the change of " + neighbor(e) + ", or see what it did.", Command: onNeighbor(e, "rollout undo %s/%s")}
}

// onNeighbor is a command about a neighbour; "" for one whose names are none that an API server takes.
func onNeighbor(e engine.Evidence, verb string) string {
	namespace, kind, name := e.Fields["namespace"], strings.ToLower(e.Fields["kind"]), e.Fields["name"]
	if !nameRE.MatchString(namespace) || !nameRE.MatchString(kind) || !nameRE.MatchString(name) {
		return ""
	}
	return "kubectl -n " + namespace + " " + fmt.Sprintf(verb, kind, name)
}
