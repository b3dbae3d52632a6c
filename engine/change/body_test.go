package change

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
)

var updateBodies = flag.Bool("update-bodies", false, "write the golden files of pull requests")

func TestBodyGolden(t *testing.T) {
	for name, c := range map[string]struct {
		p engine.Proposal
		o Options
	}{
		"memory":   {proposal(item()), evidence()},
		"several":  {severalLines(), evidence()},
		"volume":   {volumeProposal(), volumeEvidence()},
		"incident": {incidentProposal(), Options{Incident: &engine.Incident{ID: 42, Title: "payments/api is killed for memory", Diagnosis: engine.Diagnosis{Causes: []engine.Cause{{Title: "limit below the working set", Text: "It used 498 MiB of 512 MiB before each kill."}}}}}},
		"revert":   {revertProposal(), Options{Reverts: "https://github.com/shop/deploy/pull/17"}},
	} {
		t.Run(name, func(t *testing.T) {
			golden(t, filepath.Join("testdata", "body", name+".md"), Body(c.p, c.o))
		})
	}
}

func TestBodyCountsKillsOfMemoryAlone(t *testing.T) {
	for kind, want := range map[engine.FindingKind]bool{engine.OverRequestedMemory: true, engine.OverRequestedCPU: false} {
		i := item()
		i.Kind = kind
		if body := Body(proposal(i), evidence()); strings.Contains(body, "OOM kills") != want || !strings.Contains(body, "(0.1 % with the request of today)") {
			t.Errorf("%s:\n%s", kind, body)
		}
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *updateBodies {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func TestBodyFirstLine(t *testing.T) {
	for name, c := range map[string]struct {
		money engine.MicroUSD
		want  string
	}{
		"saves": {41 * engine.USD, "**Saves $41.00 a month (estimate), low risk.** payments/api memory 2 → 1.2 GiB"},
		"costs": {-3 * engine.USD, "**Costs $3.00 a month more (estimate), low risk.** payments/api memory 2 → 1.2 GiB"},
		"same":  {0, "**Saves no money, low risk.** payments/api memory 2 → 1.2 GiB"},
	} {
		p := proposal(item())
		p.Monthly = c.money
		if first, _, _ := strings.Cut(Body(p, Options{}), "\n"); first != c.want {
			t.Errorf("%s: %q, want %q", name, first, c.want)
		}
	}
}

// TestBodyFits has more to say than a page holds: the marker, the sum and the way back stay.
func TestBodyFits(t *testing.T) {
	for _, n := range []int{1, 40, 400, 4000} {
		p := proposal()
		for k := range n {
			i := item()
			i.ID, i.FindingID = int64(k), int64(k)
			i.Title = strings.Repeat("<*|`long`|*>", 20)
			i.Steps = []string{strings.Repeat("step ", 100)}
			i.Why = strings.Repeat("why ", 200)
			i.Edits[0].Diff = strings.Repeat("-- a very long line of a file\n", 1000)
			p.Items = append(p.Items, i)
			p.Approved = append(p.Approved, engine.Approval{By: engine.Person{ID: "U1", Name: strings.Repeat("|", 500)}})
		}
		body := Body(p, Options{})
		if len(body) > bodyLimit {
			t.Errorf("%d lines make %d bytes", n, len(body))
		}
		if !strings.HasSuffix(body, Marker(p)+"\n") || !strings.Contains(body, "### Rollback") {
			t.Errorf("%d lines: the marker or the rollback is gone", n)
		}
		if n > 40 && (!strings.Contains(body, " more | | | $") || !strings.Contains(body, "more changes is left out")) {
			t.Errorf("%d lines: nothing says what was left out", n)
		}
	}
}

func TestChartText(t *testing.T) {
	start := time.Date(2026, 11, 9, 0, 0, 0, 0, time.UTC)
	chart := func(step time.Duration, lines []engine.ChartLine, values ...float64) engine.Chart {
		return engine.Chart{Unit: "GiB", Start: start, Step: step, Series: []engine.ChartSeries{{Name: "use", Values: values}}, Lines: lines}
	}
	many := make([]float64, 1000)
	for n := range many {
		many[n] = float64(n % 100)
	}
	requests := []engine.ChartLine{{Name: "request today", Value: 2}, {Name: "proposed", Value: 1.2}}
	for name, c := range map[string]struct {
		chart engine.Chart
		want  []string
	}{
		"as it is": {chart(12*time.Hour, requests, 0.5, 1, 0.75, 0.2), []string{
			`x-axis "days" 0 --> 2`, `y-axis "GiB" 0 --> 2.2`, "bar [0.5, 1, 0.75, 0.2]", "line [2, 2, 2, 2]", "line [1.2, 1.2, 1.2, 1.2]", "request today (2 GiB), proposed (1.2 GiB)",
		}},
		"a gap has the one before":    {chart(time.Hour, nil, engine.Missing, 1, engine.Missing, 2), []string{"bar [0, 1, 1, 2]"}},
		"the highest of each stretch": {chart(time.Hour, nil, many...), []string{"bar [17, 35, 53, 71, 89, 99, "}},
		"small numbers are seen":      {chart(time.Hour, nil, 0.00021, 0.00043), []string{"bar [0.00021, 0.00043]"}},
		"large ones have no exponent": {chart(time.Hour, nil, 1e10, 2e10), []string{"bar [10000000000, 20000000000]"}},
	} {
		got := chartText(c.chart)
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q is not in\n%s", name, want, got)
			}
		}
	}
	for name, c := range map[string]engine.Chart{
		"nothing":         {},
		"one value":       chart(time.Hour, requests, 1),
		"none is known":   chart(time.Hour, requests, engine.Missing, engine.Missing),
		"nothing is used": chart(time.Hour, nil, 0, 0),
		"no step":         chart(0, requests, 1, 2),
	} {
		if got := chartText(c); got != "" {
			t.Errorf("%s: drawn as\n%s", name, got)
		}
	}
	hostile := chart(time.Hour, []engine.ChartLine{{Name: "x\"]\n```\n<img>", Value: 1}}, 1, 2)
	hostile.Unit = "GiB\"\n```"
	if got := chartText(hostile); strings.Count(got, "```") != 2 || strings.Contains(got, "<img>") {
		t.Errorf("a chart was broken out of:\n%s", got)
	}
}

func proposal(items ...engine.ProposalItem) engine.Proposal {
	return engine.Proposal{
		ID: 3, Key: "0123abcd", Cluster: "prod", Team: "payments", Title: "payments/api memory 2 → 1.2 GiB", Repo: "shop/deploy", Base: "main",
		Items: items, Hash: PlanHash(items), Monthly: 41 * engine.USD, Status: engine.ProposalApproved,
		Approved: []engine.Approval{
			{By: engine.Person{ID: "U1", Name: "Ada Lovelace"}, At: time.Date(2026, 11, 23, 3, 12, 0, 0, time.UTC), Role: "sre"},
			{By: engine.Person{ID: "U2", Name: "Grace Hopper"}, At: time.Date(2026, 11, 23, 3, 15, 0, 0, time.UTC), Role: "finops"},
		},
		CreatedAt: time.Date(2026, 11, 23, 3, 10, 0, 0, time.UTC),
	}
}

func evidence() Options {
	values := make([]float64, 80)
	for n := range values {
		values[n] = 0.8 + 0.1*float64(n%4)
	}
	return Options{
		Logins:    map[string]string{"U1": "ada"},
		ThreadURL: "https://shop.slack.com/archives/C1/p1700000000000100",
		Findings: map[int64]engine.Finding{11: {
			Confidence: 0.93, Reasons: []string{"14 days of history", "the peak of 30 days is known"}, Risks: []string{"one replica at night"}, Caveats: []string{"Savings Plans are estimated"},
			Sizing: &engine.Sizing{
				Resource: engine.Memory, Old: 2 << 30, New: 1229 << 20, Replicas: 3, Peak: 1100 << 20, PeakDays: 30, Days: 14, Samples: 4032,
				Chart: engine.Chart{
					Unit: "GiB", Start: time.Date(2026, 11, 9, 0, 0, 0, 0, time.UTC), Step: 252 * time.Minute,
					Series: []engine.ChartSeries{{Name: "use of the highest pod", Values: values}},
					Lines:  []engine.ChartLine{{Name: "request today", Value: 2}, {Name: "proposed", Value: 1.2}},
				},
			},
		}},
	}
}

func severalLines() engine.Proposal {
	first, second := item(), item()
	first.Why, first.ByHand, first.Steps, first.Wish.With = "", nil, nil, nil
	second.FindingID, second.Title, second.Wish.Field, second.Wish.Old, second.Wish.New = 12, "payments/worker cpu 2 → 0.5 cores", "cpu", "2", "500m"
	second.Risk, second.Monthly, second.Cash, second.Basis = engine.RiskMedium, 0, false, engine.PriceBasis{}
	second.Wish.With, second.Steps, second.Edits, second.Backtest = nil, nil, nil, nil
	p := proposal(first, second)
	p.Title = "2 changes in shop/deploy"
	return p
}

func volumeProposal() engine.Proposal {
	i := item()
	i.FindingID, i.Kind, i.Title, i.Wish.Kind, i.Wish.With = 13, engine.OrphanVolume, "volume vol-0abc removed", engine.WishVolume, nil
	i.Wish.Old, i.Wish.New, i.Wish.Field, i.Backtest, i.Why, i.ByHand = "", "", "", nil, "", nil
	i.Edits = []engine.FileEdit{{
		Path: "volumes.tf", Line: 3, Before: "resource \"aws_ebs_volume\" \"old\" {\n}\n",
		Diff: "--- a/volumes.tf\n+++ b/volumes.tf\n@@ -3,2 +3,0 @@\n-resource \"aws_ebs_volume\" \"old\" {\n-}\n",
	}}
	p := proposal(i)
	p.Title = "volume vol-0abc removed"
	return p
}

func volumeEvidence() Options {
	return Options{Findings: map[int64]engine.Finding{13: {Volume: &engine.VolumeRemoval{
		Type: "gp3", GiB: 500, DetachedAt: time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC), Searched: []string{"prod", "staging"},
		Snapshot: "snap-0def", SnapshotAt: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
	}}}}
}

func incidentProposal() engine.Proposal {
	i := item()
	i.FindingID, i.Monthly, i.Steps, i.Why, i.ByHand, i.Backtest = 0, -3*engine.USD, nil, "", nil, nil
	i.Title, i.Wish.Kind, i.Wish.Old, i.Wish.New, i.Wish.With = "payments/api memory limit 512 MiB → 1 GiB", engine.WishLimit, "512Mi", "1Gi", nil
	p := proposal(i)
	p.Incident, p.Monthly, p.Title = 42, -3*engine.USD, i.Title
	return p
}

func revertProposal() engine.Proposal {
	i := item()
	i.Steps, i.Why, i.ByHand, i.Backtest = nil, "", nil, nil
	p := proposal(i)
	p.Reverts, p.Monthly = 2, 0
	return p
}
