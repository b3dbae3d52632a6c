package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	fillStep = 4 << 20 // bytes that are taken at a time, so that a stop in between is heard
	spare    = 8 << 20 // bytes that are left, since who fills a cgroup to the last one is killed in it
)

// fill takes memory, touches every page of it and holds it. It fails when there is no room for it below root's cgroup limits and on the
// node, unless it is forced.
func fill(bytes int64, force bool, root string) (fault, error) {
	if room, of, ok := roomIn(root); ok && !force && bytes > room-spare {
		return fault{}, fmt.Errorf("%d bytes are more than the %d that %s has left, less %d to spare; say -force to do it, which may have something killed", bytes, max(0, room), of, int64(spare))
	}
	block, err := unix.Mmap(-1, 0, int(bytes), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return fault{}, fmt.Errorf("take %d bytes: %w", bytes, err)
	}
	// What is asked for is what is used: no huge pages, no swapping where that is allowed.
	_ = unix.Madvise(block, unix.MADV_NOHUGEPAGE) // a kernel without huge pages has no such advice
	ctx, cancel := context.WithCancel(context.Background())
	var touching sync.WaitGroup
	began := time.Now()
	touched := touch(ctx, block[:min(len(block), fillStep)])
	touching.Go(func() { touch(ctx, block[touched:]) })
	return fault{
		how: "anonymous pages",
		end: func() error {
			cancel()
			touching.Wait()
			return unix.Munmap(block)
		},
		report: func() string {
			return fmt.Sprintf("it held %d bytes for %v", bytes, time.Since(began).Round(time.Millisecond))
		},
	}, nil
}

// touch writes to every page until ctx ends, and returns how far it came.
func touch(ctx context.Context, block []byte) int {
	page := os.Getpagesize()
	for i := 0; i < len(block); i += page {
		if i%fillStep == 0 && ctx.Err() != nil {
			return i
		}
		block[i] = 1
	}
	return len(block)
}
