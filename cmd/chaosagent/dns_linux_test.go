package main

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// nameServer answers every question at port 53 of a pod's peer, by UDP and TCP.
func (p pod) nameServer(t *testing.T, address string) {
	t.Helper()
	at := net.JoinHostPort(address, "53")
	udp := inside(t, p.peer, func() (net.PacketConn, error) { return net.ListenPacket("udp", at) })
	tcp := inside(t, p.peer, func() (net.Listener, error) { return net.Listen("tcp", at) })
	t.Cleanup(func() { udp.Close(); tcp.Close() })
	go func() {
		buffer := make([]byte, 1500)
		for {
			n, from, err := udp.ReadFrom(buffer)
			if err != nil {
				return
			}
			_, _ = udp.WriteTo(answered(buffer[:n]), from)
		}
	}()
	go func() {
		for {
			c, err := tcp.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				if m, err := readMessage(c); err == nil {
					_ = writeMessage(c, answered(m))
				}
			}()
		}
	}()
}

func answered(m []byte) []byte {
	m = append([]byte(nil), m...)
	m[2] |= dnsResponse
	return m
}

func readMessage(r io.Reader) ([]byte, error) {
	var size uint16
	if err := binary.Read(r, binary.BigEndian, &size); err != nil {
		return nil, err
	}
	m := make([]byte, size)
	_, err := io.ReadFull(r, m)
	return m, err
}

func writeMessage(w io.Writer, m []byte) error {
	_, err := w.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(m))), m...))
	return err
}

func questionFor(t testing.TB, name string) []byte {
	t.Helper()
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 4711, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name + "."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}},
	}
	packed, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return packed
}

// What became of a question.
const (
	resolved = "answered"
	failed   = "SERVFAIL"
	silent   = "no answer"
)

// lookup asks a server from the pod and says what became of it.
func (p pod) lookup(t *testing.T, network, server, name string) string {
	t.Helper()
	c := inside(t, p.name, func() (net.Conn, error) {
		return net.DialTimeout(network, net.JoinHostPort(server, "53"), patient)
	})
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	var got []byte
	var err error
	if network == "tcp" {
		if err := writeMessage(c, questionFor(t, name)); err != nil {
			t.Fatal(err)
		}
		got, err = readMessage(c)
	} else {
		if _, err := c.Write(questionFor(t, name)); err != nil {
			t.Fatal(err)
		}
		got = make([]byte, 1500)
		var n int
		n, err = c.Read(got)
		got = got[:n]
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return silent
	}
	if err != nil {
		t.Fatal(err)
	}
	var m dnsmessage.Message
	if err := m.Unpack(got); err != nil {
		t.Fatalf("%s by %s of %s: the answer cannot be read: %v", name, network, server, err)
	}
	if m.ID != 4711 || !m.Response || len(m.Questions) != 1 || strings.ToLower(m.Questions[0].Name.String()) != strings.ToLower(name)+"." {
		t.Errorf("%s by %s of %s: answered with %+v", name, network, server, m)
	}
	if m.RCode == dnsmessage.RCodeServerFailure {
		return failed
	}
	return resolved
}

func TestNamesFail(t *testing.T) {
	t.Parallel()
	p := newPod(t)
	p.nameServer(t, peerIP)
	p.nameServer(t, peerIP6)
	type wanted map[string]string // by network and name
	check := func(when string, want wanted) {
		t.Helper()
		for what, want := range want {
			network, name, _ := strings.Cut(what, " ")
			for _, server := range []string{peerIP, peerIP6} {
				got := p.lookup(t, network, server, name)
				for try := 0; got == silent && want != silent && try < 5; try++ { // a link that is new loses packets
					got = p.lookup(t, network, server, name)
				}
				if got != want {
					t.Errorf("%s: %s by %s of %s: %s, want %s", when, name, network, server, got, want)
				}
			}
		}
	}
	all := wanted{"udp db.shop": resolved, "udp other.example": resolved, "tcp db.shop": resolved, "tcp other.example": resolved}
	check("before", all)

	a := p.begin(t, "dns", "-names", "shop,x.example", "-for", "1m", "-silence", "1m")
	check("names", wanted{
		"udp db.shop": failed, "udp DB.Shop": failed, "udp shop": failed, "udp workshop": resolved, "udp other.example": resolved,
		"tcp db.shop": silent, "tcp other.example": resolved,
	})
	if l := a.stop(); l.How != "nfqueue, SERVFAIL" {
		t.Errorf("it was done by %q", l.How)
	}
	check("after the names", all)

	a = p.begin(t, "dns", "-for", "1m", "-silence", "1m")
	check("every name", wanted{"udp db.shop": failed, "udp other.example": failed})
	a.stop()

	a = p.begin(t, "dns", "-names", "shop", "-answer", "drop", "-for", "1m", "-silence", "1m")
	check("dropped", wanted{"udp db.shop": silent, "udp other.example": resolved})
	a.stop()
	check("after all", all)
}
