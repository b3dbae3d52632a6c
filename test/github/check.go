package github

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// status is a commit status of the older kind.
type status struct {
	id                                int64
	state, context, description, link string
	by                                *User
	at                                time.Time
}

// run is a check run.
type run struct {
	id, suite                      int64
	sha, name, status, conclusion  string
	app                            *App
	title, summary, link, external string
	started, completed             time.Time
}

// latest is the newest status of each context of a commit, newest first.
func (r *repo) latest(sha string) []*status {
	var list []*status
	for _, st := range slices.Backward(r.statuses[sha]) {
		if !slices.ContainsFunc(list, func(o *status) bool { return o.context == st.context }) {
			list = append(list, st)
		}
	}
	return list
}

// runsOf is the newest run of each name and app of a commit.
func (r *repo) runsOf(sha string) []*run {
	var list []*run
	for _, n := range slices.Backward(r.runs) {
		if n.sha == sha && !slices.ContainsFunc(list, func(o *run) bool { return o.name == n.name && o.suite == n.suite }) {
			list = append(list, n)
		}
	}
	return list
}

// outcome is a run in the words of a status.
func (n *run) outcome() string {
	switch {
	case n.status != "completed":
		return "pending"
	case slices.Contains([]string{"success", "neutral", "skipped"}, n.conclusion):
		return "success"
	}
	return "failure"
}

// checkState is how the check or status of that name stands: success, failure, pending, or "" when there is none.
func (r *repo) checkState(sha, name string) string {
	for _, n := range r.runsOf(sha) {
		if n.name == name {
			return n.outcome()
		}
	}
	for _, st := range r.latest(sha) {
		if st.context == name {
			return strings.Replace(st.state, "error", "failure", 1)
		}
	}
	return ""
}

// verdict is all checks and statuses of a commit together.
func (r *repo) verdict(sha string) string {
	var states []string
	for _, n := range r.runsOf(sha) {
		states = append(states, n.outcome())
	}
	for _, st := range r.latest(sha) {
		states = append(states, st.state)
	}
	return worst(states)
}

func worst(states []string) string {
	switch {
	case slices.Contains(states, "failure"), slices.Contains(states, "error"):
		return "failure"
	case slices.Contains(states, "pending"):
		return "pending"
	}
	return "success"
}

func (c *call) statusJSON(st *status, sha string) obj {
	return obj{
		"id": st.id, "node_id": nodeID("SC", st.id), "state": st.state, "context": st.context, "description": orNull(st.description), "target_url": orNull(st.link),
		"creator": c.userJSON(st.by), "created_at": stamp(st.at), "updated_at": stamp(st.at), "url": c.repoURL(c.repo) + "/statuses/" + sha,
	}
}

// combined is a commit's statuses as one. Without any it is pending, as GitHub has it.
func (c *call) combined() (reply, error) {
	sha, err := c.repo.git.commitOf(c.part("ref"))
	if err != nil {
		return reply{}, unprocessable("No commit found for SHA: %s", c.part("ref"))
	}
	list := c.repo.latest(sha)
	state := "pending"
	if len(list) > 0 {
		var states []string
		for _, st := range list {
			states = append(states, st.state)
		}
		state = worst(states)
	}
	return ok(obj{
		"state": state, "sha": sha, "total_count": len(list), "statuses": each(page(c, list), func(st *status) obj { return c.statusJSON(st, sha) }),
		"repository": c.repoJSON(c.repo), "commit_url": c.repoURL(c.repo) + "/commits/" + sha, "url": c.repoURL(c.repo) + "/commits/" + sha + "/status",
	})
}

func (c *call) listStatuses() (reply, error) {
	sha, err := c.repo.git.commitOf(c.part("ref"))
	if err != nil {
		return reply{}, notFound()
	}
	list := slices.Clone(c.repo.statuses[sha])
	slices.Reverse(list)
	return ok(each(page(c, list), func(st *status) obj { return c.statusJSON(st, sha) }))
}

func (c *call) createStatus() (reply, error) {
	var in struct {
		State, Context, Description string
		Target                      string `json:"target_url"`
	}
	if err := c.read(&in); err != nil {
		return reply{}, err
	}
	sha := c.part("ref")
	if _, err := c.repo.git.commitOf(sha); err != nil || !isSHA(sha) {
		return reply{}, unprocessable("No commit found for SHA: %s", sha)
	}
	if !slices.Contains([]string{"error", "failure", "pending", "success"}, in.State) {
		return reply{}, invalid(obj{"resource": "Status", "code": "custom", "field": "state", "message": "state is not included in the list"})
	}
	st := c.s.addStatus(c.repo, sha, &status{state: in.State, context: cmp.Or(in.Context, "default"), description: in.Description, link: in.Target, by: c.who.user}, c.who)
	return created(c.statusJSON(st, sha))
}

func (s *Server) addStatus(r *repo, sha string, st *status, by actor) *status {
	st.id, st.at = s.next(), s.now()
	r.statuses[sha] = append(r.statuses[sha], st)
	s.tell(r, "status", by, obj{"id": st.id, "sha": sha, "name": r.full(), "state": st.state, "context": st.context, "description": orNull(st.description), "target_url": orNull(st.link)})
	return st
}

func (c *call) runJSON(n *run) obj {
	return obj{
		"id": n.id, "node_id": nodeID("CR", n.id), "name": n.name, "head_sha": n.sha, "status": n.status, "conclusion": orNull(n.conclusion), "external_id": n.external,
		"app": c.appJSON(n.app), "check_suite": obj{"id": n.suite}, "started_at": stamp(n.started), "completed_at": stamp(n.completed),
		"output":      obj{"title": orNull(n.title), "summary": orNull(n.summary), "text": nil, "annotations_count": 0},
		"details_url": orNull(n.link), "html_url": fmt.Sprintf("%s/%s/runs/%d", c.s.url, c.repo.full(), n.id), "url": fmt.Sprintf("%s/check-runs/%d", c.repoURL(c.repo), n.id),
		"pull_requests": c.pullsAt(n.sha),
	}
}

// pullsAt is the open pull requests whose head is a commit, as checks name them.
func (c *call) pullsAt(sha string) []obj {
	out := []obj{}
	for _, p := range c.repo.pulls {
		if p.headSHA == sha && p.state == stateOpen {
			end := func(ref, sha string) obj { return obj{"ref": ref, "sha": sha} }
			out = append(out, obj{"id": p.id, "number": p.number, "head": end(p.head, p.headSHA), "base": end(p.base, p.baseSHA)})
		}
	}
	return out
}

func (c *call) listRuns() (reply, error) {
	sha, err := c.repo.git.commitOf(c.part("ref"))
	if err != nil {
		return reply{}, unprocessable("No commit found for SHA: %s", c.part("ref"))
	}
	list := slices.DeleteFunc(c.repo.runsOf(sha), func(n *run) bool {
		return c.query("check_name") != "" && n.name != c.query("check_name") || c.query("status") != "" && n.status != c.query("status")
	})
	return ok(obj{"total_count": len(list), "check_runs": each(page(c, list), c.runJSON)})
}

func (c *call) suiteJSON(id int64, runs []*run) obj {
	var states []string
	for _, n := range runs {
		states = append(states, n.outcome())
	}
	state := worst(states)
	out := obj{
		"id": id, "node_id": nodeID("CS", id), "head_sha": runs[0].sha, "app": c.appJSON(runs[0].app), "latest_check_runs_count": len(runs), "status": "completed",
		"conclusion": state, "pull_requests": c.pullsAt(runs[0].sha), "created_at": stamp(runs[0].started), "updated_at": stamp(c.s.now()),
	}
	if state == "pending" {
		out["status"], out["conclusion"] = "in_progress", nil
	}
	return out
}

func (c *call) listSuites() (reply, error) {
	sha, err := c.repo.git.commitOf(c.part("ref"))
	if err != nil {
		return reply{}, unprocessable("No commit found for SHA: %s", c.part("ref"))
	}
	bySuite := map[int64][]*run{}
	var ids []int64
	for _, n := range c.repo.runsOf(sha) {
		if bySuite[n.suite] == nil {
			ids = append(ids, n.suite)
		}
		bySuite[n.suite] = append(bySuite[n.suite], n)
	}
	slices.Sort(ids)
	return ok(obj{"total_count": len(ids), "check_suites": each(page(c, ids), func(id int64) obj { return c.suiteJSON(id, bySuite[id]) })})
}

type runIn struct {
	Name, Status, Conclusion string
	SHA                      string `json:"head_sha"`
	Link                     string `json:"details_url"`
	External                 string `json:"external_id"`
	Output                   struct{ Title, Summary string }
}

func (in runIn) fill(n *run) {
	n.name, n.status, n.conclusion = cmp.Or(in.Name, n.name), cmp.Or(in.Status, n.status, "queued"), cmp.Or(in.Conclusion, n.conclusion)
	if in.Conclusion != "" {
		n.status = "completed"
	}
	n.link, n.external = cmp.Or(in.Link, n.link), cmp.Or(in.External, n.external)
	n.title, n.summary = cmp.Or(in.Output.Title, n.title), cmp.Or(in.Output.Summary, n.summary)
}

func (c *call) createRun() (reply, error) {
	var in runIn
	if err := c.read(&in); err != nil {
		return reply{}, err
	}
	switch {
	case c.who.installation == nil:
		return reply{}, refuse(http.StatusForbidden, "You must authenticate via a GitHub App.")
	case in.Name == "" || !isSHA(in.SHA):
		return reply{}, unprocessable("Invalid request.\n\n\"name\", \"head_sha\" weren't supplied.")
	}
	if _, err := c.repo.git.commitOf(in.SHA); err != nil {
		return reply{}, unprocessable("No commit found for SHA: %s", in.SHA)
	}
	n := &run{sha: in.SHA, app: c.who.installation.app}
	in.fill(n)
	c.s.addRun(c.repo, n, c.who)
	return created(c.runJSON(n))
}

func (c *call) updateRun() (reply, error) {
	id, err := c.number("id")
	if err != nil {
		return reply{}, err
	}
	var in runIn
	if err := c.read(&in); err != nil {
		return reply{}, err
	}
	for _, n := range c.repo.runs {
		if n.id == id {
			in.fill(n)
			c.s.tellRun(c.repo, n, c.who)
			return ok(c.runJSON(n))
		}
	}
	return reply{}, notFound()
}

// addRun adds a run to the suite of its app and commit.
func (s *Server) addRun(r *repo, n *run, by actor) {
	n.id, n.started = s.next(), s.now()
	for _, o := range r.runs {
		if o.sha == n.sha && o.app == n.app {
			n.suite = o.suite
		}
	}
	if n.suite == 0 {
		n.suite = s.next()
	}
	r.runs = append(r.runs, n)
	s.tellRun(r, n, by)
}

// tellRun tells hooks of a run, and of its suite when that is done.
func (s *Server) tellRun(r *repo, n *run, by actor) {
	c := s.view(r)
	action := "created"
	if n.status == "completed" {
		action, n.completed = "completed", s.now()
	}
	s.tell(r, "check_run", by, obj{"action": action, "check_run": c.runJSON(n)})
	var suite []*run
	for _, o := range r.runsOf(n.sha) {
		if o.suite == n.suite {
			suite = append(suite, o)
		}
	}
	if told := c.suiteJSON(n.suite, suite); told["status"] == "completed" {
		for _, p := range r.pulls {
			if p.headSHA == n.sha && p.state == stateOpen {
				told["head_branch"] = p.head
			}
		}
		s.tell(r, "check_suite", by, obj{"action": "completed", "check_suite": told})
	}
}
