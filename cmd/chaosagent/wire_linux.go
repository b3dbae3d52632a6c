package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// attrs encodes netlink attributes. Its calls fail with a bug of ours only, such as a value that is longer than an attribute can be.
func attrs(fill func(*netlink.AttributeEncoder)) []byte {
	ae := netlink.NewAttributeEncoder()
	fill(ae)
	data, err := ae.Encode()
	if err != nil {
		panic(fmt.Sprintf("encode netlink attributes: %v", err))
	}
	return data
}

// wideEndian writes numbers as nf_tables and the queues want them: the most significant byte first.
func wideEndian(fill func(*netlink.AttributeEncoder)) []byte {
	return attrs(func(ae *netlink.AttributeEncoder) {
		ae.ByteOrder = binary.BigEndian
		fill(ae)
	})
}

// nested gives an attribute whose value is attributes, their numbers as those of ae.
func nested(ae *netlink.AttributeEncoder, kind uint16, fill func(*netlink.AttributeEncoder)) {
	order := ae.ByteOrder
	ae.Nested(kind, func(inner *netlink.AttributeEncoder) error {
		inner.ByteOrder = order
		fill(inner)
		return nil
	})
}

// filterHeader is what every message to netfilter begins with: struct nfgenmsg.
func filterHeader(family uint8, id uint16) []byte {
	return binary.BigEndian.AppendUint16([]byte{family, unix.NFNETLINK_V0}, id)
}

// speak opens a netlink socket that says in words what was wrong.
func speak(family int) (*netlink.Conn, error) {
	c, err := netlink.Dial(family, nil)
	if err != nil {
		return nil, explain(err)
	}
	_ = c.SetOption(netlink.ExtendedAcknowledge, true) // kernels before 4.12 say it by number only
	return c, nil
}

// answerWithin bounds how long the kernel is waited for, which answers at once if at all.
const answerWithin = 5 * time.Second

// ask sends one message and returns the answers to it.
func ask(c *netlink.Conn, m netlink.Message) ([]netlink.Message, error) {
	if err := c.SetDeadline(time.Now().Add(answerWithin)); err != nil {
		return nil, err
	}
	return c.Execute(m)
}

// explain adds what would be right to an error of the kernel.
func explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("%w: the container needs the capability NET_ADMIN and to run as root", err)
	}
	var op *netlink.OpError
	if errors.As(err, &op) && op.Message != "" {
		return fmt.Errorf("%w (%s)", op.Err, op.Message)
	}
	return err
}

// shut closes what need not be closed for anything but thrift.
func shut(c io.Closer) { _ = c.Close() }
