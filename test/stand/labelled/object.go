package labelled

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// old is how long what has no age of its own has been there.
const old = 40 * day

// pool is the label and the taint that keep nodes to their case.
const pool = "labelled/case"

// simulated is the annotation of the nodes that KWOK plays.
const simulated = "kwok.x-k8s.io/node"

// size is what an instance type has, and what of it pods can have.
type size struct{ cpu, memory, freeCPU, freeMemory, pods string }

var sizes = map[string]size{
	"m5.xlarge":  {"4", "16Gi", "3920m", "15Gi", "58"},
	"m5.2xlarge": {"8", "32Gi", "7910m", "30Gi", "58"},
	"m5.8xlarge": {"32", "128Gi", "31850m", "124Gi", "234"},
}

// object is a manifest.
type object = map[string]any

func (n Node) object(c Case) *corev1.Node {
	s := sizes[n.Type]
	list := func(cpu, memory string) corev1.ResourceList {
		return corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory),
			corev1.ResourcePods: resource.MustParse(s.pods), corev1.ResourceEphemeralStorage: resource.MustParse("80Gi"),
		}
	}
	labels := map[string]string{
		corev1.LabelHostname: n.Name, corev1.LabelOSStable: "linux", corev1.LabelArchStable: "amd64", corev1.LabelInstanceTypeStable: n.Type,
		corev1.LabelTopologyZone: zone(n.Zone), corev1.LabelTopologyRegion: Region, pool: c.Name,
	}
	if g, ok := c.group(n.Group); ok && g.Managed {
		labels["eks.amazonaws.com/nodegroup"] = g.Name
	}
	maps.Copy(labels, n.Labels)
	notes := map[string]string{simulated: "fake"}
	maps.Copy(notes, n.Annotations)
	out := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: n.Name, Labels: labels, Annotations: notes},
		Spec: corev1.NodeSpec{
			ProviderID: "aws:///" + zone(n.Zone) + "/" + n.ID(), Unschedulable: n.Cordoned,
			Taints: []corev1.Taint{{Key: pool, Value: c.Name, Effect: corev1.TaintEffectNoSchedule}},
		},
		Status: corev1.NodeStatus{Capacity: list(s.cpu, s.memory), Allocatable: list(s.freeCPU, s.freeMemory)},
	}
	for _, t := range n.Taints {
		key, value, _ := strings.Cut(t, "=")
		out.Spec.Taints = append(out.Spec.Taints, corev1.Taint{Key: key, Value: value, Effect: corev1.TaintEffectNoSchedule})
	}
	return out
}

// object is the manifest of a workload. Its pods go to the nodes of the case, or of the case that home names.
func (w Workload) object(c Case, home string) object {
	labels := map[string]any{"app": w.Name}
	for k, v := range w.Labels {
		labels[k] = v
	}
	spec := object{
		"nodeSelector":                  object{pool: home},
		"terminationGracePeriodSeconds": 0,
	}
	tolerations := []any{object{"key": pool, "operator": "Equal", "value": home, "effect": "NoSchedule"}}
	for k, v := range w.Pod {
		if k == "tolerations" {
			tolerations = append(tolerations, v.([]any)...)
			continue
		}
		spec[k] = v
	}
	spec["tolerations"] = tolerations
	for _, box := range w.Containers {
		list := "containers"
		if box.Init || box.Sidecar {
			list = "initContainers"
		}
		if !box.Injected {
			spec[list] = append(asList(spec[list]), box.object())
		}
	}
	meta := object{"labels": labels}
	if len(w.Notes) > 0 {
		meta["annotations"] = w.Notes
	}
	template := object{"metadata": meta, "spec": spec}
	out := object{"metadata": object{"name": w.Name, "namespace": c.Namespace}, "kind": w.Kind, "apiVersion": "apps/v1"}
	replicas := int32(1)
	if w.Replicas != nil {
		replicas = *w.Replicas
	}
	selector := object{"matchLabels": object{"app": w.Name}}
	switch w.Kind {
	case "Deployment":
		out["spec"] = object{"replicas": replicas, "selector": selector, "template": template}
	case "DaemonSet":
		out["spec"] = object{"selector": selector, "template": template}
	case "StatefulSet":
		set := object{"replicas": replicas, "selector": selector, "template": template, "serviceName": w.Name, "podManagementPolicy": "Parallel"}
		var claims []any
		for _, name := range w.Claims {
			claims = append(claims, object{"metadata": object{"name": name}, "spec": claimSpec("")})
		}
		if len(claims) > 0 {
			set["volumeClaimTemplates"] = claims
		}
		out["spec"] = set
	case "CronJob":
		spec["restartPolicy"] = "Never"
		// Its runs are in its history; no new one is wanted while the figure is made.
		out["apiVersion"] = "batch/v1"
		out["spec"] = object{"schedule": "0 3 * * *", "suspend": true, "jobTemplate": object{"spec": object{"template": template}}}
	case "Pod":
		out["apiVersion"], out["spec"] = "v1", spec
		out["metadata"] = object{"name": w.Name, "namespace": c.Namespace, "labels": labels, "annotations": w.Notes}
	}
	return out
}

func asList(v any) []any {
	list, _ := v.([]any)
	return list
}

func (b Container) object() object {
	out := object{"name": b.Name, "image": b.Image}
	if b.Sidecar {
		out["restartPolicy"] = "Always"
	}
	if len(b.Command) > 0 {
		out["command"] = b.Command
	}
	if b.HostPort > 0 {
		out["ports"] = []any{object{"containerPort": b.HostPort, "hostPort": b.HostPort}}
	}
	var env []any
	for _, k := range slices.Sorted(maps.Keys(b.Env)) {
		env = append(env, object{"name": k, "value": b.Env[k]})
	}
	if len(env) > 0 {
		out["env"] = env
	}
	resources := object{}
	if len(b.Requests) > 0 {
		resources["requests"] = b.Requests
	}
	if len(b.Limits) > 0 {
		resources["limits"] = b.Limits
	}
	out["resources"] = resources
	return out
}

func claimSpec(volume string) object {
	spec := object{
		"accessModes": []any{"ReadWriteOnce"}, "storageClassName": class, "resources": object{"requests": object{"storage": "1Gi"}},
	}
	if volume != "" {
		spec["volumeName"] = volume
	}
	return spec
}

// class is the storage class of all claims. Nothing provisions for it: volumes are data.
const class = "gp3"

// objects are the PersistentVolume that stands for a volume, and the claim that it is bound to.
func (v Volume) objects(c Case) []object {
	if v.PV == "" {
		return nil
	}
	spec := object{
		"capacity": object{"storage": "1Gi"}, "accessModes": []any{"ReadWriteOnce"}, "persistentVolumeReclaimPolicy": "Retain", "storageClassName": class,
		"csi": object{"driver": "ebs.csi.aws.com", "volumeHandle": v.ID(c)},
		"nodeAffinity": object{"required": object{"nodeSelectorTerms": []any{object{"matchExpressions": []any{
			object{"key": corev1.LabelTopologyZone, "operator": "In", "values": []any{zone("a")}},
		}}}}},
	}
	pv := object{"apiVersion": "v1", "kind": "PersistentVolume", "metadata": object{"name": v.pvName(c)}, "spec": spec}
	ref := object{"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": c.Namespace, "name": v.Claim}
	switch v.PV {
	case "released":
		ref["uid"] = string(types.UID("00000000-0000-4000-8000-" + id(v.Name)[:12])) // of a claim that was deleted
		spec["claimRef"] = ref
	case "bound":
		spec["claimRef"] = ref
		return []object{pv, {
			"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": object{"name": v.Claim, "namespace": c.Namespace}, "spec": claimSpec(v.pvName(c)),
		}}
	}
	return []object{pv}
}

// named puts the ids of volumes into manifests.
func (c Case) named(text string) string {
	for _, v := range c.Volumes {
		text = strings.ReplaceAll(text, "${"+v.Name+"}", v.ID(c))
	}
	return text
}

// home is the case whose nodes the pods of a case go to: sizing has a pool for all.
func (c Case) home() string {
	if len(c.Nodes) > 0 {
		return c.Name
	}
	return Pool
}

// Pool is the case whose nodes take the pods of the cases that have none.
const Pool = "pool"
