// Package policy decides who may do what, and where.
//
// Package handlers asks it before every action that a person takes; both answers are audited.
package policy

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// Everyone as a role's member means every full member of the workspace, neither guests nor people of other workspaces. Whoever asks
// the policy puts it among the groups of those who are.
const Everyone = "everyone"

// Role lets its members do some actions on some clusters and namespaces.
type Role struct {
	Name       string
	Members    []string        // Slack user ids, user group ids, or Everyone
	May        []engine.Action // what it allows
	Clusters   []string        // path.Match patterns; none means all
	Namespaces []string        // path.Match patterns; none means all

	// What follows narrows engine.ActionApprove and engine.ActionDeny alone.
	Kinds []string        // path.Match patterns of engine.FindingKind; none means all, and what no finding is behind
	UpTo  engine.MicroUSD // a month, of all that is approved together; 0 means any sum
}

// Policy is what the configuration says about people.
type Policy struct {
	Roles   []Role
	LogsOff []string // namespaces, as path.Match patterns, whose logs are never shown

	Approvals Approvals
}

// Allowed tells whether a person, who is in the given user groups, may do the action on the workload.
// The zero workload stands for the whole installation, which only a role without limits covers.
// The reason says which role allowed it, or what would.
func (p Policy) Allowed(person engine.Person, groups []string, action engine.Action, w engine.Workload) (bool, string) {
	if action == engine.ActionLogs && p.LogsAreOff(w.Namespace) {
		return false, fmt.Sprintf("logs of namespace %s are switched off by configuration", w.Namespace)
	}
	var elsewhere, could []string
	for _, r := range p.Roles {
		if !slices.Contains(r.May, action) {
			continue
		}
		switch {
		case !r.covers(w):
			if r.has(person, groups) {
				elsewhere = append(elsewhere, r.Name)
			}
		case r.has(person, groups):
			return true, "role " + r.Name
		default:
			could = append(could, r.Name)
		}
	}
	switch {
	case len(elsewhere) > 0:
		return false, fmt.Sprintf("your role %s does not cover %s", strings.Join(elsewhere, ", "), place(w))
	case len(could) > 0:
		return false, fmt.Sprintf("%s on %s needs the role %s", action, place(w), strings.Join(could, " or "))
	}
	return false, fmt.Sprintf("no role allows %s on %s", action, place(w))
}

// LogsAreOff tells whether the logs of a namespace may never be read.
func (p Policy) LogsAreOff(namespace string) bool { return matchesAny(p.LogsOff, namespace) }

func (r Role) has(person engine.Person, groups []string) bool {
	return slices.ContainsFunc(r.Members, func(m string) bool {
		return m == person.ID || slices.Contains(groups, m)
	})
}

func (r Role) covers(w engine.Workload) bool {
	if w.IsZero() {
		return len(r.Clusters) == 0 && len(r.Namespaces) == 0
	}
	return (len(r.Clusters) == 0 || matchesAny(r.Clusters, w.Cluster)) &&
		(len(r.Namespaces) == 0 || matchesAny(r.Namespaces, w.Namespace))
}

func matchesAny(patterns []string, s string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, err := path.Match(p, s)
		return err == nil && ok
	})
}

func place(w engine.Workload) string {
	switch {
	case w.IsZero():
		return "this installation"
	case w.Namespace == "":
		return fmt.Sprintf("%s (cluster %s)", w.Name, w.Cluster)
	}
	return fmt.Sprintf("namespace %s (cluster %s)", w.Namespace, w.Cluster)
}
