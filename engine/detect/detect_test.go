package detect_test

import (
	"fmt"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/detect"
)

const fieldPath = "spec.containers{api}"

// edit makes a scene of a healthy Deployment of three by changing it.
func edit(f func(s *detect.Scene)) detect.Scene {
	s := healthy(3)
	f(&s)
	return s
}

func TestQuiet(t *testing.T) {
	yes := true
	cases := map[string]detect.Scene{
		"a healthy Deployment": healthy(3),
		"a rolling update": edit(func(s *detect.Scene) {
			s.Deployment.Generation, s.Deployment.Status.ObservedGeneration = 2, 2
			s.Deployment.Status.UpdatedReplicas, s.Deployment.Status.ReadyReplicas = 1, 2
			s.ReplicaSets = []*appsv1.ReplicaSet{replicaSet(1, 2, time.Hour), replicaSet(2, 1, 20*time.Second)}
			s.ReplicaSets[1].Status.ReadyReplicas = 0
			old := s.Pods[2]
			old.DeletionTimestamp = &metav1.Time{Time: now}
			crashed(old, 143, "Error", 0, time.Second)
			fresh := pod("api-2-0", 2, 20*time.Second)
			unready(fresh, 20*time.Second)
			fresh.Status.ContainerStatuses[0].Started = &yes
			s.Pods = append(s.Pods, fresh)
			e := event("Pod", "api-2-0", "Unhealthy", `Readiness probe failed: Get "http://10.0.0.9:8080/": dial tcp 10.0.0.9:8080: connect: connection refused`, 15*time.Second, 5*time.Second)
			e.InvolvedObject.FieldPath = fieldPath
			s.Events = append(s.Events, e)
		}),
		"a scale-up that is just seen": edit(func(s *detect.Scene) {
			five := int32(5)
			s.Deployment.Spec.Replicas, s.Deployment.Generation = &five, 2
		}),
		"a scale-up whose pods start": edit(func(s *detect.Scene) {
			five := int32(5)
			s.Deployment.Spec.Replicas = &five
			s.Deployment.Status.UpdatedReplicas = 5
			for k := range 2 {
				p := pod(fmt.Sprintf("new-%d", k), 1, 90*time.Second)
				p.Status.Phase = corev1.PodPending
				unready(p, 90*time.Second)
				waits(p, "ContainerCreating", "")
				s.Pods = append(s.Pods, p)
			}
		}),
		"a Deployment just made": edit(func(s *detect.Scene) {
			s.Deployment.CreationTimestamp = ago(30 * time.Second)
			unreadyIn(s, 3, 30*time.Second)
		}),
		"an init container that takes its time": edit(func(s *detect.Scene) {
			p := s.Pods[0]
			p.CreationTimestamp = ago(time.Minute)
			p.Status.Phase = corev1.PodPending
			p.Spec.InitContainers = []corev1.Container{{Name: "migrate"}}
			p.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: "migrate", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: ago(time.Minute)}}}}
			unreadyIn(s, 1, time.Minute)
			waits(p, "PodInitializing", "")
		}),
		"an init container that is done": edit(func(s *detect.Scene) {
			s.Pods[0].Spec.InitContainers = []corev1.Container{{Name: "migrate"}}
			s.Pods[0].Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: "migrate", Ready: true, State: corev1.ContainerState{Terminated: died(0, "Completed", time.Hour)}}}
		}),
		"a clean restart long ago": edit(func(s *detect.Scene) { runsAgain(s.Pods[0], 0, "Completed", 1, 30*time.Minute) }),
		"a failure long ago":       edit(func(s *detect.Scene) { runsAgain(s.Pods[0], 1, "Error", 4, 30*time.Minute) }),
		"one failure, recovered":   edit(func(s *detect.Scene) { runsAgain(s.Pods[0], 1, "Error", 1, 2*time.Minute) }),
		"an OOM kill of this morning": edit(func(s *detect.Scene) {
			runsAgain(s.Pods[0], 137, "OOMKilled", 1, 30*time.Minute)
		}),
		"a reboot of the node": edit(func(s *detect.Scene) { runsAgain(s.Pods[0], 255, "Unknown", 3, 20*time.Second) }),
		"a scheduling gate": edit(func(s *detect.Scene) {
			p := pod("gated", 1, 5*time.Second)
			p.Spec.NodeName, p.Status.Phase, p.Status.ContainerStatuses = "", corev1.PodPending, nil
			p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonSchedulingGated, LastTransitionTime: ago(time.Hour)}}
			s.Pods = append(s.Pods, p)
		}),
		"a pod that the scheduler has just refused": edit(func(s *detect.Scene) { refused(s, 5*time.Second) }),
		"a mount that may yet succeed": edit(func(s *detect.Scene) {
			creatingPod(s, 10*time.Second, event("Pod", "slow", "FailedMount", `MountVolume.SetUp failed for volume "x" : object "payments"/"x" not registered`, 9*time.Second, 2*time.Second))
		}),
		"a readiness probe that failed once": edit(func(s *detect.Scene) {
			s.Events = append(s.Events, event("Pod", "api-1-0", "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503", 5*time.Minute, 5*time.Minute))
		}),
		"a liveness probe that failed once": edit(func(s *detect.Scene) {
			s.Events = append(s.Events, event("Pod", "api-1-0", "Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 503", 5*time.Minute, 5*time.Minute))
		}),
		"an eviction of last week": edit(func(s *detect.Scene) {
			evict(s, 7*24*time.Hour, "The node was low on resource: memory. Threshold quantity: 100Mi, available: 80Mi.")
		}),
		"a Job that succeeded at the second try": func() detect.Scene {
			s := jobScene(batchv1.JobComplete, "", time.Minute)
			s.Pods = []*corev1.Pod{jobPod("a", corev1.PodFailed, died(137, "OOMKilled", time.Minute)), jobPod("b", corev1.PodSucceeded, died(0, "Completed", time.Minute))}
			return s
		}(),
		"a Job that still tries": func() detect.Scene {
			s := jobScene("", "", 0)
			s.Pods = []*corev1.Pod{jobPod("a", corev1.PodFailed, died(1, "Error", time.Minute)), jobPod("b", corev1.PodFailed, died(137, "OOMKilled", time.Second))}
			return s
		}(),
		"a node that is well":           nodeScene(node("n1", corev1.ConditionTrue, time.Hour)),
		"a node that is new":            nodeScene(newNode()),
		"a kubelet that is restarted":   nodeScene(node("n1", corev1.ConditionFalse, 10*time.Second)),
		"a cordoned node that goes":     nodeScene(cordoned(node("n1", corev1.ConditionUnknown, time.Hour))),
		"a cordoned node that is ready": nodeScene(cordoned(node("n1", corev1.ConditionTrue, time.Hour))),
		"a claim that waits for its first consumer": {
			Workload: engine.Workload{Namespace: "payments", Kind: "PersistentVolumeClaim", Name: "data"}, Now: now,
			Claims: []*corev1.PersistentVolumeClaim{claim("gp3", time.Hour)},
		},
		"a claim that is being made": edit(func(s *detect.Scene) { claimIn(s, claim("", 10*time.Second)) }),
		"nothing":                    {Now: now},
	}
	for name, s := range cases {
		t.Run(name, func(t *testing.T) {
			if r := detect.Signals(s); len(r.Signals) > 0 {
				t.Errorf("%s: %+v", classes(r), r.Signals)
			}
		})
	}
}

func TestSignals(t *testing.T) {
	cases := []struct {
		name     string
		scene    detect.Scene
		classes  string
		of       engine.Class // the one looked at
		summary  string
		severity engine.Severity
		since    time.Duration // ago
	}{
		{
			"a crash loop", edit(func(s *detect.Scene) {
				unreadyIn(s, 3, time.Minute)
				for k, p := range s.Pods {
					crashed(p, 3, "Error", 4, time.Duration(k+1)*time.Second)
				}
			}),
			"crash_loop", engine.ClassCrashLoop, "container api of pod api-1-2 and 2 others is crash-looping (exit code 3)", engine.Critical, 3 * time.Second,
		},
		{
			"a crash loop between two crashes", edit(func(s *detect.Scene) { runsAgain(s.Pods[0], 1, "Error", 5, 3*time.Minute) }),
			"crash_loop", engine.ClassCrashLoop, "container api of pod api-1-0 is crash-looping (exit code 1)", engine.Warning, 3*time.Minute + time.Second,
		},
		{
			"the first failure, while the container has ended", edit(func(s *detect.Scene) {
				s.Pods[0].Status.ContainerStatuses[0].State = corev1.ContainerState{Terminated: died(3, "Error", time.Second)}
			}),
			"crash_loop", engine.ClassCrashLoop, "container api of pod api-1-0 exited with code 3", engine.Warning, time.Second,
		},
		{
			"the first failure, just restarted", edit(func(s *detect.Scene) { runsAgain(s.Pods[0], 3, "Error", 1, 2*time.Second) }),
			"crash_loop", engine.ClassCrashLoop, "container api of pod api-1-0 exited with code 3", engine.Warning, 3 * time.Second,
		},
		{
			"an init container that crashes", edit(func(s *detect.Scene) {
				p := s.Pods[0]
				p.Spec.InitContainers = []corev1.Container{{Name: "migrate"}}
				p.Status.InitContainerStatuses = []corev1.ContainerStatus{{
					Name: "migrate", RestartCount: 3, LastTerminationState: corev1.ContainerState{Terminated: died(1, "Error", time.Second)},
					State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}},
				}}
			}),
			"crash_loop", engine.ClassCrashLoop, "container migrate of pod api-1-0 is crash-looping (exit code 1)", engine.Warning, time.Second,
		},
		{
			"one OOM kill", edit(func(s *detect.Scene) { runsAgain(s.Pods[0], 137, "OOMKilled", 1, time.Minute) }),
			"oom_killed", engine.ClassOOMKilled, "container api of pod api-1-0 was OOM-killed", engine.Warning, time.Minute + time.Second,
		},
		{
			"an OOM kill in back-off", edit(func(s *detect.Scene) { crashed(s.Pods[0], 137, "OOMKilled", 9, 20*time.Minute) }),
			"crash_loop oom_killed", engine.ClassOOMKilled, "container api of pod api-1-0 was OOM-killed", engine.Warning, 20 * time.Minute,
		},
		{
			"an image that does not come, while old pods serve", edit(func(s *detect.Scene) {
				p := pod("api-2-0", 2, 30*time.Second)
				p.Status.Phase = corev1.PodPending
				unready(p, 30*time.Second)
				waits(p, "ImagePullBackOff", `Back-off pulling image "api:v9"`)
				p.Spec.Containers[0].Image = "api:v9"
				s.Pods = append(s.Pods, p)
				fresh := replicaSet(2, 1, 31*time.Second)
				fresh.Status.ReadyReplicas = 0
				s.ReplicaSets = append(s.ReplicaSets, fresh)
				s.Events = append(s.Events, event("Pod", "api-2-0", "Failed", `Failed to pull image "api:v9"`, 28*time.Second, 3*time.Second))
			}),
			"image_pull rollout_stuck", engine.ClassImagePull, "container api of pod api-2-0 cannot pull image api:v9", engine.Warning, 28 * time.Second,
		},
		{
			"a missing ConfigMap", edit(func(s *detect.Scene) {
				waits(s.Pods[0], "CreateContainerConfigError", `configmap "app" not found`)
			}),
			"config_error", engine.ClassConfigError, "container api of pod api-1-0 cannot be created", engine.Warning, time.Hour,
		},
		{
			"a command that does not exist", edit(func(s *detect.Scene) { crashed(s.Pods[0], 128, "StartError", 3, time.Second) }),
			"config_error crash_loop", engine.ClassConfigError, "container api of pod api-1-0 cannot be started", engine.Warning, time.Second,
		},
		{
			"a volume that does not mount", edit(func(s *detect.Scene) {
				creatingPod(s, time.Minute, event("Pod", "slow", "FailedMount", `MountVolume.SetUp failed for volume "x" : secret "x" not found`, 50*time.Second, 10*time.Second))
			}),
			"config_error", engine.ClassConfigError, "pod slow cannot mount its volumes", engine.Warning, 50 * time.Second,
		},
		{
			"no network for the pod", edit(func(s *detect.Scene) {
				creatingPod(s, time.Minute, event("Pod", "slow", "FailedCreatePodSandBox", "Failed to create pod sandbox: …", 50*time.Second, 10*time.Second))
			}),
			"config_error", engine.ClassConfigError, "pod slow cannot get its network", engine.Warning, 50 * time.Second,
		},
		{
			"a pod that fits nowhere", edit(func(s *detect.Scene) { refused(s, 15*time.Second) }),
			"unschedulable", engine.ClassUnschedulable, "pod big fits on no node", engine.Warning, 15 * time.Second,
		},
		{
			"a readiness probe of a pod that was ready", edit(func(s *detect.Scene) {
				unreadyIn(s, 1, 20*time.Second)
				s.Events = append(s.Events, event("Pod", "api-1-0", "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503", 40*time.Second, 5*time.Second))
			}),
			"probe_failing", engine.ClassProbeFailing, "container api of pod api-1-0 fails its readiness probe", engine.Warning, 20 * time.Second,
		},
		{
			"a liveness probe that killed", edit(func(s *detect.Scene) {
				runsAgain(s.Pods[0], 137, "Error", 1, 3*time.Minute)
				s.Events = append(s.Events, event("Pod", "api-1-0", "Unhealthy", `Liveness probe failed: Get "http://10.0.0.1:81/": dial tcp 10.0.0.1:81: connect: connection refused`, 4*time.Minute, 3*time.Minute+10*time.Second))
			}),
			"probe_failing", engine.ClassProbeFailing, "container api of pod api-1-0 is restarted because its liveness probe fails", engine.Warning, 4 * time.Minute,
		},
		{
			"a liveness probe that has just killed", edit(func(s *detect.Scene) {
				runsAgain(s.Pods[0], 137, "Error", 2, 3*time.Second)
				s.Events = append(s.Events, event("Pod", "api-1-0", "Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 500", 2*time.Minute, 8*time.Second))
			}),
			"probe_failing", engine.ClassProbeFailing, "container api of pod api-1-0 is restarted because its liveness probe fails", engine.Warning, 2 * time.Minute,
		},
		{
			"a StatefulSet whose first updated pod fails", func() detect.Scene {
				s := edit(func(s *detect.Scene) { crashed(s.Pods[2], 1, "Error", 3, time.Second) })
				s.Deployment, s.ReplicaSets, s.Workload.Kind = nil, nil, "StatefulSet"
				three := int32(3)
				s.StatefulSet = &appsv1.StatefulSet{
					ObjectMeta: metav1.ObjectMeta{Name: "api", CreationTimestamp: ago(time.Hour)}, Spec: appsv1.StatefulSetSpec{Replicas: &three},
					Status: appsv1.StatefulSetStatus{ReadyReplicas: 2, CurrentRevision: "api-1", UpdateRevision: "api-2"},
				}
				s.Pods[2].Labels = map[string]string{appsv1.ControllerRevisionHashLabelKey: "api-2"}
				return s
			}(),
			"crash_loop rollout_stuck", engine.ClassRolloutStuck, "statefulset api is stuck in its rollout: the first updated pods fail", engine.Warning, time.Hour,
		},
		{
			"a DaemonSet whose first updated pod fails", rolling(1, 1),
			"crash_loop rollout_stuck", engine.ClassRolloutStuck, "daemonset api is stuck in its rollout: the first updated pods fail, older ones still serve", engine.Warning, 5 * time.Minute,
		},
		{
			"a DaemonSet with a pod that is not ready", func() detect.Scene {
				s := edit(func(s *detect.Scene) { unreadyIn(s, 1, time.Minute) })
				s.Deployment, s.ReplicaSets, s.Workload.Kind = nil, nil, "DaemonSet"
				s.DaemonSet = &appsv1.DaemonSet{
					ObjectMeta: metav1.ObjectMeta{Name: "api", CreationTimestamp: ago(time.Hour)},
					Status:     appsv1.DaemonSetStatus{DesiredNumberScheduled: 3, UpdatedNumberScheduled: 3, NumberReady: 2},
				}
				return s
			}(),
			"replicas_missing", engine.ClassReplicasMissing, "daemonset api has 2 of 3 replicas ready", engine.Warning, time.Minute,
		},
		{
			"an eviction for memory", edit(func(s *detect.Scene) {
				evict(s, time.Minute, "The node was low on resource: memory. Threshold quantity: 100Mi, available: 80Mi.")
			}),
			"evicted", engine.ClassEvicted, "pod gone was evicted: the node was low on memory", engine.Warning, time.Minute,
		},
		{
			"an eviction for its own storage", edit(func(s *detect.Scene) {
				evict(s, time.Minute, "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. ")
			}),
			"evicted", engine.ClassEvicted, "pod gone was evicted: it used more ephemeral storage than its limit", engine.Warning, time.Minute,
		},
		{
			"a silent node", nodeScene(node("n1", corev1.ConditionUnknown, 5*time.Second)),
			"node_not_ready", engine.ClassNodeNotReady, "node n1 is not ready: its kubelet stopped reporting", engine.Critical, 5 * time.Second,
		},
		{
			"a node that says so itself", nodeScene(node("n1", corev1.ConditionFalse, time.Minute)),
			"node_not_ready", engine.ClassNodeNotReady, "node n1 is not ready", engine.Critical, time.Minute,
		},
		{
			"a node short of disk", nodeScene(pressed(corev1.NodeDiskPressure)),
			"node_pressure", engine.ClassNodePressure, "node n1 is short of disk", engine.Warning, time.Minute,
		},
		{
			"a Job that gave up", jobScene(batchv1.JobFailed, "BackoffLimitExceeded", time.Minute),
			"job_failed", engine.ClassJobFailed, "job nightly failed: its pods failed too often", engine.Warning, time.Minute,
		},
		{
			"a Job past its deadline", jobScene(batchv1.JobFailed, "DeadlineExceeded", time.Minute),
			"job_failed", engine.ClassJobFailed, "job nightly failed: it took longer than its deadline", engine.Warning, time.Minute,
		},
		{
			"a claim without a class", edit(func(s *detect.Scene) { claimIn(s, claim("", time.Minute)) }),
			"claim_pending", engine.ClassClaimPending, "persistentvolumeclaim data has no volume", engine.Warning, time.Minute,
		},
		{
			"a claim that the scheduler waits for", edit(func(s *detect.Scene) {
				claimIn(s, claim("gp3", time.Minute))
				refused(s, time.Minute)
				s.Pods[3].Status.Conditions[0].Message = "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims."
			}),
			"claim_pending unschedulable", engine.ClassClaimPending, "persistentvolumeclaim data has no volume", engine.Warning, time.Minute,
		},
		{
			"a rollout past its deadline", edit(func(s *detect.Scene) {
				s.Deployment.Status.Conditions = []appsv1.DeploymentCondition{{Type: appsv1.DeploymentProgressing, Status: corev1.ConditionFalse, Reason: "ProgressDeadlineExceeded", LastTransitionTime: ago(time.Minute)}}
			}),
			"rollout_stuck", engine.ClassRolloutStuck, "deployment api is stuck in its rollout: it is past its deadline", engine.Warning, time.Minute,
		},
		{
			"a pod that is not ready for no known reason", edit(func(s *detect.Scene) { unreadyIn(s, 1, time.Minute) }),
			"replicas_missing", engine.ClassReplicasMissing, "deployment api has 2 of 3 replicas ready", engine.Warning, time.Minute,
		},
		{
			"pods that a quota forbids", edit(func(s *detect.Scene) {
				s.Pods = s.Pods[:2]
				s.Deployment.Status.ReadyReplicas, s.Deployment.Status.UpdatedReplicas = 2, 2
				s.Deployment.Status.Conditions = []appsv1.DeploymentCondition{{Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue, LastTransitionTime: ago(time.Minute)}}
			}),
			"replicas_missing", engine.ClassReplicasMissing, "deployment api has 2 of 3 replicas ready", engine.Warning, time.Minute,
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := detect.Signals(c.scene)
			if got := classes(r); got != c.classes {
				t.Fatalf("classes %q, want %q", got, c.classes)
			}
			s := signal(t, r, c.of)
			if s.Summary != c.summary {
				t.Errorf("summary %q\n   want %q", s.Summary, c.summary)
			}
			if s.Severity != c.severity {
				t.Errorf("severity %s, want %s", s.Severity, c.severity)
			}
			if got := now.Sub(s.StartsAt); got != c.since {
				t.Errorf("since %s ago, want %s", got, c.since)
			}
			if s.Source != engine.SourceWatch || s.Workload != c.scene.Workload || !s.Firing() || s.Object.Name == "" {
				t.Errorf("incomplete: %+v", s)
			}
			if diff := cmp.Diff(r, detect.Signals(c.scene)); diff != "" {
				t.Errorf("the same scene, another answer: %s", diff)
			}
		})
	}
}
