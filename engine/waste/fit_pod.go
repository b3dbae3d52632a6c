package waste

import (
	"cmp"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/component-helpers/resource"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
)

// amounts are quantities by resource: of CPU in millicores, of all else in units. Pods count as one of the resource "pods".
type amounts map[corev1.ResourceName]int64

// amountsOf turns a list into amounts.
func amountsOf(list corev1.ResourceList) amounts {
	all := make(amounts, len(list))
	for name, q := range list {
		if name == corev1.ResourceCPU {
			all[name] = q.MilliValue()
		} else {
			all[name] = q.Value()
		}
	}
	return all
}

// tenant is a pod with what it asks of a node, read once.
type tenant struct {
	pod     *corev1.Pod
	at      *place // nil while it waits for a place
	from    *place // that it is being driven out of; nil otherwise
	fixed   bool   // goes with its node: nobody moves it
	guessed bool   // has no node yet: where it stands is where it would be put
	request amounts
	names   []corev1.ResourceName // of request, in order
	ports   []hostPort
	nodes   nodeaffinity.RequiredNodeAffinity
	near    []term
	apart   []term
	spread  []spreadRule
	disks   []disk
	problem string // why nothing can be proven of it; "" when something can
}

// name is namespace/name of the pod.
func (t *tenant) name() string { return t.pod.Namespace + "/" + t.pod.Name }

// standing is where it is, or was until it was driven out.
func (t *tenant) standing() *place { return cmp.Or(t.at, t.from) }

// newTenant reads a pod. Of a pod that is being resized, the most that it may ask for counts.
func newTenant(p *corev1.Pod, disks *diskBook) *tenant {
	t := &tenant{
		pod:     p,
		fixed:   boundToNode(p),
		request: amountsOf(resource.PodRequests(p, resource.PodResourcesOptions{UseStatusResources: true, InPlacePodLevelResourcesVerticalScalingEnabled: true})),
		ports:   portsOf(p),
		nodes:   nodeaffinity.GetRequiredNodeAffinity(p),
	}
	t.request[corev1.ResourcePods] = 1
	t.names = slices.Sorted(maps.Keys(t.request))
	var err error
	if a := p.Spec.Affinity; a != nil {
		if a.PodAffinity != nil {
			t.near, err = termsOf(p, a.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution)
		}
		if a.PodAntiAffinity != nil && err == nil {
			t.apart, err = termsOf(p, a.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution)
		}
	}
	if err == nil {
		t.spread, err = spreadOf(p)
	}
	if err != nil {
		t.problem = err.Error()
		return t
	}
	t.disks, t.problem = disks.of(p)
	return t
}

// hostPort is a port that a pod takes on its node.
type hostPort struct {
	protocol corev1.Protocol
	ip       string
	port     int32
}

const anyIP = "0.0.0.0"

func portsOf(p *corev1.Pod) []hostPort {
	var ports []hostPort
	add := func(c corev1.Container) {
		for _, port := range c.Ports {
			if port.HostPort > 0 {
				ports = append(ports, hostPort{cmp.Or(port.Protocol, corev1.ProtocolTCP), cmp.Or(port.HostIP, anyIP), port.HostPort})
			}
		}
	}
	for _, c := range p.Spec.InitContainers {
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			add(c)
		}
	}
	for _, c := range p.Spec.Containers {
		add(c)
	}
	return ports
}

// clash tells whether two pods want the same port of one node.
func clash(a, b []hostPort) bool {
	return slices.ContainsFunc(a, func(x hostPort) bool {
		return slices.ContainsFunc(b, func(y hostPort) bool {
			return x.port == y.port && x.protocol == y.protocol && (x.ip == y.ip || x.ip == anyIP || y.ip == anyIP)
		})
	})
}

// selectorOf reads a label selector, narrowed to what the pod's own labels say of the keys.
func selectorOf(p *corev1.Pod, s *metav1.LabelSelector, equal, unequal []string) (labels.Selector, error) {
	selector, err := metav1.LabelSelectorAsSelector(s)
	if err != nil || s == nil {
		return selector, err
	}
	narrow := func(keys []string, operator metav1.LabelSelectorOperator) {
		for _, key := range keys {
			value, ok := p.Labels[key]
			if !ok {
				continue
			}
			only, parseErr := metav1.LabelSelectorAsSelector(&metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
				{Key: key, Operator: operator, Values: []string{value}},
			}})
			if parseErr != nil {
				err = parseErr
				return
			}
			more, _ := only.Requirements()
			selector = selector.Add(more...)
		}
	}
	narrow(equal, metav1.LabelSelectorOpIn)
	narrow(unequal, metav1.LabelSelectorOpNotIn)
	return selector, err
}
