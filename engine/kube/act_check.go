package kube

import (
	"context"
	"slices"

	"github.com/eks-autopilot/autopilot/engine"
)

// RemedyNeeds are the permissions that each kind of remedy uses beyond Needs, cluster-wide. deploy/rbac/remedies.yaml grants exactly
// these; without it, what is asked for is refused by the API server, and told.
var RemedyNeeds = map[engine.RemedyKind][]Need{
	engine.RemedyUndo:    rollNeeds("remedies: a rollout is undone"),
	engine.RemedyRestart: rollNeeds("remedies: pods are made anew"),
	engine.RemedyScale: {
		{"apps", "deployments/scale", []string{"patch"}, engine.CheckFail, "remedies: a workload gets more replicas"},
		{"apps", "statefulsets/scale", []string{"patch"}, engine.CheckFail, "remedies: a workload gets more replicas"},
	},
	engine.RemedyCordon: {{"", "nodes", []string{"patch"}, engine.CheckFail, "remedies: a node gets no new pods"}},
}

func rollNeeds(why string) []Need {
	var needs []Need
	for _, resource := range []string{"deployments", "statefulsets", "daemonsets"} {
		needs = append(needs, Need{"apps", resource, []string{"patch"}, engine.CheckFail, why})
	}
	return needs
}

// CheckRemedies tries every permission that these kinds of remedy need, each once.
func (c *Cluster) CheckRemedies(ctx context.Context, kinds []engine.RemedyKind) []engine.Check {
	var checks []engine.Check
	var tried []string
	for _, k := range engine.RemedyKinds {
		if !slices.Contains(kinds, k) {
			continue
		}
		for _, need := range RemedyNeeds[k] {
			if slices.Contains(tried, need.Resource) {
				continue
			}
			tried = append(tried, need.Resource)
			checks = append(checks, c.may(ctx, "kubernetes "+c.name, need, "remedies"))
		}
	}
	return checks
}
