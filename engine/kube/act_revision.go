package kube

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

const revisionKey = "deployment.kubernetes.io/revision"

// edition is one revision of a workload: its number, and the template that it has. raw is the template byte for byte, so that what
// this program does not know of it comes back too.
type edition struct {
	name     string // of the object that keeps it
	number   int64
	made     time.Time
	template corev1.PodTemplateSpec
	raw      json.RawMessage
}

// editions gives the revisions of a Deployment, StatefulSet or DaemonSet, the newest first.
func (c *Cluster) editions(ctx context.Context, m metav1.Object) ([]edition, error) {
	var all []edition
	var err error
	switch o := m.(type) {
	case *appsv1.Deployment:
		all, err = c.replicaSets(ctx, o)
	case *appsv1.StatefulSet:
		all, err = c.controllerRevisions(ctx, o, o.Spec.Selector)
	case *appsv1.DaemonSet:
		all, err = c.controllerRevisions(ctx, o, o.Spec.Selector)
	}
	slices.SortFunc(all, func(a, b edition) int { return cmp.Compare(b.number, a.number) })
	return all, err
}

func (c *Cluster) replicaSets(ctx context.Context, d *appsv1.Deployment) ([]edition, error) {
	list, err := c.client.AppsV1().ReplicaSets(d.Namespace).List(ctx, metav1.ListOptions{LabelSelector: metav1.FormatLabelSelector(d.Spec.Selector)})
	if err != nil {
		return nil, err
	}
	var all []edition
	for k := range list.Items {
		rs := &list.Items[k]
		number, err := strconv.ParseInt(rs.Annotations[revisionKey], 10, 64)
		if err != nil || !metav1.IsControlledBy(rs, d) {
			continue
		}
		t := *rs.Spec.Template.DeepCopy()
		t.Labels = maps.Clone(t.Labels)
		delete(t.Labels, appsv1.DefaultDeploymentUniqueLabelKey)
		raw, err := json.Marshal(t)
		if err != nil {
			return nil, engine.Wrap(engine.Internal, err, "a template cannot be written")
		}
		all = append(all, edition{name: rs.Name, number: number, made: rs.CreationTimestamp.Time, template: t, raw: raw})
	}
	return all, nil
}

func (c *Cluster) controllerRevisions(ctx context.Context, m metav1.Object, selector *metav1.LabelSelector) ([]edition, error) {
	list, err := c.client.AppsV1().ControllerRevisions(m.GetNamespace()).List(ctx, metav1.ListOptions{LabelSelector: metav1.FormatLabelSelector(selector)})
	if err != nil {
		return nil, err
	}
	var all []edition
	for k := range list.Items {
		r := &list.Items[k]
		if !metav1.IsControlledBy(r, m) {
			continue
		}
		e := edition{name: r.Name, number: r.Revision, made: r.CreationTimestamp.Time}
		var patch struct {
			Spec struct {
				Template map[string]json.RawMessage `json:"template"`
			} `json:"spec"`
		}
		if err := json.Unmarshal(r.Data.Raw, &patch); err != nil || len(patch.Spec.Template) == 0 {
			continue
		}
		delete(patch.Spec.Template, "$patch") // how it is merged, not what it is
		if e.raw, err = json.Marshal(patch.Spec.Template); err == nil {
			err = json.Unmarshal(e.raw, &e.template)
		}
		if err != nil {
			return nil, engine.Wrap(engine.Internal, err, "revision "+r.Name+" cannot be read")
		}
		all = append(all, e)
	}
	return all, nil
}

// current gives the revision that a workload has now, if its controller has made one of what its template says, and the one before.
func current(m metav1.Object, all []edition) (now, before edition, ok bool) {
	t := podTemplate(m)
	if t == nil || len(all) == 0 || !apiequality.Semantic.DeepEqual(*t, all[0].template) {
		return now, before, false
	}
	if len(all) > 1 {
		before = all[1]
	}
	return all[0], before, true
}

// podTemplate is what a workload makes its pods of; nil for one that has no revisions.
func podTemplate(m metav1.Object) *corev1.PodTemplateSpec {
	switch o := m.(type) {
	case *appsv1.Deployment:
		return &o.Spec.Template
	case *appsv1.StatefulSet:
		return &o.Spec.Template
	case *appsv1.DaemonSet:
		return &o.Spec.Template
	}
	return nil
}
