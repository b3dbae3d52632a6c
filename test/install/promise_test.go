//go:build install

package install

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"

	"github.com/eks-autopilot/autopilot/test/slack"
	"github.com/eks-autopilot/autopilot/test/stand/reader"
)

// images: each was pushed. What runs later must be what was pushed.
func (x *site) images(t *testing.T, printed string) {
	for _, name := range []string{"autopilot", "chaosagent", "industry"} {
		_, rest, pushed := strings.Cut(printed, "/autopilot/"+name+":v0.1.0@")
		digest, _, _ := strings.Cut(rest, " ")
		if !pushed || !strings.HasPrefix(digest, "sha256:") {
			t.Fatalf("no image of %s was pushed:\n%s", name, printed)
		}
		x.digests[name] = digest
	}
	t.Logf("\n%s", printed)
}

// values adds where this Slack is and how soon an incident is over, and has Alertmanager show the token that the document made.
func (x *site) values(t *testing.T, _ string) {
	file := strings.TrimSpace(x.shell.run(t, "where the values are", `echo "$SITE/values.yaml"`))
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var values map[string]any
	if err := yaml.UnmarshalStrict(data, &values); err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
	if err := errors.Join(
		unstructured.SetNestedField(values, x.slack.APIURL(), "config", "slack", "api_url"),
		unstructured.SetNestedField(values, "10s", "config", "incidents", "hold_down"), // what is over is told sooner
	); err != nil {
		t.Fatal(err)
	}
	if data, err = yaml.Marshal(values); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	am := x.stand.Alertmanager
	if err := am.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	am.Token = strings.TrimSpace(x.shell.run(t, "the token of webhooks", `echo "$WEBHOOK_TOKEN"`))
	if err := am.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// runs: a pod has run without an end that nobody wanted, of the very image that was pushed, as the user that its image says; and where it goes
// on, there is no shell in it.
func (x *site) runs(t *testing.T, p corev1.Pod, image string, user int64) {
	t.Helper()
	c := p.Status.ContainerStatuses[0]
	if !strings.HasSuffix(c.ImageID, x.digests[image]) || c.RestartCount != 0 {
		t.Errorf("%s runs %s after %d restarts, want %s", p.Name, c.ImageID, c.RestartCount, x.digests[image])
	}
	if c.User == nil || c.User.Linux == nil || c.User.Linux.UID != user || c.User.Linux.GID != user {
		t.Errorf("%s runs as %+v, want %d", p.Name, c.User, user)
	}
	if p.Status.Phase != corev1.PodRunning {
		return
	}
	out := x.shell.run(t, "look for a shell", fmt.Sprintf(`! kubectl -n %s exec %s -- /bin/sh -c true 2>&1`, p.Namespace, p.Name))
	if !strings.Contains(out, "no such file") {
		t.Errorf("a shell in the image of %s: %s", p.Name, out)
	}
}

// bots are the bot's pods that are ready and stay.
func (x *site) bots(ctx context.Context) ([]corev1.Pod, error) {
	pods, err := x.client.CoreV1().Pods(space).List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/component=bot"})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(pods.Items, func(p corev1.Pod) bool {
		return p.DeletionTimestamp != nil || !slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
			return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
		})
	}), nil
}

// pods: two of the bot are ready, and all three images run.
func (x *site) pods(t *testing.T, _ string) {
	pods, err := x.bots(t.Context())
	if err != nil || len(pods) != 2 {
		t.Fatalf("%d pods are ready, %v", len(pods), err)
	}
	for _, p := range pods {
		x.runs(t, p, "autopilot", 65532)
	}
	x.shell.run(t, "what else was pushed runs", `kubectl -n shop rollout status deployment/api --timeout=5m
echo beat | kubectl -n shop run agent --image="$REGISTRY/chaosagent:$VERSION" --restart=Never --stdin --pod-running-timeout=5m -- cpu -cores 0.1 -for 1s`)
	others, err := x.client.CoreV1().Pods("shop").List(t.Context(), metav1.ListOptions{LabelSelector: "app=api"})
	if err != nil || len(others.Items) != 2 {
		t.Fatalf("%d pods of shop/api, %v", len(others.Items), err)
	}
	for _, p := range others.Items {
		x.runs(t, p, "industry", 65532)
	}
	eventually(t, "the agent of experiments has ended well", func(ctx context.Context) string {
		p, err := x.client.CoreV1().Pods("shop").Get(ctx, "agent", metav1.GetOptions{})
		if err != nil || p.Status.Phase != corev1.PodSucceeded {
			return fmt.Sprintf("%v, %v", p.Status.ContainerStatuses, err)
		}
		x.runs(t, *p, "chaosagent", 0)
		return ""
	})
	said := x.shell.run(t, "the agent goes", "kubectl -n shop logs agent && kubectl -n shop delete pod agent")
	if !strings.Contains(said, `"state":"begun"`) || !strings.Contains(said, `"clean":true`) {
		t.Errorf("the agent says %s", said)
	}
	eventually(t, "the job of the migration is gone", func(ctx context.Context) string {
		jobs, err := x.client.BatchV1().Jobs(space).List(ctx, metav1.ListOptions{})
		if err != nil || len(jobs.Items) > 0 {
			return fmt.Sprintf("%d jobs, %v", len(jobs.Items), err)
		}
		return ""
	})
}

// cards are those of a channel that have all the texts.
func (x *site) cards(ctx context.Context, channel string, texts ...string) ([]slack.Message, error) {
	return reader.Reader{Control: x.slack.Control(), Channel: channel, User: x.people["ana"]}.Cards(ctx, texts...)
}

// card waits for a card with all the texts.
func (x *site) card(t *testing.T, channel string, texts ...string) (card slack.Message) {
	t.Helper()
	eventually(t, fmt.Sprintf("a card with %q in %s", texts, channel), func(ctx context.Context) string {
		cards, err := x.cards(ctx, channel, texts...)
		if err == nil && len(cards) > 0 {
			card = cards[0]
			return ""
		}
		all, _ := x.cards(ctx, channel)
		shown := fmt.Sprintf("%v; the channel shows:\n", err)
		for _, m := range all {
			shown += reader.Text(m) + "\n====\n"
		}
		return shown
	})
	return card
}

// status: who asks in Slack is answered, and alerts arrive.
func (x *site) status(t *testing.T, _ string) {
	eventually(t, "/autopilot status is answered", func(ctx context.Context) string {
		o, err := x.slack.Control().Command(ctx, x.people["eve"], shadow, "/autopilot status")
		if err != nil || !o.OK {
			return fmt.Sprintf("%+v, %v", o, err)
		}
		for range 100 {
			all, err := x.slack.Control().Messages(ctx, shadow, x.people["eve"])
			if err != nil {
				return err.Error()
			}
			if slices.ContainsFunc(all, func(m slack.Message) bool { return m.IsEphemeral && reader.Has(m, "prod-eu") }) {
				return ""
			}
			time.Sleep(200 * time.Millisecond)
		}
		return "no answer"
	})
	eventually(t, "Alertmanager reaches the bot", func(ctx context.Context) string {
		body, err := x.metrics(ctx)
		if !strings.Contains(body, `autopilot_http_request_duration_seconds_count{code="200",route="POST /webhooks/alertmanager`) {
			return fmt.Sprintf("no webhook was taken: %v", err)
		}
		return ""
	})
}

// metrics are the pages of all replicas: whoever keeps a connection asks the same one each time.
func (x *site) metrics(ctx context.Context) (string, error) {
	pods, err := x.bots(ctx)
	if err != nil {
		return "", err
	}
	var all strings.Builder
	for _, p := range pods {
		resp, err := http.Get("http://" + net.JoinHostPort(p.Status.PodIP, "8080") + "/metrics")
		if err != nil {
			return "", err
		}
		_, err = io.Copy(&all, resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			return "", err
		}
	}
	return all.String(), nil
}

// incident: what ends has a card with the cause in the channel of the first week, and nobody is woken.
func (x *site) incident(t *testing.T, _ string) {
	card := x.card(t, shadow, "autopilot-check/crash", "the configuration is wrong", "flag provided but not defined: -colour")
	if strings.Contains(reader.Text(card), x.groups["oncall"]) {
		t.Errorf("the first week wakes somebody: %s", reader.Text(card))
	}
}

// live: when the replica that watches is gone the other does, and what breaks is told once, where people are.
func (x *site) live(t *testing.T, _ string) {
	leader := ""
	eventually(t, "two replicas are ready, and one of them watches", func(ctx context.Context) string {
		pods, err := x.bots(ctx)
		leader = x.holder(t)
		if err != nil || len(pods) != 2 || !slices.ContainsFunc(pods, func(p corev1.Pod) bool { return p.Name == leader }) {
			return fmt.Sprintf("%d pods, %q watches, %v", len(pods), leader, err)
		}
		return ""
	})
	if err := x.client.CoreV1().Pods(space).Delete(t.Context(), leader, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	x.shell.run(t, "break another", `kubectl create namespace torn
kubectl -n torn create deployment web --image="$REGISTRY/industry:$VERSION" -- /industry -sound=loud`)
	x.card(t, "incidents", "torn/web", "flag provided but not defined: -sound")
	eventually(t, "the other replica watches", func(context.Context) string {
		if now := x.holder(t); now == leader || now == "" {
			return fmt.Sprintf("%q watches, and %q was deleted", now, leader)
		}
		return ""
	})
	x.shell.run(t, "mend it", "kubectl delete namespace torn")
	x.card(t, "incidents", "torn/web", "(resolved)")
	x.card(t, shadow, "autopilot-check/crash", "(resolved)")
	for channel, of := range map[string]string{shadow: "autopilot-check/crash", "incidents": "torn/web"} {
		if cards, err := x.cards(t.Context(), channel, of); err != nil || len(cards) != 1 {
			t.Errorf("%d cards of %s in %s, %v, want one", len(cards), of, channel, err)
		}
	}
}

// holder is the replica that watches the cluster.
func (x *site) holder(t *testing.T) string {
	t.Helper()
	return strings.TrimSpace(x.shell.run(t, "who watches", `psql "$DATABASE_URL" -Atc "SELECT holder FROM cluster_lease WHERE until > now()"`))
}

// everything lists the objects of the cluster as "resource namespace/name", but for those that come and go by themselves.
func (x *site) everything(t *testing.T) map[string]bool {
	t.Helper()
	lists, err := x.client.Discovery().ServerPreferredResources()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	api := dynamic.NewForConfigOrDie(x.stand.Cluster.RESTConfig())
	for _, list := range lists {
		version, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range list.APIResources {
			if !slices.Contains(r.Verbs, "list") || slices.Contains([]string{"events", "leases", "ipaddresses", "endpoints", "componentstatuses"}, r.Name) {
				continue
			}
			found, err := api.Resource(version.WithResource(r.Name)).List(t.Context(), metav1.ListOptions{})
			if err != nil {
				t.Fatalf("list %s: %v", r.Name, err)
			}
			for _, o := range found.Items {
				all[r.Name+" "+o.GetNamespace()+"/"+o.GetName()] = true
			}
		}
	}
	return all
}

// gone: nothing is in the cluster that was not there before, but what is not of this installation, and that has nothing of it.
func (x *site) gone(t *testing.T, before map[string]bool) {
	eventually(t, "nothing is left", func(context.Context) string {
		var left []string
		for object := range x.everything(t) {
			_, name, _ := strings.Cut(object, " ")
			others := slices.ContainsFunc([]string{"monitoring", "shop"}, func(n string) bool { return name == "/"+n || strings.HasPrefix(name, n+"/") })
			if !before[object] && (!others || strings.Contains(object, "autopilot")) {
				left = append(left, object)
			}
		}
		slices.Sort(left)
		return strings.Join(left, ", ")
	})
	namespace, err := x.client.CoreV1().Namespaces().Get(t.Context(), "shop", metav1.GetOptions{})
	if err != nil || len(namespace.Labels) != 1 {
		t.Errorf("the labels of shop: %v, %v", namespace.Labels, err)
	}
}
