package coverage_test

import (
	"context"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/eks-autopilot/autopilot/engine"
)

// faults are the rows. What a controller of the control plane makes by itself is left to it; what a kubelet, a driver or AWS's controllers write is
// written in their words.
func faults() []fault {
	return slices.Concat(containerFaults(), podFaults, workloadFaults, nodeFaults, storageFaults, routeFaults, apiFaults, slowFaults, deliveryFaults, lostFaults)
}

const missingSecret = `secret "settings" not found`

// containerFaults are the reasons for which a container waits, what it ended with, and what it wrote.
func containerFaults() []fault {
	var out []fault
	for _, w := range []struct{ reason, message, rule string }{
		{"ErrImagePull", `failed to pull and unpack image "shop/app:1": failed to resolve reference "shop/app:1": shop/app:1: not found`, "image/not-found"},
		{"ImagePullBackOff", `Back-off pulling image "shop/app:1": ErrImagePull: failed to authorize: failed to fetch oauth token: unexpected status: 401 Unauthorized`, "image/unauthorized"},
		{"ErrImageNeverPull", `Container image "shop/app:1" is not present with pull policy of Never`, "image/never"},
		{"InvalidImageName", `Failed to apply default image tag "shop/app:": couldn't parse image name "shop/app:": invalid reference format`, "image/invalid-name"},
		{"ImageInspectError", `Failed to inspect image "shop/app:1": rpc error: code = Unknown desc = layer not known`, "image/unknown"},
		{"RegistryUnavailable", `image pull failed for shop/app:1 because the registry is unavailable: dial tcp 10.0.0.9:443: i/o timeout`, "image/unreachable"},
		{"CreateContainerConfigError", missingSecret, "config/missing-secret"},
		{"CreateContainerError", `failed to create containerd container: error unpacking image: no space left on device`, "config/unknown"},
		{"RunContainerError", `failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "serve": executable file not found in $PATH`, "config/command-not-found"},
		{"PreCreateHookError", `pre-create hook failed`, ""},
		{"PreStartHookError", `pre-start hook failed`, ""},
		{"PostStartHookError", `command '/bin/warm' exited with 1`, ""},
	} {
		class := engine.ClassConfigError
		if w.rule != "" && w.rule[:5] == "image" {
			class = engine.ClassImagePull
		}
		out = append(out, fault{name: "waits with " + w.reason, kind: "Pod", class: class, rule: w.rule, make: pod(waiting(w.reason, w.message))})
	}
	for _, e := range []struct {
		code int
		rule string
	}{
		{1, "exit/error"},
		{2, "exit/error"},
		{126, "exit/not-executable"},
		{127, "exit/command-not-found"},
		{130, "exit/interrupted"},
		{137, "exit/killed"},
		{139, "exit/segfault"},
		{143, "exit/terminated"},
		{255, "exit/out-of-range"},
	} {
		out = append(out, fault{name: fmt.Sprintf("exit code %d", e.code), kind: "Pod", class: engine.ClassCrashLoop, rule: e.rule, make: pod(looping(e.code, "Error"))})
	}
	for _, l := range []struct{ name, line, rule string }{
		{"database refuses", "FATAL: dial tcp 10.0.0.5:5432: connect: connection refused", "crash/dependency-refused"},
		{"certificate", "x509: certificate signed by unknown authority", "crash/tls"},
		{"disk", "write /data/wal: no space left on device", "crash/disk-full"},
		{"timeout", "dial tcp db.example.com:5432: i/o timeout", "crash/dependency-timeout"},
		{"file permission", "open /data/lock: permission denied", "crash/permission"},
		{"rbac", `pods is forbidden: User \"system:serviceaccount:shop:app\" cannot list resource \"pods\" in API group \"\" in the namespace \"shop\"`, "crash/rbac"},
		{"credentials", `401 Unauthorized: invalid credentials`, "crash/dependency-auth"},
		{"heap", "java.lang.OutOfMemoryError: Java heap space", "crash/heap"},
	} {
		out = append(out, fault{
			name: "log says " + l.name, kind: "Deployment", class: engine.ClassCrashLoop, rule: l.rule,
			make: deployment("app", 1, fmt.Sprintf(`{autopilot.local/fail: CrashLoopBackOff, autopilot.local/log: "starting\n%s\n"}`, l.line), ""),
		})
	}
	return out
}

// noAddress is what the VPC CNI says when the subnet is empty.
const noAddress = `Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "6e1f": plugin type="aws-cni" name="aws-cni" failed (add): add cmd: failed to assign an IP address to container`

var creating = waiting("ContainerCreating", "")

var podFaults = []fault{
	{name: "crash loop", kind: "Deployment", class: engine.ClassCrashLoop, rule: "exit/error", make: deployment("app", 2, "{autopilot.local/fail: CrashLoopBackOff}", "")},
	{name: "oom killed", kind: "Deployment", class: engine.ClassOOMKilled, make: deployment("app", 1, "{autopilot.local/fail: OOMKilled}", "")},
	{name: "init container fails", kind: "Pod", class: engine.ClassCrashLoop, rule: "exit/error", make: `apiVersion: v1
kind: Pod
metadata: {name: app}
spec:
  nodeName: plain-1
  initContainers: [{name: migrate, image: shop/app:1}]
  containers: [{name: app, image: shop/app:1}]
status:
  phase: Pending
  startTime: {{ago "5m"}}
  conditions:
  - {type: Initialized, status: "False", reason: ContainersNotInitialized, lastTransitionTime: {{ago "5m"}}}
  - {type: Ready, status: "False", reason: ContainersNotReady, lastTransitionTime: {{ago "5m"}}}
  initContainerStatuses:
  - {name: migrate, image: shop/app:1, imageID: "", ready: false, started: false, restartCount: 4, state: {waiting: {reason: CrashLoopBackOff, message: back-off 40s restarting failed container=migrate}}, lastState: {terminated: {exitCode: 1, reason: Error, startedAt: {{ago "20s"}}, finishedAt: {{ago "10s"}}}}}
  containerStatuses:
  - {name: app, image: shop/app:1, imageID: "", ready: false, started: false, restartCount: 0, state: {waiting: {reason: PodInitializing}}}
`},
	{name: "container cannot run", kind: "Pod", class: engine.ClassConfigError, make: pod(looping(128, "ContainerCannotRun"))},
	{name: "readiness probe", kind: "Pod", class: engine.ClassProbeFailing, make: join(pod(unready),
		warning("Pod", "app", "Unhealthy", `Readiness probe failed: HTTP probe failed with statuscode: 503`, "kubelet"))},
	{name: "liveness probe", kind: "Pod", class: engine.ClassProbeFailing, make: join(pod(looping(137, "Error")),
		warning("Pod", "app", "Unhealthy", `Liveness probe failed: Get "http://10.0.0.7:8080/healthz": context deadline exceeded`, "kubelet"))},
	{name: "startup probe", kind: "Pod", class: engine.ClassProbeFailing, make: join(pod(looping(137, "Error")),
		warning("Pod", "app", "Unhealthy", `Startup probe failed: dial tcp 10.0.0.7:8080: connect: connection refused`, "kubelet"))},
	{name: "evicted", kind: "Pod", class: engine.ClassEvicted, rule: "evict/memory", make: pod(`phase: Failed
reason: Evicted
message: "The node was low on resource: memory. Threshold quantity: 100Mi, available: 61236Ki. Container app was using 512Mi, request is 0, has larger consumption of memory. "
conditions: [{type: DisruptionTarget, status: "True", reason: TerminationByKubelet, lastTransitionTime: {{ago "1m"}}}]`)},
	{name: "ephemeral storage", kind: "Pod", class: engine.ClassEvicted, rule: "evict/own-storage", make: pod(`phase: Failed
reason: Evicted
message: "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. "
conditions: [{type: DisruptionTarget, status: "True", reason: TerminationByKubelet, lastTransitionTime: {{ago "1m"}}}]`)},
	{
		name: "unschedulable", ahead: soon, kind: "Deployment", class: engine.ClassUnschedulable, rule: "schedule/too-big",
		make: deployment("app", 1, "", "") + "        resources: {requests: {cpu: 1000}}\n",
	},
	{name: "node affinity", ahead: soon, kind: "Deployment", class: engine.ClassUnschedulable, rule: "schedule/affinity", make: deployment("app", 1, "", "nodeSelector: {disk: fast}")},
	{name: "turned away by its node", kind: "Deployment", class: engine.ClassUnschedulable, rule: "schedule/refused", make: deployment("app", 1, "", onPlain), then: turnAway},
	{name: "vpc cni without addresses", kind: "Pod", class: engine.ClassConfigError, rule: "config/no-address", make: join(pod(creating), warning("Pod", "app", "FailedCreatePodSandBox", noAddress, "kubelet"))},
	{name: "sandbox", kind: "Pod", class: engine.ClassConfigError, rule: "config/sandbox", make: join(pod(creating),
		warning("Pod", "app", "FailedCreatePodSandBox", `Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "6e1f": plugin type="bridge" failed (add): no such device`, "kubelet"))},
	{name: "mount of a missing configmap", kind: "Pod", class: engine.ClassConfigError, rule: "config/missing-configmap", make: join(pod(creating),
		warning("Pod", "app", "FailedMount", `MountVolume.SetUp failed for volume "settings" : configmap "settings" not found`, "kubelet"))},
	{name: "multi attach", kind: "Pod", class: engine.ClassConfigError, rule: "config/multi-attach", make: join(pod(creating),
		warning("Pod", "app", "FailedAttachVolume", `Multi-Attach error for volume "pvc-0d5c1f2e" Volume is already used by pod(s) db-0`, "attachdetach-controller"))},
	{name: "ebs attach limit", kind: "Pod", class: engine.ClassConfigError, rule: "config/attach-limit", make: join(pod(creating),
		warning("Pod", "app", "FailedAttachVolume", `AttachVolume.Attach failed for volume "pvc-0d5c1f2e" : rpc error: code = ResourceExhausted desc = Attachment limit exceeded: api error AttachmentLimitExceeded`, "attachdetach-controller"))},
	{name: "max volume count", kind: "Pod", class: engine.ClassUnschedulable, rule: "schedule/volume-count", make: `apiVersion: v1
kind: Pod
metadata: {name: app}
spec: {schedulerName: nobody, containers: [{name: app, image: shop/app:1}]}
status:
  phase: Pending
  conditions: [{type: PodScheduled, status: "False", reason: Unschedulable, message: "0/3 nodes are available: 3 node(s) exceed max volume count. preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod.", lastTransitionTime: {{ago "1m"}}}]
`},
	{
		name: "pod waits for a finalizer", ahead: later, kind: "Pod", class: engine.ClassStuckTerminating, rule: "terminate/finalizer",
		make: podOn("plain-1", "\n  finalizers: [example.com/tidy]", running), then: removePod,
	},
	{name: "pod does not end", ahead: later, kind: "Pod", class: engine.ClassStuckTerminating, rule: "terminate/unknown", make: pod(running), then: removePod},
	{name: "pod cannot be killed", ahead: later, kind: "Pod", class: engine.ClassStuckTerminating, rule: "terminate/kubelet", make: join(pod(running),
		warning("Pod", "app", "FailedKillPod", `error killing pod: failed to "KillPodSandbox" for "6e1f" with KillPodSandboxError: "rpc error: code = DeadlineExceeded desc = context deadline exceeded"`, "kubelet")), then: removePod},
}

func removePod(ctx context.Context, w *world, ns string) error {
	return w.remove(ctx, "v1", "Pod", ns, "app")
}

var pods = schema.GroupVersionResource{Version: "v1", Resource: "pods"}

// turnAway has the kubelet refuse the pod of a Deployment.
func turnAway(ctx context.Context, w *world, ns string) error {
	return w.fail(ctx, ns, `{"status":{"phase":"Failed","reason":"OutOfcpu","message":"Pod was rejected: Node didn't have enough resource: cpu, requested: 2000, used: 3000, capacity: 4000"}}`)
}

// fail writes the status of the first pod of a namespace.
func (w *world) fail(ctx context.Context, ns, status string) error {
	_, err := retry(ctx, func() (bool, error) {
		list, err := w.dynamic.Resource(pods).Namespace(ns).List(ctx, metav1.ListOptions{})
		if err != nil || len(list.Items) == 0 || list.Items[0].Object["spec"].(map[string]any)["nodeName"] == nil {
			return false, errAgain
		}
		_, err = w.dynamic.Resource(pods).Namespace(ns).Patch(ctx, list.Items[0].GetName(), types.MergePatchType, []byte(status), metav1.PatchOptions{}, "status")
		return true, err
	})
	return err
}

var workloadFaults = []fault{
	{name: "deployment lacks replicas", ahead: soon, kind: "Deployment", class: engine.ClassReplicasMissing, make: deployment("app", 2, "", onPlain)},
	{name: "progress deadline", kind: "Deployment", class: engine.ClassRolloutStuck, rule: "rollout/deadline", make: deployment("app", 1, "", onPlain) + "  progressDeadlineSeconds: 1\n"},
	{name: "statefulset lacks replicas", ahead: soon, kind: "StatefulSet", class: engine.ClassReplicasMissing, make: `apiVersion: apps/v1
kind: StatefulSet
metadata: {name: app}
spec:
  serviceName: app
  selector: {matchLabels: {app: app}}
  template:
    metadata: {labels: {app: app}}
    spec:
      ` + onPlain + `
      containers: [{name: app, image: shop/app:1}]
`},
	{name: "daemonset lacks pods", ahead: soon, kind: "DaemonSet", class: engine.ClassReplicasMissing, make: `apiVersion: apps/v1
kind: DaemonSet
metadata: {name: app}
spec:
  selector: {matchLabels: {app: app}}
  template:
    metadata: {labels: {app: app}}
    spec:
      ` + onPlain + `
      containers: [{name: app, image: shop/app:1}]
`},
	{name: "quota", ahead: soon, kind: "Deployment", class: engine.ClassReplicasMissing, rule: "quota/exceeded", make: join(`apiVersion: v1
kind: ResourceQuota
metadata: {name: small}
spec: {hard: {pods: 0}}
`, deployment("app", 1, "", ""))},
	{name: "pod security", ahead: soon, kind: "Deployment", class: engine.ClassReplicasMissing, rule: "quota/admission", make: deployment("app", 1, "", "hostNetwork: true"), then: enforce},
	{
		name: "webhook refuses pods", ahead: soon, kind: "Deployment", class: engine.ClassReplicasMissing, rule: "api/webhook-down",
		make: join(webhook("ValidatingWebhookConfiguration", "refuses-pods", "Fail", "gone", ""), deployment("app", 1, "", "")),
	},
	{name: "job past its deadline", kind: "Job", class: engine.ClassJobFailed, rule: "job/deadline", make: job("activeDeadlineSeconds: 1")},
	{name: "job gives up", kind: "Job", class: engine.ClassJobFailed, make: job("backoffLimit: 0"), then: func(ctx context.Context, w *world, ns string) error {
		return w.fail(ctx, ns, `{"status":{"phase":"Failed","containerStatuses":[{"name":"app","image":"shop/app:1","imageID":"","ready":false,"restartCount":0,"state":{"terminated":{"exitCode":1,"reason":"Error"}}}]}}`)
	}},
}

func job(more string) string {
	return fmt.Sprintf(`apiVersion: batch/v1
kind: Job
metadata: {name: app}
spec:
  %s
  template:
    metadata: {labels: {app: app}}
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 0
      %s
      containers: [{name: app, image: shop/app:1}]
`, more, onPlain)
}

// enforce has the namespace refuse what is not restricted, and the Deployment try again.
func enforce(ctx context.Context, w *world, ns string) error {
	namespaces := w.dynamic.Resource(schema.GroupVersionResource{Version: "v1", Resource: "namespaces"})
	if _, err := namespaces.Patch(ctx, ns, types.MergePatchType, []byte(`{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"restricted"}}}`), metav1.PatchOptions{}); err != nil {
		return err
	}
	deployments := w.dynamic.Resource(schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}).Namespace(ns)
	if err := deployments.Delete(ctx, "app", metav1.DeleteOptions{}); err != nil {
		return err
	}
	return w.apply(ctx, ns, deployment("app", 1, "", "hostNetwork: true"))
}
