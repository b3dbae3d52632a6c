package main

import (
	"fmt"
	"hash/crc32"
	"time"
)

// The most that one request may be made to cost; more is a typing error.
const (
	maxCPU   = 10 * time.Second
	maxAlloc = 1 << 30
)

// Work is what each request costs beside its callees. The zero value costs nothing.
type Work struct {
	CPU   time.Duration // time on a processor: on a throttled one the request takes longer
	Alloc int64         // bytes, held until the request is answered
}

func (w Work) check() error {
	if w.CPU < 0 || w.CPU > maxCPU {
		return fmt.Errorf("cpu %s: want 0s to %s a request", w.CPU, maxCPU)
	}
	if w.Alloc < 0 || w.Alloc > maxAlloc {
		return fmt.Errorf("alloc %d: want 0 to %d bytes a request", w.Alloc, maxAlloc)
	}
	return nil
}

// do does the work, and gives what is to be held. Each page is written to, or it would not exist.
func (w Work) do() []byte {
	held := make([]byte, w.Alloc)
	for at := 0; at < len(held); at += 4096 {
		held[at] = 1
	}
	if w.CPU > 0 {
		burn(w.CPU)
	}
	return held
}

var block = make([]byte, 16<<10)

// spin is a few microseconds of work that the compiler cannot leave out.
func spin(sum uint32) uint32 { return crc32.Update(sum, crc32.IEEETable, block) }
