package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// ours is the name of the table, in ip and in ip6, that holds all rules of the agent.
const ours = "autopilot-chaos"

var filterFamilies = []uint8{unix.NFPROTO_IPV4, unix.NFPROTO_IPV6}

// The numbers of the kernel's own include/uapi/linux/netfilter/nf_tables.h that golang.org/x/sys does not have under these names.
const (
	tableOwned    = 2 // the table goes with the socket that made it; since 5.12
	hookIn        = 1 // NF_INET_LOCAL_IN
	hookPost      = 4 // NF_INET_POST_ROUTING
	afterNAT      = 300
	queueBypass   = 1
	queueTarget   = "NFQUEUE"
	queueRevision = 3
)

// rules is what sends packets to a queue.
type rules struct{ conn *netlink.Conn }

// catch says which packets go to the queue: those that come in by an interface, or leave by it, of all or of a DNS server's port only.
type catch struct {
	iface   string
	inbound bool
	dns     bool
}

// sendTo has packets go to a queue, and pass when nobody takes them from it. They are caught after all address translation, so that what a
// mesh's sidecar takes over is hurt once, on the outside.
//
// The kernel has two ways to say it, its own queue expression and iptables' NFQUEUE, of which many have one only; and since 5.12 it removes
// the rules of a process that died.
func sendTo(queue uint16, of catch) (*rules, error) {
	var problems []error
	for _, native := range []bool{true, false} {
		for _, flags := range []uint32{tableOwned, 0} {
			c, err := speak(unix.NETLINK_NETFILTER)
			if err != nil {
				return nil, err
			}
			if err = batch(c, ruleMessages(queue, of, native, flags)); err == nil {
				return &rules{conn: c}, nil
			}
			shut(c)
			if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EEXIST) {
				return nil, fmt.Errorf("add the rule for packets: %w", err)
			}
			problems = append(problems, err)
		}
	}
	return nil, fmt.Errorf("add the rule for packets: the kernel has neither nf_tables' queue (%w) nor the NFQUEUE of iptables (%w)", problems[0], problems[2])
}

// end removes the rules. It fails when they are still there.
func (r *rules) end() error {
	defer shut(r.conn)
	_, err := removeTables(r.conn)
	return err
}

// removeRules removes those of an agent that is gone, and says which they were.
func removeRules() ([]string, error) {
	c, err := speak(unix.NETLINK_NETFILTER)
	if err != nil {
		return nil, err
	}
	defer shut(c)
	return removeTables(c)
}

func removeTables(c *netlink.Conn) ([]string, error) {
	var gone []string
	found, err := tables(c)
	if err != nil {
		return nil, left("%w", err)
	}
	for _, family := range found {
		// One by one: a batch would keep the others when one is gone already.
		err := batch(c, []netlink.Message{tableMessage(unix.NFT_MSG_DELTABLE, family, 0, nil)})
		if err != nil && !errors.Is(err, unix.ENOENT) {
			return gone, left("the rules of %s are left: %w", ours, err)
		}
		gone = append(gone, fmt.Sprintf("table %s of family %d", ours, family))
	}
	if len(found) == 0 {
		return nil, nil
	}
	if found, err = tables(c); err != nil {
		return gone, left("%w", err)
	}
	if len(found) > 0 {
		return gone, left("the rules of %s are still there", ours)
	}
	return gone, nil
}

// tables lists the families in which there is a table of ours. A kernel without nf_tables has none.
func tables(c *netlink.Conn) ([]uint8, error) {
	var all []uint8
	for _, family := range filterFamilies {
		found, err := ask(c, tableMessage(unix.NFT_MSG_GETTABLE, family, netlink.Dump, nil))
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, syscall.EPROTONOSUPPORT) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list the tables of rules: %w", explain(err))
		}
		for _, m := range found {
			if len(m.Data) < 4 {
				continue
			}
			ad, err := netlink.NewAttributeDecoder(m.Data[4:])
			if err != nil {
				return nil, fmt.Errorf("read a table of rules: %w", err)
			}
			for ad.Next() {
				if ad.Type() == unix.NFTA_TABLE_NAME && ad.String() == ours {
					all = append(all, family)
				}
			}
			if err := ad.Err(); err != nil {
				return nil, fmt.Errorf("read a table of rules: %w", err)
			}
		}
	}
	return all, nil
}

// batch sends messages that count all or none, and waits until the kernel took each.
func batch(c *netlink.Conn, messages []netlink.Message) error {
	mark := func(kind uint16) netlink.Message {
		return netlink.Message{
			Header: netlink.Header{Type: netlink.HeaderType(kind), Flags: netlink.Request},
			Data:   filterHeader(unix.AF_UNSPEC, unix.NFNL_SUBSYS_NFTABLES),
		}
	}
	all := append([]netlink.Message{mark(unix.NFNL_MSG_BATCH_BEGIN)}, messages...)
	if err := c.SetDeadline(time.Now().Add(answerWithin)); err != nil {
		return err
	}
	if _, err := c.SendMessages(append(all, mark(unix.NFNL_MSG_BATCH_END))); err != nil {
		return explain(err)
	}
	for answered := 0; answered < len(messages); {
		got, err := c.Receive()
		if err != nil {
			return explain(err)
		}
		answered += len(got)
	}
	return nil
}

// tableMessage is one about our table of a family, whose name is the first attribute of each.
func tableMessage(kind uint16, family uint8, flags netlink.HeaderFlags, more func(*netlink.AttributeEncoder)) netlink.Message {
	data := filterHeader(family, 0)
	if flags != netlink.Dump {
		flags |= netlink.Acknowledge
		data = append(data, wideEndian(func(ae *netlink.AttributeEncoder) {
			ae.String(unix.NFTA_TABLE_NAME, ours)
			if more != nil {
				more(ae)
			}
		})...)
	}
	return netlink.Message{
		Header: netlink.Header{Type: netlink.HeaderType(unix.NFNL_SUBSYS_NFTABLES<<8 | kind), Flags: netlink.Request | flags}, Data: data,
	}
}

// ruleMessages makes a table, a chain and the rules in it, for both families.
func ruleMessages(queue uint16, of catch, native bool, flags uint32) []netlink.Message {
	const chain = "caught"
	hook := uint32(hookPost)
	if of.inbound {
		hook = hookIn
	}
	var all []netlink.Message
	for _, family := range filterFamilies {
		all = append(all, tableMessage(unix.NFT_MSG_NEWTABLE, family, netlink.Create|netlink.Excl, func(ae *netlink.AttributeEncoder) {
			ae.Uint32(unix.NFTA_TABLE_FLAGS, flags)
		}), tableMessage(unix.NFT_MSG_NEWCHAIN, family, netlink.Create, func(ae *netlink.AttributeEncoder) {
			ae.String(unix.NFTA_CHAIN_NAME, chain)
			nested(ae, unix.NFTA_CHAIN_HOOK, func(ae *netlink.AttributeEncoder) {
				ae.Uint32(unix.NFTA_HOOK_HOOKNUM, hook)
				ae.Uint32(unix.NFTA_HOOK_PRIORITY, afterNAT)
			})
			ae.String(unix.NFTA_CHAIN_TYPE, "filter")
		}))
		protocols := []uint8{0}
		if of.dns {
			protocols = []uint8{unix.IPPROTO_UDP, unix.IPPROTO_TCP}
		}
		for _, protocol := range protocols {
			all = append(all, tableMessage(unix.NFT_MSG_NEWRULE, family, netlink.Create|netlink.Append, func(ae *netlink.AttributeEncoder) {
				ae.String(unix.NFTA_RULE_CHAIN, chain)
				nested(ae, unix.NFTA_RULE_EXPRESSIONS, func(ae *netlink.AttributeEncoder) {
					ruleExpressions(ae, queue, of, protocol, native)
				})
			}))
		}
	}
	return all
}

// ruleExpressions says: packets of the interface, to the port of DNS if a protocol is named, go to the queue.
func ruleExpressions(list *netlink.AttributeEncoder, queue uint16, of catch, protocol uint8, native bool) {
	expression := func(name string, fill func(*netlink.AttributeEncoder)) {
		nested(list, unix.NFTA_LIST_ELEM, func(ae *netlink.AttributeEncoder) {
			ae.String(unix.NFTA_EXPR_NAME, name)
			nested(ae, unix.NFTA_EXPR_DATA, fill)
		})
	}
	meta := func(key uint32) {
		expression("meta", func(ae *netlink.AttributeEncoder) {
			ae.Uint32(unix.NFTA_META_DREG, unix.NFT_REG_1)
			ae.Uint32(unix.NFTA_META_KEY, key)
		})
	}
	equal := func(value []byte) {
		expression("cmp", func(ae *netlink.AttributeEncoder) {
			ae.Uint32(unix.NFTA_CMP_SREG, unix.NFT_REG_1)
			ae.Uint32(unix.NFTA_CMP_OP, unix.NFT_CMP_EQ)
			nested(ae, unix.NFTA_CMP_DATA, func(ae *netlink.AttributeEncoder) { ae.Bytes(unix.NFTA_DATA_VALUE, value) })
		})
	}
	name := make([]byte, unix.IFNAMSIZ)
	copy(name, of.iface)
	if of.inbound {
		meta(unix.NFT_META_IIFNAME)
	} else {
		meta(unix.NFT_META_OIFNAME)
	}
	equal(name)
	if protocol != 0 {
		meta(unix.NFT_META_L4PROTO)
		equal([]byte{protocol})
		expression("payload", func(ae *netlink.AttributeEncoder) {
			ae.Uint32(unix.NFTA_PAYLOAD_DREG, unix.NFT_REG_1)
			ae.Uint32(unix.NFTA_PAYLOAD_BASE, unix.NFT_PAYLOAD_TRANSPORT_HEADER)
			ae.Uint32(unix.NFTA_PAYLOAD_OFFSET, 2)
			ae.Uint32(unix.NFTA_PAYLOAD_LEN, 2)
		})
		equal(binary.BigEndian.AppendUint16(nil, dnsPort))
	}
	if native {
		expression("queue", func(ae *netlink.AttributeEncoder) {
			ae.Uint16(unix.NFTA_QUEUE_NUM, queue)
			ae.Uint16(unix.NFTA_QUEUE_TOTAL, 1)
			ae.Uint16(unix.NFTA_QUEUE_FLAGS, queueBypass)
		})
		return
	}
	expression("target", func(ae *netlink.AttributeEncoder) {
		ae.String(unix.NFTA_TARGET_NAME, queueTarget)
		ae.Uint32(unix.NFTA_TARGET_REV, queueRevision)
		var info []byte // struct xt_NFQ_info_v3, to the next multiple of 8
		for _, v := range []uint16{queue, 1, queueBypass, 0} {
			info = binary.NativeEndian.AppendUint16(info, v)
		}
		ae.Bytes(unix.NFTA_TARGET_INFO, info)
	})
}
