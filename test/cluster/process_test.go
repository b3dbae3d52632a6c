package cluster

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestLauncherKeepsOffTheMainThread tries often, as the scheduler decides where a goroutine lands.
func TestLauncherKeepsOffTheMainThread(t *testing.T) {
	for range 200 {
		l := newLauncher()
		if err := l.do(func() error {
			if onMainThread() {
				return errors.New("the launcher took the main thread")
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		l.close()
	}
}

func TestPartEndsWithItsLog(t *testing.T) {
	l := newLauncher()
	defer l.close()
	log := filepath.Join(t.TempDir(), "part.log")
	p, err := l.startPart("part", log, exec.Command("/bin/sh", "-c", "echo about to fail; exit 7"))
	if err != nil {
		t.Fatal(err)
	}
	<-p.done
	err = p.ended()
	if err == nil || !strings.Contains(err.Error(), "about to fail") || !strings.Contains(err.Error(), "exit status 7") {
		t.Errorf("error %v, want the exit status and the log's end", err)
	}
}

func TestPartIsKilled(t *testing.T) {
	l := newLauncher()
	defer l.close()
	p, err := l.startPart("part", filepath.Join(t.TempDir(), "part.log"), exec.Command("/bin/sh", "-c", "trap '' TERM; sleep 1000"))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.ended(); err != nil {
		t.Errorf("a part that runs has ended: %v", err)
	}
	p.kill()
	if err := p.ended(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("a killed part: %v", err)
	}
	p.kill() // once more does no harm
}

func TestPartThatIsNoProgram(t *testing.T) {
	l := newLauncher()
	defer l.close()
	if _, err := l.startPart("part", filepath.Join(t.TempDir(), "part.log"), exec.Command("/no/such/program")); err == nil || !strings.Contains(err.Error(), "start part") {
		t.Errorf("a program that is not there started: %v", err)
	}
}

func TestOutput(t *testing.T) {
	l := newLauncher()
	defer l.close()
	out, err := l.output(t.Context(), "/bin/sh", "-c", "echo $HOME")
	if err != nil || string(out) != "/root\n" {
		t.Errorf("output %q, %v", out, err)
	}
	if _, err := l.output(t.Context(), "/bin/sh", "-c", "echo cannot do it >&2; exit 1"); err == nil || !strings.Contains(err.Error(), "cannot do it") {
		t.Errorf("error %v, want what the command said", err)
	}
}

func TestAwait(t *testing.T) {
	l := newLauncher()
	defer l.close()
	c := &Cluster{parts: map[string]*part{}}
	tries := 0
	if err := c.await(t.Context(), "the third try", time.Minute, func(context.Context) error {
		if tries++; tries < 3 {
			return errors.New("not yet")
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	never := func(context.Context) error { return errors.New("never well") }
	if err := c.await(t.Context(), "nothing", time.Millisecond, never); err == nil || !strings.Contains(err.Error(), "never well") || !strings.Contains(err.Error(), "not within 1ms") {
		t.Errorf("error %v, want how long and why", err)
	}
	// It does not wait out the limit when a part has died.
	p, err := l.startPart("etcd", filepath.Join(t.TempDir(), "etcd.log"), exec.Command("/bin/sh", "-c", "echo no space left; exit 1"))
	if err != nil {
		t.Fatal(err)
	}
	c.parts["etcd"] = p
	<-p.done
	if err := c.await(t.Context(), "readiness", time.Hour, never); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("error %v, want the end of the dead part's log", err)
	}
}
