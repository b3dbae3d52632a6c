package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/kube/collect"
	"github.com/eks-autopilot/autopilot/engine/rca"
)

// manager is under which name the bot changes fields: kubectl shows it, and so does the next incident's last change.
const manager = "autopilot"

// restartedKey is the annotation by which kubectl, too, has all pods of a workload made anew.
const restartedKey = "kubectl.kubernetes.io/restartedAt"

// edit is one change of one object, as it was read.
type edit struct {
	target      engine.Workload
	object      metav1.Object
	form        types.PatchType
	patch       any
	subresource []string
	text        string
	source      string // the object that keeps what is gone back to
	reached     bool   // it is so already
}

// write sends an edit. The object must still be as it was read; a dry run changes nothing.
func (c *Cluster) write(ctx context.Context, e edit, dry bool) error {
	data, err := json.Marshal(e.patch)
	if err != nil {
		return engine.Wrap(engine.Internal, err, "a patch cannot be written")
	}
	opts := metav1.PatchOptions{FieldManager: manager}
	if dry {
		opts.DryRun = []string{metav1.DryRunAll}
	}
	w := e.target
	switch w.Kind {
	case kindDeployment:
		_, err = c.client.AppsV1().Deployments(w.Namespace).Patch(ctx, w.Name, e.form, data, opts, e.subresource...)
	case kindStatefulSet:
		_, err = c.client.AppsV1().StatefulSets(w.Namespace).Patch(ctx, w.Name, e.form, data, opts, e.subresource...)
	case kindDaemonSet:
		_, err = c.client.AppsV1().DaemonSets(w.Namespace).Patch(ctx, w.Name, e.form, data, opts, e.subresource...)
	case engine.KindNode:
		_, err = c.client.CoreV1().Nodes().Patch(ctx, w.Name, e.form, data, opts)
	default:
		err = engine.Errorf(engine.Invalid, "objects of kind %q are not written", w.Kind)
	}
	return err
}

// merge makes e a merge patch of the object as it was read.
func (e *edit) merge(spec map[string]any) {
	e.form = types.MergePatchType
	e.patch = map[string]any{"metadata": map[string]any{"resourceVersion": e.object.GetResourceVersion()}, "spec": spec}
}

// operation is a step of a JSON patch.
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

// undo brings the template of an older revision back, all of it: what the newer one added goes.
func (c *Cluster) undo(ctx context.Context, e *edit, r engine.Remedy) error {
	template := podTemplate(e.object)
	if template == nil {
		return engine.Errorf(engine.Invalid, "a %s has no revisions to go back to", r.Target.Kind)
	}
	if d, ok := e.object.(*appsv1.Deployment); ok && d.Spec.Paused {
		return engine.Errorf(engine.Conflict, "the rollouts of %s are paused: resume them first", r.Target)
	}
	all, err := c.editions(ctx, e.object)
	if err != nil {
		return c.readError(err, r.Target)
	}
	at := slices.IndexFunc(all, func(old edition) bool {
		if r.Source != "" { // its number becomes another when it is gone back to
			return old.name == r.Source
		}
		return strconv.FormatInt(old.number, 10) == r.To
	})
	if at < 0 {
		return engine.Errorf(engine.Conflict, "%s has no revision %s any more", r.Target, r.To)
	}
	old := all[at]
	if e.source = old.name; apiequality.Semantic.DeepEqual(*template, old.template) {
		e.reached, e.text = true, fmt.Sprintf("revision %s → %s", r.From, r.To)
		return nil
	}
	if now, _, ok := current(e.object, all); !ok || strconv.FormatInt(now.number, 10) != r.From {
		return engine.Errorf(engine.Conflict, "%s is no longer at revision %s", r.Target, r.From)
	}
	e.text = fmt.Sprintf("revision %s → %s: %s", r.From, r.To, words(collect.Differences(template, &old.template)))
	e.form = types.JSONPatchType
	e.patch = []operation{
		{"replace", "/metadata/resourceVersion", e.object.GetResourceVersion()},
		{"replace", "/spec/template", old.raw},
	}
	return nil
}

// words tells the first few of the changes. A value may be a password.
func words(changes []string) string {
	const most, longest = 4, 200
	if len(changes) == 0 {
		return "the pods' template as it was"
	}
	var told []string
	for _, c := range changes[:min(most, len(changes))] {
		c, _ = rca.Redact(c)
		told = append(told, cut(c, longest))
	}
	rest := ""
	if len(changes) > most {
		rest = fmt.Sprintf(" and %d more", len(changes)-most)
	}
	return strings.Join(told, ", ") + rest
}

// restart has every pod made anew, as kubectl does it: by a note on the template.
func restart(e *edit, r engine.Remedy) error {
	template := podTemplate(e.object)
	if template == nil {
		return engine.Errorf(engine.Invalid, "the pods of a %s are not made anew", r.Target.Kind)
	}
	if d, ok := e.object.(*appsv1.Deployment); ok && d.Spec.Paused {
		return engine.Errorf(engine.Conflict, "the rollouts of %s are paused: resume them first", r.Target)
	}
	if _, err := time.Parse(time.RFC3339, r.To); err != nil {
		return engine.Errorf(engine.Invalid, "%q is not a time", r.To)
	}
	e.text = "all pods of " + r.Target.String() + " are made anew, as its update strategy says"
	e.reached = template.Annotations[restartedKey] == r.To
	e.merge(map[string]any{"template": map[string]any{"metadata": map[string]any{"annotations": map[string]string{restartedKey: r.To}}}})
	return nil
}

// scale sets the number of replicas, where nothing else does.
func (c *Cluster) scale(ctx context.Context, e *edit, r engine.Remedy) error {
	to, err := strconv.ParseInt(r.To, 10, 32)
	if err != nil || to < 0 {
		return engine.Errorf(engine.Invalid, "%q is not a number of replicas", r.To)
	}
	var is int
	switch o := e.object.(type) {
	case *appsv1.Deployment:
		is = replicas(o.Spec.Replicas)
	case *appsv1.StatefulSet:
		is = replicas(o.Spec.Replicas)
	default:
		return engine.Errorf(engine.Invalid, "a %s has no number of replicas to be set", r.Target.Kind)
	}
	e.text = fmt.Sprintf("%s → %s replicas", r.From, r.To)
	if e.reached = int64(is) == to; e.reached {
		return nil
	}
	by, err := c.autoscaler(ctx, r.Target)
	switch {
	case err != nil:
		return c.readError(err, r.Target)
	case by != "":
		return engine.Errorf(engine.Conflict, "autoscaler %s sets the replicas of %s", by, r.Target)
	case strconv.Itoa(is) != r.From:
		return engine.Errorf(engine.Conflict, "%s has %d replicas by now, not %s", r.Target, is, r.From)
	}
	e.subresource = []string{"scale"}
	e.merge(map[string]any{"replicas": to})
	return nil
}

// cordon keeps new pods from a node. Those that are there stay.
func cordon(e *edit, r engine.Remedy) error {
	node, ok := e.object.(*corev1.Node)
	if !ok {
		return engine.Errorf(engine.Invalid, "only a node can be cordoned, not a %s", r.Target.Kind)
	}
	e.text = "node " + node.Name + " gets no new pods; those on it stay"
	e.reached = node.Spec.Unschedulable
	e.merge(map[string]any{"unschedulable": true})
	return nil
}
