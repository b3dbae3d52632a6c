package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/test/scenario"
	"github.com/eks-autopilot/autopilot/test/slack"
)

func TestCommandLine(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"nothing", nil, 2, "usage:"},
		{"help", []string{"help"}, 0, "usage:"},
		{"a figure that is not there", []string{"speed"}, 2, `no figure "speed"`},
		{"a figure's help", []string{"cards", "-h"}, 0, ""},
		{"an unknown flag", []string{"storm", "-fast"}, 2, ""},
		{"an argument too many", []string{"soak", "10"}, 2, ""},
		{"a scenario that is not there", []string{"cards", "-scenarios", "flood"}, 1, `no scenario "flood"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			if code := run(t.Context(), c.args, &out, &errs); code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			if !strings.Contains(out.String()+errs.String(), c.says) {
				t.Errorf("it says\n%s%s\nwant %q", &out, &errs, c.says)
			}
		})
	}
}

func TestHelpListsEveryFigure(t *testing.T) {
	var out bytes.Buffer
	help(&out)
	for _, f := range figures {
		if !strings.Contains(out.String(), "  "+f.name+"  ") || !strings.Contains(out.String(), f.about) {
			t.Errorf("help says nothing of %s:\n%s", f.name, &out)
		}
	}
}

func TestQuantile(t *testing.T) {
	count := func(n int) []time.Duration {
		var all []time.Duration
		for k := n; k > 0; k-- {
			all = append(all, time.Duration(k))
		}
		return all
	}
	for _, c := range []struct {
		values []time.Duration
		q      float64
		want   time.Duration
	}{
		{nil, 0.5, 0},
		{count(1), 0.95, 1},
		{count(3), 0.5, 2},
		{count(4), 0.5, 2},
		{count(20), 0.95, 19},
		{count(30), 0.95, 29},
		{count(100), 0.95, 95},
		{count(100), 0, 1},
		{count(100), 1, 100},
	} {
		if got := quantile(c.values, c.q); got != c.want {
			t.Errorf("quantile %.2f of %d values: %d, want %d", c.q, len(c.values), got, c.want)
		}
	}
}

// TestQuantileIsNearestRank holds the definition: at least the share q of the values is no greater, and of no smaller value so.
func TestQuantileIsNearestRank(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Map(rapid.IntRange(0, 50), func(n int) time.Duration { return time.Duration(n) }), 1, 60).Draw(t, "values")
		q := rapid.SampledFrom([]float64{0.5, 0.9, 0.95}).Draw(t, "q")
		got := quantile(values, q)
		upTo, below := 0, 0
		for _, v := range values {
			if v <= got {
				upTo++
			}
			if v < got {
				below++
			}
		}
		if float64(upTo) < q*float64(len(values)) || float64(below) >= q*float64(len(values)) {
			t.Fatalf("quantile %.2f of %v is %d: %d values up to it, %d below", q, values, got, upTo, below)
		}
	})
}

func TestTable(t *testing.T) {
	var out bytes.Buffer
	tab := table{append([]string{"to"}, spreadHead...)}
	tab.add(append([]string{"card"}, spread([]time.Duration{1500 * time.Millisecond, 250 * time.Millisecond})...)...)
	tab.add(append([]string{"right cause"}, spread(nil)...)...)
	if err := tab.print(&out, "Title"); err != nil {
		t.Fatal(err)
	}
	want := `
Title
  to           runs  median  p95     least   most
  card         2     0.25 s  1.50 s  0.25 s  1.50 s
  right cause  0     -       -       -       -
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestKilobytes(t *testing.T) {
	const status = "Name:\tautopilot\nVmPeak:\t 1900000 kB\nVmHWM:\t   70000 kB\nVmRSS:\t   65536 kB\nThreads:\t12\n"
	if n, err := kilobytes(status, "VmRSS"); n != 64<<20 || err != nil {
		t.Errorf("VmRSS: %d, %v, want 64 MiB", n, err)
	}
	for _, field := range []string{"Vm", "VmSwap", "Threads"} {
		if n, err := kilobytes(status, field); err == nil {
			t.Errorf("%s: %d, want an error", field, n)
		}
	}
	if got := mebibytes(64 << 20); got != "64 MiB" {
		t.Error(got)
	}
}

func TestPosted(t *testing.T) {
	at, err := posted(slack.Message{TS: "1795317125.000200"})
	if err != nil || !at.Equal(time.Unix(1795317125, 200_000)) {
		t.Errorf("%v, %v", at, err)
	}
	for _, ts := range []string{"", "1795317125", "1795317125.2", "now.000200"} {
		if at, err := posted(slack.Message{TS: ts}); err == nil {
			t.Errorf("ts %q is %v, want an error", ts, at)
		}
	}
}

func TestIn(t *testing.T) {
	s, err := scenario.Find("crash")
	if err != nil {
		t.Fatal(err)
	}
	moved := in(s, "crash-007")
	if moved.Namespace != "crash-007" || subject(moved) != "crash-007/api" || moved.Expect.Card[0] != "crash-007/api" {
		t.Errorf("moved: %s, %s, %q", moved.Namespace, subject(moved), moved.Expect.Card)
	}
	if s.Expect.Card[0] != "payments/api" {
		t.Errorf("the original was changed: %q", s.Expect.Card)
	}
}

func TestCompare(t *testing.T) {
	for _, c := range []struct {
		name          string
		wanted, shown []string
		want          tally
	}{
		{"all is as it should be", []string{"card", "event/1"}, []string{"event/1", "card"}, tally{}},
		{"one is missing", []string{"card", "event/1"}, []string{"card"}, tally{lost: 1}},
		{"one stands three times", []string{"card"}, []string{"card", "card", "card"}, tally{doubled: 2}},
		{"one is of nobody", []string{"card"}, []string{"card", "without a key"}, tally{stray: 1}},
		{"nothing stands", []string{"card", "event/1"}, nil, tally{lost: 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := compare(c.wanted, c.shown); got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

func TestCouldNotKnow(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	refused := func(method string, s int) slack.Call { return slack.Call{Method: method, Time: at(s), Status: 429} }
	calls := []slack.Call{
		{Method: "apps.connections.open", Time: at(2), Status: 200},
		refused("apps.connections.open", 10),
		refused("apps.connections.open", 20), refused("chat.update", 21), refused("apps.connections.open", 25),
	}
	for _, c := range []struct {
		name   string
		detail string
		at     int
		kills  []time.Time
		want   bool
	}{
		{"nobody was killed", "apps.connections.open: early", 20, nil, false},
		{"killed before it was told", "apps.connections.open: early", 20, []time.Time{at(5)}, false},
		{"killed since", "apps.connections.open: early", 20, []time.Time{at(5), at(15)}, true},
		{"again by the one who was told", "apps.connections.open: early", 25, []time.Time{at(15)}, false},
		{"killed later", "apps.connections.open: early", 20, []time.Time{at(22)}, false},
		{"in a channel", "chat.update C1: early", 21, []time.Time{at(15)}, true},
	} {
		v := slack.Violation{Kind: "early_retry", Detail: c.detail, Time: at(c.at)}
		if got := couldNotKnow(v, calls, c.kills); got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
	}
}

func TestVerdict(t *testing.T) {
	good := verdict{troubles: 5, clicks: 2, refused: 3, incidents: 1, messages: 7}
	if n := good.bad(); n != 0 {
		t.Errorf("%d bad things of a good run", n)
	}
	bad := verdict{
		clicksLost: 1, incidentsDoubled: 1, messagesLost: 1, doubled: 1, stray: 1, cardsLost: 1, cardsDoubled: 1, unresolved: 1, violations: 1,
	}
	sum := good
	sum.add(bad)
	sum.add(good)
	if n := sum.bad(); n != 9 {
		t.Errorf("%d bad things, want 9", n)
	}
	if sum.troubles != 10 || sum.clicks != 4 || sum.refused != 6 || sum.incidents != 2 || sum.messages != 14 {
		t.Errorf("the sum is %+v", sum)
	}
	var out bytes.Buffer
	if err := sum.table(2).print(&out, "soak"); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "acknowledged clicks lost") {
		t.Error(&out)
	}
}
