package prom

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine/waste"
)

func named(name string, above ...string) metav1.ObjectMeta {
	m := metav1.ObjectMeta{Namespace: "shop", Name: name}
	if len(above) == 2 {
		yes := true
		m.OwnerReferences = []metav1.OwnerReference{{Kind: above[0], Name: above[1], Controller: &yes}}
	}
	return m
}

func TestOwners(t *testing.T) {
	o := newOwners(&waste.Cluster{
		Pods: []*corev1.Pod{
			{ObjectMeta: named("api-6d4cf56db6-x7k2p", kindReplicaSet, "api-6d4cf56db6")},
			{ObjectMeta: named("bare")},
			{ObjectMeta: named("kafka-0", "StrimziPodSet", "kafka")},
			{ObjectMeta: named("canary-77f9c8d4b5-abcde", kindReplicaSet, "canary-77f9c8d4b5")},
		},
		Deployments:  []*appsv1.Deployment{{ObjectMeta: named("api")}, {ObjectMeta: named("api-v2")}, {ObjectMeta: named("twin")}, {ObjectMeta: named("agent-bcdfg")}},
		ReplicaSets:  []*appsv1.ReplicaSet{{ObjectMeta: named("api-6d4cf56db6", kindDeployment, "api")}, {ObjectMeta: named("canary-77f9c8d4b5", "Rollout", "canary")}},
		StatefulSets: []*appsv1.StatefulSet{{ObjectMeta: named("db")}},
		DaemonSets:   []*appsv1.DaemonSet{{ObjectMeta: named("agent")}, {ObjectMeta: named("twin-5b8d4")}},
		CronJobs:     []*batchv1.CronJob{{ObjectMeta: named("report")}},
		Jobs:         []*batchv1.Job{{ObjectMeta: named("report-29000000", kindCronJob, "report")}, {ObjectMeta: named("once")}},
	})
	o.saw("shop", "oddly-named", owner{kindReplicaSet, "api-55555bbbbb"})
	o.saw("shop", "kafka-7", owner{"StrimziPodSet", "kafka"})
	o.saw("shop", "alone-bcdfg", owner{"<none>", "<none>"})
	for pod, want := range map[string]owner{
		"api-6d4cf56db6-x7k2p":     {kindDeployment, "api"},         // there now
		"canary-77f9c8d4b5-abcde":  {"Rollout", "canary"},           // there now
		"bare":                     {"Pod", "bare"},                 //
		"kafka-0":                  {"StrimziPodSet", "kafka"},      //
		"kafka-7":                  {"StrimziPodSet", "kafka"},      // gone; kube-state-metrics saw it
		"oddly-named":              {kindDeployment, "api"},         // gone; by its ReplicaSet's name
		"api-7f8b9c6d5-bcdfg":      {kindDeployment, "api"},         // gone, of a revision that is gone
		"api-v2-7f8b9c6d5-bcdfg":   {kindDeployment, "api-v2"},      // not of api
		"canary-88f9c8d4b5-bcdfg":  {"Rollout", "canary"},           //
		"db-17":                    {kindStatefulSet, "db"},         //
		"agent-x7k2p":              {kindDaemonSet, "agent"},        //
		"report-28999999-bcdfg":    {kindCronJob, "report"},         //
		"report-29000000-bcdfg":    {kindCronJob, "report"},         // its Job is there
		"once-bcdfg":               {kindJob, "once"},               //
		"twin-5b8d4-bcdfg":         {},                              // of the Deployment twin or of the DaemonSet twin-5b8d4
		"gone-7f8b9c6d5-bcdfg":     {},                              // nothing of that name
		"api-7f8b9c6d5-aeiou":      {},                              // no controller gives vowels
		"db":                       {},                              //
		"alone-bcdfg":              {},                              //
		"agent-bcdfg-7f8b9c-bcdfg": {kindDeployment, "agent-bcdfg"}, // not of the DaemonSet agent
	} {
		got, ok := o.of("shop", pod)
		if got != want || ok != (want != owner{}) {
			t.Errorf("%s: %v %t, want %v", pod, got, ok, want)
		}
		if got, ok := o.of("elsewhere", pod); ok {
			t.Errorf("%s of another namespace: %v", pod, got)
		}
	}
}
