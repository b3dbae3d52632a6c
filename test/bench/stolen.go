package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"
)

// What a host takes of a virtual machine's CPU: how often it is looked at, and from which share on nothing is begun. All is slow then, and what
// says so is right.
const (
	stolenEvery = 5 * time.Second
	stolenMost  = 0.2
)

// theft watches how much of the CPU the host gives to others. The zero value reads /proc/stat.
type theft struct {
	read func() (stolen, all uint64, err error)

	mu        sync.Mutex
	now, most float64 // shares
	lasted    time.Duration
	held      int // how often something was not begun at once
}

// watch looks until the context ends. Where the system does not say, nothing is stolen.
func (t *theft) watch(ctx context.Context) {
	if t.read == nil {
		t.read = readStolen
	}
	stolen, all, err := t.read()
	for err == nil {
		select {
		case <-ctx.Done():
			return
		case <-time.After(stolenEvery):
		}
		var s, a uint64
		if s, a, err = t.read(); err == nil && a > all && s >= stolen {
			t.take(float64(s-stolen) / float64(a-all))
			stolen, all = s, a
		}
	}
}

func (t *theft) take(share float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now, t.most = share, max(t.most, share)
	if share > stolenMost {
		t.lasted += stolenEvery
	}
}

// wait returns when the host takes little enough for something to be begun.
func (t *theft) wait(ctx context.Context) error {
	for first := true; ; first = false {
		t.mu.Lock()
		share := t.now
		if first && share > stolenMost {
			t.held++
		}
		t.mu.Unlock()
		if share <= stolenMost {
			return ctx.Err()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(stolenEvery):
		}
	}
}

// String says what was taken.
func (t *theft) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := fmt.Sprintf("the host took up to %.0f %% of the CPU in %s", 100*t.most, stolenEvery)
	if t.lasted > 0 {
		text += fmt.Sprintf(", more than %.0f %% for %s; %d were not begun at once for it", 100*stolenMost, t.lasted, t.held)
	}
	return text
}

func readStolen() (stolen, all uint64, err error) {
	data, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0, err
	}
	return parseStolen(data)
}

// parseStolen reads the first line of /proc/stat, in ticks since the start: user, nice, system, idle, iowait, irq, softirq, steal (proc(5)).
// What follows, of guests, is in user and nice already.
func parseStolen(data []byte) (stolen, all uint64, err error) {
	line, _, _ := bytes.Cut(data, []byte("\n"))
	fields := bytes.Fields(line)
	if len(fields) < 9 || string(fields[0]) != "cpu" {
		return 0, 0, fmt.Errorf("no times of the CPU in %q", line)
	}
	for k, f := range fields[1:9] {
		ticks, err := strconv.ParseUint(string(f), 10, 64)
		if err != nil {
			return 0, 0, err
		}
		if all += ticks; k == 7 {
			stolen = ticks
		}
	}
	return stolen, all, nil
}
