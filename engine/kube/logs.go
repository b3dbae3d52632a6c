package kube

import (
	"context"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/kube/collect"
	"github.com/eks-autopilot/autopilot/engine/rca"
)

// Collectors gives what gathers evidence from the clusters, in the order in which the evidence is shown. Each looks at the
// cluster that the incident's workload names, and fails with NotFound when that is none of them.
func Collectors(clusters ...*Cluster) []rca.Collector {
	sources := make([]collect.Source, len(clusters))
	for i, c := range clusters {
		sources[i] = collect.Source{Cluster: c.name, Client: c.client, Dynamic: c.dynamic, Now: c.now}
	}
	return collect.All(sources...)
}

// Logs gives the last lines of a container's log, redacted: at most 1000 lines, or 256 KiB. previous asks for the log of its
// run before the last restart. A container of "" is the pod's first. It fails with NotFound, Forbidden or Unavailable.
func (c *Cluster) Logs(ctx context.Context, namespace, pod, container string, previous bool, lines int) (engine.LogExcerpt, error) {
	return collect.Tail(ctx, c.client, namespace, pod, container, previous, lines)
}

// LogsOf gives the log that tells most about an incident: of the pod and container in the worst state, of the run that failed.
// It fails like Logs, and with NotFound when the workload has no pods.
func (c *Cluster) LogsOf(ctx context.Context, i engine.Incident) (engine.LogExcerpt, error) {
	return collect.TailOf(ctx, collect.Source{Cluster: c.name, Client: c.client, Now: c.now}, i, c.lines)
}
