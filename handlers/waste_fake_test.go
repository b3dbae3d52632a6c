package handlers

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/policy"
	"github.com/eks-autopilot/autopilot/engine/price"
	"github.com/eks-autopilot/autopilot/engine/waste"
)

// fakeScans stands in for what the store keeps of waste.
type fakeScans struct {
	mu       sync.Mutex // guards kept
	scan     engine.Scan
	busy     error
	saved    []waste.Report
	failed   []string
	paused   int
	periods  []time.Time
	saveFail error
	awoken   int

	since    map[string]time.Time
	muted    map[string]bool
	reserved map[string]int
	peaks    map[waste.ContainerKey][]waste.Peak
	kept     map[string]map[waste.ContainerKey][]waste.Peak
	forget   error

	groups    map[int64]engine.FindingGroup
	filter    engine.FindingFilter
	decisions []engine.Decision
	asked     [][2]string
}

func (f *fakeScans) ScheduleScan(_ context.Context, period time.Time) error {
	f.periods = append(f.periods, period)
	return nil
}

func (f *fakeScans) BeginScan(_ context.Context, id int64) (engine.Scan, error) {
	scan := f.scan
	if scan.ID = id; scan.Finished.IsZero() {
		scan.Started = noon
	}
	return scan, f.busy
}

func (f *fakeScans) PauseScan(context.Context, int64) error { f.paused++; return nil }

func (f *fakeScans) FailScan(_ context.Context, _ int64, problem string) error {
	f.failed = append(f.failed, problem)
	return nil
}

func (f *fakeScans) SaveScan(_ context.Context, r waste.Report) (engine.Scan, error) {
	if f.saveFail != nil {
		return engine.Scan{}, f.saveFail
	}
	f.saved = append(f.saved, r)
	return r.Scan, nil
}

func (f *fakeScans) Awaken(context.Context) error { f.awoken++; return nil }

func (f *fakeScans) Since(context.Context) (map[string]time.Time, error) { return f.since, nil }

func (f *fakeScans) Muted(context.Context) (map[string]bool, error) { return f.muted, nil }

func (f *fakeScans) Kept(context.Context) (map[string]int, error) { return f.reserved, nil }

func (f *fakeScans) Peaks(context.Context, string) (map[waste.ContainerKey][]waste.Peak, error) {
	return f.peaks, f.forget
}

func (f *fakeScans) SavePeaks(_ context.Context, cluster string, peaks map[waste.ContainerKey][]waste.Peak) error {
	f.mu.Lock() // clusters are gathered side by side
	defer f.mu.Unlock()
	f.kept[cluster] = peaks
	return nil
}

func (f *fakeScans) Savings(_ context.Context, filter engine.FindingFilter) (engine.Savings, error) {
	f.filter = filter
	return engine.Savings{Monthly: 30 * engine.USD}, nil
}

func (f *fakeScans) FindingGroup(_ context.Context, id int64) (engine.FindingGroup, error) {
	g, ok := f.groups[id]
	if !ok {
		return g, engine.Errorf(engine.NotFound, "there are no savings %d", id)
	}
	return g, nil
}

func (f *fakeScans) Mute(_ context.Context, d engine.Decision) (engine.FindingGroup, error) {
	f.decisions = append(f.decisions, d)
	return f.groups[d.GroupID], nil
}

func (f *fakeScans) RequestScan(_ context.Context, d engine.Decision, cluster, namespace string) (engine.Scan, error) {
	f.decisions, f.asked = append(f.decisions, d), append(f.asked, [2]string{cluster, namespace})
	return engine.Scan{ID: 1}, f.busy
}

// fakeCache is a PriceCache with a budget.
type fakeCache struct {
	bodies map[string][]byte
	at     map[string]time.Time
	spent  int
}

func (c *fakeCache) CachedPrice(_ context.Context, key string) ([]byte, time.Time, bool, error) {
	body, ok := c.bodies[key]
	return body, c.at[key], ok, nil
}

func (c *fakeCache) CachePrice(_ context.Context, key string, body []byte, at time.Time) error {
	c.bodies[key], c.at[key] = body, at
	return nil
}

func (c *fakeCache) SpendBilled(_ context.Context, calls, budget int, _ engine.MicroUSD) error {
	if c.spent+calls > budget {
		return engine.Errorf(engine.Unavailable, "the day's budget of %d billed calls is spent", budget)
	}
	c.spent += calls
	return nil
}

func (c *fakeCache) put(t *testing.T, key string, value any, at time.Time) {
	t.Helper()
	body, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	c.bodies[key], c.at[key] = body, at
}

// wasteFixture has two clusters and one account with a volume that nobody wants.
func wasteFixture(t *testing.T) (*Handlers, *fakeScans) {
	t.Helper()
	h, _, _ := fixture(t)
	f := &fakeScans{
		since: map[string]time.Time{"detached/1/vol-0aa": noon.AddDate(0, 0, -30)},
		kept:  map[string]map[waste.ContainerKey][]waste.Peak{},
		groups: map[int64]engine.FindingGroup{
			3: {ID: 3, Title: "payments/api", Monthly: 30 * engine.USD, Findings: []engine.Finding{
				{ID: 11, Kind: engine.OverRequestedCPU, Target: engine.Target{Workload: api, Container: "app"}, Status: engine.FindingOpen, Monthly: 20 * engine.USD},
				{ID: 12, Kind: engine.OverRequestedMemory, Target: engine.Target{Workload: api, Container: "app"}, Status: engine.FindingOpen, Monthly: 10 * engine.USD},
			}},
			4: {ID: 4, Title: "gone", Findings: []engine.Finding{{ID: 13, Target: engine.Target{Workload: api}, Status: engine.FindingClosed}}},
		},
	}
	inventory := func(name string) func(context.Context) (waste.Cluster, []engine.Gap) {
		return func(context.Context) (waste.Cluster, []engine.Gap) {
			n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name + "-node", Labels: map[string]string{
				labelRegion: "eu-central-1", labelType: "m5.large", labelOS: "linux",
			}}}
			return waste.Cluster{Name: name, Complete: true, Nodes: []waste.Node{{Node: n}}}, nil
		}
	}
	usage := func(context.Context, *waste.Cluster, Wanted) Used {
		return Used{Whole: true, Cost: engine.ScanCost{Queries: 3, Samples: 100, Slowest: time.Second}}
	}
	account := func(context.Context) (waste.Account, []engine.Gap) {
		return waste.Account{ID: "1", Region: "eu-central-1", Volumes: []waste.Volume{{
			ID: "vol-0aa", Type: "gp3", Zone: "eu-central-1a", State: "available", GiB: 500, IOPS: 3000, Throughput: 125, CreatedAt: noon.AddDate(-1, 0, 0),
		}}}, nil
	}
	pricing := &Pricing{Cache: &fakeCache{bodies: map[string][]byte{}, at: map[string]time.Time{}}, Now: h.Now, Log: h.Log}
	rules := waste.DefaultRules()
	h.Waste = &Waste{
		Scans: f, Memory: f, Savings: f, Prices: pricing.Book, Rules: rules,
		Clusters: []WasteCluster{
			{Name: "prod", Account: "1", Region: "eu-central-1", Inventory: inventory("prod"), Usage: usage},
			{Name: "dev", Account: "1", Region: "eu-central-1", Inventory: inventory("dev"), Usage: usage},
		},
		Accounts: []WasteAccount{{ID: "1", Region: "eu-central-1", Inventory: account}},
	}
	h.Policy.Roles = append(h.Policy.Roles, policy.Role{
		Name: "finops", Members: []string{"UFIN"}, May: []engine.Action{engine.ActionSnooze, engine.ActionNotWaste, engine.ActionScan}, Namespaces: []string{"payments"},
	}, policy.Role{Name: "scanner", Members: []string{"UANA"}, May: []engine.Action{engine.ActionScan}})
	return h, f
}

// noBills is a Payer's Bills for one that is never asked.
func noBills(context.Context, Meter, time.Time, time.Time) ([]price.Bill, error) { return nil, nil }
