package ledger_test

import (
	"encoding/csv"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/ledger"
)

var update = flag.Bool("update", false, "write golden files")

// exported is a ledger with a chain that was verified and corrected, a volume, and names that want to be formulas.
func exported(t *testing.T) []engine.LedgerEntry {
	b := &book{t: t}
	evil := cpu(1, "=HYPERLINK(\"http://x\",\"pay\")\r\n")
	evil.Owner.Team = "@team"
	b.implement(evil, monday, replicas(dayAfter(-2), 48, 96), replicas(dayAfter(-1), 48, 96))
	disk := volume(2, "vol-0aa")
	disk.Owner.Team = "pay, and others"
	b.implement(disk, monday)
	b.measure(dayAfter(1), map[int64]ledger.Use{1: replicas(dayAfter(1), 48, 24), 2: {Day: dayAfter(1), Work: 1, Seen: 1}})
	b.measure(dayAfter(1), map[int64]ledger.Use{1: replicas(dayAfter(1), 48, 120), 2: {Day: dayAfter(1), Work: 1, Seen: 1}})
	reversed := entryOf(evil, engine.EntryReversed, dayAfter(3))
	reversed.Ref = "+it came back"
	b.add(reversed)
	return b.entries
}

func TestExports(t *testing.T) {
	entries := exported(t)
	for name, write := range map[string]func([]engine.LedgerEntry, engine.LedgerFilter) (string, int){"ledger.csv": ledger.CSV, "focus.csv": ledger.FOCUS} {
		got, rows := write(slices.Concat(entries, entries[:2]), engine.LedgerFilter{})
		file := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
		if n := strings.Count(got, "\r\n") - 1; n != rows {
			t.Errorf("%s: %d lines, said to be %d", name, n, rows)
		}
	}
}

func TestExportOfASpan(t *testing.T) {
	entries := exported(t)
	f := engine.LedgerFilter{From: dayAfter(1), To: dayAfter(2), Type: engine.OverRequestedCPU}
	if got, rows := ledger.CSV(entries, f); rows != 2 || strings.Contains(got, "detected") {
		t.Errorf("%d rows; want the day and its correction:\n%s", rows, got)
	}
	if _, rows := ledger.FOCUS(entries, engine.LedgerFilter{To: monday}); rows != 0 {
		t.Errorf("%d rows before anything was", rows)
	}
}

// TestExportsComeToTheSum reads the files back: nothing is lost or rounded, and no cell is a formula.
func TestExportsComeToTheSum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := history(t)
		name := rapid.String().Draw(t, "name")
		for k := range entries {
			entries[k].Target.Name, entries[k].Ref = name, entries[k].Ref+name
		}
		sum := ledger.Sum(entries, engine.LedgerFilter{})
		for _, c := range []struct {
			write        func([]engine.LedgerEntry, engine.LedgerFilter) (string, int)
			amount, cash string
			sign         int64
		}{{ledger.CSV, "amount_usd", "cash_usd", 1}, {ledger.FOCUS, "EffectiveCost", "BilledCost", -1}} {
			content, _ := c.write(entries, engine.LedgerFilter{})
			rows, err := csv.NewReader(strings.NewReader(content)).ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			var verified, cash int64
			for _, row := range rows[1:] {
				if step := slices.Index(rows[0], "step"); step >= 0 && row[step] != "verified" && row[step] != "corrected" {
					continue
				}
				verified += c.sign * micro(t, row[slices.Index(rows[0], c.amount)])
				cash += c.sign * micro(t, row[slices.Index(rows[0], c.cash)])
			}
			if verified != int64(sum.Verified) || cash != int64(sum.Cash) {
				t.Fatalf("the file comes to %d, cash %d; the ledger to %d, %d", verified, cash, sum.Verified, sum.Cash)
			}
			for _, row := range rows {
				for _, cell := range row {
					_, err := strconv.ParseFloat(cell, 64)
					if err != nil && cell != "" && strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) {
						t.Fatalf("%q is a formula", cell)
					}
				}
			}
		}
	})
}

// micro reads dollars with six decimals.
func micro(t *rapid.T, s string) int64 {
	n, err := strconv.ParseInt(strings.Replace(s, ".", "", 1), 10, 64)
	if err != nil || len(s)-strings.Index(s, ".") != 7 {
		t.Fatalf("%q is no amount", s)
	}
	return n
}

func TestDaysThatAreMissed(t *testing.T) {
	b := &book{t: t}
	b.implement(cpu(1, "api"), monday)
	for _, n := range []int{1, 2, 5} {
		b.measure(dayAfter(n), map[int64]ledger.Use{1: replicas(dayAfter(n), 48, 24)})
	}
	missing := func(f engine.LedgerFilter) int { return ledger.Fold(b.entries, f)[0].Missing }
	for name, c := range map[string]struct {
		f    engine.LedgerFilter
		want int
	}{
		"all":       {engine.LedgerFilter{To: dayAfter(7)}, 3},
		"a span":    {engine.LedgerFilter{From: dayAfter(2), To: dayAfter(4)}, 1},
		"no end":    {engine.LedgerFilter{}, 0},
		"years":     {engine.LedgerFilter{To: dayAfter(5000)}, ledger.MeasuredDays - 3},
		"too early": {engine.LedgerFilter{To: dayAfter(1)}, 0},
	} {
		if got := missing(c.f); got != c.want {
			t.Errorf("%s: %d missed, want %d", name, got, c.want)
		}
	}
	b.add(entryOf(cpu(1, "api"), engine.EntryReversed, dayAfter(8)))
	equal(t, "once it is reversed", missing(engine.LedgerFilter{To: dayAfter(20)}), 2)
}

func TestCalibration(t *testing.T) {
	b := &book{t: t}
	b.implement(cpu(1, "api"), monday) // $65.70 a month are $2.16 a day
	b.implement(cpu(2, "web"), monday)
	b.implement(volume(3, "v"), monday)
	for n := 1; n <= 4; n++ {
		b.measure(dayAfter(n), map[int64]ledger.Use{1: replicas(dayAfter(n), 48, 24), 2: replicas(dayAfter(n), 48, 60)})
	}
	got := ledger.Sum(b.entries, engine.LedgerFilter{}).Calibration
	want := []engine.CalibrationLine{{Type: engine.OverRequestedCPU, Chains: 2, Estimated: 4 * 4_320_000, Verified: 4 * (2_160_000 + 1_080_000), Ratio: 0.75}}
	equal(t, "calibration", got, want)
}
