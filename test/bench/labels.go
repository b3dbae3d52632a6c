package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"golang.org/x/sync/errgroup"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"github.com/eks-autopilot/autopilot/deploy"
	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/aws"
	"github.com/eks-autopilot/autopilot/engine/kube"
	"github.com/eks-autopilot/autopilot/engine/price"
	"github.com/eks-autopilot/autopilot/engine/prom"
	"github.com/eks-autopilot/autopilot/engine/waste"
	"github.com/eks-autopilot/autopilot/handlers"
	standin "github.com/eks-autopilot/autopilot/test/aws"
	"github.com/eks-autopilot/autopilot/test/cluster"
	"github.com/eks-autopilot/autopilot/test/cluster/ports"
	"github.com/eks-autopilot/autopilot/test/stand"
	"github.com/eks-autopilot/autopilot/test/stand/labelled"
)

// labels looks for waste in a cluster in which everything has a label, through all that a scan goes through, and compares. Then it
// removes each node that was called removable, as people would.
func labels(ctx context.Context, args []string, out io.Writer) error {
	f := flag.NewFlagSet("bench labels", flag.ContinueOnError)
	every := f.Bool("every", false, "print each finding with what it says")
	if err := parse(f, args); err != nil {
		return err
	}
	all, err := labelled.Load()
	if err != nil {
		return err
	}
	l := &labelledStand{cases: all, rooms: map[string]*labelledRoom{}}
	return quietly(func() error { return l.stop(context.WithoutCancel(ctx)) }, func() error { return l.figure(ctx, out, *every) })
}

// labelledStand is the control planes, Prometheus and AWS that the cases are put onto.
type labelledStand struct {
	cases      []labelled.Case
	dir        string
	rooms      map[string]*labelledRoom // by the cluster's name
	prometheus *stand.Prometheus
	aws        *standin.Server
	ports      ports.Held
	at         time.Time
}

type labelledRoom struct {
	cases []labelled.Case
	real  *cluster.Cluster
	*labelled.Furnisher
	kubeconfig string // with the rights that are shipped
}

func (l *labelledStand) figure(ctx context.Context, out io.Writer, every bool) error {
	if err := l.start(ctx); err != nil {
		return err
	}
	progress("scanning")
	report, err := l.scan(ctx)
	if err != nil {
		return err
	}
	for _, g := range report.Outcome.Missing {
		progress("could not see: %s: %s", g.Collector, g.Reason)
	}
	if every {
		for _, f := range report.Outcome.Findings {
			_, _ = fmt.Fprintf(out, "%s %s %s: %s\n", f.Kind, f.Target.String(), f.Monthly, f.Lever)
		}
	}
	rows, misses := labelled.Score(l.cases, report.Outcome)
	t := table{{"detector", "waste", "found", "wrong", "precision", "recall", "left alone", "for the right reason"}}
	wrong := false
	for _, r := range rows {
		t.add(string(r.Kind), fmt.Sprint(r.Waste), fmt.Sprint(r.Found), fmt.Sprint(r.Wrong), fmt.Sprintf("%.2f", r.Precision()), fmt.Sprintf("%.2f", r.Recall()),
			fmt.Sprint(r.Keep), fmt.Sprint(r.Reason))
		wrong = wrong || r.Wrong > 0 || r.Found < r.Waste
	}
	err = t.print(out, fmt.Sprintf("%d cases: %d containers, %d nodes, %d volumes", len(l.cases), report.Scan.Containers, report.Scan.Nodes, report.Scan.Volumes))
	if err != nil {
		return err
	}
	for _, m := range misses {
		_, _ = fmt.Fprintln(out, "missed: "+m)
	}
	d, err := l.drain(ctx, report.Outcome.Findings)
	if err != nil {
		return err
	}
	g := table{{"drained with the real scheduler", ""}}
	g.add("nodes", fmt.Sprint(d.nodes))
	g.add("pods evicted", fmt.Sprint(d.evicted))
	g.add("refused", fmt.Sprint(len(d.refused)))
	if err := g.print(out, "Each node that was called removable: cordoned, its pods evicted, their successors placed"); err != nil {
		return err
	}
	for _, r := range d.refused {
		_, _ = fmt.Fprintln(out, "refused: "+r)
	}
	if wrong || len(misses) > 0 || len(d.refused) > 0 {
		return errMissed
	}
	return nil
}

func (l *labelledStand) start(ctx context.Context) (err error) {
	if l.dir, err = os.MkdirTemp("", "autopilot-labels-"); err != nil {
		return err
	}
	var role rbacv1.ClusterRole
	if err := yaml.UnmarshalStrict(deploy.ReaderRole(), &role); err != nil {
		return fmt.Errorf("the shipped role: %w", err)
	}
	for _, name := range []string{labelled.First, labelled.Second} {
		r := &labelledRoom{}
		for _, c := range l.cases {
			if c.Cluster == name {
				r.cases = append(r.cases, c)
			}
		}
		l.rooms[name] = r
	}
	work, inner := errgroup.WithContext(ctx)
	for name, r := range l.rooms {
		work.Go(func() error {
			if err := r.start(inner, name, filepath.Join(l.dir, name), role.Rules); err != nil {
				return fmt.Errorf("cluster %s: %w", name, err)
			}
			return nil
		})
	}
	if err := work.Wait(); err != nil {
		return err
	}
	l.at = time.Now().UTC()
	l.aws = standin.New(standin.Config{World: labelled.World(l.cases, l.at), Page: 7})
	if err := l.aws.Start("127.0.0.1:0"); err != nil {
		return err
	}
	port, err := l.ports.Take()
	if err != nil {
		return err
	}
	l.prometheus = &stand.Prometheus{Dir: filepath.Join(l.dir, "prometheus"), Port: port, Retention: 60 * day}
	progress("writing 35 days of history")
	number := 0
	for _, r := range l.rooms {
		if err := r.Histories(ctx, l.prometheus.Data(), number, r.cases, l.at); err != nil {
			return err
		}
		number++
	}
	return l.prometheus.Start(ctx)
}

// start starts a cluster and puts its cases into it.
func (r *labelledRoom) start(ctx context.Context, name, dir string, rights []rbacv1.PolicyRule) (err error) {
	r.real, err = cluster.Start(ctx, cluster.Config{
		Name: "labels-" + name, Dir: dir, Mode: cluster.KWOK, KWOKNodes: 1, NodeGrace: 2 * time.Minute,
		Progress: func(line string) { progress("cluster %s: %s", name, line) },
	})
	if err != nil {
		return err
	}
	if r.Furnisher, err = labelled.NewFurnisher(r.real.RESTConfig()); err != nil {
		return err
	}
	progress("cluster %s: placing %d cases", name, len(r.cases))
	if err := r.Furnish(ctx, r.cases); err != nil {
		return err
	}
	r.kubeconfig, err = r.real.UserKubeconfig(ctx, "autopilot", rights)
	return err
}

func (l *labelledStand) stop(ctx context.Context) error {
	var errs []error
	if l.prometheus != nil {
		errs = append(errs, l.prometheus.Stop(ctx))
	}
	if l.aws != nil {
		errs = append(errs, l.aws.Stop(ctx))
	}
	for _, r := range l.rooms {
		if r.real != nil {
			errs = append(errs, r.real.Stop(ctx))
		}
	}
	l.ports.Close()
	return errors.Join(append(errs, os.RemoveAll(l.dir))...)
}

// scan runs the task of a scan, with the adapters of the bot and a memory of ours.
func (l *labelledStand) scan(ctx context.Context) (waste.Report, error) {
	account, err := aws.Connect(ctx, aws.Config{
		Region: labelled.Region, Endpoint: l.aws.URL(), Credentials: credentials.NewStaticCredentialsProvider(standin.DefaultIdentity.AccessKey, standin.DefaultIdentity.Secret, ""),
	})
	if err != nil {
		return waste.Report{}, err
	}
	metrics, err := prom.Connect(prom.Config{URL: l.prometheus.URL()})
	if err != nil {
		return waste.Report{}, err
	}
	kept := &memoryOfScans{
		scan:  engine.Scan{ID: 1, Started: l.at},
		since: labelled.Clocks(l.cases, l.at, func(id string) string { return waste.Volume{ID: id}.DetachedKey(labelled.Account) }),
	}
	w := &handlers.Waste{
		Scans: kept, Memory: kept, Rules: waste.DefaultRules(),
		Prices: func(context.Context, *waste.Snapshot) (*price.Book, engine.ScanCost, []engine.Gap) {
			return price.New(price.Prices{Lists: []price.List{price.Embedded()}}), engine.ScanCost{}, nil
		},
		Accounts: []handlers.WasteAccount{{ID: labelled.Account, Region: labelled.Region, Inventory: func(ctx context.Context) (waste.Account, []engine.Gap) {
			return account.Inventory(ctx, []string{labelled.First, labelled.Second})
		}}},
	}
	for _, name := range []string{labelled.First, labelled.Second} {
		c, err := l.rooms[name].scanned(name, metrics, l.at)
		if err != nil {
			return waste.Report{}, err
		}
		w.Clusters = append(w.Clusters, c)
	}
	h := &handlers.Handlers{Waste: w, Now: func() time.Time { return l.at }, Log: slog.New(slog.DiscardHandler)}
	err = h.Tasks()[engine.TaskScan](ctx, engine.Task{Kind: engine.TaskScan, Detail: "1"})
	return kept.report, err
}

// scanned is a cluster as the bot is given it, but for the ages of what is in it.
func (r *labelledRoom) scanned(name string, metrics *prom.Prometheus, at time.Time) (handlers.WasteCluster, error) {
	k, err := kube.Connect(kube.Config{Name: name, Kubeconfig: r.kubeconfig, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return handlers.WasteCluster{}, err
	}
	return handlers.WasteCluster{
		Name: name, EKSName: name, Account: labelled.Account, Region: labelled.Region,
		Inventory: func(ctx context.Context) (waste.Cluster, []engine.Gap) {
			c, gaps := k.Inventory(ctx)
			labelled.Age(&c, r.cases, at)
			return c, gaps
		},
		Usage: func(ctx context.Context, c *waste.Cluster, want handlers.Wanted) handlers.Used {
			u := metrics.Usage(ctx, prom.UsageWanted{Cluster: c, At: at, PeakDays: want.PeakDays, Match: map[string]string{"cluster": name}})
			return handlers.Used{Usage: u.Usage, Whole: len(u.Unread) == 0, Gaps: u.Gaps, Cost: u.Cost}
		},
	}, nil
}

// memoryOfScans is what a scan remembers and leaves behind, for one scan.
type memoryOfScans struct {
	scan   engine.Scan
	since  map[string]time.Time
	report waste.Report
}

func (m *memoryOfScans) ScheduleScan(context.Context, time.Time) error { return nil }
func (m *memoryOfScans) BeginScan(context.Context, int64) (engine.Scan, error) {
	return m.scan, nil
}
func (m *memoryOfScans) PauseScan(context.Context, int64) error { return nil }
func (m *memoryOfScans) Awaken(context.Context) error           { return nil }
func (m *memoryOfScans) FailScan(_ context.Context, _ int64, problem string) error {
	return errors.New(problem)
}

func (m *memoryOfScans) SaveScan(_ context.Context, r waste.Report) (engine.Scan, error) {
	m.report = r
	return r.Scan, nil
}

func (m *memoryOfScans) Since(context.Context) (map[string]time.Time, error) { return m.since, nil }
func (m *memoryOfScans) Muted(context.Context) (map[string]bool, error)      { return nil, nil }
func (m *memoryOfScans) Kept(context.Context) (map[string]int, error)        { return nil, nil }
func (m *memoryOfScans) Peaks(context.Context, string) (map[waste.ContainerKey][]waste.Peak, error) {
	return nil, nil
}

func (m *memoryOfScans) SavePeaks(context.Context, string, map[waste.ContainerKey][]waste.Peak) error {
	return nil
}
