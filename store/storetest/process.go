package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// owner is the account that the server runs as when we are root.
type owner struct {
	name     string
	uid, gid uint32
}

// serverAccount is nil unless we are root.
func serverAccount() (*owner, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup(superuser)
	if err != nil {
		return nil, fmt.Errorf("postgres: it refuses to run as root and the account %q is missing: "+
			"run as another user, or install Debian's postgresql: %w", superuser, err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("postgres: account %s: %w", u.Username, err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("postgres: account %s: %w", u.Username, err)
	}
	return &owner{name: u.Username, uid: uint32(uid), gid: uint32(gid)}, nil
}

func (o *owner) credential() *syscall.Credential {
	return &syscall.Credential{Uid: o.uid, Gid: o.gid}
}

// take gives dir to the account and makes sure that it can be reached.
func (o *owner) take(dir string) error {
	if err := os.Chown(dir, int(o.uid), int(o.gid)); err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	temp := filepath.Clean(os.TempDir())
	for parent := filepath.Dir(dir); parent != filepath.Dir(parent); parent = filepath.Dir(parent) {
		info, err := os.Stat(parent)
		if err != nil {
			return fmt.Errorf("postgres: %w", err)
		}
		if info.Mode().Perm()&0o001 != 0 {
			continue
		}
		if !strings.HasPrefix(parent, temp+string(filepath.Separator)) {
			return fmt.Errorf("postgres: the account %q cannot reach %s: %s is closed to others; "+
				"choose a folder elsewhere, or chmod o+x %[3]s", o.name, dir, parent)
		}
		if err := os.Chmod(parent, info.Mode().Perm()|0o011); err != nil {
			return fmt.Errorf("postgres: %w", err)
		}
	}
	return nil
}

// superviseChild starts cmd, reports how that went, waits for its end and
// closes done. It keeps the thread that started the child alive until then,
// for the kernel ties "die with the parent" to that thread.
func superviseChild(cmd *exec.Cmd, started chan<- error, done chan<- struct{}) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := cmd.Start()
	started <- err
	if err != nil {
		return
	}
	_ = cmd.Wait() // how it ended is in its log
	close(done)
}

// EndLeftBehind ends the server that a killed process left running with its
// data under dir, if there is one. It fails when the server does not end.
func EndLeftBehind(dir string) error {
	return endLeftBehind(filepath.Join(dir, "data"), stopGrace)
}

// endLeftBehind stops the server that runs on data, if one does. It trusts the
// lock file's process id only if that process was started on this folder.
func endLeftBehind(data string, grace time.Duration) error {
	b, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	first, _, _ := bytes.Cut(b, []byte("\n"))
	pid, err := strconv.Atoi(string(bytes.TrimSpace(first)))
	if err != nil || !runsOn(pid, data) {
		return nil
	}
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL} {
		_ = syscall.Kill(pid, sig)
		for deadline := time.Now().Add(grace / 2); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			if !runsOn(pid, data) {
				return nil
			}
		}
	}
	return fmt.Errorf("postgres: process %d still runs on %s", pid, data)
}

// runsOn reports whether process pid is a live server over folder data.
func runsOn(pid int, data string) bool {
	out, err := exec.Command("ps", "-o", "stat=,args=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return false
	}
	stat, args, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	return !strings.HasPrefix(stat, "Z") && strings.Contains(args+" ", "postgres -D "+data+" ")
}
