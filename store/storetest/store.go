package storetest

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/store"
)

// template is the migrated database that each test's own is a copy of.
const template = "autopilot_template"

// shared is the one server of a test binary, started by the first test that needs it.
var shared struct {
	once   sync.Once
	server *Server
	dir    string
	err    error
	count  atomic.Int64
}

// Main runs a package's tests and then stops the server that they shared, if they started one. Call it from TestMain with
// os.Exit around it.
func Main(m *testing.M) int {
	code := m.Run()
	if shared.server != nil {
		ctx, cancel := context.WithTimeout(context.Background(), stopGrace)
		defer cancel()
		_ = shared.server.Stop(ctx) // killed when it does not stop
	}
	if shared.dir != "" {
		_ = os.RemoveAll(shared.dir)
	}
	return code
}

// New gives a store over an empty database of its own, with the newest schema. The store is closed when the test ends, and the database is
// gone with the server: to drop one takes eight times as long as to make it.
func New(t testing.TB, o store.Options) *store.Store {
	t.Helper()
	return Open(t, URL(t), o)
}

// Open gives one more store over a test's database, as another replica would have it.
func Open(t testing.TB, url string, o store.Options) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// URL makes a test an empty database with the newest schema, and gives its connection string.
func URL(t testing.TB) string {
	t.Helper()
	return create(t, " TEMPLATE "+template+" STRATEGY FILE_COPY") // faster than the default for a database this small
}

// EmptyURL makes a test a database without a schema, for tests of migrations.
func EmptyURL(t testing.TB) string {
	t.Helper()
	return create(t, "")
}

func create(t testing.TB, how string) string {
	t.Helper()
	shared.once.Do(start)
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	name := fmt.Sprintf("test_%d", shared.count.Add(1))
	admin(t, "CREATE DATABASE "+name+how)
	return shared.server.URL(name)
}

func start() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	if shared.dir, shared.err = os.MkdirTemp("", "autopilot-store-"); shared.err != nil {
		return
	}
	if shared.server, shared.err = StartServer(ctx, shared.dir); shared.err != nil {
		return
	}
	if shared.err = shared.server.CreateDatabase(ctx, template); shared.err != nil {
		return
	}
	shared.err = store.Migrate(ctx, shared.server.URL(template))
}

// admin runs a statement about whole databases.
func admin(t testing.TB, sql string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	c, err := pgx.Connect(ctx, shared.server.URL(superuser))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(ctx) }()
	if _, err := c.Exec(ctx, sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}
