package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// asAgent has this test's program be the agent.
const asAgent = "CHAOSAGENT_TEST"

func TestMain(m *testing.M) {
	if os.Getenv(asAgent) != "" {
		main()
	}
	flag.Parse()
	// Most of them wait for most of the time.
	if err := flag.Set("test.parallel", "4"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// patient bounds what the tests wait for, on a machine that is busy. Nothing that works takes as long.
const patient = 30 * time.Second

// pod is a network namespace with an interface eth0, and another that it can reach by it.
type pod struct {
	name, peer string
}

// The addresses of a pod and of its peer. Each pair of namespaces has the same.
const (
	podIP, peerIP   = "10.9.9.1", "10.9.9.2"
	podIP6, peerIP6 = "fd09::1", "fd09::2"
)

var pods atomic.Int64

func newPod(t *testing.T) pod {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("these tests make network namespaces and change what the kernel does in them: run them as root")
	}
	n := pods.Add(1)
	p := pod{name: fmt.Sprintf("chaosagent-%d-%d", os.Getpid(), n), peer: fmt.Sprintf("chaosagent-%d-%d-peer", os.Getpid(), n)}
	ip := func(args ...string) {
		t.Helper()
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v\n%s(iproute2 is needed)", strings.Join(args, " "), err, out)
		}
	}
	for _, name := range []string{p.name, p.peer} {
		ip("netns", "add", name)
		t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", name).Run() })
	}
	ip("link", "add", "eth0", "netns", p.name, "type", "veth", "peer", "name", "eth0", "netns", p.peer)
	for name, addresses := range map[string][]string{p.name: {podIP, podIP6}, p.peer: {peerIP, peerIP6}} {
		ip("-n", name, "addr", "add", addresses[0]+"/24", "dev", "eth0")
		ip("-n", name, "addr", "add", addresses[1]+"/64", "dev", "eth0", "nodad")
		ip("-n", name, "link", "set", "lo", "up")
		ip("-n", name, "link", "set", "eth0", "up")
	}
	ip("-n", p.name, "route", "add", "default", "via", peerIP)
	return p
}

// inside runs a function with its thread in a network namespace. Sockets that it opens stay there.
func inside[T any](t *testing.T, namespace string, f func() (T, error)) T {
	t.Helper()
	type result struct {
		value T
		err   error
	}
	got := make(chan result)
	go func() {
		runtime.LockOSThread() // for ever: the thread ends with the goroutine
		file, err := os.Open(filepath.Join("/run/netns", namespace))
		if err == nil {
			err = unix.Setns(int(file.Fd()), unix.CLONE_NEWNET)
			file.Close()
		}
		var r result
		if r.err = err; err == nil {
			r.value, r.err = f()
		}
		got <- r
	}()
	r := <-got
	if r.err != nil {
		t.Fatal(r.err)
	}
	return r.value
}

// residue lists what there is of the agent's in a pod.
func (p pod) residue(t *testing.T) []string {
	t.Helper()
	return inside(t, p.name, func() ([]string, error) {
		c, err := speak(unix.NETLINK_ROUTE)
		if err != nil {
			return nil, err
		}
		defer c.Close()
		var all []string
		found, err := qdiscs(c)
		if err != nil {
			return nil, err
		}
		for _, q := range found {
			all = append(all, q.kind)
		}
		f, err := speak(unix.NETLINK_NETFILTER)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		families, err := tables(f)
		for _, family := range families {
			all = append(all, "rules of family "+strconv.Itoa(int(family)))
		}
		return all, err
	})
}

// agent is one that runs in a pod.
type agent struct {
	t     *testing.T
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines *bufio.Scanner
	heard bytes.Buffer
}

// start runs the agent in a pod. It has not been spoken to.
func (p pod) start(t *testing.T, args ...string) *agent {
	t.Helper()
	return launch(t, []string{"ip", "netns", "exec", p.name}, args...)
}

// launch runs the agent by what is before it on the command line.
func launch(t *testing.T, before []string, args ...string) *agent {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	a := &agent{t: t}
	line := slices.Concat(before, []string{self}, args)
	a.cmd = exec.Command(line[0], line[1:]...)
	a.cmd.Env = append(os.Environ(), asAgent+"=1")
	a.cmd.Stderr = &a.heard
	if a.in, err = a.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := a.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	a.lines = bufio.NewScanner(out)
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		a.in.Close()
		_ = a.cmd.Process.Kill()
		_ = a.cmd.Wait()
	})
	return a
}

// begin runs the agent in a pod and waits until its fault is in place.
func (p pod) begin(t *testing.T, args ...string) *agent {
	t.Helper()
	a := p.start(t, args...)
	a.say("beat")
	if l := a.line(); l.State != stateBegun {
		t.Fatalf("%v: it said %+v, want that it has begun; %s", args, l, &a.heard)
	}
	return a
}

func (a *agent) say(word string) {
	a.t.Helper()
	if _, err := io.WriteString(a.in, word+"\n"); err != nil {
		a.t.Fatalf("say %s: %v", word, err)
	}
}

func (a *agent) line() line {
	a.t.Helper()
	if !a.lines.Scan() {
		return line{}
	}
	var l line
	if err := json.Unmarshal(a.lines.Bytes(), &l); err != nil {
		a.t.Fatalf("it said %q: %v", a.lines.Text(), err)
	}
	return l
}

// ended waits for the end and returns the last line and the exit code.
func (a *agent) ended() (line, int) {
	a.t.Helper()
	late := time.AfterFunc(patient, func() { _ = a.cmd.Process.Kill() })
	defer late.Stop()
	var last line
	for {
		l := a.line()
		if l.State == "" {
			break
		}
		last = l
	}
	_ = a.cmd.Wait()
	return last, a.cmd.ProcessState.ExitCode()
}

// stop ends the fault and wants it to end well.
func (a *agent) stop() line {
	a.t.Helper()
	a.say("stop")
	l, code := a.ended()
	if code != codeClean || !l.Clean {
		a.t.Errorf("it ended with code %d and %+v; %s", code, l, &a.heard)
	}
	return l
}

// worker is the process that holds the fault: the child of the one that was started.
func (a *agent) worker() int {
	a.t.Helper()
	pid := a.cmd.Process.Pid
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		a.t.Fatal(err)
	}
	// The guard's children hang on the thread that made them.
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		a.t.Fatal(err)
	}
	for _, task := range tasks {
		if more, err := os.ReadFile(task); err == nil {
			data = append(data, more...)
		}
	}
	fields := strings.Fields(string(data))
	if len(fields) == 0 {
		a.t.Fatalf("process %d has no child", pid)
	}
	child, err := strconv.Atoi(fields[0])
	if err != nil {
		a.t.Fatal(err)
	}
	return child
}

func kill(t *testing.T, pid int, signal syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid, signal); err != nil {
		t.Fatal(err)
	}
}

// eventually waits until something holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for began := time.Now(); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > patient {
			t.Fatalf("%s: it did not come to that", what)
		}
	}
}
