package waste

import (
	"fmt"
	"math"
	"testing"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	apiresource "k8s.io/apimachinery/pkg/api/resource"
	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
)

// TestAnySnapshotIsJudgedSoundly: whatever a cluster, its metrics and its prices say, a scan does not panic, no cluster is said to waste more
// than its nodes cost, no request is raised, and none of memory is put below what was used.
func TestAnySnapshotIsJudgedSoundly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anySnapshot(t)
		r := DefaultRules()
		r.MinMonthly = engine.MicroUSD(rapid.Int64Range(0, int64(10*engine.USD)).Draw(t, "least"))
		r.Margin = rapid.SampledFrom([]float64{0, 0.2}).Draw(t, "margin")
		findings := Scan(s, r).Findings
		spent := map[string]engine.MicroUSD{}
		if rapid.Bool().Draw(t, "idle nodes") {
			findings, _ = overlap(s, r, append(sizingsOf(s), anyIdle(t, s)...))
		}
		for _, f := range findings {
			spent[f.Target.Cluster] += f.Monthly
			z := f.Sizing
			if z == nil {
				continue
			}
			if f.Monthly < 0 || f.Whole < f.Monthly || f.Basis.Source == engine.PriceUnknown && f.Monthly != 0 {
				t.Fatalf("%s: %v of %v, price %q", f.Key, f.Monthly, f.Whole, f.Basis.Source)
			}
			if math.IsNaN(f.Confidence) || f.Confidence < 0 || f.Confidence > 1 || f.Risk == "" {
				t.Fatalf("%s: confidence %v, risk %q", f.Key, f.Confidence, f.Risk)
			}
			if z.New <= 0 || z.New >= z.Old || z.Resource == engine.Memory && z.New < z.Peak || math.IsNaN(z.Replicas) || z.Replicas < 0 {
				t.Fatalf("%s: %+v", f.Key, z)
			}
			for _, v := range z.Chart.Series[0].Values {
				if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 && v != engine.Missing {
					t.Fatalf("%s: %v in the chart", f.Key, v)
				}
			}
		}
		for i := range s.Clusters {
			c := &s.Clusters[i]
			cost := engine.MicroUSD(0)
			for _, n := range c.Nodes {
				if n.Price.Basis.Source != engine.PriceUnknown {
					cost += max(n.Price.PerHour, 0).Monthly()
				}
			}
			if spent[c.Name] > cost {
				t.Fatalf("%s: %v of findings, its nodes cost %v", c.Name, spent[c.Name], cost)
			}
		}
	})
}

func anySnapshot(t *rapid.T) *Snapshot {
	s := &Snapshot{At: noon}
	for i := range rapid.IntRange(1, 2).Draw(t, "clusters") {
		c := Cluster{Name: fmt.Sprint("c", i), Complete: true, Usage: map[ContainerKey]Usage{}}
		for n := range rapid.IntRange(1, 3).Draw(t, "nodes") {
			c.Nodes = append(c.Nodes, anyNode(t, fmt.Sprint("n", n)))
		}
		for a := range rapid.IntRange(1, 3).Draw(t, "apps") {
			one := anyApp(t, fmt.Sprint("app", a))
			one.put(&c)
			for _, b := range append(append([]corev1.Container{one.box}, one.beside...), one.first...) {
				c.Usage[one.key(b.Name)] = anyUsage(t)
			}
			if rapid.IntRange(0, 3).Draw(t, "autoscaled") == 0 {
				one.autoscaler(share(corev1.ResourceCPU, rapid.Int32Range(-5, 250).Draw(t, "target")),
					rapid.SampledFrom([]autoscalingv2.MetricSpec{share(corev1.ResourceMemory, 60), amountTarget(corev1.ResourceMemory, "1Gi"), shareOf("api", corev1.ResourceCPU, 20), {}}).Draw(t, "metric"))
				one.alter(&c)
			}
		}
		s.Clusters = append(s.Clusters, c)
	}
	return s
}

// anyIdle calls some nodes idle.
func anyIdle(t *rapid.T, s *Snapshot) []engine.Finding {
	var some []engine.Finding
	for i := range s.Clusters {
		for _, n := range s.Clusters[i].Nodes {
			if rapid.Bool().Draw(t, "idle") {
				some = append(some, idle(&s.Clusters[i], n.Name))
			}
		}
	}
	return some
}

func anyNode(t *rapid.T, name string) Node {
	n := node(name, "eu-west-1a")
	price := func(label string) engine.MicroUSD {
		if rapid.Bool().Draw(t, "sound") {
			return engine.Dollars(0.1)
		}
		return rapid.SampledFrom([]engine.MicroUSD{0, -1, 1, engine.Dollars(0.004), engine.Dollars(0.03), engine.Dollars(0.5), math.MaxInt64 / 100_000}).Draw(t, label)
	}
	n.Price.CPUHour, n.Price.GiBHour, n.Price.PerHour = price("cpu"), price("gib"), price("hour")
	n.Price.Basis.Source = rapid.SampledFrom([]engine.PriceSource{engine.PriceUnknown, engine.PriceList, engine.PriceList, engine.PriceEffective, "else"}).Draw(t, "source")
	return n
}

func anyApp(t *rapid.T, name string) app {
	cpu, memory := rapid.SampledFrom([]string{"1", "4", "4", "30"}), rapid.SampledFrom([]string{"2Gi", "8Gi", "64Gi"})
	if rapid.IntRange(0, 5).Draw(t, "odd") == 0 {
		cpu = rapid.SampledFrom([]string{"", "0", "-1", "1m", "250m", "9000000"})
		memory = rapid.SampledFrom([]string{"", "0", "-1Gi", "1", "700Mi", "99Ei"})
	}
	some := func(name string) corev1.Container {
		b := box(name, cpu.Draw(t, "cpu"), memory.Draw(t, "memory"), "", "")
		if rapid.IntRange(0, 3).Draw(t, "limited") == 0 {
			b.Resources.Limits = box(name, cpu.Draw(t, "limit"), memory.Draw(t, "limit"), "", "").Resources.Requests
		}
		if rapid.IntRange(0, 5).Draw(t, "java") == 0 {
			b.Args = []string{"java", rapid.SampledFrom([]string{"-Xmx512m", "-XX:MaxRAMPercentage=70", "-Xmx-1"}).Draw(t, "option")}
		}
		return b
	}
	a := newApp()
	a.name, a.box = name, some("api")
	a.kind = rapid.SampledFrom([]string{kindDeployment, kindDeployment, kindDeployment, kindStatefulSet, kindDaemonSet, kindCronJob, kindJob, kindPod, "Rollout", "Cluster"}).Draw(t, "kind")
	a.replicas = rapid.IntRange(0, 4).Draw(t, "replicas")
	a.born = time.Duration(rapid.IntRange(-2, 30).Draw(t, "born")) * day
	if rapid.Bool().Draw(t, "beside") {
		a.beside = []corev1.Container{some("side")}
	}
	if rapid.Bool().Draw(t, "first") {
		a.first = []corev1.Container{some("init"), native(some("proxy"))}
	}
	a.pod = func(p *corev1.Pod) {
		switch rapid.IntRange(0, 15).Draw(t, "pod") {
		case 0:
			p.Spec.NodeName = ""
		case 1:
			p.Spec.NodeName = "gone"
		case 2:
			p.Status.Phase = corev1.PodSucceeded
		case 3:
			p.Spec.Overhead = corev1.ResourceList{corev1.ResourceCPU: apiresource.MustParse("100m")}
		}
	}
	return a
}

func anyUsage(t *rapid.T) Usage {
	const samples = 24
	value := rapid.SampledFrom([]float32{0, 0.001, 0.2, 0.2, 0.2, 3, float32(math.NaN()), float32(math.Inf(1)), -1, 1e12, 3e8, 5e8})
	if rapid.IntRange(0, 5).Draw(t, "sound") > 0 {
		value = rapid.SampledFrom([]float32{0.05, 0.1, 0.2, 0.4})
	}
	one := func(unit float32) Series {
		s := Series{Start: noon.Add(-time.Duration(rapid.IntRange(-1, 40).Draw(t, "days")) * day), Step: rapid.SampledFrom([]time.Duration{-1, 0, time.Hour, 6 * time.Hour, day}).Draw(t, "step")}
		n := rapid.IntRange(0, 2*samples).Draw(t, "samples")
		if rapid.IntRange(0, 5).Draw(t, "usual") > 0 {
			s.Start, s.Step, n = noon.Add(-samples*12*time.Hour), 12*time.Hour, samples
		}
		for range n {
			s.Max = append(s.Max, unit*value.Draw(t, "use"))
			s.Pods = append(s.Pods, rapid.Uint16Range(0, 65535).Draw(t, "pods"))
		}
		if rapid.IntRange(0, 5).Draw(t, "cut") == 0 {
			s.Pods = nil
		}
		return s
	}
	u := Usage{CPU: one(1), Memory: one(gib), Restarts: rapid.IntRange(-1, 9).Draw(t, "restarts"), JVMHeap: rapid.SampledFrom([]int64{0, 0, -1, 1, gib}).Draw(t, "heap")}
	for i := range rapid.IntRange(0, 9).Draw(t, "peaks") {
		u.Peaks = append(u.Peaks, Peak{Day: noon.Truncate(day).Add(-time.Duration(i) * day), CPU: value.Draw(t, "peak"), Memory: gib * value.Draw(t, "peak")})
	}
	if rapid.Bool().Draw(t, "throttled") {
		u.Throttled = []float64{rapid.SampledFrom([]float64{0, 0, 0.01, 0.5, math.NaN(), -1}).Draw(t, "share")}
	}
	return u
}
