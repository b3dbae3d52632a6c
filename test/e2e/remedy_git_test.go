package e2e_test

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/test/cluster"
	"github.com/eks-autopilot/autopilot/test/github"
	"github.com/eks-autopilot/autopilot/test/slack"
	"github.com/eks-autopilot/autopilot/test/stand"
)

const (
	indexFile, indexNamespace   = "search/index.yaml", "undone-git"
	renderFile, renderNamespace = "reports/render.yaml", "undone-memory"
	ordersFile, ordersNamespace = "orders/orders.yaml", "undone-env"
	ordersConfig                = "orders/settings.yaml"
)

// indexManifest is what Argo CD deploys: its probe is well until somebody pushes another port.
const indexManifest = `# The search index.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: index
  namespace: ` + indexNamespace + `
  annotations: {argocd.argoproj.io/tracking-id: "index:apps/Deployment:` + indexNamespace + `/index"}
spec:
  selector: {matchLabels: {app: index}}
  template:
    metadata:
      labels: {app: index}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: index
          image: ` + cluster.BusyboxImage + `
          command: [sh, -c, "mkdir -p /www; echo ok > /www/index.html; httpd -f -p 8080 -h /www"]
          resources: {requests: {cpu: 10m, memory: 16Mi}, limits: {cpu: 200m, memory: 32Mi}}
          livenessProbe:
            httpGet: {path: /, port: 8080}   # the one that it serves
            periodSeconds: 2
            failureThreshold: 2
`

// renderManifest asks for less than it needs: it is killed at its limit, for real.
const renderManifest = `# Renders the reports of the month.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: render
  namespace: ` + renderNamespace + `
spec:
  selector: {matchLabels: {app: render}}
  template:
    metadata:
      labels: {app: render}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: render
          image: ` + cluster.BusyboxImage + `
          command: [sh, -c, "echo rendering; dd if=/dev/zero of=/dev/null bs=48M count=1 && sleep 1000000"]
          resources:
            requests: {cpu: 10m, memory: 16Mi}
            limits:
              cpu: 500m
              memory: 32Mi   # a page at a time
`

// ordersManifest runs until somebody pushes a level that it does not know.
const ordersManifest = `# Takes the orders.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: orders
  namespace: ` + ordersNamespace + `
  annotations: {argocd.argoproj.io/tracking-id: "orders:apps/Deployment:` + ordersNamespace + `/orders"}
spec:
  replicas: 1
  selector: {matchLabels: {app: orders}}
  template:
    metadata:
      labels: {app: orders}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: orders
          image: ` + cluster.BusyboxImage + `
          command: [sh, -c, 'case "$LEVEL" in info|warn) exec sleep 1000000;; esac; echo "cannot start, level $LEVEL"; exit 1']
          envFrom:
            - configMapRef: {name: settings}
          env:
            - {name: LEVEL, value: "info"}   # of what it logs
          resources: {requests: {cpu: 10m, memory: 16Mi}, limits: {cpu: 200m, memory: 32Mi}}
`

// ordersSettings goes with it.
const ordersSettings = `apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: ` + ordersNamespace + `}
data:
  RETRIES: "3"  # each a second later
`

// syncs has what plays Argo CD give the main branch to a cluster until the test ends.
func (w *world) syncs(forge *stand.Forge, c *cluster.Cluster) {
	w.t.Helper()
	argo := &stand.GitOps{URL: forge.URL() + "/" + declared + ".git", Branch: "main", Dir: filepath.Join(w.t.TempDir(), "clone"), Every: 500 * time.Millisecond}
	w.must(argo.Start(w.t.Context(), c.RESTConfig()))
	w.t.Cleanup(func() { _ = argo.Stop(context.Background()) })
}

// breaksInGit pushes bad revisions once the good ones run: another port, and a level and a setting amid what is well.
func (w *world) breaksInGit(forge *stand.Forge) {
	w.t.Helper()
	w.runs(indexNamespace, "index")
	w.pushes(forge, "another port", map[string]string{indexFile: strings.Replace(indexManifest, "port: 8080}", "port: 8081}", 1)})
	w.runs(ordersNamespace, "orders")
	bad := strings.Replace(ordersManifest, `value: "info"`, `value: "verbose"`, 1)
	w.pushes(forge, "more words", map[string]string{
		ordersFile: bad, ordersConfig: strings.Replace(ordersSettings, `"3"`, `"many"`, 1), "README.md": "Verbose since today.\n",
	})
	w.pushes(forge, "say who asks", map[string]string{ordersFile: strings.Replace(bad, "# Takes the orders.", "# Takes the orders of the shop.", 1)})
}

// runs waits until a Deployment's one pod is ready.
func (w *world) runs(namespace, name string) {
	w.t.Helper()
	w.eventually(60*time.Second, name+" runs", func(ctx context.Context) (bool, error) {
		d, err := shared.cluster.Client().AppsV1().Deployments(namespace).Get(ctx, name, metav1.GetOptions{})
		return err == nil && d.Status.ReadyReplicas == 1, err
	})
}

// pushes has ana push files to the branch that is deployed.
func (w *world) pushes(forge *stand.Forge, message string, files map[string]string) {
	w.t.Helper()
	_, err := forge.Push(declared, stand.ForgeAna, github.Push{Message: message, Files: files})
	w.must(err)
}

// revertInGit has the probe of what Argo CD deploys brought back by a pull request: nothing is undone by hand, which it would take back.
func (w *world) revertInGit(forge *stand.Forge) fix {
	w.t.Helper()
	card := w.card(60*time.Second, "undone-git/index", "Argo CD (application index) deploys it from Git")
	if has(card, "Undo rollout") {
		w.t.Error("what Argo CD deploys can be undone by hand")
	}
	f := fix{
		number: 1, subject: "undone-git/index", ts: card.TS, title: "liveness probe",
		gone: []string{"-            httpGet: {path: /, port: 8081}   # the one that it serves"},
		come: []string{"+            httpGet: {path: /, port: 8080}   # the one that it serves"},
	}
	w.mends(forge, f)
	return f
}

// raiseInGit has the limit raised at which a container was killed.
func (w *world) raiseInGit(forge *stand.Forge) fix {
	w.t.Helper()
	card := w.card(60*time.Second, "undone-memory/render")
	w.thread(30*time.Second, card.TS, "OOMKilled")
	f := fix{
		number: 2, subject: "undone-memory/render", ts: card.TS, title: "memory limit 32 → 192 MiB",
		gone: []string{"-              memory: 32Mi   # a page at a time"}, come: []string{"+              memory: 192Mi   # a page at a time"},
	}
	w.mends(forge, f)
	return f
}

// takeBackInGit has the commit taken back that brought a value no fix is known of, in both files that are the workload's: what came with it
// for others, and after it, stays.
func (w *world) takeBackInGit(forge *stand.Forge) fix {
	w.t.Helper()
	card := w.card(60*time.Second, "undone-env/orders", "Argo CD (application orders) deploys it from Git")
	f := fix{
		number: 3, subject: "undone-env/orders", ts: card.TS, title: "more words",
		gone: []string{`-            - {name: LEVEL, value: "verbose"}   # of what it logs`, `-  RETRIES: "many"  # each a second later`},
		come: []string{`+            - {name: LEVEL, value: "info"}   # of what it logs`, `+  RETRIES: "3"  # each a second later`},
	}
	w.mends(forge, f)
	if body := forge.Pulls(declared)[2].Body; !strings.Contains(body, "by ana-silva of ") || !strings.Contains(body, "Deployment orders and ConfigMap settings is taken back") {
		w.t.Errorf("the pull request does not say what it takes back:\n%s", body)
	}
	return f
}

// arrived holds what the fixes made of the cluster, once they resolved what they are for.
func (w *world) arrived(fixes ...fix) {
	w.t.Helper()
	for _, f := range fixes {
		w.card(120*time.Second, f.subject, "(resolved)")
		w.thread(60*time.Second, f.ts, "Deployed, and the incident resolved after it")
	}
	ctx, apps := w.t.Context(), shared.cluster.Client().AppsV1()
	d, err := apps.Deployments(renderNamespace).Get(ctx, "render", metav1.GetOptions{})
	w.must(err)
	if got := d.Spec.Template.Spec.Containers[0].Resources.Limits.Memory().String(); got != "192Mi" {
		w.t.Errorf("the limit is %s", got)
	}
	d, err = apps.Deployments(ordersNamespace).Get(ctx, "orders", metav1.GetOptions{})
	w.must(err)
	m, err := shared.cluster.Client().CoreV1().ConfigMaps(ordersNamespace).Get(ctx, "settings", metav1.GetOptions{})
	w.must(err)
	if level := d.Spec.Template.Spec.Containers[0].Env[0].Value; level != "info" || m.Data["RETRIES"] != "3" {
		w.t.Errorf("the level is %s and the settings are %v, want them as they were", level, m.Data)
	}
}

// fix is a pull request that is to mend an incident, by its lines.
type fix struct {
	number             int
	subject, ts, title string
	gone, come         []string
}

// mends takes the fix that a thread offers to its merge: refused to one without the role, approved by another, a pull request of these
// lines and no other, merged by a person.
func (w *world) mends(forge *stand.Forge, f fix) {
	w.t.Helper()
	var offer slack.Message
	w.eventually(60*time.Second, "the thread offers to change it", func(ctx context.Context) (bool, error) {
		all, err := w.slack.Control().Thread(ctx, w.reader.Channel, f.ts, w.people["ana"])
		for _, m := range all {
			if has(m, "Approve") {
				offer = m
				return true, nil
			}
		}
		return false, err
	})
	w.press("eve", offer.TS, "Approve")
	namespace, _, _ := strings.Cut(f.subject, "/")
	w.answered("eve", f.ts, "You may not do that", "to approve", "in namespace "+namespace)
	w.press("ben", offer.TS, "Approve")
	w.shows("ben", slices.Concat([]string{f.title, declared}, f.gone, f.come)...)
	w.choose("ben")
	w.thread(60*time.Second, f.ts, "Pull request #", "is open")
	pulls := forge.Pulls(declared)
	if len(pulls) != f.number {
		w.t.Fatalf("there are %d pull requests, want %d", len(pulls), f.number)
	}
	pull := pulls[f.number-1]
	if gone, come := changedLines(pull.Diff); pull.Commits != 1 || !slices.Equal(gone, f.gone) || !slices.Equal(come, f.come) {
		w.t.Errorf("%d commits, and the diff is not of the wanted lines:\n%s", pull.Commits, pull.Diff)
	}
	w.must(forge.Merge(declared, stand.ForgeBen, f.number, "squash"))
}

// changedLines are the lines of a diff that go and that come.
func changedLines(diff string) (gone, come []string) {
	for line := range strings.Lines(diff) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "---"), strings.HasPrefix(line, "+++"):
		case strings.HasPrefix(line, "-"):
			gone = append(gone, line)
		case strings.HasPrefix(line, "+"):
			come = append(come, line)
		}
	}
	return gone, come
}
