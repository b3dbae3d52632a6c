package detect_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/detect"
)

var now = time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)

func ago(d time.Duration) metav1.Time { return metav1.NewTime(now.Add(-d)) }

// healthy is a Deployment of n ready pods on node n1, an hour old.
func healthy(n int) detect.Scene {
	replicas := int32(n)
	s := detect.Scene{
		Workload: engine.Workload{Cluster: "prod", Namespace: "payments", Kind: "Deployment", Name: "api"}, Now: now,
		Nodes: map[string]*corev1.Node{"n1": node("n1", corev1.ConditionTrue, time.Hour)},
		Deployment: &appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{Name: "api", Namespace: "payments", CreationTimestamp: ago(time.Hour), Generation: 1, Labels: map[string]string{"team": "pay", "pod-template-hash": "x"}},
			Spec:       appsv1.DeploymentSpec{Replicas: &replicas},
			Status:     appsv1.DeploymentStatus{ObservedGeneration: 1, Replicas: replicas, UpdatedReplicas: replicas, ReadyReplicas: replicas, AvailableReplicas: replicas},
		},
		ReplicaSets: []*appsv1.ReplicaSet{replicaSet(1, n, time.Hour)},
	}
	for k := range n {
		s.Pods = append(s.Pods, pod(fmt.Sprintf("api-1-%d", k), 1, time.Hour))
	}
	return s
}

func replicaSet(revision, ready int, age time.Duration) *appsv1.ReplicaSet {
	n := int32(ready)
	return &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("api-%d", revision), Annotations: map[string]string{"deployment.kubernetes.io/revision": fmt.Sprint(revision)}, CreationTimestamp: ago(age)},
		Spec:       appsv1.ReplicaSetSpec{Replicas: &n}, Status: appsv1.ReplicaSetStatus{ReadyReplicas: n},
	}
}

// pod is one that runs well.
func pod(name string, revision int, age time.Duration) *corev1.Pod {
	start, yes := ago(age), true
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Namespace: "payments", UID: types.UID("uid-" + name), CreationTimestamp: start,
			OwnerReferences: []metav1.OwnerReference{{Kind: "ReplicaSet", Name: fmt.Sprintf("api-%d", revision), Controller: &yes}},
		},
		Spec: corev1.PodSpec{NodeName: "n1", RestartPolicy: corev1.RestartPolicyAlways, Containers: []corev1.Container{{Name: "api", Image: "api:1"}}},
		Status: corev1.PodStatus{
			Phase: corev1.PodRunning, StartTime: &start,
			Conditions: []corev1.PodCondition{
				{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: start},
				{Type: corev1.ContainersReady, Status: corev1.ConditionTrue, LastTransitionTime: start},
				{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: start},
			},
			ContainerStatuses: []corev1.ContainerStatus{{
				Name: "api", Image: "api:1", Ready: true, Started: &yes, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: start}},
			}},
		},
	}
}

// unready makes a pod not ready since a time ago.
func unready(p *corev1.Pod, since time.Duration) {
	for i := range p.Status.Conditions {
		if t := p.Status.Conditions[i].Type; t == corev1.PodReady || t == corev1.ContainersReady {
			p.Status.Conditions[i].Status, p.Status.Conditions[i].LastTransitionTime = corev1.ConditionFalse, ago(since)
		}
	}
	for i := range p.Status.ContainerStatuses {
		p.Status.ContainerStatuses[i].Ready = false
	}
}

// unreadyIn makes the first n pods of a scene not ready, and the Deployment say so.
func unreadyIn(s *detect.Scene, n int, since time.Duration) {
	for _, p := range s.Pods[:n] {
		unready(p, since)
	}
	s.Deployment.Status.ReadyReplicas = *s.Deployment.Spec.Replicas - int32(n)
}

func waits(p *corev1.Pod, reason, message string) {
	c := &p.Status.ContainerStatuses[0]
	c.State, c.Ready = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}, false
}

func died(code int32, reason string, since time.Duration) *corev1.ContainerStateTerminated {
	return &corev1.ContainerStateTerminated{ExitCode: code, Reason: reason, StartedAt: ago(since + time.Second), FinishedAt: ago(since)}
}

// crashed lets a pod's container have ended restarts times, last at since, and wait for its next start.
func crashed(p *corev1.Pod, code int32, reason string, restarts int32, since time.Duration) {
	waits(p, "CrashLoopBackOff", "back-off 40s restarting failed container=api")
	c := &p.Status.ContainerStatuses[0]
	c.RestartCount, c.LastTerminationState.Terminated = restarts, died(code, reason, since)
}

// runsAgain lets a pod's container have been restarted, and run since a time ago.
func runsAgain(p *corev1.Pod, code int32, reason string, restarts int32, since time.Duration) {
	c := &p.Status.ContainerStatuses[0]
	c.RestartCount, c.LastTerminationState.Terminated = restarts, died(code, reason, since+time.Second)
	c.State = corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: ago(since)}}
}

func node(name string, ready corev1.ConditionStatus, since time.Duration) *corev1.Node {
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID("uid-" + name), CreationTimestamp: ago(24 * time.Hour), Labels: map[string]string{"topology.kubernetes.io/zone": "a"}},
		Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{
			{Type: corev1.NodeReady, Status: ready, LastTransitionTime: ago(since)},
			{Type: "NetworkingReady", Status: corev1.ConditionFalse, LastTransitionTime: ago(time.Hour)}, // of EKS's monitoring agent
		}},
	}
}

func nodeScene(n *corev1.Node) detect.Scene {
	return detect.Scene{Workload: engine.Workload{Cluster: "prod", Kind: engine.KindNode, Name: n.Name}, Node: n, Now: now}
}

func event(kind, name, reason, message string, first, last time.Duration) *corev1.Event {
	return &corev1.Event{
		InvolvedObject: corev1.ObjectReference{Kind: kind, Name: name}, Reason: reason, Message: message, Type: "Warning",
		FirstTimestamp: ago(first), LastTimestamp: ago(last),
	}
}

func jobScene(condition batchv1.JobConditionType, reason string, since time.Duration) detect.Scene {
	j := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: "nightly", Namespace: "payments", UID: "job"}}
	if condition != "" {
		j.Status.Conditions = []batchv1.JobCondition{{Type: condition, Status: corev1.ConditionTrue, Reason: reason, LastTransitionTime: ago(since)}}
	}
	return detect.Scene{Workload: engine.Workload{Cluster: "prod", Namespace: "payments", Kind: "Job", Name: "nightly"}, Job: j, Now: now}
}

func jobPod(name string, phase corev1.PodPhase, t *corev1.ContainerStateTerminated) *corev1.Pod {
	p := pod(name, 0, time.Minute)
	yes := true
	p.OwnerReferences = []metav1.OwnerReference{{Kind: "Job", Name: "nightly", UID: "job", Controller: &yes}}
	p.Spec.RestartPolicy, p.Status.Phase = corev1.RestartPolicyNever, phase
	p.Status.ContainerStatuses[0].State = corev1.ContainerState{Terminated: t}
	return p
}

func classes(r detect.Result) string {
	var out []string
	for _, s := range r.Signals {
		out = append(out, string(s.Class))
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func signal(t *testing.T, r detect.Result, c engine.Class) engine.Signal {
	t.Helper()
	for _, s := range r.Signals {
		if s.Class == c {
			return s
		}
	}
	t.Fatalf("no signal of %s in %q", c, classes(r))
	return engine.Signal{}
}
