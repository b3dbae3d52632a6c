package github_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/test/github"
)

// TestOctokit lets GitHub's own Node SDK work with the stand-in: what that SDK takes for GitHub is not our own reading of GitHub.
func TestOctokit(t *testing.T) {
	s := start(t, func(c *github.Config) { c.Now = time.Now })
	octokit(t, s)
}

// TestOctokitSkewed has a clock half an hour ahead: the SDK reads the Date header and tries again.
func TestOctokitSkewed(t *testing.T) {
	s := start(t, func(c *github.Config) { c.Now = func() time.Time { return time.Now().Add(30 * time.Minute) } })
	octokit(t, s, "SKEWED=yes")
	if s.Count("", "/repos/acme/shop/installation") < 2 {
		t.Error("the first token was taken, though its time was over")
	}
}

// octokit runs the witness to its end.
func octokit(t *testing.T, s *github.Server, env ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", installWitness(t))
	cmd.Env = append(os.Environ(), "API_URL="+strings.TrimSuffix(s.APIURL(), "/"), "SERVER_URL="+s.URL(), "APP_ID=7", "APP_KEY="+s.AppKey("autopilot"), "PAT="+pat)
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.HasSuffix(string(out), "steps went well\n") {
		t.Fatalf("%v\n%s", err, out)
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
