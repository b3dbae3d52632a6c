package view_test

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	slackgo "github.com/slack-go/slack"
	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/bot/view"
	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/test/slack"
)

var list2026 = engine.PriceBasis{Source: engine.PriceList, AsOf: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}

// wave is a week of use that goes up and down each day.
func wave(low, high float64) engine.Chart {
	c := engine.Chart{Unit: "cores", Start: time.Date(2026, 11, 15, 0, 0, 0, 0, time.UTC), Step: time.Hour}
	values := make([]float64, 168)
	for n := range values {
		values[n] = low + (high-low)*(1+math.Sin(float64(n)/24*2*math.Pi))/2
	}
	c.Series = []engine.ChartSeries{{Name: "highest pod", Values: values}}
	c.Lines = []engine.ChartLine{{Name: "request now", Value: 2}, {Name: "proposed", Value: 0.5}}
	return c
}

func oversized() engine.FindingGroup {
	w := engine.Workload{Cluster: "prod-eu", Namespace: "payments", Kind: "Deployment", Name: "api"}
	return engine.FindingGroup{
		ID: 7, Key: "workload/prod-eu/payments/Deployment/api", Cluster: "prod-eu", Title: "payments/api",
		Owner: engine.Owner{Team: "payments", By: "label team"}, Monthly: 103_450_000,
		Findings: []engine.Finding{
			{
				ID: 11, Kind: engine.OverRequestedCPU, Target: engine.Target{Workload: w, Container: "app"}, Monthly: 93_450_000, Whole: 120_000_000,
				Basis: list2026, Confidence: 0.93, Reasons: []string{"14 days of history in each of 3 pods"}, Risk: engine.RiskLow, Risks: []string{"3 replicas, and CPU can burst to the limit"},
				Lever: "resources.requests.cpu of container app in Deployment payments/api", Status: engine.FindingOpen, FirstSeen: t0,
				Sizing: &engine.Sizing{
					Resource: engine.CPU, Old: 2000, New: 500, Limit: 4000, Replicas: 3, Peak: 610, PeakDays: 35, Days: 8, Samples: 6912, Unit: 31_611,
					Autoscale: &engine.Autoscale{Name: "api", OldTarget: 20, NewTarget: 80},
					Backtest:  engine.Backtest{Days: 7, Samples: 6048, Over: 0.004, OverOld: 0}, Chart: wave(0.1, 0.45),
				},
			},
			{
				ID: 12, Kind: engine.OverRequestedMemory, Target: engine.Target{Workload: w, Container: "app"}, Monthly: 10_000_000, Whole: 10_000_000,
				Basis: list2026, Confidence: 0.75, Risk: engine.RiskMedium, Caveats: []string{"history of 9 days; 35 are wanted"}, Status: engine.FindingOpen, FirstSeen: t0,
				Sizing: &engine.Sizing{Resource: engine.Memory, Old: 2 << 30, New: 1288490188, Replicas: 2.5, Peak: 1 << 30, PeakDays: 9, Days: 8, Samples: 2304, Backtest: engine.Backtest{Days: 7, Samples: 2016}},
			},
		},
	}
}

// cameBack is a group with a card of now, beside a proposal that was told under the one before and one that is told under this.
func cameBack() engine.FindingGroup {
	g := oversized()
	g.Round, g.Thread = 1, engine.Thread{Channel: "C1", TS: "1800000000.000200"}
	g.Proposals = []engine.Proposal{
		{ID: 5, Title: "payments/api cpu 2 → 1", Status: engine.ProposalPending, Need: engine.ApprovalNeed{People: 2}, Thread: g.Thread},
		{ID: 4, Title: "payments/api cpu 4 → 2", Status: engine.ProposalReversed, Reason: "the request is what it was", Thread: engine.Thread{Channel: "C1", TS: "1700000000.000100"}},
	}
	return g
}

func idleNode() engine.FindingGroup {
	return engine.FindingGroup{
		ID: 8, Cluster: "prod-eu", Title: "node group workers", Monthly: 140_160_000,
		Findings: []engine.Finding{{
			ID: 13, Kind: engine.IdleNode, Target: engine.Target{Workload: engine.Workload{Cluster: "prod-eu", Kind: engine.KindNode, Name: "ip-10-0-1-2.eu-central-1.compute.internal"}, Provider: "i-0abc"},
			Monthly: 140_160_000, Cash: true, Basis: engine.PriceBasis{Source: engine.PriceEffective, AsOf: t0, Ratio: 0.7, Note: "Savings Plans cover 60 %"}, Confidence: 0.95, Risk: engine.RiskLow,
			Lever: "min_size of managed node group workers, 3 → 2", Caveats: []string{"under a commitment it is cash only once uncovered spend falls"}, Status: engine.FindingOpen,
			Node: &engine.NodeRemoval{Group: "workers", Controller: "managed node group", Instance: "m5.xlarge", Zone: "eu-central-1a", CPUShare: 0.18, MemoryShare: 0.0904, Placements: []engine.Placement{{Pod: "shop/cart-1", Node: "ip-10-0-2-9"}, {Pod: "shop/web-2", Node: "ip-10-0-2-9"}}},
		}},
	}
}

func orphan() engine.FindingGroup {
	return engine.FindingGroup{
		ID: 9, Title: "volumes of shop/db", Monthly: 5_500_000,
		Findings: []engine.Finding{{
			ID: 14, Kind: engine.OrphanVolume, Target: engine.Target{Workload: engine.Workload{Kind: engine.KindVolume, Name: "vol-0123"}, Provider: "vol-0123", Account: "123456789012", Region: "eu-central-1"},
			Monthly: 5_500_000, Cash: true, Basis: engine.PriceBasis{Source: engine.PriceEmbedded, AsOf: list2026.AsOf}, Confidence: 0.9, Risk: engine.RiskMedium, Status: engine.FindingOpen,
			Volume: &engine.VolumeRemoval{
				Type: "gp3", GiB: 100, Zone: "eu-central-1a", DetachedAt: t0, Cause: "released", Claim: "shop/data-db-0", PV: "pvc-77", Searched: []string{"prod-eu", "dev"},
				Plan: []string{"aws ec2 create-snapshot --volume-id vol-0123", "aws ec2 delete-volume --volume-id vol-0123"},
			},
		}},
	}
}

func settled() engine.FindingGroup {
	g := oversized()
	g.Monthly = 0
	g.Findings[0].Status, g.Findings[0].Reason, g.Findings[0].Until, g.Findings[0].By = engine.FindingSnoozed, "sale on Black Friday", t0.AddDate(0, 0, 14), engine.Person{ID: "U0BEN"}
	g.Findings[1].Status, g.Findings[1].Reason = engine.FindingClosed, "the request fits the use now"
	return g
}

func found() engine.Savings {
	a, b, c := oversized(), idleNode(), orphan()
	a.Thread = engine.Thread{Channel: "C0FIN", TS: "1700000000.000100"}
	return engine.Savings{
		Filter: "cluster=prod-eu", Groups: []engine.FindingGroup{b, a, c}, More: 3, Monthly: 249_110_000, Cash: 145_660_000, Snoozed: 1, NotWaste: 2,
		ByKind: []engine.SavingsLine{{Kind: engine.OverRequestedCPU, Count: 1, Monthly: 93_450_000}, {Kind: engine.IdleNode, Count: 1, Monthly: 140_160_000}},
		Scan: engine.Scan{
			ID: 4, Started: t0, Finished: t0.Add(9 * time.Second), Containers: 212, Nodes: 9, Volumes: 1, Missing: []engine.Gap{{Collector: "prometheus dev", Reason: "it does not answer"}},
			Cost: engine.ScanCost{Queries: 14, BilledCalls: 2, BilledAmount: 20_000},
		},
	}
}

func TestGoldenSavings(t *testing.T) {
	golden(t, map[string]any{
		"savings_sizing":      view.SavingsCard(oversized()),
		"savings_node":        view.SavingsCard(idleNode()),
		"savings_volume":      view.SavingsCard(orphan()),
		"savings_settled":     view.SavingsCard(settled()),
		"savings_former":      view.FormerCard(cameBack(), engine.Thread{Channel: "C1", TS: "1700000000.000100"}, "https://shop.slack.com/"),
		"savings_details":     view.SavingsDetails(oversized()),
		"savings_details_vol": view.SavingsDetails(orphan()),
		"reply_savings":       view.Reply(engine.Reply{Savings: new(found())}, workspace),
		"reply_savings_none":  view.Reply(engine.Reply{Savings: &engine.Savings{}}, workspace),
		"modal_snooze": view.Modal(engine.Form{Name: engine.FormSnooze, Title: "Snooze", Fields: []engine.Field{
			{Name: engine.FieldFinding, Label: "What", Kind: engine.FieldSelect, Value: "all", Options: []engine.Option{{Value: "all", Label: "all of it"}, {Value: "11", Label: "CPU of app"}}},
			{Name: engine.FieldUntil, Label: "Until", Kind: engine.FieldDate, Value: "2026-12-01"},
		}}, "{}"),
	})
}

func TestSavingsCardSaysWhatMatters(t *testing.T) {
	for name, c := range map[string]struct {
		g      engine.FindingGroup
		wanted []string
	}{
		"sizing": {oversized(), []string{"save $103.45 a month", "2 cores → 500m", "$93.45/month", "above the request in *0.4 %* of samples", "no limit to be killed at", "estimate at list price of 2026-11-01", "3 replicas", "20 % → 80 %", "1.2 GiB", "very likely", "the limit stays at 4 cores", "35 are wanted", "frees capacity"}},
		"node":   {idleNode(), []string{"save $140.16 a month", "what is really paid", "Savings Plans cover 60 %", "2 pods fit elsewhere", "18 %", "the bill falls by it", "managed node group"}},
		"volume": {orphan(), []string{"$5.50", "gp3, 100 GiB", "shop/data-db-0", "prod-eu", "A snapshot is made first"}},
		"over":   {settled(), []string{"nothing left to save", "Snoozed until", "sale on Black Friday", "the request fits the use now"}},
	} {
		text := said(t, view.SavingsCard(c.g))
		for _, want := range c.wanted {
			if !strings.Contains(text, want) {
				t.Errorf("%s: the card does not say %q:\n%s", name, want, text)
			}
		}
	}
	free := orphan()
	free.Monthly, free.Findings[0].Monthly, free.Findings[0].Basis = 0, 0, engine.PriceBasis{}
	if text := said(t, view.SavingsCard(free)); strings.Contains(text, "$0") || !strings.Contains(text, "price not known") {
		t.Errorf("a volume whose price nobody knows:\n%s", text)
	}
}

func TestSavingsButtons(t *testing.T) {
	for name, c := range map[string]struct {
		g    engine.FindingGroup
		want []string
	}{
		"open":    {oversized(), []string{"view", "snooze", "not_waste"}},
		"snoozed": {settled(), []string{"view", "snooze"}},
	} {
		var got []string
		for _, id := range actionsOf(view.SavingsCard(c.g)) {
			got = append(got, view.ActionOf(id))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: buttons %v, want %v", name, got, c.want)
		}
	}
	data, err := json.Marshal(view.SavingsCard(settled()).Blocks)
	if err != nil || !strings.Contains(string(data), `"value":"g7:undo"`) {
		t.Errorf("the button that wakes a snoozed finding: %v %s", err, data)
	}
}

// TestChartIsTrue reads the native chart back: no point lies, and the highest value of the week is in it.
func TestChartIsTrue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64Range(1e-6, 1e12), 2, 500).Draw(t, "values")
		g := oversized()
		g.Findings = g.Findings[:1]
		g.Findings[0].Sizing.Chart.Series[0].Values = values
		g.Findings[0].Sizing.Chart.Step = time.Duration(rapid.IntRange(1, 48).Draw(t, "hours")) * time.Hour
		m := view.SavingsCard(g)
		for _, b := range m.Blocks {
			chart, ok := b.(*slackgo.DataVisualizationBlock)
			if !ok {
				continue
			}
			line := chart.Chart.(*slackgo.DataVisualizationLineChart)
			most := 0.0
			for _, p := range line.Series[0].Data {
				most = max(most, p.Value)
			}
			if want := slices.Max(values); math.Abs(most-want) > want/1000 {
				t.Fatalf("the chart's highest point is %v of %v", most, want)
			}
			if len(view.WithoutCharts(m).Blocks) != len(m.Blocks)-1 {
				t.Fatal("the message without charts is not the rest of it")
			}
			return
		}
		t.Fatal("there is no chart")
	})
}

// TestSlackTakesSavings posts the biggest savings messages to the stand-in for Slack.
func TestSlackTakesSavings(t *testing.T) {
	server := slack.New(slack.Config{RateScale: 1000})
	if err := server.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	state, err := server.Control().State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	api := slackgo.New(server.BotToken(), slackgo.OptionAPIURL(server.APIURL()))
	for sort, text := range map[string]string{
		"real": "", "prose": strings.Repeat("the database does not answer ", 40), "wide": strings.Repeat("界", 900), "escaped": strings.Repeat("<!channel>&> *x* ", 400),
	} {
		groups := []engine.FindingGroup{oversized(), idleNode(), orphan(), settled()}
		s := found()
		if text != "" {
			for n := range groups {
				groups[n] = swollen(groups[n], text)
			}
			s.Filter = text
		}
		for range 40 {
			s.Groups = append(s.Groups, groups...)
		}
		drawings := map[string]view.Message{"list": view.Reply(engine.Reply{Savings: &s}, workspace)}
		for n, g := range groups {
			drawings[fmt.Sprint("card ", n)] = view.SavingsCard(g)
			modal := view.SavingsDetails(g)
			drawings[fmt.Sprint("details ", n)] = view.Message{Text: "details", Blocks: modal.Blocks.BlockSet}
		}
		for name, m := range drawings {
			checkDrawing(t, sort+" "+name, m)
			_, _, err := api.PostMessageContext(t.Context(), state.Channels[0].ID, slackgo.MsgOptionText(m.Text, false), slackgo.MsgOptionBlocks(m.Blocks...))
			if err != nil {
				t.Errorf("%s %s: Slack says %v of %d blocks that weigh %d", sort, name, err, len(m.Blocks), weigh(m.Blocks))
			}
		}
	}
}

// swollen is a group of which there is more of everything than a message holds.
func swollen(g engine.FindingGroup, text string) engine.FindingGroup {
	g.Title, g.Cluster, g.Owner = text, text, engine.Owner{Team: text, By: text}
	for len(g.Findings) < 30 {
		g.Findings = append(g.Findings, g.Findings[0])
	}
	g.Findings = slices.Clone(g.Findings)
	for n := range g.Findings {
		f := &g.Findings[n]
		f.Target.Container, f.Target.Name, f.Lever, f.Reason, f.Basis.Note = text, text, text, text, text
		f.Reasons, f.Risks, f.Caveats = []string{text, text}, []string{text}, []string{text, text, text, text, text}
		if f.Node != nil {
			node := *f.Node
			node.Group, node.Controller = text, text
			for range 200 {
				node.Placements = append(node.Placements, engine.Placement{Pod: text, Node: text})
			}
			f.Node = &node
		}
		if f.Sizing != nil {
			sizing := *f.Sizing
			sizing.Chart = wave(0.1, 0.4)
			sizing.Chart.Unit, sizing.Chart.Series[0].Name = text, text
			f.Sizing = &sizing
		}
	}
	return g
}

// Whether the bill falls is said of what a card shows, not of its best line; a name in a tag is not a PersistentVolume.
func TestSavingsCardClaimsNoMoreThanIsTrue(t *testing.T) {
	two := idleNode()
	two.Findings = append(slices.Clone(two.Findings), two.Findings[0])
	two.Findings[1].Cash = false
	committed := idleNode()
	committed.Findings[0].Cash = false
	leaked := orphan()
	volume := *leaked.Findings[0].Volume
	volume.Cause = "leaked"
	leaked.Findings[0].Volume = &volume
	for name, c := range map[string]struct {
		g           engine.FindingGroup
		says, never string
	}{
		"one of two":   {two, "the bill falls by 1 of 2", "falls by it"},
		"a commitment": {committed, "commitments pay for it", "falls by it"},
		"released":     {orphan(), "still names it", "no bill"},
		"leaked":       {leaked, "shop/data-db-0", "still names it"},
	} {
		if text := said(t, view.SavingsCard(c.g)); !strings.Contains(text, c.says) || strings.Contains(text, c.never) {
			t.Errorf("%s: the card says not %q, or says %q:\n%s", name, c.says, c.never, text)
		}
	}
}

// TestWhatWasNotTriedIsNoEvidence shows no count of what could not have been counted.
func TestWhatWasNotTriedIsNoEvidence(t *testing.T) {
	card := func(change func(cpu, memory *engine.Sizing)) string {
		g := oversized()
		for k := range g.Findings {
			s := *g.Findings[k].Sizing
			g.Findings[k].Sizing = &s
		}
		change(g.Findings[0].Sizing, g.Findings[1].Sizing)
		return fmt.Sprint(texts(t, view.SavingsCard(g).Blocks))
	}
	for name, c := range map[string]struct {
		change    func(cpu, memory *engine.Sizing)
		has, lack string
	}{
		"memory with a limit":    {func(_, m *engine.Sizing) { m.Limit = 4 << 30 }, "*0 OOM kills*", "no limit to be killed at"},
		"memory without one":     {func(_, _ *engine.Sizing) {}, "no limit to be killed at", "OOM kill"},
		"memory without history": {func(_, m *engine.Sizing) { m.Limit, m.Backtest = 4<<30, engine.Backtest{} }, "No backtest: the history is too short.", "OOM kill"},
		"peaks that nobody kept": {func(c, _ *engine.Sizing) { c.Peak, c.PeakDays = 0, 0 }, "peak not known", "peak 0"},
	} {
		if got := card(c.change); !strings.Contains(got, c.has) || strings.Contains(got, c.lack) {
			t.Errorf("%s: want %q and not %q in\n%s", name, c.has, c.lack, got)
		}
	}
	cpu := cpuItem()
	if got := fmt.Sprint(texts(t, view.PlanModal(engine.Plan{Group: oversized(), Items: []engine.ProposalItem{cpu}}, "{}").Blocks.BlockSet)); strings.Contains(got, "OOM") || !strings.Contains(got, "*0.4 %* of samples.") {
		t.Errorf("a plan for CPU: %s", got)
	}
	cpu.Backtest = nil
	if got := fmt.Sprint(texts(t, view.PlanModal(engine.Plan{Group: oversized(), Items: []engine.ProposalItem{cpu}}, "{}").Blocks.BlockSet)); !strings.Contains(got, "No backtest") {
		t.Errorf("a plan without a backtest: %s", got)
	}
}

// texts is what blocks say, as Slack gets it.
func texts(t *testing.T, blocks []slackgo.Block) string {
	t.Helper()
	b, err := json.Marshal(blocks)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
