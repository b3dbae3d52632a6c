package github

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/cgi" //nolint:gosec // the hole was closed in Go 1.6.3
	"os/exec"
	"path/filepath"
	"strings"
)

func (s *Server) routeGit() {
	s.web.HandleFunc("GET /{owner}/{name}/info/refs", s.serveGit)
	s.web.HandleFunc("POST /{owner}/{name}/git-upload-pack", s.serveGit)
	s.web.HandleFunc("POST /{owner}/{name}/git-receive-pack", s.serveGit)
}

// serveGit is git's smart HTTP protocol, which git itself speaks; here is only who may.
func (s *Server) serveGit(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimSuffix(r.PathValue("name"), ".git")
	writing := strings.HasSuffix(r.URL.Path, "/git-receive-pack") || r.URL.Query().Get("service") == "git-receive-pack"
	c := &call{s: s, r: r, w: w, path: r.URL.Path, at: route{need: readContents}}
	if writing {
		c.at.need = writeContents
	}
	r.SetPathValue("name", name)
	s.mu.Lock()
	err := c.identify()
	if err == nil {
		err = c.admit()
	}
	s.mu.Unlock()
	if err != nil {
		c.refuseGit(err)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return // the caller has gone away
	}
	r.Body, r.ContentLength, r.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil // a CGI program wants to know
	action := strings.TrimPrefix(r.URL.Path, "/"+r.PathValue("owner")+"/")
	_, action, _ = strings.Cut(action, "/")
	r.URL.Path = "/" + action
	env := append(isolated(c.repo.git.path),
		"GIT_PROJECT_ROOT="+c.repo.git.path, "GIT_HTTP_EXPORT_ALL=1", "GIT_PROTOCOL="+r.Header.Get("Git-Protocol"), "REMOTE_USER="+c.who.login)
	if writing {
		s.mu.Lock()
		if c.bypasses(&Protection{}) {
			env = append(env, "GH_BYPASS=1")
		}
		s.mu.Unlock()
	}
	back := &answered{ResponseWriter: w, status: http.StatusOK}
	(&cgi.Handler{Path: backend(), Dir: c.repo.git.path, Env: env}).ServeHTTP(back, r)
	c.note(back.status)
	if r.Method == http.MethodPost && writing {
		s.mu.Lock()
		defer s.mu.Unlock()
		if err := s.settle(c.repo, c.who); err != nil {
			panic("github stand-in: " + err.Error())
		}
	}
}

// answered remembers the status of an answer.
type answered struct {
	http.ResponseWriter
	status int
}

// WriteHeader notes and writes it.
func (a *answered) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

// refuseGit says no so that git asks for a password, or says why to who pushes.
func (c *call) refuseGit(err error) {
	no, ok := errors.AsType[*refusal](err)
	if !ok {
		no = &refusal{status: http.StatusInternalServerError, message: err.Error()}
	}
	if no.status == http.StatusNotFound && c.who.key == anonymous {
		no.status = http.StatusUnauthorized
	}
	if no.status == http.StatusUnauthorized {
		c.w.Header().Set("WWW-Authenticate", `Basic realm="GitHub"`)
	}
	c.note(no.status)
	http.Error(c.w, no.message, no.status)
}

// backend is git's own CGI program.
func backend() string {
	out, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		return "/usr/lib/git-core/git-http-backend"
	}
	return filepath.Join(strings.TrimSpace(string(out)), "git-http-backend")
}
