package cluster

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

//go:embed machine.sh
var machineScript string

// canRunNode says whether this process may make namespaces and mount: root, and CAP_SYS_ADMIN.
func canRunNode() bool {
	var data [2]unix.CapUserData
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	return os.Geteuid() == 0 && unix.Capget(&head, &data[0]) == nil && data[0].Effective&(1<<unix.CAP_SYS_ADMIN) != 0
}

func onMainThread() bool { return unix.Gettid() == os.Getpid() }

// bindLife makes a process end with the thread that starts it.
func bindLife(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }

// startMachine makes the namespaces of a node and moves the launcher into them.
func (c *Cluster) startMachine(ctx context.Context) error {
	cmd := exec.Command(filepath.Join(c.bin, "pause"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET}
	init, err := c.stand.startPart("pause", filepath.Join(c.LogDir(), "pause.log"), cmd)
	if err != nil {
		return err
	}
	c.stand.init = init
	c.slot.record.Init, c.slot.record.Started = init.pid(), startTime(init.pid())
	if err := c.slot.save(); err != nil {
		return err
	}
	if err := c.slot.makeCgroups(); err != nil {
		return err
	}
	if err := c.stand.do(func() error { return enter(init.pid()) }); err != nil {
		return fmt.Errorf("enter the node's namespaces: %w", err)
	}
	conf := fmt.Sprintf("nameserver %s\n", c.net.Node)
	if err := os.WriteFile(filepath.Join(c.dir, "conf", "resolv.conf"), []byte(conf), 0o644); err != nil {
		return err
	}
	a := c.net
	if err := ip(ctx,
		"link add "+a.Link+" type veth peer name eth0 netns "+strconv.Itoa(init.pid()),
		"addr add "+a.Host+"/24 dev "+a.Link,
		"link set "+a.Link+" up",
	); err != nil {
		return err
	}
	if _, err := c.stand.output(ctx, "/bin/sh", "-euc", machineScript, "machine", c.dir, c.bin, a.Node, a.Host); err != nil {
		return fmt.Errorf("set up the node's mounts and addresses: %w", err)
	}
	return ip(ctx, "route add "+a.Pods+" via "+a.Node, "route add "+a.Services+" via "+a.Node)
}

// enter moves the calling thread into the namespaces of a process. It stays outside of the PID
// namespace itself, which holds for what it starts.
func enter(pid int) error {
	// A thread that shares its working folder with others may not change its mounts.
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return err
	}
	dir := filepath.Join("/proc", strconv.Itoa(pid), "ns")
	files := map[string]*os.File{}
	for _, name := range []string{"pid", "net", "mnt"} {
		file, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		defer file.Close()
		files[name] = file
	}
	return errors.Join(
		unix.Setns(int(files["pid"].Fd()), unix.CLONE_NEWPID),
		unix.Setns(int(files["net"].Fd()), unix.CLONE_NEWNET),
		unix.Setns(int(files["mnt"].Fd()), unix.CLONE_NEWNS),
	)
}

// stopMachine ends the node. The kernel ends all that ran in it and drops its mounts and network.
func (c *Cluster) stopMachine() error {
	if c.stand.init != nil {
		c.stand.init.kill()
	}
	c.stand.close()
	return c.slot.sweepMachine()
}

// sweepMachine ends the node that the slot's record names, if it still runs, and removes what a
// node leaves when it ends: its link may take a moment, its control groups stay.
func (s *slot) sweepMachine() error {
	if s.record.Init == 0 {
		return nil
	}
	deadline := time.Now().Add(10 * time.Second)
	for startTime(s.record.Init) == s.record.Started {
		if time.Now().After(deadline) {
			return fmt.Errorf("process %d of a killed cluster does not end", s.record.Init)
		}
		// An error says that it ended just now, which the next turn sees.
		_ = syscall.Kill(s.record.Init, syscall.SIGKILL)
		time.Sleep(20 * time.Millisecond)
	}
	link := s.addresses().Link
	if _, err := os.Stat(filepath.Join("/sys/class/net", link)); err == nil {
		// It may vanish of itself in between.
		_ = ip(context.Background(), "link del "+link)
	}
	for {
		err := s.removeCgroups()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// startTime tells a process from a later one with the same id: field 22 of its stat. It is empty
// for a process that is gone or only waits to be reaped.
func startTime(pid int) string {
	body, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return ""
	}
	// The name before the last parenthesis may hold anything.
	fields := strings.Fields(string(body[bytes.LastIndexByte(body, ')')+1:]))
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return ""
	}
	return fields[19]
}

func (s *slot) cgroup() string { return "autopilot-" + strconv.Itoa(s.number) }

const cgroupRoot = "/sys/fs/cgroup"

// makeCgroups makes the group under which all pods of the cluster run, in the one tree of
// cgroup v2 or in each of v1.
func (s *slot) makeCgroups() error {
	trees, err := cgroupTrees()
	if err != nil {
		return err
	}
	for _, tree := range trees {
		if controllers, err := os.ReadFile(filepath.Join(tree, "cgroup.controllers")); err == nil {
			for name := range strings.FieldsSeq(string(controllers)) {
				// A controller that cannot be handed down is the kubelet's to judge: it names those it misses.
				_ = os.WriteFile(filepath.Join(tree, "cgroup.subtree_control"), []byte("+"+name), 0)
			}
		}
		if err := os.Mkdir(filepath.Join(tree, s.cgroup()), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		for name, weight := range podsWeight {
			// Each tree has one of these files or none; without either, pods are slower beside others' work, and nothing else.
			_ = os.WriteFile(filepath.Join(tree, s.cgroup(), name), []byte(weight), 0)
		}
	}
	return nil
}

// podsWeight is what all pods together weigh when the processor is short, by the file of cgroup v1 and of v2: ten times what one process
// outside does. On a node of its own they stand beside two or three groups of the system; here beside each process of the control plane, and
// of whatever else the machine does, and as one among them they would be starved of the little that they ask for.
var podsWeight = map[string]string{"cpu.shares": "10240", "cpu.weight": "1000"}

// removeCgroups removes the cluster's groups, the deepest first. It fails while a process is left.
func (s *slot) removeCgroups() error {
	trees, err := cgroupTrees()
	if err != nil {
		return err
	}
	for _, tree := range trees {
		var dirs []string
		err := filepath.WalkDir(filepath.Join(tree, s.cgroup()), func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				dirs = append(dirs, path)
			}
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		})
		if err != nil {
			return err
		}
		for _, dir := range slices.Backward(dirs) {
			if err := syscall.Rmdir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("remove control group %s: %w", dir, err)
			}
		}
	}
	return nil
}

func cgroupTrees() ([]string, error) {
	if _, err := os.Stat(filepath.Join(cgroupRoot, "cgroup.controllers")); err == nil {
		return []string{cgroupRoot}, nil
	}
	files, err := filepath.Glob(filepath.Join(cgroupRoot, "*", "cgroup.procs"))
	if err != nil || len(files) == 0 {
		return nil, errors.Join(fmt.Errorf("no control groups under %s", cgroupRoot), err)
	}
	trees := make([]string, len(files))
	for i, file := range files {
		trees[i] = filepath.Dir(file)
	}
	return trees, nil
}

// ip runs commands of iproute2 on the host.
func ip(ctx context.Context, commands ...string) error {
	cmd := exec.CommandContext(ctx, "ip", "-batch", "-")
	cmd.Stdin = strings.NewReader(strings.Join(commands, "\n") + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("ip: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}
