package chaos

import (
	"fmt"

	"github.com/eks-autopilot/autopilot/engine"
)

// Steady says how well what an experiment touches works without it: what it hits, what that depends on, and the nodes. A node that is
// cordoned is steady for all but a drain.
func Steady(e engine.Experiment, f Field) []engine.Steadiness {
	s := scopeOf(e, f)
	var all []engine.Steadiness
	for _, w := range s.hit {
		all = append(all, f.steadiness(w, ""))
	}
	for _, w := range s.beneath {
		if _, known := f.unit(w); known {
			all = append(all, f.steadiness(w, ", which it depends on"))
		}
	}
	for _, w := range s.nodes {
		all = append(all, f.nodeSteadiness(w.Name))
	}
	return all
}

func (f Field) steadiness(w engine.Workload, role string) engine.Steadiness {
	u, ok := f.unit(w)
	switch {
	case !ok:
		return engine.Steadiness{Text: w.String() + role + ": how many pods it wants is not known"}
	case u.Rolling:
		return engine.Steadiness{Text: fmt.Sprintf("%s%s: %d of %d ready, a rollout is on its way", w, role, u.Ready, u.Desired)}
	}
	return engine.Steadiness{Text: fmt.Sprintf("%s%s: %d of %d ready", w, role, u.Ready, u.Desired), OK: u.Ready >= u.Desired}
}

func (f Field) nodeSteadiness(name string) engine.Steadiness {
	for _, n := range f.Nodes {
		switch {
		case n.Name != name:
		case !n.Ready:
			return engine.Steadiness{Text: "node " + name + ": not ready"}
		default:
			return engine.Steadiness{Text: "node " + name + ": ready", OK: true}
		}
	}
	return engine.Steadiness{Text: "node " + name + ": its state is not known"}
}
