package change_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
)

var api = engine.Target{Workload: engine.Workload{Cluster: "prod", Namespace: "payments", Kind: "Deployment", Name: "api"}, Container: "app"}

func node(controller, group string, least, desired int) engine.Finding {
	return engine.Finding{
		Kind: engine.IdleNode, Lever: "the lever.", Target: engine.Target{Workload: engine.Workload{Cluster: "prod", Kind: engine.KindNode, Name: "ip-1"}},
		Node: &engine.NodeRemoval{Controller: controller, Group: group, Min: least, Desired: desired},
	}
}

func volume() engine.Finding {
	return engine.Finding{
		Kind:   engine.OrphanVolume,
		Target: engine.Target{Workload: engine.Workload{Kind: engine.KindVolume, Name: "vol-0aa"}, Provider: "vol-0aa", Account: "1", Region: "eu-central-1"},
		Volume: &engine.VolumeRemoval{Plan: []string{"SNAPSHOT=$(aws ec2 create-snapshot …)", "aws ec2 wait snapshot-completed …", "aws ec2 delete-volume …", "kubectl delete pv x"}},
	}
}

func TestWishOf(t *testing.T) {
	for name, tc := range map[string]struct {
		finding engine.Finding
		want    engine.Wish
		title   string
	}{
		"memory": {
			engine.Finding{Target: api, Sizing: &engine.Sizing{Resource: engine.Memory, Old: 2 << 30, New: 1200 << 20}},
			engine.Wish{Kind: engine.WishRequest, Target: api, Field: "memory", Old: "2Gi", New: "1200Mi"},
			"payments/api memory 2 → 1.17 GiB",
		},
		"CPU with its autoscaler": {
			engine.Finding{Target: api, Sizing: &engine.Sizing{
				Resource: engine.CPU, Old: 2000, New: 1250, Autoscale: &engine.Autoscale{Name: "api-hpa", OldTarget: 50, NewTarget: 80},
			}},
			engine.Wish{Kind: engine.WishRequest, Target: api, Field: "cpu", Old: "2", New: "1250m", With: []engine.Wish{
				{Kind: engine.WishTarget, Target: api, Name: "api-hpa", Field: "cpu", Old: "50", New: "80"},
			}},
			"payments/api CPU 2 → 1.25 cores, autoscaler 50 → 80 %",
		},
		"an autoscaler that stays": {
			engine.Finding{Target: api, Sizing: &engine.Sizing{
				Resource: engine.CPU, Old: 500, New: 320, Autoscale: &engine.Autoscale{Name: "api-hpa", OldTarget: 50, NewTarget: 50},
			}},
			engine.Wish{Kind: engine.WishRequest, Target: api, Field: "cpu", Old: "500m", New: "320m"},
			"payments/api CPU 500 → 320 millicores",
		},
		"a managed node group at its minimum": {
			node("managed node group", "workers", 3, 3),
			engine.Wish{
				Kind: engine.WishGroup, Target: node("", "", 0, 0).Target, Name: "workers", Field: "desired", Old: "3", New: "2",
				With: []engine.Wish{{Kind: engine.WishGroup, Target: node("", "", 0, 0).Target, Name: "workers", Field: "min", Old: "3", New: "2"}},
			},
			"node group workers desired 3 → 2, min 3 → 2",
		},
		"an autoscaling group above its minimum": {
			node("autoscaling group", "batch", 1, 3),
			engine.Wish{Kind: engine.WishGroup, Target: node("", "", 0, 0).Target, Name: "batch", Field: "desired", Old: "3", New: "2"},
			"node group batch desired 3 → 2",
		},
		"a volume": {
			volume(), engine.Wish{Kind: engine.WishVolume, Target: volume().Target, Name: "vol-0aa"}, "volume vol-0aa removed",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := change.WishOf(tc.finding)
			if d := cmp.Diff(tc.want, got); !ok || d != "" {
				t.Errorf("ok %v: %s", ok, d)
			}
			if title := change.WishTitle(got); title != tc.title {
				t.Errorf("title %q, want %q", title, tc.title)
			}
		})
	}
}

func TestNoWish(t *testing.T) {
	for name, f := range map[string]engine.Finding{
		"Karpenter":                         node("Karpenter", "general", 0, 3),
		"the cluster autoscaler":            node("cluster-autoscaler", "workers", 1, 3),
		"nobody's node":                     node("none", "", 0, 0),
		"a group whose size is not known":   node("managed node group", "workers", 0, 0),
		"a request that stays":              {Target: api, Sizing: &engine.Sizing{Resource: engine.CPU, Old: 100, New: 100}},
		"a container that asks for nothing": {Target: api, Sizing: &engine.Sizing{Resource: engine.CPU, New: 100}},
		"a volume without an id":            {Volume: &engine.VolumeRemoval{}},
	} {
		if w, ok := change.WishOf(f); ok {
			t.Errorf("%s: %+v", name, w)
		}
		if change.WhyNone(f) == "" {
			t.Errorf("%s: nothing says why", name)
		}
		if f.Node != nil && !strings.HasSuffix(change.WhyNone(f), ". What can be changed: the lever.") {
			t.Errorf("%s: the lever is not named: %s", name, change.WhyNone(f))
		}
	}
}

func TestStepsOfVolume(t *testing.T) {
	if d := cmp.Diff(volume().Volume.Plan, change.StepsOf(volume())); d != "" {
		t.Error(d)
	}
	if steps := change.StepsOf(engine.Finding{Sizing: &engine.Sizing{}}); steps != nil {
		t.Errorf("a request takes %q", steps)
	}
	first, _ := change.WishOf(volume())
	kept := volume()
	kept.Volume.Snapshot = "snap-1"
	second, _ := change.WishOf(kept)
	edits := []engine.FileEdit{{Path: "main.tf"}}
	if !change.IsSnapshotFirst(first, edits) || change.IsSnapshotFirst(first, nil) || change.IsSnapshotFirst(second, edits) {
		t.Error("the first of two changes is not told from the second")
	}
}

func TestReverse(t *testing.T) {
	if back, ok := change.Reverse(engine.Wish{Kind: engine.WishVolume}); ok {
		t.Errorf("a volume comes back: %+v", back)
	}
	if back, ok := change.Reverse(engine.Wish{Kind: engine.WishRequest, New: "1Gi"}); ok {
		t.Errorf("what was not there comes back: %+v", back)
	}
	wish, _ := change.WishOf(node("managed node group", "workers", 3, 3))
	back, ok := change.Reverse(wish)
	if !ok || back.Old != "2" || back.New != "3" || len(back.With) != 1 || back.With[0].Old != "2" || back.With[0].New != "3" {
		t.Errorf("%v, %+v", ok, back)
	}
	again, _ := change.Reverse(back)
	if d := cmp.Diff(wish, again); d != "" {
		t.Errorf("there and back: %s", d)
	}
}

func TestQuantityIsKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		millis := rapid.Int64Range(1, 1e9).Draw(t, "millicores")
		bytes := rapid.Int64Range(1, 1<<46).Draw(t, "bytes")
		if q := change.Quantity(millis, engine.CPU); !change.SameValue(q, change.Quantity(millis, engine.CPU)) || change.SameValue(q, change.Quantity(millis+1, engine.CPU)) {
			t.Fatalf("%d millicores are %s", millis, q)
		}
		if q := change.Quantity(bytes, engine.Memory); change.SameValue(q, change.Quantity(bytes+1, engine.Memory)) {
			t.Fatalf("%d bytes are %s", bytes, q)
		}
	})
	for _, same := range [][2]string{{"1Gi", "1024Mi"}, {"0.5", "500m"}, {"nginx:1", "nginx:1"}, {"80", "80"}} {
		if !change.SameValue(same[0], same[1]) {
			t.Errorf("%s and %s differ", same[0], same[1])
		}
	}
	for _, other := range [][2]string{{"1G", "1Gi"}, {"nginx:1", "nginx:2"}, {"", "0"}} {
		if change.SameValue(other[0], other[1]) {
			t.Errorf("%s and %s are the same", other[0], other[1])
		}
	}
}
