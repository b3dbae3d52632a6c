package waste

import (
	"math"

	corev1 "k8s.io/api/core/v1"
)

// ranged is the lowest request that the LimitRanges of the namespace allow the container; 0 for none.
func (c *candidate) ranged() int64 {
	floor := int64(0)
	for _, lr := range c.ix.ranges[c.Namespace] {
		for _, item := range lr.Spec.Limits {
			switch item.Type {
			case corev1.LimitTypeContainer:
				floor = max(floor, amount(item.Min, c.resource))
				// A limit may be so many times its request.
				if ratio := item.MaxLimitRequestRatio[name(c.resource)]; c.limit > 0 && ratio.AsApproximateFloat64() >= 1 {
					floor = max(floor, int64(math.Ceil(float64(c.limit)/ratio.AsApproximateFloat64())))
				}
			case corev1.LimitTypePod:
				if least := amount(item.Min, c.resource); least > 0 {
					floor = max(floor, least-(effective(bare(c.podSpec(), c.resource), c.resource)-c.old))
				}
			}
		}
	}
	return floor
}
