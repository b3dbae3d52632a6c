package kube

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	quantity "k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/eks-autopilot/autopilot/engine"
)

func sized() corev1.PodSpec {
	percent := corev1.ResourceRequirements{
		Requests: corev1.ResourceList{corev1.ResourceMemory: quantity.MustParse("1200Mi")}, Limits: corev1.ResourceList{corev1.ResourceMemory: quantity.MustParse("2Gi")},
	}
	return corev1.PodSpec{
		InitContainers: []corev1.Container{{Name: "proxy", Image: "proxy:3"}},
		Containers: []corev1.Container{{
			Name: "app", Image: "app:1", Resources: percent, LivenessProbe: &corev1.Probe{TimeoutSeconds: 5, PeriodSeconds: 10, ProbeHandler: corev1.ProbeHandler{
				HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", Port: intstr.FromString("http"), Scheme: "HTTPS"},
			}},
			ReadinessProbe: &corev1.Probe{ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(5432)}}},
			StartupProbe:   &corev1.Probe{ProbeHandler: corev1.ProbeHandler{GRPC: &corev1.GRPCAction{Port: 9000}}},
		}},
	}
}

func TestValue(t *testing.T) {
	d := deployment("api", 1)
	d.Spec.Template.Spec = sized()
	set := &appsv1.StatefulSet{ObjectMeta: meta("db"), Spec: appsv1.StatefulSetSpec{Template: corev1.PodTemplateSpec{Spec: sized()}}}
	daemon := &appsv1.DaemonSet{ObjectMeta: meta("agent"), Spec: appsv1.DaemonSetSpec{Template: corev1.PodTemplateSpec{Spec: sized()}}}
	cron := &batchv1.CronJob{ObjectMeta: meta("night"), Spec: batchv1.CronJobSpec{JobTemplate: batchv1.JobTemplateSpec{
		Spec: batchv1.JobSpec{Template: corev1.PodTemplateSpec{Spec: sized()}},
	}}}
	seventy, eighty := int32(70), int32(80)
	hpa := &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: meta("api"), Spec: autoscalingv2.HorizontalPodAutoscalerSpec{Metrics: []autoscalingv2.MetricSpec{
		{Resource: &autoscalingv2.ResourceMetricSource{Name: "cpu", Target: autoscalingv2.MetricTarget{AverageUtilization: &seventy}}},
		{ContainerResource: &autoscalingv2.ContainerResourceMetricSource{
			Name: "memory", Container: "app", Target: autoscalingv2.MetricTarget{AverageUtilization: &eighty},
		}},
		{ContainerResource: &autoscalingv2.ContainerResourceMetricSource{
			Name: "memory", Container: "other", Target: autoscalingv2.MetricTarget{AverageUtilization: &seventy},
		}},
	}}}
	settings := &corev1.ConfigMap{ObjectMeta: meta("api")}
	edited := time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC)
	for _, at := range []time.Time{edited, edited.Add(-time.Minute)} {
		settings.ManagedFields = append(settings.ManagedFields, metav1.ManagedFieldsEntry{Time: &metav1.Time{Time: at}})
	}
	d.Spec.Template.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "LEVEL", Value: "debug"}, {Name: "API_PASSWORD", Value: "hunter2hunter2"}}
	labels := map[string]string{"app": "api"}
	d.Spec.Selector = &metav1.LabelSelector{MatchLabels: labels}
	set.Spec.Selector = d.Spec.Selector
	older, newer := replicaSet("api-1", "api"), replicaSet("api-2", "api")
	older.Labels, newer.Labels, newer.Annotations[revisionKey] = labels, labels, "7"
	client := fake.NewClientset(d, set, daemon, cron, hpa, settings, older, newer)
	c := newCluster("prod", client, slog.New(slog.DiscardHandler), time.Now)
	wish := func(what engine.WishKind, kind, name, container, field string) engine.Wish {
		return engine.Wish{Kind: what, Name: "api", Field: field, Target: engine.Target{
			Workload: engine.Workload{Cluster: "prod", Namespace: "pay", Kind: kind, Name: name}, Container: container,
		}}
	}
	for _, tc := range []struct {
		wish engine.Wish
		want string
		code engine.Code
	}{
		{wish(engine.WishRequest, "Deployment", "api", "app", "memory"), "1200Mi", ""},
		{wish(engine.WishRequest, "StatefulSet", "db", "app", "memory"), "1200Mi", ""},
		{wish(engine.WishRequest, "DaemonSet", "agent", "app", "memory"), "1200Mi", ""},
		{wish(engine.WishRequest, "CronJob", "night", "app", "memory"), "1200Mi", ""},
		{wish(engine.WishRequest, "Deployment", "api", "app", "cpu"), "", ""},
		{wish(engine.WishLimit, "Deployment", "api", "app", "memory"), "2Gi", ""},
		{wish(engine.WishImage, "Deployment", "api", "proxy", ""), "proxy:3", ""},
		{wish(engine.WishProbe, "Deployment", "api", "app", "livenessProbe.timeoutSeconds"), "5", ""},
		{wish(engine.WishProbe, "Deployment", "api", "app", "livenessProbe.httpGet.path"), "/healthz", ""},
		{wish(engine.WishProbe, "Deployment", "api", "app", "livenessProbe.httpGet.port"), "http", ""},
		{wish(engine.WishProbe, "Deployment", "api", "app", "livenessProbe.httpGet.scheme"), "HTTPS", ""},
		{wish(engine.WishProbe, "Deployment", "api", "app", "livenessProbe.httpGet.colour"), "", ""},
		{wish(engine.WishProbe, "Deployment", "api", "app", "livenessProbe.tcpSocket.port"), "", ""},
		{wish(engine.WishProbe, "Deployment", "api", "app", "readinessProbe.tcpSocket.port"), "5432", ""},
		{wish(engine.WishProbe, "Deployment", "api", "app", "startupProbe.grpc.port"), "9000", ""},
		{wish(engine.WishProbe, "Deployment", "api", "proxy", "livenessProbe.timeoutSeconds"), "", ""},
		{wish(engine.WishProbe, "Deployment", "api", "app", "livenessProbe.colour"), "", ""},
		{wish(engine.WishRevert, "Deployment", "api", "app", "env LEVEL"), "LEVEL=debug", ""},
		{wish(engine.WishRevert, "Deployment", "api", "app", "env API_PASSWORD"), "API_PASSWORD=***", ""},
		{wish(engine.WishRevert, "Deployment", "api", "app", "env OTHER"), "", ""},
		{wish(engine.WishRevert, "Deployment", "api", "gone", "env LEVEL"), "", ""},
		{wish(engine.WishRevert, "StatefulSet", "db", "app", "resources limits.memory"), "limits.memory=2Gi", ""},
		{wish(engine.WishRevert, "Deployment", "api", "", "replicas"), "1", ""},
		{wish(engine.WishRevert, "DaemonSet", "agent", "", "replicas"), "", ""},
		{wish(engine.WishRevert, "Deployment", "api", "", "revision"), "7", ""},
		{wish(engine.WishRevert, "StatefulSet", "db", "", "revision"), "", engine.NotFound},
		{wish(engine.WishRevert, "CronJob", "night", "app", "env LEVEL"), "", engine.Invalid},
		{wish(engine.WishRevert, "Deployment", "api", "", "configmap api"), "2026-11-23T09:30:00Z", ""},
		{wish(engine.WishRevert, "Deployment", "api", "", "configmap gone"), "", engine.NotFound},
		{wish(engine.WishTarget, "Deployment", "api", "app", "cpu"), "70", ""},
		{wish(engine.WishTarget, "Deployment", "api", "app", "memory"), "80", ""},
		{wish(engine.WishTarget, "Deployment", "api", "app", "disk"), "", ""},
		{wish(engine.WishRequest, "Deployment", "api", "gone", "memory"), "", engine.NotFound},
		{wish(engine.WishRequest, "Deployment", "gone", "app", "memory"), "", engine.NotFound},
		{wish(engine.WishRequest, "Rollout", "api", "app", "memory"), "", engine.Invalid},
		{wish(engine.WishGroup, "Deployment", "api", "app", "desired"), "", engine.Invalid},
	} {
		got, err := c.Value(t.Context(), tc.wish)
		if got != tc.want || engine.CodeOf(err) != tc.code {
			t.Errorf("%s of %s %s %s: %q, %v; want %q, %q", tc.wish.Kind, tc.wish.Target.Kind, tc.wish.Target.Name, tc.wish.Field, got, err, tc.want, tc.code)
		}
	}
	for code, fault := range map[engine.Code]error{
		engine.Forbidden: apierrors.NewForbidden(appsv1.Resource("deployments"), "api", nil), engine.Unavailable: errors.New("connection refused"),
	} {
		client.PrependReactor("get", "deployments", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, fault })
		if _, err := c.Value(t.Context(), wish(engine.WishRequest, "Deployment", "api", "app", "memory")); engine.CodeOf(err) != code {
			t.Errorf("%v came as %v, want %s", fault, err, code)
		}
	}
}
