package labelled

import (
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/test/stand/block"
)

// A node that stays has one series through both eras; of a pod that was replaced each has its own, while it was there.
func TestStatesFollowEachOther(t *testing.T) {
	at := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	node := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}, Status: corev1.NodeStatus{Capacity: corev1.ResourceList{"cpu": resource.MustParse("4"), "memory": resource.MustParse("8Gi")}}}
	pod := func(name, cpu string, phase corev1.PodPhase) corev1.Pod {
		return corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop"}, Status: corev1.PodStatus{Phase: phase},
			Spec: corev1.PodSpec{NodeName: "n", Containers: []corev1.Container{{Name: "app", Resources: corev1.ResourceRequirements{
				Requests: corev1.ResourceList{"cpu": resource.MustParse(cpu)},
			}}}},
		}
	}
	eras := []Era{
		{From: at, To: at.Add(2 * scrape), nodes: []corev1.Node{node}, pods: []corev1.Pod{pod("old", "2", corev1.PodRunning), pod("done", "1", corev1.PodSucceeded)}},
		{From: at.Add(2 * scrape), To: at.Add(5 * scrape), nodes: []corev1.Node{node}, pods: []corev1.Pod{pod("new", "250m", corev1.PodRunning)}},
	}
	var got []string
	var before []block.Label
	for labels, samples := range statesOf("shop", eras).all(eras) {
		if before != nil && block.Compare(before, labels) >= 0 {
			t.Errorf("%v comes after %v", labels, before)
		}
		before = labels
		of := map[string]string{}
		for _, l := range labels {
			of[l.Name] = l.Value
		}
		line := fmt.Sprint(of["__name__"], " ", of["node"], of["phase"], " ", of["pod"], " ", of["resource"], ":")
		for ms, v := range samples {
			line += fmt.Sprintf(" %.0f=%g", time.UnixMilli(ms).Sub(at).Minutes(), v)
		}
		got = append(got, line)
	}
	slices.Sort(got)
	want := []string{
		"kube_node_status_capacity n  cpu: 0=4 1=4 2=4 3=4 4=4",
		"kube_node_status_capacity n  memory: 0=8.589934592e+09 1=8.589934592e+09 2=8.589934592e+09 3=8.589934592e+09 4=8.589934592e+09",
		"kube_pod_container_resource_requests n new cpu: 2=0.25 3=0.25 4=0.25",
		"kube_pod_container_resource_requests n old cpu: 0=2 1=2",
		"kube_pod_info n new : 2=1 3=1 4=1",
		"kube_pod_info n old : 0=1 1=1",
		"kube_pod_status_phase Running new : 2=1 3=1 4=1",
		"kube_pod_status_phase Running old : 0=1 1=1",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}
