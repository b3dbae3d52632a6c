package handlers

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/waste"
)

var scanTask = engine.Task{Kind: engine.TaskScan, Detail: "9"}

func gapsOf(r waste.Report) string {
	var all []string
	for _, g := range r.Scan.Missing {
		all = append(all, g.Collector+": "+g.Reason)
	}
	return strings.Join(all, "\n")
}

// scanOnce runs the task and gives the one report that it saved.
func scanOnce(t *testing.T, h *Handlers, f *fakeScans) waste.Report {
	t.Helper()
	if err := h.Tasks()[engine.TaskScan](t.Context(), scanTask); err != nil {
		t.Fatal(err)
	}
	if len(f.saved) != 1 {
		t.Fatalf("%d reports saved, want 1", len(f.saved))
	}
	return f.saved[0]
}

func TestScan(t *testing.T) {
	h, f := wasteFixture(t)
	r := scanOnce(t, h, f)
	if len(r.Scan.Skipped) == 0 { // its nodes, which say nothing of themselves
		t.Error("nothing was skipped")
	}
	if r.Scan.ID != 9 || r.Scan.Nodes != 2 || r.Scan.Volumes != 1 || len(r.Scan.Missing) != 0 {
		t.Errorf("report %+v", r.Scan)
	}
	if want := (engine.ScanCost{Queries: 6, Samples: 200, Slowest: time.Second}); r.Scan.Cost != want {
		t.Errorf("cost %+v, want %+v", r.Scan.Cost, want)
	}
	if d := cmp.Diff([]string{"detached/1/vol-0aa"}, r.Holding); d != "" {
		t.Error(d)
	}
	volumes := 0
	for _, found := range r.Outcome.Findings {
		if found.Kind == engine.OrphanVolume && found.Target.Provider == "vol-0aa" && found.Basis.Source == engine.PriceEmbedded && found.Monthly > 0 {
			volumes++
		}
	}
	if volumes != 1 {
		t.Errorf("found %+v, skipped %+v; want the volume, priced", r.Outcome.Findings, r.Outcome.Skips)
	}
	cpu := engine.Finding{Kind: engine.OverRequestedCPU, Target: engine.Target{Workload: api}}
	old := engine.Finding{Kind: engine.OverRequestedCPU, Target: engine.Target{Workload: engine.Workload{Cluster: "removed"}}}
	if !r.Judged(cpu) || !r.Judged(old) {
		t.Error("what is there, and what is of a cluster that is not configured any more, was judged")
	}
}

// What does not answer is a gap, and what rests on it is not judged.
func TestScanWithMissingParts(t *testing.T) {
	away := engine.Errorf(engine.Unavailable, "Prometheus does not answer")
	cpu := engine.Finding{Kind: engine.OverRequestedCPU, Target: engine.Target{Workload: api}}
	node := engine.Finding{Kind: engine.IdleNode, Target: engine.Target{Workload: engine.Workload{Cluster: "prod", Kind: engine.KindNode, Name: "prod-node"}}}
	volume := engine.Finding{Kind: engine.OrphanVolume, Target: engine.Target{Account: "1", Region: "eu-central-1"}}
	for name, c := range map[string]struct {
		breakIt func(*Handlers)
		gap     string
		judged  [3]bool // cpu, node, volume
	}{
		"a cluster hangs": {func(h *Handlers) {
			h.Waste.Clusters[0].Inventory = func(ctx context.Context) (waste.Cluster, []engine.Gap) {
				<-ctx.Done()
				return waste.Cluster{Complete: true}, nil
			}
		}, "prod: the cluster was not listed: no answer within 2m", [3]bool{}},
		"a cluster's listing panics": {func(h *Handlers) {
			h.Waste.Clusters[1].Inventory = func(context.Context) (waste.Cluster, []engine.Gap) { panic("nil map") }
		}, "dev: the cluster was not listed: failed; the log has the reason", [3]bool{true, true, false}},
		"no Prometheus": {func(h *Handlers) { h.Waste.Clusters[0].Usage = nil }, "prod: no Prometheus is configured", [3]bool{false, true, true}},
		"Prometheus is away": {func(h *Handlers) {
			h.Waste.Clusters[0].Usage = func(context.Context, *waste.Cluster, Wanted) Used {
				return Used{Gaps: []engine.Gap{{Collector: "prod", Reason: away.Error()}}}
			}
		}, "prod: Prometheus does not answer", [3]bool{false, true, true}},
		"Prometheus' answer panics": {func(h *Handlers) {
			h.Waste.Clusters[0].Usage = func(context.Context, *waste.Cluster, Wanted) Used { panic("index") }
		}, "prod: Prometheus: failed", [3]bool{false, true, true}},
		"an account hangs": {func(h *Handlers) {
			h.Waste.Accounts[0].Inventory = func(ctx context.Context) (waste.Account, []engine.Gap) {
				<-ctx.Done()
				return waste.Account{}, nil
			}
		}, "1 eu-central-1: the account was not listed: no answer within 2m", [3]bool{true, false, false}},
		"another account's role": {func(h *Handlers) {
			h.Waste.Accounts[0].Inventory = func(context.Context) (waste.Account, []engine.Gap) { return waste.Account{ID: "2"}, nil }
		}, "its role is one of account 2", [3]bool{true, false, false}},
		"prices panic": {func(h *Handlers) { h.Waste.Prices = nil }, "the list prices that came with this version are used", [3]bool{true, true, true}},
	} {
		synctest.Test(t, func(t *testing.T) {
			h, f := wasteFixture(t)
			c.breakIt(h)
			r := scanOnce(t, h, f)
			if !strings.Contains(gapsOf(r), c.gap) {
				t.Errorf("%s: gaps %s; want %q", name, gapsOf(r), c.gap)
			}
			if got := [3]bool{r.Judged(cpu), r.Judged(node), r.Judged(volume)}; got != c.judged {
				t.Errorf("%s: judged %v, want %v", name, got, c.judged)
			}
		})
	}
}

func TestScanOfOneCluster(t *testing.T) {
	h, f := wasteFixture(t)
	f.scan.Cluster = "prod"
	r := scanOnce(t, h, f)
	if r.Scan.Nodes != 1 || r.Scan.Volumes != 0 || len(r.Holding) != 0 {
		t.Errorf("looked at %d nodes and %d volumes, clocks %v; want one cluster's, and no volume: another cluster may want it", r.Scan.Nodes, r.Scan.Volumes, r.Holding)
	}
	old := engine.Finding{Kind: engine.OverRequestedCPU, Target: engine.Target{Workload: engine.Workload{Cluster: "dev"}}}
	if r.Judged(old) {
		t.Error("another cluster was judged")
	}
}

func TestScanOfOneNamespace(t *testing.T) {
	h, f := wasteFixture(t)
	f.scan.Namespace = "payments"
	var wanted Wanted
	h.Waste.Clusters[0].Usage = func(_ context.Context, _ *waste.Cluster, w Wanted) Used {
		wanted = w
		return Used{Whole: true, Usage: map[waste.ContainerKey]waste.Usage{{Name: "api"}: {Peaks: []waste.Peak{{Day: noon.Truncate(24 * time.Hour), CPU: 1}}}}}
	}
	r := scanOnce(t, h, f)
	if wanted.Namespace != "payments" || wanted.PeakDays != 35 || r.Scan.Containers != 1 {
		t.Errorf("wanted %+v, %d containers", wanted, r.Scan.Containers)
	}
	if len(r.Scan.Skipped) > 0 {
		t.Errorf("it counts what is not of the namespace: %+v", r.Scan.Skipped)
	}
	if _, kept := f.kept["prod"]; kept {
		t.Error("the peaks of one namespace pass for those of all")
	}
	if r.Judged(engine.Finding{Kind: engine.OverRequestedCPU, Target: engine.Target{Workload: engine.Workload{Cluster: "prod", Namespace: "shop"}}}) {
		t.Error("another namespace was judged")
	}
}

func TestPeaksAreRememberedAndAskedForOnce(t *testing.T) {
	h, f := wasteFixture(t)
	key, today := waste.ContainerKey{Name: "api"}, noon.Truncate(24*time.Hour)
	f.peaks = map[waste.ContainerKey][]waste.Peak{}
	for back := 40; back > 2; back-- {
		f.peaks[key] = append(f.peaks[key], waste.Peak{Day: today.AddDate(0, 0, -back), CPU: 3, Memory: 3})
	}
	var wanted Wanted
	h.Waste.Clusters[0].Usage = func(_ context.Context, _ *waste.Cluster, w Wanted) Used {
		wanted = w
		return Used{Whole: true, Usage: map[waste.ContainerKey]waste.Usage{key: {Peaks: []waste.Peak{{Day: today, CPU: 1, Memory: 1}}}}}
	}
	h.Waste.Clusters = h.Waste.Clusters[:1]
	scanOnce(t, h, f)
	if wanted.PeakDays != 8 {
		t.Errorf("asked for %d days of peaks, though the older ones are remembered", wanted.PeakDays)
	}
	if d := cmp.Diff(map[waste.ContainerKey][]waste.Peak{key: {{Day: today, CPU: 1, Memory: 1}}}, f.kept["prod"]); d != "" {
		t.Error(d)
	}
}

func TestScanThatCannotGoOn(t *testing.T) {
	h, f := wasteFixture(t)
	run := h.Tasks()[engine.TaskScan]
	f.busy = engine.Errorf(engine.Unavailable, "scan 8 runs")
	if err := run(t.Context(), scanTask); engine.CodeOf(err) != engine.Unavailable || len(f.saved) != 0 {
		t.Errorf("while another runs: %v", err)
	}
	f.busy, f.scan.Finished = nil, noon
	if err := run(t.Context(), scanTask); err != nil || len(f.saved) != 0 {
		t.Errorf("a scan that ended: %v, saved %d", err, len(f.saved))
	}
	f.scan.Finished = time.Time{}
	f.forget = engine.Errorf(engine.Unavailable, "PostgreSQL does not answer")
	if err := run(t.Context(), scanTask); engine.CodeOf(err) != engine.Unavailable || f.paused != 1 || len(f.saved) != 0 {
		t.Errorf("without the peaks of old: %v, saved %d; want another try", err, len(f.saved))
	}
	f.forget, f.saveFail = nil, engine.Errorf(engine.Invalid, "no")
	if err := run(t.Context(), scanTask); engine.CodeOf(err) != engine.Invalid || len(f.failed) != 1 {
		t.Errorf("what cannot be saved: %v, failed %v", err, f.failed)
	}
	f.saveFail, f.scan.Cluster = nil, "removed"
	if err := run(t.Context(), scanTask); engine.CodeOf(err) != engine.NotFound || len(f.failed) != 2 {
		t.Errorf("a cluster that is gone: %v, failed %v", err, f.failed)
	}
	f.scan.Cluster = ""
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := run(ctx, scanTask); engine.CodeOf(err) != engine.Unavailable || len(f.saved) != 0 || f.paused != 2 {
		t.Errorf("stopped half way: %v, saved %d; what was cut off is not what is there", err, len(f.saved))
	}
	if err := run(t.Context(), engine.Task{Kind: engine.TaskScan, Detail: "x"}); engine.CodeOf(err) != engine.Invalid {
		t.Errorf("no id: %v", err)
	}
}

func TestNoWasteNoTasks(t *testing.T) {
	h, _, _ := fixture(t)
	tasks := h.Tasks()
	if tasks[engine.TaskScan] != nil || tasks[engine.TaskScanDue] != nil {
		t.Error("a scan is handled though no waste is looked for")
	}
}

// Whoever asks, and however often: the period is the same.
func TestScanDue(t *testing.T) {
	h, f := wasteFixture(t)
	due := h.Tasks()[engine.TaskScanDue]
	if err := due(t.Context(), engine.Task{}); err != nil || len(f.periods) != 0 || f.awoken != 1 {
		t.Errorf("without a schedule: %v, %v, awoken %d times", err, f.periods, f.awoken)
	}
	for name, c := range map[string]struct {
		next func(time.Time) time.Time
		want string
	}{
		"every six hours": {func(t time.Time) time.Time { return t.Truncate(6 * time.Hour).Add(6 * time.Hour) }, "2026-03-01T12:00:00Z"},
		"once a month": {func(t time.Time) time.Time {
			return time.Date(t.Year(), t.Month()+1, 1, 0, 0, 0, 0, time.UTC)
		}, "2026-03-01T00:00:00Z"},
		"once a year": {func(t time.Time) time.Time {
			at := time.Date(t.Year(), 6, 1, 0, 0, 0, 0, time.UTC)
			if !at.After(t) {
				at = at.AddDate(1, 0, 0)
			}
			return at
		}, "2025-06-01T00:00:00Z"},
		"never": {func(time.Time) time.Time { return time.Time{} }, ""},
	} {
		h.Waste.Next, f.periods = c.next, nil
		now := noon
		h.Now = func() time.Time { return now }
		for range 3 {
			if err := due(t.Context(), engine.Task{}); err != nil {
				t.Fatal(err)
			}
			now = now.Add(time.Minute)
		}
		for _, p := range f.periods {
			if got := p.Format(time.RFC3339); got != c.want {
				t.Errorf("%s: period %s, want %s", name, got, c.want)
			}
		}
		if (c.want == "") != (len(f.periods) == 0) {
			t.Errorf("%s: periods %v", name, f.periods)
		}
	}
}

func TestWhy(t *testing.T) {
	for want, err := range map[string]error{
		"no answer within 2m":            context.DeadlineExceeded,
		"it is away":                     engine.Errorf(engine.Unavailable, "it is away"),
		"failed; the log has the reason": errors.New("dial tcp 10.0.0.1: secret"),
	} {
		if got := why(err, 2*time.Minute); got != want {
			t.Errorf("why(%v) = %q, want %q", err, got, want)
		}
	}
}
