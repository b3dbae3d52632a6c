package kube

import (
	"context"
	"fmt"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// Need is a permission that the product uses, cluster-wide.
type Need struct {
	Group    string // "" is the core group
	Resource string // with its subresource: "pods/log"
	Verbs    []string
	Level    engine.CheckLevel // how bad it is to lack it
	Why      string
}

// Needs are all permissions that the product uses to watch, to diagnose, to find waste and the files that declare it. deploy/rbac/reader.yaml grants exactly
// these; there is no verb that writes, and none on Secrets.
var Needs = []Need{
	{"", "pods", []string{"get", "list", "watch"}, engine.CheckFail, "incidents are found by watching pods"},
	{"", "pods/log", []string{"get"}, engine.CheckWarn, "causes are read from the logs of failed containers"},
	{"", "nodes", []string{"get", "list", "watch"}, engine.CheckWarn, "a node that is down is the parent of its pods' problems"},
	{"", "events", []string{"get", "list", "watch"}, engine.CheckWarn, "the kubelet and the scheduler tell their reasons in events"},
	{"", "persistentvolumeclaims", []string{"get", "list", "watch"}, engine.CheckWarn, "a pending claim keeps its pods from starting"},
	{"", "configmaps", []string{"get"}, engine.CheckWarn, "whether the keys exist that a pod refers to; values are dropped unread"},
	{"", "services", []string{"get", "list"}, engine.CheckWarn, "whether the service exists that a pod cannot reach, and whether what it selects is there"},
	{"", "serviceaccounts", []string{"get"}, engine.CheckWarn, "whether the account exists that a pod runs as"},
	{"", "resourcequotas", []string{"list"}, engine.CheckWarn, "whether a quota keeps pods from being made"},
	{"", "limitranges", []string{"list"}, engine.CheckWarn, "whether a limit range changes or refuses what pods ask for"},
	{"apps", "deployments", []string{"get", "list", "watch"}, engine.CheckWarn, "rollouts, and what changed last"},
	{"apps", "replicasets", []string{"get", "list", "watch"}, engine.CheckWarn, "which Deployment a pod belongs to, and its revisions"},
	{"apps", "statefulsets", []string{"get", "list", "watch"}, engine.CheckWarn, "rollouts"},
	{"apps", "daemonsets", []string{"get", "list", "watch"}, engine.CheckWarn, "rollouts"},
	{"apps", "controllerrevisions", []string{"list"}, engine.CheckWarn, "what changed last in a StatefulSet or DaemonSet"},
	{"batch", "jobs", []string{"get", "list", "watch"}, engine.CheckWarn, "failed jobs"},
	{"batch", "cronjobs", []string{"get", "list"}, engine.CheckWarn, "which CronJob a failed run belongs to, and which volumes wait for the next run"},
	{"discovery.k8s.io", "endpointslices", []string{"list"}, engine.CheckWarn, "whether the service has an endpoint that a pod cannot reach"},
	{"storage.k8s.io", "storageclasses", []string{"get", "list"}, engine.CheckWarn, "whether the class exists that a pending claim asks for, when it binds, and what becomes of its volumes"},
	{"networking.k8s.io", "ingresses", []string{"get", "list"}, engine.CheckWarn, "ingresses that send to what is not there"},
	{"networking.k8s.io", "ingressclasses", []string{"list"}, engine.CheckWarn, "ingresses that nobody serves"},
	{"admissionregistration.k8s.io", "validatingwebhookconfigurations", []string{"get", "list"}, engine.CheckWarn, "webhooks that refuse every call since nobody answers"},
	{"admissionregistration.k8s.io", "mutatingwebhookconfigurations", []string{"get", "list"}, engine.CheckWarn, "webhooks that refuse every call since nobody answers"},
	{"apiregistration.k8s.io", "apiservices", []string{"get", "list"}, engine.CheckWarn, "parts of the cluster's API that do not answer"},
	{"gateway.networking.k8s.io", "gatewayclasses", []string{"get", "list"}, engine.CheckWarn, "gateways that are not put into effect"},
	{"gateway.networking.k8s.io", "gateways", []string{"get", "list"}, engine.CheckWarn, "gateways that are not put into effect"},
	{"gateway.networking.k8s.io", "httproutes", []string{"get", "list"}, engine.CheckWarn, "routes that send to what is not there"},
	{"cert-manager.io", "certificates", []string{"get", "list"}, engine.CheckWarn, "certificates that were not renewed; their Secrets are not read"},
	{"karpenter.sh", "nodeclaims", []string{"list"}, engine.CheckWarn, "machines that do not come, or do not join the cluster"},
	{"", "namespaces", []string{"get", "list"}, engine.CheckWarn, "namespaces that do not go; waste: which team a namespace belongs to"},
	{"", "persistentvolumes", []string{"get", "list"}, engine.CheckWarn, "volumes that could not be given back; waste: a volume of the cluster is no orphan"},
	{"autoscaling", "horizontalpodautoscalers", []string{"get", "list"}, engine.CheckWarn, "autoscalers that cannot work; waste: a smaller request makes one add pods"},
	{"storage.k8s.io", "csinodes", []string{"list"}, engine.CheckWarn, "waste: how many volumes a node can attach"},
	{"policy", "poddisruptionbudgets", []string{"get", "list"}, engine.CheckWarn, "budgets that keep a node from being drained; waste: whether the pods of a node may be moved"},
	{"autoscaling.k8s.io", "verticalpodautoscalers", []string{"list"}, engine.CheckWarn, "waste: requests that an autoscaler keeps are not proposed"},
	{"karpenter.sh", "nodepools", []string{"list"}, engine.CheckWarn, "waste: nodes that Karpenter removes by itself"},
	{"snapshot.storage.k8s.io", "volumesnapshotcontents", []string{"list"}, engine.CheckWarn, "waste: snapshots and volumes that are still wanted"},
	{"velero.io", "podvolumebackups", []string{"list"}, engine.CheckWarn, "waste: volumes that a backup reads"},
	{"velero.io", "datauploads", []string{"list"}, engine.CheckWarn, "waste: volumes that a backup reads"},
	{"argoproj.io", "applications", []string{"get", "list"}, engine.CheckWarn, "deliveries that fail; pull requests: which repository Argo CD deploys a workload from"},
	{"kustomize.toolkit.fluxcd.io", "kustomizations", []string{"get", "list"}, engine.CheckWarn, "deliveries that fail; pull requests: which path Flux applies a workload from"},
	{"helm.toolkit.fluxcd.io", "helmreleases", []string{"get", "list"}, engine.CheckWarn, "deliveries that fail; pull requests: where the values of a release stand"},
	{"operators.coreos.com", "clusterserviceversions", []string{"get", "list"}, engine.CheckWarn, "operators that could not be installed"},
	{"operators.coreos.com", "installplans", []string{"get", "list"}, engine.CheckWarn, "operators that could not be installed"},
	{"operators.coreos.com", "subscriptions", []string{"get", "list"}, engine.CheckWarn, "operators that could not be installed"},
	{"operators.coreos.com", "catalogsources", []string{"get", "list"}, engine.CheckWarn, "operators that could not be installed"},
	{"olm.operatorframework.io", "clusterextensions", []string{"get", "list"}, engine.CheckWarn, "operators that could not be installed"},
	{"olm.operatorframework.io", "clustercatalogs", []string{"get", "list"}, engine.CheckWarn, "operators that could not be installed"},
	{"source.toolkit.fluxcd.io", "gitrepositories", []string{"get"}, engine.CheckWarn, "pull requests: which repository that is"},
}

// Check tries whether the cluster answers, and every permission of Needs.
func (c *Cluster) Check(ctx context.Context) []engine.Check {
	area := "kubernetes " + c.name
	version, err := c.client.Discovery().ServerVersion()
	if err != nil {
		return []engine.Check{engine.Missed("kubernetes-unreachable", engine.CheckFail, area, "reach "+c.host(), why(err), "an answer of the API server",
			"check the address, the network path and the credentials of cluster "+c.name)}
	}
	checks := []engine.Check{engine.Passed(area, "reach "+c.host(), version.GitVersion)}
	for _, need := range Needs {
		checks = append(checks, c.may(ctx, area, need, "reader"))
	}
	return checks
}

// may tries one permission; role is the file of deploy/rbac that has it.
func (c *Cluster) may(ctx context.Context, area string, need Need, role string) engine.Check {
	name := strings.Join(need.Verbs, ", ") + " " + need.Resource
	var denied []string
	for _, verb := range need.Verbs {
		allowed, err := c.asked(ctx, "", need, verb)
		if err != nil {
			return engine.Missed("kubernetes-permission-unknown", need.Level, area, name, "not known: "+why(err), "allowed", "allow the bot to create selfsubjectaccessreviews, or try again")
		}
		if !allowed {
			denied = append(denied, verb)
		}
	}
	if len(denied) > 0 {
		return engine.Missed("kubernetes-permission", need.Level, area, name, "may not "+strings.Join(denied, ", "),
			"allowed: "+need.Why, fmt.Sprintf("bind the ClusterRole of deploy/rbac/%s.yaml in cluster %s", role, c.name))
	}
	return engine.Passed(area, name, "allowed")
}
