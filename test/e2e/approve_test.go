package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/eks-autopilot/autopilot/engine"
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
// to the cluster by what plays Argo CD, seen live, measured; and everything that must be refused on the way.
func TestApprove(t *testing.T) {
	t.Parallel()
	forge := &stand.Forge{Name: declared, Files: map[string]string{apiFile: apiManifest, "README.md": "What runs where.\n", "CODEOWNERS": "* @" + stand.ForgeBen + "\n"}}
	w, _, _ := savingsWorld(t, "approve", []string{labelled.Pool, "over"}, func(cfg *stand.BotConfig) {
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
	})
	argo := &stand.GitOps{URL: forge.URL() + "/" + declared + ".git", Branch: "main", Dir: filepath.Join(t.TempDir(), "clone"), Every: 500 * time.Millisecond}
	w.must(argo.Start(t.Context(), w.cluster.RESTConfig()))
	t.Cleanup(func() { _ = argo.Stop(context.Background()) })

	w.detect("ben")
	w.scanned(1)
	card := w.offered(60*time.Second, "over/api", "Approve")

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

	w.press("dev", card.TS, "Approve")
	w.choose("dev")
	w.thread(60*time.Second, card.TS, "Pull request #1", "is open")
	pulls := forge.Pulls(declared)
	if len(pulls) != 1 || pulls[0].Commits != 1 || pulls[0].Base != "main" || !strings.HasPrefix(pulls[0].Head, "autopilot/") {
		t.Fatalf("the pull requests are %+v", pulls)
	}
	w.onlyTheTwoLines(pulls[0].Diff)

	// People review and merge where they always do.
	w.must(forge.SetCheck(declared, pulls[0].HeadSHA, "kubeconform", "success"))
	w.thread(60*time.Second, card.TS, "Checks pass")
	w.must(forge.Review(declared, stand.ForgeBen, 1, "APPROVE", "fine"))
	w.must(forge.Merge(declared, stand.ForgeBen, 1, "merge"))
	w.thread(60*time.Second, card.TS, "Merged")

	// What plays Argo CD gives it to the cluster, and the bot sees it there.
	client, err := kubernetes.NewForConfig(w.cluster.RESTConfig())
	w.must(err)
	w.eventually(60*time.Second, "the deployment asks for less", func(ctx context.Context) (bool, error) {
		d, err := client.AppsV1().Deployments("over").Get(ctx, "api", metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		r := d.Spec.Template.Spec.Containers[0].Resources
		limit := r.Limits[corev1.ResourceMemory]
		return r.Requests.Memory().Value() < 4<<30 && r.Requests.Cpu().MilliValue() < 2000 && limit.Value() == 4<<30, nil
	})
	w.thread(90*time.Second, card.TS, "Live")
	if n := w.value(t.Context(), `SELECT string_agg(kind, ' ' ORDER BY id) FROM ledger WHERE chain = (SELECT chain FROM ledger LIMIT 1)`); n != "detected approved implemented" {
		t.Errorf("the ledger has %q", n)
	}
	w.must(w.openStore().VerifyAudit(t.Context()))
	if out := w.run(w.env, "audit", "verify"); !strings.Contains(out, "rows") {
		t.Errorf("audit verify says %q", out)
	}
	if status := engine.ProposalStatus(w.value(t.Context(), `SELECT status FROM proposal`)); status != engine.ProposalDeployed {
		t.Errorf("the proposal is %s", status)
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

// onlyTheTwoLines asserts that a diff changes the two requests and nothing else.
func (w *world) onlyTheTwoLines(diff string) {
	w.t.Helper()
	var gone, come []string
	for line := range strings.Lines(diff) {
		switch {
		case strings.HasPrefix(line, "---"), strings.HasPrefix(line, "+++"):
		case strings.HasPrefix(line, "-"):
			gone = append(gone, strings.TrimSpace(line[1:]))
		case strings.HasPrefix(line, "+"):
			come = append(come, strings.TrimSpace(line[1:]))
		}
	}
	if fmt.Sprint(gone) != fmt.Sprint([]string{`cpu: "2"`, "memory: 4Gi   # a guess"}) || len(come) != 2 ||
		!strings.HasPrefix(come[0], "cpu: ") || !strings.HasSuffix(come[1], "   # a guess") {
		w.t.Errorf("the diff is not the two lines:\n%s", diff)
	}
}
