package waste

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
)

// randomWorld draws a cluster of a few nodes in up to three zones, with pods of a few apps, and what can be in the way.
func randomWorld(t *testing.T, r *rapid.T) nodeWorld {
	w := nodeWorld{&Snapshot{
		At:       nodeNow,
		Clusters: []Cluster{{Name: "prod", Account: "111", Region: "eu-west-1", Complete: true}},
		Accounts: []Account{{ID: "111", Region: "eu-west-1", Groups: []NodeGroup{{Name: "workers", Managed: true, Min: 1}}}},
	}, t}
	w.cluster().Namespaces = []*corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}}
	zones := []string{"a", "b", "c"}[:rapid.IntRange(1, 3).Draw(r, "zones")]
	for i := range rapid.IntRange(2, 9).Draw(r, "nodes") {
		n := w.addNode(fmt.Sprintf("n%d", i), rapid.SampledFrom(zones).Draw(r, "zone"))
		n.Status.Allocatable[corev1.ResourcePods] = *resource.NewQuantity(rapid.Int64Range(3, 12).Draw(r, "pods"), resource.DecimalSI)
		n.Price.PerHour = engine.MicroUSD(rapid.Int64Range(1, 3).Draw(r, "price"))
		switch rapid.IntRange(0, 9).Draw(r, "oddity") {
		case 0:
			taint(n, "db")
		case 1:
			n.Spec.Unschedulable = true
		case 2:
			n.Status.Conditions[0].Status = corev1.ConditionUnknown
		}
	}
	for i := range rapid.IntRange(1, 40).Draw(r, "pods of all") {
		app := rapid.SampledFrom([]string{"api", "web", "db", "job"}).Draw(r, "app")
		node := rapid.SampledFrom(w.cluster().Nodes).Draw(r, "node").Name
		if rapid.IntRange(0, 19).Draw(r, "waits") == 0 {
			node = ""
		}
		p := w.addPod(fmt.Sprintf("%s-%d", app, i), node, "0", "0")
		p.Labels = map[string]string{"app": app}
		asksMore(p, corev1.ResourceCPU, fmt.Sprintf("%dm", rapid.IntRange(0, 15).Draw(r, "cpu")*100))
		asksMore(p, corev1.ResourceMemory, fmt.Sprintf("%dMi", rapid.IntRange(0, 15).Draw(r, "memory")*256))
	}
	// What an app wants, all its pods want.
	for _, app := range []string{"api", "web", "db", "job"} {
		like := map[string]string{"app": app}
		want := rapid.IntRange(0, 9).Draw(r, "want of "+app)
		allowed := rapid.Int32Range(0, 3).Draw(r, "allowed for "+app)
		if want < 6 && allowed > 0 {
			w.addBudget(app, like, allowed)
		}
		for _, p := range w.cluster().Pods {
			if p.Labels["app"] != app {
				continue
			}
			switch want {
			case 0:
				p.Spec.Affinity = awayFrom(podTerm(corev1.LabelHostname, like))
			case 1:
				p.Spec.Affinity = awayFrom(podTerm(corev1.LabelTopologyZone, map[string]string{"app": "web"}))
			case 2:
				p.Spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{
					TopologyKey: corev1.LabelTopologyZone, MaxSkew: 1, WhenUnsatisfiable: corev1.DoNotSchedule, LabelSelector: &metav1.LabelSelector{MatchLabels: like},
				}}
			case 3:
				p.Spec.NodeSelector = map[string]string{corev1.LabelTopologyZone: "a"}
			case 4:
				p.Spec.Tolerations = []corev1.Toleration{{Key: "db", Operator: corev1.TolerationOpExists}}
			case 5:
				portOn(p, "", 9000)
			case 6:
				p.Spec.Affinity = beside(podTerm(corev1.LabelTopologyZone, map[string]string{"app": "api"}))
			}
		}
	}
	return w
}

// oracle is the cluster as plain maps, and its rules written once more, with none of the code that is tested.
type oracle struct {
	nodes map[string]*corev1.Node
	pods  map[string]*corev1.Pod
	at    map[string]string // node by pod
}

func newOracle(w nodeWorld) oracle {
	o := oracle{map[string]*corev1.Node{}, map[string]*corev1.Pod{}, map[string]string{}}
	for _, n := range w.cluster().Nodes {
		o.nodes[n.Name] = n.Node
	}
	for _, p := range w.cluster().Pods {
		o.pods[p.Name] = p
		if p.Spec.NodeName != "" {
			o.at[p.Name] = p.Spec.NodeName
		}
	}
	return o
}

func (o oracle) zone(pod string) string { return o.nodes[o.at[pod]].Labels[corev1.LabelTopologyZone] }

// wrong says which rule a pod breaks where it stands now.
func (o oracle) wrong(pod string) string {
	p, n := o.pods[pod], o.nodes[o.at[pod]]
	if n == nil {
		return "stands on no node that there is"
	}
	if n.Spec.Unschedulable || n.Status.Conditions[0].Status != corev1.ConditionTrue {
		return "stands on a node that takes no pods"
	}
	if len(n.Spec.Taints) > 0 && len(p.Spec.Tolerations) == 0 {
		return "does not tolerate " + n.Spec.Taints[0].Key
	}
	if want := p.Spec.NodeSelector[corev1.LabelTopologyZone]; want != "" && n.Labels[corev1.LabelTopologyZone] != want {
		return "is in the wrong zone"
	}
	var cpu, memory, count int64
	near := p.Spec.Affinity == nil || p.Spec.Affinity.PodAffinity == nil
	kind := map[string]int{}
	for _, m := range o.nodes {
		if want := p.Spec.NodeSelector[corev1.LabelTopologyZone]; want == "" || want == m.Labels[corev1.LabelTopologyZone] {
			kind[m.Labels[corev1.LabelTopologyZone]] += 0
		}
	}
	apis := 0
	for other, at := range o.at {
		q := o.pods[other]
		if at == n.Name {
			cpu += q.Spec.Containers[0].Resources.Requests.Cpu().MilliValue()
			memory += q.Spec.Containers[0].Resources.Requests.Memory().Value()
			count++
			if other != pod && len(p.Spec.Containers[0].Ports) > 0 && len(q.Spec.Containers[0].Ports) > 0 {
				return "shares a host port with " + other
			}
		}
		if q.Labels["app"] == p.Labels["app"] {
			kind[o.zone(other)]++
		}
		if q.Labels["app"] == "api" && other != pod {
			apis++
			near = near || o.zone(other) == o.zone(pod)
		}
		if other != pod && (o.shuns(p, q, pod, other) || o.shuns(q, p, other, pod)) {
			return "stands too close to " + other
		}
	}
	// A pod that asks for none of a resource may stand where there is none left.
	a, asked := n.Status.Allocatable, p.Spec.Containers[0].Resources.Requests
	if !asked.Cpu().IsZero() && cpu > a.Cpu().MilliValue() || !asked.Memory().IsZero() && memory > a.Memory().Value() || count > a.Pods().Value() {
		return fmt.Sprintf("stands on a full node: %dm, %d bytes, %d pods", cpu, memory, count)
	}
	if !near && (apis > 0 || p.Labels["app"] != "api") {
		return "has no api near"
	}
	if len(p.Spec.TopologySpreadConstraints) > 0 {
		least := kind[o.zone(pod)]
		for _, n := range kind {
			least = min(least, n)
		}
		if kind[o.zone(pod)]-least > 1 {
			return fmt.Sprintf("skews its zones: %v", kind)
		}
	}
	return ""
}

// shuns tells whether the anti-affinity of p keeps q away from where they stand.
func (o oracle) shuns(p, q *corev1.Pod, pod, other string) bool {
	if p.Spec.Affinity == nil || p.Spec.Affinity.PodAntiAffinity == nil {
		return false
	}
	term := p.Spec.Affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution[0]
	if term.LabelSelector.MatchLabels["app"] != q.Labels["app"] {
		return false
	}
	if term.TopologyKey == corev1.LabelHostname {
		return o.at[pod] == o.at[other]
	}
	return o.zone(pod) == o.zone(other)
}

// follow carries a finding out, and holds every placement against the rules.
func (o oracle) follow(r *rapid.T, w nodeWorld, f engine.Finding) {
	source := f.Target.Name
	var moved []string
	for _, p := range f.Node.Placements {
		_, pod, _ := strings.Cut(p.Pod, "/")
		if at := o.at[pod]; at != source && (at != "" || o.pods[pod].Spec.NodeName != "") {
			r.Fatalf("%s is moved from %s, and stands on %s", pod, source, o.at[pod])
		}
		if o.nodes[p.Node] == nil || p.Node == source {
			r.Fatalf("%s is put onto %s, which is gone", pod, p.Node)
		}
		moved = append(moved, pod)
	}
	evicted := map[string]int32{}
	for _, pod := range moved {
		evicted[o.pods[pod].Labels["app"]]++
	}
	for _, b := range w.cluster().Budgets {
		if evicted[b.Name] > b.Status.DisruptionsAllowed {
			r.Fatalf("%d pods of %s are evicted, and %d may be", evicted[b.Name], b.Name, b.Status.DisruptionsAllowed)
		}
	}
	for i, pod := range moved {
		o.at[pod] = f.Node.Placements[i].Node
	}
	for pod, at := range o.at {
		if at == source {
			r.Fatalf("%s is left on %s", pod, source)
		}
	}
	delete(o.nodes, source)
	for _, pod := range moved {
		if why := o.wrong(pod); why != "" {
			r.Fatalf("after %s is gone, %s on %s %s", source, pod, o.at[pod], why)
		}
	}
}

// waiters are placed first, by the tested code and out of sight: the oracle lets them be wherever a proof moves them from.
func TestPlacementsKeepEveryRule(t *testing.T) {
	removed := 0
	rapid.Check(t, func(r *rapid.T) {
		w := randomWorld(t, r)
		findings, skips := Nodes{}.Detect(w.Snapshot, DefaultRules())
		if len(findings)+len(skips) != len(w.cluster().Nodes) {
			r.Fatalf("%d findings and %d skips of %d nodes", len(findings), len(skips), len(w.cluster().Nodes))
		}
		again, skipsAgain := Nodes{}.Detect(w.Snapshot, DefaultRules())
		if d := cmp.Diff(findings, again) + cmp.Diff(skips, skipsAgain); d != "" {
			r.Fatalf("a second look differs:\n%s", d)
		}
		o := newOracle(w)
		gone := map[string]bool{}
		for _, f := range findings {
			gone[f.Target.Name] = true
			o.follow(r, w, f)
		}
		for _, f := range findings {
			for _, p := range f.Node.Placements {
				if gone[p.Node] {
					r.Fatalf("%s is put onto %s, which is to go", p.Pod, p.Node)
				}
			}
		}
		removed += len(findings)
	})
	if removed < 20 {
		t.Errorf("only %d nodes were removed in all: the clusters are too full to prove anything", removed)
	}
}

// The order in which a cluster is listed changes nothing.
func TestOrderOfListsDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := randomWorld(t, r)
		findings, _ := Nodes{}.Detect(w.Snapshot, DefaultRules())
		slices.Reverse(w.cluster().Nodes)
		slices.Reverse(w.cluster().Pods)
		slices.Reverse(w.Accounts[0].Instances)
		again, _ := Nodes{}.Detect(w.Snapshot, DefaultRules())
		if d := cmp.Diff(findings, again); d != "" {
			r.Fatalf("the other way round:\n%s", d)
		}
	})
}

// BenchmarkNodes judges 500 nodes with 10,000 pods, of which half the apps spread over zones and a quarter keep their replicas apart.
func BenchmarkNodes(b *testing.B) {
	w := newNodeWorld(nil)
	c := w.cluster()
	c.Nodes, c.Pods, w.Accounts[0].Instances, w.group().Instances, w.group().Desired = nil, nil, nil, nil, 0
	for i := range 500 {
		w.addNode(fmt.Sprintf("n%03d", i), string(rune('a'+i%3)))
	}
	for i := range 10_000 {
		app := i % 500
		p := w.addPod(fmt.Sprintf("app%03d-%05d", app, i), fmt.Sprintf("n%03d", (i*7+i/500)%500), "100m", "256Mi")
		p.Namespace = fmt.Sprintf("ns%02d", app%50)
		p.Labels = map[string]string{"app": fmt.Sprint(app)}
		like := &metav1.LabelSelector{MatchLabels: p.Labels}
		if app%2 == 0 {
			p.Spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{
				TopologyKey: corev1.LabelTopologyZone, MaxSkew: 2, WhenUnsatisfiable: corev1.DoNotSchedule, LabelSelector: like,
			}}
		}
		if app%4 == 0 {
			p.Spec.Affinity = awayFrom(podTerm(corev1.LabelHostname, p.Labels))
		}
	}
	for b.Loop() {
		findings, _ := Nodes{}.Detect(w.Snapshot, DefaultRules())
		b.ReportMetric(float64(len(findings)), "removable")
	}
}
