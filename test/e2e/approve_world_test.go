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
	w.must(stand.Age(ctx, w.postgres.URL(), days))
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
	ctx, cancel := context.WithTimeout(w.t.Context(), atLeast)
	defer cancel()
	o, err := w.reader.SendIn(ctx, w.people[who])
	if err != nil || !o.OK || len(o.Errors) > 0 {
		w.t.Fatalf("%s approves: %+v, %v", who, o, err)
	}
}
