package slack

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Server is one workspace with one app installed in it. Its methods may be called from any goroutine.
type Server struct {
	cfg  Config
	mux  *http.ServeMux
	feed feed

	ctx     context.Context // of retries, shares and sockets; ended by Stop
	cancel  context.CancelFunc
	running sync.WaitGroup
	http    *http.Server

	mu      sync.Mutex // guards everything below
	base    string     // http://host:port, known from Start or the first request
	ws      *workspace
	rng     *rand.Rand
	log     record
	limits  limiter
	faults  []*Fault
	auth    tokens
	sockets []*socket
	tickets map[string]time.Time // when each was handed out
	waiting map[string]*envelope // by envelope id, until acknowledged or given up
	lapsed  map[string]time.Time // when an envelope was given up, to tell a late ack from nonsense
	sent    []parcel             // events, for redelivery
	serial  int64                // of ids
}

// New is a workspace that does not listen yet; serve Handler, or call Start.
func New(cfg Config) *Server {
	s := &Server{cfg: cfg.withDefaults(), mux: http.NewServeMux()}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.rng = rand.New(rand.NewPCG(s.cfg.Seed, 0x51ac4)) //nolint:gosec // ids and choices repeat with the seed; nothing here is secret
	s.auth = s.newTokens()
	s.waiting = map[string]*envelope{}
	s.lapsed = map[string]time.Time{}
	s.tickets = map[string]time.Time{}
	s.resetLocked()
	s.routes()
	return s
}

// resetLocked brings the seed back. Sockets and tokens survive, as the app goes on running.
func (s *Server) resetLocked() {
	s.ws = seed(s.cfg)
	s.log = record{}
	s.limits = newLimiter(s.cfg.RateScale)
	s.faults = nil
	s.sent = nil
	s.auth.restore(s.cfg.Scopes)
}

func (s *Server) routes() {
	s.mux.HandleFunc("/api/{method}", s.serveAPI)
	s.mux.HandleFunc("GET /link", s.serveLink)
	s.mux.HandleFunc("POST /upload/{id}", s.serveUpload)
	s.mux.HandleFunc("GET /files-pri/{id}/{name}", s.servePrivateFile)
	s.mux.HandleFunc("POST /hooks/{kind}/{team}/{id}", s.serveHook)
	s.routeControl()
	if s.cfg.Page != nil {
		s.mux.Handle("/", s.cfg.Page)
		return
	}
	s.mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = fmt.Fprintf(w, "The Slack workspace %s runs here; this server was started without a page.\n", s.cfg.Team.Name)
	})
}

// Handler serves everything the package comment lists.
func (s *Server) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		if s.base == "" {
			s.base = "http://" + r.Host
		}
		s.mu.Unlock()
		s.mux.ServeHTTP(w, r)
	})
}

// Start listens on addr ("127.0.0.1:0" for any free port) and serves until Stop. It fails when addr is taken.
func (s *Server) Start(addr string) error {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("slack stand-in: %w", err)
	}
	s.mu.Lock()
	s.base = "http://" + ln.Addr().String()
	if host, port, err := net.SplitHostPort(ln.Addr().String()); err == nil && net.ParseIP(host).IsUnspecified() {
		s.base = "http://localhost:" + port
	}
	s.http = &http.Server{Handler: s.Handler(), ReadHeaderTimeout: 10 * time.Second}
	server := s.http
	s.mu.Unlock()
	s.running.Go(func() { // counted before Stop can wait: Start comes first
		if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			s.mu.Lock()
			s.violate("server", "stopped by itself: "+err.Error())
			s.mu.Unlock()
		}
	})
	return nil
}

// Stop closes sockets and the listener and waits for retries and shares to end. It may be called twice.
func (s *Server) Stop() {
	s.mu.Lock()
	s.cancel() // under the lock, so that nothing is spawned once Wait may have begun
	server := s.http
	open := slices.Clone(s.sockets)
	s.mu.Unlock()
	for _, sock := range open {
		sock.close()
	}
	s.feed.close()
	if server != nil {
		_ = server.Close() // only says that the listener is already gone
	}
	s.running.Wait()
}

// URL is the address to reach the server at, without a trailing slash; slack-go wants APIURL.
func (s *Server) URL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.base
}

// APIURL is the base of the Web API, with the trailing slash that clients want.
func (s *Server) APIURL() string { return s.URL() + "/api/" }

// BotToken is the app's xoxb- token.
func (s *Server) BotToken() string { return s.auth.bot }

// AppToken is the app's xapp- token, which only opens sockets.
func (s *Server) AppToken() string { return s.auth.app }

// Control is a client of this server's control API.
func (s *Server) Control() Control { return Control{BaseURL: s.URL()} }

// id is a fresh identifier as Slack writes them: a letter, then capitals and digits.
func (s *Server) id(prefix string) string {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	s.serial++
	var b strings.Builder
	b.WriteString(prefix)
	b.WriteByte('0')
	for range 5 {
		b.WriteByte(digits[s.rng.IntN(len(digits))])
	}
	// The serial keeps ids unique whatever the random part says.
	for n, i := s.serial, 0; i < 4; i, n = i+1, n/36 {
		b.WriteByte(digits[n%36])
	}
	return b.String()
}

func (s *Server) hex(n int) string {
	var b strings.Builder
	for range n {
		b.WriteByte("0123456789abcdef"[s.rng.IntN(16)])
	}
	return b.String()
}
