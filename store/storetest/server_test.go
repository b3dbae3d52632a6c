package storetest_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/store/storetest"
	"github.com/eks-autopilot/autopilot/test/cluster/ports"
)

func start(t *testing.T, dir string, opts ...storetest.Option) *storetest.Server {
	t.Helper()
	s, err := storetest.StartServer(t.Context(), dir, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

func freePort(t *testing.T) int {
	t.Helper()
	var held ports.Held
	t.Cleanup(held.Close)
	port, err := held.Take()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func query[T any](t *testing.T, url, sql string) T {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var v T
	if err := conn.QueryRow(t.Context(), sql).Scan(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestDataAndURLSurviveARestart(t *testing.T) {
	s := start(t, t.TempDir())
	for range 2 { // the second time finds it there
		if err := s.CreateDatabase(t.Context(), `odd "name"`); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.CreateDatabase(t.Context(), "devops_brain"); err != nil {
		t.Fatal(err)
	}
	url := s.URL("devops_brain")
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), "CREATE TABLE kept AS SELECT 1"); err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Healthy(t.Context()); err == nil {
		t.Fatal("a stopped server is healthy")
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := query[int](t, url, "SELECT count(*)::int FROM kept"); got != 1 {
		t.Fatalf("kept holds %d rows after the restart, want 1", got)
	}
}

func TestServersSideBySide(t *testing.T) {
	// The second folder's path is too long for a Unix socket in it.
	a, b := start(t, t.TempDir()), start(t, filepath.Join(t.TempDir(), strings.Repeat("long", 25)))
	if err := a.CreateDatabase(t.Context(), "only_in_a"); err != nil {
		t.Fatal(err)
	}
	const has = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = 'only_in_a')"
	if !query[bool](t, a.URL("postgres"), has) || query[bool](t, b.URL("postgres"), has) {
		t.Fatal("the two servers share their data")
	}
}

// TestStartEndsWhatWasLeftBehind plays a killed process: its server still runs
// on the folder, owned by nobody.
func TestStartEndsWhatWasLeftBehind(t *testing.T) {
	dir := t.TempDir()
	left := start(t, dir)
	pid := query[int](t, left.URL("postgres"), "SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::int")
	s := start(t, dir)
	if err := s.Healthy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if now := query[int](t, s.URL("postgres"), "SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::int"); now == pid {
		t.Fatal("the server left behind still serves")
	}
}

// TestStalePidIsLeftAlone writes a stranger's process id into the lock file.
func TestStalePidIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	stranger := exec.Command("sleep", "60")
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	defer stranger.Wait()
	defer stranger.Process.Kill()
	pid := filepath.Join(dir, "data", "postmaster.pid")
	text := strconv.Itoa(stranger.Process.Pid) + "\n" + filepath.Join(dir, "data") + "\n1\n5432\n\n\n"
	if err := os.WriteFile(pid, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, dir)
	if err := stranger.Process.Signal(syscall.Signal(0)); err != nil {
		t.Fatalf("the stranger was ended: %v", err)
	}
}

func TestTCPPort(t *testing.T) {
	s := start(t, t.TempDir(), storetest.WithPort(freePort(t)), storetest.Durable())
	if !strings.Contains(s.URL("postgres"), "@127.0.0.1:") {
		t.Fatalf("URL = %s, want loopback TCP", s.URL("postgres"))
	}
	if got := query[string](t, s.URL("postgres"), "SHOW fsync"); got != "on" {
		t.Fatalf("fsync is %s with Durable, want on", got)
	}
}

func TestStartFailsWithTheServersReason(t *testing.T) {
	a := freePort(t)
	start(t, t.TempDir(), storetest.WithPort(a))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	_, err := storetest.StartServer(ctx, t.TempDir(), storetest.WithPort(a))
	if err == nil || !strings.Contains(err.Error(), "Address already in use") {
		t.Fatalf("err = %v, want the log's line on the address", err)
	}
}
