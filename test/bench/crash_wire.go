package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// wire is the way of a process to PostgreSQL. It reads the protocol as it passes: each transaction that is to be committed is a step,
// and each statement outside of one. Transactions that only read are none.
type wire struct {
	gate             *gate
	network, address string // of PostgreSQL
	url              string // that leads through the wire
	listener         net.Listener

	mu      sync.Mutex
	ends    map[net.Conn]bool
	cut     bool
	running sync.WaitGroup
}

// newWire makes a way to the database at url.
func newWire(ctx context.Context, url string, g *gate) (*wire, error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	w := &wire{gate: g, ends: map[net.Conn]bool{}}
	w.network, w.address = pgconn.NetworkAddress(cfg.Host, cfg.Port)
	var listen net.ListenConfig
	if w.listener, err = listen.Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	w.url = "postgres://" + cfg.User + "@" + w.listener.Addr().String() + "/" + cfg.Database + "?sslmode=disable"
	w.running.Go(func() {
		for {
			client, err := w.listener.Accept()
			if err != nil {
				return
			}
			w.running.Go(func() { w.serve(ctx, client) })
		}
	})
	return w, nil
}

// sever breaks every connection and takes no more. PostgreSQL undoes what was not committed, as when a process dies.
func (w *wire) sever() {
	_ = w.listener.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = true
	for end := range w.ends {
		_ = end.Close()
	}
}

// keep remembers an end, to be severed. It is closed at once where that has happened.
func (w *wire) keep(end net.Conn) (forget func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ends[end] = true
	if w.cut {
		_ = end.Close()
	}
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.ends, end)
		_ = end.Close()
	}
}

// serve carries one connection until either end closes it.
func (w *wire) serve(ctx context.Context, client net.Conn) {
	defer w.keep(client)()
	var dial net.Dialer
	server, err := dial.DialContext(ctx, w.network, w.address)
	if err != nil {
		return
	}
	defer w.keep(server)()
	s := &session{gate: w.gate, status: 'I'}
	from := bufio.NewReader(client)
	hello, err := readPacket(from, nil)
	if err == nil {
		_, err = server.Write(hello)
	}
	if err != nil {
		return
	}
	w.running.Go(func() {
		defer func() { _ = client.Close() }()
		s.carryBack(bufio.NewReader(server), client)
	})
	s.carry(from, server)
	_ = server.Close()
}

// session is what a connection is at.
type session struct {
	gate *gate

	mu       sync.Mutex
	status   byte // as PostgreSQL last said: I outside of a transaction, T in one, E in one that failed
	readOnly bool
	counted  bool // the statement outside of a transaction is a step already
	muted    bool // the answer is not passed on: it is the end of the process
}

// carry passes on what the process asks.
func (s *session) carry(from *bufio.Reader, to io.Writer) {
	for {
		kind, err := from.ReadByte()
		if err != nil {
			return
		}
		m, err := readPacket(from, []byte{kind})
		if err != nil {
			return
		}
		if s.takesEffect(m) {
			switch s.gate.step("commit") {
			case shut:
				return
			case unanswered:
				s.mu.Lock()
				s.muted = true
				s.mu.Unlock()
			case open:
			}
		}
		if _, err := to.Write(m); err != nil {
			return
		}
	}
}

// takesEffect tells whether something is kept for good once PostgreSQL has this message, and those up to the next Sync.
func (s *session) takesEffect(m []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch m[0] {
	case 'Q':
		sql := strings.ToLower(strings.Trim(string(m[5:]), "\x00; \n\t"))
		switch {
		case strings.HasPrefix(sql, "begin"):
			s.readOnly = strings.Contains(sql, "read only")
			return false
		case s.status == 'I':
			return sql != "" && !strings.HasPrefix(sql, "--") && sql != "rollback"
		}
		return s.status == 'T' && sql == "commit" && !s.readOnly
	case 'E':
		first := s.status == 'I' && !s.counted
		s.counted = s.counted || first
		return first
	}
	return false
}

// carryBack passes on what PostgreSQL answers.
func (s *session) carryBack(from *bufio.Reader, to io.Writer) {
	for {
		kind, err := from.ReadByte()
		if err != nil {
			return
		}
		m, err := readPacket(from, []byte{kind})
		if err != nil {
			return
		}
		s.mu.Lock()
		if kind == 'Z' {
			s.status, s.counted = m[5], false
		}
		muted := s.muted
		s.mu.Unlock()
		if muted && kind == 'Z' {
			s.gate.cut()
			return
		}
		if muted {
			continue
		}
		if _, err := to.Write(m); err != nil {
			return
		}
	}
}

// mostPacket bounds what is read of a connection at once: far more than anything here is.
const mostPacket = 64 << 20

// readPacket reads a length and as many bytes, and gives all of it after what was read before.
func readPacket(from io.Reader, before []byte) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(from, length[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n < 4 || n > mostPacket {
		return nil, errors.New("this is not PostgreSQL's protocol")
	}
	m := append(append(before, length[:]...), make([]byte, n-4)...)
	_, err := io.ReadFull(from, m[len(before)+4:])
	return m, err
}
