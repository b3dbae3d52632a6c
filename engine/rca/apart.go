package rca

import (
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// closeBy is how likely the second cause must be, beside the first, for it to matter which of the two it is.
const closeBy = 0.5

// apart says what would tell the two likeliest causes apart; "" when the first stands well before the second, or there is none.
func apart(causes []engine.Cause) string {
	if len(causes) < 2 || causes[1].Confidence < closeBy*causes[0].Confidence {
		return ""
	}
	first, second := tellOf(causes[0].Rule), tellOf(causes[1].Rule)
	if first == "" || second == "" || first == second {
		return ""
	}
	return "It is the first if " + first + ". It is the second if " + second + "."
}

// tellOf is what would be seen if a rule's cause is right: by its name, else by its family.
func tellOf(rule string) string {
	if tell := tells[rule]; tell != "" {
		return tell
	}
	family, _, _ := strings.Cut(rule, "/")
	return tells[family]
}

// tells complete the sentence "it is this if …", with what a person can look up.
var tells = map[string]string{ //nolint:gosec // Nothing here is secret: a rule about passwords has a name.
	"node":                "the node's conditions and events say so, and pods elsewhere are well",
	"node/down":           "the instance behind the node is stopped, or failed its status checks",
	"node/gone":           "the instance no longer exists",
	"node/network":        "the node's network plugin is not ready, and its other pods cannot start either",
	"node/runtime":        "the container runtime on the node does not answer",
	"node/kubelet-silent": "the instance runs, and its kubelet's log ends or complains",
	"node/disk":           "the node's disk is full beyond the kubelet's threshold",
	"node/memory":         "the node's available memory is below the kubelet's threshold",
	"node/pids":           "the node has as many processes as it may",
	"node/spot":           "AWS announced the interruption of that Spot instance",
	"node/upgrade":        "nodes with a newer kubelet joined in the same hour",
	"node/autoscaler":     "the autoscaler's log names the node as removed",
	"node/shut-down":      "somebody stopped or terminated the instance in AWS",
	"node/drained":        "somebody cordoned the node by hand before its pods left",
	"node/access":         "the node's kubelet is refused as Unauthorized",
	"node/agent":          "the kubelet itself says Ready, and only the monitoring agent's condition differs",

	"oom":       "the container's memory was at its limit when it ended",
	"oom/limit": "the container's memory was at its own limit when it ended",
	"oom/node":  "the node's memory was full while the container was below its limit",

	"image":              "a pull of the same image from a node fails in the same words",
	"image/not-found":    "the registry does not list that tag",
	"image/unauthorized": "the pull works with other credentials",
	"image/rate-limit":   "the pull works some minutes later, with nothing changed",
	"image/unreachable":  "other images of the same registry cannot be pulled either",
	"image/disk-full":    "other images cannot be pulled to that node either",
	"image/no-platform":  "the pull works on a node of another architecture",

	"config":                   "the kubelet names that object, and it is not as it has to be",
	"config/missing-key":       "the object is there, and the key is not in it",
	"config/missing-configmap": "there is no ConfigMap of that name in the namespace",
	"config/missing-secret":    "there is no Secret of that name in the namespace",
	"config/missing-claim":     "there is no claim of that name in the namespace",
	"config/missing-account":   "there is no service account of that name in the namespace",
	"config/command-not-found": "the file is not in the image",
	"config/not-executable":    "the file is in the image, and may not be executed",
	"config/run-as-root":       "the image's user is root",
	"config/mount":             "the volume cannot be mounted by another pod on that node either",
	"config/sandbox":           "no pod gets a network on that node",
	"config/no-address":        "pods on other nodes get addresses, or the subnet has none left",
	"config/multi-attach":      "the volume is still attached to another node",
	"config/attach-limit":      "the node has as many volumes as its type allows",

	"crash":                    "the last lines before the end say so in every run",
	"crash/port-in-use":        "another process of the pod, or of the host's network, listens on that port",
	"crash/dns":                "the name does not resolve from another pod either",
	"crash/tls":                "the certificate of the other side is expired, or of another name or authority",
	"crash/dependency-auth":    "the same credentials are refused from another pod too",
	"crash/rbac":               "`kubectl auth can-i` says no for its service account",
	"crash/dependency-refused": "nothing answers at that address from another pod either",
	"crash/dependency-timeout": "the address does not answer in time from another pod either",
	"crash/heap":               "the runtime's own heap limit is below the container's",
	"crash/disk-full":          "the volume that it writes to is full",
	"crash/exec-format":        "the image is of another architecture than the node",
	"crash/missing-env":        "it starts when the variable is set",
	"crash/missing-file":       "the file is not in the image and not in a mounted volume",
	"crash/bad-config":         "it starts with the configuration of before",
	"crash/permission":         "it starts as another user, or with another group on the volume",
	"crash/panic":              "the same stack trace ends every run",

	"exit":            "it ends with the same code in every run, and nothing else explains it",
	"exit/signalled":  "the audit log has an exec or an ephemeral container for that pod, just before",
	"exit/killed":     "something sent SIGKILL, and the memory was well below its limit",
	"exit/terminated": "something sent SIGTERM: a probe, a rollout, an eviction",
	"exit/completed":  "the program is meant to end",

	"probe":              "the probe fails in the same way when it is tried from another pod",
	"probe/after-change": "the probe, or what it asks, was changed just before",
	"probe/slow-start":   "it answers after a while, when it is let",
	"probe/status":       "the path answers with that status from another pod too",
	"probe/refused":      "nothing listens on the probe's port inside the container",
	"probe/timeout":      "the path answers, but later than the probe waits",
	"probe/command":      "the command fails when it is run in the container by hand",

	"schedule":                "the scheduler's message names it for the most nodes",
	"schedule/too-big":        "no node would have the room even when it is empty",
	"schedule/insufficient":   "it is scheduled as soon as other pods leave",
	"schedule/taint":          "it is scheduled with a toleration",
	"schedule/affinity":       "no node has the labels that it asks for",
	"schedule/volume-zone":    "its volume is in a zone without a node that has room",
	"schedule/volume-unbound": "its claim is not bound",
	"schedule/cordoned":       "it is scheduled as soon as a node is uncordoned",

	"claim":               "the claim's events name it",
	"claim/class-missing": "there is no storage class of that name",
	"claim/provisioner":   "claims of other workloads with that class wait too",

	"evict":             "the kubelet's message names that resource",
	"evict/api":         "the audit log has a create of pods/eviction for that pod",
	"evict/deleted":     "the audit log has a delete of that pod by somebody other than its controller",
	"evict/preempted":   "a pod of higher priority is on its node now",
	"evict/own-storage": "the pod wrote more than its own limit of ephemeral storage",
	"evict/disk":        "other pods of the node were evicted too",
	"evict/memory":      "other pods of the node were evicted too, and its memory was full",

	"job":          "the Job's condition gives that reason",
	"job/deadline": "the pods still ran when the Job ended",

	"quota":           "the API server refuses another pod in the same words",
	"quota/exceeded":  "the quota's used is at its hard limit",
	"quota/admission": "the webhook or policy refuses a pod made by hand too",

	"machine":          "instances of that kind do not come in the account or zone now",
	"machine/join":     "the instance runs, and no node of that name appears",
	"api":              "the API server's own condition says so",
	"api/webhook-down": "the pods behind the webhook's service are not ready",
	"route":            "a request to the route, and not to the service, fails",
	"route/no-pods":    "the service's selector matches no ready pod",
	"scale":            "the autoscaler's condition gives that reason",
	"drain":            "the eviction is refused as long as the budget stands",
	"cron":             "the CronJob's events give that reason",
	"delivery":         "applying the same by hand fails with the same words",
	"terminate":        "the object goes as soon as that is out of the way",
	"volume":           "the claim's or volume's condition gives that reason",
	"certificate":      "the certificate's dates, or its issuer's, say so",

	"near":                "the numbers since the onset stay that way",
	"near/callee-changed": "it ends when that change is undone",
	"near/callee":         "a direct request to the callee is as slow, or fails as often",
	"near/network":        "a request from another pod is as slow, and its answer says that it took no longer",
	"near/dns":            "the name does not resolve from its pods, whoever else resolves it",
	"near/node":           "other workloads on that node suffer too",
	"near/volume":         "it ends when files are removed from that volume, or it is made larger",
	"near/neighbor":       "it ends when that neighbour is scaled down or moved",
	"near/traffic":        "it ends when the requests fall, or with more replicas",
	"near/throttled":      "it ends with a higher CPU limit",
	"near/memory":         "it falls when that pod is replaced, or when what holds it is ended",
	"near/itself":         "a request that needs no other service is as slow, or fails as often",

	"rollout":          "it ends when the last revision is undone",
	"rollout/merge":    "it ends when what was merged is reverted",
	"rollout/deadline": "the new revision's pods would become ready, given more time",
}
