package handlers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
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
}

// Memory is what scans remember from one to the next.
type Memory interface {
	Since(ctx context.Context) (map[string]time.Time, error)
	Muted(ctx context.Context) (map[string]bool, error)
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
}

// WasteCluster is one cluster to look for waste in.
type WasteCluster struct {
	Name, EKSName, Account, Region string
	Team                           map[string]string // by namespace
	// Inventory lists the cluster. It does not fail: what could not be listed is a gap, and the cluster says what it lacks.
	Inventory func(ctx context.Context) (waste.Cluster, []engine.Gap)
	// Usage gives what the containers of the cluster (of one namespace, unless that is "") used. nil without Prometheus.
	Usage func(ctx context.Context, c *waste.Cluster, namespace string, at time.Time) (map[waste.ContainerKey]waste.Usage, engine.ScanCost, []engine.Gap, error)
}

// WasteAccount is one region of an AWS account.
type WasteAccount struct {
	ID, Region string
	Inventory  func(ctx context.Context) (waste.Account, []engine.Gap) // as that of a cluster
}

// scanDue has a scan made when the schedule has come to a time that no scan stands for yet. It may be asked as often as one likes.
func (h *Handlers) scanDue(ctx context.Context, _ engine.Task) error {
	if h.Waste.Next == nil {
		return nil
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
	if err != nil || !scan.Finished.IsZero() {
		return err
	}
	report, err := h.look(ctx, scan)
	if err == nil {
		scan, err = h.Waste.Scans.SaveScan(ctx, report)
	}
	if err == nil {
		h.Log.InfoContext(ctx, "looked for waste", "scan", scan.ID, "cluster", scan.Cluster, "namespace", scan.Namespace, "new", scan.New,
			"seen", scan.Seen, "closed", scan.Closed, "monthly", scan.Monthly.String(), "missing", len(scan.Missing), "took", scan.Finished.Sub(scan.Started))
		return nil
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
	scan.Missing, scan.Skipped, scan.Cost = outcome.Missing, waste.CountSkips(outcome.Skips), cost
	for _, c := range s.Clusters {
		scan.Containers, scan.Nodes = scan.Containers+len(c.Usage), scan.Nodes+len(c.Nodes)
	}
	for _, a := range s.Accounts {
		scan.Volumes += len(a.Volumes)
	}
	holding, broken := s.Clocks()
	return waste.Report{Scan: scan, Outcome: outcome, Judged: h.judged(s, scan), Holding: holding, Broken: broken}, nil
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

// gathered collects what several goroutines find.
type gathered struct {
	clusters []waste.Cluster
	accounts []waste.Account

	mu   sync.Mutex
	gaps []engine.Gap
	cost engine.ScanCost
	err  error
}

func (g *gathered) missing(gaps ...engine.Gap) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.gaps = append(g.gaps, gaps...)
}

func (g *gathered) spent(c engine.ScanCost) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.cost.Queries += c.Queries
	g.cost.Samples += c.Samples
	g.cost.Slowest = max(g.cost.Slowest, c.Slowest)
	g.cost.BilledCalls += c.BilledCalls
	g.cost.BilledAmount += c.BilledAmount
}

func (g *gathered) fail(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.err = errors.Join(g.err, err)
}

// gatherCluster lists a cluster and reads what its containers used.
func (h *Handlers) gatherCluster(ctx context.Context, g *gathered, w WasteCluster, scan engine.Scan) waste.Cluster {
	var c waste.Cluster
	err := h.within(ctx, listWithin, func(ctx context.Context) error {
		var gaps []engine.Gap
		c, gaps = w.Inventory(ctx)
		g.missing(gaps...)
		return ctx.Err()
	})
	if err != nil {
		g.missing(engine.Gap{Collector: w.Name, Reason: "the cluster was not listed: " + why(err, listWithin)})
		c.Complete = false
	}
	c.Name, c.Team = w.Name, w.Team
	c.EKSName, c.Account, c.Region = cmp.Or(w.EKSName, c.EKSName), cmp.Or(w.Account, c.Account), cmp.Or(w.Region, c.Region, regionOf(c))
	if !c.Complete {
		return c // nothing is said of it
	}
	if w.Usage == nil {
		c.Missing = append(c.Missing, waste.PartUsage)
		g.missing(engine.Gap{Collector: w.Name, Reason: "no Prometheus is configured"})
		return c
	}
	err = h.within(ctx, usageWithin, func(ctx context.Context) error {
		usage, cost, gaps, err := w.Usage(ctx, &c, scan.Namespace, scan.Started)
		c.Usage = usage
		g.spent(cost)
		g.missing(gaps...)
		return err
	})
	if err != nil {
		h.Log.InfoContext(ctx, "usage missing", "cluster", w.Name, "error", err)
		c.Usage, c.Missing = nil, append(c.Missing, waste.PartUsage)
		g.missing(engine.Gap{Collector: w.Name, Reason: "Prometheus: " + why(err, usageWithin)})
		return c
	}
	if err := h.remember(ctx, &c); err != nil {
		g.fail(err)
	}
	return c
}

// remember joins the peaks of a cluster's containers with those of earlier scans, and keeps what is new.
func (h *Handlers) remember(ctx context.Context, c *waste.Cluster) error {
	remembered, err := h.Waste.Memory.Peaks(ctx, c.Name)
	if err != nil {
		return err
	}
	read := make(map[waste.ContainerKey][]waste.Peak, len(c.Usage))
	for key, u := range c.Usage {
		read[key] = u.Peaks
	}
	all, changed := waste.Remember(remembered, read)
	for key, u := range c.Usage {
		u.Peaks = all[key]
		c.Usage[key] = u
	}
	return h.Waste.Memory.SavePeaks(ctx, c.Name, changed)
}

// gatherAccount lists an account. Volumes are left out unless everyone who could want them is asked in the same scan.
func (h *Handlers) gatherAccount(ctx context.Context, g *gathered, w WasteAccount, scan engine.Scan) waste.Account {
	var a waste.Account
	err := h.within(ctx, listWithin, func(ctx context.Context) error {
		var gaps []engine.Gap
		a, gaps = w.Inventory(ctx)
		g.missing(gaps...)
		return ctx.Err()
	})
	a.ID, a.Region = w.ID, w.Region
	parts := []waste.Part{waste.PartVolumes, waste.PartSnapshots}
	if err != nil {
		parts = append(parts, waste.PartInstances, waste.PartGroups)
		g.missing(engine.Gap{Collector: w.ID + " " + w.Region, Reason: "the account was not listed: " + why(err, listWithin)})
	}
	if err != nil || scan.Cluster != "" || scan.Namespace != "" {
		a.Volumes, a.Snapshots = nil, nil
		for _, p := range parts {
			if !slices.Contains(a.Missing, p) {
				a.Missing = append(a.Missing, p)
			}
		}
	}
	return a
}

// within runs f with a deadline, and makes a panic an error.
func (h *Handlers) within(ctx context.Context, d time.Duration, f func(context.Context) error) (err error) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panicked: %v", p)
			h.Log.ErrorContext(ctx, "a part of a scan panicked", "error", err)
		}
	}()
	return f(ctx)
}

// why says in a few words why something could not be had.
func why(err error, limit time.Duration) string {
	switch e, ok := errors.AsType[*engine.Error](err); {
	case ok && e.Code != engine.Internal:
		return e.Message
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer within " + strings.TrimSuffix(limit.String(), "0s")
	}
	return "failed; the log has the reason"
}
