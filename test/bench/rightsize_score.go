package main

import (
	"math"
	"slices"
	"sort"

	"github.com/eks-autopilot/autopilot/engine/waste"
)

// score is how requests did on what came after.
type score struct {
	slack    float64 // 1 − use/request over all samples
	over     float64 // share of samples above the request
	high     float64 // share of workloads whose 95th percentile is above it
	worst    float64 // share of samples above it in the tenth of the workloads with the most
	breached float64 // share of workloads whose highest sample is above it
}

func (s score) cells() []string {
	return []string{percent(s.slack), percent(s.over), percent(s.high), percent(s.worst)}
}

// rate scores a request for each history.
func rate(histories []history, requests []float64) score {
	var s score
	var used, asked, over, n float64
	shares := make([]float64, 0, len(histories))
	for i, h := range histories {
		request := requests[i] * (1 + 1e-9) // a use that is the request, but for rounding, is not above it
		above := float64(len(h.after) - sort.Search(len(h.after), func(k int) bool { return h.after[k] > request }))
		used += h.used
		asked += requests[i] * float64(len(h.after))
		over, n = over+above, n+float64(len(h.after))
		shares = append(shares, above/float64(len(h.after)))
		if nearest(h.after, 0.95) > request {
			s.high++
		}
		if above > 0 {
			s.breached++
		}
	}
	workloads := float64(len(histories))
	s.slack, s.over, s.high, s.breached = 1-used/asked, over/n, s.high/workloads, s.breached/workloads
	slices.Sort(shares)
	tenth := shares[len(shares)-max(len(shares)/10, 1):]
	for _, share := range tenth {
		s.worst += share / float64(len(tenth))
	}
	return s
}

// nearest is the quantile of ascending values, by nearest rank.
func nearest(values []float64, q float64) float64 {
	return values[min(max(int(math.Ceil(q*float64(len(values))))-1, 0), len(values)-1)]
}

// curve is a way of sizing at many points of its trade, the most over first.
type curve []score

// at interpolates the curve where so large a share of samples is over, linearly in the logarithm of the share. It is false
// beyond the ends.
func (c curve) at(over float64) (score, bool) {
	for i := 1; i < len(c); i++ {
		a, b := c[i-1], c[i]
		if over > a.over || over < b.over || b.over <= 0 || a.over <= b.over {
			continue
		}
		s := between(a, b, math.Log(over/a.over)/math.Log(b.over/a.over))
		s.over = over
		return s, true
	}
	return score{}, false
}

// level interpolates the curve, linearly, where it has so much slack. It is false beyond the ends.
func (c curve) level(slack float64) (score, bool) {
	for i := 1; i < len(c); i++ {
		if a, b := c[i-1], c[i]; a.slack <= slack && slack <= b.slack && a.slack < b.slack {
			return between(a, b, (slack-a.slack)/(b.slack-a.slack)), true
		}
	}
	return score{}, false
}

// between is the share t of the way from one score to another.
func between(a, b score, t float64) score {
	mid := func(x, y float64) float64 { return x + t*(y-x) }
	return score{mid(a.slack, b.slack), mid(a.over, b.over), mid(a.high, b.high), mid(a.worst, b.worst), mid(a.breached, b.breached)}
}

// balances are the points of the trade, from a core for all the time to a core for a thousandth of it.
func balances() []float64 {
	var all []float64
	for b := 0.05; b < 1000; b *= 1.2 {
		all = append(all, b)
	}
	return all
}

func cpuCurve(histories []history) curve {
	demands := make([]waste.Demand, len(histories))
	for i, h := range histories {
		demands[i], _ = waste.CPUDemand(h.series, h.at)
	}
	return trace(len(histories), func(i int, balance float64) float64 { return demands[i].Request(balance) }, histories)
}

// floorCurve is what a few lines reach: the use of the past that makes r + λ·(share above r) the least.
func floorCurve(histories []history) curve {
	return trace(len(histories), func(i int, balance float64) float64 { return cheapest(histories[i].before, balance) }, histories)
}

func trace(n int, request func(i int, balance float64) float64, histories []history) curve {
	var c curve
	requests := make([]float64, n)
	for _, b := range balances() {
		for i := range requests {
			requests[i] = request(i, b)
		}
		c = append(c, rate(histories, requests))
	}
	return c
}

func cheapest(ascending []float64, balance float64) float64 {
	least, request := math.Inf(1), 0.0
	for i, v := range ascending {
		if i+1 < len(ascending) && ascending[i+1] == v {
			continue
		}
		if cost := v + balance*float64(len(ascending)-1-i)/float64(len(ascending)); cost < least {
			least, request = cost, v
		}
	}
	return request
}

func each(histories []history, request func(history) float64) []float64 {
	requests := make([]float64, len(histories))
	for i, h := range histories {
		requests[i] = request(h)
	}
	return requests
}
