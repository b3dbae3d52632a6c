//go:build install

package install

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/eks-autopilot/autopilot/test/cluster"
	"github.com/eks-autopilot/autopilot/test/slack"
	"github.com/eks-autopilot/autopilot/test/stand"
)

const (
	space    = "autopilot" // the namespace of the document
	shadow   = "autopilot-shadow"
	patience = 5 * time.Minute // what a machine with much else to do may need
)

// site is where the document is followed: a cluster, and what its pods reach on this machine in the place of AWS and Slack.
type site struct {
	stand   *stand.Stand
	client  kubernetes.Interface
	slack   *slack.Server
	people  map[string]string // name to id
	groups  map[string]string // handle to id
	digests map[string]string // image to what was pushed
	shell   *shell
}

// TestInstall follows the document from its first block to its last, and looks at what it promises in between.
func TestInstall(t *testing.T) {
	programs := tools(t)
	s, err := stand.Start(t.Context(), stand.Config{
		Name: "prod-eu", Dir: t.TempDir(), Parts: []stand.Part{stand.PostgresPart, stand.ClusterPart, stand.ExporterPart, stand.AlertmanagerPart, stand.PrometheusPart},
		Cluster: cluster.Config{Mode: cluster.Node, CrashLoopMax: 20 * time.Second},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop(context.Background()) })
	x := &site{stand: s, client: s.Cluster.Client(), people: map[string]string{}, groups: map[string]string{}, digests: map[string]string{}}
	host := s.Cluster.HostIP()
	x.startSlack(t, host)
	database, err := url.Parse(s.Postgres.URL())
	if err != nil {
		t.Fatal(err)
	}
	webhook, err := url.Parse(s.Alertmanager.Webhook)
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(database.Query().Get("host"), ".s.PGSQL."+database.Query().Get("port"))
	forward(t, host+":5432", func(context.Context) (net.Conn, error) { return net.Dial("unix", socket) })
	forward(t, host+":9090", dial(s.Prometheus.URL()))
	forward(t, host+":9093", dial(s.Alertmanager.URL()))
	forward(t, webhook.Host, x.dialBot)

	dir := t.TempDir()
	x.shell = &shell{dir: filepath.Join("..", ".."), was: filepath.Join(dir, "exported"), env: []string{
		"PATH=" + programs + ":" + os.Getenv("PATH"), "KUBECONFIG=" + s.Cluster.Kubeconfig(),
		"HELM_CACHE_HOME=" + dir, "HELM_CONFIG_HOME=" + dir, "HELM_DATA_HOME=" + dir,
	}}
	t.Cleanup(func() { x.tell(t) })
	before := x.everything(t)
	x.shell.follow(t, map[string]string{
		"site": "export SITE=" + filepath.Join(dir, "site") + " CLUSTER=prod-eu REGISTRY=" + host + ":5000/autopilot VERSION=v0.1.0 ARCH=" + runtime.GOARCH +
			" DATABASE_HOST=" + host + ":5432 DATABASE_OPTIONS=sslmode=disable ADMIN_DATABASE_URL='" + s.Postgres.URL() + "'",
		"slack": "export SLACK_APP_TOKEN=" + x.slack.AppToken() + " SLACK_BOT_TOKEN=" + x.slack.BotToken() +
			" ONCALL=" + x.groups["oncall"] + " ADMIN=" + x.people["ben"],
		"registry":   "",
		"monitoring": fmt.Sprintf(around, host, host),
		"role":       "",
		"leave":      "kubectl delete namespace monitoring shop",
	}, map[string]func(*testing.T, string){
		"images": x.images, "values": x.values, "pods": x.pods, "rights": x.rights, "status": x.status, "incident": x.incident, "live": x.live, "chaos": x.chaos,
		"gone": func(t *testing.T, _ string) { x.gone(t, before) },
	})
	if wrong, err := x.slack.Control().Violations(t.Context()); err != nil || len(wrong) != 0 {
		t.Errorf("what Slack would not have taken: %+v, %v", wrong, err)
	}
}

// tell shows what the cluster is like when something is not as it was promised.
func (x *site) tell(t *testing.T) {
	if !t.Failed() {
		return
	}
	cmd := exec.Command("bash", "-c", `kubectl get pods -A -o wide
kubectl get events -A --sort-by=.lastTimestamp | tail -40
kubectl -n autopilot logs --selector app.kubernetes.io/name=autopilot --all-containers --prefix --tail=40`)
	cmd.Env = append(os.Environ(), x.shell.env...)
	out, err := cmd.CombinedOutput()
	t.Logf("%s\n%v", out, err)
}

// tools builds helm and kubectl, and gives the folder with both.
func tools(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-ldflags=-s -w", "-o", filepath.Join(dir, "helm"), ".")
	build.Dir = "tools"
	build.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build helm and kubectl: %v\n%s", err, out)
	}
	if err := os.Symlink("helm", filepath.Join(dir, "kubectl")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// startSlack starts a workspace where pods reach it.
func (x *site) startSlack(t *testing.T, host string) {
	x.slack = slack.New(slack.Config{Channels: []slack.Channel{{Name: "incidents", BotIsMember: true}, {Name: shadow, BotIsMember: true}}})
	if err := x.slack.Start(host + ":0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(x.slack.Stop)
	state, err := x.slack.Control().State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range state.Users {
		x.people[u.Name] = u.ID
	}
	for _, g := range state.Usergroups {
		x.groups[g.Handle] = g.ID
	}
}

// around is what is in the cluster besides: the Services of the document's monitoring, behind which stand the servers of this machine, and
// somebody's workload.
const around = `
kubectl apply -f - <<EOF
apiVersion: v1
kind: Namespace
metadata: {name: monitoring}
---
apiVersion: v1
kind: Service
metadata: {name: prometheus-kube-prometheus-prometheus, namespace: monitoring}
spec: {ports: [{name: http, port: 9090}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: prometheus, namespace: monitoring, labels: {kubernetes.io/service-name: prometheus-kube-prometheus-prometheus}}
addressType: IPv4
ports: [{name: http, port: 9090}]
endpoints: [{addresses: ["%s"]}]
---
apiVersion: v1
kind: Service
metadata: {name: prometheus-kube-prometheus-alertmanager, namespace: monitoring}
spec: {ports: [{name: http, port: 9093}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: alertmanager, namespace: monitoring, labels: {kubernetes.io/service-name: prometheus-kube-prometheus-alertmanager}}
addressType: IPv4
ports: [{name: http, port: 9093}]
endpoints: [{addresses: ["%s"]}]
---
apiVersion: v1
kind: Namespace
metadata: {name: shop}
EOF
kubectl -n shop create deployment api --image="$REGISTRY/industry:$VERSION" --replicas=2
`

// forward has what connects to an address of this machine talk to something else on it.
func forward(t *testing.T, address string, to func(context.Context) (net.Conn, error)) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			go join(from, to)
		}
	}()
}

// join copies both ways until either side ends. Who connects while nobody is there sees the end at once.
func join(from net.Conn, to func(context.Context) (net.Conn, error)) {
	defer func() { _ = from.Close() }()
	there, err := to(context.Background())
	if err != nil {
		return
	}
	go func() {
		_, _ = io.Copy(there, from)
		_ = there.Close()
	}()
	_, _ = io.Copy(from, there)
	_ = there.Close()
}

func dial(address string) func(context.Context) (net.Conn, error) {
	host := strings.TrimPrefix(address, "http://")
	return func(context.Context) (net.Conn, error) { return net.Dial("tcp", host) }
}

// dialBot connects to the bot's Service, which pods know by its name.
func (x *site) dialBot(ctx context.Context) (net.Conn, error) {
	service, err := x.client.CoreV1().Services(space).Get(ctx, "autopilot", metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	return net.Dial("tcp", net.JoinHostPort(service.Spec.ClusterIP, "8080"))
}

// eventually asks until done says "", which otherwise is what is still wrong.
func eventually(t *testing.T, what string, done func(context.Context) string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for wrong := done(ctx); wrong != ""; wrong = done(ctx) {
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not so after %s: %s", what, patience, wrong)
		case <-time.After(200 * time.Millisecond):
		}
	}
}
