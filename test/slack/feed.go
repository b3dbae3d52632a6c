package slack

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// feed carries changes to the listeners of /_control/events. A listener that does not keep up is cut off; it
// reconnects and looks again.
type feed struct {
	mu     sync.Mutex
	subs   map[chan Change]bool
	closed bool
}

func (f *feed) publish(c Change) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for sub := range f.subs {
		select {
		case sub <- c:
		default:
			delete(f.subs, sub)
			close(sub)
		}
	}
}

func (f *feed) subscribe() chan Change {
	f.mu.Lock()
	defer f.mu.Unlock()
	sub := make(chan Change, 256)
	if f.closed {
		close(sub)
		return sub
	}
	if f.subs == nil {
		f.subs = map[chan Change]bool{}
	}
	f.subs[sub] = true
	return sub
}

func (f *feed) leave(sub chan Change) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.subs, sub)
}

func (f *feed) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for sub := range f.subs {
		delete(f.subs, sub)
		close(sub)
	}
}

func (s *Server) serveEvents(w http.ResponseWriter, r *http.Request) {
	sub := s.feed.subscribe()
	defer s.feed.leave(sub)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache")
	flush := http.NewResponseController(w)
	_, _ = fmt.Fprint(w, ": open\n\n") // the flush tells whether the listener is still there
	if flush.Flush() != nil {
		return
	}
	beat := time.NewTicker(15 * time.Second)
	defer beat.Stop()
	for {
		select {
		case <-r.Context().Done():
			return
		case <-beat.C:
			_, _ = fmt.Fprint(w, ": beat\n\n")
		case c, open := <-sub:
			if !open {
				return
			}
			raw, err := json.Marshal(c)
			if err != nil {
				return
			}
			_, _ = fmt.Fprintf(w, "data: %s\n\n", raw)
		}
		if flush.Flush() != nil {
			return
		}
	}
}
