package coverage_test

// calm is what must raise nothing: what EKS and its controllers do by plan, and what others call a fault and is none.
type calm struct {
	name   string
	object string // of the cluster, such as a node, that must not be named either
	make   string
}

var quiet = []calm{
	{"monitoring agent looks", "agent-looks", node("agent-looks", ready+`
- {type: ContainerRuntimeReady, status: "True", reason: ContainerRuntimeIsReady, message: Monitoring for the ContainerRuntime system is active, lastTransitionTime: {{ago "1h"}}}
- {type: StorageReady, status: "True", reason: DiskIsReady, message: Monitoring for the Disk system is active, lastTransitionTime: {{ago "1h"}}}
- {type: NetworkingReady, status: "True", reason: NetworkingIsReady, message: Monitoring for the Networking system is active, lastTransitionTime: {{ago "1h"}}}
- {type: KernelReady, status: "True", reason: KernelIsReady, message: Monitoring for the Kernel system is active, lastTransitionTime: {{ago "1h"}}}
- {type: KernelDeadlock, status: "False", reason: KernelHasNoDeadlock, message: kernel has no deadlock, lastTransitionTime: {{ago "1h"}}}
- {type: EtcdIsVoter, status: "True", reason: MemberNotLearner, message: Node is a voting member of the etcd cluster, lastTransitionTime: {{ago "1h"}}}`)},
	{"monitoring agent complains", "agent-complains", node("agent-complains", ready+"\n"+agentFails)},
	{"spot node ends", "spot-ends", join(node("spot-ends", unknown), warning("Node", "spot-ends", "SpotInterrupted", "Spot interruption warning was triggered", "karpenter"))},
	{"karpenter consolidates", "consolidated", node("consolidated", unknown, "{key: karpenter.sh/disrupted, effect: NoSchedule}")},
	{"autoscaler scales down", "scaled-down", node("scaled-down", unknown, `{key: ToBeDeletedByClusterAutoscaler, value: "1700000000", effect: NoSchedule}`)},
	{"termination handler", "handled", node("handled", unknown, `{key: aws-node-termination-handler/spot-itn, value: x, effect: NoSchedule}`)},
	{"planned drain", "drained", node("drained", unknown, "spec unschedulable: true")},
	{"upgrade rotates nodes", "older", join(node("older", ready, "spec unschedulable: true"), node("newer", ready), deployment("app", 2, "", ""))},
	{"replicas are kept while a node goes", "", join(deployment("app", 2, "", ""), warning("Deployment", "app", "Evicted", "Evicted pod: Spot interruption", "karpenter"))},
	{"address came at the second try", "", join(pod(running), warning("Pod", "app", "FailedCreatePodSandBox", noAddress, "kubelet"))},
	{"volume came at the second try", "", join(pod(running), warning("Pod", "app", "FailedAttachVolume", `Multi-Attach error for volume "pvc-0d5c1f2e" Volume is already used by pod(s) db-0`, "attachdetach-controller"))},
	{"scheduling gate", "", "apiVersion: v1\nkind: Pod\nmetadata: {name: app}\nspec: {schedulingGates: [{name: example.com/later}], containers: [{name: app, image: shop/app:latest}]}\n"},
	{"claim waits for its first pod", "", `apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: waits}
provisioner: ebs.csi.aws.com
volumeBindingMode: WaitForFirstConsumer
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: app}
spec: {accessModes: [ReadWriteOnce], storageClassName: waits, resources: {requests: {storage: 1Gi}}}
`},
	{"autoscaler of nothing", "", join(deployment("app", 0, "", ""), scaler("app", "app", ""))},
	{"budget of no pods", "", "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: app}\nspec: {minAvailable: 1, selector: {matchLabels: {app: gone}}}\n"},
	{"budget that nobody minds", "", join("apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: app}\nspec: {maxUnavailable: 0, selector: {matchLabels: {app: app}}}\n", deployment("app", 1, "", ""))},
	{"suspended cron job", "", cronJob("suspend: true")},
	{"suspended job", "", job("suspend: true")},
	{"service of a deployment at zero", "", join(deployment("app", 0, "", ""), service("app", "{app: app}", "web"), ingress("", "app", "number: 80"))},
	{"headless service of nothing", "", service("app", "{component: kube-scheduler}", "10259") + "  clusterIP: None\n"},
	{"leftover service", "", service("app", "{app: gone}", "web")},
	{"ingress with an action", "", ingress("", "redirect", "name: use-annotation")},
	{"webhook that may be passed over", "passed-over", webhook("MutatingWebhookConfiguration", "passed-over", "Ignore", "gone", "")},
	{"unused configuration", "", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: app}\n"},
	{"certificate in time", "", `apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: app}
status: {notAfter: {{ago "-720h"}}, renewalTime: {{ago "-48h"}}, conditions: [{type: Ready, status: "True", reason: Ready, message: up to date, lastTransitionTime: {{ago "1h"}}}]}
`},
}
