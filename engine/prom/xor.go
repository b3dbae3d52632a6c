package prom

import (
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"slices"
)

// xor reads chunks of Prometheus' storage, each some samples in Gorilla's encoding: times by how their distance changes, and values
// by the bits in which they differ from the one before. A chunk is the number of its samples in two bytes, the first sample's time
// and value in whole bytes, and the distance to the second; what follows are bits.
type xor struct {
	at    []int64 // milliseconds, of the samples of the last chunk
	value []float64

	padded []byte
}

var errChunk = errors.New("a chunk is damaged")

const margin = 40 // bytes that may be looked at behind the end of a chunk while one sample is read

// read reads a chunk. Its samples are good until the next. A chunk that ends too early, or is none, gives an error and no more.
func (x *xor) read(data []byte) error {
	x.at, x.value = x.at[:0], x.value[:0]
	if len(data) < 2 {
		return errChunk
	}
	n := int(binary.BigEndian.Uint16(data))
	data = data[2:]
	if n == 0 {
		return nil
	}
	at, size := binary.Varint(data)
	if size <= 0 || len(data) < size+8 {
		return errChunk
	}
	value := binary.BigEndian.Uint64(data[size:])
	x.at, x.value = append(x.at, at), append(x.value, math.Float64frombits(value))
	data = data[size+8:]
	if n == 1 {
		return nil
	}
	delta, size := binary.Uvarint(data)
	if size <= 0 || delta > math.MaxInt64 || n-2 > 4*len(data) { // a sample has two bits at least
		return errChunk
	}
	x.padded = append(append(x.padded[:0], data[size:]...), make([]byte, margin)...)
	x.at, x.value = slices.Grow(x.at, n)[:n], slices.Grow(x.value, n)[:n]
	return x.rest(at, int64(delta), value)
}

// fill fills a word up with the bits of in that come next: there of them are in it, from the highest down, 56 at least when it is
// done. What it has beyond those is what comes next anyway.
func fill(in []byte, word uint64, there uint, next int) (uint64, uint, int) {
	return word | binary.BigEndian.Uint64(in[next:])>>(there&63), there | 56, next + int(63-there)>>3
}

// rest reads the samples behind the first.
func (x *xor) rest(at, delta int64, value uint64) error {
	in, ats, values := x.padded, x.at, x.value[:len(x.at)]
	end := 8 * (len(in) - margin)
	var word uint64
	var there uint
	next := 0
	differ, trail := uint(64), uint(0) // bits in which a value differs from the one before, and zeros behind them
	for i := 1; i < len(ats); i++ {
		word, there, next = fill(in, word, there, next)
		switch {
		case i == 1:
		case word>>63 == 0:
			word <<= 1
			there--
		case word>>60 == 0b1111:
			change := word << 4 >> 32 << 32
			word, there, next = fill(in, word<<36, there-36, next)
			delta += int64(change | word>>32) //nolint:gosec // two's complement
			word <<= 32
			there -= 32
		default:
			ones := uint(bits.LeadingZeros64(^word)) // 1 to 3
			size := 11 + 3*ones
			change := int64(word << (ones + 1) >> (64 - size)) //nolint:gosec // 20 bits at most
			if change > 1<<(size-1) {
				change -= 1 << size
			}
			delta += change
			word <<= ones + 1 + size
			there -= ones + 1 + size
		}
		at += delta
		if word>>63 == 0 {
			word <<= 1
			there--
		} else {
			if word>>62 == 0b11 {
				lead := uint(word>>57) & 31
				differ = uint(word>>51) & 63
				if differ == 0 {
					differ = 64 // which six bits do not hold
				}
				if lead+differ > 64 {
					return errChunk
				}
				trail = 64 - lead - differ
				word <<= 13
				there -= 13
			} else {
				word <<= 2
				there -= 2
			}
			word, there, next = fill(in, word, there, next)
			if differ <= 56 {
				value ^= word >> (64 - differ) << trail
				word <<= differ
				there -= differ
			} else {
				change := word >> 32 << 32
				word, there, next = fill(in, word<<32, there-32, next)
				value ^= (change | word>>32) >> (64 - differ) << trail
				word <<= differ - 32
				there -= differ - 32
			}
		}
		if 8*next-int(there) > end {
			return errChunk
		}
		ats[i], values[i] = at, math.Float64frombits(value)
	}
	return nil
}
