package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/test/aws"
	"github.com/eks-autopilot/autopilot/test/slack"
	"github.com/eks-autopilot/autopilot/test/stand"
	"github.com/eks-autopilot/autopilot/test/stand/reader"
)

// A volume that nobody wants, from a command to the card, the modal, "not waste" and back; and a second scan that changes nothing.
func TestWaste(t *testing.T) {
	t.Parallel()
	const account, region = "123456789012", "eu-central-1"
	cloud := aws.New(aws.Config{World: aws.World{Volumes: []aws.Volume{{
		Account: account, Region: region, ID: "vol-0123456789abcdef0", Type: "gp3", Zone: region + "a", GiB: 2000, IOPS: 3000, Throughput: 125,
		Created: time.Now().AddDate(-1, 0, 0),
	}}}})
	if err := cloud.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cloud.Stop(context.Background()) })
	w := newWorld(t, only("waste"), func(cfg *stand.BotConfig) {
		cfg.Savings = "#finops"
		cfg.Extra = fmt.Sprintf("waste: {schedule: \"off\", grace: 24h}\naws:\n  accounts:\n    - {id: %q, regions: [%s], endpoint: %q}\n", account, region, cloud.URL())
	})
	w.reader.Channel = "finops"
	scan := func(n int) {
		t.Helper()
		o, err := w.slack.Control().Command(t.Context(), w.people["ben"], "finops", "/autopilot detect waste")
		if err != nil || !o.OK {
			t.Fatalf("detect waste: %+v, %v", o, err)
		}
		w.eventually(60*time.Second, "the scan ends", func(ctx context.Context) (bool, error) {
			return w.value(ctx, `SELECT count(*)::text FROM scan WHERE finished_at IS NOT NULL AND problem = ''`) == fmt.Sprint(n), nil
		})
	}

	scan(1)
	w.ask("/autopilot savings", "Nothing to save", "no Prometheus is configured")
	// A month passes by the bot's own clock.
	if got := w.value(t.Context(), `UPDATE clock SET since = since - interval '30 days' RETURNING key`); got != "detached/123456789012/vol-0123456789abcdef0" {
		t.Fatalf("the clock that runs is %q", got)
	}
	scan(2)
	card := w.card(30*time.Second, "vol-0123456789abcdef0", "a month")
	w.ask("/autopilot savings", "Orphan volumes", "volumes of account "+account)
	w.ask("/autopilot savings type=cpu", "Nothing to save")

	w.press("eve", card.TS, "Details")
	w.modal("eve")
	w.press("eve", card.TS, "Not waste")
	w.ephemeral("eve", "You may not do that")

	w.press("ben", card.TS, "Not waste")
	view := w.modal("ben")
	block, action := inputOf(t, view)
	o, err := w.slack.Control().Submit(t.Context(), w.people["ben"], view.ID, map[string]map[string]slack.Block{
		block: {action: {"type": "plain_text_input", "value": "the yearly restore drill"}},
	})
	if err != nil || !o.OK {
		t.Fatalf("not waste: %+v, %v", o, err)
	}
	w.card(20*time.Second, "the yearly restore drill")
	scan(3)
	w.ask("/autopilot savings", "Nothing to save", "1 called not waste")

	w.press("ben", card.TS, "It is waste after all")
	w.ask("/autopilot savings", "Orphan volumes")
	cards, err := w.reader.Cards(t.Context(), "vol-0123456789abcdef0")
	w.must(err)
	if len(cards) != 1 || cards[0].TS != card.TS || strings.Contains(reader.Text(cards[0]), "restore drill") {
		t.Errorf("%d cards, the first %s; want the one there was, open again", len(cards), reader.Text(cards[0]))
	}
	w.must(w.openStore().VerifyAudit(t.Context()))
}

// value asks the bot's database for one text; "" when it has none.
func (w *world) value(ctx context.Context, query string) string {
	w.t.Helper()
	c, err := pgx.Connect(ctx, w.postgres.URL())
	w.must(err)
	defer func() { _ = c.Close(context.WithoutCancel(ctx)) }()
	var v string
	if err := c.QueryRow(ctx, query).Scan(&v); err != nil && !errors.Is(err, pgx.ErrNoRows) {
		w.t.Fatal(err)
	}
	return v
}
