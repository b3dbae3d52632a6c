package change

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
)

func TestSources(t *testing.T) {
	wish := engine.Wish{Kind: engine.WishRequest, Target: api, Field: "memory"}
	argo := []ArgoApp{
		{Name: "payments", Repo: "https://github.com/shop/deploy.git", Revision: "HEAD", Path: "charts/api", ValueFiles: []string{"values.yaml", "../../envs/prod.yaml", "/top.yaml", "$values/x/y.yaml", "https://e.org/v.yaml"}},
		{Name: "payments", Repo: "git@github.com:shop/apps.git", Revision: "refs/heads/main", Path: "."},
		{Name: "other", Repo: "shop/other"},
	}
	flux := []FluxUnit{
		{Kind: "Kustomization", Name: "apps", Namespace: "flux-system", Repo: "ssh://git@github.com/shop/fleet", Branch: "main", Path: "./apps/prod"},
		{Kind: "HelmRelease", Name: "api", Namespace: "payments", Repo: "https://github.com/shop/charts", Branch: "v2", Path: "charts/api"},
	}
	for name, test := range map[string]struct {
		hints Hints
		want  []Source
	}{
		"nothing": {Hints{Argo: argo, Flux: flux, Mappings: []Mapping{{Namespaces: []string{"search-*"}, Repo: "a/b"}}}, nil},
		"annotation": {
			Hints{Annotations: map[string]string{SourceAnnotation: "shop/deploy//k8s/prod, envs/x.yaml@release/1"}},
			[]Source{{"shop/deploy", "release/1", []string{"k8s/prod", "envs/x.yaml"}, "annotation autopilot.dev/source"}},
		},
		"annotation without a folder": {
			Hints{Annotations: map[string]string{SourceAnnotation: " shop/deploy@main "}},
			[]Source{{"shop/deploy", "main", nil, "annotation autopilot.dev/source"}},
		},
		"Argo CD by annotation": {
			Hints{Annotations: map[string]string{argoTracking: "argocd_payments:apps/Deployment:payments/api"}, Argo: argo},
			[]Source{
				{"shop/deploy", "", []string{"charts/api", "charts/api/values.yaml", "envs/prod.yaml", "top.yaml", "x/y.yaml"}, "Argo CD application payments (tracking annotation)"},
				{"shop/apps", "main", []string{"."}, "Argo CD application payments (tracking annotation)"},
			},
		},
		"Argo CD by label": {
			Hints{Labels: map[string]string{helmInstance: "other"}, Argo: argo},
			[]Source{{"shop/other", "", nil, "Argo CD application other (instance label)"}},
		},
		"Flux Kustomization": {
			Hints{Labels: map[string]string{fluxKustomize + "/name": "apps", fluxKustomize + "/namespace": "flux-system"}, Flux: flux},
			[]Source{{"shop/fleet", "main", []string{"apps/prod"}, "Flux Kustomization flux-system/apps"}},
		},
		"Flux HelmRelease": {
			Hints{Labels: map[string]string{fluxHelm + "/name": "api", fluxHelm + "/namespace": "payments"}, Flux: flux},
			[]Source{
				{"shop/charts", "v2", []string{"charts/api"}, "Flux HelmRelease payments/api"},
				{"shop/fleet", "main", []string{"apps/prod"}, "Flux Kustomization flux-system/apps, which may apply HelmRelease payments/api"},
			},
		},
		"configuration, once": {
			Hints{
				Annotations: map[string]string{SourceAnnotation: "Shop/Deploy//k8s"},
				Mappings: []Mapping{
					{Clusters: []string{"prod"}, Namespaces: []string{"pay*"}, Kinds: []string{"Deployment"}, Names: []string{"web", "a?i"}, Repo: "shop/deploy", Paths: []string{"k8s"}},
					{Clusters: []string{"test"}, Repo: "shop/test"},
					{Repo: "shop/all", Base: "main"},
				},
			},
			[]Source{{"Shop/Deploy", "", []string{"k8s"}, "annotation autopilot.dev/source"}, {"shop/all", "main", nil, "configuration"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Sources(wish, test.hints)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSourcesRefuses(t *testing.T) {
	for name, h := range map[string]Hints{
		"annotation": {Annotations: map[string]string{SourceAnnotation: "https://github.com/shop/deploy"}},
		"no name":    {Annotations: map[string]string{SourceAnnotation: "//k8s"}},
		"pattern":    {Mappings: []Mapping{{Names: []string{"[a"}, Repo: "a/b"}}},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := Sources(engine.Wish{Target: api}, h); engine.CodeOf(err) != engine.Invalid {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
}
