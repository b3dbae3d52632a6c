package main

import (
	"testing"
	"time"
)

// TestWorkCosts has requests cost what was asked for: the processor's time does not run while others have the processor, so it takes at
// least as long on the wall.
func TestWorkCosts(t *testing.T) {
	w := Work{CPU: 20 * time.Millisecond, Alloc: 1 << 20}
	began := time.Now()
	held := w.do()
	if took := time.Since(began); took < w.CPU {
		t.Errorf("20 ms of work took %s", took)
	}
	if int64(len(held)) != w.Alloc || held[0] != 1 || held[4096] != 1 || held[1<<20-4096] != 1 {
		t.Error("the pages are not there")
	}
	if len(Work{}.do()) != 0 {
		t.Error("no work holds something")
	}
}
