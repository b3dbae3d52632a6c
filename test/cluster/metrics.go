package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// frontProxy is as whom the API server passes on what is asked of an API that another server has.
	frontProxy  = "front-proxy"
	metricsHost = "metrics-server.kube-system.svc"
	metricsPort = 4443
	metricsAPI  = "/apis/metrics.k8s.io/v1beta1"
)

func (c *Cluster) metricsServer() spec {
	kubeconfig := c.path("conf", "metrics-server.kubeconfig")
	return spec{
		name: "metrics-server",
		args: append(c.serving(metricsPort),
			"--kubeconfig="+kubeconfig, "--authentication-kubeconfig="+kubeconfig, "--authorization-kubeconfig="+kubeconfig,
			"--kubelet-certificate-authority="+c.path("pki", "ca.crt"), "--kubelet-preferred-address-types=InternalIP",
			"--kubelet-use-node-status-port", "--metric-resolution=15s",
		),
		check: c.page(c.url(metricsPort, "/livez")),
	}
}

// startMetrics builds the metrics-server if the cache lacks it, runs it, and waits until it tells of the node.
func (c *Cluster) startMetrics(ctx context.Context) error {
	c.cfg.Progress("starting the metrics-server")
	src, err := sourceDir(ctx)
	if err != nil {
		return err
	}
	unlock, err := lockFolder(ctx, c.bin)
	if err != nil {
		return err
	}
	k := slices.IndexFunc(programs, func(p program) bool { return p.file == "metrics-server" })
	err = programs[k].build(ctx, src, c.bin, c.cfg.Progress)
	unlock()
	if err != nil {
		return err
	}
	if err := c.startParts(ctx, "metrics-server"); err != nil {
		return err
	}
	if err := c.registerMetrics(ctx); err != nil {
		return fmt.Errorf("register the metrics-server: %w", err)
	}
	return c.await(ctx, "metrics of the node", 2*time.Minute, func(ctx context.Context) error {
		return c.page(c.apiURL() + metricsAPI + "/nodes/" + c.NodeName())(ctx)
	})
}

// registerMetrics tells the API server where metrics.k8s.io is: at an endpoint of a Service that selects nothing, since it is no pod.
func (c *Cluster) registerMetrics(ctx context.Context) error {
	meta := metav1.ObjectMeta{Name: "metrics-server", Namespace: metav1.NamespaceSystem}
	service := &corev1.Service{ObjectMeta: meta, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Name: "https", Port: 443}}}}
	if _, err := c.client.CoreV1().Services(meta.Namespace).Create(ctx, service, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	port, name := int32(metricsPort), "https"
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta: meta, AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints: []discoveryv1.Endpoint{{Addresses: []string{c.net.Node}}}, Ports: []discoveryv1.EndpointPort{{Name: &name, Port: &port}},
	}
	slice.Labels = map[string]string{discoveryv1.LabelServiceName: meta.Name}
	if _, err := c.client.DiscoveryV1().EndpointSlices(meta.Namespace).Create(ctx, slice, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	body, err := json.Marshal(map[string]any{
		"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": map[string]any{"name": "v1beta1.metrics.k8s.io"},
		"spec": map[string]any{
			"group": "metrics.k8s.io", "version": "v1beta1", "groupPriorityMinimum": 100, "versionPriority": 100, "caBundle": c.pki.ca,
			"service": map[string]any{"name": meta.Name, "namespace": meta.Namespace},
		},
	})
	if err != nil {
		return err
	}
	err = c.client.RESTClient().Post().AbsPath("/apis/apiregistration.k8s.io/v1/apiservices").SetHeader("Content-Type", "application/json").Body(body).Do(ctx).Error()
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}
