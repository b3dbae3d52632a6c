package main

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/digest"
	"github.com/eks-autopilot/autopilot/engine/price"
	"github.com/eks-autopilot/autopilot/handlers"
	"github.com/eks-autopilot/autopilot/store"
	"github.com/eks-autopilot/autopilot/store/storetest"
	stand "github.com/eks-autopilot/autopilot/test/aws"
)

// reporters are replicas of the bot that do nothing but report, on one database and by one clock.
type reporters struct {
	t   *testing.T
	url string
	all []*handlers.Handlers
	st  []*store.Store
	mu  sync.Mutex
	now time.Time
}

func newReporters(t *testing.T, replicas int, config string) *reporters {
	t.Helper()
	cfg, err := parseConfig("f", []byte(smallest+config))
	if err != nil {
		t.Fatal(err)
	}
	r := &reporters{t: t, url: storetest.URL(t)}
	for range replicas {
		st := storetest.Open(t, r.url, store.Options{Now: r.clock})
		reports, err := connectReports(t.Context(), cfg, nil, st)
		if err != nil {
			t.Fatal(err)
		}
		r.st = append(r.st, st)
		r.all = append(r.all, &handlers.Handlers{Reports: reports, Now: r.clock, Log: slog.New(slog.DiscardHandler)})
	}
	return r
}

func (r *reporters) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *reporters) set(at string) {
	r.t.Helper()
	when, err := time.Parse("2006-01-02 15:04:05", at)
	if err != nil {
		r.t.Fatal(err)
	}
	r.mu.Lock()
	r.now = when
	r.mu.Unlock()
}

// tick has each replica see at once what is due.
func (r *reporters) tick(at string) {
	r.t.Helper()
	r.set(at)
	var all sync.WaitGroup
	for _, h := range r.all {
		for range 2 { // a tick that came twice
			all.Go(func() {
				if err := h.Tasks()[engine.TaskReportDue](r.t.Context(), engine.Task{Kind: engine.TaskReportDue}); err != nil {
					r.t.Error(err)
				}
			})
		}
	}
	all.Wait()
}

// posted are the digests that Slack is to show, with the version.
func (r *reporters) posted() string {
	r.t.Helper()
	var keys []string
	for {
		d, ok, err := r.st[0].Lease(r.t.Context(), "the test", time.Minute)
		if err != nil {
			r.t.Fatal(err)
		}
		if !ok {
			return strings.Join(keys, ", ")
		}
		if d.Kind == engine.MessageDigest {
			shown, err := r.st[0].Digest(r.t.Context(), d.Subject)
			if err != nil {
				r.t.Fatal(err)
			}
			keys = append(keys, d.Key+" "+shown.Spend.Total.String()+map[bool]string{true: " closed"}[shown.Closed])
		}
		if err := r.st[0].Delivered(r.t.Context(), d.Key, d.Version, "C1", "ts-"+d.Key, 0); err != nil {
			r.t.Fatal(err)
		}
	}
}

func (r *reporters) expect(when, want string) {
	r.t.Helper()
	if got := r.posted(); got != want {
		r.t.Errorf("%s: posted %q, want %q", when, got, want)
	}
}

const weeklyReport = "reports: {deliveries: [{name: finops, period: weekly, schedule: \"0 9 * * MON\", time_zone: Europe/Berlin, channel: \"#finops\"}]}\n"

func (r *reporters) bills(from, to string) {
	r.t.Helper()
	first, _ := time.Parse(time.DateOnly, from)
	last, _ := time.Parse(time.DateOnly, to)
	for day := first; !day.After(last); day = day.AddDate(0, 0, 1) {
		spent(r.t, r.st[0], day, 10*engine.USD, engine.USD)
	}
}

// TestOneDigestAWeek has two replicas tick at once, through the two changes of the clocks in Berlin, in one of which 09:00 is 08:00 UTC.
func TestOneDigestAWeek(t *testing.T) {
	r := newReporters(t, 2, weeklyReport)
	r.set("2026-10-14 10:00:00")
	r.tick("2026-10-14 10:00:00") // the installation
	r.bills("2026-10-05", "2026-10-17")
	r.expect("nothing old", "")
	r.tick("2026-10-19 06:59:59")
	r.expect("a second too early", "")
	r.tick("2026-10-19 07:00:00")
	r.expect("the minute", "digest/2026-W42/finops $66.00") // Sunday has no bill yet, and nobody waits for it
	r.bills("2026-10-18", "2026-10-25")
	for _, at := range []string{"2026-10-19 07:00:00", "2026-10-19 07:01:00", "2026-10-21 12:00:00", "2026-10-25 00:30:00", "2026-10-25 01:30:00"} {
		r.tick(at)
	}
	r.tick("2026-10-26 07:59:59")
	r.expect("a week later, in winter time", "")
	r.tick("2026-10-26 08:00:00")
	r.tick("2026-10-26 08:01:00")
	r.expect("the minute", "digest/2026-W43/finops $77.00")
	r.tick("2026-11-17 12:00:00")
	r.tick("2026-11-17 12:01:00")
	r.expect("after three weeks away", "digest/2026-W46/finops $0.00")
}

// stumbling is a store of a process that dies at the moment in which it keeps a digest: before its commit, or right after it.
type stumbling struct {
	*store.Store
	after bool
}

func (s stumbling) SaveDigest(ctx context.Context, d engine.Digest, to []digest.Delivery) (engine.Digest, error) {
	if s.after {
		if _, err := s.Store.SaveDigest(ctx, d, to); err != nil {
			return engine.Digest{}, err
		}
	}
	return engine.Digest{}, engine.Errorf(engine.Unavailable, "killed")
}

func TestARestartAtTheMinuteOfSending(t *testing.T) {
	for name, after := range map[string]bool{"before the commit": false, "after the commit": true} {
		r := newReporters(t, 1, weeklyReport)
		r.tick("2026-10-14 10:00:00")
		r.bills("2026-10-12", "2026-10-18")
		r.set("2026-10-19 07:00:00")
		h := *r.all[0]
		h.Reports.Book = stumbling{r.st[0], after}
		if err := h.Tasks()[engine.TaskReportDue](t.Context(), engine.Task{}); engine.CodeOf(err) != engine.Unavailable {
			t.Errorf("%s: %v", name, err)
		}
		r.tick("2026-10-19 07:00:30")
		r.tick("2026-10-19 07:01:00")
		r.expect("killed "+name, "digest/2026-W42/finops $77.00")
	}
}

func TestAMonthIsToldThenClosed(t *testing.T) {
	r := newReporters(t, 2, "reports: {deliveries: [{name: board, period: monthly, channel: \"#finance\"}]}\n")
	r.tick("2026-09-14 10:00:00")
	r.bills("2026-09-01", "2026-09-30")
	r.tick("2026-10-06 09:00:00")
	r.expect("on the sixth", "digest/2026-09/board $330.00")
	invoice := price.Invoice{Payer: "1", Month: time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC), Accounts: map[string]engine.MicroUSD{"1": 332_500_000}, Final: true}
	r.set("2026-10-08 12:00:00")
	if err := r.st[0].CloseMonth(t.Context(), invoice); err != nil {
		t.Fatal(err)
	}
	r.tick("2026-10-08 12:01:00")
	r.tick("2026-10-08 12:02:00")
	r.expect("when the invoice is final", "digest/2026-09/board $332.50 closed")
	invoice.Accounts["1"] = 340_000_000
	r.set("2026-10-20 12:00:00")
	if err := r.st[0].CloseMonth(t.Context(), invoice); err != nil {
		t.Fatal(err)
	}
	r.bills("2026-10-01", "2026-10-31")
	r.tick("2026-10-20 12:01:00")
	r.expect("after a later invoice", "")
	r.tick("2026-11-06 09:00:00")
	r.expect("a month later", "digest/2026-10/board $341.00")
	october, ok, err := r.st[0].DigestOf(t.Context(), engine.PeriodOf(engine.Monthly, time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)), engine.DigestScope{})
	if err != nil || !ok || len(october.Corrections) != 1 || october.Corrections[0].Amount != 7_500_000 || october.Corrections[0].Of != "invoice of 2026-09" || october.Spend.Before != 340_000_000 {
		t.Errorf("%+v, before %s, %v; want what the later invoice of September changed", october.Corrections, october.Spend.Before, err)
	}
}

// TestReportsAreTasks runs them as they run in the bot: what is due is seen at the start, and sent.
func TestReportsAreTasks(t *testing.T) {
	cloud, config := sendingReports(t)
	r := newReporters(t, 1, config)
	r.tick("2026-10-14 10:00:00")
	r.bills("2026-10-12", "2026-10-18")
	r.set("2026-10-19 09:00:00")
	ctx, stop := context.WithCancel(t.Context())
	var working sync.WaitGroup
	working.Go(func() {
		if err := r.st[0].Work(ctx, r.all[0].Tasks()); err != nil {
			t.Error(err)
		}
	})
	defer working.Wait()
	defer stop()
	mails, files := 0, 0
	for deadline := time.Now().Add(time.Minute); (mails == 0 || files < 4) && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		cloud.Change(func(w *stand.World) { mails, files = len(w.Mails), len(w.Buckets[0].Objects) })
	}
	if mails != 1 || files < 4 {
		t.Errorf("%d mails, %d files in S3", mails, files)
	}
}
