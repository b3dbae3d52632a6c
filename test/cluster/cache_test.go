package cluster

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var monday = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// keys makes a cache with a folder of programs for each name, last used so long before monday.
func keys(t *testing.T, used map[string]time.Duration) (bin string) {
	t.Helper()
	bin = t.TempDir()
	for name, age := range used {
		dir := filepath.Join(bin, name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "etcd"), nil, 0o755); err != nil {
			t.Fatal(err)
		}
		release, err := hold(dir, monday.Add(-age))
		if err != nil {
			t.Fatal(err)
		}
		release()
	}
	return bin
}

func left(t *testing.T, bin string) string {
	t.Helper()
	entries, err := os.ReadDir(bin)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func TestOldProgramsAreRemoved(t *testing.T) {
	const day = 24 * time.Hour
	for _, tt := range []struct {
		name string
		used map[string]time.Duration
		want string
	}{
		{"the newest two stay, however old", map[string]time.Duration{"a": 90 * day, "b": 60 * day, "c": 30 * day}, "b c"},
		{"what was used this week stays", map[string]time.Duration{"a": 0, "b": day, "c": 2 * day, "d": 7*day - time.Second, "e": 7 * day}, "a b c d"},
		{"one is kept", map[string]time.Duration{"a": 90 * day}, "a"},
		{"none is none", nil, ""},
	} {
		bin := keys(t, tt.used)
		var said []string
		prune(bin, monday, func(line string) { said = append(said, line) })
		if got := left(t, bin); got != tt.want {
			t.Errorf("%s: %q; want %q", tt.name, got, tt.want)
		}
		if removed := len(tt.used) - len(strings.Fields(tt.want)); len(said) != removed {
			t.Errorf("%s: said %q; want a line for each of %d", tt.name, said, removed)
		}
	}
}

func TestProgramsOfAnOlderVersionAreAsOldAsTheirFolder(t *testing.T) {
	bin := keys(t, map[string]time.Duration{"a": time.Hour, "b": time.Hour, "old": time.Hour, "young": time.Hour})
	for name, age := range map[string]time.Duration{"old": 8 * 24 * time.Hour, "young": 6 * 24 * time.Hour} {
		dir, at := filepath.Join(bin, name), monday.Add(-age)
		if err := os.Remove(filepath.Join(dir, useLock)); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(dir, at, at); err != nil {
			t.Fatal(err)
		}
	}
	prune(bin, monday, func(string) {})
	if got := left(t, bin); got != "a b young" {
		t.Errorf("left %q", got)
	}
}

func TestProgramsInUseAreNotRemoved(t *testing.T) {
	year := 365 * 24 * time.Hour
	bin := keys(t, map[string]time.Duration{"a": 0, "b": 0, "built": year, "held": year})
	unlock, err := lockFolder(t.Context(), filepath.Join(bin, "built"))
	if err != nil {
		t.Fatal(err)
	}
	var releases []func()
	for range 2 {
		release, err := hold(filepath.Join(bin, "held"), monday.Add(-year))
		if err != nil {
			t.Fatal(err)
		}
		releases = append(releases, release)
	}
	said := func(line string) { t.Log(line) }
	prune(bin, monday, said)
	releases[0]()
	prune(bin, monday, said)
	if got := left(t, bin); got != "a b built held" {
		t.Errorf("while they are used: %q", got)
	}
	unlock()
	releases[1]()
	prune(bin, monday, said)
	if got := left(t, bin); got != "a b" {
		t.Errorf("afterwards: %q", got)
	}
}

// TestAFolderThatIsRemovedWhileOneWaitsIsMadeAnew takes the lock of a folder, removes it as prune does, and lets go.
func TestAFolderThatIsRemovedWhileOneWaitsIsMadeAnew(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "key")
	unlock, err := lockFolder(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan error)
	go func() {
		again, err := lockFolder(t.Context(), dir)
		if err == nil {
			again()
		}
		got <- err
	}()
	time.Sleep(50 * time.Millisecond) // it waits by now; if not, the test only shows less
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	unlock()
	if err := <-got; err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, buildLock)); err != nil {
		t.Errorf("the lock that was had is of a folder that is gone: %v", err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	held, err := lockFolder(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer held()
	if _, err := lockFolder(over, dir); err == nil {
		t.Error("a lock was had that somebody holds")
	}
}
