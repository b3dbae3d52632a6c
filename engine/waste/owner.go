package waste

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

// owner finds the team of something in a namespace: by its own labels (in the order in which they are given), then those of the
// namespace, then by the configuration. It is zero when nobody knows.
func owner(c *Cluster, namespaces map[string]*corev1.Namespace, r Rules, namespace string, labels ...map[string]string) engine.Owner {
	for _, own := range labels {
		if team, label := teamOf(own, r); team != "" {
			return engine.Owner{Team: team, By: "label " + label}
		}
	}
	if ns := namespaces[namespace]; ns != nil {
		if team, _ := teamOf(ns.Labels, r); team != "" {
			return engine.Owner{Team: team, By: "namespace " + namespace}
		}
	}
	if team := c.Team[namespace]; team != "" {
		return engine.Owner{Team: team, By: "configuration"}
	}
	return engine.Owner{}
}

func teamOf(labels map[string]string, r Rules) (team, label string) {
	for _, l := range r.TeamLabels {
		if v := labels[l]; v != "" {
			return v, l
		}
	}
	return "", ""
}

func namespacesOf(c *Cluster) map[string]*corev1.Namespace {
	byName := make(map[string]*corev1.Namespace, len(c.Namespaces))
	for _, ns := range c.Namespaces {
		byName[ns.Name] = ns
	}
	return byName
}
