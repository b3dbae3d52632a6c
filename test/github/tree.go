package github

import (
	"bytes"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
)

var modes = map[string]string{"100644": "blob", "100755": "blob", "120000": "blob", "040000": "tree", "160000": "commit"}

const emptyTree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

func (c *call) showTree() (reply, error) {
	g := c.repo.git
	name := c.part("sha")
	sha, err := g.resolve(name, "tree")
	if err != nil {
		if len(c.repo.refs) == 0 {
			return reply{}, refuse(http.StatusConflict, "Git Repository is empty.")
		}
		return reply{}, notFound()
	}
	recursive := c.query("recursive") != "" // whatever it says, even false
	list, err := g.list(sha, recursive)
	if err != nil {
		return reply{}, err
	}
	truncated := recursive && len(list) > c.s.cfg.TreeLimit
	if truncated {
		list = list[:c.s.cfg.TreeLimit]
	}
	return ok(c.treeJSON(sha, list, truncated))
}

func (c *call) treeJSON(sha string, list []entry, truncated bool) obj {
	return obj{
		"sha": sha, "url": c.repoURL(c.repo) + "/git/trees/" + sha, "truncated": truncated,
		"tree": each(list, func(e entry) obj {
			out := obj{"path": e.Path, "mode": e.Mode, "type": e.Kind, "sha": e.SHA, "url": c.repoURL(c.repo) + "/git/" + e.Kind + "s/" + e.SHA}
			if e.Kind == "blob" {
				out["size"] = e.Size
			}
			return out
		}),
	}
}

func (c *call) createTree() (reply, error) {
	var in struct {
		BaseTree string `json:"base_tree"`
		Tree     []struct {
			Path, Mode, Type string
			SHA              *string
			Content          *string
		}
	}
	if err := c.read(&in); err != nil {
		return reply{}, err
	}
	g := c.repo.git
	base := ""
	if in.BaseTree != "" {
		var err error
		if base, err = g.resolve(in.BaseTree, "tree"); err != nil || !isSHA(in.BaseTree) {
			return reply{}, unprocessable("base_tree is not a valid tree oid")
		}
	}
	if len(in.Tree) == 0 {
		return reply{}, unprocessable("Invalid tree info")
	}
	var entries []entry
	for _, item := range in.Tree {
		e := entry{Path: item.Path, Mode: item.Mode, Kind: modes[item.Mode]}
		switch {
		case !goodPath(item.Path):
			return reply{}, unprocessable("tree.path contains a malformed path component")
		case e.Kind == "":
			return reply{}, unprocessable("Must supply a valid tree.mode")
		case item.SHA != nil && item.Content != nil:
			return reply{}, unprocessable("Must supply either tree.sha or tree.content")
		case item.Content != nil:
			var err error
			if e.SHA, err = g.writeBlob([]byte(*item.Content)); err != nil {
				return reply{}, err
			}
		case item.SHA != nil:
			kind, _, err := g.object(*item.SHA)
			if e.Kind != "commit" && (err != nil || kind != e.Kind) {
				return reply{}, unprocessable("tree.sha %s is not a valid %s", *item.SHA, e.Kind)
			}
			e.SHA = *item.SHA
		default: // a removal: sha is null
			if _, err := g.at(base, item.Path); base == "" || err != nil {
				return reply{}, unprocessable("GitRPC::BadObjectState")
			}
		}
		entries = append(entries, e)
	}
	sha, err := g.writeTree(base, entries)
	if err != nil {
		return reply{}, unprocessable("GitRPC::BadObjectState")
	}
	list, err := g.list(sha, false)
	if err != nil {
		return reply{}, err
	}
	return created(c.treeJSON(sha, list, false))
}

func goodPath(p string) bool {
	return p != "" && !slices.ContainsFunc(strings.Split(p, "/"), func(part string) bool {
		return part == "" || part == "." || part == ".." || strings.EqualFold(part, ".git") || strings.ContainsRune(part, 0)
	})
}

func (c *call) showBlob() (reply, error) {
	kind, data, err := c.repo.git.object(c.part("sha"))
	if err != nil || kind != "blob" {
		return reply{}, notFound()
	}
	if c.accepts("raw") {
		return reply{status: http.StatusOK, raw: append([]byte{}, data...), kind: "application/vnd.github.raw; charset=utf-8"}, nil
	}
	sha := c.part("sha")
	return ok(obj{
		"sha": sha, "node_id": "B_" + sha, "size": len(data), "url": c.repoURL(c.repo) + "/git/blobs/" + sha, "content": encode(data), "encoding": "base64",
	})
}

// encode is base64 in lines of 60, as GitHub has it.
func encode(data []byte) string {
	const line = 60
	var b strings.Builder
	for chunk := range slices.Chunk([]byte(base64.StdEncoding.EncodeToString(data)), line) {
		b.Write(chunk)
		b.WriteByte('\n')
	}
	return b.String()
}

func decode(s string) ([]byte, error) {
	return base64.StdEncoding.DecodeString(string(bytes.Join(bytes.Fields([]byte(s)), nil)))
}

func (c *call) createBlob() (reply, error) {
	var in struct {
		Content  *string
		Encoding string
	}
	if err := c.read(&in); err != nil {
		return reply{}, err
	}
	if in.Content == nil {
		return reply{}, unprocessable("Invalid request.\n\n\"content\" wasn't supplied.")
	}
	data := []byte(*in.Content)
	switch in.Encoding {
	case "", "utf-8":
	case "base64":
		var err error
		if data, err = decode(*in.Content); err != nil {
			return reply{}, unprocessable("content is not valid Base64")
		}
	default:
		return reply{}, unprocessable("encoding is not supported, use utf-8 or base64")
	}
	sha, err := c.repo.git.writeBlob(data)
	if err != nil {
		return reply{}, err
	}
	return created(obj{"sha": sha, "url": c.repoURL(c.repo) + "/git/blobs/" + sha})
}

func (c *call) showGitCommit() (reply, error) {
	done, err := c.gitCommit(c.part("sha"))
	if err != nil {
		return reply{}, notFound()
	}
	return ok(done)
}

func (c *call) gitCommit(sha string) (obj, error) {
	if !isSHA(sha) {
		return nil, errNoObject
	}
	done, err := c.repo.git.commit(sha)
	if err != nil {
		return nil, err
	}
	return c.gitCommitJSON(done), nil
}

func (c *call) gitCommitJSON(done commit) obj {
	url := c.repoURL(c.repo)
	who := func(p person) obj { return obj{"name": p.Name, "email": p.Email, "date": stamp(p.At)} }
	return obj{
		"sha": done.SHA, "node_id": "C_" + done.SHA, "url": url + "/git/commits/" + done.SHA, "html_url": c.s.url + "/" + c.repo.full() + "/commit/" + done.SHA,
		"author": who(done.Author), "committer": who(done.Committer), "message": done.Message,
		"tree": obj{"sha": done.Tree, "url": url + "/git/trees/" + done.Tree},
		"parents": each(done.Parents, func(sha string) obj {
			return obj{"sha": sha, "url": url + "/git/commits/" + sha, "html_url": c.s.url + "/" + c.repo.full() + "/commit/" + sha}
		}),
		"verification": c.verification(done.SHA),
	}
}

func (c *call) verification(sha string) obj {
	reason := "unsigned"
	if c.repo.verified[sha] {
		reason = "valid"
	}
	return obj{"verified": c.repo.verified[sha], "reason": reason, "signature": nil, "payload": nil}
}

type personIn struct {
	Name, Email string
	Date        *time.Time
}

// fill is the person of a commit, or the caller.
func (c *call) fill(in *personIn, or person) (person, error) {
	if in == nil {
		return or, nil
	}
	if in.Name == "" || in.Email == "" {
		return person{}, unprocessable("Invalid request.\n\n\"email\", \"name\" weren't supplied.")
	}
	p := person{in.Name, in.Email, or.At}
	if in.Date != nil {
		p.At = *in.Date
	}
	return p, nil
}

func (c *call) self() person { return person{c.who.user.Name, c.who.user.Email, c.s.now()} }

func (c *call) createCommit() (reply, error) {
	var in struct {
		Message           string
		Tree              string
		Parents           []string
		Author, Committer *personIn
	}
	if err := c.read(&in); err != nil {
		return reply{}, err
	}
	g := c.repo.git
	if in.Message == "" {
		return reply{}, unprocessable("Invalid request.\n\n\"message\" wasn't supplied.")
	}
	if kind, _, err := g.object(in.Tree); errors.Is(err, errNoObject) || kind != "tree" {
		return reply{}, unprocessable("Tree SHA does not exist")
	}
	for _, p := range in.Parents {
		if kind, _, err := g.object(p); errors.Is(err, errNoObject) || kind != "commit" {
			return reply{}, unprocessable("Parent SHA does not exist or is not a commit object")
		}
	}
	author, err := c.fill(in.Author, c.self())
	if err != nil {
		return reply{}, err
	}
	committer, err := c.fill(in.Committer, author)
	if err != nil {
		return reply{}, err
	}
	sha, err := g.writeCommit(commit{Tree: in.Tree, Message: in.Message, Parents: in.Parents, Author: author, Committer: committer})
	if err != nil {
		return reply{}, err
	}
	c.repo.verified[sha] = c.who.user.Type == "Bot" && in.Author == nil && in.Committer == nil // GitHub signs those
	done, err := c.gitCommit(sha)
	if err != nil {
		return reply{}, err
	}
	return created(done)
}
