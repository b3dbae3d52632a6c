package page_test

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"github.com/eks-autopilot/autopilot/test/slack/page"
)

//go:embed testdata/workspace.json
var workspace []byte

// object is JSON that the fake passes on without looking into it.
type object = map[string]any

// call is one POST of the page.
type call struct {
	What string
	Body object
}

// fake is the control API, as far as the page uses it: it shows what it is told to and records what the page does.
type fake struct {
	URL string

	mu       sync.Mutex
	State    object              `json:"state"`
	HomeView object              `json:"home"`
	Modal    object              `json:"modal"`
	Messages map[string][]object `json:"messages"`
	Threads  map[string][]object `json:"threads"`
	Files    map[string]string   `json:"files"`
	views    []object
	answers  map[string]object // by what is done; {"ok":true} when absent
	calls    []call
	streams  []chan object
}

// newFake starts a fake with the workspace of testdata.
func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{answers: map[string]object{}}
	if err := json.Unmarshal(workspace, f); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", page.Handler())
	mux.HandleFunc("GET /_control/state", f.show(func(*http.Request) any { return f.State }))
	mux.HandleFunc("GET /_control/home", f.show(func(*http.Request) any { return object{"view": f.HomeView} }))
	mux.HandleFunc("GET /_control/views", f.show(func(*http.Request) any { return object{"views": f.views} }))
	mux.HandleFunc("GET /_control/channels/{id}/messages", f.show(func(r *http.Request) any {
		return object{"messages": f.Messages[r.PathValue("id")]}
	}))
	mux.HandleFunc("GET /_control/channels/{id}/threads/{ts}", f.show(f.thread))
	mux.HandleFunc("GET /_control/files/{id}", func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		fmt.Fprint(w, f.Files[r.PathValue("id")])
	})
	mux.HandleFunc("GET /_control/events", f.serveEvents)
	mux.HandleFunc("POST /_control/act/{what}", f.act)
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		server.CloseClientConnections() // the page's event stream would keep Close waiting
		server.Close()
	})
	f.URL = server.URL
	return f
}

func (f *fake) show(what func(*http.Request) any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		raw, err := json.Marshal(what(r))
		f.mu.Unlock()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Write(raw)
	}
}

func (f *fake) thread(r *http.Request) any {
	ts := r.PathValue("ts")
	parent := slices.IndexFunc(f.Messages[r.PathValue("id")], func(m object) bool { return m["ts"] == ts })
	if parent < 0 {
		return object{"messages": []object{}}
	}
	return object{"messages": append([]object{f.Messages[r.PathValue("id")][parent]}, f.Threads[ts]...)}
}

func (f *fake) act(w http.ResponseWriter, r *http.Request) {
	var body object
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	what := r.PathValue("what")
	f.mu.Lock()
	f.calls = append(f.calls, call{what, body})
	answer, ok := f.answers[what]
	f.mu.Unlock()
	if !ok {
		answer = object{"ok": true}
	}
	json.NewEncoder(w).Encode(answer)
}

func (f *fake) serveEvents(w http.ResponseWriter, r *http.Request) {
	stream := make(chan object, 16)
	f.mu.Lock()
	f.streams = append(f.streams, stream)
	f.mu.Unlock()
	w.Header().Set("Content-Type", "text/event-stream")
	flush := http.NewResponseController(w)
	fmt.Fprint(w, "retry: 50\n\n")
	for flush.Flush() == nil {
		select {
		case <-r.Context().Done():
			return
		case event, open := <-stream:
			if !open {
				return
			}
			raw, _ := json.Marshal(event) // maps of strings cannot fail
			fmt.Fprintf(w, "data: %s\n\n", raw)
		}
	}
}

// change alters what the fake shows and tells the page with one event.
func (f *fake) change(event object, alter func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	alter()
	for _, stream := range f.streams {
		stream <- event
	}
}

// made lists what the page did of one kind.
func (f *fake) made(what string) []object {
	f.mu.Lock()
	defer f.mu.Unlock()
	var bodies []object
	for _, c := range f.calls {
		if c.What == what {
			bodies = append(bodies, c.Body)
		}
	}
	return bodies
}
