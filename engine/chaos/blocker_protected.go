package chaos

import (
	"fmt"
	"path"
	"slices"

	"github.com/eks-autopilot/autopilot/engine"
)

// system are the namespaces that are never hit, whatever the configuration says. The bot's own is among the rules' protected ones.
var system = []string{"kube-system", "kube-public", "kube-node-lease"}

// protectedNamespace refuses namespaces that nobody can opt in. It looks at the targets too, not only at what was asked for.
func protectedNamespace(e engine.Experiment, _ Field, r Rules) []string {
	var reasons []string
	for _, n := range e.Namespaces() {
		switch by := isProtected(n, r); {
		case by == n:
			reasons = append(reasons, fmt.Sprintf("%s is protected and never hit; choose another namespace", n))
		case by != "":
			reasons = append(reasons, fmt.Sprintf("%s is protected by %q and never hit; choose another namespace", n, by))
		}
	}
	return reasons
}

// isProtected gives the pattern by which a namespace is protected, "" for none. A pattern that cannot be read protects everything.
func isProtected(namespace string, r Rules) string {
	for _, pattern := range slices.Concat(system, r.Protected) {
		if ok, err := path.Match(pattern, namespace); ok || err != nil {
			return pattern
		}
	}
	return ""
}
