package detect_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/detect"
)

func named(name string, age time.Duration) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Namespace: "payments", CreationTimestamp: ago(age), Labels: map[string]string{"team": "pay"}}
}

func svc(name string, selector map[string]string, age time.Duration) *corev1.Service {
	return &corev1.Service{ObjectMeta: named(name, age), Spec: corev1.ServiceSpec{
		Selector: selector, ClusterIP: "10.0.0.1", Type: corev1.ServiceTypeClusterIP,
		Ports: []corev1.ServicePort{{Name: "http", Port: 80, TargetPort: intstr.FromString("web")}},
	}}
}

func template(name, app string) detect.Template {
	return detect.Template{Workload: engine.Workload{Namespace: "payments", Kind: "Deployment", Name: name}, Labels: map[string]string{"app": app}}
}

// serving is a pod of an app with a port named web.
func serving(app string, ready bool) *corev1.Pod {
	p := pod(app+"-1", 1, time.Hour)
	p.Labels = map[string]string{"app": app}
	p.Spec.Containers[0].Ports = []corev1.ContainerPort{{Name: "web"}}
	if !ready {
		unready(p, 10*time.Minute)
	}
	return p
}

func ing(service string, port networkingv1.ServiceBackendPort, age time.Duration) *networkingv1.Ingress {
	return &networkingv1.Ingress{ObjectMeta: named("web", age), Spec: networkingv1.IngressSpec{
		DefaultBackend: &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: service, Port: port}},
	}}
}

func hook(fails, writes bool) detect.Hook {
	return detect.Hook{
		Config: metav1.ObjectMeta{Name: "policy", CreationTimestamp: ago(time.Hour)}, Kind: "ValidatingWebhookConfiguration", Name: "policy.example.com",
		Fails: fails, Writes: writes, Service: detect.Endpoint{Namespace: "payments", Name: "policy"},
	}
}

func hpa(kind, reason string, since time.Duration) *autoscalingv2.HorizontalPodAutoscaler {
	return &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: named("api", time.Hour), Spec: autoscalingv2.HorizontalPodAutoscalerSpec{ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{Kind: "Deployment", Name: "api"}},
		Status: autoscalingv2.HorizontalPodAutoscalerStatus{Conditions: []autoscalingv2.HorizontalPodAutoscalerCondition{{
			Type: autoscalingv2.HorizontalPodAutoscalerConditionType(kind), Status: corev1.ConditionFalse, Reason: reason, LastTransitionTime: ago(since),
		}}},
	}
}

func budget(allowed int32) *policyv1.PodDisruptionBudget {
	return &policyv1.PodDisruptionBudget{
		ObjectMeta: named("api", time.Hour), Spec: policyv1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "api"}}},
		Status: policyv1.PodDisruptionBudgetStatus{DisruptionsAllowed: allowed, ExpectedPods: 1, CurrentHealthy: 1, DesiredHealthy: 1},
	}
}

func draining(since time.Duration) *corev1.Node {
	at := ago(since)
	n := node("n1", corev1.ConditionTrue, time.Hour)
	n.Spec.Taints = []corev1.Taint{{Key: corev1.TaintNodeUnschedulable, Effect: corev1.TaintEffectNoSchedule, TimeAdded: &at}}
	n.Spec.Unschedulable = true
	return n
}

// hourly is a CronJob that last ran a time ago.
func hourly(ran time.Duration) detect.CronJob {
	last := ago(ran)
	return detect.CronJob{
		CronJob: &batchv1.CronJob{ObjectMeta: named("nightly", 48*time.Hour), Status: batchv1.CronJobStatus{LastScheduleTime: &last}},
		Next:    func(t time.Time) time.Time { return t.Truncate(time.Hour).Add(time.Hour) },
	}
}

func authority(t testing.TB, from, to time.Time) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: from, NotAfter: to, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func says(kind, condition string, status metav1.ConditionStatus, since time.Duration) detect.Object {
	return detect.Object{Kind: kind, Meta: metav1.ObjectMeta{Name: "x", CreationTimestamp: ago(24 * time.Hour)}, Conditions: []metav1.Condition{{
		Type: condition, Status: status, Reason: "Because", LastTransitionTime: ago(since),
	}}}
}

// shown derives what an estate shows, as "kind name: class severity" lines.
func shown(e detect.Estate) []string {
	e.Now = now
	if e.Owner == nil {
		e.Owner = func(*corev1.Pod) (engine.Workload, bool) {
			return engine.Workload{Namespace: "payments", Kind: "Deployment", Name: "api"}, true
		}
	}
	var out []string
	for w, facts := range detect.Facts(e) {
		r := detect.Signals(detect.Scene{Workload: w, Facts: facts, Now: now})
		for _, s := range r.Signals {
			out = append(out, w.Kind+" "+w.Name+": "+string(s.Class)+" "+string(s.Severity))
		}
	}
	slices.Sort(out)
	return out
}

func TestFacts(t *testing.T) {
	yes := true
	port := networkingv1.ServiceBackendPort{Number: 80}
	class := "nginx"
	app := map[string]string{"app": "api"}
	for name, c := range map[string]struct {
		e    detect.Estate
		want string
	}{
		"a service without pods beside a workload of its name": {detect.Estate{Services: []*corev1.Service{svc("api", map[string]string{"app": "ap"}, time.Hour)}, Templates: []detect.Template{template("api", "api")}}, "Service api: route_broken warning"},
		"one that was just made":                               {detect.Estate{Services: []*corev1.Service{svc("api", map[string]string{"app": "ap"}, time.Minute)}, Templates: []detect.Template{template("api", "api")}}, ""},
		"one that an ingress sends to":                         {detect.Estate{Services: []*corev1.Service{svc("api", app, time.Hour)}, Ingresses: []*networkingv1.Ingress{ing("api", port, time.Hour)}}, "Service api: route_broken critical"},
		"a leftover":                                           {detect.Estate{Services: []*corev1.Service{svc("old", app, time.Hour)}}, ""},
		"a workload at zero":                                   {detect.Estate{Services: []*corev1.Service{svc("api", app, time.Hour)}, Templates: []detect.Template{template("api", "api")}}, ""},
		"pods that are not ready are another's fault":          {detect.Estate{Services: []*corev1.Service{svc("api", app, time.Hour)}, Pods: []*corev1.Pod{serving("api", false)}}, ""},
		"a port that nobody has": {detect.Estate{Services: []*corev1.Service{func() *corev1.Service {
			s := svc("api", app, time.Hour)
			s.Spec.Ports[0].TargetPort = intstr.FromString("http")
			return s
		}()}, Pods: []*corev1.Pod{serving("api", true)}}, "Service api: route_broken warning"},
		"no load balancer": {detect.Estate{Services: []*corev1.Service{func() *corev1.Service {
			s := svc("api", app, time.Hour)
			s.Spec.Type = corev1.ServiceTypeLoadBalancer
			return s
		}()}, Pods: []*corev1.Pod{serving("api", true)}}, "Service api: route_broken warning"},
		"an ingress to nothing":          {detect.Estate{Ingresses: []*networkingv1.Ingress{ing("gone", port, time.Hour)}}, "Ingress web: route_broken warning"},
		"an ingress that is being made":  {detect.Estate{Ingresses: []*networkingv1.Ingress{ing("gone", port, time.Minute)}}, ""},
		"an action of AWS's controller":  {detect.Estate{Ingresses: []*networkingv1.Ingress{ing("redirect", networkingv1.ServiceBackendPort{Name: "use-annotation"}, time.Hour)}}, ""},
		"a port that a service has not":  {detect.Estate{Services: []*corev1.Service{svc("api", app, time.Hour)}, Pods: []*corev1.Pod{serving("api", true)}, Ingresses: []*networkingv1.Ingress{ing("api", networkingv1.ServiceBackendPort{Number: 8080}, time.Hour)}}, "Ingress web: route_broken warning"},
		"a class that is not there":      {detect.Estate{Classes: []string{"alb"}, Ingresses: []*networkingv1.Ingress{{ObjectMeta: named("web", time.Hour), Spec: networkingv1.IngressSpec{IngressClassName: &class}}}}, "Ingress web: route_broken warning"},
		"classes that nobody could list": {detect.Estate{Ingresses: []*networkingv1.Ingress{{ObjectMeta: named("web", time.Hour), Spec: networkingv1.IngressSpec{IngressClassName: &class}}}}, ""},

		"a webhook without a service":          {detect.Estate{Hooks: []detect.Hook{hook(true, true)}}, "ValidatingWebhookConfiguration policy: api_down critical"},
		"a webhook of nothing that runs":       {detect.Estate{Hooks: []detect.Hook{hook(true, false)}}, "ValidatingWebhookConfiguration policy: api_down warning"},
		"a webhook that may be passed over":    {detect.Estate{Hooks: []detect.Hook{hook(false, true)}}, ""},
		"a webhook whose pods are ready":       {detect.Estate{Hooks: []detect.Hook{hook(true, true)}, Services: []*corev1.Service{svc("policy", app, time.Hour)}, Pods: []*corev1.Pod{serving("api", true)}}, ""},
		"a webhook whose pods are not":         {detect.Estate{Hooks: []detect.Hook{hook(true, true)}, Services: []*corev1.Service{svc("policy", app, time.Hour)}, Pods: []*corev1.Pod{serving("api", false)}}, "ValidatingWebhookConfiguration policy: api_down critical"},
		"an API that does not answer":          {detect.Estate{Objects: []detect.Object{says("APIService", "Available", metav1.ConditionFalse, time.Hour)}}, "APIService x: api_down critical"},
		"an API that is away for a moment":     {detect.Estate{Objects: []detect.Object{says("APIService", "Available", metav1.ConditionFalse, time.Minute)}}, ""},
		"a gateway that nobody took up":        {detect.Estate{Objects: []detect.Object{says("Gateway", "Accepted", metav1.ConditionUnknown, 56*365*24*time.Hour)}}, "Gateway x: route_broken warning"},
		"a class whose controller comes later": {detect.Estate{Objects: []detect.Object{says("GatewayClass", "Accepted", metav1.ConditionUnknown, time.Hour)}}, ""},

		"an autoscaler without metrics":         {detect.Estate{Autoscalers: []*autoscalingv2.HorizontalPodAutoscaler{hpa("ScalingActive", "FailedGetResourceMetric", time.Hour)}, Templates: []detect.Template{template("api", "api")}}, "Deployment api: scaling_stuck warning"},
		"an autoscaler of new pods":             {detect.Estate{Autoscalers: []*autoscalingv2.HorizontalPodAutoscaler{hpa("ScalingActive", "FailedGetResourceMetric", time.Minute)}, Templates: []detect.Template{template("api", "api")}}, ""},
		"an autoscaler of nothing":              {detect.Estate{Autoscalers: []*autoscalingv2.HorizontalPodAutoscaler{hpa("AbleToScale", "FailedGetScale", time.Hour)}}, "HorizontalPodAutoscaler api: scaling_stuck warning"},
		"an autoscaler that is switched off":    {detect.Estate{Autoscalers: []*autoscalingv2.HorizontalPodAutoscaler{hpa("ScalingActive", "ScalingDisabled", time.Hour)}}, ""},
		"a budget that blocks a drain":          {detect.Estate{Budgets: []*policyv1.PodDisruptionBudget{budget(0)}, Nodes: []*corev1.Node{draining(time.Hour)}, Pods: []*corev1.Pod{serving("api", true)}}, "Deployment api: drain_blocked warning"},
		"a drain that has just begun":           {detect.Estate{Budgets: []*policyv1.PodDisruptionBudget{budget(0)}, Nodes: []*corev1.Node{draining(time.Minute)}, Pods: []*corev1.Pod{serving("api", true)}}, ""},
		"a budget that lets one go":             {detect.Estate{Budgets: []*policyv1.PodDisruptionBudget{budget(1)}, Nodes: []*corev1.Node{draining(time.Hour)}, Pods: []*corev1.Pod{serving("api", true)}}, ""},
		"a budget that nobody minds":            {detect.Estate{Budgets: []*policyv1.PodDisruptionBudget{budget(0)}, Nodes: []*corev1.Node{node("n1", corev1.ConditionTrue, time.Hour)}, Pods: []*corev1.Pod{serving("api", true)}}, ""},
		"a run that was missed":                 {detect.Estate{CronJobs: []detect.CronJob{hourly(5 * time.Hour)}}, "CronJob nightly: schedule_missed warning"},
		"a run in time":                         {detect.Estate{CronJobs: []detect.CronJob{hourly(30 * time.Minute)}}, ""},
		"a run that somebody suspended":         {detect.Estate{CronJobs: []detect.CronJob{func() detect.CronJob { c := hourly(5 * time.Hour); c.Spec.Suspend = &yes; return c }()}}, ""},
		"a schedule that cannot be read":        {detect.Estate{CronJobs: []detect.CronJob{{CronJob: &batchv1.CronJob{ObjectMeta: named("nightly", time.Hour)}}}}, ""},
		"a volume that could not be given back": {detect.Estate{Volumes: []*corev1.PersistentVolume{{ObjectMeta: metav1.ObjectMeta{Name: "v", CreationTimestamp: ago(time.Hour)}, Status: corev1.PersistentVolumeStatus{Phase: corev1.VolumeFailed}}}}, "PersistentVolume v: volume_failing warning"},
		"a namespace that does not go":          {detect.Estate{Namespaces: []*corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: "old", DeletionTimestamp: func() *metav1.Time { at := ago(time.Hour); return &at }()}}}}, "Namespace old: stuck_terminating warning"},
		"a machine that does not join": {detect.Estate{Objects: []detect.Object{func() detect.Object {
			o := says("NodeClaim", "Registered", metav1.ConditionUnknown, 10*time.Minute)
			o.Meta.Labels = map[string]string{"karpenter.sh/nodepool": "general"}
			return o
		}()}}, "NodePool general: node_not_ready warning"},
		"a certificate that was to be renewed": {detect.Estate{Objects: []detect.Object{{Kind: "Certificate", Meta: named("web", time.Hour), RenewAt: now.Add(-20 * 24 * time.Hour), NotAfter: now.Add(10 * 24 * time.Hour)}}}, "Certificate web: certificate_expires warning"},
		"a certificate that ends tonight":      {detect.Estate{Objects: []detect.Object{{Kind: "Certificate", Meta: named("web", time.Hour), RenewAt: now.Add(-29 * 24 * time.Hour), NotAfter: now.Add(5 * time.Hour)}}}, "Certificate web: certificate_expires critical"},
		"a certificate of a day, in time":      {detect.Estate{Objects: []detect.Object{{Kind: "Certificate", Meta: named("web", time.Hour), RenewAt: now.Add(time.Hour), NotAfter: now.Add(9 * time.Hour)}}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(shown(c.e), "; "); got != c.want {
				t.Errorf("shown %q, want %q", got, c.want)
			}
		})
	}
}

func TestAuthorities(t *testing.T) {
	for name, c := range map[string]struct {
		from, to time.Duration // from now
		want     string
	}{
		"years left":                {-365 * 24 * time.Hour, 5 * 365 * 24 * time.Hour, ""},
		"three days left":           {-90 * 24 * time.Hour, 3 * 24 * time.Hour, "ValidatingWebhookConfiguration policy: certificate_expires warning"},
		"over":                      {-90 * 24 * time.Hour, -time.Hour, "ValidatingWebhookConfiguration policy: certificate_expires critical"},
		"one of a day, in its noon": {-12 * time.Hour, 12 * time.Hour, ""},
	} {
		h := hook(true, true)
		h.CA = append(authority(t, now.Add(-1000*time.Hour), now.Add(-900*time.Hour)), authority(t, now.Add(c.from), now.Add(c.to))...)
		e := detect.Estate{Hooks: []detect.Hook{h}, Services: []*corev1.Service{svc("policy", map[string]string{"app": "api"}, time.Hour)}, Pods: []*corev1.Pod{serving("api", true)}}
		if got := strings.Join(shown(e), "; "); got != c.want {
			t.Errorf("%s: shown %q, want %q", name, got, c.want)
		}
	}
}

// TestNodesThatLeave holds that a node which somebody takes away is no incident, and one that nobody does is.
func TestNodesThatLeave(t *testing.T) {
	gone := func(change func(*corev1.Node)) detect.Scene {
		n := node("n1", corev1.ConditionUnknown, 10*time.Minute)
		change(n)
		return nodeScene(n)
	}
	taint := func(key string) func(*corev1.Node) {
		return func(n *corev1.Node) { n.Spec.Taints = []corev1.Taint{{Key: key}} }
	}
	for name, c := range map[string]struct {
		scene detect.Scene
		want  string
	}{
		"nobody":              {gone(func(*corev1.Node) {}), "node_not_ready"},
		"a cordon":            {gone(func(n *corev1.Node) { n.Spec.Unschedulable = true }), ""},
		"Karpenter":           {gone(taint("karpenter.sh/disrupted")), ""},
		"Karpenter before v1": {gone(taint("karpenter.sh/disruption")), ""},
		"cluster autoscaler":  {gone(taint("ToBeDeletedByClusterAutoscaler")), ""},
		"a mere candidate":    {gone(taint("DeletionCandidateOfClusterAutoscaler")), "node_not_ready"},
		"termination handler": {gone(taint("aws-node-termination-handler/spot-itn")), ""},
		"Kubernetes's own":    {gone(taint(corev1.TaintNodeUnreachable)), "node_not_ready"},
	} {
		if got := classes(detect.Signals(c.scene)); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	s := gone(func(*corev1.Node) {})
	s.Events = []*corev1.Event{event(engine.KindNode, "n1", "SpotInterrupted", "Spot interruption warning was triggered", 5*time.Minute, 5*time.Minute)}
	r := detect.Signals(s)
	if len(r.Signals) != 0 || r.Recheck != 25*time.Minute {
		t.Errorf("a Spot instance that ends: %q, looked at again in %s", classes(r), r.Recheck)
	}
	s.Now = now.Add(26 * time.Minute)
	if got := classes(detect.Signals(s)); got != "node_not_ready" {
		t.Errorf("a Spot instance that never went: %q", got)
	}
}

func TestAnAutoscaledClusterWaitsForItsMachine(t *testing.T) {
	for name, c := range map[string]struct {
		auto   bool
		since  time.Duration
		source string // of an event
		want   string
	}{
		"no autoscaler":           {false, time.Minute, "", "unschedulable"},
		"one that brings a node":  {true, time.Minute, "default-scheduler", ""},
		"one that does not":       {true, 4 * time.Minute, "", "unschedulable"},
		"one that says it cannot": {true, time.Minute, "karpenter", "unschedulable"},
	} {
		s := healthy(1)
		refused(&s, c.since)
		s.Autoscaled = c.auto
		if c.source != "" {
			e := event("Pod", "big", "FailedScheduling", "Failed to schedule pod, no instance type fits", c.since, time.Second)
			e.Source.Component = c.source
			s.Events = append(s.Events, e)
		}
		if got := classes(detect.Signals(s)); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestFactsLast holds that a fact is a signal once it has lasted and no longer when it is too old, and that a scene is looked at again at those moments.
func TestFactsLast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seconds := func(name string) time.Duration {
			return time.Duration(rapid.IntRange(0, 3600).Draw(t, name)) * time.Second
		}
		f := detect.Fact{Class: engine.ClassRouteBroken, Severity: engine.Warning, Object: engine.ObjectRef{Kind: "Service", Name: "api"}, Text: "sends nowhere", Since: now.Add(-seconds("since")), After: seconds("after")}
		if rapid.Bool().Draw(t, "ends") {
			f.Until = now.Add(seconds("until") - 30*time.Minute)
		}
		s := detect.Scene{Workload: engine.Workload{Namespace: "payments", Kind: "Service", Name: "api"}, Facts: []detect.Fact{f}, Now: now}
		holds := func(at time.Time) bool { return at.Sub(f.Since) >= f.After && (f.Until.IsZero() || at.Before(f.Until)) }
		r := detect.Signals(s)
		if got := len(r.Signals) == 1; got != holds(now) {
			t.Fatalf("signals %v of %+v", r.Signals, f)
		}
		later := s
		if r.Recheck > 0 {
			later.Now = now.Add(r.Recheck - time.Second)
		} else {
			later.Now = now.Add(24 * time.Hour)
		}
		if later.Now.After(now) && len(detect.Signals(later).Signals) != len(r.Signals) {
			t.Fatalf("it changed before %s", r.Recheck)
		}
	})
}
