package kube

import (
	"context"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
)

// What deploys from git adds to a cluster, under the versions that it is asked for, the newest first.
var (
	argoApplications   = []schema.GroupVersionResource{{Group: "argoproj.io", Version: "v1alpha1", Resource: "applications"}}
	fluxKustomizations = []schema.GroupVersionResource{
		{Group: "kustomize.toolkit.fluxcd.io", Version: "v1", Resource: "kustomizations"},
		{Group: "kustomize.toolkit.fluxcd.io", Version: "v1beta2", Resource: "kustomizations"},
	}
	fluxReleases = []schema.GroupVersionResource{
		{Group: "helm.toolkit.fluxcd.io", Version: "v2", Resource: "helmreleases"},
		{Group: "helm.toolkit.fluxcd.io", Version: "v2beta1", Resource: "helmreleases"},
	}
	fluxRepositories = []schema.GroupVersionResource{
		{Group: "source.toolkit.fluxcd.io", Version: "v1", Resource: "gitrepositories"},
		{Group: "source.toolkit.fluxcd.io", Version: "v1beta2", Resource: "gitrepositories"},
	}
)

// The labels that Flux puts on what it applies.
const (
	labelKustomization = "kustomize.toolkit.fluxcd.io/"
	labelRelease       = "helm.toolkit.fluxcd.io/"
)

// appsKeep is how long a list of Argo CD's applications serves: each is large, and those of one scan's drafts are asked for at once.
const appsKeep = time.Minute

// apps remembers the applications of an Argo CD for a while.
type apps struct {
	mu   sync.Mutex
	at   time.Time
	list []application
}

// application is a source of an Argo CD application, and where it goes: by the address of an API server, or by a name.
type application struct {
	change.ArgoApp
	server, name string
}

// Hints gives what the live object of a workload, and what deploys it, say of where it is declared. It fails with NotFound when there
// is no such object, with Invalid for a kind that is not read, and with Unavailable when the cluster does not answer. What deploys from
// git and may not be read is left out: there may be other hints.
func (c *Cluster) Hints(ctx context.Context, w engine.Workload) (change.Hints, error) {
	m, err := c.fetch(ctx, w.Kind, w.Namespace, w.Name)
	if err != nil {
		return change.Hints{}, c.readError(err, w)
	}
	h := change.Hints{Annotations: m.GetAnnotations(), Labels: m.GetLabels()}
	if c.dynamic == nil {
		return h, nil
	}
	if h.Argo, err = c.argo(ctx); err != nil {
		c.log.WarnContext(ctx, "cannot list Argo CD's applications", "error", err)
	}
	if h.Flux, err = c.flux(ctx, h.Labels); err != nil {
		c.log.WarnContext(ctx, "cannot read what Flux says of a workload", "workload", w.String(), "error", err)
	}
	return h, nil
}

// readError gives a failed read of a workload its code.
func (c *Cluster) readError(err error, w engine.Workload) error {
	switch {
	case engine.CodeOf(err) == engine.Invalid:
		return err
	case apierrors.IsNotFound(err):
		return engine.Errorf(engine.NotFound, "there is no %s %s on %s any more", w.Kind, w, c.name)
	case apierrors.IsForbidden(err):
		return engine.Wrap(engine.Forbidden, err, "the bot may not read "+w.Kind+" "+w.String()+" on "+c.name)
	}
	return engine.Wrap(engine.Unavailable, err, "cluster "+c.name+" does not say what "+w.String()+" is now: "+why(err))
}

// argo gives the applications of the Argo CD in this cluster that go to it.
func (c *Cluster) argo(ctx context.Context) ([]change.ArgoApp, error) {
	return c.applications(ctx, func(a application) bool {
		return a.server == "https://kubernetes.default.svc" || a.name == "in-cluster" || a.goesTo(c.name, c.Address())
	})
}

// Applications gives the applications of the Argo CD in this cluster that go to another: one Argo CD may serve many. The other is known
// to it by the name of the configuration, or by the address of its API server. There are none where there is no Argo CD.
func (c *Cluster) Applications(ctx context.Context, cluster, address string) ([]change.ArgoApp, error) {
	if c.dynamic == nil {
		return nil, nil
	}
	found, err := c.applications(ctx, func(a application) bool { return a.goesTo(cluster, address) })
	return found, engine.Wrap(engine.Unavailable, err, "cluster "+c.name+" does not list its Argo CD's applications")
}

func (a application) goesTo(cluster, address string) bool {
	return a.name == cluster || a.server != "" && strings.TrimRight(a.server, "/") == strings.TrimRight(address, "/")
}

func (c *Cluster) applications(ctx context.Context, wanted func(application) bool) ([]change.ArgoApp, error) {
	list, err := c.listApplications(ctx)
	if err != nil {
		return nil, err
	}
	var all []change.ArgoApp
	for _, a := range list {
		if wanted(a) {
			all = append(all, a.ArgoApp)
		}
	}
	return all, nil
}

func (c *Cluster) listApplications(ctx context.Context) ([]application, error) {
	c.apps.mu.Lock()
	defer c.apps.mu.Unlock()
	if now := c.now(); !c.apps.at.IsZero() && now.Sub(c.apps.at) < appsKeep {
		return c.apps.list, nil
	}
	var list []application
	opts := metav1.ListOptions{Limit: 200}
	for {
		page, err := c.dynamic.Resource(argoApplications[0]).List(ctx, opts)
		if apierrors.IsNotFound(err) {
			break // it is not installed
		}
		if err != nil {
			return nil, err
		}
		for k := range page.Items {
			list = append(list, sourcesOf(&page.Items[k])...)
		}
		if opts.Continue = page.GetContinue(); opts.Continue == "" {
			break
		}
	}
	c.apps.list, c.apps.at = list, c.now()
	return list, nil
}

// sourcesOf gives an application once for each of its sources.
func sourcesOf(u *unstructured.Unstructured) []application {
	sources, _, err := unstructured.NestedSlice(u.Object, "spec", "sources")
	if err != nil || len(sources) == 0 {
		one, ok, err := unstructured.NestedMap(u.Object, "spec", "source")
		if !ok || err != nil {
			return nil
		}
		sources = []any{one}
	}
	var all []application
	for _, s := range sources {
		source, ok := s.(map[string]any)
		if !ok {
			continue
		}
		app := application{
			ArgoApp: change.ArgoApp{
				Name: u.GetName(), Repo: text(source, "repoURL"), Revision: text(source, "targetRevision"), Path: text(source, "path"),
				Namespace: text(u.Object, "spec", "destination", "namespace"),
			},
			server: text(u.Object, "spec", "destination", "server"), name: text(u.Object, "spec", "destination", "name"),
		}
		if files, _, err := unstructured.NestedStringSlice(source, "helm", "valueFiles"); err == nil {
			app.ValueFiles = files
		}
		all = append(all, app)
	}
	return all
}

// Address is that of the API server; "" for one that nobody told.
func (c *Cluster) Address() string {
	if c.host == nil {
		return ""
	}
	return c.host()
}

// flux reads the Kustomization, and the HelmRelease, that a workload's labels name, and the repository that each is from.
func (c *Cluster) flux(ctx context.Context, labels map[string]string) ([]change.FluxUnit, error) {
	var units []change.FluxUnit
	if name := labels[labelKustomization+"name"]; name != "" {
		unit, ok, err := c.kustomization(ctx, labels[labelKustomization+"namespace"], name)
		if err != nil {
			return nil, err
		}
		if ok {
			units = append(units, unit)
		}
	}
	name, namespace := labels[labelRelease+"name"], labels[labelRelease+"namespace"]
	if name == "" {
		return units, nil
	}
	release, err := c.custom(ctx, fluxReleases, namespace, name)
	if err != nil || release == nil {
		return units, err
	}
	// The values of a release stand in its own manifest, which a Kustomization applies. Only a chart that is in git has files too.
	own := release.GetLabels()
	if by := own[labelKustomization+"name"]; by != "" {
		unit, ok, err := c.kustomization(ctx, own[labelKustomization+"namespace"], by)
		if err != nil {
			return units, err
		}
		if ok {
			unit.Kind, unit.Name, unit.Namespace = "HelmRelease", name, namespace
			units = append(units, unit)
		}
	}
	if text(release.Object, "spec", "chart", "spec", "sourceRef", "kind") == "GitRepository" {
		unit := change.FluxUnit{Kind: "HelmRelease", Name: name, Namespace: namespace, Path: text(release.Object, "spec", "chart", "spec", "chart")}
		ref, _, _ := unstructured.NestedMap(release.Object, "spec", "chart", "spec", "sourceRef") // a chart without one has no repository
		ok, err := c.fromRepository(ctx, &unit, ref, namespace)
		if err != nil {
			return units, err
		}
		if ok {
			units = append(units, unit)
		}
	}
	return units, nil
}

func (c *Cluster) kustomization(ctx context.Context, namespace, name string) (unit change.FluxUnit, ok bool, err error) {
	u, err := c.custom(ctx, fluxKustomizations, namespace, name)
	if err != nil || u == nil {
		return unit, false, err
	}
	unit = change.FluxUnit{Kind: "Kustomization", Name: name, Namespace: namespace, Path: text(u.Object, "spec", "path")}
	ref, _, _ := unstructured.NestedMap(u.Object, "spec", "sourceRef") // without one there is no repository
	ok, err = c.fromRepository(ctx, &unit, ref, namespace)
	return unit, ok, err
}

// fromRepository fills in the repository and the branch of a unit. ok is false when it is from no git repository.
func (c *Cluster) fromRepository(ctx context.Context, unit *change.FluxUnit, ref map[string]any, namespace string) (ok bool, err error) {
	if text(ref, "kind") != "GitRepository" {
		return false, nil
	}
	if own := text(ref, "namespace"); own != "" {
		namespace = own
	}
	u, err := c.custom(ctx, fluxRepositories, namespace, text(ref, "name"))
	if err != nil || u == nil {
		return false, err
	}
	unit.Repo, unit.Branch = text(u.Object, "spec", "url"), text(u.Object, "spec", "ref", "branch")
	return unit.Repo != "", nil
}

// custom reads an object of a kind that another project adds; nil when it, or the kind, is not there.
func (c *Cluster) custom(ctx context.Context, versions []schema.GroupVersionResource, namespace, name string) (*unstructured.Unstructured, error) {
	for _, v := range versions {
		u, err := c.dynamic.Resource(v).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
		if err == nil {
			return u, nil
		}
		if !apierrors.IsNotFound(err) {
			return nil, err
		}
	}
	return nil, nil
}

func text(object map[string]any, path ...string) string {
	s, _, err := unstructured.NestedString(object, path...)
	if err != nil {
		return ""
	}
	return s
}
