package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// procField reads a field in kB of a file such as /proc/meminfo, in bytes. It fails on systems without /proc.
func procField(file, field string) (int64, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	return kilobytes(string(data), field)
}

// kilobytes finds the line "field: 123 kB", and gives bytes.
func kilobytes(text, field string) (int64, error) {
	for line := range strings.Lines(text) {
		value, ok := strings.CutPrefix(line, field+":")
		if !ok {
			continue
		}
		number, ok := strings.CutSuffix(strings.TrimSpace(value), " kB")
		if !ok {
			return 0, fmt.Errorf("%s is not in kB: %q", field, value)
		}
		n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
		return n << 10, err
	}
	return 0, fmt.Errorf("there is no field %s", field)
}

// resident is a process' memory as the system counts it, now and at its most.
type resident struct{ now, peak int64 }

// residentOf reads the memory of a process.
func residentOf(pid int) (r resident, err error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return r, err
	}
	if r.now, err = kilobytes(string(data), "VmRSS"); err != nil {
		return r, err
	}
	r.peak, err = kilobytes(string(data), "VmHWM")
	return r, err
}
