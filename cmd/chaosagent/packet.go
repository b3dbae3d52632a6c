package main

import (
	"container/heap"
	"encoding/binary"
	"iter"
	"time"
)

// packet is one that waits in the kernel for a verdict.
type packet struct {
	id      uint32
	payload []byte
}

// The lengths of netlink's headers, and the kind of the message that tells of a packet.
const (
	messageHeader = 16
	familyHeader  = 4
	attrHeader    = 4
	attrKind      = 0x3fff // without the flags
	packetMessage = 3 << 8
)

// packets reads what the kernel tells of packets in one piece. What it does not know, or what is cut off, is skipped.
func packets(b []byte) iter.Seq[packet] {
	return func(yield func(packet) bool) {
		for len(b) >= messageHeader {
			size := int(binary.NativeEndian.Uint32(b))
			if size < messageHeader || size > len(b) {
				return
			}
			if binary.NativeEndian.Uint16(b[4:]) == packetMessage && size >= messageHeader+familyHeader {
				if p, ok := readPacket(b[messageHeader+familyHeader : size]); ok && !yield(p) {
					return
				}
			}
			b = b[min(align(size), len(b)):]
		}
	}
}

func readPacket(b []byte) (p packet, ok bool) {
	for len(b) >= attrHeader {
		size := int(binary.NativeEndian.Uint16(b))
		if size < attrHeader || size > len(b) {
			break
		}
		value := b[attrHeader:size]
		switch binary.NativeEndian.Uint16(b[2:]) & attrKind {
		case 1: // NFQA_PACKET_HDR
			if len(value) >= 4 {
				p.id, ok = binary.BigEndian.Uint32(value), true
			}
		case 10: // NFQA_PAYLOAD
			p.payload = value
		}
		b = b[min(align(size), len(b)):]
	}
	return p, ok
}

func align(n int) int { return (n + 3) &^ 3 }

// deadlines are packets that are held, the one that is due first at the top.
type deadlines struct{ all dueHeap }

type due struct {
	at time.Time
	id uint32
}

func (d *deadlines) add(at time.Time, id uint32) { heap.Push(&d.all, due{at, id}) }

// next tells when the first is due.
func (d *deadlines) next() (time.Time, bool) {
	if len(d.all) == 0 {
		return time.Time{}, false
	}
	return d.all[0].at, true
}

// due takes out the first that is due now, or any.
func (d *deadlines) due(now time.Time, anyway bool) (uint32, bool) {
	if len(d.all) == 0 || !anyway && d.all[0].at.After(now) {
		return 0, false
	}
	return heap.Pop(&d.all).(due).id, true
}

// dueHeap orders by time, and by number what is due at the same time, so that an even delay keeps the order.
type dueHeap []due

func (h dueHeap) Len() int { return len(h) }
func (h dueHeap) Less(i, j int) bool {
	if !h[i].at.Equal(h[j].at) {
		return h[i].at.Before(h[j].at)
	}
	return h[i].id < h[j].id
}
func (h dueHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *dueHeap) Push(x any)   { *h = append(*h, x.(due)) }
func (h *dueHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
