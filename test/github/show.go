package github

import (
	"cmp"
	"slices"
	"strings"
)

// Pull is a pull request as it stands.
type Pull struct {
	Number    int      `json:"number"`
	Title     string   `json:"title"`
	Body      string   `json:"body"`
	State     string   `json:"state"` // open, closed
	Merged    bool     `json:"merged"`
	Draft     bool     `json:"draft"`
	Author    string   `json:"author"`
	Head      string   `json:"head"`
	Base      string   `json:"base"`
	HeadSHA   string   `json:"head_sha"`
	MergeSHA  string   `json:"merge_sha"`
	Labels    []string `json:"labels"`
	Reviewers []string `json:"reviewers"`
	Teams     []string `json:"teams"`
	Talk      []Talk   `json:"talk"` // comments and reviews, oldest first
	Commits   int      `json:"commits"`
	Diff      string   `json:"diff"`
	Fits      bool     `json:"fits"` // it can be merged without a conflict
	Blocked   string   `json:"blocked"`
	ClosedBy  string   `json:"closed_by"`
	Checks    []Check  `json:"checks"`
}

// Check is a check or a status of a commit: success, failure or pending.
type Check struct {
	Name  string `json:"name"`
	State string `json:"state"`
}

// Talk is a comment, or a review: then What says which ("approved", "requested changes", "reviewed").
type Talk struct {
	Author string `json:"author"`
	What   string `json:"what,omitempty"`
	Body   string `json:"body"`

	id int64
}

func (p *pull) talk() []Talk {
	var list []Talk
	for _, m := range p.comments {
		list = append(list, Talk{Author: m.user.Login, Body: m.body, id: m.id})
	}
	words := map[string]string{"APPROVED": "approved", "CHANGES_REQUESTED": "requested changes", "COMMENTED": "reviewed"}
	for _, v := range p.reviews {
		if what := words[v.state]; what != "" {
			list = append(list, Talk{Author: v.user.Login, What: what, Body: v.body, id: v.id})
		}
	}
	slices.SortFunc(list, func(a, b Talk) int { return cmp.Compare(a.id, b.id) })
	return list
}

// Repos are the names of the repositories.
func (s *Server) Repos() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for _, key := range sorted(s.repos) {
		names = append(names, s.repos[key].full())
	}
	return names
}

// Pulls are the pull requests of a repository, by number; none when there is no such repository.
func (s *Server) Pulls(name string) []Pull {
	var list []Pull
	err := s.on(name, func(r *repo) error {
		for _, p := range r.pulls {
			list = append(list, r.show(p))
		}
		return nil
	})
	if err != nil {
		return nil
	}
	return list
}

func (r *repo) show(p *pull) Pull {
	from, to := r.span(p)
	out := Pull{
		Number: p.number, Title: p.title, Body: p.body, State: p.state, Merged: !p.merged.IsZero(), Draft: p.draft, Author: p.user.Login, Head: p.head, Base: p.base,
		HeadSHA: p.headSHA, MergeSHA: p.mergeSHA, Teams: slices.Clone(p.teams),
	}
	for _, l := range p.labels {
		out.Labels = append(out.Labels, l.Name)
	}
	for _, u := range p.reviewers {
		out.Reviewers = append(out.Reviewers, u.Login)
	}
	out.Talk = p.talk()
	if p.closedBy != nil {
		out.ClosedBy = p.closedBy.Login
	}
	out.Commits, _ = r.git.count(from, to)
	diff, _ := r.git.rawDiff(from, to)
	out.Diff = string(diff)
	if p.state == stateOpen {
		_, out.Fits, _ = r.git.merge(r.refs[branchRef(p.base)], p.headSHA)
		out.Blocked, _ = r.blocked(p)
	}
	for _, n := range r.runsOf(p.headSHA) {
		out.Checks = append(out.Checks, Check{n.name, n.outcome()})
	}
	for _, st := range r.latest(p.headSHA) {
		out.Checks = append(out.Checks, Check{st.context, st.state})
	}
	return out
}

// File is the content of a file on a branch or commit.
func (s *Server) File(name, ref, path string) (data string, err error) {
	err = s.on(name, func(r *repo) error {
		sha, err := r.git.commitOf(ref)
		if err != nil {
			return err
		}
		e, err := r.git.at(sha, path)
		if err != nil {
			return err
		}
		_, raw, err := r.git.object(e.SHA)
		data = string(raw)
		return err
	})
	return data, err
}

// Branches are the branches of a repository and their commits; none when there is no such repository.
func (s *Server) Branches(name string) map[string]string {
	out := map[string]string{}
	err := s.on(name, func(r *repo) error {
		for ref, sha := range r.refs {
			if branch, ok := strings.CutPrefix(ref, "refs/heads/"); ok {
				out[branch] = sha
			}
		}
		return nil
	})
	if err != nil {
		return nil
	}
	return out
}
