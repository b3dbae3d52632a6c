//go:build !linux

package stand

import (
	"errors"
	"time"
)

// Traces are what an experiment may have left in pods. It fails: there are no real pods on this system.
func Traces([]string, ...string) ([]string, error) {
	return nil, errors.New("there are no real pods on this system")
}

// CPUTime is how long the processes of a pod have run so far. It fails: there are no real pods on this system.
func CPUTime(string) (time.Duration, error) {
	return 0, errors.New("there are no real pods on this system")
}
