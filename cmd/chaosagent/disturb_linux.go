package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"golang.org/x/sys/unix"
)

// disturb has packets of the pod come late or not at all: what it sends by netem, or, where the kernel has none or the interface has a queueing
// discipline of its own, by a queue that we serve.
func disturb(o options) (fault, error) {
	c, err := speak(unix.NETLINK_ROUTE)
	if err != nil {
		return fault{}, err
	}
	i, err := pickInterface(c, o.iface)
	if err != nil {
		shut(c)
		return fault{}, err
	}
	if o.by != byQueue {
		f, err := shaped(c, i, byNetem, netemOptions(o.delay, o.jitter, o.percent))
		if err == nil {
			return closing(f, c), nil
		}
		if o.by == byNetem || !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EEXIST) {
			shut(c)
			return fault{}, err
		}
	}
	shut(c)
	if o.fault == faultLag {
		// A round trip takes as much longer by what comes in late as by what leaves late. What leaves would count against its socket while
		// it waits in a queue (netem takes it off), so that a connection could have a few packets on their way only.
		return queued(catch{iface: i.Name, inbound: true}, queueMeta, queueFailOpen|queueWhole, late(o.delay, o.jitter), byQueue)
	}
	return queued(catch{iface: i.Name}, queueMeta, queueFailOpen, lossy(o.percent, o.seed), byQueue)
}

// late holds each packet for the delay, give or take up to the jitter.
func late(delay, jitter time.Duration) judge {
	return func([]byte) (uint32, time.Duration) {
		if jitter == 0 {
			return verdictAccept, delay
		}
		return verdictAccept, max(delay-jitter+rand.N(2*jitter+1), 1) //nolint:gosec // Nobody gains by guessing a delay.
	}
}

// lossy drops a share of the packets, each by its own throw of the dice.
func lossy(percent float64, seed uint64) judge {
	dice := rand.New(rand.NewPCG(seed, seed)) //nolint:gosec // A seed makes a run repeatable.
	return func([]byte) (uint32, time.Duration) {
		if dice.Float64()*100 < percent {
			return verdictDrop, 0
		}
		return verdictAccept, 0
	}
}

// queued is a fault that is a queue which we serve and the rule that sends packets to it. The queue is there before the rule, and after it.
func queued(of catch, copyMode uint8, flags uint32, j judge, how string) (fault, error) {
	// What an agent that was killed left of its rules would be in the way.
	if _, err := removeRules(); err != nil {
		return fault{}, err
	}
	q, err := openQueue(copyMode, flags, j)
	if err != nil {
		return fault{}, err
	}
	r, err := sendTo(queueNumber, of)
	if err != nil {
		return fault{}, errors.Join(err, q.end())
	}
	return fault{how: how, broke: q.broke, end: func() error {
		err := r.end()
		if qErr := q.end(); qErr != nil {
			err = errors.Join(err, fmt.Errorf("give the queue back: %w", qErr))
		}
		return err
	}}, nil
}
