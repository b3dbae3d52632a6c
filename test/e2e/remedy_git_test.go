package e2e_test

import (
	"context"
	"path/filepath"
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

// syncs has what plays Argo CD give the main branch to a cluster until the test ends.
func (w *world) syncs(forge *stand.Forge, c *cluster.Cluster) {
	w.t.Helper()
	argo := &stand.GitOps{URL: forge.URL() + "/" + declared + ".git", Branch: "main", Dir: filepath.Join(w.t.TempDir(), "clone"), Every: 500 * time.Millisecond}
	w.must(argo.Start(w.t.Context(), c.RESTConfig()))
	w.t.Cleanup(func() { _ = argo.Stop(context.Background()) })
}

// breaksInGit pushes a bad revision once the good one serves.
func (w *world) breaksInGit(forge *stand.Forge) {
	w.t.Helper()
	w.eventually(60*time.Second, "the index serves", func(ctx context.Context) (bool, error) {
		d, err := shared.cluster.Client().AppsV1().Deployments(indexNamespace).Get(ctx, "index", metav1.GetOptions{})
		return err == nil && d.Status.ReadyReplicas == 1, err
	})
	_, err := forge.Push(declared, stand.ForgeAna, github.Push{Message: "another port", Files: map[string]string{
		indexFile: strings.Replace(indexManifest, "port: 8080}", "port: 8081}", 1),
	}})
	w.must(err)
}

// revertInGit has what Argo CD deploys brought back by a pull request: nothing is undone by hand, which it would take back.
func (w *world) revertInGit(forge *stand.Forge) {
	w.t.Helper()
	card := w.card(60*time.Second, "undone-git/index", "Argo CD (application index) deploys it from Git")
	if has(card, "Undo rollout") {
		w.t.Error("what Argo CD deploys can be undone by hand")
	}
	w.mended(forge, 1, "undone-git/index", card.TS, "liveness probe", "-            httpGet: {path: /, port: 8081}   # the one that it serves", "+            httpGet: {path: /, port: 8080}   # the one that it serves")
}

// raiseInGit has the limit raised at which a container was killed.
func (w *world) raiseInGit(forge *stand.Forge) {
	w.t.Helper()
	card := w.card(60*time.Second, "undone-memory/render")
	w.thread(30*time.Second, card.TS, "OOMKilled")
	w.mended(forge, 2, "undone-memory/render", card.TS, "memory limit 32 → 192 MiB", "-              memory: 32Mi   # a page at a time", "+              memory: 192Mi   # a page at a time")
	d, err := shared.cluster.Client().AppsV1().Deployments(renderNamespace).Get(w.t.Context(), "render", metav1.GetOptions{})
	w.must(err)
	if got := d.Spec.Template.Spec.Containers[0].Resources.Limits.Memory().String(); got != "192Mi" {
		w.t.Errorf("the limit is %s", got)
	}
}

// mended takes the fix that a thread offers all the way: refused to one without the role, approved by another, a pull request of one line,
// merged by a person, given to the cluster by Argo CD; and the incident resolves and says so.
func (w *world) mended(forge *stand.Forge, number int, subject, ts, title, gone, come string) {
	w.t.Helper()
	var offer slack.Message
	w.eventually(60*time.Second, "the thread offers to change it", func(ctx context.Context) (bool, error) {
		all, err := w.slack.Control().Thread(ctx, w.reader.Channel, ts, w.people["ana"])
		for _, m := range all {
			if has(m, "Approve") {
				offer = m
				return true, nil
			}
		}
		return false, err
	})
	w.press("eve", offer.TS, "Approve")
	namespace, _, _ := strings.Cut(subject, "/")
	w.answered("eve", ts, "You may not do that", "to approve", "in namespace "+namespace)
	w.press("ben", offer.TS, "Approve")
	w.shows("ben", title, declared, gone, come)
	w.choose("ben")
	w.thread(60*time.Second, ts, "Pull request #", "is open")
	pulls := forge.Pulls(declared)
	if len(pulls) != number {
		w.t.Fatalf("there are %d pull requests, want %d", len(pulls), number)
	}
	pull := pulls[number-1]
	if minus, plus := changedLines(pull.Diff); pull.Commits != 1 || len(minus) != 1 || len(plus) != 1 || minus[0] != gone || plus[0] != come {
		w.t.Errorf("%d commits, and the diff is not the one line:\n%s", pull.Commits, pull.Diff)
	}
	w.must(forge.Merge(declared, stand.ForgeBen, number, "squash"))
	w.card(120*time.Second, subject, "(resolved)")
	w.thread(60*time.Second, ts, "Deployed, and the incident resolved after it")
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
