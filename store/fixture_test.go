package store_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/eks-autopilot/autopilot/bot"
	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/incident"
	"github.com/eks-autopilot/autopilot/store"
	"github.com/eks-autopilot/autopilot/store/storetest"
)

func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", "40"); err != nil { // each is dozens of transactions; the command line may ask for more
		panic(err)
	}
	code := storetest.Main(m)
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// What the bot needs, the store has.
var (
	_ bot.Inbox   = (*store.Store)(nil)
	_ bot.Outbox  = (*store.Store)(nil)
	_ bot.Content = (*store.Store)(nil)
)

var (
	api   = engine.Workload{Cluster: "prod", Namespace: "payments", Kind: "Deployment", Name: "api"}
	node  = engine.Workload{Cluster: "prod", Kind: engine.KindNode, Name: "ip-10-0-0-7"}
	ada   = engine.Person{ID: "U1", Name: "Ada"}
	grace = engine.Person{ID: "U2", Name: "Grace"}
	start = time.Date(2026, 11, 23, 3, 0, 0, 123456789, time.UTC)
)

// world is a store with a clock that a test moves.
type world struct {
	*store.Store
	t   testing.TB
	url string

	mu    sync.Mutex
	clock time.Time

	asking sync.Mutex
	direct *pgx.Conn // of sql; nil before it is first asked
}

func rules() incident.Rules {
	return incident.Rules{
		HoldDown: 2 * time.Minute, ReopenWindow: 30 * time.Minute, ParentWindow: 10 * time.Minute,
		Escalation: map[engine.Severity]incident.Escalation{
			engine.Critical: {Mention: []engine.Mention{{Group: "S1"}}, After: 5 * time.Minute, Times: 1, Page: true},
		},
		Route: incident.Route{Default: "#incidents", Namespaces: map[string]string{"shop": "#shop"}},
	}
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, clock: start, url: storetest.URL(t)}
	w.Store = storetest.Open(t, w.url, store.Options{Rules: rules, Now: w.now})
	return w
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.clock
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = w.clock.Add(d)
}

func (w *world) signal(of engine.Workload, class engine.Class) engine.Signal {
	return engine.Signal{
		Source: engine.SourceWatch, ID: string(class) + "/" + of.Name, Workload: of, Class: class, Severity: engine.Critical,
		Object:  engine.ObjectRef{Kind: "Pod", Namespace: of.Namespace, Name: of.Name + "-1"},
		Summary: of.Name + " shows " + string(class), Labels: map[string]string{"app": of.Name}, StartsAt: w.now(),
	}
}

// watch observes all that a watch sees of a workload.
func (w *world) watch(of engine.Workload, signals ...engine.Signal) {
	w.t.Helper()
	w.must(w.Observe(w.t.Context(), engine.Observation{
		Source: engine.SourceWatch, Workload: of, Signals: signals, Complete: true, At: w.now(), Health: &engine.Health{Desired: 3, Ready: 1},
	}))
}

// open opens an incident of a workload and gives it.
func (w *world) open(of engine.Workload) engine.Incident {
	w.t.Helper()
	w.watch(of, w.signal(of, engine.ClassCrashLoop))
	list := w.find(engine.IncidentFilter{Cluster: of.Cluster, Namespace: of.Namespace, Workload: of.Name})
	if len(list) != 1 {
		w.t.Fatalf("%d open incidents of %s, want 1", len(list), of)
	}
	return w.incident(list[0].ID)
}

func (w *world) incident(id int64) engine.Incident {
	w.t.Helper()
	i, err := w.Incident(w.t.Context(), id)
	w.must(err)
	return i
}

func (w *world) find(f engine.IncidentFilter) []engine.Incident {
	w.t.Helper()
	list, err := w.Incidents(w.t.Context(), f)
	w.must(err)
	return list
}

func (w *world) decide(id string, a engine.Action, by engine.Person, incident int64) error {
	_, err := w.Decide(w.t.Context(), engine.Decision{
		ID: id, Action: a, By: by, IncidentID: incident, At: w.now(), Allowed: true, For: time.Hour, Right: true,
	})
	return err
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// sql asks the database directly, for what no method tells. Each row is one line, its columns separated by blanks. It keeps its connection:
// to make one costs the server more than most of what is asked.
func (w *world) sql(query string, args ...any) string {
	w.t.Helper()
	w.asking.Lock()
	defer w.asking.Unlock()
	ctx := context.WithoutCancel(w.t.Context())
	if w.direct == nil || w.direct.Ping(ctx) != nil { // the server may have been restarted
		o, err := pgx.ParseConfig(w.url)
		w.must(err)
		o.DefaultQueryExecMode = pgx.QueryExecModeDescribeExec // tests change tables
		w.direct, err = pgx.ConnectConfig(ctx, o)
		w.must(err)
		w.t.Cleanup(func() { _ = w.direct.Close(ctx) })
	}
	rows, err := w.direct.Query(ctx, query, args...)
	w.must(err)
	lines, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		values, err := row.Values()
		parts := make([]string, len(values))
		for k, v := range values {
			parts[k] = fmt.Sprint(v)
		}
		return strings.Join(parts, " "), err
	})
	w.must(err)
	return strings.Join(lines, "\n")
}

// tasks are the kinds of the tasks that wait, with what they are about.
func (w *world) tasks() string {
	w.t.Helper()
	return strings.ReplaceAll(w.sql(`SELECT kind, args ->> 'incident_id' FROM river_job WHERE finalized_at IS NULL ORDER BY id`), "\n", ", ")
}

func equal(t testing.TB, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func code(t testing.TB, what string, err error, want engine.Code) {
	t.Helper()
	if got := engine.CodeOf(err); got != want {
		t.Errorf("%s: error %v has code %q, want %q", what, err, got, want)
	}
}
