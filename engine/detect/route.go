package detect

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	// routeAfter is how long a new or edited route may point at what is not there yet: manifests are applied one after another.
	routeAfter = 2 * time.Minute
	// balancerAfter is how long a load balancer may take to be made.
	balancerAfter = 10 * time.Minute
	// controllerMemory is how long the warning of a controller that tries again and again counts: AWS's waits up to 17 minutes between two tries.
	controllerMemory = 20 * time.Minute
)

// refusals are the words of the load balancer controllers (AWS's own, and the cloud controller manager's) for what they cannot make.
var refusals = []string{"FailedBuildModel", "FailedDeployModel", "SyncLoadBalancerFailed", "FailedReconcile"}

// services finds Services whose traffic goes nowhere.
//
// That the pods of a Service are not ready is a problem of their own workload. A Service that selects nothing, and that nothing sends to, is
// litter rather than a fault; so are the headless ones that monitoring charts make for a control plane which EKS does not show.
func services(e *estate) {
	for _, s := range e.Services {
		if s.DeletionTimestamp != nil {
			continue
		}
		e.balancer(s)
		if len(s.Spec.Selector) == 0 || s.Spec.Type == corev1.ServiceTypeExternalName || s.Spec.ClusterIP == corev1.ClusterIPNone {
			continue
		}
		if !e.made(s) {
			e.selectsNothing(s)
			continue
		}
		if port := e.lost(s); port != "" {
			e.about("Service", s.ObjectMeta, Fact{
				Class: engine.ClassRouteBroken, Severity: engine.Warning, Since: edited(s.ObjectMeta), After: routeAfter,
				Text: fmt.Sprintf("sends to a port named %s, which no container of its pods has", port),
			})
		}
	}
}

func (e *estate) selectsNothing(s *corev1.Service) {
	f := Fact{Class: engine.ClassRouteBroken, Severity: engine.Warning, Since: edited(s.ObjectMeta), After: routeAfter}
	f.Text = fmt.Sprintf("selects no pod: no workload of its namespace has the labels %s", pairs(s.Spec.Selector))
	from, routed := e.routes[s.Namespace+"/"+s.Name]
	switch {
	case routed && from.Kind != "Ingress" && from.Kind != "HTTPRoute":
		return // the webhook or API that it answers is told by itself, and harder
	case routed:
		f.Severity = engine.Critical
		f.Text += fmt.Sprintf(", and %s %s sends to it", from.Kind, from.Name)
	case s.Spec.Type == corev1.ServiceTypeLoadBalancer:
		f.Severity = engine.Critical
	case !slices.ContainsFunc(e.templates[s.Namespace], func(t Template) bool { return t.Workload.Name == s.Name }):
		return
	}
	e.about("Service", s.ObjectMeta, f)
}

// balancer finds load balancers that do not come.
func (e *estate) balancer(s *corev1.Service) {
	if s.Spec.Type != corev1.ServiceTypeLoadBalancer || len(s.Status.LoadBalancer.Ingress) > 0 {
		return
	}
	f := Fact{Class: engine.ClassRouteBroken, Severity: engine.Warning, Since: edited(s.ObjectMeta), After: balancerAfter, Text: "gets no load balancer"}
	if w := e.warned("Service", s.ObjectMeta, refusals...); w != nil {
		f.After, f.Since, f.Text = routeAfter, firstSeen(w), "gets no load balancer: its controller fails to make it"
	}
	e.about("Service", s.ObjectMeta, f)
}

// made tells whether a Service selects a pod, or what would make one: a workload that is scaled to none is no fault of the Service.
func (e *estate) made(s *corev1.Service) bool {
	selector := labels.SelectorFromSet(s.Spec.Selector)
	return slices.ContainsFunc(e.pods[s.Namespace], func(p *corev1.Pod) bool { return selector.Matches(labels.Set(p.Labels)) }) ||
		slices.ContainsFunc(e.templates[s.Namespace], func(t Template) bool { return selector.Matches(labels.Set(t.Labels)) })
}

// serving counts the pods behind a Service: those that are there, and those that are ready; since is when the last of them stopped being so.
func (e *estate) serving(s *corev1.Service) (all, ready int, since time.Time) {
	selector := labels.SelectorFromSet(s.Spec.Selector)
	for _, p := range e.pods[s.Namespace] {
		if !selector.Matches(labels.Set(p.Labels)) || p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
			continue
		}
		all++
		if isReady(p) && p.DeletionTimestamp == nil {
			ready++
		}
		at := p.CreationTimestamp.Time
		if c := podCondition(p, corev1.PodReady); c != nil && c.LastTransitionTime.After(at) {
			at = c.LastTransitionTime.Time
		}
		if at.After(since) {
			since = at
		}
	}
	return all, ready, since
}

// lost gives the name of a port that a Service sends to and that none of its running pods has; "" when there is none.
func (e *estate) lost(s *corev1.Service) string {
	selector := labels.SelectorFromSet(s.Spec.Selector)
	named, pods := map[string]bool{}, 0
	for _, p := range e.pods[s.Namespace] {
		if p.DeletionTimestamp != nil || p.Spec.NodeName == "" || !selector.Matches(labels.Set(p.Labels)) {
			continue
		}
		pods++
		for _, list := range [][]corev1.Container{p.Spec.Containers, p.Spec.InitContainers} {
			for _, c := range list {
				for _, port := range c.Ports {
					named[port.Name] = true
				}
			}
		}
	}
	for _, port := range s.Spec.Ports {
		if pods > 0 && port.TargetPort.Type == intstr.String && !named[port.TargetPort.StrVal] {
			return port.TargetPort.StrVal
		}
	}
	return ""
}

// ingresses finds Ingresses that send to a Service or port which is not there, or whose controller cannot make what they ask for.
func ingresses(e *estate) {
	for _, i := range e.Ingresses {
		if i.DeletionTimestamp != nil {
			continue
		}
		f := Fact{Class: engine.ClassRouteBroken, Severity: engine.Warning, Since: edited(i.ObjectMeta), After: routeAfter}
		if class := i.Spec.IngressClassName; class != nil && e.Classes != nil && !slices.Contains(e.Classes, *class) {
			f.Text = fmt.Sprintf("is of class %s, which does not exist: nobody serves it", *class)
			e.about("Ingress", i.ObjectMeta, f)
			continue
		}
		if text := e.broken(backends(i)); text != "" {
			f.Text = text
			e.about("Ingress", i.ObjectMeta, f)
			continue
		}
		if w := e.warned("Ingress", i.ObjectMeta, refusals...); w != nil {
			f.Text, f.Since, f.Until = "is not served: its controller fails to make what it asks for", firstSeen(w), lastSeen(w).Add(controllerMemory)
			e.about("Ingress", i.ObjectMeta, f)
		}
	}
}

// broken says which of the backends are not there; "" when all are.
func (e *estate) broken(all []Endpoint) string {
	var missing []string
	for _, b := range all {
		s := e.services[b.Namespace+"/"+b.Name]
		text := ""
		switch {
		case s == nil:
			text = "service " + b.Name + ", which does not exist"
		case (b.Port != "" || b.Number != 0) && s.Spec.Type != corev1.ServiceTypeExternalName && !listens(s, b):
			text = fmt.Sprintf("port %s of service %s, which it does not have", portOf(b), b.Name)
		default:
			continue
		}
		if !slices.Contains(missing, text) {
			missing = append(missing, text)
		}
	}
	if len(missing) == 0 {
		return ""
	}
	text := "sends to " + missing[0]
	if more := len(missing) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more like it)", more)
	}
	return text
}

func listens(s *corev1.Service, b Endpoint) bool {
	return slices.ContainsFunc(s.Spec.Ports, func(p corev1.ServicePort) bool {
		return b.Port != "" && p.Name == b.Port || b.Port == "" && p.Port == b.Number
	})
}

func portOf(b Endpoint) string {
	if b.Port != "" {
		return b.Port
	}
	return fmt.Sprint(b.Number)
}

// useAnnotation is a port that stands for an action which AWS's controller reads from an annotation: its service is a name, and no Service.
const useAnnotation = "use-annotation"

// backends are the Services that an Ingress sends to.
func backends(i *networkingv1.Ingress) []Endpoint {
	var out []Endpoint
	add := func(b *networkingv1.IngressBackend) {
		if b != nil && b.Service != nil && b.Service.Port.Name != useAnnotation {
			out = append(out, Endpoint{Namespace: i.Namespace, Name: b.Service.Name, Port: b.Service.Port.Name, Number: b.Service.Port.Number})
		}
	}
	add(i.Spec.DefaultBackend)
	for _, r := range i.Spec.Rules {
		if r.HTTP == nil {
			continue
		}
		for k := range r.HTTP.Paths {
			add(&r.HTTP.Paths[k].Backend)
		}
	}
	return out
}

// pairs writes labels as selectors are written: "app=web,tier=front".
func pairs(of map[string]string) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(of)) {
		out = append(out, k+"="+of[k])
	}
	return strings.Join(out, ",")
}
