package kube

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/eks-autopilot/autopilot/engine"
)

func TestOwner(t *testing.T) {
	static := pod("kube-proxy-n1", by("Node", "n1"))
	static.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: "x"}
	operated := replicaSet("canary-1", "canary")
	operated.OwnerReferences[0].Kind = "Rollout"
	set := deployment("web", 1)
	set.OwnerReferences = append(set.OwnerReferences, by("WebApp", "web")) // an operator's resource above it
	objects := []runtime.Object{
		node("n1", corev1.ConditionTrue), static, set,
		replicaSet("web-1", "web"), pod("web-1-x", by("ReplicaSet", "web-1")),
		pod("db-0", by("StatefulSet", "db")), pod("alone"),
		job("report-1", time.Hour, batchv1.JobComplete, by("CronJob", "report")), pod("report-1-x", by("Job", "report-1")),
		job("once", time.Hour, batchv1.JobComplete), pod("once-x", by("Job", "once")),
		operated, pod("canary-1-x", by("ReplicaSet", "canary-1")), pod("flow-x", by("Workflow", "flow")),
		&corev1.PersistentVolumeClaim{ObjectMeta: meta("data")},
		pod("orphan", by("ReplicaSet", "unknown-1")),
	}
	tests := []struct {
		kind, name string
		want       engine.Workload // zero: nothing is found
	}{
		{"Pod", "web-1-x", workload("Deployment", "web")},
		{"Pod", "db-0", workload("StatefulSet", "db")},
		{"Pod", "alone", workload("Pod", "alone")},
		{"Pod", "report-1-x", workload("CronJob", "report")},
		{"Pod", "once-x", workload("Job", "once")},
		{"Pod", "canary-1-x", workload("Rollout", "canary")},
		{"Pod", "flow-x", workload("Workflow", "flow")},
		{"Pod", "kube-proxy-n1", workload(engine.KindNode, "n1")},
		{"Pod", "orphan", engine.Workload{}},
		{"Pod", "absent", engine.Workload{}},
		{"ReplicaSet", "web-1", workload("Deployment", "web")},
		{"Job", "report-1", workload("CronJob", "report")},
		{"Deployment", "web", workload("Deployment", "web")},
		{"Deployment", "absent", engine.Workload{}},
		{"Node", "n1", workload(engine.KindNode, "n1")},
		{"Node", "absent", engine.Workload{}},
		{"PersistentVolumeClaim", "data", workload("PersistentVolumeClaim", "data")},
		{"Banana", "b", engine.Workload{}},
	}
	check := func(t *testing.T, c *Cluster, absent engine.Code) {
		for _, tt := range tests {
			got, err := c.Owner(t.Context(), tt.kind, "pay", tt.name)
			if got != tt.want || (err == nil) == tt.want.IsZero() {
				t.Errorf("%s %s: %+v, %v; want %+v", tt.kind, tt.name, got, err, tt.want)
			}
			if code := engine.CodeOf(err); err != nil && code != absent {
				t.Errorf("%s %s: %v has code %s, want %s", tt.kind, tt.name, err, code, absent)
			}
		}
	}
	t.Run("from the API", func(t *testing.T) {
		check(t, newCluster("prod", fake.NewSimpleClientset(objects...), nil, nil), engine.NotFound)
	})
	t.Run("from the caches", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, client := watching(t, &sink{}, objects...)
			settle()
			client.PrependReactor("get", "*", func(a clienttesting.Action) (bool, runtime.Object, error) {
				return true, nil, errors.New("the API is not to be asked")
			})
			tests = tests[:len(tests)-1] // the API is never asked for a Banana, so whether it answers tells nothing
			check(t, c, engine.Unavailable)
		})
	})
}

func TestOwnerOfWhatTheCachesDoNotHaveYetIsAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, client := watching(t, &sink{})
		settle()
		client.PrependReactor("get", "pods", func(clienttesting.Action) (bool, runtime.Object, error) {
			return true, pod("new", by("DaemonSet", "agent")), nil
		})
		if got, err := c.Owner(t.Context(), "Pod", "pay", "new"); err != nil || got != workload("DaemonSet", "agent") {
			t.Errorf("Owner: %+v, %v", got, err)
		}
	})
}
