package incident

import (
	"fmt"
	"slices"

	"github.com/eks-autopilot/autopilot/engine"
)

// telling orders the classes by how much they say of what is wrong: what explains others stands before them, as the probe
// for which a container is killed stands before its crash loop.
var telling = []struct {
	class engine.Class
	says  string // after the workload's name
}{
	{engine.ClassNodeNotReady, "is not ready"},
	{engine.ClassNodePressure, "is under pressure"},
	{engine.ClassOOMKilled, "is being OOM-killed"},
	{engine.ClassImagePull, "cannot pull its image"},
	{engine.ClassConfigError, "cannot create its container"},
	{engine.ClassProbeFailing, "fails its probes"},
	{engine.ClassCrashLoop, "is crash-looping"},
	{engine.ClassUnschedulable, "cannot be scheduled"},
	{engine.ClassClaimPending, "is waiting for a volume"},
	{engine.ClassEvicted, "is being evicted"},
	{engine.ClassJobFailed, "has failed"},
	{engine.ClassRolloutStuck, "is stuck in its rollout"},
	{engine.ClassReplicasMissing, "lacks replicas"},
	{engine.ClassAPIDown, "does not answer the API server"},
	{engine.ClassRouteBroken, "has nowhere to send its traffic"},
	{engine.ClassVolumeFailing, "has a failing volume"},
	{engine.ClassScheduleMissed, "has missed its schedule"},
	{engine.ClassDrainBlocked, "keeps a node from being drained"},
	{engine.ClassStuckTerminating, "does not go although it was deleted"},
	{engine.ClassScalingStuck, "cannot be scaled by its autoscaler"},
	{engine.ClassCertificate, "has a certificate that was not renewed"},
	{engine.ClassHighMemory, "is close to its memory limit"},
	{engine.ClassHighCPU, "is close to its CPU limit"},
	{engine.ClassHighLatency, "is slow"},
	{engine.ClassAnomaly, "is not as it ever was"},
}

// title says in one line what is wrong, by the most telling class of the incident.
func title(i engine.Incident) string {
	name := i.Workload.String()
	if i.Workload.Kind == engine.KindNode {
		name = "node " + name
	}
	if said := measured(i.Signals); said != "" {
		return name + ": " + said
	}
	for _, t := range telling {
		if !slices.Contains(i.Classes, t.class) {
			continue
		}
		if t.class == engine.ClassReplicasMissing && i.Health != nil && i.Health.Ready < i.Health.Desired {
			return fmt.Sprintf("%s has %d of %d replicas", name, i.Health.Ready, i.Health.Desired)
		}
		return name + " " + t.says
	}
	for _, s := range i.Signals {
		if a := s.Labels["alertname"]; a != "" {
			return name + ": " + a
		}
	}
	return name + " has a problem"
}

// measured is what the metrics say, where nothing else says anything: a class would say less.
func measured(signals []engine.Signal) (said string) {
	for _, s := range signals {
		switch {
		case !s.Firing():
		case s.Source != engine.SourceMetrics:
			return ""
		case said == "":
			said = s.Summary
		}
	}
	return said
}

func severity(signals []engine.Signal, least engine.Severity) engine.Severity {
	for _, s := range signals {
		if s.Firing() && s.Severity.Rank() > least.Rank() {
			least = s.Severity
		}
	}
	return least
}
