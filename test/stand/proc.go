package stand

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// stopGrace is how long a process has to end after it was asked to.
const stopGrace = 10 * time.Second

// Process is one supervised child: in a process group of its own, so that
// Ctrl-C at the terminal is for us alone, with its output in Dir/Name.log and
// its identity in Dir/Name.pid. On Linux it dies with us; what outlives a killed
// run elsewhere is ended by the next Start, or by Sweep. Its methods may be
// called from several goroutines.
type Process struct {
	Dir  string // exists
	Name string
	Path string // of the program
	Args []string
	Env  []string // beside our own environment

	mu   sync.Mutex
	cmd  *exec.Cmd
	done chan struct{} // closed when cmd has ended
	err  error         // how it ended; set before done is closed
}

// Start runs the program, which then lives until Stop or Kill, not until ctx
// ends. It fails when the program runs already or cannot be run.
func (p *Process) Start(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running() {
		return fmt.Errorf("%s runs already", p.Name)
	}
	if err := endLeftBehind(ctx, p.pidFile()); err != nil {
		return err
	}
	log, err := os.OpenFile(p.LogFile(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(p.Path, p.Args...)
	cmd.Dir, cmd.Env = p.Dir, append(os.Environ(), p.Env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = dieWithParent()
	started := make(chan error)
	p.done = make(chan struct{})
	go p.supervise(cmd, started)
	if err := <-started; err != nil {
		return fmt.Errorf("start %s: %w", p.Name, err)
	}
	p.cmd = cmd
	born, _ := startTime(cmd.Process.Pid) // empty when it has ended already: then nothing is left behind
	return os.WriteFile(p.pidFile(), fmt.Appendf(nil, "%d %s\n", cmd.Process.Pid, born), 0o644)
}

// supervise starts the child and waits for its end, on a thread that lives as
// long: the kernel ties "die with the parent" to the thread that started it.
func (p *Process) supervise(cmd *exec.Cmd, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := cmd.Start()
	done := p.done // read while Start still holds the lock
	started <- err
	if err == nil {
		p.err = cmd.Wait()
	}
	close(done)
}

// Stop asks the process to end and kills its group when it does not in ten
// seconds or before ctx ends. Stopping what does not run does nothing.
func (p *Process) Stop(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.running() {
		// It was never started, was stopped, or has ended by itself and left its file.
		if err := os.Remove(p.pidFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, stopGrace)
	defer cancel()
	// A suspended process would not hear the first until it got the second.
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	_ = p.cmd.Process.Signal(syscall.SIGCONT)
	select {
	case <-p.done:
	case <-ctx.Done():
	}
	return p.kill()
}

// Kill ends the process and its group at once, as kill -9 does, and returns
// when it is gone.
func (p *Process) Kill() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.running() {
		return fmt.Errorf("%s does not run", p.Name)
	}
	return p.kill()
}

// kill ends what is left of the group, also when the process itself has ended.
func (p *Process) kill() error {
	if err := syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("kill %s: %w", p.Name, err)
	}
	<-p.done
	return os.Remove(p.pidFile())
}

// Suspend stops the process in its tracks: its sockets stay open and deaf.
func (p *Process) Suspend() error { return p.signal(syscall.SIGSTOP) }

// Resume lets a suspended process go on.
func (p *Process) Resume() error { return p.signal(syscall.SIGCONT) }

func (p *Process) signal(sig syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.running() {
		return fmt.Errorf("%s does not run", p.Name)
	}
	return syscall.Kill(-p.cmd.Process.Pid, sig)
}

// Pid is the process id, or 0 when the process does not run.
func (p *Process) Pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.running() {
		return 0
	}
	return p.cmd.Process.Pid
}

// Running fails unless the process runs; the error has the end of its log.
func (p *Process) Running() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.running():
		return nil
	case p.cmd == nil:
		return fmt.Errorf("%s was not started", p.Name)
	default:
		return fmt.Errorf("%s ended: %w; its log ends:\n%s", p.Name, p.err, tail(p.LogFile(), 15))
	}
}

// LogFile is where the output goes; each start appends.
func (p *Process) LogFile() string { return filepath.Join(p.Dir, p.Name+".log") }

func (p *Process) pidFile() string { return filepath.Join(p.Dir, p.Name+".pid") }

func (p *Process) running() bool {
	if p.cmd == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// startReady starts p and returns when healthy passes. It stops p again, and
// fails, when p ends or ctx does.
func startReady(ctx context.Context, p *Process, healthy func(context.Context) error) error {
	if err := p.Start(ctx); err != nil {
		return err
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := healthy(ctx)
		if err == nil {
			return nil
		}
		if ended := p.Running(); ended != nil {
			return ended
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("%s is not ready: %w; its log ends:\n%s", p.Name, err, tail(p.LogFile(), 15)),
				p.Stop(context.WithoutCancel(ctx)))
		case <-tick.C:
		}
	}
}

// endLeftBehind ends the process that a pid file names, if it is still the same
// one: a process id that the system gave to somebody else has another start time.
func endLeftBehind(ctx context.Context, pidFile string) error {
	b, err := os.ReadFile(pidFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	id, born, _ := strings.Cut(strings.TrimSpace(string(b)), " ")
	pid, err := strconv.Atoi(id)
	if err != nil || pid <= 1 || born == "" {
		return nil // cut short by a kill, or not of our making: it names nothing
	}
	same := func() bool {
		now, alive := startTime(pid)
		return alive && now == born
	}
	// Asked first; then woken, for it may be suspended; then killed.
	for _, step := range []struct {
		signal   syscall.Signal
		patience time.Duration
	}{{syscall.SIGTERM, 0}, {syscall.SIGCONT, stopGrace / 2}, {syscall.SIGKILL, stopGrace / 2}} {
		if !same() {
			break
		}
		_ = syscall.Kill(-pid, step.signal) // it fails only if the process has just ended
		for end := time.Now().Add(step.patience); same() && time.Now().Before(end) && ctx.Err() == nil; {
			time.Sleep(10 * time.Millisecond)
		}
	}
	if same() {
		return fmt.Errorf("process %d of %s is left behind and does not end", pid, pidFile)
	}
	return os.Remove(pidFile)
}

// tail is the last lines of a file.
func tail(file string, lines int) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	all := bytes.Split(bytes.TrimSpace(b), []byte("\n"))
	return string(bytes.Join(all[max(0, len(all)-lines):], []byte("\n")))
}
