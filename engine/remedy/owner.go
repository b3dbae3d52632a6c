package remedy

import (
	"cmp"
	"slices"
	"strings"
)

// Owner names what deploys an object from Git, by the marks that it leaves on it; "" for an object that nothing does. managers are
// those of the object's fields.
func Owner(annotations, labels map[string]string, managers []string) string {
	by := func(names ...string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return slices.Contains(managers, n) })
	}
	argo := cmp.Or(annotations["argocd.argoproj.io/tracking-id"], labels["argocd.argoproj.io/instance"])
	kustomization, release := labels["kustomize.toolkit.fluxcd.io/name"], labels["helm.toolkit.fluxcd.io/name"]
	switch {
	case argo != "" || by("argocd-controller", "argocd-application-controller"):
		name, _, _ := strings.Cut(argo, ":")
		return named("Argo CD", "application", name)
	case release != "" || by("helm-controller"):
		return named("Flux", "release", release)
	case kustomization != "" || by("kustomize-controller"):
		return named("Flux", "Kustomization", kustomization)
	}
	return ""
}

func named(tool, kind, name string) string {
	if name == "" {
		return tool
	}
	return tool + " (" + kind + " " + name + ")"
}
