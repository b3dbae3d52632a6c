package handlers

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/robfig/cron/v3"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/digest"
)

// fakeBook stands in for the store. A digest costs a dollar for each time that its facts were read.
type fakeBook struct {
	now      *time.Time
	first    time.Time
	since    map[string]time.Time
	kept     []engine.Digest
	told     []string // "2026-W09 to finops"
	newest   map[string]time.Time
	read     int
	closable []engine.Digest
	final    bool // the invoices are
	closed   []engine.Digest
	fail     error
	empty    bool

	sendings map[int64]digest.Sending
	outcomes []string
	counts   []digest.UnitDay
}

func (b *fakeBook) DigestFacts(_ context.Context, p engine.Period, scope engine.DigestScope, _ []engine.DigestScope) (digest.Facts, error) {
	b.read++
	f := digest.Facts{Period: p, Scope: scope, Closed: b.final, Since: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)}
	if !b.empty {
		f.Known = []digest.KnownDay{{Day: p.From, SavedAt: p.To}}
		f.Parts = []digest.Part{{Payer: "1", Cluster: "prod", Team: "pay", Kind: "workload", Amount: engine.MicroUSD(b.read) * engine.USD}}
	}
	return f, b.fail
}

func (b *fakeBook) DigestOf(_ context.Context, p engine.Period, scope engine.DigestScope) (engine.Digest, bool, error) {
	for _, d := range b.kept {
		if d.Period == p && d.Scope == scope {
			return d, true, nil
		}
	}
	return engine.Digest{}, false, nil
}

func (b *fakeBook) SaveDigest(ctx context.Context, d engine.Digest, to []digest.Delivery) (engine.Digest, error) {
	if old, ok, _ := b.DigestOf(ctx, d.Period, d.Scope); ok {
		d = old
	} else {
		d.ID = int64(len(b.kept) + 1)
		b.kept = append(b.kept, d)
	}
	for _, x := range to {
		b.told = append(b.told, d.Period.String()+" to "+x.Name)
		b.newest[x.Name] = d.Period.From
	}
	return d, nil
}

func (b *fakeBook) Spenders(context.Context) (teams, clusters []string, err error) {
	return []string{"pay", "shop"}, []string{"dev", "prod"}, nil
}

func (b *fakeBook) DeliveryStand(_ context.Context, of digest.Delivery) (digest.Stand, error) {
	if _, ok := b.since[of.Name]; !ok {
		b.since[of.Name] = *b.now
	}
	return digest.Stand{Since: b.since[of.Name], Newest: b.newest[of.Name], First: b.first}, b.fail
}

func (b *fakeBook) Closable(context.Context) ([]engine.Digest, error) { return b.closable, nil }

func (b *fakeBook) CloseDigest(_ context.Context, d engine.Digest) error {
	b.closed = append(b.closed, d)
	return nil
}

func (b *fakeBook) Digest(_ context.Context, id int64) (engine.Digest, error) {
	return b.kept[id-1], nil
}

func (b *fakeBook) Sending(_ context.Context, id int64) (digest.Sending, error) {
	x, ok := b.sendings[id]
	if !ok {
		return x, engine.Errorf(engine.NotFound, "there is no sending %d", id)
	}
	return x, nil
}

func (b *fakeBook) SaveSent(_ context.Context, id int64, problem string, final bool) error {
	b.outcomes = append(b.outcomes, fmt.Sprintf("%d %q %v", id, problem, final))
	x := b.sendings[id]
	x.Done = final
	b.sendings[id] = x
	return nil
}

func (b *fakeBook) SaveCount(_ context.Context, u digest.UnitDay) error {
	b.counts = append(b.counts, u)
	return nil
}

func (b *fakeBook) Counted(_ context.Context, name string, from time.Time) (days []time.Time, err error) {
	for _, u := range b.counts {
		if u.Name == name && !u.Day.Before(from) {
			days = append(days, u.Day)
		}
	}
	return days, nil
}

// reporting is the bot with a clock that a test moves, and these deliveries.
type reporting struct {
	*Handlers
	book *fakeBook
	at   time.Time
}

func newReporting(t *testing.T, at string, deliveries ...ReportDelivery) *reporting {
	t.Helper()
	h, _, _ := fixture(t)
	r := &reporting{Handlers: h, at: clock(t, at)}
	r.book = &fakeBook{now: &r.at, first: r.at.AddDate(-1, 0, 0), since: map[string]time.Time{}, newest: map[string]time.Time{}, sendings: map[int64]digest.Sending{}}
	h.Now = func() time.Time { return r.at }
	h.Reports = Reports{Book: r.book, Sendings: r.book, Counts: r.book, Deliveries: deliveries}
	return r
}

func clock(t *testing.T, at string) time.Time {
	t.Helper()
	when, err := time.Parse("2006-01-02 15:04", at)
	if err != nil {
		t.Fatal(err)
	}
	return when
}

// tick lets the time pass until then, and asks each so often what is due.
func (r *reporting) tick(t *testing.T, until string, step time.Duration) {
	t.Helper()
	for end := clock(t, until); !r.at.After(end); r.at = r.at.Add(step) {
		if err := r.reportDue(t.Context(), engine.Task{}); err != nil {
			t.Fatal(err)
		}
	}
}

func delivery(t *testing.T, name string, kind engine.PeriodKind, schedule, zone string) ReportDelivery {
	t.Helper()
	s, err := cron.ParseStandard(schedule)
	if err != nil {
		t.Fatal(err)
	}
	s.(*cron.SpecSchedule).Location = time.UTC // the clock on the wall
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	return ReportDelivery{Delivery: digest.Delivery{Name: name, Kind: kind, Channel: "#" + name}, Next: s.Next, Location: loc}
}

func TestEachPeriodIsToldOnce(t *testing.T) {
	r := newReporting(t, "2026-02-23 08:58",
		delivery(t, "finops", engine.Weekly, "0 9 * * MON", "Europe/Berlin"),
		delivery(t, "night", engine.Weekly, "30 2 * * SUN", "Europe/Berlin"), // on 29 March there is no 02:30
		delivery(t, "board", engine.Monthly, "0 9 6 * *", "UTC"))
	r.tick(t, "2026-04-07 00:00", 7*time.Minute)
	slices.Sort(r.book.told)
	got := strings.Join(slices.Compact(slices.Clone(r.book.told)), ", ")
	want := "2026-02 to board, 2026-03 to board, 2026-W08 to night, 2026-W09 to finops, 2026-W09 to night, 2026-W10 to finops, 2026-W10 to night, " +
		"2026-W11 to finops, 2026-W11 to night, 2026-W12 to finops, 2026-W12 to night, 2026-W13 to finops, 2026-W13 to night, 2026-W14 to finops"
	if got != want || len(r.book.told) != strings.Count(got, ",")+1 {
		t.Errorf("told %d:\n%s, want\n%s", len(r.book.told), got, want)
	}
}

// TestAYearInBerlin ticks through 2026, each minute on the nights on which the clocks change: each period is told once, at the minute
// that the schedule names on the wall. On 29 March there is no 02:30, so it comes when the clock has skipped it; on 25 October the
// first of two counts.
func TestAYearInBerlin(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	changes := []time.Time{clock(t, "2026-03-29 01:00"), clock(t, "2026-10-25 01:00")}
	for _, c := range []struct {
		kind           engine.PeriodKind
		schedule, wall string
		told           int
		odd            map[string]string // UTC, where the wall shows another time, or one twice
	}{
		{engine.Weekly, "0 9 * * MON", "Mon 09:00", 52, nil},
		{engine.Weekly, "0 15 * * TUE", "Tue 15:00", 52, nil},
		{engine.Weekly, "30 2 * * SUN", "Sun 02:30", 52, map[string]string{"2026-W12": "29 Mar 01:30", "2026-W42": "25 Oct 00:30"}},
		{engine.Weekly, "0 3 * * SUN", "Sun 03:00", 52, map[string]string{"2026-W12": "29 Mar 01:00", "2026-W42": "25 Oct 02:00"}},
		{engine.Monthly, "30 2 29 * *", "29 02:30", 11, map[string]string{"2026-01": "29 Mar 01:30", "2026-02": "29 Mar 01:30"}},
		{engine.Monthly, "30 2 25 * *", "25 02:30", 12, map[string]string{"2026-09": "25 Oct 00:30"}},
		{engine.Monthly, "0 9 6 * *", "06 09:00", 12, nil},
	} {
		r := newReporting(t, "2026-01-01 00:00", delivery(t, "finops", c.kind, c.schedule, "Europe/Berlin"))
		told := map[string]bool{}
		for end := clock(t, "2027-01-01 00:00"); r.at.Before(end); {
			if err := r.reportDue(t.Context(), engine.Task{}); err != nil {
				t.Fatal(err)
			}
			for _, line := range r.book.told[len(told):] {
				period, _, _ := strings.Cut(line, " ")
				if told[period] {
					t.Errorf("%s: %s is told again at %s", c.schedule, period, r.at)
				}
				told[period] = true
				got, want := r.at.In(berlin).Format("Mon 15:04"), c.wall
				if c.kind == engine.Monthly {
					got = r.at.In(berlin).Format("02 15:04")
				}
				if at, odd := c.odd[period]; odd {
					got, want = r.at.Format("2 Jan 15:04"), at
				}
				if got != want {
					t.Errorf("%s: %s is told at %s, %s; want %s", c.schedule, period, r.at, got, want)
				}
			}
			step := 30 * time.Minute
			for _, change := range changes {
				if r.at.Sub(change).Abs() < 4*time.Hour {
					step = time.Minute
				}
			}
			r.at = r.at.Add(step)
		}
		if len(told) != c.told || len(r.book.told) != c.told {
			t.Errorf("%s: %d periods are told, want %d: %v", c.schedule, len(told), c.told, r.book.told)
		}
	}
}

func TestWhatWasDueAtTheInstallationIsNotTold(t *testing.T) {
	for name, c := range map[string]struct {
		at, until, want string
		first           time.Duration // before at
	}{
		"an hour before the schedule":     {"2026-02-23 08:00", "2026-02-23 12:00", "2026-W08 to finops", 240 * time.Hour},
		"an hour after the schedule":      {"2026-02-23 10:00", "2026-02-24 12:00", "", 240 * time.Hour},
		"until the next one":              {"2026-02-25 10:00", "2026-03-02 09:00", "2026-W09 to finops", 240 * time.Hour},
		"there was no row in the week":    {"2026-02-23 08:00", "2026-02-23 12:00", "", time.Hour},
		"in the middle of the first week": {"2026-02-25 08:00", "2026-03-02 12:00", "2026-W09 to finops", time.Hour},
	} {
		r := newReporting(t, c.at, delivery(t, "finops", engine.Weekly, "0 9 * * MON", "UTC"))
		r.book.first = r.at.Add(-c.first)
		r.tick(t, c.until, 10*time.Minute)
		if got := strings.Join(r.book.told, ", "); got != c.want {
			t.Errorf("%s: told %q, want %q", name, got, c.want)
		}
	}
}

func TestAfterAnAbsenceTheNewestIsTold(t *testing.T) {
	r := newReporting(t, "2026-02-23 08:00", delivery(t, "finops", engine.Weekly, "0 9 * * MON", "UTC"))
	r.tick(t, "2026-02-23 08:00", time.Minute)
	r.at = clock(t, "2026-03-18 14:00")
	r.tick(t, "2026-03-18 15:00", time.Minute)
	if got := strings.Join(r.book.told, ", "); got != "2026-W11 to finops" {
		t.Errorf("told %q", got)
	}
}

func TestAnotherDeliveryGetsWhatWasTold(t *testing.T) {
	r := newReporting(t, "2026-02-23 08:00", delivery(t, "early", engine.Weekly, "0 9 * * MON", "UTC"), delivery(t, "late", engine.Weekly, "0 12 * * MON", "UTC"))
	r.tick(t, "2026-02-23 13:00", 10*time.Minute)
	if len(r.book.kept) != 1 || r.book.read != 1 || len(r.book.told) != 2 {
		t.Errorf("kept %d, read %d times, told %q", len(r.book.kept), r.book.read, r.book.told)
	}
}

func TestAPauseStopsNoReport(t *testing.T) {
	r := newReporting(t, "2026-02-23 08:00", delivery(t, "finops", engine.Weekly, "0 9 * * MON", "UTC"))
	r.Decisions.(*fakeStore).paused = engine.Pause{On: true}
	r.tick(t, "2026-02-23 09:00", 10*time.Minute)
	if len(r.book.told) != 1 {
		t.Errorf("told %q", r.book.told)
	}
}

func TestOneThatFailsHoldsUpNoOther(t *testing.T) {
	r := newReporting(t, "2026-02-23 08:00", delivery(t, "finops", engine.Weekly, "0 9 * * MON", "UTC"))
	r.book.fail = engine.Errorf(engine.Unavailable, "the database is away")
	r.book.closable, r.book.final = []engine.Digest{{ID: 3, Period: engine.PeriodOf(engine.Monthly, r.at).Before()}}, true
	err := r.reportDue(t.Context(), engine.Task{})
	if engine.CodeOf(err) != engine.Unavailable || !strings.Contains(err.Error(), "report finops") || !strings.Contains(err.Error(), "closing 2026-01") {
		t.Errorf("%v", err)
	}
}

func TestMonthsAreClosedByTheirInvoices(t *testing.T) {
	r := newReporting(t, "2026-02-23 08:00")
	r.book.closable = []engine.Digest{{ID: 3, Period: engine.PeriodOf(engine.Monthly, r.at).Before(), Scope: engine.DigestScope{Team: "pay"}}}
	r.tick(t, "2026-02-23 08:00", time.Minute)
	if len(r.book.closed) != 0 {
		t.Errorf("closed %+v; its invoices are not final", r.book.closed)
	}
	r.book.final = true
	r.at = clock(t, "2026-02-23 08:00")
	r.tick(t, "2026-02-23 08:00", time.Minute)
	if len(r.book.closed) != 1 || !r.book.closed[0].Closed || r.book.closed[0].Scope.Team != "pay" || r.book.closed[0].Spend.Total != 2*engine.USD {
		t.Errorf("closed %+v; want that of fresh rows", r.book.closed)
	}
}

// postbox is a mailer and a depot.
type postbox struct {
	mails []string
	files map[string]string
	fail  error
}

func (p *postbox) Send(_ context.Context, to []string, from, subject, text, html string, attachments []engine.File) error {
	var names []string
	for _, f := range attachments {
		names = append(names, f.Name)
	}
	if p.fail == nil {
		p.mails = append(p.mails, fmt.Sprintf("%s to %q: %s\n%s[page of %v]\n%s", from, to, subject, text, strings.HasPrefix(html, "<!"), strings.Join(names, " ")))
	}
	return p.fail
}

func (p *postbox) Put(_ context.Context, key, contentType string, body []byte) error {
	if p.fail == nil {
		p.files[key] = fmt.Sprint(contentType, " ", len(body) > 0)
	}
	return p.fail
}

func posting(t *testing.T) (*reporting, *postbox) {
	t.Helper()
	p := &postbox{files: map[string]string{}}
	to := delivery(t, "board", engine.Monthly, "0 9 6 * *", "UTC")
	to.Mail, to.Depot = &MailRoute{Mailer: p, To: []string{"cfo@example.com"}, From: "bot@example.com"}, &DepotRoute{Depot: p, Prefix: "reports"}
	r := newReporting(t, "2026-02-23 08:00", to)
	d, err := r.Reports.Digest(t.Context(), engine.PeriodOf(engine.Monthly, r.at).Before(), engine.DigestScope{Team: "pay\nBcc: x"}, false)
	if err != nil {
		t.Fatal(err)
	}
	d.Insights = []engine.Insight{{Text: "Team pay cost\n$1.00 more."}}
	r.book.kept = []engine.Digest{d}
	for id, via := range map[int64]digest.Via{1: digest.ViaEmail, 2: digest.ViaS3, 3: digest.ViaSlack} {
		r.book.sendings[id] = digest.Sending{ID: id, Digest: 1, Delivery: "board", Via: via}
	}
	r.book.sendings[4] = digest.Sending{ID: 4, Digest: 1, Delivery: "gone", Via: digest.ViaEmail}
	return r, p
}

func (r *reporting) sendOne(t *testing.T, id string) error {
	t.Helper()
	return r.reportSend(t.Context(), engine.Task{Kind: engine.TaskReportSend, Detail: id})
}

func TestAReportIsMailedOnce(t *testing.T) {
	r, p := posting(t)
	for range 2 {
		if err := r.sendOne(t, "1"); err != nil {
			t.Fatal(err)
		}
	}
	if len(p.mails) != 1 {
		t.Fatalf("%d mails", len(p.mails))
	}
	for _, want := range []string{
		`bot@example.com to ["cfo@example.com"]: January 2026, team pay Bcc: x: $1.00 spent` + "\n",
		"Spend: $1.00 on 1 of 31 days\n", "Team pay cost $1.00 more.\n", "Provisional: not every invoice", "There is no PDF: no Chromium is configured.",
		"[page of true]\nautopilot-2026-01-pay_Bcc__x.html autopilot-2026-01-pay_Bcc__x-tables.zip",
	} {
		if !strings.Contains(p.mails[0], want) {
			t.Errorf("the mail lacks %q:\n%s", want, p.mails[0])
		}
	}
	if got := strings.Join(r.book.outcomes, ", "); got != `1 "" true` {
		t.Errorf("outcomes %s", got)
	}
}

func TestAReportIsKeptInS3(t *testing.T) {
	r, p := posting(t)
	r.Reports.Print = func(_ context.Context, page []byte) ([]byte, error) { return append([]byte("%PDF of "), page...), nil }
	if err := r.sendOne(t, "2"); err != nil {
		t.Fatal(err)
	}
	const at = "reports/2026-01/board/autopilot-2026-01-pay_Bcc__x"
	if p.files[at+".html"] != "text/html; charset=utf-8 true" || p.files[at+".pdf"] != "application/pdf true" {
		t.Errorf("%v", slices.Sorted(maps.Keys(p.files)))
	}
	tables := 0
	for key, what := range p.files {
		if strings.HasSuffix(key, ".csv") && strings.HasPrefix(key, at+"-") && what == "text/csv; charset=utf-8 true" {
			tables++
		}
	}
	if tables == 0 || tables+2 != len(p.files) {
		t.Errorf("%d tables of %v", tables, p.files)
	}
}

func TestAReportThatCannotBeSent(t *testing.T) {
	r, p := posting(t)
	p.fail = engine.Errorf(engine.Unavailable, "SES does not answer")
	if err := r.sendOne(t, "1"); engine.CodeOf(err) != engine.Unavailable {
		t.Errorf("%v; want another try", err)
	}
	p.fail = engine.Errorf(engine.Forbidden, "the sender is not verified")
	if err := r.sendOne(t, "1"); engine.CodeOf(err) != engine.Forbidden {
		t.Errorf("%v", err)
	}
	for id, want := range map[string]engine.Code{"1": "", "3": engine.Invalid, "4": engine.Invalid, "5": engine.NotFound, "x": engine.Invalid} {
		if err := r.sendOne(t, id); engine.CodeOf(err) != want {
			t.Errorf("%s: %v, want %q", id, err, want)
		}
	}
	slices.Sort(r.book.outcomes)
	want := []string{
		`1 "SES does not answer" false`, `1 "the sender is not verified" true`, `3 "delivery \"board\" does not go by slack any more" true`,
		`4 "the configuration has no monthly delivery \"gone\" any more" true`,
	}
	if diff := cmp.Diff(want, r.book.outcomes); diff != "" {
		t.Error(diff)
	}
}

func TestWithoutAPrinterThereIsNoPDF(t *testing.T) {
	r := newReporting(t, "2026-02-23 08:00")
	d := engine.Digest{Period: engine.PeriodOf(engine.Weekly, r.at), Scope: engine.DigestScope{Cluster: "prod"}}
	files, without, err := r.Reports.Files(t.Context(), d)
	if err != nil || len(files) != 1 || files[0].Name != "autopilot-2026-W09-prod.html" || len(without) != 1 {
		t.Errorf("%d files, without %q, %v", len(files), without, err)
	}
	r.Reports.Print = func(context.Context, []byte) ([]byte, error) {
		return nil, engine.Errorf(engine.Unavailable, "Chromium took too long")
	}
	if files, without, err = r.Reports.Files(t.Context(), d); err != nil || len(files) != 1 || !strings.Contains(strings.Join(without, ""), "Chromium took too long") {
		t.Errorf("%d files, without %q, %v", len(files), without, err)
	}
}

func TestDaysAreCountedOnceAndMadeUpFor(t *testing.T) {
	r := newReporting(t, "2026-02-23 00:09")
	asked := 0
	down := true
	r.Reports.Units = []Unit{
		{Name: "order", Daily: 120},
		{Name: "request", Ask: func(_ context.Context, day time.Time) (float64, error) {
			if asked++; down {
				return 0, engine.Errorf(engine.Unavailable, "Prometheus does not answer")
			}
			return float64(day.Day()), nil
		}},
		{Name: "customer", Daily: 7},
	}
	err := r.count(t.Context(), engine.Task{})
	if engine.CodeOf(err) != engine.Unavailable || asked != 1 || len(r.book.counts) != 14 {
		t.Errorf("%v, asked %d times, %d counts; want those of the two others", err, asked, len(r.book.counts))
	}
	if newest := r.book.counts[6].Day; newest.Day() != 21 {
		t.Errorf("the newest day is %s; yesterday is too young", newest)
	}
	down = false
	for range 2 {
		if err := r.count(t.Context(), engine.Task{}); err != nil {
			t.Fatal(err)
		}
	}
	if asked != 8 || len(r.book.counts) != 21 {
		t.Errorf("asked %d times, %d counts; want each day once", asked, len(r.book.counts))
	}
	r.at = r.at.Add(time.Minute)
	if err := r.count(t.Context(), engine.Task{}); err != nil || asked != 9 || len(r.book.counts) != 24 {
		t.Errorf("%v, asked %d times, %d counts; want yesterday", err, asked, len(r.book.counts))
	}
}

func TestTasksOfReports(t *testing.T) {
	h, _, _ := fixture(t)
	for _, kind := range []engine.TaskKind{engine.TaskReportDue, engine.TaskReportSend, engine.TaskCount} {
		if h.Tasks()[kind] != nil {
			t.Errorf("%s without a report", kind)
		}
	}
	h.Reports.Deliveries, h.Reports.Units = []ReportDelivery{{}}, []Unit{{}}
	for _, kind := range []engine.TaskKind{engine.TaskReportDue, engine.TaskReportSend, engine.TaskCount} {
		if h.Tasks()[kind] == nil {
			t.Errorf("nobody does %s", kind)
		}
	}
}
