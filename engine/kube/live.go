package kube

import (
	"context"
	"strconv"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
	"github.com/eks-autopilot/autopilot/engine/kube/collect"
)

// Value reads the value that a wish is about as the live object has it: a request or limit, the target of an autoscaler, an image, a
// value of a probe, or what a revert takes back, as the evidence of the change says it; "" where the object does not set it. It fails with NotFound when the object or its container is gone, with
// Invalid for what no object of the cluster has (a volume, the size of a group), and with Unavailable when the cluster does not answer.
func (c *Cluster) Value(ctx context.Context, w engine.Wish) (string, error) {
	if w.Kind == engine.WishTarget {
		h, err := c.client.AutoscalingV2().HorizontalPodAutoscalers(w.Target.Namespace).Get(ctx, w.Name, metav1.GetOptions{})
		if err != nil {
			return "", c.readError(err, engine.Workload{Namespace: w.Target.Namespace, Kind: "HorizontalPodAutoscaler", Name: w.Name})
		}
		return target(h, w), nil
	}
	if name, ok := strings.CutPrefix(w.Field, change.FieldConfigMap+" "); ok && w.Kind == engine.WishRevert {
		return c.edited(ctx, w.Target.Namespace, name)
	}
	m, err := c.fetch(ctx, w.Target.Kind, w.Target.Namespace, w.Target.Name)
	if err != nil {
		return "", c.readError(err, w.Target.Workload)
	}
	if w.Kind == engine.WishRevert {
		return c.setting(ctx, m, w)
	}
	container := containerOf(template(m), w.Target.Container)
	if container == nil {
		return "", engine.Errorf(engine.NotFound, "%s %s has no container %s any more", w.Target.Kind, w.Target.Workload, w.Target.Container)
	}
	switch w.Kind {
	case engine.WishRequest:
		return amount(container.Resources.Requests, w.Field), nil
	case engine.WishLimit:
		return amount(container.Resources.Limits, w.Field), nil
	case engine.WishImage:
		return container.Image, nil
	case engine.WishProbe:
		return probe(container, w.Field), nil
	case engine.WishTarget, engine.WishVolume, engine.WishGroup, engine.WishRevert:
	}
	return "", engine.Errorf(engine.Invalid, "no object of a cluster says what %s is", w.Kind)
}

// edited says when a ConfigMap was edited last.
func (c *Cluster) edited(ctx context.Context, namespace, name string) (string, error) {
	m, err := c.client.CoreV1().ConfigMaps(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return "", c.readError(err, engine.Workload{Namespace: namespace, Kind: "ConfigMap", Name: name})
	}
	at, _ := collect.Edited(m)
	return at.UTC().Format(time.RFC3339), nil
}

// setting reads what a workload has where a change of it is to be taken back.
func (c *Cluster) setting(ctx context.Context, m metav1.Object, w engine.Wish) (string, error) {
	t := podTemplate(m)
	switch {
	case t == nil:
		return "", engine.Errorf(engine.Invalid, "%s %s has no revisions", w.Target.Kind, w.Target.Workload)
	case w.Field == change.FieldReplicas:
		return size(m), nil
	case w.Field != change.FieldRevision:
		return collect.Setting(t, w.Target.Container, w.Field), nil
	}
	all, err := c.editions(ctx, m)
	if err != nil {
		return "", c.readError(err, w.Target.Workload)
	}
	if len(all) == 0 {
		return "", engine.Errorf(engine.NotFound, "%s %s has no revision", w.Target.Kind, w.Target.Workload)
	}
	return strconv.FormatInt(all[0].number, 10), nil
}

// size is how many pods a workload asks for, "" for one that is on every node.
func size(m metav1.Object) string {
	switch o := m.(type) {
	case *appsv1.Deployment:
		return strconv.Itoa(replicas(o.Spec.Replicas))
	case *appsv1.StatefulSet:
		return strconv.Itoa(replicas(o.Spec.Replicas))
	}
	return ""
}

// template is the pod that a workload makes; nil when it makes none.
func template(m metav1.Object) *corev1.PodSpec {
	switch o := m.(type) {
	case *appsv1.Deployment:
		return &o.Spec.Template.Spec
	case *appsv1.StatefulSet:
		return &o.Spec.Template.Spec
	case *appsv1.DaemonSet:
		return &o.Spec.Template.Spec
	case *appsv1.ReplicaSet:
		return &o.Spec.Template.Spec
	case *batchv1.CronJob:
		return &o.Spec.JobTemplate.Spec.Template.Spec
	case *batchv1.Job:
		return &o.Spec.Template.Spec
	case *corev1.Pod:
		return &o.Spec
	}
	return nil
}

// containerOf finds a container by its name, one that runs beside the others from the start too.
func containerOf(spec *corev1.PodSpec, name string) *corev1.Container {
	if spec == nil {
		return nil
	}
	for _, list := range [][]corev1.Container{spec.Containers, spec.InitContainers} {
		for k := range list {
			if list[k].Name == name {
				return &list[k]
			}
		}
	}
	return nil
}

func amount(list corev1.ResourceList, field string) string {
	q, ok := list[corev1.ResourceName(field)]
	if !ok {
		return ""
	}
	return q.String()
}

// target is the share of a request that an autoscaler keeps the use at, in percent.
func target(h *autoscalingv2.HorizontalPodAutoscaler, w engine.Wish) string {
	for _, m := range h.Spec.Metrics {
		var name corev1.ResourceName
		var t autoscalingv2.MetricTarget
		switch {
		case m.Resource != nil:
			name, t = m.Resource.Name, m.Resource.Target
		case m.ContainerResource != nil && m.ContainerResource.Container == w.Target.Container:
			name, t = m.ContainerResource.Name, m.ContainerResource.Target
		}
		if string(name) == w.Field && t.AverageUtilization != nil {
			return strconv.Itoa(int(*t.AverageUtilization))
		}
	}
	return ""
}

// probe reads a value of a container's probe: "livenessProbe.timeoutSeconds", "readinessProbe.httpGet.path".
func probe(c *corev1.Container, field string) string {
	which, what, _ := strings.Cut(field, ".")
	p := map[string]*corev1.Probe{"livenessProbe": c.LivenessProbe, "readinessProbe": c.ReadinessProbe, "startupProbe": c.StartupProbe}[which]
	if p == nil {
		return ""
	}
	if way, of, asks := strings.Cut(what, "."); asks {
		return asked(p.ProbeHandler, way, of)
	}
	n, ok := map[string]int32{
		"initialDelaySeconds": p.InitialDelaySeconds, "timeoutSeconds": p.TimeoutSeconds, "periodSeconds": p.PeriodSeconds,
		"successThreshold": p.SuccessThreshold, "failureThreshold": p.FailureThreshold,
	}[what]
	if !ok {
		return ""
	}
	return strconv.Itoa(int(n))
}

// asked reads what a probe asks, if it asks in that way.
func asked(h corev1.ProbeHandler, way, what string) string {
	switch {
	case way == "httpGet" && h.HTTPGet != nil:
		return map[string]string{"path": h.HTTPGet.Path, "port": h.HTTPGet.Port.String(), "scheme": string(h.HTTPGet.Scheme)}[what]
	case way == "tcpSocket" && h.TCPSocket != nil && what == "port":
		return h.TCPSocket.Port.String()
	case way == "grpc" && h.GRPC != nil && what == "port":
		return strconv.Itoa(int(h.GRPC.Port))
	}
	return ""
}
