package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
)

const (
	image = "ghcr.io/eks-autopilot/industry:dev"
	port  = 8080
	// optIn is the label by which a namespace says that experiments may be made in it.
	optInKey, optInValue = "autopilot.dev/chaos", "enabled"
)

// scraped says of a pod that it has metrics, to whoever goes by annotations.
var scraped = map[string]string{"prometheus.io/scrape": "true", "prometheus.io/port": fmt.Sprint(port)}

// objects are all of an industry, in the order in which they are applied.
func (i Industry) objects() []runtime.Object {
	all := []runtime.Object{&corev1.Namespace{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
		ObjectMeta: metav1.ObjectMeta{
			Name:   i.Name,
			Labels: map[string]string{"team": i.Team, "industry": i.Name, optInKey: optInValue},
		},
	}}
	for _, s := range i.Services {
		all = append(all, i.service(s), i.workload(s), i.budget(s))
		if s.Scales {
			all = append(all, i.autoscaler(s))
		}
	}
	return append(all, i.customers(), i.nightly())
}

func (i Industry) meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Namespace: i.Name, Labels: labels(i, name)}
}

func labels(i Industry, name string) map[string]string {
	return map[string]string{"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": i.Name, "team": i.Team}
}

func selector(name string) map[string]string {
	return map[string]string{"app.kubernetes.io/name": name}
}

func (i Industry) service(s Service) runtime.Object {
	spec := corev1.ServiceSpec{Selector: selector(s.Name), Ports: []corev1.ServicePort{{Name: "http", Port: port, TargetPort: intstr.FromString("http")}}}
	return &corev1.Service{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Service"}, ObjectMeta: i.meta(s.Name), Spec: spec}
}

// workload is a Deployment, or for what keeps data a StatefulSet.
func (i Industry) workload(s Service) runtime.Object {
	m := i.meta(s.Name)
	m.Annotations = map[string]string{"autopilot.dev/slo-availability": i.SLO.Availability, "autopilot.dev/slo-latency": i.SLO.Latency}
	pod := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels(i, s.Name), Annotations: scraped}, Spec: i.pod(s)}
	match := &metav1.LabelSelector{MatchLabels: selector(s.Name)}
	if !s.Stored {
		return &appsv1.Deployment{
			TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"}, ObjectMeta: m,
			Spec: appsv1.DeploymentSpec{Replicas: new(int32(2)), Selector: match, Template: pod},
		}
	}
	pod.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "data", MountPath: "/data"}}
	return &appsv1.StatefulSet{
		TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "StatefulSet"}, ObjectMeta: m,
		Spec: appsv1.StatefulSetSpec{
			Replicas: new(int32(2)), Selector: match, Template: pod, ServiceName: s.Name, PodManagementPolicy: appsv1.ParallelPodManagement,
			VolumeClaimTemplates: []corev1.PersistentVolumeClaim{{
				ObjectMeta: metav1.ObjectMeta{Name: "data", Labels: labels(i, s.Name)},
				Spec: corev1.PersistentVolumeClaimSpec{
					AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
					Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
				},
			}},
		},
	}
}

func (i Industry) pod(s Service) corev1.PodSpec {
	args := []string{"-name", i.Name + "/" + s.Name, "-cpu", "1ms", "-alloc", "65536"}
	if len(s.Callees) > 0 {
		var hosts []string
		for _, c := range s.Callees {
			hosts = append(hosts, fmt.Sprintf("%s:%d", c, port))
		}
		args = append(args, "-callees", strings.Join(hosts, ","))
	}
	probe := func(path string, period int32) *corev1.Probe {
		return &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: path, Port: intstr.FromString("http")}}, PeriodSeconds: period, TimeoutSeconds: 2}
	}
	return corev1.PodSpec{
		AutomountServiceAccountToken: new(false),
		SecurityContext:              &corev1.PodSecurityContext{RunAsNonRoot: new(true), RunAsUser: new(int64(65532)), SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}},
		Containers: []corev1.Container{{
			Name: s.Name, Image: image, Args: args,
			Ports:           []corev1.ContainerPort{{Name: "http", ContainerPort: port}},
			Resources:       s.Size.resources(),
			ReadinessProbe:  probe("/readyz", 2),
			LivenessProbe:   probe("/healthz", 5),
			SecurityContext: &corev1.SecurityContext{AllowPrivilegeEscalation: new(false), ReadOnlyRootFilesystem: new(true), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}},
		}},
	}
}

// resources are requests and limits. Each has limits, without which stress would not be bounded.
func (s Size) resources() corev1.ResourceRequirements {
	cpu, memory := "50m", "48Mi"
	switch s {
	case Greedy:
		cpu = "500m"
	case Hoard:
		memory = "512Mi"
	case Fit:
	}
	return corev1.ResourceRequirements{
		Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory)},
		Limits:   corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("500m"), corev1.ResourceMemory: resource.MustParse(cmp.Or(map[Size]string{Hoard: "1Gi"}[s], "128Mi"))},
	}
}

func (i Industry) budget(s Service) runtime.Object {
	one := intstr.FromInt32(1)
	return &policyv1.PodDisruptionBudget{
		TypeMeta: metav1.TypeMeta{APIVersion: "policy/v1", Kind: "PodDisruptionBudget"}, ObjectMeta: i.meta(s.Name),
		Spec: policyv1.PodDisruptionBudgetSpec{MaxUnavailable: &one, Selector: &metav1.LabelSelector{MatchLabels: selector(s.Name)}},
	}
}

func (i Industry) autoscaler(s Service) runtime.Object {
	return &autoscalingv2.HorizontalPodAutoscaler{
		TypeMeta: metav1.TypeMeta{APIVersion: "autoscaling/v2", Kind: "HorizontalPodAutoscaler"}, ObjectMeta: i.meta(s.Name),
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: s.Name},
			MinReplicas:    new(int32(2)), MaxReplicas: 6,
			Metrics: []autoscalingv2.MetricSpec{{
				Type: autoscalingv2.ResourceMetricSourceType,
				Resource: &autoscalingv2.ResourceMetricSource{
					Name: corev1.ResourceCPU, Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: new(int32(70))},
				},
			}},
		},
	}
}

// entries are the services that nobody calls: customers ask them.
func (i Industry) entries() (all []string) {
	for _, s := range i.Services {
		if !slices.ContainsFunc(i.Services, func(other Service) bool { return slices.Contains(other.Callees, s.Name) }) {
			all = append(all, fmt.Sprintf("%s:%d", s.Name, port))
		}
	}
	return all
}

// loads is a pod that asks the entries.
func (i Industry) loads(name string, args ...string) corev1.PodTemplateSpec {
	spec := i.pod(Service{Name: name})
	c := &spec.Containers[0]
	c.Args = append([]string{"load", "-targets", strings.Join(i.entries(), ",")}, args...)
	c.ReadinessProbe, c.LivenessProbe, c.Ports = nil, nil, nil
	return corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels(i, name)}, Spec: spec}
}

func (i Industry) customers() runtime.Object {
	return &appsv1.Deployment{
		TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"}, ObjectMeta: i.meta("customers"),
		Spec: appsv1.DeploymentSpec{
			Replicas: new(int32(1)), Selector: &metav1.LabelSelector{MatchLabels: selector("customers")},
			Template: i.loads("customers", "-rate", fmt.Sprint(i.Rate), "-pattern", "day"),
		},
	}
}

// nightly asks for the reports of the day.
func (i Industry) nightly() runtime.Object {
	template := i.loads("nightly", "-rate", "5", "-duration", "1m")
	template.Spec.RestartPolicy = corev1.RestartPolicyNever
	return &batchv1.CronJob{
		TypeMeta: metav1.TypeMeta{APIVersion: "batch/v1", Kind: "CronJob"}, ObjectMeta: i.meta("nightly"),
		Spec: batchv1.CronJobSpec{
			Schedule: "15 2 * * *", ConcurrencyPolicy: batchv1.ForbidConcurrent, SuccessfulJobsHistoryLimit: new(int32(1)), FailedJobsHistoryLimit: new(int32(2)),
			JobTemplate: batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{BackoffLimit: new(int32(2)), ActiveDeadlineSeconds: new(int64(600)), Template: template}},
		},
	}
}
