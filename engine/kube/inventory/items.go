package inventory

import (
	"cmp"
	"slices"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// items reach into the lists, which share no method for it.
var items = struct {
	pods         func(*corev1.PodList) []corev1.Pod
	nodes        func(*corev1.NodeList) []corev1.Node
	namespaces   func(*corev1.NamespaceList) []corev1.Namespace
	claims       func(*corev1.PersistentVolumeClaimList) []corev1.PersistentVolumeClaim
	volumes      func(*corev1.PersistentVolumeList) []corev1.PersistentVolume
	limits       func(*corev1.LimitRangeList) []corev1.LimitRange
	classes      func(*storagev1.StorageClassList) []storagev1.StorageClass
	csiNodes     func(*storagev1.CSINodeList) []storagev1.CSINode
	replicaSets  func(*appsv1.ReplicaSetList) []appsv1.ReplicaSet
	deployments  func(*appsv1.DeploymentList) []appsv1.Deployment
	statefulSets func(*appsv1.StatefulSetList) []appsv1.StatefulSet
	daemonSets   func(*appsv1.DaemonSetList) []appsv1.DaemonSet
	jobs         func(*batchv1.JobList) []batchv1.Job
	cronJobs     func(*batchv1.CronJobList) []batchv1.CronJob
	autoscalers  func(*autoscalingv2.HorizontalPodAutoscalerList) []autoscalingv2.HorizontalPodAutoscaler
	budgets      func(*policyv1.PodDisruptionBudgetList) []policyv1.PodDisruptionBudget
}{
	func(l *corev1.PodList) []corev1.Pod { return l.Items },
	func(l *corev1.NodeList) []corev1.Node { return l.Items },
	func(l *corev1.NamespaceList) []corev1.Namespace { return l.Items },
	func(l *corev1.PersistentVolumeClaimList) []corev1.PersistentVolumeClaim { return l.Items },
	func(l *corev1.PersistentVolumeList) []corev1.PersistentVolume { return l.Items },
	func(l *corev1.LimitRangeList) []corev1.LimitRange { return l.Items },
	func(l *storagev1.StorageClassList) []storagev1.StorageClass { return l.Items },
	func(l *storagev1.CSINodeList) []storagev1.CSINode { return l.Items },
	func(l *appsv1.ReplicaSetList) []appsv1.ReplicaSet { return l.Items },
	func(l *appsv1.DeploymentList) []appsv1.Deployment { return l.Items },
	func(l *appsv1.StatefulSetList) []appsv1.StatefulSet { return l.Items },
	func(l *appsv1.DaemonSetList) []appsv1.DaemonSet { return l.Items },
	func(l *batchv1.JobList) []batchv1.Job { return l.Items },
	func(l *batchv1.CronJobList) []batchv1.CronJob { return l.Items },
	func(l *autoscalingv2.HorizontalPodAutoscalerList) []autoscalingv2.HorizontalPodAutoscaler {
		return l.Items
	},
	func(l *policyv1.PodDisruptionBudgetList) []policyv1.PodDisruptionBudget { return l.Items },
}

const revisionKey = "deployment.kubernetes.io/revision"

// living leaves out the ReplicaSets that are only kept for a rollback: a cluster has ten of them for each Deployment. What stays
// has a pod, or wants one, or is the newest of its owner.
func living(sets []*appsv1.ReplicaSet, pods []*corev1.Pod) []*appsv1.ReplicaSet {
	owning := map[types.UID]bool{}
	for _, p := range pods {
		if o := metav1.GetControllerOfNoCopy(p); o != nil {
			owning[o.UID] = true
		}
	}
	newest := map[types.UID]*appsv1.ReplicaSet{}
	for _, rs := range sets {
		if o := metav1.GetControllerOfNoCopy(rs); o != nil && (newest[o.UID] == nil || later(rs, newest[o.UID])) {
			newest[o.UID] = rs
		}
	}
	return slices.DeleteFunc(sets, func(rs *appsv1.ReplicaSet) bool {
		o := metav1.GetControllerOfNoCopy(rs)
		wants := rs.Spec.Replicas == nil || *rs.Spec.Replicas > 0 || rs.Status.Replicas > 0
		return !wants && !owning[rs.UID] && o != nil && newest[o.UID] != rs
	})
}

func later(a, b *appsv1.ReplicaSet) bool {
	return cmp.Or(cmp.Compare(revision(a), revision(b)), a.CreationTimestamp.Compare(b.CreationTimestamp.Time)) > 0
}

func revision(rs *appsv1.ReplicaSet) int64 {
	n, err := strconv.ParseInt(rs.Annotations[revisionKey], 10, 64)
	if err != nil {
		return 0
	}
	return n
}
