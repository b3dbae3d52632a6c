package waste

import (
	"math"
	"strings"
	"testing"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	apiresource "k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

// found is what a case wants instead of a reason.
const found = ""

// TestComplaints has what users of other tools complain of, a case each: what is said of the main container's CPU and memory. A
// number is the issue in the tool's repository.
func TestComplaints(t *testing.T) {
	nan := math.NaN()
	cases := []struct {
		name        string
		make        func(*app)
		cpu, memory string
	}{
		{"goldilocks 449: an autoscaler on the same resource with no room above its target", func(a *app) {
			a.autoscaler(share(corev1.ResourceCPU, 95))
		}, reasonTarget, found},
		{"goldilocks 419: two autoscalers on one workload", func(a *app) {
			a.autoscaler(share(corev1.ResourceCPU, 60))
			a.autoscaler(share(corev1.ResourceMemory, 60))
		}, reasonAutoscaler, reasonAutoscaler},
		{"opencost 975: an autoscaler that reads no utilisation, for a sidecar has no request", func(a *app) {
			a.beside = []corev1.Container{box("log", "", "64Mi", "", "")}
			a.autoscaler(share(corev1.ResourceCPU, 50))
		}, reasonNoUtilisation, found},
		{"an autoscaler with two targets on one request", func(a *app) {
			a.autoscaler(share(corev1.ResourceCPU, 50), shareOf("api", corev1.ResourceCPU, 50))
		}, reasonAutoscaler, found},
		{"an autoscaler whose target is nonsense", func(a *app) { a.autoscaler(share(corev1.ResourceCPU, 0)) }, reasonAutoscaler, found},

		{"krr 110: it was killed for want of memory days ago", func(a *app) {
			a.usage = func(u *Usage) { u.OOMKills = []time.Time{noon.Add(-3 * day)} }
		}, found, reasonKilled},
		{"autoscaler 4152: the kill is old, but nothing was changed since", func(a *app) {
			a.usage = func(u *Usage) { u.OOMKills = []time.Time{noon.Add(-20 * day)} }
		}, found, reasonKilled},
		{"the kill is old, and another revision runs since", func(a *app) {
			a.born = 18 * day
			a.usage = func(u *Usage) { u.OOMKills = []time.Time{noon.Add(-20 * day)} }
		}, found, found},
		{"autoscaler 9521: only the pod's status tells of the kill", func(a *app) {
			a.pod = func(p *corev1.Pod) {
				p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "api", LastTerminationState: corev1.ContainerState{
					Terminated: &corev1.ContainerStateTerminated{Reason: "OOMKilled", FinishedAt: metav1.NewTime(noon.Add(-time.Hour))},
				}}}
			}
		}, found, reasonKilled},
		{"krr 379: the peak of memory was a month ago", func(a *app) {
			a.usage = func(u *Usage) { u.Peaks[6].Memory = 1990 * mib }
		}, found, reasonFits},
		{"autoscaler 6705: a leak grows a little each day", func(a *app) {
			a.memory = func(t time.Time) float64 { return (950 - 50*min(14, noon.Sub(t).Hours()/24)) * mib }
		}, found, reasonGrowing},
		{"its traffic grows a little each day", func(a *app) {
			a.cpu = func(t time.Time) float64 { return 0.5 - 0.02*min(14, noon.Sub(t).Hours()/24) }
		}, reasonGrowing, found},

		{"krr 440: a JVM whose heap nobody knows", func(a *app) { a.box.Image = "eclipse-temurin:21-jre" }, found, reasonJVM},
		{"autoscaler 5029: a JVM that may take most of its memory", func(a *app) {
			a.box.Env = []corev1.EnvVar{{Name: "JAVA_TOOL_OPTIONS", Value: "-XX:MaxRAMPercentage=75.0"}}
		}, found, reasonFits},
		{"a JVM with a small heap", func(a *app) { a.box.Args = []string{"java", "-Xmx768m", "-jar", "app.jar"} }, found, found},
		{"a JVM with a share of no limit", func(a *app) {
			a.box = box("api", "1000m", "2Gi", "", "")
			a.box.Env = []corev1.EnvVar{{Name: "JAVA_OPTS", Value: "-XX:MaxRAMPercentage=50"}}
		}, found, reasonJVM},

		{"a job that runs once", func(a *app) { a.kind = kindJob }, reasonOnce, reasonOnce},
		{"autoscaler 3975: a job of which too few runs are known", func(a *app) {
			a.kind, a.days = kindCronJob, 4
			a.cpu, a.memory = nightly(a.cpu), nightly(a.memory)
		}, reasonRuns, reasonRuns},
		{"a nightly job of many runs that asks for what its runs take", func(a *app) {
			a.kind = kindCronJob
			a.cpu = nightly(func(time.Time) float64 { return 0.95 })
			a.memory = nightly(func(time.Time) float64 { return 1.9 * gib })
		}, reasonFits, reasonFits},
		{"autoscaler 5426: it works on working days, and the history is a weekend", func(a *app) {
			a.days = 2
		}, reasonShort, reasonShort},
		{"autoscaler 4583: once a week it needs all that it asks for", func(a *app) {
			a.cpu = func(t time.Time) float64 { return atSundays(t, 0.98, 0.1) }
			a.memory = func(t time.Time) float64 { return atSundays(t, 1.95*gib, 300*mib) }
		}, reasonFits, reasonFits},

		{"autoscaler 5426: at rest now, and busy on working days", func(a *app) {
			a.cpu = func(t time.Time) float64 { return onWorkdays(t, 0.95, 0.02) }
			a.memory = func(t time.Time) float64 { return onWorkdays(t, 1.9*gib, 200*mib) }
			a.snapshot = func(s *Snapshot) {
				s.At = noon.Add(-60 * time.Hour) // the night to Monday
				for key, u := range s.Clusters[0].Usage {
					u.CPU, u.Memory = u.CPU.Until(s.At), u.Memory.Until(s.At)
					s.Clusters[0].Usage[key] = u
				}
			}
		}, reasonFits, reasonFits},

		{"history of two hours on fifty pods: KRR adds their samples up", func(a *app) { a.replicas, a.days = 50, 2.0/24 }, reasonShort, reasonShort},
		{"a new revision uses much more since yesterday", func(a *app) {
			a.born = day
			a.cpu = func(t time.Time) float64 { return stepAt(t, noon.Add(-day), 0.1, 0.5) }
			a.memory = func(t time.Time) float64 { return stepAt(t, noon.Add(-day), 200*mib, 900*mib) }
		}, reasonRevision, reasonRevision},
		{"scaled to zero", func(a *app) { a.replicas = 0 }, reasonZero, reasonZero},
		{"a StatefulSet scaled to zero", func(a *app) { a.kind, a.replicas = kindStatefulSet, 0 }, reasonZero, reasonZero},
		{"no requests at all", func(a *app) { a.box = box("api", "", "", "2", "2Gi") }, reasonNoRequest, reasonNoRequest},
		{"requests of zero", func(a *app) { a.box = box("api", "0", "0", "", "") }, reasonNoRequest, reasonNoRequest},
		{"a pod-level request", func(a *app) {
			a.pod = func(p *corev1.Pod) {
				p.Spec.Resources = &corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: apiresource.MustParse("2")}}
			}
		}, reasonPodLevel, found},
		{"throttled at its limit: what it used is what it was given", func(a *app) {
			a.box = box("api", "1000m", "2Gi", "1000m", "2Gi")
			a.usage = func(u *Usage) { u.Throttled = []float64{0, 0.31, 0.01} }
		}, reasonThrottled, found},
		{"throttled more than a week ago", func(a *app) {
			a.usage = func(u *Usage) { u.Throttled = []float64{0.4, 0, 0, 0, 0, 0, 0, 0} }
		}, found, found},
		{"it restarts often", func(a *app) { a.usage = func(u *Usage) { u.Restarts = 40 } }, reasonRestarts, reasonRestarts},
		{"it crashes, and so uses nothing", func(a *app) {
			a.pod = func(p *corev1.Pod) {
				p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "api", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}}}
			}
		}, reasonUnwell, reasonUnwell},
		{"a roll-out of another request is under way", func(a *app) {
			a.pod = func(p *corev1.Pod) {
				if strings.HasSuffix(p.Name, "0") {
					p.Spec.Containers[0].Resources.Requests[corev1.ResourceCPU] = apiresource.MustParse("700m")
				}
			}
		}, reasonPending, found},
		{"a webhook overrules what is written", func(a *app) {
			a.pod = func(p *corev1.Pod) {
				p.Spec.Containers[0].Resources.Requests[corev1.ResourceMemory] = apiresource.MustParse("3Gi")
			}
			a.box.Resources.Limits = nil
		}, found, reasonPending},
		{"a pod is being resized in place", func(a *app) {
			a.pod = func(p *corev1.Pod) {
				p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "api", Resources: &corev1.ResourceRequirements{Requests: corev1.ResourceList{
					corev1.ResourceCPU: apiresource.MustParse("1"), corev1.ResourceMemory: apiresource.MustParse("1Gi"),
				}}}}
			}
		}, found, reasonPending},

		{"kube-system", func(a *app) { a.namespace = "kube-system" }, reasonSystem, reasonSystem},
		{"a managed add-on by name", func(a *app) { a.namespace, a.name = "kube-system", "coredns" }, reasonAddOn, reasonAddOn},
		{"a managed add-on by label", func(a *app) { a.labels = map[string]string{addOnLabel: "amazon-cloudwatch"} }, reasonAddOn, reasonAddOn},
		{"a pod that nothing owns", func(a *app) { a.kind, a.replicas = kindPod, 1 }, reasonBare, reasonBare},
		{"a static pod", func(a *app) {
			a.kind, a.replicas = kindPod, 1
			a.pod = func(p *corev1.Pod) { p.OwnerReferences = controlled(engine.KindNode, "n1") }
			a.alter = func(c *Cluster) { c.Usage = nil }
		}, reasonStatic, reasonStatic},

		{"no usage at all", func(a *app) { a.alter = func(c *Cluster) { c.Usage = nil } }, reasonNoUsage, reasonNoUsage},
		{"nothing but gaps", func(a *app) { a.cpu = func(time.Time) float64 { return nan } }, reasonNoUsage, found},
		{"negative use", func(a *app) { a.cpu = func(t time.Time) float64 { return -0.2 } }, reasonAbsurdUsage, found},
		{"infinite use", func(a *app) { a.memory = func(t time.Time) float64 { return math.Inf(1) } }, found, reasonAbsurdUsage},
		{"a counter that was reset: a million cores", func(a *app) {
			a.cpu = func(t time.Time) float64 { return atSundays(t, 1e6, 0.2) }
		}, reasonAbsurdUsage, found},
		{"more than any node has", func(a *app) {
			a.cpu = func(t time.Time) float64 { return atSundays(t, 20, 0.2) }
			a.memory = func(t time.Time) float64 { return atSundays(t, 70*gib, 0.2*gib) }
		}, reasonAbsurdUsage, reasonAbsurdUsage},
		{"no pod has a node", func(a *app) {
			a.pod = func(p *corev1.Pod) { p.Spec.NodeName = "" }
		}, reasonUnwell, reasonUnwell},
		{"memory of zero", func(a *app) { a.memory = func(time.Time) float64 { return 0 } }, found, reasonAbsurdUsage},
		{"a use of CPU of zero, while memory is used", func(a *app) { a.cpu = func(time.Time) float64 { return 0 } }, found, found},
		{"a clock that is a day ahead", func(a *app) {
			a.usage = func(u *Usage) { u.CPU.Start = u.CPU.Start.Add(day) }
		}, reasonClock, found},
		{"Prometheus has lost sight of it", func(a *app) {
			a.cpu = func(t time.Time) float64 { return stepAt(t, noon.Add(-3*day), 0.2, nan) }
		}, reasonStale, found},
		{"a request of more than there is anywhere", func(a *app) { a.box = box("api", "1000000", "1000Ti", "", "") }, reasonAbsurdRequest, reasonAbsurdRequest},
		{"a negative request", func(a *app) { a.box = box("api", "-1", "-2Gi", "", "") }, reasonAbsurdRequest, reasonAbsurdRequest},
		{"it uses what it asks for", func(a *app) {
			a.cpu = func(t time.Time) float64 { return 0.9 }
			a.memory = func(t time.Time) float64 { return 1.8 * gib }
		}, reasonFits, reasonFits},
		{"krr: a saving of cents", func(a *app) { a.box = box("api", "450m", "800Mi", "", "800Mi"); a.replicas = 1 }, "worth less than $5 a month", "worth less than $5 a month"},

		{"a LimitRange allows no less", func(a *app) {
			a.alter = func(c *Cluster) { c.Limits = limits(corev1.LimitTypeContainer, "950m", "1Gi") }
		}, reasonRange, found},
		{"a LimitRange of another namespace", func(a *app) {
			a.alter = func(c *Cluster) {
				c.Limits = limits(corev1.LimitTypeContainer, "950m", "1Gi")
				c.Limits[0].Namespace = "other"
			}
		}, found, found},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := newApp()
			c.make(&a)
			s := a.build()
			check := func(kind engine.FindingKind, want string) {
				f, reason, detail := verdict(t, s, kind, "api")
				if reason != want {
					t.Errorf("%s: %q (%s), want %q", kind, reason, detail, want)
				}
				if f == nil {
					return
				}
				if z := f.Sizing; z.New >= z.Old || z.New <= 0 || kind == engine.OverRequestedMemory && z.New < z.Peak {
					t.Errorf("%s: %d to %d, peak %d", kind, z.Old, z.New, z.Peak)
				}
			}
			check(engine.OverRequestedCPU, c.cpu)
			check(engine.OverRequestedMemory, c.memory)
		})
	}
}

// nightly is what a job uses that runs for an hour at two in the night.
func nightly(use func(time.Time) float64) func(time.Time) float64 {
	return func(t time.Time) float64 {
		if t.Hour() != 2 {
			return math.NaN()
		}
		return use(t)
	}
}

func atSundays(t time.Time, then, else_ float64) float64 {
	if t.Weekday() == time.Sunday {
		return then
	}
	return else_
}

func onWorkdays(t time.Time, then, else_ float64) float64 {
	if t.Weekday() == time.Saturday || t.Weekday() == time.Sunday || t.Hour() < 8 || t.Hour() > 18 {
		return else_
	}
	return then
}

func stepAt(t, at time.Time, before, after float64) float64 {
	if t.Before(at) {
		return before
	}
	return after
}

func limits(kind corev1.LimitType, cpu, memory string) []*corev1.LimitRange {
	return []*corev1.LimitRange{{ObjectMeta: metav1.ObjectMeta{Namespace: "shop"}, Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{{
		Type: kind, Min: corev1.ResourceList{corev1.ResourceCPU: apiresource.MustParse(cpu), corev1.ResourceMemory: apiresource.MustParse(memory)},
	}}}}}
}

// TestVerticalAutoscalers: who lets a VPA set a request does not want a second opinion.
func TestVerticalAutoscalers(t *testing.T) {
	target := VerticalAutoscaler{Namespace: "shop", Name: "api-vpa", TargetKind: kindDeployment, TargetName: "api"}
	cases := []struct {
		name string
		vpa  func(*VerticalAutoscaler)
		want string
	}{
		{"auto", func(v *VerticalAutoscaler) { v.Mode = "Auto" }, reasonVPA},
		{"recreate", func(v *VerticalAutoscaler) { v.Mode = "Recreate" }, reasonVPA},
		{"in place", func(v *VerticalAutoscaler) { v.Mode = "InPlaceOrRecreate" }, reasonVPA},
		{"initial", func(v *VerticalAutoscaler) { v.Mode = "Initial" }, reasonVPAStart},
		{"off", func(v *VerticalAutoscaler) { v.Mode = "Off" }, found},
		{"another container", func(v *VerticalAutoscaler) { v.Mode, v.Containers = "Auto", []string{"log"} }, found},
		{"memory only", func(v *VerticalAutoscaler) { v.Mode, v.Resources = "Auto", []engine.Resource{engine.Memory} }, found},
		{"another workload", func(v *VerticalAutoscaler) { v.Mode, v.TargetName = "Auto", "web" }, found},
		{"another namespace", func(v *VerticalAutoscaler) { v.Mode, v.Namespace = "Auto", "web" }, found},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a, v := newApp(), target
			c.vpa(&v)
			a.alter = func(c *Cluster) { c.Vertical = []VerticalAutoscaler{v} }
			f, reason, detail := verdict(t, a.build(), engine.OverRequestedCPU, "api")
			if reason != c.want {
				t.Fatalf("%q (%s), want %q", reason, detail, c.want)
			}
			if c.name == "off" && !says(f.Caveats, "api-vpa") {
				t.Errorf("the caveats do not name the VPA that is off: %q", f.Caveats)
			}
		})
	}
}

// TestTheFeedbackLoopEnds is krr 80: with a target that moves along, a second scan finds nothing, for the replicas and so the use of
// each stay what they were. Without, each proposal was lower than the one before: 0.8, 0.64, …
func TestTheFeedbackLoopEnds(t *testing.T) {
	a := newApp()
	a.cpu = func(t time.Time) float64 { return 0.3 + 0.1*wave(t) }
	a.autoscaler(share(corev1.ResourceCPU, 40))
	f, reason, detail := verdict(t, a.build(), engine.OverRequestedCPU, "api")
	if f == nil {
		t.Fatalf("no finding: %s (%s)", reason, detail)
	}
	z := f.Sizing
	if got, was := float64(z.New)*float64(z.Autoscale.NewTarget), 1000.0*40; math.Abs(got/was-1) > targetError {
		t.Errorf("%d m at %d %% is an amount of %v, was %v", z.New, z.Autoscale.NewTarget, got, was)
	}
	if !strings.Contains(f.Lever, "HorizontalPodAutoscaler api-hpa from 40 % to") {
		t.Errorf("lever: %q", f.Lever)
	}
	b := newApp()
	b.cpu, b.box = a.cpu, box("api", quantity(z.New, engine.CPU), "2Gi", "", "2Gi")
	b.autoscaler(share(corev1.ResourceCPU, z.Autoscale.NewTarget))
	if f, _, _ := verdict(t, b.build(), engine.OverRequestedCPU, "api"); f != nil {
		t.Errorf("found again: %+v", f.Sizing)
	}
}

// TestAutoscalersOfOtherKinds: their targets stay, and the card says so.
func TestAutoscalersOfOtherKinds(t *testing.T) {
	external := autoscalingv2.MetricSpec{Type: autoscalingv2.ExternalMetricSourceType, External: &autoscalingv2.ExternalMetricSource{}}
	cases := []struct {
		name   string
		metric autoscalingv2.MetricSpec
		says   string
	}{
		{"an amount", amountTarget(corev1.ResourceCPU, "400m"), "scales on an amount of cpu"},
		{"memory", share(corev1.ResourceMemory, 70), "something other than this request"},
		{"KEDA on a queue", external, "something other than this request"},
		{"another container", shareOf("log", corev1.ResourceCPU, 70), "something other than this request"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := newApp()
			a.autoscaler(c.metric)
			f, reason, detail := verdict(t, a.build(), engine.OverRequestedCPU, "api")
			if f == nil {
				t.Fatalf("no finding: %s (%s)", reason, detail)
			}
			if f.Sizing.Autoscale != nil || !says(f.Caveats, c.says) {
				t.Errorf("autoscale %+v, caveats %q", f.Sizing.Autoscale, f.Caveats)
			}
		})
	}
}
