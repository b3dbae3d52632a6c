package bot

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/slack-go/slack"
)

// slack-go has a Socket Mode client too. It closes a socket as soon as Slack announces a refresh, before there is another;
// it does not tell whether an acknowledgement was written, and may write it on the next socket; and it drops events while
// its consumer is busy. What is promised here rests on just these three, so the reading is our own; slack-go still asks for
// the address.

const (
	handshake  = 10 * time.Second // for the websocket to open and Slack to say hello
	writeLimit = 5 * time.Second
	maxFrame   = 4 << 20 // bytes; a payload carries the message that was clicked
	maxAck     = 20_000  // bytes; Slack silently drops an acknowledgement of 20 KiB and more
)

// envelope is one frame of Socket Mode.
type envelope struct {
	ID      string          `json:"envelope_id"`
	Type    string          `json:"type"` // hello, disconnect, events_api, slash_commands, interactive
	Reason  string          `json:"reason"`
	Payload json.RawMessage `json:"payload"`
}

// socket is one open connection.
type socket struct {
	conn    *websocket.Conn
	deaf    time.Duration
	writing sync.Mutex

	mu      sync.Mutex
	pending int           // envelopes that may still be acknowledged
	closing chan struct{} // closed when the last of them was, after close was called; nil before
}

// socketAddress asks Slack where to open a socket. When both were dropped at once, one asks after the other: what Slack tells the
// first, to stay away for a while, is meant for the second too.
func (b *Bot) socketAddress(ctx context.Context) (string, error) {
	b.asking.Lock()
	defer b.asking.Unlock()
	if rest := b.gate.rest(openMethod, b.now()); rest > 0 {
		return "", &slack.RateLimitedError{RetryAfter: rest}
	}
	_, address, err := b.api.StartSocketModeContext(ctx)
	if why := classify(err); err != nil && why.kind == slowDown {
		b.gate.shut(openMethod, b.now().Add(why.wait))
	}
	return address, err
}

// openSocket asks for an address, connects and waits for Slack's hello.
func (b *Bot) openSocket(ctx context.Context) (*socket, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*handshake)
	defer cancel()
	address, err := b.socketAddress(ctx)
	if err != nil {
		return nil, fmt.Errorf(openMethod+": %w", err)
	}
	dialer := websocket.Dialer{HandshakeTimeout: handshake}
	conn, response, err := dialer.DialContext(ctx, address, nil)
	if response != nil && response.Body != nil {
		_ = response.Body.Close() // gorilla has already read what matters
	}
	if err != nil {
		return nil, fmt.Errorf("opening the websocket: %w", err)
	}
	s := &socket{conn: conn, deaf: b.timing.Deaf}
	conn.SetReadLimit(maxFrame)
	conn.SetPingHandler(func(data string) error {
		s.heard()
		// A pong that cannot be written is a dead connection, which the reader notices by itself.
		_ = conn.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(writeLimit))
		return nil
	})
	s.heard()
	first, err := s.read()
	if err == nil && first.Type != "hello" {
		err = fmt.Errorf("it began with %q (%s) instead of hello", first.Type, first.Reason)
	}
	if err != nil {
		s.close()
		return nil, fmt.Errorf("waiting for Slack's hello: %w", err)
	}
	return s, nil
}

// heard gives the connection its full patience again: only silence makes a read fail.
func (s *socket) heard() {
	// An error here means that the connection is closed, which the next read tells better.
	_ = s.conn.SetReadDeadline(time.Now().Add(s.deaf))
}

// read gives the next frame. It fails when the connection broke or stayed silent too long. Frames that are no JSON are
// passed over.
func (s *socket) read() (envelope, error) {
	for {
		_, data, err := s.conn.ReadMessage()
		if err != nil {
			return envelope{}, err
		}
		s.heard()
		var e envelope
		if json.Unmarshal(data, &e) == nil && e.Type != "" {
			return e, nil
		}
	}
}

// acknowledge answers an envelope; payload may be nil. It fails when the answer could not be written or is too big for Slack.
func (s *socket) acknowledge(id string, payload any) error {
	answer := struct {
		ID      string `json:"envelope_id"`
		Payload any    `json:"payload,omitempty"`
	}{id, payload}
	data, err := json.Marshal(answer)
	if err != nil {
		return fmt.Errorf("acknowledging: %w", err)
	}
	if len(data) > maxAck {
		return fmt.Errorf("acknowledging: %d bytes are more than Slack takes", len(data))
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.conn.SetWriteDeadline(time.Now().Add(writeLimit)); err != nil {
		return fmt.Errorf("acknowledging: %w", err)
	}
	if err := s.conn.WriteMessage(websocket.TextMessage, data); err != nil {
		return fmt.Errorf("acknowledging: %w", err)
	}
	return nil
}

// begin says that an envelope is being received, and false when the socket is about to close.
func (s *socket) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing != nil {
		return false
	}
	s.pending++
	return true
}

// end says that an envelope was acknowledged, or never will be.
func (s *socket) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending--
	if s.pending == 0 && s.closing != nil {
		close(s.closing)
	}
}

// close ends the connection with a close frame, once what is being received was acknowledged. It may be called twice.
func (s *socket) close() {
	s.mu.Lock()
	if s.closing == nil {
		s.closing = make(chan struct{})
		if s.pending == 0 {
			close(s.closing)
		}
	}
	s.mu.Unlock()
	<-s.closing
	bye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	// Neither matters to a connection that is given up.
	_ = s.conn.WriteControl(websocket.CloseMessage, bye, time.Now().Add(time.Second))
	_ = s.conn.Close()
}
