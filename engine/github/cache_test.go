package github

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// TestCache holds the cache against a plain map: what it gives is what was put, it never holds more than it may, and it forgets what
// was not used for longest.
func TestCache(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newCache[int](100)
		put := map[string]int{}
		for n := range rapid.IntRange(1, 60).Draw(t, "steps") {
			key := fmt.Sprint(rapid.IntRange(0, 9).Draw(t, "key"))
			if rapid.Bool().Draw(t, "put") {
				size := rapid.Int64Range(0, 40).Draw(t, "size")
				c.put(key, n, size)
				put[key] = n
				if _, ok := c.get(key); ok != (size <= 25) {
					t.Fatalf("one of %d bytes was kept: %v", size, ok)
				}
			} else if got, ok := c.get(key); ok && got != put[key] {
				t.Fatalf("%s is %d, was put as %d", key, got, put[key])
			}
			var used int64
			for e := c.order.Front(); e != nil; e = e.Next() {
				used += e.Value.(*kept[int]).size
			}
			if used != c.used || used > 100 || len(c.by) != c.order.Len() {
				t.Fatalf("holds %d, says %d", used, c.used)
			}
		}
	})
	c := newCache[int](100)
	for n := range 4 {
		c.put(fmt.Sprint(n), n, 25)
	}
	c.get("0")
	c.put("4", 4, 25)
	for key, want := range map[string]bool{"0": true, "1": false, "2": true, "4": true} {
		if _, ok := c.get(key); ok != want {
			t.Errorf("%s is there: %v, want %v", key, ok, want)
		}
	}
}
