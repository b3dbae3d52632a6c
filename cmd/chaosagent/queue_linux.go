package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// The numbers of include/uapi/linux/netfilter/nfnetlink_queue.h.
const (
	queuePacket  = 0
	queueVerdict = 1
	queueConfig  = 2

	queueConfigCommand = 1
	queueConfigParams  = 2
	queueConfigMaxLen  = 3
	queueConfigMask    = 4
	queueConfigFlags   = 5

	queueBind     = 1
	queueMeta     = 1 // copy nothing of the packet
	queueCopy     = 2
	queueFailOpen = 1 // what does not fit passes
	queueWhole    = 4 // large packets that the card would cut come in one piece

	attrPacketHeader = 1
	attrVerdict      = 2
	attrPayload      = 10

	verdictDrop   = 0
	verdictAccept = 1
)

// Bounds of a queue: packets that wait in the kernel for a verdict, bytes of what it tells that we have not read, and the beginning of a
// packet that is enough for a question and its headers.
const (
	queueNumber = 0xca05
	queueLength = 1 << 17
	queueBuffer = 16 << 20
	queuePrefix = 2048
)

// judge says what becomes of a packet, and after how long. The payload is valid during the call, and nil in a queue that copies none.
type judge func(payload []byte) (verdict uint32, wait time.Duration)

// queue is one of the kernel's, which holds packets until it is told what to do with them.
type queue struct {
	conn  *netlink.Conn
	judge judge
	wake  int // an eventfd: drain, then end
	done  chan struct{}
	broke chan error
	held  deadlines
	out   []byte // verdicts that are not yet said
}

// openQueue begins to take packets. It fails when somebody else in this network namespace has the number.
func openQueue(copyMode uint8, flags uint32, j judge) (*queue, error) {
	c, err := speak(unix.NETLINK_NETFILTER)
	if err != nil {
		return nil, err
	}
	q := &queue{conn: c, judge: j, done: make(chan struct{}), broke: make(chan error, 1)}
	if err := q.configure(copyMode, flags); err != nil {
		shut(c)
		return nil, fmt.Errorf("take packets from queue %d: %w", queueNumber, err)
	}
	if q.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		shut(c)
		return nil, fmt.Errorf("make an event: %w", err)
	}
	raw, err := c.SyscallConn()
	if err != nil {
		shut(c)
		return nil, err
	}
	go func() {
		defer close(q.done)
		var failed error
		if err := raw.Control(func(fd uintptr) { failed = q.serve(int(fd)) }); err != nil {
			failed = err
		}
		if failed != nil {
			q.broke <- failed
		}
	}()
	return q, nil
}

func (q *queue) configure(copyMode uint8, flags uint32) error {
	// A reader that is late is told so by packets that pass, not by an error.
	if err := q.conn.SetOption(netlink.NoENOBUFS, true); err != nil {
		return err
	}
	if err := q.conn.SetReadBuffer(queueBuffer); err != nil {
		return err
	}
	for _, fill := range []func(*netlink.AttributeEncoder){
		func(ae *netlink.AttributeEncoder) { ae.Bytes(queueConfigCommand, []byte{queueBind, 0, 0, 0}) },
		func(ae *netlink.AttributeEncoder) {
			ae.Bytes(queueConfigParams, append(binary.BigEndian.AppendUint32(nil, queuePrefix), copyMode))
			ae.Uint32(queueConfigMaxLen, queueLength)
			ae.Uint32(queueConfigFlags, flags)
			ae.Uint32(queueConfigMask, flags)
		},
	} {
		_, err := ask(q.conn, netlink.Message{
			Header: netlink.Header{Type: unix.NFNL_SUBSYS_QUEUE<<8 | queueConfig, Flags: netlink.Request | netlink.Acknowledge},
			Data:   append(filterHeader(unix.AF_UNSPEC, queueNumber), wideEndian(fill)...),
		})
		if err != nil {
			return explain(err)
		}
	}
	return nil
}

// end lets go what is held and gives the queue back.
func (q *queue) end() error {
	_, err := unix.Write(q.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	if err == nil {
		<-q.done
	}
	_ = unix.Close(q.wake)
	shut(q.conn) // the kernel gives a queue up with its socket
	return err
}

// serve takes packets and says the verdicts on them in time, until it is woken to end; then it lets all go. It waits in the kernel rather
// than in the runtime, whose timers are good to a millisecond.
func (q *queue) serve(fd int) error {
	if err := unix.SetNonblock(fd, true); err != nil {
		return err
	}
	buffer := make([]byte, 1<<16)
	polled := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}, {Fd: int32(q.wake), Events: unix.POLLIN}} //nolint:gosec // Files have small numbers.
	for {
		var timeout *unix.Timespec
		if next, ok := q.held.next(); ok {
			t := unix.NsecToTimespec(max(0, time.Until(next).Nanoseconds()))
			timeout = &t
		}
		if _, err := unix.Ppoll(polled, timeout, nil); err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("wait for packets: %w", err)
		}
		ending := polled[1].Revents != 0
		if err := q.take(fd, buffer); err != nil {
			return err
		}
		now := time.Now()
		for {
			id, ok := q.held.due(now, ending)
			if !ok {
				break
			}
			if err := q.say(fd, id, verdictAccept); err != nil {
				return err
			}
		}
		if err := q.flush(fd); err != nil || ending {
			return err
		}
	}
}

// most is how many packets are taken before those that are due are let go.
const most = 256

// take reads what the kernel tells of new packets.
func (q *queue) take(fd int, buffer []byte) error {
	for range most {
		n, err := unix.Read(fd, buffer)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return nil
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ENOBUFS):
			continue
		case err != nil:
			return fmt.Errorf("read packets: %w", err)
		}
		now := time.Now()
		for p := range packets(buffer[:n]) {
			verdict, wait := q.judge(p.payload)
			if wait > 0 {
				q.held.add(now.Add(wait), p.id)
			} else if err := q.say(fd, p.id, verdict); err != nil {
				return err
			}
		}
	}
	return nil
}

// verdictSize is the length of one verdict's message.
const verdictSize = unix.SizeofNlMsghdr + 4 + 12

// say puts a verdict to those that are to be said. The next flush says them in one call.
func (q *queue) say(fd int, id, verdict uint32) error {
	b := q.out
	b = binary.NativeEndian.AppendUint32(b, verdictSize)
	b = binary.NativeEndian.AppendUint16(b, unix.NFNL_SUBSYS_QUEUE<<8|queueVerdict)
	b = binary.NativeEndian.AppendUint16(b, unix.NLM_F_REQUEST)
	b = append(b, make([]byte, 8)...) // sequence and port: nobody answers
	b = append(b, filterHeader(unix.AF_UNSPEC, queueNumber)...)
	b = binary.NativeEndian.AppendUint16(b, 12)
	b = binary.NativeEndian.AppendUint16(b, attrVerdict)
	b = binary.BigEndian.AppendUint32(b, verdict)
	q.out = binary.BigEndian.AppendUint32(b, id)
	if len(q.out) < most*verdictSize {
		return nil
	}
	return q.flush(fd)
}

func (q *queue) flush(fd int) error {
	if len(q.out) == 0 {
		return nil
	}
	_, err := unix.Write(fd, q.out)
	q.out = q.out[:0]
	if err != nil {
		return fmt.Errorf("say what becomes of packets: %w", err)
	}
	return nil
}
