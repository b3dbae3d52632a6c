//go:build !linux

package cluster

import (
	"context"
	"errors"
	"syscall"
)

func onMainThread() bool { return false }

func canRunNode() bool { return false }

// bindLife can do nothing: only Linux has a parent-death signal.
func bindLife(*syscall.SysProcAttr) {}

func (c *Cluster) startMachine(context.Context) error {
	return errors.New("a real node needs Linux")
}

func (c *Cluster) stopMachine() error {
	c.stand.close()
	return nil
}

func (s *slot) sweepMachine() error { return nil }

func (s *slot) cgroup() string { return "" }
