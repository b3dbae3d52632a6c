package stand

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
)

// dieWithParent gives a child a group of its own and has the kernel kill it
// when we die.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// startTime is when a process started, in ticks since boot, and whether it
// lives; one that has ended and only waits to be collected does not.
func startTime(pid int) (string, bool) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return "", false
	}
	// The second field, the program's name, may hold spaces and brackets.
	f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(f) < 20 || f[0][0] == 'Z' || f[0][0] == 'X' {
		return "", false
	}
	return string(f[19]), true
}
