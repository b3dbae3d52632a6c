package chaos

import "github.com/eks-autopilot/autopilot/engine"

// guard is a Blocker that is one function; each has a file of its own.
type guard struct {
	name    string
	blocked func(e engine.Experiment, f Field, r Rules) []string
}

// Name gives what the card calls it.
func (g guard) Name() string { return g.name }

// Blocked gives the reasons; none means that the experiment may begin.
func (g guard) Blocked(e engine.Experiment, f Field, r Rules) []string { return g.blocked(e, f, r) }

// Blockers lists every blocker. The order is that in which their reasons are shown: what can never be, then what is too much, then what only
// another plan or time changes.
func Blockers() []Blocker {
	return []Blocker{
		guard{"protected namespace", protectedNamespace},
		guard{"opt-in", optedIn},
		guard{"drain", drainedNamespace},
		guard{"plain delete", deletes},
		guard{"pods of an experiment", podCap},
		guard{"share of a workload", share},
		guard{"minimum ready", minReady},
		guard{"duration", duration},
		guard{"limits", limits},
		guard{"host network", hostNetwork},
		guard{"agents of a pod", agents},
		guard{"disruption budget", budget},
		guard{"mechanism", mechanism},
		guard{"dry run", dryRun},
		guard{"freeze", freeze},
		guard{"quota", quota},
		guard{"one experiment at a time", busy},
		guard{"metrics", metrics},
		guard{"watch", watch},
		guard{"alarm", alarm},
		guard{"steady state", steady},
	}
}

// Refusals asks every blocker. None means that the experiment may begin.
func Refusals(e engine.Experiment, f Field, r Rules) []engine.Refusal {
	var all []engine.Refusal
	for _, b := range Blockers() {
		for _, text := range b.Blocked(e, f, r) {
			all = append(all, engine.Refusal{Blocker: b.Name(), Text: text})
		}
	}
	return all
}
