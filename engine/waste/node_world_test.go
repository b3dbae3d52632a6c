package waste

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/eks-autopilot/autopilot/engine"
)

var nodeNow = time.Date(2026, 11, 18, 12, 0, 0, 0, time.UTC)

// nodeWorld is a cluster of four nodes of a managed node group, two in each of two zones. Only n1 can go: it holds one small pod,
// "web", and every other holds a pod that fits beside no other.
type nodeWorld struct {
	*Snapshot
	t *testing.T
}

func newNodeWorld(t *testing.T) nodeWorld {
	w := nodeWorld{&Snapshot{
		At:       nodeNow,
		Clusters: []Cluster{{Name: "prod", EKSName: "prod-eks", Account: "111", Region: "eu-west-1", Complete: true}},
		Accounts: []Account{{ID: "111", Region: "eu-west-1", Groups: []NodeGroup{{
			Name: "workers", Managed: true, Autoscaling: "eks-workers", Cluster: "prod-eks", Min: 1, Max: 9, Zones: []string{"a", "b"},
		}}}},
	}, t}
	for _, ns := range []string{"shop", "kube-system"} {
		w.cluster().Namespaces = append(w.cluster().Namespaces, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns, Labels: map[string]string{"name": ns}}})
	}
	for i, zone := range []string{"a", "a", "b", "b"} {
		w.addNode(fmt.Sprintf("n%d", i+1), zone)
	}
	for _, n := range []string{"n2", "n3", "n4"} {
		w.addPod("big-"+n, n, "2500m", "8Gi")
	}
	w.addPod("web", "n1", "200m", "256Mi")
	return w
}

// pin keeps the big pods where they are.
func (w nodeWorld) pin() {
	for _, n := range w.targets() {
		annotate(&w.pod("big-"+n.Name).ObjectMeta, doNotDisrupt, "true")
	}
}

func (w nodeWorld) cluster() *Cluster { return &w.Clusters[0] }

func (w nodeWorld) group() *NodeGroup { return &w.Accounts[0].Groups[0] }

func (w nodeWorld) addNode(name, zone string) *Node {
	id := "i-" + name
	n := Node{InstanceID: id, Node: &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, CreationTimestamp: metav1.NewTime(nodeNow.Add(-30 * day)),
			Labels: map[string]string{
				corev1.LabelHostname: name, corev1.LabelTopologyZone: zone, corev1.LabelInstanceTypeStable: "m5.xlarge", "eks.amazonaws.com/nodegroup": "workers",
			},
		},
		Status: corev1.NodeStatus{
			Allocatable: corev1.ResourceList{
				corev1.ResourceCPU: resource.MustParse("4"), corev1.ResourceMemory: resource.MustParse("15Gi"),
				corev1.ResourcePods: resource.MustParse("58"), corev1.ResourceEphemeralStorage: resource.MustParse("50Gi"),
			},
			Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
		},
	}}
	n.Price = engine.NodePrice{PerHour: engine.Dollars(0.2), Basis: engine.PriceBasis{Source: engine.PriceList}}
	w.cluster().Nodes = append(w.cluster().Nodes, n)
	g := w.group()
	g.Instances, g.Desired = append(g.Instances, id), g.Desired+1
	w.Accounts[0].Instances = append(w.Accounts[0].Instances, Instance{ID: id, Type: "m5.xlarge", Zone: zone, Group: "eks-workers", State: "running"})
	return &w.cluster().Nodes[len(w.cluster().Nodes)-1]
}

// addPod adds a running pod of a ReplicaSet of its own name.
func (w nodeWorld) addPod(name, node, cpu, memory string) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: name, UID: types.UID(name), Labels: map[string]string{"app": name}, CreationTimestamp: metav1.NewTime(nodeNow.Add(-9 * day)),
		},
		Spec: corev1.PodSpec{NodeName: node, SchedulerName: corev1.DefaultSchedulerName, Containers: []corev1.Container{{Name: "main"}}},
	}
	asks(&p.Spec.Containers[0], cpu, memory)
	ownedBy(p, "ReplicaSet", name+"-5d9f")
	p.Status.Phase = corev1.PodRunning
	if node == "" {
		p.Status.Phase = corev1.PodPending
	}
	w.cluster().Pods = append(w.cluster().Pods, p)
	return p
}

func asks(c *corev1.Container, cpu, memory string) {
	c.Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory)}
}

func ownedBy(p *corev1.Pod, kind, name string) {
	yes := true
	p.OwnerReferences = []metav1.OwnerReference{{Kind: kind, Name: name, UID: types.UID(kind + name), Controller: &yes}}
}

func (w nodeWorld) pod(name string) *corev1.Pod {
	w.t.Helper()
	i := slices.IndexFunc(w.cluster().Pods, func(p *corev1.Pod) bool { return p.Name == name })
	if i < 0 {
		w.t.Fatalf("no pod %s", name)
	}
	return w.cluster().Pods[i]
}

func (w nodeWorld) node(name string) *Node {
	w.t.Helper()
	i := slices.IndexFunc(w.cluster().Nodes, func(n Node) bool { return n.Name == name })
	if i < 0 {
		w.t.Fatalf("no node %s", name)
	}
	return &w.cluster().Nodes[i]
}

// targets are the nodes that web could go to.
func (w nodeWorld) targets() []*Node { return []*Node{w.node("n2"), w.node("n3"), w.node("n4")} }

func (w nodeWorld) addBudget(name string, selector map[string]string, allowed int32) *policyv1.PodDisruptionBudget {
	b := &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name},
		Spec:       policyv1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{MatchLabels: selector}},
		Status:     policyv1.PodDisruptionBudgetStatus{DisruptionsAllowed: allowed},
	}
	w.cluster().Budgets = append(w.cluster().Budgets, b)
	return b
}

// addVolume gives a pod a claim, bound to a volume of the EBS driver in a zone.
func (w nodeWorld) addVolume(p *corev1.Pod, claim, zone string) *corev1.PersistentVolume {
	p.Spec.Volumes = append(p.Spec.Volumes, corev1.Volume{Name: claim, VolumeSource: corev1.VolumeSource{
		PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim},
	}})
	w.cluster().Claims = append(w.cluster().Claims, &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: claim},
		Spec:       corev1.PersistentVolumeClaimSpec{VolumeName: "pv-" + claim, AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}},
	})
	pv := &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: "pv-" + claim},
		Spec: corev1.PersistentVolumeSpec{
			PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: ebsDriver, VolumeHandle: "vol-" + claim}},
			NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
				MatchExpressions: []corev1.NodeSelectorRequirement{{Key: corev1.LabelTopologyZone, Operator: corev1.NodeSelectorOpIn, Values: []string{zone}}},
			}}}},
		},
	}
	w.cluster().Volumes = append(w.cluster().Volumes, pv)
	return pv
}

// karpenter makes the nodes those of a NodePool.
func (w nodeWorld) karpenter(pool NodePool) {
	for _, n := range w.cluster().Nodes {
		delete(n.Labels, "eks.amazonaws.com/nodegroup")
		n.Labels["karpenter.sh/nodepool"] = pool.Name
	}
	w.Accounts[0].Groups = nil
	for i := range w.Accounts[0].Instances {
		w.Accounts[0].Instances[i].Group = ""
	}
	w.cluster().NodePools = []NodePool{pool}
}

// autoscaler runs cluster-autoscaler in the cluster.
func (w nodeWorld) autoscaler() {
	w.group().Autodiscovery = true
	w.cluster().Deployments = append(w.cluster().Deployments, &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "cluster-autoscaler"}})
}

// detect gives the findings by node, and the skips.
func (w nodeWorld) detect() (map[string]engine.Finding, map[string]Skip) {
	w.t.Helper()
	findings, skips := Nodes{}.Detect(w.Snapshot, DefaultRules())
	found, skipped := map[string]engine.Finding{}, map[string]Skip{}
	for _, f := range findings {
		found[f.Target.Name] = f
	}
	for _, s := range skips {
		if s.Key == "" || s.Kind != engine.IdleNode || s.Reason == "" {
			w.t.Errorf("a skip of nothing: %+v", s)
		}
		if _, twice := skipped[s.Target.Name]; twice {
			w.t.Errorf("%s is skipped twice", s.Target.Name)
		}
		skipped[s.Target.Name] = s
	}
	for _, n := range w.cluster().Nodes {
		_, f := found[n.Name]
		_, s := skipped[n.Name]
		if f == s {
			w.t.Errorf("%s: found %v, skipped %v; want one of them", n.Name, f, s)
		}
	}
	return found, skipped
}

func has(texts []string, part string) bool {
	return slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(s, part) })
}
