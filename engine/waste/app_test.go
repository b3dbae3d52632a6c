package waste

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apiresource "k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

// noon is when the snapshots of these tests are taken: a Wednesday.
var noon = time.Date(2026, 11, 18, 12, 0, 0, 0, time.UTC)

const testStep = 15 * time.Minute

// app is a workload of one main container, four pods of it on two nodes, that asks for far more than it uses. Tests change what
// they are about.
type app struct {
	kind, namespace, name string
	labels                map[string]string
	replicas              int
	box                   corev1.Container   // the main one
	beside                []corev1.Container // others
	first                 []corev1.Container // init containers
	pod                   func(*corev1.Pod)  // what is done to each pod after it was made from the template
	days                  float64            // of history
	born                  time.Duration      // age of the newest revision
	cpu, memory           func(t time.Time) float64
	usage                 func(*Usage)     // of the main container
	alter                 func(c *Cluster) // the cluster, at the end
	snapshot              func(s *Snapshot)
}

func newApp() app {
	return app{
		kind: kindDeployment, namespace: "shop", name: "api", replicas: 4, days: 36, born: 90 * day,
		box:    box("api", "1000m", "2Gi", "", "2Gi"),
		cpu:    func(t time.Time) float64 { return 0.2 + 0.05*wave(t) },
		memory: func(t time.Time) float64 { return (500 + 20*wave(t)) * mib },
	}
}

// wave goes up and down once a day, between 0 and 1.
func wave(t time.Time) float64 {
	return (1 + math.Sin(2*math.Pi*float64(t.Unix()%86400)/86400)) / 2
}

// box is a container with requests and limits; "" for none.
func box(name, cpu, memory, cpuLimit, memoryLimit string) corev1.Container {
	c := corev1.Container{Name: name, Image: "registry.example/" + name + ":1.4.2"}
	c.Resources.Requests, c.Resources.Limits = corev1.ResourceList{}, corev1.ResourceList{}
	set := func(list corev1.ResourceList, n corev1.ResourceName, v string) {
		if v != "" {
			list[n] = apiresource.MustParse(v)
		}
	}
	set(c.Resources.Requests, corev1.ResourceCPU, cpu)
	set(c.Resources.Requests, corev1.ResourceMemory, memory)
	set(c.Resources.Limits, corev1.ResourceCPU, cpuLimit)
	set(c.Resources.Limits, corev1.ResourceMemory, memoryLimit)
	return c
}

// stays makes an init container one that stays.
func native(c corev1.Container) corev1.Container {
	c.RestartPolicy = new(corev1.ContainerRestartPolicyAlways)
	return c
}

// history samples what a container uses.
func history(days float64, pods int, use func(time.Time) float64) Series {
	n := int(days * float64(day/testStep))
	s := Series{Start: noon.Add(-time.Duration(n) * testStep), Step: testStep}
	for i := range n {
		v := use(s.Start.Add(time.Duration(i) * testStep))
		s.Max = append(s.Max, float32(v))
		seen := pods
		if math.IsNaN(v) {
			seen = 0
		}
		s.Pods = append(s.Pods, uint16(seen))
	}
	return s
}

// peaksOf are the daily peaks of a history.
func peaksOf(cpu, memory Series) []Peak {
	var peaks []Peak
	for at := cpu.Start.Truncate(day); at.Before(noon); at = at.Add(day) {
		p := Peak{Day: at, CPU: float32(math.NaN()), Memory: float32(math.NaN())}
		if of := cpu.Since(at).Until(at.Add(day)); of.Count() > 0 {
			p.CPU = float32(of.Peak())
		}
		if of := memory.Since(at).Until(at.Add(day)); of.Count() > 0 {
			p.Memory = float32(of.Peak())
		}
		peaks = append(peaks, p)
	}
	return peaks
}

func (a app) key(container string) ContainerKey {
	return ContainerKey{Namespace: a.namespace, Kind: a.kind, Name: a.name, Container: container}
}

func (a app) build() *Snapshot {
	c := Cluster{
		Name: "prod", Account: "111122223333", Region: "eu-west-1", Complete: true, Usage: map[ContainerKey]Usage{},
		Nodes:      []Node{node("n1", "eu-west-1a"), node("n2", "eu-west-1b")},
		Namespaces: []*corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: a.namespace}}},
	}
	u := Usage{CPU: history(a.days, a.replicas, a.cpu), Memory: history(a.days, a.replicas, a.memory)}
	u.Peaks = peaksOf(u.CPU, u.Memory)
	u.Throttled = []float64{0, 0, 0}
	if a.usage != nil {
		a.usage(&u)
	}
	c.Usage[a.key(a.box.Name)] = u
	a.put(&c)
	s := &Snapshot{At: noon, Clusters: []Cluster{c}}
	if a.alter != nil {
		a.alter(&s.Clusters[0])
	}
	if a.snapshot != nil {
		a.snapshot(s)
	}
	return s
}

func node(name, zone string) Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelTopologyZone: zone}}}
	n.Status.Allocatable = corev1.ResourceList{corev1.ResourceCPU: apiresource.MustParse("8"), corev1.ResourceMemory: apiresource.MustParse("32Gi")}
	return Node{Node: n, Price: engine.NodePrice{
		PerHour: engine.Dollars(8*0.03 + 32*0.004), CPUHour: engine.Dollars(0.03), GiBHour: engine.Dollars(0.004),
		Basis: engine.PriceBasis{Source: engine.PriceList, AsOf: noon},
	}}
}

func controlled(kind, name string) []metav1.OwnerReference {
	return []metav1.OwnerReference{{Kind: kind, Name: name, Controller: new(true)}}
}

// put adds the workload's objects to a cluster.
func (a app) put(c *Cluster) {
	meta := metav1.ObjectMeta{Namespace: a.namespace, Name: a.name, Labels: a.labels}
	template := corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: append([]corev1.Container{a.box}, a.beside...), InitContainers: a.first}}
	owner := controlled(a.kind, a.name)
	born := metav1.NewTime(noon.Add(-a.born))
	set := func(top []metav1.OwnerReference) {
		rs := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Namespace: a.namespace, Name: a.name + "-7d4f", OwnerReferences: top, CreationTimestamp: born}}
		rs.Spec.Template = template
		c.ReplicaSets = append(c.ReplicaSets, rs)
		owner = controlled(kindReplicaSet, rs.Name)
	}
	switch a.kind {
	case kindDeployment:
		c.Deployments = append(c.Deployments, &appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{Template: template}})
		set(owner)
	case "Rollout":
		set(owner)
	case kindStatefulSet:
		c.StatefulSets = append(c.StatefulSets, &appsv1.StatefulSet{ObjectMeta: meta, Spec: appsv1.StatefulSetSpec{Template: template}})
	case kindDaemonSet:
		c.DaemonSets = append(c.DaemonSets, &appsv1.DaemonSet{ObjectMeta: meta, Spec: appsv1.DaemonSetSpec{Template: template}})
	case kindJob:
		template.Spec.RestartPolicy = corev1.RestartPolicyNever
		c.Jobs = append(c.Jobs, &batchv1.Job{ObjectMeta: meta, Spec: batchv1.JobSpec{Template: template}})
	case kindCronJob:
		template.Spec.RestartPolicy = corev1.RestartPolicyNever
		c.CronJobs = append(c.CronJobs, &batchv1.CronJob{ObjectMeta: meta, Spec: batchv1.CronJobSpec{JobTemplate: batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{Template: template}}}})
		job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: a.namespace, Name: a.name + "-1", OwnerReferences: owner}}
		c.Jobs = append(c.Jobs, job)
		owner = controlled(kindJob, job.Name)
	case kindPod:
		owner = nil
	}
	for i := range a.replicas {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: a.namespace, Name: fmt.Sprintf("%s-7d4f-%d", a.name, i), OwnerReferences: owner, CreationTimestamp: born}}
		if a.kind == kindPod {
			p.Name = a.name
		}
		p.Labels = map[string]string{appsv1.ControllerRevisionHashLabelKey: "7d4f"}
		p.Spec = *template.Spec.DeepCopy()
		p.Spec.NodeName = c.Nodes[i%len(c.Nodes)].Name
		p.Status.Phase = corev1.PodRunning
		if a.pod != nil {
			a.pod(p)
		}
		c.Pods = append(c.Pods, p)
	}
}

// autoscaler gives the app a HorizontalPodAutoscaler with these metrics.
func (a *app) autoscaler(metrics ...autoscalingv2.MetricSpec) {
	before := a.alter
	kind, name, namespace := a.kind, a.name, a.namespace
	a.alter = func(c *Cluster) {
		if before != nil {
			before(c)
		}
		c.Autoscalers = append(c.Autoscalers, &autoscalingv2.HorizontalPodAutoscaler{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("%s-hpa", name)},
			Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
				ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{Kind: kind, Name: name}, MaxReplicas: 10, Metrics: metrics,
			},
		})
	}
}

func share(r corev1.ResourceName, percent int32) autoscalingv2.MetricSpec {
	return autoscalingv2.MetricSpec{Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricSource{
		Name: r, Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: &percent},
	}}
}

func shareOf(container string, r corev1.ResourceName, percent int32) autoscalingv2.MetricSpec {
	return autoscalingv2.MetricSpec{Type: autoscalingv2.ContainerResourceMetricSourceType, ContainerResource: &autoscalingv2.ContainerResourceMetricSource{
		Name: r, Container: container, Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: &percent},
	}}
}

func amountTarget(r corev1.ResourceName, v string) autoscalingv2.MetricSpec {
	return autoscalingv2.MetricSpec{Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricSource{
		Name: r, Target: autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: new(apiresource.MustParse(v))},
	}}
}

// verdict is what a scan says of one container and resource: a finding, or a reason and its detail.
func verdict(t *testing.T, s *Snapshot, kind engine.FindingKind, container string) (*engine.Finding, string, string) {
	t.Helper()
	return verdictUnder(t, s, DefaultRules(), kind, container)
}

func verdictUnder(t *testing.T, s *Snapshot, r Rules, kind engine.FindingKind, container string) (*engine.Finding, string, string) {
	t.Helper()
	o := Scan(s, r)
	for i, f := range o.Findings {
		if f.Kind == kind && f.Target.Container == container {
			return &o.Findings[i], "", ""
		}
	}
	for _, k := range o.Skips {
		if k.Kind == kind && k.Target.Container == container {
			return nil, k.Reason, k.Detail
		}
	}
	return nil, "not looked at", ""
}

// says tells whether one of the lines has a text in it.
func says(lines []string, text string) bool {
	for _, l := range lines {
		if strings.Contains(l, text) {
			return true
		}
	}
	return false
}

func TestAnAppThatAsksForTooMuchIsFoundOnce(t *testing.T) {
	s := newApp().build()
	o := Scan(s, DefaultRules())
	if len(o.Findings) != 2 {
		t.Fatalf("findings: %d, want 2: %+v", len(o.Findings), o.Skips)
	}
	f, _, _ := verdict(t, s, engine.OverRequestedCPU, "api")
	if f == nil {
		t.Fatal("no CPU finding")
	}
	if z := f.Sizing; z.Old != 1000 || z.New >= 500 || z.New < 250 || z.Replicas != 4 || z.Limit != 0 || z.Autoscale != nil {
		t.Errorf("sizing: %+v", z)
	}
	want := engine.Dollars(float64(f.Sizing.Old-f.Sizing.New) / 1000 * 4 * 0.03 * 730)
	if d := f.Monthly - want; d < -2 || d > 2 {
		t.Errorf("monthly %v, want %v", f.Monthly, want)
	}
	if f.Cash || f.Basis.Source != engine.PriceList || f.Whole != f.Monthly {
		t.Errorf("cash %v, basis %+v, whole %v", f.Cash, f.Basis, f.Whole)
	}
	if f.Confidence < 0.8 || f.Risk != engine.RiskLow || !says(f.Reasons, "applied over the last 7 days") {
		t.Errorf("confidence %v, risk %v, reasons %q", f.Confidence, f.Risk, f.Reasons)
	}
	if want := "change requests.cpu of container api in Deployment shop/api from 1 to " + quantity(f.Sizing.New, engine.CPU); f.Lever != want {
		t.Errorf("lever %q, want %q", f.Lever, want)
	}
	if n := len(f.Sizing.Chart.Series[0].Values); n > 168 || n < 84 || len(f.Sizing.Chart.Lines) != 2 {
		t.Errorf("chart: %d points, lines %v", n, f.Sizing.Chart.Lines)
	}
	m, _, _ := verdict(t, s, engine.OverRequestedMemory, "api")
	if m == nil || m.Sizing.New < m.Sizing.Peak || m.Sizing.New > 1024*mib || m.Sizing.Limit != 2*gib {
		t.Errorf("memory: %+v", m)
	}
}
