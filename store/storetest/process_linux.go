package storetest

import "syscall"

// dieWithParent gives the child a process group of its own and has the kernel
// stop it when we die, so that a killed test leaves no server behind.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGQUIT}
}
