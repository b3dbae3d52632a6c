package github

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Repo is a repository to be made.
type Repo struct {
	Name        string            `json:"name"` // owner/name
	Description string            `json:"description,omitempty"`
	Branch      string            `json:"branch,omitempty"` // the default one; "main" when ""
	Private     bool              `json:"private,omitempty"`
	Files       map[string]string `json:"files,omitempty"`  // contents by path, of its first commit
	Access      map[string]string `json:"access,omitempty"` // role by login: pull, triage, push, maintain, admin
}

// Push is one commit that somebody pushes. Branch protection does not hold it up.
type Push struct {
	Branch  string            `json:"branch,omitempty"` // the default one when ""; made, from From, where it is not there
	From    string            `json:"from,omitempty"`   // a branch or commit that a new branch starts at; the default branch when ""
	Message string            `json:"message,omitempty"`
	Files   map[string]string `json:"files,omitempty"` // contents by path
	Remove  []string          `json:"remove,omitempty"`
	Force   bool              `json:"force,omitempty"` // the commit stands on From, whatever the branch had
}

// CreateRepo makes a repository. Its owner, and who has access, are made where they are not there.
func (s *Server) CreateRepo(in Repo) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.makeRepo(in)
	return err
}

// AddUser makes an account, or changes one: name, address, teams.
func (s *Server) AddUser(u User) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.user(u.Login); old != nil {
		u.id, u.Type = old.id, cmp.Or(u.Type, old.Type)
		u.Name, u.Email = cmp.Or(u.Name, old.Name), cmp.Or(u.Email, old.Email)
		*old = u
		return
	}
	s.addUser(u)
}

// AddToken makes a token valid.
func (s *Server) AddToken(t Token) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.account(t.Login)
	s.tokens[t.Value] = &t
}

// ExpireTokens ends every token that was made for an installation, and the personal ones of these logins.
func (s *Server) ExpireTokens(logins ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.tokens {
		if t.installation != nil || slices.Contains(logins, t.Login) {
			t.Expires = s.cfg.Now()
		}
	}
}

// on does something to a repository.
func (s *Server) on(name string, do func(*repo) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repos[strings.ToLower(name)]
	if r == nil {
		return fmt.Errorf("github stand-in: there is no repository %s", name)
	}
	return do(r)
}

// Push pushes a commit as a person, and gives its id.
func (s *Server) Push(name, login string, p Push) (sha string, err error) {
	err = s.on(name, func(r *repo) (err error) {
		sha, err = s.write(r, s.as(login), p)
		return err
	})
	return sha, err
}

// write makes a commit of a push and moves the branch to it. s.mu is held.
func (s *Server) write(r *repo, by actor, p Push) (string, error) {
	branch := cmp.Or(p.Branch, r.branch)
	was := r.refs[branchRef(branch)]
	parent := was
	if was == "" || p.Force {
		parent = ""
		if len(r.refs) > 0 {
			var err error
			if parent, err = r.git.commitOf(cmp.Or(p.From, r.branch)); err != nil {
				return "", fmt.Errorf("github stand-in: %s has no %s: %w", r.full(), p.From, err)
			}
		}
	}
	var entries []entry
	for _, name := range sorted(p.Files) {
		sha, err := r.git.writeBlob([]byte(p.Files[name]))
		if err != nil {
			return "", err
		}
		e := entry{Path: name, SHA: sha, Mode: "100644", Kind: "blob"}
		if old, err := r.git.at(cmp.Or(parent, emptyTree), name); err == nil && parent != "" && old.Kind == "blob" {
			e.Mode = old.Mode
		}
		entries = append(entries, e)
	}
	for _, name := range p.Remove {
		entries = append(entries, entry{Path: name})
	}
	tree, err := r.git.writeTree(parent, entries)
	if err != nil {
		return "", err
	}
	who := person{by.user.Name, by.user.Email, s.now()}
	done := commit{Tree: tree, Message: cmp.Or(p.Message, "Update "+strings.Join(sorted(p.Files), ", ")), Author: who, Committer: who}
	if parent != "" {
		done.Parents = []string{parent}
	}
	sha, err := r.git.writeCommit(done)
	if err != nil {
		return "", err
	}
	if err := r.git.setRef(branchRef(branch), sha, was); err != nil {
		return "", err
	}
	return sha, s.settle(r, by)
}

// DeleteBranch removes a branch as a person; the pull request from it is closed.
func (s *Server) DeleteBranch(name, login, branch string) error {
	return s.on(name, func(r *repo) error {
		if err := r.git.setRef(branchRef(branch), "", r.refs[branchRef(branch)]); err != nil {
			return err
		}
		return s.settle(r, s.as(login))
	})
}

// Archive makes a repository read-only, or ends that.
func (s *Server) Archive(name string, archived bool) error {
	return s.on(name, func(r *repo) error {
		r.archived = archived
		return nil
	})
}

// Protect protects a branch; nil ends that.
func (s *Server) Protect(name, branch string, p *Protection) error {
	return s.on(name, func(r *repo) error {
		delete(r.rules, branch)
		if p != nil {
			r.rules[branch] = p
		}
		return r.guard()
	})
}

// SetAccess gives a person a role in a repository, "" takes it away.
func (s *Server) SetAccess(name, login, role string) error {
	return s.on(name, func(r *repo) error {
		s.account(login)
		delete(r.access, strings.ToLower(login))
		if role != "" {
			r.access[strings.ToLower(login)] = role
		}
		return nil
	})
}

// SetCheck sets a check of a branch's newest commit, or of a commit: conclusion "success", "failure", …; "" while it runs.
func (s *Server) SetCheck(name, ref, check, conclusion string) error {
	return s.on(name, func(r *repo) error {
		sha, err := r.git.commitOf(ref)
		if err != nil {
			return err
		}
		runner := s.runner()
		by := actor{login: runner.user.Login, user: runner.user}
		in := runIn{Name: check, Status: "in_progress", Conclusion: conclusion}
		for _, n := range r.runsOf(sha) {
			if n.name == check && n.app == runner {
				in.fill(n)
				n.conclusion = conclusion
				s.tellRun(r, n, by)
				return nil
			}
		}
		n := &run{sha: sha, app: runner}
		in.fill(n)
		s.addRun(r, n, by)
		return nil
	})
}

// runner is the app that checks are run by, as GitHub Actions are.
func (s *Server) runner() *App {
	const slug = "github-actions"
	for _, a := range s.apps {
		if a.Slug == slug {
			return a
		}
	}
	a := &App{ID: 15368, Slug: slug, Name: "GitHub Actions"}
	a.user = s.addUser(User{Login: slug + "[bot]", Type: "Bot"})
	s.apps = append(s.apps, a)
	return a
}

// SetStatus sets a status of the older kind: state "pending", "success", "failure" or "error".
func (s *Server) SetStatus(name, ref, context, state string) error {
	return s.on(name, func(r *repo) error {
		sha, err := r.git.commitOf(ref)
		if err != nil {
			return err
		}
		by := s.as(r.owner)
		s.addStatus(r, sha, &status{state: state, context: context, by: by.user}, by)
		return nil
	})
}

// act does something to a pull request as a person, with the person's rights.
func (s *Server) act(name, login string, number int, do func(*call, *pull) error) error {
	return s.on(name, func(r *repo) error {
		p := r.pull(number)
		if p == nil {
			return fmt.Errorf("github stand-in: %s has no pull request %d", name, number)
		}
		c := s.view(r)
		c.who = s.as(login)
		return do(c, p)
	})
}

// Merge merges a pull request as a person, by method "merge" ("" too) or "squash". It fails where GitHub would.
func (s *Server) Merge(name, login string, number int, method string) error {
	return s.act(name, login, number, func(c *call, p *pull) error {
		switch why, _ := c.repo.blocked(p); {
		case p.state != stateOpen:
			return fmt.Errorf("%s#%d is not open", name, number)
		case p.draft:
			return fmt.Errorf("%s#%d is a draft", name, number)
		case c.repo.archived:
			return fmt.Errorf("%s is archived", name)
		case !c.repo.atLeast(login, "push"):
			return fmt.Errorf("%s may not push to %s", login, name)
		case why != "" && !c.bypasses(c.repo.rules[p.base]):
			return fmt.Errorf("%s#%d cannot be merged: %s", name, number, why)
		}
		sha, err := c.merge(p, method, "", nil)
		if err == nil && sha == "" {
			return fmt.Errorf("%s#%d conflicts with %s", name, number, p.base)
		}
		return err
	})
}

// ClosePull closes a pull request as a person.
func (s *Server) ClosePull(name, login string, number int) error {
	return s.act(name, login, number, func(c *call, p *pull) error {
		if p.state != stateOpen {
			return fmt.Errorf("%s#%d is not open", name, number)
		}
		s.closePull(c.repo, p, c.who)
		return nil
	})
}

// Reopen opens a closed pull request again as a person.
func (s *Server) Reopen(name, login string, number int) error {
	return s.act(name, login, number, func(c *call, p *pull) error { return c.setState(p, stateOpen) })
}

// Review reviews a pull request as a person: event APPROVE, REQUEST_CHANGES or COMMENT.
func (s *Server) Review(name, login string, number int, event, body string) error {
	return s.act(name, login, number, func(c *call, p *pull) error {
		if reviewStates[event] == "" || event == "APPROVE" && c.who.user == p.user {
			return fmt.Errorf("%s may not %s %s#%d", login, event, name, number)
		}
		s.addReview(c.repo, p, c.who, reviewStates[event], body)
		return nil
	})
}

// Comment comments a pull request as a person.
func (s *Server) Comment(name, login string, number int, body string) error {
	return s.act(name, login, number, func(c *call, p *pull) error {
		if strings.TrimSpace(body) == "" {
			return fmt.Errorf("a comment on %s#%d needs words", name, number)
		}
		s.addComment(c.repo, p, c.who, body)
		return nil
	})
}
