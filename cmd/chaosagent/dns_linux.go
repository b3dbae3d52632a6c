package main

import (
	"time"

	"golang.org/x/sys/unix"
)

// mislead has questions for names fail: each is dropped on its way out, and where we may (NET_RAW) and it came by UDP, the pod is answered
// at once that the server failed. Over TCP a question is dropped, so that the asker waits in vain.
func mislead(o options) (fault, error) {
	c, err := speak(unix.NETLINK_ROUTE)
	if err != nil {
		return fault{}, err
	}
	i, err := pickInterface(c, o.iface)
	shut(c)
	if err != nil {
		return fault{}, err
	}
	answer, how, done := func([]byte) {}, "nfqueue, questions dropped", func() {}
	if o.answer == answerFail {
		if a, err := newAnswerer(); err == nil {
			answer, how, done = a.answer, "nfqueue, SERVFAIL", a.close
		} else {
			how += ", as no answer can be sent: " + err.Error()
		}
	}
	f, err := queued(catch{iface: i.Name, dns: true}, queueCopy, queueFailOpen, func(payload []byte) (uint32, time.Duration) {
		if !asksFor(payload, o.names) {
			return verdictAccept, 0
		}
		answer(payload)
		return verdictDrop, 0
	}, how)
	if err != nil {
		done()
		return fault{}, err
	}
	end := f.end
	f.end = func() error {
		defer done()
		return end()
	}
	return f, nil
}

// answerer sends packets to the pod itself, as if they came from a server.
type answerer struct{ v4, v6 int }

func newAnswerer() (*answerer, error) {
	v4, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
	if err != nil {
		return nil, err
	}
	v6, err := unix.Socket(unix.AF_INET6, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
	if err != nil {
		v6 = -1 // a kernel without IPv6 has no question by it
	}
	return &answerer{v4, v6}, nil
}

func (a *answerer) close() {
	_ = unix.Close(a.v4)
	if a.v6 >= 0 {
		_ = unix.Close(a.v6)
	}
}

// answer says SERVFAIL to a question. One that cannot be answered goes without, as the asker gives up in time.
func (a *answerer) answer(question []byte) {
	reply, ok := servfail(question)
	if !ok {
		return
	}
	if reply[0]>>4 == 4 {
		to := unix.SockaddrInet4{Addr: [4]byte(reply[16:20])}
		_ = unix.Sendto(a.v4, reply, unix.MSG_DONTWAIT, &to)
		return
	}
	to := unix.SockaddrInet6{Addr: [16]byte(reply[24:40])}
	_ = unix.Sendto(a.v6, reply, unix.MSG_DONTWAIT, &to)
}
