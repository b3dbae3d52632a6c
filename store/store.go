// Package store keeps everything that must outlive a process, in PostgreSQL; called by cmd/autopilot, which hands it to the
// bot, the handlers and the watchers behind their own ports.
//
// Each public write method is one transaction: it loads what is known, asks a pure function of package incident what must
// change, and writes the state, its follow-up tasks and its messages together. A transaction never leaves the package.
//
// Two clocks are used. Options.Now says when things happened and when they are due. What replicas compete for (leases and
// claims) is timed by the database's clock, the only one that they share.
package store

import (
	"context"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/incident"
	"github.com/eks-autopilot/autopilot/engine/waste"
)

const (
	// DefaultDatabase is the database that a connection string without one means.
	DefaultDatabase = "devops_brain"

	connectTimeout = 5 * time.Second
	callTimeout    = 15 * time.Second // of one method, all its tries together
	attempts       = 5                // of a transaction that lost against another
)

// Options are what a Store needs beside its database. The zero value is usable.
type Options struct {
	Rules     func() incident.Rules // asked for each decision, so that a new configuration counts at once; nil means none
	Cards     func() waste.Cards    // asked when a scan is kept; nil means that no savings card is shown
	Now       func() time.Time      // nil means time.Now
	Log       *slog.Logger          // nil means slog.Default()
	MaxConns  int                   // 0 means 20
	Retention time.Duration         // how long evidence and considerations of resolved incidents are kept; 0 means 30 days
	Payloads  time.Duration         // how long what Slack sent is kept; 0 means 72 hours; Slack repeats a payload for hours, not days

	// Asked is told how long the database took for each statement, and what came of it: "ok", an SQLSTATE, or "error" where it did not
	// answer. nil for nobody.
	Asked func(outcome string, took time.Duration)
}

// Store is the open database. Its methods may be called from many goroutines.
//
// When the database does not answer they fail with engine.Unavailable within seconds, and work again when it does.
type Store struct {
	pool      *pgxpool.Pool
	tasks     *river.Client[pgx.Tx] // inserts only; Work has a client of its own
	rules     func() incident.Rules
	cards     func() waste.Cards
	clock     func() time.Time
	log       *slog.Logger
	retention time.Duration
	payloads  time.Duration // how long they are kept

	mu       sync.Mutex
	leases   map[string]lease           // by message key: what this process was given to deliver
	channels map[string]string          // the id by the name, of those that are routed to by both
	wakings  map[chan struct{}]struct{} // who called Wake
	deafen   context.CancelFunc         // ends the listening for them

	background sync.WaitGroup // what Wake started
}

// Open prepares a Store for the database at url, a connection string or URL. It does not connect: Check does, and it should be
// called first. It fails with engine.Invalid when url cannot be read.
func Open(ctx context.Context, url string, o Options) (*Store, error) {
	if o.Rules == nil {
		o.Rules = func() incident.Rules { return incident.Rules{} }
	}
	if o.Cards == nil {
		o.Cards = func() waste.Cards { return waste.Cards{} }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.MaxConns == 0 {
		o.MaxConns = 20
	}
	if o.Retention == 0 {
		o.Retention = 30 * 24 * time.Hour
	}
	if o.Payloads == 0 {
		o.Payloads = 72 * time.Hour
	}
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, badURL(err)
	}
	setDefaults(config.ConnConfig)
	config.MaxConns = int32(min(o.MaxConns, 1000)) //nolint:gosec // bounded
	config.PingTimeout = connectTimeout
	config.ConnConfig.RuntimeParams["statement_timeout"] = "10s"
	config.ConnConfig.RuntimeParams["idle_in_transaction_session_timeout"] = "20s"
	if o.Asked != nil {
		config.ConnConfig.Tracer = clocked{o.Asked}
	}
	config.AfterConnect = func(_ context.Context, c *pgx.Conn) error {
		registerTypes(c.TypeMap())
		return nil
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, failure(err)
	}
	s := &Store{
		pool: pool, rules: o.Rules, cards: o.Cards, clock: o.Now, log: o.Log, retention: o.Retention, payloads: o.Payloads,
		leases: map[string]lease{}, channels: map[string]string{}, wakings: map[chan struct{}]struct{}{},
	}
	if s.tasks, err = newInserter(pool, o.Log); err != nil {
		pool.Close()
		return nil, err
	}
	return s, nil
}

// Close frees the connections. Methods in progress are waited for; the contexts given to Wake and Work must have ended.
func (s *Store) Close() {
	s.background.Wait()
	s.pool.Close()
}

// Ping fails with engine.Unavailable when the database does not answer.
func (s *Store) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	return failure(s.pool.Ping(ctx))
}

// now is the time to the microsecond, as PostgreSQL keeps it.
func (s *Store) now() time.Time { return stamp(s.clock()) }

// write runs f in a transaction, and again when the transaction lost against another one.
func (s *Store) write(ctx context.Context, f func(context.Context, pgx.Tx) error) error {
	return s.writeWithin(ctx, callTimeout, f)
}

// writeWithin is write for what may take longer, all its tries together.
func (s *Store) writeWithin(ctx context.Context, d time.Duration, f func(context.Context, pgx.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	for try := 1; ; try++ {
		err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error { return f(ctx, cleanTx{tx}) })
		if err == nil || try == attempts || !lost(err) {
			return failure(err)
		}
		pause := time.Duration(rand.Int64N(int64(10*time.Millisecond) << try)) //nolint:gosec // spreads retries, hides nothing
		select {
		case <-ctx.Done():
			return failure(err)
		case <-time.After(pause):
		}
	}
}

// read runs f in a transaction that sees one moment and writes nothing.
func (s *Store) read(ctx context.Context, f func(context.Context, pgx.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	o := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	return failure(pgx.BeginTxFunc(ctx, s.pool, o, func(tx pgx.Tx) error { return f(ctx, cleanTx{tx}) }))
}

// exec runs one statement.
func (s *Store) exec(ctx context.Context, sql string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := s.pool.Exec(ctx, sql, cleanArgs(args)...)
	return failure(err)
}

func setDefaults(c *pgx.ConnConfig) {
	if c.Database == "" {
		c.Database = DefaultDatabase
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = connectTimeout
	}
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "autopilot"
	}
}

// connect opens one connection outside the pool, for what needs a session of its own.
func connect(ctx context.Context, config *pgx.ConnConfig) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	c, err := pgx.ConnectConfig(ctx, config)
	return c, failure(err)
}

func badURL(err error) error {
	return engine.Wrap(engine.Invalid, err, "the database's URL cannot be read; right would be postgres://user@host:5432/"+DefaultDatabase)
}

// registerTypes makes a connection give times in UTC and take JSON that PostgreSQL would refuse.
func registerTypes(m *pgtype.Map) {
	m.RegisterType(&pgtype.Type{Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC}})
	m.RegisterType(&pgtype.Type{Name: "jsonb", OID: pgtype.JSONBOID, Codec: &pgtype.JSONBCodec{Marshal: marshalClean, Unmarshal: json.Unmarshal}})
}
