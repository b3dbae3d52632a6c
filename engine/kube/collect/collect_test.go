package collect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	clienttesting "k8s.io/client-go/testing"

	"github.com/eks-autopilot/autopilot/engine"
)

// TestACrashAfterADeployment is the whole of what is gathered for the commonest incident: a new revision whose container
// cannot reach its database.
func TestACrashAfterADeployment(t *testing.T) {
	was := template("api:1.4.1", corev1.EnvVar{Name: "DB_HOST", Value: "db"}, corev1.EnvVar{Name: "API_TOKEN", Value: "old-hunter2"})
	is := template("api:1.4.2", corev1.EnvVar{Name: "DB_HOST", Value: "database"}, corev1.EnvVar{Name: "API_TOKEN", Value: "new-hunter2"},
		corev1.EnvVar{Name: "MODE", ValueFrom: &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: "api-config"}, Key: "mode",
		}}})
	is.Spec.Containers[0].Resources.Limits[corev1.ResourceMemory] = resource.MustParse("64Mi")
	is.Spec.Containers[0].LivenessProbe = &corev1.Probe{PeriodSeconds: 10, TimeoutSeconds: 1, FailureThreshold: 3, ProbeHandler: corev1.ProbeHandler{
		HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", Port: intstr.FromInt32(8080)},
	}}
	d := deployment(is)
	d.ManagedFields = []metav1.ManagedFieldsEntry{
		wrote("helm", 48*time.Hour, `{"f:spec":{"f:template":{}}}`),
		wrote("kubectl-edit", 5*time.Minute, `{"f:spec":{"f:template":{"f:spec":{}}}}`),
		wrote("kube-controller-manager", time.Minute, `{"f:status":{}}`),
	}
	config := &corev1.ConfigMap{ObjectMeta: meta("api-config", 48*time.Hour), Data: map[string]string{"level": "hunter2"}}
	config.ManagedFields = []metav1.ManagedFieldsEntry{wrote("kubectl-client-side-apply", 48*time.Hour, `{}`), wrote("argocd-controller", 2*time.Minute, `{}`)}
	ready := true
	c := client(d, replicaSet(1, 48*time.Hour, was), replicaSet(2, 5*time.Minute, is), config,
		podOf("api-1-a", "api-1", was), crashing(podOf("api-2-a", "api-2", is), 4),
		podOf("stranger", "other-1", was), // has the labels and another owner
		&corev1.ServiceAccount{ObjectMeta: meta("api", time.Hour)},
		&corev1.Service{ObjectMeta: meta("database", time.Hour)},
		&discoveryv1.EndpointSlice{
			ObjectMeta: metav1.ObjectMeta{Namespace: "pay", Name: "database-x", Labels: map[string]string{"kubernetes.io/service-name": "database"}},
			Endpoints:  []discoveryv1.Endpoint{{Conditions: discoveryv1.EndpointConditions{Ready: new(bool)}}, {Conditions: discoveryv1.EndpointConditions{Ready: &ready}}},
		},
		&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1"}, Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{
			{Type: corev1.NodeReady, Status: corev1.ConditionTrue, LastHeartbeatTime: at(10 * time.Second)}, {Type: corev1.NodeMemoryPressure, Status: corev1.ConditionTrue},
		}}},
		&corev1.ResourceQuota{ObjectMeta: meta("team", time.Hour), Status: corev1.ResourceQuotaStatus{
			Hard: corev1.ResourceList{"pods": resource.MustParse("10"), "requests.cpu": resource.MustParse("4")},
			Used: corev1.ResourceList{"pods": resource.MustParse("10"), "requests.cpu": resource.MustParse("500m")},
		}},
		event("e1", "Pod", "api-2-a", "BackOff", "Back-off restarting failed container app", time.Minute),
		event("e2", "Pod", "api-2-a", "Unhealthy", `Liveness probe failed: Get "http://10.0.0.1:8080/healthz": connection refused`, 2*time.Minute),
		event("e3", "Pod", "stranger", "BackOff", "of somebody else", time.Minute))
	serves(c, map[string]string{"app/true": "2026-11-22T11:59:28.1Z starting, password=hunter2\n2026-11-22T11:59:30Z \x1b[31mFATAL: cannot connect to database:5432: connection refused\x1b[0m\n", "app/false": ""})
	i := incident("Deployment", "api",
		engine.Signal{Source: engine.SourceWatch, Object: engine.ObjectRef{Kind: "Pod", Namespace: "pay", Name: "api-2-a"}},
		engine.Signal{Source: engine.SourceAlert, ID: "f00", Labels: map[string]string{"alertname": "KubePodCrashLooping"}, Summary: "pod is crash-looping", StartsAt: noon},
		engine.Signal{Source: engine.SourceAlert, ID: "f01", Summary: "it was something else yesterday", StartsAt: noon.Add(-25 * time.Hour), EndsAt: noon.Add(-24 * time.Hour)})
	found, failed := gather(t, c, i)
	if len(failed) > 0 {
		t.Errorf("gaps: %v", failed)
	}
	if text := fmt.Sprint(found); strings.Contains(text, "hunter2") {
		t.Error("a secret got into the evidence")
	}
	golden(t, "crash", found)
}

func TestTwoHundredPodsCostWhatFiveDo(t *testing.T) {
	is := template("api:1")
	objects := []runtime.Object{deployment(is), replicaSet(1, time.Hour, is)}
	for n := range 200 {
		objects = append(objects, crashing(podOf(fmt.Sprintf("api-1-%03d", n), "api-1", is), 4))
	}
	c := client(objects...)
	serves(c, map[string]string{"app/true": strings.Repeat("2026-11-22T11:59:28Z panic: oh no\n", 10_000)})
	found, _ := gather(t, c, incident("Deployment", "api"))
	if n := len(found["pods"]); n != 2*maxPods {
		t.Errorf("%d lines of pods and containers; want two for each of %d pods", n, maxPods)
	}
	if n := len(found["logs"]); n > maxLogs*30 {
		t.Errorf("%d lines of logs", n)
	}
	if n := len(c.Actions()); n > 60 {
		t.Errorf("%d requests to the API server", n)
	}
	lists := 0
	for _, a := range c.Actions() {
		if a.Matches("list", "pods") {
			lists++
		}
	}
	if lists != 1 {
		t.Errorf("the pods were listed %d times; the collectors must share one reading", lists)
	}
}

func TestTheMostTellingPodsComeFirst(t *testing.T) {
	is := template("api:1")
	pending := podOf("c-pending", "api-1", is)
	pending.Spec.NodeName, pending.Status = "", corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: "0/1 nodes are available: 1 Insufficient memory.", LastTransitionTime: at(0),
	}}}
	ending := crashing(podOf("d-ending", "api-1", is), 1)
	ending.DeletionTimestamp = &metav1.Time{Time: noon}
	ending.Finalizers = []string{"x/y"}
	c := client(deployment(is), replicaSet(1, time.Hour, is),
		podOf("a-well", "api-1", is), ending, pending, crashing(podOf("e-crash", "api-1", is), 9), podOf("f-named", "api-1", is))
	s := read(t.Context(), source(c), incident("Deployment", "api", engine.Signal{Object: engine.ObjectRef{Kind: "Pod", Namespace: "pay", Name: "f-named"}}))
	var names []string
	for _, p := range s.pods {
		names = append(names, p.Name)
	}
	if diff := cmp.Diff([]string{"f-named", "e-crash", "c-pending", "d-ending", "a-well"}, names); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	found, _ := gather(t, c, incident("Deployment", "api"))
	if !slices.Contains(texts(found["pods"]), "pod c-pending is Pending on no node: Unschedulable: 0/1 nodes are available: 1 Insufficient memory.") {
		t.Errorf("pods: %q", texts(found["pods"]))
	}
}

func TestWhetherAnyNodeIsMeant(t *testing.T) {
	is := template("api:1")
	for selector, want := range map[string]string{"": "", "fast": "true", "slow": "false", "worn": "true"} {
		pending := podOf("api-1-a", "api-1", is)
		pending.Spec.NodeName, pending.Status = "", corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{{
			Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: "0/1 nodes are available.", LastTransitionTime: at(0),
		}}}
		if selector != "" {
			pending.Spec.NodeSelector = map[string]string{"disk": selector}
		}
		c := client(deployment(is), replicaSet(1, time.Hour, is), pending, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1", Labels: map[string]string{"disk": "fast"}}},
			&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n2", Labels: map[string]string{"disk": "worn"}}, Spec: corev1.NodeSpec{Unschedulable: true}},
			&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n3", Labels: map[string]string{"disk": "worn"}}})
		found, failed := gather(t, c, incident("Deployment", "api"))
		if len(found["pods"]) != 1 || found["pods"][0].Fields["selected"] != want || failed["pods"] != nil {
			t.Errorf("selector %q: %+v, %v; want selected %q", selector, found["pods"], failed["pods"], want)
		}
		if got, want := found["pods"][0].Fields["selected_cordoned"], map[string]string{"": "", "fast": "false", "slow": "false", "worn": "true"}[selector]; got != want {
			t.Errorf("selector %q: cordoned %q, want %q", selector, got, want)
		}
		forbid(c, "list", "nodes")
		found, failed = gather(t, c, incident("Deployment", "api"))
		if got := engine.CodeOf(failed["pods"]); len(found["pods"]) != 1 || (got == engine.Forbidden) != (selector != "") {
			t.Errorf("selector %q, and nodes may not be read: %+v, %v", selector, found["pods"], failed["pods"])
		}
	}
}

func TestWhatMayNotBeReadIsAGapAndTheRestGoesOn(t *testing.T) {
	is := template("api:1")
	c := client(deployment(is), replicaSet(1, time.Hour, is), crashing(podOf("api-1-a", "api-1", is), 4))
	for _, r := range []string{"events", "replicasets", "resourcequotas", "limitranges", "serviceaccounts"} {
		forbid(c, "list", r)
		forbid(c, "get", r)
	}
	serves(c, map[string]string{"app/true": "2026-11-22T11:59:28Z panic: oh no\n"})
	found, failed := gather(t, c, incident("Deployment", "api"))
	for name, want := range map[string]string{
		"events": "we may not list events", "quotas": "we may not list resource quotas",
		"references": "we may not read service account api", "changes": "we may not read Deployment pay/api",
	} {
		if err := failed[name]; engine.CodeOf(err) != engine.Forbidden || !strings.HasPrefix(engine.UserMessage(err, ""), want) {
			t.Errorf("%s: %v; want %q", name, err, want)
		}
	}
	if len(found["pods"]) != 2 || len(found["terminations"]) != 1 || len(found["logs"]) != 1 {
		t.Errorf("the rest did not go on: %v", found)
	}
}

func TestAnotherClusterIsNotFound(t *testing.T) {
	i := incident("Deployment", "api")
	i.Workload.Cluster = "elsewhere"
	for _, c := range All(source(client())) {
		if _, err := c.Collect(t.Context(), i); engine.CodeOf(err) != engine.NotFound {
			t.Errorf("%s: %v", c.Name(), err)
		}
	}
}

func TestACollectorThatIsOutOfTimeSaysSo(t *testing.T) {
	c := client()
	hold := make(chan struct{})
	c.PrependReactor("get", "deployments", func(clienttesting.Action) (bool, runtime.Object, error) {
		<-hold
		return true, nil, errors.New("too late")
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	all := All(source(c))
	var wg sync.WaitGroup
	for _, col := range all {
		wg.Go(func() {
			if _, err := col.Collect(ctx, incident("Deployment", "api")); engine.CodeOf(err) != engine.Unavailable {
				t.Errorf("%s: %v", col.Name(), err)
			}
		})
	}
	wg.Wait()
	close(hold)
}

func TestAWorkloadThatIsGone(t *testing.T) {
	found, failed := gather(t, client(), incident("Deployment", "api"))
	for name, list := range found {
		if len(list) > 0 {
			t.Errorf("%s found %v", name, texts(list))
		}
	}
	if len(failed) > 0 { // that it is gone is no gap
		t.Errorf("gaps: %v", failed)
	}
}

func TestEvidenceOfAJobOfACronJob(t *testing.T) {
	limit, deadline := int32(2), int64(600)
	run := func(name string, age time.Duration, condition batchv1.JobConditionType, reason string) *batchv1.Job {
		j := &batchv1.Job{ObjectMeta: meta(name, age, by("CronJob", "report")), Spec: batchv1.JobSpec{BackoffLimit: &limit, ActiveDeadlineSeconds: &deadline}}
		j.Status = batchv1.JobStatus{Failed: 3, Conditions: []batchv1.JobCondition{{Type: condition, Status: corev1.ConditionTrue, Reason: reason, Message: "why", LastTransitionTime: at(0)}}}
		return j
	}
	p := crashing(podOf("report-2-x", "", template("report:1")), 0)
	p.OwnerReferences, p.Labels = []metav1.OwnerReference{by("Job", "report-2")}, map[string]string{"batch.kubernetes.io/job-name": "report-2"}
	p.Status.Phase = corev1.PodFailed
	p.Status.ContainerStatuses[0].State, p.Status.ContainerStatuses[0].LastTerminationState = p.Status.ContainerStatuses[0].LastTerminationState, corev1.ContainerState{}
	old := p.DeepCopy()
	old.Name, old.OwnerReferences, old.Labels = "report-1-x", []metav1.OwnerReference{by("Job", "report-1")}, map[string]string{"batch.kubernetes.io/job-name": "report-1"}
	c := client(&batchv1.CronJob{ObjectMeta: meta("report", 48*time.Hour)},
		run("report-1", 2*time.Hour, batchv1.JobFailed, "BackoffLimitExceeded"), run("report-2", time.Hour, batchv1.JobFailed, "DeadlineExceeded"), p, old)
	serves(c, map[string]string{"app/false": "2026-11-22T11:59:28Z permission denied\n"})
	found, failed := gather(t, c, incident("CronJob", "report"))
	if len(failed) > 0 {
		t.Errorf("gaps: %v", failed)
	}
	wantTexts(t, "jobs", found, "job report-2 failed, 3 failed pods: DeadlineExceeded: why")
	wantTexts(t, "logs", found, "permission denied")
	wantTexts(t, "terminations", found, "container app of report-2-x ended with exit code 3 (Error) after 2s, 0 restarts")
	want := map[string]string{"failed": "3", "backoff_limit": "2", "deadline": "600s", "reason": "DeadlineExceeded", "message": "why"}
	if diff := cmp.Diff(want, found["jobs"][0].Fields); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}

func TestEvidenceOfAClaimThatWaits(t *testing.T) {
	class := "fast"
	claim := &corev1.PersistentVolumeClaim{
		ObjectMeta: meta("data", time.Hour), Status: corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimPending},
		Spec: corev1.PersistentVolumeClaimSpec{StorageClassName: &class, AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, Resources: corev1.VolumeResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("8Gi")},
		}},
	}
	c := client(claim, event("e1", "PersistentVolumeClaim", "data", "ProvisioningFailed", `storageclass.storage.k8s.io "fast" not found`, time.Minute))
	found, failed := gather(t, c, incident("PersistentVolumeClaim", "data"))
	if len(failed) > 0 {
		t.Errorf("gaps: %v", failed)
	}
	wantTexts(t, "claims", found,
		"claim data is Pending, asks for 8Gi of storage class fast, which does not exist",
		`ProvisioningFailed: storageclass.storage.k8s.io "fast" not found (2 times)`)
	want := map[string]string{"phase": "Pending", "storage_class": "fast", "class_exists": "false", "requested": "8Gi", "access_modes": "ReadWriteOnce"}
	if diff := cmp.Diff(want, found["claims"][0].Fields); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}

func TestEvidenceOfANode(t *testing.T) {
	n := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "n1"}, Spec: corev1.NodeSpec{Unschedulable: true, Taints: []corev1.Taint{{Key: "node.kubernetes.io/unreachable", Effect: corev1.TaintEffectNoExecute}}},
		Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{{
			Type: corev1.NodeReady, Status: corev1.ConditionUnknown, Reason: "NodeStatusUnknown", Message: "Kubelet stopped posting node status.", LastHeartbeatTime: at(time.Minute), LastTransitionTime: at(0),
		}}},
	}
	found, failed := gather(t, client(n), incident(engine.KindNode, "n1"))
	if len(failed) > 0 {
		t.Errorf("gaps: %v", failed)
	}
	wantTexts(t, "nodes", found, "node n1 has not been heard of: Kubelet stopped posting node status., cordoned")
	want := map[string]string{
		"ready": "Unknown", "reason": "NodeStatusUnknown", "message": "Kubelet stopped posting node status.", "unschedulable": "true",
		"taints": "node.kubernetes.io/unreachable:NoExecute", "last_heartbeat": "2026-11-22T11:59:00Z",
		"planned": "cordon", "silent": "0",
	}
	if diff := cmp.Diff(want, found["nodes"][0].Fields); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	found, _ = gather(t, client(), incident(engine.KindNode, "n2"))
	wantTexts(t, "nodes", found, "node n2 does not exist any more")
}

func TestStatefulSetRevisionsAreCompared(t *testing.T) {
	replicas := int32(2)
	set := &appsv1.StatefulSet{ObjectMeta: meta("api", 48*time.Hour), Spec: appsv1.StatefulSetSpec{Replicas: &replicas, Selector: selector, Template: template("api:2")}}
	rev := func(n int64, image string, age time.Duration) *appsv1.ControllerRevision {
		r := &appsv1.ControllerRevision{ObjectMeta: meta(fmt.Sprintf("api-%d", n), age, by("StatefulSet", "api")), Revision: n}
		r.Labels = map[string]string{"app": "api"}
		r.Data.Raw = fmt.Appendf(nil, `{"spec":{"template":{"$patch":"replace","spec":{"containers":[{"name":"app","image":%q}]}}}}`, image)
		return r
	}
	found, failed := gather(t, client(set, rev(2, "api:2", 3*time.Minute), rev(1, "api:1", 48*time.Hour)), incident("StatefulSet", "api"))
	if len(failed) > 0 {
		t.Errorf("gaps: %v", failed)
	}
	wantTexts(t, "changes", found, "image api:1 → api:2 (container app), 3m0s before the onset, author unknown")
	wantTexts(t, "rollout", found, "0 of 2 replicas are ready, 0 of the newest revision")
}

func TestARollbackIsDatedByItsWriter(t *testing.T) {
	is, was := template("api:1"), template("api:2")
	d := deployment(is)
	d.ManagedFields = []metav1.ManagedFieldsEntry{wrote("kubectl-rollout", time.Minute, `{"f:spec":{"f:template":{}}}`), wrote("helm", 40*time.Hour, `{"f:spec":{"f:template":{}}}`)}
	back := replicaSet(3, 48*time.Hour, is) // the first revision's ReplicaSet, made the newest again
	back.Name = "api-1"
	found, _ := gather(t, client(d, back, replicaSet(2, 40*time.Hour, was)), incident("Deployment", "api"))
	wantTexts(t, "changes", found, "image api:2 → api:1 (container app), 1m0s before the onset, kubectl-rollout")
	if got := found["changes"][0].Fields; got["age"] != "1m0s" || got["by"] != "kubectl-rollout" || got["revision"] != "3" {
		t.Errorf("fields: %v", got)
	}
}

func TestWhatGitOwnsIsMarked(t *testing.T) {
	d := deployment(template("api:2"))
	d.Labels = map[string]string{"kustomize.toolkit.fluxcd.io/name": "apps"}
	d.ManagedFields = []metav1.ManagedFieldsEntry{wrote("kubectl-edit", time.Minute, `{"f:spec":{"f:template":{}}}`)}
	found, _ := gather(t, client(d, replicaSet(2, time.Minute, template("api:2")), replicaSet(1, 40*time.Hour, template("api:1"))), incident("Deployment", "api"))
	if got := found["changes"][0].Fields; got["git"] != "Flux" || got["by"] != "kubectl-edit" {
		t.Errorf("fields: %v", got)
	}
}

func TestTheFirstRevisionIsShownAsTheMaking(t *testing.T) {
	is := template("api:1")
	found, _ := gather(t, client(deployment(is), replicaSet(1, time.Minute, is)), incident("Deployment", "api"))
	wantTexts(t, "changes", found, "created, 1m0s before the onset, author unknown")
	found, _ = gather(t, client(deployment(is), replicaSet(1, 0, is)), incident("Deployment", "api"))
	wantTexts(t, "changes", found, "created, just before the onset, author unknown")
}
