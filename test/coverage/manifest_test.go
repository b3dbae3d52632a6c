package coverage_test

import (
	"fmt"
	"strings"
)

// The nodes named plain-… have no kubelet, not even a simulated one: what is written into the status of their pods stays.

// ground is what all rows stand on.
var ground = strings.Join([]string{
	node("plain-1", ready), customKind("gateway.networking.k8s.io", "v1", "GatewayClass", "gatewayclasses", "Cluster"), customKind("gateway.networking.k8s.io", "v1", "Gateway", "gateways", "Namespaced"),
	customKind("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes", "Namespaced"), customKind("cert-manager.io", "v1", "Certificate", "certificates", "Namespaced"),
	customKind("karpenter.sh", "v1", "NodeClaim", "nodeclaims", "Cluster"), customKind("argoproj.io", "v1alpha1", "Application", "applications", "Namespaced"),
	customKind("kustomize.toolkit.fluxcd.io", "v1", "Kustomization", "kustomizations", "Namespaced"), customKind("helm.toolkit.fluxcd.io", "v2", "HelmRelease", "helmreleases", "Namespaced"),
	customKind("operators.coreos.com", "v1alpha1", "ClusterServiceVersion", "clusterserviceversions", "Namespaced"), customKind("operators.coreos.com", "v1alpha1", "InstallPlan", "installplans", "Namespaced"),
	customKind("operators.coreos.com", "v1alpha1", "Subscription", "subscriptions", "Namespaced"), customKind("operators.coreos.com", "v1alpha1", "CatalogSource", "catalogsources", "Namespaced"),
	customKind("olm.operatorframework.io", "v1", "ClusterExtension", "clusterextensions", "Cluster"), customKind("olm.operatorframework.io", "v1", "ClusterCatalog", "clustercatalogs", "Cluster"),
}, "\n---\n")

const ready = `- {type: Ready, status: "True", reason: KubeletReady, message: kubelet is posting ready status, lastHeartbeatTime: {{ago "1s"}}, lastTransitionTime: {{ago "24h"}}}`

const unknown = `- {type: Ready, status: Unknown, reason: NodeStatusUnknown, message: Kubelet stopped posting node status., lastHeartbeatTime: {{ago "10m"}}, lastTransitionTime: {{ago "9m"}}}`

// node is a node that takes no pods but those that are sent to it. more are labels and taints, as YAML.
func node(name, conditions string, more ...string) string {
	labels, taints, spec := "", "", ""
	for _, m := range more {
		switch {
		case strings.HasPrefix(m, "{"):
			taints += ", " + m
		case strings.HasPrefix(m, "spec "):
			spec = ", " + strings.TrimPrefix(m, "spec ")
		default:
			labels += ", " + m
		}
	}
	return fmt.Sprintf(`apiVersion: v1
kind: Node
metadata: {name: %[1]s, labels: {kubernetes.io/hostname: %[1]s, kubernetes.io/os: linux%[2]s}}
spec: {taints: [{key: plain, value: "yes", effect: NoSchedule}%[3]s]%[4]s}
status:
  capacity: {cpu: "4", memory: 16Gi, pods: "110"}
  allocatable: {cpu: "4", memory: 16Gi, pods: "110"}
  nodeInfo: {kubeletVersion: v1.37.2, architecture: amd64, operatingSystem: linux, bootID: "", containerRuntimeVersion: "", kernelVersion: "", kubeProxyVersion: "", machineID: "", osImage: "", systemUUID: ""}
  conditions:
  %[5]s
`, name, labels, taints, spec, strings.ReplaceAll(conditions, "\n", "\n  "))
}

func customKind(group, version, kind, plural, scope string) string {
	return fmt.Sprintf(`apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: %[4]s.%[1]s, annotations: {api-approved.kubernetes.io: "unapproved, of a test"}}
spec:
  group: %[1]s
  scope: %[5]s
  names: {kind: %[3]s, plural: %[4]s, singular: %[6]s}
  versions:
  - {name: %[2]s, served: true, storage: true, subresources: {status: {}}, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}
`, group, version, kind, plural, scope, strings.ToLower(kind))
}

// pod is a pod on a plain node with a status that a kubelet would have written.
func pod(status string) string { return podOn("plain-1", "", status) }

func podOn(node, meta, status string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Pod
metadata:
  name: app%s
spec:
  nodeName: %s
  containers: [{name: app, image: shop/app:1}]
status:
  startTime: {{ago "5m"}}
  %s
`, meta, node, strings.ReplaceAll(status, "\n", "\n  "))
}

// waiting is the status of a pod whose container waits.
func waiting(reason, message string) string {
	return fmt.Sprintf(`phase: Pending
conditions:
- {type: PodScheduled, status: "True", lastTransitionTime: {{ago "5m"}}}
- {type: Ready, status: "False", reason: ContainersNotReady, lastTransitionTime: {{ago "5m"}}}
containerStatuses:
- {name: app, image: shop/app:1, imageID: "", ready: false, started: false, restartCount: 0, state: {waiting: {reason: %s, message: %q}}}`, reason, message)
}

// looping is the status of a pod whose container ends again and again.
func looping(code int, reason string) string {
	return fmt.Sprintf(`phase: Running
conditions:
- {type: PodScheduled, status: "True", lastTransitionTime: {{ago "5m"}}}
- {type: Ready, status: "False", reason: ContainersNotReady, lastTransitionTime: {{ago "5m"}}}
containerStatuses:
- name: app
  image: shop/app:1
  imageID: ""
  ready: false
  started: false
  restartCount: 5
  state: {waiting: {reason: CrashLoopBackOff, message: back-off 2m40s restarting failed container=app}}
  lastState: {terminated: {exitCode: %d, reason: %s, startedAt: {{ago "20s"}}, finishedAt: {{ago "10s"}}}}`, code, reason)
}

// running is the status of a pod that does well.
const running = `phase: Running
conditions:
- {type: PodScheduled, status: "True", lastTransitionTime: {{ago "5m"}}}
- {type: Ready, status: "True", lastTransitionTime: {{ago "4m"}}}
- {type: ContainersReady, status: "True", lastTransitionTime: {{ago "4m"}}}
containerStatuses:
- {name: app, image: shop/app:1, imageID: "", ready: true, started: true, restartCount: 0, state: {running: {startedAt: {{ago "4m"}}}}}`

// unready is the status of a pod that runs and is not ready.
const unready = `phase: Running
conditions:
- {type: PodScheduled, status: "True", lastTransitionTime: {{ago "5m"}}}
- {type: Ready, status: "False", reason: ContainersNotReady, lastTransitionTime: {{ago "4m"}}}
- {type: ContainersReady, status: "False", reason: ContainersNotReady, lastTransitionTime: {{ago "4m"}}}
containerStatuses:
- {name: app, image: shop/app:1, imageID: "", ready: false, started: true, restartCount: 0, state: {running: {startedAt: {{ago "5m"}}}}}`

// warning is an event as a component writes it, of a minute ago until now.
func warning(kind, name, reason, message, component string) string {
	version := "v1"
	switch kind {
	case "Ingress":
		version = "networking.k8s.io/v1"
	case "CronJob":
		version = "batch/v1"
	}
	ns := "{{.ns}}"
	if kind == "Node" {
		ns = ""
	}
	return fmt.Sprintf(`apiVersion: v1
kind: Event
metadata: {name: %s-%s}
type: Warning
reason: %s
message: %q
count: 3
firstTimestamp: {{ago "1m"}}
lastTimestamp: {{ago "1s"}}
source: {component: %s}
involvedObject: {apiVersion: %s, kind: %s, name: %s, namespace: "%s"}
`, strings.ToLower(name), strings.ToLower(reason), reason, message, component, version, kind, name, ns)
}

// warningNow is the same, of now.
func warningNow(kind, name, reason, message, component string) string {
	return strings.Replace(warning(kind, name, reason, message, component), `ago "1m"`, `ago "0s"`, 1)
}

// deployment is one of simulated pods; more are lines of the pod's spec and template metadata.
func deployment(name string, replicas int, annotations, pod string) string {
	if annotations == "" {
		annotations = "{}"
	}
	return fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s}
spec:
  replicas: %[2]d
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}, annotations: %[3]s}
    spec:
      terminationGracePeriodSeconds: 0
      %[4]s
      containers:
      - name: app
        image: shop/%[1]s:1
        ports: [{name: web, containerPort: 8080}]
`, name, replicas, annotations, pod)
}

// onPlain has a pod wait for ever: its node takes it, and no kubelet does anything with it.
const onPlain = "nodeSelector: {kubernetes.io/hostname: plain-1}\n      tolerations: [{operator: Exists}]"

func service(name, selector, port string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Service
metadata: {name: %s}
spec:
  selector: %s
  ports: [{name: http, port: 80, targetPort: %s}]
`, name, selector, port)
}

func ingress(class, service, port string) string {
	if class != "" {
		class = "ingressClassName: " + class
	}
	return fmt.Sprintf(`apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: app}
spec:
  %s
  rules: [{host: shop.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: %s, port: {%s}}}}]}}]
`, class, service, port)
}

// webhook is a configuration that asks a service about pods of the row's own namespace.
func webhook(kind, name, policy, service, bundle string) string {
	return fmt.Sprintf(`apiVersion: admissionregistration.k8s.io/v1
kind: %s
metadata: {name: %s}
webhooks:
- name: pods.example.com
  admissionReviewVersions: [v1]
  sideEffects: None
  failurePolicy: %s
  timeoutSeconds: 1
  namespaceSelector: {matchLabels: {case: "{{.ns}}"}}
  rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]
  clientConfig: {service: {name: %s, namespace: "{{.ns}}"}%s}
`, kind, name, policy, service, bundle)
}

func join(docs ...string) string { return strings.Join(docs, "\n---\n") }
