package kube

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/eks-autopilot/autopilot/engine"
)

// fleet is a Deployment of three ready pods on a node, in a namespace.
func fleet() []runtime.Object {
	d, rs := deployment("api", 3), replicaSet("api-1", "api")
	rs.Spec.Replicas = d.Spec.Replicas
	objects := []runtime.Object{d, rs, node("n1", corev1.ConditionTrue), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "pay"}}}
	for _, name := range []string{"api-1-a", "api-1-b", "api-1-c"} {
		objects = append(objects, pod(name, by("ReplicaSet", "api-1")))
	}
	return objects
}

func (s *sink) lost() (told []engine.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.got {
		for _, sig := range o.Signals {
			if sig.Labels[engine.LabelLost] != "" {
				told = append(told, sig)
			}
		}
	}
	return told
}

func remove(t *testing.T, client *fake.Clientset, name string) {
	t.Helper()
	if err := client.CoreV1().Pods("pay").Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
}

// TestWatchTellsOfAPodThatSomebodyTakesAway deletes a pod; two seconds later it is told, and when another is ready it is over.
func TestWatchTellsOfAPodThatSomebodyTakesAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		_, client := watching(t, s, fleet()...)
		settle()
		remove(t, client, "api-1-b")
		time.Sleep(3 * time.Second)
		synctest.Wait()
		told := s.lost()
		if len(told) != 1 || told[0].Labels[engine.LabelLost] != "api-1-b" || !told[0].Firing() {
			t.Fatalf("three seconds later: %+v", told)
		}
		next := pod("api-1-d", by("ReplicaSet", "api-1"))
		next.CreationTimestamp = metav1.Now()
		next.Status.Conditions[0].LastTransitionTime = metav1.Now()
		if _, err := client.CoreV1().Pods("pay").Create(t.Context(), next, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		settle()
		if told = s.lost(); len(told) != 2 || told[1].Firing() {
			t.Fatalf("with another: %+v", told)
		}
		time.Sleep(15 * time.Minute)
		synctest.Wait()
		s.take()
		time.Sleep(time.Minute)
		if told = s.lost(); len(told) > 0 {
			t.Errorf("long after: %+v", told)
		}
	})
}

// TestWatchKnowsThatALossWasMadeGood has the pod that took the place of a lost one cease to be ready, and be ready again: the loss was over when it
// first was, however late its condition says.
func TestWatchKnowsThatALossWasMadeGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		_, client := watching(t, s, fleet()...)
		settle()
		remove(t, client, "api-1-b")
		time.Sleep(3 * time.Second)
		next := pod("api-1-d", by("ReplicaSet", "api-1"))
		next.CreationTimestamp = metav1.Now()
		next.Status.StartTime = new(metav1.Now())
		next.Status.Conditions[0].Status, next.Status.Conditions[0].LastTransitionTime = corev1.ConditionFalse, metav1.Now()
		if _, err := client.CoreV1().Pods("pay").Create(t.Context(), next, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(4 * time.Second)
		good := time.Now()
		for k, status := range []corev1.ConditionStatus{corev1.ConditionTrue, corev1.ConditionFalse, corev1.ConditionTrue} {
			next = next.DeepCopy()
			next.ResourceVersion = fmt.Sprint(10 + k)
			next.Status.Conditions[0].Status, next.Status.Conditions[0].LastTransitionTime = status, metav1.Now()
			if _, err := client.CoreV1().Pods("pay").Update(t.Context(), next, metav1.UpdateOptions{}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(40 * time.Second)
			synctest.Wait()
		}
		told := s.lost()
		if len(told) < 2 || !told[0].Firing() {
			t.Fatalf("told: %+v", told)
		}
		for _, n := range told[1:] {
			if !n.EndsAt.Equal(good) {
				t.Errorf("the loss ends at %s, want %s", n.EndsAt, good)
			}
		}
	})
}

// TestWatchTellsOfAPodWhoseProgramsEndAtOnce has the kubelet say that a deleted pod failed before anybody told that it was lost.
func TestWatchTellsOfAPodWhoseProgramsEndAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		_, client := watching(t, s, fleet()...)
		settle()
		p := pod("api-1-b", by("ReplicaSet", "api-1"))
		for k, phase := range []corev1.PodPhase{corev1.PodRunning, corev1.PodFailed} {
			p = p.DeepCopy()
			p.ResourceVersion, p.Status.Phase = string(rune('2'+k)), phase
			p.DeletionTimestamp, p.DeletionGracePeriodSeconds = new(metav1.NewTime(time.Now().Add(30*time.Second))), new(int64(30))
			if _, err := client.CoreV1().Pods("pay").Update(t.Context(), p, metav1.UpdateOptions{}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		remove(t, client, "api-1-b")
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if told := s.lost(); len(told) == 0 || told[0].Labels[engine.LabelLost] != "api-1-b" {
			t.Errorf("three seconds later: %+v", told)
		}
	})
}

// TestWatchIsSilentOfWhatIsMeant takes a pod away for reasons that the watch must find: those that it saw, and those that it has to ask for.
func TestWatchIsSilentOfWhatIsMeant(t *testing.T) {
	for name, do := range map[string]func(t *testing.T, client *fake.Clientset){
		"the node was cordoned for a moment": func(t *testing.T, client *fake.Clientset) {
			n := node("n1", corev1.ConditionTrue)
			n.ResourceVersion, n.Spec.Unschedulable = "2", true
			if _, err := client.CoreV1().Nodes().Update(t.Context(), n, metav1.UpdateOptions{}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
			remove(t, client, "api-1-b")
			time.Sleep(100 * time.Millisecond)
			n = n.DeepCopy()
			n.ResourceVersion, n.Spec.Unschedulable = "3", false
			if _, err := client.CoreV1().Nodes().Update(t.Context(), n, metav1.UpdateOptions{}); err != nil {
				t.Fatal(err)
			}
		},
		"scaled down and up": func(t *testing.T, client *fake.Clientset) {
			for k, n := range []int32{2, 3} {
				rs := replicaSet("api-1", "api")
				rs.ResourceVersion, rs.Spec.Replicas = string(rune('2'+k)), &n
				if _, err := client.AppsV1().ReplicaSets("pay").Update(t.Context(), rs, metav1.UpdateOptions{}); err != nil {
					t.Fatal(err)
				}
				if k == 0 {
					remove(t, client, "api-1-b")
				}
				time.Sleep(100 * time.Millisecond)
			}
		},
		"the namespace is being deleted": func(t *testing.T, client *fake.Clientset) {
			at := metav1.Now()
			n := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "pay", DeletionTimestamp: &at, Finalizers: []string{"kubernetes"}}}
			if _, err := client.CoreV1().Namespaces().Update(t.Context(), n, metav1.UpdateOptions{}); err != nil {
				t.Fatal(err)
			}
			remove(t, client, "api-1-b")
		},
		"the vertical autoscaler says that it was it": func(t *testing.T, client *fake.Clientset) {
			e := &corev1.Event{
				ObjectMeta: metav1.ObjectMeta{Name: "e", Namespace: "pay"}, Reason: "EvictedByVPA", Type: corev1.EventTypeNormal,
				InvolvedObject: corev1.ObjectReference{Kind: kindPod, Namespace: "pay", Name: "api-1-b", UID: "uid-api-1-b"},
			}
			if _, err := client.CoreV1().Events("pay").Create(t.Context(), e, metav1.CreateOptions{}); err != nil {
				t.Fatal(err)
			}
			remove(t, client, "api-1-b")
		},
		"the deployment goes": func(t *testing.T, client *fake.Clientset) {
			if err := client.AppsV1().Deployments("pay").Delete(t.Context(), "api", metav1.DeleteOptions{}); err != nil {
				t.Fatal(err)
			}
			remove(t, client, "api-1-b")
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &sink{}
				_, client := watching(t, s, fleet()...)
				settle()
				do(t, client)
				time.Sleep(time.Minute)
				synctest.Wait()
				if told := s.lost(); len(told) > 0 {
					t.Errorf("told: %s", told[0].Summary)
				}
			})
		})
	}
}

// TestWhatIsPutIntoAPodLaterIsNotSeen holds that an ephemeral container, its state and what the kubelet says of it reach neither detection nor
// evidence.
func TestWhatIsPutIntoAPodLaterIsNotSeen(t *testing.T) {
	p := pod("api-1-a")
	p.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "probe", Image: "tool:1"}}}
	p.Status.EphemeralContainerStatuses = []corev1.ContainerStatus{{Name: "probe", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 137, Reason: "Error"}}}}
	p = trimmed(t, p)
	if len(p.Spec.EphemeralContainers)+len(p.Status.EphemeralContainerStatuses) > 0 {
		t.Errorf("kept: %+v %+v", p.Spec.EphemeralContainers, p.Status.EphemeralContainerStatuses)
	}
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		said := func(path string) *corev1.Event {
			return &corev1.Event{
				ObjectMeta: metav1.ObjectMeta{Name: "e-" + path, Namespace: "pay"}, Reason: "Failed", Type: corev1.EventTypeWarning, LastTimestamp: metav1.Now(),
				InvolvedObject: corev1.ObjectReference{Kind: kindPod, Namespace: "pay", Name: "api-1-a", UID: "uid-api-1-a", FieldPath: path},
			}
		}
		c, _ := watching(t, s, append(fleet(), said("spec.containers{app}"), said("spec.ephemeralContainers{probe}"))...)
		settle()
		o := c.current()
		if o == nil {
			t.Fatal("it does not watch")
		}
		scene, ok := o.scene(workload(kindDeployment, "api"), time.Now())
		if !ok || len(scene.Events) != 1 || scene.Events[0].InvolvedObject.FieldPath != "spec.containers{app}" {
			t.Errorf("events: %+v", scene.Events)
		}
	})
}

// TestAFewDeparturesAreRemembered holds that what is remembered is bounded, in number and in time.
func TestAFewDeparturesAreRemembered(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	d := newDepartures(func() time.Time { return now })
	w := workload(kindDeployment, "api")
	for k := range 3 * mostDepartures {
		p := pod("api-1-x")
		p.UID = types.UID(fmt.Sprintf("uid-%d", k))
		d.leaves(w, p, nil, nil)
	}
	if n := len(d.gone[w]); n != mostDepartures {
		t.Errorf("%d of %d are remembered", n, 3*mostDepartures)
	}
	now = now.Add(time.Hour)
	d.leaves(w, pod("api-1-y"), nil, nil)
	if n := len(d.gone[w]); n != 1 {
		t.Errorf("an hour later %d are remembered", n)
	}
	for k := range 3 {
		now = now.Add(15 * time.Minute)
		d.leaves(w, pod("api-1-y"), nil, nil)
		d.serves(w, types.UID(fmt.Sprintf("ready-%d", k)), now)
	}
	if n := len(d.ready[w]); n != 2 {
		t.Errorf("%d that were ready are remembered", n)
	}
	d.note(&objects{}, &appsv1.Deployment{Spec: appsv1.DeploymentSpec{Replicas: new(int32(3))}}, &appsv1.Deployment{Spec: appsv1.DeploymentSpec{Replicas: new(int32(5))}})
	if len(d.lowered) > 0 {
		t.Error("more replicas are not fewer")
	}
}
