package main

import (
	"encoding/binary"
	"net"
	"slices"
	"sync"
	"testing"
	"time"
)

// echo answers every packet of UDP that comes to an address of a pod's.
func (p pod) echo(t *testing.T, address string) string {
	t.Helper()
	c := inside(t, p.name, func() (*net.UDPConn, error) { return listenUDP(address) })
	t.Cleanup(func() { c.Close() })
	go func() {
		buffer := make([]byte, 1500)
		for {
			n, from, err := c.ReadFrom(buffer)
			if err != nil {
				return
			}
			_, _ = c.WriteTo(buffer[:n], from) // who asks again is answered again
		}
	}()
	return c.LocalAddr().String()
}

func listenUDP(address string) (*net.UDPConn, error) {
	return net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(address)})
}

func dialUDP(address string) (net.Conn, error) { return net.Dial("udp", address) }

// roundTrips asks an address n times from a namespace, one after the other, and returns how long each took, sorted. What is lost is asked
// again, and counted from then on.
func roundTrips(t *testing.T, namespace, address string, n int) []time.Duration {
	t.Helper()
	c := inside(t, namespace, func() (net.Conn, error) { return dialUDP(address) })
	defer c.Close()
	var all []time.Duration
	for i := range n {
		all = append(all, roundTrip(t, c, uint64(i)))
	}
	slices.Sort(all)
	return all
}

const lostAfter = 3 * time.Second

func roundTrip(t *testing.T, c net.Conn, n uint64) time.Duration {
	t.Helper()
	buffer := make([]byte, 8)
	for first := time.Now(); time.Since(first) < patient; {
		began := time.Now()
		if _, err := c.Write(binary.BigEndian.AppendUint64(nil, n)); err != nil {
			t.Fatal(err)
		}
		if err := c.SetReadDeadline(began.Add(lostAfter)); err != nil {
			t.Fatal(err)
		}
		for {
			if _, err := c.Read(buffer); err != nil {
				break
			}
			if binary.BigEndian.Uint64(buffer) == n {
				return time.Since(began)
			}
		}
	}
	t.Fatalf("%s does not answer", c.RemoteAddr())
	return 0
}

func median(sorted []time.Duration) time.Duration { return sorted[len(sorted)/2] }

// near tells whether something is what was asked for, within a tenth.
func near[N ~int64 | ~float64](got, want N) bool {
	return float64(got) >= 0.9*float64(want) && float64(got) <= 1.1*float64(want)
}

// flood has a pod send packets to its peer (or the peer to the pod), so many a second, and returns how long each was on its way, sorted; those that were lost are
// not among them.
func (p pod) flood(t *testing.T, inbound bool, packets, perSecond int) []time.Duration {
	t.Helper()
	source, sink, address := p.name, p.peer, peerIP
	if inbound {
		source, sink, address = p.peer, p.name, podIP
	}
	to := inside(t, sink, func() (*net.UDPConn, error) { return listenUDP(address) })
	defer to.Close()
	if err := to.SetReadBuffer(64 << 20); err != nil {
		t.Fatal(err)
	}
	from := inside(t, source, func() (net.Conn, error) { return dialUDP(to.LocalAddr().String()) })
	defer from.Close()
	if err := from.(*net.UDPConn).SetWriteBuffer(64 << 20); err != nil {
		t.Fatal(err)
	}
	origin := time.Now()
	var taken []time.Duration
	var receiving sync.WaitGroup
	receiving.Go(func() {
		buffer := make([]byte, 64)
		for {
			if _, err := to.Read(buffer); err != nil {
				return
			}
			taken = append(taken, time.Since(origin)-time.Duration(binary.BigEndian.Uint64(buffer)))
		}
	})
	every := time.Second / time.Duration(perSecond)
	payload := make([]byte, 64)
	for i := range packets {
		if early := time.Duration(i)*every - time.Since(origin); early > time.Millisecond {
			time.Sleep(early)
		}
		binary.BigEndian.PutUint64(payload, uint64(time.Since(origin)))
		if _, err := from.Write(payload); err != nil {
			t.Fatal(err)
		}
	}
	if err := to.SetReadDeadline(time.Now().Add(2 * time.Second)); err != nil {
		t.Fatal(err)
	}
	receiving.Wait()
	slices.Sort(taken)
	return taken
}
