package cluster

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// A program is one `go build` of a nested module, or of a folder of this one.
type program struct {
	file     string   // what is built, the name in the cache
	module   string   // folder beside this file
	pkg      string   // package to build there
	names    []string // links to make, for a program that goes by its name
	tags     string
	ldflags  string
	cgo      bool
	nodeOnly bool
	onDemand bool // built when a cluster asks for it
}

var programs = []program{
	{
		file: "kubernetes", module: "kubernetes", pkg: ".",
		names:   []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy"},
		ldflags: "-X k8s.io/component-base/version.gitVersion=v1.37.2",
	},
	{file: "kwok", module: "kwok", pkg: "sigs.k8s.io/kwok/cmd/kwok"},
	{file: "pause", module: "pause", pkg: ".", nodeOnly: true},
	{file: "coredns", module: "dns", pkg: ".", nodeOnly: true},
	{file: "containerd", module: "runtime", pkg: "github.com/containerd/containerd/v2/cmd/containerd", nodeOnly: true},
	{file: "containerd-shim-runc-v2", module: "runtime", pkg: "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2", nodeOnly: true},
	{file: "ctr", module: "runtime", pkg: "github.com/containerd/containerd/v2/cmd/ctr", nodeOnly: true},
	{file: "ptp", module: "runtime", pkg: "github.com/containernetworking/plugins/plugins/main/ptp", nodeOnly: true},
	{file: "host-local", module: "runtime", pkg: "github.com/containernetworking/plugins/plugins/ipam/host-local", nodeOnly: true},
	{file: "metrics-server", module: "metrics", pkg: "sigs.k8s.io/metrics-server/cmd/metrics-server", nodeOnly: true, onDemand: true},
	// runc enters namespaces in C before Go starts, and filters system calls with libseccomp.
	{file: "runc", module: "runtime", pkg: "github.com/opencontainers/runc", tags: "seccomp", cgo: true, nodeOnly: true},
}

// Build compiles what mode needs and the cache lacks, and returns the folder of the programs, which is kept until release is called
// or this process ends. The first build takes minutes; progress hears of each. Two builds at once wait for each other.
// Programs of other versions of the source that were not used for a week are removed, but for the newest.
func Build(ctx context.Context, mode Mode, progress func(string)) (dir string, release func(), err error) {
	src, err := sourceDir(ctx)
	if err != nil {
		return "", nil, err
	}
	bin, err := cacheDir("bin")
	if err != nil {
		return "", nil, err
	}
	key, err := sourceKey(src)
	if err != nil {
		return "", nil, err
	}
	dir = filepath.Join(bin, key)
	unlock, err := lockFolder(ctx, dir)
	if err != nil {
		return "", nil, err
	}
	defer unlock()
	for _, p := range programs {
		if p.onDemand || p.nodeOnly && mode.Resolve() != Node {
			continue
		}
		if err := p.build(ctx, src, dir, progress); err != nil {
			return "", nil, err
		}
	}
	now := time.Now()
	if release, err = hold(dir, now); err != nil {
		return "", nil, fmt.Errorf("hold the programs in the cache: %w", err)
	}
	prune(bin, now, progress)
	return dir, release, nil
}

func (p program) build(ctx context.Context, src, dir string, progress func(string)) error {
	target := filepath.Join(dir, p.file)
	if _, err := os.Stat(target); err == nil {
		return nil
	}
	began := time.Now()
	progress("building " + p.file)
	temp := target + ".building"
	args := []string{"build", "-buildvcs=false", "-ldflags", strings.TrimSpace("-s -w " + p.ldflags), "-o", temp}
	if p.tags != "" {
		args = append(args, "-tags", p.tags)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, p.pkg)...)
	cmd.Dir = filepath.Join(src, p.module)
	// The go command ends its compilers when it is interrupted, not when it is killed.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	// A workspace or flags of the caller's would change what the nested module means.
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=", "CGO_ENABLED=0")
	if p.cgo {
		cmd.Env = append(cmd.Env, "CGO_ENABLED=1")
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", p.file, err, tail(out, 4000))
	}
	for _, name := range p.names {
		if err := os.Symlink(p.file, filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	progress(fmt.Sprintf("built %s in %s", p.file, time.Since(began).Round(time.Second)))
	return os.Rename(temp, target)
}

// Missing lists the Debian packages that mode needs and this machine lacks, for apt-get install.
// It looks for the programs and files that are used, so any other origin of them will do.
func Missing(mode Mode) []string {
	if mode.Resolve() != Node {
		return nil
	}
	var missing []string
	lacks := func(pkg string, candidates ...string) {
		for _, name := range candidates {
			if _, err := exec.LookPath(name); err == nil {
				return
			}
		}
		missing = append(missing, pkg)
	}
	lacks("gcc", "gcc", "cc")
	lacks("pkg-config", "pkg-config")
	if exec.Command("pkg-config", "--exists", "libseccomp").Run() != nil {
		missing = append(missing, "libseccomp-dev")
	}
	lacks("iproute2", "ip")
	lacks("iptables", "iptables")
	lacks("mount", "mount")
	if _, err := busyboxFile(); err != nil {
		missing = append(missing, "busybox-static")
	}
	return missing
}

// sourceDir is the folder of this package's source. The compiler's record of it is right in a clone
// and under go test; a program built with -trimpath asks the go command.
func sourceDir(ctx context.Context) (string, error) {
	if _, file, _, ok := runtime.Caller(0); ok && filepath.IsAbs(file) {
		if _, err := os.Stat(file); err == nil {
			return filepath.Dir(file), nil
		}
	}
	out, err := exec.CommandContext(ctx, "go", "list", "-f", "{{.Dir}}", "github.com/eks-autopilot/autopilot/test/cluster").Output()
	if err != nil {
		return "", fmt.Errorf("find the source of test/cluster, to build Kubernetes from: run inside a clone of the repository: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// sourceKey changes with anything that the programs are built from.
func sourceKey(src string) (string, error) {
	sum := sha256.New()
	fmt.Fprintln(sum, runtime.Version(), runtime.GOOS, runtime.GOARCH, programs)
	modules := []string{}
	for _, p := range programs {
		modules = append(modules, p.module)
	}
	slices.Sort(modules)
	for _, module := range slices.Compact(modules) {
		files, err := filepath.Glob(filepath.Join(src, module, "*"))
		if err != nil {
			return "", err
		}
		for _, file := range files {
			body, err := os.ReadFile(file)
			if err != nil {
				return "", err
			}
			fmt.Fprintln(sum, module, filepath.Base(file), len(body))
			sum.Write(body)
		}
	}
	return fmt.Sprintf("%x", sum.Sum(nil))[:16], nil
}

// cacheDir is ${XDG_CACHE_HOME:-~/.cache}/autopilot/sub.
func cacheDir(sub string) (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a cache folder (set HOME or XDG_CACHE_HOME): %w", err)
	}
	return filepath.Join(base, "autopilot", sub), nil
}

// tail is the last n bytes of some output, from the start of a line.
func tail(out []byte, n int) []byte {
	if len(out) <= n {
		return out
	}
	out = out[len(out)-n:]
	if _, rest, ok := bytes.Cut(out, []byte("\n")); ok {
		return rest
	}
	return out
}
