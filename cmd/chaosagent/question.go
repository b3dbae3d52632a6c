package main

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
)

const (
	dnsPort       = 53
	dnsHeader     = 12
	dnsResponse   = 0x80 // of the third byte
	dnsRecursion  = 0x01 // of the third byte
	dnsCanRecurse = 0x80 // of the fourth
	dnsServfail   = 2
	longestName   = 255

	protocolTCP = 6
	protocolUDP = 17
	udpHeader   = 8
)

// segment is the part of a packet that is of its transport: UDP or TCP.
type segment struct {
	ip       []byte // the headers before it
	protocol uint8
	header   []byte
	data     []byte
}

// transport takes a packet apart. It is not ok for fragments, for what is cut off and for what is neither UDP nor TCP.
func transport(p []byte) (s segment, ok bool) {
	if len(p) < 20 {
		return s, false
	}
	var size int
	switch p[0] >> 4 {
	case 4:
		size, s.protocol = int(p[0]&0x0f)*4, p[9]
		if size < 20 || binary.BigEndian.Uint16(p[6:])&0x1fff != 0 {
			return s, false
		}
	case 6:
		if len(p) < 40 {
			return s, false
		}
		size, s.protocol = 40, p[6]
		for slices.Contains([]uint8{0, 43, 60}, s.protocol) { // options for hops, routing, options for the destination
			if len(p) < size+8 {
				return s, false
			}
			s.protocol, size = p[size], size+8+int(p[size+1])*8
		}
	default:
		return s, false
	}
	if size > len(p) {
		return s, false
	}
	rest, length := p[size:], udpHeader
	if s.protocol == protocolTCP && len(rest) >= 20 {
		length = int(rest[12]>>4) * 4
	} else if s.protocol != protocolUDP {
		return s, false
	}
	if length < udpHeader || len(rest) < length {
		return s, false
	}
	s.ip, s.header, s.data = p[:size], rest[:length], rest[length:]
	return s, true
}

// asksFor tells whether a packet is a question for one of the names or for one below it; for no names, whether it is any packet to a server.
func asksFor(p []byte, names []string) bool {
	s, ok := transport(p)
	if !ok || len(names) == 0 {
		return ok
	}
	messages := [][]byte{s.data}
	if s.protocol == protocolTCP && len(s.data) > 2 {
		// Over TCP its length comes first, which some send in a packet of its own.
		messages = [][]byte{s.data[2:], s.data}
	}
	for _, m := range messages {
		name, _, ok := question(m)
		if ok && slices.ContainsFunc(names, func(of string) bool { return name == of || strings.HasSuffix(name, "."+of) }) {
			return true
		}
	}
	return false
}

// question reads the name that a message asks for, in lower case and without the dot at the end, and where the question ends.
func question(m []byte) (name string, end int, ok bool) {
	if len(m) < dnsHeader || m[2]&dnsResponse != 0 || binary.BigEndian.Uint16(m[4:]) != 1 {
		return "", 0, false
	}
	var b strings.Builder
	for i := dnsHeader; i < len(m); {
		n := int(m[i])
		i++
		if n == 0 {
			end = i + 4 // its type and class
			return strings.ToLower(b.String()), end, end <= len(m)
		}
		if n > 63 || i+n > len(m) || b.Len()+n > longestName { // nothing comes before that a question could point to
			return "", 0, false
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.Write(m[i : i+n])
		i += n
	}
	return "", 0, false
}

// servfail makes the packet that a server would send if it failed at a question that came by UDP.
func servfail(p []byte) ([]byte, bool) {
	s, ok := transport(p)
	if !ok || s.protocol != protocolUDP {
		return nil, false
	}
	_, end, ok := question(s.data)
	if !ok {
		return nil, false
	}
	m := bytes.Clone(s.data[:end])
	m[2] = m[2]&^0x06 | dnsResponse // neither authoritative nor cut off
	m[3] = dnsCanRecurse | dnsServfail
	clear(m[6:dnsHeader]) // no records of any kind

	udp := make([]byte, udpHeader, udpHeader+len(m))
	copy(udp, s.header[2:4])
	copy(udp[2:], s.header[:2])
	binary.BigEndian.PutUint16(udp[4:], uint16(udpHeader+len(m))) //nolint:gosec // It is shorter than the packet that it answers.
	udp = append(udp, m...)

	var ip, addresses []byte
	if p[0]>>4 == 4 {
		ip = []byte{0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, protocolUDP, 0, 0} // not to be fragmented
		addresses = append(bytes.Clone(s.ip[16:20]), s.ip[12:16]...)
		binary.BigEndian.PutUint16(ip[2:], uint16(20+len(udp))) //nolint:gosec // As above.
		binary.BigEndian.PutUint16(ip[10:], checksum(ip, addresses))
	} else {
		ip = []byte{0x60, 0, 0, 0, 0, 0, protocolUDP, 64}
		addresses = append(bytes.Clone(s.ip[24:40]), s.ip[8:24]...)
		binary.BigEndian.PutUint16(ip[4:], uint16(len(udp))) //nolint:gosec // As above.
	}
	pseudo := []byte{0, protocolUDP, udp[4], udp[5]}
	sum := checksum(addresses, pseudo, udp)
	if sum == 0 {
		sum = 0xffff // none, in UDP
	}
	binary.BigEndian.PutUint16(udp[6:], sum)
	return slices.Concat(ip, addresses, udp), true
}

// checksum is that of the internet protocols, over parts of which all but the last are even in length.
func checksum(parts ...[]byte) uint16 {
	var sum uint32
	for _, p := range parts {
		for len(p) >= 2 {
			sum += uint32(binary.BigEndian.Uint16(p))
			p = p[2:]
		}
		if len(p) == 1 {
			sum += uint32(p[0]) << 8
		}
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum) //nolint:gosec // It was folded to 16 bits.
}
