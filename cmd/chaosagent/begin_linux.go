package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// begin puts a fault in place. When it fails nothing of it is there, or the error says so (isLeft).
func begin(o options) (fault, error) {
	switch o.fault {
	case faultCPU:
		return burn(o.cores), nil
	case faultMemory:
		if o.upto > 0 {
			return fillUpTo(o.upto, o.force, "/")
		}
		return fill(o.bytes, o.force, "/")
	case faultSignal:
		return terminate("/", os.Getpid(), unix.Kill)
	case faultLag, faultLoss:
		return disturb(o)
	case faultThrottle:
		return throttle(o)
	case faultDNS:
		return mislead(o)
	}
	return fault{}, fmt.Errorf("there is no fault %q", o.fault)
}

// hold keeps a fault in this process and returns the exit code.
func hold(ctx context.Context, o options, in io.Reader, out io.Writer) int {
	return keep(ctx, o, in, out, begin)
}
