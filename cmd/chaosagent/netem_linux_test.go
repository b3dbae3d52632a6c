package main

import (
	"bytes"
	"encoding/hex"
	"slices"
	"testing"
	"time"
)

// What tc of iproute2 6.1 sends on a machine of the same byte order as most: tc qdisc add dev d0 root netem delay 200ms 20ms loss 10%, and
// tbf rate 1mbit burst 5000 limit 30000.
const (
	tcNetem = "08af2f00" + "e8030000" + "9a999919" + "00000000" + "00000000" + "b4c40400"
	tcTBF   = "0301" + "0000ffff0000" + "48e80100" + "000000000000000000000000" + "30750000" + "6889090000000000"
)

func decode(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestNetemIsAskedForAsTCDoes(t *testing.T) {
	want, got := decode(t, tcNetem), netemOptions(200*time.Millisecond, 20*time.Millisecond, 10)
	copy(want[4:8], got[4:8]) // how many may wait is ours to choose
	if !bytes.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
	if all := netemOptions(0, 0, 100); !bytes.Equal(all[8:12], []byte{255, 255, 255, 255}) {
		t.Errorf("a loss of all is %x", all[8:12])
	}
}

func TestTheTokenBucketIsAskedForAsTCDoes(t *testing.T) {
	want, got := decode(t, tcTBF), tbfOptions(1_000_000, 1500)
	if len(got) != attrHeader+len(want)+2*attrHeader {
		t.Fatalf("%d bytes: %x", len(got), got)
	}
	parms := got[attrHeader : attrHeader+len(want)]
	if parms[1] != want[1] || !bytes.Equal(parms[8:24], want[8:24]) {
		t.Errorf("%x, want %x", parms, want)
	}
	for rate, burst := range map[int64]uint32{100_000: 2 * 1514, 1_000_000: 2 * 1514, 100_000_000: 125_000, 1_000_000_000: 1_250_000} {
		got := tbfOptions(rate, 1500)
		if b := number(got[len(got)-4:]); b != burst {
			t.Errorf("at %d bits a second %d bytes may flow at once, want %d", rate, b, burst)
		}
		if limit := number(got[attrHeader+24:]); limit < burst+16*1514 {
			t.Errorf("at %d bits a second %d bytes may wait", rate, limit)
		}
	}
	// From 34 Gbit/s on the bytes a second need a number of their own.
	if got := tbfOptions(40_000_000_000, 1500); !bytes.Contains(got, []byte{12, 0, tbfRate64, 0}) {
		t.Errorf("40 Gbit/s: %x", got)
	}
}

func number(b []byte) uint32 {
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}

func TestWhatIsDueFirstGoesFirst(t *testing.T) {
	var d deadlines
	start := time.Unix(1, 0)
	for i, after := range []time.Duration{3, 1, 2, 1} {
		d.add(start.Add(after*time.Second), uint32(i))
	}
	if next, ok := d.next(); !ok || !next.Equal(start.Add(time.Second)) {
		t.Errorf("the next is due at %v", next)
	}
	var order []uint32
	for id, ok := d.due(start.Add(2*time.Second), false); ok; id, ok = d.due(start.Add(2*time.Second), false) {
		order = append(order, id)
	}
	if want := []uint32{1, 3, 2}; !slices.Equal(order, want) {
		t.Errorf("due are %v, want %v", order, want)
	}
	if id, ok := d.due(start, true); !ok || id != 0 {
		t.Errorf("at the end packet %d goes, %v", id, ok)
	}
}
