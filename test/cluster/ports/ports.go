// Package ports hands out loopback ports for servers that are started, ended and started again.
package ports

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
)

// Below the range from which systems number outgoing connections, so that no
// connection takes the port of a server that is being restarted.
const firstPort, lastPort = 20000, 32000

// Held are loopback ports that nobody else who asks here uses on this machine, held by locked files
// until Close or the end of the process. The zero value works.
type Held struct {
	mu   sync.Mutex
	held []*os.File
}

// Take reserves a port. It fails when every port is taken.
func (h *Held) Take() (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	dir := filepath.Join(os.TempDir(), "autopilot-ports")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return 0, fmt.Errorf("take a port: %w", err)
	}
	if err := os.Chmod(dir, 0o777|os.ModeSticky); err != nil && !errors.Is(err, os.ErrPermission) {
		return 0, fmt.Errorf("take a port: %w", err) // another user's folder is as it should be
	}
	start := rand.IntN(lastPort - firstPort)
	for i := range lastPort - firstPort {
		port := firstPort + (start+i)%(lastPort-firstPort)
		file := lockPort(dir, port)
		if file == nil {
			continue
		}
		h.held = append(h.held, file)
		return port, nil
	}
	return 0, fmt.Errorf("take a port: all from %d to %d are in use", firstPort, lastPort)
}

// lockPort is nil when somebody holds the port or a server listens on it.
func lockPort(dir string, port int) *os.File {
	name := filepath.Join(dir, strconv.Itoa(port))
	file, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o666)
	if err != nil {
		return nil // another user's
	}
	if syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
		// On all addresses: a server may listen on another than loopback.
		if ln, err := net.Listen("tcp", ":"+strconv.Itoa(port)); err == nil {
			ln.Close()
			return file
		}
	}
	file.Close()
	return nil
}

// Close gives all ports back. Their files stay, for removing a locked file would
// let two take it.
func (h *Held) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, file := range h.held {
		file.Close()
	}
	h.held = nil
}
