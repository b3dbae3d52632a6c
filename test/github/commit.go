package github

import (
	"net/http"
	"strings"
)

// commitJSON is a commit as the repository's list has it.
func (c *call) commitJSON(done commit) obj {
	url := c.repoURL(c.repo)
	inner := c.gitCommitJSON(done)
	return obj{
		"sha": done.SHA, "node_id": "C_" + done.SHA, "url": url + "/commits/" + done.SHA, "html_url": c.s.url + "/" + c.repo.full() + "/commit/" + done.SHA,
		"commit": inner, "author": c.userJSON(c.s.byEmail(done.Author.Email)), "committer": c.userJSON(c.s.byEmail(done.Committer.Email)),
		"parents": inner["parents"],
	}
}

// byEmail is the account whose address a commit bears, nil when it is nobody's.
func (s *Server) byEmail(email string) *User {
	for _, login := range sorted(s.users) {
		if u := s.users[login]; u.Email == email {
			return u
		}
	}
	return nil
}

func (c *call) listCommits() (reply, error) {
	from := c.query("sha")
	if from == "" {
		from = c.repo.branch
	}
	sha, err := c.repo.git.commitOf(from)
	if err != nil {
		if len(c.repo.refs) == 0 {
			return reply{}, refuse(http.StatusConflict, "Git Repository is empty.")
		}
		return reply{}, notFound()
	}
	args := []string{sha}
	for _, limit := range []string{"since", "until", "author"} {
		if v := c.query(limit); v != "" {
			args = append(args, "--"+limit+"="+v)
		}
	}
	args = append(args, "--")
	if path := c.query("path"); path != "" {
		args = append(args, path)
	}
	list, err := c.repo.git.commits(0, args...)
	if err != nil {
		return reply{}, err
	}
	return ok(each(page(c, list), c.commitJSON))
}

func (c *call) showCommit() (reply, error) {
	g := c.repo.git
	sha, err := g.commitOf(c.part("ref"))
	if err != nil {
		return reply{}, unprocessable("No commit found for SHA: %s", c.part("ref"))
	}
	if c.accepts("sha") {
		return reply{status: http.StatusOK, raw: []byte(sha), kind: "application/vnd.github.sha; charset=utf-8"}, nil
	}
	done, err := g.commit(sha)
	if err != nil {
		return reply{}, err
	}
	before := ""
	if len(done.Parents) > 0 {
		before = done.Parents[0]
	}
	if before != "" && (c.accepts("diff") || c.accepts("patch")) {
		return c.diffReply(before, sha)
	}
	changes, err := g.diff(before, sha)
	if err != nil {
		return reply{}, err
	}
	out := c.commitJSON(done)
	added, removed := lines(changes)
	out["stats"] = obj{"additions": added, "deletions": removed, "total": added + removed}
	out["files"] = each(changes, func(f change) obj { return c.fileJSON(f, sha) })
	return ok(out)
}

// listCommitPulls names the merged pull request that brought a commit to its base, or the open ones that would.
func (c *call) listCommitPulls() (reply, error) {
	sha, err := c.repo.git.commitOf(c.part("ref"))
	if err != nil {
		return reply{}, unprocessable("No commit found for SHA: %s", c.part("ref"))
	}
	var list []*pull
	for _, p := range c.repo.pulls {
		if p.state == stateClosed && p.merged.IsZero() {
			continue
		}
		from, to := c.repo.span(p)
		within := c.repo.git.isAncestor(sha, to) && !c.repo.git.isAncestor(sha, from)
		if within || p.mergeSHA == sha && !p.merged.IsZero() {
			list = append(list, p)
		}
	}
	return ok(each(page(c, list), c.pullJSON))
}

func (c *call) diffReply(from, to string) (reply, error) {
	data, err := c.repo.git.rawDiff(from, to)
	return reply{status: http.StatusOK, raw: append([]byte{}, data...), kind: "application/vnd.github.diff; charset=utf-8"}, err
}

func lines(changes []change) (added, removed int) {
	for _, f := range changes {
		added, removed = added+f.Added, removed+f.Removed
	}
	return added, removed
}

func (c *call) fileJSON(f change, at string) obj {
	out := obj{
		"sha": f.SHA, "filename": f.Path, "status": f.Status, "additions": f.Added, "deletions": f.Removed, "changes": f.Added + f.Removed,
		"blob_url": c.s.url + "/" + c.repo.full() + "/blob/" + at + "/" + escapePath(f.Path),
		"raw_url":  c.s.url + "/" + c.repo.full() + "/raw/" + at + "/" + escapePath(f.Path), "contents_url": c.repoURL(c.repo) + "/contents/" + escapePath(f.Path) + "?ref=" + at,
	}
	if f.Patch != "" {
		out["patch"] = f.Patch
	}
	if f.Was != "" {
		out["previous_filename"] = f.Was
	}
	return out
}

// compare says what head has that base has not, from where they parted.
func (c *call) compare() (reply, error) {
	g := c.repo.git
	base, head, found := strings.Cut(c.part("span"), "...")
	strip := func(name string) string { // owner:branch
		if owner, branch, has := strings.Cut(name, ":"); has && strings.EqualFold(owner, c.repo.owner) {
			return branch
		}
		return name
	}
	from, errFrom := g.commitOf(strip(base))
	to, errTo := g.commitOf(strip(head))
	if !found || errFrom != nil || errTo != nil {
		return reply{}, notFound()
	}
	fork := g.mergeBase(from, to)
	if fork == "" {
		return reply{}, refuse(http.StatusNotFound, "No common ancestor between %s and %s.", base, head)
	}
	if c.accepts("diff") {
		return c.diffReply(fork, to)
	}
	ahead, err := g.commits(0, "--reverse", from+".."+to, "--")
	if err != nil {
		return reply{}, err
	}
	behind, err := g.count(to, from)
	if err != nil {
		return reply{}, err
	}
	status := map[[2]bool]string{{false, false}: "identical", {true, false}: "ahead", {false, true}: "behind", {true, true}: "diverged"}
	changes, err := g.diff(fork, to)
	if err != nil {
		return reply{}, err
	}
	out := obj{
		"url": c.base + c.path, "html_url": c.s.url + "/" + c.repo.full() + "/compare/" + c.part("span"), "status": status[[2]bool{len(ahead) > 0, behind > 0}],
		"ahead_by": len(ahead), "behind_by": behind, "total_commits": len(ahead),
		"commits": each(page(c, ahead), c.commitJSON), "files": each(changes, func(f change) obj { return c.fileJSON(f, to) }),
	}
	for name, sha := range map[string]string{"base_commit": from, "merge_base_commit": fork} {
		done, err := g.commit(sha)
		if err != nil {
			return reply{}, err
		}
		out[name] = c.commitJSON(done)
	}
	return ok(out)
}
