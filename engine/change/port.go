package change

import (
	"context"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// File is one file of a Tree.
type File struct {
	Path string // from the root, with slashes
	Blob string // git's id
	Size int64
	Mode string // "100644"
}

// Tree is a repository at one commit. Read fails with Unavailable when the file cannot be had now.
type Tree interface {
	Repo() string   // "owner/name"
	Base() string   // the branch, by its name also where it was asked for as the default one
	Commit() string // that it is of
	Files() []File
	Read(ctx context.Context, path string) ([]byte, error)
	History
}

// History is how a repository became what a Tree has. All of it fails with Unavailable when it cannot be had now.
type History interface {
	// Commits lists the commits up to the Tree's that touched a file, the newest first and so many at most; none where there never was
	// such a file. A file that was renamed has the history of its present name.
	Commits(ctx context.Context, path string, most int) ([]Commit, error)
	// At is the repository at another commit. Conflict: the commit is no longer there.
	At(ctx context.Context, commit string) (Tree, error)
	// Pull names the merged pull request that a commit came with; the zero Pull where there is none, or the bot may not know it.
	Pull(ctx context.Context, commit string) (engine.Pull, error)
}

// Commit is one commit of a repository.
type Commit struct {
	SHA     string
	Parent  string // the first of its parents; "" for the first commit of all
	Author  string // login on the forge, or else the name that the commit bears
	At      time.Time
	Subject string // first line of its message
}

// Hints are what is known of where an object is declared, before anybody searched.
type Hints struct {
	Annotations map[string]string // of the live object
	Labels      map[string]string
	Argo        []ArgoApp // applications whose destination is the object's cluster
	Flux        []FluxUnit
	Mappings    []Mapping // of the configuration, in its order
}

// Mapping is what the configuration says of where things are declared. Patterns are path.Match's; empty ones match everything.
type Mapping struct {
	Clusters, Namespaces, Kinds, Names []string
	Repo, Base                         string
	Paths                              []string // folders or files to search, "" is all of it
}

// ArgoApp is an Argo CD Application.
type ArgoApp struct {
	Name, Repo, Revision, Path, Namespace string
	ValueFiles                            []string
}

// FluxUnit is a Flux Kustomization or HelmRelease, and the source that it is from.
type FluxUnit struct {
	Kind, Name, Namespace, Repo, Branch, Path string
}

// Source is a repository to look in.
type Source struct {
	Repo, Base string
	Paths      []string
	By         string // what said so: "annotation autopilot.dev/source", "Argo CD application shop", "configuration"
}

// Forge is where pull requests are made.
type Forge interface {
	// Tree reads a branch's newest commit; "" is the default branch. NotFound: no such repository or branch; Forbidden: it may not be read.
	Tree(ctx context.Context, repo, base string) (Tree, error)
	// Propose makes the branch, its one commit and the pull request, or finds what of it is there already.
	Propose(ctx context.Context, d Draft) (engine.Pull, error)
	// Status reads a pull request as it is.
	Status(ctx context.Context, repo string, p engine.Pull) (engine.Pull, error)
	// Close closes the pull request and removes its branch.
	Close(ctx context.Context, repo string, p engine.Pull, comment string) error
}

// Draft is a pull request to be made.
type Draft struct {
	Repo, Base string
	Commit     string // of the base, that Files were edited on
	Branch     string
	Title      string
	Body       string // with the hidden marker, by which it is found again
	Marker     string
	Message    string            // of the commit
	Files      map[string][]byte // whole contents by path; nil removes the file
	Labels     []string
	Reviewers  []string // logins
	Teams      []string // slugs
	AsDraft    bool
}
