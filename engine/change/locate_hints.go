package change

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// SourceAnnotation on an object says where it is declared: "owner/name", "owner/name//folder", "owner/name//folder@branch". Several
// folders or files are separated by commas.
const SourceAnnotation = "autopilot.dev/source"

// What GitOps controllers write on the objects that they apply.
const (
	argoTracking  = "argocd.argoproj.io/tracking-id" // "[namespace_]application:group/kind:namespace/name"
	argoInstance  = "argocd.argoproj.io/instance"
	helmInstance  = "app.kubernetes.io/instance" // what Argo CD labels with by default
	fluxKustomize = "kustomize.toolkit.fluxcd.io"
	fluxHelm      = "helm.toolkit.fluxcd.io"
)

// Sources says in which repositories an object may be declared, the surest first: what the object's annotation says, what Argo CD
// or Flux wrote on it, then the configuration. There are none where nothing says anything. A Base of "" is the repository's
// default branch. It fails with Invalid for an annotation or a mapping that cannot be read.
func Sources(w engine.Wish, h Hints) ([]Source, error) {
	var all []Source
	if text := strings.TrimSpace(h.Annotations[SourceAnnotation]); text != "" {
		s, err := parseSource(text)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	all = append(all, argoSources(h)...)
	all = append(all, fluxSources(h)...)
	for _, m := range h.Mappings {
		ok, err := m.covers(objectOf(w), w.Target.Cluster)
		if err != nil {
			return nil, err
		}
		if ok {
			all = append(all, Source{Repo: m.Repo, Base: m.Base, Paths: m.Paths, By: "configuration"})
		}
	}
	return distinct(all), nil
}

// repoName is a repository's full name.
var repoName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+$`)

func parseSource(text string) (Source, error) {
	repo, rest, hasPath := strings.Cut(text, "//")
	s := Source{Repo: repo, By: "annotation " + SourceAnnotation}
	if hasPath {
		rest, s.Base, _ = cutLast(rest, "@")
		for p := range strings.SplitSeq(rest, ",") {
			s.Paths = append(s.Paths, cleaned(strings.TrimSpace(p)))
		}
	} else {
		s.Repo, s.Base, _ = cutLast(repo, "@")
	}
	if !repoName.MatchString(s.Repo) {
		return Source{}, engine.Errorf(engine.Invalid, "the annotation %s says %q; it should say owner/name//folder@branch, where folder and branch may be left out",
			SourceAnnotation, bounded(text))
	}
	return s, nil
}

// cutLast cuts around the last sep. A text without one is all before.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// argoSources finds the application that applied an object.
func argoSources(h Hints) []Source {
	name, said := "", ""
	if id, _, ok := strings.Cut(h.Annotations[argoTracking], ":"); ok {
		name, said = id, "tracking annotation"
	} else if label := cmp.Or(h.Labels[argoInstance], h.Labels[helmInstance]); label != "" {
		name, said = label, "instance label"
	}
	if name == "" {
		return nil
	}
	_, inner, _ := cutLast(name, "_") // of applications outside Argo CD's own namespace
	var all []Source
	for _, a := range h.Argo {
		repo := repoOf(a.Repo)
		if a.Name != name && a.Name != inner || repo == "" {
			continue
		}
		s := Source{Repo: repo, Base: branchOf(a.Revision), By: fmt.Sprintf("Argo CD application %s (%s)", a.Name, said)}
		if a.Path != "" {
			s.Paths = append(s.Paths, cleaned(a.Path))
		}
		for _, file := range a.ValueFiles {
			if p, ok := valueFile(a.Path, file); ok {
				s.Paths = append(s.Paths, p)
			}
		}
		all = append(all, s)
	}
	return all
}

// valueFile gives the path of an application's value file from the root of its repository. ok is false for what is elsewhere.
func valueFile(folder, file string) (p string, ok bool) {
	switch {
	case strings.Contains(file, "://"):
		return "", false
	case strings.HasPrefix(file, "$"): // "$values/prod.yaml": from the root of another source
		_, file, ok = strings.Cut(file, "/")
		return cleaned(file), ok
	case strings.HasPrefix(file, "/"):
		return cleaned(file), true
	}
	return cleaned(path.Join(folder, file)), true
}

// fluxSources finds the Kustomization or the HelmRelease that applied an object. A release whose chart is from elsewhere has its
// values in an object that some Kustomization applied, so all of those are asked.
func fluxSources(h Hints) []Source {
	var all []Source
	for _, kind := range []struct{ name, label string }{{"HelmRelease", fluxHelm}, {"Kustomization", fluxKustomize}} {
		name, namespace := h.Labels[kind.label+"/name"], h.Labels[kind.label+"/namespace"]
		if name == "" {
			continue
		}
		for _, unit := range h.Flux {
			own := unit.Kind == kind.name && unit.Name == name && unit.Namespace == namespace
			behind := kind.name == "HelmRelease" && unit.Kind == "Kustomization"
			repo := repoOf(unit.Repo)
			if !own && !behind || repo == "" {
				continue
			}
			s := Source{Repo: repo, Base: branchOf(unit.Branch), By: fmt.Sprintf("Flux %s %s/%s", unit.Kind, unit.Namespace, unit.Name)}
			if unit.Path != "" {
				s.Paths = []string{cleaned(unit.Path)}
			}
			if behind {
				s.By += fmt.Sprintf(", which may apply HelmRelease %s/%s", namespace, name)
			}
			all = append(all, s)
		}
	}
	slices.SortStableFunc(all, func(a, b Source) int {
		return cmp.Compare(strings.Count(a.By, ", which may"), strings.Count(b.By, ", which may"))
	})
	return all
}

// repoOf gives "owner/name" of what a GitOps controller calls a repository: a URL, an scp-like address, or just that.
func repoOf(address string) string {
	address = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSpace(address), "/"), ".git")
	if _, rest, ok := strings.Cut(address, "://"); ok {
		_, address, _ = strings.Cut(rest, "/")
	} else if host, rest, ok := strings.Cut(address, ":"); ok && !strings.Contains(host, "/") {
		address = rest
	}
	address = strings.TrimPrefix(address, "/")
	if !repoName.MatchString(address) {
		return ""
	}
	return address
}

// branchOf gives the branch that a revision means, "" for the default one.
func branchOf(revision string) string {
	revision = strings.TrimPrefix(revision, "refs/heads/")
	if revision == "HEAD" {
		return ""
	}
	return revision
}

// covers tells whether a mapping is about an object. It fails for a pattern that is none.
func (m Mapping) covers(o object, cluster string) (bool, error) {
	for _, want := range []struct {
		patterns []string
		value    string
	}{{m.Clusters, cluster}, {m.Namespaces, o.namespace}, {m.Kinds, o.kind}, {m.Names, o.name}} {
		ok := len(want.patterns) == 0
		for _, pattern := range want.patterns {
			matched, err := path.Match(pattern, want.value)
			if err != nil {
				return false, engine.Errorf(engine.Invalid, "the mapping to %s has the pattern %q, which is none: %w", m.Repo, pattern, err)
			}
			ok = ok || matched
		}
		if !ok {
			return false, nil
		}
	}
	return true, nil
}

// distinct leaves out sources that were named before, whoever named them.
func distinct(all []Source) []Source {
	var kept []Source
	for _, s := range all {
		if !slices.ContainsFunc(kept, func(k Source) bool {
			return strings.EqualFold(k.Repo, s.Repo) && k.Base == s.Base && slices.Equal(k.Paths, s.Paths)
		}) {
			kept = append(kept, s)
		}
	}
	return kept
}
