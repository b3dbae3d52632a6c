package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/test/slack"
	"github.com/eks-autopilot/autopilot/test/stand"
	"github.com/eks-autopilot/autopilot/test/stand/reader"
)

// weekly writes into the configuration that the digest of a week goes to the channel of savings as soon as the week is over. The next
// start of the bot reads it.
func (w *world) weekly() {
	w.t.Helper()
	w.config.Extra += `reports: {deliveries: [{name: finops, period: weekly, schedule: "0 0 * * MON", time_zone: UTC, channel: "#finops"}]}` + "\n"
	w.must(os.WriteFile(w.file, w.config.YAML(), 0o644))
}

// figures are sums over the rows of a week, as the table of the headline names them. Of the steps, the chains that reached them in it.
const figures = `WITH
	steps AS (SELECT kind, count(DISTINCT chain) AS chains, sum(amount) AS monthly FROM ledger WHERE at >= $from AND at < $to AND day IS NULL GROUP BY kind),
	days AS (SELECT count(DISTINCT chain) AS chains, sum(amount) AS amount, sum(cash) AS cash, sum(low) AS low, sum(high) AS high
		FROM ledger WHERE kind IN ('verified', 'corrected') AND day >= $from::date AND day < $to::date),
	open AS (SELECT count(*) AS n, coalesce(sum(monthly), 0) AS monthly, coalesce(sum(monthly) FILTER (WHERE cash), 0) AS cash FROM finding WHERE status = 'open'),
	known AS (SELECT count(DISTINCT day) AS days, (SELECT sum(micro_usd) FROM cost_row WHERE day >= $from::date AND day < $to::date) AS spend
		FROM cost_day WHERE day >= $from::date AND day < $to::date),
	figure (name, value) AS (
		SELECT CASE kind WHEN 'detected' THEN 'identified' ELSE kind END || '_chains', chains FROM steps
		UNION ALL SELECT CASE kind WHEN 'detected' THEN 'identified' ELSE kind END || '_monthly', monthly FROM steps
		UNION ALL SELECT v.* FROM known k, LATERAL (VALUES ('days_known', k.days), ('spend', k.spend)) v
		UNION ALL SELECT v.* FROM days d, LATERAL (VALUES ('verified_chains', d.chains), ('verified', d.amount), ('verified_cash', d.cash),
			('verified_low', d.low), ('verified_high', d.high)) v
		UNION ALL SELECT 'verified_this_year', sum(amount) FROM ledger WHERE day >= date_trunc('year', $to::date - 1) AND day < $to::date
		UNION ALL SELECT v.* FROM open o, LATERAL (VALUES ('open_opportunities', o.n), ('open_monthly', o.monthly), ('open_monthly_cash', o.cash)) v) `

// digested plays the rest: the week's digest is told once, its figures are those of the rows that this very run made, and everybody who
// asks gets the same bytes. Before the days passed, the bot had looked so often which digests are due.
func (w *world) digested(days, looks int, pull string) {
	w.t.Helper()
	ctx := w.t.Context()
	week := engine.PeriodOf(engine.Weekly, time.Now()).Before()
	year, number := week.From.ISOWeek()
	title := fmt.Sprintf("Week %d of %d", number, year)
	told := func() []slack.Message {
		w.t.Helper()
		all, err := w.reader.Cards(ctx, ":bar_chart:")
		w.must(err)
		return all
	}

	// What was due when the delivery was configured is not told, however often it is looked at.
	w.looked(looks)
	if n := w.value(ctx, `SELECT count(*) || ' ' || (SELECT count(*) FROM digest_delivery) FROM digest`); n != "0 1" || len(told()) != 0 {
		w.t.Fatalf("digests and deliveries: %s, and %d messages; want one delivery that is known, and nothing told", n, len(told()))
	}
	// Three days have costs from before time passed, and three from after it. What is open now is two volumes that nobody wants.
	w.eventually(60*time.Second, "costs are known", func(ctx context.Context) (bool, error) {
		return w.value(ctx, `SELECT count(*)::text FROM cost_day`) == "6", nil
	})
	w.value(ctx, `UPDATE clock SET since = since - interval '30 days' RETURNING key`)
	w.detect("ben")
	w.scanned(3)
	w.must(w.bot.Stop(ctx))
	w.must(stand.AgeDeliveries(ctx, w.postgres.URL(), days))
	w.must(w.bot.Start(ctx))
	w.ready()
	card := w.card(60*time.Second, ":bar_chart: "+title)
	w.shown(1 + engine.DigestParts)

	of := func(query string) string {
		w.t.Helper()
		query = strings.NewReplacer("$from", "'"+week.From.Format(time.RFC3339)+"'", "$to", "'"+week.To.Format(time.RFC3339)+"'").Replace(figures + query)
		return w.value(ctx, query)
	}
	usd := func(name string) string {
		return of(`SELECT '$' || to_char(round(value / 1000000.0, 2), 'FM999,999,990.00') FROM figure WHERE name = '` + name + `'`)
	}
	step := func(name string) string {
		return usd(name+"_monthly") + "/month (" + of(`SELECT value::text FROM figure WHERE name = '`+name+`_chains'`) + ")"
	}
	if n := of(`SELECT string_agg(name || ' ' || value, ', ' ORDER BY name) FROM figure WHERE name LIKE '%\_chains' OR name = 'open_opportunities'`); n != "approved_chains 2, identified_chains 2, implemented_chains 2, open_opportunities 2, verified_chains 2" {
		w.t.Errorf("the week has %s, want all of the way", n)
	}
	text := reader.Text(card)
	want := []string{
		":bar_chart: " + title + ": " + usd("spend") + " spent on " + of(`SELECT value::text FROM figure WHERE name = 'days_known'`) + " of 7 days",
		"Verified savings\n*" + usd("verified") + "*\n" + usd("verified_cash") + " off the bill, the rest freed capacity; " + usd("verified_this_year") + " since 1 January",
		"Identified " + step("identified") + " → approved " + step("approved") + " → implemented " + step("implemented") + " → verified *" + usd("verified") + "* in the week (2)",
		"*Open opportunities:* " + usd("open_monthly") + "/month in 2 findings, " + usd("open_monthly_cash") + " of it off the bill",
	}
	for _, want := range want {
		if !strings.Contains(text, want) {
			w.t.Errorf("the digest does not say %q:\n%s", want, text)
		}
	}

	// The thread has its tables, and the whole report with the pull request in it.
	w.thread(10*time.Second, card.TS, "Where the money went", "Savings, incidents and what the figures mean")
	name := "autopilot-" + week.String() + ".html"
	thread, err := w.reader.Thread(ctx, "finops", card.TS, w.people["ana"])
	w.must(err)
	page := w.uploaded(thread, name)
	if !bytes.Contains(page, []byte(`href="`+pull+`"`)) || !bytes.Contains(page, []byte(usd("verified"))) {
		w.t.Errorf("the report does not link to %s, or does not say %s", pull, usd("verified"))
	}

	// It is the same for who asks, in Slack and on the command line.
	w.askAs("eve", "/autopilot report weekly", want...)
	w.eventually(20*time.Second, "the report comes as a direct message", func(ctx context.Context) (bool, error) {
		state, err := w.slack.Control().State(ctx)
		if err != nil {
			return false, err
		}
		for _, c := range state.Channels {
			if c.IsIM && c.User == w.people["eve"] {
				direct, err := w.slack.Control().Messages(ctx, c.ID, w.people["eve"])
				return bytes.Equal(w.uploaded(direct, name), page), err
			}
		}
		return false, nil
	})
	out := w.t.TempDir()
	report := func(file string, more ...string) []byte {
		w.t.Helper()
		file = filepath.Join(out, file)
		w.run(w.env, append([]string{"report", "-period", week.String(), "-o", file}, more...)...)
		data, err := os.ReadFile(file)
		w.must(err)
		return data
	}
	if a, b := report("a.html", "-csv", out), report("b.html"); !bytes.Equal(a, page) || !bytes.Equal(b, page) {
		w.t.Errorf("the command writes %d and %d bytes, which are not the %d in the thread", len(a), len(b), len(page))
	}
	w.sameFigures(filepath.Join(out, "autopilot-"+week.String()+"-headline.csv"), of(`SELECT string_agg(name || ',' ||
		CASE WHEN name ~ 'chains|opportunities|days' THEN value || ',count' ELSE to_char(value / 1000000.0, 'FM999999990.000000') || ',USD' END, E'\n') FROM figure`))

	// Restarted, the bot tells nothing once more; while it is away, the rows alone say the same twice.
	w.must(w.bot.Stop(ctx))
	if a, b := report("a.html", "-fresh"), report("b.html", "-fresh"); !bytes.Equal(a, b) || !bytes.Contains(a, []byte(usd("verified"))) {
		w.t.Errorf("the same rows give %d and %d bytes, which are not the same, or do not say %s", len(a), len(b), usd("verified"))
	}
	looks = w.looks()
	w.must(w.bot.Start(ctx))
	w.ready()
	w.looked(looks)
	w.shown(1 + engine.DigestParts)
	after, err := w.reader.Thread(ctx, "finops", card.TS, w.people["ana"])
	w.must(err)
	if all := told(); len(all) != 1 || all[0].TS != card.TS || len(after) != len(thread) {
		w.t.Errorf("%d digests, %d messages in the thread that had %d", len(all), len(after), len(thread))
	}
}

// looks counts how often the bot has looked which digests are due.
func (w *world) looks() (n int) {
	w.t.Helper()
	_, err := fmt.Sscan(w.value(w.t.Context(), `SELECT count(*)::text FROM river_job WHERE kind = 'report_due' AND state = 'completed'`), &n)
	w.must(err)
	return n
}

// looked waits until the bot has looked more often than n times.
func (w *world) looked(n int) {
	w.t.Helper()
	w.eventually(90*time.Second, "the bot looks which digests are due", func(context.Context) (bool, error) { return w.looks() > n, nil })
}

// shown waits until so many messages of digests are there and Slack shows each as it should be.
func (w *world) shown(n int) {
	w.t.Helper()
	w.eventually(60*time.Second, "the digest is shown", func(ctx context.Context) (bool, error) {
		return w.value(ctx, `SELECT count(*) || ' ' || count(*) FILTER (WHERE shown = wanted) FROM messages WHERE key LIKE 'digest/%'`) == fmt.Sprintf("%d %d", n, n), nil
	})
}

// uploaded gives the content of the one file of this name among some messages; nil when there is none.
func (w *world) uploaded(among []slack.Message, name string) []byte {
	w.t.Helper()
	var found [][]byte
	for _, m := range among {
		for _, f := range m.Files {
			if f.Name == name {
				data, err := w.slack.Control().File(w.t.Context(), f.ID)
				w.must(err)
				found = append(found, data)
			}
		}
	}
	switch len(found) {
	case 0:
		return nil
	case 1:
		return found[0]
	}
	w.t.Fatalf("%d files %s", len(found), name)
	return nil
}

// sameFigures asserts that a table has all these lines.
func (w *world) sameFigures(file, lines string) {
	w.t.Helper()
	data, err := os.ReadFile(file)
	w.must(err)
	table := "\n" + strings.ReplaceAll(string(data), "\r\n", "\n")
	all := strings.Split(lines, "\n")
	if len(all) < 16 {
		w.t.Errorf("only %d figures: %q", len(all), all)
	}
	for _, line := range all {
		if !strings.Contains(table, "\n"+line+"\n") {
			w.t.Errorf("the table does not have %q:\n%s", line, table)
		}
	}
}
