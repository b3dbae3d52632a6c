package waste

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
)

// TestEachGapIsSaidOnce wants what is missing and what follows from it in one line.
func TestEachGapIsSaidOnce(t *testing.T) {
	const requests, nodes = "its requests are not judged", "its nodes are not judged"
	usage := requests + ", nor its nodes if pods come and go by autoscalers or schedules"
	complete := func(missing ...Part) []Cluster { return []Cluster{{Name: "prod", Complete: true, Missing: missing}} }
	account := func(missing ...Part) []Account { return []Account{{ID: "1", Region: "eu-west-1", Missing: missing}} }
	tests := map[string]struct {
		clusters []Cluster
		accounts []Account
		missing  []engine.Gap
		want     []engine.Gap
	}{
		"nothing": {clusters: complete(), accounts: account()},
		"no Prometheus": {
			clusters: complete(PartUsage),
			missing:  []engine.Gap{{Collector: "prod", Reason: "no Prometheus is configured"}},
			want:     []engine.Gap{{Collector: "prod", Reason: "no Prometheus is configured; " + usage}},
		},
		"the gap among others, of others": {
			clusters: complete(PartUsage, PartNodePools),
			missing: []engine.Gap{
				{Collector: "prometheus dev-prod", Reason: "the use of 1 of 1 namespaces could not be read: timeout"},
				{Collector: "prometheus prod", Reason: "its clock is 3m0s ahead of ours"},
				{Collector: "prometheus prod", Reason: "the use of 1 of 1 namespaces could not be read: timeout"},
				{Collector: "cluster prod", Reason: "nodepools.karpenter.sh cannot be listed: forbidden"},
			},
			want: []engine.Gap{
				{Collector: "prometheus dev-prod", Reason: "the use of 1 of 1 namespaces could not be read: timeout"},
				{Collector: "prometheus prod", Reason: "its clock is 3m0s ahead of ours"},
				{Collector: "prometheus prod", Reason: "the use of 1 of 1 namespaces could not be read: timeout; " + usage},
				{Collector: "cluster prod", Reason: "nodepools.karpenter.sh cannot be listed: forbidden; " + nodes},
			},
		},
		"nobody said why": {
			clusters: complete(PartVertical), missing: []engine.Gap{{Collector: "prices", Reason: "away"}},
			want: []engine.Gap{{Collector: "prices", Reason: "away"}, {Collector: "prod", Reason: "vpa could not be had: " + requests}},
		},
		"a cluster": {
			clusters: []Cluster{{Name: "prod", Missing: []Part{PartUsage}}},
			missing:  []engine.Gap{{Collector: "cluster prod", Reason: "pods cannot be listed: timeout"}},
			want:     []engine.Gap{{Collector: "cluster prod", Reason: "pods cannot be listed: timeout; its requests and nodes are not judged, nor any volume"}},
		},
		"volumes left out on purpose": {
			accounts: account(PartVolumes, PartSnapshots),
			want:     []engine.Gap{{Collector: "1 eu-west-1", Reason: "volumes and snapshots could not be had: volumes of the account are not judged"}},
		},
		"an account": {
			accounts: account(PartVolumes, PartSnapshots, PartInstances, PartGroups),
			missing:  []engine.Gap{{Collector: "1 eu-west-1", Reason: "the account was not listed: timeout"}},
			want: []engine.Gap{{Collector: "1 eu-west-1", Reason: "the account was not listed: timeout; volumes of the account are not judged; " +
				"nodes and volumes of the account are not judged; nodes of the account are not judged"}},
		},
	}
	for name, tt := range tests {
		s := &Snapshot{Clusters: tt.clusters, Accounts: tt.accounts, Missing: tt.missing}
		before := append([]engine.Gap{}, tt.missing...)
		if d := cmp.Diff(tt.want, Scan(s, DefaultRules()).Missing); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
		if d := cmp.Diff(before, append([]engine.Gap{}, s.Missing...)); d != "" {
			t.Errorf("%s: the snapshot was changed:\n%s", name, d)
		}
	}
}
