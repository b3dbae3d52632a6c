package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// slots is how many clusters fit on one machine.
const slots = 32

// A slot is a cluster's place on this machine: its addresses and names follow from its number. It is a
// locked file, and the lock ends with the process that holds it.
type slot struct {
	number int
	file   *os.File
	record record
}

// A record is what a later start needs to clear up after a killed run.
type record struct {
	Name string
	Dir  string
	// Owned says that the whole of Dir is ours to remove, not only the state in it.
	Owned bool
	// Init is the first process of the node, and Started the kernel's start time of it, without
	// which a process id means nothing. Zero without a node.
	Init    int
	Started string
}

// addresses are what a slot's number gives a Node cluster.
type addresses struct {
	Host, Node, Net, Pods, Services, ServiceIP string
	Link                                       string // the host's end of the veth pair
}

func (s *slot) addresses() addresses {
	base := "10." + strconv.Itoa(100+s.number)
	return addresses{
		Host: base + ".0.1", Node: base + ".0.2", Net: base + ".0.0/16",
		Pods: base + ".64.0/18", Services: base + ".128.0/18", ServiceIP: base + ".128.1",
		Link: "autopilot" + strconv.Itoa(s.number),
	}
}

// slotDir is where the slots are: one place for all of root's clusters, as addresses are the
// machine's, and one for each other user.
func slotDir() string {
	if os.Geteuid() == 0 {
		return "/run/autopilot"
	}
	return filepath.Join(os.TempDir(), "autopilot-"+strconv.Itoa(os.Geteuid()))
}

// takeSlot sweeps what killed runs left in any slot and takes the first free one whose addresses
// nothing else on this machine uses.
func takeSlot(name string) (*slot, error) {
	dir := slotDir()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	var taken *slot
	var stuck []error
	for n := range slots {
		if _, err := os.Stat(slotFile(dir, n)); err != nil && taken != nil {
			continue // never used
		}
		s, err := openSlot(dir, n)
		if err != nil {
			return nil, err
		}
		if s == nil {
			continue // somebody's who lives
		}
		switch err := s.sweep(); {
		case err != nil:
			stuck = append(stuck, err)
			s.close()
		case taken != nil || addressesInUse(s.addresses().Net):
			s.close()
		default:
			taken = s
		}
	}
	if taken == nil {
		return nil, errors.Join(fmt.Errorf("all %d places for clusters on this machine are taken", slots), errors.Join(stuck...))
	}
	taken.record = record{Name: name}
	return taken, nil
}

func slotFile(dir string, n int) string { return filepath.Join(dir, "slot-"+strconv.Itoa(n)) }

// openSlot locks slot n and reads its record. It is nil if somebody holds it.
func openSlot(dir string, n int) (*slot, error) {
	file, err := os.OpenFile(slotFile(dir, n), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, nil
		}
		return nil, err
	}
	s := &slot{number: n, file: file}
	// A record cut short by a kill names nothing that was started: it is written first.
	if err := json.NewDecoder(file).Decode(&s.record); err != nil {
		s.record = record{}
	}
	return s, nil
}

// save writes the record through, before what it names exists.
func (s *slot) save() error {
	body, err := json.Marshal(s.record)
	if err != nil {
		return err
	}
	if err := s.file.Truncate(0); err != nil {
		return err
	}
	_, err = s.file.WriteAt(body, 0)
	return err
}

// sweep ends and removes all that the record names.
func (s *slot) sweep() error {
	if s.record == (record{}) {
		return nil
	}
	if err := s.sweepMachine(); err != nil {
		return err
	}
	if err := removeState(s.record.Dir, s.record.Owned); err != nil {
		return err
	}
	s.record = record{}
	return s.file.Truncate(0)
}

// close gives the slot back. The file stays: removing a locked file would let two take it.
func (s *slot) close() { s.file.Close() }

// removeState removes a cluster's folder, or all but its logs when the folder is the caller's.
func removeState(dir string, owned bool) error {
	if dir == "" {
		return nil
	}
	if owned {
		return os.RemoveAll(dir)
	}
	for _, sub := range stateDirs {
		if err := os.RemoveAll(filepath.Join(dir, sub)); err != nil {
			return err
		}
	}
	return nil
}

// addressesInUse says whether an interface of this machine has an address in the network.
func addressesInUse(network string) bool {
	_, ours, err := net.ParseCIDR(network)
	if err != nil {
		return true
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return true
	}
	for _, addr := range addrs {
		if theirs, ok := addr.(*net.IPNet); ok && (ours.Contains(theirs.IP) || theirs.Contains(ours.IP)) {
			return true
		}
	}
	return false
}

// lockFile waits for an exclusive lock and returns what ends it.
func lockFile(ctx context.Context, path string) (file *os.File, unlock func(), err error) {
	if file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644); err != nil {
		return nil, nil, err
	}
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return file, func() { file.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			file.Close()
			return nil, nil, err
		}
		select {
		case <-ctx.Done():
			file.Close()
			return nil, nil, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}
