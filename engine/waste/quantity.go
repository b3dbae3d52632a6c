package waste

import (
	"fmt"
	"math"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	kib = 1 << 10
	mib = 1 << 20
	gib = 1 << 30
)

// What no container asks for or uses: more than the largest instance has, many times over.
const (
	absurdCPU    = 10_000_000 // millicores
	absurdMemory = 1 << 46    // bytes
)

// amount reads a list in millicores or bytes; 0 where it names none.
func amount(list corev1.ResourceList, r engine.Resource) int64 {
	q, ok := list[name(r)]
	if !ok {
		return 0
	}
	if r == engine.CPU {
		return q.MilliValue()
	}
	return q.Value()
}

// name is what Kubernetes calls a resource.
func name(r engine.Resource) corev1.ResourceName { return corev1.ResourceName(r) }

// absurd tells whether an amount cannot be meant.
func absurd(amount float64, r engine.Resource) bool {
	most := float64(absurdMemory)
	if r == engine.CPU {
		most = absurdCPU
	}
	return !(amount >= 0 && amount <= most)
}

// roundUp gives the next amount that people write: CPU in steps of 5, 10 or 50 millicores, memory in 8, 64 or 256 MiB.
func roundUp(amount float64, r engine.Resource) int64 {
	step := 0.0
	switch {
	case r == engine.CPU && amount <= 100:
		step = 5
	case r == engine.CPU && amount <= 1000:
		step = 10
	case r == engine.CPU:
		step = 50
	case amount <= gib:
		step = 8 * mib
	case amount <= 8*gib:
		step = 64 * mib
	default:
		step = 256 * mib
	}
	if r == engine.CPU {
		amount -= 1e-6 // 500.0000000001 is 500: what is lost in the arithmetic is no millicore
	}
	return int64(math.Ceil(amount/step) * step)
}

// quantity is an amount as it stands in a manifest: "250m", "2", "512Mi", "3Gi".
func quantity(amount int64, r engine.Resource) string {
	switch {
	case r == engine.CPU && amount%1000 == 0:
		return strconv.FormatInt(amount/1000, 10)
	case r == engine.CPU:
		return fmt.Sprintf("%dm", amount)
	}
	for _, unit := range []struct {
		bytes  int64
		suffix string
	}{{gib, "Gi"}, {mib, "Mi"}, {kib, "Ki"}} {
		if amount != 0 && amount%unit.bytes == 0 {
			return strconv.FormatInt(amount/unit.bytes, 10) + unit.suffix
		}
	}
	return strconv.FormatInt(amount, 10)
}

// scale turns the unit of a Series (cores, bytes) into that of a request (millicores, bytes).
func scale(r engine.Resource) float64 {
	if r == engine.CPU {
		return 1000
	}
	return 1
}

// priced turns a request into the unit that has a price: cores or GiB.
func priced(amount float64, r engine.Resource) float64 {
	if r == engine.CPU {
		return amount / 1000
	}
	return amount / gib
}
