package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// terminate asks process 1 of the container whose processes this one shares to end. The kernel drops a signal that it does not handle, even
// SIGKILL, so that is refused, and so is a container of the agent's own. When process 1 ends, the kernel ends this one with it.
func terminate(root string, own int, send func(pid int, s unix.Signal) error) (fault, error) {
	if own == 1 {
		return fault{}, errors.New("process 1 is the agent itself: its container does not share the processes of another")
	}
	handled, err := handles(filepath.Join(root, "proc/1/status"), unix.SIGTERM)
	switch {
	case err != nil:
		return fault{}, err
	case !handled:
		return fault{}, errors.New("process 1 does not handle SIGTERM, so that the kernel drops it")
	}
	if err := send(1, unix.SIGTERM); err != nil {
		return fault{}, fmt.Errorf("process 1 cannot be sent SIGTERM: %w; the agent has to run as its user", err)
	}
	done := make(chan struct{})
	close(done)
	return fault{how: "SIGTERM", done: done, end: func() error { return nil }}, nil
}

// handles tells whether a process has a handler of its own for a signal.
func handles(status string, s unix.Signal) (bool, error) {
	data, err := os.ReadFile(status) //nolint:gosec // It is in /proc.
	if err != nil {
		return false, fmt.Errorf("see which signals process 1 handles: %w", err)
	}
	for text := range strings.Lines(string(data)) {
		if mask, ok := strings.CutPrefix(text, "SigCgt:"); ok {
			caught, err := strconv.ParseUint(strings.TrimSpace(mask), 16, 64)
			return caught&(1<<(s-1)) != 0, err
		}
	}
	return false, errors.New("the kernel does not say which signals process 1 handles")
}
