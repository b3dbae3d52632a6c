package ledger_test

import (
	"math"
	"strings"
	"testing"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/ledger"
)

func TestFreezeARequest(t *testing.T) {
	days := []ledger.Use{
		replicas(dayAfter(-1), 48, 96), replicas(dayAfter(-2), 96, 192), replicas(dayAfter(0), 1000, 9), replicas(dayAfter(-3), 7, 7),
	}
	days[0].Capacity, days[0].Requested = 960, 480
	days[3].Seen = 0 // nothing is known of it
	b, err := ledger.Freeze(cpu(1, "api"), days, monday.Add(9*3600e9))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "baseline", b, engine.Baseline{
		Unit: ledger.UnitReplica, PerUnit: 60_000, After: 15_000, Days: 2, From: dayAfter(-2), To: monday,
		Price: 30_000, Work: 72, Capacity: 960, Requested: 480,
	})
	b, err = ledger.Freeze(memory(1, "api"), nil, monday)
	if err != nil || b.PerUnit != 20_000 || b.After != 5_000 || b.Work != 48 || b.Days != 0 {
		t.Errorf("without days: %+v, %v", b, err)
	}
}

func TestFreezeSeesHowMuchTheDaysDiffer(t *testing.T) {
	// The request was 2, 3 and 1 cores: 48 replica-hours at 6 cents, against 9 and 3.
	days := []ledger.Use{replicas(dayAfter(-3), 48, 96), replicas(dayAfter(-2), 48, 144), replicas(dayAfter(-1), 48, 48)}
	b, err := ledger.Freeze(cpu(1, "api"), days, monday)
	if err != nil || math.Abs(b.Spread-0.5) > 1e-9 {
		t.Errorf("spread %v, %v; want sqrt((0 + 48² + 48²)/2) / 96", b.Spread, err)
	}
}

func TestFreezeANode(t *testing.T) {
	some := func(hours float64) *float64 { return &hours }
	days := []ledger.Use{nodes(dayAfter(-4), 120), nodes(dayAfter(-3), 96), nodes(dayAfter(-2), 96), nodes(dayAfter(-1), 96)}
	days[1].Uncovered, days[2].Uncovered = some(50), some(70)
	b, err := ledger.Freeze(node(1, "n1"), days, monday)
	if err != nil {
		t.Fatal(err)
	}
	if b.PerUnit != 200_000 || b.Work != 96 || b.Cores != 4 || b.GiB != 16 || b.Group != "workers" || b.Instance != "m7i.xlarge" || *b.Uncovered != 60 {
		t.Errorf("%+v; want 20 cents, and the 96 node-hours of the last days instead of the average", b)
	}
	days = append(days, nodes(dayAfter(-5), 24))
	if b, _ = ledger.Freeze(node(1, "n1"), days, monday); b.Work != 86.4 {
		t.Errorf("%v node-hours; want the average where that is less", b.Work)
	}
	if _, err = ledger.Freeze(node(1, "n1"), nil, monday); engine.CodeOf(err) != engine.Unavailable {
		t.Errorf("without days: %v", err)
	}
}

func TestFreezeRefusesWhatHasNoPrice(t *testing.T) {
	for name, f := range map[string]engine.Finding{
		"unknown": func() engine.Finding { f := cpu(1, "a"); f.Basis.Source = engine.PriceUnknown; return f }(),
		"request": func() engine.Finding { f := cpu(1, "a"); f.Sizing.Unit = 0; return f }(),
		"node":    func() engine.Finding { f := node(1, "a"); f.Monthly = 0; return f }(),
		"volume":  func() engine.Finding { f := volume(1, "a"); f.Monthly = -1; return f }(),
		"nothing": {Basis: engine.PriceBasis{Source: engine.PriceList}},
	} {
		if _, err := ledger.Freeze(f, []ledger.Use{nodes(dayAfter(-1), 24)}, monday); engine.CodeOf(err) != engine.Invalid {
			t.Errorf("%s: %v, want that it is invalid", name, err)
		}
	}
}

func TestMeasure(t *testing.T) {
	some := func(hours float64) *float64 { return &hours }
	request, _ := ledger.Freeze(cpu(1, "api"), []ledger.Use{replicas(dayAfter(-2), 48, 96), replicas(dayAfter(-1), 48, 96)}, monday)
	group, _ := ledger.Freeze(node(1, "n1"), []ledger.Use{nodes(dayAfter(-2), 96), nodes(dayAfter(-1), 96)}, monday)
	covered, billed := group, group
	covered.Covered = 0.75
	billed.Covered, billed.Uncovered = 0.75, some(30)
	disk, _ := ledger.Freeze(volume(1, "vol-1"), nil, monday)
	bills := func(hours float64) ledger.Use { u := nodes(dayAfter(1), 72); u.Uncovered = some(hours); return u }
	for name, c := range map[string]struct {
		b            engine.Baseline
		use          ledger.Use
		amount, cash engine.MicroUSD
	}{
		"as planned":                            {request, replicas(dayAfter(1), 48, 24), 2_160_000, 0},
		"twice the replicas save twice as much": {request, replicas(dayAfter(1), 96, 48), 4_320_000, 0},
		"scaled to nothing saves nothing":       {request, replicas(dayAfter(1), 0, 0), 0, 0},
		"as before":                             {request, replicas(dayAfter(1), 48, 96), 0, 0},
		"larger than before costs more":         {request, replicas(dayAfter(1), 48, 120), -720_000, 0},
		"a node less":                           {group, nodes(dayAfter(1), 72), 4_800_000, 4_800_000},
		"half a day less":                       {group, nodes(dayAfter(1), 84), 2_400_000, 2_400_000},
		"three nodes less are one of ours":      {group, nodes(dayAfter(1), 24), 4_800_000, 4_800_000},
		"the group grew":                        {group, nodes(dayAfter(1), 120), 0, 0},
		"under a commitment":                    {covered, nodes(dayAfter(1), 72), 4_800_000, 1_200_000},
		"bills: beside the commitment 24 less":  {billed, bills(6), 4_800_000, 4_800_000},
		"bills: 10 less":                        {billed, bills(20), 4_800_000, 2_000_000},
		"bills: not less":                       {billed, bills(31), 4_800_000, 0},
		"a day without the volume":              {disk, ledger.Use{Day: dayAfter(1), Work: 1, Seen: 1}, 240_000, 240_000},
		"the volume is there":                   {disk, ledger.Use{Day: dayAfter(1), Work: 1, Units: 1, Seen: 1}, 0, 0},
	} {
		e, err := ledger.Measure(c.b, c.use)
		if err != nil || e.Amount != c.amount || e.Cash != c.cash || !e.Day.Equal(c.use.Day) || e.Low > e.Amount || e.High < e.Amount {
			t.Errorf("%s: %s, cash %s in [%s, %s], %v; want %s, cash %s", name, e.Amount, e.Cash, e.Low, e.High, err, c.amount, c.cash)
		}
	}
}

func TestMeasureTellsHowSureItIs(t *testing.T) {
	b := engine.Baseline{Unit: ledger.UnitReplica, PerUnit: 60_000, Price: 30_000, Spread: 0.1, Days: 4}
	e, err := ledger.Measure(b, replicas(dayAfter(1), 48, 24))
	// t with 3 degrees of freedom, 10 % of $2.88, one new day against the mean of four.
	sampled := 2.88 / 96
	want := engine.Dollars(math.Hypot(2.353*0.1*2.88*math.Sqrt(1.25), sampled))
	if err != nil || e.High-e.Amount != want || e.Amount-e.Low != want {
		t.Errorf("[%s, %s] about %s, %v; want ± %s", e.Low, e.High, e.Amount, err, want)
	}
	half := replicas(dayAfter(1), 48, 24)
	half.Seen = 0.6
	if f, _ := ledger.Measure(b, half); f.High-f.Amount != engine.Dollars(math.Hypot(want.Dollars(), 0.4*2.16)) {
		t.Errorf("± %s with 40 %% of the day unseen", f.High-f.Amount)
	}
	b.Days = 1
	if f, _ := ledger.Measure(b, replicas(dayAfter(1), 48, 24)); f.High-f.Amount != engine.Dollars(math.Hypot(0.288, sampled)) {
		t.Errorf("± %s of one day; want a tenth of the adjusted baseline", f.High-f.Amount)
	}
	b.Days, b.Spread = 1e6, 0.1
	if f, _ := ledger.Measure(b, replicas(dayAfter(1), 48, 24)); f.High == f.Amount {
		t.Error("a long baseline still has a spread")
	}
}

func TestMeasureMakesNoZeroOfWhatIsNotKnown(t *testing.T) {
	b, _ := ledger.Freeze(cpu(1, "api"), nil, monday)
	for name, u := range map[string]ledger.Use{
		"nothing":  {Day: dayAfter(1)},
		"a little": {Day: dayAfter(1), Work: 48, Units: 24, Seen: 0.4},
		"nan":      {Day: dayAfter(1), Work: math.NaN(), Units: 24, Seen: 1},
		"infinite": {Day: dayAfter(1), Work: 1, Units: math.Inf(1), Seen: 1},
		"negative": {Day: dayAfter(1), Work: -1, Units: 24, Seen: 1},
		"seen nan": {Day: dayAfter(1), Work: 48, Units: 24, Seen: math.NaN()},
	} {
		if e, err := ledger.Measure(b, u); engine.CodeOf(err) != engine.Unavailable || e.Kind != "" {
			t.Errorf("%s: %+v, %v", name, e, err)
		}
	}
	if _, err := ledger.Measure(engine.Baseline{Unit: "request"}, replicas(dayAfter(1), 1, 1)); engine.CodeOf(err) != engine.Invalid {
		t.Errorf("an unknown unit: %v", err)
	}
}

func TestReturned(t *testing.T) {
	for name, c := range map[string]struct {
		f    engine.Finding
		uses []float64 // units of the days after the change: core-hours of 48 replica-hours, node-hours of a group of 96, volume-days
		want string    // in the reason; "" when it has not come back
	}{
		"lowered":                    {cpu(1, "a"), []float64{24, 24}, ""},
		"raised again":               {cpu(1, "a"), []float64{24, 96}, "on 4 November the request"},
		"raised above":               {cpu(1, "a"), []float64{120}, "on 3 November"},
		"raised and lowered again":   {cpu(1, "a"), []float64{96, 24}, ""},
		"raised half of the way":     {cpu(1, "a"), []float64{24, 60}, ""},
		"the node is away":           {node(1, "n"), []float64{72, 72, 72, 72}, ""},
		"the node is back for a day": {node(1, "n"), []float64{72, 72, 96}, ""},
		"the node is back":           {node(1, "n"), []float64{72, 96, 96, 120}, "by 6 November the group"},
		"the volume is gone":         {volume(1, "v"), []float64{0}, ""},
		"the volume is there":        {volume(1, "v"), []float64{0, 1}, "the volume was there"},
		"nothing was measured":       {cpu(1, "a"), nil, ""},
	} {
		b := &book{t: t}
		b.implement(c.f, monday, nodes(dayAfter(-2), 96), nodes(dayAfter(-1), 96))
		for k, units := range c.uses {
			u := ledger.Use{Day: dayAfter(1 + k), Seen: 1, Work: 48, Units: units}
			switch {
			case c.f.Node != nil:
				u.Work = units
			case c.f.Volume != nil:
				u.Work = 1
			}
			b.measure(dayAfter(1+k), map[int64]ledger.Use{1: u})
		}
		why, back := ledger.Returned(b.entries)
		if back != (c.want != "") || !strings.Contains(why, c.want) {
			t.Errorf("%s: %q, %v; want %q", name, why, back, c.want)
		}
		if back {
			b.add(entryOf(c.f, engine.EntryReversed, dayAfter(9)))
			if _, back := ledger.Returned(b.entries); back {
				t.Errorf("%s: reversed twice", name)
			}
		}
	}
}
