package hurt_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"
	"sigs.k8s.io/yaml"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/kube"
	"github.com/eks-autopilot/autopilot/engine/kube/hurt"
	"github.com/eks-autopilot/autopilot/test/cluster"
	"github.com/eks-autopilot/autopilot/test/stand"
)

const (
	agentImage = "autopilot.local/chaosagent:hurt"
	space      = "shop"
	patience   = 2 * time.Minute
)

var options = hurt.Options{OptIn: "autopilot.dev/chaos=allowed", Agent: agentImage, Deletes: true}

// world is a cluster with a namespace that opted in, and the account of experiments.
type world struct {
	*testing.T
	c          *cluster.Cluster
	kubeconfig string
	h          *hurt.Injector
}

func newWorld(t *testing.T) *world {
	t.Helper()
	began := time.Now()
	c, err := cluster.Start(t.Context(), cluster.Config{
		Name: "hurt", Dir: t.TempDir(), Mode: cluster.Node, AuditLog: true, CrashLoopMax: time.Second,
		Progress: func(line string) { t.Logf("%5.1fs %s", time.Since(began).Seconds(), line) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(context.Background()); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	w := &world{T: t, c: c}
	w.must(stand.ImportProgram(t.Context(), c, "cmd/chaosagent", agentImage))
	w.kubeconfig, err = c.UserKubeconfig(t.Context(), "autopilot-chaos", w.rules("reader", "chaos"))
	w.must(err)
	w.h = injector(t, w.kubeconfig)
	w.namespace(space, true)
	w.namespace("quiet", false)
	return w
}

// injector is that of a kubeconfig.
func injector(t testing.TB, kubeconfig string) *hurt.Injector {
	k, err := kube.Connect(kube.Config{Name: "prod", Kubeconfig: kubeconfig, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return k.Hurt(options)
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// rules are those of the ClusterRoles that are shipped.
func (w *world) rules(names ...string) (rules []rbacv1.PolicyRule) {
	w.Helper()
	for _, name := range names {
		file, err := os.ReadFile(filepath.Join("..", "..", "deploy", "rbac", name+".yaml"))
		w.must(err)
		for doc := range bytes.SplitSeq(file, []byte("\n---")) {
			var role rbacv1.ClusterRole
			w.must(yaml.Unmarshal(doc, &role))
			rules = append(rules, role.Rules...)
		}
	}
	return rules
}

func (w *world) namespace(name string, optedIn bool) {
	w.Helper()
	n := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{}}}
	if optedIn {
		n.Labels["autopilot.dev/chaos"] = "allowed"
	}
	_, err := w.c.Client().CoreV1().Namespaces().Create(w.Context(), n, metav1.CreateOptions{})
	w.must(err)
	w.eventually("the service account of "+name, func() error {
		_, err := w.c.Client().CoreV1().ServiceAccounts(name).Get(w.Context(), "default", metav1.GetOptions{})
		return err
	})
}

// calm is a shell that handles SIGTERM as process 1.
const calm = "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done"

// deploy makes a Deployment and gives its pods, once they are ready.
func (w *world) deploy(namespace, name string, replicas int32, script string, changes ...func(*corev1.PodSpec)) []corev1.Pod {
	w.Helper()
	labels, grace := map[string]string{"app": name}, int64(2)
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: appsv1.DeploymentSpec{
		Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{
			TerminationGracePeriodSeconds: &grace,
			Containers: []corev1.Container{{Name: "app", Image: cluster.BusyboxImage, Command: []string{"sh", "-c", script}, Resources: corev1.ResourceRequirements{
				Limits:   corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("200m"), corev1.ResourceMemory: resource.MustParse("128Mi")},
				Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("10m"), corev1.ResourceMemory: resource.MustParse("8Mi")},
			}}},
		}},
	}}
	for _, change := range changes {
		change(&d.Spec.Template.Spec)
	}
	_, err := w.c.Client().AppsV1().Deployments(namespace).Create(w.Context(), d, metav1.CreateOptions{})
	w.must(err)
	return w.ready(namespace, name, int(replicas))
}

// ready waits for as many ready pods, and no others, of an app.
func (w *world) ready(namespace, app string, n int) (pods []corev1.Pod) {
	w.Helper()
	w.eventually(fmt.Sprintf("%d ready pods of %s", n, app), func() error {
		list, err := w.c.Client().CoreV1().Pods(namespace).List(w.Context(), metav1.ListOptions{LabelSelector: "app=" + app})
		if err != nil {
			return err
		}
		pods = list.Items
		ready := 0
		for _, p := range pods {
			for _, c := range p.Status.Conditions {
				if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue && p.DeletionTimestamp == nil {
					ready++
				}
			}
		}
		if ready != n || len(pods) != n {
			return fmt.Errorf("%d of %d pods are ready", ready, len(pods))
		}
		return nil
	})
	return pods
}

func (w *world) eventually(what string, check func() error) {
	w.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			w.Fatalf("%s: not within %s: %v", what, patience, err)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// in runs a command in a container, as the administrator.
func (w *world) in(p corev1.Pod, command ...string) string {
	w.Helper()
	params := &corev1.PodExecOptions{Container: p.Spec.Containers[0].Name, Command: command, Stdout: true, Stderr: true}
	url := w.c.Client().CoreV1().RESTClient().Get().Resource("pods").Namespace(p.Namespace).Name(p.Name).SubResource("exec").VersionedParams(params, scheme.ParameterCodec).URL()
	run, err := remotecommand.NewWebSocketExecutor(w.c.RESTConfig(), "GET", url.String())
	w.must(err)
	var out bytes.Buffer
	if err := run.StreamWithContext(w.Context(), remotecommand.StreamOptions{Stdout: &out, Stderr: &out}); err != nil {
		w.Logf("%v: %v: %s", command, err, out.String())
	}
	return strings.TrimSpace(out.String())
}

// processes counts those of a container whose command line has a text.
func (w *world) processes(p corev1.Pod, text string) int {
	w.Helper()
	n := 0
	for line := range strings.Lines(w.in(p, "ps", "-o", "pid,args")) {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

func victim(p corev1.Pod, by engine.Mechanism) engine.Victim {
	return engine.Victim{Object: engine.ObjectRef{Kind: "Pod", Namespace: p.Namespace, Name: p.Name, UID: string(p.UID)}, Mechanism: by, Container: "app"}
}

func (w *world) pod(p corev1.Pod) *corev1.Pod {
	w.Helper()
	now, err := w.c.Client().CoreV1().Pods(p.Namespace).Get(w.Context(), p.Name, metav1.GetOptions{})
	w.must(err)
	return now
}

// written lists what the account of experiments wrote, but for dry runs and questions: "verb namespace/name/subresource".
func (w *world) written() map[string]bool {
	w.Helper()
	data, err := os.ReadFile(filepath.Join(w.c.LogDir(), "audit.log"))
	w.must(err)
	all := map[string]bool{}
	for line := range strings.Lines(string(data)) {
		var e struct {
			RequestURI, Verb string
			User             struct{ Username string }
			ObjectRef        struct{ Resource, Namespace, Name, Subresource string }
			ResponseStatus   struct{ Code int }
		}
		if json.Unmarshal([]byte(line), &e) != nil || !strings.HasSuffix(e.User.Username, ":autopilot-chaos") || strings.Contains(e.RequestURI, "dryRun=All") {
			continue
		}
		stream := e.ObjectRef.Subresource == "exec" || e.ObjectRef.Subresource == "attach"
		if (e.Verb == "get" || e.Verb == "list" || e.Verb == "watch") && !stream || strings.HasSuffix(e.ObjectRef.Resource, "reviews") || e.ResponseStatus.Code >= 300 {
			continue
		}
		all[e.ObjectRef.Resource+" "+e.ObjectRef.Namespace+"/"+e.ObjectRef.Name] = true
	}
	return all
}
