package slack_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/test/slack"
)

// TestBoltWitness runs an app on Slack's own Node SDK against the stand-in: what that SDK accepts as Slack is not
// our own reading of Slack.
func TestBoltWitness(t *testing.T) {
	s := start(t, slack.Config{
		RefreshNotice: 2 * time.Second, ShareDelay: 100 * time.Millisecond,
		Commands: []slack.SlashCommand{{Command: "/autopilot"}, {Command: "/work"}, {Command: "/flood"}},
	})
	app := startWitness(t, s)
	ctl := s.Control()
	ctx := t.Context()
	app.wait("started", map[string]any{"auth": "U01AUTOPILOT"})

	t.Run("a slash command is answered", func(t *testing.T) {
		took(t)(ctl.Command(ctx, "ana", "incidents", "/autopilot status @ben"))
		app.wait("command", map[string]any{"user": "U01ANA", "channel": "C01INCIDENTS", "text": "status <@U01BEN|ben>"})
		eventually(t, s, "both answers, for ana alone", func() bool {
			return len(texts(t, s, "incidents", "ana")) == 2 && len(texts(t, s, "incidents", "ben")) == 0
		})
	})

	t.Run("a modal opens once for a trigger, refuses, then takes a value", func(t *testing.T) {
		took(t)(ctl.Command(ctx, "ana", "incidents", "/autopilot modal"))
		app.wait("second_open", map[string]any{"error": "exchanged_trigger_id"})
		id, _ := app.wait("modal", map[string]any{"callback_id": "reason"})["id"].(string)
		typed := func(v string) map[string]map[string]slack.Block { return values("why", "text", v) }
		out, err := ctl.Submit(ctx, "ana", id, typed("no"))
		if err != nil || out.OK || out.Errors["why"] != "Say a little more." {
			t.Fatalf("a short reason: %+v, %v; want the app's complaint", out, err)
		}
		took(t)(ctl.Submit(ctx, "ana", id, typed("fixed the pool size")))
		app.wait("submitted", map[string]any{"value": "fixed the pool size", "metadata": "incident/42"})
		if open, err := ctl.Views(ctx, "ana"); err != nil || len(open) != 0 {
			t.Errorf("views after the submission: %v, %v; want none", open, err)
		}
	})

	var ts string
	t.Run("posts, updates, reads its metadata, uploads and is refused", func(t *testing.T) {
		took(t)(ctl.Command(ctx, "ana", "incidents", "/work"))
		got := app.wait("work", map[string]any{"same": true, "refused": "invalid_blocks"})
		ts, _ = got["ts"].(string)
		if why := fmt.Sprint(got["why"]); !strings.Contains(why, "must be less than 3001 characters [json-pointer:/blocks/0/text/text]") {
			t.Errorf("why = %s", why)
		}
		if meta := fmt.Sprint(got["metadata"]); !strings.Contains(meta, "incident/42/card") {
			t.Errorf("metadata = %s", meta)
		}
		eventually(t, s, "the file in the thread", func() bool {
			thread, err := ctl.Thread(ctx, "incidents", ts, "ana")
			return err == nil && len(thread) == 2 && len(thread[1].Files) == 1
		})
	})

	t.Run("a menu and a button", func(t *testing.T) {
		at := slack.Action{User: "ben", Channel: "incidents", MessageTS: ts, BlockID: "next"}
		at.ActionID, at.SelectedOption = "silence", "4h"
		took(t)(ctl.Click(ctx, at))
		app.wait("select", map[string]any{"value": "4h"})
		at.ActionID, at.SelectedOption = "approve", nil
		took(t)(ctl.Click(ctx, at))
		app.wait("click", map[string]any{"value": "plan-7", "user": "U01BEN", "ts": ts, "channel": "C01INCIDENTS"})
		eventually(t, s, "the replaced card", func() bool { return lastText(t, s, "incidents") == "approved" })
	})

	t.Run("429 is waited out", func(t *testing.T) {
		if err := ctl.Fault(ctx, slack.Fault{Method: "chat.postMessage", Kind: "ratelimit", RetryAfter: 1, Count: 1}); err != nil {
			t.Fatal(err)
		}
		took(t)(ctl.Command(ctx, "ana", "platform", "/flood"))
		app.wait("flood", nil)
		if got := texts(t, s, "platform", ""); strings.Join(got, ",") != "flood 0,flood 1" {
			t.Errorf("messages = %v, want each once", got)
		}
	})

	t.Run("home and mention", func(t *testing.T) {
		took(t)(ctl.OpenHome(ctx, "dev"))
		app.wait("home", map[string]any{"tab": "home"})
		if v, err := ctl.Home(ctx, "dev"); err != nil || v == nil || len(v.Blocks) != 1 {
			t.Errorf("home = %+v, %v", v, err)
		}
		took(t)(ctl.Say(ctx, "ana", "oncall", "@autopilot hello & welcome", ""))
		app.wait("mention", map[string]any{"text": "<@U01AUTOPILOT> hello &amp; welcome"})
	})

	t.Run("survives a refresh", func(t *testing.T) {
		if err := ctl.Disconnect(ctx, "refresh_requested", 0); err != nil {
			t.Fatal(err)
		}
		app.wait("connected", nil)
		took(t)(ctl.Command(ctx, "ana", "incidents", "/autopilot again"))
		app.wait("command", map[string]any{"text": "again"})
	})

	app.stop()
	bad, err := ctl.Violations(ctx)
	if err != nil || len(bad) != 1 || bad[0].Kind != "bad_request" { // the oversize section, on purpose
		t.Errorf("violations = %+v, %v", bad, err)
	}
}

// witness is the running Node app.
type witness struct {
	t      *testing.T
	events chan map[string]any
	stdin  io.Closer
	done   chan error
}

func startWitness(t *testing.T, s *slack.Server) *witness {
	t.Helper()
	script := installWitness(t)
	cmd := exec.CommandContext(t.Context(), "node", script)
	cmd.Env = append(os.Environ(),
		"SLACK_API_URL="+s.APIURL(), "SLACK_BOT_TOKEN="+s.BotToken(), "SLACK_APP_TOKEN="+s.AppToken())
	cmd.Stderr = t.Output()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w := &witness{t: t, events: make(chan map[string]any, 100), stdin: stdin, done: make(chan error, 1)}
	go func() {
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			var e map[string]any
			if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
				e = map[string]any{"event": "error", "message": lines.Text()}
			}
			w.events <- e
		}
		w.done <- cmd.Wait()
		close(w.events)
	}()
	return w
}

// wait is the next report of that name; it must hold what want says. Reports of other names are passed over,
// errors are not.
func (w *witness) wait(name string, want map[string]any) map[string]any {
	w.t.Helper()
	limit := time.After(2 * time.Minute)
	for {
		select {
		case e, open := <-w.events:
			if !open || e["event"] == "error" {
				w.t.Fatalf("waiting for %q: the app says %v", name, e)
			}
			if e["event"] != name {
				continue
			}
			for k, v := range want {
				if e[k] != v {
					w.t.Errorf("%s: %s = %v, want %v", name, k, e[k], v)
				}
			}
			return e
		case <-limit:
			w.t.Fatalf("the app did not report %q within 30 s", name)
		}
	}
}

func (w *witness) stop() {
	w.t.Helper()
	_ = w.stdin.Close() // tells the app to end; it may have ended
	w.wait("stopped", nil)
	if err := <-w.done; err != nil {
		w.t.Errorf("the app ended with %v", err)
	}
}

// installWitness puts the SDK into the user's cache, once for each lock file, and returns the script beside it.
func installWitness(t *testing.T) string {
	t.Helper()
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%s is not in PATH: this test needs Node 18 or later (Debian: apt-get install nodejs npm)", tool)
		}
	}
	lock, err := os.ReadFile("witness/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(lock)
	dir := filepath.Join(cache, "autopilot", "witness", hex.EncodeToString(sum[:8]))
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		install(t, dir)
	}
	run, err := os.MkdirTemp(dir, "run-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(run); err != nil {
			t.Error(err)
		}
	})
	copyFile(t, "witness/witness.mjs", filepath.Join(run, "witness.mjs"))
	return filepath.Join(run, "witness.mjs")
}

// install fetches into a folder of its own and moves it into place, so that a broken run leaves nothing half done.
func install(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), "install-")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(tmp) }() // gone already when it was moved into place
	for _, name := range []string{"package.json", "package-lock.json", ".npmrc"} {
		copyFile(t, filepath.Join("witness", name), filepath.Join(tmp, name))
	}
	cmd := exec.CommandContext(t.Context(), "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = tmp
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("npm ci, which needs the npm registry once: %v\n%s", err, out)
	}
	if err := os.Rename(tmp, dir); err != nil {
		if _, statErr := os.Stat(dir); statErr != nil { // otherwise another run was faster
			t.Fatal(err)
		}
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	raw, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, raw, 0o644); err != nil {
		t.Fatal(err)
	}
}
