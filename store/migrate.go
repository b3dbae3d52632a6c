package store

import (
	"context"
	"database/sql"
	"embed"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/eks-autopilot/autopilot/engine"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrationLock is the session-level advisory lock that whoever migrates holds; River's own migrations take none.
const migrationLock int64 = 0x6175746f70696c74

// Migrate brings the database at url to the newest schema, ours and River's. Several processes may call it at once: one does
// the work and the others wait for it. It fails with engine.Invalid when the schema is newer than this program.
func Migrate(ctx context.Context, url string) error {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return badURL(err)
	}
	setDefaults(config.ConnConfig)
	lock, err := connect(ctx, config.ConnConfig)
	if err != nil {
		return err
	}
	defer closeQuickly(ctx, lock) // and so frees the lock
	if err := waitForLock(ctx, lock); err != nil {
		return err
	}

	db := stdlib.OpenDB(*config.ConnConfig)
	defer func() { _ = db.Close() }() // everything was committed
	provider, err := newProvider(db)
	if err != nil {
		return err
	}
	have, know, err := provider.GetVersions(ctx)
	if err != nil {
		return failure(err)
	}
	if have > know {
		return newerSchema(have, know)
	}
	if _, err := provider.Up(ctx); err != nil {
		return failure(err)
	}

	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return failure(err)
	}
	defer pool.Close()
	migrator, err := newMigrator(pool)
	if err != nil {
		return err
	}
	_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
	return failure(err)
}

// waitForLock asks again and again instead of waiting inside one statement: a waiting statement holds a snapshot, and an index
// that another session builds concurrently would wait for that snapshot for ever.
func waitForLock(ctx context.Context, c *pgx.Conn) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		var mine bool
		if err := c.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", migrationLock).Scan(&mine); err != nil || mine {
			return failure(err)
		}
		select {
		case <-ctx.Done():
			return engine.Wrap(engine.Unavailable, ctx.Err(), "another process is migrating the database")
		case <-tick.C:
		}
	}
}

// Check fails unless the database answers and its schema is the one that this program knows: engine.Unavailable for the
// first, engine.Invalid with what to do for the second.
func (s *Store) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	know, err := latestMigration()
	if err != nil {
		return err
	}
	var exists bool
	if err := s.pool.QueryRow(ctx, "SELECT to_regclass('goose_db_version') IS NOT NULL AND to_regclass('river_migration') IS NOT NULL").Scan(&exists); err != nil {
		return failure(err)
	}
	if !exists {
		return engine.Errorf(engine.Invalid, "the database has no schema yet: run autopilot migrate")
	}
	var have int64
	if err := s.pool.QueryRow(ctx, "SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied").Scan(&have); err != nil {
		return failure(err)
	}
	switch {
	case have > know:
		return newerSchema(have, know)
	case have < know:
		return engine.Errorf(engine.Invalid, "the database's schema is at version %d and this program needs %d: run autopilot migrate", have, know)
	}
	return s.checkRiver(ctx)
}

func (s *Store) checkRiver(ctx context.Context) error {
	migrator, err := newMigrator(s.pool)
	if err != nil {
		return err
	}
	// Not migrator.ExistingVersions, which fails for a version that it does not know.
	var have int
	if err := s.pool.QueryRow(ctx, "SELECT coalesce(max(version), 0) FROM river_migration WHERE line = 'main'").Scan(&have); err != nil {
		return failure(err)
	}
	known := migrator.AllVersions()
	know := known[len(known)-1].Version
	switch {
	case have > know:
		return newerSchema(int64(have), int64(know))
	case have < know:
		return engine.Errorf(engine.Invalid, "the database's task queue is at version %d and this program needs %d: run autopilot migrate", have, know)
	}
	return nil
}

func newerSchema(have, know int64) error {
	return engine.Errorf(engine.Invalid,
		"the database's schema is at version %d and this program knows only up to %d: a newer autopilot migrated it, so upgrade this one", have, know)
}

func latestMigration() (int64, error) {
	provider, err := newProvider(&sql.DB{}) // reads the files; nothing is asked of the database
	if err != nil {
		return 0, err
	}
	sources := provider.ListSources()
	return sources[len(sources)-1].Version, nil
}

func newProvider(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, engine.Wrap(engine.Internal, err, "the migrations are not in the program")
	}
	p, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithDisableGlobalRegistry(true))
	return p, engine.Wrap(engine.Internal, err, "the migrations cannot be read")
}

func newMigrator(pool *pgxpool.Pool) (*rivermigrate.Migrator[pgx.Tx], error) {
	m, err := rivermigrate.New(riverpgxv5.New(pool), nil)
	return m, engine.Wrap(engine.Internal, err, "the task queue's migrations cannot be read")
}
