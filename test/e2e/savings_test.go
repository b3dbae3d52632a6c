package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/test/aws"
	"github.com/eks-autopilot/autopilot/test/cluster"
	"github.com/eks-autopilot/autopilot/test/cluster/ports"
	"github.com/eks-autopilot/autopilot/test/slack"
	"github.com/eks-autopilot/autopilot/test/stand"
	"github.com/eks-autopilot/autopilot/test/stand/labelled"
	"github.com/eks-autopilot/autopilot/test/stand/reader"
)

// Requests and volumes of a cluster with a history: cards with their charts, what people decide about them, and scans that are killed,
// refused by AWS and without Prometheus. None of it may post a card twice or close what nobody looked at.
func TestSavings(t *testing.T) {
	t.Parallel()
	w, cloud, metrics := savingsWorld(t, "savings", []string{labelled.Pool, "over", "right", "leaked", "stateful-zero"})
	scan := func(n int) {
		t.Helper()
		w.detect("ben")
		w.scanned(n)
	}

	w.detect("eve")
	w.ephemeral("eve", "You may not do that")
	scan(1)
	card := w.card(30*time.Second, "over/api", "CPU of container `app`: 2 cores →", "Memory of container `app`: 4 GiB →", "0 OOM kills")
	if !hasChart(card) {
		t.Errorf("the card has no chart: %s", reader.Text(card))
	}
	w.press("eve", card.TS, "Details")
	if v := w.modal("eve"); !reader.Has(slack.Message{Blocks: v.Blocks}, "requests.cpu of container app in Deployment over/api") {
		t.Errorf("the details do not name the lever: %s", reader.Text(slack.Message{Blocks: v.Blocks}))
	}

	// A month passes by the bot's own clock; the volumes that nobody wants get their cards, and the first card stays the only one.
	w.value(t.Context(), `UPDATE clock SET since = since - interval '30 days' RETURNING key`)
	scan(2)
	w.card(30*time.Second, "volumes of leaked/data")
	older := w.card(30*time.Second, "volumes of leaked/older")
	w.single("over/api", card.TS)
	w.ask("/autopilot savings", "CPU requests", "Memory requests", "Orphan volumes", "over/api", "leaked/data")

	w.press("ben", older.TS, "Not waste")
	w.fill("ben", map[string]string{"reason": "the auditors ask for it"})
	w.card(20*time.Second, "volumes of leaked/older", "Not waste, says", "the auditors ask for it")
	w.press("ben", card.TS, "Snooze")
	until := time.Now().UTC().AddDate(0, 0, 40)
	w.fill("ben", map[string]string{"reason": "the sale is on", "until": until.Format(time.DateOnly)})
	w.card(20*time.Second, "over/api", "Snoozed until", "the sale is on")

	// Killed in the middle of a scan, the bot takes it up again when it is back.
	cloud.Fault(aws.Fault{Service: "ec2", Action: "DescribeVolumes", Kind: aws.Hang})
	w.detect("ben")
	w.eventually(30*time.Second, "the scan runs", func(ctx context.Context) (bool, error) {
		return w.value(ctx, `SELECT count(*)::text FROM scan WHERE started_at IS NOT NULL AND finished_at IS NULL`) == "1", nil
	})
	w.must(w.bot.Kill())
	cloud.ClearFaults()
	w.must(w.bot.Start(t.Context()))
	w.ready()
	w.scanned(3)
	w.single("over/api", card.TS)
	w.single("volumes of leaked/older", older.TS)
	w.ask("/autopilot savings", "1 called not waste", "2 snoozed")

	// What could not be looked at is said, and stays as it was.
	cloud.Fault(aws.Fault{Service: "ec2", Kind: aws.Deny})
	scan(4)
	w.ask("/autopilot savings", "Could not see", "volumes of "+labelled.Region+" cannot be listed: AWS refuses", "volumes of leaked/data")
	cloud.ClearFaults()
	w.press("ben", card.TS, "Wake now")
	w.card(20*time.Second, "over/api", "CPU of container `app`: 2 cores →")
	w.must(metrics.Stop(t.Context()))
	scan(5)
	w.ask("/autopilot savings", "Could not see", "prometheus "+labelled.First+" (", "over/api", "volumes of leaked/data")
	w.single("over/api", card.TS)
	w.single("volumes of leaked/older", older.TS)
	if n := w.value(t.Context(), `SELECT count(*)::text FROM finding WHERE status = 'closed'`); n != "0" {
		t.Errorf("%s findings were closed, though all is as it was", n)
	}
	w.must(w.openStore().VerifyAudit(t.Context()))
}

// savingsWorld is a bot with a simulated cluster of some cases, 35 days of its history in a Prometheus, and an AWS.
func savingsWorld(t *testing.T, name string, cases []string, options ...option) (*world, *aws.Server, *stand.Prometheus) {
	t.Helper()
	place(t)
	all, err := labelled.Load()
	if err != nil {
		t.Fatal(err)
	}
	all = slices.DeleteFunc(all, func(c labelled.Case) bool {
		return !slices.Contains(cases, c.Name)
	})
	c, err := cluster.Start(t.Context(), cluster.Config{Name: "e2e-" + name, Mode: cluster.KWOK, KWOKNodes: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	f, err := labelled.NewFurnisher(c.RESTConfig())
	must(err)
	must(f.Furnish(t.Context(), all))
	rules, err := readerRules()
	must(err)
	kubeconfig, err := c.UserKubeconfig(t.Context(), "autopilot", rules)
	must(err)

	var held ports.Held
	t.Cleanup(held.Close)
	port, err := held.Take()
	must(err)
	now := time.Now()
	metrics := &stand.Prometheus{Dir: filepath.Join(t.TempDir(), "prometheus"), Port: port, Retention: 60 * 24 * time.Hour}
	must(f.Histories(t.Context(), metrics.Data(), 0, all, now))
	must(metrics.Start(t.Context()))
	t.Cleanup(func() { must(metrics.Stop(context.Background())) })
	cloud := aws.New(aws.Config{World: labelled.World(all, now)})
	must(cloud.Start("127.0.0.1:0"))
	t.Cleanup(func() { must(cloud.Stop(context.Background())) })

	options = append([]option{func(cfg *stand.BotConfig) {
		cfg.Cluster, cfg.Kubeconfig, cfg.Prometheus, cfg.Savings = labelled.First, kubeconfig, metrics.URL(), "#finops"
		cfg.Extra = fmt.Sprintf("waste: {schedule: \"off\", grace: 24h, card_monthly: 5, cards_per_day: 20}\naws:\n  accounts:\n    - {id: %q, regions: [%s], endpoint: %q}\n",
			labelled.Account, labelled.Region, cloud.URL())
	}}, options...)
	w := newWorld(t, options...)
	w.cluster = c
	w.reader.Channel = "finops"
	return w, cloud, metrics
}

// detect types the command that looks for waste.
func (w *world) detect(who string) {
	w.t.Helper()
	o, err := w.slack.Control().Command(w.t.Context(), w.people[who], "finops", "/autopilot detect waste")
	if err != nil || !o.OK {
		w.t.Fatalf("%s detects waste: %+v, %v", who, o, err)
	}
}

// scanned waits until so many scans have ended well.
func (w *world) scanned(n int) {
	w.t.Helper()
	w.eventually(90*time.Second, fmt.Sprintf("%d scans end", n), func(ctx context.Context) (bool, error) {
		return w.value(ctx, `SELECT count(*)::text FROM scan WHERE finished_at IS NOT NULL AND problem = ''`) == fmt.Sprint(n), nil
	})
}

// single asserts that a subject has the one card that it had.
func (w *world) single(subject, ts string) {
	w.t.Helper()
	cards, err := w.reader.Cards(w.t.Context(), subject)
	w.must(err)
	if len(cards) != 1 || cards[0].TS != ts {
		w.t.Errorf("%d cards of %s, want the one there was\n%s", len(cards), subject, w.channelText())
	}
}

func hasChart(m slack.Message) bool {
	return slices.ContainsFunc(m.Blocks, func(b slack.Block) bool { return b["type"] == "data_visualization" })
}

// modal waits for what opens before somebody's eyes.
func (w *world) modal(who string) slack.View {
	w.t.Helper()
	var view slack.View
	w.eventually(10*time.Second, "a view opens", func(ctx context.Context) (bool, error) {
		views, err := w.slack.Control().Views(ctx, w.people[who])
		if len(views) == 1 {
			view = views[0]
			return true, nil
		}
		return false, errors.Join(err, w.pressesAgain(ctx, who))
	})
	return view
}

// fill answers a form: texts and days by the names of their inputs, and what is chosen beforehand stays.
func (w *world) fill(who string, answers map[string]string) {
	w.t.Helper()
	view := w.modal(who)
	values := map[string]map[string]slack.Block{}
	for _, b := range view.Blocks {
		element, _ := b["element"].(map[string]any)
		block, _ := b["block_id"].(string)
		action, _ := element["action_id"].(string)
		kind, _ := element["type"].(string)
		for name, text := range answers {
			if b["type"] != "input" || block != name && action != name {
				continue
			}
			field := map[string]string{"plain_text_input": "value", "datepicker": "selected_date"}[kind]
			values[block] = map[string]slack.Block{action: {"type": kind, field: text}}
		}
	}
	if len(values) != len(answers) {
		w.t.Fatalf("the form has not all of %v: %+v", answers, view.Blocks)
	}
	o, err := w.slack.Control().Submit(w.t.Context(), w.people[who], view.ID, values)
	if err != nil || !o.OK || len(o.Errors) > 0 {
		w.t.Fatalf("%s answers %v: %+v, %v", who, answers, o, err)
	}
}
