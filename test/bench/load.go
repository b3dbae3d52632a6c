package main

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

const (
	podsPerWorkload       = 25 // of a Deployment of the load
	workloadsPerNamespace = 20
	// podsAtOnce are created before all of them must run. More at once starve the heartbeats of simulated nodes on a small
	// machine, and then the control plane evicts what it has just placed.
	podsAtOnce = 1000
)

// load fills the cluster with Deployments until it has so many pods, and waits until all run.
func (r *room) load(ctx context.Context, pods int) error {
	client := r.Cluster.Client()
	for made := 0; made < pods; {
		n := made / podsPerWorkload
		namespace := fmt.Sprintf("team-%03d", n/workloadsPerNamespace)
		if n%workloadsPerNamespace == 0 {
			ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
			if _, err := client.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{}); err != nil {
				return err
			}
		}
		d := deployment(namespace, fmt.Sprintf("service-%03d", n), min(podsPerWorkload, pods-made))
		if _, err := client.AppsV1().Deployments(namespace).Create(ctx, d, metav1.CreateOptions{}); err != nil {
			return err
		}
		made += podsPerWorkload
		if made%podsAtOnce != 0 && made < pods {
			continue
		}
		want := min(made, pods)
		err := r.until(ctx, time.Hour, fmt.Sprintf("%d pods to run", want), func(ctx context.Context) (bool, error) {
			list, err := client.AppsV1().Deployments("").List(ctx, metav1.ListOptions{})
			if err != nil {
				return false, err
			}
			ready := 0
			for _, d := range list.Items {
				ready += int(d.Status.AvailableReplicas)
			}
			return ready == want, nil
		})
		if err != nil {
			return err
		}
		progress("%d of %d pods run", want, pods)
	}
	return nil
}

// podTemplate is a service and a sidecar as a Helm chart makes them, some 5 kB without what the API server adds.
func podTemplate(name string, labels map[string]string) corev1.PodTemplateSpec {
	all := map[string]string{
		"app.kubernetes.io/name": name, "app.kubernetes.io/instance": name + "-production", "app.kubernetes.io/version": "2026.11.3",
		"app.kubernetes.io/managed-by": "Helm", "team": "payments", "helm.sh/chart": name + "-4.12.0",
	}
	maps.Copy(all, labels)
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: all, Annotations: map[string]string{
			"prometheus.io/scrape": "true", "prometheus.io/port": "9090",
			"checksum/config": strings.Repeat("4f3c9a", 10), "checksum/secret": strings.Repeat("b81d02", 10),
			"vault.example.com/agent-template": strings.Repeat("{{ with secret \"kv/"+name+"\" }}", 8),
		}},
		Spec: corev1.PodSpec{
			Containers: []corev1.Container{container(name, "api", 8080, 30), container(name, "proxy", 15001, 15)},
			Volumes: []corev1.Volume{
				{Name: "tmp", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
				{Name: "config", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
					LocalObjectReference: corev1.LocalObjectReference{Name: name + "-config"},
				}}},
			},
		},
	}
}

// container listens on a port, and on the next for metrics.
func container(workload, name string, port int32, variables int) corev1.Container {
	probe := &corev1.Probe{
		ProbeHandler:  corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", Port: intstr.FromInt32(port)}},
		PeriodSeconds: 10, FailureThreshold: 3,
	}
	c := corev1.Container{
		Name: name, Image: "registry.example.com/" + workload + "/" + name + ":2026.11.3",
		Args:  []string{"--config=/etc/service/config.yaml", "--listen=:8080", "--log-format=json"},
		Ports: []corev1.ContainerPort{{Name: name, ContainerPort: port}, {Name: name + "-metrics", ContainerPort: port + 1}},
		Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("10m"), corev1.ResourceMemory: resource.MustParse("32Mi")},
			Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("256Mi")},
		},
		LivenessProbe: probe, ReadinessProbe: probe,
		VolumeMounts: []corev1.VolumeMount{{Name: "tmp", MountPath: "/tmp"}, {Name: "config", MountPath: "/etc/service", ReadOnly: true}},
	}
	for n := range variables {
		c.Env = append(c.Env, corev1.EnvVar{Name: fmt.Sprintf("SERVICE_SETTING_%02d", n), Value: fmt.Sprintf("https://%s.internal:8443/v%d", workload, n)})
	}
	return c
}
