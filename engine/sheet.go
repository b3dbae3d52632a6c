package engine

import (
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
)

// Sheet is a CSV file (RFC 4180) that is being written: a header, then rows of as many cells.
type Sheet struct{ rows [][]string }

// NewSheet begins a file with the names of its columns.
func NewSheet(header ...string) *Sheet { return &Sheet{rows: [][]string{header}} }

// Row adds a row. A cell of text from outside is made with Cell.
func (s *Sheet) Row(cells ...string) { s.rows = append(s.rows, cells) }

// Len is how many rows there are below the header.
func (s *Sheet) Len() int { return len(s.rows) - 1 }

// String gives the file.
func (s *Sheet) String() string {
	var b strings.Builder
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	_ = w.WriteAll(s.rows) // a strings.Builder takes everything
	return b.String()
}

// Cell is text from outside as a cell. A text that a spreadsheet would take for a formula, and run, begins with an apostrophe.
func Cell(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
	if trimmed := strings.TrimLeft(text, " \u00a0\ufeff"); trimmed != "" && strings.ContainsRune("=+-@＝＋－＠", []rune(trimmed)[0]) {
		return "'" + text
	}
	return text
}

// Exact gives an amount in dollars with all six decimals, as tables hold it: "-1234.500000".
func (m MicroUSD) Exact() string {
	sign, whole := "", abs(m)
	if m < 0 {
		sign = "-"
	}
	return fmt.Sprintf("%s%d.%06d", sign, whole/uint64(USD), whole%uint64(USD))
}

// Quantity gives a number as tables hold it: all its digits, no exponent.
func Quantity(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
