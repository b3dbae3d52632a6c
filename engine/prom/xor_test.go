package prom

import (
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// naive reads a chunk bit by bit, as Prometheus' own reader does: what the fast one is held against.
func naive(data []byte) (at []int64, values []float64, err error) {
	if len(data) < 2 {
		return nil, nil, errChunk
	}
	n, pos := int(binary.BigEndian.Uint16(data)), 16
	short := false
	bits := func(n int) (v uint64) {
		for range n {
			if pos >= 8*len(data) {
				short = true
				return 0
			}
			v = v<<1 | uint64(data[pos/8]>>(7-pos%8))&1
			pos++
		}
		return v
	}
	varint := func() (v uint64) {
		for shift := 0; ; shift += 7 {
			b := bits(8)
			if short || shift == 63 && b > 1 || shift > 63 {
				short = true
				return 0
			}
			v |= b & 127 << shift
			if b < 128 {
				return v
			}
		}
	}
	var now, delta int64
	var value uint64
	lead, size := 0, 64
	for i := range n {
		switch i {
		case 0:
			u := varint()
			now = int64(u>>1) ^ -int64(u&1)
			value = bits(64)
		case 1:
			u := varint()
			if u > math.MaxInt64 {
				return nil, nil, errChunk
			}
			delta = int64(u)
		default:
			width := 0
			for _, w := range []int{14, 17, 20, 64} {
				if bits(1) == 0 {
					break
				}
				width = w
			}
			if width > 0 {
				v := int64(bits(width))
				if width < 64 && v > 1<<(width-1) {
					v -= 1 << width
				}
				delta += v
			}
		}
		if i > 0 {
			now += delta
			if bits(1) == 1 {
				if bits(1) == 1 {
					lead, size = int(bits(5)), int(bits(6))
					if size == 0 {
						size = 64
					}
					if lead+size > 64 {
						return nil, nil, errChunk
					}
				}
				value ^= bits(size) << (64 - lead - size)
			}
		}
		if short {
			return nil, nil, errChunk
		}
		at, values = append(at, now), append(values, math.Float64frombits(value))
	}
	return at, values, nil
}

// bitWriter writes chunks in the plainest way that the format has.
type bitWriter struct {
	out  []byte
	free int
}

func (w *bitWriter) bits(v uint64, n int) {
	for n--; n >= 0; n-- {
		if w.free == 0 {
			w.out, w.free = append(w.out, 0), 8
		}
		w.free--
		w.out[len(w.out)-1] |= byte(v>>n&1) << w.free
	}
}

// chunkOf writes a chunk; wide is how many bits a change of the distance in time takes (14, 17, 20 or 64), which must hold it.
func chunkOf(wide int, at []int64, values []float64) []byte {
	out := binary.BigEndian.AppendUint16(nil, uint16(len(at)))
	w := &bitWriter{}
	for i := range at {
		v := math.Float64bits(values[i])
		switch i {
		case 0:
			out = binary.BigEndian.AppendUint64(binary.AppendVarint(out, at[0]), v)
			continue
		case 1:
			out = binary.AppendUvarint(out, uint64(at[1]-at[0]))
		default:
			change := (at[i] - at[i-1]) - (at[i-1] - at[i-2])
			switch {
			case change == 0 && wide < 64:
				w.bits(0, 1)
			case wide < 64:
				ones := (wide - 11) / 3
				w.bits(1<<(ones+1)-2, ones+1)
				w.bits(uint64(change), wide)
			default:
				w.bits(0b1111, 4)
				w.bits(uint64(change), 64)
			}
		}
		if before := math.Float64bits(values[i-1]); before == v {
			w.bits(0, 1)
		} else {
			w.bits(0b11, 2)
			w.bits(0, 5)
			w.bits(0, 6) // 64 of them
			w.bits(before^v, 64)
		}
	}
	return append(out, w.out...)
}

// TestXORReadsWhatIsWritten plays chunks of every width that a time can have.
func TestXORReadsWhatIsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		wide := rapid.SampledFrom([]int{14, 17, 20, 64}).Draw(t, "wide")
		most := min(int64(1)<<(wide-1)-1, 1<<40)
		n := rapid.IntRange(0, 300).Draw(t, "samples")
		at, values := make([]int64, n), make([]float64, n)
		now, delta := rapid.Int64Range(-1<<50, 1<<50).Draw(t, "start"), int64(30_000)
		for i := range n {
			if rapid.Bool().Draw(t, "odd") {
				delta += rapid.Int64Range(max(-most, -delta+1), most).Draw(t, "change")
			}
			at[i] = now
			now += delta
			values[i] = math.Float64frombits(rapid.Uint64().Draw(t, "value"))
			if i > 0 && rapid.Bool().Draw(t, "same") {
				values[i] = values[i-1]
			}
		}
		var x xor
		if err := x.read(chunkOf(wide, at, values)); err != nil {
			t.Fatal(err)
		}
		same := func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) }
		if !slices.Equal(x.at, at) || !slices.EqualFunc(x.value, values, same) {
			t.Fatalf("%v %v, want %v %v", x.at, x.value, at, values)
		}
	})
}

// FuzzXOR holds the reader against the naive one: of any bytes they read the same samples, or both refuse them.
func FuzzXOR(f *testing.F) {
	at := []int64{1_780_000_000_000, 1_780_000_030_000, 1_780_000_060_001, 1_780_000_090_000, 1_780_000_190_000}
	for _, wide := range []int{17, 20, 64} {
		f.Add(chunkOf(wide, at, []float64{1, 1, math.Pi, -1e300, math.NaN()}))
	}
	f.Add([]byte{0, 0})
	f.Add([]byte{255, 255, 0})
	f.Add(append(chunkOf(20, at[:2], []float64{1, 2}), 1, 2, 3))
	f.Add([]byte("\x00\x030000000000\xb70\xdf\xfd0"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var x xor
		got := x.read(data)
		times, values, want := naive(data)
		if (got == nil) != (want == nil) {
			t.Fatalf("%v, want %v", got, want)
		}
		if got != nil {
			if !errors.Is(got, errChunk) {
				t.Fatal(got)
			}
			return
		}
		for i := range times {
			if x.at[i] != times[i] || math.Float64bits(x.value[i]) != math.Float64bits(values[i]) {
				t.Fatalf("sample %d: %d %v, want %d %v", i, x.at[i], x.value[i], times[i], values[i])
			}
		}
		if len(x.at) != len(times) || len(x.value) != len(times) {
			t.Fatalf("%d samples, want %d", len(x.at), len(times))
		}
	})
}

func BenchmarkXOR(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	at, values := make([]int64, 120), make([]float64, 120)
	for i := range at {
		at[i] = 1_780_000_000_000 + int64(i)*30_000
		values[i] = float64(i)*12.5 + rng.Float64()
	}
	data := chunkOf(17, at, values)
	var x xor
	for b.Loop() {
		if err := x.read(data); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/120, "ns/sample")
}
