package engine

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// MicroUSD is money in millionths of a US dollar. All money is kept in it; what is shown is rounded once, at the end.
type MicroUSD int64

// USD is one dollar.
const USD MicroUSD = 1_000_000

// HoursPerMonth turns a price per hour into one per month: 365 days of 24 hours, a twelfth of them.
const HoursPerMonth = 730

// Dollars gives the nearest MicroUSD to an amount in dollars. It saturates instead of overflowing, and gives 0 for NaN.
func Dollars(d float64) MicroUSD {
	switch micro := d * float64(USD); {
	case math.IsNaN(micro):
		return 0
	case micro >= math.MaxInt64:
		return math.MaxInt64
	case micro <= math.MinInt64:
		return math.MinInt64
	default:
		return MicroUSD(math.Round(micro))
	}
}

// Dollars gives the amount in dollars, for charts and ratios, never for sums.
func (m MicroUSD) Dollars() float64 { return float64(m) / float64(USD) }

// Monthly gives what a price per hour comes to in a month.
func (m MicroUSD) Monthly() MicroUSD { return m * HoursPerMonth }

// Times gives the amount for a quantity, rounded to the nearest MicroUSD.
func (m MicroUSD) Times(quantity float64) MicroUSD { return Dollars(m.Dollars() * quantity) }

// String gives the amount to the cent: "$1,234.56", "-$0.40".
func (m MicroUSD) String() string {
	cents := (abs(m) + uint64(USD)/200) / (uint64(USD) / 100)
	whole := strconv.FormatUint(cents/100, 10)
	var b strings.Builder
	if m < 0 && cents > 0 {
		b.WriteByte('-')
	}
	b.WriteByte('$')
	for i, d := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	b.WriteByte('.')
	if cents%100 < 10 {
		b.WriteByte('0')
	}
	b.WriteString(strconv.FormatUint(cents%100, 10))
	return b.String()
}

// ToCents rounds amounts to cents so that they still come to their total, rounded: what rounding leaves goes to the largest remainders,
// the first of equal ones. Amounts that do not come to total are rounded each on its own, for no cent of theirs may be made up.
func ToCents(amounts []MicroUSD, total MicroUSD) []MicroUSD {
	const cent = USD / 100
	nearest := func(m MicroUSD) MicroUSD { // away from zero, as String does
		if m < 0 {
			return -((-m + cent/2) / cent * cent)
		}
		return (m + cent/2) / cent * cent
	}
	out, order := make([]MicroUSD, len(amounts)), make([]int, len(amounts))
	var sum MicroUSD
	for k, m := range amounts {
		out[k], sum = nearest(m), sum+m
	}
	if sum != total {
		return out
	}
	left := nearest(total)
	for k, m := range amounts {
		if out[k] = m / cent * cent; out[k] > m {
			out[k] -= cent
		}
		order[k], left = k, left-out[k]
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(amounts[b]-out[b], amounts[a]-out[a]) })
	for _, k := range order[:min(max(left/cent, 0), MicroUSD(len(order)))] { // outside of this only where a sum overflows
		out[k] += cent
	}
	return out
}

func abs(m MicroUSD) uint64 {
	if m < 0 {
		return uint64(-(m + 1)) + 1 //nolint:gosec // -(m + 1) is not negative, even for the least m
	}
	return uint64(m)
}

// PriceSource says where a price comes from, best first.
type PriceSource string

// The sources of prices.
const (
	PriceEffective PriceSource = "effective" // list price scaled by what is really paid (Cost Explorer, amortised)
	PriceSpot      PriceSource = "spot"      // the Spot price of the type in the zone
	PriceList      PriceSource = "list"      // the public list price, from the Pricing API
	PriceEmbedded  PriceSource = "embedded"  // the public list price that came with this version, dated
	PriceUnknown   PriceSource = ""          // nobody knows: no dollar may be said
)

// PriceBasis says what stands behind a price.
type PriceBasis struct {
	Source PriceSource `json:"source"`
	AsOf   time.Time   `json:"as_of,omitzero"`
	Ratio  float64     `json:"ratio,omitempty"` // effective over list; 0 where what is paid is not known
	// Covered is the share in [0,1] of such usage that Savings Plans and reservations pay for: what is freed saves money only
	// once it is more than what they still cover. 0 where nothing is covered or nothing is known.
	Covered float64 `json:"covered,omitempty"`
	Note    string  `json:"note,omitempty"` // "Savings Plans cover 70 %": what a person should know of it
}

// NodePrice is what a node costs while it runs. CPUHour times its cores, GiBHour times its memory and GPUHour times its GPUs come to
// PerHour, but for rounding.
type NodePrice struct {
	PerHour MicroUSD   `json:"per_hour"`
	CPUHour MicroUSD   `json:"cpu_hour"`           // of one vCPU
	GiBHour MicroUSD   `json:"gib_hour"`           // of one GiB of memory
	GPUHour MicroUSD   `json:"gpu_hour,omitempty"` // of one GPU; 0 without
	Basis   PriceBasis `json:"basis"`
}

// VolumePrice is what a block volume costs as it is, and what a snapshot of all of it would.
type VolumePrice struct {
	PerMonth         MicroUSD   `json:"per_month"`          // size, IOPS and throughput
	SnapshotPerMonth MicroUSD   `json:"snapshot_per_month"` // of the whole size, which is the most that a snapshot can cost
	Basis            PriceBasis `json:"basis"`
}
