package cluster

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestSourceIsHere(t *testing.T) {
	src, err := sourceDir(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range programs {
		files, err := filepath.Glob(filepath.Join(src, p.module, "*"))
		if err != nil || len(files) == 0 {
			t.Errorf("no source of %s in %s: %v", p.file, filepath.Join(src, p.module), err)
		}
	}
}

func TestSourceKeyFollowsTheSource(t *testing.T) {
	src := t.TempDir()
	for _, p := range programs {
		if err := os.MkdirAll(filepath.Join(src, p.module), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	key := func() string {
		t.Helper()
		key, err := sourceKey(src)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	write := func(body string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(src, "runtime", "go.sum"), []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("one")
	before := key()
	if again := key(); again != before {
		t.Errorf("the key of the same source is %s and then %s", before, again)
	}
	write("two")
	if after := key(); after == before {
		t.Error("a changed go.sum has the same key")
	}
}

// TestBuildFinds wants a cache that has everything to be used as it is, and one that lacks a small
// program to get it.
func TestBuildFinds(t *testing.T) {
	// The compiler's own cache stays where it is.
	compiled, err := exec.CommandContext(t.Context(), "go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOCACHE", strings.TrimSpace(string(compiled)))
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	src, err := sourceDir(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	key, err := sourceKey(src)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "autopilot", "bin", key)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, p := range programs {
		if p.file == "pause" {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, p.file), []byte("built before"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var said []string
	got, release, err := Build(t.Context(), Node, func(line string) { said = append(said, line) })
	if err != nil {
		t.Fatal(err)
	}
	if removed, err := removeUnused(dir); removed || err != nil {
		t.Errorf("programs that are in use were removed: %v", err)
	}
	c := &Cluster{release: release}
	if err := c.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if got != dir {
		t.Errorf("built into %s, want %s", got, dir)
	}
	if !static(filepath.Join(dir, "pause")) {
		t.Error("pause is not a program without an interpreter")
	}
	if len(said) != 2 || said[0] != "building pause" {
		t.Errorf("progress %q, want the building of pause alone", said)
	}
	if body, err := os.ReadFile(filepath.Join(dir, "kwok")); err != nil || string(body) != "built before" {
		t.Errorf("kwok was built again: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "pause.building")); err == nil {
		t.Error("half a program is left in the cache")
	}
	if removed, err := removeUnused(dir); !removed || err != nil {
		t.Errorf("programs that nobody uses are held: %v", err)
	}
}

func TestBuildSaysWhatFailed(t *testing.T) {
	src := t.TempDir()
	if err := os.MkdirAll(filepath.Join(src, "broken"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string]string{"go.mod": "module broken\n", "main.go": "package main\nfunc main() { undefinedName() }\n"} {
		if err := os.WriteFile(filepath.Join(src, "broken", name), []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	err := program{file: "broken", module: "broken", pkg: "."}.build(t.Context(), src, dir, func(string) {})
	if err == nil || !strings.Contains(err.Error(), "undefinedName") {
		t.Errorf("error %v, want the compiler's words", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "broken")); err == nil {
		t.Error("a failed build left a program")
	}
}

func TestMissing(t *testing.T) {
	if got := Missing(KWOK); got != nil {
		t.Errorf("mode kwok lacks %q, want nothing: it needs no package", got)
	}
	t.Setenv("PATH", t.TempDir())
	got := strings.Join(Missing(Node), " ")
	for _, pkg := range []string{"gcc", "pkg-config", "libseccomp-dev", "iproute2", "iptables", "mount"} {
		if !strings.Contains(got, pkg) {
			t.Errorf("without any program %q is missing, want %s in it", got, pkg)
		}
	}
}

func TestReadyMadePrograms(t *testing.T) {
	assets := t.TempDir()
	for name, mode := range map[string]os.FileMode{"etcd": 0o755, "kube-apiserver": 0o644} {
		if err := os.WriteFile(filepath.Join(assets, name), nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("KUBEBUILDER_ASSETS", assets)
	c := &Cluster{cfg: Config{Mode: KWOK}, bin: "/built"}
	for name, want := range map[string]string{
		"etcd":           filepath.Join(assets, "etcd"),
		"kube-apiserver": "/built/kube-apiserver", // there, and no program
		"kube-scheduler": "/built/kube-scheduler",
	} {
		if got := c.program(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	c.cfg.Mode = Node
	if got := c.program("etcd"); got != "/run/programs/etcd" {
		t.Errorf("on a real node etcd is %s", got)
	}
}

func TestTail(t *testing.T) {
	for _, tt := range []struct {
		in   string
		n    int
		want string
	}{
		{"short", 10, "short"},
		{"one\ntwo\nthree\n", 8, "three\n"},
		{"one long line", 4, "line"},
	} {
		if got := string(tail([]byte(tt.in), tt.n)); got != tt.want {
			t.Errorf("the last %d of %q are %q, want %q", tt.n, tt.in, got, tt.want)
		}
	}
}
