package e2e_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	adapter "github.com/eks-autopilot/autopilot/engine/aws"
	"github.com/eks-autopilot/autopilot/test/aws"
	"github.com/eks-autopilot/autopilot/test/slack"
	"github.com/eks-autopilot/autopilot/test/stand"
	"github.com/eks-autopilot/autopilot/test/stand/reader"
)

// A volume that no file declares, from the card to its snapshot and its deletion by the bot itself: two people approve, the bot is killed
// on the way, and AWS lets each of its two roles do what deploy/terraform says and nothing else.
func TestVolume(t *testing.T) {
	t.Parallel()
	const (
		account, region = "123456789012", "eu-central-1"
		orphan, looks   = "vol-0123456789abcdef0", "arn:aws:iam::123456789012:role/autopilot"
		removes         = looks + "-volume-remover"
	)
	var reads []string
	for _, g := range adapter.Grants() {
		reads = append(reads, g.Actions...)
	}
	grant := adapter.Removes()
	cloud := aws.New(aws.Config{
		SnapshotTakes: 20 * time.Second, DeletionTakes: 2 * time.Second,
		Roles: map[string]aws.Role{looks: {Account: account, May: reads}, removes: {Account: account, May: slices.Concat(grant.Actions, grant.Behind)}},
		World: aws.World{Volumes: []aws.Volume{{
			Account: account, Region: region, ID: orphan, Type: "gp3", Zone: region + "a", GiB: 2000, IOPS: 3000, Throughput: 125, Created: time.Now().AddDate(-1, 0, 0),
		}}},
	})
	if err := cloud.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cloud.Stop(context.Background()) })
	w := newWorld(t, only("waste"), func(cfg *stand.BotConfig) {
		cfg.Savings, cfg.Approvers = "#finops", true
		cfg.Extra = fmt.Sprintf("waste: {schedule: \"off\", grace: 24h}\nvolumes: {remove: true}\naws:\n  accounts:\n    - {id: %q, regions: [%s], endpoint: %q, role_arn: %q, remover_role_arn: %q}\n",
			account, region, cloud.URL(), looks, removes)
	})
	w.reader.Channel = "finops"
	w.detect("ben")
	w.scanned(1)
	w.value(t.Context(), `UPDATE clock SET since = since - interval '30 days' RETURNING key`)
	w.detect("ben")
	w.scanned(2)
	card := w.offered(60*time.Second, orphan, "Approve")

	w.press("eve", card.TS, "Approve")
	w.ephemeral("eve", "You may not do that")
	w.press("ben", card.TS, "Approve")
	plan := reader.Text(slack.Message{Blocks: w.modal("ben").Blocks})
	for _, want := range []string{"2 people", "The bot does this itself", "create-snapshot --region " + region + " --volume-id " + orphan, "delete-volume --region " + region + " --volume-id " + orphan, "its snapshot at most"} {
		if !strings.Contains(plan, want) {
			t.Errorf("the plan does not show %q:\n%s", want, plan)
		}
	}
	w.choose("ben")
	card = w.card(30*time.Second, orphan, "1 of 2 approvals")
	if n := cloud.Count("ec2", "CreateSnapshot"); n != 0 {
		t.Fatalf("one of two approved, and AWS was asked %d times", n)
	}
	w.press("dev", card.TS, "Approve")
	w.choose("dev")
	w.thread(60*time.Second, card.TS, "Snapshot snap-", "is being taken")
	w.must(w.bot.Kill())
	w.must(w.bot.Start(t.Context()))
	w.ready()
	w.thread(3*time.Minute, card.TS, "is complete", "It is deleted now")
	w.thread(60*time.Second, card.TS, "Volume "+orphan+" is deleted", "has what was on it")

	var taken []aws.Snapshot
	left := 0
	cloud.Change(func(world *aws.World) {
		taken = slices.Clone(world.Snapshots)
		for _, v := range world.Volumes {
			if v.Gone.IsZero() {
				left++
			}
		}
	})
	if len(taken) != 1 || taken[0].GiB != 2000 || taken[0].Tags["autopilot:proposal"] != "1" || left != 0 {
		t.Errorf("snapshots %+v, %d volumes left; want one snapshot and no volume", taken, left)
	}
	if n := w.value(t.Context(), `SELECT string_agg(kind, ' ' ORDER BY id) FROM ledger`); n != "detected approved implemented" {
		t.Errorf("the ledger has %q", n)
	}

	// Days later AWS still does not have it, and that is measured: money off the bill.
	w.must(w.bot.Stop(t.Context()))
	w.must(stand.Age(w.t.Context(), w.postgres.URL(), daysPassed))
	w.must(w.bot.Start(t.Context()))
	w.ready()
	w.verified()
	w.measured(1, true, "orphan_volume", `(a.baseline ->> 'per_unit')::float`)
	w.thread(60*time.Second, card.TS, "Verified")
	w.must(w.openStore().VerifyAudit(t.Context()))
}
