package github

import (
	"context"
	"crypto/sha1" //nolint:gosec // it is how git names a file, and compared with what GitHub calls it
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	gh "github.com/google/go-github/v60/github"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
)

const (
	maxFiles    = 300_000 // of a repository
	maxFile     = 4 << 20 // bytes of a file that is read
	maxSubtrees = 2_000   // requests for a repository whose list GitHub cuts off
	entryBytes  = 160     // of memory for a file in a list, about
)

// listing is all that a tree holds. It never changes.
type listing struct {
	sha   string
	files []change.File     // ordinary ones, by path
	other map[string]string // mode of symbolic links and submodules by path
}

// tree is a repository at one commit.
type tree struct {
	forge  *Forge
	repo   repository
	base   string // the branch; "" where it was read as a commit
	commit string
	*listing
}

var _ change.Tree = (*tree)(nil)

// Repo is "owner/name".
func (t *tree) Repo() string { return t.repo.String() }

// Base is the branch.
func (t *tree) Base() string { return t.base }

// Commit is the commit that it is of.
func (t *tree) Commit() string { return t.commit }

// Files are the ordinary files, by path. It is not to be changed.
func (t *tree) Files() []change.File { return t.files }

func (l *listing) find(path string) (change.File, bool) {
	n, ok := slices.BinarySearchFunc(l.files, path, func(f change.File, p string) int { return strings.Compare(f.Path, p) })
	if !ok {
		return change.File{}, false
	}
	return l.files[n], true
}

// Read gives a file. It fails with NotFound for one that is not there, Invalid for one that is too large, and Unavailable.
func (t *tree) Read(ctx context.Context, path string) ([]byte, error) {
	file, ok := t.find(path)
	if !ok {
		return nil, engine.Errorf(engine.NotFound, "%s has no file %s", t.repo, path)
	}
	if file.Size > maxFile {
		return nil, engine.Errorf(engine.Invalid, "%s in %s is too large to be read: %d MiB at most", path, t.repo, maxFile>>20)
	}
	key := t.repo.String() + " " + file.Blob
	if data, ok := t.forge.blobs.get(key); ok {
		return slices.Clone(data), nil
	}
	data, err := t.forge.blob(ctx, t.repo, file.Blob)
	if err != nil {
		return nil, err
	}
	t.forge.blobs.put(key, slices.Clone(data), int64(len(data)+len(key)))
	return data, nil
}

func (f *Forge) blob(ctx context.Context, r repository, sha string) ([]byte, error) {
	blob, _, err := f.gh.Git.GetBlob(ctx, r.owner, r.name, sha)
	if err != nil {
		return nil, f.told(err, r, read)
	}
	data := []byte(blob.GetContent())
	if blob.GetEncoding() == "base64" {
		if data, err = base64.StdEncoding.DecodeString(strings.ReplaceAll(blob.GetContent(), "\n", "")); err != nil {
			return nil, engine.Errorf(engine.Unavailable, "GitHub gave a file of %s that cannot be decoded: %w", r, err)
		}
	}
	if len(sha) == 2*sha1.Size && blobHash(data) != sha {
		return nil, engine.Errorf(engine.Unavailable, "GitHub gave another file of %s than it was asked for", r)
	}
	return data, nil
}

// blobHash is git's name of a file.
func blobHash(data []byte) string {
	h := sha1.New() //nolint:gosec // see the import
	fmt.Fprintf(h, "blob %d\x00", len(data))
	h.Write(data)
	return hex.EncodeToString(h.Sum(nil))
}

// Tree reads a branch's newest commit, the default branch's for "". It fails with NotFound when there is no such repository or
// branch, Forbidden when it may not be read, and Unavailable.
func (f *Forge) Tree(ctx context.Context, repo, base string) (change.Tree, error) {
	r, err := parseRepo(repo)
	if err != nil {
		return nil, err
	}
	if base, err = f.base(ctx, r, base); err != nil {
		return nil, err
	}
	commit, err := f.head(ctx, r, base)
	if err != nil {
		return nil, err
	}
	if commit == "" {
		return nil, engine.Errorf(engine.NotFound, "%s has no branch %s, or the bot may not see it", r, base)
	}
	t, err := f.treeOf(ctx, r, commit)
	if err != nil {
		return nil, err
	}
	t.base = base
	return t, nil
}

// head is the newest commit of a branch, "" when there is no such branch, or no such repository.
func (f *Forge) head(ctx context.Context, r repository, branch string) (string, error) {
	ref, _, err := f.gh.Git.GetRef(ctx, r.owner, r.name, "heads/"+branch)
	if isStatus(err, 404) {
		return "", nil
	}
	if err != nil {
		return "", f.told(err, r, read)
	}
	return ref.GetObject().GetSHA(), nil
}

// treeOf reads a commit. Lists of files are kept by their hash, so that a commit which changed nothing costs nothing.
func (f *Forge) treeOf(ctx context.Context, r repository, commit string) (*tree, error) {
	if !hashForm.MatchString(commit) {
		return nil, engine.Errorf(engine.Invalid, "%q is no commit", commit)
	}
	at, _, err := f.gh.Git.GetCommit(ctx, r.owner, r.name, commit)
	if isStatus(err, 404) || isStatus(err, 422) {
		return nil, engine.Errorf(engine.Conflict, "commit %.10s is no longer in %s: read the branch again", commit, r)
	}
	if err != nil {
		return nil, f.told(err, r, read)
	}
	sha := at.GetTree().GetSHA()
	key := r.String() + " " + sha
	l, ok := f.trees.get(key)
	if !ok {
		if l, err = f.list(ctx, r, sha); err != nil {
			return nil, err
		}
		f.trees.put(key, l, int64(entryBytes*(len(l.files)+len(l.other))))
	}
	return &tree{forge: f, repo: r, commit: commit, listing: l}, nil
}

// list reads all files below a tree: at once, or folder by folder where GitHub cuts the list off.
func (f *Forge) list(ctx context.Context, r repository, root string) (*listing, error) {
	l := &listing{sha: root, other: map[string]string{}}
	type folder struct{ path, sha string }
	todo := []folder{{"", root}}
	for asked := 0; len(todo) > 0; asked++ {
		if asked > maxSubtrees || len(l.files) > maxFiles {
			return nil, engine.Errorf(engine.Invalid, "%s is too large to be searched: map the workloads to a smaller repository", r)
		}
		at := todo[0]
		todo = todo[1:]
		got, _, err := f.gh.Git.GetTree(ctx, r.owner, r.name, at.sha, true)
		if err != nil {
			return nil, f.told(err, r, read)
		}
		whole := !got.GetTruncated()
		if !whole {
			if got, _, err = f.gh.Git.GetTree(ctx, r.owner, r.name, at.sha, false); err != nil {
				return nil, f.told(err, r, read)
			}
			if got.GetTruncated() {
				return nil, engine.Errorf(engine.Invalid, "folder %q of %s is too large to be read", at.path, r)
			}
		}
		for _, e := range got.Entries {
			path := at.path + e.GetPath()
			switch {
			case e.GetType() == "tree" && !whole:
				todo = append(todo, folder{path + "/", e.GetSHA()})
			case e.GetType() == "tree":
			case e.GetType() == "blob" && (e.GetMode() == "100644" || e.GetMode() == "100755"):
				l.files = append(l.files, change.File{Path: path, Blob: e.GetSHA(), Size: int64(e.GetSize()), Mode: e.GetMode()})
			default:
				l.other[path] = e.GetMode()
			}
		}
	}
	slices.SortFunc(l.files, func(a, b change.File) int { return strings.Compare(a.Path, b.Path) })
	return l, nil
}

// entries are what a draft changes in a tree.
func (t *tree) entries(files map[string][]byte) ([]*gh.TreeEntry, error) {
	var out []*gh.TreeEntry
	for path, data := range files {
		if err := checkPath(path); err != nil {
			return nil, err
		}
		if t.other[path] != "" {
			return nil, engine.Errorf(engine.Invalid, "%s in %s is a link or a submodule, which the bot does not edit", path, t.repo)
		}
		mode := "100644"
		old, known := t.find(path)
		if known {
			mode = old.Mode
		}
		e := &gh.TreeEntry{Path: &path, Mode: &mode, Type: new("blob")}
		switch {
		case data == nil && !known:
			continue // it is gone already
		case data != nil:
			e.SHA = new(blobHash(data))
		}
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b *gh.TreeEntry) int { return strings.Compare(a.GetPath(), b.GetPath()) })
	return out, nil
}

func checkPath(path string) error {
	bad := path == "" || len(path) > 4096 || strings.ContainsRune(path, 0)
	for part := range strings.SplitSeq(path, "/") {
		bad = bad || part == "" || part == "." || part == ".." || strings.EqualFold(part, ".git")
	}
	if bad {
		return engine.Errorf(engine.Invalid, "%q is no path of a file in a repository", path)
	}
	return nil
}
