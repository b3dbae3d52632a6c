package hurt

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// script is the stress of a container, run here by a shell.
type script struct {
	*testing.T
	handle string
	in     io.WriteCloser
	out    *bufio.Reader
	cmd    *exec.Cmd
}

func stressed(t *testing.T, shell string, seconds, silence int, kind string, amount int) *script {
	t.Helper()
	s := &script{T: t, handle: Prefix + strconv.Itoa(os.Getpid()) + "-" + strconv.FormatInt(time.Now().UnixNano(), 36)}
	s.cmd = exec.CommandContext(t.Context(), shell, "-c", stressScript, holdScript, s.handle, strconv.Itoa(seconds), strconv.Itoa(silence), kind, strconv.Itoa(amount)) //nolint:gosec // a test's own
	in, err := s.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.in, s.out = in, bufio.NewReader(out)
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.hears("begun")
	return s
}

func (s *script) hears(want string) {
	s.Helper()
	if line, err := s.out.ReadString('\n'); strings.TrimSpace(line) != want {
		s.Fatalf("it said %q (%v), want %q", line, err, want)
	}
}

// running lists the processes that carry the handle.
func (s *script) running() (pids []int) {
	all, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range all {
		env, err := os.ReadFile(file) //nolint:gosec // it is in /proc
		if err != nil || !bytes.Contains(env, []byte("AUTOPILOT_CHAOS="+s.handle)) {
			continue
		}
		if pid, err := strconv.Atoi(strings.Split(file, "/")[2]); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// gone waits until no process of it is left.
func (s *script) gone() {
	s.Helper()
	for deadline := time.Now().Add(time.Minute); len(s.running()) > 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.Fatalf("processes are left: %v", s.running())
		}
	}
}

// A stress ends in each of the ways in which it has to, by itself, and leaves nothing.
func TestStressEnds(t *testing.T) {
	for _, c := range []struct {
		name, shell      string
		seconds, silence int
		kind             string
		amount           int
		end              func(*script)
		want             string
	}{
		{"on a word", "sh", 60, 30, "cpu", 2, func(s *script) { _, _ = io.WriteString(s.in, "beat\nstop\n") }, "ended stop"},
		{"on a word, with bash", "bash", 60, 30, "memory", 10 << 20, func(s *script) { _, _ = io.WriteString(s.in, "stop\n") }, "ended stop"},
		{"when the stream is closed", "sh", 60, 30, "memory", 10 << 20, func(s *script) { _ = s.in.Close() }, "ended stop"},
		{"on time", "sh", 1, 30, "cpu", 1, func(*script) {}, "ended time"},
		{"in silence", "sh", 60, 1, "cpu", 1, func(*script) {}, "ended silence"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := stressed(t, c.shell, c.seconds, c.silence, c.kind, c.amount)
			if c.want == "ended stop" && len(s.running()) < 2 { // the others may be over by now
				t.Errorf("only %v run", s.running())
			}
			c.end(s)
			s.hears(c.want)
			if err := s.cmd.Wait(); err != nil {
				t.Error(err)
			}
			s.gone()
		})
	}
}

// Where more is used than should be filled there is nothing to do.
func TestFullAsItIs(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"sh", "bash"} {
		out, err := exec.CommandContext(t.Context(), shell, "-c", stressScript, holdScript, Prefix+"full", "60", "30", "upto", "4096").Output() //nolint:gosec // a test's own
		if err != nil || strings.TrimSpace(string(out)) != "ended full" {
			t.Errorf("%s: %q, %v", shell, out, err)
		}
	}
}

// What burns ends too when all that could end it was killed.
func TestStressEndsWithItsHolder(t *testing.T) {
	t.Parallel()
	s := stressed(t, "sh", 60, 30, "cpu", 2)
	for _, pid := range s.running() {
		cmd, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline") //nolint:gosec // it is in /proc
		stat, err2 := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")  //nolint:gosec // it is in /proc
		if err != nil || err2 != nil || !bytes.HasPrefix(cmd, []byte("sh\x00-c\x00# Arguments: the handle")) {
			continue
		}
		// The workers have the same command line; the holder is whose parent is not one of them.
		parent, _ := strconv.Atoi(strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))[1])
		if above, err := os.ReadFile("/proc/" + strconv.Itoa(parent) + "/cmdline"); err == nil && bytes.Equal(above, cmd) { //nolint:gosec // it is in /proc
			continue
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	_ = s.in.Close()
	_ = s.cmd.Wait()
	s.gone()
}

// What is looked for by its handle is ended, and nothing else.
func TestLookEndsWhatIsLeft(t *testing.T) {
	t.Parallel()
	s, other := stressed(t, "sh", 60, 30, "cpu", 1), stressed(t, "sh", 60, 30, "cpu", 1)
	out, err := exec.CommandContext(t.Context(), "sh", "-c", lookScript, s.handle).Output()                               //nolint:gosec // a test's own
	if err != nil || !strings.HasSuffix(strings.TrimSpace(string(out)), "seen") || len(strings.Fields(string(out))) < 2 { // the holder; its worker may have ended before it was looked at
		t.Errorf("%s, %v", out, err)
	}
	_ = s.cmd.Wait()
	s.gone()
	if len(other.running()) < 2 {
		t.Errorf("another's were ended: %v are left", other.running())
	}
	_, _ = io.WriteString(other.in, "stop\n")
	other.hears("ended stop")
	_ = other.cmd.Wait()
}
