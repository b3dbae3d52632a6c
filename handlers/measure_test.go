package handlers

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/ledger"
	"github.com/eks-autopilot/autopilot/engine/price"
)

func TestMeasureLearnsTheDaysBefore(t *testing.T) {
	w := newMeasureWorld(t)
	w.tick()
	if len(w.asked) != catchUp || w.asked[0] != today.AddDate(0, 0, -1).Format(time.DateOnly) {
		t.Fatalf("asked for %v; want two weeks, yesterday first", w.asked)
	}
	yesterday := today.AddDate(0, 0, -1)
	want := map[int64]ledger.Use{
		1: {Day: yesterday, At: w.clock, Seen: 1, Work: 48, Units: 96, Capacity: 192, Requested: 100},
		2: {Day: yesterday, At: w.clock, Seen: 1, Work: 96, Least: 96, Cores: 2, GiB: 8, Members: []string{"n1", "n2", "n3", "n4"}},
		3: {Day: yesterday, At: w.clock, Seen: 1, Work: 1, Units: 1},
	}
	for id, u := range want {
		if d := cmp.Diff(u, w.chains.uses[id][yesterday]); d != "" {
			t.Errorf("finding %d: %s", id, d)
		}
	}
	w.tick()
	w.clock = today.AddDate(0, 0, 1).Add(measureLag - time.Minute)
	w.tick()
	if len(w.asked) != catchUp {
		t.Errorf("asked for %v again", w.asked[catchUp:])
	}
	w.clock = w.clock.Add(time.Minute)
	w.tick()
	if len(w.asked) != catchUp+1 || w.asked[catchUp] != today.Format(time.DateOnly) {
		t.Errorf("then asked for %v; want the day that is over", w.asked[catchUp:])
	}
}

// TestMeasureComplainsOnceADay has a chain without a baseline, which is tried again every hour.
func TestMeasureComplainsOnceADay(t *testing.T) {
	w := newMeasureWorld(t)
	var log strings.Builder
	w.Log = slog.New(slog.NewTextHandler(&log, nil))
	w.tick()
	w.implement()
	for k := range w.chains.entries {
		w.chains.entries[k].Baseline = nil
	}
	w.clock = w.clock.AddDate(0, 0, 3)
	warned := func() int { return strings.Count(log.String(), "a saving could not be measured") }
	for range 5 {
		w.tick()
		w.clock = w.clock.Add(time.Hour)
	}
	if n := warned(); n != 3 {
		t.Errorf("%d warnings in five hours, of three chains:\n%s", n, log.String())
	}
	w.clock = w.clock.Add(oneDay)
	w.tick()
	if n := warned(); n != 6 {
		t.Errorf("%d warnings a day later", n)
	}
}

func TestMeasureVerifiesWhatWasChanged(t *testing.T) {
	w := newMeasureWorld(t)
	w.tick()
	w.implement()
	w.request, w.nodes, w.volume = 0.5, []string{"n2", "n3", "n4"}, false
	w.clock = w.clock.AddDate(0, 0, 1)
	w.tick() // the day of the change does not count
	if len(w.chains.told) != 0 {
		t.Errorf("told %q", w.chains.told)
	}
	w.clock = w.clock.AddDate(0, 0, 1)
	w.tick()
	w.tick()
	for id, want := range map[int64]engine.MicroUSD{1: 2_160_000, 2: 4_800_000, 3: 240_000} {
		if got := w.saved(id); len(got) != 1 || got[0] != want {
			t.Errorf("finding %d saved %v; want %s once", id, got, want)
		}
	}
	if len(w.chains.told) != 1 || !strings.HasPrefix(w.chains.told[0], "verified 7: Measured: $7.20 saved on ") || !strings.Contains(w.chains.told[0], "$5.04 of it off the bill and $2.16 freed capacity") {
		t.Errorf("told %q", w.chains.told)
	}
	w.clock = w.clock.AddDate(0, 0, 5)
	w.tick() // days that were missed
	if got := w.saved(1); len(got) != 6 {
		t.Errorf("%d days after six", len(got))
	}
}

func TestMeasureMakesNoZeroOfADayWithoutFacts(t *testing.T) {
	w := newMeasureWorld(t)
	w.tick()
	w.implement()
	w.request, w.seen = 0.5, 0
	w.clock = w.clock.AddDate(0, 0, 2)
	w.tick()
	if got := w.saved(1); len(got) != 0 {
		t.Errorf("saved %v on a day of which nothing is known", got)
	}
	asked := len(w.asked)
	w.tick()
	if len(w.asked) != asked {
		t.Error("a day of which nothing is known was asked for again at once")
	}
	w.seen, w.clock = 1, w.clock.Add(askAgain+time.Minute)
	w.tick()
	if got := w.saved(1); len(got) != 1 {
		t.Errorf("saved %v once the day was known", got)
	}
	w.clock, w.complete = w.clock.AddDate(0, 0, 1), false
	asked = len(w.asked)
	w.tick()
	if len(w.asked) != asked || len(w.saved(1)) != 1 {
		t.Error("a cluster that could not be listed was measured")
	}
}

func TestMeasureCorrectsWhenTheBillComes(t *testing.T) {
	w := newMeasureWorld(t)
	bill := func(day time.Time, onDemand float64) price.Bill {
		return price.Bill{Payer: "1", Day: day, Lines: []price.Line{{Account: "1"}}, Purchases: []price.Purchase{
			{Usage: "EUC1-BoxUsage:m5.large", Way: "On Demand Instances", Quantity: onDemand},
			{Usage: "EUC1-BoxUsage:m5.large", Way: "Savings Plans", Quantity: 500},
		}}
	}
	w.chains.bills = []price.Bill{bill(today.AddDate(0, 0, -1), 60)}
	w.tick()
	w.implement()
	w.nodes = []string{"n2", "n3", "n4"}
	w.clock = w.clock.AddDate(0, 0, 2)
	w.tick()
	w.chains.bills = append(w.chains.bills, bill(today.AddDate(0, 0, 1), 50))
	w.tick()
	w.tick()
	chain := ledger.Chains(w.chains.entries)[1]
	var measured, corrected []engine.LedgerEntry
	for _, e := range chain {
		if e.Kind == engine.EntryVerified {
			measured = append(measured, e)
		}
		if e.Kind == engine.EntryCorrected {
			corrected = append(corrected, e)
		}
	}
	if len(measured) != 1 || len(corrected) != 1 || measured[0].Cash != 4_800_000 || corrected[0].Cash != -2_800_000 || corrected[0].Amount != 0 {
		t.Errorf("measured %+v, corrected %+v; want the cash of 10 hours after the bill", measured, corrected)
	}
}

func TestMeasureReversesWhatCameBack(t *testing.T) {
	w := newMeasureWorld(t)
	w.tick()
	w.implement()
	w.nodes, w.volume = []string{"n2", "n3", "n4"}, false // but the request is as it was
	w.clock = w.clock.AddDate(0, 0, 2)
	w.tick()
	if s := ledger.State(ledger.Chains(w.chains.entries)[0]); s != engine.EntryReversed {
		t.Errorf("the request is as before, and its chain %q", s)
	}
	for _, told := range w.chains.told {
		if strings.HasPrefix(told, "reversed") {
			t.Errorf("%s: two of its chains still save", told)
		}
	}
	w.nodes, w.volume = []string{"n2", "n3", "n4", "n5"}, true
	for range 4 {
		w.clock = w.clock.AddDate(0, 0, 1)
		w.tick()
	}
	last := w.chains.told[len(w.chains.told)-1]
	if !strings.HasPrefix(last, "reversed 7: it came back: by ") {
		t.Errorf("told %q; want the proposal reversed at last", last)
	}
	before := len(w.chains.entries)
	w.clock = w.clock.AddDate(0, 0, 1)
	w.tick()
	if len(w.chains.entries) != before {
		t.Error("a chain that was reversed goes on")
	}
}

func TestMeasureOfAProposalThatIsOver(t *testing.T) {
	w := newMeasureWorld(t)
	w.tick()
	w.implement()
	w.request, w.chains.over = 0.5, true
	w.clock = w.clock.AddDate(0, 0, 2)
	w.tick()
	if len(w.saved(1)) != 1 {
		t.Error("what a proposal saved that takes no more news was not kept")
	}
}

func TestMeasureOfNodesWhoseGroupNobodyRemembers(t *testing.T) {
	f := engine.Finding{Target: engine.Target{Workload: engine.Workload{Name: "n1"}}, Node: &engine.NodeRemoval{Group: "workers"}}
	d := clusterDay{
		nodes: DayUse{Known: true, Seen: 1, Nodes: []price.NodeUse{
			{Name: "n1", Hours: 6, CPU: 2, GiB: 8},
			{Name: "n2", Hours: 24, CPU: 2, GiB: 8},
			{Name: "was", Hours: 5, CPU: 2, GiB: 8},
			{Name: "strange", Hours: 3, CPU: 2, GiB: 7.9},
			{Name: "large", Hours: 24, CPU: 8, GiB: 32},
			{Name: "other", Hours: 24, CPU: 2, GiB: 8},
		}},
		groups: map[string]string{"n2": "workers", "other": "batch"}, members: map[string]string{"was": "workers"},
	}
	u := d.ofNode(f)
	if u.Least != 35 || u.Work != 38 || u.Gone || u.Cores != 2 {
		t.Errorf("%+v; want 35 node-hours for certain, and 3 of a node as large", u)
	}
	if u := (&clusterDay{}).ofNode(f); u.Seen != 0 {
		t.Errorf("%+v of an unknown day", u)
	}
}

func TestMeasureFailsWithTheStore(t *testing.T) {
	w := newMeasureWorld(t)
	w.chains.away = engine.Errorf(engine.Unavailable, "the database is away")
	if err := w.measure(t.Context(), engine.Task{}); engine.CodeOf(err) != engine.Unavailable {
		t.Errorf("%v", err)
	}
	w.Waste.Ledger = nil
	if w.Tasks()[engine.TaskMeasure] != nil {
		t.Error("without a ledger there is something to measure")
	}
}
