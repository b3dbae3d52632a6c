package coverage_test

import (
	"context"
	"flag"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/test/cluster"
)

// fault is one row of the table: what is made, what the watch must say of it and what the cause is.
type fault struct {
	name  string
	ahead time.Duration // by how much the clock of who looks is ahead
	kind  string        // of the workload
	of    string        // its name; "" is app
	class engine.Class
	rule  string // of the first cause; "" when the class says all
	make  string // manifests; a namespace of its own is there
	then  func(ctx context.Context, w *world, namespace string) error
	act   func(ctx context.Context, w *world, namespace string) error // what is done once the watch looks on
}

// The clocks. Soon is past the patience with what just started, later past that with all else.
const (
	soon  = 4 * time.Minute
	later = 25 * time.Minute
)

// patience is how long a row may take until it is seen: the controllers of the control plane have to do their part.
const patience = 90 * time.Second

func TestMain(m *testing.M) {
	// The rows wait for a cluster and compute nothing, so the number of cores is no bound for them.
	flag.Parse()
	if err := flag.Set("test.parallel", "64"); err != nil {
		panic(err)
	}
	m.Run()
}

func TestCoverage(t *testing.T) {
	c, err := cluster.Start(t.Context(), cluster.Config{Name: "coverage", Mode: cluster.KWOK, KWOKNodes: 4, NodeGrace: 10 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	cfg := c.RESTConfig()
	cfg.QPS, cfg.Burst = 400, 800
	w := &world{cluster: c, observers: map[time.Duration]*observer{}}
	if w.dynamic, err = dynamic.NewForConfig(cfg); err != nil {
		t.Fatal(err)
	}
	if err := apart(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	faults := faults()
	if err := w.apply(t.Context(), "default", join(drains, ground)); err != nil {
		t.Fatal(err)
	}
	var work errgroup.Group
	work.SetLimit(32)
	for _, f := range faults {
		work.Go(func() error { return w.begin(t.Context(), namespaceOf(f.name), f.make, f.then) })
	}
	for _, q := range allQuiet() {
		work.Go(func() error { return w.begin(t.Context(), "quiet-"+namespaceOf(q.name), q.make, nil) })
	}
	if err := work.Wait(); err != nil {
		t.Fatal(err)
	}
	w.observe(t, 0, soon, later)
	w.synced(t)
	t.Run("faults", func(t *testing.T) {
		for _, f := range faults {
			t.Run(f.name, func(t *testing.T) {
				t.Parallel()
				w.sees(t, f)
			})
		}
	})
	t.Run("planned", func(t *testing.T) {
		for _, q := range planned {
			t.Run(q.name, func(t *testing.T) {
				t.Parallel()
				w.isMeant(t, q)
			})
		}
	})
	t.Run("quiet", func(t *testing.T) { w.isQuiet(t) })
}

func (w *world) begin(ctx context.Context, namespace, manifest string, then func(context.Context, *world, string) error) error {
	if err := w.apply(ctx, "", "apiVersion: v1\nkind: Namespace\nmetadata: {name: "+namespace+", labels: {case: "+namespace+"}}\n"); err != nil {
		return err
	}
	// Without it controllers are refused pods at first, and would say so.
	accounts := w.dynamic.Resource(schema.GroupVersionResource{Version: "v1", Resource: "serviceaccounts"}).Namespace(namespace)
	if _, err := retry(ctx, func() (*unstructured.Unstructured, error) { return accounts.Get(ctx, "default", metav1.GetOptions{}) }); err != nil {
		return err
	}
	if err := w.apply(ctx, namespace, manifest); err != nil {
		return err
	}
	if then != nil {
		return then(ctx, w, namespace)
	}
	return nil
}

func namespaceOf(name string) string { return strings.ReplaceAll(strings.ToLower(name), " ", "-") }

// sees waits until the watch says what is wrong, and its evidence why.
func (w *world) sees(t *testing.T, f fault) {
	o := w.observers[f.ahead]
	workload := engine.Workload{Cluster: "prod", Namespace: namespaceOf(f.name), Kind: f.kind, Name: f.of}
	switch f.kind {
	case "Node", "NodePool", "PersistentVolume", "Namespace", "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "APIService", "GatewayClass", "ClusterExtension", "ClusterCatalog":
		workload.Namespace = ""
	}
	if workload.Name == "" {
		workload.Name = "app"
	}
	var last string
	began := time.Now()
	if f.act != nil {
		if err := f.act(t.Context(), w, workload.Namespace); err != nil {
			t.Fatal(err)
		}
		began = time.Now()
		defer func() { t.Logf("seen and explained after %s", time.Since(began).Round(100*time.Millisecond)) }()
	}
	for end := began.Add(patience); time.Now().Before(end); time.Sleep(300 * time.Millisecond) {
		signals := o.signals(workload)
		last = "no signal of " + string(f.class)
		var seen []engine.Signal
		for _, s := range signals {
			if s.Class == f.class {
				seen = signals
			}
			last += "; " + string(s.Class) + ": " + s.Summary
		}
		if seen == nil {
			continue
		}
		if f.rule == "" {
			return
		}
		d := o.diagnose(t.Context(), workload, seen)
		if first, ok := d.Cause(""); ok && first.Rule == f.rule {
			return
		}
		last = "the first cause is not " + f.rule
		for _, c := range d.Causes {
			last += "\n\t" + c.Rule + ": " + c.Title
		}
		for _, e := range d.Evidence {
			last += "\n\t\t" + e.Text
		}
		for _, g := range d.Gaps {
			last += "\n\t\tgap " + g.Collector + ": " + g.Reason
		}
	}
	t.Error(last)
}

// isQuiet holds that nothing was ever said of what is as it should be.
func (w *world) isQuiet(t *testing.T) {
	time.Sleep(5 * time.Second) // two more surveys of each observer
	for ahead, o := range w.observers {
		if synced, problem := o.cluster.Status(); problem != "" {
			t.Errorf("the watch that is %s ahead listens to less: %s (since %s)", ahead, problem, synced)
		}
		calm := quiet
		if ahead == 0 { // to a clock that is ahead, what was deleted just now was deleted long ago
			calm = allQuiet()
		}
		for _, line := range o.said() {
			for _, q := range calm {
				if strings.Contains(line, " quiet-"+namespaceOf(q.name)+"/") || strings.Contains(line, " quiet-"+namespaceOf(q.name)+" ") || q.object != "" && strings.Contains(line, " "+q.object+" ") {
					t.Errorf("%s, seen %s ahead: %s", q.name, ahead, line)
				}
			}
		}
	}
}
