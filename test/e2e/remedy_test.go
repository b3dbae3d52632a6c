package e2e_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/test/scenario"
	"github.com/eks-autopilot/autopilot/test/slack"
	"github.com/eks-autopilot/autopilot/test/stand"
	"github.com/eks-autopilot/autopilot/test/stand/reader"
)

// remedyWorld is a world whose bot may do remedies, by the two roles that are shipped and no more.
func remedyWorld(t *testing.T, prefix string) *world {
	t.Helper()
	reads, err := readerRules()
	if err != nil {
		t.Fatal(err)
	}
	writes, err := roleRules("remedies")
	if err != nil {
		t.Fatal(err)
	}
	kubeconfig, err := shared.cluster.UserKubeconfig(t.Context(), "autopilot-"+prefix, slices.Concat(reads, writes))
	if err != nil {
		t.Fatal(err)
	}
	return newWorld(t, only(prefix), func(cfg *stand.BotConfig) { cfg.Kubeconfig, cfg.Remedies = kubeconfig, true })
}

// offers waits until the card has a button, and gives the card.
func (w *world) offers(within time.Duration, ts, label string) {
	w.t.Helper()
	w.eventually(within, "the card has the button "+label, func(ctx context.Context) (bool, error) {
		cards, err := w.reader.Cards(ctx)
		for _, m := range cards {
			if m.TS == ts && slices.ContainsFunc(reader.Controls(m), func(c reader.Control) bool { return c.Label == label }) {
				return true, nil
			}
		}
		return false, err
	})
}

// command has somebody give a command, which must be taken.
func (w *world) command(who, text string) {
	w.t.Helper()
	o, err := w.slack.Control().Command(w.t.Context(), w.people[who], w.reader.Channel, text)
	if err != nil || !o.OK {
		w.t.Fatalf("%s says %q: %+v, %v", who, text, o, err)
	}
}

// A bad revision is undone from its thread by somebody with the role, and by nobody else; the incident resolves. What Git owns is left
// to Git, and the card says so.
func TestRemedy(t *testing.T) {
	t.Parallel()
	w := remedyWorld(t, "undone")
	client, err := kubernetes.NewForConfig(shared.cluster.RESTConfig())
	w.must(err)

	owned := fault(t, "probe", "undone-argo")
	mark := "metadata: {name: index, annotations: {argocd.argoproj.io/tracking-id: \"index:apps/Deployment:undone-argo/index\"}}"
	for _, steps := range []*[]scenario.Step{&owned.Setup, &owned.Break, &owned.Fix} {
		*steps = slices.Clone(*steps)
		for k := range *steps {
			(*steps)[k].Apply = strings.Replace((*steps)[k].Apply, "metadata: {name: index}", mark, 1)
		}
	}
	w.breakIt(owned)

	s := fault(t, "probe", "undone")
	card := w.breakIt(s)
	w.offers(90*time.Second, card.TS, "Undo rollout")

	w.press("eve", card.TS, "Undo rollout")
	w.ephemeral("eve", "You may not do that", "fixers")

	// Paused, nobody may; the pause is told.
	w.command("ben", "/autopilot pause the auditors are here")
	w.ephemeral("ben", "Paused")
	w.press("ana", card.TS, "Undo rollout")
	w.ephemeral("ana", "writes are paused")
	w.command("ben", "/autopilot resume")
	w.ephemeral("ben", "Resumed")

	w.press("ana", card.TS, "Undo rollout")
	plan := reader.Text(slack.Message{Blocks: w.modal("ana").Blocks})
	for _, want := range []string{"undone/index", "revision 2 → 1", "8081", "8080", "kubectl -n undone rollout undo deployment/index --to-revision=1", "dry run"} {
		if !strings.Contains(plan, want) {
			t.Errorf("the plan does not show %q:\n%s", want, plan)
		}
	}
	w.choose("ana")
	w.thread(30*time.Second, card.TS, "Asked to undo the rollout: revision 2 → 1", "Rollout undone: revision 2 → 1")

	d, err := client.AppsV1().Deployments("undone").Get(t.Context(), "index", metav1.GetOptions{})
	w.must(err)
	if port := d.Spec.Template.Spec.Containers[0].LivenessProbe.HTTPGet.Port.IntValue(); port != 8080 {
		t.Errorf("the probe asks port %d, want 8080 as before", port)
	}
	if !slices.ContainsFunc(d.ManagedFields, func(m metav1.ManagedFieldsEntry) bool { return m.Manager == "autopilot" }) {
		t.Errorf("nothing says that the bot changed it: %+v", d.ManagedFields)
	}
	w.card(120*time.Second, "undone/index", "(resolved)")

	// What Git owns gets no button, and the reason.
	git := w.card(60*time.Second, "undone-argo/index", "Argo CD (application index) deploys it from Git")
	if o, err := w.reader.Press(t.Context(), w.people["ana"], git.TS, "Undo rollout"); err == nil {
		t.Errorf("what Argo CD deploys can be undone by hand: %+v", o)
	}

	st := w.openStore()
	w.must(st.VerifyAudit(t.Context()))
	rows, err := st.Audit(t.Context(), "", 50)
	w.must(err)
	var said []bool
	for _, r := range slices.Backward(rows) {
		if r.Action == engine.ActionUndo {
			said = append(said, r.Allowed)
			if r.Allowed && r.Plan == "" {
				t.Errorf("the audit row of the deed has no plan: %+v", r)
			}
		}
	}
	if !slices.Equal(said, []bool{false, false, true}) && !slices.Equal(said, []bool{true, false, false}) {
		t.Errorf("audit rows of undo: %v, want two refusals and one deed", said)
	}
}
