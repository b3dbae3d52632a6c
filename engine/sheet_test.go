package engine_test

import (
	"encoding/csv"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
)

func TestCellsAreNoFormulas(t *testing.T) {
	for in, want := range map[string]string{
		"payments": "payments", "": "", "a=b": "a=b", "=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "  =1": "'  =1",
		"\t=1": "' =1", "\u00a0=1": "'\u00a0=1", "\ufeff@x": "'\ufeff@x", "＝1": "'＝1", "two\r\nlines": "two  lines", "del\x7f": "del ",
	} {
		if got := engine.Cell(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func TestExactAmounts(t *testing.T) {
	for m, want := range map[engine.MicroUSD]string{
		0: "0.000000", 1: "0.000001", -1: "-0.000001", 1_234_500_000: "1234.500000", -12 * engine.USD: "-12.000000",
		math.MaxInt64: "9223372036854.775807", math.MinInt64: "-9223372036854.775808",
	} {
		if got := m.Exact(); got != want {
			t.Errorf("%d is written %s, want %s", int64(m), got, want)
		}
	}
	if got := engine.Quantity(1.5e-7); got != "0.00000015" {
		t.Errorf("a quantity is written %s", got)
	}
}

// TestSheetReadsBack holds that no text breaks out of its cell.
func TestSheetReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := engine.NewSheet("a", "b")
		var want [][]string
		for _, text := range rapid.SliceOf(rapid.String()).Draw(t, "texts") {
			s.Row(engine.Cell(text), "x")
			want = append(want, []string{engine.Cell(text), "x"})
		}
		rows, err := csv.NewReader(strings.NewReader(s.String())).ReadAll()
		if err != nil || len(rows) != s.Len()+1 || len(want) != s.Len() {
			t.Fatalf("%d rows of %d: %v", len(rows), s.Len(), err)
		}
		for k, row := range rows[1:] {
			if row[0] != want[k][0] || row[1] != "x" {
				t.Fatalf("row %d is %q, want %q", k, row, want[k])
			}
		}
	})
}
