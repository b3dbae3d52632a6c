package prom

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"log/slog"
	"math"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/klauspost/compress/snappy"
	"google.golang.org/protobuf/encoding/protowire"
)

func field(b []byte, n protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, n, protowire.BytesType), v)
}

// seriesOf is a prompb.ChunkedSeries.
func seriesOf(encoding uint64, chunks [][]byte, labels ...string) (m []byte) {
	for i := 0; i < len(labels); i += 2 {
		m = field(m, 1, field(field(nil, 1, []byte(labels[i])), 2, []byte(labels[i+1])))
	}
	for _, c := range chunks {
		m = field(m, 2, field(protowire.AppendVarint(protowire.AppendTag(nil, 3, protowire.VarintType), encoding), 4, c))
	}
	return m
}

// frameOf is a frame of an answer.
func frameOf(series ...[]byte) []byte {
	var m []byte
	for _, s := range series {
		m = field(m, 1, s)
	}
	out := binary.AppendUvarint(nil, uint64(len(m)))
	out = binary.BigEndian.AppendUint32(out, crc32.Checksum(m, crc32.MakeTable(crc32.Castagnoli)))
	return append(out, m...)
}

// samples are some every 30 s from a time up to another.
func samples(from, to int64, value func(at int64) float64) (chunks [][]byte) {
	var at []int64
	for t := from + 29_999 - (from+29_999)%30_000; t <= to; t += 30_000 {
		at = append(at, t)
	}
	for part := range slices.Chunk(at, 120) {
		values := make([]float64, len(part))
		for i, t := range part {
			values[i] = value(t)
		}
		chunks = append(chunks, chunkOf(17, part, values))
	}
	return chunks
}

func constant(int64) float64 { return 1 }

// read answers with the chunks of what is asked for.
func (f *faulty) read(r *http.Request) (*http.Response, error) {
	f.mu.Lock()
	n := f.reads
	f.reads++
	f.mu.Unlock()
	if f.chunks == nil {
		return answered(http.StatusNotFound, "", nil), nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if body, err = snappy.Decode(nil, body); err != nil {
		return nil, err
	}
	var times [2]int64
	var text string
	err = fields(body, func(_ protowire.Number, query []byte) error {
		for rest := query; len(rest) > 0; {
			number, kind, n := protowire.ConsumeTag(rest)
			rest = rest[n:]
			if kind == protowire.VarintType {
				v, _ := protowire.ConsumeVarint(rest)
				times[number-1] = int64(v)
			} else {
				v, _ := protowire.ConsumeBytes(rest)
				text += string(v)
			}
			rest = rest[protowire.ConsumeFieldValue(number, kind, rest):]
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	metric, value := cpuMetric, func(at int64) float64 { return float64(at) / 2000 }
	if strings.Contains(text, memoryMetric) {
		metric, value = memoryMetric, func(int64) float64 { return 100e6 }
	}
	var answer []byte
	for _, ns := range []string{"back", "shop"} {
		if strings.Contains(text, "namespace") && !strings.Contains(text, ns) {
			continue
		}
		pod := map[string]string{"shop": "web-66666ccccc-aaaaa", "back": "queue-66666ccccc-aaaaa"}[ns]
		for part := range slices.Chunk(samples(times[0], times[1], value), 50) {
			answer = append(answer, frameOf(seriesOf(wholeXOR, part, "__name__", metric, "container", "app", "namespace", ns, "pod", pod))...)
		}
	}
	took, resp, err := f.chunks(n, answer)
	select {
	case <-time.After(took):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	return resp, err
}

func answered(status int, kind string, body []byte) *http.Response {
	header := http.Header{"Content-Type": {kind}, "Date": {time.Now().UTC().Format(http.TimeFormat)}}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(bytes.NewReader(body))}
}

func whole(answer []byte) (time.Duration, *http.Response, error) {
	return time.Millisecond, answered(http.StatusOK, chunksType+"; proto=prometheus.ChunkedReadResponse", answer), nil
}

// cutOff is a body that breaks off.
type cutOff struct{ io.Reader }

func (c cutOff) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = errors.New("connection reset by peer")
	}
	return n, err
}

// TestUsageWithoutChunks wants a scan to ask for chunks once, and then to be whole by queries, whatever it is that stands in the way.
func TestUsageWithoutChunks(t *testing.T) {
	for name, tt := range map[string]struct {
		status int // 0 is no connection
		kind   string
		says   string
	}{
		"not found":       {404, "text/plain", "404"},
		"not allowed":     {405, "text/plain", "405"},
		"forbidden":       {403, "application/json", "403"},
		"not understood":  {400, "text/plain", "400"},
		"not implemented": {501, "text/plain", "501"},
		"bad gateway":     {502, "text/html", "502"},
		"samples":         {200, "application/x-protobuf", "application/x-protobuf"},
		"a page":          {200, "text/html; charset=utf-8", "text/html"},
		"no connection":   {0, "", "does not answer"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &faulty{series: 1, chunks: func(int, []byte) (time.Duration, *http.Response, error) {
					if tt.status == 0 {
						return time.Millisecond, nil, errors.New("connection refused")
					}
					return time.Millisecond, answered(tt.status, tt.kind, []byte("no")), nil
				}}
				p := f.connect(t)
				var log bytes.Buffer
				p.log = slog.New(slog.NewTextHandler(&log, nil))
				r := p.Usage(t.Context(), UsageWanted{Cluster: shop(), PeakDays: 8})
				if !strings.Contains(log.String(), "for_chunks=1 ") || !strings.Contains(log.String(), tt.says) {
					t.Errorf("the log does not tell the way: %s", log.String())
				}
				if len(r.Unread) > 0 || len(r.Gaps) > 0 || known8(r, "shop", "web") != fineSteps || known8(r, "back", "queue") != fineSteps {
					t.Fatalf("unread %v, gaps %v", r.Unread, r.Gaps)
				}
				if f.reads != 1 || r.Cost.ChunkReads != 1 || !strings.Contains(r.NoChunks, tt.says) {
					t.Errorf("asked %d times; says %q, want %q", f.reads, r.NoChunks, tt.says)
				}
			})
		})
	}
}

// TestUsageWhenChunksBreak wants what is wrong with chunks to cost no more than the queries in their place, and Prometheus to be
// left alone as much as with queries.
//
//nolint:bodyclose // the product closes what the answers here are made of
func TestUsageWhenChunksBreak(t *testing.T) {
	second := func(is func(answer []byte) []byte) func(int, []byte) (time.Duration, *http.Response, error) {
		return func(n int, answer []byte) (time.Duration, *http.Response, error) {
			if n == 2 {
				answer = is(answer)
			}
			return whole(answer)
		}
	}
	one := func(series ...[]byte) func(int, []byte) (time.Duration, *http.Response, error) {
		return second(func([]byte) []byte { return frameOf(series...) })
	}
	labels := []string{"__name__", cpuMetric, "container", "app", "namespace", "shop", "pod", "web-66666ccccc-aaaaa"}
	reset := func(answer []byte) (time.Duration, *http.Response, error) {
		took, resp, _ := whole(nil)
		resp.Body = io.NopCloser(cutOff{bytes.NewReader(answer[:len(answer)/2])})
		return took, resp, nil
	}
	for name, tt := range map[string]struct {
		chunks func(int, []byte) (time.Duration, *http.Response, error)
		says   string // "" wants chunks to the end
		least  time.Duration
		unread bool
		series int // 0 means 1
	}{
		"nothing is wrong": {chunks: func(_ int, answer []byte) (time.Duration, *http.Response, error) { return whole(answer) }},
		"an error in the place of the rest": {
			chunks: second(func(a []byte) []byte { return append(a, strings.Repeat("the storage could not be read\n", 9)...) }), says: "checksum",
		},
		"a bit that flipped": {chunks: second(func(a []byte) []byte { a[len(a)/2] ^= 4; return a }), says: "checksum"},
		"a frame that is too long": {
			chunks: second(func([]byte) []byte { return binary.AppendUvarint(nil, 1<<40) }), says: "a frame of 1099511627776 bytes",
		},
		"a length without an end": {chunks: second(func([]byte) []byte { return bytes.Repeat([]byte{255}, 12) }), says: "a frame of"},
		"no message": {chunks: second(func([]byte) []byte {
			return append(binary.BigEndian.AppendUint32([]byte{1}, crc32.Checksum([]byte{7}, castagnoli)), 7)
		}), says: "invalid field number"},
		"a histogram":   {chunks: one(seriesOf(2, [][]byte{{0, 0}}, labels...)), says: "encoding 2"},
		"a short chunk": {chunks: one(seriesOf(1, [][]byte{{0, 9, 1}}, labels...)), says: "damaged"},
		"time that goes back": {
			chunks: one(seriesOf(1, append(samples(9e9, 9e9+30_000, constant), samples(9e9, 9e9, constant)...), labels...)), says: "out of order",
		},
		"labels without an end": {chunks: one(seriesOf(1, nil, "pod", strings.Repeat("x", 1<<17))), says: "too many labels"},
		"broke off once": {
			chunks: func(n int, answer []byte) (time.Duration, *http.Response, error) {
				if n == 2 {
					return reset(answer)
				}
				return whole(answer)
			}, least: 2 * time.Second,
		},
		"breaks off always": {
			chunks: func(n int, answer []byte) (time.Duration, *http.Response, error) {
				if n > 0 {
					return reset(answer)
				}
				return whole(answer)
			}, says: "does not answer", least: 2 * time.Second,
		},
		"too much at once": {
			chunks: func(n int, answer []byte) (time.Duration, *http.Response, error) {
				if len(answer) > 150_000 {
					return time.Millisecond, answered(http.StatusRequestEntityTooLarge, "text/plain", nil), nil
				}
				return whole(answer)
			}, least: 2 * time.Second,
		},
		"is slow once": {
			chunks: func(n int, answer []byte) (time.Duration, *http.Response, error) {
				took, resp, err := whole(answer)
				return map[bool]time.Duration{true: 25 * time.Second, false: took}[n == 1], resp, err
			}, least: 25 * time.Second,
		},
		"stays slow": {
			chunks: func(_ int, answer []byte) (time.Duration, *http.Response, error) {
				_, resp, err := whole(answer)
				return 30 * time.Second, resp, err
			}, unread: true, series: 3000,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &faulty{series: max(tt.series, 1), chunks: tt.chunks}
				began := time.Now()
				r := f.connect(t).Usage(t.Context(), UsageWanted{Cluster: shop(), PeakDays: 8})
				took := time.Since(began)
				if tt.unread {
					if len(r.Unread) != 2 || len(r.Gaps) != 1 || !strings.Contains(r.Gaps[0].Reason, "stays slow") || f.reads > 6 {
						t.Errorf("unread %v, gaps %v after %d", r.Unread, r.Gaps, f.reads)
					}
					return
				}
				if len(r.Unread) > 0 || len(r.Gaps) > 0 || known8(r, "shop", "web") != fineSteps || known8(r, "back", "queue") != fineSteps || took < tt.least {
					t.Fatalf("unread %v, gaps %v, known %d after %s", r.Unread, r.Gaps, known8(r, "shop", "web"), took)
				}
				for k, u := range r.Usage {
					if peak := u.CPU.Peak(); math.Abs(peak-0.5) > 1e-6 || u.Memory.Peak() != 100e6 {
						t.Errorf("%v: %v cores and %v bytes, want half a core and 100 MB", k, peak, u.Memory.Peak())
					}
				}
				if (tt.says == "") != (r.NoChunks == "") || !strings.Contains(r.NoChunks, tt.says) {
					t.Errorf("says %q, want %q", r.NoChunks, tt.says)
				}
			})
		})
	}
}

// TestChunksOfOthers wants series to be passed over that Prometheus sends though they do not match, and a series that goes on in
// the next frame to be one, but not another one with the same container.
func TestChunksOfOthers(t *testing.T) {
	g := grid{time.UnixMilli(9_000_000_000), fineStep, 3}
	first := g.first.UnixMilli()
	one := func(at int64, v float64) [][]byte { return [][]byte{chunkOf(17, []int64{at}, []float64{v})} }
	of := func(cluster, id string, chunks [][]byte) []byte {
		return frameOf(seriesOf(1, chunks, "cluster", cluster, "container", "app", "id", id, "namespace", "shop", "pod", "web"))
	}
	body := slices.Concat(
		of("test", "a", one(first, 900)),
		of("prod", "a", one(first, 1)), of("prod", "a", one(first+60_000, 7)), of("prod", "a", one(first+240_000, 3)),
		of("prod", "b", one(first+120_000, 5)),
		frameOf(seriesOf(1, one(first, 800), "container", "app", "namespace", "shop", "pod", "web")),
		frameOf(), // nothing at all
	)
	for highest, want := range map[bool][]float64{true: {1, 7, math.NaN()}, false: {1, 5, math.NaN()}} {
		p, err := Connect(Config{URL: "http://prometheus:9090", Transport: transport(func(*http.Request) (*http.Response, error) {
			_, resp, err := whole(body)
			return resp, err
		})})
		if err != nil {
			t.Fatal(err)
		}
		a := &asker{url: p.url, client: p.long, now: time.Now, slow: slow, share: 1}
		r := newRows(g.n)
		n, err := a.chunks(t.Context(), matchers{}.is("cluster", "prod"), g, highest, r.of)
		if err != nil || n != 6 || len(r.by) != 1 {
			t.Errorf("%v, %d samples, %d rows", err, n, len(r.by))
		}
		for _, row := range r.by {
			if diff := cmp.Diff(want, row, cmpopts.EquateNaNs()); diff != "" {
				t.Errorf("highest %v: %s", highest, diff)
			}
		}
	}
}

// TestAFrameTakesNoMoreThanComes wants a length that is a lie to cost nothing.
func TestAFrameTakesNoMoreThanComes(t *testing.T) {
	var before, after runtime.MemStats
	lie := append(binary.AppendUvarint(nil, maxFrame), 1, 2, 3, 4, 5)
	runtime.ReadMemStats(&before)
	err := framesOf(lie).all()
	runtime.ReadMemStats(&after)
	if err == nil || after.TotalAlloc-before.TotalAlloc > 3<<20 {
		t.Errorf("%v; %d bytes were taken", err, after.TotalAlloc-before.TotalAlloc)
	}
}

func framesOf(body []byte) *frames {
	r := newRows(testGrid.n)
	return newFrames(bytes.NewReader(body), testGrid, true, nil, r.of)
}

// FuzzFrames wants any answer to be read or refused, with every sample where it belongs.
func FuzzFrames(f *testing.F) {
	first := testGrid.first.UnixMilli()
	good := frameOf(seriesOf(1, samples(first, first+900_000, func(at int64) float64 { return float64(at % 7) }), "namespace", "a", "pod", "b"))
	f.Add(good)
	f.Add(slices.Concat(good, good))
	f.Add(frameOf(seriesOf(3, [][]byte{{0, 0}}, "pod", "b"), nil, []byte{10, 0}))
	f.Add([]byte("\x05query"))
	f.Fuzz(func(t *testing.T, body []byte) {
		// Checksums are made right, or nothing behind them would be reached.
		var fixed []byte
		for rest := body; len(rest) > 0; {
			size, n := binary.Uvarint(rest)
			if n <= 0 || size > uint64(len(rest)) || uint64(len(rest)-n) < 4+size {
				fixed = append(fixed, rest...)
				break
			}
			m := rest[n+4 : n+4+int(size)]
			fixed = binary.AppendUvarint(fixed, size)
			fixed = append(binary.BigEndian.AppendUint32(fixed, crc32.Checksum(m, castagnoli)), m...)
			rest = rest[n+4+int(size):]
		}
		fr := framesOf(fixed)
		if err := fr.all(); err == nil && fr.out.total > 4*int64(len(fixed))+2 {
			t.Errorf("%d samples in %d bytes", fr.out.total, len(fixed))
		}
	})
}
