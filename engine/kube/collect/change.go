package collect

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/remedy"
)

const (
	revisionKey = "deployment.kubernetes.io/revision"
	causeKey    = "kubernetes.io/change-cause"
	maxEdits    = 20
)

// version is one revision of a workload's template.
type version struct {
	number   int64
	made     time.Time
	cause    string // the change-cause annotation
	template *corev1.PodTemplateSpec
}

// changes shows what the newest revision changed against the one before, when, and by whom; and what makes no revision: another number
// of replicas, and edits of the ConfigMaps that the pods use.
func changes(ctx context.Context, s *subject) ([]engine.Evidence, error) {
	if s.object == nil {
		return nil, s.objectErr
	}
	versions, err := s.versions(ctx)
	var out []engine.Evidence
	if len(versions) > 0 {
		out = s.edits(versions)
	}
	sizes, sizeErr := s.resized(ctx)
	maps, mapErr := s.configEdits(ctx)
	return slices.Concat(out, sizes, maps), first(failed(err, "list revisions of "+s.incident.Workload.String()), s.objectErr, sizeErr, mapErr)
}

// versions gives the revisions of the workload, newest first.
func (s *subject) versions(ctx context.Context) ([]version, error) {
	var out []version
	switch {
	case s.deployment != nil:
		for _, rs := range s.replicaSets {
			out = append(out, version{revision(rs), rs.CreationTimestamp.Time, rs.Annotations[causeKey], &rs.Spec.Template})
		}
	case s.statefulSet != nil, s.daemonSet != nil:
		list, err := s.Client.AppsV1().ControllerRevisions(s.object.GetNamespace()).List(ctx, metav1.ListOptions{LabelSelector: metav1.FormatLabelSelector(s.podSelector())})
		if err != nil {
			return nil, err
		}
		for n := range list.Items {
			r := &list.Items[n]
			if t, ok := revised(r); ok && controlledBy(r, s.incident.Workload.Kind, s.incident.Workload.Name) {
				out = append(out, version{r.Revision, r.CreationTimestamp.Time, r.Annotations[causeKey], t})
			}
		}
		slices.SortFunc(out, func(a, b version) int { return cmp.Compare(b.number, a.number) })
	}
	return out, nil
}

func (s *subject) podSelector() *metav1.LabelSelector {
	if s.statefulSet != nil {
		return s.statefulSet.Spec.Selector
	}
	return s.daemonSet.Spec.Selector
}

// revised reads the template out of a ControllerRevision, which holds a patch of the workload.
func revised(r *appsv1.ControllerRevision) (*corev1.PodTemplateSpec, bool) {
	var patch struct {
		Spec struct {
			Template corev1.PodTemplateSpec `json:"template"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(r.Data.Raw, &patch); err != nil {
		return nil, false
	}
	return &patch.Spec.Template, len(patch.Spec.Template.Spec.Containers) > 0
}

func revision(rs *appsv1.ReplicaSet) int64 {
	n, err := strconv.ParseInt(rs.Annotations[revisionKey], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// edits shows the newest version against the one before it; the first version of all is shown as the making of the workload.
func (s *subject) edits(versions []version) []engine.Evidence {
	newest := versions[0]
	at, by := s.authorship(versions)
	number := strconv.FormatInt(newest.number, 10)
	list := []edit{{what: "created"}}
	if len(versions) > 1 {
		list = diff(versions[1].template, newest.template)
	}
	var out []engine.Evidence
	for n, d := range list[:min(len(list), maxEdits)] {
		e := engine.Evidence{
			ID: fmt.Sprintf("change/%s/%d", number, n), Kind: engine.EvidenceChange, Object: s.ref(), Container: d.container, At: at,
			Text:   joined(", ", d.String(), s.when(at), cmp.Or(by, "author unknown")),
			Fields: map[string]string{"what": d.what, "from": d.from, "to": d.to, "container": d.container, "revision": number, "by": by, "age": s.age(at)},
		}
		if owner := s.inGit(); owner != "" {
			e.Fields["git"] = owner
		}
		if newest.cause != "" {
			e.Text += " (" + newest.cause + ")"
		}
		out = append(out, e)
	}
	return out
}

// authorship says when the newest version came to be, and who made it so. A rollback brings an old revision back, so that
// its age says nothing; the field managers then know when the template was written last.
func (s *subject) authorship(versions []version) (at time.Time, by string) {
	at = versions[0].made
	rolledBack := slices.ContainsFunc(versions[1:], func(v version) bool { return v.made.After(at) })
	writers := slices.Clone(s.object.GetManagedFields())
	writers = slices.DeleteFunc(writers, func(m metav1.ManagedFieldsEntry) bool {
		return m.Subresource != "" || m.Time == nil || m.FieldsV1 == nil || !bytes.Contains(m.FieldsV1.GetRawBytes(), []byte(`"f:template"`))
	})
	if len(writers) == 0 {
		return at, ""
	}
	slices.SortFunc(writers, func(a, b metav1.ManagedFieldsEntry) int {
		if rolledBack {
			return b.Time.Compare(a.Time.Time)
		}
		return cmp.Compare(a.Time.Sub(at).Abs(), b.Time.Sub(at).Abs())
	})
	if rolledBack {
		at = writers[0].Time.Time
	}
	return at, author(writers[0].Manager, s.object)
}

// inGit names what deploys the workload from Git, whoever wrote it last; "" for nothing.
func (s *subject) inGit() string {
	var managers []string
	for _, f := range s.object.GetManagedFields() {
		if f.Subresource == "" {
			managers = append(managers, f.Manager)
		}
	}
	tool, _, _ := strings.Cut(remedy.Owner(s.object.GetAnnotations(), s.object.GetLabels(), managers), " (")
	return tool
}

// author names a field manager as people know it, with the release or application that it acted for.
func author(manager string, m metav1.Object) string {
	notes, labels := m.GetAnnotations(), m.GetLabels()
	name := ""
	switch manager {
	case "helm", "Helm":
		name = notes["meta.helm.sh/release-name"]
	case "argocd-controller", "argocd-application-controller":
		name, _, _ = strings.Cut(cmp.Or(notes["argocd.argoproj.io/tracking-id"], labels["argocd.argoproj.io/instance"]), ":")
	case "kustomize-controller":
		name = labels["kustomize.toolkit.fluxcd.io/name"]
	case "helm-controller":
		name = labels["helm.toolkit.fluxcd.io/name"]
	}
	return joined(" ", manager, name)
}

// when says how long before or after the onset something was.
func (s *subject) when(at time.Time) string {
	if at.IsZero() || s.incident.StartedAt.IsZero() {
		return ""
	}
	const near = 5 * time.Second // the onset is not known more exactly
	d := s.incident.StartedAt.Sub(at).Round(time.Second)
	switch {
	case d.Abs() < near:
		return "just before the onset"
	case d < 0:
		return (-d).String() + " after the onset"
	}
	return d.String() + " before the onset"
}

func (s *subject) age(at time.Time) string {
	if at.IsZero() || s.incident.StartedAt.IsZero() {
		return ""
	}
	return s.incident.StartedAt.Sub(at).Round(time.Second).String()
}

// configEdits shows ConfigMaps that were edited after they were made. Their values are not looked at.
func (s *subject) configEdits(ctx context.Context) ([]engine.Evidence, error) {
	var out []engine.Evidence
	for _, name := range configMaps(s.spec()) {
		m, err := s.configMap(ctx, name)
		if err != nil || m == nil {
			if err != nil {
				return out, err
			}
			continue
		}
		at, by := Edited(m)
		if at.Sub(m.CreationTimestamp.Time) < time.Minute {
			continue // it was made, not edited
		}
		out = append(out, engine.Evidence{
			ID: "change/configmap/" + name, Kind: engine.EvidenceChange, Object: refOf("ConfigMap", m), At: at,
			Text:   joined(", ", "ConfigMap "+name+" was edited", s.when(at), cmp.Or(by, "author unknown")),
			Fields: map[string]string{"what": "configmap", "from": name, "to": "edited", "by": by, "age": s.age(at)},
		})
	}
	return out, nil
}
