package kube

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/eks-autopilot/autopilot/engine"
)

// server is an API server that can go away.
type server struct {
	*fake.Clientset

	mu      sync.Mutex
	away    map[string]error           // by resource, "*" for all
	watches map[string]watch.Interface // open, by resource
}

func newServer(objects ...runtime.Object) *server {
	s := &server{Clientset: fake.NewSimpleClientset(objects...), away: map[string]error{}, watches: map[string]watch.Interface{}}
	s.PrependReactor("*", "*", func(a clienttesting.Action) (bool, runtime.Object, error) {
		if a.GetVerb() == "update" || a.GetVerb() == "create" || a.GetVerb() == "delete" {
			return false, nil, nil // by others
		}
		err := s.problem(a.GetResource().Resource)
		return err != nil, nil, err
	})
	s.PrependWatchReactor("*", func(a clienttesting.Action) (bool, watch.Interface, error) {
		resource := a.GetResource().Resource
		if err := s.problem(resource); err != nil {
			return true, nil, err
		}
		w, err := s.Tracker().Watch(a.GetResource(), a.GetNamespace())
		s.mu.Lock()
		defer s.mu.Unlock()
		s.watches[resource] = w
		return true, w, err
	})
	return s
}

func (s *server) problem(resource string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.away["*"]; err != nil {
		return err
	}
	return s.away[resource]
}

// breaksOff ends the watches of what the server refuses to speak of.
func (s *server) breaksOff() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for resource, w := range s.watches {
		if s.away["*"] != nil || s.away[resource] != nil {
			w.Stop()
		}
	}
}

// hangs has the server refuse to speak of some resources, or of all ("*"), while the watches that there are stay open.
func (s *server) hangs(err error, resources ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range resources {
		s.away[r] = err
	}
}

func (s *server) isBack() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = map[string]error{}
}

// starting is a Deployment of which a pod is not ready, as long after it was made as is said.
func starting(age time.Duration) (objects []runtime.Object, p *corev1.Pod) {
	d := deployment("api", 1)
	d.Status.ReadyReplicas, d.Status.AvailableReplicas = 0, 0
	p = pod("api-1-x", by("ReplicaSet", "api-1"))
	p.CreationTimestamp = metav1.NewTime(time.Now().Add(-age))
	p.Status.Conditions[0] = corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionFalse, LastTransitionTime: p.CreationTimestamp}
	p.Status.ContainerStatuses[0].Ready = false
	return []runtime.Object{d, replicaSet("api-1", "api"), p, node("n1", corev1.ConditionTrue), node("n2", corev1.ConditionTrue)}, p
}

// TestNothingIsToldWhileTheAPIServerIsAway lets time make problems of what was last heard, and then hears that there are none.
func TestNothingIsToldWhileTheAPIServerIsAway(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		broken bool // the watches that there are end, too
	}{
		"it refuses connections":   {errors.New("connect: connection refused"), true},
		"it hangs":                 {context.DeadlineExceeded, false},
		"it has lost its database": {apierrors.NewInternalError(errors.New("etcdserver: request timed out")), false},
		"it refuses our token":     {apierrors.NewUnauthorized("expired"), true},
		"it is overloaded":         {apierrors.NewTooManyRequests("later", 1), false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &sink{}
				objects, _ := starting(time.Minute)
				client := newServer(objects...)
				start(t, newCluster("prod", client, slog.New(slog.DiscardHandler), time.Now), s)
				settle()
				if client.hangs(c.err, "*"); c.broken {
					client.breaksOff()
				}
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				want(t, s)

				p := pod("api-1-x", by("ReplicaSet", "api-1"))
				p.ResourceVersion = "2"
				update(t, client.Clientset, p)
				ready := deployment("api", 1)
				ready.ResourceVersion = "2"
				if _, err := client.AppsV1().Deployments("pay").Update(t.Context(), ready, metav1.UpdateOptions{}); err != nil {
					t.Fatal(err)
				}
				// The controller marks the node before the kubelet is heard.
				silent := node("n2", corev1.ConditionUnknown)
				silent.ResourceVersion, silent.Status.Conditions[0].LastTransitionTime = "2", metav1.Now()
				set := func(n *corev1.Node) {
					if _, err := client.CoreV1().Nodes().Update(t.Context(), n, metav1.UpdateOptions{}); err != nil {
						t.Fatal(err)
					}
				}
				if c.broken { // else the watches never knew of an outage
					set(silent)
				}
				client.isBack()
				time.Sleep(15 * time.Second)
				heard := node("n2", corev1.ConditionTrue)
				heard.ResourceVersion = "3"
				set(heard)
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				want(t, s)
			})
		})
	}
}

// TestWhatIsTrueIsToldWhenTheAPIServerIsBack does not lose what was held.
func TestWhatIsTrueIsToldWhenTheAPIServerIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		objects, _ := starting(time.Minute)
		client := newServer(objects...)
		start(t, newCluster("prod", client, slog.New(slog.DiscardHandler), time.Now), s)
		settle()
		client.hangs(errors.New("connect: connection refused"), "*")
		client.breaksOff()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		want(t, s)
		client.isBack()
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		want(t, s, "Deployment/api: replicas_missing")
	})
}

// TestOneKindThatCannotBeReadHoldsTheOthersUpForAMinute, and no longer.
func TestOneKindThatCannotBeReadHoldsTheOthersUpForAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		healthy := pod("api-1-x", by("ReplicaSet", "api-1"))
		client := newServer(deployment("api", 1), replicaSet("api-1", "api"), healthy)
		start(t, newCluster("prod", client, slog.New(slog.DiscardHandler), time.Now), s)
		settle()
		client.hangs(apierrors.NewInternalError(errors.New("too large")), "jobs")
		client.breaksOff()
		time.Sleep(time.Second)
		update(t, client.Clientset, crashed(healthy, 3))
		time.Sleep(45 * time.Second)
		synctest.Wait()
		want(t, s)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		want(t, s, "Deployment/api: crash_loop")

		update(t, client.Clientset, healthy)
		settle()
		want(t, s, "Deployment/api:")
	})
}

// TestADeletionIsNotToldBeforeItIsKnownWhoDidIt has the API server not say whether the namespace goes.
func TestADeletionIsNotToldBeforeItIsKnownWhoDidIt(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(client *server)
		lost   int
	}{
		"nobody knows of it": {func(client *server) { client.isBack() }, 1},
		"the namespace is gone": {func(client *server) {
			client.hangs(apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "pay"), "namespaces")
		}, 0},
		"it may not be asked": {func(client *server) {
			client.hangs(apierrors.NewForbidden(schema.GroupResource{Resource: "namespaces"}, "pay", errors.New("no")), "namespaces")
		}, 1},
		"events cannot be had": {func(client *server) {
			client.isBack()
			client.hangs(apierrors.NewTimeoutError("slow", 1), "events")
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &sink{}
				client := newServer(fleet()...)
				start(t, newCluster("prod", client, slog.New(slog.DiscardHandler), time.Now), s)
				settle()
				client.hangs(context.DeadlineExceeded, "namespaces")
				remove(t, client.Clientset, "api-1-b")
				time.Sleep(8 * time.Second)
				synctest.Wait()
				if told := s.lost(); len(told) > 0 {
					t.Fatalf("while nobody answers: %+v", told)
				}
				c.answer(client)
				time.Sleep(30 * time.Second)
				synctest.Wait()
				if told := s.lost(); min(len(told), 1) != c.lost {
					t.Errorf("told %d times, want %d: %+v", len(told), c.lost, told)
				}
			})
		})
	}
}

// TestAPodThatWentWhileNobodyListenedWasNotTakenAway has a pod be gone when the API server is back.
func TestAPodThatWentWhileNobodyListenedWasNotTakenAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		client := newServer(fleet()...)
		start(t, newCluster("prod", client, slog.New(slog.DiscardHandler), time.Now), s)
		settle()
		client.hangs(errors.New("connect: connection refused"), "*")
		client.breaksOff()
		time.Sleep(time.Minute)
		remove(t, client.Clientset, "api-1-b")
		client.isBack()
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		if told := s.lost(); len(told) > 0 {
			t.Errorf("told: %+v", told)
		}
	})
}

// TestTheAPIServerIsAskedSeldom counts the questions that a storm of changes costs.
func TestTheAPIServerIsAskedSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := newServer()
		asked := 0
		client.PrependReactor("get", "namespaces", func(clienttesting.Action) (bool, runtime.Object, error) {
			asked++
			return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: "namespaces"}, "default", errors.New("no"))
		})
		health := &health{now: time.Now, kinds: 9, problems: map[string]problem{}}
		p := newPulse(client, time.Now, health)
		time.Sleep(time.Hour)
		for range 100 {
			if !p.current(t.Context()) {
				t.Fatal("a refusal is an answer")
			}
		}
		if asked != 1 {
			t.Errorf("asked %d times at one moment", asked)
		}
		for range 60 {
			p.hear()
			time.Sleep(hearing)
			if !p.current(t.Context()) {
				t.Fatal("it was just heard")
			}
		}
		if asked != 1 {
			t.Errorf("asked %d times although it was heard", asked)
		}
	})
}

func TestUnanswered(t *testing.T) {
	group := schema.GroupResource{Resource: "pods"}
	for _, c := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{apierrors.NewNotFound(group, "x"), false},
		{apierrors.NewForbidden(group, "x", errors.New("no")), false},
		{apierrors.NewConflict(group, "x", errors.New("no")), false},
		{apierrors.NewUnauthorized("expired"), true},
		{apierrors.NewServiceUnavailable("starting"), true},
		{apierrors.NewTimeoutError("slow", 1), true},
		{apierrors.NewServerTimeout(group, "list", 1), true},
		{apierrors.NewTooManyRequestsError("later"), true},
		{apierrors.NewInternalError(errors.New("etcdserver: leader changed")), true},
		{fmt.Errorf("reading: %w", context.DeadlineExceeded), true},
		{engine.Errorf(engine.Unavailable, "cluster prod cannot be found"), true},
	} {
		if got := unanswered(c.err); got != c.want {
			t.Errorf("%v: %v", c.err, got)
		}
	}
}
