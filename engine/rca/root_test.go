package rca_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/rca"
)

// TestRoot looks what the likeliest cause names: by that, incidents are put under one another.
func TestRoot(t *testing.T) {
	api := engine.Workload{Cluster: "prod", Namespace: "payments", Kind: "Deployment", Name: "api"}
	refused := func(detail, selects string) []engine.Evidence {
		return []engine.Evidence{
			{ID: "log/1", Kind: engine.EvidenceLog, Container: "api", Text: "x", Fields: map[string]string{
				"line": "FATAL: cannot connect to db.data:5432: connection refused", "previous": "true",
			}},
			{ID: "reference/Service/db", Kind: engine.EvidenceReference, Object: engine.ObjectRef{Kind: "Service", Namespace: "data", Name: "db"}, Fields: map[string]string{
				"kind": "Service", "name": "db", "exists": "true", "detail": detail, "selects": selects,
			}},
		}
	}
	for name, c := range map[string]struct {
		class    engine.Class
		evidence []engine.Evidence
		want     *engine.Workload
	}{
		"a service whose workload is known": {engine.ClassCrashLoop, refused("0 of 2 endpoints ready", "StatefulSet/db"), &engine.Workload{Cluster: "prod", Namespace: "data", Kind: "StatefulSet", Name: "db"}},
		"a service":                         {engine.ClassCrashLoop, refused("0 of 2 endpoints ready", ""), &engine.Workload{Cluster: "prod", Namespace: "data", Kind: engine.KindService, Name: "db"}},
		"one that is ready is not to blame": {engine.ClassCrashLoop, refused("2 of 2 endpoints ready", "StatefulSet/db"), nil},
		"a quota": {engine.ClassReplicasMissing, []engine.Evidence{{
			ID: "event/1", Kind: engine.EvidenceEvent, Text: "x", Fields: map[string]string{
				"type": "Warning", "reason": "FailedCreate", "message": `pods "api-1" is forbidden: exceeded quota: compute, requested: cpu=1, used: cpu=4, limited: cpu=4`,
			},
		}}, &engine.Workload{Cluster: "prod", Namespace: "payments", Kind: "ResourceQuota", Name: "compute"}},
		"its own memory": {engine.ClassOOMKilled, []engine.Evidence{{
			ID: "t", Kind: engine.EvidenceTermination, Container: "api", Text: "x", Fields: map[string]string{"exit_code": "137", "reason": "OOMKilled"},
		}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			i := engine.Incident{ID: 1, Workload: api, Classes: []engine.Class{c.class}}
			d := rca.Rank(i, c.evidence, nil, nil, i.DetectedAt)
			first, ok := d.Cause("")
			if !ok {
				t.Fatalf("no cause of %+v", c.evidence)
			}
			if diff := cmp.Diff(c.want, first.Root); diff != "" {
				t.Errorf("%s (-want +got):\n%s", first.Rule, diff)
			}
		})
	}
}
