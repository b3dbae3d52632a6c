package ledger_test

import (
	"strings"
	"testing"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/ledger"
)

// amounts gives what each chain saved on a day, and how much of it was cash.
func amounts(entries []engine.LedgerEntry) map[int64][2]engine.MicroUSD {
	out := map[int64][2]engine.MicroUSD{}
	for _, e := range entries {
		out[e.Finding] = [2]engine.MicroUSD{e.Amount, e.Cash}
	}
	return out
}

func TestChainsBeginTheDayAfter(t *testing.T) {
	b := &book{t: t}
	b.implement(cpu(1, "api"), monday.Add(9*3600e9))
	uses := map[int64]ledger.Use{1: replicas(monday, 48, 24)}
	if news, gaps := ledger.MeasureDay(monday, b.entries, uses); len(news)+len(gaps) != 0 {
		t.Errorf("on the day of the change: %v %v", news, gaps)
	}
	news, gaps := b.measure(dayAfter(1), uses)
	if len(news) != 1 || len(gaps) != 0 || news[0].Proposal != 1 || news[0].Work != 48 || news[0].Team != "pay" {
		t.Errorf("on the day after: %+v %v", news, gaps)
	}
	b.add(entryOf(cpu(1, "api"), engine.EntryReversed, dayAfter(2)))
	if news, gaps := ledger.MeasureDay(dayAfter(2), b.entries, uses); len(news)+len(gaps) != 0 {
		t.Errorf("after it was reversed: %v %v", news, gaps)
	}
}

func TestADayWithoutFactsIsAGap(t *testing.T) {
	b := &book{t: t}
	b.implement(cpu(1, "api"), monday)
	b.implement(cpu(2, "web"), monday)
	b.implement(cpu(3, "job"), monday)
	blind := entryOf(cpu(4, "old"), engine.EntryApproved, monday)
	b.add(entryOf(cpu(4, "old"), engine.EntryDetected, monday), blind, entryOf(cpu(4, "old"), engine.EntryImplemented, monday))
	little := replicas(dayAfter(1), 48, 24)
	little.Seen = 0.2
	news, gaps := b.measure(dayAfter(1), map[int64]ledger.Use{2: little, 3: replicas(dayAfter(1), 48, 24), 4: replicas(dayAfter(1), 48, 24)})
	if len(news) != 1 || news[0].Finding != 3 {
		t.Errorf("%+v; want an entry of job alone", news)
	}
	var all []string
	for _, g := range gaps {
		all = append(all, g.Collector+": "+g.Reason)
	}
	got := strings.Join(all, "\n")
	for _, want := range []string{"payments/api: nothing is known of 3 November", "payments/web: 3 November: 20 % of the day", "payments/old: there is no baseline"} {
		if !strings.Contains(got, want) {
			t.Errorf("gaps %s\nlack %q", got, want)
		}
	}
}

func TestARequestThatWasLoweredTwiceIsCountedOnce(t *testing.T) {
	b := &book{t: t}
	first, second := cpu(1, "api"), cpu(1, "api")
	second.Reopened, second.Sizing.Old, second.Sizing.New = 1, 500, 250
	b.implement(first, monday)
	b.implement(second, dayAfter(5))
	news, _ := ledger.MeasureDay(dayAfter(6), b.entries, map[int64]ledger.Use{1: replicas(dayAfter(6), 48, 12)})
	// The older chain has 2 to 0.5 cores, the newer one 0.5 to 0.25.
	equal(t, "older", news[0].Amount, engine.MicroUSD(2_160_000))
	equal(t, "newer", news[1].Amount, engine.MicroUSD(360_000))
	news, _ = ledger.MeasureDay(dayAfter(6), b.entries, map[int64]ledger.Use{1: replicas(dayAfter(6), 48, 48)})
	equal(t, "raised between them, older", news[0].Amount, engine.MicroUSD(1_440_000))
	equal(t, "raised between them, newer", news[1].Amount, engine.MicroUSD(0))
	news, _ = ledger.MeasureDay(dayAfter(6), b.entries, map[int64]ledger.Use{1: replicas(dayAfter(6), 48, 120)})
	equal(t, "raised above all, older", news[0].Amount, engine.MicroUSD(-720_000))
	equal(t, "raised above all, newer", news[1].Amount, engine.MicroUSD(0))
}

func TestNodesOfAGroupShareWhatItLost(t *testing.T) {
	b := &book{t: t}
	before := []ledger.Use{nodes(dayAfter(-1), 120)}
	b.implement(node(1, "n1"), monday, before...)
	b.implement(node(2, "n2"), monday, before...)
	gone := nodes(dayAfter(1), 96)
	gone.Gone = true
	news, _ := ledger.MeasureDay(dayAfter(1), b.entries, map[int64]ledger.Use{1: nodes(dayAfter(1), 96), 2: gone})
	equal(t, "one node less", amounts(news), map[int64][2]engine.MicroUSD{1: {0, 0}, 2: {4_800_000, 4_800_000}})
	news, _ = ledger.MeasureDay(dayAfter(1), b.entries, map[int64]ledger.Use{1: nodes(dayAfter(1), 48), 2: nodes(dayAfter(1), 48)})
	equal(t, "three nodes less", amounts(news), map[int64][2]engine.MicroUSD{1: {4_800_000, 4_800_000}, 2: {4_800_000, 4_800_000}})
	b.implement(node(3, "n3"), dayAfter(8), nodes(dayAfter(7), 72))
	three := nodes(dayAfter(9), 72)
	news, _ = ledger.MeasureDay(dayAfter(9), b.entries, map[int64]ledger.Use{1: three, 2: three, 3: three})
	equal(t, "a later chain whose node is still there", amounts(news),
		map[int64][2]engine.MicroUSD{1: {4_800_000, 4_800_000}, 2: {4_800_000, 4_800_000}, 3: {0, 0}})
}

func TestHoursBesideCommitmentsAreSharedToo(t *testing.T) {
	some := func(hours float64) *float64 { return &hours }
	before, after := nodes(dayAfter(-1), 120), nodes(dayAfter(1), 72)
	before.Uncovered, after.Uncovered = some(40), some(10)
	b := &book{t: t}
	b.implement(node(1, "n1"), monday, before)
	b.implement(node(2, "n2"), monday, before)
	news, _ := ledger.MeasureDay(dayAfter(1), b.entries, map[int64]ledger.Use{1: after, 2: after})
	// Two nodes went, but only 30 hours beside the commitments.
	equal(t, "cash", amounts(news), map[int64][2]engine.MicroUSD{1: {4_800_000, 4_800_000}, 2: {4_800_000, 1_200_000}})
}

// world is a cluster in which a request of 2 cores was lowered to half a core for 48 replica-hours a day: 72 core-hours are freed.
func capacity(day int, units, has, requested float64) ledger.Use {
	u := replicas(dayAfter(day), 48, units)
	u.Capacity, u.Requested = has, requested
	return u
}

func TestFreedRequestsAreCashWhenNodesGo(t *testing.T) {
	freed := engine.MicroUSD(2_160_000)
	for name, c := range map[string]struct {
		use  ledger.Use
		cash engine.MicroUSD
	}{
		"no node went":                          {capacity(1, 24, 960, 408), 0},
		"a node went":                           {capacity(1, 24, 912, 408), 1_440_000},
		"more went than was freed":              {capacity(1, 24, 768, 408), freed},
		"nodes were added":                      {capacity(1, 24, 1200, 408), 0},
		"the rest of the load fell":             {capacity(1, 24, 480, 168), 0},
		"some of it is the load's":              {capacity(1, 24, 888, 396), 1_440_000},
		"nothing is known of nodes":             {replicas(dayAfter(1), 24*2, 24), 0},
		"nothing was freed, but the nodes went": {capacity(1, 96, 480, 480), 0},
	} {
		b := &book{t: t}
		b.implement(cpu(1, "api"), monday, capacity(-1, 96, 960, 480))
		news, _ := ledger.MeasureDay(dayAfter(1), b.entries, map[int64]ledger.Use{1: c.use})
		if len(news) != 1 || news[0].Cash != c.cash {
			t.Errorf("%s: %+v; want %s cash", name, news, c.cash)
		}
	}
}

func TestFreedRequestsAreNotTheCashOfNodesOrOfOthers(t *testing.T) {
	setup := func() *book {
		b := &book{t: t}
		b.implement(cpu(1, "api"), monday, capacity(-1, 96, 960, 480))
		b.implement(cpu(2, "web"), monday, capacity(-1, 96, 960, 480))
		return b
	}
	b := setup()
	// A node of 4 cores went: 96 core-hours, which two chains share that freed 72 each.
	use := capacity(1, 24, 864, 336)
	news, _ := ledger.MeasureDay(dayAfter(1), b.entries, map[int64]ledger.Use{1: use, 2: use})
	equal(t, "shared", amounts(news), map[int64][2]engine.MicroUSD{1: {2_160_000, 1_440_000}, 2: {2_160_000, 1_440_000}})
	b.implement(node(3, "n1"), monday, nodes(dayAfter(-1), 240))
	uses := map[int64]ledger.Use{1: use, 2: use, 3: nodes(dayAfter(1), 216)}
	news, _ = ledger.MeasureDay(dayAfter(1), b.entries, uses)
	equal(t, "the node has a chain of its own", amounts(news),
		map[int64][2]engine.MicroUSD{1: {2_160_000, 0}, 2: {2_160_000, 0}, 3: {4_800_000, 4_800_000}})
	b = setup()
	unknown := nodes(dayAfter(-1), 240)
	unknown.Cores = 0
	b.implement(node(3, "n1"), monday, unknown)
	use = capacity(1, 24, 480, 336)
	news, _ = ledger.MeasureDay(dayAfter(1), b.entries, map[int64]ledger.Use{1: use, 2: use, 3: nodes(dayAfter(1), 216)})
	equal(t, "a node of unknown size", amounts(news)[1], [2]engine.MicroUSD{2_160_000, 0})
}

func TestADayMeasuredAnewIsCorrected(t *testing.T) {
	some := func(hours float64) *float64 { return &hours }
	before, after := nodes(dayAfter(-1), 96), nodes(dayAfter(1), 72)
	before.Uncovered = some(30)
	b := &book{t: t}
	f := node(1, "n1")
	f.Basis.Covered = 0.5
	b.implement(f, monday, before)
	b.measure(dayAfter(1), map[int64]ledger.Use{1: after}) // there is no bill yet
	after.Uncovered = some(30)
	news, _ := ledger.MeasureDay(dayAfter(1), b.entries, map[int64]ledger.Use{1: after})
	if len(news) != 1 || news[0].Kind != engine.EntryCorrected || news[0].Amount != 0 || news[0].Cash != -2_400_000 || news[0].Corrects != 4 {
		t.Fatalf("the bill came: %+v; want $2.40 less cash for entry 4", news)
	}
	b.add(news...)
	b.add(news...) // another replica's
	if again, _ := b.measure(dayAfter(1), map[int64]ledger.Use{1: after}); len(again) != 0 {
		t.Errorf("measured a third time: %+v", again)
	}
	after.Uncovered = some(18)
	again, _ := b.measure(dayAfter(1), map[int64]ledger.Use{1: after})
	if len(again) != 1 || again[0].Cash != 2_400_000 || again[0].Ref == news[0].Ref {
		t.Errorf("the bill settled: %+v; want $2.40 more cash", again)
	}
	l := ledger.Fold(b.entries, engine.LedgerFilter{})[0]
	if l.Verified != 4_800_000 || l.Cash != 2_400_000 || l.Days != 1 {
		t.Errorf("%+v; want $4.80, half of it cash, of one day", l)
	}
}

func TestCapacityThatWentIsTheCashOfTheNewestFirst(t *testing.T) {
	b := &book{t: t}
	b.implement(cpu(1, "api"), monday, capacity(-1, 96, 960, 480))
	b.implement(cpu(2, "web"), dayAfter(3), capacity(2, 96, 960, 480))
	use := capacity(4, 24, 864, 336) // 96 core-hours went, of which the newer chain frees 72
	news, _ := ledger.MeasureDay(dayAfter(4), b.entries, map[int64]ledger.Use{1: use, 2: use})
	equal(t, "cash", amounts(news), map[int64][2]engine.MicroUSD{1: {2_160_000, 720_000}, 2: {2_160_000, 2_160_000}})
}
