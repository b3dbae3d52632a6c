package exporter

import (
	corev1 "k8s.io/api/core/v1"
)

var (
	nodeInfo = gauge("kube_node_info", "Information about a cluster node.",
		"node", "kernel_version", "os_image", "container_runtime_version", "kubelet_version", "provider_id", "internal_ip")
	nodeCreated       = gauge("kube_node_created", "Unix creation timestamp.", "node")
	nodeUnschedulable = gauge("kube_node_spec_unschedulable", "Whether a node can schedule new pods.", "node")
	nodeTaint         = gauge("kube_node_spec_taint", "The taint of a cluster node.", "node", "key", "value", "effect")
	nodeCondition     = gauge("kube_node_status_condition", "The condition of a cluster node.", "node", "condition", "status")
	nodeCapacity      = gauge("kube_node_status_capacity", "The total amount of resources available for a node.", "node", "resource", "unit")
	nodeAllocatable   = gauge("kube_node_status_allocatable", "The amount of resources allocatable for pods.", "node", "resource", "unit")

	claimInfo  = gauge("kube_persistentvolumeclaim_info", "Information about persistent volume claim.", "namespace", "persistentvolumeclaim", "storageclass", "volumename")
	claimPhase = gauge("kube_persistentvolumeclaim_status_phase", "The phase the persistent volume claim is currently in.", "namespace", "persistentvolumeclaim", "phase")
)

func nodeSeries(n *corev1.Node, out emit) {
	var ip string
	for _, a := range n.Status.Addresses {
		if a.Type == corev1.NodeInternalIP {
			ip = a.Address
			break
		}
	}
	i := n.Status.NodeInfo
	out(nodeInfo, 1, n.Name, i.KernelVersion, i.OSImage, i.ContainerRuntimeVersion, i.KubeletVersion, n.Spec.ProviderID, ip)
	out(nodeCreated, float64(n.CreationTimestamp.Unix()), n.Name)
	out(nodeUnschedulable, number(n.Spec.Unschedulable), n.Name)
	for _, t := range n.Spec.Taints {
		out(nodeTaint, 1, n.Name, t.Key, t.Value, string(t.Effect))
	}
	for _, c := range n.Status.Conditions {
		eachStatus(c.Status, func(status string, value float64) {
			out(nodeCondition, value, n.Name, string(c.Type), status)
		})
	}
	eachResource(n.Status.Capacity, func(resource, unit string, value float64) {
		out(nodeCapacity, value, n.Name, resource, unit)
	})
	eachResource(n.Status.Allocatable, func(resource, unit string, value float64) {
		out(nodeAllocatable, value, n.Name, resource, unit)
	})
}

func claimSeries(c *corev1.PersistentVolumeClaim, out emit) {
	var class string
	if c.Spec.StorageClassName != nil {
		class = *c.Spec.StorageClassName
	}
	out(claimInfo, 1, c.Namespace, c.Name, class, c.Spec.VolumeName)
	if c.Status.Phase == "" {
		return
	}
	for _, phase := range []corev1.PersistentVolumeClaimPhase{corev1.ClaimLost, corev1.ClaimBound, corev1.ClaimPending} {
		out(claimPhase, number(c.Status.Phase == phase), c.Namespace, c.Name, string(phase))
	}
}
