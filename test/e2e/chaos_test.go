package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/store"
	"github.com/eks-autopilot/autopilot/test/cluster/ports"
	"github.com/eks-autopilot/autopilot/test/scenario"
	"github.com/eks-autopilot/autopilot/test/slack"
	"github.com/eks-autopilot/autopilot/test/stand"
	"github.com/eks-autopilot/autopilot/test/stand/reader"
)

// What is torn: pods that are killed, and pods of which one is disturbed while another, asker, times its calls to each.
const (
	killed = "torn-killed"
	held   = "torn-held"
)

var toKill = scenario.Scenario{Name: killed, Namespace: killed, Setup: []scenario.Step{{Apply: optedIn(killed) + serving("Deployment", "web", "[]", 2) + `---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {maxUnavailable: 1, selector: {matchLabels: {app: web}}}
`}, {WaitReady: "Deployment/web"}}}

var toHold = scenario.Scenario{Name: held, Namespace: held, Setup: []scenario.Step{{Apply: optedIn(held) + serving("StatefulSet", "web", "[]", 2) + `---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {clusterIP: None, selector: {app: web}, ports: [{port: 8080}]}
---
` + serving("Deployment", "asker", `[-callees, "web-0.web:8080,web-1.web:8080", -reuse, "0"]`, 1)}, {WaitReady: "StatefulSet/web"}, {WaitReady: "Deployment/asker"}}}

// optedIn is a namespace that lets experiments in.
func optedIn(name string) string {
	key, value, _ := strings.Cut(stand.OptIn, "=")
	return fmt.Sprintf("apiVersion: v1\nkind: Namespace\nmetadata: {name: %q, labels: {%q: %q}}\n---\n", name, key, value)
}

func serving(kind, name, args string, replicas int) string {
	return fmt.Sprintf(`apiVersion: apps/v1
kind: %[1]s
metadata: {name: %[2]s}
spec:
  replicas: %[4]d
  %[5]s
  selector: {matchLabels: {app: %[2]s}}
  template:
    metadata: {labels: {app: %[2]s}}
    spec:
      terminationGracePeriodSeconds: 2
      securityContext: {runAsNonRoot: true, runAsUser: 65532}
      containers:
        - name: app
          image: %[6]s
          args: %[3]s
          resources: {requests: {cpu: 10m, memory: 16Mi}, limits: {cpu: 200m, memory: 64Mi}}
          readinessProbe: {httpGet: {path: /readyz, port: 8080}, periodSeconds: 1, timeoutSeconds: 10}
`, kind, name, args, replicas, map[string]string{"StatefulSet": "serviceName: " + name}[kind], scenario.IndustryImage)
}

// torn is a world in which things are broken on purpose.
type torn struct {
	*world
	store   *store.Store
	breaker *stand.Process
}

func newTorn(t *testing.T) *torn {
	t.Helper()
	rules, err := stand.BreakerRules()
	if err != nil {
		t.Fatal(err)
	}
	kubeconfig, err := shared.cluster.UserKubeconfig(t.Context(), "autopilot-chaos", rules)
	if err != nil {
		t.Fatal(err)
	}
	var held ports.Held
	t.Cleanup(held.Close)
	port, err := held.Take()
	if err != nil {
		t.Fatal(err)
	}
	prometheus := &stand.Prometheus{Dir: filepath.Join(t.TempDir(), "prometheus"), Port: port}
	w := &torn{world: newWorld(t, only("torn"), func(cfg *stand.BotConfig) { cfg.Breaker, cfg.Prometheus = kubeconfig, prometheus.URL() })}
	w.must(prometheus.Start(t.Context()))
	t.Cleanup(func() { w.must(prometheus.Stop(context.Background())) })
	w.must(stand.ImportProgram(t.Context(), shared.cluster, "cmd/industry", scenario.IndustryImage))
	w.must(stand.ImportProgram(t.Context(), shared.cluster, "cmd/chaosagent", stand.AgentImage))
	w.store = w.openStore()
	w.breaker = &stand.Process{Dir: w.dir, Name: "breaker", Path: shared.bot, Args: []string{"chaos"}, Env: w.env}
	w.must(w.breaker.Start(t.Context()))
	t.Cleanup(func() { w.must(w.breaker.Stop(context.Background())) })
	w.begin(toKill)
	w.begin(toHold)
	return w
}

// TestChaos breaks pods of a real node as people ask for it in Slack, and finds on the node that it was done, and that nothing is left of it.
func TestChaos(t *testing.T) {
	t.Parallel()
	w := newTorn(t)

	refused := w.asks("kill " + killed + "/web -count 2")
	w.until(refused, "refused or planned with what stands in its way", func(e engine.Experiment) bool { return len(e.Refusals) > 0 })
	refused = w.experiment(refused.ID)
	w.experimentCard(refused, refused.Refusals[0].Text)
	w.botMayNotEvict()

	kill := w.confirmed("kill " + killed + "/web -count 1")
	lag := w.confirmed("network-lag " + held + "/web -count 1 -delay 300ms -duration 5m")
	w.killed(kill)
	w.lags(lag, 300*time.Millisecond)
	w.pressOn(lag, "STOP")
	w.quick(lag)
	w.ended(lag, engine.EndedByHand)

	burnt := w.confirmed("cpu-stress " + held + "/web -count 1 -duration 5m")
	w.burns(burnt)
	w.pressOn(burnt, "STOP")
	w.ended(burnt, engine.EndedByHand)

	orphan := w.confirmed("network-lag " + held + "/web -count 1 -delay 300ms -duration 5m")
	w.lags(orphan, 300*time.Millisecond)
	w.must(w.breaker.Kill())
	w.quick(orphan)
	w.traceless(held)
	w.must(w.breaker.Start(t.Context()))
	w.ended(orphan, engine.EndedByDeath)

	w.noticed(kill)
	w.traceless(killed)
}

// asks has ana ask for an experiment, and gives it once it is kept.
func (w *torn) asks(command string) (e engine.Experiment) {
	w.t.Helper()
	asked := time.Now()
	w.command("ana", "/autopilot chaos "+command)
	w.eventually(20*time.Second, "an experiment by "+command, func(ctx context.Context) (bool, error) {
		all, err := w.store.Experiments(ctx, engine.ExperimentFilter{Since: asked.Add(-time.Minute)})
		k := slices.IndexFunc(all, func(e engine.Experiment) bool {
			return strings.HasSuffix(e.Command, command) && !e.AskedAt.Before(asked)
		})
		if k >= 0 {
			e = all[k]
		}
		return k >= 0, err
	})
	return e
}

// confirmed asks for an experiment again and again until nothing of before stands in its way, says yes to it and waits until it runs.
func (w *torn) confirmed(command string) (e engine.Experiment) {
	w.t.Helper()
	for range 10 {
		e = w.asks(command)
		e = w.until(e, "planned", func(e engine.Experiment) bool { return e.Status != engine.ExperimentAsked })
		if e.Status == engine.ExperimentPlanned && len(e.Refusals) == 0 {
			w.pressOn(e, "Confirm")
			e = w.until(e, "begun", func(e engine.Experiment) bool {
				return e.Status == engine.ExperimentRefused || e.Status == engine.ExperimentOver || len(e.Blows) > 0 && !e.Blows[0].Began.IsZero()
			})
			if e.Status != engine.ExperimentRefused {
				return e
			}
		}
		w.t.Logf("experiment %d is refused: %+v %s", e.ID, e.Refusals, e.Text)
		time.Sleep(5 * time.Second)
	}
	w.t.Fatalf("%s is refused again and again", command)
	return e
}

func (w *torn) experiment(id int64) engine.Experiment {
	w.t.Helper()
	e, err := w.store.Experiment(w.t.Context(), id)
	w.must(err)
	return e
}

// until waits until an experiment is so far, and gives it.
func (w *torn) until(e engine.Experiment, what string, far func(engine.Experiment) bool) engine.Experiment {
	w.t.Helper()
	w.eventually(60*time.Second, fmt.Sprintf("experiment %d (%s) is %s", e.ID, e.Title, what), func(ctx context.Context) (bool, error) {
		now, err := w.store.Experiment(ctx, e.ID)
		if err != nil {
			return false, err
		}
		e = now
		return far(e), fmt.Errorf("it is %s: %s %+v", e.Status, e.Text, e.Blows) //nolint:nilerr // It is shown when the time is over.
	})
	return e
}

// experimentCard waits until an experiment's card shows a text, and gives it.
func (w *torn) experimentCard(e engine.Experiment, text string) (card slack.Message) {
	w.t.Helper()
	w.eventually(30*time.Second, fmt.Sprintf("the card of experiment %d with %q", e.ID, text), func(ctx context.Context) (bool, error) {
		all, err := w.reader.Messages(ctx, w.reader.Channel, w.reader.User)
		k := slices.IndexFunc(all, func(m slack.Message) bool {
			return m.Metadata != nil && m.Metadata.EventPayload["key"] == engine.ExperimentKey(e.ID)
		})
		if k >= 0 {
			card = all[k]
		}
		return k >= 0 && reader.Has(card, text), err
	})
	return card
}

// pressOn presses a button of an experiment's card once it is there.
func (w *torn) pressOn(e engine.Experiment, label string) {
	w.t.Helper()
	w.eventually(30*time.Second, fmt.Sprintf("%q is pressed on experiment %d", label, e.ID), func(ctx context.Context) (bool, error) {
		card := w.experimentCard(e, "")
		o, err := w.reader.Press(ctx, w.people["ana"], card.TS, label)
		return err == nil && o.OK, err
	})
}

func (w *torn) ended(e engine.Experiment, how engine.Ending) {
	w.t.Helper()
	e = w.until(e, "over", func(e engine.Experiment) bool { return e.Status == engine.ExperimentOver })
	if e.Ending != how || !e.Blows[0].Clean {
		w.t.Errorf("experiment %d ended %q, want %q and clean: %+v", e.ID, e.Ending, how, e.Blows)
	}
	w.traceless(e.Strikes[0].Namespace)
}

// hit is the pod that an experiment hit.
func (w *torn) hit(e engine.Experiment) engine.ObjectRef {
	w.t.Helper()
	e = w.experiment(e.ID)
	if len(e.Blows) != 1 {
		w.t.Fatalf("experiment %d hit %d pods, want 1: %+v", e.ID, len(e.Blows), e.Blows)
	}
	return e.Blows[0].Target.Object
}

// traces are what is in the pods of a namespace and does not belong there.
func (w *torn) traces(ctx context.Context, namespace string) ([]string, error) {
	pods, err := shared.cluster.Client().CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	var uids []string
	for _, p := range pods.Items {
		uids = append(uids, string(p.UID))
	}
	return stand.Traces(uids, "industry")
}

func (w *torn) traceless(namespace string) {
	w.t.Helper()
	w.eventually(15*time.Second, "nothing is left in "+namespace, func(ctx context.Context) (bool, error) {
		left, err := w.traces(ctx, namespace)
		if err == nil && len(left) > 0 {
			err = fmt.Errorf("left: %q", left)
		}
		return len(left) == 0 && err == nil, err
	})
}

// killed wants the processes of the pod that was hit gone.
func (w *torn) killed(e engine.Experiment) {
	w.t.Helper()
	pod := w.hit(e)
	w.eventually(30*time.Second, "the processes of "+pod.Name+" are gone", func(context.Context) (bool, error) {
		left, err := stand.Traces([]string{pod.UID})
		return len(left) == 0, err
	})
	w.ended(e, engine.EndedInTime)
}

// noticed wants an incident of the workload that was hit, with the cause that is right first, and the experiment's grade.
func (w *torn) noticed(e engine.Experiment) {
	w.t.Helper()
	e = w.until(e, "graded", func(e engine.Experiment) bool { return e.Grade != nil })
	if g := e.Grade; !g.Detected || g.Rank != 1 || !g.Clean || len(g.False) > 0 {
		w.t.Errorf("the grade is %+v", *g)
	}
	card := w.card(30*time.Second, killed+"/web")
	if e.Grade.IncidentID == 0 || card.Metadata == nil || !strings.HasPrefix(fmt.Sprint(card.Metadata.EventPayload["key"]), fmt.Sprintf("incident/%d/", e.Grade.IncidentID)) {
		w.t.Errorf("the card of %s is not that of incident %d", killed, e.Grade.IncidentID)
	}
}

// calls is how long the asker's calls to each pod took, by the name of the pod.
func (w *torn) calls(ctx context.Context) (map[string]time.Duration, error) {
	pods, err := shared.cluster.Client().CoreV1().Pods(held).List(ctx, metav1.ListOptions{LabelSelector: "app=asker", FieldSelector: "status.phase=Running"})
	if err != nil || len(pods.Items) == 0 {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+pods.Items[0].Status.PodIP+":8080/", nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct {
		Calls []struct {
			Callee string `json:"callee"`
			Status int    `json:"status"`
			Millis int64  `json:"ms"`
		} `json:"calls"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return nil, err
	}
	took := map[string]time.Duration{}
	for _, c := range answer.Calls {
		if name, _, _ := strings.Cut(c.Callee, "."); c.Status == http.StatusOK {
			took[name] = time.Duration(c.Millis) * time.Millisecond
		}
	}
	return took, nil
}

// The shortest of so many calls is what the network takes: a crowded machine can only add to it.
const samples = 5

func (w *torn) shortest(ctx context.Context) (map[string]time.Duration, error) {
	least := map[string]time.Duration{}
	for range samples {
		took, err := w.calls(ctx)
		if err != nil {
			return nil, err
		}
		for pod, d := range took {
			if known, ok := least[pod]; !ok || d < known {
				least[pod] = d
			}
		}
	}
	return least, nil
}

// lags wants the round trip to the pod that was hit to take so much longer, as another pod times it, and the one to its sibling not. A call
// on a new connection is two round trips.
func (w *torn) lags(e engine.Experiment, delay time.Duration) {
	w.t.Helper()
	pod := w.hit(e).Name
	w.eventually(20*time.Second, "the round trip to "+pod+" is longer by the delay", func(ctx context.Context) (bool, error) {
		took, err := w.shortest(ctx)
		if err != nil {
			return false, err
		}
		good := len(took) == 2
		for name, d := range took {
			if trip := d / 2; name == pod {
				good = good && trip >= delay*9/10 && trip <= delay*11/10
			} else {
				good = good && trip < delay/2
			}
		}
		return good, fmt.Errorf("the calls take %v", took)
	})
}

// quick wants both round trips to be as they were.
func (w *torn) quick(e engine.Experiment) {
	w.t.Helper()
	pod := w.hit(e).Name
	w.eventually(15*time.Second, "the round trip to "+pod+" is as it was", func(ctx context.Context) (bool, error) {
		took, err := w.shortest(ctx)
		if err != nil {
			return false, err
		}
		for _, d := range took {
			if d > 150*time.Millisecond {
				return false, fmt.Errorf("the calls take %v", took)
			}
		}
		return len(took) == 2, nil
	})
}

// burns wants the pod that was hit to use the CPU that it may use, as its control group counts it.
func (w *torn) burns(e engine.Experiment) {
	w.t.Helper()
	pod := w.hit(e)
	const limit, span = 0.2, 4 * time.Second
	w.eventually(30*time.Second, pod.Name+" uses its CPU", func(ctx context.Context) (bool, error) {
		before, err := stand.CPUTime(pod.UID)
		began := time.Now()
		if err != nil {
			return false, err
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(span):
		}
		after, err := stand.CPUTime(pod.UID)
		used := (after - before).Seconds() / time.Since(began).Seconds()
		if err == nil {
			err = fmt.Errorf("it uses %.3f cores of %.1f", used, limit)
		}
		return used > limit*0.5 && used < limit*1.3, err
	})
}

// botMayNotEvict wants the account of the bot itself to be refused what experiments do.
func (w *torn) botMayNotEvict() {
	w.t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", w.config.Kubeconfig)
	w.must(err)
	bot, err := kubernetes.NewForConfig(config)
	w.must(err)
	pods, err := shared.cluster.Client().CoreV1().Pods(killed).List(w.t.Context(), metav1.ListOptions{})
	w.must(err)
	pod := pods.Items[0]
	all := metav1.DryRunAll
	if err := bot.PolicyV1().Evictions(killed).Evict(w.t.Context(), &policyv1.Eviction{
		ObjectMeta: metav1.ObjectMeta{Name: pod.Name, Namespace: killed}, DeleteOptions: &metav1.DeleteOptions{DryRun: []string{all}},
	}); !apierrors.IsForbidden(err) {
		w.t.Errorf("the bot's account may evict: %v", err)
	}
	pod.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "debug", Image: stand.AgentImage}}}
	if _, err := bot.CoreV1().Pods(killed).UpdateEphemeralContainers(w.t.Context(), pod.Name, &pod, metav1.UpdateOptions{DryRun: []string{all}}); !apierrors.IsForbidden(err) {
		w.t.Errorf("the bot's account may put containers into pods: %v", err)
	}
}
