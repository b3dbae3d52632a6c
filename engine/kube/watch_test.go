package kube

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
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

// settle lets the caches fill, or a change pass the debounce.
func settle() {
	time.Sleep(time.Second)
	synctest.Wait()
}

func want(t *testing.T, s *sink, lines ...string) {
	t.Helper()
	if diff := cmp.Diff(lines, s.take()); diff != "" {
		t.Errorf("observations (-want +got):\n%s", diff)
	}
}

func update(t *testing.T, client *fake.Clientset, p *corev1.Pod) {
	t.Helper()
	if _, err := client.CoreV1().Pods(p.Namespace).Update(t.Context(), p, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
}

func TestWatchTellsWhenAWorkloadFailsAndWhenItIsWellAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		healthy := pod("api-1-x", by("ReplicaSet", "api-1"))
		_, client := watching(t, s, deployment("api", 1), replicaSet("api-1", "api"), healthy)
		settle()
		want(t, s) // a healthy workload that nobody holds firing is not worth a word

		update(t, client, crashed(healthy, 3))
		settle()
		want(t, s, "Deployment/api: crash_loop")

		update(t, client, crashed(healthy, 3)) // nothing new
		settle()
		want(t, s)

		update(t, client, healthy)
		settle()
		want(t, s, "Deployment/api:")
	})
}

func TestWatchTellsAContainersExitAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		healthy := pod("api-1-x", by("ReplicaSet", "api-1"))
		_, client := watching(t, s, deployment("api", 1), replicaSet("api-1", "api"), healthy)
		settle()
		update(t, client, crashed(healthy, 1))
		time.Sleep(10 * time.Millisecond) // far less than the debounce
		synctest.Wait()
		want(t, s, "Deployment/api: crash_loop")
	})
}

func TestWatchBoundsAStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		objects := []runtime.Object{deployment("api", 200), replicaSet("api-1", "api")}
		for n := range 200 {
			objects = append(objects, pod(fmt.Sprintf("api-1-%03d", n), by("ReplicaSet", "api-1")))
		}
		_, client := watching(t, s, objects...)
		settle()
		for n := range 200 {
			update(t, client, crashed(pod(fmt.Sprintf("api-1-%03d", n), by("ReplicaSet", "api-1")), 3))
			time.Sleep(5 * time.Millisecond)
		}
		settle()
		s.mu.Lock()
		defer s.mu.Unlock()
		if n := len(s.got); n == 0 || n > 8 { // a second of crashes, one observation each 200 ms
			t.Errorf("200 crashes within a second made %d observations", n)
		}
		last := s.got[len(s.got)-1]
		if len(last.Signals) != 1 || last.Signals[0].Labels["objects"] != "200" {
			t.Errorf("the last observation does not have all 200 pods: %+v", last.Signals)
		}
	})
}

func TestWatchRepeatsItselfInCaseItWasNotTheLastToSpeak(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		watching(t, s, deployment("ill", 1), replicaSet("ill-1", "ill"), crashed(pod("ill-1-x", by("ReplicaSet", "ill-1")), 5))
		settle()
		want(t, s, "Deployment/ill: crash_loop")

		s.mu.Lock()
		s.firing = []engine.Workload{workload("Deployment", "healed")} // as a replica that was behind told last
		s.mu.Unlock()
		time.Sleep(recallEvery)
		settle()
		want(t, s, "Deployment/healed:", "Deployment/ill: crash_loop")
	})
}

func TestWatchDerivesEverythingAfterAStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{firing: []engine.Workload{workload("Deployment", "gone"), workload("Deployment", "healed")}}
		watching(t, s,
			deployment("healed", 1), replicaSet("healed-1", "healed"), pod("healed-1-x", by("ReplicaSet", "healed-1")),
			deployment("ill", 1), replicaSet("ill-1", "ill"), crashed(pod("ill-1-x", by("ReplicaSet", "ill-1")), 5))
		settle()
		want(t, s, "Deployment/gone:", "Deployment/healed:", "Deployment/ill: crash_loop")
		settle()
		want(t, s)
	})
}

func TestWatchTriesAgainWhenTheSinkFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{broken: errors.New("the database is away"), firing: []engine.Workload{workload("Deployment", "gone")}}
		watching(t, s, deployment("ill", 1), replicaSet("ill-1", "ill"), crashed(pod("ill-1-x", by("ReplicaSet", "ill-1")), 5))
		time.Sleep(20 * time.Second)
		synctest.Wait()
		want(t, s)
		s.mu.Lock()
		refused, asked := s.refused, s.asked
		s.mu.Unlock()
		if refused < 3 || refused > 20 || asked < 3 || asked > 20 {
			t.Errorf("in 20 s: %d observations refused and %d questions; want a few, further and further apart", refused, asked)
		}
		s.breaks(nil)
		time.Sleep(retryMax + time.Second)
		synctest.Wait()
		want(t, s, "Deployment/gone:", "Deployment/ill: crash_loop")
	})
}

func TestWatchLooksAgainWhenTimeHasPassed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		p := pod("big-1-x", by("ReplicaSet", "big-1"))
		p.Spec.NodeName, p.Status.Phase, p.Status.ContainerStatuses = "", corev1.PodPending, nil
		p.CreationTimestamp = metav1.NewTime(time.Now())
		p.Status.Conditions = []corev1.PodCondition{{
			Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable,
			Message: "0/1 nodes are available: 1 Insufficient memory.", LastTransitionTime: metav1.NewTime(time.Now()),
		}}
		d := deployment("big", 1)
		d.Status.ReadyReplicas = 0
		watching(t, s, d, replicaSet("big-1", "big"), p)
		settle()
		want(t, s) // the scheduler has a second try
		time.Sleep(time.Minute)
		synctest.Wait()
		want(t, s, "Deployment/big: unschedulable")
	})
}

func TestWatchPutsPodsUnderTheirNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		p := pod("api-1-x", by("ReplicaSet", "api-1"))
		_, client := watching(t, s, node("n1", corev1.ConditionTrue), deployment("api", 1), replicaSet("api-1", "api"), p)
		settle()
		down := node("n1", corev1.ConditionUnknown)
		down.ResourceVersion = "7"
		if _, err := client.CoreV1().Nodes().Update(t.Context(), down, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		update(t, client, crashed(p, 4))
		settle()
		s.mu.Lock()
		parents := map[string]engine.Workload{}
		for _, o := range s.got {
			for _, sig := range o.Signals {
				parents[o.Workload.Kind+" "+string(sig.Class)] = sig.Parent
			}
		}
		s.mu.Unlock()
		wanted := map[string]engine.Workload{"Node node_not_ready": {}, "Deployment crash_loop": workload(engine.KindNode, "n1")}
		if diff := cmp.Diff(wanted, parents); diff != "" {
			t.Errorf("parents (-want +got):\n%s", diff)
		}
	})
}

func TestWatchTakesTheRunsOfACronJobAsOneWorkload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		_, client := watching(t, s,
			job("report-1", 3*time.Hour, batchv1.JobFailed, by("CronJob", "report")),
			job("report-2", 2*time.Hour, batchv1.JobComplete, by("CronJob", "report")),
			job("once", time.Hour, batchv1.JobFailed))
		settle()
		want(t, s, "Job/once: job_failed") // report's last run went well

		if _, err := client.BatchV1().Jobs("pay").Create(t.Context(), job("report-3", 0, batchv1.JobFailed, by("CronJob", "report")), metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		settle()
		want(t, s, "CronJob/report: job_failed")
	})
}

func TestWatchGoesOnWithoutWhatItMayNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		client := fake.NewSimpleClientset(deployment("ill", 1), crashed(pod("ill-5d8c-x", by("ReplicaSet", "ill-5d8c")), 5))
		refuse(client, "events", "replicasets")
		c := newCluster("prod", client, nil, time.Now)
		start(t, c, s)
		settle()
		want(t, s, "Deployment/ill: crash_loop") // the ReplicaSet's name tells its Deployment
		since, problem := c.Status()
		if problem != "cannot watch events, replicasets: forbidden" || since.IsZero() {
			t.Errorf("Status: %v %q", since, problem)
		}
	})
}

func TestWatchObservesNothingWithoutPods(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{firing: []engine.Workload{workload("Deployment", "ill")}}
		client := fake.NewSimpleClientset(deployment("ill", 1))
		refuse(client, "pods")
		c := newCluster("prod", client, nil, time.Now)
		start(t, c, s)
		time.Sleep(time.Minute)
		synctest.Wait()
		want(t, s) // a cluster whose pods we cannot see must not look well
		if since, problem := c.Status(); !since.IsZero() || !strings.Contains(problem, "cannot watch pods: forbidden") {
			t.Errorf("Status: %v %q", since, problem)
		}
	})
}

func refuse(client *fake.Clientset, resources ...string) {
	for _, r := range resources {
		err := apierrors.NewForbidden(schema.GroupResource{Resource: r}, "", errors.New("no"))
		client.PrependReactor("list", r, func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, err })
		client.PrependWatchReactor(r, func(clienttesting.Action) (bool, watch.Interface, error) { return true, nil, err })
	}
}

func TestWatchOutlivesAnAPIServerThatGoesAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		healthy := pod("api-1-x", by("ReplicaSet", "api-1"))
		client := fake.NewSimpleClientset(deployment("api", 1), replicaSet("api-1", "api"), healthy)
		var away atomic.Bool
		var watches []watch.Interface
		unreachable := errors.New("connect: connection refused")
		client.PrependReactor("list", "pods", func(clienttesting.Action) (bool, runtime.Object, error) { return away.Load(), nil, unreachable })
		client.PrependWatchReactor("pods", func(action clienttesting.Action) (bool, watch.Interface, error) {
			if away.Load() {
				return true, nil, unreachable
			}
			w, err := client.Tracker().Watch(action.GetResource(), "")
			watches = append(watches, w)
			return true, w, err
		})
		c := newCluster("prod", client, slog.New(slog.DiscardHandler), time.Now)
		start(t, c, s)
		settle()
		if synced, problem := c.Status(); problem != "" || !synced.Equal(time.Now()) {
			t.Fatalf("Status while all is well: %v %q", synced, problem)
		}

		away.Store(true)
		lost := time.Now()
		watches[0].Stop()
		update(t, client, crashed(healthy, 3))
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		synced, problem := c.Status()
		if problem != "cannot watch pods: connect: connection refused" || synced.Sub(lost) > 10*time.Second {
			t.Errorf("Status while the server is away: synced %v after it was lost, %q", synced.Sub(lost), problem)
		}
		want(t, s)

		away.Store(false)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		want(t, s, "Deployment/api: crash_loop")
		if _, problem := c.Status(); problem != "" {
			t.Errorf("Status when the server is back: %q", problem)
		}
	})
}

func TestStatusOfAClusterThatIsNotWatchedHere(t *testing.T) {
	c := newCluster("prod", fake.NewSimpleClientset(), nil, nil)
	if synced, problem := c.Status(); !synced.IsZero() || problem != "not watched here" {
		t.Errorf("Status: %v %q", synced, problem)
	}
}

func TestWatchRunsOnceAtATimeAndAgainAfterwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		c := newCluster("prod", fake.NewSimpleClientset(crashed(pod("alone"), 3)), nil, time.Now)
		stop := start(t, c, s)
		settle()
		want(t, s, "Pod/alone: crash_loop")
		if err := c.Watch(t.Context(), s); engine.CodeOf(err) != engine.Conflict {
			t.Errorf("a second Watch: %v", err)
		}
		stop()
		start(t, c, s)
		settle()
		want(t, s, "Pod/alone: crash_loop") // it takes nothing over from the first
	})
}

func TestWatchEndsWithItsContextBeforeTheClusterAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := fake.NewSimpleClientset()
		refuse(client, "pods")
		c := newCluster("prod", client, nil, time.Now)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Watch(ctx, &sink{}); err != nil {
			t.Errorf("Watch: %v", err)
		}
	})
}
