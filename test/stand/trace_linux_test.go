package stand

import (
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// TestNetworkTraces puts into a network of its own what experiments put into those of pods, and wants each of it found.
func TestNetworkTraces(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("not root: a network of its own cannot be made, nor a node with pods")
		return
	}
	sleeper := exec.Command("sleep", "1000")
	sleeper.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sleeper.Process.Kill(); _ = sleeper.Wait() })
	pid := sleeper.Process.Pid
	look := func() []string {
		t.Helper()
		found, err := network("/proc/"+strconv.Itoa(pid)+"/ns/net", pid)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(found)
		return found
	}
	if found := look(); len(found) > 0 {
		t.Errorf("a new network has %q", found)
	}
	inside := func(command ...string) {
		t.Helper()
		out, err := exec.Command("nsenter", append([]string{"--net=/proc/" + strconv.Itoa(pid) + "/ns/net"}, command...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("%q: %v: %s", command, err, out)
		}
	}
	inside("ip", "link", "set", "lo", "up")
	inside("tc", "qdisc", "add", "dev", "lo", "root", "tbf", "rate", "1mbit", "burst", "10kb", "latency", "50ms")
	inside("iptables-nft", "-t", "mangle", "-A", "OUTPUT", "-j", "NFQUEUE", "--queue-num", "1", "--queue-bypass")
	if found := look(); !slices.Equal(found, []string{"discipline tbf", "rules mangle"}) {
		t.Errorf("found %q", found)
	}
	inside("tc", "qdisc", "del", "dev", "lo", "root")
	inside("iptables-nft", "-t", "mangle", "-F")
	if found := look(); !strings.HasPrefix(strings.Join(found, " "), "rules mangle") {
		t.Errorf("an empty table is a trace too; found %q", found)
	}
}

func TestZombiesAreNoTrace(t *testing.T) {
	c := exec.Command("true")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	dir := "/proc/" + strconv.Itoa(c.Process.Pid)
	for !zombie(dir) { // until it has ended; nobody reaps it before Wait
	}
	if err := c.Wait(); err != nil {
		t.Fatal(err)
	}
	if zombie("/proc/self") {
		t.Error("this process has not ended")
	}
}
