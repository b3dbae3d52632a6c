// Package inventory lists one cluster for a scan for waste: every object that a detector reads, trimmed of what none does.
//
// Package kube hands it the clients of a cluster; the handlers call it through there, once for each cluster and scan.
package inventory

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/waste"
)

// Source is a cluster to list.
type Source struct {
	Name    string // as configured
	Client  kubernetes.Interface
	Dynamic dynamic.Interface      // for what other projects add to a cluster
	Why     func(err error) string // tells people in a few words why a request failed
}

// survey is one listing of a cluster.
type survey struct {
	Source
	trimmer
	out    waste.Cluster
	gaps   []engine.Gap
	silent bool // the cluster does not answer: nothing more is asked
}

// Take lists the cluster. What could not be listed is a gap; when that is a kind that every cluster has, the result is not
// Complete, and when it is one that a project adds to clusters, its part is Missing. A kind that is not installed is neither.
//
// Each kind is listed in pages that are of one moment, and one kind after the other, what is owned before what owns it: an
// object's owner is missing only when it is gone.
func Take(ctx context.Context, s Source) (waste.Cluster, []engine.Gap) {
	v := &survey{Source: s, trimmer: newTrimmer(), out: waste.Cluster{Name: s.Name, Complete: true}}
	v.workloads(ctx)
	v.storage(ctx)
	v.nodes(ctx)
	v.vertical(ctx)
	v.pools(ctx)
	v.backups(ctx)
	return v.out, v.gaps
}

func (v *survey) workloads(ctx context.Context) {
	core, apps, batch := v.Client.CoreV1(), v.Client.AppsV1(), v.Client.BatchV1()
	v.out.Pods = need(ctx, v, "pods", core.Pods("").List, items.pods, v.pod)
	v.out.ReplicaSets = living(need(ctx, v, "replicasets", apps.ReplicaSets("").List, items.replicaSets, v.replicaSet), v.out.Pods)
	v.out.Deployments = need(ctx, v, "deployments", apps.Deployments("").List, items.deployments, v.deployment)
	v.out.StatefulSets = need(ctx, v, "statefulsets", apps.StatefulSets("").List, items.statefulSets, v.statefulSet)
	v.out.DaemonSets = need(ctx, v, "daemonsets", apps.DaemonSets("").List, items.daemonSets, v.daemonSet)
	v.out.Jobs = need(ctx, v, "jobs", batch.Jobs("").List, items.jobs, v.job)
	v.out.CronJobs = need(ctx, v, "cronjobs", batch.CronJobs("").List, items.cronJobs, v.cronJob)
	v.out.Autoscalers = need(ctx, v, "horizontalpodautoscalers", v.Client.AutoscalingV2().HorizontalPodAutoscalers("").List, items.autoscalers, v.autoscaler)
	v.out.Budgets = need(ctx, v, "poddisruptionbudgets", v.Client.PolicyV1().PodDisruptionBudgets("").List, items.budgets, v.budget)
	v.out.Limits = need(ctx, v, "limitranges", core.LimitRanges("").List, items.limits, v.limitRange)
	v.out.Namespaces = need(ctx, v, "namespaces", core.Namespaces().List, items.namespaces, v.namespace)
}

func (v *survey) storage(ctx context.Context) {
	core := v.Client.CoreV1()
	v.out.Claims = need(ctx, v, "persistentvolumeclaims", core.PersistentVolumeClaims("").List, items.claims, v.claim)
	v.out.Volumes = need(ctx, v, "persistentvolumes", core.PersistentVolumes().List, items.volumes, v.volume)
	v.out.Classes = need(ctx, v, "storageclasses", v.Client.StorageV1().StorageClasses().List, items.classes, v.class)
}

func (v *survey) nodes(ctx context.Context) {
	for _, n := range need(ctx, v, "nodes", v.Client.CoreV1().Nodes().List, items.nodes, v.node) {
		v.out.Nodes = append(v.out.Nodes, waste.Node{Node: n, InstanceID: instance(n)})
	}
	// How many volumes a node can attach; a driver that has not told is left out.
	attachable := map[string]map[string]int32{}
	for _, n := range need(ctx, v, "csinodes", v.Client.StorageV1().CSINodes().List, items.csiNodes, v.csiNode) {
		for _, d := range n.Spec.Drivers {
			if d.Allocatable == nil || d.Allocatable.Count == nil {
				continue
			}
			if attachable[n.Name] == nil {
				attachable[n.Name] = map[string]int32{}
			}
			attachable[n.Name][d.Name] = *d.Allocatable.Count
		}
	}
	for i := range v.out.Nodes {
		v.out.Nodes[i].Attachable = attachable[v.out.Nodes[i].Name]
	}
}

var instanceID = regexp.MustCompile(`^i-[0-9a-f]{8,32}$`)

// instance reads the id of an EC2 instance out of "aws:///eu-west-1a/i-0123456789abcdef0"; "" for a Fargate node, and for a node
// that is not of AWS.
func instance(n *corev1.Node) string {
	path, ok := strings.CutPrefix(n.Spec.ProviderID, "aws://")
	id := path[strings.LastIndexByte(path, '/')+1:]
	if !ok || !instanceID.MatchString(id) {
		return ""
	}
	return id
}

// gap notes that a kind could not be listed.
func (v *survey) gap(kind string, err error) {
	reason := fmt.Sprintf("%s cannot be listed: %s", kind, v.Why(err))
	if apierrors.IsForbidden(err) {
		reason += "; apply deploy/rbac/reader.yaml"
	}
	v.gaps = append(v.gaps, engine.Gap{Collector: "cluster " + v.Name, Reason: reason})
	// One that refuses is there; one that does not even do so would only keep us waiting, kind after kind.
	if !apierrors.IsForbidden(err) {
		v.silent = true
	}
}

func (v *survey) lacks(p waste.Part) { v.out.Missing = append(v.out.Missing, p) }
