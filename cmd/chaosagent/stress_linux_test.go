package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// waited tells how long threads of a process were ready while others ran.
func waited(t *testing.T, pid int) time.Duration {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		t.Fatal(err)
	}
	var all time.Duration
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			continue // a thread that has ended
		}
		var ran, ready int64
		if _, err := fmt.Sscan(string(data), &ran, &ready); err != nil {
			t.Fatal(err)
		}
		all += time.Duration(ready)
	}
	return all
}

// used is the CPU time of a process.
func used(t *testing.T, pid int) time.Duration {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, fields, _ := strings.Cut(string(data), ") ")
	var user, system int64
	for i, field := range strings.Fields(fields) {
		switch i {
		case 11:
			_, err = fmt.Sscan(field, &user)
		case 12:
			_, err = fmt.Sscan(field, &system)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}

// here runs an agent that needs no pod.
func here(t *testing.T, args ...string) *agent {
	t.Helper()
	return launch(t, nil, args...)
}

func TestCPUIsUsedAsAsked(t *testing.T) {
	t.Parallel()
	for _, cores := range []float64{0.3, 1.2} {
		t.Run(fmt.Sprint(cores), func(t *testing.T) {
			t.Parallel()
			a := here(t, "cpu", "-cores", fmt.Sprint(cores), "-for", "1m", "-silence", "1m")
			a.say("beat")
			a.line()
			pid := a.cmd.Process.Pid
			began, before, waitedBefore := time.Now(), used(t, pid), waited(t, pid)
			time.Sleep(3 * time.Second)
			took := time.Since(began)
			got, ready := used(t, pid)-before, waited(t, pid)-waitedBefore
			want := time.Duration(cores * float64(took))
			t.Logf("%v in %v, and %v of waiting for a core", got, took, ready)
			if got > want+want/20 {
				t.Errorf("%v in %v, want %v", got, took, want)
			}
			// Where others keep it from running it can do no more than be ready.
			if got+ready < want-want/20 {
				t.Errorf("%v in %v, though it waited %v only, want %v", got, took, ready, want)
			}
			if l := a.stop(); !strings.Contains(l.Text, "cores") {
				t.Errorf("it says %q", l.Text)
			}
		})
	}
}

func TestMemoryIsUsedAsAsked(t *testing.T) {
	a := here(t, "memory", "-bytes", "64Mi", "-for", "1m", "-silence", "1m")
	a.say("beat")
	if l := a.line(); l.State != stateBegun {
		t.Fatalf("%+v", l)
	}
	resident := func() int64 {
		kib, _ := readField(fmt.Sprintf("/proc/%d/status", a.cmd.Process.Pid), "RssAnon")
		return kib << 10
	}
	eventually(t, "64 MiB are held", func() bool { return resident() >= 64<<20 })
	if got := resident(); got > 80<<20 {
		t.Errorf("%d bytes are held", got)
	}
	a.stop()
	refused := here(t, "memory", "-bytes", "100000Gi")
	refused.say("beat")
	if l, code := refused.ended(); code != codeRefused || !strings.Contains(l.Text, "-force") {
		t.Errorf("code %d, %+v", code, l)
	}
}

// TestMemoryIsFilledUp has two neighbours, and a third that has just ended.
func TestMemoryIsFilledUp(t *testing.T) {
	root := t.TempDir()
	for pid, status := range map[string]string{
		"7": "VmRSS: 9000 kB\nRssAnon: 2048 kB\nRssFile: 7000 kB\nRssShmem: 1024 kB\n", "8": "RssAnon: 1024 kB\nRssShmem: 512 kB\n", "9": "Name: gone\n",
		strconv.Itoa(os.Getpid()): "RssAnon: 999999 kB\n",
	} {
		dir := filepath.Join(root, "proc", pid)
		if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "status"), []byte(status), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if got := inUse(root); got != 4<<20 {
		t.Errorf("%d bytes are held, want 4 MiB", got)
	}
	if _, err := fillUpTo(4<<20, true, root); err == nil || !strings.Contains(err.Error(), "4194304 already") {
		t.Errorf("full as it is: %v", err)
	}
	f, err := fillUpTo(7<<20, true, root)
	if err != nil {
		t.Fatal(err)
	}
	if got := f.report(); !strings.Contains(got, "held 3145728 bytes") {
		t.Errorf("it says %q, want 3 MiB", got)
	}
	if err := f.end(); err != nil {
		t.Error(err)
	}
}

func TestRoomIsTheLeastOfWhatCanBeSeen(t *testing.T) {
	const mib = 1 << 20
	meminfo := fmt.Sprintf("MemTotal: 9 kB\nMemAvailable: %d kB\n", 1000<<10)
	for _, c := range []struct {
		name  string
		files map[string]string
		want  int64
		of    string
	}{
		{
			name:  "version 2, in a container",
			files: map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "104857600\n", "sys/fs/cgroup/memory.current": "31457280\n", "sys/fs/cgroup/memory.stat": "anon 1\ninactive_file 10485760\n"},
			want:  80 * mib, of: "its cgroup",
		},
		{
			name: "version 2, the pod above is fuller",
			files: map[string]string{
				"proc/self/cgroup": "0::/pod/agent\n", "sys/fs/cgroup/pod/agent/memory.max": "max\n", "sys/fs/cgroup/pod/agent/memory.current": "1\n",
				"sys/fs/cgroup/pod/memory.max": "104857600\n", "sys/fs/cgroup/pod/memory.current": "94371840\n",
			},
			want: 10 * mib, of: "its cgroup",
		},
		{
			name: "version 1, with a limit above that it cannot see",
			files: map[string]string{
				"proc/self/cgroup": "9:cpu:/x\n4:memory:/kubepods/x\n0::/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
				"sys/fs/cgroup/memory/memory.usage_in_bytes": "10485760\n", "sys/fs/cgroup/memory/memory.stat": "hierarchical_memory_limit 52428800\n",
			},
			want: 40 * mib, of: "its cgroup",
		},
		{
			name:  "no limit",
			files: map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n", "sys/fs/cgroup/memory.current": "1\n"},
			want:  1000 * mib, of: "the node",
		},
		{
			name:  "what cannot be read",
			files: map[string]string{"proc/self/cgroup": "nonsense\n0::/../../etc\n", "sys/fs/cgroup/memory.max": "many\n"},
			want:  1000 * mib, of: "the node",
		},
	} {
		root := t.TempDir()
		c.files["proc/meminfo"] = meminfo
		for name, text := range c.files {
			path := filepath.Join(root, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		room, of, ok := roomIn(root)
		if room != c.want || of != c.of || !ok {
			t.Errorf("%s: %d of %s, want %d of %s", c.name, room, of, c.want, c.of)
		}
		// What is more than that is refused, unless somebody insists.
		if _, err := fill(c.want, false, root); err == nil {
			t.Errorf("%s: all of it is taken", c.name)
		}
		f, err := fill(mib, true, root)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.end(); err != nil {
			t.Error(err)
		}
	}
	if room, _, ok := roomIn(t.TempDir()); ok || room != math.MaxInt64 {
		t.Errorf("of nothing that can be read: %d", room)
	}
}

// A container's process 1, that handles SIGTERM, is the agent itself in the role of an app.
func TestSignalEndsProcessOne(t *testing.T) {
	app := launch(t, []string{"unshare", "--pid", "--fork", "--mount-proc"}, "cpu", "-cores", "0.01", "-for", "1m", "-silence", "1m")
	app.say("beat")
	if l := app.line(); l.State != stateBegun {
		t.Fatalf("%+v; %s", l, &app.heard)
	}
	one := fmt.Sprint(app.worker())
	a := launch(t, []string{"nsenter", "--pid", "--mount", "--target", one}, "signal", "-silence", "1m")
	a.say("beat")
	if l := a.line(); l.State != stateBegun || l.How != "SIGTERM" {
		t.Errorf("%+v; %s", l, &a.heard)
	}
	if l, code := app.ended(); l.Reason != endSignal || code != codeClean {
		t.Errorf("process 1 ended with code %d and %+v", code, l)
	}
}
