package print_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/print"
)

// script makes an executable that stands for Chromium. In it, $pdf is where the PDF is wanted and $page the page.
func script(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "chromium")
	head := "#!/bin/sh\nfor a in \"$@\"; do case \"$a\" in --print-to-pdf=*) pdf=${a#*=};; file://*) page=${a#file://};; esac; done\n"
	if err := os.WriteFile(path, []byte(head+body), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func unavailable(t *testing.T, err error, want string) {
	t.Helper()
	if engine.CodeOf(err) != engine.Unavailable || !strings.Contains(engine.UserMessage(err, "x"), want) {
		t.Errorf("the error is %v, want one that is unavailable and says %q", err, want)
	}
}

func TestWithoutChromium(t *testing.T) {
	_, err := print.Printer{}.PDF(t.Context(), nil)
	unavailable(t, err, "no Chromium is configured")
	_, err = print.Printer{Chromium: filepath.Join(t.TempDir(), "none")}.PDF(t.Context(), nil)
	unavailable(t, err, "no Chromium that can be started")
}

func TestChromiumThatFails(t *testing.T) {
	for want, body := range map[string]string{
		"did not print the PDF":     "echo broken >&2; exit 3",
		"without a PDF":             "exit 0",
		"is no PDF":                 "echo hello >\"$pdf\"",
		"more than can be sent":     "echo %PDF-1.4 >\"$pdf\"; truncate -s 100M \"$pdf\"",
		"did not print the PDF wit": "exec sleep 60",
	} {
		p := print.Printer{Chromium: script(t, body), Limit: 300 * time.Millisecond}
		if !strings.HasSuffix(want, "wit") {
			p.Limit = 0
		}
		_, err := p.PDF(t.Context(), []byte("<p>"))
		unavailable(t, err, want)
		if strings.Contains(body, "broken") && !strings.Contains(err.Error(), "broken") {
			t.Errorf("the log does not say what Chromium said: %v", err)
		}
	}
}

// TestNothingIsLeft looks for the profile and the processes after a printing, and at what Chromium gets to see.
func TestNothingIsLeft(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	t.Setenv("DATABASE_URL", "postgres://secret")
	note := filepath.Join(t.TempDir(), "note")
	p := print.Printer{Chromium: script(t, fmt.Sprintf("cat \"$page\" >%[1]s; env >>%[1]s; echo \"$@\" >>%[1]s; mkdir -p \"$TMPDIR/profile/x\"; echo %%PDF-1.4 >\"$pdf\"; sleep 600 & echo pid $! >>%[1]s", note))}
	pdf, err := p.PDF(t.Context(), []byte("<p>the page</p>"))
	if err != nil || !bytes.HasPrefix(pdf, []byte("%PDF-1.4")) {
		t.Fatalf("%q, %v", pdf, err)
	}
	said, err := os.ReadFile(note)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(said), "the page") || strings.Contains(string(said), "secret") {
		t.Errorf("Chromium saw\n%s", said)
	}
	for _, flag := range []string{"--host-resolver-rules=MAP * ~NOTFOUND", "--proxy-server=socks5://127.0.0.1:9", "--user-data-dir="} {
		if !strings.Contains(string(said), flag) {
			t.Errorf("Chromium runs without %s", flag)
		}
	}
	if sandboxed := !strings.Contains(string(said), "--no-sandbox"); sandboxed == (os.Geteuid() == 0) {
		t.Errorf("user %d: sandbox %t", os.Geteuid(), sandboxed)
	}
	gone(t, string(said))
	empty(t)
}

// TestCancelled ends a printing that would go on: Chromium and what it started are gone.
func TestCancelled(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	note := filepath.Join(t.TempDir(), "note")
	ctx, cancel := context.WithCancel(t.Context())
	p := print.Printer{Chromium: script(t, fmt.Sprintf("sleep 600 & echo pid $! >%[1]s.tmp; mv %[1]s.tmp %[1]s; wait", note))}
	done := make(chan error, 1)
	go func() {
		_, err := p.PDF(ctx, nil)
		done <- err
	}()
	var said []byte
	for len(said) == 0 {
		said, _ = os.ReadFile(note)
		select {
		case err := <-done:
			t.Fatalf("it ended by itself: %v", err)
		case <-time.After(5 * time.Millisecond):
		}
	}
	cancel()
	unavailable(t, <-done, "did not print")
	gone(t, string(said))
	empty(t)
}

// gone fails when the process that a note names still runs.
func gone(t *testing.T, note string) {
	t.Helper()
	_, after, _ := strings.Cut(note, "\npid ")
	if strings.HasPrefix(note, "pid ") {
		after = note[len("pid "):]
	}
	pid, err := strconv.Atoi(strings.TrimSpace(after))
	if err != nil {
		t.Fatalf("no process in %q", note)
	}
	for range 6000 { // a minute
		state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || bytes.Contains(state, []byte(") Z ")) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
	t.Errorf("process %d is still there", pid)
}

func empty(t *testing.T) {
	t.Helper()
	left, err := os.ReadDir(os.Getenv("TMPDIR"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// TestRealChromium prints with the real thing: pages of text, and no request on the way, not even to this machine.
func TestRealChromium(t *testing.T) {
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("printing is tested with the real Chromium: apt-get install chromium")
	}
	t.Setenv("TMPDIR", t.TempDir())
	var asked atomic.Int64
	outside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer outside.Close()
	page := `<!doctype html><title>Two pages</title><img src="` + outside.URL + `/x.png" alt=""><p>first</p><p style="break-before: page">second</p>`
	pdf, err := print.Printer{Chromium: path, Limit: 5 * time.Minute}.PDF(t.Context(), []byte(page))
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(pdf, []byte("/Type /Page\n")); n != 2 || !bytes.Contains(pdf, []byte("/Font")) {
		t.Errorf("%d pages of text, want 2:\n%.400q", n, pdf)
	}
	if asked.Load() > 0 {
		t.Error("printing asked for something outside")
	}
	empty(t)
}
