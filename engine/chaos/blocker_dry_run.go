package chaos

import (
	"fmt"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// dryRun refuses what the API server refused when it was asked with dryRun=All.
func dryRun(e engine.Experiment, _ Field, _ Rules) []string {
	var reasons []string
	count := map[string]int{}
	var order []string
	for _, s := range e.Strikes {
		for _, t := range s.Targets {
			if t.Refused == "" {
				continue
			}
			if count[t.Refused] == 0 {
				order = append(order, t.Refused)
				reasons = append(reasons, fmt.Sprintf("%s: %s", strings.TrimPrefix(refKey(t.Object), "/"), t.Refused))
			}
			count[t.Refused]++
		}
	}
	for k, text := range order {
		if n := count[text] - 1; n > 0 {
			reasons[k] += fmt.Sprintf(" (and %s more)", plural(n, "pod"))
		}
	}
	return reasons
}
