package waste

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParallelIsCalledOnceForEach(t *testing.T) {
	for _, n := range []int{0, 1, 2, 1000} {
		calls := make([]atomic.Int32, n)
		parallel(n, func(i int) { calls[i].Add(1) })
		for i := range calls {
			if got := calls[i].Load(); got != 1 {
				t.Errorf("%d of %d was called %d times", i, n, got)
			}
		}
	}
}

func TestParallelPanicsInItsCaller(t *testing.T) {
	defer func() {
		if p := recover(); p != "seven" {
			t.Errorf("recovered %v", p)
		}
	}()
	parallel(100, func(i int) {
		if i == 7 {
			panic("seven")
		}
	})
	t.Error("it came back")
}

// TestScanIsTheSameOnAnyNumberOfProcessors wants the order of the goroutines to show nowhere.
func TestScanIsTheSameOnAnyNumberOfProcessors(t *testing.T) {
	a := newApp()
	s := a.build()
	c := &s.Clusters[0]
	for i := range 60 {
		one := newApp()
		one.name, one.replicas = fmt.Sprint("app", i), 1+i%3
		one.put(c)
		if i%7 > 0 { // the rest has no history
			c.Usage[one.key("api")] = c.Usage[a.key("api")]
		}
	}
	before := runtime.GOMAXPROCS(1)
	alone := Scan(s, DefaultRules())
	runtime.GOMAXPROCS(8)
	together := Scan(s, DefaultRules())
	runtime.GOMAXPROCS(before)
	if len(alone.Findings) < 30 || len(alone.Skips) < 8 {
		t.Fatalf("%d findings, %d skips: too few to tell", len(alone.Findings), len(alone.Skips))
	}
	if diff := cmp.Diff(alone, together); diff != "" {
		t.Errorf("one processor against eight (-one +eight):\n%s", diff)
	}
}
