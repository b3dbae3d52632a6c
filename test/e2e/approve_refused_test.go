package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/test/github"
	"github.com/eks-autopilot/autopilot/test/slack"
	"github.com/eks-autopilot/autopilot/test/stand"
	"github.com/eks-autopilot/autopilot/test/stand/reader"
)

// What must come to nothing: a click of somebody without a role, or who lost it since; a plan that is not what is there any more, seen
// when it is sent in or only when the pull request would be made; a time that is over; a no; a webhook that GitHub did not send; and a pull
// request that a person closes. Each is told where it happened, and all of it is in the audit log.
func TestApproveRefused(t *testing.T) {
	ahead(t)
	t.Parallel()
	w, forge, _ := approvalWorld(t, "refused", map[string]string{apiFile: apiManifest}, "over")
	rewritten := func(comment string) {
		t.Helper()
		_, err := forge.Push(declared, stand.ForgeAna, github.Push{Message: comment, Files: map[string]string{
			apiFile: strings.Replace(apiManifest, `cpu: "2"`, `cpu: "2"   # `+comment, 1),
		}})
		w.must(err)
	}
	w.detect("ben")
	w.scanned(1)
	card := w.offered(60*time.Second, "over/api", "Approve")

	w.press("eve", card.TS, "Approve")
	w.ephemeral("eve", "You may not do that")

	// The file changes while the plan is before somebody's eyes: what was shown is refused, and what is so now is shown.
	w.press("ben", card.TS, "Approve")
	shown := w.modal("ben")
	rewritten("for the sale")
	w.detect("ben")
	w.scanned(2)
	w.eventually(30*time.Second, "the plan is made anew", func(ctx context.Context) (bool, error) {
		return w.value(ctx, `SELECT count(*)::text FROM proposal_item WHERE proposal_id IS NULL AND body::text LIKE '%# for the sale%'`) != "0", nil
	})
	w.choose("ben")
	w.eventually(20*time.Second, "the new plan is shown", func(ctx context.Context) (bool, error) {
		views, err := w.slack.Control().Views(ctx, w.people["ben"])
		return len(views) == 1 && views[0].ID != shown.ID && reader.Has(slack.Message{Blocks: views[0].Blocks}, "# for the sale"), err
	})
	w.proposals("")

	// Somebody leaves the group of those who may, with the window open. The bot, started anew, remembers no groups.
	w.choose("ben")
	card = w.card(30*time.Second, "over/api", "1 of 2 approvals")
	w.press("dev", card.TS, "Approve")
	w.modal("dev")
	w.must(w.slack.Control().Usergroup(t.Context(), "finops", "dev", true))
	w.restart()
	w.choose("dev")
	w.ephemeral("dev", "You may not do that")
	w.proposals("pending")
	if n := w.value(t.Context(), `SELECT count(*)::text FROM proposal_approval`); n != "1" {
		t.Errorf("%s approvals, want that of ben alone", n)
	}

	w.press("ana", card.TS, "Deny")
	w.fill("ana", map[string]string{"reason": "the auditors come on Friday"})
	w.thread(30*time.Second, card.TS, "Denied", "the auditors come on Friday")
	w.proposals("denied")

	// A time that is over, by the clock of the database's rows.
	w.again(card.TS, "ben", "Denied")
	card = w.card(30*time.Second, "over/api", "1 of 2 approvals")
	w.value(t.Context(), `UPDATE proposal SET expires_at = now() - interval '1 minute' WHERE status = 'pending' RETURNING id::text`)
	w.press("ana", card.TS, "Approve")
	w.choose("ana")
	w.ephemeral("ana", "proposal 2 is expired already")
	w.thread(30*time.Second, card.TS, "Expired: nobody decided in time")
	w.proposals("denied expired")

	// The file changes after the plan was drafted: two people said yes to something else than what would be done now.
	w.again(card.TS, "ben", "Expired")
	w.card(30*time.Second, "over/api", "1 of 2 approvals")
	rewritten("for the other sale")
	w.press("ana", card.TS, "Approve")
	w.choose("ana")
	w.thread(60*time.Second, card.TS, "Not done, for the plan changed", "the lines that it changes are others now")
	w.proposals("denied expired stale")
	if n := len(forge.Pulls(declared)); n != 0 {
		t.Fatalf("nothing was approved, and there are %d pull requests", n)
	}

	// A pull request at last. Who claims to be GitHub moves nothing; the person who closes it does.
	w.again(card.TS, "ben", "Not done, for the plan changed")
	w.card(30*time.Second, "over/api", "1 of 2 approvals")
	w.press("ana", card.TS, "Approve")
	w.choose("ana")
	w.thread(60*time.Second, card.TS, "Pull request #1", "is open")
	before := w.value(t.Context(), `SELECT count(*)::text FROM river_job WHERE kind = 'follow'`)
	for _, signature := range []string{"", "sha256=" + strings.Repeat("0", 64)} {
		if status := w.forged(signature); status != http.StatusUnauthorized {
			t.Errorf("a webhook with the signature %q is answered with %d", signature, status)
		}
	}
	if after := w.value(t.Context(), `SELECT count(*)::text FROM river_job WHERE kind = 'follow'`); after != before {
		t.Errorf("forged webhooks had the bot look: %s tasks, then %s", before, after)
	}
	w.proposals("denied expired stale opened")
	w.must(forge.ClosePull(declared, stand.ForgeBen, 1))
	w.card(60*time.Second, "over/api", "Snoozed until", stand.ForgeBen+" closed pull request")
	w.thread(30*time.Second, card.TS, "was closed")
	w.proposals("denied expired stale closed")
	w.single("over/api", card.TS)
	// Two approvals that came to nothing are in the ledger, the second as a correction of the first; nothing was done.
	if got := w.value(t.Context(), `SELECT string_agg(DISTINCT entries, ' ') FROM (SELECT string_agg(kind, ',' ORDER BY id) AS entries FROM ledger GROUP BY chain) c`); got != "detected,approved,corrected" {
		t.Errorf("the ledger has %q", got)
	}

	w.askAs("ben", "/autopilot audit proposal 1", "approve `proposal/1`, allowed", "approve `proposal/1`, refused", "deny `proposal/1`, allowed", "the auditors come on Friday")
	w.askAs("eve", "/autopilot audit proposal 1", "You may not do that")
	w.must(w.openStore().VerifyAudit(t.Context()))
	if out := w.run(w.env, "audit", "verify"); !strings.Contains(out, " rows hold\nhead ") {
		t.Errorf("audit verify says %q", out)
	}
}

// again has somebody approve what the card offers once more, after it said what became of the last time.
func (w *world) again(ts, who, after string) {
	w.t.Helper()
	w.card(30*time.Second, "over/api", after)
	w.eventually(60*time.Second, "the card offers it again", func(ctx context.Context) (bool, error) {
		return w.value(ctx, `SELECT count(*)::text FROM proposal_item WHERE proposal_id IS NULL AND body -> 'Edits' -> 0 IS NOT NULL`) == "2", nil
	})
	card := w.offered(30*time.Second, "over/api", "Approve")
	if card.TS != ts {
		w.t.Fatalf("the offer is on another card\n%s", w.channelText())
	}
	w.press(who, ts, "Approve")
	w.choose(who)
}

// proposals asserts where each proposal stands, the oldest first.
func (w *world) proposals(want string) {
	w.t.Helper()
	if got := w.value(w.t.Context(), `SELECT coalesce(string_agg(status, ' ' ORDER BY id), '') FROM proposal`); got != want {
		w.t.Fatalf("the proposals are %q, want %q\n%s", got, want, w.channelText())
	}
}

// forged says to the bot, as nobody of GitHub, that the pull request was merged; it gives the status of the answer.
func (w *world) forged(signature string) int {
	w.t.Helper()
	body := fmt.Sprintf(`{"action":"closed","number":1,"repository":{"full_name":%q},"pull_request":{"number":1,"merged":true,"head":{"ref":"main"}}}`, declared)
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, "http://"+w.listen+"/webhooks/github", strings.NewReader(body))
	w.must(err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-GitHub-Event", "pull_request")
	if signature != "" {
		req.Header.Set("X-Hub-Signature-256", signature)
	}
	resp, err := http.DefaultClient.Do(req)
	w.must(err)
	w.must(resp.Body.Close())
	return resp.StatusCode
}

// askAs types a command as somebody, and waits for the answer.
func (w *world) askAs(who, command string, texts ...string) {
	w.t.Helper()
	o, err := w.slack.Control().Command(w.t.Context(), w.people[who], w.reader.Channel, command)
	if err != nil || !o.OK {
		w.t.Fatalf("%s asks %s: %+v, %v", who, command, o, err)
	}
	w.ephemeral(who, texts...)
}
