package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/test/cluster"
	"github.com/eks-autopilot/autopilot/test/cluster/ports"
	"github.com/eks-autopilot/autopilot/test/scenario"
	"github.com/eks-autopilot/autopilot/test/slack"
	"github.com/eks-autopilot/autopilot/test/stand"
)

// firing is how long an alert may take: the rules look back for two minutes and wait for one.
const firing = 7 * time.Minute

// alerting is what turns the cluster's state into alerts.
type alerting struct {
	alertmanager *stand.Alertmanager
	prometheus   *stand.Prometheus
}

// newAlertingWorld is a world whose bot is told by a real Prometheus, with the shipped rules, by way of a real Alertmanager,
// with the shipped configuration. Only how often they look and tell is changed.
func newAlertingWorld(t *testing.T) (*world, alerting) {
	t.Helper()
	var held ports.Held
	t.Cleanup(held.Close)
	var numbers [3]int
	for n := range numbers {
		port, err := held.Take()
		if err != nil {
			t.Fatal(err)
		}
		numbers[n] = port
	}
	a := alerting{
		alertmanager: &stand.Alertmanager{Port: numbers[0], GroupWait: time.Second, GroupInterval: 5 * time.Second, Watchdog: 10 * time.Second},
		prometheus:   &stand.Prometheus{Port: numbers[1], Cluster: clusterName, Interval: 5 * time.Second},
	}
	w := newWorld(t, only("alert"), remedies(t, "alert"), func(cfg *stand.BotConfig) {
		cfg.Prometheus, cfg.Alertmanager = a.prometheus.URL(), a.alertmanager.URL()
	})
	c := shared.cluster
	exporter := &stand.Exporter{Client: c.Client(), Port: numbers[2], API: c.RESTConfig().Host}
	a.alertmanager.Dir, a.alertmanager.Webhook, a.alertmanager.Token = filepath.Join(w.dir, "alertmanager"), "http://"+w.listen+"/webhooks/alertmanager", w.token
	a.prometheus.Dir, a.prometheus.Alertmanager = filepath.Join(w.dir, "prometheus"), a.alertmanager.URL()
	for _, part := range []interface {
		Start(context.Context) error
		Stop(context.Context) error
	}{exporter, a.alertmanager, a.prometheus} {
		if part == a.prometheus {
			a.prometheus.Targets = exporter.Targets(c.Token())
		}
		w.must(part.Start(t.Context()))
		t.Cleanup(func() { w.must(part.Stop(context.Background())) })
	}
	return w, a
}

// deployment is a manifest of a Deployment that runs a script in the image with a shell.
func deployment(name, script, pod, container string) string {
	return fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s}
spec:
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec:
      terminationGracePeriodSeconds: 0
      %[3]s
      containers:
        - name: app
          image: %[5]s
          command: [sh, -c, %[2]q]
          %[4]s
`, name, script, pod, container, cluster.BusyboxImage)
}

// What goes into a deployment: scripts, volumes, and what the container asks for.
const (
	calm      = "sleep 1000000"
	small     = "resources: {requests: {cpu: 5m, memory: 8Mi}, limits: {cpu: 200m, memory: 32Mi}}"
	starved   = "resources: {requests: {cpu: 20m, memory: 8Mi}, limits: {cpu: 20m, memory: 32Mi}}" // it gets as much on a busy machine, too
	probed    = small + "\n          readinessProbe: {exec: {command: [test, -e, /tmp/ready]}, timeoutSeconds: 10, periodSeconds: 2, failureThreshold: 2}"
	fast      = "volumes: [{name: fast, emptyDir: {medium: Memory}}]"
	onFast    = "resources: {requests: {cpu: 5m, memory: 64Mi}, limits: {cpu: 200m, memory: 64Mi}}\n          volumeMounts: [{name: fast, mountPath: /fast}]"
	scratch   = "volumes: [{name: scratch, emptyDir: {sizeLimit: 2Mi}}]"
	onScratch = "resources: {requests: {cpu: 5m, memory: 8Mi}, limits: {cpu: 200m, memory: 64Mi}}\n          volumeMounts: [{name: scratch, mountPath: /scratch}]"
)

// condition is what an alert is about, made real, and its end.
type condition struct {
	name   string // of the test; the namespace is named after it
	alert  string // of the alert's summary, as the thread quotes it
	broken string
	mended string
	remedy func(w *world, card slack.Message) // what a person has the bot do meanwhile
	clear  func(w *world, namespace string)   // what a person clears away besides
}

// TestAlerts fires each shipped alert by its real condition: each joins or makes one incident, and ends with what it is about.
func TestAlerts(t *testing.T) {
	ahead(t)
	t.Parallel()
	w, a := newAlertingWorld(t)
	tests := map[string]func(*world){
		"node": nodeNotReady, "latency": highLatency, "healthy": healthy, "doctor": doctorIsContent,
		"memory": func(w *world) { highMemory(w, a) },
	}
	for _, c := range []condition{
		{
			name: "crash", alert: "alert-crash/web: container app keeps crashing",
			broken: deployment("web", "sleep 1; exit 3", "", small), mended: deployment("web", calm, "", small),
		},
		{
			name: "oom", alert: "alert-oom/web: container app was killed for its memory",
			broken: deployment("web", "sleep 1; tail /dev/zero", "", small), mended: deployment("web", calm, "", small),
		},
		{
			name: "evicted", alert: "was evicted from " + shared.cluster.NodeName(),
			broken: deployment("web", "sleep 1; head -c 20m /dev/zero > /scratch/log; "+calm, scratch, onScratch), mended: deployment("web", calm, scratch, onScratch),
			clear: removeFailed,
		},
		{
			name: "cpu", alert: "of the CPU it can get",
			broken: deployment("web", "while :; do :; done", "", starved), mended: deployment("web", calm, "", small),
			remedy: scaleUp,
		},
		{
			name: "replicas", alert: "alert-replicas/web: no replica is available",
			broken: deployment("web", "touch /tmp/ready; sleep 20; rm /tmp/ready; "+calm, "", probed), mended: deployment("web", "touch /tmp/ready; "+calm, "", probed),
		},
	} {
		tests[c.name] = func(w *world) {
			card := w.fire(c)
			if c.remedy != nil {
				c.remedy(w, card)
			}
			w.mend(c)
		}
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := *w
			w.t = t
			test(&w)
		})
	}
}

// scaleUp has the bot add a replica to what uses all of its CPU.
func scaleUp(w *world, card slack.Message) {
	w.offers(60*time.Second, card.TS, "Scale to 2")
	w.remedied(card, "Scale to 2", []string{"1 → 2 replicas", "kubectl -n alert-cpu scale deployment/web --current-replicas=1 --replicas=2"}, "Asked to scale: 1 → 2 replicas", "Scaled: 1 → 2 replicas")
	w.eventually(60*time.Second, "there are two pods", func(ctx context.Context) (bool, error) {
		d, err := shared.cluster.Client().AppsV1().Deployments("alert-cpu").Get(ctx, "web", metav1.GetOptions{})
		return err == nil && *d.Spec.Replicas == 2 && d.Status.ReadyReplicas == 2, err
	})
	w.wroteOnce(w.writes("autopilot-alert"), "alert-cpu/web")
}

func (c condition) scenario() scenario.Scenario {
	return scenario.Scenario{
		Name: c.name, Namespace: "alert-" + c.name,
		Break: []scenario.Step{{Apply: c.broken}}, Fix: []scenario.Step{{Apply: c.mended}, {WaitReady: "Deployment/web"}},
	}
}

// fire makes a condition real, and waits until the thread of its workload quotes the alert.
func (w *world) fire(c condition) slack.Message {
	w.t.Helper()
	s := c.scenario()
	w.t.Cleanup(func() { w.must(w.player.End(context.Background(), s)) })
	w.must(w.player.Begin(w.t.Context(), s))
	w.must(w.player.Break(w.t.Context(), s))
	card := w.card(firing, s.Namespace+"/web")
	w.thread(firing, card.TS, c.alert)
	return card
}

// mend does what a person does, and waits for the end of the only incident.
func (w *world) mend(c condition) {
	w.t.Helper()
	s := c.scenario()
	w.must(w.player.Fix(w.t.Context(), s))
	if c.clear != nil {
		c.clear(w, s.Namespace)
	}
	w.over(s.Namespace + "/web")
}

// over waits for the end of a subject's incident and wants it to be the only one.
func (w *world) over(subject string) {
	w.t.Helper()
	w.card(firing, subject, "(resolved)")
	w.one(subject)
}

func (w *world) one(subject string) {
	w.t.Helper()
	cards, err := w.reader.Cards(w.t.Context(), subject)
	w.must(err)
	if len(cards) != 1 {
		w.t.Errorf("%d cards of %s, want one\n%s", len(cards), subject, w.channelText())
	}
}

// removeFailed deletes what evictions leave behind: a pod stays as a record until somebody does.
func removeFailed(w *world, namespace string) {
	w.must(shared.cluster.Client().CoreV1().Pods(namespace).DeleteCollection(w.t.Context(), metav1.DeleteOptions{},
		metav1.ListOptions{FieldSelector: "status.phase=Failed"}))
}

// highMemory silences its alert. Of the end of what is silenced Alertmanager tells nothing, so the bot must ask; and the silence
// ends with the incident.
func highMemory(w *world, a alerting) {
	c := condition{
		name: "memory", alert: "of its memory limit",
		broken: deployment("web", "head -c 56m /dev/zero > /fast/heap; "+calm, fast, onFast), mended: deployment("web", calm, fast, onFast),
	}
	card := w.fire(c)
	w.press("ana", card.TS, "for 1 hour")
	w.card(30*time.Second, "alert-memory/web", "Silenced until", "in Alertmanager too")
	if got := a.silences(w, "active"); len(got) != 1 {
		w.t.Errorf("%d silences, want one: %+v", len(got), got)
	} else if got[0]["namespace"] != "alert-memory" || got[0]["alertname"] != "AutopilotHighMemory" || got[0]["pod"] != "" {
		w.t.Errorf("the silence matches %v, want the alert of the namespace, whichever pod it is about", got[0])
	}
	w.mend(c)
	w.eventually(30*time.Second, "the silence ends with its incident", func(context.Context) (bool, error) {
		return len(a.silences(w, "active")) == 0 && len(a.silences(w, "expired")) == 1, nil
	})
}

// silences asks Alertmanager for the matchers of each silence in a state.
func (a alerting) silences(w *world, state string) []map[string]string {
	w.t.Helper()
	resp, err := http.Get(a.alertmanager.URL() + "/api/v2/silences")
	w.must(err)
	defer func() { _ = resp.Body.Close() }()
	var all []struct {
		Status   struct{ State string }
		Matchers []struct{ Name, Value string }
	}
	w.must(json.NewDecoder(resp.Body).Decode(&all))
	var found []map[string]string
	for _, s := range all {
		if s.Status.State != state {
			continue
		}
		matchers := map[string]string{}
		for _, m := range s.Matchers {
			matchers[m.Name] = m.Value
		}
		found = append(found, matchers)
	}
	return found
}

// nodeNotReady takes a simulated node away, for the real one has the other tests' pods, and has the bot keep new pods from it.
func nodeNotReady(w *world) {
	c := shared.cluster
	w.must(c.AddKWOKNodes(w.t.Context(), 1))
	nodes, err := c.Client().CoreV1().Nodes().List(w.t.Context(), metav1.ListOptions{LabelSelector: "type=simulated"})
	w.must(err)
	node := nodes.Items[0].Name
	w.must(c.KillNode(w.t.Context(), node))
	card := w.card(firing, "Node "+node)
	w.thread(firing, card.TS, "Node "+node+" is not ready")
	w.offers(30*time.Second, card.TS, "Cordon node")
	w.remedied(card, "Cordon node", []string{"node " + node + " gets no new pods", "kubectl cordon " + node}, "Asked to cordon: node "+node, "Cordoned: node "+node)
	n, err := c.Client().CoreV1().Nodes().Get(w.t.Context(), node, metav1.GetOptions{})
	w.must(err)
	if !n.Spec.Unschedulable {
		w.t.Errorf("node %s gets pods", node)
	}
	w.wroteOnce(w.writes("autopilot-alert"), node)
	w.must(c.RestoreNode(w.t.Context(), node))
	w.over("Node " + node)
}

// highLatency slows a service down while it is asked, and rolls it back as a person would.
func highLatency(w *world) {
	w.must(stand.ImportProgram(w.t.Context(), shared.cluster, "cmd/industry", scenario.IndustryImage))
	service := func(release string) string {
		return `apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata:
      labels: {app: shop}
      annotations: {prometheus.io/scrape: "true", prometheus.io/port: "8080", release: "` + release + `"}
    spec:
      terminationGracePeriodSeconds: 2
      containers:
        - name: app
          image: autopilot.local/industry:1
          resources: {requests: {cpu: 10m, memory: 16Mi}, limits: {cpu: 500m, memory: 64Mi}}
          readinessProbe: {httpGet: {path: /readyz, port: 8080}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: shop}
spec:
  selector: {app: shop}
  ports: [{port: 80, targetPort: 8080}]
`
	}
	s := scenario.Scenario{
		Name: "latency", Namespace: "alert-latency",
		Setup: []scenario.Step{{Apply: service("1")}, {WaitReady: "Deployment/shop"}},
		Fix:   []scenario.Step{{Apply: service("2")}, {WaitReady: "Deployment/shop"}},
	}
	w.t.Cleanup(func() { w.must(w.player.End(context.Background(), s)) })
	w.must(w.player.Begin(w.t.Context(), s))
	found, err := shared.cluster.Client().CoreV1().Services(s.Namespace).Get(w.t.Context(), "shop", metav1.GetOptions{})
	w.must(err)
	address := "http://" + found.Spec.ClusterIP
	customers(w.t, address)
	// A connection that was begun before the node's proxy knew of the service never comes through; the next one does.
	client := &http.Client{Timeout: 3 * time.Second}
	w.eventually(time.Minute, "the service is slowed down", func(context.Context) (bool, error) {
		resp, err := client.Post(address+"/_fault", "application/json", strings.NewReader(`{"delay": "800ms"}`))
		if err != nil {
			return false, err
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK, nil
	})
	card := w.card(firing, "alert-latency/shop")
	w.thread(firing, card.TS, "slow answers")
	w.must(w.player.Fix(w.t.Context(), s))
	w.over("alert-latency/shop")
	// The slow answers of the pod that is gone are in the window for two minutes yet, and are nobody's.
	time.Sleep(100 * time.Second)
	w.one("alert-latency")
}

// customers ask a service ten times a second until the test ends. Whether they are answered is not their concern.
func customers(t *testing.T, address string) {
	ctx, stop := context.WithCancel(context.Background())
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				go ask(ctx, client, address)
			}
		}
	}()
	t.Cleanup(func() { stop(); <-done })
}

func ask(ctx context.Context, client *http.Client, address string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return
	}
	if resp, err := client.Do(req); err == nil {
		_ = resp.Body.Close()
	}
}
