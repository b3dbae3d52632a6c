package stand

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Traces are what an experiment may have left in pods, as the machine itself sees it: processes that are not of the programs which belong
// there, disciplines that hold packets back, rules that catch them, and queues that somebody listens to. Pods are named by their UIDs; those
// that are gone leave nothing. It fails when the machine cannot be asked.
func Traces(uids []string, programs ...string) ([]string, error) {
	pods, err := processes(uids)
	if err != nil {
		return nil, err
	}
	var found []string
	looked := map[string]bool{} // network namespaces
	for _, p := range pods {
		if !slices.Contains(programs, p.program) && p.program != "pause" {
			found = append(found, fmt.Sprintf("process %d (%s) in pod %s", p.pid, p.program, p.pod))
		}
		namespace := filepath.Join("/proc", strconv.Itoa(p.pid), "ns", "net")
		id, err := os.Readlink(namespace)
		if err != nil || looked[id] {
			continue // it has just ended, or its pod's network was looked at
		}
		looked[id] = true
		left, err := network(namespace, p.pid)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("look into the network of pod %s: %w", p.pod, err)
		}
		for _, what := range left {
			found = append(found, what+" in the network of pod "+p.pod)
		}
	}
	return found, nil
}

type podProcess struct {
	pid          int
	pod, program string
}

// processes are those of pods, by their control groups.
func processes(uids []string) ([]podProcess, error) {
	files, err := filepath.Glob("/proc/[0-9]*/cgroup")
	if err != nil {
		return nil, err
	}
	var all []podProcess
	for _, file := range files {
		groups, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		k := slices.IndexFunc(uids, func(uid string) bool { return strings.Contains(string(groups), "pod"+uid) })
		name, err := os.ReadFile(filepath.Join(filepath.Dir(file), "comm"))
		if k < 0 || err != nil || zombie(filepath.Dir(file)) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			return nil, err
		}
		all = append(all, podProcess{pid, uids[k], strings.TrimSpace(string(name))})
	}
	return all, nil
}

// zombie tells a process that has ended and only waits to be reaped.
func zombie(dir string) bool {
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	_, rest, _ := strings.Cut(string(stat), ") ")
	return err != nil || strings.HasPrefix(rest, "Z") || strings.HasPrefix(rest, "X")
}

// harmless are the disciplines that an interface has when nobody gave it one.
var harmless = []string{"noqueue", "pfifo_fast", "fq_codel", "mq", "fq"}

// tcMessage is the size of the kernel's struct tcmsg.
const tcMessage = 20

// network says what is not as in a new pod's network.
func network(namespace string, pid int) (found []string, err error) {
	file, err := os.Open(namespace)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	kinds, err := dump(file, unix.NETLINK_ROUTE, unix.RTM_GETQDISC, make([]byte, tcMessage), tcMessage, unix.TCA_KIND)
	if err != nil {
		return nil, fmt.Errorf("list its disciplines: %w", err)
	}
	for _, kind := range kinds {
		if !slices.Contains(harmless, kind) {
			found = append(found, "discipline "+kind)
		}
	}
	const header = 4 // of nfnetlink: family, version, resource
	tables, err := dump(file, unix.NETLINK_NETFILTER, unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_GETTABLE, make([]byte, header), header, unix.NFTA_TABLE_NAME)
	if err != nil {
		return nil, fmt.Errorf("list its tables of rules: %w", err)
	}
	for _, table := range tables {
		found = append(found, "rules "+table)
	}
	for name, file := range map[string]string{"old rules": "ip_tables_names", "old rules of IPv6": "ip6_tables_names", "queue": "netfilter/nfnetlink_queue"} {
		lines, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "net", file))
		if errors.Is(err, fs.ErrNotExist) {
			continue // the kernel has no such thing
		}
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(lines)) {
			found = append(found, name+" "+strings.TrimSpace(line))
		}
	}
	return found, nil
}

// dump asks the kernel of a network namespace for a list, and gives one attribute of each.
func dump(namespace *os.File, family int, request uint16, body []byte, header int, attribute uint16) (values []string, err error) {
	c, err := netlink.Dial(family, &netlink.Config{NetNS: int(namespace.Fd())})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	answers, err := c.Execute(netlink.Message{Header: netlink.Header{Type: netlink.HeaderType(request), Flags: netlink.Request | netlink.Dump}, Data: body})
	if err != nil {
		return nil, err
	}
	for _, a := range answers {
		if len(a.Data) < header {
			return nil, fmt.Errorf("an answer of %d bytes", len(a.Data))
		}
		d, err := netlink.NewAttributeDecoder(a.Data[header:])
		if err != nil {
			return nil, err
		}
		d.ByteOrder = binary.NativeEndian
		for d.Next() {
			if d.Type() == attribute {
				values = append(values, d.String())
			}
		}
		if err := d.Err(); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// CPUTime is how long the processes of a pod have run so far, as the kernel counts it for the pod's control group. It fails for a pod that is
// not there.
func CPUTime(uid string) (time.Duration, error) {
	for _, root := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/cpuacct", "/sys/fs/cgroup/cpu,cpuacct"} {
		var found string
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return fs.SkipDir // it has just gone
			case found != "":
				return fs.SkipAll
			case d.IsDir() && d.Name() == "pod"+uid:
				found = path
			}
			return nil
		})
		if err != nil || found == "" {
			continue
		}
		if nanos, err := os.ReadFile(filepath.Join(found, "cpuacct.usage")); err == nil {
			n, err := strconv.ParseInt(strings.TrimSpace(string(nanos)), 10, 64)
			return time.Duration(n), err
		}
		stat, err := os.ReadFile(filepath.Join(found, "cpu.stat"))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(stat)) {
			if micros, ok := strings.CutPrefix(line, "usage_usec "); ok {
				n, err := strconv.ParseInt(strings.TrimSpace(micros), 10, 64)
				return time.Duration(n) * time.Microsecond, err
			}
		}
	}
	return 0, fmt.Errorf("pod %s has no control group that counts its CPU", uid)
}
