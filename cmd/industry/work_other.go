//go:build !linux

package main

import (
	"runtime"
	"time"
)

// burn keeps a processor busy for so long by the clock on the wall.
func burn(cpu time.Duration) {
	sum := uint32(0)
	for end := time.Now().Add(cpu); time.Now().Before(end); {
		sum = spin(sum)
	}
	runtime.KeepAlive(sum)
}
