package stand

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// The bot's tests run this program as the bot.
	if os.Getenv("STAND_TEST_BOT") != "" {
		os.Exit(playBot())
	}
	goleak.VerifyTestMain(m)
}

// shell is a process that runs a script.
func shell(t *testing.T, dir, script string) *Process {
	t.Helper()
	p := &Process{Dir: dir, Name: "part", Path: "/bin/sh", Args: []string{"-c", script}, Env: []string{"GREETING=hello"}}
	t.Cleanup(func() {
		if err := p.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return p
}

func mustStart(t *testing.T, p interface{ Start(context.Context) error }) {
	t.Helper()
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// patience bounds each wait, on a machine that has much else to do; no test measures time.
const patience = 3 * time.Minute

// eventually waits until check passes; it says why it did not.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal(err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func logged(p *Process, want string) func() error {
	return func() error {
		if got := tail(p.LogFile(), 100); !strings.Contains(got, want) {
			return fmt.Errorf("the log has %q, want %q", got, want)
		}
		return nil
	}
}

func TestProcessRunsLogsAndStops(t *testing.T) {
	p := shell(t, t.TempDir(), `trap 'echo stopping; exit 0' TERM; echo "$GREETING"; echo oops >&2; while :; do sleep 0.05; done`)
	if err := p.Running(); err == nil || p.Pid() != 0 {
		t.Fatalf("before Start: %v, pid %d", err, p.Pid())
	}
	mustStart(t, p)
	eventually(t, logged(p, "hello\noops"))
	if err := p.Start(t.Context()); err == nil {
		t.Error("a second Start did not fail")
	}
	if pgid, err := syscall.Getpgid(p.Pid()); err != nil || pgid != p.Pid() {
		t.Errorf("process group %d (%v), want its own, %d", pgid, err, p.Pid())
	}
	if err := p.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := logged(p, "stopping")(); err != nil {
		t.Errorf("not asked to stop: %v", err)
	}
	if _, err := os.Stat(p.pidFile()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("pid file after Stop: %v", err)
	}
	mustStart(t, p)
	if err := p.Running(); err != nil {
		t.Errorf("after a restart: %v", err)
	}
}

func TestStopKillsTheDeaf(t *testing.T) {
	p := shell(t, t.TempDir(), `trap '' TERM; echo deaf; while :; do sleep 0.05; done`)
	mustStart(t, p)
	eventually(t, logged(p, "deaf"))
	pid := p.Pid()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := p.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	if _, alive := startTime(pid); alive {
		t.Fatal("it lives")
	}
}

func TestKillTakesTheGroup(t *testing.T) {
	p := shell(t, t.TempDir(), `sleep 300 & echo "child $!"; wait`)
	mustStart(t, p)
	eventually(t, logged(p, "child"))
	child, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(tail(p.LogFile(), 1), "child")))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		if _, alive := startTime(child); alive {
			return errors.New("the child lives")
		}
		return nil
	})
	if err := p.Running(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("Running() = %v, want one that says killed", err)
	}
	if err := p.Kill(); err == nil {
		t.Error("a second Kill did not fail")
	}
}

func TestSuspendAndResume(t *testing.T) {
	p := shell(t, t.TempDir(), `while :; do echo tick; sleep 0.02; done`)
	mustStart(t, p)
	eventually(t, logged(p, "tick"))
	if err := p.Suspend(); err != nil {
		t.Fatal(err)
	}
	ticks := func() int { return strings.Count(tail(p.LogFile(), 1<<20), "tick") }
	eventually(t, func() error { // what was under way is done first
		if state, err := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(p.Pid())).Output(); err != nil || !strings.HasPrefix(string(state), "T") {
			return fmt.Errorf("the state is %q, %w", state, err)
		}
		return nil
	})
	before := ticks()
	time.Sleep(200 * time.Millisecond)
	if after := ticks(); after != before {
		t.Errorf("%d ticks while suspended", after-before)
	}
	if err := p.Resume(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		if ticks() <= before {
			return errors.New("it does not go on")
		}
		return nil
	})
	if err := p.Suspend(); err != nil { // Stop must get through to it
		t.Fatal(err)
	}
	if err := p.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if err := p.Running(); err == nil || !strings.Contains(err.Error(), "terminated") {
		t.Errorf("Stop of a suspended process: %v, want it terminated and not killed", err)
	}
}

func TestStartReadyTellsWhatTheLogSays(t *testing.T) {
	p := shell(t, t.TempDir(), `echo "bad flag --x"; exit 3`)
	err := startReady(t.Context(), p, func(context.Context) error { return errors.New("refused") })
	if err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "bad flag --x") {
		t.Fatalf("err = %v, want the exit status and the log", err)
	}
}

// leftBehind starts a process as a killed run leaves it: nobody's, named by a
// pid file.
func leftBehind(t *testing.T, dir, born string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sleep", "300")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-done })
	if born == "" {
		born, _ = startTime(cmd.Process.Pid)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "part.pid"), fmt.Appendf(nil, "%d %s\n", cmd.Process.Pid, born), 0o644); err != nil {
		t.Fatal(err)
	}
	return cmd
}

func TestStartClearsWhatWasLeftBehind(t *testing.T) {
	dir := t.TempDir()
	left := leftBehind(t, dir, "")
	p := shell(t, dir, "sleep 300")
	mustStart(t, p)
	if _, alive := startTime(left.Process.Pid); alive {
		t.Error("the process left behind lives")
	}
}

func TestSweep(t *testing.T) {
	dir := t.TempDir()
	left := leftBehind(t, filepath.Join(dir, "a", "prometheus"), "")
	stranger := leftBehind(t, filepath.Join(dir, "b"), "12345 another time")
	theirs := leftBehind(t, filepath.Join(dir, "c", "prometheus"), "")
	lock, err := lockFolder(filepath.Join(dir, "c"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := os.WriteFile(filepath.Join(dir, "cut-short.pid"), []byte("1"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Sweep(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if _, alive := startTime(left.Process.Pid); alive {
		t.Error("the process left behind lives")
	}
	if _, alive := startTime(stranger.Process.Pid); !alive {
		t.Error("a stranger with the pid of a stale file was ended")
	}
	if _, alive := startTime(theirs.Process.Pid); !alive {
		t.Error("a process of a stand that lives was ended")
	}
	if _, err := lockFolder(filepath.Join(dir, "c")); err == nil {
		t.Error("two stands have one folder")
	}
	if err := Sweep(t.Context(), filepath.Join(dir, "missing")); err != nil {
		t.Errorf("a missing folder: %v", err)
	}
}
