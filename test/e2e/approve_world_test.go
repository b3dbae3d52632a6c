package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/test/slack"
	"github.com/eks-autopilot/autopilot/test/stand"
	"github.com/eks-autopilot/autopilot/test/stand/labelled"
)

// approvalWorld is a bot with a simulated cluster of some cases, a GitHub that declares what runs in it, and what plays Argo CD between
// the two.
func approvalWorld(t *testing.T, name string, files map[string]string, cases ...string) (*world, *stand.Forge, *stand.Prometheus) {
	t.Helper()
	forge := &stand.Forge{Name: declared, Files: files}
	w, _, metrics := savingsWorld(t, name, append([]string{labelled.Pool}, cases...), withForge(t, forge))
	w.syncs(forge, w.cluster)
	return w, forge, metrics
}

// withForge starts a GitHub and has the bot make its pull requests there.
func withForge(t *testing.T, forge *stand.Forge) option {
	return func(cfg *stand.BotConfig) {
		forge.Webhook = "http://" + cfg.Listen + "/webhooks/github"
		if err := forge.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = forge.Stop(context.Background()) })
		people := map[string]string{}
		for _, u := range cfg.Workspace.Users {
			people[u.Name] = u.ID
		}
		cfg.Approvers = true
		cfg.Extra += forge.Config(people)
	}
}

// restart ends the bot as Kubernetes does, and starts it again.
func (w *world) restart() {
	w.t.Helper()
	w.must(w.bot.Stop(w.t.Context()))
	w.must(w.bot.Start(w.t.Context()))
	w.ready()
}

// Days of the past that Prometheus remembers, and that pass in a moment.
const (
	daysBefore = 25
	daysPassed = 4
)

// remembered gives Prometheus what kube-state-metrics said of the cluster all the days before.
func (w *world) remembered(metrics *stand.Prometheus) labelled.Era {
	w.t.Helper()
	ctx, now := w.t.Context(), time.Now()
	f, err := labelled.NewFurnisher(w.cluster.RESTConfig())
	w.must(err)
	before, err := f.Now(ctx, now.AddDate(0, 0, -daysBefore), now)
	w.must(err)
	w.must(metrics.Stop(ctx))
	w.must(labelled.States(metrics.Data(), 1, labelled.First, before))
	w.must(metrics.Start(ctx))
	return before
}

// measuredLater has days pass since the change went live: all that was kept becomes so much older, and Prometheus remembers the cluster as
// it was until then, and as it is now since. The next start of the bot measures.
func (w *world) measuredLater(days int, before labelled.Era, metrics *stand.Prometheus, cases ...string) {
	w.t.Helper()
	ctx, now := w.t.Context(), time.Now()
	w.must(w.bot.Stop(ctx))
	w.daysPass(days)
	all, err := labelled.Load()
	w.must(err)
	all = slices.DeleteFunc(all, func(c labelled.Case) bool { return !slices.Contains(cases, c.Name) })
	f, err := labelled.NewFurnisher(w.cluster.RESTConfig())
	w.must(err)
	before.To = now.AddDate(0, 0, -days).Truncate(time.Minute)
	after, err := f.Now(ctx, before.To, now)
	w.must(err)
	w.must(metrics.Stop(ctx))
	w.must(os.RemoveAll(metrics.Data()))
	w.must(f.Histories(ctx, metrics.Data(), 0, all, now))
	w.must(labelled.States(metrics.Data(), 1, labelled.First, before, after))
	w.must(metrics.Start(ctx))
	w.must(w.bot.Start(ctx))
	w.ready()
	w.verified()
}

// verified waits until all that was proposed is verified.
func (w *world) verified() {
	w.t.Helper()
	w.eventually(90*time.Second, "the days are measured", func(ctx context.Context) (bool, error) {
		return w.value(ctx, `SELECT string_agg(DISTINCT status, ' ') FROM proposal`) == "verified", nil
	})
}

// measured waits until some kinds of waste, of so many chains, have two measured days at least, and asserts that each saved so much of the
// frozen baseline, as cash or as freed capacity. A proposal is verified with its first day.
func (w *world) measured(chains int, cash bool, kinds, saved string) {
	w.t.Helper()
	days := fmt.Sprintf(`FROM (SELECT count(DISTINCT v.day) AS days,
			bool_and(v.amount > 0 AND abs(v.amount - (%s)) < 10000 AND (v.cash = v.amount) = %t) AS well
		FROM ledger v JOIN ledger a ON a.chain = v.chain AND a.kind = 'approved' WHERE v.kind = 'verified' AND v.type LIKE '%s' GROUP BY v.chain) c`, saved, cash, kinds)
	w.eventually(30*time.Second, "two days of "+kinds+" are measured", func(ctx context.Context) (bool, error) {
		return w.value(ctx, `SELECT count(*) || ' ' || coalesce(bool_and(days >= 2), false) `+days) == fmt.Sprintf("%d true", chains), nil
	})
	if w.value(w.t.Context(), `SELECT bool_and(well)::text `+days) != "true" {
		w.t.Errorf("%s did not save %s, cash: %t; the ledger has %s", kinds, saved, cash, w.value(w.t.Context(), `SELECT json_agg(ledger ORDER BY id)::text FROM ledger`))
	}
}

// daysPass makes what the ledger, the proposals, the measured days and the costs say that many days older, at least as many as costs are
// kept of. The ledger lets nobody change its rows; a
// test that cannot wait for days must, and puts the trigger back.
func (w *world) daysPass(days int) {
	w.t.Helper()
	ctx := w.t.Context()
	c, err := pgx.Connect(ctx, w.postgres.URL())
	w.must(err)
	defer func() { _ = c.Close(context.WithoutCancel(ctx)) }()
	for _, statement := range []string{
		`BEGIN`,
		`CREATE FUNCTION pg_temp.earlier(body jsonb) RETURNS jsonb LANGUAGE sql AS
			$$ SELECT to_jsonb(to_char((body ->> 'day')::timestamptz AT TIME ZONE 'UTC' - $days, 'YYYY-MM-DD"T"HH24:MI:SS"Z"')) $$`,
		`ALTER TABLE ledger DISABLE TRIGGER ledger_rows_stay`,
		`UPDATE ledger SET at = at - $days`,
		`ALTER TABLE ledger ENABLE TRIGGER ledger_rows_stay`,
		`CREATE TEMPORARY TABLE used AS SELECT * FROM ledger_use`,
		`DELETE FROM ledger_use`,
		`INSERT INTO ledger_use SELECT finding_id, day - $n, jsonb_set(use, '{day}', pg_temp.earlier(use)) FROM used`,
		`UPDATE proposal SET created_at = created_at - $days, approved_at = approved_at - $days, merged_at = merged_at - $days, deployed_at = deployed_at - $days`,
		`UPDATE proposal_event SET at = at - $days`,
		`UPDATE cost_row SET day = day - $n`,
		`UPDATE cost_day SET day = day - $n, saved_at = saved_at - $days, bill = jsonb_set(bill, '{day}', pg_temp.earlier(bill))`,
		`COMMIT`,
	} {
		statement = strings.NewReplacer("$days", fmt.Sprintf("interval '%d days'", days), "$n", fmt.Sprint(days)).Replace(statement)
		if _, err := c.Exec(ctx, statement); err != nil {
			w.t.Fatalf("%s: %v", statement, err)
		}
	}
}

// offered waits for a card that has a button.
func (w *world) offered(within time.Duration, subject, label string) slack.Message {
	w.t.Helper()
	var card slack.Message
	w.eventually(within, "a card of "+subject+" with the button "+label, func(ctx context.Context) (bool, error) {
		m, ok, err := w.reader.Card(ctx, subject)
		if !ok || err != nil {
			return false, err
		}
		data, err := json.Marshal(m.Blocks)
		card = m
		return strings.Contains(string(data), `"`+label+`"`), err
	})
	return card
}

// choose sends the open modal as it is: every line of it that is chosen stays so.
func (w *world) choose(who string) {
	w.t.Helper()
	view := w.modal(who)
	values := map[string]map[string]slack.Block{}
	for _, b := range view.Blocks {
		element, _ := b["element"].(map[string]any)
		block, _ := b["block_id"].(string)
		action, _ := element["action_id"].(string)
		if b["type"] == "input" {
			values[block] = map[string]slack.Block{action: {"type": element["type"], "selected_options": element["initial_options"]}}
		}
	}
	o, err := w.slack.Control().Submit(w.t.Context(), w.people[who], view.ID, values)
	if err != nil || !o.OK || len(o.Errors) > 0 {
		w.t.Fatalf("%s approves: %+v, %v", who, o, err)
	}
}
