package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/waste"
	"github.com/eks-autopilot/autopilot/store"
	"github.com/eks-autopilot/autopilot/store/storetest"
	"github.com/eks-autopilot/autopilot/test/github"
)

const (
	crashToken   = "ghp_bench"
	crashCluster = "prod"
	crashRepo    = "acme/deploy"
	crashFile    = "apps/api.yaml"
)

const crashManifest = `# the shop's API
apiVersion: apps/v1
kind: Deployment
metadata:
  name: api
  namespace: payments
spec:
  template:
    spec:
      containers:
        - name: app
          resources:
            requests:
              cpu: "1"      # a guess
              memory: 2Gi   # measured in May
`

// crashStart is when each world begins.
var crashStart = time.Date(2026, 3, 3, 12, 0, 0, 0, time.UTC)

// worlds makes worlds that are all alike, one kind for each begin of a trip.
type worlds struct {
	server *storetest.Server

	mu    sync.Mutex // guards all below
	admin *pgx.Conn
	made  int
}

const emptyWorld = "crash_empty"

// begins are the databases that trips begin with, and how each comes to be.
var begins = map[string]func(*world, context.Context) error{foundWorld: (*world).find, brokenWorld: (*world).fail}

// newWorlds prepares the database that each world begins with, on a PostgreSQL of its own in dir.
func newWorlds(ctx context.Context, dir string) (*worlds, error) {
	server, err := storetest.StartServer(ctx, dir)
	if err != nil {
		return nil, err
	}
	ws := &worlds{server: server}
	if err := ws.prepare(ctx); err != nil {
		return nil, errors.Join(err, ws.close(ctx))
	}
	return ws, nil
}

func (ws *worlds) prepare(ctx context.Context) (err error) {
	if err := ws.server.CreateDatabase(ctx, emptyWorld); err != nil {
		return err
	}
	if err := store.Migrate(ctx, ws.server.URL(emptyWorld)); err != nil {
		return err
	}
	if ws.admin, err = pgx.Connect(ctx, ws.server.URL("postgres")); err != nil {
		return err
	}
	for name, come := range begins {
		if err := ws.copy(ctx, emptyWorld, name); err != nil {
			return err
		}
		w, err := openWorld(ctx, ws.server.URL(name), 0, false)
		if err != nil {
			return err
		}
		if err := errors.Join(come(w, ctx), w.close(ctx)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (ws *worlds) copy(ctx context.Context, from, to string) error {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	_, err := ws.admin.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{to}.Sanitize()+" TEMPLATE "+pgx.Identifier{from}.Sanitize()+" STRATEGY FILE_COPY")
	return err
}

func (ws *worlds) close(ctx context.Context) error {
	var err error
	if ws.admin != nil {
		err = ws.admin.Close(ctx)
	}
	return errors.Join(err, ws.server.Stop(context.WithoutCancel(ctx)))
}

// in does something in a new world, in which the first process is cut off at a step, and takes the world away after it.
func (ws *worlds) in(ctx context.Context, begin string, at int, after bool, do func(*world) error) (err error) {
	name := ws.name()
	if err := ws.copy(ctx, begin, name); err != nil {
		return err
	}
	defer func() {
		ws.mu.Lock()
		defer ws.mu.Unlock()
		_, dropped := ws.admin.Exec(context.WithoutCancel(ctx), "DROP DATABASE "+name+" WITH (FORCE)")
		err = errors.Join(err, dropped)
	}()
	w, err := openWorld(ctx, ws.server.URL(name), at, after)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close(context.WithoutCancel(ctx))) }()
	return do(w)
}

// name is that of a new database.
func (ws *worlds) name() string {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.made++
	return fmt.Sprintf("crash_%d", ws.made)
}

// world is everything that outlives the bot: its database, GitHub, the cluster, and people.
type world struct {
	*nature
	db     *pgx.Conn // of whoever looks on
	github *github.Server
	p      *process
	first  *gate // of the first process, which is the one that is cut off

	restarts int
	retried  int       // tasks that failed for now, and were done again
	presses  int       // of people
	periodic time.Time // when the hourly tasks were last done
}

// nature is what a process finds where it is started: where its database and GitHub are, what time it is, and what runs in the cluster.
type nature struct {
	url     string     // of the database
	api     string     // of GitHub
	cluster *apiServer // nil where there is none

	mu      sync.Mutex
	clock   time.Time
	arrived time.Time // when the change came to the cluster; zero before
}

func openWorld(ctx context.Context, url string, at int, after bool) (w *world, err error) {
	w = &world{nature: &nature{url: url, cluster: newAPIServer(), clock: crashStart}}
	if w.github, err = github.New(github.Config{
		Now: w.now, Tokens: []github.Token{{Value: crashToken, Login: "autopilot-bot", Scopes: []string{"repo"}}},
	}); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close(ctx))
		}
	}()
	if err := w.github.Start("127.0.0.1:0"); err != nil {
		return nil, err
	}
	w.api = w.github.APIURL()
	if err := w.github.CreateRepo(github.Repo{
		Name: crashRepo, Files: map[string]string{crashFile: crashManifest, "README.md": "# deploy\n"},
		Access: map[string]string{"autopilot-bot": "push", "ana-github": "push"},
	}); err != nil {
		return nil, err
	}
	if w.db, err = pgx.Connect(ctx, url); err != nil {
		return nil, err
	}
	if w.p, err = newProcess(ctx, w.nature, at, after); err != nil {
		return nil, err
	}
	w.first = w.p.gate
	return w, nil
}

func (w *world) close(ctx context.Context) error {
	if w.p != nil {
		w.p.close()
	}
	var err error
	if w.db != nil {
		err = w.db.Close(ctx)
	}
	return errors.Join(err, w.github.Close(ctx))
}

func (n *nature) now() time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.clock
}

// wait lets time pass.
func (n *nature) wait(until time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if until.After(n.clock) {
		n.clock = until
	}
}

// value is what the live object asks for.
func (n *nature) value(field string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case field == "cpu" && n.arrived.IsZero():
		return "1"
	case field == "cpu":
		return "250m"
	case n.arrived.IsZero():
		return "2Gi"
	}
	return "1280Mi"
}

// arrive has the change come to the cluster, as something like Argo CD would bring it.
func (n *nature) arrive() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.arrived = n.clock
}

// requestedOn is what a replica asked for on a day.
func (n *nature) requestedOn(day time.Time) (cores, gib float64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.arrived.IsZero() || !day.After(n.arrived) {
		return 1, 2
	}
	return 0.25, 1.25
}

// foundWorld has a finding group with its card and its drafts, whose use of two weeks is known.
const foundWorld = "crash_found"

// find has a scan find that payments/api asks for too much, has its drafts made, and what it used learnt.
func (w *world) find(ctx context.Context) error {
	if err := w.scan(ctx); err != nil {
		return err
	}
	return w.hourly(ctx)
}

// scan has the scheduled scan of now made, and the drafts that follow of it.
func (w *world) scan(ctx context.Context) error {
	for {
		err := w.do(ctx, "schedule", func(ctx context.Context, p *process) error {
			return p.st.ScheduleScan(ctx, w.now().Truncate(time.Hour))
		})
		if err == nil {
			break
		}
		if !errors.Is(err, errCut) {
			return err
		}
	}
	return w.work(ctx)
}

// scan keeps what a scan finds: what payments/api asks for too much, until the change came. The histories that a scan reads are another
// figure's matter.
func (p *process) scan(n *nature) func(context.Context, engine.Task) error {
	return func(ctx context.Context, t engine.Task) error {
		id, err := strconv.ParseInt(t.Detail, 10, 64)
		if err != nil {
			return err
		}
		scan, err := p.st.BeginScan(ctx, id)
		if err != nil {
			return err
		}
		if scan.Finished.IsZero() {
			report := waste.Report{Scan: scan, Outcome: waste.Outcome{Findings: n.wasted()}, Judged: func(engine.Finding) bool { return true }}
			if _, err := p.st.SaveScan(ctx, report); err != nil {
				return err
			}
		}
		return p.st.RequestDrafts(ctx)
	}
}

// wasted is what a scan finds now.
func (n *nature) wasted() []engine.Finding {
	if n.value("cpu") != "1" {
		return nil
	}
	target := engine.Target{Workload: engine.Workload{Cluster: crashCluster, Namespace: "payments", Kind: "Deployment", Name: "api"}, Container: "app"}
	found := []engine.Finding{
		{
			Kind: engine.OverRequestedCPU, Monthly: 49 * engine.USD,
			Sizing: &engine.Sizing{Resource: engine.CPU, Old: 1000, New: 250, Replicas: 3, Unit: engine.Dollars(0.03)},
		}, {
			Kind: engine.OverRequestedMemory, Monthly: 8 * engine.USD,
			Sizing: &engine.Sizing{Resource: engine.Memory, Old: 2 << 30, New: 1280 << 20, Replicas: 3, Unit: engine.Dollars(0.005)},
		},
	}
	for k := range found {
		f := &found[k]
		f.Target, f.Whole, f.Confidence, f.Risk, f.Owner = target, f.Monthly, 0.9, engine.RiskLow, engine.Owner{Team: "payments", By: "label team"}
		f.Basis, f.Key = engine.PriceBasis{Source: engine.PriceList}, waste.Key(f.Kind, target)
		f.Group, _ = waste.GroupOf(*f)
	}
	return found
}
