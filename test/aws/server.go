package aws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Config says how the stand-in behaves. The zero value is AWS as it is, with one identity.
type Config struct {
	World      World
	Identities []Identity       // who may sign; DefaultIdentity when nil
	Roles      map[string]Role  // by ARN: which may be assumed
	Page       int              // the most items a page has, below AWS's own limit; 0 for that
	Now        func() time.Time // time.Now when nil

	SnapshotTakes time.Duration // how long a snapshot is pending
	DeletionTakes time.Duration // how long a volume is deleting
}

// Identity is an access key and whose it is.
type Identity struct {
	AccessKey, Secret string
	Account, ARN      string
	May               []string // the actions that are allowed, such as ec2:DescribeVolumes; nil for all
}

// Role is a role that may be assumed.
type Role struct {
	Account    string
	ExternalID string   // that the caller must give; "" for none
	May        []string // as of an Identity
}

// DefaultIdentity signs where a Config names nobody.
var DefaultIdentity = Identity{
	AccessKey: "AKIDSTANDIN000000000", Secret: "stand-in/secret/key/that/opens/nothing/0",
	Account: "123456789012", ARN: "arn:aws:iam::123456789012:user/autopilot",
}

// Call is one request that was answered.
type Call struct {
	Service, Action string
	Region, Account string
	At              time.Time
	Code            string // of the error; "" when it succeeded
}

// Fault makes calls fail: those of Service and Action (any when empty) in Region (any when empty), Count times, or until cleared
// when that is 0.
type Fault struct {
	Service, Action, Region string
	Kind                    FaultKind
	Count                   int
}

// FaultKind is how a call fails.
type FaultKind string

// The kinds of fault.
const (
	Throttle  FaultKind = "throttle"  // the service's own word for too many requests
	Deny      FaultKind = "deny"      // the service's own word for a missing permission
	HTTP500   FaultKind = "http500"   // an internal error
	Malformed FaultKind = "malformed" // an answer that is cut off
	Hang      FaultKind = "hang"      // no answer until the caller gives up
	Lost      FaultKind = "lost"      // it is done, and the answer is cut off
)

// Server is the stand-in. Its methods may be called from any goroutine.
type Server struct {
	cfg  Config
	http *http.Server
	url  string

	mu       sync.Mutex // guards everything below
	world    World
	sessions []Identity // of assumed roles
	faults   []*Fault
	calls    []Call
	queries  map[string]*query
	serial   int
}

// New is a stand-in that does not listen yet; serve it as an http.Handler, or call Start.
func New(cfg Config) *Server {
	if cfg.Identities == nil {
		cfg.Identities = []Identity{DefaultIdentity}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Server{cfg: cfg, world: cfg.World, queries: map[string]*query{}}
}

// Start listens on addr ("127.0.0.1:0" for any free port) and serves until Stop. It fails when addr is taken.
func (s *Server) Start(addr string) error {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("aws stand-in: %w", err)
	}
	s.url = "http://" + ln.Addr().String()
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		if err := s.http.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			panic("aws stand-in: " + err.Error())
		}
	}()
	return nil
}

// URL is the address to give as the endpoint of every service.
func (s *Server) URL() string { return s.url }

// Stop closes the listener and every connection.
func (s *Server) Stop(context.Context) error { return s.http.Close() }

// Change changes what there is.
func (s *Server) Change(change func(*World)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.world)
}

// Fault arms a fault.
func (s *Server) Fault(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
}

// ClearFaults disarms all faults.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// Calls gives every call so far, oldest first.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// Count says how often an action was called.
func (s *Server) Count(service, action string) int {
	n := 0
	for _, c := range s.Calls() {
		if c.Service == service && c.Action == action {
			n++
		}
	}
	return n
}

const maxBody = 64 << 20 // a mail of 40 MiB in base64, which is the most that any service here takes

// ServeHTTP answers one call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c, problem := s.understand(r, body)
	if problem == nil {
		problem = s.strike(r.Context(), c)
	}
	var answer any
	if problem == nil || problem.done {
		s.mu.Lock()
		given, refused := c.do(s, c)
		s.mu.Unlock()
		if problem == nil {
			answer, problem = given, refused
		}
	}
	s.remember(c, problem)
	if problem != nil {
		c.proto.refuse(w, problem)
		return
	}
	c.proto.answer(w, c, answer)
}

// strike is the armed fault that this call runs into, if any.
func (s *Server) strike(ctx context.Context, c *call) *refusal {
	s.mu.Lock()
	s.faults = slices.DeleteFunc(s.faults, func(f *Fault) bool { return f.Count < 0 })
	at := slices.IndexFunc(s.faults, func(f *Fault) bool {
		return (f.Service == "" || f.Service == c.service) && (f.Action == "" || f.Action == c.action) && (f.Region == "" || f.Region == c.region)
	})
	if at < 0 {
		s.mu.Unlock()
		return nil
	}
	f := s.faults[at]
	if f.Count > 0 {
		if f.Count--; f.Count == 0 {
			f.Count = -1
		}
	}
	s.mu.Unlock()
	switch f.Kind {
	case Throttle:
		return c.proto.throttled(c.service)
	case Deny:
		return c.proto.denied(c)
	case Lost:
		return &refusal{status: http.StatusOK, broken: true, done: true}
	case Malformed:
		return &refusal{status: http.StatusOK, broken: true}
	case Hang:
		<-ctx.Done()
		return &refusal{status: http.StatusServiceUnavailable, code: "ServiceUnavailable", message: "The caller went away."}
	case HTTP500:
	}
	return &refusal{status: http.StatusInternalServerError, code: "InternalError", message: "An internal error has occurred"}
}

func (s *Server) remember(c *call, problem *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	done := Call{Service: c.service, Action: c.action, Region: c.region, Account: c.who.Account, At: s.cfg.Now()}
	if problem != nil {
		done.Code = problem.code
	}
	s.calls = append(s.calls, done)
}

// page cuts the items of one page: from a token, at most as many as were asked for or as AWS or the Config allow.
func page[T any](s *Server, items []T, token string, asked, most int) (cut []T, next string, problem *refusal) {
	from := 0
	if token != "" {
		var ok bool
		if from, ok = readToken(token); !ok || from > len(items) {
			return nil, "", &refusal{status: http.StatusBadRequest, code: "InvalidNextToken", message: "The specified nextToken is invalid."}
		}
	}
	n := most
	if asked > 0 {
		n = min(n, asked)
	}
	if s.cfg.Page > 0 {
		n = min(n, s.cfg.Page)
	}
	to := min(from+n, len(items))
	if to < len(items) {
		next = makeToken(to)
	}
	return items[from:to], next, nil
}
