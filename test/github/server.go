package github

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// Config is who there is and how faithfully GitHub's limits are kept. The zero value is GitHub as it is, with nobody in it.
type Config struct {
	Users  []User
	Apps   []App
	Tokens []Token
	Hooks  []Hook
	Limits Limits

	TreeLimit      int // the most entries of a recursive tree; 100,000 when 0
	MergeableReads int // how many readings of a pull request say that mergeable is not known yet; 1 when 0

	Dir string           // where the repositories are kept; a new temporary folder, which Close removes, when ""
	Now func() time.Time // time.Now when nil
}

// User is a person. An organisation is a user of Type "Organization".
type User struct {
	Login, Name, Email string
	Type               string   // "User" when ""
	Teams              []string // slugs, of an organisation
	id                 int64
}

// Server is the stand-in. Its methods may be called from any goroutine.
type Server struct {
	cfg  Config
	api  []route
	web  *http.ServeMux
	http *http.Server
	url  string
	tmp  bool
	hook *postman

	mu     sync.Mutex // guards everything below, and the repositories
	serial int64
	users  map[string]*User // by login in lower case
	apps   []*App
	tokens map[string]*Token
	repos  map[string]*repo // by owner/name in lower case
	spent  map[string]*budget
	faults []*Fault
	calls  []Call
}

// New makes a stand-in that does not listen yet; serve it as an http.Handler, or call Start. It fails when its folder cannot be made.
func New(cfg Config) (*Server, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.TreeLimit = cmp.Or(cfg.TreeLimit, 100_000)
	cfg.MergeableReads = cmp.Or(cfg.MergeableReads, 1)
	cfg.Limits = cfg.Limits.filled()
	s := &Server{
		cfg: cfg, users: map[string]*User{}, tokens: map[string]*Token{}, repos: map[string]*repo{}, spent: map[string]*budget{},
		web: http.NewServeMux(),
	}
	if s.cfg.Dir == "" {
		dir, err := os.MkdirTemp("", "github-")
		if err != nil {
			return nil, fmt.Errorf("github stand-in: %w", err)
		}
		s.cfg.Dir, s.tmp = dir, true
	}
	for _, u := range append([]User{{Login: "web-flow", Name: "GitHub", Email: "noreply@github.com"}}, cfg.Users...) {
		s.addUser(u)
	}
	for _, a := range cfg.Apps {
		if err := s.addApp(a); err != nil {
			return nil, err
		}
	}
	for _, t := range cfg.Tokens {
		s.tokens[t.Value] = &t
	}
	s.hook = newPostman(cfg.Hooks)
	s.api = routes()
	s.routeGit()
	s.routePages()
	s.routeControl()
	return s, nil
}

// Start listens on addr ("127.0.0.1:0" for any free port) and serves until Close. It fails when addr is taken.
func (s *Server) Start(addr string) error {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("github stand-in: %w", err)
	}
	s.url = "http://" + ln.Addr().String()
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		if err := s.http.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			panic("github stand-in: " + err.Error())
		}
	}()
	return nil
}

// URL is where it listens: the address of its pages and of git.
func (s *Server) URL() string { return s.url }

// APIURL is the base of REST, with a slash at its end.
func (s *Server) APIURL() string { return s.url + "/api/v3/" }

// Close ends it and removes what it kept.
func (s *Server) Close(context.Context) error {
	var errs []error
	if s.http != nil {
		errs = append(errs, s.http.Close())
	}
	s.hook.close()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tmp {
		errs = append(errs, os.RemoveAll(s.cfg.Dir))
	}
	return errors.Join(errs...)
}

// apiRoots are the first parts of addresses that are REST's where no /api/v3 stands before them.
var apiRoots = map[string]bool{
	"repos": true, "user": true, "users": true, "orgs": true, "app": true, "installation": true, "search": true, "rate_limit": true, "meta": true,
}

// ServeHTTP answers one request: REST, git, a page or the control API.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	const enterprise = "/api/v3"
	if strings.HasPrefix(r.URL.Path, enterprise+"/") {
		http.StripPrefix(enterprise, http.HandlerFunc(s.serveAPI)).ServeHTTP(w, r)
		return
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if apiRoots[first] {
		s.serveAPI(w, r)
		return
	}
	s.web.ServeHTTP(w, r)
}

func (s *Server) now() time.Time { return s.cfg.Now().UTC().Truncate(time.Second) }

// next is a new id. s.mu is held, or nobody else knows s yet.
func (s *Server) next() int64 {
	s.serial++
	return s.serial
}

func (s *Server) addUser(u User) *User {
	u.id = s.next()
	u.Type = cmp.Or(u.Type, "User")
	u.Name = cmp.Or(u.Name, u.Login)
	u.Email = cmp.Or(u.Email, fmt.Sprintf("%d+%s@users.noreply.github.com", u.id, u.Login))
	s.users[strings.ToLower(u.Login)] = &u
	return &u
}

// user is the account of that login, nil when there is none.
func (s *Server) user(login string) *User { return s.users[strings.ToLower(login)] }
