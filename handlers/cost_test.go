package handlers

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/price"
	"github.com/eks-autopilot/autopilot/engine/waste"
)

// fakeLedger keeps days as the store does.
type fakeLedger struct {
	now    func() time.Time
	days   map[string]price.Record // by payer and day
	status []price.Status
	saves  int
	open   []price.Month
	closed []price.Invoice
	filter engine.CostFilter
	refuse error
}

func (f *fakeLedger) SaveCosts(_ context.Context, r price.Record) error {
	if f.refuse != nil {
		return f.refuse
	}
	if err := r.Check(); err != nil {
		return err
	}
	f.saves++
	for _, b := range r.Bills {
		f.days[b.Payer+"/"+r.Day.Format(time.DateOnly)] = r
		f.status = append(f.status, price.Status{Payer: b.Payer, Day: r.Day, SavedAt: f.now(), Guessed: r.Guessed})
	}
	return nil
}

func (f *fakeLedger) CostDays(_ context.Context, from, to time.Time) (out []price.Status, _ error) {
	newest := map[string]price.Status{}
	for _, s := range f.status {
		if !s.Day.Before(from) && s.Day.Before(to) {
			newest[s.Payer+s.Day.String()] = s
		}
	}
	for _, s := range newest {
		out = append(out, s)
	}
	return out, nil
}

func (f *fakeLedger) OpenMonths(context.Context, time.Time) ([]price.Month, error) {
	return f.open, nil
}

func (f *fakeLedger) CloseMonth(_ context.Context, v price.Invoice) error {
	if !v.Final {
		return engine.Errorf(engine.Conflict, "not final")
	}
	f.closed, f.open = append(f.closed, v), nil
	return nil
}

func (f *fakeLedger) Costs(_ context.Context, filter engine.CostFilter) (engine.Costs, error) {
	f.filter = filter
	return engine.Costs{CostFilter: filter, Total: engine.USD, Days: 1}, nil
}

// costWorld has a cluster with one node and one pod, and a payer whose bills a test writes.
type costWorld struct {
	*Handlers
	t      *testing.T
	ledger *fakeLedger
	cache  *fakeCache
	clock  time.Time
	calls  int
	bills  func(day time.Time) []price.Line
	use    DayUse
}

func newCostWorld(t *testing.T) *costWorld {
	t.Helper()
	h, _ := wasteFixture(t)
	w := &costWorld{Handlers: h, t: t, cache: &fakeCache{bodies: map[string][]byte{}, at: map[string]time.Time{}}, clock: noon.Add(time.Hour)}
	h.Now = func() time.Time { return w.clock }
	w.ledger = &fakeLedger{now: h.Now, days: map[string]price.Record{}}
	size := corev1.ResourceList{"cpu": resource.MustParse("2"), "memory": resource.MustParse("8Gi")}
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "a", Labels: map[string]string{labelRegion: "eu-central-1", labelType: "m5.large", labelOS: "linux"}}}
	n.Status.Capacity = size
	pod := func(name string, phase corev1.PodPhase) *corev1.Pod {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "payments", Name: name, Labels: map[string]string{"team": "pay"}}, Status: corev1.PodStatus{Phase: phase}}
		p.Spec.NodeName = "a"
		p.Spec.Containers = []corev1.Container{{Name: "app", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
			"cpu": resource.MustParse("1"), "memory": resource.MustParse("4Gi"),
		}}}}
		return p
	}
	c := waste.Cluster{Name: "prod", Complete: true, Nodes: []waste.Node{{Node: n}}, Pods: []*corev1.Pod{pod("api", corev1.PodRunning), pod("done", corev1.PodSucceeded)}}
	w.use = DayUse{
		Known: true,
		Nodes: []price.NodeUse{{Cluster: "prod", Name: "a", Hours: 24, CPU: 2, GiB: 8}, {Cluster: "prod", Name: "gone", Hours: 12, CPU: 2, GiB: 8}},
		Pods:  []price.PodUse{{Cluster: "prod", Node: "a", Namespace: "payments", Team: "pay", CPUHours: 48, GiBHours: 192}},
	}
	h.Waste.Clusters = []WasteCluster{{
		Name: "prod", EKSName: "eks-prod", Account: "1", Region: "eu-central-1",
		Inventory: func(context.Context) (waste.Cluster, []engine.Gap) { return c, nil },
		Day: func(_ context.Context, _ *waste.Cluster, _ time.Time, team func(string, string) string) DayUse {
			if got := team("payments", "api"); got != "pay" {
				t.Errorf("team %q", got)
			}
			return w.use
		},
	}}
	w.bills = func(time.Time) []price.Line {
		return []price.Line{
			{Account: "1", Usage: "EUC1-BoxUsage:m5.large", Amount: 36 * engine.USD, Quantity: 36},
			{Account: "1", Usage: "EUC1-AmazonEKS-Hours:perCluster", Amount: 2_400_000, Quantity: 24},
			{Account: "1", Service: "Amazon S3", Amount: 7},
		}
	}
	payer := Payer{ID: "1", Budget: 20, Each: engine.USD / 100}
	payer.Bills = func(ctx context.Context, m Meter, from, to time.Time) (all []price.Bill, err error) {
		w.calls++
		if err := m.Spend(ctx, 3); err != nil {
			return nil, err
		}
		for day := from; day.Before(to); day = day.AddDate(0, 0, 1) {
			all = append(all, price.Bill{Payer: "1", Day: day, Lines: w.bills(day), Estimated: true})
		}
		return all, nil
	}
	payer.Invoice = func(_ context.Context, _ Meter, month time.Time) (price.Invoice, error) {
		return price.Invoice{Payer: "1", Month: month, Final: w.clock.Day() > 20}, nil
	}
	h.Waste.Costs = &Costing{Ledger: w.ledger, Rules: price.DefaultRules(), Pricing: &Pricing{Cache: w.cache, Payers: []Payer{payer}, Now: h.Now, Log: h.Log}}
	return w
}

func (w *costWorld) tick() {
	w.t.Helper()
	if err := w.Tasks()[engine.TaskCosts](w.t.Context(), engine.Task{Kind: engine.TaskCosts}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *costWorld) day(payer string, back int) price.Record {
	w.t.Helper()
	day := w.clock.UTC().Truncate(oneDay).AddDate(0, 0, -back)
	r, ok := w.ledger.days[payer+"/"+day.Format(time.DateOnly)]
	if !ok {
		w.t.Fatalf("no costs of %s", day.Format(time.DateOnly))
	}
	return r
}

func TestCostsOfTheLastDays(t *testing.T) {
	w := newCostWorld(t)
	w.tick()
	for back := 1; back <= costDays; back++ {
		r := w.day("1", back)
		f := engine.CostFilter{From: r.Day, To: r.Day.AddDate(0, 0, 1), By: engine.CostByTeam}
		got := price.Sum(r.Rows, f)
		// The node that is gone is like the one that is there, and nobody was seen on it.
		want := engine.Costs{
			CostFilter: f, Lines: []engine.CostLine{{Name: "pay", Own: 24 * engine.USD, Shared: 2_400_000, Amount: 26_400_000}},
			Idle: 12 * engine.USD, Outside: 7, Total: 38_400_007, Provisional: 38_400_007,
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%d days ago: %s", back, d)
		}
		if r.Guessed || len(r.Missing) != 0 {
			t.Errorf("guessed %v, missing %v", r.Guessed, r.Missing)
		}
	}
	if w.calls != 1 || w.cache.spent != 3 || w.ledger.saves != costDays {
		t.Errorf("%d questions, %d calls, %d days saved", w.calls, w.cache.spent, w.ledger.saves)
	}
	for range 20 {
		w.clock = w.clock.Add(time.Hour) // until the next morning
		w.tick()
	}
	if w.calls != 1 || w.ledger.saves != costDays {
		t.Errorf("by the next morning: %d questions, %d days saved", w.calls, w.ledger.saves)
	}
	w.clock = noon.Add(25 * time.Hour)
	w.bills = func(time.Time) []price.Line {
		return []price.Line{{Account: "1", Usage: "EUC1-BoxUsage:m5.large", Amount: 5, Quantity: 36}}
	}
	w.tick()
	if w.calls != 2 || w.ledger.saves != 2*costDays || w.day("1", 2).Bills[0].Total() != 5 {
		t.Errorf("the day after: %d questions, %d days saved; bills settle", w.calls, w.ledger.saves)
	}
}

func TestCostsAreResumed(t *testing.T) {
	w := newCostWorld(t)
	w.ledger.refuse = engine.Errorf(engine.Unavailable, "the database is away")
	if err := w.costs(t.Context(), engine.Task{}); err == nil {
		t.Error("a day that is not kept is no success")
	}
	w.ledger.refuse = nil
	w.tick()
	if w.calls != 1 || w.ledger.saves != costDays {
		t.Errorf("%d questions, %d days saved; want the same answer used again", w.calls, w.ledger.saves)
	}
}

func TestCostsWithoutABill(t *testing.T) {
	w := newCostWorld(t)
	whole := w.bills
	w.bills = func(day time.Time) []price.Line {
		if day.Equal(w.clock.UTC().Truncate(oneDay).AddDate(0, 0, -1)) {
			return nil // AWS is late
		}
		return whole(day)
	}
	w.tick()
	if w.ledger.saves != costDays-1 {
		t.Errorf("%d days saved", w.ledger.saves)
	}
	w.cache.spent, w.clock = 20, noon.Add(25*time.Hour)
	if err := w.costs(t.Context(), engine.Task{}); engine.CodeOf(err) != engine.Unavailable || w.ledger.saves != costDays-1 {
		t.Errorf("the budget is spent: %v, %d days saved", err, w.ledger.saves)
	}
	w.cache.spent = 0
	w.Waste.Costs.Pricing.Payers[0].ID = "2"
	if err := w.costs(t.Context(), engine.Task{}); engine.CodeOf(err) != engine.Invalid {
		t.Errorf("another account's bills: %v", err)
	}
}

func TestCostsWhoseUseIsNotKnown(t *testing.T) {
	w := newCostWorld(t)
	w.use = DayUse{Gaps: []engine.Gap{{Collector: "prometheus prod", Reason: "kube-state-metrics has nothing"}}}
	w.tick()
	r := w.day("1", 1)
	got := price.Sum(r.Rows, engine.CostFilter{From: r.Day, To: r.Day.AddDate(0, 0, 1)})
	// One node of 24 of the 36 hours; the pod that runs has half of it.
	if !r.Guessed || got.Total != 38_400_007 || got.Provisional != got.Total || !near(got.Lines[0].Own, 12*engine.USD) || !near(got.Idle, 12*engine.USD) || got.Outside != 12*engine.USD+7 {
		t.Errorf("guessed %v: %+v", r.Guessed, got)
	}
	var why []string
	for _, g := range r.Missing {
		why = append(why, g.Reason)
	}
	if text := strings.Join(why, "; "); !strings.Contains(text, "kube-state-metrics has nothing") || !strings.Contains(text, "requests of now stand for") {
		t.Errorf("missing: %s", text)
	}

	w = newCostWorld(t)
	w.tick()
	w.use, w.clock = DayUse{}, noon.Add(25*time.Hour)
	w.tick()
	if w.day("1", 2).Guessed || !w.day("1", 1).Guessed {
		t.Error("what was measured stays; what never was is guessed")
	}
}

// near leaves room for a micro-dollar that cannot be halved.
func near(a, b engine.MicroUSD) bool { return max(a-b, b-a) <= 2 }

func TestCostsWithoutAPayer(t *testing.T) {
	w := newCostWorld(t)
	w.Waste.Costs.Pricing.Payers = nil
	w.tick()
	r := w.day("", 1)
	got := price.Sum(r.Rows, engine.CostFilter{From: r.Day, To: r.Day.AddDate(0, 0, 1)})
	// 36 hours of an m5.large at $0.115, of which the pod has 24, and 24 of a control plane at $0.10; the volume is of no cluster.
	if got.Total != 36*115_000+2_400_000 || got.Estimated != got.Total || got.Provisional != got.Total || got.Lines[0].Own != 24*115_000 || got.Idle != 12*115_000 {
		t.Errorf("estimate: %+v, missing %v", got, r.Missing)
	}
	w.clock = w.clock.Add(time.Hour)
	w.tick()
	if w.ledger.saves != costDays {
		t.Errorf("%d days saved; once is enough", w.ledger.saves)
	}
}

func TestCostsBySplits(t *testing.T) {
	w := newCostWorld(t)
	w.Waste.Costs.Pricing.Payers[0].Splits = func(_ context.Context, from, _ time.Time) ([]price.SplitRow, error) {
		return []price.SplitRow{
			{Day: from, Cluster: "eks-prod", Namespace: "payments", Used: 20, Unused: 40},
			{Day: from, Cluster: "eks-prod", Namespace: "shop", Used: 60},
			{Day: from, Cluster: "another", Namespace: "x", Used: 1},
		}, nil
	}
	w.tick()
	got := price.Sum(w.day("1", 1).Rows, engine.CostFilter{From: noon.AddDate(0, 0, -9), To: noon, By: engine.CostByNamespace})
	if len(got.Lines) != 2 || got.Lines[0].Name != "shop" || got.Lines[0].Own != 18*engine.USD || got.Lines[1].Own != 6*engine.USD || got.Idle != 12*engine.USD {
		t.Errorf("by what AWS says: %+v", got)
	}
	w = newCostWorld(t)
	w.Waste.Costs.Pricing.Payers[0].Splits = func(context.Context, time.Time, time.Time) ([]price.SplitRow, error) {
		return nil, engine.Errorf(engine.Forbidden, "Athena refuses")
	}
	w.tick()
	if r := w.day("1", 1); len(r.Missing) != 1 || r.Missing[0].Reason != "Athena refuses" || len(r.Rows) == 0 {
		t.Errorf("without them: %+v", r.Missing)
	}
}

func TestMonthsAreClosed(t *testing.T) {
	w := newCostWorld(t)
	october := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	w.ledger.open = []price.Month{{Payer: "1", First: october}}
	w.clock = time.Date(2026, 11, 7, 13, 0, 0, 0, time.UTC)
	w.tick()
	if len(w.ledger.closed) != 0 {
		t.Errorf("closed %+v, whose invoice is not final", w.ledger.closed)
	}
	w.clock = w.clock.AddDate(0, 0, 14)
	w.tick()
	w.tick()
	if len(w.ledger.closed) != 1 || !w.ledger.closed[0].Month.Equal(october) {
		t.Errorf("closed %+v", w.ledger.closed)
	}
}

func TestShowCosts(t *testing.T) {
	w := newCostWorld(t)
	today := w.clock.UTC().Truncate(oneDay)
	for text, want := range map[string]engine.CostFilter{
		"costs":                         {From: today.AddDate(0, 0, -7), To: today, By: engine.CostByTeam},
		"costs yesterday team=pay":      {From: today.AddDate(0, 0, -1), To: today, Team: "pay", By: engine.CostByNamespace},
		"costs month cluster=prod":      {From: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC), To: today, Cluster: "prod", By: engine.CostByTeam},
		"costs 2026-01 ns=a by=cluster": {From: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC), Namespace: "a", By: engine.CostByCluster},
	} {
		r, err := w.Command(t.Context(), command("UEVE", text))
		if err != nil || r.Costs == nil || r.Costs.Total != engine.USD {
			t.Errorf("%s: %+v, %v", text, r, err)
		}
		if d := cmp.Diff(want, w.ledger.filter); d != "" {
			t.Errorf("%s: %s", text, d)
		}
	}
	r, err := w.Command(t.Context(), command("UEVE", "costs 2026-01 ns=a"))
	if err != nil || r.Costs.Filter != "1 January to 31 January 2026, namespace a" {
		t.Errorf("understood as %q, %v", r.Costs.Filter, err)
	}
	for text, want := range map[string]string{
		"cost": "did you mean `/autopilot costs`?", "costs wek": "did you mean `/autopilot costs week`?", "costs week month": "one word too many",
		"costs payments": "`team=payments`", "costs by=colour": "by=team", "costs team=": "wants a value", "costs colour=red": "known: team", "costs 2999-01": "in the future",
		"costs cluster=prd": "there is no cluster",
	} {
		if _, err := w.Command(t.Context(), command("UEVE", text)); engine.CodeOf(err) != engine.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", text, err, want)
		}
	}
	if from, to, err := costTime("month", time.Date(2026, 12, 1, 5, 0, 0, 0, time.UTC)); err != nil || from.Format(time.DateOnly) != "2026-11-01" || to.Format(time.DateOnly) != "2026-12-01" {
		t.Errorf("the month on its first day: %s to %s, %v", from, to, err)
	}
	w.Waste.Costs = nil
	if _, err := w.Command(t.Context(), command("UEVE", "costs")); engine.CodeOf(err) != engine.Invalid {
		t.Errorf("where it is switched off: %v", err)
	}
	w.Policy.Roles = nil
	if _, err := w.Command(t.Context(), command("UEVE", "costs")); engine.CodeOf(err) != engine.Forbidden {
		t.Errorf("somebody without a role: %v", err)
	}
}

func TestExtendedSupportOfAControlPlane(t *testing.T) {
	day := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	c := &waste.Cluster{Name: "prod", EKSName: "eks-prod", Account: "1", Region: "eu-central-1"}
	for name, tc := range map[string]struct {
		account  string
		region   string
		eks      []waste.EKSCluster
		extended float64
		said     int
	}{
		"long over":          {"1", "eu-central-1", []waste.EKSCluster{{Name: "eks-prod", StandardUntil: day.AddDate(-1, 0, 0)}}, 24, 0},
		"ends that day":      {"1", "eu-central-1", []waste.EKSCluster{{Name: "eks-prod", StandardUntil: day.Add(18 * time.Hour)}}, 6, 0},
		"ends with the day":  {"1", "eu-central-1", []waste.EKSCluster{{Name: "eks-prod", StandardUntil: day.AddDate(0, 0, 1)}}, 0, 0},
		"not yet":            {"1", "eu-central-1", []waste.EKSCluster{{Name: "eks-prod", StandardUntil: day.AddDate(1, 0, 0)}}, 0, 0},
		"nobody says":        {"1", "eu-central-1", []waste.EKSCluster{{Name: "eks-prod", Version: "1.99"}}, 0, 1},
		"another cluster":    {"1", "eu-central-1", []waste.EKSCluster{{Name: "eks-dev", StandardUntil: day.AddDate(-1, 0, 0)}}, 0, 0},
		"of another account": {"2", "eu-central-1", []waste.EKSCluster{{Name: "eks-prod", StandardUntil: day.AddDate(-1, 0, 0)}}, 0, 0},
		"of another region":  {"1", "us-east-1", []waste.EKSCluster{{Name: "eks-prod", StandardUntil: day.AddDate(-1, 0, 0)}}, 0, 0},
	} {
		var d usedDay
		u := costUse{snapshot: waste.Snapshot{Accounts: []waste.Account{{ID: tc.account, Region: tc.region, Clusters: tc.eks}}}}
		got := u.controlPlane(&d, c, day)
		want := price.ClusterUse{Cluster: "prod", Account: "1", Region: "eu-central-1", Hours: 24, Extended: tc.extended}
		if got != want || len(d.missing) != tc.said {
			t.Errorf("%s: %+v, said %v", name, got, d.missing)
		}
	}
}
