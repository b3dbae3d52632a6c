package exporter

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

var (
	deploymentDesired     = gauge("kube_deployment_spec_replicas", "Number of desired pods for a deployment.", "namespace", "deployment")
	deploymentUnavailable = gauge("kube_deployment_spec_strategy_rollingupdate_max_unavailable",
		"Maximum number of unavailable replicas during a rolling update of a deployment.", "namespace", "deployment")
	deploymentReplicas   = gauge("kube_deployment_status_replicas", "The number of replicas per deployment.", "namespace", "deployment")
	deploymentReady      = gauge("kube_deployment_status_replicas_ready", "The number of ready replicas per deployment.", "namespace", "deployment")
	deploymentAvailable  = gauge("kube_deployment_status_replicas_available", "The number of available replicas per deployment.", "namespace", "deployment")
	deploymentMissing    = gauge("kube_deployment_status_replicas_unavailable", "The number of unavailable replicas per deployment.", "namespace", "deployment")
	deploymentUpdated    = gauge("kube_deployment_status_replicas_updated", "The number of updated replicas per deployment.", "namespace", "deployment")
	deploymentGeneration = gauge("kube_deployment_metadata_generation", "Sequence number representing a specific generation of the desired state.", "namespace", "deployment")
	deploymentObserved   = gauge("kube_deployment_status_observed_generation", "The generation observed by the deployment controller.", "namespace", "deployment")
	replicaSetOwner      = gauge("kube_replicaset_owner", "Information about the ReplicaSet's owner.", "namespace", "replicaset", "owner_kind", "owner_name", "owner_is_controller")
	replicaSetDesired    = gauge("kube_replicaset_spec_replicas", "Number of desired pods for a ReplicaSet.", "namespace", "replicaset")
	statefulSetDesired   = gauge("kube_statefulset_replicas", "Number of desired pods for a StatefulSet.", "namespace", "statefulset")
	statefulSetReplicas  = gauge("kube_statefulset_status_replicas", "The number of replicas per StatefulSet.", "namespace", "statefulset")
	statefulSetReady     = gauge("kube_statefulset_status_replicas_ready", "The number of ready replicas per StatefulSet.", "namespace", "statefulset")
	statefulSetAvailable = gauge("kube_statefulset_status_replicas_available", "The number of available replicas per StatefulSet.", "namespace", "statefulset")
	statefulSetUpdated   = gauge("kube_statefulset_status_replicas_updated", "The number of updated replicas per StatefulSet.", "namespace", "statefulset")
	statefulSetCurrent   = gauge("kube_statefulset_status_current_revision", "Indicates the version of the StatefulSet used to generate Pods in the sequence [0,currentReplicas).", "namespace", "statefulset", "revision")
	statefulSetUpdate    = gauge("kube_statefulset_status_update_revision", "Indicates the version of the StatefulSet used to generate Pods in the sequence [replicas-updatedReplicas,replicas).", "namespace", "statefulset", "revision")
	daemonSetDesired     = gauge("kube_daemonset_status_desired_number_scheduled", "The number of nodes that should be running the daemon pod.", "namespace", "daemonset")
	daemonSetCurrent     = gauge("kube_daemonset_status_current_number_scheduled", "The number of nodes running at least one daemon pod and are supposed to.", "namespace", "daemonset")
	daemonSetReady       = gauge("kube_daemonset_status_number_ready", "The number of nodes that should be running the daemon pod and have one or more of the daemon pod running and ready.", "namespace", "daemonset")
	daemonSetAvailable   = gauge("kube_daemonset_status_number_available", "The number of nodes that should be running the daemon pod and have one or more of the daemon pod running and available.", "namespace", "daemonset")
	daemonSetMissing     = gauge("kube_daemonset_status_number_unavailable", "The number of nodes that should be running the daemon pod and have none of the daemon pod running and available.", "namespace", "daemonset")
	daemonSetUpdated     = gauge("kube_daemonset_status_updated_number_scheduled", "The total number of nodes that are running updated daemon pod.", "namespace", "daemonset")
	jobOwner             = gauge("kube_job_owner", "Information about the Job's owner.", "namespace", "job_name", "owner_kind", "owner_name", "owner_is_controller")
	jobActive            = gauge("kube_job_status_active", "The number of actively running pods.", "namespace", "job_name")
	jobSucceeded         = gauge("kube_job_status_succeeded", "The number of pods which reached Phase Succeeded.", "namespace", "job_name")
	jobFailedPods        = gauge("kube_job_status_failed", "The number of pods which reached Phase Failed and the reason for failure.", "namespace", "job_name", "reason")
	jobFailed            = gauge("kube_job_failed", "The job has failed its execution.", "namespace", "job_name", "condition")
	jobComplete          = gauge("kube_job_complete", "The job has completed its execution.", "namespace", "job_name", "condition")

	jobReasons = []string{"BackoffLimitExceeded", "DeadlineExceeded", "Evicted"}
)

func deploymentSeries(d *appsv1.Deployment, emit emit) {
	out := func(f family, value int) { emit(f, float64(value), d.Namespace, d.Name) }
	desired := orOne(d.Spec.Replicas)
	out(deploymentDesired, desired)
	out(deploymentReplicas, int(d.Status.Replicas))
	out(deploymentReady, int(d.Status.ReadyReplicas))
	out(deploymentAvailable, int(d.Status.AvailableReplicas))
	out(deploymentMissing, int(d.Status.UnavailableReplicas))
	out(deploymentUpdated, int(d.Status.UpdatedReplicas))
	out(deploymentGeneration, int(d.Generation))
	out(deploymentObserved, int(d.Status.ObservedGeneration))
	if r := d.Spec.Strategy.RollingUpdate; r != nil && r.MaxUnavailable != nil {
		// A percentage is rounded down, as the controller does; one that cannot be read is not shown.
		if n, err := intstr.GetScaledValueFromIntOrPercent(r.MaxUnavailable, desired, false); err == nil {
			out(deploymentUnavailable, n)
		}
	}
}

func replicaSetSeries(r *appsv1.ReplicaSet, out emit) {
	out(replicaSetDesired, float64(orOne(r.Spec.Replicas)), r.Namespace, r.Name)
	eachOwner(r.OwnerReferences, func(labels ...string) {
		out(replicaSetOwner, 1, append([]string{r.Namespace, r.Name}, labels...)...)
	})
}

func statefulSetSeries(s *appsv1.StatefulSet, emit emit) {
	out := func(f family, value int) { emit(f, float64(value), s.Namespace, s.Name) }
	out(statefulSetDesired, orOne(s.Spec.Replicas))
	out(statefulSetReplicas, int(s.Status.Replicas))
	out(statefulSetReady, int(s.Status.ReadyReplicas))
	out(statefulSetAvailable, int(s.Status.AvailableReplicas))
	out(statefulSetUpdated, int(s.Status.UpdatedReplicas))
	emit(statefulSetCurrent, 1, s.Namespace, s.Name, s.Status.CurrentRevision)
	emit(statefulSetUpdate, 1, s.Namespace, s.Name, s.Status.UpdateRevision)
}

func daemonSetSeries(d *appsv1.DaemonSet, emit emit) {
	out := func(f family, value int32) { emit(f, float64(value), d.Namespace, d.Name) }
	out(daemonSetDesired, d.Status.DesiredNumberScheduled)
	out(daemonSetCurrent, d.Status.CurrentNumberScheduled)
	out(daemonSetReady, d.Status.NumberReady)
	out(daemonSetAvailable, d.Status.NumberAvailable)
	out(daemonSetMissing, d.Status.NumberUnavailable)
	out(daemonSetUpdated, d.Status.UpdatedNumberScheduled)
}

func jobSeries(j *batchv1.Job, out emit) {
	eachOwner(j.OwnerReferences, func(labels ...string) {
		out(jobOwner, 1, append([]string{j.Namespace, j.Name}, labels...)...)
	})
	out(jobActive, float64(j.Status.Active), j.Namespace, j.Name)
	out(jobSucceeded, float64(j.Status.Succeeded), j.Namespace, j.Name)
	if j.Status.Failed == 0 {
		out(jobFailedPods, 0, j.Namespace, j.Name, "")
	}
	for _, c := range j.Status.Conditions {
		switch c.Type {
		case batchv1.JobComplete:
			eachStatus(c.Status, func(status string, value float64) { out(jobComplete, value, j.Namespace, j.Name, status) })
		case batchv1.JobFailed:
			eachStatus(c.Status, func(status string, value float64) { out(jobFailed, value, j.Namespace, j.Name, status) })
			if j.Status.Failed == 0 {
				continue
			}
			for _, reason := range jobReasons {
				out(jobFailedPods, number(c.Reason == reason), j.Namespace, j.Name, reason)
			}
			if !slices.Contains(jobReasons, c.Reason) {
				out(jobFailedPods, float64(j.Status.Failed), j.Namespace, j.Name, "")
			}
		}
	}
}

// orOne is a replica count with the API's own default.
func orOne(replicas *int32) int {
	if replicas == nil {
		return 1
	}
	return int(*replicas)
}
