package waste

import (
	"math"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
)

func TestRetarget(t *testing.T) {
	up := func(v float64) int64 { return roundUp(v, engine.CPU) }
	cases := []struct {
		name              string
		target            int64
		base, old, wanted int64
		request, newT     int64
		ok                bool
	}{
		{"newTarget = oldTarget × oldRequest / newRequest", 50, 1000, 1000, 800, 810, 62, true},
		{"exactly", 40, 1000, 1000, 500, 500, 80, true},
		{"no target above 100: the request stays higher than the history asks for", 60, 1000, 1000, 300, 600, 100, true},
		{"of all containers together", 50, 2000, 1000, 500, 520, 66, true},
		{"there is no room", 100, 1000, 1000, 500, 0, 0, false},
		{"a target above 100 already", 150, 1000, 1000, 500, 0, 0, false},
		{"a small request", 20, 100, 100, 30, 35, 57, true},
		{"too little to move a whole percent", 10, 100, 100, 97, 0, 0, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := scaling{target: c.target}
			request, target, ok := s.retarget(c.base, c.old, c.wanted, up)
			if request != c.request || target != c.newT || ok != c.ok {
				t.Errorf("%d at %d %% (%v), want %d at %d %% (%v)", request, target, ok, c.request, c.newT, c.ok)
			}
		})
	}
}

// TestRetargetKeepsTheReplicas: whatever the pods use, the autoscaler wants as many of them after the change as before, but for
// what it tolerates.
func TestRetargetKeepsTheReplicas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := scaling{target: rapid.Int64Range(1, 200).Draw(t, "target")}
		old := rapid.Int64Range(5, 64_000).Draw(t, "old")
		base := old + rapid.Int64Range(0, 16_000).Draw(t, "others")
		wanted := rapid.Int64Range(1, old).Draw(t, "wanted")
		request, target, ok := s.retarget(base, old, wanted, func(v float64) int64 { return roundUp(v, engine.CPU) })
		if !ok {
			return
		}
		if request < wanted || target <= s.target || target > highestTarget {
			t.Fatalf("%d at %d %% from %d wanted at %d %%", request, target, wanted, s.target)
		}
		use := rapid.Float64Range(1, 200_000).Draw(t, "use")
		was := use / float64(base) / float64(s.target)
		is := use / float64(base-old+request) / float64(target)
		if math.Abs(is/was-1) > 0.03 {
			t.Fatalf("the autoscaler would want %.3f times the replicas: %d at %d %% to %d at %d %%", is/was, old, s.target, request, target)
		}
	})
}

// TestBase is what Kubernetes divides by: see calculatePodRequests of the HPA controller.
func TestBase(t *testing.T) {
	pod := &corev1.PodSpec{
		InitContainers: []corev1.Container{box("init", "5", "", "", ""), native(box("proxy", "100m", "", "", ""))},
		Containers:     []corev1.Container{box("api", "500m", "", "", ""), box("log", "50m", "", "", "")},
		Overhead:       box("x", "1", "", "", "").Resources.Requests,
	}
	if got, ok := (&scaling{}).base(pod, engine.CPU); got != 650 || !ok {
		t.Errorf("all: %d, %v", got, ok)
	}
	if got, ok := (&scaling{alone: "api"}).base(pod, engine.CPU); got != 500 || !ok {
		t.Errorf("one container: %d, %v", got, ok)
	}
	if _, ok := (&scaling{alone: "gone"}).base(pod, engine.CPU); ok {
		t.Error("a container that is not there has a base")
	}
	if _, ok := (&scaling{}).base(pod, engine.Memory); ok {
		t.Error("a base without requests")
	}
}

// TestAContainersOwnTarget: only its own request is divided by.
func TestAContainersOwnTarget(t *testing.T) {
	a := newApp()
	a.beside = []corev1.Container{box("side", "4000m", "64Mi", "", "")}
	a.autoscaler(shareOf("api", corev1.ResourceCPU, 30))
	f, reason, detail := verdict(t, a.build(), engine.OverRequestedCPU, "api")
	if f == nil {
		t.Fatalf("no finding: %s (%s)", reason, detail)
	}
	if z := f.Sizing; math.Abs(float64(z.New)*float64(z.Autoscale.NewTarget)/(1000*30)-1) > targetError {
		t.Errorf("%d m at %d %%", z.New, z.Autoscale.NewTarget)
	}
}

// TestAnAutoscalerWithoutMetrics keeps the CPU at 80 %, which leaves little room.
func TestAnAutoscalerWithoutMetrics(t *testing.T) {
	a := newApp()
	a.autoscaler()
	f, reason, detail := verdict(t, a.build(), engine.OverRequestedCPU, "api")
	if f == nil || f.Sizing.New != 800 || f.Sizing.Autoscale.NewTarget != 100 {
		t.Errorf("%s (%s), %+v", reason, detail, f)
	}
}

// TestReplicas: what counts is what was paid for, and no more than what still is.
func TestReplicas(t *testing.T) {
	half := func(u *Usage) { // scaled to zero for each second half of a day
		for i := range u.CPU.Pods {
			if (i/48)%2 == 1 {
				u.CPU.Pods[i], u.CPU.Max[i] = 0, float32(math.NaN())
			}
		}
	}
	cases := []struct {
		name     string
		make     func(*app)
		low, top float64
	}{
		{"as many as there are", func(*app) {}, 4, 4},
		{"once there were more", func(a *app) { a.usage = pods(12) }, 4, 4},
		{"once there were fewer", func(a *app) { a.usage = pods(2) }, 2, 2},
		{"an autoscaler has more on average", func(a *app) { a.usage = pods(8); a.autoscaler(amountTarget(corev1.ResourceCPU, "1")) }, 8, 8},
		{"and never more than it may", func(a *app) { a.usage = pods(30); a.autoscaler(amountTarget(corev1.ResourceCPU, "1")) }, 10, 10},
		{"one waits for a node", func(a *app) {
			a.pod = func(p *corev1.Pod) {
				if strings.HasSuffix(p.Name, "-0") {
					p.Spec.NodeName = ""
				}
			}
		}, 3, 3},
		{"none for half of the day", func(a *app) { a.usage = half }, 1.9, 2.1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := newApp()
			c.make(&a)
			f, reason, detail := verdict(t, a.build(), engine.OverRequestedCPU, "api")
			if f == nil {
				t.Fatalf("no finding: %s (%s)", reason, detail)
			}
			if got := f.Sizing.Replicas; got < c.low || got > c.top {
				t.Errorf("replicas %v, want %v to %v", got, c.low, c.top)
			}
		})
	}
}

// pods makes a history one of so many pods.
func pods(n uint16) func(*Usage) {
	return func(u *Usage) {
		for i := range u.CPU.Pods {
			u.CPU.Pods[i] = n
		}
	}
}

// KEDA writes the autoscalers of its ScaledObjects, and would put a target back that somebody changed there.
func TestLeverNamesWhatWritesTheAutoscaler(t *testing.T) {
	for _, kept := range []bool{false, true} {
		a := newApp()
		a.autoscaler(share(corev1.ResourceCPU, 30))
		s := a.build()
		if kept {
			s.Clusters[0].Autoscalers[0].OwnerReferences = []metav1.OwnerReference{{Kind: "ScaledObject", Name: "api", Controller: new(true)}}
		}
		f, reason, detail := verdict(t, s, engine.OverRequestedCPU, "api")
		if f == nil || f.Sizing.Autoscale == nil {
			t.Fatalf("no finding with a target: %s: %s", reason, detail)
		}
		if got := strings.HasSuffix(f.Lever, ", in ScaledObject api, which writes it"); got != kept {
			t.Errorf("written by KEDA %v, but the lever says %q", kept, f.Lever)
		}
	}
}
