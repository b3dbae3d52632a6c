package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSlotHeldAndGivenBack(t *testing.T) {
	dir := t.TempDir()
	first, err := openSlot(dir, 3)
	if err != nil || first == nil {
		t.Fatalf("open a free slot: %v, %v", first, err)
	}
	if held, err := openSlot(dir, 3); err != nil || held != nil {
		t.Errorf("a held slot was given to another: %v, %v", held, err)
	}
	want := record{Name: "shop", Dir: "/somewhere", Owned: true, Init: 42, Started: "4711"}
	first.record = want
	if err := first.save(); err != nil {
		t.Fatal(err)
	}
	// A shorter record must not leave the end of the longer one.
	want.Dir = "/x"
	first.record = want
	if err := first.save(); err != nil {
		t.Fatal(err)
	}
	first.close()
	again, err := openSlot(dir, 3)
	if err != nil || again == nil {
		t.Fatalf("open a slot that was given back: %v, %v", again, err)
	}
	defer again.close()
	if diff := cmp.Diff(want, again.record); diff != "" {
		t.Errorf("the record of the run before (-want +got):\n%s", diff)
	}
}

func TestSlotWithBrokenRecord(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(slotFile(dir, 0), []byte(`{"Name":"cut sho`), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := openSlot(dir, 0)
	if err != nil || s == nil {
		t.Fatalf("a slot with half a record: %v, %v", s, err)
	}
	defer s.close()
	if err := s.sweep(); err != nil {
		t.Errorf("sweep what names nothing: %v", err)
	}
}

func TestSweepRemovesState(t *testing.T) {
	for _, owned := range []bool{true, false} {
		t.Run(fmt.Sprintf("owned %t", owned), func(t *testing.T) {
			slots, dir := t.TempDir(), filepath.Join(t.TempDir(), "cluster")
			for _, sub := range []string{"log", "etcd/member", "mine"} {
				if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			s, err := openSlot(slots, 1)
			if err != nil {
				t.Fatal(err)
			}
			defer s.close()
			s.record = record{Name: "x", Dir: dir, Owned: owned}
			if err := s.save(); err != nil {
				t.Fatal(err)
			}
			if err := s.sweep(); err != nil {
				t.Fatal(err)
			}
			left := map[string]bool{}
			for _, sub := range []string{"log", "etcd", "mine"} {
				_, err := os.Stat(filepath.Join(dir, sub))
				left[sub] = err == nil
			}
			// A folder of the caller's keeps its logs, and what is not ours.
			if diff := cmp.Diff(map[string]bool{"log": !owned, "etcd": false, "mine": !owned}, left); diff != "" {
				t.Errorf("what is left (-want +got):\n%s", diff)
			}
			if info, err := s.file.Stat(); err != nil || info.Size() != 0 {
				t.Errorf("a swept slot still has a record of %d bytes: %v", info.Size(), err)
			}
		})
	}
}

func TestAddressesAreApart(t *testing.T) {
	seen := map[string]int{}
	for n := range slots {
		a := (&slot{number: n}).addresses()
		_, whole, err := net.ParseCIDR(a.Net)
		if err != nil {
			t.Fatal(err)
		}
		_, pods, err := net.ParseCIDR(a.Pods)
		if err != nil {
			t.Fatal(err)
		}
		_, services, err := net.ParseCIDR(a.Services)
		if err != nil {
			t.Fatal(err)
		}
		host, node, service := net.ParseIP(a.Host), net.ParseIP(a.Node), net.ParseIP(a.ServiceIP)
		switch {
		case !whole.Contains(host) || !whole.Contains(node) || !whole.Contains(pods.IP) || !whole.Contains(services.IP):
			t.Errorf("slot %d: not all of %+v is in %s", n, a, a.Net)
		case pods.Contains(services.IP) || services.Contains(pods.IP) || pods.Contains(node) || services.Contains(host):
			t.Errorf("slot %d: networks overlap in %+v", n, a)
		case !services.Contains(service):
			t.Errorf("slot %d: %s is not a Service of %s", n, a.ServiceIP, a.Services)
		case len(a.Link) > 15:
			t.Errorf("slot %d: an interface's name has 15 bytes at most: %q", n, a.Link)
		}
		if other, ok := seen[a.Net]; ok {
			t.Errorf("slots %d and %d share %s", n, other, a.Net)
		}
		seen[a.Net] = n
	}
}

func TestAddressesInUse(t *testing.T) {
	for network, want := range map[string]bool{"127.0.0.0/8": true, "127.0.0.0/24": true, "203.0.113.0/24": false, "nonsense": true} {
		if got := addressesInUse(network); got != want {
			t.Errorf("%s in use: %t, want %t", network, got, want)
		}
	}
}

func TestLockFileWaits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	_, unlock, err := lockFile(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	impatient, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, _, err := lockFile(impatient, path); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a held lock was taken: %v", err)
	}
	got := make(chan error)
	go func() {
		_, release, err := lockFile(t.Context(), path)
		if err == nil {
			release()
		}
		got <- err
	}()
	unlock()
	if err := <-got; err != nil {
		t.Errorf("wait for a lock that is given back: %v", err)
	}
}
