package detect_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/detect"
)

// harm is what can happen to a pod.
var harm = []func(s *detect.Scene, p *corev1.Pod, d time.Duration){
	func(_ *detect.Scene, p *corev1.Pod, d time.Duration) { crashed(p, 1, "Error", 3, d) },
	func(_ *detect.Scene, p *corev1.Pod, d time.Duration) { crashed(p, 137, "OOMKilled", 1, d) },
	func(_ *detect.Scene, p *corev1.Pod, d time.Duration) { runsAgain(p, 3, "Error", 1, d) },
	func(_ *detect.Scene, p *corev1.Pod, d time.Duration) { runsAgain(p, 143, "Error", 2, d) },
	func(_ *detect.Scene, p *corev1.Pod, _ time.Duration) { waits(p, "ImagePullBackOff", "") },
	func(_ *detect.Scene, p *corev1.Pod, _ time.Duration) { waits(p, "CreateContainerConfigError", "") },
	func(_ *detect.Scene, p *corev1.Pod, d time.Duration) { unready(p, d) },
	func(_ *detect.Scene, p *corev1.Pod, d time.Duration) { p.Spec.NodeName = "dead" },
	func(s *detect.Scene, p *corev1.Pod, d time.Duration) {
		s.Events = append(s.Events, event("Pod", p.Name, "Unhealthy", "Readiness probe failed: x", d+time.Minute, d))
	},
	func(s *detect.Scene, p *corev1.Pod, d time.Duration) {
		s.Events = append(s.Events, event("Pod", p.Name, "Unhealthy", "Liveness probe failed: x", d+time.Minute, d))
	},
	func(_ *detect.Scene, p *corev1.Pod, d time.Duration) {
		p.Status.Phase, p.Status.Reason, p.Status.Message = corev1.PodFailed, "Evicted", "The node was low on resource: memory. x"
	},
	func(_ *detect.Scene, p *corev1.Pod, d time.Duration) { at := ago(d); p.DeletionTimestamp = &at },
	func(_ *detect.Scene, p *corev1.Pod, _ time.Duration) { p.Status = corev1.PodStatus{} },
}

// TestAnyScene harms pods in any way and looks whether the answer is sound, the same for the same objects in another order,
// and final when it says that nothing will change by itself.
func TestAnyScene(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := healthy(rapid.IntRange(0, 6).Draw(t, "pods"))
		s.Nodes["dead"] = node("dead", corev1.ConditionUnknown, time.Minute)
		s.Deployment.Status.ReadyReplicas = int32(rapid.IntRange(0, len(s.Pods)).Draw(t, "ready"))
		for range rapid.IntRange(0, 8).Draw(t, "harms") {
			if len(s.Pods) == 0 {
				break
			}
			p := rapid.SampledFrom(s.Pods).Draw(t, "pod")
			if len(p.Status.ContainerStatuses) > 0 {
				k := rapid.IntRange(0, len(harm)-1).Draw(t, "harm")
				harm[k](&s, p, time.Duration(rapid.IntRange(0, 900).Draw(t, "ago"))*time.Second)
			}
		}
		r := detect.Signals(s)
		seen := map[string]bool{}
		for _, x := range r.Signals {
			if seen[x.ID] || x.ID == "" || x.Summary == "" || x.Severity.Rank() == 0 || x.Object.Name == "" {
				t.Fatalf("twice or incomplete: %+v", x)
			}
			seen[x.ID] = true
			if x.StartsAt.IsZero() || x.StartsAt.After(now) || !x.Firing() {
				t.Fatalf("began in the future or has ended: %+v", x)
			}
			if !x.Parent.IsZero() && x.Parent.Kind != engine.KindNode {
				t.Fatalf("its parent is no node: %+v", x)
			}
		}
		if r.Recheck < 0 {
			t.Fatalf("recheck in %s", r.Recheck)
		}

		other := s
		other.Pods = rapid.Permutation(s.Pods).Draw(t, "order")
		other.Events = rapid.Permutation(s.Events).Draw(t, "order of events")
		if diff := cmp.Diff(r, detect.Signals(other)); diff != "" {
			t.Fatalf("another order, another answer: %s", diff)
		}

		later := s
		later.Now = now.Add(r.Recheck / 2)
		if r.Recheck == 0 {
			later.Now = now.Add(6 * time.Hour)
		}
		if got := detect.Signals(later); classes(got) != classes(r) {
			t.Fatalf("%q became %q at %s, and it asked to be looked at again in %s", classes(r), classes(got), later.Now.Sub(now), r.Recheck)
		}
	})
}

func FuzzAlert(f *testing.F) {
	f.Add("alertname=KubePodCrashLooping,namespace=shop,pod=cart-7d9f-x1", "a summary", "fp")
	f.Add("node=,workload=x,workload_kind=", "\xff\xfe", "")
	f.Fuzz(func(t *testing.T, labels, summary, fingerprint string) {
		a := engine.Alert{Fingerprint: fingerprint, Labels: map[string]string{}, Annotations: map[string]string{"summary": summary}}
		for kv := range strings.SplitSeq(labels, ",") {
			if k, v, ok := strings.Cut(kv, "="); ok {
				a.Labels[k] = v
			}
		}
		s := detect.Alert("prod", a, owners)
		if s.Workload.Kind == "" || s.Workload.Name == "" || s.Workload.Cluster != "prod" || s.Class == "" || s.Severity.Rank() == 0 || s.Summary == "" {
			t.Errorf("incomplete: %+v", s)
		}
		if len(s.Summary) > 310 || utf8.ValidString(summary) && !utf8.ValidString(s.Summary) && utf8.ValidString(labels) {
			t.Errorf("summary %q of %d bytes", s.Summary, len(s.Summary))
		}
		if again := detect.Alert("prod", a, owners); fmt.Sprint(again) != fmt.Sprint(s) {
			t.Errorf("another answer: %+v", again)
		}
	})
}
