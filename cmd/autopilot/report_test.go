package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/digest"
	"github.com/eks-autopilot/autopilot/engine/price"
	"github.com/eks-autopilot/autopilot/handlers"
	"github.com/eks-autopilot/autopilot/store"
	"github.com/eks-autopilot/autopilot/store/storetest"
)

// spent keeps a day of one payer and two teams.
func spent(t *testing.T, st *store.Store, day time.Time, pay, shop engine.MicroUSD) {
	t.Helper()
	r := price.Record{Day: day, Bills: []price.Bill{{Payer: "1", Day: day, Lines: []price.Line{{Account: "1", Amount: pay + shop}}}}}
	for team, amount := range map[string]engine.MicroUSD{"pay": pay, "shop": shop} {
		r.Rows = append(r.Rows, price.Row{Day: day, Payer: "1", Account: "1", Cluster: "prod", Namespace: team, Team: team, Kind: price.RowWorkload, What: "nodes", Amount: amount})
	}
	if err := st.SaveCosts(t.Context(), r); err != nil {
		t.Fatal(err)
	}
}

var (
	weekToldOf = engine.PeriodOf(engine.Weekly, time.Date(2026, 10, 14, 0, 0, 0, 0, time.UTC)) // 2026-W42
	tuesday    = time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC)
)

func reported(t *testing.T) *store.Store {
	t.Helper()
	url := storetest.URL(t)
	t.Setenv("AUTOPILOT_DATABASE_URL", url)
	t.Chdir(t.TempDir())
	st := storetest.Open(t, url, store.Options{Now: func() time.Time { return tuesday }})
	for day := weekToldOf.Before().From; day.Before(weekToldOf.To); day = day.AddDate(0, 0, 1) {
		spent(t, st, day, 10*engine.USD, engine.MicroUSD(day.Day())*engine.USD)
	}
	return st
}

func TestReportIsTheSameBytesForTheSameRows(t *testing.T) {
	st := reported(t)
	var pages []string
	for n := range 2 {
		page, folder := fmt.Sprint(n, ".html"), fmt.Sprint("csv", n)
		code, out, errs := call(t, "report", "-period", "2026-W42", "-o", page, "-csv", folder)
		if code != 0 || out != "" || !strings.HasPrefix(errs, "2026-W42, of the rows up to 2026-10-20T12:00:00Z\n") {
			t.Fatalf("%d %q %q", code, out, errs)
		}
		data, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, string(data))
		tables, err := filepath.Glob(folder + "/autopilot-2026-W42-*.csv")
		if err != nil || len(tables) == 0 {
			t.Errorf("no tables in %s, %v", folder, err)
		}
		slices.Sort(tables)
		for _, name := range tables {
			table, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			pages[n] += name[len(folder):] + string(table)
		}
	}
	if pages[0] != pages[1] || !strings.Contains(pages[0], "<html") {
		t.Error("the same rows give other bytes")
	}
	code, out, _ := call(t, "report", "-period", "2026-W42")
	if code != 0 || !strings.HasPrefix(pages[0], out) {
		t.Errorf("%d; the standard output gets another page", code)
	}
	if code, out, _ = call(t, "report", "-period", "2026-W42", "-team", "pay", "-cluster", "prod"); code != 0 || strings.HasPrefix(pages[0], out) {
		t.Errorf("%d; that of a team is that of all", code)
	}

	reports := handlers.Reports{Book: st}
	told, err := reports.Digest(t.Context(), weekToldOf, engine.DigestScope{}, true)
	if err != nil {
		t.Fatal(err)
	}
	if told, err = st.SaveDigest(t.Context(), told, nil); err != nil {
		t.Fatal(err)
	}
	spent(t, st, weekToldOf.From, 500*engine.USD, 0)
	code, out, errs := call(t, "report", "-period", "2026-w42")
	if code != 0 || errs != "2026-W42, as it was told\n" || !strings.HasPrefix(pages[0], out) {
		t.Errorf("%d %q; the week that was told has changed", code, errs)
	}
	if code, fresh, _ := call(t, "report", "-period", "2026-W42", "-fresh"); code != 0 || fresh == out || !strings.Contains(fresh, (told.Spend.Total+478*engine.USD).String()) {
		t.Errorf("%d; want today's rows", code)
	}
}

func TestReportSaysWhatIsWrong(t *testing.T) {
	reported(t)
	if err := os.WriteFile("broken.yaml", []byte("clusters: 3"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"-h"}, 0, "The same rows give the same bytes."},
		{[]string{"2026-W42"}, 2, "a period is -period 2026-W42"},
		{[]string{"-perod", "x"}, 2, "flag provided but not defined"},
		{[]string{"-period", "2026-W54"}, 1, "there is no week 54 of 2026"},
		{[]string{"-period", "2099-01"}, 1, "has not begun yet"},
		{[]string{"-period", "yesterday"}, 1, "a week such as 2026-W47"},
		{[]string{"-period", "2020-03"}, 1, "nothing is known of 2020-03; the first day with costs is 5 October 2026, in 2026-10"},
		{[]string{"-period", "2026-13"}, 1, "there is no month 13 of 2026"},
		{[]string{"-period", "2026-W42", "-team", "nobody"}, 1, "no cost is known of a team `nobody`; known: "},
		{[]string{"-period", "2026-W42", "-cluster", "prd"}, 1, "no cost is known of a cluster `prd`; did you mean cluster `prod`?"},
		{[]string{"-period", "2026-W42", "-o", "absent/x.html"}, 1, "the report cannot be written: open absent/x.html"},
		{[]string{"-period", "2026-W42", "-csv", "broken.yaml"}, 1, "the folder for tables cannot be made"},
		{[]string{"-period", "2026-W42", "-pdf", "x.pdf"}, 1, "set reports.pdf.chromium"},
		{[]string{"-config", "absent.yaml"}, 1, "the configuration cannot be read"},
		{[]string{"-config", "broken.yaml"}, 1, "broken.yaml has"},
	} {
		code, out, errs := call(t, append([]string{"report"}, c.args...)...)
		if code != c.code || !strings.Contains(errs, c.says) || out != "" {
			t.Errorf("report %v: %d %q\n%s; want %d and %q", c.args, code, out, errs, c.code, c.says)
		}
	}
	t.Setenv("AUTOPILOT_DATABASE_URL", "")
	if code, _, errs := call(t, "report", "-period", "2026-W42"); code != 1 || !strings.Contains(errs, "AUTOPILOT_DATABASE_URL") {
		t.Errorf("%d %s", code, errs)
	}
}

func TestReportKnowsTheBudgets(t *testing.T) {
	reported(t)
	if err := os.WriteFile("autopilot.yaml", []byte(smallest+"reports: {budgets: [{name: the whole shop, monthly: 1234}]}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := call(t, "report", "-period", "2026-10"); code != 0 || !strings.Contains(out, "the whole shop") {
		t.Errorf("%d %s; the page has no budget", code, errs)
	}
}

func TestDoctorTellsOfReports(t *testing.T) {
	url := storetest.URL(t)
	st := storetest.Open(t, url, store.Options{})
	says := func(c Config) string {
		var lines []string
		for _, x := range checkReports(t.Context(), c, Secrets{DatabaseURL: engine.Secret(url)}, tuesday) {
			lines = append(lines, fmt.Sprint(x.OK, " ", x.Name, ": ", x.Found))
		}
		return strings.Join(lines, "\n")
	}
	if got := says(Config{}); got != "true deliveries: none: no report is posted, and /autopilot report answers who asks" {
		t.Error(got)
	}
	c := fullReports(t)
	c.Reports.Units, c.Reports.PDF = nil, PDFConfig{Chromium: "/absent"}
	c.Reports.Deliveries[2].Email, c.Reports.Deliveries[2].S3 = nil, nil // see TestDoctorTriesWhereReportsGo
	d, err := st.SaveDigest(t.Context(), engine.Digest{Period: engine.PeriodOf(engine.Monthly, time.Now()).Before()}, []digest.Delivery{{Name: "board", Kind: engine.Monthly, Email: true}})
	if err != nil {
		t.Fatal(err)
	}
	if err := st.SaveSent(t.Context(), 1, "the address is not verified", true); err != nil {
		t.Fatal(err)
	}
	want := "true finops: weekly to #finops, 2026-W42 at 2026-10-20 15:00 UTC\n" +
		"true payments: weekly to C0123ABCD, 2026-W43 at 2026-10-26 08:30 CET; the bills of its last days are whole from 2026-10-27 12:00 UTC on\n" +
		"true board: monthly to #finance, 2026-10 at 2026-11-06 09:00 UTC\n" +
		"false pdf: /absent is no executable\n" +
		"false board of " + d.Period.String() + " by email: the address is not verified"
	if got := says(c); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}
