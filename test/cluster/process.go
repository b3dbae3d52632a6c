package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// A launcher starts processes from one thread that lives as long as the cluster. The kernel's
// parent-death signal is about the thread, not the process, and the thread may enter the namespaces
// of a node without the rest of this program following it.
type launcher struct {
	calls chan func()
	init  *part // the first process of the node; nil without a node
}

func newLauncher() *launcher {
	l := &launcher{calls: make(chan func())}
	ready := make(chan struct{})
	go l.serve(ready)
	<-ready
	return l
}

// serve takes a thread for itself and closes ready. The thread is never unlocked: it ends
// with the goroutine, as nobody else could use it.
func (l *launcher) serve(ready chan struct{}) {
	runtime.LockOSThread()
	if onMainThread() {
		// Its namespaces are those of the process in the eyes of others, and it does not end
		// with a goroutine. It is held until another goroutine has found another thread.
		go l.serve(ready)
		<-ready
		runtime.UnlockOSThread()
		return
	}
	close(ready)
	for call := range l.calls {
		call()
	}
}

// do runs fn on the launcher's thread.
func (l *launcher) do(fn func() error) error {
	done := make(chan error)
	l.calls <- func() { done <- fn() }
	return <-done
}

// start starts a process whose life is bound to this one's.
func (l *launcher) start(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	// Ctrl-C at the terminal is for this program, which then stops the parts in order.
	cmd.SysProcAttr.Setpgid = true
	// In a node the first process has the signal, and the kernel ends the rest with it.
	if l.init == nil {
		bindLife(cmd.SysProcAttr)
	}
	return l.do(cmd.Start)
}

// output runs a short command where the parts run.
func (l *launcher) output(ctx context.Context, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = partEnv()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := l.start(cmd); err != nil {
		return nil, err
	}
	if err := cmd.Wait(); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", filepath.Base(name), err, bytes.TrimSpace(tail(out.Bytes(), 2000)))
	}
	return out.Bytes(), nil
}

// close ends the thread, and with it its hold on the namespaces.
func (l *launcher) close() { close(l.calls) }

// A part is one long-running process of the cluster.
type part struct {
	name string
	log  string
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // how it ended; set before done is closed
}

// startPart starts a part, with its output appended to its log.
func (l *launcher) startPart(name, log string, cmd *exec.Cmd) (*part, error) {
	file, err := os.OpenFile(log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	cmd.Stdout, cmd.Stderr = file, file
	cmd.Env = partEnv()
	if err := l.start(cmd); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &part{name: name, log: log, cmd: cmd, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

func (p *part) pid() int { return p.cmd.Process.Pid }

// ended is an error with the end of the log once the part is gone.
func (p *part) ended() error {
	select {
	case <-p.done:
	default:
		return nil
	}
	body, err := os.ReadFile(p.log)
	if err != nil {
		body = []byte(err.Error())
	}
	return fmt.Errorf("%s ended: %w; its log ends:\n%s", p.name, p.err, tail(body, 2000))
}

// kill ends the part and waits until it is gone.
func (p *part) kill() {
	// It fails only for a process that has ended.
	_ = p.cmd.Process.Kill()
	<-p.done
}

// partEnv is the environment of the parts: nothing of the caller's, and a path on which the shim
// finds runc.
func partEnv() []string {
	return []string{"PATH=/run/programs:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"}
}

// ended is the error of the first part found dead.
func (c *Cluster) ended() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.parts {
		if err := p.ended(); err != nil {
			return err
		}
	}
	return nil
}

// await repeats check, ever less often, until it passes, a part dies, or limit is over.
func (c *Cluster) await(ctx context.Context, what string, limit time.Duration, check func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not within %s", limit))
	defer cancel()
	for began := time.Now(); ; {
		try, done := context.WithTimeout(ctx, 5*time.Second)
		err := check(try)
		done()
		if err == nil {
			return nil
		}
		if dead := c.ended(); dead != nil {
			return fmt.Errorf("wait for %s: %w", what, dead)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, errors.Join(context.Cause(ctx), err))
		case <-time.After(min(100*time.Millisecond+time.Since(began)/10, 2*time.Second)):
		}
	}
}
