package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestWhoIsAskedToEnd(t *testing.T) {
	for _, c := range []struct {
		name, status string
		own          int
		sendErr      error
		want         string // of the error; "" when it is sent
	}{
		{name: "it handles SIGTERM", status: "Name:\tapp\nSigCgt:\t0000000000004002\n", own: 7},
		{name: "it does not", status: "SigCgt:\t0000000000000002\n", own: 7, want: "does not handle SIGTERM"},
		{name: "it is the agent", status: "SigCgt:\t0000000000004002\n", own: 1, want: "the agent itself"},
		{name: "it is another user's", status: "SigCgt:\t0000000000004002\n", own: 7, sendErr: unix.EPERM, want: "run as its user"},
		{name: "nothing is said", status: "Name:\tapp\n", own: 7, want: "does not say"},
		{name: "nonsense is said", status: "SigCgt:\tall\n", own: 7, want: "invalid syntax"},
	} {
		root := t.TempDir()
		if err := os.MkdirAll(filepath.Join(root, "proc/1"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, "proc/1/status"), []byte(c.status), 0o600); err != nil {
			t.Fatal(err)
		}
		sent := 0
		f, err := terminate(root, c.own, func(pid int, s unix.Signal) error {
			if sent++; pid != 1 || s != unix.SIGTERM {
				t.Errorf("%s: signal %v to process %d", c.name, s, pid)
			}
			return c.sendErr
		})
		if c.want == "" && (err != nil || sent != 1 || f.how != "SIGTERM") {
			t.Errorf("%s: %+v, %v, sent %d times", c.name, f, err, sent)
		}
		if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || sent > 0 && c.sendErr == nil) {
			t.Errorf("%s: %v, want %q in it, sent %d times", c.name, err, c.want, sent)
		}
	}
}
