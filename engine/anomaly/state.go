package anomaly

import (
	"bytes"
	"encoding/binary"

	"github.com/eks-autopilot/autopilot/engine"
)

// stateVersion is the first byte of a kept detector.
const stateVersion = 1

// kept is what of a detector is kept, in the order of its fields; all of them have a fixed size.
type kept struct {
	N               uint32
	Last, QuietTill int64
	At, Count       uint8
	Recent          [window]float32
	Pasts           [3]keptPast
	Spreads         keptSpreads
	Hours           keptHours
	Shapes          keptShapes
}

type keptPast struct {
	Block   int64
	Lo, Hi  [blocks]float32
	Some    [blocks]bool
	Started bool
}

type keptSpreads struct {
	At, Full uint8
	N        [parts]uint16
	Mean, M2 [parts]float32
}

type keptHours struct {
	Day, Since int64
	Lo, Hi     [3][hoursOfDay]float32
	Some       [3][hoursOfDay]bool
	Days       [hoursOfDay]uint8
}

type keptShapes struct {
	Lo, Hi float32
	N      uint8
	Times  [known]uint16
	Share  [known][bins]float32
}

// MarshalBinary gives all that a detector knows, in less than 2 KiB. It never fails.
func (d *Detector) MarshalBinary() ([]byte, error) {
	k := kept{N: d.n, Last: d.last, QuietTill: d.quietTill, At: d.recent.at, Count: d.recent.n, Recent: d.recent.vals}
	for i, p := range []*past{&d.value, &d.level, &d.spread} {
		k.Pasts[i] = keptPast{Block: p.block, Lo: p.lo, Hi: p.hi, Some: p.some, Started: p.started}
	}
	k.Spreads.At, k.Spreads.Full = d.spreads.at, d.spreads.full
	for i, m := range d.spreads.part {
		k.Spreads.N[i], k.Spreads.Mean[i], k.Spreads.M2[i] = m.n, m.mean, m.m2
	}
	k.Hours.Day, k.Hours.Since, k.Hours.Days = d.hours.day, d.hours.since, d.hours.days
	for i, part := range []*[hoursOfDay]extent{&d.hours.today, &d.hours.newer, &d.hours.older} {
		for h, e := range part {
			k.Hours.Lo[i][h], k.Hours.Hi[i][h], k.Hours.Some[i][h] = e.lo, e.hi, e.some
		}
	}
	k.Shapes.Lo, k.Shapes.Hi, k.Shapes.N = d.shapes.lo, d.shapes.hi, d.shapes.n
	for i, s := range d.shapes.seen {
		k.Shapes.Times[i], k.Shapes.Share[i] = s.times, s.share
	}
	return binary.Append([]byte{stateVersion}, binary.LittleEndian, k)
}

// UnmarshalBinary makes a detector what MarshalBinary was called on, but for its Alarm. It fails with engine.Invalid, and changes
// nothing, for what is not the state of a detector; then its series is to be read anew.
func (d *Detector) UnmarshalBinary(data []byte) error {
	var k kept
	if len(data) != 1+binary.Size(k) || data[0] != stateVersion {
		return engine.Errorf(engine.Invalid, "%d bytes are not the state of a detector of version %d", len(data), stateVersion)
	}
	if err := binary.Read(bytes.NewReader(data[1:]), binary.LittleEndian, &k); err != nil {
		return engine.Wrap(engine.Invalid, err, "the state of a detector cannot be read")
	}
	if k.At >= window || k.Count > window || k.Spreads.At >= parts || k.Spreads.Full >= parts || k.Shapes.N > known {
		return engine.Errorf(engine.Invalid, "the state of a detector is out of bounds")
	}
	for _, p := range k.Pasts {
		if p.Block < 0 {
			return engine.Errorf(engine.Invalid, "the state of a detector is out of bounds")
		}
	}
	fresh := Detector{Alarm: d.Alarm, n: k.N, last: k.Last, quietTill: k.QuietTill, recent: ring{at: k.At, n: k.Count, vals: k.Recent}}
	for i, p := range []*past{&fresh.value, &fresh.level, &fresh.spread} {
		from := k.Pasts[i]
		*p = past{block: from.Block, lo: from.Lo, hi: from.Hi, some: from.Some, started: from.Started}
	}
	fresh.spreads.at, fresh.spreads.full = k.Spreads.At, k.Spreads.Full
	for i := range fresh.spreads.part {
		fresh.spreads.part[i] = moments{n: min(k.Spreads.N[i], partOf), mean: k.Spreads.Mean[i], m2: k.Spreads.M2[i]}
	}
	fresh.hours.day, fresh.hours.since, fresh.hours.days = k.Hours.Day, k.Hours.Since, k.Hours.Days
	for i, part := range []*[hoursOfDay]extent{&fresh.hours.today, &fresh.hours.newer, &fresh.hours.older} {
		for h := range part {
			part[h] = extent{lo: k.Hours.Lo[i][h], hi: k.Hours.Hi[i][h], some: k.Hours.Some[i][h]}
		}
	}
	fresh.shapes.lo, fresh.shapes.hi, fresh.shapes.n = k.Shapes.Lo, k.Shapes.Hi, k.Shapes.N
	for i := range fresh.shapes.seen {
		fresh.shapes.seen[i].times = k.Shapes.Times[i]
		fresh.shapes.seen[i].set(k.Shapes.Share[i])
	}
	*d = fresh
	return nil
}
