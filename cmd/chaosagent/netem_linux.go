package main

import (
	"encoding/binary"
	"math"
	"net"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// netemPackets bounds how many wait in netem: those of ten seconds at ten thousand a second. The sockets' own buffers bound their bytes.
const netemPackets = 100_000

// netemOptions is struct tc_netem_qopt.
func netemOptions(delay, jitter time.Duration, percent float64) []byte {
	b := binary.NativeEndian.AppendUint32(nil, netemTicks(delay))
	b = binary.NativeEndian.AppendUint32(b, netemPackets)
	b = binary.NativeEndian.AppendUint32(b, uint32(math.Round(percent/100*math.MaxUint32)))
	b = append(b, make([]byte, 8)...) // gap, duplicate
	return binary.NativeEndian.AppendUint32(b, netemTicks(jitter))
}

// netemTicks is a time as the packet scheduler counts it: in 64 ns, on every kernel since 2.6.31.
func netemTicks(d time.Duration) uint32 { return uint32(d / 64) } //nolint:gosec // A delay is at most a minute.

// shaped is a fault that is a queueing discipline of the kernel.
func shaped(c *netlink.Conn, i *net.Interface, kind string, options []byte) (fault, error) {
	if err := addQdisc(c, i, kind, options); err != nil {
		return fault{}, err
	}
	return fault{how: kind, end: func() error {
		_, err := removeQdiscs(c)
		return err
	}}, nil
}

// throttle bounds what leaves the pod by the kernel's token bucket.
func throttle(o options) (fault, error) {
	c, err := speak(unix.NETLINK_ROUTE)
	if err != nil {
		return fault{}, err
	}
	i, err := pickInterface(c, o.iface)
	if err == nil {
		var f fault
		if f, err = shaped(c, i, byTBF, tbfOptions(o.rate, i.MTU)); err == nil {
			return closing(f, c), nil
		}
	}
	shut(c)
	return fault{}, err
}

// closing has a fault close its socket when it has ended.
func closing(f fault, c *netlink.Conn) fault {
	end := f.end
	f.end = func() error {
		defer shut(c)
		return end()
	}
	return f
}

// The attributes of tbf, and the layer whose lengths it counts.
const (
	tbfParms    = 1
	tbfRate64   = 4
	tbfBurst    = 6
	linkEther   = 1
	etherHeader = 14
)

// tbfOptions is a token bucket of a rate in bits a second. Its burst is what flows in ten milliseconds, so that it carries the rate though a
// busy node wakes it late, and yet does not show in a measurement of a second; it is two packets at least. What waits is bounded to a fifth
// of a second, or to sixteen packets where that is less than a connection needs to keep going.
func tbfOptions(rate int64, mtu int) []byte {
	bytes := uint64(rate) / 8           //nolint:gosec // It is positive.
	packet := uint64(mtu) + etherHeader //nolint:gosec // So is this.
	burst := min(max(bytes/100, 2*packet), math.MaxUint32/4)
	limit := min(max(bytes/5, 16*packet)+burst, math.MaxUint32/2)
	parms := append([]byte{0, linkEther}, make([]byte, 6)...) // struct tc_ratespec up to the rate
	parms = binary.NativeEndian.AppendUint32(parms, uint32(min(bytes, math.MaxUint32)))
	parms = append(parms, make([]byte, 12)...) // no peak rate
	parms = binary.NativeEndian.AppendUint32(parms, uint32(limit))
	parms = append(parms, make([]byte, 8)...) // buffer, which tbfBurst says in bytes, and mtu
	return attrs(func(ae *netlink.AttributeEncoder) {
		ae.Bytes(tbfParms, parms)
		if bytes > math.MaxUint32 {
			ae.Uint64(tbfRate64, bytes)
		}
		ae.Uint32(tbfBurst, uint32(burst)) //nolint:gosec // It was bounded above.
	})
}
