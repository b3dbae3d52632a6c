package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	fillStep  = 4 << 20 // bytes that are taken at a time, so that a stop in between is heard
	looks     = 3       // at what others hold
	lookEvery = 300 * time.Millisecond
	spare     = 8 << 20 // bytes that are left, since who fills a cgroup to the last one is killed in it
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

// fillUpTo takes what the other processes that are seen below root do not hold of so many bytes.
func fillUpTo(bytes int64, force bool, root string) (fault, error) {
	used := inUse(root)
	for range looks - 1 { // a probe or an exec comes and goes
		time.Sleep(lookEvery)
		used = min(used, inUse(root))
	}
	if bytes-used < leastMemory {
		return fault{}, fmt.Errorf("of %d bytes the processes here hold %d already", bytes, used)
	}
	return fill(bytes-used, force, root)
}

// inUse is the memory that all other processes hold that are seen, in bytes: what is each one's own, and the most that one
// shares, as the others may share the same. What the kernel needs for them is not in it.
func inUse(root string) int64 {
	var sum, shared int64
	all, _ := filepath.Glob(filepath.Join(root, "proc/[0-9]*/status")) // the pattern is well formed
	for _, status := range all {
		if filepath.Base(filepath.Dir(status)) == strconv.Itoa(os.Getpid()) {
			continue
		}
		own, _ := readField(status, "RssAnon") // a process that has ended holds nothing
		with, _ := readField(status, "RssShmem")
		sum, shared = sum+own<<10, max(shared, with<<10)
	}
	return sum + shared
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
