package rca

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
)

// of puts evidence at an object that is no pod.
func of(kind, name string, e engine.Evidence) engine.Evidence {
	e.Object, e.Container = engine.ObjectRef{Kind: kind, Namespace: "payments", Name: name}, ""
	e.ID = fmt.Sprintf("%s/%s/%s", e.Kind, kind, name)
	return e
}

func condition(kind, name, what, status, reason, message string) engine.Evidence {
	return of(kind, name, piece(engine.EvidenceCondition, "type="+what, "status="+status, "reason="+reason, "message="+message))
}

func nodeIs(fields ...string) engine.Evidence {
	return of(engine.KindNode, "ip-10-0-3-4.ec2.internal", piece(engine.EvidenceNode, fields...))
}

func service(name, exists, detail string) engine.Evidence {
	return of("Service", name, piece(engine.EvidenceReference, "kind=Service", "name="+name, "exists="+exists, "detail="+detail))
}

const claimName = "pvc-0d5c1f2e-9a66-4d7e-b9a7-1f6d6c0e9b11"

// between are incidents of what stands between workloads, and of what EKS does to nodes: the words are those of the controllers.
var between = []struct {
	name, kind  string
	class       engine.Class
	evidence    []engine.Evidence
	rule, title string
}{
	{
		"a Spot instance that is taken back", "Deployment", engine.ClassReplicasMissing,
		[]engine.Evidence{nodeIs("ready=Unknown", "planned=spot", "message=Kubelet stopped posting node status.")},
		"node/spot", "Spot instance",
	},
	{
		"a node that Karpenter consolidates", "Deployment", engine.ClassReplicasMissing,
		[]engine.Evidence{nodeIs("ready=True", "planned=autoscaler", "kubelet=v1.36.1", "newest=v1.36.1")},
		"node/autoscaler", "autoscaler takes node",
	},
	{
		"a node that an upgrade replaces", "Deployment", engine.ClassReplicasMissing,
		[]engine.Evidence{nodeIs("ready=True", "planned=cordon", "kubelet=v1.36.1", "newest=v1.37.2")},
		"node/upgrade", "newer version",
	},
	{
		"a node that a person drains", "Deployment", engine.ClassReplicasMissing,
		[]engine.Evidence{nodeIs("ready=True", "planned=cordon", "kubelet=v1.37.2", "newest=v1.37.2")},
		"node/drained", "is being drained",
	},
	{
		"a machine that was stopped", "Deployment", engine.ClassReplicasMissing,
		[]engine.Evidence{nodeIs("ready=Unknown", "planned=shutdown")},
		"node/shut-down", "was shut down",
	},
	{
		"a group of nodes that lost its access entry", engine.KindNode, engine.ClassNodeNotReady,
		[]engine.Evidence{nodeIs("ready=Unknown", "reason=NodeStatusUnknown", "message=Kubelet stopped posting node status.", "silent=3", "group=workers")},
		"node/access", "not let into the cluster",
	},
	{
		"a kubelet that dies alone", engine.KindNode, engine.ClassNodeNotReady,
		[]engine.Evidence{nodeIs("ready=Unknown", "reason=NodeStatusUnknown", "message=Kubelet stopped posting node status.", "silent=0", "group=workers")},
		"node/kubelet-silent", "kubelet stopped reporting",
	},
	{
		"a node whose network agent failed", "Deployment", engine.ClassProbeFailing,
		[]engine.Evidence{nodeIs("ready=True", "agent=NetworkingReady is false: IPAMDNotReady: IPAMD failed to start")},
		"node/agent", "NetworkingReady is false",
	},
	{
		"a pod that somebody evicted", "Deployment", engine.ClassReplicasMissing,
		[]engine.Evidence{
			piece(engine.EvidencePod, "id=lost/api-1", "name=api-1", "lost=true", "disruption=EvictionByEvictionAPI", "phase=Gone"),
			logLine("ERROR dial tcp 10.96.3.4:6379: connect: connection refused"), nodeIs("ready=True"),
		},
		"evict/api", "pod api-1 was evicted through the API",
	},
	{
		"pods that somebody deleted", "Deployment", engine.ClassReplicasMissing,
		[]engine.Evidence{
			piece(engine.EvidencePod, "id=lost/api-1", "name=api-1", "lost=true", "phase=Gone"), piece(engine.EvidencePod, "id=lost/api-2", "name=api-2", "lost=true", "phase=Gone"),
			piece(engine.EvidenceChange, "what=image", "from=api:1", "to=api:2", "revision=2", "ago=10m"),
		},
		"evict/deleted", "pod api-1 and others were deleted",
	},
	{
		"a pod that was lost, and long after it another that answers too late", "Deployment", engine.ClassReplicasMissing,
		[]engine.Evidence{
			piece(engine.EvidencePod, "id=lost/api-1", "name=api-1", "ago=90s", "lost=true", "disruption=EvictionByEvictionAPI", "phase=Gone"),
			piece(engine.EvidenceProbe, "id=probe", "ago=0s", "probe=readiness", "container=api", "message=Readiness probe failed: context deadline exceeded (Client.Timeout exceeded while awaiting headers)"),
		},
		"probe/timeout", "no answer in time",
	},
	{
		"a pod that gave way", "Deployment", engine.ClassUnschedulable,
		[]engine.Evidence{piece(engine.EvidencePod, "name=api-1", "disruption=PreemptionByScheduler", "phase=Running")},
		"evict/preempted", "higher priority",
	},
	{
		"a container that was signalled", "Deployment", engine.ClassCrashLoop,
		[]engine.Evidence{
			piece(engine.EvidenceTermination, "id=end", "exit_code=143", "reason=Error", "restarts=1", "started_at=2026-11-20T02:00:00Z", "finished_at=2026-11-20T03:00:00Z"),
			nodeIs("ready=True"),
		},
		"exit/signalled", "by SIGTERM from outside",
	},
	{
		"a program that ends cleanly when it is told to", "Deployment", engine.ClassCrashLoop,
		[]engine.Evidence{
			piece(engine.EvidenceTermination, "id=end", "exit_code=0", "reason=Completed", "restarts=6", "started_at=2026-11-20T02:50:00Z", "finished_at=2026-11-20T03:00:00Z"),
			logLine(`{"level":"INFO","msg":"stopping","drain":"1s"}`),
		},
		"exit/signalled", "by a signal from outside",
	},
	{
		"a container that was signalled, whose probes find nobody as it begins again", "Deployment", engine.ClassProbeFailing,
		[]engine.Evidence{
			piece(engine.EvidenceTermination, "id=end", "exit_code=143", "reason=Error", "restarts=1", "started_at=2026-11-20T02:00:00Z", "finished_at=2026-11-20T03:00:00Z"),
			piece(engine.EvidenceProbe, "id=probe", "probe=liveness", "message=Liveness probe failed: connection refused"),
			piece(engine.EvidenceEvent, "id=unhealthy", "ago=0s", "reason=Unhealthy", "count=1", "message=Liveness probe failed: connection refused"),
		},
		"exit/signalled", "by SIGTERM from outside",
	},
	{
		"a container that its liveness probe ended", "Deployment", engine.ClassProbeFailing,
		[]engine.Evidence{
			piece(engine.EvidenceTermination, "id=end", "exit_code=143", "reason=Error", "restarts=1", "started_at=2026-11-20T02:00:00Z", "finished_at=2026-11-20T03:00:00Z"),
			piece(engine.EvidenceProbe, "id=probe", "probe=liveness", "message=Liveness probe failed: connection refused"),
			piece(engine.EvidenceEvent, "id=unhealthy", "ago=0s", "reason=Unhealthy", "count=6", "message=Liveness probe failed: connection refused"),
		},
		"probe/refused", "nothing answers",
	},
	{
		"a program that ends by itself", "Deployment", engine.ClassCrashLoop,
		[]engine.Evidence{
			piece(engine.EvidenceTermination, "id=end", "exit_code=0", "reason=Completed", "restarts=6", "started_at=2026-11-20T02:59:50Z", "finished_at=2026-11-20T03:00:00Z"),
			logLine("all done"),
		},
		"exit/completed", "ends by itself",
	},
	{
		"a network that is slow", "Deployment", engine.ClassHighLatency,
		[]engine.Evidence{
			piece(engine.EvidenceNeighbor, "network=200 ms", "ways=3", "relation=calls", "kind=Deployment", "namespace=payments", "name=cart"),
			piece(engine.EvidenceNeighbor, "id=neighbor", "rank=1", "share=0.9", "relation=calls", "kind=Deployment", "namespace=payments", "name=cart", "measure=latency", "now=300 ms", "usual=20 ms", "first=true"),
		},
		"near/network", "the network of payments/cart is slow",
	},
	{
		"names that do not resolve", "Deployment", engine.ClassAlert,
		[]engine.Evidence{
			piece(engine.EvidenceAlert, "alertname=AutopilotDependencyErrors", "callee=cart:8080", "code=dns"),
			logLine("ERROR call failed: lookup cart on 10.96.0.10:53: server misbehaving"),
		},
		"near/dns", "names do not resolve for it: cart:8080",
	},
	{
		"CPU that is burnt beside the program", "Deployment", engine.ClassHighCPU,
		[]engine.Evidence{
			piece(engine.EvidenceAlert, "alertname=AutopilotHighCPU", "value=1"),
			piece(engine.EvidenceNeighbor, "id=self", "rank=1", "share=1", "relation=self", "measure=cpu", "now=1 cores", "usual=0.2 cores"),
		},
		"near/throttled", "CPU that it may use is used up",
	},
	{
		"memory that is held beside the program", "Deployment", engine.ClassHighMemory,
		[]engine.Evidence{
			piece(engine.EvidenceAlert, "alertname=AutopilotHighMemory", "value=0.9"), nodeIs("ready=True"),
			piece(engine.EvidenceSeries, "id=series/saturation", "measure=saturation", "direction=up", "now=0.03 %", "usual=0 %"),
			piece(engine.EvidenceNeighbor, "id=network/cart", "network=60 ms", "ways=1", "kind=Deployment", "namespace=payments", "name=cart"),
		},
		"near/memory", "it began here: alertname=AutopilotHighMemory",
	},
	{
		"memory that is held beside the program, and the numbers say so", "Deployment", engine.ClassHighMemory,
		[]engine.Evidence{
			piece(engine.EvidenceAlert, "alertname=AutopilotHighMemory", "value=0.9"),
			piece(engine.EvidenceNeighbor, "id=self", "rank=1", "share=1", "relation=self", "measure=memory", "now=60 MiB", "usual=20 MiB"),
		},
		"near/memory", "it began here: alertname=AutopilotHighMemory",
	},
	{
		"an event that passed long before", "Deployment", engine.ClassReplicasMissing,
		[]engine.Evidence{
			of("Pod", "api-1", piece(engine.EvidenceEvent, "type=Warning", "reason=FailedScheduling", "ago=40m", "message=0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod.")),
			nodeIs("ready=Unknown", "message=Kubelet stopped posting node status."),
		},
		"node/down", "is down",
	},
	{
		"no capacity in EC2", "NodePool", engine.ClassUnschedulable,
		[]engine.Evidence{condition("NodeClaim", "default-x1", "Launched", "Unknown", "LaunchFailed", "creating instance, insufficient capacity, with fleet error(s), InsufficientInstanceCapacity: We currently do not have sufficient m5.large capacity")},
		"machine/capacity", "EC2 has no machine",
	},
	{
		"a machine that does not join", "NodePool", engine.ClassNodeNotReady,
		[]engine.Evidence{condition("NodeClaim", "default-x1", "Registered", "Unknown", "NodeNotFound", "Node not registered with cluster")},
		"machine/join", "does not join",
	},
	{
		"a volume on another node", "Deployment", engine.ClassConfigError,
		[]engine.Evidence{event("FailedAttachVolume", `Multi-Attach error for volume "`+claimName+`" Volume is already used by pod(s) db-0`)},
		"config/multi-attach", "attached to another node",
	},
	{
		"a volume on another node, as is said where nobody knows whose it is", "StatefulSet", engine.ClassConfigError,
		[]engine.Evidence{event("FailedAttachVolume", `Multi-Attach error for volume "`+claimName+`" Volume is already exclusively attached to one node and can't be attached to another`)},
		"config/multi-attach", "attached to another node",
	},
	{
		"a node with all the volumes it can have", "Deployment", engine.ClassConfigError,
		[]engine.Evidence{event("FailedAttachVolume", `AttachVolume.Attach failed for volume "`+claimName+`" : rpc error: code = ResourceExhausted desc = Could not attach volume "vol-0a": api error AttachmentLimitExceeded: attachment limit exceeded`)},
		"config/attach-limit", "as many EBS volumes",
	},
	{
		"a webhook without pods", "Deployment", engine.ClassReplicasMissing,
		[]engine.Evidence{event("FailedCreate", `Error creating: Internal error occurred: failed calling webhook "validate.kyverno.svc-fail": failed to call webhook: Post "https://kyverno-svc.kyverno.svc:443/validate/fail?timeout=10s": no endpoints available for service "kyverno-svc"`)},
		"api/webhook-down", "validate.kyverno.svc-fail",
	},
	{
		"a webhook's own incident", "ValidatingWebhookConfiguration", engine.ClassAPIDown,
		[]engine.Evidence{service("kyverno-svc", "true", "0 of 2 endpoints ready")},
		"api/no-backend", "service kyverno-svc",
	},
	{
		"a metrics API whose certificate ended", "APIService", engine.ClassAPIDown,
		[]engine.Evidence{condition("APIService", "v1beta1.metrics.k8s.io", "Available", "False", "FailedDiscoveryCheck", `failing or missing response from https://10.0.1.7:10250/apis/metrics.k8s.io/v1beta1: Get "https://10.0.1.7:10250/apis/metrics.k8s.io/v1beta1": tls: failed to verify certificate: x509: certificate has expired or is not yet valid`)},
		"api/certificate", "does not trust",
	},
	{
		"a metrics API behind a security group", "APIService", engine.ClassAPIDown,
		[]engine.Evidence{condition("APIService", "v1beta1.metrics.k8s.io", "Available", "False", "FailedDiscoveryCheck", `failing or missing response from https://10.0.1.7:10250/apis/metrics.k8s.io/v1beta1: Get "https://10.0.1.7:10250/apis/metrics.k8s.io/v1beta1": context deadline exceeded`)},
		"api/no-way", "does not reach its pods",
	},
	{
		"a metrics API that refuses", "APIService", engine.ClassAPIDown,
		[]engine.Evidence{condition("APIService", "v1beta1.metrics.k8s.io", "Available", "False", "FailedDiscoveryCheck", `failing or missing response from https://10.0.1.7:10250/apis/metrics.k8s.io/v1beta1: Get "https://10.0.1.7:10250/apis/metrics.k8s.io/v1beta1": dial tcp 10.0.1.7:10250: connect: connection refused`)},
		"api/refused", "refuse the API server",
	},
	{
		"a selector that is misspelt", "Service", engine.ClassRouteBroken,
		[]engine.Evidence{service("api", "true", "0 of 0 endpoints ready"), of("Deployment", "api", piece(engine.EvidenceReference, "kind=Deployment", "name=api", "exists=true", "detail=app=api", "used_by=labels of its pods"))},
		"route/no-pods", "selector matches no pod",
	},
	{"an ingress to nothing", "Ingress", engine.ClassRouteBroken, []engine.Evidence{service("web", "false", "")}, "route/missing-service", "service web does not exist"},
	{
		"a port that nobody has", "Service", engine.ClassRouteBroken,
		[]engine.Evidence{of("Service", "api", piece(engine.EvidenceReference, "kind=Port", "name=api", "key=http", "exists=false")), service("api", "true", "2 of 2 endpoints ready")},
		"route/port", "port http",
	},
	{
		"a class that nobody serves", "Ingress", engine.ClassRouteBroken,
		[]engine.Evidence{of("IngressClass", "nginx", piece(engine.EvidenceReference, "kind=IngressClass", "name=nginx", "exists=false"))},
		"route/class-missing", "ingress class nginx",
	},
	{"no subnet for a load balancer", "Ingress", engine.ClassRouteBroken, []engine.Evidence{event("FailedBuildModel", "Failed build model due to couldn't auto-discover subnets: unable to resolve at least one subnet (0 match VPC and tags: [kubernetes.io/role/elb])")}, "route/subnets", "no subnet"},
	{"no certificate for a host", "Ingress", engine.ClassRouteBroken, []engine.Evidence{event("FailedBuildModel", "Failed build model due to no certificate found for host: shop.example.com")}, "route/certificate", "no certificate for its host"},
	{"a controller without a permission", "Service", engine.ClassRouteBroken, []engine.Evidence{event("FailedDeployModel", "Failed deploy model due to operation error Elastic Load Balancing v2: CreateLoadBalancer, https response error StatusCode: 403, api error AccessDenied: User: arn:aws:sts::111122223333:assumed-role/lbc is not authorized to perform: elasticloadbalancing:CreateLoadBalancer")}, "route/permission", "may not do it"},
	{"a controller with another problem", "Service", engine.ClassRouteBroken, []engine.Evidence{event("SyncLoadBalancerFailed", "Error syncing load balancer: failed to ensure load balancer: TooManyLoadBalancers: quota reached")}, "route/controller", "TooManyLoadBalancers"},
	{"a route that no gateway accepts", "HTTPRoute", engine.ClassRouteBroken, []engine.Evidence{condition("HTTPRoute", "web", "Accepted", "False", "NoMatchingListenerHostname", "No listener has this hostname")}, "route/not-accepted", "No listener"},
	{
		"an autoscaler without a request", "Deployment", engine.ClassScalingStuck,
		[]engine.Evidence{condition("HorizontalPodAutoscaler", "api", "ScalingActive", "False", "FailedGetResourceMetric", "the HPA was unable to compute the replica count: failed to get cpu utilization: missing request for cpu in container api of Pod api-7d9f-x1")},
		"scale/no-request", "no cpu request",
	},
	{
		"an autoscaler without a metrics server", "Deployment", engine.ClassScalingStuck,
		[]engine.Evidence{condition("HorizontalPodAutoscaler", "api", "ScalingActive", "False", "FailedGetResourceMetric", "the HPA was unable to compute the replica count: failed to get cpu utilization: unable to get metrics for resource cpu: unable to fetch metrics from resource metrics API: the server could not find the requested resource (get pods.metrics.k8s.io)")},
		"scale/no-metrics", "gets no metrics",
	},
	{
		"an autoscaler without a target", "HorizontalPodAutoscaler", engine.ClassScalingStuck,
		[]engine.Evidence{condition("HorizontalPodAutoscaler", "api", "AbleToScale", "False", "FailedGetScale", `the HPA controller was unable to get the target's current scale: deployments.apps "api" not found`)},
		"scale/no-target", "cannot be read",
	},
	{
		"an autoscaler that shares its pods", "Deployment", engine.ClassScalingStuck,
		[]engine.Evidence{condition("HorizontalPodAutoscaler", "api", "ScalingActive", "False", "AmbiguousSelector", "pods by selector app=api are controlled by multiple HPAs: [payments/api payments/api2]")},
		"scale/unknown", "multiple HPAs",
	},
	{"a budget that allows nothing", "Deployment", engine.ClassDrainBlocked, []engine.Evidence{condition("PodDisruptionBudget", "api", "DisruptionAllowed", "false", "", "1 of 1 pods are healthy, 1 must be: 0 may be away")}, "drain/budget", "allows no eviction"},
	{"a schedule that cannot be read", "CronJob", engine.ClassScheduleMissed, []engine.Evidence{event("UnknownTimeZone", `invalid timeZone: "Mars/Olympus": unknown time zone Mars/Olympus`)}, "cron/schedule", "schedule cannot be used"},
	{"a run that hangs", "CronJob", engine.ClassScheduleMissed, []engine.Evidence{piece(engine.EvidenceEvent, "type=Normal", "reason=JobAlreadyActive", "message=Not starting job because prior execution is running and concurrency policy is Forbid")}, "cron/still-running", "earlier run has not ended"},
	{"a run that a quota forbids", "CronJob", engine.ClassScheduleMissed, []engine.Evidence{event("FailedCreate", `Error creating job: jobs.batch "nightly-1" is forbidden: exceeded quota: jobs, requested: count/jobs.batch=1, used: count/jobs.batch=5, limited: count/jobs.batch=5`)}, "quota/exceeded", "quota jobs"},
	{"a finalizer of a pod", "Deployment", engine.ClassStuckTerminating, []engine.Evidence{piece(engine.EvidencePod, "deleted=2026-11-20T02:40:00Z", "message=it was deleted and waits for example.com/tidy to take off its finalizer")}, "terminate/finalizer", "example.com/tidy"},
	{"finalizers of a namespace", "Namespace", engine.ClassStuckTerminating, []engine.Evidence{condition("Namespace", "old", "NamespaceFinalizersRemaining", "True", "SomeFinalizersRemain", "Some content in the namespace has finalizers remaining: kubedb.com in 1 resource instances")}, "terminate/finalizer", "kubedb.com"},
	{"a namespace behind a dead API", "Namespace", engine.ClassStuckTerminating, []engine.Evidence{condition("Namespace", "old", "NamespaceDeletionDiscoveryFailure", "True", "DiscoveryFailed", "Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: metrics.k8s.io/v1beta1: stale GroupVersion discovery")}, "terminate/discovery", "API does not answer"},
	{"a node that cannot stop a pod", "StatefulSet", engine.ClassStuckTerminating, []engine.Evidence{event("FailedKillPod", `error killing pod: failed to "KillContainer" for "db" with KillContainerError: "rpc error: code = DeadlineExceeded desc = context deadline exceeded"`)}, "terminate/kubelet", "cannot stop the pod"},
	{"a pod that does not end, nobody says why", "StatefulSet", engine.ClassStuckTerminating, []engine.Evidence{piece(engine.EvidencePod, "deleted=2026-11-20T02:40:00Z", "phase=Running")}, "terminate/unknown", "has not ended the pod"},
	{"a claim that lost its volume", "StatefulSet", engine.ClassVolumeFailing, []engine.Evidence{of("PersistentVolumeClaim", "data", piece(engine.EvidenceClaim, "phase=Lost")), event("ClaimLost", "Bound claim has lost its PersistentVolume. Data on the volume is lost!")}, "volume/lost", "claim data is gone"},
	{"a volume that was changed a while ago", "StatefulSet", engine.ClassVolumeFailing, []engine.Evidence{event("VolumeResizeFailed", `resize volume "pvc-1" by resizer "ebs.csi.aws.com" failed: rpc error: code = Internal desc = Could not resize volume "vol-0a": VolumeModificationRateExceeded: You've reached the maximum modification rate per volume limit. Wait at least 6 hours between modifications per EBS volume.`)}, "volume/too-soon", "once in six hours"},
	{"a volume that cannot grow", "StatefulSet", engine.ClassVolumeFailing, []engine.Evidence{event("VolumeResizeFailed", `resize volume "pvc-1" by resizer "ebs.csi.aws.com" failed: rpc error: code = Internal desc = Could not resize volume "vol-0a": volume limit of the account reached`)}, "volume/resize", "cannot be changed"},
	{"a volume that could not be deleted", "PersistentVolume", engine.ClassVolumeFailing, []engine.Evidence{condition("PersistentVolume", "pvc-1", "Phase", "Failed", "VolumeFailedDelete", "rpc error: code = Internal desc = Could not delete volume ID vol-0a: VolumeInUse")}, "volume/reclaim", "could not be deleted"},
	{"a certificate that is not issued", "Certificate", engine.ClassCertificate, []engine.Evidence{condition("Certificate", "web", "Ready", "False", "DoesNotExist", "Issuing certificate as Secret does not exist")}, "certificate/renewal", "not renewed"},
	{"an authority that ends", "MutatingWebhookConfiguration", engine.ClassCertificate, []engine.Evidence{of("MutatingWebhookConfiguration", "injector", piece(engine.EvidenceReference, "kind=CABundle", "name=injector", "exists=true", "detail=2026-11-22T00:00:00Z"))}, "certificate/authority", "authority ends"},
	{"a release that fails", "HelmRelease", engine.ClassRolloutStuck, []engine.Evidence{condition("HelmRelease", "web", "Ready", "False", "UpgradeFailed", "Helm upgrade failed for release shop/web with chart web@1.2.0: timed out waiting for the condition")}, "delivery/failed", "Helm upgrade failed"},
	{"a node that refuses a pod", "Deployment", engine.ClassUnschedulable, []engine.Evidence{piece(engine.EvidencePod, "phase=Failed", "reason=OutOfcpu", "node=n1", "message=Pod was rejected: Node didn't have enough resource: cpu, requested: 2000, used: 3000, capacity: 4000")}, "schedule/refused", "refused the pod"},
	{"an account without a role", "Deployment", engine.ClassCrashLoop, []engine.Evidence{ended(1, "Error"), logLine(`pods is forbidden: User "system:serviceaccount:payments:api" cannot list resource "pods" in API group "" in the namespace "payments"`)}, "crash/rbac", "Kubernetes refuses"},
	{"a program that was interrupted", "Deployment", engine.ClassCrashLoop, []engine.Evidence{ended(130, "Error")}, "exit/interrupted", "was interrupted"},
	{"a program that aborts", "Deployment", engine.ClassCrashLoop, []engine.Evidence{ended(134, "Error")}, "exit/aborted", "aborted itself"},
	{"a command that a shell does not find", "Deployment", engine.ClassCrashLoop, []engine.Evidence{ended(127, "Error"), logLine("sh: serve: not found")}, "crash/command-not-found", "command not found"},
	{"a file that is not executable", "Deployment", engine.ClassConfigError, []engine.Evidence{piece(engine.EvidenceContainer, "state=waiting", "reason=RunContainerError", `message=failed to create containerd task: unable to start container process: exec: "./serve": permission denied`)}, "config/not-executable", "may not be executed"},
	{"an account that is missing", "Deployment", engine.ClassReplicasMissing, []engine.Evidence{event("FailedCreate", `Error creating: pods "api-7d9f-" is forbidden: error looking up service account payments/api: serviceaccount "api" not found`)}, "config/missing-account", "ServiceAccount api"},
	{"a claim that is missing", "Deployment", engine.ClassUnschedulable, []engine.Evidence{event("FailedScheduling", `0/3 nodes are available: persistentvolumeclaim "data" not found. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.`)}, "config/missing-claim", "PersistentVolumeClaim data"},
	{"a claim that is not bound", "Deployment", engine.ClassUnschedulable, []engine.Evidence{event("FailedScheduling", "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.")}, "schedule/volume-unbound", "not bound"},
	{"a spread that leaves no node", "Deployment", engine.ClassUnschedulable, []engine.Evidence{event("FailedScheduling", "0/3 nodes are available: 3 node(s) didn't match pod topology spread constraints. preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod.")}, "schedule/spread", "leaves no node"},
	{"nodes that are all cordoned", "Deployment", engine.ClassUnschedulable, []engine.Evidence{event("FailedScheduling", "0/3 nodes are available: 3 node(s) were unschedulable. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.")}, "schedule/cordoned", "cordoned"},
	{"a volume in a zone without nodes", "StatefulSet", engine.ClassClaimPending, []engine.Evidence{event("FailedScheduling", "no topology key found on CSINode ip-10-0-3-4.ec2.internal")}, "claim/zone", "zone that the pod needs"},
	{"an image and no space", "Deployment", engine.ClassImagePull, []engine.Evidence{piece(engine.EvidenceContainer, "state=waiting", "reason=ErrImagePull", "image=api:1", `message=failed to pull and unpack image "api:1": failed to extract layer: write /var/lib/containerd: no space left on device`)}, "image/disk-full", "disk"},
	{"an eviction for process ids", "Deployment", engine.ClassEvicted, []engine.Evidence{piece(engine.EvidencePod, "phase=Failed", "reason=Evicted", "message=The node was low on resource: pids. Threshold quantity: 10, available: 3. ")}, "evict/pids", "process ids"},
	{"a job that its policy ends", "Job", engine.ClassJobFailed, []engine.Evidence{piece(engine.EvidenceJob, "name=nightly", "reason=PodFailurePolicy", "message=Container app for pod payments/nightly-x failed with exit code 42 matching FailJob rule at index 0")}, "job/pod-policy", "failure policy"},
	{"a runtime that is down", engine.KindNode, engine.ClassNodeNotReady, []engine.Evidence{nodeIs("ready=False", "reason=KubeletNotReady", "message=[container runtime is down, PLEG is not healthy: pleg was last seen active 4m0s ago; threshold is 3m0s]")}, "node/runtime", "container runtime"},
	{"a node that shuts down", engine.KindNode, engine.ClassNodeNotReady, []engine.Evidence{nodeIs("ready=False", "reason=KubeletNotReady", "message=node is shutting down")}, "node/shutdown", "shutting down"},
	{"a node that says something else", engine.KindNode, engine.ClassNodeNotReady, []engine.Evidence{nodeIs("ready=False", "reason=KubeletNotReady", "message=error updating node status")}, "node/unknown", "not ready"},
	{"a code out of range", "Deployment", engine.ClassCrashLoop, []engine.Evidence{ended(255, "Error")}, "exit/out-of-range", "out of range"},
	{
		"a change that came with a pull request", "Deployment", engine.ClassProbeFailing,
		[]engine.Evidence{
			piece(engine.EvidenceChange, "what=env", "from=LEVEL=info", "to=LEVEL=debg", "container=api", "revision=2", "by=argocd-controller", "ago=3m"),
			piece(engine.EvidenceMerge, "id=merge/old", "ref=acme/deploy#11", "ago=50m", "subject=words"),
			piece(engine.EvidenceMerge, "id=merge/it", "ref=acme/deploy#12", "ago=6m", "subject=more words"),
			piece(engine.EvidenceMerge, "id=merge/late", "ref=acme/deploy#13", "ago=1m", "subject=even more words"),
		},
		"rollout/change", "env LEVEL=info → LEVEL=debg",
	},
	{
		"a merge, and no change that anybody saw", "Deployment", engine.ClassHighLatency,
		[]engine.Evidence{piece(engine.EvidenceMerge, "ref=acme/infra#7", "ago=12m", "subject=smaller instances")},
		"rollout/merge", "acme/infra#7, smaller instances",
	},
}

func TestRankOfWhatStandsBetween(t *testing.T) {
	var words strings.Builder
	for _, c := range between {
		t.Run(c.name, func(t *testing.T) {
			d := Rank(incidentOf(c.kind, c.class), c.evidence, nil, nil, onset.Add(time.Minute))
			if len(d.Causes) == 0 || d.Causes[0].Rule != c.rule || !strings.Contains(d.Causes[0].Title, c.title) {
				t.Fatalf("causes %v, want %s first with %q; %+v", names(d), c.rule, c.title, d.Causes)
			}
			sound(t, d)
			first := d.Causes[0]
			fmt.Fprintf(&words, "# %s\n%.2f %s: %s\n     %s\n     > %s\n     $ %s\n\n", c.name, first.Confidence, first.Rule, first.Title, first.Text, first.Step.Text, first.Step.Command)
		})
	}
	path := filepath.Join("testdata", "between.golden")
	if *update {
		if err := os.WriteFile(path, []byte(words.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), words.String()); diff != "" {
		t.Errorf("run with -update if this is better (-want +got):\n%s", diff)
	}
}

// TestAWellNodeSaysNothing holds that what EKS and its nodes do by plan is a cause only where something suffers from it, and what is not planned is not.
func TestAWellNodeSaysNothing(t *testing.T) {
	for name, c := range map[string]struct {
		class engine.Class
		node  engine.Evidence
		not   string
	}{
		"a node that stays":                  {engine.ClassReplicasMissing, nodeIs("ready=True"), "node/"},
		"a crash on a node that goes":        {engine.ClassCrashLoop, nodeIs("ready=True", "planned=autoscaler"), "node/"},
		"an old node that is not replaced":   {engine.ClassReplicasMissing, nodeIs("ready=True", "kubelet=v1.36.1", "newest=v1.37.2"), "node/"},
		"a silent node that goes is not ill": {engine.ClassReplicasMissing, nodeIs("ready=Unknown", "planned=cordon", "kubelet=v1", "newest=v1"), "node/down"},
	} {
		d := Rank(incidentOf("Deployment", c.class), []engine.Evidence{c.node}, nil, nil, onset)
		for _, x := range d.Causes {
			if strings.HasPrefix(x.Rule, c.not) {
				t.Errorf("%s: %s", name, x.Rule)
			}
		}
	}
}
