package view

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// amount is a request as people read it: "500m", "1.5 cores", "256 MiB", "1.2 GiB". An amount that nobody knows is "none".
func amount(r engine.Resource, n int64) string {
	switch {
	case n == 0:
		return "none"
	case r == engine.CPU && n < 1000:
		return strconv.FormatInt(n, 10) + "m"
	case r == engine.CPU && n == 1000:
		return "1 core"
	case r == engine.CPU:
		return short(float64(n)/1000) + " cores"
	case n < 1<<30:
		return short(float64(n)/(1<<20)) + " MiB"
	}
	return short(float64(n)/(1<<30)) + " GiB"
}

// short is a number with three digits that count, without zeros at its end.
func short(f float64) string {
	digits := 2 - int(math.Floor(math.Log10(math.Max(math.Abs(f), 0.001))))
	s := strconv.FormatFloat(f, 'f', max(0, min(digits, 3)), 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// percent is a share, exact where it is small: "0.4 %", "37 %".
func percent(share float64) string {
	p := share * 100
	switch {
	case p <= 0:
		return "0 %"
	case p < 0.1:
		return "under 0.1 %"
	case p < 10:
		return fmt.Sprintf("%.1f %%", p)
	}
	return fmt.Sprintf("%.0f %%", p)
}

// monthly is what is saved in a month: "$41.20/month", or what is said where there is no price.
func monthly(m engine.MicroUSD, basis engine.PriceBasis) string {
	if basis.Source == engine.PriceUnknown && m == 0 {
		return "price not known"
	}
	return m.String() + "/month"
}

// priced says what a price rests on, and whether it is an estimate.
func priced(b engine.PriceBasis) string {
	as := ""
	if !b.AsOf.IsZero() {
		as = " of " + b.AsOf.UTC().Format("2006-01-02")
	}
	note := ""
	if b.Note != "" {
		note = " (" + outside(b.Note, 160) + ")"
	}
	switch b.Source {
	case engine.PriceEffective:
		return "at what is really paid" + as + note
	case engine.PriceSpot:
		return "estimate at the Spot price" + as + note
	case engine.PriceList:
		return "estimate at list price" + as + note
	case engine.PriceEmbedded:
		return "estimate at the list price" + as + " that came with this version" + note
	case engine.PriceUnknown:
	}
	return "no price is known" + note
}

// sure is a confidence in words: it is a belief until enough findings were followed and verified.
func sure(confidence float64) string {
	switch {
	case confidence >= 0.9:
		return "very likely"
	case confidence >= 0.7:
		return "likely"
	case confidence >= 0.4:
		return "possible"
	}
	return "unlikely"
}
