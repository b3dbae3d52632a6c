//go:build !linux

package stand

import (
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// dieWithParent gives a child a group of its own; only Linux can tie its life
// to ours, so here a killed run leaves it to the next start.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

// startTime is when a process started and whether it lives.
func startTime(pid int) (string, bool) {
	out, err := exec.Command("ps", "-o", "stat=,lstart=", "-p", strconv.Itoa(pid)).Output()
	state, born, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	if err != nil || strings.HasPrefix(state, "Z") {
		return "", false
	}
	return strings.Join(strings.Fields(born), " "), true
}
