package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// Draft makes an experiment of a request, with exactly whom it hits: the seed chooses, nobody twice, never one that is leaving or not ready,
// and never more of a workload than the rules allow. What keeps it from beginning is in its Refusals. It fails with Invalid when a name fits
// nothing or several things, and with NotFound for a namespace or node that is not there.
//
// A drain's first target is the node itself, whose one blow cordons it for the strike's duration and evicts its pods; these are the other
// targets, and have no blows of their own. random-all becomes one strike for each namespace that it hits.
func Draft(q Request, f Field, r Rules, id int64) (engine.Experiment, error) {
	e := engine.Experiment{
		ID: id, Cluster: f.Cluster, Command: q.Command, Strikes: slices.Clone(q.Strikes), StopOn: slices.Clone(q.StopOn), Seed: q.Seed,
		Status: engine.ExperimentAsked,
	}
	if e.Seed == 0 {
		e.Seed = uint64(max(id, 1)) //nolint:gosec // ids are not negative here
	}
	if len(e.Strikes) == 0 {
		return engine.Experiment{}, engine.Errorf(engine.Invalid, "an experiment needs at least one strike; such as `/autopilot chaos kill shop/api`")
	}
	if q.Cluster != "" && q.Cluster != f.Cluster {
		return engine.Experiment{}, engine.Errorf(engine.Invalid, "this is for cluster %s, and what is known is of %s", q.Cluster, f.Cluster)
	}
	c := chooser{f: f, r: r, random: rand.New(rand.NewPCG(e.Seed, uint64(len(q.Strikes)))), taken: map[string]bool{}, struck: map[engine.Workload]int{}} //nolint:gosec // a choice that can be repeated
	everywhere := q.Everywhere || e.Strikes[0].Namespace == "" && e.Strikes[0].Node == ""
	if everywhere {
		strikes, err := c.everywhere(e.Strikes[0])
		if err != nil {
			return engine.Experiment{}, err
		}
		e.Strikes = strikes
	} else {
		for k := range e.Strikes {
			if err := c.aim(&e.Strikes[k]); err != nil {
				return engine.Experiment{}, err
			}
		}
	}
	for k := range e.Strikes {
		c.arm(&e.Strikes[k])
	}
	if e.Title = q.Title; e.Title == "" {
		e.Title = title(e, everywhere)
	}
	e.Expect = expectation(q.Expect, e, f)
	e.Need = need(e, r)
	return Seal(e, f, r), nil
}

// need is what a yes to it wants. Which roles may say it is the policy's.
func need(e engine.Experiment, r Rules) engine.ApprovalNeed {
	n := engine.ApprovalNeed{People: 1, NotProposer: r.TwoPeople}
	if r.TwoPeople {
		n.Why = append(n.Why, "who asks for an experiment does not confirm it")
	}
	if slices.ContainsFunc(e.Strikes, func(s engine.Strike) bool { return s.Dose.Force }) {
		n.Why = append(n.Why, "plain deletes ask no disruption budget: they are confirmed twice")
	}
	if slices.ContainsFunc(e.Strikes, func(s engine.Strike) bool { return s.Fault == engine.FaultDrain }) {
		n.Why = append(n.Why, "draining a node wants a role of its own")
	}
	return n
}

// title is an experiment in one line: "network-lag 200ms for 1m on 2 pods of shop/api".
func title(e engine.Experiment, everywhere bool) string {
	s := e.Strikes[0]
	text := strings.TrimSpace(string(s.Fault) + " " + dose(s))
	if lasting := s.Fault.Lasts() || s.Fault == engine.FaultDrain; lasting {
		text += " for " + short(s.Duration)
	}
	switch n := hits(e); {
	case everywhere:
		text += fmt.Sprintf(" on %s in %s", plural(n, "pod"), plural(len(e.Namespaces()), "namespace"))
	case s.Fault == engine.FaultDrain:
		text += fmt.Sprintf(" of %s with %s", s.Node, plural(len(s.Targets)-1, "pod"))
	default:
		text += fmt.Sprintf(" on %s of %s", plural(len(s.Targets), "pod"), place(s))
	}
	if n := len(e.Strikes) - 1; n > 0 && !everywhere {
		text += fmt.Sprintf(", and %s more", plural(n, "strike"))
	}
	return text
}

func hits(e engine.Experiment) int { return len(victims(e)) }

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// place names what a strike is for: the workload where all its targets are of one.
func place(s engine.Strike) string {
	switch {
	case s.Workload != "":
		return s.Namespace + "/" + s.Workload[strings.LastIndex(s.Workload, "/")+1:]
	case s.Selector != "":
		return s.Namespace + " (" + s.Selector + ")"
	}
	return s.Namespace
}

// dose is how much of a fault, as a person says it; "" where the fault has no measure.
func dose(s engine.Strike) string {
	d := s.Dose
	switch s.Fault {
	case engine.FaultLag:
		if d.Jitter > 0 {
			return d.Delay.String() + " ± " + d.Jitter.String()
		}
		return d.Delay.String()
	case engine.FaultLoss:
		return fmt.Sprintf("%v %%", d.Loss)
	case engine.FaultThrottle:
		return rate(d.Rate)
	case engine.FaultCPU:
		if d.CPU > 0 {
			return fmt.Sprintf("%v cores", d.CPU)
		}
	case engine.FaultMemory:
		if d.Memory > 0 {
			return fmt.Sprintf("%v MiB", d.Memory>>20)
		}
	case engine.FaultDNS:
		return strings.Join(d.Names, ", ")
	case engine.FaultKill:
		if d.Force {
			return "by plain delete"
		}
	case engine.FaultContainerKill, engine.FaultDrain, engine.FaultNothing:
	}
	return ""
}

func rate(bits int64) string {
	switch {
	case bits >= 1_000_000:
		return fmt.Sprintf("%v mbit", float64(bits)/1e6)
	case bits >= 1000:
		return fmt.Sprintf("%v kbit", float64(bits)/1e3)
	}
	return fmt.Sprintf("%d bit", bits)
}
