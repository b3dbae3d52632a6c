package kube

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/detect"
)

func toNothing(name string) *networkingv1.Ingress {
	return &networkingv1.Ingress{ObjectMeta: meta(name), Spec: networkingv1.IngressSpec{
		DefaultBackend: &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "gone", Port: networkingv1.ServiceBackendPort{Number: 80}}},
	}}
}

// refusing has the lists of a resource fail, from when it is told an error until it is told none.
func refusing(client *fake.Clientset, resource string) (refuse func(error)) {
	var mu sync.Mutex
	var problem error
	client.PrependReactor("list", resource, func(clienttesting.Action) (bool, runtime.Object, error) {
		mu.Lock()
		defer mu.Unlock()
		return problem != nil, nil, problem
	})
	return func(err error) {
		mu.Lock()
		defer mu.Unlock()
		problem = err
	}
}

// round is a little more than from one survey to the next.
const round = surveyEvery + time.Second

func TestASurveyTellsWhatNobodyWatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		_, client := watching(t, s, toNothing("web"))
		settle()
		want(t, s, "Ingress/web: route_broken")

		time.Sleep(round)
		want(t, s) // as before

		if _, err := client.CoreV1().Services("pay").Create(t.Context(), &corev1.Service{ObjectMeta: meta("gone"), Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}}}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(round)
		want(t, s, "Ingress/web:")
	})
}

// TestASurveyThatFailsChangesNothing holds that what cannot be listed now is as it was, and that what may not be listed says nothing.
func TestASurveyThatFailsChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		client := fake.NewSimpleClientset(toNothing("web"))
		refuse := refusing(client, "ingresses")
		start(t, newCluster("prod", client, slog.New(slog.DiscardHandler), time.Now), s)
		settle()
		want(t, s, "Ingress/web: route_broken")

		refuse(errors.New("the API server is away"))
		time.Sleep(round)
		want(t, s)

		refuse(apierrors.NewForbidden(schema.GroupResource{Resource: "ingresses"}, "", errors.New("no")))
		time.Sleep(round)
		want(t, s) // it was told of, and we were forbidden to look: what was known stays
	})
}

// TestNothingIsTakenBackBeforeItIsKnown holds that an incident of a kind which could not be listed since the start is not ended.
func TestNothingIsTakenBackBeforeItIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{firing: []engine.Workload{workload("Ingress", "web")}}
		client := fake.NewSimpleClientset()
		refuse := refusing(client, "ingresses")
		refuse(errors.New("too many requests"))
		start(t, newCluster("prod", client, slog.New(slog.DiscardHandler), time.Now), s)
		settle()
		want(t, s)

		refuse(nil)
		time.Sleep(2 * round)
		want(t, s, "Ingress/web:")
	})
}

func TestAnAutoscalerIsAFacetOfWhatItScales(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		a := &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: meta("api"), Spec: autoscalingv2.HorizontalPodAutoscalerSpec{ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{Kind: "Deployment", Name: "api"}}}
		a.Status.Conditions = []autoscalingv2.HorizontalPodAutoscalerCondition{{
			Type: autoscalingv2.ScalingActive, Status: corev1.ConditionFalse, Reason: "FailedGetResourceMetric", LastTransitionTime: metav1.NewTime(time.Now().Add(-time.Hour)),
		}}
		healthy := pod("api-1-x", by("ReplicaSet", "api-1"))
		_, client := watching(t, s, deployment("api", 1), replicaSet("api-1", "api"), healthy, a)
		settle()
		want(t, s, "Deployment/api: scaling_stuck")
		update(t, client, crashed(healthy, 3))
		settle()
		want(t, s, "Deployment/api: crash_loop scaling_stuck")
	})
}

func TestAutoscaled(t *testing.T) {
	labelled := func(key, value string) detect.Estate {
		n := node("n1", corev1.ConditionTrue)
		n.Labels = map[string]string{key: value}
		return detect.Estate{Nodes: []*corev1.Node{n}}
	}
	for name, c := range map[string]struct {
		e    detect.Estate
		want bool
	}{
		"nothing":            {detect.Estate{}, false},
		"Karpenter's node":   {labelled("karpenter.sh/nodepool", "general"), true},
		"Auto Mode":          {labelled("eks.amazonaws.com/compute-type", "auto"), true},
		"Fargate":            {labelled("eks.amazonaws.com/compute-type", "fargate"), false},
		"cluster autoscaler": {detect.Estate{Templates: []detect.Template{{Labels: map[string]string{"app.kubernetes.io/name": "aws-cluster-autoscaler"}}}}, true},
		"something else":     {detect.Estate{Templates: []detect.Template{{Labels: map[string]string{"app.kubernetes.io/name": "web"}}}}, false},
	} {
		if got := autoscaled(c.e); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestSchedules(t *testing.T) {
	after := time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC) // the day before Berlin's clocks go forward
	berlin, nowhere := "Europe/Berlin", "Mars/Olympus"
	for name, c := range map[string]struct {
		schedule string
		zone     *string
		want     string // "" for none
	}{
		"an hour":              {"0 * * * *", nil, "2026-03-28T13:00:00Z"},
		"a zone":               {"0 6 * * *", &berlin, "2026-03-29T04:00:00Z"},
		"a step":               {"*/7 * * * *", nil, "2026-03-28T12:07:00Z"},
		"no such zone":         {"0 6 * * *", &nowhere, ""},
		"no schedule":          {"every day", nil, ""},
		"a day that is seldom": {"0 0 29 2 *", nil, "2028-02-29T00:00:00Z"},
	} {
		got := ""
		if next := schedule(&batchv1.CronJob{Spec: batchv1.CronJobSpec{Schedule: c.schedule, TimeZone: c.zone}}); next != nil {
			got = next(after).UTC().Format(time.RFC3339)
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestHooks(t *testing.T) {
	ignore := admissionv1.Ignore
	rule := func(operation admissionv1.OperationType, resource string) []admissionv1.RuleWithOperations {
		return []admissionv1.RuleWithOperations{{Operations: []admissionv1.OperationType{operation}, Rule: admissionv1.Rule{Resources: []string{resource}}}}
	}
	inside := admissionv1.WebhookClientConfig{Service: &admissionv1.ServiceReference{Namespace: "policy", Name: "svc"}}
	outside := "https://policy.example.com"
	for name, c := range map[string]struct {
		policy *admissionv1.FailurePolicyType
		rules  []admissionv1.RuleWithOperations
		to     admissionv1.WebhookClientConfig
		want   string
	}{
		"pods, by default strict": {nil, rule(admissionv1.Create, "pods"), inside, "fails writes policy/svc:443"},
		"everything":              {nil, rule(admissionv1.OperationAll, "*"), inside, "fails writes policy/svc:443"},
		"secrets":                 {nil, rule(admissionv1.Create, "secrets"), inside, "fails policy/svc:443"},
		"deletions of pods":       {nil, rule(admissionv1.Delete, "pods"), inside, "fails policy/svc:443"},
		"passed over":             {&ignore, rule(admissionv1.Create, "pods"), inside, "writes policy/svc:443"},
		"outside":                 {nil, rule(admissionv1.Create, "pods"), admissionv1.WebhookClientConfig{URL: &outside}, ""},
	} {
		var got []string
		for _, h := range hook(metav1.ObjectMeta{Name: "policy"}, kindValidating, "policy.example.com", c.policy, c.rules, c.to) {
			if h.Fails {
				got = append(got, "fails")
			}
			if h.Writes {
				got = append(got, "writes")
			}
			got = append(got, fmt.Sprintf("%s/%s:%d", h.Service.Namespace, h.Service.Name, h.Service.Number))
		}
		if line := strings.Join(got, " "); line != c.want {
			t.Errorf("%s: %q, want %q", name, line, c.want)
		}
	}
}

// TestObjects reads the kinds of other projects as their controllers write them.
func TestObjects(t *testing.T) {
	of := func(kind string, spec, status map[string]any) detect.Object {
		return object(kind, &unstructured.Unstructured{Object: map[string]any{"kind": kind, "metadata": map[string]any{"name": "x", "namespace": "shop"}, "spec": spec, "status": status}})
	}
	list := func(conditions ...any) map[string]any { return map[string]any{"conditions": conditions} }
	is := func(kind, status, reason string) map[string]any {
		return map[string]any{"type": kind, "status": status, "reason": reason, "lastTransitionTime": "2026-11-20T03:00:00Z"}
	}
	for name, c := range map[string]struct {
		o    detect.Object
		want string
	}{
		"an API":                      {of("APIService", map[string]any{"service": map[string]any{"namespace": "kube-system", "name": "metrics"}}, list(is("Available", "False", "MissingEndpoints"))), "Available=False MissingEndpoints → kube-system/metrics"},
		"an API of the server itself": {of("APIService", map[string]any{}, list(is("Available", "True", "Local"))), "Available=True Local"},
		"a route, refused by one of two gateways": {of("HTTPRoute", map[string]any{"rules": []any{map[string]any{"backendRefs": []any{map[string]any{"name": "web"}, map[string]any{"kind": "Bucket", "name": "files"}}}}},
			map[string]any{"parents": []any{list(is("Accepted", "True", "Accepted")), list(is("Accepted", "False", "NotAllowed"))}}), "Accepted=False NotAllowed, Accepted=True Accepted → shop/web"},
		"conditions of another shape":    {of("Gateway", nil, map[string]any{"conditions": []any{"ready", map[string]any{"status": int64(3)}}}), ""},
		"an application that failed":     {of("Application", nil, map[string]any{"operationState": map[string]any{"phase": "Failed", "finishedAt": "2026-11-20T03:00:00Z"}}), "Delivered=False Failed"},
		"an application that is well":    {of("Application", nil, map[string]any{"operationState": map[string]any{"phase": "Succeeded"}}), ""},
		"a version that failed":          {of("ClusterServiceVersion", nil, map[string]any{"phase": "Failed", "reason": "InstallCheckFailed"}), "Delivered=False InstallCheckFailed"},
		"the copy of one":                {of("ClusterServiceVersion", nil, map[string]any{"phase": "Failed", "reason": "Copied"}), ""},
		"a plan that failed":             {of("InstallPlan", nil, map[string]any{"phase": "Failed"}), "Delivered=False Failed"},
		"a plan that waits for approval": {of("InstallPlan", nil, map[string]any{"phase": "RequiresApproval"}), ""},
		"a catalogue that is away":       {of("CatalogSource", nil, map[string]any{"connectionState": map[string]any{"lastObservedState": "TRANSIENT_FAILURE"}}), "Delivered=False TRANSIENT_FAILURE"},
		"a subscription":                 {of("Subscription", nil, list(is("CatalogSourcesUnhealthy", "False", "AllCatalogSourcesHealthy"), is("ResolutionFailed", "True", "ConstraintsNotSatisfiable"))), "Delivered=False ConstraintsNotSatisfiable"},
	} {
		var all, to []string
		for _, x := range c.o.Conditions {
			all = append(all, x.Type+"="+string(x.Status)+" "+x.Reason)
		}
		for _, b := range c.o.Backends {
			to = append(to, b.Namespace+"/"+b.Name)
		}
		got := strings.Join(all, ", ")
		if len(to) > 0 {
			got += " → " + strings.Join(to, ", ")
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	o := of("Certificate", nil, map[string]any{"notAfter": "2026-12-20T03:00:00Z", "renewalTime": "2026-11-20T03:00:00Z"})
	if o.NotAfter.IsZero() || o.RenewAt.IsZero() {
		t.Errorf("a certificate: %+v", o)
	}
}

// TestKindsThatAreNotInstalledSayNothing surveys a cluster that has one of the kinds of other projects.
func TestKindsThatAreNotInstalledSayNothing(t *testing.T) {
	kinds := map[schema.GroupVersionResource]string{}
	for _, k := range candid {
		for _, v := range k.versions {
			kinds[v] = k.kind + "List"
		}
	}
	class := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": map[string]any{"name": "web"},
		"status": map[string]any{"conditions": []any{map[string]any{"type": "Accepted", "status": "False", "reason": "Invalid", "lastTransitionTime": "2020-01-01T00:00:00Z"}}},
	}}
	client := dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), kinds, class)
	client.PrependReactor("list", "*", func(a clienttesting.Action) (bool, runtime.Object, error) {
		if a.GetResource().Resource == "gatewayclasses" {
			return false, nil, nil
		}
		return true, nil, apierrors.NewNotFound(a.GetResource().GroupResource(), "")
	})
	c := newCluster("prod", fake.NewSimpleClientset(), nil, time.Now)
	c.dynamic = client
	s := newSurvey(c, newObjects(c.client, c.now))
	if touched := s.take(t.Context()); !slices.Equal(touched, []engine.Workload{{Kind: "GatewayClass", Name: "web"}}) {
		t.Errorf("touched %v", touched)
	}
	if diff := cmp.Diff(map[string]bool{}, s.missing); diff != "" {
		t.Errorf("missing:\n%s", diff)
	}
}
