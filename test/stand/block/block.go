// Package block writes blocks of a Prometheus' storage: histories of many days, made in seconds. Figures and tests
// load them into a real Prometheus; neither scraping nor promtool's text format would make them in time.
//
// The formats are those of Prometheus' documentation (tsdb/docs/format): chunks version 1, index version 2.
package block

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	perChunk     = 120       // samples, as Prometheus itself cuts
	segmentBytes = 512 << 20 // of a file of chunks
	chunksMagic  = 0x85BD40DD
	encodingXOR  = 1
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Label is a name and a value. A series has them sorted by name; __name__ is the metric's.
type Label struct{ Name, Value string }

// Compare orders label sets as Prometheus does.
func Compare(a, b []Label) int {
	return slices.CompareFunc(a, b, func(a, b Label) int {
		if a.Name != b.Name {
			if a.Name < b.Name {
				return -1
			}
			return 1
		}
		switch {
		case a.Value < b.Value:
			return -1
		case a.Value > b.Value:
			return 1
		}
		return 0
	})
}

// Write makes one block below dir, of samples from start up to but not at end. Series must come sorted by Compare, each with
// samples (Unix milliseconds, value) in order of time; one without samples is left out. number must differ between the blocks of
// a storage.
func Write(dir string, number int, start, end time.Time, series iter.Seq2[[]Label, iter.Seq2[int64, float64]]) error {
	id := fmt.Sprintf("01BENCH%019d", number) // a ULID, if not one of a time
	dir = filepath.Join(dir, id)
	if err := os.MkdirAll(filepath.Join(dir, "chunks"), 0o755); err != nil {
		return err
	}
	w := &writer{dir: dir}
	for labels, samples := range series {
		if err := w.series(labels, samples); err != nil {
			return err
		}
	}
	if err := w.close(); err != nil {
		return err
	}
	if err := w.index.write(filepath.Join(dir, "index")); err != nil {
		return err
	}
	meta, err := json.Marshal(map[string]any{
		"ulid": id, "minTime": start.UnixMilli(), "maxTime": end.UnixMilli(), "version": 1,
		"stats":      map[string]any{"numSamples": w.samples, "numSeries": len(w.index.series), "numChunks": w.chunks},
		"compaction": map[string]any{"level": 1, "sources": []string{id}},
	})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "meta.json"), meta, 0o644)
}

// writer writes the files of chunks, and remembers for the index where each is.
type writer struct {
	dir   string
	index index

	file     *os.File
	out      *bufio.Writer
	segments int
	at       int // bytes in the file

	chunk   chunk
	samples int64
	chunks  int
}

func (w *writer) series(labels []Label, samples iter.Seq2[int64, float64]) error {
	s := entry{labels: labels}
	w.chunk.reset()
	for t, v := range samples {
		if w.chunk.n == perChunk {
			if err := w.flush(&s); err != nil {
				return err
			}
		}
		w.chunk.add(t, v)
		w.samples++
	}
	if w.chunk.n > 0 {
		if err := w.flush(&s); err != nil {
			return err
		}
	}
	if len(s.chunks) > 0 {
		w.index.series = append(w.index.series, s)
	}
	return nil
}

func (w *writer) flush(s *entry) error {
	data := w.chunk.bytes()
	if w.out == nil || w.at+len(data)+16 > segmentBytes {
		if err := w.segment(); err != nil {
			return err
		}
	}
	ref := uint64(w.segments-1)<<32 | uint64(w.at)
	head := binary.AppendUvarint(nil, uint64(len(data)))
	head = append(head, encodingXOR)
	sum := crc32.Update(crc32.Checksum([]byte{encodingXOR}, castagnoli), castagnoli, data)
	for _, b := range [][]byte{head, data, binary.BigEndian.AppendUint32(nil, sum)} {
		if _, err := w.out.Write(b); err != nil {
			return err
		}
		w.at += len(b)
	}
	s.chunks = append(s.chunks, place{w.chunk.first, w.chunk.last, ref})
	w.chunks++
	w.chunk.reset()
	return nil
}

func (w *writer) segment() error {
	if err := w.close(); err != nil {
		return err
	}
	w.segments++
	f, err := os.Create(filepath.Join(w.dir, "chunks", fmt.Sprintf("%06d", w.segments)))
	if err != nil {
		return err
	}
	w.file, w.out = f, bufio.NewWriterSize(f, 1<<20)
	head := append(binary.BigEndian.AppendUint32(nil, chunksMagic), 1, 0, 0, 0)
	w.at = len(head)
	_, err = w.out.Write(head)
	return err
}

func (w *writer) close() error {
	if w.file == nil {
		return nil
	}
	if err := w.out.Flush(); err != nil {
		return err
	}
	return w.file.Close()
}
