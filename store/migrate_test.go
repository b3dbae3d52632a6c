package store_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/store"
	"github.com/eks-autopilot/autopilot/store/storetest"
)

// dump is the schema as the catalogue has it.
func dump(t *testing.T, url string) string {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.WithoutCancel(t.Context())) }()
	rows, err := c.Query(t.Context(), `
		SELECT table_name || '.' || column_name || ' ' || data_type FROM information_schema.columns WHERE table_schema = 'public'
		UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

func TestMigrateTwiceAndAtOnce(t *testing.T) {
	want := dump(t, storetest.URL(t))
	url := storetest.EmptyURL(t)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if err := store.Migrate(t.Context(), url); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if err := store.Migrate(t.Context(), url); err != nil {
		t.Error(err)
	}
	equal(t, "schema", dump(t, url), want)
	if err := storetest.Open(t, url, store.Options{}).Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestCheckRefusesOtherSchemas(t *testing.T) {
	ctx := t.Context()
	empty := storetest.Open(t, storetest.EmptyURL(t), store.Options{})
	for name, c := range map[string]struct{ sql, want string }{
		"older":       {`DELETE FROM goose_db_version WHERE version_id = (SELECT max(version_id) FROM goose_db_version)`, "run autopilot migrate"},
		"newer":       {`INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, true)`, "at version 9999 and this program knows only up to"},
		"older queue": {`DELETE FROM river_migration WHERE version = (SELECT max(version) FROM river_migration)`, "run autopilot migrate"},
		"newer queue": {`INSERT INTO river_migration (line, version) VALUES ('main', 9999)`, "upgrade this one"},
	} {
		w := newWorld(t)
		w.must(w.Check(ctx))
		w.sql(c.sql)
		err := w.Check(ctx)
		code(t, name, err, engine.Invalid)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want it to say %q", name, err, c.want)
		}
		if name == "newer" {
			code(t, "migrating a newer one", store.Migrate(ctx, w.url), engine.Invalid)
		}
	}
	err := empty.Check(ctx)
	code(t, "no schema", err, engine.Invalid)
	if !strings.Contains(fmt.Sprint(err), "autopilot migrate") {
		t.Errorf("no schema: %v", err)
	}
	code(t, "use without a schema", empty.Settle(ctx, 1), engine.Internal)
}

func TestMigrateWaitsForTheLock(t *testing.T) {
	w := newWorld(t)
	c, err := pgx.Connect(t.Context(), w.url)
	w.must(err)
	_, err = c.Exec(t.Context(), `SELECT pg_advisory_lock($1)`, store.MigrationLock)
	w.must(err)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	code(t, "while another migrates", store.Migrate(ctx, w.url), engine.Unavailable)
	w.must(c.Close(t.Context()))
	w.must(store.Migrate(t.Context(), w.url))
}

func TestBadURLs(t *testing.T) {
	_, err := store.Open(t.Context(), "postgres://u:secret@h:notaport/db", store.Options{})
	code(t, "open", err, engine.Invalid)
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("the password is in %v", err)
	}
	code(t, "migrate", store.Migrate(t.Context(), "port=x"), engine.Invalid)

	s := storetest.Open(t, "postgres://u@127.0.0.1:1/db", store.Options{})
	code(t, "nobody there", s.Check(t.Context()), engine.Unavailable)
	code(t, "nobody there to migrate", store.Migrate(t.Context(), "postgres://u@127.0.0.1:1/db"), engine.Unavailable)
	missing := storetest.Open(t, strings.Replace(storetest.URL(t), "/test_", "/no_such_", 1), store.Options{})
	err = missing.Ping(t.Context())
	code(t, "no such database", err, engine.Invalid)
	if err == nil || !strings.Contains(err.Error(), "create it") {
		t.Errorf("no such database: %v", err)
	}
}

func TestDefaultDatabase(t *testing.T) {
	t.Setenv("PGDATABASE", "")
	s := storetest.Open(t, "postgres://u@127.0.0.1:1", store.Options{})
	equal(t, "database", store.Database(s), store.DefaultDatabase)
}
