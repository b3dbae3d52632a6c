package main

import (
	"bufio"
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// noLimit is from which on a number stands for none; cgroup v1 writes the largest multiple of a page.
const noLimit = math.MaxInt64 / 2

// roomIn tells how many bytes can still be taken: the least of what each cgroup above this process that can be seen has left, and of what
// the node has. Inside a container the pod's own cgroup is often out of sight. It reads below root, and is not ok when nothing can be read.
func roomIn(root string) (room int64, of string, ok bool) {
	room = math.MaxInt64
	if left, found := available(filepath.Join(root, "proc/meminfo")); found {
		room, of, ok = left, "the node", true
	}
	for _, dir := range memoryGroups(root) {
		if left, found := leftIn(dir); found && left < room {
			room, of, ok = left, "its cgroup", true
		}
	}
	return room, of, ok
}

// memoryGroups lists the folders of the cgroups that this process is in, from its own upwards. A container's mount begins at its own,
// so that what /proc/self/cgroup says may lead nowhere; what does not exist is skipped when it is read.
func memoryGroups(root string) []string {
	lines, err := os.ReadFile(filepath.Join(root, "proc/self/cgroup")) //nolint:gosec // It is in /proc.
	if err != nil {
		return nil
	}
	var dirs []string
	for entry := range strings.Lines(string(lines)) {
		parts := strings.SplitN(strings.TrimSpace(entry), ":", 3) // "4:memory:/kubepods/…", or "0::/…" for version 2
		if len(parts) != 3 {
			continue
		}
		var mounts []string
		switch {
		case parts[1] == "":
			mounts = []string{"sys/fs/cgroup", "sys/fs/cgroup/unified"}
		case strings.Contains(","+parts[1]+",", ",memory,"):
			mounts = []string{"sys/fs/cgroup/memory"}
		}
		for _, mount := range mounts {
			top := filepath.Join(root, mount)
			for dir := filepath.Join(top, filepath.Clean("/"+parts[2])); len(dir) >= len(top); dir = filepath.Dir(dir) {
				dirs = append(dirs, dir)
			}
		}
	}
	return dirs
}

// leftIn tells how much one cgroup has left, when it has a limit. What the kernel would give back by itself, the cache of files that are not
// in use, is not counted as used.
func leftIn(dir string) (int64, bool) {
	limit, used := readNumber(dir, "memory.max"), readNumber(dir, "memory.current")
	cache := "inactive_file"
	if limit < 0 {
		limit, used = readNumber(dir, "memory.limit_in_bytes"), readNumber(dir, "memory.usage_in_bytes")
		cache = "total_inactive_file"
		// Of the limits above a container's cgroup, which it cannot see, version 1 tells the least.
		if above, ok := readField(filepath.Join(dir, "memory.stat"), "hierarchical_memory_limit"); ok {
			limit = min(limit, above)
		}
	}
	if limit < 0 || used < 0 || limit >= noLimit {
		return 0, false
	}
	free, _ := readField(filepath.Join(dir, "memory.stat"), cache)
	return limit - max(0, used-free), true
}

// readNumber reads a file with one number, noLimit for "max", and -1 when it cannot.
func readNumber(dir, name string) int64 {
	data, err := os.ReadFile(filepath.Join(dir, name)) //nolint:gosec // It is below the mount of cgroups.
	if err != nil {
		return -1
	}
	text := string(bytes.TrimSpace(data))
	if text == "max" {
		return noLimit
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// readField reads one number of a file of lines "name number".
func readField(path, name string) (int64, bool) {
	f, err := os.Open(path) //nolint:gosec // It is below the mount of cgroups, or in /proc.
	if err != nil {
		return 0, false
	}
	defer shut(f)
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) >= 2 && strings.TrimSuffix(fields[0], ":") == name {
			n, err := strconv.ParseInt(fields[1], 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}

// available reads what the node can still give.
func available(meminfo string) (int64, bool) {
	kib, ok := readField(meminfo, "MemAvailable")
	return kib << 10, ok
}
