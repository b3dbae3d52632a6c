package collect

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"

	"github.com/eks-autopilot/autopilot/engine"
)

// TestAnotherNumberOfReplicas is shown where somebody wrote it, and not where a rollout or an autoscaler scaled.
func TestAnotherNumberOfReplicas(t *testing.T) {
	const bySize = `{"f:spec":{"f:replicas":{}}}`
	scaling := func(set, to, from string, before time.Duration) runtime.Object {
		return event("s"+set+to, "Deployment", "api", "ScalingReplicaSet", fmt.Sprintf("Scaled up replica set %s to %s from %s", set, to, from), before)
	}
	newer := event("s", "Deployment", "api", "ScalingReplicaSet", "Scaled down replica set api-2 from 9 to 3", time.Minute)
	scale := func(manager string) metav1.ManagedFieldsEntry {
		m := wrote(manager, time.Minute, bySize)
		m.Subresource, m.Time = "scale", nil // which the API server does not set
		return m
	}
	for name, c := range map[string]struct {
		writer metav1.ManagedFieldsEntry
		event  runtime.Object
		want   string
	}{
		"from Git":                            {wrote("argocd-controller", time.Minute, bySize), scaling("api-2", "3", "2", 58*time.Second), "replicas 2 → 3, 58s before the onset, argocd-controller"},
		"as newer controllers say it":         {wrote("kubectl-edit", time.Minute, bySize), newer, "replicas 9 → 3, 1m0s before the onset, kubectl-edit"},
		"by kubectl scale":                    {scale("kubectl"), newer, "replicas 9 → 3, 1m0s before the onset, kubectl"},
		"by kubectl scale, with a rollout":    {scale("kubectl"), scaling("api-2", "3", "2", time.Hour-5*time.Second), ""},
		"by an autoscaler":                    {scale("kube-controller-manager"), scaling("api-2", "3", "2", 58*time.Second), ""},
		"by KEDA":                             {scale("keda"), scaling("api-2", "3", "2", 58*time.Second), ""},
		"by another autoscaler":               {scale("cluster-proportional-autoscaler"), scaling("api-2", "3", "2", 58*time.Second), ""},
		"written with a rollout":              {wrote("argocd-controller", time.Hour, bySize), scaling("api-2", "3", "2", time.Hour-time.Second), ""},
		"written without the number":          {wrote("argocd-controller", time.Minute, `{"f:spec":{"f:template":{}}}`), scaling("api-2", "3", "2", 58*time.Second), ""},
		"long after it was written":           {wrote("argocd-controller", time.Minute, bySize), scaling("api-2", "3", "2", 40*time.Second), ""},
		"before it was written":               {wrote("argocd-controller", time.Minute, bySize), scaling("api-2", "3", "2", 70*time.Second), ""},
		"the revision before":                 {wrote("argocd-controller", time.Minute, bySize), scaling("api-1", "3", "2", 58*time.Second), ""},
		"to a number that it is not any more": {wrote("argocd-controller", time.Minute, bySize), scaling("api-2", "7", "2", 58*time.Second), ""},
		"something else was said":             {wrote("argocd-controller", time.Minute, bySize), event("s", "Deployment", "api", "ScalingReplicaSet", "Scaled something", 58*time.Second), ""},
	} {
		t.Run(name, func(t *testing.T) {
			is := template("api:2")
			d := deployment(is)
			d.ManagedFields = []metav1.ManagedFieldsEntry{c.writer}
			d.Annotations = map[string]string{"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:pay/api"}
			found, failed := gather(t, client(d, replicaSet(2, time.Hour, is), replicaSet(1, 40*time.Hour, is), c.event), incident("Deployment", "api"))
			if len(failed) > 0 {
				t.Fatal(failed)
			}
			got := engine.Evidence{}
			for _, e := range found["changes"] {
				if e.Fields["what"] == "replicas" {
					got = e
				}
			}
			if want := strings.Replace(c.want, "argocd-controller", "argocd-controller shop", 1); got.Text != want || got.Fields["to"] != "3" && want != "" || got.Fields["revision"] != "" {
				t.Errorf("%+v; want %q", got, want)
			}
			if c.want != "" && got.Fields["git"] != "Argo CD" {
				t.Errorf("fields: %v", got.Fields)
			}
		})
	}
}

// TestThereAndBack holds that a number of replicas which was a larger one for some minutes alone is told as put back.
func TestThereAndBack(t *testing.T) {
	type said struct {
		text string
		ago  time.Duration
	}
	up := func(ago time.Duration) said { return said{"Scaled up replica set api-2 from 3 to 4", ago} }
	down := said{"Scaled down replica set api-2 from 4 to 3", 58 * time.Second}
	autoscaler := &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Namespace: "pay", Name: "api"},
		Spec:       autoscalingv2.HorizontalPodAutoscalerSpec{ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{Kind: "Deployment", Name: "api"}},
	}
	other := autoscaler.DeepCopy()
	other.Spec.ScaleTargetRef.Name = "cart"
	for name, c := range map[string]struct {
		said  []said
		auto  *autoscalingv2.HorizontalPodAutoscaler
		inGit bool
		want  string
	}{
		"a minute before":           {said: []said{up(2 * time.Minute), down}, want: "1m2s"},
		"in the same second":        {said: []said{up(58 * time.Second), down}, want: "0s"},
		"after an old rollout":      {said: []said{{"Scaled down replica set api-1 from 1 to 0", 20 * time.Minute}, up(2 * time.Minute), down}, want: "1m2s"},
		"an hour before":            {said: []said{up(time.Hour), down}},
		"nothing was before":        {said: []said{down}},
		"from yet another":          {said: []said{{"Scaled up replica set api-2 from 2 to 4", 2 * time.Minute}, down}},
		"the last of a rollout":     {said: []said{up(2 * time.Minute), {"Scaled down replica set api-1 from 1 to 0", 119 * time.Second}, down}},
		"of another ReplicaSet":     {said: []said{{"Scaled up replica set api-1 from 3 to 4", 2 * time.Minute}, down}},
		"fewer, and back":           {said: []said{{"Scaled down replica set api-2 from 3 to 0", 2 * time.Minute}, {"Scaled up replica set api-2 from 0 to 3", 58 * time.Second}}},
		"another is autoscaled":     {said: []said{up(2 * time.Minute), down}, auto: other, want: "1m2s"},
		"what an autoscaler wanted": {said: []said{up(2 * time.Minute), down}, auto: autoscaler},
		"by who deploys from Git":   {said: []said{up(2 * time.Minute), down}, inGit: true},
	} {
		t.Run(name, func(t *testing.T) {
			is := template("api:2")
			d := deployment(is)
			d.ManagedFields = []metav1.ManagedFieldsEntry{wrote("kubectl", time.Minute, `{"f:spec":{"f:replicas":{}}}`)}
			if c.inGit {
				d.Annotations = map[string]string{"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:pay/api"}
			}
			objects := []runtime.Object{d, replicaSet(2, 2*time.Hour, is), replicaSet(1, 40*time.Hour, is)}
			if c.auto != nil {
				objects = append(objects, c.auto)
			}
			for k, e := range c.said {
				objects = append(objects, event(fmt.Sprintf("said%d", k), "Deployment", "api", "ScalingReplicaSet", e.text, e.ago))
			}
			found, failed := gather(t, client(objects...), incident("Deployment", "api"))
			if len(failed) > 0 {
				t.Fatal(failed)
			}
			told := 0
			for _, e := range found["changes"] {
				if e.Fields["what"] != "replicas" {
					continue
				}
				told++
				if e.Fields["back_after"] != c.want || strings.Contains(e.Text, "back to what it was") != (c.want != "") {
					t.Errorf("%q, after %q; want %q", e.Text, e.Fields["back_after"], c.want)
				}
			}
			if told != 1 {
				t.Errorf("%d changes of the number, want 1: %+v", told, found["changes"])
			}
		})
	}
}

func TestAutoscalersThatCannotBeReadHideNoChange(t *testing.T) {
	is := template("api:2")
	d := deployment(is)
	d.ManagedFields = []metav1.ManagedFieldsEntry{wrote("kubectl", time.Minute, `{"f:spec":{"f:replicas":{}}}`)}
	c := client(d, replicaSet(2, time.Hour, is),
		event("up", "Deployment", "api", "ScalingReplicaSet", "Scaled up replica set api-2 from 3 to 4", 2*time.Minute),
		event("down", "Deployment", "api", "ScalingReplicaSet", "Scaled down replica set api-2 from 4 to 3", 58*time.Second))
	c.PrependReactor("list", "horizontalpodautoscalers", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, errors.New("connection refused")
	})
	found, failed := gather(t, c, incident("Deployment", "api"))
	if engine.CodeOf(failed["changes"]) != engine.Unavailable || !strings.Contains(strings.Join(texts(found["changes"]), "\n"), "replicas 4 → 3") {
		t.Errorf("%v; the gap is %v", texts(found["changes"]), failed["changes"])
	}
}

func TestEventsThatCannotBeReadLeaveAGap(t *testing.T) {
	is := template("api:2")
	d := deployment(is)
	d.ManagedFields = []metav1.ManagedFieldsEntry{wrote("argocd-controller", time.Minute, `{"f:spec":{"f:replicas":{}}}`)}
	c := client(d, replicaSet(2, time.Hour, is))
	c.PrependReactor("list", "events", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, errors.New("connection refused")
	})
	if _, failed := gather(t, c, incident("Deployment", "api")); engine.CodeOf(failed["changes"]) != engine.Unavailable {
		t.Errorf("the gap is %v", failed["changes"])
	}
}
