package block

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// chunk is up to 120 samples in Gorilla's encoding: times by the change of their distance, values by what differs in their bits.
type chunk struct {
	n           int
	first, last int64 // milliseconds
	delta       int64
	value       uint64
	lead, trail int // of the last value written whole; lead is -1 when there was none

	out  []byte
	free int // bits that are not used of the last byte of out
}

func (c *chunk) reset() {
	*c = chunk{lead: -1, out: append(c.out[:0], 0, 0)}
}

// bytes is the encoded chunk. It is good until reset.
func (c *chunk) bytes() []byte {
	binary.BigEndian.PutUint16(c.out, uint16(c.n))
	return c.out
}

// write appends the lowest n bits of v, the highest of them first.
func (c *chunk) write(v uint64, n int) {
	for n > 0 {
		if c.free == 0 {
			c.out = append(c.out, 0)
			c.free = 8
		}
		take := min(n, c.free)
		part := v >> (n - take) & (1<<take - 1)
		c.out[len(c.out)-1] |= byte(part << (c.free - take))
		c.free -= take
		n -= take
	}
}

func (c *chunk) writeBytes(b []byte) {
	for _, x := range b {
		c.write(uint64(x), 8)
	}
}

func (c *chunk) add(t int64, v float64) {
	bitsOf := math.Float64bits(v)
	switch c.n {
	case 0:
		c.first = t
		c.writeBytes(binary.AppendVarint(nil, t))
		c.write(bitsOf, 64)
	case 1:
		c.delta = t - c.last
		c.writeBytes(binary.AppendUvarint(nil, uint64(c.delta)))
		c.writeValue(bitsOf)
	default:
		delta := t - c.last
		c.writeTime(delta - c.delta)
		c.delta = delta
		c.writeValue(bitsOf)
	}
	c.last, c.value = t, bitsOf
	c.n++
}

func (c *chunk) writeTime(d int64) {
	fits := func(n int) bool { return -(1<<(n-1)-1) <= d && d <= 1<<(n-1) }
	switch {
	case d == 0:
		c.write(0, 1)
	case fits(14):
		c.write(0b10, 2)
		c.write(uint64(d), 14)
	case fits(17):
		c.write(0b110, 3)
		c.write(uint64(d), 17)
	case fits(20):
		c.write(0b1110, 4)
		c.write(uint64(d), 20)
	default:
		c.write(0b1111, 4)
		c.write(uint64(d), 64)
	}
}

func (c *chunk) writeValue(v uint64) {
	x := v ^ c.value
	if x == 0 {
		c.write(0, 1)
		return
	}
	c.write(1, 1)
	lead, trail := min(bits.LeadingZeros64(x), 31), bits.TrailingZeros64(x)
	if c.lead >= 0 && lead >= c.lead && trail >= c.trail {
		c.write(0, 1)
		c.write(x>>c.trail, 64-c.lead-c.trail)
		return
	}
	c.lead, c.trail = lead, trail
	significant := 64 - lead - trail
	c.write(1, 1)
	c.write(uint64(lead), 5)
	c.write(uint64(significant), 6) // 64 overflows to 0, which is how it is told
	c.write(x>>trail, significant)
}
