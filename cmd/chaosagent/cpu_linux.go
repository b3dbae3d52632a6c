package main

import (
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	burnPeriod = 50 * time.Millisecond
	burnDebt   = time.Second // of CPU time that a thread may catch up with, when others kept it from running
)

// burn uses CPU time: as many threads as it takes, each for its share of every period.
func burn(cores float64) fault {
	threads := int(math.Ceil(cores))
	runtime.GOMAXPROCS(threads + 1) // one more, so that the word to stop is heard
	var stop atomic.Bool
	var all sync.WaitGroup
	began, used := time.Now(), spent(unix.RUSAGE_SELF)
	for range threads {
		all.Go(func() { burnThread(cores/float64(threads), &stop) })
	}
	measured := func() float64 {
		return float64(spent(unix.RUSAGE_SELF)-used) / float64(max(1, time.Since(began)))
	}
	return fault{
		how: fmt.Sprintf("%d threads", threads),
		end: func() error {
			stop.Store(true)
			all.Wait()
			return nil
		},
		report: func() string { return fmt.Sprintf("it used %.2f cores", measured()) },
	}
}

// burnThread uses a share of one core, by what the kernel says that it used.
func burnThread(share float64, stop *atomic.Bool) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	began, used := time.Now(), spent(unix.RUSAGE_THREAD)
	var forgiven time.Duration
	for !stop.Load() {
		period := time.Now()
		owed := time.Duration(share*float64(time.Since(began)+burnPeriod)) - forgiven
		if behind := owed - (spent(unix.RUSAGE_THREAD) - used); behind > burnDebt {
			forgiven += behind - burnDebt
			owed -= behind - burnDebt
		}
		for spent(unix.RUSAGE_THREAD)-used < owed && !stop.Load() {
			spin()
		}
		if rest := burnPeriod - time.Since(period); rest > 0 {
			time.Sleep(rest)
		}
	}
}

// spin keeps a core busy for some tens of microseconds.
func spin() {
	x := uint64(1)
	for range 20_000 {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	runtime.KeepAlive(x)
}

// spent is the CPU time of this process or thread.
func spent(who int) time.Duration {
	var u unix.Rusage
	if unix.Getrusage(who, &u) != nil {
		return 0 // it fails for a wrong who only
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
