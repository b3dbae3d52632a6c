package main

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestFailuresAreToldApart has each way in which a callee fails show in the log's words, in the status and in the metric's label.
func TestFailuresAreToldApart(t *testing.T) {
	hangs := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hangs }))
	defer slow.Close()
	defer close(hangs)
	cut := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100") // of which only a part comes
		_, _ = w.Write([]byte("half"))
	}))
	defer cut.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	for _, tt := range []struct {
		name, callee string
		status       int
		error, label string
	}{
		{"too slow", slow.Listener.Addr().String(), 504, "Client.Timeout exceeded", "timeout"},
		{"cut off", cut.Listener.Addr().String(), 502, "unexpected EOF", "error"},
		{"nobody listens", gone.Listener.Addr().String(), 502, "connection refused", "refused"},
		{"no such name", "api.invalid:80", 502, "dial tcp: lookup api.invalid", "dns"},
	} {
		s := service(Config{Callees: []string{tt.callee}, Timeout: 200 * time.Millisecond})
		s.caller.client.Transport.(*http.Transport).DialContext = (&net.Dialer{Resolver: knowsNothing()}).DialContext
		status, body := s.work(t.Context())
		if status != tt.status || !strings.Contains(body.Error, tt.error) || !strings.Contains(body.Error, tt.callee) {
			t.Errorf("%s: %d %q, want %d with %q", tt.name, status, body.Error, tt.status, tt.error)
		}
		_, metrics := do(s, http.MethodGet, "/metrics", "")
		want := `http_client_request_duration_seconds_count{callee="` + tt.callee + `",code="` + tt.label + `"} 1`
		if !strings.Contains(metrics, want) {
			t.Errorf("%s: no %s", tt.name, want)
		}
	}
}

// knowsNothing is a resolver whose server refuses.
func knowsNothing() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "udp", Err: net.ErrClosed}
	}}
}

func TestACallerWhoGoesIsNoFailureOfTheCallee(t *testing.T) {
	asked := make(chan struct{})
	hangs := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { close(asked); <-hangs }))
	defer slow.Close()
	defer close(hangs)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	s := service(Config{Callees: []string{slow.Listener.Addr().String()}})
	if status, body := s.work(ctx); status != 499 || body.Error != "the caller has gone" {
		t.Errorf("%d %q, want 499", status, body.Error)
	}
}

// TestConnectionsAreNotKeptForEver counts connections: requests share one until it is due to be made anew.
func TestConnectionsAreNotKeptForEver(t *testing.T) {
	var made atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			made.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	s := service(Config{Callees: []string{server.Listener.Addr().String()}, Reuse: time.Hour})
	for range 5 {
		if status, body := s.work(t.Context()); status != 200 {
			t.Fatalf("%d %q", status, body.Error)
		}
	}
	if made.Load() != 1 {
		t.Errorf("%d connections for 5 requests, want 1", made.Load())
	}
	s.caller.closed = time.Now().Add(-2 * time.Hour)
	s.work(t.Context())
	if made.Load() != 2 {
		t.Errorf("%d connections after it was due, want 2", made.Load())
	}
}

func FuzzParseCallees(f *testing.F) {
	f.Add("cart:8080, api:80/orders?x=1")
	f.Add("[::1]:80")
	f.Fuzz(func(t *testing.T, list string) {
		callees, err := parseCallees(list)
		if err != nil {
			return
		}
		again, err := parseCallees(strings.Join(callees, ","))
		if err != nil || len(again) != len(callees) {
			t.Fatalf("%q gave %q, which reads as %q, %v", list, callees, again, err)
		}
	})
}
