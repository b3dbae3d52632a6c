package waste

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// parallel calls f with 0 to n-1, from as many goroutines as there are processors. A panic of f is one of the caller, who can recover from
// it; nothing new is begun after it.
func parallel(n int, f func(int)) {
	var next atomic.Int64
	var once sync.Once
	var panicked any
	work := func() {
		defer func() {
			if p := recover(); p != nil {
				next.Store(int64(n))
				once.Do(func() { panicked = p })
			}
		}()
		for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
			f(int(i))
		}
	}
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n) {
		wg.Go(work)
	}
	wg.Wait()
	if panicked != nil {
		panic(panicked)
	}
}
