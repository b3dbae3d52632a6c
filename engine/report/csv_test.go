package report_test

import (
	"encoding/csv"
	"regexp"
	"strings"
	"testing"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/report"
)

// read gives the rows of one table of a digest.
func read(t *testing.T, d engine.Digest, name string) [][]string {
	t.Helper()
	for _, f := range report.Tables(d) {
		if f.Name == name {
			rows, err := csv.NewReader(strings.NewReader(f.Content)).ReadAll()
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			return rows
		}
	}
	t.Fatalf("no table %s", name)
	return nil
}

func TestGoldenTables(t *testing.T) {
	var b strings.Builder
	for _, f := range report.Tables(week()) {
		b.WriteString("== " + f.Name + ": " + f.Title + "\n" + strings.ReplaceAll(f.Content, "\r\n", "\n"))
	}
	golden(t, "week.csv.txt", []byte(b.String()))
}

var (
	fileName = regexp.MustCompile(`^[a-z-]+\.csv$`)
	number   = regexp.MustCompile(`^-?[0-9.]+$`)
)

// checkTables holds that all rows of a table have its columns, that each has a header, and that no cell is a formula.
func checkTables(t interface{ Errorf(string, ...any) }, files []engine.File) {
	for _, f := range files {
		rows, err := csv.NewReader(strings.NewReader(f.Content)).ReadAll()
		if err != nil || len(rows) == 0 || f.Title == "" || !fileName.MatchString(f.Name) {
			t.Errorf("%q (%q) is no table: %d rows, %v", f.Name, f.Title, len(rows), err)
		}
		for _, row := range rows {
			for _, cell := range row {
				if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r") && !number.MatchString(cell) {
					t.Errorf("%s has a cell that is a formula: %q", f.Name, cell)
				}
			}
		}
	}
}

func TestTablesAreTables(t *testing.T) {
	want := report.Tables(empty())
	for name, d := range digests() {
		files := report.Tables(d)
		checkTables(t, files)
		if len(files) != len(want) {
			t.Errorf("%s has %d tables, %d are always there", name, len(files), len(want))
		}
		for k, f := range files {
			if f.Name != want[k].Name || strings.SplitN(f.Content, "\r\n", 2)[0] != strings.SplitN(want[k].Content, "\r\n", 2)[0] {
				t.Errorf("%s: table %d is %s, not %s with the same columns", name, k, f.Name, want[k].Name)
			}
		}
	}
}

// TestTablesHaveEverything compares tables with the digest: all rows, to the micro-dollar, and nothing where nothing is known.
func TestTablesHaveEverything(t *testing.T) {
	d := crowd()
	for k, by := range []string{"team", "cluster", "kind"} {
		rows := read(t, d, "spend-by-"+by+".csv")[1:]
		if len(rows) != len(d.Breakdowns[k].Lines) {
			t.Fatalf("%d rows by %s, want %d", len(rows), by, len(d.Breakdowns[k].Lines))
		}
		for n, l := range d.Breakdowns[k].Lines {
			if rows[n][1] != l.Amount.Exact() || rows[n][2] != l.Before.Exact() {
				t.Errorf("row %d by %s is %q, want %s and %s", n, by, rows[n], l.Amount.Exact(), l.Before.Exact())
			}
		}
	}
	if rows := read(t, d, "ledger.csv")[1:]; len(rows) != len(d.Ledger.Lines) {
		t.Errorf("%d rows of the ledger, want %d", len(rows), len(d.Ledger.Lines))
	}
	known, missing := 0, 0
	for _, row := range read(t, week(), "trend.csv")[1:] {
		if row[1] == "" {
			missing++
		} else {
			known++
		}
	}
	if known != len(week().Trend) || missing == 0 {
		t.Errorf("the trend has %d days and %d that are missing, want %d days", known, missing, len(week().Trend))
	}
}
