package waste

import (
	"math"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiresource "k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

// TestWorkloadsOfAllKinds: each is found under the owner at the top, as people know it.
func TestWorkloadsOfAllKinds(t *testing.T) {
	for _, kind := range []string{kindDeployment, "Rollout", kindStatefulSet, kindDaemonSet, "Cluster"} {
		t.Run(kind, func(t *testing.T) {
			a := newApp()
			a.kind = kind
			f, reason, detail := verdict(t, a.build(), engine.OverRequestedCPU, "api")
			if f == nil {
				t.Fatalf("no finding: %s (%s)", reason, detail)
			}
			if want := (engine.Workload{Cluster: "prod", Namespace: "shop", Kind: kind, Name: "api"}); f.Target.Workload != want {
				t.Errorf("target %+v, want %+v", f.Target.Workload, want)
			}
			if !strings.Contains(f.Lever, kind+" shop/api") {
				t.Errorf("lever: %q", f.Lever)
			}
			if by := says(f.Risks, "written by the controller"); by != (kind == "Cluster") {
				t.Errorf("risks: %q", f.Risks)
			}
			if stateful := says(f.Risks, "StatefulSet"); stateful != (kind == kindStatefulSet) {
				t.Errorf("risks: %q", f.Risks)
			}
		})
	}
}

// TestANightlyJob: judged by the peak of its runs, and paid for only while it runs.
func TestANightlyJob(t *testing.T) {
	a := newApp()
	a.kind, a.replicas, a.box = kindCronJob, 3, box("api", "8", "64Gi", "", "")
	a.cpu = nightly(a.cpu)
	a.memory = nightly(a.memory)
	s := a.build()
	f, reason, detail := verdict(t, s, engine.OverRequestedCPU, "api")
	if f == nil {
		t.Fatalf("no finding: %s (%s)", reason, detail)
	}
	if want := 3.0 / 24; f.Sizing.Replicas < 0.95*want || f.Sizing.Replicas > 1.05*want {
		t.Errorf("replicas %v, want 3 for an hour a day: %v", f.Sizing.Replicas, want)
	}
	if least := f.Sizing.Peak; f.Sizing.New < least || f.Sizing.New > 2*least {
		t.Errorf("request %d m, peak %d m", f.Sizing.New, least)
	}
	if !says(f.Reasons, "the peak of 36 runs") && !says(f.Reasons, "the peak of 37 runs") {
		t.Errorf("reasons: %q", f.Reasons)
	}
	// Its pods are gone until the next night: the mean of the nodes is what it is priced by.
	s.Clusters[0].Pods = nil
	g, _, _ := verdict(t, s, engine.OverRequestedCPU, "api")
	if g == nil || !says(g.Caveats, "priced as the mean of all nodes") || g.Monthly < f.Monthly*9/10 || g.Monthly > f.Monthly*11/10 {
		t.Errorf("without a pod: %+v", g)
	}
}

// TestSidecars: krr 276 and krr 535. A native sidecar is sized like any container; what an injector adds is not the workload's to size.
func TestSidecars(t *testing.T) {
	a := newApp()
	a.first = []corev1.Container{native(box("log", "1000m", "1Gi", "", "1Gi"))}
	a.pod = func(p *corev1.Pod) {
		p.Spec.Containers = append(p.Spec.Containers, box("istio-proxy", "500m", "512Mi", "", ""), box("scout", "500m", "512Mi", "", ""))
	}
	a.alter = func(c *Cluster) {
		u := c.Usage[a.key("api")]
		for _, name := range []string{"log", "istio-proxy", "scout"} {
			c.Usage[a.key(name)] = u
		}
	}
	s := a.build()
	f, reason, _ := verdict(t, s, engine.OverRequestedCPU, "log")
	if f == nil || !strings.Contains(f.Lever, "init container log") || f.Monthly == 0 {
		t.Errorf("native sidecar: %s, %+v", reason, f)
	}
	for name, lever := range map[string]string{"istio-proxy": "sidecar.istio.io/proxyCPU", "scout": "configuration of what injects it"} {
		if _, reason, detail := verdict(t, s, engine.OverRequestedCPU, name); reason != reasonInjected || !strings.Contains(detail, lever) {
			t.Errorf("%s: %q (%s)", name, reason, detail)
		}
	}
}

// TestInitContainers: a pod asks for the higher of what starts it and what stays, so that neither alone frees what it asks for too much.
func TestInitContainers(t *testing.T) {
	migrate := box("migrate", "3000m", "1Gi", "", "")
	build := func(lower ...string) *Snapshot {
		a := newApp()
		a.first = []corev1.Container{migrate}
		a.alter = func(c *Cluster) {
			u := c.Usage[a.key("api")]
			u.CPU, u.Memory = history(36, 4, nightly(a.cpu)), history(36, 4, nightly(a.memory))
			c.Usage[a.key("migrate")] = u
			for key := range c.Usage {
				if !strings.Contains(strings.Join(lower, " "), key.Container) {
					delete(c.Usage, key)
				}
			}
		}
		return a.build()
	}
	if f, reason, _ := verdict(t, build("api"), engine.OverRequestedCPU, "api"); reason != reasonNoFall {
		t.Errorf("the container alone, below what starts its pod: %q, %+v", reason, f)
	}
	f, reason, _ := verdict(t, build("migrate"), engine.OverRequestedCPU, "migrate")
	if f == nil {
		t.Fatalf("what starts the pod alone: %q", reason)
	}
	if want := engine.Dollars(2 * 4 * 0.03 * 730); f.Monthly < want-2 || f.Monthly > want+2 {
		t.Errorf("what starts the pod frees down to what stays: %v, want %v", f.Monthly, want)
	}
	both := Scan(build("api", "migrate"), DefaultRules())
	var sum engine.MicroUSD
	var left int64
	for _, f := range both.Findings {
		if f.Kind == engine.OverRequestedCPU {
			if sum += f.Monthly; !says(f.Caveats, "only together with the other proposals") {
				t.Errorf("%s does not say that it is one of two: %q", f.Target.Container, f.Caveats)
			}
			left = max(left, f.Sizing.New)
		}
	}
	if want := engine.Dollars(float64(3000-left) / 1000 * 4 * 0.03 * 730); sum < want-2 || sum > want+2 {
		t.Errorf("both together free %v, want %v: %+v", sum, want, both.Findings)
	}
}

// TestRequestsThatNobodyWrote: a LimitRange's default, or the limit, stands in for the request that the template leaves out.
func TestRequestsThatNobodyWrote(t *testing.T) {
	a := newApp()
	a.box = box("api", "", "", "", "")
	a.pod = func(p *corev1.Pod) { p.Spec.Containers[0].Resources = box("api", "1", "2Gi", "", "").Resources }
	f, reason, _ := verdict(t, a.build(), engine.OverRequestedCPU, "api")
	if f == nil || !strings.HasPrefix(f.Lever, "set requests.cpu of container api") {
		t.Errorf("%q, %+v", reason, f)
	}
}

// TestEffectiveRequest: overhead, native sidecars before and after an init container, and pod-level requests, by Kubernetes' own rules.
func TestEffectiveRequest(t *testing.T) {
	spec := &corev1.PodSpec{
		InitContainers: []corev1.Container{native(box("early", "200m", "", "", "")), box("init", "900m", "", "", ""), native(box("late", "100m", "", "", ""))},
		Containers:     []corev1.Container{box("a", "300m", "", "", ""), box("b", "400m", "", "", "")},
		Overhead:       corev1.ResourceList{corev1.ResourceCPU: apiresource.MustParse("50m")},
	}
	// Starting takes 200 + 900, staying 200 + 100 + 300 + 400; with 50 of overhead.
	if got := effective(bare(spec, engine.CPU), engine.CPU); got != 1150 {
		t.Fatalf("effective %d, want 1150", got)
	}
	cases := []struct {
		name    string
		changes []change
		want    []int64
	}{
		{"what stays is not what counts", []change{{"a", regular, 100}}, []int64{0}},
		{"down to what stays", []change{{"init", initial, 100}}, []int64{100}},
		{"both", []change{{"a", regular, 100}, {"init", initial, 100}}, []int64{0, 300}},
		{"a sidecar counts on both sides", []change{{"early", sidecar, 50}}, []int64{150}},
		{"nobody of that name", []change{{"c", regular, 1}}, []int64{0}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for i, got := range freed(spec, engine.CPU, c.changes) {
				if got != c.want[i] {
					t.Errorf("change %d frees %d, want %d", i, got, c.want[i])
				}
			}
		})
	}
	if q := spec.Containers[0].Resources.Requests[corev1.ResourceCPU]; q.MilliValue() != 300 {
		t.Errorf("the pod of the snapshot was changed: %v", q.String())
	}
}

// A run of a minute is seen in a whole step of the history: it is paid for by the minute.
func TestShortRunsAreNotPaidForByTheStep(t *testing.T) {
	ended := func(took time.Duration) *corev1.Pod {
		p := &corev1.Pod{}
		p.CreationTimestamp = metav1.NewTime(noon.Add(-day))
		p.Status.ContainerStatuses = []corev1.ContainerStatus{{State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{FinishedAt: metav1.NewTime(noon.Add(-day + took))}}}}
		return p
	}
	for name, c := range map[string]struct {
		ended []*corev1.Pod
		want  float64
	}{
		"none is listed":          {nil, 1},
		"one that did not finish": {[]*corev1.Pod{{}}, 1},
		"a fifth of a step":       {[]*corev1.Pod{ended(testStep / 5)}, 0.2},
		"their mean":              {[]*corev1.Pod{ended(testStep / 5), ended(testStep * 3 / 5)}, 0.4},
		"longer than a step":      {[]*corev1.Pod{ended(3 * testStep)}, 1},
		"a clock that went back":  {[]*corev1.Pod{ended(-time.Minute)}, 1},
	} {
		w := &workload{ended: c.ended}
		if got := w.partOf(testStep); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%s: %v of a step, want %v", name, got, c.want)
		}
	}
	a := newApp()
	a.kind, a.replicas = kindCronJob, 1
	whole := a.build()
	short := a.build()
	p := short.Clusters[0].Pods[0].DeepCopy()
	p.Name, p.CreationTimestamp, p.Status = "over", metav1.NewTime(noon.Add(-day)), ended(testStep/2).Status
	p.Status.Phase = corev1.PodSucceeded
	short.Clusters[0].Pods = append(short.Clusters[0].Pods, p)
	f, reason, _ := verdict(t, whole, engine.OverRequestedCPU, "api")
	g, _, _ := verdict(t, short, engine.OverRequestedCPU, "api")
	if f == nil || g == nil || math.Abs(g.Sizing.Replicas-f.Sizing.Replicas/2) > 1e-9 || g.Monthly > f.Monthly/2+1 {
		t.Errorf("runs of half a step: %+v; by the step %+v, %s", g, f, reason)
	}
}
