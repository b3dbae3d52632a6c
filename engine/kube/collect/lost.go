package collect

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

// lost shows the pods that were deleted although they were wanted: they are not in the API any more, so the watch that saw them go tells of them.
func lost(ctx context.Context, s *subject) ([]engine.Evidence, error) {
	var out []engine.Evidence
	var problem error
	for _, sig := range s.incident.Signals {
		names := sig.Labels[engine.LabelLost]
		if names == "" {
			continue
		}
		for name := range strings.SplitSeq(names, ",") {
			ref := engine.ObjectRef{Kind: "Pod", Namespace: s.incident.Workload.Namespace, Name: name}
			why := sig.Labels[engine.LabelDisruption]
			out = append(out, engine.Evidence{
				ID: "lost/" + name, Kind: engine.EvidencePod, Object: ref, At: sig.StartsAt,
				Text:   fmt.Sprintf("pod %s was ready and wanted, and was deleted through the API (%s)", name, cmp.Or(why, "without a reason")),
				Fields: map[string]string{"lost": "true", "disruption": why, "phase": "Gone"},
			})
			said, err := s.eventsOf(ctx, ref)
			problem = first(problem, err)
			out = append(out, said...)
		}
	}
	return out, problem
}

// disrupted is the API server's word for why a pod is taken away; "" when it is not.
func disrupted(p *corev1.Pod) string {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.DisruptionTarget && c.Status == corev1.ConditionTrue {
			return c.Reason
		}
	}
	return ""
}
