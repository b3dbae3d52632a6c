package github

import (
	"cmp"
	"net/http"
	"path"
	"strings"
)

// contentAt resolves the commit that a content is asked of.
func (c *call) contentAt(ref string) (string, error) {
	ref = cmp.Or(ref, c.repo.branch)
	sha, err := c.repo.git.commitOf(ref)
	switch {
	case err != nil && len(c.repo.refs) == 0:
		return "", refuse(http.StatusNotFound, "This repository is empty.")
	case err != nil:
		return "", refuse(http.StatusNotFound, "No commit found for the ref %s", ref)
	}
	return sha, nil
}

func (c *call) showContent() (reply, error) {
	g := c.repo.git
	at, err := c.contentAt(c.query("ref"))
	if err != nil {
		return reply{}, err
	}
	name := strings.Trim(c.part("path"), "/")
	e := entry{Kind: "tree", SHA: at}
	if name != "" {
		if e, err = g.at(at, name); err != nil {
			return reply{}, notFound()
		}
	}
	if e.Kind == "tree" {
		list, err := g.list(e.SHA, false)
		if err != nil {
			return reply{}, err
		}
		return ok(each(list, func(child entry) obj {
			child.Path = path.Join(name, child.Path)
			return c.contentJSON(child, at)
		}))
	}
	_, data, err := g.object(e.SHA)
	if err != nil {
		return reply{}, err
	}
	if c.accepts("raw") {
		return reply{status: http.StatusOK, raw: append([]byte{}, data...), kind: "application/vnd.github.raw; charset=utf-8"}, nil
	}
	out := c.contentJSON(e, at)
	out["content"], out["encoding"] = encode(data), "base64"
	const inline = 1 << 20
	if len(data) > inline {
		out["content"], out["encoding"] = "", "none"
	}
	return ok(out)
}

func (c *call) contentJSON(e entry, at string) obj {
	kind := map[string]string{"blob": "file", "tree": "dir", "commit": "submodule"}[e.Kind]
	if e.Mode == "120000" {
		kind = "symlink"
	}
	url := c.repoURL(c.repo)
	return obj{
		"name": path.Base(e.Path), "path": e.Path, "sha": e.SHA, "size": e.Size, "type": kind, "url": url + "/contents/" + escapePath(e.Path) + "?ref=" + at,
		"git_url": url + "/git/" + e.Kind + "s/" + e.SHA, "html_url": c.s.url + "/" + c.repo.full() + "/blob/" + at + "/" + escapePath(e.Path),
		"download_url": c.s.url + "/" + c.repo.full() + "/raw/" + at + "/" + escapePath(e.Path),
	}
}

// putContent makes or changes one file in a commit of its own; deleting it is the same without content.
func (c *call) putContent() (reply, error) {
	var in struct {
		Message, Branch, SHA string
		Content              *string
		Author, Committer    *personIn
	}
	if err := c.read(&in); err != nil {
		return reply{}, err
	}
	name := c.part("path")
	remove := c.r.Method == http.MethodDelete
	if in.Message == "" || in.Content == nil && !remove {
		return reply{}, unprocessable("Invalid request.\n\n\"message\" or \"content\" wasn't supplied.")
	}
	if !goodPath(name) {
		return reply{}, unprocessable("path contains a malformed path component")
	}
	branch := cmp.Or(in.Branch, c.repo.branch)
	tip := c.repo.refs[branchRef(branch)]
	if tip == "" && len(c.repo.refs) > 0 {
		return reply{}, refuse(http.StatusNotFound, "Branch %s not found", branch)
	}
	var was entry
	if tip != "" {
		was, _ = c.repo.git.at(tip, name) // nothing there is no error: the file is new
	}
	switch {
	case was.SHA == "" && remove:
		return reply{}, notFound()
	case was.SHA != "" && in.SHA == "":
		return reply{}, unprocessable("Invalid request.\n\n\"sha\" wasn't supplied.")
	case in.SHA != was.SHA && in.SHA != "":
		return reply{}, refuse(http.StatusConflict, "%s does not match %s", name, in.SHA)
	}
	if p := c.repo.rules[branch]; p != nil && !c.bypasses(p) {
		return reply{}, refuse(http.StatusConflict, "Could not change file: Changes must be made through a pull request.")
	}
	push := Push{Branch: branch, Message: in.Message, Files: map[string]string{}}
	if remove {
		push.Remove = []string{name}
	} else {
		data, err := decode(*in.Content)
		if err != nil {
			return reply{}, unprocessable("content is not valid Base64")
		}
		push.Files[name] = string(data)
	}
	sha, err := c.s.write(c.repo, c.who, push)
	if err != nil {
		return reply{}, err
	}
	done, err := c.repo.git.commit(sha)
	if err != nil {
		return reply{}, err
	}
	out := obj{"commit": c.gitCommitJSON(done), "content": nil}
	if e, err := c.repo.git.at(sha, name); err == nil {
		out["content"] = c.contentJSON(e, sha)
	}
	if was.SHA == "" {
		return created(out)
	}
	return ok(out)
}
