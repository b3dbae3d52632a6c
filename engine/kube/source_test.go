package kube

import (
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
)

// gitOps is a cluster with one Deployment of the given labels, and what deploys it.
func gitOps(labels map[string]string, custom ...map[string]any) (*Cluster, *dynamicfake.FakeDynamicClient) {
	d := deployment("api", 1)
	d.Labels, d.Annotations = labels, map[string]string{"autopilot.dev/source": "acme/deploy"}
	var objects []runtime.Object
	for _, o := range custom {
		objects = append(objects, &unstructured.Unstructured{Object: o})
	}
	kinds := map[schema.GroupVersionResource]string{}
	for _, versions := range [][]schema.GroupVersionResource{argoApplications, fluxKustomizations, fluxReleases, fluxRepositories} {
		for _, v := range versions {
			kinds[v] = map[string]string{
				"applications": "ApplicationList", "kustomizations": "KustomizationList", "helmreleases": "HelmReleaseList", "gitrepositories": "GitRepositoryList",
			}[v.Resource]
		}
	}
	dynamic := dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), kinds, objects...)
	c := newCluster("prod", fake.NewClientset(d), slog.New(slog.DiscardHandler), time.Now)
	c.dynamic = dynamic
	return c, dynamic
}

func custom(apiVersion, kind, namespace, name string, labels, spec map[string]any) map[string]any {
	return map[string]any{
		"apiVersion": apiVersion, "kind": kind, "metadata": map[string]any{"namespace": namespace, "name": name, "labels": labels}, "spec": spec,
	}
}

func TestHintsOfArgo(t *testing.T) {
	app := func(name string, destination map[string]any, rest map[string]any) map[string]any {
		rest["destination"] = destination
		return custom("argoproj.io/v1alpha1", "Application", "argocd", name, nil, rest)
	}
	source := map[string]any{"repoURL": "https://github.com/acme/deploy", "targetRevision": "main", "path": "apps/api"}
	here := map[string]any{"server": "https://kubernetes.default.svc", "namespace": "pay"}
	c, _ := gitOps(nil,
		app("api", here, map[string]any{"source": source}),
		app("two", map[string]any{"name": "prod"}, map[string]any{"sources": []any{
			source, map[string]any{"repoURL": "https://github.com/acme/charts", "path": "api", "helm": map[string]any{"valueFiles": []any{"prod.yaml"}}}, "broken",
		}}),
		app("elsewhere", map[string]any{"server": "https://10.0.0.1"}, map[string]any{"source": source}),
		app("empty", here, map[string]any{}),
	)
	got, err := c.Hints(t.Context(), engine.Workload{Namespace: "pay", Kind: "Deployment", Name: "api"})
	if err != nil {
		t.Fatal(err)
	}
	want := change.Hints{
		Annotations: map[string]string{"autopilot.dev/source": "acme/deploy"},
		Argo: []change.ArgoApp{
			{Name: "api", Repo: "https://github.com/acme/deploy", Revision: "main", Path: "apps/api", Namespace: "pay"},
			{Name: "two", Repo: "https://github.com/acme/deploy", Revision: "main", Path: "apps/api"},
			{Name: "two", Repo: "https://github.com/acme/charts", Path: "api", ValueFiles: []string{"prod.yaml"}},
		},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for _, who := range [][2]string{{"elsewhere", "https://10.0.0.1"}, {"prod-eu", "https://10.0.0.1"}} {
		hub, err := c.Applications(t.Context(), who[0], who[1])
		if err != nil || len(hub) != 1 || hub[0].Name != "elsewhere" {
			t.Errorf("of %v: %+v, %v", who, hub, err)
		}
	}
	if none, err := c.Applications(t.Context(), "dev", ""); err != nil || len(none) != 0 {
		t.Errorf("a cluster that no application goes to: %+v, %v", none, err)
	}
}

func TestArgoIsListedOnceAMinute(t *testing.T) {
	c, dynamic := gitOps(nil)
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	c.now = func() time.Time { return now }
	lists := 0
	dynamic.PrependReactor("list", "applications", func(clienttesting.Action) (bool, runtime.Object, error) {
		lists++
		return true, nil, apierrors.NewNotFound(argoApplications[0].GroupResource(), "")
	})
	for range 3 {
		if _, err := c.Hints(t.Context(), engine.Workload{Namespace: "pay", Kind: "Deployment", Name: "api"}); err != nil {
			t.Fatal(err)
		}
	}
	if now = now.Add(appsKeep); lists != 1 {
		t.Errorf("listed %d times, want once", lists)
	}
	if _, err := c.Hints(t.Context(), engine.Workload{Namespace: "pay", Kind: "Deployment", Name: "api"}); err != nil || lists != 2 {
		t.Errorf("a minute later: listed %d times, %v", lists, err)
	}
}

func TestHintsOfFlux(t *testing.T) {
	repository := custom("source.toolkit.fluxcd.io/v1", "GitRepository", "flux-system", "deploy", nil, map[string]any{
		"url": "ssh://git@github.com/acme/deploy", "ref": map[string]any{"branch": "live"},
	})
	kustomization := custom("kustomize.toolkit.fluxcd.io/v1", "Kustomization", "flux-system", "apps", nil, map[string]any{
		"path": "./apps/prod", "sourceRef": map[string]any{"kind": "GitRepository", "name": "deploy"},
	})
	release := custom("helm.toolkit.fluxcd.io/v2", "HelmRelease", "pay", "api",
		map[string]any{"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"},
		map[string]any{"chart": map[string]any{"spec": map[string]any{
			"chart": "./charts/api", "sourceRef": map[string]any{"kind": "GitRepository", "name": "deploy", "namespace": "flux-system"},
		}}})
	unit := change.FluxUnit{Kind: "Kustomization", Name: "apps", Namespace: "flux-system", Repo: "ssh://git@github.com/acme/deploy", Branch: "live", Path: "./apps/prod"}
	values := unit
	values.Kind, values.Name, values.Namespace = "HelmRelease", "api", "pay"
	chart := values
	chart.Path = "./charts/api"
	for name, tc := range map[string]struct {
		labels map[string]string
		want   []change.FluxUnit
	}{
		"a Kustomization":                   {map[string]string{labelKustomization + "name": "apps", labelKustomization + "namespace": "flux-system"}, []change.FluxUnit{unit}},
		"a release and its chart":           {map[string]string{labelRelease + "name": "api", labelRelease + "namespace": "pay"}, []change.FluxUnit{values, chart}},
		"a Kustomization that is not there": {map[string]string{labelKustomization + "name": "gone", labelKustomization + "namespace": "flux-system"}, nil},
		"nothing of Flux":                   {map[string]string{"app": "api"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := gitOps(tc.labels, repository, kustomization, release)
			got, err := c.Hints(t.Context(), engine.Workload{Namespace: "pay", Kind: "Deployment", Name: "api"})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tc.want, got.Flux); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestHintsWithoutArgoOrFlux(t *testing.T) {
	labels := map[string]string{labelKustomization + "name": "apps", labelKustomization + "namespace": "flux-system"}
	c, dynamic := gitOps(labels)
	dynamic.PrependReactor("*", "*", func(a clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(a.GetResource().GroupResource(), "", nil)
	})
	got, err := c.Hints(t.Context(), engine.Workload{Namespace: "pay", Kind: "Deployment", Name: "api"})
	if err != nil || got.Labels[labelKustomization+"name"] != "apps" || got.Argo != nil || got.Flux != nil {
		t.Errorf("forbidden to read what deploys: %+v, %v; want the object's own hints", got, err)
	}
	for kind, want := range map[string]engine.Code{"Deployment": engine.NotFound, "Rollout": engine.Invalid} {
		if _, err := c.Hints(t.Context(), engine.Workload{Namespace: "pay", Kind: kind, Name: "gone"}); engine.CodeOf(err) != want {
			t.Errorf("a %s that is not there: %v, want %s", kind, err, want)
		}
	}
}
