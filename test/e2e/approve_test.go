package e2e_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/test/github"
	"github.com/eks-autopilot/autopilot/test/slack"
	"github.com/eks-autopilot/autopilot/test/stand"
	"github.com/eks-autopilot/autopilot/test/stand/labelled"
	"github.com/eks-autopilot/autopilot/test/stand/reader"
)

const (
	declared = "acme/clusters"
	apiFile  = "shop/over/api.yaml"
)

// apiManifest is what people wrote: comments, a blank line in the middle, and a limit that nobody asked to change.
const apiManifest = `# The API of the shop.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: api
  namespace: over   # its own
spec:
  replicas: 3
  selector: {matchLabels: {app: api}}
  template:
    metadata:
      labels: {app: api}
    spec:
      containers:
        - name: app
          image: registry.example/over:1

          resources:
            # Sized for the sale of 2024.
            requests:
              cpu: "2"
              memory: 4Gi   # a guess
            limits:
              memory: 4Gi
`

// From real usage to the verified dollar: a card, two people who approve, a pull request whose diff is two lines, merged by a person, given
// to the cluster by what plays Argo CD, seen live, and measured against the days before. On the way the bot is killed twice, and its
// database and GitHub are away for a while: there is one pull request, one chain of the ledger for each line, and one thread all the same.
func TestApprove(t *testing.T) {
	t.Parallel()
	w, forge, metrics := approvalWorld(t, "approve", map[string]string{apiFile: apiManifest, "README.md": "What runs where.\n", "CODEOWNERS": "* @" + stand.ForgeBen + "\n"}, "over", "leaked")
	past := w.remembered(metrics)
	client, err := kubernetes.NewForConfig(w.cluster.RESTConfig())
	w.must(err)

	w.detect("ben")
	w.scanned(1)
	card := w.offered(60*time.Second, "over/api", "Approve")
	w.weekly()
	w.restart() // which is when it next measures: what the days before used is known before anybody approves
	w.eventually(90*time.Second, "the days before are known", func(ctx context.Context) (bool, error) {
		return w.value(ctx, `SELECT count(*)::text FROM ledger_use WHERE (use ->> 'seen')::float > 0.9`) == "28", nil
	})

	w.press("eve", card.TS, "Approve")
	w.ephemeral("eve", "You may not do that")

	// The plan shows the exact lines; the first of two approves.
	w.press("ben", card.TS, "Approve")
	plan := reader.Text(slack.Message{Blocks: w.modal("ben").Blocks})
	for _, want := range []string{"2 people", declared, apiFile, `-              cpu: "2"`, "-              memory: 4Gi   # a guess", "+              memory: "} {
		if !strings.Contains(plan, want) {
			t.Errorf("the plan does not show %q:\n%s", want, plan)
		}
	}
	w.choose("ben")
	card = w.card(30*time.Second, "over/api", "1 of 2 approvals")
	if n := len(forge.Pulls(declared)); n != 0 {
		t.Fatalf("one of two approved, and there are %d pull requests", n)
	}
	// The same person twice is one person.
	w.press("ben", card.TS, "Approve")
	w.choose("ben")
	w.ephemeral("ben", "already")

	w.must(forge.Fault(github.Fault{Path: "/repos/*", Kind: github.Unicorn}))
	w.press("dev", card.TS, "Approve")
	w.choose("dev")
	w.throughTheStorm(forge)
	w.thread(90*time.Second, card.TS, "Pull request #1", "is open")
	pulls := forge.Pulls(declared)
	if len(pulls) != 1 || pulls[0].Commits != 1 || pulls[0].Base != "main" || !strings.HasPrefix(pulls[0].Head, "autopilot/") {
		t.Fatalf("the pull requests are %+v", pulls)
	}
	if n := len(forge.Branches(declared)); n != 2 {
		t.Errorf("the branches are %v, want the base and one more", forge.Branches(declared))
	}
	w.onlyTheTwoLines(pulls[0].Diff)

	// People review and merge where they always do.
	w.must(forge.SetCheck(declared, pulls[0].HeadSHA, "kubeconform", "success"))
	w.thread(60*time.Second, card.TS, "Checks pass")
	w.must(forge.Review(declared, stand.ForgeBen, 1, "APPROVE", "fine"))
	w.must(forge.Merge(declared, stand.ForgeBen, 1, "merge"))
	w.thread(60*time.Second, card.TS, "Merged")

	// What plays Argo CD gives it to the cluster, and the bot sees it there.
	w.eventually(60*time.Second, "the deployment asks for less", func(ctx context.Context) (bool, error) {
		d, err := client.AppsV1().Deployments("over").Get(ctx, "api", metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		r := d.Spec.Template.Spec.Containers[0].Resources
		limit := r.Limits[corev1.ResourceMemory]
		return r.Requests.Memory().Value() < 4<<30 && r.Requests.Cpu().MilliValue() < 2000 && limit.Value() == 4<<30 &&
			d.Status.UpdatedReplicas == 3 && d.Status.Replicas == 3, nil
	})
	w.thread(90*time.Second, card.TS, "Live")
	w.eventually(10*time.Second, "the ledger has it", func(ctx context.Context) (bool, error) {
		return w.value(ctx, `SELECT string_agg(chain, ' ') FROM (SELECT string_agg(kind, ',' ORDER BY id) AS chain FROM ledger GROUP BY ledger.chain) c`) ==
			"detected,approved,implemented detected,approved,implemented", nil
	})

	days, looks := stand.IntoLastWeek(time.Now()), w.looks()
	w.measuredLater(days, past, metrics, labelled.Pool, "over", "leaked")
	// Each measured day of each request saved what the frozen baseline and the new request say, for three replicas.
	w.measured(2, false, "over_requested%", `CASE WHEN abs(v.work - 72) < 0.1 AND a.baseline ->> 'days' = '14' THEN ((a.baseline ->> 'per_unit')::float - (a.baseline ->> 'after')::float) * 72 ELSE 0 END`)
	w.thread(60*time.Second, card.TS, "Verified", "was expected")
	w.ask("/autopilot savings ledger", "Saved $", "freed capacity", "Promised and measured", "CPU", "memory")
	w.detect("ben")
	w.scanned(2)
	w.card(60*time.Second, "over/api", "a month saved and verified", "Verified")
	w.single("over/api", card.TS)
	if n := w.value(t.Context(), `SELECT count(*) || ' ' || min(status) FROM proposal`); n != "1 verified" {
		t.Errorf("the proposals are %s", n)
	}
	w.digested(days, looks, w.value(t.Context(), `SELECT pull ->> 'url' FROM proposal`))
	w.must(w.openStore().VerifyAudit(t.Context()))
	if out := w.run(w.env, "audit", "verify"); !strings.Contains(out, "rows") {
		t.Errorf("audit verify says %q", out)
	}
}

// throughTheStorm is what may happen between the last approval and the pull request: two kills, a database that is away, GitHub that is
// broken, then slows the bot down, and at last does what it is asked without saying so.
func (w *world) throughTheStorm(forge *stand.Forge) {
	w.t.Helper()
	ctx := w.t.Context()
	for range 2 {
		calls := len(forge.Calls())
		w.eventually(60*time.Second, "the bot asks a broken GitHub for it", func(ctx context.Context) (bool, error) {
			return len(forge.Calls()) > calls && w.value(ctx, `SELECT status FROM proposal`) == string(engine.ProposalApproved), nil
		})
		w.must(w.bot.Kill())
		w.must(w.bot.Start(ctx))
		w.ready()
	}
	w.must(w.postgres.Stop(ctx))
	time.Sleep(3 * time.Second) // for as long, nothing can be kept
	w.must(w.postgres.Start(ctx))
	forge.ClearFaults()
	w.must(forge.Fault(github.Fault{Method: "POST", Path: "/repos/*/git/*", Kind: github.Secondary, Delay: 2 * time.Second, Count: 2}))
	w.must(forge.Fault(github.Fault{Method: "POST", Path: "/repos/*/pulls", Kind: github.DropAfter, Count: 1}))
}

// onlyTheTwoLines asserts that a diff changes the two requests and nothing else.
func (w *world) onlyTheTwoLines(diff string) {
	w.t.Helper()
	gone, come := changedLines(diff)
	for _, lines := range [][]string{gone, come} {
		for k := range lines {
			lines[k] = strings.TrimSpace(lines[k][1:])
		}
	}
	if fmt.Sprint(gone) != fmt.Sprint([]string{`cpu: "2"`, "memory: 4Gi   # a guess"}) || len(come) != 2 ||
		!strings.HasPrefix(come[0], "cpu: ") || !strings.HasSuffix(come[1], "   # a guess") {
		w.t.Errorf("the diff is not the two lines:\n%s", diff)
	}
}
