package prom

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/snappy"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/eks-autopilot/autopilot/engine"
)

// Prometheus' remote read (POST /api/v1/read) can send the chunks of its storage as they are. That costs it a copy, where a query
// decodes and walks each sample, and it holds one frame of them at a time. Only Prometheus and a few others have it: errNoChunks
// says that a query has to do instead.
//
// The protocol is prometheus/prompb (remote.proto and types.proto), by hand, for its module cannot be had without all of Prometheus.

// errNoChunks means that chunks are not to be had here.
var errNoChunks = errors.New("no chunks are to be had")

const (
	chunksType = "application/x-streamed-protobuf" // of the answer
	maxFrame   = 16 << 20                          // bytes; Prometheus makes them of 1 MiB unless it is told otherwise
	maxSeries  = 64 << 10                          // bytes of the labels of a series
	wholeXOR   = 1                                 // the encoding of a chunk that we read, and the type of answer that we take
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// operators are the types of a matcher in remote read.
var operators = map[string]uint64{"=": 0, "!=": 1, "=~": 2, "!~": 3}

// chunks reads the samples of the series that match and lie on or before the times of a grid, by no more than a step before the
// first, and puts them onto it: see sieve. row gives the place of each series, or nil to pass over it. It gives how many samples
// there were, and fails as get does, and with errNoChunks.
func (a *asker) chunks(ctx context.Context, m matchers, g grid, highest bool, row func(labelSet) []float64) (samples int64, err error) {
	err = a.ask(ctx, true, func() (answer, error) {
		resp, err := a.open(ctx, m, g.first.Add(-g.step), g.last())
		if err != nil {
			return answer{}, err
		}
		defer resp.Body.Close()
		f := newFrames(resp.Body, g, highest, m, row)
		err = f.all()
		samples = f.out.total
		return f.out, err
	})
	return samples, err
}

// open asks for chunks.
func (a *asker) open(ctx context.Context, m matchers, from, to time.Time) (*http.Response, error) {
	body := snappy.Encode(nil, readRequest(m, from, to))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url+"/api/v1/read", bytes.NewReader(body))
	if err != nil {
		return nil, engine.Wrap(engine.Invalid, err, "the histories cannot be asked for")
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	req.Header.Set("Content-Encoding", "snappy")
	req.Header.Set("X-Prometheus-Remote-Read-Version", "0.1.0")
	req.Header.Set("Accept-Encoding", "identity") // it is compressed as it is
	resp, err := a.client.Do(req)
	if err != nil {
		return nil, away(err)
	}
	a.sawClock(resp)
	if resp.StatusCode == http.StatusOK {
		if kind, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";"); kind != chunksType {
			_ = resp.Body.Close()
			return nil, fmt.Errorf("%w: the answer is %q", errNoChunks, kind)
		}
		return resp, nil
	}
	defer resp.Body.Close()
	said, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	if err != nil {
		return nil, away(err)
	}
	err = failed(resp, said)
	if resp.StatusCode < 500 && !errors.Is(err, errTooMuch) || resp.StatusCode == http.StatusNotImplemented {
		err = fmt.Errorf("%w: %w", errNoChunks, err)
	}
	return nil, err
}

// readRequest is a prompb.ReadRequest of one query that takes chunks and nothing else.
func readRequest(m matchers, from, to time.Time) []byte {
	var query []byte
	number := func(b []byte, field protowire.Number, v uint64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), v)
	}
	text := func(b []byte, field protowire.Number, v string) []byte {
		return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), v)
	}
	query = number(query, 1, uint64(from.UnixMilli())) //nolint:gosec // two's complement, as the format has it
	query = number(query, 2, uint64(to.UnixMilli()))   //nolint:gosec // the same
	for _, t := range m {
		query = text(query, 3, string(text(text(number(nil, 1, operators[t.operator]), 2, t.label), 3, t.value)))
	}
	return number(text(nil, 1, string(query)), 2, wholeXOR)
}

// frames reads an answer: frames, each with its length, its checksum and a part of one series.
type frames struct {
	in     *bufio.Reader
	sieve  sieve
	row    func(labelSet) []float64
	wanted map[string]string // labels that every series must have
	out    answer

	frame   []byte
	series  []byte // the labels of the series that is read, as they came
	labels  []byte // of the part
	strings map[string]string
	chunk   xor
}

func newFrames(body io.Reader, g grid, highest bool, m matchers, row func(labelSet) []float64) *frames {
	f := &frames{
		in: bufio.NewReaderSize(body, 1<<16), sieve: sieve{grid: g, highest: highest}, row: row, wanted: map[string]string{}, strings: map[string]string{},
	}
	f.sieve.begin(nil)
	for _, t := range m {
		if t.operator == "=" {
			f.wanted[t.label] = t.value
		}
	}
	return f
}

// all reads all frames.
func (f *frames) all() error {
	for {
		err := f.next()
		if errors.Is(err, io.EOF) {
			f.sieve.close()
			return nil
		}
		if err != nil {
			return err
		}
		before := f.out.total
		if err := f.message(f.frame); err != nil {
			return fmt.Errorf("%w: %w", errNoChunks, err)
		}
		f.out.peak = max(f.out.peak, f.out.total-before)
	}
}

// next reads a frame. It gives io.EOF where an answer may end.
func (f *frames) next() error {
	head, err := f.in.Peek(binary.MaxVarintLen64)
	if len(head) == 0 {
		if errors.Is(err, io.EOF) {
			return io.EOF
		}
		return away(err)
	}
	size, n := binary.Uvarint(head)
	switch {
	case n == 0 && err != nil:
		return away(short(err))
	case n <= 0 || size > maxFrame:
		return fmt.Errorf("%w: a frame of %d bytes", errNoChunks, size)
	}
	_, err = f.in.Discard(n)
	var sum [4]byte
	if err == nil {
		_, err = io.ReadFull(f.in, sum[:])
	}
	// What is not there takes no memory, whatever the length says.
	f.frame = f.frame[:0]
	for err == nil && uint64(len(f.frame)) < size {
		n, more := len(f.frame), int(min(size-uint64(len(f.frame)), 1<<20))
		f.frame = slices.Grow(f.frame, more)[:n+more]
		_, err = io.ReadFull(f.in, f.frame[n:])
	}
	switch {
	case err != nil:
		return away(short(err))
	case crc32.Checksum(f.frame, castagnoli) != binary.BigEndian.Uint32(sum[:]):
		return fmt.Errorf("%w: a frame with a wrong checksum", errNoChunks)
	}
	return nil
}

// fields gives the fields of a message that are bytes.
func fields(message []byte, yield func(field protowire.Number, value []byte) error) error {
	for len(message) > 0 {
		field, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return protowire.ParseError(n)
		}
		message = message[n:]
		if n = protowire.ConsumeFieldValue(field, kind, message); n < 0 {
			return protowire.ParseError(n)
		}
		if kind == protowire.BytesType {
			value, _ := protowire.ConsumeBytes(message[:n])
			if err := yield(field, value); err != nil {
				return err
			}
		}
		message = message[n:]
	}
	return nil
}

// message reads a prompb.ChunkedReadResponse.
func (f *frames) message(m []byte) error {
	return fields(m, func(field protowire.Number, value []byte) error {
		if field != 1 {
			return nil
		}
		return f.part(value)
	})
}

// part reads a prompb.ChunkedSeries: the labels of a series, and some of its chunks. One that does not fit into a frame goes on in
// the next.
func (f *frames) part(m []byte) error {
	f.labels = f.labels[:0]
	err := fields(m, func(field protowire.Number, value []byte) error {
		if field == 1 {
			f.labels = protowire.AppendBytes(f.labels, value)
		}
		if len(f.labels) > maxSeries {
			return errors.New("a series with too many labels")
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(f.series) == 0 || !bytes.Equal(f.labels, f.series) {
		if err := f.turn(); err != nil {
			return err
		}
	}
	return fields(m, func(field protowire.Number, value []byte) error {
		if field != 2 {
			return nil
		}
		return f.samples(value)
	})
}

// turn ends a series and begins the one whose labels have come.
func (f *frames) turn() error {
	f.sieve.close()
	f.series = append(f.series[:0], f.labels...)
	var set labelSet
	missing := len(f.wanted)
	for rest := f.labels; len(rest) > 0; {
		label, n := protowire.ConsumeBytes(rest)
		rest = rest[n:]
		var name, value []byte
		err := fields(label, func(field protowire.Number, v []byte) error {
			switch int(field) {
			case 1:
				name = v
			case 2:
				value = v
			}
			return nil
		})
		if err != nil {
			return err
		}
		if want, ok := f.wanted[string(name)]; ok && want == string(value) {
			missing--
		}
		if i, ok := labelNames[string(name)]; ok {
			same, known := f.strings[string(value)]
			if !known {
				same = string(value)
				f.strings[same] = same
			}
			set[i] = same
		}
	}
	// Prometheus leaves out a matcher that all of its series have by its external labels, and then sends those too that have
	// another value of their own.
	var row []float64
	if missing == 0 {
		row = f.row(set)
	}
	f.sieve.begin(row)
	return nil
}

// samples reads a prompb.Chunk.
func (f *frames) samples(m []byte) error {
	encoding := uint64(0)
	var data []byte
	for rest := m; len(rest) > 0; {
		field, kind, n := protowire.ConsumeTag(rest)
		if n < 0 {
			return protowire.ParseError(n)
		}
		rest = rest[n:]
		if n = protowire.ConsumeFieldValue(field, kind, rest); n < 0 {
			return protowire.ParseError(n)
		}
		switch {
		case field == 3 && kind == protowire.VarintType:
			encoding, _ = protowire.ConsumeVarint(rest)
		case field == 4 && kind == protowire.BytesType:
			data, _ = protowire.ConsumeBytes(rest)
		}
		rest = rest[n:]
	}
	if encoding != wholeXOR {
		return fmt.Errorf("a chunk of encoding %d", encoding)
	}
	if err := f.chunk.read(data); err != nil {
		return err
	}
	f.out.total += int64(len(f.chunk.at))
	return f.sieve.take(f.chunk.at, f.chunk.value)
}
