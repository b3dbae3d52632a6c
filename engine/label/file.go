package label

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"iter"

	"github.com/eks-autopilot/autopilot/engine"
)

// longest is the length of a line that is still read: an incident with thousands of lines of evidence has a few megabytes.
const longest = 64 << 20

// Write writes a record as one line. The same record gives the same bytes.
func Write(w io.Writer, r Record) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(r)
}

// Read gives the records of a file, one after the other. It ends with the first line that is none, with Invalid and the line's number; a
// record of a later version is one too.
func Read(in io.Reader) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		lines := bufio.NewScanner(in)
		lines.Buffer(make([]byte, 0, 1<<16), longest)
		n := 0
		for lines.Scan() {
			n++
			if len(lines.Bytes()) == 0 {
				continue
			}
			var r Record
			err := json.Unmarshal(lines.Bytes(), &r)
			switch {
			case err != nil:
				err = engine.Errorf(engine.Invalid, "line %d is not a record: %v", n, err)
			case r.Schema != Schema:
				err = engine.Errorf(engine.Invalid, "line %d has the schema %q; this version reads %s", n, r.Schema, Schema)
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
		switch err := lines.Err(); {
		case errors.Is(err, bufio.ErrTooLong):
			yield(Record{}, engine.Errorf(engine.Invalid, "line %d is longer than %d MB", n+1, longest>>20))
		case err != nil:
			yield(Record{}, engine.Wrap(engine.Unavailable, err, "the file cannot be read"))
		}
	}
}
