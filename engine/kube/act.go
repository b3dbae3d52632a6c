package kube

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/remedy"
)

// Situation says what of the live object decides which remedies fit it. It fails as Hints does.
func (c *Cluster) Situation(ctx context.Context, w engine.Workload) (remedy.Situation, error) {
	m, err := c.fetch(ctx, w.Kind, w.Namespace, w.Name)
	if err != nil {
		return remedy.Situation{}, c.readError(err, w)
	}
	s := remedy.Situation{Owner: ownerInGit(m)}
	switch o := m.(type) {
	case *corev1.Node:
		s.Cordoned = o.Spec.Unschedulable
		return s, nil
	case *appsv1.Deployment:
		s.Paused, s.Replicas = o.Spec.Paused, replicas(o.Spec.Replicas)
	case *appsv1.StatefulSet:
		s.Replicas = replicas(o.Spec.Replicas)
	}
	if s.Autoscaler, err = c.autoscaler(ctx, w); err != nil {
		return s, c.readError(err, w)
	}
	all, err := c.editions(ctx, m)
	if err != nil {
		return s, c.readError(err, w)
	}
	if now, before, ok := current(m, all); ok {
		s.Current, s.Before = now.number, before.number
		s.BroughtBack = slices.ContainsFunc(all, func(e edition) bool { return e.made.After(now.made) })
	}
	return s, nil
}

// ownerInGit names what deploys an object from Git. Who writes its status alone is not meant.
func ownerInGit(m metav1.Object) string {
	var managers []string
	for _, f := range m.GetManagedFields() {
		if f.Subresource == "" {
			managers = append(managers, f.Manager)
		}
	}
	return remedy.Owner(m.GetAnnotations(), m.GetLabels(), managers)
}

// autoscaler names what sets the replicas of a workload.
func (c *Cluster) autoscaler(ctx context.Context, w engine.Workload) (string, error) {
	list, err := c.client.AutoscalingV2().HorizontalPodAutoscalers(w.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return "", err
	}
	for _, h := range list.Items {
		if ref := h.Spec.ScaleTargetRef; ref.Kind == w.Kind && ref.Name == w.Name {
			return h.Name, nil
		}
	}
	return "", nil
}

func replicas(n *int32) int {
	if n == nil {
		return 1
	}
	return int(*n)
}

// Rehearse makes a plan of an offer, or of a plan anew: what would be changed exactly, and that the API server takes it, which a dry
// run says. It fails with Conflict when the object is not as the offer has it, with Forbidden or Invalid when the API server refuses
// the change, with NotFound when the object is gone, and with Unavailable when the cluster does not answer.
func (c *Cluster) Rehearse(ctx context.Context, r engine.Remedy) (engine.Remedy, error) {
	var e edit
	for try := 1; ; try++ {
		var err error
		if e, err = c.editOf(ctx, r); err != nil {
			return r, err
		}
		if e.reached {
			return r, engine.Errorf(engine.Conflict, "there is nothing left to do on %s: %s", r.Target, e.text)
		}
		if err = c.write(ctx, e, true); err == nil {
			break
		}
		if !apierrors.IsConflict(err) || try == conflictTries {
			return r, c.writeError(err, r, "in a dry run")
		}
	}
	r.Text, r.Source, r.Command, r.UID, r.Generation = e.text, e.source, command(r), string(e.object.GetUID()), e.object.GetGeneration()
	r.Hash = remedy.Hash(r)
	return r, nil
}

// conflictTries is how often an object is read again that only its status changed of.
const conflictTries = 5

// Act does what a plan says, if the object is still the one that the plan was made of, and says what it did. Done again it finds that
// all is so already, which is no failure: when an answer was lost, the object tells. It fails with Conflict when the object changed or
// the plan has expired, with Forbidden, Invalid or NotFound when the API server refuses, and with Unavailable when it is not known
// whether anything was done.
func (c *Cluster) Act(ctx context.Context, r engine.Remedy) (string, error) {
	for try := 1; ; try++ {
		e, err := c.editOf(ctx, r)
		switch {
		case err != nil:
			return "", err
		case e.reached: // by an earlier try, of which the plan says what it did
			return cmp.Or(r.Text, e.text), nil
		case string(e.object.GetUID()) != r.UID || e.object.GetGeneration() != r.Generation:
			return "", engine.Errorf(engine.Conflict, "%s changed since the plan was shown", r.Target)
		case !c.now().Before(r.Expires):
			return "", engine.Errorf(engine.Conflict, "the time for it was over at %s", r.Expires.UTC().Format("15:04 MST"))
		}
		err = c.write(ctx, e, true)
		if err == nil {
			err = c.write(ctx, e, false)
		}
		switch {
		case err == nil:
			c.log.InfoContext(ctx, "remedy done", "kind", r.Kind, "workload", r.Target.String(), "decision", r.ID, "text", e.text)
			return e.text, nil
		case !apierrors.IsConflict(err) || try == conflictTries:
			return "", c.writeError(err, r, "")
		}
	}
}

// editOf reads the object of a remedy, and says how it is written.
func (c *Cluster) editOf(ctx context.Context, r engine.Remedy) (edit, error) {
	w := r.Target
	m, err := c.fetch(ctx, w.Kind, w.Namespace, w.Name)
	if err != nil {
		return edit{}, c.readError(err, w)
	}
	if owner := ownerInGit(m); owner != "" && w.Kind != engine.KindNode {
		return edit{}, engine.Errorf(engine.Conflict, "%s deploys %s from Git, and would take it back", owner, w)
	}
	e := edit{target: w, object: m}
	switch r.Kind {
	case engine.RemedyUndo:
		err = c.undo(ctx, &e, r)
	case engine.RemedyRestart:
		err = restart(&e, r)
	case engine.RemedyScale:
		err = c.scale(ctx, &e, r)
	case engine.RemedyCordon:
		err = cordon(&e, r)
	default:
		err = engine.Errorf(engine.Invalid, "%q is no remedy", r.Kind)
	}
	return e, err
}

// writeError gives a failed write its code. What the API server did not answer is not known to have failed.
func (c *Cluster) writeError(err error, r engine.Remedy, when string) error {
	what := strings.TrimSpace(fmt.Sprintf("the API server of %s refuses it %s", c.name, when))
	switch reason := apierrors.ReasonForError(err); {
	case apierrors.IsNotFound(err):
		return engine.Errorf(engine.NotFound, "there is no %s %s on %s any more", r.Target.Kind, r.Target, c.name)
	case apierrors.IsConflict(err):
		return engine.Wrap(engine.Conflict, err, r.Target.String()+" changes all the time; try again when it is quiet")
	case apierrors.IsForbidden(err):
		return engine.Wrap(engine.Forbidden, err, what+": "+cut(refusal(err), 300)+". If it is a permission that is missing, deploy/rbac/remedies.yaml has it")
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err), reason == metav1.StatusReasonMethodNotAllowed, reason == metav1.StatusReasonRequestEntityTooLarge:
		return engine.Wrap(engine.Invalid, err, what+": "+why(err))
	}
	return engine.Wrap(engine.Unavailable, err, "cluster "+c.name+" does not say whether it was done: "+why(err))
}

// refusal is the API server's own reason: which verb is missing, or what an admission check says.
func refusal(err error) string {
	if status, ok := err.(apierrors.APIStatus); ok && status.Status().Message != "" { //nolint:errorlint // client-go gives it as it is
		return status.Status().Message
	}
	return why(err)
}

// command is what a person would type to the same end.
func command(r engine.Remedy) string {
	w := r.Target
	of := strings.ToLower(w.Kind) + "/" + w.Name
	switch r.Kind {
	case engine.RemedyUndo:
		return "kubectl -n " + w.Namespace + " rollout undo " + of + " --to-revision=" + r.To
	case engine.RemedyRestart:
		return "kubectl -n " + w.Namespace + " rollout restart " + of
	case engine.RemedyScale:
		return "kubectl -n " + w.Namespace + " scale " + of + " --current-replicas=" + r.From + " --replicas=" + r.To
	case engine.RemedyCordon:
		return "kubectl cordon " + w.Name
	}
	return ""
}
