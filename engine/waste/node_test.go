package waste

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

func TestNodeThatNobodyNeeds(t *testing.T) {
	w := newNodeWorld(t)
	found, skipped := w.detect()
	f, ok := found["n1"]
	if !ok || len(found) != 1 {
		t.Fatalf("found %d nodes, n1 %v; want n1 alone: %v", len(found), ok, skipped)
	}
	if want := engine.Dollars(0.2 * 730); f.Monthly != want || f.Whole != want || !f.Cash {
		t.Errorf("monthly %s, whole %s, cash %v; want %s in cash", f.Monthly, f.Whole, f.Cash, want)
	}
	want := &engine.NodeRemoval{
		Group: "workers", Controller: "managed node group", Min: 1, Desired: 4, Instance: "m5.xlarge", Zone: "a", CPUShare: 0.05, MemoryShare: 1.0 / 60,
		Placements: []engine.Placement{{Pod: "shop/web", Node: "n2"}},
	}
	if d := cmp.Diff(want, f.Node, cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-9 })); d != "" {
		t.Errorf("removal (-want +got):\n%s", d)
	}
	if f.Target.Provider != "i-n1" || f.Target.Account != "111" || f.Target.Region != "eu-west-1" || f.Target.Kind != engine.KindNode {
		t.Errorf("target %+v", f.Target)
	}
	if f.Key != Key(engine.IdleNode, f.Target) || f.Group == "" {
		t.Errorf("key %q, group %q", f.Key, f.Group)
	}
	if !has(f.Caveats, "uncovered spend") {
		t.Errorf("no word of commitments: %q", f.Caveats)
	}
	if f.Confidence < 0.9 {
		t.Errorf("confidence %v", f.Confidence)
	}
	if got := skipped["n2"].Reason; got != skipReceives {
		t.Errorf("n2 is skipped for %q, want %q", got, skipReceives)
	}
	if got := skipped["n3"]; got.Reason != skipNoRoom || !strings.Contains(got.Detail, "shop/big-n3: of the other nodes") || !strings.Contains(got.Detail, "too little cpu") {
		t.Errorf("n3 is skipped for %q: %q", got.Reason, got.Detail)
	}
}

// Each case would leave n1 removable but for the one thing that it changes.
func TestNodeIsNotJudged(t *testing.T) {
	ready := func(s corev1.ConditionStatus) []corev1.NodeCondition {
		return []corev1.NodeCondition{{Type: corev1.NodeReady, Status: s}}
	}
	tests := map[string]struct {
		change func(w nodeWorld, n *Node)
		reason string
		detail string
	}{
		"control plane":          {func(_ nodeWorld, n *Node) { n.Labels["node-role.kubernetes.io/control-plane"] = "" }, skipControlPlane, ""},
		"control plane of old":   {func(_ nodeWorld, n *Node) { n.Labels["node-role.kubernetes.io/master"] = "" }, skipControlPlane, ""},
		"Fargate":                {func(_ nodeWorld, n *Node) { n.Labels["eks.amazonaws.com/compute-type"] = "fargate" }, skipServerless, ""},
		"cordoned":               {func(_ nodeWorld, n *Node) { n.Spec.Unschedulable = true }, skipLeaving, "cordoned"},
		"being deleted":          {func(w nodeWorld, n *Node) { n.DeletionTimestamp = &metav1.Time{Time: w.At} }, skipLeaving, "deleted"},
		"autoscaler takes it":    {func(_ nodeWorld, n *Node) { taint(n, "ToBeDeletedByClusterAutoscaler") }, skipLeaving, "ToBeDeleted"},
		"Karpenter takes it":     {func(_ nodeWorld, n *Node) { taint(n, "karpenter.sh/disrupted") }, skipLeaving, "disrupted"},
		"not ready":              {func(_ nodeWorld, n *Node) { n.Status.Conditions = ready(corev1.ConditionFalse) }, skipNotReady, ""},
		"silent":                 {func(_ nodeWorld, n *Node) { n.Status.Conditions = ready(corev1.ConditionUnknown) }, skipNotReady, ""},
		"young":                  {func(w nodeWorld, n *Node) { n.CreationTimestamp = metav1.NewTime(w.At.Add(-59 * time.Minute)) }, skipYoung, ""},
		"scale-down disabled":    {func(_ nodeWorld, n *Node) { annotate(&n.ObjectMeta, scaleDownDisabled, "true") }, skipKept, scaleDownDisabled},
		"do not disrupt":         {func(_ nodeWorld, n *Node) { annotate(&n.ObjectMeta, doNotDisrupt, "true") }, skipKept, doNotDisrupt},
		"protected from scaling": {func(w nodeWorld, _ *Node) { w.group().ProtectedIDs = []string{"i-n1"} }, skipProtected, ""},
		"group not known":        {func(w nodeWorld, _ *Node) { w.Accounts[0].Groups = nil }, skipGroupUnknown, "workers"},
		"account not known":      {func(w nodeWorld, n *Node) { w.Accounts = nil; delete(n.Labels, "eks.amazonaws.com/nodegroup") }, skipGroupUnknown, "account 111"},
		"groups not had": {func(w nodeWorld, n *Node) {
			w.Accounts[0] = Account{ID: "111", Region: "eu-west-1", Missing: []Part{PartGroups}}
			delete(n.Labels, "eks.amazonaws.com/nodegroup")
		}, skipGroupUnknown, "account 111"},
		"autoscaling group not had": {func(w nodeWorld, n *Node) {
			w.Accounts[0].Groups = nil
			delete(n.Labels, "eks.amazonaws.com/nodegroup")
		}, skipGroupUnknown, "eks-workers"},
		"group grows":  {func(w nodeWorld, _ *Node) { w.group().Desired++ }, skipResizing, "has 4 instances and wants 5"},
		"last of zone": {func(w nodeWorld, _ *Node) { w.node("n2").Labels[corev1.LabelTopologyZone] = "b" }, skipLastOfZone, "workers in a"},
		"last usable":  {func(w nodeWorld, _ *Node) { w.node("n2").Spec.Unschedulable = true }, skipLastOfZone, "workers in a"},
		"zone imbalance": {func(w nodeWorld, _ *Node) {
			w.addNode("n5", "b")
			w.pin()
			annotate(&w.addPod("big-n5", "n5", "2500m", "8Gi").ObjectMeta, doNotDisrupt, "true")
		}, skipZoneBalance, "2 in a and 3 in another"},
		"autoscaler at its minimum": {func(w nodeWorld, _ *Node) {
			w.autoscaler()
			w.group().Min = 4
		}, skipMinimum, "at least 4"},
		"autoscaler does it": {func(w nodeWorld, _ *Node) { w.autoscaler() }, skipSelfManaged, "cluster-autoscaler scales workers down"},
		"Karpenter does it": {func(w nodeWorld, _ *Node) {
			w.karpenter(NodePool{Name: "default", ConsolidationPolicy: "WhenEmptyOrUnderutilized", ConsolidateAfter: "30s", Budgets: []string{"10%"}})
		}, skipSelfManaged, "NodePool default"},
		"NodePool not known": {func(w nodeWorld, _ *Node) { w.karpenter(NodePool{Name: "default"}); w.cluster().NodePools = nil }, skipGroupUnknown, "NodePool default"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newNodeWorld(t)
			test.change(w, w.node("n1"))
			found, skipped := w.detect()
			if _, ok := found["n1"]; ok {
				t.Fatal("it is found")
			}
			if got := skipped["n1"]; got.Reason != test.reason || !strings.Contains(got.Detail, test.detail) {
				t.Errorf("skipped for %q: %q; want %q: %q", got.Reason, got.Detail, test.reason, test.detail)
			}
		})
	}
}

func taint(n *Node, key string) {
	n.Spec.Taints = append(n.Spec.Taints, corev1.Taint{Key: key, Effect: corev1.TaintEffectNoSchedule})
}

func annotate(o *metav1.ObjectMeta, key, value string) {
	if o.Annotations == nil {
		o.Annotations = map[string]string{}
	}
	o.Annotations[key] = value
}

func TestIncompleteClusterSaysNothing(t *testing.T) {
	w := newNodeWorld(t)
	w.cluster().Complete = false
	if findings, skips := (Nodes{}).Detect(w.Snapshot, DefaultRules()); len(findings)+len(skips) > 0 {
		t.Errorf("%d findings, %d skips of a cluster that was not read whole", len(findings), len(skips))
	}
}

func TestNodeLever(t *testing.T) {
	tests := map[string]struct {
		change     func(w nodeWorld)
		controller string
		lever      string
	}{
		"managed, above its minimum":                    {func(nodeWorld) {}, byManaged, "desiredSize of managed node group workers: 4 to 3; its minSize of 1 allows that. terraform-aws-modules"},
		"managed, at its minimum":                       {func(w nodeWorld) { w.group().Min = 4 }, byManaged, "minSize of managed node group workers: 4 to 3, and desiredSize: 4 to 3. terraform-aws-modules"},
		"managed, tagged by EKS but no autoscaler runs": {func(w nodeWorld) { w.group().Autodiscovery = true }, byManaged, "desiredSize of managed node group"},
		"managed, its autoscaler is at no replicas": {func(w nodeWorld) {
			w.autoscaler()
			w.cluster().Deployments[0].Spec.Replicas = new(int32)
		}, byManaged, "desiredSize of managed node group"},
		"plain": {func(w nodeWorld) {
			*w.group() = NodeGroup{Name: "asg", Autoscaling: "asg", Min: 2, Desired: 4, Instances: w.group().Instances}
			for _, n := range w.cluster().Nodes {
				delete(n.Labels, "eks.amazonaws.com/nodegroup")
			}
		}, byASG, "desired capacity of autoscaling group asg: 4 to 3; its minimum size of 2 allows that."},
		"autoscaler leaves it, for much is asked of it": {func(w nodeWorld) {
			w.autoscaler()
			asks(&w.pod("big-n2").Spec.Containers[0], "1", "2Gi")
			asks(&w.pod("web").Spec.Containers[0], "2100m", "1Gi")
			annotate(&w.pod("big-n2").ObjectMeta, doNotDisrupt, "true")
		}, byAutoscaler, "--scale-down-utilization-threshold"},
		"Karpenter, when empty": {func(w nodeWorld) {
			w.karpenter(NodePool{Name: "default", ConsolidationPolicy: "WhenEmpty", ConsolidateAfter: "30s"})
		}, byKarpenter, "NodePool default: consolidationPolicy, WhenEmpty now"},
		"Karpenter, never": {func(w nodeWorld) {
			w.karpenter(NodePool{Name: "default", ConsolidationPolicy: "WhenEmptyOrUnderutilized", ConsolidateAfter: "Never"})
		}, byKarpenter, "NodePool default: consolidateAfter, Never now"},
		"Karpenter, no budget": {func(w nodeWorld) {
			w.karpenter(NodePool{Name: "default", ConsolidationPolicy: "WhenEmptyOrUnderutilized", ConsolidateAfter: "0s", Budgets: []string{"0"}})
		}, byKarpenter, "NodePool default: disruption budgets, 0 nodes now"},
		"nobody": {func(w nodeWorld) {
			w.karpenter(NodePool{})
			for _, n := range w.cluster().Nodes {
				delete(n.Labels, "karpenter.sh/nodepool")
			}
		}, byNobody, "Node n1 belongs to no group"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newNodeWorld(t)
			test.change(w)
			found, skipped := w.detect()
			f, ok := found["n1"]
			if !ok {
				t.Fatalf("n1 is not found: %+v", skipped["n1"])
			}
			if f.Node.Controller != test.controller || !strings.HasPrefix(f.Lever, test.lever) {
				t.Errorf("controller %q, lever %q; want %q, %q", f.Node.Controller, f.Lever, test.controller, test.lever)
			}
		})
	}
}

// A lever counts all nodes of the group that can go, and none that people do not want to hear of.
func TestLeverCountsTheGroup(t *testing.T) {
	w := newNodeWorld(t)
	w.addNode("n5", "a")
	w.addNode("n6", "b")
	w.pin()
	found, skipped := w.detect()
	if len(found) != 3 {
		t.Fatalf("found %d nodes, want n1, n5 and n6: %v", len(found), skipped)
	}
	for name, f := range found {
		if !strings.HasPrefix(f.Lever, "desiredSize of managed node group workers: 6 to 3;") {
			t.Errorf("%s: lever %q", name, f.Lever)
		}
	}
	w.Muted = map[string]bool{found["n5"].Key: true}
	found, _ = w.detect()
	if got := found["n1"].Lever; !strings.HasPrefix(got, "desiredSize of managed node group workers: 6 to 4;") {
		t.Errorf("lever with n5 muted: %q", got)
	}
}

// newTwins is a cluster of which n1 or n5 could go, but not both.
func newTwins(t *testing.T) nodeWorld {
	w := newNodeWorld(t)
	w.addNode("n5", "a")
	w.addPod("twin", "n5", "1200m", "3Gi")
	asks(&w.pod("web").Spec.Containers[0], "1200m", "3Gi")
	for _, n := range []string{"n2", "n3", "n4"} {
		asks(&w.pod("big-" + n).Spec.Containers[0], "3100m", "12Gi")
	}
	return w
}

func TestMutedNodeStandsInNobodysWay(t *testing.T) {
	w := newTwins(t)
	found, skipped := w.detect()
	if _, ok := found["n1"]; !ok || len(found) != 1 {
		t.Fatalf("found %v, want n1 alone: %v", len(found), skipped)
	}
	w.Muted = map[string]bool{found["n1"].Key: true}
	if found, skipped = w.detect(); found["n5"].Key == "" || len(found) != 1 {
		t.Errorf("with n1 muted found %d, want n5 alone: %v", len(found), skipped)
	}
}

func TestDearestNodeGoesFirst(t *testing.T) {
	w := newTwins(t)
	w.node("n5").Price.PerHour = engine.Dollars(0.3)
	if found, skipped := w.detect(); found["n5"].Key == "" || len(found) != 1 {
		t.Errorf("found %d, want n5 alone: %v", len(found), skipped)
	}
}

// n1 in the zone of three becomes removable once a node of the fuller zone is gone.
func TestZoneBalanceIsLookedAtAgain(t *testing.T) {
	w := newNodeWorld(t)
	w.addNode("n5", "b")
	w.addPod("idle", "n5", "1", "3Gi")
	w.pin()
	found, skipped := w.detect()
	if found["n1"].Key == "" || found["n5"].Key == "" {
		t.Errorf("found %d, want n1 and n5: %v", len(found), skipped)
	}
	annotate(&w.pod("idle").ObjectMeta, doNotDisrupt, "true")
	if _, skipped = w.detect(); skipped["n1"].Reason != skipZoneBalance {
		t.Errorf("with n5 kept, n1 is skipped for %q", skipped["n1"].Reason)
	}
	w.group().Suspended = []string{"AZRebalance"}
	if found, skipped = w.detect(); found["n1"].Key == "" {
		t.Errorf("without AZRebalance n1 is not found: %v", skipped)
	}
}

func TestHeadroomIsLeft(t *testing.T) {
	tests := map[string]struct {
		change func(w nodeWorld)
		detail string
	}{
		"a tenth": {func(w nodeWorld) {
			// 14 of 15 GiB are asked for on each of three nodes: 3 GiB are free, and a tenth is 4.5.
			for _, n := range w.targets() {
				asks(&w.pod("big-" + n.Name).Spec.Containers[0], "500m", "2Gi")
				for i := range 6 {
					w.addPod(fmt.Sprintf("also-%s-%d", n.Name, i), n.Name, "10m", "2Gi")
				}
			}
		}, "memory of 2816Mi is left, and 4608Mi is wanted"},
		"the largest pod": {func(w nodeWorld) {
			for _, n := range w.targets() {
				asks(&w.pod("big-" + n.Name).Spec.Containers[0], "3", "8Gi")
			}
		}, "cpu of 2800m is left, and 3 is wanted"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newNodeWorld(t)
			test.change(w)
			_, skipped := w.detect()
			if got := skipped["n1"]; got.Reason != skipHeadroom || !strings.Contains(got.Detail, test.detail) {
				t.Errorf("skipped for %q: %q; want %q", got.Reason, got.Detail, test.detail)
			}
		})
	}
}

func TestRoomOfOtherTaintsIsNoHeadroom(t *testing.T) {
	w := newNodeWorld(t)
	for _, n := range w.targets() {
		asks(&w.pod("big-" + n.Name).Spec.Containers[0], "3", "8Gi")
	}
	gpu := w.addNode("gpu", "a")
	annotate(&gpu.ObjectMeta, doNotDisrupt, "true")
	if found, skipped := w.detect(); found["n1"].Key == "" {
		t.Fatalf("with one more node n1 is not found: %v", skipped["n1"])
	}
	taint(gpu, "nvidia.com/gpu")
	if _, skipped := w.detect(); skipped["n1"].Reason != skipHeadroom {
		t.Errorf("skipped for %q: %q; want %q", skipped["n1"].Reason, skipped["n1"].Detail, skipHeadroom)
	}
}

func TestNodeWithoutPrice(t *testing.T) {
	w := newNodeWorld(t)
	w.node("n1").Price = engine.NodePrice{}
	found, _ := w.detect()
	f := found["n1"]
	if f.Key == "" || f.Monthly != 0 || f.Whole != 0 || !has(f.Caveats, "price of m5.xlarge is not known") {
		t.Errorf("monthly %s, caveats %q", f.Monthly, f.Caveats)
	}
}

func TestNodeRisks(t *testing.T) {
	tests := map[string]struct {
		change func(w nodeWorld)
		risk   engine.Risk
		says   string
	}{
		"only replica": {func(nodeWorld) {}, engine.RiskMedium, "only replica is away while it moves: shop/web"},
		"job": {func(w nodeWorld) {
			w.cluster().Jobs = append(w.cluster().Jobs, jobOf("web-job", nil))
			ownedBy(w.pod("web"), "Job", "web-job")
		}, engine.RiskMedium, "begin again from the start: shop/web"},
		"onto spot": {func(w nodeWorld) {
			for i := range w.Accounts[0].Instances {
				w.Accounts[0].Instances[i].Spot = i > 0
			}
		}, engine.RiskMedium, "would fit on Spot: shop/web"},
		"one more node lost": {func(w nodeWorld) {
			for _, n := range w.targets() {
				asks(&w.pod("big-" + n.Name).Spec.Containers[0], "2700m", "8Gi")
			}
		}, engine.RiskMedium, "failed as well"},
		"terminate suspended": {func(w nodeWorld) { w.group().Suspended = []string{"Terminate"} }, engine.RiskMedium, "process Terminate suspended"},
		"memory peaks": {func(w nodeWorld) {
			w.cluster().ReplicaSets = []*appsv1.ReplicaSet{}
			w.cluster().Usage = map[ContainerKey]Usage{
				{"shop", "ReplicaSet", "big-n2-5d9f", "main"}: {Peaks: []Peak{{Memory: 15 << 30}}},
			}
		}, engine.RiskHigh, "would lack memory: 15.2 of 15.0 GiB"},
		"CPU peaks": {func(w nodeWorld) {
			w.cluster().Usage = map[ContainerKey]Usage{
				{"shop", "ReplicaSet", "big-n2-5d9f", "main"}: {CPU: Series{Step: time.Minute, Max: []float32{3.9}, Pods: []uint16{1}}},
			}
		}, engine.RiskMedium, "would lack CPU: 4.1 of 4.0 cores"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newNodeWorld(t)
			test.change(w)
			found, skipped := w.detect()
			f := found["n1"]
			if f.Key == "" {
				t.Fatalf("n1 is not found: %v", skipped["n1"])
			}
			if f.Risk != test.risk || !has(f.Risks, test.says) {
				t.Errorf("risk %s, %q; want %s and %q", f.Risk, f.Risks, test.risk, test.says)
			}
		})
	}
}

func TestNodeConfidenceFalls(t *testing.T) {
	sure := func(w nodeWorld) float64 {
		found, skipped := w.detect()
		if found["n1"].Key == "" {
			w.t.Fatalf("n1 is not found: %v", skipped["n1"])
		}
		return found["n1"].Confidence
	}
	base := sure(newNodeWorld(t))
	for name, change := range map[string]func(w nodeWorld){
		"no usage":    func(w nodeWorld) { w.cluster().Missing = []Part{PartUsage} },
		"a minimum":   func(w nodeWorld) { w.group().Min = 4 },
		"a day old":   func(w nodeWorld) { w.node("n1").CreationTimestamp = metav1.NewTime(w.At.Add(-day)) },
		"Spot prices": func(w nodeWorld) { w.Accounts[0].Instances[0].Spot = true },
	} {
		w := newNodeWorld(t)
		change(w)
		if got := sure(w); got >= base {
			t.Errorf("%s: confidence %v is not below %v", name, got, base)
		}
	}
}

func TestSpotNodeIsUnderNoCommitment(t *testing.T) {
	w := newNodeWorld(t)
	w.Accounts[0].Instances[0].Spot = true
	found, _ := w.detect()
	if f := found["n1"]; !f.Node.Spot || has(f.Caveats, "uncovered spend") {
		t.Errorf("spot %v, caveats %q", f.Node.Spot, f.Caveats)
	}
}

// Of four nodes one goes: the bill falls while the commitments for the others are all still used.
func TestNodeUnderCommitmentsIsCashAsFarAsTheyLeave(t *testing.T) {
	for name, c := range map[string]struct {
		covered float64
		spot    bool
		want    bool
	}{
		"nothing known":   {0, false, true},
		"three of four":   {0.75, false, true},
		"four of five":    {0.8, false, false},
		"all":             {1, false, false},
		"all but of Spot": {1, true, true},
	} {
		w := newNodeWorld(t)
		w.node("n1").Price.Basis = engine.PriceBasis{Source: engine.PriceEffective, Ratio: 0.7, Covered: c.covered}
		w.Accounts[0].Instances[0].Spot = c.spot
		found, skipped := w.detect()
		f, ok := found["n1"]
		if !ok || f.Cash != c.want || has(f.Caveats, "paid for nothing") == c.want {
			t.Errorf("%s: found %v, cash %v, want %v: %q %+v", name, ok, f.Cash, c.want, f.Caveats, skipped["n1"])
		}
	}
}

// Who terminates an instance of a group that the snapshot does not show has another one started.
func TestInstanceThatNobodyListsBelongsToNobodyKnows(t *testing.T) {
	for name, change := range map[string]func(w nodeWorld){
		"no account is configured": func(w nodeWorld) { w.cluster().Account, w.Accounts = "", nil },
		"the account has another":  func(w nodeWorld) { w.Accounts[0].Instances, w.Accounts[0].Groups = w.Accounts[0].Instances[1:], nil },
	} {
		w := newNodeWorld(t)
		change(w)
		delete(w.node("n1").Labels, "eks.amazonaws.com/nodegroup")
		if _, skipped := w.detect(); skipped["n1"].Reason != skipGroupUnknown {
			t.Errorf("%s: skipped for %+v, want %q", name, skipped["n1"], skipGroupUnknown)
		}
	}
}
