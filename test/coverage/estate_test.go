package coverage_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/eks-autopilot/autopilot/engine"
)

func pressure(kind, reason string) string {
	return ready + fmt.Sprintf("\n- {type: %s, status: \"True\", reason: %s, message: it says so, lastTransitionTime: {{ago \"5m\"}}}", kind, reason)
}

const silentGroup = "eks.amazonaws.com/nodegroup: workers"

var nodeFaults = []fault{
	{name: "node silent", kind: "Node", of: "silent-alone", class: engine.ClassNodeNotReady, rule: "node/kubelet-silent", make: node("silent-alone", unknown)},
	{name: "node not ready", ahead: soon, kind: "Node", of: "not-ready", class: engine.ClassNodeNotReady, rule: "node/network", make: node("not-ready",
		`- {type: Ready, status: "False", reason: KubeletNotReady, message: "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized", lastTransitionTime: {{ago "5m"}}}`)},
	{
		name: "access entry removed", kind: "Node", of: "silent-1", class: engine.ClassNodeNotReady, rule: "node/access",
		make: join(node("silent-1", unknown, silentGroup), node("silent-2", unknown, silentGroup), node("silent-3", unknown, silentGroup)),
	},
	{name: "memory pressure", kind: "Node", of: "memory", class: engine.ClassNodePressure, rule: "node/memory", make: node("memory", pressure("MemoryPressure", "KubeletHasInsufficientMemory"))},
	{name: "disk pressure", kind: "Node", of: "disk", class: engine.ClassNodePressure, rule: "node/disk", make: node("disk", pressure("DiskPressure", "KubeletHasDiskPressure"))},
	{name: "pid pressure", kind: "Node", of: "pid", class: engine.ClassNodePressure, rule: "node/pids", make: node("pid", pressure("PIDPressure", "KubeletHasInsufficientPID"))},
	{name: "network unavailable", ahead: soon, kind: "Node", of: "network", class: engine.ClassNodePressure, make: node("network", pressure("NetworkUnavailable", "NoRouteCreated"))},
	{name: "kernel deadlock", kind: "Node", of: "kernel", class: engine.ClassNodePressure, make: node("kernel", pressure("KernelDeadlock", "DockerHung"))},
	{name: "read only file system", kind: "Node", of: "readonly", class: engine.ClassNodePressure, make: node("readonly", pressure("ReadonlyFilesystem", "FilesystemIsReadOnly"))},
	{name: "system out of memory", kind: "Node", of: "oomed", class: engine.ClassNodePressure, make: join(node("oomed", ready), warning("Node", "oomed", "SystemOOM", "System OOM encountered, victim process: containerd, pid: 4711", "kubelet"))},
	{name: "machine does not join", ahead: later, kind: "NodePool", of: "joinless", class: engine.ClassNodeNotReady, rule: "machine/join", make: claim("joinless", `- {type: Launched, status: "True", reason: Launched, message: "", lastTransitionTime: {{ago "1m"}}}
- {type: Registered, status: Unknown, reason: NodeNotFound, message: Node not registered with cluster, lastTransitionTime: {{ago "1m"}}}`)},
	{name: "no capacity", ahead: later, kind: "NodePool", of: "capless", class: engine.ClassUnschedulable, rule: "machine/capacity", make: claim("capless", `- {type: Launched, status: Unknown, reason: LaunchFailed, message: "creating instance, insufficient capacity, with fleet error(s), InsufficientInstanceCapacity: We currently do not have sufficient m5.large capacity", lastTransitionTime: {{ago "1m"}}}`)},
	// Replicas are lost to what is planned: there is an incident, and it says what took them.
	{name: "spot takes the replicas", ahead: soon, kind: "Deployment", class: engine.ClassReplicasMissing, rule: "node/spot", make: join(
		node("spot-1", unknown, "{key: karpenter.sh/disrupted, effect: NoSchedule}"),
		warning("Node", "spot-1", "SpotInterrupted", "Spot interruption warning was triggered", "karpenter"), deployment("app", 1, "", onNode("spot-1")))},
	{name: "karpenter takes the replicas", ahead: soon, kind: "Deployment", class: engine.ClassReplicasMissing, rule: "node/autoscaler", make: join(
		node("consolidated-1", unknown, "{key: karpenter.sh/disrupted, effect: NoSchedule}"), deployment("app", 1, "", onNode("consolidated-1")))},
	{name: "drain takes the replicas", ahead: soon, kind: "Deployment", class: engine.ClassReplicasMissing, rule: "node/drained", make: join(
		node("drained-1", ready, "spec unschedulable: true"), deployment("app", 1, "", onNode("drained-1")))},
	{name: "agent says the network fails", kind: "Pod", class: engine.ClassProbeFailing, make: join(
		node("agent-1", ready+"\n"+agentFails), podOn("agent-1", "", unready), warning("Pod", "app", "Unhealthy", `Readiness probe failed: Get "http://10.0.0.7:8080/": dial tcp 10.0.0.7:8080: connect: no route to host`, "kubelet"))},
}

const agentFails = `- {type: NetworkingReady, status: "False", reason: IPAMDNotReady, message: IPAMD is not ready, lastTransitionTime: {{ago "5m"}}}`

func onNode(name string) string {
	return "nodeSelector: {kubernetes.io/hostname: " + name + "}\n      tolerations: [{operator: Exists}]"
}

func claim(pool, conditions string) string {
	return fmt.Sprintf(`apiVersion: karpenter.sh/v1
kind: NodeClaim
metadata: {name: %[1]s-x1, labels: {karpenter.sh/nodepool: %[1]s}}
status:
  conditions:
  %[2]s
`, pool, bytes.ReplaceAll([]byte(conditions), []byte("\n"), []byte("\n  ")))
}

// volume is a claim and the volume that it is bound to.
const volume = `apiVersion: v1
kind: PersistentVolume
metadata: {name: "{{.ns}}"}
spec:
  capacity: {storage: 1Gi}
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Delete
  storageClassName: ""
  nfs: {server: 10.0.0.9, path: /}
  claimRef: {namespace: "{{.ns}}", name: app}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: app}
spec: {accessModes: [ReadWriteOnce], storageClassName: "", volumeName: "{{.ns}}", resources: {requests: {storage: 1Gi}}}
`

var (
	claims  = schema.GroupVersionResource{Version: "v1", Resource: "persistentvolumeclaims"}
	volumes = schema.GroupVersionResource{Version: "v1", Resource: "persistentvolumes"}
)

// bound waits until the claim of a row has its volume.
func (w *world) bound(ctx context.Context, ns string) error {
	_, err := retry(ctx, func() (bool, error) {
		c, err := w.dynamic.Resource(claims).Namespace(ns).Get(ctx, "app", metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		if status, _ := c.Object["status"].(map[string]any); status["phase"] != "Bound" {
			return false, errAgain
		}
		return true, nil
	})
	return err
}

var storageFaults = []fault{
	{name: "claim of a missing class", ahead: soon, kind: "PersistentVolumeClaim", class: engine.ClassClaimPending, rule: "claim/class-missing", make: `apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: app}
spec: {accessModes: [ReadWriteOnce], storageClassName: fastest, resources: {requests: {storage: 1Gi}}}
`},
	{name: "claim lost", kind: "PersistentVolumeClaim", class: engine.ClassVolumeFailing, rule: "volume/lost", make: volume, then: func(ctx context.Context, w *world, ns string) error {
		if err := w.bound(ctx, ns); err != nil {
			return err
		}
		if err := w.dynamic.Resource(volumes).Delete(ctx, ns, metav1.DeleteOptions{}); err != nil {
			return err
		}
		_, err := w.dynamic.Resource(volumes).Patch(ctx, ns, types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
		return err
	}},
	{name: "volume cannot grow", kind: "PersistentVolumeClaim", class: engine.ClassVolumeFailing, rule: "volume/too-soon", make: volume, then: func(ctx context.Context, w *world, ns string) error {
		if err := w.bound(ctx, ns); err != nil {
			return err
		}
		at := time.Now().Add(-10 * time.Minute).UTC().Format(time.RFC3339)
		_, err := w.dynamic.Resource(claims).Namespace(ns).Patch(ctx, "app", types.MergePatchType, []byte(`{"status":{"conditions":[{"type":"ControllerResizeError","status":"True","lastTransitionTime":"`+at+
			`","message":"failed to expand pvc with rpc error: code = Internal desc = Could not resize volume \"vol-0a\": api error VolumeModificationRateExceeded: You've reached the maximum modification rate per volume limit. Wait at least 6 hours between modifications per EBS volume."}]}}`), metav1.PatchOptions{}, "status")
		return err
	}},
	{name: "volume cannot be given back", ahead: later, kind: "PersistentVolume", of: "volume-cannot-be-given-back", class: engine.ClassVolumeFailing, rule: "volume/reclaim", make: volume, then: func(ctx context.Context, w *world, ns string) error {
		if err := w.bound(ctx, ns); err != nil {
			return err
		}
		return w.remove(ctx, "v1", "PersistentVolumeClaim", ns, "app")
	}},
}

var routeFaults = []fault{
	{name: "service selects nothing", ahead: soon, kind: "Service", class: engine.ClassRouteBroken, rule: "route/no-pods", make: join(deployment("app", 1, "", ""), service("app", "{app: ap}", "web"))},
	{name: "service sends to no port", ahead: soon, kind: "Service", class: engine.ClassRouteBroken, rule: "route/port", make: join(deployment("app", 1, "", ""), service("app", "{app: app}", "http"))},
	{name: "no load balancer", kind: "Service", ahead: soon, class: engine.ClassRouteBroken, rule: "route/subnets", make: join(deployment("app", 1, "", ""),
		service("app", "{app: app}", "web")+"  type: LoadBalancer\n", warning("Service", "app", "FailedBuildModel", "Failed build model due to couldn't auto-discover subnets: unable to resolve at least one subnet (0 match VPC and tags: [kubernetes.io/role/elb])", "service"))},
	{name: "ingress to a missing service", ahead: soon, kind: "Ingress", class: engine.ClassRouteBroken, rule: "route/missing-service", make: ingress("", "gone", "number: 80")},
	{name: "ingress to a missing port", ahead: soon, kind: "Ingress", class: engine.ClassRouteBroken, rule: "route/port", make: join(deployment("app", 1, "", ""), service("app", "{app: app}", "web"), ingress("", "app", "number: 8080"))},
	{name: "ingress of a missing class", ahead: soon, kind: "Ingress", class: engine.ClassRouteBroken, rule: "route/class-missing", make: join(deployment("app", 1, "", ""), service("app", "{app: app}", "web"), ingress("nobody", "app", "number: 80"))},
	{name: "ingress without a certificate", ahead: soon, kind: "Ingress", class: engine.ClassRouteBroken, rule: "route/certificate", make: join(deployment("app", 1, "", ""), service("app", "{app: app}", "web"),
		ingress("", "app", "number: 80"), warning("Ingress", "app", "FailedBuildModel", "Failed build model due to no certificate found for host: shop.example.com", "ingress"))},
	{name: "gateway class refused", ahead: later, kind: "GatewayClass", of: "refused", class: engine.ClassRouteBroken, rule: "route/not-accepted", make: custom("gateway.networking.k8s.io/v1", "GatewayClass", "refused", `{type: Accepted, status: "False", reason: InvalidParameters, message: no such parameters, lastTransitionTime: {{ago "1m"}}}`)},
	{name: "gateway without a controller", ahead: later, kind: "Gateway", class: engine.ClassRouteBroken, rule: "route/not-accepted", make: custom("gateway.networking.k8s.io/v1", "Gateway", "app", `{type: Accepted, status: Unknown, reason: Pending, message: Waiting for controller, lastTransitionTime: "1970-01-01T00:00:00Z"}`)},
	{name: "route to a missing service", ahead: later, kind: "HTTPRoute", class: engine.ClassRouteBroken, rule: "route/missing-service", make: `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: app}
spec: {rules: [{backendRefs: [{name: gone, port: 80}]}]}
status: {parents: [{controllerName: gateway.k8s.aws/alb, conditions: [{type: ResolvedRefs, status: "False", reason: BackendNotFound, message: service gone not found, lastTransitionTime: {{ago "1m"}}}]}]}
`},
}

func custom(version, kind, name, condition string) string {
	return fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata: {name: %s}\nstatus: {conditions: [%s]}\n", version, kind, name, condition)
}

var apiFaults = []fault{
	{name: "api service down", ahead: soon, kind: "APIService", of: "v1alpha1.broken.example.com", class: engine.ClassAPIDown, rule: "api/no-backend", make: `apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1alpha1.broken.example.com}
spec: {group: broken.example.com, version: v1alpha1, groupPriorityMinimum: 100, versionPriority: 100, insecureSkipTLSVerify: true, service: {name: gone, namespace: "{{.ns}}"}}
`},
	{
		name: "validating webhook down", ahead: soon, kind: "ValidatingWebhookConfiguration", of: "validating-down", class: engine.ClassAPIDown, rule: "api/no-backend",
		make: join(service("app", "{app: app}", "web"), webhook("ValidatingWebhookConfiguration", "validating-down", "Fail", "app", "")),
	},
	{
		name: "mutating webhook down", ahead: soon, kind: "MutatingWebhookConfiguration", of: "mutating-down", class: engine.ClassAPIDown, rule: "api/no-backend",
		make: webhook("MutatingWebhookConfiguration", "mutating-down", "Fail", "gone", ""),
	},
	{
		name: "webhook authority ends", kind: "MutatingWebhookConfiguration", of: "authority-ends", class: engine.ClassCertificate, rule: "certificate/authority",
		make: join(podOn("plain-1", "\n  labels: {app: app}", running), service("app", "{app: app}", "8443"), webhook("MutatingWebhookConfiguration", "authority-ends", "Fail", "app", ", caBundle: "+authority(3*24*time.Hour))),
	},
	{name: "certificate not renewed", kind: "Certificate", class: engine.ClassCertificate, rule: "certificate/renewal", make: `apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: app}
status:
  notAfter: {{ago "-48h"}}
  renewalTime: {{ago "672h"}}
  conditions: [{type: Ready, status: "False", reason: Expiring, message: "The certificate request has failed to complete and will be retried: acme: urn:ietf:params:acme:error:rateLimited", lastTransitionTime: {{ago "1h"}}}]
`},
	{name: "certificate not issued", ahead: later, kind: "Certificate", class: engine.ClassCertificate, rule: "certificate/renewal", make: custom("cert-manager.io/v1", "Certificate", "app", `{type: Ready, status: "False", reason: DoesNotExist, message: "Issuing certificate as Secret does not exist", lastTransitionTime: {{ago "1m"}}}`)},
}

// authority is the certificate of an authority that was made 90 days before it ends, as a webhook's configuration holds it.
func authority(left time.Duration) string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	end := time.Now().Add(left)
	t := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "webhooks"}, NotBefore: end.Add(-90 * 24 * time.Hour), NotAfter: end, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func scaler(name, target, more string) string {
	return fmt.Sprintf(`apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: %s}
spec:
  minReplicas: 1
  maxReplicas: 3
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: %s}
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 60}}}]
%s`, name, target, more)
}

func cronJob(more string) string {
	return fmt.Sprintf(`apiVersion: batch/v1
kind: CronJob
metadata: {name: app}
spec:
  schedule: "0 0 1 1 *"
  %s
  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: app, image: shop/app:1}]}}}}
`, more)
}

var slowFaults = []fault{
	{name: "autoscaler without metrics", ahead: later, kind: "Deployment", class: engine.ClassScalingStuck, rule: "scale/no-metrics", make: join(deployment("app", 1, "", ""), scaler("app", "app", ""))},
	{name: "autoscaler without a target", ahead: later, kind: "HorizontalPodAutoscaler", class: engine.ClassScalingStuck, rule: "scale/no-target", make: scaler("app", "gone", "")},
	{name: "budget blocks a drain", ahead: later, kind: "Deployment", class: engine.ClassDrainBlocked, rule: "drain/budget", make: join(`apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: app}
spec: {minAvailable: 1, selector: {matchLabels: {app: app}}}
`, deployment("app", 1, "", "nodeSelector: {kubernetes.io/hostname: "+cordoned+"}\n      tolerations: [{operator: Exists}]")), then: cordon},
	{name: "cron job without a time zone", kind: "CronJob", class: engine.ClassScheduleMissed, rule: "cron/schedule", make: join(cronJob("timeZone: Europe/Berlin"),
		warningNow("CronJob", "app", "UnknownTimeZone", `invalid timeZone: "Europe/Berlin": unknown time zone Europe/Berlin`, "cronjob-controller"))},
	{name: "cron job waits for itself", ahead: later, kind: "CronJob", class: engine.ClassScheduleMissed, rule: "cron/still-running", make: `apiVersion: batch/v1
kind: CronJob
metadata: {name: app}
spec:
  schedule: "*/3 * * * *"
  concurrencyPolicy: Forbid
  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: app, image: shop/app:1}]}}}}
`, then: adopt},
	{name: "namespace does not go", ahead: later, kind: "Namespace", of: "namespace-does-not-go", class: engine.ClassStuckTerminating, rule: "terminate/discovery", make: `apiVersion: v1
kind: ConfigMap
metadata: {name: app, finalizers: [example.com/tidy]}
`, then: func(ctx context.Context, w *world, ns string) error { return w.remove(ctx, "v1", "Namespace", "", ns) }},
}

func delivery(version, kind, name, status string) string {
	return fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata: {name: %s}\nstatus: %s\n", version, kind, name, status)
}

var deliveryFaults = []fault{
	{name: "argo sync fails", ahead: later, kind: "Application", class: engine.ClassRolloutStuck, rule: "delivery/failed", make: delivery("argoproj.io/v1alpha1", "Application", "app",
		`{operationState: {phase: Failed, message: "one or more objects failed to apply, reason: Deployment.apps \"web\" is invalid", finishedAt: {{ago "1m"}}}}`)},
	{name: "flux kustomization fails", ahead: later, kind: "Kustomization", class: engine.ClassRolloutStuck, rule: "delivery/failed", make: custom("kustomize.toolkit.fluxcd.io/v1", "Kustomization", "app",
		`{type: Ready, status: "False", reason: BuildFailed, message: "kustomize build failed: accumulating resources", lastTransitionTime: {{ago "1m"}}}`)},
	{name: "flux helm release fails", ahead: later, kind: "HelmRelease", class: engine.ClassRolloutStuck, rule: "delivery/failed", make: custom("helm.toolkit.fluxcd.io/v2", "HelmRelease", "app",
		`{type: Ready, status: "False", reason: UpgradeFailed, message: "Helm upgrade failed for release shop/web: timed out waiting for the condition", lastTransitionTime: {{ago "1m"}}}`)},
	{name: "operator version fails", ahead: later, kind: "ClusterServiceVersion", class: engine.ClassRolloutStuck, rule: "delivery/failed", make: delivery("operators.coreos.com/v1alpha1", "ClusterServiceVersion", "app",
		`{phase: Failed, reason: InstallCheckFailed, message: "install timeout", lastTransitionTime: {{ago "1m"}}}`)},
	{name: "install plan fails", ahead: later, kind: "InstallPlan", class: engine.ClassRolloutStuck, rule: "delivery/failed", make: delivery("operators.coreos.com/v1alpha1", "InstallPlan", "app",
		`{phase: Failed, conditions: [{type: Installed, status: "False", reason: InstallComponentFailed, message: bundle unpacking failed}]}`)},
	{name: "subscription unresolved", ahead: later, kind: "Subscription", class: engine.ClassRolloutStuck, rule: "delivery/failed", make: custom("operators.coreos.com/v1alpha1", "Subscription", "app",
		`{type: ResolutionFailed, status: "True", reason: ConstraintsNotSatisfiable, message: "no operators found in package web", lastTransitionTime: {{ago "1m"}}}`)},
	{name: "catalog source away", ahead: later, kind: "CatalogSource", class: engine.ClassRolloutStuck, rule: "delivery/failed", make: delivery("operators.coreos.com/v1alpha1", "CatalogSource", "app",
		`{connectionState: {lastObservedState: TRANSIENT_FAILURE, lastConnect: {{ago "1m"}}}}`)},
	{name: "cluster extension fails", ahead: later, kind: "ClusterExtension", of: "ext", class: engine.ClassRolloutStuck, rule: "delivery/failed", make: custom("olm.operatorframework.io/v1", "ClusterExtension", "ext",
		`{type: Installed, status: "False", reason: Failed, message: "no bundles found for package web", lastTransitionTime: {{ago "1m"}}}`)},
	{name: "cluster catalog fails", ahead: later, kind: "ClusterCatalog", of: "cat", class: engine.ClassRolloutStuck, rule: "delivery/failed", make: custom("olm.operatorframework.io/v1", "ClusterCatalog", "cat",
		`{type: Serving, status: "False", reason: Unavailable, message: "catalog cannot be unpacked", lastTransitionTime: {{ago "1m"}}}`)},
}

// cordoned is the node that a row cordons. Nobody else's pods are on it: whoever loses one from there loses it by plan.
const cordoned = "kwok-003"

// apart keeps the pods of other rows from the node that is cordoned.
func apart(ctx context.Context, w *world) error {
	nodes := w.dynamic.Resource(schema.GroupVersionResource{Version: "v1", Resource: "nodes"})
	_, err := nodes.Patch(ctx, cordoned, types.MergePatchType, []byte(`{"spec":{"taints":[{"key":"autopilot.local/apart","effect":"NoSchedule"}]}}`), metav1.PatchOptions{})
	return err
}

// cordon has the controllers taint a simulated node, once the pod of the row runs on it.
func cordon(ctx context.Context, w *world, ns string) error {
	if err := w.fail(ctx, ns, `{}`); err != nil {
		return err
	}
	nodes := w.dynamic.Resource(schema.GroupVersionResource{Version: "v1", Resource: "nodes"})
	_, err := nodes.Patch(ctx, cordoned, types.MergePatchType, []byte(`{"spec":{"unschedulable":true}}`), metav1.PatchOptions{})
	return err
}

// adopt gives a CronJob a run that is still under way.
func adopt(ctx context.Context, w *world, ns string) error {
	cronJobs := w.dynamic.Resource(schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "cronjobs"}).Namespace(ns)
	c, err := cronJobs.Get(ctx, "app", metav1.GetOptions{})
	if err != nil {
		return err
	}
	uid := c.GetUID()
	err = w.apply(ctx, ns, fmt.Sprintf(`apiVersion: batch/v1
kind: Job
metadata:
  name: app-1
  ownerReferences: [{apiVersion: batch/v1, kind: CronJob, name: app, uid: %s, controller: true, blockOwnerDeletion: true}]
spec: {suspend: true, template: {spec: {restartPolicy: Never, containers: [{name: app, image: shop/app:1}]}}}
`, uid))
	if err != nil {
		return err
	}
	_, err = cronJobs.Patch(ctx, "app", types.MergePatchType, []byte(`{"status":{"active":[{"apiVersion":"batch/v1","kind":"Job","name":"app-1","namespace":"`+ns+`"}]}}`), metav1.PatchOptions{}, "status")
	return err
}
