// Package storetest gives tests a real PostgreSQL; called by the tests of
// package store and by the stand, which runs the same server for the demo.
package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	superuser = "postgres"
	// stopGrace bounds a fast shutdown; past it the server is stopped at once
	// and recovers from its write-ahead log at the next start.
	stopGrace = 10 * time.Second
	// maxSocketPath keeps below the 108 bytes that a Unix socket's address holds.
	maxSocketPath = 100
)

// Server is one PostgreSQL server process over a data directory of its own.
// It listens on a Unix socket, and on loopback TCP too with WithPort. It may be
// stopped and started again with its data and its URL unchanged. Its methods
// may be called from several goroutines.
type Server struct {
	dir     string // holds data/, server.log and, when short enough, the socket
	bin     string // folder of initdb and postgres
	sock    string
	port    int
	tcp     bool
	durable bool
	owner   *owner // nil: run as ourselves

	mu   sync.Mutex
	proc *os.Process
	done chan struct{} // closed when proc is gone
}

// Option changes how StartServer sets a server up.
type Option func(*Server)

// WithPort also listens on 127.0.0.1:port, and URL then names that address.
func WithPort(port int) Option {
	return func(s *Server) { s.port, s.tcp = port, true }
}

// Durable leaves fsync on, for tests of what survives and for measuring.
// Without it the server is several times faster and loses data only if the
// machine, not the server, goes down.
func Durable() Option {
	return func(s *Server) { s.durable = true }
}

// StartServer starts PostgreSQL with its data under dir, which it creates when
// it is missing and uses again when an earlier server left data there. A server
// that a killed process left running on dir is stopped first. It returns when
// the server answers, and fails when no PostgreSQL is installed, when dir
// cannot be used by the account the server runs as, or when ctx ends.
//
// PostgreSQL refuses to run as root; then it runs as the account "postgres".
// For that account to reach dir, ancestors of dir inside the system's temporary
// folder get their search bit for others; elsewhere that is the caller's part.
// The server dies with the calling process on Linux; elsewhere call Stop.
func StartServer(ctx context.Context, dir string, opts ...Option) (*Server, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	s := &Server{dir: dir, sock: socketFolder(dir), port: 5432}
	for _, opt := range opts {
		opt(s)
	}
	if s.bin, err = findBinaries(); err != nil {
		return nil, err
	}
	if s.owner, err = serverAccount(); err != nil {
		return nil, err
	}
	if err := s.prepare(ctx); err != nil {
		return nil, err
	}
	if err := s.Start(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// URL is the connection string of database db for the superuser.
func (s *Server) URL(db string) string {
	if !s.tcp {
		return s.socketURL(db)
	}
	u := url.URL{
		Scheme: "postgres", User: url.User(superuser), Path: "/" + db, RawQuery: "sslmode=disable",
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)),
	}
	return u.String()
}

// socketURL reaches this server and, unlike a TCP port, no other.
func (s *Server) socketURL(db string) string {
	q := url.Values{"sslmode": {"disable"}, "host": {s.sock}, "port": {strconv.Itoa(s.port)}}
	u := url.URL{Scheme: "postgres", User: url.User(superuser), Path: "/" + db, RawQuery: q.Encode()}
	return u.String()
}

// LogFile is where the server writes its log.
func (s *Server) LogFile() string { return filepath.Join(s.dir, "server.log") }

// CreateDatabase creates an empty database unless one of that name exists.
func (s *Server) CreateDatabase(ctx context.Context, name string) error {
	conn, err := pgx.Connect(ctx, s.socketURL(superuser))
	if err != nil {
		return fmt.Errorf("postgres: create database %s: %w", name, err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var exists bool
	err = conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&exists)
	if err == nil && !exists {
		_, err = conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize())
	}
	if err != nil {
		return fmt.Errorf("postgres: create database %s: %w", name, err)
	}
	return nil
}

// Healthy fails unless the server runs and answers a query.
func (s *Server) Healthy(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.socketURL(superuser))
	if err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "SELECT 1"); err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	return nil
}

// Restart stops the server and starts it again; open connections are lost.
func (s *Server) Restart(ctx context.Context) error {
	if err := s.Stop(ctx); err != nil {
		return err
	}
	return s.Start(ctx)
}

// Start starts a stopped server and waits until it answers. Starting a running
// server does nothing.
func (s *Server) Start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running() {
		return nil
	}
	if err := s.spawn(); err != nil {
		return err
	}
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for {
		err := s.Healthy(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-s.done:
			return fmt.Errorf("postgres: ended at start; its log ends:\n%s", tail(s.LogFile()))
		case <-ctx.Done():
			s.end(syscall.SIGQUIT)
			return fmt.Errorf("postgres: not ready: %w (last: %w)", ctx.Err(), err)
		case <-tick.C:
		}
	}
}

// Stop shuts the server down, dropping its clients, and keeps its data. When
// ctx ends or the shutdown takes too long, the server is killed. Stopping a
// stopped server does nothing.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.running() {
		return nil
	}
	if s.sock != s.dir {
		defer os.RemoveAll(s.sock)
	}
	ctx, cancel := context.WithTimeout(ctx, stopGrace)
	defer cancel()
	_ = s.proc.Signal(syscall.SIGINT) // "fast": disconnect clients, checkpoint, exit
	select {
	case <-s.done:
	case <-ctx.Done():
		s.end(syscall.SIGQUIT)
	}
	return nil
}

// end asks the server to go at once and, if it does not, kills its group.
func (s *Server) end(sig syscall.Signal) {
	_ = s.proc.Signal(sig)
	select {
	case <-s.done:
	case <-time.After(5 * time.Second):
		_ = syscall.Kill(-s.proc.Pid, syscall.SIGKILL)
		<-s.done
	}
}

func (s *Server) running() bool {
	if s.proc == nil {
		return false
	}
	select {
	case <-s.done:
		return false
	default:
		return true
	}
}

// prepare makes the folders, ends a server that was left behind, and runs
// initdb when there is no complete data directory yet.
func (s *Server) prepare(ctx context.Context) error {
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	if s.owner != nil {
		if err := s.owner.take(s.dir); err != nil {
			return err
		}
	}
	if err := endLeftBehind(s.data(), stopGrace); err != nil {
		return err
	}
	// With a stranger's process id in them, these would keep postgres from starting.
	socket := filepath.Join(s.sock, ".s.PGSQL."+strconv.Itoa(s.port))
	for _, lock := range []string{filepath.Join(s.data(), "postmaster.pid"), socket, socket + ".lock"} {
		if err := os.Remove(lock); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("postgres: %w", err)
		}
	}
	// initdb is killed half-way when its caller is; the marker says it finished.
	marker := filepath.Join(s.dir, "initialised")
	if _, err := os.Stat(marker); err == nil {
		return nil
	}
	if err := os.RemoveAll(s.data()); err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, "initdb"), "-D", s.data(), "-U", superuser,
		"-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions")
	s.attributes(cmd)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("postgres: initdb: %w\n%s", err, out)
	}
	return os.WriteFile(marker, nil, 0o644)
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// spawn starts the server process and a goroutine that waits for its end.
func (s *Server) spawn() error {
	if s.sock != s.dir {
		if err := os.MkdirAll(s.sock, 0o755); err != nil {
			return fmt.Errorf("postgres: %w", err)
		}
		if s.owner != nil {
			if err := s.owner.take(s.sock); err != nil {
				return err
			}
		}
	}
	log, err := os.OpenFile(s.LogFile(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	defer log.Close()
	args := []string{"-D", s.data(), "-k", s.sock, "-p", strconv.Itoa(s.port), "-c", "max_connections=200"}
	if s.tcp {
		args = append(args, "-c", "listen_addresses=127.0.0.1")
	} else {
		args = append(args, "-c", "listen_addresses=")
	}
	if !s.durable {
		args = append(args, "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
	}
	cmd := exec.Command(filepath.Join(s.bin, "postgres"), args...)
	cmd.Stdout, cmd.Stderr = log, log
	s.attributes(cmd)
	started, done := make(chan error), make(chan struct{})
	go superviseChild(cmd, started, done)
	if err := <-started; err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	s.proc, s.done = cmd.Process, done
	return nil
}

func (s *Server) attributes(cmd *exec.Cmd) {
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	cmd.SysProcAttr = dieWithParent()
	if s.owner != nil {
		cmd.SysProcAttr.Credential = s.owner.credential()
	}
}

// socketFolder is dir itself, or a short name made from it when a socket's
// address could not hold a path in dir.
func socketFolder(dir string) string {
	if len(dir)+len("/.s.PGSQL.65535") <= maxSocketPath {
		return dir
	}
	sum := sha256.Sum256([]byte(dir))
	return filepath.Join(os.TempDir(), "pg-"+hex.EncodeToString(sum[:6]))
}

// findBinaries prefers the newest of Debian's version folders, then PATH.
func findBinaries() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err == nil && len(found) > 0 {
		newest := slices.MaxFunc(found, func(a, b string) int {
			return version(a) - version(b)
		})
		return filepath.Dir(newest), nil
	}
	path, err := exec.LookPath("postgres")
	if err != nil {
		return "", errors.New("postgres: not installed: install PostgreSQL 15 or later (Debian: apt-get install postgresql)")
	}
	return filepath.Dir(path), nil
}

func version(binary string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(binary)))) // a folder that is no version sorts first
	return n
}

func tail(file string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	lines := bytes.Split(bytes.TrimSpace(b), []byte("\n"))
	return strings.TrimSpace(string(bytes.Join(lines[max(0, len(lines)-15):], []byte("\n"))))
}
