package waste

import (
	"fmt"
	"math"
	"slices"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	// defaultTarget is what a HorizontalPodAutoscaler without metrics keeps the CPU at, in percent of the request.
	defaultTarget = 80
	// highestTarget is the highest target that is proposed: above it pods would be asked to use more than they have been given.
	highestTarget = 100
	// targetError is by how much a target of whole percents may miss the one that keeps the replicas. An autoscaler acts on a tenth.
	targetError = 0.02
)

// scaling is what a HorizontalPodAutoscaler makes of a request: it keeps the use of the pods at a share of it.
type scaling struct {
	name   string
	target int64  // percent
	alone  string // the container whose own use counts; "" for that of all together
	note   string // what a person should know where target is 0: no target rests on the request
	most   int32  // replicas
	keeper string // what writes the autoscaler, such as "ScaledObject api" of KEDA, and would undo a change of it; "" for people
}

// scalingOf gives what the autoscaler of a workload makes of a container's request. problem says why the request cannot be
// changed with a target that keeps the replicas; nil and no problem mean that there is no autoscaler.
func scalingOf(hpas []*autoscalingv2.HorizontalPodAutoscaler, container string, resource corev1.ResourceName) (s *scaling, problem string) {
	switch len(hpas) {
	case 0:
		return nil, ""
	case 1:
	default:
		return nil, "several autoscalers scale it"
	}
	h := hpas[0]
	s = &scaling{name: h.Name, most: h.Spec.MaxReplicas}
	if by := controllerOf(h); by != nil {
		s.keeper = by.Kind + " " + by.Name
	}
	metrics := h.Spec.Metrics
	if len(metrics) == 0 {
		metrics = []autoscalingv2.MetricSpec{{Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricSource{
			Name: corev1.ResourceCPU, Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: new(int32(defaultTarget))},
		}}}
	}
	for _, m := range metrics {
		name, alone, target := metricTarget(m)
		if name != resource || alone != "" && alone != container {
			continue
		}
		if target.Type != autoscalingv2.UtilizationMetricType {
			s.note = fmt.Sprintf("HorizontalPodAutoscaler %s scales on an amount of %s, not on a share of the request: its target stays", h.Name, resource)
			continue
		}
		if target.AverageUtilization == nil || *target.AverageUtilization <= 0 {
			return nil, "its autoscaler has no sound target"
		}
		if s.target > 0 {
			return nil, "several targets of its autoscaler rest on this request"
		}
		s.target, s.alone = int64(*target.AverageUtilization), alone
	}
	if s.target == 0 && s.note == "" {
		s.note = fmt.Sprintf("HorizontalPodAutoscaler %s scales on something other than this request: its target stays", h.Name)
	}
	return s, ""
}

// metricTarget gives the resource that a metric is about, the container that it is limited to, and its target; "" for a metric that
// no request has a part in.
func metricTarget(m autoscalingv2.MetricSpec) (corev1.ResourceName, string, autoscalingv2.MetricTarget) {
	switch {
	case m.Type == autoscalingv2.ResourceMetricSourceType && m.Resource != nil:
		return m.Resource.Name, "", m.Resource.Target
	case m.Type == autoscalingv2.ContainerResourceMetricSourceType && m.ContainerResource != nil:
		return m.ContainerResource.Name, m.ContainerResource.Container, m.ContainerResource.Target
	}
	return "", "", autoscalingv2.MetricTarget{}
}

// base is what the autoscaler takes a share of: the requests of the containers that stay, without the overhead of the pod. It is
// false where one has no request, for then the autoscaler reads no utilisation at all.
func (s *scaling) base(pod *corev1.PodSpec, resource engine.Resource) (total int64, ok bool) {
	for _, c := range stays(pod) {
		if s.alone != "" && c.Name != s.alone {
			continue
		}
		request := amount(c.Resources.Requests, resource)
		if request <= 0 {
			return 0, false
		}
		total += request
	}
	return total, total > 0
}

// stays lists the containers that run as long as their pod.
func stays(pod *corev1.PodSpec) []corev1.Container {
	all := slices.Clone(pod.Containers)
	for _, c := range pod.InitContainers {
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			all = append(all, c)
		}
	}
	return all
}

// retarget gives the lowest request, no lower than wanted, and the target that goes with it so that the replicas stay:
// target × base of today = new target × new base. round puts a request up to an amount that people write. It is false where no target
// of whole percents up to highestTarget does.
func (s *scaling) retarget(base, old, wanted int64, round func(float64) int64) (request, target int64, ok bool) {
	others := base - old
	product := float64(s.target) * float64(base)
	target = int64(math.Floor(min(product/float64(others+wanted), highestTarget)))
	if target <= s.target {
		return 0, 0, false
	}
	request = max(wanted, round(product/float64(target)-float64(others)))
	target = s.targetFor(base, base-old+request)
	if request >= old || target <= s.target || target > highestTarget || math.Abs(float64(target)*float64(others+request)/product-1) > targetError {
		return 0, 0, false
	}
	return request, target, true
}

// targetFor is the whole percentage of a new base that comes nearest to what the target of the base of today is.
func (s *scaling) targetFor(base, lowered int64) int64 {
	return int64(math.Round(float64(s.target) * float64(base) / float64(lowered)))
}

// sizedBy gives the VerticalPodAutoscaler that has a say in a container's request, and whether it sets it, so that nobody else should:
// while pods run, or when they start.
func (ix *index) sizedBy(w engine.Workload, container string, resource engine.Resource) (v *VerticalAutoscaler, sets bool) {
	for _, a := range ix.vertical[identity{w.Namespace, w.Kind, w.Name}] {
		if len(a.Containers) > 0 && !slices.Contains(a.Containers, container) ||
			len(a.Resources) > 0 && !slices.Contains(a.Resources, resource) {
			continue
		}
		v = a
		if a.Mode != "Off" {
			return a, true
		}
	}
	return v, false
}
