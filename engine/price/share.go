package price

import (
	"cmp"
	"math"
	"slices"

	"github.com/eks-autopilot/autopilot/engine"
)

// apportion divides an amount by weights, to the micro-dollar: the parts add up to the amount exactly, and a part is never of the
// other sign. What rounding leaves goes to the largest remainders, the first of equals. Weights that are negative or not finite
// count as 0; when all do, nobody gets anything and rest is the amount.
func apportion(amount engine.MicroUSD, weights []float64) (parts []engine.MicroUSD, rest engine.MicroUSD) {
	parts = make([]engine.MicroUSD, len(weights))
	sum := 0.0
	for _, w := range weights {
		sum += sound(w)
	}
	if sum <= 0 || math.IsInf(sum, 0) {
		return parts, amount
	}
	sign, left := engine.MicroUSD(1), amount
	if amount < 0 {
		sign, left = -1, -amount
	}
	whole := float64(left)
	remainders := make([]float64, len(weights))
	for i, w := range weights {
		exact := whole * (sound(w) / sum)
		part := left
		if exact < float64(left) {
			part = engine.MicroUSD(math.Floor(exact))
		}
		remainders[i] = exact - float64(part)
		parts[i], left = part, left-part
	}
	order := make([]int, 0, len(weights))
	for i, w := range weights {
		if sound(w) > 0 {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(remainders[b], remainders[a]) })
	// Fewer than one a weight is left, but where the amount is so large that a float64 does not hold it to the micro-dollar.
	each := left / engine.MicroUSD(len(order))
	for n, i := range order {
		parts[i] += each
		if engine.MicroUSD(n) < left%engine.MicroUSD(len(order)) {
			parts[i]++
		}
	}
	for i := range parts {
		parts[i] *= sign
	}
	return parts, 0
}

func sound(w float64) float64 {
	if w > 0 && !math.IsInf(w, 0) {
		return w
	}
	return 0
}
