package kube

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/eks-autopilot/autopilot/engine"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sink records what it is told, and refuses while broken is set.
type sink struct {
	mu      sync.Mutex
	got     []engine.Observation
	firing  []engine.Workload
	broken  error
	refused int
	asked   int
}

func (s *sink) Observe(_ context.Context, o engine.Observation) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		s.refused++
		return s.broken
	}
	s.got = append(s.got, o)
	return nil
}

func (s *sink) Watching(_ context.Context, _ string, source engine.Source) ([]engine.Workload, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if source != engine.SourceWatch {
		return nil, errors.New("asked for another source")
	}
	if s.broken != nil {
		return nil, s.broken
	}
	return s.firing, nil
}

func (s *sink) breaks(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = err
}

// take gives what was observed since the last call, as "kind/name: classes".
func (s *sink) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, o := range s.got {
		line := o.Workload.Kind + "/" + o.Workload.Name + ":"
		for _, sig := range o.Signals {
			line += " " + string(sig.Class)
		}
		if !o.Complete {
			line += " (incomplete)"
		}
		out = append(out, line)
	}
	s.got = nil
	slices.Sort(out)
	return out
}

// watching starts a watch inside the bubble of a synctest.
func watching(t *testing.T, s *sink, objects ...runtime.Object) (*Cluster, *fake.Clientset) {
	t.Helper()
	client := fake.NewSimpleClientset(objects...)
	c := newCluster("prod", client, slog.New(slog.DiscardHandler), time.Now)
	start(t, c, s)
	return c, client
}

func start(t *testing.T, c *Cluster, s Sink) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := c.Watch(ctx, s); err != nil {
			t.Errorf("Watch: %v", err)
		}
	})
	stop = func() { cancel(); wg.Wait() }
	t.Cleanup(stop)
	return stop
}

func meta(name string, owner ...metav1.OwnerReference) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: "pay", Name: name, UID: types.UID("uid-" + name), OwnerReferences: owner,
		CreationTimestamp: metav1.NewTime(time.Now().Add(-time.Hour)),
	}
}

func by(kind, name string) metav1.OwnerReference {
	yes := true
	return metav1.OwnerReference{Kind: kind, Name: name, UID: types.UID("uid-" + name), Controller: &yes}
}

func deployment(name string, replicas int32) *appsv1.Deployment {
	return &appsv1.Deployment{
		ObjectMeta: meta(name), Spec: appsv1.DeploymentSpec{Replicas: &replicas},
		Status: appsv1.DeploymentStatus{ReadyReplicas: replicas, UpdatedReplicas: replicas, AvailableReplicas: replicas},
	}
}

func replicaSet(name, deployment string) *appsv1.ReplicaSet {
	rs := &appsv1.ReplicaSet{ObjectMeta: meta(name, by("Deployment", deployment))}
	rs.Annotations = map[string]string{"deployment.kubernetes.io/revision": "1"}
	return rs
}

func pod(name string, owner ...metav1.OwnerReference) *corev1.Pod {
	started := true
	return &corev1.Pod{
		ObjectMeta: meta(name, owner...),
		Spec:       corev1.PodSpec{NodeName: "n1", Containers: []corev1.Container{{Name: "app", Image: "app:1"}}},
		Status: corev1.PodStatus{
			Phase:      corev1.PodRunning,
			Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
			ContainerStatuses: []corev1.ContainerStatus{{
				Name: "app", Ready: true, Started: &started,
				State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(time.Now().Add(-time.Hour))}},
			}},
		},
	}
}

// crashed gives a copy of a pod whose container has ended for the nth time and waits.
func crashed(p *corev1.Pod, n int32) *corev1.Pod {
	p = p.DeepCopy()
	p.ResourceVersion = fmt.Sprintf("%d", 1000+n)
	c := &p.Status.ContainerStatuses[0]
	c.Ready, c.RestartCount = false, n
	c.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}
	c.LastTerminationState = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		ExitCode: 3, Reason: "Error", StartedAt: metav1.NewTime(time.Now().Add(-time.Second)), FinishedAt: metav1.NewTime(time.Now()),
	}}
	p.Status.Conditions[0].Status = corev1.ConditionFalse
	return p
}

func node(name string, ready corev1.ConditionStatus) *corev1.Node {
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID("uid-" + name), CreationTimestamp: metav1.NewTime(time.Now().Add(-time.Hour))},
		Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{{
			Type: corev1.NodeReady, Status: ready, LastHeartbeatTime: metav1.NewTime(time.Now()), LastTransitionTime: metav1.NewTime(time.Now().Add(-time.Minute)),
		}}},
	}
}

func job(name string, age time.Duration, condition batchv1.JobConditionType, owner ...metav1.OwnerReference) *batchv1.Job {
	j := &batchv1.Job{ObjectMeta: meta(name, owner...)}
	j.CreationTimestamp = metav1.NewTime(time.Now().Add(-age))
	if condition != "" {
		j.Status.Conditions = []batchv1.JobCondition{{Type: condition, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(time.Now())}}
	}
	return j
}

func workload(kind, name string) engine.Workload {
	w := engine.Workload{Cluster: "prod", Namespace: "pay", Kind: kind, Name: name}
	if kind == engine.KindNode {
		w.Namespace = ""
	}
	return w
}
