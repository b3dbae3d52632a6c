// Package print turns a page into a PDF by a Chromium that is configured. Package handlers and cmd/autopilot call it; where there is
// none, a report goes without its PDF and says so.
package print

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// Printer prints pages. A Printer without Chromium answers that there is none.
type Printer struct {
	Chromium string        // path of the executable
	Limit    time.Duration // how long one page may take; 0 means a minute
}

const (
	defaultLimit = time.Minute
	maxPDF       = 64 << 20 // bytes
	maxSaid      = 4 << 10  // bytes of what Chromium said
)

// PDF prints an HTML page, as its style sheet wants it on paper. It fails with Unavailable when Chromium is absent, fails or takes too long,
// and then names the reason; the report is none the worse for it.
//
// Chromium runs in a process group of its own, in a profile that is removed, with nothing of our environment and no way to the network.
// Its sandbox is on but for root, whom Chromium refuses otherwise. That a page runs no script is the page's own policy.
func (p Printer) PDF(ctx context.Context, page []byte) ([]byte, error) {
	if p.Chromium == "" {
		return nil, engine.Errorf(engine.Unavailable, "no Chromium is configured (reports.pdf.chromium), so there is no PDF")
	}
	path, err := exec.LookPath(p.Chromium)
	if err != nil {
		return nil, engine.Wrap(engine.Unavailable, err, "there is no Chromium that can be started at "+p.Chromium+", so there is no PDF")
	}
	dir, err := os.MkdirTemp("", "print-")
	if err != nil {
		return nil, engine.Wrap(engine.Unavailable, err, "there is no room to print a PDF in")
	}
	defer remove(dir)
	source, target := filepath.Join(dir, "page.html"), filepath.Join(dir, "page.pdf")
	if err := os.WriteFile(source, page, 0o600); err != nil {
		return nil, engine.Wrap(engine.Unavailable, err, "there is no room to print a PDF in")
	}
	limit := p.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := run(ctx, path, dir, arguments(dir, source, target)); err != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return nil, engine.Wrap(engine.Unavailable, err, "Chromium did not print the PDF within "+limit.String())
		}
		return nil, engine.Wrap(engine.Unavailable, err, "Chromium did not print the PDF")
	}
	return read(target)
}

// arguments are those of one printing. The page is a file without outside requests, and there is nowhere to send one.
func arguments(dir, source, target string) []string {
	flags := []string{
		"--headless", "--disable-gpu", "--disable-dev-shm-usage", "--user-data-dir=" + filepath.Join(dir, "profile"),
		"--no-first-run", "--no-default-browser-check", "--disable-extensions", "--disable-sync", "--disable-background-networking",
		"--disable-component-update", "--disable-default-apps", "--disable-domain-reliability", "--disable-breakpad", "--metrics-recording-only",
		"--host-resolver-rules=MAP * ~NOTFOUND", "--proxy-server=socks5://127.0.0.1:9", "--proxy-bypass-list=<-loopback>", "--disable-quic",
		"--no-pdf-header-footer", "--print-to-pdf=" + target,
	}
	if os.Geteuid() == 0 {
		flags = append(flags, "--no-sandbox")
	}
	return append(flags, "file://"+source)
}

// run starts Chromium and waits for its end, or ends it and all that it started with the context.
func run(ctx context.Context, path, dir string, arguments []string) error {
	said, err := os.CreateTemp(dir, "said") // a file, so that what Chromium leaves running holds no pipe open
	if err != nil {
		return err
	}
	defer func() { _ = said.Close() }()
	cmd := exec.CommandContext(ctx, path, arguments...) //nolint:gosec // the path is configured, the arguments are ours
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, said, said
	cmd.Env = []string{"HOME=" + dir, "TMPDIR=" + dir, "XDG_CONFIG_HOME=" + dir, "XDG_CACHE_HOME=" + dir, "PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	if err := cmd.Start(); err != nil {
		return err
	}
	err = cmd.Wait()
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what it left behind
	if err != nil {
		return fmt.Errorf("%w: %s", err, tail(said))
	}
	return nil
}

func read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, engine.Wrap(engine.Unavailable, err, "Chromium ended without a PDF")
	}
	if info.Size() > maxPDF {
		return nil, engine.Errorf(engine.Unavailable, "Chromium made a PDF of %d MiB, which is more than can be sent", info.Size()>>20)
	}
	content, err := os.ReadFile(path) //nolint:gosec // our own, in our own folder
	if err != nil {
		return nil, engine.Wrap(engine.Unavailable, err, "the PDF that Chromium made cannot be read")
	}
	if !bytes.HasPrefix(content, []byte("%PDF-")) {
		return nil, engine.Errorf(engine.Unavailable, "what Chromium made is no PDF")
	}
	return content, nil
}

// remove takes the profile away. A process of Chromium that is just ending may still write into it.
func remove(dir string) {
	for range 20 {
		if os.RemoveAll(dir) == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// tail is the end of what was written to a file.
func tail(f *os.File) string {
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return ""
	}
	last := make([]byte, min(end, maxSaid))
	n, _ := f.ReadAt(last, end-int64(len(last))) // as much as there is
	return strings.TrimSpace(strings.ToValidUTF8(string(last[:n]), ""))
}
