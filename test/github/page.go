package github

import (
	"embed"
	"html/template"
	"net/http"
	"strconv"
	"strings"
)

//go:embed page
var pageFiles embed.FS

var pages = template.Must(template.New("").Funcs(template.FuncMap{
	"markdown": func(s string) template.HTML { return template.HTML(markdown(s)) }, //nolint:gosec // markdown escapes what it is given
	"lines":    diffLines,
	"short":    func(sha string) string { return sha[:min(7, len(sha))] },
}).ParseFS(pageFiles, "page/*.html"))

func (s *Server) routePages() {
	s.web.HandleFunc("GET /{$}", s.showIndex)
	s.web.HandleFunc("GET /page.css", func(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, pageFiles, "page/page.css") })
	s.web.HandleFunc("GET /{owner}/{name}", s.showIndex)
	s.web.HandleFunc("GET /{owner}/{name}/pulls", s.showIndex)
	s.web.HandleFunc("GET /{owner}/{name}/pull/{number}", s.showPullPage)
	s.web.HandleFunc("POST /{owner}/{name}/pull/{number}", s.actOnPullPage)
	s.web.HandleFunc("GET /{owner}/{name}/blob/{ref}/{path...}", s.showFile)
	s.web.HandleFunc("GET /{owner}/{name}/raw/{ref}/{path...}", s.showFile)
}

// line is a line of a diff: Kind is "add", "del", "hunk", "file" or "".
type line struct{ Kind, Text string }

func diffLines(diff string) []line {
	var list []line
	head := false
	for text := range strings.Lines(diff) {
		text = strings.TrimRight(text, "\n")
		kind := ""
		switch {
		case strings.HasPrefix(text, "diff --git "):
			kind, head = "file", true
			_, name, _ := strings.Cut(text, " b/")
			list = append(list, line{kind, name})
			continue
		case strings.HasPrefix(text, "@@"):
			kind, head = "hunk", false
		case head:
			continue // modes, ids, the names again
		case strings.HasPrefix(text, "+"):
			kind = "add"
		case strings.HasPrefix(text, "-"):
			kind = "del"
		}
		list = append(list, line{kind, text})
	}
	return list
}

type repoView struct {
	Name  string
	Pulls []Pull
}

func (s *Server) showIndex(w http.ResponseWriter, r *http.Request) {
	var views []repoView
	only := r.PathValue("owner") + "/" + r.PathValue("name")
	for _, name := range s.Repos() {
		if only == "/" || strings.EqualFold(only, name) {
			views = append(views, repoView{name, s.Pulls(name)})
		}
	}
	if views == nil && only != "/" {
		http.NotFound(w, r)
		return
	}
	s.render(w, http.StatusOK, "index.html", views)
}

type pullView struct {
	Repo string
	Pull
	As      string
	People  []string
	Problem string
}

// showPullPage is the page of a pull request; .diff after the number is its diff.
func (s *Server) showPullPage(w http.ResponseWriter, r *http.Request) {
	s.pullPage(w, r, http.StatusOK, "")
}

func (s *Server) pullPage(w http.ResponseWriter, r *http.Request, status int, problem string) {
	name, number, kind := pullOf(r)
	for _, p := range s.Pulls(name) {
		if p.Number != number {
			continue
		}
		if kind != "" {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			_, _ = w.Write([]byte(p.Diff))
			return
		}
		view := pullView{Repo: name, Pull: p, People: s.people(name), Problem: problem}
		if c, err := r.Cookie("as"); err == nil {
			view.As = c.Value
		}
		s.render(w, status, "pull.html", view)
		return
	}
	http.NotFound(w, r)
}

func pullOf(r *http.Request) (name string, number int, kind string) {
	digits, kind, _ := strings.Cut(r.PathValue("number"), ".")
	number, _ = strconv.Atoi(digits) // what is no number is no pull request
	return r.PathValue("owner") + "/" + r.PathValue("name"), number, kind
}

// people are those who may do something in a repository, for the choice of who one is.
func (s *Server) people(name string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repos[strings.ToLower(name)]
	var out []string
	for _, login := range sorted(s.users) {
		if u := s.users[login]; u.Type == "User" && r != nil && (r.access[login] != "" || strings.EqualFold(login, r.owner)) {
			out = append(out, u.Login)
		}
	}
	return out
}

// actOnPullPage does what a button says, as the person who was chosen.
func (s *Server) actOnPullPage(w http.ResponseWriter, r *http.Request) {
	name, number, _ := pullOf(r)
	login := r.FormValue("as")
	if s.repoOf(name) == nil {
		http.NotFound(w, r)
		return
	}
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // there is no TLS here
		Name: "as", Value: login, Path: "/", SameSite: http.SameSiteStrictMode, HttpOnly: true,
	})
	r.AddCookie(&http.Cookie{Name: "as", Value: login}) //nolint:gosec // it is not sent, only read again
	var err error
	switch r.FormValue("do") {
	case "merge", "squash":
		err = s.Merge(name, login, number, r.FormValue("do"))
	case "close":
		err = s.ClosePull(name, login, number)
	case "reopen":
		err = s.Reopen(name, login, number)
	case "approve":
		err = s.Review(name, login, number, "APPROVE", r.FormValue("text"))
	case "request":
		err = s.Review(name, login, number, "REQUEST_CHANGES", r.FormValue("text"))
	case "comment":
		err = s.Comment(name, login, number, r.FormValue("text"))
	default:
		http.Error(w, "there is no such button", http.StatusBadRequest)
		return
	}
	if err != nil {
		s.pullPage(w, r, http.StatusConflict, err.Error())
		return
	}
	http.Redirect(w, r, "/"+s.repoOf(name).full()+"/pull/"+strconv.Itoa(number), http.StatusSeeOther)
}

func (s *Server) repoOf(name string) *repo {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.repos[strings.ToLower(name)]
}

// showFile is a file as text.
func (s *Server) showFile(w http.ResponseWriter, r *http.Request) {
	data, err := s.File(r.PathValue("owner")+"/"+r.PathValue("name"), r.PathValue("ref"), r.PathValue("path"))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write([]byte(data))
}

func (s *Server) render(w http.ResponseWriter, status int, name string, v any) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; form-action 'self'; img-src data:")
	w.WriteHeader(status)
	if err := pages.ExecuteTemplate(w, name, v); err != nil {
		return // who asked has gone away
	}
}
