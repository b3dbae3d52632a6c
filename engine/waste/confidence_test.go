package waste

import (
	"math"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiresource "k8s.io/apimachinery/pkg/api/resource"

	"github.com/eks-autopilot/autopilot/engine"
)

// TestConfidence: less is known, less is believed, and the card says what is missing.
func TestConfidence(t *testing.T) {
	full, _, _ := verdict(t, newApp().build(), engine.OverRequestedCPU, "api")
	fullMemory, _, _ := verdict(t, newApp().build(), engine.OverRequestedMemory, "api")
	cases := []struct {
		name string
		make func(*app)
		kind engine.FindingKind
		says string
	}{
		{"four days without a weekend", func(a *app) { a.days = 4 }, engine.OverRequestedCPU, "does not hold a whole week"},
		{"a third of it is missing", func(a *app) {
			use := a.cpu
			a.cpu = func(t time.Time) float64 {
				if t.Hour() < 8 {
					return math.NaN()
				}
				return use(t)
			}
		}, engine.OverRequestedCPU, "nothing is known of 33 % of the time"},
		{"a limit, and nothing known of throttling", func(a *app) {
			a.box = box("api", "1000m", "2Gi", "2000m", "2Gi")
			a.usage = func(u *Usage) { u.Throttled = nil }
		}, engine.OverRequestedCPU, "not known whether it was throttled"},
		{"the past foretells it badly", func(a *app) {
			a.cpu = func(t time.Time) float64 {
				if d := noon.Sub(t); d < 2*day && d%(40*testStep) == 0 {
					return 0.9
				}
				return 0.2
			}
		}, engine.OverRequestedCPU, ""},
		{"a peak history of a week", func(a *app) { a.days = 8 }, engine.OverRequestedMemory, "peaks are known of 8 days, 35 are wanted"},
		{"hours of a new revision", func(a *app) { a.born = 2 * time.Hour }, engine.OverRequestedCPU, "newest revision is hours old"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := newApp()
			c.make(&a)
			f, reason, detail := verdict(t, a.build(), c.kind, "api")
			if f == nil {
				t.Fatalf("no finding: %s (%s)", reason, detail)
			}
			best := full
			if c.kind == engine.OverRequestedMemory {
				best = fullMemory
			}
			if f.Confidence >= best.Confidence && c.name != "hours of a new revision" {
				t.Errorf("confidence %v, with all of it %v", f.Confidence, best.Confidence)
			}
			if c.says != "" && !says(f.Caveats, c.says) {
				t.Errorf("caveats: %q", f.Caveats)
			}
		})
	}
}

// TestRevisions: only what came after a roll-out that changed the level counts.
func TestRevisions(t *testing.T) {
	level := func(age, before, after float64) func(*app) {
		return func(a *app) {
			at := noon.Add(-time.Duration(age * float64(day)))
			a.born = noon.Sub(at)
			a.cpu = func(t time.Time) float64 { return stepAt(t, at, before, after) }
			a.memory = func(t time.Time) float64 { return stepAt(t, at, before, after) * gib }
		}
	}
	cases := []struct {
		name        string
		make        func(*app)
		low, top    int64 // of CPU
		caveat      string
		memoryFloor int64 // of the peak, whichever revision had it
	}{
		{"five days of more", level(5, 0.1, 0.4), 400, 600, "only the 5.0 days since the newest revision count: it uses more", 410 * mib},
		{"ten days of less", level(10, 0.6, 0.2), 200, 300, "only the 10.0 days since the newest revision count: it uses less", 614 * mib},
		{"five days of less may be a lull", level(5, 0.6, 0.2), 600, 900, "what the one before used still counts", 614 * mib},
		{"the same level", level(5, 0.42, 0.4), 400, 600, "", 430 * mib},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := newApp()
			c.make(&a)
			s := a.build()
			f, reason, detail := verdict(t, s, engine.OverRequestedCPU, "api")
			if f == nil {
				t.Fatalf("no finding: %s (%s)", reason, detail)
			}
			if f.Sizing.New < c.low || f.Sizing.New > c.top {
				t.Errorf("%d m, want %d to %d", f.Sizing.New, c.low, c.top)
			}
			if c.caveat != "" && !says(f.Caveats, c.caveat) || c.caveat == "" && says(f.Caveats, "revision") {
				t.Errorf("caveats: %q", f.Caveats)
			}
			m, reason, detail := verdict(t, s, engine.OverRequestedMemory, "api")
			if m == nil || m.Sizing.New < c.memoryFloor-mib {
				t.Errorf("memory: %s (%s), %+v", reason, detail, m)
			}
		})
	}
}

// TestRisks: what could go wrong, and how badly.
func TestRisks(t *testing.T) {
	cases := []struct {
		name string
		make func(*app)
		kind engine.FindingKind
		risk engine.Risk
		says string
	}{
		{"nothing", func(*app) {}, engine.OverRequestedCPU, engine.RiskLow, ""},
		{"one replica", func(a *app) { a.replicas = 1 }, engine.OverRequestedCPU, engine.RiskMedium, "one replica"},
		{"no memory limit", func(a *app) { a.box = box("api", "1", "2Gi", "", "") }, engine.OverRequestedMemory, engine.RiskMedium, "no memory limit"},
		{"Guaranteed", func(a *app) { a.box = box("api", "900m", "2Gi", "900m", "2Gi") }, engine.OverRequestedCPU, engine.RiskMedium, "become Burstable"},
		{"exclusive cores", func(a *app) { a.box = box("api", "2", "2Gi", "2", "2Gi") }, engine.OverRequestedCPU, engine.RiskHigh, "static CPU manager"},
		{"all in one zone", func(a *app) {
			a.alter = func(c *Cluster) { c.Nodes[1].Labels = c.Nodes[0].Labels }
		}, engine.OverRequestedCPU, engine.RiskMedium, "all its replicas are in zone eu-west-1a"},
		{"the cluster depends on it", func(a *app) {
			a.pod = func(p *corev1.Pod) { p.Spec.PriorityClassName = "system-cluster-critical" }
		}, engine.OverRequestedCPU, engine.RiskHigh, "depends on it"},
		{"bursts", func(a *app) {
			a.cpu = func(t time.Time) float64 {
				if t.Minute() == 0 && t.Hour() == 5 {
					return 0.7
				}
				return 0.02
			}
		}, engine.OverRequestedCPU, engine.RiskMedium, "bursty"},
		{"a JVM", func(a *app) { a.box.Args = []string{"java", "-Xmx512m"} }, engine.OverRequestedMemory, engine.RiskMedium, "a JVM"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := newApp()
			c.make(&a)
			f, reason, detail := verdict(t, a.build(), c.kind, "api")
			if f == nil {
				t.Fatalf("no finding: %s (%s)", reason, detail)
			}
			if f.Risk != c.risk || c.says != "" && !says(f.Risks, c.says) {
				t.Errorf("risk %s: %q", f.Risk, f.Risks)
			}
		})
	}
}

// TestChart: a point that nobody knows is missing, not zero, and the points cover the whole history.
func TestChart(t *testing.T) {
	a := newApp()
	a.cpu = func(t time.Time) float64 { return stepAt(t, noon.Add(-20*day), math.NaN(), 0.25) }
	f, _, _ := verdict(t, a.build(), engine.OverRequestedCPU, "api")
	chart := f.Sizing.Chart
	values := chart.Series[0].Values
	if len(values) > chartPoints || values[0] != engine.Missing || values[len(values)-1] != 0.25 {
		t.Errorf("%d points, from %v to %v", len(values), values[0], values[len(values)-1])
	}
	if end := chart.Start.Add(time.Duration(len(values)) * chart.Step); end.Before(noon) || end.Sub(noon) > chart.Step {
		t.Errorf("ends at %v", end)
	}
	if chart.Unit != "cores" || chart.Lines[0].Value != 1 || chart.Lines[1].Value >= 1 || strings.Contains(chart.Lines[1].Name, "today") {
		t.Errorf("%q, lines %+v", chart.Unit, chart.Lines)
	}
	m, _, _ := verdict(t, a.build(), engine.OverRequestedMemory, "api")
	if m.Sizing.Chart.Unit != "GiB" || m.Sizing.Chart.Lines[0].Value != 2 {
		t.Errorf("memory: %q, %+v", m.Sizing.Chart.Unit, m.Sizing.Chart.Lines)
	}
}

func TestLimitRanges(t *testing.T) {
	build := func(change func(*corev1.LimitRangeItem)) *candidate {
		a := newApp()
		a.box = box("api", "1000m", "2Gi", "2000m", "2Gi")
		a.beside = []corev1.Container{box("log", "300m", "64Mi", "", "")}
		item := corev1.LimitRangeItem{Type: corev1.LimitTypeContainer}
		change(&item)
		a.alter = func(c *Cluster) {
			c.Limits = limits(corev1.LimitTypeContainer, "0", "0")
			c.Limits[0].Spec.Limits = []corev1.LimitRangeItem{item}
		}
		s := a.build()
		ix := newIndex(&s.Clusters[0])
		return newCandidate(ix, ix.workloads[0].containers()[0], noon, DefaultRules(), &method{resource: engine.CPU, series: func(u Usage) Series { return u.CPU }})
	}
	cpu := func(v string) corev1.ResourceList {
		return corev1.ResourceList{corev1.ResourceCPU: apiresource.MustParse(v)}
	}
	cases := []struct {
		name string
		item func(*corev1.LimitRangeItem)
		want int64
	}{
		{"of a container", func(i *corev1.LimitRangeItem) { i.Min = cpu("250m") }, 250},
		{"a limit may be so many times the request", func(i *corev1.LimitRangeItem) { i.MaxLimitRequestRatio = cpu("4") }, 500},
		{"of a pod, less what the others ask for", func(i *corev1.LimitRangeItem) { i.Type, i.Min = corev1.LimitTypePod, cpu("700m") }, 400},
		{"of a claim", func(i *corev1.LimitRangeItem) { i.Type, i.Min = corev1.LimitTypePersistentVolumeClaim, cpu("700m") }, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := build(c.item).ranged(); got != c.want {
				t.Errorf("%d, want %d", got, c.want)
			}
		})
	}
}

// TestBacktestSaysHowNearTheLimitWas: no request brings a kill about while the limit stays, so the count alone says nothing.
func TestBacktestSaysHowNearTheLimitWas(t *testing.T) {
	for limit, want := range map[int64]string{
		0: "it has no limit", 2 << 30: "0 OOM; the limit stays, and its peak came to 25 % of it", 640 << 20: "came to 80 % of it",
	} {
		c := &candidate{container: container{workload: &workload{}}, method: &method{resource: engine.Memory}, limit: limit, peak: 512 << 20, peakDays: 35}
		c.history = Series{Start: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), Step: time.Hour, Max: make([]float32, 24*8)}
		_, reasons := c.confidence(engine.Backtest{Days: 7, Samples: 168}, true)
		if !says(reasons, want) {
			t.Errorf("limit %d: %q, want %q", limit, reasons, want)
		}
	}
}
