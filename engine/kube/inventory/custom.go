package inventory

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/waste"
)

// What other projects add to a cluster, under the versions that they are asked for, the newest first.
var (
	verticals = []schema.GroupVersionResource{{Group: "autoscaling.k8s.io", Version: "v1", Resource: "verticalpodautoscalers"}}
	nodePools = []schema.GroupVersionResource{
		{Group: "karpenter.sh", Version: "v1", Resource: "nodepools"}, {Group: "karpenter.sh", Version: "v1beta1", Resource: "nodepools"},
	}
	snapshotContents = []schema.GroupVersionResource{{Group: "snapshot.storage.k8s.io", Version: "v1", Resource: "volumesnapshotcontents"}}
	podBackups       = []schema.GroupVersionResource{{Group: "velero.io", Version: "v1", Resource: "podvolumebackups"}}
	dataUploads      = []schema.GroupVersionResource{{Group: "velero.io", Version: "v2alpha1", Resource: "datauploads"}}
)

// may lists what a cluster may have or not. ok is false when it may have it, and did not say.
func (v *survey) may(ctx context.Context, versions []schema.GroupVersionResource) (found []*unstructured.Unstructured, ok bool) {
	for _, r := range versions {
		if v.silent {
			return nil, false
		}
		l, err := all(ctx, v.Dynamic.Resource(r).List, func(l *unstructured.UnstructuredList) []unstructured.Unstructured { return l.Items }, func(*unstructured.Unstructured) {})
		switch {
		case err == nil:
			return l, true
		case !apierrors.IsNotFound(err):
			v.gap(r.Resource+"."+r.Group, err)
			return nil, false
		}
	}
	return nil, true // it is not installed
}

func (v *survey) vertical(ctx context.Context) {
	found, ok := v.may(ctx, verticals)
	if !ok {
		v.lacks(waste.PartVertical)
	}
	for _, u := range found {
		a := waste.VerticalAutoscaler{
			Namespace: u.GetNamespace(), Name: u.GetName(),
			TargetKind: text(u, "spec", "targetRef", "kind"), TargetName: text(u, "spec", "targetRef", "name"),
			Mode: text(u, "spec", "updatePolicy", "updateMode"),
		}
		if a.Mode == "" {
			a.Mode = "Auto" // the API's default
		}
		var controls bool
		if a.Containers, a.Resources, controls = v.controlled(u, a); controls {
			v.out.Vertical = append(v.out.Vertical, a)
		}
	}
}

// controlled reads the policies of a VerticalPodAutoscaler: which containers it changes, and what of them. A container without a
// policy falls under that of "*", and without one everything is changed. controls is false when nothing is.
func (v *survey) controlled(u *unstructured.Unstructured, a waste.VerticalAutoscaler) (containers []string, resources []engine.Resource, controls bool) {
	others, named := true, map[string]bool{}
	add := func(policy map[string]any) {
		list, ok, err := unstructured.NestedStringSlice(policy, "controlledResources")
		if !ok || err != nil {
			list = []string{string(engine.CPU), string(engine.Memory)}
		}
		for _, r := range list {
			if !slices.Contains(resources, engine.Resource(r)) {
				resources = append(resources, engine.Resource(r))
			}
		}
	}
	var rest map[string]any
	for _, p := range tables(u, "spec", "resourcePolicy", "containerPolicies") {
		name, _, _ := unstructured.NestedString(p, "containerName")
		mode, _, _ := unstructured.NestedString(p, "mode")
		on := mode != "Off"
		if name == "*" {
			others, rest = on, p
			continue
		}
		named[name] = on
		if on {
			add(p)
		}
	}
	if others {
		add(rest)
	}
	off := false
	for name, on := range named {
		if on && !others {
			containers = append(containers, name)
		}
		off = off || !on
	}
	if others && off {
		for _, name := range v.containersOf(a.Namespace, a.TargetKind, a.TargetName) {
			if on, ok := named[name]; on || !ok {
				containers = append(containers, name)
			}
		}
	}
	slices.Sort(containers)
	slices.Sort(resources)
	return containers, resources, others || len(containers) > 0
}

// containersOf names the containers of a workload; none when it is not known, or of a kind that another project adds.
func (v *survey) containersOf(namespace, kind, name string) []string {
	var spec *corev1.PodSpec
	is := func(m metav1.Object) bool { return m.GetNamespace() == namespace && m.GetName() == name }
	switch kind {
	case "Deployment":
		for _, o := range v.out.Deployments {
			if is(o) {
				spec = &o.Spec.Template.Spec
			}
		}
	case "StatefulSet":
		for _, o := range v.out.StatefulSets {
			if is(o) {
				spec = &o.Spec.Template.Spec
			}
		}
	case "DaemonSet":
		for _, o := range v.out.DaemonSets {
			if is(o) {
				spec = &o.Spec.Template.Spec
			}
		}
	}
	if spec == nil {
		return nil
	}
	var names []string
	for _, c := range slices.Concat(spec.InitContainers, spec.Containers) {
		names = append(names, c.Name)
	}
	return names
}

func (v *survey) pools(ctx context.Context) {
	found, ok := v.may(ctx, nodePools)
	if !ok {
		v.lacks(waste.PartNodePools)
	}
	for _, u := range found {
		p := waste.NodePool{
			Name:                u.GetName(),
			ConsolidationPolicy: text(u, "spec", "disruption", "consolidationPolicy"),
			ConsolidateAfter:    text(u, "spec", "disruption", "consolidateAfter"),
		}
		for _, b := range tables(u, "spec", "disruption", "budgets") {
			p.Budgets = append(p.Budgets, budget(b))
		}
		v.out.NodePools = append(v.out.NodePools, p)
	}
}

// budget writes a disruption budget on one line, the number of nodes first: "0 for Underutilized at 0 9 * * mon-fri for 8h".
func budget(b map[string]any) string {
	nodes, _, _ := unstructured.NestedString(b, "nodes")
	reasons, _, _ := unstructured.NestedStringSlice(b, "reasons")
	schedule, _, _ := unstructured.NestedString(b, "schedule")
	duration, _, _ := unstructured.NestedString(b, "duration")
	line := nodes
	if len(reasons) > 0 {
		line += " for " + strings.Join(reasons, ", ")
	}
	if schedule != "" {
		line += fmt.Sprintf(" at %s for %s", schedule, duration)
	}
	return line
}

func text(u *unstructured.Unstructured, path ...string) string {
	s, _, err := unstructured.NestedString(u.Object, path...)
	if err != nil {
		return ""
	}
	return s
}

func tables(u *unstructured.Unstructured, path ...string) []map[string]any {
	list, _, err := unstructured.NestedSlice(u.Object, path...)
	if err != nil {
		return nil
	}
	var out []map[string]any
	for _, item := range list {
		if m, ok := item.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}
