package store_test

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/waste"
	"github.com/eks-autopilot/autopilot/store"
	"github.com/eks-autopilot/autopilot/store/storetest"
)

// savers is a store that shows savings cards, with a clock that a test moves.
type savers struct {
	*world
	scans int
}

var testCards = waste.Cards{Threshold: 10 * engine.USD, PerDay: 2, Channel: "#savings", Teams: map[string]string{"shop": "#shop"}}

func newSavers(t testing.TB) *savers {
	t.Helper()
	w := &world{t: t, clock: start, url: storetest.URL(t)}
	w.Store = storetest.Open(t, w.url, store.Options{Rules: rules, Now: w.now, Cards: func() waste.Cards { return testCards }})
	return &savers{world: w}
}

// begin asks for a scan and begins it.
func (w *savers) begin(cluster, namespace string) engine.Scan {
	w.t.Helper()
	w.scans++
	d := engine.Decision{ID: fmt.Sprint("scan", w.scans), Action: engine.ActionScan, By: ada, At: w.now(), Allowed: true}
	asked, err := w.RequestScan(w.t.Context(), d, cluster, namespace)
	w.must(err)
	begun, err := w.BeginScan(w.t.Context(), asked.ID)
	w.must(err)
	return begun
}

func everything(engine.Finding) bool { return true }

// scan makes a scan of everything that finds these.
func (w *savers) scan(found ...engine.Finding) engine.Scan {
	w.t.Helper()
	return w.report(waste.Report{Outcome: waste.Outcome{Findings: found}})
}

func (w *savers) report(r waste.Report) engine.Scan {
	w.t.Helper()
	if r.Scan.ID == 0 {
		r.Scan = w.begin("", "")
	}
	if r.Judged == nil {
		r.Judged = everything
	}
	saved, err := w.SaveScan(w.t.Context(), r)
	w.must(err)
	return saved
}

// sizing is a finding about the CPU request of a container in namespace payments.
func sizing(name string, dollars float64) engine.Finding {
	f := engine.Finding{
		Kind:    engine.OverRequestedCPU,
		Target:  engine.Target{Workload: engine.Workload{Cluster: "prod", Namespace: "payments", Kind: "Deployment", Name: name}, Container: "app"},
		Monthly: engine.Dollars(dollars), Whole: engine.Dollars(dollars), Confidence: 0.9, Risk: engine.RiskLow,
		Basis:  engine.PriceBasis{Source: engine.PriceList},
		Sizing: &engine.Sizing{Resource: engine.CPU, Old: 2000, New: 500, Chart: engine.Chart{Unit: "cores", Series: []engine.ChartSeries{{Name: "max", Values: []float64{0.1, engine.Missing}}}}},
	}
	f.Key = waste.Key(f.Kind, f.Target)
	f.Group, _ = waste.GroupOf(f)
	return f
}

func (w *savers) one(name string) engine.Finding {
	w.t.Helper()
	for _, status := range []engine.FindingStatus{engine.FindingOpen, engine.FindingSnoozed, engine.FindingNotWaste, engine.FindingClosed} {
		list, err := w.Findings(w.t.Context(), engine.FindingFilter{Status: status})
		w.must(err)
		for _, f := range list {
			if f.Target.Name == name {
				return f
			}
		}
	}
	w.t.Fatalf("there is no finding of %s", name)
	return engine.Finding{}
}

func (w *savers) history() string {
	w.t.Helper()
	return strings.ReplaceAll(w.sql(`SELECT f.workload, e.kind, e.by_id, e.reason FROM finding_event e JOIN finding f ON f.id = e.finding_id
		ORDER BY e.at, f.key, e.n`), "\n", "; ")
}

// everyRow is the whole state that scans write, but for the scans themselves.
func (w *savers) everyRow() string {
	w.t.Helper()
	return w.sql(`SELECT * FROM finding ORDER BY id`) + "\n" + w.sql(`SELECT * FROM finding_group ORDER BY id`) + "\n" +
		w.sql(`SELECT * FROM finding_event ORDER BY finding_id, n`) + "\n" + w.sql(`SELECT * FROM messages ORDER BY key`) + "\n" +
		w.sql(`SELECT * FROM clock ORDER BY key`) + "\n" + w.sql(`SELECT kind, args FROM river_job ORDER BY id`) + "\n" +
		w.sql(`SELECT id, finished_at, report FROM scan ORDER BY id`)
}

func TestAFindingLives(t *testing.T) {
	w := newSavers(t)
	first := w.scan(sizing("api", 30))
	equal(t, "first scan", []int{first.New, first.Seen, first.Closed}, []int{1, 0, 0})
	equal(t, "monthly", first.Monthly, 30*engine.USD)
	api := w.one("api")
	if api.Sizing == nil || api.Sizing.New != 500 || api.Status != engine.FindingOpen || api.Prediction != 30*engine.USD || !api.FirstSeen.Equal(w.now().Truncate(time.Microsecond)) {
		t.Errorf("the finding is kept as %+v", api)
	}
	w.pass(6 * time.Hour)
	w.scan(sizing("api", 30.2)) // moves too little to be told
	w.pass(6 * time.Hour)
	w.scan(sizing("api", 40))
	w.pass(6 * time.Hour)
	key := sizing("api", 0).Key
	last := w.report(waste.Report{Outcome: waste.Outcome{Skips: []waste.Skip{{Key: key, Kind: engine.OverRequestedCPU, Reason: "an autoscaler sets it", Detail: "VPA api"}}}})
	equal(t, "last scan", []int{last.New, last.Seen, last.Closed}, []int{0, 0, 1})
	closed := w.one("api")
	equal(t, "why it closed", closed.Reason, "an autoscaler sets it: VPA api")
	equal(t, "its chart", closed.Sizing.Chart, sizing("api", 40).Sizing.Chart)
	w.pass(6 * time.Hour)
	w.scan(sizing("api", 40))
	again := w.one("api")
	if again.ID != api.ID || again.Reopened != 1 || !again.ClosedAt.IsZero() || again.Reason != "" || !again.FirstSeen.Equal(api.FirstSeen) || again.Prediction != api.Prediction {
		t.Errorf("reopened as %+v", again)
	}
	w.pass(6 * time.Hour)
	w.scan()
	equal(t, "history", w.history(), "api opened  ; api updated  ; api closed  an autoscaler sets it: VPA api; api reopened  ; api closed  it is no longer there")
}

func TestTheSameScanSavedTwiceChangesNothing(t *testing.T) {
	w := newSavers(t)
	r := waste.Report{
		Scan: w.begin("", ""), Judged: everything, Holding: []string{"detached/1/vol-1"},
		Outcome: waste.Outcome{Findings: []engine.Finding{sizing("api", 30), sizing("web", 20)}},
	}
	r.Scan.Containers = 7
	saved := w.report(r)
	before := w.everyRow()
	w.pass(time.Hour)
	again, err := w.SaveScan(t.Context(), r)
	w.must(err)
	equal(t, "the second answer", again, saved)
	equal(t, "rows", w.everyRow(), before)
	if again, err = w.BeginScan(t.Context(), r.Scan.ID); err != nil || again.Finished.IsZero() {
		t.Errorf("a scan that ended begins again: %+v, %v", again, err)
	}
}

func TestWhatAScanDoesNotCoverStaysAsItIs(t *testing.T) {
	w := newSavers(t)
	w.scan(sizing("api", 30), sizing("web", 20))
	before := w.everyRow()
	outOfScope := sizing("api", 99)
	w.pass(time.Hour)
	w.report(waste.Report{
		Outcome: waste.Outcome{Findings: []engine.Finding{outOfScope}, Skips: []waste.Skip{{Key: sizing("web", 0).Key, Reason: "no history"}}},
		Judged:  func(engine.Finding) bool { return false },
	})
	if after := w.everyRow(); !strings.HasPrefix(after, before[:strings.Index(before, "scan")]) || w.one("api").Monthly != 30*engine.USD || w.one("web").Status != engine.FindingOpen {
		t.Error("a scan that could not judge the findings changed them")
	}
}

func TestNumbersThatMakeNoSense(t *testing.T) {
	w := newSavers(t)
	bad := sizing("bad", 30)
	bad.Confidence = math.NaN()
	saved := w.scan(bad, sizing("api\x00", 30), sizing("api\x00", 31))
	if saved.New != 1 || len(saved.Missing) != 1 || !strings.Contains(saved.Missing[0].Collector, "payments/bad") {
		t.Errorf("kept %d, missing %v; want the one finding that can be kept, once", saved.New, saved.Missing)
	}
}

func TestCardsAreFewAndDear(t *testing.T) {
	w := newSavers(t)
	shop := sizing("cart", 12)
	shop.Owner = engine.Owner{Team: "shop", By: "label team"}
	all := []engine.Finding{sizing("a", 11), sizing("b", 50), sizing("c", 9.99), sizing("d", 30), sizing("e", 40), shop}
	cards := func() string {
		return strings.ReplaceAll(w.sql(`SELECT m.channel, g.title, m.wanted FROM messages m JOIN finding_group g ON g.id = m.subject WHERE m.kind = 'savings' ORDER BY m.declared_at, m.channel, g.title`), "\n", "; ")
	}
	w.scan(all...)
	equal(t, "the first day", cards(), "#savings payments/b 1; #savings payments/e 1; #shop payments/cart 1")
	w.pass(6 * time.Hour)
	all[1] = sizing("b", 60)
	w.scan(all...)
	equal(t, "later that day, an edit only", cards(), "#savings payments/b 2; #savings payments/e 1; #shop payments/cart 1")
	w.pass(18 * time.Hour)
	w.scan(all...)
	w.pass(24 * time.Hour)
	w.scan(all...)
	equal(t, "two days later, but for what is below the threshold", cards(),
		"#savings payments/b 2; #savings payments/e 1; #shop payments/cart 1; #savings payments/a 1; #savings payments/d 1")
}

func TestSavingsAddUp(t *testing.T) {
	w := newSavers(t)
	memory := sizing("api", 5)
	memory.Kind, memory.Cash = engine.OverRequestedMemory, true
	memory.Key = waste.Key(memory.Kind, memory.Target)
	other := sizing("batch", 7)
	other.Target.Namespace, other.Owner.Team = "jobs", "data"
	other.Key = waste.Key(other.Kind, other.Target)
	other.Group, _ = waste.GroupOf(other)
	saved := w.scan(sizing("api", 30), memory, sizing("web", 20), other)

	all, err := w.Savings(t.Context(), engine.FindingFilter{Limit: 2})
	w.must(err)
	if all.Monthly != 62*engine.USD || all.Cash != 5*engine.USD || len(all.Groups) != 2 || all.More != 1 || all.Scan.ID != saved.ID {
		t.Errorf("savings %+v", all)
	}
	equal(t, "by kind", all.ByKind, []engine.SavingsLine{
		{Kind: engine.OverRequestedCPU, Count: 3, Monthly: 57 * engine.USD}, {Kind: engine.OverRequestedMemory, Count: 1, Monthly: 5 * engine.USD},
	})
	if g := all.Groups[0]; g.Title != "payments/api" || g.Monthly != 35*engine.USD || len(g.Findings) != 2 || g.Findings[0].Kind != engine.OverRequestedCPU {
		t.Errorf("the dearest group is %+v", g)
	}
	for filter, want := range map[engine.FindingFilter]engine.MicroUSD{
		{Team: "data"}: 7 * engine.USD, {Namespace: "payments"}: 55 * engine.USD, {Cluster: "dev"}: 0,
		{Kind: engine.OverRequestedMemory}: 5 * engine.USD, {Status: engine.FindingClosed}: 0,
	} {
		got, err := w.Savings(t.Context(), filter)
		w.must(err)
		var listed engine.MicroUSD
		for _, g := range got.Groups {
			listed += g.Monthly
		}
		if got.Monthly != want || listed != want {
			t.Errorf("%+v: %s in all, %s listed; want %s", filter, got.Monthly, listed, want)
		}
	}
}

func TestScansAreAskedForOnce(t *testing.T) {
	w := newSavers(t)
	d := engine.Decision{ID: "c1", Action: engine.ActionScan, By: ada, At: w.now(), Allowed: true}
	first, err := w.RequestScan(t.Context(), d, "prod", "")
	w.must(err)
	again, err := w.RequestScan(t.Context(), d, "prod", "")
	w.must(err)
	equal(t, "the same command again", again, first)
	for scope, want := range map[[2]string]engine.Code{{"prod", "shop"}: engine.Conflict, {"", ""}: engine.Conflict, {"dev", ""}: ""} {
		d.ID = "c" + scope[0] + scope[1]
		_, err = w.RequestScan(t.Context(), d, scope[0], scope[1])
		code(t, fmt.Sprint("a scan of ", scope), err, want)
	}
	d.ID, d.Allowed, d.Reason = "c9", false, "no role"
	if _, err := w.RequestScan(t.Context(), d, "east", ""); err != nil {
		t.Error(err)
	}
	var period sync.WaitGroup
	for range 8 {
		period.Go(func() {
			if err := w.ScheduleScan(t.Context(), start.Truncate(time.Hour)); err != nil {
				t.Error(err)
			}
		})
	}
	period.Wait()
	equal(t, "scans", w.sql(`SELECT trigger, cluster FROM scan ORDER BY id`), "command prod\ncommand dev\nschedule ")
	equal(t, "tasks", w.sql(`SELECT kind, args ->> 'detail' FROM river_job ORDER BY id`), w.sql(`SELECT 'scan', id FROM scan ORDER BY id`))
	equal(t, "audited", w.sql(`SELECT action, allowed FROM audit_log ORDER BY seq`), "scan true\nscan true\nscan true\nscan true\nscan false")
	w.must(w.VerifyAudit(t.Context()))
}

func TestOneScanOfAClusterAtATime(t *testing.T) {
	w := newSavers(t)
	prod := w.begin("prod", "")
	w.begin("dev", "")
	w.must(w.ScheduleScan(t.Context(), start))
	_, err := w.BeginScan(t.Context(), 3)
	code(t, "all while prod is scanned", err, engine.Unavailable)
	w.must(w.PauseScan(t.Context(), prod.ID))
	w.must(w.FailScan(t.Context(), 2, "the cluster is gone"))
	if _, err = w.BeginScan(t.Context(), 3); err != nil {
		t.Error(err)
	}
	_, err = w.BeginScan(t.Context(), prod.ID)
	code(t, "prod while all are scanned", err, engine.Unavailable)
	failed, err := w.BeginScan(t.Context(), 2)
	if err != nil || failed.Problem != "the cluster is gone" || failed.Finished.IsZero() {
		t.Errorf("the scan that failed: %+v, %v", failed, err)
	}
	_, err = w.BeginScan(t.Context(), 99)
	code(t, "an unknown scan", err, engine.NotFound)
	_, err = w.SaveScan(t.Context(), waste.Report{Scan: engine.Scan{ID: 99}, Judged: everything})
	code(t, "an unknown scan's findings", err, engine.NotFound)
}

// TestWasteThatReturnsGetsACardOfItsOwn closes all of a group and lets it come back: soon, to the same card; later, to a new one,
// within the day's cap, while the old one says so once.
func TestWasteThatReturnsGetsACardOfItsOwn(t *testing.T) {
	w := newSavers(t)
	cards := func() string {
		return strings.ReplaceAll(w.sql(`SELECT key, detail, wanted FROM messages WHERE kind = 'savings' ORDER BY key`), "\n", "; ")
	}
	group := func() engine.FindingGroup {
		g, err := w.FindingGroup(t.Context(), 1)
		w.must(err)
		return g
	}
	post := func() {
		for {
			d, ok, err := w.Lease(t.Context(), "r1", time.Minute)
			w.must(err)
			if !ok {
				return
			}
			w.must(w.Delivered(t.Context(), d.Key, d.Version, "C1", "ts of "+d.Key, 0))
		}
	}
	w.scan(sizing("api", 30))
	post()
	w.pass(60 * 24 * time.Hour)
	w.scan()
	w.pass(6 * time.Hour)
	w.scan(sizing("api", 30))
	equal(t, "what comes and goes keeps its card", cards(), "savings/1/card 0 3")

	w.pass(6 * time.Hour)
	w.scan()
	post()
	w.pass(18 * time.Hour)
	w.scan()
	w.pass(18 * time.Hour)
	w.scan(sizing("api", 30), sizing("b", 90), sizing("c", 80))
	equal(t, "the day's cap holds", w.sql(`SELECT count(*) FROM messages WHERE key LIKE 'savings/1/%'`), "1")
	equal(t, "no card of now", group().Thread, engine.Thread{})
	w.pass(24 * time.Hour)
	w.scan(sizing("api", 30), sizing("b", 90), sizing("c", 80))
	equal(t, "one more card, and the old one once more", w.sql(`SELECT key, detail, wanted FROM messages WHERE key LIKE 'savings/1/%' ORDER BY place`),
		"savings/1/card/1 1 5\nsavings/1/card 0 5")
	post()
	equal(t, "the card of now", group().Thread, engine.Thread{Channel: "C1", TS: "ts of savings/1/card/1"})

	before := w.sql(`SELECT wanted FROM messages WHERE key = 'savings/1/card'`)
	w.pass(6 * time.Hour)
	w.scan(sizing("api", 45), sizing("b", 90), sizing("c", 80))
	equal(t, "news of it are the new card's", w.sql(`SELECT wanted = shown FROM messages WHERE key LIKE 'savings/1/%' ORDER BY key`), "true\nfalse")
	equal(t, "the old one rests", w.sql(`SELECT wanted FROM messages WHERE key = 'savings/1/card'`), before)
}
