package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/test/year"
)

// asBench makes the test binary the program itself, for a figure that runs parts of itself as processes of their own.
const asBench = "AUTOPILOT_TEST_AS_BENCH"

func TestMain(m *testing.M) {
	if os.Getenv(asBench) != "" {
		main()
	}
	os.Exit(m.Run())
}

// TestDigestOfASmallYear runs the whole figure, which fails by itself when a sum is not that of the rows.
func TestDigestOfASmallYear(t *testing.T) {
	t.Setenv(asBench, "1")
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"digest", "-teams", "6", "-chains", "5", "-runs", "1"}, &out, &errs); code != 0 {
		t.Fatalf("exit code %d: %s", code, &errs)
	}
	rows := map[string][]string{}
	for line := range strings.Lines(out.String()) {
		if cells := strings.Fields(line); len(cells) > 2 {
			rows[cells[0]+" "+cells[1]] = cells[2:]
		}
	}
	for _, p := range []engine.Period{year.Week, year.Month} {
		for _, m := range makers {
			cells := rows[m.name+" "+p.String()]
			if len(cells) != 14 {
				t.Fatalf("%s of %s has the figures %q:\n%s", m.name, p, cells, &out)
			}
			if empty := cells[12] == "0.0"; empty != (m.of == nil) {
				t.Errorf("%s of %s is %s KiB", m.name, p, cells[12])
			}
		}
	}
}

func TestDigestLoadRefuses(t *testing.T) {
	for want, args := range map[string][]string{
		`no "speech" to make`: {"-what", "speech"},
		"no week 99 of 2026":  {"-period", "2026-W99"},
		"the rules: EOF":      {},
	} {
		var out, errs bytes.Buffer
		stdin(t)
		if code := run(t.Context(), append([]string{"digest-load"}, args...), &out, &errs); code != 1 || !strings.Contains(errs.String(), want) {
			t.Errorf("%q: exit code %d, it says %q, want %q", args, code, &errs, want)
		}
	}
}

// stdin is empty until the test ends.
func stdin(t *testing.T) {
	t.Helper()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	old := os.Stdin
	os.Stdin = null
	t.Cleanup(func() { os.Stdin = old; _ = null.Close() })
}

// TestMakersMakeWhatIsSent: each is as large as what it stands for, and grows with the year.
func TestMakersMakeWhatIsSent(t *testing.T) {
	few := year.New(year.Options{Seed: 1}).Digest(year.Week, engine.DigestScope{})
	many := year.New(year.Options{Seed: 1, Teams: 60}).Digest(year.Week, engine.DigestScope{})
	for _, m := range makers {
		if m.of == nil {
			continue
		}
		a, err := m.of(few)
		if err != nil {
			t.Fatal(err)
		}
		b, err := m.of(many)
		if err != nil || b <= a || a < 1<<10 {
			t.Errorf("%s of 8 teams has %d bytes, of 60 %d: %v", m.name, a, b, err)
		}
	}
}

func TestRowOfMakings(t *testing.T) {
	ms := time.Millisecond
	all := []made{
		{Read: 3 * ms, Wall: 9 * ms, CPU: 2 * ms, Server: 10 * ms, Resident: 3 << 20, Bytes: 2048},
		{Read: 1 * ms, Wall: 5 * ms, CPU: 4 * ms, Server: 30 * ms, Resident: 9 << 20, Bytes: 2048},
		{Read: 2 * ms, Wall: 7 * ms, CPU: 3 * ms, Server: 20 * ms, Resident: 5 << 20, Bytes: 2048},
	}
	got := strings.Join(maker{name: "page"}.row(year.Week, all), "|")
	if want := "page|2026-W47|2 ms|7 ms|9 ms|3 ms|20 ms|9 MiB|2.0 KiB"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestFamilyTime(t *testing.T) {
	own, err := processorTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	all, err := familyTime(os.Getpid())
	if err != nil || all < own {
		t.Errorf("with its children %s, alone %s: %v", all, own, err)
	}
	if _, err := familyTime(-1); err == nil {
		t.Error("of no process there is a time")
	}
}
