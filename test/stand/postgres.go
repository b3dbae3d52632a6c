package stand

import (
	"context"
	"errors"
	"fmt"

	"github.com/eks-autopilot/autopilot/store/storetest"
)

// Database is the database that the bot uses.
const Database = "devops_brain"

// Postgres is a real PostgreSQL with the bot's database, empty at first. After
// Stop it may be started again, with its data and its URL unchanged.
type Postgres struct {
	Dir string
	// Durable leaves fsync on, for measuring; a killed server loses nothing either way.
	Durable bool

	server *storetest.Server
}

// Start starts the server; it fails when PostgreSQL is not installed.
func (p *Postgres) Start(ctx context.Context) error {
	if p.server != nil {
		return p.server.Start(ctx)
	}
	var opts []storetest.Option
	if p.Durable {
		opts = append(opts, storetest.Durable())
	}
	server, err := storetest.StartServer(ctx, p.Dir, opts...)
	if err != nil {
		return err
	}
	if err := server.CreateDatabase(ctx, Database); err != nil {
		return errors.Join(err, server.Stop(context.WithoutCancel(ctx)))
	}
	p.server = server
	return nil
}

// Healthy fails unless the server answers a query.
func (p *Postgres) Healthy(ctx context.Context) error {
	if p.server == nil {
		return errors.New("postgres was not started")
	}
	return p.server.Healthy(ctx)
}

// Stop shuts the server down and drops its clients.
func (p *Postgres) Stop(ctx context.Context) error {
	if p.server == nil {
		return nil
	}
	if err := p.server.Stop(ctx); err != nil {
		return fmt.Errorf("stop postgres: %w", err)
	}
	return nil
}

// URL is the connection string of the bot's database; valid from the first Start on.
func (p *Postgres) URL() string { return p.server.URL(Database) }
