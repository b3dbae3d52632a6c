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

// roundTrips asks an address n times from a namespace, one after the other, and returns how long it took, sorted. It sends again what is
// not answered in time.
func roundTrips(t *testing.T, namespace, address string, n int) []time.Duration {
	t.Helper()
	c := inside(t, namespace, func() (net.Conn, error) { return dialUDP(address) })
	defer c.Close()
	var all []time.Duration
	buffer := make([]byte, 8)
	for i := range n {
		binary.BigEndian.PutUint64(buffer, uint64(i))
		began := time.Now()
		if _, err := c.Write(buffer); err != nil {
			t.Fatal(err)
		}
		for {
			if err := c.SetReadDeadline(began.Add(patient)); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Read(buffer); err != nil {
				t.Fatalf("%s does not answer: %v", address, err)
			}
			if binary.BigEndian.Uint64(buffer) == uint64(i) {
				break
			}
		}
		all = append(all, time.Since(began))
	}
	slices.Sort(all)
	return all
}

func median(sorted []time.Duration) time.Duration { return sorted[len(sorted)/2] }

// near tells whether something is what was asked for, within a tenth.
func near[N ~int64 | ~float64](got, want N) bool {
	return float64(got) >= 0.9*float64(want) && float64(got) <= 1.1*float64(want)
}

// flood has a pod send packets to its peer, so many a second, and returns how long each was on its way, sorted; those that were lost are
// not among them.
func (p pod) flood(t *testing.T, packets, perSecond int) []time.Duration {
	t.Helper()
	to := inside(t, p.peer, func() (*net.UDPConn, error) { return listenUDP(peerIP) })
	defer to.Close()
	if err := to.SetReadBuffer(64 << 20); err != nil {
		t.Fatal(err)
	}
	from := inside(t, p.name, func() (net.Conn, error) { return dialUDP(to.LocalAddr().String()) })
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
