package handlers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/price"
	"github.com/eks-autopilot/autopilot/engine/waste"
)

// How long the parts of a scan may take. What is late is missing; together they leave time to save within the task's own.
const (
	gatherWithin = 8 * time.Minute // of all clusters and accounts
	listWithin   = 2 * time.Minute // of one cluster's or account's objects
	usageWithin  = 5 * time.Minute // of one cluster's histories
	pricesWithin = time.Minute
	atOnce       = 2 // clusters: each is large in memory
)

// Scans keeps scans and what they find.
type Scans interface {
	ScheduleScan(ctx context.Context, period time.Time) error
	BeginScan(ctx context.Context, id int64) (engine.Scan, error)
	PauseScan(ctx context.Context, id int64) error
	FailScan(ctx context.Context, id int64, problem string) error
	SaveScan(ctx context.Context, r waste.Report) (engine.Scan, error)
	Awaken(ctx context.Context) error // findings whose snooze is over
}

// Memory is what scans remember from one to the next.
type Memory interface {
	Since(ctx context.Context) (map[string]time.Time, error)
	Muted(ctx context.Context) (map[string]bool, error)
	Kept(ctx context.Context) (map[string]int, error)
	Peaks(ctx context.Context, cluster string) (map[waste.ContainerKey][]waste.Peak, error)
	SavePeaks(ctx context.Context, cluster string, peaks map[waste.ContainerKey][]waste.Peak) error
}

// Savings is what people see of findings, and decide about them.
type Savings interface {
	Savings(ctx context.Context, f engine.FindingFilter) (engine.Savings, error)
	FindingGroup(ctx context.Context, id int64) (engine.FindingGroup, error)
	Mute(ctx context.Context, d engine.Decision) (engine.FindingGroup, error)
	RequestScan(ctx context.Context, d engine.Decision, cluster, namespace string) (engine.Scan, error)
}

// Waste is what looking for waste needs. Accounts may be empty; all else but Next is required.
type Waste struct {
	Scans    Scans
	Memory   Memory
	Savings  Savings
	Clusters []WasteCluster
	Accounts []WasteAccount
	// Prices gives what the nodes and volumes of a snapshot cost. It always gives a book; what it could not ask is a gap.
	Prices   func(ctx context.Context, s *waste.Snapshot) (*price.Book, engine.ScanCost, []engine.Gap)
	Rules    waste.Rules
	Next     func(time.Time) time.Time // the first time of the schedule after one; nil without a schedule
	Location *time.Location            // in which a day begins; nil means UTC
	Costs    *Costing
	Ledger   SavingsLedger // nil where savings are not measured

	complained daily // of days that cannot be measured
}

// WasteCluster is one cluster to look for waste in.
type WasteCluster struct {
	Name, EKSName, Account, Region string
	Team                           map[string]string // by namespace
	// Inventory lists the cluster. It does not fail: what could not be listed is a gap, and the cluster says what it lacks.
	Inventory func(ctx context.Context) (waste.Cluster, []engine.Gap)
	// Usage reads what the containers of the cluster used. It does not fail either. nil without Prometheus.
	Usage func(ctx context.Context, c *waste.Cluster, want Wanted) Used
	// Day reads who used what of the cluster on a day (UTC); team is that of a pod. It does not fail. nil without Prometheus.
	Day func(ctx context.Context, c *waste.Cluster, day time.Time, team func(namespace, pod string) string) DayUse
	// Replicas reads what containers of the cluster requested on a day (UTC). It does not fail. nil without Prometheus.
	Replicas func(ctx context.Context, c *waste.Cluster, day time.Time, of []waste.ContainerKey) ReplicaUse
}

// Wanted says which histories a scan wants. They end now, by the clock of those who keep them.
type Wanted struct {
	Namespace string // "" for all
	PeakDays  int    // how far back daily peaks are not remembered
}

// Used is what could be read of them.
type Used struct {
	Usage map[waste.ContainerKey]waste.Usage
	Whole bool // false when some could not be read: nothing is said of the cluster's requests then
	Gaps  []engine.Gap
	Cost  engine.ScanCost
}

// WasteAccount is one region of an AWS account.
type WasteAccount struct {
	ID, Region string
	Inventory  func(ctx context.Context) (waste.Account, []engine.Gap) // as that of a cluster
}

// scanDue opens what was snoozed until now, and has a scan made when the schedule has come to a time that no scan stands for yet. It may be asked as often as one likes.
func (h *Handlers) scanDue(ctx context.Context, _ engine.Task) error {
	if err := h.Waste.Scans.Awaken(ctx); err != nil || h.Waste.Next == nil {
		return err
	}
	period, ok := lastTime(h.Waste.Next, h.Now())
	if !ok {
		return nil
	}
	return h.Waste.Scans.ScheduleScan(ctx, period)
}

// lastTime gives the newest time of a schedule that is not after now; ok is false when it had none for a year.
func lastTime(next func(time.Time) time.Time, now time.Time) (last time.Time, ok bool) {
	const day = 24 * time.Hour
	for _, back := range []time.Duration{day + time.Hour, 32 * day, 367 * day} {
		for at := next(now.Add(-back)); !at.IsZero() && !at.After(now); at = next(at) {
			last, ok = at, true
		}
		if ok {
			return last, true
		}
	}
	return last, false
}

// scan looks for waste and has what it finds kept. A part that could not be had is a gap of the scan: there is no second try for it,
// since the next scan is one.
func (h *Handlers) scan(ctx context.Context, t engine.Task) error {
	id, err := strconv.ParseInt(t.Detail, 10, 64)
	if err != nil {
		return engine.Errorf(engine.Invalid, "%q is not a scan's id", t.Detail)
	}
	scan, err := h.Waste.Scans.BeginScan(ctx, id)
	if err != nil {
		return err
	}
	if !scan.Finished.IsZero() {
		return h.draftAll(ctx) // maybe it ended right before that
	}
	report, err := h.look(ctx, scan)
	if err == nil {
		scan, err = h.Waste.Scans.SaveScan(ctx, report)
	}
	if err == nil {
		h.Log.InfoContext(ctx, "looked for waste", "scan", scan.ID, "cluster", scan.Cluster, "namespace", scan.Namespace, "new", scan.New,
			"seen", scan.Seen, "closed", scan.Closed, "monthly", scan.Monthly.String(), "missing", len(scan.Missing), "took", scan.Finished.Sub(scan.Started))
		return h.draftAll(ctx)
	}
	after := context.WithoutCancel(ctx)
	if code := engine.CodeOf(err); code == engine.Unavailable || code == engine.Internal {
		// It is tried again; others may go before it.
		return errors.Join(err, h.Waste.Scans.PauseScan(after, id))
	}
	return errors.Join(err, h.Waste.Scans.FailScan(after, id, engine.UserMessage(err, fmt.Sprint("scan ", id))))
}

// look takes the snapshot and lets the detectors judge it.
func (h *Handlers) look(ctx context.Context, scan engine.Scan) (waste.Report, error) {
	if scan.Cluster != "" && !slices.ContainsFunc(h.Waste.Clusters, func(c WasteCluster) bool { return c.Name == scan.Cluster }) {
		return waste.Report{}, engine.Errorf(engine.NotFound, "cluster %s is no longer in the configuration", scan.Cluster)
	}
	s, cost, err := h.snapshot(ctx, scan)
	if err != nil {
		return waste.Report{}, err
	}
	if ctx.Err() != nil {
		return waste.Report{}, engine.Wrap(engine.Unavailable, ctx.Err(), "the scan was stopped")
	}
	outcome := waste.Scan(s, h.Waste.Rules)
	scan.Missing, scan.Skipped, scan.Cost = outcome.Missing, waste.CountSkips(ofNamespace(s, outcome.Skips, scan.Namespace)), cost
	for _, c := range s.Clusters {
		scan.Containers, scan.Nodes = scan.Containers+len(c.Usage), scan.Nodes+len(c.Nodes)
	}
	for _, a := range s.Accounts {
		scan.Volumes += len(a.Volumes)
	}
	holding, broken := s.Clocks()
	return waste.Report{Scan: scan, Outcome: outcome, Judged: h.judged(s, scan), Holding: holding, Broken: broken}, nil
}

// ofNamespace gives the skips that a scan is about: one of a namespace has the histories of no other.
func ofNamespace(s *waste.Snapshot, skips []waste.Skip, namespace string) []waste.Skip {
	return slices.DeleteFunc(slices.Clone(skips), func(k waste.Skip) bool {
		return namespace != "" && !s.Judged(engine.Finding{Kind: k.Kind, Target: k.Target}, namespace)
	})
}

// judged tells what a scan could judge: what its snapshot covers and, when it looked everywhere, what is of a cluster or account
// that is no longer in the configuration.
func (h *Handlers) judged(s *waste.Snapshot, scan engine.Scan) func(engine.Finding) bool {
	return func(f engine.Finding) bool {
		if scan.Cluster == "" && scan.Namespace == "" && !h.configured(f) {
			return true
		}
		return s.Judged(f, scan.Namespace)
	}
}

func (h *Handlers) configured(f engine.Finding) bool {
	if f.Kind == engine.OrphanVolume {
		return slices.ContainsFunc(h.Waste.Accounts, func(a WasteAccount) bool { return a.ID == f.Target.Account && a.Region == f.Target.Region })
	}
	return slices.ContainsFunc(h.Waste.Clusters, func(c WasteCluster) bool { return c.Name == f.Target.Cluster })
}

// snapshot gathers everything that the scan is about. It fails only when the store does not say what is remembered: proposals that
// forget the peaks of last month would be wrong.
func (h *Handlers) snapshot(ctx context.Context, scan engine.Scan) (*waste.Snapshot, engine.ScanCost, error) {
	s := &waste.Snapshot{At: scan.Started}
	var err error
	if s.Since, err = h.Waste.Memory.Since(ctx); err != nil {
		return nil, engine.ScanCost{}, err
	}
	if s.Muted, err = h.Waste.Memory.Muted(ctx); err != nil {
		return nil, engine.ScanCost{}, err
	}
	if s.Kept, err = h.Waste.Memory.Kept(ctx); err != nil {
		return nil, engine.ScanCost{}, err
	}
	asking, done := context.WithTimeout(ctx, gatherWithin)
	defer done()
	clusters, accounts := h.scope(scan)
	g := &gathered{clusters: make([]waste.Cluster, len(clusters)), accounts: make([]waste.Account, len(accounts))}
	var wg sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for n, c := range clusters {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			g.clusters[n] = h.gatherCluster(asking, g, c, scan)
		})
	}
	for n, a := range accounts {
		wg.Go(func() { g.accounts[n] = h.gatherAccount(asking, g, a, scan) })
	}
	wg.Wait()
	if g.err != nil {
		return nil, g.cost, g.err
	}
	s.Clusters, s.Accounts = g.clusters, g.accounts
	h.price(ctx, g, s)
	slices.SortStableFunc(g.gaps, func(a, b engine.Gap) int {
		return cmp.Or(cmp.Compare(a.Collector, b.Collector), cmp.Compare(a.Reason, b.Reason))
	})
	s.Missing = g.gaps
	return s, g.cost, nil
}

// scope gives the clusters that a scan is about, and the accounts under them.
func (h *Handlers) scope(scan engine.Scan) (clusters []WasteCluster, accounts []WasteAccount) {
	if scan.Cluster == "" {
		return h.Waste.Clusters, h.Waste.Accounts
	}
	for _, c := range h.Waste.Clusters {
		if c.Name != scan.Cluster {
			continue
		}
		clusters = append(clusters, c)
		for _, a := range h.Waste.Accounts {
			if a.ID == c.Account && (c.Region == "" || a.Region == c.Region) {
				accounts = append(accounts, a)
			}
		}
	}
	return clusters, accounts
}
