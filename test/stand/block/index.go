package block

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"hash/crc32"
	"maps"
	"os"
	"slices"
)

const indexMagic = 0xBAAAD700

// entry is a series of the index: its labels and where its chunks are.
type entry struct {
	labels []Label
	chunks []place
}

type place struct {
	first, last int64
	ref         uint64
}

type index struct{ series []entry }

// file counts what it writes; its first error is kept.
type file struct {
	out *bufio.Writer
	at  uint64
	err error
}

func (f *file) write(b []byte) {
	if f.err != nil {
		return
	}
	_, f.err = f.out.Write(b)
	f.at += uint64(len(b))
}

func (f *file) align(to uint64) {
	if over := f.at % to; over != 0 {
		f.write(make([]byte, to-over))
	}
}

// section writes a body behind its length and before its checksum, and gives where it begins.
func (f *file) section(body []byte) (at uint64) {
	at = f.at
	f.write(binary.BigEndian.AppendUint32(nil, uint32(len(body))))
	f.write(body)
	f.write(checksum(body))
	return at
}

func checksum(b []byte) []byte {
	return binary.BigEndian.AppendUint32(nil, crc32.Checksum(b, castagnoli))
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func (x *index) write(path string) error {
	to, err := os.Create(path)
	if err != nil {
		return err
	}
	defer to.Close() // a second one does nothing
	f := &file{out: bufio.NewWriterSize(to, 1<<20)}
	f.write(append(binary.BigEndian.AppendUint32(nil, indexMagic), 2))
	names, symbols := x.symbols()
	symbolsAt := f.section(symbols)
	seriesAt, postings := x.writeSeries(f, names)
	postingsAt := f.at
	table := x.writePostings(f, postings)
	tableAt := f.section(table)
	var toc []byte
	// Symbols, series, label index, its table, postings, their table. Nobody reads the label index any more.
	for _, at := range []uint64{symbolsAt, seriesAt, 0, 0, postingsAt, tableAt} {
		toc = binary.BigEndian.AppendUint64(toc, at)
	}
	f.write(append(toc, checksum(toc)...))
	return cmp.Or(f.err, f.out.Flush(), to.Close())
}

// symbols gives the number of each text, and the table of them.
func (x *index) symbols() (number map[string]uint64, table []byte) {
	number = map[string]uint64{}
	for _, s := range x.series {
		for _, l := range s.labels {
			number[l.Name], number[l.Value] = 0, 0
		}
	}
	sorted := slices.Sorted(maps.Keys(number))
	table = binary.BigEndian.AppendUint32(nil, uint32(len(sorted)))
	for n, s := range sorted {
		number[s] = uint64(n)
		table = appendText(table, s)
	}
	return number, table
}

// writeSeries gives where the section begins, and for each label the references of the series that have it.
func (x *index) writeSeries(f *file, names map[string]uint64) (at uint64, postings map[Label][]uint32) {
	postings = map[Label][]uint32{}
	f.align(16)
	at = f.at
	var body []byte
	for _, s := range x.series {
		f.align(16)
		ref := uint32(f.at / 16)
		body = binary.AppendUvarint(body[:0], uint64(len(s.labels)))
		postings[Label{}] = append(postings[Label{}], ref)
		for _, l := range s.labels {
			body = binary.AppendUvarint(body, names[l.Name])
			body = binary.AppendUvarint(body, names[l.Value])
			postings[l] = append(postings[l], ref)
		}
		body = binary.AppendUvarint(body, uint64(len(s.chunks)))
		for n, c := range s.chunks {
			if n == 0 {
				body = binary.AppendVarint(body, c.first)
				body = binary.AppendUvarint(body, uint64(c.last-c.first))
				body = binary.AppendUvarint(body, c.ref)
				continue
			}
			before := s.chunks[n-1]
			body = binary.AppendUvarint(body, uint64(c.first-before.last))
			body = binary.AppendUvarint(body, uint64(c.last-c.first))
			body = binary.AppendVarint(body, int64(c.ref-before.ref))
		}
		f.write(binary.AppendUvarint(nil, uint64(len(body))))
		f.write(body)
		f.write(checksum(body))
	}
	return at, postings
}

// writePostings gives the body of the table that tells where the references of each label are.
func (x *index) writePostings(f *file, postings map[Label][]uint32) []byte {
	labels := slices.SortedFunc(maps.Keys(postings), func(a, b Label) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Value, b.Value))
	})
	table := binary.BigEndian.AppendUint32(nil, uint32(len(labels)))
	for _, l := range labels {
		refs := postings[l]
		body := binary.BigEndian.AppendUint32(nil, uint32(len(refs)))
		for _, ref := range refs {
			body = binary.BigEndian.AppendUint32(body, ref)
		}
		f.align(4)
		at := f.section(body)
		table = append(table, 2)
		table = appendText(appendText(table, l.Name), l.Value)
		table = binary.AppendUvarint(table, at)
	}
	return table
}
