//go:build !linux

package storetest

import "syscall"

// dieWithParent gives the child a process group of its own; only Linux can tie
// its life to ours.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
