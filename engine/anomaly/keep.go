package anomaly

import (
	"bytes"
	"encoding/binary"
	"hash/fnv"
	"math"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// Kept is a series as the store keeps it, in less than 2 KiB.
type Kept struct {
	Key   Key
	At    time.Time // of its newest value
	State []byte
}

const (
	seriesVersion = 1
	// rounds is over how many instants the series are kept in turns: what is lost by a restart is less than an hour of a past of weeks.
	rounds = 8
)

// keptSeries is what of a series is kept beside its detector, in the order of its fields. Points are the seconds since the one before.
type keptSeries struct {
	First, Last, Learn, Since int64
	Hits, Calm, Of            uint8
	Open, Up                  bool
	Low, High, Most, Score    float32
	Revised                   uint32
	N                         uint8
	Apart                     [keptPoints]uint16
	Values                    [keptPoints]float32
}

// features are the ways in which a watched series can be strange, by the number that is kept.
var features = []Feature{"", Value, Level, Hour}

// Keep gives the series that are to be kept after an instant: an eighth of all, and those that became strange or usual.
func (w *Watch) Keep(at time.Time) []Kept {
	var out []Kept
	turn := uint32(at.Unix()/max(int64(w.rules.Interval.Seconds()), 1)) % rounds //nolint:gosec // a time of now
	for k, s := range w.series {
		if s.last != at.Unix() || turnOf(k) != turn && s.open == s.keptOpen {
			continue
		}
		s.keptOpen = s.open
		out = append(out, Kept{k, time.Unix(s.last, 0).UTC(), s.marshal()})
	}
	return out
}

func turnOf(k Key) uint32 {
	h := fnv.New32a()
	for _, part := range []string{k.Workload.Namespace, k.Workload.Kind, k.Workload.Name, string(k.Measure)} {
		_, _ = h.Write([]byte(part))
		_, _ = h.Write([]byte{0})
	}
	return h.Sum32() % rounds
}

// Load takes series up again. It gives how many could not be read; those are learned anew.
func (w *Watch) Load(all []Kept) (lost int) {
	for _, k := range all {
		s := &series{}
		if s.unmarshal(k.State) != nil {
			lost++
			continue
		}
		s.keptOpen = s.open
		w.series[k.Key] = s
	}
	return lost
}

func (s *series) marshal() []byte {
	k := keptSeries{
		First: s.first, Last: s.last, Learn: s.learn, Since: s.since, Hits: s.hits, Calm: s.calm, Open: s.open, Up: s.up,
		Low: float32(s.low), High: float32(s.high), Most: float32(s.most), Score: float32(s.score), Revised: s.revised,
	}
	for n, f := range features {
		if f == s.of {
			k.Of = uint8(n) //nolint:gosec // four
		}
	}
	points := s.recent(math.MinInt64)
	for n, p := range slices.Backward(points) {
		apart := int64(0)
		if n+1 < len(points) {
			apart = points[n+1].At - p.At
		}
		if apart > math.MaxUint16 {
			break // what is before such a gap is in no chart
		}
		k.Apart[k.N], k.Values[k.N] = uint16(apart), float32(p.Value) //nolint:gosec // bounded
		k.N++
	}
	data, _ := s.d.MarshalBinary() // never fails
	out, _ := binary.Append(append([]byte{seriesVersion}, data...), binary.LittleEndian, k)
	return out
}

func (s *series) unmarshal(data []byte) error {
	var k keptSeries
	size := binary.Size(k)
	if len(data) < 1+size || data[0] != seriesVersion {
		return engine.Errorf(engine.Invalid, "%d bytes are not the state of a series of version %d", len(data), seriesVersion)
	}
	cut := len(data) - size
	if err := s.d.UnmarshalBinary(data[1:cut]); err != nil {
		return err
	}
	if err := binary.Read(bytes.NewReader(data[cut:]), binary.LittleEndian, &k); err != nil {
		return engine.Wrap(engine.Invalid, err, "the state of a series cannot be read")
	}
	if k.N > keptPoints || int(k.Of) >= len(features) || k.First <= 0 || k.Last < k.First || k.Since < 0 {
		return engine.Errorf(engine.Invalid, "the state of a series is out of bounds")
	}
	s.first, s.last, s.learn, s.since, s.hits, s.calm, s.open, s.up = k.First, k.Last, k.Learn, k.Since, k.Hits, k.Calm, k.Open, k.Up
	s.low, s.high, s.most, s.score, s.revised, s.of = float64(k.Low), float64(k.High), float64(k.Most), float64(k.Score), k.Revised, features[k.Of]
	at := k.Last
	for n := range int(k.N) {
		at -= int64(k.Apart[n])
		s.points[k.N-1-uint8(n)] = engine.Point{At: at, Value: float64(k.Values[n])} //nolint:gosec // bounded
	}
	s.n, s.at = int(k.N), int(k.N)%keptPoints
	return nil
}
