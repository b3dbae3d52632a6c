package view_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/slack-go/slack"
	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/bot/view"
	"github.com/eks-autopilot/autopilot/engine"
)

// everyDigest draws all that is drawn of a digest.
func everyDigest(d engine.Digest) map[string]view.Message {
	out := map[string]view.Message{
		"digest": view.Digest(digestKey, d, workspace),
		"reply":  view.Reply(engine.Reply{Text: "Here it is.", Digest: &d}, workspace),
	}
	for part := range int64(engine.DigestParts) {
		m, err := view.DigestDetails(d, part+1)
		if err != nil {
			panic(err)
		}
		out[fmt.Sprint("details ", part+1)] = m
	}
	return out
}

// TestTwoHundredTeams draws a digest with 200 of everything, by names of every bad kind. The funnel and the footer have their place
// whatever stands above.
func TestTwoHundredTeams(t *testing.T) {
	for _, text := range nasty {
		for name, m := range everyDigest(crowded(text)) {
			checkDrawing(t, fmt.Sprintf("%s of %.20q", name, text), m)
			shown := said(t, m)
			if name != "digest" {
				continue
			}
			for _, want := range []string{"From waste to money", "The bot itself: $0.24", "in the thread", "Open opportunities"} {
				if !strings.Contains(shown, want) {
					t.Errorf("%.20q: %q is not shown", text, want)
				}
			}
		}
	}
}

func amountOf(t *rapid.T) engine.MicroUSD {
	return engine.MicroUSD(rapid.OneOf(rapid.Int64Range(-1e15, 1e15), rapid.SampledFrom([]int64{0, 1, -1, 4_999, 5_000, 99_995_000})).Draw(t, "amount"))
}

func hostileDigest(t *rapid.T) engine.Digest {
	scope := func(t *rapid.T) engine.DigestScope { return engine.DigestScope{Team: text(t), Cluster: text(t)} }
	step := func() engine.FunnelStep {
		return engine.FunnelStep{Chains: rapid.IntRange(0, 9).Draw(t, "chains"), Monthly: amountOf(t)}
	}
	share := func(t *rapid.T) engine.LedgerShare {
		return engine.LedgerShare{Name: text(t), Detected: amountOf(t), Implemented: amountOf(t), Verified: amountOf(t), Cash: amountOf(t)}
	}
	kind := rapid.SampledFrom([]engine.PeriodKind{engine.Weekly, engine.Monthly}).Draw(t, "kind")
	d := engine.Digest{Period: engine.PeriodOf(kind, time.Unix(rapid.Int64Range(1.6e9, 2.2e9).Draw(t, "at"), 0)), Scope: scope(t), Closed: rapid.Bool().Draw(t, "closed")}
	d.Spend = engine.Spend{
		Total: amountOf(t), Before: amountOf(t), SameTotal: amountOf(t), SameBefore: amountOf(t), SameDays: rapid.IntRange(0, 7).Draw(t, "same"),
		DaysKnown: rapid.IntRange(0, 31).Draw(t, "known"), DaysBefore: rapid.IntRange(0, 31).Draw(t, "before"), Provisional: amountOf(t), Estimated: amountOf(t),
		Idle: amountOf(t), Unallocated: amountOf(t), Allocated: rapid.Float64Range(-2, 2).Draw(t, "allocated"),
	}
	for n := range rapid.IntRange(0, 400).Draw(t, "days") {
		if rapid.Bool().Draw(t, "absent") {
			continue
		}
		d.Trend = append(d.Trend, engine.SpendDay{Day: d.Period.To.AddDate(0, 0, n-400), Amount: amountOf(t)})
	}
	if rapid.Bool().Draw(t, "forecast") {
		d.Forecast = &engine.Forecast{Month: d.Period.From, SoFar: amountOf(t), Mid: amountOf(t), Low: amountOf(t), High: amountOf(t), Before: amountOf(t)}
	}
	by := func(t *rapid.T) string {
		return rapid.SampledFrom([]string{"team", "cluster", "kind", ""}).Draw(t, "by")
	}
	d.Waterfall = some(t, 20, func(t *rapid.T) engine.SpendStep {
		return engine.SpendStep{By: by(t), Name: text(t), Amount: amountOf(t)}
	})
	d.Movers = some(t, 20, func(t *rapid.T) engine.Mover {
		return engine.Mover{By: by(t), Name: text(t), Before: amountOf(t), Now: amountOf(t)}
	})
	for _, of := range []string{"team", "cluster", "kind"} {
		d.Breakdowns = append(d.Breakdowns, engine.Breakdown{By: of, Lines: some(t, 20, func(t *rapid.T) engine.BreakdownLine {
			return engine.BreakdownLine{Name: text(t), Amount: amountOf(t), Before: amountOf(t)}
		})})
	}
	d.Budgets = some(t, 12, func(t *rapid.T) engine.Budget {
		return engine.Budget{Name: text(t), Scope: scope(t), Month: d.Period.From, Amount: amountOf(t), Spent: amountOf(t), Forecast: amountOf(t)}
	})
	d.Units = some(t, 12, func(t *rapid.T) engine.UnitCost {
		return engine.UnitCost{Name: text(t), Scope: scope(t), Count: rapid.Float64().Draw(t, "count"), Days: 7, Spend: amountOf(t), Each: rapid.Float64().Draw(t, "each"), Before: rapid.Float64().Draw(t, "each")}
	})
	d.Funnel = engine.Funnel{
		Identified: step(), Approved: step(), Implemented: step(), Reversed: step(), Verified: amountOf(t), Cash: amountOf(t), Low: amountOf(t), High: amountOf(t),
		Promised: amountOf(t), Chains: rapid.IntRange(0, 5).Draw(t, "measured"), Missed: rapid.IntRange(0, 5).Draw(t, "missed"), Year: amountOf(t),
	}
	d.Ledger = engine.Ledger{Verified: amountOf(t), Cash: amountOf(t), Shares: some(t, 15, share), Lines: some(t, 15, func(t *rapid.T) engine.LedgerLine {
		return engine.LedgerLine{Type: engine.FindingKind(text(t)), Target: engine.Target{Workload: engine.Workload{Namespace: text(t), Name: text(t)}, Container: text(t)}, PullURL: text(t), Days: 1}
	})}
	d.ByType, d.ByCluster = some(t, 15, share), some(t, 15, share)
	d.Open = engine.Opportunities{Count: rapid.IntRange(0, 3).Draw(t, "open"), Monthly: amountOf(t), Top: some(t, 6, func(t *rapid.T) engine.Opportunity {
		return engine.Opportunity{
			Group: rapid.Int64().Draw(t, "group"), Title: text(t), Team: text(t), Cluster: text(t), Monthly: amountOf(t), Risk: engine.Risk(text(t)), Since: moment(t),
			Drafted: rapid.Bool().Draw(t, "drafted"), Thread: engine.Thread{Channel: text(t), TS: text(t)},
		}
	})}
	d.Incidents = engine.IncidentTally{
		Opened: rapid.IntRange(0, 3).Draw(t, "opened"), Detect: engine.Spread{Count: 1, Median: -time.Second}, Costed: 1, Cost: amountOf(t),
		BySeverity: some(t, 6, func(t *rapid.T) engine.SeverityLine {
			return engine.SeverityLine{Severity: engine.Severity(text(t)), Count: 1}
		}),
		Top: some(t, 15, func(t *rapid.T) engine.IncidentLine {
			return engine.IncidentLine{Title: text(t), Workload: engine.Workload{Name: text(t)}, Severity: engine.Severity(text(t)), Lasted: time.Duration(rapid.Int64().Draw(t, "lasted"))}
		}),
	}
	if rapid.Bool().Draw(t, "trust") {
		d.Trust = new(hostileScorecard(t))
	}
	d.Own = engine.OwnCost{BilledAmount: amountOf(t), Queries: rapid.Int().Draw(t, "queries"), Samples: rapid.Int64().Draw(t, "samples")}
	d.Insights = some(t, 4, func(t *rapid.T) engine.Insight { return engine.Insight{Text: text(t), Rows: text(t)} })
	d.Corrections = some(t, 15, func(t *rapid.T) engine.Correction {
		return engine.Correction{Of: text(t), Reason: text(t), Amount: amountOf(t), At: moment(t)}
	})
	d.Missing = some(t, 6, func(t *rapid.T) engine.Gap { return engine.Gap{Collector: text(t), Reason: text(t)} })
	d.Bills = engine.BillState{Newest: moment(t), Scan: moment(t), Source: text(t), Absent: some(t, 9, moment), Payers: some(t, 15, func(t *rapid.T) engine.PayerLine {
		return engine.PayerLine{Payer: text(t), Amount: amountOf(t)}
	})}
	d.Audit = &engine.Anchor{Seq: rapid.Int64().Draw(t, "seq"), Hash: text(t)}
	return d
}

func TestHostileDigestsKeepLimits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for name, m := range everyDigest(hostileDigest(t)) {
			checkDrawing(t, name, m)
			for _, b := range m.Blocks {
				if text := textOf(b); !isolated(text) {
					t.Errorf("%s: what runs from the right may turn its neighbours: %q", name, text)
				}
			}
		}
	})
}

// textOf is all that a block says.
func textOf(b slack.Block) string {
	var texts []*slack.TextBlockObject
	switch b := b.(type) {
	case *slack.HeaderBlock:
		texts = append(texts, b.Text)
	case *slack.SectionBlock:
		if texts = append(texts, b.Fields...); b.Text != nil {
			texts = append(texts, b.Text)
		}
	case *slack.ContextBlock:
		for _, e := range b.ContextElements.Elements {
			texts = append(texts, e.(*slack.TextBlockObject))
		}
	}
	var said []string
	for _, text := range texts {
		said = append(said, text.Text)
	}
	return strings.Join(said, "\n")
}

// isolated tells whether all that runs from the right stands between marks, of which each line closes those that it opens.
func isolated(text string) bool {
	for line := range strings.Lines(text) {
		depth := 0
		for _, r := range line {
			switch {
			case r == '\u2068':
				depth++
			case r == '\u2069':
				depth--
			case depth == 0 && unicode.In(r, unicode.Hebrew, unicode.Arabic, unicode.Syriac, unicode.Thaana, unicode.Nko, unicode.Adlam):
				return false
			}
			if depth < 0 || depth > 1 {
				return false
			}
		}
		if depth != 0 {
			return false
		}
	}
	return true
}

func TestANameFromTheRightTurnsNothing(t *testing.T) {
	d := week()
	d.Movers[0].Name = "תשלומים 2"
	d.Breakdowns[0].Lines[0].Name = "مدفوعات"
	for want, m := range map[string]view.Message{
		"• team \u2068תשלומים\u2069 2: *up 38 %* (+$911.90)": view.Digest(digestKey, d, workspace),
		"\n\u2068مدفوعات\u2069   $14,200.00":                 must(view.DigestDetails(d, 1)),
	} {
		found := false
		for _, b := range m.Blocks {
			found = found || strings.Contains(textOf(b), want)
		}
		if !found {
			t.Errorf("%q is not there:\n%s", want, said(t, m))
		}
	}
}

// TestApproveIsTheButtonOfTheCard compares the buttons of a digest with that of the card of the same group: pressed, they are the same.
func TestApproveIsTheButtonOfTheCard(t *testing.T) {
	g := oversized()
	g.Drafts = []engine.ProposalItem{{ID: 1, Edits: []engine.FileEdit{{Path: "a.yaml"}}}}
	var card *slack.ButtonBlockElement
	for _, b := range view.SavingsCard(g).Blocks {
		if actions, ok := b.(*slack.ActionBlock); ok {
			card = actions.Elements.ElementSet[0].(*slack.ButtonBlockElement)
		}
	}
	d := week()
	d.Open.Top[0].Group = g.ID
	buttons := map[string]*slack.ButtonBlockElement{}
	for _, b := range view.Digest(digestKey, d, workspace).Blocks {
		if s, ok := b.(*slack.SectionBlock); ok && s.Accessory != nil {
			if view.KeyOf(s.BlockID) != digestKey {
				t.Errorf("the block id %q names no digest", s.BlockID)
			}
			buttons[s.Accessory.ButtonElement.Value] = s.Accessory.ButtonElement
		}
	}
	got := buttons[card.Value]
	if len(buttons) != 2 || got == nil || got.ActionID != card.ActionID || view.ActionOf(got.ActionID) != string(engine.ActionApprove) || got.Text.Text != card.Text.Text {
		t.Errorf("of %d buttons, one is %+v; the card has %+v", len(buttons), got, card)
	}
	if got != nil && got.AccessibilityLabel != "Approve: node group workers" {
		t.Errorf("a screen reader says %q", got.AccessibilityLabel)
	}
}

// TestTablesAddUp adds up a breakdown and a waterfall as they are shown.
func TestTablesAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := empty()
		lines := make([]engine.BreakdownLine, rapid.IntRange(1, 40).Draw(t, "lines"))
		for n := range lines {
			lines[n] = engine.BreakdownLine{Name: fmt.Sprint("t", n), Amount: engine.MicroUSD(rapid.Int64Range(-1e10, 1e12).Draw(t, "amount")), Before: engine.MicroUSD(rapid.Int64Range(0, 1e12).Draw(t, "before"))}
		}
		d.Breakdowns = []engine.Breakdown{{By: "team", Lines: lines}}
		d.Spend.Before, d.Spend.Total = engine.MicroUSD(rapid.Int64Range(0, 1e12).Draw(t, "was")), 0
		d.Waterfall = []engine.SpendStep{{Name: "others", Amount: engine.MicroUSD(rapid.Int64Range(-1e10, 1e12).Draw(t, "step"))}}
		for range rapid.IntRange(0, 20).Draw(t, "steps") {
			d.Waterfall = append(d.Waterfall, engine.SpendStep{By: "team", Name: "x", Amount: engine.MicroUSD(rapid.Int64Range(-1e10, 1e12).Draw(t, "step"))})
		}
		d.Spend.Total = d.Spend.Before
		for _, s := range d.Waterfall {
			d.Spend.Total += s.Amount
		}
		m, err := view.DigestDetails(d, 1)
		if err != nil {
			t.Fatal(err)
		}
		tables := tablesOf(m)
		if len(tables) != 2 {
			t.Fatalf("%d tables", len(tables))
		}
		for n, rows := range tables {
			first := 1 // below the heading; the second table has none
			if n == 1 {
				first = 0
			}
			sum := 0
			for _, row := range rows[first : len(rows)-1] {
				sum += shownCents(amounts(row)[0])
			}
			if want := shownCents(amounts(rows[len(rows)-1])[0]); sum != want {
				t.Errorf("the lines come to %d cents, the last one says %d:\n%s", sum, want, strings.Join(rows, "\n"))
			}
		}
	})
}

// tablesOf are the lines of the tables of a message.
func tablesOf(m view.Message) (tables [][]string) {
	for _, b := range m.Blocks {
		if s, ok := b.(*slack.SectionBlock); ok && s.Text != nil {
			if _, rest, found := strings.Cut(s.Text.Text, "```\n"); found {
				tables = append(tables, strings.Split(strings.TrimSuffix(rest, "\n```"), "\n"))
			}
		}
	}
	return tables
}

// amounts are the words of a line that are money.
func amounts(line string) []string {
	return slices.DeleteFunc(strings.Fields(line), func(w string) bool { return !strings.Contains(w, "$") })
}

// shownCents is an amount as it is shown, in cents.
func shownCents(amount string) (n int) {
	for _, r := range amount {
		if r >= '0' && r <= '9' {
			n = 10*n + int(r-'0')
		}
	}
	if strings.HasPrefix(amount, "−") {
		return -n
	}
	return n
}
