package stand

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/eks-autopilot/autopilot/deploy/alerts"
	"github.com/eks-autopilot/autopilot/test/cluster/ports"
)

type startable interface {
	Start(context.Context) error
	Healthy(context.Context) error
	Stop(context.Context) error
}

// run starts a part for the length of the test.
func run[P startable](t *testing.T, p P) P {
	t.Helper()
	mustStart(t, p)
	t.Cleanup(func() {
		if err := p.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return p
}

func takePort(t *testing.T) int {
	t.Helper()
	var held ports.Held
	port, err := held.Take()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(held.Close)
	return port
}

// getJSON reads an answer of Prometheus or Alertmanager.
func getJSON(ctx context.Context, url string, v any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := fresh.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	return json.NewDecoder(resp.Body).Decode(v)
}

// restarted holds what every part promises: healthy from Start to Stop, and
// again after the next Start.
func restarted(t *testing.T, p startable) {
	t.Helper()
	for range 2 {
		if err := p.Healthy(t.Context()); err != nil {
			t.Fatalf("%T after Start: %v", p, err)
		}
		if err := p.Stop(t.Context()); err != nil {
			t.Fatalf("%T: %v", p, err)
		}
		if err := p.Healthy(t.Context()); err == nil {
			t.Fatalf("%T is healthy after Stop", p)
		}
		mustStart(t, p)
	}
}

func TestTwoStandsSideBySide(t *testing.T) {
	type servers struct {
		db  *Postgres
		am  *Alertmanager
		mon *Prometheus
	}
	var both [2]servers
	for i := range both {
		dir := t.TempDir()
		am := run(t, &Alertmanager{Dir: filepath.Join(dir, "alertmanager"), Port: takePort(t), Webhook: "http://127.0.0.1:1", Token: "t"})
		both[i] = servers{
			db: run(t, &Postgres{Dir: filepath.Join(dir, "postgres")}),
			am: am,
			mon: run(t, &Prometheus{
				Dir: filepath.Join(dir, "prometheus"), Port: takePort(t), Interval: time.Second,
				Cluster: fmt.Sprint("cluster-", i), Alertmanager: am.URL(),
			}),
		}
	}
	for i, s := range both {
		restarted(t, s.db)
		restarted(t, s.am)
		restarted(t, s.mon)
		conn, err := pgx.Connect(t.Context(), s.db.URL())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), "CREATE TABLE mine (i int)"); err != nil {
			t.Errorf("stand %d: its database is not its own: %v", i, err)
		}
		conn.Close(t.Context())
		// Each Watchdog arrives at its own Alertmanager and no other.
		eventually(t, func() error {
			var got []struct{ Labels map[string]string }
			if err := getJSON(t.Context(), s.am.URL()+"/api/v2/alerts", &got); err != nil {
				return err
			}
			if len(got) != 1 || got[0].Labels["alertname"] != "Watchdog" || got[0].Labels["cluster"] != fmt.Sprint("cluster-", i) {
				return fmt.Errorf("stand %d has the alerts %v", i, got)
			}
			return nil
		})
	}
}

func TestSweepEndsAPostgresLeftBehind(t *testing.T) {
	dir := t.TempDir()
	db := run(t, &Postgres{Dir: filepath.Join(dir, "postgres")})
	if err := Sweep(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if err := db.Healthy(t.Context()); err == nil {
		t.Fatal("it still answers")
	}
}

func TestThePartsRunWhatIsShipped(t *testing.T) {
	a := run(t, &Alertmanager{Dir: t.TempDir(), Port: takePort(t), Webhook: "http://127.0.0.1:1/hook", Token: "secret", GroupWait: time.Second, GroupInterval: 2 * time.Second, Watchdog: 10 * time.Second})
	p := run(t, &Prometheus{Dir: t.TempDir(), Port: takePort(t)})

	rules, err := os.ReadFile(filepath.Join(p.Dir, "autopilot.rules.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(alerts.Rules), string(rules)); diff != "" {
		t.Errorf("rules (-shipped +run):\n%s", diff)
	}
	var loaded struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Name, Health, LastError string }
			}
		}
	}
	if err := getJSON(t.Context(), p.URL()+"/api/v1/rules", &loaded); err != nil {
		t.Fatal(err)
	}
	if len(loaded.Data.Groups) != 1 || len(loaded.Data.Groups[0].Rules) < 20 {
		t.Errorf("Prometheus loaded %v", loaded.Data)
	}

	var shipped, ran object
	if err := yaml.Unmarshal(alerts.Alertmanager, &shipped); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(a.Dir, "alertmanager.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "secret") {
		t.Error("the token is in the configuration")
	}
	if err := yaml.Unmarshal(text, &ran); err != nil {
		t.Fatal(err)
	}
	var got []string
	differences("", shipped, ran, &got)
	want := []string{
		"/receivers/0/webhook_configs/0/http_config/authorization/credentials_file = token",
		"/receivers/0/webhook_configs/0/url = http://127.0.0.1:1/hook",
		"/receivers/1/webhook_configs/0/http_config/authorization/credentials_file = token",
		"/receivers/1/webhook_configs/0/url = http://127.0.0.1:1/hook",
		"/receivers/2/slack_configs is gone",
		"/receivers/2/webhook_configs/0/http_config/authorization/credentials_file = token",
		"/receivers/2/webhook_configs/0/url = http://127.0.0.1:1/hook",
		"/route/group_interval = 2000ms",
		"/route/group_wait = 1000ms",
		"/route/routes/0/group_interval = 10000ms",
		"/route/routes/0/repeat_interval = 9000ms",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what differs from the shipped configuration (-want +got):\n%s", diff)
	}
}

// differences lists the leaves of b that a has otherwise, by path.
func differences(path string, a, b any, out *[]string) {
	switch b := b.(type) {
	case object:
		a, _ := a.(object)
		for key := range a {
			if _, ok := b[key]; !ok {
				*out = append(*out, path+"/"+key+" is gone")
			}
		}
		for _, key := range slices.Sorted(maps.Keys(b)) {
			differences(path+"/"+key, a[key], b[key], out)
		}
	case []any:
		a, _ := a.([]any)
		if len(a) != len(b) {
			*out = append(*out, fmt.Sprintf("%s has %d elements", path, len(b)))
			return
		}
		for i := range b {
			differences(fmt.Sprint(path, "/", i), a[i], b[i], out)
		}
	default:
		if !cmp.Equal(a, b) {
			*out = append(*out, fmt.Sprint(path, " = ", b))
		}
	}
}

func TestBadSettingsAreRefusedBeforeStart(t *testing.T) {
	tests := map[string]*Prometheus{
		"target without a host": {Targets: []Target{{Job: "x", URL: "/metrics"}}},
		"target without a job":  {Targets: []Target{{URL: "http://127.0.0.1/metrics"}}},
		"alertmanager":          {Alertmanager: "localhost:9093"},
	}
	for name, p := range tests {
		p.Dir = t.TempDir()
		if err := p.Start(t.Context()); err == nil {
			t.Errorf("%s: started", name)
			_ = p.Stop(t.Context())
		}
	}
}

// TestNodesAndPodsAreScraped has a cluster of one node and one annotated pod,
// both played by one server.
func TestNodesAndPodsAreScraped(t *testing.T) {
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		switch {
		case r.URL.Path == "/metrics":
			fmt.Fprintln(w, `up_and_running{pod="says-so-itself"} 1`)
		case r.URL.Path == "/api/v1/nodes/n1/proxy/metrics/cadvisor" && r.Header.Get("Authorization") == "Bearer kube":
			fmt.Fprintln(w, `container_memory_working_set_bytes{namespace="shop",pod="cart",container="app"} 7`)
		default:
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	t.Cleanup(page.Close)
	host, port, err := net.SplitHostPort(page.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	exp := run(t, &Exporter{Port: takePort(t), API: page.URL, Client: fake.NewClientset(
		&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1"}},
		&corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: "shop", Name: "cart", Annotations: map[string]string{"prometheus.io/scrape": "true", "prometheus.io/port": port},
			},
			Status: corev1.PodStatus{Phase: corev1.PodRunning, PodIP: host},
		},
	)})
	p := run(t, &Prometheus{Dir: t.TempDir(), Port: takePort(t), Interval: time.Second, Targets: exp.Targets("kube")})
	for _, query := range []string{
		`autopilot:container_memory_working_set:bytes{pod="cart"}`,
		`container_memory_working_set_bytes{node="n1",job="cadvisor"}`,
		`up_and_running{namespace="shop",pod="cart",job="pods"}`,
		`kube_pod_info{pod="cart",job="kube-state-metrics"}`,
	} {
		eventually(t, func() error {
			var got struct{ Data struct{ Result []any } }
			if err := getJSON(t.Context(), p.URL()+"/api/v1/query?query="+url.QueryEscape(query), &got); err != nil {
				return err
			}
			if len(got.Data.Result) != 1 {
				return fmt.Errorf("%s has %d series, want 1", query, len(got.Data.Result))
			}
			return nil
		})
	}
	restarted(t, exp)
}
