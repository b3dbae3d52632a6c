package main

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// burn uses a processor for so long, however long that takes where the processor is shared or throttled.
func burn(cpu time.Duration) {
	runtime.LockOSThread() // the clock is the thread's
	defer runtime.UnlockOSThread()
	sum := uint32(0)
	for end := threadTime() + cpu; threadTime() < end; {
		sum = spin(sum)
	}
	runtime.KeepAlive(sum)
}

// threadTime is how long the thread has run.
func threadTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		return time.Duration(time.Now().UnixNano()) // never on a kernel that Go runs on
	}
	return time.Duration(t.Nano())
}
