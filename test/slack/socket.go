package slack

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

const (
	maxSockets = 10 // of one app
	ticketLife = 30 * time.Second
)

// socket is one Socket Mode connection of the app.
type socket struct {
	id     string
	conn   *websocket.Conn
	opened time.Time
	done   chan struct{}
	once   sync.Once

	deaf     atomic.Bool    // nothing leaves and nothing is read: a link that died without a close
	draining atomic.Bool    // told to go; gets no more envelopes
	underway sync.WaitGroup // envelopes that may yet be acknowledged; one is added under the server's lock, while it is not draining

	mu sync.Mutex // one writer at a time
}

// SocketInfo describes an open socket.
type SocketInfo struct {
	ID       string    `json:"id"`
	Opened   time.Time `json:"opened"`
	Deaf     bool      `json:"deaf"`
	Draining bool      `json:"draining"`
}

func (k *socket) close() {
	k.once.Do(func() {
		close(k.done)
		_ = k.conn.Close() // the other side may have closed first
	})
}

// write sends one frame; a deaf socket swallows it. A failed write ends the connection.
func (k *socket) write(v any) {
	if k.deaf.Load() {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	_ = k.conn.SetWriteDeadline(time.Now().Add(5 * time.Second)) // never fails in gorilla
	if k.conn.WriteJSON(v) != nil {
		k.close()
	}
}

func (k *socket) control(kind int, data []byte) {
	if !k.deaf.Load() && k.conn.WriteControl(kind, data, time.Now().Add(5*time.Second)) != nil {
		k.close()
	}
}

func (k *socket) info() SocketInfo {
	return SocketInfo{ID: k.id, Opened: k.opened, Deaf: k.deaf.Load(), Draining: k.draining.Load()}
}

// connectionsOpen hands out an address that works once.
func (s *Server) connectionsOpen(args) (reply, error) {
	ticket, now := s.hex(32), s.cfg.Now()
	maps.DeleteFunc(s.tickets, func(_ string, at time.Time) bool { return now.Sub(at) > ticketLife })
	s.tickets[ticket] = now
	return reply{"url": fmt.Sprintf("ws%s/link?ticket=%s&app_id=%s",
		strings.TrimPrefix(s.base, "http"), ticket, s.ws.bot.AppID)}, nil
}

func (s *Server) serveLink(w http.ResponseWriter, r *http.Request) {
	ticket := r.URL.Query().Get("ticket")
	s.mu.Lock()
	at, valid := s.tickets[ticket]
	valid = valid && s.cfg.Now().Sub(at) <= ticketLife
	delete(s.tickets, ticket)
	s.mu.Unlock()
	if !valid {
		http.Error(w, "unknown or used ticket", http.StatusNotFound)
		return
	}
	up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	conn, err := up.Upgrade(w, r, nil)
	if err != nil {
		return // Upgrade has answered
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k := &socket{id: s.id("SK"), conn: conn, opened: s.cfg.Now(), done: make(chan struct{})}
	if len(s.sockets) >= maxSockets {
		s.violate("too_many_websockets", "an eleventh socket was opened")
		k.write(s.disconnectFrame("too_many_websockets"))
		k.close()
		return
	}
	s.sockets = append(s.sockets, k)
	k.write(map[string]any{
		"type":            "hello",
		"num_connections": len(s.sockets),
		"connection_info": map[string]any{"app_id": s.ws.bot.AppID},
		"debug_info": map[string]any{
			"host": "applink-stand-in", "build_number": 1, "started": s.ws.started.UTC().Format("2006-01-02 15:04:05.000"),
			"approximate_connection_time": int(s.cfg.RefreshAfter.Seconds()),
		},
	})
	if !s.spawn(func() { s.read(k) }) {
		k.close()
		return
	}
	s.spawn(func() { s.keep(k) })
}

// spawn runs f until Stop has waited for it; false when the server is already stopping. s.mu is held.
func (s *Server) spawn(f func()) bool {
	if s.ctx.Err() != nil {
		return false
	}
	s.running.Go(f)
	return true
}

// drop closes a socket, which from then on is none of the open ones.
func (s *Server) drop(k *socket) {
	k.close()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sockets = slices.DeleteFunc(s.sockets, func(x *socket) bool { return x == k })
}

// read takes acknowledgements until the connection ends.
func (s *Server) read(k *socket) {
	defer s.drop(k)
	k.conn.SetReadLimit(1 << 20)
	k.conn.SetPingHandler(func(data string) error {
		k.control(websocket.PongMessage, []byte(data))
		return nil
	})
	for {
		_, raw, err := k.conn.ReadMessage()
		if err != nil {
			return
		}
		if k.deaf.Load() {
			continue
		}
		s.acknowledge(raw)
	}
}

// keep pings the socket and refreshes it when its time is up.
func (s *Server) keep(k *socket) {
	ping := time.NewTicker(s.cfg.PingInterval)
	defer ping.Stop()
	warn := time.NewTimer(max(0, s.cfg.RefreshAfter-s.cfg.RefreshNotice))
	defer warn.Stop()
	refresh := time.NewTimer(s.cfg.RefreshAfter)
	defer refresh.Stop()
	for {
		select {
		case <-k.done:
			return
		case <-ping.C:
			k.control(websocket.PingMessage, []byte("Ping from applink"))
		case <-warn.C:
			k.write(s.disconnectFrame("warning"))
		case <-refresh.C:
			s.dismiss(k, "refresh_requested")
		}
	}
}

func (s *Server) disconnectFrame(reason string) map[string]any {
	return map[string]any{
		"type": "disconnect", "reason": reason, "debug_info": map[string]any{"host": "applink-stand-in"},
	}
}

// dismiss asks the app to close the socket, and closes it after the notice when it has not, once what was sent on it is acknowledged.
// A warning alone leaves the socket in use until then.
func (s *Server) dismiss(k *socket, reason string) {
	if reason != "warning" {
		k.draining.Store(true)
	}
	k.write(s.disconnectFrame(reason))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spawn(func() {
		t := time.NewTimer(s.cfg.RefreshNotice)
		defer t.Stop()
		select {
		case <-t.C:
			s.mu.Lock()
			k.draining.Store(true)
			s.mu.Unlock()
			k.underway.Wait()
			k.control(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, reason))
			k.close()
		case <-k.done:
		}
	})
}

// selected are the sockets that a control request means: one by id, the first count, or all. s.mu is held.
func (s *Server) selected(id string, count int) []*socket {
	var out []*socket
	for _, k := range s.sockets {
		if (id == "" || k.id == id) && (count <= 0 || len(out) < count) {
			out = append(out, k)
		}
	}
	return out
}

// ackFrame is what an app writes back.
type ackFrame struct {
	EnvelopeID string          `json:"envelope_id"`
	Payload    json.RawMessage `json:"payload"`
}
