package change

import (
	"context"

	"github.com/eks-autopilot/autopilot/engine"
)

// overlay is a Tree with some of its files changed.
type overlay struct {
	Tree
	files map[string][]byte
}

// Overlay gives t with the contents of some of its files replaced, nil ones removed: what the tree is once several changes are in
// it. files is read when the tree is.
func Overlay(t Tree, files map[string][]byte) Tree {
	if len(files) == 0 {
		return t
	}
	return overlay{Tree: t, files: files}
}

// Files lists the files that are left.
func (o overlay) Files() []File {
	var all []File
	for _, f := range o.Tree.Files() {
		text, changed := o.files[f.Path]
		switch {
		case !changed:
			all = append(all, f)
		case text != nil:
			all = append(all, File{Path: f.Path, Blob: blobID(text), Size: int64(len(text)), Mode: f.Mode})
		}
	}
	return all
}

// Read gives a file as it is now. NotFound: it was removed.
func (o overlay) Read(ctx context.Context, path string) ([]byte, error) {
	text, changed := o.files[path]
	switch {
	case !changed:
		return o.Tree.Read(ctx, path)
	case text == nil:
		return nil, engine.Errorf(engine.NotFound, "%s is removed by another part of the change", path)
	}
	return text, nil
}
