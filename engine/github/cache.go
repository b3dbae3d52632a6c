package github

import (
	"container/list"
	"sync"
)

// cache keeps what was used last, up to so many bytes. It is safe for concurrent use.
type cache[V any] struct {
	mu    sync.Mutex
	all   int64
	used  int64
	order *list.List // of *kept, the last used first
	by    map[string]*list.Element
}

type kept[V any] struct {
	key   string
	value V
	size  int64
}

func newCache[V any](bytes int64) *cache[V] {
	return &cache[V]{all: bytes, order: list.New(), by: map[string]*list.Element{}}
}

func (c *cache[V]) get(key string) (value V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.by[key]
	if !ok {
		return value, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*kept[V]).value, true
}

// put keeps a value of so many bytes, and forgets others for it. One that is larger than a quarter of all is not kept.
func (c *cache[V]) put(key string, value V, size int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(key)
	if size > c.all/4 {
		return
	}
	for c.used+size > c.all {
		c.drop(c.order.Back().Value.(*kept[V]).key)
	}
	c.used += size
	c.by[key] = c.order.PushFront(&kept[V]{key, value, size})
}

func (c *cache[V]) drop(key string) {
	if e, ok := c.by[key]; ok {
		c.used -= e.Value.(*kept[V]).size
		c.order.Remove(e)
		delete(c.by, key)
	}
}
