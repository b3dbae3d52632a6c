package main

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/rca"
)

// strange says how strange what came after is, given the past.
type strange func(past, after []float64) float64

// sigmas is how many standard deviations the furthest value is from the mean of the past.
func sigmas(past, after []float64) (most float64) {
	var sum, squares float64
	for _, v := range past {
		sum += v
	}
	mean := sum / float64(len(past))
	for _, v := range past {
		squares += (v - mean) * (v - mean)
	}
	deviation := max(math.Sqrt(squares/float64(len(past))), 1e-9)
	for _, v := range after {
		most = max(most, math.Abs(v-mean)/deviation)
	}
	return most
}

// tail is how rare the furthest value is among those of the past, as the negative logarithm of the share that is as far from the median.
func tail(past, after []float64) (most float64) {
	sorted := slices.Sorted(slices.Values(past))
	middle := sorted[len(sorted)/2]
	for _, v := range after {
		as := 1.0
		for _, p := range past {
			if math.Abs(p-middle) >= math.Abs(v-middle) {
				as++
			}
		}
		most = max(most, -math.Log(as/float64(len(past)+1)))
	}
	return most
}

// scoreNodes gives each node the most, or the mean, of how strange its columns are.
func scoreNodes(nodes map[string]columns, onset, now time.Time, how strange, mean bool) map[string]float64 {
	scores := map[string]float64{}
	for name, cs := range nodes {
		var sum, most, n float64
		for _, column := range slices.Sorted(maps.Keys(cs)) { // sums of floats depend on their order
			past, after := splitAt(cs[column], onset, now)
			if len(past) < 2 || len(after) == 0 {
				continue
			}
			s := how(past, after)
			sum, most, n = sum+s, max(most, s), n+1
		}
		switch {
		case n == 0:
		case mean:
			scores[name] = sum / n
		default:
			scores[name] = most
		}
	}
	return scores
}

// splitAt parts values at an onset.
func splitAt(points []engine.Point, onset, now time.Time) (past, after []float64) {
	for _, p := range points {
		switch {
		case p.At < onset.Unix():
			past = append(past, p.Value)
		case p.At <= now.Unix():
			after = append(after, p.Value)
		}
	}
	return past, after
}

// byScore orders nodes, the highest score first.
func byScore(scores map[string]float64) []string {
	return slices.SortedFunc(maps.Keys(scores), func(a, b string) int {
		return cmp.Or(cmp.Compare(scores[b], scores[a]), strings.Compare(a, b))
	})
}

// strangeFrom is how many deviations are strange.
const strangeFrom = 3

// walked orders nodes by score, those first to which strange nodes lead from the alarmed one, and that call no strange node.
func walked(scores map[string]float64, g rca.Graph, alarmed string) []string {
	ends, seen, open := map[string]bool{}, map[string]bool{}, []string{alarmed}
	for len(open) > 0 {
		name := open[0]
		open = open[1:]
		if seen[name] {
			continue
		}
		seen[name] = true
		end := true
		for _, callee := range g[name] {
			if scores[callee] >= strangeFrom {
				end = false
				open = append(open, callee)
			}
		}
		ends[name] = end
	}
	first := func(name string) int {
		if ends[name] {
			return 0
		}
		return 1
	}
	return slices.SortedFunc(maps.Keys(scores), func(a, b string) int {
		return cmp.Or(cmp.Compare(first(a), first(b)), cmp.Compare(scores[b], scores[a]), strings.Compare(a, b))
	})
}

// oracle ranks by that one column, upwards or downwards, by which the cause comes first: who picks it knows the answer. It says how much of a
// cause any single column shows. Nodes count that left their past by more than three spreads (of its middle half), as the mean of what came
// after; a cause that no column shows so is not in the ranking.
func oracle(nodes map[string]columns, onset, now time.Time, cause string) []string {
	var best []string
	for _, column := range slices.Sorted(maps.Keys(nodes[cause])) {
		for _, sign := range []float64{1, -1} {
			scores := map[string]float64{}
			for name, cs := range nodes {
				past, after := splitAt(cs[column], onset, now)
				if len(past) < 4 || len(after) == 0 {
					continue
				}
				if s := sign * spreads(past, after); s > strangeFrom {
					scores[name] = s
				}
			}
			order := byScore(scores)
			if k := slices.Index(order, cause); k >= 0 && (best == nil || k < slices.Index(best, cause)) {
				best = order
			}
		}
	}
	return best
}

// spreads is how many spreads of the past's middle half the mean of what came after is from its median.
func spreads(past, after []float64) float64 {
	sorted := slices.Sorted(slices.Values(past))
	at := func(q float64) float64 { return sorted[int(q*float64(len(sorted)-1))] }
	var sum float64
	for _, v := range after {
		sum += v
	}
	const deviation = 0.7413 // of plain noise, in parts of the range of its middle half
	return (sum/float64(len(after)) - at(0.5)) / max(deviation*(at(0.75)-at(0.25)), 0.05*math.Abs(at(0.5)), 1e-6)
}
