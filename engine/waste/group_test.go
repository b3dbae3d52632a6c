package waste

import (
	"testing"

	"github.com/eks-autopilot/autopilot/engine"
)

func TestKeysAndGroups(t *testing.T) {
	box := engine.Target{Workload: engine.Workload{Cluster: "prod", Namespace: "shop", Kind: "Deployment", Name: "api"}, Container: "api"}
	nodeTarget := engine.Target{Workload: engine.Workload{Cluster: "prod", Kind: engine.KindNode, Name: "ip-10-0-0-1"}, Provider: "i-0abc"}
	volume := engine.Target{Workload: engine.Workload{Cluster: "prod", Kind: engine.KindVolume, Name: "vol-1"}, Provider: "vol-1", Account: "111122223333", Region: "eu-west-1"}
	claim := func(name string) *engine.VolumeRemoval { return &engine.VolumeRemoval{Claim: name} }
	cases := []struct {
		name              string
		f                 engine.Finding
		key, group, title string
	}{
		{"CPU", engine.Finding{Kind: engine.OverRequestedCPU, Target: box}, "over_requested_cpu/prod/shop/Deployment/api/api", "workload/prod/shop/Deployment/api", "shop/api"},
		{"memory is on the same card", engine.Finding{Kind: engine.OverRequestedMemory, Target: box}, "over_requested_memory/prod/shop/Deployment/api/api", "workload/prod/shop/Deployment/api", "shop/api"},
		{
			"a node of a group",
			engine.Finding{Kind: engine.IdleNode, Target: nodeTarget, Node: &engine.NodeRemoval{Group: "workers", Controller: "managed node group"}},
			"idle_node/prod/ip-10-0-0-1/i-0abc", "nodes/prod/managed%20node%20group/workers", "node group workers",
		},
		{"a node of none", engine.Finding{Kind: engine.IdleNode, Target: nodeTarget, Node: &engine.NodeRemoval{}}, "idle_node/prod/ip-10-0-0-1/i-0abc", "node/prod/ip-10-0-0-1", "node ip-10-0-0-1"},
		{
			"a replica's volume",
			engine.Finding{Kind: engine.OrphanVolume, Target: volume, Volume: claim("shop/data-db-11")},
			"orphan_volume/111122223333/eu-west-1/vol-1", "volumes/111122223333/eu-west-1/prod/shop%2Fdata-db", "volumes of shop/data-db",
		},
		{
			"a volume of no claim",
			engine.Finding{Kind: engine.OrphanVolume, Target: volume, Volume: claim("")},
			"orphan_volume/111122223333/eu-west-1/vol-1", "volumes/111122223333/eu-west-1/prod", "volumes of account 111122223333 in eu-west-1",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := Key(c.f.Kind, c.f.Target); got != c.key {
				t.Errorf("key %q, want %q", got, c.key)
			}
			if group, title := GroupOf(c.f); group != c.group || title != c.title {
				t.Errorf("group %q, %q, want %q, %q", group, title, c.group, c.title)
			}
		})
	}
}

// TestKeysDoNotMeet: a slash in a name makes no other target of it.
func TestKeysDoNotMeet(t *testing.T) {
	a := engine.Target{Workload: engine.Workload{Cluster: "a/b", Namespace: "c", Kind: "Deployment", Name: "d"}, Container: "e"}
	b := engine.Target{Workload: engine.Workload{Cluster: "a", Namespace: "b/c", Kind: "Deployment", Name: "d"}, Container: "e"}
	if Key(engine.OverRequestedCPU, a) == Key(engine.OverRequestedCPU, b) {
		t.Error("two targets have one key")
	}
}

func TestClaimBase(t *testing.T) {
	for claim, want := range map[string]string{"shop/data-db-0": "shop/data-db", "shop/data": "shop/data", "shop/data-": "shop/data-", "shop/data-v2": "shop/data-v2", "": ""} {
		if got := claimBase(claim); got != want {
			t.Errorf("%q: %q, want %q", claim, got, want)
		}
	}
}
