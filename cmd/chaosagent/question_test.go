package main

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// udpPacket is a question on its way from one address to another.
func udpPacket(message []byte, six bool) []byte {
	udp := binary.BigEndian.AppendUint16(nil, 40000)
	udp = binary.BigEndian.AppendUint16(udp, dnsPort)
	udp = binary.BigEndian.AppendUint16(udp, uint16(udpHeader+len(message)))
	udp = append(append(udp, 0, 0), message...)
	if six {
		ip := append([]byte{0x60, 0, 0, 0, 0, 0, protocolUDP, 64}, bytes.Repeat([]byte{1}, 16)...)
		binary.BigEndian.PutUint16(ip[4:], uint16(len(udp)))
		return append(append(ip, bytes.Repeat([]byte{2}, 16)...), udp...)
	}
	ip := []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocolUDP, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2}
	binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)+len(udp)))
	return append(ip, udp...)
}

func TestWhichPacketsAskForAName(t *testing.T) {
	q := questionFor(t, "Db.Shop.svc")
	names := []string{"shop.svc"}
	tcp := func(data []byte) []byte {
		p := []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocolTCP, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2}
		header := make([]byte, 24) // with an option
		header[12] = 6 << 4
		return append(append(p, header...), data...)
	}
	hops := udpPacket(q, true)
	hops[6] = 0
	hops = slices.Insert(hops, 40, protocolUDP, 0, 1, 4, 0, 0, 0, 0)
	fragment := udpPacket(q, false)
	fragment[7] = 1
	answer := slices.Clone(q)
	answer[2] |= dnsResponse
	for _, c := range []struct {
		name   string
		packet []byte
		names  []string
		want   bool
	}{
		{"IPv4", udpPacket(q, false), names, true},
		{"IPv6", udpPacket(q, true), names, true},
		{"IPv6 with options", hops, names, true},
		{"the name itself", udpPacket(q, false), []string{"db.shop.svc"}, true},
		{"a name that only ends alike", udpPacket(q, false), []string{"hop.svc"}, false},
		{"another name", udpPacket(q, false), []string{"x", "y"}, false},
		{"all names", udpPacket(q, false), nil, true},
		{"TCP with the length before it", tcp(append([]byte{0, byte(len(q))}, q...)), names, true},
		{"TCP after the length", tcp(q), names, true},
		{"TCP without data", tcp(nil), names, false},
		{"TCP without data, for all", tcp(nil), nil, true},
		{"a later fragment", fragment, names, false},
		{"an answer", udpPacket(answer, false), names, false},
		{"cut off", udpPacket(q, false)[:45], names, false},
		{"nothing", nil, nil, false},
	} {
		if got := asksFor(c.packet, c.names); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestServfailIsASoundPacket(t *testing.T) {
	for _, six := range []bool{false, true} {
		q := questionFor(t, "db.shop")
		q = append(q, "what comes after the question"...)
		reply, ok := servfail(udpPacket(q, six))
		if !ok {
			t.Fatal("no answer")
		}
		s, ok := transport(reply)
		if !ok || binary.BigEndian.Uint16(s.header) != dnsPort || binary.BigEndian.Uint16(s.header[2:]) != 40000 {
			t.Fatalf("it goes from and to the wrong port: %x", reply)
		}
		addresses := s.ip[12:]
		if six {
			addresses = s.ip[8:]
		} else if checksum(s.ip) != 0 {
			t.Errorf("the checksum of the header is wrong: %x", s.ip)
		}
		if half := len(addresses) / 2; addresses[0] != map[bool]byte{true: 2, false: 10}[six] || bytes.Equal(addresses[:half], addresses[half:]) {
			t.Errorf("addresses %v", addresses)
		}
		if sum := checksum(addresses, []byte{0, protocolUDP}, s.header[4:6], s.header, s.data); sum != 0 {
			t.Errorf("the checksum of the answer is wrong by %x", sum)
		}
		var m dnsmessage.Message
		if err := m.Unpack(s.data); err != nil {
			t.Fatal(err)
		}
		if m.ID != 4711 || !m.Response || m.RCode != dnsmessage.RCodeServerFailure || !m.RecursionDesired || m.Questions[0].Name.String() != "db.shop." {
			t.Errorf("%+v", m)
		}
	}
}

func FuzzQuestion(f *testing.F) {
	q := questionFor(f, "db.shop.svc.cluster.local")
	f.Add(udpPacket(q, false))
	f.Add(udpPacket(q, true))
	f.Add(append(udpPacket(nil, false)[:20], make([]byte, 40)...))
	f.Add([]byte(strings.Repeat("\x3f", 300)))
	f.Fuzz(func(t *testing.T, p []byte) {
		before := bytes.Clone(p)
		asks := asksFor(p, []string{"shop.svc.cluster.local", "a"})
		if asks && !asksFor(p, nil) {
			t.Errorf("%x asks for a name, and not for any", p)
		}
		if reply, ok := servfail(p); ok {
			s, ok := transport(reply)
			if !ok {
				t.Fatalf("the answer to %x cannot be read: %x", p, reply)
			}
			var parser dnsmessage.Parser
			header, err := parser.Start(s.data)
			if err != nil || header.RCode != dnsmessage.RCodeServerFailure {
				t.Errorf("the answer to %x: %v, %v", p, header, err)
			}
		}
		if !bytes.Equal(p, before) {
			t.Error("the packet was changed")
		}
	})
}

func FuzzPackets(f *testing.F) {
	one := binary.NativeEndian.AppendUint32(nil, 32)
	one = binary.NativeEndian.AppendUint16(one, packetMessage)
	one = append(one, make([]byte, 14)...)
	one = binary.NativeEndian.AppendUint16(one, 12)
	one = binary.NativeEndian.AppendUint16(one, 1)
	one = append(one, 0, 0, 0, 7, 8, 0, 4, 0)
	f.Add(one)
	f.Add(append(slices.Clone(one), one...))
	f.Fuzz(func(t *testing.T, b []byte) {
		n := 0
		for p := range packets(b) {
			n++
			if len(p.payload) > len(b) {
				t.Errorf("%d bytes of a packet in a message of %d", len(p.payload), len(b))
			}
		}
		if bytes.Equal(b, one) && n != 1 {
			t.Errorf("%d packets in a message of one", n)
		}
	})
}
