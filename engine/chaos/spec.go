package chaos

import (
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// spec is one fault as people ask for it.
type spec struct {
	fault engine.Fault
	where string   // what stands behind its name
	flags []string // of its dose, beside those that all have
	dose  engine.Dose
	lasts time.Duration
	text  string
}

const onPods = "<namespace>[/workload]"

// specs are the faults, in the order of the help, with what they do where nothing else is said.
var specs = []spec{
	{fault: engine.FaultKill, where: onPods, flags: []string{"force"}, text: "evict pods, within their disruption budgets; -force deletes them"},
	{fault: engine.FaultContainerKill, where: onPods, text: "end a container by a signal that its program handles"},
	{fault: engine.FaultCPU, where: onPods, flags: []string{"cpu"}, lasts: time.Minute, text: "burn CPU within the pod's limit"},
	{fault: engine.FaultMemory, where: onPods, flags: []string{"memory"}, lasts: time.Minute, text: "hold memory within the pod's limit"},
	{fault: engine.FaultLag, where: onPods, flags: []string{"delay", "jitter"}, lasts: time.Minute, dose: engine.Dose{Delay: 200 * time.Millisecond}, text: "delay what pods send"},
	{fault: engine.FaultLoss, where: onPods, flags: []string{"loss"}, lasts: time.Minute, dose: engine.Dose{Loss: 30}, text: "lose a share of what pods send"},
	{fault: engine.FaultThrottle, where: onPods, flags: []string{"rate"}, lasts: time.Minute, dose: engine.Dose{Rate: 1_000_000}, text: "hold back what pods send to a rate"},
	{fault: engine.FaultDNS, where: onPods, flags: []string{"names"}, lasts: time.Minute, text: "let names, or all of them, not resolve"},
	{fault: engine.FaultDrain, where: "<node>", lasts: 2 * time.Minute, text: "cordon a node and evict its pods; the cordon ends with the duration"},
	{fault: engine.FaultNothing, where: onPods, lasts: time.Minute, text: "all of an experiment but the fault: nothing should be noticed"},
}

// examples are values of the flags, for the help.
var examples = map[string]string{
	"count": "1", "percent": "50", "selector": "app=api", "duration": "60s", "after": "30s", "cluster": "prod", "seed": "7",
	"cpu": "0.5", "memory": "256Mi", "delay": "200ms", "jitter": "20ms", "loss": "30", "rate": "1mbit", "names": "db.shop.svc", "force": "",
}

func specFor(f engine.Fault) (spec, bool) {
	k := slices.IndexFunc(specs, func(s spec) bool { return s.fault == f })
	if k < 0 {
		return spec{}, false
	}
	return specs[k], true
}

// takes lists the flags that a fault takes, in the order of its usage.
func (s spec) takes() []string {
	var all []string
	if s.fault != engine.FaultDrain {
		all = []string{"count", "percent", "selector"}
	}
	all = append(all, s.flags...)
	if s.lasts > 0 {
		all = append(all, "duration")
	}
	return append(all, "after", "cluster", "seed")
}

func (s spec) usage() string {
	var b strings.Builder
	b.WriteString("/autopilot chaos " + string(s.fault) + " " + s.where)
	for _, f := range s.takes() {
		b.WriteString(" [" + strings.TrimSpace("-"+f+" "+examples[f]) + "]")
	}
	return b.String()
}

// Help lists what Parse understands.
func Help() []engine.HelpLine {
	var lines []engine.HelpLine
	for _, s := range specs {
		lines = append(lines, engine.HelpLine{Usage: s.usage(), Text: s.text})
	}
	return append(lines, engine.HelpLine{
		Usage: "/autopilot chaos " + randomAll + " <fault> [flags of the fault]",
		Text:  "the same in every namespace that has opted in: one pod in each, or -count pods in all",
	})
}

const randomAll = "random-all"
