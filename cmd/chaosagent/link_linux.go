package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// pickInterface finds the interface whose packets are hurt: the named one, that of the default route, or the only one there is. It is never
// the loopback.
func pickInterface(c *netlink.Conn, name string) (*net.Interface, error) {
	if name != "" {
		i, err := net.InterfaceByName(name)
		if err != nil {
			return nil, fmt.Errorf("interface %s: %w", name, err)
		}
		if i.Flags&net.FlagLoopback != 0 {
			return nil, fmt.Errorf("interface %s is the loopback, which is left alone: what comes and goes there never leaves the pod", name)
		}
		return i, nil
	}
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		index, err := defaultRoute(c, family)
		if err != nil {
			return nil, err
		}
		if index != 0 {
			return net.InterfaceByIndex(index)
		}
	}
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var found *net.Interface
	for i := range all {
		if all[i].Flags&net.FlagLoopback != 0 || all[i].Flags&net.FlagUp == 0 {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("no default route, and both %s and %s are up: say which with -interface", found.Name, all[i].Name)
		}
		found = &all[i]
	}
	if found == nil {
		return nil, errors.New("there is no network interface besides the loopback")
	}
	return found, nil
}

// defaultRoute gives the interface of the default route of one address family, 0 when there is none.
func defaultRoute(c *netlink.Conn, family uint8) (int, error) {
	header := make([]byte, unix.SizeofRtMsg)
	header[0] = family
	routes, err := ask(c, netlink.Message{
		Header: netlink.Header{Type: unix.RTM_GETROUTE, Flags: netlink.Request | netlink.Dump}, Data: header,
	})
	if err != nil {
		return 0, fmt.Errorf("list routes: %w", explain(err))
	}
	index, best := 0, uint64(math.MaxUint64)
	for _, r := range routes {
		if len(r.Data) < unix.SizeofRtMsg || r.Data[1] != 0 || r.Data[4] != unix.RT_TABLE_MAIN || r.Data[7] != unix.RTN_UNICAST {
			continue
		}
		ad, err := netlink.NewAttributeDecoder(r.Data[unix.SizeofRtMsg:])
		if err != nil {
			return 0, fmt.Errorf("read a route: %w", err)
		}
		var out, metric uint32
		for ad.Next() {
			switch ad.Type() {
			case unix.RTA_OIF:
				out = ad.Uint32()
			case unix.RTA_PRIORITY:
				metric = ad.Uint32()
			}
		}
		if err := ad.Err(); err != nil {
			return 0, fmt.Errorf("read a route: %w", err)
		}
		if out != 0 && uint64(metric) < best {
			index, best = int(out), uint64(metric)
		}
	}
	return index, nil
}

// ourHandle marks a queueing discipline as one of ours; atRoot is where the first of an interface is, TC_H_ROOT.
const (
	ourHandle = 0xca05 << 16
	atRoot    = 0xffffffff
)

// qdisc is a queueing discipline of an interface.
type qdisc struct {
	index          int
	handle, parent uint32
	kind           string
}

func (q qdisc) ours() bool { return q.handle == ourHandle && q.parent == atRoot }

// header is struct tcmsg.
func (q qdisc) header() []byte {
	b := make([]byte, 4, 20)
	b = binary.NativeEndian.AppendUint32(b, uint32(q.index)) //nolint:gosec // The kernel's indexes are 32 bits.
	b = binary.NativeEndian.AppendUint32(b, q.handle)
	b = binary.NativeEndian.AppendUint32(b, q.parent)
	return append(b, 0, 0, 0, 0)
}

// qdiscs lists those at the root of the interfaces of this network namespace that somebody chose; what the kernel gives by itself has no handle.
func qdiscs(c *netlink.Conn) ([]qdisc, error) {
	found, err := ask(c, netlink.Message{
		Header: netlink.Header{Type: unix.RTM_GETQDISC, Flags: netlink.Request | netlink.Dump}, Data: qdisc{}.header(),
	})
	if err != nil {
		return nil, fmt.Errorf("list queueing disciplines: %w", explain(err))
	}
	var all []qdisc
	for _, m := range found {
		if len(m.Data) < 20 {
			continue
		}
		q := qdisc{
			index:  int(binary.NativeEndian.Uint32(m.Data[4:])),
			handle: binary.NativeEndian.Uint32(m.Data[8:]),
			parent: binary.NativeEndian.Uint32(m.Data[12:]),
		}
		ad, err := netlink.NewAttributeDecoder(m.Data[20:])
		if err != nil {
			return nil, fmt.Errorf("read a queueing discipline: %w", err)
		}
		for ad.Next() {
			if ad.Type() == unix.TCA_KIND {
				q.kind = ad.String()
			}
		}
		if err := ad.Err(); err != nil {
			return nil, fmt.Errorf("read a queueing discipline: %w", err)
		}
		if q.parent == atRoot && q.handle != 0 {
			all = append(all, q)
		}
	}
	return all, nil
}

// addQdisc puts one of ours at the root of an interface. It fails when there is one that somebody else chose, and with unix.ENOENT when the
// kernel does not know its kind.
func addQdisc(c *netlink.Conn, i *net.Interface, kind string, options []byte) error {
	all, err := qdiscs(c)
	if err != nil {
		return err
	}
	for _, q := range all {
		if q.index == i.Index {
			return fmt.Errorf("%s has a queueing discipline of its own (%s), which is left alone: %w", i.Name, q.kind, unix.EEXIST)
		}
	}
	data := append(qdisc{index: i.Index, handle: ourHandle, parent: atRoot}.header(), attrs(func(ae *netlink.AttributeEncoder) {
		ae.String(unix.TCA_KIND, kind)
		ae.Bytes(unix.TCA_OPTIONS, options)
	})...)
	_, err = ask(c, netlink.Message{
		Header: netlink.Header{Type: unix.RTM_NEWQDISC, Flags: netlink.Request | netlink.Acknowledge | netlink.Create | netlink.Excl}, Data: data,
	})
	return explain(err)
}

// removeQdiscs takes ours away, wherever they are, and says which they were. It fails when one is left.
func removeQdiscs(c *netlink.Conn) ([]string, error) {
	all, err := qdiscs(c)
	if err != nil {
		return nil, left("%w", err)
	}
	var gone []string
	for _, q := range all {
		if !q.ours() {
			continue
		}
		_, err := ask(c, netlink.Message{
			Header: netlink.Header{Type: unix.RTM_DELQDISC, Flags: netlink.Request | netlink.Acknowledge}, Data: q.header(),
		})
		if err != nil && !errors.Is(err, unix.ENOENT) {
			return gone, left("%s is left on interface %d: %w", q.kind, q.index, explain(err))
		}
		gone = append(gone, fmt.Sprintf("%s of interface %d", q.kind, q.index))
	}
	if len(gone) == 0 {
		return nil, nil
	}
	if all, err = qdiscs(c); err != nil {
		return gone, left("%w", err)
	}
	for _, q := range all {
		if q.ours() {
			return gone, left("%s is still on interface %d", q.kind, q.index)
		}
	}
	return gone, nil
}
