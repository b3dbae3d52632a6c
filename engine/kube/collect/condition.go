package collect

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	maxObjects  = 4  // that are looked at because a signal names them
	maxBackends = 10 // services that an Ingress or the webhooks of a configuration send to
	maxAlike    = 3  // workloads whose labels are shown beside a selector
)

// readers read what stands between workloads, by its kind: what its controller says of it, and whether what it points at is there.
var readers = map[string]func(context.Context, *subject, engine.ObjectRef) ([]engine.Evidence, error){
	"HorizontalPodAutoscaler":        autoscaler,
	"PodDisruptionBudget":            budget,
	"Service":                        service,
	"Ingress":                        ingress,
	"Namespace":                      namespace,
	"PersistentVolume":               volume,
	"ValidatingWebhookConfiguration": validating,
	"MutatingWebhookConfiguration":   mutating,
	"APIService":                     spoken(schema.GroupVersionResource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"}),
	"GatewayClass":                   spoken(schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "gatewayclasses"}),
	"Gateway":                        spoken(schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "gateways"}),
	"HTTPRoute":                      spoken(schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "httproutes"}),
	"Certificate":                    spoken(schema.GroupVersionResource{Group: "cert-manager.io", Version: "v1", Resource: "certificates"}),
	"Kustomization":                  spoken(schema.GroupVersionResource{Group: "kustomize.toolkit.fluxcd.io", Version: "v1", Resource: "kustomizations"}),
	"HelmRelease":                    spoken(schema.GroupVersionResource{Group: "helm.toolkit.fluxcd.io", Version: "v2", Resource: "helmreleases"}),
	"ClusterExtension":               spoken(schema.GroupVersionResource{Group: "olm.operatorframework.io", Version: "v1", Resource: "clusterextensions"}),
	"ClusterCatalog":                 spoken(schema.GroupVersionResource{Group: "olm.operatorframework.io", Version: "v1", Resource: "clustercatalogs"}),
	"Application":                    delivered(schema.GroupVersionResource{Group: "argoproj.io", Version: "v1alpha1", Resource: "applications"}),
	"ClusterServiceVersion":          delivered(schema.GroupVersionResource{Group: "operators.coreos.com", Version: "v1alpha1", Resource: "clusterserviceversions"}),
	"InstallPlan":                    delivered(schema.GroupVersionResource{Group: "operators.coreos.com", Version: "v1alpha1", Resource: "installplans"}),
	"Subscription":                   delivered(schema.GroupVersionResource{Group: "operators.coreos.com", Version: "v1alpha1", Resource: "subscriptions"}),
	"CatalogSource":                  delivered(schema.GroupVersionResource{Group: "operators.coreos.com", Version: "v1alpha1", Resource: "catalogsources"}),
	"NodePool":                       claimsOfPool,
}

// conditions shows what is wrong with the object that the incident is about, or that a signal of it names.
func conditions(ctx context.Context, s *subject) ([]engine.Evidence, error) {
	var out []engine.Evidence
	var problem error
	for _, ref := range s.named() {
		read, ok := readers[ref.Kind]
		if !ok {
			continue
		}
		found, err := read(ctx, s, ref)
		problem = first(problem, failed(err, "read "+ref.Kind+" "+ref.Name))
		out = append(out, found...)
	}
	return out, problem
}

// named gives the workload and the objects other than pods that firing signals name.
func (s *subject) named() []engine.ObjectRef {
	out := []engine.ObjectRef{s.ref()}
	for _, sig := range s.incident.Signals {
		o := sig.Object
		o.UID = ""
		same := func(have engine.ObjectRef) bool {
			return have.Kind == o.Kind && have.Namespace == o.Namespace && have.Name == o.Name
		}
		if sig.Firing() && o.Name != "" && o.Kind != "Pod" && o.Kind != engine.KindNode && len(out) < maxObjects && !slices.ContainsFunc(out, same) {
			out = append(out, o)
		}
	}
	return out
}

// state is the evidence of one condition.
func state(ref engine.ObjectRef, kind, status, reason, message string, at time.Time) engine.Evidence {
	return engine.Evidence{
		ID: fmt.Sprintf("condition/%s/%s/%s", ref.Kind, ref.Name, kind), Kind: engine.EvidenceCondition, Object: ref, At: at,
		Text:   joined(": ", fmt.Sprintf("%s %s says %s=%s", ref.Kind, ref.Name, kind, status), reason, message),
		Fields: map[string]string{"type": kind, "status": status, "reason": reason, "message": message},
	}
}

func autoscaler(ctx context.Context, s *subject, ref engine.ObjectRef) ([]engine.Evidence, error) {
	a, err := s.Client.AutoscalingV2().HorizontalPodAutoscalers(ref.Namespace).Get(ctx, ref.Name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	var out []engine.Evidence
	for _, c := range a.Status.Conditions {
		if c.Status != corev1.ConditionTrue && c.Type != "ScalingLimited" {
			out = append(out, state(ref, string(c.Type), string(c.Status), c.Reason, c.Message, c.LastTransitionTime.Time))
		}
	}
	return out, nil
}

func budget(ctx context.Context, s *subject, ref engine.ObjectRef) ([]engine.Evidence, error) {
	b, err := s.Client.PolicyV1().PodDisruptionBudgets(ref.Namespace).Get(ctx, ref.Name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	text := fmt.Sprintf("%d of %d pods are healthy, %d must be: %d may be away", b.Status.CurrentHealthy, b.Status.ExpectedPods, b.Status.DesiredHealthy, b.Status.DisruptionsAllowed)
	return []engine.Evidence{state(ref, "DisruptionAllowed", yes(b.Status.DisruptionsAllowed > 0), "", text, time.Time{})}, nil
}

func namespace(ctx context.Context, s *subject, ref engine.ObjectRef) ([]engine.Evidence, error) {
	n, err := s.Client.CoreV1().Namespaces().Get(ctx, ref.Name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	var out []engine.Evidence
	for _, c := range n.Status.Conditions {
		if c.Status == corev1.ConditionTrue {
			out = append(out, state(ref, string(c.Type), string(c.Status), c.Reason, c.Message, c.LastTransitionTime.Time))
		}
	}
	return out, nil
}

func volume(ctx context.Context, s *subject, ref engine.ObjectRef) ([]engine.Evidence, error) {
	v, err := s.Client.CoreV1().PersistentVolumes().Get(ctx, ref.Name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	return []engine.Evidence{state(ref, "Phase", string(v.Status.Phase), v.Status.Reason, v.Status.Message, time.Time{})}, nil
}

// service shows whether a Service has pods, what makes pods whose labels are nearest to what it selects, and ports that its pods lack.
func service(ctx context.Context, s *subject, ref engine.ObjectRef) ([]engine.Evidence, error) {
	svc, err := s.Client.CoreV1().Services(ref.Namespace).Get(ctx, ref.Name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	e, ok, err := s.service(ctx, host{name: ref.Name, namespace: ref.Namespace, by: "the incident"})
	if err != nil || !ok {
		return nil, err
	}
	out := []engine.Evidence{e}
	if strings.HasPrefix(e.Fields["detail"], "0 of 0 ") {
		near, err := s.nearest(ctx, svc)
		return append(out, near...), err
	}
	lost, err := s.lostPorts(ctx, svc)
	return append(out, lost...), err
}

// nearest gives the Deployments and StatefulSets whose pods come closest to what a Service selects: those of its name, or with a label of it.
func (s *subject) nearest(ctx context.Context, svc *corev1.Service) ([]engine.Evidence, error) {
	var out []engine.Evidence
	add := func(kind, name string, labels map[string]string) {
		alike := name == svc.Name
		for k, v := range svc.Spec.Selector {
			alike = alike || labels[k] == v || strings.Contains(labels[k], v) && v != ""
		}
		if alike && len(out) < maxAlike {
			e := s.reference(kind, name, "", true, pairs(labels), "labels of its pods")
			e.Object.Namespace = svc.Namespace
			out = append(out, e)
		}
	}
	opts := metav1.ListOptions{Limit: maxListed}
	deployments, err := s.Client.AppsV1().Deployments(svc.Namespace).List(ctx, opts)
	if err != nil {
		return nil, err
	}
	sets, err := s.Client.AppsV1().StatefulSets(svc.Namespace).List(ctx, opts)
	if err != nil {
		return nil, err
	}
	byName := func(name string) func(appsv1.Deployment) bool {
		return func(d appsv1.Deployment) bool { return d.Name == name }
	}
	if k := slices.IndexFunc(deployments.Items, byName(svc.Name)); k > 0 { // the likeliest first
		deployments.Items[0], deployments.Items[k] = deployments.Items[k], deployments.Items[0]
	}
	for _, d := range deployments.Items {
		add("Deployment", d.Name, d.Spec.Template.Labels)
	}
	for _, d := range sets.Items {
		add("StatefulSet", d.Name, d.Spec.Template.Labels)
	}
	return out, nil
}

func pairs(of map[string]string) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(of)) {
		out = append(out, k+"="+of[k])
	}
	return strings.Join(out, ",")
}

func (s *subject) lostPorts(ctx context.Context, svc *corev1.Service) ([]engine.Evidence, error) {
	pods, err := s.Client.CoreV1().Pods(svc.Namespace).List(ctx, metav1.ListOptions{Limit: maxPods, LabelSelector: pairs(svc.Spec.Selector)})
	if err != nil {
		return nil, err
	}
	named := map[string]bool{}
	for _, p := range pods.Items {
		for _, c := range containers(&p.Spec) {
			for _, port := range c.Ports {
				named[port.Name] = true
			}
		}
	}
	var out []engine.Evidence
	for _, port := range svc.Spec.Ports {
		if port.TargetPort.Type == intstr.String && !named[port.TargetPort.StrVal] && len(pods.Items) > 0 {
			out = append(out, s.port(svc.Namespace, svc.Name, port.TargetPort.StrVal, "no container of its pods has a port named "+port.TargetPort.StrVal))
		}
	}
	return out, nil
}

// port is the evidence of a port that a service, or its pods, do not have.
func (s *subject) port(ns, service, port, why string) engine.Evidence {
	return engine.Evidence{
		ID: "reference/Port/" + service + "/" + port, Kind: engine.EvidenceReference, Object: engine.ObjectRef{Kind: "Service", Namespace: ns, Name: service},
		Text:   fmt.Sprintf("service %s: %s", service, why),
		Fields: map[string]string{"kind": "Port", "name": service, "key": port, "exists": "false", "detail": why},
	}
}

// ingress shows whether the class and the backends of an Ingress are there.
func ingress(ctx context.Context, s *subject, ref engine.ObjectRef) ([]engine.Evidence, error) {
	i, err := s.Client.NetworkingV1().Ingresses(ref.Namespace).Get(ctx, ref.Name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	var out []engine.Evidence
	if class := i.Spec.IngressClassName; class != nil {
		list, err := s.Client.NetworkingV1().IngressClasses().List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, err
		}
		there := slices.ContainsFunc(list.Items, func(c networkingv1.IngressClass) bool { return c.Name == *class })
		e := s.reference("IngressClass", *class, "", there, "", "spec.ingressClassName")
		e.Object = engine.ObjectRef{Kind: "IngressClass", Name: *class}
		out = append(out, e)
	}
	var all []networkingv1.IngressBackend
	if i.Spec.DefaultBackend != nil {
		all = append(all, *i.Spec.DefaultBackend)
	}
	for _, r := range i.Spec.Rules {
		if r.HTTP != nil {
			for _, p := range r.HTTP.Paths {
				all = append(all, p.Backend)
			}
		}
	}
	for _, b := range all[:min(len(all), maxBackends)] {
		if b.Service == nil || b.Service.Port.Name == "use-annotation" { // the name of an action, for AWS's controller
			continue
		}
		svc, err := s.Client.CoreV1().Services(ref.Namespace).Get(ctx, b.Service.Name, metav1.GetOptions{})
		if err != nil && !gone(err) {
			return out, err
		}
		e := s.reference("Service", b.Service.Name, "", err == nil, "", "spec.rules")
		e.Object.Namespace = ref.Namespace
		if !slices.ContainsFunc(out, func(have engine.Evidence) bool { return have.ID == e.ID }) {
			out = append(out, e)
		}
		if err == nil && !slices.ContainsFunc(svc.Spec.Ports, func(p corev1.ServicePort) bool {
			return p.Name == b.Service.Port.Name && p.Name != "" || p.Port == b.Service.Port.Number
		}) {
			port := b.Service.Port.Name + strings.TrimPrefix(number(b.Service.Port.Number), "0")
			out = append(out, s.port(ref.Namespace, svc.Name, port, "it has no port "+port))
		}
	}
	return out, nil
}

func validating(ctx context.Context, s *subject, ref engine.ObjectRef) ([]engine.Evidence, error) {
	c, err := s.Client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Get(ctx, ref.Name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	var to []admissionv1.WebhookClientConfig
	for _, w := range c.Webhooks {
		to = append(to, w.ClientConfig)
	}
	return s.hooks(ctx, ref, to)
}

func mutating(ctx context.Context, s *subject, ref engine.ObjectRef) ([]engine.Evidence, error) {
	c, err := s.Client.AdmissionregistrationV1().MutatingWebhookConfigurations().Get(ctx, ref.Name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	var to []admissionv1.WebhookClientConfig
	for _, w := range c.Webhooks {
		to = append(to, w.ClientConfig)
	}
	return s.hooks(ctx, ref, to)
}

// hooks shows the services that answer webhooks, and when the authority of their certificates ends.
func (s *subject) hooks(ctx context.Context, ref engine.ObjectRef, to []admissionv1.WebhookClientConfig) ([]engine.Evidence, error) {
	var out []engine.Evidence
	has := func(id string) bool {
		return slices.ContainsFunc(out, func(e engine.Evidence) bool { return e.ID == id })
	}
	for _, w := range to[:min(len(to), maxBackends)] {
		if w.Service != nil {
			e, ok, err := s.service(ctx, host{name: w.Service.Name, namespace: w.Service.Namespace, by: ref.Kind + " " + ref.Name})
			if err != nil {
				return out, err
			}
			if ok && !has(e.ID) {
				out = append(out, e)
			}
		}
		end, ok := authorityEnds(w.CABundle)
		id := "reference/CABundle/" + ref.Name
		if ok && end.Before(s.Now().Add(10*24*time.Hour)) && !has(id) {
			out = append(out, engine.Evidence{
				ID: id, Kind: engine.EvidenceReference, Object: ref, At: end, Text: fmt.Sprintf("the authority that signs for %s is valid until %s", ref.Name, stamp(end)),
				Fields: map[string]string{"kind": "CABundle", "name": ref.Name, "exists": "true", "detail": stamp(end)},
			})
		}
	}
	return out, nil
}

// authorityEnds is when the last certificate of a bundle ends. Only public certificates stand there.
func authorityEnds(bundle []byte) (end time.Time, ok bool) {
	for {
		var block *pem.Block
		if block, bundle = pem.Decode(bundle); block == nil {
			return end, ok
		}
		if c, err := x509.ParseCertificate(block.Bytes); err == nil && c.NotAfter.After(end) {
			end, ok = c.NotAfter, true
		}
	}
}

// spoken reads the conditions of a kind that the typed clients do not know. A kind that is not installed says nothing.
func spoken(resource schema.GroupVersionResource) func(context.Context, *subject, engine.ObjectRef) ([]engine.Evidence, error) {
	return func(ctx context.Context, s *subject, ref engine.ObjectRef) ([]engine.Evidence, error) {
		if s.Dynamic == nil {
			return nil, nil
		}
		u, err := s.Dynamic.Resource(resource).Namespace(ref.Namespace).Get(ctx, ref.Name, metav1.GetOptions{})
		if err != nil {
			return nil, err
		}
		out := unwell(ref, u.Object, "status", "conditions")
		parents, _, _ := unstructured.NestedSlice(u.Object, "status", "parents") // of routes alone
		for _, p := range parents {
			if parent, ok := p.(map[string]any); ok {
				out = append(out, unwell(ref, parent, "conditions")...)
			}
		}
		return append(out, s.answering(ctx, u)...), nil
	}
}

// delivered reads what a kind that does not use conditions for it says of a delivery, where it says it.
func delivered(resource schema.GroupVersionResource) func(context.Context, *subject, engine.ObjectRef) ([]engine.Evidence, error) {
	return func(ctx context.Context, s *subject, ref engine.ObjectRef) ([]engine.Evidence, error) {
		if s.Dynamic == nil {
			return nil, nil
		}
		u, err := s.Dynamic.Resource(resource).Namespace(ref.Namespace).Get(ctx, ref.Name, metav1.GetOptions{})
		if err != nil {
			return nil, err
		}
		message := ""
		for _, path := range [][]string{{"status", "operationState", "message"}, {"status", "message"}, {"status", "connectionState", "lastObservedState"}} {
			if text, _, _ := unstructured.NestedString(u.Object, path...); message == "" {
				message = text
			}
		}
		list, _, _ := unstructured.NestedSlice(u.Object, "status", "conditions") // an object without conditions says nothing
		for _, c := range list {
			fields, _ := c.(map[string]any)
			if text, _, _ := unstructured.NestedString(fields, "message"); message == "" {
				message = text
			}
		}
		return []engine.Evidence{state(ref, "Delivered", "False", "", message, time.Time{})}, nil
	}
}

// answering shows the service that answers for an aggregated API, or that a route sends to and that is not there.
func (s *subject) answering(ctx context.Context, u *unstructured.Unstructured) []engine.Evidence {
	var hosts []host
	name, _, _ := unstructured.NestedString(u.Object, "spec", "service", "name")
	ns, _, _ := unstructured.NestedString(u.Object, "spec", "service", "namespace")
	if u.GetKind() == "APIService" && name != "" {
		hosts = append(hosts, host{name: name, namespace: ns, by: "spec.service"})
	}
	rules, _, _ := unstructured.NestedSlice(u.Object, "spec", "rules") // of routes alone
	for _, r := range rules {
		rule, _ := r.(map[string]any)
		refs, _, _ := unstructured.NestedSlice(rule, "backendRefs")
		for _, b := range refs {
			backend, _ := b.(map[string]any)
			if name, _, _ := unstructured.NestedString(backend, "name"); u.GetKind() == "HTTPRoute" && name != "" && len(hosts) < maxBackends {
				hosts = append(hosts, host{name: name, namespace: u.GetNamespace(), by: "spec.rules"})
			}
		}
	}
	var out []engine.Evidence
	for _, h := range hosts {
		if e, ok, err := s.service(ctx, h); ok && err == nil { // that it cannot be read leaves the condition, which is what counts
			out = append(out, e)
		}
	}
	return out
}

// unwell gives the conditions that are not true.
func unwell(ref engine.ObjectRef, object map[string]any, path ...string) []engine.Evidence {
	list, _, _ := unstructured.NestedSlice(object, path...) // an object without conditions says nothing
	var out []engine.Evidence
	for _, c := range list {
		fields, ok := c.(map[string]any)
		var one metav1.Condition
		if !ok || runtime.DefaultUnstructuredConverter.FromUnstructured(fields, &one) != nil || one.Status == metav1.ConditionTrue {
			continue
		}
		out = append(out, state(ref, one.Type, string(one.Status), one.Reason, one.Message, one.LastTransitionTime.Time))
	}
	return out
}

var nodeClaims = schema.GroupVersionResource{Group: "karpenter.sh", Version: "v1", Resource: "nodeclaims"}

// claimsOfPool shows the machines that Karpenter asked for in vain.
func claimsOfPool(ctx context.Context, s *subject, ref engine.ObjectRef) ([]engine.Evidence, error) {
	if s.Dynamic == nil {
		return nil, nil
	}
	list, err := s.Dynamic.Resource(nodeClaims).List(ctx, metav1.ListOptions{LabelSelector: "karpenter.sh/nodepool=" + ref.Name, Limit: maxListed})
	if err != nil {
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		return nil, err
	}
	var out []engine.Evidence
	for k := range list.Items {
		u := &list.Items[k]
		out = append(out, unwell(engine.ObjectRef{Kind: "NodeClaim", Name: u.GetName(), UID: string(u.GetUID())}, u.Object, "status", "conditions")...)
	}
	return out[:min(len(out), maxEvents)], nil
}
