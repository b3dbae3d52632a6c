package github

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Protection is how a branch is protected.
type Protection struct {
	Reviews       int      // approvals that a pull request needs
	CodeOwners    bool     // of who owns what it changes
	Checks        []string // that must have passed
	Strict        bool     // on the newest base
	EnforceAdmins bool     // administrators must obey too
}

func branchRef(name string) string { return "refs/heads/" + name }

func (c *call) refJSON(name, sha string) obj {
	kind, _, err := c.repo.git.object(sha)
	if err != nil {
		kind = "commit"
	}
	return obj{
		"ref": name, "node_id": nodeID("REF", int64(len(name))), "url": c.repoURL(c.repo) + "/git/" + escapePath(name),
		"object": obj{"sha": sha, "type": kind, "url": c.repoURL(c.repo) + "/git/" + kind + "s/" + sha},
	}
}

func (c *call) showRef() (reply, error) {
	name := "refs/" + c.part("ref")
	sha := c.repo.refs[name]
	if sha == "" {
		return reply{}, notFound()
	}
	return ok(c.refJSON(name, sha))
}

func (c *call) matchingRefs() (reply, error) {
	var names []string
	for _, name := range sorted(c.repo.refs) {
		if strings.HasPrefix(name, "refs/"+c.part("ref")) {
			names = append(names, name)
		}
	}
	return ok(each(page(c, names), func(name string) obj { return c.refJSON(name, c.repo.refs[name]) }))
}

func (c *call) createRef() (reply, error) {
	var in struct{ Ref, SHA string }
	if err := c.read(&in); err != nil {
		return reply{}, err
	}
	name := strings.TrimPrefix(in.Ref, "refs/")
	group, rest, _ := strings.Cut(name, "/")
	switch {
	case len(c.repo.refs) == 0:
		return reply{}, refuse(http.StatusConflict, "Git Repository is empty.")
	case !strings.HasPrefix(in.Ref, "refs/") || rest == "" || !c.repo.git.goodRef(in.Ref):
		return reply{}, unprocessable("Reference name must start with 'refs' and have at least two slashes.")
	case group != "heads" && group != "tags":
		return reply{}, unprocessable("Reference update failed")
	case !isSHA(in.SHA):
		return reply{}, unprocessable("The sha parameter must be exactly 40 characters and contain only [0-9a-f].")
	case c.repo.refs[in.Ref] != "":
		return reply{}, unprocessable("Reference already exists")
	}
	if _, err := c.repo.git.commitOf(in.SHA); err != nil {
		return reply{}, unprocessable("Object does not exist")
	}
	if err := c.repo.git.setRef(in.Ref, in.SHA, ""); err != nil { // such as a/b where a is a branch
		return reply{}, unprocessable("Reference update failed")
	}
	if err := c.s.settle(c.repo, c.who); err != nil {
		return reply{}, err
	}
	return created(c.refJSON(in.Ref, in.SHA))
}

func (g gitDir) goodRef(name string) bool {
	_, err := g.run(nil, "check-ref-format", name)
	return err == nil
}

func (c *call) updateRef() (reply, error) {
	var in struct {
		SHA   string
		Force bool
	}
	if err := c.read(&in); err != nil {
		return reply{}, err
	}
	name := "refs/" + c.part("ref")
	was := c.repo.refs[name]
	if was == "" {
		return reply{}, unprocessable("Reference does not exist")
	}
	if !isSHA(in.SHA) {
		return reply{}, unprocessable("The sha parameter must be exactly 40 characters and contain only [0-9a-f].")
	}
	if _, err := c.repo.git.commitOf(in.SHA); err != nil {
		return reply{}, unprocessable("Object does not exist")
	}
	if err := c.mayPush(name); err != nil {
		return reply{}, err
	}
	if !in.Force && !c.repo.git.isAncestor(was, in.SHA) {
		return reply{}, unprocessable("Update is not a fast forward")
	}
	if err := c.repo.git.setRef(name, in.SHA, was); err != nil {
		return reply{}, err
	}
	if err := c.s.settle(c.repo, c.who); err != nil {
		return reply{}, err
	}
	return ok(c.refJSON(name, in.SHA))
}

func (c *call) deleteRef() (reply, error) {
	name := "refs/" + c.part("ref")
	was := c.repo.refs[name]
	switch {
	case was == "":
		return reply{}, unprocessable("Reference does not exist")
	case name == branchRef(c.repo.branch):
		return reply{}, unprocessable("Cannot delete the default branch")
	}
	if c.repo.rules[strings.TrimPrefix(name, "refs/heads/")] != nil {
		return reply{}, unprocessable("Cannot delete a protected branch")
	}
	if err := c.repo.git.setRef(name, "", was); err != nil {
		return reply{}, err
	}
	if err := c.s.settle(c.repo, c.who); err != nil {
		return reply{}, err
	}
	return nothing()
}

// mayPush refuses to move a protected branch without a pull request.
func (c *call) mayPush(ref string) error {
	p := c.repo.rules[strings.TrimPrefix(ref, "refs/heads/")]
	if p == nil || c.bypasses(p) {
		return nil
	}
	return &refusal{status: http.StatusUnprocessableEntity, doc: "articles/about-protected-branches", message: "Changes must be made through a pull request."}
}

func (c *call) bypasses(p *Protection) bool {
	return !p.EnforceAdmins && c.who.installation == nil && c.repo.atLeast(c.who.login, "admin")
}

// guard writes which branches git itself refuses to be pushed to.
func (r *repo) guard() error {
	var b strings.Builder
	for _, name := range sorted(r.rules) {
		fmt.Fprintln(&b, branchRef(name))
	}
	return os.WriteFile(filepath.Join(r.git.path, "protected"), []byte(b.String()), 0o644)
}

func (c *call) branchJSON(name string, full bool) (obj, error) {
	sha := c.repo.refs[branchRef(name)]
	if sha == "" {
		return nil, refuse(http.StatusNotFound, "Branch not found")
	}
	url := c.repoURL(c.repo) + "/branches/" + escapePath(name)
	tip := obj{"sha": sha, "url": c.repoURL(c.repo) + "/commits/" + sha}
	if full {
		done, err := c.repo.git.commit(sha)
		if err != nil {
			return nil, err
		}
		tip = c.commitJSON(done)
	}
	p := c.repo.rules[name]
	out := obj{"name": name, "commit": tip, "protected": p != nil, "protection_url": url + "/protection"}
	checks := obj{"enforcement_level": "off", "contexts": []string{}, "checks": []obj{}}
	if p != nil && len(p.Checks) > 0 {
		checks["enforcement_level"], checks["contexts"] = "non_admins", p.Checks
	}
	out["protection"] = obj{"enabled": p != nil, "required_status_checks": checks}
	return out, nil
}

func (c *call) listBranches() (reply, error) {
	var names []string
	for _, ref := range sorted(c.repo.refs) {
		name, isBranch := strings.CutPrefix(ref, "refs/heads/")
		if isBranch && (c.query("protected") == "" || c.query("protected") == fmt.Sprint(c.repo.rules[name] != nil)) {
			names = append(names, name)
		}
	}
	var list []obj
	for _, name := range page(c, names) {
		b, err := c.branchJSON(name, false)
		if err != nil {
			return reply{}, err
		}
		list = append(list, b)
	}
	return ok(append([]obj{}, list...))
}

func (c *call) showBranch() (reply, error) {
	b, err := c.branchJSON(c.part("branch"), true)
	if err != nil {
		return reply{}, err
	}
	return ok(b)
}

func (c *call) showProtection() (reply, error) {
	name := c.part("branch")
	p := c.repo.rules[name]
	switch {
	case c.repo.refs[branchRef(name)] == "":
		return reply{}, refuse(http.StatusNotFound, "Branch not found")
	case p == nil:
		return reply{}, refuse(http.StatusNotFound, "Branch not protected")
	}
	url := c.repoURL(c.repo) + "/branches/" + escapePath(name) + "/protection"
	out := obj{
		"url": url, "enforce_admins": obj{"url": url + "/enforce_admins", "enabled": p.EnforceAdmins},
		"allow_force_pushes": obj{"enabled": false}, "allow_deletions": obj{"enabled": false},
	}
	if p.Reviews > 0 || p.CodeOwners {
		out["required_pull_request_reviews"] = obj{
			"url": url + "/required_pull_request_reviews", "required_approving_review_count": p.Reviews,
			"require_code_owner_reviews": p.CodeOwners, "dismiss_stale_reviews": false,
		}
	}
	if len(p.Checks) > 0 {
		out["required_status_checks"] = obj{
			"url": url + "/required_status_checks", "strict": p.Strict, "contexts": slices.Clone(p.Checks),
			"checks": each(p.Checks, func(name string) obj { return obj{"context": name, "app_id": nil} }),
		}
	}
	return ok(out)
}
