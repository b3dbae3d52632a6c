package kube

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/robfig/cron/v3"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	batchv1 "k8s.io/api/batch/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/eks-autopilot/autopilot/engine/detect"
)

// schedule reads when a CronJob wants to run; nil when that cannot be read. Without a time zone of its own, it is that of EKS's controllers.
func schedule(c *batchv1.CronJob) func(time.Time) time.Time {
	zone := "UTC"
	if c.Spec.TimeZone != nil {
		zone = *c.Spec.TimeZone
	}
	where, err := time.LoadLocation(zone)
	if err != nil {
		return nil
	}
	wanted, err := cron.ParseStandard(c.Spec.Schedule)
	if err != nil {
		return nil
	}
	return func(after time.Time) time.Time { return wanted.Next(after.In(where)) }
}

// classes lists the names of the ingress classes.
func (s *survey) classes(ctx context.Context, e *detect.Estate) error {
	var all []*networkingv1.IngressClass
	if err := listed(ctx, &all, s.c.client.NetworkingV1().IngressClasses().List, func(l *networkingv1.IngressClassList) []networkingv1.IngressClass { return l.Items }); err != nil {
		return err
	}
	e.Classes = make([]string, 0, len(all))
	for _, c := range all {
		e.Classes = append(e.Classes, c.Name)
	}
	return nil
}

// The kinds of configuration that admission webhooks stand in.
const (
	kindValidating = "ValidatingWebhookConfiguration"
	kindMutating   = "MutatingWebhookConfiguration"
)

// hooks lists the admission webhooks that are answered inside the cluster.
func (s *survey) hooks(ctx context.Context, e *detect.Estate, note func(string, error, bool)) {
	had := e.Hooks != nil
	api := s.c.client.AdmissionregistrationV1()
	var validating []*admissionv1.ValidatingWebhookConfiguration
	err := listed(ctx, &validating, api.ValidatingWebhookConfigurations().List,
		func(l *admissionv1.ValidatingWebhookConfigurationList) []admissionv1.ValidatingWebhookConfiguration {
			return l.Items
		})
	note(kindValidating, err, had)
	var mutating []*admissionv1.MutatingWebhookConfiguration
	err2 := listed(ctx, &mutating, api.MutatingWebhookConfigurations().List,
		func(l *admissionv1.MutatingWebhookConfigurationList) []admissionv1.MutatingWebhookConfiguration {
			return l.Items
		})
	note(kindMutating, err2, had)
	if err != nil || err2 != nil {
		return
	}
	e.Hooks = []detect.Hook{}
	for _, c := range validating {
		for _, w := range c.Webhooks {
			e.Hooks = append(e.Hooks, hook(c.ObjectMeta, kindValidating, w.Name, w.FailurePolicy, w.Rules, w.ClientConfig)...)
		}
	}
	for _, c := range mutating {
		for _, w := range c.Webhooks {
			e.Hooks = append(e.Hooks, hook(c.ObjectMeta, kindMutating, w.Name, w.FailurePolicy, w.Rules, w.ClientConfig)...)
		}
	}
}

// workloads are the resources without which nothing new runs.
var workloads = []string{"*", "*/*", "pods", "pods/*", "deployments", "replicasets", "statefulsets", "daemonsets", "jobs"}

// hook gives a webhook that a Service answers; none for one that is outside of the cluster.
func hook(config metav1.ObjectMeta, kind, name string, policy *admissionv1.FailurePolicyType, rules []admissionv1.RuleWithOperations, to admissionv1.WebhookClientConfig) []detect.Hook {
	if to.Service == nil {
		return nil
	}
	port := int32(443)
	if to.Service.Port != nil {
		port = *to.Service.Port
	}
	return []detect.Hook{{
		Config: config, Kind: kind, Name: name, Fails: policy == nil || *policy == admissionv1.Fail, CA: to.CABundle,
		Writes: slices.ContainsFunc(rules, func(r admissionv1.RuleWithOperations) bool {
			creates := slices.ContainsFunc(r.Operations, func(o admissionv1.OperationType) bool {
				return o == admissionv1.Create || o == admissionv1.OperationAll
			})
			return creates && slices.ContainsFunc(r.Resources, func(resource string) bool { return slices.Contains(workloads, resource) })
		}),
		Service: detect.Endpoint{Namespace: to.Service.Namespace, Name: to.Service.Name, Number: port},
	}}
}

// candid are the kinds that other projects add, and the API server's own register of them, which say in conditions how they are.
var candid = []struct {
	kind     string
	versions []schema.GroupVersionResource // the newest first
}{
	{"APIService", []schema.GroupVersionResource{{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"}}},
	{"GatewayClass", []schema.GroupVersionResource{{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "gatewayclasses"}}},
	{"Gateway", []schema.GroupVersionResource{{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "gateways"}}},
	{"HTTPRoute", []schema.GroupVersionResource{{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "httproutes"}}},
	{"Certificate", []schema.GroupVersionResource{{Group: "cert-manager.io", Version: "v1", Resource: "certificates"}}},
	{"Application", argoApplications},
	{"Kustomization", fluxKustomizations},
	{"HelmRelease", fluxReleases},
	{"ClusterServiceVersion", []schema.GroupVersionResource{{Group: "operators.coreos.com", Version: "v1alpha1", Resource: "clusterserviceversions"}}},
	{"InstallPlan", []schema.GroupVersionResource{{Group: "operators.coreos.com", Version: "v1alpha1", Resource: "installplans"}}},
	{"Subscription", []schema.GroupVersionResource{{Group: "operators.coreos.com", Version: "v1alpha1", Resource: "subscriptions"}}},
	{"CatalogSource", []schema.GroupVersionResource{{Group: "operators.coreos.com", Version: "v1alpha1", Resource: "catalogsources"}}},
	{"ClusterExtension", []schema.GroupVersionResource{{Group: "olm.operatorframework.io", Version: "v1", Resource: "clusterextensions"}}},
	{"ClusterCatalog", []schema.GroupVersionResource{{Group: "olm.operatorframework.io", Version: "v1", Resource: "clustercatalogs"}}},
	{"NodeClaim", []schema.GroupVersionResource{{Group: "karpenter.sh", Version: "v1", Resource: "nodeclaims"}, {Group: "karpenter.sh", Version: "v1beta1", Resource: "nodeclaims"}}},
}

func (s *survey) custom(ctx context.Context, e *detect.Estate, note func(string, error, bool)) {
	had := e.Objects
	e.Objects = nil
	if s.c.dynamic == nil {
		return
	}
	for _, k := range candid {
		var found []*unstructured.Unstructured
		var err error
		for _, v := range k.versions {
			list := func(ctx context.Context, opts metav1.ListOptions) (*unstructured.UnstructuredList, error) {
				return s.c.dynamic.Resource(v).List(ctx, opts)
			}
			err = listed(ctx, &found, list, func(l *unstructured.UnstructuredList) []unstructured.Unstructured { return l.Items })
			if !apierrors.IsNotFound(err) {
				break
			}
		}
		before := slices.DeleteFunc(slices.Clone(had), func(o detect.Object) bool { return o.Kind != k.kind })
		note(k.kind, err, len(before) > 0)
		switch {
		case err == nil:
			for _, u := range found {
				e.Objects = append(e.Objects, object(k.kind, u))
			}
		case !apierrors.IsNotFound(err):
			e.Objects = append(e.Objects, before...)
		}
	}
}

// object reads what an object says of itself.
func object(kind string, u *unstructured.Unstructured) detect.Object {
	o := detect.Object{Kind: kind, Meta: metav1.ObjectMeta{
		Name: u.GetName(), Namespace: u.GetNamespace(), UID: u.GetUID(), Labels: u.GetLabels(), Generation: u.GetGeneration(),
		CreationTimestamp: u.GetCreationTimestamp(), DeletionTimestamp: u.GetDeletionTimestamp(),
	}}
	o.Conditions = conditions(u.Object, "status", "conditions")
	switch kind {
	case "APIService":
		if name := text(u.Object, "spec", "service", "name"); name != "" {
			o.Backends = []detect.Endpoint{{Namespace: text(u.Object, "spec", "service", "namespace"), Name: name}}
		}
	case "HTTPRoute":
		parents, _, _ := unstructured.NestedSlice(u.Object, "status", "parents") // a route that nobody took up has none
		for _, p := range parents {
			if parent, ok := p.(map[string]any); ok {
				o.Conditions = append(o.Conditions, conditions(parent, "conditions")...)
			}
		}
		slices.SortStableFunc(o.Conditions, func(a, b metav1.Condition) int { return cmp.Compare(a.Status, b.Status) }) // one gateway that says no is enough
		o.Backends = routeBackends(u)
	case "Application", "ClusterServiceVersion", "InstallPlan", "Subscription", "CatalogSource":
		if c, failed := delivery(kind, u, o.Conditions); failed {
			o.Conditions = []metav1.Condition{c}
		}
	case "Certificate":
		o.NotAfter, o.RenewAt = moment(u, "status", "notAfter"), moment(u, "status", "renewalTime")
	}
	return o
}

func routeBackends(u *unstructured.Unstructured) []detect.Endpoint {
	var out []detect.Endpoint
	rules, _, _ := unstructured.NestedSlice(u.Object, "spec", "rules") // the API server checked its shape
	for _, r := range rules {
		rule, ok := r.(map[string]any)
		if !ok {
			continue
		}
		refs, _, _ := unstructured.NestedSlice(rule, "backendRefs")
		for _, b := range refs {
			backend, ok := b.(map[string]any)
			if kind := text(backend, "kind"); ok && (kind == "" || kind == "Service") {
				out = append(out, detect.Endpoint{Namespace: cmp.Or(text(backend, "namespace"), u.GetNamespace()), Name: text(backend, "name")})
			}
		}
	}
	return out
}

// conditions reads a list of conditions; one that is not of the usual shape is left out.
func conditions(object map[string]any, path ...string) []metav1.Condition {
	list, _, _ := unstructured.NestedSlice(object, path...) // an object without conditions says nothing
	var out []metav1.Condition
	for _, c := range list {
		fields, ok := c.(map[string]any)
		if !ok {
			continue
		}
		var one metav1.Condition
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(fields, &one); err == nil {
			out = append(out, one)
		}
	}
	return out
}

// moment reads a time; zero when there is none.
func moment(u *unstructured.Unstructured, path ...string) time.Time {
	t, err := time.Parse(time.RFC3339, text(u.Object, path...))
	if err != nil {
		return time.Time{}
	}
	return t
}

// delivery says, for kinds that do not use conditions for it or mean a failure by one that is true, that a delivery failed, why and since when.
func delivery(kind string, u *unstructured.Unstructured, conditions []metav1.Condition) (metav1.Condition, bool) {
	c := metav1.Condition{Type: "Delivered", Status: metav1.ConditionFalse}
	at := func(path ...string) { c.LastTransitionTime = metav1.NewTime(moment(u, path...)) }
	switch kind {
	case "Application": // what of it is unwell are workloads of their own
		c.Reason = text(u.Object, "status", "operationState", "phase")
		at("status", "operationState", "finishedAt")
		return c, c.Reason == "Failed" || c.Reason == "Error"
	case "ClusterServiceVersion":
		c.Reason = text(u.Object, "status", "reason")
		at("status", "lastTransitionTime")
		return c, text(u.Object, "status", "phase") == "Failed" && c.Reason != "Copied"
	case "InstallPlan":
		c.Reason = text(u.Object, "status", "phase")
		return c, c.Reason == "Failed"
	case "CatalogSource":
		c.Reason = text(u.Object, "status", "connectionState", "lastObservedState")
		at("status", "connectionState", "lastConnect")
		return c, c.Reason != "" && c.Reason != "READY" && c.Reason != "CONNECTING" && c.Reason != "IDLE"
	}
	for _, is := range conditions { // of a Subscription
		if is.Status == metav1.ConditionTrue && slices.Contains([]string{"ResolutionFailed", "InstallPlanFailed", "BundleUnpackFailed", "CatalogSourcesUnhealthy"}, is.Type) {
			c.Reason, c.LastTransitionTime = cmp.Or(is.Reason, is.Type), is.LastTransitionTime
			return c, true
		}
	}
	return c, false
}
