package chaos

import "github.com/eks-autopilot/autopilot/engine"

// Blockers lists every blocker. The order is that in which their reasons are shown: what can never be, then what is too much, then what only
// another plan or time changes.
func Blockers() []Blocker {
	return []Blocker{
		protectedNamespace{}, optedIn{}, drainedNamespace{}, deletes{}, podCap{}, share{}, minReady{}, duration{}, limits{}, hostNetwork{}, agents{},
		budget{}, mechanism{}, dryRun{}, freeze{}, quota{}, busy{}, metrics{}, alarm{}, steady{},
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
