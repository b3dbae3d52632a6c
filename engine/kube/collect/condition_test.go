package collect

import (
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/eks-autopilot/autopilot/engine"
)

// firing is a signal of a watch that names an object.
func firing(kind, name string) engine.Signal {
	return engine.Signal{Source: engine.SourceWatch, Object: engine.ObjectRef{Kind: kind, Namespace: "pay", Name: name}}
}

func TestWhatControllersSayOfWhatASignalNames(t *testing.T) {
	scaler := &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: meta("api", time.Hour)}
	scaler.Status.Conditions = []autoscalingv2.HorizontalPodAutoscalerCondition{
		{Type: autoscalingv2.AbleToScale, Status: corev1.ConditionTrue, Reason: "SucceededGetScale"},
		{Type: autoscalingv2.ScalingLimited, Status: corev1.ConditionFalse, Reason: "DesiredWithinRange"},
		{Type: autoscalingv2.ScalingActive, Status: corev1.ConditionFalse, Reason: "FailedGetResourceMetric", Message: "no metrics"},
	}
	guard := &policyv1.PodDisruptionBudget{ObjectMeta: meta("api", time.Hour), Status: policyv1.PodDisruptionBudgetStatus{CurrentHealthy: 1, ExpectedPods: 2, DesiredHealthy: 2}}
	over := firing("HorizontalPodAutoscaler", "old")
	over.EndsAt = noon
	found, failed := gather(t, client(deployment(template("api:1")), scaler, guard,
		event("e1", "HorizontalPodAutoscaler", "api", "FailedGetResourceMetric", "missing request for cpu", time.Minute)),
		incident("Deployment", "api", firing("HorizontalPodAutoscaler", "api"), firing("PodDisruptionBudget", "api"), firing("PersistentVolumeClaim", "data"), over))
	if len(failed) > 0 {
		t.Errorf("gaps: %v", failed)
	}
	wantTexts(t, "conditions", found,
		"HorizontalPodAutoscaler api says ScalingActive=False: FailedGetResourceMetric: no metrics",
		"PodDisruptionBudget api says DisruptionAllowed=false: 1 of 2 pods are healthy, 2 must be: 0 may be away")
	wantTexts(t, "events", found, "FailedGetResourceMetric: missing request for cpu (2 times)")
}

func TestWhatRoutesPointAt(t *testing.T) {
	selects := func(app, port string) *corev1.Service {
		return &corev1.Service{ObjectMeta: meta("web", time.Hour), Spec: corev1.ServiceSpec{
			Selector: map[string]string{"app": app}, Ports: []corev1.ServicePort{{Name: "http", Port: 80, TargetPort: intstr.FromString(port)}},
		}}
	}
	found, _ := gather(t, client(selects("web", "http"), deployment(template("api:1"))), incident("Service", "web"))
	wantTexts(t, "conditions", found, "Service web exists: 0 of 0 endpoints ready")
	found, _ = gather(t, client(selects("ap", "http"), deployment(template("api:1"))), incident("Service", "web"))
	wantTexts(t, "conditions", found, "Service web exists: 0 of 0 endpoints ready", "Deployment api exists: app=api")

	class := "nginx"
	i := &networkingv1.Ingress{ObjectMeta: meta("shop", time.Hour)}
	i.Spec.IngressClassName = &class
	for name, port := range map[string]networkingv1.ServiceBackendPort{"web": {Number: 8080}, "gone": {Number: 80}, "redirect": {Name: "use-annotation"}} {
		if name == "web" {
			i.Spec.DefaultBackend = &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: name, Port: port}}
			continue
		}
		i.Spec.Rules = append(i.Spec.Rules, networkingv1.IngressRule{IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
			Paths: []networkingv1.HTTPIngressPath{{Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: name, Port: port}}}},
		}}})
	}
	found, _ = gather(t, client(selects("web", "http"), i), incident("Ingress", "shop"))
	wantTexts(t, "conditions", found, "IngressClass nginx does not exist", "Service web exists", "service web: it has no port 8080", "Service gone does not exist")
}

func TestWhatAnswersAWebhook(t *testing.T) {
	c := &admissionv1.ValidatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "policy"}}
	for _, name := range []string{"policy", "policy", "gone"} {
		c.Webhooks = append(c.Webhooks, admissionv1.ValidatingWebhook{ClientConfig: admissionv1.WebhookClientConfig{Service: &admissionv1.ServiceReference{Namespace: "pay", Name: name}, CABundle: []byte("no certificate")}})
	}
	i := incident("ValidatingWebhookConfiguration", "policy")
	i.Workload.Namespace = ""
	found, failed := gather(t, client(c, &corev1.Service{ObjectMeta: meta("policy", time.Hour)}), i)
	if len(failed) > 0 {
		t.Errorf("gaps: %v", failed)
	}
	wantTexts(t, "conditions", found, "Service policy exists: 0 of 0 endpoints ready", "Service gone does not exist: in namespace pay")
}

func TestWhatCannotBeReadIsAGap(t *testing.T) {
	c := client(&corev1.Service{ObjectMeta: meta("web", time.Hour)})
	forbid(c, "get", "services")
	_, failed := gather(t, c, incident("Service", "web"))
	if failed["conditions"] == nil || engine.CodeOf(failed["conditions"]) != engine.Forbidden {
		t.Errorf("gaps: %v", failed)
	}
}

// TestWhoTakesANodeAway tells a node that is taken away from one that fails, and nodes that fall silent together from one that does.
func TestWhoTakesANodeAway(t *testing.T) {
	n := func(name, group, version string, silent time.Duration, taints ...string) *corev1.Node {
		o := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: at(time.Hour), Labels: map[string]string{"eks.amazonaws.com/nodegroup": group}}}
		o.Status.NodeInfo.KubeletVersion = version
		o.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, LastTransitionTime: at(time.Hour)}}
		if silent > 0 {
			o.Status.Conditions[0] = corev1.NodeCondition{Type: corev1.NodeReady, Status: corev1.ConditionUnknown, LastTransitionTime: at(silent)}
		}
		for _, key := range taints {
			o.Spec.Taints = append(o.Spec.Taints, corev1.Taint{Key: key, Effect: corev1.TaintEffectNoSchedule})
		}
		return o
	}
	newer := n("new", "b", "v1.37.2", 0)
	newer.CreationTimestamp = at(time.Minute)
	for name, c := range map[string]struct {
		node                    *corev1.Node
		beside                  []*corev1.Node
		spot                    bool
		planned, silent, newest string
	}{
		"it stays":                     {n("n1", "a", "v1.36.1", 0), []*corev1.Node{newer}, false, "", "", ""},
		"Karpenter":                    {n("n1", "a", "v1.36.1", 0, "karpenter.sh/disrupted"), []*corev1.Node{newer}, false, "autoscaler", "0", "v1.37.2"},
		"the end of a Spot instance":   {n("n1", "a", "v1.36.1", time.Minute, "karpenter.sh/disrupted"), nil, true, "spot", "0", "v1.36.1"},
		"AWS's termination handler":    {n("n1", "a", "v1.36.1", 0, "aws-node-termination-handler/spot-itn"), nil, false, "spot", "0", "v1.36.1"},
		"a machine that was shut down": {n("n1", "a", "v1.36.1", time.Minute, "node.cloudprovider.kubernetes.io/shutdown"), nil, false, "shutdown", "0", "v1.36.1"},
		"alone":                        {n("n1", "a", "v1.36.1", 10*time.Minute), []*corev1.Node{n("n2", "a", "v1.36.1", 0), n("n3", "b", "v1.36.1", 10*time.Minute), n("n4", "a", "v1.36.1", 50*time.Minute)}, false, "", "0", "v1.36.1"},
		"with its group":               {n("n1", "a", "v1.36.1", 10*time.Minute), []*corev1.Node{n("n2", "a", "v1.36.1", 9*time.Minute), n("n3", "a", "v1.36.1", 12*time.Minute)}, false, "", "2", "v1.36.1"},
		"of no group":                  {n("n1", "", "v1.36.1", 10*time.Minute), []*corev1.Node{n("n2", "", "v1.36.1", 9*time.Minute)}, false, "", "0", "v1.36.1"},
	} {
		fake := client(c.node)
		for _, o := range c.beside {
			if err := fake.Tracker().Add(o); err != nil {
				t.Fatal(err)
			}
		}
		if c.spot {
			e := event("e1", engine.KindNode, "n1", "SpotInterrupted", "Spot interruption warning was triggered", time.Minute)
			e.InvolvedObject.Namespace = ""
			if err := fake.Tracker().Add(e); err != nil {
				t.Fatal(err)
			}
		}
		found, failed := gather(t, fake, incident(engine.KindNode, "n1"))
		if len(failed) > 0 || len(found["nodes"]) != 1 {
			t.Fatalf("%s: %v, gaps %v", name, found["nodes"], failed)
		}
		got := found["nodes"][0].Fields
		if got["planned"] != c.planned || got["silent"] != c.silent || got["newest"] != c.newest {
			t.Errorf("%s: planned %q, silent %q, newest %q; want %q, %q, %q", name, got["planned"], got["silent"], got["newest"], c.planned, c.silent, c.newest)
		}
	}
}
