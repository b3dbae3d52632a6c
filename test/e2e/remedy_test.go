package e2e_test

import (
	"context"
	"encoding/json"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/test/scenario"
	"github.com/eks-autopilot/autopilot/test/slack"
	"github.com/eks-autopilot/autopilot/test/stand"
	"github.com/eks-autopilot/autopilot/test/stand/reader"
)

// remedies has the bot do remedies, as a user of its own by the two roles that are shipped and no more.
func remedies(t *testing.T, name string) option {
	t.Helper()
	reads, err := readerRules()
	if err != nil {
		t.Fatal(err)
	}
	writes, err := roleRules("remedies")
	if err != nil {
		t.Fatal(err)
	}
	kubeconfig, err := shared.cluster.UserKubeconfig(t.Context(), "autopilot-"+name, slices.Concat(reads, writes))
	if err != nil {
		t.Fatal(err)
	}
	return func(cfg *stand.BotConfig) { cfg.Kubeconfig, cfg.Remedies = kubeconfig, true }
}

// hung is a workload whose pods run well until somebody connects to them: from then on they run, and are not ready.
var hung = scenario.Scenario{Name: "hung", Namespace: "undone-hung", Setup: []scenario.Step{
	{Apply: strings.Replace(deployment("web", "touch /tmp/ready; nc -l -p 8080; rm /tmp/ready; "+calm, "", probed), "spec:", "spec:\n  replicas: 2", 1)},
	{WaitReady: "Deployment/web"},
}}

// What is done at once, and what goes through Git instead: a bad revision is undone from its thread by somebody with the role, and by nobody
// else; pods that hang are made anew; what Argo CD deploys, and a limit that is too low, are changed by a pull request, and so is a value
// that no fix is known of: the commit that brought it is taken back. All of it breaks at once, in one world, and all of it resolves.
func TestRemedy(t *testing.T) {
	t.Parallel()
	forge := &stand.Forge{Name: declared, Files: map[string]string{
		indexFile: indexManifest, renderFile: renderManifest, ordersFile: ordersManifest, ordersConfig: ordersSettings,
	}}
	w := newWorld(t, only("undone"), remedies(t, "undone"), withForge(t, forge), func(cfg *stand.BotConfig) { cfg.Extra += "waste: {schedule: \"off\"}\n" })
	for _, namespace := range []string{indexNamespace, renderNamespace, ordersNamespace} {
		w.begin(scenario.Scenario{Name: "declared", Namespace: namespace})
	}
	w.syncs(forge, shared.cluster)
	w.begin(hung)
	undone := fault(t, "probe", "undone")
	w.begin(undone)
	w.must(w.player.Break(t.Context(), undone))
	w.hang(hung.Namespace)
	w.breaksInGit(forge)

	w.undo(w.card(90*time.Second, "undone/index"))
	w.restartHung()
	w.arrived(w.revertInGit(forge), w.raiseInGit(forge), w.takeBackInGit(forge))
	w.card(120*time.Second, "undone/index", "(resolved)")
	w.card(120*time.Second, "undone-hung/web", "(resolved)")
	w.onlyTheRemedies()
}

// begin makes the namespace of a scenario and what is well in it, until the test ends.
func (w *world) begin(s scenario.Scenario) {
	w.t.Helper()
	w.t.Cleanup(func() { w.must(w.player.End(context.Background(), s)) })
	w.must(w.player.Begin(w.t.Context(), s))
}

// undo takes a bad revision back. The refusals on the way are told and change nothing.
func (w *world) undo(card slack.Message) {
	w.t.Helper()
	w.offers(90*time.Second, card.TS, "Undo rollout")
	w.press("eve", card.TS, "Undo rollout")
	w.ephemeral("eve", "You may not do that", "undo on", "fixers")

	// Paused, nobody may; the pause is told.
	w.command("ben", "/autopilot pause the auditors are here")
	w.ephemeral("ben", "Paused")
	w.press("ana", card.TS, "Undo rollout")
	w.ephemeral("ana", "writes are paused")
	w.command("ben", "/autopilot resume")
	w.ephemeral("ben", "Resumed")

	w.remedied(card, "Undo rollout", []string{"undone/index", "revision 2 → 1", "8081", "8080", "kubectl -n undone rollout undo deployment/index --to-revision=1"},
		"Asked to undo the rollout: revision 2 → 1", "Rollout undone: revision 2 → 1")

	d, err := shared.cluster.Client().AppsV1().Deployments("undone").Get(w.t.Context(), "index", metav1.GetOptions{})
	w.must(err)
	if port := d.Spec.Template.Spec.Containers[0].LivenessProbe.HTTPGet.Port.IntValue(); port != 8080 {
		w.t.Errorf("the probe asks port %d, want 8080 as before", port)
	}
	if !slices.ContainsFunc(d.ManagedFields, func(m metav1.ManagedFieldsEntry) bool { return m.Manager == "autopilot" }) {
		w.t.Errorf("nothing says that the bot changed it: %+v", d.ManagedFields)
	}
}

// remedied has ana do what a card offers: its plan must show some texts, and its thread must tell others.
func (w *world) remedied(card slack.Message, label string, plan []string, told ...string) {
	w.t.Helper()
	w.hands.Lock()
	defer w.hands.Unlock()
	w.press("ana", card.TS, label)
	w.shows("ana", append(plan, "dry run")...)
	w.choose("ana")
	w.thread(90*time.Second, card.TS, told...)
}

// hang connects to every pod of a namespace, once none is so new that it may still be starting.
func (w *world) hang(namespace string) {
	w.t.Helper()
	w.eventually(60*time.Second, "the pods have run for a while", func(context.Context) (bool, error) {
		return !slices.ContainsFunc(w.pods(namespace), func(p corev1.Pod) bool {
			running := p.Status.ContainerStatuses[0].State.Running
			return running == nil || time.Since(running.StartedAt.Time) < 6*time.Second
		}), nil
	})
	for _, p := range w.pods(namespace) {
		c, err := net.DialTimeout("tcp", p.Status.PodIP+":8080", 10*time.Second)
		w.must(err)
		w.must(c.Close())
	}
}

// pods are those of a namespace that are not about to go.
func (w *world) pods(namespace string) []corev1.Pod {
	w.t.Helper()
	list, err := shared.cluster.Client().CoreV1().Pods(namespace).List(w.t.Context(), metav1.ListOptions{})
	w.must(err)
	return slices.DeleteFunc(list.Items, func(p corev1.Pod) bool { return p.DeletionTimestamp != nil })
}

// restartHung has every pod of what hangs made anew.
func (w *world) restartHung() {
	w.t.Helper()
	before := map[string]bool{}
	for _, p := range w.pods(hung.Namespace) {
		before[string(p.UID)] = true
	}
	card := w.card(90*time.Second, "undone-hung/web")
	w.offers(90*time.Second, card.TS, "Restart")
	w.press("eve", card.TS, "Restart")
	w.ephemeral("eve", "You may not do that", "restart on", "fixers")
	w.remedied(card, "Restart", []string{"all pods of undone-hung/web are made anew", "kubectl -n undone-hung rollout restart deployment/web"},
		"Asked to restart", "Restarted: all pods of undone-hung/web are made anew")
	w.eventually(60*time.Second, "two other pods are ready", func(context.Context) (bool, error) {
		after := w.pods(hung.Namespace)
		return len(before) == 2 && len(after) == 2 && !slices.ContainsFunc(after, func(p corev1.Pod) bool {
			ready := slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue })
			return before[string(p.UID)] || !ready
		}), nil
	})
}

// onlyTheRemedies holds what the bot's audit log and that of the API server say of it all: who was refused and who was not, a dry run before
// each write, and no write of the bot's own where Git has the word.
func (w *world) onlyTheRemedies() {
	w.t.Helper()
	st := w.openStore()
	w.must(st.VerifyAudit(w.t.Context()))
	rows, err := st.Audit(w.t.Context(), "", 50)
	w.must(err)
	said := map[engine.Action]int{}
	for _, r := range rows {
		if _, is := engine.RemedyFor(r.Action); !is {
			continue
		}
		said[r.Action] += map[bool]int{true: 100, false: 1}[r.Allowed]
		if r.Allowed && r.Plan == "" {
			w.t.Errorf("the audit row of the deed has no plan: %+v", r)
		}
	}
	if said[engine.ActionUndo] != 102 || said[engine.ActionRestart] != 101 || len(said) != 2 {
		w.t.Errorf("audit rows (100 for a deed, 1 for a refusal): %v; want two refusals and one undo, one refusal and one restart", said)
	}
	writes := w.writes("autopilot-undone")
	w.wroteOnce(writes, "undone/index")
	w.wroteOnce(writes, "undone-hung/web")
	if len(writes) != 2 {
		w.t.Errorf("the bot wrote %v", writes)
	}
}

// wroteOnce asserts that of an object there is one write, after dry runs: that of the plan, and that of the deed.
func (w *world) wroteOnce(writes map[string][]string, object string) {
	w.t.Helper()
	of := writes[object]
	if n := len(of); n < 3 || of[n-1] != "real" || slices.Contains(of[:n-1], "real") {
		w.t.Errorf("the bot wrote %s as %q; want dry runs, and at last the write", object, of)
	}
}

// writes is what the API server's audit log has of one user's writes that it took, by object: "dry" or "real", in order.
func (w *world) writes(user string) map[string][]string {
	w.t.Helper()
	data, err := os.ReadFile(filepath.Join(shared.cluster.LogDir(), "audit.log"))
	w.must(err)
	all := map[string][]string{}
	for line := range strings.Lines(string(data)) {
		var e struct {
			Stage, RequestURI, Verb string
			User                    struct{ Username string }
			ObjectRef               struct{ Resource, Namespace, Name string }
			ResponseStatus          struct{ Code int }
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil { // the last line may be half written
			continue
		}
		if !strings.HasSuffix(e.User.Username, ":"+user) || e.Stage != "ResponseComplete" || e.ResponseStatus.Code >= 300 ||
			!slices.Contains([]string{"create", "update", "patch", "delete", "deletecollection"}, e.Verb) || strings.HasSuffix(e.ObjectRef.Resource, "reviews") {
			continue
		}
		how := "real"
		if u, err := url.Parse(e.RequestURI); err == nil && u.Query().Get("dryRun") == "All" {
			how = "dry"
		}
		object := strings.TrimPrefix(e.ObjectRef.Namespace+"/"+e.ObjectRef.Name, "/")
		all[object] = append(all[object], how)
	}
	return all
}

// offers waits until the card has a button.
func (w *world) offers(within time.Duration, ts, label string) {
	w.t.Helper()
	w.eventually(within, "the card has the button "+label, func(ctx context.Context) (bool, error) {
		cards, err := w.reader.Cards(ctx)
		return slices.ContainsFunc(cards, func(m slack.Message) bool { return m.TS == ts && has(m, label) }), err
	})
}

// has tells whether a message has a button.
func has(m slack.Message, label string) bool {
	return slices.ContainsFunc(reader.Controls(m), func(c reader.Control) bool { return c.Label == label })
}

// shows waits for what opens before somebody's eyes, which must show all the texts.
func (w *world) shows(who string, texts ...string) {
	w.t.Helper()
	shown := reader.Text(slack.Message{Blocks: w.modal(who).Blocks})
	for _, want := range texts {
		if !strings.Contains(shown, want) {
			w.t.Errorf("the plan does not show %q:\n%s", want, shown)
		}
	}
}

// command has somebody give a command, which must be taken.
func (w *world) command(who, text string) {
	w.t.Helper()
	o, err := w.slack.Control().Command(w.t.Context(), w.people[who], w.reader.Channel, text)
	if err != nil || !o.OK {
		w.t.Fatalf("%s says %q: %+v, %v", who, text, o, err)
	}
}
