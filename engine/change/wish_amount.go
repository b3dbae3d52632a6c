package change

import (
	"fmt"
	"strconv"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	kib = 1 << 10
	mib = 1 << 20
	gib = 1 << 30
)

// Quantity is an amount in millicores or bytes as it stands in a manifest: "250m", "2", "512Mi", "3Gi".
func Quantity(amount int64, r engine.Resource) string {
	if r == engine.CPU {
		if amount%1000 == 0 {
			return strconv.FormatInt(amount/1000, 10)
		}
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

// SameValue tells whether two values mean the same: as quantities where both are, else by the letter.
func SameValue(a, b string) bool {
	if a == b {
		return true
	}
	qa, errA := resource.ParseQuantity(a)
	qb, errB := resource.ParseQuantity(b)
	return errA == nil && errB == nil && qa.Cmp(qb) == 0
}

// fromTo says a change for people, in one unit where one will do: "2 → 1.2 GiB", "500 → 320 millicores".
func fromTo(from, to string, r engine.Resource) string {
	qa, errA := resource.ParseQuantity(from)
	qb, errB := resource.ParseQuantity(to)
	switch {
	case errA != nil || errB != nil:
		return from + " → " + to
	case r == engine.CPU:
		a, b := qa.MilliValue(), qb.MilliValue()
		switch {
		case a >= 1000 && b >= 1000:
			return fmt.Sprintf("%s → %s cores", decimal(float64(a)/1000), decimal(float64(b)/1000))
		case a < 1000 && b < 1000:
			return fmt.Sprintf("%d → %d millicores", a, b)
		}
		return inCores(a) + " → " + inCores(b)
	}
	a, b := float64(qa.Value()), float64(qb.Value())
	switch {
	case min(a, b) >= gib:
		return fmt.Sprintf("%s → %s GiB", decimal(a/gib), decimal(b/gib))
	case max(a, b) < gib:
		return fmt.Sprintf("%s → %s MiB", decimal(a/mib), decimal(b/mib))
	}
	return inBytes(a) + " → " + inBytes(b)
}

func inCores(millis int64) string {
	switch {
	case millis < 1000:
		return fmt.Sprintf("%dm", millis)
	case millis == 1000:
		return "1 core"
	}
	return decimal(float64(millis)/1000) + " cores"
}

func inBytes(n float64) string {
	if n < gib {
		return decimal(n/mib) + " MiB"
	}
	return decimal(n/gib) + " GiB"
}

// decimal writes a number with at most two digits behind the point, and none that say nothing.
func decimal(f float64) string {
	return strconv.FormatFloat(float64(int64(f*100+0.5))/100, 'f', -1, 64)
}

// Exceeds tells whether one quantity is more than another so many times over. What is no quantity exceeds nothing.
func Exceeds(a, b string, times float64) bool {
	qa, errA := resource.ParseQuantity(a)
	qb, errB := resource.ParseQuantity(b)
	return errA == nil && errB == nil && qa.AsApproximateFloat64() > times*qb.AsApproximateFloat64()
}
