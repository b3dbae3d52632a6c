package chaos

import (
	"fmt"

	"github.com/eks-autopilot/autopilot/engine"
)

// agents bounds how many agents are put into one pod: an ephemeral container stays part of its pod for as long as that lives.
func agents(e engine.Experiment, f Field, r Rules) []string {
	var reasons []string
	more := map[string]int{}
	for _, s := range e.Strikes {
		for _, t := range s.Targets {
			if t.Mechanism == engine.ByAgent {
				more[t.Object.UID]++
			}
		}
	}
	for _, p := range f.Pods {
		if n := more[p.Ref.UID]; n > 0 && p.Agents+n > r.MaxAgents {
			reasons = append(reasons, fmt.Sprintf("%s had %s put into it, which cannot be taken out; at most %d may be: kubectl delete pod -n %s %s makes it anew", refKey(p.Ref), plural(p.Agents, "agent"), r.MaxAgents, p.Ref.Namespace, p.Ref.Name))
		}
	}
	return reasons
}
